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
#[cfg(feature = "injection")]
mod injected;
mod memory;
mod start;
mod window;

use interfaces::short::{Answered, WORDS};
use interfaces::start::limits_slots;
use interfaces::{Dispatched, Label};
use interfaces_sel4::{Message, Port, Raw};
use limits_core::{Arrival, LimitsServer};
use sel4::{Fault, MessageInfo, cap};

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

/// The server and where it receives.
struct Serving<'a> {
    server: LimitsServer<'a>,
    port: Port,
}

// What is not the way of every short request is not inlined, and gives and takes nothing that would have to be put into
// memory for it.
impl Serving<'_> {
    /// Answers whatever is not in its short form: makes the answer ready, if there is one.
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
        let arrival = arrival(&message);
        let answer = self.server.handle(message.badge, arrival, payload, reply);
        self.made_ready(answer)
    }

    /// Makes an answer ready that has no short form.
    #[inline(never)]
    fn ready(&mut self, head: u64) -> Option<MessageInfo> {
        let words = [0; WORDS];
        let answered = Answered { head, words };
        self.server.count(answered);
        self.made_ready(answered.dispatched())
    }

    #[inline]
    fn made_ready(&mut self, answer: Dispatched) -> Option<MessageInfo> {
        if let Dispatched::Short(answered) = answer
            && let Some(words) = answered.plain_words()
        {
            return Some(self.port.make_plain_ready(words));
        }
        self.port.make_ready(answer.into())
    }
}

// The description of the system is decoded on the stack: up to 64 groups with all their limits.
#[sel4_root_task::entry(stack_pages = 128)]
fn main(start_page: usize) -> ! {
    let server = match start::server(start_page) {
        Ok(server) => server,
        Err(wrong) => panic!("limits-server: {wrong}"),
    };
    let port = Port::new(cap::Endpoint::from_bits(limits_slots::ENDPOINT));
    let mut serving = Serving { server, port };
    let mut raw = serving.port.receive();
    loop {
        #[cfg(feature = "injection")]
        if let Some(next) = injected::takes(&mut serving, raw) {
            raw = next;
            continue;
        }
        let reply = serving.port.reply_buffer();
        let answer = serving.server.handle_short(raw.asked(), reply);
        let info = match answer {
            Some(answered) if answered.is_short() => {
                let Answered { head, words } = answered;
                raw = serving.port.exchange(MessageInfo::from_word(head), words);
                continue;
            }
            Some(answered) => serving.ready(answered.head),
            None => {
                let [first, second, third, fourth] = raw.registers;
                serving.at_length(raw.badge, raw.info, first, second, third, fourth)
            }
        };
        raw = match info {
            Some(info) => serving.port.exchange(info, serving.port.ready()),
            None => serving.port.receive(),
        };
    }
}
