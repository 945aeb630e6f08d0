//! Taking away what is shown: an area's mappings, a region with its areas, an object of a killed payer.
//!
//! All of it goes in slices: whatever was begun is marked first, so that nothing new is shown meanwhile, and what is
//! left is found again by the next slice in the lists, from which everything that is gone has been taken.
//!
//! # What goes along
//!
//! While the last region of an object is closed, and shows it in one place only, each page has one mapping at most: its
//! frame goes with it, and the kernel unmaps it by itself. Everywhere else a mapping is taken away first and its frame
//! later, when nobody shows it any more.

use interfaces::memory::{AREA_KIT, COPY_KIT, OBJECT_KIT, REGION_KIT};
use interfaces::provision::Progress;
use interfaces::{Amounts, GroupId, Resource};

use crate::area::Area;
use crate::hands::{Kernel, Ledger};
use crate::lending::Seen;
use crate::mapping::{FrameCap, Mappings, Standing};
use crate::memory::Memory;
use crate::object::{ARCHIVE, Kind};
use crate::owner::Use;
use crate::region::{Region, State};
use crate::server::{Bill, MemoryServer};
use crate::space;
use crate::table::Link;
use crate::unmaking::SLICE;

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Shows nothing more in any area of a region.
    pub(crate) fn leave_areas(&mut self, region: &Region) {
        // Walked by steps, because each changes an area.
        let mut next = region.areas.first();
        while let Some(area) = next {
            self.memory.areas.leave(area);
            next = self.memory.areas.next_of_region(area);
        }
    }

    /// Takes away what the areas of a region show, and the areas. Returns whether none is left.
    pub(crate) fn remove_areas(&mut self, region: u32, budget: &mut u32, bill: &mut Bill) -> bool {
        loop {
            let record = self.memory.regions.get(region);
            let Some(area) = record.areas.first() else {
                return true;
            };
            if *budget == 0 {
                return false;
            }
            let is_last = record.state == State::Closing
                && record.areas.len() == 1
                && self.holders(record.object) <= 1;
            if is_last {
                // Frames go along: a clone that has not got them yet will never be whole.
                self.break_clone(record.object);
            }
            if !self.drain_area(area, is_last, budget, bill) {
                return false;
            }
            self.remove_area(area, bill);
            *budget = budget.saturating_sub(1);
        }
    }

    /// Gives a region back: its areas, its object if nobody else holds that, its record. Returns whether it is gone.
    pub(crate) fn close_region(&mut self, index: u32, budget: &mut u32, bill: &mut Bill) -> bool {
        let region = self.memory.regions.get(index);
        if region.state != State::Closing {
            self.leave_areas(&region);
            if let Some(region) = self.memory.regions.edit(index) {
                region.state = State::Closing;
            }
        }
        if !self.remove_areas(index, budget, bill) {
            return false;
        }
        if self.holders(region.object) <= 1 {
            self.break_clone(region.object);
            if !self.drop_frames(region.object, budget, bill) {
                return false;
            }
            self.remove_object(region.object, bill);
        } else if let Some(object) = self.memory.objects.edit(region.object) {
            object.holders = object.holders.saturating_sub(1);
        }
        self.owe(bill, region.payer, REGION_KIT);
        self.pass_region(region.space, index);
        let Memory {
            regions, spaces, ..
        } = &mut self.memory;
        if let Some(space) = spaces.edit(region.space) {
            regions.remove(&mut space.regions, index);
        }
        true
    }

    /// Takes one slice of what a killed group pays for away from whoever shows it.
    pub(crate) fn revoke_all(&mut self, group: GroupId) -> Progress {
        let mut bill = Bill::default();
        let mut budget = SLICE;
        let mut progress = Progress::More;
        while budget > 0 {
            let Some(object) = self.memory.objects.of_payer(group) else {
                progress = Progress::Done;
                break;
            };
            if self.revoke_object(object, &mut budget, &mut bill) {
                budget = budget.saturating_sub(1);
            }
        }
        self.settle(&mut bill);
        progress
    }

    /// Takes an object's pages away from whoever shows them, and gives all of it back. Returns whether that is done; its
    /// record stays for its holders.
    fn revoke_object(&mut self, index: u32, budget: &mut u32, bill: &mut Bill) -> bool {
        let object = self.memory.objects.get(index);
        if self.memory.objects.revoke(index)
            && let Some(object) = self.memory.objects.edit(index)
        {
            object.cursor = object.areas.first().map_or(Link::NONE, Link::to);
        }
        while let Some(area) = self.cursor_of(index) {
            if *budget == 0 || !self.drain_area(area, false, budget, bill) {
                return false;
            }
            // An area in which nothing is mapped costs a step as well.
            *budget = budget.saturating_sub(1);
            self.advance_cursor(area);
        }
        self.break_clone(index);
        while let Some(page) = self.frame_to_evict(index) {
            let Some(left) = budget.checked_sub(1) else {
                return false;
            };
            *budget = left;
            if self.evict_one(page, budget, bill) {
                self.drop_any(page, index, bill);
            }
            *budget = budget.saturating_sub(bill.early());
        }
        if !self.drop_frames(index, budget, bill) || self.frame_to_evict(index).is_some() {
            return false;
        }
        // The last frame of a ghost took the ghost along.
        if self.memory.objects.get(index).is_charged {
            let commit = self.memory.objects.get(index).commit;
            if object.kind == Kind::Anonymous {
                self.owe(bill, object.payer, own_amounts(commit));
            }
            self.memory.objects.discharge(index);
        }
        true
    }

    /// The next frame for which an object's payer pays.
    fn frame_to_evict(&self, object: u32) -> Option<u32> {
        let object = self.memory.objects.peek(object)?;
        object.frames.first().or(object.left.first())
    }

    /// Takes mappings out of an area. Returns whether none is left. With `frames`, frames of the area's object go along:
    /// nobody else shows them, or ever will.
    pub(crate) fn drain_area(
        &mut self,
        index: u32,
        frames: bool,
        budget: &mut u32,
        bill: &mut Bill,
    ) -> bool {
        loop {
            let Some(area) = self.memory.areas.peek(index) else {
                return true;
            };
            let Some(cap) = Mappings::newest(area.mappings) else {
                return true;
            };
            let Some(left) = budget.checked_sub(1) else {
                return false;
            };
            *budget = left;
            let area = *area;
            self.hide(cap, &area, frames, bill);
            *budget = budget.saturating_sub(bill.early());
        }
    }

    /// Takes one mapping away.
    pub(crate) fn hide(&mut self, cap: FrameCap, area: &Area, frames: bool, bill: &mut Bill) {
        match self.memory.mappings.standing(cap) {
            Standing::Own { page } if frames && self.is_only_of(page, area.object) => {
                let kit = self.owners().get(page).kit();
                self.drop_frame(page, area.object);
                self.owe(bill, self.payer_of(area.object), kit);
            }
            Standing::Own { page } => {
                if !self.unmap(cap) {
                    self.memory.owners.stick(page);
                    self.memory.forget_mapping(cap);
                }
            }
            Standing::Copy { .. } => self.hide_copy(cap, area, bill),
        }
    }

    /// Takes a mapping away that was made through a copy, and the copy.
    fn hide_copy(&mut self, cap: FrameCap, area: &Area, bill: &mut Bill) {
        let Some(space) = self.memory.spaces.peek(area.space) else {
            return;
        };
        let payer = space.payer;
        // The tables of a dying space go in the same destruction, and nobody looks until then; unless a kit is kept of it
        // (what stayed in them would be the next task's to read), or a thread could not be taken back and may run on.
        let goes_whole = space.state == space::State::Dying && !space.keeps && !space.runs_on;
        let place = self.memory.mappings.get(cap).page();
        let is_unmapped = goes_whole || self.unmap(cap);
        self.memory.forget_mapping(cap);
        let result = self.kernel.delete(self.memory.slot_of(cap));
        let is_gone = self.expected(result).is_ok();
        if area.object == ARCHIVE {
            // A copy that the kernel does not let go stays set aside, for good.
            if is_gone {
                self.memory.mappings.give_copy_back(cap);
            }
            self.change_space(area.space, |space| {
                space.shared = space.shared.saturating_sub(1);
                space.shared_lost = space.shared_lost.saturating_add(u32::from(!is_gone));
            });
            return;
        }
        if is_gone {
            self.return_copy(cap);
        }
        let shown = area.place_of(place);
        let frame = self.owners().find(Use::Frame, area.object, shown);
        let frame = frame.or_else(|| match self.memory.seen(area.object, shown) {
            Seen::Borrowed { page, .. } => Some(page),
            _ => None,
        });
        if let (false, Some(page)) = (is_gone && is_unmapped, frame) {
            self.memory.owners.stick(page);
        }
        self.change_space(area.space, |space| {
            space.copies = space.copies.saturating_sub(1);
        });
        self.owe(bill, payer, COPY_KIT);
    }

    /// Removes an area in which nothing is mapped any more.
    pub(crate) fn remove_area(&mut self, index: u32, bill: &mut Bill) {
        self.advance_cursor(index);
        let Some(area) = self.memory.areas.peek(index).copied() else {
            return;
        };
        self.pass_area(area.space, index);
        let Memory {
            areas,
            spaces,
            objects,
            regions,
            ..
        } = &mut self.memory;
        let region = area.region.index();
        if area.object != ARCHIVE
            && let Some(object) = objects.edit(area.object)
        {
            areas.unshow(&mut object.areas, index);
        }
        let mut payer = None;
        if let Some(region) = region.and_then(|region| regions.edit(region)) {
            areas.part(&mut region.areas, index);
            payer = Some(region.payer);
        }
        if let Some(space) = spaces.edit(area.space) {
            areas.remove(&mut space.areas, index);
        }
        if let (true, Some(payer)) = (area.is_charged, payer) {
            self.owe(bill, payer, AREA_KIT);
        }
    }

    /// Removes an object that has neither frames nor areas, and gives its reservation back; its record as well, unless that
    /// stays as a ghost.
    fn remove_object(&mut self, index: u32, bill: &mut Bill) {
        let object = self.memory.objects.get(index);
        let is_gone = self.memory.objects.remove(index);
        if object.is_charged {
            let commit = Amounts::of(Resource::Commit, u64::from(object.commit));
            let amounts = if is_gone {
                own_amounts(object.commit)
            } else {
                commit
            };
            self.owe(bill, object.payer, amounts);
        }
    }

    /// The record of a program's object, which has no frames of its own, is in its task's kit, and longer there if others
    /// show frames that it left: that is charged now. If it cannot be, the frames go, one by one, to whoever shows them and
    /// pays. Returns whether there was such a frame.
    pub(crate) fn pay_for_ghost(&mut self, index: u32, bill: &mut Bill) -> bool {
        let object = self.memory.objects.get(index);
        let Some(page) = object.left.first().filter(|_| !object.has_ghost_paid) else {
            return false;
        };
        if self.ledger.charge(object.payer, OBJECT_KIT).is_ok() {
            if let Some(object) = self.memory.objects.edit(index) {
                object.has_ghost_paid = true;
            }
            return false;
        }
        if self.evict_one(page, &mut 1, bill) {
            self.drop_any(page, index, bill);
        }
        true
    }

    /// Removes the object of a task's program, which has neither frames nor areas.
    pub(crate) fn remove_program(&mut self, index: u32, bill: &mut Bill) {
        let object = self.memory.objects.get(index);
        if self.memory.objects.remove(index) && object.has_ghost_paid {
            self.owe(bill, object.payer, OBJECT_KIT);
        }
    }

    fn holders(&self, object: u32) -> u32 {
        let object = self.memory.objects.peek(object);
        object.map_or(0, |object| object.holders)
    }

    /// Whether a frame is an object's own, and nobody else's.
    fn is_only_of(&self, page: u32, object: u32) -> bool {
        let owner = self.owners().get(page);
        owner.used_as() == Use::Frame && owner.whose() == object && owner.lent().is_empty()
    }

    fn cursor_of(&self, object: u32) -> Option<u32> {
        self.memory.objects.peek(object)?.cursor.index()
    }

    /// If a walk over the areas of an object stands at this one, it goes on behind it.
    fn advance_cursor(&mut self, area: u32) {
        let Some(object) = self.memory.areas.peek(area).map(|area| area.object) else {
            return;
        };
        let next = self.memory.areas.next_showing(area);
        if let Some(object) = self.memory.objects.edit(object)
            && object.cursor.index() == Some(area)
        {
            object.cursor = next.map_or(Link::NONE, Link::to);
        }
    }
}

/// What an object is charged as besides its frames.
pub(crate) const fn own_amounts(commit: u32) -> Amounts {
    OBJECT_KIT.with(Resource::Commit, commit as u64)
}
