//! The first word of a message: what it is about, and how long it is.

use crate::generated::{self, message_info};

/// Words of the longest message.
#[expect(clippy::cast_possible_truncation, reason = "120")]
pub const MESSAGE_WORDS: usize = generated::MSG_MAX_LENGTH as usize;

/// How many words of a message travel in registers; the others are in the IPC buffer.
pub const MESSAGE_REGISTERS: usize = 4;

/// Bits of a badge. The kernel cuts longer ones without a word, [`CapData::badge`](crate::CapData::badge) does not.
#[expect(clippy::cast_possible_truncation, reason = "28")]
pub const BADGE_BITS: u32 = generated::BADGE_BITS as u32;

/// Label, capabilities and length of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct MessageInfo {
    word: u64,
}

impl MessageInfo {
    /// A description. The label is cut to 20 bits, the length to 7: what the kernel would do, done where it shows.
    #[inline]
    #[must_use]
    pub const fn new(label: u64, caps_unwrapped: u64, extra_caps: u64, length: usize) -> Self {
        Self {
            word: field(label, message_info::LABEL_SHIFT, message_info::LABEL_BITS)
                | field(
                    caps_unwrapped,
                    message_info::CAPS_UNWRAPPED_SHIFT,
                    message_info::CAPS_UNWRAPPED_BITS,
                )
                | field(
                    extra_caps,
                    message_info::EXTRA_CAPS_SHIFT,
                    message_info::EXTRA_CAPS_BITS,
                )
                | field(
                    length as u64,
                    message_info::LENGTH_SHIFT,
                    message_info::LENGTH_BITS,
                ),
        }
    }

    /// From the word that the kernel takes and gives.
    #[inline]
    #[must_use]
    pub const fn from_word(word: u64) -> Self {
        Self { word }
    }

    /// The word that the kernel takes and gives.
    #[inline]
    #[must_use]
    pub const fn word(self) -> u64 {
        self.word
    }

    /// What the message is about.
    #[inline]
    #[must_use]
    pub const fn label(self) -> u64 {
        part(
            self.word,
            message_info::LABEL_SHIFT,
            message_info::LABEL_BITS,
        )
    }

    /// Which of the capabilities sent along arrived as badges: a bit for each.
    #[inline]
    #[must_use]
    pub const fn caps_unwrapped(self) -> u64 {
        part(
            self.word,
            message_info::CAPS_UNWRAPPED_SHIFT,
            message_info::CAPS_UNWRAPPED_BITS,
        )
    }

    /// How many capabilities were sent along.
    #[inline]
    #[must_use]
    pub const fn extra_caps(self) -> u64 {
        part(
            self.word,
            message_info::EXTRA_CAPS_SHIFT,
            message_info::EXTRA_CAPS_BITS,
        )
    }

    /// Whether capabilities were sent along, as such or as badges.
    #[inline]
    #[must_use]
    pub const fn has_caps(self) -> bool {
        let none = Self::new(0, u64::MAX, u64::MAX, 0);
        self.word & none.word != 0
    }

    /// How many words the message has.
    #[inline]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "7 bits")]
    pub const fn length(self) -> usize {
        part(
            self.word,
            message_info::LENGTH_SHIFT,
            message_info::LENGTH_BITS,
        ) as usize
    }
}

/// `value`, cut to its width, where it stands in its word.
#[inline]
pub(crate) const fn field(value: u64, shift: u32, bits: u32) -> u64 {
    (value & mask(bits)) << shift
}

/// The part of `word` that stands there.
#[inline]
pub(crate) const fn part(word: u64, shift: u32, bits: u32) -> u64 {
    (word >> shift) & mask(bits)
}

/// So many low bits; all fields here are narrower than a word.
#[inline]
const fn mask(bits: u32) -> u64 {
    (1_u64 << bits).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out() {
        let info = MessageInfo::new(0xf_edcb, 5, 3, 120);
        assert_eq!(
            (
                info.label(),
                info.caps_unwrapped(),
                info.extra_caps(),
                info.length()
            ),
            (0xf_edcb, 5, 3, 120)
        );
        assert_eq!(MessageInfo::from_word(info.word()), info);
    }

    #[test]
    fn a_label_too_long_does_not_reach_its_neighbours() {
        assert_eq!(MessageInfo::new(1 << 20, 0, 0, 0).word(), 0);
        assert_eq!(MessageInfo::new(0, 0, 0, 128).word(), 0);
    }
}
