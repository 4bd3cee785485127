//! The clocks of the machine, and the memory that the kernel has given to this process.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// What has been spent since it was started.
pub struct Meter {
    cpu: Duration,
    wall: Duration,
}

/// A clock of the machine, as long as no run is under way: raddle and madsim have symbols of libc of their own.
fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

impl Meter {
    pub fn start() -> Meter {
        Meter { cpu: read(ClockId::ProcessCPUTime), wall: read(ClockId::Monotonic) }
    }

    /// Time of all threads of the process on a processor, and time on the wall, in nanoseconds.
    pub fn spent(&self) -> (u64, u64) {
        let cpu = read(ClockId::ProcessCPUTime) - self.cpu;
        let wall = read(ClockId::Monotonic) - self.wall;
        (cpu.as_nanos() as u64, wall.as_nanos() as u64)
    }
}

/// The bytes of this process that are in memory; 0 where the kernel does not say.
pub fn resident() -> u64 {
    let Ok(text) = std::fs::read_to_string("/proc/self/statm") else { return 0 };
    let pages: u64 = text.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}
