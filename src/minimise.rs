//! The shortest schedule that still fails.

use crate::deviation::Deviation;

/// The fewest of `items` for which `fails` still holds: ever smaller stretches are left out as long as it fails without
/// them, down to single items, again and again until no single one can be left out. (The complements of delta debugging,
/// Zeller and Hildebrandt 2002, in one sweep a size; with few items needed among many it is close to a binary search
/// for each.) The order of items is kept.
///
/// At most `budget` calls of `fails` are made. Returns the result and how many calls it took; `None` if even all of
/// `items` do not fail.
pub(crate) fn minimise<T: Clone>(
    items: &[T],
    budget: usize,
    mut fails: impl FnMut(&[T]) -> bool,
) -> Option<(Vec<T>, usize)> {
    let mut calls = 0;
    let mut test = |items: &[T]| {
        let allowed = calls < budget;
        calls += usize::from(allowed);
        allowed && fails(items)
    };
    let mut kept = Vec::new();
    if !test(&kept) {
        kept = items.to_vec();
        if !test(&kept) {
            return None;
        }
    }
    let mut size = kept.len() / 2;
    while size > 0 {
        let mut start = 0;
        let before = kept.len();
        while start < kept.len() {
            let end = (start + size).min(kept.len());
            let rest = [&kept[..start], &kept[end..]].concat();
            if test(&rest) {
                kept = rest;
            } else {
                start = end;
            }
        }
        // Leaving one out may have made another needless.
        let again = size == 1 && kept.len() < before;
        size = if again { 1 } else { size / 2 };
    }
    Some((kept, calls))
}

/// The same, but what comes last is tried first: of the sets from which none can be left out it may come to another one,
/// with fewer in it.
pub(crate) fn minimise_from_behind<T: Clone>(
    items: &[T],
    budget: usize,
    mut fails: impl FnMut(&[T]) -> bool,
) -> Option<(Vec<T>, usize)> {
    let turned_round = |items: &[T]| items.iter().rev().cloned().collect::<Vec<T>>();
    let (kept, calls) = minimise(&turned_round(items), budget, |kept| fails(&turned_round(kept)))?;
    Some((turned_round(&kept), calls))
}

/// The same with the smallest numbers in place of what tasks chose themselves, for which `fails` still holds: 1, or by
/// halves as near to it as it goes.
pub(crate) fn smallest(
    items: &[Deviation],
    budget: usize,
    mut fails: impl FnMut(&[Deviation]) -> bool,
) -> (Vec<Deviation>, usize) {
    let mut kept = items.to_vec();
    let mut calls = 0;
    for place in 0..kept.len() {
        let Some(chosen) = kept[place].chosen() else { continue };
        // It fails with `most`, and nothing is known below `least`.
        let (mut least, mut most) = (1, chosen);
        let mut tried = 1;
        while least < most && calls < budget {
            let mut smaller = kept.clone();
            smaller[place].before_step = tried;
            calls += 1;
            if fails(&smaller) {
                (kept, most) = (smaller, tried);
            } else {
                least = tried + 1;
            }
            tried = least + (most - least) / 2;
        }
    }
    (kept, calls)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Key;

    #[test]
    fn choices_become_as_small_as_they_can() {
        let choice = |n| Deviation { who: Key::ROOT, step: 0, before: Key::CHOICE, before_step: n };
        for (chosen, needed) in [(100, 1), (100, 37), (5, 5), (2, 1)] {
            let (kept, calls) = smallest(&[choice(chosen)], 50, |kept| kept[0].before_step >= needed);
            assert_eq!(kept, [choice(needed)]);
            assert!(calls <= 9, "{calls}");
        }
    }

    fn needs(needed: &'static [u32]) -> impl FnMut(&[u32]) -> bool {
        move |items| needed.iter().all(|n| items.contains(n))
    }

    #[test]
    fn finds_what_is_needed_and_nothing_else() {
        let all: Vec<u32> = (0..100).collect();
        for needed in [&[][..], &[7], &[0, 99], &[3, 50, 51], &[10, 20, 30, 40, 50, 60]] {
            let (kept, calls) = minimise(&all, 500, needs(needed)).unwrap();
            assert_eq!(kept, needed);
            assert!(calls <= 150, "{calls} calls for {needed:?}");
        }
    }

    #[test]
    fn what_comes_last_may_leave_less() {
        // The first alone, or the last two.
        let mut fails = |items: &[u32]| items.contains(&0) || items.ends_with(&[2, 3]);
        assert_eq!(minimise(&[0, 1, 2, 3], 50, &mut fails).unwrap().0, [2, 3]);
        assert_eq!(minimise_from_behind(&[0, 1, 2, 3], 50, &mut fails).unwrap().0, [0]);
        let (kept, _) = minimise_from_behind(&(0..100).collect::<Vec<u32>>(), 500, needs(&[10, 20, 30])).unwrap();
        assert_eq!(kept, [10, 20, 30]);
    }

    #[test]
    fn gives_up_when_nothing_fails() {
        assert!(minimise(&[1, 2], 100, |_| false).is_none());
    }

    #[test]
    fn keeps_to_its_budget_and_keeps_what_fails() {
        let all: Vec<u32> = (0..1_000).collect();
        let mut calls = 0;
        let mut still_fails = needs(&[1, 500, 999]);
        let (kept, _) = minimise(&all, 10, |items| {
            calls += 1;
            still_fails(items)
        })
        .unwrap();
        assert!(calls <= 10);
        assert!(still_fails(&kept) && kept.len() < 1_000);
    }
}
