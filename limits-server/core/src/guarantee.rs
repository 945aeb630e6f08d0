//! Guarantees: pages that are a group's whether it reserves them or not (cgroup's `memory.min`).
//!
//! A guaranteed group counts as using at least what it is guaranteed: what it has not reserved of that is **set aside**, and
//! charged to the group and to all above as `commit`, so no limit above can be used up by others first. What the group
//! and those below it reserve is drawn from what is set aside; what they give back fills it up again. The memory-server
//! promises nobody else the pages that are set aside.
//!
//! # Invariants
//!
//! - Set aside is exactly what is missing: the guarantee less what is reserved in and below the group, or nothing.
//! - Whatever is drawn and filled up, the usage of the group and of all above is the larger of the guarantee and of what is
//!   reserved; so drawing never meets a limit above the guaranteed group, nor does filling up.
//! - A guarantee keeps no group alive: it goes with the last other thing that the group had, and when the group is killed.
//! - There are at most [`GUARANTEES`]. While there is none, a charge is only one comparison longer.

use interfaces::accounting::{Aside, GuaranteeRefusal, Who};
use interfaces::limits::Guaranteed;
use interfaces::{GroupId, Resource, TaskId};

use crate::charge::Refused;
use crate::climb::Part;
use crate::group::GroupSlot;
use crate::ledger::Ledger;
use crate::list::{NONE, at, at_mut};
use crate::needs::Operation;

/// The most groups with a guarantee.
pub const GUARANTEES: usize = 32;
/// Pages that are set aside besides, for page tables and kernel objects of those who draw: so many for each guarantee …
const OBJECTS: u64 = 32;
/// … and one for so many of its pages.
const PAGES_PER_TABLE: u64 = 256;

/// One group's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// The group; [`NONE`] if the place is free.
    group: u32,
    /// What is guaranteed.
    pages: u64,
    /// What of it is set aside.
    left: u64,
}

impl Entry {
    const VACANT: Self = Self {
        group: NONE,
        pages: 0,
        left: 0,
    };

    /// What is set aside for tables and kernel objects.
    const fn objects(&self) -> u64 {
        OBJECTS.saturating_add(self.pages.wrapping_div(PAGES_PER_TABLE))
    }
}

/// All guarantees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guarantees {
    entries: [Entry; GUARANTEES],
    count: u32,
}

impl Guarantees {
    /// None.
    pub const NONE: Self = Self {
        entries: [Entry::VACANT; GUARANTEES],
        count: 0,
    };

    /// Whether there is none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn of(&self, slot: &GroupSlot) -> Option<&Entry> {
        let place = slot.guarantee.checked_sub(1)?;
        self.entries.get(usize::from(place))
    }

    fn of_mut(&mut self, slot: &GroupSlot) -> Option<&mut Entry> {
        let place = slot.guarantee.checked_sub(1)?;
        self.entries.get_mut(usize::from(place))
    }

    /// What is set aside for a group itself.
    #[inline]
    pub fn left(&self, slot: &GroupSlot) -> u64 {
        if slot.guarantee == 0 {
            return 0;
        }
        self.of(slot).map_or(0, |entry| entry.left)
    }
}

/// What was drawn: from which group's, how much.
type Drawn = heapless::Vec<(u32, u64), GUARANTEES>;

/// Pages that are reserved, of a charge's parts.
fn commit_of(parts: &[Part]) -> u64 {
    let commit = parts.iter().find(|(kind, _)| *kind == Resource::Commit);
    commit.map_or(0, |&(_, pages)| pages)
}

