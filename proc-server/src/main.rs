//! Makes tasks and ends them: who is alive, whose child, and who is told of an end.
//!
//! **Holds** what `interfaces::start::proc_slots` lists: endpoints to mint clients' capabilities from, the birth CNode,
//! the interval timer's ports
//! and interrupt, and, placed there by the memory-server, the TCB, CNode and root of every client. No untyped, and no address space
//! in which it could look at a client's memory.
//!
//! **Serves** clients (what `interfaces::process` lists), and hears from the memory-server, through its notification,
//! that a task cannot go on. `process_core` decides everything; here it meets the kernel.
//!
//! **Never** calls a client or the root task. Never suspends a client's thread: this kernel then repeats an interrupted request
//! or garbles the next. Never lets a thread leave the birth CNode whose birth was not confirmed. Never panics once it
//! serves; if its start page is wrong, or something that the system is to start is refused, it stops before, with a
//! fault that the root task reports.

#![cfg_attr(target_os = "none", no_std, no_main)]

mod hands;
#[cfg(feature = "injection")]
mod injected;
mod memory;
mod start;
mod timer;
mod watchman;

use interfaces::start::proc_slots;
use interfaces_sel4::{Message, Port, Response};
use process_core::{ProcServer, Received};
use sel4::cap;

#[cfg(not(feature = "injection"))]
use crate::hands::Capabilities;
#[cfg(feature = "injection")]
use crate::injected::Capabilities;

/// How many messages are served between two slices of what goes on by itself, if as many are waiting.
const SERVED_BETWEEN: u32 = 4;

/// Serves one message.
fn serve(
    server: &mut ProcServer<'_, Capabilities>,
    port: &mut Port,
    message: &Message,
) -> Response {
    #[cfg(feature = "injection")]
    if let Some(answer) = interfaces_injection::asked(port, message) {
        return answer;
    }
    let (payload, reply) = port.buffers();
    let received = Received {
        badge: message.badge,
        label: message.info.label(),
        capabilities: message.carries_capabilities(),
        payload,
    };
    match server.receive(received, reply) {
        Some(dispatched) => {
            let response = dispatched.into();
            #[cfg(feature = "injection")]
            if response != Response::Nothing && interfaces_injection::loses(message.badge) {
                return Response::Nothing;
            }
            response
        }
        None => Response::Nothing,
    }
}

// The description of the system is decoded on the stack: up to 64 groups with all their limits.
#[sel4_root_task::entry(stack_pages = 128)]
fn main(start_page: usize) -> ! {
    let mut server = match start::server(start_page) {
        Ok(server) => server,
        Err(wrong) => panic!("proc-server: {wrong}"),
    };
    let mut port = Port::new(cap::Endpoint::from_bits(proc_slots::ENDPOINT));
    let mut response = Response::Nothing;
    let mut since_slice = 0_u32;
    loop {
        let message = if server.has_work() {
            let message = port.poll(response);
            response = Response::Nothing;
            // Whoever asks does not wait for a slice, and whoever asks all the time does not keep others' kills waiting.
            if message.is_none() || since_slice >= SERVED_BETWEEN {
                server.work();
                since_slice = 0;
            }
            message
        } else {
            Some(port.next(response))
        };
        if let Some(message) = message {
            response = serve(&mut server, &mut port, &message);
            since_slice = since_slice.saturating_add(1);
        }
    }
}
