//! Rings: pages that a watcher reads and the limits-server writes, with the notification between them.
//!
//! # Invariants
//!
//! - A page of a ring is mapped twice: read-only for the watcher with the frame's own capability, and in the
//!   limits-server's window with a copy. Nobody else ever has a capability to it.
//! - The limits-server lets go of a ring before the first of its pages goes.
//! - Whoever pays for the task's kit pays for its rings, so a kill of that group ends the task and with it the rings.
//! - A task's rings together have at most [`RING_PAGES`] pages, in a window of its address space where nothing else is
//!   and for which every task is born with tables.

use interfaces::accounting::{AttachRing, Who};
use interfaces::events::{RESERVED_RINGS, RING_PAGES, RINGS, RingId, TASK_RINGS};
use interfaces::memory::Access;
use interfaces::provision::{Built, CreateRing, MadeRing, Progress, RingRefusal, ring_kit};
use interfaces::start::{limits_slots, memory_slots, proc_slots, ring_window};
use interfaces::{GroupId, TaskId};

use crate::area::Run;
use crate::hands::{Kernel, Ledger, Made, Slot};
use crate::mapping::{FrameCap, Mappings};
use crate::memory::Memory;
use crate::owner::Use;
use crate::server::{Bill, Failure, MemoryServer};
use crate::table::List;

/// Where a task's rings are, as page numbers: between the main stack and the image.
pub const WINDOW: Run = Run {
    start: 0x230,
    pages: RING_PAGES,
};
/// Pages that are made in one slice: five system calls each, some 8,000 instructions.
const SLICE_MADE: u32 = 4;
/// Pages that are taken back in one: four system calls each, some 3,500.
const SLICE_UNMADE: u32 = 8;
/// The place of a ring's notification among its pages.
pub(crate) const NOTIFICATION: u32 = RING_PAGES;

/// A ring.
#[derive(Clone, Copy, Debug)]
pub struct Ring {
    /// The address space of its watcher; nothing while nobody has it.
    pub space: Option<u32>,
    /// Its place among its watcher's rings.
    number: u8,
    /// Its first page in the window.
    first: u8,
    /// How many pages it is to have.
    pages: u8,
    /// Who pays.
    payer: GroupId,
    /// The pages that its frames and its notification are made of.
    pub list: List,
    /// The copies for the limits-server's mappings.
    copies: [Option<FrameCap>; RING_PAGES as usize],
    /// Which of them are mapped, a bit for each.
    shown: u16,
    /// The limits-server knows it.
    attached: bool,
    /// It was whole once, or will never be: nothing more is made of it.
    is_over: bool,
}

impl Ring {
    const VACANT: Self = Self {
        space: None,
        number: 0,
        first: 0,
        pages: 0,
        payer: GroupId::ROOT,
        list: List::EMPTY,
        copies: [None; RING_PAGES as usize],
        shown: 0,
        attached: false,
        is_over: false,
    };

    /// Who pays for it.
    #[must_use]
    pub const fn payer(&self) -> GroupId {
        self.payer
    }

    /// Whether the limits-server has it, with the right to signal its notification.
    #[must_use]
    pub const fn is_attached(&self) -> bool {
        self.attached
    }

    /// The copy with which a page is mapped for the limits-server, if it is.
    #[must_use]
    pub fn shown(&self, place: u32) -> Option<FrameCap> {
        let copy = self.copies.get(place as usize).copied().flatten();
        copy.filter(|_| self.shown & 1_u16.wrapping_shl(place) != 0)
    }

    /// Copies that are set aside for it and not in use.
    #[must_use]
    pub fn copies_left(&self) -> u32 {
        let used = self.copies.iter().flatten().count();
        let used = u32::try_from(used).unwrap_or(u32::MAX);
        u32::from(self.pages).saturating_sub(used)
    }

    /// The pages that it takes of its watcher's window, a bit for each.
    const fn mask(&self) -> u16 {
        run_mask(self.pages, self.first)
    }
}

/// A task's rings, as its space remembers them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// The numbers in use, a bit for each.
    pub numbers: u8,
    /// The pages of the window in use, a bit for each.
    pub pages: u16,
}

impl Own {
    /// The first free number.
    fn free_number(self) -> Option<u8> {
        (0..TASK_RINGS)
            .filter_map(|number| u8::try_from(number).ok())
            .find(|&number| self.numbers & bit(number) == 0)
    }

    /// The first run of so many free pages that begins at a multiple of its length.
    fn free_run(self, pages: u8) -> Option<u8> {
        (0..RING_PAGES)
            .step_by(usize::from(pages))
            .filter_map(|first| u8::try_from(first).ok())
            .find(|&first| self.pages & run_mask(pages, first) == 0)
    }
}

