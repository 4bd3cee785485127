//! The whole list of what may block: each operation through std, libc and rustix, on the loop in its class, in a job no leak,
//! and in its form that does not wait no leak either.

#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

use raddle::{Class, Sim};
use rustix::fd::AsFd;
use std::ffi::CString;
use std::fs::File;
use std::io::{IoSlice, IoSliceMut, PipeReader, PipeWriter, Read, Seek, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, RwLock, mpsc};
use std::thread;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// What each operation may use, made before the run and so seen by nobody.
struct Things {
    folder: PathBuf,
    file: File,
    /// A pair with bytes to be read on both ends.
    pair: (UnixStream, UnixStream),
    pipe: (PipeReader, PipeWriter),
    udp: UdpSocket,
}

impl Things {
    fn new() -> Things {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("raddle-operations-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("there"), "text").unwrap();
        let open = File::options().read(true).write(true).open(folder.join("there")).unwrap();
        let mut pair = UnixStream::pair().unwrap();
        pair.0.write_all(b"bytes").unwrap();
        pair.1.write_all(b"bytes").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect(udp.local_addr().unwrap()).unwrap();
        udp.send(b"bytes").unwrap();
        Things { folder, file: open, pair, pipe: std::io::pipe().unwrap(), udp }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn c_path(&self, name: &str) -> CString {
        CString::new(self.path(name).to_str().unwrap()).unwrap()
    }

    fn nonblocking(&self) {
        self.pair.0.set_nonblocking(true).unwrap();
        self.udp.set_nonblocking(true).unwrap();
        rustix::io::ioctl_fionbio(&self.pipe.0, true).unwrap();
    }
}

impl Drop for Things {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

type Operation = fn(&mut Things);

/// The classes of what leaks while the loop, or a job, does it.
fn classes(in_job: bool, operation: Operation) -> Vec<Class> {
    let things = Arc::new(Mutex::new(Things::new()));
    let theirs = things.clone();
    let report = Sim::new().require_boundary(true).run(move || {
        let things = theirs.clone();
        async move {
            let work = move || operation(&mut things.lock().unwrap());
            if in_job { raddle::unblock(work).await } else { work() }
        }
    });
    assert!(report.value().is_some(), "{report}");
    report.leaks().iter().map(|leak| leak.class()).collect()
}

#[track_caller]
fn table(rows: &[(&str, Class, Operation)]) {
    for (name, class, operation) in rows {
        let found = classes(false, *operation);
        assert!(!found.is_empty() && found.iter().all(|c| c == class), "{name}, on the loop: {found:?}, not {class:?}");
        assert_eq!(classes(true, *operation), [], "{name}, in a job");
    }
}

/// What never waits.
#[track_caller]
fn quiet(rows: &[(&str, Operation)]) {
    for (name, operation) in rows {
        assert_eq!(classes(false, *operation), [], "{name}, on the loop");
        assert_eq!(classes(true, *operation), [], "{name}, in a job");
    }
}

fn time(duration: Duration) -> libc::timespec {
    libc::timespec { tv_sec: duration.as_secs() as i64, tv_nsec: duration.subsec_nanos().into() }
}

/// SAFETY of the C calls in this file: each gets places of the types it asks for, alive during the call.
macro_rules! c {
    ($call:expr) => {
        // SAFETY: see the macro.
        unsafe { $call }
    };
}

#[test]
fn sleeps() {
    table(&[
        ("std", Class::Sleep, |_| thread::sleep(MS)),
        ("nanosleep", Class::Sleep, |_| _ = c!(libc::nanosleep(&time(MS), std::ptr::null_mut()))),
        ("usleep", Class::Sleep, |_| _ = c!(libc::usleep(1000))),
        ("clock_nanosleep", Class::Sleep, |_| {
            c!(libc::clock_nanosleep(libc::CLOCK_REALTIME, 0, &time(MS), std::ptr::null_mut()));
        }),
        ("rustix", Class::Sleep, |_| {
            _ = rustix::thread::nanosleep(&rustix::thread::Timespec { tv_sec: 0, tv_nsec: 1_000_000 });
        }),
    ]);
    quiet(&[("zero", |_| thread::sleep(Duration::ZERO))]);
}

fn futex(word: &AtomicU32, value: u32) -> i64 {
    c!(libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, value, &time(MS)))
}

#[test]
fn locks() {
    table(&[
        ("recv_timeout", Class::Lock, |_| _ = mpsc::channel::<()>().1.recv_timeout(MS)),
        ("recv", Class::Lock, |_| {
            let (sender, receiver) = mpsc::channel();
            drop(thread::spawn(move || sender.send(1)));
            assert_eq!(receiver.recv(), Ok(1));
        }),
        ("park_timeout", Class::Lock, |_| thread::park_timeout(MS)),
        ("wait_timeout", Class::Lock, |_| {
            let (mutex, condition) = (Mutex::new(()), Condvar::new());
            _ = condition.wait_timeout(mutex.lock().unwrap(), MS);
        }),
        ("Mutex", Class::Lock, |_| {
            let mutex = Arc::new(Mutex::new(()));
            let guard = mutex.lock().unwrap();
            let theirs = mutex.clone();
            let (begun, began) = mpsc::channel();
            let thread = thread::spawn(move || {
                begun.send(()).unwrap();
                let _guard = theirs.lock().unwrap();
                thread::sleep(MS);
            });
            began.recv().unwrap();
            drop(guard);
            thread::sleep(Duration::ZERO);
            drop(thread);
        }),
        ("RwLock and Barrier", Class::Lock, |_| {
            let shared = Arc::new((RwLock::new(0), Barrier::new(2)));
            let theirs = shared.clone();
            drop(thread::spawn(move || {
                *theirs.0.write().unwrap() += 1;
                theirs.1.wait();
            }));
            shared.1.wait();
            assert_eq!(*shared.0.read().unwrap(), 1);
        }),
        ("futex", Class::Lock, |_| _ = futex(&AtomicU32::new(1), 1)),
        ("rustix", Class::Lock, |_| {
            let word = AtomicU32::new(1);
            let time = rustix::thread::Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
            _ = rustix::thread::futex::wait(&word, rustix::thread::futex::Flags::PRIVATE, 1, Some(&time));
        }),
    ]);
    quiet(&[
        ("uncontended", |_| {
            let shared = (Mutex::new(1), RwLock::new(1), Condvar::new());
            *shared.0.lock().unwrap() += *shared.1.read().unwrap();
            shared.2.notify_all();
        }),
        ("a word that has changed", |_| assert_eq!(futex(&AtomicU32::new(2), 1), -1)),
        ("no time", |_| _ = mpsc::channel::<()>().1.recv_timeout(Duration::ZERO)),
    ]);
}

#[test]
fn threads_and_processes() {
    table(&[
        ("join", Class::Join, |_| thread::spawn(|| thread::sleep(MS)).join().unwrap()),
        ("Command", Class::Process, |_| {
            let null = std::process::Stdio::null;
            let mut command = std::process::Command::new("/bin/true");
            assert!(command.stdin(null()).stdout(null()).stderr(null()).status().unwrap().success());
        }),
        ("wait", Class::Process, |_| _ = c!(libc::waitpid(-1, std::ptr::null_mut(), 0))),
    ]);
    quiet(&[
        ("is_finished", |_| _ = thread::spawn(|| thread::sleep(MS)).is_finished()),
        ("WNOHANG", |_| _ = c!(libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG))),
        ("rustix", |_| _ = rustix::process::wait(rustix::process::WaitOptions::NOHANG)),
    ]);
}

#[test]
fn file_data() {
    table(&[
        ("read", Class::File, |t| _ = t.file.read(&mut [0; 4]).unwrap()),
        ("write", Class::File, |t| t.file.write_all(b"more").unwrap()),
        ("pread", Class::File, |t| _ = t.file.read_at(&mut [0; 4], 0).unwrap()),
        ("pwrite", Class::File, |t| _ = t.file.write_at(b"x", 0).unwrap()),
        ("readv", Class::File, |t| _ = t.file.read_vectored(&mut [IoSliceMut::new(&mut [0; 2])]).unwrap()),
        ("writev", Class::File, |t| _ = t.file.write_vectored(&[IoSlice::new(b"x")]).unwrap()),
        ("fsync", Class::File, |t| t.file.sync_all().unwrap()),
        ("fdatasync", Class::File, |t| t.file.sync_data().unwrap()),
        ("ftruncate", Class::File, |t| t.file.set_len(2).unwrap()),
        ("flock", Class::File, |t| t.file.lock().unwrap()),
        ("fcntl lock", Class::File, |t| {
            // SAFETY: zeros are a lock of the whole file.
            let mut lock: libc::flock = unsafe { std::mem::zeroed() };
            lock.l_type = libc::F_WRLCK as i16;
            assert_eq!(c!(libc::fcntl(t.file.as_raw_fd(), libc::F_SETLKW, &lock)), 0);
        }),
        ("copy", Class::File, |t| _ = std::fs::copy(t.path("there"), t.path("copy")).unwrap()),
        ("open", Class::File, |t| drop(File::open(t.path("there")).unwrap())),
        ("C's open", Class::File, |t| _ = c!(libc::close(libc::open(t.c_path("there").as_ptr(), libc::O_RDONLY)))),
        ("rustix' read", Class::File, |t| _ = rustix::io::read(&t.file, &mut [0; 4]).unwrap()),
        ("rustix' fsync", Class::File, |t| rustix::fs::fsync(&t.file).unwrap()),
        ("rustix' open", Class::File, |t| {
            let (flags, mode) = (rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty());
            drop(rustix::fs::open(t.path("there"), flags, mode).unwrap());
        }),
    ]);
    quiet(&[
        ("seek", |t| _ = t.file.rewind()),
        ("try_lock", |t| t.file.try_lock().unwrap()),
        ("fstat", |t| _ = t.file.metadata().unwrap()),
        ("output", |_| println!("printed")),
        ("close", |t| drop(t.file.try_clone().unwrap())),
    ]);
}

#[test]
fn names_and_folders() {
    table(&[
        ("stat", Class::File, |t| _ = std::fs::metadata(t.path("there")).unwrap()),
        ("C's stat", Class::File, |t| {
            let mut stat = std::mem::MaybeUninit::uninit();
            c!(libc::stat(t.c_path("there").as_ptr(), stat.as_mut_ptr()));
        }),
        ("exists", Class::File, |t| _ = t.path("none").exists()),
        ("access", Class::File, |t| _ = c!(libc::access(t.c_path("there").as_ptr(), libc::R_OK))),
        ("read_dir", Class::File, |t| _ = std::fs::read_dir(&t.folder).unwrap().count()),
        ("readlink", Class::File, |t| _ = std::fs::read_link(t.path("there"))),
        ("rename", Class::File, |t| std::fs::rename(t.path("there"), t.path("else")).unwrap()),
        ("link", Class::File, |t| std::fs::hard_link(t.path("there"), t.path("link")).unwrap()),
        ("symlink", Class::File, |t| std::os::unix::fs::symlink("x", t.path("link")).unwrap()),
        ("unlink", Class::File, |t| std::fs::remove_file(t.path("there")).unwrap()),
        ("mkdir and rmdir", Class::File, |t| {
            std::fs::create_dir(t.path("folder")).unwrap();
            std::fs::remove_dir(t.path("folder")).unwrap();
        }),
        ("chmod", Class::File, |t| {
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(t.path("there"), permissions).unwrap();
        }),
        ("rustix", Class::File, |t| _ = rustix::fs::stat(t.path("there")).unwrap()),
    ]);
}

#[test]
fn sockets() {
    table(&[
        ("connect", Class::Socket, |_| drop(TcpStream::connect("127.0.0.1:1"))),
        ("accept", Class::Socket, |_| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            drop(thread::spawn(move || TcpStream::connect(address)));
            listener.accept().unwrap();
        }),
        ("read", Class::Socket, |t| _ = t.pair.0.read(&mut [0; 4]).unwrap()),
        ("write", Class::Socket, |t| _ = t.pair.0.write(b"x").unwrap()),
        ("recv", Class::Socket, |t| _ = t.udp.recv(&mut [0; 4]).unwrap()),
        ("send", Class::Socket, |t| _ = t.udp.send(b"x").unwrap()),
        ("rustix' recv", Class::Socket, |t| {
            _ = rustix::net::recv(&t.udp, &mut [0; 4], rustix::net::RecvFlags::empty()).unwrap();
        }),
        ("rustix' send", Class::Socket, |t| {
            _ = rustix::net::send(&t.udp, b"x", rustix::net::SendFlags::empty()).unwrap();
        }),
    ]);
    quiet(&[
        ("O_NONBLOCK", |t| {
            t.nonblocking();
            _ = t.pair.0.read(&mut [0; 4]).unwrap();
            _ = t.pair.0.write(b"x").unwrap();
            _ = t.udp.recv(&mut [0; 9]).unwrap();
            assert!(t.udp.recv(&mut [0; 9]).is_err());
            _ = t.udp.send(b"x").unwrap();
        }),
        ("MSG_DONTWAIT", |t| {
            _ = rustix::net::recv(&t.udp, &mut [0; 4], rustix::net::RecvFlags::DONTWAIT).unwrap();
            _ = rustix::net::send(&t.udp, b"x", rustix::net::SendFlags::DONTWAIT).unwrap();
        }),
        ("bind and listen", |_| drop(TcpListener::bind("127.0.0.1:0").unwrap())),
        ("an address in digits", |_| _ = ("127.0.0.1", 80).to_socket_addrs().unwrap().count()),
    ]);
}

