//! Watchers and their rings: who hears of what, and how much of it.
//!
//! A ring belongs to one task and watches one group with everything below it. Rings that watch the same group form a
//! list that begins in the group's slot, so who hears of an event is found on one walk from the group up to the root,
//! which ends when every ring that watches anything has been met.
//!
//! # Invariants (`Ledger::check` verifies them)
//!
//! - A ring that watches a group belongs to a task and stands in that group's list, and in no other.
//! - A ring's sequence numbers have no gap; what its watcher lost is overwritten, never left out.
//! - What the walk of a snapshot stands on is there, in the watched subtree, and marked.
//!
//! # Never
//!
//! Reads a ring: the watcher's pages are only written, through [`Window`]. Waits for a watcher: the newest record
//! overwrites the oldest. Shows an id that the watcher may not see. Costs more than one comparison while nobody watches.

use core::fmt;

use interfaces::accounting::{AttachRefusal, AttachRing};
use interfaces::events::{
    Event, Kind, Kinds, MAGIC, RING_PAGES, RINGS, Record, RingId, WORDS, WatchRefusal, Watching,
    capacity, first_word, header,
};
use interfaces::{GroupId, TaskId};

use crate::access::Viewer;
use crate::ledger::Ledger;
use crate::list::{self, Links, NONE, at, at_mut};
use crate::needs::Operation;

mod snapshot;
mod telling;

/// The pages of all rings, to be written, and their notifications, to be signalled.
pub trait Window: fmt::Debug {
    /// Writes a word of a ring that is attached. Words are visible to the watcher in the order in which they are
    /// written.
    fn store(&mut self, ring: RingId, word: usize, value: u64);

    /// Tells the watcher that there is something new.
    fn signal(&mut self, ring: RingId);
}

/// Where the walk of a snapshot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    /// The group whose turn it is; [`NONE`] when all have been listed.
    pub group: u32,
    /// Whether that group itself has been listed.
    pub listed: bool,
    /// The next task in it, once it has been listed.
    pub task: u32,
}

impl Walk {
    const OVER: Self = Self {
        group: NONE,
        listed: false,
        task: NONE,
    };

    const fn from(group: u32) -> Self {
        Self {
            group,
            ..Self::OVER
        }
    }
}

/// One ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ring {
    /// Whose it is; nobody's while it is not attached.
    pub owner: Option<TaskId>,
    /// Whether its watcher was an operator when it began to watch.
    pub operator: bool,
    /// How many records it has room for.
    pub room: u64,
    /// The number of its newest record.
    pub newest: u64,
    /// The group that it watches, or [`NONE`].
    pub group: u32,
    /// What it wants to hear of.
    pub kinds: Kinds,
    /// Its neighbours among the rings that watch that group.
    pub beside: Links,
    /// How far its snapshot has come.
    pub walk: Walk,
}

impl Ring {
    const VACANT: Self = Self {
        owner: None,
        operator: false,
        room: 0,
        newest: 0,
        group: NONE,
        kinds: Kinds::NONE,
        beside: Links::LOOSE,
        walk: Walk::OVER,
    };
}

/// All rings.
#[derive(Debug)]
pub(crate) struct Rings<'a> {
    pub all: [Ring; RINGS],
    /// How many of them watch something.
    pub watching: u32,
    /// Those that have something new and have not been signalled since, a bit for each.
    fresh: u64,
    window: Option<&'a mut dyn Window>,
}

const _: () = assert!(RINGS <= 64, "a set of rings is one word");

impl Rings<'_> {
    pub const fn new() -> Self {
        Self {
            all: [const { Ring::VACANT }; RINGS],
            watching: 0,
            fresh: 0,
            window: None,
        }
    }

    /// Whether nobody watches anything.
    #[inline]
    pub const fn are_quiet(&self) -> bool {
        self.watching == 0
    }

    fn store(&mut self, ring: u32, word: usize, value: u64) {
        if let Some(window) = &mut self.window {
            window.store(name(ring), word, value);
        }
    }

    /// Puts a record into a ring.
    pub fn write(&mut self, ring: u32, event: Event) {
        let Some(slot) = at_mut(&mut self.all, ring) else {
            return;
        };
        let sequence = slot.newest.wrapping_add(1);
        let room = slot.room;
        slot.newest = sequence;
        let words = Record { sequence, event }.to_words();
        let Some(first) = first_word(sequence, room) else {
            return;
        };
        // The place is nobody's while it is written: the number goes first and comes last.
        self.store(ring, first, 0);
        for (place, word) in (first..).zip(words).skip(1) {
            self.store(ring, place, word);
        }
        self.store(ring, first, sequence);
        if sequence > room {
            self.store(ring, header::OVERWRITTEN, sequence.wrapping_sub(room));
        }
        self.store(ring, header::NEWEST, sequence);
        self.fresh |= bit(ring);
    }

    /// Signals every ring that has something new.
    #[inline]
    pub fn signal(&mut self) {
        if self.fresh != 0 {
            self.signal_fresh();
        }
    }

    #[cold]
    #[inline(never)]
    fn signal_fresh(&mut self) {
        while self.fresh != 0 {
            let ring = self.fresh.trailing_zeros();
            self.fresh &= self.fresh.wrapping_sub(1);
            if let Some(window) = &mut self.window {
                window.signal(name(ring));
            }
        }
    }
}

/// A ring's bit in a set.
const fn bit(ring: u32) -> u64 {
    1_u64.wrapping_shl(ring)
}

fn name(ring: u32) -> RingId {
    RingId(u8::try_from(ring).unwrap_or(u8::MAX))
}

impl<'a> Ledger<'a> {
    /// Tells watchers through this window from now on. Without one, rings only count.
    #[must_use]
    pub fn with_window(mut self, window: &'a mut dyn Window) -> Self {
        self.rings.window = Some(window);
        self
    }
}

