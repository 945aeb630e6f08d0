//! The world around a proc-server, made of maps: the two servers on its right, its slots, and the threads of its
//! clients. It records what happens, refuses what the real ones refuse, and fails where it is told to.

#![allow(dead_code, reason = "each test file uses its own part of it")]

mod ledger;
mod limits;
mod memory;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use interfaces::call::{self, Call, CallError, Loopback, Transport, decode_payload};
use interfaces::identity::{Badge, Caller, TaskTag};
use interfaces::process::{EndThread, Spawn, StartThread};
use interfaces::provision::{MailboxSlot, ProgramId, ProgramInfo, ThreadSlot};
use interfaces::short::{Asked, HEAD_SHIFT, Words};
use interfaces::start::client_slots;
use interfaces::{Amounts, Dispatched, GroupId, ProtocolError, ServerName, TaskId, Text};
use process_core::{
    ClientSlot, Deadlines, Entry, Hands, KernelError, Place, ProcServer, Received, Service,
    Settings, Settle, Task, TaskTable, Thread, Waiter, Waiters,
};

pub use ledger::TheLedger;
pub use limits::Limits;
pub use memory::Memory;

/// The groups of the world: the root 1, with 2 and 3 below it, and 4 below 3.
pub const GROUPS: [(u32, Option<u32>); 4] = [(1, None), (2, Some(1)), (3, Some(1)), (4, Some(3))];

/// A thread, wherever it begins.
pub const START: StartThread = StartThread {
    entry: 1,
    stack_top: 0x1000,
    argument: 2,
};

/// A task of the second program, in this group.
pub fn spawn_into(index: u32) -> Spawn {
    Spawn {
        program: ProgramId(1),
        group: Some(group(index)),
        arguments: Text::default(),
    }
}

/// That one of the caller's other threads ends.
pub const fn end_thread(number: u32) -> EndThread {
    EndThread {
        number,
        myself: false,
    }
}

pub const fn group(index: u32) -> GroupId {
    GroupId {
        index,
        generation: 0,
    }
}

/// How a step fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The kernel refuses, or the request never arrives.
    Before,
    /// The request is done but its answer is garbled. The kernel does not do that: it refuses.
    After,
}

/// Where a thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tcb {
    Fresh,
    InBirth,
    Settled,
    Running(Entry),
    Stopped,
}

/// Something that happened, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The ledger let go of a task.
    Uncharged(TaskId),
    /// Somebody who waited was answered: the number of the request, and the bytes.
    Answered(u64, Vec<u8>),
}

/// Everything outside the proc-server.
#[derive(Debug, Default)]
pub struct World {
    pub limits: Limits,
    /// The real one, instead of the one made of maps.
    pub ledger: Option<TheLedger>,
    pub memory: Memory,
    /// Taken slots of threads in the proc-server's CNode.
    pub slots: BTreeSet<u64>,
    pub tcbs: BTreeMap<u32, Tcb>,
    /// What stands in each task's CSpace, by the place of its first thread.
    pub cspaces: BTreeMap<u32, BTreeMap<u64, (Service, Badge)>>,
    /// The notifications of rings, by the place of the watcher's first thread and the slot.
    pub notifications: BTreeSet<(u32, u64)>,
    /// Which mailboxes are there, by the place of the first thread, and how often the bell of each was rung.
    pub mailboxes: BTreeMap<u32, u32>,
    /// Who can send to whose mailbox, by the place of the sender's first thread and the slot, and as whom.
    pub links: BTreeMap<(u32, u64), (u32, Badge)>,
    pub births_minted: BTreeSet<u32>,
    /// Births that the kernel reported and no ticket had announced.
    pub unannounced: u64,
    /// Kept reply capabilities: the request that each answers.
    pub replies: BTreeMap<u32, u64>,
    /// Whose request each is: the place of the thread that waits.
    pub requests: BTreeMap<u64, u32>,
    /// The request that is being served, if its sender waits for an answer.
    pub serving: Option<u64>,
    pub next_request: u64,
    pub events: Vec<Event>,
    pub steps: u64,
    pub fail: Option<(u64, Failure)>,
    pub programs: Vec<ProgramInfo>,
    /// The priority of each thread.
    pub priorities: BTreeMap<u32, u8>,
    /// The watchman is awake.
    pub watching: bool,
    /// What time it is.
    pub now: u64,
    /// When the timer is to interrupt.
    pub timer: Option<u64>,
}

