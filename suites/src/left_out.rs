//! The committed list of tests that are left out: `SUITE/NAME: why`, one a line.

/// One test, or one whole file, that does not count.
#[derive(Debug, PartialEq)]
pub struct LeftOut {
    /// `SUITE/NAME`, or `SUITE/FILE`.
    pub id: String,
    /// Why, in one line.
    pub reason: String,
}

impl LeftOut {
    /// Whether it is not even tried.
    pub fn is_not_run(&self) -> bool {
        self.reason.starts_with("not run")
    }
}

/// The list.
pub fn list() -> Vec<LeftOut> {
    read(include_str!("../left-out.txt"))
}

fn read(text: &str) -> Vec<LeftOut> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let entry = |line: &str| {
        let (id, reason) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?}, expected `SUITE/NAME: why`"));
        LeftOut { id: id.trim().into(), reason: reason.trim().into() }
    };
    lines.map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_test_and_a_reason() {
        let [entry] = &read("# a comment\n\na/b::c: real time: it measures\n")[..] else { panic!("one entry") };
        assert_eq!((entry.id.as_str(), entry.reason.as_str()), ("a/b::c", "real time: it measures"));
    }
}
