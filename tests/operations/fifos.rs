//! FIFOs, whose opening waits for the other end; and the standard input, which may be anything.

use super::children::no_other_children;
use super::{Things, c, classes, table};
use raddle::{Class, Explore, FindingKind, Sim, StrategyKind};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{BufRead, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

fn fifo(things: &Things) -> PathBuf {
    let path = things.path("fifo");
    if !path.exists() {
        assert_eq!(c!(libc::mkfifo(things.c_path("fifo").as_ptr(), 0o600)), 0);
    }
    path
}

fn to_write(path: &Path) -> File {
    File::options().write(true).open(path).unwrap()
}

/// A thread opens the FIFO to write to it, and does, once it has a turn.
fn writer(things: &Things) -> PathBuf {
    let path = fifo(things);
    let theirs = path.clone();
    // Whoever reads may be gone by then.
    drop(thread::spawn(move || _ = to_write(&theirs).write_all(b"x")));
    path
}

/// A thread opens the FIFO to read from it, and does, once it has a turn.
fn reader(things: &Things) -> PathBuf {
    let path = fifo(things);
    let theirs = path.clone();
    drop(thread::spawn(move || File::open(theirs).unwrap().read(&mut [0; 8]).unwrap()));
    path
}

#[test]
fn opening() {
    table(&[
        ("open to read", Class::File, |t| drop(File::open(writer(t)).unwrap())),
        ("open to write", Class::File, |t| drop(to_write(&reader(t)))),
        ("C's open", Class::File, |t| {
            writer(t);
            let fd = c!(libc::open(t.c_path("fifo").as_ptr(), libc::O_RDONLY));
            assert_eq!(c!(libc::fcntl(fd, libc::F_GETFL)) & libc::O_NONBLOCK, 0);
            c!(libc::close(fd));
        }),
        ("C's creat", Class::File, |t| {
            reader(t);
            c!(libc::close(libc::creat(t.c_path("fifo").as_ptr(), 0o600)));
        }),
        ("rustix' open", Class::File, |t| {
            drop(rustix::fs::open(writer(t), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap());
        }),
        ("its own other end", Class::File, |t| drop(File::options().read(true).write(true).open(fifo(t)).unwrap())),
        ("O_NONBLOCK", Class::File, |t| {
            // (A program that another test starts has a copy of what is not closed on exec.)
            let flags = OFlags::NONBLOCK | OFlags::CLOEXEC;
            drop(rustix::fs::open(fifo(t), OFlags::RDONLY | flags, Mode::empty()).unwrap());
            assert!(rustix::fs::open(fifo(t), OFlags::WRONLY | flags, Mode::empty()).is_err());
        }),
    ]);
}

/// Two jobs open either end of two FIFOs, and each waits for the other twice.
#[test]
fn two_jobs_meet() {
    let _mine = no_other_children();
    for strategy in [StrategyKind::Random, StrategyKind::Pct { depth: 3, length: None }, StrategyKind::Urw] {
        let things = Things::new();
        let (there, back) = (fifo(&things), things.path("back"));
        assert_eq!(c!(libc::mkfifo(things.c_path("back").as_ptr(), 0o600)), 0);
        let found = Explore::new().seeds(0..20).strategy(strategy).run(move || {
            let (there, back) = (there.clone(), back.clone());
            async move {
                let (asks, answers) = ((there.clone(), back.clone()), (there, back));
                let asking = raddle::unblock(move || {
                    to_write(&asks.0).write_all(b"question").unwrap();
                    std::io::read_to_string(File::open(&asks.1).unwrap()).unwrap()
                });
                let answering = raddle::unblock(move || {
                    let question = std::io::read_to_string(File::open(&answers.0).unwrap()).unwrap();
                    to_write(&answers.1).write_all(question.to_uppercase().as_bytes()).unwrap();
                });
                answering.await;
                assert_eq!(asking.await, "QUESTION");
            }
        });
        assert!(found.is_ok(), "{found}");
    }
}

/// At the other end may be another process.
#[test]
fn a_child_meets_a_job() {
    let _mine = no_other_children();
    let things = Things::new();
    let path = fifo(&things);
    let found = Explore::new().seeds(0..4).require_boundary(true).check(raddle::Check::All).run(move || {
        let (reads, writes) = (path.clone(), path.clone());
        async move {
            let reading = raddle::unblock(move || {
                let mut child = Command::new("sh").args(["-c", "echo hello >$0"]).arg(&reads).spawn().unwrap();
                let read = std::io::read_to_string(File::open(&reads).unwrap()).unwrap();
                assert!(child.wait().unwrap().success());
                read
            });
            assert_eq!(reading.await, "hello\n");
            let writing = raddle::unblock(move || {
                let child = Command::new("cat").arg(&writes).stdout(Stdio::piped()).spawn().unwrap();
                to_write(&writes).write_all(b"hello").unwrap();
                child.wait_with_output().unwrap().stdout
            });
            assert_eq!(writing.await, b"hello");
        }
    });
    assert!(found.is_ok(), "{found}");
}

/// Whose other end nobody opens: on the loop the run is over, and says at which call.
#[test]
fn nobody_comes() {
    for writes in [false, true] {
        let things = Things::new();
        let path = fifo(&things);
        let report = Sim::new().require_boundary(true).run(move || {
            let path = path.clone();
            async move { drop(File::options().read(!writes).write(writes).open(path).unwrap()) }
        });
        let finding = report.finding().expect("nobody opened the other end");
        assert_eq!(finding.kind(), FindingKind::Leak, "{report}");
        assert!(report.leaks()[0].to_string().contains("/fifo\""), "{report}");
        // And the descriptor is not kept.
        let names =
            std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok());
        assert_eq!(names.filter(|name| name == &things.path("fifo")).count(), 0);
    }
}

/// Makes `reader` the standard input.
fn become_input(reader: &impl AsFd) {
    assert_eq!(c!(libc::dup2(reader.as_fd().as_raw_fd(), 0)), 0);
}

/// There is one standard input: all of it in one test.
#[test]
fn standard_input() {
    let before = rustix::io::dup(std::io::stdin()).unwrap();
    table(&[
        ("a pipe", Class::Pipe, |t| {
            become_input(&t.pipe.0);
            let mut writer = t.pipe.1.try_clone().unwrap();
            drop(thread::spawn(move || writer.write_all(b"a line\n").unwrap()));
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).unwrap();
            assert_eq!(line, "a line\n");
        }),
        ("a pipe, by C", Class::Pipe, |t| {
            become_input(&t.pipe.0);
            let mut writer = t.pipe.1.try_clone().unwrap();
            drop(thread::spawn(move || writer.write_all(b"x").unwrap()));
            assert_eq!(c!(libc::read(0, [0u8; 8].as_mut_ptr().cast(), 8)), 1);
        }),
        ("a pipe, by rustix", Class::Pipe, |t| {
            become_input(&t.pipe.0);
            let mut writer = t.pipe.1.try_clone().unwrap();
            drop(thread::spawn(move || writer.write_all(b"x").unwrap()));
            assert_eq!(rustix::io::read(std::io::stdin(), &mut [0; 8]), Ok(1));
        }),
        ("a file", Class::File, |t| {
            become_input(&t.file);
            assert_eq!(c!(libc::read(0, [0u8; 4].as_mut_ptr().cast(), 4)), 4);
        }),
        ("a socket", Class::Socket, |t| {
            become_input(&t.pair.0);
            assert_eq!(c!(libc::read(0, [0u8; 5].as_mut_ptr().cast(), 5)), 5);
        }),
        ("a terminal", Class::Pipe, |_| {
            let (master, terminal) = terminal();
            become_input(&terminal);
            let mut master = File::from(master);
            drop(thread::spawn(move || {
                master.write_all(b"typed\n").unwrap();
                thread::sleep(super::MS);
            }));
            assert_eq!(c!(libc::read(0, [0u8; 8].as_mut_ptr().cast(), 8)), 6);
        }),
    ]);
    // With something to read there is no wait, and nobody asks what it is.
    let ready: [(&str, super::Operation); 2] = [
        ("what is there", |t| {
            t.pipe.1.write_all(b"x").unwrap();
            become_input(&t.pipe.0);
            assert_eq!(c!(libc::read(0, [0u8; 8].as_mut_ptr().cast(), 8)), 1);
        }),
        ("its end", |t| {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(writer);
            t.pipe.0 = reader;
            become_input(&t.pipe.0);
            assert_eq!(c!(libc::read(0, [0u8; 8].as_mut_ptr().cast(), 8)), 0);
        }),
    ];
    super::quiet(&ready);
    let null = File::open("/dev/null").unwrap();
    become_input(&null);
    let nothing: super::Operation = |_| assert_eq!(std::io::stdin().lock().read_line(&mut String::new()).unwrap(), 0);
    assert_eq!(classes(false, nothing), [], "/dev/null, on the loop");
    assert_eq!(classes(true, nothing), [], "/dev/null, in a job");
    become_input(&before);
}

/// Both ends of a new terminal.
fn terminal() -> (rustix::fd::OwnedFd, rustix::fd::OwnedFd) {
    let master = c!(libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC));
    assert!(master >= 0);
    c!(libc::grantpt(master));
    c!(libc::unlockpt(master));
    let mut name = [0; 64];
    c!(libc::ptsname_r(master, name.as_mut_ptr(), name.len()));
    let terminal = c!(libc::open(name.as_ptr(), libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC));
    assert!(terminal >= 0);
    use rustix::fd::{FromRawFd, OwnedFd};
    c!((OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(terminal)))
}
