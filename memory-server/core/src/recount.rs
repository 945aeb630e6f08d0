//! Counting again what is held for a group, and whether all records agree.
//!
//! The recount walks the records of what really exists, page by page, and never looks at a number that was kept
//! while charging. It counts everything of a task's kit but the task and its threads themselves, which are the
//! proc-server's to count; while a task is being made or taken apart its ticket still stands in the ledger, so the
//! two agree only in between.

use interfaces::events::RING_PAGES;
use interfaces::memory::{
    AREA_KIT, BORROW_KIT, COPY_KIT, FRAME_KIT, LARGE_PAGES, OBJECT_KIT, PAGE_BYTES, REGION_KIT,
    TABLE_KIT,
};
use interfaces::provision::{CLIENT_CNODE_RADIX, MAILBOX_SLOTS, TASK_RECORDS_BYTES, THREAD_SLOTS};
use interfaces::{Amounts, GroupId, Resource};

use interfaces::start::memory_slots::{LARGE_BITS, MIN_BITS};

use crate::closing::own_amounts;
use crate::kits::Held;
use crate::lending::Seen;
use crate::mapping::Standing;
use crate::memory::Memory;
use crate::object::{ARCHIVE, Kind, Object};
use crate::owner::Use;
use crate::ring::Ring;
use crate::space::{Space, State};
use crate::table::List;

/// The page of a thread's TCB, with the slots that the thread has in the proc-server's CSpace.
pub(crate) const BLOCK: Amounts =
    Amounts::of(Resource::KernelMemory, PAGE_BYTES).with(Resource::CapSlots, 1 + THREAD_SLOTS);
/// What a task's first block holds besides, and the slots for its mailbox, which are its own whether it has one or not.
pub(crate) const CLIENT_CNODE: Amounts = Amounts::of(
    Resource::CapSlots,
    (1 << CLIENT_CNODE_RADIX) + MAILBOX_SLOTS,
);
/// A root, with its ASID.
pub(crate) const ROOT: Amounts = TABLE_KIT.with(Resource::AddressSpaces, 1);
/// An IPC buffer: a frame that is reserved and granted at once.
pub(crate) const IPC_BUFFER: Amounts = FRAME_KIT.with(Resource::Commit, 1);

/// A ring's page, with the copy for the limits-server's mapping of it.
pub(crate) const RING_PAGE: Amounts = Amounts::of(Resource::Frames, 1)
    .with(Resource::Commit, 1)
    .with(Resource::CapSlots, 2);
/// A ring's notification, with the limits-server's capability to it.
pub(crate) const NOTIFICATION: Amounts =
    Amounts::of(Resource::KernelMemory, PAGE_BYTES).with(Resource::CapSlots, 2);

/// What is held for a group.
#[must_use]
pub fn recount(memory: &Memory<'_>, group: GroupId) -> Amounts {
    let mut held = Amounts::NONE;
    for (_, space) in memory
        .spaces
        .iter()
        .filter(|(_, space)| space.payer == group && space.state != State::Kept)
    {
        count_space(memory, space, &mut held);
    }
    for (_, ring) in memory.rings.iter() {
        count_ring(memory, ring, group, &mut held);
    }
    let objects = memory.objects.iter();
    for (_, object) in
        objects.filter(|(_, object)| object.payer == group && object.kind != Kind::Archive)
    {
        let owners = memory.owners.records();
        for page in object.frames.iter(owners).chain(object.left.iter(owners)) {
            add(&mut held, memory.owners.get(page).kit());
        }
        for _ in memory.borrows.iter(object.borrows) {
            add(&mut held, BORROW_KIT);
        }
        for _ in 0..object.owed {
            add(&mut held, BORROW_KIT);
        }
        let commit = Amounts::of(Resource::Commit, u64::from(object.commit));
        match object.kind {
            Kind::Anonymous if object.is_charged => add(&mut held, own_amounts(object.commit)),
            Kind::Program { .. } => {
                add(&mut held, commit);
                if object.has_ghost_paid {
                    add(&mut held, OBJECT_KIT);
                }
            }
            Kind::Ghost => add(&mut held, OBJECT_KIT),
            _ => {}
        }
    }
    for (_, region) in memory
        .regions
        .all()
        .filter(|(_, region)| region.payer == group)
    {
        add(&mut held, REGION_KIT);
        let mut next = region.areas.first();
        while let Some(area) = next {
            if memory.areas.get(area).is_charged {
                add(&mut held, AREA_KIT);
            }
            next = memory.areas.next_of_region(area);
        }
    }
    held
}

