//! What a page fault needs.

use interfaces::memory::Access;
use interfaces::provision::Cause;

use crate::area::Area;
use crate::memory::Memory;
use crate::object::Kind;
use crate::owner::{TableLevel, Use};
use crate::program::Fill;
use crate::space::MissingTables;

/// A page fault, as the kernel reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageFault {
    /// The address, of which the kernel reports only the low 32 bits.
    pub address: u32,
    /// The instruction.
    pub ip: u64,
    /// Whether it was a store.
    pub write: bool,
}

impl PageFault {
    /// The page's number.
    #[must_use]
    pub const fn page(self) -> u32 {
        self.address >> 12
    }

    /// The page's address.
    #[must_use]
    pub const fn page_address(self) -> u32 {
        self.address & !0xfff
    }

    /// The cause if there is nothing that the task may touch like that.
    #[must_use]
    pub const fn bad_address(self) -> Cause {
        Cause::BadAddress {
            address: self.address,
            ip: self.ip,
        }
    }
}

/// What is to be shown at the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A page of the archive, through a copy of its capability.
    Archive {
        /// Which.
        page: u32,
    },
    /// A frame that the object has already.
    Resident {
        /// The frame's page.
        page: u32,
    },
    /// A new frame.
    Fresh {
        /// What of the archive belongs into it.
        fill: Fill,
    },
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: another thread of the task met the same page, and it has been settled since.
    Idle,
    /// Map a page.
    Map {
        /// What.
        source: Source,
        /// The object that shows it.
        object: u32,
        /// The page of that object.
        place: u32,
        /// With which rights.
        access: Access,
        /// Tables that must be there before.
        tables: MissingTables,
    },
}

/// Decides what a fault in a living address space needs.
///
/// A fault on a page that is mapped with rights enough is either a wild access above 4 GiB, whose address was cut,
/// or the second of two threads that met the same page before it was mapped. Each thread of a task can have one
/// fault in the queue; so after a fault that was of use at most `threads - 1` idle ones are honest, and the next is
/// a wild access. A task with one thread has none, and is found out at once.
pub fn decide(memory: &Memory<'_>, space_index: u32, fault: PageFault) -> Result<Plan, Cause> {
    let space = memory.spaces.peek(space_index).ok_or(fault.bad_address())?;
    let page = fault.page();
    if let Some(cap) = memory.mappings.find(space_index, page) {
        let enough = !fault.write || memory.mappings.get(cap).is_writable();
        let honest = space.idle_faults.saturating_add(1) < space.threads;
        return if enough && honest {
            Ok(Plan::Idle)
        } else {
            Err(fault.bad_address())
        };
    }
    let area = memory
        .areas
        .find(space.areas, page)
        .ok_or(fault.bad_address())?;
    if area.is_leaving || fault.write && area.access == Access::Read {
        return Err(fault.bad_address());
    }
    let place = area.place_of(page);
    let source = source(memory, &area, place).ok_or(fault.bad_address())?;
    Ok(Plan::Map {
        source,
        object: area.object,
        place,
        access: area.access,
        tables: missing_tables(memory, space_index, fault.address),
    })
}

fn source(memory: &Memory<'_>, area: &Area, place: u32) -> Option<Source> {
    let kind = memory.objects.get(area.object).kind;
    if let Kind::Archive = kind {
        return (place < memory.archive_pages()).then_some(Source::Archive { page: place });
    }
    if let Some(page) = memory.owners.find(Use::Frame, area.object, place) {
        return Some(Source::Resident { page });
    }
    match kind {
        Kind::Vacant | Kind::Archive => None,
        Kind::Anonymous => Some(Source::Fresh { fill: Fill::ZEROS }),
        Kind::Program { program } => {
            let fill = memory.programs.get(program)?.fill(place);
            Some(Source::Fresh { fill })
        }
    }
}

fn missing_tables(memory: &Memory<'_>, space: u32, address: u32) -> MissingTables {
    let is_missing = |level: TableLevel| {
        memory
            .owners
            .find(Use::Table, space, level.place(address))
            .is_none()
    };
    let table = is_missing(TableLevel::Table);
    // A table stands in a directory: where there is one, there is the other.
    MissingTables::new(table && is_missing(TableLevel::Directory), table)
}
