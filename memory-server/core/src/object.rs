//! Memory objects: so many pages of something, with a group that pays.
//!
//! An object is not what is mapped but what the pages belong to: it remembers its payer whatever happens to the task
//! that made it. Today each object has one holder (a region or an address space); sharing, copy-on-write (an object
//! whose missing pages are found in another) and a change of payer are to be added here and nowhere else, because
//! areas name objects and offsets, and frames name objects and places.

use interfaces::GroupId;
use interfaces::provision::ProgramId;

use crate::table::{Links, List, Table, Vacancies, linked};

/// The object that is the archive, always there: its pages are the archive's frames, charged to nobody.
pub const ARCHIVE: u32 = 0;

/// What the pages of an object are before anybody writes to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// There is no such object.
    #[default]
    Vacant,
    /// The archive's pages themselves, shared and read-only.
    Archive,
    /// Zeros.
    Anonymous,
    /// A program's writable pages and its stack, by their page numbers in the address space: what the archive has
    /// for a page, and zeros.
    Program {
        /// The program.
        program: ProgramId,
    },
}

/// An object.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    /// What its pages are at first.
    pub kind: Kind,
    /// Who pays for its frames and its reservation.
    pub payer: GroupId,
    /// How many pages are reserved for it.
    pub commit: u32,
    /// Its frames, in [`Owners`](crate::owner::Owners).
    pub frames: List,
    links: Links,
}

linked!(Object, links);

impl Default for Object {
    fn default() -> Self {
        Self {
            kind: Kind::Vacant,
            payer: GroupId::ROOT,
            commit: 0,
            frames: List::default(),
            links: Links::default(),
        }
    }
}

/// All objects.
#[derive(Debug)]
pub struct Objects<'a> {
    records: Table<'a, Object>,
    vacant: Vacancies,
}

impl<'a> Objects<'a> {
    /// Only the archive.
    #[must_use]
    pub fn new(records: &'a mut [Object]) -> Self {
        let mut records = Table::new(records);
        records.put(
            ARCHIVE,
            Object {
                kind: Kind::Archive,
                ..Object::default()
            },
        );
        let count = records.len().saturating_sub(1);
        Self {
            records,
            vacant: Vacancies::new(1, count),
        }
    }

    /// Makes an object without a frame; nothing if there is no room.
    pub fn create(&mut self, kind: Kind, payer: GroupId, commit: u32) -> Option<u32> {
        let index = self.vacant.take(&mut self.records)?;
        self.records.put(
            index,
            Object {
                kind,
                payer,
                commit,
                ..Object::default()
            },
        );
        Some(index)
    }

    /// Removes an object that has no frame any more.
    pub fn remove(&mut self, index: u32) {
        self.records.put(index, Object::default());
        self.vacant.give_back(&mut self.records, index);
    }

    /// The object; a vacant one if there is none.
    #[must_use]
    pub fn get(&self, index: u32) -> Object {
        self.records.get(index)
    }

    /// The object, to change.
    pub fn edit(&mut self, index: u32) -> Option<&mut Object> {
        self.records.edit(index)
    }

    /// Whether another object has room.
    #[must_use]
    pub fn has_room(&self) -> bool {
        !self.vacant.is_empty()
    }

    /// Every object that is not vacant.
    pub fn iter(&self) -> impl Iterator<Item = (u32, Object)> + '_ {
        (0..self.records.len())
            .map(|index| (index, self.get(index)))
            .filter(|(_, object)| object.kind != Kind::Vacant)
    }
}
