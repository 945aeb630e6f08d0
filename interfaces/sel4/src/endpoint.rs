//! A caller's side.

use interfaces::call::{MESSAGE_BYTES, Outcome, REGISTER_BYTES, decode_payload, outcome};
use interfaces::encode::encode;
use interfaces::short::{ANSWER, PLAIN, REFUSAL, Words};
use interfaces::{Call, CallError, ProtocolError, Transport};
use sel4::MessageInfo;

use serde::de::DeserializeOwned;

use crate::words::{Registers, first_words, load, load_slice, register_bytes, store, words_for};

/// A capability to a server's endpoint, as a transport.
///
/// It needs the right to write, and the right to grant for the kernel's fast path, though nothing is granted.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint(sel4::cap::Endpoint);

impl Endpoint {
    /// Requests travel over this capability.
    #[must_use]
    pub const fn new(endpoint: sel4::cap::Endpoint) -> Self {
        Self(endpoint)
    }
}

impl Transport for Endpoint {
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "what is refused is large, and would be copied once more"
    )]
    fn exchange<C: Call>(&mut self, request: &C) -> Outcome<C> {
        if let Some(Words { words, length }) = request.shorten() {
            let info = MessageInfo::new(C::LABEL.shortened().bits(), 0, 0, length);
            let (info, words) = sel4::call_registers(self.0, info, words);
            if info.label() != ANSWER {
                let [first, second, third, fourth] = words;
                return no_answer::<C>(info, first, second, third, fourth);
            }
            let length = info.length();
            return match C::lengthen_reply(Words { words, length }) {
                Some(reply) => Ok(reply),
                None => Err(CallError::Protocol(ProtocolError::BadReply)),
            };
        }
        exchange_encoded(self.0, request)
    }
}

/// Sends a request in the general encoding. By itself, so that what has a short form is small where it is sent from.
///
/// Most requests fit the registers; one that does not is encoded again into a buffer that is large enough, which costs the
/// rare caller a little and the frequent one nothing.
#[inline(never)]
fn exchange_encoded<C: Call>(endpoint: sel4::cap::Endpoint, request: &C) -> Outcome<C> {
    let mut short = [0; REGISTER_BYTES];
    match encode(request, &mut short) {
        Some(bytes) => exchange::<C>(endpoint, bytes, first_words(&short)),
        None => exchange_long(endpoint, request),
    }
}

#[cold]
#[inline(never)]
fn exchange_long<C: Call>(endpoint: sel4::cap::Endpoint, request: &C) -> Outcome<C> {
    let mut long = [0; MESSAGE_BYTES];
    match encode(request, &mut long) {
        Some(bytes) => exchange::<C>(endpoint, bytes, load(&long, bytes)),
        None => Err(CallError::Protocol(ProtocolError::Malformed)),
    }
}

#[inline]
fn exchange<C: Call>(endpoint: sel4::cap::Endpoint, bytes: usize, words: Registers) -> Outcome<C> {
    let info = MessageInfo::new(C::LABEL.bits(), 0, 0, words_for(bytes));
    let (info, registers) = sel4::call_registers(endpoint, info, words);
    let [first, second, third, fourth] = registers;
    outcome(answer(info, first, second, third, fourth))
}

/// What is said to a request in its short form other than such an answer. Not inlined, like [`answer`].
#[inline(never)]
fn no_answer<C: Call>(
    info: MessageInfo,
    first: u64,
    second: u64,
    third: u64,
    fourth: u64,
) -> Outcome<C> {
    let (words, length) = ([first, second, third, fourth], info.length());
    if info.label() == PLAIN {
        let word = |place: usize| match words.get(place) {
            Some(&word) => word,
            None => sel4::ipc_buffer_word(place),
        };
        return match C::read_plain(length, word) {
            Some(reply) => Ok(reply),
            None => Err(CallError::Protocol(ProtocolError::BadReply)),
        };
    }
    if info.label() != REFUSAL {
        return outcome(answer(info, first, second, third, fourth));
    }
    Err(match C::lengthen_refusal(Words { words, length }) {
        Some(refusal) => CallError::Refused(refusal),
        None => CallError::Protocol(ProtocolError::BadReply),
    })
}

/// What an answer in the general encoding says. Not inlined: what it keeps on its stack would otherwise be reserved, and
/// its registers saved, on the way of every short one; and the words come one by one, or they would be put into memory
/// for it beforehand.
#[inline(never)]
fn answer<T: DeserializeOwned>(
    info: MessageInfo,
    first: u64,
    second: u64,
    third: u64,
    fourth: u64,
) -> Result<T, ProtocolError> {
    let registers = [first, second, third, fourth];
    if info.label() != 0 {
        return Err(turned_down(info.label()));
    }
    let bytes = info.length().wrapping_mul(8);
    let answer = if bytes <= REGISTER_BYTES {
        decode_payload(register_bytes(registers).get(..bytes).unwrap_or_default())
    } else {
        decode_long(registers, info.length())
    };
    answer.map_err(|_| ProtocolError::BadReply)
}

fn turned_down(label: u64) -> ProtocolError {
    ProtocolError::from_label(label).unwrap_or(ProtocolError::BadReply)
}

#[inline(never)]
fn decode_long<T: DeserializeOwned>(
    registers: Registers,
    words: usize,
) -> Result<T, ProtocolError> {
    let mut long = [0; MESSAGE_BYTES];
    let bytes = store(registers, words, &mut long);
    decode_payload(long.get(..bytes).unwrap_or_default())
}

/// Sends any message at all and gives the answer's label and payload: for tests that misbehave.
///
/// Returns the answer's label and how many bytes of `answer` it filled.
pub fn raw(
    endpoint: sel4::cap::Endpoint,
    label: u64,
    payload: &[u8],
    answer: &mut [u8; MESSAGE_BYTES],
) -> (u64, usize) {
    let info = MessageInfo::new(label, 0, 0, words_for(payload.len()));
    let (info, registers) = sel4::call_registers(endpoint, info, load_slice(payload));
    (info.label(), store(registers, info.length(), answer))
}
