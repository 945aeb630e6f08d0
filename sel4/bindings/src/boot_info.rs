//! What the kernel tells the first program: its slots, its memory.
//!
//! The page is packed, so every word is read by its bytes, at the places that the kernel's header gives.

use core::fmt;

use crate::generated::{boot_info as layout, untyped_description};

/// A run of slots of the root task's `CNode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotRegion {
    /// The first one.
    pub start: u64,
    /// The one after the last one.
    pub end: u64,
}

impl SlotRegion {
    /// How many.
    #[must_use]
    pub const fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Their addresses.
    #[must_use]
    pub fn iter(self) -> core::ops::Range<u64> {
        self.start..self.end
    }
}

impl IntoIterator for SlotRegion {
    type Item = u64;
    type IntoIter = core::ops::Range<u64>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Untyped memory, as the kernel describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UntypedDescription {
    /// Its slot.
    pub slot: u64,
    /// Where it starts in the machine.
    pub physical_address: u64,
    /// It has two to this power bytes.
    pub size_bits: u8,
    /// Whether it is a device's: never cleared, good for frames only.
    pub is_device: bool,
}

/// The kernel's page of information.
#[derive(Clone, Copy)]
pub struct BootInfo {
    start: *const u8,
}

impl BootInfo {
    /// The information at that address: what the root task is started with.
    ///
    /// # Safety
    ///
    /// `address` must be that of a bootinfo page of the kernel, which stays mapped and unchanged.
    #[must_use]
    pub const unsafe fn from_address(address: usize) -> Self {
        Self {
            start: core::ptr::with_exposed_provenance(address),
        }
    }

    /// Slots that are empty.
    #[must_use]
    pub fn empty(self) -> SlotRegion {
        self.region(layout::EMPTY)
    }

    /// Frames shared with other processors' root tasks.
    #[must_use]
    pub fn shared_frames(self) -> SlotRegion {
        self.region(layout::SHARED_FRAMES)
    }

    /// The frames of the root task's image, from its lowest address to its highest, holes included.
    #[must_use]
    pub fn user_image_frames(self) -> SlotRegion {
        self.region(layout::USER_IMAGE_FRAMES)
    }

    /// The levels of the root task's address space.
    #[must_use]
    pub fn user_image_paging(self) -> SlotRegion {
        self.region(layout::USER_IMAGE_PAGING)
    }

    /// The frames of what the kernel has to say besides.
    #[must_use]
    pub fn extra_pages(self) -> SlotRegion {
        self.region(layout::EXTRA_BI_PAGES)
    }

    /// The untyped memory.
    #[must_use]
    pub fn untyped(self) -> SlotRegion {
        self.region(layout::UNTYPED)
    }

    /// The untyped memory, each piece described.
    pub fn untypeds(self) -> impl Iterator<Item = UntypedDescription> {
        self.untyped()
            .iter()
            .zip(0_usize..)
            .map(move |(slot, index)| {
                let at =
                    layout::UNTYPED_LIST.wrapping_add(index.wrapping_mul(untyped_description::END));
                UntypedDescription {
                    slot,
                    physical_address: self.word(at.wrapping_add(untyped_description::PADDR)),
                    size_bits: self.byte(at.wrapping_add(untyped_description::SIZE_BITS)),
                    is_device: self.byte(at.wrapping_add(untyped_description::IS_DEVICE)) != 0,
                }
            })
    }

    /// Where the root task's IPC buffer is.
    #[must_use]
    pub fn ipc_buffer(self) -> u64 {
        self.word(layout::IPC_BUFFER)
    }

    /// The root task's `CNode` has two to this power slots.
    #[must_use]
    pub fn cnode_size_bits(self) -> u8 {
        self.byte(layout::INIT_THREAD_CNODE_SIZE_BITS)
    }

    /// How fast the time stamp counter runs, in MHz.
    #[must_use]
    pub fn tsc_megahertz(self) -> u64 {
        self.word(layout::ARCH_INFO)
    }

    /// How many processors the kernel runs on.
    #[must_use]
    pub fn node_count(self) -> u64 {
        self.word(layout::NUM_NODES)
    }

    fn region(self, offset: usize) -> SlotRegion {
        SlotRegion {
            start: self.word(offset),
            end: self.word(offset.wrapping_add(size_of::<u64>())),
        }
    }

