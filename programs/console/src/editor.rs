//! The line that is being edited, with what was entered before.
//!
//! # Invariants
//!
//! - The cursor is at or before the end of the line, which is ASCII: a byte is a column.
//! - What is drawn never reaches the terminal's last column, so it never wraps: a longer line shows its part around
//!   the cursor.

use core::fmt;

use crate::keys::Key;

/// The longest line.
pub const LINE: usize = 240;
/// How many lines are remembered.
pub const HISTORY: usize = 32;

/// A line.
pub type Line = heapless::String<LINE>;

/// What a key came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to be seen.
    Nothing,
    /// The line looks different.
    Redraw,
    /// A line was entered: [`Editor::entered`] is it.
    Entered,
    /// What was typed is given up.
    Cleared,
    /// The end was asked for.
    End,
}

/// The editor.
#[derive(Debug, Default)]
pub struct Editor {
    line: Line,
    cursor: usize,
    entered: Line,
    history: heapless::Deque<Line, HISTORY>,
    /// How many lines back the one shown is; none for the new one.
    back: usize,
    /// The new line, while an older one is shown.
    kept: Line,
}

impl Editor {
    /// An empty line and no history.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            line: heapless::String::new(),
            cursor: 0,
            entered: heapless::String::new(),
            history: heapless::Deque::new(),
            back: 0,
            kept: heapless::String::new(),
        }
    }

    /// The line as it stands.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The line that was entered last.
    #[must_use]
    pub fn entered(&self) -> &str {
        &self.entered
    }

    /// A key was pressed.
    pub fn press(&mut self, key: Key) -> Outcome {
        let end = self.line.len();
        match key {
            Key::Character(character) => return self.insert(character),
            Key::Enter => return self.enter(),
            Key::Interrupt => {
                self.clear();
                return Outcome::Cleared;
            }
            Key::EndOfInput if self.line.is_empty() => return Outcome::End,
            Key::Left => return self.go_to(self.cursor.saturating_sub(1)),
            Key::Right => return self.go_to(self.cursor.saturating_add(1).min(end)),
            Key::Home => return self.go_to(0),
            Key::End => return self.go_to(end),
            Key::Up => return self.recall(self.back.saturating_add(1)),
            Key::Down => return self.recall(self.back.saturating_sub(1)),
            Key::Backspace => self.erase(self.cursor.saturating_sub(1), self.cursor),
            Key::Delete | Key::EndOfInput => {
                self.erase(self.cursor, self.cursor.saturating_add(1).min(end));
            }
            Key::EraseRest => self.erase(self.cursor, end),
            Key::EraseStart => self.erase(0, self.cursor),
            Key::EraseWord => {
                let before = self.line.get(..self.cursor).unwrap_or_default();
                let start = before.trim_end().rfind(' ');
                self.erase(
                    start.map_or(0, |space| space.saturating_add(1)),
                    self.cursor,
                );
            }
            Key::Redraw => {}
        }
        Outcome::Redraw
    }

    /// Draws prompt and line from the first column on, in less than `width` columns, and leaves the cursor in place.
    pub fn draw(&self, prompt: &str, width: usize, out: &mut dyn fmt::Write) -> fmt::Result {
        // The last column stays free: a terminal wraps there.
        let room = width.saturating_sub(prompt.len()).saturating_sub(1).max(1);
        let first = self.cursor.saturating_sub(room.saturating_sub(1));
        let rest = self.line.get(first..).unwrap_or_default();
        let shown = rest.get(..room).unwrap_or(rest);
        write!(out, "\r\u{1b}[K{prompt}{shown}")?;
        let end = first.saturating_add(shown.len());
        match end.saturating_sub(self.cursor) {
            0 => Ok(()),
            columns => write!(out, "\u{1b}[{columns}D"),
        }
    }

    fn insert(&mut self, character: char) -> Outcome {
        if !character.is_ascii() || self.line.len() >= LINE {
            return Outcome::Nothing;
        }
        let rest = Line::try_from(self.line.get(self.cursor..).unwrap_or_default());
        self.line.truncate(self.cursor);
        // There is room for one more, and the rest was there before.
        let _ = self.line.push(character);
        let _ = self.line.push_str(&rest.unwrap_or_default());
        self.cursor = self.cursor.saturating_add(1);
        Outcome::Redraw
    }

    fn erase(&mut self, from: usize, to: usize) {
        let rest = Line::try_from(self.line.get(to..).unwrap_or_default());
        self.line.truncate(from);
        let _ = self.line.push_str(&rest.unwrap_or_default());
        self.cursor = from;
    }

    fn go_to(&mut self, place: usize) -> Outcome {
        if place == self.cursor {
            return Outcome::Nothing;
        }
        self.cursor = place;
        Outcome::Redraw
    }

    fn clear(&mut self) {
        self.line.clear();
        self.kept.clear();
        self.cursor = 0;
        self.back = 0;
    }

    fn enter(&mut self) -> Outcome {
        self.entered = core::mem::take(&mut self.line);
        self.clear();
        let line = &self.entered;
        let again = self.history.front() == Some(line);
        if !line.trim().is_empty() && !again {
            if self.history.is_full() {
                self.history.pop_back();
            }
            // There is room: made above.
            let _ = self.history.push_front(line.clone());
        }
        Outcome::Entered
    }

    /// Shows the line so many entered ones back.
    fn recall(&mut self, back: usize) -> Outcome {
        if back == self.back || back > self.history.len() {
            return Outcome::Nothing;
        }
        if self.back == 0 {
            self.kept = self.line.clone();
        }
        let place = back.checked_sub(1);
        self.line = place
            .and_then(|place| self.history.iter().nth(place))
            .unwrap_or(&self.kept)
            .clone();
        self.back = back;
        self.cursor = self.line.len();
        Outcome::Redraw
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Decoder;

    fn typed(editor: &mut Editor, bytes: &[u8]) -> Vec<Outcome> {
        let mut decoder = Decoder::default();
        let keys = bytes.iter().filter_map(|&byte| decoder.take(byte));
        let keys: Vec<Key> = keys.collect();
        keys.into_iter().map(|key| editor.press(key)).collect()
    }

    fn line_of(bytes: &[u8]) -> String {
        let mut editor = Editor::new();
        typed(&mut editor, bytes);
        editor.line().to_owned()
    }

    fn drawn(editor: &Editor, width: usize) -> String {
        let mut out = String::new();
        editor.draw("> ", width, &mut out).unwrap();
        out
    }

    #[test]
    fn text_is_inserted_and_erased_where_the_cursor_is() {
        assert_eq!(line_of(b"hllo\x1b[D\x1b[D\x1b[De"), "hello");
        assert_eq!(line_of(b"hello\x1b[H\x1b[3~\x1b[FX"), "elloX");
        assert_eq!(line_of(b"ab\x7f\x7f\x7fc"), "c");
        assert_eq!(line_of(b"one two \x17three"), "one three");
        assert_eq!(line_of(b"one two\x01\x0b"), "");
        assert_eq!(line_of(b"one two\x02\x15"), "o");
        assert_eq!(line_of(b"ab\x01\x04"), "b");
    }

    #[test]
    fn what_does_not_fit_is_not_taken() {
        let long = vec![b'x'; LINE + 10];
        assert_eq!(line_of(&long).len(), LINE);
    }

    #[test]
    fn the_history_goes_up_and_down_and_back_to_what_was_begun() {
        let mut editor = Editor::new();
        typed(&mut editor, b"one\rtwo\rtwo\r \rbegun");
        typed(&mut editor, b"\x1b[A");
        assert_eq!(editor.line(), "two");
        typed(&mut editor, b"\x1b[A\x1b[A");
        assert_eq!(editor.line(), "one");
        typed(&mut editor, b"\x1b[B\x1b[B\x1b[B");
        assert_eq!(editor.line(), "begun");
    }

    #[test]
    fn the_oldest_lines_are_forgotten() {
        let mut editor = Editor::new();
        for number in 0..HISTORY + 5 {
            typed(&mut editor, format!("{number}\r").as_bytes());
        }
        for _ in 0..HISTORY + 5 {
            editor.press(Key::Up);
        }
        assert_eq!(editor.line(), "5");
    }

    #[test]
    fn ctrl_c_clears_and_ctrl_d_ends_on_an_empty_line_only() {
        let mut editor = Editor::new();
        assert_eq!(
            typed(&mut editor, b"ab\x03\x04"),
            [
                Outcome::Redraw,
                Outcome::Redraw,
                Outcome::Cleared,
                Outcome::End
            ]
        );
        assert_eq!(typed(&mut editor, b"a\x04").last(), Some(&Outcome::Redraw));
        assert_eq!(editor.line(), "a");
    }

    #[test]
    fn the_cursor_is_left_where_it_is() {
        let mut editor = Editor::new();
        typed(&mut editor, b"hello");
        assert_eq!(drawn(&editor, 80), "\r\u{1b}[K> hello");
        typed(&mut editor, b"\x1b[D\x1b[D");
        assert_eq!(drawn(&editor, 80), "\r\u{1b}[K> hello\u{1b}[2D");
    }

    #[test]
    fn a_long_line_shows_the_part_around_the_cursor() {
        let mut editor = Editor::new();
        typed(&mut editor, b"0123456789");
        // Ten columns: two of prompt, seven of text, the last one free.
        assert_eq!(drawn(&editor, 10), "\r\u{1b}[K> 456789");
        typed(&mut editor, b"\x01");
        assert_eq!(drawn(&editor, 10), "\r\u{1b}[K> 0123456\u{1b}[7D");
    }
}
