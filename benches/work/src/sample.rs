//! One measurement, as a peer's program prints it and the driver reads it.

use std::fmt;
use std::str::FromStr;

/// What one process measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Sample {
    /// How many units were done.
    pub units: u64,
    /// Nanoseconds that all threads of the process were on a processor for.
    pub cpu: u64,
    /// Nanoseconds on the wall.
    pub wall: u64,
    /// Bytes of the heap; of W7 only.
    pub bytes: u64,
    /// Bytes the process grew by; of W7 only.
    pub resident: u64,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sample { units, cpu, wall, bytes, resident } = self;
        write!(f, "sample {units} {cpu} {wall} {bytes} {resident}")
    }
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(line: &str) -> Result<Sample, String> {
        let numbers = line.strip_prefix("sample ").unwrap_or_default().split(' ').map(str::parse).collect();
        let numbers: Vec<u64> = Result::unwrap_or_default(numbers);
        let [units, cpu, wall, bytes, resident] = numbers[..] else {
            return Err(format!("{line:?}, expected `sample` and five numbers"));
        };
        Ok(Sample { units, cpu, wall, bytes, resident })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_read() {
        let sample = Sample { units: 1, cpu: 2, wall: 3, bytes: 4, resident: 5 };
        assert_eq!(sample.to_string().parse(), Ok(sample));
        for damaged in ["", "sample", "sample 1 2 3 4", "sample 1 2 3 4 x", "1 2 3 4 5"] {
            assert!(damaged.parse::<Sample>().is_err(), "{damaged:?}");
        }
    }
}
