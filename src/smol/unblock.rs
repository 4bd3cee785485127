//! `smol::Unblock`.

use super::pipe::Pipe;
use super::spawn::{birth, in_world};
use crate::context;
use crate::trace::ActorKind;
use ::smol::Task;
use ::smol::channel::{Receiver, bounded};
use ::smol::io::{AsyncRead, AsyncSeek, AsyncWrite};
use ::smol::stream::Stream;
use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Runs blocking I/O on a thread pool: [`smol::Unblock`](::smol::Unblock).
///
/// One that is made in a run has its work done by jobs of that run's pool. Bytes pass through a pipe of as many bytes as
/// smol's has; while the pipe is full (or, for writing, empty) the job waits without a worker.
///
/// ```
/// use raddle::smol::{Unblock, io::AsyncReadExt};
/// # raddle::Sim::new().run(|| async {
/// let mut blocking = Unblock::new(std::io::Cursor::new("read by a worker"));
/// let mut text = String::new();
/// blocking.read_to_string(&mut text).await.unwrap();
/// assert_eq!(text, "read by a worker");
/// # }).unwrap();
/// ```
pub struct Unblock<T>(Kind<T>);

enum Kind<T> {
    Real(::smol::Unblock<T>),
    Simulated(Simulated<T>),
}

struct Simulated<T> {
    state: State<T>,
    /// Bytes, or items, that may be on their way; `None`: as many as in smol.
    capacity: Option<usize>,
}

/// A pipe's size in bytes, and a stream's in items, as smol has them.
const BYTES: usize = 8 * 1024 * 1024;
const ITEMS: usize = 8 * 1024;

/// How many bytes a job moves at a time.
const CHUNK: usize = 64 * 1024;

enum State<T> {
    /// Nothing goes on; `None` once it is closed.
    Idle(Option<Box<T>>),
    /// A job has the value, and gives it back.
    Busy { link: Link, job: Task<(Box<T>, io::Result<u64>)> },
}

/// What connects the handle with its job.
enum Link {
    /// Nothing (any more): the job ends by itself.
    None,
    Reads(Arc<Pipe>),
    Writes(Arc<Pipe>),
    /// A `Receiver` of the iterator's items, whose type only the stream knows.
    Items(Box<dyn Any + Send + Sync>),
    Seeks(SeekFrom),
    /// Nothing, and who reads has seen the end. It is told once the job has ended as well: to begin to read anew might go on
    /// for ever, where each time the reader runs before the job comes to its end.
    Ended,
}

impl Link {
    /// Has the job come to its end.
    fn cut(&mut self) {
        // A seek ends by itself, and what was asked for is to be known when it does; so is the end.
        if !matches!(self, Link::Seeks(_) | Link::Ended) {
            *self = Link::None;
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        match self {
            Link::Reads(pipe) => pipe.close_sink(),
            Link::Writes(pipe) => pipe.close_source(),
            Link::Seeks(_) | Link::Items(_) | Link::Ended | Link::None => {}
        }
    }
}

#[track_caller]
fn job<F>(future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let birth = birth::<F>(ActorKind::Job, Location::caller());
    in_world(future, |world, future| world.spawn_bare_job(&birth, future))
        .unwrap_or_else(|_| panic!("a smol::Unblock that was made in a run was used after its end"))
}

impl<T> Unblock<T> {
    /// Wraps a blocking value.
    pub fn new(io: T) -> Unblock<T> {
        Unblock::make(None, io, |io| ::smol::Unblock::new(io))
    }

    /// Wraps a blocking value, with a pipe for `cap` bytes (of an iterator: items).
    pub fn with_capacity(cap: usize, io: T) -> Unblock<T> {
        Unblock::make(Some(cap), io, |io| ::smol::Unblock::with_capacity(cap, io))
    }

    fn make(capacity: Option<usize>, io: T, real: impl FnOnce(T) -> ::smol::Unblock<T>) -> Unblock<T> {
        Unblock(match context::in_run() {
            true => Kind::Simulated(Simulated { state: State::Idle(Some(Box::new(io))), capacity }),
            false => Kind::Real(real(io)),
        })
    }

    /// The value itself, once what goes on has come to its end.
    ///
    /// # Panics
    /// If it has been closed.
    pub async fn get_mut(&mut self) -> &mut T {
        match &mut self.0 {
            Kind::Real(real) => real.get_mut().await,
            Kind::Simulated(simulated) => {
                let _ = poll_fn(|cx| simulated.poll_idle(cx)).await;
                simulated.value()
            }
        }
    }

