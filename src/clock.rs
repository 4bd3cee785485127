//! The virtual clock: deadlines in order, and what to wake at each.

use crate::boundary::prefetch;
use std::task::Waker;

/// A timer that waits in a [`Clock`]. Holding on to one that has fired or was cancelled is harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerId {
    slot: u32,
    serial: u32,
}

/// Pending deadlines as a radix heap (Ahuja, Mehlhorn, Orlin, Tarjan 1990) with digits of six bits: time never goes back, so a
/// deadline is kept by the highest digit in which it differs from the last one that fired, and by what that digit is there.
/// Insertion and cancellation take constant time, firing amortised at most eleven moves.
///
/// A cancelled timer gives its waker back at once; its entry goes when entries of that kind outnumber the live.
pub struct Clock {
    /// A bucket for each level and digit: `buckets[l * DIGITS + d]` has deadlines whose digit `l` is `d`, which is greater than
    /// that of `last`, and whose digits above are those of `last`.
    buckets: Vec<Vec<Entry>>,
    /// Bit `d` of `occupied[l]` is set if that bucket may hold something.
    occupied: [u64; LEVELS],
    /// What has been inserted since buckets were last looked at, and is in none yet. (Where many wait, buckets are seldom in the
    /// processor's caches. A poll that went there would have to wait for them at its end, where async-task's locked
    /// instructions wait for all that was stored before; in one loop over many they are waited for together.)
    newcomers: Vec<Entry>,
    /// Empty buckets' room, for the next that needs some.
    spare: Vec<Vec<Entry>>,
    last: u64,
    slots: Vec<Slot>,
    free: Vec<u32>,
    live: usize,
    dead: usize,
    next_serial: u32,
    due: Vec<(u32, Waker)>,
}

/// Bits of a digit.
const BITS: u32 = 6;
/// What a digit can be.
const DIGITS: usize = 1 << BITS;
/// Digits of a deadline.
const LEVELS: usize = u64::BITS.div_ceil(BITS) as usize;

#[derive(Clone, Copy)]
struct Entry {
    deadline: u64,
    timer: TimerId,
}

struct Slot {
    serial: u32,
    waker: Option<Waker>,
}

impl Clock {
    pub fn new() -> Clock {
        Clock {
            buckets: (0..LEVELS * DIGITS).map(|_| Vec::new()).collect(),
            occupied: [0; LEVELS],
            newcomers: Vec::new(),
            spare: Vec::new(),
            last: 0,
            slots: Vec::new(),
            free: Vec::new(),
            live: 0,
            dead: 0,
            next_serial: 0,
            due: Vec::new(),
        }
    }

