//! A row of places that is changed through a shared reference, without a flag that says somebody looks at it.
//!
//! What a `RefCell` keeps at run time holds here by construction: no reference to anything in the row leaves this room, and
//! no code of anybody else's runs while one exists. A payload is moved in or out, an age (a word that means something to
//! whoever keeps the row) is copied.
//!
//! Plain indexing and plain moves, so that a build without optimisation has few calls to make.

use super::tally::Tally;
use std::cell::UnsafeCell;
use std::hint::select_unpredictable;
use std::mem::{self, ManuallyDrop};
use std::ptr;

/// So many are few.
const FEW: usize = 4;

/// The row. Place 0 is there from the beginning.
pub struct Places<P>(UnsafeCell<Row<P>>);

struct Row<P> {
    places: Box<[Place<P>]>,
    /// The last place in use, the gap included.
    used: usize,
    /// The place among them that was left last, unless somebody has filled it; 0 if there is none.
    gap: usize,
    /// How many places [`put_youngest`](Places::put_youngest) has: all, or 0 if somebody else is to see to them.
    stamped: usize,
    /// The age of whoever comes next, where ages are stamps.
    next_stamp: u64,
    /// The place with the least stamp; 0 if it is to be looked for.
    oldest: usize,
}

struct Place<P> {
    /// Dropped by [`Places`] only.
    payload: ManuallyDrop<Option<P>>,
    age: u64,
}

/// An age in a ring: the places of who became ready just before and just after. Place 0 is never filled: in the ring it stands
/// before the oldest and after the newest.
#[derive(Clone, Copy)]
pub struct Neighbours {
    pub older: u32,
    pub newer: u32,
}

impl Neighbours {
    #[inline(always)]
    pub fn of(age: u64) -> Neighbours {
        Neighbours { older: age as u32, newer: (age >> 32) as u32 }
    }

    #[inline(always)]
    pub fn age(self) -> u64 {
        u64::from(self.newer) << 32 | u64::from(self.older)
    }
}

impl<P> Place<P> {
    fn empty(age: u64) -> Place<P> {
        Place { payload: ManuallyDrop::new(None), age }
    }
}

/// Makes the functions that read and write a word of the row.
macro_rules! words {
    ($($get:ident, $set:ident, $what:literal;)*) => {
        $(
            #[doc = $what]
            #[inline(always)]
            pub fn $get(&self) -> usize {
                // SAFETY: as in `at`.
                unsafe { (*self.0.get()).$get }
            }

            #[inline(always)]
            pub fn $set(&self, value: usize) {
                // SAFETY: as in `at`.
                unsafe { (*self.0.get()).$get = value }
            }
        )*
    };
}

impl<P> Places<P> {
    /// A row of one empty place.
    pub fn new(age: u64) -> Places<P> {
        let places = Box::new([Place::empty(age)]);
        Places(UnsafeCell::new(Row { places, used: 0, gap: 0, stamped: 0, next_stamp: 0, oldest: 0 }))
    }

    words! {
        used, set_used, "The last place in use, the gap included.";
        gap, set_gap, "The place that was left last, unless somebody has filled it; 0 if there is none.";
    }

    /// The age of whoever comes next, where ages are stamps.
    #[inline(always)]
    pub fn next_stamp(&self) -> u64 {
        // SAFETY: as in `at`.
        unsafe { (*self.0.get()).next_stamp }
    }

    /// Counts stamps from 0 again, and says whether [`put_youngest`](Places::put_youngest) is to put anybody anywhere.
    pub fn restart(&self, stamped: bool) {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        row.stamped = if stamped { row.places.len() } else { 0 };
        row.next_stamp = 0;
        row.oldest = 0;
    }

    /// Fills the gap, or the first place behind those in use, with the youngest: its age is the next stamp. Gives `payload`
    /// back if there is no such place, or if it is not to.
    #[inline(always)]
    pub fn put_youngest(&self, payload: ManuallyDrop<P>) -> Option<ManuallyDrop<P>> {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        let mut at = row.gap;
        if at == 0 {
            at = row.used + 1;
        }
        if at >= row.stamped {
            return Some(payload);
        }
        if row.gap == 0 {
            row.used = at;
        }
        row.gap = 0;
        let place = &mut row.places[at];
        place.age = row.next_stamp;
        // It cannot overflow; a build that checks takes twice as long to find that out.
        row.next_stamp = row.next_stamp.wrapping_add(1);
        place.payload = ManuallyDrop::new(Some(ManuallyDrop::into_inner(payload)));
        None
    }

