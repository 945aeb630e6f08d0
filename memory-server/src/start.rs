//! From the start page to a server with all free memory.

use core::fmt;

use interfaces::start::{Block, Start};
use interfaces::system::System;
use memory_core::archive::{ArchiveError, Programs};
use memory_core::clearing::Priorities;
use memory_core::memory::{Memory, Sizes};
use memory_core::server::MemoryServer;

#[cfg(not(feature = "injection"))]
use crate::hands::{Capabilities, Limits};
#[cfg(feature = "injection")]
use crate::injected::{Capabilities, Limits};
use crate::mapping::{self, Archive, Heap};

/// Why there is no server.
#[derive(Debug)]
pub enum Wrong {
    /// The start page does not say what a server must know.
    StartPage,
    /// The description of the system cannot be read.
    System,
    /// The archive does not hold the programs of the system.
    Programs(ArchiveError),
    /// The heap is too small.
    Heap {
        /// How large it is.
        bytes: u64,
        /// How large it should be.
        wanted: u64,
    },
    /// A free block is out of place, or there are two of it.
    Block(Block),
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartPage => out.write_str("the start page cannot be read"),
            Self::System => out.write_str("the description of the system cannot be read"),
            Self::Programs(error) => error.fmt(out),
            Self::Heap { bytes, wanted } => {
                write!(out, "a heap of {bytes} bytes, and {wanted} are wanted")
            }
            Self::Block(Block { page, bits }) => {
                write!(out, "a free block of 2^{bits} bytes at page {page}")
            }
        }
    }
}

/// The server, ready to serve.
pub fn server(start_page: usize) -> Result<MemoryServer<'static, Capabilities, Limits>, Wrong> {
    // SAFETY: (1) this is the address that the root task passed at entry, of a page that stays mapped and unchanged.
    let page = unsafe { mapping::start_page(start_page) };
    let (start, _) = postcard::take_from_bytes::<Start>(page).map_err(|_| Wrong::StartPage)?;
    let told = start.memory.as_ref().ok_or(Wrong::StartPage)?;
    // SAFETY: (1) the root task mapped what the start page names, (2) read-only, so nothing changes it.
    let system = unsafe { mapping::read_only(start.system) };
    let (system, _) = postcard::take_from_bytes::<System>(system).map_err(|_| Wrong::System)?;
    // SAFETY: (1) and (2) as above.
    let archive = unsafe { mapping::read_only(start.archive) };
    let programs = Programs::find(&system, archive).map_err(Wrong::Programs)?;
    let sizes = Sizes::new(told.pages, told.archive_pages, &system.room, &programs);
    // SAFETY: (1) the root task mapped the heap for this server alone, and (2) this is the only use of it.
    let mut heap = unsafe { Heap::new(start.heap) };
    // The time since power-on, which no client knows.
    let seed = sel4::rdtsc();
    let mut memory = Memory::new(sizes, programs, seed, &mut heap).ok_or(Wrong::Heap {
        bytes: start.heap.bytes,
        wanted: sizes.bytes(),
    })?;
    memory = memory.with_priorities(Priorities::new(&system));
    for &block in &told.blocks {
        if !memory.pool.add(block) {
            return Err(Wrong::Block(block));
        }
    }
    let hands = Capabilities::new(Archive::new(archive), told);
    Ok(MemoryServer::new(memory, hands, Limits::new()))
}
