//! Cells of tables that were made before.

use std::collections::HashMap;
use std::fs;

/// Cells by program and column.
#[derive(Default)]
pub struct Kept(HashMap<(String, String), String>);

/// How wide the names of programs are, and a cell with the space before it.
const NAME: usize = 16;
const CELL: usize = 15;

impl Kept {
    /// What `files` have, each of which begins with the line `first`.
    pub fn read(files: &[String], first: &str) -> Result<Kept, String> {
        let mut kept = Kept::default();
        for file in files {
            let text = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
            let mut lines = text.lines();
            if lines.next() != Some(first) {
                return Err(format!("{file}: expected a table of this kind: {first}"));
            }
            let columns: Vec<String> = cells(lines.next().unwrap_or_default()).collect();
            for line in lines {
                let name = line.get(..NAME).unwrap_or_default().trim();
                let row = columns.iter().cloned().zip(cells(line));
                kept.0.extend(row.map(|(column, cell)| ((name.to_string(), column), cell)));
            }
        }
        Ok(kept)
    }

    pub fn cell(&self, program: &str, column: &str) -> Option<&str> {
        self.0.get(&(program.to_string(), column.to_string())).map(String::as_str)
    }

    /// Those of `columns` of which something was kept.
    pub fn columns(&self, columns: &[String]) -> Vec<String> {
        let has = |column: &&String| self.0.keys().any(|(_, kept)| kept == *column);
        columns.iter().filter(has).cloned().collect()
    }
}

/// The cells of a line; one that was not written to its end is none.
fn cells(line: &str) -> impl Iterator<Item = String> {
    let rest = line.get(NAME..).unwrap_or_default().as_bytes();
    rest.chunks_exact(CELL).map(|cell| String::from_utf8_lossy(cell).trim().to_string())
}
