//! What the last command printed: for `expect`, and for names.

use core::fmt;

/// The most bytes that are kept; of more, the beginning.
pub const ANSWER: usize = 8192;

/// The answer of a command.
#[derive(Debug, Default)]
pub struct Answer {
    text: heapless::String<ANSWER>,
    cut: bool,
}

impl Answer {
    /// Nothing was printed yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            text: heapless::String::new(),
            cut: false,
        }
    }

    /// Forgets it: another command begins.
    pub fn clear(&mut self) {
        self.text.clear();
        self.cut = false;
    }

    /// The first word.
    #[must_use]
    pub fn first_word(&self) -> Option<&str> {
        self.text.split_whitespace().next()
    }

    /// Whether a text is in it.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// Whether its end was not kept.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.cut
    }
}

impl fmt::Write for Answer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            // Once something is missing nothing may follow it.
            self.cut |= self.cut || self.text.push(character).is_err();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Write as _;

    #[test]
    fn the_first_word_and_the_whole_are_looked_at() {
        let mut answer = Answer::new();
        write!(answer, "\n 7.2 worker\nnext").unwrap();
        assert_eq!(answer.first_word(), Some("7.2"));
        assert!(answer.contains("worker\nn") && !answer.contains("bomb"));
        answer.clear();
        assert_eq!(answer.first_word(), None);
    }

    #[test]
    fn of_too_much_the_beginning_is_kept() {
        let mut answer = Answer::new();
        for _ in 0..ANSWER {
            answer.write_str("ab").unwrap();
        }
        assert!(answer.is_cut() && answer.contains("ab"));
    }
}