/// The world as the proc-server reaches it.
#[derive(Clone, Debug)]
pub struct Reach {
    pub world: Rc<RefCell<World>>,
    limits: ToLimits,
    memory: ToMemory,
}

#[derive(Clone, Debug)]
struct ToLimits(Rc<RefCell<World>>);

#[derive(Clone, Debug)]
struct ToMemory(Rc<RefCell<World>>);

impl World {
    /// Counts a step. Whether and how it fails.
    fn step(&mut self) -> Option<Failure> {
        self.steps += 1;
        self.fail
            .filter(|&(at, _)| at == self.steps)
            .map(|(_, failure)| failure)
    }

    fn kernel(&mut self) -> Result<(), KernelError> {
        match self.step() {
            Some(_) => Err(KernelError(9)),
            None => Ok(()),
        }
    }

    /// A thread is no more: its reply capability, kept or not, is void.
    pub fn thread_gone(&mut self, thread: u32) {
        self.tcbs.remove(&thread);
        self.priorities.remove(&thread);
        let requests = &self.requests;
        self.replies
            .retain(|_, request| requests.get(request) != Some(&thread));
        if let Some(serving) = self.serving
            && requests.get(&serving) == Some(&thread)
        {
            self.serving = None;
        }
    }

    /// A thread takes its first step.
    fn bear(&mut self, thread: u32, first: u32, priority: u8) {
        assert_eq!(self.tcbs.get(&thread), Some(&Tcb::Fresh));
        assert!(self.slots.contains(&ThreadSlot::Space.of(first)));
        assert!(self.births_minted.contains(&thread));
        assert_eq!(priority, 110);
        self.tcbs.insert(thread, Tcb::InBirth);
        if let Some(ledger) = &mut self.ledger {
            ledger.birth_notice(thread);
        } else if !self.limits.birth_notice(thread) {
            self.unannounced += 1;
        }
    }

    /// Whether nothing of a task can run any more.
    pub fn is_stopped(&self, task: TaskId) -> bool {
        let first = self.memory.thread(task, 0);
        !first.is_some_and(|first| self.tcbs.contains_key(&first))
    }

    /// What every book says: charged amounts, objects, taken slots.
    pub fn books(&self) -> (BTreeMap<GroupId, Amounts>, usize, usize, usize, usize) {
        (
            self.limits.charged(),
            self.limits.tickets(),
            self.memory.tasks.len(),
            self.slots.len(),
            self.replies.len(),
        )
    }
}

fn exchange<C: Call>(
    world: &Rc<RefCell<World>>,
    send: impl FnOnce() -> call::Outcome<C>,
) -> call::Outcome<C> {
    let failure = world.borrow_mut().step();
    if failure == Some(Failure::Before) {
        return Err(CallError::Protocol(ProtocolError::BadReply));
    }
    let answer = send();
    if failure == Some(Failure::After) {
        return Err(CallError::Protocol(ProtocolError::BadReply));
    }
    answer
}

impl Transport for ToLimits {
    fn exchange<C: Call>(&mut self, request: &C) -> call::Outcome<C> {
        exchange::<C>(&self.0.clone(), || {
            let world = &mut *self.0.borrow_mut();
            if let Some(ledger) = &mut world.ledger {
                return ledger.ask(Caller::server(ServerName::Proc), request);
            }
            Loopback {
                dispatch: interfaces::accounting::dispatch,
                server: world,
                caller: Caller::server(ServerName::Proc),
            }
            .exchange(request)
        })
    }
}

