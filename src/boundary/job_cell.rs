//! A job, and what it leaves for whoever awaits it.
//!
//! It is to a closure what a task of async-task's is to a future, without what a job has no use for: a job is begun once, by a
//! thread that has the turn, and is never woken. Of some ten locked instructions for a job there is one left.
//!
//! # Why this is sound
//! Two own a cell: the [`Work`], which does the job, and the [`Handle`], by which its outcome is awaited. Each may be sent to
//! another thread. What is in a cell is reached like this:
//! - `waker` only by whoever holds the turn of the world that the cell was made in (`is_here`). One thread does at any moment,
//!   and what the last holder wrote is seen by the next ([`super::turn`]).
//! - `content` only by the work until it has set `DONE`, and only by the handle from then on.
//! - `state` is changed by locked instructions, but for what the handle sets while it holds the turn: the work, which sets
//!   nothing without the turn, does not run meanwhile, and there is but one handle.
//! - `elsewhere`, the waker of a handle that is polled without the turn, is under a lock of its own.
//!
//! Who goes last frees the cell: the work, if it finds `LEFT` when it sets `DONE`, and otherwise the handle. Both functions in
//! which the other side may do so meanwhile have a pointer to the cell and no reference. What is the user's (wakers,
//! destructors) may give others a turn wherever it is called: no reference into `waker` or `content` is held then, and what
//! was known is looked at again.

use super::turn::{Head, NOBODYS};
use super::{held, kernel};
use std::any::Any;
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// What came of a job: a value, or what it panicked with.
pub type Outcome<T> = Result<T, Box<dyn Any + Send>>;

/// What a handle is told: nothing if the job has been cancelled, or the outcome been taken.
type Told<T> = Option<Outcome<T>>;

/// What is to be done. It catches its own panics, also those of its destructor.
pub trait Errand: Send + 'static {
    type Output: Send + 'static;

    /// Does it, and hands on what came of it. (Not by returning it: it would be copied in parts.)
    fn run(self, hand_on: impl FnOnce(Outcome<Self::Output>));
}

/// The work is over: nobody but the handle reaches the cell.
const DONE: u8 = 1;
/// The handle is gone.
const LEFT: u8 = 2;
/// Nobody wants the outcome; the job need not begin.
const CANCELLED: u8 = 4;
/// There may be a waker in `elsewhere`.
const ELSEWHERE: u8 = 8;

enum Content<E: Errand> {
    /// It has not begun.
    Errand(E),
    Outcome(Outcome<E::Output>),
    /// It goes on, or has been cancelled, or the outcome has been taken.
    Nothing,
}

/// What a [`Work`] knows of its cell, whatever the job's type: the beginning of it.
struct Front<M> {
    /// [`Cell::end`].
    end: unsafe fn(NonNull<Front<M>>, bool),
    meta: M,
}

#[repr(C)]
struct Cell<E: Errand, M> {
    front: Front<M>,
    /// Whose turn it is about.
    turn: *const Head,
    waker: UnsafeCell<Option<Waker>>,
    elsewhere: Mutex<Option<Waker>>,
    state: AtomicU8,
    content: UnsafeCell<Content<E>>,
}

/// What a [`Handle`] knows of its cell.
struct Ways<T> {
    is_over: unsafe fn(NonNull<()>) -> bool,
    poll: unsafe fn(NonNull<()>, &mut Context<'_>) -> Poll<Told<T>>,
    cancel: unsafe fn(NonNull<()>),
    leave: unsafe fn(NonNull<()>, bool),
}

/// Makes a job: what does it, and what it is awaited by.
///
/// # Panics
/// If the calling thread holds no turn.
#[inline]
pub fn job<E: Errand, M: Send + Sync + 'static>(meta: M, errand: E) -> (Work<M>, Handle<E::Output>) {
    let turn = held::get();
    assert!(turn != &raw const NOBODYS, "a job is made within a run");
    let cell = NonNull::from(Box::leak(Box::<Cell<E, M>>::new_uninit()));
    let at: *mut Cell<E, M> = cell.as_ptr().cast();
    // SAFETY: each field is written in its place, once. (What is put together elsewhere would be waited for when it is copied.)
    unsafe {
        (&raw mut (*at).front.end).write(Cell::<E, M>::end);
        (&raw mut (*at).front.meta).write(meta);
        (&raw mut (*at).turn).write(turn);
        (&raw mut (*at).waker).write(UnsafeCell::new(None));
        (&raw mut (*at).elsewhere).write(Mutex::new(None));
        (&raw mut (*at).state).write(AtomicU8::new(0));
        (&raw mut (*at).content).write(UnsafeCell::new(Content::Errand(errand)));
    }
    let handle = Handle { cell: cell.cast(), ways: Cell::<E, M>::ways(), output: PhantomData };
    (Work { front: cell.cast() }, handle)
}

