//! Owns the memory: hands out frames and kernel objects, shows pages where they are touched, takes everything back.
//!
//! **Holds** the bulk of untyped memory, the archive's frames, the ASID pools, its own CNode and address space, the
//! proc-server's CNode (to place TCBs and CNodes in), and an endpoint of the limits-server.
//!
//! **Serves** clients (`interfaces::memory`), the proc-server (`interfaces::provision`), and the kernel, which sends it
//! every fault of a client. `memory_core::server::MemoryServer` decides everything; here it meets the endpoint.
//!
//! **Never** calls a client or the proc-server: what the proc-server must know waits until it asks, and a notification
//! tells it so. Never answers a fault other than a page fault. Never grants a page that is not charged, nor any to a
//! task that the limits-server does not know as born. Never panics once it serves; if its start page is wrong it stops
//! before, with a fault that the root task reports.

#![cfg_attr(target_os = "none", no_std, no_main)]

mod cleaner;
mod hands;
#[cfg(feature = "injection")]
mod injected;
mod mapping;
mod start;
mod witness;

use interfaces::start::memory_slots;
use interfaces_sel4::{Message, Port, Response};
use memory_core::door::{Answer, FaultMessage, Sender};
use memory_core::fault::PageFault;
use sel4::{Fault, cap};

use interfaces::provision::Cause;

/// What a message over a fault capability says; nothing if the kernel sends no such fault.
fn fault(message: &Message) -> Option<FaultMessage> {
    let label = message.info.label();
    if !sel4::is_fault_label(label) {
        return None;
    }
    let cause = match Fault::decode(message.info, message.registers)? {
        Fault::None => return None,
        Fault::Vm {
            ip, address, write, ..
        } => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the kernel cuts it already"
            )]
            let address = address as u32;
            return Some(FaultMessage::Page(PageFault { address, ip, write }));
        }
        Fault::Capability { ip, .. } => Cause::CapabilityFault { ip },
        Fault::UnknownSyscall { number, .. } => Cause::UnknownSyscall { number },
        Fault::Exception { number, ip, .. } => Cause::Exception { number, ip },
    };
    Some(FaultMessage::Fatal(cause))
}

// The description of the system is decoded on the stack, and so are the layouts of all programs.
#[sel4_root_task::entry(stack_pages = 128)]
fn main(start_page: usize) -> ! {
    let mut server = match start::server(start_page) {
        Ok(server) => server,
        Err(wrong) => panic!("memory-server: {wrong}"),
    };
    if cfg!(feature = "test-spoil") {
        server.allow_spoiling();
    }
    let mut port = Port::new(cap::Endpoint::from_bits(memory_slots::ENDPOINT));
    let mut response = Response::Nothing;
    loop {
        let message = port.next(response);
        #[cfg(feature = "injection")]
        if let Some(answer) = interfaces_injection::asked(&mut port, &message) {
            response = answer;
            continue;
        }
        let answer = match Sender::of(message.badge) {
            Sender::Caller(caller) => {
                let label = message.info.label();
                let carries_capabilities = message.carries_capabilities();
                let (payload, reply) = port.buffers();
                server.request(caller, label, carries_capabilities, payload, reply)
            }
            Sender::Fault(tag) => server.fault(tag, fault(&message)),
            Sender::Stranger => server.stranger(),
        };
        response = match answer {
            Answer::Nothing => Response::Nothing,
            Answer::Resume => Response::Resume,
            Answer::Dispatched(dispatched) => dispatched.into(),
        };
        #[cfg(feature = "injection")]
        if response != Response::Nothing && interfaces_injection::loses(message.badge) {
            response = Response::Nothing;
        }
    }
}
