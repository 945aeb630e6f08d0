//! Why a benchmark could not be done.

use core::fmt;
use core::panic::Location;

use client::interfaces::{CallError, ProtocolError, Text};

/// Something that must succeed was refused: where, and with what words.
#[derive(Clone, Debug)]
pub struct Trouble {
    place: &'static Location<'static>,
    refusal: Text<60>,
}

impl Trouble {
    /// Here.
    #[track_caller]
    #[must_use]
    pub fn here() -> Self {
        Self {
            place: Location::caller(),
            refusal: Text::default(),
        }
    }

    /// Here, because of this. As much of it is kept as fits.
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn because(refusal: &dyn fmt::Debug) -> Self {
        let mut trouble = Self::here();
        let _ = fmt::Write::write_fmt(&mut trouble.refusal, format_args!(": {refusal:?}"));
        trouble
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, refusal } = self;
        let file = place.file().rsplit('/').next().unwrap_or_default();
        let line = place.line();
        write!(out, "refused or wrong at {file}:{line}{}", refusal.as_str())
    }
}

impl<R: fmt::Debug> From<CallError<R>> for Trouble {
    #[track_caller]
    fn from(error: CallError<R>) -> Self {
        Self::because(&error)
    }
}

impl From<ProtocolError> for Trouble {
    #[track_caller]
    fn from(error: ProtocolError) -> Self {
        Self::because(&error)
    }
}
