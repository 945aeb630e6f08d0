//! What is remembered of groups that have vanished: a ring of tombstones with their last numbers.
//!
//! A tombstone is written when a group vanishes and stays until so many others have vanished after it that its place
//! is needed. Its reader must be able to see the nearest group above that is still there.
//!
//! # Invariants
//!
//! - A group vanishes after those below it: so a tombstone is older than that of the group above, and as long as it
//!   is remembered the way up from it to a living group is too.
//! - Each tombstone is in the chain of its id, and in no other: it is found without a search.

use interfaces::limits::{
    Cause, LabelText, ReadRefusal, TOMBSTONES, Tombstone, TombstonePage, TombstoneRefusal,
};
use interfaces::{Amounts, GroupId, TaskId};

use crate::access::Viewer;
use crate::ledger::Ledger;
use crate::list::{self, Links, NONE, at, at_mut};

/// How many vanished groups a ledger remembers.
pub const TOMBS: usize = 1024;
/// How many vanished groups above another are passed on the way to a living one, before the way counts as lost.
const LEVELS: usize = 64;
/// How many of a chain are looked at, the newest first. The hash can be computed by anybody: whoever aims groups at a chain
/// makes those that vanished longer ago forgotten sooner, and nobody's search longer.
const CHAIN: usize = 32;
/// How many tombstones one page looks at, on the ways up from those it lists too: some tens of thousands of instructions.
const PAGE_STEPS: usize = 1024;

/// Room for one tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TombSlot {
    /// Whether anything is remembered here.
    taken: bool,
    pub(crate) stone: Tombstone,
    /// Its neighbours among the tombstones in its chain.
    chain: Links,
    /// The first of the chain that this place heads, whoever lies in the place itself.
    pub(crate) head: u32,
}

impl TombSlot {
    /// Room for a tombstone, empty.
    #[must_use]
    pub fn vacant() -> Self {
        Self {
            taken: false,
            stone: Tombstone {
                group: GroupId::ROOT,
                parent: GroupId::ROOT,
                label: LabelText::default(),
                cause: Cause::Closed,
                peak: Amounts::NONE,
                charged: Amounts::NONE,
                refusals: Amounts::NONE,
                refusals_in_all: 0,
            },
            chain: Links::LOOSE,
            head: NONE,
        }
    }
}

/// The ring.
#[derive(Debug)]
pub(crate) struct Tombs<'a> {
    pub slots: &'a mut [TombSlot],
    /// How many groups have vanished since the start.
    pub vanished: u64,
}

impl<'a> Tombs<'a> {
    pub fn new(slots: &'a mut [TombSlot]) -> Self {
        slots.fill(TombSlot::vacant());
        Self { slots, vanished: 0 }
    }

    /// The place of the nth group that vanished.
    fn place(&self, sequence: u64) -> u32 {
        let place = sequence.checked_rem(self.slots.len() as u64);
        place.map_or(NONE, |place| u32::try_from(place).unwrap_or(NONE))
    }

    /// The place that heads the chain of an id.
    pub fn heads(&self, group: GroupId) -> u32 {
        let mixed = group.index ^ group.generation.wrapping_mul(0x9e37_79b1);
        self.place(u64::from(mixed))
    }

    /// The tombstone of a group; `steps` is raised by how many were looked at.
    pub fn find(&self, group: GroupId, steps: &mut usize) -> Option<&Tombstone> {
        let first = at(self.slots, self.heads(group))?.head;
        let mut here = at(self.slots, first)?.chain.previous;
        for _ in 0..CHAIN {
            *steps = steps.saturating_add(1);
            let slot = at(self.slots, here)?;
            if slot.stone.group == group {
                return Some(&slot.stone);
            }
            if here == first {
                return None;
            }
            here = slot.chain.previous;
        }
        None
    }

    /// Takes the oldest place, out of its chain and into that of `group`, to be written.
    fn dig(&mut self, group: GroupId) -> Option<&mut Tombstone> {
        let place = self.place(self.vanished);
        let old = at(self.slots, place)?;
        if old.taken {
            let heads = self.heads(old.stone.group);
            self.relink(heads, |slots, first| {
                list::remove(slots, first, place, |slot| &mut slot.chain)
            });
        }
        let heads = self.heads(group);
        self.relink(heads, |slots, first| {
            list::append(slots, first, place, |slot| &mut slot.chain)
        });
        self.vanished = self.vanished.wrapping_add(1);
        let slot = at_mut(self.slots, place)?;
        slot.taken = true;
        slot.stone.group = group;
        Some(&mut slot.stone)
    }

