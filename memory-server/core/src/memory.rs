//! All records of the memory-server, and how large they are.
//!
//! ```text
//!   Pool ── a used page ──▶ Owners ──▶ an object's frame ──▶ Objects ──▶ payer
//!                              └─────▶ a space's table, thread, IPC buffer
//!   Spaces ──▶ areas ──▶ (object, offset)         what a page of a space should show
//!      └─────▶ mappings ──▶ frame capability      what it shows now
//! ```
//!
//! A fault follows the second picture downwards and makes the third line agree with it. Nothing is ever searched:
//! capabilities stand in slots computed from page numbers, and records are found through indexes.

use interfaces::memory::Commit;
use interfaces::start::Block;
use interfaces::system::Room;

use crate::archive::Programs;
use crate::area::{Area, Areas};
use crate::around::IN_A_ROW;
use crate::asid::Asids;
use crate::borrow::{Borrow, Borrows};
use crate::clearing::Priorities;
use crate::ground::Ground;
use crate::index::{Index, buckets};
use crate::kits::Kept;
use crate::mapping::{FrameCap, Mapping, Mappings, Standing};
use crate::object::{Object, Objects};
use crate::owner::{Owner, Owners};
use crate::pool::{Page, Pool, nodes};
use crate::region::{Region, Regions};
use crate::ring::Rings;
use crate::space::{Space, Spaces};
use crate::table::Link;

use crate::wiping::DENSE;
use interfaces::start::memory_slots;

/// Cuts tables out of the server's heap, once.
pub trait Carver<'a> {
    /// So many default records; nothing if the heap is too small.
    fn carve<T: Copy + Default + 'a>(&mut self, count: u32) -> Option<&'a mut [T]>;
}

/// How many records of each kind there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Pages of physical memory, free or not.
    pub pages: u32,
    /// Pages of the archive.
    pub archive_pages: u32,
    /// Places for tasks.
    pub tasks: u32,
    /// Regions.
    pub regions: u32,
    /// Copies of frame capabilities.
    pub copies: u32,
    /// Areas that a program needs at most.
    pub program_areas: u32,
    /// How much may be reserved, in per cent of the pages that there are.
    pub overcommit_percent: u32,
}

impl Sizes {
    /// The sizes for a machine and the room that `system.toml` gives.
    #[must_use]
    pub fn new(pages: u32, archive_pages: u32, room: &Room, programs: &Programs) -> Self {
        Self {
            pages,
            archive_pages,
            tasks: room.tasks,
            regions: room.regions,
            copies: room.shared_mappings,
            program_areas: programs.most_areas(),
            overcommit_percent: room.overcommit_percent,
        }
    }

    /// One for the archive, one for each task's program, one for each region, and as many that can be ghosts.
    const fn objects(&self) -> u32 {
        self.tasks
            .saturating_add(self.regions)
            .saturating_add(self.regions.wrapping_div(2))
            .saturating_add(1)
    }

    /// As many as every task's program can have, and two for each region: the first mapping of each, and as many more.
    const fn areas(&self) -> u32 {
        self.tasks
            .saturating_mul(self.program_areas)
            .saturating_add(self.regions.saturating_mul(2))
    }

    /// Pages that are shared until somebody writes to them.
    const fn borrows(&self) -> u32 {
        self.copies.wrapping_div(2)
    }

    const fn mappings(&self) -> u32 {
        self.pages.saturating_add(self.copies)
    }

    /// The bytes of heap that the records of so many pages and of so many copies take: what clients' frames cost besides
    /// themselves.
    #[must_use]
    pub fn bytes_for_pages(pages: u32, copies: u32) -> u64 {
        let of = |pages, copies| Self {
            pages,
            archive_pages: 0,
            tasks: 0,
            regions: 0,
            copies,
            program_areas: 0,
            overcommit_percent: 100,
        };
        of(pages, copies).bytes().saturating_sub(of(0, 0).bytes())
    }

    /// The bytes of heap that all tables take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let mut counter = Counter(0);
        counter.count::<Page>(self.pages);
        counter.count::<u8>(nodes(self.pages));
        counter.count::<Owner>(self.pages);
        counter.count::<Link>(buckets(self.pages));
        counter.count::<Object>(self.objects());
        counter.count::<Link>(buckets(self.regions));
        counter.count::<Borrow>(self.borrows());
        counter.count::<Link>(buckets(self.borrows()));
        counter.count::<Mapping>(self.mappings());
        counter.count::<Link>(buckets(self.mappings()));
        counter.count::<Area>(self.areas());
        counter.count::<Space>(self.tasks);
        counter.count::<Region>(self.regions);
        counter.0
    }
}

struct Counter(u64);

impl Counter {
    fn count<T>(&mut self, records: u32) {
        let bytes = (size_of::<T>() as u64).saturating_mul(u64::from(records));
        // Each table may begin up to an alignment later than the one before ended.
        self.0 = self
            .0
            .saturating_add(bytes)
            .saturating_add(align_of::<T>() as u64);
    }
}

