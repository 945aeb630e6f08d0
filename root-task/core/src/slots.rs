//! The empty slots of the root task's CNode, handed out in ranges that never overlap.
//!
//! Nothing is ever put back: what the root task makes at boot it keeps, to restart a server from.

use core::fmt;

/// Consecutive slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotRange {
    /// The first.
    pub first: u64,
    /// How many.
    pub count: u64,
}

impl SlotRange {
    /// The slot at a place in the range, counted from 0.
    #[must_use]
    pub const fn at(self, place: u64) -> Option<u64> {
        if place < self.count {
            self.first.checked_add(place)
        } else {
            None
        }
    }

    /// The slot after the last.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.first.saturating_add(self.count)
    }

    /// Every slot.
    pub fn iter(self) -> impl Iterator<Item = u64> {
        self.first..self.end()
    }
}

/// The slots that are still empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotPool {
    next: u64,
    end: u64,
}

impl SlotPool {
    /// The slots from `start` up to, but not including, `end`.
    #[must_use]
    pub const fn new(start: u64, end: u64) -> Self {
        Self { next: start, end }
    }

    /// How many are left.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.end.saturating_sub(self.next)
    }

    /// Takes the next `count` slots, or none of them.
    pub fn take(&mut self, count: u64) -> Result<SlotRange, SlotsShort> {
        let short = SlotsShort {
            asked: count,
            left: self.left(),
        };
        if count > short.left {
            return Err(short);
        }
        let range = SlotRange {
            first: self.next,
            count,
        };
        self.next = range.end();
        Ok(range)
    }
}

/// There were not enough empty slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotsShort {
    /// How many were asked for.
    pub asked: u64,
    /// How many there were.
    pub left: u64,
}

impl fmt::Display for SlotsShort {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, left } = self;
        write!(
            out,
            "the root task's CNode has {left} empty slots left and {asked} are needed; \
             raise ROOT_CNODE_SIZE_BITS in sel4/kernel"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_each_other_and_a_refusal_takes_nothing() {
        let mut pool = SlotPool::new(100, 110);
        assert_eq!(
            pool.take(4),
            Ok(SlotRange {
                first: 100,
                count: 4
            })
        );
        let before = pool;
        assert_eq!(pool.take(7), Err(SlotsShort { asked: 7, left: 6 }));
        assert_eq!(pool, before);
        assert_eq!(pool.take(6).map(SlotRange::end), Ok(110));
        assert_eq!(pool.left(), 0);
    }

    #[test]
    fn a_place_beyond_the_range_has_no_slot() {
        let range = SlotRange { first: 8, count: 2 };
        assert_eq!((range.at(1), range.at(2)), (Some(9), None));
    }
}
