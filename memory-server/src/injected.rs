//! The hands of a test build: each step that could fail may be told to, and then is not taken.
//!
//! What gives something back is not among them, because nothing that a client or another server does can make it fail:
//! `delete`, `revoke` and `unmap` of a capability that is there end well in this kernel, and the limits-server knows every
//! charge that it is asked to release. That such a failure is noticed all the same, and costs at most the page that it was
//! about, is shown on the host, where every call can fail (`core/tests/leftovers.rs`).

use interfaces::accounting::{Aside, AttachRing, ChargeRefusal, Guarantee, GuaranteeRefusal, Who};
use interfaces::events::RingId;
use interfaces::injection::Step;
use interfaces::memory::Access;
use interfaces::start::MemoryStart;
use interfaces::truth::Sort;
use interfaces::{Amounts, GroupId, Resource, Shortage, TaskId};
use interfaces_injection::{fails, refused};
use memory_core::hands::{Kernel, KernelError, Ledger, Made, Slot};
use memory_core::owner::TableLevel;
use memory_core::program::Fill;
use memory_core::witness::Witness;

use crate::hands;
use crate::mapping::Archive;

/// The system calls, some of which fail.
#[derive(Debug)]
pub struct Capabilities(hands::Capabilities);

impl Capabilities {
    /// See [`hands::Capabilities::new`].
    pub const fn new(archive: Archive, start: &MemoryStart) -> Self {
        Self(hands::Capabilities::new(archive, start))
    }
}

fn may(step: Step) -> Result<(), KernelError> {
    refused(step).map_err(hands::refused)
}

impl Witness for Capabilities {
    fn sort(&mut self, slot: Slot, expected: Made) -> Sort {
        self.0.sort(slot, expected)
    }

    fn unused(&mut self, slot: u64) -> Sort {
        self.0.unused(slot)
    }

    fn is_taken(&mut self, slot: Slot) -> bool {
        self.0.is_taken(slot)
    }

    fn is_in(&mut self, frame: u64, root: u64, access: Access) -> bool {
        self.0.is_in(frame, root, access)
    }

    fn shows_large(&mut self, root: u64, address: u32, frame: u64, probe: u64) -> bool {
        self.0.shows_large(root, address, frame, probe)
    }

    fn shows(&mut self, root: u64, address: u32, probe: u64) -> bool {
        self.0.shows(root, address, probe)
    }
}

impl Kernel for Capabilities {
    fn retype(
        &mut self,
        untyped: u64,
        made: Made,
        to: Slot,
        count: u64,
    ) -> Result<(), KernelError> {
        may(Step::Retype)?;
        self.0.retype(untyped, made, to, count)
    }

    fn copy(&mut self, from: u64, to: Slot, access: Access) -> Result<(), KernelError> {
        may(Step::Copy)?;
        self.0.copy(from, to, access)
    }

    fn mint_signal(&mut self, notification: u64, to: Slot) -> Result<(), KernelError> {
        may(Step::Copy)?;
        self.0.mint_signal(notification, to)
    }

    fn delete(&mut self, slot: u64) -> Result<(), KernelError> {
        self.0.delete(slot)
    }

    fn revoke(&mut self, slot: u64) -> Result<(), KernelError> {
        self.0.revoke(slot)
    }

    fn assign_asid(&mut self, pool: u8, root: u64) -> Result<(), KernelError> {
        may(Step::Assign)?;
        self.0.assign_asid(pool, root)
    }

    fn map_table(
        &mut self,
        table: u64,
        level: TableLevel,
        root: u64,
        address: u32,
    ) -> Result<(), KernelError> {
        may(Step::Map)?;
        self.0.map_table(table, level, root, address)
    }

    fn unmap_table(&mut self, table: u64) -> Result<(), KernelError> {
        self.0.unmap_table(table)
    }

    fn map_frame(
        &mut self,
        frame: u64,
        root: u64,
        address: u32,
        access: Access,
    ) -> Result<(), KernelError> {
        may(Step::Map)?;
        self.0.map_frame(frame, root, address, access)
    }

