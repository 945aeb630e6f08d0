//! Bytes as message words: four in registers, the rest in the IPC buffer.
//!
//! Everything goes in whole words: the encoding leaves zeros behind itself up to the next one.

use interfaces::call::{MESSAGE_BYTES, REGISTER_BYTES};
use sel4::MESSAGE_REGISTERS;

/// The registers' part of a message.
pub type Registers = [u64; MESSAGE_REGISTERS];

const _: () = assert!(REGISTER_BYTES == MESSAGE_REGISTERS * 8);
const _: () = assert!(MESSAGE_BYTES == sel4::MESSAGE_WORDS * 8);

/// How many words hold so many bytes.
pub(crate) const fn words_for(bytes: usize) -> usize {
    bytes.div_ceil(8)
}

/// The registers' part of a payload that begins a buffer of at least so many bytes. What stands in the buffer behind
/// the payload's last word is never sent, because the message's length says where it ends.
#[inline]
pub(crate) fn first_words(buffer: &[u8; REGISTER_BYTES]) -> Registers {
    let (words, _) = buffer.as_chunks::<8>();
    let mut registers = [0; MESSAGE_REGISTERS];
    for (register, word) in registers.iter_mut().zip(words) {
        *register = u64::from_le_bytes(*word);
    }
    registers
}

/// Puts a payload where the next system call takes it from; what fills the last word up is zero.
///
/// `bytes` is how much of the buffer it takes.
#[inline]
pub(crate) fn load(buffer: &[u8; MESSAGE_BYTES], bytes: usize) -> Registers {
    if bytes > REGISTER_BYTES {
        load_rest(buffer, bytes);
    }
    buffer
        .first_chunk()
        .map_or([0; MESSAGE_REGISTERS], first_words)
}

/// The words beyond the registers.
pub(crate) fn load_rest(buffer: &[u8; MESSAGE_BYTES], bytes: usize) {
    let (words, _) = buffer.as_chunks::<8>();
    let rest = words.get(MESSAGE_REGISTERS..words_for(bytes));
    for (place, word) in (MESSAGE_REGISTERS..).zip(rest.unwrap_or_default()) {
        sel4::set_ipc_buffer_word(place, u64::from_le_bytes(*word));
    }
}

/// Puts a payload of any length where the next system call takes it from; what fills the last word up is zero.
pub(crate) fn load_slice(payload: &[u8]) -> Registers {
    let mut registers = [0; MESSAGE_REGISTERS];
    for (place, bytes) in payload.chunks(8).enumerate() {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(bytes) {
            *to = *from;
        }
        match registers.get_mut(place) {
            Some(register) => *register = u64::from_le_bytes(word),
            None => sel4::set_ipc_buffer_word(place, u64::from_le_bytes(word)),
        }
    }
    registers
}

/// Takes a message of `words` words from where the last system call put it; gives the bytes it has.
#[inline]
pub(crate) fn store(registers: Registers, words: usize, into: &mut [u8; MESSAGE_BYTES]) -> usize {
    if let Some(first) = into.first_chunk_mut::<REGISTER_BYTES>() {
        *first = register_bytes(registers);
    }
    let words = words.min(sel4::MESSAGE_WORDS);
    if words > MESSAGE_REGISTERS {
        store_rest(words, into);
    }
    words.saturating_mul(8)
}

/// The words beyond the registers.
fn store_rest(words: usize, into: &mut [u8; MESSAGE_BYTES]) {
    let (chunks, _) = into.as_chunks_mut::<8>();
    let rest = chunks.get_mut(MESSAGE_REGISTERS..words);
    for (place, bytes) in (MESSAGE_REGISTERS..).zip(rest.unwrap_or_default()) {
        *bytes = sel4::ipc_buffer_word(place).to_le_bytes();
    }
}

/// The bytes of the registers' part.
#[inline]
pub(crate) fn register_bytes(registers: Registers) -> [u8; REGISTER_BYTES] {
    let mut bytes = [0; REGISTER_BYTES];
    let (chunks, _) = bytes.as_chunks_mut::<8>();
    for (chunk, register) in chunks.iter_mut().zip(registers) {
        *chunk = register.to_le_bytes();
    }
    bytes
}
