//! Keys, as they come over the serial line.

use client::{console, process};
use console_core::keys::{Decoder, Key};
use heapless::Deque;

use crate::failure::Failure;

/// Ctrl-C.
const INTERRUPT: u8 = 3;
/// How many bytes are kept that were typed while a command ran: more than the root task gives out at once.
const AHEAD: usize = 512;

/// The keyboard.
#[derive(Debug, Default)]
pub struct Keyboard {
    decoder: Decoder,
    typed: Deque<u8, AHEAD>,
    /// Bytes that were lost because nobody read them in time.
    lost: u32,
}

impl Keyboard {
    /// The next key. Whatever was lost is told to `lost` before.
    pub fn key(&mut self, mut lost: impl FnMut(u32)) -> Result<Key, Failure> {
        loop {
            if self.lost > 0 {
                lost(core::mem::take(&mut self.lost));
            }
            if let Some(key) = self.decode() {
                return Ok(key);
            }
            let input = console::read_input()?;
            self.keep(&input.bytes, input.lost);
        }
    }

    /// A key that was pressed already, if any.
    pub fn pressed(&mut self) -> Option<Key> {
        self.look();
        self.decode()
    }

    /// Whether Ctrl-C was pressed since it was last asked; then what was typed before it is forgotten. What was typed
    /// without it stays for the prompt.
    pub fn interrupted(&mut self) -> bool {
        self.look();
        let Some(place) = self.typed.iter().rposition(|&byte| byte == INTERRUPT) else {
            return false;
        };
        for _ in 0..=place {
            let _ = self.typed.pop_front();
        }
        self.decoder = Decoder::default();
        true
    }

    fn decode(&mut self) -> Option<Key> {
        while let Some(byte) = self.typed.pop_front() {
            if let Some(key) = self.decoder.take(byte) {
                return Some(key);
            }
        }
        None
    }

    /// Takes what was typed, without waiting. A console that may not is told so when it waits.
    fn look(&mut self) {
        if let Ok(input) = console::poll_input() {
            self.keep(&input.bytes, input.lost);
        }
    }

    fn keep(&mut self, bytes: &[u8], lost: u32) {
        self.lost = self.lost.saturating_add(lost);
        for &byte in bytes {
            if self.typed.push_back(byte).is_err() {
                self.lost = self.lost.saturating_add(1);
            }
        }
    }
}

/// Waits until a run says that it is done; what is typed meanwhile is forgotten, but once nothing else runs a key will
/// do.
pub fn wait_for_a_run() -> Result<(), Failure> {
    loop {
        let input = console::read_input()?;
        let others = process::figures().map_or(0, |figures| figures.tasks);
        if input.bytes.is_empty() || others <= 1 {
            return Ok(());
        }
    }
}
