//! Waits that few make: for signals, semaphores, messages, a ring of io_uring; and locks of C's that few use.

use super::{MS, c, quiet, table, time};
use raddle::{Check, Class, Explore, FindingKind, Sim};
use std::ffi::c_void;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// What `job` gives, which has to take so long in virtual time.
#[track_caller]
fn takes<T: std::fmt::Debug + Send + 'static>(duration: Duration, job: fn() -> T) -> T {
    let report = Sim::new().require_boundary(true).run(move || raddle::unblock(job));
    assert_eq!(report.elapsed(), duration, "{report}");
    report.unwrap()
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap()
}

/// A set with SIGURG only, which nobody sends, and whose absence nobody minds.
fn signals() -> libc::sigset_t {
    // SAFETY: zeros are a set, and both calls write to it only.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGURG);
        set
    }
}

fn wait_for_a_signal(most: Duration) -> i32 {
    c!(libc::sigtimedwait(&signals(), std::ptr::null_mut(), &time(most)))
}

#[test]
fn signals_are_waited_for() {
    table(&[("sigtimedwait", Class::Readiness, |_| assert_eq!(wait_for_a_signal(MS), -1))]);
    quiet(&[("no time", |_| assert_eq!(wait_for_a_signal(Duration::ZERO), -1))]);
    assert_eq!(takes(HOUR, || (wait_for_a_signal(HOUR), errno())), (-1, libc::EAGAIN));
    // On the loop it would never end.
    let report = Sim::new().require_boundary(true).run(|| async {
        raddle::task("sleeper").spawn(async { c!(libc::pause()) }).await;
    });
    let [leak] = report.leaks() else { panic!("{report}") };
    assert!(leak.is_for_ever() && leak.task() == "sleeper" && leak.call() == "wait for a signal", "{report}");
    // One that waits for ever keeps nobody from going on.
    let report = Sim::new().require_boundary(true).run(|| async {
        let _signals = raddle::unblock(|| {
            thread::spawn(|| {
                let mut signal = 0;
                c!(libc::sigwait(&signals(), &mut signal))
            });
        })
        .await;
        raddle::sleep(HOUR).await;
    });
    assert_eq!(report.elapsed(), HOUR);
    assert!(report.is_ok(), "{report}");
}

/// A set of one semaphore, until it is dropped.
struct Semaphore(i32);

impl Semaphore {
    fn new() -> Semaphore {
        let set = c!(libc::semget(libc::IPC_PRIVATE, 1, 0o600));
        assert!(set >= 0, "{}", std::io::Error::last_os_error());
        Semaphore(set)
    }

    fn operate(&self, by: i16, flags: i32, most: Option<Duration>) -> i32 {
        let mut operation = libc::sembuf { sem_num: 0, sem_op: by, sem_flg: flags as i16 };
        match most.map(time) {
            None => c!(libc::semop(self.0, &mut operation, 1)),
            Some(most) => c!(libc::syscall(libc::SYS_semtimedop, self.0, &mut operation, 1, &most)) as i32,
        }
    }
}

impl Drop for Semaphore {
    fn drop(&mut self) {
        c!(libc::semctl(self.0, 0, libc::IPC_RMID));
    }
}

#[test]
fn semaphores() {
    table(&[
        ("semop", Class::Lock, |_| {
            let semaphore = Arc::new(Semaphore::new());
            let theirs = semaphore.clone();
            let thread = thread::spawn(move || assert_eq!(theirs.operate(1, 0, None), 0));
            assert_eq!(semaphore.operate(-1, 0, None), 0);
            drop(thread);
        }),
        ("semtimedop", Class::Lock, |_| assert_eq!(Semaphore::new().operate(-1, 0, Some(MS)), -1)),
    ]);
    quiet(&[
        ("free", |_| {
            let semaphore = Semaphore::new();
            assert_eq!(semaphore.operate(1, 0, None) + semaphore.operate(-1, 0, Some(MS)), 0);
        }),
        ("IPC_NOWAIT", |_| assert_eq!(Semaphore::new().operate(-1, libc::IPC_NOWAIT, None), -1)),
    ]);
    assert_eq!(takes(HOUR, || (Semaphore::new().operate(-1, 0, Some(HOUR)), errno())), (-1, libc::EAGAIN));
    let report = Sim::new().require_boundary(true).run(|| raddle::unblock(|| Semaphore::new().operate(-1, 0, None)));
    assert_eq!(report.finding().map(|finding| finding.kind()), Some(FindingKind::Deadlock), "{report}");
    assert!(report.to_string().contains("suspended in job semaphores#1, waiting for a semaphore"), "{report}");
    takes(2 * MS, || {
        let semaphore = Semaphore::new();
        thread::scope(|scope| {
            let given = scope.spawn(|| {
                thread::sleep(2 * MS);
                semaphore.operate(1, 0, None)
            });
            assert_eq!(semaphore.operate(-1, 0, Some(HOUR)) + given.join().unwrap(), 0);
        });
    });
}