/// Where the capabilities are: `interfaces::start::memory_slots` for this machine.
#[derive(Clone, Copy, Debug)]
pub struct Slots {
    pages: u32,
    archive_pages: u32,
}

impl Slots {
    /// The slot of a block's untyped.
    #[must_use]
    pub const fn untyped(self, block: Block) -> u64 {
        memory_slots::untyped(self.pages, block.page, block.bits)
    }

    /// The slot of a page's own smallest untyped.
    #[must_use]
    pub const fn page(self, page: u32) -> u64 {
        memory_slots::untyped(self.pages, page, memory_slots::MIN_BITS)
    }

    /// The slot of the object that is made of a page.
    #[must_use]
    pub const fn object(self, page: u32) -> u64 {
        memory_slots::object(page)
    }

    /// The slot of a page of the archive.
    #[must_use]
    pub const fn archive(self, page: u32) -> u64 {
        memory_slots::archive(self.pages, page)
    }

    /// The slot of a copy.
    #[must_use]
    pub const fn copy(self, number: u32) -> u64 {
        memory_slots::copies(self.pages, self.archive_pages).saturating_add(number as u64)
    }
}

/// All records.
#[derive(Debug)]
pub struct Memory<'a> {
    /// Which blocks are free.
    pub pool: Pool<'a>,
    /// What used pages are for.
    pub owners: Owners<'a>,
    /// Memory objects.
    pub objects: Objects<'a>,
    /// What objects show of each other's frames.
    pub borrows: Borrows<'a>,
    /// What is mapped.
    pub mappings: Mappings<'a>,
    /// What should be mapped.
    pub areas: Areas<'a>,
    /// Address spaces.
    pub spaces: Spaces<'a>,
    /// Regions.
    pub regions: Regions<'a>,
    /// Rings of watchers.
    pub rings: Rings,
    /// The limits-server's ground.
    pub ground: Ground,
    /// ASIDs.
    pub asids: Asids,
    /// Programs.
    pub programs: Programs,
    /// Where capabilities are.
    pub slots: Slots,
    /// What is kept for the next task.
    pub kept: Kept,
    /// After so many faults in a row the pages behind come along.
    pub(crate) in_a_row: u8,
    /// The priority of each band, best first, and of the servers.
    pub(crate) priorities: Priorities,
    /// With so many mappings of an area in a page table, on average, it is wiped.
    pub(crate) dense: u32,
    archive_pages: u32,
    overcommit_percent: u32,
    /// The most that guarantees can set aside, as far as is known: never less than what is.
    pub(crate) guaranteed: u64,
}

impl<'a> Memory<'a> {
    /// Records of nothing; nothing at all if the heap is too small.
    pub fn new(
        sizes: Sizes,
        programs: Programs,
        seed: u64,
        heap: &mut impl Carver<'a>,
    ) -> Option<Self> {
        let pool = Pool::new(heap.carve(sizes.pages)?, heap.carve(nodes(sizes.pages))?);
        let owners = {
            let records = heap.carve(sizes.pages)?;
            Owners::new(records, Index::new(heap.carve(buckets(sizes.pages))?, seed))
        };
        let objects = {
            let records = heap.carve(sizes.objects())?;
            Objects::new(
                records,
                Index::new(heap.carve(buckets(sizes.regions))?, seed),
            )
        };
        let borrows = {
            let records = heap.carve(sizes.borrows())?;
            Borrows::new(
                records,
                Index::new(heap.carve(buckets(sizes.borrows()))?, seed),
            )
        };
        let mappings = {
            let records = heap.carve(sizes.mappings())?;
            let index = Index::new(heap.carve(buckets(sizes.mappings()))?, seed);
            Mappings::new(records, index, sizes.pages)
        };
        Some(Self {
            pool,
            owners,
            objects,
            borrows,
            mappings,
            areas: Areas::new(heap.carve(sizes.areas())?),
            spaces: Spaces::new(heap.carve(sizes.tasks)?),
            regions: Regions::new(heap.carve(sizes.regions)?),
            rings: Rings::default(),
            ground: Ground::default(),
            asids: Asids::default(),
            programs,
            slots: Slots {
                pages: sizes.pages,
                archive_pages: sizes.archive_pages,
            },
            kept: Kept::default(),
            in_a_row: IN_A_ROW,
            priorities: Priorities::default(),
            dense: DENSE,
            archive_pages: sizes.archive_pages,
            overcommit_percent: sizes.overcommit_percent,
            guaranteed: 0,
        })
    }

    /// With the priorities that the system's description names.
    #[must_use]
    pub fn with_priorities(mut self, priorities: Priorities) -> Self {
        self.priorities = priorities;
        self
    }

    /// The slot in which a frame capability stands.
    #[must_use]
    pub fn slot_of(&self, cap: FrameCap) -> u64 {
        match self.mappings.standing(cap) {
            Standing::Own { page } => self.slots.object(page),
            Standing::Copy { number } => self.slots.copy(number),
        }
    }

