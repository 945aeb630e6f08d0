//! Keys out of a terminal's bytes.

/// A key that the console knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A printable character.
    Character(char),
    /// The line is complete.
    Enter,
    /// To the left.
    Left,
    /// To the right.
    Right,
    /// The line before.
    Up,
    /// The line after.
    Down,
    /// The beginning of the line.
    Home,
    /// Its end.
    End,
    /// Erases to the left.
    Backspace,
    /// Erases under the cursor.
    Delete,
    /// Erases from the cursor on (Ctrl-K).
    EraseRest,
    /// Erases up to the cursor (Ctrl-U).
    EraseStart,
    /// Erases the word to the left (Ctrl-W).
    EraseWord,
    /// Draws everything anew (Ctrl-L).
    Redraw,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D.
    EndOfInput,
}

/// Gathers bytes until they are a key. Escape sequences may come in pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decoder {
    /// Between keys.
    #[default]
    Ground,
    /// After a return: a newline that follows belongs to it.
    Return,
    /// After an escape.
    Escape,
    /// Within a sequence; its first number so far.
    Sequence {
        /// The number.
        number: u8,
        /// Whether it is complete.
        closed: bool,
    },
}

impl Decoder {
    /// Takes a byte; gives the key that it completes. What stands for no known key is dropped, and so is what is
    /// not ASCII: the line that is edited has one column a byte.
    pub fn take(&mut self, byte: u8) -> Option<Key> {
        let state = core::mem::take(self);
        match (state, byte) {
            (Self::Return, b'\n') => None,
            (Self::Escape, b'[' | b'O') => {
                *self = Self::Sequence {
                    number: 0,
                    closed: false,
                };
                None
            }
            // An escape alone is no key here.
            (Self::Ground | Self::Return | Self::Escape, _) => self.plain(byte),
            (Self::Sequence { number, closed }, b'0'..=b'9') => {
                let digit = byte.wrapping_sub(b'0');
                let number = if closed {
                    number
                } else {
                    number.saturating_mul(10).saturating_add(digit)
                };
                *self = Self::Sequence { number, closed };
                None
            }
            (Self::Sequence { number, .. }, b';') => {
                *self = Self::Sequence {
                    number,
                    closed: true,
                };
                None
            }
            (Self::Sequence { number, .. }, _) => match (byte, number) {
                (b'A', _) => Some(Key::Up),
                (b'B', _) => Some(Key::Down),
                (b'C', _) => Some(Key::Right),
                (b'D', _) => Some(Key::Left),
                (b'H', _) | (b'~', 1 | 7) => Some(Key::Home),
                (b'F', _) | (b'~', 4 | 8) => Some(Key::End),
                (b'~', 3) => Some(Key::Delete),
                _ => None,
            },
        }
    }

    fn plain(&mut self, byte: u8) -> Option<Key> {
        Some(match byte {
            b'\r' => {
                *self = Self::Return;
                Key::Enter
            }
            b'\n' => Key::Enter,
            0x1b => {
                *self = Self::Escape;
                return None;
            }
            0x01 => Key::Home,
            0x02 => Key::Left,
            0x03 => Key::Interrupt,
            0x04 => Key::EndOfInput,
            0x05 => Key::End,
            0x06 => Key::Right,
            0x08 | 0x7f => Key::Backspace,
            0x0b => Key::EraseRest,
            0x0c => Key::Redraw,
            0x0e => Key::Down,
            0x10 => Key::Up,
            0x15 => Key::EraseStart,
            0x17 => Key::EraseWord,
            b' '..=b'~' => Key::Character(char::from(byte)),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Decoder::default();
        bytes
            .iter()
            .filter_map(|&byte| decoder.take(byte))
            .collect()
    }

    #[test]
    fn text_and_control_keys() {
        assert_eq!(
            keys(b"a \x7f\x03\x04\x01"),
            [
                Key::Character('a'),
                Key::Character(' '),
                Key::Backspace,
                Key::Interrupt,
                Key::EndOfInput,
                Key::Home
            ]
        );
    }

    #[test]
    fn a_line_ends_once_however_it_ends() {
        assert_eq!(keys(b"\r"), [Key::Enter]);
        assert_eq!(keys(b"\n"), [Key::Enter]);
        assert_eq!(keys(b"\r\n"), [Key::Enter]);
        assert_eq!(keys(b"\r\r"), [Key::Enter, Key::Enter]);
    }

    #[test]
    fn sequences_of_several_terminals() {
        assert_eq!(
            keys(b"\x1b[A\x1bOB\x1b[C\x1b[1;5D\x1b[H\x1bOF\x1b[1~\x1b[4~\x1b[3~"),
            [
                Key::Up,
                Key::Down,
                Key::Right,
                Key::Left,
                Key::Home,
                Key::End,
                Key::Home,
                Key::End,
                Key::Delete
            ]
        );
    }

    #[test]
    fn what_is_unknown_leaves_nothing_behind() {
        assert_eq!(
            keys(b"\x1b[200~\x1b[24;80R\x1bx\x07\xc3\xa9y"),
            [Key::Character('x'), Key::Character('y')]
        );
    }
}
