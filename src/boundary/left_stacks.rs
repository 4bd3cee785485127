//! The stacks of threads that do not come along when a process is forked.
//!
//! The child has one thread, and glibc takes the stacks of all others for free: the next thread gets one of them, and when
//! enough threads have ended the kernel gets them back. But what the child goes on with may lie there: a scenario borrows from
//! the thread that asked for its run, which waits while another one forks; threads of a world are suspended on stacks of their
//! own. So they are marked as in use, right after the fork: all but those that libc itself did not allocate, which it gives to
//! nobody.
//!
//! # How
//! glibc goes by the number of a thread that it keeps in its descriptor (the address that `pthread_self` gives): a stack whose
//! number is 0 is free (`FREE_P` in nptl/allocatestack.c), and a fork sets it so. Where the number stands is found by looking
//! for it in the descriptors of threads, whose numbers the kernel says. It may stand elsewhere by chance (0x7f66, the upper half
//! of a pointer, is some thread's), but not at the same place in another's: each thread that is looked at leaves fewer places.
//! Until one is left, nothing is known, and [`are_kept`] says no. In front of it are the links of the list that the thread is in,
//! which leads from one thread that is known, the watchdog, to all others (x86-64 only, where a descriptor can be told from the
//! head of a list: it has its own address in it).

use super::bare;
use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A thread: the address of its descriptor, and the kernel's number for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Thread {
    descriptor: usize,
    number: i32,
}

impl Thread {
    /// The calling one.
    pub fn this() -> Thread {
        // SAFETY: neither has an argument, or fails.
        let (descriptor, number) = unsafe { (libc::pthread_self(), bare::call(libc::SYS_gettid, [0; 4])) };
        Thread { descriptor: descriptor as usize, number: number as i32 }
    }
}

thread_local! {
    /// Who waits for what this thread does, and may have lent it something.
    static LENDER: Cell<Option<Thread>> = const { Cell::new(None) };
}

/// A thread that ends with its process.
static RESIDENT: OnceLock<Thread> = OnceLock::new();

/// The calling thread ends with its process, and libc has allocated its stack.
pub fn stays() {
    RESIDENT.get_or_init(look_at_this);
}

/// What the calling thread does from here on may use what is on the stack of `lender`, which waits for it. Finds out how stacks
/// are kept, if nobody has yet: not to be left to a child, where numbers are gone, nor to a borrowed thread, whose number is
/// another's.
pub fn lent_by(lender: Thread) {
    LENDER.set(Some(lender));
    look_at(lender);
    look_at_this();
}

/// The calling thread, which runs on its own stack; from here on it helps to tell where numbers stand.
pub fn look_at_this() -> Thread {
    let this = Thread::this();
    look_at(this);
    this
}

/// Whether [`keep`] will do what it is for in a process that is forked by this thread.
pub fn are_kept() -> bool {
    LENDER.get().is_none() || PLACES.only().is_some()
}

/// In a process that this thread has forked, before it makes a thread: no stack of another thread is anybody else's.
pub fn keep() {
    let Some(place) = PLACES.only() else { return };
    for Thread { descriptor, .. } in LENDER.get().into_iter().chain(RESIDENT.get().copied()) {
        // SAFETY: both were alive when the process was forked, the lender since it waits for this thread, or in a process that
        // this one was forked from, where they were marked; and nobody has freed their stacks in the child, whose only thread
        // this is. See `mark` and `others`.
        unsafe {
            mark(descriptor + place);
            others(descriptor, place);
        }
    }
}

/// The same for the stack of one thread. Whether that could be done.
///
/// # Safety
/// It did not come along when this process was forked, nobody has freed its stack since, and there is no other thread here.
#[cfg(target_arch = "x86_64")]
pub unsafe fn keep_one(thread: Thread) -> bool {
    // SAFETY: as the caller says.
    PLACES.only().map(|place| unsafe { mark(thread.descriptor + place) }).is_some()
}

/// So many words of a descriptor are looked at: it has more.
const WORDS: usize = 256;

/// Where in a descriptor the number of its thread may stand: a bit for each word.
struct Places([AtomicU64; WORDS / 64]);

static PLACES: Places = Places::new();

impl Places {
    const fn new() -> Places {
        Places([const { AtomicU64::new(u64::MAX) }; WORDS / 64])
    }

    /// Leaves those at which a thread of that number has it.
    fn look(&self, number: i32, word: impl Fn(usize) -> i32) {
        for (index, places) in self.0.iter().enumerate() {
            let has_it = (0..64).filter(|bit| word(64 * index + bit) == number).fold(0, |all, bit| all | 1 << bit);
            places.fetch_and(has_it, Ordering::Relaxed);
        }
    }

    /// The one that is left, in bytes.
    fn only(&self) -> Option<usize> {
        let mut left = None;
        for (index, places) in self.0.iter().enumerate() {
            let places = places.load(Ordering::Relaxed);
            match (places.count_ones(), left) {
                (0, _) => {}
                (1, None) => left = Some(4 * (64 * index + places.trailing_zeros() as usize)),
                _ => return None,
            }
        }
        left
    }
}

/// Looks at a thread, if that is needed still.
fn look_at(thread: Thread) {
    if PLACES.only().is_none() {
        // SAFETY: the thread is alive: the calling one, or one that waits for it; its descriptor has more words, and begins
        // where a word may. A number does not change in the life of its thread; what else is looked at may, and is only compared.
        PLACES.look(thread.number, |word| unsafe { (thread.descriptor as *const i32).add(word).read_volatile() });
    }
}

