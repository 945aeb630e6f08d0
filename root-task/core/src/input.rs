//! What was typed and not yet read.
//!
//! # Invariants
//!
//! * At most [`WAITING_BYTES`] bytes wait: the newest that do not fit are lost and counted.
//! * Each byte is given out once, in the order in which it came.

use interfaces::console::{INPUT_BYTES, Input};

/// How many bytes wait for a reader: some screens of typing ahead.
pub const WAITING_BYTES: usize = 1024;

/// Bytes on their way from the serial line to a reader.
#[derive(Debug, Default)]
pub struct Waiting {
    bytes: heapless::Deque<u8, WAITING_BYTES>,
    lost: u32,
    /// A run has said that it is done, and no reader has been told of it.
    done: bool,
}

impl Waiting {
    /// Nothing was typed yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: heapless::Deque::new(),
            lost: 0,
            done: false,
        }
    }

    /// A byte came.
    pub fn push(&mut self, byte: u8) {
        if self.bytes.push_back(byte).is_err() {
            self.lost = self.lost.saturating_add(1);
        }
    }

    /// A run has said that it is done.
    pub const fn run_is_done(&mut self) {
        self.done = true;
    }

    /// What there is for a reader; nothing if it has to wait. News of a run comes before what was typed.
    pub fn take(&mut self) -> Option<Input> {
        if core::mem::take(&mut self.done) {
            return Some(Input::default());
        }
        let input = self.poll();
        (!input.bytes.is_empty()).then_some(input)
    }

    /// What was typed, for who does not wait; news of a run stays for who does.
    pub fn poll(&mut self) -> Input {
        let mut input = Input::default();
        while input.bytes.len() < INPUT_BYTES
            && let Some(byte) = self.bytes.pop_front()
        {
            // There is room: asked above.
            let _ = input.bytes.push(byte);
        }
        if !input.bytes.is_empty() {
            input.lost = core::mem::take(&mut self.lost);
        }
        input
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_once_and_in_their_order() {
        let mut waiting = Waiting::new();
        assert_eq!(waiting.take(), None);
        for byte in 0..=255_u8 {
            waiting.push(byte);
        }
        let first = waiting.take().unwrap();
        assert!(first.bytes.iter().copied().eq(0..200_u8));
        let second = waiting.take().unwrap();
        assert!(second.bytes.iter().copied().eq(200..=255_u8));
        assert_eq!(waiting.take(), None);
    }

    #[test]
    fn what_nobody_reads_is_lost_and_counted_and_the_oldest_stays() {
        let mut waiting = Waiting::new();
        for _ in 0..WAITING_BYTES {
            waiting.push(b'a');
        }
        for _ in 0..7 {
            waiting.push(b'b');
        }
        assert_eq!(waiting.take().unwrap().lost, 7);
        let mut rest = 0;
        while let Some(input) = waiting.take() {
            assert_eq!(input.lost, 0);
            assert!(input.bytes.iter().all(|&byte| byte == b'a'));
            rest += input.bytes.len();
        }
        assert_eq!(rest, WAITING_BYTES - INPUT_BYTES);
    }

    #[test]
    fn the_end_of_a_run_is_told_once_and_before_what_was_typed() {
        let mut waiting = Waiting::new();
        waiting.push(b'x');
        waiting.run_is_done();
        assert_eq!(waiting.take(), Some(Input::default()));
        assert_eq!(waiting.take().unwrap().bytes, [b'x']);
        assert_eq!(waiting.take(), None);
    }

    #[test]
    fn who_does_not_wait_gets_what_was_typed_and_leaves_the_news() {
        let mut waiting = Waiting::new();
        assert_eq!(waiting.poll(), Input::default());
        waiting.push(b'x');
        waiting.run_is_done();
        assert_eq!(waiting.poll().bytes, [b'x']);
        assert_eq!(waiting.poll(), Input::default());
        assert_eq!(waiting.take(), Some(Input::default()));
    }
}