    /// Pages that were promised and have not been taken: reserved ones without a frame, and the tables that areas may come
    /// to need (those that there are already are counted once more).
    #[must_use]
    pub fn promised(&self) -> u64 {
        let granted = u64::from(self.owners.granted());
        // Nobody is to be given what the areas of a kit need: it goes first.
        let tables = self.areas.tables().saturating_sub(self.kept.held().tables);
        self.objects
            .committed()
            .saturating_sub(granted)
            .saturating_add(tables)
    }

    /// Pages that are free, or would be if nothing were kept.
    #[must_use]
    pub fn free_pages(&self) -> u64 {
        let kept = self.kept.held().pages.saturating_add(self.kept.pages());
        u64::from(self.pool.free()).saturating_add(kept.into())
    }

    /// Pages that may be promised: each free one, and as many beyond as `system.toml` allows.
    #[must_use]
    pub fn most_promised(&self) -> u64 {
        let percent = u64::from(self.overcommit_percent.saturating_sub(100));
        let total = u64::from(self.pool.total());
        let beyond = total.saturating_mul(percent).wrapping_div(100);
        self.free_pages().saturating_add(beyond)
    }

    /// Whether so many more pages can be promised, or taken for something that was never promised. At 100 per cent that
    /// is so while there is a free page for each promise, so that no promise can fail.
    #[must_use]
    pub fn can_promise(&self, pages: u64) -> bool {
        self.promised().saturating_add(pages) <= self.most_promised()
    }

    /// What clients may know of all that.
    #[must_use]
    pub fn commit(&self) -> Commit {
        Commit {
            promised: self.promised(),
            most: self.most_promised(),
            overcommit: self.overcommit_percent,
        }
    }

    /// Records that a capability is mapped, in an area or, if it is none's, in a space.
    pub fn record_mapping(
        &mut self,
        cap: FrameCap,
        (space, page): (u32, u32),
        writable: bool,
        area: Option<u32>,
    ) {
        let wiped = self.wiped(space, page);
        let Some(space_record) = self.spaces.edit(space) else {
            return;
        };
        let list = match area.and_then(|area| self.areas.edit(area)) {
            Some(area) => &mut area.mappings,
            None => &mut space_record.mappings,
        };
        let area = area.map_or(Link::NONE, Link::to);
        self.mappings
            .insert(cap, (space, page), (writable, wiped), area, list);
        space_record.mapped = space_record.mapped.saturating_add(1);
    }

    /// Forgets a mapping, if there is one.
    pub fn forget_mapping(&mut self, cap: FrameCap) {
        let mapping = self.mappings.get(cap);
        let space = mapping.space().and_then(|space| self.spaces.edit(space));
        let Some(space) = space else {
            return;
        };
        let list = match mapping.area().and_then(|area| self.areas.edit(area)) {
            Some(area) => &mut area.mappings,
            None => &mut space.mappings,
        };
        self.mappings.remove(cap, list);
        space.mapped = space.mapped.saturating_sub(1);
    }

    /// How many pages the archive has.
    #[must_use]
    pub const fn archive_pages(&self) -> u32 {
        self.archive_pages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interfaces::memory::{AREA_KIT, BORROW_KIT, OBJECT_KIT, REGION_KIT};
    use interfaces::provision::TASK_RECORDS_BYTES;
    use interfaces::{Amounts, Resource};

    #[test]
    fn every_record_is_charged_with_at_least_its_size() {
        // Two heads of an index's chains for each record that stands in one.
        const HEADS: u64 = 8;
        let size = |bytes: usize| u64::try_from(bytes).unwrap();
        let (object, area) = (size(size_of::<Object>()), size(size_of::<Area>()));
        let region = size(size_of::<Region>());
        let space = size(size_of::<Space>());
        let areas = size(crate::program::SEGMENTS + 1) * area;
        for (what, bytes, kit) in [
            ("object", object + HEADS, OBJECT_KIT),
            ("region", region + area, REGION_KIT),
            ("area", area, AREA_KIT),
            ("borrow", size(size_of::<Borrow>()) + HEADS, BORROW_KIT),
            (
                "task",
                space + object + HEADS + areas,
                Amounts::of(Resource::KernelMemory, TASK_RECORDS_BYTES),
            ),
        ] {
            let charged = kit.get(Resource::KernelMemory);
            assert!(bytes <= charged, "{what}: {bytes} bytes, charged {charged}");
        }
    }

    #[test]
    fn the_records_of_a_machine_of_512_mib_take_less_than_20_mib() {
        let sizes = Sizes {
            pages: 512 << 8,
            archive_pages: 512,
            tasks: 4000,
            regions: 8192,
            copies: 65_536,
            program_areas: 6,
            overcommit_percent: 100,
        };
        assert!(sizes.bytes() < 20 << 20, "{} bytes", sizes.bytes());
    }
}