    /// The same whatever [`restart`](Places::restart) was told, with an age in the ring if they are not to be `stamped`. Gives
    /// `payload` back if there is no such place.
    #[inline(always)]
    pub fn put_newest(&self, payload: ManuallyDrop<P>, stamped: bool) -> Option<ManuallyDrop<P>> {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        let places = &mut row.places[..];
        let at = if row.gap == 0 { row.used + 1 } else { row.gap };
        if at >= places.len() {
            return Some(payload);
        }
        row.used = row.used.max(at);
        row.gap = 0;
        if stamped {
            places[at].age = row.next_stamp;
            row.next_stamp += 1;
        } else {
            Self::link(places, at);
        }
        places[at].payload = ManuallyDrop::new(Some(ManuallyDrop::into_inner(payload)));
        None
    }

    /// The place `at` is the newest in the ring.
    #[inline(always)]
    fn link(places: &mut [Place<P>], at: usize) {
        let before = Neighbours::of(places[0].age);
        places[0].age = Neighbours { older: at as u32, ..before }.age();
        let newest = &mut places[before.older as usize];
        newest.age = Neighbours { newer: at as u32, ..Neighbours::of(newest.age) }.age();
        places[at].age = Neighbours { older: before.older, newer: 0 }.age();
    }

    /// Empties a place, which is the gap from then on, and no longer in the ring.
    ///
    /// # Panics
    /// If it is empty.
    #[inline(always)]
    pub fn take_linked(&self, at: usize) -> P {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        let places = &mut row.places[..];
        let age = Neighbours::of(places[at].age);
        let older = &mut places[age.older as usize];
        older.age = Neighbours { newer: age.newer, ..Neighbours::of(older.age) }.age();
        let newer = &mut places[age.newer as usize];
        newer.age = Neighbours { older: age.older, ..Neighbours::of(newer.age) }.age();
        let place = &mut places[at];
        // SAFETY: what is read is overwritten at once, so that it is not in two places.
        let payload = unsafe { ptr::read(&place.payload) };
        place.payload = ManuallyDrop::new(None);
        row.gap = at;
        match ManuallyDrop::into_inner(payload) {
            Some(payload) => payload,
            None => nobody(),
        }
    }

    /// The place `at`, which is filled, is the youngest from now on: its age is the next stamp, or in the ring it is the newest.
    /// For all places one after the other, in the order of their ages, none of which counts any more.
    pub fn renew(&self, at: usize, stamped: bool) {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        if stamped {
            row.places[at].age = row.next_stamp;
            row.next_stamp += 1;
        } else {
            Self::link(&mut row.places, at);
        }
    }

    /// The last place in use, if there is no gap; otherwise 0.
    #[inline(always)]
    pub fn whole(&self) -> usize {
        // SAFETY: as in `at`.
        let row = unsafe { &*self.0.get() };
        if row.gap == 0 { row.used } else { 0 }
    }

    /// Empties a place, which is the gap from then on, and no longer the oldest.
    ///
    /// # Panics
    /// If it is empty.
    #[inline(always)]
    pub fn take_stamped(&self, at: usize) -> P {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        let place = &mut row.places[at];
        // SAFETY: what is read is overwritten at once, so that it is not in two places.
        let payload = unsafe { ptr::read(&place.payload) };
        place.payload = ManuallyDrop::new(None);
        row.gap = at;
        if row.oldest == at {
            row.oldest = 0;
        }
        match ManuallyDrop::into_inner(payload) {
            Some(payload) => payload,
            None => nobody(),
        }
    }

