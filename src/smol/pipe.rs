//! A pipe in memory with a limit: what an `Unblock` and its job pass bytes through, and one direction of a connection.

use crate::beacon::lock;
use std::collections::VecDeque;
use std::mem;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

/// Bytes on their way from one side to the other.
pub(super) struct Pipe(Mutex<State>);

struct State {
    bytes: VecDeque<u8>,
    capacity: usize,
    is_source_open: bool,
    is_sink_open: bool,
    /// Whom to wake when there are bytes, or will never be.
    readers: Vec<Waker>,
    /// Whom to wake when there is room, or nobody to read.
    writers: Vec<Waker>,
}

fn remember(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|known| known.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}

impl Pipe {
    pub fn new(capacity: usize) -> Pipe {
        Pipe(Mutex::new(State {
            bytes: VecDeque::new(),
            capacity,
            is_source_open: true,
            is_sink_open: true,
            readers: Vec::new(),
            writers: Vec::new(),
        }))
    }

    /// Takes bytes out, into `buffer`. 0 once the writing side is closed and all is read.
    pub fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<usize> {
        let mut state = lock(&self.0);
        if state.bytes.is_empty() && state.is_source_open && !buffer.is_empty() {
            remember(&mut state.readers, cx.waker());
            return Poll::Pending;
        }
        let count = buffer.len().min(state.bytes.len());
        let (first, second) = state.bytes.as_slices();
        let split = count.min(first.len());
        buffer[..split].copy_from_slice(&first[..split]);
        buffer[split..count].copy_from_slice(&second[..count - split]);
        state.bytes.drain(..count);
        let writers = mem::take(&mut state.writers);
        drop(state);
        writers.into_iter().for_each(Waker::wake);
        Poll::Ready(count)
    }

    /// Puts as much of `bytes` in as there is room for. 0 once the reading side is closed.
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<usize> {
        let room = match self.poll_room(cx) {
            Poll::Ready(room) => room,
            Poll::Pending if bytes.is_empty() => 0,
            Poll::Pending => return Poll::Pending,
        };
        let count = bytes.len().min(room);
        if count > 0 {
            self.put(&bytes[..count]);
        }
        Poll::Ready(count)
    }

    /// Waits for room, and tells how much. 0 once the reading side is closed.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<usize> {
        let mut state = lock(&self.0);
        if !state.is_sink_open {
            return Poll::Ready(0);
        }
        match state.capacity - state.bytes.len().min(state.capacity) {
            0 => {
                remember(&mut state.writers, cx.waker());
                Poll::Pending
            }
            room => Poll::Ready(room),
        }
    }

    /// Waits for bytes, and copies up to `most` of them without taking them out. None come once it is closed.
    pub fn poll_peek(&self, cx: &mut Context<'_>, most: usize) -> Poll<Vec<u8>> {
        let mut state = lock(&self.0);
        if state.bytes.is_empty() && state.is_source_open {
            remember(&mut state.readers, cx.waker());
            return Poll::Pending;
        }
        Poll::Ready(state.bytes.iter().take(most).copied().collect())
    }

    /// Takes out what was [peeked](Pipe::poll_peek) at.
    pub fn consume(&self, count: usize) {
        let mut state = lock(&self.0);
        let count = count.min(state.bytes.len());
        state.bytes.drain(..count);
        let writers = mem::take(&mut state.writers);
        drop(state);
        writers.into_iter().for_each(Waker::wake);
    }

    /// Puts `bytes` in, for which there has to be room.
    pub fn put(&self, bytes: &[u8]) {
        let mut state = lock(&self.0);
        state.bytes.extend(bytes);
        let readers = mem::take(&mut state.readers);
        drop(state);
        readers.into_iter().for_each(Waker::wake);
    }

    /// Nothing will be written any more.
    pub fn close_source(&self) {
        self.close(|state| state.is_source_open = false);
    }

    /// Nothing will be read any more: what is in it is gone.
    pub fn close_sink(&self) {
        self.close(|state| {
            state.is_sink_open = false;
            state.bytes.clear();
        });
    }

    fn close(&self, f: impl FnOnce(&mut State)) {
        let mut state = lock(&self.0);
        f(&mut state);
        let wakers = (mem::take(&mut state.readers), mem::take(&mut state.writers));
        drop(state);
        wakers.0.into_iter().chain(wakers.1).for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cx() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    #[test]
    fn keeps_order_and_its_limit() {
        let pipe = Pipe::new(5);
        assert_eq!(pipe.poll_write(&mut cx(), b"abcdefg"), Poll::Ready(5));
        assert_eq!(pipe.poll_write(&mut cx(), b"fg"), Poll::Pending);
        let mut buffer = [0; 3];
        assert_eq!(pipe.poll_read(&mut cx(), &mut buffer), Poll::Ready(3));
        assert_eq!(&buffer, b"abc");
        assert_eq!(pipe.poll_write(&mut cx(), b"fgh"), Poll::Ready(3), "the ring goes round");
        assert_eq!(pipe.poll_peek(&mut cx(), 9), Poll::Ready(b"defgh".to_vec()));
        pipe.consume(1);
        let mut buffer = [0; 9];
        assert_eq!(pipe.poll_read(&mut cx(), &mut buffer), Poll::Ready(4));
        assert_eq!(&buffer[..4], b"efgh");
        assert_eq!(pipe.poll_read(&mut cx(), &mut buffer), Poll::Pending);
        assert_eq!(pipe.poll_read(&mut cx(), &mut []), Poll::Ready(0));
    }

    #[test]
    fn what_was_written_is_read_after_the_end_and_nothing_is_written_for_nobody() {
        let pipe = Pipe::new(5);
        assert_eq!(pipe.poll_write(&mut cx(), b"ab"), Poll::Ready(2));
        pipe.close_source();
        let mut buffer = [0; 9];
        assert_eq!(pipe.poll_read(&mut cx(), &mut buffer), Poll::Ready(2));
        assert_eq!(pipe.poll_read(&mut cx(), &mut buffer), Poll::Ready(0));
        let pipe = Pipe::new(1);
        assert_eq!(pipe.poll_write(&mut cx(), b"a"), Poll::Ready(1));
        pipe.close_sink();
        assert_eq!(pipe.poll_write(&mut cx(), b"b"), Poll::Ready(0));
    }
}
