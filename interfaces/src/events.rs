//! Events: what happens in a group and below it, told to whoever watches, in order and with nothing forgotten in secret.
//!
//! A watcher has a **ring**: pages that the limits-server writes and the watcher reads. The limits-server never reads
//! them, so nothing that stands there can mislead it, and it never learns how far the watcher has come: the newest
//! record overwrites the oldest. Each record has a **sequence number**, one more than the record's before, so a
//! watcher that was too slow knows exactly how many it has lost ([`Reader`]).
//!
//! ```text
//!   place 0   header: magic, newest sequence number, records overwritten, state, capacity
//!   place 1   record          record n stands in place 1 + (n - 1) % capacity
//!   …
//! ```
//!
//! Every word is 64 bits, little-endian. A record is valid while its first word is its number: that word is cleared
//! before the others are written and set after them.
//!
//! # Order
//!
//! Birth before death, parent before child, a group's opening before anything in it, its end after everything.
//!
//! # How a late watcher catches up
//!
//! From [`Watch`] on, every event is in the ring. [`ReadSnapshot`] then lists the groups and tasks that are there, page
//! by page, while things go on happening. The last page says at which number it is true. A watcher puts together what
//! the pages list, applies every event since the watch began, in order (a birth adds what is not there, an end removes
//! what is), up to that number, and from there on knows exactly what is there: what lives throughout is on a page,
//! what comes or goes meanwhile is in the ring, and no id ever comes back.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::amounts::Resource;
use crate::identity::{GroupId, TaskId};
use crate::limits::GroupState;
use crate::process::ExitReason;
use crate::provision::Cause;

/// Words of a record, and of the header.
pub const WORDS: usize = 8;
/// Bytes of a record: one cache line.
pub const RECORD_BYTES: usize = WORDS * 8;
/// Records (and the header) that one page has room for.
pub const PAGE_PLACES: usize = 4096 / RECORD_BYTES;
/// The most pages of a ring; a power of two, as every ring's number of pages is.
pub const RING_PAGES: u32 = 16;
/// Rings in the whole system: an event is told to at most so many.
pub const RINGS: usize = 64;
/// Rings that only operators can have, so that nobody blinds them by having all the others.
pub const RESERVED_RINGS: usize = 8;
/// The most rings of one task; together they have at most [`RING_PAGES`] pages.
pub const TASK_RINGS: usize = 4;
/// The most entries in one page of a snapshot.
pub const SNAPSHOT_ITEMS: usize = 24;
/// The first word of every ring: "hurdle" and the version of this layout.
pub const MAGIC: u64 = u64::from_le_bytes(*b"hurdle\x01\0");

/// The words of the header.
pub mod header {
    /// [`super::MAGIC`].
    pub const MAGIC: usize = 0;
    /// The number of the newest record that is complete; 0 if there is none.
    pub const NEWEST: usize = 1;
    /// How many records have been overwritten by newer ones, read or not.
    pub const OVERWRITTEN: usize = 2;
    /// 1 while the ring watches a group, else 0.
    pub const WATCHING: usize = 3;
    /// How many records there is room for.
    pub const CAPACITY: usize = 4;
}

/// A ring, by its place among all rings. Of use only to the task that opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RingId(pub u8);

impl fmt::Display for RingId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

