//! What jobs wait for by descriptors: pipes, sockets, timers, locks of files, and their randomness by raw system calls.

#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

use raddle::{Class, Report, Sim};
use std::fmt::Debug;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

fn run<F, Fut, T>(scenario: F) -> Report<T>
where
    F: Fn() -> Fut + Send,
    Fut: Future<Output = T> + 'static,
    T: Debug + Send + 'static,
{
    Sim::new().require_boundary(true).run(scenario)
}

/// What `f` gives in a job, and for how much virtual time.
#[track_caller]
fn in_a_job<T: Debug + Send + 'static>(f: fn() -> T) -> (T, Duration) {
    let report = run(move || raddle::unblock(f));
    assert!(report.is_ok(), "{report}");
    let elapsed = report.elapsed();
    (report.unwrap(), elapsed)
}

fn timer(first: Duration, every: Duration, flags: i32) -> i32 {
    let time = |d: Duration| libc::timespec { tv_sec: d.as_secs() as i64, tv_nsec: d.subsec_nanos().into() };
    let new = libc::itimerspec { it_interval: time(every), it_value: time(first) };
    // SAFETY: plain calls; `new` is alive.
    unsafe {
        let fd = libc::timerfd_create(libc::CLOCK_MONOTONIC, flags);
        assert_eq!(libc::timerfd_settime(fd, 0, &new, std::ptr::null_mut()), 0);
        fd
    }
}

fn expirations(fd: i32) -> u64 {
    let mut count = 0u64;
    // SAFETY: a place for eight bytes.
    assert_eq!(unsafe { libc::read(fd, (&raw mut count).cast(), 8) }, 8);
    count
}

#[test]
fn a_timer_descriptor_runs_out_in_virtual_time() {
    let (count, elapsed) = in_a_job(|| {
        let fd = timer(Duration::from_secs(60), Duration::ZERO, 0);
        let count = expirations(fd);
        // SAFETY: our own.
        unsafe { libc::close(fd) };
        count
    });
    assert_eq!((count, elapsed), (1, Duration::from_secs(60)));
    let (counts, elapsed) = in_a_job(|| {
        let fd = timer(10 * MS, 5 * MS, 0);
        let first = expirations(fd);
        std::thread::sleep(17 * MS);
        (first, expirations(fd))
    });
    assert_eq!((counts, elapsed), ((1, 3), 27 * MS));
}

#[test]
fn epoll_sees_a_timer_descriptor() {
    let (ready, elapsed) = in_a_job(|| {
        let fd = timer(30 * MS, Duration::ZERO, libc::TFD_NONBLOCK);
        // SAFETY: places of the right types.
        unsafe {
            let epoll = libc::epoll_create1(0);
            let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 7 };
            assert_eq!(libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &mut event), 0);
            event.u64 = 0;
            assert_eq!(libc::epoll_wait(epoll, &mut event, 1, 10), 0, "not yet");
            assert_eq!(libc::epoll_wait(epoll, &mut event, 1, -1), 1);
            let time = libc::timespec { tv_sec: 3, tv_nsec: 0 };
            assert_eq!(expirations(fd), 1);
            let none = std::ptr::null::<libc::sigset_t>();
            let again = libc::syscall(libc::SYS_epoll_pwait2, epoll, &mut event, 1, &time, none, 8);
            (event.u64, again)
        }
    });
    assert_eq!((ready, elapsed), ((7, 0), Duration::from_millis(3030)));
}

#[test]
fn select_waits_and_tells() {
    let (told, elapsed) = in_a_job(|| {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let fd = reader.as_raw_fd();
        let select = move |millis: i64| {
            // SAFETY: places of the right types.
            unsafe {
                let mut set: libc::fd_set = std::mem::zeroed();
                libc::FD_SET(fd, &mut set);
                let mut time = libc::timeval { tv_sec: 0, tv_usec: millis * 1000 };
                let none = std::ptr::null_mut();
                let ready = libc::select(fd + 1, &mut set, none, none, &mut time);
                (ready, libc::FD_ISSET(fd, &set))
            }
        };
        let early = select(20);
        let thread = std::thread::spawn(move || {
            std::thread::sleep(5 * MS);
            writer.write_all(b"x").unwrap();
            std::thread::sleep(MS);
        });
        let late = select(500);
        thread.join().unwrap();
        (early, late)
    });
    assert_eq!((told, elapsed), (((0, false), (1, true)), 26 * MS));
}

