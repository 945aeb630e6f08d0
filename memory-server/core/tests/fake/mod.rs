//! A kernel and a ledger for the host: they keep seL4's rules and fail when told to.
//!
//! A rule that the memory-server breaks panics here, because on the real kernel it would be an error of ours. What can
//! honestly fail (too little memory, a taken slot) is refused with the kernel's error number.

#![allow(dead_code, reason = "each test file uses its own part")]

mod witness;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use interfaces::accounting::{Aside, AttachRing, ChargeRefusal, Guarantee, GuaranteeRefusal, Who};
use interfaces::events::RingId;
use interfaces::memory::Access;
use interfaces::provision::{ProgramId, ProgramName};
use interfaces::start::{Block, ground, memory_slots, proc_slots, ring_window};
use interfaces::system::Room;
use interfaces::{Amounts, GroupId, Resource, Shortage, TaskId};
use memory_core::archive::Programs;
use memory_core::hands::{Kernel, KernelError, Ledger, Made, Slot};
use memory_core::memory::{Carver, Memory, Sizes};
use memory_core::owner::TableLevel;
use memory_core::program::{Fill, Program};
use memory_core::server::MemoryServer;

pub const INVALID_CAPABILITY: KernelError = KernelError(2);
pub const DELETE_FIRST: KernelError = KernelError(8);
pub const NOT_ENOUGH_MEMORY: KernelError = KernelError(10);

pub const ARCHIVE_PAGES: u32 = 8;
pub const PROGRAM: ProgramId = ProgramId(0);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Object {
    Untyped { bits: u8, next: u64 },
    Made(Made),
}

#[derive(Clone, Debug)]
struct Cap {
    object: u64,
    parent: Option<Slot>,
    /// The root's object and the address, while mapped.
    mapped: Option<(u64, u32)>,
    access: Access,
}

/// An address space as the hardware sees it.
#[derive(Clone, Debug, Default)]
struct SpaceView {
    pool: u8,
    tables: BTreeSet<u32>,
    /// The places of page tables where a large frame is instead.
    large: BTreeSet<u32>,
    /// Address → (frame's object, writable).
    frames: BTreeMap<u32, (u64, bool)>,
    /// What is there for nobody to use: address → frame's object.
    barred: BTreeMap<u32, u64>,
}

#[derive(Debug, Default)]
pub struct World {
    caps: HashMap<Slot, Cap>,
    objects: HashMap<u64, Object>,
    spaces: HashMap<u64, SpaceView>,
    asids: [u32; 8],
    next_object: u64,
    /// Makings (not deletions) that were tried.
    pub tried: u64,
    /// Which making is to fail.
    pub fail_at: Option<u64>,
    /// Deletions and revocations that were tried.
    pub deletions: u64,
    /// Which deletion is to fail.
    pub fail_deletion_at: Option<u64>,
    pub news: u64,
    /// What tests wrote into frames: a number each.
    contents: HashMap<u64, u64>,
    /// Frames that were copied.
    pub copies: u64,
    /// Page tables that were wiped.
    pub wipes: u64,
    pub fills: Vec<Fill>,
    /// The archive's pages.
    archive: BTreeSet<u64>,
    /// Where frames are in the machine: those of the archive beyond all others.
    addresses: HashMap<u64, u64>,
    /// The pages of the machine.
    pages: u32,
    /// Whatever something was made of, when it was noted last.
    parents: HashSet<Slot>,
    /// Audits that there were.
    audits: u64,
    /// Large blocks that were used since they were cleared: whoever makes something of one keeps everybody waiting.
    stale: HashSet<u64>,
    /// The untyped that the cleaner is at, and how often it will be asked before it is done.
    cleaning: Option<(Slot, u32)>,
    /// How often the cleaner is asked before it is done.
    pub clearing_takes: u32,
    /// The cleaner's priority.
    pub cleaner_priority: u8,
    /// Blocks that it cleared.
    pub clearings: u64,
}

impl World {
    fn add(&mut self, slot: Slot, object: Object, parent: Option<Slot>) -> u64 {
        let number = self.next_object;
        self.next_object += 1;
        self.objects.insert(number, object);
        let cap = Cap {
            object: number,
            parent,
            mapped: None,
            access: Access::ReadWrite,
        };
        assert!(self.caps.insert(slot, cap).is_none(), "{slot:?} was empty");
        number
    }

