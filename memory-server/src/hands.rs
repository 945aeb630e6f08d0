//! The hands of the memory-server: each does one thing to the kernel, or asks one thing of the limits-server.

use interfaces::accounting::{
    AddTract, Aside, AttachRing, Charge, ChargeRefusal, ChargeSome, ChargeTask, DetachRing,
    Guarantee, GuaranteeRefusal, ReadPlace, Release, SetAside, WantsGround, Who, WithdrawTract,
};
use interfaces::events::RingId;
use interfaces::memory::{Access, PAGE_BYTES};
use interfaces::provision::CLIENT_CNODE_RADIX;
use interfaces::start::{MemoryStart, memory_slots};
use interfaces::{Amounts, Badge, CallError, GroupId, TaskId, call};
use interfaces_sel4::Endpoint;
use memory_core::hands::{Kernel, KernelError, Ledger, Made, Slot};
use memory_core::owner::TableLevel;
use memory_core::program::Fill;
use sel4::{CapRights, ObjectType, VmAttributes, cap};

use crate::cleaner;
use crate::mapping::{Archive, copy_page};

pub const OWN: cap::CNode = cap::CNode::from_bits(memory_slots::CNODE);
const PROC: cap::CNode = cap::CNode::from_bits(memory_slots::PROC_CNODE);
const LIMITS: cap::CNode = cap::CNode::from_bits(memory_slots::LIMITS_CNODE);
const SPACE: cap::Pml4 = cap::Pml4::from_bits(memory_slots::SPACE);

/// The system calls.
#[derive(Debug)]
pub struct Capabilities {
    archive: Archive,
    scratch: u64,
    /// A page of the archive: its own capability is never mapped.
    pub probe: cap::Frame,
}

impl Capabilities {
    /// With the archive that is mapped, and an address at which a frame can be looked into.
    pub const fn new(archive: Archive, start: &MemoryStart) -> Self {
        Self {
            archive,
            scratch: start.scratch.address,
            probe: cap::Frame::from_bits(memory_slots::archive(start.pages, 0)),
        }
    }
}

impl Capabilities {
    /// Copies a page from one frame to another, neither of whose capabilities is mapped now or afterwards.
    fn copy_through(&mut self, from: cap::Frame, to: u64) -> Result<(), KernelError> {
        let to = cap::Frame::from_bits(to);
        let show = |frame: cap::Frame, address, rights| {
            frame
                .map(SPACE, address, rights, VmAttributes::DEFAULT)
                .map_err(refused)
        };
        let beside = self.scratch.saturating_add(PAGE_BYTES);
        show(from, beside, CapRights::READ)?;
        if let Err(error) = show(to, self.scratch, CapRights::READ_WRITE) {
            let _ = from.unmap();
            return Err(error);
        }
        // SAFETY: (1) both frames are mapped since the calls above, the second to be written; (2) the start code sees to
        // one `Capabilities`, and nothing else uses these two pages.
        unsafe { copy_page(beside, self.scratch) };
        let unmapped = to.unmap().map_err(refused);
        from.unmap().map_err(refused)?;
        unmapped
    }
}

/// The slot as a path; both CNodes' capabilities carry the guard that makes all 64 bits of an address count.
pub const fn path(slot: Slot) -> sel4::Slot {
    match slot {
        Slot::Own(slot) => sel4::Slot::in_root(OWN, slot),
        Slot::Proc(slot) => sel4::Slot::in_root(PROC, slot),
        Slot::Limits(slot) => sel4::Slot::in_root(LIMITS, slot),
    }
}

/// The kernel's error as the core knows it.
pub const fn refused(error: sel4::Error) -> KernelError {
    // The kernel counts its errors from 1.
    KernelError((error as u8).saturating_add(1))
}

pub const fn rights(access: Access) -> CapRights {
    match access {
        Access::Read => CapRights::READ,
        Access::ReadWrite => CapRights::READ_WRITE,
    }
}

