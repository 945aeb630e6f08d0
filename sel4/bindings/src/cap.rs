//! Capabilities, by their address and their kind.
//!
//! A [`Cap`] is the number by which the running thread's CSpace finds a capability, together with what the program
//! takes the capability for. It is a plain number: holding one proves nothing, and the kernel checks every use.

use core::fmt;
use core::marker::PhantomData;

/// The address of a capability for a `T`, one of the types of [`kind`].
pub struct Cap<T> {
    bits: u64,
    kind: PhantomData<fn() -> T>,
}

impl<T> Cap<T> {
    /// The address of no capability.
    pub const NULL: Self = Self::from_bits(0);

    /// The capability at that address.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self {
            bits,
            kind: PhantomData,
        }
    }

    /// The address.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.bits
    }

    /// The same address, taken for another kind.
    #[must_use]
    pub const fn cast<U>(self) -> Cap<U> {
        Cap::from_bits(self.bits)
    }
}

impl<T> Clone for Cap<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Cap<T> {}

impl<T> PartialEq for Cap<T> {
    fn eq(&self, other: &Self) -> bool {
        self.bits == other.bits
    }
}

impl<T> Eq for Cap<T> {}

impl<T> fmt::Debug for Cap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = core::any::type_name::<T>();
        write!(
            f,
            "{}({:#x})",
            kind.rsplit("::").next().unwrap_or(kind),
            self.bits
        )
    }
}

macro_rules! kinds {
    ($($(#[$meta:meta])* $name:ident)*) => {
        /// The kinds of capabilities, as type parameters.
        pub mod kind {
            $($(#[$meta])* #[derive(Clone, Copy, Debug)] pub enum $name {})*
        }

        $($(#[$meta])* pub type $name = Cap<kind::$name>;)*
    };
}

kinds! {
    /// Where messages meet: callers send to it, servers receive from it.
    Endpoint
    /// A word of bits that signals set and a wait takes.
    Notification
    /// The right to answer one call, once.
    Reply
    /// A thread.
    Tcb
    /// A table of capabilities.
    CNode
    /// Memory that objects are made of.
    Untyped
    /// Memory that can be mapped: 4 KiB or 2 MiB.
    Frame
    /// The lowest level of an address space: maps 2 MiB in small frames.
    PageTable
    /// The second level: maps 1 GiB.
    PageDirectory
    /// The third level: maps 512 GiB.
    Pdpt
    /// The root of an address space.
    Pml4
    /// Numbers for 512 address spaces.
    AsidPool
    /// The right to make pools of address-space numbers.
    AsidControl
    /// The right to use ports of the processor's input and output space.
    IoPort
    /// The right to make interrupt handlers.
    IrqControl
    /// The right to hear of one interrupt.
    IrqHandler
    /// The right to move threads between domains.
    DomainSet
    /// A capability of which the kind does not matter.
    Unspecified
}
