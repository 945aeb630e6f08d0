//! The real limits-server and a small proc-server, in one program.

#![allow(dead_code, reason = "each test program uses its part of this")]
#![expect(clippy::arithmetic_side_effects, reason = "tests")]

pub mod memory;

use std::collections::BTreeMap;

use interfaces::accounting::{
    self, BeginKill, EndTask, FinishKill, KillRefusal, NextUnsettled, NextVictim, Receipt,
    Server as _, Ticket, Unsettled,
};
use interfaces::call::{Answer, Loopback};
use interfaces::limits::{Never, Page};
use interfaces::links::{Accept, HangUp, Link, LinkRefusal, Links, Offer, ReadLinks, SetAlarm};
use interfaces::process::{
    self, AdoptBand, Arguments, Audit, AuditResult, Children, Clock, CloseRing, EndThread, Ended,
    Exit, ExtendRing, FewSpawn, Figures, FindProgram, FindRefusal, Freeze, FreezeRefusal, Inspect,
    JoinThread, Kill, KillGroup, KillGroupRefusal, MoveRefusal, MoveTask, NextGroup, OpenRing,
    OpenedRing, OperatorRefusal, ReadArguments, ReadClock, ReadFigures, ReadPool, ReadTask, Sleep,
    SleepRefusal, SleepUntil, Spawn, SpawnRefusal, StartThread, TaskAccount, TaskRefusal, Thaw,
    ThreadRefusal, Wait, WaitFor, WaitRefusal,
};
use interfaces::provision::{
    PoolFigures, ProgramId, ProgramName, Progress, RingRefusal, TASK_KIT, UnknownRefusal,
};
use interfaces::truth::Verified;
use interfaces::{
    Badge, Caller, Dispatched, GroupId, Label, ServerName, TaskId, Transport, limits,
};
use limits_core::{
    Arrival, BoundSlot, EntrySlot, GroupSlot, LabelSlot, Ledger, LimitsServer, Memory, TaskSlot,
    ThreadSlot, TombSlot,
};
use trees::{Entry, Error, Servers, Trees};

/// How much of everything there can be.
#[derive(Clone, Copy)]
pub struct Room {
    pub groups: usize,
    pub bounds: usize,
    pub labels: usize,
    pub tasks: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            groups: 32,
            bounds: 32,
            labels: 32,
            tasks: 64,
        }
    }
}

struct Known {
    parent: Option<TaskId>,
    born_in: GroupId,
    program: &'static str,
}

/// Both servers.
pub struct World {
    pub limits: LimitsServer<'static>,
    tasks: BTreeMap<TaskId, Known>,
    born: u32,
    /// Whether the ledger is verified after every call; a large one takes its time.
    pub checked: bool,
}

/// A task as a client of both.
pub struct Client<'a> {
    world: &'a mut World,
    caller: Caller,
}

impl Servers for Client<'_> {
    fn limits(&mut self) -> impl Transport {
        Loopback {
            dispatch: limits_dispatch,
            server: &mut *self.world,
            caller: self.caller,
        }
    }

    fn process(&mut self) -> impl Transport {
        Loopback {
            dispatch: process::dispatch::<World>,
            server: &mut *self.world,
            caller: self.caller,
        }
    }

    fn memory(&mut self) -> impl Transport {
        Loopback {
            dispatch: interfaces::memory::dispatch::<World>,
            server: &mut *self.world,
            caller: self.caller,
        }
    }
}

fn limits_dispatch(
    world: &mut World,
    caller: Caller,
    label: Label,
    payload: &[u8],
    reply: &mut [u8],
) -> Dispatched {
    assert_eq!(label.interface(), limits::INTERFACE);
    let arrival = Arrival::Request {
        label,
        with_capabilities: false,
    };
    let answer = world
        .limits
        .handle(Some(Badge::Service(caller)), arrival, payload, reply);
    if world.checked {
        world.limits.ledger().check();
    }
    answer
}

const PROC: Caller = Caller::server(ServerName::Proc);

impl World {
    pub fn new() -> Self {
        Self::with(Room::default())
    }

    pub fn with(room: Room) -> Self {
        let ledger = Ledger::try_new(Memory {
            groups: vec![GroupSlot::VACANT; room.groups + 1].leak(),
            bounds: vec![BoundSlot::VACANT; room.bounds].leak(),
            labels: vec![LabelSlot::vacant(); room.labels].leak(),
            tasks: vec![TaskSlot::VACANT; room.tasks].leak(),
            threads: vec![ThreadSlot::VACANT; room.tasks].leak(),
            entries: vec![EntrySlot::VACANT; 64].leak(),
            tombs: vec![TombSlot::vacant(); 16].leak(),
        })
        .expect("there is room for the root");
        Self {
            limits: LimitsServer::new(ledger),
            tasks: BTreeMap::new(),
            born: 0,
            checked: room.groups < 100,
        }
    }

