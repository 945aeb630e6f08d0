//! Borrowed pages: what an object shows at a place although the frame is another's, because one was cloned from the
//! other and neither has written there since.
//!
//! # Invariants
//!
//! - An object has at a place a frame of its own, or a borrowed one, or nothing; never two of them.
//! - A frame that is lent is mapped for reading only, wherever it is mapped.
//! - Each borrow stands in the list of the object that borrows, and in that of the frame that is lent.
//!
//! # Why not objects that shadow each other
//!
//! The usual copy-on-write finds a missing page by walking from an object to the one that it was cloned from, and so on.
//! Generations of clones make long chains, which must be collapsed when one in the middle goes, and a page that all but
//! one have copied stays for nobody. Here a clone names each page that it shares, at the price of a record a page: a
//! lookup is one step in every generation, there is no chain to collapse, and a frame goes or changes hands exactly when
//! its last or last but one user lets go.

use crate::index::{Index, Keyed};
use crate::table::{Link, Links, List, Table, Vacancies, linked};

/// The borrows of one frame.
pub type LentList = List<1>;

/// A borrow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Borrow {
    /// The object that borrows, plus one.
    object: u32,
    place: u32,
    /// The frame's page; none if its payer was killed, and what was in it is lost.
    page: Link,
    chain: Link,
    links: Links,
    fellows: Links,
}

linked!(Borrow, links);
linked!(Borrow, fellows, 1);

impl Borrow {
    /// The object that borrows.
    #[must_use]
    pub const fn object(&self) -> u32 {
        self.object.saturating_sub(1)
    }

    /// The page of that object.
    #[must_use]
    pub const fn place(&self) -> u32 {
        self.place
    }

    /// The frame's page; none if it is lost.
    #[must_use]
    pub const fn page(&self) -> Option<u32> {
        self.page.index()
    }
}

impl Keyed for Borrow {
    fn key(&self) -> u64 {
        key(self.object(), self.place)
    }

    fn chain(&self) -> Link {
        self.chain
    }

    fn chain_mut(&mut self) -> &mut Link {
        &mut self.chain
    }
}

fn key(object: u32, place: u32) -> u64 {
    (u64::from(object) << 32) | u64::from(place)
}

/// All borrows.
#[derive(Debug)]
pub struct Borrows<'a> {
    records: Table<'a, Borrow>,
    index: Index<'a>,
    vacant: Vacancies,
    reserved: u32,
}

impl<'a> Borrows<'a> {
    /// Nothing is borrowed.
    #[must_use]
    pub fn new(records: &'a mut [Borrow], index: Index<'a>) -> Self {
        let records = Table::new(records);
        let vacant = Vacancies::new(0, records.len());
        Self {
            records,
            index,
            vacant,
            reserved: 0,
        }
    }

    /// Sets records aside, all or none.
    #[must_use]
    pub fn reserve(&mut self, count: u32) -> bool {
        let is_enough = self.vacant.len().saturating_sub(self.reserved) >= count;
        if is_enough {
            self.reserved = self.reserved.saturating_add(count);
        }
        is_enough
    }

    /// Gives up what was set aside and is not in use.
    pub fn unreserve(&mut self, count: u32) {
        self.reserved = self.reserved.saturating_sub(count);
    }

    /// Lends a frame, or one that is lost, to an object, in a record that was set aside. Returns whether there was one.
    pub fn lend(
        &mut self,
        (object, place): (u32, u32),
        page: Option<u32>,
        borrows: &mut List,
        lent: Option<&mut LentList>,
    ) -> bool {
        let Some(still_reserved) = self.reserved.checked_sub(1) else {
            return false;
        };
        let Some(index) = self.vacant.take(&mut self.records) else {
            return false;
        };
        self.reserved = still_reserved;
        self.records.put(
            index,
            Borrow {
                object: object.saturating_add(1),
                place,
                page: page.map_or(Link::NONE, Link::to),
                ..Borrow::default()
            },
        );
        self.index.insert(&mut self.records, index);
        borrows.push(&mut self.records, index);
        if let Some(lent) = lent {
            lent.push(&mut self.records, index);
        }
        true
    }

    /// Ends a borrow. `lent` is the list of its frame, unless that is lost.
    pub fn end(&mut self, index: u32, borrows: &mut List, lent: Option<&mut LentList>) {
        borrows.remove(&mut self.records, index);
        if let Some(lent) = lent {
            lent.remove(&mut self.records, index);
        }
        self.index.remove(&mut self.records, index);
        self.records.put(index, Borrow::default());
        self.vacant.give_back(&mut self.records, index);
    }

    /// The frame is lost to whoever borrows it here.
    pub fn lose(&mut self, index: u32, lent: &mut LentList) {
        lent.remove(&mut self.records, index);
        if let Some(borrow) = self.records.edit(index) {
            borrow.page = Link::NONE;
        }
    }

    /// What an object borrows at a place.
    #[must_use]
    pub fn find(&self, object: u32, place: u32) -> Option<u32> {
        self.index.find(&self.records, key(object, place))
    }

    /// The borrow.
    #[must_use]
    pub fn get(&self, index: u32) -> Borrow {
        self.records.get(index)
    }

    /// The borrow behind this one in its object's list.
    #[must_use]
    pub fn next(&self, index: u32) -> Option<u32> {
        List::<0>::after(&self.records, index)
    }

    /// The borrows of an object's list.
    pub fn iter(&self, list: List) -> impl Iterator<Item = u32> + '_ {
        list.iter(&self.records)
    }

    /// The borrows of a frame.
    pub fn of_frame(&self, lent: LentList) -> impl Iterator<Item = u32> + '_ {
        lent.iter(&self.records)
    }

    /// How many are in use.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.records.len().saturating_sub(self.vacant.len())
    }

    /// How many are set aside.
    #[must_use]
    pub const fn reserved(&self) -> u32 {
        self.reserved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_lent_to_several_and_each_borrow_ends_alone() {
        let mut records = [Borrow::default(); 4];
        let mut heads = [Link::NONE; 2];
        let mut borrows = Borrows::new(&mut records, Index::new(&mut heads, 3));
        let mut lent = LentList::default();
        let mut lists = [List::default(); 3];
        assert!(borrows.reserve(3) && !borrows.reserve(2));
        for (object, list) in (10..).zip(&mut lists) {
            assert!(borrows.lend((object, 7), Some(99), list, Some(&mut lent)));
        }
        assert!(
            !borrows.lend((9, 9), None, &mut lists[0], None),
            "none is set aside"
        );
        assert_eq!(lent.len(), 3);
        let middle = borrows.find(11, 7).unwrap();
        assert_eq!(borrows.get(middle).page(), Some(99));
        borrows.end(middle, &mut lists[1], Some(&mut lent));
        assert_eq!(borrows.find(11, 7), None);
        let last = borrows.find(12, 7).unwrap();
        borrows.lose(last, &mut lent);
        assert_eq!((borrows.get(last).page(), lent.len()), (None, 1));
        borrows.end(last, &mut lists[2], None);
        assert_eq!(borrows.count(), 1);
    }
}