/// Declares the kinds of event: one line per kind, numbered from 1 in their order.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)+) => {
        /// What an event is about. Append only: the numbers are the wire's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Kind { $($(#[$doc])* $name = $number,)+ }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name that a person reads and types.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            const fn from_number(number: u64) -> Option<Self> {
                match number { $($number => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

kinds! {
    /// A task was born: the kernel said so.
    Born = 1, "born";
    /// A task is gone, and everything it held has come back.
    Died = 2, "died";
    /// A task came into a group from another.
    Arrived = 3, "arrived";
    /// A task left for a group that this watch does not reach.
    Left = 4, "left";
    /// A group was opened.
    Opened = 5, "opened";
    /// A group has vanished, and with it all groups that were still below: they held nothing but each other. A group
    /// never vanishes before those below it, so one record says it of all.
    Gone = 6, "gone";
    /// Usage rose above a soft limit.
    SoftLimit = 7, "soft-limit";
    /// A hard limit refused a charge.
    HardLimit = 8, "hard-limit";
    /// A group was frozen.
    Frozen = 9, "frozen";
    /// A group was thawed.
    Thawed = 10, "thawed";
    /// A group was closed to charges, because it is being killed.
    Killing = 11, "killing";
    /// One line of the receipt of a kill, which follows.
    Returned = 12, "returned";
    /// A group has been killed: everything has come back.
    Killed = 13, "killed";
    /// The watch is over: the watcher may not see the group any more. (A group that vanishes ends its watch with
    /// [`Kind::Gone`].)
    Over = 14, "over";
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Kinds(pub u32);

impl Kinds {
    /// No kind at all.
    pub const NONE: Self = Self(0);
    /// Every kind.
    pub const ALL: Self = Self(u32::MAX);
    /// What changes which groups and tasks are there, and where: enough for a mirror.
    pub const TREE: Self = Self::NONE
        .with(Kind::Born)
        .with(Kind::Died)
        .with(Kind::Arrived)
        .with(Kind::Left)
        .with(Kind::Opened)
        .with(Kind::Gone);

    /// The same and one kind more.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u16)
    }

    /// Whether a kind is in the set. The end of a watch is told to everybody.
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        matches!(kind, Kind::Over) || self.0 & (1 << kind as u16) != 0
    }
}

/// How a task ended, as events tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ending {
    /// It was born and taken back before it ran.
    NeverRan,
    /// By itself.
    Exited {
        /// What it said.
        code: i32,
    },
    /// By another task.
    Killed {
        /// Which, if the watcher may see it.
        by: Option<TaskId>,
    },
    /// With its group.
    GroupKilled {
        /// The group that was killed, if the watcher may see it.
        group: Option<GroupId>,
    },
    /// It could not go on.
    Fault {
        /// Why.
        why: Fault,
        /// The address, the system call's number, the exception's vector: whatever tells more.
        at: u64,
    },
}

/// Why a task could not go on; [`Cause`] without what only its parent is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Fault {
    /// It touched an address where it has nothing.
    BadAddress,
    /// A page could not be charged.
    NoFrame,
    /// A page could not be charged because its group is being killed.
    Killed,
    /// It was never born.
    NotBorn,
    /// The machine has no memory left.
    OutOfMemory,
    /// It used a capability that it does not have.
    Capability,
    /// It made a system call that does not exist.
    Syscall,
    /// It raised a processor exception.
    Exception,
    /// Something that this version does not know.
    Other,
}

impl Fault {
    const ALL: [Self; 9] = [
        Self::BadAddress,
        Self::NoFrame,
        Self::Killed,
        Self::NotBorn,
        Self::OutOfMemory,
        Self::Capability,
        Self::Syscall,
        Self::Exception,
        Self::Other,
    ];
}

impl From<ExitReason> for Ending {
    fn from(reason: ExitReason) -> Self {
        match reason {
            ExitReason::Exited { code } => Self::Exited { code },
            ExitReason::Killed { by } => Self::Killed { by: Some(by) },
            ExitReason::GroupKilled { group } => Self::GroupKilled { group: Some(group) },
            ExitReason::Fault(cause) => {
                let (why, at) = match cause {
                    Cause::BadAddress { address, .. } => (Fault::BadAddress, u64::from(address)),
                    Cause::NoFrame(shortage) => (Fault::NoFrame, shortage.limit),
                    Cause::Killed => (Fault::Killed, 0),
                    Cause::NotBorn => (Fault::NotBorn, 0),
                    Cause::OutOfMemory => (Fault::OutOfMemory, 0),
                    Cause::CapabilityFault { ip } => (Fault::Capability, ip),
                    Cause::UnknownSyscall { number } => (Fault::Syscall, number),
                    Cause::Exception { number, .. } => (Fault::Exception, number),
                    Cause::Other { label } => (Fault::Other, label),
                };
                Self::Fault { why, at }
            }
        }
    }
}

/// A limit that was crossed or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hit {
    /// The kind of thing.
    pub resource: Resource,
    /// The limit.
    pub limit: u64,
    /// What was used before.
    pub used: u64,
    /// What was asked on top.
    pub asked: u64,
}

