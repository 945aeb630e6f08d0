//! System calls of the **debug kernel only**. The release kernel does not know their numbers: there, each of them is a
//! fault of the thread that tries it. For looking into a system at a desk, never for anything that is to run.

use crate::generated::system_call;
use crate::{Cap, MessageInfo};

/// Prints a byte on the kernel's serial line.
pub fn put_char(byte: u8) {
    ask(system_call::DEBUG_PUT_CHAR, u64::from(byte));
}

/// Stops the machine.
pub fn halt() {
    ask(system_call::DEBUG_HALT, 0);
}

/// The kernel's number for the kind of a capability; 0 for none.
#[must_use]
pub fn cap_identify<T>(cap: Cap<T>) -> u64 {
    ask(system_call::DEBUG_CAP_IDENTIFY, cap.bits())
}

/// Prints what the kernel knows, in a form for tools.
pub fn snapshot() {
    ask(system_call::DEBUG_SNAPSHOT, 0);
}

fn ask(number: i64, argument: u64) -> u64 {
    crate::system::unusual(number, argument, MessageInfo::default())
}
