//! Why a path was not read, written, made or removed, for a person to understand.
//!
//! Whatever the error, nothing was changed: text is understood whole before any server is asked, and where one
//! write is several calls, those already made are taken back if a later one is refused.

use core::fmt;

use interfaces::accounting::{FreezeRefusal, KillRefusal, MoveRefusal};
use interfaces::limits::{
    CloseGroupRefusal, EnterRefusal, FindGroupRefusal, Never, OpenGroupRefusal, ReadRefusal,
    RemoveRefusal, SetRefusal,
};
use interfaces::memory::{GuaranteeRefusal, MakeRoomRefusal};
use interfaces::process::{self, KillGroupRefusal, TaskRefusal};
use interfaces::{Amounts, CallError, ProtocolError, Shortage};

use crate::text::BadText;

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Nothing has this path, as far as the caller may see.
    NoSuchPath,
    /// The path goes on after a file, or a directory was asked for.
    NotADirectory,
    /// A file was asked for.
    IsADirectory,
    /// The file is only written.
    NotReadable,
    /// The file is only read.
    NotWritable,
    /// The file is neither a `clone` nor a `switch`: opening it does nothing.
    NotOpened,
    /// Directories are made and removed below `/cgroup` only, and never `/cgroup` itself.
    FixedDirectory,
    /// There is something of this name already.
    AlreadyThere,
    /// A directory cannot have this name.
    BadName,
    /// The group is not empty: this is what it holds.
    NotEmpty(Amounts),
    /// What the file or the text stands for is not served yet.
    NotServed(Feature),
    /// What changed under way could not be listed whole: once more may succeed.
    Changed,
    /// The text is not what the file takes.
    BadText(BadText),
    /// A server understood and said no.
    Refused(Refusal),
    /// A server did not understand, which is a mistake of this system's.
    Protocol(ProtocolError),
    /// There was no room to print to.
    OutputFull,
}

/// What no server does yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Looking into a task.
    Inspect,
}

/// How a server said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The caller lacks the right to do that.
    NotYours,
    /// The group was opened by another task, or by the system, and only the opener lets go of it.
    NotOpener,
    /// The group, or one above it, is being killed.
    Killing,
    /// A limit is in the way.
    Short(Shortage),
    /// A server has no room to keep it.
    Full,
    /// Something is still charged to the group, so the kill has not ended.
    NotEmpty,
    /// One of the groups is frozen and the other is not.
    Frozen,
    /// The group is being killed, or one of the system's own, which stay.
    Stays,
    /// The group is not frozen itself.
    NotFrozen,
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchPath => out.write_str("no such file or directory"),
            Self::NotADirectory => out.write_str("not a directory"),
            Self::IsADirectory => out.write_str("is a directory"),
            Self::NotReadable => out.write_str("can only be written"),
            Self::NotWritable => out.write_str("can only be read"),
            Self::NotOpened => out.write_str("only clone and switch do something when opened"),
            Self::FixedDirectory => {
                out.write_str("directories are made and removed below /cgroup only")
            }
            Self::AlreadyThere => out.write_str("is there already"),
            Self::BadName => out.write_str(
                "a name has 1 to 63 bytes, no space or slash, is no id and no file's name",
            ),
            Self::NotEmpty(amounts) => write!(out, "not empty: holds {amounts}"),
            Self::NotServed(feature) => write!(out, "not served yet: {feature}"),
            Self::Changed => out.write_str("changed while it was listed: try again"),
            Self::BadText(bad) => bad.fmt(out),
            Self::Refused(refusal) => write!(out, "refused: {refusal}"),
            Self::Protocol(error) => write!(out, "protocol error: {error}"),
            Self::OutputFull => out.write_str("no room for the output"),
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Inspect => "looking into a task",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYours => out.write_str("the right to do that is missing: see rights"),
            Self::NotOpener => out.write_str("only who opened the group may let go of it"),
            Self::Killing => out.write_str("the group is being killed"),
            Self::Short(shortage) => shortage.fmt(out),
            Self::Full => out.write_str("the server has no room for it"),
            Self::NotEmpty => out.write_str("something is still charged to the group"),
            Self::NotFrozen => out.write_str("the group is not frozen itself"),
            Self::Stays => {
                out.write_str("the group is being killed, or is one of the system's own")
            }
            Self::Frozen => out.write_str("one of the groups is frozen and the other is not"),
        }
    }
}

impl core::error::Error for Error {}

impl From<fmt::Error> for Error {
    fn from(_: fmt::Error) -> Self {
        Self::OutputFull
    }
}

impl From<BadText> for Error {
    fn from(bad: BadText) -> Self {
        Self::BadText(bad)
    }
}

impl<R: Into<Error>> From<CallError<R>> for Error {
    fn from(error: CallError<R>) -> Self {
        match error {
            CallError::Refused(refusal) => refusal.into(),
            CallError::Protocol(error) => Self::Protocol(error),
        }
    }
}

impl From<Never> for Error {
    fn from(never: Never) -> Self {
        match never {}
    }
}

impl From<ReadRefusal> for Error {
    fn from(refusal: ReadRefusal) -> Self {
        match refusal {
            ReadRefusal::UnknownGroup => Self::NoSuchPath,
            ReadRefusal::Stale => Self::Changed,
        }
    }
}

