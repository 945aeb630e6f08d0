//! The memory that the kernel left at boot, and where in it each object comes to lie.
//!
//! The kernel hands an untyped out from its start towards its end and never says where it is, so the plan must count
//! along: every object's address is computed here before the first one is made, and checked afterwards where the
//! kernel can be asked.
//!
//! # Invariants
//!
//! * No two untypeds overlap; each is aligned to its size.
//! * Within an untyped, objects lie in the order in which they were placed, each aligned to its size.
//! * Placed bytes, gaps, blocks and lost bytes add up to what there was.
//!
//! Devices' untypeds are passed over: nothing is ever placed in them, and they stay where they are. (The kernel describes
//! the stretch above all memory with an address that is not aligned to its size, so nothing can be concluded from them.)

use core::fmt;

use interfaces::start::{BLOCKS, Block, memory_slots};

/// The most untypeds that the kernel reports (`MAX_NUM_BOOTINFO_UNTYPED_CAPS` in `sel4/kernel`).
pub const UNTYPEDS: usize = 167;
/// The largest untyped: seL4's `seL4_MaxUntypedBits`.
pub const MAX_UNTYPED_BITS: u8 = 47;
const PAGE_BITS: u8 = memory_slots::MIN_BITS;

/// An untyped as the kernel describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Untyped {
    /// Its slot in the root task's CNode.
    pub slot: u64,
    /// Its physical address.
    pub base: u64,
    /// Its size, as a power of two of bytes.
    pub bits: u8,
    /// Whether it is a device's, which the kernel will not make kernel objects from.
    pub device: bool,
}

impl Untyped {
    /// Its length in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        1 << self.bits
    }

    const fn end(self) -> u64 {
        self.base.saturating_add(self.bytes())
    }
}

/// Objects of one size, one behind the other in one untyped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The slot of the untyped they are made from.
    pub untyped: u64,
    /// The physical address of the first.
    pub address: u64,
    /// The size of each, as a power of two of bytes.
    pub bits: u8,
    /// How many.
    pub count: u64,
}

/// An untyped and how far it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bin {
    untyped: Untyped,
    /// Bytes from its start that are placed or lost to alignment.
    used: u64,
    /// How many of those were lost.
    gaps: u64,
}

impl Bin {
    /// Where the next object of this size would begin, counted from the untyped's start.
    const fn aligned(&self, bits: u8) -> u64 {
        // Saturation cannot matter: offsets are at most 1 << MAX_UNTYPED_BITS, sizes too.
        let mask = (1_u64 << bits).saturating_sub(1);
        self.used.saturating_add(mask) & !mask
    }

    /// How many objects of this size still fit.
    const fn room(&self, bits: u8) -> u64 {
        if bits > self.untyped.bits {
            return 0;
        }
        self.untyped.bytes().saturating_sub(self.aligned(bits)) >> bits
    }

    const fn free(&self) -> u64 {
        self.untyped.bytes().saturating_sub(self.used)
    }
}

/// Everything that the machine has left at boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    bins: heapless::Vec<Bin, UNTYPEDS>,
}

impl Inventory {
    /// Takes stock of what is memory.
    pub fn take_stock(untypeds: impl Iterator<Item = Untyped>) -> Result<Self, InventoryError> {
        let mut bins = heapless::Vec::<Bin, UNTYPEDS>::new();
        for untyped in untypeds.filter(|untyped| !untyped.device) {
            if untyped.bits > MAX_UNTYPED_BITS
                || untyped.base & untyped.bytes().saturating_sub(1) != 0
            {
                return Err(InventoryError::Misaligned(untyped));
            }
            if let Some(other) = bins
                .iter()
                .map(|bin| bin.untyped)
                .find(|other| other.base < untyped.end() && untyped.base < other.end())
            {
                return Err(InventoryError::Overlap(other, untyped));
            }
            let bin = Bin {
                untyped,
                used: 0,
                gaps: 0,
            };
            bins.push(bin).map_err(|_| InventoryError::TooMany)?;
        }
        Ok(Self { bins })
    }

