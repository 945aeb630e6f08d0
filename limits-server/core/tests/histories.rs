//! Any sequence of operations: the ledger agrees with a model that is too simple to be wrong.
//!
//! The model keeps no sums. It keeps who is where and what was charged for what, and adds everything up again after
//! each step; the ledger must give the same answer to every operation, and the same numbers for every group.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod common;
#[path = "histories/rights.rs"]
mod rights;

use std::collections::{BTreeMap, BTreeSet};

use common::{Room, ledger};
use interfaces::accounting::{
    ChargeRefusal, EndRefusal, KillRefusal, MoveRefusal, Receipt, ReleaseRefusal, RightsRefusal,
    ThreadTicket, Ticket, TicketRefusal, WakeThread,
};
use interfaces::limits::{
    CloseGroupRefusal, GrantRefusal, LabelText, OpenGroupRefusal, Rights, SetRefusal,
};
use interfaces::{Amounts, GroupId, Limit, Resource, Shortage, TaskId};
use limits_core::{BOUND_BYTES, Charge, GROUP_BYTES, LABEL_BYTES, Ledger};
use proptest::prelude::*;

const ROOM: Room = Room {
    groups: 12,
    bounds: 5,
    labels: 3,
    threads: 10,
    entries: 5,
    ..Room::all(6)
};

/// One step. Numbers choose among everything that was ever there, alive or not.
#[derive(Clone, Debug)]
enum Step {
    Open {
        parent: usize,
        opener: Option<usize>,
    },
    Close {
        group: usize,
        task: usize,
    },
    SetLimit {
        group: usize,
        kind: Resource,
        limit: Limit,
    },
    SetLabel {
        group: usize,
        empty: bool,
    },
    Charge {
        group: usize,
        amounts: Amounts,
        held: bool,
    },
    ChargeSome {
        group: usize,
        each: Amounts,
        most: u32,
    },
    ReleaseReceipt {
        which: usize,
    },
    Hold {
        which: usize,
    },
    TakeBack {
        group: usize,
        amounts: Amounts,
    },
    Ticket {
        thread: u32,
        task: u32,
        parent: Option<usize>,
        group: Option<usize>,
        amounts: Amounts,
    },
    ThreadTicket {
        thread: u32,
        task: usize,
        amounts: Amounts,
    },
    Birth {
        thread: u32,
    },
    EndThread {
        thread: u32,
    },
    RestThread {
        thread: u32,
    },
    WakeThread {
        thread: u32,
        task: usize,
    },
    EndTask {
        task: usize,
    },
    Move {
        task: usize,
        group: usize,
    },
    BeginKill {
        group: usize,
        by: Option<usize>,
    },
    NextVictim {
        group: usize,
    },
    FinishKill {
        group: usize,
    },
    Rights(rights::Step),
}

#[derive(Clone, Debug)]
struct Group {
    parent: Option<GroupId>,
    limits: Option<BTreeMap<Resource, u64>>,
    refusals: BTreeMap<Resource, u64>,
    label: bool,
    opener: Option<TaskId>,
    permanent: bool,
    held: Amounts,
    killing: Option<Amounts>,
    peak: Amounts,
}

#[derive(Clone, Debug)]
struct Thread {
    task: TaskId,
    payer: GroupId,
    paid: Amounts,
    first: bool,
    born: bool,
    resting: bool,
}

#[derive(Clone, Debug)]
struct Task {
    group: GroupId,
    born: bool,
}

/// What is there, without any sum.
struct Model {
    groups: BTreeMap<GroupId, Group>,
    tasks: BTreeMap<TaskId, Task>,
    threads: BTreeMap<u32, Thread>,
    receipts: Vec<(GroupId, Amounts)>,
    seen: Vec<GroupId>,
    seen_tasks: Vec<TaskId>,
    book: rights::Book,
}

enum Denied {
    Killing,
    Short(Shortage),
}

macro_rules! denied {
    ($($refusal:ident)+) => {
        $(impl From<Denied> for $refusal {
            fn from(denied: Denied) -> Self {
                match denied {
                    Denied::Killing => Self::Killing,
                    Denied::Short(short) => Self::Short(short),
                }
            }
        })+
    };
}
denied!(ChargeRefusal TicketRefusal MoveRefusal OpenGroupRefusal SetRefusal GrantRefusal);

fn plus(one: Amounts, other: Amounts) -> Amounts {
    one.checked_add(&other).unwrap()
}

fn counts(tasks: u64, threads: u64) -> Amounts {
    Amounts::of(Resource::Tasks, tasks).with(Resource::Threads, threads)
}