impl Transport for ToMemory {
    fn exchange<C: Call>(&mut self, request: &C) -> call::Outcome<C> {
        exchange::<C>(&self.0.clone(), || {
            let world = &mut *self.0.borrow_mut();
            Loopback {
                dispatch: interfaces::provision::dispatch,
                server: world,
                caller: Caller::server(ServerName::Proc),
            }
            .exchange(request)
        })
    }
}

impl Hands for Reach {
    fn limits(&mut self) -> &mut impl Transport {
        &mut self.limits
    }

    fn memory(&mut self) -> &mut impl Transport {
        &mut self.memory
    }

    fn mint(
        &mut self,
        first: u32,
        slot: u64,
        service: Service,
        badge: Badge,
    ) -> Result<(), KernelError> {
        let world = &mut *self.world.borrow_mut();
        world.kernel()?;
        assert!(world.slots.contains(&ThreadSlot::CNode.of(first)));
        let old = world
            .cspaces
            .entry(first)
            .or_default()
            .insert(slot, (service, badge));
        assert_eq!(old, None, "nothing is minted over something else");
        Ok(())
    }

    fn mint_birth(&mut self, thread: u32) -> Result<(), KernelError> {
        let world = &mut *self.world.borrow_mut();
        world.kernel()?;
        assert!(world.births_minted.insert(thread), "minted once a place");
        Ok(())
    }

    fn bear(&mut self, thread: u32, first: u32, priority: u8) -> Result<(), KernelError> {
        let world = &mut *self.world.borrow_mut();
        world.kernel()?;
        world.bear(thread, first, priority);
        Ok(())
    }

    fn suspend(&mut self, thread: u32) -> Result<(), KernelError> {
        let world = &mut *self.world.borrow_mut();
        world.kernel()?;
        assert!(matches!(world.tcbs.get(&thread), Some(Tcb::Running(_))));
        world.thread_gone(thread);
        world.tcbs.insert(thread, Tcb::Stopped);
        Ok(())
    }

    fn bear_again(&mut self, thread: u32, first: u32, priority: u8) -> Result<(), KernelError> {
        let world = &mut *self.world.borrow_mut();
        world.kernel()?;
        assert_eq!(world.tcbs.insert(thread, Tcb::Fresh), Some(Tcb::Stopped));
        world.bear(thread, first, priority);
        Ok(())
    }

    fn settle(&mut self, settle: Settle) -> Result<(), KernelError> {
        let world = &mut *self.world.borrow_mut();
        world.kernel()?;
        let Settle { thread, first, .. } = settle;
        assert_eq!(world.tcbs.get(&thread), Some(&Tcb::InBirth));
        assert!(
            world.limits.is_confirmed(thread) || world.limits.has_no_ticket(thread),
            "nobody leaves the birth CNode without a confirmation"
        );
        assert!(
            world.cspaces.get(&first).map(BTreeMap::len) == Some(5),
            "complete"
        );
        world.tcbs.insert(thread, Tcb::Settled);
        assert!(
            world.watching || settle.priority != 1,
            "nobody stands still unwatched"
        );
        world.priorities.insert(thread, settle.priority);
        Ok(())
    }

    fn run(&mut self, thread: u32, entry: Entry) -> Result<(), KernelError> {
        let world = &mut *self.world.borrow_mut();
        world.kernel()?;
        assert_eq!(world.tcbs.get(&thread), Some(&Tcb::Settled));
        world.tcbs.insert(thread, Tcb::Running(entry));
        Ok(())
    }

    fn set_priority(&mut self, thread: u32, priority: u8) -> Result<(), KernelError> {
        let world = &mut *self.world.borrow_mut();
        world.kernel()?;
        assert!(matches!(world.tcbs.get(&thread), Some(Tcb::Running(_))));
        assert!(
            world.watching || priority != 1,
            "nobody stands still unwatched"
        );
        world.priorities.insert(thread, priority);
        Ok(())
    }