const fn bit(number: u8) -> u8 {
    1_u8.wrapping_shl(number as u32)
}

/// So many bits from `first` on; a ring has at most 16 pages.
const fn run_mask(pages: u8, first: u8) -> u16 {
    let ones = 1_u32.wrapping_shl(pages as u32).wrapping_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "runs end within the window"
    )]
    {
        ones.wrapping_shl(first as u32) as u16
    }
}

/// All rings.
#[derive(Debug)]
pub struct Rings([Ring; RINGS]);

impl Default for Rings {
    fn default() -> Self {
        Self([const { Ring::VACANT }; RINGS])
    }
}

impl Rings {
    /// The ring with this number, if somebody has it.
    #[must_use]
    pub fn get(&self, ring: u32) -> Option<&Ring> {
        self.0
            .get(ring as usize)
            .filter(|slot| slot.space.is_some())
    }

    fn edit(&mut self, ring: u32) -> Option<&mut Ring> {
        self.0.get_mut(ring as usize)
    }

    /// Every ring that somebody has, with its number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Ring)> {
        (0..)
            .zip(self.0.iter())
            .filter(|(_, ring)| ring.space.is_some())
    }

    /// Whether a ring has this copy.
    #[must_use]
    pub fn have(&self, cap: FrameCap) -> bool {
        self.iter()
            .any(|(_, ring)| ring.copies.contains(&Some(cap)))
    }

    /// Any ring of a space.
    fn any_of(&self, space: u32) -> Option<u32> {
        self.iter()
            .find(|(_, ring)| ring.space == Some(space))
            .map(|(index, _)| index)
    }

    /// A free place, of which some are for operators alone.
    fn vacant(&self, operator: bool) -> Option<u32> {
        let most = if operator {
            RINGS
        } else {
            RINGS.saturating_sub(RESERVED_RINGS)
        };
        if self.iter().count() >= most {
            return None;
        }
        (0..)
            .zip(self.0.iter())
            .find(|(_, ring)| ring.space.is_none())
            .map(|(index, _)| index)
    }
}

