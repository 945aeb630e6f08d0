//! Memory objects: so many pages of something, with a group that pays.
//!
//! An object is not what is mapped but what the pages belong to: it remembers its payer whatever happens to the task
//! that made it. Areas name objects and offsets, frames name objects and places; handles (`region`) name objects too,
//! and as many of them as like may name the same one.
//!
//! # Invariants
//!
//! - An object's frames and its reservation are charged to its payer, once, however often it is shown.
//! - An anonymous object lives while it has a holder. Whoever shows it in an area holds it.
//! - A ghost is charged as its object's record to its payer, until the last of its frames has gone.
//! - An object that was revoked has no frame, is charged to nobody and shows nothing: its record only stays until the
//!   last holder has let go.
//! - Every object that can outlive the task that made it is found by its payer, so that killing a group never walks
//!   over the objects of others.

use interfaces::GroupId;
use interfaces::memory::LARGE_PAGES;
use interfaces::provision::ProgramId;

use crate::area::ShowingList;
use crate::index::{Index, Keyed};
use crate::table::{Link, Links, List, Table, Vacancies, linked};

/// The object that is the archive, always there: its pages are the archive's frames, charged to nobody.
pub const ARCHIVE: u32 = 0;
/// The most areas that may show an object that was cloned or is a clone: all are looked through when a page is copied.
pub const COPY_AREAS: u32 = 16;

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
    /// Nothing any more: what is left of an object are frames that others borrowed.
    Ghost,
    /// A program's writable pages and its stack, by their page numbers in the address space: what the archive has
    /// for a page, and zeros.
    Program {
        /// The program.
        program: ProgramId,
    },
}

/// An object.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says one thing that can be so or not whatever the others say"
)]
pub struct Object {
    /// What its pages are at first.
    pub kind: Kind,
    /// Who pays for its frames and its reservation.
    pub payer: GroupId,
    /// How many pages are reserved for it.
    pub commit: u32,
    /// How many pages it has; fewer than are reserved while it is being cut. A program's are numbered by their addresses.
    pub size: u32,
    /// Whether its memory comes in units of 2 MiB, each of which has a frame of that size (see `large`).
    pub is_large: bool,
    /// Its frames, in [`Owners`](crate::owner::Owners).
    pub frames: List,
    /// Frames that were its own and that only others show now; its payer still pays for them.
    pub left: List,
    /// What it borrows, in [`Borrows`](crate::borrow::Borrows).
    pub borrows: List,
    /// Whether it was cloned or is a clone: so many areas at most may show it as [`COPY_AREAS`].
    pub is_copied: bool,
    /// Whether more than one task could hold it at some time: a forked child holds it too, where it would get a clone of
    /// what its parent has alone.
    pub is_shared: bool,
    /// Whether it is a clone that somebody made of what another group pays for, or one of such a clone (see `lending`).
    pub is_stranger: bool,
    /// The object that is being cloned from this one.
    pub clone: Link,
    /// The object from which this one is being cloned.
    pub source: Link,
    /// The next frame and the next borrow of the source that this clone is to borrow.
    pub frame_cursor: Link,
    /// See above.
    pub borrow_cursor: Link,
    /// Whether it was a clone that was broken off before it was whole.
    pub is_broken: bool,
    /// Whether it may show something already of what it is to borrow in its turn.
    pub is_ahead: bool,
    /// Records for borrows that are set aside and charged, and not in use.
    pub owed: u32,
    /// The areas that show it.
    pub areas: ShowingList,
    /// The next area out of which its pages are taken, while it is being revoked.
    pub cursor: Link,
    /// Regions that are handles to it.
    pub holders: u32,
    /// Whether its payer is being killed or was: it shows nothing any more.
    pub is_revoked: bool,
    /// Whether it is charged to its payer; not once it has been revoked.
    pub is_charged: bool,
    /// Whether its record is charged besides its task's kit, because it will be a ghost: a program's only.
    pub has_ghost_paid: bool,
    links: Links,
    chain: Link,
    /// Its neighbours among the objects of the same payer.
    elder: Link,
    younger: Link,
}

