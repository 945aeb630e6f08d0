//! What was really found in a server's CNode, held against the table.
//!
//! A report looks into every slot there is, occupied or not, so that a capability which nobody planned is found as
//! surely as one that is missing.

use core::fmt;

use interfaces::{Badge, ServerName};

use crate::grants::{CapKind, Grant, Rights};

/// What was found in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Empty,
    /// A capability, of which no more could be learnt.
    Something,
    /// A capability of this kind.
    Of(CapKind),
    /// A capability of a kind that no server is ever given; the kernel's number for it.
    Strange(u64),
}

/// A slot that is not as the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The server.
    pub server: ServerName,
    /// The slot.
    pub slot: u64,
    /// What the table says; nothing if the slot is to be empty.
    pub planned: Option<CapKind>,
    /// What is there.
    pub found: Found,
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "slot {} of {} holds ", self.slot, self.server)?;
        match self.found {
            Found::Empty => out.write_str("nothing")?,
            Found::Something => out.write_str("a capability")?,
            Found::Of(kind) => out.write_str(kind.name())?,
            Found::Strange(number) => write!(out, "a capability of kind {number}")?,
        }
        out.write_str(" and was to hold ")?;
        out.write_str(self.planned.map_or("nothing", CapKind::name))
    }
}

/// What a capability was found to allow when it was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The rights.
    pub rights: Rights,
    /// The badge; 0 for none, or if none could be heard.
    pub badge: u64,
}

impl Tried {
    /// What the capabilities of a line are to allow.
    #[must_use]
    pub fn planned(grant: &Grant) -> Self {
        Self {
            rights: grant.rights,
            badge: grant.badge.map_or(0, Badge::encode),
        }
    }

    /// Says what is wrong with a capability of a line, if anything is.
    #[must_use]
    pub fn differs(self, grant: &Grant, slot: u64) -> Option<WrongRights> {
        let planned = Self::planned(grant);
        (self != planned).then_some(WrongRights {
            server: grant.server,
            slot,
            planned,
            found: self,
        })
    }
}

/// A capability that allows something else than the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongRights {
    /// The server.
    pub server: ServerName,
    /// The slot.
    pub slot: u64,
    /// What the table says.
    pub planned: Tried,
    /// What the trial says.
    pub found: Tried,
}

impl fmt::Display for WrongRights {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            server,
            slot,
            planned,
            found,
        } = self;
        write!(
            out,
            "slot {slot} of {server} allows {} with badge {:#x} and was to allow {} with badge {:#x}",
            found.rights, found.badge, planned.rights, planned.badge
        )
    }
}

/// A walk through one server's CNode, from slot 0 upwards.
#[derive(Debug)]
pub struct Walk<'a> {
    server: ServerName,
    /// The table's lines for this server that are not passed yet, by slot.
    grants: &'a [Grant],
    slot: u64,
    /// How many slots of the line that is being passed held something.
    in_line: u64,
    occupied: u64,
    differences: u64,
}

/// What is learnt with one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What is not as the table says.
    pub difference: Option<Difference>,
    /// The line of the table whose last slot this was, and how many of its slots held something.
    pub passed: Option<(Grant, u64)>,
}

impl<'a> Walk<'a> {
    /// Begins at slot 0. `grants` is the whole table, sorted by server and slot.
    #[must_use]
    pub fn new(server: ServerName, grants: &'a [Grant]) -> Self {
        let from = grants.partition_point(|grant| grant.server < server);
        let to = grants.partition_point(|grant| grant.server <= server);
        Self {
            server,
            grants: grants.get(from..to).unwrap_or_default(),
            slot: 0,
            in_line: 0,
            occupied: 0,
            differences: 0,
        }
    }

    /// The slot to be looked into next.
    #[must_use]
    pub const fn slot(&self) -> u64 {
        self.slot
    }

    /// How many slots held something.
    #[must_use]
    pub const fn occupied(&self) -> u64 {
        self.occupied
    }

    /// How many were not as the table says.
    #[must_use]
    pub const fn differences(&self) -> u64 {
        self.differences
    }

    /// Notes what is in the slot, and goes on to the next.
    pub fn step(&mut self, found: Found) -> Step {
        let slot = self.slot;
        self.slot = slot.saturating_add(1);
        while self.grants.first().is_some_and(|grant| grant.end() <= slot) {
            self.leave_line(); // A line of no slots: there is no archive.
        }
        let line = self
            .grants
            .first()
            .copied()
            .filter(|grant| grant.slot <= slot);
        let planned = line.map(|grant| grant.target.kind());
        if found != Found::Empty {
            self.occupied = self.occupied.saturating_add(1);
            self.in_line = self.in_line.saturating_add(u64::from(line.is_some()));
        }
        Step {
            difference: self.compare(slot, planned, found),
            passed: line
                .filter(|grant| grant.end() <= self.slot)
                .map(|grant| (grant, self.leave_line())),
        }
    }

    fn compare(&mut self, slot: u64, planned: Option<CapKind>, found: Found) -> Option<Difference> {
        let as_planned = match (planned, found) {
            (None, Found::Empty) | (Some(_), Found::Something) => true,
            (Some(kind), Found::Of(other)) => kind == other,
            _ => false,
        };
        if as_planned {
            return None;
        }
        self.differences = self.differences.saturating_add(1);
        Some(Difference {
            server: self.server,
            slot,
            planned,
            found,
        })
    }

    /// Goes on to the next line; gives how many slots of the last one held something.
    fn leave_line(&mut self) -> u64 {
        self.grants = self.grants.get(1..).unwrap_or_default();
        core::mem::take(&mut self.in_line)
    }
}
