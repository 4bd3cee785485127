//! "Did you mean": the known name that takes the fewest edits.

/// The first of the `known` names nearest to `given`, unless more than a third of it would have to change.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (edits, name) = known.into_iter().map(|name| (distance(given, name), name)).min_by_key(|&(edits, _)| edits)?;
    (edits <= name.chars().count().div_ceil(3)).then_some(name)
}

/// How many characters to insert, remove, replace or swap with the next to get from `a` to `b` (Damerau 1964, each place
/// edited once).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn distances() {
        for (a, b, edits) in
            [("", "", 0), ("", "abc", 3), ("seed", "seed", 0), ("kitten", "sitting", 3), ("ab", "ba", 1)]
        {
            assert_eq!(distance(a, b), edits, "{a} {b}");
            assert_eq!(distance(b, a), edits, "{b} {a}");
        }
    }

    #[test]
    fn the_nearest_name_wins_and_a_far_one_is_not_offered() {
        let known = ["SEED", "SEEDS", "STRATEGY", "MAX_STEPS"];
        for (given, name) in [("SEDS", "SEEDS"), ("SED", "SEED"), ("MAXSTEPS", "MAX_STEPS"), ("STRATGEY", "STRATEGY")] {
            assert_eq!(nearest(given, known), Some(name), "{given}");
        }
        assert_eq!(nearest("COLOUR", known), None);
        assert_eq!(nearest("", []), None);
    }
}
