//! The seed files beside the tests: read, and lines taken out of them. (Tests write them themselves.)

use crate::error::{Error, Result};
use crate::protocol::Seed;
use crate::scenario::Scenario;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A kept seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub seed: Seed,
    pub strategy: String,
    /// What was found.
    pub note: String,
}

/// The file for a scenario: `seeds/<source file>.txt` beside its source.
pub fn path(scenario: &Scenario) -> Option<PathBuf> {
    let source = scenario.source();
    let name = Path::new(source.file_stem()?).with_extension("txt");
    Some(source.parent()?.join("seeds").join(name))
}

/// The seeds kept for a scenario.
///
/// # Errors
/// There is a file and it cannot be read.
pub fn of(scenario: &Scenario) -> Result<Vec<Kept>> {
    let Some(path) = path(scenario) else { return Ok(Vec::new()) };
    let mut kept = Vec::new();
    for (number, line) in text(&path)?.lines().enumerate() {
        match parse(line) {
            Line::Other => {}
            Line::Kept(test, seed) if test == scenario.path => kept.push(seed),
            Line::Kept(..) => {}
            Line::Damaged => {
                let place = format!("line {} of seed file {}", number + 1, path.display());
                let expected = "expected `TEST SEED STRATEGY # comment`; mend or delete the line";
                return Err(Error::internal(format!("{place} {line:?}: {expected}")));
            }
        }
    }
    Ok(kept)
}

/// Takes the lines of these out of the file. The others stay as they are, those of the same seeds under other strategies
/// among them.
///
/// # Errors
/// The file cannot be read or written; it is then as it was.
pub fn drop_seeds(scenario: &Scenario, dropped: &[Kept]) -> Result<()> {
    let Some(path) = path(scenario) else { return Ok(()) };
    let text = text(&path)?;
    let stays = |line: &&str| match parse(line) {
        Line::Kept(test, kept) => test != scenario.path || !dropped.contains(&kept),
        Line::Other | Line::Damaged => true,
    };
    let rest: Vec<&str> = text.lines().filter(stays).collect();
    let failed = |error: io::Error| Error::internal(format!("{}: {error}", path.display()));
    if rest.iter().all(|line| matches!(parse(line), Line::Other)) {
        return fs::remove_file(&path).map_err(failed);
    }
    let dir = path.parent().unwrap_or(Path::new("."));
    let file = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
    fs::write(file.path(), rest.join("\n") + "\n").map_err(failed)?;
    file.persist(&path).map(drop).map_err(|error| failed(error.error))
}

fn text(path: &Path) -> Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Error::internal(format!("seed file {}: {error}", path.display()))),
    }
}

enum Line {
    /// Empty, or a comment.
    Other,
    Kept(String, Kept),
    Damaged,
}

fn parse(line: &str) -> Line {
    if line.trim().is_empty() || line.starts_with('#') {
        return Line::Other;
    }
    let (content, note) = line.split_once('#').unwrap_or((line, ""));
    let words: Vec<&str> = content.split_whitespace().collect();
    match words[..] {
        [test, seed, strategy] => match crate::cli::seed(seed) {
            Ok(seed) => {
                let (strategy, note) = (strategy.to_string(), note.trim().to_string());
                Line::Kept(test.into(), Kept { seed: Seed(seed), strategy, note })
            }
            Err(_) => Line::Damaged,
        },
        _ => Line::Damaged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let Line::Kept(test, kept) = parse("a::b 0x2f pct:3 # panicked at x: 5 # 6") else { panic!("it is a seed") };
        let note = "panicked at x: 5 # 6".to_string();
        assert_eq!((test.as_str(), kept), ("a::b", Kept { seed: Seed(47), strategy: "pct:3".into(), note }));
        for line in ["", "   ", "# a comment"] {
            assert!(matches!(parse(line), Line::Other), "{line}");
        }
        for line in ["a", "a 0x2f", "a x random", "a 1 random more"] {
            assert!(matches!(parse(line), Line::Damaged), "{line}");
        }
    }
}