    fn keep_watch(&mut self, awake: bool) -> Result<(), KernelError> {
        self.world.borrow_mut().watching = awake;
        Ok(())
    }

    fn run_copy(&mut self, thread: u32, of: u32, answer: &[u8]) -> Result<(), KernelError> {
        let world = &mut *self.world.borrow_mut();
        world.kernel()?;
        assert_eq!(world.tcbs.get(&thread), Some(&Tcb::Settled));
        let Some(&Tcb::Running(entry)) = world.tcbs.get(&of) else {
            panic!("only a thread that runs is copied");
        };
        assert!(answer.len() <= 32, "an answer in registers");
        world.tcbs.insert(thread, Tcb::Running(entry));
        Ok(())
    }

    fn clear(&mut self, thread: u32) -> u64 {
        let world = &mut *self.world.borrow_mut();
        let mut left = 0;
        for slot in [
            ThreadSlot::Tcb,
            ThreadSlot::CNode,
            ThreadSlot::Space,
            ThreadSlot::IpcBuffer,
        ] {
            left += u64::from(world.slots.remove(&slot.of(thread)));
        }
        left
    }

    fn place_ring(&mut self, first: u32, slot: u64) -> Result<(), KernelError> {
        let world = &mut *self.world.borrow_mut();
        world.kernel()?;
        assert!(world.memory.at_hand, "the memory-server left one");
        assert!(world.slots.contains(&ThreadSlot::CNode.of(first)));
        world.memory.at_hand = false;
        assert!(world.notifications.insert((first, slot)), "an empty slot");
        Ok(())
    }

    fn drop_ring(&mut self) {
        self.world.borrow_mut().memory.at_hand = false;
    }

    fn open_mailbox(&mut self, first: u32) -> Result<(), KernelError> {
        let world = &mut *self.world.borrow_mut();
        world.kernel()?;
        assert!(world.slots.contains(&MailboxSlot::Endpoint.of(first)));
        assert_eq!(world.mailboxes.insert(first, 0), None);
        Ok(())
    }

    fn drop_mailbox(&mut self, first: u32) {
        let world = &mut *self.world.borrow_mut();
        world.slots.remove(&MailboxSlot::Endpoint.of(first));
        world.slots.remove(&MailboxSlot::Bell.of(first));
        world.mailboxes.remove(&first);
    }

    fn mint_link(
        &mut self,
        first: u32,
        slot: u64,
        to: u32,
        badge: Badge,
    ) -> Result<(), KernelError> {
        let world = &mut *self.world.borrow_mut();
        world.kernel()?;
        assert!(world.slots.contains(&ThreadSlot::CNode.of(first)));
        assert!(world.mailboxes.contains_key(&to) && first != to);
        assert!((client_slots::LINKS..client_slots::RINGS).contains(&slot));
        let old = world.links.insert((first, slot), (to, badge));
        assert_eq!(old, None, "nothing is minted over something else");
        Ok(())
    }

    fn drop_link(&mut self, first: u32, slot: u64) -> Result<(), KernelError> {
        let world = &mut *self.world.borrow_mut();
        assert!(world.links.remove(&(first, slot)).is_some());
        Ok(())
    }

    fn cancel_sends(&mut self, to: u32, badge: Badge) -> Result<(), KernelError> {
        let world = &*self.world.borrow();
        let left = world.links.values().any(|&link| link == (to, badge));
        assert!(!left, "who goes on finds an empty slot");
        Ok(())
    }

    fn ring_bell(&mut self, first: u32) {
        let world = &mut *self.world.borrow_mut();
        *world.mailboxes.get_mut(&first).unwrap() += 1;
    }

    fn is_thread(&mut self, slot: u64) -> bool {
        self.world.borrow().slots.contains(&slot)
    }

