//! `cargo raddle merge`: the results of several machines in one.

use crate::cli::{self, Global};
use crate::error::{Error, FOUND, Result};
use crate::explore::junit;
use crate::explore::record::Tally;
use crate::explore::results::{self, Saved};
use crate::explore::table::{self, Row};
use crate::shell::Shell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub fn run(options: &cli::Merge, global: &Global) -> Result<u8> {
    let shell = Shell::new(global);
    let begun = Instant::now();
    let mut files = Vec::new();
    for dir in &options.dirs {
        files.extend(files_in(dir)?);
    }
    let mut merged: BTreeMap<String, Saved> = BTreeMap::new();
    for file in &files {
        for saved in results::load(file)? {
            match merged.get_mut(&saved.name) {
                None => drop(merged.insert(saved.name.clone(), saved)),
                Some(known) => join(known, saved, file)?,
            }
        }
    }
    let mut all: Vec<Saved> = merged.into_values().collect();
    let mut rows = Vec::new();
    for saved in &mut all {
        let records = std::mem::take(&mut saved.records);
        let tally = saved.with_texts(Tally::of(records));
        for failure in &tally.failures {
            shell.say(&format!("\n{}\n", failure.text.as_ref().unwrap_or(&failure.finding.headline)));
        }
        rows.push(Row::of_saved(saved, &tally));
        saved.records = tally.records;
    }
    table::print(&rows, begun.elapsed(), &shell);
    if let Some(dir) = &options.results {
        let path = dir.join(results::file_name(None));
        let stored = results::store(&path, &all, None);
        stored.map_err(|error| Error::internal(format!("{}: {error}", path.display())))?;
    }
    if let Some(path) = &options.junit {
        junit::write(path, &rows, true)?;
    }
    Ok(if rows.iter().any(|row| row.is_failure() || row.is_missing()) { FOUND } else { 0 })
}

/// The files of results in a folder, in a fixed order.
fn files_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| Error::usage(format!("{}: {error}", dir.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("results") && name.ends_with(".jsonl") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        let what = "has no results: they are what `explore --results DIR` writes";
        return Err(Error::usage(format!("{} {what}", dir.display())));
    }
    Ok(files)
}

/// Adds what another machine found out about the same scenario.
fn join(known: &mut Saved, other: Saved, file: &Path) -> Result<()> {
    let key = |saved: &Saved| {
        let Saved { mode, first, strategy, raddle, schedule, .. } = saved.clone();
        (mode, first, strategy, raddle, schedule)
    };
    if key(known) != key(&other) {
        return Err(Error::usage(format!(
            "{} in {} was explored in another way than elsewhere, or with another raddle: such results do not add up",
            other.name,
            file.display()
        )));
    }
    let overlaps = other.records.iter().any(|new| {
        known.records.iter().any(|old| old.range().start < new.range().end && new.range().start < old.range().end)
    });
    if overlaps {
        return Err(Error::usage(format!(
            "{} in {} has seeds that another file has as well: were these shards of one exploration?",
            other.name,
            file.display()
        )));
    }
    known.records.extend(other.records);
    known.texts.extend(other.texts);
    Ok(())
}