    /// How many timers are waiting.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.live
    }

    /// Registers `waker` for `deadline` (nanoseconds, later than every deadline that has fired).
    #[inline]
    pub fn insert(&mut self, deadline: u64, waker: Waker) -> TimerId {
        let serial = self.next_serial;
        self.next_serial = serial.wrapping_add(1);
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Slot { serial, waker: Some(waker) };
                slot
            }
            None => {
                self.slots.push(Slot { serial, waker: Some(waker) });
                self.slots.len() as u32 - 1
            }
        };
        let timer = TimerId { slot, serial };
        self.live += 1;
        debug_assert!(deadline > self.last, "a deadline in the past");
        self.newcomers.push(Entry { deadline, timer });
        timer
    }

    /// Puts into buckets what is in none yet.
    #[inline]
    fn settle(&mut self) {
        if !self.newcomers.is_empty() {
            let mut newcomers = std::mem::take(&mut self.newcomers);
            newcomers.iter().for_each(|&entry| self.file(entry));
            newcomers.clear();
            self.newcomers = newcomers;
        }
    }

    #[inline]
    fn file(&mut self, entry: Entry) {
        let level = ((entry.deadline ^ self.last) | 1).ilog2() / BITS;
        let digit = (entry.deadline >> (level * BITS)) as usize % DIGITS;
        let bucket = &mut self.buckets[level as usize * DIGITS + digit];
        if bucket.capacity() == 0
            && let Some(spare) = self.spare.pop()
        {
            *bucket = spare;
        }
        bucket.push(entry);
        self.occupied[level as usize] |= 1 << digit;
    }

    /// The bucket is empty from now on, and this is what was in it.
    fn vacate(&mut self, place: usize) -> Vec<Entry> {
        self.occupied[place / DIGITS] &= !(1 << (place % DIGITS));
        std::mem::take(&mut self.buckets[place])
    }

    /// Keeps the room of what was a bucket.
    fn keep_room(&mut self, mut bucket: Vec<Entry>) {
        bucket.clear();
        self.spare.push(bucket);
    }

    /// Has `timer` wake another waker instead. Does nothing if it has fired.
    #[inline]
    pub fn rearm(&mut self, timer: TimerId, waker: &Waker) {
        if let Some(slot) = self.slots.get_mut(timer.slot as usize).filter(|s| s.serial == timer.serial)
            && let Some(old) = &mut slot.waker
        {
            old.clone_from(waker);
        }
    }

    /// Takes `timer` out, and gives back its waker for the caller to drop once nothing is borrowed.
    #[inline]
    pub fn cancel(&mut self, timer: TimerId) -> Option<Waker> {
        let waker = self.release(timer)?;
        self.dead += 1;
        if self.dead > self.live + 64 {
            self.compact();
        }
        Some(waker)
    }

    #[inline]
    fn release(&mut self, timer: TimerId) -> Option<Waker> {
        let slot = self.slots.get_mut(timer.slot as usize).filter(|s| s.serial == timer.serial)?;
        let waker = slot.waker.take()?;
        self.free.push(timer.slot);
        self.live -= 1;
        Some(waker)
    }

    #[inline]
    fn is_live(&self, timer: TimerId) -> bool {
        let slot = &self.slots[timer.slot as usize];
        slot.serial == timer.serial && slot.waker.is_some()
    }

    #[cold]
    fn compact(&mut self) {
        self.settle();
        let slots = &self.slots;
        let is_live = |e: &Entry| {
            let slot = &slots[e.timer.slot as usize];
            slot.serial == e.timer.serial && slot.waker.is_some()
        };
        self.buckets.iter_mut().filter(|bucket| bucket.capacity() > 0).for_each(|bucket| {
            bucket.retain(is_live);
            if bucket.len() * 4 < bucket.capacity() {
                bucket.shrink_to(bucket.len() * 2);
            }
        });
        self.spare.clear();
        self.dead = 0;
    }

    /// The earliest deadline that is waiting.
    pub fn next(&mut self) -> Option<u64> {
        self.place_of_next().and_then(|place| {
            let bucket = &self.buckets[place];
            bucket.iter().filter(|e| self.is_live(e.timer)).map(|e| e.deadline).min()
        })
    }

    /// The bucket with the earliest deadline.
    fn place_of_next(&mut self) -> Option<usize> {
        self.settle();
        let mut level = 0;
        while level < LEVELS {
            let digits = self.occupied[level];
            if digits == 0 {
                level += 1;
                continue;
            }
            let place = level * DIGITS + digits.trailing_zeros() as usize;
            let bucket = &self.buckets[place];
            // Whether an entry is dead is written elsewhere, and costs a cache miss to know.
            let is_of_use =
                if self.dead == 0 { !bucket.is_empty() } else { bucket.iter().any(|e| self.is_live(e.timer)) };
            if is_of_use {
                return Some(place);
            }
            let bucket = self.vacate(place);
            self.dead -= bucket.len().min(self.dead);
            self.keep_room(bucket);
        }
        None
    }

    /// Moves to the earliest deadline and hands out the wakers that wait for it, in the order they were registered.
    /// `None` if nothing waits. The vector is to be given back by [`recycle`](Clock::recycle).
    pub fn fire(&mut self) -> Option<(u64, Vec<(u32, Waker)>)> {
        let place = self.place_of_next()?;
        let mut bucket = self.vacate(place);
        if self.dead > 0 {
            bucket.retain(|e| {
                let live = self.is_live(e.timer);
                self.dead -= usize::from(!live && self.dead > 0);
                live
            });
        }
        let now = bucket.iter().map(|e| e.deadline).min()?;
        self.last = now;
        let mut due = std::mem::take(&mut self.due);
        for &entry in &bucket {
            if entry.deadline == now {
                if let Some(waker) = self.release(entry.timer) {
                    prefetch::task_of(&waker);
                    due.push((entry.timer.serial, waker));
                }
            } else {
                self.file(entry);
            }
        }
        self.keep_room(bucket);
        if due.len() > 1 {
            // Serials wrap only after four thousand million timers of one run.
            due.sort_unstable_by_key(|&(serial, _)| serial);
        }
        Some((now, due))
    }

    /// Takes back the emptied vector of [`fire`](Clock::fire), so that firing does not allocate.
    pub fn recycle(&mut self, due: Vec<(u32, Waker)>) {
        debug_assert!(due.is_empty());
        self.due = due;
    }

    /// Hands out all wakers and starts over at zero.
    #[inline]
    pub fn reset(&mut self) -> Vec<Waker> {
        // Has anybody waited for it?
        if self.last != 0 || self.next_serial != 0 { self.start_over() } else { Vec::new() }
    }

    fn start_over(&mut self) -> Vec<Waker> {
        let wakers = self.slots.iter_mut().filter_map(|slot| slot.waker.take()).collect();
        self.buckets.iter_mut().for_each(Vec::clear);
        self.newcomers.clear();
        self.slots.clear();
        self.free.clear();
        self.occupied = [0; LEVELS];
        (self.last, self.live, self.dead, self.next_serial) = (0, 0, 0, 0);
        wakers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prng::Stream;
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Flag(AtomicU32);
    impl std::task::Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn fire_all(clock: &mut Clock) -> Option<u64> {
        let (now, mut due) = clock.fire()?;
        due.drain(..).for_each(|(_, waker)| waker.wake());
        clock.recycle(due);
        Some(now)
    }

    /// Against the obvious model: a map from (deadline, order of insertion) to a flag.
    #[test]
    fn fires_what_is_due_in_order_and_nothing_else() {
        let mut stream = Stream::new(5, 0);
        for round in 0..50 {
            let mut clock = Clock::new();
            let mut model = BTreeMap::new();
            let (mut now, mut order) = (0, 0);
            for _ in 0..2_000 {
                match stream.below(10) {
                    0..=4 => {
                        let spread = [4, 100, 1 << 20, u32::MAX][(round % 4) as usize];
                        let deadline = now + 1 + u64::from(stream.below(spread));
                        let flag = Arc::new(Flag(AtomicU32::new(0)));
                        let timer = clock.insert(deadline, flag.clone().into());
                        model.insert((deadline, order), (timer, flag));
                        order += 1;
                    }
                    5..=6 if !model.is_empty() => {
                        let nth = stream.below(model.len() as u32) as usize;
                        let key = *model.keys().nth(nth).unwrap();
                        let (timer, flag) = model.remove(&key).unwrap();
                        assert!(clock.cancel(timer).is_some());
                        assert!(clock.cancel(timer).is_none());
                        assert_eq!(Arc::strong_count(&flag), 1, "the waker is given back at once");
                    }
                    _ => {
                        assert_eq!(clock.next(), model.keys().next().map(|k| k.0));
                        let Some((fired, mut due)) = clock.fire() else {
                            assert!(model.is_empty());
                            continue;
                        };
                        now = fired;
                        for (_, waker) in due.drain(..) {
                            waker.wake();
                            let ((deadline, _), (timer, flag)) = model.pop_first().unwrap();
                            assert_eq!(deadline, now);
                            assert_eq!(flag.0.load(Ordering::Relaxed), 1, "in order of registration");
                            assert!(clock.cancel(timer).is_none());
                        }
                        clock.recycle(due);
                        assert!(model.keys().next().is_none_or(|k| k.0 > now), "all that is due");
                    }
                }
                assert_eq!(clock.len(), model.len());
            }
        }
    }

    #[test]
    fn a_million_cancelled_timers_leave_nothing() {
        let mut clock = Clock::new();
        let flag = Arc::new(Flag(AtomicU32::new(0)));
        for n in 0..1_000_000u64 {
            let timer = clock.insert(60_000_000_000 + n, flag.clone().into());
            clock.cancel(timer);
        }
        let rooms = clock.buckets.iter().chain(&clock.spare).chain([&clock.newcomers]);
        let entries: usize = rooms.map(Vec::capacity).sum();
        assert!(entries < 1_000, "{entries}");
        assert_eq!(clock.slots.len(), 1);
        assert_eq!(fire_all(&mut clock), None);
    }

    #[test]
    fn a_rearmed_timer_wakes_only_the_last_waker() {
        let mut clock = Clock::new();
        let (a, b) = (Arc::new(Flag(AtomicU32::new(0))), Arc::new(Flag(AtomicU32::new(0))));
        let timer = clock.insert(5, a.clone().into());
        clock.rearm(timer, &b.clone().into());
        assert_eq!(Arc::strong_count(&a), 1);
        assert_eq!(fire_all(&mut clock), Some(5));
        assert_eq!((a.0.load(Ordering::Relaxed), b.0.load(Ordering::Relaxed)), (0, 1));
    }

    #[test]
    fn reset_starts_over() {
        let mut clock = Clock::new();
        let flag = Arc::new(Flag(AtomicU32::new(0)));
        clock.insert(1 << 40, flag.clone().into());
        fire_all(&mut clock);
        let stale = clock.insert(1 << 41, flag.clone().into());
        assert_eq!(clock.reset().len(), 1);
        assert!(clock.cancel(stale).is_none());
        clock.insert(3, flag.clone().into());
        assert_eq!(fire_all(&mut clock), Some(3));
    }
}