/// A queue of System V for messages of one byte, until it is dropped.
struct Queue(i32);

#[repr(C)]
struct Message {
    sort: libc::c_long,
    byte: u8,
}

impl Queue {
    fn new() -> Queue {
        let queue = c!(libc::msgget(libc::IPC_PRIVATE, 0o600));
        assert!(queue >= 0, "{}", std::io::Error::last_os_error());
        Queue(queue)
    }

    fn send(&self, byte: u8) {
        let message = Message { sort: 1, byte };
        assert_eq!(c!(libc::msgsnd(self.0, std::ptr::from_ref(&message).cast::<c_void>(), 1, 0)), 0);
    }

    fn receive(&self, flags: i32) -> Option<u8> {
        let mut message = Message { sort: 0, byte: 0 };
        let place = std::ptr::from_mut(&mut message).cast::<c_void>();
        (c!(libc::msgrcv(self.0, place, 1, 0, flags)) == 1).then_some(message.byte)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        c!(libc::msgctl(self.0, libc::IPC_RMID, std::ptr::null_mut()));
    }
}

#[test]
fn messages() {
    table(&[("msgrcv", Class::Pipe, |_| {
        let queue = Arc::new(Queue::new());
        let theirs = queue.clone();
        let thread = thread::spawn(move || theirs.send(7));
        assert_eq!(queue.receive(0), Some(7));
        drop(thread);
    })]);
    quiet(&[("what is there", |_| {
        let queue = Queue::new();
        queue.send(7);
        assert_eq!((queue.receive(0), queue.receive(libc::IPC_NOWAIT)), (Some(7), None));
    })]);
}

/// A queue of POSIX with room for one message, until it is dropped.
struct Named(libc::mqd_t);

impl Named {
    /// `None` where the system has none of these.
    fn new(flags: i32) -> Option<Named> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = std::ffi::CString::new(format!("/raddle-{}-{number}", std::process::id())).unwrap();
        // SAFETY: zeros are attributes.
        let mut attributes: libc::mq_attr = unsafe { std::mem::zeroed() };
        (attributes.mq_maxmsg, attributes.mq_msgsize) = (1, 8);
        let flags = libc::O_CREAT | libc::O_RDWR | flags;
        let queue = c!(libc::mq_open(name.as_ptr(), flags, 0o600, std::ptr::from_mut(&mut attributes)));
        assert!(queue >= 0 || errno() == libc::ENOSYS, "{}", std::io::Error::last_os_error());
        c!(libc::mq_unlink(name.as_ptr()));
        (queue >= 0).then_some(Named(queue))
    }

    fn send(&self) -> i32 {
        c!(libc::mq_send(self.0, c"x".as_ptr(), 1, 0))
    }

    fn receive(&self) -> isize {
        let mut room = [0; 8];
        c!(libc::mq_receive(self.0, room.as_mut_ptr(), room.len(), std::ptr::null_mut()))
    }

    fn receive_within(&self, most: Duration) -> isize {
        let mut now = time(Duration::ZERO);
        c!(libc::clock_gettime(libc::CLOCK_REALTIME, &mut now));
        let until = time(Duration::new(now.tv_sec as u64, now.tv_nsec as u32) + most);
        let mut room = [0; 8];
        c!(libc::mq_timedreceive(self.0, room.as_mut_ptr(), room.len(), std::ptr::null_mut(), &until))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        c!(libc::mq_close(self.0));
    }
}

#[test]
fn messages_by_name() {
    if Named::new(0).is_none() {
        return eprintln!("this system has no queues of POSIX");
    }
    table(&[
        ("mq_receive", Class::Pipe, |_| {
            let queue = Arc::new(Named::new(0).unwrap());
            let theirs = queue.clone();
            let thread = thread::spawn(move || assert_eq!(theirs.send(), 0));
            assert_eq!(queue.receive(), 1);
            drop(thread);
        }),
        ("mq_send to a full one", Class::Pipe, |_| {
            let queue = Arc::new(Named::new(0).unwrap());
            assert_eq!(queue.send(), 0);
            let theirs = queue.clone();
            let thread = thread::spawn(move || assert_eq!(theirs.receive(), 1));
            assert_eq!(queue.send(), 0);
            drop(thread);
        }),
    ]);
    quiet(&[("O_NONBLOCK", |_| {
        let queue = Named::new(libc::O_NONBLOCK).unwrap();
        assert_eq!((queue.receive(), queue.send(), queue.send(), queue.receive()), (-1, 0, -1, 1));
    })]);
    let (result, errno) = takes(HOUR, || (Named::new(0).unwrap().receive_within(HOUR), errno()));
    assert_eq!((result, errno), (-1, libc::ETIMEDOUT));
}

