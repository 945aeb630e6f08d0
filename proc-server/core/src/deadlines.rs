//! Who is to be woken when: a heap of deadlines, the earliest first.
//!
//! Every waiter can have one deadline, and so can every task (the number of its place behind those of the waiters), for its
//! alarm; so there is room for all and nobody is refused for want of it. To this module both are waiters.
//!
//! # Invariants
//!
//! - An entry's deadline is not before that of the entry above it.
//! - A waiter knows its entry, and has at most one.
//!
//! Setting, taking and cancelling take a step for each level: 13 of them with 8,192 waiters.

/// An entry of the heap, and the place of the waiter of the same number.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    at: u64,
    waiter: u32,
    /// Where in the heap the waiter of this place's number is.
    entry: u32,
}

/// No entry.
const NOWHERE: u32 = u32::MAX;

impl Place {
    /// Nobody's.
    pub const VACANT: Self = Self {
        at: 0,
        waiter: NOWHERE,
        entry: NOWHERE,
    };
}

/// Every deadline.
#[derive(Debug)]
pub struct Deadlines<'a> {
    places: &'a mut [Place],
    length: u32,
}

impl<'a> Deadlines<'a> {
    /// Room for the deadlines of as many waiters as the slice has places, with none set.
    #[must_use]
    pub const fn new(places: &'a mut [Place]) -> Self {
        Self { places, length: 0 }
    }

    /// Sets a waiter's deadline, instead of the one it had. Does nothing for a waiter beyond the room.
    pub fn set(&mut self, waiter: u32, at: u64) {
        self.cancel(waiter);
        if self.place(waiter).is_none() {
            return;
        }
        let entry = self.length;
        self.length = entry.saturating_add(1);
        self.put(entry, at, waiter);
        self.rise(entry);
    }

    /// A waiter has no deadline any more.
    pub fn cancel(&mut self, waiter: u32) {
        let Some(entry) = self.entry_of(waiter) else {
            return;
        };
        let last = self.length.saturating_sub(1);
        self.length = last;
        if let Some(place) = self.place_mut(waiter) {
            place.entry = NOWHERE;
        }
        if entry == last {
            return;
        }
        // The last entry takes its place, and goes from there to where it belongs.
        if let Some((at, moved)) = self.entry(last) {
            self.put(entry, at, moved);
            self.rise(entry);
            self.sink(self.entry_of(moved).unwrap_or(entry));
        }
    }

    /// The earliest deadline, and whose it is.
    #[must_use]
    pub fn first(&self) -> Option<(u64, u32)> {
        (self.length > 0).then(|| self.entry(0)).flatten()
    }

    /// Whether a waiter has a deadline.
    #[must_use]
    pub fn has(&self, waiter: u32) -> bool {
        self.entry_of(waiter).is_some()
    }

    /// Whether every invariant holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        let listed = (0..self.length).all(|entry| {
            let Some((at, waiter)) = self.entry(entry) else {
                return false;
            };
            let above = self.entry(above(entry)).map_or(0, |(above, _)| above);
            at >= above && self.entry_of(waiter) == Some(entry)
        });
        let known = (0_u32..)
            .zip(self.places.iter())
            .filter(|(waiter, _)| self.has(*waiter))
            .count();
        listed && u32::try_from(known) == Ok(self.length)
    }

    fn rise(&mut self, mut entry: u32) {
        while entry > 0 {
            let next = above(entry);
            if !self.is_before(entry, next) {
                return;
            }
            self.swap(entry, next);
            entry = next;
        }
    }

    fn sink(&mut self, mut entry: u32) {
        loop {
            let left = entry.saturating_mul(2).saturating_add(1);
            let right = left.saturating_add(1);
            let mut first = entry;
            for below in [left, right] {
                if below < self.length && self.is_before(below, first) {
                    first = below;
                }
            }
            if first == entry {
                return;
            }
            self.swap(entry, first);
            entry = first;
        }
    }

    fn is_before(&self, one: u32, other: u32) -> bool {
        match (self.entry(one), self.entry(other)) {
            (Some((one, _)), Some((other, _))) => one < other,
            _ => false,
        }
    }

    fn swap(&mut self, one: u32, other: u32) {
        if let (Some((at, waiter)), Some((other_at, other_waiter))) =
            (self.entry(one), self.entry(other))
        {
            self.put(one, other_at, other_waiter);
            self.put(other, at, waiter);
        }
    }

    fn put(&mut self, entry: u32, at: u64, waiter: u32) {
        if let Some(place) = self.place_mut(entry) {
            place.at = at;
            place.waiter = waiter;
        }
        if let Some(place) = self.place_mut(waiter) {
            place.entry = entry;
        }
    }

    fn entry(&self, entry: u32) -> Option<(u64, u32)> {
        self.place(entry).map(|place| (place.at, place.waiter))
    }

    fn entry_of(&self, waiter: u32) -> Option<u32> {
        self.place(waiter)
            .map(|place| place.entry)
            .filter(|&entry| entry != NOWHERE)
    }

    fn place(&self, number: u32) -> Option<&Place> {
        self.places.get(usize::try_from(number).ok()?)
    }

    fn place_mut(&mut self, number: u32) -> Option<&mut Place> {
        self.places.get_mut(usize::try_from(number).ok()?)
    }
}

/// The entry above one; the first is above itself.
const fn above(entry: u32) -> u32 {
    entry.saturating_sub(1) >> 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_earliest_is_first_whatever_is_set_and_cancelled() {
        let mut places = [Place::VACANT; 50];
        let mut deadlines = Deadlines::new(&mut places);
        let mut model = BTreeMap::new();
        // A walk over all residues, so every waiter is set again and cancelled in many positions.
        let mut random = 1_u64;
        for _ in 0..20_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let waiter = u32::try_from((random >> 33) % 50).unwrap();
            if random >> 63 == 0 {
                let at = (random >> 40) % 100;
                deadlines.set(waiter, at);
                model.insert(waiter, at);
            } else {
                deadlines.cancel(waiter);
                model.remove(&waiter);
            }
            assert!(deadlines.holds());
            assert_eq!(
                deadlines.first().map(|(at, _)| at),
                model.values().min().copied()
            );
            assert_eq!(deadlines.has(waiter), model.contains_key(&waiter));
            if let Some((at, waiter)) = deadlines.first() {
                assert_eq!(model.get(&waiter), Some(&at));
            }
        }
    }

    #[test]
    fn a_waiter_beyond_the_room_is_ignored() {
        let mut places = [Place::VACANT; 1];
        let mut deadlines = Deadlines::new(&mut places);
        deadlines.set(1, 5);
        deadlines.cancel(7);
        assert!(deadlines.first().is_none() && deadlines.holds());
    }
}
