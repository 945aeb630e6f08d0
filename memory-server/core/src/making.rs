//! Making a task and its threads: everything that its birth ticket has paid for.
//!
//! Nothing is charged here. What is made is recorded at once in the task's space, so a making that fails halfway is
//! undone by the same steps that take a dead task apart (`unmaking`).

use interfaces::accounting::Who;
use interfaces::memory::Access;
use interfaces::provision::{
    CreateMailbox, CreateRefusal, CreateTask, CreateThread, Made as MadeTask, MailboxSlot,
    TASK_THREADS, ThreadSlot,
};
use interfaces::start::proc_slots::MAX_THREADS;

use crate::area::{Area, Run};
use crate::hands::{Kernel, Ledger, Made, Slot};
use crate::mapping::{FrameCap, Mappings};
use crate::memory::Memory;
use crate::object::{ARCHIVE, Kind};
use crate::owner::{KIT_ADDRESS, TableLevel, Use};
use crate::program::{STACK, STACK_TOP, ipc_buffer, ipc_page};
use crate::server::{Failure, MemoryServer};
use crate::space::{Space, State};

/// The pages of a task's kit: its block, four levels of table, an IPC buffer.
const KIT_PAGES: u64 = 6;
/// Those of a further thread's: its block and an IPC buffer.
const THREAD_PAGES: u64 = 2;

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Makes a task's objects, or nothing.
    pub(crate) fn make_task(&mut self, request: CreateTask) -> Result<MadeTask, CreateRefusal> {
        let program = self
            .memory
            .programs
            .get(request.program)
            .ok_or(CreateRefusal::UnknownProgram)?;
        let (entry, commit, shared) = (program.entry, program.commit(), program.shared());
        let keeps = program.fits_kit();
        let runs = program.segments().iter().map(|segment| segment.run);
        let program_tables = runs
            .chain([STACK])
            .fold(0_u64, |sum, run| sum.saturating_add(run.tables()));
        let index = request.task.index;
        // Its ticket has charged it.
        let payer = Who::Group(request.payer);
        let wanted = u64::from(commit).saturating_add(program_tables);
        // What is kept may have to go for it, so what is kept is looked at afterwards.
        if !self.can_promise(payer, 0, wanted.saturating_add(KIT_PAGES)) {
            return Err(CreateRefusal::OutOfMemory);
        }
        let there = self.memory.spaces.peek(index);
        let state = there.map(|space| space.state);
        let has_kit = there
            .is_some_and(|space| space.state == State::Kept && space.program == request.program);
        let has_copy = there
            .is_some_and(|space| has_kit && space.has_copy && space.first_thread == request.thread);
        if !matches!(state, Some(State::Vacant | State::Kept))
            || u64::from(request.thread) >= MAX_THREADS
        {
            return Err(CreateRefusal::BadPlace);
        }
        self.memory.kept.note_making();
        if has_kit {
            self.unkeep(index);
            if !has_copy {
                self.take_root_back(index);
            }
        } else if state == Some(State::Kept) {
            self.drop_kit(index);
        }
        if !has_kit && !self.set_copies_aside(shared) {
            return Err(CreateRefusal::OutOfMemory);
        }
        let kind = Kind::Program {
            program: request.program,
        };
        let Some(object) = self.memory.objects.create(kind, request.payer, commit) else {
            if has_kit {
                self.drop_kit(index);
            } else {
                self.memory.mappings.unreserve(shared);
            }
            return Err(CreateRefusal::OutOfMemory);
        };
        let mishaps = self.counters.mishaps;
        // A kit has the rest; without one there is nothing yet.
        self.change_space(index, |space| {
            space.state = State::Live;
            space.task = request.task;
            space.payer = request.payer;
            space.program = request.program;
            space.object = object;
            space.mishaps = mishaps;
            space.shared_room = shared;
            space.first_thread = request.thread;
        });
        let result = self.build(index, request.thread);
        if let Err(failure) = result {
            self.unmake_task_whole(index);
            return Err(failure.into());
        }
        self.change_space(index, |space| space.keeps = keeps);
        Ok(MadeTask {
            entry,
            stack_top: STACK_TOP,
            ipc_buffer: ipc_buffer(0),
        })
    }

    /// Makes a further thread's objects, or nothing.
    pub(crate) fn make_thread(&mut self, request: CreateThread) -> Result<u32, CreateRefusal> {
        let index = self
            .memory
            .spaces
            .find(request.task)
            .ok_or(CreateRefusal::UnknownTask)?;
        let page = ipc_page(request.number);
        let is_bad = request.number == 0
            || request.number >= TASK_THREADS
            || u64::from(request.thread) >= MAX_THREADS
            || self.memory.mappings.find(index, page).is_some()
            || self
                .owners()
                .find(Use::Thread, index, request.thread)
                .is_some();
        if is_bad {
            return Err(CreateRefusal::BadPlace);
        }
        let payer = Who::Group(self.space(index).payer);
        if !self.can_promise(payer, 0, THREAD_PAGES) {
            return Err(CreateRefusal::OutOfMemory);
        }
        let result = self
            .make_tcb(index, request.thread)
            .and_then(|_| self.make_ipc_buffer(index, request.thread, request.number));
        if let Err(failure) = result {
            self.unmake_thread(index, request.thread);
            return Err(failure.into());
        }
        Ok(ipc_buffer(request.number))
    }

    /// Makes a task's mailbox in the rest of its first block. If it fails halfway, the proc-server empties its slots; what
    /// was made there takes its few bytes of the page until the task ends.
    pub(crate) fn make_mailbox(&mut self, request: CreateMailbox) -> Result<(), CreateRefusal> {
        let unknown = CreateRefusal::UnknownTask;
        let index = self.memory.spaces.find(request.task).ok_or(unknown)?;
        let first = self.space(index).first_thread;
        let block = self.owners().find(Use::Thread, index, first);
        let untyped = self.memory.slots.page(block.ok_or(unknown)?);
        for (made, slot) in [
            (Made::Endpoint, MailboxSlot::Endpoint),
            (Made::Notification, MailboxSlot::Bell),
        ] {
            let to = Slot::Proc(slot.of(first));
            let result = self.kernel.retype(untyped, made, to, 1);
            self.expected(result)?;
        }
        Ok(())
    }

    /// Fills the space in the order in which the kernel wants its parts.
    fn build(&mut self, space: u32, thread: u32) -> Result<(), Failure> {
        self.show_program(space)?;
        let block = self.make_tcb(space, thread)?;
        let to = Slot::Proc(ThreadSlot::CNode.of(thread));
        // The second object of the block: TCB and CNode together are smaller than a page.
        let untyped = self.memory.slots.page(block);
        let result = self.kernel.retype(untyped, Made::ClientCNode, to, 1);
        self.expected(result)?;
        if self.root_of(space) == 0 {
            self.make_root(space)?;
            for level in [
                TableLevel::Pointers,
                TableLevel::Directory,
                TableLevel::Table,
            ] {
                self.make_table(space, level, KIT_ADDRESS)?;
            }
        }
        self.make_ipc_buffer(space, thread, 0)?;
        if self.space(space).has_copy {
            return Ok(());
        }
        let root = self.root_of(space);
        let to = Slot::Proc(ThreadSlot::Space.of(thread));
        let mut result = self.kernel.copy(root, to, Access::ReadWrite);
        if result.is_err() && self.clear_root_copy(thread) {
            result = self.kernel.copy(root, to, Access::ReadWrite);
        }
        self.expected(result)?;
        self.change_space(space, |space| space.has_copy = true);
        Ok(())
    }

    /// Sets copies aside; kits go for them.
    pub(crate) fn set_copies_aside(&mut self, copies: u32) -> bool {
        while !self.memory.mappings.reserve(copies) {
            if !self.drop_oldest_kit() {
                return false;
            }
        }
        true
    }

    /// Takes an ASID; kits go for it.
    fn take_asid(&mut self) -> Result<u8, Failure> {
        loop {
            if let Some(pool) = self.memory.asids.take() {
                return Ok(pool);
            }
            if !self.drop_oldest_kit() {
                return Err(Failure::OutOfSpaces);
            }
        }
    }

    /// Puts the program's segments and the stack into the space's areas; a kit has those that are shared.
    fn show_program(&mut self, space: u32) -> Result<(), Failure> {
        let Memory {
            programs,
            areas,
            spaces,
            objects,
            ..
        } = &mut self.memory;
        let number = space;
        let space = spaces.edit(space).ok_or(Failure::OutOfMemory)?;
        let program = programs.get(space.program).ok_or(Failure::OutOfMemory)?;
        let has_kit = space.root.is_some();
        let segments = program
            .segments()
            .iter()
            .filter(|segment| !(has_kit && segment.access == Access::Read))
            .map(|segment| match segment.access {
                Access::Read => {
                    Area::new(segment.run, ARCHIVE, segment.archive_page(), Access::Read)
                }
                Access::ReadWrite => private(segment.run, space.object),
            });
        let stack = private(STACK, space.object);
        for area in segments.chain([stack]) {
            let index = areas
                .insert(&mut space.areas, area.within(number))
                .map_err(|_| Failure::OutOfMemory)?;
            if area.object != ARCHIVE
                && let Some(object) = objects.edit(area.object)
            {
                areas.show(&mut object.areas, index);
            }
        }
        Ok(())
    }

    /// Makes a thread's TCB, straight into the proc-server's CNode. Returns the page of its block.
    fn make_tcb(&mut self, space: u32, thread: u32) -> Result<u32, Failure> {
        let page = self.obtain()?;
        let to = Slot::Proc(ThreadSlot::Tcb.of(thread));
        let untyped = self.memory.slots.page(page);
        let result = self.kernel.retype(untyped, Made::Tcb, to, 1);
        if let Err(failure) = self.expected(result) {
            self.free_page(page);
            return Err(failure);
        }
        self.record_for_space(page, Use::Thread, space, thread);
        self.change_space(space, |space| {
            space.threads = space.threads.saturating_add(1);
        });
        Ok(page)
    }

    /// Makes the space's root, with an ASID.
    fn make_root(&mut self, space: u32) -> Result<(), Failure> {
        let page = self.make_object(Made::Root)?;
        let slot = self.memory.slots.object(page);
        self.record_for_space(page, Use::Root, space, 0);
        self.change_space(space, |space| {
            space.root = Some(page);
            space.tables = space.tables.saturating_add(1);
        });
        let pool = self.take_asid()?;
        let result = self.kernel.assign_asid(pool, slot);
        match self.expected(result) {
            Ok(()) => {
                self.change_space(space, |space| space.asid_pool = Some(pool));
                Ok(())
            }
            Err(failure) => {
                self.memory.asids.give_back(pool);
                Err(failure)
            }
        }
    }

    /// Makes a page table and puts it where the address needs it.
    pub(crate) fn make_table(
        &mut self,
        space: u32,
        level: TableLevel,
        address: u32,
    ) -> Result<(), Failure> {
        let page = self.make_object(Made::Table(level))?;
        let slot = self.memory.slots.object(page);
        let root = self.root_of(space);
        let result = self.kernel.map_table(slot, level, root, address);
        if let Err(failure) = self.expected(result) {
            self.unmake_object(page);
            return Err(failure);
        }
        self.record_for_space(page, Use::Table, space, level.place(address));
        self.change_space(space, |space| space.tables = space.tables.saturating_add(1));
        Ok(())
    }

    /// Makes a thread's IPC buffer: mapped for the task, with a copy of its frame for the proc-server.
    fn make_ipc_buffer(&mut self, space: u32, thread: u32, number: u32) -> Result<(), Failure> {
        let page = self.make_object(Made::Frame)?;
        let slot = self.memory.slots.object(page);
        self.record_for_space(page, Use::IpcBuffer, space, thread);
        let at = ipc_page(number);
        self.map_cap(Mappings::own(page), space, at, Access::ReadWrite, None)?;
        let to = Slot::Proc(ThreadSlot::IpcBuffer.of(thread));
        let result = self.kernel.copy(slot, to, Access::ReadWrite);
        self.expected(result)
    }

    /// Maps a frame capability, which is not mapped, at a page of a space whose tables are there, in an area or in none.
    pub(crate) fn map_cap(
        &mut self,
        cap: FrameCap,
        space: u32,
        page: u32,
        access: Access,
        area: Option<u32>,
    ) -> Result<(), Failure> {
        let slot = self.memory.slot_of(cap);
        let root = self.root_of(space);
        let result = self.kernel.map_frame(slot, root, page << 12, access);
        self.expected(result)?;
        let is_writable = access == Access::ReadWrite;
        self.memory
            .record_mapping(cap, (space, page), is_writable, area);
        Ok(())
    }

    /// The slot of a space's root.
    pub(crate) fn root_of(&self, space: u32) -> u64 {
        let root = self.memory.spaces.peek(space).and_then(|space| space.root);
        // A space without a root has no tables yet, so nothing is mapped into it; 0 is the null capability.
        root.map_or(0, |page| self.memory.slots.object(page))
    }

    pub(crate) fn change_space(&mut self, space: u32, change: impl FnOnce(&mut Space)) {
        if let Some(space) = self.memory.spaces.edit(space) {
            change(space);
        }
    }
}

/// An area of pages of the task's own: the object's pages have the numbers that they have in the address space.
fn private(run: Run, object: u32) -> Area {
    Area::new(run, object, run.start, Access::ReadWrite)
}
