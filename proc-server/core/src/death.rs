//! How tasks and threads end: stopped at once, taken apart in slices, uncharged, and only then told of.
//!
//! # Invariants
//!
//! - The first slice is done when the end begins, and it takes the TCBs: nothing of the task runs after that.
//! - Whoever waits for the end hears of it after the memory-server has nothing of the task, its slots here are empty,
//!   the limits-server has given back its ticket, in this order, and its place is vacant.
//! - Work that goes on by itself is done one slice at a time; there is always somebody served in between.

use interfaces::accounting::{ChargeTask, EndTask, IsBelow};
use interfaces::call::Answer;
use interfaces::events;
use interfaces::identity::Caller;
use interfaces::process::{
    self, Clock, EndThread, Ended, ExitReason, JoinThread, Kill, TaskRefusal, ThreadRefusal, Wait,
    WaitRefusal,
};
use interfaces::provision::{Cause, DestroyTask, Progress, TASK_THREADS, TakeReport};
use interfaces::{Amounts, GroupId, Shortage, TaskId, call};

use crate::birth::ALL_OWED;
use crate::hands::{Hands, insist};
use crate::lifecycle::{Ending, Lifecycle};
use crate::server::ProcServer;
use crate::table::{Full, Gone};
use crate::task::Task;
use crate::waiting::Awaits;

/// The kinds of work that can go on for long by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// A group that is being frozen or thawed.
    Freeze,
    /// A group that is being killed.
    Kill,
    /// A task that is being forked.
    Fork,
    /// A task that ends.
    End,
}

impl Work {
    /// All of them, in turn.
    const ALL: [Self; 4] = [Self::Freeze, Self::Kill, Self::Fork, Self::End];

    /// Whose turn it is next.
    const fn next(self) -> Self {
        match self {
            Self::Freeze => Self::Kill,
            Self::Kill => Self::Fork,
            Self::Fork => Self::End,
            Self::End => Self::Freeze,
        }
    }
}

