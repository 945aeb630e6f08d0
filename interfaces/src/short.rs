//! Short forms: requests and answers that are a few words, laid out by hand.
//!
//! The kernel's fast path carries four words in registers. What is asked all day fits them, and then even the general
//! encoding ([`encode`](mod@crate::encode)) costs more than the ledger's own work: each number is looked at to find where
//! the next one begins. So an operation that its list marks as `short` has a second form in which every number has its
//! place. Nothing is written to memory on the way of such a message, on neither side.
//!
//! - A request in its short form has the top bit of its operation number set ([`Label::shortened`](crate::Label::shortened)).
//!   One whose numbers are too large for their places travels in the general encoding, under the plain label.
//! - An answer in its short form has the label [`ANSWER`]. A refusal that is nothing but a [`Shortage`] has the label
//!   [`REFUSAL`] where its list says so ([`Brief`]). Any other refusal, and an answer that does not fit, comes in the
//!   general encoding, label 0, as it does for every other request.
//! - An answer that no four words hold, but that is asked for all day, has the label [`PLAIN`]: as many words as it needs,
//!   each number in its place ([`Plain`]). It is as slow for the kernel as any message of its length, and no more.
//!
//! Why not short forms alone: they are as wide as what is usual, and most refusals and rare requests are wider. Why not the
//! general encoding with fixed places: then six small numbers no longer fit four words.
//!
//! # Invariants
//!
//! - A value has one short form at most, and comes back from it. Words that stand for no value are refused as malformed;
//!   bits behind the last number of a vector mean nothing.
//! - Only as many words are looked at as travelled: [`Short::LENGTH`].

use core::fmt;

use crate::amounts::{Amounts, RESOURCES, Resource, Shortage};
use crate::call::{Dispatched, Label, MESSAGE_BYTES, ProtocolError};
use crate::identity::{GroupId, TaskId};

/// How many words travel in registers.
pub const WORDS: usize = 4;

/// The label of an answer in its short form. No [`ProtocolError`](crate::ProtocolError) has this bit.
pub const ANSWER: u64 = 0x20;

/// The label of a refusal in its short form: that of an answer, and a bit more. No [`ProtocolError`](crate::ProtocolError)
/// has both.
pub const REFUSAL: u64 = ANSWER | 0x10;

/// The label of an answer in plain words. No [`ProtocolError`](crate::ProtocolError) has this bit.
pub const PLAIN: u64 = 0x10;

/// The bit of an operation number that says that a request is in its short form.
pub const BIT: u8 = 0x80;

/// A message's words, and how many of them travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// The words; what is beyond the length means nothing.
    pub words: [u64; WORDS],
    /// How many travel.
    pub length: usize,
}

/// What a request in its short form is answered with.
///
/// One number says what it is, and it is the same as what the kernel wants to be told of a message: nothing has to be
/// looked at on the way of a short answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The label and the length: [`Answered::head`].
    pub head: u64,
    /// The words of an answer in its short form.
    pub words: [u64; WORDS],
}

/// Where the label begins in [`Answered::head`] and [`Asked::head`]; the length is below it, as in the kernel's message info.
pub const HEAD_SHIFT: u32 = 12;
/// The length in a message's first number, as the kernel has it.
const HEAD_LENGTH: u64 = 0x7f;
/// The operation's number in it, without [`BIT`].
const HEAD_OPERATION: u64 = (BIT as u64 - 1) << HEAD_SHIFT;

/// A message as the kernel gave it, of which nothing is in the IPC buffer if it is a request in its short form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The badge.
    pub badge: u64,
    /// Label, capabilities and length, as the kernel says them.
    pub head: u64,
    /// The words that came in registers.
    pub words: [u64; WORDS],
}

impl Asked {
    /// The operation and the words, if this is a request of an interface's in its short form, without capabilities.
    #[inline]
    #[must_use]
    pub const fn of(self, interface: u8, version: u8) -> Option<(u8, Words)> {
        let Self { head, words, .. } = self;
        let wanted = Label::new(interface, version, BIT).bits() << HEAD_SHIFT;
        if head & !(HEAD_LENGTH | HEAD_OPERATION) != wanted {
            return None;
        }
        let operation = ((head & HEAD_OPERATION) >> HEAD_SHIFT) as u8;
        let length = (head & HEAD_LENGTH) as usize;
        Some((operation, Words { words, length }))
    }
}

