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
//! what comes or goes meanwhile is in the ring, and no id ever comes back. One thing is to be added: a branch vanishes
//! in one record, and its middle may have been on no page; so whatever then stands below a group that is not there has
//! gone with it.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::identity::{GroupId, TaskId};
use crate::limits::GroupState;

mod reader;
mod record;

pub use reader::{Next, Reader, capacity, first_word};
pub use record::{Ending, Event, Fault, Hit, Record};

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

            pub(super) const fn from_number(number: u64) -> Option<Self> {
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
    /// never vanishes before those below it, so one record says it of all. A very long branch vanishes in several parts,
    /// a record for each.
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
mod tests {
    use super::*;

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
