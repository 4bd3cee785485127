//! An allocator's locks are nothing of a run's: whichever it is, and whatever other threads allocate meanwhile.
#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

mod common;

use raddle::{Check, Explore};
use std::alloc::{GlobalAlloc, Layout, System};
use std::hash::{BuildHasher, RandomState};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

/// libc's, behind two locks, one held while the other is waited for: as jemalloc has them, not in any static. They are waited for
/// by a function with a name that mimalloc's have.
struct BehindLocks;

#[global_allocator]
static ALLOCATOR: BehindLocks = BehindLocks;

/// Whether it is just libc's: where that is another one itself.
static IS_PLAIN: AtomicBool = AtomicBool::new(false);

type Locks = [libc::pthread_mutex_t; 2];

fn locks() -> *mut Locks {
    static MADE: AtomicPtr<Locks> = AtomicPtr::new(ptr::null_mut());
    let made = MADE.load(Ordering::Acquire);
    if !made.is_null() {
        return made;
    }
    let (length, access) = (size_of::<Locks>(), libc::PROT_READ | libc::PROT_WRITE);
    // SAFETY: memory where nothing is yet. Its zeros are what PTHREAD_MUTEX_INITIALIZER is.
    let new = unsafe { libc::mmap(ptr::null_mut(), length, access, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) };
    match MADE.compare_exchange(ptr::null_mut(), new.cast(), Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => new.cast(),
        Err(made) => made,
    }
}

#[unsafe(export_name = "mi_of_a_test_lock")]
#[inline(never)]
extern "C" fn lock(which: usize) {
    // SAFETY: one of the two, which are there for ever.
    black_box(unsafe { libc::pthread_mutex_lock(&raw mut (*locks())[which]) });
}

#[unsafe(export_name = "mi_of_a_test_unlock")]
#[inline(never)]
extern "C" fn unlock(which: usize) {
    // SAFETY: as above, and this thread has it.
    black_box(unsafe { libc::pthread_mutex_unlock(&raw mut (*locks())[which]) });
}

fn with_locks<R>(f: impl FnOnce() -> R) -> R {
    if IS_PLAIN.load(Ordering::Relaxed) {
        return f();
    }
    lock(0);
    lock(1);
    let result = f();
    unlock(1);
    // Others may have the first one now, and wait for the second.
    unlock(0);
    result
}

// SAFETY: libc's.
unsafe impl GlobalAlloc for BehindLocks {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller says.
        with_locks(|| unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as the caller says.
        with_locks(|| unsafe { System.dealloc(place, layout) });
    }
}

/// Allocates and frees, many sizes.
fn churns(seed: u64) {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let mut x = seed | 1;
    for _ in 0..300 {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let most = [512, 512, 512, 8_192, 8_192, 100_000, 100_000, 1_000_000][(x >> 61) as usize];
        kept.push(Vec::with_capacity(1 + (x >> 33) as usize % most));
        if kept.len() > 40 {
            let one = (x >> 20) as usize % kept.len();
            black_box(kept.swap_remove(one));
        }
    }
}

async fn scenario() {
    let (sends, receives) = mpsc::channel::<Vec<u8>>();
    let jobs = (0..3).map(|n| {
        let sends = sends.clone();
        raddle::unblock(move || {
            churns(n);
            sends.send(vec![0; 5_000]).unwrap();
            thread::sleep(Duration::from_millis(n));
            churns(n + 9);
        })
    });
    let jobs: Vec<_> = jobs.collect();
    drop(sends);
    let receives = Mutex::new(receives);
    let receiver = raddle::unblock(move || receives.lock().unwrap().iter().map(|sent| sent.len()).sum::<usize>());
    let random = raddle::unblock(|| {
        churns(5);
        RandomState::new().hash_one(1)
    });
    for _ in 0..random.await % 4 {
        raddle::yield_now().await;
    }
    let task = raddle::spawn(async {
        for n in 0..3 {
            churns(n);
            raddle::yield_now().await;
        }
    });
    for job in jobs {
        job.await;
    }
    assert_eq!(receiver.await, 15_000);
    task.await;
}

/// Explores while other threads do the same, come and go.
fn explores_beside_others() {
    let is_over = AtomicBool::new(false);
    let found = thread::scope(|scope| {
        for n in 0..4 {
            let is_over = &is_over;
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    churns(n);
                    let made_elsewhere = vec![1; 300];
                    thread::spawn(move || drop(black_box(made_elsewhere))).join().unwrap();
                }
            });
        }
        let found = Explore::new().seeds(0..40).check(Check::All).require_boundary(true).run(scenario);
        is_over.store(true, Ordering::Relaxed);
        found
    });
    assert!(found.failures().is_empty(), "{found}");
}

#[test]
fn one_with_locks_of_its_own() {
    explores_beside_others();
}

#[test]
#[ignore = "a victim"]
fn explores_with_libcs() {
    if !common::is_victim() {
        return;
    }
    IS_PLAIN.store(true, Ordering::Relaxed);
    // SAFETY: a text that ends in NUL.
    let malloc = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"malloc".as_ptr()) };
    let mut allocator = None;
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: a place for what is told, and any address may be asked about; the name of a library is a text that ends in NUL.
    unsafe {
        if libc::dladdr(malloc, info.as_mut_ptr()) != 0 {
            allocator = std::ffi::CStr::from_ptr(info.assume_init().dli_fname).to_str().ok();
        }
    }
    explores_beside_others();
    println!("explored with {}", allocator.unwrap_or("no library's"));
}

/// Those that Debian has; none is a failure where `TEST_ALLOCATORS` is set, as it is in .ci/run.
#[test]
fn those_that_are_libraries() {
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"].map(Path::new);
    let names = ["libjemalloc.so.2", "libmimalloc.so.2", "libtcmalloc_minimal.so.4"];
    let there: Vec<PathBuf> = names
        .iter()
        .filter_map(|name| folders.iter().map(|folder| folder.join(name)).find(|path| path.exists()))
        .collect();
    let is_wanted = std::env::var_os("TEST_ALLOCATORS").is_some();
    assert!(!there.is_empty() || !is_wanted, "no allocator: install libjemalloc2 and libtcmalloc-minimal4");
    for path in there.iter().map(Some).chain([None]) {
        let told = common::run(common::command("explores_with_libcs").envs(path.map(|path| ("LD_PRELOAD", path))));
        let name = path.map_or("libc.so", |path| path.to_str().unwrap());
        told.says(&["explored with ", name, "test result: ok"]);
    }
}
