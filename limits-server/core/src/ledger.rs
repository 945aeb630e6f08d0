//! The ledger: every group, every charge, every task's place. The only mutable thing of the limits-server.
//!
//! # Invariants (`Ledger::check` verifies all of them)
//!
//! - A group's usage is exactly: what other servers hold of it, what the tickets of threads it pays for hold, its
//!   tasks and threads, the records of the groups directly below, and the usage of those groups.
//! - A charge counts at every level or at none; only an admitted charge shows anywhere.
//! - A group lives while it has a task, pays for anything, has a group below, or whoever opened it holds on to it;
//!   then it vanishes, with what is left of a very long branch in the requests after that.
//! - A place's generation never comes again: an old id names no group for ever.
//!
//! # Never
//!
//! Allocates, recurses, or searches: what is not reached by an index is reached by a list of just what is wanted,
//! and the only walk is the one up the tree. Never trusts an id, an index or an amount that came from outside.
//!
//! # Why slices
//!
//! The memory is whatever the start page gives; a const generic would fix the number of groups at build time.
//!
//! What a kind of operation does stands in a module of its own: [`crate::charge`], [`crate::settings`],
//! [`crate::account`], [`crate::tasks`], [`crate::moving`], [`crate::vanishing`], [`crate::kill`], [`crate::freeze`], [`crate::access`].

use interfaces::limits::{Cause, CloseGroupRefusal, OpenGroupRefusal};
use interfaces::{GroupId, TaskId};

use crate::bounds::{Aside, BoundSlot, LabelSlot};
use crate::entries::{ENTRY_BYTES, EntrySlot};
use crate::events::Rings;
use crate::freeze::Frost;
use crate::ground::Footing;
use crate::group::{GROUP_BYTES, Gate, GroupSlot, Life, ROOT};
use crate::guarantee::Guarantees;
use crate::kill::Kills;
use crate::list::{self, NONE, at, at_mut};
use crate::news::News;
use crate::tasks::{TaskSlot, ThreadSlot};
use crate::tombs::{TombSlot, Tombs};

/// What went wrong elsewhere and was found out here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarms {
    /// Births that the kernel reported and no ticket had announced.
    pub births_without_ticket: u64,
    /// Releases of what was not held.
    pub bad_releases: u64,
}

/// The account of every group.
#[derive(Debug)]
pub struct Ledger<'a> {
    pub(crate) groups: &'a mut [GroupSlot],
    pub(crate) bounds: Aside<'a, BoundSlot>,
    pub(crate) labels: Aside<'a, LabelSlot>,
    pub(crate) tasks: &'a mut [TaskSlot],
    pub(crate) threads: &'a mut [ThreadSlot],
    pub(crate) entries: Aside<'a, EntrySlot>,
    pub(crate) tombs: Tombs<'a>,
    pub(crate) kills: Kills,
    pub(crate) rings: Rings<'a>,
    pub(crate) frost: Frost,
    pub(crate) alarms: Alarms,
    /// Receipts given out and not yet ended.
    pub(crate) receipts: u64,
    /// The first free place for a group.
    pub(crate) first_free: u32,
    /// Groups alive.
    pub(crate) alive: u32,
    /// What groups are guaranteed.
    pub(crate) guarantees: Guarantees,
    /// How the places become more.
    pub(crate) footing: Footing<'a>,
    /// The first group that is on its way out ([`crate::vanishing`]).
    pub(crate) first_leaving: u32,
}

/// The memory for a ledger: so much of everything can there be at once.
#[derive(Debug)]
pub struct Memory<'a> {
    /// For groups: one more than there can be, as place 0 stays empty.
    pub groups: &'a mut [GroupSlot],
    /// For limits.
    pub bounds: &'a mut [BoundSlot],
    /// For labels.
    pub labels: &'a mut [LabelSlot],
    /// For tasks, by the index of their ids.
    pub tasks: &'a mut [TaskSlot],
    /// For threads, by their places in the proc-server's table.
    pub threads: &'a mut [ThreadSlot],
    /// For entries of rights.
    pub entries: &'a mut [EntrySlot],
    /// For what is remembered of groups that have vanished.
    pub tombs: &'a mut [TombSlot],
}

impl<'a> Ledger<'a> {
    /// A ledger with nothing but the root group, in the given memory, whatever that held before.
    ///
    /// Nothing if there is no room for the root, or more of anything than an index of 30 bits can name.
    #[must_use]
    pub fn try_new(memory: Memory<'a>) -> Option<Self> {
        let Memory {
            groups,
            bounds,
            labels,
            tasks,
            threads,
            entries,
            tombs,
        } = memory;
        let longest = groups
            .len()
            .max(bounds.len())
            .max(labels.len())
            .max(tasks.len())
            .max(threads.len())
            .max(entries.len())
            .max(tombs.len());
        if longest >= 1 << 30 {
            return None;
        }
        tasks.fill(TaskSlot::VACANT);
        threads.fill(ThreadSlot::VACANT);
        labels.fill(LabelSlot::vacant());
        let mut ledger = Self {
            groups,
            bounds: Aside::new(bounds),
            labels: Aside::new(labels),
            tasks,
            threads,
            entries: Aside::new(entries),
            tombs: Tombs::new(tombs),
            kills: Kills::NONE,
            rings: Rings::new(),
            frost: Frost::NONE,
            alarms: Alarms::default(),
            receipts: 0,
            first_free: NONE,
            alive: 0,
            guarantees: Guarantees::NONE,
            footing: Footing::firm(0),
            first_leaving: NONE,
        };
        ledger.footing = Footing::firm(ledger.groups.len());
        ledger.found()?;
        Some(ledger)
    }

