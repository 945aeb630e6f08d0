//! From the start page to a server whose first tasks run.

use core::fmt;

use interfaces::start::Start;
use interfaces::system::System;
use process_core::{Deadlines, ProcServer, Rate, Room, Settings, TaskTable, Waiters};

#[cfg(not(feature = "injection"))]
use crate::hands::Capabilities;
#[cfg(feature = "injection")]
use crate::injected::Capabilities;
use crate::{memory, timer};

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
    /// The kernel refused the timer's ports or its interrupt.
    Timer(sel4::Error),
    /// So many of the programs that the system is to start were refused.
    Refused(u32),
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartPage => out.write_str("the start page cannot be read"),
            Self::System => out.write_str("the description of the system cannot be read"),
            Self::Heap { bytes, wanted } => {
                write!(out, "a heap of {bytes} bytes, and {wanted} are wanted")
            }
            Self::Timer(error) => write!(out, "the interval timer cannot be set up: {error}"),
            Self::Refused(count) => write!(out, "{count} programs could not be started"),
        }
    }
}

/// The server, ready to serve.
pub fn server(start_page: usize) -> Result<ProcServer<'static, Capabilities>, Wrong> {
    // SAFETY: (1) this is the address that the root task passed at entry, of a page that stays mapped and unchanged.
    let page = unsafe { memory::start_page(start_page) };
    let (start, _) = postcard::take_from_bytes::<Start>(page).map_err(|_| Wrong::StartPage)?;
    // SAFETY: (1) the root task mapped what the start page names, (2) read-only, so nothing changes it.
    let blob = unsafe { memory::read_only(start.system) };
    let (system, _) = postcard::take_from_bytes::<System>(blob).map_err(|_| Wrong::System)?;
    let room = Room::of(&system.room);
    // SAFETY: (1) the root task mapped the heap for this server alone, and (2) this is the only use of it.
    let slots = unsafe { memory::carve(start.heap, room) };
    let slots = slots.ok_or(Wrong::Heap {
        bytes: start.heap.bytes,
        wanted: room.bytes(),
    })?;
    let settings = Settings {
        may_omit_ticket: cfg!(feature = "test-omit-ticket"),
        ..Settings::of(&system)
    };
    timer::open().map_err(Wrong::Timer)?;
    let mut server = ProcServer::new(
        TaskTable::new(slots.tasks, slots.threads),
        Waiters::new(slots.waiters),
        Deadlines::new(slots.deadlines),
        settings,
        system.programs.len(),
        Capabilities::new(Rate::measured(start.tsc_megahertz)),
    );
    match server.boot(&system) {
        0 => Ok(server),
        refused => Err(Wrong::Refused(refused)),
    }
}
