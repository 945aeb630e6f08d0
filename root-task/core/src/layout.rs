//! Where things are in a server's address space. The same for every server, so that there is one picture.
//!
//! ```text
//!     0x0040_0000   image: text, constants, data, stack (below it an unmapped page)
//!     0xC000_0000   IPC buffer
//!     0xC000_1000   its cleaner's IPC buffer (memory-server)
//!     0xC000_2000   start page, read-only
//!     0xC000_4000   the encoded system, read-only
//!     0xC020_0000   scratch: a page table and nothing in it (memory-server)
//!     0xC040_0000   the archive, read-only (memory-server)
//!     0xD000_0000   watchers' rings: page tables, and what the memory-server maps there (limits-server)
//!     0xD040_0000   groups' places: a tract, behind it page tables and what the memory-server maps (limits-server)
//!   0x1_0000_0000   heap, in frames of 2 MiB
//! ```

use core::ops::Range;

use interfaces::start::{ground, ring_window};

use crate::image::PAGE;

/// Bytes of a large frame, and of what one page table covers.
pub const LARGE_PAGE: u64 = LARGE_PAGE_BYTES as u64;
/// The same, to count bytes in memory.
pub const LARGE_PAGE_BYTES: usize = 1 << 21;
/// Bytes that one page directory covers.
pub const DIRECTORY: u64 = 1 << 30;

/// Where an image may lie.
pub const IMAGE: Range<u64> = 0x0040_0000..0xC000_0000;
/// The IPC buffer's page.
pub const IPC_BUFFER: u64 = 0xC000_0000;
/// The page of the IPC buffer of the memory-server's cleaner.
pub const CLEANER_BUFFER: u64 = IPC_BUFFER + PAGE;
/// The start page. The page behind it is never mapped.
pub const START: u64 = 0xC000_2000;
/// The encoded system.
pub const SYSTEM: u64 = 0xC000_4000;
/// The most pages that the encoded system can have.
pub const SYSTEM_PAGES: u64 = 64;
/// Where the memory-server looks into frames.
pub const SCRATCH: u64 = 0xC020_0000;
/// How much of that there is: what one page table covers.
pub const SCRATCH_BYTES: u64 = LARGE_PAGE;
/// Where the memory-server shows watchers' rings to the limits-server, which has no archive that could be there.
pub const RINGS: u64 = ring_window::ADDRESS as u64;
/// How much of that there is.
pub const RINGS_BYTES: u64 = ring_window::BYTES as u64;
/// Where the places of groups are in the limits-server.
pub const GROUND: u64 = ground::ADDRESS as u64;
/// The archive.
pub const ARCHIVE: u64 = 0xC040_0000;
/// The most bytes of an archive.
pub const ARCHIVE_BYTES: u64 = HEAP - ARCHIVE;
/// The heap.
pub const HEAP: u64 = 0x1_0000_0000;
/// The most bytes of a heap.
pub const HEAP_BYTES: u64 = 64 * DIRECTORY;
/// Where the root task, in its own space, looks into frames that it fills: far above its image and the bootinfo.
pub const ROOT_SCRATCH: usize = 0x2_0000_0000;

const _: () = assert!(CLEANER_BUFFER + PAGE <= START);
const _: () = assert!(SYSTEM + SYSTEM_PAGES * PAGE <= SCRATCH);
const _: () = assert!(SCRATCH + SCRATCH_BYTES <= ARCHIVE);
const _: () = assert!(RINGS.is_multiple_of(LARGE_PAGE) && RINGS + RINGS_BYTES <= HEAP);
const _: () = assert!(GROUND.is_multiple_of(LARGE_PAGE) && RINGS + RINGS_BYTES <= GROUND);
const _: () = assert!(HEAP.is_multiple_of(DIRECTORY) && ARCHIVE.is_multiple_of(LARGE_PAGE));

/// The most page tables of one server: as many as cover an archive of 480 MiB and the rest besides.
pub const MAX_TABLES: usize = 256;

/// The page tables and directories that a server's mappings need. A single level-3 table covers it all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    directories: heapless::Vec<u64, MAX_TABLES>,
    tables: heapless::Vec<u64, MAX_TABLES>,
}

/// A server needs more page tables than [`MAX_TABLES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyTables;

impl Tables {
    /// Makes room for small pages from `address` on.
    pub fn cover_small(&mut self, address: u64, bytes: u64) -> Result<(), TooManyTables> {
        cover(&mut self.tables, address, bytes, LARGE_PAGE)?;
        cover(&mut self.directories, address, bytes, DIRECTORY)
    }

    /// Makes room for large pages from `address` on.
    pub fn cover_large(&mut self, address: u64, bytes: u64) -> Result<(), TooManyTables> {
        cover(&mut self.directories, address, bytes, DIRECTORY)
    }

    /// Where the page directories begin.
    #[must_use]
    pub fn directories(&self) -> &[u64] {
        &self.directories
    }

    /// Where the page tables begin.
    #[must_use]
    pub fn tables(&self) -> &[u64] {
        &self.tables
    }
}

/// Adds to `starts` the start of every stretch of `stretch` bytes that the span touches and that is not there yet.
fn cover<const N: usize>(
    starts: &mut heapless::Vec<u64, N>,
    address: u64,
    bytes: u64,
    stretch: u64,
) -> Result<(), TooManyTables> {
    let end = address.saturating_add(bytes);
    let mut start = address & !stretch.saturating_sub(1);
    while bytes > 0 && start < end {
        if !starts.contains(&start) {
            starts.push(start).map_err(|_| TooManyTables)?;
        }
        start = start.saturating_add(stretch);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_that_two_mappings_touch_gets_one_table() {
        let mut tables = Tables::default();
        tables.cover_small(0x40_0000, 0x20_1000).unwrap();
        tables.cover_small(0x60_2000, 0x1000).unwrap();
        tables.cover_large(HEAP, 2 * LARGE_PAGE).unwrap();
        assert_eq!(tables.tables(), [0x40_0000, 0x60_0000]);
        assert_eq!(tables.directories(), [0, HEAP]);
    }

    #[test]
    fn nothing_needs_nothing() {
        let mut tables = Tables::default();
        tables.cover_small(ARCHIVE, 0).unwrap();
        assert_eq!(tables, Tables::default());
    }

    #[test]
    fn more_tables_than_there_can_be_are_refused() {
        let mut tables = Tables::default();
        assert_eq!(tables.cover_small(0, LARGE_PAGE * 257), Err(TooManyTables));
    }
}