/// What happened. Ids that the watcher may not see are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// See [`Kind::Born`].
    Born {
        /// The task.
        task: TaskId,
        /// Its group.
        group: GroupId,
        /// Who spawned it.
        parent: Option<TaskId>,
    },
    /// See [`Kind::Died`].
    Died {
        /// The task.
        task: TaskId,
        /// The group that it was in.
        group: GroupId,
        /// How.
        ending: Ending,
    },
    /// See [`Kind::Arrived`].
    Arrived {
        /// The task.
        task: TaskId,
        /// The group that it is in now.
        group: GroupId,
        /// The group that it was in.
        from: Option<GroupId>,
    },
    /// See [`Kind::Left`].
    Left {
        /// The task.
        task: TaskId,
        /// The group that it was in.
        group: GroupId,
        /// The group that it is in now.
        to: Option<GroupId>,
    },
    /// See [`Kind::Opened`].
    Opened {
        /// The group.
        group: GroupId,
        /// The group above it.
        parent: GroupId,
        /// Who opened it.
        by: Option<TaskId>,
    },
    /// See [`Kind::Gone`].
    Gone {
        /// The group.
        group: GroupId,
    },
    /// See [`Kind::SoftLimit`].
    SoftLimit {
        /// The group.
        group: GroupId,
        /// The numbers.
        hit: Hit,
    },
    /// See [`Kind::HardLimit`].
    HardLimit {
        /// The group whose limit refused.
        group: GroupId,
        /// The numbers.
        hit: Hit,
    },
    /// See [`Kind::Frozen`].
    Frozen {
        /// The group.
        group: GroupId,
        /// How often it has to be thawed now.
        depth: u64,
    },
    /// See [`Kind::Thawed`].
    Thawed {
        /// The group.
        group: GroupId,
        /// How often it has to be thawed still.
        depth: u64,
    },
    /// See [`Kind::Killing`].
    Killing {
        /// The group.
        group: GroupId,
        /// Who kills it.
        by: Option<TaskId>,
    },
    /// See [`Kind::Returned`].
    Returned {
        /// The group.
        group: GroupId,
        /// The kind of thing.
        resource: Resource,
        /// What the group held of it when it was closed.
        held: u64,
        /// What came back.
        returned: u64,
    },
    /// See [`Kind::Killed`].
    Killed {
        /// The group.
        group: GroupId,
        /// How many lines of receipt came before.
        lines: u64,
    },
    /// See [`Kind::Over`].
    Over {
        /// The group that was watched.
        group: GroupId,
    },
}

const NOBODY: u64 = u64::MAX;

const fn pack(index: u32, generation: u32) -> u64 {
    index as u64 | (generation as u64) << 32
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "each half of the word is a number of its own"
)]
const fn halves(word: u64) -> (u32, u32) {
    (word as u32, (word >> 32) as u32)
}

const fn group_word(group: GroupId) -> u64 {
    pack(group.index, group.generation)
}

const fn task_word(task: TaskId) -> u64 {
    pack(task.index, task.generation)
}

fn maybe_group(group: Option<GroupId>) -> u64 {
    group.map_or(NOBODY, group_word)
}

fn maybe_task(task: Option<TaskId>) -> u64 {
    task.map_or(NOBODY, task_word)
}

fn group_of(word: u64) -> Option<GroupId> {
    let (index, generation) = halves(word);
    (word != NOBODY).then_some(GroupId { index, generation })
}

fn task_of(word: u64) -> Option<TaskId> {
    let (index, generation) = halves(word);
    (word != NOBODY).then_some(TaskId { index, generation })
}

fn resource_of(word: u64) -> Option<Resource> {
    Resource::ALL.get(usize::try_from(word).ok()?).copied()
}

impl Ending {
    const fn words(self) -> (u64, u64, u64) {
        match self {
            Self::NeverRan => (0, 0, 0),
            #[expect(
                clippy::cast_sign_loss,
                reason = "the bits travel, the reader turns them back"
            )]
            Self::Exited { code } => (1, code as u32 as u64, 0),
            Self::Killed { by: Some(by) } => (2, task_word(by), 0),
            Self::Killed { by: None } => (2, NOBODY, 0),
            Self::GroupKilled { group: Some(group) } => (3, group_word(group), 0),
            Self::GroupKilled { group: None } => (3, NOBODY, 0),
            Self::Fault { why, at } => (4, at, why as u64),
        }
    }

    fn from_words(how: u64, value: u64, more: u64) -> Option<Self> {
        Some(match how {
            0 => Self::NeverRan,
            #[expect(clippy::cast_possible_wrap, reason = "as it was put in")]
            1 => Self::Exited {
                code: halves(value).0 as i32,
            },
            2 => Self::Killed { by: task_of(value) },
            3 => Self::GroupKilled {
                group: group_of(value),
            },
            4 => Self::Fault {
                why: *Fault::ALL.get(usize::try_from(more).ok()?)?,
                at: value,
            },
            _ => return None,
        })
    }
}