impl Model {
    fn new() -> Self {
        let root = Group {
            parent: None,
            limits: None,
            refusals: BTreeMap::new(),
            label: false,
            opener: None,
            permanent: true,
            held: Amounts::NONE,
            killing: None,
            peak: Amounts::NONE,
        };
        Self {
            groups: BTreeMap::from([(GroupId::ROOT, root)]),
            tasks: BTreeMap::new(),
            threads: BTreeMap::new(),
            receipts: Vec::new(),
            seen: vec![GroupId::ROOT],
            seen_tasks: Vec::new(),
            book: rights::Book::default(),
        }
    }

    fn path(&self, group: GroupId) -> Vec<GroupId> {
        std::iter::successors(Some(group), |id| self.groups[id].parent).collect()
    }

    fn within(&self, group: GroupId, top: GroupId) -> bool {
        self.path(group).contains(&top)
    }

    fn records(&self, id: GroupId, group: &Group) -> u64 {
        GROUP_BYTES
            + self.book.cost(id)
            + group.limits.as_ref().map_or(0, |_| BOUND_BYTES)
            + if group.label { LABEL_BYTES } else { 0 }
    }

    /// What the groups below cost a group.
    fn structure(&self, top: GroupId) -> Amounts {
        let below = self
            .groups
            .iter()
            .filter(|&(&id, _)| id != top && self.within(id, top));
        below.fold(Amounts::NONE, |sum, (&id, group)| {
            let bytes = self.records(id, group);
            let cost = Amounts::of(Resource::Groups, 1).with(Resource::KernelMemory, bytes);
            plus(sum, cost)
        })
    }

    /// Everything that is charged at or below a group, added up from nothing.
    fn usage(&self, top: GroupId) -> Amounts {
        let mut sum = self.structure(top);
        for (&id, group) in &self.groups {
            if self.within(id, top) {
                sum = plus(sum, group.held);
            }
        }
        for (id, amounts) in &self.receipts {
            if self.groups.contains_key(id) && self.within(*id, top) {
                sum = plus(sum, *amounts);
            }
        }
        let members = self
            .tasks
            .values()
            .filter(|task| self.within(task.group, top))
            .count() as u64;
        sum = plus(sum, counts(members, 0));
        for thread in self.threads.values() {
            if !thread.resting && self.within(self.tasks[&thread.task].group, top) {
                sum = plus(sum, counts(0, 1));
            }
            if self.within(thread.payer, top) {
                sum = plus(sum, thread.paid);
            }
        }
        sum
    }

    fn admit(&mut self, levels: &[GroupId], amounts: &Amounts) -> Result<(), Denied> {
        for &id in levels {
            let usage = self.usage(id);
            let group = self.groups.get_mut(&id).unwrap();
            if group.killing.is_some() {
                return Err(Denied::Killing);
            }
            for (kind, asked) in amounts.present() {
                let limit = group
                    .limits
                    .as_ref()
                    .and_then(|limits| limits.get(&kind))
                    .copied();
                let limit = limit.unwrap_or(u64::MAX);
                let used = usage.get(kind);
                if limit != u64::MAX && u128::from(used) + u128::from(asked) > u128::from(limit) {
                    *group.refusals.entry(kind).or_default() += 1;
                    return Err(Denied::Short(Shortage {
                        resource: kind,
                        group: Some(id),
                        limit,
                        used,
                        asked,
                    }));
                }
            }
        }
        if levels.last() == Some(&GroupId::ROOT) {
            let usage = self.usage(GroupId::ROOT);
            for (kind, asked) in amounts.present() {
                let used = usage.get(kind);
                if used.checked_add(asked).is_none() {
                    let root = self.groups.get_mut(&GroupId::ROOT).unwrap();
                    if root.limits.is_some() {
                        *root.refusals.entry(kind).or_default() += 1;
                    }
                    let group = Some(GroupId::ROOT);
                    return Err(Denied::Short(Shortage {
                        resource: kind,
                        group,
                        limit: u64::MAX,
                        used,
                        asked,
                    }));
                }
            }
        }
        for &id in levels {
            let usage = self.usage(id);
            self.book.cross(id, &usage, amounts);
        }
        Ok(())
    }

    fn charge(&mut self, group: GroupId, amounts: &Amounts) -> Result<(), Denied> {
        let levels = self.path(group);
        self.admit(&levels, amounts)
    }

    /// The most of something of which eight times as much is left to each limit, soft ones too; at least one.
    fn easily_spared(&self, group: GroupId, each: &Amounts, most: u32) -> u32 {
        let fits = |count: u32| {
            self.path(group).into_iter().all(|id| {
                let usage = self.usage(id);
                let limits = self.groups[&id].limits.as_ref();
                each.present().all(|(kind, amount)| {
                    let hard = limits.and_then(|limits| limits.get(&kind)).copied();
                    let soft = self.book.soft.get(&(id, kind)).copied();
                    let limit = hard.unwrap_or(u64::MAX).min(soft.unwrap_or(u64::MAX));
                    let is_bound = limit != u64::MAX || id == GroupId::ROOT;
                    let wanted = u128::from(amount) * u128::from(count) * 8;
                    !is_bound || wanted + u128::from(usage.get(kind)) <= u128::from(limit)
                })
            })
        };
        (2..=most).rev().find(|&count| fits(count)).unwrap_or(1)
    }