#[test]
fn names_of_hosts() {
    table(&[("to_socket_addrs", Class::Dns, |_| drop(("localhost", 80).to_socket_addrs()))]);
}

#[test]
fn pipes() {
    table(&[("read", Class::Pipe, |t| {
        let mut writer = t.pipe.1.try_clone().unwrap();
        drop(thread::spawn(move || writer.write_all(b"x").unwrap()));
        t.pipe.0.read_exact(&mut [0]).unwrap();
    })]);
    quiet(&[
        ("what is there", |t| {
            t.pipe.1.write_all(b"x").unwrap();
            t.pipe.0.read_exact(&mut [0]).unwrap();
        }),
        ("O_NONBLOCK", |t| {
            t.nonblocking();
            assert!(t.pipe.0.read(&mut [0]).is_err());
        }),
    ]);
}

fn poll(millis: i32) {
    c!(libc::poll(std::ptr::null_mut(), 0, millis));
}

fn epoll(millis: i32) {
    let epoll = c!(libc::epoll_create1(0));
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    c!(libc::epoll_wait(epoll, &mut event, 1, millis));
    c!(libc::close(epoll));
}

fn select(duration: Duration) {
    let none = std::ptr::null_mut();
    let mut time = libc::timeval { tv_sec: 0, tv_usec: duration.subsec_micros().into() };
    c!(libc::select(0, none, none, none, &mut time));
}

