//! The one table of environment variables, and the only room that reads them.

use crate::boundary::threads::Backend;
use crate::error::Error;
use crate::isolation::Isolation;
use crate::nearest::nearest;
use crate::recheck::Check;
use crate::schedule::StrategyKind;
use crate::seed::Seed;
use crate::token::Schedule;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A variable, the values it takes, and what it does.
#[derive(Debug)]
pub struct Variable {
    /// Its name, `RADDLE_…`.
    pub name: &'static str,
    /// What it may be set to, in Markdown.
    pub values: &'static str,
    /// What that does, in Markdown.
    pub effect: &'static str,
}

pub(crate) const SEED: &str = "RADDLE_SEED";
const SEEDS: &str = "RADDLE_SEEDS";
pub(crate) const STRATEGY: &str = "RADDLE_STRATEGY";
pub(crate) const SCHEDULE: &str = "RADDLE_SCHEDULE";
pub(crate) const CHECK: &str = "RADDLE_CHECK";
pub(crate) const TRACE: &str = "RADDLE_TRACE";
const SHRINK: &str = "RADDLE_SHRINK";
const MAX_STEPS: &str = "RADDLE_MAX_STEPS";
const WATCHDOG: &str = "RADDLE_WATCHDOG";
const REGRESSIONS: &str = "RADDLE_REGRESSIONS";
const THREADS: &str = "RADDLE_THREADS";
const ISOLATION: &str = "RADDLE_ISOLATION";
const DRIVE: &str = "RADDLE_DRIVE";

/// What all of them begin with, and no other variable should.
const PREFIX: &str = "RADDLE_";

/// Every variable that raddle reads. The README's table is held against it by a test.
pub const TABLE: &[Variable] = &[
    Variable {
        name: SEED,
        values: "decimal, `0x…`, a 40-digit commit hash, `random`",
        effect: "run this one seed (with `RADDLE_SEEDS`: so many from it on) instead of the test's own",
    },
    Variable { name: SEEDS, values: "a number from 1 up", effect: "how many seeds each test tries" },
    Variable {
        name: STRATEGY,
        values: "`portfolio`, `random`, `reversal`, `urw`, `surw`, `pos`, `late-writes`, `pct:DEPTH`, `delay:DELAYS`, `exhaustive`, `fifo`",
        effect: "the strategy of every test",
    },
    Variable {
        name: SCHEDULE,
        values: "`v1,seed=…,…`, as a failure prints it",
        effect: "play this one schedule; with `,anyway` at its end as far as it goes where it does not fit any more",
    },
    Variable {
        name: CHECK,
        values: "`off`, `first`, `all`",
        effect: "which seeds are run twice to see whether they go the same way; `first` by default",
    },
    Variable {
        name: TRACE,
        values: "`0`, `1`",
        effect: "print the whole trace: of a failing run besides the minimised one, and of one seed or schedule that passes",
    },
    Variable {
        name: SHRINK,
        values: "a number",
        effect: "at most so many reruns to minimise a failure; 200 by default, 0 for none",
    },
    Variable { name: MAX_STEPS, values: "a number from 1 up", effect: "the step limit of every test" },
    Variable {
        name: WATCHDOG,
        values: "seconds, `0` for never",
        effect: "how long one poll may take in real time before its process is ended; 10 by default",
    },
    Variable {
        name: REGRESSIONS,
        values: "`on`, `read`, `off`",
        effect: "whether failing seeds of earlier runs are run first (`read`), and new ones written down (`on`, the default)",
    },
    Variable {
        name: THREADS,
        values: "`borrowed`, `baton`",
        effect: "how worker threads take turns; by default the faster one that works here",
    },
    Variable {
        name: ISOLATION,
        values: "`thread`, `process`",
        effect: "where the runs of every test take place, whatever the test says",
    },
    Variable {
        name: DRIVE,
        values: "`HOST:PORT,WORD[,FILE]`",
        effect: "set by `cargo raddle`: the test calls there and does what it is asked instead of going through its seeds",
    },
];

