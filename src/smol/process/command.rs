//! `smol::process::Command`.

use super::Child;
use crate::context;
use std::ffi::OsStr;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};

/// A child process to start: [`smol::process::Command`](::smol::process::Command).
///
/// ```no_run
/// use raddle::smol::process::Command;
/// # raddle::Sim::new().run(|| async {
/// let output = Command::new("echo").arg("hello").output().await.unwrap();
/// assert_eq!(output.stdout, b"hello\n");
/// # }).unwrap();
/// ```
pub struct Command(pub(super) Kind);

pub(super) enum Kind {
    Real(::smol::process::Command),
    Simulated(Plan),
}

/// A command of a run.
pub(super) struct Plan {
    pub command: std::process::Command,
    /// Which of its streams were set.
    streams: [bool; 3],
    pub reap_on_drop: bool,
    pub kill_on_drop: bool,
}

/// What the child's streams are, unless they were set.
enum Streams {
    Inherited,
    Collected,
}

/// Methods that both kinds have, and that give the command back.
macro_rules! passed_on {
    ($($about:literal $name:ident $(<$($generic:ident: $bound:path),+>)? ($($argument:ident: $type:ty),*);)+) => {$(
        #[doc = $about]
        pub fn $name $(<$($generic: $bound),+>)? (&mut self, $($argument: $type),*) -> &mut Command {
            match &mut self.0 {
                Kind::Real(real) => drop(real.$name($($argument),*)),
                Kind::Simulated(plan) => drop(plan.command.$name($($argument),*)),
            }
            self
        }
    )+};
}

/// The same for the three streams.
macro_rules! streams {
    ($($about:literal $name:ident $place:literal;)+) => {$(
        #[doc = $about]
        pub fn $name<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
            match &mut self.0 {
                Kind::Real(real) => drop(real.$name(cfg)),
                Kind::Simulated(plan) => {
                    plan.streams[$place] = true;
                    plan.command.$name(cfg);
                }
            }
            self
        }
    )+};
}

/// What the command is made of so far.
macro_rules! getters {
    ($($about:literal $name:ident -> $type:ty;)+) => {$(
        #[doc = $about]
        pub fn $name(&self) -> $type {
            match &self.0 {
                Kind::Real(real) => real.$name(),
                Kind::Simulated(plan) => plan.command.$name(),
            }
        }
    )+};
}

impl Command {
    /// A command that runs `program`.
    pub fn new<S: AsRef<OsStr>>(program: S) -> Command {
        std::process::Command::new(program).into()
    }

    passed_on! {
        "Adds an argument."
        arg<S: AsRef<OsStr>>(arg: S);
        "Sets a variable of its environment."
        env<K: AsRef<OsStr>, V: AsRef<OsStr>>(key: K, val: V);
        "Takes a variable out of its environment."
        env_remove<K: AsRef<OsStr>>(key: K);
        "Empties its environment."
        env_clear();
        "Its working folder."
        current_dir<P: AsRef<Path>>(dir: P);
    }

    streams! {
        "What it reads from: inherited by default, for `output` nothing."
        stdin 0;
        "What it writes to: inherited by default, for `output` collected."
        stdout 1;
        "What it tells errors to: inherited by default, for `output` collected."
        stderr 2;
    }

    getters! {
        "Its arguments."
        get_args -> std::process::CommandArgs<'_>;
        "The variables that were set or taken out."
        get_envs -> std::process::CommandEnvs<'_>;
        "Its working folder, if one was set."
        get_current_dir -> Option<&Path>;
        "The program."
        get_program -> &OsStr;
    }

    /// Adds arguments.
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        for arg in args {
            self.arg(arg);
        }
        self
    }

    /// Sets variables of its environment.
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        for (key, value) in vars {
            self.env(key, value);
        }
        self
    }

    /// Whether its status is taken once it has ended although its handle was dropped; true by default.
    pub fn reap_on_drop(&mut self, reap_on_drop: bool) -> &mut Command {
        match &mut self.0 {
            Kind::Real(real) => drop(real.reap_on_drop(reap_on_drop)),
            Kind::Simulated(plan) => plan.reap_on_drop = reap_on_drop,
        }
        self
    }

    /// Whether it is killed when its handle is dropped; false by default.
    pub fn kill_on_drop(&mut self, kill_on_drop: bool) -> &mut Command {
        match &mut self.0 {
            Kind::Real(real) => drop(real.kill_on_drop(kill_on_drop)),
            Kind::Simulated(plan) => plan.kill_on_drop = kill_on_drop,
        }
        self
    }

    /// Starts the child.
    ///
    /// # Errors
    /// Those of [`std::process::Command::spawn`].
    pub fn spawn(&mut self) -> io::Result<Child> {
        match &mut self.0 {
            Kind::Real(real) => real.spawn().map(Child::real),
            Kind::Simulated(plan) => plan.start(&Streams::Inherited),
        }
    }

    /// Starts the child; the future waits for it to end.
    ///
    /// # Errors
    /// Those of [`spawn`](Command::spawn).
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        let child = self.spawn();
        async { child?.status().await }
    }

    /// Starts the child; the future waits for it to end, and has what it wrote.
    ///
    /// # Errors
    /// Those of [`spawn`](Command::spawn), and of reading.
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> + use<> {
        let started = match &mut self.0 {
            Kind::Real(real) => Err(real.output()),
            Kind::Simulated(plan) => Ok(plan.start(&Streams::Collected)),
        };
        async {
            match started {
                Ok(child) => child?.output().await,
                Err(real) => real.await,
            }
        }
    }
}

impl Plan {
    fn start(&mut self, default: &Streams) -> io::Result<Child> {
        let [stdin, stdout, stderr] = self.streams;
        let (input, output): (fn() -> Stdio, fn() -> Stdio) = match default {
            Streams::Inherited => (Stdio::inherit, Stdio::inherit),
            Streams::Collected => (Stdio::null, Stdio::piped),
        };
        if !stdin {
            self.command.stdin(input());
        }
        if !stdout {
            self.command.stdout(output());
        }
        if !stderr {
            self.command.stderr(output());
        }
        Child::start(self)
    }
}

impl From<std::process::Command> for Command {
    fn from(command: std::process::Command) -> Command {
        Command(match context::in_run() {
            true => Kind::Simulated(Plan { command, streams: [false; 3], reap_on_drop: true, kill_on_drop: false }),
            false => Kind::Real(command.into()),
        })
    }
}

/// As the real one with the same arguments: a program and its arguments in quotes, or all of it with `{:#?}`.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Real(real) => real.fmt(f),
            Kind::Simulated(Plan { command, streams: [stdin, stdout, stderr], reap_on_drop, kill_on_drop }) => {
                if !f.alternate() {
                    return command.fmt(f);
                }
                f.debug_struct("Command")
                    .field("inner", command)
                    .field("stdin", stdin)
                    .field("stdout", stdout)
                    .field("stderr", stderr)
                    .field("reap_on_drop", reap_on_drop)
                    .field("kill_on_drop", kill_on_drop)
                    .finish()
            }
        }
    }
}
