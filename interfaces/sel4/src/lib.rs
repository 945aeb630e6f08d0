//! The interfaces over seL4 endpoints: the one place that touches message registers.
//!
//! [`Endpoint`] carries a caller's requests, [`Port`] is where a server receives them. Both keep a message of at
//! most four words in registers, which the kernel's fast path wants, and use the IPC buffer for the rest. No
//! capability ever travels: neither side names one, and servers set no slot to receive any.

#![no_std]
#![forbid(unsafe_code)]

mod endpoint;
mod port;
mod words;

pub use endpoint::{Endpoint, raw};
pub use port::{Message, Port, Raw, Response, answer_in_registers, answer_saved};
pub use words::Registers;
