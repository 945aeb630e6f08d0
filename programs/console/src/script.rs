//! What a script's line can say beside a command. The same by hand.
//!
//! | line | means |
//! |---|---|
//! | `# text` | nothing |
//! | `COMMAND` | is to succeed |
//! | `!COMMAND` | is to fail |
//! | `NAME = COMMAND` | is to succeed, and the first word that it prints is `$NAME` from then on |
//! | `expect TEXT` | the last command printed TEXT, or failed with it |
//! | `!expect TEXT` | it did not |

use core::fmt;

use crate::editor::Line;

/// How many names there can be.
pub const NAMES: usize = 32;
/// The longest name.
const NAME: usize = 24;
/// The longest value.
const VALUE: usize = 64;

/// A line's meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'l> {
    /// Nothing is to be done.
    Nothing,
    /// The last answer must have this text, or must not.
    Expect {
        /// The text.
        text: &'l str,
        /// Whether it must be there.
        there: bool,
    },
    /// A command is to be run.
    Run {
        /// Whether it is to fail.
        fails: bool,
        /// The name for what it prints first.
        name: Option<&'l str>,
        /// The command.
        command: &'l str,
    },
}

impl<'l> Step<'l> {
    /// What a line means, with the names in it replaced already.
    #[must_use]
    pub fn of(line: &'l str) -> Self {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Self::Nothing;
        }
        for (prefix, there) in [("expect ", true), ("!expect ", false)] {
            if let Some(text) = line.strip_prefix(prefix) {
                let text = text.trim();
                return Self::Expect { text, there };
            }
        }
        if let Some(command) = line.strip_prefix('!') {
            return Self::Run {
                fails: true,
                name: None,
                command: command.trim(),
            };
        }
        if let Some((name, command)) = line.split_once(" = ")
            && is_name(name)
        {
            return Self::Run {
                fails: false,
                name: Some(name),
                command: command.trim(),
            };
        }
        Self::Run {
            fails: false,
            name: None,
            command: line,
        }
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && word.chars().all(is_name_character)
}

const fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Why a name was not given or replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Nothing has this name.
    Unknown(heapless::String<NAME>),
    /// The line is too long once its names are replaced.
    LongLine,
    /// The name, or what it is to stand for, is too long.
    LongName,
    /// There are as many names as there can be.
    Full,
}

impl fmt::Display for NameError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(out, "nothing is called ${name}"),
            Self::LongLine => out.write_str("the line is too long"),
            Self::LongName => write!(
                out,
                "a name has at most {NAME} bytes, what it stands for {VALUE}"
            ),
            Self::Full => write!(out, "there are {NAMES} names already"),
        }
    }
}

/// What was given a name.
#[derive(Debug, Default)]
pub struct Names(heapless::LinearMap<heapless::String<NAME>, heapless::String<VALUE>, NAMES>);

impl Names {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(heapless::LinearMap::new())
    }

    /// Gives a name, again if there is one already.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), NameError> {
        let name = name.try_into().map_err(|()| NameError::LongName)?;
        let value = value.try_into().map_err(|()| NameError::LongName)?;
        self.0.insert(name, value).map_err(|_| NameError::Full)?;
        Ok(())
    }

    /// The line with every `$NAME` replaced. A `$` before anything else stays, and a comment is left alone.
    pub fn replace(&self, line: &str) -> Result<Line, NameError> {
        let mut replaced = Line::new();
        let mut push = |text: &str| replaced.push_str(text).map_err(|()| NameError::LongLine);
        if line.trim_start().starts_with('#') {
            push(line)?;
            return Ok(replaced);
        }
        let mut pieces = line.split('$');
        push(pieces.next().unwrap_or_default())?;
        for piece in pieces {
            let end = piece.find(|c| !is_name_character(c)).unwrap_or(piece.len());
            let (name, rest) = piece.split_at_checked(end).unwrap_or((piece, ""));
            if is_name(name) {
                push(self.value(name)?)?;
            } else {
                push("$")?;
                push(name)?;
            }
            push(rest)?;
        }
        Ok(replaced)
    }

    fn value(&self, name: &str) -> Result<&str, NameError> {
        let found = self.0.iter().find(|(known, _)| known.as_str() == name);
        found.map(|(_, value)| value.as_str()).ok_or_else(|| {
            let mut shown = heapless::String::new();
            for character in name.chars() {
                // What does not fit is cut.
                let _ = shown.push(character);
            }
            NameError::Unknown(shown)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(fails: bool, name: Option<&'static str>, command: &'static str) -> Step<'static> {
        Step::Run {
            fails,
            name,
            command,
        }
    }

    fn expect(text: &'static str, there: bool) -> Step<'static> {
        Step::Expect { text, there }
    }

    #[test]
    fn a_line_means_what_the_table_says() {
        for (line, step) in [
            ("", Step::Nothing),
            ("  # ls", Step::Nothing),
            ("ls /limit", run(false, None, "ls /limit")),
            ("!cat /none", run(true, None, "cat /none")),
            ("! cat /none", run(true, None, "cat /none")),
            ("ID = spawn nap", run(false, Some("ID"), "spawn nap")),
            ("echo a = b > /x", run(false, None, "echo a = b > /x")),
            ("expect  20 tasks ", expect("20 tasks", true)),
            ("!expect 20", expect("20", false)),
        ] {
            assert_eq!(Step::of(line), step, "{line}");
        }
    }

    #[test]
    fn names_stand_for_their_values() {
        let mut names = Names::new();
        names.set("ID", "7.2").unwrap();
        names.set("A", "x").unwrap();
        names.set("ID", "8").unwrap();
        let replaced = |line| names.replace(line).map(|line| line.as_str().to_owned());
        assert_eq!(replaced("kill $ID"), Ok("kill 8".into()));
        assert_eq!(replaced("$A/$ID.$A$A"), Ok("x/8.xx".into()));
        assert_eq!(replaced("5$ $ $1"), Ok("5$ $ $1".into()));
        assert_eq!(replaced("# $NONE"), Ok("# $NONE".into()));
        assert_eq!(
            replaced("$IDX"),
            Err(NameError::Unknown("IDX".try_into().unwrap()))
        );
        let long = "$A".repeat(250);
        assert_eq!(replaced(&long), Err(NameError::LongLine));
    }

    #[test]
    fn names_are_bounded() {
        let mut names = Names::new();
        assert_eq!(names.set(&"n".repeat(25), ""), Err(NameError::LongName));
        assert_eq!(names.set("n", &"v".repeat(65)), Err(NameError::LongName));
        for number in 0..NAMES {
            names.set(&format!("n{number}"), "v").unwrap();
        }
        assert_eq!(names.set("one_more", "v"), Err(NameError::Full));
        assert_eq!(names.set("n0", "w"), Ok(()));
    }
}
