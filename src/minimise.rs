//! The shortest schedule that still fails.

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

#[cfg(test)]
mod tests {
    use super::*;

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
