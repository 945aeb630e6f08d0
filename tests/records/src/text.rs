//! Text as it may stand in a record: single words, and the rest of a line.

use core::fmt::{self, Write as _};

/// Stands for a character that may not be in a record.
const SUBSTITUTE: char = '?';
/// Stands for an empty name.
const NOTHING: &str = "_";

/// Displays text as one word: white space becomes `_`, control characters `?`, nothing at all `_`.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a>(pub &'a str);

/// Displays text as the rest of a line: on one line, without control characters, and not ending in space.
#[derive(Clone, Copy, Debug)]
pub struct Prose<'a>(pub &'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return out.write_str(NOTHING);
        }
        for character in self.0.chars() {
            out.write_char(match character {
                c if c.is_whitespace() => '_',
                c if c.is_control() => SUBSTITUTE,
                c => c,
            })?;
        }
        Ok(())
    }
}

impl fmt::Display for Prose<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.trim().chars() {
            out.write_char(match character {
                c if c.is_whitespace() => ' ',
                c if c.is_control() => SUBSTITUTE,
                c => c,
            })?;
        }
        Ok(())
    }
}
