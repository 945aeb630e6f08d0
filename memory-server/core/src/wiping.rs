//! Wiping a page table: the dear part of lending many pages, done once for all of them.
//!
//! Whoever is cloned may write to none of its pages any more. To say so of each page is an invocation each. The kernel
//! takes a page table out of an address space in one, and with it everything that the table shows; it is put back empty at
//! once. The capabilities of its frames are the mappings' as before, and so are their records: each is shown again when it
//! is touched, with a fault, which a page that is written to next meets anyway.
//!
//! # Invariants
//!
//! - A mapping is in its page table exactly if the table has not been wiped since the mapping was shown last: both count.
//! - A table whose count can go no further is wiped no more.
//!
//! # When it pays
//!
//! A page that is only read afterwards meets a fault that it would not have met. So a table is wiped only where there is
//! much to be taken away in it ([`DENSE`]).

use interfaces::memory::Access;

use crate::area::Area;
use crate::hands::{Kernel, Ledger};
use crate::mapping::FrameCap;
use crate::memory::Memory;
use crate::owner::{Owner, TableLevel, Use};
use crate::server::{Failure, MemoryServer};
use crate::table::Link;

/// How many mappings of an area are in one page table, on average, where it pays to wipe it: about as many as can be
/// changed one by one for what some faults cost.
pub const DENSE: u32 = 16;

impl Memory<'_> {
    /// How often the page table of a page of a space was wiped.
    #[inline]
    pub(crate) fn wiped(&self, space: u32, page: u32) -> u8 {
        let is_wiped = self.spaces.peek(space).is_some_and(|space| space.is_wiped);
        let table = is_wiped.then(|| self.table_of(space, page)).flatten();
        let table = table.and_then(|table| self.owners.peek(table));
        table.map_or(0, Owner::wiped)
    }

    /// Whether a mapping is in its page table, for its task to use.
    #[must_use]
    #[inline]
    pub fn is_shown(&self, cap: FrameCap) -> bool {
        let mapping = self.mappings.peek(cap);
        mapping.is_some_and(|mapping| !mapping.is_barred()) && self.is_in_table(cap)
    }

    /// Whether a mapping is in its page table.
    #[inline]
    pub(crate) fn is_in_table(&self, cap: FrameCap) -> bool {
        let Some(mapping) = self.mappings.peek(cap) else {
            return false;
        };
        let space = mapping.space();
        space.is_some_and(|space| self.wiped(space, mapping.page()) == mapping.wiped())
    }

    /// The page that holds the page table of a page of a space, if it has one.
    #[inline]
    pub(crate) fn table_of(&self, space: u32, page: u32) -> Option<u32> {
        let place = TableLevel::Table.place(page << 12);
        let last = self.spaces.peek(space)?.last_wiped.index();
        // Whatever became of it, the page says itself what it is now.
        let is_it = |&table: &u32| {
            self.owners.peek(table).is_some_and(|owner| {
                (owner.used_as(), owner.whose(), owner.place()) == (Use::Table, space, place)
            })
        };
        last.filter(is_it)
            .or_else(|| self.owners.find(Use::Table, space, place))
    }
}

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// With so many mappings of an area in a page table, on average, it is wiped from now on: [`DENSE`], unless a test wants
    /// it sooner.
    pub const fn wipe_from(&mut self, mappings: u32) {
        self.memory.dense = mappings;
    }

    /// Gives a mapping, shown or not, these rights. It is shown then.
    pub(crate) fn show_again(&mut self, cap: FrameCap, access: Access) -> Result<(), Failure> {
        let mapping = self.memory.mappings.get(cap);
        let space = mapping.space().ok_or(Failure::OutOfMemory)?;
        let (slot, root) = (self.memory.slot_of(cap), self.root_of(space));
        let result = self.kernel.remap_frame(slot, root, access);
        self.expected(result)?;
        let wiped = self.memory.wiped(space, mapping.page());
        let Memory { mappings, .. } = &mut self.memory;
        mappings.set_writable(cap, access == Access::ReadWrite);
        mappings.set_shown(cap, wiped);
        Ok(())
    }

    /// Nobody can write any more to what a mapping shows that is in its page table. If much else of its area is there, too,
    /// nothing of that is shown any more until it is touched.
    pub(crate) fn protect(&mut self, cap: FrameCap, area: u32) -> Result<(), Failure> {
        let mapping = self.memory.mappings.get(cap);
        let area = self.memory.areas.peek(area);
        let is_dense = area.is_some_and(|area| self.is_dense(area));
        let is_wiped = mapping
            .space()
            .is_some_and(|space| is_dense && self.wipe(space, mapping.page()));
        if !is_wiped {
            return self.show_again(cap, Access::Read);
        }
        self.memory.mappings.set_writable(cap, false);
        Ok(())
    }

    /// Whether it pays to wipe a page table of an area's.
    fn is_dense(&self, area: &Area) -> bool {
        let sparse = area.run.lowest_tables().saturating_mul(self.memory.dense);
        area.mappings.len() >= sparse
    }

    /// Takes everything out of the page table of a page. Returns whether that was done.
    fn wipe(&mut self, space: u32, page: u32) -> bool {
        let Some(table) = self.memory.table_of(space, page) else {
            return false;
        };
        let Some(wiped) = self.owners().get(table).wiped().checked_add(1) else {
            return false;
        };
        let (slot, root) = (self.memory.slots.object(table), self.root_of(space));
        let result = self.kernel.unmap_table(slot);
        if self.expected(result).is_err() {
            return false;
        }
        self.memory.owners.set_wiped(table, wiped);
        self.change_space(space, |space| {
            space.is_wiped = true;
            space.last_wiped = Link::to(table);
        });
        // Its place is free since just now. Without the table nothing could be shown there, so it is tried twice.
        for _ in 0..2 {
            let level = TableLevel::Table;
            let result = self.kernel.map_table(slot, level, root, page << 12);
            if self.expected(result).is_ok() {
                break;
            }
        }
        true
    }
}
