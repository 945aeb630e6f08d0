//! Regions: a task's handles to memory of its own.
//!
//! A region is a handle, not the memory: that is an object. Today a region holds exactly one object and has at most
//! one area. An object with several holders needs a count there and nothing here.

use interfaces::memory::RegionId;

use crate::table::{Links, List, Table, Vacancies, linked};

/// The most regions of one task: one task alone cannot take every record there is.
pub const TASK_REGIONS: u32 = 512;

/// A region.
#[derive(Clone, Copy, Debug, Default)]
pub struct Region {
    is_live: bool,
    generation: u32,
    /// The address space of the task that created it.
    pub space: u32,
    /// What it is a handle to.
    pub object: u32,
    /// How many pages it has.
    pub pages: u32,
    /// Where it is mapped.
    pub area: Option<u32>,
    /// The next frame to unmap, while its area is leaving.
    pub leaving: Option<u32>,
    links: Links,
}

linked!(Region, links);

/// All regions.
#[derive(Debug)]
pub struct Regions<'a> {
    records: Table<'a, Region>,
    vacant: Vacancies,
}

impl<'a> Regions<'a> {
    /// No region.
    #[must_use]
    pub fn new(records: &'a mut [Region]) -> Self {
        let records = Table::new(records);
        let vacant = Vacancies::new(0, records.len());
        Self { records, vacant }
    }

    /// Whether another region has room.
    #[must_use]
    pub fn has_room(&self) -> bool {
        !self.vacant.is_empty()
    }

    /// How many regions there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.records.len().saturating_sub(self.vacant.len())
    }

    /// Makes a region and puts it into its task's list; nothing if there is no room.
    pub fn create(
        &mut self,
        list: &mut List,
        space: u32,
        object: u32,
        pages: u32,
    ) -> Option<RegionId> {
        let index = self.vacant.take(&mut self.records)?;
        let generation = self.records.get(index).generation;
        self.records.put(
            index,
            Region {
                is_live: true,
                generation,
                space,
                object,
                pages,
                ..Region::default()
            },
        );
        list.push(&mut self.records, index);
        Some(RegionId { index, generation })
    }

    /// The region of this id, if it is one of the task's in `space`.
    #[must_use]
    pub fn find(&self, space: u32, id: RegionId) -> Option<Region> {
        let region = self.records.get(id.index);
        (region.is_live && region.generation == id.generation && region.space == space)
            .then_some(region)
    }

    /// The region in a place.
    #[must_use]
    pub fn get(&self, index: u32) -> Region {
        self.records.get(index)
    }

    /// The regions of a task's list.
    pub fn iter(&self, list: List) -> impl Iterator<Item = (u32, Region)> + '_ {
        list.iter(&self.records)
            .map(|index| (index, self.get(index)))
    }

    /// Says where the region is mapped.
    pub fn set_area(&mut self, index: u32, area: Option<u32>) {
        if let Some(region) = self.records.edit(index) {
            region.area = area;
        }
    }

    /// Says which frame is to be unmapped next.
    pub fn set_leaving(&mut self, index: u32, next: Option<u32>) {
        if let Some(region) = self.records.edit(index) {
            region.leaving = next;
        }
    }

    /// Removes a region; its id is never valid again.
    pub fn remove(&mut self, list: &mut List, index: u32) {
        list.remove(&mut self.records, index);
        let generation = self.records.get(index).generation.wrapping_add(1);
        self.records.put(
            index,
            Region {
                generation,
                ..Region::default()
            },
        );
        self.vacant.give_back(&mut self.records, index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_valid_for_its_owner_until_its_region_is_removed() {
        let mut records = [Region::default(); 1];
        let mut regions = Regions::new(&mut records);
        let mut list = List::default();
        let id = regions.create(&mut list, 7, 3, 10).unwrap();
        assert!(regions.find(7, id).is_some());
        assert!(regions.find(8, id).is_none());
        assert!(!regions.has_room());
        assert!(regions.create(&mut list, 7, 3, 10).is_none());
        regions.remove(&mut list, id.index);
        assert!(regions.find(7, id).is_none());
        let next = regions.create(&mut list, 7, 3, 10).unwrap();
        assert_eq!(next.index, id.index);
        assert!(regions.find(7, id).is_none());
    }
}