    fn remap_frame(&mut self, frame: u64, root: u64, access: Access) -> Result<(), KernelError> {
        may(Step::Map)?;
        self.0.remap_frame(frame, root, access)
    }

    fn bar_frame(&mut self, frame: u64, root: u64) -> Result<(), KernelError> {
        self.0.bar_frame(frame, root)
    }

    fn copy_frame(&mut self, from: u64, to: u64) -> Result<(), KernelError> {
        may(Step::Fill)?;
        self.0.copy_frame(from, to)
    }

    fn unmap_frame(&mut self, frame: u64) -> Result<(), KernelError> {
        self.0.unmap_frame(frame)
    }

    fn fill(&mut self, frame: u64, fill: Fill) -> Result<(), KernelError> {
        may(Step::Fill)?;
        self.0.fill(frame, fill)
    }

    fn signal_news(&mut self) {
        self.0.signal_news();
    }

    fn clear(&mut self, untyped: u64, priority: u8) -> Result<(), KernelError> {
        may(Step::Thread)?;
        self.0.clear(untyped, priority)
    }

    fn hasten(&mut self, priority: u8) -> Result<(), KernelError> {
        self.0.hasten(priority)
    }

    fn cleared(&mut self) -> Option<Result<(), KernelError>> {
        // That it failed is only said: to do it again does no harm.
        let result = self.0.cleared()?;
        Some(result.and_then(|()| may(Step::Retype)))
    }
}

/// The limits-server, which refuses at times, or does not understand.
#[derive(Debug)]
pub struct Limits(hands::Limits);

impl Limits {
    /// See [`hands::Limits::new`].
    pub const fn new() -> Self {
        Self(hands::Limits::new())
    }
}

/// As the limits-server says that a limit above is in the way.
fn may_charge() -> Result<(), ChargeRefusal> {
    if fails(Step::Charge) {
        return Err(ChargeRefusal::Short(Shortage {
            resource: Resource::KernelMemory,
            group: None,
            limit: 0,
            used: 0,
            asked: 1,
        }));
    }
    Ok(())
}

impl Ledger for Limits {
    fn charge(&mut self, group: GroupId, amounts: Amounts) -> Result<(), ChargeRefusal> {
        may_charge()?;
        self.0.charge(group, amounts)
    }

    fn charge_some(
        &mut self,
        group: GroupId,
        each: Amounts,
        most: u32,
    ) -> Result<u32, ChargeRefusal> {
        may_charge()?;
        self.0.charge_some(group, each, most)
    }

    fn charge_task(&mut self, task: TaskId, amounts: Amounts) -> Result<GroupId, ChargeRefusal> {
        may_charge()?;
        self.0.charge_task(task, amounts)
    }

    fn band_of(&mut self, task: TaskId) -> u8 {
        self.0.band_of(task)
    }

    fn release(&mut self, group: GroupId, amounts: Amounts) -> bool {
        self.0.release(group, amounts)
    }

    fn attach_ring(&mut self, request: AttachRing) -> bool {
        !fails(Step::Call) && self.0.attach_ring(request)
    }

    fn guarantee(&mut self, request: Guarantee) -> Result<u64, GuaranteeRefusal> {
        if fails(Step::Call) {
            return Err(GuaranteeRefusal::UnknownGroup);
        }
        self.0.guarantee(request)
    }

    fn set_aside(&mut self, who: Who, pages: u64) -> Aside {
        if fails(Step::Call) {
            // What it says of an answer that it does not understand.
            return Aside {
                pages: u64::MAX,
                all: u64::MAX,
            };
        }
        self.0.set_aside(who, pages)
    }

    fn wants_ground(&mut self) -> bool {
        self.0.wants_ground()
    }

    fn add_tract(&mut self) -> bool {
        self.0.add_tract()
    }

    fn withdraw_tract(&mut self) -> bool {
        self.0.withdraw_tract()
    }

    fn detach_ring(&mut self, ring: RingId) -> bool {
        self.0.detach_ring(ring)
    }
}
