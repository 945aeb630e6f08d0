//! The memory-server as far as the proc-server can tell: objects in slots, taken back in slices.

use std::collections::{BTreeMap, VecDeque};

use interfaces::events::{RingId, TASK_RINGS};
use interfaces::identity::Caller;
use interfaces::limits::Never;
use interfaces::provision::*;
use interfaces::start::client_slots;
use interfaces::truth::{Verified, Verify};
use interfaces::{Amounts, GroupId, Resource, TaskId};

use super::{Tcb, World};

/// A ring of a task.
#[derive(Clone, Copy, Debug)]
pub struct Ring {
    pages: u8,
    /// How many of them are there.
    made: u8,
    /// Nothing more is made of it.
    is_over: bool,
}

/// What is held for a task.
#[derive(Debug)]
pub struct Held {
    payer: GroupId,
    program: ProgramId,
    threads: BTreeMap<u32, u32>,
    /// By number, its rings.
    rings: BTreeMap<u8, Ring>,
    slices: u32,
}

#[derive(Debug, Default)]
pub struct Memory {
    pub tasks: BTreeMap<TaskId, Held>,
    pub reports: VecDeque<Report>,
    pub full: bool,
    /// In how many slices the next task is taken apart; 3 if 0.
    pub slices: u32,
    /// How many slices a clone of an address space takes besides the last, and how many each that is under way has had.
    pub clone_slices: u32,
    clones: BTreeMap<TaskId, u32>,
    /// How many such slices were asked for, of all clones.
    pub clones_asked: u32,
    /// It forgets to empty one of the slots.
    pub untidy: bool,
    /// Whether the notification of a new ring is in the slot for that.
    pub at_hand: bool,
}

impl Memory {
    /// The place of a task's thread.
    pub fn thread(&self, task: TaskId, number: u32) -> Option<u32> {
        self.tasks.get(&task)?.threads.get(&number).copied()
    }
}

impl World {
    fn place(&mut self, thread: u32, slots: &[ThreadSlot]) -> Result<(), CreateRefusal> {
        if slots
            .iter()
            .any(|slot| self.slots.contains(&slot.of(thread)))
        {
            return Err(CreateRefusal::Kernel(8));
        }
        self.slots.extend(slots.iter().map(|slot| slot.of(thread)));
        self.tcbs.insert(thread, Tcb::Fresh);
        Ok(())
    }

    fn empty(&mut self, thread: u32) {
        let kept = self.memory.untidy.then_some(ThreadSlot::IpcBuffer);
        for slot in [
            ThreadSlot::Tcb,
            ThreadSlot::CNode,
            ThreadSlot::Space,
            ThreadSlot::IpcBuffer,
        ] {
            if Some(slot) != kept {
                self.slots.remove(&slot.of(thread));
            }
        }
        self.cspaces.remove(&thread);
        self.slots.remove(&MailboxSlot::Endpoint.of(thread));
        self.slots.remove(&MailboxSlot::Bell.of(thread));
        self.mailboxes.remove(&thread);
        self.links.retain(|&(first, _), _| first != thread);
        assert!(
            self.links.values().all(|&(to, _)| to != thread),
            "nobody is left who could send to it"
        );
        self.notifications.retain(|&(first, _)| first != thread);
        self.thread_gone(thread);
    }
}

impl Server for World {
    fn describe(&mut self, _: Caller, request: Describe) -> Result<ProgramInfo, UnknownRefusal> {
        let program = self.programs.get(usize::from(request.program.0));
        program.cloned().ok_or(UnknownRefusal::Unknown)
    }

    fn create_task(&mut self, _: Caller, request: CreateTask) -> Result<Made, CreateRefusal> {
        if self.memory.full {
            return Err(CreateRefusal::OutOfMemory);
        }
        if self.memory.tasks.contains_key(&request.task) {
            return Err(CreateRefusal::BadPlace);
        }
        self.place(
            request.thread,
            &[
                ThreadSlot::Tcb,
                ThreadSlot::CNode,
                ThreadSlot::Space,
                ThreadSlot::IpcBuffer,
            ],
        )?;
        let slices = self.memory.slices;
        self.memory.tasks.insert(
            request.task,
            Held {
                payer: request.payer,
                program: request.program,
                threads: BTreeMap::from([(0, request.thread)]),
                rings: BTreeMap::new(),
                slices: if slices == 0 { 3 } else { slices },
            },
        );
        Ok(Made {
            entry: 0x24_0000,
            stack_top: 0x23_0000,
            ipc_buffer: 0x20_0000,
        })
    }

