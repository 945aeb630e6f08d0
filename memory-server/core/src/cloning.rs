//! Cloning an object: the clone borrows every page that there is, a slice at a time, and copies none.
//!
//! While it goes on, the source is used as ever. A page that is written to before its turn is lent first
//! ([`MemoryServer::settle_clone`]), so that what was there when the clone began is what the clone shows; what threads
//! write to pages that they could write to anyway, between the first slice and the last, is in the clone or not.
//!
//! What the clone will need (its reservation, a record for each page) is charged and set aside before its first page is
//! lent, so it cannot fail later for want of it.

use interfaces::accounting::ChargeRefusal;
use interfaces::accounting::Who;
use interfaces::memory::{
    Access, CloneOn, CloneRefusal, CloneRegion, Cloned, OBJECT_KIT, REGION_KIT, RegionId,
};
use interfaces::provision::Progress;
use interfaces::{Amounts, GroupId, Resource};

use crate::hands::{Kernel, Ledger};
use crate::lending::Seen;
use crate::memory::Memory;
use crate::object::{COPY_AREAS, Kind, Object};
use crate::owner::Owner;
use crate::region::{Region, State};
use crate::server::{Failure, MemoryServer};
use crate::table::Link;
use crate::unmaking::{LENT, Records, SLICE};

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Makes a clone of a region's memory, in a region of the same task.
    pub(crate) fn clone_of(
        &mut self,
        space: u32,
        request: CloneRegion,
    ) -> Result<Cloned, CloneRefusal> {
        let region = self
            .memory
            .regions
            .find(space, request.region)
            .ok_or(CloneRefusal::UnknownRegion)?;
        if self.is_revoked(region.object) {
            return Err(CloneRefusal::PayerKilled);
        }
        let source = self.memory.objects.get(region.object);
        if source.is_large {
            return Err(CloneRefusal::Large);
        }
        if !can_be_cloned(&source) {
            return Err(CloneRefusal::Busy);
        }
        if !self.has_region_room(space) || !self.memory.objects.has_room() {
            return Err(CloneRefusal::TableFull);
        }
        let task = self.space(space).task;
        if !self.can_promise(Who::Task(task), u64::from(source.size), 0) {
            return Err(CloneRefusal::OutOfMemory);
        }
        let count = pages_to_lend(&source);
        if !self.memory.borrows.reserve(count) {
            return Err(CloneRefusal::TableFull);
        }
        let amounts = clone_amounts::<K, L>(&source, count);
        let task = self.space(space).task;
        let charged = amounts
            .checked_add(&REGION_KIT)
            .ok_or(ChargeRefusal::UnknownGroup)
            .and_then(|amounts| {
                let payer = self.ledger.charge_task(task, amounts)?;
                self.charge_record(space, payer, amounts)
            });
        let payer = charged.map_err(|refusal| {
            self.memory.borrows.unreserve(count);
            CloneRefusal::Charge(refusal)
        })?;
        let region = self
            .record_clone(space, region.object, payer, count)
            .ok_or(CloneRefusal::TableFull)?;
        let clone = self.memory.regions.get(region.index).object;
        // The clone is there whatever becomes of its first slice: who asked must know it to give it back, or to go on.
        let mut budget = SLICE;
        let progress = self.clone_slice(clone, &mut budget);
        let progress = progress.unwrap_or(Progress::More);
        self.finish_region(region, progress);
        Ok(Cloned { region, progress })
    }

    /// Goes on with a clone.
    pub(crate) fn clone_on_with(
        &mut self,
        space: u32,
        request: CloneOn,
    ) -> Result<Progress, CloneRefusal> {
        let region = self
            .memory
            .regions
            .find_any(space, request.region)
            .filter(|region| region.state == State::Cloning)
            .ok_or(CloneRefusal::UnknownRegion)?;
        if self.memory.objects.get(region.object).is_broken {
            return Err(CloneRefusal::Broken);
        }
        let mut budget = SLICE;
        let progress = self
            .clone_slice(region.object, &mut budget)
            .map_err(|_| CloneRefusal::Broken)?;
        self.finish_region(request.region, progress);
        Ok(progress)
    }

    fn finish_region(&mut self, id: RegionId, progress: Progress) {
        if let (Progress::Done, Some(region)) = (progress, self.memory.regions.edit(id.index)) {
            region.state = State::Held;
        }
    }

    /// Records the clone and its region; everything has been charged and set aside.
    fn record_clone(
        &mut self,
        space: u32,
        source: u32,
        payer: GroupId,
        count: u32,
    ) -> Option<RegionId> {
        let commit = self.size_of(source);
        let Memory {
            objects,
            regions,
            spaces,
            ..
        } = &mut self.memory;
        // There is room for both, as was seen before.
        let object = objects.create(Kind::Anonymous, payer, commit)?;
        let is_strange = objects.get(source).payer != payer;
        let record = objects.edit(object)?;
        record.holders = 1;
        record.is_stranger = is_strange;
        let holder = spaces.edit(space)?;
        let region = Region::new(
            State::Cloning,
            space,
            object,
            Access::ReadWrite,
            holder.payer,
        );
        let id = regions.create(&mut holder.regions, region)?;
        self.begin_clone(source, object, count);
        Some(id)
    }

    /// Begins to lend a source's pages to a clone, for which so many records are set aside and charged to its payer. A
    /// clone that was under way is broken off.
    pub(crate) fn begin_clone(&mut self, source: u32, clone: u32, owed: u32) {
        self.break_clone(source);
        let Some(record) = self.memory.objects.edit(source) else {
            return;
        };
        record.is_copied = true;
        record.clone = Link::to(clone);
        let is_stranger = record.is_stranger;
        let frames = record.frames.first().map_or(Link::NONE, Link::to);
        let borrows = record.borrows.first().map_or(Link::NONE, Link::to);
        if let Some(record) = self.memory.objects.edit(clone) {
            record.is_copied = true;
            record.is_stranger |= is_stranger;
            record.is_ahead = record.resident() > 0;
            record.source = Link::to(source);
            record.frame_cursor = frames;
            record.borrow_cursor = borrows;
            record.owed = owed;
        }
    }

    /// Lends the next pages to a clone. When all are, it is a source's no more. So many pages are a step as a step pays records
    /// for, and so is each mapping through which one could be written to.
    pub(crate) fn clone_slice(
        &mut self,
        clone: u32,
        budget: &mut u32,
    ) -> Result<Progress, Failure> {
        let Some(source) = self.memory.objects.get(clone).source.index() else {
            return Ok(Progress::Done);
        };
        let mut records = Records::default();
        loop {
            let record = self.memory.objects.peek(clone);
            let (frame, borrow, is_ahead) = record.map_or((None, None, false), |record| {
                let cursors = (record.frame_cursor.index(), record.borrow_cursor.index());
                (cursors.0, cursors.1, record.is_ahead)
            });
            let (place, seen) = match (frame, borrow) {
                (Some(page), _) => {
                    let is_lent = false;
                    let owner = self.owners().peek(page);
                    (owner.map_or(0, Owner::place), Seen::Own { page, is_lent })
                }
                (None, Some(borrow)) => {
                    let it = self.memory.borrows.get(borrow);
                    let lost = Seen::Lost;
                    let seen = it
                        .page()
                        .map_or(lost, |page| Seen::Borrowed { borrow, page });
                    (it.place(), seen)
                }
                (None, None) => {
                    self.end_clone(clone);
                    return Ok(Progress::Done);
                }
            };
            if !records.pay(budget, LENT) {
                return Ok(Progress::More);
            }
            // A cursor comes to no page twice, so what was not lent out of turn was not lent.
            let has_it = is_ahead && self.memory.shows(clone, place);
            if !has_it && !self.lend(source, clone, (place, seen), budget)? {
                return Ok(Progress::More);
            }
            // It is still there: it was lent, and nothing was taken away.
            let next = match (frame, borrow) {
                (Some(page), _) => self.owners().next(page),
                (None, Some(borrow)) => self.memory.borrows.next(borrow),
                (None, None) => None,
            };
            let next = next.map_or(Link::NONE, Link::to);
            if let Some(record) = self.memory.objects.edit(clone) {
                if frame.is_some() {
                    record.frame_cursor = next;
                } else {
                    record.borrow_cursor = next;
                }
            }
        }
    }

    /// Before a page of an object changes hands or content, a clone that is under way gets it.
    pub(crate) fn settle_clone(&mut self, source: u32, place: u32) -> Result<(), Failure> {
        let clone = self
            .memory
            .objects
            .peek(source)
            .and_then(|object| object.clone.index());
        if let Some(clone) = clone {
            if let Some(clone) = self.memory.objects.edit(clone) {
                clone.is_ahead = true;
            }
            // The source is shown in so many areas at most, so this is enough.
            let mut budget = COPY_AREAS;
            self.lend_place(source, clone, place, &mut budget)?;
        }
        Ok(())
    }

    /// Lends what an object shows at a place to its clone, unless it has it already. Returns whether that is done; else it
    /// is to be asked again.
    fn lend_place(
        &mut self,
        source: u32,
        clone: u32,
        place: u32,
        budget: &mut u32,
    ) -> Result<bool, Failure> {
        if self.memory.shows(clone, place) {
            return Ok(true);
        }
        let seen = self.memory.seen(source, place);
        self.lend(source, clone, (place, seen), budget)
    }

    /// The same for what was looked at already, and the clone has not got.
    fn lend(
        &mut self,
        source: u32,
        clone: u32,
        (place, seen): (u32, Seen),
        budget: &mut u32,
    ) -> Result<bool, Failure> {
        let page = match seen {
            Seen::Nothing => return Ok(true),
            Seen::Own { page, .. } => {
                if !self.protect_place(source, (place, page), budget)? {
                    return Ok(false);
                }
                Some(page)
            }
            Seen::Borrowed { page, .. } => Some(page),
            Seen::Lost => None,
        };
        let Memory {
            owners,
            objects,
            borrows,
            ..
        } = &mut self.memory;
        let record = objects.edit(clone).ok_or(Failure::OutOfMemory)?;
        // What came after the clone began is none of its matter: it has no record for it.
        if record.owed == 0 {
            return Ok(true);
        }
        let lent = page.and_then(|page| owners.lent_mut(page));
        if borrows.lend((clone, place), page, &mut record.borrows, lent) {
            record.owed = record.owed.saturating_sub(1);
        }
        Ok(true)
    }

    /// A clone has all that it was to have; what was charged and set aside for more goes back.
    fn end_clone(&mut self, clone: u32) {
        let record = self.memory.objects.get(clone);
        self.memory.borrows.unreserve(record.owed);
        self.release(record.payer, Self::borrow_amounts(record.owed));
        if let Some(source) = record.source.index()
            && let Some(source) = self.memory.objects.edit(source)
        {
            source.clone = Link::NONE;
        }
        if let Some(object) = self.memory.objects.edit(clone) {
            object.owed = 0;
            object.source = Link::NONE;
            object.frame_cursor = Link::NONE;
            object.borrow_cursor = Link::NONE;
        }
    }

    /// Whatever clone of an object is under way is broken off: it never shows anything. And if the object is such a
    /// clone itself, it is one no more.
    pub(crate) fn break_clone(&mut self, object: u32) {
        let record = self.memory.objects.peek(object);
        if let Some(clone) = record.and_then(|object| object.clone.index()) {
            self.break_off(clone);
        }
        let record = self.memory.objects.peek(object);
        if record.is_some_and(|object| object.source != Link::NONE) {
            self.break_off(object);
        }
    }

    fn break_off(&mut self, clone: u32) {
        self.end_clone(clone);
        if let Some(clone) = self.memory.objects.edit(clone) {
            clone.is_broken = true;
        }
    }

    /// A frame is taken out of an object's list: a clone that is to borrow it next goes on behind it.
    pub(crate) fn pass_frame_cursor(&mut self, source: u32, page: u32) {
        let next = self.owners().next(page);
        if let Some(clone) = self.clone_at(source, |clone| clone.frame_cursor, page) {
            clone.frame_cursor = next.map_or(Link::NONE, Link::to);
        }
    }

    /// A borrow is taken out of an object's list: a clone that is to borrow the same next goes on behind it.
    pub(crate) fn pass_borrow_cursor(&mut self, source: u32, borrow: u32) {
        let next = self.memory.borrows.next(borrow);
        if let Some(clone) = self.clone_at(source, |clone| clone.borrow_cursor, borrow) {
            clone.borrow_cursor = next.map_or(Link::NONE, Link::to);
        }
    }

    fn clone_at(
        &mut self,
        source: u32,
        cursor: impl FnOnce(&Object) -> Link,
        at: u32,
    ) -> Option<&mut Object> {
        let clone = self.memory.objects.peek(source)?.clone.index()?;
        let clone = self.memory.objects.edit(clone)?;
        (cursor(clone).index() == Some(at)).then_some(clone)
    }
}

/// Whether an object is at rest, and shown in so few areas that a page of it can be copied.
pub(crate) const fn can_be_cloned(object: &Object) -> bool {
    object.areas.len() <= COPY_AREAS && object.commit <= object.size
}

/// How many pages a clone of the object is to borrow.
pub(crate) fn pages_to_lend(object: &Object) -> u32 {
    object.frames.len().saturating_add(object.borrows.len())
}

/// What a clone with so many borrows is charged as, without the region through which it is held.
pub(crate) fn clone_amounts<K: Kernel, L: Ledger>(source: &Object, borrows: u32) -> Amounts {
    let own = OBJECT_KIT.with(Resource::Commit, u64::from(source.size));
    let records = MemoryServer::<'_, K, L>::borrow_amounts(borrows);
    own.checked_add(&records).unwrap_or(own)
}
