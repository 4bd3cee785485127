//! "Did you mean": the known name that takes the fewest edits.

/// The first of the `known` names nearest to `given`, unless more than a third of it would have to change.
pub(crate) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (edits, name) = known.into_iter().map(|name| (distance(given, name), name)).min_by_key(|&(edits, _)| edits)?;
    (edits <= name.chars().count().div_ceil(3)).then_some(name)
}

/// Levenshtein's distance: how many characters to insert, remove or replace to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.chars().count()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn distances() {
        for (a, b, edits) in
            [("", "", 0), ("", "abc", 3), ("seed", "seed", 0), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(distance(a, b), edits, "{a} {b}");
            assert_eq!(distance(b, a), edits, "{b} {a}");
        }
    }

    #[test]
    fn the_nearest_name_wins_and_a_far_one_is_not_offered() {
        let known = ["seeds", "seed", "strategy", "max_steps"];
        assert_eq!(nearest("sed", known), Some("seed"));
        assert_eq!(nearest("seedz", known), Some("seeds"));
        assert_eq!(nearest("maxsteps", known), Some("max_steps"));
        assert_eq!(nearest("stratgey", known), Some("strategy"));
        assert_eq!(nearest("flavor", known), None);
        assert_eq!(nearest("", []), None);
    }
}
