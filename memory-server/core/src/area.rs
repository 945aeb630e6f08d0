//! Areas: which pages of an address space show which pages of which object.
//!
//! # Invariants
//!
//! - The areas of an address space stand in its list by ascending address and do not overlap.
//! - An address space has at most [`SPACE_AREAS`] of them, so a walk over its list is short whatever the client does.
//! - What is mapped in an area stands in its own list, so that taking it away costs as much as there is, whatever its
//!   size and whoever else shows the same pages.
//! - An area stands in the list of the object that it shows, unless that is the archive, and in that of the region
//!   through which it was made, unless it is a program's own.

use interfaces::memory::Access;

use crate::table::{Link, Links, List, Table, Vacancies, linked};

/// The most areas of one address space.
pub const SPACE_AREAS: u32 = 256;

/// A run of pages in an address space, as page numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The first page.
    pub start: u32,
    /// How many.
    pub pages: u32,
}

impl Run {
    /// The page behind the last one.
    #[must_use]
    pub const fn end(self) -> u32 {
        self.start.saturating_add(self.pages)
    }

    /// The page tables that it may come to need: one for each 2 MiB, and one for each GiB.
    #[must_use]
    pub const fn tables(self) -> u64 {
        (self.blocks(9) as u64).saturating_add(self.blocks(18) as u64)
    }

    /// The page tables of the lowest level that show it: one for each 2 MiB.
    #[must_use]
    pub const fn lowest_tables(self) -> u32 {
        self.blocks(9)
    }

    /// How many blocks of `1 << bits` pages it has a part in.
    const fn blocks(self, bits: u32) -> u32 {
        if self.pages == 0 {
            return 0;
        }
        let last = self.end().saturating_sub(1);
        (last >> bits)
            .saturating_sub(self.start >> bits)
            .saturating_add(1)
    }

    /// Whether the page is one of them.
    #[must_use]
    pub const fn contains(self, page: u32) -> bool {
        self.start <= page && page < self.end()
    }

    /// Whether all of the other's pages are in it.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.start <= other.start && other.end() <= self.end()
    }
}

/// An area.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    /// Where it is.
    pub run: Run,
    /// What it shows.
    pub object: u32,
    /// The page of the object that is its first.
    pub offset: u32,
    /// What may be done with it.
    pub access: Access,
    /// Whether it is being unmapped: nothing more is shown in it.
    pub is_leaving: bool,
    /// Whether its record was charged besides its region's.
    pub is_charged: bool,
    /// The address space in which it is.
    pub space: u32,
    /// The region through which it was made; none for what a program shows from its birth.
    pub region: Link,
    /// The page on which a fault would go on with those before it (see [`around`](crate::around)).
    pub expected: u32,
    /// How many faults in a row went on like that.
    pub in_a_row: u8,
    /// What is mapped in it, in [`Mappings`](crate::mapping::Mappings).
    pub mappings: List,
    links: Links,
    /// Its neighbours among the areas that show the same object.
    showing: Links,
    /// Its neighbours among the areas of the same region.
    siblings: Links,
}

linked!(Area, links);
linked!(Area, showing, 1);
linked!(Area, siblings, 2);

/// The areas that show one object.
pub type ShowingList = List<1>;
/// The areas of one region.
pub type SiblingList = List<2>;

impl Area {
    /// An area, in no address space yet.
    #[must_use]
    pub fn new(run: Run, object: u32, offset: u32, access: Access) -> Self {
        Self {
            run,
            object,
            offset,
            access,
            is_leaving: false,
            is_charged: false,
            space: 0,
            region: Link::NONE,
            expected: 0,
            in_a_row: 0,
            mappings: List::default(),
            links: Links::default(),
            showing: Links::default(),
            siblings: Links::default(),
        }
    }

    /// The same, in a space.
    #[must_use]
    pub const fn within(mut self, space: u32) -> Self {
        self.space = space;
        self
    }

    /// The same, made through a region.
    #[must_use]
    pub const fn of_region(mut self, region: u32) -> Self {
        self.region = Link::to(region);
        self
    }