impl<E: Errand, M> Cell<E, M> {
    const WAYS: Ways<E::Output> =
        Ways { is_over: Self::is_over, poll: Self::poll, cancel: Self::cancel, leave: Self::leave };

    /// They are there for ever.
    #[inline(always)]
    fn ways() -> NonNull<Ways<E::Output>> {
        NonNull::from(const { &Self::WAYS })
    }

    /// Whether the calling thread holds the turn of the cell's world.
    #[inline(always)]
    fn is_here(&self) -> bool {
        held::get() == self.turn
    }

    /// Replaces the waker, if the calling thread holds the turn.
    #[inline(always)]
    fn replace_waker(&self, waker: Option<Waker>) -> Option<Waker> {
        // SAFETY: by the turn nobody else is here, and the borrow ends before anything else is called.
        if self.is_here() { unsafe { mem::replace(&mut *self.waker.get(), waker) } } else { None }
    }

    fn replace_elsewhere(&self, waker: Option<Waker>) -> Option<Waker> {
        // Who has the lock is no business of the code under test.
        let _quiet = kernel::quiet();
        mem::replace(&mut *self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner), waker)
    }

    /// Takes what is in it.
    ///
    /// # Safety
    /// The caller is the work, which has not set `DONE`, or the handle, which has seen it.
    #[inline(always)]
    unsafe fn take_content(&self) -> Content<E> {
        // SAFETY: by that nobody else is here, and the borrow ends before anything else is called.
        unsafe { mem::replace(&mut *self.content.get(), Content::Nothing) }
    }

    /// Puts `outcome` where nothing is.
    ///
    /// # Safety
    /// As for [`take_content`](Self::take_content); and that has been called.
    #[inline(always)]
    unsafe fn put(&self, outcome: Outcome<E::Output>) {
        // SAFETY: by that nobody else is here; and there is nothing that would have to be dropped.
        unsafe { self.content.get().write(Content::Outcome(outcome)) }
    }

    /// Sets `bits` on behalf of the handle: what was set before.
    #[inline(always)]
    fn set(&self, bits: u8) -> u8 {
        if self.is_here() {
            // The work does not run, and there is no other handle: an exchange would say the same.
            let before = self.state.load(Ordering::Relaxed);
            self.state.store(before | bits, Ordering::Relaxed);
            before
        } else {
            self.state.fetch_or(bits, Ordering::AcqRel)
        }
    }

    /// Does the job, if it `begins` and is still wanted, and sets `DONE`.
    ///
    /// # Safety
    /// `front` is that of such a cell, of which the caller is the work, and asks nothing any more.
    unsafe fn end(front: NonNull<Front<M>>, begins: bool) {
        let this = front.cast::<Self>();
        // SAFETY: the work frees the cell, or the handle when it has seen DONE, which is set below.
        let is_cancelled = unsafe { this.as_ref() }.state.load(Ordering::Relaxed) & CANCELLED != 0;
        // SAFETY: it is the work, which has not set DONE.
        let content = unsafe { this.as_ref().take_content() };
        let mut unwanted = None;
        match content {
            Content::Errand(errand) if begins && !is_cancelled => errand.run(|outcome| {
                // SAFETY: as at first.
                let cell = unsafe { this.as_ref() };
                if cell.state.load(Ordering::Acquire) & (LEFT | CANCELLED) == 0 {
                    // SAFETY: as above.
                    unsafe { cell.put(outcome) };
                } else {
                    unwanted = Some(outcome);
                }
            }),
            content => drop(content),
        }
        // SAFETY: as at first; this borrow is not used behind the exchange that sets DONE.
        let cell = unsafe { this.as_ref() };
        if !cell.is_here() {
            // Its world has been left behind: nobody is there to be told.
            return mem::forget(unwanted);
        }
        let waker = cell.replace_waker(None);
        let mut elsewhere = None;
        let mut state = cell.state.load(Ordering::Acquire);
        loop {
            if state & ELSEWHERE != 0 {
                elsewhere = cell.replace_elsewhere(None);
            }
            match cell.state.compare_exchange(state, state | DONE, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        if state & LEFT != 0 {
            // SAFETY: there is no handle any more, so the cell, which was a Box's, is the work's.
            drop(unsafe { Box::from_raw(this.as_ptr()) });
        } else {
            waker.into_iter().chain(elsewhere).for_each(Waker::wake);
        }
        drop(unwanted);
    }

    /// Whether there is an outcome, or will be none.
    ///
    /// # Safety
    /// `cell` is such a cell, of which the caller is the handle.
    unsafe fn is_over(cell: NonNull<()>) -> bool {
        // SAFETY: the cell is there as long as the handle.
        unsafe { cell.cast::<Self>().as_ref() }.state.load(Ordering::Acquire) & (DONE | CANCELLED) != 0
    }

    /// The outcome, or `None` if there will be none; otherwise the waker is kept.
    ///
    /// # Safety
    /// As for [`is_over`](Self::is_over).
    unsafe fn poll(cell: NonNull<()>, cx: &mut Context<'_>) -> Poll<Told<E::Output>> {
        // SAFETY: the cell is there as long as the handle.
        let cell = unsafe { cell.cast::<Self>().as_ref() };
        if cell.state.load(Ordering::Acquire) & DONE == 0 {
            let waker = cx.waker().clone();
            if !cell.is_here() {
                drop(cell.replace_elsewhere(Some(waker)));
                if cell.set(ELSEWHERE) & DONE == 0 {
                    return Poll::Pending;
                }
            } else if cell.state.load(Ordering::Acquire) & DONE == 0 {
                // (It is asked twice since others may have had a turn while the waker was cloned.)
                drop(cell.replace_waker(Some(waker)));
                return Poll::Pending;
            }
        }
        // SAFETY: it is the handle, which has seen DONE.
        match unsafe { cell.take_content() } {
            Content::Outcome(outcome) => Poll::Ready(Some(outcome)),
            _ => Poll::Ready(None),
        }
    }

    /// Nobody wants the outcome any more. Whoever has awaited it is woken, as by async-task.
    ///
    /// # Safety
    /// As for [`is_over`](Self::is_over).
    unsafe fn cancel(cell: NonNull<()>) {
        // SAFETY: the cell is there as long as the handle.
        let cell = unsafe { cell.cast::<Self>().as_ref() };
        if cell.state.load(Ordering::Acquire) & DONE == 0 && cell.set(CANCELLED) & (DONE | CANCELLED) == 0 {
            cell.replace_waker(None).into_iter().for_each(Waker::wake);
        }
    }

    /// The handle goes, and cancels the job or lets it go on.
    ///
    /// # Safety
    /// `cell` is such a cell, of which the caller is the handle, and asks nothing any more.
    unsafe fn leave(cell: NonNull<()>, cancels: bool) {
        let this = cell.cast::<Self>();
        // SAFETY: the handle frees the cell, or the work when it has seen LEFT. This borrow is not used once that is set.
        let cell = unsafe { this.as_ref() };
        let mut before = cell.state.load(Ordering::Acquire);
        if before & DONE == 0 {
            let waker = cell.replace_waker(None);
            before = cell.set(if cancels { LEFT | CANCELLED } else { LEFT });
            if cancels && before & (DONE | CANCELLED) == 0 {
                waker.into_iter().for_each(Waker::wake);
            }
        }
        if before & DONE != 0 {
            // SAFETY: the work is over, so the cell, which was a Box's, is the handle's.
            drop(unsafe { Box::from_raw(this.as_ptr()) });
        }
    }
}

/// What does a job. Dropped, it cancels the job.
pub struct Work<M> {
    front: NonNull<Front<M>>,
}

// SAFETY: what it reaches of the cell is the errand, which is `Send` as its output is, wakers, and `M`; by the rules above, which
// hold on any thread.
unsafe impl<M: Send + Sync> Send for Work<M> {}

impl<M> Work<M> {
    /// What it was made with.
    #[inline(always)]
    pub fn meta(&self) -> &M {
        // SAFETY: the cell is there until the work has ended, and nothing changes this part of it.
        unsafe { &self.front.as_ref().meta }
    }

    /// Does the job, unless that has been cancelled.
    #[inline(always)]
    pub fn run(self) {
        ManuallyDrop::new(self).end(true);
    }

    #[inline(always)]
    fn end(&mut self, begins: bool) {
        // SAFETY: `end` is that of this cell, which is there until then; and the work is not used any more.
        unsafe { (self.front.as_ref().end)(self.front, begins) }
    }
}

impl<M> Drop for Work<M> {
    fn drop(&mut self) {
        self.end(false);
    }
}

impl<M: fmt::Debug> fmt::Debug for Work<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Work").field(self.meta()).finish()
    }
}

