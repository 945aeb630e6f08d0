//! A group's account in plain words: what an account is asked for all day by who watches a group.
//!
//! | word | what |
//! |---|---|
//! | 0 | the group |
//! | 1 | the group above; all bits set for none |
//! | 2 | tasks in it, and groups directly below it, 32 bits each |
//! | 3 | state, band and length of the label, 8 bits each, and 8 that are zero; which kinds have a limit, and of which a charge was refused, 16 bits each |
//! | 4 to 14 | of each kind what is used, and the most that ever was, 32 bits each |
//! | then | the limits that there are; the refusals that there were; the label, and zero behind its last byte |
//!
//! Why what is used stands there even where it is zero: it seldom is, and a number whose place depends on others costs
//! more to find than to send. Why not limits: most groups have none.
//!
//! # Invariants
//!
//! - An account has one form in plain words at most. One with a number of more than 32 bits among those has none, and
//!   travels in the general encoding.

use super::{Account, GroupState, LABEL_BYTES, LabelText};
use crate::RESOURCES;
use crate::amounts::{Amounts, Limit, places};
use crate::identity::GroupId;
use crate::short::{Plain, group_of, group_word, pair, some_group_of, some_group_word, unpair};

/// Words before the numbers.
const HEAD: usize = 4;
/// Words of the longest label.
const LABEL_WORDS: usize = LABEL_BYTES.div_ceil(8);
/// Words that are always there.
const FIXED: usize = HEAD + RESOURCES;
/// Where the masks begin in their word.
const LIMITED: u32 = 32;
const REFUSED: u32 = 48;

/// An account as it is lent by who keeps it.
#[derive(Clone, Copy, Debug)]
pub struct AccountView<'a> {
    /// The group.
    pub group: GroupId,
    /// The group above, unless it is the root or the caller may not see it.
    pub parent: Option<GroupId>,
    /// Its label, empty if none; at most [`LABEL_BYTES`] long.
    pub label: &'a str,
    /// Its state.
    pub state: GroupState,
    /// The priority band of its tasks.
    pub band: u8,
    /// Tasks directly in it.
    pub tasks_here: u32,
    /// Groups directly below it.
    pub children: u32,
    /// In use now, of each kind.
    pub usage: &'a [u64; RESOURCES],
    /// The most that was ever in use at once, but for what is used now.
    pub past_peak: &'a [u64; RESOURCES],
    /// Hard limits, `u64::MAX` where there is none, and the refusals of each; nothing if there are neither.
    pub bounds: Option<(&'a [u64; RESOURCES], &'a [u64; RESOURCES])>,
}

impl AccountView<'_> {
    /// The account by value.
    #[must_use]
    pub fn account(&self) -> Account {
        let mut peak = *self.past_peak;
        for (peak, now) in peak.iter_mut().zip(self.usage) {
            *peak = (*peak).max(*now);
        }
        let (limit, refusals) = match self.bounds {
            Some((limit, refusals)) => (limit.map(Limit::from_bound), Amounts::from(*refusals)),
            None => ([Limit::Max; RESOURCES], Amounts::NONE),
        };
        Account {
            group: self.group,
            parent: self.parent,
            label: LabelText::cut(self.label),
            state: self.state,
            band: self.band,
            tasks_here: self.tasks_here,
            children: self.children,
            usage: Amounts::from(*self.usage),
            peak: Amounts::from(peak),
            limit,
            refusals,
        }
    }

    /// Lays the account out. Returns how many words it takes; nothing if a number is too large for its place.
    #[inline]
    #[must_use]
    pub fn lay_out(&self, into: &mut [u8]) -> Option<usize> {
        let (words, _) = into.as_chunks_mut::<8>();
        let (fixed, further) = words.split_first_chunk_mut::<FIXED>()?;
        let [group, parent, counts, head, numbers @ ..] = fixed;
        let mut seen = 0;
        for (word, (&usage, &past)) in numbers
            .iter_mut()
            .zip(self.usage.iter().zip(self.past_peak))
        {
            let peak = past.max(usage);
            // What is used is not more.
            seen |= peak;
            *word = (usage | peak.wrapping_shl(u32::BITS)).to_le_bytes();
        }
        if seen >> u32::BITS != 0 {
            return None;
        }
        let mut further = further.iter_mut();
        let mut used = FIXED;
        let mut add = |number: u64| {
            used = used.wrapping_add(1);
            further.next().map(|word| *word = number.to_le_bytes())
        };
        let mut masks = 0;
        if let Some((limits, refusals)) = self.bounds {
            for (&limit, kind) in limits.iter().zip(LIMITED..) {
                if limit != u64::MAX {
                    masks |= 1_u64.wrapping_shl(kind);
                    add(limit)?;
                }
            }
            for (&count, kind) in refusals.iter().zip(REFUSED..) {
                if count != 0 {
                    masks |= 1_u64.wrapping_shl(kind);
                    add(count)?;
                }
            }
        }
        if !self.label.is_empty() {
            for bytes in self.label.as_bytes().chunks(8) {
                let mut word = [0; 8];
                for (to, from) in word.iter_mut().zip(bytes) {
                    *to = *from;
                }
                add(u64::from_le_bytes(word))?;
            }
        }
        let (state, band) = (state_byte(self.state), u64::from(self.band) << 8);
        let label = u64::try_from(self.label.len()).ok()? << 16;
        *group = group_word(self.group).to_le_bytes();
        *parent = some_group_word(self.parent).to_le_bytes();
        *counts = pair(self.tasks_here, self.children).to_le_bytes();
        *head = (state | band | label | masks).to_le_bytes();
        Some(used)
    }
}