impl Event {
    /// What kind of event it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Born { .. } => Kind::Born,
            Self::Died { .. } => Kind::Died,
            Self::Arrived { .. } => Kind::Arrived,
            Self::Left { .. } => Kind::Left,
            Self::Opened { .. } => Kind::Opened,
            Self::Gone { .. } => Kind::Gone,
            Self::SoftLimit { .. } => Kind::SoftLimit,
            Self::HardLimit { .. } => Kind::HardLimit,
            Self::Frozen { .. } => Kind::Frozen,
            Self::Thawed { .. } => Kind::Thawed,
            Self::Killing { .. } => Kind::Killing,
            Self::Returned { .. } => Kind::Returned,
            Self::Killed { .. } => Kind::Killed,
            Self::Over { .. } => Kind::Over,
        }
    }

    /// The group that it happened in or to.
    #[must_use]
    pub const fn group(&self) -> GroupId {
        match *self {
            Self::Born { group, .. }
            | Self::Died { group, .. }
            | Self::Arrived { group, .. }
            | Self::Left { group, .. }
            | Self::Opened { group, .. }
            | Self::Gone { group }
            | Self::SoftLimit { group, .. }
            | Self::HardLimit { group, .. }
            | Self::Frozen { group, .. }
            | Self::Thawed { group, .. }
            | Self::Killing { group, .. }
            | Self::Returned { group, .. }
            | Self::Killed { group, .. }
            | Self::Over { group } => group,
        }
    }
}

/// A numbered event, as it stands in a ring.
///
/// | word | what |
/// |---|---|
/// | 0 | the sequence number |
/// | 1 | the kind, 16 bits; above it, from bit 32 on, the kind of resource |
/// | 2 | the group: index, and from bit 32 on the generation |
/// | 3 | the task, likewise; all ones if there is none |
/// | 4 to 7 | what the kind says |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// Its number: one more than the record's before in the same ring; the first is 1.
    pub sequence: u64,
    /// What happened.
    pub event: Event,
}

impl Record {
    /// The words of the record.
    #[must_use]
    pub fn to_words(&self) -> [u64; WORDS] {
        let none = NOBODY;
        let numbers = |hit: Hit| (hit.resource as u64, [hit.limit, hit.used, hit.asked, 0]);
        let (task, resource, rest) = match self.event {
            Event::Born { task, parent, .. } => (task_word(task), 0, [maybe_task(parent), 0, 0, 0]),
            Event::Died { task, ending, .. } => {
                let (how, value, more) = ending.words();
                (task_word(task), 0, [how, value, more, 0])
            }
            Event::Arrived { task, from, .. } => (task_word(task), 0, [maybe_group(from), 0, 0, 0]),
            Event::Left { task, to, .. } => (task_word(task), 0, [maybe_group(to), 0, 0, 0]),
            Event::Opened { parent, by, .. } => (maybe_task(by), 0, [group_word(parent), 0, 0, 0]),
            Event::Gone { .. } | Event::Over { .. } => (none, 0, [0; 4]),
            Event::SoftLimit { hit, .. } | Event::HardLimit { hit, .. } => {
                let (resource, rest) = numbers(hit);
                (none, resource, rest)
            }
            Event::Frozen { depth, .. } | Event::Thawed { depth, .. } => {
                (none, 0, [depth, 0, 0, 0])
            }
            Event::Killing { by, .. } => (maybe_task(by), 0, [0; 4]),
            Event::Returned {
                resource,
                held,
                returned,
                ..
            } => (none, resource as u64, [held, returned, 0, 0]),
            Event::Killed { lines, .. } => (none, 0, [lines, 0, 0, 0]),
        };
        let [a, b, c, d] = rest;
        [
            self.sequence,
            self.event.kind() as u64 | resource << 32,
            group_word(self.event.group()),
            task,
            a,
            b,
            c,
            d,
        ]
    }

