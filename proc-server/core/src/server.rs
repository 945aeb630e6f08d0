//! The proc-server: what it keeps, its door, and the list of what it can be asked.
//!
//! One message at a time is served, and between messages one slice of the work that goes on by itself
//! ([`ProcServer::work`]). Nothing a client sends makes it wait for another client or do more than a bounded piece.
//!
//! # Invariants
//!
//! - Nobody but a running task is served.
//! - A task that is running has had its birth confirmed by the limits-server (in a test build: or had its ticket left
//!   out on request).
//! - Whoever waits is answered after everything has come back, never before.

use interfaces::accounting::{Receipt, TicketRefusal};
use interfaces::call::{Answer, Call, encode_answer};
use interfaces::identity::{Badge, Caller};
use interfaces::limits::{Never, Page};
use interfaces::links::{Accept, HangUp, Link, LinkRefusal, Links, Offer, ReadLinks, SetAlarm};
use interfaces::process::{
    self, AdoptBand, Arguments, Audit, AuditResult, Children, Clock, CloseRing, EndThread, Ended,
    Exit, ExitReason, ExtendRing, FewSpawn, Figures, FindProgram, FindRefusal, Fork, ForkRefusal,
    Freeze, FreezeRefusal, Inspect, JoinThread, Kill, KillGroup, KillGroupRefusal, MoveRefusal,
    MoveTask, NextGroup, OpenRing, OpenedRing, OperatorRefusal, ReadArguments, ReadClock,
    ReadFigures, ReadPool, ReadTask, Sleep, SleepRefusal, SleepUntil, Spawn, SpawnRefusal,
    StartThread, TaskAccount, TaskRefusal, Thaw, ThreadRefusal, Wait, WaitFor, WaitRefusal,
};
use interfaces::provision::{PoolFigures, ProgramId, Progress, RingRefusal, UnknownRefusal};
use interfaces::short::{Answered, Asked};
use interfaces::start::proc_slots;
use interfaces::system::{BANDS, LOWEST_BAND, System};
use interfaces::truth::Verified;
use interfaces::{Dispatched, GroupId, Label, ProtocolError, RESOURCES, TaskId};

use crate::deadlines::Deadlines;
use crate::death::Work;
use crate::fork::ForkJobs;
use crate::freeze::FreezeJobs;
use crate::hands::Hands;
use crate::kill::KillJobs;
use crate::programs::Programs;
use crate::table::TaskTable;
use crate::task::{Order, Said};
use crate::waiting::{Awaits, Waiters};

/// Room for what is answered later: two vectors of amounts at most, and their tags.
const LONGEST_LATER: usize = 2 * (2 + 9 * RESOURCES) + 8;
/// The kernel's own labels are below this: what a thread that faults seems to send.
const FAULT_LABELS: u64 = 7;

/// What the whole system says and the proc-server needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The priority of each band.
    pub bands: heapless::Vec<u8, BANDS>,
    /// The priority of a thread that is being born.
    pub birth_priority: u8,
    /// Whether a program whose arguments begin with `without-ticket` is made without a ticket: only in the build
    /// with which the tests show that such a task never gets a page.
    pub may_omit_ticket: bool,
}

impl Settings {
    /// The settings of this system.
    #[must_use]
    pub fn of(system: &System) -> Self {
        Self {
            bands: system.bands.iter().map(|band| band.priority).collect(),
            birth_priority: system.birth_priority,
            may_omit_ticket: false,
        }
    }

    /// The priority of a band; the last one's if the limits-server names one that there is not.
    #[must_use]
    pub fn priority(&self, band: u8) -> u8 {
        self.bands
            .get(usize::from(band))
            .or(self.bands.last())
            .copied()
            .unwrap_or(LOWEST_BAND)
    }
}

/// What has been counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tasks born.
    pub births: u64,
    /// Births that were not confirmed.
    pub unconfirmed: u64,
    /// Messages turned down.
    pub protocol_errors: u64,
    /// Things that the other servers said or left behind and never should have.
    pub alarms: u64,
}