const fn kind(made: Made) -> (ObjectType, u8) {
    match made {
        Made::Untyped { bits } => (ObjectType::Untyped, bits),
        Made::Tcb => (ObjectType::Tcb, 0),
        #[expect(clippy::cast_possible_truncation, reason = "a radix is below 64")]
        Made::ClientCNode => (ObjectType::CNode, CLIENT_CNODE_RADIX as u8),
        Made::Root => (ObjectType::Pml4, 0),
        Made::Table(TableLevel::Pointers) => (ObjectType::Pdpt, 0),
        Made::Table(TableLevel::Directory) => (ObjectType::PageDirectory, 0),
        Made::Table(TableLevel::Table) => (ObjectType::PageTable, 0),
        Made::Frame => (ObjectType::SmallFrame, 0),
        Made::LargeFrame => (ObjectType::LargeFrame, 0),
        Made::Notification => (ObjectType::Notification, 0),
        Made::Endpoint => (ObjectType::Endpoint, 0),
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
        let (kind, size_bits) = kind(made);
        let (node, first) = match to {
            Slot::Own(slot) => (OWN, slot),
            Slot::Proc(slot) => (PROC, slot),
            Slot::Limits(slot) => (LIMITS, slot),
        };
        cap::Untyped::from_bits(untyped)
            .retype(kind, size_bits, node, first, count)
            .map_err(refused)
    }

    fn copy(&mut self, from: u64, to: Slot, access: Access) -> Result<(), KernelError> {
        path(to)
            .copy_from(path(Slot::Own(from)), rights(access))
            .map_err(refused)
    }

    fn mint_signal(&mut self, notification: u64, to: Slot) -> Result<(), KernelError> {
        let badge = Badge::Signal { bits: 1 };
        path(to)
            .mint_from(
                path(Slot::Own(notification)),
                CapRights::WRITE,
                badge.encode(),
            )
            .map_err(refused)
    }

    fn delete(&mut self, slot: u64) -> Result<(), KernelError> {
        path(Slot::Own(slot)).delete().map_err(refused)
    }

    fn revoke(&mut self, slot: u64) -> Result<(), KernelError> {
        path(Slot::Own(slot)).revoke().map_err(refused)
    }

    fn assign_asid(&mut self, pool: u8, root: u64) -> Result<(), KernelError> {
        let pool = memory_slots::ASID_POOL.saturating_add(u64::from(pool));
        cap::AsidPool::from_bits(pool)
            .assign(cap::Pml4::from_bits(root))
            .map_err(refused)
    }

    fn map_table(
        &mut self,
        table: u64,
        level: TableLevel,
        root: u64,
        address: u32,
    ) -> Result<(), KernelError> {
        let root = cap::Pml4::from_bits(root);
        let address = u64::from(address);
        let attributes = VmAttributes::DEFAULT;
        match level {
            TableLevel::Pointers => cap::Pdpt::from_bits(table).map(root, address, attributes),
            TableLevel::Directory => {
                cap::PageDirectory::from_bits(table).map(root, address, attributes)
            }
            TableLevel::Table => cap::PageTable::from_bits(table).map(root, address, attributes),
        }
        .map_err(refused)
    }

    fn unmap_table(&mut self, table: u64) -> Result<(), KernelError> {
        cap::PageTable::from_bits(table).unmap().map_err(refused)
    }

    fn map_frame(
        &mut self,
        frame: u64,
        root: u64,
        address: u32,
        access: Access,
    ) -> Result<(), KernelError> {
        let root = cap::Pml4::from_bits(root);
        cap::Frame::from_bits(frame)
            .map(
                root,
                u64::from(address),
                rights(access),
                VmAttributes::DEFAULT,
            )
            .map_err(refused)
    }

    fn remap_frame(&mut self, frame: u64, root: u64, access: Access) -> Result<(), KernelError> {
        let root = cap::Pml4::from_bits(root);
        cap::Frame::from_bits(frame)
            .remap(root, rights(access), VmAttributes::DEFAULT)
            .map_err(refused)
    }

    fn bar_frame(&mut self, frame: u64, root: u64) -> Result<(), KernelError> {
        let root = cap::Pml4::from_bits(root);
        // Without any rights the entry is the kernel's own.
        cap::Frame::from_bits(frame)
            .remap(root, CapRights::NONE, VmAttributes::DEFAULT)
            .map_err(refused)
    }

    fn copy_frame(&mut self, from: u64, to: u64) -> Result<(), KernelError> {
        // The frame may be mapped where a client sees it; through a copy of its capability it is mapped here as well.
        self.copy(from, Slot::Own(memory_slots::PEEK), Access::Read)?;
        let result = self.copy_through(cap::Frame::from_bits(memory_slots::PEEK), to);
        self.delete(memory_slots::PEEK)?;
        result
    }

    fn unmap_frame(&mut self, frame: u64) -> Result<(), KernelError> {
        cap::Frame::from_bits(frame).unmap().map_err(refused)
    }

    fn fill(&mut self, frame: u64, fill: Fill) -> Result<(), KernelError> {
        let frame = cap::Frame::from_bits(frame);
        frame
            .map(
                SPACE,
                self.scratch,
                CapRights::READ_WRITE,
                VmAttributes::DEFAULT,
            )
            .map_err(refused)?;
        // SAFETY: (1) the frame is mapped there since the call above, to be written; (2) the start code sees to one
        // `Capabilities`, and nothing else uses the scratch page.
        unsafe { self.archive.copy(fill, self.scratch) };
        frame.unmap().map_err(refused)
    }

    fn signal_news(&mut self) {
        cap::Notification::from_bits(memory_slots::NEWS).signal();
    }

    fn clear(&mut self, untyped: u64, priority: u8) -> Result<(), KernelError> {
        cleaner::start(untyped, priority).map_err(refused)
    }

    fn hasten(&mut self, priority: u8) -> Result<(), KernelError> {
        cleaner::set_priority(priority).map_err(refused)
    }

    fn cleared(&mut self) -> Option<Result<(), KernelError>> {
        cleaner::answer()
    }
}

