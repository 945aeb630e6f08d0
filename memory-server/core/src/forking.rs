//! Cloning an address space into that of a task that has been made and has not run: what `fork` is built on.
//!
//! The child shows at every address what its parent shows there. The pages of the program and of regions that the parent
//! has alone are cloned; memory that was ever shared stays shared, and the child holds it too. Program text needs
//! nothing: both show the archive. Page tables are not copied, and nothing is mapped: the child's first touch of a page
//! finds it.
//!
//! The child may go on using the ids of regions that it found in its memory: each of its regions remembers its parent's.
//!
//! The page with the first thread's IPC buffer, in which its stack begins, is nobody's but its task's, and is copied: the
//! kernel writes to it whatever its mapping allows, so it can never be lent.
//!
//! It goes in slices, of pages to lend, regions and areas alike; a refusal leaves the rest to whoever takes the child apart, who has to do that anyway. What the
//! child may ever need is charged to its payer and set aside before the child runs.

use interfaces::GroupId;
use interfaces::accounting::Who;
use interfaces::memory::{AREA_KIT, Access, OBJECT_KIT, REGION_KIT, RegionId};
use interfaces::provision::{CloneSpace, CloneSpaceRefusal, Progress};
use interfaces::{Amounts, Resource};

use crate::area::Area;
use crate::cloning::{can_be_cloned, pages_to_lend};
use crate::hands::{Kernel, Ledger};
use crate::memory::Memory;
use crate::object::Kind;
use crate::program::ipc_page;
use crate::region::{Region, State, TASK_REGIONS};
use crate::server::{Failure, MemoryServer};
use crate::space::Fork;
use crate::table::Link;
use crate::unmaking::SLICE;

