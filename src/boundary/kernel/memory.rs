//! Memory at addresses that may be wrong, and stacks.

use super::arch::raw;
use std::ffi::{CStr, c_int, c_void};
use std::mem;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// A process whose memory is read.
#[derive(Clone, Copy)]
pub(super) enum Process {
    This,
    Other(u32),
}

/// Copies memory at an address that may be wrong; how many bytes could be read.
pub fn peek(address: usize, out: &mut [u8]) -> usize {
    peek_of(Process::This, address, out)
}

fn peek_of(process: Process, address: usize, out: &mut [u8]) -> usize {
    let local = libc::iovec { iov_base: out.as_mut_ptr().cast(), iov_len: out.len() };
    // Up to the end of a page, and from there on: a text may end just before memory that is not there.
    let first = (4096 - address % 4096).min(out.len());
    let remote = [
        libc::iovec { iov_base: address as *mut c_void, iov_len: first },
        libc::iovec { iov_base: address.wrapping_add(first) as *mut c_void, iov_len: out.len() - first },
    ];
    let process = match process {
        Process::This => raw(libc::SYS_getpid, [0; 6]),
        Process::Other(process) => process.into(),
    };
    let local = ptr::from_ref(&local) as i64;
    // The kernel writes to `out` only, and answers EFAULT for an address that cannot be read.
    let read = raw(libc::SYS_process_vm_readv, [process, local, 1, remote.as_ptr() as i64, 2, 0]);
    if read < 0 { 0 } else { read as usize }
}

/// The words at an address that may be wrong; `None` if not all of them can be read.
pub(super) fn peek_words<const N: usize>(address: usize) -> Option<[u64; N]> {
    peek_words_of(Process::This, address)
}

/// The same of another process.
pub(super) fn peek_words_of<const N: usize>(process: Process, address: usize) -> Option<[u64; N]> {
    let mut words = [[0; 8]; N];
    let bytes = words.as_flattened_mut();
    (peek_of(process, address, bytes) == bytes.len()).then(|| words.map(u64::from_ne_bytes))
}

/// Copies to memory at an address that may be wrong; how many bytes could be written.
pub fn poke(address: usize, bytes: &[u8]) -> usize {
    let local = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let remote = libc::iovec { iov_base: address as *mut c_void, iov_len: bytes.len() };
    let process = raw(libc::SYS_getpid, [0; 6]);
    let (local, remote) = (ptr::from_ref(&local) as i64, ptr::from_ref(&remote) as i64);
    // Memory that a call under test gave the kernel to write to.
    let written = raw(libc::SYS_process_vm_writev, [process, local, 1, remote, 1, 0]);
    if written < 0 { 0 } else { written as usize }
}

/// Where the static memory of libc and of its loader is: from, to.
static LIBCS: [(AtomicUsize, AtomicUsize); 2] = [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; 2];

/// Shows each object that is loaded: its name, and where it is.
fn objects<S: FnMut(&CStr, Range<usize>)>(mut see: S) {
    unsafe extern "C" fn look<F: FnMut(&CStr, Range<usize>)>(
        info: *mut libc::dl_phdr_info,
        _: usize,
        see: *mut c_void,
    ) -> c_int {
        // SAFETY: the loader passes its description of an object: a name that ends in NUL, and so many program headers; and
        // what it was given, which is a closure of this type that nobody else uses meanwhile.
        let (base, headers, name, see) = unsafe {
            let info = &*info;
            let headers = std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into());
            (info.dlpi_addr as usize, headers, CStr::from_ptr(info.dlpi_name), &mut *see.cast::<F>())
        };
        let loaded = headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
        let (from, to) = loaded.fold((usize::MAX, 0), |(from, to), header| {
            let start = base + header.p_vaddr as usize;
            (from.min(start), to.max(start + header.p_memsz as usize))
        });
        see(name, from..to);
        0
    }
    // SAFETY: `look` takes what the loader passes, and a closure of just this type.
    unsafe { libc::dl_iterate_phdr(Some(look::<S>), (&raw mut see).cast()) };
}

