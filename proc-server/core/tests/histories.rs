//! Any sequence of operations, compared with a naive model that keeps everything in maps.
//!
//! The model is told when the ledger lets go of a task, and from then on knows by itself who must be answered, and
//! what. After every step the tables hold; at the end everybody exits and every book is empty.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that goes wrong is to stop"
)]

mod world;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use interfaces::accounting::TicketRefusal;
use interfaces::links::*;
use interfaces::process::*;
use interfaces::provision::{Cause, CloneSpaceRefusal, ProgramId};
use interfaces::{Call, GroupId, TaskId, Text};
use process_core::lifecycle::{Ending, Lifecycle};
use proptest::prelude::*;
use world::{Event, GROUPS, Outcome, START, Stage, group};

/// One step; the numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Spawn {
        by: u8,
        group: u8,
    },
    Fork {
        by: u8,
        thread: u8,
        group: u8,
    },
    Exit {
        by: u8,
    },
    Wait {
        by: u8,
        thread: u8,
        child: Option<u8>,
    },
    WaitWithoutWaiting {
        by: u8,
    },
    Kill {
        by: u8,
        thread: u8,
        target: u8,
    },
    KillGroup {
        by: u8,
        thread: u8,
        group: u8,
    },
    Fault {
        who: u8,
    },
    StartThread {
        by: u8,
    },
    EndThread {
        by: u8,
        thread: u8,
    },
    Join {
        by: u8,
        thread: u8,
        other: u8,
    },
    Work {
        slices: u8,
    },
    Sleep {
        by: u8,
        thread: u8,
        ns: u8,
    },
    WaitFor {
        by: u8,
        thread: u8,
        child: Option<u8>,
        ns: u8,
    },
    Pass {
        ns: u8,
    },
    Freeze {
        by: u8,
        thread: u8,
        group: u8,
        thaw: bool,
    },
    Move {
        by: u8,
        task: u8,
        group: u8,
    },
    Offer {
        by: u8,
        thread: u8,
        to: u8,
        ns: u8,
    },
    Accept {
        by: u8,
        thread: u8,
        from: Option<u8>,
        ns: u8,
    },
    HangUp {
        by: u8,
        partner: u8,
    },
    Alarm {
        by: u8,
        ns: u8,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any = || any::<u8>();
    let step = prop_oneof![
        6 => (any(), any()).prop_map(|(by, group)| Step::Spawn { by, group }),
        3 => (any(), any(), any())
            .prop_map(|(by, thread, group)| Step::Fork { by, thread, group }),
        2 => any().prop_map(|by| Step::Exit { by }),
        4 => (any(), any(), proptest::option::of(any()))
            .prop_map(|(by, thread, child)| Step::Wait { by, thread, child }),
        1 => any().prop_map(|by| Step::WaitWithoutWaiting { by }),
        2 => (any(), any(), any()).prop_map(|(by, thread, target)| Step::Kill { by, thread, target }),
        1 => (any(), any(), any())
            .prop_map(|(by, thread, group)| Step::KillGroup { by, thread, group }),
        1 => any().prop_map(|who| Step::Fault { who }),
        3 => any().prop_map(|by| Step::StartThread { by }),
        2 => (any(), any()).prop_map(|(by, thread)| Step::EndThread { by, thread }),
        2 => (any(), any(), any()).prop_map(|(by, thread, other)| Step::Join { by, thread, other }),
        4 => (0..12_u8).prop_map(|slices| Step::Work { slices }),
        3 => (any(), any(), any()).prop_map(|(by, thread, ns)| Step::Sleep { by, thread, ns }),
        2 => (any(), any(), proptest::option::of(any()), any())
            .prop_map(|(by, thread, child, ns)| Step::WaitFor { by, thread, child, ns }),
        3 => any().prop_map(|ns| Step::Pass { ns }),
        3 => (any(), any(), any(), proptest::bool::ANY)
            .prop_map(|(by, thread, group, thaw)| Step::Freeze { by, thread, group, thaw }),
        2 => (any(), any(), any()).prop_map(|(by, task, group)| Step::Move { by, task, group }),
        8 => (any(), any(), any(), any())
            .prop_map(|(by, thread, to, ns)| Step::Offer { by, thread, to, ns }),
        8 => (any(), any(), proptest::option::of(any()), any())
            .prop_map(|(by, thread, from, ns)| Step::Accept { by, thread, from, ns }),
        2 => (any(), any()).prop_map(|(by, partner)| Step::HangUp { by, partner }),
        2 => (any(), any()).prop_map(|(by, ns)| Step::Alarm { by, ns }),
    ];
    proptest::collection::vec(step, 1..120)
}

/// What a thread waits for, as the model has it.
#[derive(Clone, Debug, PartialEq)]
enum Waits {
    Child(Option<TaskId>),
    Killed(TaskId),
    Group(GroupId),
    Thread(u32),
    Time,
    /// So often the group is then frozen; or the limits-server refused it, and it is being told.
    Freeze(Result<u32, FreezeRefusal>),
    Offer(TaskId),
    Accept(Option<TaskId>),
    /// A child in this group.
    Fork(GroupId),
}

/// A task, as the model has it.
#[derive(Clone, Debug)]
struct Person {
    parent: Option<TaskId>,
    group: GroupId,
    /// Its threads, and the request that each waits for.
    threads: BTreeMap<u32, Option<u64>>,
    reason: Option<ExitReason>,
    ends: VecDeque<Ended>,
    lost: u32,
    links: [Option<TaskId>; LINKS],
}

