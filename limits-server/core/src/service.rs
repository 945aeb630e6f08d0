//! The limits-server, but for the system calls: what comes in as badge, label and bytes goes out as bytes.
//!
//! So the whole server runs on the host too, over [`interfaces::call::Loopback`], and the same cases that are put to
//! it there are put to it in QEMU.
//!
//! # The door
//!
//! | badge | message | what happens |
//! |---|---|---|
//! | birth | the kernel's page fault | a birth notice: noted, never answered |
//! | birth | any other fault | counted, never answered: an answer would let the thread run |
//! | birth | anything else | turned down |
//! | client | a fault's label | turned down: forged |
//! | client, gone | | turned down |
//! | client | | served, but not what is for servers only |
//! | server | | served, but not what is for clients only |
//! | anything else | | counted, never answered: nobody mints such a badge for this endpoint |
//!
//! # Never
//!
//! Panics on a message; changes anything for a message that it turns down or refuses, but counters; answers before
//! the ledger is in order.

use interfaces::call::ProtocolError;
use interfaces::short::{Answered, Asked};
use interfaces::{Badge, Caller, Dispatched, Label, accounting, limits};

use crate::access::Viewer;
use crate::ledger::Ledger;

mod clients;
mod rights;
mod servers;

/// What a message is, by its label alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The kernel's label for a page fault.
    PageFault,
    /// Another of the kernel's fault labels.
    OtherFault,
    /// A request.
    Request {
        /// Its label.
        label: Label,
        /// Whether capabilities were sent along.
        with_capabilities: bool,
    },
}

/// What is to be done with a message, before anything of it is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The kernel reports the birth of the thread at this place.
    Birth(u32),
    /// It is counted and never answered.
    Silence,
    /// It is turned down.
    TurnDown(ProtocolError),
    /// It is served as a request of this task.
    Client(Label),
    /// It is served as a request of another server.
    Server(Label),
}

/// The limits-server.
#[derive(Debug)]
pub struct LimitsServer<'a> {
    ledger: Ledger<'a>,
    protocol_errors: u64,
}

impl<'a> LimitsServer<'a> {
    /// Serves a ledger.
    #[must_use]
    pub const fn new(ledger: Ledger<'a>) -> Self {
        Self {
            ledger,
            protocol_errors: 0,
        }
    }

    /// The ledger.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger<'a> {
        &self.ledger
    }

    /// Handles one message. `Later` means that nothing is sent back, now or ever.
    #[inline]
    pub fn handle(
        &mut self,
        badge: Option<Badge>,
        arrival: Arrival,
        payload: &[u8],
        reply: &mut [u8],
    ) -> Dispatched {
        self.ledger.leave_on();
        let dispatched = self.serve(badge, arrival, payload, reply);
        self.ledger.rings.signal();
        dispatched
    }

    /// Handles a request in its short form, without its bytes; nothing if it is not from somebody who is served, and then
    /// [`LimitsServer::handle`] says what is to be done with it.
    ///
    /// What it does is the same in any case: this is only the shorter way for what comes most.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "it is the server's loop")]
    pub fn handle_short(&mut self, asked: Asked, reply: &mut [u8]) -> Option<Answered> {
        let badge = asked.badge;
        // One look at what each of the two interfaces is for: whatever else it may be is rare.
        let answered =
            if let Some((operation, words)) = asked.of(limits::INTERFACE, limits::VERSION) {
                let caller = self.ledger.asker(badge)?;
                self.ledger.leave_on();
                limits::dispatch_short(self, caller, operation, words, reply)
            } else {
                let (operation, words) = asked.of(accounting::INTERFACE, accounting::VERSION)?;
                let caller = Caller::of_badge(badge)?;
                let label = Label::new(accounting::INTERFACE, accounting::VERSION, operation);
                if !matches!(self.service_door(caller, label), Door::Server(_)) {
                    return None;
                }
                self.ledger.leave_on();
                accounting::dispatch_short(self, caller, operation, words, reply)
            };
        self.ledger.rings.signal();
        Some(answered)
    }

    /// Counts an answer of [`LimitsServer::handle_short`] that is none in its short form, if the request was wrong.
    pub fn count(&mut self, answered: Answered) {
        if let Dispatched::Protocol(_) = answered.dispatched() {
            self.count_error();
        }
    }

    #[inline]
    fn serve(
        &mut self,
        badge: Option<Badge>,
        arrival: Arrival,
        payload: &[u8],
        reply: &mut [u8],
    ) -> Dispatched {
        let dispatched = match (self.door(badge, arrival), badge) {
            (Door::Server(label), Some(Badge::Service(caller))) => {
                accounting::dispatch(self, caller, label, payload, reply)
            }
            (Door::Client(label), Some(Badge::Service(caller))) => {
                limits::dispatch(self, caller, label, payload, reply)
            }
            (Door::Birth(thread), _) => {
                // An unexpected one is counted by the ledger.
                let _ = self.ledger.birth_notice(thread);
                return Dispatched::Later;
            }
            (Door::TurnDown(error), _) => Dispatched::Protocol(error),
            _ => {
                self.count_error();
                return Dispatched::Later;
            }
        };
        if let Dispatched::Protocol(_) = dispatched {
            self.count_error();
        }
        dispatched
    }

    /// What is to be done with a message.
    #[inline]
    #[must_use]
    pub fn door(&self, badge: Option<Badge>, arrival: Arrival) -> Door {
        match (badge, arrival) {
            (Some(Badge::Service(_)), Arrival::PageFault | Arrival::OtherFault) => {
                Door::TurnDown(ProtocolError::ForgedFault)
            }
            (
                Some(Badge::Service(_) | Badge::Birth { .. }),
                Arrival::Request {
                    with_capabilities: true,
                    ..
                },
            ) => Door::TurnDown(ProtocolError::CapabilitiesSent),
            (Some(Badge::Service(caller)), Arrival::Request { label, .. }) => {
                self.service_door(caller, label)
            }
            (Some(Badge::Birth { thread }), Arrival::PageFault) => Door::Birth(thread),
            (Some(Badge::Birth { .. }), Arrival::Request { .. }) => {
                Door::TurnDown(ProtocolError::UnknownInterface)
            }
            _ => Door::Silence,
        }
    }

    #[inline]
    fn service_door(&self, caller: Caller, label: Label) -> Door {
        // A test build, in which the benchmarks time what the servers ask: as a server, which nobody looks up.
        #[cfg(feature = "bench")]
        if caller.is_operator() && label.interface() == accounting::INTERFACE {
            return Door::Server(label);
        }
        match caller.task() {
            // What a client asks depends on the group that it is in; a server is in none.
            None if label.interface() == limits::INTERFACE => {
                Door::TurnDown(ProtocolError::UnknownInterface)
            }
            None => Door::Server(label),
            Some(_) if self.viewer(caller).is_none() => {
                Door::TurnDown(ProtocolError::UnknownCaller)
            }
            Some(_) if label.interface() == accounting::INTERFACE => {
                Door::TurnDown(ProtocolError::NotForClients)
            }
            Some(_) => Door::Client(label),
        }
    }

    #[inline]
    fn count_error(&mut self) {
        self.protocol_errors = self.protocol_errors.wrapping_add(1);
    }

    /// The calling task as a viewer of the ledger. Always there for what has come through the door.
    #[inline]
    fn viewer(&self, caller: Caller) -> Option<Viewer> {
        self.ledger.viewer_of(caller)
    }
}
