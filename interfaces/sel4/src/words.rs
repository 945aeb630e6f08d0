//! Bytes as message words: four in registers, the rest in the IPC buffer.

use interfaces::call::{MESSAGE_BYTES, REGISTER_BYTES};
use sel4::MESSAGE_REGISTERS;

/// The registers' part of a message.
pub(crate) type Registers = [u64; MESSAGE_REGISTERS];

const _: () = assert!(REGISTER_BYTES == MESSAGE_REGISTERS * 8);
const _: () = assert!(MESSAGE_BYTES == sel4::MESSAGE_WORDS * 8);

/// How many words hold so many bytes.
pub(crate) const fn words_for(bytes: usize) -> usize {
    bytes.div_ceil(8)
}

/// Puts a payload where the next system call takes it from; what fills the last word up is zero.
#[inline]
pub(crate) fn load(payload: &[u8]) -> Registers {
    let mut registers = [0; MESSAGE_REGISTERS];
    let (first, rest) = payload.split_at(payload.len().min(REGISTER_BYTES));
    for (register, bytes) in registers.iter_mut().zip(first.chunks(8)) {
        *register = word(bytes);
    }
    for (offset, bytes) in rest.chunks(8).enumerate() {
        sel4::set_ipc_buffer_word(offset.saturating_add(MESSAGE_REGISTERS), word(bytes));
    }
    registers
}

/// Takes a message of `words` words from where the last system call put it; gives the bytes it has.
#[inline]
pub(crate) fn store(registers: Registers, words: usize, into: &mut [u8; MESSAGE_BYTES]) -> usize {
    let words = words.min(sel4::MESSAGE_WORDS);
    let (first, rest) = into.split_at_mut(REGISTER_BYTES);
    for (bytes, register) in first.chunks_exact_mut(8).zip(registers) {
        bytes.copy_from_slice(&register.to_le_bytes());
    }
    let beyond = words.saturating_sub(MESSAGE_REGISTERS);
    for (offset, bytes) in rest.chunks_exact_mut(8).take(beyond).enumerate() {
        let word = sel4::ipc_buffer_word(offset.saturating_add(MESSAGE_REGISTERS));
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    words.saturating_mul(8)
}

/// The bytes of the registers' part.
#[inline]
pub(crate) fn register_bytes(registers: Registers) -> [u8; REGISTER_BYTES] {
    let mut bytes = [0; REGISTER_BYTES];
    for (chunk, register) in bytes.chunks_exact_mut(8).zip(registers) {
        chunk.copy_from_slice(&register.to_le_bytes());
    }
    bytes
}

#[inline]
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    for (to, from) in word.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_le_bytes(word)
}
