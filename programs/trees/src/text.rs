//! What a person wrote, understood strictly: every text has one meaning or none.
//!
//! A write is whole lines, each ended by a newline, of words with exactly one space between them; nothing is
//! trimmed, guessed or read in part. All of it is checked before any of it is acted upon.

use core::fmt;

use interfaces::limits::{LABEL_BYTES, LabelText};
use interfaces::memory::PAGE_BYTES;
use interfaces::{GroupId, Limit, TaskId, Text};

/// A piece of what was written, as much as fits into a message.
pub type Excerpt = Text<31>;

/// A text that is not what a file takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadText {
    /// The line, counted from 1.
    pub line: u32,
    /// What is wrong with it.
    pub mistake: Mistake,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// There is nothing, or a line of nothing.
    Empty,
    /// It is not UTF-8.
    NotText,
    /// It has a control character, for instance NUL, a tab or a carriage return.
    Control(char),
    /// Half a line: its newline is missing.
    Unfinished,
    /// A space at the beginning or the end, or two in a row.
    Spaces,
    /// The file takes one line only.
    SecondLine,
    /// No such command.
    UnknownCommand(Excerpt),
    /// The command takes one word.
    Words {
        /// How many there are.
        found: u32,
    },
    /// The label is longer than a label can be.
    LongLabel {
        /// Its length in bytes.
        bytes: usize,
    },
    /// Something else is taken here.
    Unexpected {
        /// What was found.
        found: Excerpt,
        /// What is taken.
        expected: Expected,
    },
}

/// What a file or command takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A number or `max`.
    Limit,
    /// A number of bytes or `max`.
    Bytes,
    /// A `1`.
    One,
    /// A `0` or a `1`.
    Switch,
    /// The id of a task.
    Task,
    /// The word `kill`.
    Kill,
}

impl fmt::Display for BadText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.mistake)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => out.write_str("nothing is written there"),
            Self::NotText => out.write_str("not UTF-8"),
            Self::Control(found) => write!(out, "a control character, {}", found.escape_unicode()),
            Self::Unfinished => out.write_str("half a line: its newline is missing"),
            Self::Spaces => out.write_str("a space too many"),
            Self::SecondLine => out.write_str("one line is all that is taken"),
            Self::UnknownCommand(found) => {
                write!(
                    out,
                    "no command '{found}': there are label, mlim, mproc and mpage"
                )
            }
            Self::Words { found } => write!(out, "a command takes one word, not {found}"),
            Self::LongLabel { bytes } => {
                write!(out, "a label has at most {LABEL_BYTES} bytes, not {bytes}")
            }
            Self::Unexpected { found, expected } => write!(out, "'{found}' is not {expected}"),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Limit => "a whole number below 2^64 or max",
            Self::Bytes => "a whole number of bytes below 2^64 (K, M, G or T may follow) or max",
            Self::One => "1",
            Self::Switch => "0 or 1",
            Self::Task => "the id of a task",
            Self::Kill => "kill",
        })
    }
}

/// The lines of a text, each without its newline: at least one, none of them empty.
pub(crate) fn lines(bytes: &[u8]) -> Result<impl Iterator<Item = (u32, &str)>, BadText> {
    let (text, broken) = match core::str::from_utf8(bytes) {
        Ok(text) => (text, false),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            (core::str::from_utf8(valid).unwrap_or_default(), true)
        }
    };
    let mut line = 1_u32;
    let mut previous = '\n';
    for character in text.chars() {
        let mistake = match character {
            '\n' if previous == '\n' => Some(Mistake::Empty),
            '\n' if previous == ' ' => Some(Mistake::Spaces),
            ' ' if previous == ' ' || previous == '\n' => Some(Mistake::Spaces),
            '\n' => None,
            other => other.is_control().then_some(Mistake::Control(other)),
        };
        if let Some(mistake) = mistake {
            return Err(BadText { line, mistake });
        }
        if character == '\n' {
            line = line.saturating_add(1);
        }
        previous = character;
    }
    let mistake = match () {
        () if broken => Mistake::NotText,
        () if text.is_empty() => Mistake::Empty,
        () if previous != '\n' => Mistake::Unfinished,
        () => return Ok((1..).zip(text.split_terminator('\n'))),
    };
    Err(BadText { line, mistake })
}

/// The only line of a text.
pub(crate) fn line(bytes: &[u8]) -> Result<&str, BadText> {
    let mut lines = lines(bytes)?;
    // There is at least one.
    let (_, first) = lines.next().unwrap_or_default();
    match lines.next() {
        None => Ok(first),
        Some((line, _)) => Err(BadText {
            line,
            mistake: Mistake::SecondLine,
        }),
    }
}

/// What a word stands for, or why not.
pub(crate) fn expect<T>(
    line: u32,
    word: &str,
    expected: Expected,
    parse: fn(&str) -> Option<T>,
) -> Result<T, BadText> {
    let mistake = || Mistake::Unexpected {
        found: Excerpt::cut(word),
        expected,
    };
    parse(word).ok_or_else(|| BadText {
        line,
        mistake: mistake(),
    })
}

