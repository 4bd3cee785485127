//! "Did you mean": the known name that takes the fewest edits.

/// The first of the `known` names nearest to `given`, unless more than a third of it would have to change.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (edits, name) =
        known.into_iter().map(|name| (strsim::osa_distance(given, name), name)).min_by_key(|&(edits, _)| edits)?;
    (edits <= name.chars().count().div_ceil(3)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

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
