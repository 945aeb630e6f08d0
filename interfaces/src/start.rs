//! What a server is told when it starts, and where its capabilities are.
//!
//! The address of an encoded [`Start`] is in the first argument register. Everything it says is about the server's
//! own address space; the slots below are what the root task puts there, and nothing else.

use serde::{Deserialize, Serialize};

/// The most free blocks of memory that the root task hands over.
pub const BLOCKS: usize = 256;

/// A piece of the server's address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Its first byte.
    pub address: u64,
    /// Its length, in bytes.
    pub bytes: u64,
}

/// What a server is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Memory of its own: zeroed, mapped read-write.
    pub heap: Span,
    /// The encoded [`crate::system::System`], mapped read-only.
    pub system: Span,
    /// The whole archive, mapped read-only. Empty for servers that do not need it.
    pub archive: Span,
    /// What only the memory-server is told.
    pub memory: Option<MemoryStart>,
    /// How often the time stamp counter counts in a microsecond, as the kernel measured it.
    pub tsc_megahertz: u32,
}

/// What only the memory-server is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryStart {
    /// The pages of physical memory, free or not: numbers below this.
    pub pages: u32,
    /// The slots, as a power of two, of the memory-server's CNode.
    pub cnode_radix: u8,
    /// The pages of the archive; their frames are in [`memory_slots::archive`]'s slots.
    pub archive_pages: u32,
    /// Free blocks: each is an untyped in the slot that [`memory_slots::untyped`] says.
    pub blocks: heapless::Vec<Block, BLOCKS>,
    /// An address range of its own address space, with page tables in place, for looking into a frame.
    pub scratch: Span,
}

/// A free, naturally aligned block of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The number of its first page.
    pub page: u32,
    /// Its size, as a power of two of bytes: 12 or more.
    pub bits: u8,
}

/// The limits-server's slots.
pub mod limits_slots {
    /// Its endpoint, to receive from.
    pub const ENDPOINT: u64 = 1;
    /// The root task's endpoint, badged as this server's faults, for the kernel to send them to.
    pub const FAULT: u64 = 2;
    /// The first of the slots of rings' notifications, to signal; as many as there can be rings.
    pub const RINGS: u64 = 64;
    /// The CNode's radix.
    pub const RADIX: u32 = 7;
}

/// Where watchers' rings are in the limits-server's address space: each has a place as large as the largest, with page
/// tables there from the start and nothing mapped.
pub mod ring_window {
    use crate::events::{RING_PAGES, RINGS};

    /// The first byte. Below 4 GiB, as the memory-server's addresses are.
    pub const ADDRESS: u32 = 0xD000_0000;
    /// The bytes of one ring's place.
    pub const PLACE: u32 = RING_PAGES * 4096;
    /// The bytes of all.
    #[expect(clippy::cast_possible_truncation, reason = "there are 64 rings")]
    pub const BYTES: u32 = PLACE * RINGS as u32;

    /// The address of a page of a ring.
    #[must_use]
    pub const fn page(ring: u8, page: u32) -> u32 {
        ADDRESS
            .wrapping_add(PLACE.wrapping_mul(ring as u32))
            .wrapping_add(page << 12)
    }
}

/// Where the groups' places are in the limits-server's address space: the first tract from the start, behind it page
/// tables for all that there is room for, and what the memory-server maps there as the groups become more.
pub mod ground {
    /// The first byte. Below 4 GiB, as the memory-server's addresses are.
    pub const ADDRESS: u32 = 0xD040_0000;
    /// The bytes of a group's place.
    pub const PLACE: usize = 472;
    /// The places of a tract: what comes and goes as one.
    pub const TRACT: usize = 512;
    /// The pages of a tract.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "numbers that are written here"
    )]
    pub const TRACT_PAGES: u32 = (PLACE * TRACT / 4096) as u32;

    const _: () = assert!((PLACE * TRACT).is_multiple_of(4096));

    /// The places for so many groups: one stays empty, and tracts are whole.
    #[must_use]
    pub const fn places(groups: u32) -> usize {
        (groups as usize).saturating_add(1).next_multiple_of(TRACT)
    }

    /// The bytes that those take.
    #[must_use]
    pub const fn bytes(groups: u32) -> u64 {
        (places(groups) as u64).saturating_mul(PLACE as u64)
    }

    /// The address of a page behind the first tract.
    #[must_use]
    pub const fn page(number: u32) -> u32 {
        ADDRESS.wrapping_add(number.wrapping_add(TRACT_PAGES) << 12)
    }
}

