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
//! - A slice costs at most [`SLICE`] questions and [`SKIPPED`] records that are somebody else's: some 40,000 instructions.

use interfaces::memory::{
    AREA_KIT, Access, BORROW_KIT, COPY_KIT, FRAME_KIT, OBJECT_KIT, REGION_KIT, TABLE_KIT,
};
use interfaces::provision::{MailboxSlot, TASK_RECORDS_BYTES, ThreadSlot};
use interfaces::start::memory_slots::MIN_BITS;
use interfaces::start::{Block, ground, limits_slots, memory_slots, ring_window};
use interfaces::truth::{Sort, Thing, Verified, Verify, Wrong};
use interfaces::{Amounts, GroupId, Resource, TaskId};

use crate::closing::own_amounts;
use crate::hands::{Kernel, Ledger, Made, Slot};
use crate::lending::Seen;
use crate::mapping::{FrameCap, Mappings, Standing};
use crate::object::{ARCHIVE, Kind};
use crate::owner::{Owner, TableLevel, Use};
use crate::pool::Leaf;
use crate::recount::{BLOCK, CLIENT_CNODE, IPC_BUFFER, NOTIFICATION, RING_PAGE, ROOT};
use crate::ring::NOTIFICATION as NOTIFICATION_PLACE;
use crate::server::MemoryServer;
use crate::space::{Space, State};

