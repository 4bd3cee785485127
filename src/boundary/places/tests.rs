//! What is put is taken, ages are kept, and nobody is in two places.

use super::*;
use crate::boundary::tally::Tally;
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
    let fill = |n| {
        if let Some(payload) = row.put_youngest(ManuallyDrop::new(n)) {
            row.lengthen(0);
            assert!(row.put_youngest(payload).is_none());
        }
    };
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
