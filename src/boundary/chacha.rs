//! One block of ChaCha with eight rounds, in the instructions that every x86-64 has (SSE2).
//!
//! Written out, so that a build without optimisation runs the same 250 instructions as any other. (The intrinsics of
//! `std::arch` are a call each there, and the scalar form is 2,700.)

use std::arch::asm;

/// The sixteen words that ChaCha8 makes of `input`: its rounds, and `input` added to what they come to. The counter in
/// `input` stays as it is.
pub fn block(input: &[u32; 16], output: &mut [u32; 16]) {
    /// Adds, and rotates what the sum is mixed into: `$a += $b; $d = ($d ^ $a) <<< $left`.
    macro_rules! mix {
        ($a:literal, $b:literal, $d:literal, $left:literal, $right:literal) => {
            concat!(
                "paddd ",
                $a,
                ", ",
                $b,
                "\n",
                "pxor ",
                $d,
                ", ",
                $a,
                "\n",
                "movdqa xmm4, ",
                $d,
                "\n",
                "pslld ",
                $d,
                ", ",
                $left,
                "\n",
                "psrld xmm4, ",
                $right,
                "\n",
                "por ",
                $d,
                ", xmm4",
            )
        };
    }
    /// Turns the words of three rows, so that the diagonals stand where the columns were, or back.
    macro_rules! turn {
        ($b:literal, $c:literal, $d:literal) => {
            concat!("pshufd xmm1, xmm1, ", $b, "\n", "pshufd xmm2, xmm2, ", $c, "\n", "pshufd xmm3, xmm3, ", $d,)
        };
    }
    // SAFETY: reads 64 bytes at `input` and writes 64 at `output`, which are that long; the registers it changes are named.
    unsafe {
        asm!(
            "movdqu xmm0, [{input}]",
            "movdqu xmm1, [{input} + 16]",
            "movdqu xmm2, [{input} + 32]",
            "movdqu xmm3, [{input} + 48]",
            "mov {left:e}, 4",
            "2:",
            mix!("xmm0", "xmm1", "xmm3", "16", "16"),
            mix!("xmm2", "xmm3", "xmm1", "12", "20"),
            mix!("xmm0", "xmm1", "xmm3", "8", "24"),
            mix!("xmm2", "xmm3", "xmm1", "7", "25"),
            turn!("0x39", "0x4e", "0x93"),
            mix!("xmm0", "xmm1", "xmm3", "16", "16"),
            mix!("xmm2", "xmm3", "xmm1", "12", "20"),
            mix!("xmm0", "xmm1", "xmm3", "8", "24"),
            mix!("xmm2", "xmm3", "xmm1", "7", "25"),
            turn!("0x93", "0x4e", "0x39"),
            "dec {left:e}",
            "jnz 2b",
            "movdqu xmm4, [{input}]",
            "paddd xmm0, xmm4",
            "movdqu [{output}], xmm0",
            "movdqu xmm4, [{input} + 16]",
            "paddd xmm1, xmm4",
            "movdqu [{output} + 16], xmm1",
            "movdqu xmm4, [{input} + 32]",
            "paddd xmm2, xmm4",
            "movdqu [{output} + 32], xmm2",
            "movdqu xmm4, [{input} + 48]",
            "paddd xmm3, xmm4",
            "movdqu [{output} + 48], xmm3",
            input = in(reg) input,
            output = in(reg) output,
            left = out(reg) _,
            out("xmm0") _,
            out("xmm1") _,
            out("xmm2") _,
            out("xmm3") _,
            out("xmm4") _,
            options(nostack),
        );
    }
}
