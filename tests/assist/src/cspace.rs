//! Modes that try what their CSpace holds.

use client::interfaces::ProtocolError;
use client::interfaces::start::client_slots;
use sel4::MessageInfo;
use sel4::cap::{Endpoint, Unspecified};

use crate::words::Words;

/// The slots of a client's CSpace.
const SLOTS: u64 = 16;
/// Labels up to here: every invocation that this kernel has (the last, for message-signalled interrupts, is 51), and some
/// more.
const LABELS: u64 = 64;
/// Labels below this are faults'.
const FAULTS: u64 = 7;

/// Arguments that would do something if the capability were of the right kind: retype, copy, configure, map, write.
const ARGUMENTS: [[u64; 8]; 4] = [
    [0; 8],
    [4, 12, 1, 64, 0, 1, 0, 0],
    [8, 4, 1, 4, 7, 1, 0, 0],
    [0x1000_0000, 7, 0, 0x20_0000, 3, 1, 2, 3],
];

/// `slots`: every invocation on every slot, with and without capabilities along, is answered with an error.
pub fn slots() -> i32 {
    for slot in 0..SLOTS {
        // What looks like a fault on the fault endpoint is one; those are tried one by one (`forge`).
        let first = if slot == client_slots::FAULT {
            FAULTS
        } else {
            0
        };
        for label in first..=LABELS {
            for arguments in &ARGUMENTS {
                for extra in [0, 1, 3] {
                    let answer = invoke(slot, label, arguments, extra);
                    if !is_no(slot, label, answer) {
                        return problem!(
                            "slot {slot}, label {label}, {extra} capabilities: answer {answer}"
                        );
                    }
                }
            }
        }
    }
    0
}

/// Calls a slot; the answer's label.
fn invoke(slot: u64, label: u64, arguments: &[u64; 8], extra: u64) -> u64 {
    for place in 0..3_u64 {
        // Endpoints of its own, one of them that of the slot itself where it holds one.
        let sent = Unspecified::from_bits(slot.saturating_add(place) % 6);
        sel4::set_extra_cap(usize::try_from(place).unwrap_or(0), sent);
    }
    let [a, b, c, d, rest @ ..] = *arguments;
    sel4::write_ipc_buffer(4, &rest);
    let info = MessageInfo::new(label, 0, extra, arguments.len());
    let (answer, _) = sel4::call_registers(Endpoint::from_bits(slot), info, [a, b, c, d]);
    answer.label()
}

/// Whether that answer is a refusal: from a server where there is one, else from the kernel.
fn is_no(slot: u64, label: u64, answer: u64) -> bool {
    let is = |error: ProtocolError| answer == error as u64;
    match slot {
        client_slots::PROC..=client_slots::CONSOLE if label < FAULTS => {
            is(ProtocolError::ForgedFault) || is(ProtocolError::CapabilitiesSent)
        }
        client_slots::PROC..=client_slots::FAULT => {
            is(ProtocolError::UnknownInterface)
                || is(ProtocolError::CapabilitiesSent)
                || (slot == client_slots::FAULT && answer != 0)
        }
        _ => answer != 0,
    }
}

/// `send SLOT LABEL`: sends without waiting for an answer, which nobody must wait for either.
pub fn send(words: &mut Words<'_>) -> i32 {
    let (slot, label) = (words.number(), words.number());
    let info = MessageInfo::new(label, 0, 0, 1);
    for _ in 0..100 {
        sel4::nb_send_registers(Endpoint::from_bits(slot), info, [0; 4]);
        sel4::send_registers(Endpoint::from_bits(slot), info, [0; 4]);
    }
    0
}

/// `receive SLOT HOW`: receives there, waiting or not. Returns if nothing stopped it.
pub fn receive(words: &mut Words<'_>) -> i32 {
    let slot = Endpoint::from_bits(words.number());
    match words.next() {
        "wait" => sel4::recv_registers(slot),
        _ => sel4::nb_recv_registers(slot),
    };
    problem!("received")
}

/// `beyond CPTR`: calls a capability that no slot is for. Returns if nothing stopped it.
pub fn beyond(words: &mut Words<'_>) -> i32 {
    let slot = words.number();
    let info = MessageInfo::new(1, 0, 0, 4);
    let (answer, _) = sel4::call_registers(Endpoint::from_bits(slot), info, [4, 12, 1, 64]);
    problem!("answered with {}", answer.label())
}
