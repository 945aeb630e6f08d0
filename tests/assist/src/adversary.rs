//! `adversary`: a member that was put into its group by another and tries everything to get out of it.
//!
//! It makes typed calls of every operation of every interface, those for servers too, with ids drawn from its own, its
//! sibling's, its parent's, stale ones and made-up ones; between them raw messages. Every answer is read as text:
//! no id of a group or task may stand in it that is not the adversary's own or below, and nothing of what the sibling
//! keeps secret. What else must hold, who put it there checks.

use core::fmt::{self, Write as _};

use client::Server;
use client::interfaces::call::MESSAGE_BYTES;
use client::interfaces::limits::LabelText;
use client::interfaces::memory::{Access, RegionId};
use client::interfaces::process::Arguments;
use client::interfaces::provision::{ProgramId, ProgramName};
use client::interfaces::{
    Amounts, Call, CallError, GroupId, Label, Limit, ProtocolError, Resource, TaskId, Text,
    accounting, console, limits, memory, process, provision,
};

use crate::random::Random;
use crate::words::Words;

/// The sibling's limit of a kind that nobody counts: seen by nobody beside it.
pub const SECRET: u64 = 0x5ec2_e75e_c2e7_5ec3;
/// The sibling's label.
pub const LABEL: &str = "nobody-else-reads-this";
/// How many of its own groups, tasks and regions it remembers: as many as one of them ever makes.
const OWN: usize = 768;
/// From how many of the last of them it draws.
const LAST: u64 = 16;
/// Raw operations that end the caller or keep it for as long as they say.
const BLOCKING: [&str; 9] = [
    "exit",
    "end_thread",
    "join_thread",
    "wait",
    "wait_for",
    "sleep",
    "sleep_until",
    "offer",
    "accept",
];

/// An answer as text; what does not fit is not looked at.
struct Answer {
    text: [u8; 4096],
    length: usize,
}

impl fmt::Write for Answer {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        for byte in more.bytes() {
            let place = self.text.get_mut(self.length).ok_or(fmt::Error)?;
            *place = byte;
            self.length = self.length.saturating_add(1);
        }
        Ok(())
    }
}

