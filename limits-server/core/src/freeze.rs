//! Freezing a group: how often it is frozen, and a walk that brings its tasks' threads into line.
//!
//! A group is frozen as often as it was asked for, and goes on only when it was thawed as often. Whoever is in a group
//! that is frozen, or below one, is to stand **still**: what that means for threads is the proc-server's matter, which
//! asks for one task after another that is not as it should be, and is told of a newborn's state with its ticket.
//!
//! # Invariants
//!
//! - A task's mark says what the proc-server was told of it last. It is as it should be, or a walk will come to it.
//! - A task goes from one group to another only if its mark is as it should be in both: so nobody slips past a walk,
//!   out of a frozen subtree, or still out of a thawed one.
//!
//! # Why it ends
//!
//! A walk hands out only tasks whose mark is wrong, and none appears: newborns are marked right. So a fork bomb gives it
//! steps to take, of which one request takes [`STEPS`], but no work; and the bomb's tasks stop one after another.

use interfaces::accounting::{FreezeRefusal, Placed, Unsettled};
use interfaces::limits::Freeze;
use interfaces::{GroupId, TaskId};

use crate::group::GroupSlot;
use crate::kill::{after, after_subtree};
use crate::ledger::Ledger;
use crate::list::{NONE, at, at_mut};
use crate::needs::Operation;
use crate::news::News;
use crate::tasks::TaskSlot;

/// How many subtrees can be walked at once.
pub const WALKS: usize = 16;
/// How many steps, a task or a group each, one request takes: some thousands of instructions.
pub const STEPS: u32 = 128;

/// A walk over a subtree. Nobody's if there is no top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Walk {
    /// The top of the subtree, and its generation: another group in its place is another subtree.
    top: u32,
    generation: u32,
    /// The group that it has come to; [`NONE`] at the end.
    group: u32,
    /// The next task in there; [`NONE`] after the last.
    task: u32,
}

const NO_WALK: Walk = Walk {
    top: NONE,
    generation: 0,
    group: NONE,
    task: NONE,
};

/// What is frozen, and the walks under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frost {
    /// Groups that are frozen at least once themselves.
    pub groups: u32,
    walks: [Walk; WALKS],
    under_way: u32,
}

impl Frost {
    pub const NONE: Self = Self {
        groups: 0,
        walks: [NO_WALK; WALKS],
        under_way: 0,
    };

    fn find(&mut self, top: u32, generation: u32) -> Option<&mut Walk> {
        let mut walks = self.walks.iter_mut();
        walks.find(|walk| walk.top == top && (top == NONE || walk.generation == generation))
    }

    /// A group vanishes: no walk must stand on it.
    #[inline]
    pub fn pass_over(&mut self, groups: &[GroupSlot], group: u32) {
        if self.under_way == 0 {
            return;
        }
        for walk in self.walks.iter_mut().filter(|walk| walk.group == group) {
            walk.group = after_subtree(groups, walk.top, group);
            walk.task = at(groups, walk.group).map_or(NONE, |slot| slot.first_task);
        }
    }

    /// A task leaves its group: no walk must stand on it.
    #[inline]
    pub fn step_over(&mut self, tasks: &[TaskSlot], task: u32) {
        if self.under_way == 0 {
            return;
        }
        for walk in self.walks.iter_mut().filter(|walk| walk.task == task) {
            walk.task = at(tasks, task).map_or(NONE, |slot| slot.neighbours.next);
        }
    }

    /// Where the walks stand: top, group and task of each.
    #[cfg(any(test, feature = "check"))]
    pub fn places(&self) -> impl Iterator<Item = (u32, u32, u32)> + '_ {
        let walks = self.walks.iter().filter(|walk| walk.top != NONE);
        walks.map(|walk| (walk.top, walk.group, walk.task))
    }
}

