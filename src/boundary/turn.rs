//! State that only one thread of a world may touch, checked by one comparison.
//!
//! A world runs exactly one of its threads at any moment, and that thread has the *turn*. The
//! loop thread takes the turn in [`Turned::enter`]; a sim thread is lent it by
//! [`super::threads`] while it is being resumed. Every hand-over is either a stack switch on one
//! kernel thread or a futex hand-shake, so what the last holder wrote is visible to the next one.

use super::held;
use super::shown;
use std::fmt;
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What every [`Turned`] begins with, whatever is in it.
pub(super) struct Head {
    /// Whether some thread is inside [`Turned::enter`].
    claimed: AtomicBool,
    /// The number of the [`Tag`] that is good now; 0 if none is.
    tag: AtomicU64,
    /// The number of the last tag that was drawn.
    last: AtomicU64,
}

/// Tags are taken from what they are counted by so many at once: it is a page of its own in memory, of which a forked process
/// would have to make a copy.
const TAGS: u64 = 1024;

impl Head {
    pub(super) const fn new() -> Head {
        Head { claimed: AtomicBool::new(false), tag: AtomicU64::new(0), last: AtomicU64::new(TAGS - 1) }
    }
}

impl Head {
    /// A number that nobody else has drawn in this process, from any head; never 0.
    fn draw(&self) -> u64 {
        // The first of those that no head has taken.
        static NEXT: AtomicU64 = AtomicU64::new(TAGS);
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            // Those up to the next multiple of TAGS are this head's, and each success of the exchange is another of them.
            let number = match last + 1 {
                first if first.is_multiple_of(TAGS) => NEXT.fetch_add(TAGS, Ordering::Relaxed),
                next => next,
            };
            match self.last.compare_exchange_weak(last, number, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return number,
                Err(now) => last = now,
            }
        }
    }
}

/// The head of no turn at all.
pub(super) static NOBODYS: Head = Head::new();

/// A value that only the thread holding its turn may touch.
///
/// # What the caller has to keep
/// `T` may be neither `Send` nor `Sync`. Reaching it is safe whatever the caller does, but two
/// things about *what is inside* cannot be seen by the compiler:
/// - an `Rc` (or anything else that is not `Send`) inside `T` must not have a twin that is used
///   by a thread which does not hold the turn;
/// - when a loop thread gives the turn up for good, what belongs to that thread alone (its own
///   `!Send` futures, say) must be gone from `T`, since the next thread to enter may be another.
#[repr(C)]
pub struct Turned<T> {
    /// The first field, so that a pointer to it is one to the whole. Its address is the turn's
    /// identity: a `Turned` nested in `inner` has its own behind it.
    head: Head,
    inner: T,
}

/// Says which type the [`Turned`] is that a [`Tag`] was drawn from, and what such a tag lets in.
pub trait Mark {
    type Of: 'static;
    /// What [`give_labelled`] takes.
    type Given;

    /// Takes what was given with the newest tag.
    fn take(of: &Self::Of, given: Self::Given);
}

/// A name for what a [`Turned`] is about at the moment, drawn by [`Turned::tag`]: whoever has it
/// can find out whether the calling thread is in there, and get in, by one comparison.
pub struct Tag<M>(u64, PhantomData<fn() -> M>);

impl<M> Tag<M> {
    /// A number that no other tag of this process has; never 0.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl<M> Tag<M> {
    /// Tags have 40 bits: a process that makes a million of them a second has enough for twelve days.
    const BITS: u32 = 40;

    /// This tag and a number of 24 bits in one word; a greater number is kept as the greatest.
    #[inline]
    pub fn with(self, number: u32) -> Labelled<M> {
        Labelled(self.0 | u64::from(number.min(Labelled::<M>::GREATEST)) << Self::BITS, PhantomData)
    }
}

/// A [`Tag`] and a small number.
pub struct Labelled<M>(u64, PhantomData<fn() -> M>);

impl<M> Labelled<M> {
    /// The greatest number there is room for.
    pub const GREATEST: u32 = u32::MAX >> 8;

    /// The tag.
    #[inline(always)]
    pub fn tag(&self) -> Tag<M> {
        Tag(self.0 & (u64::MAX >> (64 - Tag::<M>::BITS)), PhantomData)
    }

    /// The number.
    #[inline(always)]
    pub fn number(&self) -> u32 {
        Self::number_in(self.upper_half())
    }

    /// Half of it, which has all of the number in it: see [`number_in`](Labelled::number_in).
    #[inline(always)]
    pub fn upper_half(&self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The number in an upper half.
    #[inline(always)]
    pub fn number_in(upper_half: u32) -> u32 {
        upper_half >> (Tag::<M>::BITS - 32)
    }
}

impl<M> Clone for Labelled<M> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Labelled<M> {}

impl<M> fmt::Debug for Labelled<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.tag(), self.number())
    }
}

impl<M> Clone for Tag<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Tag<M> {}

