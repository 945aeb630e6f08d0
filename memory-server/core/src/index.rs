//! Finding a record by a key in one step: chains through the records, heads in buckets.
//!
//! The seed is not known to clients, so nobody can choose pages that all fall into one chain.

use crate::table::{Link, Table};

/// A record that is found by a key.
pub trait Keyed: Copy + Default {
    /// The key; equal keys never stand in one index.
    fn key(&self) -> u64;
    /// The next record of the same bucket.
    fn chain(&self) -> Link;
    /// The next record of the same bucket, to change.
    fn chain_mut(&mut self) -> &mut Link;
}

/// The buckets.
#[derive(Debug)]
pub struct Index<'a> {
    heads: Table<'a, Link>,
    seed: u64,
}

/// The buckets for so many records: the next power of two.
#[must_use]
pub const fn buckets(records: u32) -> u32 {
    match records.checked_next_power_of_two() {
        Some(count) => count,
        None => 1 << 31,
    }
}

impl<'a> Index<'a> {
    /// An empty index; `heads` is zeroed and a power of two long.
    #[must_use]
    pub fn new(heads: &'a mut [Link], seed: u64) -> Self {
        Self {
            heads: Table::new(heads),
            seed,
        }
    }

    /// The record with this key.
    #[must_use]
    pub fn find<T: Keyed>(&self, records: &Table<'_, T>, key: u64) -> Option<u32> {
        let mut next = self.heads.get(self.bucket(key));
        // No chain is longer than the table: the walk ends even if a chain were broken.
        for _ in 0..records.len() {
            let index = next.index()?;
            let record = records.peek(index)?;
            if record.key() == key {
                return Some(index);
            }
            next = record.chain();
        }
        None
    }

    /// Makes the record at `index` findable; its key is set and in no index yet.
    pub fn insert<T: Keyed>(&mut self, records: &mut Table<'_, T>, index: u32) {
        let Some(record) = records.edit(index) else {
            return;
        };
        let bucket = self.bucket(record.key());
        *record.chain_mut() = self.heads.get(bucket);
        self.heads.put(bucket, Link::to(index));
    }

    /// Takes the record at `index` out; its key is still set.
    pub fn remove<T: Keyed>(&mut self, records: &mut Table<'_, T>, index: u32) {
        let gone = records.get(index);
        let bucket = self.bucket(gone.key());
        if self.heads.get(bucket) == Link::to(index) {
            self.heads.put(bucket, gone.chain());
            return;
        }
        let mut next = self.heads.get(bucket);
        for _ in 0..records.len() {
            let Some(record) = next.index().and_then(|before| records.edit(before)) else {
                return;
            };
            if record.chain() == Link::to(index) {
                *record.chain_mut() = gone.chain();
                return;
            }
            next = record.chain();
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "masked to the number of buckets, which has 32 bits"
    )]
    fn bucket(&self, key: u64) -> u32 {
        // Two rounds of multiply and fold: every bit of the key moves every bit of the result.
        let mut mixed = key ^ self.seed;
        mixed = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^= mixed >> 32;
        mixed = mixed.wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^= mixed >> 32;
        (mixed as u32) & self.heads.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Default)]
    struct Entry(u64, Link);

    impl Keyed for Entry {
        fn key(&self) -> u64 {
            self.0
        }

        fn chain(&self) -> Link {
            self.1
        }

        fn chain_mut(&mut self) -> &mut Link {
            &mut self.1
        }
    }

    #[test]
    fn what_went_in_is_found_until_it_is_taken_out() {
        let mut entries = [Entry::default(); 40];
        let mut records = Table::new(&mut entries);
        // Fewer buckets than records, so that chains are met.
        let mut heads = [Link::NONE; 8];
        let mut index = Index::new(&mut heads, 5);
        for place in 0..40 {
            records.put(place, Entry(u64::from(place) << 20, Link::NONE));
            index.insert(&mut records, place);
        }
        for place in (0..40).step_by(3) {
            index.remove(&mut records, place);
        }
        for place in 0..40 {
            let found = index.find(&records, u64::from(place) << 20);
            assert_eq!(found, (place % 3 != 0).then_some(place));
        }
    }
}