impl Answered {
    /// An answer in its short form.
    #[inline]
    #[must_use]
    pub const fn short(Words { words, length }: Words) -> Self {
        let head = (ANSWER << HEAD_SHIFT) | length as u64;
        Self { head, words }
    }

    /// A refusal in its short form.
    #[inline]
    #[must_use]
    pub const fn refusal(Words { words, length }: Words) -> Self {
        let head = (REFUSAL << HEAD_SHIFT) | length as u64;
        Self { head, words }
    }

    /// An answer of so many plain words, which are in the reply buffer.
    #[inline]
    #[must_use]
    pub const fn plain(length: usize) -> Self {
        let head = (PLAIN << HEAD_SHIFT) | length as u64;
        let words = [0; WORDS];
        Self { head, words }
    }

    /// How many plain words it is, if it is any.
    #[inline]
    #[must_use]
    pub const fn plain_words(self) -> Option<usize> {
        if self.head >> HEAD_SHIFT == PLAIN {
            Some((self.head & HEAD_LENGTH) as usize)
        } else {
            None
        }
    }

    /// Whether it is an answer or a refusal in its short form.
    #[inline]
    #[must_use]
    pub const fn is_short(self) -> bool {
        self.head & (ANSWER << HEAD_SHIFT) != 0
    }

    /// Its words, and how many of them travel.
    #[inline]
    #[must_use]
    pub const fn said(self) -> Words {
        let length = (self.head & HEAD_LENGTH) as usize;
        let words = self.words;
        Words { words, length }
    }

    /// Whether it is a refusal in its short form.
    #[inline]
    #[must_use]
    pub const fn is_short_refusal(self) -> bool {
        self.head >> HEAD_SHIFT == REFUSAL
    }

    /// Anything else.
    #[inline]
    #[must_use]
    pub const fn of(dispatched: Dispatched) -> Self {
        let words = [0; WORDS];
        match dispatched {
            Dispatched::Short(answered) => answered,
            Dispatched::Reply(bytes) => Self {
                head: bytes as u64,
                words,
            },
            Dispatched::Protocol(error) => Self {
                head: (error as u64) << HEAD_SHIFT,
                words,
            },
            Dispatched::Later => Self { head: LATER, words },
        }
    }

    /// The reverse of [`Answered::of`].
    #[must_use]
    pub fn dispatched(self) -> Dispatched {
        let head = self.head;
        let length = (head & ((1 << HEAD_SHIFT) - 1)) as usize;
        match head >> HEAD_SHIFT {
            _ if head == LATER => Dispatched::Later,
            0 => Dispatched::Reply(length),
            ANSWER | REFUSAL | PLAIN => Dispatched::Short(self),
            label => Dispatched::Protocol(
                ProtocolError::from_label(label).unwrap_or(ProtocolError::BadReply),
            ),
        }
    }
}

/// The head of no answer.
const LATER: u64 = 1 << 63;
const _: () = assert!(MESSAGE_BYTES < 1 << HEAD_SHIFT);

/// What has a short form.
pub trait Short: Sized {
    /// How many words it takes.
    const LENGTH: usize;

    /// Its words, zero beyond the length; nothing if a number is too large for its place.
    fn to_words(&self) -> Option<[u64; WORDS]>;

    /// The reverse of [`Short::to_words`]; nothing if the words stand for no value.
    fn from_words(words: [u64; WORDS]) -> Option<Self>;
}

/// An answer that is plain words, more than travel in registers.
pub trait Plain: Sized {
    /// The value of so many words; nothing if they stand for none. Asks for no word beyond them, and more than once for
    /// some.
    fn from_plain(length: usize, word: impl Fn(usize) -> u64) -> Option<Self>;
}

/// A refusal that may say what ran short, and nothing else.
pub trait Brief: Sized {
    /// What ran short, if that is all it says.
    fn shortage(&self) -> Option<&Shortage>;

    /// The reverse of [`Brief::shortage`].
    fn of_shortage(shortage: Shortage) -> Self;
}

impl Brief for Shortage {
    #[inline]
    fn shortage(&self) -> Option<&Shortage> {
        Some(self)
    }

    #[inline]
    fn of_shortage(shortage: Shortage) -> Self {
        shortage
    }
}