/// A ring with room for four, as bare as can be.
struct Ring {
    fd: i32,
    rings: *mut u8,
    entries: *mut u8,
    parameters: [u32; 30],
}

impl Ring {
    const SIZE: usize = 4096;
    const ENTRIES: i64 = 0x1000_0000;
    const READ: u8 = 22;

    /// `None` where the kernel refuses, as it does in many containers.
    fn new() -> Option<Ring> {
        let mut parameters = [0u32; 30];
        let fd = c!(libc::syscall(libc::SYS_io_uring_setup, 4, parameters.as_mut_ptr())) as i32;
        assert!(fd >= 0 || [libc::ENOSYS, libc::EPERM].contains(&errno()), "{}", std::io::Error::last_os_error());
        let map = |at: i64| {
            let (access, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_POPULATE);
            c!(libc::mmap(std::ptr::null_mut(), Ring::SIZE, access, shared, fd, at)).cast::<u8>()
        };
        (fd >= 0).then(|| Ring { fd, rings: map(0), entries: map(Ring::ENTRIES), parameters })
    }

    /// The word of the rings whose offset is at this place of the parameters.
    fn word(&self, place: usize) -> *mut u32 {
        // SAFETY: the kernel says where it is, within the page.
        unsafe { self.rings.add(self.parameters[place] as usize).cast() }
    }

    /// Has the kernel read a byte.
    fn read(&self, fd: i32, byte: &mut u8) {
        let mut entry = [0u8; 64];
        entry[0] = Ring::READ;
        entry[4..8].copy_from_slice(&fd.to_ne_bytes());
        entry[8..16].copy_from_slice(&u64::MAX.to_ne_bytes());
        entry[16..24].copy_from_slice(&(std::ptr::from_mut(byte) as u64).to_ne_bytes());
        entry[24..28].copy_from_slice(&1u32.to_ne_bytes());
        // SAFETY: the first entry, the first place of the array, and the tail of what is to be done, which is empty.
        unsafe {
            std::ptr::copy_nonoverlapping(entry.as_ptr(), self.entries, entry.len());
            self.word(16).write(0);
            self.word(11).write(self.word(11).read() + 1);
        }
    }

