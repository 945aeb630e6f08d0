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

use interfaces::short::{Answered, WORDS};
use interfaces::start::proc_slots;
use interfaces_sel4::{Port, Raw, Registers};
use process_core::{ProcServer, Received};
use sel4::{MessageInfo, cap};

#[cfg(not(feature = "injection"))]
use crate::hands::Capabilities;
#[cfg(feature = "injection")]
use crate::injected::Capabilities;

/// How many messages are served between two slices of what goes on by itself, if as many are waiting.
const SERVED_BETWEEN: u32 = 4;

/// The server and where it receives.
struct Serving<'a> {
    server: ProcServer<'a, Capabilities>,
    port: Port,
    /// Messages served since the last slice, while there is something that goes on by itself.
    since_slice: u32,
}

// What is not the way of every short request is not inlined, and gives and takes nothing that would have to be put into
// memory for it.
impl Serving<'_> {
    /// Serves whatever is not a request in its short form: makes the answer ready, if there is one now.
    #[inline(never)]
    fn at_length(
        &mut self,
        badge: u64,
        info: MessageInfo,
        first: u64,
        second: u64,
        third: u64,
        fourth: u64,
    ) -> Option<MessageInfo> {
        let message = self.port.take(Raw {
            badge,
            info,
            registers: [first, second, third, fourth],
        });
        let (payload, reply) = self.port.buffers();
        let received = Received {
            badge: message.badge,
            label: message.info.label(),
            capabilities: message.carries_capabilities(),
            payload,
        };
        let answer = self.server.receive(received, reply)?;
        self.port.make_ready(answer.into())
    }

    /// Makes an answer ready that has no short form, if there is one now.
    #[inline(never)]
    fn ready(&mut self, head: u64) -> Option<MessageInfo> {
        let words = [0; WORDS];
        let answered = Answered { head, words };
        self.server.count(answered);
        self.port.make_ready(answered.dispatched().into())
    }

    /// Serves any message: makes the answer ready, if there is one now.
    #[cfg(feature = "injection")]
    fn answer(&mut self, raw: Raw) -> Option<MessageInfo> {
        let reply = self.port.reply_buffer();
        match self.server.receive_short(raw.asked(), reply) {
            Some(answered) if answered.is_short() => {
                self.port.make_ready(answered.dispatched().into())
            }
            Some(answered) => self.ready(answered.head),
            None => {
                let [first, second, third, fourth] = raw.registers;
                self.at_length(raw.badge, raw.info, first, second, third, fourth)
            }
        }
    }

    /// Answers the last message, and takes the next.
    #[inline]
    fn exchange(&mut self, info: MessageInfo, words: Registers) -> Raw {
        if !self.server.has_work() {
            return self.port.exchange(info, words);
        }
        self.port.reply(info, words);
        self.after_work()
    }

    /// Takes the next message, without an answer to the last one.
    #[inline]
    fn receive(&mut self) -> Raw {
        if !self.server.has_work() {
            return self.port.receive();
        }
        self.after_work()
    }

    /// Takes the next message while something goes on by itself: slices of it are done until one comes. Whoever asks waits
    /// for one of them at most, and whoever asks all the time does not keep others' kills waiting.
    ///
    /// No message has been taken while a slice is done: it calls the other servers, which overwrites what came.
    #[inline(never)]
    fn after_work(&mut self) -> Raw {
        self.since_slice = self.since_slice.saturating_add(1);
        while self.server.has_work() {
            if self.since_slice < SERVED_BETWEEN
                && let Some(raw) = self.port.poll()
            {
                return raw;
            }
            self.server.work();
            self.since_slice = 0;
        }
        self.port.receive()
    }
}

// The description of the system is decoded on the stack: up to 64 groups with all their limits.
#[sel4_root_task::entry(stack_pages = 128)]
fn main(start_page: usize) -> ! {
    let server = match start::server(start_page) {
        Ok(server) => server,
        Err(wrong) => panic!("proc-server: {wrong}"),
    };
    let mut serving = Serving {
        server,
        port: Port::new(cap::Endpoint::from_bits(proc_slots::ENDPOINT)),
        since_slice: 0,
    };
    let mut raw = serving.receive();
    loop {
        #[cfg(feature = "injection")]
        if let Some(next) = injected::takes(&mut serving, raw) {
            raw = next;
            continue;
        }
        let reply = serving.port.reply_buffer();
        let info = match serving.server.receive_short(raw.asked(), reply) {
            Some(answered) if answered.is_short() => {
                let Answered { head, words } = answered;
                raw = serving.exchange(MessageInfo::from_word(head), words);
                continue;
            }
            Some(answered) => serving.ready(answered.head),
            None => {
                let [first, second, third, fourth] = raw.registers;
                serving.at_length(raw.badge, raw.info, first, second, third, fourth)
            }
        };
        raw = match info {
            Some(info) => serving.exchange(info, serving.port.ready()),
            None => serving.receive(),
        };
    }
}
