//! Taking things apart: a thread, an object's frames, a whole task; in slices where there may be much of it.
//!
//! # The order in which a task goes
//!
//! 1. Its threads: from then on nothing of it runs, so nothing below can be in use.
//! 2. Its rings, of which the limits-server lets go first.
//! 3. Its regions and the frames of its program.
//! 4. What else is mapped: copies of the archive's frames, IPC buffers.
//! 5. Its tables, and last its root, with which the kernel frees the ASID.
//!
//! The root goes last although the frames would go faster without it: its ASID would be given to the next task while
//! capabilities of this one still name it.
//!
//! # What the kernel unmaps by itself
//!
//! Deleting a frame's last capability unmaps it; deleting one of several does not, mapped or not
//! (`src/arch/x86/64/object/objecttype.c:94`). So in a space that lives on, a capability that has copies is unmapped
//! before it goes. In a dying one it need not be: nothing runs there, and its tables go in the same destruction.

use interfaces::memory::{FRAME_KIT, REGION_KIT, TABLE_KIT};
use interfaces::provision::Progress;
use interfaces::{Amounts, Resource};

use crate::hands::{Kernel, Ledger};
use crate::mapping::{FrameCap, Mappings, Standing};
use crate::memory::Memory;
use crate::owner::{TableLevel, Use};
use crate::server::{Bill, MemoryServer};
use crate::space::{Space, State};