impl<H: Hands> ProcServer<'_, H> {
    /// Whether something is to be done that nobody asks for.
    // Asked after every message: there is mostly none of all that, and that is to be seen at a glance.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "it is the server's loop")]
    #[must_use]
    pub fn has_work(&self) -> bool {
        let at_rest = !self.timer
            && !self.news
            && self.freezes.is_empty()
            && self.jobs.is_empty()
            && self.forks.is_empty()
            && !self.tasks.has_ending();
        !at_rest && self.has_slice()
    }

    /// Whether any of what goes on by itself can go on now: not all of it, there may be jobs that wait for something.
    #[cold]
    #[inline(never)]
    fn has_slice(&self) -> bool {
        self.timer || self.news || Work::ALL.into_iter().any(|work| self.is_due(work))
    }

    /// Does one slice of what goes on by itself: of one kind of it, each in its turn, so that whoever asks something
    /// meanwhile waits for one slice and not for one of each. Whoever is to be woken, and whoever cannot go on, waits for
    /// none.
    pub fn work(&mut self) {
        if self.timer {
            return self.ring();
        }
        if self.news {
            return self.take_report();
        }
        for _ in Work::ALL {
            let work = self.turn;
            self.turn = work.next();
            if self.is_due(work) {
                return self.slice(work);
            }
        }
    }

    fn is_due(&self, work: Work) -> bool {
        match work {
            Work::Freeze => !self.freezes.is_empty(),
            Work::Kill => self.jobs.has_step(),
            Work::Fork => self.forks.iter().any(|(_, job)| job.goes_on()),
            Work::End => self.tasks.has_ending(),
        }
    }

    fn slice(&mut self, work: Work) {
        match work {
            Work::Freeze => self.freeze_on(),
            Work::Kill => self.kill_on(),
            Work::Fork => self.fork_on(),
            Work::End => {
                let Some(task) = self.tasks.first_ending() else {
                    return;
                };
                if self.has_objects(task) {
                    self.take_apart(task);
                } else {
                    self.bury(task);
                }
                // If something is left, then the others are next: a small end does not wait for a large one.
                self.tasks.end_later(task);
            }
        }
    }

    /// Whether the memory-server may still have something of a task.
    fn has_objects(&self, task: TaskId) -> bool {
        self.tasks.get(task).is_some_and(|slot| slot.owed.objects)
    }

    /// A task's end begins. Does nothing to a task that is not running.
    pub(crate) fn begin_ending(&mut self, task: TaskId, reason: ExitReason) {
        if !self.tasks.is_running(task) || self.tasks.end(task, Some(reason)).is_err() {
            return;
        }
        self.mark_still(task, false);
        self.end_links(task);
        while let Some((waiter, _)) = self.first_waiter(task, |_| true) {
            self.hands.drop_reply(waiter);
            self.forget(waiter);
        }
        self.take_apart(task);
    }

    /// Takes a slice of a task's objects back. Returns whether nothing is left of them.
    pub(crate) fn take_apart(&mut self, task: TaskId) -> bool {
        let Some(mut owed) = self.tasks.get(task).map(|slot| slot.owed) else {
            return true;
        };
        if !owed.objects {
            return true;
        }
        match insist(self.hands.memory(), &DestroyTask { task }) {
            Ok(Progress::More) => return false,
            // With the objects their capabilities went, wherever they stood. Should one be left by an error of the
            // memory-server's, whoever is made in its place next finds the slot taken, and then it is looked for.
            Ok(Progress::Done) => owed.slots = false,
            // It has nothing of the task and cannot be made to; the slots are looked at below.
            Err(_) => self.alarm(),
        }
        owed.objects = false;
        self.tasks.owe(task, owed);
        true
    }

    /// The end of an end: nothing is left but a ticket, a place, and those who wait to hear of it.
    pub(crate) fn bury(&mut self, task: TaskId) {
        let Some(slot) = self.tasks.get(task) else {
            return;
        };
        let (owed, life) = (slot.owed, slot.life());
        if owed.slots {
            let places: heapless::Vec<u32, { TASK_THREADS as usize + 1 }> =
                slot.all_places().collect();
            for thread in places {
                self.clear(thread);
            }
        }
        if owed.ticket {
            let ending = match life {
                Lifecycle::Ending(Ending::Told(reason)) => reason.into(),
                _ => events::Ending::NeverRan,
            };
            match insist(self.hands.limits(), &EndTask { task, ending }) {
                // It opened many groups. It stays in the queue, and this goes on when it is its turn again.
                Ok(Progress::More) => return,
                ended => self.expect(ended.is_ok()),
            }
        }
        // Their own entries name the task, so they leave while it is still there.
        while let Some((waiter, ..)) = self.waiters.first_aimed_at(&self.tasks, task) {
            self.answer::<Kill>(waiter, &Ok(()));
        }
        self.jobs.gone(task);
        match self.tasks.remove(task) {
            Ok(Gone {
                parent: Some(parent),
                ended: Some(ended),
            }) => self.tell(parent, ended),
            Ok(_) => {}
            Err(_) => self.alarm(),
        }
        self.end_broken_fork(task);
    }

    /// Waits for a child's end, until this reading of the clock if there is one.
    pub(crate) fn wait_for_child_till(
        &mut self,
        caller: Caller,
        child: Option<TaskId>,
        until: Option<Clock>,
    ) -> Answer<Ended, WaitRefusal> {
        let Some(task) = self.who(caller) else {
            return Answer::Now(Err(WaitRefusal::NoChildren));
        };
        if let Some(ended) = self
            .tasks
            .get_mut(task)
            .and_then(|slot| slot.ends.take(child))
        {
            return Answer::Now(Ok(ended));
        }
        let possible = match child {
            Some(child) if self.tasks.is_child(child, task) => Ok(()),
            Some(_) => Err(WaitRefusal::NotAChild),
            None if self.child_count(task) > 0 => Ok(()),
            None => Err(WaitRefusal::NoChildren),
        };
        if let Err(refusal) = possible {
            return Answer::Now(Err(refusal));
        }
        if until.is_some_and(|until| until.ns <= self.hands.now()) {
            return Answer::Now(Err(WaitRefusal::TimedOut));
        }
        let Ok(waiter) = self.keep_waiting(task, Awaits::Child(child)) else {
            return Answer::Now(Err(WaitRefusal::TableFull));
        };
        if let Some(until) = until {
            self.wake_at(waiter, until.ns);
        }
        Answer::Later
    }

    /// Ends another task; answered when it is gone.
    pub(crate) fn kill_task(&mut self, caller: Caller, target: TaskId) -> Answer<(), TaskRefusal> {
        let Some(task) = self.who(caller) else {
            return Answer::Now(Err(TaskRefusal::UnknownTask));
        };
        if target == task || !self.sees(task, target) {
            return Answer::Now(Err(TaskRefusal::UnknownTask));
        }
        if self.keep_waiting(task, Awaits::Killed(target)).is_err() {
            return Answer::Now(Err(TaskRefusal::TableFull));
        }
        self.begin_ending(target, ExitReason::Killed { by: task });
        Answer::Later
    }

    /// Ends one of the caller's further threads.
    pub(crate) fn end_further_thread(
        &mut self,
        caller: Caller,
        request: EndThread,
    ) -> Answer<(), ThreadRefusal> {
        let EndThread { number, myself } = request;
        let place = self
            .who(caller)
            .and_then(|task| Some((task, self.tasks.thread(task, number)?)));
        let Some((task, thread)) = place.filter(|_| number != 0) else {
            return Answer::Now(Err(ThreadRefusal::UnknownThread));
        };
        if !self.rest(task, thread, number) {
            self.take_thread(task, thread, number, ALL_OWED);
        }
        // One that ends itself waits for nothing else. Nobody has to say so truthfully: nobody has more waiters than threads.
        let threads = self
            .tasks
            .get(task)
            .map_or(0, |slot| slot.thread_places().count());
        if !myself || self.waiters.of(&self.tasks, task).count() > threads {
            self.drop_stale(task);
        }
        while let Some((waiter, _)) =
            self.first_waiter(task, |awaits| awaits == Awaits::Thread(number))
        {
            self.answer::<JoinThread>(waiter, &Ok(()));
        }
        if myself {
            Answer::Later
        } else {
            Answer::Now(Ok(()))
        }
    }

    /// Waits until one of the caller's further threads is gone.
    pub(crate) fn wait_for_thread(
        &mut self,
        caller: Caller,
        number: u32,
    ) -> Answer<(), ThreadRefusal> {
        let task = self
            .who(caller)
            .filter(|&task| number != 0 && self.tasks.thread(task, number).is_some());
        let Some(task) = task else {
            return Answer::Now(Err(ThreadRefusal::UnknownThread));
        };
        match self.keep_waiting(task, Awaits::Thread(number)) {
            Ok(_) => Answer::Later,
            Err(Full) => Answer::Now(Err(ThreadRefusal::TableFull)),
        }
    }

    /// Keeps the reply capability of whoever is being served. Returns the waiter's number.
    ///
    /// A task has at most as many waiters as threads. If it seems to have more, then some of its requests were sent
    /// without waiting for an answer, or their threads are gone; those leave first.
    pub(crate) fn keep_waiting(&mut self, task: TaskId, awaits: Awaits) -> Result<u32, Full> {
        // Mostly it has none: then there is nothing to count.
        if self.waiters.of(&self.tasks, task).next().is_some() {
            let threads = self
                .tasks
                .get(task)
                .map_or(0, |slot| slot.thread_places().count());
            if self.waiters.of(&self.tasks, task).count() >= threads {
                self.drop_stale(task);
            }
            if self.waiters.of(&self.tasks, task).count() >= threads {
                return Err(Full);
            }
        }
        let waiter = self.waiters.add(&mut self.tasks, task, awaits)?;
        if self.hands.keep_reply(waiter).is_err() {
            self.alarm();
            self.forget(waiter);
            return Err(Full);
        }
        Ok(waiter)
    }

    /// Whether a task may read and kill another that runs or ends: a descendant, or one in a group strictly below
    /// its own.
    pub(crate) fn sees(&mut self, task: TaskId, target: TaskId) -> bool {
        let Some(slot) = self.tasks.get(target) else {
            return false;
        };
        let known = match slot.life() {
            Lifecycle::Running | Lifecycle::Ending(Ending::Told(_)) => true,
            Lifecycle::Ending(Ending::Silent)
            | Lifecycle::Building
            | Lifecycle::Vacant
            | Lifecycle::Retired => false,
        };
        known
            && (self.tasks.is_descendant(target, task)
                || self
                    .group_now(target)
                    .is_some_and(|group| self.is_below(group, task)))
    }

    /// The group that a task is in now, as the limits-server says; where it was born while that is being killed.
    pub(crate) fn group_now(&mut self, task: TaskId) -> Option<GroupId> {
        let ask = ChargeTask {
            task,
            amounts: Amounts::NONE,
        };
        match call(self.hands.limits(), &ask) {
            Ok(group) => Some(group),
            Err(_) => self.tasks.get(task).map(Task::group),
        }
    }

    /// Whether a group is strictly below the one that a task is in, as the limits-server says.
    pub(crate) fn is_below(&mut self, group: GroupId, task: TaskId) -> bool {
        call(self.hands.limits(), &IsBelow { group, task }).unwrap_or(false)
    }

    pub(crate) fn child_count(&self, task: TaskId) -> u32 {
        self.tasks.get(task).map_or(0, Task::child_count)
    }

    /// Takes one report from the memory-server.
    fn take_report(&mut self) {
        match call(self.hands.memory(), &TakeReport {}) {
            Ok(Some(report)) => self.begin_ending(report.task, ExitReason::Fault(report.cause)),
            Ok(None) => self.news = false,
            Err(_) => {
                self.alarm();
                self.news = false;
            }
        }
    }

    /// Tells a parent of a child's end: whoever of its threads waits for it, or the ring of kept ends. Those who
    /// can wait for nothing any more are told so.
    fn tell(&mut self, parent: TaskId, ended: Ended) {
        let child = ended.task;
        let ended = Ended {
            task: child,
            reason: self.discreet(parent, ended.reason),
        };
        let theirs = |awaits| matches!(awaits, Awaits::Child(which) if which.is_none_or(|which| which == child));
        if let Some((waiter, _)) = self.first_waiter(parent, theirs) {
            self.answer::<Wait>(waiter, &Ok(ended));
        } else if let Some(slot) = self.tasks.get_mut(parent) {
            slot.ends.keep(ended);
        }
        let alone = self.child_count(parent) == 0;
        while let Some((waiter, awaits)) = self.first_waiter(parent, |awaits| match awaits {
            Awaits::Child(Some(which)) => which == child,
            Awaits::Child(None) => alone,
            _ => false,
        }) {
            let refusal = match awaits {
                Awaits::Child(None) => WaitRefusal::NoChildren,
                _ => WaitRefusal::NotAChild,
            };
            self.answer::<Wait>(waiter, &Err(refusal));
        }
    }

    /// The reason as the parent may know it: a group above its own stays unnamed.
    fn discreet(&mut self, parent: TaskId, reason: ExitReason) -> ExitReason {
        let ExitReason::Fault(Cause::NoFrame(Shortage {
            group: Some(group), ..
        })) = reason
        else {
            return reason;
        };
        let own = self.group_now(parent);
        if own == Some(group) || self.is_below(group, parent) {
            return reason;
        }
        match reason {
            ExitReason::Fault(Cause::NoFrame(shortage)) => {
                ExitReason::Fault(Cause::NoFrame(Shortage {
                    group: None,
                    ..shortage
                }))
            }
            other => other,
        }
    }

    /// The oldest of a task's waiters that waits for such a thing.
    pub(crate) fn first_waiter(
        &self,
        task: TaskId,
        wanted: impl Fn(Awaits) -> bool,
    ) -> Option<(u32, Awaits)> {
        self.waiters
            .of(&self.tasks, task)
            .find(|&(_, awaits)| wanted(awaits))
    }

    /// Drops those of a task's waiters whom no answer can reach.
    fn drop_stale(&mut self, task: TaskId) {
        let all: heapless::Vec<u32, { TASK_THREADS as usize }> = self
            .waiters
            .of(&self.tasks, task)
            .map(|(waiter, _)| waiter)
            .take(TASK_THREADS as usize)
            .collect();
        for waiter in all {
            if self.hands.reply_is_gone(waiter) {
                self.forget(waiter);
            }
        }
    }

    /// A waiter leaves without an answer.
    fn forget(&mut self, waiter: u32) {
        match self.leave(waiter) {
            Some(Awaits::Group(job)) => self.jobs.forget(job),
            Some(Awaits::Freeze(job)) => self.freeze_waits(job, None),
            Some(Awaits::Fork(job)) => self.leave_fork(job, waiter),
            _ => {}
        }
    }
}

const _: () = assert!(process::KEPT_ENDS > 0, "an end can be kept");
