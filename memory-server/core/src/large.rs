//! Memory in units of 2 MiB, each a frame of that size: one fault and one entry of a page directory for 512 pages.
//!
//! A large region begins empty and grows by [`Resize`](interfaces::memory::Resize), a unit a call. A unit is reserved,
//! charged (512 pages of commit and of frames) and there at once, all of it or nothing.
//!
//! # Why all at once, and not when it is touched
//!
//! With overcommit off what is reserved must be there when it is touched, and that 512 free pages lie beside each other
//! cannot be promised: everybody's pages come from the same pool. A block that is set aside for the reservation is gone
//! for others anyhow; so it is a frame from then on, and whether it can be had is known when it is asked for.
//!
//! # Invariants
//!
//! - Of an object that comes in units, size and commit are whole units, each with its frame; it borrows and lends nothing.
//!   Cloning it is refused, and so is forking a task that holds it.
//! - It is shown in whole units at addresses of whole units. So 2 MiB that show a unit show nothing else, and a page table
//!   that something smaller left there shows nothing any more.
//! - Whoever is waiting for a unit has neither a charge nor a block for it.

use interfaces::accounting::Who;
use interfaces::memory::{
    CreateRegionRefusal, LARGE_FRAME_KIT, LARGE_PAGES, REGION_KIT, RegionId, ResizeRefusal,
    TABLE_KIT,
};
use interfaces::provision::Progress;
use interfaces::start::Block;
use interfaces::start::memory_slots::LARGE_BITS;
use interfaces::{Amounts, Resource};

use crate::hands::{Kernel, Ledger, Made, Slot};
use crate::memory::Memory;
use crate::owner::Use;
use crate::region::Region;
use crate::resizing::EMPTY_PAGES;
use crate::server::{Bill, MemoryServer};
use crate::serving::NEW;
use crate::unmaking::SLICE;

/// What a unit is charged as: its frame, and its reservation.
const UNIT: Amounts = LARGE_FRAME_KIT.with(Resource::Commit, LARGE_PAGES as u64);

