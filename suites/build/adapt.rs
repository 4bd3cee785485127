//! A test file made into a module whose tests can be called.

/// A file's text, and the names of its tests.
pub struct Adapted {
    pub text: String,
    pub tests: Vec<String>,
}

/// `text` with each edit made, without the attributes that libtest wants, and its tests public.
pub fn adapt(text: &str, edits: &[(&str, &str)]) -> Adapted {
    let text = edits.iter().fold(text.to_string(), |text, &(from, to)| replace_path(&text, from, to));
    let mut tests = Vec::new();
    let mut lines = Vec::new();
    let mut is_test = false;
    for line in text.lines() {
        let trimmed = line.trim_start();
        // `flaky_test` runs a test again that fails: here none may.
        if ["#[test]", "#[flaky_test::flaky_test]"].contains(&trimmed) {
            is_test = true;
            continue;
        }
        if is_test && let Some(rest) = trimmed.strip_prefix("fn ") {
            is_test = false;
            tests.push(rest.split('(').next().unwrap_or_default().trim().to_string());
            lines.push(format!("pub {trimmed}"));
            continue;
        }
        lines.push(line.to_string());
    }
    Adapted { text: lines.join("\n") + "\n", tests }
}

/// Replaces a path where it begins, not where a longer one ends so.
fn replace_path(text: &str, from: &str, to: &str) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let before = rest[..at].chars().next_back();
        let is_start = !before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        replaced.push_str(&rest[..at]);
        replaced.push_str(if is_start { to } else { from });
        rest = &rest[at + from.len()..];
    }
    replaced + rest
}
