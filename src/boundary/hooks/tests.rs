//! The hooks from within: clocks, entropy, and what a thread keeps.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::*;

/// Runs on a thread that has drawn nothing and set nothing.
fn fresh<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    std::thread::spawn(f).join().unwrap()
}

thread_local! { static SEED: Cell<u64> = const { Cell::new(0) }; }

fn fill(bytes: &mut [u8]) {
    for byte in bytes {
        SEED.set(SEED.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
        *byte = (SEED.get() >> 56) as u8;
    }
}

static NOBODY_HAS: AtomicBool = AtomicBool::new(false);

#[test]
fn the_clock_is_virtual_where_it_was_set() {
    if !SUPPORTED {
        return;
    }
    static CLOCK: AtomicU64 = AtomicU64::new(0);
    fresh(|| {
        let real = SystemTime::now();
        assert!(real > SystemTime::UNIX_EPOCH + Duration::from_secs(REALTIME_ORIGIN + 86_400));
        virtual_clock(Some(VirtualClock { now: &CLOCK, has_waited: &NOBODY_HAS }));
        let (instant, system) = (Instant::now(), SystemTime::now());
        assert_eq!(system, SystemTime::UNIX_EPOCH + Duration::from_secs(REALTIME_ORIGIN));
        assert_eq!((Instant::now(), SystemTime::now()), (instant, system));
        CLOCK.store(90_000_000_001, Ordering::Relaxed);
        assert_eq!(instant.elapsed(), Duration::from_nanos(90_000_000_001));
        assert_eq!(system.elapsed().unwrap(), Duration::from_nanos(90_000_000_001));
        assert!(fresh(SystemTime::now) >= real);
        virtual_clock(None);
        assert!(SystemTime::now() >= real);
    });
}

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
#[test]
fn every_clock_but_cpu_time() {
    static CLOCK: AtomicU64 = AtomicU64::new(1_500_000_000);
    fn read(id: libc::clockid_t) -> (i64, i64) {
        let mut time = libc::timespec { tv_sec: -1, tv_nsec: -1 };
        // SAFETY: `time` is a place for a timespec.
        assert_eq!(unsafe { libc::clock_gettime(id, &mut time) }, 0);
        (time.tv_sec, time.tv_nsec)
    }
    fresh(|| {
        virtual_clock(Some(VirtualClock { now: &CLOCK, has_waited: &NOBODY_HAS }));
        for id in [libc::CLOCK_REALTIME, libc::CLOCK_REALTIME_COARSE, libc::CLOCK_TAI] {
            assert_eq!(read(id), (946_684_801, 500_000_000));
        }
        for id in [libc::CLOCK_MONOTONIC, libc::CLOCK_MONOTONIC_RAW, libc::CLOCK_MONOTONIC_COARSE, libc::CLOCK_BOOTTIME]
        {
            assert_eq!(read(id), (1_000_001, 500_000_000));
        }
        for id in [libc::CLOCK_PROCESS_CPUTIME_ID, libc::CLOCK_THREAD_CPUTIME_ID] {
            assert_ne!(read(id), read(id));
        }
        let mut time = libc::timeval { tv_sec: 0, tv_usec: 0 };
        let mut seconds = 0;
        // SAFETY: places of the right types, or null, which both allow.
        unsafe {
            assert_eq!(libc::gettimeofday(&mut time, std::ptr::null_mut()), 0);
            assert_eq!(libc::time(&mut seconds), 946_684_801);
            assert_eq!(libc::time(std::ptr::null_mut()), 946_684_801);
        }
        assert_eq!((time.tv_sec, time.tv_usec, seconds), (946_684_801, 500_000, 946_684_801));
    });
}

#[test]
fn the_same_seed_gives_the_same_hash_order() {
    if !SUPPORTED {
        return;
    }
    let order = |seed: u64| {
        fresh(move || {
            SEED.set(seed);
            entropy(Some(fill));
            assert_eq!(draws(), 0);
            let first: HashMap<u32, ()> = (0..64).map(|n| (n, ())).collect();
            assert_eq!(draws(), 1);
            let second: HashSet<u32> = (0..64).collect();
            assert_eq!(draws(), 1, "std draws once a thread");
            (first.into_keys().collect::<Vec<_>>(), second.into_iter().collect::<Vec<_>>())
        })
    };
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2));
}

