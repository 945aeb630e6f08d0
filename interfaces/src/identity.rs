//! Who is who: ids with generations, and the bits of a badge.
//!
//! ```text
//!  27    25 24  23          13 12            0
//! +--------+---+--------------+---------------+
//! |  kind  | o |  generation  |  task index   |   client, fault of a client
//! +--------+---+--------------+---------------+
//! |  kind  |             0    | thread index  |   birth
//! +--------+---+--------------+---------------+
//! |  kind  |             0          | number  |   server, fault of a server, notification
//! +--------+------------------------+---------+
//! ```
//!
//! The proc server mints every badge of a client, and the kernel delivers it; nobody below the door of a server
//! sees a raw badge.

use core::fmt;

use serde::{Deserialize, Serialize};

/// The bits of a badge that this kernel keeps (`seL4_CapData`, `libsel4/include/sel4/types_64.bf`).
pub const BADGE_BITS: u32 = 28;
/// The bits of a task index: at most 8,192 tasks at once; the kernel has 4,096 ASIDs.
pub const TASK_INDEX_BITS: u32 = 13;
/// The bits of a task's generation that a badge carries.
pub const TASK_GENERATION_BITS: u32 = 11;

const KIND_SHIFT: u32 = 25;
/// The kind of a client's badge.
const CLIENT: u64 = 1;
/// The kind of another server's.
const SERVER: u64 = 2;
const OPERATOR: u64 = 1 << 24;
/// A service badge is of one of the two, and a bit tells which.
const _: () = assert!(CLIENT & SERVER == 0);
/// What a badge has besides its kind.
const REST: u64 = (1 << KIND_SHIFT) - 1;
const TASK_INDEX_MASK: u32 = (1 << TASK_INDEX_BITS) - 1;
const TASK_GENERATION_MASK: u32 = (1 << TASK_GENERATION_BITS) - 1;

const _: () = assert!(TASK_INDEX_BITS + TASK_GENERATION_BITS + 1 + 3 == BADGE_BITS);

/// A limit group. An id is never used for another group while anyone could still hold the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupId {
    /// The place in the ledger.
    pub index: u32,
    /// How often that place was used before.
    pub generation: u32,
}

impl GroupId {
    /// The root of the tree of groups: place 1, as in devlimit's manual page.
    pub const ROOT: Self = Self {
        index: 1,
        generation: 0,
    };
}

impl fmt::Display for GroupId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_id(self.index, self.generation, out)
    }
}

/// A task. An id is never used for another task while anyone could still hold the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskId {
    /// The place in the task table, below `1 << TASK_INDEX_BITS`.
    pub index: u32,
    /// How often that place was used before.
    pub generation: u32,
}

impl TaskId {
    /// What a badge carries of this id.
    #[must_use]
    pub const fn tag(self) -> TaskTag {
        TaskTag::new(self.index, self.generation)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_id(self.index, self.generation, out)
    }
}

fn show_id(index: u32, generation: u32, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    if generation == 0 {
        write!(out, "{index}")
    } else {
        write!(out, "{index}.{generation}")
    }
}

/// As much of a [`TaskId`] as a badge carries.
///
/// A capability dies with the CSpace it stands in, so the low bits are enough to tell one tenant of a place from
/// the next; a server compares them with the id in its own table and refuses what does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TaskTag(
    /// As in a badge, so that a server that is asked a thousand times has nothing to take apart: the place in the task
    /// table, and above it the low bits of the generation.
    u32,
);

impl TaskTag {
    /// The tag of no task at all: no badge has room for it.
    pub const NOBODY: Self = Self(u32::MAX);

    /// The tag of the task in a place, and of this generation; what is beyond a badge's bits is cut.
    #[inline]
    #[must_use]
    pub const fn new(index: u32, generation: u32) -> Self {
        let index = index & TASK_INDEX_MASK;
        Self(((generation & TASK_GENERATION_MASK) << TASK_INDEX_BITS) | index)
    }

    /// The place in the task table.
    #[inline]
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0 & TASK_INDEX_MASK
    }

    /// The low bits of the generation.
    #[inline]
    #[must_use]
    pub const fn generation_low(self) -> u32 {
        self.0 >> TASK_INDEX_BITS
    }

    /// Whether this is the tag of `task`.
    #[inline]
    #[must_use]
    pub fn is(self, task: TaskId) -> bool {
        self == task.tag()
    }

    /// The place in the task table that a client's badge names; of any other badge it means nothing.
    #[inline]
    #[must_use]
    pub const fn place_in(raw: u64) -> u32 {
        Self::of_payload(raw).index()
    }

    /// What a badge has besides its kind and the operator's flag.
    #[inline]
    const fn of_payload(payload: u64) -> Self {
        Self((payload & (OPERATOR - 1)) as u32)
    }
}