    /// The page of the address space in which a page of the object is shown here, if it is.
    #[must_use]
    pub const fn page_of(&self, place: u32) -> Option<u32> {
        match place.checked_sub(self.offset) {
            Some(within) if within < self.run.pages => Some(self.run.start.saturating_add(within)),
            _ => None,
        }
    }

    /// The page of the object that a page of the area shows.
    #[must_use]
    pub const fn place_of(&self, page: u32) -> u32 {
        self.offset
            .saturating_add(page.saturating_sub(self.run.start))
    }
}

impl Default for Area {
    fn default() -> Self {
        Self::new(Run::default(), 0, 0, Access::Read)
    }
}

/// Why an area was not inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertRefusal {
    /// Some of its pages are in another area.
    Taken,
    /// The address space has as many as it may have, or the table has no room.
    Full,
}

/// All areas.
#[derive(Debug)]
pub struct Areas<'a> {
    records: Table<'a, Area>,
    vacant: Vacancies,
    /// Page tables that all areas may come to need.
    tables: u64,
}

impl<'a> Areas<'a> {
    /// No area.
    #[must_use]
    pub fn new(records: &'a mut [Area]) -> Self {
        let records = Table::new(records);
        let vacant = Vacancies::new(0, records.len());
        Self {
            records,
            vacant,
            tables: 0,
        }
    }

    /// Page tables that all areas together may come to need.
    #[must_use]
    pub const fn tables(&self) -> u64 {
        self.tables
    }

    /// The area.
    #[must_use]
    pub fn get(&self, index: u32) -> Area {
        self.records.get(index)
    }