/// The tables and hands of the proc-server.
#[derive(Debug)]
pub struct ProcServer<'a, H> {
    pub(crate) tasks: TaskTable<'a>,
    pub(crate) waiters: Waiters<'a>,
    pub(crate) jobs: KillJobs,
    pub(crate) freezes: FreezeJobs,
    pub(crate) forks: ForkJobs,
    /// How many tasks stand still.
    pub(crate) still: u32,
    /// The watchman is awake.
    pub(crate) watching: bool,
    /// Whose turn it is among the kinds of work that go on by themselves.
    pub(crate) turn: Work,
    pub(crate) programs: Programs,
    pub(crate) settings: Settings,
    pub(crate) counts: Counts,
    pub(crate) deadlines: Deadlines<'a>,
    /// The memory-server has, or may have, reports.
    pub(crate) news: bool,
    /// The timer's interrupt has come.
    pub(crate) timer: bool,
    pub(crate) hands: H,
}

/// A message as it came.
#[derive(Clone, Copy, Debug)]
pub struct Received<'m> {
    /// What its badge means; nothing if nobody ever mints it.
    pub badge: Option<Badge>,
    /// Its label. Means nothing if the badge is a signal's.
    pub label: u64,
    /// Whether it carried capabilities.
    pub capabilities: bool,
    /// Its payload, in whole words.
    pub payload: &'m [u8],
}

impl<'a, H: Hands> ProcServer<'a, H> {
    /// A server without tasks. Asks the memory-server about the first `programs` programs.
    pub fn new(
        tasks: TaskTable<'a>,
        waiters: Waiters<'a>,
        deadlines: Deadlines<'a>,
        settings: Settings,
        programs: usize,
        mut hands: H,
    ) -> Self {
        Self {
            tasks,
            waiters,
            jobs: KillJobs::NONE,
            freezes: FreezeJobs::NONE,
            forks: ForkJobs::NONE,
            still: 0,
            watching: false,
            turn: Work::Freeze,
            programs: Programs::ask(hands.memory(), programs),
            settings,
            counts: Counts::default(),
            deadlines,
            news: false,
            timer: false,
            hands,
        }
    }

    /// Starts what the system is to start, in its order. Returns how many were refused.
    ///
    /// The limits-server gives the groups of `system.toml` their ids in the order of the list, from the root's on.
    pub fn boot(&mut self, system: &System) -> u32 {
        let mut refused = 0_u32;
        for start in &system.starts {
            let group = GroupId {
                index: GroupId::ROOT.index.saturating_add(u32::from(start.group)),
                generation: 0,
            };
            let order = Order {
                parent: None,
                program: ProgramId(start.program),
                group: Some(group),
                operator: start.operator,
                arguments: Said::Text(&start.arguments),
            };
            if self.spawn_task(&order).is_err() {
                refused = refused.saturating_add(1);
            }
        }
        refused
    }

    /// Serves a message. Returns what is to be sent back, or nothing if it was a signal.
    ///
    /// The badge is looked at first: a signal leaves the label and the length of the message before.
    pub fn receive(&mut self, message: Received<'_>, reply: &mut [u8]) -> Option<Dispatched> {
        let caller = match message.badge {
            Some(Badge::Signal { bits }) => {
                self.news |= bits & proc_slots::REPORT_BIT != 0;
                self.timer |= bits & proc_slots::TIMER_BIT != 0;
                return None;
            }
            Some(Badge::Service(caller)) => caller,
            _ => return Some(self.turn_down(ProtocolError::UnknownCaller)),
        };
        if message.label < FAULT_LABELS {
            return Some(self.turn_down(ProtocolError::ForgedFault));
        }
        if message.capabilities {
            return Some(self.turn_down(ProtocolError::CapabilitiesSent));
        }
        if self.who(caller).is_none() {
            return Some(self.turn_down(ProtocolError::UnknownCaller));
        }
        let label = Label::from_bits(message.label);
        Some(
            match process::dispatch(self, caller, label, message.payload, reply) {
                Dispatched::Protocol(error) => self.turn_down(error),
                answered => answered,
            },
        )
    }

    /// Serves a request in its short form, without its bytes; nothing if it is none, or not from somebody who is served, and
    /// then [`ProcServer::receive`] says what is to be done with it.
    ///
    /// What it does is the same in any case: this is only the shorter way for what comes most.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "it is the server's loop")]
    pub fn receive_short(&mut self, asked: Asked, reply: &mut [u8]) -> Option<Answered> {
        // The badge, too, is looked at: a signal leaves the label of the message before.
        let (operation, words) = asked.of(process::INTERFACE, process::VERSION)?;
        let caller = self.tasks.asker(asked.badge)?;
        Some(process::dispatch_short(
            self, caller, operation, words, reply,
        ))
    }

    /// Counts an answer of [`ProcServer::receive_short`] that is none in its short form, if the request was wrong.
    pub fn count(&mut self, answered: Answered) {
        if let Dispatched::Protocol(error) = answered.dispatched() {
            self.turn_down(error);
        }
    }

