//! Results on disk: to go on with later, or to be put together with those of other machines.
//!
//! JSON lines: a header, then each scenario followed by its records and by the texts of its failures.

use super::board::Slot;
use super::record::{Record, Tally};
use crate::cli::{self, Shard};
use crate::error::{Error, Result};
use crate::protocol::Seed;
use crate::scenario::Scenario;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// The version of the files.
const VERSION: u64 = 1;

#[derive(Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line {
    Results { version: u64, shard: Option<String> },
    Scenario(Head),
    Record(Record),
    Text { seed: Seed, fingerprint: String, text: String },
}

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
struct Head {
    name: String,
    place: String,
    should_fail: bool,
    binary: String,
    mode: String,
    first: Seed,
    strategy: String,
    raddle: String,
    schedule: u64,
}

/// What is known of a scenario.
#[derive(Clone, Debug)]
pub struct Saved {
    pub name: String,
    pub place: String,
    pub should_fail: bool,
    /// Which binary it was.
    pub binary: String,
    /// How it was explored, as far as records depend on that.
    pub mode: String,
    pub first: Seed,
    pub strategy: String,
    pub raddle: String,
    pub schedule: u64,
    pub records: Vec<Record>,
    pub texts: Vec<(Seed, String, String)>,
}

impl Saved {
    /// The sum of the records.
    pub fn tally(&self) -> Tally {
        self.with_texts(Tally::of(self.records.clone()))
    }

    pub fn with_texts(&self, mut tally: Tally) -> Tally {
        for failure in &mut tally.failures {
            let is_its = |(seed, print, _): &&(Seed, String, String)| {
                *seed == failure.seed && *print == failure.finding.fingerprint
            };
            if let Some((_, _, text)) = self.texts.iter().find(is_its) {
                failure.text = Some(text.clone());
            }
        }
        tally
    }
}

pub fn file_name(shard: Option<Shard>) -> String {
    shard.map_or("results.jsonl".into(), |Shard { k, n }| format!("results-{k}-of-{n}.jsonl"))
}

/// What has to be the same for records to fit together.
pub fn mode(options: &cli::Explore) -> String {
    let strategy = options.strategy.as_deref().unwrap_or("own");
    let (going, check) = (options.keep_going, options.check);
    format!("strategy={strategy} keep-going={going} check={check}")
}

/// Which binary a scenario is in: another build, another text.
pub fn identity(scenario: &Scenario) -> String {
    let Ok(about) = fs::metadata(&scenario.binary.path) else { return String::new() };
    let modified = about.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    format!("{}-{}", about.len(), modified.map_or(0, |at| at.as_nanos()))
}

/// What is to be saved of a slot, if there is anything.
pub fn saved(slot: &Slot, options: &cli::Explore) -> Option<Saved> {
    let about = slot.about.as_ref()?;
    let text = |f: &super::record::Failure| Some((f.seed, f.finding.fingerprint.clone(), f.text.clone()?));
    Some(Saved {
        name: slot.scenario.name.clone(),
        place: slot.scenario.place(),
        should_fail: slot.scenario.should_fail,
        binary: identity(&slot.scenario),
        mode: mode(options),
        first: about.first,
        strategy: about.strategy.clone(),
        raddle: about.raddle.clone(),
        schedule: about.schedule,
        records: slot.tally.records.clone(),
        texts: slot.tally.failures.iter().filter_map(text).collect(),
    })
}

/// Writes a file of results, whole or not at all.
pub fn store(path: &Path, saved: &[Saved], shard: Option<Shard>) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let mut file = io::BufWriter::new(tempfile::NamedTempFile::new_in(dir)?);
    let mut line = |line: &Line| -> io::Result<()> {
        serde_json::to_writer(&mut file, line)?;
        file.write_all(b"\n")
    };
    line(&Line::Results { version: VERSION, shard: shard.map(|Shard { k, n }| format!("{k}/{n}")) })?;
    for one in saved {
        let Saved { name, place, should_fail, binary, mode, first, strategy, raddle, schedule, records, texts } =
            one.clone();
        line(&Line::Scenario(Head { name, place, should_fail, binary, mode, first, strategy, raddle, schedule }))?;
        records.into_iter().try_for_each(|record| line(&Line::Record(record)))?;
        let mut texts = texts.into_iter();
        texts.try_for_each(|(seed, fingerprint, text)| line(&Line::Text { seed, fingerprint, text }))?;
    }
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Reads a file of results; nothing if there is none.
///
/// # Errors
/// There is one and it cannot be read.
pub fn load(path: &Path) -> Result<Vec<Saved>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::internal(format!("{} cannot be read: {error}", path.display()))),
    };
    let mut all: Vec<Saved> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let damaged = |why: String| {
            let place = format!("line {} of {}", number + 1, path.display());
            Error::internal(format!("{place} cannot be read: {why}; delete the file to begin anew"))
        };
        let line: Line = serde_json::from_str(line).map_err(|error| damaged(error.to_string()))?;
        match (line, all.last_mut()) {
            (Line::Results { version: VERSION, .. }, _) if number == 0 => {}
            (Line::Results { version, .. }, _) => {
                return Err(damaged(format!("it is of version {version}, and this program knows {VERSION}")));
            }
            (Line::Scenario(head), _) => {
                let Head { name, place, should_fail, binary, mode, first, strategy, raddle, schedule } = head;
                let (records, texts) = (Vec::new(), Vec::new());
                all.push(Saved {
                    name,
                    place,
                    should_fail,
                    binary,
                    mode,
                    first,
                    strategy,
                    raddle,
                    schedule,
                    records,
                    texts,
                });
            }
            (Line::Record(record), Some(last)) => last.records.push(record),
            (Line::Text { seed, fingerprint, text }, Some(last)) => last.texts.push((seed, fingerprint, text)),
            (_, None) => return Err(damaged("it belongs to no scenario".into())),
        }
    }
    Ok(all)
}
