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
//! - The proc-server keeps its copy of a kit's root in the slot in which it had it: the next task of the place mostly has its
//!   first thread in the same place, too, and else it goes. A task that was never born leaves no kit: so whatever is wrong
//!   with one is met once.
//! - A kit is kept only if not one system call failed from the making of its task to its end, anywhere: what the kernel
//!   did not take away might be mapped in it.
//! - The page with a program's first instruction is barred in a kit: no task runs before the limits-server has said that it
//!   was born.
//! - No thread is ever kept: a TCB keeps its FPU's registers.
//! - A kit is charged to nobody, counts as free, and goes before anybody is refused memory, an ASID or a slot for its sake.
//!   There are at most [`KITS`]. One request takes [`AT_ONCE`] apart at most: who wants a page needs one, who wants a
//!   larger block than that gives asks again.

use interfaces::start::Block;
use interfaces::start::memory_slots::MIN_BITS;

use crate::area::Areas;
use crate::hands::{Kernel, Ledger};
use crate::memory::Memory;
use crate::object::ARCHIVE;
use crate::owner::{TableLevel, Use};
use crate::server::{Bill, MemoryServer};
use crate::space::{Space, Spaces, State};
use crate::table::List;

/// The most kits: as many as a group that is killed as a whole and started again may want.
pub const KITS: u32 = 256;
/// The most kits that one request takes apart, with some 20,000 instructions each.
pub const AT_ONCE: u32 = 2;
/// How often in a row a kit takes another's place. Where many tasks end and none is made, further ones would only take each
/// other's, and each costs more to keep and to take apart than nothing.
const IN_A_ROW: u32 = 2;
/// The most free pages that are kept out of the pool's tree.
const PAGES: usize = 32;

/// What kits hold: all of it is free for whoever needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Pages that their roots and tables are made of.
    pub pages: u32,
    /// Page tables that their areas may come to need.
    pub tables: u64,
    /// Copies that are set aside for their programs' shared pages.
    pub copies: u32,
}

impl Held {
    /// What one kit holds.
    #[must_use]
    pub fn by(space: &Space, areas: &Areas<'_>) -> Self {
        let tables = areas.iter(space.areas).map(|(_, area)| area.run.tables());
        Self {
            pages: space.pages.len(),
            tables: tables.fold(0, u64::saturating_add),
            copies: space.shared_room,
        }
    }

    /// With what another holds.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self {
            pages: self.pages.saturating_add(other.pages),
            tables: self.tables.saturating_add(other.tables),
            copies: self.copies.saturating_add(other.copies),
        }
    }

    /// Without what one of them holds.
    const fn without(self, other: Self) -> Self {
        Self {
            pages: self.pages.saturating_sub(other.pages),
            tables: self.tables.saturating_sub(other.tables),
            copies: self.copies.saturating_sub(other.copies),
        }
    }
}

/// What is kept.
#[derive(Debug, Default)]
pub struct Kept {
    /// The places of kits, the newest first.
    kits: List,
    oldest: Option<u32>,
    /// What they hold.
    held: Held,
    /// Kits that were kept since a task was last made.
    in_a_row: u32,
    /// Free pages, which the pool takes for used: most pages that come back are wanted again at once, and each way
    /// through the pool's tree costs more than the page's own record.
    pages: heapless::Vec<u32, PAGES>,
}

impl Kept {
    /// What the kits hold.
    #[must_use]
    pub const fn held(&self) -> Held {
        self.held
    }

    /// The places of kits.
    #[must_use]
    pub const fn kits(&self) -> List {
        self.kits
    }

    /// How many free pages are kept.
    #[must_use]
    pub fn pages(&self) -> u32 {
        u32::try_from(self.pages.len()).unwrap_or(u32::MAX)
    }

    /// Whether anything is kept.
    pub(crate) fn is_anything(&self) -> bool {
        !self.kits.is_empty() || !self.pages.is_empty()
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
        self.kits.len() < KITS || self.in_a_row < IN_A_ROW
    }

    /// A task is being made.
    pub(crate) fn note_making(&mut self) {
        self.in_a_row = 0;
    }

    fn add(&mut self, index: u32, spaces: &mut Spaces<'_>, areas: &Areas<'_>) {
        let Some(space) = spaces.peek(index) else {
            return;
        };
        self.held = self.held.with(Held::by(space, areas));
        self.oldest = self.oldest.or(Some(index));
        spaces.line_up(&mut self.kits, index);
        self.in_a_row = self.in_a_row.saturating_add(1);
    }

    fn forget(&mut self, index: u32, spaces: &mut Spaces<'_>, areas: &Areas<'_>) {
        let Some(space) = spaces.peek(index) else {
            return;
        };
        self.held = self.held.without(Held::by(space, areas));
        if self.oldest == Some(index) {
            self.oldest = spaces.in_front_of(index);
        }
        spaces.step_out(&mut self.kits, index);
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
        if !space.keeps {
            return space.areas.first();
        }
        let areas = &self.memory.areas;
        areas.besides(space.areas, ARCHIVE)
    }