    fn born(&self, task: TaskId) -> Option<GroupId> {
        self.tasks
            .get(&task)
            .filter(|task| task.born)
            .map(|task| task.group)
    }

    /// Groups that nothing keeps vanish.
    fn settle(&mut self) {
        loop {
            let gone = self.groups.iter().find(|&(&id, group)| {
                !group.permanent
                    && !self.book.holds(id)
                    && group.opener.is_none()
                    && group.killing.is_none()
                    && !self.groups.values().any(|other| other.parent == Some(id))
                    && !self.tasks.values().any(|task| task.group == id)
                    && !self.threads.values().any(|thread| thread.payer == id)
                    && self.usage(id).is_none()
            });
            let Some((&gone, _)) = gone else { break };
            self.groups.remove(&gone);
            self.book.vanish(gone);
        }
    }

    fn note_peaks(&mut self) {
        let ids: Vec<_> = self.groups.keys().copied().collect();
        for id in ids {
            let usage = self.usage(id);
            let group = self.groups.get_mut(&id).unwrap();
            for (kind, now) in usage.iter() {
                group.peak.set(kind, now.max(group.peak.get(kind)));
            }
        }
    }

    fn set_limit(&mut self, id: GroupId, kind: Resource, limit: Limit) -> Result<(), SetRefusal> {
        if let Some(limits) = self.make_room_for_limits(id, limit)? {
            limits.insert(kind, limit.bound());
        }
        Ok(())
    }

    /// The limits of a group, which takes a place for them unless it has none and is to have none.
    fn make_room_for_limits(
        &mut self,
        id: GroupId,
        limit: Limit,
    ) -> Result<Option<&mut BTreeMap<Resource, u64>>, SetRefusal> {
        let group = self
            .groups
            .get(&id)
            .ok_or(SetRefusal::UnknownGroup)?
            .clone();
        if group.limits.is_none() {
            if limit == Limit::Max {
                return Ok(None);
            }
            if self
                .groups
                .values()
                .filter(|group| group.limits.is_some())
                .count()
                == ROOM.bounds
            {
                return Err(SetRefusal::LedgerFull);
            }
            if let Some(parent) = group.parent {
                self.charge(parent, &Amounts::of(Resource::KernelMemory, BOUND_BYTES))?;
            }
        }
        let group = self.groups.get_mut(&id).unwrap();
        Ok(Some(group.limits.get_or_insert_default()))
    }

    fn set_label(&mut self, id: GroupId, empty: bool) -> Result<(), SetRefusal> {
        let group = self
            .groups
            .get(&id)
            .ok_or(SetRefusal::UnknownGroup)?
            .clone();
        if !group.label && !empty {
            if self.groups.values().filter(|group| group.label).count() == ROOM.labels {
                return Err(SetRefusal::LedgerFull);
            }
            if let Some(parent) = group.parent {
                self.charge(parent, &Amounts::of(Resource::KernelMemory, LABEL_BYTES))?;
            }
        }
        self.groups.get_mut(&id).unwrap().label = !empty;
        Ok(())
    }

    fn ticket(&mut self, ticket: &Ticket) -> Result<GroupId, TicketRefusal> {
        let taken =
            self.threads.contains_key(&ticket.thread) || ticket.thread >= ROOM.threads as u32;
        let occupied = self
            .tasks
            .keys()
            .any(|task| task.index == ticket.task.index);
        if taken || occupied || ticket.task.index >= ROOM.tasks as u32 {
            return Err(TicketRefusal::BadPlace);
        }
        let home = match ticket.parent {
            None => GroupId::ROOT,
            Some(parent) => self.born(parent).ok_or(TicketRefusal::UnknownTask)?,
        };
        let group = ticket.group.unwrap_or(home);
        if !self.groups.contains_key(&group) || !self.within(group, home) {
            return Err(TicketRefusal::UnknownGroup);
        }
        let paid = ticket
            .amounts
            .with(Resource::Tasks, 0)
            .with(Resource::Threads, 0);
        self.charge(group, &plus(paid, counts(1, 1)))?;
        self.tasks.insert(ticket.task, Task { group, born: false });
        let thread = Thread {
            task: ticket.task,
            payer: group,
            paid,
            first: true,
            born: false,
            resting: false,
        };
        self.threads.insert(ticket.thread, thread);
        Ok(group)
    }

