//! Clients' lines on their way to the serial line.
//!
//! A client's text is gathered until its line is complete, so that lines of different tasks never mix, and printed
//! behind the task's number, so that none can speak for another: `[7] text`, or `[7.2] text` for the third task that
//! uses place 7.
//!
//! # Invariants
//!
//! * A task never has more than [`LINE_BYTES`] bytes waiting: what does not fit is dropped and counted.
//! * No control character but a tab is ever printed: the mark of a record, or a terminal's escape, is out of reach.
//! * One message never has more than [`MESSAGE_OUTPUT`] bytes printed: lines beyond that are dropped and counted.
//! * A line belongs to one task: whoever uses a place next finds nothing of its predecessor's.

use core::fmt;

use interfaces::console::LINE_BYTES;
use interfaces::identity::{TASK_INDEX_BITS, TaskTag};

use crate::raw::Unfinished;

/// The most bytes that one message can have printed, so that nobody waits for the serial line much longer than its own
/// bytes take: a line needs more of it than its text, and a message of nothing but newlines would be nearly all of that.
pub const MESSAGE_OUTPUT: usize = 3 * LINE_BYTES;
/// What a line needs besides its text: `[8191.2047] `, return and newline.
const AROUND: usize = 14;
const _: () = assert!(LINE_BYTES + AROUND <= MESSAGE_OUTPUT);

/// As many lines as there can be tasks: half of what a badge could name, as the kernel has 4,095 address spaces.
pub const LINES: usize = 1 << (TASK_INDEX_BITS - 1);

/// A line that is being gathered.
#[derive(Clone, Copy, Debug)]
struct Line {
    generation_low: u32,
    dropped: u32,
    length: u8,
    bytes: [u8; LINE_BYTES],
}

const _: () = assert!(LINE_BYTES <= u8::MAX as usize);

impl Line {
    const EMPTY: Self = Self {
        generation_low: 0,
        dropped: 0,
        length: 0,
        bytes: [0; LINE_BYTES],
    };

    fn text(&self) -> &str {
        // Only whole characters are ever pushed, so this never fails; if it did, an empty line would be printed.
        let bytes = self
            .bytes
            .get(..usize::from(self.length))
            .unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Whether the character fitted.
    fn push(&mut self, character: char) -> bool {
        let mut encoded = [0; 4];
        let encoded = character.encode_utf8(&mut encoded).as_bytes();
        let start = usize::from(self.length);
        let end = start.saturating_add(encoded.len());
        let Some(place) = self.bytes.get_mut(start..end) else {
            return false;
        };
        place.copy_from_slice(encoded);
        // `end` is within the array, whose length fits a byte, as asserted above.
        self.length = u8::try_from(end).unwrap_or(u8::MAX);
        true
    }
}

/// A whole line, as it is to be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole<'a> {
    /// Whose it is.
    pub task: TaskTag,
    /// What it says.
    pub text: &'a str,
}

impl fmt::Display for Whole<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task.generation_low() {
            0 => write!(out, "[{}] {}", self.task.index(), self.text),
            generation => write!(out, "[{}.{generation}] {}", self.task.index(), self.text),
        }
    }
}

/// Every task's line.
pub struct Lines<const N: usize = LINES> {
    lines: [Line; N],
}