    /// The limits-server's address space, with the tables for its window.
    fn add_window(&mut self) {
        let root = Slot::Own(memory_slots::LIMITS_SPACE);
        let object = self.add(root, Object::Made(Made::Root), None);
        // The rings', and those of four tracts of ground.
        let ground = ground::ADDRESS..ground::page(4 * ground::TRACT_PAGES);
        let tables = (ring_window::ADDRESS..ring_window::ADDRESS + ring_window::BYTES)
            .chain(ground)
            .step_by(1 << 12)
            .map(|address| TableLevel::Table.place(address))
            .collect();
        let view = SpaceView {
            tables,
            ..SpaceView::default()
        };
        self.spaces.insert(object, view);
    }

    /// What stands in the limits-server's slots.
    pub fn limits_slots(&self) -> BTreeSet<u64> {
        let slots = self.caps.keys().filter_map(|slot| match slot {
            Slot::Limits(slot) => Some(*slot),
            Slot::Own(_) | Slot::Proc(_) => None,
        });
        slots.collect()
    }

    /// The proc-server takes the notification of a new ring out of its slot. Whether there was one.
    pub fn take_notification(&mut self) -> bool {
        self.caps.remove(&Slot::Proc(proc_slots::RING)).is_some()
    }

    fn may_fail(&mut self) -> Result<(), KernelError> {
        self.tried += 1;
        if self.fail_at == Some(self.tried) {
            return Err(NOT_ENOUGH_MEMORY);
        }
        Ok(())
    }

    fn deletion_may_fail(&mut self) -> Result<(), KernelError> {
        self.deletions += 1;
        if self.fail_deletion_at == Some(self.deletions) {
            return Err(NOT_ENOUGH_MEMORY);
        }
        Ok(())
    }

    fn children(&self, of: Slot) -> Vec<Slot> {
        let children = self.caps.iter().filter(|(_, cap)| cap.parent == Some(of));
        children.map(|(&slot, _)| slot).collect()
    }

    fn object_at(&self, slot: Slot) -> Object {
        let cap = self
            .caps
            .get(&slot)
            .unwrap_or_else(|| panic!("{slot:?} holds something"));
        self.objects[&cap.object]
    }

    fn unmap(&mut self, slot: Slot) {
        let cap = self.caps.get_mut(&slot).unwrap();
        let (object, mapped) = (cap.object, cap.mapped.take());
        if let Some((root, address)) = mapped
            && let Some(view) = self.spaces.get_mut(&root)
        {
            if view
                .frames
                .get(&address)
                .is_some_and(|&(frame, _)| frame == object)
            {
                view.frames.remove(&address);
                view.large.remove(&TableLevel::Table.place(address));
            }
            if view.barred.get(&address) == Some(&object) {
                view.barred.remove(&address);
            }
        }
    }

    fn remove(&mut self, slot: Slot) {
        if let Object::Untyped { .. } = self.object_at(slot) {
            assert!(
                self.children(slot).is_empty(),
                "untyped {slot:?} has children"
            );
        }
        let object = self.object_at(slot);
        let number = self.caps[&slot].object;
        let is_last = self
            .caps
            .values()
            .filter(|cap| cap.object == number)
            .count()
            == 1;
        // The kernel unmaps a frame with its last capability only: a mapping may outlive the one it was made with.
        let is_frame = matches!(object, Object::Made(Made::Frame | Made::LargeFrame));
        if is_frame && is_last {
            self.unmap(slot);
        }
        let cap = self.caps.remove(&slot).unwrap();
        for child in self.children(slot) {
            self.caps.get_mut(&child).unwrap().parent = cap.parent;
        }
        if self.caps.values().any(|other| other.object == cap.object) {
            return;
        }
        self.objects.remove(&cap.object);
        match object {
            Object::Made(Made::Root) => {
                if let Some(view) = self.spaces.remove(&cap.object) {
                    let mut caps = self.caps.values();
                    let is_stale =
                        |at: Option<(u64, u32)>| at.is_some_and(|(root, _)| root == cap.object);
                    let is_frame = |number| self.objects[&number] == Object::Made(Made::Frame);
                    let is_used = caps.any(|cap| is_frame(cap.object) && is_stale(cap.mapped));
                    let is_tidy = !is_used || self.fail_deletion_at.is_some();
                    drop(view.frames);
                    assert!(is_tidy, "frames go before the root");
                    self.asids[usize::from(view.pool)] -= 1;
                }
            }
            Object::Made(Made::Table(level)) => {
                if let Some((root, address)) = cap.mapped
                    && let Some(view) = self.spaces.get_mut(&root)
                {
                    view.tables.remove(&level.place(address));
                }
            }
            _ => {}
        }
    }