impl From<Failure> for RingRefusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Charge(refusal) => Self::Charge(refusal),
            Failure::OutOfMemory | Failure::OutOfSpaces => Self::OutOfMemory,
            Failure::Kernel(error) => Self::Kernel(error.0),
        }
    }
}

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Makes a ring, or nothing.
    pub(crate) fn make_ring(&mut self, request: CreateRing) -> Result<MadeRing, RingRefusal> {
        let CreateRing {
            task,
            pages,
            operator,
        } = request;
        let space = self
            .memory
            .spaces
            .find(task)
            .ok_or(RingRefusal::UnknownTask)?;
        if !pages.is_power_of_two() || u32::from(pages) > RING_PAGES {
            return Err(RingRefusal::BadSize);
        }
        let (own, payer) = (self.space(space).rings, self.space(space).payer);
        let number = own.free_number().ok_or(RingRefusal::TooMany)?;
        let first = own.free_run(pages).ok_or(RingRefusal::TooMany)?;
        let ring = self
            .memory
            .rings
            .vacant(operator)
            .ok_or(RingRefusal::TableFull)?;
        // The pages, and the notification.
        if !self.can_promise(Who::Group(payer), u64::from(pages), 1) {
            return Err(RingRefusal::OutOfMemory);
        }
        let record = Ring {
            space: Some(space),
            number,
            first,
            pages,
            payer,
            ..Ring::VACANT
        };
        self.charged(payer, ring_kit(pages), |this| this.begin_ring(ring, record))?;
        Ok(MadeRing {
            ring: RingId(u8::try_from(ring).unwrap_or(u8::MAX)),
            address: page_of(&record, 0) << 12,
            number,
        })
    }

    /// The ring of a task that has this name.
    pub(crate) fn ring_of(&self, task: TaskId, ring: RingId) -> Option<u32> {
        let index = u32::from(ring.0);
        let space = self.memory.rings.get(index)?.space?;
        (self.memory.spaces.find(task) == Some(space)).then_some(index)
    }

    /// Makes the next pages of a ring, and what it needs besides with the last.
    pub(crate) fn build_ring_on(&mut self, ring: u32) -> Result<Built, RingRefusal> {
        let record = self.memory.rings.get(ring).copied();
        let record = record
            .filter(|ring| !ring.is_over)
            .ok_or(RingRefusal::UnknownTask)?;
        let made = record.list.len();
        // What is not made yet is promised to nobody, and others were served since the last slice.
        let left = u64::from(record.pages).saturating_sub(u64::from(made));
        if !self.can_promise(Who::Group(record.payer), 0, left.saturating_add(1)) {
            return Err(RingRefusal::OutOfMemory);
        }
        let end = u32::from(record.pages).min(made.saturating_add(SLICE_MADE));
        // Unless it comes to its end, what is there is for nobody to go on with.
        self.change_ring(ring, |ring| ring.is_over = true);
        for place in made..end {
            self.make_ring_page(ring, &record, place)?;
        }
        if end < u32::from(record.pages) {
            self.change_ring(ring, |ring| ring.is_over = false);
            return Ok(Built::More);
        }
        self.finish_ring(ring, &record)?;
        Ok(Built::Whole {
            number: record.number,
        })
    }

    /// Takes a slice of a ring back.
    pub(crate) fn unmake_ring(&mut self, ring: u32) -> Progress {
        self.change_ring(ring, |ring| ring.is_over = true);
        for _ in 0..SLICE_UNMADE {
            if !self.unmake_ring_step(ring) {
                let mut bill = Bill::default();
                self.end_ring(ring, &mut bill);
                self.settle(&mut bill);
                return Progress::Done;
            }
        }
        Progress::More
    }

    /// Takes the next piece of any ring of a dying space back. Returns whether there was one.
    pub(crate) fn unmake_rings_of(&mut self, space: u32, bill: &mut Bill) -> bool {
        if self.space(space).rings == Own::default() {
            return false;
        }
        let Some(ring) = self.memory.rings.any_of(space) else {
            return false;
        };
        if !self.unmake_ring_step(ring) {
            self.end_ring(ring, bill);
        }
        true
    }

    /// Takes a place among the rings, with the copies that are to be made.
    fn begin_ring(&mut self, ring: u32, record: Ring) -> Result<(), Failure> {
        if !self.set_copies_aside(u32::from(record.pages)) {
            return Err(Failure::OutOfMemory);
        }
        self.change_ring(ring, |place| *place = record);
        self.change_space(record.space.unwrap_or(u32::MAX), |space| {
            space.rings.numbers |= bit(record.number);
            space.rings.pages |= record.mask();
        });
        Ok(())
    }

    /// Makes what a ring needs besides its pages, and hands it over.
    fn finish_ring(&mut self, ring: u32, record: &Ring) -> Result<(), Failure> {
        let task = self.space(record.space.unwrap_or(u32::MAX)).task;
        let page = self.make_object(Made::Notification)?;
        self.record_for_ring(page, ring, NOTIFICATION);
        let from = self.memory.slots.object(page);
        let to = Slot::Limits(limits_slots::RINGS.saturating_add(u64::from(ring)));
        let result = self.kernel.mint_signal(from, to);
        self.expected(result)?;
        let to = Slot::Proc(proc_slots::RING);
        let result = self.kernel.copy(from, to, Access::Read);
        self.expected(result)?;
        let attach = AttachRing {
            ring: RingId(u8::try_from(ring).unwrap_or(u8::MAX)),
            task,
            pages: record.pages,
        };
        if !self.ledger.attach_ring(attach) {
            // Our records and the limits-server's differ, or the task is not born.
            return Err(Failure::OutOfMemory);
        }
        self.change_ring(ring, |ring| ring.attached = true);
        Ok(())
    }

    /// Makes one page, cleared by the kernel, and shows it on both sides.
    fn make_ring_page(&mut self, ring: u32, record: &Ring, place: u32) -> Result<(), Failure> {
        let page = self.make_object(Made::Frame)?;
        self.record_for_ring(page, ring, place);
        let cap = self
            .memory
            .mappings
            .take_copy()
            .ok_or(Failure::OutOfMemory)?;
        let (frame, copy) = (self.memory.slots.object(page), self.memory.slot_of(cap));
        let result = self.kernel.copy(frame, Slot::Own(copy), Access::ReadWrite);
        if let Err(failure) = self.expected(result) {
            self.memory.mappings.give_copy_back(cap);
            return Err(failure);
        }
        self.change_ring(ring, |ring| {
            if let Some(slot) = ring.copies.get_mut(place as usize) {
                *slot = Some(cap);
            }
        });
        let number = u8::try_from(ring).unwrap_or(u8::MAX);
        let result = self.kernel.map_frame(
            copy,
            memory_slots::LIMITS_SPACE,
            ring_window::page(number, place),
            Access::ReadWrite,
        );
        self.expected(result)?;
        self.change_ring(ring, |ring| ring.shown |= 1_u16.wrapping_shl(place));
        let space = record.space.unwrap_or(u32::MAX);
        self.map_cap(
            Mappings::own(page),
            space,
            page_of(record, place),
            Access::Read,
            None,
        )
    }

    /// Takes one piece of a ring back. Returns whether there was one.
    fn unmake_ring_step(&mut self, ring: u32) -> bool {
        let Some(record) = self.memory.rings.get(ring).copied() else {
            return false;
        };
        if record.attached {
            let let_go = self
                .ledger
                .detach_ring(RingId(u8::try_from(ring).unwrap_or(u8::MAX)));
            self.note(let_go);
            self.change_ring(ring, |ring| ring.attached = false);
        }
        let Some(page) = record.list.first() else {
            return false;
        };
        let place = self.owners().get(page).place();
        if place == NOTIFICATION {
            self.forget_for_ring(page, ring);
            let _ = self.unmake_all(page);
            return true;
        }
        let hidden = self.hide_from_limits(ring, &record, place);
        // The watcher's mapping, where it still runs.
        let unmapped = self.unmap(Mappings::own(page));
        self.forget_for_ring(page, ring);
        if hidden && unmapped {
            self.unmake_object(page);
        } else {
            // Somebody still sees it, so nobody else ever may.
            self.lose_page(page);
        }
        true
    }

    /// Takes the limits-server's mapping of a page away, and the copy with which it was made.
    fn hide_from_limits(&mut self, ring: u32, record: &Ring, place: u32) -> bool {
        let Some(cap) = record.copies.get(place as usize).copied().flatten() else {
            return true;
        };
        let slot = self.memory.slot_of(cap);
        if record.shown & 1_u16.wrapping_shl(place) != 0 {
            let result = self.kernel.unmap_frame(slot);
            if self.expected(result).is_err() {
                return false;
            }
        }
        let result = self.kernel.delete(slot);
        // A copy that the kernel does not let go stays set aside, for good.
        if self.expected(result).is_err() {
            return false;
        }
        self.memory.mappings.give_copy_back(cap);
        self.change_ring(ring, |ring| {
            if let Some(slot) = ring.copies.get_mut(place as usize) {
                *slot = None;
            }
        });
        true
    }

    /// Nothing is left of a ring: its place is free, and what it cost goes on the bill.
    fn end_ring(&mut self, ring: u32, bill: &mut Bill) {
        if let Some(record) = self.memory.rings.get(ring).copied() {
            self.owe(bill, record.payer, ring_kit(record.pages));
        }
        self.forget_ring(ring);
    }

    fn forget_ring(&mut self, ring: u32) {
        let Some(record) = self.memory.rings.get(ring).copied() else {
            return;
        };
        // What the kernel did not give back is not set aside any more: nobody will ever have it.
        self.memory.mappings.unreserve(record.copies_left());
        self.change_ring(ring, |ring| *ring = Ring::VACANT);
        self.change_space(record.space.unwrap_or(u32::MAX), |space| {
            space.rings.numbers &= !bit(record.number);
            space.rings.pages &= !record.mask();
        });
    }

    fn record_for_ring(&mut self, page: u32, ring: u32, place: u32) {
        let Memory { owners, rings, .. } = &mut self.memory;
        if let Some(record) = rings.edit(ring) {
            owners.record(page, Use::Ring, ring, place, &mut record.list);
        }
    }

    fn forget_for_ring(&mut self, page: u32, ring: u32) {
        let Memory { owners, rings, .. } = &mut self.memory;
        if let Some(record) = rings.edit(ring) {
            owners.forget(page, &mut record.list);
        }
    }

    fn change_ring(&mut self, ring: u32, change: impl FnOnce(&mut Ring)) {
        if let Some(record) = self.memory.rings.edit(ring) {
            change(record);
        }
    }

    /// Counts an error of ours unless it went as it should.
    fn note(&mut self, as_it_should: bool) {
        if !as_it_should {
            self.counters.mishaps = self.counters.mishaps.saturating_add(1);
        }
    }
}

/// The page of its watcher's address space that shows a page of a ring.
const fn page_of(ring: &Ring, place: u32) -> u32 {
    WINDOW
        .start
        .saturating_add(ring.first as u32)
        .saturating_add(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_pages_are_aligned_and_apart() {
        let mut own = Own::default();
        let mut seen = 0;
        for pages in [1, 4, 1, 2, 8] {
            let first = own.free_run(pages).unwrap();
            assert_eq!(first % pages, 0);
            let mask = run_mask(pages, first);
            assert_eq!(mask & seen, 0);
            seen |= mask;
            own.pages = seen;
        }
        assert_eq!(seen, 0xffff);
        assert_eq!(own.free_run(1), None);
        assert_eq!(run_mask(16, 0), 0xffff);
    }

    #[test]
    fn a_task_has_so_many_rings() {
        let mut own = Own::default();
        for number in 0..4 {
            assert_eq!(own.free_number(), Some(number));
            own.numbers |= bit(number);
        }
        assert_eq!(own.free_number(), None);
    }
}
