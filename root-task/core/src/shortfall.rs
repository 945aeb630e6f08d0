//! Why a machine cannot be divided: every refusal of a plan, with its numbers.

use core::fmt;

use interfaces::ServerName;

use crate::image::PAGE;
use crate::inventory::MemoryShort;
use crate::layout;
use crate::object::Item;
use crate::slots::SlotsShort;

/// Why the machine cannot be divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// It has too little memory.
    Memory {
        /// For what there was no place.
        item: Item,
        /// What was missing.
        short: MemoryShort,
    },
    /// The root task's CNode has too few slots.
    Slots(SlotsShort),
    /// Page numbers do not fit 32 bits.
    TooMuchMemory,
    /// A server's address space needs more page tables than are planned for.
    TooManyTables {
        /// The server.
        server: ServerName,
    },
    /// Memory is in so many pieces that the plan's tables are too short.
    TooManyPieces,
    /// A heap is nothing, or too much.
    HeapSize {
        /// The server.
        server: ServerName,
        /// What `system.toml` says.
        mebibytes: u16,
    },
    /// The encoded system does not fit its place.
    SystemTooLarge {
        /// Its length.
        bytes: u64,
    },
    /// The archive does not fit its place.
    ArchiveTooLarge {
        /// Its length.
        bytes: u64,
    },
}

impl From<SlotsShort> for PlanError {
    fn from(short: SlotsShort) -> Self {
        Self::Slots(short)
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { item, short } => write!(
                out,
                "too little memory for the {item}: {short}; \
                 give the machine more, or the servers less, in image/system.toml"
            ),
            Self::Slots(short) => short.fmt(out),
            Self::TooMuchMemory => out.write_str("more than 16 TiB of memory"),
            Self::TooManyTables { server } => write!(
                out,
                "{server} needs more than {} page tables",
                layout::MAX_TABLES
            ),
            Self::TooManyPieces => {
                out.write_str("memory is in too many pieces for the plan's tables")
            }
            Self::HeapSize { server, mebibytes } => write!(
                out,
                "the heap of {server} is {mebibytes} MiB; expected a number from 1 on"
            ),
            Self::SystemTooLarge { bytes } => write!(
                out,
                "the archive's member `system` has {bytes} bytes; at most {} fit",
                layout::SYSTEM_PAGES.saturating_mul(PAGE)
            ),
            Self::ArchiveTooLarge { bytes } => write!(
                out,
                "the archive has {bytes} bytes; at most {} fit",
                layout::ARCHIVE_BYTES
            ),
        }
    }
}