#[test]
fn more_than_fits_is_written_in_pieces() {
    const SIZE: usize = 1 << 20;
    for seed in 0..4 {
        let report = Sim::new().seed(seed).run(|| async {
            raddle::unblock(|| {
                let (mut reader, mut writer) = std::io::pipe().unwrap();
                let (mut one, mut two) = UnixStream::pair().unwrap();
                let data: Vec<u8> = (0..SIZE).map(|n| (n % 251) as u8).collect();
                let (piped, sent) = (data.clone(), data.clone());
                let threads = [
                    std::thread::spawn(move || writer.write_all(&piped).unwrap()),
                    std::thread::spawn(move || one.write_all(&sent).unwrap()),
                ];
                let mut got = (Vec::new(), Vec::new());
                reader.read_to_end(&mut got.0).unwrap();
                two.read_to_end(&mut got.1).unwrap();
                threads.into_iter().for_each(|thread| thread.join().unwrap());
                got.0 == data && got.1 == data
            })
            .await
        });
        assert_eq!(report.value(), Some(&true), "{report}");
    }
}

#[test]
fn a_server_thread_and_its_clients() {
    let (sums, elapsed) = in_a_job(|| {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let serving = std::thread::spawn(move || {
            for _ in 0..3 {
                let (mut stream, _) = server.accept().unwrap();
                std::thread::spawn(move || {
                    let mut text = [0; 4];
                    stream.read_exact(&mut text).unwrap();
                    std::thread::sleep(10 * MS);
                    stream.write_all(&text).unwrap();
                });
            }
        });
        let clients = [*b"one.", *b"two.", *b"six."].map(|text| {
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_nodelay(true).unwrap();
                std::thread::sleep(5 * MS);
                stream.write_all(&text).unwrap();
                let mut back = [0; 4];
                stream.read_exact(&mut back).unwrap();
                back == text
            })
        });
        let sums = clients.map(|client| client.join().unwrap());
        serving.join().unwrap();
        sums
    });
    assert_eq!((sums, elapsed), ([true; 3], 15 * MS));
}

#[test]
fn a_lock_of_a_file_is_waited_for() {
    let (order, elapsed) = in_a_job(|| {
        let path = std::env::temp_dir().join(format!("raddle-lock-{}", std::process::id()));
        let open = || std::fs::File::create(&path).unwrap();
        let (one, two) = (open(), open());
        one.lock().unwrap();
        let holder = std::thread::spawn(move || {
            std::thread::sleep(40 * MS);
            one.unlock().unwrap();
        });
        let before = Instant::now();
        two.lock().unwrap();
        let waited = before.elapsed();
        holder.join().unwrap();
        std::fs::remove_file(&path).unwrap();
        waited
    });
    assert_eq!((order, elapsed), (40 * MS, 40 * MS));
}

#[test]
fn spinning_with_yield_lets_others_run() {
    let (done, _) = in_a_job(|| {
        let flag = Arc::new(AtomicBool::new(false));
        let theirs = flag.clone();
        let thread = std::thread::spawn(move || theirs.store(true, Ordering::SeqCst));
        while !flag.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        thread.join().unwrap();
        true
    });
    assert!(done);
}

/// Random bytes by a raw system call, as rustix asks for them.
fn raw_random() -> [u8; 300] {
    let mut bytes = [0u8; 300];
    let got: i64;
    // SAFETY: getrandom writes to the buffer; the kernel clobbers rcx and r11.
    unsafe {
        std::arch::asm!("syscall", inlateout("rax") libc::SYS_getrandom => got, in("rdi") bytes.as_mut_ptr(),
            in("rsi") bytes.len(), in("rdx") 0, out("rcx") _, out("r11") _);
    }
    assert_eq!(got, 300);
    bytes
}

#[test]
fn raw_randomness_is_the_seeds() {
    let draw =
        |seed| Sim::new().seed(seed).run(|| async { (raw_random(), raddle::unblock(raw_random).await) }).unwrap();
    let one = draw(1);
    assert_eq!(one, draw(1));
    assert_ne!(one, draw(2));
    assert_ne!(one.0, one.1);
}

#[test]
fn the_kernels_file_of_random_bytes_is_the_seeds() {
    let read = || {
        let mut bytes = [0; 300];
        std::fs::File::open("/dev/urandom").unwrap().read_exact(&mut bytes).unwrap();
        bytes
    };
    let draw = move |seed| {
        let report = Sim::new().seed(seed).run(move || async move { (read(), raddle::unblock(read).await) });
        assert!(report.is_ok(), "{report}");
        report.unwrap()
    };
    let one = draw(1);
    assert_eq!(one, draw(1));
    assert!(one.0 != draw(2).0 && one.0 != one.1);
}

/// The loop reads from a pipe that a job writes to: a leak, and not the end of the run.
#[test]
fn the_loop_waits_for_a_job() {
    let report = run(|| async {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        let job = raddle::unblock(move || {
            std::thread::sleep(25 * MS);
            writer.write_all(b"hello").unwrap();
        });
        raddle::yield_now().await;
        let mut text = [0; 5];
        reader.read_exact(&mut text).unwrap();
        job.await;
        text
    });
    assert_eq!(report.value(), Some(b"hello"), "{report}");
    let [leak] = report.leaks() else { panic!("{report}") };
    assert_eq!((leak.class(), leak.stood_still()), (Class::Pipe, 25 * MS));
}
