//! What a copy of a capability may be given: fewer rights, a badge, a guard.

use crate::generated::{badge, cap_data, cap_rights, guard};
use crate::message::{BADGE_BITS, field};

/// The rights of a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapRights {
    word: u64,
}

impl CapRights {
    /// No rights: for a capability that is only to be told from others.
    pub const NONE: Self = Self::new(false, false, false);
    /// To receive, to wait; a frame can be mapped for reading.
    pub const READ: Self = Self::new(false, true, false);
    /// To send, to signal.
    pub const WRITE: Self = Self::new(false, false, true);
    /// A frame can be mapped for reading and writing.
    pub const READ_WRITE: Self = Self::new(false, true, true);
    /// To call: what a client holds of a server's endpoint. Grant is what the fast path asks for.
    pub const WRITE_GRANT: Self = Self::new(true, false, true);
    /// All that the source has.
    pub const ALL: Self = Self::new(true, true, true);

    /// A choice of rights.
    #[must_use]
    pub const fn new(grant: bool, read: bool, write: bool) -> Self {
        Self {
            word: field(
                grant as u64,
                cap_rights::CAP_ALLOW_GRANT_SHIFT,
                cap_rights::CAP_ALLOW_GRANT_BITS,
            ) | field(
                read as u64,
                cap_rights::CAP_ALLOW_READ_SHIFT,
                cap_rights::CAP_ALLOW_READ_BITS,
            ) | field(
                write as u64,
                cap_rights::CAP_ALLOW_WRITE_SHIFT,
                cap_rights::CAP_ALLOW_WRITE_BITS,
            ),
        }
    }

    pub(crate) const fn word(self) -> u64 {
        self.word
    }
}

/// What a minted or mutated capability says besides: a badge, a guard, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapData {
    word: u64,
}

impl CapData {
    /// Nothing: the capability stays as it is.
    pub const NONE: Self = Self { word: 0 };

    /// A badge, for an endpoint or a notification.
    ///
    /// # Panics
    ///
    /// If the badge has more than [`BADGE_BITS`] bits. The kernel would cut it, and a client would be known by another's
    /// name from then on; this is the one place where every badge comes by.
    #[must_use]
    pub const fn badge(value: u64) -> Self {
        assert!(value >> BADGE_BITS == 0, "a badge has 28 bits");
        Self {
            word: field(value, badge::BADGE_SHIFT, badge::BADGE_BITS)
                | field(
                    cap_data::BADGE,
                    badge::CAP_DATA_TYPE_SHIFT,
                    badge::CAP_DATA_TYPE_BITS,
                ),
        }
    }

    /// A guard, for a `CNode`: the first `size` bits of an address below it must be `bits`.
    #[must_use]
    pub const fn guard(bits: u64, size: u8) -> Self {
        Self {
            word: field(bits, guard::GUARD_BITS_SHIFT, guard::GUARD_BITS_BITS)
                | field(size as u64, guard::GUARD_SIZE_SHIFT, guard::GUARD_SIZE_BITS)
                | field(
                    cap_data::GUARD,
                    guard::CAP_DATA_TYPE_SHIFT,
                    guard::CAP_DATA_TYPE_BITS,
                ),
        }
    }

    /// The guard that makes a `CNode` of `2^radix` slots a whole CSpace: zeros in front of the slot's number.
    #[must_use]
    pub const fn skip_guard(radix: u8) -> Self {
        Self::guard(0, 64_u8.saturating_sub(radix))
    }

    /// The first and the last of a smaller range of ports, for ports. The kernel makes nothing of a range that is not
    /// within the source's.
    ///
    /// The form is `io_port_capdata` in the kernel's `structures.bf`, which libsel4 does not repeat.
    #[must_use]
    pub const fn ports(first: u16, last: u16) -> Self {
        Self {
            word: (first as u64) << 16 | last as u64,
        }
    }

    pub(crate) const fn word(self) -> u64 {
        self.word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_the_bits_that_the_kernel_reads() {
        assert_eq!(CapRights::ALL.word(), 7);
        assert_eq!(CapRights::WRITE_GRANT.word(), 5);
        assert_eq!(CapRights::READ.word(), 2);
    }

    #[test]
    fn guards_and_badges_are_told_apart() {
        assert_eq!(CapData::badge(0x0fff_ffff).word(), 0x0fff_ffff);
        assert_eq!(CapData::skip_guard(4).word(), 1 << 31 | 60 << 2);
    }

    #[test]
    #[should_panic(expected = "28 bits")]
    fn a_badge_too_long_is_refused() {
        let _ = CapData::badge(1 << 28);
    }
}