/// Refusals one of whose variants holds what may say what ran short.
macro_rules! brief {
    ($($refusal:ident $variant:ident;)+) => {
        $(impl $crate::short::Brief for $refusal {
            #[inline]
            fn shortage(&self) -> Option<&$crate::amounts::Shortage> {
                match self {
                    Self::$variant(inner) => $crate::short::Brief::shortage(inner),
                    _ => None,
                }
            }

            #[inline]
            fn of_shortage(shortage: $crate::amounts::Shortage) -> Self {
                Self::$variant($crate::short::Brief::of_shortage(shortage))
            }
        })+
    };
}
pub(crate) use brief;

/// The short form of a value, if it fits.
#[inline]
pub fn shorten<T: Short>(value: &T) -> Option<Words> {
    let words = value.to_words()?;
    Some(Words {
        words,
        length: T::LENGTH,
    })
}

/// The value of a short form, if it is one.
#[inline]
#[must_use]
pub fn lengthen<T: Short>(words: Words) -> Option<T> {
    if words.length == T::LENGTH {
        T::from_words(words.words)
    } else {
        None
    }
}

/// The same for words that stand in registers.
#[inline(always)]
#[expect(clippy::inline_always, reason = "so that they stay there")]
#[must_use]
pub fn lengthen_words<T: Short>(
    first: u64,
    second: u64,
    third: u64,
    fourth: u64,
    length: usize,
) -> Option<T> {
    lengthen(Words {
        words: [first, second, third, fourth],
        length,
    })
}

/// A number of 32 bits below another.
#[inline]
pub(crate) const fn pair(low: u32, high: u32) -> u64 {
    low as u64 | ((high as u64) << 32)
}

/// The reverse of [`pair`].
#[inline]
pub(crate) const fn unpair(word: u64) -> (u32, u32) {
    ((word & 0xffff_ffff) as u32, (word >> 32) as u32)
}

/// The word of no group: no ledger has a place of this number.
const NO_GROUP: u64 = u64::MAX;

#[inline]
pub(crate) const fn group_word(group: GroupId) -> u64 {
    pair(group.index, group.generation)
}

#[inline]
pub(crate) const fn group_of(word: u64) -> GroupId {
    let (index, generation) = unpair(word);
    GroupId { index, generation }
}

#[inline]
pub(crate) fn some_group_word(group: Option<GroupId>) -> u64 {
    group.map_or(NO_GROUP, group_word)
}

#[inline]
pub(crate) fn some_group_of(word: u64) -> Option<GroupId> {
    (word != NO_GROUP).then_some(group_of(word))
}

#[inline]
pub(crate) const fn task_word(task: TaskId) -> u64 {
    pair(task.index, task.generation)
}

#[inline]
pub(crate) const fn task_of(word: u64) -> TaskId {
    let (index, generation) = unpair(word);
    TaskId { index, generation }
}

/// The word of no task.
const NO_TASK: u64 = u64::MAX;

/// Nothing for a task whose word is that of none: no table has a place of this number.
#[inline]
pub(crate) fn some_task_word(task: Option<TaskId>) -> Option<u64> {
    match task.map(task_word) {
        Some(NO_TASK) => None,
        word => Some(word.unwrap_or(NO_TASK)),
    }
}

#[inline]
pub(crate) fn some_task_of(word: u64) -> Option<TaskId> {
    (word != NO_TASK).then_some(task_of(word))
}

/// The short form of what is nothing at all: no word.
macro_rules! of_nothing {
    ($($kind:ty = $only:expr;)+) => {
        $(impl $crate::short::Short for $kind {
            const LENGTH: usize = 0;

            #[inline]
            fn to_words(&self) -> Option<[u64; $crate::short::WORDS]> {
                Some([0; $crate::short::WORDS])
            }

            #[inline]
            fn from_words(_: [u64; $crate::short::WORDS]) -> Option<Self> {
                Some($only)
            }
        })+
    };
}
pub(crate) use of_nothing;

of_nothing! {
    () = ();
}

/// A number by itself.
impl Short for u32 {
    const LENGTH: usize = 1;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        Some([Self::into(*self), 0, 0, 0])
    }

    #[inline]
    fn from_words([number, ..]: [u64; WORDS]) -> Option<Self> {
        Self::try_from(number).ok()
    }
}

