//! The groups that `system.toml` declares, and how much memory a ledger of a given size takes.

use core::fmt;

use interfaces::limits::SetRefusal;
use interfaces::start::ground;
use interfaces::system::{Group, Room};
use interfaces::{GroupId, Resource};

use crate::bounds::{BoundSlot, LabelSlot};
use crate::entries::{ENTRIES, EntrySlot};
use crate::group::ROOT;
use crate::ledger::Ledger;
use crate::tasks::{TaskSlot, ThreadSlot};
use crate::tombs::{TOMBS, TombSlot};

/// A group of `system.toml` that the ledger cannot keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undeclared {
    /// Its place in the list.
    pub place: usize,
    /// Whether its place in the tree is wrong, or there is no room for it or its settings.
    pub misplaced: bool,
}

impl fmt::Display for Undeclared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = if self.misplaced {
            "its parent does not come before it"
        } else {
            "no room in the ledger"
        };
        write!(out, "group {} of the system: {why}", self.place)
    }
}

/// The id of the group at a place in `system.toml`'s list, as [`Ledger::declare`] gives it.
#[must_use]
pub const fn declared(place: usize) -> GroupId {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the list has at most `interfaces::system::GROUPS` groups"
    )]
    GroupId {
        index: ROOT.wrapping_add(place as u32),
        generation: 0,
    }
}

impl Ledger<'_> {
    /// Opens the groups of `system.toml` in a new ledger, in their order: the first is the root, and the group at
    /// place `n` gets the id [`declared`]`(n)`. They are permanent.
    ///
    /// Limits are set last, so that none of them stands in the way of the groups themselves.
    ///
    /// # Errors
    ///
    /// The first group that cannot be kept; the ledger is of no use then.
    pub fn declare(&mut self, groups: &[Group]) -> Result<(), Undeclared> {
        for (place, group) in groups.iter().enumerate() {
            let wrong = |misplaced| Undeclared { place, misplaced };
            match group.parent.map(usize::from) {
                None if place == 0 => {}
                Some(parent) if parent < place => {
                    let id = self
                        .open_group(declared(parent), None)
                        .map_err(|_| wrong(false))?;
                    if id != declared(place) {
                        return Err(wrong(true));
                    }
                }
                _ => return Err(wrong(true)),
            }
            self.set_band(declared(place), group.band);
        }
        for (place, group) in groups.iter().enumerate() {
            self.describe(declared(place), group)
                .map_err(|_| Undeclared {
                    place,
                    misplaced: false,
                })?;
        }
        Ok(())
    }

    fn describe(&mut self, id: GroupId, group: &Group) -> Result<(), SetRefusal> {
        self.set_label(id, &group.label)?;
        for ((kind, limit), soft) in Resource::ALL.into_iter().zip(group.limits).zip(group.soft) {
            self.set_limit(id, kind, limit)?;
            self.set_soft_limit(id, kind, soft)?;
        }
        Ok(())
    }
}

/// How many slots a ledger with so much room needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// One more than there can be groups, as place 0 stays empty, in whole tracts. They are not in the heap.
    pub groups: usize,
    /// Groups with limits.
    pub bounds: usize,
    /// Groups with a label.
    pub labels: usize,
    /// Tasks.
    pub tasks: usize,
    /// Threads.
    pub threads: usize,
    /// Entries of rights.
    pub entries: usize,
    /// Groups that have vanished and are remembered.
    pub tombs: usize,
}

impl Slots {
    /// What `system.toml` asks for.
    #[must_use]
    pub const fn for_room(room: &Room) -> Self {
        Self {
            groups: ground::places(room.groups),
            bounds: room.limited_groups as usize,
            labels: room.labels as usize,
            tasks: room.tasks as usize,
            threads: room.threads as usize,
            entries: ENTRIES,
            tombs: TOMBS,
        }
    }

    /// The bytes that they take, but for the groups' own, if the memory begins where any of them may begin.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bounds
            .saturating_mul(size_of::<BoundSlot>())
            .saturating_add(self.labels.saturating_mul(size_of::<LabelSlot>()))
            .saturating_add(self.threads.saturating_mul(size_of::<ThreadSlot>()))
            .saturating_add(self.tasks.saturating_mul(size_of::<TaskSlot>()))
            .saturating_add(self.entries.saturating_mul(size_of::<EntrySlot>()))
            .saturating_add(self.tombs.saturating_mul(size_of::<TombSlot>()))
    }
}