/// What `RADDLE_REGRESSIONS` may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Regressions {
    #[default]
    On,
    Read,
    Off,
}

/// Where a driver waits for the test to call: `HOST:PORT,WORD[,FILE]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DriveAddress {
    pub socket: SocketAddr,
    /// What to say first, so that the driver knows its own.
    pub word: String,
    /// Where to write which seed is being run.
    pub mark: Option<PathBuf>,
}

impl DriveAddress {
    fn parse(text: &str) -> Option<DriveAddress> {
        let mut parts = text.trim().splitn(3, ',');
        let socket = parts.next()?.parse().ok()?;
        let word = parts.next().filter(|word| !word.is_empty())?.to_string();
        let mark = parts.next().filter(|path| !path.is_empty()).map(PathBuf::from);
        Some(DriveAddress { socket, word, mark })
    }
}

/// What the environment says. `None`: nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Env {
    pub seed: Option<Seed>,
    pub seeds: Option<u64>,
    pub strategy: Option<StrategyKind>,
    pub schedule: Option<Schedule>,
    pub check: Option<Check>,
    pub trace: bool,
    pub shrink: Option<usize>,
    pub max_steps: Option<u64>,
    pub watchdog: Option<Option<Duration>>,
    pub regressions: Regressions,
    pub pool_threads: Option<usize>,
    pub isolation: Option<Isolation>,
    pub drive: Option<DriveAddress>,
}

