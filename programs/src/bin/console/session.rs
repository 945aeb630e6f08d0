//! A session: line after line until the end.

use core::fmt::Write as _;

use client::console;
use client::interfaces::{CallError, ProtocolError};
use console_core::editor::{Editor, Line, Outcome};
use console_core::script::{Names, Step};
use test_records::Record;

use crate::failure::{Done, Failure};
use crate::keyboard::{self, Keyboard};
use crate::screen::Screen;
use crate::texts;
use crate::watch::Watch;

/// What stands in front of what is typed. `image` waits for it too.
const PROMPT: &str = "hurdle> ";
/// The columns of the terminal: it is not asked for more.
const WIDTH: usize = 80;

/// Whom the console talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A person.
    Alone,
    /// A person, once the demonstration is over, which has then said what is to be said of the run.
    AfterDemonstration,
    /// A script.
    Script,
}

/// The session.
pub struct Session {
    mode: Mode,
    pub keyboard: Keyboard,
    editor: Editor,
    pub screen: Screen,
    pub watch: Watch,
    names: Names,
    passed: u32,
    failed: u32,
}

impl Session {
    /// A session that has not begun.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            keyboard: Keyboard::default(),
            editor: Editor::new(),
            screen: Screen::new(),
            watch: Watch::default(),
            names: Names::new(),
            passed: 0,
            failed: 0,
        }
    }

    /// Runs until the machine ends, or until the console may not go on.
    pub fn run(&mut self) -> Done {
        match self.mode {
            Mode::Script => self.screen.say(format_args!("[ready]")),
            Mode::AfterDemonstration => {
                keyboard::wait_for_a_run()?;
                self.welcome();
            }
            Mode::Alone => self.welcome(),
        }
        self.prompt();
        loop {
            let screen = &mut self.screen;
            let key = self.keyboard.key(|lost| {
                screen.say(format_args!("\n({lost} bytes of input were lost)"));
            })?;
            match self.editor.press(key) {
                Outcome::Nothing => {}
                Outcome::Redraw => self.prompt(),
                Outcome::Cleared => {
                    if self.mode != Mode::Script {
                        self.screen.say(format_args!("^C"));
                    }
                    self.prompt();
                }
                Outcome::Entered => {
                    let line = texts::own(self.editor.entered());
                    self.line(&line);
                    self.prompt();
                }
                Outcome::End => {
                    if self.mode != Mode::Script {
                        self.screen.say(format_args!(""));
                    }
                    return self.halt(true);
                }
            }
        }
    }

    /// Whether a script is read: nothing is waited for that only a person could do.
    pub fn is_script(&self) -> bool {
        self.mode == Mode::Script
    }

    fn welcome(&mut self) {
        self.screen.say(format_args!(
            "This is Hurdle's console: `help` says what it knows."
        ));
    }

    fn prompt(&mut self) {
        if self.mode == Mode::Script {
            return;
        }
        let mut drawn = heapless::String::<{ 2 * WIDTH }>::new();
        // Less than the width, and two escape sequences.
        let _ = self.editor.draw(PROMPT, WIDTH, &mut drawn);
        self.screen.raw(format_args!("{drawn}"));
    }

    /// Runs a line and says how it went.
    fn line(&mut self, line: &str) {
        if self.mode == Mode::Script {
            self.screen.say(format_args!("> {line}"));
        } else {
            self.screen.say(format_args!(""));
        }
        let done = self.step(line);
        self.screen.flush();
        match (&done, self.mode) {
            (Ok(()), Mode::Script) => {
                self.passed = self.passed.saturating_add(1);
                self.screen.say(format_args!("[ok]"));
            }
            (Err(failure), Mode::Script) => {
                self.failed = self.failed.saturating_add(1);
                self.screen.say(format_args!("[error: {failure}]"));
            }
            (Ok(()), _) => {}
            (Err(failure), _) => self.screen.say(format_args!("error: {failure}")),
        }
    }

    fn step(&mut self, line: &str) -> Done {
        let line: Line = self.names.replace(line).map_err(Failure::of)?;
        match Step::of(&line) {
            Step::Nothing => Ok(()),
            Step::Expect { text, there } => self.expect(text, there),
            Step::Run {
                fails,
                name,
                command,
            } => {
                self.screen.answer.clear();
                let done = self.command(command, 0);
                match (fails, done) {
                    (false, Ok(())) => self.name(name),
                    (true, Ok(())) => Err(Failure::of("this was to fail and did not")),
                    (true, Err(failure)) => {
                        writeln!(self.screen, "{failure}")?;
                        Ok(())
                    }
                    (false, Err(failure)) => {
                        // Said by the caller; looked at by `expect`.
                        self.screen.keep(&failure);
                        Err(failure)
                    }
                }
            }
        }
    }

    /// Looks at the last answer.
    fn expect(&self, text: &str, there: bool) -> Done {
        let answer = &self.screen.answer;
        if answer.contains(text) == there {
            return Ok(());
        }
        Err(Failure::of(format_args!(
            "the last answer {} `{text}` in it{}",
            if there { "has no" } else { "has" },
            if there && answer.is_cut() {
                ", as far as it was kept"
            } else {
                ""
            }
        )))
    }

    /// Gives the first word of the answer a name.
    fn name(&mut self, name: Option<&str>) -> Done {
        let Some(name) = name else { return Ok(()) };
        let word = self.screen.answer.first_word();
        let word = word.ok_or_else(|| Failure::at(name, "the answer has no word"))?;
        self.names.set(name, word).map_err(Failure::of)
    }

    /// Ends the machine; returns only if that is refused.
    pub fn halt(&mut self, passed: bool) -> Done {
        self.screen.flush();
        let passed = passed && self.failed == 0;
        if self.mode != Mode::AfterDemonstration {
            // A line that fails is one failure; a `halt 1` that nothing preceded is one too.
            let failed = self.failed.max(u32::from(!passed));
            let done = Record::Done {
                passed: self.passed,
                failed,
            };
            console::write_record(format_args!("{done}"))?;
        }
        match console::halt(passed) {
            Ok(()) => Err(Failure::of(ProtocolError::BadReply)),
            Err(error @ (CallError::Refused(_) | CallError::Protocol(_))) => Err(error.into()),
        }
    }
}