impl From<SetRefusal> for Error {
    fn from(refusal: SetRefusal) -> Self {
        Self::Refused(match refusal {
            SetRefusal::UnknownGroup => return Self::NoSuchPath,
            SetRefusal::BadLabel => return Self::BadName,
            SetRefusal::NotYours => Refusal::NotYours,
            SetRefusal::LedgerFull => Refusal::Full,
            SetRefusal::Short(shortage) => Refusal::Short(shortage),
            SetRefusal::Killing => Refusal::Killing,
        })
    }
}

impl From<GuaranteeRefusal> for Error {
    fn from(refusal: GuaranteeRefusal) -> Self {
        Self::Refused(match refusal {
            GuaranteeRefusal::UnknownGroup => return Self::NoSuchPath,
            GuaranteeRefusal::NotYours => Refusal::NotYours,
            GuaranteeRefusal::Killing => Refusal::Killing,
            GuaranteeRefusal::Short(shortage) => Refusal::Short(shortage),
            GuaranteeRefusal::TableFull | GuaranteeRefusal::OutOfMemory => Refusal::Full,
        })
    }
}

impl From<MakeRoomRefusal> for Error {
    fn from(MakeRoomRefusal::OutOfMemory: MakeRoomRefusal) -> Self {
        Self::Refused(Refusal::Full)
    }
}

impl From<OpenGroupRefusal> for Error {
    fn from(refusal: OpenGroupRefusal) -> Self {
        Self::Refused(match refusal {
            OpenGroupRefusal::UnknownGroup => return Self::NoSuchPath,
            OpenGroupRefusal::Killing => Refusal::Killing,
            OpenGroupRefusal::Short(shortage) => Refusal::Short(shortage),
            OpenGroupRefusal::LedgerFull | OpenGroupRefusal::NoRoomYet => Refusal::Full,
            OpenGroupRefusal::NotYours => Refusal::NotYours,
        })
    }
}

impl From<CloseGroupRefusal> for Error {
    fn from(refusal: CloseGroupRefusal) -> Self {
        match refusal {
            CloseGroupRefusal::UnknownGroup => Self::NoSuchPath,
            CloseGroupRefusal::NotYours => Self::Refused(Refusal::NotOpener),
        }
    }
}

impl From<EnterRefusal> for Error {
    fn from(refusal: EnterRefusal) -> Self {
        Self::Refused(match refusal {
            EnterRefusal::UnknownGroup => return Self::NoSuchPath,
            EnterRefusal::Killing => Refusal::Killing,
            EnterRefusal::Short(shortage) => Refusal::Short(shortage),
            EnterRefusal::Frozen => Refusal::Frozen,
        })
    }
}

impl From<FindGroupRefusal> for Error {
    fn from(refusal: FindGroupRefusal) -> Self {
        match refusal {
            FindGroupRefusal::UnknownGroup | FindGroupRefusal::NotFound => Self::NoSuchPath,
        }
    }
}

impl From<RemoveRefusal> for Error {
    fn from(refusal: RemoveRefusal) -> Self {
        match refusal {
            RemoveRefusal::UnknownGroup => Self::NoSuchPath,
            RemoveRefusal::NotYours => Self::Refused(Refusal::NotYours),
            RemoveRefusal::NotEmpty => Self::NotEmpty(Amounts::NONE),
            RemoveRefusal::Busy => Self::Refused(Refusal::Stays),
        }
    }
}

impl From<MoveRefusal> for Error {
    fn from(refusal: MoveRefusal) -> Self {
        Self::Refused(match refusal {
            MoveRefusal::UnknownTask | MoveRefusal::UnknownGroup => return Self::NoSuchPath,
            MoveRefusal::NotYours => Refusal::NotYours,
            MoveRefusal::Killing => Refusal::Killing,
            MoveRefusal::Short(shortage) => Refusal::Short(shortage),
            MoveRefusal::Frozen => Refusal::Frozen,
        })
    }
}

impl From<process::FreezeRefusal> for Error {
    fn from(refusal: process::FreezeRefusal) -> Self {
        Self::Refused(match refusal {
            process::FreezeRefusal::Freeze(FreezeRefusal::UnknownGroup) => return Self::NoSuchPath,
            process::FreezeRefusal::Freeze(FreezeRefusal::NotYours) => Refusal::NotYours,
            process::FreezeRefusal::Freeze(FreezeRefusal::NotFrozen) => Refusal::NotFrozen,
            process::FreezeRefusal::Freeze(FreezeRefusal::TooMany | FreezeRefusal::TooOften)
            | process::FreezeRefusal::TableFull => Refusal::Full,
        })
    }
}

impl From<TaskRefusal> for Error {
    fn from(refusal: TaskRefusal) -> Self {
        match refusal {
            TaskRefusal::UnknownTask => Self::NoSuchPath,
            TaskRefusal::TableFull => Self::Refused(Refusal::Full),
        }
    }
}

impl From<KillGroupRefusal> for Error {
    fn from(refusal: KillGroupRefusal) -> Self {
        Self::Refused(match refusal {
            KillGroupRefusal::Kill(KillRefusal::UnknownGroup) => return Self::NoSuchPath,
            KillGroupRefusal::Kill(KillRefusal::NotYours) => Refusal::NotYours,
            KillGroupRefusal::Kill(KillRefusal::NotEmpty) => Refusal::NotEmpty,
            // The kill that is under way is the one that was asked for, or has just ended.
            KillGroupRefusal::Kill(
                KillRefusal::AlreadyKilling | KillRefusal::NotKilling | KillRefusal::More,
            ) => Refusal::Killing,
            KillGroupRefusal::Kill(KillRefusal::TooManyKills) | KillGroupRefusal::TableFull => {
                Refusal::Full
            }
        })
    }
}
