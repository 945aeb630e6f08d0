//! What the proc-server may ask: `interfaces::provision`.

use interfaces::limits::Never;
use interfaces::provision::{
    BuildRing, Built, CloneSpace, CloneSpaceRefusal, CreateMailbox, CreateRefusal, CreateRing,
    CreateTask, CreateThread, Describe, DestroyRing, DestroyTask, DestroyThread, Holdings, Made,
    MadeRing, PoolFigures, ProgramInfo, Progress, ReadPool, Report, Revoke, RingRefusal, Server,
    TakeReport, UnknownRefusal,
};
use interfaces::truth::{Verified, Verify};
use interfaces::{Amounts, Caller};

use crate::hands::{Kernel, Ledger};
use crate::owner::Use;
use crate::program::Program;
use crate::recount::recount;
use crate::server::MemoryServer;
use crate::space::State;

impl<K: Kernel, L: Ledger> Server for MemoryServer<'_, K, L> {
    fn describe(&mut self, _: Caller, request: Describe) -> Result<ProgramInfo, UnknownRefusal> {
        let program = self.memory.programs.get(request.program);
        program.map(Program::info).ok_or(UnknownRefusal::Unknown)
    }

    fn create_task(&mut self, _: Caller, request: CreateTask) -> Result<Made, CreateRefusal> {
        let made = self.make_task(request);
        self.left_nothing(request.thread, made)
    }

    fn create_thread(&mut self, _: Caller, request: CreateThread) -> Result<u32, CreateRefusal> {
        let made = self.make_thread(request);
        self.left_nothing(request.thread, made)
    }

    fn create_mailbox(&mut self, _: Caller, request: CreateMailbox) -> Result<(), CreateRefusal> {
        self.make_mailbox(request)
    }

    fn destroy_thread(&mut self, _: Caller, request: DestroyThread) -> Result<(), UnknownRefusal> {
        let space = self
            .memory
            .spaces
            .find(request.task)
            .ok_or(UnknownRefusal::Unknown)?;
        let is_first = self.space(space).first_thread == request.thread;
        let is_there = self
            .owners()
            .find(Use::Thread, space, request.thread)
            .is_some();
        if is_first || !is_there {
            return Err(UnknownRefusal::Unknown);
        }
        self.unmake_thread(space, request.thread);
        Ok(())
    }

    fn destroy_task(
        &mut self,
        _: Caller,
        request: DestroyTask,
    ) -> Result<Progress, UnknownRefusal> {
        let index = request.task.index;
        let space = self.space(index);
        let is_there = matches!(space.state, State::Live | State::Dying);
        if !is_there || space.task != request.task {
            return Err(UnknownRefusal::Unknown);
        }
        Ok(self.unmake_task(index))
    }

    fn revoke(&mut self, _: Caller, request: Revoke) -> Result<Progress, Never> {
        Ok(self.revoke_all(request.group))
    }

    fn clone_space(
        &mut self,
        _: Caller,
        request: CloneSpace,
    ) -> Result<Progress, CloneSpaceRefusal> {
        self.clone_space_on(request)
    }

    fn take_report(&mut self, _: Caller, _: TakeReport) -> Result<Option<Report>, Never> {
        let report = self.memory.spaces.take_report();
        Ok(report.map(|(task, cause)| Report { task, cause }))
    }

    fn holdings(&mut self, _: Caller, request: Holdings) -> Result<Amounts, Never> {
        Ok(recount(&self.memory, request.group))
    }

    fn verify(&mut self, _: Caller, request: Verify) -> Result<Verified, Never> {
        Ok(self.verify_slice(request))
    }

    fn create_ring(&mut self, _: Caller, request: CreateRing) -> Result<MadeRing, RingRefusal> {
        self.make_ring(request)
    }

    fn build_ring(&mut self, _: Caller, request: BuildRing) -> Result<Built, RingRefusal> {
        let ring = self.ring_of(request.task, request.ring);
        self.build_ring_on(ring.ok_or(RingRefusal::UnknownTask)?)
    }

    fn destroy_ring(
        &mut self,
        _: Caller,
        request: DestroyRing,
    ) -> Result<Progress, UnknownRefusal> {
        let ring = self.ring_of(request.task, request.ring);
        Ok(self.unmake_ring(ring.ok_or(UnknownRefusal::Unknown)?))
    }

    fn read_pool(&mut self, _: Caller, _: ReadPool) -> Result<PoolFigures, Never> {
        // What is kept is free; how large it makes a block is only known of what has been taken apart.
        self.keep_less();
        let memory = &mut self.memory;
        let kept = memory.kept.held().copies;
        Ok(PoolFigures {
            pages: u64::from(memory.pool.total()),
            free: memory.free_pages(),
            largest: memory.pool.largest(),
            free_slots: u64::from(memory.mappings.free_copies().saturating_add(kept)),
            regions: u64::from(memory.regions.count()),
            faults: self.counters.faults,
            protocol_errors: self.counters.protocol_errors,
            alarms: self.counters.mishaps,
        })
    }
}

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Who is refused what is wanted in a thread's place may make its slots empty: the copy of a kit's root that stands there
    /// goes before.
    fn left_nothing<T>(
        &mut self,
        thread: u32,
        made: Result<T, CreateRefusal>,
    ) -> Result<T, CreateRefusal> {
        if made.is_err() {
            self.clear_root_copy(thread);
        }
        made
    }
}