    /// The number above that of the last page of memory (devices' pages do not count).
    ///
    /// `None` if page numbers do not fit 32 bits: that is more than 16 TiB.
    #[must_use]
    pub fn pages(&self) -> Option<u32> {
        let end = self.bins.iter().map(|bin| bin.untyped.end()).max();
        u32::try_from(end.unwrap_or(0) >> PAGE_BITS).ok()
    }

    /// Every byte of memory, placed or not.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bins.iter().map(|bin| bin.untyped.bytes()).sum()
    }

    /// The bytes that were lost to alignment so far.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        self.bins.iter().map(|bin| bin.gaps).sum()
    }

    /// Places `count` objects of `1 << bits` bytes, or none of them.
    ///
    /// Takes the smallest piece that holds them all, so that large blocks stay whole. Whoever places the largest
    /// objects first loses nothing to alignment.
    pub fn place(
        &mut self,
        bits: u8,
        count: u64,
        mut placed: impl FnMut(Run),
    ) -> Result<(), MemoryShort> {
        let fitting = self.bins.iter().map(|bin| bin.room(bits)).sum();
        if fitting < count {
            return Err(MemoryShort {
                bits,
                asked: count,
                fitting,
            });
        }
        let mut left = count;
        while left > 0 {
            let Some(bin) = best_bin(&mut self.bins, bits, left) else {
                break; // Not reached: what is left fits, as counted above.
            };
            let start = bin.aligned(bits);
            let run = Run {
                untyped: bin.untyped.slot,
                address: bin.untyped.base.saturating_add(start),
                bits,
                count: bin.room(bits).min(left),
            };
            bin.gaps = bin.gaps.saturating_add(start.saturating_sub(bin.used));
            bin.used = start.saturating_add(run.count << bits);
            left = left.saturating_sub(run.count);
            placed(run);
        }
        Ok(())
    }

    /// What is left, as naturally aligned blocks of a page or more, each with the untyped it comes from.
    ///
    /// Within an untyped they follow each other upwards, which is the order in which they must be made. If there
    /// are more than a [`Start`](interfaces::start::Start) can name, the smallest are left out.
    #[must_use]
    pub fn remainders(&self) -> Remainders {
        let larger = |bits| self.blocks().filter(|left| left.block.bits > bits).count();
        let mut floor = PAGE_BITS;
        while larger(floor) > BLOCKS {
            floor = floor.saturating_add(1);
        }
        let mut of_floor = BLOCKS.saturating_sub(larger(floor));
        let mut remainders = Remainders {
            blocks: heapless::Vec::new(),
            left_out: 0,
        };
        for left in self.blocks() {
            let taken = if left.block.bits == floor {
                let room = of_floor > 0;
                of_floor = of_floor.saturating_sub(1);
                room
            } else {
                left.block.bits > floor
            };
            if !(taken && remainders.blocks.push(left).is_ok()) {
                remainders.left_out = remainders.left_out.saturating_add(1);
            }
        }
        remainders
    }

    /// The untypeds, in the kernel's order.
    pub fn untypeds(&self) -> impl Iterator<Item = Untyped> {
        self.bins.iter().map(|bin| bin.untyped)
    }

    fn blocks(&self) -> impl Iterator<Item = Remainder> {
        self.bins.iter().flat_map(|bin| BlocksOf {
            untyped: bin.untyped,
            next: bin.aligned(PAGE_BITS),
        })
    }

    /// Panics unless every invariant of the inventory holds. For tests.
    ///
    /// # Panics
    ///
    /// If one does not.
    pub fn check(&self) {
        for (place, bin) in self.bins.iter().enumerate() {
            assert!(
                bin.used <= bin.untyped.bytes(),
                "used beyond its end: {bin:?}"
            );
            assert!(bin.gaps <= bin.used, "lost more than used: {bin:?}");
            assert!(!bin.untyped.device, "a device is no memory: {bin:?}");
            for other in self.bins.iter().skip(place.saturating_add(1)) {
                let apart = bin.untyped.end() <= other.untyped.base
                    || other.untyped.end() <= bin.untyped.base;
                assert!(apart, "overlap: {bin:?} {other:?}");
            }
        }
        let used: u64 = self.bins.iter().map(|bin| bin.used).sum();
        let free: u64 = self.bins.iter().map(Bin::free).sum();
        assert_eq!(used.saturating_add(free), self.bytes());
    }
}

