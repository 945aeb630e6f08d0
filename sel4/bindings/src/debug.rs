//! System calls of the **debug kernel only**. The release kernel does not know their numbers: there, each of them is a
//! fault of the thread that tries it. For looking into a system at a desk, never for anything that is to run.

use crate::generated::system_call;
use crate::{Cap, MESSAGE_WORDS, MessageInfo, cap, ipc_buffer};

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

/// Gives a thread the name that the kernel's messages use; as much of it as fits a message.
///
/// The kernel stops the machine if the capability is not a thread's.
pub fn name_thread(thread: cap::Tcb, name: &str) {
    let mut words = name.as_bytes().chunks(size_of::<u64>());
    // A word of zeros at the end, at the latest the last one: the kernel looks for it.
    for index in 0..MESSAGE_WORDS.saturating_sub(1) {
        let chunk = words.next().unwrap_or_default();
        let word = chunk
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
        ipc_buffer::set_ipc_buffer_word(index, word);
        if chunk.is_empty() {
            break;
        }
    }
    ipc_buffer::set_ipc_buffer_word(MESSAGE_WORDS.saturating_sub(1), 0);
    ask(system_call::DEBUG_NAME_THREAD, thread.bits());
}

fn ask(number: i64, argument: u64) -> u64 {
    crate::system::unusual(number, argument, MessageInfo::default())
}