#[derive(Debug, Default)]
struct Model {
    people: BTreeMap<TaskId, Person>,
    /// Who waits, in the order in which they began: request, task, thread, for what.
    waiting: Vec<(u64, TaskId, u32, Waits)>,
    /// Who forked with a thread that is gone: what was copied may still be being taken apart.
    broken: Vec<TaskId>,
    /// When a request is to be answered at the latest, and how.
    deadlines: BTreeMap<u64, (u64, Option<Vec<u8>>)>,
    /// What must have been answered, in order.
    expected: Vec<(u64, Vec<u8>)>,
    used: BTreeSet<TaskId>,
    seen_events: usize,
}

fn encoded<C: Call>(answer: &Result<C::Reply, C::Refusal>) -> Vec<u8> {
    let mut bytes = [0; 256];
    let length = interfaces::encode::encode(answer, &mut bytes).unwrap();
    bytes[..length].to_vec()
}

fn up(from: GroupId) -> impl Iterator<Item = GroupId> {
    std::iter::successors(Some(from), |below| {
        let (_, parent) = GROUPS.iter().find(|(index, _)| *index == below.index)?;
        parent.map(group)
    })
}

impl Model {
    fn running(&self) -> Vec<TaskId> {
        let alive = self
            .people
            .iter()
            .filter(|(_, person)| person.reason.is_none());
        alive.map(|(&task, _)| task).collect()
    }

    fn is_running(&self, task: TaskId) -> bool {
        self.people
            .get(&task)
            .is_some_and(|person| person.reason.is_none())
    }

    fn children(&self, parent: TaskId) -> Vec<TaskId> {
        let born = self
            .people
            .iter()
            .filter(|(_, person)| person.parent == Some(parent));
        born.map(|(&task, _)| task).collect()
    }

    fn sees(&self, task: TaskId, target: TaskId) -> bool {
        let Some(person) = self.people.get(&target) else {
            return false;
        };
        let mine = self.people[&task].group;
        if person.group != mine && up(person.group).any(|above| above == mine) {
            return true;
        }
        let mut above = person.parent;
        while let Some(parent) = above {
            if parent == task {
                return true;
            }
            above = self.people.get(&parent).and_then(|person| person.parent);
        }
        false
    }

    /// A task's end begins.
    fn end(&mut self, task: TaskId, reason: ExitReason) {
        if !self.is_running(task) {
            return;
        }
        self.people.get_mut(&task).unwrap().reason = Some(reason);
        self.leave(task, None);
        let refused = encoded::<Offer>(&Err(LinkRefusal::UnknownTask));
        self.answer(
            |_, waits| (*waits == Waits::Offer(task)).then(|| refused.clone()),
            false,
        );
        self.people.get_mut(&task).unwrap().links = [None; LINKS];
        for person in self.people.values_mut() {
            for link in &mut person.links {
                if *link == Some(task) {
                    *link = None;
                }
            }
        }
    }

    fn link(&self, task: TaskId, partner: TaskId) -> Option<Link> {
        let number = self.slot(task, Some(partner))?;
        let slot = u8::try_from(number + 7).unwrap();
        Some(Link { partner, slot })
    }

    fn slot(&self, task: TaskId, partner: Option<TaskId>) -> Option<usize> {
        let links = self.people[&task].links;
        links.iter().position(|link| *link == partner)
    }

    /// Links two tasks, if both have room.
    fn connect(&mut self, one: TaskId, other: TaskId) -> Result<(Link, Link), LinkRefusal> {
        if let (Some(mine), Some(theirs)) = (self.link(one, other), self.link(other, one)) {
            return Ok((mine, theirs));
        }
        let mine = self.slot(one, None).ok_or(LinkRefusal::NoSlot)?;
        let theirs = self.slot(other, None).ok_or(LinkRefusal::NoSlot)?;
        self.people.get_mut(&one).unwrap().links[mine] = Some(other);
        self.people.get_mut(&other).unwrap().links[theirs] = Some(one);
        Ok((
            self.link(one, other).unwrap(),
            self.link(other, one).unwrap(),
        ))
    }

    fn wait(&mut self, request: u64, task: TaskId, thread: u32, waits: Waits) {
        self.waiting.push((request, task, thread, waits));
        let person = self.people.get_mut(&task).unwrap();
        person.threads.insert(thread, Some(request));
    }

    /// A task's threads, or one of them, wait for nothing any more.
    fn leave(&mut self, task: TaskId, thread: Option<u32>) {
        let broken = &mut self.broken;
        self.waiting.retain(|(_, owner, of, waits)| {
            let leaves = *owner == task && thread.is_none_or(|thread| thread == *of);
            if leaves && matches!(waits, Waits::Fork(_)) {
                broken.push(task);
            }
            !leaves
        });
    }

    /// Whoever made this request, if it waits for such a thing, has its answer. Returns who it is, and what for.
    fn take(&mut self, request: u64, is_such: impl Fn(&Waits) -> bool) -> Option<(TaskId, Waits)> {
        let mut waiting = self.waiting.iter();
        let position =
            waiting.position(|(waiter, _, _, waits)| *waiter == request && is_such(waits))?;
        let (_, task, thread, waits) = self.waiting.remove(position);
        let person = self.people.get_mut(&task).unwrap();
        person.threads.insert(thread, None);
        Some((task, waits))
    }

    /// How many forks there may be: those that somebody waits for, and those that are taken apart.
    fn forks(&self) -> usize {
        let waits = self.waiting.iter();
        let waits = waits.filter(|(_, _, _, waits)| matches!(waits, Waits::Fork(_)));
        waits.count() + self.broken.len()
    }

