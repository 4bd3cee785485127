//! What a test binary says on the line: see `src/drive/` of raddle.

use serde::{Deserialize, Serialize};

/// The version of it that this program speaks.
pub const PROTOCOL: u64 = 1;

/// One line from the test.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Answer {
    Hello(Hello),
    Explored(Explored),
    Looked(Box<Looked>),
    Kept(Kept),
    Error { text: String },
}

/// What the test is.
#[derive(Clone, Debug, Deserialize)]
pub struct Hello {
    pub protocol: u64,
    pub raddle: String,
    pub schedule: u64,
    pub first: Seed,
    pub strategy: String,
}

/// What came of a stretch of seeds.
#[derive(Debug, Deserialize)]
pub struct Explored {
    pub runs: u64,
    pub steps: u64,
    pub most_decisions: u64,
    /// Its last run would have been the same under every other seed, so that there are no more.
    #[serde(default)]
    pub draws_nothing: bool,
    /// 16 hexadecimal digits each.
    pub digests: String,
    pub findings: Vec<SeedFinding>,
    pub outcomes: Vec<Outcome>,
}

/// A finding, the first seed that has it, and how many of the stretch have.
#[derive(Clone, Debug, Deserialize)]
pub struct SeedFinding {
    #[serde(flatten)]
    pub finding: Finding,
    pub seed: Seed,
    pub count: u64,
}

/// A distinct result.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub struct Outcome {
    /// None for a scenario that returns `()`.
    pub text: Option<String>,
    pub count: u64,
    pub seed: Seed,
    pub deviations: u64,
}

/// Why a run failed.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub struct Finding {
    pub kind: String,
    /// What makes it the same failure as another.
    pub fingerprint: String,
    pub headline: String,
    pub message: String,
    pub place: Option<String>,
    pub task: Option<String>,
    pub step: u64,
    pub at: u64,
    #[serde(default)]
    pub details: Vec<String>,
    pub hint: Option<String>,
}

/// One seed, looked at from all sides.
#[derive(Debug, Deserialize, Serialize)]
pub struct Looked {
    pub seed: Seed,
    pub finding: Option<Finding>,
    /// As `cargo test` prints it.
    pub text: String,
    pub minimised: Option<Minimised>,
    pub replay: Option<String>,
    pub run: Run,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Minimised {
    pub was: u64,
    pub reruns: u64,
    pub deviations: Vec<Deviation>,
    pub schedule: String,
    /// The same but for the two steps that decide: it passes.
    pub passing: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Deviation {
    pub step: Option<u64>,
    pub text: String,
}

/// A run with everything that happened in it.
#[derive(Debug, Deserialize, Serialize)]
pub struct Run {
    pub strategy: String,
    pub digest: String,
    pub steps: u64,
    pub decisions: u64,
    pub elapsed: u64,
    pub threads: String,
    pub boundary: String,
    pub pending: Vec<String>,
    pub finding: Option<Finding>,
    pub deviations: Vec<Deviation>,
    pub schedule: String,
    pub leaks: Vec<Leak>,
    pub actors: Vec<Actor>,
    pub events: Vec<Event>,
    pub gap: Option<Gap>,
    pub lanes: String,
    /// The same with the middle left out, if it is long.
    #[serde(default, skip_serializing)]
    pub lanes_in_short: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Gap {
    pub place: u64,
    pub count: u64,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Leak {
    pub call: String,
    pub task: String,
    pub place: Option<String>,
    pub frames: Vec<String>,
    pub step: u64,
    pub at: u64,
    pub stood: u64,
    pub denied: bool,
    pub text: String,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Actor {
    pub name: String,
    pub kind: String,
    pub spawned_at: String,
    pub parent: Option<u32>,
}

/// One event; which of the fields there are depends on `what`.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub struct Event {
    pub step: u64,
    pub at: u64,
    pub worker: Option<u32>,
    pub text: String,
    pub what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub woken: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
}

impl Event {
    /// Whether the schedule leaves the plain order here.
    pub fn deviates(&self) -> bool {
        self.before.is_some() || self.what == "chose"
    }
}

/// What became of a seed that was to be kept.
#[derive(Clone, Debug, Deserialize)]
pub struct Kept {
    /// None: this test keeps no seeds.
    pub file: Option<String>,
    /// Whether it is new there.
    pub new: Option<bool>,
    pub error: Option<String>,
}

/// A seed, which is written in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seed(pub u64);

impl std::fmt::Display for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl std::str::FromStr for Seed {
    type Err = String;

    fn from_str(text: &str) -> Result<Seed, String> {
        let digits = text.replace('_', "");
        let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            Some(hex) if !hex.starts_with('+') => u64::from_str_radix(hex, 16).ok(),
            None if !digits.starts_with('+') => digits.parse().ok(),
            _ => None,
        };
        number.map(Seed).ok_or_else(|| "expected a number below 2^64, decimal or hexadecimal with 0x".into())
    }
}

impl Serialize for Seed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Seed, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