impl Ledger<'_> {
    /// Freezes a group once more; gives how often it is frozen now. A walk over it begins.
    pub fn freeze(&mut self, group: GroupId, by: Option<TaskId>) -> Result<u32, FreezeRefusal> {
        let index = self.may_freeze(group, by)?;
        let times = self.slot(index).map_or(0, |slot| slot.frozen);
        let more = times.checked_add(1).ok_or(FreezeRefusal::TooOften)?;
        self.walk_from(index)?;
        self.set_frozen(index, more);
        if times == 0 {
            self.frost.groups = self.frost.groups.wrapping_add(1);
        }
        self.tell(index, News::Frozen(u64::from(more)));
        Ok(more)
    }

    /// Thaws a group once; gives how often it is still frozen. A walk over it begins.
    pub fn thaw(&mut self, group: GroupId, by: Option<TaskId>) -> Result<u32, FreezeRefusal> {
        let index = self.may_freeze(group, by)?;
        let times = self.slot(index).map_or(0, |slot| slot.frozen);
        let fewer = times.checked_sub(1).ok_or(FreezeRefusal::NotFrozen)?;
        self.walk_from(index)?;
        self.set_frozen(index, fewer);
        if fewer == 0 {
            self.frost.groups = self.frost.groups.wrapping_sub(1);
        }
        self.tell(index, News::Thawed(u64::from(fewer)));
        Ok(fewer)
    }

    /// The next task in a subtree that stands still and should not, or the other way round. From now on it is taken to
    /// be as it should.
    pub fn next_unsettled(&mut self, group: GroupId) -> Unsettled {
        let Some(walk) = self.frost.find(group.index, group.generation).copied() else {
            return Unsettled::Done;
        };
        let Walk {
            top,
            group: mut here,
            mut task,
            ..
        } = walk;
        let mut frozen = self.is_frozen(here);
        let mut found = Unsettled::More;
        for _ in 0..STEPS {
            if let Some(slot) = at_mut(self.tasks, task) {
                let this = core::mem::replace(&mut task, slot.neighbours.next);
                if slot.still != frozen {
                    slot.still = frozen;
                    let band = self.slot(here).map_or(0, |slot| slot.band);
                    found = Unsettled::Task(Placed {
                        task: self.task_id(this),
                        band,
                        frozen,
                    });
                    break;
                }
            } else {
                here = after(self.groups, top, here);
                let Some(slot) = self.slot(here) else {
                    found = Unsettled::Done;
                    break;
                };
                task = slot.first_task;
                frozen = self.is_frozen(here);
            }
        }
        let done = found == Unsettled::Done;
        if let Some(walk) = self.frost.find(group.index, group.generation) {
            *walk = if done {
                NO_WALK
            } else {
                Walk {
                    group: here,
                    task,
                    ..*walk
                }
            };
        }
        if done {
            self.frost.under_way = self.frost.under_way.wrapping_sub(1);
        }
        found
    }

    /// Whether and how often a group is frozen.
    #[must_use]
    pub fn frozen(&self, group: GroupId) -> Option<Freeze> {
        let index = self.locate(group)?;
        Some(Freeze {
            times: self.slot(index)?.frozen,
            frozen: self.is_frozen(index),
        })
    }

    /// Whether a group or one above it is frozen.
    #[inline]
    pub(crate) fn is_frozen(&self, index: u32) -> bool {
        if self.frost.groups == 0 {
            return false;
        }
        let mut here = index;
        while let Some(slot) = self.slot(here) {
            if slot.frozen > 0 {
                return true;
            }
            here = slot.parent;
        }
        false
    }

    /// Whether a task may go from one group to another as far as freezing is concerned.
    pub(crate) fn moves_freely(&self, task: u32, source: u32, target: u32) -> bool {
        let still = at(self.tasks, task).is_some_and(|slot| slot.still);
        still == self.is_frozen(source) && still == self.is_frozen(target)
    }

    /// A group vanishes, however often it is frozen.
    pub(crate) fn melt(&mut self, index: u32) {
        self.frost.pass_over(self.groups, index);
        if self.slot(index).is_some_and(|slot| slot.frozen > 0) {
            self.frost.groups = self.frost.groups.wrapping_sub(1);
        }
    }

    fn may_freeze(&self, group: GroupId, by: Option<TaskId>) -> Result<u32, FreezeRefusal> {
        let index = self.locate(group).ok_or(FreezeRefusal::UnknownGroup)?;
        if let Some(task) = by {
            let viewer = self.viewer(task, false);
            let viewer = viewer.ok_or(FreezeRefusal::UnknownGroup)?;
            self.may(viewer, group, Operation::Freeze)?;
        }
        Ok(index)
    }

    /// Lets a walk begin at a group: the one that is on its way there begins again.
    fn walk_from(&mut self, index: u32) -> Result<(), FreezeRefusal> {
        let slot = at(self.groups, index).ok_or(FreezeRefusal::UnknownGroup)?;
        let (generation, task) = (slot.generation, slot.first_task);
        let new = self.frost.find(index, generation).is_none();
        let place = if new { NONE } else { index };
        let walk = self.frost.find(place, generation);
        *walk.ok_or(FreezeRefusal::TooMany)? = Walk {
            top: index,
            generation,
            group: index,
            task,
        };
        self.frost.under_way = self.frost.under_way.wrapping_add(u32::from(new));
        Ok(())
    }

    fn set_frozen(&mut self, index: u32, times: u32) {
        if let Some(slot) = at_mut(self.groups, index) {
            slot.frozen = times;
        }
    }
}