    /// Whether one of a task's may be among them.
    fn forks_of(&self, task: TaskId) -> bool {
        let mut waiting = self.waiting.iter();
        let waits = |(_, owner, _, waits): &(_, TaskId, _, Waits)| {
            *owner == task && matches!(waits, Waits::Fork(_))
        };
        waiting.any(waits) || self.broken.contains(&task)
    }

    /// Whoever waits for such a thing is answered.
    fn answer(
        &mut self,
        wanted: impl Fn(TaskId, &Waits) -> Option<Vec<u8>>,
        only_one: bool,
    ) -> bool {
        let mut found = false;
        let mut index = 0;
        while index < self.waiting.len() {
            let (request, task, thread, waits) = self.waiting[index].clone();
            if let Some(bytes) = wanted(task, &waits) {
                self.waiting.remove(index);
                self.expected.push((request, bytes));
                let person = self.people.get_mut(&task).unwrap();
                person.threads.insert(thread, None);
                found = true;
                if only_one {
                    return true;
                }
            } else {
                index += 1;
            }
        }
        found
    }

    /// The ledger let go of a task: everything came back, and everybody concerned hears of it.
    fn gone(&mut self, task: TaskId) {
        let person = self.people.remove(&task).unwrap();
        let reason = person.reason.expect("nobody goes before its end began");
        let killed = encoded::<Kill>(&Ok(()));
        self.answer(
            |_, waits| (*waits == Waits::Killed(task)).then(|| killed.clone()),
            false,
        );
        for child in self.children(task) {
            self.people.get_mut(&child).unwrap().parent = None;
        }
        let Some(parent) = person.parent.filter(|&parent| self.is_running(parent)) else {
            return;
        };
        let ended = Ended { task, reason };
        let bytes = encoded::<Wait>(&Ok(ended));
        let told = self.answer(
            |owner, waits| {
                let concerned =
                    matches!(waits, Waits::Child(child) if child.is_none_or(|child| child == task));
                (owner == parent && concerned).then(|| bytes.clone())
            },
            true,
        );
        if !told {
            let person = self.people.get_mut(&parent).unwrap();
            person.ends.push_back(ended);
            if person.ends.len() > KEPT_ENDS {
                person.ends.pop_front();
                person.lost += 1;
            }
        }
        let alone = self.children(parent).is_empty();
        self.answer(
            |owner, waits| match waits {
                Waits::Child(Some(child)) if owner == parent && *child == task => {
                    Some(encoded::<Wait>(&Err(WaitRefusal::NotAChild)))
                }
                Waits::Child(None) if owner == parent && alone => {
                    Some(encoded::<Wait>(&Err(WaitRefusal::NoChildren)))
                }
                _ => None,
            },
            false,
        );
    }
}

/// The answer of a wait, or the request that is answered later.
#[allow(clippy::type_complexity, reason = "two things that either is")]
fn now_or_later<C: Call<Reply = Ended, Refusal = WaitRefusal>>(
    outcome: Outcome<C>,
) -> (Option<Result<Ended, WaitRefusal>>, Option<u64>) {
    match outcome {
        Outcome::Now(answer) => (Some(answer), None),
        Outcome::Later(request) => (None, Some(request)),
        Outcome::Protocol(error) => panic!("{error}"),
    }
}

struct History {
    stage: Stage,
    model: Model,
}

impl History {
    fn new() -> Self {
        let mut history = Self {
            stage: Stage::new(24, 40),
            model: Model::default(),
        };
        history.stage.world.borrow_mut().memory.clone_slices = 2;
        for _ in 0..2 {
            let task = history.stage.first();
            history.born(task, None, group(1));
        }
        history
    }

    fn born(&mut self, task: TaskId, parent: Option<TaskId>, group: GroupId) {
        assert!(self.model.used.insert(task), "no id is given twice");
        let person = Person {
            parent,
            group,
            threads: BTreeMap::from([(0, None)]),
            reason: None,
            ends: VecDeque::new(),
            lost: 0,
            links: [None; LINKS],
        };
        self.model.people.insert(task, person);
    }

    /// A running task.
    fn task(&self, choice: u8) -> Option<TaskId> {
        let running = self.model.running();
        running
            .get(usize::from(choice) % running.len().max(1))
            .copied()
    }