    fn relink(&mut self, heads: u32, change: impl FnOnce(&mut [TombSlot], u32) -> u32) {
        let first = at(self.slots, heads).map_or(NONE, |slot| slot.head);
        let first = change(self.slots, first);
        if let Some(slot) = at_mut(self.slots, heads) {
            slot.head = first;
        }
    }

    /// The first that is still remembered.
    fn oldest(&self) -> u64 {
        self.vanished.saturating_sub(self.slots.len() as u64)
    }

    fn nth(&self, sequence: u64) -> Option<&Tombstone> {
        (sequence < self.vanished)
            .then(|| at(self.slots, self.place(sequence)))?
            .map(|slot| &slot.stone)
    }

    /// Every place that is taken, and the chain that it is in. For tests.
    #[cfg(any(test, feature = "check"))]
    pub fn taken(&self) -> impl Iterator<Item = (u32, GroupId)> + '_ {
        (0..)
            .zip(self.slots.iter())
            .filter(|(_, slot)| slot.taken)
            .map(|(place, slot)| (place, slot.stone.group))
    }

    /// The links of a place. For tests.
    #[cfg(any(test, feature = "check"))]
    pub fn links(slot: &TombSlot) -> Links {
        slot.chain
    }
}

impl Ledger<'_> {
    /// Remembers a group that is about to vanish.
    pub(crate) fn bury(&mut self, index: u32, cause: Cause) {
        let (group, Some(slot)) = (self.id(index), at(self.groups, index)) else {
            return;
        };
        let parent = self.id(slot.parent);
        let Some(stone) = self.tombs.dig(group) else {
            return;
        };
        let bound = self.bounds.get(slot.gate.bounds());
        stone.parent = parent;
        stone.cause = cause;
        stone.peak = slot.peak();
        stone.charged = slot.charged.into();
        stone.refusals = bound.map_or(Amounts::NONE, |bound| bound.refusals.into());
        stone.refusals_in_all = slot.refusals_below;
        match self.labels.get(slot.label) {
            Some(label) => stone.label.clone_from(&label.text),
            None => stone.label.clear(),
        }
    }

    /// What is remembered of a group that the viewer could have seen.
    pub fn tombstone(&self, viewer: Viewer, group: GroupId) -> Result<Tombstone, TombstoneRefusal> {
        if self.locate(group).is_some() && self.may_see(viewer, group) {
            return Err(TombstoneRefusal::Alive);
        }
        let steps = &mut 0;
        let stone = self
            .tombs
            .find(group, steps)
            .ok_or(TombstoneRefusal::Unknown)?;
        let above = self
            .living_above(stone, steps)
            .filter(|&above| self.may_see(viewer, above));
        if above.is_none() && !viewer.operator {
            return Err(TombstoneRefusal::Unknown);
        }
        let seen = |task: &TaskId| self.may_see_task(viewer, *task);
        let mut stone = stone.clone();
        if let Cause::Killed { by } = stone.cause {
            stone.cause = Cause::Killed {
                by: by.filter(seen),
            };
        }
        Ok(stone)
    }

    /// A page of the groups that have vanished below one that is there, oldest first.
    ///
    /// Each call lists no more tombstones than fit a page and looks at a bounded number, so a page may be empty and not
    /// the last.
    pub fn tombstones(&self, top: GroupId, after: u64) -> Result<TombstonePage, ReadRefusal> {
        let top = self.locate(top).ok_or(ReadRefusal::UnknownGroup)?;
        let mut items = heapless::Vec::new();
        let from = after.max(self.tombs.oldest());
        let mut until = from.saturating_add(TOMBSTONES as u64);
        let mut steps = 0;
        for sequence in from..until {
            if steps > PAGE_STEPS {
                until = sequence;
                break;
            }
            let Some(stone) = self.tombs.nth(sequence) else {
                return Ok(TombstonePage { items, next: None });
            };
            let above = self.living_above(stone, &mut steps);
            if above.is_some_and(|above| self.is_within(above.index, top)) {
                // No more are looked at than fit.
                let _ = items.push(stone.group);
            }
        }
        let next = (until < self.tombs.vanished).then_some(until);
        Ok(TombstonePage { items, next })
    }

    /// The nearest group above a vanished one that is still there.
    fn living_above(&self, stone: &Tombstone, steps: &mut usize) -> Option<GroupId> {
        let mut above = stone.parent;
        for _ in 0..LEVELS {
            if self.locate(above).is_some() {
                return Some(above);
            }
            above = self.tombs.find(above, steps)?.parent;
        }
        None
    }
}
