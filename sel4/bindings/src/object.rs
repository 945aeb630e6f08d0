//! Kernel objects: their types, their sizes, and how they come out of untyped memory.

use crate::generated::{self, object_type};
use crate::{Result, Slot, cap};

/// What untyped memory can become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum ObjectType {
    /// Smaller untyped memory.
    Untyped = object_type::UNTYPED_OBJECT,
    /// A thread.
    Tcb = object_type::TCB_OBJECT,
    /// An endpoint.
    Endpoint = object_type::ENDPOINT_OBJECT,
    /// A notification.
    Notification = object_type::NOTIFICATION_OBJECT,
    /// A table of capabilities.
    CNode = object_type::CAP_TABLE_OBJECT,
    /// The third level of an address space.
    Pdpt = object_type::X86_PDPT_OBJECT,
    /// The root of an address space.
    Pml4 = object_type::X64_PML4_OBJECT,
    /// A frame of 4 KiB.
    SmallFrame = object_type::X86_4_K,
    /// A frame of 2 MiB.
    LargeFrame = object_type::X86_LARGE_PAGE_OBJECT,
    /// The lowest level of an address space.
    PageTable = object_type::X86_PAGE_TABLE_OBJECT,
    /// The second level of an address space.
    PageDirectory = object_type::X86_PAGE_DIRECTORY_OBJECT,
}

/// A number of the kernel's headers that is the power of two of a size.
#[expect(clippy::cast_possible_truncation, reason = "at most 64")]
const fn bits(number: u64) -> u8 {
    number as u8
}

/// A slot takes two to this power bytes of its `CNode`.
pub const SLOT_BITS: u8 = bits(generated::SLOT_BITS);
/// A thread takes two to this power bytes.
pub const TCB_BITS: u8 = bits(generated::TCB_BITS);
/// A small frame has two to this power bytes.
pub const SMALL_FRAME_BITS: u8 = bits(generated::PAGE_BITS);
/// A large frame has two to this power bytes.
pub const LARGE_FRAME_BITS: u8 = bits(generated::LARGE_PAGE_BITS);
/// The most objects that one retype can make.
pub const MAX_RETYPE: u64 = generated::UNTYPED_RETYPE_MAX_OBJECTS;

/// The object takes two to this power bytes.
///
/// `size_bits` is what [`retype`](cap::Untyped::retype) takes: the power itself for untyped memory, the power of the
/// number of slots for a `CNode`, and without meaning for all others.
#[must_use]
pub const fn object_bits(kind: ObjectType, size_bits: u8) -> u8 {
    match kind {
        ObjectType::Untyped => size_bits,
        ObjectType::CNode => size_bits.saturating_add(SLOT_BITS),
        ObjectType::Tcb => TCB_BITS,
        ObjectType::Endpoint => bits(generated::ENDPOINT_BITS),
        ObjectType::Notification => bits(generated::NOTIFICATION_BITS),
        ObjectType::Pdpt => bits(generated::PDPT_BITS),
        ObjectType::Pml4 => bits(generated::PML4_BITS),
        ObjectType::SmallFrame => SMALL_FRAME_BITS,
        ObjectType::LargeFrame => LARGE_FRAME_BITS,
        ObjectType::PageTable => bits(generated::PAGE_TABLE_BITS),
        ObjectType::PageDirectory => bits(generated::PAGE_DIR_BITS),
    }
}

impl cap::Untyped {
    /// Makes `count` objects, their capabilities in consecutive slots of `node`, which this thread's CSpace finds.
    ///
    /// The kernel clears the memory of what it makes, and of the whole untyped when its last child is gone.
    pub fn retype(
        self,
        kind: ObjectType,
        size_bits: u8,
        node: cap::CNode,
        first_slot: u64,
        count: u64,
    ) -> Result<()> {
        self.retype_at(kind, size_bits, Slot::new(node, 0, 0), first_slot, count)
    }

    /// The same, into a `CNode` that is found by a path.
    pub fn retype_at(
        self,
        kind: ObjectType,
        size_bits: u8,
        node: Slot,
        first_slot: u64,
        count: u64,
    ) -> Result<()> {
        generated::untyped_retype(
            self.bits(),
            kind as u64,
            u64::from(size_bits),
            node.root.bits(),
            node.index,
            u64::from(node.depth),
            first_slot,
            count,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_kernel() {
        assert_eq!(object_bits(ObjectType::Tcb, 0), 11);
        assert_eq!(object_bits(ObjectType::CNode, 4), 9);
        assert_eq!(object_bits(ObjectType::Untyped, 20), 20);
        assert_eq!(object_bits(ObjectType::LargeFrame, 0), 21);
        assert_eq!(object_bits(ObjectType::Endpoint, 0), 4);
    }
}
