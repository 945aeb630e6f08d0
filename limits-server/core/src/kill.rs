//! Killing a group: closed to charges first, then emptied in slices, then a receipt.
//!
//! The ledger ends no task itself. It closes the group, names one victim after the other while the proc-server ends
//! them, and at the end says what was held and what came back. A victim is a task in the subtree, and also one that
//! has moved out of it while the subtree still pays for what it is made of.
//!
//! Naming victims is a walk over the subtree, and a closed subtree gets no new tasks: so the walk goes on where it
//! was, each kill's own, and all calls of one kill together pass every group once. One call takes at most [`STEPS`]
//! steps: a subtree of thousands of empty groups keeps nobody else waiting for all of them.

use interfaces::accounting::{KillRefusal, Receipt};
use interfaces::limits::Cause;
use interfaces::{Amounts, GroupId, TaskId};

use crate::group::GroupSlot;
use crate::ledger::Ledger;
use crate::list::{NONE, at};
use crate::needs::Operation;
use crate::news::News;

/// How many kills can be under way at once.
pub const KILLS: usize = 32;
/// How many groups one request passes in search of a victim: some thousands of instructions.
pub const STEPS: u32 = 256;

/// A kill that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kill {
    /// The group, or [`NONE`].
    group: u32,
    /// What it held when it was closed.
    held: Amounts,
    /// Who asked for it; nobody for the system itself.
    by: Option<TaskId>,
    /// The first group that may still have a victim; [`NONE`] if none has.
    next: u32,
}

const NO_KILL: Kill = Kill {
    group: NONE,
    held: Amounts::NONE,
    by: None,
    next: NONE,
};

/// The kills under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kills {
    all: [Kill; KILLS],
    under_way: u32,
}

impl Kills {
    pub const NONE: Self = Self {
        all: [NO_KILL; KILLS],
        under_way: 0,
    };

    #[inline]
    pub const fn none_under_way(&self) -> bool {
        self.under_way == 0
    }

    /// Who asked for the kill of this very group.
    pub fn asker(&self, group: u32) -> Option<TaskId> {
        let kill = self.all.iter().find(|kill| kill.group == group)?;
        kill.by
    }

    fn find(&mut self, group: u32) -> Option<&mut Kill> {
        self.all.iter_mut().find(|kill| kill.group == group)
    }

    /// A group vanishes: no walk for victims must stand on it.
    #[inline]
    pub fn pass_over(&mut self, groups: &[GroupSlot], group: u32) {
        if self.none_under_way() {
            return;
        }
        for kill in self.all.iter_mut().filter(|kill| kill.next == group) {
            kill.next = after_subtree(groups, kill.group, group);
        }
    }

    #[cfg(any(test, feature = "check"))]
    pub fn groups(&self) -> impl Iterator<Item = u32> + '_ {
        self.all
            .iter()
            .map(|kill| kill.group)
            .filter(|&group| group != NONE)
    }

    #[cfg(any(test, feature = "check"))]
    pub const fn count(&self) -> u32 {
        self.under_way
    }

    /// Where the walks stand: the top and the next group of each.
    #[cfg(any(test, feature = "check"))]
    pub fn walks(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let kills = self.all.iter().filter(|kill| kill.group != NONE);
        kills.map(|kill| (kill.group, kill.next))
    }
}

/// The group after `here` in the subtree of `top`, groups above before groups below; [`NONE`] after the last.
pub(crate) fn after(groups: &[GroupSlot], top: u32, here: u32) -> u32 {
    match at(groups, here) {
        Some(slot) if slot.first_child != NONE => slot.first_child,
        _ => after_subtree(groups, top, here),
    }
}

/// The first group after all those below `here`.
pub(crate) fn after_subtree(groups: &[GroupSlot], top: u32, here: u32) -> u32 {
    let mut here = here;
    while here != top
        && let Some(slot) = at(groups, here)
    {
        if slot.siblings.next != NONE {
            return slot.siblings.next;
        }
        here = slot.parent;
    }
    NONE
}