/// The smallest bin that holds all of them; where there is none, the one that holds most.
fn best_bin(all: &mut [Bin], bits: u8, count: u64) -> Option<&mut Bin> {
    all.iter_mut()
        .filter(|bin| bin.room(bits) > 0)
        .min_by_key(|bin| {
            let room = bin.room(bits).min(count);
            (count.saturating_sub(room), bin.free())
        })
}

/// A block that is left, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remainder {
    /// The slot of the untyped that it is made from.
    pub untyped: u64,
    /// The block.
    pub block: Block,
}

/// What is left when everything is placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remainders {
    /// The blocks.
    pub blocks: heapless::Vec<Remainder, BLOCKS>,
    /// How many more there were, smaller than all of these.
    pub left_out: usize,
}

impl Remainders {
    /// How many bytes they have.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.blocks
            .iter()
            .map(|left| 1_u64 << left.block.bits)
            .sum()
    }
}

/// Cuts the end of an untyped into the largest naturally aligned blocks.
struct BlocksOf {
    untyped: Untyped,
    next: u64,
}

impl Iterator for BlocksOf {
    type Item = Remainder;

    fn next(&mut self) -> Option<Remainder> {
        let left = self.untyped.bytes().checked_sub(self.next)?;
        if left < 1 << PAGE_BITS {
            return None;
        }
        // The untyped's length is a power of two, so a block as large as its offset's alignment never ends beyond it.
        let alignment = self.next.trailing_zeros().min(u32::from(self.untyped.bits));
        let bits = u8::try_from(alignment).ok()?.min(memory_slots::MAX_BITS);
        let address = self.untyped.base.checked_add(self.next)?;
        self.next = self.next.checked_add(1 << bits)?;
        Some(Remainder {
            untyped: self.untyped.slot,
            block: Block {
                page: u32::try_from(address >> PAGE_BITS).ok()?,
                bits,
            },
        })
    }
}

/// There was no place for objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryShort {
    /// The size of each, as a power of two of bytes.
    pub bits: u8,
    /// How many were asked for.
    pub asked: u64,
    /// How many would have fitted.
    pub fitting: u64,
}

impl fmt::Display for MemoryShort {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            bits,
            asked,
            fitting,
        } = self;
        write!(
            out,
            "{asked} pieces of 2^{bits} bytes are needed and {fitting} fit"
        )
    }
}

/// The kernel's list makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InventoryError {
    /// It is longer than the kernel can make it.
    TooMany,
    /// An untyped is not aligned to its size, or larger than the largest.
    Misaligned(Untyped),
    /// Two untypeds overlap.
    Overlap(Untyped, Untyped),
}