    /// A thread of it that does not wait.
    fn free_thread(&self, task: TaskId, choice: u8) -> Option<u32> {
        let threads = &self.model.people[&task].threads;
        let free: Vec<u32> = threads
            .iter()
            .filter(|(_, request)| request.is_none())
            .map(|(&number, _)| number)
            .collect();
        free.get(usize::from(choice) % free.len().max(1)).copied()
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Spawn { by, group } => self.spawn(by, group),
            Step::Fork { by, thread, group } => self.fork(by, thread, group),
            Step::Exit { by } => self.exit(by),
            Step::Wait { by, thread, child } => self.wait(by, thread, child),
            Step::WaitWithoutWaiting { by } => self.wait_without_waiting(by),
            Step::Kill { by, thread, target } => self.kill(by, thread, target),
            Step::KillGroup { by, thread, group } => self.kill_group(by, thread, group),
            Step::Fault { who } => {
                if let Some(task) = self.task(who) {
                    self.stage.report(task, Cause::OutOfMemory);
                }
            }
            Step::StartThread { by } => self.start_thread(by),
            Step::EndThread { by, thread } => self.end_thread(by, thread),
            Step::Join { by, thread, other } => self.join(by, thread, other),
            Step::Sleep { by, thread, ns } => self.sleep(by, thread, ns),
            Step::WaitFor {
                by,
                thread,
                child,
                ns,
            } => self.wait_till(by, thread, child, Some(ns)),
            Step::Freeze {
                by,
                thread,
                group,
                thaw,
            } => self.freeze(by, thread, group, thaw),
            Step::Move { by, task, group } => self.move_task(by, task, group),
            Step::Offer { by, thread, to, ns } => self.offer(by, thread, to, ns),
            Step::Accept {
                by,
                thread,
                from,
                ns,
            } => self.accept(by, thread, from, ns),
            Step::HangUp { by, partner } => self.hang_up(by, partner),
            Step::Alarm { by, ns } => self.alarm(by, ns),
            Step::Pass { ns } => self.stage.pass(u64::from(ns)),
            Step::Work { slices } => {
                for _ in 0..slices {
                    self.work();
                }
            }
        }
        self.observe();
    }

    /// One slice of work. What the server decides by itself is read off the world: which report it took, and whom a
    /// kill chose.
    fn work(&mut self) {
        let (report, reports) = {
            let waiting = &self.stage.world.borrow().memory.reports;
            (waiting.front().copied(), waiting.len())
        };
        let killing: Vec<GroupId> = {
            let world = self.stage.world.borrow();
            let all = GROUPS.iter().map(|&(index, _)| group(index));
            all.filter(|&group| world.limits.is_killed(group)).collect()
        };
        self.stage.server.work();
        let left = self.stage.world.borrow().memory.reports.len();
        let taken = report.filter(|_| left < reports);
        if let Some(report) = taken {
            self.model.end(report.task, ExitReason::Fault(report.cause));
        }
        // A victim's TCB is gone as soon as its end begins.
        for task in self.model.running() {
            if self.stage.world.borrow().is_stopped(task) {
                let mine = self.model.people[&task].group;
                let by: Vec<GroupId> = up(mine).filter(|above| killing.contains(above)).collect();
                let life = self
                    .stage
                    .server
                    .table()
                    .get(task)
                    .map(process_core::Task::life);
                let Some(Lifecycle::Ending(Ending::Told(ExitReason::GroupKilled { group }))) = life
                else {
                    panic!("{task} was stopped and nobody asked for it: {life:?}");
                };
                assert!(by.contains(&group), "it is in a group that is being killed");
                self.model.end(task, ExitReason::GroupKilled { group });
            }
        }
        self.observe();
    }

    /// Hears of what happened and compares the answers.
    fn observe(&mut self) {
        self.stage.check();
        let events: Vec<Event> = self.stage.world.borrow().events.clone();
        let mut answers: Vec<(u64, Vec<u8>)> = Vec::new();
        for event in &events[self.model.seen_events..] {
            match event {
                // The child of a fork that was broken off: nobody has ever heard of it.
                Event::Uncharged(task) if !self.model.used.contains(task) => {}
                Event::Uncharged(task) => self.model.gone(*task),
                Event::Answered(request, bytes) => answers.push((*request, bytes.clone())),
            }
        }
        self.model.seen_events = events.len();
        let groups = self.finished_kills(&answers);
        answers.retain(|(request, _)| !groups.contains(request));
        answers.retain(|(request, bytes)| !self.woken(*request, bytes));
        answers.retain(|(request, bytes)| !self.frozen(*request, bytes));
        answers.retain(|(request, bytes)| !self.forked(*request, bytes));
        if !self.stage.server.has_work() {
            self.model.broken.clear();
            let now = self.stage.world.borrow().now;
            for (request, _, _, _) in &self.model.waiting {
                let due = self.model.deadlines.get(request);
                // The time may have passed without an interrupt: then that was set to come, and is still on its way.
                assert!(
                    due.is_none_or(|(at, _)| *at > now || self.stage.rings()),
                    "nobody oversleeps"
                );
            }
        }
        let expected = std::mem::take(&mut self.model.expected);
        let sorted = |mut all: Vec<(u64, Vec<u8>)>| {
            all.sort();
            all
        };
        assert_eq!(sorted(answers), sorted(expected));
    }

    /// The requests among these answers that were to kill a group. Those must be right by what is in the group.
    fn finished_kills(&mut self, answers: &[(u64, Vec<u8>)]) -> BTreeSet<u64> {
        let mut finished = BTreeSet::new();
        for (request, bytes) in answers {
            let taken = self
                .model
                .take(*request, |waits| matches!(waits, Waits::Group(_)));
            let Some((_, Waits::Group(killed))) = taken else {
                continue;
            };
            finished.insert(*request);
            let answer: Result<interfaces::accounting::Receipt, KillGroupRefusal> =
                interfaces::decode::decode(bytes).unwrap().0;
            if let Ok(receipt) = answer {
                assert_eq!(receipt.held, receipt.returned);
                let inside = self.model.people.values();
                assert!(
                    !inside
                        .into_iter()
                        .any(|person| up(person.group).any(|above| above == killed)),
                    "nobody is left in a killed group"
                );
            }
        }
        finished
    }

    /// Whether this is the answer to one whose time has come. Then it was not too early, and it is the right one.
    fn woken(&mut self, request: u64, bytes: &[u8]) -> bool {
        let now = self.stage.world.borrow().now;
        let Some((at, refusal)) = self.model.deadlines.get(&request).cloned() else {
            return false;
        };
        let expected = match refusal {
            Some(refusal) => refusal,
            None => encoded::<Sleep>(&Ok(Clock { ns: now })),
        };
        if bytes != expected || at > now {
            return false;
        }
        self.model.deadlines.remove(&request);
        // Whoever is not there any more was ended in the same slice, after it was woken.
        let _ = self.model.take(request, |_| true);
        true
    }

    /// Whether this is the answer to one who froze or thawed a group. Then it says how often it was frozen.
    fn frozen(&mut self, request: u64, bytes: &[u8]) -> bool {
        let taken = self
            .model
            .take(request, |waits| matches!(waits, Waits::Freeze(_)));
        let Some((_, Waits::Freeze(expected))) = taken else {
            return false;
        };
        assert_eq!(bytes, encoded::<Freeze>(&expected));
        true
    }

    /// Whether this is the answer to one who forked. Then there is a child, or a group is being killed.
    fn forked(&mut self, request: u64, bytes: &[u8]) -> bool {
        let taken = self
            .model
            .take(request, |waits| matches!(waits, Waits::Fork(_)));
        let Some((task, Waits::Fork(into))) = taken else {
            return false;
        };
        let answer: Result<Option<TaskId>, ForkRefusal> =
            interfaces::decode::decode(bytes).unwrap().0;
        match answer {
            Ok(Some(child)) => self.born(child, Some(task), into),
            Err(ForkRefusal::Ticket(TicketRefusal::Killing)) => {}
            other => panic!("{other:?}"),
        }
        true
    }

    fn fork(&mut self, by: u8, thread: u8, choice: u8) {
        let Some((task, thread)) = self.caller(by, thread) else {
            return;
        };
        let wanted = (!choice.is_multiple_of(5)).then(|| group(u32::from(choice % 5)));
        let mine = self.model.people[&task].group;
        let into = wanted.unwrap_or(mine);
        let books = self.stage.world.borrow().books();
        let killing = self.stage.world.borrow().limits.is_killing(into);
        let forks = self.model.forks_of(task);
        let broken = self.model.broken.contains(&task);
        let request = Fork {
            thread,
            group: wanted,
        };
        match self.stage.ask(task, thread, &request) {
            Outcome::Later(request) => {
                assert!(up(into).any(|above| above == mine) && !killing && (broken || !forks));
                self.model.wait(request, task, thread, Waits::Fork(into));
            }
            Outcome::Now(Err(refusal)) => {
                match refusal {
                    ForkRefusal::TableFull => assert!(self.is_full()),
                    ForkRefusal::Clone(CloneSpaceRefusal::Busy) => assert!(forks),
                    ForkRefusal::Ticket(_) => {
                        assert!(killing || !up(into).any(|above| above == mine));
                    }
                    other => panic!("{other:?}"),
                }
                assert_eq!(self.stage.world.borrow().books(), books);
            }
            other => panic!("{other:?}"),
        }
    }

    /// Whether there is no place for another task, or for another thread, or for another fork.
    fn is_full(&self) -> bool {
        let table = self.stage.server.table();
        table.tasks_taken() == 24 || table.threads_taken() == 40 || self.model.forks() >= 12
    }

    fn freeze(&mut self, by: u8, thread: u8, choice: u8, thaw: bool) {
        let Some((task, thread)) = self.caller(by, thread) else {
            return;
        };
        let group = group(u32::from(choice % 6));
        let mine = self.model.people[&task].group;
        let known = up(group).any(|above| above == mine) && (1..=4).contains(&group.index);
        let before = {
            let world = self.stage.world.borrow();
            world.limits.frozen.get(&group).copied().unwrap_or(0)
        };
        let refusal = |refusal| Err(FreezeRefusal::Freeze(refusal));
        let expected = if !known {
            refusal(interfaces::accounting::FreezeRefusal::UnknownGroup)
        } else if group == mine {
            refusal(interfaces::accounting::FreezeRefusal::NotYours)
        } else if !thaw {
            Ok(before + 1)
        } else if before == 0 {
            refusal(interfaces::accounting::FreezeRefusal::NotFrozen)
        } else {
            Ok(before - 1)
        };
        let outcome = if thaw {
            match self.stage.ask(task, thread, &Thaw { group }) {
                Outcome::Later(request) => Some(request),
                other => panic!("{other:?}"),
            }
        } else {
            match self.stage.ask(task, thread, &Freeze { group }) {
                Outcome::Later(request) => Some(request),
                Outcome::Now(Err(FreezeRefusal::TableFull)) => None,
                other => panic!("{other:?}"),
            }
        };
        if let Some(request) = outcome {
            let waits = Waits::Freeze(expected);
            self.model.wait(request, task, thread, waits);
        }
    }

    fn move_task(&mut self, by: u8, target: u8, choice: u8) {
        let (Some((task, thread)), Some(target)) = (self.caller(by, 0), self.task(target)) else {
            return;
        };
        let group = group(u32::from(choice % 5));
        let request = MoveTask {
            task: target,
            group,
        };
        if let Ok(()) = Stage::now(self.stage.ask(task, thread, &request)) {
            let mine = self.model.people[&task].group;
            let theirs = self.model.people[&target].group;
            for place in [theirs, group] {
                assert!(place != mine && up(place).any(|above| above == mine));
            }
            self.model.people.get_mut(&target).unwrap().group = group;
        }
    }

    /// Somebody who is there, or was.
    fn anybody(&self, choice: u8) -> TaskId {
        let known: Vec<TaskId> = self.model.used.iter().copied().collect();
        known[usize::from(choice) % known.len()]
    }

    fn offer(&mut self, by: u8, thread: u8, to: u8, ns: u8) {
        let Some((task, thread)) = self.caller(by, thread) else {
            return;
        };
        let to = self.anybody(to);
        let model = &mut self.model;
        let accepts = |from: Option<TaskId>| from.is_none_or(|from| from == task);
        let waiter = model.waiting.iter().position(|(_, owner, _, waits)| {
            *owner == to && matches!(waits, Waits::Accept(from) if accepts(*from))
        });
        let suitors = model
            .waiting
            .iter()
            .filter(|(_, _, _, waits)| *waits == Waits::Offer(to));
        let full = suitors.count() >= SUITORS;
        let expected = if task == to {
            Some(Err(LinkRefusal::UnknownTask))
        } else if let Some(link) = model.link(task, to) {
            Some(Ok(link))
        } else if !model.is_running(to)
            || !(model.sees(task, to) || model.people[&task].group == model.people[&to].group)
        {
            Some(Err(LinkRefusal::UnknownTask))
        } else if model.slot(task, None).is_none() {
            Some(Err(LinkRefusal::NoSlot))
        } else if let Some(waiter) = waiter {
            Some(model.connect(task, to).map(|(mine, theirs)| {
                let (request, _, thread, _) = model.waiting.remove(waiter);
                let answer = encoded::<Accept>(&Ok(theirs));
                model.expected.push((request, answer));
                let person = model.people.get_mut(&to).unwrap();
                person.threads.insert(thread, None);
                mine
            }))
        } else if ns == 0 {
            Some(Err(LinkRefusal::TimedOut))
        } else if full {
            Some(Err(LinkRefusal::TableFull))
        } else {
            None
        };
        let request = Offer {
            to,
            ns: u64::from(ns),
        };
        let outcome = self.stage.ask(task, thread, &request);
        self.linked((task, thread), outcome, expected, Waits::Offer(to), ns);
    }

    fn accept(&mut self, by: u8, thread: u8, from: Option<u8>, ns: u8) {
        let Some((task, thread)) = self.caller(by, thread) else {
            return;
        };
        let from = from.map(|from| self.anybody(from));
        let model = &mut self.model;
        let suitor = model.waiting.iter().position(|(_, owner, _, waits)| {
            *waits == Waits::Offer(task) && from.is_none_or(|from| from == *owner)
        });
        let linked = from.and_then(|from| model.link(task, from));
        let expected = if let Some(link) = linked {
            Some(Ok(link))
        } else if let Some(suitor) = suitor {
            let (request, owner, thread, _) = model.waiting[suitor].clone();
            Some(model.connect(task, owner).map(|(mine, theirs)| {
                model.waiting.remove(suitor);
                let answer = encoded::<Offer>(&Ok(theirs));
                model.expected.push((request, answer));
                let person = model.people.get_mut(&owner).unwrap();
                person.threads.insert(thread, None);
                mine
            }))
        } else if ns == 0 {
            Some(Err(LinkRefusal::TimedOut))
        } else {
            None
        };
        let request = Accept {
            from,
            ns: u64::from(ns),
        };
        let outcome = self.stage.ask(task, thread, &request);
        self.linked((task, thread), outcome, expected, Waits::Accept(from), ns);
    }

    /// An offer, or its acceptance, is answered as it should be, or later.
    fn linked<C: Call<Reply = Link, Refusal = LinkRefusal> + std::fmt::Debug>(
        &mut self,
        (task, thread): (TaskId, u32),
        outcome: Outcome<C>,
        expected: Option<Result<Link, LinkRefusal>>,
        waits: Waits,
        ns: u8,
    ) {
        match outcome {
            Outcome::Now(answer) => assert_eq!(Some(answer), expected),
            Outcome::Later(request) => {
                assert_eq!(expected, None);
                self.model.wait(request, task, thread, waits);
                let at = self.stage.world.borrow().now + u64::from(ns);
                let due = (at, Some(encoded::<C>(&Err(LinkRefusal::TimedOut))));
                self.model.deadlines.insert(request, due);
            }
            Outcome::Protocol(error) => panic!("{error}"),
        }
    }

    fn hang_up(&mut self, by: u8, partner: u8) {
        let Some((task, thread)) = self.caller(by, 0) else {
            return;
        };
        let links = self.model.people[&task].links.into_iter().flatten();
        let links: Vec<TaskId> = links.collect();
        let partner = links
            .get(usize::from(partner) % links.len().max(1))
            .copied()
            .unwrap_or_else(|| self.anybody(partner));
        let answer = Stage::now(self.stage.ask(task, thread, &HangUp { partner }));
        let Some(mine) = self.model.slot(task, Some(partner)) else {
            assert_eq!(answer, Err(LinkRefusal::UnknownTask));
            return;
        };
        assert_eq!(answer, Ok(()));
        let theirs = self.model.slot(partner, Some(task)).unwrap();
        self.model.people.get_mut(&task).unwrap().links[mine] = None;
        self.model.people.get_mut(&partner).unwrap().links[theirs] = None;
    }

    fn alarm(&mut self, by: u8, ns: u8) {
        let Some((task, thread)) = self.caller(by, 0) else {
            return;
        };
        let first = self.stage.world.borrow().memory.thread(task, 0).unwrap();
        let has_bell = self.stage.world.borrow().mailboxes.contains_key(&first);
        let ns = u64::from(ns);
        let answer = Stage::now(self.stage.ask(task, thread, &SetAlarm { ns }));
        let refused = Err(LinkRefusal::NoMailbox);
        assert_eq!(answer, if has_bell { Ok(()) } else { refused });
    }

    /// Whoever is in a frozen group stands still, and nobody else.
    fn check_still(&self) {
        let world = self.stage.world.borrow();
        for (&task, person) in &self.model.people {
            let frozen = world.limits.is_frozen(person.group);
            for &number in person.threads.keys() {
                let thread = world.memory.thread(task, number).unwrap();
                assert_eq!(world.priorities[&thread] == 1, frozen, "{task}");
            }
        }
    }

    fn sleep(&mut self, by: u8, thread: u8, ns: u8) {
        let Some((task, thread)) = self.caller(by, thread) else {
            return;
        };
        let now = self.stage.world.borrow().now;
        let ns = if ns == 255 { u64::MAX } else { u64::from(ns) };
        match self.stage.ask(task, thread, &Sleep { ns }) {
            Outcome::Now(answer) => assert_eq!((answer, ns), (Ok(Clock { ns: now }), 0)),
            Outcome::Later(request) => {
                self.model.wait(request, task, thread, Waits::Time);
                let due = (now.saturating_add(ns), None);
                self.model.deadlines.insert(request, due);
            }
            Outcome::Protocol(error) => panic!("{error}"),
        }
    }

    fn spawn(&mut self, by: u8, choice: u8) {
        let Some((task, thread)) = self.caller(by, 0) else {
            return;
        };
        let wanted = (!choice.is_multiple_of(5)).then(|| group(u32::from(choice % 5)));
        let request = Spawn {
            program: ProgramId(choice % 2),
            group: wanted,
            arguments: Text::default(),
        };
        let mine = self.model.people[&task].group;
        let into = wanted.unwrap_or(mine);
        let books = self.stage.world.borrow().books();
        let killing = self.stage.world.borrow().limits.is_killing(into);
        match Stage::now(self.stage.ask(task, thread, &request)) {
            Ok(child) => {
                assert!(up(into).any(|above| above == mine) && !killing);
                self.born(child, Some(task), into);
            }
            Err(refusal) => {
                match refusal {
                    SpawnRefusal::TableFull => assert!(self.is_full()),
                    SpawnRefusal::Ticket(_) => {
                        assert!(killing || !up(into).any(|above| above == mine));
                    }
                    other => panic!("{other:?}"),
                }
                assert_eq!(self.stage.world.borrow().books(), books);
            }
        }
    }

    fn exit(&mut self, by: u8) {
        // Two tasks stay, so that there is always somebody to ask.
        let Some((task, thread)) = self.caller(by, 0).filter(|(task, _)| task.index > 1) else {
            return;
        };
        let code = i32::from(by);
        Stage::later(self.stage.ask(task, thread, &Exit { code }));
        self.model.end(task, ExitReason::Exited { code });
    }

    fn wait(&mut self, by: u8, thread: u8, child: Option<u8>) {
        self.wait_till(by, thread, child, None);
    }

    fn wait_till(&mut self, by: u8, thread: u8, child: Option<u8>, ns: Option<u8>) {
        let Some((task, thread)) = self.caller(by, thread) else {
            return;
        };
        let known: Vec<TaskId> = self.model.used.iter().copied().collect();
        let child = child.map(|choice| known[usize::from(choice) % known.len()]);
        let children = self.model.children(task);
        let person = self.model.people.get_mut(&task).unwrap();
        let kept = match child {
            None => (!person.ends.is_empty()).then_some(0),
            Some(child) => person.ends.iter().position(|ended| ended.task == child),
        };
        let expected = match kept {
            Some(index) => Some(Ok(person.ends.remove(index).unwrap())),
            None => match child {
                None if children.is_empty() => Some(Err(WaitRefusal::NoChildren)),
                Some(child) if !children.contains(&child) => Some(Err(WaitRefusal::NotAChild)),
                _ if ns == Some(0) => Some(Err(WaitRefusal::TimedOut)),
                _ => None,
            },
        };
        let (answered, later) = match ns.map(u64::from) {
            None => now_or_later(self.stage.ask(task, thread, &Wait { child })),
            Some(ns) => now_or_later(self.stage.ask(task, thread, &WaitFor { child, ns })),
        };
        assert_eq!(answered, expected);
        if let Some(request) = later {
            self.model.wait(request, task, thread, Waits::Child(child));
            if let Some(ns) = ns {
                let at = self.stage.world.borrow().now + u64::from(ns);
                let due = (at, Some(encoded::<Wait>(&Err(WaitRefusal::TimedOut))));
                self.model.deadlines.insert(request, due);
            }
        }
    }

    /// Waits for a child that is never told of: the request leaves no thread waiting. It must not take anybody's
    /// end, so it names a thread.
    fn wait_without_waiting(&mut self, by: u8) {
        let Some((task, _)) = self.caller(by, 0) else {
            return;
        };
        let number = self.model.people[&task]
            .threads
            .keys()
            .copied()
            .find(|&number| number > 0);
        if let Some(number) = number {
            self.stage.send(task, &JoinThread { number });
        }
    }

    fn kill(&mut self, by: u8, thread: u8, target: u8) {
        let Some((task, thread)) = self.caller(by, thread) else {
            return;
        };
        let known: Vec<TaskId> = self
            .model
            .used
            .iter()
            .copied()
            .filter(|task| task.index > 1)
            .collect();
        if known.is_empty() {
            return;
        }
        let target = known[usize::from(target) % known.len()];
        let allowed = target != task && self.model.sees(task, target);
        match self.stage.ask(task, thread, &Kill { task: target }) {
            Outcome::Now(answer) => {
                assert_eq!(answer, Err(TaskRefusal::UnknownTask));
                assert!(!allowed);
            }
            Outcome::Later(request) => {
                assert!(allowed);
                self.model
                    .wait(request, task, thread, Waits::Killed(target));
                self.model.end(target, ExitReason::Killed { by: task });
            }
            Outcome::Protocol(error) => panic!("{error}"),
        }
    }

    fn kill_group(&mut self, by: u8, thread: u8, choice: u8) {
        let Some((task, thread)) = self.caller(by, thread) else {
            return;
        };
        let killed = group(u32::from(choice % 3) + 2);
        let request = KillGroup { group: killed };
        match self.stage.ask(task, thread, &request) {
            Outcome::Later(request) => self.model.wait(request, task, thread, Waits::Group(killed)),
            Outcome::Now(answer) => assert_eq!(answer, Err(KillGroupRefusal::TableFull)),
            Outcome::Protocol(error) => panic!("{error}"),
        }
    }

    fn start_thread(&mut self, by: u8) {
        let Some((task, thread)) = self.caller(by, 0) else {
            return;
        };
        let lowest = {
            let threads = &self.model.people[&task].threads;
            (1..17)
                .find(|number| !threads.contains_key(number))
                .unwrap()
        };
        match Stage::now(self.stage.ask(task, thread, &START)) {
            Ok(number) => {
                assert_eq!(number, lowest);
                self.model
                    .people
                    .get_mut(&task)
                    .unwrap()
                    .threads
                    .insert(number, None);
            }
            Err(ThreadRefusal::TableFull) => {
                let threads: usize = self
                    .model
                    .people
                    .values()
                    .map(|person| person.threads.len())
                    .sum();
                assert!(threads == 40 || lowest == 16);
            }
            Err(ThreadRefusal::Ticket(_)) => {
                let mine = self.model.people[&task].group;
                assert!(self.stage.world.borrow().limits.is_killing(mine));
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    fn end_thread(&mut self, by: u8, choice: u8) {
        let Some((task, thread)) = self.caller(by, choice) else {
            return;
        };
        let number = u32::from(choice % 6);
        let known = self.model.people[&task].threads.contains_key(&number) && number != 0;
        let request = EndThread {
            number,
            myself: number == thread,
        };
        match self.stage.ask(task, thread, &request) {
            Outcome::Now(Err(refusal)) => {
                assert_eq!(refusal, ThreadRefusal::UnknownThread);
                assert!(!known);
            }
            outcome => {
                assert!(known);
                let at_once = matches!(outcome, Outcome::Now(Ok(())));
                assert_eq!(at_once, number != thread);
                let person = self.model.people.get_mut(&task).unwrap();
                person.threads.remove(&number);
                self.model.leave(task, Some(number));
                let done = encoded::<JoinThread>(&Ok(()));
                self.model.answer(
                    |owner, waits| {
                        (owner == task && *waits == Waits::Thread(number)).then(|| done.clone())
                    },
                    false,
                );
            }
        }
    }

    fn join(&mut self, by: u8, thread: u8, other: u8) {
        let Some((task, thread)) = self.caller(by, thread) else {
            return;
        };
        let number = u32::from(other % 6);
        let known = self.model.people[&task].threads.contains_key(&number) && number != 0;
        match self.stage.ask(task, thread, &JoinThread { number }) {
            Outcome::Now(answer) => {
                assert_eq!(answer, Err(ThreadRefusal::UnknownThread));
                assert!(!known);
            }
            Outcome::Later(request) => {
                assert!(known);
                self.model
                    .wait(request, task, thread, Waits::Thread(number));
            }
            Outcome::Protocol(error) => panic!("{error}"),
        }
    }

    fn caller(&self, by: u8, thread: u8) -> Option<(TaskId, u32)> {
        let task = self.task(by)?;
        Some((task, self.free_thread(task, thread)?))
    }

    /// Nothing goes on by itself any more: whoever still waits must have something to wait for.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            if !self.stage.server.has_work() {
                break;
            }
            self.work();
        }
        assert!(!self.stage.server.has_work(), "the work ends");
        self.check_still();
        for (request, task, _, waits) in &self.model.waiting {
            match waits {
                Waits::Child(None) => assert!(!self.model.children(*task).is_empty()),
                Waits::Child(Some(child)) => assert!(self.model.people.contains_key(child)),
                Waits::Thread(number) => {
                    assert!(self.model.people[task].threads.contains_key(number));
                }
                Waits::Time => assert!(self.model.deadlines.contains_key(request)),
                Waits::Offer(to) => assert!(self.model.is_running(*to)),
                Waits::Accept(_) => {}
                Waits::Killed(_) | Waits::Group(_) | Waits::Freeze(_) | Waits::Fork(_) => {
                    panic!("request {request} was never answered")
                }
            }
        }
        for (&task, person) in &self.model.people {
            let Some(thread) = self.free_thread(task, 0) else {
                continue;
            };
            let read = ReadTask { task: None };
            let account = Stage::now(self.stage.ask(task, thread, &read)).unwrap();
            assert_eq!(account.lost_ends, person.lost);
            assert_eq!(account.threads as usize, person.threads.len());
            assert_eq!(account.children as usize, self.model.children(task).len());
            assert_eq!(account.group, person.group);
            let links = Stage::now(self.stage.ask(task, thread, &ReadLinks {})).unwrap();
            let expected = person.links.into_iter().flatten();
            let expected: Vec<_> = expected.map(|other| self.model.link(task, other)).collect();
            assert_eq!(links.into_iter().map(Some).collect::<Vec<_>>(), expected);
        }
    }

    /// Everybody ends: nothing is left anywhere.
    fn close(mut self) {
        for task in self.model.running() {
            self.stage.report(task, Cause::OutOfMemory);
        }
        self.settle();
        assert!(self.model.people.is_empty());
        let world = self.stage.world.borrow();
        let (charged, tickets, tasks, slots, replies) = world.books();
        assert!(charged.is_empty());
        assert_eq!((tickets, tasks, slots, replies), (0, 0, 0, 0));
        assert!(world.links.is_empty() && world.mailboxes.is_empty());
        assert_eq!(self.stage.server.counts().alarms, 0);
        assert_eq!(self.stage.server.counts().protocol_errors, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_is_as_the_model_says(steps in steps()) {
        let mut history = History::new();
        for step in &steps {
            history.step(step);
        }
        history.settle();
        history.close();
    }
}
