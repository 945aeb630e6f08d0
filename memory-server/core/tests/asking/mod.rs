//! The proc-server's and the clients' side of the bench: births with their tickets, touches, and the audit.

#![allow(dead_code, reason = "each test file uses its own part")]

use interfaces::call::{CallError, Dispatched, Outcome, outcome};
use interfaces::provision::{
    CreateRefusal, CreateTask, Describe, DestroyTask, Holdings, Progress, ReadPool, Report,
    TASK_KIT, THREAD_KIT, TakeReport,
};
use interfaces::truth::{Verify, Wrong};
use interfaces::{Amounts, Call, Caller, GroupId, Resource, ServerName, TaskId, Transport, call};
use memory_core::door::{Answer, FaultMessage};
use memory_core::fault::PageFault;
use memory_core::space::State;

use crate::fake::{Bench, PROGRAM};

pub const GROUP: GroupId = GroupId {
    index: 5,
    generation: 0,
};
pub const OTHER: GroupId = GroupId {
    index: 6,
    generation: 2,
};

pub fn task(index: u32) -> TaskId {
    TaskId {
        index,
        generation: 1,
    }
}

/// A caller's view of the bench.
struct As<'a>(&'a mut Bench, Caller);

impl Transport for As<'_> {
    fn exchange<C: Call>(&mut self, request: &C) -> Outcome<C> {
        let mut payload = [0; 960];
        let mut reply = [0; 960];
        let length = interfaces::encode::encode(request, &mut payload).unwrap();
        let payload = &payload[..length.next_multiple_of(8)];
        match self
            .0
            .server
            .request(self.1, C::LABEL.bits(), false, payload, &mut reply)
        {
            Answer::Dispatched(Dispatched::Reply(length)) => {
                outcome(Ok(interfaces::decode::decode(&reply[..length]).unwrap().0))
            }
            Answer::Dispatched(Dispatched::Protocol(error)) => Err(CallError::Protocol(error)),
            answer => panic!("{answer:?}"),
        }
    }
}

pub trait Asks {
    fn proc<C: Call>(&mut self, request: C) -> Result<C::Reply, C::Refusal>;
    fn client<C: Call>(&mut self, task: TaskId, request: C) -> Result<C::Reply, C::Refusal>;
    fn server_says<C: Call>(&mut self, caller: Caller, request: C) -> Result<C::Reply, C::Refusal>;
    fn spawn(&mut self, index: u32, group: GroupId) -> Result<(), CreateRefusal>;
    fn spawn_in(&mut self, index: u32, thread: u32, group: GroupId) -> Result<(), CreateRefusal>;
    fn end(&mut self, index: u32, group: GroupId);
    fn give_ticket_back(&mut self, index: u32, group: GroupId);
    fn touch(&mut self, index: u32, address: u32, write: bool) -> Answer;
    fn report(&mut self) -> Option<Report>;
    fn audit(&mut self, group: GroupId);
    fn verify(&mut self, group: Option<GroupId>) -> Result<Amounts, Wrong>;
}

fn kit() -> Amounts {
    TASK_KIT.with(Resource::Tasks, 0).with(Resource::Threads, 0)
}

pub fn thread_kit() -> Amounts {
    THREAD_KIT.with(Resource::Threads, 0)
}

impl Asks for Bench {
    fn proc<C: Call>(&mut self, request: C) -> Result<C::Reply, C::Refusal> {
        match call(&mut As(self, Caller::server(ServerName::Proc)), &request) {
            Ok(reply) => Ok(reply),
            Err(CallError::Refused(refusal)) => Err(refusal),
            Err(CallError::Protocol(error)) => panic!("{error}"),
        }
    }

    fn client<C: Call>(&mut self, task: TaskId, request: C) -> Result<C::Reply, C::Refusal> {
        let caller = Caller::client(task.tag(), false);
        self.server_says(caller, request)
    }

    fn server_says<C: Call>(&mut self, caller: Caller, request: C) -> Result<C::Reply, C::Refusal> {
        match call(&mut As(self, caller), &request) {
            Ok(reply) => Ok(reply),
            Err(CallError::Refused(refusal)) => Err(refusal),
            Err(CallError::Protocol(error)) => panic!("{error}"),
        }
    }

    /// A birth as the proc-server does it: ticket, making, and the ticket back if that fails.
    fn spawn(&mut self, index: u32, group: GroupId) -> Result<(), CreateRefusal> {
        self.spawn_in(index, index, group)
    }