/// The limits-server.
#[derive(Debug)]
pub struct Limits(Endpoint);

impl Limits {
    /// Over the endpoint that the root task handed out.
    pub const fn new() -> Self {
        Self(Endpoint::new(cap::Endpoint::from_bits(
            memory_slots::LIMITS,
        )))
    }
}

/// A message that the limits-server does not understand is an error of ours: nobody pays, so nothing is granted.
fn charge_refusal(error: CallError<ChargeRefusal>) -> ChargeRefusal {
    match error {
        CallError::Refused(refusal) => refusal,
        CallError::Protocol(_) => ChargeRefusal::UnknownGroup,
    }
}

impl Ledger for Limits {
    fn charge(&mut self, group: GroupId, amounts: Amounts) -> Result<(), ChargeRefusal> {
        call(&mut self.0, &Charge { group, amounts }).map_err(charge_refusal)
    }

    fn charge_some(
        &mut self,
        group: GroupId,
        each: Amounts,
        most: u32,
    ) -> Result<u32, ChargeRefusal> {
        call(&mut self.0, &ChargeSome { group, each, most }).map_err(charge_refusal)
    }

    fn charge_task(&mut self, task: TaskId, amounts: Amounts) -> Result<GroupId, ChargeRefusal> {
        call(&mut self.0, &ChargeTask { task, amounts }).map_err(charge_refusal)
    }

    fn band_of(&mut self, task: TaskId) -> u8 {
        // Of a task that it does not know nobody waits: the lowest band.
        call(&mut self.0, &ReadPlace { task }).map_or(u8::MAX, |place| place.band)
    }

    fn release(&mut self, group: GroupId, amounts: Amounts) -> bool {
        call(&mut self.0, &Release { group, amounts }).is_ok()
    }

    fn attach_ring(&mut self, request: AttachRing) -> bool {
        call(&mut self.0, &request).is_ok()
    }

    fn guarantee(&mut self, request: Guarantee) -> Result<u64, GuaranteeRefusal> {
        call(&mut self.0, &request).map_err(|error| match error {
            CallError::Refused(refusal) => refusal,
            // An error of ours: nothing is set aside.
            CallError::Protocol(_) => GuaranteeRefusal::UnknownGroup,
        })
    }

    fn set_aside(&mut self, who: Who, pages: u64) -> Aside {
        // If it does not understand, all of the machine's pages are others'.
        call(&mut self.0, &SetAside { who, pages }).unwrap_or(Aside {
            pages: u64::MAX,
            all: u64::MAX,
        })
    }

    fn wants_ground(&mut self) -> bool {
        call(&mut self.0, &WantsGround {}) == Ok(true)
    }

    fn add_tract(&mut self) -> bool {
        call(&mut self.0, &AddTract {}) == Ok(true)
    }

    fn withdraw_tract(&mut self) -> bool {
        call(&mut self.0, &WithdrawTract {}) == Ok(true)
    }

    fn detach_ring(&mut self, ring: RingId) -> bool {
        call(&mut self.0, &DetachRing { ring }).is_ok()
    }
}
