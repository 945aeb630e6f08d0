//! A mistake or a remark, with its place in the file.

use std::fmt;
use std::path::PathBuf;

use interfaces::{Limit, Resource};

use super::wrong::Wrong;

/// A place in a file, displayed as `FILE:LINE`, as editors and terminals understand it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as the user named it.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.file.display(), self.line)
    }
}

/// A mistake in `system.toml`: nothing is built from a file that has one.
///
/// Displayed as one message of three lines: place and what was found, what was expected, the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub place: Place,
    /// What.
    pub wrong: Wrong,
}

impl fmt::Display for Mistake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}: {}", self.place, self.wrong)?;
        writeln!(out, "  expected: {}", self.wrong.expected())?;
        write!(out, "  remedy:   {}", self.wrong.remedy())
    }
}

impl std::error::Error for Mistake {}

/// Something in `system.toml` that is allowed but has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub place: Place,
    /// What.
    pub noted: Noted,
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: note: {}", self.place, self.noted)
    }
}

/// What is allowed but has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noted {
    /// A group above has a lower limit, which binds first.
    LimitAboveParent {
        /// The group.
        group: String,
        /// The kind.
        resource: Resource,
        /// The group's limit.
        limit: u64,
        /// The group above.
        above: String,
        /// That group's limit.
        above_limit: u64,
    },
    /// The hard limit is reached before the soft one.
    SoftAboveHard {
        /// The group.
        group: String,
        /// The kind.
        resource: Resource,
        /// The soft limit.
        soft: u64,
        /// The hard limit.
        hard: Limit,
    },
    /// No program that starts at boot is an operator.
    NobodyEnds,
}

impl fmt::Display for Noted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NobodyEnds => out.write_str(
                "no [[start]] is an operator, so nobody may end the machine, and a boot without a terminal fails when its \
                 time is up; write `operator = true` for one of them",
            ),
            Self::LimitAboveParent {
                group,
                resource,
                limit,
                above,
                above_limit,
            } => write!(
                out,
                "group `{group}` may have {limit} {resource}, but `{above}` above it only {above_limit}, which binds \
                 first; lower the one or raise the other"
            ),
            Self::SoftAboveHard {
                group,
                resource,
                soft,
                hard,
            } => write!(
                out,
                "group `{group}` has a soft limit of {soft} {resource} above its hard limit of {hard}, which binds \
                 first; lower the one or raise the other"
            ),
        }
    }
}
