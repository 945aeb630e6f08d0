//! Who may see and change which group.
//!
//! What a task may do to a group is the union of four things: everything, if it is in a group strictly above;
//! what a member may do to its own group; what its entries give it there or above ([`crate::entries`]), among them
//! that of whoever opened the group (devlimit's `clone` puts the opener inside); and, if it may see the group at all,
//! what the group's mode gives to its uid and gid. An operator sees everything besides, and changes no more than
//! anybody else. Which operation needs which right stands in [`crate::needs`].
//!
//! A refusal shows a group's id, its limit and its usage only to who may see that group. Others are told how much was
//! left, since anybody may ask how much is left to it.

use interfaces::accounting::{FreezeRefusal, GuaranteeRefusal, KillRefusal, RightsRefusal};
use interfaces::limits::{
    AccountView, Effective, OpenGroupRefusal, OwnRefusal, RemoveRefusal, Rights, SetRefusal,
};
use interfaces::{Caller, GroupId, Shortage, TaskId};

use crate::ledger::Ledger;
use crate::list::{NONE, at};
use crate::needs::Operation;

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

/// Why something may not be done to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// It is not there, as far as the task can see.
    Unseen,
    /// It can see it, and lacks a right.
    Lacking,
}

/// Refusals about a group say in the same two ways that something is forbidden.
macro_rules! forbidden {
    ($($refusal:ident)+) => {
        $(impl From<Forbidden> for $refusal {
            fn from(forbidden: Forbidden) -> Self {
                match forbidden {
                    Forbidden::Unseen => Self::UnknownGroup,
                    Forbidden::Lacking => Self::NotYours,
                }
            }
        })+
    };
}

forbidden!(OpenGroupRefusal SetRefusal OwnRefusal RemoveRefusal);
forbidden!(KillRefusal FreezeRefusal GuaranteeRefusal RightsRefusal);

