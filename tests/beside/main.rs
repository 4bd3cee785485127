//! What goes on beside a run is no business of it. What it has open is none of processes that are forked in another test's thread:
//! the end of a pipe is there when the run has closed the other. And what other threads do: `threads.rs`.

#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

mod threads;

use raddle::{Isolation, Sim};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{catch_unwind, resume_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

/// What processes tell each other, on a page that they share.
#[derive(Clone, Copy)]
struct Signs(&'static [AtomicU32; 2]);

/// The process is there. It may go.
const IS_THERE: usize = 0;
const MAY_GO: usize = 1;

impl Signs {
    fn new() -> Signs {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new page, of zeros, which are valid values, and which is never unmapped.
        unsafe {
            let page = libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0);
            assert_ne!(page, libc::MAP_FAILED);
            Signs(&*page.cast())
        }
    }

    fn give(self, which: usize) {
        self.0[which].store(1, Ordering::Release);
    }

    /// Waits in real time, and without a call, so that a run has no part in it; not for ever, so that what fails says so.
    fn wait_for(self, which: usize, rounds: u64) {
        for _ in 0..rounds {
            if self.0[which].load(Ordering::Acquire) != 0 {
                return;
            }
            std::hint::spin_loop();
        }
    }
}

type Scenario = fn(&dyn Fn()) -> String;

/// What a run of `scenario` comes to in a job, beside tasks that take steps: digest, steps, and what it says. The scenario
/// calls what it gets once all is open.
fn run(seed: u64, scenario: Scenario, meanwhile: impl Fn() + Send + Sync + 'static) -> (raddle::Digest, u64, String) {
    let meanwhile = Arc::new(meanwhile);
    // It waits for what is forked beside it, which may have to be forked again.
    let sim = Sim::new().require_boundary(true).watchdog(Duration::from_secs(60));
    let report = sim.seed(seed).run(move || {
        let meanwhile = meanwhile.clone();
        async move {
            let others = (0..3).map(|n| {
                raddle::spawn(async move {
                    for _ in 0..8 + n {
                        raddle::yield_now().await;
                    }
                })
            });
            let others: Vec<_> = others.collect();
            let said = raddle::unblock(move || scenario(&*meanwhile)).await;
            for other in others {
                other.await;
            }
            said
        }
    });
    let (digest, steps) = (report.digest(), report.steps());
    (digest, steps, report.unwrap())
}

/// What is forked beside a run while it has everything open, and lives until it is told to end.
type Beside = fn(Signs);

/// A run goes the same way, whatever is forked beside it.
#[track_caller]
fn is_the_same(scenario: Scenario, beside: Beside) {
    // One at a time: they wait for each other without a call.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    for seed in 0..2 {
        let alone = run(seed, scenario, || ());
        let signs = Signs::new();
        static IS_OPEN: AtomicBool = AtomicBool::new(false);
        IS_OPEN.store(false, Ordering::Release);
        let there = thread::spawn(move || {
            while !IS_OPEN.load(Ordering::Acquire) {
                thread::sleep(Duration::from_micros(50));
            }
            // Where it fails it is not waited for.
            let end = catch_unwind(|| beside(signs));
            signs.give(IS_THERE);
            end.unwrap_or_else(|payload| resume_unwind(payload));
        });
        let in_company = run(seed, scenario, move || {
            IS_OPEN.store(true, Ordering::Release);
            signs.wait_for(IS_THERE, u64::MAX);
        });
        signs.give(MAY_GO);
        there.join().unwrap();
        assert_eq!(alone, in_company, "seed {seed}");
    }
}

/// So many rounds are some tenths of a second.
const LONG: u64 = 20_000_000;

fn an_isolated_run(signs: Signs) {
    let report = Sim::new().isolation(Isolation::Process).run(move || async move {
        signs.give(IS_THERE);
        signs.wait_for(MAY_GO, LONG);
    });
    assert!(report.is_ok(), "{report}");
}

fn a_fork_by_a_test(signs: Signs) {
    // SAFETY: the child writes to memory that it has, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        signs.give(IS_THERE);
        signs.wait_for(MAY_GO, LONG);
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: a child of this process, and a place for its status.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
}

fn a_fork_by_another_run(signs: Signs) {
    let report = Sim::new().require_boundary(true).run(move || raddle::unblock(move || a_fork_by_a_test(signs)));
    assert!(report.is_ok(), "{report}");
}

fn a_fork_by_the_call(signs: Signs) {
    let report = Sim::new().require_boundary(true).run(move || {
        raddle::unblock(move || {
            // SAFETY: as in `a_fork_by_a_test`.
            let child = unsafe { libc::syscall(libc::SYS_fork) } as i32;
            if child == 0 {
                signs.give(IS_THERE);
                signs.wait_for(MAY_GO, LONG);
                // SAFETY: as there.
                unsafe { libc::_exit(0) };
            }
            // SAFETY: as there.
            assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
        })
    });
    assert!(report.is_ok(), "{report}");
}