/// One of the system's own servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum ServerName {
    /// Keeps the ledger.
    Limits,
    /// Keeps the memory.
    Memory,
    /// Keeps the tasks.
    Proc,
}

impl ServerName {
    /// All of them, in the order in which they are started: whoever is called before whoever calls.
    pub const ALL: [Self; 3] = [Self::Limits, Self::Memory, Self::Proc];

    /// The name of its ELF file in the archive and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Limits => "limits-server",
            Self::Memory => "memory-server",
            Self::Proc => "proc-server",
        }
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

/// Who sent a message, once the badge is understood: a client, or another server.
///
/// Why one number, which is the badge, and no enum: a server hands it to every operation, and most ask nothing of it. What
/// an operation wants to know is taken out where it is asked.
///
/// # Invariants
///
/// - It is the badge of a client or of one of the [`ServerName`]s, and nothing else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Caller(u64);

impl Caller {
    /// A client: which, and whether it may end the machine and read every group.
    #[inline]
    #[must_use]
    pub const fn client(tag: TaskTag, operator: bool) -> Self {
        let flag = if operator { OPERATOR } else { 0 };
        Self(kind(CLIENT) | flag | payload(tag))
    }

    /// Another server.
    #[must_use]
    pub const fn server(name: ServerName) -> Self {
        Self(kind(SERVER) | name as u64)
    }

    /// Who sends requests with this badge; nothing if it is another kind of badge.
    #[inline]
    #[must_use]
    pub const fn of_badge(raw: u64) -> Option<Self> {
        match Badge::decode(raw) {
            Some(Badge::Service(caller)) => Some(caller),
            _ => None,
        }
    }

    /// Who sends requests with this badge, if it is the task with this tag: one comparison says all of it.
    #[inline]
    #[must_use]
    pub const fn of_task(raw: u64, tag: TaskTag) -> Option<Self> {
        if raw & !OPERATOR == kind(CLIENT) | payload(tag) {
            Some(Self(raw))
        } else {
            None
        }
    }

    /// The client's tag, or nothing if a server called.
    #[inline]
    #[must_use]
    pub const fn task(self) -> Option<TaskTag> {
        if self.is_client() {
            Some(TaskTag::of_payload(self.0))
        } else {
            None
        }
    }

    /// The place in the task table, if this is a client; of a server it means nothing.
    #[inline]
    #[must_use]
    pub const fn place(self) -> u32 {
        TaskTag::place_in(self.0)
    }

    /// Whether this is the client with this tag.
    #[inline]
    #[must_use]
    pub const fn is(self, tag: TaskTag) -> bool {
        Self::of_task(self.0, tag).is_some()
    }

    /// Whether this is another server, or a client with the operator's flag.
    #[inline]
    #[must_use]
    pub const fn is_operator(self) -> bool {
        self.0 & (kind(SERVER) | OPERATOR) != 0
    }

    /// Whether this is a client.
    #[inline]
    #[must_use]
    pub const fn is_client(self) -> bool {
        self.0 & kind(CLIENT) != 0
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = server(self.0 & REST);
        match (self.task(), name) {
            (Some(tag), _) if self.is_operator() => write!(out, "operator {tag:?}"),
            (Some(tag), _) => write!(out, "client {tag:?}"),
            (None, name) => write!(out, "server {name:?}"),
        }
    }
}

/// Everything a badge can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Badge {
    /// A request of a client, or of another server.
    Service(Caller),
    /// The kernel's message that a new thread wants to run: the birth notice.
    Birth {
        /// The place of the thread in the proc server's thread table.
        thread: u32,
    },
    /// The kernel's message that a client faulted (or the client's own imitation of it).
    Fault(TaskTag),
    /// A notification.
    Signal {
        /// Which bits of news have come.
        bits: u32,
    },
    /// The kernel's message that a server faulted.
    ServerFault(ServerName),
}

