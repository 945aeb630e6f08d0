//! How tasks and threads come to be: ticket, objects, birth, confirmation, and only then a real CSpace.
//!
//! The kernel itself tells the limits-server of every birth: the new thread takes its first step at address 0, which
//! is never mapped, while its CSpace is the birth CNode and its fault handler there is the limits-server. No thread
//! leaves that place without the limits-server's confirmation.
//!
//! # Invariants
//!
//! - A step that fails takes back what the steps before it did, in the order objects, ticket, place. What may or may
//!   not have happened (an answer that could not be understood) is taken back as if it had.
//! - No birth capability ever stands in a CSpace in which a thread executes.
//!
//! Why the copies of the root and of the IPC buffer's frame stay in this server's slots: a further thread needs the
//! root again, the revocation at the end takes all four at no extra call, and deleting the frame's copy on every spawn
//! would save nobody anything: with the TCB in the slot beside it, this server can stop the task anyway, and it has no
//! address space to map the frame into but the task's own.

use interfaces::accounting::{
    Admitted, Confirm, ConfirmRefusal, FewTicket, ReadPlace, RestThread, ThreadTicket, Ticket,
    WakeThread,
};
use interfaces::accounting::{EndThread as Unticket, TicketRefusal};
use interfaces::identity::{Badge, Caller};
use interfaces::process::{ForkRefusal, SpawnRefusal, StartThread, ThreadRefusal};
use interfaces::provision::{
    CloneSpaceRefusal, CreateRefusal, CreateTask, CreateThread, DestroyThread, Made, ProgramId,
    THREAD_KIT,
};
use interfaces::start::client_slots;
use interfaces::{Call, CallError, GroupId, TaskId, call};

use crate::hands::{Entry, Hands, KernelError, Service, Settle, insist};
use crate::programs::Cost;
use crate::server::ProcServer;
use crate::table::{Full, Further, Reserved};
use crate::task::{Order, Owed, Task};

/// A task whose arguments begin like this is made without a ticket, in the test build.
const WITHOUT_TICKET: &str = "without-ticket";
/// How many slices of taking apart a failed birth are done at once; what is left then goes on by itself. What a
/// newborn has is far less.
const UNDO_SLICES: u32 = 64;

/// What a thread that is there has.
pub(crate) const ALL_OWED: Owed = Owed {
    ticket: true,
    objects: true,
    slots: true,
};

/// Why a birth failed; says the same for tasks and threads.
pub(crate) enum Failed {
    Ticket(TicketRefusal),
    Memory(CreateRefusal),
    Clone(CloneSpaceRefusal),
    NotBorn,
}

impl From<KernelError> for Failed {
    fn from(KernelError(number): KernelError) -> Self {
        Self::Memory(CreateRefusal::Kernel(number))
    }
}

impl From<Failed> for SpawnRefusal {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Ticket(refusal) => Self::Ticket(refusal),
            Failed::Memory(refusal) => Self::Memory(refusal),
            // Only a fork clones.
            Failed::Clone(_) | Failed::NotBorn => Self::NotBorn,
        }
    }
}

impl From<Failed> for ThreadRefusal {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Ticket(refusal) => Self::Ticket(refusal),
            Failed::Memory(refusal) => Self::Memory(refusal),
            // Only a fork clones.
            Failed::Clone(_) | Failed::NotBorn => Self::NotBorn,
        }
    }
}

impl From<Full> for SpawnRefusal {
    fn from(Full: Full) -> Self {
        Self::TableFull
    }
}

impl From<Full> for ForkRefusal {
    fn from(Full: Full) -> Self {
        Self::TableFull
    }
}

/// A task whose objects are there and whose birth has not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unborn {
    pub(crate) place: Reserved,
    admitted: Admitted,
    ipc_buffer: u32,
    operator: bool,
    has_ticket: bool,
}

/// A thread that is being born.
#[derive(Clone, Copy)]
struct Newborn {
    thread: u32,
    first: u32,
    confirmed: bool,
}