impl Env {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// The first variable that cannot be read, with what was expected; or one that would be raddle's by its name, but is
    /// none: misspelt it would change nothing, and nobody would see that.
    pub fn read() -> Result<Env, Error> {
        std::env::vars_os().try_for_each(|(name, _)| name.to_str().map_or(Ok(()), is_known))?;
        Env::from(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    fn from(get: impl Fn(&str) -> Option<String>) -> Result<Env, Error> {
        let unknown = |name: &'static str, text: &str, expected: &str| Error::new(name, text, expected);
        let number = |name: &'static str, least: u64| match get(name) {
            None => Ok(None),
            Some(text) => match text.trim().replace('_', "").parse::<u64>() {
                Ok(n) if n >= least => Ok(Some(n)),
                _ => Err(unknown(name, &text, &format!("a number from {least} up"))),
            },
        };
        let mut env = Env {
            seeds: number(SEEDS, 1)?,
            shrink: number(SHRINK, 0)?.map(|n| n as usize),
            max_steps: number(MAX_STEPS, 1)?,
            watchdog: number(WATCHDOG, 0)?.map(|n| (n > 0).then(|| Duration::from_secs(n))),
            // As the `blocking` crate reads it: anything that is no number counts as nothing.
            pool_threads: get("BLOCKING_MAX_THREADS").and_then(|t| t.parse().ok()).map(|n: usize| n.clamp(1, 10_000)),
            ..Env::default()
        };
        if let Some(text) = get(SEED) {
            env.seed = Some(match text.trim() {
                "random" => random_seed(),
                other => other.parse::<Seed>().map_err(|_| {
                    let expected =
                        "a number below 2^64 (decimal, or hexadecimal with 0x), a 40-digit commit hash or `random`";
                    match other.parse::<Schedule>() {
                        Ok(_) => unknown(SEED, &text, &format!("{expected}; a schedule goes into {SCHEDULE}")),
                        Err(_) => unknown(SEED, &text, expected),
                    }
                })?,
            });
        }
        if let Some(text) = get(STRATEGY) {
            env.strategy = Some(text.parse::<StrategyKind>().map_err(|error| error.of(STRATEGY))?);
        }
        if let Some(text) = get(SCHEDULE) {
            env.schedule = Some(text.parse::<Schedule>().map_err(|error| match text.parse::<Seed>() {
                Ok(_) => error.of(SCHEDULE).and(&format!("; a seed goes into {SEED}")),
                Err(_) => error.of(SCHEDULE),
            })?);
        }
        if let Some(text) = get(CHECK) {
            env.check = Some(match text.trim() {
                "off" | "0" => Check::Off,
                "first" => Check::First,
                "all" | "1" => Check::All,
                _ => return Err(unknown(CHECK, &text, "off, first or all")),
            });
        }
        if let Some(text) = get(TRACE) {
            env.trace = match text.trim() {
                "" | "0" => false,
                "1" => true,
                _ => return Err(unknown(TRACE, &text, "0 or 1")),
            };
        }
        if let Some(text) = get(REGRESSIONS) {
            env.regressions = match text.trim() {
                "on" => Regressions::On,
                "read" => Regressions::Read,
                "off" => Regressions::Off,
                _ => return Err(unknown(REGRESSIONS, &text, "on, read or off")),
            };
        }
        if let Some(text) = get(THREADS) {
            backend_of(&text)?;
        }
        if let Some(text) = get(ISOLATION) {
            env.isolation = Some(match text.trim() {
                "thread" => Isolation::Thread,
                "process" => Isolation::Process,
                _ => return Err(unknown(ISOLATION, &text, "thread or process")),
            });
        }
        if let Some(text) = get(DRIVE) {
            let address = DriveAddress::parse(&text);
            env.drive = Some(address.ok_or_else(|| unknown(DRIVE, &text, "HOST:PORT,WORD or HOST:PORT,WORD,FILE"))?);
        }
        Ok(env)
    }
}

/// Complains of a variable whose name begins as raddle's do, if there is none of that name.
fn is_known(name: &str) -> Result<(), Error> {
    let Some(given) = name.strip_prefix(PREFIX) else { return Ok(()) };
    let known = || TABLE.iter().filter_map(|variable| variable.name.strip_prefix(PREFIX));
    if known().any(|known| known == given) {
        return Ok(());
    }
    let expected = match nearest(given, known()) {
        Some(near) => format!("{PREFIX}{near}"),
        None => {
            let known: Vec<String> = known().map(|known| format!("{PREFIX}{known}")).collect();
            format!("one of {}", known.join(", "))
        }
    };
    let why = format!("{expected} (every name that begins with {PREFIX} is raddle's)");
    Err(Error::new("environment variable", name, why))
}

fn backend_of(text: &str) -> Result<Backend, Error> {
    match text.trim() {
        "borrowed" => Ok(Backend::Borrowed),
        "baton" => Ok(Backend::Baton),
        _ => Err(Error::new(THREADS, text, "borrowed or baton")),
    }
}

/// How worker threads are to take turns, if the environment says. What it cannot read [`Env::read`] complains of.
pub(crate) fn backend() -> Option<Backend> {
    std::env::var(THREADS).ok().and_then(|text| backend_of(&text).ok())
}

/// Other ways to name what `path` names: from the root, as the kernel does once a file is open, and from the working folder.
pub(crate) fn names_of(path: &str) -> Vec<String> {
    let here = std::env::current_dir().unwrap_or_default();
    let absolute = here.join(path.trim_start_matches("./"));
    let names =
        [absolute.canonicalize().ok(), absolute.strip_prefix(&here).ok().map(Into::into), Some(absolute.clone())];
    names.into_iter().flatten().map(|name| name.to_string_lossy().into_owned()).collect()
}

/// A seed that nobody chose: from the operating system, by way of std's hash keys.
fn random_seed() -> Seed {
    use std::hash::{BuildHasher, Hasher};
    Seed::from(std::hash::RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Env, Error> {
        Env::from(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string()))
    }

    #[test]
    fn an_empty_environment_says_nothing() {
        assert_eq!(read(&[]), Ok(Env::default()));
    }

    #[test]
    fn reads_what_the_table_promises() {
        let env = read(&[
            (SEED, "0x2f"),
            (SEEDS, "10_000"),
            (STRATEGY, "pct:3"),
            (SCHEDULE, "v1,seed=1,2@3/1@0"),
            (CHECK, "all"),
            (TRACE, "1"),
            (SHRINK, "0"),
            (MAX_STEPS, "5"),
            (WATCHDOG, "0"),
            (REGRESSIONS, "read"),
            (THREADS, "baton"),
            (ISOLATION, "process"),
            (DRIVE, "127.0.0.1:99,word,/a,b"),
        ]);
        let env = env.unwrap();
        assert_eq!(env.seed, Some(Seed::from(0x2f)));
        assert_eq!((env.seeds, env.shrink, env.max_steps), (Some(10_000), Some(0), Some(5)));
        assert_eq!((env.check, env.watchdog, env.trace), (Some(Check::All), Some(None), true));
        assert_eq!(env.schedule.unwrap().items(), ["2@3/1@0"]);
        assert_eq!(env.regressions, Regressions::Read);
        assert_eq!(env.isolation, Some(Isolation::Process));
        let drive = env.drive.unwrap();
        assert_eq!((drive.socket.port(), drive.word.as_str()), (99, "word"));
        assert_eq!(drive.mark, Some(PathBuf::from("/a,b")));
    }

    #[test]
    fn complains_in_one_line_that_names_the_variable() {
        for name in TABLE.iter().map(|variable| variable.name) {
            let error = read(&[(name, "nonsense")]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name} \"nonsense\": expected ")), "{error}");
            assert!(!error.contains('\n'));
        }
    }

    #[test]
    fn a_name_that_is_none_is_told_with_the_nearest_that_is() {
        for variable in TABLE {
            assert_eq!(is_known(variable.name), Ok(()), "{}", variable.name);
        }
        for other in ["PATH", "RADDLE", "MY_RADDLE_SEED", "INSTA_UPDATE"] {
            assert_eq!(is_known(other), Ok(()), "{other}");
        }
        let told = |name| is_known(name).unwrap_err().to_string();
        for (misspelt, meant) in [
            ("RADDLE_SEDS", SEEDS),
            ("RADDLE_SEDE", SEED),
            ("RADDLE_MAXSTEPS", MAX_STEPS),
            ("RADDLE_REGRESSION", REGRESSIONS),
            ("RADDLE_STARTEGY", STRATEGY),
        ] {
            assert!(told(misspelt).starts_with(&format!("environment variable {misspelt:?}: expected {meant} (")));
        }
        let far = told("RADDLE_COLOUR");
        assert!(far.contains("expected one of RADDLE_SEED, RADDLE_SEEDS, "), "{far}");
        assert!(!far.contains('\n'));
    }

    #[test]
    fn a_seed_and_a_schedule_that_were_mixed_up_are_told() {
        let seed = read(&[(SEED, "v1,seed=0x2f,2@3/1@0")]).unwrap_err().to_string();
        assert!(seed.ends_with("; a schedule goes into RADDLE_SCHEDULE"), "{seed}");
        let schedule = read(&[(SCHEDULE, "0x2f")]).unwrap_err().to_string();
        assert!(schedule.ends_with("; a seed goes into RADDLE_SEED"), "{schedule}");
    }

    #[test]
    fn a_path_has_more_names_than_one() {
        let here = std::env::current_dir().unwrap();
        let absolute = here.join("src/lib.rs").to_string_lossy().into_owned();
        for given in ["src/lib.rs", "./src/lib.rs", &absolute] {
            let names = names_of(given);
            assert!(names.contains(&absolute) && names.contains(&"src/lib.rs".to_string()), "{names:?}");
        }
    }

    #[test]
    fn a_random_seed_differs_each_time() {
        assert_ne!(random_seed(), random_seed());
    }
}