impl Ledger<'_> {
    /// A charge while there are guarantees: what can be is drawn from what is set aside, the rest is charged like any other.
    #[cold]
    pub(crate) fn charge_guaranteed(&mut self, index: u32, parts: &[Part]) -> Result<(), Refused> {
        let drawn = self.draw(index, commit_of(parts));
        let result = self.charge_plainly(index, NONE, parts);
        if result.is_err() {
            self.undraw(&drawn);
        }
        result
    }

    /// Takes up to so many pages out of what is set aside for the groups from one upwards, the nearest first.
    fn draw(&mut self, from: u32, pages: u64) -> Drawn {
        let mut drawn = Drawn::new();
        let (mut here, mut wanted) = (from, pages);
        while let Some(slot) = at(self.groups, here)
            && wanted > 0
        {
            let above = slot.parent;
            if let Some(entry) = self.guarantees.of_mut(slot) {
                let part = entry.left.min(wanted);
                entry.left = entry.left.saturating_sub(part);
                wanted = wanted.saturating_sub(part);
                self.shift(here, part, false);
                let _ = drawn.push((here, part));
            }
            here = above;
        }
        drawn
    }

    /// The reverse of [`Ledger::draw`].
    fn undraw(&mut self, drawn: &Drawn) {
        for &(group, part) in drawn {
            if let Some(slot) = at(self.groups, group)
                && let Some(entry) = self.guarantees.of_mut(slot)
            {
                entry.left = entry.left.saturating_add(part);
                self.shift(group, part, true);
            }
        }
    }

    /// Fills up what is set aside for the groups from one upwards, after something was given back there.
    #[cold]
    pub(crate) fn refill(&mut self, from: u32) {
        let mut here = from;
        while let Some(slot) = at(self.groups, here) {
            let (above, used) = (slot.parent, usage(slot));
            if let Some(entry) = self.guarantees.of_mut(slot) {
                let own = used.saturating_sub(entry.left);
                let missing = entry.pages.saturating_sub(own).saturating_sub(entry.left);
                entry.left = entry.left.saturating_add(missing);
                self.shift(here, missing, true);
            }
            here = above;
        }
    }

    /// Changes what a group and all above use. Never more than was charged before, so no limit is asked; and no peak is
    /// noted, as what is set aside and what is reserved of it are the same pages.
    fn shift(&mut self, from: u32, pages: u64, up: bool) {
        if pages == 0 {
            return;
        }
        let mut here = from;
        while let Some(slot) = at_mut(self.groups, here) {
            if let Some(used) = slot.usage.get_mut(Resource::Commit.index()) {
                *used = if up {
                    used.wrapping_add(pages)
                } else {
                    used.wrapping_sub(pages)
                };
            }
            here = slot.parent;
        }
    }

    /// Guarantees pages to a group, or takes a guarantee back with 0. Gives what was guaranteed before.
    ///
    /// # Errors
    ///
    /// Nothing has changed then but the count of refusals at a limit that refused.
    pub fn set_guarantee(&mut self, group: GroupId, pages: u64) -> Result<u64, GuaranteeRefusal> {
        let index = self.locate(group).ok_or(GuaranteeRefusal::UnknownGroup)?;
        let slot = at(self.groups, index).ok_or(GuaranteeRefusal::UnknownGroup)?;
        let (above, used, is_new) = (slot.parent, usage(slot), slot.guarantee == 0);
        let (before, left) = self
            .guarantees
            .of(slot)
            .map_or((0, 0), |entry| (entry.pages, entry.left));
        if is_new && pages == 0 {
            return Ok(0);
        }
        let free = self.guarantees.entries.iter();
        let free = free.take_while(|entry| entry.group != NONE).count();
        if is_new && free >= GUARANTEES {
            return Err(GuaranteeRefusal::TableFull);
        }
        let wanted = pages.saturating_sub(used.saturating_sub(left));
        if let Some(more) = wanted.checked_sub(left).filter(|&more| more > 0) {
            // It is drawn from what is set aside for the groups above, as a reservation would be.
            let drawn = self.draw(above, more);
            if let Err(refused) = self.charge_plainly(index, NONE, &[(Resource::Commit, more)]) {
                self.undraw(&drawn);
                return Err(refused.into());
            }
        } else {
            self.shift(index, left.saturating_sub(wanted), false);
        }
        let entry = Entry {
            group: if pages == 0 { NONE } else { index },
            pages,
            left: wanted,
        };
        self.note(index, is_new.then_some(free), entry);
        self.refill(above);
        Ok(before)
    }

    /// Writes a guarantee down, in a new place or where it stands.
    fn note(&mut self, index: u32, new: Option<usize>, entry: Entry) {
        let Some(slot) = at_mut(self.groups, index) else {
            return;
        };
        if let Some(place) = new.and_then(|place| u8::try_from(place).ok()) {
            slot.guarantee = place.saturating_add(1);
            self.guarantees.count = self.guarantees.count.saturating_add(1);
        }
        let ends = entry.group == NONE;
        if let Some(place) = self.guarantees.of_mut(slot) {
            *place = if ends { Entry::VACANT } else { entry };
        }
        if ends {
            slot.guarantee = 0;
            self.guarantees.count = self.guarantees.count.saturating_sub(1);
        }
    }

    /// Takes a group's guarantee back, if it has one.
    pub(crate) fn drop_guarantee(&mut self, index: u32) {
        let Some(slot) = at(self.groups, index).filter(|slot| slot.guarantee != 0) else {
            return;
        };
        let (above, left) = (slot.parent, self.guarantees.left(slot));
        self.shift(index, left, false);
        self.note(index, None, Entry::VACANT);
        self.refill(above);
    }

    /// Takes back every guarantee in a group that is going to be killed.
    pub(crate) fn drop_guarantees_within(&mut self, top: u32) {
        for place in 0..GUARANTEES {
            let group = self.guarantees.entries.get(place);
            let group = group.map_or(NONE, |entry| entry.group);
            if group != NONE && self.is_within(group, top) {
                self.drop_guarantee(group);
            }
        }
    }

    /// What a group is guaranteed.
    #[must_use]
    pub fn guaranteed(&self, group: GroupId) -> Option<Guaranteed> {
        let slot = at(self.groups, self.locate(group)?)?;
        let entry = self.guarantees.of(slot);
        Some(
            entry.map_or(Guaranteed { pages: 0, left: 0 }, |entry| Guaranteed {
                pages: entry.pages,
                left: entry.left,
            }),
        )
    }

    /// What is set aside for others than whoever wants to reserve so many pages: a walk over all guarantees.
    #[must_use]
    pub fn set_aside(&self, who: Who, pages: u64) -> Aside {
        let index = match who {
            Who::Nobody => NONE,
            Who::Group(group) => self.locate(group).unwrap_or(NONE),
            Who::Task(task) => self
                .group_of(task)
                .and_then(|group| self.locate(group))
                .unwrap_or(NONE),
        };
        let mut aside = Aside { pages: 0, all: 0 };
        let mut drawn = pages;
        for entry in &self.guarantees.entries {
            if entry.group == NONE {
                continue;
            }
            let mut left = entry.left;
            if self.is_within(index, entry.group) {
                let part = left.min(drawn);
                drawn = drawn.saturating_sub(part);
                left = left.saturating_sub(part);
            } else {
                left = left.saturating_add(entry.objects());
            }
            aside.pages = aside.pages.saturating_add(left);
            let all = entry.pages.saturating_add(entry.objects());
            aside.all = aside.all.saturating_add(all);
        }
        aside
    }

    /// Whether a task may guarantee something to a group.
    pub fn may_guarantee(
        &self,
        task: TaskId,
        operator: bool,
        group: GroupId,
    ) -> Result<(), GuaranteeRefusal> {
        let viewer = self
            .viewer(task, operator)
            .ok_or(GuaranteeRefusal::UnknownGroup)?;
        Ok(self.may(viewer, group, Operation::Guarantee)?)
    }

    /// Every guarantee is in its group, and what is set aside is what is missing.
    #[cfg(any(test, feature = "check"))]
    pub(crate) fn check_guarantees(&self) {
        let mut count = 0_u32;
        for (place, entry) in (1_u8..).zip(&self.guarantees.entries) {
            if entry.group == NONE {
                assert_eq!(*entry, Entry::VACANT);
                continue;
            }
            count = count.saturating_add(1);
            let slot = at(self.groups, entry.group).expect("a guaranteed group");
            assert_eq!(slot.guarantee, place, "the group knows its guarantee");
            let own = usage(slot).saturating_sub(entry.left);
            assert_eq!(
                entry.left,
                entry.pages.saturating_sub(own),
                "what is missing"
            );
        }
        assert_eq!(count, self.guarantees.count, "guarantees");
        let groups = self.groups.iter();
        let there =
            groups.filter(|slot| slot.life == crate::group::Life::Live && slot.guarantee != 0);
        assert_eq!(there.count(), count as usize, "groups with guarantees");
    }
}

/// Pages that are reserved in a group and below, and those that are set aside.
fn usage(slot: &GroupSlot) -> u64 {
    let used = slot.usage.get(Resource::Commit.index());
    used.copied().unwrap_or_default()
}