    fn create_thread(&mut self, _: Caller, request: CreateThread) -> Result<u32, CreateRefusal> {
        if self.memory.full {
            return Err(CreateRefusal::OutOfMemory);
        }
        if !self.memory.tasks.contains_key(&request.task) {
            return Err(CreateRefusal::UnknownTask);
        }
        self.place(request.thread, &[ThreadSlot::Tcb, ThreadSlot::IpcBuffer])?;
        let held = self.memory.tasks.get_mut(&request.task).unwrap();
        let old = held.threads.insert(request.number, request.thread);
        assert_eq!(old, None, "a number is given once at a time");
        Ok(0x20_0000 + request.number * 0x1000)
    }

    fn create_mailbox(&mut self, _: Caller, request: CreateMailbox) -> Result<(), CreateRefusal> {
        if self.memory.full {
            return Err(CreateRefusal::OutOfMemory);
        }
        let held = self.memory.tasks.get(&request.task);
        let first = held.ok_or(CreateRefusal::UnknownTask)?.threads[&0];
        assert!(self.slots.insert(MailboxSlot::Endpoint.of(first)));
        assert!(self.slots.insert(MailboxSlot::Bell.of(first)));
        Ok(())
    }

    fn destroy_thread(&mut self, _: Caller, request: DestroyThread) -> Result<(), UnknownRefusal> {
        let held = self.memory.tasks.get_mut(&request.task);
        let held = held.ok_or(UnknownRefusal::Unknown)?;
        let before = held.threads.len();
        held.threads.retain(|_, place| *place != request.thread);
        if held.threads.len() == before {
            return Err(UnknownRefusal::Unknown);
        }
        self.empty(request.thread);
        Ok(())
    }

    fn destroy_task(
        &mut self,
        _: Caller,
        request: DestroyTask,
    ) -> Result<Progress, UnknownRefusal> {
        let held = self.memory.tasks.get_mut(&request.task);
        let held = held.ok_or(UnknownRefusal::Unknown)?;
        held.slices -= 1;
        let left = held.slices;
        let threads: Vec<u32> = held.threads.values().copied().collect();
        for &thread in &threads {
            self.slots.remove(&ThreadSlot::Tcb.of(thread));
            self.thread_gone(thread);
        }
        if left > 0 {
            return Ok(Progress::More);
        }
        for thread in threads {
            self.empty(thread);
        }
        self.memory.tasks.remove(&request.task);
        self.memory.clones.remove(&request.task);
        Ok(Progress::Done)
    }

    fn revoke(&mut self, _: Caller, _: Revoke) -> Result<Progress, Never> {
        Ok(Progress::Done)
    }

    fn clone_space(
        &mut self,
        _: Caller,
        request: CloneSpace,
    ) -> Result<Progress, CloneSpaceRefusal> {
        let both = [request.from, request.to].map(|task| self.memory.tasks.contains_key(&task));
        if both != [true, true] {
            return Err(CloneSpaceRefusal::UnknownTask);
        }
        if self.memory.full {
            return Err(CloneSpaceRefusal::TableFull);
        }
        self.memory.clones_asked += 1;
        let had = self.memory.clones.entry(request.to).or_default();
        if *had < self.memory.clone_slices {
            *had += 1;
            return Ok(Progress::More);
        }
        self.memory.clones.remove(&request.to);
        Ok(Progress::Done)
    }

    fn take_report(&mut self, _: Caller, _: TakeReport) -> Result<Option<Report>, Never> {
        Ok(self.memory.reports.pop_front())
    }

