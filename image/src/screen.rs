//! The guest's console as it comes, in pieces: text to be shown at once, and whole lines to be judged.

use test_records::MARK;

/// Takes the console apart.
#[derive(Debug, Default)]
pub struct Screen {
    /// The line so far.
    line: Vec<u8>,
    /// Whether a record has begun in it, which nobody is shown.
    hidden: bool,
    /// Whether the terminal is raw: a newline alone then only goes down.
    pub raw: bool,
}

impl Screen {
    /// Nothing has come yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a piece. `show` gets what is for people, `on_line` every whole line, with its record.
    pub fn take(&mut self, bytes: &[u8], show: &mut Vec<u8>, on_line: &mut dyn FnMut(&str)) {
        for &byte in bytes {
            if byte == b'\n' {
                // A line that is nothing but a record is none.
                if !self.hidden || self.line.first() != Some(&mark()) {
                    show.extend_from_slice(if self.raw { b"\r\n" } else { b"\n" });
                }
                let line = String::from_utf8_lossy(&self.line);
                on_line(line.trim_end_matches('\r'));
                self.line.clear();
                self.hidden = false;
                continue;
            }
            self.hidden |= byte == mark();
            self.line.push(byte);
            if !self.hidden {
                show.push(byte);
            }
        }
    }

    /// Whether the line so far ends with this.
    #[must_use]
    pub fn stands_at(&self, prompt: &str) -> bool {
        self.line.ends_with(prompt.as_bytes())
    }
}

fn mark() -> u8 {
    // It is one of ASCII's.
    u8::try_from(u32::from(MARK)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(screen: &mut Screen, text: &str) -> (String, Vec<String>) {
        let (mut show, mut lines) = (Vec::new(), Vec::new());
        screen.take(text.as_bytes(), &mut show, &mut |line| {
            lines.push(line.to_owned());
        });
        (String::from_utf8(show).expect("text"), lines)
    }

    #[test]
    fn text_is_shown_as_it_comes_and_records_never() {
        let mut screen = Screen::new();
        assert_eq!(
            take(&mut screen, "one\ntw"),
            ("one\ntw".into(), vec!["one".into()])
        );
        assert_eq!(
            take(&mut screen, "o\u{1e}done 1"),
            ("o".into(), Vec::<String>::new())
        );
        assert_eq!(
            take(&mut screen, " 0\n\u{1e}plan 1\nlast"),
            (
                "\nlast".into(),
                vec!["two\u{1e}done 1 0".into(), "\u{1e}plan 1".into()]
            )
        );
    }

    #[test]
    fn a_raw_terminal_is_told_where_a_line_begins() {
        let mut screen = Screen::new();
        screen.raw = true;
        let (show, _) = take(&mut screen, "a\n\r\u{1b}[Khurdle> ");
        assert_eq!(show, "a\r\n\r\u{1b}[Khurdle> ");
        assert!(screen.stands_at("hurdle> "));
    }
}
