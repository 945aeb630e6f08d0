//! What clients may ask: `interfaces::memory` for the task in whose space the request is.

use interfaces::accounting::Who;
use interfaces::limits::Never;
use interfaces::memory::{
    AREA_KIT, Accept, AcceptRefusal, Accepted, Access, CloneOn, CloneRefusal, CloneRegion, Cloned,
    Commit, CountFree, CountFreeRefusal, CreateLarge, CreateRegion, CreateRegionRefusal,
    DestroyRegion, FreeBlocks, Guarantee, GuaranteeRefusal, LARGE_PAGES, MakeRoom, MakeRoomRefusal,
    Map, MapPart, MapRefusal, OBJECT_KIT, Offered, REGION_KIT, REGION_PAGES, ReadCommit,
    ReadRegion, ReadSpace, RegionAccount, RegionId, RegionRefusal, Resize, ResizeRefusal, Server,
    Share, ShareRefusal, SpaceAccount, Spoil, SpoilRefusal, Sponsor, SponsorRefusal, Tidy, Unmap,
    UnmapPart,
};
use interfaces::provision::Progress;
use interfaces::{Amounts, Caller, GroupId, Resource};

use crate::area::{Area, InsertRefusal, Run};
use crate::hands::{Kernel, Ledger};
use crate::memory::Memory;
use crate::object::{COPY_AREAS, Kind};
use crate::program::REGIONS;
use crate::region::{Region, State, TASK_REGIONS};
use crate::server::{Bill, MemoryServer};
use crate::unmaking::SLICE;

