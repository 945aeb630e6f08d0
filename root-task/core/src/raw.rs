//! An operator's unfinished line: a prompt, and what is being typed behind it.
//!
//! # Invariants
//!
//! * Nothing but text, newline, return, tab, backspace and the escape sequences below reaches the line: no record can
//!   be begun, no terminal asked or set to anything that lasts longer than its colours.
//! * Another task's line stands on a line of its own, and the unfinished one below it again.

use interfaces::console::LINE_BYTES;

/// The most bytes of an unfinished line that are kept; of a longer one the beginning.
const KEPT_BYTES: usize = 2 * LINE_BYTES;
/// What an escape sequence may end with: cursor up, down, forth, back, to a place; erase below, erase the line; colours.
const FINALS: &str = "ABCDHJKm";
/// Goes to the line's beginning and erases it.
const ERASE: &str = "\r\u{1b}[K";

/// The unfinished line.
#[derive(Debug, Default)]
pub struct Unfinished {
    text: heapless::String<KEPT_BYTES>,
}

impl Unfinished {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            text: heapless::String::new(),
        }
    }

    /// Prints an operator's text at once; gives how many bytes of it were dropped.
    pub fn write(&mut self, text: &str, mut print: impl FnMut(&str)) -> u32 {
        let mut rest = text;
        let mut dropped = 0_u32;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at_checked(piece(rest)).unwrap_or((rest, ""));
            rest = after;
            if !allowed(piece) {
                let bytes = u32::try_from(piece.len()).unwrap_or(u32::MAX);
                dropped = dropped.saturating_add(bytes);
                continue;
            }
            if piece == "\n" || piece == "\r" {
                self.text.clear();
            } else {
                // What is not kept is not printed again, no more.
                let _ = self.text.push_str(piece);
            }
            print(piece);
        }
        dropped
    }

    /// Prints something that has a line of its own.
    pub fn around(&self, mut print: impl FnMut(&str), line: impl FnOnce()) {
        if !self.text.is_empty() {
            print(ERASE);
        }
        line();
        if !self.text.is_empty() {
            print(&self.text);
        }
    }
}

/// The length of the first piece: a run of plain text, one control character, or one escape sequence.
fn piece(text: &str) -> usize {
    let Some(first) = text.chars().next() else {
        return 0;
    };
    if !first.is_control() {
        return text.find(char::is_control).unwrap_or(text.len());
    }
    if let Some(parameters) = text.strip_prefix("\u{1b}[") {
        let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';');
        if let Some(end) = end
            && let Some(last) = parameters.get(end..).and_then(|rest| rest.chars().next())
            && FINALS.contains(last)
        {
            return end.saturating_add(3);
        }
    }
    first.len_utf8()
}

/// Whether a piece may be printed.
fn allowed(piece: &str) -> bool {
    match piece.chars().next() {
        Some('\u{1b}') => piece.len() > 1,
        Some('\n' | '\r' | '\t' | '\u{8}') => true,
        Some(first) => !first.is_control(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn write(unfinished: &mut Unfinished, text: &str) -> (String, u32) {
        let mut printed = String::new();
        let dropped = unfinished.write(text, |piece| printed.push_str(piece));
        (printed, dropped)
    }

    #[test]
    fn a_line_editor_finds_what_it_needs() {
        let text = "\r\u{1b}[Khurdle> \u{1b}[1;32mls\u{1b}[m\u{1b}[2D\u{8}\t\n\u{1b}[H\u{1b}[J";
        assert_eq!(write(&mut Unfinished::new(), text), (text.into(), 0));
    }

    #[test]
    fn nothing_else_passes() {
        let mut unfinished = Unfinished::new();
        for (text, printed, dropped) in [
            ("\u{1e}done 1 0\n", "done 1 0\n", 1),
            ("\u{1b}]0;title\u{7}", "]0;title", 2),
            ("\u{1b}[6n", "[6n", 1),
            ("\u{1b}[?25l", "[?25l", 1),
            ("\u{1b}c\u{9b}2J", "c2J", 3),
            ("a\u{1b}", "a", 1),
            ("\u{1b}[12", "[12", 1),
        ] {
            assert_eq!(write(&mut unfinished, text), (printed.into(), dropped));
        }
    }

    #[test]
    fn another_line_stands_whole_above_the_unfinished_one() {
        let mut unfinished = Unfinished::new();
        write(&mut unfinished, "out\n\r\u{1b}[Khurdle> l");
        write(&mut unfinished, "s");
        let printed = RefCell::new(String::new());
        let print = |text: &str| printed.borrow_mut().push_str(text);
        unfinished.around(print, || print("[7] hello\n"));
        assert_eq!(
            printed.borrow().as_str(),
            "\r\u{1b}[K[7] hello\n\u{1b}[Khurdle> ls"
        );
    }

    #[test]
    fn after_a_whole_line_there_is_nothing_to_go_around() {
        let mut unfinished = Unfinished::new();
        write(&mut unfinished, "hurdle> ls\n");
        let printed = RefCell::new(String::new());
        let print = |text: &str| printed.borrow_mut().push_str(text);
        unfinished.around(print, || print("line\n"));
        assert_eq!(printed.borrow().as_str(), "line\n");
    }
}