    fn thread_ticket(&mut self, ticket: &ThreadTicket) -> Result<GroupId, TicketRefusal> {
        if self.threads.contains_key(&ticket.thread) || ticket.thread >= ROOM.threads as u32 {
            return Err(TicketRefusal::BadPlace);
        }
        let group = self.born(ticket.task).ok_or(TicketRefusal::UnknownTask)?;
        let paid = ticket
            .amounts
            .with(Resource::Tasks, 0)
            .with(Resource::Threads, 0);
        let first = self
            .threads
            .values()
            .find(|thread| thread.first && thread.task == ticket.task);
        let payer = first.map_or(group, |first| first.payer);
        if payer == group {
            self.charge(group, &plus(paid, counts(0, 1)))?;
        } else {
            // Only looked at, so nothing is crossed yet.
            let book = self.book.clone();
            self.admit(&self.path(group), &counts(0, 1))?;
            self.book = book;
            self.charge(payer, &paid)?;
            self.charge(group, &counts(0, 1))?;
        }
        let thread = Thread {
            task: ticket.task,
            payer,
            paid,
            first: false,
            born: false,
            resting: false,
        };
        self.threads.insert(ticket.thread, thread);
        Ok(group)
    }

    fn rest_thread(&mut self, thread: u32) -> Result<(), EndRefusal> {
        let slot = self.threads.get_mut(&thread).ok_or(EndRefusal::Unknown)?;
        if slot.first {
            return Err(EndRefusal::FirstThread);
        }
        if !slot.born || slot.resting {
            return Err(EndRefusal::Unknown);
        }
        slot.resting = true;
        Ok(())
    }

    fn wake_thread(&mut self, thread: u32, task: TaskId) -> Result<GroupId, TicketRefusal> {
        let group = self.born(task).ok_or(TicketRefusal::UnknownTask)?;
        let slot = self.threads.get(&thread);
        let slot = slot.filter(|slot| slot.resting && slot.task == task);
        let payer = slot.ok_or(TicketRefusal::BadPlace)?.payer;
        self.charge(payer, &Amounts::NONE)?;
        self.charge(group, &counts(0, 1))?;
        let slot = self.threads.get_mut(&thread).unwrap();
        (slot.resting, slot.born) = (false, false);
        Ok(group)
    }

    fn move_task(&mut self, task: TaskId, target: GroupId) -> Result<GroupId, MoveRefusal> {
        let source = self.born(task).ok_or(MoveRefusal::UnknownTask)?;
        if !self.groups.contains_key(&target) {
            return Err(MoveRefusal::UnknownGroup);
        }
        if source == target {
            return Ok(target);
        }
        let (up, down) = (self.path(source), self.path(target));
        if up
            .iter()
            .chain(&down)
            .any(|id| self.groups[id].killing.is_some())
        {
            return Err(MoveRefusal::Killing);
        }
        let levels: Vec<_> = down.into_iter().filter(|id| !up.contains(id)).collect();
        let threads = self
            .threads
            .values()
            .filter(|thread| thread.task == task && !thread.resting)
            .count() as u64;
        self.admit(&levels, &counts(1, threads))?;
        self.tasks.get_mut(&task).unwrap().group = target;
        Ok(target)
    }

    fn begin_kill(&mut self, group: GroupId, by: Option<TaskId>) -> Result<(), KillRefusal> {
        if !self.groups.contains_key(&group) {
            return Err(KillRefusal::UnknownGroup);
        }
        if let Some(task) = by {
            self.born(task).ok_or(KillRefusal::UnknownGroup)?;
            self.needs(task, group, Rights::KILL)
                .map_err(|refusal| match refusal {
                    RightsRefusal::UnknownGroup => KillRefusal::UnknownGroup,
                    RightsRefusal::NotYours => KillRefusal::NotYours,
                })?;
        }
        if self.groups[&group].killing.is_some() {
            return Err(KillRefusal::AlreadyKilling);
        }
        let held = self
            .usage(group)
            .checked_sub(&self.structure(group))
            .unwrap();
        self.groups.get_mut(&group).unwrap().killing = Some(held);
        Ok(())
    }

    fn finish_kill(&mut self, group: GroupId) -> Result<Receipt, KillRefusal> {
        let killing = self
            .groups
            .get(&group)
            .ok_or(KillRefusal::UnknownGroup)?
            .killing;
        let held = killing.ok_or(KillRefusal::NotKilling)?;
        if self.usage(group) != self.structure(group) {
            return Err(KillRefusal::NotEmpty);
        }
        self.groups.get_mut(&group).unwrap().killing = None;
        Ok(Receipt {
            held,
            returned: held,
        })
    }

    /// Every task that must end before a kill can.
    fn victims(&self, top: GroupId) -> BTreeSet<TaskId> {
        let members = self
            .tasks
            .iter()
            .filter(|(_, task)| self.within(task.group, top))
            .map(|(&id, _)| id);
        let paid = self
            .threads
            .values()
            .filter(|thread| self.within(thread.payer, top))
            .map(|thread| thread.task);
        members.chain(paid).collect()
    }
}

