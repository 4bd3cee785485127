//! One direction of a connection: bytes under way, and bytes that have arrived and wait for their reader.
//!
//! It holds as many bytes as the two buffers of a connection do by default on Linux; a writer waits while it is full.

use super::{errno, network};
use crate::beacon::lock;
use crate::clock::TimerId;
use crate::instant::Instant;
use crate::world::World;
use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// `net.ipv4.tcp_wmem` and `net.ipv4.tcp_rmem` as they begin: 16 and 128 KiB.
const CAPACITY: usize = (16 + 128) * 1024;

/// The most that is sent as one.
const SEGMENT: usize = 64 * 1024;

/// What is under way.
enum Segment {
    Bytes(Vec<u8>),
    /// No more bytes come.
    End,
    /// The connection is broken.
    Reset,
}

/// How far a direction is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// It has ended, for whom it is told of.
    Ended,
    Reset,
}

#[derive(Default)]
pub(super) struct Wire(Mutex<State>);

struct State {
    under_way: VecDeque<(Instant, Segment)>,
    arrived: VecDeque<u8>,
    /// Bytes under way and arrived.
    held: usize,
    /// When the last thing that was sent arrives.
    last: Instant,
    /// What the writer did.
    written: Phase,
    /// What the reader has been told, or is about to be: what arrived before comes first.
    read: Phase,
    /// Somebody at the reader's end has had the error that the connection is broken: it is told once.
    is_reset_told: bool,
    /// The reader is gone.
    is_deaf: bool,
    /// Something was written to a reader who is gone: what comes next fails.
    is_refused: bool,
    readers: Vec<Waker>,
    writers: Vec<Waker>,
    timer: Option<TimerId>,
}

impl Default for State {
    fn default() -> State {
        State {
            under_way: VecDeque::new(),
            arrived: VecDeque::new(),
            held: 0,
            last: Instant::START,
            written: Phase::Open,
            read: Phase::Open,
            is_reset_told: false,
            is_deaf: false,
            is_refused: false,
            readers: Vec::new(),
            writers: Vec::new(),
            timer: None,
        }
    }
}

fn remember(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|known| known.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}

impl State {
    /// Has arrive what is due.
    fn arrive(&mut self, now: Instant) {
        while self.under_way.front().is_some_and(|&(at, _)| at <= now) {
            match self.under_way.pop_front() {
                Some((_, Segment::Bytes(bytes))) => self.arrived.extend(bytes),
                Some((_, Segment::End)) if self.read == Phase::Open => self.read = Phase::Ended,
                // What has arrived can still be read, as on Linux; and behind the end there is no error to read.
                Some((_, Segment::Reset)) => {
                    self.is_reset_told |= self.read == Phase::Ended;
                    self.read = Phase::Reset;
                }
                Some((_, Segment::End)) | None => {}
            }
        }
    }
}