/// The first page of the unit in which a page is.
#[must_use]
pub const fn unit_of(page: u32) -> u32 {
    page & !LARGE_PAGES.wrapping_sub(1)
}

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Makes a region that comes in units, and has none yet.
    pub(crate) fn create_large_region(
        &mut self,
        space: u32,
    ) -> Result<RegionId, CreateRegionRefusal> {
        if !self.has_region_room(space) || !self.memory.objects.has_room() {
            return Err(CreateRegionRefusal::TableFull);
        }
        let task = self.space(space).task;
        let payer = self
            .ledger
            .charge_task(task, NEW)
            .and_then(|payer| self.charge_record(space, payer, NEW))
            .map_err(CreateRegionRefusal::Charge)?;
        let Some(id) = self.record_region(space, 0, payer) else {
            let rest = NEW.checked_sub(&REGION_KIT).unwrap_or_default();
            self.release(payer, rest);
            self.release(self.space(space).payer, REGION_KIT);
            return Err(CreateRegionRefusal::TableFull);
        };
        let object = self.memory.regions.get(id.index).object;
        if let Some(object) = self.memory.objects.edit(object) {
            object.is_large = true;
        }
        Ok(id)
    }

    /// Adds a unit to a region's memory, or takes some away from its end.
    pub(crate) fn resize_large(
        &mut self,
        region: &Region,
        pages: u32,
    ) -> Result<Progress, ResizeRefusal> {
        let object = self.memory.objects.get(region.object);
        if object.size < object.commit || pages < object.size {
            return Ok(self.cut_large(region.object, pages));
        }
        if pages == object.size {
            return Ok(Progress::Done);
        }
        if !self.add_unit(region)? {
            return Ok(Progress::More);
        }
        let is_done = self.size_of(region.object) == pages;
        Ok(if is_done {
            Progress::Done
        } else {
            Progress::More
        })
    }

    /// Adds a unit. Returns whether it is there; else it is to be asked again.
    fn add_unit(&mut self, region: &Region) -> Result<bool, ResizeRefusal> {
        let task = self.space(region.space).task;
        if !self.can_promise(Who::Task(task), u64::from(LARGE_PAGES), 0) {
            return Err(ResizeRefusal::OutOfMemory);
        }
        let payer = self.payer_of(region.object);
        let group = self
            .ledger
            .charge_task(task, UNIT)
            .map_err(ResizeRefusal::Charge)?;
        if group != payer {
            // Nobody spends what is another's.
            self.release(group, UNIT);
            return Err(ResizeRefusal::NotPayer);
        }
        let block = match self.obtain_block(task, LARGE_BITS) {
            Ok(Some(block)) => block,
            Ok(None) => {
                self.release(group, UNIT);
                return Ok(false);
            }
            Err(_) => {
                self.release(group, UNIT);
                return Err(ResizeRefusal::OutOfMemory);
            }
        };
        if self.record_unit(region.object, block) {
            return Ok(true);
        }
        self.release(group, UNIT);
        Err(ResizeRefusal::OutOfMemory)
    }

    /// Makes a block a frame, which is an object's last unit from now on. Returns whether it is.
    fn record_unit(&mut self, index: u32, block: Block) -> bool {
        let slots = self.memory.slots;
        let to = Slot::Own(slots.object(block.page));
        let result = self
            .kernel
            .retype(slots.untyped(block), Made::LargeFrame, to, 1);
        if self.expected(result).is_err() {
            self.memory.pool.put_back(block);
            return false;
        }
        let size = self.size_of(index);
        let whole = size.saturating_add(LARGE_PAGES);
        self.memory.objects.set_commit(index, whole);
        let Memory {
            owners, objects, ..
        } = &mut self.memory;
        if let Some(object) = objects.edit(index) {
            object.size = whole;
            owners.record_large(block.page, index, size, &mut object.frames);
        }
        true
    }

    /// Does one slice of cutting an object to so many pages.
    fn cut_large(&mut self, index: u32, pages: u32) -> Progress {
        let mut bill = Bill::default();
        if let Some(object) = self.memory.objects.edit(index) {
            object.size = object.size.min(pages);
        }
        let mut budget = SLICE.saturating_mul(EMPTY_PAGES);
        while self.is_cut(index) && budget > 0 {
            if !self.cut_unit(index, &mut budget, &mut bill) {
                break;
            }
        }
        self.settle(&mut bill);
        // What is to be larger than an earlier cut left it grows when that is finished.
        if self.is_cut(index) || self.size_of(index) < pages {
            Progress::More
        } else {
            Progress::Done
        }
    }

    /// Whether something is still reserved beyond an object's end.
    fn is_cut(&self, index: u32) -> bool {
        let object = self.memory.objects.peek(index);
        object.is_some_and(|object| object.size < object.commit)
    }

    /// Takes the last unit of an object away. Returns whether it is gone.
    fn cut_unit(&mut self, index: u32, budget: &mut u32, bill: &mut Bill) -> bool {
        let object = self.memory.objects.get(index);
        let place = object.commit.saturating_sub(LARGE_PAGES);
        if !self.hide_everywhere(index, place, budget, bill) {
            return false;
        }
        *budget = budget.saturating_sub(EMPTY_PAGES);
        if let Some(page) = self.owners().find(Use::Frame, index, place) {
            self.discard_frame(page, index, &mut 1, bill);
        }
        self.memory.objects.set_commit(index, place);
        let commit = Amounts::of(Resource::Commit, u64::from(LARGE_PAGES));
        self.owe(bill, object.payer, commit);
        true
    }

    /// A unit is to be shown in a space from this page on: a page table that is left from something that was there before is
    /// in the way, and shows nothing.
    pub(crate) fn remove_table(&mut self, space: u32, page: u32) {
        let Some(table) = self.memory.table_of(space, page) else {
            return;
        };
        self.forget_for_space(table);
        self.unmake_object(table);
        self.change_space(space, |space| space.tables = space.tables.saturating_sub(1));
        self.release(self.space(space).payer, TABLE_KIT);
    }
}