    /// The record that these words are; nothing if they are none, or of a kind that this version does not know.
    #[must_use]
    pub fn from_words(words: &[u64; WORDS]) -> Option<Self> {
        let [sequence, what, group, task, a, b, c, _] = *words;
        let group = group_of(group)?;
        let hit = || {
            Some(Hit {
                resource: resource_of(what >> 32)?,
                limit: a,
                used: b,
                asked: c,
            })
        };
        let event = match Kind::from_number(what & 0xffff)? {
            Kind::Born => Event::Born {
                task: task_of(task)?,
                group,
                parent: task_of(a),
            },
            Kind::Died => Event::Died {
                task: task_of(task)?,
                group,
                ending: Ending::from_words(a, b, c)?,
            },
            Kind::Arrived => Event::Arrived {
                task: task_of(task)?,
                group,
                from: group_of(a),
            },
            Kind::Left => Event::Left {
                task: task_of(task)?,
                group,
                to: group_of(a),
            },
            Kind::Opened => Event::Opened {
                group,
                parent: group_of(a)?,
                by: task_of(task),
            },
            Kind::Gone => Event::Gone { group },
            Kind::SoftLimit => Event::SoftLimit { group, hit: hit()? },
            Kind::HardLimit => Event::HardLimit { group, hit: hit()? },
            Kind::Frozen => Event::Frozen { group, depth: a },
            Kind::Thawed => Event::Thawed { group, depth: a },
            Kind::Killing => Event::Killing {
                group,
                by: task_of(task),
            },
            Kind::Returned => Event::Returned {
                group,
                resource: resource_of(what >> 32)?,
                held: a,
                returned: b,
            },
            Kind::Killed => Event::Killed { group, lines: a },
            Kind::Over => Event::Over { group },
        };
        Some(Self { sequence, event })
    }
}

/// How many records a ring of so many pages has room for.
#[must_use]
pub const fn capacity(pages: u32) -> u64 {
    (pages as u64)
        .saturating_mul(PAGE_PLACES as u64)
        .saturating_sub(1)
}

/// What a reader finds next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next record.
    Record(Record),
    /// So many records were overwritten before they were read; the next call goes on after them.
    Lost(u64),
    /// Nothing yet.
    Empty,
}

/// Reads a ring, in order and without writing to it. Never blocks, and never shows half a record.
#[derive(Debug)]
pub struct Reader<'a> {
    words: &'a [AtomicU64],
    next: u64,
    lost: u64,
}

impl<'a> Reader<'a> {
    /// Reads the records after number `since`.
    #[must_use]
    pub const fn new(words: &'a [AtomicU64], since: u64) -> Self {
        Self {
            words,
            next: since.saturating_add(1),
            lost: 0,
        }
    }

    /// The number of the newest record that is in the ring.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.word(header::NEWEST)
    }

    /// The number of the record that was read last (or skipped).
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.next.saturating_sub(1)
    }

    /// How many records were lost in all.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether the ring is watching a group.
    #[must_use]
    pub fn is_watching(&self) -> bool {
        self.word(header::WATCHING) != 0
    }

    /// Goes on after number `since`, wherever the reader was; nothing of that counts as lost.
    pub const fn skip_to(&mut self, since: u64) {
        self.next = since.saturating_add(1);
    }

    /// Reads the next record, or says how many are lost.
    pub fn next_record(&mut self) -> Next {
        let newest = self.newest();
        let room = self.room();
        if self.next > newest || room == 0 {
            return Next::Empty;
        }
        let oldest = newest.saturating_sub(room).saturating_add(1);
        if self.next < oldest {
            return self.lose_up_to(oldest);
        }
        let Some(words) = self.copy(self.next, room) else {
            // It is being overwritten at this moment.
            return self.lose_up_to(self.next.saturating_add(1));
        };
        self.next = self.next.saturating_add(1);
        match Record::from_words(&words) {
            Some(record) => Next::Record(record),
            // Of a kind that a newer limits-server knows.
            None => Next::Lost(self.count_lost(1)),
        }
    }

    fn lose_up_to(&mut self, oldest: u64) -> Next {
        let lost = oldest.saturating_sub(self.next);
        self.next = oldest;
        Next::Lost(self.count_lost(lost))
    }

    const fn count_lost(&mut self, lost: u64) -> u64 {
        self.lost = self.lost.saturating_add(lost);
        lost
    }

    fn room(&self) -> u64 {
        (self.words.len() / WORDS).saturating_sub(1) as u64
    }

    /// The words of a record, if it stands there whole.
    fn copy(&self, sequence: u64, room: u64) -> Option<[u64; WORDS]> {
        let first = first_word(sequence, room)?;
        let place = self.words.get(first..first.checked_add(WORDS)?)?;
        let mut words = [0; WORDS];
        for (word, there) in words.iter_mut().zip(place) {
            *word = there.load(Ordering::Acquire);
        }
        let still = place.first()?.load(Ordering::Acquire);
        let before = words.first().copied()?;
        (before == sequence && still == sequence).then_some(words)
    }

    fn word(&self, index: usize) -> u64 {
        self.words
            .get(index)
            .map_or(0, |word| word.load(Ordering::Acquire))
    }
}

