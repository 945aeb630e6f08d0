//! Who may see and change which group.
//!
//! A task sees its own group and everything below it, and changes only what is strictly below: nobody inside a
//! group can change it, or anything above it, except that who opened a group sets its limits and label from inside
//! too, until it lets go of it (devlimit's `clone` puts the opener there). An operator sees everything, and changes no more than anybody else.
//! A refusal shows a group's id only to who may see that group; the numbers are shown in any case, since anybody may
//! ask how much is left to it.

use interfaces::limits::{Account, Effective};
use interfaces::{GroupId, Shortage, TaskId};

use crate::ledger::Ledger;
use crate::list::NONE;

/// Whose eyes something is seen with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The task.
    pub task: TaskId,
    /// The group it is in.
    pub home: GroupId,
    /// Whether it may see every group.
    pub operator: bool,
}

/// Why a group may not be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// It is not there, as far as the task can see.
    Unseen,
    /// It can see it, but is not above it.
    NotAbove,
}

impl Ledger<'_> {
    /// A born task as a viewer.
    #[inline]
    #[must_use]
    pub fn viewer(&self, task: TaskId, operator: bool) -> Option<Viewer> {
        self.group_of(task).map(|home| Viewer {
            task,
            home,
            operator,
        })
    }

    /// Whether the viewer may read a group; false also if there is none.
    #[inline]
    #[must_use]
    pub fn may_see(&self, viewer: Viewer, group: GroupId) -> bool {
        group == viewer.home
            || self
                .locate(group)
                .is_some_and(|index| viewer.operator || self.is_within(index, viewer.home.index))
    }

    /// Whether the viewer is strictly above a group, as it must be to change it.
    pub fn may_change(&self, viewer: Viewer, group: GroupId) -> Result<(), Forbidden> {
        if !self.may_see(viewer, group) {
            return Err(Forbidden::Unseen);
        }
        // An operator sees groups that it is not above.
        if group == viewer.home || !self.is_within(group.index, viewer.home.index) {
            return Err(Forbidden::NotAbove);
        }
        Ok(())
    }

    /// Whether a task opened a group and has not let go of it.
    #[must_use]
    pub fn holds_open(&self, task: TaskId, group: GroupId) -> bool {
        let opener = self.born(task);
        opener.is_some()
            && self
                .locate(group)
                .and_then(|index| self.slot(index))
                .map(|slot| slot.opener)
                == opener
    }

    /// Whether the viewer may open groups in a group: its own, or one below. An operator no more than anybody.
    #[must_use]
    pub fn may_open_in(&self, viewer: Viewer, group: GroupId) -> bool {
        self.locate(group)
            .is_some_and(|index| self.is_within(index, viewer.home.index))
    }

    /// Whether a group is strictly below the one that a task is in.
    #[must_use]
    pub fn is_below(&self, group: GroupId, task: TaskId) -> Option<bool> {
        let index = self.locate(group)?;
        Some(
            self.home_of(task)
                .is_some_and(|home| index != home && self.is_within(index, home)),
        )
    }

    /// As much of a shortage as the viewer may see.
    #[must_use]
    pub fn shortage_for(&self, viewer: Viewer, shortage: Shortage) -> Shortage {
        Shortage {
            group: shortage.group.filter(|&group| self.may_see(viewer, group)),
            ..shortage
        }
    }

    /// As much of an account as the viewer may see.
    #[must_use]
    pub fn account_for(&self, viewer: Viewer, account: Account) -> Account {
        Account {
            parent: account.parent.filter(|&group| self.may_see(viewer, group)),
            ..account
        }
    }

    /// As much of what binds a group as the viewer may see.
    #[must_use]
    pub fn effective_for(&self, viewer: Viewer, effective: Effective) -> Effective {
        Effective {
            group: effective.group.filter(|&group| self.may_see(viewer, group)),
            ..effective
        }
    }

    /// As much of a shortage as somebody inside a group may see.
    #[must_use]
    pub fn shortage_within(&self, home: GroupId, shortage: Shortage) -> Shortage {
        let seen = |group: &GroupId| self.is_within(group.index, home.index);
        Shortage {
            group: shortage.group.filter(seen),
            ..shortage
        }
    }

    /// Whether a group is another one or below it.
    #[inline]
    pub(crate) fn is_within(&self, index: u32, top: u32) -> bool {
        let (Some(slot), Some(above)) = (self.slot(index), self.slot(top)) else {
            return false;
        };
        let Some(levels) = slot.depth.checked_sub(above.depth) else {
            return false;
        };
        let mut here = index;
        for _ in 0..levels {
            here = self.slot(here).map_or(NONE, |slot| slot.parent);
        }
        here == top
    }

    /// Whether a group or one above it is being killed.
    pub(crate) fn is_closed(&self, index: u32) -> bool {
        if self.kills.none_under_way() {
            return false;
        }
        let mut here = index;
        while let Some(slot) = self.slot(here) {
            if slot.gate.is_killing() {
                return true;
            }
            here = slot.parent;
        }
        false
    }
}
