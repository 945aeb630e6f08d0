//! Messages: sending, receiving, answering.
//!
//! Each way exists twice. The functions that end in `_registers` move the first four words in registers and leave the
//! others in the IPC buffer alone: one instruction between a server and its caller. The others copy a message of any
//! length out of and into slices.

use crate::system::{self, Receiving, Sending};
use crate::{Cap, MESSAGE_REGISTERS, MESSAGE_WORDS, MessageInfo, cap, ipc_buffer};

/// What a message can be sent to.
pub trait Sendable {}

impl Sendable for cap::kind::Endpoint {}
impl Sendable for cap::kind::Reply {}

/// Sends, and waits for the answer.
#[inline]
#[must_use = "the label says what came of it"]
pub fn call_registers(
    endpoint: cap::Endpoint,
    info: MessageInfo,
    words: [u64; 4],
) -> (MessageInfo, [u64; 4]) {
    system::call(endpoint.bits(), info, words)
}

/// Sends, and waits until somebody has received.
#[inline]
pub fn send_registers<T: Sendable>(to: Cap<T>, info: MessageInfo, words: [u64; 4]) {
    system::send(Sending::Send, to.bits(), info, words);
}

/// Sends if somebody is waiting to receive; else the message is lost, and nobody hears of it.
#[inline]
pub fn nb_send_registers<T: Sendable>(to: Cap<T>, info: MessageInfo, words: [u64; 4]) {
    system::send(Sending::NbSend, to.bits(), info, words);
}

/// Waits for a message: badge, info, words. Look at the badge first: a signal of a bound notification leaves the info
/// as it was.
#[inline]
#[must_use]
pub fn recv_registers(endpoint: cap::Endpoint) -> (u64, MessageInfo, [u64; 4]) {
    system::receive(Receiving::Recv, endpoint.bits())
}

/// Takes a message if somebody is waiting to send; badge 0 if not.
#[inline]
#[must_use]
pub fn nb_recv_registers(endpoint: cap::Endpoint) -> (u64, MessageInfo, [u64; 4]) {
    system::receive(Receiving::NbRecv, endpoint.bits())
}

/// Answers the last call.
#[inline]
pub fn reply_registers(info: MessageInfo, words: [u64; 4]) {
    system::send(Sending::Reply, 0, info, words);
}

/// Answers the last call and waits for a message: badge, info, words.
#[inline]
#[must_use]
pub fn reply_recv_registers(
    endpoint: cap::Endpoint,
    info: MessageInfo,
    words: [u64; 4],
) -> (u64, MessageInfo, [u64; 4]) {
    system::reply_receive(endpoint.bits(), info, words)
}

/// Lets another thread of the same priority run.
#[inline]
pub fn yield_now() {
    system::yield_now();
}

/// Sends a message of any length up to [`MESSAGE_WORDS`], and waits until somebody has received.
#[inline]
pub fn send<T: Sendable>(to: Cap<T>, label: u64, words: &[u64]) {
    let (info, registers) = put(label, words);
    send_registers(to, info, registers);
}

/// Sends a message of any length if somebody is waiting to receive.
#[inline]
pub fn nb_send<T: Sendable>(to: Cap<T>, label: u64, words: &[u64]) {
    let (info, registers) = put(label, words);
    nb_send_registers(to, info, registers);
}

/// Sends a message of any length, waits for the answer and copies as much of it as fits into `answer`.
#[inline]
#[must_use = "the label says what came of it"]
pub fn call(endpoint: cap::Endpoint, label: u64, words: &[u64], answer: &mut [u64]) -> MessageInfo {
    let (info, registers) = put(label, words);
    let (info, registers) = call_registers(endpoint, info, registers);
    take(info, registers, answer);
    info
}

/// Waits for a message and copies as much of it as fits into `words`: badge and info.
#[inline]
#[must_use]
pub fn recv(endpoint: cap::Endpoint, words: &mut [u64]) -> (u64, MessageInfo) {
    let (badge, info, registers) = recv_registers(endpoint);
    take(info, registers, words);
    (badge, info)
}

/// Takes a message if somebody is waiting to send; badge 0 if not.
#[inline]
#[must_use]
pub fn nb_recv(endpoint: cap::Endpoint, words: &mut [u64]) -> (u64, MessageInfo) {
    let (badge, info, registers) = nb_recv_registers(endpoint);
    if badge != 0 {
        take(info, registers, words);
    }
    (badge, info)
}

/// Answers the last call.
#[inline]
pub fn reply(label: u64, answer: &[u64]) {
    let (info, registers) = put(label, answer);
    reply_registers(info, registers);
}

/// Answers the last call, waits for a message and copies as much of it as fits into `words`: badge and info.
#[inline]
#[must_use]
pub fn reply_recv(
    endpoint: cap::Endpoint,
    label: u64,
    answer: &[u64],
    words: &mut [u64],
) -> (u64, MessageInfo) {
    let (info, registers) = put(label, answer);
    let (badge, info, registers) = reply_recv_registers(endpoint, info, registers);
    take(info, registers, words);
    (badge, info)
}

/// Puts a message where the kernel looks for it, cut to the longest length.
#[inline]
fn put(label: u64, words: &[u64]) -> (MessageInfo, [u64; 4]) {
    let mut registers = [0; MESSAGE_REGISTERS];
    for (register, word) in registers.iter_mut().zip(words) {
        *register = *word;
    }
    if let Some(rest) = words.get(MESSAGE_REGISTERS..) {
        ipc_buffer::write_ipc_buffer(MESSAGE_REGISTERS, rest);
    }
    (
        MessageInfo::new(label, 0, 0, words.len().min(MESSAGE_WORDS)),
        registers,
    )
}

/// Takes a message from where the kernel put it; not more than its length.
#[inline]
fn take(info: MessageInfo, registers: [u64; 4], words: &mut [u64]) {
    let length = info.length().min(words.len());
    let Some(words) = words.get_mut(..length) else {
        return;
    };
    for (word, register) in words.iter_mut().zip(registers) {
        *word = register;
    }
    if let Some(rest) = words.get_mut(MESSAGE_REGISTERS..) {
        ipc_buffer::read_ipc_buffer(MESSAGE_REGISTERS, rest);
    }
}

impl cap::Notification {
    /// Sets the bits of this capability's badge; never waits.
    #[inline]
    pub fn signal(self) {
        system::send(Sending::Send, self.bits(), MessageInfo::default(), [0; 4]);
    }

    /// Waits until bits are set, and takes them all.
    #[inline]
    #[must_use]
    pub fn wait(self) -> u64 {
        system::receive(Receiving::Recv, self.bits()).0
    }

    /// Takes the bits that are set; 0 if none are.
    #[inline]
    #[must_use]
    pub fn poll(self) -> u64 {
        system::receive(Receiving::NbRecv, self.bits()).0
    }
}
