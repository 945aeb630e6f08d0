//! What the memory-server cannot do by deciding: system calls, and charges at the limits-server.
//!
//! Both are traits, so that every sequence of operations runs on the host as well, against a kernel that fails the
//! n-th call and a ledger that counts.

use interfaces::accounting::{Aside, AttachRing, ChargeRefusal, Guarantee, GuaranteeRefusal, Who};
use interfaces::events::RingId;
use interfaces::memory::Access;
use interfaces::{Amounts, GroupId, TaskId};

use crate::owner::TableLevel;
use crate::program::Fill;
use crate::witness::Witness;

/// A system call was refused, with the kernel's error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelError(pub u8);

/// What an untyped is retyped into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// A smaller untyped.
    Untyped {
        /// Its size, as a power of two of bytes.
        bits: u8,
    },
    /// A thread.
    Tcb,
    /// A client's CNode.
    ClientCNode,
    /// The root of an address space.
    Root,
    /// A page table below the root.
    Table(TableLevel),
    /// A frame of 4 KiB.
    Frame,
    /// A frame of 2 MiB.
    LargeFrame,
    /// A notification, in a page that nobody else can use the rest of.
    Notification,
    /// An endpoint.
    Endpoint,
}

/// A slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// Of the memory-server's own CNode.
    Own(u64),
    /// Of the proc-server's CNode.
    Proc(u64),
    /// Of the limits-server's CNode.
    Limits(u64),
}

/// The system calls. Each may fail; one that fails has changed nothing.
///
/// Plain numbers are slots of the memory-server's own CNode.
pub trait Kernel: Witness {
    /// Retypes an untyped into `count` objects, in consecutive empty slots from `to` on.
    fn retype(&mut self, untyped: u64, made: Made, to: Slot, count: u64)
    -> Result<(), KernelError>;

    /// Copies a capability into an empty slot, with rights to do only as much.
    fn copy(&mut self, from: u64, to: Slot, access: Access) -> Result<(), KernelError>;

    /// Makes a capability to signal a notification, and nothing else, in an empty slot. Its badge is that of news.
    fn mint_signal(&mut self, notification: u64, to: Slot) -> Result<(), KernelError>;

    /// Deletes a capability; the object goes with its last one. A frame is unmapped with its last one only.
    fn delete(&mut self, slot: u64) -> Result<(), KernelError>;

    /// Deletes everything that was made or copied from a capability.
    fn revoke(&mut self, slot: u64) -> Result<(), KernelError>;

    /// Gives an address-space root an ASID of the pool.
    fn assign_asid(&mut self, pool: u8, root: u64) -> Result<(), KernelError>;

    /// Puts a page table into an address space.
    fn map_table(
        &mut self,
        table: u64,
        level: TableLevel,
        root: u64,
        address: u32,
    ) -> Result<(), KernelError>;

    /// Takes a page table of the lowest level out of its address space, and everything out of it: none of the capabilities
    /// mapped through it is shown any more, though each is still that mapping's.
    fn unmap_table(&mut self, table: u64) -> Result<(), KernelError>;

    /// Maps a frame whose capability is not mapped.
    fn map_frame(
        &mut self,
        frame: u64,
        root: u64,
        address: u32,
        access: Access,
    ) -> Result<(), KernelError>;

    /// Changes what the capability's mapping, which is in this address space, allows. It is shown then, if it was not.
    fn remap_frame(&mut self, frame: u64, root: u64, access: Access) -> Result<(), KernelError>;

    /// Leaves the capability's mapping where it is, but for nobody to use: a touch is a fault, until it is changed again.
    fn bar_frame(&mut self, frame: u64, root: u64) -> Result<(), KernelError>;

    /// Copies what is in a frame into another, whose capability is not mapped.
    fn copy_frame(&mut self, from: u64, to: u64) -> Result<(), KernelError>;

    /// Takes the capability's mapping away.
    fn unmap_frame(&mut self, frame: u64) -> Result<(), KernelError>;

    /// Copies from the archive into a frame whose capability is not mapped.
    fn fill(&mut self, frame: u64, fill: Fill) -> Result<(), KernelError>;

    /// Tells the proc-server that a report waits.
    fn signal_news(&mut self);

    /// Has somebody else clear a block, whose untyped is in this slot, at this priority: delete what it is split into, and
    /// let the kernel clear it. One block at a time; until [`Kernel::cleared`] says so nothing is to be done with it.
    fn clear(&mut self, untyped: u64, priority: u8) -> Result<(), KernelError>;

    /// Lets that go on at another priority.
    fn hasten(&mut self, priority: u8) -> Result<(), KernelError>;

    /// How that ended; nothing if it has not. What failed can be asked for again.
    fn cleared(&mut self) -> Option<Result<(), KernelError>>;
}

/// The charges. Each counts at every level or at none.
pub trait Ledger {
    /// Charges a group.
    fn charge(&mut self, group: GroupId, amounts: Amounts) -> Result<(), ChargeRefusal>;

    /// Charges a group for one of something, and for as many more of it, up to `most`, as it can easily spare. Returns how
    /// many; at least one.
    fn charge_some(
        &mut self,
        group: GroupId,
        each: Amounts,
        most: u32,
    ) -> Result<u32, ChargeRefusal>;

    /// Charges the group that a born task is in now.
    fn charge_task(&mut self, task: TaskId, amounts: Amounts) -> Result<GroupId, ChargeRefusal>;

    /// The band of the group that a born task is in.
    fn band_of(&mut self, task: TaskId) -> u8;

    /// Gives back what was charged. Returns whether the ledger had it.
    fn release(&mut self, group: GroupId, amounts: Amounts) -> bool;

    /// Tells the limits-server that a ring is there. Returns whether it takes it.
    fn attach_ring(&mut self, request: AttachRing) -> bool;

    /// Has pages set aside for a group, or not any more. Gives what was guaranteed before.
    fn guarantee(&mut self, request: Guarantee) -> Result<u64, GuaranteeRefusal>;

    /// Asks what is set aside for others than whoever wants so many pages.
    fn set_aside(&mut self, who: Who, pages: u64) -> Aside;

    /// Asks whether every place for a group is taken, and there can be more.
    fn wants_ground(&mut self) -> bool;

    /// Tells the limits-server that a tract more is mapped. Returns whether it takes it.
    fn add_tract(&mut self) -> bool;

    /// Asks the limits-server for its last tract. Returns whether it has let go of it.
    fn withdraw_tract(&mut self) -> bool;

    /// Tells the limits-server that a ring is about to go. Returns whether it has let go of it.
    fn detach_ring(&mut self, ring: RingId) -> bool;
}
