//! What each used page of the pool is for: which object, address space or thread it serves.
//!
//! # Invariants
//!
//! - A page has a use exactly while it is a used leaf of the pool.
//! - Use, owner and place together are unique; a page is found by them.
//! - Each page stands in the list of its owner, which gives everything back by emptying that list.

use interfaces::Amounts;
use interfaces::memory::{FRAME_KIT, LARGE_FRAME_KIT, LARGE_PAGES};

use crate::borrow::LentList;
use crate::index::{Index, Keyed};
use crate::table::{Link, Links, List, Table, linked};

/// What a page is used as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Use {
    /// Nothing.
    #[default]
    Nothing,
    /// A frame of a memory object; the place is the page within the object.
    Frame,
    /// A frame that its object does not show any more, but others that borrowed it do; its object's payer still pays
    /// for it. The place is the page itself.
    Left,
    /// A page table of some level of an address space; the place says which ([`TableLevel::place`]).
    Table,
    /// An address space's root.
    Root,
    /// A thread's TCB, with the CNode of its task if it is the first; the place is the thread's.
    Thread,
    /// The frame of a thread's IPC buffer; the place is the thread's.
    IpcBuffer,
    /// A page of the limits-server's ground; the place is its number.
    Ground,
    /// A page of a watcher's ring, or its notification; the place is the page within the ring.
    Ring,
    /// Nothing, but the kernel would not give it back: an error of ours, counted.
    Lost,
}

/// A level of page table below the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableLevel {
    /// One for the 512 GiB that begin at 0, which is all that clients have.
    Pointers,
    /// One for each GiB.
    Directory,
    /// One for each 2 MiB.
    Table,
}

impl TableLevel {
    /// What tells this table from the others of its address space.
    #[must_use]
    pub const fn place(self, address: u32) -> u32 {
        match self {
            Self::Pointers => 0x1_0000,
            Self::Directory => 0x8000 | (address >> 30),
            Self::Table => address >> 21,
        }
    }

    /// Whether the table in this place is one that every task is born with.
    #[must_use]
    pub const fn is_of_kit(place: u32) -> bool {
        place == Self::Pointers.place(KIT_ADDRESS)
            || place == Self::Directory.place(KIT_ADDRESS)
            || place == Self::Table.place(KIT_ADDRESS)
    }
}

/// An address in the 2 MiB for which every task is born with tables: where its stack and its program begin.
pub const KIT_ADDRESS: u32 = 0x20_0000;

/// What a page is used for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Owner {
    used_as: Use,
    /// Whether some mapping of it could not be taken away: nobody else may ever have it.
    is_stuck: bool,
    /// Whether it is the first page of a frame of 2 MiB.
    is_large: bool,
    /// How often it was wiped, if it is a page table.
    wiped: u8,
    /// The index of the object or of the address space.
    whose: u32,
    place: u32,
    chain: Link,
    links: Links,
    /// Who borrows it, if it is a frame.
    lent: LentList,
}

linked!(Owner, links);

impl Owner {
    /// What it is used as.
    #[must_use]
    pub const fn used_as(&self) -> Use {
        self.used_as
    }

    /// The object, or the address space.
    #[must_use]
    pub const fn whose(&self) -> u32 {
        self.whose
    }

    /// Whether some mapping of it could not be taken away.
    #[must_use]
    pub const fn is_stuck(&self) -> bool {
        self.is_stuck
    }

    /// Whether it is the first page of a frame of 2 MiB.
    #[must_use]
    pub const fn is_large(&self) -> bool {
        self.is_large
    }

    /// How many pages it is.
    #[must_use]
    pub const fn pages(&self) -> u32 {
        if self.is_large { LARGE_PAGES } else { 1 }
    }

    /// What it is charged as, if it is a frame of an object.
    #[must_use]
    pub const fn kit(&self) -> Amounts {
        if self.is_large {
            LARGE_FRAME_KIT
        } else {
            FRAME_KIT
        }
    }

    /// How often it was wiped, if it is a page table.
    #[must_use]
    pub const fn wiped(&self) -> u8 {
        self.wiped
    }

    /// Who borrows it.
    #[must_use]
    pub const fn lent(&self) -> LentList {
        self.lent
    }

    /// Which of the owner's pages of this use.
    #[must_use]
    pub const fn place(&self) -> u32 {
        self.place
    }
}

impl Keyed for Owner {
    fn key(&self) -> u64 {
        key(self.used_as, self.whose, self.place)
    }

    fn chain(&self) -> Link {
        self.chain
    }

    fn chain_mut(&mut self) -> &mut Link {
        &mut self.chain
    }
}