    /// In the kernel's order: what was made first goes before what was copied from it, which then has its parent.
    fn remove_below(&mut self, slot: Slot) {
        while let Some(child) = self.children(slot).into_iter().min() {
            self.remove(child);
        }
    }

    /// Takes away what an untyped was split into. Nothing else may be made of it.
    fn merge(&mut self, slot: Slot) {
        for child in self.children(slot) {
            let object = self.object_at(child);
            assert!(
                matches!(object, Object::Untyped { .. }),
                "in use: {object:?}"
            );
            self.merge(child);
            self.remove(child);
        }
    }

    /// The cleaner is done with what it is at.
    pub fn finish_clearing(&mut self) {
        self.clearing_takes = 0;
        if let Some((_, patience)) = &mut self.cleaning {
            *patience = 0;
        }
    }

    /// What is mapped in the space whose root stands in the slot: address → writable.
    pub fn mapped(&self, root: u64) -> BTreeMap<u32, bool> {
        let object = self.caps[&Slot::Own(root)].object;
        let view = &self.spaces[&object];
        view.frames
            .iter()
            .map(|(&address, &(_, writable))| (address, writable))
            .collect()
    }

    /// Which frame is mapped at an address in the space whose root stands in the slot.
    pub fn frame_at(&self, root: u64, address: u32) -> Option<u64> {
        let object = self.caps[&Slot::Own(root)].object;
        let frames = &self.spaces[&object].frames;
        frames.get(&address).map(|&(frame, _)| frame)
    }

    /// Whether a frame is a page of the archive.
    pub fn is_archive(&self, frame: u64) -> bool {
        self.archive.contains(&frame)
    }

    /// What is in a frame.
    pub fn content(&self, frame: u64) -> u64 {
        self.contents.get(&frame).copied().unwrap_or_default()
    }

    /// Writes through a mapping; whether the hardware lets it.
    pub fn store(&mut self, root: u64, address: u32, value: u64) -> bool {
        let object = self.caps[&Slot::Own(root)].object;
        match self.spaces[&object].frames.get(&address) {
            Some(&(frame, true)) => {
                self.contents.insert(frame, value);
                true
            }
            _ => false,
        }
    }

    /// Which slots of the proc-server's hold something.
    pub fn proc_slots(&self) -> BTreeSet<u64> {
        let slots = self.caps.keys().filter_map(|slot| match slot {
            Slot::Proc(slot) => Some(*slot),
            Slot::Own(_) | Slot::Limits(_) => None,
        });
        slots.collect()
    }

    /// What stands in every slot, but for the untypeds below the blocks that were handed over.
    pub fn made(&self) -> usize {
        let is_made = |cap: &&Cap| matches!(self.objects[&cap.object], Object::Made(_));
        self.caps.values().filter(is_made).count()
    }

    fn view(&mut self, root: u64) -> (u64, &mut SpaceView) {
        let object = self.caps.get(&Slot::Own(root)).expect("a root").object;
        (
            object,
            self.spaces.get_mut(&object).expect("a root with an ASID"),
        )
    }
}

#[derive(Clone, Debug, Default)]
pub struct FakeKernel(pub Rc<RefCell<World>>);