    /// Submits what there is, and waits for one to be done.
    fn wait(&self, most: Option<Duration>) -> i64 {
        const WAIT: u32 = 1;
        const WITH_TIME: u32 = 8;
        let time = most.map(time);
        let more = [0, 0, time.as_ref().map_or(0, |time| std::ptr::from_ref(time) as u64)];
        let submitted = i32::from(most.is_none());
        match most {
            None => c!(libc::syscall(libc::SYS_io_uring_enter, self.fd, submitted, 1, WAIT, 0, 0)),
            Some(_) => {
                c!(libc::syscall(libc::SYS_io_uring_enter, self.fd, 0, 1, WAIT | WITH_TIME, more.as_ptr(), 24))
            }
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        c!(libc::munmap(self.rings.cast(), Ring::SIZE));
        c!(libc::munmap(self.entries.cast(), Ring::SIZE));
        c!(libc::close(self.fd));
    }
}

#[test]
fn rings() {
    use super::descriptors::give;
    use std::os::fd::AsRawFd;
    if Ring::new().is_none() {
        return eprintln!("this system refuses io_uring");
    }
    table(&[
        ("a read of a pipe", Class::Readiness, |t| {
            let (ring, mut byte) = (Ring::new().unwrap(), 0);
            ring.read(t.pipe.0.as_raw_fd(), &mut byte);
            give(t);
            assert_eq!(ring.wait(None), 1);
            // SAFETY: the kernel has written it, unseen by the compiler.
            assert_eq!(unsafe { std::ptr::read_volatile(&byte) }, b'x');
        }),
        ("a read of a file", Class::Readiness, |t| {
            let (ring, mut byte) = (Ring::new().unwrap(), 0);
            ring.read(t.file.as_raw_fd(), &mut byte);
            assert_eq!(ring.wait(None), 1);
            // SAFETY: as above.
            assert_eq!(unsafe { std::ptr::read_volatile(&byte) }, b't');
        }),
    ]);
    let (result, errno) = takes(HOUR, || (Ring::new().unwrap().wait(Some(HOUR)), errno()));
    assert_eq!((result, errno), (-1, libc::ETIME));
}

/// What holds its owner's number, and hands that one's priority on.
#[test]
fn a_mutex_that_hands_priorities_on() {
    fn work(mutex: usize) {
        let mutex = mutex as *mut libc::pthread_mutex_t;
        for _ in 0..3 {
            assert_eq!(c!(libc::pthread_mutex_lock(mutex)), 0);
            thread::sleep(MS);
            assert_eq!(c!(libc::pthread_mutex_unlock(mutex)), 0);
        }
    }
    fn contend(robust: bool) {
        // SAFETY: zeros are room for both, which are initialised before they are used.
        let (mut mutex, mut attributes): (Box<libc::pthread_mutex_t>, libc::pthread_mutexattr_t) =
            unsafe { (Box::new(std::mem::zeroed()), std::mem::zeroed()) };
        c!(libc::pthread_mutexattr_init(&mut attributes));
        let result = match robust {
            true => c!(libc::pthread_mutexattr_setrobust(&mut attributes, libc::PTHREAD_MUTEX_ROBUST)),
            false => c!(libc::pthread_mutexattr_setprotocol(&mut attributes, libc::PTHREAD_PRIO_INHERIT)),
        };
        assert_eq!(result, 0);
        c!(libc::pthread_mutex_init(&mut *mutex, &attributes));
        let place = &raw mut *mutex as usize;
        thread::scope(|scope| {
            scope.spawn(move || work(place));
            work(place);
        });
        c!(libc::pthread_mutex_destroy(&mut *mutex));
    }
    takes(6 * MS, || contend(false));
    takes(6 * MS, || contend(true));
}

/// Whoever is to wait elsewhere from now on is woken, as a wait may end at any time.
#[test]
fn those_who_wait_for_a_word_are_sent_to_another() {
    let requeued = takes(MS, || {
        let words = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let words = words.clone();
                thread::spawn(move || c!(libc::syscall(libc::SYS_futex, &words[0], libc::FUTEX_WAIT, 0, 0)))
            })
            .collect();
        thread::sleep(MS);
        let requeue = |value: u32| {
            let op = libc::FUTEX_CMP_REQUEUE;
            c!(libc::syscall(libc::SYS_futex, &words[0], op, 1, i64::from(i32::MAX), &words[1], value))
        };
        let (refused, done) = (requeue(1), requeue(0));
        waiters.into_iter().for_each(|waiter| assert_eq!(waiter.join().unwrap(), 0));
        (refused, done)
    });
    assert_eq!(requeued, (-1, 3));
}

/// Whoever waits for a word that has changed, and was not woken, sees that when a descriptor is closed, as of somebody it may
/// have to do with. What libc opens and closes for itself is nobody's: the allocator does so once a process, in whichever run.
#[test]
fn what_libc_closes_for_itself_is_seen_by_nobody() {
    /// Who has come to its end first: whoever waits, or who closes and then gives way.
    fn first(closes: fn()) -> Vec<String> {
        let found = Explore::new().seeds(0..32).require_boundary(true).check(Check::All).run(move || {
            raddle::unblock(move || {
                let word = Arc::new(AtomicU32::new(0));
                let (ended, ends) = std::sync::mpsc::channel();
                let (theirs, is_over) = (word.clone(), ended.clone());
                let waiter = thread::spawn(move || {
                    c!(libc::syscall(libc::SYS_futex, &*theirs, libc::FUTEX_WAIT, 0, 0));
                    is_over.send("who waits").unwrap();
                });
                thread::sleep(MS);
                word.store(1, Ordering::Relaxed);
                closes();
                (0..3).for_each(|_| thread::yield_now());
                ended.send("who closes").unwrap();
                waiter.join().unwrap();
                ends.recv().unwrap()
            })
        });
        assert!(found.is_ok(), "{found}");
        found.outcomes().iter().map(|outcome| outcome.text().to_string()).collect()
    }
    let mut of_file = first(|| drop(File::open("/etc/passwd").unwrap()));
    of_file.sort();
    assert_eq!(of_file, [r#""who closes""#, r#""who waits""#]);
    let of_libc = first(|| {
        let (mut user, mut room, mut found) = (std::mem::MaybeUninit::uninit(), [0; 4096], std::ptr::null_mut());
        c!(libc::getpwuid_r(0, user.as_mut_ptr(), room.as_mut_ptr(), room.len(), &mut found));
    });
    assert_eq!(of_libc, [r#""who closes""#]);
}
