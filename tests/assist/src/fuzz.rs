//! Random messages.

use client::Server;
use client::interfaces::call::{MESSAGE_BYTES, ProtocolError};
use client::interfaces::short::{ANSWER, REFUSAL};
use client::interfaces::{Label, console, limits, memory, process};

use crate::random::Random;
use crate::words::Words;

/// The last protocol error.
const LAST_ERROR: u64 = ProtocolError::BadReply as u64;

/// Operations that end the caller or keep it for as long as it says: nobody would be there to see the answer. And one
/// that is answered twice: there would be more and more who send.
const UNANSWERED: [&str; 6] = ["exit", "sleep", "sleep_until", "offer", "accept", "fork"];

/// `fuzz SERVER SEED COUNT`: so many random messages to a server, each answered with a protocol error or an answer.
///
/// Half of them have the label of an operation that exists, but for [`UNANSWERED`] ones.
pub fn run(words: &mut Words<'_>) -> i32 {
    let server = words.server();
    let mut random = Random::new(words.number());
    let count: u64 = words.number();
    let mut payload = [0; MESSAGE_BYTES];
    for number in 0..count {
        let label = label(server, &mut random);
        let length = length(&mut random);
        for bytes in payload.chunks_mut(8).take(length.div_ceil(8)) {
            let word = word(&mut random).to_le_bytes();
            for (to, from) in bytes.iter_mut().zip(word) {
                *to = from;
            }
        }
        let answer = client::server::raw(server, label, payload.get(..length).unwrap_or_default());
        let typed = match answer.label {
            // An encoded `Result` begins with 0 or 1.
            0 => matches!(answer.payload().first(), Some(0 | 1)),
            ANSWER | REFUSAL => true,
            error => error <= LAST_ERROR,
        };
        if !typed {
            return problem!(
                "message {number}, label {label:#x}: answer {}",
                answer.label
            );
        }
    }
    0
}

fn label(server: Server, random: &mut Random) -> u64 {
    let (interface, operations) = match server {
        Server::Process => (process::INTERFACE, process::OPERATIONS),
        Server::Memory => (memory::INTERFACE, memory::OPERATIONS),
        Server::Limits => (limits::INTERFACE, limits::OPERATIONS),
        Server::Console => (console::INTERFACE, console::OPERATIONS),
    };
    // In whichever form.
    let unanswered = |label: u64| {
        operations.iter().any(|&(number, name)| {
            let operation = Label::new(interface, 1, number);
            let forms = [operation, operation.shortened()];
            UNANSWERED.contains(&name) && forms.iter().any(|form| form.bits() == label)
        })
    };
    loop {
        let label = match random.below(4) {
            0 => random.next() & 0xf_ffff,
            1 => (u64::from(interface) << 16) | (random.next() & 0xffff),
            _ => {
                let place = usize::try_from(random.below(operations.len() as u64)).unwrap_or(0);
                let operation = operations.get(place).map_or(0, |&(number, _)| number);
                let label = Label::new(interface, 1, operation);
                match random.below(4) {
                    0 => label.shortened().bits(),
                    _ => label.bits(),
                }
            }
        };
        if !unanswered(label) {
            return label;
        }
    }
}

/// Mostly short, sometimes as long as a message can be; in bytes, whole words.
fn length(random: &mut Random) -> usize {
    let words = match random.below(8) {
        0 => random.below(121),
        1 | 2 => random.below(9),
        _ => random.below(4),
    };
    usize::try_from(words).unwrap_or(0).saturating_mul(8)
}

/// Half of them small, as ids and counts are.
fn word(random: &mut Random) -> u64 {
    let word = random.next();
    match word & 3 {
        0 => word,
        1 => word & 0xff,
        2 => word & 0x0003_0303,
        _ => 0,
    }
}