impl Ledger<'_> {
    /// Closes a group and all below it to charges. A task must have the right to; nobody stands for the system itself.
    pub fn begin_kill(&mut self, group: GroupId, by: Option<TaskId>) -> Result<(), KillRefusal> {
        let index = self.locate(group).ok_or(KillRefusal::UnknownGroup)?;
        if let Some(task) = by {
            let viewer = self.viewer(task, false).ok_or(KillRefusal::UnknownGroup)?;
            self.may(viewer, group, Operation::Kill)?;
        }
        let slot = self.slot(index).ok_or(KillRefusal::UnknownGroup)?;
        if slot.gate.is_killing() {
            return Err(KillRefusal::AlreadyKilling);
        }
        if self.kills.find(NONE).is_none() {
            return Err(KillRefusal::TooManyKills);
        }
        // What is set aside is nothing that anybody holds.
        self.drop_guarantees_within(index);
        let slot = self.slot(index).ok_or(KillRefusal::UnknownGroup)?;
        let held = slot.beyond_records().unwrap_or_default();
        let kill = self.kills.find(NONE).ok_or(KillRefusal::TooManyKills)?;
        *kill = Kill {
            group: index,
            held,
            by,
            next: index,
        };
        self.kills.under_way = self.kills.under_way.wrapping_add(1);
        self.set_killing(index, true);
        self.tell(index, News::Killing { by });
        Ok(())
    }

    fn set_killing(&mut self, index: u32, killing: bool) {
        if let Some(gate) = self.gate_mut(index) {
            *gate = gate.with_killing(killing);
        }
    }

    /// Any task that still has to end before the kill can: the same one until it has ended.
    ///
    /// # Errors
    ///
    /// `More` if it has passed as many groups as one request may, and has not come to the end.
    pub fn next_victim(&mut self, group: GroupId) -> Result<Option<TaskId>, KillRefusal> {
        let index = self.killing(group)?;
        let walk = self.kills.find(index).ok_or(KillRefusal::NotKilling)?;
        let mut next = walk.next;
        let mut found = Err(KillRefusal::More);
        for _ in 0..STEPS {
            let Some(slot) = self.slot(next) else {
                found = Ok(None);
                break;
            };
            let paid = at(self.threads, slot.first_paid).map(|thread| thread.task);
            let victim = Some(slot.first_task).filter(|&task| task != NONE).or(paid);
            if let Some(victim) = victim {
                found = Ok(Some(self.task_id(victim)));
                break;
            }
            next = after(self.groups, index, next);
        }
        if let Some(walk) = self.kills.find(index) {
            walk.next = next;
        }
        found
    }

    /// Ends a kill: everything has come back, and the group admits charges again. If nothing keeps it, it vanishes.
    ///
    /// # Errors
    ///
    /// `NotEmpty` while anything is charged in the subtree but the groups themselves.
    pub fn finish_kill(&mut self, group: GroupId) -> Result<Receipt, KillRefusal> {
        let index = self.killing(group)?;
        let slot = self.slot(index).ok_or(KillRefusal::UnknownGroup)?;
        let left = slot.beyond_records().ok_or(KillRefusal::NotEmpty)?;
        if !left.is_none() {
            return Err(KillRefusal::NotEmpty);
        }
        self.end_kill(index, left)
    }

    /// Gives a kill up although something is left: the group admits charges again, as if nobody had wanted to kill it.
    /// Whoever watches it is told what did not come back. Gives the receipt, whose two sides differ.
    pub fn abandon_kill(&mut self, group: GroupId) -> Result<Receipt, KillRefusal> {
        let index = self.killing(group)?;
        let left = self.slot(index).and_then(GroupSlot::beyond_records);
        self.end_kill(index, left.unwrap_or_default())
    }

    /// The group is not being killed any more; so much was left.
    fn end_kill(&mut self, index: u32, left: Amounts) -> Result<Receipt, KillRefusal> {
        let kill = self.kills.find(index).ok_or(KillRefusal::NotKilling)?;
        let Kill { held, by, .. } = *kill;
        *kill = NO_KILL;
        self.kills.under_way = self.kills.under_way.wrapping_sub(1);
        self.set_killing(index, false);
        let returned = held.checked_sub(&left).unwrap_or_default();
        self.tell(index, News::Killed { held, returned });
        self.settle_because(index, Cause::Killed { by });
        Ok(Receipt { held, returned })
    }

    /// Why a group vanishes that is in a subtree that is being killed.
    pub(crate) fn killed_above(&self, index: u32) -> Option<Cause> {
        if self.kills.none_under_way() {
            return None;
        }
        let mut here = index;
        while let Some(slot) = self.slot(here) {
            if slot.gate.is_killing() {
                let by = self.kills.asker(here);
                return Some(Cause::Killed { by });
            }
            here = slot.parent;
        }
        None
    }

    fn killing(&self, group: GroupId) -> Result<u32, KillRefusal> {
        let index = self.locate(group).ok_or(KillRefusal::UnknownGroup)?;
        match self.slot(index) {
            Some(slot) if slot.gate.is_killing() => Ok(index),
            _ => Err(KillRefusal::NotKilling),
        }
    }

    /// The group after another in the subtree of `top`, groups above before groups below; `top` itself is first.
    ///
    /// Nothing if one of them is not there; `Some(None)` after the last.
    #[must_use]
    pub fn next_group(
        &self,
        top: GroupId,
        after_group: Option<GroupId>,
    ) -> Option<Option<GroupId>> {
        let top = self.locate(top)?;
        let next = match after_group {
            None => top,
            Some(group) => {
                let here = self
                    .locate(group)
                    .filter(|&here| self.is_within(here, top))?;
                after(self.groups, top, here)
            }
        };
        Some((next != NONE).then(|| self.id(next)))
    }
}
