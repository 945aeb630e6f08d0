//! Questions about a capability that change nothing, whatever it turns out to be.
//!
//! The kernel has few invocations that only tell. But it checks before it does, in a fixed order, and says what failed;
//! so a request of which one condition can never hold tells which of the others do:
//!
//! - An invocation without its parameters is cut short ([`Error::TruncatedMessage`]) to the kind of object that knows it,
//!   and unknown to all others (`src/object/objecttype.c`, `decodeInvocation`).
//! - More memory than there can be is never made of untyped memory, and the refusal says how much is left
//!   (`src/object/untyped.c`).
//! - What is mapped already is refused before the address space is looked at, in which it could not be mapped anyway
//!   because that is none (`src/arch/x86/kernel/vspace.c`).
//!
//! Never ask through a capability that lets send: that is a message. A copy without rights can always be asked.

use crate::generated::label;
use crate::{Error, MessageInfo, Slot, cap, ipc_buffer, system};

/// What can be told from another kind by an invocation cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A thread.
    Tcb,
    /// A table of capabilities.
    CNode,
    /// Untyped memory.
    Untyped,
    /// A frame.
    Frame,
    /// The lowest level of an address space.
    PageTable,
    /// The second.
    PageDirectory,
    /// The third.
    Pdpt,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Tcb,
        Self::CNode,
        Self::Untyped,
        Self::Frame,
        Self::PageTable,
        Self::PageDirectory,
        Self::Pdpt,
    ];

    /// An invocation that needs parameters.
    const fn label(self) -> u64 {
        match self {
            Self::Tcb => label::TCB_READ_REGISTERS,
            Self::CNode => label::CNODE_DELETE,
            Self::Untyped => label::UNTYPED_RETYPE,
            Self::Frame => label::X86_PAGE_MAP,
            Self::PageTable => label::X86_PAGE_TABLE_MAP,
            Self::PageDirectory => label::X86_PAGE_DIRECTORY_MAP,
            Self::Pdpt => label::X86_PDPT_MAP,
        }
    }
}

/// The size, as a power of two of bytes, of what there is never room for (`seL4_MaxUntypedBits`).
const TOO_LARGE: u64 = 47;

impl cap::Unspecified {
    /// Whether it is of this kind.
    #[must_use]
    pub fn is(self, kind: Kind) -> bool {
        let info = MessageInfo::new(kind.label(), 0, 0, 0);
        let (answer, _) = system::call(self.bits(), info, [0; 4]);
        Error::check(answer) == Err(Error::TruncatedMessage)
    }

    /// Why it cannot be used as it is. [`Error::InvalidCapability`] if it is an endpoint or a notification without the right
    /// to send, or nothing.
    #[must_use]
    pub fn complaint(self) -> Option<Error> {
        let info = MessageInfo::new(label::CNODE_SAVE_CALLER, 0, 0, 0);
        let (answer, _) = system::call(self.bits(), info, [0; 4]);
        Error::check(answer).err()
    }

    /// Whether it is mapped, if it is of a kind that can be. `no_space` is anything but the root of an address space.
    #[must_use]
    pub fn is_mapped(self, kind: Kind, no_space: cap::CNode) -> Option<bool> {
        ipc_buffer::set_extra_cap_word(0, no_space.bits());
        let info = MessageInfo::new(kind.label(), 0, 1, 3);
        let (answer, [which, ..]) = system::call(self.bits(), info, [0; 4]);
        match (Error::check(answer), which) {
            // Itself, or the address space.
            (Err(Error::InvalidCapability), 0) => Some(true),
            (Err(Error::InvalidCapability), 1) => Some(false),
            _ => None,
        }
    }
}

impl cap::Untyped {
    /// How many bytes of it nothing is made of; all of them if everything that was made is gone. Nothing if it is no
    /// untyped memory. `root` is any `CNode` of which this slot, of as many as its last level has, is empty.
    #[must_use]
    pub fn unused(self, root: cap::CNode, empty: u64) -> Option<u64> {
        ipc_buffer::set_extra_cap_word(0, root.bits());
        ipc_buffer::set_ipc_buffer_word(4, empty);
        ipc_buffer::set_ipc_buffer_word(5, 1);
        let info = MessageInfo::new(label::UNTYPED_RETYPE, 0, 1, 6);
        let untyped = crate::ObjectType::Untyped as u64;
        let (answer, [left, ..]) = system::call(self.bits(), info, [untyped, TOO_LARGE, 0, 0]);
        (Error::check(answer) == Err(Error::NotEnoughMemory)).then_some(left)
    }
}

impl cap::Pml4 {
    /// Whether it is the root of an address space that has its number. `frame` is one that is not mapped.
    #[must_use]
    pub fn is_root(self, frame: cap::Frame) -> bool {
        // No address space reaches so far; the root is looked at first.
        const BEYOND: u64 = u64::MAX << 13;
        let attributes = crate::VmAttributes::DEFAULT;
        let result = frame.map(self, BEYOND, crate::CapRights::READ, attributes);
        result == Err(Error::InvalidArgument)
    }
}

impl Slot {
    /// Whether anything is here. `nothing` is a slot that is empty.
    #[must_use]
    pub fn is_taken(self, nothing: Self) -> bool {
        // Of nothing there is no copy; that the place is taken is seen before.
        let result = self.copy_from(nothing, crate::CapRights::ALL);
        result == Err(Error::DeleteFirst)
    }
}