/// A request does not fit its short form.
#[derive(Clone, Copy, Debug)]
pub struct TooWide;

impl fmt::Display for TooWide {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad("a request without a short form")
    }
}

/// A short form that is a type of its own, as a request: it is the same one as what it is the short form of.
macro_rules! few_call {
    ($($few:ident = $request:ident;)+) => {
        $(
            impl TryFrom<$request> for $few {
                type Error = $crate::short::TooWide;

                fn try_from(request: $request) -> Result<Self, Self::Error> {
                    request.few().ok_or($crate::short::TooWide)
                }
            }

            impl $crate::call::Call for $few {
                type Reply = <$request as $crate::call::Call>::Reply;
                type Refusal = <$request as $crate::call::Call>::Refusal;
                const LABEL: $crate::call::Label = <$request as $crate::call::Call>::LABEL;
                const NAME: &'static str = <$request as $crate::call::Call>::NAME;

                #[inline]
                fn shorten(&self) -> Option<$crate::short::Words> {
                    $crate::short::shorten(self)
                }

                #[inline]
                fn lengthen_reply(words: $crate::short::Words) -> Option<Self::Reply> {
                    <$request as $crate::call::Call>::lengthen_reply(words)
                }

                #[inline]
                fn lengthen_refusal(words: $crate::short::Words) -> Option<Self::Refusal> {
                    <$request as $crate::call::Call>::lengthen_refusal(words)
                }
            }
        )+
    };
}
pub(crate) use few_call;

impl Short for TaskId {
    const LENGTH: usize = 1;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        Some([task_word(*self), 0, 0, 0])
    }

    #[inline]
    fn from_words([task, ..]: [u64; WORDS]) -> Option<Self> {
        Some(task_of(task))
    }
}

/// The kind in the lowest byte and what was asked above it; the group, all bits set for none; the limit; what was used.
impl Short for Shortage {
    const LENGTH: usize = 4;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        let kind = self.resource.index() as u64;
        let first = kind | (self.asked << KIND_BITS);
        (self.asked >> (u64::BITS - KIND_BITS) == 0).then_some([
            first,
            some_group_word(self.group),
            self.limit,
            self.used,
        ])
    }

    #[inline]
    fn from_words([first, group, limit, used]: [u64; WORDS]) -> Option<Self> {
        Some(Self {
            resource: Resource::at((first & KIND) as u32)?,
            group: some_group_of(group),
            limit,
            used,
            asked: first >> KIND_BITS,
        })
    }
}

/// Bits of a kind beside a number.
const KIND_BITS: u32 = 8;
/// The kind in such a word.
const KIND: u64 = (1 << KIND_BITS) - 1;

impl Short for GroupId {
    const LENGTH: usize = 1;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        Some([group_word(*self), 0, 0, 0])
    }

    #[inline]
    fn from_words([group, ..]: [u64; WORDS]) -> Option<Self> {
        Some(group_of(group))
    }
}

/// Bits of one number among several.
pub(crate) const LANE: u32 = 16;
/// Bits of the mask, which is the first lane.
pub(crate) const MASK: u64 = (1 << LANE) - 1;
/// The first number of all that is too large for its lane.
pub(crate) const TOO_LARGE: u64 = 1 << LANE;
/// Lanes in a word.
const LANES: usize = 4;
/// The first number that is too large for one that is alone.
const TOO_LARGE_ALONE: u64 = 1 << 48;

/// Where a lane begins in its word.
#[inline]
fn offset(lane: usize) -> u32 {
    [0, 16, 32, 48].get(lane % LANES).copied().unwrap_or(0)
}

/// Amounts in three words.
///
/// The lowest sixteen bits of the first are the mask that the general encoding has too. One number takes the rest of that
/// word; several have sixteen bits each, behind the mask and in the order of their kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Few {
    words: [u64; 3],
}

/// Somebody who takes several amounts, however many there are, in an array of just that length: so that they stay in
/// registers.
pub trait Together {
    /// What comes of it.
    type Output;

    /// Takes them.
    fn take<const N: usize>(self, amounts: [(Resource, u64); N]) -> Self::Output;
}

/// The mask and one number for each kind, sixteen bits each.
const _: () = assert!(RESOURCES < 3 * LANES);

impl Few {
    /// How many amounts [`Few::together`] hands over at most.
    pub const TOGETHER: usize = 6;