    /// Makes the root, and every other place free, the lowest first in line.
    fn found(&mut self) -> Option<()> {
        for slot in self.groups.iter_mut() {
            *slot = GroupSlot::VACANT;
        }
        for index in (0..NONE).take(self.groups.len()).rev() {
            if index > ROOT {
                self.push_free(index);
            }
        }
        let root = at_mut(self.groups, ROOT)?;
        root.life = Life::Live;
        root.permanent = true;
        self.alive = 1;
        Some(())
    }

    /// Opens a group below another, which the task that opens it holds on to; without a task it is the system's own,
    /// and permanent.
    ///
    /// Costs `parent` and all above one group and the kernel memory of its record.
    pub fn open_group(
        &mut self,
        parent: GroupId,
        opener: Option<TaskId>,
    ) -> Result<GroupId, OpenGroupRefusal> {
        let above = self.locate(parent).ok_or(OpenGroupRefusal::UnknownGroup)?;
        let opener = match opener {
            None => NONE,
            Some(task) => self.born(task).ok_or(OpenGroupRefusal::UnknownGroup)?,
        };
        let index = self.first_free;
        if index == NONE {
            let can_grow = self.can_grow();
            return Err(if can_grow {
                OpenGroupRefusal::NoRoomYet
            } else {
                OpenGroupRefusal::LedgerFull
            });
        }
        self.charge_records(above, 1, GROUP_BYTES)?;
        self.unlink_free(index);
        self.alive = self.alive.wrapping_add(1);
        let by = (opener != NONE).then(|| self.task_id(opener));
        let generation = self.settle_in(index, above, opener == NONE);
        self.hold_open(index, opener);
        self.tell(index, News::Opened { parent, by });
        Ok(GroupId { index, generation })
    }

    /// Makes a free place a group below `above`; gives its generation.
    fn settle_in(&mut self, index: u32, above: u32, permanent: bool) -> u32 {
        let (first, depth, band) = self.slot(above).map_or((NONE, 0, 0), |slot| {
            (slot.first_child, slot.depth, slot.band)
        });
        let mut generation = 0;
        if let Some(slot) = at_mut(self.groups, index) {
            generation = slot.generation;
            *slot = GroupSlot {
                parent: above,
                depth: depth.wrapping_add(1),
                band,
                generation,
                life: Life::Live,
                permanent,
                ..GroupSlot::VACANT
            };
        }
        let first = list::append(self.groups, first, index, |slot| &mut slot.siblings);
        if let Some(slot) = at_mut(self.groups, above) {
            slot.first_child = first;
            slot.children = slot.children.wrapping_add(1);
        }
        generation
    }

    /// Makes a task hold on to a group.
    fn hold_open(&mut self, index: u32, task: u32) {
        let Some(opener) = at_mut(self.tasks, task) else {
            return;
        };
        opener.first_opened = list::append(self.groups, opener.first_opened, index, |slot| {
            &mut slot.opened
        });
        let (uid, gid) = (opener.uid, opener.gid);
        if let Some(slot) = at_mut(self.groups, index) {
            slot.opener = task;
            (slot.uid, slot.gid) = (uid, gid);
        }
    }

    /// Lets go of a group for the task that opened it: if it is empty, it vanishes.
    ///
    /// # Errors
    ///
    /// `NotYours` if the task does not hold on to it.
    pub fn close_group(&mut self, group: GroupId, task: TaskId) -> Result<(), CloseGroupRefusal> {
        let index = self.locate(group).ok_or(CloseGroupRefusal::UnknownGroup)?;
        let opener = self.born(task).ok_or(CloseGroupRefusal::NotYours)?;
        if self.slot(index).is_none_or(|slot| slot.opener != opener) {
            return Err(CloseGroupRefusal::NotYours);
        }
        self.let_go(index);
        self.recheck_watches(task);
        Ok(())
    }

    /// Lets go of a group that a task holds on to.
    pub(crate) fn let_go(&mut self, index: u32) {
        let Some(slot) = at_mut(self.groups, index) else {
            return;
        };
        let opener = core::mem::replace(&mut slot.opener, NONE);
        if let Some(task) = at_mut(self.tasks, opener) {
            task.first_opened = list::remove(self.groups, task.first_opened, index, |slot| {
                &mut slot.opened
            });
        }
        self.settle_because(index, Cause::Closed);
    }