impl Kernel for FakeKernel {
    fn retype(
        &mut self,
        untyped: u64,
        made: Made,
        to: Slot,
        count: u64,
    ) -> Result<(), KernelError> {
        let mut world = self.0.borrow_mut();
        world.may_fail()?;
        let from = Slot::Own(untyped);
        let Object::Untyped { bits, next } = world.object_at(from) else {
            panic!("{from:?} is an untyped");
        };
        let begin = if world.children(from).is_empty() {
            0
        } else {
            next
        };
        let size = match made {
            Made::Untyped { bits } => 1 << bits,
            Made::Tcb => 1 << 11,
            Made::ClientCNode => 1 << 9,
            Made::Notification => 1 << 5,
            Made::Endpoint => 1 << 4,
            Made::Root | Made::Table(_) | Made::Frame => 1 << 12,
            Made::LargeFrame => 1 << memory_slots::LARGE_BITS,
        };
        assert_ne!(
            world.cleaning.map(|(slot, _)| slot),
            Some(from),
            "is being cleared"
        );
        let begin = u64::next_multiple_of(begin, size);
        if begin + size * count > 1 << bits {
            return Err(NOT_ENOUGH_MEMORY);
        }
        let slots: Vec<_> = (0..count)
            .map(|offset| match to {
                Slot::Own(slot) => Slot::Own(slot + offset),
                Slot::Proc(slot) => Slot::Proc(slot + offset),
                Slot::Limits(slot) => Slot::Limits(slot + offset),
            })
            .collect();
        if slots.iter().any(|slot| world.caps.contains_key(slot)) {
            return Err(DELETE_FIRST);
        }
        let object = world.caps[&from].object;
        if bits > memory_slots::MIN_BITS {
            let is_stale = !world.stale.insert(object);
            assert!(
                !is_stale || begin > 0,
                "everybody waits while {from:?} is cleared"
            );
        }
        let next = begin + size * count;
        world.objects.insert(object, Object::Untyped { bits, next });
        let first = memory_slots::untyped(world.pages, 0, memory_slots::MIN_BITS);
        for slot in slots {
            let object = match made {
                Made::Untyped { bits } => Object::Untyped { bits, next: 0 },
                other => Object::Made(other),
            };
            let number = world.add(slot, object, Some(from));
            if let (Made::LargeFrame, Slot::Own(own)) = (made, slot) {
                let page = own - memory_slots::object(0);
                world
                    .addresses
                    .insert(number, page << memory_slots::MIN_BITS);
            }
            if bits == memory_slots::MIN_BITS {
                world.addresses.insert(number, (untyped - first) << bits);
            }
        }
        Ok(())
    }

    fn copy(&mut self, from: u64, to: Slot, access: Access) -> Result<(), KernelError> {
        let mut world = self.0.borrow_mut();
        world.may_fail()?;
        let from = Slot::Own(from);
        let object = world.object_at(from);
        let number = world.caps[&from].object;
        assert!(
            object != Object::Made(Made::Root) || world.spaces.contains_key(&number),
            "a root is copied with its ASID only"
        );
        if world.caps.contains_key(&to) {
            return Err(DELETE_FIRST);
        }
        let cap = Cap {
            object: number,
            parent: Some(from),
            mapped: None,
            access,
        };
        world.caps.insert(to, cap);
        Ok(())
    }

    fn mint_signal(&mut self, notification: u64, to: Slot) -> Result<(), KernelError> {
        let object = self.0.borrow().object_at(Slot::Own(notification));
        assert_eq!(object, Object::Made(Made::Notification));
        self.copy(notification, to, Access::ReadWrite)
    }

    fn delete(&mut self, slot: u64) -> Result<(), KernelError> {
        let mut world = self.0.borrow_mut();
        world.deletion_may_fail()?;
        world.remove(Slot::Own(slot));
        Ok(())
    }

    fn revoke(&mut self, slot: u64) -> Result<(), KernelError> {
        let mut world = self.0.borrow_mut();
        world.deletion_may_fail()?;
        world.object_at(Slot::Own(slot));
        world.remove_below(Slot::Own(slot));
        Ok(())
    }

    fn assign_asid(&mut self, pool: u8, root: u64) -> Result<(), KernelError> {
        let mut world = self.0.borrow_mut();
        world.may_fail()?;
        assert_eq!(world.object_at(Slot::Own(root)), Object::Made(Made::Root));
        let used = &mut world.asids[usize::from(pool)];
        let most = if pool == 0 { 512 - 5 } else { 512 };
        if *used >= most {
            return Err(DELETE_FIRST);
        }
        *used += 1;
        let object = world.caps[&Slot::Own(root)].object;
        let view = SpaceView {
            pool,
            ..SpaceView::default()
        };
        assert!(
            world.spaces.insert(object, view).is_none(),
            "one ASID for a root"
        );
        Ok(())
    }

