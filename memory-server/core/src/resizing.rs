//! Making memory larger and smaller, and letting another group pay for it.
//!
//! Smaller goes page by page from the end, in slices: from the first on nothing more is shown beyond the new end, and each
//! page gives back its reservation, and its frame if it has one, when it is gone from every address space.

use interfaces::accounting::Who;
use interfaces::memory::{
    Access, BORROW_KIT, FRAME_KIT, LARGE_PAGES, OBJECT_KIT, REGION_PAGES, Resize, ResizeRefusal,
    Sponsor, SponsorRefusal,
};
use interfaces::provision::Progress;
use interfaces::{Amounts, Resource};

use crate::hands::{Kernel, Ledger};
use crate::lending::Seen;
use crate::object::Object;
use crate::server::{Bill, MemoryServer};
use crate::table::Link;

/// Pages without a frame that are looked at for what one with a frame costs.
pub(crate) const EMPTY_PAGES: u32 = 12;

/// Resident pages that one slice cuts off: fewer than where a whole region goes, since each is looked for by its place.
const CUT: u32 = 9;

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Changes how many pages a region's memory has.
    pub(crate) fn resize_region(
        &mut self,
        space: u32,
        request: Resize,
    ) -> Result<Progress, ResizeRefusal> {
        let region = self
            .memory
            .regions
            .find(space, request.region)
            .ok_or(ResizeRefusal::UnknownRegion)?;
        if request.pages == 0 || request.pages > REGION_PAGES {
            return Err(ResizeRefusal::BadSize);
        }
        if self.is_large(region.object) && !request.pages.is_multiple_of(LARGE_PAGES) {
            return Err(ResizeRefusal::BadSize);
        }
        if !region.access.allows(Access::ReadWrite) {
            return Err(ResizeRefusal::NotAllowed);
        }
        if self.is_revoked(region.object) {
            return Err(ResizeRefusal::PayerKilled);
        }
        let object = self.memory.objects.get(region.object);
        if object.is_large {
            return self.resize_large(&region, request.pages);
        }
        if object.size < object.commit || request.pages < object.size {
            self.break_clone(region.object);
            return Ok(self.cut(region.object, request.pages));
        }
        let more = request.pages.saturating_sub(object.size);
        if more == 0 {
            return Ok(Progress::Done);
        }
        let task = self.space(region.space).task;
        if !self.can_promise(Who::Task(task), u64::from(more), 0) {
            return Err(ResizeRefusal::OutOfMemory);
        }
        let amounts = Amounts::of(Resource::Commit, u64::from(more));
        let group = self
            .ledger
            .charge_task(self.space(space).task, amounts)
            .map_err(ResizeRefusal::Charge)?;
        if group != object.payer {
            // Nobody spends what is another's.
            self.release(group, amounts);
            return Err(ResizeRefusal::NotPayer);
        }
        self.memory.objects.set_commit(region.object, request.pages);
        if let Some(object) = self.memory.objects.edit(region.object) {
            object.size = request.pages;
        }
        Ok(Progress::Done)
    }

    /// Does one slice of cutting an object to so many pages.
    fn cut(&mut self, index: u32, pages: u32) -> Progress {
        let mut bill = Bill::default();
        if let Some(object) = self.memory.objects.edit(index) {
            object.size = object.size.min(pages);
        }
        let mut budget = CUT.saturating_mul(EMPTY_PAGES);
        let progress = loop {
            let object = self.memory.objects.get(index);
            let Some(place) = object.commit.checked_sub(1) else {
                break Progress::Done;
            };
            if place < object.size {
                break if pages > object.size {
                    // An earlier cut is finished, and it is to be larger than that.
                    Progress::More
                } else {
                    Progress::Done
                };
            }
            if budget == 0 {
                break Progress::More;
            }
            if !self.cut_page(index, &object, place, &mut budget, &mut bill) {
                break Progress::More;
            }
        };
        self.settle(&mut bill);
        progress
    }

    /// Takes the last reserved page of an object away. Returns whether it is gone.
    fn cut_page(
        &mut self,
        index: u32,
        object: &Object,
        place: u32,
        budget: &mut u32,
        bill: &mut Bill,
    ) -> bool {
        let seen = self.memory.seen(index, place);
        if seen == Seen::Nothing {
            *budget = budget.saturating_sub(1);
        } else if !self.hide_everywhere(index, place, budget, bill) {
            return false;
        } else {
            // The frame goes, or changes hands, wherever it was shown.
            *budget = budget.saturating_sub(EMPTY_PAGES);
        }
        match seen {
            Seen::Own { page, .. } => {
                let mut steps = budget.wrapping_div(EMPTY_PAGES);
                let is_gone = self.discard_frame(page, index, &mut steps, bill);
                *budget = steps.saturating_mul(EMPTY_PAGES);
                if !is_gone {
                    return false;
                }
            }
            Seen::Borrowed { .. } | Seen::Lost => {
                if let Some(borrow) = self.memory.borrows.find(index, place) {
                    self.end_borrow(borrow, bill);
                }
            }
            Seen::Nothing => {}
        }
        self.memory.objects.set_commit(index, place);
        self.owe(bill, object.payer, Amounts::of(Resource::Commit, 1));
        true
    }

    /// Takes a page away from all areas that show it, however many: the next slice goes on where this one ends. Returns
    /// whether nobody shows it any more.
    pub(crate) fn hide_everywhere(
        &mut self,
        object: u32,
        place: u32,
        budget: &mut u32,
        bill: &mut Bill,
    ) -> bool {
        let record = self.memory.objects.get(object);
        let mut next = record.cursor.index().or(record.areas.first());
        while let Some(area) = next {
            if *budget < EMPTY_PAGES {
                self.set_cursor(object, Link::to(area));
                return false;
            }
            self.hide_in(area, place, bill);
            let steps = bill.early().saturating_add(1);
            *budget = budget.saturating_sub(EMPTY_PAGES.saturating_mul(steps));
            next = self.memory.areas.next_showing(area);
        }
        self.set_cursor(object, Link::NONE);
        true
    }

    fn set_cursor(&mut self, object: u32, cursor: Link) {
        if let Some(object) = self.memory.objects.edit(object) {
            object.cursor = cursor;
        }
    }

    /// Lets the group of the task in a space pay for a region's memory from now on, all of it or nothing.
    pub(crate) fn take_over_payment(
        &mut self,
        space: u32,
        request: Sponsor,
    ) -> Result<(), SponsorRefusal> {
        let region = self
            .memory
            .regions
            .find(space, request.region)
            .ok_or(SponsorRefusal::UnknownRegion)?;
        if self.is_revoked(region.object) {
            return Err(SponsorRefusal::PayerKilled);
        }
        let object = self.memory.objects.get(region.object);
        let task = self.space(space).task;
        let own = self.ledger.charge_task(task, Amounts::NONE);
        if own.map_err(SponsorRefusal::Charge)? == object.payer {
            return Ok(());
        }
        if region.payment != Some(object.payer) {
            return Err(SponsorRefusal::NotOffered);
        }
        let amounts = everything(&object);
        let charged = self.ledger.charge_task(task, amounts);
        let group = charged.map_err(SponsorRefusal::Charge)?;
        self.release(object.payer, amounts);
        self.memory.objects.change_payer(region.object, group);
        Ok(())
    }
}

/// All that an object is charged as.
fn everything(object: &Object) -> Amounts {
    let left = u64::from(object.left.len());
    let frames = u64::from(object.own_pages()).saturating_add(left);
    let slots = u64::from(object.frames.len()).saturating_add(left);
    let borrows = u64::from(object.borrows.len()).saturating_add(u64::from(object.owed));
    let bytes = |kit: Amounts, count: u64| kit.get(Resource::KernelMemory).saturating_mul(count);
    let slots = FRAME_KIT.get(Resource::CapSlots).saturating_mul(slots);
    Amounts::of(Resource::Commit, u64::from(object.commit))
        .with(Resource::Frames, frames)
        .with(Resource::CapSlots, slots)
        .with(
            Resource::KernelMemory,
            bytes(OBJECT_KIT, 1).saturating_add(bytes(BORROW_KIT, borrows)),
        )
}