/// What was answered, as far as it matters to whether anything may have changed.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Yes,
    No,
    Short(Shortage),
}

/// A refusal, which may be a shortage.
trait Refusal: std::fmt::Debug + PartialEq {
    fn answer(&self) -> Answer {
        Answer::No
    }
}

impl Refusal for CloseGroupRefusal {}
impl Refusal for EndRefusal {}
impl Refusal for KillRefusal {}
impl Refusal for ReleaseRefusal {}

macro_rules! may_be_short {
    ($($refusal:ident)+) => {
        $(impl Refusal for $refusal {
            fn answer(&self) -> Answer {
                if let Self::Short(short) = self { Answer::Short(*short) } else { Answer::No }
            }
        })+
    };
}
may_be_short!(ChargeRefusal TicketRefusal MoveRefusal OpenGroupRefusal SetRefusal GrantRefusal);

/// The ledger must answer as the model does.
fn same<T: std::fmt::Debug + PartialEq, E: Refusal>(
    answer: Result<T, E>,
    expected: Result<T, E>,
) -> Answer {
    assert_eq!(answer, expected);
    match answer {
        Ok(_) => Answer::Yes,
        Err(refusal) => refusal.answer(),
    }
}

/// A ledger beside its model.
struct Pair {
    ledger: Ledger<'static>,
    model: Model,
    receipts: Vec<Charge>,
}

impl Pair {
    fn group(&self, which: usize) -> GroupId {
        self.model.seen[which % self.model.seen.len()]
    }