    /// Runs a closure with the value on the pool.
    ///
    /// # Panics
    /// If the closure does, and if it has been closed.
    pub async fn with_mut<R, F>(&mut self, op: F) -> R
    where
        F: FnOnce(&mut T) -> R + Send + 'static,
        R: Send + 'static,
        T: Send + 'static,
    {
        let simulated = match &mut self.0 {
            Kind::Real(real) => return real.with_mut(op).await,
            Kind::Simulated(simulated) => simulated,
        };
        let _ = poll_fn(|cx| simulated.poll_idle(cx)).await;
        let mut io = simulated.take();
        let (sender, receiver) = bounded(1);
        simulated.state = State::Busy {
            link: Link::None,
            job: job(async move {
                let _ = sender.try_send(op(&mut io));
                (io, Ok(0))
            }),
        };
        match receiver.recv().await {
            Ok(result) => result,
            // The words of `blocking`, which people match.
            Err(error) => panic!("`Unblock::with_mut()` operation has panicked: {error:?}"),
        }
    }

    /// The value, once what goes on has come to its end.
    ///
    /// # Panics
    /// If it has been closed.
    pub async fn into_inner(self) -> T {
        match self.0 {
            Kind::Real(real) => real.into_inner().await,
            Kind::Simulated(mut simulated) => {
                let _ = poll_fn(|cx| simulated.poll_idle(cx)).await;
                *simulated.take()
            }
        }
    }
}

impl<T> Simulated<T> {
    /// Brings what goes on to its end. Its error, if it had one, is told once.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let State::Busy { link, job } = &mut self.state else { return Poll::Ready(Ok(0)) };
        link.cut();
        let (io, result) = ready!(Pin::new(job).poll(cx));
        self.state = State::Idle(Some(io));
        Poll::Ready(result)
    }

    /// Who reads has seen that nothing more comes.
    fn has_ended(&mut self) {
        if let State::Busy { link, .. } = &mut self.state {
            *link = Link::Ended;
        }
    }

    fn value(&mut self) -> &mut T {
        match &mut self.state {
            State::Idle(Some(io)) => io,
            _ => panic!("this smol::Unblock has been closed"),
        }
    }

    fn take(&mut self) -> Box<T> {
        match &mut self.state {
            State::Idle(io) if io.is_some() => io.take().unwrap_or_else(|| unreachable!("it is there")),
            _ => panic!("this smol::Unblock has been closed"),
        }
    }

    fn capacity(&self, default: usize) -> usize {
        self.capacity.unwrap_or(default).max(1)
    }
}

impl<T: Read + Send + 'static> Simulated<T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let pipe = loop {
            match &self.state {
                State::Busy { link: Link::Reads(pipe), .. } => break pipe.clone(),
                State::Busy { link: Link::Ended, .. } => {
                    ready!(self.poll_idle(cx))?;
                    return Poll::Ready(Ok(0));
                }
                State::Busy { .. } => drop(ready!(self.poll_idle(cx))?),
                State::Idle(_) => self.start_reading(),
            }
        };
        let count = ready!(pipe.poll_read(cx, buffer));
        if count == 0 && !buffer.is_empty() {
            // The end, or an error.
            self.has_ended();
            ready!(self.poll_idle(cx))?;
        }
        Poll::Ready(Ok(count))
    }

    fn start_reading(&mut self) {
        let pipe = Arc::new(Pipe::new(self.capacity(BYTES)));
        let mut io = self.take();
        let to = pipe.clone();
        let read = async move {
            let result = loop {
                let room = poll_fn(|cx| to.poll_room(cx)).await;
                let mut chunk = vec![0; room.min(CHUNK)];
                match if room == 0 { Ok(0) } else { io.read(&mut chunk) } {
                    Ok(0) => break Ok(0),
                    Ok(count) => to.put(&chunk[..count]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => break Err(error),
                }
            };
            to.close_source();
            (io, result)
        };
        self.state = State::Busy { link: Link::Reads(pipe), job: job(read) };
    }
}

impl<T: Write + Send + 'static> Simulated<T> {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match &self.state {
                State::Busy { link: Link::Writes(pipe), .. } => {
                    let count = ready!(pipe.poll_write(cx, bytes));
                    if count > 0 || bytes.is_empty() {
                        return Poll::Ready(Ok(count));
                    }
                    // The job has ended, by an error: the next write begins anew.
                    ready!(self.poll_idle(cx))?;
                }
                State::Busy { .. } => drop(ready!(self.poll_idle(cx))?),
                State::Idle(_) => self.start_writing(),
            }
        }
    }

    fn start_writing(&mut self) {
        let pipe = Arc::new(Pipe::new(self.capacity(BYTES)));
        let mut io = self.take();
        let from = pipe.clone();
        let write = async move {
            let result = loop {
                let chunk = poll_fn(|cx| from.poll_peek(cx, CHUNK)).await;
                if chunk.is_empty() {
                    break io.flush().map(|()| 0);
                }
                match io.write(&chunk) {
                    Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                    Ok(count) => from.consume(count),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        let _ = io.flush();
                        break Err(error);
                    }
                }
            };
            from.close_sink();
            (io, result)
        };
        self.state = State::Busy { link: Link::Writes(pipe), job: job(write) };
    }
}

