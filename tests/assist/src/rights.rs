//! Everything that needs a right, to be tried with each right missing: one code for the suite and its assistants.
//!
//! The suite includes this file. Each trial is about an empty group of which nobody has told the assistant more than
//! its id, and on which it has been given some rights; what it is told must follow from them alone.

use client::interfaces::accounting::KillRefusal;
use client::interfaces::limits::{
    FindGroupRefusal, OpenGroupRefusal, OwnRefusal, ReadRefusal, RemoveRefusal, Rights, SetRefusal,
    WouldFitRefusal,
};
use client::interfaces::process::KillGroupRefusal;
use client::interfaces::{Amounts, CallError, GroupId, Limit, Resource};
use client::{limits, process};

/// What came of a trial, as an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done = 0,
    /// Refused: the group is there, the right is not.
    NotYours = 1,
    /// Refused as if there were no such group.
    Unknown = 2,
    /// Anything else, which is wrong.
    Other = 3,
}

/// The limit that the suite sets before each trial, of [`KIND`].
pub const LIMIT: u64 = 5;
/// A kind that nobody counts.
pub const KIND: Resource = Resource::Notes;

/// A trial: its name, what it needs, and what is done.
pub type Trial = (&'static str, Rights, fn(GroupId) -> Outcome);

/// A refusal that says one of the two.
trait Says {
    fn says(&self) -> Outcome;
}

macro_rules! says {
    ($($refusal:ident: $unknown:ident $($lacking:ident)?;)+) => {
        $(impl Says for $refusal {
            fn says(&self) -> Outcome {
                match self {
                    Self::$unknown => Outcome::Unknown,
                    $(Self::$lacking => Outcome::NotYours,)?
                    _ => Outcome::Other,
                }
            }
        })+
    };
}

says! {
    OpenGroupRefusal: UnknownGroup NotYours;
    SetRefusal: UnknownGroup NotYours;
    OwnRefusal: UnknownGroup NotYours;
    RemoveRefusal: UnknownGroup NotYours;
    ReadRefusal: UnknownGroup;
    WouldFitRefusal: UnknownGroup;
    KillRefusal: UnknownGroup NotYours;
}

impl Says for FindGroupRefusal {
    fn says(&self) -> Outcome {
        match self {
            Self::UnknownGroup => Outcome::Unknown,
            // It has looked.
            Self::NotFound => Outcome::Done,
        }
    }
}

impl Says for KillGroupRefusal {
    fn says(&self) -> Outcome {
        match self {
            Self::Kill(refusal) => refusal.says(),
            Self::TableFull => Outcome::Other,
        }
    }
}

fn told<T, R: Says>(answer: Result<T, CallError<R>>) -> Outcome {
    match answer {
        Ok(_) => Outcome::Done,
        Err(CallError::Refused(refusal)) => refusal.says(),
        Err(CallError::Protocol(_)) => Outcome::Other,
    }
}

fn limit(group: GroupId, limit: u64) -> Outcome {
    told(limits::set_limit(group, KIND, Limit::At(limit)))
}

fn soft(group: GroupId, limit: Limit) -> Outcome {
    told(limits::set_soft_limit(group, KIND, limit))
}

/// Every operation of a client on a group that needs a right.
pub const TRIALS: &[Trial] = &[
    ("read_account", Rights::SEE, |group| {
        told(limits::read_account(Some(group)))
    }),
    ("read_resource", Rights::SEE, |group| {
        told(limits::read_resource(Some(group), KIND))
    }),
    ("list_children", Rights::SEE, |group| {
        told(limits::list_children(Some(group), None))
    }),
    ("list_tasks", Rights::SEE, |group| {
        told(limits::list_tasks(Some(group), None))
    }),
    ("effective_limit", Rights::SEE, |group| {
        told(limits::effective_limit(Some(group), KIND))
    }),
    ("would_fit", Rights::SEE, |group| {
        told(limits::would_fit(Some(group), Amounts::of(KIND, 1)))
    }),
    ("list_rights", Rights::SEE, |group| {
        told(limits::list_rights(Some(group)))
    }),
    ("read_owner", Rights::SEE, |group| {
        told(limits::read_owner(Some(group)))
    }),
    ("read_totals", Rights::SEE, |group| {
        told(limits::read_totals(Some(group)))
    }),
    ("find_child", Rights::SEE, |group| {
        told(limits::find_child(Some(group), "nobody"))
    }),
    ("list_tombstones", Rights::SEE, |group| {
        told(limits::list_tombstones(Some(group), 0))
    }),
    ("open_group", Rights::SUBGROUPS, |group| {
        told(limits::open_group(Some(group)))
    }),
    ("set_limit, lower", Rights::LOWER, |group| {
        limit(group, LIMIT - 1)
    }),
    ("set_limit, higher", Rights::RAISE, |group| {
        limit(group, LIMIT + 1)
    }),
    ("set_soft_limit, lower", Rights::LOWER, |group| {
        soft(group, Limit::At(1))
    }),
    ("set_soft_limit, back", Rights::LOWER, |group| {
        soft(group, Limit::Max)
    }),
    ("set_label", Rights::LOWER, |group| {
        told(limits::set_label(group, "tried"))
    }),
    ("set_owner", Rights::MODE, |group| {
        told(limits::set_owner(group, 1, 1))
    }),
    ("set_mode", Rights::MODE, |group| {
        told(limits::set_mode(group, 0o444))
    }),
    ("reset_peaks", Rights::LOWER, |group| {
        told(limits::reset_peaks(group))
    }),
    ("reset_refusals", Rights::LOWER, |group| {
        told(limits::reset_refusals(group))
    }),
    ("hold", Rights::KILL, |group| told(limits::hold(group))),
    ("unhold", Rights::KILL, |group| told(limits::unhold(group))),
    ("remove_group", Rights::KILL, |group| {
        told(limits::remove_group(group))
    }),
    ("kill_group", Rights::KILL, |group| {
        told(process::kill_group(group))
    }),
];