    fn is_taken(&mut self, of: ClientSlot) -> bool {
        let world = self.world.borrow();
        let ClientSlot { first, slot } = of;
        let service = world.cspaces.get(&first);
        service.is_some_and(|slots| slots.contains_key(&slot))
            || slot == client_slots::MAILBOX && world.mailboxes.contains_key(&first)
            || world.links.contains_key(&(first, slot))
    }

    fn keep_reply(&mut self, waiter: u32) -> Result<(), KernelError> {
        let world = &mut *self.world.borrow_mut();
        world.kernel()?;
        assert!(
            !world.replies.contains_key(&waiter),
            "a reply slot is empty before it is used"
        );
        if let Some(request) = world.serving.take() {
            world.replies.insert(waiter, request);
        }
        Ok(())
    }

    fn reply_is_gone(&mut self, waiter: u32) -> bool {
        !self.world.borrow().replies.contains_key(&waiter)
    }

    fn drop_reply(&mut self, waiter: u32) {
        self.world.borrow_mut().replies.remove(&waiter);
    }

    fn now(&mut self) -> u64 {
        self.world.borrow().now
    }

    fn set_timer(&mut self, ns: u64) -> Result<(), KernelError> {
        let world = &mut *self.world.borrow_mut();
        world.timer = Some(world.now.saturating_add(ns));
        Ok(())
    }

    fn timer_heard(&mut self) -> Result<(), KernelError> {
        Ok(())
    }

    fn answer(&mut self, waiter: u32, payload: &[u8]) {
        let world = &mut *self.world.borrow_mut();
        if let Some(request) = world.replies.remove(&waiter) {
            world
                .events
                .push(Event::Answered(request, payload.to_vec()));
        }
    }
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<C: Call> {
    Now(Result<C::Reply, C::Refusal>),
    /// Answered later, under this number.
    Later(u64),
    Protocol(ProtocolError),
}

/// A proc-server in a world.
pub struct Stage {
    pub server: ProcServer<'static, Reach>,
    pub world: Rc<RefCell<World>>,
}

impl Stage {
    /// A server with room for so many tasks and threads, and two programs.
    pub fn new(tasks: usize, threads: usize) -> Self {
        Self::with_settings(tasks, threads, false)
    }

    pub fn with_settings(tasks: usize, threads: usize, may_omit_ticket: bool) -> Self {
        let program = |name, shared| ProgramInfo {
            name: Text::try_new(name).unwrap(),
            entry: 0x24_0000,
            commit: 20,
            shared,
        };
        let world = Rc::new(RefCell::new(World {
            limits: Limits::new(),
            programs: vec![program("bomb", 3), program("hog", 5)],
            ..World::default()
        }));
        let reach = Reach {
            world: world.clone(),
            limits: ToLimits(world.clone()),
            memory: ToMemory(world.clone()),
        };
        let settings = Settings {
            bands: [100, 80, 60, 40].into_iter().collect(),
            birth_priority: 110,
            may_omit_ticket,
        };
        let table = TaskTable::new(
            Box::leak(vec![Task::vacant(); tasks].into_boxed_slice()),
            Box::leak(vec![Thread::VACANT; threads].into_boxed_slice()),
        );
        let waiters = Waiters::new(Box::leak(vec![Waiter::VACANT; threads].into_boxed_slice()));
        let places = Box::leak(vec![Place::VACANT; threads + tasks].into_boxed_slice());
        let deadlines = Deadlines::new(places);
        let server = ProcServer::new(table, waiters, deadlines, settings, 2, reach);
        Self { server, world }
    }

    /// A task in the root group, spawned by nobody.
    pub fn first(&mut self) -> TaskId {
        self.boot(1, false)
    }

    /// A task in a group, spawned by nobody.
    pub fn boot(&mut self, in_group: u32, operator: bool) -> TaskId {
        self.boot_with(in_group, operator, "")
    }

