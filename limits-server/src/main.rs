//! Keeps the ledger: who may use how much of what, and who does.
//!
//! **Holds** its endpoint, the memory that its start page names, and, placed there by the memory-server, the
//! notifications of watchers' rings, whose pages it sees in a window, as it does more room for groups. No untyped, no TCB, no capability to a frame.
//!
//! **Serves** clients (what `interfaces::limits` lists), the memory-server and the proc-server
//! (`interfaces::accounting`), and takes birth notices from the kernel. `limits_core::LimitsServer` decides
//! everything; here it meets the endpoint.
//!
//! **Never** calls anybody: it has no capability to. Never reads a ring. Never answers a fault: a newborn waits until the proc-server
//! starts it. Never panics once it serves; if its start page is wrong it stops before, with a fault that the root
//! task reports.

#![cfg_attr(target_os = "none", no_std, no_main)]

mod ground;
mod memory;
mod start;
mod window;

use interfaces::Label;
use interfaces::start::limits_slots;
use interfaces_sel4::{Message, Port, Response};
use limits_core::Arrival;
use sel4::{Fault, cap};

/// What a message is, by its label.
fn arrival(message: &Message) -> Arrival {
    let label = message.info.label();
    if !sel4::is_fault_label(label) {
        let with_capabilities = message.carries_capabilities();
        return Arrival::Request {
            label: Label::from_bits(label),
            with_capabilities,
        };
    }
    match Fault::decode(message.info, message.registers) {
        Some(Fault::Vm { .. }) => Arrival::PageFault,
        _ => Arrival::OtherFault,
    }
}

// The description of the system is decoded on the stack: up to 64 groups with all their limits.
#[sel4_root_task::entry(stack_pages = 128)]
fn main(start_page: usize) -> ! {
    let mut server = match start::server(start_page) {
        Ok(server) => server,
        Err(wrong) => panic!("limits-server: {wrong}"),
    };
    let mut port = Port::new(cap::Endpoint::from_bits(limits_slots::ENDPOINT));
    let mut response = Response::Nothing;
    loop {
        let message = port.next(response);
        let (payload, reply) = port.buffers();
        response = server
            .handle(message.badge, arrival(&message), payload, reply)
            .into();
    }
}