/// The memory-server's slots. Most are computed from a page's number, so nothing is searched and nothing runs out.
pub mod memory_slots {
    /// Its endpoint, to receive from.
    pub const ENDPOINT: u64 = 1;
    /// The limits-server's endpoint, badged as the memory-server's.
    pub const LIMITS: u64 = 2;
    /// Its own CNode.
    pub const CNODE: u64 = 3;
    /// The proc-server's CNode, to place TCBs and CNodes into.
    pub const PROC_CNODE: u64 = 4;
    /// Its own address-space root, to look into frames.
    pub const SPACE: u64 = 5;
    /// The proc-server's notification, to signal that a report waits.
    pub const NEWS: u64 = 6;
    /// The root task's endpoint, badged as this server's faults, for the kernel to send them to.
    pub const FAULT: u64 = 7;
    /// The first of [`ASID_POOLS`] ASID pools.
    pub const ASID_POOL: u64 = 8;
    /// How many ASID pools there are; the first is shared with the root task and the servers.
    pub const ASID_POOLS: u64 = 8;
    /// The limits-server's CNode, to place the notifications of rings in.
    pub const LIMITS_CNODE: u64 = 20;
    /// The limits-server's address-space root, to map rings in its window.
    pub const LIMITS_SPACE: u64 = 21;
    /// The cleaner: a thread of the memory-server's own address space and CSpace that clears one block when it is told to,
    /// and then stops.
    pub const CLEANER: u64 = 22;
    /// Empty: for a moment, what the cleaner makes of a block so that the kernel clears it.
    pub const CLEARED: u64 = 62;
    /// Empty: for a moment, the copy of a frame's capability that is looked into.
    pub const PEEK: u64 = 63;
    /// Where the arithmetic begins.
    pub const BASE: u64 = 64;
    /// The smallest block: a page.
    pub const MIN_BITS: u8 = 12;
    /// The largest block.
    pub const MAX_BITS: u8 = 30;
    /// A large frame.
    pub const LARGE_BITS: u8 = 21;
    /// The slots that each page of the machine has: of what is made of it, of its own smallest untyped, and its share in
    /// those of the blocks around it.
    pub const PAGE_SLOTS: u64 = 3;

    /// The slot of the object made from the page's own smallest untyped.
    #[must_use]
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "page numbers have 32 bits, slots 64"
    )]
    pub const fn object(page: u32) -> u64 {
        BASE + page as u64
    }

    /// The slot of the untyped of `1 << bits` bytes that begins at `page`, on a machine of `pages` pages.
    ///
    /// The sizes follow each other, smallest first; each has a slot for every block that can exist.
    #[must_use]
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "page numbers have 32 bits, slots 64; sizes are 12 to 30"
    )]
    pub const fn untyped(pages: u32, page: u32, bits: u8) -> u64 {
        let mut slot = BASE + pages as u64;
        let mut size = MIN_BITS;
        while size < bits {
            slot += blocks(pages, size);
            size += 1;
        }
        slot + ((page as u64) >> (bits - MIN_BITS))
    }

    /// The slot of the frame of a page of the archive.
    #[must_use]
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "page numbers have 32 bits, slots 64"
    )]
    pub const fn archive(pages: u32, archive_page: u32) -> u64 {
        untyped(pages, 0, MAX_BITS) + blocks(pages, MAX_BITS) + archive_page as u64
    }

    /// The first slot for a further copy of a frame.
    #[must_use]
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "page numbers have 32 bits, slots 64"
    )]
    pub const fn copies(pages: u32, archive_pages: u32) -> u64 {
        archive(pages, 0) + archive_pages as u64
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "page numbers have 32 bits, slots 64; sizes are 12 to 30"
    )]
    const fn blocks(pages: u32, bits: u8) -> u64 {
        ((pages as u64) >> (bits - MIN_BITS)) + 1
    }
}