    /// Bears a task.
    pub fn birth(
        &mut self,
        program: &'static str,
        parent: Option<TaskId>,
        group: Option<GroupId>,
    ) -> TaskId {
        let thread = self.born;
        self.born += 1;
        let task = TaskId {
            index: thread,
            generation: 0,
        };
        let ticket = Ticket {
            thread,
            task,
            parent,
            group,
            amounts: TASK_KIT,
        };
        let admitted = self.limits.ticket(PROC, ticket).expect("there is room");
        let birth = Some(Badge::Birth { thread });
        self.limits
            .handle(birth, Arrival::PageFault, &[], &mut [0; 8]);
        let born_in = admitted.group;
        self.tasks.insert(
            task,
            Known {
                parent,
                born_in,
                program,
            },
        );
        task
    }

    /// The trees as a task sees them.
    pub fn trees(&mut self, task: TaskId) -> Trees<Client<'_>> {
        self.trees_of(task, false)
    }

    pub fn trees_of(&mut self, task: TaskId, operator: bool) -> Trees<Client<'_>> {
        Trees::new(self.client_of(task, operator))
    }

    /// A task's endpoints.
    pub fn client(&mut self, task: TaskId) -> Client<'_> {
        self.client_of(task, false)
    }

    fn client_of(&mut self, task: TaskId, operator: bool) -> Client<'_> {
        let caller = Caller::client(task.tag(), operator);
        Client {
            world: self,
            caller,
        }
    }

    pub fn read(&mut self, task: TaskId, path: &str) -> Result<String, Error> {
        let mut text = String::new();
        self.trees(task).read(path, &mut text)?;
        Ok(text)
    }

    pub fn write(&mut self, task: TaskId, path: &str, text: &str) -> Result<(), Error> {
        self.trees(task).write(path, text.as_bytes())
    }

    pub fn list(&mut self, task: TaskId, path: &str) -> Result<Vec<String>, Error> {
        list(&mut self.trees(task), path)
    }

    pub fn group_of(&self, task: TaskId) -> GroupId {
        self.limits
            .ledger()
            .group_of(task)
            .expect("the task is alive")
    }

    fn is_descendant(&self, task: TaskId, of: TaskId) -> bool {
        let parent = |task: &TaskId| self.tasks.get(task).and_then(|known| known.parent);
        std::iter::successors(Some(task), parent).any(|task| task == of)
    }

    /// Walks over everybody whose threads are not as they should be; here they have none.
    fn settle(&mut self, group: GroupId) {
        let request = NextUnsettled { group };
        while self.limits.next_unsettled(PROC, request) != Ok(Unsettled::Done) {}
    }

    fn caller(&self, caller: Caller) -> TaskId {
        let viewer = self.limits.ledger().viewer_of(caller);
        viewer.expect("it is alive").task
    }
}

pub fn list(trees: &mut Trees<Client<'_>>, path: &str) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    trees.list(path, &mut |entry: Entry<'_>| names.push(entry.to_string()))?;
    Ok(names)
}

fn unasked<T>() -> T {
    panic!("the trees do not ask that")
}

impl process::Server for World {
    fn read_task(&mut self, caller: Caller, request: ReadTask) -> Result<TaskAccount, TaskRefusal> {
        let me = self.caller(caller);
        let task = request.task.unwrap_or(me);
        let ledger = self.limits.ledger();
        let home = ledger.group_of(task).ok_or(TaskRefusal::UnknownTask)?;
        let below = self
            .limits
            .is_below(
                PROC,
                interfaces::accounting::IsBelow {
                    group: home,
                    task: me,
                },
            )
            .unwrap_or(false);
        if !below && !self.is_descendant(task, me) {
            return Err(TaskRefusal::UnknownTask);
        }
        let known = self.tasks.get(&task).ok_or(TaskRefusal::UnknownTask)?;
        let children = self.tasks.values().filter(|it| it.parent == Some(task));
        Ok(TaskAccount {
            task,
            parent: known.parent,
            group: known.born_in,
            program: ProgramName::cut(known.program),
            threads: 1,
            children: u32::try_from(children.count()).expect("few"),
            lost_ends: 0,
        })
    }

    fn kill_group(
        &mut self,
        caller: Caller,
        request: KillGroup,
    ) -> Answer<Receipt, KillGroupRefusal> {
        let group = request.group;
        let by = Some(self.caller(caller));
        let kill = |world: &mut Self| -> Result<Receipt, KillRefusal> {
            world.limits.begin_kill(PROC, BeginKill { group, by })?;
            while let Some(task) = world.limits.next_victim(PROC, NextVictim { group })? {
                world
                    .limits
                    .end_task(
                        PROC,
                        EndTask {
                            task,
                            ending: interfaces::events::Ending::NeverRan,
                        },
                    )
                    .expect("it lives");
                world.tasks.remove(&task);
            }
            world.limits.finish_kill(PROC, FinishKill { group })
        };
        Answer::Now(kill(self).map_err(KillGroupRefusal::Kill))
    }

