//! Copy-on-write: what an object shows at a place, who else does, and what a write makes of it.
//!
//! # Who pays
//!
//! A frame is charged to the payer of the object whose own it is. Whoever writes to a frame that others show too gets a
//! copy, charged to its own payer; the frame stays with the others. If it was the writer's own, it goes to one of the
//! others with the same payer, or stays charged to that payer as a frame that was *left*, because nobody is to be charged
//! for what another does. A frame that only one still shows is not copied: it becomes that one's own, and is charged to
//! its payer if it was left by another.
//!
//! All that holds among those who agreed to it: forks, and clones that the payer's own group made. A **stranger** is a clone
//! that somebody made of what another group pays for and had lent. The payer never agreed to pay twice, and must not be
//! hurt by it: whoever parts with a frame that only strangers show besides hands it to one of them, charge and all (the
//! reservation of the page is the clone's own, and was charged when it was made). One that cannot pay loses the page.
//! So a payer's frames are never more for a stranger's clone, and its write never fails for one.
//!
//! # What is never true
//!
//! A frame that is lent, or was left, is nowhere mapped to be written.

use interfaces::memory::{Access, BORROW_KIT, FRAME_KIT, OBJECT_KIT};
use interfaces::provision::Cause;
use interfaces::{Amounts, GroupId};

use crate::area::Area;
use crate::hands::{Kernel, Ledger, Made};
use crate::mapping::{FrameCap, Mapping, Mappings};
use crate::memory::Memory;
use crate::object::{COPY_AREAS, Kind};
use crate::owner::{Owner, Use};
use crate::server::{Bill, Failure, MemoryServer};
use crate::table::{Link, List};
use crate::unmaking::{Records, SLICE, STRUCK};

/// How many of those who borrow a frame are asked for one with the same payer.
const HEIRS: usize = 8;

/// What an object shows at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// What a page is at first: there is no frame yet.
    Nothing,
    /// A frame of its own.
    Own {
        /// The frame's page.
        page: u32,
        /// Whether others show it too.
        is_lent: bool,
    },
    /// A frame that it borrows.
    Borrowed {
        /// The borrow.
        borrow: u32,
        /// The frame's page.
        page: u32,
    },
    /// A frame that it borrowed is lost: its payer was killed.
    Lost,
}

/// Who is to keep a frame with which its object parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeper {
    /// Nobody borrows it.
    Nobody,
    /// This borrow, which has the same payer.
    Fellow(u32),
    /// One with another payer, of whom the payer knew: the frame is left, and the payer goes on paying.
    Friend,
    /// Only strangers borrow it; this is one of their borrows.
    Stranger(u32),
}