fn key(used_as: Use, whose: u32, place: u32) -> u64 {
    (u64::from(used_as as u8) << 56) ^ (u64::from(whose) << 28) ^ u64::from(place)
}

/// What all pages are used for.
#[derive(Debug)]
pub struct Owners<'a> {
    records: Table<'a, Owner>,
    index: Index<'a>,
    lost: u32,
    /// Pages that are frames of objects.
    granted: u32,
}

impl<'a> Owners<'a> {
    /// No page is used.
    #[must_use]
    pub fn new(records: &'a mut [Owner], index: Index<'a>) -> Self {
        Self {
            records: Table::new(records),
            index,
            lost: 0,
            granted: 0,
        }
    }

    /// Pages that are frames of objects.
    #[must_use]
    pub const fn granted(&self) -> u32 {
        self.granted
    }

    /// What a page is used for.
    #[must_use]
    pub fn get(&self, page: u32) -> Owner {
        self.records.get(page)
    }

    /// What a page is used for, without a copy.
    #[must_use]
    pub fn peek(&self, page: u32) -> Option<&Owner> {
        self.records.peek(page)
    }

    /// All records, for walking lists.
    #[must_use]
    pub const fn records(&self) -> &Table<'a, Owner> {
        &self.records
    }

    /// The page with this use.
    #[must_use]
    pub fn find(&self, used_as: Use, whose: u32, place: u32) -> Option<u32> {
        self.index.find(&self.records, key(used_as, whose, place))
    }

    /// Records what a page is used for, and puts it into its owner's list.
    pub fn record(&mut self, page: u32, used_as: Use, whose: u32, place: u32, list: &mut List) {
        self.records.put(
            page,
            Owner {
                used_as,
                whose,
                place,
                ..Owner::default()
            },
        );
        self.index.insert(&mut self.records, page);
        list.push(&mut self.records, page);
        if used_as == Use::Frame {
            self.granted = self.granted.saturating_add(1);
        }
    }

    /// Records that a frame of 2 MiB is an object's, from this page of it on.
    pub fn record_large(&mut self, page: u32, object: u32, place: u32, list: &mut List) {
        self.record(page, Use::Frame, object, place, list);
        if let Some(record) = self.records.edit(page) {
            record.is_large = true;
        }
        self.granted = self.granted.saturating_add(LARGE_PAGES.saturating_sub(1));
    }

    /// Records that a page goes from one owner's list to another's, with whoever borrows it.
    pub fn pass(
        &mut self,
        page: u32,
        (used_as, whose, place): (Use, u32, u32),
        from: &mut List,
        to: &mut List,
    ) {
        from.remove(&mut self.records, page);
        self.index.remove(&mut self.records, page);
        if let Some(record) = self.records.edit(page) {
            record.used_as = used_as;
            record.whose = whose;
            record.place = place;
        }
        self.index.insert(&mut self.records, page);
        to.push(&mut self.records, page);
    }

    /// The list of those who borrow a page, to change.
    pub fn lent_mut(&mut self, page: u32) -> Option<&mut LentList> {
        self.records.edit(page).map(|record| &mut record.lent)
    }

    /// The page behind this one in its owner's list.
    #[must_use]
    pub fn next(&self, page: u32) -> Option<u32> {
        List::<0>::after(&self.records, page)
    }

    /// The page is used for nothing any more.
    pub fn forget(&mut self, page: u32, list: &mut List) {
        list.remove(&mut self.records, page);
        self.index.remove(&mut self.records, page);
        let owner = self.get(page);
        if matches!(owner.used_as, Use::Frame | Use::Left) {
            self.granted = self.granted.saturating_sub(owner.pages());
        }
        self.records.put(page, Owner::default());
    }

    /// A page table was wiped so often.
    pub fn set_wiped(&mut self, page: u32, wiped: u8) {
        if let Some(record) = self.records.edit(page) {
            record.wiped = wiped;
        }
    }

    /// A mapping of the page could not be taken away.
    pub fn stick(&mut self, page: u32) {
        if let Some(record) = self.records.edit(page) {
            record.is_stuck = true;
        }
    }

    /// The page, which is used for nothing, is lost, with so many behind it: its capability could not be deleted.
    pub fn lose(&mut self, page: u32, pages: u32) {
        self.lost = self.lost.saturating_add(pages);
        if let Some(record) = self.records.edit(page) {
            record.used_as = Use::Lost;
        }
    }

    /// How many pages are lost.
    #[must_use]
    pub const fn lost(&self) -> u32 {
        self.lost
    }
}
