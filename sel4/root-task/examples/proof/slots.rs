//! Slots and untyped memory, taken one after the other; and what can be done with slots.

use sel4::cap::{self, Cap};
use sel4::{BootInfo, CapData, CapRights, Error, ObjectType, Slot, init};
use sel4_root_task::println;

use crate::must;

/// What is still free.
pub struct Pool {
    next: u64,
    end: u64,
    untyped: cap::Untyped,
    /// Where the untyped memory is.
    pub physical: core::ops::Range<u64>,
}

/// The slot at an address of our own CSpace.
pub fn slot(address: u64) -> Slot {
    Slot::in_root(init::CNODE, address)
}

impl Pool {
    /// All empty slots, and the largest piece of untyped memory.
    pub fn of(info: BootInfo) -> Self {
        let empty = info.empty();
        let memory = info.untypeds().filter(|untyped| !untyped.is_device);
        let Some(largest) = memory.max_by_key(|untyped| untyped.size_bits) else {
            panic!("no memory")
        };
        let size = 1_u64
            .checked_shl(largest.size_bits.into())
            .unwrap_or(u64::MAX);
        let end = largest.physical_address.saturating_add(size);
        Self {
            next: empty.start,
            end: empty.end,
            untyped: Cap::from_bits(largest.slot),
            physical: largest.physical_address..end,
        }
    }

    /// An empty slot.
    pub fn slot(&mut self) -> u64 {
        self.slots(1)
    }

    /// The first of so many empty slots.
    pub fn slots(&mut self, count: u64) -> u64 {
        let first = self.next;
        self.next = first.saturating_add(count);
        assert!(self.next <= self.end, "out of slots");
        first
    }

    /// A new object.
    pub fn make(&mut self, kind: ObjectType, size_bits: u8) -> Cap<cap::kind::Unspecified> {
        let slot = self.slot();
        must(
            "retype",
            self.untyped.retype(kind, size_bits, init::CNODE, slot, 1),
        );
        Cap::from_bits(slot)
    }

    /// The untyped memory.
    pub fn untyped(&self) -> cap::Untyped {
        self.untyped
    }
}

/// Tries everything that slots can do.
pub fn run(pool: &mut Pool) {
    // A CNode of 16 slots, and a capability for it with the guard that makes it a CSpace.
    let node: cap::CNode = pool.make(ObjectType::CNode, 4).cast();
    let guarded = pool.slot();
    let guard = CapData::skip_guard(4);
    must(
        "mint a guard",
        slot(guarded).mint_guard_from(slot(node.bits()), CapRights::ALL, guard),
    );
    let inner = |index| Slot::in_root(Cap::from_bits(guarded), index);

    let endpoint = pool.make(ObjectType::Endpoint, 0);
    let original = slot(endpoint.bits());
    must("copy", inner(1).copy_from(original, CapRights::WRITE_GRANT));
    must(
        "mint",
        inner(2).mint_from(original, CapRights::ALL, 0x0abc_def1),
    );
    must("move", inner(3).move_from(inner(1)));
    assert_eq!(
        inner(1).copy_from(inner(1), CapRights::ALL),
        Err(Error::FailedLookup),
        "moved away"
    );
    assert_eq!(
        inner(3).copy_from(original, CapRights::ALL),
        Err(Error::DeleteFirst),
        "taken"
    );
    must("move on", inner(4).move_from(inner(3)));
    must("cancel badged sends", inner(2).cancel_badged_sends());
    must("delete", inner(2).delete());
    // Only a guard can be changed on the way: a badge is for ever.
    let moved = slot(pool.slot());
    must(
        "copy the CNode",
        moved.copy_from(slot(node.bits()), CapRights::ALL),
    );
    let mutated = slot(pool.slot());
    let guard = CapData::skip_guard(4);
    must("mutate", mutated.mutate_from(moved, guard));
    let rotated = slot(pool.slot());
    must(
        "rotate",
        rotated.rotate(mutated, guard, slot(guarded), guard),
    );
    must(
        "rotate back",
        slot(guarded).rotate(mutated, guard, rotated, guard),
    );
    must("revoke", original.revoke());
    assert_eq!(
        inner(1).move_from(inner(4)),
        Err(Error::FailedLookup),
        "revoked"
    );

    // Straight into another CNode, found by a path of 64 bits.
    let path = slot(node.bits());
    let untyped = pool.untyped();
    must(
        "retype into a CNode",
        untyped.retype_at(ObjectType::Endpoint, 0, path, 7, 3),
    );
    must("delete what was made there", inner(9).delete());
    assert_eq!(
        untyped.retype(ObjectType::Endpoint, 0, init::CNODE, 1, 1),
        Err(Error::DeleteFirst),
        "our own thread is there"
    );
    println!("slots: ok");
}