impl<K: Kernel, L: Ledger> Server for MemoryServer<'_, K, L> {
    fn create_region(
        &mut self,
        caller: Caller,
        request: CreateRegion,
    ) -> Result<RegionId, CreateRegionRefusal> {
        let CreateRegion { pages } = request;
        if pages == 0 || pages > REGION_PAGES {
            return Err(CreateRegionRefusal::BadSize);
        }
        let index = space_of(caller);
        if !self.has_region_room(index) || !self.memory.objects.has_room() {
            return Err(CreateRegionRefusal::TableFull);
        }
        let task = self.space(index).task;
        if !self.can_promise(Who::Task(task), u64::from(pages), 0) {
            return Err(CreateRegionRefusal::OutOfMemory);
        }
        let amounts = NEW.with(Resource::Commit, u64::from(pages));
        let payer = self
            .ledger
            .charge_task(self.space(index).task, amounts)
            .and_then(|payer| self.charge_record(index, payer, amounts))
            .map_err(CreateRegionRefusal::Charge)?;
        self.record_region(index, pages, payer).ok_or_else(|| {
            let rest = amounts.checked_sub(&REGION_KIT).unwrap_or_default();
            self.release(payer, rest);
            self.release(self.space(index).payer, REGION_KIT);
            CreateRegionRefusal::TableFull
        })
    }

    fn create_large(
        &mut self,
        caller: Caller,
        _: CreateLarge,
    ) -> Result<RegionId, CreateRegionRefusal> {
        self.create_large_region(space_of(caller))
    }

    fn map(&mut self, caller: Caller, mut request: Map) -> Result<u32, MapRefusal> {
        request.region = self.named(caller, request.region);
        let region = self.usable(caller, request.region)?;
        if !region.areas.is_empty() {
            return Err(MapRefusal::Mapped);
        }
        let pages = self.size_of(region.object);
        let request = MapPart {
            region: request.region,
            address: request.address,
            access: request.access,
            offset: 0,
            pages,
        };
        self.map_at(&region, request)
    }

    fn map_part(&mut self, caller: Caller, mut request: MapPart) -> Result<u32, MapRefusal> {
        request.region = self.named(caller, request.region);
        let region = self.usable(caller, request.region)?;
        let end = request.offset.checked_add(request.pages);
        if request.pages == 0 || end.is_none_or(|end| end > self.size_of(region.object)) {
            return Err(MapRefusal::BadRange);
        }
        self.map_at(&region, request)
    }

    fn unmap(&mut self, caller: Caller, mut request: Unmap) -> Result<Progress, RegionRefusal> {
        request.region = self.named(caller, request.region);
        let region = self.region_of(caller, request.region)?;
        if region.areas.is_empty() {
            return Err(RegionRefusal::NotMapped);
        }
        self.leave_areas(&region);
        let index = request.region.index;
        Ok(self.slice(|this, budget, bill| this.remove_areas(index, budget, bill)))
    }

    fn unmap_part(
        &mut self,
        caller: Caller,
        request: UnmapPart,
    ) -> Result<Progress, RegionRefusal> {
        let page = request.address >> 12;
        let areas = self.space(space_of(caller)).areas;
        let area = self.memory.areas.find(areas, page);
        let found = area.and_then(|index| Some((index, self.memory.areas.peek(index)?)));
        let (index, area) = found.ok_or(RegionRefusal::NotMapped)?;
        let is_whole = request.address.is_multiple_of(0x1000) && area.run.start == page;
        if !is_whole || area.region.index().is_none() {
            return Err(RegionRefusal::NotMapped);
        }
        self.memory.areas.leave(index);
        Ok(self.slice(|this, budget, bill| {
            let is_empty = this.drain_area(index, false, budget, bill);
            if is_empty {
                this.remove_area(index, bill);
            }
            is_empty
        }))
    }

    fn destroy_region(
        &mut self,
        caller: Caller,
        mut request: DestroyRegion,
    ) -> Result<Progress, RegionRefusal> {
        request.region = self.named(caller, request.region);
        let index = request.region.index;
        self.memory
            .regions
            .find_any(space_of(caller), request.region)
            .ok_or(RegionRefusal::UnknownRegion)?;
        Ok(self.slice(|this, budget, bill| this.close_region(index, budget, bill)))
    }

    fn share(&mut self, caller: Caller, mut request: Share) -> Result<RegionId, ShareRefusal> {
        request.region = self.named(caller, request.region);
        self.offer(space_of(caller), request)
    }

    fn offered(&mut self, caller: Caller, request: Offered) -> Result<Option<RegionId>, Never> {
        Ok(self.offered_by(space_of(caller), request.from))
    }

    fn accept(&mut self, caller: Caller, request: Accept) -> Result<Accepted, AcceptRefusal> {
        self.take_offer(space_of(caller), request.region)
    }

    fn resize(&mut self, caller: Caller, mut request: Resize) -> Result<Progress, ResizeRefusal> {
        request.region = self.named(caller, request.region);
        self.resize_region(space_of(caller), request)
    }

    fn sponsor(&mut self, caller: Caller, mut request: Sponsor) -> Result<(), SponsorRefusal> {
        request.region = self.named(caller, request.region);
        self.take_over_payment(space_of(caller), request)
    }

    fn clone_region(
        &mut self,
        caller: Caller,
        mut request: CloneRegion,
    ) -> Result<Cloned, CloneRefusal> {
        request.region = self.named(caller, request.region);
        self.clone_of(space_of(caller), request)
    }

    fn clone_on(&mut self, caller: Caller, mut request: CloneOn) -> Result<Progress, CloneRefusal> {
        request.region = self.named(caller, request.region);
        self.clone_on_with(space_of(caller), request)
    }

    fn read_region(
        &mut self,
        caller: Caller,
        mut request: ReadRegion,
    ) -> Result<RegionAccount, RegionRefusal> {
        request.region = self.named(caller, request.region);
        let region = self
            .memory
            .regions
            .find_any(space_of(caller), request.region)
            .ok_or(RegionRefusal::UnknownRegion)?;
        let object = self.memory.objects.get(region.object);
        let area = region
            .areas
            .first()
            .and_then(|area| self.memory.areas.peek(area));
        Ok(RegionAccount {
            pages: object.size,
            resident: object.resident(),
            payer: object.payer,
            address: area.map(|area| area.run.start << 12),
        })
    }

    fn read_space(&mut self, caller: Caller, _: ReadSpace) -> Result<SpaceAccount, Never> {
        let space = self.space(space_of(caller));
        let shared = space.shared.saturating_add(space.copies);
        Ok(SpaceAccount {
            frames: space.mapped.saturating_sub(shared),
            shared,
            tables: space.tables,
            faults: space.faults,
        })
    }

    fn read_commit(&mut self, _: Caller, _: ReadCommit) -> Result<Commit, Never> {
        Ok(self.memory.commit())
    }

    fn guarantee(&mut self, caller: Caller, request: Guarantee) -> Result<(), GuaranteeRefusal> {
        let task = self.space(space_of(caller)).task;
        self.guarantee_pages(caller, task, request)
    }

    fn make_room(&mut self, _: Caller, _: MakeRoom) -> Result<Progress, MakeRoomRefusal> {
        self.make_ground()
    }

    fn tidy(&mut self, _: Caller, _: Tidy) -> Result<Progress, Never> {
        Ok(self.take_ground_back())
    }

    fn count_free(
        &mut self,
        caller: Caller,
        request: CountFree,
    ) -> Result<FreeBlocks, CountFreeRefusal> {
        if !caller.is_operator() {
            return Err(CountFreeRefusal::NotOperator);
        }
        // What is kept for the next task or fault is free, and merges with nothing while it is kept.
        if !self.keep_less() {
            return Ok(FreeBlocks {
                next: Some(request.from),
                ..FreeBlocks::default()
            });
        }
        Ok(self.memory.pool.free_blocks(request.from))
    }

    fn spoil(&mut self, caller: Caller, request: Spoil) -> Result<(), SpoilRefusal> {
        self.spoil_page(space_of(caller), request.address >> 12)
    }
}

