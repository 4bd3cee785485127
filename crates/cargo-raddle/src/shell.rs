//! Printing: results to stdout, everything else to stderr, for people or as JSON lines.

use crate::cli::{Color, Format, Global};
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use std::io::Write;

/// The version of the JSON lines; see the README of cargo-raddle for what is in them.
pub const SCHEMA: u64 = 1;

pub const GOOD: Style = AnsiColor::Green.on_default().bold();
pub const BAD: Style = AnsiColor::Red.on_default().bold();
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();

#[derive(Clone, Copy, Debug)]
pub struct Shell {
    pub quiet: bool,
    pub format: Format,
}

impl Shell {
    pub fn new(global: &Global) -> Shell {
        match global.color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
        Shell { quiet: global.quiet, format: global.message_format }
    }

    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// A line about what goes on, in the manner of cargo's.
    pub fn status(&self, verb: &str, text: &str) {
        self.status_in(GOOD, verb, text);
    }

    pub fn status_in(&self, style: Style, verb: &str, text: &str) {
        if !self.quiet {
            // Whoever reads may have gone: that is no reason to stop.
            let _ = writeln!(anstream::stderr(), "{style}{verb:>12}{style:#} {text}");
        }
    }

    pub fn warn(&self, text: &str) {
        let _ = writeln!(anstream::stderr(), "{WARNING}warning{WARNING:#}: {text}");
    }

    /// A result, as text.
    pub fn say(&self, text: &str) {
        if !self.is_json() {
            let _ = writeln!(anstream::stdout(), "{text}");
        }
    }

    /// A result, as JSON: an object, which gets the schema's version in front.
    pub fn json(&self, kind: &str, fields: Value) {
        if self.is_json() {
            let mut object = json!({ "v": SCHEMA, "type": kind });
            if let (Value::Object(object), Value::Object(fields)) = (&mut object, fields) {
                object.extend(fields);
            }
            let _ = writeln!(anstream::stdout(), "{object}");
        }
    }
}

/// How wide the terminal is that stdout goes to, if it does.
pub fn width() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0))
}

/// The start of a text that is too long for its place.
pub fn fitted(text: &str, width: usize) -> String {
    match text.chars().count() > width {
        true => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        false => text.into(),
    }
}

/// `1 seed`, `12,345 seeds`.
pub fn count(n: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// `12,345`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut() {
        for (text, width, cut) in [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("éèêë", 4, "éèêë"), ("ab", 0, "…")]
        {
            assert_eq!(fitted(text, width), cut);
        }
    }

    #[test]
    fn numbers_are_grouped() {
        for (n, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(n), text);
        }
        assert_eq!((count(1, "seed"), count(2_000, "seed")), ("1 seed".into(), "2,000 seeds".into()));
    }
}