linked!(Object, links);

impl Default for Object {
    fn default() -> Self {
        Self {
            kind: Kind::Vacant,
            payer: GroupId::ROOT,
            commit: 0,
            size: 0,
            is_large: false,
            frames: List::default(),
            left: List::default(),
            borrows: List::default(),
            is_copied: false,
            is_shared: false,
            is_stranger: false,
            clone: Link::NONE,
            source: Link::NONE,
            frame_cursor: Link::NONE,
            borrow_cursor: Link::NONE,
            is_broken: false,
            is_ahead: false,
            owed: 0,
            areas: ShowingList::default(),
            cursor: Link::NONE,
            holders: 0,
            is_revoked: false,
            is_charged: false,
            has_ghost_paid: false,
            links: Links::default(),
            chain: Link::NONE,
            elder: Link::NONE,
            younger: Link::NONE,
        }
    }
}

impl Object {
    /// How many pages its own frames have.
    #[must_use]
    pub const fn own_pages(&self) -> u32 {
        let pages = if self.is_large { LARGE_PAGES } else { 1 };
        self.frames.len().saturating_mul(pages)
    }

    /// How many pages have a frame that it shows.
    #[must_use]
    pub const fn resident(&self) -> u32 {
        self.own_pages().saturating_add(self.borrows.len())
    }
}

impl Keyed for Object {
    fn key(&self) -> u64 {
        key(self.payer)
    }

    fn chain(&self) -> Link {
        self.chain
    }

    fn chain_mut(&mut self) -> &mut Link {
        &mut self.chain
    }
}

fn key(payer: GroupId) -> u64 {
    (u64::from(payer.generation) << 32) | u64::from(payer.index)
}

/// All objects.
#[derive(Debug)]
pub struct Objects<'a> {
    records: Table<'a, Object>,
    vacant: Vacancies,
    /// The eldest object of each payer.
    payers: Index<'a>,
    /// Pages that are reserved, of all.
    committed: u64,
}