    /// The same for a place that was chosen among the first `count`, which are all that are in use: `tally` learns whether
    /// the plain choice was made. (Written out once more: in a build without optimisation each function that is compiled in
    /// place moves its arguments about.)
    #[inline(always)]
    pub fn take_chosen(&self, at: usize, count: usize, tally: &Tally) -> P {
        // SAFETY: as in `at`; the tally is somewhere else.
        let row = unsafe { &mut *self.0.get() };
        let plainly = if count <= FEW {
            // The oldest of few would have to be looked for every other time, which is more work, and a jump that nobody can
            // guess.
            Self::is_least_of_few(row, at, count)
        } else {
            if row.oldest == 0 {
                Self::look_for_the_oldest(row);
            }
            row.oldest == at
        };
        tally.decided(plainly);
        let place = &mut row.places[at];
        // SAFETY: what is read is overwritten at once, so that it is not in two places.
        let payload = unsafe { ptr::read(&place.payload) };
        place.payload = ManuallyDrop::new(None);
        row.gap = at;
        if row.oldest == at {
            row.oldest = 0;
        }
        match ManuallyDrop::into_inner(payload) {
            Some(payload) => payload,
            None => nobody(),
        }
    }

    /// The place with the least stamp of those in use, of which none is empty; 0 if there is none.
    #[inline(always)]
    pub fn oldest(&self) -> usize {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        if row.oldest == 0 {
            Self::look_for_the_oldest(row);
        }
        row.oldest
    }

    /// Whoever was in the place `from` is in the place `to`.
    pub fn moved(&self, from: usize, to: usize) {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        if row.oldest == from {
            row.oldest = to;
        }
    }

    #[inline(never)]
    fn look_for_the_oldest(row: &mut Row<P>) {
        row.oldest = Self::least(row, row.used);
    }

    /// How many places there are, empty ones included.
    #[inline(always)]
    pub fn len(&self) -> usize {
        // SAFETY: as in `at`.
        let row = unsafe { &*self.0.get() };
        row.places.len()
    }

    /// The place `at`, for the length of one access.
    ///
    /// # Panics
    /// If there is no such place.
    #[inline(always)]
    fn at(&self, at: usize) -> *mut Place<P> {
        // SAFETY: `Places` is not `Sync`, so this thread alone is here. The reference to the row ends with this line, and
        // every method that uses what it gives does so at once: it moves or copies plain words. None drops or clones a
        // payload, allocates or makes a system call, any of which might call back.
        unsafe {
            let row = &mut *self.0.get();
            &raw mut row.places[at]
        }
    }

    #[inline(always)]
    pub fn age(&self, at: usize) -> u64 {
        // SAFETY: as in `at`.
        unsafe { (*self.at(at)).age }
    }

    #[inline(always)]
    pub fn set_age(&self, at: usize, age: u64) {
        // SAFETY: as in `at`.
        unsafe { (*self.at(at)).age = age }
    }

    /// Empties a place.
    #[inline(always)]
    pub fn take(&self, at: usize) -> Option<P> {
        let place = self.at(at);
        // SAFETY: as in `at`; what is read here is overwritten there, so that it is not in two places.
        unsafe {
            let payload = ptr::read(&raw const (*place).payload);
            (*place).payload = ManuallyDrop::new(None);
            ManuallyDrop::into_inner(payload)
        }
    }

    /// Fills an empty place. What would be in it otherwise is leaked.
    #[cfg(test)]
    fn put(&self, at: usize, payload: ManuallyDrop<P>, age: u64) {
        let place = self.at(at);
        // SAFETY: as in `at`.
        unsafe {
            (*place).age = age;
            (*place).payload = ManuallyDrop::new(Some(ManuallyDrop::into_inner(payload)));
        }
    }

    /// Runs `f` on what is in a place, which is empty meanwhile: `f` may do what it likes.
    #[inline(always)]
    pub fn look<R>(&self, at: usize, f: impl FnOnce(&P) -> R) -> Option<R> {
        let payload = ManuallyDrop::new(self.take(at)?);
        let seen = f(&payload);
        let place = self.at(at);
        // SAFETY: as in `at`. Should it have been filled meanwhile, what is in it is leaked.
        unsafe { (*place).payload = ManuallyDrop::new(Some(ManuallyDrop::into_inner(payload))) };
        Some(seen)
    }

    /// What is in one place goes to the other, ages included.
    pub fn swap(&self, one: usize, other: usize) {
        // SAFETY: as in `at`: this moves plain words.
        let row = unsafe { &mut *self.0.get() };
        row.places.swap(one, other);
    }

