//! Where calls cannot be seen.

use super::{Call, Handler, Kind, Owner, Selector};
use std::time::Duration;

pub(super) fn try_out() -> Option<&'static str> {
    if cfg!(miri) { Some("Miri makes no system calls") } else { Some("only done on x86-64 Linux with glibc so far") }
}

pub(super) fn switch_on(_: Selector) -> bool {
    false
}

pub(super) fn switch_off() {}

pub(super) fn process_starts() {}

pub(super) fn process_ended() {}

/// What a function is known for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Row,
}

/// Reads which functions are known.
pub fn learn() {}

/// Whether libc makes this call for itself.
pub fn is_for_libc(_: &Call) -> bool {
    false
}

/// Whether libc makes this call for one of its name services.
pub fn is_in_a_lookup(_: &Call) -> bool {
    false
}

/// Whether a function that is known for this has made the call.
pub fn is_within(_: Of, _: usize) -> bool {
    false
}

/// Who has the lock that a call waits for.
pub fn owner_of(_: &Call, _: usize) -> Option<Owner> {
    None
}

/// Whether a thread with this number is in this process.
pub fn is_there(_: i32) -> bool {
    false
}

/// The number of the calling thread: nobody asks for it here.
pub fn own_number() -> i32 {
    0
}

/// Whether an allocator that is not libc's makes this call.
pub fn is_allocators() -> bool {
    false
}

/// Whether the word is of a lock that symbols are looked up with.
pub fn is_of_symbols(_: usize) -> bool {
    false
}

/// Whether the calling thread looks up symbols.
pub fn looks_up_symbols() -> bool {
    false
}

/// Carries a call out.
pub fn perform(_: &Call) -> i64 {
    -1
}

/// Carries a futex's wait out, for some real time at most.
pub fn perform_for(_: &Call, _: u64) -> i64 {
    -1
}

/// Carries a wait for descriptors out, with a timeout of zero.
pub fn perform_now(_: &Call) -> i64 {
    -1
}

pub(super) fn handler_of(_: Selector) -> Option<Handler> {
    None
}

/// The time of a `select` has run out.
pub fn clear_sets(_: &Call) {}

/// Carries out a part of a call that writes.
pub fn write_part(_: &Call, _: usize, _: bool) -> Result<(usize, bool), i64> {
    Err(-1)
}

/// Carries a part of a call out that moves.
pub fn move_part(_: &Call, _: usize, _: bool) -> Result<(usize, bool), i64> {
    Err(-1)
}

/// Whether a call that receives wants more than what is there.
pub fn wants_all(_: &Call) -> bool {
    false
}

/// Carries out a part of a call that receives.
pub fn receive_part(_: &Call, _: usize) -> Result<(usize, bool), i64> {
    Err(-1)
}

/// Carries a wait out without waiting.
pub fn attempt(_: &Call) -> Option<i64> {
    None
}

/// What a wait gives whose time has run out.
pub fn out_of_time(_: &Call) -> i64 {
    -1
}

/// Has a ring begin what it has been given.
pub fn submit_to_ring(_: &Call) -> i64 {
    -1
}

/// Has a ring's completions come in.
pub fn enter_ring(_: &Call) -> i64 {
    -1
}

/// Which child a call waits for.
pub fn child_of(_: &Call) -> Option<u32> {
    None
}

/// Whether a call that waits for a child would leave nothing of it.
pub fn reaps(_: &Call) -> bool {
    false
}

/// The time of a clock that no run moves: it stands still here.
pub fn real_time() -> Duration {
    Duration::ZERO
}

/// Whether a child process has not ended yet.
pub fn is_any_child_alive() -> bool {
    false
}

/// Whether a child process goes on by itself.
pub fn naps(_: Option<u32>, _: Duration) -> bool {
    false
}

/// Waits until child processes are at rest.
pub fn settle_children(most: u32) -> u32 {
    most
}

/// Whether a call opens a FIFO and would wait.
pub fn opens_fifo(_: &Call) -> Option<bool> {
    None
}

/// Carries out a call that opens a FIFO.
pub fn open_fifo(_: &Call) -> Option<i64> {
    None
}

/// Whether somebody has opened the other end of a FIFO.
pub fn has_writer(_: i32) -> bool {
    true
}

/// Takes `O_NONBLOCK` from a descriptor.
pub fn have_wait(_: i32) {}

/// Closes a descriptor.
pub fn close(_: i32) {}

/// Stops a timer that is a descriptor.
pub fn stop_timer(_: &Call) -> i64 {
    -1
}

/// Has such a timer run out.
pub fn fire_timer(_: i32) {}

/// Copies to memory at an address that may be wrong.
pub fn poke(_: usize, _: &[u8]) -> usize {
    0
}

/// Whether nobody outside the world can make a descriptor ready.
pub fn is_ours(_: i32, _: bool) -> bool {
    false
}

