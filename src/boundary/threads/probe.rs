//! Whether threads can be borrowed here.

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
pub(super) use here::why_not_borrowed;

/// Why threads cannot be borrowed, in a few words for a report; `None` if they can.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri))))]
pub(super) fn why_not_borrowed() -> Option<&'static str> {
    if cfg!(miri) { Some("Miri runs no assembly") } else { Some("only done on x86-64 Linux with glibc so far") }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod here {
    use crate::boundary::instrument::{self, Instrument};
    use std::sync::OnceLock;

    /// HWCAP2_FSGSBASE of the kernel's asm/hwcap2.h.
    const FSGSBASE: libc::c_ulong = 1 << 1;
    /// ARCH_SHSTK_STATUS of the kernel's asm/prctl.h (Linux 6.6).
    const SHSTK_STATUS: libc::c_int = 0x5005;

    /// Why threads cannot be borrowed, in a few words for a report; `None` if they can. Looked
    /// into once a process.
    pub(in super::super) fn why_not_borrowed() -> Option<&'static str> {
        static WHY: OnceLock<Option<&'static str>> = OnceLock::new();
        *WHY.get_or_init(look)
    }

    fn look() -> Option<&'static str> {
        // SAFETY: getauxval reads a table the kernel gave; an unknown key is answered with 0.
        if unsafe { libc::getauxval(libc::AT_HWCAP2) } & FSGSBASE == 0 {
            return Some("the kernel or the processor does not let user code set FS (no FSGSBASE)");
        }
        match instrument::there_is() {
            Some(Instrument::Valgrind) => return Some("valgrind does not follow stack switches"),
            Some(Instrument::Sanitizer) => return Some("sanitizers do not follow stack switches"),
            None => {}
        }
        if has_shadow_stack() {
            return Some("the process has a shadow stack");
        }
        None
    }

    fn has_shadow_stack() -> bool {
        let mut features = 0u64;
        // SAFETY: ARCH_SHSTK_STATUS writes one u64; a kernel that does not know it answers EINVAL.
        let result = unsafe { libc::syscall(libc::SYS_arch_prctl, SHSTK_STATUS, &raw mut features) };
        result == 0 && features & 1 != 0
    }
}
