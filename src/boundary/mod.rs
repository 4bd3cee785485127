//! Where the simulation meets the kernel, and the only place with `unsafe` in it.
//!
//! It imports nothing from the rest of the crate. Every face exists on every target; where a
//! thing is impossible its twin in an `unsupported` file says so and does nothing.
//!
//! - `bare`: system calls without libc.
//! - `chacha`: a block of random words.
//! - [`fork_lock`]: what keeps a fork away from the crate's process-wide state.
//! - `held`: the turn that a thread holds.
//! - [`home`]: futures that may be sent, but are polled and dropped only where they were made.
//! - [`prefetch`]: memory asked for before it is used.
//! - `left_stacks`: the stacks of threads that do not come along when a process is forked.
//! - [`places`]: a row of places changed through a shared reference.
//! - [`shown`]: words that one thread writes and others look at.
//! - [`word`]: a value copied in and out through a shared reference.
//! - [`tally`]: what a run counts.
//! - [`tracked`]: a future polled and dropped in its place.
//! - [`turn`]: state that only the thread holding the world's turn can reach.
//! - [`threads`]: the sim threads, which give the turn to one another.
//! - [`hooks`]: the clock, entropy and thread-local symbols of libc, owned at link time.
//! - `instrument`: valgrind and sanitizers, which follow little of what is done here.
//! - [`job_cell`]: a job, and what it leaves for whoever awaits it.
//! - [`kernel`]: the system calls of a world's threads, seen one by one.
//! - [`overflow`]: stacks that overflow.
//! - [`segment`]: a stack for what may never come back.
//! - `child`: waiting for a child process without taking its status.
//! - `descriptor`: descriptors that do not block, and smol's `Async` over them.
//! - [`waker`]: wakers that tell when they are cloned.
//! - [`watchdog`]: where a thread that does not come back is standing.
//! - [`zygote`]: work in a process of its own, forked from this one.

#[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
mod bare;
#[cfg(all(any(debug_assertions, test), target_arch = "x86_64", not(miri)))]
pub mod chacha;
#[cfg(all(unix, feature = "smol"))]
pub mod child;
#[cfg(all(unix, feature = "smol"))]
pub mod descriptor;
pub mod fork_lock;
mod held;
pub mod home;
pub mod hooks;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod instrument;
pub mod job_cell;
pub mod kernel;
#[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
mod left_stacks;
pub mod overflow;
pub mod places;
pub mod prefetch;
pub mod segment;
pub mod shown;
pub mod tally;
pub mod threads;
pub mod tracked;
pub mod turn;
pub mod waker;
pub mod watchdog;
pub mod word;
pub mod zygote;