/// What a job is awaited by. Dropped, it cancels the job; see [`Handle::detach`].
pub struct Handle<T> {
    cell: NonNull<()>,
    /// Those of this cell.
    ways: NonNull<Ways<T>>,
    output: PhantomData<T>,
}

// SAFETY: what it gives away is a `T`, to whoever has it alone; what else it reaches of the cell it does by the rules above.
unsafe impl<T: Send> Send for Handle<T> {}
// SAFETY: through a shared one there is a flag to be seen, which is atomic.
unsafe impl<T: Send> Sync for Handle<T> {}

impl<T> Unpin for Handle<T> {}
impl<T> UnwindSafe for Handle<T> {}
impl<T> RefUnwindSafe for Handle<T> {}

impl<T> Handle<T> {
    /// Whether there is an outcome, or will be none.
    pub fn is_over(&self) -> bool {
        // SAFETY: it is the handle of this cell, and these are its ways.
        unsafe { (self.ways.as_ref().is_over)(self.cell) }
    }

    /// The outcome; `None` if the job has been cancelled, or the outcome been taken.
    #[inline(always)]
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome<T>>> {
        // SAFETY: it is the handle of this cell, and these are its ways.
        unsafe { (self.ways.as_ref().poll)(self.cell, cx) }
    }

