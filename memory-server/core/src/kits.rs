//! What is kept of a task that has ended, for the next one: an address space, and free pages that nobody looks for.
//!
//! A **kit** is what remains of an address space when everything of its task is gone: the root with its ASID, the three
//! tables that every task is born with, and the shared pages of the program, still mapped. It stays in the task's place
//! (`State::Kept`); if the next task of that place runs the same program, it is born with it, and saves some forty
//! invocations and the faults on those pages. Places are reused last in, first out, so that is the common case.
//!
//! # Invariants
//!
//! - Nothing of the task that ended is in a kit: its frames were unmapped or deleted, its other tables are gone, and
//!   what is mapped are pages of the archive, to be read, which every task with this program may see.
//! - A kit is kept only if not one system call failed from the making of its task to its end, anywhere: what the kernel
//!   did not take away might be mapped in it.
//! - The page with a program's first instruction is in no kit: no task runs before the limits-server has said that it was
//!   born.
//! - No thread is ever kept: a TCB keeps its FPU's registers.
//! - A kit is charged to nobody, and goes before anybody is refused memory, an ASID or a slot for its sake; whoever asks
//!   how much is free makes all of them go first. There are at most [`KITS`], so that is bounded.

use interfaces::start::Block;
use interfaces::start::memory_slots::MIN_BITS;

use crate::hands::{Kernel, Ledger};
use crate::memory::Memory;
use crate::object::ARCHIVE;
use crate::owner::{TableLevel, Use};
use crate::server::{Bill, MemoryServer};
use crate::space::{Space, State};

/// The most kits. Each takes some 20,000 instructions to take apart, and a request may have to take all of them.
pub const KITS: usize = 2;
/// The most free pages that are kept out of the pool's tree.
const PAGES: usize = 32;

/// What is kept.
#[derive(Debug, Default)]
pub struct Kept {
    /// The places of kits, the oldest first.
    kits: heapless::Vec<u32, KITS>,
    /// Kits kept since a task was last made. Where many tasks end and none is made, further ones would only take each
    /// other's place, and each costs more to keep and to take apart than nothing.
    in_a_row: u32,
    /// Free pages, which the pool takes for used: most pages that come back are wanted again at once, and each way
    /// through the pool's tree costs more than the page's own record.
    pages: heapless::Vec<u32, PAGES>,
}

impl Kept {
    /// How many free pages are kept.
    #[must_use]
    pub fn pages(&self) -> u32 {
        u32::try_from(self.pages.len()).unwrap_or(u32::MAX)
    }

    /// Takes a free page.
    pub(crate) fn take_page(&mut self) -> Option<u32> {
        self.pages.pop()
    }

    /// Keeps a free page. Returns whether there was room.
    pub(crate) fn keep_page(&mut self, page: u32) -> bool {
        self.pages.push(page).is_ok()
    }

    /// Whether it pays to keep another kit.
    #[must_use]
    pub fn wants_another(&self) -> bool {
        !self.kits.is_full() || (self.in_a_row as usize) < KITS
    }

    /// A task is being made.
    pub(crate) fn note_making(&mut self) {
        self.in_a_row = 0;
    }

    fn forget(&mut self, space: u32) {
        self.kits.retain(|&kept| kept != space);
    }
}

/// Whether a page of a space is one that its kit has.
fn is_of_kit(memory: &Memory<'_>, page: u32) -> bool {
    let owner = memory.owners.get(page);
    match owner.used_as() {
        Use::Root => true,
        Use::Table => TableLevel::is_of_kit(owner.place()),
        _ => false,
    }
}

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// The first area of a dying space that does not belong to the kit it leaves.
    pub(crate) fn area_besides_kit(&self, space: &Space) -> Option<u32> {
        let mut areas = self.memory.areas.iter(space.areas);
        let found = areas.find(|(_, area)| !(space.keeps && area.object == ARCHIVE));
        found.map(|(index, _)| index)
    }

    /// The newest page of a dying space that does not belong to the kit it leaves.
    pub(crate) fn page_besides_kit(&self, index: u32) -> Option<u32> {
        let space = self.memory.spaces.peek(index)?;
        let mut pages = space.pages.iter(self.owners().records());
        pages.find(|&page| !(space.keeps && is_of_kit(&self.memory, page)))
    }

    /// Makes what is left of a dying space a kit. Its task has nothing any more. Returns whether it could be; if not, what
    /// is left is to be taken apart.
    pub(crate) fn keep(&mut self, index: u32, bill: &mut Bill) -> bool {
        let space = self.space(index);
        let Some(root) = space.root else {
            return false;
        };
        self.hide_entry(index, &space);
        // What the kernel did not do since the task was made might be left in the kit.
        if self.counters.mishaps != space.mishaps {
            return false;
        }
        // The proc-server has a copy.
        let result = self.kernel.revoke(self.memory.slots.object(root));
        if self.expected(result).is_err() {
            return false;
        }
        if self.memory.kept.kits.is_full() {
            self.drop_oldest_kit();
        }
        // Others may still show frames that were its own; it is a ghost then, and none of the kit's.
        self.remove_program(space.object, bill);
        let Memory { spaces, kept, .. } = &mut self.memory;
        let Some(record) = spaces.edit(index) else {
            return false;
        };
        *record = Space {
            state: State::Kept,
            program: record.program,
            areas: record.areas,
            mappings: record.mappings,
            mapped: record.mapped,
            pages: record.pages,
            root: record.root,
            asid_pool: record.asid_pool,
            shared_room: record.shared_room,
            shared: record.shared,
            tables: record.tables,
            ..Space::default()
        };
        // There is room: the oldest went.
        let _ = kept.kits.push(index);
        kept.in_a_row = kept.in_a_row.saturating_add(1);
        true
    }

    /// Takes the page with the first instruction away: it is always met by a fault, with which the limits-server is asked.
    fn hide_entry(&mut self, index: u32, space: &Space) {
        let program = self.memory.programs.get(space.program);
        let Some(page) = program.map(|program| program.entry >> 12) else {
            return;
        };
        let area = self.memory.areas.find(space.areas, page);
        let area = area.map(|area| self.memory.areas.get(area));
        if let (Some(cap), Some(area)) = (self.memory.mappings.find(index, page), area) {
            // A shared page of a program owes nobody anything.
            self.hide(cap, &area, false, &mut Bill::default());
        }
    }

    /// The kit in a place is used now, or taken apart.
    pub(crate) fn unkeep(&mut self, index: u32) {
        self.memory.kept.forget(index);
    }

    /// Takes the kit in a place apart.
    pub(crate) fn drop_kit(&mut self, index: u32) {
        self.unkeep(index);
        self.unmake_task_whole(index);
    }

    /// Takes the oldest kit apart. Returns whether there was one.
    pub(crate) fn drop_oldest_kit(&mut self) -> bool {
        let oldest = self.memory.kept.kits.first().copied();
        if let Some(index) = oldest {
            self.drop_kit(index);
        }
        oldest.is_some()
    }

    /// Gives everything that is kept back to the pool. Returns whether there was anything.
    pub(crate) fn keep_nothing(&mut self) -> bool {
        let mut was_any = false;
        while self.drop_oldest_kit() {
            was_any = true;
        }
        while let Some(page) = self.memory.kept.take_page() {
            self.memory.pool.give_back(Block {
                page,
                bits: MIN_BITS,
            });
            was_any = true;
        }
        was_any
    }
}
