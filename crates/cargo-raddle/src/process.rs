//! One test binary at work on one scenario: started, asked, and buried.
//!
//! The binary is started as `cargo test` would start it, for this one test, with `RADDLE_DRIVE` set: it calls back on a
//! local socket and answers there, so that what the test prints cannot disturb. Before each run it writes the seed
//! into a file, which tells what it was at when it dies, however it dies.

use crate::error::{Error, Result};
use crate::interrupt;
use crate::protocol::{Answer, Hello, PROTOCOL, Seed};
use crate::scenario::Scenario;
use crate::stderr::Tail;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a silent process is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What all processes of a command have in common.
#[derive(Clone, Debug)]
pub struct Launch {
    pub library_dirs: Vec<PathBuf>,
    pub patience: Duration,
    /// Whether to pass on what the test prints.
    pub shows_output: bool,
    /// A debugger to run it under, with the words before the binary's own; it gets the terminal.
    pub debugger: Option<Vec<String>>,
}

/// A process that has called back.
pub struct Process {
    child: Child,
    line: BufReader<TcpStream>,
    mark: Mark,
    stderr: Tail,
    patience: Duration,
    pub hello: Hello,
}

/// How a process ended that was not asked to.
#[derive(Clone, Debug)]
pub struct Death {
    /// In words: `killed by signal 9 (SIGKILL)`, `hung`, …
    pub how: String,
    /// What it was running.
    pub seed: Option<Seed>,
    /// The end of what it said on stderr.
    pub said: String,
}

/// Why a question was not answered.
pub enum Silence {
    Died(Death),
    /// The user broke it off.
    Interrupted,
    /// What came back is no answer.
    Nonsense(String),
}

impl Process {
    /// Starts a process for `scenario`.
    ///
    /// # Errors
    /// It cannot be started, says something else, or ends before it has called.
    pub fn start(scenario: &Scenario, launch: &Launch) -> Result<Process> {
        let what = &scenario.name;
        let system = |what: &str, error: io::Error| Error::internal(format!("{what}: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| system("no local socket", e))?;
        let address = listener.local_addr().map_err(|e| system("no local socket", e))?;
        listener.set_nonblocking(true).map_err(|e| system("no local socket", e))?;
        let mark = Mark::make().map_err(|e| system("no temporary file", e))?;
        let word = a_word();
        let mut command = command(scenario, launch);
        command.env("RADDLE_DRIVE", format!("{address},{word},{}", mark.path().display()));
        let mut child =
            command.spawn().map_err(|e| system(&format!("{} cannot be started", scenario.binary.path.display()), e))?;
        let stderr = Tail::follow(child.stderr.take(), child.stdout.take(), launch.shows_output);
        // Nobody knows how long somebody looks at a program that stands still.
        let patience = if launch.debugger.is_some() { Duration::MAX } else { launch.patience };
        let stream = match wait_for_call(&listener, &mut child, &word, patience) {
            Ok(stream) => stream,
            Err(how) => {
                let _ = child.kill();
                let _ = child.wait();
                if interrupt::is_set() {
                    return Err(Error::Interrupted);
                }
                return Err(Error::internal(format!("{what} {how}{}", indented(&stderr.take()))));
            }
        };
        let mut process = Process {
            child,
            line: BufReader::new(stream),
            mark,
            stderr,
            patience,
            hello: Hello { protocol: 0, raddle: String::new(), schedule: 0, first: Seed(0), strategy: String::new() },
        };
        match process.hear() {
            Ok(Answer::Hello(hello)) if hello.protocol == PROTOCOL => process.hello = hello,
            Ok(Answer::Hello(hello)) => {
                let Hello { raddle, protocol, .. } = hello;
                return Err(Error::internal(format!(
                    "{what} is built with raddle {raddle}, which speaks version {protocol} of the protocol, and this \
                     cargo-raddle version {PROTOCOL}: install the cargo-raddle of that release"
                )));
            }
            Ok(_) => return Err(Error::internal(format!("{what} began with something else than its greeting"))),
            Err(Silence::Interrupted) => return Err(Error::Interrupted),
            Err(Silence::Nonsense(text)) => return Err(Error::internal(format!("{what}: {text}"))),
            Err(Silence::Died(death)) => {
                let Death { how, said, .. } = death;
                return Err(Error::internal(format!("{what}: {how} before its first run{}", indented(&said))));
            }
        }
        Ok(process)
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, question: &str) -> std::result::Result<Answer, Silence> {
        let line = format!("{question}\n");
        if self.line.get_mut().write_all(line.as_bytes()).is_err() {
            return Err(self.bury());
        }
        self.hear()
    }

    fn hear(&mut self) -> std::result::Result<Answer, Silence> {
        let mut bytes = Vec::new();
        let mut last = (None, Instant::now());
        loop {
            match self.line.read_until(b'\n', &mut bytes) {
                Ok(_) if bytes.last() == Some(&b'\n') => {
                    return serde_json::from_slice(&bytes).map_err(|error| {
                        Silence::Nonsense(format!("an answer that cannot be read ({error}): {}", start_of(&bytes)))
                    });
                }
                Ok(_) => return Err(self.bury()),
                Err(error) if is_timeout(&error) => {}
                Err(_) => return Err(self.bury()),
            }
            if interrupt::is_set() {
                return Err(Silence::Interrupted);
            }
            let (seed, received) = (self.mark.read(), bytes.len());
            if last.0 != Some((seed, received)) {
                last = (Some((seed, received)), Instant::now());
            } else if last.1.elapsed() >= self.patience {
                let _ = self.child.kill();
                let _ = self.child.wait();
                let how = format!("hung: no end of this run within {} s", self.patience.as_secs_f64());
                return Err(Silence::Died(Death { how, seed, said: self.stderr.take() }));
            }
        }
    }

    /// The line is cut: waits for the process to end, and sees how.
    fn bury(&mut self) -> Silence {
        let begun = Instant::now();
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if begun.elapsed() < self.patience && !interrupt::is_set() => {
                    thread::sleep(Duration::from_millis(1));
                }
                _ => break None,
            }
        };
        if interrupt::is_set() {
            return Silence::Interrupted;
        }
        let seed = self.mark.read();
        let how = status.map_or_else(|| "hung up and did not end".into(), tell_status);
        Silence::Died(Death { how, seed, said: self.stderr.take() })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It would end by itself when the line is cut; but not if the user's code stands still.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.stderr.wait();
    }
}

