//! The examples in documentation, as rustdoc would compile them.

/// An example: the line at which it stands, and its code.
pub struct Example {
    pub line: usize,
    pub code: String,
}

/// Examples that rustdoc would run: not those marked `no_run`, `compile_fail` and the like.
pub fn examples(text: &str) -> Vec<Example> {
    let mut found = Vec::new();
    let mut open: Option<(usize, bool, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let comment = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        let content = match comment {
            Some(content) => content.strip_prefix(' ').unwrap_or(content),
            // `#[cfg_attr(feature = "std", doc = "```")]`, where the other way round is not compiled.
            None if line.starts_with("#[cfg_attr(") && line.contains("doc = \"```\"") => "```",
            None if open.is_some() && line.starts_with("#[cfg_attr(") => continue,
            None => {
                open = None;
                continue;
            }
        };
        match (content.trim_start().strip_prefix("```"), &mut open) {
            (Some(words), None) => {
                let runs = words.split(',').all(|word| ["", "rust"].contains(&word.trim()));
                open = Some((index + 1, runs, String::new()));
            }
            (Some(_), Some(_)) => {
                if let Some((line, true, code)) = open.take() {
                    found.push(Example { line, code });
                }
            }
            (None, Some((_, _, code))) => {
                code.push_str(&shown(content));
                code.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// A line with the mark that hides it taken off.
fn shown(line: &str) -> String {
    let trimmed = line.trim_start();
    match trimmed.strip_prefix('#') {
        Some("") => String::new(),
        Some(rest) if rest.starts_with(' ') => rest.to_string(),
        Some(rest) if rest.starts_with('#') => rest.to_string(),
        _ => line.to_string(),
    }
}

/// The example as a module with a function `main`.
pub fn module(example: &Example) -> String {
    let code = &example.code;
    if code.contains("fn main()") {
        return code.replace("fn main()", "pub fn main()");
    }
    let last = code.trim_end().lines().next_back().unwrap_or_default();
    if last.contains("(())") && !last.ends_with(';') {
        return format!("pub fn main() -> Result<(), impl std::fmt::Debug> {{\n{code}}}\n");
    }
    format!("pub fn main() {{\n{code}}}\n")
}