/// The first word of the place of a record in a ring with room for so many; nothing for number 0.
#[must_use]
pub fn first_word(sequence: u64, room: u64) -> Option<usize> {
    let place = sequence.checked_sub(1)?.checked_rem(room)?;
    usize::try_from(place)
        .ok()?
        .checked_add(1)?
        .checked_mul(WORDS)
}

/// Makes one of the caller's rings watch a group and all below it, from now on; what it watched before it watches no
/// longer. A snapshot begins ([`ReadSnapshot`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The ring.
    pub ring: RingId,
    /// The group; the caller's own if none.
    pub group: Option<GroupId>,
    /// What it wants to hear of.
    pub kinds: Kinds,
}

/// A watch has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watching {
    /// The group.
    pub group: GroupId,
    /// The number of the last record before: what comes after it belongs to this watch.
    pub since: u64,
}

/// Makes one of the caller's rings watch nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unwatch {
    /// The ring.
    pub ring: RingId,
}

/// Reads the next page of the snapshot that began with [`Watch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadSnapshot {
    /// The ring.
    pub ring: RingId,
}

/// Something that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Item {
    /// A group.
    Group {
        /// Which.
        group: GroupId,
        /// The group above it, unless it is the one watched.
        parent: Option<GroupId>,
        /// Its state.
        state: GroupState,
    },
    /// A task.
    Task {
        /// Which.
        task: TaskId,
        /// The group that it is in.
        group: GroupId,
        /// Who spawned it, if the watcher may see it.
        parent: Option<TaskId>,
    },
}

/// A page of a snapshot: groups above before groups below, a group before the tasks in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotPage {
    /// What is there.
    pub items: heapless::Vec<Item, SNAPSHOT_ITEMS>,
    /// The number of the last record when this page was made. Everything that the pages list, with the records up to
    /// the number of the last page, is what is there at that number.
    pub sequence: u64,
    /// Whether there are more.
    pub more: bool,
}

/// Why a group is not watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WatchRefusal {
    /// The caller has no such ring.
    UnknownRing,
    /// No such group, or not one that the caller may see.
    UnknownGroup,
    /// The caller may see the group, but not watch it.
    NotYours,
}

