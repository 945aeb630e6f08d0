//! Lets the n-th step of a server fail, as `interfaces::injection` asks.
//!
//! A server that is built with its feature `injection` has hands that ask [`fails`] before each step, and a loop that hands
//! [`asked`] every message first and asks [`loses`] before each answer. What is counted is a server's own: it has one
//! thread, so the counters need no order among them.
//!
//! # Invariants
//!
//! - A step that fails is not taken: what the kernel or another server would have done has not been done.
//! - At most one step fails for each time that a server is armed.
//! - An answer to whoever armed it, or to another server, is never lost: only a client can be ended while it waits.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use interfaces::call::Outcome;
use interfaces::identity::Caller;
use interfaces::injection::{self, Arm, ArmRefusal, Disarm, Injected, Step};
use interfaces::limits::Never;
use interfaces::{Badge, CallError, Label, ProtocolError, Transport};
use interfaces_sel4::{Endpoint, Message, Port, Response};

/// Which kinds are counted; none while nothing is armed.
static STEPS: AtomicU32 = AtomicU32::new(0);
/// Which of them is to fail.
static NTH: AtomicU32 = AtomicU32::new(0);
/// How many there were.
static PASSED: AtomicU32 = AtomicU32::new(0);
/// The kind of the one that failed, and one more; 0 for none.
static HIT: AtomicU32 = AtomicU32::new(0);
/// Whose answers are not lost.
static ARMER: AtomicU64 = AtomicU64::new(0);

/// Whether this step is the one that fails.
#[must_use]
pub fn fails(step: Step) -> bool {
    if STEPS.load(Relaxed) & u32::from(step.bit()) == 0 {
        return false;
    }
    let passed = PASSED.load(Relaxed).saturating_add(1);
    PASSED.store(passed, Relaxed);
    let is_it = passed == NTH.load(Relaxed);
    if is_it {
        HIT.store(u32::from(step as u8).saturating_add(1), Relaxed);
    }
    is_it
}

/// The kernel's error for a step that fails, or nothing.
///
/// # Errors
///
/// The one with which the kernel refuses such a step.
pub fn refused(step: Step) -> Result<(), sel4::Error> {
    if !fails(step) {
        return Ok(());
    }
    Err(match step {
        // The untyped has too little left.
        Step::Retype => sel4::Error::NotEnoughMemory,
        // The slot is taken, or the pool has no ASID.
        Step::Copy | Step::Assign => sel4::Error::DeleteFirst,
        // A table is missing on the way.
        Step::Map | Step::Fill => sel4::Error::FailedLookup,
        _ => sel4::Error::IllegalOperation,
    })
}

/// Whether the answer to this message is the one that is lost.
#[must_use]
pub fn loses(badge: Option<Badge>) -> bool {
    let by_client = match badge {
        Some(Badge::Service(caller)) => caller.is_client(),
        Some(Badge::Fault(_)) => true,
        _ => false,
    };
    let is_armers = badge.is_some_and(|badge| badge.encode() == ARMER.load(Relaxed));
    by_client && !is_armers && fails(Step::Reply)
}

/// Answers a message if it is one of `interfaces::injection`.
pub fn asked(port: &mut Port, message: &Message) -> Option<Response> {
    let label = Label::from_bits(message.info.label());
    let Some(Badge::Service(caller)) = message.badge else {
        return None;
    };
    if !caller.is_client()
        || label.interface() != injection::INTERFACE
        || message.carries_capabilities()
    {
        return None;
    }
    let (payload, reply) = port.buffers();
    let mut armory = Armory {
        badge: Badge::Service(caller).encode(),
    };
    Some(injection::dispatch(&mut armory, caller, label, payload, reply).into())
}

/// Who may arm, and who did.
struct Armory {
    badge: u64,
}

impl injection::Server for Armory {
    fn arm(&mut self, caller: Caller, request: Arm) -> Result<(), ArmRefusal> {
        if !caller.is_operator() {
            return Err(ArmRefusal::NotOperator);
        }
        STEPS.store(u32::from(request.steps), Relaxed);
        NTH.store(request.nth, Relaxed);
        PASSED.store(0, Relaxed);
        HIT.store(0, Relaxed);
        ARMER.store(self.badge, Relaxed);
        Ok(())
    }

    fn disarm(&mut self, caller: Caller, _: Disarm) -> Result<Injected, Never> {
        if !caller.is_operator() {
            return Ok(Injected::default());
        }
        STEPS.store(0, Relaxed);
        let hit = HIT.load(Relaxed);
        let hit = Step::ALL
            .into_iter()
            .find(|&step| u32::from(step as u8).saturating_add(1) == hit);
        Ok(Injected {
            passed: PASSED.load(Relaxed),
            hit,
        })
    }
}

/// Another server, which does not understand the n-th message.
#[derive(Debug)]
pub struct Failing(Endpoint);

impl Failing {
    /// Over this endpoint.
    #[must_use]
    pub const fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }
}

impl Transport for Failing {
    fn exchange<C: interfaces::Call>(&mut self, request: &C) -> Outcome<C> {
        if fails(Step::Call) {
            // A refusal is injected where it comes from: in the server that is asked.
            return Err(CallError::Protocol(ProtocolError::Malformed));
        }
        self.0.exchange(request)
    }
}

#[cfg(test)]
mod tests {
    use interfaces::identity::TaskTag;
    use interfaces::injection::{ACTS, Server as _};

    use super::*;

    fn client(index: u32, operator: bool) -> Caller {
        let tag = TaskTag::new(index, 0);
        Caller::client(tag, operator)
    }

    // One test: the counters are the program's.
    #[test]
    fn the_nth_step_of_the_kinds_that_were_asked_for_fails_and_no_other() {
        let (operator, other) = (client(1, true), client(2, false));
        let mut armory = Armory {
            badge: Badge::Service(operator).encode(),
        };
        assert!(Step::ALL.into_iter().all(|step| !fails(step)));
        let arm = |steps, nth| Arm { steps, nth };
        let refused = armory.arm(other, arm(ACTS, 1));
        assert_eq!(refused, Err(ArmRefusal::NotOperator));
        assert!(!fails(Step::Map));
        assert_eq!(armory.arm(operator, arm(ACTS, 3)), Ok(()));
        assert!(!fails(Step::Map) && !fails(Step::Reply) && !fails(Step::Charge));
        assert!(super::refused(Step::Retype) == Err(sel4::Error::NotEnoughMemory));
        assert!(!fails(Step::Map));
        // Who may not arm may not disarm either.
        assert_eq!(armory.disarm(other, Disarm {}), Ok(Injected::default()));
        let injected = Injected {
            passed: 4,
            hit: Some(Step::Retype),
        };
        assert_eq!(armory.disarm(operator, Disarm {}), Ok(injected));
        assert!(Step::ALL.into_iter().all(|step| !fails(step)));
        // Answers of clients are lost, but not the operator's, nor a server's.
        let server = Badge::Service(Caller::server(interfaces::ServerName::Proc));
        assert_eq!(armory.arm(operator, arm(Step::Reply.bit(), 1)), Ok(()));
        assert!(!loses(Some(Badge::Service(operator))) && !loses(Some(server)) && !loses(None));
        assert!(loses(Some(Badge::Service(other))));
        assert!(!loses(Some(Badge::Service(other))));
    }
}