#[test]
fn readiness() {
    table(&[
        ("poll", Class::Readiness, |_| poll(1)),
        ("ppoll", Class::Readiness, |_| {
            c!(libc::ppoll(std::ptr::null_mut(), 0, &time(MS), std::ptr::null()));
        }),
        ("select", Class::Readiness, |_| select(MS)),
        ("epoll_wait", Class::Readiness, |_| epoll(1)),
        ("rustix' poll", Class::Readiness, |t| {
            let mut fds = [rustix::event::PollFd::from_borrowed_fd(t.pipe.0.as_fd(), rustix::event::PollFlags::IN)];
            let time = rustix::event::Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
            assert_eq!(rustix::event::poll(&mut fds, Some(&time)), Ok(0));
        }),
    ]);
    quiet(&[("zero", |_| {
        poll(0);
        epoll(0);
        select(Duration::ZERO);
    })]);
}

#[test]
fn memory_clocks_and_randomness() {
    quiet(&[
        ("memory", |_| (1..100).for_each(|n| drop(std::hint::black_box(vec![n as u8; n * 20_000])))),
        ("clocks", |_| _ = (std::time::Instant::now().elapsed(), std::time::SystemTime::now())),
        ("identity", |_| _ = (std::process::id(), thread::current().id())),
        ("hash keys", |_| _ = std::collections::HashMap::from([(1, 2)])),
        ("rustix", |_| _ = rustix::rand::getrandom(&mut [0u8; 8], rustix::rand::GetRandomFlags::empty()).unwrap()),
    ]);
}
