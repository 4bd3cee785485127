//! What is put is taken, ages are kept, and nobody is in two places.

use super::*;
use crate::boundary::tally::Tally;
use crate::boundary::word::{Ahead, Drawn};
use std::rc::Rc;

#[test]
fn what_is_put_is_taken() {
    let row = Places::new(7);
    assert_eq!((row.len(), row.age(0), row.take(0)), (1, 7, None::<Box<u32>>));
    row.lengthen(0);
    assert!(row.len() > 2);
    row.put(1, ManuallyDrop::new(Box::new(10)), 5);
    row.put(2, ManuallyDrop::new(Box::new(20)), 3);
    // SAFETY: nobody else is here.
    let whole = || unsafe { &*row.0.get() };
    assert_eq!([0, 1, 2].map(|last| Places::least(whole(), last)), [0, 1, 2]);
    let few = [(1, 1), (1, 2), (2, 2)].map(|(at, last)| Places::is_least_of_few(whole(), at, last));
    assert_eq!(few, [true, false, true]);
    row.swap(1, 2);
    assert_eq!((row.age(1), row.age(2), Places::least(whole(), 2)), (3, 5, 1));
    assert_eq!(row.take(1).as_deref(), Some(&20));
    let before = row.len();
    row.shorten(2);
    assert_eq!(row.len(), before, "somebody is in a place behind");
    assert_eq!(row.take(2).as_deref(), Some(&10));
    row.shorten(2);
    assert_eq!(row.len(), 2);
}

#[test]
fn the_youngest_fills_the_gap_and_a_choice_is_counted() {
    let (row, tally) = (Places::new(0), Tally::default());
    assert!(row.put_youngest(ManuallyDrop::new(0)).is_some());
    row.restart(true);
    let fill = |n| come(&row, n);
    (0..6).for_each(fill);
    assert_eq!((row.used(), row.gap(), row.oldest()), (6, 0, 1));
    assert_eq!(row.take_chosen(3, 6, &tally), 2);
    assert_eq!((row.gap(), tally.deviations()), (3, 1));
    fill(7);
    assert_eq!((row.used(), row.gap(), row.oldest()), (6, 0, 1));
    assert_eq!(row.take_chosen(1, 6, &tally), 0);
    fill(8);
    assert_eq!((row.oldest(), row.take_stamped(2), row.whole()), (2, 1, 0));
    fill(9);
    assert_eq!((row.oldest(), row.whole(), row.take_chosen(4, 4, &tally)), (4, 6, 3));
    assert_eq!((tally.decisions(), tally.deviations()), (3, 1));
    row.restart(false);
    let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| row.take_stamped(4)));
    assert!(again.is_err());
}

/// Among any number of places, with ages that differ: the least of them is found by either way of looking.
#[test]
fn the_least_is_the_least_however_it_is_looked_for() {
    for count in 0..70 {
        for turn in [0, 1, 7, 31, 64] {
            let age = |at: usize| (at as u64 * 37 + turn) % 71;
            let places: Vec<Place<u32>> = (0..=count).map(|at| Place::empty(age(at))).collect();
            let least = (1..=count).min_by_key(|&at| age(at)).unwrap_or(0);
            let row = Row {
                places: places.into(),
                used: count,
                gap: NONE,
                stamped: 0,
                by_stamps: false,
                next_stamp: 0,
                oldest: 0,
            };
            let found = [Places::least(&row, count), Places::least_without_jumps(&row.places)];
            assert_eq!(found, [least; 2], "{count} {turn}");
        }
    }
}

/// Whoever comes next, wherever there is a place.
fn come<P>(row: &Places<P>, payload: P) {
    let Some(payload) = row.put_youngest(ManuallyDrop::new(payload)) else { return };
    let Some(payload) = row.put_behind(payload) else { return };
    row.lengthen(0);
    assert!(row.put_behind(payload).is_none());
}

/// Against the obvious model: whoever is there by place, each with when it came. What is taken by words is what
/// they choose, and the oldest is known whatever happens.
#[test]
fn the_oldest_is_known_and_a_word_chooses() {
    let (row, tally, words) = (Places::new(0), Tally::default(), Ahead::<2>::new());
    // Knuth's multiplier; the upper bits are good enough to choose by.
    let mut state = 1_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Drawn((state >> 32) as u32)
    };
    row.restart(true);
    let (mut model, mut now, mut deviations, mut by_words) = (Vec::<u32>::new(), 0, 0, 0);
    for round in 0..20_000 {
        let most = 1 + round / 1_000;
        let oldest = |model: &[u32]| (0..model.len()).min_by_key(|&index| model[index]).unwrap();
        if !model.is_empty() && draw().below(3) != 0 {
            let index = if draw().below(2) == 0 {
                let word = draw();
                words.fill(|words| words[1] = word.0);
                let index = word.below(model.len());
                let taken = row.take_by_word(&words, &tally);
                assert_eq!(taken, (model.len() > 1).then(|| model[index]));
                if taken.is_none() {
                    continue;
                }
                (deviations, by_words) = (deviations + u64::from(index != oldest(&model)), by_words + 1);
                index
            } else {
                let index = draw().below(model.len());
                assert_eq!(row.take_stamped(index + 1), model[index]);
                index
            };
            // Somebody else comes to its place, or whoever is last.
            if draw().below(2) == 0 {
                come(&row, now);
                model[index] = now;
                now += 1;
            } else {
                assert!(row.take_by_word(&words, &tally).is_none(), "there is a gap");
                let moved = row.close();
                assert_eq!(moved, (index + 1 < model.len()).then_some(index + 1));
                model.swap_remove(index);
            }
        } else if model.len() < most {
            come(&row, now);
            model.push(now);
            now += 1;
        }
        assert_eq!((row.used(), row.gap(), row.whole()), (model.len(), 0, model.len()));
        if !model.is_empty() {
            assert_eq!(row.oldest(), oldest(&model) + 1, "{model:?}");
        }
    }
    assert_eq!((tally.decisions(), tally.deviations()), (by_words, deviations));
    assert!(by_words > 1_000 && deviations < by_words);
}

#[test]
fn a_row_that_grows_is_apart() {
    let row = Places::<u32>::new(0);
    row.apart(|places| {
        assert!(row.is_apart());
        assert_eq!(places.len(), 1);
    });
    assert!(!row.is_apart());
}

#[test]
fn who_looks_may_change_the_row() {
    let row = Places::new(0);
    row.lengthen(0);
    row.put(1, ManuallyDrop::new(Rc::new(1)), 0);
    let seen = row.look(1, |payload| {
        assert!(row.take(1).is_none());
        (0..10).for_each(|age| row.lengthen(age));
        Rc::strong_count(payload)
    });
    assert_eq!(seen, Some(1));
    assert_eq!(row.take(1).as_deref(), Some(&1));
    assert!(row.look(1, |_| ()).is_none());
}

#[test]
fn a_row_that_is_dropped_drops_what_is_in_it() {
    let row = Places::new(0);
    row.lengthen(0);
    let payload = Rc::new(());
    row.put(2, ManuallyDrop::new(payload.clone()), 0);
    drop(row);
    assert_eq!(Rc::strong_count(&payload), 1);
}
