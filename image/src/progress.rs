//! One line for each step of a build: `[2/5] kernel (release) … up to date`.

use std::fmt;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

/// Tells the person at the keyboard what is going on, on standard error.
#[derive(Debug)]
pub struct Progress {
    steps: u32,
    step: u32,
    began: Instant,
    /// A line was begun and has no end yet.
    open: bool,
    quiet: bool,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing had to be done.
    UpToDate,
    /// It was built.
    Built,
}

impl Progress {
    /// Progress in so many steps.
    #[must_use]
    pub fn new(steps: u32) -> Self {
        Self {
            steps,
            step: 0,
            began: Instant::now(),
            open: false,
            quiet: false,
        }
    }

    /// Progress that nobody sees: for tests.
    #[must_use]
    pub fn silent() -> Self {
        Self {
            quiet: true,
            ..Self::new(0)
        }
    }

    /// A step begins.
    pub fn begin(&mut self, what: impl fmt::Display) {
        self.step = self.step.saturating_add(1);
        self.began = Instant::now();
        self.open = true;
        self.write(format_args!("[{}/{}] {what} … ", self.step, self.steps));
    }

    /// Something within the step.
    pub fn detail(&mut self, what: impl fmt::Display) {
        let before = if self.open { "\n" } else { "" };
        self.open = false;
        self.write(format_args!("{before}      {what}\n"));
    }

    /// The step has ended.
    pub fn end(&mut self, step: Step, remark: impl fmt::Display) {
        let before = if self.open { "" } else { "      … " };
        self.open = false;
        match step {
            Step::UpToDate => self.write(format_args!("{before}up to date{remark}\n")),
            Step::Built => {
                let seconds = seconds(self.began.elapsed());
                self.write(format_args!("{before}built in {seconds}{remark}\n"));
            }
        }
    }

    /// Ends a line that a failure has cut short, so that the message begins on its own.
    pub fn interrupt(&mut self) {
        if std::mem::take(&mut self.open) {
            self.write(format_args!("\n"));
        }
    }

    fn write(&self, text: fmt::Arguments<'_>) {
        if !self.quiet {
            // Nothing can be done about a standard error that is closed.
            let _ = io::stderr().write_fmt(text);
            let _ = io::stderr().flush();
        }
    }
}

/// A duration as people read it: `0.4 s`.
#[must_use]
pub fn seconds(duration: Duration) -> impl fmt::Display {
    format!("{:.1} s", duration.as_secs_f64())
}
