//! The servers as a client sees them, and the two ways to talk to one.

use interfaces::call::MESSAGE_BYTES;
use interfaces::start::client_slots;
use interfaces::{Call, CallError};
use interfaces_sel4::Endpoint;

/// Whom a client can call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// The proc-server.
    Process,
    /// The memory-server.
    Memory,
    /// The limits-server.
    Limits,
    /// The root task, which drives the serial line.
    Console,
}

impl Server {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Process, Self::Memory, Self::Limits, Self::Console];

    /// The slot of the client's CSpace that holds the server's endpoint.
    #[must_use]
    pub const fn slot(self) -> u64 {
        match self {
            Self::Process => client_slots::PROC,
            Self::Memory => client_slots::MEMORY,
            Self::Limits => client_slots::LIMITS,
            Self::Console => client_slots::CONSOLE,
        }
    }

    /// The server's name, as in the archive.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "proc-server",
            Self::Memory => "memory-server",
            Self::Limits => "limits-server",
            Self::Console => "root-task",
        }
    }

    /// The server's endpoint.
    #[must_use]
    pub const fn endpoint(self) -> sel4::cap::Endpoint {
        sel4::cap::Endpoint::from_bits(self.slot())
    }
}

impl Server {
    /// Calls of any kind to the server.
    #[must_use]
    pub const fn transport(self) -> Endpoint {
        Endpoint::new(self.endpoint())
    }
}

/// Calls a server: what may come back follows from the request.
pub fn call<C: Call>(server: Server, request: &C) -> Result<C::Reply, CallError<C::Refusal>> {
    interfaces::call(&mut server.transport(), request)
}

/// What came back for a message of any kind.
#[derive(Debug)]
pub struct Answer {
    /// 0 for an encoded answer; else the number of a [`ProtocolError`](interfaces::ProtocolError).
    pub label: u64,
    bytes: [u8; MESSAGE_BYTES],
    length: usize,
}

impl Answer {
    /// The answer's payload, in whole words.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Sends any bytes with any label: for tests that misbehave.
#[must_use]
pub fn raw(server: Server, label: u64, payload: &[u8]) -> Answer {
    let mut bytes = [0; MESSAGE_BYTES];
    let (label, length) = interfaces_sel4::raw(server.endpoint(), label, payload, &mut bytes);
    Answer {
        label,
        bytes,
        length,
    }
}

/// Calls whatever is in a slot of the caller's CSpace with a message of nothing but a label; the answer's label. For
/// tests that look at what they hold.
#[must_use]
pub fn probe(slot: u64, label: u64) -> u64 {
    let mut bytes = [0; MESSAGE_BYTES];
    let endpoint = sel4::cap::Endpoint::from_bits(slot);
    interfaces_sel4::raw(endpoint, label, &[], &mut bytes).0
}