    fn map_table(
        &mut self,
        table: u64,
        level: TableLevel,
        root: u64,
        address: u32,
    ) -> Result<(), KernelError> {
        let mut world = self.0.borrow_mut();
        world.may_fail()?;
        let slot = Slot::Own(table);
        assert_eq!(world.object_at(slot), Object::Made(Made::Table(level)));
        assert!(world.caps[&slot].mapped.is_none(), "a table is mapped once");
        let (object, view) = world.view(root);
        if level == TableLevel::Table && view.large.contains(&level.place(address)) {
            return Err(DELETE_FIRST);
        }
        let above = match level {
            TableLevel::Pointers => None,
            TableLevel::Directory => Some(TableLevel::Pointers),
            TableLevel::Table => Some(TableLevel::Directory),
        };
        assert!(
            above.is_none_or(|above| view.tables.contains(&above.place(address))),
            "the table above is there"
        );
        if !view.tables.insert(level.place(address)) {
            return Err(DELETE_FIRST);
        }
        world.caps.get_mut(&slot).unwrap().mapped = Some((object, address));
        Ok(())
    }

    fn unmap_table(&mut self, table: u64) -> Result<(), KernelError> {
        let mut world = self.0.borrow_mut();
        world.deletion_may_fail()?;
        let slot = Slot::Own(table);
        let lowest = Object::Made(Made::Table(TableLevel::Table));
        assert_eq!(world.object_at(slot), lowest);
        let cap = world.caps.get_mut(&slot).unwrap();
        let (root, address) = cap.mapped.take().expect("a table that is there");
        let view = world.spaces.get_mut(&root).expect("a space");
        let place = TableLevel::Table.place(address);
        assert!(view.tables.remove(&place));
        view.frames
            .retain(|&address, _| TableLevel::Table.place(address) != place);
        view.barred
            .retain(|&address, _| TableLevel::Table.place(address) != place);
        world.wipes += 1;
        Ok(())
    }

    fn map_frame(
        &mut self,
        frame: u64,
        root: u64,
        address: u32,
        access: Access,
    ) -> Result<(), KernelError> {
        let mut world = self.0.borrow_mut();
        world.may_fail()?;
        let slot = Slot::Own(frame);
        let is_large = world.object_at(slot) == Object::Made(Made::LargeFrame);
        assert!(is_large || world.object_at(slot) == Object::Made(Made::Frame));
        let cap = world.caps[&slot].clone();
        if cap.mapped.is_some() {
            assert!(
                world.fail_deletion_at.is_some(),
                "a frame capability is mapped once"
            );
            return Err(INVALID_CAPABILITY);
        }
        assert!(
            cap.access == Access::ReadWrite || access == Access::Read,
            "no more rights than the capability"
        );
        let (object, view) = world.view(root);
        let [table, directory] =
            [TableLevel::Table, TableLevel::Directory].map(|level| level.place(address));
        if is_large {
            assert!(address.is_multiple_of(1 << memory_slots::LARGE_BITS));
            assert!(view.tables.contains(&directory), "the directory is there");
            if view.tables.contains(&table) {
                return Err(DELETE_FIRST);
            }
        } else {
            assert!(view.tables.contains(&table), "the table is there");
        }
        if view.frames.contains_key(&address) || view.barred.contains_key(&address) {
            return Err(DELETE_FIRST);
        }
        if is_large {
            view.large.insert(table);
        }
        view.frames
            .insert(address, (cap.object, access == Access::ReadWrite));
        world.caps.get_mut(&slot).unwrap().mapped = Some((object, address));
        Ok(())
    }

    fn remap_frame(&mut self, frame: u64, root: u64, access: Access) -> Result<(), KernelError> {
        let mut world = self.0.borrow_mut();
        world.may_fail()?;
        let slot = Slot::Own(frame);
        let cap = world.caps[&slot].clone();
        assert!(
            cap.access == Access::ReadWrite || access == Access::Read,
            "no more rights than the capability"
        );
        let (object, view) = world.view(root);
        let (of, address) = cap.mapped.expect("mapped");
        assert_eq!(of, object, "in this address space");
        assert!(
            view.tables.contains(&TableLevel::Table.place(address)),
            "the table is there"
        );
        // If its table was wiped nothing is there; never another's.
        let shown = (cap.object, access == Access::ReadWrite);
        view.barred.remove(&address);
        let before = view.frames.insert(address, shown);
        assert!(before.is_none_or(|(frame, _)| frame == cap.object));
        Ok(())
    }

