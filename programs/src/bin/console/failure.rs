//! Why a command did not do what it was asked to: one line, with the numbers of the refusal.

use core::fmt::{self, Write as _};

use client::interfaces::accounting::TicketRefusal;
use client::interfaces::process::{SpawnRefusal, WaitRefusal};
use client::interfaces::{CallError, Text};

/// The most bytes of a failure.
const BYTES: usize = 200;

/// The line.
#[derive(Debug, Default)]
pub struct Failure(Text<BYTES>);

/// What a command comes to.
pub type Done = Result<(), Failure>;

impl Failure {
    /// A failure in so many words; what is too long is cut.
    pub fn of(what: impl fmt::Display) -> Self {
        let mut failure = Self::default();
        // The only error is that the end was cut.
        let _ = write!(failure, "{what}");
        failure
    }

    /// What was asked, and why it failed.
    pub fn at(place: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self::of(format_args!("{place}: {what}"))
    }

    /// Why nothing was spawned.
    pub fn spawn(program: &str, error: CallError<SpawnRefusal>) -> Self {
        match error {
            CallError::Refused(SpawnRefusal::Ticket(TicketRefusal::Short(shortage))) => {
                Self::at(program, format_args!("refused: {shortage}"))
            }
            CallError::Refused(SpawnRefusal::UnknownProgram) => {
                Self::at(program, "no such program: see programs")
            }
            CallError::Refused(refusal) => Self::at(program, format_args!("refused: {refusal:?}")),
            CallError::Protocol(error) => Self::at(program, error),
        }
    }

    /// Why an end is not waited for.
    pub fn wait(place: impl fmt::Display, error: CallError<WaitRefusal>) -> Self {
        match error {
            CallError::Refused(WaitRefusal::NoChildren | WaitRefusal::NotAChild) => Self::at(
                place,
                "no task that was spawned here, or its end was told already",
            ),
            CallError::Refused(WaitRefusal::TableFull) => Self::at(place, "too many threads wait"),
            CallError::Refused(WaitRefusal::TimedOut) => {
                Self::at(place, "it has not ended in time")
            }
            CallError::Protocol(error) => Self::at(place, error),
        }
    }
}

impl fmt::Write for Failure {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            // One line, whatever was quoted in it.
            let character = if character.is_control() {
                ' '
            } else {
                character
            };
            self.0.write_char(character)?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl<R: fmt::Debug> From<CallError<R>> for Failure {
    fn from(error: CallError<R>) -> Self {
        Self::of(error)
    }
}

impl From<fmt::Error> for Failure {
    fn from(_: fmt::Error) -> Self {
        Self::of("the answer could not be printed")
    }
}
