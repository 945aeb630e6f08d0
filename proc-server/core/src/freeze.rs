//! Freezing: the threads of frozen tasks stand still, whatever they are in the middle of.
//!
//! A thread stands still at a priority below that of the **watchman**, a thread that never blocks while anything is
//! frozen. So it keeps its place in every queue: a call that it has made is answered, a fault that it had is settled, and
//! it goes on from there when its group's band is given back to it. (Never Suspend: that breaks calls off.)
//!
//! Who is to stand still the limits-server says: with the ticket of a newborn, and one task after another when a group is
//! frozen or thawed. Each turn does one of those.
//!
//! # Invariants
//!
//! - The watchman is awake while a task stands still, or a walk is under way.
//! - A task is marked as standing still exactly while its threads have [`FROZEN_PRIORITY`]; a dying one is not.

use interfaces::accounting::{
    self, Admitted, FreezeRefusal, NextUnsettled, Placed, ReadPlace, Unsettled,
};
use interfaces::call::Answer;
use interfaces::identity::Caller;
use interfaces::process::{self, AdoptBand, MoveRefusal, MoveTask};
use interfaces::provision::TASK_THREADS;
use interfaces::system::{FROZEN_PRIORITY, WATCHMAN_PRIORITY};
use interfaces::{CallError, GroupId, TaskId, call};

use crate::hands::{Hands, insist};
use crate::jobs::Jobs;
use crate::server::ProcServer;
use crate::task::Task;
use crate::waiting::Awaits;

const _: () = assert!(FROZEN_PRIORITY < WATCHMAN_PRIORITY);

/// A freeze or a thaw that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The group.
    pub group: GroupId,
    /// Who waits, while it does.
    pub waiter: Option<u32>,
    /// How often the group is frozen now.
    times: u32,
}

/// Every freeze and thaw that is under way; as many as the limits-server walks.
pub type FreezeJobs = Jobs<Job>;

