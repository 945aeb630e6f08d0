//! A server's side.

use core::fmt;

use interfaces::call::{Dispatched, MESSAGE_BYTES, REGISTER_BYTES};
use interfaces::short::{ANSWER, Answered, Asked, HEAD_SHIFT, PLAIN};
use interfaces::{Badge, ProtocolError};
use sel4::MessageInfo;

use crate::words::{
    Registers, first_words, load, load_rest, load_slice, register_bytes, store, words_for,
};

/// What came.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// What the badge means; nothing if nobody ever mints it.
    pub badge: Option<Badge>,
    /// The label, with the length and whatever else the kernel says. Means nothing for a signal, which leaves the
    /// register as it was.
    pub info: MessageInfo,
    /// The first four words.
    pub registers: Registers,
}

impl Message {
    /// Whether the sender tried to send capabilities along.
    #[must_use]
    pub fn carries_capabilities(&self) -> bool {
        self.info.has_caps()
    }
}

/// A message's first number is what the kernel is told of it, and says of it.
const _: () = assert!(
    MessageInfo::new(ANSWER, 0, 0, 4).word() == (ANSWER << HEAD_SHIFT) | 4,
    "interfaces::short knows the kernel's layout",
);

/// A message as the kernel gave it: nothing of it has been copied, or understood.
#[derive(Clone, Copy, Debug)]
pub struct Raw {
    /// The badge.
    pub badge: u64,
    /// The label, with the length and whatever else the kernel says. Means nothing for a signal.
    pub info: MessageInfo,
    /// The first four words.
    pub registers: Registers,
}

impl From<(u64, MessageInfo, Registers)> for Raw {
    #[inline]
    fn from((badge, info, registers): (u64, MessageInfo, Registers)) -> Self {
        Self {
            badge,
            info,
            registers,
        }
    }
}

impl Raw {
    /// The same without the kernel's types, for who decides.
    #[inline]
    #[must_use]
    pub const fn asked(&self) -> Asked {
        Asked {
            badge: self.badge,
            head: self.info.word(),
            words: self.registers,
        }
    }
}

/// What is to be sent back before the next message is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// Nothing: the sender is not to be answered, or will be later, or was a notification.
    Nothing,
    /// An empty message: a page fault is settled.
    Resume,
    /// So many bytes of the reply buffer.
    Reply(usize),
    /// An answer or a refusal in its short form.
    Short(Answered),
    /// The message was wrong.
    Protocol(ProtocolError),
}

impl From<Dispatched> for Response {
    fn from(dispatched: Dispatched) -> Self {
        match dispatched {
            Dispatched::Reply(bytes) => Self::Reply(bytes),
            Dispatched::Short(answered) => Self::Short(answered),
            Dispatched::Later => Self::Nothing,
            Dispatched::Protocol(error) => Self::Protocol(error),
        }
    }
}

/// Where a server receives: an endpoint with one buffer for the request and one for the reply.
pub struct Port {
    endpoint: sel4::cap::Endpoint,
    request: [u8; MESSAGE_BYTES],
    request_bytes: usize,
    reply: [u8; MESSAGE_BYTES],
}

impl Port {
    /// Receives from this endpoint.
    #[must_use]
    pub const fn new(endpoint: sel4::cap::Endpoint) -> Self {
        Self {
            endpoint,
            request: [0; MESSAGE_BYTES],
            request_bytes: 0,
            reply: [0; MESSAGE_BYTES],
        }
    }

    /// Answers the last message, and waits for the next.
    #[inline]
    pub fn next(&mut self, response: Response) -> Message {
        let raw = self.next_raw(response);
        self.take(raw)
    }

    #[inline]
    fn next_raw(&mut self, response: Response) -> Raw {
        match self.prepare(response) {
            None => self.receive(),
            Some((info, registers)) => self.exchange(info, registers),
        }
    }

    /// Answers the last message with what is in registers, and waits for the next.
    #[inline]
    #[must_use = "it is a message that waits for its answer"]
    pub fn exchange(&self, info: MessageInfo, registers: Registers) -> Raw {
        sel4::reply_recv_registers(self.endpoint, info, registers).into()
    }

    /// Waits for the next message, without an answer.
    #[inline]
    #[must_use = "it is a message that waits for its answer"]
    pub fn receive(&self) -> Raw {
        sel4::recv_registers(self.endpoint).into()
    }