/// Pages that one slice takes apart: about 60,000 instructions.
pub const SLICE: u32 = 32;

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
                self.unmake_all(page);
            } else {
                // The task still sees it, so nobody else ever may.
                self.memory.owners.lose(page);
            }
        }
    }

    /// Takes one slice of a task apart and gives back what was charged here for it.
    pub(crate) fn unmake_task(&mut self, space: u32) -> Progress {
        let mut bill = Bill::default();
        self.memory.spaces.drop_report(space);
        self.change_space(space, |space| space.state = State::Dying);
        while let Some(page) = self.space(space).blocks.first() {
            self.unmake_block(page);
        }
        let mut left = SLICE;
        while left > 0 && self.unmake_next(space, &mut bill) {
            left = left.saturating_sub(1);
        }
        self.settle(&mut bill);
        if left == 0 {
            return Progress::More;
        }
        self.vacate(space);
        Progress::Done
    }

    /// Takes a task apart whose making failed: there is little of it.
    pub(crate) fn unmake_task_whole(&mut self, space: u32) {
        // A space has at most so many things; the loop ends even if a record were wrong.
        for _ in 0..=self.memory.pool.total() {
            if self.unmake_task(space) == Progress::Done {
                return;
            }
        }
    }

    /// Gives up to `limit` of an object's frames back. Returns how many; fewer than `limit` means that none is left.
    pub(crate) fn drop_frames(&mut self, object: u32, limit: u32, bill: &mut Bill) -> u32 {
        let mut dropped = 0;
        while dropped < limit {
            let record = self.memory.objects.get(object);
            let Some(page) = record.frames.first() else {
                break;
            };
            self.drop_frame(page, object);
            self.owe(bill, record.payer, FRAME_KIT);
            dropped = dropped.saturating_add(1);
        }
        dropped
    }

    /// Takes back a frame that nobody has seen or that nobody will see any more.
    pub(crate) fn drop_frame(&mut self, page: u32, object: u32) {
        self.unmap_record(Mappings::own(page));
        let Memory {
            owners, objects, ..
        } = &mut self.memory;
        if let Some(object) = objects.edit(object) {
            owners.forget(page, &mut object.frames);
        }
        self.unmake_object(page);
    }

    /// Removes a region that has neither frames nor an area, and its object.
    pub(crate) fn remove_region(&mut self, index: u32, bill: &mut Bill) {
        let region = self.memory.regions.get(index);
        let object = self.memory.objects.get(region.object);
        let reserved = Amounts::of(Resource::Commit, u64::from(object.commit));
        self.owe(bill, object.payer, reserved);
        self.owe(bill, object.payer, REGION_KIT);
        self.memory.objects.remove(region.object);
        let Memory {
            regions, spaces, ..
        } = &mut self.memory;
        if let Some(space) = spaces.edit(region.space) {
            regions.remove(&mut space.regions, index);
        }
    }

    /// Removes a region's area; its frames are not mapped any more, or will be gone before anybody looks.
    pub(crate) fn remove_area(&mut self, index: u32) {
        let region = self.memory.regions.get(index);
        let Some(area) = region.area else {
            return;
        };
        self.memory.regions.set_area(index, None);
        let Memory { areas, spaces, .. } = &mut self.memory;
        if let Some(space) = spaces.edit(region.space) {
            areas.remove(&mut space.areas, area);
        }
    }

    /// Takes the next thing of a dying space apart. Returns whether there was one.
    fn unmake_next(&mut self, space: u32, bill: &mut Bill) -> bool {
        if self.unmake_rings_of(space, bill) {
            return true;
        }
        let record = self.space(space);
        if let Some(region) = record.regions.first() {
            let object = self.memory.regions.get(region).object;
            if self.drop_frames(object, 1, bill) == 0 {
                self.remove_area(region);
                self.remove_region(region, bill);
            }
            return true;
        }
        if self.drop_frames(record.object, 1, bill) == 1 {
            return true;
        }
        if let Some(cap) = Mappings::newest(record.mappings) {
            self.drop_mapping(space, cap);
            return true;
        }
        if let Some(page) = record.pages.first() {
            self.unmake_page(&record, page, bill);
            return true;
        }
        false
    }

    /// Takes away a mapping whose frame is no object's: a shared page's copy goes, an IPC buffer's frame follows with
    /// the space's pages.
    fn drop_mapping(&mut self, space: u32, cap: FrameCap) {
        self.unmap_record(cap);
        if let Standing::Copy { .. } = self.memory.mappings.standing(cap) {
            let result = self.kernel.delete(self.memory.slot_of(cap));
            // A copy that the kernel does not let go stays set aside, for good.
            if self.expected(result).is_ok() {
                self.memory.mappings.give_copy_back(cap);
            }
            self.change_space(space, |space| space.shared = space.shared.saturating_sub(1));
        }
    }

    /// Takes a table, an IPC buffer or the root apart.
    fn unmake_page(&mut self, space: &Space, page: u32, bill: &mut Bill) {
        let owner = self.owners().get(page);
        self.forget_for_space(page);
        if owner.used_as() == Use::Table {
            self.unmake_object(page);
            if !TableLevel::is_of_kit(owner.place()) {
                self.owe(bill, space.payer, TABLE_KIT);
            }
        } else {
            // The proc-server has a copy of the capability.
            self.unmake_all(page);
        }
    }

    /// Ends a thread by taking back the memory of its TCB.
    fn unmake_block(&mut self, page: u32) {
        let space = self.owners().get(page).whose();
        self.forget_for_space(page);
        self.unmake_all(page);
        self.change_space(space, |space| {
            space.threads = space.threads.saturating_sub(1);
        });
    }

    /// The space has nothing any more.
    fn vacate(&mut self, index: u32) {
        let Memory {
            areas,
            spaces,
            mappings,
            objects,
            asids,
            ..
        } = &mut self.memory;
        let Some(space) = spaces.edit(index) else {
            return;
        };
        while let Some(area) = space.areas.first() {
            areas.remove(&mut space.areas, area);
        }
        mappings.unreserve(space.shared_room);
        objects.remove(space.object);
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
            self.unmap_record(cap);
        }
        is_unmapped
    }

    /// Forgets a mapping, if there is one.
    pub(crate) fn unmap_record(&mut self, cap: FrameCap) {
        let Memory {
            mappings, spaces, ..
        } = &mut self.memory;
        let space = mappings.get(cap).space();
        if let Some(space) = space.and_then(|space| spaces.edit(space)) {
            mappings.remove(cap, &mut space.mappings);
        }
    }

    pub(crate) fn space(&self, index: u32) -> Space {
        self.memory.spaces.get(index)
    }
}