impl Memory<'_> {
    /// Whether an object shows anything of its own or of another's at a place: one that has nothing is not looked through.
    #[must_use]
    pub fn shows(&self, object: u32, place: u32) -> bool {
        let Some(record) = self.objects.peek(object) else {
            return false;
        };
        !record.frames.is_empty() && self.owners.find(Use::Frame, object, place).is_some()
            || !record.borrows.is_empty() && self.borrows.find(object, place).is_some()
    }

    /// If nothing shows a frame of an object's but the object's only area, and that is not in its page table, nobody can write
    /// to it any more. Returns whether that is so: as it is of nearly all pages of a table that was wiped for the first of
    /// them.
    fn protect_unseen(&mut self, object: u32, page: u32) -> bool {
        let own = Mappings::own(page);
        let areas = self.objects.peek(object).map(|object| object.areas);
        let area = areas.filter(|areas| areas.len() == 1);
        let area = area.and_then(List::first);
        let shown_in = self.mappings.peek(own).and_then(Mapping::area);
        let is_unseen = area.is_some() && shown_in == area && !self.is_in_table(own);
        if is_unseen {
            self.mappings.set_writable(own, false);
        }
        is_unseen
    }

    /// What an area shows of a page of its object, which has this frame.
    fn shown_of(&self, index: u32, place: u32, page: u32) -> Option<FrameCap> {
        let own = Mappings::own(page);
        if self.mappings.peek(own)?.area() == Some(index) {
            return Some(own);
        }
        let area = self.areas.peek(index)?;
        self.mappings.find(area.space, area.page_of(place)?)
    }

    /// What an object shows at a place.
    #[must_use]
    pub fn seen(&self, object: u32, place: u32) -> Seen {
        if let Some(page) = self.owners.find(Use::Frame, object, place) {
            let is_lent = !self.owners.get(page).lent().is_empty();
            return Seen::Own { page, is_lent };
        }
        let borrows_nothing = self
            .objects
            .peek(object)
            .is_none_or(|object| object.borrows.is_empty());
        if borrows_nothing {
            return Seen::Nothing;
        }
        match self.borrows.find(object, place) {
            None => Seen::Nothing,
            Some(borrow) => match self.borrows.get(borrow).page() {
                Some(page) => Seen::Borrowed { borrow, page },
                None => Seen::Lost,
            },
        }
    }
}

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Serves a write to a page of an object that has a frame there: nobody else will see it.
    pub(crate) fn write_to(
        &mut self,
        at: (u32, u32),
        (object, place): (u32, u32),
        area: u32,
    ) -> Result<(), Cause> {
        match self.memory.seen(object, place) {
            Seen::Own { page, is_lent } => {
                if is_lent && !self.part_with(object, place, page)? {
                    // There is more to do than one fault may cost others. The thread comes again.
                    return Ok(());
                }
                self.allow_writing(at, (object, place), area)
            }
            Seen::Borrowed { borrow, page } => {
                let owner = self.owners().get(page);
                if owner.used_as() == Use::Left && owner.lent().len() == 1 {
                    self.inherit(borrow, page)?;
                } else {
                    self.copy(object, place, page, Some(borrow))?;
                }
                self.allow_writing(at, (object, place), area)
            }
            Seen::Lost => Err(Cause::PayerKilled),
            // Nothing is mapped there, so a write to it is no matter of copies.
            Seen::Nothing => Err(Cause::OutOfMemory),
        }
    }

    /// Maps an object's own frame, which nobody else shows, to be written.
    fn allow_writing(
        &mut self,
        (space, at): (u32, u32),
        (object, place): (u32, u32),
        area: u32,
    ) -> Result<(), Cause> {
        let frame = self.owners().find(Use::Frame, object, place);
        let page = frame.ok_or(Cause::OutOfMemory)?;
        let Some(cap) = self.memory.mappings.find(space, at) else {
            return Ok(self.show_frame(page, (space, at), Access::ReadWrite, area)?);
        };
        self.show_again(cap, Access::ReadWrite)?;
        self.show_ahead(cap, true);
        Ok(())
    }

    /// Lets an object alone show one of its pages, whose frame others borrow: they keep the frame, and it gets another,
    /// unless none of them can. Returns whether that is done; else it is to be asked again.
    fn part_with(&mut self, object: u32, place: u32, page: u32) -> Result<bool, Failure> {
        self.settle_clone(object, place)?;
        let mut budget = SLICE;
        while let Some(left) = budget.checked_sub(1) {
            budget = left;
            let stranger = match self.keeper(page, self.payer_of(object)) {
                Keeper::Nobody => return Ok(true),
                Keeper::Fellow(_) | Keeper::Friend => {
                    return self.copy(object, place, page, None).map(|()| true);
                }
                Keeper::Stranger(stranger) => stranger,
            };
            let payer = self.payer_of(self.memory.borrows.get(stranger).object());
            if self.ledger.charge(payer, FRAME_KIT).is_ok() {
                return self.swap(object, place, page, stranger).map(|()| true);
            }
            let mut bill = Bill::default();
            self.lose(stranger, page, &mut budget, &mut bill);
            self.settle(&mut bill);
        }
        Ok(false)
    }

    /// Hands a frame to a stranger, whose payer is charged for it, and gives the object that had it a copy. What was
    /// charged for the one stands for the other.
    fn swap(&mut self, object: u32, place: u32, from: u32, stranger: u32) -> Result<(), Failure> {
        let copied = self.copy_page(from);
        let page = copied.inspect_err(|_| {
            let payer = self.payer_of(self.memory.borrows.get(stranger).object());
            self.release(payer, FRAME_KIT);
        })?;
        let mut bill = Bill::default();
        self.hide_all(object, place, &mut bill);
        self.pass_to(stranger, from, &mut bill);
        self.own(page, object, place);
        self.settle(&mut bill);
        Ok(())
    }

    /// A frame that was made for a page of an object is the object's.
    fn own(&mut self, page: u32, object: u32, place: u32) {
        let Memory {
            owners, objects, ..
        } = &mut self.memory;
        if let Some(record) = objects.edit(object) {
            owners.record(page, Use::Frame, object, place, &mut record.frames);
        }
    }

    /// Gives the object a frame of its own for a page that others show too.
    fn copy(
        &mut self,
        object: u32,
        place: u32,
        from: u32,
        borrow: Option<u32>,
    ) -> Result<(), Failure> {
        self.settle_clone(object, place)?;
        let payer = self.payer_of(object);
        let page = self.charged(payer, FRAME_KIT, |this| this.copy_page(from))?;
        let mut bill = Bill::default();
        self.hide_all(object, place, &mut bill);
        match borrow {
            Some(borrow) => self.end_borrow(borrow, &mut bill),
            // No stranger is asked here, so this comes to an end.
            None => {
                self.leave_frame(from, object, &mut 0, &mut bill);
            }
        }
        self.own(page, object, place);
        self.settle(&mut bill);
        Ok(())
    }

    fn copy_page(&mut self, from: u32) -> Result<u32, Failure> {
        let page = self.make_object(Made::Frame)?;
        let slots = self.memory.slots;
        let result = self
            .kernel
            .copy_frame(slots.object(from), slots.object(page));
        match self.expected(result) {
            Ok(()) => Ok(page),
            Err(failure) => {
                self.unmake_object(page);
                Err(failure)
            }
        }
    }

    /// The only one that still shows a frame that was left makes it its own, and its payer pays for it.
    fn inherit(&mut self, borrow: u32, page: u32) -> Result<(), Failure> {
        let heir = self.memory.borrows.get(borrow);
        self.settle_clone(heir.object(), heir.place())?;
        if self.owners().get(page).lent().len() != 1 {
            // It was lent once more just now.
            return self.copy(heir.object(), heir.place(), page, Some(borrow));
        }
        let payer = self.payer_of(heir.object());
        self.ledger
            .charge(payer, FRAME_KIT)
            .map_err(Failure::Charge)?;
        let mut bill = Bill::default();
        let before = self.payer_of(self.owners().get(page).whose());
        self.owe(&mut bill, before, FRAME_KIT);
        self.pass_to(borrow, page, &mut bill);
        self.settle(&mut bill);
        Ok(())
    }

    /// Takes away whatever shows a page of an object that was cloned or is a clone: that is in [`COPY_AREAS`] at most.
    fn hide_all(&mut self, object: u32, place: u32, bill: &mut Bill) {
        // Each with a release of its own, if all have other payers.
        let mut enough = COPY_AREAS.saturating_mul(2);
        self.hide_place(object, place, &mut enough, bill);
    }

    /// Takes away whatever shows a page of an object. The first mapping is part of the step in which this is asked, each
    /// further one is a step of its own. Returns whether nobody shows it any more; begun anew, it finds what is left.
    fn hide_place(&mut self, object: u32, place: u32, budget: &mut u32, bill: &mut Bill) -> bool {
        let mut is_paid = true;
        let mut next = self.memory.objects.get(object).areas.first();
        while let Some(index) = next {
            next = self.memory.areas.next_showing(index);
            let Some((cap, area)) = self.shown_in(index, place) else {
                continue;
            };
            if !core::mem::take(&mut is_paid) {
                let Some(left) = budget.checked_sub(1) else {
                    return false;
                };
                *budget = left;
            }
            self.hide(cap, &area, false, bill);
            *budget = budget.saturating_sub(bill.early());
        }
        true
    }

    /// Takes away what an area shows of a page of its object.
    pub(crate) fn hide_in(&mut self, index: u32, place: u32, bill: &mut Bill) {
        if let Some((cap, area)) = self.shown_in(index, place) {
            self.hide(cap, &area, false, bill);
        }
    }

    /// What an area shows of a page of its object.
    fn shown_in(&self, index: u32, place: u32) -> Option<(FrameCap, Area)> {
        let area = self.memory.areas.peek(index)?;
        let cap = self
            .memory
            .mappings
            .find(area.space, area.page_of(place)?)?;
        Some((cap, *area))
    }

    /// Lets nobody write any more to a page of an object, with this frame, in any of its areas. Each mapping is a step, but for
    /// the first if that is in no page table. Returns whether nobody can write any more.
    pub(crate) fn protect_place(
        &mut self,
        object: u32,
        (place, page): (u32, u32),
        budget: &mut u32,
    ) -> Result<bool, Failure> {
        if self.memory.protect_unseen(object, page) {
            return Ok(true);
        }
        let mut is_paid = true;
        let object = self.memory.objects.peek(object);
        let mut next = object.and_then(|object| object.areas.first());
        while let Some(index) = next {
            next = self.memory.areas.next_showing(index);
            let cap = self.memory.shown_of(index, place, page);
            let mappings = &self.memory.mappings;
            let is_writable =
                |cap: &FrameCap| mappings.peek(*cap).is_some_and(Mapping::is_writable);
            let Some(cap) = cap.filter(is_writable) else {
                continue;
            };
            let is_shown = self.memory.is_shown(cap);
            if is_shown || !core::mem::take(&mut is_paid) {
                let Some(left) = budget.checked_sub(1) else {
                    return Ok(false);
                };
                *budget = left;
            }
            if is_shown {
                self.protect(cap, index)?;
            } else {
                self.memory.mappings.set_writable(cap, false);
            }
        }
        Ok(true)
    }

    /// An object has no use any more for a frame of its own that others borrow, and shows it nowhere: it goes to one of
    /// them with the same payer, or is left, or a stranger takes it over or loses it. Returns whether the object has it no
    /// more; else it is to be asked again.
    pub(crate) fn leave_frame(
        &mut self,
        page: u32,
        object: u32,
        budget: &mut u32,
        bill: &mut Bill,
    ) -> bool {
        let payer = self.payer_of(object);
        match self.keeper(page, payer) {
            Keeper::Nobody => {
                self.drop_frame(page, object);
                self.owe(bill, payer, FRAME_KIT);
                return true;
            }
            Keeper::Fellow(heir) => {
                self.pass_to(heir, page, bill);
                return true;
            }
            Keeper::Stranger(stranger) => {
                let other = self.payer_of(self.memory.borrows.get(stranger).object());
                if self.ledger.charge(other, FRAME_KIT).is_err() {
                    self.lose(stranger, page, budget, bill);
                    return false;
                }
                self.pass_to(stranger, page, bill);
                self.owe(bill, payer, FRAME_KIT);
                return true;
            }
            Keeper::Friend => {}
        }
        self.pass_frame_cursor(object, page);
        let Memory {
            owners, objects, ..
        } = &mut self.memory;
        if let Some(object_record) = objects.edit(object) {
            let (from, to) = (&mut object_record.frames, &mut object_record.left);
            owners.pass(page, (Use::Left, object, page), from, to);
        }
        true
    }

    /// Who among those who borrow a frame, of which [`HEIRS`] are looked at, is to keep it.
    fn keeper(&self, page: u32, payer: GroupId) -> Keeper {
        let borrows = &self.memory.borrows;
        let mut keeper = Keeper::Nobody;
        for index in borrows.of_frame(self.owners().get(page).lent()).take(HEIRS) {
            let object = self.memory.objects.peek(borrows.get(index).object());
            if self.payer_of(borrows.get(index).object()) == payer {
                return Keeper::Fellow(index);
            }
            let is_stranger = object.is_some_and(|object| object.is_stranger);
            match keeper {
                _ if !is_stranger => keeper = Keeper::Friend,
                Keeper::Nobody => keeper = Keeper::Stranger(index),
                _ => {}
            }
        }
        keeper
    }

    /// One who borrows a frame loses it: its place shows nothing any more. Returns whether that is done; else it is to be
    /// asked again.
    fn lose(&mut self, index: u32, page: u32, budget: &mut u32, bill: &mut Bill) -> bool {
        let borrow = self.memory.borrows.get(index);
        if !self.hide_place(borrow.object(), borrow.place(), budget, bill) {
            return false;
        }
        let Memory {
            owners, borrows, ..
        } = &mut self.memory;
        if let Some(lent) = owners.lent_mut(page) {
            borrows.lose(index, lent);
        }
        true
    }

    /// Makes a frame the own of one that borrows it. Who pays is the caller's matter.
    pub(crate) fn pass_to(&mut self, index: u32, page: u32, bill: &mut Bill) {
        let borrow = self.memory.borrows.get(index);
        if self.settle_clone(borrow.object(), borrow.place()).is_err() {
            self.break_clone(borrow.object());
        }
        let owner = self.owners().get(page);
        self.pass_frame_cursor(owner.whose(), page);
        self.strike_borrow(index, Some(page), bill);
        // Two objects' lists: taken out, changed, put back.
        let is_left = owner.used_as() == Use::Left;
        let Memory {
            owners, objects, ..
        } = &mut self.memory;
        let before = objects.get(owner.whose());
        let mut from = if is_left { before.left } else { before.frames };
        let mut to = objects.get(borrow.object()).frames;
        let key = (Use::Frame, borrow.object(), borrow.place());
        owners.pass(page, key, &mut from, &mut to);
        if let Some(object) = objects.edit(owner.whose()) {
            *(if is_left {
                &mut object.left
            } else {
                &mut object.frames
            }) = from;
        }
        if let Some(object) = objects.edit(borrow.object()) {
            object.frames = to;
        }
        self.lay_ghost(owner.whose(), bill);
    }

    /// Ends a borrow. A frame that was left and that nobody borrows any more goes.
    pub(crate) fn end_borrow(&mut self, index: u32, bill: &mut Bill) {
        let page = self.memory.borrows.get(index).page();
        self.strike_borrow(index, page, bill);
        if let Some(page) = page {
            self.drop_if_left(page, bill);
        }
    }

    /// Takes a frame back if it was left and nobody borrows it any more. Returns whether it was.
    fn drop_if_left(&mut self, page: u32, bill: &mut Bill) -> bool {
        let is_left = |owner: &&Owner| owner.used_as() == Use::Left && owner.lent().is_empty();
        let Some(object) = self.owners().peek(page).filter(is_left).map(Owner::whose) else {
            return false;
        };
        let payer = self.payer_of(object);
        self.drop_left(page, object, bill);
        self.owe(bill, payer, FRAME_KIT);
        true
    }

    /// Ends all that an object borrows, which shows none of it any more. Returns whether that is done.
    pub(crate) fn drop_borrows(&mut self, object: u32, budget: &mut u32, bill: &mut Bill) -> bool {
        let (mut records, mut ended) = (Records::default(), 0_u32);
        let mut is_done = true;
        while let Some(index) = self
            .memory
            .objects
            .peek(object)
            .and_then(|object| object.borrows.first())
        {
            if !records.pay(budget, STRUCK) {
                is_done = false;
                break;
            }
            let page = self.memory.borrows.get(index).page();
            self.forget_borrow(index, object, page);
            ended = ended.saturating_add(1);
            if page.is_some_and(|page| self.drop_if_left(page, bill)) {
                *budget = budget.saturating_sub(bill.early().saturating_add(1));
            }
        }
        self.owe(bill, self.payer_of(object), Self::borrow_amounts(ended));
        is_done
    }

    fn strike_borrow(&mut self, index: u32, page: Option<u32>, bill: &mut Bill) {
        let object = self.memory.borrows.get(index).object();
        self.forget_borrow(index, object, page);
        self.owe(bill, self.payer_of(object), BORROW_KIT);
    }

    /// An object does not borrow any more what it did here: the caller gives back what the record was charged as.
    fn forget_borrow(&mut self, index: u32, object: u32, page: Option<u32>) {
        let record = self.memory.objects.peek(object);
        if record.is_some_and(|object| object.clone != Link::NONE) {
            self.pass_borrow_cursor(object, index);
        }
        let Memory {
            owners,
            objects,
            borrows,
            ..
        } = &mut self.memory;
        if let Some(object) = objects.edit(object) {
            let lent = page.and_then(|page| owners.lent_mut(page));
            borrows.end(index, &mut object.borrows, lent);
        }
    }

    /// Takes a frame back that was left, and that nobody shows any more.
    fn drop_left(&mut self, page: u32, object: u32, bill: &mut Bill) {
        self.unmake_frame(page, object, |object| &mut object.left);
        self.lay_ghost(object, bill);
    }

    /// Nothing is left of an object that was only there for frames that others borrowed: its record was charged until now.
    fn lay_ghost(&mut self, object: u32, bill: &mut Bill) {
        let Some(record) = self.memory.objects.peek(object) else {
            return;
        };
        let (is_over, payer) = (
            record.kind == Kind::Ghost && record.left.is_empty(),
            record.payer,
        );
        if is_over {
            self.memory.objects.remove(object);
            self.owe(bill, payer, OBJECT_KIT);
        }
    }

    /// The payer of a frame, which is one of those that `object` owns or left, is being killed: one who borrows it gets
    /// it if its payer pays for it, else it loses it. Returns whether nobody borrows it any more.
    pub(crate) fn evict_one(&mut self, page: u32, budget: &mut u32, bill: &mut Bill) -> bool {
        let Some(index) = self
            .memory
            .borrows
            .of_frame(self.owners().get(page).lent())
            .next()
        else {
            return true;
        };
        let borrow = self.memory.borrows.get(index);
        let payer = self.payer_of(borrow.object());
        if self.ledger.charge(payer, FRAME_KIT).is_ok() {
            let before = self.payer_of(self.owners().get(page).whose());
            self.pass_to(index, page, bill);
            self.owe(bill, before, FRAME_KIT);
            return true;
        }
        self.lose(index, page, budget, bill) && self.owners().get(page).lent().is_empty()
    }

    /// Takes a frame of a killed payer back that nobody borrows any more, whichever list it is in.
    pub(crate) fn drop_any(&mut self, page: u32, object: u32, bill: &mut Bill) {
        let owner = self.owners().get(page);
        if owner.whose() != object {
            // One who borrowed it pays for it now.
            return;
        }
        let payer = self.payer_of(object);
        match owner.used_as() {
            Use::Frame => self.drop_frame(page, object),
            Use::Left => self.drop_left(page, object, bill),
            _ => return,
        }
        self.owe(bill, payer, owner.kit());
    }

    /// What so many records of borrows are charged as.
    pub(crate) fn borrow_amounts(count: u32) -> Amounts {
        let bytes = BORROW_KIT.get(interfaces::Resource::KernelMemory);
        Amounts::of(
            interfaces::Resource::KernelMemory,
            bytes.saturating_mul(u64::from(count)),
        )
    }
}