/// A whole number below 2^64, in digits alone.
///
/// A number does not begin with 0: elsewhere (cgroup v2 for one) that makes it octal, so it has two meanings.
pub(crate) fn number(word: &str) -> Option<u64> {
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    let plain = word == "0" || !word.starts_with('0');
    // The emptiest of words and a number that is too large are left to the parser.
    if digits && plain {
        word.parse().ok()
    } else {
        None
    }
}

/// A limit: a number, or `max`. The largest number there is limits nothing, so it is `max` too.
pub(crate) fn limit(word: &str) -> Option<Limit> {
    if word == "max" {
        Some(Limit::Max)
    } else {
        number(word).map(Limit::from_bound)
    }
}

/// A limit in bytes as one in pages: K, M, G or T may follow the number; a part of a page is not given.
pub(crate) fn pages(word: &str) -> Option<Limit> {
    if word == "max" {
        return Some(Limit::Max);
    }
    let (digits, shift) = match word.char_indices().last()? {
        (at, 'K' | 'k') => (word.get(..at)?, 10),
        (at, 'M' | 'm') => (word.get(..at)?, 20),
        (at, 'G' | 'g') => (word.get(..at)?, 30),
        (at, 'T' | 't') => (word.get(..at)?, 40),
        _ => (word, 0),
    };
    let bytes = number(digits)?.checked_mul(1 << shift)?;
    bytes.checked_div(PAGE_BYTES).map(Limit::At)
}

/// A `1`.
pub(crate) fn one(word: &str) -> Option<()> {
    (word == "1").then_some(())
}

/// The word `kill`.
pub(crate) fn kill(word: &str) -> Option<()> {
    (word == "kill").then_some(())
}

/// A `0` or a `1`.
pub(crate) fn switch(word: &str) -> Option<bool> {
    match word {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// The id of a group as it is printed: the place, and a dot and the generation unless that is 0.
pub(crate) fn group(word: &str) -> Option<GroupId> {
    id(word).map(|(index, generation)| GroupId { index, generation })
}

/// The id of a task as it is printed.
pub(crate) fn task(word: &str) -> Option<TaskId> {
    id(word).map(|(index, generation)| TaskId { index, generation })
}

fn id(word: &str) -> Option<(u32, u32)> {
    let narrow = |word| number(word).and_then(|number| u32::try_from(number).ok());
    match word.split_once('.') {
        None => Some((narrow(word)?, 0)),
        Some((index, generation)) => {
            let generation = narrow(generation).filter(|&generation| generation != 0)?;
            Some((narrow(index)?, generation))
        }
    }
}

/// A label of one word.
pub(crate) fn label(word: &str) -> Result<LabelText, Mistake> {
    LabelText::try_new(word).ok_or(Mistake::LongLabel { bytes: word.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_alone_and_below_2_to_the_64() {
        assert_eq!(number("0"), Some(0));
        assert_eq!(number("18446744073709551615"), Some(u64::MAX));
        for bad in [
            "",
            "-1",
            "+1",
            " 1",
            "1 ",
            "01",
            "0x1",
            "1e3",
            "18446744073709551616",
            "१",
        ] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn bytes_are_rounded_down_to_pages() {
        assert_eq!(pages("8191"), Some(Limit::At(1)));
        assert_eq!(pages("1M"), Some(Limit::At(256)));
        assert_eq!(pages("max"), Some(Limit::Max));
        for bad in ["", "M", "1MB", "-1M", "16777216T", "1é"] {
            assert_eq!(pages(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_id_is_read_as_it_is_printed_and_in_no_other_way() {
        for id in [
            GroupId {
                index: 7,
                generation: 0,
            },
            GroupId {
                index: 7,
                generation: 3,
            },
        ] {
            assert_eq!(group(&std::format!("{id}")), Some(id));
        }
        for bad in ["", "7.", ".7", "7.0", "07", "7.03", "7.1.1", "4294967296"] {
            assert_eq!(group(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn every_mistake_is_found_in_its_line() {
        let cases: [(&[u8], u32, Mistake); 10] = [
            (b"", 1, Mistake::Empty),
            (b"\n", 1, Mistake::Empty),
            (b"a\n\nb\n", 2, Mistake::Empty),
            (b"a\nb", 2, Mistake::Unfinished),
            (b" a\n", 1, Mistake::Spaces),
            (b"a \n", 1, Mistake::Spaces),
            (b"a  b\n", 1, Mistake::Spaces),
            (b"a\nb\0\n", 2, Mistake::Control('\0')),
            (b"a\r\n", 1, Mistake::Control('\r')),
            (b"a\n\xff\n", 2, Mistake::NotText),
        ];
        for (text, line, mistake) in cases {
            assert_eq!(
                lines(text).map(Iterator::count),
                Err(BadText { line, mistake })
            );
        }
        assert_eq!(lines(b"a b\nc\n").unwrap().last(), Some((2, "c")));
    }
}