/// What a region costs of a slice, whose pages and areas are steps of their own: two charges, and three records.
const REGION: u32 = 2;

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Does one slice of cloning a task's address space into another's.
    pub(crate) fn clone_space_on(
        &mut self,
        request: CloneSpace,
    ) -> Result<Progress, CloneSpaceRefusal> {
        let spaces = &self.memory.spaces;
        let places = spaces.find(request.from).zip(spaces.find(request.to));
        let (parent, child) = places.ok_or(CloneSpaceRefusal::UnknownTask)?;
        let same_program = self.space(parent).program == self.space(child).program;
        if parent == child || !same_program {
            return Err(CloneSpaceRefusal::UnknownTask);
        }
        if self.space(child).fork.is_none() {
            self.begin_fork(parent, child)?;
        }
        let mut budget = SLICE;
        loop {
            let fork = self.space(child).fork;
            let fork = fork.filter(|fork| fork.parent == parent);
            let fork = fork.ok_or(CloneSpaceRefusal::Busy)?;
            let progress = self
                .clone_slice(fork.object, &mut budget)
                .map_err(|_| CloneSpaceRefusal::OutOfMemory)?;
            if progress == Progress::More {
                return Ok(Progress::More);
            }
            if self.memory.objects.get(fork.object).is_broken {
                return Err(CloneSpaceRefusal::Busy);
            }
            if self.copy_areas(child, &mut budget)? == Progress::More {
                return Ok(Progress::More);
            }
            let Some(region) = fork.next.index() else {
                self.end_fork(child);
                return Ok(Progress::Done);
            };
            let Some(left) = budget.checked_sub(REGION) else {
                return Ok(Progress::More);
            };
            budget = left;
            self.pass_region(parent, region);
            self.copy_region(child, region)?;
        }
    }

    fn begin_fork(&mut self, parent: u32, child: u32) -> Result<(), CloneSpaceRefusal> {
        if self.space(parent).forking != Link::NONE {
            return Err(CloneSpaceRefusal::Busy);
        }
        self.copy_first_page(parent, child)
            .map_err(|_| CloneSpaceRefusal::OutOfMemory)?;
        let (source, object) = (self.space(parent).object, self.space(child).object);
        let payer = self.space(child).payer;
        let count = self.set_aside(source, payer, Amounts::NONE)?;
        self.begin_clone(source, object, count);
        let next = self.space(parent).regions.first();
        self.change_space(child, |space| {
            space.fork = Some(Fork {
                parent,
                object,
                next: next.map_or(Link::NONE, Link::to),
                copy: 0,
                area: Link::NONE,
            });
        });
        self.change_space(parent, |space| space.forking = Link::to(child));
        Ok(())
    }

    /// Copies the page in which the stack begins. The child has not run yet.
    fn copy_first_page(&mut self, parent: u32, child: u32) -> Result<(), Failure> {
        let at = ipc_page(0);
        let mappings = &self.memory.mappings;
        let caps = mappings.find(parent, at).zip(mappings.find(child, at));
        let (from, to) = caps.ok_or(Failure::OutOfMemory)?;
        // A frame is written to through a capability that is mapped nowhere.
        if !self.unmap(to) {
            return Err(Failure::OutOfMemory);
        }
        let (from, into) = (self.memory.slot_of(from), self.memory.slot_of(to));
        let result = self.kernel.copy_frame(from, into);
        let copied = self.expected(result);
        self.map_cap(to, child, at, Access::ReadWrite, None)?;
        copied
    }

    /// Charges what a clone of an object needs, and `more`, and sets its records aside. Returns how many.
    fn set_aside(
        &mut self,
        source: u32,
        payer: GroupId,
        more: Amounts,
    ) -> Result<u32, CloneSpaceRefusal> {
        let count = pages_to_lend(&self.memory.objects.get(source));
        if !self.memory.borrows.reserve(count) {
            return Err(CloneSpaceRefusal::TableFull);
        }
        let amounts = Self::borrow_amounts(count)
            .checked_add(&more)
            .unwrap_or(more);
        if let Err(refusal) = self.ledger.charge(payer, amounts) {
            self.memory.borrows.unreserve(count);
            return Err(CloneSpaceRefusal::Charge(refusal));
        }
        Ok(count)
    }

    /// The address space is whole, or will never be: nobody works on it any more.
    pub(crate) fn end_fork(&mut self, child: u32) {
        let Some(fork) = self.space(child).fork else {
            return;
        };
        self.change_space(child, |space| space.fork = None);
        self.change_space(fork.parent, |space| {
            if space.forking.index() == Some(child) {
                space.forking = Link::NONE;
            }
        });
    }

    /// A task is taken apart: whatever fork it has part in is over.
    pub(crate) fn abandon_forks(&mut self, space: u32) {
        self.end_fork(space);
        if let Some(child) = self.space(space).forking.index() {
            self.end_fork(child);
        }
    }

    /// A region is taken out of a task's list, or copied: a fork that is to copy it next goes on behind it.
    pub(crate) fn pass_region(&mut self, space: u32, region: u32) {
        let Some(child) = self.space(space).forking.index() else {
            return;
        };
        let next = self.memory.regions.next(region);
        self.change_space(child, |space| {
            if let Some(fork) = &mut space.fork
                && fork.next.index() == Some(region)
            {
                fork.next = next.map_or(Link::NONE, Link::to);
            }
        });
    }

    /// An area of a task's is removed, or copied: a fork that is to copy it next goes on behind it.
    pub(crate) fn pass_area(&mut self, space: u32, area: u32) {
        let child = self.memory.spaces.peek(space);
        let Some(child) = child.and_then(|space| space.forking.index()) else {
            return;
        };
        let next = self.memory.areas.next_of_region(area);
        self.change_space(child, |space| {
            if let Some(fork) = &mut space.fork
                && fork.area.index() == Some(area)
            {
                fork.area = next.map_or(Link::NONE, Link::to);
            }
        });
    }

    /// Gives the child a region of the same memory, or of a clone of it, mapped where its parent's is.
    fn copy_region(&mut self, child: u32, number: u32) -> Result<(), CloneSpaceRefusal> {
        let region = self.memory.regions.get(number);
        if region.state != State::Held {
            // An offer is the parent's, and so is a clone that is not whole.
            return Ok(());
        }
        let space = self.space(child);
        if space.regions.len() >= TASK_REGIONS || !self.memory.regions.has_room() {
            return Err(CloneSpaceRefusal::TableFull);
        }
        let source = self.memory.objects.get(region.object);
        if source.is_large {
            return Err(CloneSpaceRefusal::Large);
        }
        let object = if source.is_shared || source.is_revoked {
            self.ledger
                .charge(space.payer, REGION_KIT)
                .map_err(CloneSpaceRefusal::Charge)?;
            region.object
        } else {
            if !can_be_cloned(&source) {
                return Err(CloneSpaceRefusal::Busy);
            }
            if !self.memory.objects.has_room() {
                return Err(CloneSpaceRefusal::TableFull);
            }
            let payer = Who::Group(self.space(child).payer);
            if !self.can_promise(payer, u64::from(source.size), 0) {
                return Err(CloneSpaceRefusal::OutOfMemory);
            }
            let kits = OBJECT_KIT
                .checked_add(&REGION_KIT)
                .unwrap_or(OBJECT_KIT)
                .with(Resource::Commit, u64::from(source.size));
            let count = self.set_aside(region.object, space.payer, kits)?;
            let created = self
                .memory
                .objects
                .create(Kind::Anonymous, space.payer, source.size);
            let object = created.ok_or(CloneSpaceRefusal::TableFull)?;
            self.begin_clone(region.object, object, count);
            self.change_space(child, |space| {
                if let Some(fork) = &mut space.fork {
                    fork.object = object;
                }
            });
            object
        };
        let copy = self
            .record_copy(child, number, &region, object)
            .ok_or(CloneSpaceRefusal::TableFull)?;
        let first = region.areas.first();
        self.change_space(child, |space| {
            if let Some(fork) = &mut space.fork {
                fork.copy = copy.index;
                fork.area = first.map_or(Link::NONE, Link::to);
            }
        });
        Ok(())
    }

    fn record_copy(
        &mut self,
        child: u32,
        number: u32,
        region: &Region,
        object: u32,
    ) -> Option<RegionId> {
        let Memory {
            regions,
            spaces,
            objects,
            ..
        } = &mut self.memory;
        let space = spaces.edit(child)?;
        let alias = region.alias.unwrap_or(regions.id_of(number));
        let copy =
            Region::new(State::Held, child, object, region.access, space.payer).known_as(alias);
        let id = regions.create(&mut space.regions, copy)?;
        space.is_forked = true;
        if let Some(object) = objects.edit(object) {
            object.holders = object.holders.saturating_add(1);
        }
        Some(id)
    }

    /// Shows the child what the areas of its parent's region show that was copied last, a step each.
    fn copy_areas(&mut self, child: u32, budget: &mut u32) -> Result<Progress, CloneSpaceRefusal> {
        let payer = self.space(child).payer;
        while let Some(fork) = self.space(child).fork {
            let Some(number) = fork.area.index() else {
                break;
            };
            let Some(left) = budget.checked_sub(1) else {
                return Ok(Progress::More);
            };
            *budget = left;
            self.pass_area(fork.parent, number);
            let area = self.memory.areas.get(number);
            if area.is_leaving {
                continue;
            }
            if !self.can_promise(Who::Group(payer), 0, area.run.tables()) {
                return Err(CloneSpaceRefusal::OutOfMemory);
            }
            let copy = self.memory.regions.get(fork.copy);
            let is_charged = !copy.areas.is_empty();
            if is_charged {
                self.ledger
                    .charge(payer, AREA_KIT)
                    .map_err(CloneSpaceRefusal::Charge)?;
            }
            let mut shown = Area::new(area.run, copy.object, area.offset, area.access)
                .within(child)
                .of_region(fork.copy);
            shown.is_charged = is_charged;
            if self.insert_area(shown).is_err() {
                if is_charged {
                    self.release(payer, AREA_KIT);
                }
                return Err(CloneSpaceRefusal::TableFull);
            }
        }
        Ok(Progress::Done)
    }
}