impl<'a> Objects<'a> {
    /// Only the archive.
    #[must_use]
    pub fn new(records: &'a mut [Object], payers: Index<'a>) -> Self {
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
            payers,
            committed: 0,
        }
    }

    /// Pages that are reserved, of all objects.
    #[must_use]
    pub const fn committed(&self) -> u64 {
        self.committed
    }

    /// Changes how many pages are reserved for an object.
    pub fn set_commit(&mut self, index: u32, commit: u32) {
        if let Some(object) = self.records.edit(index) {
            self.committed = self
                .committed
                .saturating_sub(u64::from(object.commit))
                .saturating_add(u64::from(commit));
            object.commit = commit;
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
                size: if kind == Kind::Anonymous {
                    commit
                } else {
                    u32::MAX
                },
                is_charged: true,
                ..Object::default()
            },
        );
        self.committed = self.committed.saturating_add(u64::from(commit));
        if kind == Kind::Anonymous {
            self.enlist(index);
        }
        Some(index)
    }

    /// Removes an object that has no frame any more. If others still show frames that were its own, it stays as a ghost
    /// until they are gone; returns whether it is gone.
    pub fn remove(&mut self, index: u32) -> bool {
        self.set_commit(index, 0);
        let object = self.get(index);
        let is_listed = object.kind == Kind::Anonymous && object.is_charged;
        if !object.left.is_empty() {
            if !is_listed {
                self.enlist(index);
            }
            self.change(Link::to(index), |object| {
                object.kind = Kind::Ghost;
                object.holders = 0;
            });
            return false;
        }
        if is_listed || object.kind == Kind::Ghost {
            self.strike(index);
        }
        self.records.put(index, Object::default());
        self.vacant.give_back(&mut self.records, index);
        true
    }

    /// The object shows nothing more, because its payer is being killed. Returns whether it did until now.
    pub fn revoke(&mut self, index: u32) -> bool {
        let Some(object) = self.records.edit(index) else {
            return false;
        };
        let is_new = !object.is_revoked;
        object.is_revoked = true;
        is_new
    }

    /// Nobody pays for the object any more, which was revoked and has no frame.
    pub fn discharge(&mut self, index: u32) {
        self.strike(index);
        self.set_commit(index, 0);
        if let Some(object) = self.records.edit(index) {
            object.is_charged = false;
        }
    }

    /// Another group pays for the object, which was not revoked.
    pub fn change_payer(&mut self, index: u32, payer: GroupId) {
        self.strike(index);
        if let Some(object) = self.records.edit(index) {
            object.payer = payer;
        }
        self.enlist(index);
    }

    /// The eldest object for which a group pays, among those that can outlive their makers.
    #[must_use]
    pub fn of_payer(&self, payer: GroupId) -> Option<u32> {
        self.payers.find(&self.records, key(payer))
    }

    /// The object; a vacant one if there is none.
    #[must_use]
    pub fn get(&self, index: u32) -> Object {
        self.records.get(index)
    }

    /// The object, without a copy.
    #[must_use]
    pub fn peek(&self, index: u32) -> Option<&Object> {
        self.records.peek(index)
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

    /// No place from this one on was ever used.
    #[must_use]
    pub const fn used(&self) -> u32 {
        self.vacant.never_used_from()
    }

    /// Every object that is not vacant.
    pub fn iter(&self) -> impl Iterator<Item = (u32, Object)> + '_ {
        (0..self.records.len())
            .map(|index| (index, self.get(index)))
            .filter(|(_, object)| object.kind != Kind::Vacant)
    }

    /// Puts the object behind its payer's eldest one, or makes it that.
    fn enlist(&mut self, index: u32) {
        let payer = self.get(index).payer;
        let Some(eldest) = self.of_payer(payer) else {
            self.payers.insert(&mut self.records, index);
            return;
        };
        let next = self.get(eldest).younger;
        self.change(Link::to(index), |object| {
            object.elder = Link::to(eldest);
            object.younger = next;
        });
        self.change(next, |object| object.elder = Link::to(index));
        self.change(Link::to(eldest), |object| object.younger = Link::to(index));
    }

    /// The reverse of [`Objects::enlist`].
    fn strike(&mut self, index: u32) {
        let Object { elder, younger, .. } = self.get(index);
        if elder == Link::NONE {
            self.payers.remove(&mut self.records, index);
        }
        self.change(elder, |object| object.younger = younger);
        self.change(younger, |object| object.elder = elder);
        if let (Link::NONE, Some(next)) = (elder, younger.index()) {
            self.payers.insert(&mut self.records, next);
        }
        self.change(Link::to(index), |object| {
            object.elder = Link::NONE;
            object.younger = Link::NONE;
        });
    }

    fn change(&mut self, link: Link, change: impl FnOnce(&mut Object)) {
        if let Some(object) = link.index().and_then(|index| self.records.edit(index)) {
            change(object);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn group(index: u32) -> GroupId {
        GroupId {
            index,
            generation: 3,
        }
    }

    #[test]
    fn every_object_is_found_by_its_payer_until_it_is_gone() {
        let mut records = [Object::default(); 12];
        let mut heads = [Link::NONE; 2];
        let mut objects = Objects::new(&mut records, Index::new(&mut heads, 9));
        let made: Vec<_> = (0..9)
            .map(|number| {
                objects
                    .create(Kind::Anonymous, group(number % 3), 1)
                    .unwrap()
            })
            .collect();
        objects.change_payer(made[4], group(2));
        assert!(objects.revoke(made[0]) && !objects.revoke(made[0]));
        objects.discharge(made[0]);
        let mut found = [0; 4];
        for payer in 0..4 {
            while let Some(object) = objects.of_payer(group(payer)) {
                assert_eq!(objects.get(object).payer, group(payer));
                objects.remove(object);
                found[payer as usize] += 1;
            }
        }
        assert_eq!(found, [2, 2, 4, 0]);
        objects.remove(made[0]);
        assert_eq!(objects.iter().count(), 1, "the archive is left");
    }
}