impl<M> fmt::Debug for Tag<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Gives `given` to what the calling thread holds the turn of, if that is the [`Turned`] whose newest tag is that of `label`;
/// otherwise gives it back. (Not a closure, so that a build without optimisation has no call to make.)
#[inline(always)]
pub fn give_labelled<M: Mark>(label: Labelled<M>, given: M::Given) -> Option<M::Given> {
    let head = held::get();
    // SAFETY: `held` points to NOBODYS or to the head of a `Turned` that this thread is inside of, which lives as long as the
    // process (`enter` takes a `&'static`).
    let tag = shown::load(unsafe { &(*head).tag });
    // A tag has BITS bits: what is shifted out is the number beside it.
    if (tag ^ label.0) << (64 - Tag::<M>::BITS) != 0 {
        return Some(given);
    }
    // SAFETY: no two tags have the same number, none has NOBODYS' 0, and a tag of mark M is drawn
    // from a `Turned<M::Of>` only; so that is what the head belongs to. `held` was made of a pointer
    // to the whole, and the head is its first field. That this thread holds the turn is what `held`
    // says, as in `Turned::with`; and as there, the borrow ends with the call.
    let turned = unsafe { &*(head as *const Turned<M::Of>) };
    M::take(&turned.inner, given);
    None
}

// SAFETY: a shared `Turned` gives access to `inner` in two ways only. `with` (and `give_labelled`, by
// a number that stands for it) compares `held` with this turn, and that is set to it by `enter`, which at most one thread can be inside of (the
// `claimed` exchange), and by `threads`, which sets it on a sim thread only while the thread that
// was inside `enter` is stopped in `resume`. So at any moment one thread at most can have
// a running borrow of `inner`, the borrows are confined to closures that end before the turn
// does, and each hand-over synchronises (acquire/release on `claimed`, one kernel thread, or a
// futex word). What is left, values inside `T` with a twin outside, is the contract above.
unsafe impl<T> Sync for Turned<T> {}

// SAFETY: as for Sync; moving the whole value to another thread needs ownership of it, so nobody
// is inside it at that time.
unsafe impl<T> Send for Turned<T> {}

impl<T> Turned<T> {
    /// Takes ownership of `inner`; nobody holds its turn yet.
    pub const fn new(inner: T) -> Self {
        Turned { head: Head::new(), inner }
    }

    fn head(&self) -> *const Head {
        ptr::from_ref(self).cast()
    }

    /// Draws a new tag; older ones no longer open this. If it is not to be `open`, none does.
    pub fn tag<M: Mark<Of = T>>(&self, open: bool) -> Tag<M> {
        let number = self.head.draw();
        assert!(number >> Tag::<M>::BITS == 0, "this process has made a million million runs: start another");
        self.head.tag.store(if open { number } else { 0 }, Ordering::Relaxed);
        Tag(number, PhantomData)
    }

    /// Runs `f` on the value, if the calling thread holds its turn; otherwise `None`, and `f` is
    /// dropped. Costs one thread-local load and a comparison.
    ///
    /// There is no `get(&self) -> Option<&T>`: on a `&'static Turned` that would hand out a
    /// `&'static T`, which a thread could keep after it gave up the turn and then use while
    /// another thread has it.
    #[inline(always)]
    pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> Option<R> {
        if held::get() == self.head() { Some(f(&self.inner)) } else { None }
    }

    /// Whether the calling thread holds this turn.
    #[cfg(test)]
    pub fn is_held(&self) -> bool {
        held::get() == self.head()
    }

    /// Claims the turn for the calling thread while `f` runs, and gives it up afterwards, also
    /// when `f` unwinds.
    ///
    /// `'static`, because sim threads may be left suspended in the middle of [`with`](Self::with)
    /// when `f` is over; they are never resumed then, but their borrow stays.
    ///
    /// # Panics
    /// If the calling thread holds a turn already (this one or another), or another thread holds
    /// this one.
    pub fn enter<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        /// Gives the turn up on every way out.
        struct Release(&'static AtomicBool);
        impl Drop for Release {
            fn drop(&mut self) {
                held::set(&raw const NOBODYS);
                self.0.store(false, Ordering::Release);
            }
        }

        let own = self.head();
        let held = held::get();
        assert!(held != own, "this thread is inside this world already: a run cannot start its own run again");
        assert!(
            held == &raw const NOBODYS,
            "this thread is inside another world: a run cannot be started within a run"
        );
        assert!(
            !self.head.claimed.swap(true, Ordering::Acquire),
            "another thread is inside this world: a world has one loop thread at a time"
        );
        let release = Release(&self.head.claimed);
        held::set(own);
        let result = f(&self.inner);
        drop(release);
        result
    }
}

/// The turn a thread holds, or none: what [`super::threads`] carries from the thread that resumes
/// to the one that is resumed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Hold(*const Head);

impl Hold {
    /// No turn.
    pub(super) const NONE: Hold = Hold(&raw const NOBODYS);
}

