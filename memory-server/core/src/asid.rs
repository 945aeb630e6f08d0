//! ASIDs: how many each of the kernel's pools still has.
//!
//! The kernel searches a pool from its start for a free ASID, so the emptiest pool is the cheapest one.

use interfaces::start::memory_slots::ASID_POOLS;

#[expect(
    clippy::cast_possible_truncation,
    reason = "the kernel has eight pools"
)]
const POOLS: usize = ASID_POOLS as usize;
/// The ASIDs of a pool (`asidLowBits`).
const POOL: u16 = 512;
/// What the first pool has less: number 0, which is none, the root task's, three servers', and some to spare.
const FIRST_POOL_TAKEN: u16 = 8;

/// How many ASIDs are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asids {
    left: [u16; POOLS],
}

impl Default for Asids {
    fn default() -> Self {
        let mut left = [POOL; POOLS];
        if let Some(first) = left.first_mut() {
            *first = POOL.saturating_sub(FIRST_POOL_TAKEN);
        }
        Self { left }
    }
}

impl Asids {
    /// Takes one: the pool that has most.
    pub fn take(&mut self) -> Option<u8> {
        let (pool, left) = (0..).zip(&mut self.left).max_by_key(|(_, left)| **left)?;
        *left = left.checked_sub(1)?;
        Some(pool)
    }

    /// Gives one back.
    pub fn give_back(&mut self, pool: u8) {
        if let Some(left) = self.left.get_mut(usize::from(pool)) {
            *left = left.saturating_add(1);
        }
    }

    /// How many are left in all.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.left.iter().map(|&left| u32::from(left)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asid_is_had_once_and_comes_back() {
        let mut asids = Asids::default();
        let fresh = asids;
        let taken: Vec<_> = core::iter::from_fn(|| asids.take()).collect();
        assert_eq!(taken.len(), 4096 - 8);
        assert_eq!(asids.left(), 0);
        for pool in taken {
            asids.give_back(pool);
        }
        assert_eq!(asids, fresh);
    }
}
