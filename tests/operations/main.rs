//! The whole list of what may block: each operation through std, libc and rustix, on the loop in its class, in a job no leak,
//! and in its form that does not wait no leak either.

#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

mod children;
mod descriptors;
mod fifos;
mod files;
mod moves;
mod rare;
mod sockets;
mod waits;

use raddle::{Class, Sim};
use std::ffi::CString;
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// SAFETY of the C calls in these files: each gets places of the types it asks for, alive during the call.
macro_rules! c {
    ($call:expr) => {
        // SAFETY: see the macro.
        unsafe { $call }
    };
}

pub(crate) use c;

const MS: Duration = Duration::from_millis(1);

/// What each operation may use, made before the run and so seen by nobody.
struct Things {
    folder: PathBuf,
    file: File,
    other: File,
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
        let other = File::create(folder.join("other")).unwrap();
        let mut pair = UnixStream::pair().unwrap();
        pair.0.write_all(b"bytes").unwrap();
        pair.1.write_all(b"bytes").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect(udp.local_addr().unwrap()).unwrap();
        udp.send(b"bytes").unwrap();
        Things { folder, file: open, other, pair, pipe: std::io::pipe().unwrap(), udp }
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

#[test]
fn memory_clocks_and_randomness() {
    quiet(&[
        ("memory", |_| (1..100).for_each(|n| drop(std::hint::black_box(vec![n as u8; n * 20_000])))),
        ("clocks", |_| _ = (std::time::Instant::now().elapsed(), std::time::SystemTime::now())),
        ("identity", |_| _ = (std::process::id(), thread::current().id())),
        ("hash keys", |_| _ = std::collections::HashMap::from([(1, 2)])),
        ("a panic that is caught", |_| {
            assert!(std::panic::catch_unwind(|| panic!("on purpose")).is_err());
        }),
        ("C", |_| {
            let mut now = time(Duration::ZERO);
            c!(libc::clock_gettime(libc::CLOCK_REALTIME, &mut now));
            let mut bytes = [0u8; 8];
            assert_eq!(c!(libc::getrandom(bytes.as_mut_ptr().cast(), 8, 0)), 8);
            assert_eq!(c!(libc::getentropy(bytes.as_mut_ptr().cast(), 8)), 0);
            assert!(c!(libc::getpid()) > 0 && c!(libc::getppid()) > 0 && c!(libc::time(std::ptr::null_mut())) > 0);
        }),
        ("rustix", |_| _ = rustix::rand::getrandom(&mut [0u8; 8], rustix::rand::GetRandomFlags::empty()).unwrap()),
    ]);
}
