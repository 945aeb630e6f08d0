//! What the adversary is allowed, and what it has seen.

use core::fmt::{self, Write as _};

use client::Server;
use client::interfaces::call::MESSAGE_BYTES;
use client::interfaces::events::RingId;
use client::interfaces::memory::RegionId;
use client::interfaces::{
    Call, CallError, GroupId, Label, ProtocolError, TaskId, accounting, console, limits, memory,
    process, provision,
};

use super::{Adversary, LABEL, SECRET};
use crate::random::Random;

/// How many of its own groups, tasks and regions it remembers: as many as one of them ever makes.
const OWN: usize = 768;
/// From how many of the last of them it draws.
const LAST: u64 = 16;
/// Raw operations that end the caller, keep it for as long as they say, or let two of it go on.
const NOT_RAW: [&str; 11] = [
    "exit",
    "end_thread",
    "join_thread",
    "wait",
    "wait_for",
    "sleep",
    "sleep_until",
    "fork",
    "freeze",
    "offer",
    "accept",
];
/// What is not tried: it is the end of the caller.
const LAST_OF_ALL: &str = "exit";

/// An answer as text; what does not fit is not looked at.
pub struct Answer {
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
pub struct Ids<T> {
    all: [Option<T>; OWN],
    next: usize,
}

impl Answer {
    pub const fn new() -> Self {
        Self {
            text: [0; 4096],
            length: 0,
        }
    }

    /// As much of it as fits a line.
    pub fn start(&self) -> &str {
        let length = self.length.min(300);
        let text = self.text.get(..length).unwrap_or_default();
        core::str::from_utf8(text).unwrap_or("?")
    }

    fn write(&mut self, what: fmt::Arguments<'_>) {
        self.length = 0;
        let _ = self.write_fmt(what);
    }
}

impl<T: Copy + PartialEq> Ids<T> {
    pub fn has(&self, id: T) -> bool {
        self.all.contains(&Some(id))
    }

    pub const fn new() -> Self {
        Self {
            all: [None; OWN],
            next: 0,
        }
    }

    pub fn add(&mut self, id: T) {
        // One that does not fit is taken for a stranger's when it is seen, and so found out.
        if let Some(place) = self.all.get_mut(self.next) {
            *place = Some(id);
        }
        self.next = self.next.saturating_add(1);
    }

    pub fn any(&self, random: &mut Random) -> Option<T> {
        let back = usize::try_from(random.below(LAST)).unwrap_or(0);
        let place = self.next.checked_sub(back.saturating_add(1))?;
        self.all.get(place).copied().flatten()
    }
}

/// Who the adversary is, what is its own, and what it has found.
pub struct Oracle {
    pub me: TaskId,
    /// The group that it was put into.
    pub pen: GroupId,
    /// The group that it is in: the pen, or one below.
    pub home: GroupId,
    /// What it has opened, spawned and reserved.
    pub groups: Ids<GroupId>,
    pub children: Ids<TaskId>,
    pub regions: Ids<RegionId>,
    pub ring: Option<RingId>,
    /// The operations that were tried, of each server's interface: a bit each.
    pub tried: [u128; 4],
    pub leak: Option<&'static str>,
    pub answer: Answer,
}

impl Oracle {
    /// Whether it has not gone below the pen.
    pub fn at_home(&self) -> bool {
        self.home == self.pen
    }

    /// Whether a group is one that it opened, so that it may have every right there.
    pub fn opened(&self, id: GroupId) -> bool {
        self.groups.has(id)
    }

    /// Whether it may read a group, and be in it: one that it opened, or the one that it is in.
    pub fn reads(&self, id: Option<GroupId>) -> bool {
        id.is_none_or(|id| id == self.home || self.opened(id))
    }

    /// Whether it may know a task.
    pub fn knows(&self, task: TaskId) -> bool {
        task == self.me || self.children.has(task)
    }

    fn knows_group(&self, id: GroupId) -> bool {
        id == self.pen || self.opened(id)
    }

