//! Page faults: what the plan says is charged, made and mapped.

use interfaces::memory::{Access, FRAME_KIT, TABLE_KIT};
use interfaces::provision::Cause;
use interfaces::{Amounts, TaskId};

use crate::fault::{PageFault, Plan, Source, decide};
use crate::hands::{Kernel, Ledger, Made, Slot};
use crate::mapping::Mappings;
use crate::memory::Memory;
use crate::owner::Use;
use crate::program::Fill;
use crate::server::{Failure, MemoryServer};

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Serves a page fault of the task in a living space, or says why it cannot go on.
    pub(crate) fn page_fault(&mut self, index: u32, fault: PageFault) -> Result<(), Cause> {
        let space = self.space(index);
        let plan = decide(&self.memory, index, fault)?;
        if !space.is_born {
            self.ask_for_birth(index, space.task)?;
        }
        match plan {
            Plan::Idle => self.change_space(index, |space| {
                space.idle_faults = space.idle_faults.saturating_add(1);
            }),
            Plan::Map {
                source,
                object,
                place,
                access,
                tables,
            } => {
                for level in tables.iter() {
                    self.charged(space.payer, TABLE_KIT, |this| {
                        this.make_table(index, level, fault.address)
                    })?;
                }
                match source {
                    Source::Archive { page } => self.show_archive(index, fault.page(), page),
                    Source::Resident { page } => {
                        self.map_cap(Mappings::own(page), index, fault.page(), access)
                    }
                    Source::Fresh { fill } => {
                        let payer = self.memory.objects.get(object).payer;
                        self.charged(payer, FRAME_KIT, |this| {
                            this.grant(index, fault.page(), (object, place), fill, access)
                        })
                    }
                }?;
                self.change_space(index, |space| space.idle_faults = 0);
            }
        }
        self.counters.faults = self.counters.faults.saturating_add(1);
        self.change_space(index, |space| space.faults = space.faults.saturating_add(1));
        Ok(())
    }

    /// A task that the limits-server does not know as born gets no page.
    fn ask_for_birth(&mut self, index: u32, task: TaskId) -> Result<(), Cause> {
        self.ledger
            .charge_task(task, Amounts::NONE)
            .map_err(Failure::Charge)?;
        self.change_space(index, |space| space.is_born = true);
        Ok(())
    }

    /// Maps a page of the archive through a copy that was set aside and charged at birth.
    fn show_archive(&mut self, space: u32, at: u32, page: u32) -> Result<(), Failure> {
        let cap = self
            .memory
            .mappings
            .take_copy()
            .ok_or(Failure::OutOfMemory)?;
        let slot = self.memory.slot_of(cap);
        let archive = self.memory.slots.archive(page);
        let result = self.kernel.copy(archive, Slot::Own(slot), Access::Read);
        if let Err(failure) = self.expected(result) {
            self.memory.mappings.give_copy_back(cap);
            return Err(failure);
        }
        if let Err(failure) = self.map_cap(cap, space, at, Access::Read) {
            let result = self.kernel.delete(slot);
            if self.expected(result).is_ok() {
                self.memory.mappings.give_copy_back(cap);
            }
            return Err(failure);
        }
        self.change_space(space, |space| space.shared = space.shared.saturating_add(1));
        Ok(())
    }

    /// Makes a frame of an object and maps it. The kernel has cleared it.
    fn grant(
        &mut self,
        space: u32,
        at: u32,
        (object, place): (u32, u32),
        fill: Fill,
        access: Access,
    ) -> Result<(), Failure> {
        let page = self.make_object(Made::Frame)?;
        if fill.bytes != 0 {
            let result = self.kernel.fill(self.memory.slots.object(page), fill);
            if let Err(failure) = self.expected(result) {
                self.unmake_object(page);
                return Err(failure);
            }
        }
        let Memory {
            owners, objects, ..
        } = &mut self.memory;
        if let Some(record) = objects.edit(object) {
            owners.record(page, Use::Frame, object, place, &mut record.frames);
        }
        let mapped = self.map_cap(Mappings::own(page), space, at, access);
        if mapped.is_err() {
            self.drop_frame(page, object);
        }
        mapped
    }
}