    /// The areas of a list, by ascending address.
    pub fn iter(&self, list: List) -> impl Iterator<Item = (u32, Area)> + '_ {
        list.iter(&self.records)
            .map(|index| (index, self.get(index)))
    }

    /// The first of a list that shows another object than this one.
    #[must_use]
    pub fn besides(&self, list: List, object: u32) -> Option<u32> {
        list.iter(&self.records)
            .find(|&index| self.peek(index).is_some_and(|area| area.object != object))
    }

    /// The area, without a copy.
    #[must_use]
    pub fn peek(&self, index: u32) -> Option<&Area> {
        self.records.peek(index)
    }

    /// The area, to change.
    pub fn edit(&mut self, index: u32) -> Option<&mut Area> {
        self.records.edit(index)
    }

    /// The area in which a page is.
    #[must_use]
    pub fn find(&self, list: List, page: u32) -> Option<u32> {
        list.iter(&self.records)
            .map_while(|index| Some((index, self.peek(index)?)))
            .take_while(|(_, area)| area.run.start <= page)
            .find(|(_, area)| area.run.contains(page))
            .map(|(index, _)| index)
    }

    /// The areas that show an object.
    pub fn showing(&self, list: ShowingList) -> impl Iterator<Item = u32> + '_ {
        list.iter(&self.records)
    }

    /// The area behind this one among those that show the same object.
    #[must_use]
    pub fn next_showing(&self, index: u32) -> Option<u32> {
        ShowingList::after(&self.records, index)
    }

    /// The area behind this one among those of the same region.
    #[must_use]
    pub fn next_of_region(&self, index: u32) -> Option<u32> {
        SiblingList::after(&self.records, index)
    }

    /// Puts an area among those that show its object.
    pub fn show(&mut self, list: &mut ShowingList, index: u32) {
        list.push(&mut self.records, index);
    }

    /// Takes an area out of those that show its object.
    pub fn unshow(&mut self, list: &mut ShowingList, index: u32) {
        list.remove(&mut self.records, index);
    }

    /// Puts an area among those of its region.
    pub fn join(&mut self, list: &mut SiblingList, index: u32) {
        list.push(&mut self.records, index);
    }

    /// Takes an area out of those of its region.
    pub fn part(&mut self, list: &mut SiblingList, index: u32) {
        list.remove(&mut self.records, index);
    }

    /// The lowest run of so many free pages within `within` that begins at a multiple of `unit` pages.
    #[must_use]
    pub fn first_fit(&self, list: List, pages: u32, unit: u32, within: Run) -> Option<Run> {
        let align = |page: u32| page.checked_next_multiple_of(unit).unwrap_or(u32::MAX);
        let mut start = align(within.start);
        for area in list.iter(&self.records).map_while(|index| self.peek(index)) {
            if area.run.start >= start.saturating_add(pages) {
                break;
            }
            start = start.max(align(area.run.end()));
        }
        let run = Run { start, pages };
        within.covers(run).then_some(run)
    }

    /// Puts an area into an address space's list.
    pub fn insert(&mut self, list: &mut List, area: Area) -> Result<u32, InsertRefusal> {
        let mut after = None;
        let others = list.iter(&self.records);
        for (index, other) in others.map_while(|index| Some((index, self.peek(index)?))) {
            if other.run.start >= area.run.end() {
                break;
            }
            if other.run.end() > area.run.start {
                return Err(InsertRefusal::Taken);
            }
            after = Some(index);
        }
        if list.len() >= SPACE_AREAS {
            return Err(InsertRefusal::Full);
        }
        let index = self
            .vacant
            .take(&mut self.records)
            .ok_or(InsertRefusal::Full)?;
        self.records.put(index, area);
        self.tables = self.tables.saturating_add(area.run.tables());
        list.insert(&mut self.records, after, index);
        Ok(index)
    }

    /// Shows nothing more in an area.
    pub fn leave(&mut self, index: u32) {
        if let Some(area) = self.records.edit(index) {
            area.is_leaving = true;
        }
    }

    /// Takes an area out of its address space's list.
    ///
    /// Nothing is mapped in it any more, and it stands in no other list.
    pub fn remove(&mut self, list: &mut List, index: u32) {
        list.remove(&mut self.records, index);
        let tables = self.get(index).run.tables();
        self.tables = self.tables.saturating_sub(tables);
        self.records.put(index, Area::default());
        self.vacant.give_back(&mut self.records, index);
    }

    /// How many areas there are in all.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.records.len().saturating_sub(self.vacant.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(start: u32, pages: u32) -> Area {
        Area::new(Run { start, pages }, 0, 0, Access::Read)
    }

    #[test]
    fn areas_are_kept_by_address_and_never_overlap() {
        let mut records = [Area::default(); 8];
        let mut areas = Areas::new(&mut records);
        let mut list = List::default();
        let middle = areas.insert(&mut list, area(10, 5)).unwrap();
        areas.insert(&mut list, area(20, 5)).unwrap();
        areas.insert(&mut list, area(5, 5)).unwrap();
        for (start, pages) in [(9, 1), (14, 1), (14, 7), (0, 100), (24, 1)] {
            assert_eq!(
                areas.insert(&mut list, area(start, pages)),
                Err(InsertRefusal::Taken),
                "{start} {pages}"
            );
        }
        let starts: Vec<_> = areas.iter(list).map(|(_, area)| area.run.start).collect();
        assert_eq!(starts, [5, 10, 20]);
        assert_eq!(areas.find(list, 12), Some(middle));
        assert!(areas.find(list, 15).is_none());
        areas.remove(&mut list, middle);
        assert!(areas.find(list, 12).is_none());
        assert_eq!(areas.count(), 2);
    }

    #[test]
    fn the_lowest_gap_that_is_large_enough_is_found() {
        let mut records = [Area::default(); 8];
        let mut areas = Areas::new(&mut records);
        let mut list = List::default();
        let within = Run {
            start: 10,
            pages: 40,
        };
        for (start, pages) in [(2, 3), (12, 4), (20, 10)] {
            areas.insert(&mut list, area(start, pages)).unwrap();
        }
        let fit = |pages| areas.first_fit(list, pages, 1, within).map(|run| run.start);
        let aligned = |pages| areas.first_fit(list, pages, 8, within).map(|run| run.start);
        assert_eq!([4, 8, 16].map(aligned), [Some(16), Some(32), Some(32)]);
        assert_eq!(fit(2), Some(10));
        assert_eq!(fit(3), Some(16));
        assert_eq!(fit(5), Some(30));
        assert_eq!(fit(20), Some(30));
        assert_eq!(fit(21), None);
        assert_eq!(fit(u32::MAX), None);
    }
}
