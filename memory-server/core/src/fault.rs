//! What a page fault needs.

use interfaces::memory::Access;
use interfaces::provision::Cause;

use crate::area::Area;
use crate::large::unit_of;
use crate::lending::Seen;
use crate::mapping::FrameCap;
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
    /// Show what is mapped there, whose page table was wiped.
    ShowAgain {
        /// The mapping.
        cap: FrameCap,
    },
    /// Let the task write to a page that is there, but that others show too, or showed.
    Write {
        /// The area in which the page is.
        area: u32,
        /// The object that shows it.
        object: u32,
        /// The page of that object.
        place: u32,
        /// Tables that must be there before.
        tables: MissingTables,
    },
    /// Map a page.
    Map {
        /// What.
        source: Source,
        /// At which page: the first of the unit where it comes in units.
        page: u32,
        /// The area in which the page is.
        area: u32,
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
    let found = memory.areas.find(space.areas, fault.page());
    let area = found.and_then(|index| memory.areas.peek(index));
    let object = area.and_then(|area| memory.objects.peek(area.object));
    let is_large = object.is_some_and(|object| object.is_large);
    // What comes in units is touched as a unit.
    let page = if is_large {
        unit_of(fault.page())
    } else {
        fault.page()
    };
    let mapped = memory.mappings.find(space_index, page);
    let is_writable = |cap| memory.mappings.get(cap).is_writable();
    let enough = mapped.is_some_and(|cap| !fault.write || is_writable(cap));
    let again = mapped.filter(|&cap| enough && !memory.is_shown(cap));
    if let Some(cap) = again.filter(|&cap| memory.mappings.get(cap).area().is_none()) {
        return Ok(Plan::ShowAgain { cap });
    }
    if enough && again.is_none() {
        let honest = space.idle_faults.saturating_add(1) < space.threads;
        return if honest {
            Ok(Plan::Idle)
        } else {
            Err(fault.bad_address())
        };
    }
    let (index, area) = found.zip(area).ok_or(fault.bad_address())?;
    if area.is_leaving || fault.write && area.access == Access::Read {
        return Err(fault.bad_address());
    }
    let place = area.place_of(page);
    let tables = missing_tables(memory, space_index, fault.address, is_large);
    if object.is_some_and(|object| object.is_revoked) {
        return Err(Cause::PayerKilled);
    }
    if let Some(cap) = again {
        return Ok(Plan::ShowAgain { cap });
    }
    let write = Plan::Write {
        area: index,
        object: area.object,
        place,
        tables,
    };
    let (source, is_shared) = match source(memory, area, place).ok_or(fault.bad_address())? {
        Shown::Is(source) => (source, false),
        Shown::Shared(_) if fault.write => return Ok(write),
        Shown::Shared(page) => (Source::Resident { page }, true),
        Shown::Lost => return Err(Cause::PayerKilled),
    };
    if mapped.is_some() {
        // It was shared, and is not any more.
        return Ok(write);
    }
    Ok(Plan::Map {
        source,
        page,
        area: index,
        object: area.object,
        place,
        access: if is_shared { Access::Read } else { area.access },
        tables,
    })
}

/// What an area has to show at a page.
enum Shown {
    /// This, and to nobody else who could write to it or be written over.
    Is(Source),
    /// A frame that others show too, each as its own.
    Shared(u32),
    /// What is lost.
    Lost,
}

fn source(memory: &Memory<'_>, area: &Area, place: u32) -> Option<Shown> {
    let object = memory.objects.peek(area.object)?;
    let kind = object.kind;
    if let Kind::Archive = kind {
        let is_there = place < memory.archive_pages();
        return is_there.then_some(Shown::Is(Source::Archive { page: place }));
    }
    if place >= object.size {
        return None;
    }
    match memory.seen(area.object, place) {
        Seen::Own {
            page,
            is_lent: false,
        } => return Some(Shown::Is(Source::Resident { page })),
        Seen::Own { page, .. } | Seen::Borrowed { page, .. } => return Some(Shown::Shared(page)),
        Seen::Lost => return Some(Shown::Lost),
        // Each unit has its frame from the start.
        Seen::Nothing if object.is_large => return None,
        Seen::Nothing => {}
    }
    let fill = match kind {
        Kind::Vacant | Kind::Archive | Kind::Ghost => return None,
        Kind::Anonymous => Fill::ZEROS,
        Kind::Program { program } => memory.programs.get(program)?.fill(place),
    };
    Some(Shown::Is(Source::Fresh { fill }))
}

fn missing_tables(memory: &Memory<'_>, space: u32, address: u32, is_large: bool) -> MissingTables {
    let is_missing = |level: TableLevel| {
        memory
            .owners
            .find(Use::Table, space, level.place(address))
            .is_none()
    };
    if is_large {
        return MissingTables::new(is_missing(TableLevel::Directory), false);
    }
    let table = is_missing(TableLevel::Table);
    // A table stands in a directory: where there is one, there is the other.
    MissingTables::new(table && is_missing(TableLevel::Directory), table)
}