    /// Takes an empty group away. Its records are given back by the caller.
    pub(crate) fn vanish(&mut self, index: u32, above: u32, cause: Cause) {
        self.drop_guarantee(index);
        self.kills.pass_over(self.groups, index);
        self.bury(index, cause);
        self.drop_entries_of_group(index);
        self.melt(index);
        let Some(slot) = at(self.groups, index) else {
            return;
        };
        let (is_watched, is_walked) = (slot.first_watch != NONE, slot.walked);
        if slot.leaving {
            self.stay(index);
        }
        if is_watched {
            self.end_watches_of(index);
        }
        if is_walked {
            self.walk_past_group(index);
        }
        let Some(slot) = at(self.groups, index) else {
            return;
        };
        let (bounds, label) = (slot.gate.bounds(), slot.label);
        self.bounds.give_back(bounds);
        self.unchain_label(label);
        self.labels.give_back(label);
        let first = self.slot(above).map_or(NONE, |slot| slot.first_child);
        let first = list::remove(self.groups, first, index, |slot| &mut slot.siblings);
        if let Some(slot) = at_mut(self.groups, above) {
            slot.first_child = first;
            slot.children = slot.children.wrapping_sub(1);
        }
        self.alive = self.alive.wrapping_sub(1);
        self.free_place(index);
    }

    /// Makes a place free for another group, unless its generations are used up. What stands in it is written anew
    /// when it is taken again.
    fn free_place(&mut self, index: u32) {
        let Some(slot) = at_mut(self.groups, index) else {
            return;
        };
        slot.gate = Gate::OPEN;
        let Some(next) = slot.generation.checked_add(1) else {
            slot.life = Life::Retired;
            return;
        };
        slot.generation = next;
        slot.life = Life::Free;
        self.push_free(index);
    }

    /// What a group's records cost the groups above: its slot, its limits, its label.
    pub(crate) fn record_bytes(&self, index: u32) -> u64 {
        let Some(slot) = self.slot(index) else {
            return 0;
        };
        let mut bytes = GROUP_BYTES;
        if slot.gate.bounds() != NONE {
            bytes = bytes.wrapping_add(crate::bounds::BOUND_BYTES);
        }
        if slot.label != NONE {
            bytes = bytes.wrapping_add(crate::bounds::LABEL_BYTES);
        }
        bytes.wrapping_add(ENTRY_BYTES.wrapping_mul(u64::from(slot.entries)))
    }

    /// The place of a group, if the id names one that is alive.
    #[inline]
    pub(crate) fn locate(&self, group: GroupId) -> Option<u32> {
        let slot = at(self.groups, group.index)?;
        let alive = slot.generation == group.generation && slot.life == Life::Live;
        alive.then_some(group.index)
    }

    /// What stands in a place.
    #[inline]
    pub(crate) fn slot(&self, index: u32) -> Option<&GroupSlot> {
        at(self.groups, index)
    }

    /// The id of the group in a place.
    #[inline]
    pub(crate) fn id(&self, index: u32) -> GroupId {
        GroupId {
            index,
            generation: self.slot(index).map_or(0, |slot| slot.generation),
        }
    }

    /// How often a server got its own books wrong.
    #[must_use]
    pub const fn alarms(&self) -> Alarms {
        self.alarms
    }

    /// Groups alive, the root included.
    #[must_use]
    pub const fn groups_alive(&self) -> u32 {
        self.alive
    }

    /// Room for groups in all, the root's included.
    #[must_use]
    pub fn group_room(&self) -> u64 {
        (self.footing.most() as u64).saturating_sub(1)
    }

    /// The gate of a group, to be changed.
    pub(crate) fn gate_mut(&mut self, index: u32) -> Option<&mut Gate> {
        at_mut(self.groups, index).map(|slot| &mut slot.gate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_whose_generations_are_used_up_is_never_used_again() {
        let mut groups = [const { GroupSlot::VACANT }; 3];
        let mut ledger = Ledger::try_new(Memory {
            groups: &mut groups,
            bounds: &mut [],
            labels: &mut [],
            tasks: &mut [],
            threads: &mut [],
            entries: &mut [],
            tombs: &mut [],
        })
        .unwrap();
        ledger.groups[2].generation = u32::MAX;
        let last = ledger.open_group(GroupId::ROOT, None).unwrap();
        assert_eq!(last.generation, u32::MAX);
        ledger.groups[2].permanent = false;
        ledger.settle(2);
        ledger.check();
        assert_eq!(ledger.groups[2].life, Life::Retired);
        assert_eq!(ledger.locate(last), None);
        let full = Err(OpenGroupRefusal::LedgerFull);
        assert_eq!(ledger.open_group(GroupId::ROOT, None), full);
    }

    #[test]
    fn memory_without_room_for_the_root_is_refused() {
        let nothing = Memory {
            groups: &mut [GroupSlot::VACANT],
            bounds: &mut [],
            labels: &mut [],
            tasks: &mut [],
            threads: &mut [],
            entries: &mut [],
            tombs: &mut [],
        };
        assert!(Ledger::try_new(nothing).is_none());
    }
}
