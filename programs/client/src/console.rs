//! The serial line.

use core::fmt::{self, Write as _};

use interfaces::console::{
    Halt, Input, LINE_BYTES, OperatorRefusal, PollInput, ReadDropped, ReadInput, ReadInputRefusal,
    Write, WriteRaw, WriteRecord,
};
use interfaces::{CallError, Text};

use crate::server::{Server, call};

/// Writes text to the caller's line, in as few messages as it takes. The line is printed when a newline comes.
///
/// What the root task says is ignored: a program that cannot print goes on.
pub fn print(text: &str) {
    let mut rest = text;
    while !rest.is_empty() {
        let text = Text::<LINE_BYTES>::cut(rest);
        let taken = text.as_str().len();
        let _ = call(Server::Console, &Write { text });
        rest = rest.get(taken..).unwrap_or_default();
    }
}

/// Writes one record (`tests/records`), without its start mark. For an operator.
pub fn write_record(record: fmt::Arguments<'_>) -> Result<(), CallError<OperatorRefusal>> {
    let mut text = Text::default();
    // What does not fit is cut: a record of ours is short but for a reason, which is its end.
    let _ = Cut(&mut text).write_fmt(record);
    call(Server::Console, &WriteRecord { record: text })
}

/// Ends the machine. For an operator; returns only if the caller is none.
pub fn halt(passed: bool) -> Result<(), CallError<OperatorRefusal>> {
    call(Server::Console, &Halt { passed })
}

/// How many bytes of the caller's were dropped.
#[must_use]
pub fn dropped() -> u64 {
    call(Server::Console, &ReadDropped {}).unwrap_or(0)
}

/// Waits for what is typed. For an operator.
pub fn read_input() -> Result<Input, CallError<ReadInputRefusal>> {
    call(Server::Console, &ReadInput {})
}

/// Takes what was typed, if anything. For an operator.
pub fn poll_input() -> Result<Input, CallError<OperatorRefusal>> {
    call(Server::Console, &PollInput {})
}

/// Writes text at once, not behind the caller's number. For an operator.
pub fn write_raw(text: &str) -> Result<(), CallError<OperatorRefusal>> {
    let mut rest = text;
    while !rest.is_empty() {
        let text = Text::<LINE_BYTES>::cut(rest);
        let taken = text.as_str().len();
        call(Server::Console, &WriteRaw { text })?;
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok(())
}

/// Takes as much as fits and drops the rest.
struct Cut<'a, const N: usize>(&'a mut Text<N>);

impl<const N: usize> fmt::Write for Cut<'_, N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            self.0.write_char(character)?;
        }
        Ok(())
    }
}
