//! The hands of the proc-server: each does one thing to the kernel and decides nothing.

use interfaces::Transport;
use interfaces::call::Dispatched;
use interfaces::identity::Badge;
use interfaces::provision::{CLIENT_CNODE_RADIX, MailboxSlot, THREAD_SLOTS, ThreadSlot};
use interfaces::start::{client_slots, proc_slots};
use interfaces_sel4::{Endpoint, answer_in_registers, answer_saved};
use process_core::clock::timer_ticks;
use process_core::{ClientSlot, Entry, Hands, KernelError, Rate, Service, Settle};
use sel4::probe::Kind;
use sel4::{CapData, CapRights, Priorities, Slot, UserContext, cap};

use crate::{timer, watchman};

/// Registers of a [`UserContext`] from its first: the address of the next instruction.
const IP_ALONE: usize = 1;
/// The same up to `rdi`.
const UP_TO_ARGUMENT: usize = 9;
const _: () = assert!(
    core::mem::offset_of!(UserContext, rip) == 0
        && core::mem::offset_of!(UserContext, rdi) == (UP_TO_ARGUMENT - 1) * 8
);
/// The bits of a client's CNode and of the birth CNode.
const CLIENT_RADIX: u8 = radix(CLIENT_CNODE_RADIX);
const BIRTH_RADIX: u8 = radix(proc_slots::BIRTH_RADIX);

/// The proc-server's capabilities, all in the slots that [`proc_slots`] says.
#[derive(Debug)]
pub struct Capabilities {
    limits: Endpoint,
    memory: Endpoint,
    rate: Rate,
}

impl Capabilities {
    /// The capabilities as the root task hands them out, with a time stamp counter of this rate.
    pub const fn new(rate: Rate) -> Self {
        Self {
            limits: Endpoint::new(cap::Endpoint::from_bits(proc_slots::LIMITS)),
            memory: Endpoint::new(cap::Endpoint::from_bits(proc_slots::MEMORY)),
            rate,
        }
    }
}

const fn radix(bits: u32) -> u8 {
    assert!(bits < 64, "a CNode has fewer slots than a CSpace");
    (bits & 63) as u8
}

/// A slot of the proc-server's own.
const fn own(slot: u64) -> Slot {
    Slot::in_root(cap::CNode::from_bits(proc_slots::CNODE), slot)
}

/// The slot where the reply capability of a waiter is kept.
const fn reply_slot(waiter: u32) -> Slot {
    own(proc_slots::reply(waiter))
}

/// A slot of a client's CNode, as the memory-server made it, without a guard.
const fn client(first: u32, slot: u64) -> Slot {
    let node = cap::CNode::from_bits(ThreadSlot::CNode.of(first));
    Slot::new(node, slot, CLIENT_RADIX)
}

const fn bell(first: u32) -> cap::Notification {
    cap::Notification::from_bits(MailboxSlot::Bell.of(first))
}

const fn tcb(thread: u32) -> cap::Tcb {
    cap::Tcb::from_bits(ThreadSlot::Tcb.of(thread))
}

const fn space(first: u32) -> cap::Pml4 {
    cap::Pml4::from_bits(ThreadSlot::Space.of(first))
}

/// Gives a thread that does not run the birth CNode and the priority to be born at.
fn put_in_birth(thread: u32, first: u32, priority: u8) -> sel4::Result<()> {
    tcb(thread).configure(
        u64::from(thread),
        Priorities { mcp: 0, priority },
        cap::CNode::from_bits(proc_slots::BIRTH_CNODE),
        CapData::skip_guard(BIRTH_RADIX),
        space(first),
        0,
        cap::Frame::NULL,
    )
}

/// The kernel's error as the core knows it.
pub const fn refused(error: sel4::Error) -> KernelError {
    // The kernel counts its errors from 1.
    KernelError((error as u8).saturating_add(1))
}