    /// Of the places `1..=last`, the one with the least age; 0 if there is none.
    #[inline(always)]
    fn least(row: &Row<P>, last: usize) -> usize {
        let (mut found, mut least) = (0, u64::MAX);
        let places = &row.places[..=last];
        let mut index = 1;
        while index < places.len() {
            let age = places[index].age;
            if cfg!(debug_assertions) {
                if age < least {
                    (found, least) = (index, age);
                }
            } else {
                // Without a jump, which the processor would guess wrong now and then.
                let is_older = age < least;
                found = select_unpredictable(is_older, index, found);
                least = select_unpredictable(is_older, age, least);
            }
            index += 1;
        }
        found
    }

    /// Whether of the places from 1 to `last`, which is 1 to [`FEW`], none has an age less than the place `at`: without a
    /// loop and without jumps.
    ///
    /// # Panics
    /// If there is no such place.
    #[inline(always)]
    fn is_least_of_few(row: &Row<P>, at: usize, last: usize) -> bool {
        assert!(last >= 1 && at <= last && last < row.places.len());
        // A build without optimisation would check each index anew, and takes an instruction for each word that is moved.
        #[cfg(all(debug_assertions, target_arch = "x86_64", not(miri)))]
        {
            let mut older: u32;
            // SAFETY: reads the ages of places none of which is behind `last`, which is one of them.
            unsafe {
                std::arch::asm!(
                    "imul {age}, {at}, {size}",
                    "mov {age}, qword ptr [{places} + {age} + {field}]",
                    "xor {older:e}, {older:e}",
                    "cmp qword ptr [{places} + {size} + {field}], {age}",
                    "adc {older:e}, 0",
                    "cmp {last}, 2",
                    "jb 3f",
                    "cmp qword ptr [{places} + 2 * {size} + {field}], {age}",
                    "adc {older:e}, 0",
                    "cmp {last}, 3",
                    "jb 3f",
                    "cmp qword ptr [{places} + 3 * {size} + {field}], {age}",
                    "adc {older:e}, 0",
                    "cmp {last}, 4",
                    "jb 3f",
                    "cmp qword ptr [{places} + 4 * {size} + {field}], {age}",
                    "adc {older:e}, 0",
                    "3:",
                    places = in(reg) &raw const *row.places as *const Place<P>,
                    at = in(reg) at,
                    last = in(reg) last,
                    age = out(reg) _,
                    older = out(reg) older,
                    size = const size_of::<Place<P>>(),
                    field = const mem::offset_of!(Place<P>, age),
                    options(readonly, nostack),
                );
            }
            older == 0
        }
        #[cfg(not(all(debug_assertions, target_arch = "x86_64", not(miri))))]
        {
            let places = &row.places[..=last];
            let age = places[at].age;
            let mut older = places[1].age < age;
            if last >= 2 {
                older |= places[2].age < age;
            }
            if last >= 3 {
                older |= places[3].age < age;
            }
            if last >= 4 {
                older |= places[4].age < age;
            }
            !older
        }
    }

    /// One more empty place at least.
    pub fn lengthen(&self, age: u64) {
        self.apart(|places| {
            // As many again, so that a row of n has been moved twice n times in all.
            let more = places.len().max(3);
            let mut longer = Vec::with_capacity(places.len() + more);
            longer.extend(mem::take(places));
            longer.extend((0..more).map(|_| Place::empty(age)));
            *places = longer.into_boxed_slice();
        });
    }

    /// Leaves `len` places, if those behind them are empty, and gives the room of the others back.
    pub fn shorten(&self, len: usize) {
        self.apart(|places| {
            if places.iter().skip(len).all(|place| place.payload.is_none()) {
                let mut shorter = mem::take(places).into_vec();
                shorter.truncate(len);
                *places = shorter.into_boxed_slice();
            }
        });
    }

    /// Whether the row is being made longer or shorter, which calls the allocator.
    pub fn is_apart(&self) -> bool {
        self.len() == 0
    }

    /// Runs `f` on the row while nobody else can reach it: an allocator is anybody's code.
    fn apart(&self, f: impl FnOnce(&mut Box<[Place<P>]>)) {
        // SAFETY: as in `at`: the reference ends with the move of the row's words.
        let mut places = mem::take(unsafe { &mut (*self.0.get()).places });
        f(&mut places);
        // SAFETY: as above.
        let nothing = mem::replace(unsafe { &mut (*self.0.get()).places }, places);
        // Never filled: whoever comes meanwhile finds no places.
        drop(nothing);
        // SAFETY: as above.
        let row = unsafe { &mut *self.0.get() };
        if row.stamped != 0 {
            row.stamped = row.places.len();
        }
    }
}

