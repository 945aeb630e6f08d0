//! Taking things apart: a thread, an object's frames, a whole task; in slices where there may be much of it.
//!
//! # The order in which a task goes
//!
//! 1. Its threads: from then on nothing of it runs, so nothing below can be in use.
//! 2. Its rings, of which the limits-server lets go first.
//! 3. Its regions, then the areas of its program, with what is mapped in them; frames that are nobody else's go along.
//! 4. What else is mapped: IPC buffers.
//! 5. Its tables, and last its root, with which the kernel frees the ASID.
//!
//! The root goes last although the frames would go faster without it: its ASID would be given to the next task while
//! capabilities of this one still name it.
//!
//! # What the kernel unmaps by itself
//!
//! Deleting a frame's last capability unmaps it; deleting one of several does not, mapped or not
//! (`src/arch/x86/64/object/objecttype.c:94`). So in a space that lives on, a capability that has copies is unmapped
//! before it goes. In a dying one it need not be: nothing runs there, and its tables go in the same destruction, unless a
//! kit is kept of it (`kits`).

use interfaces::memory::TABLE_KIT;
use interfaces::provision::Progress;

use crate::hands::{Kernel, Ledger};
use crate::mapping::{FrameCap, Mappings};
use crate::memory::Memory;
use crate::object::{ARCHIVE, Object};
use crate::owner::{TableLevel, Use};
use crate::server::{Bill, MemoryServer};
use crate::space::{Space, State};
use crate::table::List;

/// Pages that one slice takes apart: about 30,000 instructions, so that nobody waits longer than 50,000 for a call while a
/// group is killed.
pub const SLICE: u32 = 13;
/// Records of lent pages that are made for the price of a page: some 350 instructions each.
pub const LENT: u32 = 7;
/// Those that are struck for it: some 200 each.
pub const STRUCK: u32 = 12;
/// What each thread but the first costs of that: its TCB and its block, with the capabilities in it.
const THREAD: u32 = 3;

/// Steps of a slice for what costs far less than one: the first of some takes one.
#[derive(Debug, Default)]
pub(crate) struct Records(u32);

