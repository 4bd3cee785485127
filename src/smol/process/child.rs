//! `smol::process::Child`.

use super::command::Plan;
use super::{ChildStderr, ChildStdin, ChildStdout};
use crate::beacon::lock;
use crate::boundary::{child, kernel};
use crate::context;
use crate::smol::spawn::unblock;
use ::smol::Task;
use ::smol::future;
use ::smol::io::{AsyncRead, AsyncReadExt};
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::process::{ExitStatus, Output};
use std::sync::{Arc, Mutex};

/// A child process that runs, or has ended: [`smol::process::Child`](::smol::process::Child).
pub struct Child {
    /// Where it reads from, if that is a pipe.
    pub stdin: Option<ChildStdin>,
    /// Where it writes to, if that is a pipe.
    pub stdout: Option<ChildStdout>,
    /// Where it tells errors to, if that is a pipe.
    pub stderr: Option<ChildStderr>,
    kind: Kind,
    /// It was started without pipes.
    is_alone: bool,
}

enum Kind {
    Real(::smol::process::Child),
    Simulated(Arc<Owned>),
}

/// A child of a run.
struct Owned {
    child: Mutex<Option<std::process::Child>>,
    reap_on_drop: bool,
    kill_on_drop: bool,
}

/// Children whose handles are gone, and whose statuses nobody has taken.
static ORPHANS: Mutex<Vec<std::process::Child>> = Mutex::new(Vec::new());

fn reap() {
    lock(&ORPHANS).retain_mut(|orphan| matches!(orphan.try_wait(), Ok(None)));
}

impl Owned {
    fn with<R>(&self, f: impl FnOnce(&mut std::process::Child) -> R) -> R {
        match lock(&self.child).as_mut() {
            Some(child) => f(child),
            None => unreachable!("it is taken out only when it is dropped"),
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let _quiet = kernel::quiet();
        let Some(mut child) = lock(&self.child).take() else { return };
        if self.kill_on_drop {
            let _ = child.kill();
        }
        if self.reap_on_drop {
            lock(&ORPHANS).push(child);
            reap();
        }
    }
}

impl Child {
    pub(super) fn real(mut real: ::smol::process::Child) -> Child {
        Child {
            stdin: real.stdin.take().map(ChildStdin::real),
            stdout: real.stdout.take().map(ChildStdout::real),
            stderr: real.stderr.take().map(ChildStderr::real),
            kind: Kind::Real(real),
            is_alone: false,
        }
    }

    /// Starts what `plan` says. That is done here and now, on the loop even, since it is how smol does it.
    pub(super) fn start(plan: &mut Plan) -> io::Result<Child> {
        let _quiet = kernel::quiet();
        reap();
        let (child, stdin, stdout, stderr) = kernel::starting(|| {
            let mut child = plan.command.spawn()?;
            let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
            let own =
                [stdin.as_ref().map(AsFd::as_fd), stdout.as_ref().map(AsFd::as_fd), stderr.as_ref().map(AsFd::as_fd)];
            own.into_iter().flatten().for_each(|fd| kernel::owns(fd.as_raw_fd()));
            io::Result::Ok((child, stdin, stdout, stderr))
        })?;
        // It has copies of what it was given, and does what it likes.
        context::try_with(|world| world.has_started_children.set(true));
        Ok(Child {
            is_alone: stdin.is_none() && stdout.is_none() && stderr.is_none(),
            stdin: stdin.map(ChildStdin::fresh),
            stdout: stdout.map(ChildStdout::fresh),
            stderr: stderr.map(ChildStderr::fresh),
            kind: Kind::Simulated(Arc::new(Owned {
                child: Mutex::new(Some(child)),
                reap_on_drop: plan.reap_on_drop,
                kill_on_drop: plan.kill_on_drop,
            })),
        })
    }

    /// Its number with the system.
    pub fn id(&self) -> u32 {
        match &self.kind {
            Kind::Real(real) => real.id(),
            Kind::Simulated(owned) => owned.with(|child| child.id()),
        }
    }

    /// Kills it.
    ///
    /// # Errors
    /// Those of [`std::process::Child::kill`].
    pub fn kill(&mut self) -> io::Result<()> {
        match &mut self.kind {
            Kind::Real(real) => real.kill(),
            Kind::Simulated(owned) => owned.with(std::process::Child::kill),
        }
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// Those of [`std::process::Child::try_wait`].
    pub fn try_status(&mut self) -> io::Result<Option<ExitStatus>> {
        match &mut self.kind {
            Kind::Real(real) => real.try_status(),
            Kind::Simulated(owned) => owned.with(std::process::Child::try_wait),
        }
    }

    /// Closes what it reads from; the future waits for it to end.
    ///
    /// # Errors
    /// Those of waiting.
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        self.stdin = None;
        let waits = match &mut self.kind {
            Kind::Real(real) => Err(real.status()),
            Kind::Simulated(owned) => Ok((owned.clone(), self.is_alone)),
        };
        async {
            match waits {
                Ok((owned, is_alone)) => ended(owned, is_alone).await,
                Err(real) => real.await,
            }
        }
    }

    /// Closes what it reads from; the future waits for it to end, and has what it wrote.
    ///
    /// # Errors
    /// Those of waiting and reading.
    pub fn output(mut self) -> impl Future<Output = io::Result<Output>> {
        let collected = self.collected();
        let status = collected.is_none().then(|| self.status());
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        async move {
            // It is killed when this is dropped, if it is to be.
            let _self = self;
            let Some(status) = status else {
                return match collected {
                    Some(collected) => collected.await,
                    None => unreachable!("it is one of the two"),
                };
            };
            let (stdout, stderr) = future::try_zip(all_of(stdout), all_of(stderr)).await?;
            Ok(Output { status: status.await?, stdout, stderr })
        }
    }

    /// If nobody has used its streams, all it takes is one job, which waits in reality: then the run does not depend on
    /// how often the child had to be waited for.
    fn collected(&mut self) -> Option<Task<io::Result<Output>>> {
        let Kind::Simulated(owned) = &self.kind else { return None };
        self.stdin = None;
        let stdout = match self.stdout.take().map(ChildStdout::into_fresh) {
            Some(Err(used)) => {
                self.stdout = Some(used);
                return None;
            }
            Some(Ok(fresh)) => Some(fresh),
            None => None,
        };
        let stderr = match self.stderr.take().map(ChildStderr::into_fresh) {
            Some(Err(used)) => {
                self.stdout = stdout.map(ChildStdout::fresh);
                self.stderr = Some(used);
                return None;
            }
            Some(Ok(fresh)) => Some(fresh),
            None => None,
        };
        let owned = owned.clone();
        Some(unblock(move || {
            let _quiet = kernel::quiet();
            let Some(mut child) = lock(&owned.child).take() else { unreachable!("its handle is consumed") };
            (child.stdout, child.stderr) = (stdout, stderr);
            child.wait_with_output()
        }))
    }
}

async fn all_of(stream: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// Waits for the child on a worker; it can be killed meanwhile. If nothing passes between the child and the run the
/// worker waits in reality, as above.
async fn ended(owned: Arc<Owned>, is_alone: bool) -> io::Result<ExitStatus> {
    unblock(move || {
        let _quiet = is_alone.then(kernel::quiet);
        let known = owned.with(std::process::Child::try_wait)?;
        if let Some(status) = known {
            return Ok(status);
        }
        child::wait_until_ended(owned.with(|child| child.id()))?;
        owned.with(std::process::Child::wait)
    })
    .await
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .finish_non_exhaustive()
    }
}
