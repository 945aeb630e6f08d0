//! A script for the console: a line at a time, the next when the last was answered.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The longest line, as the console has it.
const LINE_BYTES: usize = 240;
/// What ends the input.
const END_OF_INPUT: u8 = 4;

/// A script that is being fed.
#[derive(Debug)]
pub struct Script {
    path: PathBuf,
    lines: VecDeque<(usize, String)>,
    /// The line that is being answered.
    asked: Option<usize>,
    failed: Vec<usize>,
    begun: bool,
}

/// Why a script was not run, or did not pass.
#[derive(Debug, Error)]
pub enum ScriptError {
    /// It cannot be read.
    #[error("{}: cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        error: io::Error,
    },
    /// The console could not take a line.
    #[error("{}:{line}: {mistake}\n  expected: at most {LINE_BYTES} characters of plain ASCII", path.display())]
    BadLine {
        /// The file.
        path: PathBuf,
        /// The line's number.
        line: usize,
        /// What is wrong with it.
        mistake: &'static str,
    },
    /// The system has no console.
    #[error(
        "the system has no program `{}`\n  remedy:   declare it, as image/system.toml does",
        crate::system::CONSOLE
    )]
    NoConsole,
    /// Lines failed, or were never run.
    #[error("{}: {}", path.display(), said(.failed, *.unanswered))]
    Failed {
        /// The file.
        path: PathBuf,
        /// The numbers of the lines that failed.
        failed: Vec<usize>,
        /// The number of the first line that has no answer.
        unanswered: Option<usize>,
    },
}

fn said(failed: &[usize], unanswered: Option<usize>) -> String {
    let mut said = Vec::new();
    if !failed.is_empty() {
        let numbers: Vec<String> = failed.iter().map(ToString::to_string).collect();
        let noun = if numbers.len() == 1 { "line" } else { "lines" };
        said.push(format!("{noun} {} failed", numbers.join(", ")));
    }
    if let Some(line) = unanswered {
        said.push(format!("line {line} was not answered"));
    }
    said.join("; ")
}

impl Script {
    /// Reads a script.
    pub fn load(path: &Path) -> Result<Self, ScriptError> {
        let text = std::fs::read_to_string(path).map_err(|error| ScriptError::Unreadable {
            path: path.to_owned(),
            error,
        })?;
        Self::parse(path, &text)
    }

    /// Checks a text.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ScriptError> {
        let mut lines = VecDeque::new();
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            let mistake = if is_comment(line) {
                None
            } else if line.len() > LINE_BYTES {
                Some("too long a line")
            } else if !line.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                Some("a character that the console does not take")
            } else {
                None
            };
            if let Some(mistake) = mistake {
                return Err(ScriptError::BadLine {
                    path: path.to_owned(),
                    line: number,
                    mistake,
                });
            }
            lines.push_back((number, line.to_owned()));
        }
        Ok(Self {
            path: path.to_owned(),
            lines,
            asked: None,
            failed: Vec::new(),
            begun: false,
        })
    }

    /// Takes note of a console line; gives what is to be typed now. `show` gets comments and blank lines, which the
    /// console never sees.
    pub fn line(&mut self, line: &str, show: &mut dyn FnMut(&str)) -> Option<Vec<u8>> {
        let failed = line.starts_with("[error: ") && line.ends_with(']');
        match line {
            "[ready]" if !self.begun => self.begun = true,
            "[ok]" if self.asked.is_some() => {}
            _ if failed && self.asked.is_some() => self.failed.extend(self.asked),
            _ => return None,
        }
        self.asked = None;
        while let Some((number, line)) = self.lines.pop_front() {
            if is_comment(&line) {
                show(&line);
                continue;
            }
            self.asked = Some(number);
            let mut typed = line.into_bytes();
            typed.push(b'\n');
            return Some(typed);
        }
        Some(vec![END_OF_INPUT])
    }

    /// Whether every line was answered with `[ok]`, but for a last one that ended the machine.
    pub fn verdict(self) -> Result<(), ScriptError> {
        let left = self.lines.iter().find(|(_, line)| !is_comment(line));
        let unanswered = match (left, self.begun) {
            (Some(&(number, _)), true) => Some(self.asked.unwrap_or(number)),
            (Some(&(number, _)), false) => Some(number),
            (None, _) => None,
        };
        if self.failed.is_empty() && unanswered.is_none() {
            return Ok(());
        }
        Err(ScriptError::Failed {
            path: self.path,
            failed: self.failed,
            unanswered,
        })
    }
}

/// What stands in a script for its readers alone.
fn is_comment(line: &str) -> bool {
    line.is_empty() || line.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Script {
        Script::parse(Path::new("a.hurdle"), text).expect("good")
    }

    fn say(script: &mut Script, line: &str) -> (Option<String>, Vec<String>) {
        let mut shown = Vec::new();
        let typed = script.line(line, &mut |line| shown.push(line.to_owned()));
        let typed = typed.map(|typed| String::from_utf8(typed).expect("text"));
        (typed, shown)
    }

    #[test]
    fn a_line_is_fed_when_the_last_one_was_answered() {
        let mut script = script("# one\n\n  ls /limit \n!cat /x\n");
        assert_eq!(say(&mut script, "booting"), (None, vec![]));
        assert_eq!(say(&mut script, "[ok]"), (None, vec![]));
        assert_eq!(
            say(&mut script, "[ready]"),
            (
                Some("ls /limit\n".into()),
                vec!["# one".into(), String::new()]
            )
        );
        assert_eq!(say(&mut script, "[7] [ok]"), (None, vec![]));
        assert_eq!(say(&mut script, "[ok]").0, Some("!cat /x\n".into()));
        assert_eq!(say(&mut script, "[ok]").0, Some("\u{4}".into()));
        assert!(script.verdict().is_ok());
    }

    #[test]
    fn what_failed_and_what_was_never_answered_is_told_by_number() {
        let mut script = script("ls\n# then\nnonsense\nls\nls\n");
        for line in [
            "[ready]",
            "[ok]",
            "[error: no command `nonsense`: see help]",
        ] {
            say(&mut script, line);
        }
        let error = script.verdict().expect_err("it failed").to_string();
        assert_eq!(error, "a.hurdle: line 3 failed; line 4 was not answered");
    }

    #[test]
    fn a_line_that_the_console_would_not_take_is_found_before_the_boot() {
        for text in ["ls\ncat /\u{e9}", &format!("\n{}", "x".repeat(241))] {
            let error = Script::parse(Path::new("a"), text).expect_err("bad");
            assert!(error.to_string().starts_with("a:2: "), "{error}");
        }
        assert!(Script::parse(Path::new("a"), "# \u{e9}").is_ok());
    }
}