    /// What has been counted.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The table, to look at in tests.
    #[must_use]
    pub const fn table(&self) -> &TaskTable<'a> {
        &self.tasks
    }

    /// The hands, to look at in tests.
    pub const fn hands(&mut self) -> &mut H {
        &mut self.hands
    }

    /// The running task that called.
    pub(crate) fn who(&self, caller: Caller) -> Option<TaskId> {
        self.tasks.running(caller.task()?)
    }

    /// Something happened that the other servers should never let happen.
    pub(crate) fn alarm(&mut self) {
        self.counts.alarms = self.counts.alarms.saturating_add(1);
    }

    /// Starts a program as a child of the caller.
    fn spawn_for(
        &mut self,
        caller: Caller,
        program: ProgramId,
        group: Option<GroupId>,
        arguments: Said<'_>,
    ) -> Result<TaskId, SpawnRefusal> {
        let unknown = SpawnRefusal::Ticket(TicketRefusal::UnknownTask);
        let parent = self.who(caller).ok_or(unknown)?;
        self.spawn_task(&Order {
            parent: Some(parent),
            program,
            group,
            operator: false,
            arguments,
        })
    }

    /// Answers whoever waits as number `waiter`, who then waits no longer.
    pub(crate) fn answer<C: Call>(&mut self, waiter: u32, answer: &Result<C::Reply, C::Refusal>) {
        let mut payload = [0; LONGEST_LATER];
        if let Dispatched::Reply(bytes) = encode_answer(answer, &mut payload) {
            let payload = payload.get(..bytes).unwrap_or_default();
            self.hands.answer(waiter, payload);
        } else {
            self.alarm();
            self.hands.drop_reply(waiter);
        }
        self.leave(waiter);
    }

    /// A waiter's place is free again. Returns what it waited for.
    pub(crate) fn leave(&mut self, waiter: u32) -> Option<Awaits> {
        self.deadlines.cancel(waiter);
        self.waiters.remove(&mut self.tasks, waiter)
    }

    fn turn_down(&mut self, error: ProtocolError) -> Dispatched {
        self.counts.protocol_errors = self.counts.protocol_errors.saturating_add(1);
        Dispatched::Protocol(error)
    }
}

