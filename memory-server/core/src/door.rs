//! The door: every message that arrives, whoever sent it and whatever is in it, becomes an answer.
//!
//! The badge says who; below this module nobody sees it. A fault is believed only over a fault capability, which the
//! kernel uses; a client holds one too, but can only do to itself with it what a real fault does.

use interfaces::call::Dispatched;
use interfaces::identity::TaskTag;
use interfaces::provision::Cause;
use interfaces::{Badge, Caller, Label, ProtocolError, ServerName, memory, provision};

use crate::fault::PageFault;
use crate::hands::{Kernel, Ledger};
use crate::server::MemoryServer;
use crate::space::State;

/// The highest label of a kernel's fault message.
const LAST_FAULT: u64 = 6;

/// A fault message, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultMessage {
    /// A page fault.
    Page(PageFault),
    /// Anything else: the thread cannot go on.
    Fatal(Cause),
}

/// What is to be sent back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing, ever.
    Nothing,
    /// An empty message: the faulting thread goes on.
    Resume,
    /// What the operation's dispatch said.
    Dispatched(Dispatched),
}

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Answers a request.
    pub fn request(
        &mut self,
        caller: Caller,
        label: u64,
        carries_capabilities: bool,
        payload: &[u8],
        reply: &mut [u8],
    ) -> Answer {
        let dispatched = self
            .dispatch(caller, label, carries_capabilities, payload, reply)
            .unwrap_or_else(Dispatched::Protocol);
        if let Dispatched::Protocol(_) = dispatched {
            self.count_protocol_error();
        }
        Answer::Dispatched(dispatched)
    }

    /// Answers a message over a fault capability; `fault` is nothing if it is no fault that the kernel sends.
    pub fn fault(&mut self, tag: TaskTag, fault: Option<FaultMessage>) -> Answer {
        let Some(fault) = fault else {
            return self.protocol(ProtocolError::UnknownInterface);
        };
        let Some(index) = self.place_of(tag) else {
            // Its task is gone, and the thread with it.
            return Answer::Nothing;
        };
        let result = match fault {
            FaultMessage::Page(_) if self.is_dry(self.space(index).task) => Ok(()),
            FaultMessage::Page(fault) => self.page_fault(index, fault),
            FaultMessage::Fatal(cause) => Err(cause),
        };
        match result {
            Ok(()) => Answer::Resume,
            Err(cause) => {
                if self.memory.spaces.report(index, cause) {
                    self.kernel.signal_news();
                }
                Answer::Nothing
            }
        }
    }

    /// Turns a message down whose badge nobody mints for this endpoint.
    pub fn stranger(&mut self) -> Answer {
        self.protocol(ProtocolError::UnknownCaller)
    }

    fn dispatch(
        &mut self,
        caller: Caller,
        label: u64,
        carries_capabilities: bool,
        payload: &[u8],
        reply: &mut [u8],
    ) -> Result<Dispatched, ProtocolError> {
        if label <= LAST_FAULT {
            return Err(ProtocolError::ForgedFault);
        }
        if carries_capabilities {
            return Err(ProtocolError::CapabilitiesSent);
        }
        let label = Label::from_bits(label);
        match (caller.task(), label.interface()) {
            (Some(tag), memory::INTERFACE) => {
                self.place_of(tag).ok_or(ProtocolError::UnknownCaller)?;
                Ok(memory::dispatch(self, caller, label, payload, reply))
            }
            (None, provision::INTERFACE) if caller == Caller::server(ServerName::Proc) => {
                Ok(provision::dispatch(self, caller, label, payload, reply))
            }
            (_, provision::INTERFACE) => Err(ProtocolError::NotForClients),
            _ => Err(ProtocolError::UnknownInterface),
        }
    }

    /// The place of the living space of the task with this tag.
    fn place_of(&self, tag: TaskTag) -> Option<u32> {
        let space = self.memory.spaces.peek(tag.index())?;
        (space.state == State::Live && tag.is(space.task)).then_some(tag.index())
    }

    fn protocol(&mut self, error: ProtocolError) -> Answer {
        self.count_protocol_error();
        Answer::Dispatched(Dispatched::Protocol(error))
    }

    fn count_protocol_error(&mut self) {
        self.counters.protocol_errors = self.counters.protocol_errors.saturating_add(1);
    }
}

/// Who a message is from, as far as this server cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Somebody who asks.
    Caller(Caller),
    /// A task's fault.
    Fault(TaskTag),
    /// Nobody who should.
    Stranger,
}

impl Sender {
    /// Whom a badge names.
    #[must_use]
    pub const fn of(badge: Option<Badge>) -> Self {
        match badge {
            Some(Badge::Service(caller)) => Self::Caller(caller),
            Some(Badge::Fault(tag)) => Self::Fault(tag),
            _ => Self::Stranger,
        }
    }
}
