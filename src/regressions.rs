//! Failing seeds, written down beside the test's source, to be run first from then on.

use crate::error::Error;
use crate::schedule::StrategyKind;
use crate::seed::Seed;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// One line of a seed file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Regression {
    pub test: String,
    pub seed: Seed,
    pub strategy: StrategyKind,
}

const HEADER: &str = "\
# Seeds that made a test in the source file of the same name fail, found by raddle.
# They are run before any other. Commit this file; delete a line when its seed has nothing more to say.
# One a line: the test, the seed, the strategy, and what was found.
";

/// Whether a seed that failed by strategy `found` is worth keeping for a test of strategy `own`.
pub(crate) fn are_worth_it(found: &StrategyKind, own: &StrategyKind) -> bool {
    match found {
        // A seed does not tell where an exhaustive search was.
        StrategyKind::Exhaustive => false,
        // Plain order is what a portfolio begins with in any case: a test that is written before its code fails there.
        StrategyKind::Fifo => *own != StrategyKind::Portfolio,
        _ => true,
    }
}

/// Where the seeds of a test are kept: `seeds/<source file>.txt` beside its source. `None` if the source is not on this
/// machine.
///
/// `file` is what `file!()` gave, which is relative to the workspace's root: some folder above `manifest_dir`, or that
/// itself.
pub(crate) fn path(manifest_dir: &str, file: &str) -> Option<PathBuf> {
    let mut roots = Path::new(manifest_dir).ancestors();
    let source = roots.find_map(|root| Some(root.join(file)).filter(|source| source.is_file()))?;
    let name = Path::new(source.file_stem()?).with_extension("txt");
    Some(source.parent()?.join("seeds").join(name))
}

/// All seeds kept in `path`; none if there is no such file.
///
/// # Errors
/// A line that cannot be read, or a file that cannot.
pub(crate) fn read(path: &Path) -> Result<Vec<Regression>, Error> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            let what = format!("seed file {}", path.display());
            return Err(Error::new(what, error.to_string(), "a readable text file; it was left as it is"));
        }
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|(index, line)| read_line(line).ok_or_else(|| damaged(path, index + 1, line))).collect()
}

fn read_line(line: &str) -> Option<Regression> {
    let content = line.split('#').next()?;
    let mut words = content.split_whitespace();
    let (test, seed, strategy) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    Some(Regression { test: test.into(), seed: seed.parse().ok()?, strategy: strategy.parse().ok()? })
}

fn damaged(path: &Path, number: usize, line: &str) -> Error {
    let what = format!("line {number} of seed file {}", path.display());
    let is_conflict = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"].iter().any(|marker| line.starts_with(marker));
    let expected = match is_conflict {
        true => {
            "`TEST SEED STRATEGY # comment`; it is from a merge: keep the lines of both sides and delete those that mark \
             them (with `**/seeds/*.txt merge=union` in .gitattributes git does that; the file was left as it is)"
        }
        false => "`TEST SEED STRATEGY # comment`; mend or delete the line (the file was left as it is)",
    };
    Error::new(what, line, expected)
}

/// Adds a line to `path`, unless it is there. A file that cannot be read is not touched.
///
/// # Errors
/// Why it could not be written.
pub(crate) fn add(path: &Path, regression: &Regression, comment: &str) -> Result<bool, String> {
    let known = read(path).map_err(|error| error.to_string())?;
    if known.contains(regression) {
        return Ok(false);
    }
    let Regression { test, seed, strategy } = regression;
    let comment: String = comment.lines().next().unwrap_or("").chars().take(150).collect();
    let line = format!("{test} {seed} {strategy} # {comment}\n");
    write(path, &line).map(|()| true).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, line: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => return file.write_all(format!("{HEADER}{line}").as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    // One write in append mode: tests of the same file in other processes do not tear it.
    let mut file = OpenOptions::new().append(true).open(path)?;
    let is_open_ended = fs::read(path)?.last().is_some_and(|&byte| byte != b'\n');
    let line = if is_open_ended { format!("\n{line}") } else { line.to_string() };
    file.write_all(line.as_bytes())
}