    fn spawn_in(&mut self, index: u32, thread: u32, group: GroupId) -> Result<(), CreateRefusal> {
        let ticket = ticket(self);
        self.ledger.0.borrow_mut().charge(group, ticket).unwrap();
        let request = CreateTask {
            task: task(index),
            thread,
            program: PROGRAM,
            payer: group,
        };
        let result = self.proc(request);
        if result.is_ok() {
            self.ledger.0.borrow_mut().born.insert(task(index), group);
        } else {
            assert!(self.ledger.0.borrow_mut().release(group, ticket));
        }
        result.map(|_| ())
    }

    fn end(&mut self, index: u32, group: GroupId) {
        let request = DestroyTask { task: task(index) };
        while self.proc(request).unwrap() == Progress::More {
            self.server.memory().check();
        }
        self.give_ticket_back(index, group);
    }

    fn give_ticket_back(&mut self, index: u32, group: GroupId) {
        let ticket = ticket(self);
        let mut accounts = self.ledger.0.borrow_mut();
        assert!(accounts.release(group, ticket));
        accounts.born.remove(&task(index));
    }

    fn touch(&mut self, index: u32, address: u32, write: bool) -> Answer {
        let fault = PageFault {
            address,
            ip: 0x24_0100,
            write,
        };
        self.server
            .fault(task(index).tag(), Some(FaultMessage::Page(fault)))
    }

    fn report(&mut self) -> Option<Report> {
        self.proc(TakeReport {}).unwrap()
    }

    /// Walks a group's records and asks the kernel; what was found, or the first that the kernel does not bear out.
    fn verify(&mut self, group: Option<GroupId>) -> Result<Amounts, Wrong> {
        self.kernel.0.borrow_mut().note_parents();
        let mut held = Amounts::NONE;
        let mut at = 0;
        loop {
            let found = self.proc(Verify { group, at }).unwrap();
            if let Some(wrong) = found.wrong {
                return Err(wrong);
            }
            held = held.checked_add(&found.held).unwrap();
            match found.next {
                Some(next) => {
                    assert!(next > at, "it goes on");
                    at = next;
                }
                None => return Ok(held),
            }
        }
    }

    /// Ledger and recount agree, and all records do.
    fn audit(&mut self, group: GroupId) {
        self.server.memory().check();
        check_kits(self);
        let held = self.proc(Holdings { group }).unwrap();
        assert_eq!(held, self.ledger.0.borrow().used(group), "held and charged");
        // Every few audits, because each question of the bench's kernel takes its time.
        if self.kernel.0.borrow_mut().is_to_be_asked() {
            let found = self.verify(Some(group)).expect("the kernel bears it out");
            assert_eq!(found, held, "found page by page");
            self.verify(None).expect("the kernel bears all out");
        }
    }
}

/// In no address space that is kept for the next task is there anything but pages of the archive, to be read, and not the
/// one with the first instruction.
pub fn check_kits(bench: &Bench) {
    let memory = bench.server.memory();
    let world = bench.kernel.0.borrow();
    let kits = memory.spaces.iter();
    for (index, kit) in kits.filter(|(_, space)| space.state == State::Kept) {
        let root = memory.slots.object(kit.root.unwrap());
        for (address, is_writable) in world.mapped(root) {
            let frame = world.frame_at(root, address).unwrap();
            let is_harmless = !is_writable && world.is_archive(frame) && address != 0x24_0000;
            assert!(
                is_harmless,
                "{address:x} is mapped in the kit of place {index}"
            );
        }
    }
}

pub fn ticket(bench: &mut Bench) -> Amounts {
    let info = bench.proc(Describe { program: PROGRAM }).unwrap();
    let program = Amounts::of(Resource::Commit, u64::from(info.commit))
        .with(Resource::CapSlots, u64::from(info.shared));
    kit().checked_add(&program).unwrap()
}

/// Everything that a machine at rest can be compared by.
pub fn rest(bench: &mut Bench) -> impl PartialEq + std::fmt::Debug + use<> {
    // Each takes some of what is kept apart.
    while bench.server.memory().kept.held().pages > 0 {
        bench.proc(ReadPool {}).unwrap();
    }
    let figures = bench.proc(ReadPool {}).unwrap();
    let accounts = bench.ledger.0.borrow();
    let used: Vec<_> = [GROUP, OTHER].map(|group| accounts.used(group)).into();
    let world = bench.kernel.0.borrow();
    let asids = bench.server.memory().asids.left();
    let areas = bench.server.memory().areas.count();
    let objects = bench.server.memory().objects.iter().count();
    (
        (
            figures.free,
            figures.largest,
            figures.free_slots,
            figures.regions,
        ),
        (
            used,
            world.made(),
            world.proc_slots(),
            asids,
            areas,
            objects,
        ),
    )
}