impl Ledger<'_> {
    /// A ring's pages and its notification are there: its task may let it watch something.
    pub fn attach_ring(&mut self, request: AttachRing) -> Result<(), AttachRefusal> {
        let AttachRing { ring, task, pages } = request;
        let pages = u32::from(pages);
        let index = u32::from(ring.0);
        let vacant = at(&self.rings.all, index).is_some_and(|slot| slot.owner.is_none());
        if !vacant || !pages.is_power_of_two() || pages > RING_PAGES {
            return Err(AttachRefusal::BadPlace);
        }
        if self.born(task).is_none() {
            return Err(AttachRefusal::UnknownTask);
        }
        let room = capacity(pages);
        if let Some(slot) = at_mut(&mut self.rings.all, index) {
            *slot = Ring {
                owner: Some(task),
                room,
                ..Ring::VACANT
            };
        }
        self.rings.store(index, header::MAGIC, MAGIC);
        self.rings.store(index, header::CAPACITY, room);
        Ok(())
    }

    /// A ring is about to go: nothing of it is touched any more.
    pub fn detach_ring(&mut self, ring: RingId) {
        let index = u32::from(ring.0);
        self.stop_watching(index);
        self.rings.fresh &= !bit(index);
        if let Some(slot) = at_mut(&mut self.rings.all, index) {
            *slot = Ring::VACANT;
        }
    }

    /// Lets a viewer's ring watch a group from now on, in place of what it watched before.
    pub fn watch(
        &mut self,
        viewer: Viewer,
        ring: RingId,
        group: GroupId,
        kinds: Kinds,
    ) -> Result<Watching, WatchRefusal> {
        let index = self
            .ring_of(viewer.task, ring)
            .ok_or(WatchRefusal::UnknownRing)?;
        let place = self.locate(group).ok_or(WatchRefusal::UnknownGroup)?;
        if !self.may_see(viewer, group) {
            return Err(WatchRefusal::UnknownGroup);
        }
        if !self.may_watch(viewer, group) {
            return Err(WatchRefusal::NotYours);
        }
        self.stop_watching(index);
        let first = self.slot(place).map_or(NONE, |slot| slot.first_watch);
        let first = list::append(&mut self.rings.all, first, index, |ring| &mut ring.beside);
        if let Some(slot) = at_mut(self.groups, place) {
            slot.first_watch = first;
        }
        let mut since = 0;
        if let Some(slot) = at_mut(&mut self.rings.all, index) {
            slot.group = place;
            slot.kinds = kinds;
            slot.operator = viewer.operator;
            slot.walk = Walk::from(place);
            since = slot.newest;
        }
        self.rings.watching = self.rings.watching.wrapping_add(1);
        self.mark_walk(index);
        self.rings.store(index, header::WATCHING, 1);
        Ok(Watching { group, since })
    }

    /// Lets a task's ring watch nothing.
    pub fn unwatch(&mut self, task: TaskId, ring: RingId) -> Result<(), WatchRefusal> {
        let index = self.ring_of(task, ring).ok_or(WatchRefusal::UnknownRing)?;
        self.stop_watching(index);
        Ok(())
    }

    /// Whether a viewer may watch a group: with the right to, or its own, or as an operator, who may read it over and
    /// over anyway.
    fn may_watch(&self, viewer: Viewer, group: GroupId) -> bool {
        self.may_see(viewer, group)
            && (viewer.operator
                || group == viewer.home
                || self.may(viewer, group, Operation::Watch).is_ok())
    }

    /// A task may see less than before: its watches of what it may not watch any more are over.
    pub(crate) fn recheck_watches(&mut self, task: TaskId) {
        self.recheck_rings(|ring| ring.owner == Some(task));
    }

    /// Somebody may see less of a group than before, and not less of any other: likewise.
    pub(crate) fn recheck_watches_of(&mut self, group: u32) {
        self.recheck_rings(|ring| ring.group == group);
    }

    fn recheck_rings(&mut self, concerned: impl Fn(&Ring) -> bool) {
        if self.rings.are_quiet() {
            return;
        }
        for ring in (0_u32..).take(RINGS) {
            let Some(slot) = at(&self.rings.all, ring) else {
                return;
            };
            let Some(owner) = slot.owner else {
                continue;
            };
            if slot.group == NONE || !concerned(slot) {
                continue;
            }
            let (group, operator) = (self.id(slot.group), slot.operator);
            let viewer = self.viewer(owner, operator);
            if viewer.is_none_or(|viewer| !self.may_watch(viewer, group)) {
                self.rings.write(ring, Event::Over { group });
                self.stop_watching(ring);
            }
        }
    }

    /// A ring watches nothing any more.
    fn stop_watching(&mut self, ring: u32) {
        let Some(slot) = at_mut(&mut self.rings.all, ring) else {
            return;
        };
        let group = core::mem::replace(&mut slot.group, NONE);
        slot.walk = Walk::OVER;
        let Some(place) = at_mut(self.groups, group) else {
            return;
        };
        place.first_watch = list::remove(&mut self.rings.all, place.first_watch, ring, |ring| {
            &mut ring.beside
        });
        self.rings.watching = self.rings.watching.wrapping_sub(1);
        self.rings.store(ring, header::WATCHING, 0);
    }

    /// The place of a task's own ring.
    fn ring_of(&self, task: TaskId, ring: RingId) -> Option<u32> {
        let index = u32::from(ring.0);
        let slot = at(&self.rings.all, index)?;
        (slot.owner == Some(task)).then_some(index)
    }
}

const _: () = assert!(WORDS == 8, "a record is a cache line");
const _: () = assert!(Kind::ALL.len() < 32, "a set of kinds is one word");