    /// Nobody wants the outcome any more. A job that has not begun will not.
    pub fn cancel(&mut self) {
        // SAFETY: it is the handle of this cell, and these are its ways.
        unsafe { (self.ways.as_ref().cancel)(self.cell) }
    }

    /// Lets the job go on, and its outcome be dropped.
    pub fn detach(self) {
        let this = ManuallyDrop::new(self);
        // SAFETY: it is the handle of this cell, whose ways these are, and is not used any more.
        unsafe { (this.ways.as_ref().leave)(this.cell, false) }
    }
}

impl<T> Drop for Handle<T> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: it is the handle of this cell, whose ways these are, and is not used any more.
        unsafe { (self.ways.as_ref().leave)(self.cell, true) }
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("is_over", &self.is_over()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::turn::Turned;
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;
    use std::task::Wake;
    use std::thread;

    /// A closure, what it drops, and what it gives.
    struct Does<F>(F, Arc<()>);

    impl<F: FnOnce() -> u32 + Send + 'static> Errand for Does<F> {
        type Output = (u32, Arc<()>);

        fn run(self, hand_on: impl FnOnce(Outcome<Self::Output>)) {
            hand_on(Ok(((self.0)(), self.1)));
        }
    }

    type Half = Handle<(u32, Arc<()>)>;

    /// The cell, the errand and its output each have one of these as long as they are there.
    fn made(witness: &Arc<()>, f: impl FnOnce() -> u32 + Send + 'static) -> (Work<Arc<()>>, Half) {
        job(witness.clone(), Does(f, witness.clone()))
    }

    fn turn() -> &'static Turned<()> {
        Box::leak(Box::new(Turned::new(())))
    }

    #[derive(Default)]
    struct Bell(AtomicU32);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl Bell {
        fn rings(&self) -> u32 {
            self.0.load(Ordering::SeqCst)
        }

        /// `None` while there is nothing to be had, otherwise the number or that there is none.
        fn asks(self: &Arc<Bell>, handle: &mut Half) -> Option<Option<u32>> {
            let waker = Waker::from(self.clone());
            match handle.poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(outcome) => Some(outcome.map(|outcome| outcome.unwrap().0)),
                Poll::Pending => None,
            }
        }
    }

    #[test]
    fn the_outcome_arrives_and_the_last_waker_is_woken() {
        let (witness, first, bell) = (Arc::new(()), Arc::new(Bell::default()), Arc::new(Bell::default()));
        turn().enter(|()| {
            let (work, mut handle) = made(&witness, || 7);
            assert!(Arc::ptr_eq(work.meta(), &witness) && !handle.is_over());
            assert_eq!((first.asks(&mut handle), bell.asks(&mut handle)), (None, None));
            assert_eq!(Arc::strong_count(&first), 1, "of two wakers the first has gone");
            work.run();
            assert_eq!((first.rings(), bell.rings(), handle.is_over()), (0, 1, true));
            assert_eq!(Arc::strong_count(&witness), 3);
            assert_eq!((bell.asks(&mut handle), bell.asks(&mut handle)), (Some(Some(7)), Some(None)));
        });
        assert_eq!((Arc::strong_count(&witness), Arc::strong_count(&bell)), (1, 1));
    }

    #[test]
    fn whoever_goes_last_leaves_nothing_behind() {
        let (witness, bell) = (Arc::new(()), Arc::new(Bell::default()));
        let began = Arc::new(AtomicU32::new(0));
        let begins = {
            let began = began.clone();
            move || began.fetch_add(1, Ordering::SeqCst)
        };
        turn().enter(|()| {
            // Dropped while it is queued: it does not begin. Who had awaited it is woken at once, as by async-task.
            let (work, mut handle) = made(&witness, begins.clone());
            assert_eq!(bell.asks(&mut handle), None);
            drop(handle);
            assert_eq!((bell.rings(), Arc::strong_count(&witness)), (1, 3));
            work.run();
            assert_eq!((began.load(Ordering::SeqCst), bell.rings(), Arc::strong_count(&witness)), (0, 1, 1));

            // Cancelled, and waited for.
            let (work, mut handle) = made(&witness, begins.clone());
            assert_eq!(bell.asks(&mut handle), None);
            handle.cancel();
            handle.cancel();
            assert_eq!((bell.rings(), handle.is_over(), bell.asks(&mut handle)), (2, true, None));
            work.run();
            assert_eq!((bell.rings(), bell.asks(&mut handle)), (3, Some(None)));
            drop(handle);
            assert_eq!((began.load(Ordering::SeqCst), Arc::strong_count(&witness)), (0, 1));

            // Let go: it begins, and its output is dropped.
            let (work, handle) = made(&witness, begins.clone());
            handle.detach();
            work.run();
            assert_eq!((began.load(Ordering::SeqCst), Arc::strong_count(&witness)), (1, 1));

            // The work is dropped: there will be no outcome.
            let (work, mut handle) = made(&witness, begins.clone());
            assert_eq!(bell.asks(&mut handle), None);
            drop(work);
            assert_eq!((bell.rings(), Arc::strong_count(&witness)), (4, 2));
            assert_eq!(bell.asks(&mut handle), Some(None));
            drop(handle);
            assert_eq!((began.load(Ordering::SeqCst), Arc::strong_count(&witness)), (1, 1));

            // Dropped, or cancelled, or let go, while it runs; and when it is done.
            let (slot, inner) = (Arc::new(Mutex::new(None::<Half>)), witness.clone());
            for how in 0..3 {
                let theirs = slot.clone();
                let (work, handle) = made(&witness, move || {
                    let mut handle = theirs.lock().unwrap().take().unwrap();
                    match how {
                        0 => drop(handle),
                        1 => handle.detach(),
                        _ => {
                            handle.cancel();
                            *theirs.lock().unwrap() = Some(handle);
                        }
                    }
                    9
                });
                *slot.lock().unwrap() = Some(handle);
                work.run();
                let cancelled = slot.lock().unwrap().take();
                let told = cancelled.map(|mut handle| bell.asks(&mut handle));
                assert_eq!(told, (how == 2).then_some(Some(None)));
                assert_eq!(Arc::strong_count(&witness), 2);
            }
            let (work, handle) = made(&witness, || 9);
            work.run();
            assert_eq!(Arc::strong_count(&witness), 4);
            drop((handle, inner));
        });
        assert_eq!((Arc::strong_count(&witness), Arc::strong_count(&bell), bell.rings()), (1, 1, 4));
    }

    /// What is left when the handle is elsewhere, at any moment of the work.
    #[test]
    fn a_handle_may_be_anywhere() {
        struct Unpark(thread::Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let witness = Arc::new(());
        let (mut arrived, mut late) = (0, 0);
        turn().enter(|()| {
            for n in 0..if cfg!(miri) { 100 } else { 2_000_u32 } {
                let (work, mut handle) = made(&witness, move || n);
                // At every other one somebody has awaited it here before.
                let bell = Arc::new(Bell::default());
                if n % 2 == 0 {
                    assert_eq!(bell.asks(&mut handle), None);
                }
                let both = Arc::new(AtomicU32::new(0));
                let meet = |both: &AtomicU32| {
                    both.fetch_add(1, Ordering::SeqCst);
                    while both.load(Ordering::SeqCst) < 2 {
                        thread::yield_now();
                    }
                };
                let theirs = both.clone();
                let there = thread::spawn(move || {
                    meet(&theirs);
                    (0..n % 64 * 8).for_each(|_| std::hint::spin_loop());
                    match n % 5 {
                        0 => drop(handle),
                        1 => handle.detach(),
                        2 => handle.cancel(),
                        _ => {
                            let waker = Waker::from(Arc::new(Unpark(thread::current())));
                            let mut waits = 0;
                            loop {
                                match handle.poll(&mut Context::from_waker(&waker)) {
                                    Poll::Ready(outcome) => return (outcome.map(|outcome| outcome.unwrap().0), waits),
                                    Poll::Pending => thread::park(),
                                }
                                waits += 1;
                            }
                        }
                    }
                    (None, 0)
                });
                meet(&both);
                (0..n % 49 * 8).for_each(|_| std::hint::spin_loop());
                work.run();
                let (told, waits) = there.join().unwrap();
                if n % 5 > 2 {
                    assert_eq!(told, Some(n));
                    arrived += 1;
                    late += u32::from(waits > 0);
                }
                assert_eq!(Arc::strong_count(&witness), 1, "{n}");
                assert_eq!(Arc::strong_count(&bell), 1, "{n}");
            }
        });
        assert!(arrived > 0);
        println!("{late} of them waited");
    }

    #[test]
    fn without_the_turn() {
        let witness = Arc::new(());
        let outside = std::panic::catch_unwind(|| made(&Arc::new(()), || 0));
        assert!(outside.is_err());
        let (work, mut handle) = turn().enter(|()| made(&witness, || 0));
        // The world has been left: nobody is told, and the cell stays.
        drop(work);
        assert_eq!(Arc::new(Bell::default()).asks(&mut handle), None);
        drop(handle);
        assert_eq!(Arc::strong_count(&witness), 2, "the errand has gone");
    }
}
