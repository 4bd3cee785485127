//! The turn that a thread holds: one word a thread, which a step reads and a resumed thread sets.

use super::turn::{Head, NOBODYS};

/// On this thread: whose turn is held.
#[inline(always)]
pub(super) fn get() -> *const Head {
    imp::get()
}

/// On this thread: the turn of `head` is held.
#[inline(always)]
pub(super) fn set(head: *const Head) {
    imp::set(head);
}

/// Where this thread keeps the word: an address that no other thread alive has.
#[inline(always)]
pub(super) fn place() -> usize {
    imp::place()
}

/// The word as an ELF symbol, so that a build without optimisation gets at it by two instructions as well: `LocalKey` is a
/// chain of seven calls there. And as each access is looked up anew, none can be kept by the compiler from before a switch
/// of threads. (What is loaded by `dlopen` finds room for eight bytes among those that glibc has ready for this.)
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod imp {
    use super::{Head, NOBODYS};
    use std::arch::{asm, global_asm};

    macro_rules! symbol {
        ($before:literal, $after:literal) => {
            concat!(
                $before,
                "raddle_held_",
                env!("CARGO_PKG_VERSION_MAJOR"),
                "_",
                env!("CARGO_PKG_VERSION_MINOR"),
                "_",
                env!("CARGO_PKG_VERSION_PATCH"),
                $after
            )
        };
    }

    global_asm!(
        ".pushsection .tdata.raddle_held, \"awT\", @progbits",
        ".p2align 3",
        symbol!(".globl ", ""),
        symbol!(".hidden ", ""),
        symbol!(".type ", ", @object"),
        symbol!(".size ", ", 8"),
        symbol!("", ":"),
        ".quad {nobodys}",
        ".popsection",
        nobodys = sym NOBODYS,
    );

    #[inline(always)]
    pub fn get() -> *const Head {
        let head;
        // SAFETY: loads the word above of this thread, whose distance from the thread's own address the linker knows.
        unsafe {
            asm!(
                symbol!("mov {head}, qword ptr [rip + ", "@GOTTPOFF]"),
                "mov {head}, qword ptr fs:[{head}]",
                head = out(reg) head,
                options(readonly, nostack, preserves_flags),
            );
        }
        head
    }

    #[inline(always)]
    pub fn set(head: *const Head) {
        // SAFETY: stores into the word above of this thread, which nothing but this room reaches.
        unsafe {
            asm!(
                symbol!("mov {at}, qword ptr [rip + ", "@GOTTPOFF]"),
                "mov qword ptr fs:[{at}], {head}",
                at = out(reg) _,
                head = in(reg) head,
                options(nostack, preserves_flags),
            );
        }
    }

    #[inline(always)]
    pub fn place() -> usize {
        let at;
        // SAFETY: the thread's own address, which the x86-64 ABI keeps at fs:0, and the word's distance from it.
        unsafe {
            asm!(
                symbol!("mov {at}, qword ptr [rip + ", "@GOTTPOFF]"),
                "add {at}, qword ptr fs:[0]",
                at = out(reg) at,
                options(readonly, nostack),
            );
        }
        at
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri))))]
mod imp {
    use super::{Head, NOBODYS};
    use std::cell::Cell;
    use std::ptr;

    thread_local! {
        /// `const` and without a destructor, so it can be read at any time, before `main` and while other thread-locals
        /// are being destroyed.
        static HELD: Cell<*const Head> = const { Cell::new(&raw const NOBODYS) };
    }

    #[inline(always)]
    pub fn get() -> *const Head {
        HELD.get()
    }

    #[inline(always)]
    pub fn set(head: *const Head) {
        HELD.set(head);
    }

    #[inline(always)]
    pub fn place() -> usize {
        HELD.with(|held| ptr::from_ref(held) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_has_a_word_of_its_own() {
        static OTHER: Head = Head::new();
        assert_eq!(get(), &raw const NOBODYS);
        set(&raw const OTHER);
        let there = std::thread::spawn(|| (get() == &raw const NOBODYS, place())).join().unwrap();
        assert!(there.0);
        assert_ne!(there.1, place());
        assert_eq!(get(), &raw const OTHER);
        set(&raw const NOBODYS);
    }
}
