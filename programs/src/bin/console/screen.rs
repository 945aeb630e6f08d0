//! Where answers go: the serial line, and for `expect` a copy of what was said.

use core::fmt::{self, Write as _};

use client::console;
use client::interfaces::Text;
use client::interfaces::console::LINE_BYTES;
use console_core::answer::Answer;

/// The screen.
#[derive(Debug, Default)]
pub struct Screen {
    /// What has not been sent yet: one message carries it.
    pending: Text<LINE_BYTES>,
    /// What the last command said.
    pub answer: Answer,
}

impl Screen {
    /// Nothing was printed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Prints a line that is no part of an answer.
    pub fn say(&mut self, line: fmt::Arguments<'_>) {
        self.raw(line);
        self.raw(format_args!("\n"));
    }

    /// Prints at once, also half a line, and not as part of an answer.
    pub fn raw(&mut self, text: fmt::Arguments<'_>) {
        // Pending text always takes more: it is sent when it is full.
        let _ = Pending(self).write_fmt(text);
        self.flush();
    }

    /// Keeps a text as the answer without printing it: what failed is said in its own form.
    pub fn keep(&mut self, text: impl fmt::Display) {
        let _ = write!(self.answer, "{text}");
    }

    /// Sends what is pending.
    pub fn flush(&mut self) {
        if !self.pending.is_empty() {
            // A console that may not print has nobody to tell.
            let _ = console::write_raw(self.pending.as_str());
            self.pending = Text::default();
        }
    }
}

/// Answers.
impl fmt::Write for Screen {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.answer.write_str(text)?;
        Pending(self).write_str(text)
    }
}

struct Pending<'a>(&'a mut Screen);

impl fmt::Write for Pending<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.0.pending.write_char(character).is_err() {
                self.0.flush();
                self.0.pending.write_char(character)?;
            }
        }
        Ok(())
    }
}
