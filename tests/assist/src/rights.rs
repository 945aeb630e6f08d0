//! Everything that needs a right, to be tried with each right missing: one code for the suite and its assistants.
//!
//! The suite includes this file. Each trial is about an empty group of which nobody has told the assistant more than
//! its id, and on which it has been given some rights; what it is told must follow from them alone.

use client::interfaces::accounting::{self, GuaranteeRefusal, KillRefusal};
use client::interfaces::events::WatchRefusal;
use client::interfaces::limits::{
    FindGroupRefusal, OpenGroupRefusal, OwnRefusal, ReadRefusal, RemoveRefusal, Rights, SetRefusal,
    WouldFitRefusal,
};
use client::interfaces::process::{FreezeRefusal, KillGroupRefusal, MoveRefusal};
use client::interfaces::{CallError, GroupId, Limit, Resource, TaskId};
use client::limits;

#[macro_use]
#[path = "rights/table.rs"]
mod table;

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

/// A trial: its name, what it needs, and what is done to a group, and perhaps to a task in it.
pub type Trial = (&'static str, Rights, fn(GroupId, TaskId) -> Outcome);

macro_rules! trials {
    ($($operation:ident: $name:ident needs $right:ident $(+ $more:ident)*,)+) => {
        /// Every operation of a client on a group that needs a right.
        pub const TRIALS: &[Trial] = &[$((
            stringify!($name),
            Rights::$right$(.union(Rights::$more))*,
            acts::$name,
        ),)+];
    };
}
every_trial!(trials);

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
    GuaranteeRefusal: UnknownGroup NotYours;
    KillRefusal: UnknownGroup NotYours;
    WatchRefusal: UnknownGroup NotYours;
}

impl Says for MoveRefusal {
    fn says(&self) -> Outcome {
        match self {
            Self::UnknownGroup | Self::UnknownTask => Outcome::Unknown,
            Self::NotYours => Outcome::NotYours,
            _ => Outcome::Other,
        }
    }
}

impl Says for FreezeRefusal {
    fn says(&self) -> Outcome {
        match self {
            Self::Freeze(accounting::FreezeRefusal::UnknownGroup) => Outcome::Unknown,
            Self::Freeze(accounting::FreezeRefusal::NotYours) => Outcome::NotYours,
            // It has looked.
            Self::Freeze(accounting::FreezeRefusal::NotFrozen) => Outcome::Done,
            _ => Outcome::Other,
        }
    }
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

/// What a task that others move about does: it must not keep a lower band from running.
pub const SLEEP: &str = "sleep 100000000000";

/// What each trial does.
mod acts {
    use client::events::Watcher;
    use client::interfaces::events::Kinds;
    use client::interfaces::process::Arguments;
    use client::interfaces::{Amounts, GroupId, Limit, TaskId};
    use client::{limits, memory, process};

    use super::{KIND, LIMIT, Outcome, SLEEP, limit, soft, told};

    pub fn read_account(group: GroupId, _: TaskId) -> Outcome {
        told(limits::read_account(Some(group)))
    }

    pub fn read_resource(group: GroupId, _: TaskId) -> Outcome {
        told(limits::read_resource(Some(group), KIND))
    }

    pub fn read_usage(group: GroupId, _: TaskId) -> Outcome {
        told(limits::read_usage(Some(group)))
    }

    pub fn list_children(group: GroupId, _: TaskId) -> Outcome {
        told(limits::list_children(Some(group), None))
    }

    pub fn list_tasks(group: GroupId, _: TaskId) -> Outcome {
        told(limits::list_tasks(Some(group), None))
    }

    pub fn effective_limit(group: GroupId, _: TaskId) -> Outcome {
        told(limits::effective_limit(Some(group), KIND))
    }

    pub fn would_fit(group: GroupId, _: TaskId) -> Outcome {
        told(limits::would_fit(Some(group), Amounts::of(KIND, 1)))
    }

    pub fn list_rights(group: GroupId, _: TaskId) -> Outcome {
        told(limits::list_rights(Some(group)))
    }

    pub fn read_owner(group: GroupId, _: TaskId) -> Outcome {
        told(limits::read_owner(Some(group)))
    }

