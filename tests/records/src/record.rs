//! The records, and how each is written.

use core::fmt;

use crate::MARK;
use crate::text::{Name, Prose};

/// What the guest tells the host.
///
/// Displayed as the line *without* its mark, as a client hands it to the console (`console::WriteRecord`); whoever
/// owns the serial line displays [`Record::marked`] instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// How many cases will report. Before any of them begins.
    Plan {
        /// The number.
        cases: u32,
    },
    /// A case begins.
    Begin {
        /// Its name: one word.
        name: &'a str,
    },
    /// A case has ended.
    End {
        /// Its name, as it began.
        name: &'a str,
        /// Whether it passed.
        outcome: Outcome<'a>,
    },
    /// A server or a task faulted, and nobody was to be told of it but the host.
    Fault {
        /// Who: one word.
        who: &'a str,
        /// What kind of fault: one word.
        kind: &'a str,
        /// The instruction.
        ip: u64,
        /// The address (zero if it is a fault without one).
        address: u64,
    },
    /// A capability, or a run of equal ones in consecutive slots, that a server received at boot.
    Capability(Capability<'a>),
    /// A measured number.
    Figure {
        /// What was measured, with its unit if that is not plain: one word.
        name: &'a str,
        /// The number.
        value: u64,
    },
    /// The run is over: the last record.
    Done {
        /// How many cases passed.
        passed: u32,
        /// How many failed.
        failed: u32,
    },
}

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It passed.
    Ok,
    /// It did not.
    Failed {
        /// Why not, in a line.
        reason: &'a str,
    },
}

/// A capability, or a run of equal ones in consecutive slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability<'a> {
    /// The server that holds it: one word.
    pub server: &'a str,
    /// The first slot.
    pub slot: u64,
    /// How many consecutive slots hold one each.
    pub count: u64,
    /// The kind of object: one word.
    pub kind: &'a str,
    /// What may be done with it.
    pub rights: Rights,
    /// Its badge, if it has one.
    pub badge: Option<u64>,
    /// What else is worth knowing, in a few words: a size, an address, what it is for.
    pub detail: &'a str,
}

/// The rights of a capability. Displayed as three letters, `-` for each that is missing: `rwg`, `-wg`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// To read, or to receive.
    pub read: bool,
    /// To write, or to send.
    pub write: bool,
    /// To grant, which for an endpoint is to pass capabilities and to be answered on the fast path.
    pub grant: bool,
}

impl Rights {
    /// All of them.
    pub const ALL: Self = Self {
        read: true,
        write: true,
        grant: true,
    };
    /// None.
    pub const NONE: Self = Self {
        read: false,
        write: false,
        grant: false,
    };
}

/// A record with its mark, as it stands on the serial line. The line's end is the writer's to add.
#[derive(Clone, Copy, Debug)]
pub struct Marked<'a>(pub Record<'a>);

impl<'a> Record<'a> {
    /// The record with its mark, for whoever owns the serial line.
    #[must_use]
    pub const fn marked(self) -> Marked<'a> {
        Marked(self)
    }
}

impl fmt::Display for Marked<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{MARK}{}", self.0)
    }
}

impl fmt::Display for Record<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Plan { cases } => write!(out, "plan {cases}"),
            Self::Begin { name } => write!(out, "begin {}", Name(name)),
            Self::End { name, outcome } => write!(out, "end {} {outcome}", Name(name)),
            Self::Fault {
                who,
                kind,
                ip,
                address,
            } => write!(
                out,
                "fault {} {} {ip:#x} {address:#x}",
                Name(who),
                Name(kind)
            ),
            Self::Capability(capability) => write!(out, "capability {capability}"),
            Self::Figure { name, value } => write!(out, "figure {} {value}", Name(name)),
            Self::Done { passed, failed } => write!(out, "done {passed} {failed}"),
        }
    }
}

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => out.write_str("ok"),
            Self::Failed { reason } => write!(out, "failed {}", Prose(reason)),
        }
    }
}

impl fmt::Display for Capability<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            server,
            slot,
            count,
            kind,
            rights,
            badge,
            detail,
        } = *self;
        write!(
            out,
            "{} {slot} {count} {} {rights} ",
            Name(server),
            Name(kind)
        )?;
        match badge {
            Some(badge) => write!(out, "{badge:#x}")?,
            None => out.write_str("-")?,
        }
        write!(out, " {}", Prose(detail))
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = |held, letter| if held { letter } else { '-' };
        write!(
            out,
            "{}{}{}",
            letter(self.read, 'r'),
            letter(self.write, 'w'),
            letter(self.grant, 'g')
        )
    }
}