fn command(scenario: &Scenario, launch: &Launch) -> Command {
    let binary = &scenario.binary;
    let mut command = match launch.debugger.as_deref() {
        Some([debugger, words @ ..]) => {
            let mut command = Command::new(debugger);
            command.args(words).arg(&binary.path).env("RADDLE_WATCHDOG", "0");
            // A debugger follows one process.
            command.env("RADDLE_ISOLATION", "thread");
            command
        }
        _ => Command::new(&binary.path),
    };
    command.args([&scenario.path, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"]);
    for name in ["RADDLE_SEED", "RADDLE_SEEDS", "RADDLE_CHECK", "RADDLE_REGRESSIONS", "RADDLE_TRACE", "RADDLE_SHRINK"] {
        command.env_remove(name);
    }
    command.current_dir(&binary.package_dir).env("CARGO_MANIFEST_DIR", &binary.package_dir);
    command.env("CARGO_PKG_NAME", &binary.package).env("CARGO_PKG_VERSION", &binary.version);
    let variable = match () {
        () if cfg!(windows) => "PATH",
        () if cfg!(target_os = "macos") => "DYLD_FALLBACK_LIBRARY_PATH",
        () => "LD_LIBRARY_PATH",
    };
    let inherited = std::env::var_os(variable).unwrap_or_default();
    let dirs = launch.library_dirs.iter().cloned().chain(std::env::split_paths(&inherited));
    if let Ok(joined) = std::env::join_paths(dirs) {
        command.env(variable, joined);
    }
    if launch.debugger.is_some() {
        return command;
    }
    // Ctrl-C in a terminal goes to a whole group of processes: it is for this program to answer it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let stdout = if launch.shows_output { Stdio::piped() } else { Stdio::null() };
    command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
    command
}

/// The call of the child, and not of somebody else.
fn wait_for_call(
    listener: &TcpListener,
    child: &mut Child,
    word: &str,
    patience: Duration,
) -> std::result::Result<TcpStream, String> {
    let begun = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                let is_ready = stream.set_nonblocking(false).and_then(|()| stream.set_read_timeout(Some(LOOK)));
                let _ = stream.set_nodelay(true);
                if is_ready.is_ok() && said_the_word(&stream, word) {
                    return Ok(stream);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(format!("cannot be waited for: {error}")),
        }
        match child.try_wait() {
            Ok(Some(status)) => return Err(format!("did not call back: its process {}", tell_status(status))),
            Ok(None) if begun.elapsed() < patience && !interrupt::is_set() => {}
            _ => return Err("did not call back".into()),
        }
        thread::sleep(Duration::from_micros(500));
    }
}

fn said_the_word(mut stream: &TcpStream, word: &str) -> bool {
    let mut said = vec![0; word.len() + 1];
    stream.read_exact(&mut said).is_ok() && said.strip_suffix(b"\n") == Some(word.as_bytes())
}

/// A word that nobody else on this machine can guess.
fn a_word() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let draw = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", draw(), draw())
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

fn tell_status(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let name = match signal {
            4 => " (SIGILL)",
            6 => " (SIGABRT)",
            7 => " (SIGBUS)",
            8 => " (SIGFPE)",
            9 => " (SIGKILL)",
            11 => " (SIGSEGV)",
            15 => " (SIGTERM)",
            31 => " (SIGSYS)",
            _ => "",
        };
        return format!("died of signal {signal}{name}");
    }
    match status.code() {
        Some(code) => format!("ended with exit code {code}"),
        None => "ended".into(),
    }
}

fn start_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).trim_end().to_string()
}

/// Text below a line, if there is any.
pub fn indented(text: &str) -> String {
    text.lines().map(|line| format!("\n  {line}")).collect()
}

/// The file in which a process says what it is at.
struct Mark(tempfile::NamedTempFile);

impl Mark {
    fn make() -> io::Result<Mark> {
        let mut file = tempfile::Builder::new().prefix("raddle-").tempfile()?;
        // All its bytes now: later a full disk does not matter.
        file.write_all(&u64::MAX.to_le_bytes())?;
        file.flush()?;
        Ok(Mark(file))
    }

    fn path(&self) -> &std::path::Path {
        self.0.path()
    }

    fn read(&self) -> Option<Seed> {
        let mut bytes = [0; 8];
        let mut file = self.0.as_file();
        file.seek(SeekFrom::Start(0)).ok()?;
        file.read_exact(&mut bytes).ok()?;
        Some(u64::from_le_bytes(bytes)).filter(|&seed| seed != u64::MAX).map(Seed)
    }
}