/// The proc-server's slots.
pub mod proc_slots {
    /// Its endpoint, unbadged: to receive from and to mint clients' capabilities from.
    pub const ENDPOINT: u64 = 1;
    /// The memory-server's endpoint, badged as the proc-server's.
    pub const MEMORY: u64 = 2;
    /// The limits-server's endpoint, badged as the proc-server's.
    pub const LIMITS: u64 = 3;
    /// Its own CNode.
    pub const CNODE: u64 = 4;
    /// The memory-server's endpoint, unbadged: to mint clients' capabilities from.
    pub const MEMORY_MINT: u64 = 5;
    /// The limits-server's endpoint, unbadged: to mint clients' and birth capabilities from.
    pub const LIMITS_MINT: u64 = 6;
    /// The root task's endpoint, unbadged: to mint clients' capabilities from.
    pub const CONSOLE_MINT: u64 = 7;
    /// The birth CNode: the CSpace of a thread that is being born. Slot `thread` holds its birth capability.
    pub const BIRTH_CNODE: u64 = 8;
    /// Its notification, bound to its TCB by the root task.
    pub const NEWS: u64 = 9;
    /// Its own TCB, to configure others with its own maximum priority.
    pub const TCB: u64 = 10;
    /// The root task's endpoint, badged as this server's faults, for the kernel to send them to.
    pub const FAULT: u64 = 11;
    /// Empty: what is found where nothing should be is moved here and deleted.
    pub const SCRATCH: u64 = 12;
    /// The timer's ports ([`TIMER_PORTS`]) and no others.
    pub const TIMER: u64 = 13;
    /// The handler of the timer's interrupt, which the root task has bound to [`NEWS`]: to let it come again.
    pub const TIMER_IRQ: u64 = 14;
    /// The watchman: a thread of the proc-server's own address space that does nothing and never blocks, started while
    /// anything is frozen.
    pub const WATCHMAN: u64 = 15;
    /// The first and the last port of the PC's interval timer.
    pub const TIMER_PORTS: (u16, u16) = (0x40, 0x43);
    /// Empty but for a moment: the memory-server puts the notification of a new ring here.
    pub const RING: u64 = 16;
    /// The most threads, so the most that can wait.
    pub const MAX_THREADS: u64 = 8192;
    /// The first slot of the places of threads; [`PLACE`] each, so that the CNode is as large as the threads need for which
    /// there is room.
    pub const THREADS: u64 = 64;
    /// The slots of a thread's place: its own, its task's mailbox's if it is the first, and that of the reply capability of
    /// the waiter with the same number.
    pub const PLACE: u64 = crate::provision::THREAD_SLOTS + crate::provision::MAILBOX_SLOTS + 1;

    /// The slot in which the reply capability of a waiter is kept; as many can wait as there are threads.
    #[must_use]
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "a waiter's number has 13 bits"
    )]
    pub const fn reply(waiter: u32) -> u64 {
        THREADS + waiter as u64 * PLACE + PLACE - 1
    }

    /// The CNode's radix, with room for so many threads.
    #[must_use]
    pub const fn radix(threads: u32) -> u32 {
        let threads = if threads as u64 > MAX_THREADS {
            MAX_THREADS
        } else {
            threads as u64
        };
        THREADS
            .saturating_add(threads.saturating_mul(PLACE))
            .next_power_of_two()
            .trailing_zeros()
    }

    /// The birth CNode's radix.
    pub const BIRTH_RADIX: u32 = 13;
    /// The bit of news that the memory-server has a report.
    pub const REPORT_BIT: u32 = 1;
    /// The bit of news that the timer's interrupt came.
    pub const TIMER_BIT: u32 = 2;
}

/// A client's slots.
pub mod client_slots {
    /// The proc-server.
    pub const PROC: u64 = 1;
    /// The memory-server.
    pub const MEMORY: u64 = 2;
    /// The limits-server.
    pub const LIMITS: u64 = 3;
    /// The root task's console.
    pub const CONSOLE: u64 = 4;
    /// The memory-server again, for the kernel to send faults to.
    pub const FAULT: u64 = 5;
    /// The task's mailbox, to receive from. Empty until it has its first link.
    pub const MAILBOX: u64 = 6;
    /// The first of the slots of links, to send to; as many as a task can have ([`crate::links::LINKS`]).
    pub const LINKS: u64 = 7;
    /// The first of the slots of rings' notifications, to receive from; as many as a task can have rings.
    pub const RINGS: u64 = 12;
}

const _: () = assert!(proc_slots::RING > proc_slots::WATCHMAN);
const _: () = assert!(client_slots::LINKS + crate::links::LINKS as u64 == client_slots::RINGS);
const _: () =
    assert!(limits_slots::RINGS + crate::events::RINGS as u64 <= 1 << limits_slots::RADIX);
const _: () = assert!(client_slots::RINGS + crate::events::TASK_RINGS as u64 <= 16);
const _: () = assert!(proc_slots::RING < proc_slots::THREADS);
const _: () = assert!(proc_slots::radix(u32::MAX) == 16 && proc_slots::radix(1024) == 13);

#[cfg(test)]
mod tests {
    use super::memory_slots::{archive, copies, object, untyped};

    #[test]
    fn no_two_things_share_a_slot() {
        let pages = 1000;
        let mut seen = std::collections::BTreeSet::new();
        for page in 0..pages {
            assert!(seen.insert(object(page)));
        }
        for bits in 12..=30 {
            for page in (0..pages).step_by(1 << (bits - 12)) {
                assert!(seen.insert(untyped(pages, page, bits)), "{page} {bits}");
            }
        }
        for page in 0..10 {
            assert!(seen.insert(archive(pages, page)));
        }
        assert!(seen.insert(copies(pages, 10)));
    }
}
