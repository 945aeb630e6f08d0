//! Page faults: what the plan says is charged, made and mapped.

use interfaces::accounting::ChargeRefusal;
use interfaces::memory::{Access, COPY_KIT, TABLE_KIT};
use interfaces::provision::Cause;
use interfaces::{Amounts, GroupId};

use crate::around::Fresh;
use crate::fault::{PageFault, Plan, Source, decide};
use crate::hands::{Kernel, Ledger, Made, Slot};
use crate::mapping::{FrameCap, Mappings};
use crate::memory::Memory;
use crate::owner::Use;
use crate::server::{Failure, MemoryServer};
use crate::space::MissingTables;

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Serves a page fault of the task in a living space, or says why it cannot go on.
    pub(crate) fn page_fault(&mut self, index: u32, fault: PageFault) -> Result<(), Cause> {
        let plan = decide(&self.memory, index, fault)?;
        let space = self.memory.spaces.peek(index);
        let (is_born, own_payer) =
            space.map_or((false, GroupId::ROOT), |space| (space.is_born, space.payer));
        if !is_born {
            self.ask_for_birth(index)?;
        }
        match plan {
            Plan::Idle => self.change_space(index, |space| {
                space.idle_faults = space.idle_faults.saturating_add(1);
            }),
            Plan::ShowAgain { cap } => {
                let mapping = self.memory.mappings.get(cap);
                let access = if mapping.is_writable() {
                    Access::ReadWrite
                } else {
                    Access::Read
                };
                self.show_again(cap, access)?;
                // What was barred stands alone.
                if !mapping.is_barred() {
                    self.show_ahead(cap, fault.write);
                }
                self.change_space(index, |space| space.idle_faults = 0);
            }
            Plan::Write {
                area,
                object,
                place,
                tables,
            } => {
                self.make_tables(index, fault, tables)?;
                self.write_to((index, fault.page()), (object, place), area)?;
                self.change_space(index, |space| space.idle_faults = 0);
            }
            Plan::Map {
                source,
                page: at,
                area,
                object,
                place,
                access,
                tables,
            } => {
                self.make_tables(index, fault, tables)?;
                match source {
                    Source::Archive { page } => self.show_archive(index, at, page, area),
                    Source::Resident { page } => {
                        if self.owners().get(page).is_large() {
                            self.remove_table(index, at);
                        }
                        self.show_frame(page, (index, at), access, area)
                    }
                    Source::Fresh { fill } => {
                        let payer = self.payer_of(object);
                        let fresh = Fresh {
                            at: (index, at),
                            of: (object, place),
                            fill,
                            access,
                            area,
                        };
                        let granted = self.grant_fresh(payer, fresh);
                        match granted {
                            // It is not the task's own group that is being killed.
                            Err(Failure::Charge(
                                ChargeRefusal::Killing | ChargeRefusal::UnknownGroup,
                            )) if payer != own_payer => {
                                return Err(Cause::PayerKilled);
                            }
                            granted => granted,
                        }
                    }
                }?;
                self.change_space(index, |space| space.idle_faults = 0);
            }
        }
        self.count_fault(index);
        Ok(())
    }

    fn count_fault(&mut self, index: u32) {
        self.counters.faults = self.counters.faults.saturating_add(1);
        self.change_space(index, |space| space.faults = space.faults.saturating_add(1));
    }

    /// Makes the tables that a page needs.
    fn make_tables(
        &mut self,
        index: u32,
        fault: PageFault,
        tables: MissingTables,
    ) -> Result<(), Failure> {
        let payer = self.space(index).payer;
        for level in tables.iter() {
            self.charged(payer, TABLE_KIT, |this| {
                this.make_table(index, level, fault.address)
            })?;
        }
        Ok(())
    }

    /// A task that the limits-server does not know as born gets no page.
    fn ask_for_birth(&mut self, index: u32) -> Result<(), Cause> {
        let task = self.space(index).task;
        self.ledger
            .charge_task(task, Amounts::NONE)
            .map_err(Failure::Charge)?;
        self.change_space(index, |space| space.is_born = true);
        Ok(())
    }

    /// Maps a page of the archive through a copy that was set aside and charged at birth.
    fn show_archive(&mut self, space: u32, at: u32, page: u32, area: u32) -> Result<(), Failure> {
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
        if let Err(failure) = self.map_cap(cap, space, at, Access::Read, Some(area)) {
            let result = self.kernel.delete(slot);
            if self.expected(result).is_ok() {
                self.memory.mappings.give_copy_back(cap);
            } else {
                self.change_space(space, |space| {
                    space.shared_lost = space.shared_lost.saturating_add(1);
                });
            }
            return Err(failure);
        }
        self.change_space(space, |space| space.shared = space.shared.saturating_add(1));
        Ok(())
    }

    /// Shows a frame that an object has already: through its own capability, or, if that is mapped somewhere, through a
    /// copy of it, whose slot is charged to the space that sees it.
    pub(crate) fn show_frame(
        &mut self,
        page: u32,
        at: (u32, u32),
        access: Access,
        area: u32,
    ) -> Result<(), Failure> {
        let own = Mappings::own(page);
        if !self.memory.mappings.is_mapped(own) {
            return self.map_cap(own, at.0, at.1, access, Some(area));
        }
        let payer = self.space(at.0).payer;
        self.charged(payer, COPY_KIT, |this| {
            this.show_copy(page, at, access, area)
        })
    }

    fn show_copy(
        &mut self,
        page: u32,
        (space, at): (u32, u32),
        access: Access,
        area: u32,
    ) -> Result<(), Failure> {
        if !self.set_copies_aside(1) {
            return Err(Failure::OutOfMemory);
        }
        let Some(cap) = self.memory.mappings.take_copy() else {
            self.memory.mappings.unreserve(1);
            return Err(Failure::OutOfMemory);
        };
        let slot = self.memory.slot_of(cap);
        let from = self.memory.slots.object(page);
        // With all rights, whatever the mapping allows: a mapping can be given more later, a capability cannot.
        let result = self.kernel.copy(from, Slot::Own(slot), Access::ReadWrite);
        if let Err(failure) = self.expected(result) {
            self.return_copy(cap);
            return Err(failure);
        }
        if let Err(failure) = self.map_cap(cap, space, at, access, Some(area)) {
            let result = self.kernel.delete(slot);
            if self.expected(result).is_ok() {
                self.return_copy(cap);
            }
            return Err(failure);
        }
        self.change_space(space, |space| space.copies = space.copies.saturating_add(1));
        Ok(())
    }

    /// The copy's slot is empty, and anybody may have it.
    pub(crate) fn return_copy(&mut self, cap: FrameCap) {
        self.memory.mappings.give_copy_back(cap);
        self.memory.mappings.unreserve(1);
    }

    pub(crate) fn payer_of(&self, object: u32) -> GroupId {
        let object = self.memory.objects.peek(object);
        object.map_or(GroupId::ROOT, |object| object.payer)
    }

    /// Makes a frame of an object and maps it. The kernel has cleared it.
    pub(crate) fn grant(&mut self, fresh: Fresh) -> Result<(), Failure> {
        let Fresh {
            at: (space, at),
            of: (object, place),
            fill,
            access,
            area,
        } = fresh;
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
        let mapped = self.map_cap(Mappings::own(page), space, at, access, Some(area));
        if mapped.is_err() {
            self.drop_frame(page, object);
        }
        mapped
    }
}
