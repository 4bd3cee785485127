//! One scenario and single seeds of it: what replay, shrink, diff and timeline begin with.

use crate::cargo;
use crate::cli::{Global, How, Which};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::process::{Death, Launch, Process, Silence, indented};
use crate::protocol::{Answer, Looked};
use crate::scenario::{self, Scenario};
use crate::seedfile;

/// A scenario with a process that waits for questions.
pub struct One {
    pub scenario: Scenario,
    process: Process,
    strategy: Option<String>,
}

/// What becomes of what the test prints.
pub enum Output {
    Dropped,
    /// It goes to this program's stderr.
    Shown,
    /// A debugger, with its words, has the terminal.
    Debugged(Vec<String>),
}

/// What came of a look.
pub enum Seen {
    Looked(Box<Looked>),
    /// The run took the process with it.
    Died(Death),
}

/// Which run is to be looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    /// At most so many reruns to minimise it.
    pub shrink: u64,
    /// The minimised run instead of the seed's own.
    pub minimised: bool,
}

impl One {
    /// Builds, finds the scenario that is meant, and starts it.
    ///
    /// # Errors
    /// None is meant or several are; or it cannot be started.
    pub fn open(test: &str, how: &How, global: &Global, output: Output) -> Result<One> {
        let built = cargo::build(&how.build, global)?;
        let scenario = scenario::the_one(scenario::find(&built.binaries)?, test)?;
        interrupt::install()?;
        let mut launch =
            Launch { library_dirs: built.library_dirs, patience: how.patience, shows_output: false, debugger: None };
        match output {
            Output::Dropped => {}
            Output::Shown => launch.shows_output = true,
            Output::Debugged(words) => {
                interrupt::ignore();
                launch.debugger = Some(words);
            }
        }
        let process = Process::start(&scenario, &launch)?;
        Ok(One { scenario, process, strategy: how.strategy.clone() })
    }

    /// Looks at the run that is meant.
    ///
    /// # Errors
    /// The test refuses, or the user breaks it off.
    pub fn look(&mut self, which: &Which, view: View) -> Result<Seen> {
        let seed = match which {
            Which::Seed(seed) => *seed,
            Which::Schedule(..) if self.strategy.is_some() => {
                return Err(Error::usage("a schedule is played as it is written: --strategy does not go with it"));
            }
            Which::Schedule(text, _) => return self.ask(&format!("play schedule={text}")),
        };
        let kept = seedfile::of(&self.scenario)?.into_iter().find(|kept| kept.seed == seed);
        let strategy = self.strategy.clone().or(kept.map(|kept| kept.strategy));
        let strategy = strategy.map_or(String::new(), |strategy| format!(" strategy={strategy}"));
        let which = if view.minimised { "minimised" } else { "original" };
        self.ask(&format!("look seed={seed} shrink={} which={which}{strategy}", view.shrink))
    }

    fn ask(&mut self, question: &str) -> Result<Seen> {
        match self.process.ask(question) {
            Ok(Answer::Looked(looked)) => Ok(Seen::Looked(looked)),
            Ok(Answer::Error { text }) => Err(Error::usage(text)),
            Ok(_) => Err(Error::internal("the test answered something else than it was asked")),
            Err(Silence::Died(death)) => Ok(Seen::Died(death)),
            Err(Silence::Interrupted) => Err(Error::Interrupted),
            Err(Silence::Nonsense(text)) => Err(Error::internal(text)),
        }
    }

    /// The same for verbs that need a run to its end.
    ///
    /// # Errors
    /// As above, or the process died.
    pub fn look_whole(&mut self, which: &Which, view: View) -> Result<Looked> {
        match self.look(which, view)? {
            Seen::Looked(looked) => Ok(*looked),
            Seen::Died(death) => Err(Error::internal(death_text(&self.scenario, which, &death))),
        }
    }
}

/// What is to be said of a run that took its process with it.
pub fn death_text(scenario: &Scenario, which: &Which, death: &Death) -> String {
    format!("{} at {which}: the process {}{}", scenario.name, death.how, indented(&death.said))
}