impl Plain for Account {
    #[inline]
    fn from_plain(length: usize, word: impl Fn(usize) -> u64) -> Option<Self> {
        let head = word(3);
        let [state, band, label, 0, ..] = head.to_le_bytes() else {
            return None;
        };
        // Nothing further: what nearly every group has.
        let (limited, refused) = masks_of(head);
        let (limits, refusals) = if limited | refused == 0 {
            (0, 0)
        } else {
            (limited.count_ones() as usize, refused.count_ones() as usize)
        };
        let first_refusal = FIXED.wrapping_add(limits);
        let first_label = first_refusal.wrapping_add(refusals);
        let labels = usize::from(label).div_ceil(8);
        if (limited | refused) >> RESOURCES != 0
            || usize::from(label) > LABEL_BYTES
            || length != first_label.wrapping_add(labels)
        {
            return None;
        }
        let (tasks_here, children) = unpair(word(2));
        // Each word is asked for once.
        let numbers: [_; RESOURCES] =
            core::array::from_fn(|kind| unpair(word(HEAD.wrapping_add(kind))));
        let number = |kind: usize| numbers.get(kind).copied().unwrap_or_default();
        // Whole at the end: it is large, and what is changed afterwards is copied once more.
        Some(Self {
            group: group_of(word(0)),
            parent: some_group_of(word(1)),
            label: if label == 0 {
                LabelText::default()
            } else {
                label_of(label.into(), |place| word(first_label.wrapping_add(place)))?
            },
            state: state_of(state)?,
            band,
            tasks_here,
            children,
            usage: Amounts::from_fn(|kind| number(kind).0.into()),
            peak: Amounts::from_fn(|kind| number(kind).1.into()),
            limit: if limited == 0 {
                [Limit::Max; RESOURCES]
            } else {
                limits_of(limited, |place| word(FIXED.wrapping_add(place)))?
            },
            refusals: if refused == 0 {
                Amounts::NONE
            } else {
                refusals_of(refused, |place| word(first_refusal.wrapping_add(place)))?
            },
        })
    }
}

/// Which kinds have a limit, and of which a charge was refused.
#[inline]
fn masks_of(head: u64) -> (u16, u16) {
    let [_, _, _, _, a, b, c, d] = head.to_le_bytes();
    (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))
}

/// The limits of the kinds that have one; nothing if one of them is none.
#[inline(never)]
fn limits_of(limited: u16, word: impl Fn(usize) -> u64) -> Option<[Limit; RESOURCES]> {
    let mut all = [Limit::Max; RESOURCES];
    for (place, kind) in places(limited).enumerate() {
        let limit = Limit::from_bound(word(place));
        if limit == Limit::Max {
            return None;
        }
        *all.get_mut(kind)? = limit;
    }
    Some(all)
}

/// The refusals of the kinds that there were any of; nothing if there were not.
#[inline(never)]
fn refusals_of(refused: u16, word: impl Fn(usize) -> u64) -> Option<Amounts> {
    let mut counts = [0; RESOURCES];
    for (place, kind) in places(refused).enumerate() {
        *counts.get_mut(kind)? = word(place);
    }
    let refusals = Amounts::from(counts);
    (refusals.mask() == refused).then_some(refusals)
}

/// The label of so many bytes; nothing if it is none, or not all behind its last byte is zero.
#[inline]
fn label_of(length: usize, word: impl Fn(usize) -> u64) -> Option<LabelText> {
    let mut words = [[0; 8]; LABEL_WORDS];
    let mut last = 0;
    for (place, bytes) in words.iter_mut().take(length.div_ceil(8)).enumerate() {
        last = word(place);
        *bytes = last.to_le_bytes();
    }
    // The bits of the last word that are the label's; all of them if it ends with the word.
    let bits = length.wrapping_mul(8) & 0x3f;
    if bits != 0 && last >> bits != 0 {
        return None;
    }
    let text = words.as_flattened().get(..length)?;
    LabelText::try_new(core::str::from_utf8(text).ok()?)
}

const fn state_byte(state: GroupState) -> u64 {
    match state {
        GroupState::Live => 0,
        GroupState::Killing => 1,
        GroupState::Frozen => 2,
    }
}

const fn state_of(byte: u8) -> Option<GroupState> {
    match byte {
        0 => Some(GroupState::Live),
        1 => Some(GroupState::Killing),
        2 => Some(GroupState::Frozen),
        _ => None,
    }
}
