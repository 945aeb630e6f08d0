//! From the start page to a server with the groups of `system.toml`.

use core::fmt;

use interfaces::start::Start;
use interfaces::system::System;
use limits_core::{Ledger, LimitsServer, Slots, Undeclared};

use crate::memory;

/// Why there is no server.
#[derive(Debug)]
pub enum Wrong {
    /// The start page does not say what a server must know.
    StartPage,
    /// The description of the system cannot be read.
    System,
    /// The heap is too small.
    Heap {
        /// How large it is.
        bytes: u64,
        /// How large it should be.
        wanted: usize,
    },
    /// A declared group cannot be kept.
    Group(Undeclared),
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartPage => out.write_str("the start page cannot be read"),
            Self::System => out.write_str("the description of the system cannot be read"),
            Self::Heap { bytes, wanted } => {
                write!(out, "a heap of {bytes} bytes, and {wanted} are wanted")
            }
            Self::Group(undeclared) => undeclared.fmt(out),
        }
    }
}

/// The server, ready to serve.
pub fn server(start_page: usize) -> Result<LimitsServer<'static>, Wrong> {
    // SAFETY: (1) this is the address that the root task passed at entry, of a page that stays mapped and unchanged.
    let page = unsafe { memory::start_page(start_page) };
    let (start, _) = postcard::take_from_bytes::<Start>(page).map_err(|_| Wrong::StartPage)?;
    // SAFETY: (1) the root task mapped what the start page names, (2) read-only, so nothing changes it.
    let blob = unsafe { memory::read_only(start.system) };
    let (system, _) = postcard::take_from_bytes::<System>(blob).map_err(|_| Wrong::System)?;
    let slots = Slots::for_room(&system.room);
    // SAFETY: (1) the root task mapped the heap and the first tract for this server alone, and (2) this is the only use.
    let carved = unsafe { memory::carve(start.heap, slots) };
    let carved = carved.ok_or(Wrong::Heap {
        bytes: start.heap.bytes,
        wanted: slots.bytes(),
    })?;
    let mut ledger = Ledger::try_new(carved.memory).ok_or(Wrong::Heap {
        bytes: start.heap.bytes,
        wanted: slots.bytes(),
    })?;
    ledger.declare(&system.groups).map_err(Wrong::Group)?;
    let ledger = ledger
        .with_window(carved.window)
        .with_ground(carved.tracts, slots.groups);
    Ok(LimitsServer::new(ledger))
}
