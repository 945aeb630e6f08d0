//! The running thread's IPC buffer: where the words of a message beyond the fourth are, and the capabilities it carries.
//!
//! The kernel points the processor's `gs` base at the buffer of whichever thread runs, so a thread finds its own without
//! any global, and two threads of one program cannot mix theirs up. A thread without a buffer has a base of 0 and faults
//! on the first use.
//!
//! # Invariants
//!
//! - Every access is within the buffer, whatever index is given: an index beyond it reads 0 and writes nothing. An index
//!   may come out of a message, and nothing that a client sends may panic a server.

use crate::generated::ipc_buffer_layout as layout;
use crate::{Cap, MESSAGE_WORDS, Slot};

/// Capabilities that one message can carry.
const EXTRA_CAPS: usize = (layout::RECEIVE_CNODE - layout::CAPS_OR_BADGES) / WORD;

/// Bytes of a word.
const WORD: usize = size_of::<u64>();

/// Where word `index` of a run that starts at byte `first` is.
const fn place(first: usize, index: usize) -> usize {
    first.wrapping_add(index.wrapping_mul(WORD))
}

/// Word `index` of the message in the buffer; 0 beyond the longest message.
///
/// The first four words of a message that was received are not here but in registers, and so in what the receiving
/// function gave back.
#[inline]
#[must_use]
pub fn ipc_buffer_word(index: usize) -> u64 {
    if index >= MESSAGE_WORDS {
        return 0;
    }
    // SAFETY: the offset is within the buffer.
    unsafe { access::load(place(layout::MSG, index)) }
}

/// Sets word `index` of the message in the buffer; nothing beyond the longest message.
#[inline]
pub fn set_ipc_buffer_word(index: usize, value: u64) {
    if index < MESSAGE_WORDS {
        // SAFETY: the offset is within the buffer.
        unsafe { access::store(place(layout::MSG, index), value) }
    }
}

/// Copies words out of the buffer, the first one from word `first` of the message; gives back how many there were.
#[inline]
pub fn read_ipc_buffer(first: usize, into: &mut [u64]) -> usize {
    let count = into.len().min(MESSAGE_WORDS.saturating_sub(first));
    for (offset, word) in into.iter_mut().take(count).enumerate() {
        // SAFETY: the offset is within the buffer, since `first` and what follows it are below the longest message.
        *word = unsafe { access::load(place(layout::MSG, first.wrapping_add(offset))) };
    }
    count
}

/// Copies words into the buffer, the first one to word `first` of the message; gives back how many there was room for.
#[inline]
#[expect(
    clippy::must_use_candidate,
    reason = "who knows that the message fits need not count"
)]
pub fn write_ipc_buffer(first: usize, from: &[u64]) -> usize {
    let count = from.len().min(MESSAGE_WORDS.saturating_sub(first));
    for (offset, word) in from.iter().take(count).enumerate() {
        // SAFETY: the offset is within the buffer, since `first` and what follows it are below the longest message.
        unsafe { access::store(place(layout::MSG, first.wrapping_add(offset)), *word) }
    }
    count
}

/// Sends a capability along with the next message, as number `index` of at most three.
#[inline]
pub fn set_extra_cap<T>(index: usize, cap: Cap<T>) {
    set_extra_cap_word(index, cap.bits());
}

#[inline]
pub(crate) fn set_extra_cap_word(index: usize, bits: u64) {
    if index < EXTRA_CAPS {
        // SAFETY: the offset is within the buffer.
        unsafe { access::store(place(layout::CAPS_OR_BADGES, index), bits) }
    }
}

/// The badge that capability number `index` of the last message arrived as, if
/// [`caps_unwrapped`](crate::MessageInfo::caps_unwrapped) says that it did; 0 beyond the third.
#[inline]
#[must_use]
pub fn cap_badge(index: usize) -> u64 {
    if index >= EXTRA_CAPS {
        return 0;
    }
    // SAFETY: the offset is within the buffer.
    unsafe { access::load(place(layout::CAPS_OR_BADGES, index)) }
}

/// Where a capability that comes with a message is to be put. Until this is called: nowhere.
#[inline]
pub fn set_receive_slot(slot: Slot) {
    // SAFETY: the offsets are within the buffer.
    unsafe {
        access::store(layout::RECEIVE_CNODE, slot.root.bits());
        access::store(layout::RECEIVE_INDEX, slot.index);
        access::store(layout::RECEIVE_DEPTH, u64::from(slot.depth));
    }
}

/// The two instructions.
#[cfg(target_os = "none")]
mod access {
    use core::arch::asm;

    /// # Safety
    ///
    /// `offset` must be that of a word within the IPC buffer.
    #[inline]
    pub(super) unsafe fn load(offset: usize) -> u64 {
        let value;
        // SAFETY: the buffer is mapped for as long as the thread has it, and no reference to it exists anywhere.
        unsafe {
            asm!("mov {value}, gs:[{offset}]", value = lateout(reg) value, offset = in(reg) offset, options(nostack, preserves_flags, readonly));
        }
        value
    }

    /// # Safety
    ///
    /// `offset` must be that of a word within the IPC buffer.
    #[inline]
    pub(super) unsafe fn store(offset: usize, value: u64) {
        // SAFETY: as in `load`.
        unsafe {
            asm!("mov gs:[{offset}], {value}", offset = in(reg) offset, value = in(reg) value, options(nostack, preserves_flags));
        }
    }
}

/// Stand-ins where there is no such kernel.
#[cfg(not(target_os = "none"))]
mod access {
    /// # Safety
    ///
    /// None; the real one has conditions.
    pub(super) unsafe fn load(_: usize) -> u64 {
        panic!("the IPC buffer needs the seL4 kernel; this is another machine")
    }

    /// # Safety
    ///
    /// None; the real one has conditions.
    pub(super) unsafe fn store(_: usize, _: u64) {
        panic!("the IPC buffer needs the seL4 kernel; this is another machine")
    }
}
