//! Fork: a task that begins where another is, with a clone of what that one sees.
//!
//! It is born like any task: ticket, objects, the kernel's notice, confirmation. In between the memory-server clones the
//! address space, charged to the child's group in full, so a fork that cannot be paid for is refused and leaves nothing.
//! Only the thread that asks goes along; it becomes the child's first. Its registers are copied as they are while it
//! waits for the answer, and the answer to the child is put into them. What the kernel lets nobody read does not go
//! along: the child's FPU registers are fresh.
//!
//! What is small is cloned at once; the rest goes on a slice at a time, and whoever asks something meanwhile is served. The
//! making before the first slice, and the birth after the last, are as long as a slice: nobody who is to be woken waits for
//! two of them.
//!
//! The child is no operator, whoever its parent is: authority over the whole system is given at boot and not handed on.
//!
//! # Invariants
//!
//! - A task that is being built between two messages is the child of a fork under way, whose parent's thread waits.
//! - A fork that is broken off, because its parent ends or a group is killed, or that is refused in the middle, is over
//!   when the child has been taken apart; its parent hears of it then.

use interfaces::accounting::TicketRefusal;
use interfaces::call::{Answer, MESSAGE_BYTES, encode_answer};
use interfaces::identity::Caller;
use interfaces::process::{Fork, ForkRefusal};
use interfaces::provision::{CloneSpace, CloneSpaceRefusal, Progress};
use interfaces::{CallError, Dispatched, TaskId, call};

use crate::birth::{Failed, Unborn};
use crate::hands::Hands;
use crate::jobs::Jobs;
use crate::server::ProcServer;
use crate::task::{Order, Said, Task};
use crate::waiting::Awaits;

/// Where a forked thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The task that forks.
    pub(crate) task: TaskId,
    /// The place of the thread that asked.
    pub(crate) thread: u32,
}

/// A fork that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    unborn: Unborn,
    origin: Origin,
    /// The child has all of its address space, and is to be born.
    cloned: bool,
    /// Who waits, while it does.
    pub(crate) waiter: Option<u32>,
    /// Why it was broken off, if it was.
    pub(crate) refusal: Option<ForkRefusal>,
}

impl Job {
    /// The child.
    pub(crate) const fn child(&self) -> TaskId {
        self.unborn.place.task
    }

    /// Whether there is more to clone.
    pub(crate) const fn goes_on(&self) -> bool {
        self.refusal.is_none()
    }
}

/// Every fork that is under way.
pub(crate) type ForkJobs = Jobs<Job>;

impl From<Failed> for ForkRefusal {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Ticket(refusal) => Self::Ticket(refusal),
            Failed::Memory(refusal) => Self::Memory(refusal),
            Failed::Clone(refusal) => Self::Clone(refusal),
            Failed::NotBorn => Self::NotBorn,
        }
    }
}

