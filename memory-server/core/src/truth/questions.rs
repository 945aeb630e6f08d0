//! The questions themselves: what a record says, and what the kernel says to it.

use interfaces::memory::{Access, SpoilRefusal};
use interfaces::start::Block;
use interfaces::start::memory_slots::{LARGE_BITS, MIN_BITS};
use interfaces::truth::{Sort, Thing};

use super::{PAGE, Walk, Whose};
use crate::hands::{Kernel, Ledger, Made, Slot};
use crate::mapping::{FrameCap, Mappings, Standing};
use crate::server::MemoryServer;

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Takes a mapping away behind the records' back, in a build for tests.
    pub(crate) fn spoil_page(&mut self, space: u32, page: u32) -> Result<(), SpoilRefusal> {
        if !self.may_spoil {
            return Err(SpoilRefusal::NotForTests);
        }
        let cap = self.memory.mappings.find(space, page);
        let slot = self.memory.slot_of(cap.ok_or(SpoilRefusal::NotMapped)?);
        let result = self.kernel.unmap_frame(slot);
        self.expected(result).map_err(|_| SpoilRefusal::NotMapped)
    }

    /// Of a used page's untyped memory so much must be used.
    pub(super) fn ask_page(&mut self, page: u32, used: u64, of: Whose, walk: &mut Walk) {
        let kernel = self.kernel.unused(self.memory.slots.page(page));
        let record = Sort::Untyped {
            unused: PAGE.saturating_sub(used),
        };
        walk.note(1, (Thing::UsedPage, page), of, (record, kernel));
    }

    /// All of a frame's 2 MiB must be made of one block of untyped memory.
    pub(super) fn ask_block(&mut self, page: u32, of: Whose, walk: &mut Walk) {
        let bits = LARGE_BITS;
        let kernel = self
            .kernel
            .unused(self.memory.slots.untyped(Block { page, bits }));
        let record = Sort::Untyped { unused: 0 };
        walk.note(1, (Thing::UsedPage, page), of, (record, kernel));
    }

    /// A frame's capability must be of that page, and be mapped where it is on record, or not at all.
    pub(super) fn ask_frame(
        &mut self,
        cap: FrameCap,
        page: u32,
        (thing, of): (Thing, Whose),
        walk: &mut Walk,
    ) {
        let mapping = self.memory.mappings.get(cap);
        if let Some(space) = mapping.space() {
            let at = (self.root_of(space), mapping.page() << MIN_BITS);
            if self.memory.is_shown(cap) {
                self.ask_shown(cap, page, at, mapping.is_writable(), (thing, of), walk);
            } else {
                self.ask_unusable(cap, page, at, (thing, of), walk);
            }
        } else {
            let slot = Slot::Own(self.memory.slot_of(cap));
            let kernel = self.kernel.sort(slot, Made::Frame);
            // Of one that could not be taken away it is on record that it may be mapped for good.
            let is_stuck = self.owners().get(page).is_stuck();
            let record = Sort::Frame {
                address: address_of(page),
                mapped: is_stuck && matches!(kernel, Sort::Frame { mapped: true, .. }),
            };
            walk.note(
                2,
                (thing, number_in(&self.memory.mappings, cap)),
                of,
                (record, kernel),
            );
        }
    }

    /// A frame's capability must be of that page and be mapped there.
    pub(super) fn ask_shown(
        &mut self,
        cap: FrameCap,
        page: u32,
        (root, at): (u64, u32),
        is_writable: bool,
        (thing, of): (Thing, Whose),
        walk: &mut Walk,
    ) {
        let Some(slot) = self.ask_mapped(cap, page, (thing, of), walk) else {
            return;
        };
        let access = if is_writable {
            Access::ReadWrite
        } else {
            Access::Read
        };
        let probe = self.memory.slots.archive(0);
        // Of what is mapped in one piece the kernel would map it anew when it is asked whether the capability is in there.
        let is_shown = if self.owners().get(page).is_large() {
            self.kernel.shows_large(root, at, slot, probe)
        } else {
            self.kernel.shows(root, at, probe)
        };
        let is_there = is_shown && self.kernel.is_in(slot, root, access);
        let number = number_in(&self.memory.mappings, cap);
        let answers = (there(at, true), there(at, is_there));
        walk.note(2, (thing, number), of, answers);
    }

    /// A frame's capability must be of that page and be mapped. Returns its slot if it is.
    fn ask_mapped(
        &mut self,
        cap: FrameCap,
        page: u32,
        (thing, of): (Thing, Whose),
        walk: &mut Walk,
    ) -> Option<u64> {
        let number = number_in(&self.memory.mappings, cap);
        let slot = self.memory.slot_of(cap);
        let kernel = self.kernel.sort(Slot::Own(slot), Made::Frame);
        let record = Sort::Frame {
            address: address_of(page),
            mapped: true,
        };
        walk.note(2, (thing, number), of, (record, kernel));
        (record == kernel).then_some(slot)
    }

    /// A frame's capability must be of that page and be mapped, and yet nothing be there, if its page table was wiped; or
    /// something for nobody to use. (Which rights it has there cannot be asked without giving it some.)
    fn ask_unusable(
        &mut self,
        cap: FrameCap,
        page: u32,
        (root, at): (u64, u32),
        (thing, of): (Thing, Whose),
        walk: &mut Walk,
    ) {
        self.ask_mapped(cap, page, (thing, of), walk);
        let number = number_in(&self.memory.mappings, cap);
        let probe = self.memory.slots.archive(0);
        let record = there(at, self.memory.is_in_table(cap));
        let found = there(at, self.kernel.shows(root, at, probe));
        walk.note(2, (thing, number), of, (record, found));
    }

    pub(super) fn ask_empty(&mut self, slot: Slot, what: (Thing, u32), of: Whose, walk: &mut Walk) {
        self.ask_slot(slot, Sort::Nothing, what, of, walk);
    }

    pub(super) fn ask_taken(&mut self, slot: Slot, what: (Thing, u32), of: Whose, walk: &mut Walk) {
        self.ask_slot(slot, Sort::Something, what, of, walk);
    }

    /// Whether there is anything in a slot must be as it is on record.
    fn ask_slot(
        &mut self,
        slot: Slot,
        record: Sort,
        what: (Thing, u32),
        of: Whose,
        walk: &mut Walk,
    ) {
        let kernel = if self.kernel.is_taken(slot) {
            Sort::Something
        } else {
            Sort::Nothing
        };
        walk.note(1, what, of, (record, kernel));
    }
}

/// Where a page is in the machine.
pub(super) const fn address_of(page: u32) -> u64 {
    (page as u64) << MIN_BITS
}

/// A frame at this address, or nothing.
fn there(at: u32, is_there: bool) -> Sort {
    let address = u64::from(at);
    if is_there {
        Sort::FrameThere { address }
    } else {
        Sort::Nothing
    }
}

const fn number_in(mappings: &Mappings<'_>, cap: FrameCap) -> u32 {
    match mappings.standing(cap) {
        Standing::Own { page } => page,
        Standing::Copy { number } => number,
    }
}
