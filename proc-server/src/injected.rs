//! The hands of a test build: each step that could fail may be told to, and then is not taken.
//!
//! What gives something back is not among them (deleting a capability cannot fail in this kernel), nor are the timer and the
//! watchman, which no task's life depends on. Calls to the other servers are, those that give something back too.

use interfaces::identity::Badge;
use interfaces::injection::{self, Step};
use interfaces::start::proc_slots;
use interfaces::{Label, Transport};
use interfaces_injection::{Failing, asked, fails, loses, refused};
use interfaces_sel4::{Endpoint, Raw};
use process_core::{ClientSlot, Entry, Hands, KernelError, Rate, Service, Settle};
use sel4::cap;

use crate::{Serving, hands};

/// Takes a message that was sent to make this server fail, or whose answer is to be lost. Gives the next one; nothing if the
/// message is one like any other.
pub fn takes(serving: &mut Serving<'_>, raw: Raw) -> Option<Raw> {
    let badge = Badge::decode(raw.badge);
    if Label::from_bits(raw.info.label()).interface() == injection::INTERFACE {
        let message = serving.port.take(raw);
        let response = asked(&mut serving.port, &message)?;
        return Some(match serving.port.make_ready(response) {
            Some(info) => serving.exchange(info, serving.port.ready()),
            None => serving.receive(),
        });
    }
    let Some(Badge::Service(_)) = badge else {
        return None;
    };
    // What is answered later is lost when it is.
    let info = serving.answer(raw);
    Some(match info {
        Some(info) if !loses(badge) => serving.exchange(info, serving.port.ready()),
        _ => serving.receive(),
    })
}

/// The capabilities, some of whose invocations fail.
#[derive(Debug)]
pub struct Capabilities {
    limits: Failing,
    memory: Failing,
    inner: hands::Capabilities,
}

impl Capabilities {
    /// See [`hands::Capabilities::new`].
    pub const fn new(rate: Rate) -> Self {
        Self {
            limits: failing(proc_slots::LIMITS),
            memory: failing(proc_slots::MEMORY),
            inner: hands::Capabilities::new(rate),
        }
    }
}

const fn failing(slot: u64) -> Failing {
    Failing::new(Endpoint::new(cap::Endpoint::from_bits(slot)))
}

fn may(step: Step) -> Result<(), KernelError> {
    refused(step).map_err(hands::refused)
}

impl Hands for Capabilities {
    fn limits(&mut self) -> &mut impl Transport {
        &mut self.limits
    }

    fn memory(&mut self) -> &mut impl Transport {
        &mut self.memory
    }

    fn mint(
        &mut self,
        first: u32,
        slot: u64,
        service: Service,
        badge: Badge,
    ) -> Result<(), KernelError> {
        may(Step::Copy)?;
        self.inner.mint(first, slot, service, badge)
    }

    fn mint_birth(&mut self, thread: u32) -> Result<(), KernelError> {
        may(Step::Copy)?;
        self.inner.mint_birth(thread)
    }

    fn bear(&mut self, thread: u32, first: u32, priority: u8) -> Result<(), KernelError> {
        may(Step::Thread)?;
        self.inner.bear(thread, first, priority)
    }

    fn suspend(&mut self, thread: u32) -> Result<(), KernelError> {
        may(Step::Thread)?;
        self.inner.suspend(thread)
    }

    fn bear_again(&mut self, thread: u32, first: u32, priority: u8) -> Result<(), KernelError> {
        may(Step::Thread)?;
        self.inner.bear_again(thread, first, priority)
    }

    fn settle(&mut self, settle: Settle) -> Result<(), KernelError> {
        may(Step::Thread)?;
        self.inner.settle(settle)
    }

    fn run(&mut self, thread: u32, entry: Entry) -> Result<(), KernelError> {
        may(Step::Thread)?;
        self.inner.run(thread, entry)
    }

    fn set_priority(&mut self, thread: u32, priority: u8) -> Result<(), KernelError> {
        may(Step::Thread)?;
        self.inner.set_priority(thread, priority)
    }

    fn keep_watch(&mut self, awake: bool) -> Result<(), KernelError> {
        self.inner.keep_watch(awake)
    }

    fn run_copy(&mut self, thread: u32, of: u32, answer: &[u8]) -> Result<(), KernelError> {
        may(Step::Thread)?;
        self.inner.run_copy(thread, of, answer)
    }

    fn clear(&mut self, thread: u32) -> u64 {
        self.inner.clear(thread)
    }

    fn place_ring(&mut self, first: u32, slot: u64) -> Result<(), KernelError> {
        may(Step::Copy)?;
        self.inner.place_ring(first, slot)
    }

    fn drop_ring(&mut self) {
        self.inner.drop_ring();
    }

    fn open_mailbox(&mut self, first: u32) -> Result<(), KernelError> {
        may(Step::Copy)?;
        self.inner.open_mailbox(first)
    }

    fn drop_mailbox(&mut self, first: u32) {
        self.inner.drop_mailbox(first);
    }

    fn mint_link(
        &mut self,
        first: u32,
        slot: u64,
        to: u32,
        badge: Badge,
    ) -> Result<(), KernelError> {
        may(Step::Copy)?;
        self.inner.mint_link(first, slot, to, badge)
    }

    fn drop_link(&mut self, first: u32, slot: u64) -> Result<(), KernelError> {
        self.inner.drop_link(first, slot)
    }

    fn cancel_sends(&mut self, to: u32, badge: Badge) -> Result<(), KernelError> {
        self.inner.cancel_sends(to, badge)
    }

    fn ring_bell(&mut self, first: u32) {
        self.inner.ring_bell(first);
    }

    fn is_thread(&mut self, slot: u64) -> bool {
        self.inner.is_thread(slot)
    }

    fn is_taken(&mut self, of: ClientSlot) -> bool {
        self.inner.is_taken(of)
    }

    fn keep_reply(&mut self, waiter: u32) -> Result<(), KernelError> {
        may(Step::Copy)?;
        self.inner.keep_reply(waiter)
    }

    fn reply_is_gone(&mut self, waiter: u32) -> bool {
        self.inner.reply_is_gone(waiter)
    }

    fn drop_reply(&mut self, waiter: u32) {
        self.inner.drop_reply(waiter);
    }

    fn now(&mut self) -> u64 {
        self.inner.now()
    }

    fn set_timer(&mut self, ns: u64) -> Result<(), KernelError> {
        self.inner.set_timer(ns)
    }

    fn timer_heard(&mut self) -> Result<(), KernelError> {
        self.inner.timer_heard()
    }

    fn answer(&mut self, waiter: u32, payload: &[u8]) {
        if fails(Step::Reply) {
            // Whoever waited is never answered.
            self.inner.drop_reply(waiter);
        } else {
            self.inner.answer(waiter, payload);
        }
    }
}