    fn verify(&mut self, caller: Caller, request: Verify) -> Result<Verified, Never> {
        let held = match request.group {
            Some(group) => self.holdings(caller, Holdings { group })?,
            None => Amounts::NONE,
        };
        Ok(Verified {
            next: None,
            checked: 0,
            held,
            wrong: None,
        })
    }

    fn holdings(&mut self, _: Caller, request: Holdings) -> Result<Amounts, Never> {
        let theirs = self.memory.tasks.values();
        let theirs = theirs.filter(|held| held.payer == request.group);
        let bare = |kit: Amounts| kit.with(Resource::Tasks, 0).with(Resource::Threads, 0);
        Ok(theirs.fold(Amounts::NONE, |mut sum, held| {
            let info = &self.programs[usize::from(held.program.0)];
            let program = Amounts::of(Resource::Commit, u64::from(info.commit))
                .with(Resource::CapSlots, u64::from(info.shared));
            sum = sum.checked_add(&bare(TASK_KIT)).unwrap();
            sum = sum.checked_add(&program).unwrap();
            for ring in held.rings.values() {
                sum = sum.checked_add(&ring_kit(ring.pages)).unwrap();
            }
            for _ in 1..held.threads.len() {
                sum = sum.checked_add(&bare(THREAD_KIT)).unwrap();
            }
            sum
        }))
    }

    fn create_ring(&mut self, _: Caller, request: CreateRing) -> Result<MadeRing, RingRefusal> {
        if self.memory.full {
            return Err(RingRefusal::OutOfMemory);
        }
        let held = self.memory.tasks.get_mut(&request.task);
        let held = held.ok_or(RingRefusal::UnknownTask)?;
        let mut numbers = 0..u8::try_from(TASK_RINGS).unwrap();
        let number = numbers.find(|number| !held.rings.contains_key(number));
        let number = number.ok_or(RingRefusal::TooMany)?;
        let ring = Ring {
            pages: request.pages,
            made: 0,
            is_over: false,
        };
        held.rings.insert(number, ring);
        Ok(MadeRing {
            ring: RingId(number),
            address: 0x23_0000,
            number,
        })
    }

    fn build_ring(&mut self, _: Caller, request: BuildRing) -> Result<Built, RingRefusal> {
        assert!(!self.memory.at_hand, "the slot for notifications is empty");
        let held = self.memory.tasks.get_mut(&request.task);
        let ring = held.and_then(|held| held.rings.get_mut(&request.ring.0));
        let ring = ring.filter(|ring| !ring.is_over);
        let ring = ring.ok_or(RingRefusal::UnknownTask)?;
        if self.memory.full {
            ring.is_over = true;
            return Err(RingRefusal::OutOfMemory);
        }
        // A slice for each four pages.
        ring.made = ring.pages.min(ring.made + 4);
        if ring.made < ring.pages {
            return Ok(Built::More);
        }
        ring.is_over = true;
        self.memory.at_hand = true;
        Ok(Built::Whole {
            number: request.ring.0,
        })
    }

    fn destroy_ring(
        &mut self,
        _: Caller,
        request: DestroyRing,
    ) -> Result<Progress, UnknownRefusal> {
        let held = self.memory.tasks.get_mut(&request.task);
        let held = held.ok_or(UnknownRefusal::Unknown)?;
        let ring = held.rings.get_mut(&request.ring.0);
        let ring = ring.ok_or(UnknownRefusal::Unknown)?;
        ring.is_over = true;
        let first = held.threads[&0];
        let slot = client_slots::RINGS + u64::from(request.ring.0);
        self.notifications.remove(&(first, slot));
        if ring.made > 8 {
            ring.made -= 8;
            return Ok(Progress::More);
        }
        held.rings.remove(&request.ring.0);
        Ok(Progress::Done)
    }

    fn read_pool(&mut self, _: Caller, _: ReadPool) -> Result<PoolFigures, Never> {
        Ok(PoolFigures {
            pages: 100,
            free: 50,
            largest: 20,
            free_slots: 7,
            regions: 0,
            faults: 0,
            protocol_errors: 0,
            alarms: 0,
        })
    }
}