    pub fn boot_with(&mut self, in_group: u32, operator: bool, arguments: &str) -> TaskId {
        let start = interfaces::system::StartProgram {
            program: 0,
            group: u8::try_from(in_group - 1).unwrap(),
            operator,
            arguments: Text::try_new(arguments).unwrap(),
        };
        let before: BTreeSet<TaskId> = self.world.borrow().memory.tasks.keys().copied().collect();
        let system = interfaces::system::System {
            starts: [start].into_iter().collect(),
            ..system()
        };
        assert_eq!(self.server.boot(&system), 0);
        let after: BTreeSet<TaskId> = self.world.borrow().memory.tasks.keys().copied().collect();
        *after.difference(&before).next().unwrap()
    }

    /// A thread of a task asks something and waits for the answer.
    pub fn ask<C: Call>(&mut self, task: TaskId, number: u32, request: &C) -> Outcome<C> {
        let thread = self
            .world
            .borrow()
            .memory
            .thread(task, number)
            .unwrap_or(u32::MAX);
        let sent = {
            let world = &mut *self.world.borrow_mut();
            world.next_request += 1;
            let sent = world.next_request;
            world.requests.insert(sent, thread);
            world.serving = Some(sent);
            sent
        };
        let operator = self.is_operator(task);
        let outcome = self.deliver(task.tag(), operator, request, sent);
        self.world.borrow_mut().serving = None;
        outcome
    }

    /// A thread of a task asks something and does not wait for the answer.
    pub fn send<C: Call>(&mut self, task: TaskId, request: &C) -> Outcome<C> {
        self.deliver(task.tag(), false, request, 0)
    }

    fn is_operator(&self, task: TaskId) -> bool {
        let world = self.world.borrow();
        let first = world.memory.thread(task, 0);
        let cspace = first.and_then(|first| world.cspaces.get(&first));
        let badge = cspace.and_then(|cspace| cspace.get(&client_slots::PROC));
        matches!(
            badge,
            Some((_, Badge::Service(caller))) if caller.is_operator()
        )
    }

    fn deliver<C: Call>(
        &mut self,
        tag: TaskTag,
        operator: bool,
        request: &C,
        number: u64,
    ) -> Outcome<C> {
        let badge = Badge::Service(Caller::client(tag, operator));
        let mut reply = [0; interfaces::call::MESSAGE_BYTES];
        // As the clients' stubs do: in its short form if it has one.
        let dispatched = if let Some(short) = request.shorten() {
            let label = C::LABEL.shortened().bits();
            self.deliver_short(badge, label, short, &mut reply)
        } else {
            let mut payload = [0; interfaces::call::MESSAGE_BYTES];
            let length = interfaces::encode::encode(request, &mut payload).unwrap();
            let message = Received {
                badge: Some(badge),
                label: C::LABEL.bits(),
                capabilities: false,
                payload: &payload[..length.next_multiple_of(8)],
            };
            self.server.receive(message, &mut reply).unwrap()
        };
        match dispatched {
            Dispatched::Reply(bytes) => Outcome::Now(decode_payload(&reply[..bytes]).unwrap()),
            Dispatched::Later => Outcome::Later(number),
            Dispatched::Protocol(error) => Outcome::Protocol(error),
            Dispatched::Short(answered) => Outcome::Now(if answered.is_short_refusal() {
                Err(C::lengthen_refusal(answered.said()).unwrap())
            } else {
                Ok(C::lengthen_reply(answered.said()).unwrap())
            }),
        }
    }

