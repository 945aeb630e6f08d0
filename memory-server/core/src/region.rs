//! Regions: tasks' handles to memory.
//!
//! A region is a handle, not the memory: that is an object. Several regions, of one task or of many, may be handles to
//! the same object, each with its own rights. A region that is offered stands in the list of the task that offers it
//! until it is accepted; it holds its object all that time.
//!
//! # Invariants
//!
//! - A region's record is charged to the group that `payer` says: who pays for its holder's space, or its offerer's.
//! - Rights only shrink on the way from one region to the next.

use interfaces::memory::{Access, RegionId};
use interfaces::{GroupId, TaskId};

use crate::area::SiblingList;
use crate::table::{Links, List, Table, Vacancies, linked};

/// The most regions of one task: one task alone cannot take every record there is.
pub const TASK_REGIONS: u32 = 512;

/// Where a region stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// There is none.
    #[default]
    Vacant,
    /// Its task may use it.
    Held,
    /// A task may accept it.
    Offered {
        /// Which.
        to: TaskId,
    },
    /// It is being cloned from another: it can be used when it is whole.
    Cloning,
    /// It is being given back: nothing but that can be asked of it.
    Closing,
}

/// A region.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    /// Where it stands.
    pub state: State,
    generation: u32,
    /// The address space of the task that holds or offers it.
    pub space: u32,
    /// What it is a handle to.
    pub object: u32,
    /// What its holder may do at most.
    pub access: Access,
    /// Who paid for its record.
    pub payer: GroupId,
    /// The id by which a forked task knows it besides: its parent's region's.
    pub alias: Option<RegionId>,
    /// The payer of its object that let the holder's group take over the payment.
    pub payment: Option<GroupId>,
    /// Where it is mapped.
    pub areas: SiblingList,
    links: Links,
}

linked!(Region, links);

impl Default for Region {
    fn default() -> Self {
        Self::new(State::Vacant, 0, 0, Access::Read, GroupId::ROOT)
    }
}

impl Region {
    /// A region that is in no table yet.
    #[must_use]
    pub fn new(state: State, space: u32, object: u32, access: Access, payer: GroupId) -> Self {
        Self {
            state,
            generation: 0,
            space,
            object,
            access,
            payer,
            alias: None,
            payment: None,
            areas: SiblingList::default(),
            links: Links::default(),
        }
    }