    fn task(&self, which: usize) -> TaskId {
        let stranger = TaskId {
            index: 0,
            generation: 99,
        };
        let seen = &self.model.seen_tasks;
        if seen.is_empty() {
            stranger
        } else {
            seen[which % seen.len()]
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each operation")]
    fn answer(&mut self, step: &Step) -> Answer {
        match step.clone() {
            Step::Open { parent, opener } => {
                let (parent, opener) = (self.group(parent), opener.map(|task| self.task(task)));
                let answer = self.ledger.open_group(parent, opener);
                let expected = self.expect_open(parent, opener);
                match (answer, expected) {
                    (Ok(id), Ok(())) => {
                        assert!(!self.model.seen.contains(&id), "{id} was there before");
                        self.model.seen.push(id);
                        let group = Group {
                            parent: Some(parent),
                            opener,
                            permanent: opener.is_none(),
                            ..self.plain()
                        };
                        self.model.groups.insert(id, group);
                        self.model.book.open(id, opener);
                        Answer::Yes
                    }
                    (answer, expected) => same(answer.map(|_| ()), expected),
                }
            }
            Step::Close { group, task } => {
                let (group, task) = (self.group(group), self.task(task));
                let expected = match self.model.groups.get_mut(&group) {
                    None => Err(CloseGroupRefusal::UnknownGroup),
                    Some(group) if group.opener == Some(task) => {
                        group.opener = None;
                        Ok(())
                    }
                    Some(_) => Err(CloseGroupRefusal::NotYours),
                };
                same(self.ledger.close_group(group, task), expected)
            }
            Step::SetLimit { group, kind, limit } => {
                let group = self.group(group);
                same(
                    self.ledger.set_limit(group, kind, limit),
                    self.model.set_limit(group, kind, limit),
                )
            }
            Step::SetLabel { group, empty } => {
                let group = self.group(group);
                let label = LabelText::cut(if empty { "" } else { "label" });
                same(
                    self.ledger.set_label(group, &label),
                    self.model.set_label(group, empty),
                )
            }
            Step::Charge {
                group,
                amounts,
                held,
            } => {
                let group = self.group(group);
                let expected = if self.model.groups.contains_key(&group) {
                    self.model
                        .charge(group, &amounts)
                        .map_err(ChargeRefusal::from)
                } else {
                    Err(ChargeRefusal::UnknownGroup)
                };
                let would = self.ledger.would_fit(group, &amounts).is_ok();
                assert_eq!(would, expected.is_ok());
                if held {
                    let answer = same(self.ledger.charge_held(group, &amounts), expected);
                    if let (Ok(()), Some(group)) = (expected, self.model.groups.get_mut(&group)) {
                        group.held = plus(group.held, amounts);
                    }
                    return answer;
                }
                match self.ledger.charge(group, &amounts) {
                    Err(refusal) => same(Err(refusal), expected),
                    Ok(charge) => {
                        self.receipts.push(charge);
                        self.model.receipts.push((group, amounts));
                        same(Ok(()), expected)
                    }
                }
            }
            Step::ChargeSome { group, each, most } => {
                let group = self.group(group);
                let expected = if self.model.groups.contains_key(&group) {
                    let count = self.model.easily_spared(group, &each, most);
                    let all = (0..count).fold(Amounts::NONE, |sum, _| plus(sum, each));
                    let charged = self.model.charge(group, &all);
                    charged.map(|()| (count, all)).map_err(ChargeRefusal::from)
                } else {
                    Err(ChargeRefusal::UnknownGroup)
                };
                if let (Ok((_, all)), Some(group)) = (expected, self.model.groups.get_mut(&group)) {
                    group.held = plus(group.held, all);
                }
                let answer = self.ledger.charge_some_held(group, &each, most);
                same(answer, expected.map(|(count, _)| count))
            }
            Step::ReleaseReceipt { which } => {
                if !self.receipts.is_empty() {
                    let which = which % self.receipts.len();
                    self.model.receipts.swap_remove(which);
                    let charge = self.receipts.swap_remove(which);
                    self.ledger.release(charge);
                }
                Answer::Yes
            }
            Step::Hold { which } => {
                if !self.receipts.is_empty() {
                    let which = which % self.receipts.len();
                    let (id, amounts) = self.model.receipts.swap_remove(which);
                    let charge = self.receipts.swap_remove(which);
                    assert_eq!(self.ledger.hold(charge), (id, amounts));
                    if let Some(group) = self.model.groups.get_mut(&id) {
                        group.held = plus(group.held, amounts);
                    }
                }
                Answer::Yes
            }
            Step::TakeBack { group, amounts } => {
                let group = self.group(group);
                let expected = match self.model.groups.get_mut(&group) {
                    None => Err(ReleaseRefusal::UnknownGroup),
                    Some(group) => match group.held.checked_sub(&amounts) {
                        None => Err(ReleaseRefusal::MoreThanCharged),
                        Some(rest) => {
                            group.held = rest;
                            Ok(())
                        }
                    },
                };
                let answer = if group.index.is_multiple_of(2) {
                    self.ledger.release_held(group, &amounts)
                } else {
                    let taken = self.ledger.take_back(group, &amounts);
                    taken.map(|charge| self.ledger.release(charge))
                };
                same(answer, expected)
            }
            Step::Ticket {
                thread,
                task,
                parent,
                group,
                amounts,
            } => {
                let uses = self
                    .model
                    .seen_tasks
                    .iter()
                    .filter(|seen| seen.index == task)
                    .count() as u32;
                let task = TaskId {
                    index: task,
                    generation: uses,
                };
                let (parent, group) = (
                    parent.map(|task| self.task(task)),
                    group.map(|group| self.group(group)),
                );
                let ticket = Ticket {
                    thread,
                    task,
                    parent,
                    group,
                    amounts,
                };
                let admitted = match ticket.few() {
                    // Both ways are the same.
                    Some(few) if ticket.thread.is_multiple_of(2) => self.ledger.few_ticket(few),
                    _ => self.ledger.ticket(&ticket),
                };
                let admitted = admitted.map(|admitted| admitted.group);
                if admitted.is_ok() {
                    self.model.seen_tasks.push(task);
                    self.model.book.birth(task, parent);
                }
                same(admitted, self.model.ticket(&ticket))
            }
            Step::ThreadTicket {
                thread,
                task,
                amounts,
            } => {
                let ticket = ThreadTicket {
                    thread,
                    task: self.task(task),
                    amounts,
                };
                let admitted = self
                    .ledger
                    .thread_ticket(&ticket)
                    .map(|admitted| admitted.group);
                same(admitted, self.model.thread_ticket(&ticket))
            }
            Step::Birth { thread } => {
                let expected = match self
                    .model
                    .threads
                    .get_mut(&thread)
                    .filter(|thread| !thread.born)
                {
                    None => false,
                    Some(thread) => {
                        thread.born = true;
                        self.model.tasks.get_mut(&thread.task).unwrap().born = true;
                        true
                    }
                };
                assert_eq!(self.ledger.birth_notice(thread), expected);
                if expected { Answer::Yes } else { Answer::No }
            }
            Step::EndThread { thread } => {
                let expected = match self.model.threads.get(&thread) {
                    None => Err(EndRefusal::Unknown),
                    Some(thread) if thread.first => Err(EndRefusal::FirstThread),
                    Some(_) => {
                        self.model.threads.remove(&thread);
                        Ok(())
                    }
                };
                same(self.ledger.end_thread(thread), expected)
            }
            Step::RestThread { thread } => same(
                self.ledger.rest_thread(thread),
                self.model.rest_thread(thread),
            ),
            Step::WakeThread { thread, task } => {
                let task = self.task(task);
                let woken = self.ledger.wake_thread(WakeThread { thread, task });
                let woken = woken.map(|admitted| admitted.group);
                same(woken, self.model.wake_thread(thread, task))
            }
            Step::EndTask { task } => {
                let task = self.task(task);
                let ended = self.end_in_model(task);
                same(self.ledger.end_task(task), ended)
            }
            Step::Move { task, group } => {
                let (task, group) = (self.task(task), self.group(group));
                let moved = self
                    .ledger
                    .move_task(task, group)
                    .map(|admitted| admitted.group);
                same(moved, self.model.move_task(task, group))
            }
            Step::BeginKill { group, by } => {
                let (group, by) = (self.group(group), by.map(|task| self.task(task)));
                same(
                    self.ledger.begin_kill(group, by),
                    self.model.begin_kill(group, by),
                )
            }
            Step::Rights(step) => self.answer_about_rights(&step),
            Step::NextVictim { group } => self.next_victim(group),
            Step::FinishKill { group } => {
                let group = self.group(group);
                same(
                    self.ledger.finish_kill(group),
                    self.model.finish_kill(group),
                )
            }
        }
    }

    /// One step on both sides. After a refusal the whole ledger is as it was, but for the counts of it.
    fn step(&mut self, step: &Step) {
        let before = self.ledger.snapshot();
        let after = match self.answer(step) {
            Answer::Yes => None,
            Answer::No => Some(self.ledger.snapshot()),
            Answer::Short(short) => {
                let refuser = short.group.expect("the ledger itself hides nothing");
                let after = self.ledger.snapshot();
                Some(after.before_refusal(refuser, short.resource))
            }
        };
        if let Some(after) = after {
            assert_eq!(after.without_alarms(), before.without_alarms());
        }
        self.model.note_peaks();
        self.model.settle();
        self.compare();
        self.compare_rights();
    }

    fn plain(&self) -> Group {
        Group {
            limits: None,
            refusals: BTreeMap::new(),
            label: false,
            held: Amounts::NONE,
            killing: None,
            peak: Amounts::NONE,
            ..self.model.groups[&GroupId::ROOT].clone()
        }
    }

    fn expect_open(
        &mut self,
        parent: GroupId,
        opener: Option<TaskId>,
    ) -> Result<(), OpenGroupRefusal> {
        if !self.model.groups.contains_key(&parent)
            || opener.is_some_and(|task| self.model.born(task).is_none())
        {
            return Err(OpenGroupRefusal::UnknownGroup);
        }
        if self.model.groups.len() == ROOM.groups {
            return Err(OpenGroupRefusal::LedgerFull);
        }
        let cost = Amounts::of(Resource::Groups, 1).with(Resource::KernelMemory, GROUP_BYTES);
        Ok(self.model.charge(parent, &cost)?)
    }

    fn end_in_model(&mut self, task: TaskId) -> Result<(), EndRefusal> {
        self.model.tasks.remove(&task).ok_or(EndRefusal::Unknown)?;
        self.model.threads.retain(|_, thread| thread.task != task);
        self.model.book.end(task);
        for group in self
            .model
            .groups
            .values_mut()
            .filter(|group| group.opener == Some(task))
        {
            group.opener = None;
        }
        Ok(())
    }

    fn next_victim(&mut self, group: usize) -> Answer {
        let group = self.group(group);
        let named = self.ledger.next_victim(group);
        match self.model.groups.get(&group) {
            None => return same(named, Err(KillRefusal::UnknownGroup)),
            Some(found) if found.killing.is_none() => {
                return same(named, Err(KillRefusal::NotKilling));
            }
            Some(_) => {
                let victims = self.model.victims(group);
                match named.unwrap() {
                    None => assert!(victims.is_empty(), "{victims:?} were not named"),
                    Some(victim) => {
                        assert!(victims.contains(&victim));
                        assert_eq!(self.end_in_model(victim), Ok(()));
                        assert_eq!(self.ledger.end_task(victim), Ok(()));
                    }
                }
            }
        }
        Answer::Yes
    }

    /// Every number of every group.
    fn compare(&self) {
        self.ledger.check();
        assert_eq!(self.ledger.groups_alive() as usize, self.model.groups.len());
        for &id in &self.model.seen {
            let Some(group) = self.model.groups.get(&id) else {
                assert_eq!(self.ledger.account(id), None, "{id} should have vanished");
                continue;
            };
            let account = self.ledger.account(id).unwrap();
            assert_eq!(account.usage, self.model.usage(id), "usage of {id}");
            assert_eq!(account.peak, group.peak, "peak of {id}");
            for (kind, refusals) in account.refusals.iter() {
                let expected = group.refusals.get(&kind).copied().unwrap_or_default();
                assert_eq!(refusals, expected, "refusals of {kind} at {id}");
            }
            assert_eq!(account.parent, group.parent);
        }
    }

    /// Everything goes back, and nothing is left.
    fn give_everything_back(&mut self) {
        let held: Vec<_> = self.model.groups.keys().copied().collect();
        for id in held {
            // One may have vanished with another.
            if self.model.book.let_go(id) {
                self.ledger.set_held(id, false).unwrap();
            }
            self.model.settle();
        }
        for charge in self.receipts.drain(..) {
            self.ledger.release(charge);
        }
        self.model.receipts.clear();
        self.model.settle();
        let held: Vec<_> = self
            .model
            .groups
            .iter()
            .map(|(&id, group)| (id, group.held))
            .collect();
        for (id, amounts) in held {
            let charge = self.ledger.take_back(id, &amounts).unwrap();
            self.ledger.release(charge);
            self.model.groups.get_mut(&id).unwrap().held = Amounts::NONE;
            self.model.settle();
        }
        let tasks: Vec<_> = self.model.tasks.keys().copied().collect();
        for task in tasks {
            self.ledger.end_task(task).unwrap();
            self.end_in_model(task).unwrap();
            self.model.settle();
        }
        let killed: Vec<_> = self
            .model
            .groups
            .iter()
            .filter(|(_, group)| group.killing.is_some())
            .map(|(&id, _)| id)
            .collect();
        for id in killed {
            let receipt = self.ledger.finish_kill(id).unwrap();
            assert_eq!(receipt.held, receipt.returned);
            self.model.finish_kill(id).unwrap();
            self.model.settle();
        }
        self.compare();
        let root = self.ledger.account(GroupId::ROOT).unwrap();
        assert_eq!(root.usage, self.model.structure(GroupId::ROOT));
    }
}

fn kind() -> impl Strategy<Value = Resource> {
    use Resource::{CapSlots, Frames, Groups, KernelMemory, Tasks, Threads};
    prop::sample::select(vec![Frames, Tasks, Threads, Groups, KernelMemory, CapSlots])
}

fn limit() -> impl Strategy<Value = Limit> {
    prop_oneof![
        1 => Just(Limit::Max),
        4 => (0..30_u64).prop_map(Limit::At),
        2 => (0..4000_u64).prop_map(Limit::At),
    ]
}

fn amounts() -> impl Strategy<Value = Amounts> {
    let amount = prop_oneof![30 => 0..12_u64, 1 => u64::MAX - 20..=u64::MAX];
    prop::collection::vec((kind(), amount), 0..4).prop_map(|parts| {
        parts
            .into_iter()
            .fold(Amounts::NONE, |sum, (kind, amount)| sum.with(kind, amount))
    })
}

fn step() -> impl Strategy<Value = Step> {
    let some = || prop::option::weighted(0.6, 0..64_usize);
    let which = || 0..64_usize;
    prop_oneof![
        6 => (which(), prop::option::weighted(0.8, 0..64_usize)).prop_map(|(parent, opener)| Step::Open { parent, opener }),
        2 => (which(), which()).prop_map(|(group, task)| Step::Close { group, task }),
        4 => (which(), kind(), limit()).prop_map(|(group, kind, limit)| Step::SetLimit { group, kind, limit }),
        2 => (which(), any::<bool>()).prop_map(|(group, empty)| Step::SetLabel { group, empty }),
        6 => (which(), amounts(), any::<bool>())
            .prop_map(|(group, amounts, held)| Step::Charge { group, amounts, held }),
        4 => (which(), amounts(), 0..9_u32).prop_map(|(group, each, most)| Step::ChargeSome { group, each, most }),
        3 => which().prop_map(|which| Step::ReleaseReceipt { which }),
        2 => which().prop_map(|which| Step::Hold { which }),
        3 => (which(), amounts()).prop_map(|(group, amounts)| Step::TakeBack { group, amounts }),
        6 => (0..11_u32, 0..7_u32, some(), some(), amounts())
            .prop_map(|(thread, task, parent, group, amounts)| Step::Ticket { thread, task, parent, group, amounts }),
        3 => (0..11_u32, which(), amounts())
            .prop_map(|(thread, task, amounts)| Step::ThreadTicket { thread, task, amounts }),
        8 => (0..11_u32).prop_map(|thread| Step::Birth { thread }),
        2 => (0..11_u32).prop_map(|thread| Step::EndThread { thread }),
        4 => (0..11_u32).prop_map(|thread| Step::RestThread { thread }),
        6 => (0..11_u32, which()).prop_map(|(thread, task)| Step::WakeThread { thread, task }),
        2 => which().prop_map(|task| Step::EndTask { task }),
        4 => (which(), which()).prop_map(|(task, group)| Step::Move { task, group }),
        1 => (which(), some()).prop_map(|(group, by)| Step::BeginKill { group, by }),
        2 => which().prop_map(|group| Step::NextVictim { group }),
        2 => which().prop_map(|group| Step::FinishKill { group }),
        12 => rights::step().prop_map(Step::Rights),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_agrees_with_the_model_and_ends_at_nothing(steps in prop::collection::vec(step(), 1..120)) {
        let mut pair = Pair { ledger: ledger(ROOM), model: Model::new(), receipts: Vec::new() };
        for step in &steps {
            pair.step(step);
        }
        pair.give_everything_back();
    }
}
