//! Short pieces of text and bytes that travel by value.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Text of at most `N` bytes of UTF-8, by value.
///
/// Decoding refuses anything longer and anything that is not UTF-8.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text<const N: usize>(heapless::String<N>);

impl<const N: usize> Text<N> {
    /// The text, or nothing if it has more than `N` bytes.
    #[must_use]
    pub fn try_new(text: &str) -> Option<Self> {
        let mut inner = heapless::String::new();
        inner.push_str(text).ok()?;
        Some(Self(inner))
    }

    /// As much of the text as fits, cut at a character's boundary.
    #[must_use]
    pub fn cut(text: &str) -> Self {
        let mut inner = heapless::String::new();
        for character in text.chars() {
            if inner.push(character).is_err() {
                break;
            }
        }
        Self(inner)
    }

    /// Makes it no text at all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether there is no text at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push_str(text).map_err(|()| fmt::Error)
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), out)
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), out)
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn too_long_a_text_is_refused_whole_and_cut_at_a_character() {
        assert_eq!(Text::<3>::try_new("abcd"), None);
        assert_eq!(Text::<3>::cut("abcd").as_str(), "abc");
        assert_eq!(Text::<3>::cut("aéé").as_str(), "aé");
    }
}