    fn spawn(&mut self, _: Caller, _: Spawn) -> Result<TaskId, SpawnRefusal> {
        unasked()
    }
    fn few_spawn(&mut self, _: Caller, _: FewSpawn) -> Result<TaskId, SpawnRefusal> {
        unasked()
    }
    fn find_program(&mut self, _: Caller, _: FindProgram) -> Result<ProgramId, FindRefusal> {
        unasked()
    }
    fn exit(&mut self, _: Caller, _: Exit) -> Answer<(), Never> {
        unasked()
    }
    fn wait(&mut self, _: Caller, _: Wait) -> Answer<Ended, WaitRefusal> {
        unasked()
    }
    fn kill(&mut self, caller: Caller, request: Kill) -> Answer<(), TaskRefusal> {
        let task = request.task;
        if let Err(refusal) = self.read_task(caller, ReadTask { task: Some(task) }) {
            return Answer::Now(Err(refusal));
        }
        let ending = interfaces::events::Ending::NeverRan;
        self.limits
            .end_task(PROC, EndTask { task, ending })
            .expect("it lives");
        self.tasks.remove(&task);
        Answer::Now(Ok(()))
    }
    fn children(&mut self, _: Caller, _: Children) -> Result<Page<TaskId>, TaskRefusal> {
        unasked()
    }
    fn read_arguments(&mut self, _: Caller, _: ReadArguments) -> Result<Arguments, Never> {
        unasked()
    }
    fn start_thread(&mut self, _: Caller, _: StartThread) -> Result<u32, ThreadRefusal> {
        unasked()
    }
    fn end_thread(&mut self, _: Caller, _: EndThread) -> Answer<(), ThreadRefusal> {
        unasked()
    }
    fn join_thread(&mut self, _: Caller, _: JoinThread) -> Answer<(), ThreadRefusal> {
        unasked()
    }
    fn audit(&mut self, _: Caller, _: Audit) -> Result<AuditResult, OperatorRefusal> {
        unasked()
    }
    fn inspect(&mut self, _: Caller, _: Inspect) -> Result<Verified, OperatorRefusal> {
        unasked()
    }
    fn next_group(&mut self, _: Caller, _: NextGroup) -> Result<Option<GroupId>, OperatorRefusal> {
        unasked()
    }
    fn read_figures(&mut self, _: Caller, _: ReadFigures) -> Result<Figures, OperatorRefusal> {
        unasked()
    }
    fn open_ring(&mut self, _: Caller, _: OpenRing) -> Result<OpenedRing, RingRefusal> {
        unasked()
    }
    fn extend_ring(&mut self, _: Caller, _: ExtendRing) -> Result<Progress, RingRefusal> {
        unasked()
    }
    fn close_ring(&mut self, _: Caller, _: CloseRing) -> Result<Progress, UnknownRefusal> {
        unasked()
    }
    fn read_pool(&mut self, _: Caller, _: ReadPool) -> Result<PoolFigures, OperatorRefusal> {
        unasked()
    }
    fn read_clock(&mut self, _: Caller, _: ReadClock) -> Result<Clock, Never> {
        unasked()
    }
    fn sleep(&mut self, _: Caller, _: Sleep) -> Answer<Clock, SleepRefusal> {
        unasked()
    }
    fn sleep_until(&mut self, _: Caller, _: SleepUntil) -> Answer<Clock, SleepRefusal> {
        unasked()
    }
    fn wait_for(&mut self, _: Caller, _: WaitFor) -> Answer<Ended, WaitRefusal> {
        unasked()
    }
    fn fork(
        &mut self,
        _: Caller,
        _: process::Fork,
    ) -> Answer<Option<TaskId>, process::ForkRefusal> {
        unasked()
    }

    fn freeze(&mut self, caller: Caller, request: Freeze) -> Answer<u32, FreezeRefusal> {
        let (group, by) = (request.group, Some(self.caller(caller)));
        let times = self.limits.freeze(PROC, accounting::Freeze { group, by });
        self.settle(group);
        Answer::Now(times.map_err(FreezeRefusal::Freeze))
    }
    fn thaw(&mut self, caller: Caller, request: Thaw) -> Answer<u32, FreezeRefusal> {
        let (group, by) = (request.group, Some(self.caller(caller)));
        let times = self.limits.thaw(PROC, accounting::Thaw { group, by });
        self.settle(group);
        Answer::Now(times.map_err(FreezeRefusal::Freeze))
    }
    fn move_task(&mut self, caller: Caller, request: MoveTask) -> Result<(), MoveRefusal> {
        let MoveTask { task, group } = request;
        let by = Some(self.caller(caller));
        let request = accounting::MoveTask { task, group, by };
        self.limits.move_task(PROC, request).map(|_| ())
    }
    fn offer(&mut self, _: Caller, _: Offer) -> Answer<Link, LinkRefusal> {
        unasked()
    }
    fn accept(&mut self, _: Caller, _: Accept) -> Answer<Link, LinkRefusal> {
        unasked()
    }
    fn hang_up(&mut self, _: Caller, _: HangUp) -> Result<(), LinkRefusal> {
        unasked()
    }
    fn read_links(&mut self, _: Caller, _: ReadLinks) -> Result<Links, Never> {
        unasked()
    }
    fn set_alarm(&mut self, _: Caller, _: SetAlarm) -> Result<(), LinkRefusal> {
        unasked()
    }
    fn adopt_band(&mut self, _: Caller, _: AdoptBand) -> Result<(), Never> {
        unasked()
    }
}
