//! The user's terminal while a guest has it.

use std::io::{self, Read as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// The key that ends the machine from outside (Ctrl-]): every other one is the guest's.
pub const STOP_KEY: u8 = 0x1d;

/// A terminal that hands every key on. Dropped, it is as it was before.
#[derive(Debug)]
pub struct Raw {
    before: Termios,
}

impl Raw {
    /// Makes the terminal of our standard input raw.
    pub fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Reads keys until there are no more, or the one that ends the machine. Whole lines until the terminal is raw.
pub fn relay_keys(keys: &Sender<Vec<u8>>, stop: &Arc<AtomicBool>) {
    let mut bytes = [0; 256];
    loop {
        let read = match io::stdin().lock().read(&mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(read) => bytes.get(..read).unwrap_or_default(),
        };
        if read.contains(&STOP_KEY) {
            stop.store(true, Ordering::Relaxed);
            return;
        }
        if keys.send(read.to_vec()).is_err() {
            return;
        }
    }
}
