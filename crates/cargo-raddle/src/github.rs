//! Annotations: findings at their lines, where GitHub runs this.

use crate::explore::record::Failure;
use crate::scenario::Scenario;
use crate::shell::Shell;
use std::io::Write;

/// Writes an annotation if this is a GitHub workflow and stdout is for people.
pub fn annotate(scenario: &Scenario, failure: &Failure, shell: &Shell) {
    let is_there = std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
    if is_there && !shell.is_json() {
        let _ = writeln!(std::io::stdout(), "{}", annotation(scenario, failure));
    }
}

fn annotation(scenario: &Scenario, failure: &Failure) -> String {
    // The place of the failure, if it is in the sources; else the test's.
    let place = failure.finding.place.as_deref().and_then(|place| {
        let mut parts = place.splitn(3, ':');
        Some((parts.next()?.to_string(), parts.next()?.parse::<u32>().ok()?))
    });
    let (file, line) = match place {
        Some((file, line)) if !file.starts_with('/') => (file, line),
        _ => (scenario.file.clone(), scenario.line),
    };
    let title = property(&format!("{} fails at seed {}", scenario.name, failure.seed));
    let text = failure.text.as_deref().unwrap_or(&failure.finding.headline);
    format!("::error file={},line={line},title={title}::{}", property(&file), data(text))
}

/// A message, escaped as the runner wants it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property, which may hold neither colon nor comma either.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_is_escaped() {
        assert_eq!(data("50%\r\nnext: a, b"), "50%25%0D%0Anext: a, b");
        assert_eq!(property("a::b, c%"), "a%3A%3Ab%2C c%25");
    }
}