#[cold]
fn nobody() -> ! {
    panic!("there is nobody in that place")
}

impl<P> Drop for Places<P> {
    fn drop(&mut self) {
        (0..self.len()).for_each(|at| drop(self.take(at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn what_is_put_is_taken() {
        let row = Places::new(7);
        assert_eq!((row.len(), row.age(0), row.take(0)), (1, 7, None::<Box<u32>>));
        row.lengthen(0);
        assert!(row.len() > 2);
        row.put(1, ManuallyDrop::new(Box::new(10)), 5);
        row.put(2, ManuallyDrop::new(Box::new(20)), 3);
        // SAFETY: nobody else is here.
        let whole = || unsafe { &*row.0.get() };
        assert_eq!([0, 1, 2].map(|last| Places::least(whole(), last)), [0, 1, 2]);
        let few = [(1, 1), (1, 2), (2, 2)].map(|(at, last)| Places::is_least_of_few(whole(), at, last));
        assert_eq!(few, [true, false, true]);
        row.swap(1, 2);
        assert_eq!((row.age(1), row.age(2), Places::least(whole(), 2)), (3, 5, 1));
        assert_eq!(row.take(1).as_deref(), Some(&20));
        let before = row.len();
        row.shorten(2);
        assert_eq!(row.len(), before, "somebody is in a place behind");
        assert_eq!(row.take(2).as_deref(), Some(&10));
        row.shorten(2);
        assert_eq!(row.len(), 2);
    }

    #[test]
    fn the_youngest_fills_the_gap_and_a_choice_is_counted() {
        let (row, tally) = (Places::new(0), Tally::default());
        assert!(row.put_youngest(ManuallyDrop::new(0)).is_some());
        row.restart(true);
        let fill = |n| {
            if let Some(payload) = row.put_youngest(ManuallyDrop::new(n)) {
                row.lengthen(0);
                assert!(row.put_youngest(payload).is_none());
            }
        };
        (0..6).for_each(fill);
        assert_eq!((row.used(), row.gap(), row.oldest()), (6, 0, 1));
        assert_eq!(row.take_chosen(3, 6, &tally), 2);
        assert_eq!((row.gap(), tally.deviations()), (3, 1));
        fill(7);
        assert_eq!((row.used(), row.gap(), row.oldest()), (6, 0, 1));
        assert_eq!(row.take_chosen(1, 6, &tally), 0);
        fill(8);
        assert_eq!((row.oldest(), row.take_stamped(2), row.whole()), (2, 1, 0));
        fill(9);
        assert_eq!((row.oldest(), row.whole(), row.take_chosen(4, 4, &tally)), (4, 6, 3));
        assert_eq!((tally.decisions(), tally.deviations()), (3, 1));
        row.restart(false);
        let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| row.take_stamped(4)));
        assert!(again.is_err());
    }

    #[test]
    fn a_row_that_grows_is_apart() {
        let row = Places::<u32>::new(0);
        row.apart(|places| {
            assert!(row.is_apart());
            assert_eq!(places.len(), 1);
        });
        assert!(!row.is_apart());
    }

    #[test]
    fn who_looks_may_change_the_row() {
        let row = Places::new(0);
        row.lengthen(0);
        row.put(1, ManuallyDrop::new(Rc::new(1)), 0);
        let seen = row.look(1, |payload| {
            assert!(row.take(1).is_none());
            (0..10).for_each(|age| row.lengthen(age));
            Rc::strong_count(payload)
        });
        assert_eq!(seen, Some(1));
        assert_eq!(row.take(1).as_deref(), Some(&1));
        assert!(row.look(1, |_| ()).is_none());
    }

    #[test]
    fn a_row_that_is_dropped_drops_what_is_in_it() {
        let row = Places::new(0);
        row.lengthen(0);
        let payload = Rc::new(());
        row.put(2, ManuallyDrop::new(payload.clone()), 0);
        drop(row);
        assert_eq!(Rc::strong_count(&payload), 1);
    }
}