fn count_space(memory: &Memory<'_>, space: &Space, held: &mut Amounts) {
    let owners = memory.owners.records();
    let pages = space.blocks.iter(owners).chain(space.pages.iter(owners));
    for owner in pages.map(|page| memory.owners.get(page)) {
        add(
            held,
            match owner.used_as() {
                Use::Thread => BLOCK,
                Use::Root => ROOT,
                Use::Table => TABLE_KIT,
                Use::IpcBuffer => IPC_BUFFER,
                Use::Nothing | Use::Frame | Use::Left | Use::Ground | Use::Ring | Use::Lost => {
                    Amounts::NONE
                }
            },
        );
        if owner.used_as() == Use::Thread && owner.place() == space.first_thread {
            add(held, CLIENT_CNODE);
        }
    }
    let records = Amounts::of(Resource::KernelMemory, TASK_RECORDS_BYTES);
    add(
        held,
        records.with(Resource::CapSlots, u64::from(space.shared_room)),
    );
    let objects = memory.areas.iter(space.areas);
    for (_, area) in objects.filter(|(_, area)| area.object != ARCHIVE) {
        for cap in memory.mappings.iter(area.mappings) {
            if let Standing::Copy { .. } = memory.mappings.standing(cap) {
                add(held, COPY_KIT);
            }
        }
    }
}

/// A ring's pages one by one: frames that are reserved and granted at once, each with its copy, and the notification.
fn count_ring(memory: &Memory<'_>, ring: &Ring, group: GroupId, held: &mut Amounts) {
    if ring.payer() != group {
        return;
    }
    let pages = ring.list.iter(memory.owners.records());
    for place in pages.map(|page| memory.owners.get(page).place()) {
        add(
            held,
            if place < RING_PAGES {
                RING_PAGE
            } else {
                NOTIFICATION
            },
        );
    }
}

fn add(held: &mut Amounts, amounts: Amounts) {
    *held = held.checked_add(&amounts).unwrap_or(*held);
}