impl<const N: usize> Lines<N> {
    /// No text anywhere.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "two MiB are not to be made by accident on a stack"
    )]
    pub const fn new() -> Self {
        Self {
            lines: [Line::EMPTY; N],
        }
    }

    /// Adds text to a task's line, and prints what is complete.
    pub fn write(&mut self, task: TaskTag, text: &str, mut print: impl FnMut(Whole<'_>)) {
        let Some(line) = self.line(task) else {
            return; // No task has such an index: the badge's bits are as many as there are lines.
        };
        let mut room = MESSAGE_OUTPUT;
        for character in text.chars() {
            if character == '\n' {
                let text = line.text();
                if let Some(left) = room.checked_sub(text.len().saturating_add(AROUND)) {
                    room = left;
                    print(Whole { task, text });
                } else {
                    let lost = u32::from(line.length).saturating_add(1);
                    line.dropped = line.dropped.saturating_add(lost);
                }
                line.length = 0;
            } else if character.is_control() && character != '\t' || !line.push(character) {
                let bytes = u32::try_from(character.len_utf8()).unwrap_or(u32::MAX);
                line.dropped = line.dropped.saturating_add(bytes);
            }
        }
    }

    /// Does that above an operator's unfinished line, which is taken away and drawn again once for the whole message: how
    /// long it is must not be multiplied by how many lines a client sends.
    pub fn write_above(
        &mut self,
        unfinished: &Unfinished,
        task: TaskTag,
        text: &str,
        print_raw: impl FnMut(&str),
        print: impl FnMut(Whole<'_>),
    ) {
        if text.contains('\n') {
            unfinished.around(print_raw, || self.write(task, text, print));
        } else {
            self.write(task, text, print);
        }
    }

    /// Counts bytes of a task's that were dropped elsewhere.
    pub fn drop_bytes(&mut self, task: TaskTag, bytes: u32) {
        if let Some(line) = self.line(task) {
            line.dropped = line.dropped.saturating_add(bytes);
        }
    }

    /// How many bytes of a task's text were dropped.
    pub fn dropped(&mut self, task: TaskTag) -> u64 {
        self.line(task).map_or(0, |line| u64::from(line.dropped))
    }

    /// A task's line. If another task had the place before, what it left is gone.
    fn line(&mut self, task: TaskTag) -> Option<&mut Line> {
        let place = usize::try_from(task.index()).ok()?;
        let line = self.lines.get_mut(place)?;
        if line.generation_low != task.generation_low() {
            line.generation_low = task.generation_low();
            line.dropped = 0;
            line.length = 0;
        }
        Some(line)
    }
}

impl<const N: usize> fmt::Debug for Lines<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Lines")
            .field("places", &N)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEVEN: TaskTag = TaskTag::new(7, 0);
    const EIGHT: TaskTag = TaskTag::new(8, 3);

    fn write(lines: &mut Lines<16>, task: TaskTag, text: &str) -> Vec<String> {
        let mut printed = Vec::new();
        lines.write(task, text, |line| printed.push(line.to_string()));
        printed
    }

    #[test]
    fn a_line_is_printed_whole_and_under_its_task() {
        let mut lines = Lines::<16>::new();
        assert!(write(&mut lines, SEVEN, "one ").is_empty());
        assert_eq!(write(&mut lines, EIGHT, "other\n"), ["[8.3] other"]);
        assert_eq!(
            write(&mut lines, SEVEN, "two\nthree\nfour"),
            ["[7] one two", "[7] three"]
        );
        assert_eq!(write(&mut lines, SEVEN, "\n"), ["[7] four"]);
        assert_eq!(write(&mut lines, SEVEN, "\n"), ["[7] "]);
    }

    #[test]
    fn no_client_can_begin_a_record_or_move_the_cursor() {
        let mut lines = Lines::<16>::new();
        assert_eq!(
            write(&mut lines, SEVEN, "\u{1e}done 1 0\r\u{1b}[2J\ta\u{9b}b\n"),
            ["[7] done 1 0[2J\tab"]
        );
        assert_eq!(lines.dropped(SEVEN), 5);
    }

    #[test]
    fn what_is_too_long_is_dropped_and_counted() {
        let mut lines = Lines::<16>::new();
        let long = "x".repeat(LINE_BYTES + 10);
        let printed = write(&mut lines, SEVEN, &format!("{long}\nnext\n"));
        assert_eq!(printed.first().map(String::len), Some(LINE_BYTES + 4));
        assert_eq!(printed.get(1).map(String::as_str), Some("[7] next"));
        assert_eq!(lines.dropped(SEVEN), 10);
    }

    #[test]
    fn a_message_of_newlines_prints_no_more_than_any_other() {
        let mut lines = Lines::<16>::new();
        let printed = write(&mut lines, EIGHT, &"\n".repeat(LINE_BYTES));
        let bytes: usize = printed.iter().map(|line| line.len() + 2).sum();
        assert!(printed.len() == MESSAGE_OUTPUT / AROUND && bytes <= MESSAGE_OUTPUT);
        let lost = u64::try_from(LINE_BYTES - printed.len()).unwrap();
        assert_eq!(lines.dropped(EIGHT), lost);
        // As many short lines as somebody may want to say at once all come, and the next message begins anew.
        let said = "a word or two\n".repeat(17);
        assert_eq!(write(&mut lines, SEVEN, &said).len(), 17);
        assert_eq!(write(&mut lines, SEVEN, &said).len(), 17);
        assert_eq!(lines.dropped(SEVEN), 0);
    }

    #[test]
    fn an_unfinished_line_is_drawn_again_once_for_a_message_and_not_for_a_part_of_a_line() {
        use core::cell::RefCell;
        let mut unfinished = Unfinished::new();
        unfinished.write("hurdle> ls", |_| {});
        let mut lines = Lines::<16>::new();
        let printed = RefCell::new(String::new());
        let mut write = |text| {
            let raw = |text: &str| printed.borrow_mut().push_str(text);
            lines.write_above(&unfinished, SEVEN, text, raw, |line| {
                printed.borrow_mut().push_str(&line.to_string());
                printed.borrow_mut().push('\n');
            });
        };
        write("part");
        assert_eq!(printed.borrow().as_str(), "");
        write("\n\n\n");
        assert_eq!(
            printed.borrow().as_str(),
            "\r\u{1b}[K[7] part\n[7] \n[7] \nhurdle> ls"
        );
    }

    #[test]
    fn a_character_is_dropped_whole() {
        let mut lines = Lines::<16>::new();
        let text = format!("{}é\n", "x".repeat(LINE_BYTES - 1));
        assert!(
            write(&mut lines, SEVEN, &text)
                .iter()
                .all(|line| line.ends_with('x'))
        );
        assert_eq!(lines.dropped(SEVEN), 2);
    }

    #[test]
    fn the_next_task_in_a_place_finds_nothing_of_the_last_one() {
        let mut lines = Lines::<16>::new();
        write(&mut lines, SEVEN, "secret\u{7}");
        let next = TaskTag::new(7, 1);
        assert_eq!(write(&mut lines, next, "mine\n"), ["[7.1] mine"]);
        assert_eq!(lines.dropped(next), 0);
    }

    #[test]
    fn an_index_that_no_task_has_prints_nothing() {
        let mut lines = Lines::<16>::new();
        let nobody = TaskTag::new(16, 0);
        assert!(write(&mut lines, nobody, "text\n").is_empty());
        assert_eq!(lines.dropped(nobody), 0);
    }
}
