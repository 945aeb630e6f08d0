//! How records are found on a line and read back.

use core::fmt;
use core::str::FromStr;

use crate::MARK;
use crate::record::{Capability, Outcome, Record, Rights};

/// A serial line, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// What stands before the mark, or everything if there is none: console text. Firmware and the debug kernel do
    /// not always end their line before a record begins.
    pub text: &'a str,
    /// What follows the mark.
    pub record: Option<Result<Record<'a>, ParseError<'a>>>,
}

/// Why what follows a mark is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError<'a> {
    /// The first word names no record.
    UnknownKeyword(&'a str),
    /// The line ends where a field should be.
    Missing(&'static str),
    /// A field is not what it should be.
    Malformed {
        /// Which field.
        field: &'static str,
        /// What was found.
        found: &'a str,
    },
    /// Something follows the last field.
    Trailing(&'a str),
}

/// Takes a serial line apart, with or without its line end.
#[must_use]
pub fn split(line: &str) -> Line<'_> {
    let line = line.trim_end_matches(['\r', '\n']);
    match line.split_once(MARK) {
        Some((text, rest)) => Line {
            text,
            record: Some(Record::parse(rest)),
        },
        None => Line {
            text: line,
            record: None,
        },
    }
}

impl<'a> Record<'a> {
    /// Reads a record back from its line, which has neither mark nor line end.
    pub fn parse(line: &'a str) -> Result<Self, ParseError<'a>> {
        let mut fields = Fields(Some(line));
        let record = match fields.word("keyword")? {
            "plan" => Self::Plan {
                cases: fields.number("cases")?,
            },
            "begin" => Self::Begin {
                name: fields.word("name")?,
            },
            "end" => Self::End {
                name: fields.word("name")?,
                outcome: fields.outcome()?,
            },
            "fault" => Self::Fault {
                who: fields.word("who")?,
                kind: fields.word("kind")?,
                ip: fields.hexadecimal("ip")?,
                address: fields.hexadecimal("address")?,
            },
            "capability" => Self::Capability(fields.capability()?),
            "figure" => Self::Figure {
                name: fields.word("name")?,
                value: fields.number("value")?,
            },
            "done" => Self::Done {
                passed: fields.number("passed")?,
                failed: fields.number("failed")?,
            },
            other => return Err(ParseError::UnknownKeyword(other)),
        };
        match fields.0 {
            None => Ok(record),
            Some(rest) => Err(ParseError::Trailing(rest)),
        }
    }
}

/// What is left of a line; nothing at all after its last field.
struct Fields<'a>(Option<&'a str>);

impl<'a> Fields<'a> {
    fn word(&mut self, field: &'static str) -> Result<&'a str, ParseError<'a>> {
        let rest = self.0.ok_or(ParseError::Missing(field))?;
        let (word, rest) = match rest.split_once(' ') {
            Some((word, rest)) => (word, Some(rest)),
            None => (rest, None),
        };
        self.0 = rest;
        if word.is_empty() {
            return Err(ParseError::Missing(field));
        }
        Ok(word)
    }

    /// Everything that is left.
    fn rest(&mut self) -> &'a str {
        self.0.take().unwrap_or("")
    }

    fn number<N: FromStr>(&mut self, field: &'static str) -> Result<N, ParseError<'a>> {
        let found = self.word(field)?;
        // `from_str` would take a sign, which no record has.
        if !found.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseError::Malformed { field, found });
        }
        found
            .parse()
            .map_err(|_| ParseError::Malformed { field, found })
    }

    fn hexadecimal(&mut self, field: &'static str) -> Result<u64, ParseError<'a>> {
        let found = self.word(field)?;
        hexadecimal(found).ok_or(ParseError::Malformed { field, found })
    }

    fn outcome(&mut self) -> Result<Outcome<'a>, ParseError<'a>> {
        match self.word("outcome")? {
            "ok" => Ok(Outcome::Ok),
            "failed" => Ok(Outcome::Failed {
                reason: self.rest(),
            }),
            found => Err(ParseError::Malformed {
                field: "outcome",
                found,
            }),
        }
    }

    fn capability(&mut self) -> Result<Capability<'a>, ParseError<'a>> {
        Ok(Capability {
            server: self.word("server")?,
            slot: self.number("slot")?,
            count: self.number("count")?,
            kind: self.word("kind")?,
            rights: self.rights()?,
            badge: self.badge()?,
            detail: self.rest(),
        })
    }

    fn rights(&mut self) -> Result<Rights, ParseError<'a>> {
        let found = self.word("rights")?;
        let mut letters = found.chars();
        let mut held = |letter| match letters.next() {
            Some('-') => Some(false),
            Some(found) => (found == letter).then_some(true),
            None => None,
        };
        let (read, write, grant) = (held('r'), held('w'), held('g'));
        match (read, write, grant, letters.next()) {
            (Some(read), Some(write), Some(grant), None) => Ok(Rights { read, write, grant }),
            _ => Err(ParseError::Malformed {
                field: "rights",
                found,
            }),
        }
    }

    fn badge(&mut self) -> Result<Option<u64>, ParseError<'a>> {
        match self.word("badge")? {
            "-" => Ok(None),
            found => hexadecimal(found).map(Some).ok_or(ParseError::Malformed {
                field: "badge",
                found,
            }),
        }
    }
}

fn hexadecimal(word: &str) -> Option<u64> {
    let digits = word.strip_prefix("0x")?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u64::from_str_radix(digits, 16).ok())?
}

impl fmt::Display for ParseError<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKeyword(found) => write!(out, "`{}` is no record", found.escape_debug()),
            Self::Missing(field) => write!(out, "the {field} is missing"),
            Self::Malformed { field, found } => {
                write!(out, "`{}` is no {field}", found.escape_debug())
            }
            Self::Trailing(rest) => {
                write!(out, "`{}` follows the last field", rest.escape_debug())
            }
        }
    }
}

impl core::error::Error for ParseError<'_> {}