impl<H: Hands> process::Server for ProcServer<'_, H> {
    fn spawn(&mut self, caller: Caller, request: Spawn) -> Result<TaskId, SpawnRefusal> {
        let arguments = Said::Text(&request.arguments);
        self.spawn_for(caller, request.program, request.group, arguments)
    }

    fn few_spawn(&mut self, caller: Caller, request: FewSpawn) -> Result<TaskId, SpawnRefusal> {
        let arguments = Said::Few(request.arguments);
        self.spawn_for(caller, request.program, request.group, arguments)
    }

    fn fork(&mut self, caller: Caller, request: Fork) -> Answer<Option<TaskId>, ForkRefusal> {
        self.fork_task(caller, request)
    }

    fn find_program(&mut self, _: Caller, request: FindProgram) -> Result<ProgramId, FindRefusal> {
        self.programs
            .find(request.name.as_str())
            .ok_or(FindRefusal::UnknownProgram)
    }

    fn exit(&mut self, caller: Caller, request: Exit) -> Answer<(), Never> {
        if let Some(task) = self.who(caller) {
            self.begin_ending(task, ExitReason::Exited { code: request.code });
        }
        Answer::Later
    }

    fn wait(&mut self, caller: Caller, request: Wait) -> Answer<Ended, WaitRefusal> {
        self.wait_for_child_till(caller, request.child, None)
    }

    fn kill(&mut self, caller: Caller, request: Kill) -> Answer<(), TaskRefusal> {
        self.kill_task(caller, request.task)
    }

    fn kill_group(
        &mut self,
        caller: Caller,
        request: KillGroup,
    ) -> Answer<Receipt, KillGroupRefusal> {
        self.kill_whole_group(caller, request.group)
    }

    fn read_task(&mut self, caller: Caller, request: ReadTask) -> Result<TaskAccount, TaskRefusal> {
        self.account_of(caller, request.task)
    }

    fn children(&mut self, caller: Caller, request: Children) -> Result<Page<TaskId>, TaskRefusal> {
        let task = self.who(caller).ok_or(TaskRefusal::UnknownTask)?;
        let (items, more) = self
            .tasks
            .children(task, request.after)
            .ok_or(TaskRefusal::UnknownTask)?;
        Ok(Page { items, more })
    }

    fn read_arguments(&mut self, caller: Caller, _: ReadArguments) -> Result<Arguments, Never> {
        let task = self.who(caller).and_then(|task| self.tasks.get(task));
        Ok(task.map_or_else(Arguments::default, |task| task.arguments().clone()))
    }

    fn start_thread(&mut self, caller: Caller, request: StartThread) -> Result<u32, ThreadRefusal> {
        self.start_further_thread(caller, request)
    }

    fn end_thread(&mut self, caller: Caller, request: EndThread) -> Answer<(), ThreadRefusal> {
        self.end_further_thread(caller, request)
    }

    fn join_thread(&mut self, caller: Caller, request: JoinThread) -> Answer<(), ThreadRefusal> {
        self.wait_for_thread(caller, request.number)
    }

    fn audit(&mut self, caller: Caller, request: Audit) -> Result<AuditResult, OperatorRefusal> {
        self.compare(caller, request.group)
    }

    fn inspect(&mut self, caller: Caller, request: Inspect) -> Result<Verified, OperatorRefusal> {
        self.inspect_slice(caller, request)
    }

    fn next_group(
        &mut self,
        caller: Caller,
        request: NextGroup,
    ) -> Result<Option<GroupId>, OperatorRefusal> {
        self.group_after(caller, request.after)
    }

    fn read_figures(&mut self, caller: Caller, _: ReadFigures) -> Result<Figures, OperatorRefusal> {
        self.figures(caller)
    }

    fn open_ring(&mut self, caller: Caller, request: OpenRing) -> Result<OpenedRing, RingRefusal> {
        self.open_ring_for(caller, request.pages)
    }

    fn extend_ring(
        &mut self,
        caller: Caller,
        request: ExtendRing,
    ) -> Result<Progress, RingRefusal> {
        self.extend_ring_of(caller, request.ring)
    }

    fn close_ring(
        &mut self,
        caller: Caller,
        request: CloseRing,
    ) -> Result<Progress, UnknownRefusal> {
        self.close_ring_of(caller, request.ring)
    }

    fn read_pool(&mut self, caller: Caller, _: ReadPool) -> Result<PoolFigures, OperatorRefusal> {
        self.pool(caller)
    }

    fn read_clock(&mut self, _: Caller, _: ReadClock) -> Result<Clock, Never> {
        Ok(self.clock())
    }

    fn sleep(&mut self, caller: Caller, request: Sleep) -> Answer<Clock, SleepRefusal> {
        let until = self.after(request.ns);
        self.sleep_till(caller, until)
    }

    fn sleep_until(&mut self, caller: Caller, request: SleepUntil) -> Answer<Clock, SleepRefusal> {
        self.sleep_till(caller, request.clock)
    }

    fn wait_for(&mut self, caller: Caller, request: WaitFor) -> Answer<Ended, WaitRefusal> {
        self.wait_for_a_while(caller, request.child, request.ns)
    }

    fn freeze(&mut self, caller: Caller, request: Freeze) -> Answer<u32, FreezeRefusal> {
        self.freeze_or_thaw(caller, request.group, false)
    }

    fn thaw(&mut self, caller: Caller, request: Thaw) -> Answer<u32, FreezeRefusal> {
        self.freeze_or_thaw(caller, request.group, true)
    }

    fn move_task(&mut self, caller: Caller, request: MoveTask) -> Result<(), MoveRefusal> {
        self.move_to(caller, request)
    }

    fn offer(&mut self, caller: Caller, request: Offer) -> Answer<Link, LinkRefusal> {
        self.offer_link(caller, request)
    }

    fn accept(&mut self, caller: Caller, request: Accept) -> Answer<Link, LinkRefusal> {
        self.accept_link(caller, request)
    }

    fn hang_up(&mut self, caller: Caller, request: HangUp) -> Result<(), LinkRefusal> {
        self.hang_up_on(caller, request.partner)
    }

    fn read_links(&mut self, caller: Caller, _: ReadLinks) -> Result<Links, Never> {
        Ok(self.links_of(caller))
    }

    fn set_alarm(&mut self, caller: Caller, request: SetAlarm) -> Result<(), LinkRefusal> {
        self.set_alarm_of(caller, request.ns)
    }

    fn adopt_band(&mut self, caller: Caller, request: AdoptBand) -> Result<(), Never> {
        self.adopt(caller, request);
        Ok(())
    }
}