impl Wire {
    /// Waits until there is something to read: bytes, the end, or an error.
    pub fn poll_readable(self: &Arc<Self>, world: &World, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.0);
        state.arrive(world.now());
        if !state.arrived.is_empty() || state.read != Phase::Open || state.is_deaf {
            return Poll::Ready(());
        }
        remember(&mut state.readers, cx.waker());
        self.look_out(world, &mut state);
        Poll::Pending
    }

    /// Whoever waits is to know when the next thing arrives.
    fn look_out(self: &Arc<Self>, world: &World, state: &mut State) {
        if let (None, false, Some(&(at, _))) = (state.timer, state.readers.is_empty(), state.under_way.front()) {
            state.timer = Some(world.insert_timer(at, self.clone().into()));
        }
    }

    /// Reads what has arrived; 0 is the end. `take`: whether it is taken out.
    pub fn poll_read(
        self: &Arc<Self>,
        world: &World,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        take: bool,
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.poll_readable(world, cx).is_pending() {
            return Poll::Pending;
        }
        let mut state = lock(&self.0);
        if state.is_deaf {
            return Poll::Ready(Ok(0));
        }
        if state.arrived.is_empty() && state.read == Phase::Reset {
            // Afterwards it is at its end.
            return Poll::Ready(if mem::replace(&mut state.is_reset_told, true) {
                Ok(0)
            } else {
                Err(errno(libc::ECONNRESET))
            });
        }
        let count = buffer.len().min(state.arrived.len());
        let (first, second) = state.arrived.as_slices();
        let split = count.min(first.len());
        buffer[..split].copy_from_slice(&first[..split]);
        buffer[split..count].copy_from_slice(&second[..count - split]);
        if take {
            state.arrived.drain(..count);
            state.held -= count;
            let writers = mem::take(&mut state.writers);
            drop(state);
            writers.into_iter().for_each(Waker::wake);
        }
        Poll::Ready(Ok(count))
    }

    /// Waits until something can be written, or writing fails.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.0);
        if state.held < CAPACITY || state.written != Phase::Open || state.is_deaf {
            return Poll::Ready(());
        }
        remember(&mut state.writers, cx.waker());
        Poll::Pending
    }

    /// Sends as many of `bytes` as there is room for.
    pub fn poll_write(self: &Arc<Self>, world: &World, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.poll_writable(cx).is_pending() {
            return Poll::Pending;
        }
        let mut state = lock(&self.0);
        if state.written != Phase::Open || state.is_refused {
            return Poll::Ready(Err(errno(libc::EPIPE)));
        }
        if state.is_deaf {
            // It is sent, and the answer is that nobody wants it.
            state.is_refused = true;
            return Poll::Ready(Ok(bytes.len()));
        }
        let count = bytes.len().min(CAPACITY - state.held).min(SEGMENT);
        if count > 0 {
            state.held += count;
            self.send(world, &mut state, Segment::Bytes(bytes[..count].to_vec()));
        }
        Poll::Ready(Ok(count))
    }

    /// No more bytes come.
    pub fn finish(self: &Arc<Self>, world: &World) {
        self.end(world, Phase::Ended, Segment::End);
    }

    /// The connection is broken by the writer.
    pub fn reset(self: &Arc<Self>, world: &World) {
        self.end(world, Phase::Reset, Segment::Reset);
    }

    fn end(self: &Arc<Self>, world: &World, phase: Phase, segment: Segment) {
        let mut state = lock(&self.0);
        if state.written != Phase::Open && phase != Phase::Reset {
            return;
        }
        state.written = phase;
        self.send(world, &mut state, segment);
        let writers = mem::take(&mut state.writers);
        drop(state);
        writers.into_iter().for_each(Waker::wake);
    }

    fn send(self: &Arc<Self>, world: &World, state: &mut State, segment: Segment) {
        let at = network(world).weather.arrival(world, state.last);
        state.last = at;
        state.under_way.push_back((at, segment));
        self.look_out(world, state);
    }

    /// The reader is gone. True if it left something unread.
    pub fn leave(&self, world: &World) -> bool {
        let mut state = lock(&self.0);
        let is_unread = !state.is_deaf && state.held > 0;
        state.is_deaf = true;
        state.arrived.clear();
        if let Some(timer) = state.timer.take() {
            world.cancel_timer(timer);
        }
        let wakers = (mem::take(&mut state.readers), mem::take(&mut state.writers));
        drop(state);
        wakers.0.into_iter().chain(wakers.1).for_each(Waker::wake);
        is_unread
    }

    /// What becomes of a write at the reader's end once it could be told that the connection is broken.
    pub fn write_error(&self, world: &World) -> Option<io::Error> {
        let mut state = lock(&self.0);
        state.arrive(world.now());
        (state.read == Phase::Reset).then(|| match mem::replace(&mut state.is_reset_told, true) {
            false => errno(libc::ECONNRESET),
            true => errno(libc::EPIPE),
        })
    }
}

/// The first thing under way has arrived.
impl Wake for Wire {
    fn wake(self: Arc<Self>) {
        let readers = {
            let mut state = lock(&self.0);
            state.timer = None;
            mem::take(&mut state.readers)
        };
        readers.into_iter().for_each(Waker::wake);
    }
}