#[test]
fn real_entropy_is_counted_too() {
    if !SUPPORTED {
        return;
    }
    let order = || {
        fresh(|| {
            let order: Vec<u32> = (0..64).collect::<HashSet<_>>().into_iter().collect();
            (draws(), order)
        })
    };
    let (one, two) = (order(), order());
    assert_eq!((one.0, two.0), (1, 1));
    assert_ne!(one.1, two.1);
}

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
#[test]
fn found_by_dlsym_and_by_call() {
    fresh(|| {
        SEED.set(3);
        entropy(Some(fill));
        let (mut one, mut two, mut three) = ([0u8; 16], [0u8; 16], [0u8; 300]);
        // SAFETY: each call gets a buffer and its length; dlsym's answer is our own getrandom.
        unsafe {
            assert_eq!(libc::getrandom(one.as_mut_ptr().cast(), 16, 0), 16);
            SEED.set(3);
            let found = libc::dlsym(libc::RTLD_DEFAULT, c"getrandom".as_ptr());
            type Getrandom = unsafe extern "C" fn(*mut u8, usize, u32) -> isize;
            assert_eq!(std::mem::transmute::<*mut libc::c_void, Getrandom>(found)(two.as_mut_ptr(), 16, 0), 16);
            assert_eq!(one, two);
            SEED.set(3);
            assert_eq!(libc::getentropy(two.as_mut_ptr().cast(), 16), 0);
            assert_eq!(one, two);
            assert_eq!(libc::getentropy(three.as_mut_ptr().cast(), 300), -1);
            assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::EIO));
            SEED.set(3);
            two = [0; 16];
            assert_eq!(libc::syscall(libc::SYS_getrandom, two.as_mut_ptr(), 16, 0), 16);
            assert_eq!(one, two);
            assert_eq!(libc::getrandom(std::ptr::null_mut(), 0, 0), 0);
        }
        assert_eq!(draws(), 4);
    });
}

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
#[test]
fn other_system_calls_pass_through() {
    // SAFETY: getppid has no arguments; close of -1 fails; mmap takes six and maps one page, which
    // the test unmaps.
    unsafe {
        assert_eq!(libc::syscall(libc::SYS_getppid), libc::c_long::from(libc::getppid()));
        assert_eq!(libc::syscall(libc::SYS_close, -1), -1);
        assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::EBADF));
        let (protection, flags) = (libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let page = libc::syscall(libc::SYS_mmap, 0usize, 4096usize, protection, flags, -1i64, 0usize);
        assert!(page > 0);
        assert_eq!(*(page as *const u8), 0);
        assert_eq!(libc::syscall(libc::SYS_munmap, page, 4096usize), 0);
    }
}

#[test]
fn destructors_of_thread_locals_are_counted() {
    static DROPS: AtomicU64 = AtomicU64::new(0);
    struct Drops(u64);
    impl Drop for Drops {
        fn drop(&mut self) {
            DROPS.fetch_add(self.0, Ordering::SeqCst);
        }
    }
    thread_local! {
        static LAZY: Drops = Drops(u64::from(std::process::id().min(1)));
        static CONST: Drops = const { Drops(1) };
        static PLAIN: Cell<u32> = const { Cell::new(0) };
    }
    if !SUPPORTED {
        return;
    }
    fresh(|| {
        let before = tls_destructors();
        PLAIN.set(1);
        assert_eq!(tls_destructors(), before);
        LAZY.with(|_| ());
        assert_eq!(tls_destructors(), before + 1);
        CONST.with(|_| LAZY.with(|_| ()));
        assert_eq!(tls_destructors(), before + 2);
    });
    assert_eq!(DROPS.load(Ordering::SeqCst), 2);
}