/// Moves what is in a slot to the scratch slot. Whether there was anything.
fn take_out(slot: Slot) -> bool {
    own(proc_slots::SCRATCH).move_from(slot).is_ok()
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
        let from = match service {
            Service::Proc => proc_slots::ENDPOINT,
            Service::Memory => proc_slots::MEMORY_MINT,
            Service::Limits => proc_slots::LIMITS_MINT,
            Service::Console => proc_slots::CONSOLE_MINT,
        };
        client(first, slot)
            .mint_from(own(from), CapRights::WRITE_GRANT, badge.encode())
            .map_err(refused)
    }

    fn mint_birth(&mut self, thread: u32) -> Result<(), KernelError> {
        let badge = Badge::Birth { thread }.encode();
        // The root task gave it the guard of a whole CSpace, which it is for a newborn.
        let node = cap::CNode::from_bits(proc_slots::BIRTH_CNODE);
        Slot::in_root(node, u64::from(thread))
            .mint_from(own(proc_slots::LIMITS_MINT), CapRights::WRITE_GRANT, badge)
            .map_err(refused)
    }

    fn bear(&mut self, thread: u32, first: u32, priority: u8) -> Result<(), KernelError> {
        // Its registers are as they were made, all zero: its first instruction is at address 0.
        put_in_birth(thread, first, priority)
            .and_then(|()| tcb(thread).resume())
            .map_err(refused)
    }

    fn suspend(&mut self, thread: u32) -> Result<(), KernelError> {
        tcb(thread).suspend().map_err(refused)
    }

    fn bear_again(&mut self, thread: u32, first: u32, priority: u8) -> Result<(), KernelError> {
        // Elsewhere than at the system call in which it was stopped, so that this is not made again. What it may have been
        // stopped in besides, a fault that nobody had heard of yet, is replaced by that at address 0. One register: the
        // others are its own task's, and the message fits the registers of the machine.
        let registers = UserContext::default();
        put_in_birth(thread, first, priority)
            .and_then(|()| tcb(thread).write_some_registers(true, IP_ALONE, &registers))
            .map_err(refused)
    }

    fn settle(&mut self, settle: Settle) -> Result<(), KernelError> {
        let Settle {
            thread,
            first,
            priority,
            ipc_buffer,
        } = settle;
        tcb(thread)
            .configure(
                client_slots::FAULT,
                Priorities { mcp: 0, priority },
                cap::CNode::from_bits(ThreadSlot::CNode.of(first)),
                CapData::skip_guard(CLIENT_RADIX),
                space(first),
                u64::from(ipc_buffer),
                cap::Frame::from_bits(ThreadSlot::IpcBuffer.of(thread)),
            )
            .map_err(refused)
    }

    fn run(&mut self, thread: u32, entry: Entry) -> Result<(), KernelError> {
        let registers = UserContext::begin(entry.ip, entry.sp, entry.argument);
        // Starting it ends its wait for an answer to the birth notice. What is behind the argument is zero as the TCB was
        // made, or was left there by a thread of the same task.
        tcb(thread)
            .write_some_registers(true, UP_TO_ARGUMENT, &registers)
            .map_err(refused)
    }

    fn set_priority(&mut self, thread: u32, priority: u8) -> Result<(), KernelError> {
        tcb(thread).set_priority(priority).map_err(refused)
    }

    fn keep_watch(&mut self, awake: bool) -> Result<(), KernelError> {
        watchman::keep_watch(awake).map_err(refused)
    }

    fn run_copy(&mut self, thread: u32, of: u32, answer: &[u8]) -> Result<(), KernelError> {
        let registers = tcb(of).read_registers(false).map_err(refused)?;
        let (info, [r10, r8, r9, r15]) = answer_in_registers(answer);
        let registers = UserContext {
            rdi: 0,
            rsi: info,
            r10,
            r8,
            r9,
            r15,
            ..registers.behind_system_call()
        };
        tcb(thread)
            .write_registers(true, &registers)
            .map_err(refused)
    }

    fn clear(&mut self, thread: u32) -> u64 {
        let first = ThreadSlot::Tcb.of(thread);
        let mut left = 0_u64;
        for slot in first..first.saturating_add(THREAD_SLOTS) {
            if take_out(own(slot)) {
                // What cannot be deleted stays in the scratch slot, and the next one in its own: seen as alarms.
                let _ = own(proc_slots::SCRATCH).delete();
                left = left.saturating_add(1);
            }
        }
        left
    }

    fn place_ring(&mut self, first: u32, slot: u64) -> Result<(), KernelError> {
        client(first, slot)
            .move_from(own(proc_slots::RING))
            .map_err(refused)
    }

    fn drop_ring(&mut self) {
        // Deleting nothing cannot fail, and deleting a copy of a notification neither.
        let _ = own(proc_slots::RING).delete();
    }

    fn open_mailbox(&mut self, first: u32) -> Result<(), KernelError> {
        let (scratch, ring) = (own(proc_slots::SCRATCH), own(MailboxSlot::Bell.of(first)));
        let badge = Badge::Signal { bits: 1 }.encode();
        // The bell needs a badge, which only a copy can have; the original goes.
        scratch.move_from(ring).map_err(refused)?;
        let minted = ring.mint_from(scratch, CapRights::ALL, badge);
        scratch.delete().and(minted).map_err(refused)?;
        tcb(first).bind_notification(bell(first)).map_err(refused)?;
        client(first, client_slots::MAILBOX)
            .copy_from(own(MailboxSlot::Endpoint.of(first)), CapRights::READ)
            .map_err(refused)
    }

    fn drop_mailbox(&mut self, first: u32) {
        // Deleting nothing cannot fail, and these three neither; with its last capability the bell is unbound.
        let _ = client(first, client_slots::MAILBOX).delete();
        let _ = own(MailboxSlot::Endpoint.of(first)).delete();
        let _ = own(MailboxSlot::Bell.of(first)).delete();
    }

    fn mint_link(
        &mut self,
        first: u32,
        slot: u64,
        to: u32,
        badge: Badge,
    ) -> Result<(), KernelError> {
        client(first, slot)
            .mint_from(
                own(MailboxSlot::Endpoint.of(to)),
                CapRights::WRITE,
                badge.encode(),
            )
            .map_err(refused)
    }

    fn drop_link(&mut self, first: u32, slot: u64) -> Result<(), KernelError> {
        client(first, slot).delete().map_err(refused)
    }

    fn cancel_sends(&mut self, to: u32, badge: Badge) -> Result<(), KernelError> {
        // The kernel takes the badge from a capability with every right.
        let scratch = own(proc_slots::SCRATCH);
        scratch
            .mint_from(
                own(MailboxSlot::Endpoint.of(to)),
                CapRights::ALL,
                badge.encode(),
            )
            .map_err(refused)?;
        let cancelled = scratch.cancel_badged_sends();
        scratch.delete().and(cancelled).map_err(refused)
    }

    fn ring_bell(&mut self, first: u32) {
        bell(first).signal();
    }

    fn is_thread(&mut self, slot: u64) -> bool {
        // A thread's slot never holds anything through which something could be sent.
        cap::Unspecified::from_bits(slot).is(Kind::Tcb)
    }

    fn is_taken(&mut self, of: ClientSlot) -> bool {
        client(of.first, of.slot).is_taken(own(proc_slots::SCRATCH))
    }

    fn keep_reply(&mut self, waiter: u32) -> Result<(), KernelError> {
        reply_slot(waiter).save_caller().map_err(refused)
    }

    fn reply_is_gone(&mut self, waiter: u32) -> bool {
        // Moving is the one thing that tells a taken slot from an empty one and changes nothing.
        if !take_out(reply_slot(waiter)) {
            return true;
        }
        reply_slot(waiter)
            .move_from(own(proc_slots::SCRATCH))
            .is_err()
    }

    fn drop_reply(&mut self, waiter: u32) {
        // Deleting a reply capability cannot fail, and deleting nothing neither.
        let _ = reply_slot(waiter).delete();
    }

    fn now(&mut self) -> u64 {
        self.rate.nanoseconds(sel4::rdtsc())
    }

    fn set_timer(&mut self, ns: u64) -> Result<(), KernelError> {
        timer::set(timer_ticks(ns)).map_err(refused)
    }

    fn timer_heard(&mut self) -> Result<(), KernelError> {
        timer::heard().map_err(refused)
    }

    fn answer(&mut self, waiter: u32, payload: &[u8]) {
        let reply = cap::Reply::from_bits(proc_slots::reply(waiter));
        answer_saved(reply, Dispatched::Reply(payload.len()), payload);
    }
}