    /// The same, known by another id as well.
    #[must_use]
    pub const fn known_as(mut self, alias: RegionId) -> Self {
        self.alias = Some(alias);
        self
    }
}

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

    /// Puts a region into the table and into its task's list; nothing if there is no room.
    pub fn create(&mut self, list: &mut List, region: Region) -> Option<RegionId> {
        let index = self.vacant.take(&mut self.records)?;
        let generation = self.records.get(index).generation;
        self.records.put(
            index,
            Region {
                generation,
                ..region
            },
        );
        list.push(&mut self.records, index);
        Some(RegionId { index, generation })
    }

    /// The region of this id, if it is one that the task in `space` may use.
    #[must_use]
    pub fn find(&self, space: u32, id: RegionId) -> Option<Region> {
        self.find_any(space, id)
            .filter(|region| region.state == State::Held)
    }

    /// The region of this id, if it stands in the list of the task in `space`: it may be offered, or closing.
    #[must_use]
    pub fn find_any(&self, space: u32, id: RegionId) -> Option<Region> {
        self.with_id(id).filter(|region| region.space == space)
    }

    /// The region of this id, if it is offered to this task.
    #[must_use]
    pub fn find_offered(&self, to: TaskId, id: RegionId) -> Option<Region> {
        self.with_id(id)
            .filter(|region| region.state == State::Offered { to })
    }

    /// The own id of the region in a forked task's list that is known by this one as well.
    #[must_use]
    pub fn by_alias(&self, list: List, alias: RegionId) -> Option<RegionId> {
        let is_it = |&index: &u32| {
            let region = self.records.peek(index);
            region.is_some_and(|region| region.alias == Some(alias))
        };
        list.iter(&self.records)
            .find(is_it)
            .map(|index| self.id_of(index))
    }

    /// The region behind this one in its task's list.
    #[must_use]
    pub fn next(&self, index: u32) -> Option<u32> {
        List::<0>::after(&self.records, index)
    }

    /// The newest region of a list that is offered to this task.
    #[must_use]
    pub fn offered(&self, list: List, to: TaskId) -> Option<RegionId> {
        let offered = |index: u32| {
            let region = self.records.peek(index)?;
            let generation = region.generation;
            (region.state == State::Offered { to }).then_some(RegionId { index, generation })
        };
        list.iter(&self.records).find_map(offered)
    }

    /// The region in a place.
    #[must_use]
    pub fn get(&self, index: u32) -> Region {
        self.records.get(index)
    }

    /// The id of the region in a place.
    #[must_use]
    pub fn id_of(&self, index: u32) -> RegionId {
        let generation = self.get(index).generation;
        RegionId { index, generation }
    }

    /// The region in a place, to change.
    pub fn edit(&mut self, index: u32) -> Option<&mut Region> {
        self.records.edit(index)
    }

    /// The regions of a task's list.
    pub fn iter(&self, list: List) -> impl Iterator<Item = (u32, Region)> + '_ {
        list.iter(&self.records)
            .map(|index| (index, self.get(index)))
    }

    /// No place from this one on was ever used.
    #[must_use]
    pub const fn used(&self) -> u32 {
        self.vacant.never_used_from()
    }

    /// The region in a place, if there is one.
    #[must_use]
    pub fn there(&self, index: u32) -> Option<Region> {
        Some(self.get(index)).filter(|region| region.state != State::Vacant)
    }

    /// Every region.
    pub fn all(&self) -> impl Iterator<Item = (u32, Region)> + '_ {
        (0..self.records.len())
            .map(|index| (index, self.get(index)))
            .filter(|(_, region)| region.state != State::Vacant)
    }

    /// Takes a region out of a task's list.
    pub fn leave(&mut self, from: &mut List, index: u32) {
        from.remove(&mut self.records, index);
    }

    /// Puts a region, which stands in no list, into a task's.
    pub fn join(&mut self, to: &mut List, index: u32) {
        to.push(&mut self.records, index);
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

    fn with_id(&self, id: RegionId) -> Option<Region> {
        let region = self.records.get(id.index);
        (region.state != State::Vacant && region.generation == id.generation).then_some(region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(space: u32) -> Region {
        Region::new(State::Held, space, 3, Access::ReadWrite, GroupId::ROOT)
    }

    #[test]
    fn an_id_is_valid_for_its_owner_until_its_region_is_removed() {
        let mut records = [Region::default(); 1];
        let mut regions = Regions::new(&mut records);
        let mut list = List::default();
        let id = regions.create(&mut list, held(7)).unwrap();
        assert!(regions.find(7, id).is_some());
        assert!(regions.find(8, id).is_none());
        assert!(!regions.has_room());
        assert!(regions.create(&mut list, held(7)).is_none());
        regions.remove(&mut list, id.index);
        assert!(regions.find(7, id).is_none());
        let next = regions.create(&mut list, held(7)).unwrap();
        assert_eq!(next.index, id.index);
        assert!(regions.find(7, id).is_none());
    }

    #[test]
    fn an_offer_is_for_one_task_and_not_for_the_one_that_makes_it() {
        let mut records = [Region::default(); 3];
        let mut regions = Regions::new(&mut records);
        let (mut mine, mut theirs) = (List::default(), List::default());
        let to = TaskId {
            index: 4,
            generation: 1,
        };
        let stranger = TaskId {
            generation: 2,
            ..to
        };
        regions.create(&mut mine, held(7));
        let offer = Region {
            state: State::Offered { to },
            ..held(7)
        };
        let id = regions.create(&mut mine, offer).unwrap();
        assert!(regions.find(7, id).is_none() && regions.find_any(7, id).is_some());
        assert!(regions.find_offered(stranger, id).is_none());
        assert_eq!(regions.offered(mine, stranger), None);
        assert_eq!(regions.offered(mine, to), Some(id));
        regions.leave(&mut mine, id.index);
        regions.join(&mut theirs, id.index);
        assert_eq!((mine.len(), theirs.len()), (1, 1));
    }
}
