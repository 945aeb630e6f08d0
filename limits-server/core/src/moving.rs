//! Moving a task to another group.
//!
//! The counts of the task and its threads go along, all or nothing; what its tickets charged besides stays with the
//! group that paid. The groups above both places are not touched, not even for a moment: they hold the task before
//! and after, and a full one among them must not refuse what it already has.
//!
//! Whoever moves a task must be allowed to take it out of **every** group that it leaves. The right on the lowest one is
//! not enough: a member that opens a group in its own has every right there, and whoever it hands them to could
//! otherwise take its tasks out of a pen that neither of them was to open.

use interfaces::accounting::{Admitted, MoveRefusal};
use interfaces::{GroupId, TaskId};

use crate::access::Forbidden;
use crate::climb::{self, parts};
use crate::ledger::Ledger;
use crate::list::at;
use crate::needs::Operation;
use crate::news::News;
use crate::tasks::counts;

impl Ledger<'_> {
    /// Moves a born task in the name of another, which must be allowed to move out of the one group and into the
    /// other; nobody stands for the system itself.
    pub fn move_task_by(
        &mut self,
        task: TaskId,
        group: GroupId,
        by: Option<TaskId>,
    ) -> Result<Admitted, MoveRefusal> {
        if let Some(by) = by {
            let viewer = self.viewer(by, false).ok_or(MoveRefusal::UnknownTask)?;
            let source = self.group_of(task).ok_or(MoveRefusal::UnknownTask)?;
            self.may(viewer, source, Operation::MoveOut)
                .map_err(|forbidden| match forbidden {
                    Forbidden::Unseen => MoveRefusal::UnknownTask,
                    Forbidden::Lacking => MoveRefusal::NotYours,
                })?;
            self.may(viewer, group, Operation::MoveIn)
                .map_err(|forbidden| match forbidden {
                    Forbidden::Unseen => MoveRefusal::UnknownGroup,
                    Forbidden::Lacking => MoveRefusal::NotYours,
                })?;
            if let Some(left) = self.highest_left(source, group)
                && self.may(viewer, left, Operation::MoveOut).is_err()
            {
                return Err(MoveRefusal::NotYours);
            }
        }
        self.move_task(task, group)
    }

    /// Moves a born task to another group.
    pub fn move_task(&mut self, task: TaskId, group: GroupId) -> Result<Admitted, MoveRefusal> {
        let index = self.born(task).ok_or(MoveRefusal::UnknownTask)?;
        let target = self.locate(group).ok_or(MoveRefusal::UnknownGroup)?;
        let slot = at(self.tasks, index).ok_or(MoveRefusal::UnknownTask)?;
        let (source, counts) = (slot.group, counts(1, slot.threads));
        if !self.moves_freely(index, source, target) {
            return Err(MoveRefusal::Frozen);
        }
        if source == target {
            return Ok(self.admitted(target));
        }
        if self.is_closed(source) || self.is_closed(target) {
            return Err(MoveRefusal::Killing);
        }
        let meeting = self.meeting(source, target);
        self.charge_at(target, meeting, &counts)?;
        climb::lower(self.groups, source, meeting, &parts(&counts));
        self.leave(index, source);
        self.enter(index, target);
        let from = self.id(source);
        self.tell(target, News::Moved { task, from });
        self.recheck_watches(task);
        self.settle(source);
        Ok(self.admitted(target))
    }

    /// The highest group that a task leaves when it goes from one group to another. Rights hold for what is below, so
    /// the right on this one is the right on all that it leaves.
    fn highest_left(&self, source: GroupId, target: GroupId) -> Option<GroupId> {
        let (source, target) = (self.locate(source)?, self.locate(target)?);
        let meeting = self.meeting(source, target);
        let mut here = source;
        let mut left = None;
        while here != meeting {
            left = Some(here);
            here = self.slot(here)?.parent;
        }
        left.map(|left| self.id(left))
    }

    /// The lowest group that is at or above both.
    fn meeting(&self, one: u32, other: u32) -> u32 {
        let (mut one, mut other) = (one, other);
        while one != other {
            let (Some(left), Some(right)) = (self.slot(one), self.slot(other)) else {
                break;
            };
            // The deeper one goes up; at equal depth both do, one after the other.
            if left.depth >= right.depth {
                one = left.parent;
            } else {
                other = right.parent;
            }
        }
        one
    }
}
