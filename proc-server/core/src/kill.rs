//! Groups that are being killed: which, for whom, and how far it has come.
//!
//! A kill closes the group to charges, ends one task after another until the limits-server knows of no more, and
//! then asks for the receipt. It goes on when whoever asked is gone.
//!
//! # Invariants
//!
//! - While its victim is being taken apart a job has no step to do.

use interfaces::{GroupId, TaskId};

use crate::jobs::Jobs;

/// How often a job asks again for a receipt, with no death in progress, before it says that something is left.
pub const PATIENCE: u8 = 8;

/// A kill of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The group.
    pub group: GroupId,
    /// Who waits for the receipt, while it does.
    pub waiter: Option<u32>,
    victim: Option<TaskId>,
    refusals: u8,
    revoking: Revoking,
}

/// How far a job has come with taking back what the killed groups pay for and others still share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoking {
    /// This group is next.
    At(GroupId),
    /// It has been through all of them.
    Done,
}

/// Every kill of a group.
#[derive(Debug)]
pub struct KillJobs(Jobs<Job>);

impl KillJobs {
    /// None.
    pub const NONE: Self = Self(Jobs::NONE);

    /// Whether one has a step to do.
    #[inline]
    #[must_use]
    pub fn has_step(&self) -> bool {
        self.0.iter().any(|(_, job)| job.victim.is_none())
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Begins a kill for an operator or for somebody else. Returns its number, if there is room.
    pub fn begin(&mut self, group: GroupId, operator: bool) -> Option<u32> {
        let job = Job {
            group,
            waiter: None,
            victim: None,
            refusals: 0,
            revoking: Revoking::At(group),
        };
        self.0.begin(job, operator)
    }

    /// Somebody waits for the receipt.
    pub fn wait(&mut self, job: u32, waiter: u32) {
        if let Some(job) = self.0.get_mut(job) {
            job.waiter = Some(waiter);
        }
    }

    /// Nobody waits for the receipt any more.
    pub fn forget(&mut self, job: u32) {
        if let Some(job) = self.0.get_mut(job) {
            job.waiter = None;
        }
    }

    /// The job whose turn it is, among those that have a step to do.
    pub fn turn(&mut self) -> Option<(u32, GroupId)> {
        let (number, job) = self.0.turn(|job| job.victim.is_none())?;
        Some((number, job.group))
    }

    /// The job waits until this task is gone.
    pub fn hunt(&mut self, job: u32, victim: TaskId) {
        if let Some(job) = self.0.get_mut(job) {
            job.victim = Some(victim);
            job.refusals = 0;
        }
    }

    /// The group whose shared memory is to be taken back next, if there is one left.
    #[must_use]
    pub fn to_revoke(&mut self, job: u32) -> Option<GroupId> {
        match self.0.get_mut(job)?.revoking {
            Revoking::At(group) => Some(group),
            Revoking::Done => None,
        }
    }

    /// Says which group is next, or that there is none.
    pub fn revoke_next(&mut self, job: u32, next: Option<GroupId>) {
        if let Some(job) = self.0.get_mut(job) {
            job.revoking = next.map_or(Revoking::Done, Revoking::At);
        }
    }

    /// A task is gone: whoever hunted it goes on.
    pub fn gone(&mut self, victim: TaskId) {
        for (_, job) in self.0.iter_mut() {
            if job.victim == Some(victim) {
                job.victim = None;
            }
        }
    }

    /// The receipt was refused because something is left. Whether to give up; if not, all that the killed groups pay for
    /// is looked through again, since a task that ended meanwhile may have left others what it shared with them.
    pub fn not_empty(&mut self, job: u32, deaths_in_progress: bool) -> bool {
        let Some(job) = self.0.get_mut(job) else {
            return true;
        };
        if !deaths_in_progress {
            job.refusals = job.refusals.saturating_add(1);
        }
        job.revoking = Revoking::At(job.group);
        job.refusals >= PATIENCE
    }

    /// The group that a job kills.
    #[must_use]
    pub fn group(&self, job: u32) -> Option<GroupId> {
        self.0.get(job).map(|job| job.group)
    }

    /// The job is done. Returns what it was.
    pub fn finish(&mut self, job: u32) -> Option<Job> {
        self.0.finish(job)
    }

    /// The jobs, by number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Job)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(index: u32) -> GroupId {
        GroupId {
            index,
            generation: 0,
        }
    }

    const TASK: TaskId = TaskId {
        index: 3,
        generation: 1,
    };

    #[test]
    fn jobs_take_turns_and_a_hunter_waits() {
        let mut jobs = KillJobs::NONE;
        let first = jobs.begin(group(1), false).unwrap();
        let second = jobs.begin(group(2), false).unwrap();
        assert_eq!(jobs.turn(), Some((first, group(1))));
        assert_eq!(jobs.turn(), Some((second, group(2))));
        assert_eq!(jobs.turn(), Some((first, group(1))));
        jobs.hunt(second, TASK);
        assert_eq!(jobs.turn(), Some((first, group(1))));
        jobs.gone(TASK);
        assert_eq!(jobs.turn(), Some((second, group(2))));
        jobs.finish(first);
        jobs.finish(second);
        assert!(!jobs.has_step() && jobs.turn().is_none());
    }

    #[test]
    fn what_is_shared_is_taken_back_again_while_something_is_left() {
        let mut jobs = KillJobs::NONE;
        let job = jobs.begin(group(1), false).unwrap();
        assert_eq!(jobs.to_revoke(job), Some(group(1)));
        jobs.revoke_next(job, Some(group(2)));
        assert_eq!(jobs.to_revoke(job), Some(group(2)));
        jobs.revoke_next(job, None);
        assert_eq!(jobs.to_revoke(job), None);
        assert!(!jobs.not_empty(job, true));
        assert_eq!(jobs.to_revoke(job), Some(group(1)));
    }

    #[test]
    fn patience_ends_only_when_nobody_is_dying() {
        let mut jobs = KillJobs::NONE;
        let job = jobs.begin(group(1), false).unwrap();
        assert!((0..1000).all(|_| !jobs.not_empty(job, true)));
        assert!((1..PATIENCE).all(|_| !jobs.not_empty(job, false)));
        assert!(jobs.not_empty(job, false));
    }
}
