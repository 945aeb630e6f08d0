//! The entries: which task has been given which rights on which group.
//!
//! Whoever opened a group has an entry of its own, which stands in the group's slot; every other stands here, in two
//! lists: its group's and its task's. It is gone when either of them is.
//!
//! # Why an entry is a part of the group's record
//!
//! It is paid for like the group's limits and its label: by the groups above. Were it charged to the group of the
//! giver, that group would have to live on, or be killed, for the sake of entries on groups elsewhere, and taking
//! one away could make groups vanish in a chain. So the cost is bounded instead: a group has at most
//! [`ENTRIES_PER_GROUP`] entries.
//!
//! # Why taking rights back does not follow them
//!
//! What was handed on by somebody who then loses its own rights stays until somebody above takes it back, or whoever
//! handed it on does: each request has a bounded cost. `list_rights` shows all of them to who is above.

use interfaces::limits::{
    ENTRIES_PER_GROUP, GrantRefusal, Holding, Holdings, RevokeRefusal, Rights,
};
use interfaces::{GroupId, TaskId};

use crate::access::Viewer;
use crate::bounds::Place;
use crate::group::GroupSlot;
use crate::ledger::Ledger;
use crate::list::{self, Links, NONE, at, at_mut};

/// How many entries a ledger has room for, in all groups.
pub const ENTRIES: usize = 4096;

/// Room for one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntrySlot {
    /// The group, or [`NONE`] if the place is free.
    pub(crate) group: u32,
    next_free: u32,
    /// Who holds it.
    pub(crate) task: u32,
    /// What it gives.
    pub(crate) rights: Rights,
    /// Who handed it on.
    pub(crate) giver: TaskId,
    /// Its neighbours among the entries of its group.
    pub(crate) of_group: Links,
    /// Its neighbours among the entries of its task.
    pub(crate) of_task: Links,
}

/// What an entry costs.
pub const ENTRY_BYTES: u64 = size_of::<EntrySlot>() as u64;

impl EntrySlot {
    /// Room for an entry, empty.
    pub const VACANT: Self = Self {
        group: NONE,
        next_free: NONE,
        task: NONE,
        rights: Rights::NONE,
        giver: TaskId {
            index: 0,
            generation: 0,
        },
        of_group: Links::LOOSE,
        of_task: Links::LOOSE,
    };
}

impl Place for EntrySlot {
    fn links(&mut self) -> (&mut u32, &mut u32) {
        (&mut self.group, &mut self.next_free)
    }
    fn clear(&mut self) {
        *self = Self::VACANT;
    }
    fn next_free(&self) -> u32 {
        self.next_free
    }
}