    fn bar_frame(&mut self, frame: u64, root: u64) -> Result<(), KernelError> {
        let mut world = self.0.borrow_mut();
        world.deletion_may_fail()?;
        let cap = world.caps[&Slot::Own(frame)].clone();
        let (object, view) = world.view(root);
        let (of, address) = cap.mapped.expect("mapped");
        assert_eq!(of, object, "in this address space");
        let shown = view.frames.remove(&address);
        assert!(shown.is_some_and(|(frame, _)| frame == cap.object));
        view.barred.insert(address, cap.object);
        Ok(())
    }

    fn copy_frame(&mut self, from: u64, to: u64) -> Result<(), KernelError> {
        let mut world = self.0.borrow_mut();
        world.may_fail()?;
        let [from, to] = [from, to].map(|slot| {
            let slot = Slot::Own(slot);
            assert_eq!(world.object_at(slot), Object::Made(Made::Frame));
            world.caps[&slot].clone()
        });
        assert!(to.mapped.is_none(), "not mapped anywhere yet");
        let content = world.content(from.object);
        world.contents.insert(to.object, content);
        world.copies += 1;
        Ok(())
    }

    fn unmap_frame(&mut self, frame: u64) -> Result<(), KernelError> {
        let mut world = self.0.borrow_mut();
        world.deletion_may_fail()?;
        let slot = Slot::Own(frame);
        assert!(world.caps[&slot].mapped.is_some(), "mapped");
        world.unmap(slot);
        Ok(())
    }

    fn fill(&mut self, frame: u64, fill: Fill) -> Result<(), KernelError> {
        let mut world = self.0.borrow_mut();
        world.may_fail()?;
        let slot = Slot::Own(frame);
        assert_eq!(world.object_at(slot), Object::Made(Made::Frame));
        assert!(
            world.caps[&slot].mapped.is_none(),
            "not mapped anywhere yet"
        );
        assert!(fill.at + fill.bytes <= 4096 && fill.offset + fill.bytes <= ARCHIVE_PAGES * 4096);
        world.fills.push(fill);
        Ok(())
    }

    fn signal_news(&mut self) {
        self.0.borrow_mut().news += 1;
    }

    fn clear(&mut self, untyped: u64, priority: u8) -> Result<(), KernelError> {
        let mut world = self.0.borrow_mut();
        world.may_fail()?;
        let patience = world.clearing_takes;
        let before = world.cleaning.replace((Slot::Own(untyped), patience));
        assert!(before.is_none(), "one at a time");
        world.cleaner_priority = priority;
        Ok(())
    }

    fn hasten(&mut self, priority: u8) -> Result<(), KernelError> {
        let mut world = self.0.borrow_mut();
        world.may_fail()?;
        assert!(world.cleaning.is_some(), "the cleaner is at something");
        world.cleaner_priority = priority;
        Ok(())
    }

    fn cleared(&mut self) -> Option<Result<(), KernelError>> {
        let mut world = self.0.borrow_mut();
        let (slot, patience) = world.cleaning.expect("the cleaner is at something");
        if let Some(patience) = patience.checked_sub(1) {
            world.cleaning = Some((slot, patience));
            return None;
        }
        world.cleaning = None;
        if let Err(error) = world.may_fail() {
            return Some(Err(error));
        }
        world.merge(slot);
        let object = world.caps[&slot].object;
        world.stale.remove(&object);
        world.clearings += 1;
        Some(Ok(()))
    }
}

#[derive(Debug, Default)]
pub struct Accounts {
    pub used: HashMap<GroupId, Amounts>,
    pub limits: HashMap<(GroupId, Resource), u64>,
    pub born: HashMap<TaskId, GroupId>,
    pub charges: u64,
    /// The rings that the limits-server has.
    pub rings: BTreeMap<RingId, AttachRing>,
    /// Which charge is to fail.
    pub fail_at: Option<u64>,
    /// What groups are guaranteed.
    pub guarantees: HashMap<GroupId, u64>,
    /// How many tracts of ground the limits-server would take, how many it has, and whether the last is free.
    pub tracts_wanted: u32,
    pub tracts: u32,
    pub tracts_free: bool,
}

impl Accounts {
    pub fn used(&self, group: GroupId) -> Amounts {
        self.used.get(&group).copied().unwrap_or_default()
    }

    pub fn charge(&mut self, group: GroupId, amounts: Amounts) -> Result<(), ChargeRefusal> {
        let used = self.used(group);
        for (resource, asked) in amounts.present() {
            let limit = self
                .limits
                .get(&(group, resource))
                .copied()
                .unwrap_or(u64::MAX);
            let used = used.get(resource);
            if used + asked > limit {
                let group = Some(group);
                return Err(ChargeRefusal::Short(Shortage {
                    resource,
                    group,
                    limit,
                    used,
                    asked,
                }));
            }
        }
        self.used.insert(group, used.checked_add(&amounts).unwrap());
        Ok(())
    }

