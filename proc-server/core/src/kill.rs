//! Groups that are being killed: which, for whom, and how far it has come.
//!
//! A kill closes the group to charges, ends one task after another until the limits-server knows of no more, and
//! then asks for the receipt. It goes on when whoever asked is gone.
//!
//! # Invariants
//!
//! - At most [`JOBS`] at once, of which some are for operators alone; each turn does one step of one of them, so no
//!   kill keeps another from going on.
//! - While its victim is being taken apart a job has no step to do.

use interfaces::{GroupId, TaskId};

/// The most kills of groups at once.
pub const JOBS: usize = 16;
/// How many of those only an operator may use: whoever keeps all others busy by killing groups of its own is not to
/// keep its own group from being killed that way.
pub const RESERVED: usize = 4;
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
#[derive(Debug, Default)]
pub struct KillJobs {
    jobs: [Option<Job>; JOBS],
    next: usize,
}

impl KillJobs {
    /// None.
    pub const NONE: Self = Self {
        jobs: [None; JOBS],
        next: 0,
    };

    /// Whether there is nothing to kill.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.jobs.iter().all(Option::is_none)
    }

    /// Whether one has a step to do.
    #[must_use]
    pub fn has_step(&self) -> bool {
        self.jobs.iter().flatten().any(|job| job.victim.is_none())
    }

    /// Begins a kill for an operator or for somebody else. Returns its number, if there is room.
    pub fn begin(&mut self, group: GroupId, operator: bool) -> Option<u32> {
        let reserved = if operator { 0 } else { RESERVED };
        let taken = self.jobs.iter().flatten().count();
        if taken >= JOBS.saturating_sub(reserved) {
            return None;
        }
        let free = self.jobs.iter().position(Option::is_none)?;
        *self.jobs.get_mut(free)? = Some(Job {
            group,
            waiter: None,
            victim: None,
            refusals: 0,
            revoking: Revoking::At(group),
        });
        u32::try_from(free).ok()
    }

    /// Somebody waits for the receipt.
    pub fn wait(&mut self, job: u32, waiter: u32) {
        if let Some(job) = self.get_mut(job) {
            job.waiter = Some(waiter);
        }
    }

    /// Nobody waits for the receipt any more.
    pub fn forget(&mut self, job: u32) {
        if let Some(job) = self.get_mut(job) {
            job.waiter = None;
        }
    }

    /// The job whose turn it is, among those that have a step to do.
    pub fn turn(&mut self) -> Option<(u32, GroupId)> {
        let first = self.next;
        for number in (first..JOBS).chain(0..first) {
            if let Some(Some(job)) = self.jobs.get(number)
                && job.victim.is_none()
            {
                self.next = number.saturating_add(1) % JOBS;
                return Some((u32::try_from(number).ok()?, job.group));
            }
        }
        None
    }

    /// The job waits until this task is gone.
    pub fn hunt(&mut self, job: u32, victim: TaskId) {
        if let Some(job) = self.get_mut(job) {
            job.victim = Some(victim);
            job.refusals = 0;
        }
    }

    /// The group whose shared memory is to be taken back next, if there is one left.
    #[must_use]
    pub fn to_revoke(&mut self, job: u32) -> Option<GroupId> {
        match self.get_mut(job)?.revoking {
            Revoking::At(group) => Some(group),
            Revoking::Done => None,
        }
    }

    /// Says which group is next, or that there is none.
    pub fn revoke_next(&mut self, job: u32, next: Option<GroupId>) {
        if let Some(job) = self.get_mut(job) {
            job.revoking = next.map_or(Revoking::Done, Revoking::At);
        }
    }

    /// A task is gone: whoever hunted it goes on.
    pub fn gone(&mut self, victim: TaskId) {
        for job in self.jobs.iter_mut().flatten() {
            if job.victim == Some(victim) {
                job.victim = None;
            }
        }
    }

    /// The receipt was refused because something is left. Whether to give up; if not, all that the killed groups pay for
    /// is looked through again, since a task that ended meanwhile may have left others what it shared with them.
    pub fn not_empty(&mut self, job: u32, deaths_in_progress: bool) -> bool {
        let Some(job) = self.get_mut(job) else {
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
        let job = self.jobs.get(usize::try_from(job).ok()?)?;
        job.as_ref().map(|job| job.group)
    }

    /// The job is done. Returns what it was.
    pub fn finish(&mut self, job: u32) -> Option<Job> {
        self.jobs.get_mut(usize::try_from(job).ok()?)?.take()
    }

    /// The jobs, by number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Job)> {
        (0_u32..)
            .zip(self.jobs.iter())
            .filter_map(|(number, job)| Some((number, job.as_ref()?)))
    }

    fn get_mut(&mut self, job: u32) -> Option<&mut Job> {
        self.jobs.get_mut(usize::try_from(job).ok()?)?.as_mut()
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
        assert!(jobs.is_empty() && jobs.turn().is_none());
    }

    #[test]
    fn there_is_room_for_so_many_and_the_last_places_are_for_operators() {
        let mut jobs = KillJobs::NONE;
        for index in 0..12 {
            assert!(jobs.begin(group(index), false).is_some());
        }
        assert_eq!(jobs.begin(group(98), false), None);
        for index in 12..16 {
            assert!(jobs.begin(group(index), true).is_some());
        }
        assert_eq!(jobs.begin(group(99), true), None);
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
