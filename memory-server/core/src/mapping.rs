//! Mappings: which frame capability is mapped where.
//!
//! On seL4 a frame capability has at most one mapping, so a mapping is known by its capability: the frame's own, in
//! the slot of its page, or a copy, in one of the further slots. The records follow the slots: first one for each
//! page, then one for each copy; none is ever searched for.
//!
//! # Invariants
//!
//! - A record has an address space exactly while its capability is mapped there.
//! - No two records name the same page of the same address space.
//! - A mapping stands in the list of the area in which it is, or in its space's if it is in none (an IPC buffer's).
//! - Copies in use and copies reserved for programs are never more than there are.
//! - A mapping whose page table was wiped since it was last shown ([`wiping`](crate::wiping)) is not in that table, although
//!   its capability is still the mapping's: whoever touches it meets a fault, and it is shown again.

use crate::index::{Index, Keyed};
use crate::table::{Link, Links, List, Table, Vacancies, linked};

/// A frame capability: what a mapping is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameCap(u32);

/// Where a [`FrameCap`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In the slot of the page from which the frame was made.
    Own {
        /// The page.
        page: u32,
    },
    /// In a slot for copies.
    Copy {
        /// Which of them.
        number: u32,
    },
}

/// A mapping.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mapping {
    /// The address space's index plus one; 0 while nothing is mapped.
    space: u32,
    /// The page's number in the address space.
    page: u32,
    writable: bool,
    /// Whether its task may do nothing with it, although it is in its page table.
    barred: bool,
    /// How often its page table had been wiped when it was shown last.
    wiped: u8,
    /// The area in which it is.
    area: Link,
    chain: Link,
    links: Links,
}

linked!(Mapping, links);

impl Mapping {
    /// The address space; nothing if nothing is mapped.
    #[must_use]
    pub const fn space(&self) -> Option<u32> {
        self.space.checked_sub(1)
    }

    /// The page's number in the address space.
    #[must_use]
    pub const fn page(&self) -> u32 {
        self.page
    }

    /// The area in which it is, if it is in one.
    #[must_use]
    pub const fn area(&self) -> Option<u32> {
        self.area.index()
    }

    /// Whether it may be written to.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        self.writable
    }

    /// Whether its task may do nothing with it, although it is in its page table.
    #[must_use]
    pub const fn is_barred(&self) -> bool {
        self.barred
    }

    /// How often its page table had been wiped when it was shown last.
    #[must_use]
    pub const fn wiped(&self) -> u8 {
        self.wiped
    }
}

impl Keyed for Mapping {
    fn key(&self) -> u64 {
        key(self.space, self.page)
    }

    fn chain(&self) -> Link {
        self.chain
    }

    fn chain_mut(&mut self) -> &mut Link {
        &mut self.chain
    }
}

fn key(space: u32, page: u32) -> u64 {
    (u64::from(space) << 32) | u64::from(page)
}

/// All mappings.
#[derive(Debug)]
pub struct Mappings<'a> {
    records: Table<'a, Mapping>,
    index: Index<'a>,
    pages: u32,
    copies: Vacancies,
    reserved: u32,
}

impl<'a> Mappings<'a> {
    /// Nothing is mapped. The first `pages` records are the frames' own, the rest are copies.
    #[must_use]
    pub fn new(records: &'a mut [Mapping], index: Index<'a>, pages: u32) -> Self {
        let records = Table::new(records);
        let copies = Vacancies::new(pages, records.len().saturating_sub(pages));
        Self {
            records,
            index,
            pages,
            copies,
            reserved: 0,
        }
    }

    /// The capability in the page's own slot.
    #[must_use]
    pub const fn own(page: u32) -> FrameCap {
        FrameCap(page)
    }

    /// Where the capability stands.
    #[must_use]
    pub const fn standing(&self, cap: FrameCap) -> Standing {
        match cap.0.checked_sub(self.pages) {
            None => Standing::Own { page: cap.0 },
            Some(number) => Standing::Copy { number },
        }
    }

    /// What the capability's mapping is.
    #[must_use]
    pub fn get(&self, cap: FrameCap) -> Mapping {
        self.records.get(cap.0)
    }

    /// What the capability's mapping is, without a copy.
    #[must_use]
    pub fn peek(&self, cap: FrameCap) -> Option<&Mapping> {
        self.records.peek(cap.0)
    }