    /// The amounts in three words, if they fit.
    #[inline]
    #[must_use]
    pub fn of(amounts: &Amounts) -> Option<Self> {
        let mask = u64::from(amounts.mask());
        if mask & mask.wrapping_sub(1) != 0 {
            return Self::of_several(amounts);
        }
        let number = amounts.present_numbers().next().unwrap_or(0);
        let word = mask | (number << LANE);
        (number < TOO_LARGE_ALONE).then_some(Self {
            words: [word, 0, 0],
        })
    }

    /// Not inlined: most are alone.
    #[inline(never)]
    fn of_several(amounts: &Amounts) -> Option<Self> {
        let numbers = amounts.as_array();
        let mut rest = amounts.mask();
        let mut words = [u64::from(rest), 0, 0];
        let mut seen = 0;
        // Written out by the compiler: every place is known.
        for lane in 1..3 * LANES {
            if rest == 0 {
                break;
            }
            let number = numbers.get(rest.trailing_zeros() as usize).copied()?;
            rest &= rest.wrapping_sub(1);
            seen |= number;
            if let Some(word) = words.get_mut(lane / LANES) {
                *word |= number.wrapping_shl(offset(lane));
            }
        }
        (seen < TOO_LARGE).then_some(Self { words })
    }

    /// Three words as they came.
    #[inline]
    #[must_use]
    pub const fn from_words(words: [u64; 3]) -> Option<Self> {
        let mask = words[0] & MASK;
        if mask >> RESOURCES != 0 {
            return None;
        }
        // Nobody counts the lanes: what is behind the last number is not looked at, and a number that is zero is a
        // charge of nothing, which changes nothing.
        Some(Self { words })
    }

    /// The only amount, if there is just one.
    #[inline]
    #[must_use]
    pub fn alone(self) -> Option<(Resource, u64)> {
        let [first, ..] = self.words;
        let mask = first & MASK;
        if mask & mask.wrapping_sub(1) != 0 {
            return None;
        }
        Some((Resource::at(mask.trailing_zeros())?, first >> LANE))
    }

    /// Hands several amounts, up to [`Few::TOGETHER`], to somebody who takes as many as there are; nothing if there are
    /// more, or fewer than two.
    #[inline]
    pub fn together<V: Together>(self, visitor: V) -> Option<V::Output> {
        let [first, second, _] = self.words;
        let mut rest = first & MASK;
        let mut next = |lane: u64| {
            let kind = Resource::at(rest.trailing_zeros())?;
            rest &= rest.wrapping_sub(1);
            Some(((kind, lane & MASK), rest == 0))
        };
        let (one, alone) = next(first >> 16)?;
        if alone {
            return None;
        }
        let (two, last) = next(first >> 32)?;
        if last {
            return Some(visitor.take([one, two]));
        }
        let (three, last) = next(first >> 48)?;
        if last {
            return Some(visitor.take([one, two, three]));
        }
        let (four, last) = next(second)?;
        if last {
            return Some(visitor.take([one, two, three, four]));
        }
        let (five, last) = next(second >> 16)?;
        if last {
            return Some(visitor.take([one, two, three, four, five]));
        }
        let (six, last) = next(second >> 32)?;
        last.then(|| visitor.take([one, two, three, four, five, six]))
    }

    /// Every kind with its number, when there are several, or none.
    pub fn several(self) -> impl Iterator<Item = (Resource, u64)> {
        let mut rest = self.words[0] & MASK;
        let lanes = (1..3 * LANES).map(move |lane| {
            let word = self.words.get(lane / LANES).copied().unwrap_or(0);
            word.wrapping_shr(offset(lane)) & MASK
        });
        lanes.map_while(move |number| {
            let kind = Resource::at(rest.trailing_zeros())?;
            rest &= rest.wrapping_sub(1);
            Some((kind, number))
        })
    }

    /// The same as a vector.
    #[must_use]
    pub fn amounts(self) -> Amounts {
        if let Some((kind, number)) = self.alone() {
            return Amounts::of(kind, number);
        }
        let mut amounts = Amounts::NONE;
        for (kind, number) in self.several() {
            amounts.set(kind, number);
        }
        amounts
    }

    /// The three words.
    #[inline]
    pub(crate) const fn words(self) -> [u64; 3] {
        self.words
    }
}
