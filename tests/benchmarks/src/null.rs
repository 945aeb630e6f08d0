//! The least that a call can be: a request without content, and no answer but a label.

use client::Server;
use client::interfaces::call::{Call, Label, ProtocolError};
use client::interfaces::limits::{INTERFACE, Never, VERSION};
use client::interfaces::{CallError, call};
use interfaces_sel4::Endpoint;
use serde::{Deserialize, Serialize};

use crate::Trouble;

/// Asks for an operation that does not exist, and so goes through everything but an operation.
#[derive(Serialize, Deserialize)]
struct Null {}

impl Call for Null {
    type Reply = ();
    type Refusal = Never;
    const LABEL: Label = Label::new(INTERFACE, VERSION, 255);
    const NAME: &'static str = "null";
}

/// One round trip to the limits-server.
pub fn null() -> Result<(), Trouble> {
    match call(&mut Endpoint::new(Server::Limits.endpoint()), &Null {}) {
        Err(CallError::Protocol(ProtocolError::UnknownOperation)) => Ok(()),
        _ => Err(Trouble::here()),
    }
}