impl fmt::Display for InventoryError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => write!(out, "more than {UNTYPEDS} untypeds"),
            Self::Misaligned(Untyped { base, bits, .. }) => {
                write!(out, "an untyped of 2^{bits} bytes at {base:#x}")
            }
            Self::Overlap(one, other) => write!(
                out,
                "untypeds at {:#x} (2^{} bytes) and {:#x} (2^{} bytes) overlap",
                one.base, one.bits, other.base, other.bits
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(slot: u64, base: u64, bits: u8) -> Untyped {
        Untyped {
            slot,
            base,
            bits,
            device: false,
        }
    }

    fn stock(untypeds: &[Untyped]) -> Inventory {
        Inventory::take_stock(untypeds.iter().copied()).unwrap()
    }

    #[test]
    fn the_smallest_piece_that_holds_it_is_taken() {
        let mut inventory = stock(&[memory(1, 0x40_0000, 22), memory(2, 0x10_0000, 20)]);
        let mut runs = Vec::new();
        inventory.place(12, 3, |run| runs.push(run)).unwrap();
        assert_eq!(
            runs,
            [Run {
                untyped: 2,
                address: 0x10_0000,
                bits: 12,
                count: 3
            }]
        );
    }

    #[test]
    fn what_no_piece_holds_alone_is_spread() {
        let mut inventory = stock(&[memory(1, 0x1000, 12), memory(2, 0x2000, 13)]);
        let mut runs = Vec::new();
        inventory.place(12, 3, |run| runs.push(run.count)).unwrap();
        assert_eq!(runs, [2, 1]);
    }

    #[test]
    fn a_refusal_places_nothing() {
        let mut inventory = stock(&[memory(1, 0x1000, 12), memory(2, 0x2000, 13)]);
        let before = inventory.clone();
        let short = inventory.place(12, 4, |_| panic!("placed"));
        assert_eq!(
            short,
            Err(MemoryShort {
                bits: 12,
                asked: 4,
                fitting: 3
            })
        );
        assert_eq!(inventory, before);
    }

    #[test]
    fn what_is_left_comes_as_the_largest_aligned_blocks() {
        let mut inventory = stock(&[memory(1, 0x10_0000, 20)]);
        inventory.place(12, 3, |_| {}).unwrap();
        let blocks: Vec<_> = inventory
            .remainders()
            .blocks
            .iter()
            .map(|left| (left.block.page, left.block.bits))
            .collect();
        assert_eq!(
            blocks,
            [
                (0x103, 12),
                (0x104, 14),
                (0x108, 15),
                (0x110, 16),
                (0x120, 17),
                (0x140, 18),
                (0x180, 19)
            ]
        );
    }

    #[test]
    fn a_block_is_never_larger_than_the_memory_server_knows() {
        let inventory = stock(&[memory(1, 0, 32)]);
        let remainders = inventory.remainders();
        assert_eq!(remainders.blocks.len(), 4);
        assert!(remainders.blocks.iter().all(|left| left.block.bits == 30));
        assert_eq!(remainders.bytes(), 1 << 32);
    }

    #[test]
    fn of_too_many_blocks_the_smallest_are_left_out() {
        // 130 untypeds of 8 MiB, each with one page placed by hand, leave 11 blocks each.
        let untypeds: Vec<_> = (0..130).map(|n| memory(n, n << 23, 23)).collect();
        let mut inventory = stock(&untypeds);
        for bin in &mut inventory.bins {
            bin.used = 4096;
        }
        let remainders = inventory.remainders();
        assert_eq!(remainders.blocks.len(), BLOCKS);
        assert_eq!(remainders.left_out, 130 * 11 - BLOCKS);
        let of = |bits| {
            remainders
                .blocks
                .iter()
                .filter(|left| left.block.bits == bits)
                .count()
        };
        assert_eq!((of(22), of(21), of(20)), (130, 126, 0));
    }

    #[test]
    fn of_too_many_equal_blocks_as_many_as_can_be_named_are_kept() {
        let remainders = stock(&[memory(1, 0, 39)]).remainders();
        assert_eq!(
            (remainders.blocks.len(), remainders.left_out),
            (BLOCKS, 256)
        );
    }

    #[test]
    fn devices_are_left_alone() {
        // Crooked, as the kernel describes what is above all memory.
        let device = Untyped {
            device: true,
            ..memory(1, 0x80_0000_0000, 46)
        };
        let mut inventory = stock(&[device, memory(2, 0x1000, 12)]);
        assert_eq!(inventory.pages(), Some(2));
        assert_eq!(inventory.bytes(), 4096);
        assert!(inventory.place(12, 2, |_| {}).is_err());
        assert_eq!(inventory.remainders().blocks.len(), 1);
    }

    #[test]
    fn a_list_that_makes_no_sense_is_refused() {
        let refused =
            |untypeds: &[Untyped]| Inventory::take_stock(untypeds.iter().copied()).unwrap_err();
        let (one, other) = (memory(1, 0x4000, 14), memory(2, 0x6000, 12));
        assert_eq!(refused(&[one, other]), InventoryError::Overlap(one, other));
        let crooked = memory(1, 0x1000, 14);
        assert_eq!(refused(&[crooked]), InventoryError::Misaligned(crooked));
        assert_eq!(
            InventoryError::Misaligned(crooked).to_string(),
            "an untyped of 2^14 bytes at 0x1000"
        );
    }
}