    fn word(self, offset: usize) -> u64 {
        // SAFETY: the offset is that of a member of the page, which is there for whoever made this value, in
        // `from_address`, vouched for it.
        unsafe {
            self.start
                .wrapping_add(offset)
                .cast::<u64>()
                .read_unaligned()
        }
    }

    fn byte(self, offset: usize) -> u8 {
        // SAFETY: as in `word`.
        unsafe { self.start.wrapping_add(offset).read() }
    }
}

impl fmt::Debug for BootInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BootInfo")
            .field("empty", &self.empty())
            .field("user_image_frames", &self.user_image_frames())
            .field("untyped", &self.untyped())
            .field("ipc_buffer", &self.ipc_buffer())
            .finish_non_exhaustive()
    }
}

/// The capabilities that the root task starts with.
pub mod init {
    use crate::cap;
    use crate::cap::Cap;
    use crate::generated::initial_slot;

    /// Its thread.
    pub const TCB: cap::Tcb = Cap::from_bits(initial_slot::INIT_THREAD_TCB);
    /// Its `CNode`, the root of its CSpace.
    pub const CNODE: cap::CNode = Cap::from_bits(initial_slot::INIT_THREAD_CNODE);
    /// Its address space.
    pub const VSPACE: cap::Pml4 = Cap::from_bits(initial_slot::INIT_THREAD_VSPACE);
    /// The right to make interrupt handlers.
    pub const IRQ_CONTROL: cap::IrqControl = Cap::from_bits(initial_slot::IRQ_CONTROL);
    /// The right to make pools of address-space numbers.
    pub const ASID_CONTROL: cap::AsidControl = Cap::from_bits(initial_slot::ASID_CONTROL);
    /// The first pool of address-space numbers.
    pub const ASID_POOL: cap::AsidPool = Cap::from_bits(initial_slot::INIT_THREAD_ASID_POOL);
    /// All ports.
    pub const IO_PORT: cap::IoPort = Cap::from_bits(initial_slot::IO_PORT);
    /// The page of this information.
    pub const BOOT_INFO_FRAME: cap::Frame = Cap::from_bits(initial_slot::BOOT_INFO_FRAME);
    /// The page of its IPC buffer.
    pub const IPC_BUFFER: cap::Frame = Cap::from_bits(initial_slot::INIT_THREAD_IPC_BUFFER);
    /// The right to move threads between domains.
    pub const DOMAIN: cap::DomainSet = Cap::from_bits(initial_slot::DOMAIN);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page as the kernel writes it: at the given places, these words.
    fn page(words: &[(usize, u64)], bytes: &[(usize, u8)]) -> [u8; 4096] {
        let mut page = [0; 4096];
        for &(place, word) in words {
            page[place..][..8].copy_from_slice(&word.to_le_bytes());
        }
        for &(place, byte) in bytes {
            page[place] = byte;
        }
        page
    }

    #[test]
    fn a_packed_page_is_read_where_the_kernel_writes() {
        // As found in a running system: regions from byte 40, the CNode's size at 136, the untyped region at 153.
        let page = page(
            &[
                (32, 0x40_5000),
                (40, 300),
                (48, 65536),
                (145, 2400),
                (153, 100),
                (161, 102),
                (169, 0x10_0000),
                (181, 0xfee0_0000),
            ],
            &[(136, 16), (179, 20), (191, 12), (192, 1)],
        );
        // SAFETY: it is a page like the kernel's, and outlives the value.
        let info = unsafe { BootInfo::from_address(page.as_ptr().expose_provenance()) };
        assert_eq!(info.ipc_buffer(), 0x40_5000);
        assert_eq!(
            info.empty(),
            SlotRegion {
                start: 300,
                end: 65536
            }
        );
        assert_eq!(info.cnode_size_bits(), 16);
        assert_eq!(info.tsc_megahertz(), 2400);
        let mut untypeds = info.untypeds();
        assert_eq!(
            untypeds.next(),
            Some(UntypedDescription {
                slot: 100,
                physical_address: 0x10_0000,
                size_bits: 20,
                is_device: false
            })
        );
        assert_eq!(
            untypeds.next(),
            Some(UntypedDescription {
                slot: 101,
                physical_address: 0xfee0_0000,
                size_bits: 12,
                is_device: true
            })
        );
        assert_eq!(untypeds.next(), None);
    }
}
