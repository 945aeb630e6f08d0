//! What clients ask the root task: the serial line, and an end of the machine.

use serde::{Deserialize, Serialize};

use crate::interface;
use crate::limits::Never;
use crate::text::Text;

/// The most bytes in one line; the rest of a longer one is dropped and counted.
pub const LINE_BYTES: usize = 240;

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
    }
}
