//! Whether the kernel bears out what is on record: each capability that is held for a group is asked for, one by one.
//!
//! The recount (`recount`) walks the lists of spaces and objects; this walks the machine, page by page and slot by slot, so
//! that the two find what they find by different ways. Each page that is used, each copy of a frame's capability, each
//! slot of the proc-server's that was filled from here is checked against the kernel ([`Witness`](crate::witness)), and what
//! it costs is added up for the group that pays for it. What has no capability (reservations, the server's own records) is
//! added from the records that stand for it.
//!
//! # Invariants
//!
//! - Nothing is changed, and nothing is remembered: where the walk has come to stands in the request.
//! - A slice costs at most [`SLICE`] questions and [`SKIPPED`] records that are somebody else's: some 30,000 instructions.

mod parts;
mod questions;
mod records;

use interfaces::memory::COPY_KIT;
use interfaces::start::memory_slots::MIN_BITS;
use interfaces::start::{Block, ground, memory_slots};
use interfaces::truth::{Sort, Thing, Verified, Verify, Wrong};
use interfaces::{Amounts, GroupId, TaskId};

use crate::hands::{Kernel, Ledger, Made, Slot};
use crate::lending::Seen;
use crate::mapping::Mappings;
use crate::object::ARCHIVE;
use crate::owner::{Owner, TableLevel, Use};
use crate::pool::Leaf;
use crate::server::MemoryServer;
use crate::space::{Space, State};

/// Questions to the kernel in one slice: about 800 instructions each, with what belongs to them.
pub const SLICE: u32 = 24;
/// Records that are passed over in one slice, in questions: so many are as dear as one.
const SKIPPED: u32 = 32;
/// The bytes of a page.
const PAGE: u64 = 4096;
/// Where a phase begins in a cursor.
const PHASE: u32 = 32;

/// What is walked through, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Pages,
    Copies,
    Spaces,
    Objects,
    Regions,
}

impl Phase {
    const fn of(cursor: u64) -> Option<Self> {
        Some(match cursor >> PHASE {
            0 => Self::Pages,
            1 => Self::Copies,
            2 => Self::Spaces,
            3 => Self::Objects,
            4 => Self::Regions,
            _ => return None,
        })
    }
}

/// One slice of the walk.
struct Walk {
    group: Option<GroupId>,
    /// Questions that may still be asked.
    left: u32,
    /// Records passed over.
    skipped: u32,
    checked: u32,
    held: Amounts,
    wrong: Option<Wrong>,
}

/// Whose a thing is, for the answer.
#[derive(Clone, Copy)]
struct Whose {
    task: Option<TaskId>,
    group: Option<GroupId>,
}

/// What is free, or the servers' own.
const NOBODYS: Whose = Whose {
    task: None,
    group: None,
};

impl Whose {
    /// What a space has is its task's; a kit is nobody's.
    fn of_space(space: &Space) -> Self {
        if space.state == State::Kept {
            return NOBODYS;
        }
        Self {
            task: Some(space.task),
            group: Some(space.payer),
        }
    }
}

impl Walk {
    /// Whether what this group pays for is looked at.
    fn wants(&self, payer: Option<GroupId>) -> bool {
        self.group.is_none() || self.group == payer
    }

    fn add(&mut self, amounts: Amounts) {
        self.held = self.held.checked_add(&amounts).unwrap_or(self.held);
    }

    /// So many questions were asked, and this came of it.
    fn note(
        &mut self,
        questions: u32,
        (thing, number): (Thing, u32),
        of: Whose,
        says: (Sort, Sort),
    ) {
        self.left = self.left.saturating_sub(questions);
        self.checked = self.checked.saturating_add(1);
        let (record, kernel) = says;
        if record != kernel && self.wrong.is_none() {
            self.wrong = Some(Wrong {
                thing,
                number,
                task: of.task,
                group: of.group,
                record,
                kernel,
            });
        }
    }

    /// A record was passed over.
    fn skip(&mut self) {
        self.skipped = self.skipped.saturating_add(1);
        if self.skipped == SKIPPED {
            self.skipped = 0;
            self.left = self.left.saturating_sub(1);
        }
    }