    pub fn read_totals(group: GroupId, _: TaskId) -> Outcome {
        told(limits::read_totals(Some(group)))
    }

    pub fn find_child(group: GroupId, _: TaskId) -> Outcome {
        told(limits::find_child(Some(group), "nobody"))
    }

    pub fn list_tombstones(group: GroupId, _: TaskId) -> Outcome {
        told(limits::list_tombstones(Some(group), 0))
    }

    pub fn open_group(group: GroupId, _: TaskId) -> Outcome {
        told(limits::open_group(Some(group)))
    }

    pub fn lower_limit(group: GroupId, _: TaskId) -> Outcome {
        limit(group, LIMIT - 1)
    }

    pub fn raise_limit(group: GroupId, _: TaskId) -> Outcome {
        limit(group, LIMIT + 1)
    }

    pub fn lower_soft_limit(group: GroupId, _: TaskId) -> Outcome {
        soft(group, Limit::At(1))
    }

    pub fn soft_limit_back(group: GroupId, _: TaskId) -> Outcome {
        soft(group, Limit::Max)
    }

    pub fn read_guarantee(group: GroupId, _: TaskId) -> Outcome {
        told(limits::read_guarantee(Some(group)))
    }

    pub fn guarantee(group: GroupId, _: TaskId) -> Outcome {
        match told(memory::guarantee(group, 1)) {
            Outcome::Done => told(memory::guarantee(group, 0)),
            refused => refused,
        }
    }

    pub fn set_label(group: GroupId, _: TaskId) -> Outcome {
        told(limits::set_label(group, "tried"))
    }

    pub fn set_owner(group: GroupId, _: TaskId) -> Outcome {
        told(limits::set_owner(group, 1, 1))
    }

    pub fn set_mode(group: GroupId, _: TaskId) -> Outcome {
        told(limits::set_mode(group, 0o444))
    }

    pub fn reset_peaks(group: GroupId, _: TaskId) -> Outcome {
        told(limits::reset_peaks(group))
    }

    pub fn reset_refusals(group: GroupId, _: TaskId) -> Outcome {
        told(limits::reset_refusals(group))
    }

    pub fn hold(group: GroupId, _: TaskId) -> Outcome {
        told(limits::hold(group))
    }

    pub fn unhold(group: GroupId, _: TaskId) -> Outcome {
        told(limits::unhold(group))
    }

    pub fn remove_group(group: GroupId, _: TaskId) -> Outcome {
        told(limits::remove_group(group))
    }

    pub fn kill_group(group: GroupId, _: TaskId) -> Outcome {
        told(process::kill_group(group))
    }

    pub fn read_freeze(group: GroupId, _: TaskId) -> Outcome {
        told(limits::read_freeze(Some(group)))
    }

    pub fn freeze(group: GroupId, _: TaskId) -> Outcome {
        match told(process::freeze(group)) {
            Outcome::Done => told(process::thaw(group)),
            refused => refused,
        }
    }

    pub fn thaw(group: GroupId, _: TaskId) -> Outcome {
        told(process::thaw(group))
    }

    pub fn watch(group: GroupId, _: TaskId) -> Outcome {
        let Ok(mut watcher) = Watcher::open(1) else {
            return Outcome::Other;
        };
        told(watcher.watch(Some(group), Kinds::ALL))
    }

    /// One that it may take out of where it is, because it opened that, and out of its own group.
    pub fn move_in(group: GroupId, _: TaskId) -> Outcome {
        let (Ok(own), Ok(assist)) = (limits::open_group(None), process::find_program("assist"))
        else {
            return Outcome::Other;
        };
        let Ok(child) = process::spawn(assist, Some(own), &Arguments::cut(SLEEP)) else {
            return Outcome::Other;
        };
        let outcome = told(process::move_task(child, group));
        let ended = process::kill(child).is_ok() && process::wait(Some(child)).is_ok();
        if ended { outcome } else { Outcome::Other }
    }

    /// Into a group that it has opened.
    pub fn move_out(_: GroupId, member: TaskId) -> Outcome {
        match limits::open_group(None) {
            Ok(own) => told(process::move_task(member, own)),
            Err(_) => Outcome::Other,
        }
    }
}
