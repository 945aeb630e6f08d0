//! Kills of whole groups, and what an operator can ask about groups.

use interfaces::accounting::{
    self, AbandonKill, BeginKill, EndTask, FinishKill, KillRefusal, NextVictim, OwnRecords,
    OwnUsage, Receipt,
};
use interfaces::call::Answer;
use interfaces::events::Ending;
use interfaces::identity::Caller;
use interfaces::process::{
    AuditResult, ExitReason, Figures, KillGroup, KillGroupRefusal, OperatorRefusal, TaskAccount,
    TaskRefusal,
};
use interfaces::provision::{Holdings, PoolFigures, ProgramName, Progress, ReadPool, Revoke};
use interfaces::{Amounts, CallError, GroupId, Resource, TaskId, call};

use crate::hands::{Hands, insist};
use crate::server::ProcServer;
use crate::task::Task;
use crate::waiting::Awaits;

impl<H: Hands> ProcServer<'_, H> {
    /// Kills a group; answered with the receipt.
    ///
    /// The caller's reply capability is kept before the group is closed, so that nothing has been done when there is
    /// no room for it; a refusal of the limits-server is then answered through it.
    pub(crate) fn kill_whole_group(
        &mut self,
        caller: Caller,
        group: GroupId,
    ) -> Answer<Receipt, KillGroupRefusal> {
        let Some(task) = self.who(caller) else {
            return Answer::Now(Err(KillGroupRefusal::Kill(KillRefusal::NotYours)));
        };
        let Some(job) = self.jobs.begin(group, caller.is_operator()) else {
            return Answer::Now(Err(KillGroupRefusal::TableFull));
        };
        let Ok(waiter) = self.keep_waiting(task, Awaits::Group(job)) else {
            self.jobs.finish(job);
            return Answer::Now(Err(KillGroupRefusal::TableFull));
        };
        self.jobs.wait(job, waiter);
        let begin = BeginKill {
            group,
            by: Some(task),
        };
        if let Err(error) = call(self.hands.limits(), &begin) {
            let refusal = self.kill_refused(error);
            self.end_job(job, Err(refusal));
        }
        Answer::Later
    }

    /// Does one step of the kill whose turn it is.
    pub(crate) fn kill_on(&mut self) {
        let Some((job, group)) = self.jobs.turn() else {
            return;
        };
        match insist(self.hands.limits(), &NextVictim { group }) {
            Ok(Some(victim)) if self.tasks.get(victim).is_some() => {
                self.jobs.hunt(job, victim);
                if self.break_fork_of(victim) {
                    return;
                }
                self.begin_ending(victim, ExitReason::GroupKilled { group });
            }
            Ok(Some(stranger)) => self.strike_off(job, stranger),
            Ok(None) => self.ask_for_receipt(job, group),
            // It has looked far enough for one turn.
            Err(CallError::Refused(KillRefusal::More)) => {}
            Err(error) => {
                let refusal = self.kill_refused(error);
                self.end_job(job, Err(refusal));
            }
        }
    }

    /// What is known of a task.
    pub(crate) fn account_of(
        &mut self,
        caller: Caller,
        target: Option<TaskId>,
    ) -> Result<TaskAccount, TaskRefusal> {
        let task = self.who(caller).ok_or(TaskRefusal::UnknownTask)?;
        let target = target.unwrap_or(task);
        if target != task && !self.sees(task, target) {
            return Err(TaskRefusal::UnknownTask);
        }
        let parent = self.tasks.parent(target);
        let parent = parent.filter(|&parent| self.may_name(task, parent));
        let slot = self.tasks.get(target).ok_or(TaskRefusal::UnknownTask)?;
        let program = self.programs.get(slot.program());
        Ok(TaskAccount {
            task: target,
            parent,
            group: slot.group(),
            program: program.map_or_else(ProgramName::default, |info| info.name.clone()),
            threads: u32::try_from(slot.thread_places().count()).unwrap_or(u32::MAX),
            children: slot.child_count(),
            lost_ends: slot.ends().lost(),
        })
    }

    /// What the ledger says of a group, and what is there: the memory-server's recount, the tasks and threads here,
    /// and what the ledger itself keeps. Equal, unless something in the group changes while it is asked.
    pub(crate) fn compare(
        &mut self,
        caller: Caller,
        group: GroupId,
    ) -> Result<AuditResult, OperatorRefusal> {
        operator(caller)?;
        let unknown = OperatorRefusal::UnknownGroup;
        let ledger = call(self.hands.limits(), &OwnUsage { group }).map_err(|_| unknown)?;
        let records = call(self.hands.limits(), &OwnRecords { group }).map_err(|_| unknown)?;
        let memory = call(self.hands.memory(), &Holdings { group }).map_err(|_| unknown)?;
        let here = self.recount(group);
        let held = memory
            .checked_add(&records)
            .and_then(|held| held.checked_add(&here))
            .ok_or(unknown)?;
        Ok(AuditResult { ledger, held })
    }

    /// The group after one in a walk over all.
    pub(crate) fn group_after(
        &mut self,
        caller: Caller,
        after: Option<GroupId>,
    ) -> Result<Option<GroupId>, OperatorRefusal> {
        operator(caller)?;
        let next = accounting::NextGroup {
            top: GroupId::ROOT,
            after,
        };
        call(self.hands.limits(), &next).map_err(|_| OperatorRefusal::UnknownGroup)
    }

    /// The figures of this server.
    pub(crate) fn figures(&self, caller: Caller) -> Result<Figures, OperatorRefusal> {
        operator(caller)?;
        Ok(Figures {
            tasks: u64::from(self.tasks.tasks_taken()),
            threads: u64::from(self.tasks.threads_taken()),
            thread_room: u64::try_from(self.tasks.thread_room()).unwrap_or(u64::MAX),
            births: self.counts.births,
            unconfirmed: self.counts.unconfirmed,
            protocol_errors: self.counts.protocol_errors,
            alarms: self.counts.alarms,
        })
    }

    /// The memory-server's pool.
    pub(crate) fn pool(&mut self, caller: Caller) -> Result<PoolFigures, OperatorRefusal> {
        operator(caller)?;
        call(self.hands.memory(), &ReadPool {}).map_err(|_| OperatorRefusal::NotOperator)
    }

    /// The tasks and threads that are in a group now: every task is asked after, because it may have gone further
    /// down by itself.
    fn recount(&mut self, group: GroupId) -> Amounts {
        let (mut tasks, mut threads) = (0_u64, 0_u64);
        for place in self.tasks.places() {
            if let Some((task, more)) = self.tasks.counted(place)
                && self.group_now(task) == Some(group)
            {
                tasks = tasks.saturating_add(1);
                threads = threads.saturating_add(more);
            }
        }
        Amounts::of(Resource::Tasks, tasks).with(Resource::Threads, threads)
    }

    /// Whether a task may be told that another is somebody's parent: itself, one of its own group, or one that it
    /// may read.
    fn may_name(&mut self, task: TaskId, parent: TaskId) -> bool {
        let group = |of: TaskId| self.tasks.get(of).map(Task::group);
        parent == task || group(parent) == group(task) || self.sees(task, parent)
    }

    /// The ledger knows a task that is not here. It cannot be ended, so its charges are given back.
    fn strike_off(&mut self, job: u32, stranger: TaskId) {
        self.alarm();
        let end = EndTask {
            task: stranger,
            ending: Ending::NeverRan,
        };
        let ended = call(self.hands.limits(), &end);
        if ended.is_err() && self.jobs.not_empty(job, false) {
            if let Some(group) = self.jobs.group(job) {
                self.abandon(group);
            }
            self.end_job(job, Err(KillGroupRefusal::Kill(KillRefusal::NotEmpty)));
        }
    }

    /// Nobody is left in the group, so everything should have come back. If not, a death is still in progress, or
    /// something is lost; then the waiter is told after a while, and the group is opened again: closed for ever it would
    /// be of no use to anybody, and could not even be killed once more.
    fn ask_for_receipt(&mut self, job: u32, group: GroupId) {
        match insist(self.hands.limits(), &FinishKill { group }) {
            Ok(receipt) => self.end_job(job, Ok(receipt)),
            Err(CallError::Refused(KillRefusal::NotEmpty)) => {
                // Whatever else on the machine is ending: who ends tasks all day must not keep others' kills waiting.
                if self.revoke_on(job, group) {
                    return;
                }
                let deaths = self.tasks.first_ending().is_some();
                if self.jobs.not_empty(job, deaths) {
                    self.alarm();
                    self.abandon(group);
                    self.end_job(job, Err(KillGroupRefusal::Kill(KillRefusal::NotEmpty)));
                }
            }
            Err(error) => {
                let refusal = self.kill_refused(error);
                self.end_job(job, Err(refusal));
            }
        }
    }

    /// Takes back a slice of what the killed groups pay for although nobody of theirs is left: memory that tasks
    /// elsewhere share. Returns whether there was something to do.
    fn revoke_on(&mut self, job: u32, top: GroupId) -> bool {
        let Some(group) = self.jobs.to_revoke(job) else {
            return false;
        };
        if insist(self.hands.memory(), &Revoke { group }) == Ok(Progress::More) {
            return true;
        }
        let after = Some(group);
        let next = call(self.hands.limits(), &accounting::NextGroup { top, after });
        self.jobs.revoke_next(job, next.ok().flatten());
        true
    }

    /// Lets a group be that could not be emptied.
    fn abandon(&mut self, group: GroupId) {
        let abandoned = insist(self.hands.limits(), &AbandonKill { group });
        self.expect(abandoned.is_ok());
    }

    fn end_job(&mut self, job: u32, result: Result<Receipt, KillGroupRefusal>) {
        if let Some(waiter) = self.jobs.finish(job).and_then(|job| job.waiter) {
            self.answer::<KillGroup>(waiter, &result);
        }
    }

    fn kill_refused(&mut self, error: CallError<KillRefusal>) -> KillGroupRefusal {
        KillGroupRefusal::Kill(match error {
            CallError::Refused(refusal) => refusal,
            CallError::Protocol(_) => {
                self.alarm();
                KillRefusal::NotKilling
            }
        })
    }
}

pub(crate) fn operator(caller: Caller) -> Result<(), OperatorRefusal> {
    if caller.is_operator() {
        Ok(())
    } else {
        Err(OperatorRefusal::NotOperator)
    }
}