/// Where the object is that has this address in it.
fn object_with(address: usize) -> Option<Range<usize>> {
    let mut found = None;
    objects(|_, object| found = found.take().or(Some(object).filter(|object| object.contains(&address))));
    found
}

/// Finds out where libc and its loader are.
pub(super) fn find_libc() {
    objects(|name, object| {
        let which = match object.contains(&(libc::abort as *const () as usize)) {
            true => &LIBCS[0],
            false if name.to_string_lossy().contains("/ld-") => &LIBCS[1],
            false => return,
        };
        which.0.store(object.start, Ordering::Relaxed);
        which.1.store(object.end, Ordering::Relaxed);
    });
}

/// Where the library is that has the allocator, if that is neither libc's nor in the binary itself: from, to. One that stands
/// between code under test and its locks as well, as a sanitizer's does, is none: who waits there need not be the allocator.
pub(super) fn library_with_malloc() -> Option<Range<usize>> {
    // SAFETY: texts that end in NUL.
    let [malloc, lock] = [c"malloc", c"pthread_mutex_lock"]
        .map(|name| unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) } as usize);
    object_with(malloc).filter(|object| !object.contains(&lock) && !is_static(malloc))
}

/// Whether an address is where libc has its own locks: in its static memory, or at the head of one of its heaps.
pub(super) fn is_libcs(address: usize) -> bool {
    /// HEAP_MAX_SIZE of glibc's arenas, which are aligned to that. An arena begins with the description of its first heap
    /// (32 to 48 bytes) and its own, whose first word is its lock; not much behind that is memory that was given out.
    const HEAP: usize = 64 << 20;
    const HEAD: usize = 64;
    let is_within = |(from, to): &(AtomicUsize, AtomicUsize)| {
        (from.load(Ordering::Relaxed)..to.load(Ordering::Relaxed)).contains(&address)
    };
    LIBCS.iter().any(is_within) || address % HEAP < HEAD
}

/// Whether an address is in libc, its code or its static memory.
pub(super) fn is_in_libc(address: usize) -> bool {
    let (from, to) = &LIBCS[0];
    (from.load(Ordering::Relaxed)..to.load(Ordering::Relaxed)).contains(&address)
}

/// Whether an address is in the loader: whoever makes a call from there may hold the loader's lock.
pub(super) fn is_loaders(address: usize) -> bool {
    let (from, to) = &LIBCS[1];
    (from.load(Ordering::Relaxed)..to.load(Ordering::Relaxed)).contains(&address)
}

unsafe extern "C" {
    // Of the linker: only their addresses mean something.
    static __executable_start: u8;
    static _end: u8;
}

/// Where a function of libc's, or of a library that has it in its place, stands: from, to; nothing if there is none of this name.
/// Not for the handler.
pub(super) fn function(name: &CStr) -> Option<(usize, usize)> {
    /// Of dlfcn.h: what is asked for is the symbol.
    const SYMBOL: c_int = 1;
    let mut info = mem::MaybeUninit::<libc::Dl_info>::zeroed();
    let mut symbol = ptr::null_mut::<c_void>();
    // SAFETY: a text that ends in NUL; places for a Dl_info and for a pointer, both valid as zeros. What is pointed to is the
    // symbol in the table of whatever has the function, there as long as that is loaded.
    unsafe {
        let address = libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
        if address.is_null()
            || libc::dladdr1(address, info.as_mut_ptr(), &raw mut symbol, SYMBOL) == 0
            || symbol.is_null()
        {
            return None;
        }
        let size = (*symbol.cast::<libc::Elf64_Sym>()).st_size as usize;
        Some((address as usize, address as usize + size))
    }
}