impl<H: Hands> ProcServer<'_, H> {
    /// Forks the caller; answered when the child runs, or when nothing is left of it.
    pub(crate) fn fork_task(
        &mut self,
        caller: Caller,
        request: Fork,
    ) -> Answer<Option<TaskId>, ForkRefusal> {
        match self.begin_fork(caller, request) {
            Ok(Some(child)) => Answer::Now(Ok(Some(child))),
            Ok(None) => Answer::Later,
            Err(refusal) => Answer::Now(Err(refusal)),
        }
    }

    /// Forks the caller if that is done with one slice, and else begins to.
    fn begin_fork(&mut self, caller: Caller, request: Fork) -> Result<Option<TaskId>, ForkRefusal> {
        let task = self.who(caller).ok_or(ForkRefusal::UnknownThread)?;
        let thread = self
            .tasks
            .thread(task, request.thread)
            .ok_or(ForkRefusal::UnknownThread)?;
        let origin = Origin { task, thread };
        if self.forks.iter().any(|(_, job)| job.origin.task == task) {
            return Err(ForkRefusal::Clone(CloneSpaceRefusal::Busy));
        }
        let parent = self.tasks.get(task).ok_or(ForkRefusal::UnknownThread)?;
        let arguments = parent.arguments().clone();
        let order = Order {
            parent: Some(task),
            program: Task::program(parent),
            group: request.group,
            operator: false,
            arguments: Said::Text(&arguments),
        };
        let (unborn, _) = self.make_task::<ForkRefusal>(&order)?;
        let child = unborn.place.task;
        // Whoever was to be woken meanwhile does not wait for a slice as well.
        let cloned = if self.is_overdue() {
            Ok(Progress::More)
        } else {
            self.clone_slice(task, child)
        };
        let begun = match cloned {
            Ok(Progress::More) => self.fork_later(caller, unborn, origin).map(|()| None),
            Ok(Progress::Done) => self
                .bring_forth(unborn)
                .and_then(|frozen| self.run_forked(unborn, origin, frozen))
                .map(|()| Some(child))
                .map_err(ForkRefusal::from),
            Err(failed) => Err(failed.into()),
        };
        if begun.is_err() {
            self.undo(child);
        }
        begun
    }

    /// A fork goes on by itself; the caller waits.
    fn fork_later(
        &mut self,
        caller: Caller,
        unborn: Unborn,
        origin: Origin,
    ) -> Result<(), ForkRefusal> {
        let job = Job {
            unborn,
            origin,
            cloned: false,
            waiter: None,
            refusal: None,
        };
        let number = self
            .forks
            .begin(job, caller.is_operator())
            .ok_or(ForkRefusal::TableFull)?;
        let waiter = self.keep_waiting(origin.task, Awaits::Fork(number));
        if let (Ok(waiter), Some(job)) = (waiter, self.forks.get_mut(number)) {
            job.waiter = Some(waiter);
            return Ok(());
        }
        self.forks.finish(number);
        Err(ForkRefusal::TableFull)
    }

    /// Does one slice of the fork whose turn it is.
    pub(crate) fn fork_on(&mut self) {
        let Some((number, job)) = self.forks.turn(Job::goes_on) else {
            return;
        };
        let job = *job;
        // The birth is a slice of its own: whoever waits, waits for less.
        let done = if job.cloned {
            self.end_fork(&job)
        } else {
            match self.clone_slice(job.origin.task, job.child()) {
                Ok(progress) => {
                    if let Some(job) = self.forks.get_mut(number) {
                        job.cloned = progress == Progress::Done;
                    }
                    return;
                }
                Err(failed) => Err(failed),
            }
        };
        match done {
            Ok(()) => {
                self.forks.finish(number);
                if let Some(waiter) = job.waiter {
                    self.answer::<Fork>(waiter, &Ok(Some(job.child())));
                }
            }
            Err(failed) => self.break_fork(number, failed.into()),
        }
    }

    /// The address space is cloned: the child is born and runs.
    fn end_fork(&mut self, job: &Job) -> Result<(), Failed> {
        // Whose thread is gone, or never waited, has no registers to go on with.
        if job
            .waiter
            .is_none_or(|waiter| self.hands.reply_is_gone(waiter))
        {
            return Err(Failed::NotBorn);
        }
        let frozen = self.bring_forth_late(job.unborn)?;
        self.run_forked(job.unborn, job.origin, frozen)
    }

    /// Breaks off the fork under way whose child this is, because a group is killed. Returns whether there is one.
    pub(crate) fn break_fork_of(&mut self, child: TaskId) -> bool {
        let Some((number, _)) = self.fork_of(child) else {
            return false;
        };
        self.break_fork(number, ForkRefusal::Ticket(TicketRefusal::Killing));
        true
    }

    /// Whoever asked for a fork waits no longer: it is broken off.
    pub(crate) fn leave_fork(&mut self, number: u32, waiter: u32) {
        let Some(job) = self.forks.get_mut(number) else {
            return;
        };
        if job.waiter == Some(waiter) {
            job.waiter = None;
            self.break_fork(number, ForkRefusal::NotBorn);
        }
    }

    /// Nothing of a child that was never born is left: whoever asked for it is told why.
    pub(crate) fn end_broken_fork(&mut self, child: TaskId) {
        let Some((number, job)) = self.fork_of(child) else {
            return;
        };
        self.forks.finish(number);
        if let (Some(waiter), Some(refusal)) = (job.waiter, job.refusal) {
            self.answer::<Fork>(waiter, &Err(refusal));
        }
    }

    /// The fork under way whose child this is, and its number.
    fn fork_of(&self, child: TaskId) -> Option<(u32, Job)> {
        let mut all = self.forks.iter();
        all.find_map(|(number, job)| (job.child() == child).then_some((number, *job)))
    }

    fn break_fork(&mut self, number: u32, refusal: ForkRefusal) {
        let Some(job) = self.forks.get_mut(number) else {
            return;
        };
        if job.refusal.is_some() {
            return;
        }
        job.refusal = Some(refusal);
        let child = job.child();
        let ended = self.tasks.end(child, None);
        self.expect(ended.is_ok());
        self.tend();
    }

    /// Lets the memory-server clone a slice of the address space.
    fn clone_slice(&mut self, from: TaskId, to: TaskId) -> Result<Progress, Failed> {
        call(self.hands.memory(), &CloneSpace { from, to }).map_err(|error| match error {
            CallError::Refused(refusal) => Failed::Clone(refusal),
            CallError::Protocol(_) => self.nonsense(),
        })
    }

    /// Starts a forked thread where its origin waits for the answer, with the answer to the child.
    fn run_forked(&mut self, unborn: Unborn, origin: Origin, frozen: bool) -> Result<(), Failed> {
        let answer: Result<Option<TaskId>, ForkRefusal> = Ok(None);
        let mut payload = [0; MESSAGE_BYTES];
        let Dispatched::Reply(bytes) = encode_answer(&answer, &mut payload) else {
            return Err(self.nonsense());
        };
        let payload = payload.get(..bytes).unwrap_or_default();
        self.hands
            .run_copy(unborn.place.thread, origin.thread, payload)?;
        self.begin_life(unborn.place.task, frozen);
        Ok(())
    }
}
