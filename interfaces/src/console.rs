//! What clients ask the root task: the serial line, its input, and an end of the machine.

use serde::{Deserialize, Serialize};

use crate::interface;
use crate::limits::Never;
use crate::text::Text;

/// The most bytes in one line; the rest of a longer one is dropped and counted.
pub const LINE_BYTES: usize = 240;
/// The most bytes of input in one answer.
pub const INPUT_BYTES: usize = 200;

/// Writes text to the caller's line, which is printed, whole, when a newline comes. Control bytes but for newline
/// and tab are dropped: no client can forge a record or move the cursor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// The text.
    pub text: Text<LINE_BYTES>,
}

/// Writes one structured record (`tests/records`), without its start mark. For an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteRecord {
    /// The record.
    pub record: Text<LINE_BYTES>,
}

/// Ends the machine. For an operator. Never answered if it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// Whether all went well.
    pub passed: bool,
}

/// Asks how many bytes of the caller's were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadDropped {}

/// Waits for input from the serial line. For an operator, and one at a time.
///
/// Also answered, with no bytes, when a run says that it is done (its record `done`): then it is the waiter's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadInput {}

/// Takes what was typed, if anything, and does not wait: for who is busy and wants to know whether to stop. For an
/// operator. While another waits with [`ReadInput`] there is never anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollInput {}

/// Writes text to the serial line at once and without the caller's number in front: a prompt, a line that is being
/// edited. For an operator.
///
/// Of the control bytes newline, return, tab and backspace pass, and of the escape sequences those that move the cursor,
/// erase, or set colours (`ESC [`, digits and semicolons, one of `A B C D H J K m`), if they are whole; all others are
/// dropped and counted. The line of another task is still printed whole, on a line of its own; what the caller has
/// written since its last newline or return stands below it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteRaw {
    /// The text.
    pub text: Text<LINE_BYTES>,
}

/// What was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The bytes, as they came: control keys and the escape sequences of others among them.
    pub bytes: heapless::Vec<u8, INPUT_BYTES>,
    /// How many bytes were lost since the last answer because nobody read them.
    pub lost: u32,
}

/// Why there is no input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadInputRefusal {
    /// The caller is no operator.
    NotOperator,
    /// Another thread waits for input already.
    AnotherWaits,
    /// The serial line has no interrupt, so input cannot be waited for.
    NoInterrupt,
}

/// Why an operator's request was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperatorRefusal {
    /// The caller is no operator.
    NotOperator,
}

interface! {
    /// The serial line.
    pub interface 6 version 1 {
        /// Writes text.
        0 => write(Write) -> (), or Never;
        /// Writes a record.
        1 => write_record(WriteRecord) -> (), or OperatorRefusal;
        /// Ends the machine.
        2 => halt(Halt) -> (), or OperatorRefusal, later;
        /// What was dropped.
        3 => read_dropped(ReadDropped) -> u64, or Never;
        /// Waits for input.
        4 => read_input(ReadInput) -> Input, or ReadInputRefusal, later;
        /// Writes at once.
        5 => write_raw(WriteRaw) -> (), or OperatorRefusal;
        /// Takes what was typed.
        6 => poll_input(PollInput) -> Input, or OperatorRefusal;
    }
}
