//! Why a benchmark could not be done.

use core::fmt;
use core::panic::Location;

use client::interfaces::{CallError, ProtocolError};

/// Something that must succeed was refused: where.
#[derive(Clone, Copy, Debug)]
pub struct Trouble(&'static Location<'static>);

impl Trouble {
    /// Here.
    #[track_caller]
    #[must_use]
    pub fn here() -> Self {
        Self(Location::caller())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.0.file().rsplit('/').next().unwrap_or_default();
        write!(out, "refused or wrong at {file}:{}", self.0.line())
    }
}

impl<R> From<CallError<R>> for Trouble {
    #[track_caller]
    fn from(_: CallError<R>) -> Self {
        Self::here()
    }
}

impl From<ProtocolError> for Trouble {
    #[track_caller]
    fn from(_: ProtocolError) -> Self {
        Self::here()
    }
}