impl Records {
    /// Takes a step, which is for so many, if the last is used up. Returns whether there was one.
    pub(crate) const fn pay(&mut self, budget: &mut u32, many: u32) -> bool {
        if self.0 == 0 {
            let Some(left) = budget.checked_sub(1) else {
                return false;
            };
            (self.0, *budget) = (many, left);
        }
        self.0 = self.0.saturating_sub(1);
        true
    }
}

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Takes a further thread apart. It may be half made.
    pub(crate) fn unmake_thread(&mut self, space: u32, thread: u32) {
        if let Some(page) = self.owners().find(Use::Thread, space, thread) {
            self.unmake_block(page);
        }
        if let Some(page) = self.owners().find(Use::IpcBuffer, space, thread) {
            // The proc-server has a copy.
            let is_unmapped = self.unmap(Mappings::own(page));
            self.forget_for_space(page);
            if is_unmapped {
                let _ = self.unmake_all(page);
            } else {
                // The task still sees it, so nobody else ever may.
                self.lose_page(page);
            }
        }
    }

    /// Takes one slice of a task apart and gives back what was charged here for it.
    pub(crate) fn unmake_task(&mut self, space: u32) -> Progress {
        let mut bill = Bill::default();
        self.memory.spaces.drop_report(space);
        self.abandon_forks(space);
        // Decided once, before anything is taken away: what is taken away so as to leave a kit takes longer.
        let wants_kit = self.memory.kept.wants_another();
        self.change_space(space, |space| {
            space.keeps &= space.is_born && wants_kit || space.state != State::Live;
            space.state = State::Dying;
        });
        let mut left = SLICE;
        let mut is_paid = true;
        while let Some(page) = self.first_block(space) {
            if !core::mem::take(&mut is_paid) {
                match left.checked_sub(THREAD) {
                    Some(rest) => left = rest,
                    // Nothing else goes while one may run.
                    None => return Progress::More,
                }
            }
            self.unmake_block(page);
        }
        if !self.unmake_things(space, &mut left, &mut bill) {
            self.settle(&mut bill);
            return Progress::More;
        }
        if self.space(space).keeps {
            if self.keep(space, &mut bill) {
                self.settle(&mut bill);
                return Progress::Done;
            }
            self.change_space(space, |space| space.keeps = false);
        }
        if !self.unmake_things(space, &mut left, &mut bill) {
            self.settle(&mut bill);
            return Progress::More;
        }
        self.vacate(space, &mut bill);
        self.settle(&mut bill);
        Progress::Done
    }

    /// Takes a task apart whose making failed, or a kit: there is little of it. No kit is kept.
    pub(crate) fn unmake_task_whole(&mut self, space: u32) {
        self.change_space(space, |space| space.keeps = false);
        // A space has at most so many things; the loop ends even if a record were wrong.
        for _ in 0..=self.memory.pool.total() {
            if self.unmake_task(space) == Progress::Done {
                return;
            }
        }
    }

    /// Gives an object's frames and borrows back, a step for each frame. Returns whether none is left.
    pub(crate) fn drop_frames(&mut self, object: u32, budget: &mut u32, bill: &mut Bill) -> bool {
        while let Some(page) = self
            .memory
            .objects
            .peek(object)
            .and_then(|object| object.frames.first())
        {
            let Some(left) = budget.checked_sub(1) else {
                return false;
            };
            *budget = left;
            // One that is not done with stays the first.
            self.discard_frame(page, object, budget, bill);
            *budget = budget.saturating_sub(bill.early());
        }
        let record = self.memory.objects.peek(object);
        record.is_none_or(|object| object.borrows.is_empty())
            || self.drop_borrows(object, budget, bill)
    }

    /// An object shows one of its frames no more: it goes, unless others borrow it. Returns whether the object has it no
    /// more; else it is to be asked again.
    pub(crate) fn discard_frame(
        &mut self,
        page: u32,
        object: u32,
        budget: &mut u32,
        bill: &mut Bill,
    ) -> bool {
        if !self.owners().get(page).lent().is_empty() {
            return self.leave_frame(page, object, budget, bill);
        }
        let (payer, kit) = (self.payer_of(object), self.owners().get(page).kit());
        self.drop_frame(page, object);
        self.owe(bill, payer, kit);
        true
    }

    /// Takes back a frame that nobody has seen or that nobody will see any more.
    pub(crate) fn drop_frame(&mut self, page: u32, object: u32) {
        self.pass_frame_cursor(object, page);
        self.unmake_frame(page, object, |object| &mut object.frames);
    }

    /// Takes a frame back, and out of the list of its object that it is in.
    pub(crate) fn unmake_frame(
        &mut self,
        page: u32,
        object: u32,
        list: impl FnOnce(&mut Object) -> &mut List,
    ) {
        self.memory.forget_mapping(Mappings::own(page));
        let is_stuck = self.owners().get(page).is_stuck();
        let Memory {
            owners, objects, ..
        } = &mut self.memory;
        if let Some(object) = objects.edit(object) {
            owners.forget(page, list(object));
        }
        if is_stuck {
            self.lose_page(page);
        } else {
            self.unmake_object(page);
        }
    }

    /// Takes things of a dying space apart, one kind after the other: none comes back that was done with. Returns whether
    /// nothing is left besides what its kit keeps.
    fn unmake_things(&mut self, space: u32, budget: &mut u32, bill: &mut Bill) -> bool {
        loop {
            if *budget == 0 {
                return false;
            }
            if !self.unmake_rings_of(space, bill) {
                break;
            }
            *budget = budget.saturating_sub(1);
        }
        self.unmake_shown(space, budget, bill)
            && self.unmake_own(space, budget, bill)
            && self.unmake_pages(space, budget, bill)
    }

    /// Takes away what a dying space shows: its regions, and its areas.
    fn unmake_shown(&mut self, space: u32, budget: &mut u32, bill: &mut Bill) -> bool {
        while let Some(region) = self
            .memory
            .spaces
            .peek(space)
            .and_then(|it| it.regions.first())
        {
            if *budget == 0 || !self.close_region(region, budget, bill) {
                return false;
            }
            *budget = budget.saturating_sub(1);
        }
        while let Some(area) = self
            .memory
            .spaces
            .peek(space)
            .and_then(|space| self.area_besides_kit(space))
        {
            if *budget == 0 || !self.drain_area(area, true, budget, bill) {
                return false;
            }
            self.remove_area(area, bill);
            *budget = budget.saturating_sub(1);
        }
        true
    }

    /// Takes the frames of a dying space's own object back, and what it borrows.
    fn unmake_own(&mut self, space: u32, budget: &mut u32, bill: &mut Bill) -> bool {
        let Some(object) = self.memory.spaces.peek(space).map(|space| space.object) else {
            return true;
        };
        self.break_clone(object);
        if !self.drop_frames(object, budget, bill) {
            return false;
        }
        loop {
            if *budget == 0 {
                return false;
            }
            if !self.pay_for_ghost(object, bill) {
                return true;
            }
            *budget = budget.saturating_sub(1);
        }
    }

    /// Takes away what else is mapped, and what the space is made of.
    fn unmake_pages(&mut self, space: u32, budget: &mut u32, bill: &mut Bill) -> bool {
        while let Some(record) = self.memory.spaces.peek(space) {
            let Some(cap) = Mappings::newest(record.mappings) else {
                break;
            };
            let keeps = record.keeps;
            let Some(left) = budget.checked_sub(1) else {
                return false;
            };
            *budget = left;
            // An IPC buffer's: its frame follows with the space's pages. Tables that stay must not show it: the proc-server's
            // copy may be the last, and is mapped nowhere.
            if !(keeps && self.unmap(cap)) {
                self.memory.forget_mapping(cap);
            }
        }
        while let Some(page) = self.page_besides_kit(space) {
            let Some(left) = budget.checked_sub(1) else {
                return false;
            };
            *budget = left;
            self.unmake_page(space, page, bill);
        }
        true
    }

    /// The block of the newest thread that is left.
    fn first_block(&self, space: u32) -> Option<u32> {
        self.memory.spaces.peek(space)?.blocks.first()
    }

    /// Takes a table, an IPC buffer or the root apart.
    fn unmake_page(&mut self, space: u32, page: u32, bill: &mut Bill) {
        let payer = self.space(space).payer;
        let owner = self.owners().get(page);
        self.forget_for_space(page);
        if owner.used_as() == Use::Table {
            self.unmake_object(page);
            if !TableLevel::is_of_kit(owner.place()) {
                self.owe(bill, payer, TABLE_KIT);
            }
        } else {
            // The proc-server has a copy of the capability.
            let _ = self.unmake_all(page);
        }
    }

    /// Ends a thread by taking back the memory of its TCB.
    fn unmake_block(&mut self, page: u32) {
        let space = self.owners().get(page).whose();
        self.forget_for_space(page);
        let is_gone = self.unmake_all(page);
        self.change_space(space, |space| {
            space.threads = space.threads.saturating_sub(1);
            // What the kernel did not take back may still run, and touch whatever is mapped.
            space.runs_on |= !is_gone;
        });
    }

    /// The space has nothing any more.
    fn vacate(&mut self, index: u32, bill: &mut Bill) {
        // A kit has none of its own.
        let object = self.space(index).object;
        if object != ARCHIVE {
            self.remove_program(object, bill);
        }
        let Memory {
            spaces,
            mappings,
            asids,
            ..
        } = &mut self.memory;
        let Some(space) = spaces.edit(index) else {
            return;
        };
        mappings.unreserve(space.shared_room.saturating_sub(space.shared_lost));
        if let Some(pool) = space.asid_pool {
            asids.give_back(pool);
        }
        *space = Space::default();
    }

    /// Takes a mapping away, if there is one. Returns whether there is none any more.
    pub(crate) fn unmap(&mut self, cap: FrameCap) -> bool {
        if self.memory.mappings.get(cap).space().is_none() {
            return true;
        }
        let result = self.kernel.unmap_frame(self.memory.slot_of(cap));
        let is_unmapped = self.expected(result).is_ok();
        if is_unmapped {
            self.memory.forget_mapping(cap);
        }
        is_unmapped
    }

    pub(crate) fn space(&self, index: u32) -> Space {
        self.memory.spaces.get(index)
    }
}