/// What a function of libc's ends in, if that is a jump to another, as `fopen` does: from, to. How long that one is, is not known;
/// most are not longer than this.
pub(super) fn jumps_on_to((from, to): (usize, usize)) -> Option<(usize, usize)> {
    const JUMP: u8 = 0xe9;
    const LENGTH: usize = 512;
    let mut last = [0; 5];
    if to - from < last.len() || peek(to - last.len(), &mut last) != last.len() || last[0] != JUMP {
        return None;
    }
    let distance = i32::from_ne_bytes([last[1], last[2], last[3], last[4]]);
    let target = to.wrapping_add_signed(distance as isize);
    is_in_libc(target).then_some((target, target + LENGTH))
}

/// Whether an address is in the binary itself: in its code, or in its static memory.
pub fn is_static(address: usize) -> bool {
    (executable_start()..&raw const _end as usize).contains(&address)
}

/// Where the binary itself was loaded.
pub(super) fn executable_start() -> usize {
    &raw const __executable_start as usize
}

/// Whether the word at an address holds `value`; also if the word is not there any more.
pub fn word_is(address: usize, value: u32) -> bool {
    let mut bytes = [0; 4];
    peek(address, &mut bytes) != 4 || u32::from_ne_bytes(bytes) == value
}

/// The word at an address in the binary's own static memory, at a multiple of its size; 0 elsewhere.
pub(super) fn static_word(address: usize) -> u32 {
    let word = address as *mut u32;
    if !word.is_aligned() || !is_static(address) {
        return 0;
    }
    // SAFETY: it is asked for where a symbol of the binary stands: there for as long as the process is, and read as what it is
    // written to as, an atomic.
    unsafe { AtomicU32::from_ptr(word) }.load(Ordering::Relaxed)
}

/// The name of the function that a library exports nearest below an address. Not for the handler.
pub fn exported(address: usize) -> Option<String> {
    let mut info = mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: a place for a Dl_info, which zeros are a valid value of; any address may be asked about. The name is a text
    // of the library's that ends in NUL, there as long as the library is; it is copied at once.
    unsafe {
        if libc::dladdr(address as *const c_void, info.as_mut_ptr()) == 0 {
            return None;
        }
        let name = info.assume_init().dli_sname;
        (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}

unsafe extern "C" {
    // Of the unwinder that std links, by the Itanium C++ ABI.
    fn _Unwind_Backtrace(step: extern "C" fn(*mut c_void, *mut c_void) -> c_int, walk: *mut c_void) -> c_int;
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
    fn _Unwind_GetCFA(frame: *mut c_void) -> usize;
}

/// Shows return addresses to `see`, innermost first, with where the stack pointer is back there, until that says no or there are
/// no more. Neither allocates nor takes a lock
/// since glibc 2.35 (`_dl_find_object`); before that it takes the loader's, which is recursive.
pub(super) fn walk<F: FnMut(usize, usize) -> bool>(mut see: F) {
    extern "C" fn step<F: FnMut(usize, usize) -> bool>(frame: *mut c_void, see: *mut c_void) -> c_int {
        // SAFETY: the unwinder passes its frame and the pointer it was given below, alive during the walk.
        let (see, address, stack) = unsafe { (&mut *see.cast::<F>(), _Unwind_GetIP(frame), _Unwind_GetCFA(frame)) };
        c_int::from(address == 0 || !see(address, stack))
    }
    // SAFETY: `step` and `see` are what the unwinder calls and passes on; it only reads the stack.
    unsafe { _Unwind_Backtrace(step::<F>, (&raw mut see).cast()) };
}

/// Return addresses, innermost first; how many there are. As [`walk`].
pub fn backtrace(out: &mut [usize]) -> usize {
    let mut count = 0;
    walk(|address, _| {
        let place = out.get_mut(count);
        count += usize::from(place.is_some());
        place.map(|place| *place = address).is_some()
    });
    count
}
