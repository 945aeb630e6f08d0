//! Whether each server's heap holds what the server will make of it at start: asked of the servers' own cores.
//!
//! A heap that is too small would be found out by the server, at boot, where all it can do is to stop.

use interfaces::ServerName;
use interfaces::system::{Heaps, Room};

use super::wrong::Wrong;

/// The bytes of a MiB.
const MIB: u64 = 1 << 20;
/// Heaps that the file gives are of whole frames of so many MiB.
const FRAME_MIB: u64 = 2;
/// Pages in a MiB.
const PAGES: u32 = 256;

/// What is wrong with each server's heap, if anything is.
pub(super) fn check(
    heaps: Heaps,
    room: &Room,
    memory_mib: u32,
) -> [(ServerName, Option<Wrong>); 3] {
    let [limits, memory, proc] = least(room, memory_mib);
    let servers = [
        (ServerName::Limits, heaps.limits, limits),
        (ServerName::Memory, heaps.memory, memory),
        (ServerName::Proc, heaps.proc, proc),
    ];
    servers.map(|(server, heap, least)| {
        let found = u64::from(heap);
        let is_small = found < least;
        // What is written in the file is of whole frames.
        let least = least.next_multiple_of(FRAME_MIB);
        let wrong = is_small.then_some(Wrong::SmallHeap {
            server,
            found,
            least,
            memory_mib,
        });
        (server, wrong)
    })
}

/// The heaps, each that the file leaves out as large as its server needs.
pub(super) fn filled(heaps: Heaps, room: &Room, memory_mib: u32) -> Heaps {
    let [limits, memory, proc] = least(room, memory_mib);
    let or = |heap: u16, least: u64| match heap {
        0 => u16::try_from(least).unwrap_or(u16::MAX),
        said => said,
    };
    Heaps {
        limits: or(heaps.limits, limits),
        memory: or(heaps.memory, memory),
        proc: or(heaps.proc, proc),
    }
}

/// The least heaps in MiB, in the order in which the servers are started.
fn least(room: &Room, memory_mib: u32) -> [u64; 3] {
    let bytes = [
        limits_bytes(room),
        memory_bytes(room, memory_mib),
        proc_bytes(room),
    ];
    bytes.map(|bytes| bytes.div_ceil(MIB))
}

fn limits_bytes(room: &Room) -> u64 {
    bytes(limits_core::Slots::for_room(room).bytes())
}

fn proc_bytes(room: &Room) -> u64 {
    bytes(process_core::Room::of(room).bytes())
}

/// For programs of as many segments as there may be, as they are not built yet: a few pages more than it will take.
fn memory_bytes(room: &Room, memory_mib: u32) -> u64 {
    let segments = u32::try_from(memory_core::program::SEGMENTS).unwrap_or(u32::MAX);
    let sizes = memory_core::memory::Sizes {
        pages: memory_mib.saturating_mul(PAGES),
        archive_pages: 0,
        tasks: room.tasks,
        regions: room.regions,
        copies: room.shared_mappings,
        program_areas: segments.saturating_add(1),
        overcommit_percent: room.overcommit_percent,
    };
    sizes.bytes()
}

fn bytes(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}
