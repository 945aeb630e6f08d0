//! The register of tasks: who was announced, who was born, which group each is in, who paid for what.
//!
//! A **ticket** announces a thread and charges everything it will be made of, at once or not at all. The kernel's
//! **birth notice** makes it real; without a ticket it is an alarm. The **end** gives back what the tickets charged,
//! to who paid.
//!
//! The ledger counts tasks and threads itself: one per ticket, whatever the vector says, charged to the group that
//! the task is in and moving with it. The rest of the vector stays with the group that paid, wherever the task
//! goes, and that group lives on as long. Further threads are made of what the task's own group of birth pays for: one
//! group answers for all that a task is made of, and killing it ends the task.

use interfaces::accounting::{
    Admitted, ConfirmRefusal, CredentialsRefusal, EndRefusal, FewTicket, ThreadTicket, Ticket,
    TicketRefusal, WakeThread,
};
use interfaces::events::Ending;
use interfaces::identity::{Caller, TaskTag};
use interfaces::provision::Progress;
use interfaces::{Amounts, GroupId, Resource, TaskId};

use crate::climb::{self, Parts, gather, parts};
use crate::group::ROOT;
use crate::ledger::Ledger;
use crate::list::{self, Links, NONE, at, at_mut};
use crate::news::News;

/// Levels of the tree that one request walks to let go of groups: some tens of thousands of instructions.
pub const LET_GO: u32 = 2048;

/// What a record costs, in levels of the tree walked.
const RECORD_LEVELS: u32 = 8;
/// What a group costs that vanishes, wherever it is, in levels of the tree walked.
const VANISHING_LEVELS: u32 = 48;

/// How far a task or thread has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// There is none.
    Vacant,
    /// It has a ticket; the kernel has not reported it.
    Expected,
    /// The kernel has reported it.
    Born,
    /// It has ended, and its task keeps what it was made of for its next thread. Of threads only.
    Resting,
}

/// Room for one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSlot {
    pub(crate) stage: Stage,
    pub(crate) generation: u32,
    /// What the badges of its requests say of it, once it is born; nobody's before: each request's is compared with it.
    pub(crate) tag: TaskTag,
    /// The group it is in.
    pub(crate) group: u32,
    /// Its neighbours in that group.
    pub(crate) neighbours: Links,
    /// The oldest group that it holds on to.
    pub(crate) first_opened: u32,
    /// The oldest entry of rights that it has been given.
    pub(crate) first_entry: u32,
    /// Whose it is.
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Its first thread.
    pub(crate) first_thread: u32,
    /// Its threads, but for those that rest.
    pub(crate) threads: u32,
    /// Who spawned it.
    pub(crate) parent: Option<TaskId>,
    /// Whether the walk of a snapshot may stand on it.
    pub(crate) walked: bool,
    /// Whether the proc-server was told that it is to stand still.
    pub(crate) still: bool,
}

impl TaskSlot {
    /// Room for a task, empty.
    pub const VACANT: Self = Self {
        stage: Stage::Vacant,
        generation: 0,
        tag: TaskTag::NOBODY,
        group: NONE,
        neighbours: Links::LOOSE,
        first_opened: NONE,
        first_entry: NONE,
        uid: 0,
        gid: 0,
        first_thread: NONE,
        threads: 0,
        parent: None,
        walked: false,
        still: false,
    };
}

/// Room for one thread, and what its ticket charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadSlot {
    /// What its ticket charged, but for the counts of tasks and threads.
    pub(crate) paid: Amounts,
    pub(crate) stage: Stage,
    /// Its task.
    pub(crate) task: u32,
    /// The group that paid.
    pub(crate) payer: u32,
    /// Its neighbours among the threads of its task.
    pub(crate) of_task: Links,
    /// Its neighbours among the threads that its payer pays for.
    pub(crate) of_payer: Links,
}

impl ThreadSlot {
    /// Room for a thread, empty.
    pub const VACANT: Self = Self {
        paid: Amounts::NONE,
        stage: Stage::Vacant,
        task: NONE,
        payer: NONE,
        of_task: Links::LOOSE,
        of_payer: Links::LOOSE,
    };
}

/// What the ledger counts itself for a task with so many threads.
pub(crate) const fn counts(tasks: u64, threads: u32) -> Amounts {
    Amounts::of(Resource::Tasks, tasks).with(Resource::Threads, threads as u64)
}

fn without_counts(amounts: &Amounts) -> Amounts {
    amounts.with(Resource::Tasks, 0).with(Resource::Threads, 0)
}

