//! What a plain group does not have, kept aside: limits with their refusals, and labels.
//!
//! A group takes a place here when it first differs from a plain one, and its parent and all above are charged for
//! the place as kernel memory, as they are for the group itself. Places come from a list of free ones; none is
//! searched for.

use interfaces::RESOURCES;
use interfaces::limits::LabelText;

use crate::group::Vector;
use crate::list::{Links, NONE, at, at_mut};

/// Room for the limits of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundSlot {
    /// Hard limits; `u64::MAX` is none.
    pub(crate) limit: Vector,
    /// Soft limits; `u64::MAX` is none.
    pub(crate) soft: Vector,
    /// How many charges each limit refused.
    pub(crate) refusals: Vector,
    /// How often each soft limit was crossed upwards.
    pub(crate) crossings: Vector,
    /// The group, or [`NONE`] if the place is free.
    pub(crate) owner: u32,
    next_free: u32,
}

/// What a group's limits cost.
pub const BOUND_BYTES: u64 = size_of::<BoundSlot>() as u64;

impl BoundSlot {
    /// Room for limits, empty.
    pub const VACANT: Self = Self {
        limit: [u64::MAX; RESOURCES],
        soft: [u64::MAX; RESOURCES],
        refusals: [0; RESOURCES],
        crossings: [0; RESOURCES],
        owner: NONE,
        next_free: NONE,
    };
}

/// Room for the label of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSlot {
    pub(crate) text: LabelText,
    /// Its neighbours in the chain that it is in. See [`crate::labels`].
    pub(crate) chain: Links,
    /// The place that heads that chain.
    pub(crate) heads: u32,
    /// The first of the chain that this place heads, whoever's label stands in the place itself.
    pub(crate) head: u32,
    /// The group, or [`NONE`] if the place is free.
    pub(crate) owner: u32,
    next_free: u32,
}

/// What a group's label costs.
pub const LABEL_BYTES: u64 = size_of::<LabelSlot>() as u64;

impl LabelSlot {
    /// Room for a label, empty.
    #[must_use]
    pub fn vacant() -> Self {
        Self {
            text: LabelText::default(),
            chain: Links::LOOSE,
            heads: NONE,
            head: NONE,
            owner: NONE,
            next_free: NONE,
        }
    }
}

/// A place that can be taken by a group and given back.
pub(crate) trait Place {
    fn links(&mut self) -> (&mut u32, &mut u32);
    fn clear(&mut self);
    fn next_free(&self) -> u32;
}

impl Place for BoundSlot {
    fn links(&mut self) -> (&mut u32, &mut u32) {
        (&mut self.owner, &mut self.next_free)
    }
    fn clear(&mut self) {
        *self = Self::VACANT;
    }
    fn next_free(&self) -> u32 {
        self.next_free
    }
}

impl Place for LabelSlot {
    fn links(&mut self) -> (&mut u32, &mut u32) {
        (&mut self.owner, &mut self.next_free)
    }
    fn clear(&mut self) {
        // What the place heads is not its own.
        *self = Self {
            head: self.head,
            ..Self::vacant()
        };
    }
    fn next_free(&self) -> u32 {
        self.next_free
    }
}

/// Places of one kind, and which of them are free.
#[derive(Debug)]
pub(crate) struct Aside<'a, T> {
    pub slots: &'a mut [T],
    first_free: u32,
}

impl<'a, T: Place> Aside<'a, T> {
    /// Makes every place free, the lowest first in line.
    pub fn new(slots: &'a mut [T]) -> Self {
        let mut first_free = NONE;
        for (index, slot) in (0..NONE).zip(slots.iter_mut()).rev() {
            slot.clear();
            *slot.links().1 = first_free;
            first_free = index;
        }
        Self { slots, first_free }
    }

    /// Whether [`Aside::take`] would find a place.
    pub fn has_room(&self) -> bool {
        self.first_free != NONE
    }

    /// Takes a cleared place for a group; [`NONE`] if there is none.
    pub fn take(&mut self, owner: u32) -> u32 {
        let place = self.first_free;
        if let Some(slot) = at_mut(self.slots, place) {
            self.first_free = slot.next_free();
            slot.clear();
            *slot.links().0 = owner;
        }
        place
    }

    /// Gives a place back; nothing happens for [`NONE`].
    pub fn give_back(&mut self, place: u32) {
        let next = self.first_free;
        if let Some(slot) = at_mut(self.slots, place) {
            slot.clear();
            *slot.links().1 = next;
            self.first_free = place;
        }
    }

    /// What stands in a place.
    #[inline]
    pub fn get(&self, place: u32) -> Option<&T> {
        at(self.slots, place)
    }

    /// What stands in a place, to be changed.
    #[inline]
    pub fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        at_mut(self.slots, place)
    }

    /// The places in the list of free ones, each once.
    #[cfg(any(test, feature = "check"))]
    pub fn free(&self) -> impl Iterator<Item = u32> + '_ {
        let step = |&place: &u32| self.get(place).map(T::next_free);
        core::iter::successors(Some(self.first_free), step)
            .take_while(|&place| place != NONE)
            .take(self.slots.len())
    }
}
