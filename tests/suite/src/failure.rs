//! Why a case failed: one short line that begins with where.

use core::fmt::{self, Write as _};
use core::panic::Location;

use client::interfaces::{CallError, ProtocolError, Text};

/// The most bytes of a reason: with the longest name before it, it still fits a record.
const BYTES: usize = 140;

/// Why a case failed.
pub struct Failure(Text<BYTES>);

impl Failure {
    /// Something is not as it should be.
    #[track_caller]
    pub fn new(reason: fmt::Arguments<'_>) -> Self {
        let place = Location::caller();
        let file = place.file().rsplit('/').next().unwrap_or_default();
        let mut failure = Self(Text::default());
        // A `Failure` takes as much as fits.
        let _ = write!(failure, "{file}:{}: {reason}", place.line());
        failure
    }

    /// The reason.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Write for Failure {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            self.0.write_char(character)?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl<R: fmt::Debug> From<CallError<R>> for Failure {
    #[track_caller]
    fn from(error: CallError<R>) -> Self {
        Self::new(format_args!("{error}"))
    }
}

impl From<ProtocolError> for Failure {
    #[track_caller]
    fn from(error: ProtocolError) -> Self {
        Self::new(format_args!("protocol error: {error}"))
    }
}

/// Fails the case.
macro_rules! fail {
    ($($reason:tt)*) => {
        return Err($crate::failure::Failure::new(format_args!($($reason)*)))
    };
}

/// Fails the case unless this is true.
macro_rules! ensure {
    ($truth:expr, $($reason:tt)*) => {
        if !$truth {
            fail!($($reason)*)
        }
    };
}

/// Fails the case unless the two are equal.
macro_rules! equal {
    ($what:expr, $found:expr, $expected:expr $(,)?) => {
        match (&$found, &$expected) {
            (found, expected) => ensure!(
                *found == *expected,
                "{}: {:?}, not {:?}",
                $what,
                found,
                expected
            ),
        }
    };
}

/// Fails the case unless the call was refused in this way; gives what is in the refusal.
macro_rules! refused {
    ($call:expr, $refusal:pat $(=> $value:expr)?) => {
        match $call {
            Err(client::interfaces::CallError::Refused($refusal)) => ($($value)?),
            other => fail!("not refused as it should be: {:?}", other),
        }
    };
}