const ALL: [Beside; 4] = [an_isolated_run, a_fork_by_a_test, a_fork_by_another_run, a_fork_by_the_call];

#[track_caller]
fn is_the_same_beside_all(scenario: Scenario) {
    ALL.into_iter().for_each(|beside| is_the_same(scenario, beside));
}

fn reads_to_the_end(mut reader: impl Read, mut writer: impl Write, meanwhile: &dyn Fn()) -> String {
    writer.write_all(b"all of it").unwrap();
    meanwhile();
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_end_of_a_pipe() {
    is_the_same_beside_all(|meanwhile| {
        let (reader, writer) = std::io::pipe().unwrap();
        reads_to_the_end(reader, writer, meanwhile)
    });
}

#[test]
fn a_pipe_that_nobody_reads() {
    is_the_same_beside_all(|meanwhile| {
        let (reader, mut writer) = std::io::pipe().unwrap();
        meanwhile();
        drop(reader);
        format!("{:?}", writer.write(b"x").map_err(|error| error.kind()))
    });
}

#[test]
fn copies_of_an_end() {
    is_the_same(
        |meanwhile| {
            let (reader, writer) = std::io::pipe().unwrap();
            let copy = writer.try_clone().unwrap();
            drop(writer);
            reads_to_the_end(reader, copy, meanwhile)
        },
        an_isolated_run,
    );
}

#[test]
fn an_end_that_something_else_is_put_in_the_place_of() {
    is_the_same(
        |meanwhile| {
            let (mut reader, writer) = std::io::pipe().unwrap();
            let null = File::open("/dev/null").unwrap();
            meanwhile();
            // SAFETY: both are open, and stay so.
            assert!(unsafe { libc::dup2(null.as_raw_fd(), writer.as_raw_fd()) } >= 0);
            format!("{:?}", reader.read(&mut [0]))
        },
        an_isolated_run,
    );
}

#[test]
fn ends_that_are_closed_all_at_once() {
    is_the_same(
        |meanwhile| {
            let (reader, writer) = std::io::pipe().unwrap();
            const HIGH: i32 = 350;
            // SAFETY: an open descriptor; what it makes is closed below, and by nobody else.
            let high = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_DUPFD_CLOEXEC, HIGH) };
            assert!(high >= HIGH);
            drop(writer);
            meanwhile();
            // SAFETY: this one is open, and nobody's.
            assert_eq!(unsafe { libc::close_range(high as u32, high as u32, 0) }, 0);
            let mut text = String::new();
            { reader }.read_to_string(&mut text).unwrap();
            text
        },
        an_isolated_run,
    );
}

#[test]
fn the_end_of_a_pair_of_sockets() {
    is_the_same_beside_all(|meanwhile| {
        let (reader, writer) = UnixStream::pair().unwrap();
        reads_to_the_end(reader, writer, meanwhile)
    });
}

fn connection() -> (TcpStream, TcpStream, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connecting = thread::spawn(move || TcpStream::connect(address).unwrap());
    let (one, _) = listener.accept().unwrap();
    (one, connecting.join().unwrap(), address)
}

#[test]
fn the_end_of_a_connection() {
    is_the_same_beside_all(|meanwhile| {
        let (reader, writer, _) = connection();
        reads_to_the_end(reader, writer, meanwhile)
    });
}

#[test]
fn an_address_that_is_free_again() {
    is_the_same(
        |meanwhile| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            meanwhile();
            drop(listener);
            format!("{:?}", TcpListener::bind(address).map(drop).map_err(|error| error.kind()))
        },
        an_isolated_run,
    );
}

#[test]
fn the_end_of_a_fifo() {
    is_the_same(
        |meanwhile| {
            let folder = std::env::temp_dir().join(format!("raddle-beside-{}", std::process::id()));
            let _ = std::fs::create_dir(&folder);
            let path = folder.join("fifo");
            let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
            // SAFETY: a text that ends in NUL.
            assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
            // Its own other end is open as long as it is.
            let both = File::options().read(true).write(true).open(&path).unwrap();
            let theirs = path.clone();
            let opening = thread::spawn(move || File::options().write(true).open(theirs).unwrap());
            let reader = File::open(&path).unwrap();
            let writer = opening.join().unwrap();
            std::fs::remove_dir_all(folder).unwrap();
            drop(both);
            reads_to_the_end(reader, writer, meanwhile)
        },
        an_isolated_run,
    );
}