    /// Whether the capability is mapped.
    #[must_use]
    pub fn is_mapped(&self, cap: FrameCap) -> bool {
        self.peek(cap).is_some_and(|mapping| mapping.space != 0)
    }

    /// What is mapped at a page of an address space.
    #[must_use]
    pub fn find(&self, space: u32, page: u32) -> Option<FrameCap> {
        self.index
            .find(&self.records, key(space.saturating_add(1), page))
            .map(FrameCap)
    }

    /// The newest mapping of a list.
    #[must_use]
    pub fn newest(list: List) -> Option<FrameCap> {
        list.first().map(FrameCap)
    }

    /// Every mapping of a list.
    pub fn iter(&self, list: List) -> impl Iterator<Item = FrameCap> + '_ {
        list.iter(&self.records).map(FrameCap)
    }

    /// Records that the capability is mapped, in an area whose list it is, or in none.
    pub fn insert(
        &mut self,
        cap: FrameCap,
        (space, page): (u32, u32),
        (writable, wiped): (bool, u8),
        area: Link,
        list: &mut List,
    ) {
        self.records.put(
            cap.0,
            Mapping {
                space: space.saturating_add(1),
                page,
                writable,
                wiped,
                area,
                ..Mapping::default()
            },
        );
        self.index.insert(&mut self.records, cap.0);
        list.push(&mut self.records, cap.0);
    }

    /// Records that the mapping is shown, by a table that has been wiped so often.
    pub fn set_shown(&mut self, cap: FrameCap, wiped: u8) {
        if let Some(mapping) = self.records.edit(cap.0) {
            mapping.wiped = wiped;
            mapping.barred = false;
        }
    }

    /// Records that its task may do nothing with the mapping.
    pub fn bar(&mut self, cap: FrameCap) {
        if let Some(mapping) = self.records.edit(cap.0) {
            mapping.barred = true;
        }
    }

    /// Records what the mapping allows now.
    pub fn set_writable(&mut self, cap: FrameCap, writable: bool) {
        if let Some(mapping) = self.records.edit(cap.0) {
            mapping.writable = writable;
        }
    }

    /// Records that the capability is not mapped any more.
    pub fn remove(&mut self, cap: FrameCap, list: &mut List) {
        list.remove(&mut self.records, cap.0);
        self.index.remove(&mut self.records, cap.0);
        self.records.put(cap.0, Mapping::default());
    }

    /// Sets copies aside for an address space, all or none.
    #[must_use]
    pub fn reserve(&mut self, count: u32) -> bool {
        let enough = self.free_copies() >= count;
        if enough {
            self.reserved = self.reserved.saturating_add(count);
        }
        enough
    }

    /// Gives up what was set aside and is not in use.
    pub fn unreserve(&mut self, count: u32) {
        self.reserved = self.reserved.saturating_sub(count);
    }

    /// Takes a copy that was set aside: the slot is empty.
    pub fn take_copy(&mut self) -> Option<FrameCap> {
        let left = self.reserved.checked_sub(1)?;
        let cap = self.copies.take(&mut self.records)?;
        self.reserved = left;
        Some(FrameCap(cap))
    }

    /// Gives a copy back, still set aside: the slot is empty again.
    pub fn give_copy_back(&mut self, cap: FrameCap) {
        self.copies.give_back(&mut self.records, cap.0);
        self.reserved = self.reserved.saturating_add(1);
    }

    /// Copies that are neither in use nor set aside.
    #[must_use]
    pub fn free_copies(&self) -> u32 {
        self.copies.len().saturating_sub(self.reserved)
    }

    /// Copies that are set aside and not in use. For checks.
    #[must_use]
    pub const fn reserved(&self) -> u32 {
        self.reserved
    }

    /// A copy, by its number.
    #[must_use]
    pub const fn copy(&self, number: u32) -> FrameCap {
        FrameCap(self.pages.saturating_add(number))
    }

    /// No copy from this number on was ever used.
    #[must_use]
    pub const fn copies_used(&self) -> u32 {
        self.copies.never_used_from().saturating_sub(self.pages)
    }

    /// How many capabilities are mapped, counted one by one. For checks.
    #[must_use]
    pub fn count(&self) -> usize {
        (0..self.records.len())
            .filter(|&index| self.records.get(index).space != 0)
            .count()
    }
}