    pub fn release(&mut self, group: GroupId, amounts: Amounts) -> bool {
        match self.used(group).checked_sub(&amounts) {
            Some(left) => {
                self.used.insert(group, left);
                true
            }
            None => false,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct FakeLedger(pub Rc<RefCell<Accounts>>);

impl FakeLedger {
    fn may_fail(&self) -> Result<(), ChargeRefusal> {
        let mut accounts = self.0.borrow_mut();
        accounts.charges += 1;
        if accounts.fail_at == Some(accounts.charges) {
            return Err(ChargeRefusal::Killing);
        }
        Ok(())
    }
}

impl Ledger for FakeLedger {
    fn charge(&mut self, group: GroupId, amounts: Amounts) -> Result<(), ChargeRefusal> {
        self.may_fail()?;
        self.0.borrow_mut().charge(group, amounts)
    }

    /// As the limits-server does it: what is easily spared is an eighth of what is left.
    fn charge_some(
        &mut self,
        group: GroupId,
        each: Amounts,
        most: u32,
    ) -> Result<u32, ChargeRefusal> {
        self.may_fail()?;
        let mut accounts = self.0.borrow_mut();
        let limit = accounts.limits.get(&(group, Resource::Frames)).copied();
        let used = accounts.used(group).get(Resource::Frames);
        let left = limit.map_or(u64::MAX, |limit| limit.saturating_sub(used));
        let count = u32::try_from(left / 8).unwrap_or(most).clamp(1, most);
        let all = (0..count).fold(Amounts::NONE, |sum, _| sum.checked_add(&each).unwrap());
        accounts.charge(group, all)?;
        Ok(count)
    }

    fn charge_task(&mut self, task: TaskId, amounts: Amounts) -> Result<GroupId, ChargeRefusal> {
        self.may_fail()?;
        let mut accounts = self.0.borrow_mut();
        let group = *accounts.born.get(&task).ok_or(ChargeRefusal::NotBorn)?;
        accounts.charge(group, amounts)?;
        Ok(group)
    }

    fn release(&mut self, group: GroupId, amounts: Amounts) -> bool {
        self.0.borrow_mut().release(group, amounts)
    }

    fn band_of(&mut self, _: TaskId) -> u8 {
        0
    }

    fn attach_ring(&mut self, request: AttachRing) -> bool {
        if self.may_fail().is_err() {
            return false;
        }
        let mut accounts = self.0.borrow_mut();
        let is_new = accounts.rings.insert(request.ring, request).is_none();
        is_new && accounts.born.contains_key(&request.task)
    }

    fn guarantee(&mut self, request: Guarantee) -> Result<u64, GuaranteeRefusal> {
        let mut accounts = self.0.borrow_mut();
        let before = accounts.guarantees.get(&request.group).copied();
        accounts.guarantees.insert(request.group, request.pages);
        Ok(before.unwrap_or(0))
    }

    fn set_aside(&mut self, who: Who, pages: u64) -> Aside {
        let accounts = self.0.borrow();
        let group = match who {
            Who::Nobody => None,
            Who::Group(group) => Some(group),
            Who::Task(task) => accounts.born.get(&task).copied(),
        };
        let mut aside = Aside { pages: 0, all: 0 };
        for (&guaranteed, &all) in &accounts.guarantees {
            let used = accounts.used(guaranteed).get(Resource::Commit);
            let drawn = if group == Some(guaranteed) { pages } else { 0 };
            aside.pages += all.saturating_sub(used).saturating_sub(drawn);
            aside.all += all;
        }
        aside
    }

    fn wants_ground(&mut self) -> bool {
        self.0.borrow().tracts_wanted > 0
    }

    fn add_tract(&mut self) -> bool {
        let mut accounts = self.0.borrow_mut();
        let is_wanted = accounts.tracts_wanted > 0;
        if is_wanted {
            accounts.tracts_wanted -= 1;
            accounts.tracts += 1;
        }
        is_wanted
    }

    fn withdraw_tract(&mut self) -> bool {
        let mut accounts = self.0.borrow_mut();
        let is_free = accounts.tracts_free && accounts.tracts > 0;
        if is_free {
            accounts.tracts -= 1;
        }
        is_free
    }

    fn detach_ring(&mut self, ring: RingId) -> bool {
        self.0.borrow_mut().rings.remove(&ring);
        true
    }
}

/// Tables that live as long as the test.
pub struct Leak;

impl Carver<'static> for Leak {
    fn carve<T: Copy + Default + 'static>(&mut self, count: u32) -> Option<&'static mut [T]> {
        Some(vec![T::default(); count as usize].leak())
    }
}

/// A program with two pages of text at the start of its image, and three of data of which two are in the file.
pub fn programs() -> Programs {
    let mut image = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    image.extend(2_u16.to_le_bytes());
    image.extend(62_u16.to_le_bytes());
    image.extend(1_u32.to_le_bytes());
    for word in [0x24_0100_u64, 64, 0] {
        image.extend(word.to_le_bytes());
    }
    image.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, 2, 64, 0, 0] {
        image.extend(half.to_le_bytes());
    }
    let loaded = [
        (4_u32, 0x24_0000_u64, 0_u64, 0x1800_u64, 0x1800_u64),
        (6, 0x24_2800, 0x1800, 0x900, 0x2000),
    ];
    for (flags, address, offset, file, memory) in loaded {
        image.extend(1_u32.to_le_bytes());
        image.extend(flags.to_le_bytes());
        for word in [offset, address, address, file, memory, 4096] {
            image.extend(word.to_le_bytes());
        }
    }
    image.resize(0x4000, 0);
    let program = Program::parse(ProgramName::cut("p"), &image, 0x3000).unwrap();
    let mut list = heapless::Vec::new();
    list.push(program).unwrap();
    Programs::new(list)
}

pub type Server = MemoryServer<'static, FakeKernel, FakeLedger>;

/// A server with its kernel and its ledger.
pub struct Bench {
    pub server: Server,
    pub kernel: FakeKernel,
    pub ledger: FakeLedger,
}

impl Bench {
    /// A machine whose free memory are these blocks.
    pub fn new(pages: u32, blocks: &[(u32, u8)]) -> Self {
        Self::with_regions(pages, blocks, 6)
    }