    /// The first operation that was never tried.
    pub fn untried(&self) -> Option<&'static str> {
        let mut servers = Server::ALL.into_iter().zip(self.tried);
        servers.find_map(|(server, tried)| {
            let (_, operations) = served(server);
            let untried = |number: u8| tried.checked_shr(number.into()).unwrap_or(0) & 1 == 0;
            let mut all = operations.iter();
            let found = all.find(|&&(number, name)| untried(number) && name != LAST_OF_ALL);
            found.map(|&(_, name)| name)
        })
    }

    fn found(&mut self, what: &'static str) {
        self.leak = self.leak.or(Some(what));
    }

    fn tries<C: Call>(&mut self, server: Server) {
        let mut servers = Server::ALL.into_iter().zip(&mut self.tried);
        if let Some((_, tried)) = servers.find(|(each, _)| *each == server) {
            *tried |= 1_u128.checked_shl(C::LABEL.operation().into()).unwrap_or(0);
        }
    }

    /// Asks for something that may or may not be done, and reads what comes.
    pub fn ask<C: Call>(&mut self, server: Server, may: bool, request: &C) -> Option<C::Reply> {
        let answer = self.ask_new(server, may, request)?;
        self.answer.write(format_args!("{answer:?}"));
        if self.leak.is_none() && !self.is_clean() {
            self.found(C::NAME);
        }
        Some(answer)
    }

    /// The same for what makes something new, whose id it cannot know yet.
    pub fn ask_new<C: Call>(&mut self, server: Server, may: bool, request: &C) -> Option<C::Reply> {
        self.tries::<C>(server);
        let answer = client::call(server, request);
        self.answer.write(format_args!("{answer:?}"));
        match answer {
            // No typed call of a client's own interfaces is a wrong message.
            Err(CallError::Protocol(_)) => {
                self.found(C::NAME);
                None
            }
            Err(CallError::Refused(_)) => {
                if !self.is_clean() {
                    self.found(C::NAME);
                }
                None
            }
            Ok(reply) => {
                if !may {
                    self.found(C::NAME);
                }
                Some(reply)
            }
        }
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
                Some(b'k') => self.knows(TaskId { index, generation }),
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

    /// What only servers may ask.
    pub fn forbidden<C: Call>(&mut self, server: Server, request: &C) {
        if !matches!(
            client::call(server, request),
            Err(CallError::Protocol(ProtocolError::NotForClients))
        ) {
            self.answer.write(format_args!("not for clients"));
            self.found(C::NAME);
        }
    }
}

/// The interface that a server serves to clients, and its operations.
const fn served(server: Server) -> (u8, &'static [(u8, &'static str)]) {
    match server {
        Server::Process => (process::INTERFACE, process::OPERATIONS),
        Server::Memory => (memory::INTERFACE, memory::OPERATIONS),
        Server::Limits => (limits::INTERFACE, limits::OPERATIONS),
        Server::Console => (console::INTERFACE, console::OPERATIONS),
    }
}

impl Adversary {
    /// A message that no library would send.
    pub fn raw(&mut self) {
        let place = usize::try_from(self.below(6)).unwrap_or(0);
        let client = Server::ALL.get(place).copied();
        let (server, (interface, operations)) = match client {
            Some(server) => (server, served(server)),
            None if place == 4 => (
                Server::Limits,
                (accounting::INTERFACE, accounting::OPERATIONS),
            ),
            None => (
                Server::Memory,
                (provision::INTERFACE, provision::OPERATIONS),
            ),
        };
        let place = usize::try_from(self.below(operations.len() as u64)).unwrap_or(0);
        let Some(&(operation, name)) = operations.get(place) else {
            return;
        };
        if client.is_some() && NOT_RAW.contains(&name) {
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
        let expected = client.is_some() || answer.label == ProtocolError::NotForClients as u64;
        if !expected
            || bytes.len() > MESSAGE_BYTES
            || has(bytes, LABEL.as_bytes())
            || has(bytes, &SECRET.to_le_bytes())
        {
            self.oracle.answer.write(format_args!("raw {operation}"));
            self.oracle.found(name);
        }
    }
}