/// Marks a descriptor by its number's place.
///
/// # Safety
/// There is such a place, and no other thread in this process.
unsafe fn mark(place: usize) {
    let number = place as *mut i32;
    // SAFETY: as the caller says.
    unsafe {
        if number.read() <= 0 {
            number.write(i32::MAX);
        }
    }
}

/// Marks all others of the list that this descriptor is in, in which numbers stand at `place`.
///
/// # Safety
/// There is such a place, and no other thread in this process.
#[cfg(target_arch = "x86_64")]
unsafe fn others(descriptor: usize, place: usize) {
    /// How far before the number the links stand: next, and before.
    const LINKS: usize = 16;
    /// Where a descriptor has its own address: the place is a part of the ABI of thread-locals.
    const OWN_ADDRESS: usize = 16;
    /// More than there are threads, so that this ends whatever is there.
    const MOST: usize = 1 << 20;
    let Some(links) = place.checked_sub(LINKS) else { return };
    // SAFETY: what is looked at is a link only if the one it leads to leads back, as in a list of two-way links and hardly
    // anywhere else; that one is looked at in two places only that are within it, if it is a descriptor. If it is none but the
    // list's head, what is compared is within the loader's data, where the head is, and nothing is written.
    unsafe {
        let read = |at: usize| (at as *const usize).read();
        let first = descriptor + links;
        let mut at = first;
        for _ in 0..MOST {
            let next = read(at);
            if next < links || !next.is_multiple_of(8) || next == first || read(next + 8) != at {
                return;
            }
            at = next;
            let other = at - links;
            if read(other + OWN_ADDRESS) == other {
                mark(other + place);
            }
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn others(_: usize, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn the_place_of_the_number_is_found() {
        let lender = Thread::this();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                lent_by(lender);
                assert!(are_kept());
                assert!(PLACES.only().is_some_and(|place| place >= 16));
            });
        });
        assert!(are_kept(), "nobody has lent anything");
    }

    #[test]
    fn what_is_there_by_chance_is_nowhere_else() {
        let places = Places::new();
        assert_eq!(places.only(), None);
        // Half of 0x00007f66_97000010, and of 0x00007f66_00000f10.
        let halves = |word: usize| if word % 2 == 1 { 0x7f66 } else { 3856 };
        places.look(0x7f66, |word| if word == 180 { 0x7f66 } else { halves(word) });
        assert_eq!(places.only(), None);
        places.look(3856, |word| if word == 180 { 3856 } else { halves(word) });
        assert_eq!(places.only(), Some(720));
        places.look(1, |_| 0);
        assert_eq!(places.only(), None, "none is better than one that is wrong");
    }

    /// A thread that writes to much of its stack.
    extern "C" fn fills(_: *mut libc::c_void) -> *mut libc::c_void {
        std::hint::black_box([1u8; 64 << 10]);
        std::ptr::null_mut()
    }

    /// As many threads as there are stacks left, in a process that was forked while two other threads stood on theirs.
    #[test]
    fn no_thread_is_given_what_others_have_left() {
        let (tell, told) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let mine = [7u8; 4096];
        let lender = Thread::this();
        std::thread::scope(|scope| {
            // As the watchdog, if there is none in this process yet.
            std::thread::spawn(|| {
                stays();
                loop {
                    std::thread::park();
                }
            });
            scope.spawn(move || {
                let theirs = [9u8; 4096];
                tell.send(theirs.as_ptr() as usize).unwrap();
                let _ = ended.recv();
                assert_eq!(std::hint::black_box(theirs)[0], 9);
            });
            let other = told.recv().unwrap();
            let mine = &mine;
            let forked = scope.spawn(move || {
                lent_by(lender);
                let mine = std::hint::black_box(mine);
                // SAFETY: the child makes threads of this program with attributes that are initialised, waits for them, and
                // ends at once. They are libc's: std's begin with a lock that another test's thread may have had.
                unsafe {
                    let child = libc::fork();
                    if child != 0 {
                        let mut status = 0;
                        assert_eq!(libc::waitpid(child, &mut status, 0), child);
                        return libc::WEXITSTATUS(status);
                    }
                    keep();
                    let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
                    libc::pthread_attr_init(&mut attributes);
                    // As std's, and so as those that were left.
                    libc::pthread_attr_setstacksize(&mut attributes, 2 << 20);
                    // All at once, so that each has a stack of its own.
                    let mut threads: [libc::pthread_t; 8] = [0; 8];
                    for thread in &mut threads {
                        let made = libc::pthread_create(thread, &attributes, fills, std::ptr::null_mut());
                        assert_eq!(made, 0);
                    }
                    for thread in threads {
                        assert_eq!(libc::pthread_join(thread, std::ptr::null_mut()), 0);
                    }
                    // On x86-64 that of the other thread as well.
                    let theirs = std::slice::from_raw_parts(other as *const u8, 4096);
                    let is_whole = theirs.iter().all(|&byte| byte == 9) || cfg!(not(target_arch = "x86_64"));
                    libc::_exit(if mine.iter().all(|&byte| byte == 7) && is_whole { 7 } else { 1 })
                }
            });
            assert_eq!(forked.join().unwrap(), 7);
            drop(end);
        });
    }
}