    /// The same, with room for so many regions.
    pub fn with_regions(pages: u32, blocks: &[(u32, u8)], regions: u32) -> Self {
        Self::with_room(pages, blocks, regions, 9)
    }

    /// The same, with so many copies of frame capabilities.
    pub fn with_room(pages: u32, blocks: &[(u32, u8)], regions: u32, copies: u32) -> Self {
        Self::with_overcommit(pages, blocks, (regions, copies), 10_000)
    }

    /// The same, with so much that may be reserved, in per cent of what there is.
    pub fn with_overcommit(
        pages: u32,
        blocks: &[(u32, u8)],
        (regions, copies): (u32, u32),
        overcommit_percent: u32,
    ) -> Self {
        let room = Room {
            groups: 0,
            limited_groups: 0,
            labels: 0,
            tasks: 8,
            threads: 16,
            regions,
            shared_mappings: copies,
            overcommit_percent,
        };
        let programs = programs();
        let sizes = Sizes::new(pages, ARCHIVE_PAGES, &room, &programs);
        let mut memory = Memory::new(sizes, programs, 1, &mut Leak).unwrap();
        let kernel = FakeKernel::default();
        for &(page, bits) in blocks {
            let block = Block { page, bits };
            assert!(memory.pool.add(block));
            let slot = Slot::Own(memory.slots.untyped(block));
            kernel
                .0
                .borrow_mut()
                .add(slot, Object::Untyped { bits, next: 0 }, None);
        }
        for page in 0..ARCHIVE_PAGES {
            let slot = Slot::Own(memory_slots::archive(pages, page));
            let mut world = kernel.0.borrow_mut();
            let frame = world.add(slot, Object::Made(Made::Frame), None);
            world.archive.insert(frame);
            let address = u64::from(pages + page) << memory_slots::MIN_BITS;
            world.addresses.insert(frame, address);
        }
        kernel.0.borrow_mut().pages = pages;
        kernel.0.borrow_mut().add_window();
        let ledger = FakeLedger::default();
        let server = MemoryServer::new(memory, kernel.clone(), ledger.clone());
        Self {
            server,
            kernel,
            ledger,
        }
    }
}
