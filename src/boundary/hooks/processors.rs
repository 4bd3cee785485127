//! How many processors there are, as libc's functions tell it without asking the kernel about this thread: `sysconf` reads a
//! file, and which processor a thread is on stands in memory that it shares with the kernel.
//!
//! On threads of a world they say what the system call says there, which is the run's to answer.

use super::imp::is_in_a_world;
use super::original::Original;
use std::ffi::{c_int, c_long, c_uint, c_void};
use std::mem;

/// How many processors the calling thread may use, by the system call; `None` if that fails.
fn count() -> Option<c_int> {
    // SAFETY: a set of processors is a row of numbers, of which all may be 0.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: 0 is the calling thread, and the set is as long as it says.
    let result = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    // SAFETY: the set is initialised, and only read.
    (result == 0).then(|| unsafe { libc::CPU_COUNT(&set) })
}

/// `sysconf(3)`.
///
/// # Safety
/// As the original.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sysconf(name: c_int) -> c_long {
    type Sysconf = unsafe extern "C" fn(c_int) -> c_long;
    static ORIGINAL: Original = Original::new(c"sysconf");
    if matches!(name, libc::_SC_NPROCESSORS_ONLN | libc::_SC_NPROCESSORS_CONF)
        && is_in_a_world()
        && let Some(count) = count()
    {
        return count.into();
    }
    let original = ORIGINAL.address();
    if original.is_null() {
        return -1;
    }
    // SAFETY: libc's function of this name has this type, and gets what this one got.
    unsafe { mem::transmute::<*mut c_void, Sysconf>(original)(name) }
}

macro_rules! counts {
    ($($name:ident $text:literal)*) => { $(
        #[doc = concat!("`", stringify!($name), "(3)`.")]
        ///
        /// # Safety
        /// As the original.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name() -> c_int {
            type Count = unsafe extern "C" fn() -> c_int;
            static ORIGINAL: Original = Original::new($text);
            if is_in_a_world() && let Some(count) = count() {
                return count;
            }
            let original = ORIGINAL.address();
            if original.is_null() {
                return 1;
            }
            // SAFETY: as in sysconf.
            unsafe { mem::transmute::<*mut c_void, Count>(original)() }
        }
    )* };
}

counts! {
    get_nprocs c"get_nprocs"
    get_nprocs_conf c"get_nprocs_conf"
}

/// `sched_getcpu(3)`: threads of a world are on the first processor.
///
/// # Safety
/// As the original.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sched_getcpu() -> c_int {
    type Where = unsafe extern "C" fn() -> c_int;
    static ORIGINAL: Original = Original::new(c"sched_getcpu");
    if is_in_a_world() {
        return 0;
    }
    let original = ORIGINAL.address();
    if original.is_null() {
        return -1;
    }
    // SAFETY: as in sysconf.
    unsafe { mem::transmute::<*mut c_void, Where>(original)() }
}

/// `getcpu(3)`.
///
/// # Safety
/// As the original: each of the two is null or a place for a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getcpu(processor: *mut c_uint, node: *mut c_uint) -> c_int {
    type Where = unsafe extern "C" fn(*mut c_uint, *mut c_uint) -> c_int;
    static ORIGINAL: Original = Original::new(c"getcpu");
    if is_in_a_world() {
        for place in [processor, node].into_iter().filter(|place| !place.is_null()) {
            // SAFETY: not null, so a place for a number, says the caller.
            unsafe { place.write(0) };
        }
        return 0;
    }
    let original = ORIGINAL.address();
    if original.is_null() {
        return -1;
    }
    // SAFETY: as in sysconf.
    unsafe { mem::transmute::<*mut c_void, Where>(original)(processor, node) }
}
