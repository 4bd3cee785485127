//! Seeds: how they are written, read and derived.

use crate::error::Error;
use crate::id::mix;
use std::fmt;
use std::str::FromStr;

/// Which schedules a seed deals. It changes whenever a release deals the seeds anew; a seed kept by another version may
/// then have nothing to say.
pub const SCHEDULE_VERSION: u32 = 15;

/// 64 bits that decide everything in a run.
///
/// Written in hexadecimal (`0x2f`). Read from decimal, from hexadecimal with `0x`, or from a 40-digit commit hash, of
/// which the first 16 digits count: a CI run may use the commit as its seed.
///
/// ```
/// use raddle::Seed;
/// assert_eq!("47".parse::<Seed>()?, Seed::from(0x2f));
/// assert_eq!("0x2f".parse::<Seed>()?.to_string(), "0x2f");
/// let commit = "8b137891791fe96927ad78e64b0aad7bded08bdc".parse::<Seed>()?;
/// assert_eq!(commit.to_string(), "0x8b137891791fe969");
/// # Ok::<(), raddle::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Seed(u64);

impl Seed {
    /// The number itself.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The first of the seeds that belong to a test's path; the others follow it, one by one.
    ///
    /// 24 bits of the path's FNV-1a hash, then 16 zero bits: short to read, and two tests do not share seeds.
    pub(crate) fn first_of(path: &str) -> Seed {
        let hash =
            path.bytes().fold(0xcbf2_9ce4_8422_2325, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        Seed((mix(hash) >> 40) << 16)
    }

    /// The seed `n` places on.
    pub(crate) fn nth(self, n: u64) -> Seed {
        Seed(self.0.wrapping_add(n))
    }
}

impl From<u64> for Seed {
    fn from(number: u64) -> Seed {
        Seed(number)
    }
}

impl FromStr for Seed {
    type Err = Error;
    fn from_str(text: &str) -> Result<Seed, Error> {
        let digits = text.trim().replace('_', "");
        let is_commit = digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let number = if is_commit {
            u64::from_str_radix(&digits[..16], 16).ok()
        } else if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            u64::from_str_radix(hex, 16).ok().filter(|_| !hex.starts_with('+'))
        } else {
            digits.parse().ok().filter(|_| !digits.starts_with('+'))
        };
        number.map(Seed).ok_or_else(|| {
            Error::new("seed", text, "a number below 2^64 (decimal, or hexadecimal with 0x) or a 40-digit commit hash")
        })
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_read() {
        for number in [0, 1, 0x2f, u64::MAX] {
            let seed = Seed::from(number);
            assert_eq!(seed.to_string().parse(), Ok(seed));
        }
    }

    #[test]
    fn refuses_what_is_no_seed() {
        for text in ["", "0x", "-1", "+1", "0x+1", "random", "18446744073709551616", "0x1ffffffffffffffff", "12 34"] {
            let error = text.parse::<Seed>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("seed {text:?}: expected a number below 2^64")), "{error}");
        }
    }

    #[test]
    fn tests_have_seeds_of_their_own() {
        assert_ne!(Seed::first_of("a::b"), Seed::first_of("a::c"));
        assert_eq!(Seed::first_of("a::b").get() & 0xffff, 0);
    }
}