/// The number at the beginning of some text, and what follows it.
fn number(text: &[u8]) -> (u64, &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    let value = digits.iter().fold(0_u64, |value, &digit| {
        value
            .wrapping_mul(10)
            .wrapping_add(u64::from(digit.wrapping_sub(b'0')))
    });
    (value, rest)
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Ids of one kind.
struct Ids<T> {
    all: [Option<T>; OWN],
    next: usize,
}

impl<T: Copy + PartialEq> Ids<T> {
    const fn new() -> Self {
        Self {
            all: [None; OWN],
            next: 0,
        }
    }

    fn add(&mut self, id: T) {
        // One that does not fit is taken for a stranger's when it is seen, and so found out.
        if let Some(place) = self.all.get_mut(self.next) {
            *place = Some(id);
        }
        self.next = self.next.saturating_add(1);
    }

    fn any(&self, random: &mut Random) -> Option<T> {
        let back = usize::try_from(random.below(LAST)).unwrap_or(0);
        let place = self.next.checked_sub(back.saturating_add(1))?;
        self.all.get(place).copied().flatten()
    }
}

struct Adversary {
    random: Random,
    me: TaskId,
    own: GroupId,
    /// Groups that are not its own: the parent's, the sibling's, a stale one, the root.
    others: [GroupId; 4],
    /// Tasks that are not its own: the parent's, the sibling's.
    strangers: [TaskId; 2],
    groups: Ids<GroupId>,
    children: Ids<TaskId>,
    regions: Ids<RegionId>,
    leak: Option<&'static str>,
    answer: Answer,
}

/// `adversary SEED COUNT OWN PARENT SIBLING STALE PARENT-TASK SIBLING-TASK`
pub fn run(words: &mut Words<'_>) -> i32 {
    let (seed, count): (u64, u32) = (words.number(), words.number());
    let own = words.group();
    let others = [words.group(), words.group(), words.group(), GroupId::ROOT];
    let membership = value!(client::limits::who_am_i());
    let mut adversary = Adversary {
        random: Random::new(seed),
        me: membership.task,
        own,
        others,
        strangers: [words.task(), words.task()],
        groups: Ids::new(),
        children: Ids::new(),
        regions: Ids::new(),
        leak: None,
        answer: Answer {
            text: [0; 4096],
            length: 0,
        },
    };
    for call in 0..count {
        adversary.one();
        if let Some(what) = adversary.leak {
            let length = adversary.answer.length.min(300);
            let text = adversary.answer.text.get(..length).unwrap_or_default();
            let text = core::str::from_utf8(text).unwrap_or("?");
            return problem!("call {call}, {what}: {text}");
        }
    }
    0
}

impl Adversary {
    fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    fn small(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(bound.into())).unwrap_or(0)
    }

    /// Any group: its own, below, beside, above, gone, made up.
    fn group(&mut self) -> GroupId {
        match self.below(8) {
            0 | 1 => self.own,
            2 | 3 => self.groups.any(&mut self.random).unwrap_or(self.own),
            4..7 => {
                let place = usize::try_from(self.below(4)).unwrap_or(0);
                self.others.get(place).copied().unwrap_or(GroupId::ROOT)
            }
            _ => GroupId {
                index: self.small(40),
                generation: self.small(300),
            },
        }
    }

    fn some_group(&mut self) -> Option<GroupId> {
        (self.below(6) > 0).then(|| self.group())
    }

    fn task(&mut self) -> TaskId {
        match self.below(6) {
            0 => self.me,
            1 | 2 => self.children.any(&mut self.random).unwrap_or(self.me),
            3 | 4 => {
                let place = usize::try_from(self.below(2)).unwrap_or(0);
                self.strangers.get(place).copied().unwrap_or(self.me)
            }
            _ => TaskId {
                index: self.small(16),
                generation: self.small(3000),
            },
        }
    }

    fn region(&mut self) -> RegionId {
        let own = self.regions.any(&mut self.random);
        match own {
            Some(own) if self.below(3) > 0 => own,
            _ => RegionId {
                index: self.small(64),
                generation: self.small(2000),
            },
        }
    }

    fn resource(&mut self) -> Resource {
        let place = usize::try_from(self.below(Resource::ALL.len() as u64)).unwrap_or(0);
        Resource::ALL
            .get(place)
            .copied()
            .unwrap_or(Resource::Frames)
    }

    fn amount(&mut self) -> u64 {
        match self.below(4) {
            0 => u64::MAX,
            1 => self.random.next(),
            _ => self.below(100),
        }
    }

    fn amounts(&mut self) -> Amounts {
        let kind = self.resource();
        let amount = self.amount();
        let other = self.resource();
        Amounts::of(kind, amount).with(other, self.below(20))
    }

    fn limit(&mut self) -> Limit {
        Limit::from_bound(self.amount())
    }

    /// Whether the adversary may know a group: it was told so before, or it is its own.
    fn knows_group(&self, id: GroupId) -> bool {
        id == self.own || self.groups.all.contains(&Some(id))
    }

    fn knows_task(&self, id: TaskId) -> bool {
        id == self.me || self.children.all.contains(&Some(id))
    }

    /// Asks, and reads what comes.
    fn ask<C: Call>(&mut self, server: Server, request: &C) -> Option<C::Reply> {
        let answer = client::call(server, request);
        if let Err(CallError::Protocol(error)) = &answer {
            if *error != ProtocolError::NotForClients {
                self.answer.length = 0;
                let _ = write!(self.answer, "{error:?}");
                self.leak = Some(C::NAME);
            }
            return None;
        }
        self.answer.length = 0;
        let _ = write!(self.answer, "{answer:?}");
        if !self.is_clean() {
            self.leak = Some(C::NAME);
        }
        answer.ok()
    }

    /// Whether nothing stands in the answer that the adversary must not know.
    fn is_clean(&self) -> bool {
        let text = self.answer.text.get(..self.answer.length);
        let text = text.unwrap_or_default();
        let mut rest = text;
        while let Some(at) = rest
            .windows(12)
            .position(|window| window.ends_with(b"Id { index:"))
        {
            let kind = rest.get(at).copied();
            let (index, after) = number(rest.get(at.saturating_add(13)..).unwrap_or_default());
            let marked = b", generation: ";
            let (generation, after) = number(after.get(marked.len()..).unwrap_or_default());
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let generation = u32::try_from(generation).unwrap_or(u32::MAX);
            let known = match kind {
                Some(b'p') => self.knows_group(GroupId { index, generation }),
                Some(b'k') => self.knows_task(TaskId { index, generation }),
                // A region's.
                _ => true,
            };
            if !known {
                return false;
            }
            rest = after;
        }
        !has(text, LABEL.as_bytes()) && !has(text, b"6828274379229978307")
    }

    /// A message that no library would send.
    fn raw(&mut self) {
        let place = usize::try_from(self.below(4)).unwrap_or(0);
        let server = Server::ALL.get(place).copied().unwrap_or(Server::Process);
        let (interface, operations) = match server {
            Server::Process => (process::INTERFACE, process::OPERATIONS),
            Server::Memory => (memory::INTERFACE, memory::OPERATIONS),
            Server::Limits => (limits::INTERFACE, limits::OPERATIONS),
            Server::Console => (console::INTERFACE, console::OPERATIONS),
        };
        let place = usize::try_from(self.below(operations.len() as u64)).unwrap_or(0);
        let Some(&(operation, name)) = operations.get(place) else {
            return;
        };
        if BLOCKING.contains(&name) {
            return;
        }
        // Ids of others in every place where one could stand.
        let mut payload = [0; 40];
        let mut used = 0;
        for _ in 0..self.below(5) {
            let group = self.group();
            let parts = [1, group.index << 1, group.generation << 1, 1];
            for part in parts {
                if let Some(place) = payload.get_mut(used) {
                    *place = u8::try_from(part & 0xff).unwrap_or(0);
                }
                used = used.saturating_add(1);
            }
        }
        let used = payload.len().min(used.next_multiple_of(8));
        let label = Label::new(interface, 1, operation).bits();
        let payload = payload.get(..used).unwrap_or_default();
        let answer = client::server::raw(server, label, payload);
        let bytes = answer.payload();
        if bytes.len() > MESSAGE_BYTES
            || has(bytes, LABEL.as_bytes())
            || has(bytes, &SECRET.to_le_bytes())
        {
            self.answer.length = 0;
            let _ = write!(self.answer, "raw {operation}");
            self.leak = Some(name);
        }
    }

    fn one(&mut self) {
        match self.below(10) {
            0 => self.raw(),
            1..4 => self.groups(),
            4 => self.rights(),
            5..8 => self.tasks(),
            8 => self.memory(),
            _ if self.below(4) == 0 => self.lines(),
            _ => self.servers(),
        }
    }

    fn groups(&mut self) {
        use limits::{
            CloseGroup, EffectiveLimit, Enter, ListChildren, ListTasks, ReadAccount, ReadResource,
            SetLabel, SetLimit, SetSoftLimit, WhoAmI, WouldFit,
        };
        let server = Server::Limits;
        let (group, some, resource) = (self.group(), self.some_group(), self.resource());
        match self.below(13) {
            0 => {
                // Its id is new to the adversary, so it is not read as other answers are.
                if let Ok(opened) = client::limits::open_group(some) {
                    self.groups.add(opened);
                }
            }
            1 => {
                self.ask(server, &CloseGroup { group });
            }
            2 => {
                let limit = self.limit();
                let request = SetLimit {
                    group,
                    resource,
                    limit,
                };
                self.ask(server, &request);
            }
            3 => {
                let limit = self.limit();
                let request = SetSoftLimit {
                    group,
                    resource,
                    limit,
                };
                self.ask(server, &request);
            }
            4 => {
                let label = LabelText::cut("taken");
                self.ask(server, &SetLabel { group, label });
            }
            5 => {
                self.ask(server, &ReadAccount { group: some });
            }
            6 => {
                let request = ReadResource {
                    group: some,
                    resource,
                };
                self.ask(server, &request);
            }
            7 => {
                let after = self.some_group();
                self.ask(server, &ListChildren { group: some, after });
            }
            8 => {
                let after = (self.below(2) > 0).then(|| self.task());
                self.ask(server, &ListTasks { group: some, after });
            }
            9 => {
                let request = EffectiveLimit {
                    group: some,
                    resource,
                };
                self.ask(server, &request);
            }
            10 => {
                let amounts = self.amounts();
                let request = WouldFit {
                    group: some,
                    amounts,
                };
                self.ask(server, &request);
            }
            11 => {
                self.ask(server, &WhoAmI {});
            }
            // Downwards is allowed, and there is no way back: not too often.
            _ if !self.knows_group(group) || self.below(100) == 0 => {
                self.ask(server, &Enter { group });
            }
            _ => {}
        }
    }

    /// What could hand it a right, or take one from another.
    fn rights(&mut self) {
        use limits::{
            FindChild, GiveUp, Grant, Hold, ListRights, ListTombstones, MyRights, ReadOwner,
            ReadTombstone, ReadTotals, RemoveGroup, ResetPeaks, ResetRefusals, Revoke, Rights,
            SetMode, SetOwner, Unhold,
        };
        let server = Server::Limits;
        let (group, some, task) = (self.group(), self.some_group(), self.task());
        let rights = Rights::ALL;
        match self.below(18) {
            0 | 1 => {
                let request = Grant {
                    group,
                    task,
                    rights,
                };
                self.ask(server, &request);
            }
            2 => {
                let request = Revoke {
                    group,
                    task,
                    rights,
                };
                self.ask(server, &request);
            }
            3 => {
                self.ask(server, &GiveUp { group, rights });
            }
            4 => {
                self.ask(server, &ListRights { group: some });
            }
            5 => {
                self.ask(server, &MyRights { group: some });
            }
            6 => {
                let (uid, gid) = (self.small(3), self.small(3));
                self.ask(server, &SetOwner { group, uid, gid });
            }
            7 => {
                self.ask(server, &SetMode { group, mode: 0o777 });
            }
            8 => {
                self.ask(server, &ReadOwner { group: some });
            }
            9 => {
                self.ask(server, &ResetPeaks { group });
            }
            10 => {
                self.ask(server, &ResetRefusals { group });
            }
            11 => {
                self.ask(server, &Hold { group });
            }
            12 => {
                self.ask(server, &Unhold { group });
            }
            13 => {
                self.ask(server, &RemoveGroup { group });
            }
            14 => {
                let label = LabelText::cut(if self.below(2) == 0 { "taken" } else { LABEL });
                self.ask(
                    server,
                    &FindChild {
                        parent: some,
                        label,
                    },
                );
            }
            15 => {
                self.ask(server, &ReadTombstone { group });
            }
            16 => {
                let after = self.below(40);
                self.ask(server, &ListTombstones { group: some, after });
            }
            _ => {
                self.ask(server, &ReadTotals { group: some });
            }
        }
    }

    fn tasks(&mut self) {
        use process::{
            Audit, Children, FindProgram, Kill, KillGroup, NextGroup, ReadArguments, ReadFigures,
            ReadPool, ReadTask, WaitFor,
        };
        let server = Server::Process;
        let (task, group, some) = (self.task(), self.group(), self.some_group());
        match self.below(14) {
            0 => {
                let program = client::process::find_program("assist").unwrap_or(ProgramId(0));
                let mode = Arguments::cut(if self.below(2) == 0 { "exit 0" } else { "idle" });
                if let Ok(child) = client::process::spawn(program, some, mode) {
                    self.children.add(child);
                }
            }
            1 => {
                let name = ProgramName::cut("suite");
                self.ask(server, &FindProgram { name });
            }
            2 => {
                let child = (self.below(2) == 0).then_some(task);
                self.ask(server, &WaitFor { child, ns: 1000 });
            }
            3 | 4 => {
                self.ask(server, &Kill { task });
            }
            5 => {
                self.ask(server, &KillGroup { group });
            }
            6 => {
                self.ask(server, &ReadTask { task: Some(task) });
            }
            7 => {
                self.ask(server, &ReadTask { task: None });
            }
            8 => {
                let after = (self.below(2) == 0).then_some(task);
                self.ask(server, &Children { after });
            }
            9 => {
                self.ask(server, &ReadArguments {});
            }
            10 => {
                self.ask(server, &Audit { group });
            }
            11 => {
                self.ask(server, &NextGroup { after: some });
            }
            12 => {
                self.ask(server, &ReadFigures {});
            }
            _ => {
                self.ask(server, &ReadPool {});
            }
        }
    }

    fn memory(&mut self) {
        use memory::{CreateRegion, DestroyRegion, Map, ReadRegion, ReadSpace, Unmap};
        let server = Server::Memory;
        let region = self.region();
        match self.below(6) {
            0 => {
                let pages = self.small(9);
                if let Some(region) = self.ask(server, &CreateRegion { pages }) {
                    self.regions.add(region);
                }
            }
            1 => {
                let address = (self.below(2) == 0).then(|| self.small(0xffff) << 12);
                let access = Access::ReadWrite;
                let request = Map {
                    region,
                    address,
                    access,
                };
                self.ask(server, &request);
            }
            2 => {
                self.ask(server, &Unmap { region });
            }
            3 => {
                self.ask(server, &DestroyRegion { region });
            }
            4 => {
                self.ask(server, &ReadRegion { region });
            }
            _ => {
                self.ask(server, &ReadSpace {});
            }
        }
    }

    fn lines(&mut self) {
        use console::{Halt, PollInput, ReadDropped, ReadInput, WriteRaw, WriteRecord};
        let server = Server::Console;
        match self.below(6) {
            0 => {
                self.ask(server, &Halt { passed: true });
            }
            1 => {
                self.ask(server, &PollInput {});
            }
            2 => {
                self.ask(server, &ReadDropped {});
            }
            3 => {
                self.ask(server, &ReadInput {});
            }
            4 => {
                let record = Text::cut("done 1 0");
                self.ask(server, &WriteRecord { record });
            }
            _ => {
                let text = Text::cut("nobody is to see this");
                self.ask(server, &WriteRaw { text });
            }
        }
    }

    /// What only servers may ask: each would be a way out.
    fn servers(&mut self) {
        use accounting::{
            BeginKill, Charge, EndTask, FinishKill, MoveTask, NextVictim, OwnUsage, Release,
        };
        use provision::{DestroyTask, Holdings};
        let (task, group) = (self.task(), self.group());
        let amounts = self.amounts();
        let server = Server::Limits;
        match self.below(11) {
            0 => self.forbidden(server, &Charge { group, amounts }),
            1 => self.forbidden(server, &Release { group, amounts }),
            2 => self.forbidden(
                server,
                &MoveTask {
                    task,
                    group,
                    by: None,
                },
            ),
            3 => self.forbidden(server, &BeginKill { group, by: None }),
            4 => self.forbidden(server, &NextVictim { group }),
            5 => self.forbidden(server, &FinishKill { group }),
            6 => self.forbidden(
                server,
                &EndTask {
                    task,
                    ending: client::interfaces::events::Ending::NeverRan,
                },
            ),
            7 => self.forbidden(server, &OwnUsage { group }),
            8 => self.forbidden(
                server,
                &accounting::NextGroup {
                    top: GroupId::ROOT,
                    after: None,
                },
            ),
            9 => self.forbidden(Server::Memory, &DestroyTask { task }),
            _ => self.forbidden(Server::Memory, &Holdings { group }),
        }
    }

    fn forbidden<C: Call>(&mut self, server: Server, request: &C) {
        if !matches!(
            client::call(server, request),
            Err(CallError::Protocol(ProtocolError::NotForClients))
        ) {
            self.answer.length = 0;
            let _ = write!(self.answer, "not for clients");
            self.leak = Some(C::NAME);
        }
    }
}
