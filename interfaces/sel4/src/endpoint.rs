//! A caller's side.

use interfaces::call::{MESSAGE_BYTES, REGISTER_BYTES, decode_payload};
use interfaces::encode::encode;
use interfaces::{Call, ProtocolError, Transport};
use sel4::MessageInfo;

use crate::words::{load, register_bytes, store, words_for};

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
    #[inline]
    fn exchange<C: Call>(
        &mut self,
        request: &C,
    ) -> Result<Result<C::Reply, C::Refusal>, ProtocolError> {
        // Most requests fit the registers; one that does not is encoded again into a buffer that is large enough,
        // which costs the rare caller a little and the frequent one nothing.
        let mut short = [0; REGISTER_BYTES];
        if let Some(payload) = encoded(request, &mut short) {
            exchange(self.0, C::LABEL.bits(), payload, decode_payload)
        } else {
            exchange_long(self.0, request)
        }
    }
}

/// The encoded request, if the buffer is large enough.
#[inline]
fn encoded<'a, C: Call>(request: &C, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let bytes = encode(request, buffer)?;
    buffer.get(..bytes)
}

#[cold]
fn exchange_long<C: Call>(
    endpoint: sel4::cap::Endpoint,
    request: &C,
) -> Result<Result<C::Reply, C::Refusal>, ProtocolError> {
    let mut long = [0; MESSAGE_BYTES];
    let payload = encoded(request, &mut long).ok_or(ProtocolError::Malformed)?;
    exchange(endpoint, C::LABEL.bits(), payload, decode_payload)
}

#[inline]
fn exchange<T>(
    endpoint: sel4::cap::Endpoint,
    label: u64,
    payload: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, ProtocolError>,
) -> Result<T, ProtocolError> {
    let info = MessageInfo::new(label, 0, 0, words_for(payload.len()));
    let (info, registers) = sel4::call_registers(endpoint, info, load(payload));
    if let Some(error) = ProtocolError::from_label(info.label()) {
        return Err(error);
    }
    let bytes = info.length().saturating_mul(8);
    let answer = if bytes <= REGISTER_BYTES {
        decode(register_bytes(registers).get(..bytes).unwrap_or_default())
    } else {
        let mut long = [0; MESSAGE_BYTES];
        let bytes = store(registers, info.length(), &mut long);
        decode(long.get(..bytes).unwrap_or_default())
    };
    answer.map_err(|_| ProtocolError::BadReply)
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
    let (info, registers) = sel4::call_registers(endpoint, info, load(payload));
    (info.label(), store(registers, info.length(), answer))
}