impl<H: Hands> ProcServer<'_, H> {
    /// Starts a task, or leaves everything as it was.
    pub(crate) fn spawn_task(&mut self, order: &Order<'_>) -> Result<TaskId, SpawnRefusal> {
        if self.programs.get(order.program).is_none() {
            return Err(SpawnRefusal::UnknownProgram);
        }
        let (unborn, entry) = self.make_task::<SpawnRefusal>(order)?;
        let Reserved { task, thread } = unborn.place;
        let born = self
            .bring_forth(unborn)
            .and_then(|frozen| Ok(self.hands.run(thread, entry).map(|()| frozen)?));
        match born {
            Ok(frozen) => {
                self.begin_life(task, frozen);
                Ok(task)
            }
            Err(failed) => {
                self.undo(task);
                Err(failed.into())
            }
        }
    }

    /// Makes a task that is not born yet, or leaves everything as it was. Returns it, and where its program begins.
    pub(crate) fn make_task<R: From<Failed> + From<Full>>(
        &mut self,
        order: &Order<'_>,
    ) -> Result<(Unborn, Entry), R> {
        // The ticket first: most spawns that are refused are refused for it, and then there is nothing to undo.
        let place = match self.tasks.next_place() {
            None if self.clear_the_way() => self.tasks.next_place(),
            place => place,
        };
        let place = place.ok_or(Full)?;
        let asked = self.ask_for_ticket(place, order);
        if let Err(CallError::Refused(refusal)) = asked {
            return Err(Failed::Ticket(refusal).into());
        }
        let (program, operator) = (order.program, order.operator);
        let has_ticket = self.wants_ticket(order);
        // It was free a moment ago, and nobody else is served meanwhile.
        let place = self.tasks.reserve(order)?;
        match self.build(place, program, has_ticket, asked) {
            Ok((admitted, made)) => {
                let unborn = Unborn {
                    place,
                    admitted,
                    ipc_buffer: made.ipc_buffer,
                    operator,
                    has_ticket,
                };
                let entry = Entry {
                    ip: u64::from(made.entry),
                    sp: stack_pointer(made.stack_top),
                    argument: 0,
                };
                Ok((unborn, entry))
            }
            Err(failed) => {
                self.undo(place.task);
                Err(failed.into())
            }
        }
    }

    /// Gives a task that was made its CSpace, and lets its first thread be born and leave the birth CNode. It does not run
    /// yet. Returns whether it is to stand still.
    pub(crate) fn bring_forth(&mut self, unborn: Unborn) -> Result<bool, Failed> {
        let newborn = self.begin_birth(unborn)?;
        self.let_live(newborn, unborn.admitted, unborn.ipc_buffer)?;
        Ok(unborn.admitted.frozen)
    }

    /// The same for one that was made a while ago: whether its group was frozen or thawed since then is asked anew.
    pub(crate) fn bring_forth_late(&mut self, unborn: Unborn) -> Result<bool, Failed> {
        let newborn = self.begin_birth(unborn)?;
        self.confirm(newborn)?;
        let task = unborn.place.task;
        // Whoever froze or thawed its group meanwhile has passed it by, and is not told of it again.
        let Ok(admitted) = call(self.hands.limits(), &ReadPlace { task }) else {
            return Err(self.nonsense());
        };
        self.leave_birth(newborn, admitted, unborn.ipc_buffer)?;
        Ok(admitted.frozen)
    }

    /// A task that has been born runs from now on, or stands still.
    pub(crate) fn begin_life(&mut self, task: TaskId, frozen: bool) {
        if self.tasks.started(task).is_err() {
            self.alarm();
        }
        if frozen {
            self.mark_still(task, true);
        }
        self.counts.births = self.counts.births.saturating_add(1);
    }

    /// Starts a further thread in the caller's task, or leaves everything as it was.
    pub(crate) fn start_further_thread(
        &mut self,
        caller: Caller,
        request: StartThread,
    ) -> Result<u32, ThreadRefusal> {
        let task = self
            .who(caller)
            .ok_or(ThreadRefusal::Ticket(TicketRefusal::UnknownTask))?;
        let further = match self.tasks.reserve_thread(task) {
            Err(Full) if self.clear_the_way() => self.tasks.reserve_thread(task),
            reserved => reserved,
        };
        let further = further.map_err(|_| ThreadRefusal::TableFull)?;
        let Further { thread, number, .. } = further;
        let mut owed = Owed::default();
        match self.build_thread(task, further, request, &mut owed) {
            Ok(()) => Ok(number),
            // It was refused before anything was done: it rests on.
            Err(failed) if further.again && !owed.ticket => {
                let rests = self.tasks.rest_thread(task, number);
                self.expect(rests.is_ok());
                Err(failed.into())
            }
            Err(failed) => {
                self.take_thread(task, thread, number, owed);
                Err(failed.into())
            }
        }
    }

    /// Lets a thread that has ended rest: what it is made of is kept for its task's next thread, and stays charged. A TCB
    /// keeps its FPU registers, so no other task may ever have it. Returns whether it rests; else it is to be taken back.
    pub(crate) fn rest(&mut self, task: TaskId, thread: u32, number: u32) -> bool {
        let keeps_none = self
            .tasks
            .get(task)
            .is_some_and(|slot| slot.rested.is_none());
        // Stopped first: whoever joins it must be able to rely on that, and it may never count as nothing and run.
        keeps_none
            && self.hands.suspend(thread).is_ok()
            && insist(self.hands.limits(), &RestThread { thread }).is_ok()
            && self.tasks.rest_thread(task, number).is_ok()
    }

    /// If no place for a thread is free, but some have threads that rest, takes the one back that has rested longest.
    /// Returns whether it did.
    fn clear_the_way(&mut self) -> bool {
        let Some((task, thread)) = self.tasks.in_the_way() else {
            return false;
        };
        self.take_objects(task, thread, ALL_OWED);
        self.tasks.forget_resting(task);
        true
    }

    /// Gives back what a further thread has, and its place.
    pub(crate) fn take_thread(&mut self, task: TaskId, thread: u32, number: u32, owed: Owed) {
        self.take_objects(task, thread, owed);
        let gone = self.tasks.remove_thread(task, number);
        self.expect(gone.is_ok());
    }

    /// Gives back what a further thread has.
    fn take_objects(&mut self, task: TaskId, thread: u32, mut owed: Owed) {
        if owed.objects {
            let gone = insist(self.hands.memory(), &DestroyThread { task, thread });
            self.expect(gone.is_ok());
            // As with a task: the capabilities went with the objects.
            owed.slots &= gone.is_err();
        }
        if owed.slots {
            self.clear(thread);
        }
        if owed.ticket {
            let gone = insist(self.hands.limits(), &Unticket { thread });
            self.expect(gone.is_ok());
        }
    }

    /// Makes the slots of a thread's place empty; the memory-server should have left them so. Returns how many were not.
    pub(crate) fn clear(&mut self, thread: u32) -> u64 {
        let left = self.hands.clear(thread);
        self.counts.alarms = self.counts.alarms.saturating_add(left);
        left
    }

    /// Lets the memory-server make something in the slots of a thread's place. If the kernel refuses because something was
    /// left there, that goes first: looking after every end would cost more than the ends of most threads themselves.
    fn create<C: Call<Refusal = CreateRefusal>>(
        &mut self,
        thread: u32,
        request: &C,
    ) -> Result<C::Reply, CallError<CreateRefusal>> {
        match call(self.hands.memory(), request) {
            Err(CallError::Refused(CreateRefusal::Kernel(_))) if self.clear(thread) > 0 => {
                call(self.hands.memory(), request)
            }
            answered => answered,
        }
    }

    /// Counts an alarm unless it is as it should be.
    pub(crate) fn expect(&mut self, as_it_should_be: bool) {
        if !as_it_should_be {
            self.alarm();
        }
    }

    /// Makes what a task is made of. Says what it was given, and where.
    fn build(
        &mut self,
        place: Reserved,
        program: ProgramId,
        has_ticket: bool,
        asked: Result<Admitted, CallError<TicketRefusal>>,
    ) -> Result<(Admitted, Made), Failed> {
        let Reserved { task, thread } = place;
        let mut owed = Owed {
            ticket: has_ticket,
            ..Owed::default()
        };
        self.tasks.owe(task, owed);
        // What may have been opened is given back as if it had.
        let Ok(admitted) = asked else {
            return Err(self.nonsense());
        };
        self.tasks.admit(task, admitted.group);
        let create = CreateTask {
            task,
            thread,
            program,
            payer: admitted.group,
        };
        (owed.objects, owed.slots) = (true, true);
        self.tasks.owe(task, owed);
        match self.create(thread, &create) {
            Ok(made) => Ok((admitted, made)),
            Err(CallError::Refused(refusal)) => {
                owed.objects = false;
                self.tasks.owe(task, owed);
                Err(Failed::Memory(refusal))
            }
            Err(CallError::Protocol(_)) => Err(self.nonsense()),
        }
    }

    /// Fills a task's CSpace and lets the kernel report the birth.
    fn begin_birth(&mut self, unborn: Unborn) -> Result<Newborn, Failed> {
        let Reserved { thread, .. } = unborn.place;
        self.equip(unborn.place, unborn.operator)?;
        let newborn = Newborn {
            thread,
            first: thread,
            confirmed: unborn.has_ticket,
        };
        self.bear(newborn)?;
        Ok(newborn)
    }

    fn build_thread(
        &mut self,
        task: TaskId,
        further: Further,
        request: StartThread,
        owed: &mut Owed,
    ) -> Result<(), Failed> {
        let slot = self.tasks.get(task);
        let first = slot.and_then(Task::first_thread).ok_or(Failed::NotBorn)?;
        let thread = further.thread;
        let admitted = if further.again {
            self.wake(task, thread, owed)?
        } else {
            self.make_thread(task, further, owed)?
        };
        // It stands still while its task does: if that is still to be frozen, the walk comes to both.
        let admitted = Admitted {
            frozen: self.tasks.get(task).is_some_and(Task::is_still),
            ..admitted
        };
        let newborn = Newborn {
            thread,
            first,
            confirmed: true,
        };
        if further.again {
            let priority = self.settings.birth_priority;
            self.hands.bear_again(thread, first, priority)?;
        } else {
            self.bear(newborn)?;
        }
        let entry = Entry {
            ip: u64::from(request.entry),
            sp: stack_pointer(request.stack_top),
            argument: request.argument,
        };
        let ipc_buffer = self.tasks.ipc_buffer(thread);
        self.let_live(newborn, admitted, ipc_buffer)?;
        Ok(self.hands.run(thread, entry)?)
    }

    /// Asks for a ticket for a thread that has rested.
    fn wake(&mut self, task: TaskId, thread: u32, owed: &mut Owed) -> Result<Admitted, Failed> {
        match call(self.hands.limits(), &WakeThread { thread, task }) {
            Err(CallError::Refused(refusal)) => Err(Failed::Ticket(refusal)),
            Ok(admitted) => {
                *owed = ALL_OWED;
                Ok(admitted)
            }
            Err(CallError::Protocol(_)) => {
                *owed = ALL_OWED;
                Err(self.nonsense())
            }
        }
    }

    /// Makes what a further thread is made of, on a ticket.
    fn make_thread(
        &mut self,
        task: TaskId,
        further: Further,
        owed: &mut Owed,
    ) -> Result<Admitted, Failed> {
        let Further { thread, number, .. } = further;
        let ticket = ThreadTicket {
            thread,
            task,
            amounts: THREAD_KIT,
        };
        owed.ticket = true;
        let admitted = match call(self.hands.limits(), &ticket) {
            Ok(admitted) => admitted,
            Err(CallError::Refused(refusal)) => {
                owed.ticket = false;
                return Err(Failed::Ticket(refusal));
            }
            Err(CallError::Protocol(_)) => return Err(self.nonsense()),
        };
        let create = CreateThread {
            task,
            thread,
            number,
        };
        (owed.objects, owed.slots) = (true, true);
        let ipc_buffer = match self.create(thread, &create) {
            Ok(ipc_buffer) => ipc_buffer,
            Err(CallError::Refused(refusal)) => {
                owed.objects = false;
                return Err(Failed::Memory(refusal));
            }
            Err(CallError::Protocol(_)) => return Err(self.nonsense()),
        };
        self.tasks.note_ipc_buffer(thread, ipc_buffer);
        Ok(admitted)
    }

    /// Takes apart what was built of a task that never ran.
    pub(crate) fn undo(&mut self, task: TaskId) {
        if self.tasks.end(task, None).is_err() {
            return self.alarm();
        }
        self.tend();
        for _ in 0..UNDO_SLICES {
            if self.take_apart(task) {
                return self.bury(task);
            }
        }
    }

    fn wants_ticket(&self, order: &Order<'_>) -> bool {
        !(self.settings.may_omit_ticket && order.arguments.begins_with(WITHOUT_TICKET))
    }

    // Inlined: what it refuses with is large, and would be copied once more.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a bomb is refused all day")]
    fn ask_for_ticket(
        &mut self,
        place: Reserved,
        order: &Order<'_>,
    ) -> Result<Admitted, CallError<TicketRefusal>> {
        if !self.wants_ticket(order) {
            return Ok(self.unticketed(order));
        }
        let Some(&Cost::Few(price)) = self.programs.price(order.program) else {
            return self.ask_for_wide_ticket(place, order);
        };
        let ticket = FewTicket {
            thread: place.thread,
            task: place.task,
            parent: order.parent,
            group: order.group,
            price,
        };
        call(self.hands.limits(), &ticket)
    }

    /// The same for a program whose price has no short form.
    #[cold]
    #[inline(never)]
    fn ask_for_wide_ticket(
        &mut self,
        place: Reserved,
        order: &Order<'_>,
    ) -> Result<Admitted, CallError<TicketRefusal>> {
        let amounts = match self.programs.price(order.program) {
            Some(Cost::Few(price)) => price.amounts(),
            Some(&Cost::Wide(amounts)) => amounts,
            // Whoever orders has looked it up; without a price nobody is born.
            None => return Err(CallError::Refused(TicketRefusal::BadPlace)),
        };
        let ticket = Ticket {
            thread: place.thread,
            task: place.task,
            parent: order.parent,
            group: order.group,
            amounts,
        };
        call(self.hands.limits(), &ticket)
    }

    /// Where a task without a ticket would have been; the last band, so that it disturbs nobody.
    #[cold]
    #[inline(never)]
    fn unticketed(&self, order: &Order<'_>) -> Admitted {
        let parents = order.parent.and_then(|parent| self.tasks.get(parent));
        let group = order.group.or(parents.map(Task::group));
        Admitted {
            group: group.unwrap_or(GroupId::ROOT),
            band: u8::MAX,
            frozen: false,
        }
    }

    /// Fills a new task's CSpace: endpoints to send to, and nothing else.
    fn equip(&mut self, place: Reserved, operator: bool) -> Result<(), KernelError> {
        let tag = place.task.tag();
        let service = Badge::Service(Caller::client(tag, operator));
        let all = [
            (client_slots::PROC, Service::Proc, service),
            (client_slots::MEMORY, Service::Memory, service),
            (client_slots::LIMITS, Service::Limits, service),
            (client_slots::CONSOLE, Service::Console, service),
            (client_slots::FAULT, Service::Memory, Badge::Fault(tag)),
        ];
        for (slot, service, badge) in all {
            self.hands.mint(place.thread, slot, service, badge)?;
        }
        Ok(())
    }

    /// Lets the kernel report the birth.
    fn bear(&mut self, newborn: Newborn) -> Result<(), KernelError> {
        let Newborn { thread, first, .. } = newborn;
        if !self.tasks.birth_minted(thread) {
            self.hands.mint_birth(thread)?;
            self.tasks.note_birth_minted(thread);
        }
        self.hands.bear(thread, first, self.settings.birth_priority)
    }

    /// Asks for the confirmation and lets the thread leave the birth CNode.
    fn let_live(
        &mut self,
        newborn: Newborn,
        admitted: Admitted,
        ipc_buffer: u32,
    ) -> Result<(), Failed> {
        self.confirm(newborn)?;
        self.leave_birth(newborn, admitted, ipc_buffer)
    }

    /// Asks whether the limits-server has heard of the birth.
    fn confirm(&mut self, newborn: Newborn) -> Result<(), Failed> {
        let Newborn {
            thread, confirmed, ..
        } = newborn;
        if !confirmed {
            return Ok(());
        }
        match call(self.hands.limits(), &Confirm { thread }) {
            Ok(()) => Ok(()),
            Err(CallError::Refused(ConfirmRefusal::NotBorn | ConfirmRefusal::NoTicket)) => {
                self.counts.unconfirmed = self.counts.unconfirmed.saturating_add(1);
                Err(Failed::NotBorn)
            }
            Err(CallError::Protocol(_)) => Err(self.nonsense()),
        }
    }

    /// Lets a thread whose birth was confirmed leave the birth CNode.
    fn leave_birth(
        &mut self,
        newborn: Newborn,
        admitted: Admitted,
        ipc_buffer: u32,
    ) -> Result<(), Failed> {
        let Admitted { band, frozen, .. } = admitted;
        self.wake_watchman(frozen);
        self.hands.settle(Settle {
            thread: newborn.thread,
            first: newborn.first,
            priority: self.priority(band, frozen),
            ipc_buffer,
        })?;
        Ok(())
    }

    /// A server on the right turned our message down: an error of ours, told as one of the kernel's that it has not.
    pub(crate) fn nonsense(&mut self) -> Failed {
        self.alarm();
        Failed::Memory(CreateRefusal::Kernel(u8::MAX))
    }
}

/// The stack pointer with which a function begins: as if its caller, with the stack aligned to 16 bytes, had pushed
/// a return address.
const fn stack_pointer(top: u32) -> u64 {
    ((top & !15) as u64).saturating_sub(8)
}

const _: () = assert!(size_of::<ProgramId>() == 1);