    /// The newest page of a dying space that does not belong to the kit it leaves.
    pub(crate) fn page_besides_kit(&self, index: u32) -> Option<u32> {
        let space = self.memory.spaces.peek(index)?;
        if !space.keeps {
            return space.pages.first();
        }
        let mut pages = space.pages.iter(self.owners().records());
        pages.find(|&page| !is_of_kit(&self.memory, page))
    }

    /// Makes what is left of a dying space a kit. Its task has nothing any more. Returns whether it could be; if not, what
    /// is left is to be taken apart.
    pub(crate) fn keep(&mut self, index: u32, bill: &mut Bill) -> bool {
        let space = self.space(index);
        if space.root.is_none() {
            return false;
        }
        self.bar_entry(index, &space);
        // What the kernel did not do since the task was made might be left in the kit.
        if self.counters.mishaps != space.mishaps {
            return false;
        }
        if self.memory.kept.kits.len() >= KITS {
            self.drop_oldest_kit();
        }
        // Others may still show frames that were its own; it is a ghost then, and none of the kit's.
        self.remove_program(space.object, bill);
        let Memory {
            spaces,
            kept,
            areas,
            ..
        } = &mut self.memory;
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
            first_thread: record.first_thread,
            has_copy: record.has_copy,
            is_wiped: record.is_wiped,
            last_wiped: record.last_wiped,
            tables: record.tables,
            ..Space::default()
        };
        kept.add(index, spaces, areas);
        true
    }

    /// Bars the page with the first instruction: it is always met by a fault, with which the limits-server is asked. One that
    /// is in no table is met by one anyway.
    fn bar_entry(&mut self, index: u32, space: &Space) {
        let program = self.memory.programs.get(space.program);
        let page = program.map(|program| program.entry >> 12);
        let cap = page.and_then(|page| self.memory.mappings.find(index, page));
        let Some(cap) = cap.filter(|&cap| self.memory.is_shown(cap)) else {
            return;
        };
        let (slot, root) = (self.memory.slot_of(cap), self.root_of(index));
        let result = self.kernel.bar_frame(slot, root);
        if self.expected(result).is_ok() {
            self.memory.mappings.bar(cap);
        }
    }

    /// Takes the proc-server's copy of the root of a space away. (If the kernel does not, it goes with the root.)
    pub(crate) fn take_root_back(&mut self, index: u32) {
        let result = self.kernel.revoke(self.root_of(index));
        let _ = self.expected(result);
        self.change_space(index, |space| space.has_copy = false);
    }

    /// Makes the slot for a root's copy in a thread's place empty, if a kit has one there. Returns whether one had.
    pub(crate) fn clear_root_copy(&mut self, thread: u32) -> bool {
        let Memory { spaces, kept, .. } = &self.memory;
        let is_there = |space: &Space| space.has_copy && space.first_thread == thread;
        let found = spaces
            .in_queue(kept.kits())
            .find(|&index| spaces.peek(index).is_some_and(is_there));
        if let Some(index) = found {
            self.take_root_back(index);
        }
        found.is_some()
    }

    /// The kit in a place is used now, or taken apart.
    pub(crate) fn unkeep(&mut self, index: u32) {
        let Memory {
            spaces,
            kept,
            areas,
            ..
        } = &mut self.memory;
        kept.forget(index, spaces, areas);
    }

    /// Takes the kit in a place apart.
    pub(crate) fn drop_kit(&mut self, index: u32) {
        self.unkeep(index);
        self.unmake_task_whole(index);
    }

    /// Takes the oldest kit apart. Returns whether there was one.
    pub(crate) fn drop_oldest_kit(&mut self) -> bool {
        let oldest = self.memory.kept.oldest;
        if let Some(index) = oldest {
            self.drop_kit(index);
        }
        oldest.is_some()
    }

    /// Gives the pages that are kept back to the pool. Returns whether there was any.
    pub(crate) fn keep_no_pages(&mut self) -> bool {
        let mut was_any = false;
        while let Some(page) = self.memory.kept.take_page() {
            self.memory.pool.give_back(Block {
                page,
                bits: MIN_BITS,
            });
            was_any = true;
        }
        was_any
    }

    /// Gives kept pages back to the pool, and takes [`AT_ONCE`] kits apart. Returns whether nothing is kept any more.
    pub(crate) fn keep_less(&mut self) -> bool {
        for _ in 0..AT_ONCE {
            self.drop_oldest_kit();
        }
        self.keep_no_pages();
        self.memory.kept.oldest.is_none()
    }
}