/// Why no snapshot was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotRefusal {
    /// The caller has no such ring.
    UnknownRing,
    /// The ring watches nothing.
    NotWatching,
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use super::*;

    const GROUP: GroupId = GroupId {
        index: 7,
        generation: 3,
    };
    const TASK: TaskId = TaskId {
        index: 0,
        generation: 0,
    };

    fn all() -> Vec<Event> {
        let hit = Hit {
            resource: Resource::Notes,
            limit: 1,
            used: 2,
            asked: u64::MAX,
        };
        let mut all = vec![
            Event::Arrived {
                task: TASK,
                group: GROUP,
                from: Some(GroupId::ROOT),
            },
            Event::Left {
                task: TASK,
                group: GROUP,
                to: None,
            },
            Event::Opened {
                group: GROUP,
                parent: GroupId::ROOT,
                by: None,
            },
            Event::Gone { group: GROUP },
            Event::SoftLimit { group: GROUP, hit },
            Event::HardLimit { group: GROUP, hit },
            Event::Frozen {
                group: GROUP,
                depth: 2,
            },
            Event::Thawed {
                group: GROUP,
                depth: 1,
            },
            Event::Killing {
                group: GROUP,
                by: Some(TASK),
            },
            Event::Returned {
                group: GROUP,
                resource: Resource::Frames,
                held: 5,
                returned: 5,
            },
            Event::Killed {
                group: GROUP,
                lines: 1,
            },
            Event::Over { group: GROUP },
        ];
        for parent in [None, Some(TASK)] {
            all.push(Event::Born {
                task: TASK,
                group: GROUP,
                parent,
            });
        }
        let mut endings = vec![
            Ending::NeverRan,
            Ending::Exited { code: i32::MIN },
            Ending::Killed { by: None },
            Ending::Killed { by: Some(TASK) },
            Ending::GroupKilled { group: None },
            Ending::GroupKilled { group: Some(GROUP) },
        ];
        endings.extend(Fault::ALL.map(|why| Ending::Fault { why, at: 0xdead }));
        all.extend(endings.into_iter().map(|ending| Event::Died {
            task: TASK,
            group: GROUP,
            ending,
        }));
        all
    }

    #[test]
    fn every_event_comes_back_from_its_words() {
        for (sequence, event) in (1..).zip(all()) {
            let record = Record { sequence, event };
            assert_eq!(Record::from_words(&record.to_words()), Some(record));
        }
    }

    #[test]
    fn words_that_are_no_record_are_nothing() {
        let good = Record {
            sequence: 1,
            event: Event::Gone { group: GROUP },
        }
        .to_words();
        for kind in [0, 15, 0xffff] {
            let mut words = good;
            words[1] = kind;
            assert_eq!(Record::from_words(&words), None);
        }
        let mut words = good;
        words[2] = u64::MAX;
        assert_eq!(Record::from_words(&words), None);
    }

    fn ring(records: u64) -> Vec<AtomicU64> {
        let words = usize::try_from(records + 1).unwrap() * WORDS;
        (0..words).map(|_| AtomicU64::new(0)).collect()
    }

    fn write(ring: &[AtomicU64], sequence: u64) {
        let room = (ring.len() / WORDS - 1) as u64;
        let first = first_word(sequence, room).unwrap();
        let record = Record {
            sequence,
            event: Event::Frozen {
                group: GROUP,
                depth: sequence,
            },
        };
        for (place, word) in ring[first..].iter().zip(record.to_words()) {
            place.store(word, Ordering::Relaxed);
        }
        ring[header::NEWEST].store(sequence, Ordering::Relaxed);
    }

    #[test]
    fn what_was_overwritten_is_counted_exactly() {
        let ring = ring(3);
        let mut reader = Reader::new(&ring, 0);
        assert_eq!(reader.next_record(), Next::Empty);
        for sequence in 1..=8 {
            write(&ring, sequence);
        }
        assert_eq!(reader.next_record(), Next::Lost(5));
        for sequence in 6..=8 {
            let Next::Record(record) = reader.next_record() else {
                panic!("there is one");
            };
            assert_eq!(record.sequence, sequence);
        }
        assert_eq!((reader.next_record(), reader.lost()), (Next::Empty, 5));
    }

    #[test]
    fn half_a_record_is_never_shown() {
        let ring = ring(2);
        for sequence in 1..=2 {
            write(&ring, sequence);
        }
        // Number 3 is being written over number 1: its number is not there yet, and the newest is still 2.
        ring[WORDS].store(0, Ordering::Relaxed);
        let mut reader = Reader::new(&ring, 0);
        assert_eq!(reader.next_record(), Next::Lost(1));
        assert!(matches!(reader.next_record(), Next::Record(record) if record.sequence == 2));
    }

    #[test]
    fn a_set_of_kinds_has_what_was_put_in() {
        let some = Kinds::NONE.with(Kind::Born).with(Kind::Killed);
        for &kind in Kind::ALL {
            let expected = matches!(kind, Kind::Born | Kind::Killed | Kind::Over);
            assert_eq!(some.has(kind), expected, "{}", kind.name());
            assert!(Kinds::ALL.has(kind));
        }
    }
}