/// The turn the calling thread holds.
#[inline(always)]
pub(super) fn held() -> Hold {
    Hold(held::get())
}

/// Makes the calling thread a holder of `hold`.
///
/// # Safety
/// The thread that `hold` was read from must not run, and must see what this thread wrote when it
/// runs again, until this thread either stops running too or calls this with [`Hold::NONE`].
#[inline(always)]
pub(super) unsafe fn set_held(hold: Hold) {
    held::set(hold.0);
}

/// Something that tells living threads apart: no two threads alive at a time have the same one.
#[inline(always)]
pub(super) fn this_thread() -> usize {
    held::place()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::rc::Rc;

    fn leak<T>(inner: T) -> &'static Turned<T> {
        Box::leak(Box::new(Turned::new(inner)))
    }

    #[test]
    fn only_the_holder_gets_in() {
        let world = leak(RefCell::new(Rc::new(1)));
        assert!(world.with(|_| ()).is_none());
        let got = world.enter(|inner| {
            assert!(world.is_held());
            *inner.borrow_mut() = Rc::new(2);
            std::thread::spawn(move || assert!(world.with(|_| ()).is_none())).join().unwrap();
            world.with(|inner| **inner.borrow())
        });
        assert_eq!(got, Some(2));
        assert!(world.with(|_| ()).is_none());
    }

    #[test]
    fn another_world_is_not_this_world() {
        let (one, two) = (leak(1), leak(2));
        one.enter(|_| {
            assert!(two.with(|_| ()).is_none());
            assert!(catch_unwind(AssertUnwindSafe(|| two.enter(|_| ()))).is_err());
            assert!(catch_unwind(AssertUnwindSafe(|| one.enter(|_| ()))).is_err());
            assert_eq!(one.with(|n| *n), Some(1));
        });
        two.enter(|n| assert_eq!(*n, 2));
    }

    #[test]
    fn a_world_within_a_world_has_a_turn_of_its_own() {
        let outer = leak(Turned::new(1));
        outer.enter(|inner| assert!(inner.with(|_| ()).is_none()));
    }

    #[test]
    fn no_two_tags_have_the_same_number() {
        static ONE: Turned<i32> = Turned::new(1);
        static OTHER: Turned<i32> = Turned::new(2);
        let draw = |head: &Head| (0..TAGS * 5 / 2).map(|_| head.draw()).collect::<Vec<_>>();
        let mut all = draw(&OTHER.head);
        std::thread::scope(|scope| {
            let threads = [(); 3].map(|()| scope.spawn(|| draw(&ONE.head)));
            threads.into_iter().for_each(|thread| all.extend(thread.join().unwrap()));
        });
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!((all.len(), all.contains(&0)), (count, false));
    }

    #[test]
    fn a_tag_opens_what_it_was_drawn_from_until_the_next_is() {
        struct Numbers;
        impl Mark for Numbers {
            type Of = i32;
            type Given = &'static Cell<i32>;
            fn take(of: &i32, given: &'static Cell<i32>) {
                given.set(*of);
            }
        }
        let look = |tag: Tag<Numbers>| {
            let seen: &'static Cell<i32> = Box::leak(Box::new(Cell::new(0)));
            match give_labelled(tag.with(5), seen) {
                Some(back) => Err(std::ptr::eq(back, seen)),
                None => Ok(seen.get()),
            }
        };
        let (one, two) = (leak(1), leak(2));
        let (first, second) = (one.tag::<Numbers>(true), two.tag::<Numbers>(true));
        assert_eq!(look(first), Err(true));
        one.enter(|_| {
            assert_eq!((look(first), look(second)), (Ok(1), Err(true)));
            std::thread::spawn(move || assert!(look(first).is_err())).join().unwrap();
            let later = one.tag::<Numbers>(true);
            assert_eq!((look(first), look(later)), (Err(true), Ok(1)));
            let closed = one.tag::<Numbers>(false);
            assert_eq!((look(later), look(closed)), (Err(true), Err(true)));
        });
        two.enter(|_| assert_eq!(look(second), Ok(2)));

        let labelled = second.with(77);
        assert_eq!((labelled.tag().number(), labelled.number()), (second.number(), 77));
        assert_eq!(second.with(u32::MAX).number(), Labelled::<Numbers>::GREATEST);
        assert_eq!(second.with(u32::MAX).tag().number(), second.number());
    }

    #[test]
    fn an_unwinding_run_gives_the_turn_up() {
        let world = leak(());
        assert!(catch_unwind(AssertUnwindSafe(|| world.enter(|()| panic!("on purpose")))).is_err());
        assert!(!world.is_held());
        std::thread::spawn(move || world.enter(|()| ())).join().unwrap();
    }

    #[test]
    fn two_threads_cannot_enter_at_once() {
        let world = leak(());
        world.enter(|()| {
            let other = std::thread::spawn(move || world.enter(|()| ()));
            assert!(other.join().is_err());
        });
    }
}