impl Ledger<'_> {
    /// Who asks, as a viewer; nothing if that is no task, or one that is gone.
    #[inline]
    #[must_use]
    pub fn viewer_of(&self, caller: Caller) -> Option<Viewer> {
        let index = caller.place();
        let slot = at(self.tasks, index).filter(|slot| caller.is(slot.tag))?;
        let generation = slot.generation;
        Some(Viewer {
            task: TaskId { index, generation },
            home: self.id(slot.group),
            operator: caller.is_operator(),
        })
    }

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

    /// Every right that the viewer has on a group, by whatever way; none if there is no such group.
    #[must_use]
    pub fn rights(&self, viewer: Viewer, group: GroupId) -> Rights {
        let Some(index) = self.locate(group) else {
            return Rights::NONE;
        };
        let mut rights = self.rights_to_hand_on(viewer, group);
        if index == viewer.home.index {
            rights = rights.union(Rights::MEMBER);
        }
        if viewer.operator {
            rights = rights.union(Rights::SEE);
        }
        if rights.contains(Rights::SEE) {
            rights = rights.union(self.mode_rights(viewer, index));
        }
        rights
    }

    /// The rights that the viewer has on a group by its place above or by entries: what it may hand on.
    #[must_use]
    pub fn rights_to_hand_on(&self, viewer: Viewer, group: GroupId) -> Rights {
        match self.locate(group) {
            None => Rights::NONE,
            Some(index) if self.is_strictly_below(index, viewer.home.index) => Rights::ALL,
            Some(index) => self.entry_rights(viewer.task.index, index),
        }
    }

    /// What a group's mode gives to the viewer's uid and gid.
    fn mode_rights(&self, viewer: Viewer, index: u32) -> Rights {
        let (Some(slot), Some(task)) = (self.slot(index), at(self.tasks, viewer.task.index)) else {
            return Rights::NONE;
        };
        // As everywhere: the first class that fits is the one that counts.
        let class = if task.uid == slot.uid {
            slot.mode >> 6
        } else if task.gid == slot.gid {
            slot.mode >> 3
        } else {
            slot.mode
        };
        Rights::of_mode(class & 7)
    }

    /// Whether the viewer may do something to a group.
    pub fn may(
        &self,
        viewer: Viewer,
        group: GroupId,
        operation: Operation,
    ) -> Result<(), Forbidden> {
        let held = if operation.hands_on() {
            self.rights_to_hand_on(viewer, group)
        } else {
            self.rights(viewer, group)
        };
        self.allow(viewer, group, held, operation.needs())
    }

    /// Whether what a viewer has on a group is enough.
    fn allow(
        &self,
        viewer: Viewer,
        group: GroupId,
        held: Rights,
        needed: Rights,
    ) -> Result<(), Forbidden> {
        if held.contains(needed) && self.locate(group).is_some() {
            Ok(())
        } else if self.may_see(viewer, group) {
            Err(Forbidden::Lacking)
        } else {
            Err(Forbidden::Unseen)
        }
    }

    /// Whether a task has rights on a group.
    pub fn check_rights(
        &self,
        task: TaskId,
        group: GroupId,
        rights: Rights,
    ) -> Result<(), RightsRefusal> {
        let viewer = self
            .viewer(task, false)
            .ok_or(RightsRefusal::UnknownGroup)?;
        let held = self.rights(viewer, group);
        Ok(self.allow(viewer, group, held, rights)?)
    }

    /// Whether the viewer may read a group; false also if there is none.
    #[inline]
    #[must_use]
    pub fn may_see(&self, viewer: Viewer, group: GroupId) -> bool {
        group == viewer.home
            || self.locate(group).is_some_and(|index| {
                viewer.operator
                    || self.is_within(index, viewer.home.index)
                    || self
                        .entry_rights(viewer.task.index, index)
                        .contains(Rights::SEE)
            })
    }

    /// Whether the viewer may know that a task is there: it is itself, or in a group that the viewer may read.
    #[must_use]
    pub fn may_see_task(&self, viewer: Viewer, task: TaskId) -> bool {
        task == viewer.task
            || self
                .group_of(task)
                .is_some_and(|group| self.may_see(viewer, group))
    }

    /// Whether the viewer may go to a group: its own, or one below. No entry leads anybody up or aside.
    #[must_use]
    pub fn may_enter(&self, viewer: Viewer, group: GroupId) -> bool {
        self.locate(group)
            .is_some_and(|index| self.is_within(index, viewer.home.index))
    }

    pub(crate) fn is_strictly_below(&self, index: u32, top: u32) -> bool {
        index != top && self.is_within(index, top)
    }

    /// Whether a group is strictly below the one that a task is in.
    #[must_use]
    pub fn is_below(&self, group: GroupId, task: TaskId) -> Option<bool> {
        let index = self.locate(group)?;
        Some(
            self.home_of(task)
                .is_some_and(|home| self.is_strictly_below(index, home)),
        )
    }

    /// As much of a shortage as the viewer may see.
    #[must_use]
    pub fn shortage_for(&self, viewer: Viewer, shortage: Shortage) -> Shortage {
        cut(shortage, |group| self.may_see(viewer, group))
    }

    /// As much of a group's account as the viewer may see.
    #[inline]
    #[must_use]
    pub fn account_for(&self, viewer: Viewer, group: GroupId) -> Option<AccountView<'_>> {
        let account = self.account_view(group)?;
        Some(AccountView {
            parent: account.parent.filter(|&group| self.may_see(viewer, group)),
            ..account
        })
    }

    /// As much of what binds a group as the viewer may see.
    #[must_use]
    pub fn effective_for(&self, viewer: Viewer, effective: Effective) -> Effective {
        Effective {
            group: effective.group.filter(|&group| self.may_see(viewer, group)),
            ..effective
        }
    }

    /// As much of a shortage as somebody inside a group may see, and whoever waits for it: the numbers of a limit that was
    /// in the way stay, since a parent is told by them why its child ended.
    #[must_use]
    pub fn shortage_within(&self, home: GroupId, shortage: Shortage) -> Shortage {
        if shortage
            .group
            .is_some_and(|group| self.is_within(group.index, home.index))
        {
            return shortage;
        }
        Shortage {
            group: None,
            // What fits no number is the root's to refuse, and what the whole machine uses is nobody's business.
            used: if shortage.limit == u64::MAX {
                0
            } else {
                shortage.used
            },
            ..shortage
        }
    }

    /// Whether a group is another one or below it.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a few instructions, asked of every request"
    )]
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

/// A shortage as it is shown: of a group that is not seen, only how much was left.
///
/// What is left anybody can find out by asking for it; how much others use must not show, not even as a sum.
fn cut(shortage: Shortage, seen: impl FnOnce(GroupId) -> bool) -> Shortage {
    if shortage.group.is_some_and(seen) {
        return shortage;
    }
    let left = match shortage.limit {
        u64::MAX => u64::MAX,
        limit => limit.saturating_sub(shortage.used),
    };
    Shortage {
        group: None,
        limit: left,
        used: 0,
        ..shortage
    }
}