impl Ledger<'_> {
    /// What a task's entries give it on a group: those on the group itself and those on the groups above.
    ///
    /// A walk to the root, for who has entries; nothing for anybody else.
    pub(crate) fn entry_rights(&self, task: u32, group: u32) -> Rights {
        let Some(holder) = at(self.tasks, task) else {
            return Rights::NONE;
        };
        if holder.first_opened == NONE && holder.first_entry == NONE {
            return Rights::NONE;
        }
        let mut rights = Rights::NONE;
        let mut here = group;
        while let Some(slot) = self.slot(here) {
            if slot.opener == task {
                rights = rights.union(slot.opener_rights);
            }
            if slot.first_entry != NONE && holder.first_entry != NONE {
                let held = self.entries_of(slot).filter(|entry| entry.task == task);
                rights = held.fold(rights, |sum, entry| sum.union(entry.rights));
            }
            here = slot.parent;
        }
        rights
    }

    fn entries_of(&self, slot: &GroupSlot) -> impl Iterator<Item = &EntrySlot> + '_ {
        let next = |entry: &&EntrySlot| self.entries.get(entry.of_group.next);
        core::iter::successors(self.entries.get(slot.first_entry), next).take(ENTRIES_PER_GROUP)
    }

    /// Hands rights on a group to a task, in the name of somebody who has them to hand on and may see the receiver.
    pub fn grant(
        &mut self,
        group: GroupId,
        giver: TaskId,
        task: TaskId,
        rights: Rights,
    ) -> Result<(), GrantRefusal> {
        let index = self.locate(group).ok_or(GrantRefusal::UnknownGroup)?;
        let holder = self.born(task).ok_or(GrantRefusal::UnknownTask)?;
        if rights.is_none() {
            return Ok(());
        }
        if let Some(place) = self.find_entry(index, holder, giver) {
            if let Some(entry) = self.entries.get_mut(place) {
                entry.rights = entry.rights.union(rights);
            }
            return Ok(());
        }
        let kept = self.slot(index).map_or(0, |slot| slot.entries);
        if usize::from(kept) >= ENTRIES_PER_GROUP {
            return Err(GrantRefusal::TooMany);
        }
        if !self.entries.has_room() {
            return Err(GrantRefusal::LedgerFull);
        }
        self.charge_record(index, ENTRY_BYTES)?;
        self.enter_rights(index, holder, giver, rights);
        Ok(())
    }

    /// Writes a new entry, which is paid for.
    fn enter_rights(&mut self, group: u32, task: u32, giver: TaskId, rights: Rights) {
        let place = self.entries.take(group);
        if let Some(entry) = self.entries.get_mut(place) {
            (entry.task, entry.giver, entry.rights) = (task, giver, rights);
        }
        if let Some(slot) = at_mut(self.groups, group) {
            slot.entries = slot.entries.wrapping_add(1);
            slot.first_entry = list::append(self.entries.slots, slot.first_entry, place, |entry| {
                &mut entry.of_group
            });
        }
        if let Some(holder) = at_mut(self.tasks, task) {
            holder.first_entry =
                list::append(self.entries.slots, holder.first_entry, place, |entry| {
                    &mut entry.of_task
                });
        }
    }

    /// The entry that a giver handed to a task.
    fn find_entry(&self, group: u32, task: u32, giver: TaskId) -> Option<u32> {
        let mut place = self.slot(group)?.first_entry;
        while let Some(entry) = self.entries.get(place) {
            if entry.task == task && entry.giver == giver {
                return Some(place);
            }
            place = entry.of_group.next;
        }
        None
    }

    /// Takes rights on a group back from a task: from all its entries there, or only from those that `giver` handed
    /// on.
    pub fn revoke(
        &mut self,
        group: GroupId,
        task: TaskId,
        rights: Rights,
        giver: Option<TaskId>,
    ) -> Result<(), RevokeRefusal> {
        let index = self.locate(group).ok_or(RevokeRefusal::UnknownGroup)?;
        let holder = self.born(task).ok_or(RevokeRefusal::NotYours)?;
        let mut found = false;
        if giver.is_none()
            && let Some(slot) = at_mut(self.groups, index)
            && slot.opener == holder
        {
            slot.opener_rights = slot.opener_rights.without(rights);
            found = true;
        }
        let mut place = self.slot(index).map_or(NONE, |slot| slot.first_entry);
        while let Some(entry) = self.entries.get_mut(place) {
            let this = place;
            place = entry.of_group.next;
            if entry.task == holder && giver.is_none_or(|giver| giver == entry.giver) {
                found = true;
                entry.rights = entry.rights.without(rights);
                if entry.rights.is_none() {
                    self.drop_entry(this);
                }
            }
        }
        self.recheck_watches(task);
        found.then_some(()).ok_or(RevokeRefusal::NotYours)
    }

    /// Takes an entry away, and gives back what it cost.
    pub(crate) fn drop_entry(&mut self, place: u32) {
        if let Some(entry) = self.entries.get(place) {
            let group = entry.group;
            self.unlink_entry(place);
            self.release_record(group, ENTRY_BYTES);
        }
    }

    /// Takes an entry out of its lists and frees its place.
    fn unlink_entry(&mut self, place: u32) {
        let Some(entry) = self.entries.get(place) else {
            return;
        };
        let (group, task) = (entry.group, entry.task);
        if let Some(slot) = at_mut(self.groups, group) {
            slot.entries = slot.entries.wrapping_sub(1);
            slot.first_entry = list::remove(self.entries.slots, slot.first_entry, place, |entry| {
                &mut entry.of_group
            });
        }
        if let Some(holder) = at_mut(self.tasks, task) {
            holder.first_entry =
                list::remove(self.entries.slots, holder.first_entry, place, |entry| {
                    &mut entry.of_task
                });
        }
        self.entries.give_back(place);
    }

    /// Takes all entries of a group that vanishes away; its record is given back by the caller.
    #[inline]
    pub(crate) fn drop_entries_of_group(&mut self, group: u32) {
        while let Some(slot) = self.slot(group)
            && slot.first_entry != NONE
        {
            self.unlink_entry(slot.first_entry);
        }
    }

    /// The entries of a group, that of the task that opened it first: all of them for who is above, for others as far
    /// as they may see who holds them.
    #[must_use]
    pub fn holdings(&self, viewer: Viewer, group: GroupId) -> Option<Holdings> {
        let index = self.locate(group)?;
        let slot = self.slot(index)?;
        // Who is above takes rights back, wherever those who hold them have gone since.
        let above = self.is_strictly_below(index, viewer.home.index);
        let mut holdings = Holdings::new();
        let mut add = |task: u32, rights: Rights, giver: Option<TaskId>| {
            let task = self.task_id(task);
            let seen = |&task: &TaskId| above || self.may_see_task(viewer, task);
            if seen(&task) && !rights.is_none() {
                let giver = giver.filter(seen);
                // There are as many places as a group can have entries.
                let _ = holdings.push(Holding {
                    task,
                    rights,
                    giver,
                });
            }
        };
        if slot.opener != NONE {
            add(slot.opener, slot.opener_rights, None);
        }
        for entry in self.entries_of(slot) {
            add(entry.task, entry.rights, Some(entry.giver));
        }
        Some(holdings)
    }
}
