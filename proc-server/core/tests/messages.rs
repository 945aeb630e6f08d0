//! Whatever a message says, it gets a typed answer, the tables hold, and the server goes on answering correctly.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that goes wrong is to stop"
)]

mod world;

use interfaces::call::MESSAGE_BYTES;
use interfaces::identity::Caller;
use interfaces::process::*;
use interfaces::provision::ProgramId;
use interfaces::{Badge, Dispatched, Label, ProtocolError, TaskId, Text};
use process_core::Received;
use world::{Stage, group};

const MESSAGES: u32 = 100_000;

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Bytes as encodings have them: many small numbers, some large, some bits.
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            let value = self.next().to_le_bytes()[0];
            *byte = match self.below(4) {
                0 => 0,
                1 => value % 4,
                // A number, not the beginning of a longer one.
                2 => (value % 32) & !1,
                _ => value,
            };
        }
    }
}

fn inhabited() -> (Stage, TaskId) {
    let mut stage = Stage::new(24, 40);
    let first = stage.first();
    let request = Spawn {
        program: ProgramId(0),
        group: Some(group(3)),
        arguments: Text::default(),
    };
    for _ in 0..4 {
        assert!(Stage::now(stage.ask(first, 0, &request)).is_ok());
    }
    (stage, first)
}

#[test]
fn any_message_gets_a_typed_answer() {
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let (mut stage, mut first) = inhabited();
    let mut reply = [0; MESSAGE_BYTES];
    let mut served = 0_u32;
    for _ in 0..MESSAGES {
        let badge = match numbers.below(16) {
            0 => Badge::decode(numbers.next() >> 36),
            _ => Some(Badge::Service(Caller::client(
                first.tag(),
                numbers.below(2) == 0,
            ))),
        };
        let label = match numbers.below(8) {
            0 => numbers.below(1 << 20),
            1 => numbers.below(16),
            _ => {
                let operation = u8::try_from(numbers.below(18)).unwrap();
                Label::new(INTERFACE, VERSION, operation).bits()
            }
        };
        let mut payload = [0; MESSAGE_BYTES];
        // Mostly a short request in as many words as it needs.
        let told = numbers.below(13);
        let (told, words) = if numbers.below(8) == 0 {
            (numbers.below(961), numbers.below(121))
        } else {
            (told, told.div_ceil(8))
        };
        let length = usize::try_from(words * 8).unwrap();
        let told = usize::try_from(told).unwrap().min(length);
        numbers.fill(&mut payload[..told]);
        let message = Received {
            badge,
            label,
            capabilities: numbers.below(32) == 0,
            payload: &payload[..length],
        };
        match stage.server.receive(message, &mut reply) {
            Some(Dispatched::Reply(bytes)) => {
                assert!(bytes <= MESSAGE_BYTES);
                served += 1;
            }
            Some(Dispatched::Protocol(error)) => assert!(ProtocolError::ALL.contains(&error)),
            Some(Dispatched::Short(_)) => {
                assert!(Label::from_bits(label).is_short());
            }
            Some(Dispatched::Later) | None => {}
        }
        if numbers.below(4) == 0 {
            stage.server.work();
        }
        if stage.server.table().running(first.tag()).is_none() {
            stage.settle();
            (stage, first) = inhabited();
        }
        if numbers.below(4) == 0 {
            stage.check();
        }
    }
    stage.settle();
    assert!(served > MESSAGES / 25, "{served} were understood");
    assert_eq!(stage.server.counts().alarms, 0);
    let arguments = stage.ask(first, 0, &ReadArguments {});
    assert_eq!(Stage::now(arguments), Ok(Arguments::default()));
}
