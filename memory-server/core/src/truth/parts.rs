//! What tasks and rings are made of: threads, CNodes, tables, roots, IPC buffers, notifications.

use interfaces::memory::TABLE_KIT;
use interfaces::provision::{MailboxSlot, ThreadSlot};
use interfaces::start::{limits_slots, memory_slots, ring_window};
use interfaces::truth::{Sort, Thing};

use super::questions::address_of;
use super::{PAGE, Walk, Whose, number_of};
use crate::hands::{Kernel, Ledger, Made, Slot};
use crate::mapping::Mappings;
use crate::owner::{Owner, TableLevel, Use};
use crate::recount::{BLOCK, CLIENT_CNODE, IPC_BUFFER, NOTIFICATION, RING_PAGE, ROOT};
use crate::ring::NOTIFICATION as NOTIFICATION_PLACE;
use crate::server::MemoryServer;
use crate::space::{Space, State};

/// The bytes of a TCB.
const TCB_BYTES: u64 = 2048;
/// The bytes of a TCB and a client's CNode.
const FIRST_BYTES: u64 = TCB_BYTES + 512;

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// What a task is made of.
    pub(super) fn verify_part(&mut self, page: u32, owner: Owner, walk: &mut Walk) {
        let index = owner.whose();
        let space = self.space(index);
        let is_kit = space.state == State::Kept;
        let of = Whose::of_space(&space);
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
                if space.state == State::Live || is_kit && space.has_copy {
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
    pub(super) fn verify_block(
        &mut self,
        page: u32,
        owner: Owner,
        space: &Space,
        of: Whose,
        walk: &mut Walk,
    ) {
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
    pub(super) fn verify_mailbox(&mut self, first: u32, is_none: bool, of: Whose, walk: &mut Walk) {
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
    pub(super) fn verify_ring(&mut self, page: u32, owner: Owner, walk: &mut Walk) {
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