    const fn is_over(&self) -> bool {
        self.left == 0 || self.wrong.is_some()
    }
}

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Checks a slice of the records.
    pub(crate) fn verify_slice(&mut self, request: Verify) -> Verified {
        let mut walk = Walk {
            group: request.group,
            left: SLICE,
            skipped: 0,
            checked: 0,
            held: Amounts::NONE,
            wrong: None,
        };
        let mut at = request.at;
        let next = loop {
            let Some(phase) = Phase::of(at) else {
                break None;
            };
            if walk.is_over() {
                break Some(at);
            }
            #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
            let index = at as u32;
            at = match self.verify_at(phase, index, &mut walk) {
                Some(next) => (at >> PHASE << PHASE) | u64::from(next),
                None => (at >> PHASE).wrapping_add(1) << PHASE,
            };
        };
        Verified {
            next,
            checked: walk.checked,
            held: walk.held,
            wrong: walk.wrong,
        }
    }

    /// Checks what is at an index. Returns the next one; nothing behind the last.
    fn verify_at(&mut self, phase: Phase, index: u32, walk: &mut Walk) -> Option<u32> {
        let memory = &self.memory;
        let end = match phase {
            Phase::Pages => memory.owners.records().len(),
            Phase::Copies => memory.mappings.copies_used(),
            Phase::Spaces => memory.spaces.len(),
            Phase::Objects => memory.objects.used(),
            Phase::Regions => memory.regions.used(),
        };
        if index >= end {
            return None;
        }
        let mut step = 1;
        match phase {
            Phase::Pages => step = self.verify_page(index, walk),
            Phase::Copies => self.verify_copy(index, walk),
            Phase::Spaces => self.add_space(index, walk),
            Phase::Objects => self.add_object(index, walk),
            Phase::Regions => self.add_region(index, walk),
        }
        index.checked_add(step)
    }

    /// Checks what begins at a page. Returns how many pages that is.
    fn verify_page(&mut self, page: u32, walk: &mut Walk) -> u32 {
        match self.memory.pool.leaf(page) {
            Leaf::Nothing => {
                walk.skip();
                1
            }
            Leaf::Free(block) => {
                self.verify_free(block, walk);
                crate::pool::pages_of(block.bits)
            }
            // Nobody can ask about what is being changed.
            Leaf::Clearing(block) => {
                walk.skip();
                crate::pool::pages_of(block.bits)
            }
            Leaf::Used(block) => {
                let owner = self.owners().get(page);
                match owner.used_as() {
                    // Kept for whoever wants one next, and free.
                    Use::Nothing => self.verify_free(block, walk),
                    Use::Frame | Use::Left => self.verify_frame(page, owner, walk),
                    Use::Table | Use::Root | Use::Thread | Use::IpcBuffer => {
                        self.verify_part(page, owner, walk);
                    }
                    Use::Ring => self.verify_ring(page, owner, walk),
                    Use::Ground if walk.group.is_none() => {
                        self.ask_page(page, PAGE, NOBODYS, walk);
                        let at = ground::page(owner.place());
                        let cap = Mappings::own(page);
                        let root = memory_slots::LIMITS_SPACE;
                        self.ask_shown(cap, page, (root, at), true, (Thing::Ground, NOBODYS), walk);
                    }
                    Use::Ground | Use::Lost => walk.skip(),
                }
                crate::pool::pages_of(block.bits)
            }
        }
    }

    /// A free block is untyped memory of which nothing is made; no page of it has an object.
    fn verify_free(&mut self, block: Block, walk: &mut Walk) {
        if walk.group.is_some() {
            walk.skip();
            return;
        }
        let unused = 1_u64.wrapping_shl(block.bits.into());
        let kernel = self.kernel.unused(self.memory.slots.untyped(block));
        let says = (Sort::Untyped { unused }, kernel);
        walk.note(1, (Thing::FreeBlock, block.page), NOBODYS, says);
        // Of a larger one there is nothing to be made a page's object of: what is made of it would have shown above.
        if block.bits == MIN_BITS {
            let slot = self.memory.slots.object(block.page);
            self.ask_empty(
                Slot::Own(slot),
                (Thing::FreeSlot, block.page),
                NOBODYS,
                walk,
            );
        }
    }

    /// A frame of an object.
    fn verify_frame(&mut self, page: u32, owner: Owner, walk: &mut Walk) {
        let payer = self
            .memory
            .objects
            .peek(owner.whose())
            .map(|object| object.payer);
        if !walk.wants(payer) {
            walk.skip();
            return;
        }
        walk.add(owner.kit());
        let of = Whose {
            task: None,
            group: payer,
        };
        if owner.is_large() {
            self.ask_block(page, of, walk);
        } else {
            self.ask_page(page, PAGE, of, walk);
        }
        self.ask_frame(Mappings::own(page), page, (Thing::Frame, of), walk);
    }

    /// A further capability to a frame.
    fn verify_copy(&mut self, number: u32, walk: &mut Walk) {
        let cap = self.memory.mappings.copy(number);
        let mapping = self.memory.mappings.get(cap);
        let Some(space) = mapping.space() else {
            if walk.group.is_none() && !self.memory.rings.have(cap) {
                let slot = Slot::Own(self.memory.slots.copy(number));
                self.ask_empty(slot, (Thing::FreeSlot, number), NOBODYS, walk);
            } else {
                walk.skip();
            }
            return;
        };
        let of = Whose::of_space(&self.space(space));
        let area = mapping.area().map(|area| self.memory.areas.get(area));
        let Some(area) = area.filter(|_| walk.wants(of.group)) else {
            walk.skip();
            return;
        };
        let place = area.place_of(mapping.page());
        if area.object == ARCHIVE {
            // Where the archive's pages are, only the kernel knows.
            let slot = Slot::Own(self.memory.slots.archive(place));
            if let Sort::Frame { address, .. } = self.kernel.sort(slot, Made::Frame) {
                let page = u32::try_from(address / PAGE).unwrap_or(u32::MAX);
                self.ask_frame(cap, page, (Thing::Copy, of), walk);
            }
            return;
        }
        walk.add(COPY_KIT);
        if let Seen::Own { page, .. } | Seen::Borrowed { page, .. } =
            self.memory.seen(area.object, place)
        {
            self.ask_frame(cap, page, (Thing::Copy, of), walk);
        }
    }
}

/// What a level is called in an answer.
#[must_use]
pub const fn number_of(level: TableLevel) -> u8 {
    match level {
        TableLevel::Table => 1,
        TableLevel::Directory => 2,
        TableLevel::Pointers => 3,
    }
}
