//! The plan's words in the kernel's: object types, rights, slots.

use boot_core::grants::Rights;
use boot_core::object::{Item, Kind};
use boot_core::plan::BootPlan;
use interfaces::ServerName;
use sel4::cap::{self, Cap};
use sel4::{CapRights, ObjectType, Slot, init, object_bits};

/// The kernel's type of a kind.
pub const fn object_type(kind: Kind) -> ObjectType {
    match kind {
        Kind::Untyped => ObjectType::Untyped,
        Kind::Tcb => ObjectType::Tcb,
        Kind::Endpoint => ObjectType::Endpoint,
        Kind::Notification => ObjectType::Notification,
        Kind::CNode => ObjectType::CNode,
        Kind::Pml4 => ObjectType::Pml4,
        Kind::Pdpt => ObjectType::Pdpt,
        Kind::PageDirectory => ObjectType::PageDirectory,
        Kind::PageTable => ObjectType::PageTable,
        Kind::SmallFrame => ObjectType::SmallFrame,
        Kind::LargeFrame => ObjectType::LargeFrame,
    }
}

// The plan counts with sizes of its own, as it knows no kernel: they must be this kernel's.
const _: () = {
    let mut place = 0;
    while place < Kind::ALL.len() {
        #[expect(
            clippy::indexing_slicing,
            reason = "evaluated at compile time, within the length"
        )]
        let kind = Kind::ALL[place];
        assert!(kind.bits(13) == object_bits(object_type(kind), 13));
        place += 1;
    }
};

/// The kernel's form of rights.
pub const fn rights(rights: Rights) -> CapRights {
    CapRights::new(rights.grant, rights.read, rights.write)
}

/// A slot of the root task's own CNode.
pub const fn own(slot: u64) -> Slot {
    Slot::in_root(init::CNODE, slot)
}

/// A slot of a server's CNode.
pub fn of(plan: &BootPlan, server: ServerName, slot: u64) -> Slot {
    Slot::new(
        cnode(plan, server),
        slot,
        plan.servers.of(server).cnode_radix,
    )
}

/// A server's CNode.
pub fn cnode(plan: &BootPlan, server: ServerName) -> cap::CNode {
    Cap::from_bits(plan.slot(Item::CNode(server)))
}

/// A server's thread.
pub fn tcb(plan: &BootPlan, server: ServerName) -> cap::Tcb {
    Cap::from_bits(plan.slot(Item::Tcb(server)))
}

/// A server's address space.
pub fn space(plan: &BootPlan, server: ServerName) -> cap::Pml4 {
    Cap::from_bits(plan.slot(Item::Space(server)))
}