    /// What the server's loop does with a message that came in registers.
    fn deliver_short(
        &mut self,
        badge: Badge,
        label: u64,
        short: Words,
        reply: &mut [u8],
    ) -> Dispatched {
        let Words { words, length } = short;
        let asked = Asked {
            badge: badge.encode(),
            head: (label << HEAD_SHIFT) | length as u64,
            words,
        };
        if let Some(answered) = self.server.receive_short(asked, reply) {
            if !answered.is_short() {
                self.server.count(answered);
            }
            return answered.dispatched();
        }
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let message = Received {
            badge: Some(badge),
            label,
            capabilities: false,
            payload: &bytes[..length * 8],
        };
        self.server.receive(message, reply).unwrap()
    }

    /// The memory-server reports a task.
    pub fn report(&mut self, task: TaskId, cause: interfaces::provision::Cause) {
        self.world
            .borrow_mut()
            .memory
            .reports
            .push_back(interfaces::provision::Report { task, cause });
        let message = Received {
            badge: Some(Badge::Signal { bits: 1 }),
            label: 0,
            capabilities: false,
            payload: &[],
        };
        assert_eq!(self.server.receive(message, &mut []), None);
    }

    /// Whether the timer has been set to a time that has passed.
    pub fn rings(&self) -> bool {
        let world = self.world.borrow();
        world.timer.is_some_and(|at| at <= world.now)
    }

    /// Time passes, and the timer interrupts if it was set to.
    pub fn pass(&mut self, ns: u64) {
        let rings = {
            let world = &mut *self.world.borrow_mut();
            world.now = world.now.saturating_add(ns);
            let rings = world.timer.is_some_and(|at| at <= world.now);
            if rings {
                world.timer = None;
            }
            rings
        };
        if rings {
            let message = Received {
                badge: Some(Badge::Signal { bits: 2 }),
                label: 0,
                capabilities: false,
                payload: &[],
            };
            assert_eq!(self.server.receive(message, &mut []), None);
        }
    }

    /// Does what goes on by itself until nothing is left of it.
    pub fn settle(&mut self) {
        for _ in 0..100_000 {
            if !self.server.has_work() {
                return;
            }
            self.server.work();
            self.check();
        }
        panic!("the work never ends");
    }

    pub fn check(&self) {
        assert_eq!(self.server.check(), Ok(()));
    }

    /// The answer to a request that was answered later.
    pub fn answer_to<C: Call>(&self, request: u64) -> Option<Result<C::Reply, C::Refusal>> {
        let world = self.world.borrow();
        let mut answers = world.events.iter().filter_map(|event| match event {
            Event::Answered(number, bytes) if *number == request => Some(bytes.clone()),
            _ => None,
        });
        let answer = answers.next()?;
        assert_eq!(answers.next(), None, "nobody is answered twice");
        Some(interfaces::decode::decode(&answer).unwrap().0)
    }

    pub fn later<C: Call + std::fmt::Debug>(outcome: Outcome<C>) -> u64 {
        match outcome {
            Outcome::Later(request) => request,
            Outcome::Now(answer) => panic!("answered at once: {answer:?}"),
            Outcome::Protocol(error) => panic!("turned down: {error}"),
        }
    }

    pub fn now<C: Call + std::fmt::Debug>(outcome: Outcome<C>) -> Result<C::Reply, C::Refusal> {
        match outcome {
            Outcome::Now(answer) => answer,
            Outcome::Later(_) => panic!("not answered yet"),
            Outcome::Protocol(error) => panic!("turned down: {error}"),
        }
    }
}

fn system() -> interfaces::system::System {
    use interfaces::system::{Heaps, Mode, Room, System};
    System {
        mode: Mode::Run,
        bands: heapless::Vec::new(),
        server_priority: 100,
        birth_priority: 110,
        room: Room {
            groups: 0,
            limited_groups: 0,
            labels: 0,
            tasks: 0,
            threads: 0,
            regions: 0,
            shared_mappings: 0,
            overcommit_percent: 10_000,
        },
        heaps: Heaps {
            limits: 0,
            memory: 0,
            proc: 0,
        },
        groups: heapless::Vec::new(),
        programs: heapless::Vec::new(),
        starts: heapless::Vec::new(),
    }
}
