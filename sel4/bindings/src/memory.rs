//! Address spaces: their levels, and the frames in them.
//!
//! A mapping belongs to the capability it was made with: to map a frame twice, copy its capability.
//!
//! `GetStatusBits` of the kernel's XML is not here: this kernel refuses it on 64-bit machines.

use crate::generated::{self, vm_attributes};
use crate::{CapRights, Error, Result, Slot, cap};

/// How a mapping is cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct VmAttributes {
    word: u64,
}

impl VmAttributes {
    /// As memory usually is: cached, written back.
    pub const DEFAULT: Self = Self {
        word: vm_attributes::WRITE_BACK,
    };
    /// Cached, written through.
    pub const WRITE_THROUGH: Self = Self {
        word: vm_attributes::WRITE_THROUGH,
    };
    /// Not cached, unless the processor's range registers say otherwise.
    pub const CACHE_DISABLED: Self = Self {
        word: vm_attributes::CACHE_DISABLED,
    };
    /// Not cached.
    pub const UNCACHEABLE: Self = Self {
        word: vm_attributes::UNCACHEABLE,
    };
    /// Writes gathered: for screens.
    pub const WRITE_COMBINING: Self = Self {
        word: vm_attributes::WRITE_COMBINING,
    };
}

impl cap::AsidControl {
    /// Makes a pool for 512 address spaces out of 4 KiB of untyped memory.
    pub fn make_pool(self, untyped: cap::Untyped, to: Slot) -> Result<()> {
        generated::x86_asid_control_make_pool(
            self.bits(),
            untyped.bits(),
            to.root.bits(),
            to.index,
            to.depth,
        )
    }
}

impl cap::AsidPool {
    /// Gives a root its number, without which nothing can be mapped below it.
    pub fn assign(self, root: cap::Pml4) -> Result<()> {
        generated::x86_asid_pool_assign(self.bits(), root.bits())
    }
}

macro_rules! levels {
    ($($kind:ident: $map:ident, $unmap:ident;)*) => {
        $(impl cap::$kind {
            /// Makes this the level for the addresses around `address`. The level above must be there.
            pub fn map(self, vspace: cap::Pml4, address: u64, attributes: VmAttributes) -> Result<()> {
                generated::$map(self.bits(), vspace.bits(), address, attributes.word)
            }

            /// Takes it out again.
            pub fn unmap(self) -> Result<()> {
                generated::$unmap(self.bits())
            }
        })*
    };
}

levels! {
    Pdpt: x86_pdpt_map, x86_pdpt_unmap;
    PageDirectory: x86_page_directory_map, x86_page_directory_unmap;
    PageTable: x86_page_table_map, x86_page_table_unmap;
}

impl cap::Frame {
    /// Maps the frame, with as many of the `rights` as its capability has.
    ///
    /// [`FailedLookup`](Error::FailedLookup) means that a level is missing,
    /// [`DeleteFirst`](Error::DeleteFirst) that something is mapped there.
    pub fn map(
        self,
        vspace: cap::Pml4,
        address: u64,
        rights: CapRights,
        attributes: VmAttributes,
    ) -> Result<()> {
        generated::x86_page_map(
            self.bits(),
            vspace.bits(),
            address,
            rights.word(),
            attributes.word,
        )
    }

    /// Changes the rights or the attributes of the mapping that this capability has.
    pub fn remap(
        self,
        vspace: cap::Pml4,
        rights: CapRights,
        attributes: VmAttributes,
    ) -> Result<()> {
        generated::x86_page_remap(self.bits(), vspace.bits(), rights.word(), attributes.word)
    }

    /// Takes the mapping out. Does nothing if there is none.
    pub fn unmap(self) -> Result<()> {
        match generated::x86_page_unmap(self.bits()) {
            // For a frame that is not mapped the kernel returns without an answer (`vspace.c`, `X86PageUnmap`), so that
            // our own label stands there, which is larger than that of any error.
            Err(Error::Unknown) => Ok(()),
            answer => answer,
        }
    }

    /// Where the frame is in the machine.
    pub fn physical_address(self) -> Result<u64> {
        generated::x86_page_get_address(self.bits())
    }
}