/// Questions to the kernel in one slice: about 800 instructions each, with what belongs to them.
pub const SLICE: u32 = 40;
/// Records that are passed over in one slice, in questions: so many are as dear as one.
const SKIPPED: u32 = 32;
/// The bytes of a page.
const PAGE: u64 = 4096;
/// The bytes of a TCB, of a client's CNode, and of both.
const TCB_BYTES: u64 = 2048;
/// See above.
const FIRST_BYTES: u64 = TCB_BYTES + 512;
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
        let nobody = Whose {
            task: None,
            group: None,
        };
        match self.memory.pool.leaf(page) {
            Leaf::Nothing => {
                walk.skip();
                1
            }
            Leaf::Free(block) => {
                if walk.group.is_none() {
                    self.verify_free(block, walk);
                } else {
                    walk.skip();
                }
                crate::pool::pages_of(block.bits)
            }
            Leaf::Used(block) => {
                let owner = self.owners().get(page);
                match owner.used_as() {
                    // Kept for whoever wants one next, and free.
                    Use::Nothing if walk.group.is_none() => self.verify_free(block, walk),
                    Use::Nothing | Use::Lost => walk.skip(),
                    Use::Frame | Use::Left => self.verify_frame(page, owner, walk),
                    Use::Table | Use::Root | Use::Thread | Use::IpcBuffer => {
                        self.verify_part(page, owner, walk);
                    }
                    Use::Ring => self.verify_ring(page, owner, walk),
                    Use::Ground if walk.group.is_none() => {
                        self.ask_page(page, PAGE, nobody, walk);
                        let at = ground::page(owner.place());
                        let cap = Mappings::own(page);
                        let root = memory_slots::LIMITS_SPACE;
                        self.ask_shown(cap, page, (root, at), true, (Thing::Ground, nobody), walk);
                    }
                    Use::Ground => walk.skip(),
                }
                crate::pool::pages_of(block.bits)
            }
        }
    }

    /// A free block is untyped memory of which nothing is made; no page of it has an object.
    fn verify_free(&mut self, block: Block, walk: &mut Walk) {
        let nobody = Whose {
            task: None,
            group: None,
        };
        let unused = 1_u64.wrapping_shl(block.bits.into());
        let kernel = self.kernel.unused(self.memory.slots.untyped(block));
        let says = (Sort::Untyped { unused }, kernel);
        walk.note(1, (Thing::FreeBlock, block.page), nobody, says);
        // Of a larger one there is nothing to be made a page's object of: what is made of it would have shown above.
        if block.bits == MIN_BITS {
            let slot = self.memory.slots.object(block.page);
            self.ask_empty(Slot::Own(slot), (Thing::FreeSlot, block.page), nobody, walk);
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
        walk.add(FRAME_KIT);
        let of = Whose {
            task: None,
            group: payer,
        };
        self.ask_page(page, PAGE, of, walk);
        self.ask_frame(Mappings::own(page), page, (Thing::Frame, of), walk);
    }

    /// What a task is made of.
    fn verify_part(&mut self, page: u32, owner: Owner, walk: &mut Walk) {
        let index = owner.whose();
        let space = self.space(index);
        let is_kit = space.state == State::Kept;
        let of = Whose {
            task: (!is_kit).then_some(space.task),
            group: (!is_kit).then_some(space.payer),
        };
        if !walk.wants(of.group) {
            walk.skip();
            return;
        }
        match owner.used_as() {
            Use::Thread => self.verify_block(page, owner, &space, of, walk),
            Use::IpcBuffer => {
                walk.add(IPC_BUFFER);
                self.ask_page(page, PAGE, of, walk);
                self.ask_frame(Mappings::own(page), page, (Thing::IpcBuffer, of), walk);
                let slot = Slot::Proc(ThreadSlot::IpcBuffer.of(owner.place()));
                let kernel = self.kernel.sort(slot, Made::Frame);
                let record = Sort::Frame {
                    address: address_of(page),
                    mapped: false,
                };
                walk.note(4, (Thing::IpcBufferCopy, page), of, (record, kernel));
            }
            Use::Root => {
                if !is_kit {
                    walk.add(ROOT);
                }
                self.ask_page(page, PAGE, of, walk);
                let slot = Slot::Own(self.memory.slots.object(page));
                let kernel = self.kernel.sort(slot, Made::Root);
                walk.note(1, (Thing::Root, page), of, (Sort::Root, kernel));
                if space.state == State::Live {
                    let slot = Slot::Proc(ThreadSlot::Space.of(space.first_thread));
                    let kernel = self.kernel.sort(slot, Made::Root);
                    walk.note(3, (Thing::RootCopy, page), of, (Sort::Root, kernel));
                }
            }
            _ => {
                if !is_kit {
                    walk.add(TABLE_KIT);
                }
                self.ask_page(page, PAGE, of, walk);
                let level = level_of(owner.place());
                let slot = Slot::Own(self.memory.slots.object(page));
                let kernel = self.kernel.sort(slot, Made::Table(level));
                let record = Sort::Table {
                    level: number_of(level),
                    mapped: true,
                };
                walk.note(1, (Thing::Table, page), of, (record, kernel));
            }
        }
    }

    /// A thread's page: its TCB, and its task's CNode if it is the first.
    fn verify_block(&mut self, page: u32, owner: Owner, space: &Space, of: Whose, walk: &mut Walk) {
        walk.add(BLOCK);
        let thread = owner.place();
        let is_first = thread == space.first_thread;
        let untyped = self.kernel.unused(self.memory.slots.page(page));
        let most = PAGE.saturating_sub(if is_first { FIRST_BYTES } else { TCB_BYTES });
        // A mailbox is made of what the first thread's leaves.
        let is_right = |unused| unused == most || is_first && unused < most;
        let record = match untyped {
            Sort::Untyped { unused } if is_right(unused) => untyped,
            _ => Sort::Untyped { unused: most },
        };
        walk.note(1, (Thing::UsedPage, page), of, (record, untyped));
        let slot = Slot::Proc(ThreadSlot::Tcb.of(thread));
        let kernel = self.kernel.sort(slot, Made::Tcb);
        walk.note(3, (Thing::Thread, thread), of, (Sort::Thread, kernel));
        if is_first {
            walk.add(CLIENT_CNODE);
            let slot = Slot::Proc(ThreadSlot::CNode.of(thread));
            let kernel = self.kernel.sort(slot, Made::ClientCNode);
            walk.note(3, (Thing::CNode, thread), of, (Sort::CNode, kernel));
            self.verify_mailbox(thread, untyped == Sort::Untyped { unused: most }, of, walk);
        }
    }

    /// A task's mailbox: nothing else stands in its slots. Whether it has one the proc-server knows; half of one may be there
    /// that could not be finished.
    fn verify_mailbox(&mut self, first: u32, is_none: bool, of: Whose, walk: &mut Walk) {
        for (slot, made) in [
            (MailboxSlot::Endpoint, Made::Endpoint),
            (MailboxSlot::Bell, Made::Notification),
        ] {
            let slot = Slot::Proc(slot.of(first));
            if is_none {
                self.ask_empty(slot, (Thing::Mailbox, first), of, walk);
                continue;
            }
            let kernel = self.kernel.sort(slot, made);
            if kernel == Sort::Nothing {
                walk.skip();
            } else {
                walk.note(3, (Thing::Mailbox, first), of, (Sort::Port, kernel));
            }
        }
    }

    /// A page of a ring, or its notification.
    fn verify_ring(&mut self, page: u32, owner: Owner, walk: &mut Walk) {
        let Some(&ring) = self.memory.rings.get(owner.whose()) else {
            walk.skip();
            return;
        };
        let task = ring.space.map(|space| self.space(space).task);
        let of = Whose {
            task,
            group: Some(ring.payer()),
        };
        if !walk.wants(of.group) {
            walk.skip();
            return;
        }
        let number = owner.whose();
        if owner.place() == NOTIFICATION_PLACE {
            walk.add(NOTIFICATION);
            let slot = Slot::Own(self.memory.slots.object(page));
            let kernel = self.kernel.sort(slot, Made::Notification);
            walk.note(3, (Thing::Notification, page), of, (Sort::Port, kernel));
            if ring.is_attached() {
                let slot = limits_slots::RINGS.saturating_add(u64::from(number));
                self.ask_taken(Slot::Limits(slot), (Thing::RingCopy, number), of, walk);
            }
            return;
        }
        walk.add(RING_PAGE);
        self.ask_page(page, PAGE, of, walk);
        self.ask_frame(Mappings::own(page), page, (Thing::RingPage, of), walk);
        if let Some(cap) = ring.shown(owner.place()) {
            let place = u8::try_from(number).unwrap_or(u8::MAX);
            let at = ring_window::page(place, owner.place());
            let root = memory_slots::LIMITS_SPACE;
            self.ask_shown(cap, page, (root, at), true, (Thing::RingCopy, of), walk);
        }
    }

    /// A further capability to a frame.
    fn verify_copy(&mut self, number: u32, walk: &mut Walk) {
        let cap = self.memory.mappings.copy(number);
        let mapping = self.memory.mappings.get(cap);
        let Some(space) = mapping.space() else {
            if walk.group.is_none() && !self.memory.rings.have(cap) {
                let nobody = Whose {
                    task: None,
                    group: None,
                };
                let slot = Slot::Own(self.memory.slots.copy(number));
                self.ask_empty(slot, (Thing::FreeSlot, number), nobody, walk);
            } else {
                walk.skip();
            }
            return;
        };
        let record = self.space(space);
        let is_kit = record.state == State::Kept;
        let of = Whose {
            task: (!is_kit).then_some(record.task),
            group: (!is_kit).then_some(record.payer),
        };
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

    /// What a task costs besides its pages.
    fn add_space(&self, index: u32, walk: &mut Walk) {
        walk.skip();
        let space = self.memory.spaces.peek(index).filter(|space| {
            matches!(space.state, State::Live | State::Dying) && walk.wants(Some(space.payer))
        });
        if let Some(space) = space {
            let records = Amounts::of(Resource::KernelMemory, TASK_RECORDS_BYTES);
            walk.add(records.with(Resource::CapSlots, u64::from(space.shared_room)));
        }
    }

    /// What an object costs besides its frames.
    fn add_object(&self, index: u32, walk: &mut Walk) {
        walk.skip();
        let object = self.memory.objects.get(index);
        if matches!(object.kind, Kind::Vacant | Kind::Archive) || !walk.wants(Some(object.payer)) {
            return;
        }
        for (resource, amount) in BORROW_KIT.present() {
            let borrows = u64::from(object.borrows.len().saturating_add(object.owed));
            walk.add(Amounts::of(resource, amount.saturating_mul(borrows)));
        }
        match object.kind {
            Kind::Anonymous if object.is_charged => walk.add(own_amounts(object.commit)),
            Kind::Program { .. } => {
                walk.add(Amounts::of(Resource::Commit, u64::from(object.commit)));
                if object.has_ghost_paid {
                    walk.add(OBJECT_KIT);
                }
            }
            Kind::Ghost => walk.add(OBJECT_KIT),
            _ => {}
        }
    }

    /// What a region costs besides its object.
    fn add_region(&self, index: u32, walk: &mut Walk) {
        walk.skip();
        let Some(region) = self.memory.regions.there(index) else {
            return;
        };
        if !walk.wants(Some(region.payer)) {
            return;
        }
        walk.add(REGION_KIT);
        let mut next = region.areas.first();
        while let Some(area) = next {
            walk.skip();
            if self.memory.areas.get(area).is_charged {
                walk.add(AREA_KIT);
            }
            next = self.memory.areas.next_of_region(area);
        }
    }

    /// Of a used page's untyped memory so much must be used.
    fn ask_page(&mut self, page: u32, used: u64, of: Whose, walk: &mut Walk) {
        let kernel = self.kernel.unused(self.memory.slots.page(page));
        let record = Sort::Untyped {
            unused: PAGE.saturating_sub(used),
        };
        walk.note(1, (Thing::UsedPage, page), of, (record, kernel));
    }

    /// A frame's capability must be of that page, and be mapped where it is on record, or not at all.
    fn ask_frame(
        &mut self,
        cap: FrameCap,
        page: u32,
        (thing, of): (Thing, Whose),
        walk: &mut Walk,
    ) {
        let mapping = self.memory.mappings.get(cap);
        if let Some(space) = mapping.space() {
            let at = (self.root_of(space), mapping.page() << MIN_BITS);
            self.ask_shown(cap, page, at, mapping.is_writable(), (thing, of), walk);
        } else {
            let slot = Slot::Own(self.memory.slot_of(cap));
            let kernel = self.kernel.sort(slot, Made::Frame);
            // Of one that could not be taken away it is on record that it may be mapped for good.
            let is_stuck = self.owners().get(page).is_stuck();
            let record = Sort::Frame {
                address: address_of(page),
                mapped: is_stuck && matches!(kernel, Sort::Frame { mapped: true, .. }),
            };
            walk.note(
                2,
                (thing, number_in(&self.memory.mappings, cap)),
                of,
                (record, kernel),
            );
        }
    }

    /// A frame's capability must be of that page and be mapped there.
    fn ask_shown(
        &mut self,
        cap: FrameCap,
        page: u32,
        (root, at): (u64, u32),
        is_writable: bool,
        (thing, of): (Thing, Whose),
        walk: &mut Walk,
    ) {
        let number = number_in(&self.memory.mappings, cap);
        let slot = self.memory.slot_of(cap);
        let kernel = self.kernel.sort(Slot::Own(slot), Made::Frame);
        let record = Sort::Frame {
            address: address_of(page),
            mapped: true,
        };
        walk.note(2, (thing, number), of, (record, kernel));
        if record != kernel {
            return;
        }
        let access = if is_writable {
            Access::ReadWrite
        } else {
            Access::Read
        };
        let probe = self.memory.slots.archive(0);
        let is_there = self.kernel.is_in(slot, root, access) && self.kernel.shows(root, at, probe);
        let address = u64::from(at);
        let found = if is_there {
            Sort::FrameThere { address }
        } else {
            Sort::Nothing
        };
        walk.note(
            2,
            (thing, number),
            of,
            (Sort::FrameThere { address }, found),
        );
    }

    fn ask_empty(&mut self, slot: Slot, what: (Thing, u32), of: Whose, walk: &mut Walk) {
        let kernel = if self.kernel.is_taken(slot) {
            Sort::Something
        } else {
            Sort::Nothing
        };
        walk.note(1, what, of, (Sort::Nothing, kernel));
    }

    fn ask_taken(&mut self, slot: Slot, what: (Thing, u32), of: Whose, walk: &mut Walk) {
        let kernel = if self.kernel.is_taken(slot) {
            Sort::Something
        } else {
            Sort::Nothing
        };
        walk.note(1, what, of, (Sort::Something, kernel));
    }
}

const fn address_of(page: u32) -> u64 {
    (page as u64) << MIN_BITS
}

const fn number_in(mappings: &Mappings<'_>, cap: FrameCap) -> u32 {
    match mappings.standing(cap) {
        Standing::Own { page } => page,
        Standing::Copy { number } => number,
    }
}

/// The level of the table in a place ([`TableLevel::place`]).
const fn level_of(place: u32) -> TableLevel {
    if place == TableLevel::Pointers.place(0) {
        TableLevel::Pointers
    } else if place >= TableLevel::Directory.place(0) {
        TableLevel::Directory
    } else {
        TableLevel::Table
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