impl<H: Hands> ProcServer<'_, H> {
    /// Freezes a group once more, or thaws it once; answered when everybody in it stands still, or goes on.
    pub(crate) fn freeze_or_thaw(
        &mut self,
        caller: Caller,
        group: GroupId,
        thaw: bool,
    ) -> Answer<u32, process::FreezeRefusal> {
        let full = Answer::Now(Err(process::FreezeRefusal::TableFull));
        let Some(task) = self.who(caller) else {
            return full;
        };
        let job = Job {
            group,
            waiter: None,
            times: 0,
        };
        let Some(job) = self.freezes.begin(job, caller.is_operator()) else {
            return full;
        };
        let Ok(waiter) = self.keep_waiting(task, Awaits::Freeze(job)) else {
            self.freezes.finish(job);
            return full;
        };
        self.freeze_waits(job, Some(waiter));
        let by = Some(task);
        let asked = if thaw {
            call(self.hands.limits(), &accounting::Thaw { group, by })
        } else {
            call(self.hands.limits(), &accounting::Freeze { group, by })
        };
        match asked {
            Ok(times) => {
                if let Some(job) = self.freezes.get_mut(job) {
                    job.times = times;
                }
                self.tend();
            }
            Err(CallError::Refused(refusal)) => self.end_freeze(job, Err(refusal)),
            Err(CallError::Protocol(_)) => {
                self.alarm();
                self.end_freeze(job, Err(FreezeRefusal::TooMany));
            }
        }
        Answer::Later
    }

    /// Does one step of the freeze or thaw whose turn it is.
    pub(crate) fn freeze_on(&mut self) {
        let Some((job, &mut Job { group, .. })) = self.freezes.turn(|_| true) else {
            return;
        };
        match insist(self.hands.limits(), &NextUnsettled { group }) {
            Ok(Unsettled::Task(placed)) => {
                let Placed { task, band, frozen } = placed;
                self.bring_into_line(task, band, frozen);
            }
            Ok(Unsettled::More) => {}
            Ok(Unsettled::Done) => self.end_freeze(job, Ok(())),
            Err(_) => {
                self.alarm();
                self.end_freeze(job, Err(FreezeRefusal::TooMany));
            }
        }
    }

    /// Gives a running task's threads the priority of a band, or lets them stand still.
    pub(crate) fn bring_into_line(&mut self, task: TaskId, band: u8, frozen: bool) {
        if !self.tasks.is_running(task) {
            return;
        }
        // The watchman is awake before the first thread stands still, and until the last one goes on.
        self.wake_watchman(frozen);
        let priority = self.priority(band, frozen);
        let threads: heapless::Vec<u32, { TASK_THREADS as usize }> = self
            .tasks
            .get(task)
            .map(|slot| slot.thread_places().collect())
            .unwrap_or_default();
        for thread in threads {
            let set = self.hands.set_priority(thread, priority);
            self.expect(set.is_ok());
        }
        self.mark_still(task, frozen);
    }

    /// Moves a task to another group; its threads get that group's band.
    pub(crate) fn move_to(&mut self, caller: Caller, request: MoveTask) -> Result<(), MoveRefusal> {
        let MoveTask { task, group } = request;
        let by = self.who(caller).ok_or(MoveRefusal::UnknownTask)?;
        let request = accounting::MoveTask {
            task,
            group,
            by: Some(by),
        };
        match call(self.hands.limits(), &request) {
            Ok(Admitted {
                group,
                band,
                frozen,
            }) => {
                self.tasks.admit(task, group);
                self.bring_into_line(task, band, frozen);
                Ok(())
            }
            Err(CallError::Refused(refusal)) => Err(refusal),
            Err(CallError::Protocol(_)) => {
                self.alarm();
                Err(MoveRefusal::UnknownTask)
            }
        }
    }

    /// Gives the caller's threads the band of the group that it is in now.
    pub(crate) fn adopt(&mut self, caller: Caller, _: AdoptBand) {
        let Some(task) = self.who(caller) else {
            return;
        };
        if let Ok(Admitted {
            group,
            band,
            frozen,
        }) = call(self.hands.limits(), &ReadPlace { task })
        {
            self.tasks.admit(task, group);
            // Whether it stands still is not for it to say: it does when the walk comes to it.
            if !frozen && !self.tasks.get(task).is_some_and(Task::is_still) {
                self.bring_into_line(task, band, false);
            }
        }
    }

    /// The priority of threads in a group of this band.
    pub(crate) fn priority(&self, band: u8, frozen: bool) -> u8 {
        if frozen {
            FROZEN_PRIORITY
        } else {
            self.settings.priority(band)
        }
    }

    /// Notes whether a task stands still. Nothing does if it is gone.
    pub(crate) fn mark_still(&mut self, task: TaskId, still: bool) {
        let Some(slot) = self.tasks.get_mut(task) else {
            return;
        };
        let was = core::mem::replace(&mut slot.still, still);
        match (was, still) {
            (false, true) => self.still = self.still.saturating_add(1),
            (true, false) => self.still = self.still.saturating_sub(1),
            _ => {}
        }
        self.tend();
    }

    /// Lets the watchman sleep if there is nothing to watch, and wakes it if there is.
    pub(crate) fn tend(&mut self) {
        let wanted = self.still > 0 || !self.freezes.is_empty();
        if wanted != self.watching {
            self.watching = wanted;
            let done = self.hands.keep_watch(wanted);
            self.expect(done.is_ok());
        }
    }

    /// Wakes the watchman before a thread is to stand still.
    pub(crate) fn wake_watchman(&mut self, needed: bool) {
        if needed && !self.watching {
            self.watching = true;
            let done = self.hands.keep_watch(true);
            self.expect(done.is_ok());
        }
    }

    /// Who waits for a freeze or a thaw; nobody any more if none.
    pub(crate) fn freeze_waits(&mut self, job: u32, waiter: Option<u32>) {
        if let Some(job) = self.freezes.get_mut(job) {
            job.waiter = waiter;
        }
    }

    fn end_freeze(&mut self, job: u32, result: Result<(), FreezeRefusal>) {
        let Some(job) = self.freezes.finish(job) else {
            return;
        };
        if let Some(waiter) = job.waiter {
            let answer = result
                .map(|()| job.times)
                .map_err(process::FreezeRefusal::Freeze);
            self.answer::<process::Freeze>(waiter, &answer);
        }
        self.tend();
    }
}
