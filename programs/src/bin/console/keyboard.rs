//! Keys, as they come over the serial line.

use client::interfaces::console::Input;
use client::{console, process};
use console_core::keys::{Decoder, Key};

use crate::failure::Failure;

/// The keyboard.
#[derive(Debug, Default)]
pub struct Keyboard {
    decoder: Decoder,
    input: Input,
    /// The next of the input's bytes.
    next: usize,
}

impl Keyboard {
    /// The next key. Whatever was lost is told to `lost` before.
    pub fn key(&mut self, mut lost: impl FnMut(u32)) -> Result<Key, Failure> {
        loop {
            while let Some(&byte) = self.input.bytes.get(self.next) {
                self.next = self.next.saturating_add(1);
                if let Some(key) = self.decoder.take(byte) {
                    return Ok(key);
                }
            }
            self.input = console::read_input()?;
            self.next = 0;
            if self.input.lost > 0 {
                lost(self.input.lost);
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