/// The same of all that a call waits for.
pub fn waits_for_ours(_: &Call, _: bool) -> bool {
    false
}

/// Whether a wait for descriptors, or for a child, would be over at once.
pub fn is_over(_: &Call) -> bool {
    true
}

/// A socket's two addresses.
#[derive(Clone, Copy)]
pub struct Ends;

impl Ends {
    /// Whether the two are ends of one connection.
    pub fn meet(&self, _: &Ends) -> bool {
        false
    }

    /// Whether this is a connection to a local socket.
    pub fn are_local(&self) -> bool {
        false
    }

    /// Whether this is a connection to the socket that listens at these addresses.
    pub fn are_to(&self, _: &Ends) -> bool {
        false
    }
}

/// Whether a socket that listens takes a further connection.
pub fn takes_another(_: i32) -> bool {
    true
}

/// Whether `fd` is a socket of TCP.
pub fn is_tcp(_: i32) -> bool {
    false
}

/// The addresses of a socket that is connected.
pub fn ends_of(_: i32) -> Option<Ends> {
    None
}

/// Whom a socket is about to be connected to.
pub fn ends_to(_: usize, _: usize) -> Ends {
    Ends
}

/// The address of a socket that listens.
pub fn place_of(_: i32) -> Option<Ends> {
    None
}

/// Waits until a socket that does not block is connected, for a moment; whether it is.
pub fn is_connected(_: i32) -> bool {
    false
}

/// Puts one end of a pair of local sockets in the place of a descriptor. What was there, and the other end of the pair.
pub fn divert(_: i32) -> Option<(i32, i32)> {
    None
}

/// Puts `end` in the place of `fd`. What was there.
pub fn join(_: i32, _: i32) -> Option<i32> {
    None
}

/// Notes what was opened for the calling thread's world.
#[cfg(all(unix, feature = "smol"))]
pub fn owns(_: i32) {}

/// The same for an end of what has both in this world.
#[cfg(all(unix, feature = "smol"))]
pub fn owns_end(_: i32) {}

/// Does what opens descriptors.
#[cfg(all(unix, feature = "smol"))]
pub fn opening<R>(open: impl FnOnce() -> R) -> R {
    open()
}

/// Does what starts a program.
#[cfg(all(unix, feature = "smol"))]
pub fn starting<R>(start: impl FnOnce() -> R) -> R {
    start()
}

/// The run is over.
pub fn forget_all() {}

/// A number for a world.
pub(super) fn new_owner() -> u32 {
    0
}

/// Carries a call out on another descriptor than it names.
pub fn perform_at(_: &Call, _: i32) -> i64 {
    -1
}

/// Whether an option is the state of the very descriptor that is asked.
pub fn is_own_option(_: &Call) -> bool {
    false
}

/// Whether a thread outside of any world has been seen to want the lock that this word is of.
pub fn is_wanted_outside(_: usize) -> bool {
    false
}

/// A thread outside of any world wants the lock that this word is of.
pub fn note_wanted(_: usize) {}

/// The timeout of a socket.
pub struct SocketTimeout;

impl SocketTimeout {
    /// The one that a call sets.
    pub fn set_by(_: &Call, _: i32) -> Option<SocketTimeout> {
        None
    }

    /// What holds for a socket.
    pub fn of(_: i32, _: bool, _: &[SocketTimeout]) -> Option<u64> {
        None
    }

    /// Whether this takes the place of another.
    pub fn replaces(&self, _: &SocketTimeout) -> bool {
        false
    }
}

/// Has all arrive that was written and finds room.
pub fn settle(_: i32) {}

/// What sort of thing `fd` is.
pub fn kind_of(_: i32) -> Kind {
    Kind::None
}

/// What `fd` is called.
pub fn name_of(_: i32, _: &mut [u8]) -> usize {
    0
}

/// Whether `fd` has `O_NONBLOCK`.
pub fn is_nonblocking(_: i32) -> bool {
    false
}

/// Whether reading (or writing) would not wait.
pub fn is_ready(_: i32, _: bool) -> bool {
    true
}

/// Copies memory at an address that may be wrong.
pub fn peek(_: usize, _: &mut [u8]) -> usize {
    0
}

/// Whether an address is in the binary's own static memory.
pub fn is_static(_: usize) -> bool {
    false
}

/// Whether the word at an address holds a value.
pub fn word_is(_: usize, _: u32) -> bool {
    false
}

/// How many threads this process has, in the kernel's eyes.
pub fn kernel_threads() -> Option<u64> {
    None
}

/// The name of the function that a library exports nearest below an address.
pub fn exported(_: usize) -> Option<String> {
    None
}

/// Return addresses, innermost first.
pub fn backtrace(_: &mut [usize]) -> usize {
    0
}