impl Memory<'_> {
    /// Panics unless all records agree with each other. For tests.
    ///
    /// # Panics
    ///
    /// If two do not.
    pub fn check(&self) {
        self.pool.check();
        let mut used = 0_u32;
        let mut mapped = 0_usize;
        for (index, space) in self.spaces.iter() {
            used = used.saturating_add(
                self.check_list(space.blocks, index, |used_as| used_as == Use::Thread),
            );
            let of_space = |used_as| matches!(used_as, Use::Table | Use::Root | Use::IpcBuffer);
            used = used.saturating_add(self.check_list(space.pages, index, of_space));
            mapped = mapped.saturating_add(self.check_mappings(index, space));
            self.check_space(space);
        }
        self.check_objects();
        for (index, object) in self.objects.iter().filter(|&(index, _)| index != ARCHIVE) {
            used = used.saturating_add(
                self.check_list(object.frames, index, |used_as| used_as == Use::Frame),
            );
            used = used.saturating_add(
                self.check_list(object.left, index, |used_as| used_as == Use::Left),
            );
            assert!(
                object.resident() <= object.commit || object.is_revoked,
                "object {index} has more than is reserved"
            );
            self.check_units(index, &object);
        }
        for (index, ring) in self.rings.iter() {
            used = used
                .saturating_add(self.check_list(ring.list, index, |used_as| used_as == Use::Ring));
        }
        let ground = self.ground.list;
        used = used.saturating_add(self.check_list(ground, 0, |used_as| used_as == Use::Ground));
        self.check_copies();
        let kits = self.spaces.in_queue(self.kept.kits());
        let (mut held, mut count) = (Held::default(), 0_usize);
        for space in kits.filter_map(|index| self.spaces.peek(index)) {
            assert_eq!(space.state, State::Kept, "a kit");
            held = held.with(Held::by(space, &self.areas));
            count = count.saturating_add(1);
        }
        assert_eq!(self.kept.held(), held, "what kits hold");
        let kept = |(_, space): &(u32, &Space)| space.state == State::Kept;
        assert_eq!(count, self.spaces.iter().filter(kept).count(), "each kit");
        let taken = self.pool.total().saturating_sub(self.pool.free());
        assert_eq!(
            used.saturating_add(self.owners.lost())
                .saturating_add(self.kept.pages()),
            taken,
            "every used page has a use"
        );
        assert_eq!(
            self.mappings.count(),
            mapped,
            "every mapping is in its space's list"
        );
    }

    fn check_list(&self, list: List, whose: u32, is_right: impl Fn(Use) -> bool) -> u32 {
        let (mut pages, mut records) = (0_u32, 0_u32);
        for page in list.iter(self.owners.records()) {
            let owner = self.owners.get(page);
            assert!(is_right(owner.used_as()), "page {page} in the wrong list");
            assert_eq!(owner.whose(), whose, "page {page} in another's list");
            let found = self.owners.find(owner.used_as(), whose, owner.place());
            assert_eq!(found, Some(page), "page {page} is found");
            let bits = if owner.is_large() {
                LARGE_BITS
            } else {
                MIN_BITS
            };
            let block = interfaces::start::Block { page, bits };
            assert!(self.pool.is_used(block), "page {page} is used");
            pages = pages.saturating_add(owner.pages());
            records = records.saturating_add(1);
        }
        assert_eq!(records, list.len(), "a list counts right");
        pages
    }

    /// Each unit of an object that comes in units has its frame, and no object has both sizes.
    fn check_units(&self, index: u32, object: &Object) {
        for page in object.frames.iter(self.owners.records()) {
            let owner = self.owners.get(page);
            assert_eq!(owner.is_large(), object.is_large, "object {index}");
            assert!(owner.place().is_multiple_of(owner.pages()), "in units");
        }
        if object.is_large && !object.is_revoked {
            assert!(object.commit.is_multiple_of(LARGE_PAGES) && object.left.is_empty());
            assert!(object.size <= object.commit && object.borrows.is_empty());
        }
    }

    /// The mappings of a space: those in each of its areas, and those in none.
    fn check_mappings(&self, index: u32, space: &Space) -> usize {
        let (mut shared, mut copies) = (0_u32, 0_u32);
        let mut mapped = 0_u32;
        let lists = self
            .areas
            .iter(space.areas)
            .map(|(number, area)| (Some((number, area)), area.mappings));
        for (area, list) in lists.chain([(None, space.mappings)]) {
            for cap in self.mappings.iter(list) {
                let mapping = self.mappings.get(cap);
                let page = mapping.page();
                assert_eq!(mapping.space(), Some(index), "a mapping in another's list");
                assert_eq!(mapping.area(), area.map(|(number, _)| number));
                assert_eq!(self.mappings.find(index, page), Some(cap));
                mapped = mapped.saturating_add(1);
                let Some((_, area)) = area else { continue };
                assert!(area.run.contains(page), "a mapping beside its area");
                assert!(
                    !mapping.is_writable()
                        || area.access.allows(interfaces::memory::Access::ReadWrite),
                    "more may be done than the area allows"
                );
                match self.mappings.standing(cap) {
                    Standing::Own { page: frame } => {
                        let seen = self.seen(area.object, area.place_of(page));
                        let is_right = match seen {
                            Seen::Own { page, is_lent } => {
                                page == frame && !(is_lent && mapping.is_writable())
                            }
                            Seen::Borrowed { page, .. } => page == frame && !mapping.is_writable(),
                            Seen::Nothing | Seen::Lost => false,
                        };
                        assert!(is_right, "page {page:x} shows {frame}, not {seen:?}");
                    }
                    Standing::Copy { .. } if area.object == ARCHIVE => {
                        shared = shared.saturating_add(1);
                    }
                    Standing::Copy { .. } => copies = copies.saturating_add(1),
                }
            }
        }
        assert_eq!(
            (shared, copies, mapped),
            (space.shared, space.copies, space.mapped),
            "shared, copied and all mappings"
        );
        assert!(
            space.shared <= space.shared_room,
            "more is shared than was set aside"
        );
        mapped as usize
    }

    /// What is set aside of copies is what spaces and rings may still come to need, and no more.
    fn check_copies(&self) {
        let spaces = self.spaces.iter().map(|(_, space)| {
            let used = space.shared.saturating_add(space.shared_lost);
            space.shared_room.saturating_sub(used)
        });
        let rings = self.rings.iter().map(|(_, ring)| ring.copies_left());
        let sum = spaces.chain(rings).fold(0_u32, u32::saturating_add);
        assert_eq!(sum, self.mappings.reserved(), "copies that are set aside");
    }

    fn check_borrows(&self) {
        let (mut borrowed, mut lent, mut owed) = (0_u32, 0_u32, 0_u32);
        for (index, object) in self.objects.iter() {
            owed = owed.saturating_add(object.owed);
            for number in self.borrows.iter(object.borrows) {
                let borrow = self.borrows.get(number);
                assert_eq!(borrow.object(), index, "a borrow in another's list");
                assert_eq!(self.borrows.find(index, borrow.place()), Some(number));
                let own = self.owners.find(Use::Frame, index, borrow.place());
                assert_eq!(own, None, "a page that is borrowed is nobody's own");
                borrowed = borrowed.saturating_add(u32::from(borrow.page().is_some()));
            }
            let owners = self.owners.records();
            for page in object.frames.iter(owners).chain(object.left.iter(owners)) {
                let owner = self.owners.get(page);
                for number in self.borrows.of_frame(owner.lent()) {
                    assert_eq!(self.borrows.get(number).page(), Some(page));
                    lent = lent.saturating_add(1);
                }
                let is_left = owner.used_as() == Use::Left;
                assert!(!is_left || !owner.lent().is_empty(), "left for nobody");
            }
            if let Some(clone) = object.clone.index() {
                let source = self.objects.get(clone).source.index();
                assert_eq!(source, Some(index), "a clone knows its source");
            }
        }
        assert_eq!(borrowed, lent, "what is borrowed is lent");
        assert_eq!(owed, self.borrows.reserved(), "set aside for clones");
    }

    fn check_objects(&self) {
        let mut holders = 0_u32;
        for (index, object) in self.objects.iter() {
            holders = holders.saturating_add(object.holders);
            let mut next = object.areas.first();
            while let Some(area) = next {
                let record = self.areas.get(area);
                assert_eq!(record.object, index, "an area in another object's list");
                next = self.areas.next_showing(area);
            }
        }
        assert_eq!(holders, self.regions.count(), "a holder for each region");
        self.check_borrows();
        for (index, region) in self.regions.all() {
            let mut areas = 0_u32;
            let mut next = region.areas.first();
            while let Some(area) = next {
                let record = self.areas.get(area);
                assert_eq!(record.region.index(), Some(index));
                assert_eq!((record.space, record.object), (region.space, region.object));
                assert!(region.access.allows(record.access), "rights only shrink");
                areas = areas.saturating_add(1);
                next = self.areas.next_of_region(area);
            }
            assert_eq!(areas, region.areas.len(), "a region counts its areas right");
        }
    }

    fn check_space(&self, space: &Space) {
        assert_eq!(space.blocks.len(), space.threads, "a block for each thread");
        let mut end = 0;
        for (_, area) in self.areas.iter(space.areas) {
            assert!(
                area.run.start >= end,
                "areas by address, apart from each other"
            );
            end = area.run.end();
        }
        let regions = self.regions.iter(space.regions);
        for (_, region) in regions {
            assert_eq!(self.objects.get(region.object).kind, Kind::Anonymous);
        }
        assert!(space.state != State::Vacant);
    }
}