    /// Makes an answer ready: its first words are in [`Port::ready`] then. Nothing if there is none to be given.
    pub fn make_ready(&mut self, response: Response) -> Option<MessageInfo> {
        let (info, registers) = self.prepare(response)?;
        if let Some(first) = self.reply.first_chunk_mut::<REGISTER_BYTES>() {
            *first = register_bytes(registers);
        }
        Some(info)
    }

    /// Makes an answer ready that is so many words of the reply buffer, in which its first ones are.
    ///
    /// By itself, and no [`Response`]: most servers give none, and would look for it each time. No such answer is ever
    /// given later.
    pub fn make_plain_ready(&mut self, words: usize) -> MessageInfo {
        let bytes = words.saturating_mul(8).min(MESSAGE_BYTES);
        if bytes > REGISTER_BYTES {
            load_rest(&self.reply, bytes);
        }
        MessageInfo::new(PLAIN, 0, 0, words_for(bytes))
    }

    /// The first words of the answer that was made ready.
    #[inline]
    #[must_use]
    pub fn ready(&self) -> Registers {
        self.reply.first_chunk().map_or([0; 4], first_words)
    }

    /// Answers the last message, and does not wait for the next.
    #[inline]
    pub fn reply(&self, info: MessageInfo, registers: Registers) {
        sel4::reply_registers(info, registers);
    }

    /// The next message, if one is there already.
    #[inline]
    #[must_use = "it is a message that waits for its answer"]
    pub fn poll(&self) -> Option<Raw> {
        let raw = Raw::from(sel4::nb_recv_registers(self.endpoint));
        // The kernel says "nothing there" with badge 0, which nobody mints.
        (raw.badge != 0).then_some(raw)
    }

    /// The last message's payload, and the buffer for its reply.
    pub fn buffers(&mut self) -> (&[u8], &mut [u8]) {
        (
            self.request.get(..self.request_bytes).unwrap_or_default(),
            &mut self.reply,
        )
    }

    /// The buffer for the reply alone.
    #[inline]
    pub fn reply_buffer(&mut self) -> &mut [u8] {
        &mut self.reply
    }

    /// Takes the message that came last, before any other system call: its payload is in [`Port::buffers`] then.
    #[inline]
    pub fn take(&mut self, raw: Raw) -> Message {
        let Raw {
            badge,
            info,
            registers,
        } = raw;
        let badge = Badge::decode(badge);
        // After a signal the length is the last message's; there is nothing to take.
        self.request_bytes = match badge {
            Some(Badge::Signal { .. }) => 0,
            _ => store(registers, info.length(), &mut self.request),
        };
        Message {
            badge,
            info,
            registers,
        }
    }

    #[inline]
    fn prepare(&mut self, response: Response) -> Option<(MessageInfo, Registers)> {
        match response {
            Response::Nothing => None,
            Response::Resume => Some((MessageInfo::new(0, 0, 0, 0), [0; 4])),
            Response::Reply(bytes) => {
                let bytes = bytes.min(MESSAGE_BYTES);
                Some((
                    MessageInfo::new(0, 0, 0, words_for(bytes)),
                    load(&self.reply, bytes),
                ))
            }
            Response::Short(Answered { head, words }) => {
                Some((MessageInfo::from_word(head), words))
            }
            Response::Protocol(error) => Some((MessageInfo::new(error as u64, 0, 0, 0), [0; 4])),
        }
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Port")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// Answers somebody whose reply capability was kept; the capability is used up.
pub fn answer_saved(reply: sel4::cap::Reply, response: Dispatched, payload: &[u8]) {
    match response {
        Dispatched::Reply(bytes) => {
            let payload = payload.get(..bytes).unwrap_or_default();
            let info = MessageInfo::new(0, 0, 0, words_for(payload.len()));
            sel4::send_registers(reply, info, load_slice(payload));
        }
        Dispatched::Short(Answered { head, words }) => {
            sel4::send_registers(reply, MessageInfo::from_word(head), words);
        }
        Dispatched::Protocol(error) => {
            sel4::send_registers(reply, MessageInfo::new(error as u64, 0, 0, 0), [0; 4]);
        }
        Dispatched::Later => {}
    }
}

/// The message info and the words in registers of an answer that fits them; what is beyond is cut.
#[must_use]
pub fn answer_in_registers(payload: &[u8]) -> (u64, Registers) {
    let bytes = payload.len().min(REGISTER_BYTES);
    let mut buffer = [0; MESSAGE_BYTES];
    for (to, from) in buffer.iter_mut().zip(payload.iter().take(bytes)) {
        *to = *from;
    }
    (
        MessageInfo::new(0, 0, 0, words_for(bytes)).word(),
        load(&buffer, bytes),
    )
}