/// What is charged for a region of new memory, besides its pages.
pub(crate) const NEW: Amounts = Amounts::of(
    Resource::KernelMemory,
    REGION_KIT
        .get(Resource::KernelMemory)
        .saturating_add(OBJECT_KIT.get(Resource::KernelMemory)),
);

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// The region that a client means by an id: a forked one may use those of its parent.
    fn named(&self, caller: Caller, id: RegionId) -> RegionId {
        let index = space_of(caller);
        let is_own = || self.memory.regions.find_any(index, id).is_some();
        match self.memory.spaces.peek(index) {
            Some(space) if space.is_forked && !is_own() => {
                let meant = self.memory.regions.by_alias(space.regions, id);
                meant.unwrap_or(id)
            }
            _ => id,
        }
    }

    fn region_of(&self, caller: Caller, id: RegionId) -> Result<Region, RegionRefusal> {
        self.memory
            .regions
            .find(space_of(caller), id)
            .ok_or(RegionRefusal::UnknownRegion)
    }

    /// A region that can be mapped.
    fn usable(&self, caller: Caller, id: RegionId) -> Result<Region, MapRefusal> {
        let region = self
            .region_of(caller, id)
            .map_err(|_| MapRefusal::UnknownRegion)?;
        if self.is_revoked(region.object) {
            return Err(MapRefusal::PayerKilled);
        }
        Ok(region)
    }

    /// Maps what was found to be in the region.
    fn map_at(&mut self, region: &Region, request: MapPart) -> Result<u32, MapRefusal> {
        if !region.access.allows(request.access) {
            return Err(MapRefusal::NotAllowed);
        }
        let unit = if self.is_large(region.object) {
            LARGE_PAGES
        } else {
            1
        };
        let is_whole = |pages: u32| pages.is_multiple_of(unit);
        if request.pages == 0 || !is_whole(request.offset) || !is_whole(request.pages) {
            return Err(MapRefusal::BadRange);
        }
        let areas = self.space(region.space).areas;
        let run = match request.address {
            None => self
                .memory
                .areas
                .first_fit(areas, request.pages, unit, REGIONS)
                .ok_or(MapRefusal::NoRoom)?,
            Some(address) => wanted(address, request.pages)
                .filter(|run| is_whole(run.start))
                .ok_or(MapRefusal::BadAddress)?,
        };
        let task = self.space(region.space).task;
        if !self.can_promise(Who::Task(task), 0, run.tables()) {
            return Err(MapRefusal::OutOfMemory);
        }
        let index = request.region.index;
        // The record of a region's first mapping is charged with the region.
        let is_charged = !region.areas.is_empty();
        if is_charged {
            self.ledger
                .charge(region.payer, AREA_KIT)
                .map_err(MapRefusal::Charge)?;
        }
        let mut area = Area::new(run, region.object, request.offset, request.access)
            .within(region.space)
            .of_region(index);
        area.is_charged = is_charged;
        let inserted = self.insert_area(area);
        if inserted.is_err() && is_charged {
            self.release(region.payer, AREA_KIT);
        }
        inserted.map(|()| run.start << 12)
    }

    /// Puts an area into its lists, whoever it is for: here the bounds hold that a page of what it shows costs to copy.
    pub(crate) fn insert_area(&mut self, area: Area) -> Result<(), MapRefusal> {
        let Memory {
            areas,
            spaces,
            regions,
            objects,
            ..
        } = &mut self.memory;
        let region = area.region.index().and_then(|index| regions.edit(index));
        let parts = (region, spaces.edit(area.space), objects.edit(area.object));
        let (Some(region), Some(space), Some(object)) = parts else {
            return Err(MapRefusal::UnknownRegion);
        };
        if object.is_copied && object.areas.len() >= COPY_AREAS {
            return Err(MapRefusal::TableFull);
        }
        let index = areas
            .insert(&mut space.areas, area)
            .map_err(|refusal| match refusal {
                InsertRefusal::Taken => MapRefusal::Taken,
                InsertRefusal::Full => MapRefusal::TableFull,
            })?;
        areas.join(&mut region.areas, index);
        areas.show(&mut object.areas, index);
        Ok(())
    }

    /// Whether the task of a space may have another region, and there is a place for it.
    pub(crate) fn has_region_room(&self, space: u32) -> bool {
        self.space(space).regions.len() < TASK_REGIONS && self.memory.regions.has_room()
    }

    pub(crate) fn is_revoked(&self, object: u32) -> bool {
        let object = self.memory.objects.peek(object);
        object.is_none_or(|object| object.is_revoked)
    }

    pub(crate) fn is_large(&self, object: u32) -> bool {
        let object = self.memory.objects.peek(object);
        object.is_some_and(|object| object.is_large)
    }

    pub(crate) fn size_of(&self, object: u32) -> u32 {
        let object = self.memory.objects.peek(object);
        object.map_or(0, |object| object.size)
    }

    pub(crate) fn record_region(
        &mut self,
        space: u32,
        pages: u32,
        payer: GroupId,
    ) -> Option<RegionId> {
        let Memory {
            objects,
            regions,
            spaces,
            ..
        } = &mut self.memory;
        let record = spaces.edit(space)?;
        let object = objects.create(Kind::Anonymous, payer, pages)?;
        let region = Region::new(State::Held, space, object, Access::ReadWrite, record.payer);
        let id = regions.create(&mut record.regions, region);
        match (id, objects.edit(object)) {
            (Some(_), Some(object)) => object.holders = 1,
            _ => {
                objects.remove(object);
            }
        }
        id
    }

    /// Does one slice of something that says whether it is done, and gives back what that set free.
    fn slice(&mut self, work: impl FnOnce(&mut Self, &mut u32, &mut Bill) -> bool) -> Progress {
        let (mut budget, mut bill) = (SLICE, Bill::default());
        let is_done = work(self, &mut budget, &mut bill);
        self.settle(&mut bill);
        if is_done {
            Progress::Done
        } else {
            Progress::More
        }
    }
}

/// The place of the caller's space. The door has made sure that there is one.
fn space_of(caller: Caller) -> u32 {
    caller
        .task()
        .map_or(u32::MAX, interfaces::identity::TaskTag::index)
}

/// The run at an address that a client wants, if it is a page's and all within what clients may use.
fn wanted(address: u32, pages: u32) -> Option<Run> {
    let run = Run {
        start: address >> 12,
        pages,
    };
    (address.is_multiple_of(0x1000) && REGIONS.covers(run)).then_some(run)
}