impl Badge {
    /// The badge's number, at most [`BADGE_BITS`] bits.
    #[must_use]
    pub const fn encode(self) -> u64 {
        match self {
            Self::Service(Caller(number)) => number,
            Self::Birth { thread } => kind(3) | (thread & TASK_INDEX_MASK) as u64,
            Self::Fault(tag) => kind(4) | payload(tag),
            // A notification gathers badges by OR: the kind's bits must survive that, so they are all equal.
            Self::Signal { bits } => kind(5) | (bits as u64 & 0xff),
            Self::ServerFault(server) => kind(6) | server as u64,
        }
    }

    /// What a badge that the kernel delivered means; nothing if nobody ever mints it.
    #[inline]
    #[must_use]
    pub const fn decode(raw: u64) -> Option<Self> {
        let rest = raw & REST;
        let tag = TaskTag::of_payload(rest);
        Some(match raw >> KIND_SHIFT {
            CLIENT => Self::Service(Caller(raw)),
            SERVER => match server(rest) {
                Some(name) => Self::Service(Caller::server(name)),
                None => return None,
            },
            3 => Self::Birth {
                thread: tag.index(),
            },
            4 => Self::Fault(tag),
            5 => Self::Signal {
                bits: (rest & 0xff) as u32,
            },
            6 => match server(rest) {
                Some(name) => Self::ServerFault(name),
                None => return None,
            },
            _ => return None,
        })
    }
}

const fn kind(kind: u64) -> u64 {
    kind << KIND_SHIFT
}

const fn payload(tag: TaskTag) -> u64 {
    tag.0 as u64
}

const fn server(rest: u64) -> Option<ServerName> {
    match rest {
        0 => Some(ServerName::Limits),
        1 => Some(ServerName::Memory),
        2 => Some(ServerName::Proc),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_badge_fits_the_kernel_and_comes_back() {
        let tag = TaskTag::new(8191, 2047);
        let all = [
            Badge::Service(Caller::client(tag, true)),
            Badge::Service(Caller::client(tag, false)),
            Badge::Service(Caller::server(ServerName::Proc)),
            Badge::Birth { thread: 8191 },
            Badge::Fault(tag),
            Badge::Signal { bits: 0xff },
            Badge::ServerFault(ServerName::Limits),
        ];
        for badge in all {
            assert!(badge.encode() < 1 << BADGE_BITS);
            assert_eq!(Badge::decode(badge.encode()), Some(badge));
        }
    }

    #[test]
    fn a_caller_is_who_the_badge_says() {
        let tag = TaskTag::new(8191, 2047);
        for operator in [false, true] {
            let client = Caller::client(tag, operator);
            let badge = Badge::Service(client).encode();
            assert_eq!(client.task(), Some(tag));
            assert_eq!(client.is_operator(), operator);
            assert_eq!(Caller::of_task(badge, tag), Some(client));
            assert_eq!(TaskTag::place_in(badge), 8191);
            for other in [TaskTag::new(8191, 2046), TaskTag::NOBODY] {
                assert_eq!(Caller::of_task(badge, other), None);
            }
            // More bits than a badge has.
            assert_eq!(Caller::of_task((1 << BADGE_BITS) | badge, tag), None);
            assert_eq!(Caller::of_badge(badge), Some(client));
        }
        for name in ServerName::ALL {
            let server = Caller::server(name);
            let badge = Badge::Service(server).encode();
            assert_eq!(server.task(), None);
            assert!(server.is_operator() && !server.is_client());
            assert_eq!(Caller::of_task(badge, TaskTag::new(name as u32, 0)), None);
            assert_eq!(Caller::of_badge(badge), Some(server));
        }
        for other in [Badge::Birth { thread: 8191 }, Badge::Fault(tag)] {
            assert_eq!(Caller::of_task(other.encode(), tag), None);
            assert_eq!(Caller::of_badge(other.encode()), None);
        }
        for badge in (0..8).map(kind) {
            assert_eq!(Caller::of_task(badge, TaskTag::NOBODY), None);
        }
    }

    #[test]
    fn what_nobody_mints_means_nothing() {
        assert_eq!(Badge::decode(0), None);
        assert_eq!(Badge::decode(7 << KIND_SHIFT), None);
        assert_eq!(Badge::decode((2 << KIND_SHIFT) | 3), None);
    }

    #[test]
    fn a_tag_tells_one_tenant_of_a_place_from_the_next() {
        let first = TaskId {
            index: 4,
            generation: 0,
        };
        let next = TaskId {
            index: 4,
            generation: 1,
        };
        assert!(first.tag().is(first));
        assert!(!first.tag().is(next));
    }
}
