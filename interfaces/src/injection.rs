//! What the tests ask a server that is built to fail: the n-th step from now on that could go wrong is to.
//!
//! Served only by servers that are built with the feature `injection`, which no system is that is to be trusted; any other
//! answers [`UnknownInterface`](crate::ProtocolError::UnknownInterface). Why an interface of its own, and not one more
//! operation in each of the servers' lists: then no server has anything of it in its core, and the released ones have
//! nothing of it at all.

use serde::{Deserialize, Serialize};

use crate::interface;
use crate::limits::Never;

/// Something that a server does, that can fail, and that is not giving something back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum Step {
    /// An allocation: an untyped is retyped into an object, or split.
    Retype = 0,
    /// A capability is copied or minted.
    Copy = 1,
    /// A page table or a frame is mapped, or mapped with other rights.
    Map = 2,
    /// An address space gets its ASID.
    Assign = 3,
    /// A frame is filled from the archive or from another frame.
    Fill = 4,
    /// A thread is configured, started, or given a priority.
    Thread = 5,
    /// The limits-server is asked to charge.
    Charge = 6,
    /// Another server is asked for anything else.
    Call = 7,
    /// A client's call or fault is answered. One that is lost is lost because whoever waits for it was ended in between:
    /// nothing else makes this kernel lose an answer.
    Reply = 8,
}

impl Step {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Retype,
        Self::Copy,
        Self::Map,
        Self::Assign,
        Self::Fill,
        Self::Thread,
        Self::Charge,
        Self::Call,
        Self::Reply,
    ];

    /// Its bit in [`Arm::steps`].
    #[must_use]
    pub const fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// What makes the steps that count.
pub const ACTS: u16 = Step::Reply.bit() - 1;

/// From now on counts the steps of these kinds, and lets the n-th fail. Instead of what was asked for before. For an
/// operator, whose own answers are never lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arm {
    /// The kinds, as [`Step::bit`] says.
    pub steps: u16,
    /// Which of them fails, from 1 on; 0: none.
    pub nth: u32,
}

/// No step fails any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disarm {}

/// What became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Injected {
    /// How many steps were counted.
    pub passed: u32,
    /// What kind the one was that failed; nothing if it never came to it.
    pub hit: Option<Step>,
}

/// Why nothing was armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArmRefusal {
    /// The caller is no operator.
    NotOperator,
}

interface! {
    /// Steps that fail when they are told to.
    pub interface 7 version 1 {
        /// Lets the n-th step fail.
        0 => arm(Arm) -> (), or ArmRefusal;
        /// Lets none fail.
        1 => disarm(Disarm) -> Injected, or Never;
    }
}