#[test]
fn a_terminal_that_is_hung_up() {
    is_the_same(
        |meanwhile| {
            // SAFETY: plain calls; what they make is nobody else's; a place for a name.
            // Closed on exec: programs that other tests start are to have none of them.
            let (master, mut terminal) = unsafe {
                let master = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
                assert!(master >= 0);
                assert_eq!((libc::grantpt(master), libc::unlockpt(master)), (0, 0));
                let mut name = [0; 64];
                assert_eq!(libc::ptsname_r(master, name.as_mut_ptr(), name.len()), 0);
                let terminal = libc::open(name.as_ptr(), libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
                assert!(terminal >= 0);
                (OwnedFd::from_raw_fd(master), File::from_raw_fd(terminal))
            };
            meanwhile();
            drop(master);
            format!("{:?}", terminal.read(&mut [0]).map_err(|error| error.raw_os_error()))
        },
        an_isolated_run,
    );
}

/// A process that is forked when a run is over has what the run has left: a static may still use it.
#[test]
fn what_is_left_of_a_run_is_anybodys() {
    static LEFT: OnceLock<Mutex<(UnixStream, UnixStream)>> = OnceLock::new();
    let made = Sim::new().require_boundary(true).run(|| {
        raddle::unblock(|| {
            LEFT.get_or_init(|| Mutex::new(UnixStream::pair().unwrap()));
        })
    });
    assert!(made.is_ok(), "{made}");
    let used = Sim::new().isolation(Isolation::Process).run(|| {
        raddle::unblock(|| {
            let (one, two) = &mut *LEFT.get().unwrap().lock().unwrap();
            one.write_all(b"x").unwrap();
            two.read_exact(&mut [0]).unwrap();
        })
    });
    assert!(used.is_ok(), "{used}");
}

/// So has a process that the run itself forks, whatever is beside it; and one that a test forks what the test has opened.
#[test]
fn whose_it_is_keeps_it() {
    let own = UnixStream::pair().unwrap();
    let own = Arc::new((own.0, own.1));
    let apart = Sim::new().isolation(Isolation::Process).run(|| {
        let own = own.clone();
        raddle::unblock(move || {
            (&own.0).write_all(b"x").unwrap();
            (&own.1).read_exact(&mut [0]).unwrap();
        })
    });
    assert!(apart.is_ok(), "{apart}");
    let beside = |meanwhile: &dyn Fn()| {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        meanwhile();
        // SAFETY: the child writes to a pipe that it has, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let is_written = writer.write_all(b"from the child").is_ok();
            // SAFETY: ends the process at once.
            unsafe { libc::_exit(i32::from(!is_written)) };
        }
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        // SAFETY: a child of this process.
        assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
        text
    };
    is_the_same(beside, an_isolated_run);
}

/// Many pipes, each at its end at once.
fn many_pipes(_: &dyn Fn()) -> String {
    let ends = (0..50).map(|_| {
        let (reader, writer) = std::io::pipe().unwrap();
        reads_to_the_end(reader, writer, &|| ()).len()
    });
    ends.sum::<usize>().to_string()
}

/// Does `work` again and again on another thread, while a run with many pipes is made many times.
fn while_pipes_end(work: impl Fn() + Send + 'static) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let alone = run(7, many_pipes, || ());
    let is_over = Arc::new(AtomicBool::new(false));
    let theirs = is_over.clone();
    let working = thread::spawn(move || {
        while !theirs.load(Ordering::Acquire) {
            work();
        }
    });
    let all: Vec<_> = (0..50).map(|_| run(7, many_pipes, || ())).collect();
    is_over.store(true, Ordering::Release);
    working.join().unwrap();
    let others = all.iter().filter(|it| **it != alone).count();
    assert_eq!(others, 0, "of {} rounds", all.len());
}

fn starts_a_program() {
    assert!(Command::new("true").status().unwrap().success());
}

#[test]
fn programs_that_are_started_by_tests() {
    while_pipes_end(starts_a_program);
}

#[test]
fn programs_that_are_started_by_runs() {
    while_pipes_end(|| assert!(Sim::new().run(|| raddle::unblock(starts_a_program)).is_ok()));
}

#[test]
fn programs_that_are_started_by_a_fork() {
    use std::os::unix::process::CommandExt;
    while_pipes_end(|| {
        let mut command = Command::new("true");
        // SAFETY: it does nothing.
        unsafe { command.pre_exec(|| Ok(())) };
        assert!(command.status().unwrap().success());
    });
}

#[test]
fn runs_in_processes_of_their_own() {
    while_pipes_end(|| {
        let found = raddle::Explore::new().seeds(0..20).isolation(Isolation::Process).run(|| async {
            raddle::spawn(raddle::yield_now()).await;
            assert_eq!(many_pipes(&|| ()), "450");
        });
        assert!(found.failures().is_empty(), "{found}");
    });
}
