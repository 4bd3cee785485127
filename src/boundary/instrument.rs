//! What watches this process instruction by instruction, and would take what raddle does with stacks for a mistake.

use std::arch::asm;

/// Such a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instrument {
    Valgrind,
    /// AddressSanitizer, ThreadSanitizer or MemorySanitizer.
    Sanitizer,
}

/// The one that this process runs under.
pub(super) fn there_is() -> Option<Instrument> {
    if has_sanitizer() {
        Some(Instrument::Sanitizer)
    } else if is_under_valgrind() {
        Some(Instrument::Valgrind)
    } else {
        None
    }
}

/// Whether a sanitizer's runtime is linked in. Its symbols are not in an executable's dynamic table, where `dlsym` would
/// look; the linker knows them, and gives 0 for what is not there and only referred to weakly.
fn has_sanitizer() -> bool {
    let [address, thread, memory]: [usize; 3];
    // SAFETY: three loads from the global offset table, whose entries for these names the linker makes.
    unsafe {
        asm!(
            ".weak __asan_init",
            ".weak __tsan_init",
            ".weak __msan_init",
            "mov {address}, qword ptr [rip + __asan_init@GOTPCREL]",
            "mov {thread}, qword ptr [rip + __tsan_init@GOTPCREL]",
            "mov {memory}, qword ptr [rip + __msan_init@GOTPCREL]",
            address = out(reg) address,
            thread = out(reg) thread,
            memory = out(reg) memory,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    address != 0 || thread != 0 || memory != 0
}

/// Valgrind's own client request RUNNING_ON_VALGRIND (valgrind.h): rotations that add up to nothing on a processor, and
/// that valgrind recognises and answers in rdx.
fn is_under_valgrind() -> bool {
    let request: [u64; 6] = [0x1001, 0, 0, 0, 0, 0];
    let answer: u64;
    // SAFETY: four rotations of rdi by 128 bits in all, and an exchange of rbx with itself: nothing changes but the flags.
    // The request is alive while valgrind reads it.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") &raw const request,
            inlateout("rdx") 0u64 => answer,
            inlateout("rdi") 0u64 => _,
            options(nostack),
        );
    }
    answer != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_process_is_under_none() {
        // Where this test runs under one of them it says so elsewhere: `boundary: off (…)`.
        let is_preloaded =
            std::env::var_os("LD_PRELOAD").is_some_and(|with| with.to_string_lossy().contains("vgpreload"));
        if !is_preloaded && !has_sanitizer() {
            assert_eq!(there_is(), None);
        }
        assert_eq!(there_is() == Some(Instrument::Valgrind), is_preloaded);
    }
}