impl<T: Seek + Send + 'static> Simulated<T> {
    fn poll_seek(&mut self, cx: &mut Context<'_>, to: SeekFrom) -> Poll<io::Result<u64>> {
        loop {
            match &mut self.state {
                State::Busy { link: Link::Seeks(asked), .. } => {
                    let is_asked = *asked == to;
                    let place = ready!(self.poll_idle(cx))?;
                    if is_asked {
                        return Poll::Ready(Ok(place));
                    }
                }
                State::Busy { .. } => drop(ready!(self.poll_idle(cx))?),
                State::Idle(_) => {
                    let mut io = self.take();
                    let seek = async move {
                        let place = io.seek(to);
                        (io, place)
                    };
                    self.state = State::Busy { link: Link::Seeks(to), job: job(seek) };
                }
            }
        }
    }
}

impl<T: Iterator + Send + 'static> Simulated<T>
where
    T::Item: Send + 'static,
{
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<T::Item>> {
        loop {
            match &mut self.state {
                State::Busy { link: Link::Items(any), .. } => {
                    let Some(items) = any.downcast_mut::<Pin<Box<Receiver<T::Item>>>>() else {
                        unreachable!("the items are of this type")
                    };
                    let item = ready!(items.as_mut().poll_next(cx));
                    if item.is_none() {
                        self.has_ended();
                        let _ = ready!(self.poll_idle(cx));
                    }
                    return Poll::Ready(item);
                }
                State::Busy { link: Link::Ended, .. } => {
                    let _ = ready!(self.poll_idle(cx));
                    return Poll::Ready(None);
                }
                State::Busy { .. } => drop(ready!(self.poll_idle(cx))),
                State::Idle(_) => {
                    let (sender, items) = bounded(self.capacity(ITEMS));
                    let mut iterator = self.take();
                    let send = async move {
                        for item in &mut *iterator {
                            if sender.send(item).await.is_err() {
                                break;
                            }
                        }
                        (iterator, Ok(0))
                    };
                    let link = Link::Items(Box::new(Box::pin(items)));
                    self.state = State::Busy { link, job: job(send) };
                }
            }
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Unblock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.0 {
            Kind::Real(real) => return real.fmt(f),
            Kind::Simulated(simulated) => &simulated.state,
        };
        let mut told = f.debug_struct("Unblock");
        match state {
            State::Idle(Some(io)) => told.field("io", io),
            State::Idle(None) => told.field("io", &format_args!("<closed>")),
            State::Busy { .. } => told.field("io", &format_args!("<blocked>")),
        };
        told.finish()
    }
}

impl<T: Iterator + Send + 'static> Stream for Unblock<T>
where
    T::Item: Send + 'static,
{
    type Item = T::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T::Item>> {
        match &mut self.0 {
            Kind::Real(real) => Pin::new(real).poll_next(cx),
            Kind::Simulated(simulated) => simulated.poll_next(cx),
        }
    }
}

impl<T: Read + Send + 'static> AsyncRead for Unblock<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Real(real) => Pin::new(real).poll_read(cx, buf),
            Kind::Simulated(simulated) => simulated.poll_read(cx, buf),
        }
    }
}

impl<T: Write + Send + 'static> AsyncWrite for Unblock<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Real(real) => Pin::new(real).poll_write(cx, buf),
            Kind::Simulated(simulated) => simulated.poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Real(real) => Pin::new(real).poll_flush(cx),
            Kind::Simulated(simulated) => simulated.poll_idle(cx).map_ok(drop),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Real(real) => Pin::new(real).poll_close(cx),
            Kind::Simulated(simulated) => {
                ready!(simulated.poll_idle(cx))?;
                simulated.state = State::Idle(None);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl<T: Seek + Send + 'static> AsyncSeek for Unblock<T> {
    fn poll_seek(mut self: Pin<&mut Self>, cx: &mut Context<'_>, pos: SeekFrom) -> Poll<io::Result<u64>> {
        match &mut self.0 {
            Kind::Real(real) => Pin::new(real).poll_seek(cx, pos),
            Kind::Simulated(simulated) => simulated.poll_seek(cx, pos),
        }
    }
}
