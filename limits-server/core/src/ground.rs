//! The ground on which groups stand: memory that grows with them, a tract at a time.
//!
//! Room for 65,536 groups takes 30 MiB, and most systems never have so many. So the ledger begins with one tract of places
//! and is given the next when every place is taken: the memory-server maps fresh pages behind the last ones and says so.
//! A tract in which nobody is can be asked back, the last one first. What stands there is charged to whoever opens the
//! groups, as kernel memory; the pages themselves are the servers' own, as many as the groups that there are need.
//!
//! # Why a client is told, and not the memory-server
//!
//! Calls go only to the right: the limits-server cannot ask for memory. Who is refused with `NoRoomYet` asks the
//! memory-server, which asks here what is wanted. So the walk is one of calls to the right, made by whoever wants the
//! group, at its own expense of time.
//!
//! # Invariants
//!
//! - Only whole tracts come and go, and never the first.
//! - An id that was given out is never given out again: what a tract's places had for generations before it went, the
//!   floor remembers for all that come.

use core::fmt::Debug;
use core::mem;

use interfaces::start::ground;

use crate::group::{GroupSlot, Life};
use crate::ledger::Ledger;
use crate::list::{Links, NONE, at_mut};

const _: () = assert!(
    size_of::<GroupSlot>() == ground::PLACE,
    "interfaces::start::ground::PLACE says how large a group's place is: change it with the record"
);

/// Memory behind the places that there are.
pub trait Ground<'a>: Debug {
    /// The same places and, behind them, so many zeroed ones: pages have been mapped there since.
    fn grow(&mut self, places: &'a mut [GroupSlot], by: usize) -> &'a mut [GroupSlot];
}

/// What the ledger knows of its ground.
#[derive(Debug)]
pub(crate) struct Footing<'a> {
    ground: Option<&'a mut (dyn Ground<'a> + 'a)>,
    /// As many places as there can ever be.
    most: usize,
    /// The first generation of a place that comes.
    floor: u32,
}

impl Footing<'_> {
    /// Of a ledger that stays as large as it is.
    pub const fn firm(places: usize) -> Self {
        Self {
            ground: None,
            most: places,
            floor: 0,
        }
    }

    /// As many places as there can ever be.
    pub const fn most(&self) -> usize {
        self.most
    }
}

impl<'a> Ledger<'a> {
    /// Lets the ledger grow up to so many places, the empty one included.
    #[must_use]
    pub fn with_ground(mut self, ground: &'a mut (dyn Ground<'a> + 'a), most: usize) -> Self {
        self.footing.ground = Some(ground);
        self.footing.most = most.max(self.groups.len());
        self
    }

    /// How many places there are now.
    #[must_use]
    pub fn places(&self) -> usize {
        self.groups.len()
    }

    /// Whether every place is taken and there can be more.
    #[must_use]
    pub fn wants_ground(&self) -> bool {
        self.first_free == NONE && self.can_grow()
    }

    /// Whether another tract may come.
    pub(crate) fn can_grow(&self) -> bool {
        let after = self.groups.len().saturating_add(ground::TRACT);
        self.footing.ground.is_some() && after <= self.footing.most
    }

    /// Takes a tract more: pages were mapped behind the last place. Returns whether it was wanted.
    pub fn add_tract(&mut self) -> bool {
        if !self.wants_ground() {
            return false;
        }
        let Some(ground) = self.footing.ground.as_mut() else {
            return false;
        };
        let first = self.groups.len();
        let places = mem::take(&mut self.groups);
        self.groups = ground.grow(places, ground::TRACT);
        let floor = self.footing.floor;
        for index in (0..NONE).take(self.groups.len()).skip(first).rev() {
            if let Some(slot) = at_mut(self.groups, index) {
                slot.generation = floor;
                slot.life = Life::Free;
            }
            self.push_free(index);
        }
        true
    }

    /// Gives up the last tract, if nobody is in it and it is not the first. Nothing there is touched any more: its pages
    /// may go. Returns whether it did.
    pub fn withdraw_tract(&mut self) -> bool {
        let first = self.groups.len().saturating_sub(ground::TRACT);
        if self.footing.ground.is_none() || first < ground::TRACT {
            return false;
        }
        let Some(last) = self.groups.get(first..) else {
            return false;
        };
        // A place whose generations are used up stays so for ever, and its ground with it.
        if last.iter().any(|slot| slot.life != Life::Free) {
            return false;
        }
        let highest = last.iter().map(|slot| slot.generation).max();
        self.footing.floor = self.footing.floor.max(highest.unwrap_or(0));
        for index in (0..NONE).take(self.groups.len()).skip(first) {
            self.unlink_free(index);
        }
        let (kept, _gone) = mem::take(&mut self.groups).split_at_mut(first);
        self.groups = kept;
        true
    }

    /// Puts a free place at the head of the line.
    pub(crate) fn push_free(&mut self, index: u32) {
        let next = mem::replace(&mut self.first_free, index);
        if let Some(slot) = at_mut(self.groups, index) {
            slot.siblings = Links {
                previous: NONE,
                next,
            };
        }
        if let Some(slot) = at_mut(self.groups, next) {
            slot.siblings.previous = index;
        }
    }

    /// Takes a free place out of the line, wherever it stands.
    pub(crate) fn unlink_free(&mut self, index: u32) {
        let Some(slot) = at_mut(self.groups, index) else {
            return;
        };
        let Links { previous, next } = mem::replace(&mut slot.siblings, Links::LOOSE);
        match at_mut(self.groups, previous) {
            Some(slot) => slot.siblings.next = next,
            None => self.first_free = next,
        }
        if let Some(slot) = at_mut(self.groups, next) {
            slot.siblings.previous = previous;
        }
    }
}
