//! The puppet: a program that does one thing at a time when it is told to, and answers one line.
//!
//! [`order`] understands a line, [`play`] has it done by [`Hands`] and says what came of it. A puppet decides nothing
//! and holds nothing that another client would not: it is how a person, or a script, makes any call by hand.
//!
//! # Invariants
//!
//! * Whatever the line, there is one answer, of one line, of at most [`ANSWER_BYTES`].
//! * A line that is not understood does nothing.
//! * What ends the puppet, or keeps it busy for ever, comes after the answer ([`After`]).

#![expect(
    clippy::result_large_err,
    reason = "a refusal is a line of text and comes once an order; there is no heap to box it on"
)]

pub mod hands;
pub mod order;
pub mod play;

pub use hands::{Hands, Words, words};
pub use order::{Order, OrderError};
pub use play::{After, Puppet};

/// The most bytes of an order.
pub const ORDER_BYTES: usize = 200;
/// The most bytes of an answer: a line's.
pub const ANSWER_BYTES: usize = interfaces::links::LINE_BYTES;

/// What `help` answers: every verb, in one line.
pub const HELP: &str = "spawn [-g GROUP] PROGRAM ARGS; thread; region PAGES; touch REGION [N]; free REGION; \
open LABEL; enter GROUP; limit GROUP RESOURCE VALUE|max [soft]; read [GROUP]; kill TASK|GROUP; wait TASK; \
exit [CODE]; spin; fault; raw SERVER LABEL BYTES; slots. \
A GROUP is an id, the label of a group below, or . for its own; kill takes a bare id for a task, `-g ID` for a group";
