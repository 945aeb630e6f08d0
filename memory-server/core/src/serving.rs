//! What clients may ask: `interfaces::memory` for the task in whose space the request is.

use interfaces::limits::Never;
use interfaces::memory::{
    CreateRegion, CreateRegionRefusal, DestroyRegion, Map, MapRefusal, REGION_KIT, REGION_PAGES,
    ReadRegion, ReadSpace, RegionAccount, RegionId, RegionRefusal, Server, SpaceAccount, Unmap,
};
use interfaces::provision::Progress;
use interfaces::{Caller, GroupId, Resource};

use crate::area::{Area, InsertRefusal, Run};
use crate::hands::{Kernel, Ledger};
use crate::mapping::Mappings;
use crate::memory::Memory;
use crate::object::Kind;
use crate::program::REGIONS;
use crate::region::{Region, TASK_REGIONS};
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
        let has_enough = self.space(index).regions.len() >= TASK_REGIONS;
        if has_enough || !self.memory.regions.has_room() || !self.memory.objects.has_room() {
            return Err(CreateRegionRefusal::TableFull);
        }
        let reserved = REGION_KIT.with(Resource::Commit, u64::from(pages));
        let payer = self
            .ledger
            .charge_task(self.space(index).task, reserved)
            .map_err(CreateRegionRefusal::Charge)?;
        self.record_region(index, pages, payer).ok_or_else(|| {
            self.release(payer, reserved);
            CreateRegionRefusal::TableFull
        })
    }

    fn map(&mut self, caller: Caller, request: Map) -> Result<u32, MapRefusal> {
        let index = space_of(caller);
        let region = self
            .memory
            .regions
            .find(index, request.region)
            .ok_or(MapRefusal::UnknownRegion)?;
        if region.area.is_some() {
            return Err(MapRefusal::Mapped);
        }
        let areas = self.space(index).areas;
        let run = match request.address {
            None => self
                .memory
                .areas
                .first_fit(areas, region.pages, REGIONS)
                .ok_or(MapRefusal::NoRoom)?,
            Some(address) => wanted(address, region.pages).ok_or(MapRefusal::BadAddress)?,
        };
        let area = Area::new(run, region.object, 0, request.access);
        let Memory {
            areas,
            spaces,
            regions,
            ..
        } = &mut self.memory;
        let space = spaces.edit(index).ok_or(MapRefusal::UnknownRegion)?;
        let area = areas
            .insert(&mut space.areas, area)
            .map_err(|refusal| match refusal {
                InsertRefusal::Taken => MapRefusal::Taken,
                InsertRefusal::Full => MapRefusal::TableFull,
            })?;
        regions.set_area(request.region.index, Some(area));
        Ok(run.start << 12)
    }

    fn unmap(&mut self, caller: Caller, request: Unmap) -> Result<Progress, RegionRefusal> {
        let region = self.region_of(caller, request.region)?;
        let area = region.area.ok_or(RegionRefusal::NotMapped)?;
        let index = request.region.index;
        if !self.memory.areas.get(area).is_leaving {
            self.memory.areas.leave(area);
            let first = self.memory.objects.get(region.object).frames.first();
            self.memory.regions.set_leaving(index, first);
        }
        if self.unmap_frames(index) == Progress::More {
            return Ok(Progress::More);
        }
        self.remove_area(index);
        Ok(Progress::Done)
    }

    fn destroy_region(
        &mut self,
        caller: Caller,
        request: DestroyRegion,
    ) -> Result<Progress, RegionRefusal> {
        let region = self.region_of(caller, request.region)?;
        let index = request.region.index;
        let mut bill = Bill::default();
        let is_done = self.drop_frames(region.object, SLICE, &mut bill) < SLICE;
        // An unmapping that is under way must not look at a frame that is gone; it begins anew.
        let first = self.memory.objects.get(region.object).frames.first();
        self.memory.regions.set_leaving(index, first);
        if is_done {
            self.remove_area(index);
            self.remove_region(index, &mut bill);
        }
        self.settle(&mut bill);
        Ok(if is_done {
            Progress::Done
        } else {
            Progress::More
        })
    }

    fn read_region(
        &mut self,
        caller: Caller,
        request: ReadRegion,
    ) -> Result<RegionAccount, RegionRefusal> {
        let region = self.region_of(caller, request.region)?;
        let object = self.memory.objects.get(region.object);
        let area = region.area.map(|area| self.memory.areas.get(area));
        Ok(RegionAccount {
            pages: region.pages,
            resident: object.frames.len(),
            payer: object.payer,
            address: area.map(|area| area.run.start << 12),
        })
    }

    fn read_space(&mut self, caller: Caller, _: ReadSpace) -> Result<SpaceAccount, Never> {
        let space = self.space(space_of(caller));
        Ok(SpaceAccount {
            frames: space.mappings.len().saturating_sub(space.shared),
            shared: space.shared,
            tables: space.tables,
            faults: space.faults,
        })
    }
}

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    fn region_of(&self, caller: Caller, id: RegionId) -> Result<Region, RegionRefusal> {
        self.memory
            .regions
            .find(space_of(caller), id)
            .ok_or(RegionRefusal::UnknownRegion)
    }

    fn record_region(&mut self, space: u32, pages: u32, payer: GroupId) -> Option<RegionId> {
        let Memory {
            objects,
            regions,
            spaces,
            ..
        } = &mut self.memory;
        let record = spaces.edit(space)?;
        let object = objects.create(Kind::Anonymous, payer, pages)?;
        let id = regions.create(&mut record.regions, space, object, pages);
        if id.is_none() {
            objects.remove(object);
        }
        id
    }

    /// Unmaps the next frames of a region whose area is leaving; they stay the object's.
    ///
    /// No frame comes to the object meanwhile, and none is mapped: a leaving area shows nothing more.
    fn unmap_frames(&mut self, index: u32) -> Progress {
        let mut next = self.memory.regions.get(index).leaving;
        for _ in 0..SLICE {
            let Some(page) = next else {
                break;
            };
            next = crate::table::List::after(self.owners().records(), page);
            // A frame that the kernel does not unmap stays where it is: it is the task's own.
            self.unmap(Mappings::own(page));
        }
        self.memory.regions.set_leaving(index, next);
        if next.is_some() {
            Progress::More
        } else {
            Progress::Done
        }
    }
}

/// The place of the caller's space. The door has made sure that there is one.
fn space_of(caller: Caller) -> u32 {
    caller.task().map_or(u32::MAX, |tag| tag.index)
}

/// The run at an address that a client wants, if it is a page's and all within what clients may use.
fn wanted(address: u32, pages: u32) -> Option<Run> {
    let run = Run {
        start: address >> 12,
        pages,
    };
    (address.is_multiple_of(0x1000) && REGIONS.covers(run)).then_some(run)
}