impl Ledger<'_> {
    /// Opens a birth ticket for a task: charges the whole vector, or nothing, and expects the birth of its thread.
    ///
    /// Without a group it is its parent's, without a parent the root.
    pub fn ticket(&mut self, ticket: &Ticket) -> Result<Admitted, TicketRefusal> {
        let Ticket {
            thread,
            task,
            parent,
            group,
            amounts,
        } = *ticket;
        let index = self.place_for(thread, task, parent, group)?;
        let paid = without_counts(&amounts);
        self.charge_at(index, NONE, &with_counts(&paid, 1))?;
        Ok(self.announce(thread, task, parent, index, paid))
    }

    /// The same for one in its short form. Most that are refused are refused for a limit, so nothing but the charge is made
    /// before that is known.
    pub fn few_ticket(&mut self, ticket: FewTicket) -> Result<Admitted, TicketRefusal> {
        let FewTicket {
            thread,
            task,
            parent,
            group,
            price,
        } = ticket;
        let index = self.place_for(thread, task, parent, group)?;
        let paid = if let Some(parts) = price.usual() {
            self.charge_parts(index, NONE, &parts)?;
            Amounts::of_parts(parts)
        } else {
            let mut parts = Parts::new();
            gather(price.parts(), &mut parts);
            self.charge_parts(index, NONE, &parts)?;
            price.amounts()
        };
        let paid = without_counts(&paid);
        Ok(self.announce(thread, task, parent, index, paid))
    }

    /// The place of the group of a task to be, if there is room for the task and it may be born there.
    #[inline]
    fn place_for(
        &self,
        thread: u32,
        task: TaskId,
        parent: Option<TaskId>,
        group: Option<GroupId>,
    ) -> Result<u32, TicketRefusal> {
        self.vacant(thread)?;
        let place = at(self.tasks, task.index).ok_or(TicketRefusal::BadPlace)?;
        if place.stage != Stage::Vacant {
            return Err(TicketRefusal::BadPlace);
        }
        let home = match parent {
            None => ROOT,
            Some(parent) => self.home_of(parent).ok_or(TicketRefusal::UnknownTask)?,
        };
        let index = match group {
            None => home,
            Some(group) => self.locate(group).ok_or(TicketRefusal::UnknownGroup)?,
        };
        if !self.is_within(index, home) {
            return Err(TicketRefusal::UnknownGroup);
        }
        Ok(index)
    }

    /// Announces a task that was charged, and its thread.
    fn announce(
        &mut self,
        thread: u32,
        task: TaskId,
        parent: Option<TaskId>,
        index: u32,
        paid: Amounts,
    ) -> Admitted {
        let (uid, gid) = parent
            .and_then(|parent| at(self.tasks, parent.index))
            .map_or((0, 0), |parent| (parent.uid, parent.gid));
        let still = self.is_frozen(index);
        if let Some(slot) = at_mut(self.tasks, task.index) {
            *slot = TaskSlot {
                stage: Stage::Expected,
                generation: task.generation,
                uid,
                gid,
                parent,
                still,
                ..TaskSlot::VACANT
            };
        }
        self.enter(task.index, index);
        self.expect(thread, task.index, index, paid);
        self.admitted(index)
    }

    /// Opens a birth ticket for a further thread of a task that is born.
    pub fn thread_ticket(&mut self, ticket: &ThreadTicket) -> Result<Admitted, TicketRefusal> {
        let ThreadTicket {
            thread,
            task,
            amounts,
        } = ticket;
        self.vacant(*thread)?;
        let index = self.home_of(*task).ok_or(TicketRefusal::UnknownTask)?;
        let paid = without_counts(amounts);
        let payer = self.birth_payer(task.index).unwrap_or(index);
        if payer == index {
            self.charge_at(index, NONE, &with_counts(&paid, 0))?;
        } else {
            let counts = with_counts(&Amounts::NONE, 0);
            // Looked at first, so that a refusal here leaves no peak there.
            climb::admit(self.groups, &self.bounds, index, NONE, &parts(&counts))
                .map_err(|denied| self.refuse(denied))?;
            self.charge_at(payer, NONE, &paid)?;
            // The two have no resource in common.
            self.charge_at(index, NONE, &counts)?;
        }
        self.expect(*thread, task.index, payer, paid);
        Ok(self.admitted(index))
    }

    /// The group that paid for a task's first thread, and so for all that it is made of.
    fn birth_payer(&self, task: u32) -> Option<u32> {
        let first = at(self.tasks, task)?.first_thread;
        at(self.threads, first).map(|slot| slot.payer)
    }

    fn vacant(&self, thread: u32) -> Result<(), TicketRefusal> {
        match at(self.threads, thread) {
            Some(slot) if slot.stage == Stage::Vacant => Ok(()),
            _ => Err(TicketRefusal::BadPlace),
        }
    }

    /// Notes an announced thread with its task and with who pays for it.
    fn expect(&mut self, thread: u32, task: u32, payer: u32, paid: Amounts) {
        if let Some(slot) = at_mut(self.threads, thread) {
            *slot = ThreadSlot {
                paid,
                stage: Stage::Expected,
                task,
                payer,
                ..ThreadSlot::VACANT
            };
        }
        if let Some(slot) = at_mut(self.tasks, task) {
            slot.threads = slot.threads.wrapping_add(1);
            slot.first_thread = list::append(self.threads, slot.first_thread, thread, |slot| {
                &mut slot.of_task
            });
        }
        if let Some(slot) = at_mut(self.groups, payer) {
            slot.first_paid = list::append(self.threads, slot.first_paid, thread, |slot| {
                &mut slot.of_payer
            });
        }
    }

    /// Puts a task into a group's list.
    pub(crate) fn enter(&mut self, task: u32, group: u32) {
        if let Some(slot) = at_mut(self.tasks, task) {
            slot.group = group;
        }
        if let Some(slot) = at_mut(self.groups, group) {
            slot.tasks = slot.tasks.wrapping_add(1);
            slot.first_task = list::append(self.tasks, slot.first_task, task, |slot| {
                &mut slot.neighbours
            });
        }
    }

    /// Takes a task out of its group's list.
    pub(crate) fn leave(&mut self, task: u32, group: u32) {
        if at(self.tasks, task).is_some_and(|slot| slot.walked) {
            self.walk_past_task(task);
        }
        self.frost.step_over(self.tasks, task);
        if let Some(slot) = at_mut(self.groups, group) {
            slot.tasks = slot.tasks.wrapping_sub(1);
            slot.first_task = list::remove(self.tasks, slot.first_task, task, |slot| {
                &mut slot.neighbours
            });
        }
    }

    /// The kernel reports that a new thread wants to run. Says whether a ticket had announced it; if none had, that
    /// is an alarm.
    pub fn birth_notice(&mut self, thread: u32) -> bool {
        let expected = at_mut(self.threads, thread).filter(|slot| slot.stage == Stage::Expected);
        let Some(slot) = expected else {
            self.alarms.births_without_ticket = self.alarms.births_without_ticket.saturating_add(1);
            return false;
        };
        slot.stage = Stage::Born;
        let index = slot.task;
        // A further thread's task is born already; this changes nothing then.
        if let Some(slot) = at_mut(self.tasks, index)
            && slot.stage == Stage::Expected
        {
            slot.stage = Stage::Born;
            slot.tag = TaskTag::new(index, slot.generation);
            let (group, parent) = (slot.group, slot.parent);
            let task = self.task_id(index);
            self.tell(group, News::Born { task, parent });
        }
        true
    }

    /// Whether the kernel has reported the birth of a thread.
    pub fn confirm(&self, thread: u32) -> Result<(), ConfirmRefusal> {
        match at(self.threads, thread).map(|slot| slot.stage) {
            Some(Stage::Born) => Ok(()),
            Some(Stage::Expected) => Err(ConfirmRefusal::NotBorn),
            Some(Stage::Vacant | Stage::Resting) | None => Err(ConfirmRefusal::NoTicket),
        }
    }

    /// A thread that is not its task's first is gone, or was never made: gives back what its ticket charged.
    pub fn end_thread(&mut self, thread: u32) -> Result<(), EndRefusal> {
        let (home, stage) = self.further(thread)?;
        let counted = u32::from(stage != Stage::Resting);
        let due = self.strike(thread, home, counts(0, counted));
        self.give_back(home, &parts(&due));
        // The task is still there, and keeps its group.
        Ok(())
    }

    /// A thread that is not its task's first has ended, and its task keeps what it is made of: only its count comes back.
    pub fn rest_thread(&mut self, thread: u32) -> Result<(), EndRefusal> {
        let (home, stage) = self.further(thread)?;
        if stage != Stage::Born {
            return Err(EndRefusal::Unknown);
        }
        let Some(slot) = at_mut(self.threads, thread) else {
            return Err(EndRefusal::Unknown);
        };
        slot.stage = Stage::Resting;
        if let Some(slot) = at_mut(self.tasks, slot.task) {
            slot.threads = slot.threads.wrapping_sub(1);
        }
        self.give_back(home, &parts(&counts(0, 1)));
        Ok(())
    }

    /// Opens a ticket for a thread that rests: what it is made of is charged already, to where its task was born.
    pub fn wake_thread(&mut self, wake: WakeThread) -> Result<Admitted, TicketRefusal> {
        let WakeThread { thread, task } = wake;
        let index = self.home_of(task).ok_or(TicketRefusal::UnknownTask)?;
        let rests = |slot: &&ThreadSlot| slot.stage == Stage::Resting && slot.task == task.index;
        let slot = at(self.threads, thread).filter(rests);
        let payer = slot.ok_or(TicketRefusal::BadPlace)?.payer;
        if payer != index {
            // Whoever is killed there ends with it, wherever they are, so they begin nothing either.
            climb::admit(self.groups, &self.bounds, payer, NONE, &[])
                .map_err(|denied| self.refuse(denied))?;
        }
        self.charge_at(index, NONE, &counts(0, 1))?;
        if let Some(slot) = at_mut(self.threads, thread) {
            slot.stage = Stage::Expected;
        }
        if let Some(slot) = at_mut(self.tasks, task.index) {
            slot.threads = slot.threads.wrapping_add(1);
        }
        Ok(self.admitted(index))
    }

    /// The group that a thread's task is in, and how far the thread has come, if it is not the task's first.
    fn further(&self, thread: u32) -> Result<(u32, Stage), EndRefusal> {
        let slot = at(self.threads, thread).filter(|slot| slot.stage != Stage::Vacant);
        let slot = slot.ok_or(EndRefusal::Unknown)?;
        let owner = at(self.tasks, slot.task).ok_or(EndRefusal::Unknown)?;
        if owner.first_thread == thread {
            return Err(EndRefusal::FirstThread);
        }
        Ok((owner.group, slot.stage))
    }

    /// Lets go of some of what a task opened, before it is ended: at most so many groups that [`LET_GO`] levels of the
    /// tree are walked for them (and what the last of them takes). `Done` if it holds on to none any more.
    ///
    /// Every group that vanishes costs a walk to the root. A task may open thousands at the end of a long branch; in
    /// one go their walks together would keep everybody else waiting for seconds.
    pub fn let_go_of_some(&mut self, task: TaskId) -> Result<Progress, EndRefusal> {
        let index = self.known(task).ok_or(EndRefusal::Unknown)?;
        let mut left = LET_GO;
        while let Some(opened) = at(self.tasks, index).map(|slot| slot.first_opened)
            && opened != NONE
        {
            if left == 0 {
                return Ok(Progress::More);
            }
            let depth = self.slot(opened).map_or(0, |slot| slot.depth);
            let before = self.alive;
            self.let_go(opened);
            let vanished = before.saturating_sub(self.alive);
            let mut walked = match vanished {
                0 => 1,
                some => depth.saturating_add(some.saturating_mul(VANISHING_LEVELS)),
            };
            if !self.rings.are_quiet() {
                // Telling so walks up once more, and writes to every ring that hears of it.
                let records = self.rings.watching.saturating_mul(RECORD_LEVELS);
                walked = walked.saturating_mul(2).saturating_add(records);
            }
            left = left.saturating_sub(walked);
        }
        while let Some(entry) = at(self.tasks, index).map(|slot| slot.first_entry)
            && entry != NONE
        {
            if left == 0 {
                return Ok(Progress::More);
            }
            let group = self.entries.get(entry).map_or(NONE, |entry| entry.group);
            let depth = self.slot(group).map_or(0, |slot| slot.depth);
            self.drop_entry(entry);
            left = left.saturating_sub(depth.max(4));
        }
        Ok(Progress::Done)
    }

    /// [`Ledger::end_task_as`] for a task that never ran.
    pub fn end_task(&mut self, task: TaskId) -> Result<(), EndRefusal> {
        self.end_task_as(task, Ending::NeverRan)
    }

    /// A task is gone, or was never made: gives back what its tickets charged and lets go of what it opened. Whoever
    /// watches is told how it ended, if it was born.
    pub fn end_task_as(&mut self, task: TaskId, ending: Ending) -> Result<(), EndRefusal> {
        let index = self.known(task).ok_or(EndRefusal::Unknown)?;
        let slot = at(self.tasks, index).ok_or(EndRefusal::Unknown)?;
        let home = slot.group;
        let mut due = counts(1, slot.threads);
        while let Some(thread) = at(self.tasks, index).map(|slot| slot.first_thread)
            && thread != NONE
        {
            due = self.strike(thread, home, due);
        }
        while let Some(opened) = at(self.tasks, index).map(|slot| slot.first_opened)
            && opened != NONE
        {
            self.let_go(opened);
        }
        while let Some(entry) = at(self.tasks, index).map(|slot| slot.first_entry)
            && entry != NONE
        {
            self.drop_entry(entry);
        }
        self.leave(index, home);
        let was_born = self.born(task).is_some();
        if let Some(slot) = at_mut(self.tasks, index) {
            *slot = TaskSlot {
                generation: task.generation,
                ..TaskSlot::VACANT
            };
        }
        self.give_back(home, &parts(&due));
        if was_born {
            self.tell(home, News::Died { task, ending });
        }
        self.settle(home);
        Ok(())
    }

    /// Notes whose a task is.
    pub fn set_credentials(
        &mut self,
        task: TaskId,
        uid: u32,
        gid: u32,
    ) -> Result<(), CredentialsRefusal> {
        let known = self.known(task);
        let slot = known.and_then(|index| at_mut(self.tasks, index));
        let slot = slot.ok_or(CredentialsRefusal::UnknownTask)?;
        (slot.uid, slot.gid) = (uid, gid);
        self.recheck_watches(task);
        Ok(())
    }

    /// Strikes a thread from the register. What it cost its task's group is added to `due`, so that it goes back in
    /// one walk with everything else; what it cost another group goes back at once.
    fn strike(&mut self, thread: u32, home: u32, due: Amounts) -> Amounts {
        let Some(slot) = at(self.threads, thread) else {
            return due;
        };
        let (task, payer, paid) = (slot.task, slot.payer, slot.paid);
        let counted = u32::from(slot.stage != Stage::Resting);
        if let Some(slot) = at_mut(self.tasks, task) {
            slot.threads = slot.threads.wrapping_sub(counted);
            slot.first_thread = list::remove(self.threads, slot.first_thread, thread, |slot| {
                &mut slot.of_task
            });
        }
        if let Some(slot) = at_mut(self.groups, payer) {
            slot.first_paid = list::remove(self.threads, slot.first_paid, thread, |slot| {
                &mut slot.of_payer
            });
        }
        if let Some(slot) = at_mut(self.threads, thread) {
            *slot = ThreadSlot::VACANT;
        }
        // The sum is part of the group's usage, so it fits.
        if payer == home
            && let Some(sum) = due.checked_add(&paid)
        {
            return sum;
        }
        self.give_back(payer, &parts(&paid));
        self.settle(payer);
        due
    }

    /// Where a task is, if it is born.
    #[inline]
    pub(crate) fn home_of(&self, task: TaskId) -> Option<u32> {
        let index = self.born(task)?;
        at(self.tasks, index).map(|slot| slot.group)
    }

    /// The place of a task that is born.
    #[inline]
    pub(crate) fn born(&self, task: TaskId) -> Option<u32> {
        let slot = at(self.tasks, task.index)?;
        (slot.stage == Stage::Born && slot.generation == task.generation).then_some(task.index)
    }

    /// The place of a task that is born or announced.
    pub(crate) fn known(&self, task: TaskId) -> Option<u32> {
        let slot = at(self.tasks, task.index)?;
        (slot.stage != Stage::Vacant && slot.generation == task.generation).then_some(task.index)
    }

    /// Who asks with this badge, if it is a born task's.
    #[inline]
    #[must_use]
    pub fn asker(&self, badge: u64) -> Option<Caller> {
        let slot = at(self.tasks, TaskTag::place_in(badge))?;
        Caller::of_task(badge, slot.tag)
    }

    /// The group that a born task is in now.
    #[inline]
    #[must_use]
    pub fn group_of(&self, task: TaskId) -> Option<GroupId> {
        self.home_of(task).map(|index| self.id(index))
    }

    /// Where a born task is, with the band of that group.
    #[must_use]
    pub fn place_of(&self, task: TaskId) -> Option<Admitted> {
        self.home_of(task).map(|group| self.admitted(group))
    }

    pub(crate) fn task_id(&self, index: u32) -> TaskId {
        TaskId {
            index,
            generation: at(self.tasks, index).map_or(0, |slot| slot.generation),
        }
    }

    pub(crate) fn admitted(&self, group: u32) -> Admitted {
        Admitted {
            group: self.id(group),
            band: self.slot(group).map_or(0, |slot| slot.band),
            frozen: self.is_frozen(group),
        }
    }
}

fn with_counts(paid: &Amounts, tasks: u64) -> Amounts {
    paid.with(Resource::Tasks, tasks).with(Resource::Threads, 1)
}
