//! What can be limited, and how much of it.

use core::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::identity::GroupId;

/// Declares the kinds of resource: one line per kind, in wire order.
macro_rules! resources {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// A kind of thing that a group can be limited in. Append only: the order is the wire order.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Resource { $($(#[$doc])* $name,)+ }

        impl Resource {
            /// Every kind, in wire order.
            pub const ALL: [Self; RESOURCES] = [$(Self::$name,)+];

            /// The kind of this number in wire order.
            #[inline]
            #[must_use]
            pub const fn at(number: u32) -> Option<Self> {
                $(if number == Self::$name as u32 {
                    return Some(Self::$name);
                })+
                None
            }

            /// The name used in `system.toml`, on the console and in tables.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }

        /// How many kinds of resource there are.
        pub const RESOURCES: usize = [$($text,)+].len();
    };
}

resources! {
    /// Sub-groups, at any depth below.
    Groups = "groups",
    /// Tasks that were born and have not been reaped.
    Tasks = "tasks",
    /// Threads of those tasks.
    Threads = "threads",
    /// Frames of 4 KiB granted.
    Frames = "frames",
    /// Pages of 4 KiB reserved, granted or not.
    Commit = "commit",
    /// Bytes of kernel objects and of the servers' own records.
    KernelMemory = "kernel-memory",
    /// Capability slots taken in a server's CSpace.
    CapSlots = "cap-slots",
    /// Address spaces, each with its ASID.
    AddressSpaces = "address-spaces",
    /// Processor time, in guest instructions. Counted by nobody yet.
    CpuTime = "cpu-time",
    /// Bytes waiting in queues. Counted by nobody yet.
    QueueBytes = "queue-bytes",
    /// Notes posted and not yet taken. Counted by nobody yet.
    Notes = "notes",
}

impl Resource {
    /// The kind with this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The position in [`Amounts`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

/// One number per kind of resource.
///
/// On the wire only the numbers that are not zero travel, behind a mask that says which they are. The mask is kept with
/// the numbers, because most vectors are of one kind or two, and then nobody looks at the others.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Amounts {
    /// A bit for each kind whose number is not zero, and no other.
    mask: u16,
    numbers: [u64; RESOURCES],
}

impl Amounts {
    /// Nothing of anything.
    pub const NONE: Self = Self {
        mask: 0,
        numbers: [0; RESOURCES],
    };

    /// Of each kind what is said of its place.
    #[inline]
    pub(crate) fn from_fn(mut number: impl FnMut(usize) -> u64) -> Self {
        let mut mask = 0;
        let numbers = core::array::from_fn(|place| {
            let number = number(place);
            // From the lowest kind on, each in front of the others.
            mask = (mask >> 1) | (u16::from(number != 0) << (RESOURCES - 1));
            number
        });
        Self { mask, numbers }
    }

    /// Nothing but `amount` of one kind.
    #[must_use]
    pub const fn of(kind: Resource, amount: u64) -> Self {
        Self::NONE.with(kind, amount)
    }

    /// The same with one number replaced.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "a Resource's index is below RESOURCES by construction"
    )]
    pub const fn with(mut self, kind: Resource, amount: u64) -> Self {
        let bit = 1_u16 << kind.index();
        self.mask = if amount == 0 {
            self.mask & !bit
        } else {
            self.mask | bit
        };
        self.numbers[kind.index()] = amount;
        self
    }

    /// The number of one kind.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "a Resource's index is below RESOURCES by construction"
    )]
    pub const fn get(&self, kind: Resource) -> u64 {
        self.numbers[kind.index()]
    }

    /// The numbers of several kinds.
    #[inline]
    #[must_use]
    pub fn of_parts<const N: usize>(parts: [(Resource, u64); N]) -> Self {
        let mut amounts = Self::NONE;
        for (kind, number) in parts {
            amounts.set(kind, number);
        }
        amounts
    }

    /// Replaces the number of one kind.
    pub const fn set(&mut self, kind: Resource, amount: u64) {
        *self = self.with(kind, amount);
    }

    /// Whether every number is zero.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.mask == 0
    }

    /// The numbers in wire order.
    #[must_use]
    pub const fn as_array(&self) -> &[u64; RESOURCES] {
        &self.numbers
    }

    /// Every kind with its number.
    pub fn iter(&self) -> impl Iterator<Item = (Resource, u64)> + '_ {
        Resource::ALL.into_iter().zip(self.numbers.iter().copied())
    }

    /// A bit for each kind whose number is not zero.
    #[inline]
    pub(crate) const fn mask(&self) -> u16 {
        self.mask
    }

    /// The numbers that are not zero, in wire order.
    #[inline]
    pub(crate) fn present_numbers(&self) -> impl Iterator<Item = u64> + '_ {
        places(self.mask).filter_map(|place| self.numbers.get(place).copied())
    }

    /// The kinds whose number is not zero.
    #[inline]
    pub fn present(&self) -> impl Iterator<Item = (Resource, u64)> + '_ {
        places(self.mask)
            .filter_map(|place| Some((*Resource::ALL.get(place)?, *self.numbers.get(place)?)))
    }

    /// The sums, or nothing if one of them does not fit.
    #[must_use]
    #[inline]
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        let mut sum = *self;
        sum.mask |= other.mask;
        for place in places(other.mask) {
            if let (Some(here), Some(there)) =
                (sum.numbers.get_mut(place), other.numbers.get(place))
            {
                *here = here.checked_add(*there)?;
            }
        }
        Some(sum)
    }

    /// Adds what is part of a sum that is a number.
    #[inline]
    pub fn gather(&mut self, other: &Self) {
        self.mask |= other.mask;
        for place in places(other.mask) {
            if let (Some(here), Some(there)) =
                (self.numbers.get_mut(place), other.numbers.get(place))
            {
                *here = here.saturating_add(*there);
            }
        }
    }

    /// The differences, or nothing if one of them were below zero.
    #[must_use]
    #[inline]
    pub fn checked_sub(&self, other: &Self) -> Option<Self> {
        let mut difference = *self;
        for place in places(other.mask) {
            if let (Some(here), Some(there)) =
                (difference.numbers.get_mut(place), other.numbers.get(place))
            {
                *here = here.checked_sub(*there)?;
                if *here == 0 {
                    difference.mask &= !1_u16.wrapping_shl(u32::try_from(place).unwrap_or(0));
                }
            }
        }
        Some(difference)
    }
}

/// The places of the bits that are set, lowest first.
#[inline]
pub(crate) fn places(mask: u16) -> impl Iterator<Item = usize> {
    let mut rest = mask;
    core::iter::from_fn(move || {
        let place = rest.trailing_zeros();
        // Without its lowest bit; nothing is left of zero.
        rest &= rest.wrapping_sub(1);
        (place < u16::BITS).then_some(place as usize)
    })
}

const _: () = assert!(RESOURCES <= 16, "the wire mask has sixteen bits");

impl From<[u64; RESOURCES]> for Amounts {
    fn from(numbers: [u64; RESOURCES]) -> Self {
        let kinds = 0_u16..;
        let mask = numbers.iter().zip(kinds).fold(0, |mask, (&amount, kind)| {
            mask | (u16::from(amount != 0) << kind)
        });
        Self { mask, numbers }
    }
}

impl fmt::Debug for Amounts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map()
            .entries(self.present().map(|(kind, amount)| (kind.name(), amount)))
            .finish()
    }
}

impl fmt::Display for Amounts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (kind, amount) in self.present() {
            write!(out, "{separator}{amount} {kind}")?;
            separator = ", ";
        }
        if separator.is_empty() {
            out.write_str("nothing")
        } else {
            Ok(())
        }
    }
}

impl Serialize for Amounts {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(RESOURCES.saturating_add(1))?;
        tuple.serialize_element(&self.mask)?;
        for amount in self.present_numbers() {
            tuple.serialize_element(&amount)?;
        }
        tuple.end()
    }
}

impl<'de> Deserialize<'de> for Amounts {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;

        impl<'de> Visitor<'de> for Numbers {
            type Value = Amounts;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a mask of kinds and a number for each")
            }

            #[inline]
            fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Amounts, A::Error> {
                let mask: u16 = numbers
                    .next_element()?
                    .ok_or_else(|| de::Error::invalid_length(0, &self))?;
                if mask >> RESOURCES != 0 {
                    return Err(de::Error::custom("a kind of resource that is not known"));
                }
                let mut amounts = Amounts {
                    mask,
                    ..Amounts::NONE
                };
                for place in places(mask) {
                    let amount: u64 = numbers
                        .next_element()?
                        .ok_or_else(|| de::Error::invalid_length(1, &self))?;
                    if amount == 0 {
                        return Err(de::Error::custom(
                            "a bit for a kind of which there is nothing",
                        ));
                    }
                    if let Some(number) = amounts.numbers.get_mut(place) {
                        *number = amount;
                    }
                }
                Ok(amounts)
            }
        }

        deserializer.deserialize_tuple(RESOURCES.saturating_add(1), Numbers)
    }
}

/// How much a group may have of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Limit {
    /// No limit of its own; the groups above still bind it. Spelt `max`.
    Max,
    /// At most so much. Zero allows nothing.
    At(u64),
}

impl Limit {
    /// The limit as a number to compare with; [`Limit::Max`] is the largest there is.
    #[must_use]
    pub const fn bound(self) -> u64 {
        match self {
            Self::Max => u64::MAX,
            Self::At(bound) => bound,
        }
    }

    /// The reverse of [`Limit::bound`].
    #[must_use]
    pub const fn from_bound(bound: u64) -> Self {
        if bound == u64::MAX {
            Self::Max
        } else {
            Self::At(bound)
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => out.pad("max"),
            Self::At(bound) => fmt::Display::fmt(bound, out),
        }
    }
}

/// Limits on the wire: behind a mask of the kinds that have one, as [`Amounts`] travel, since most have none.
pub(crate) mod limits {
    use super::{
        Deserializer, Limit, RESOURCES, SeqAccess, SerializeTuple, Serializer, Visitor, de, fmt,
        places,
    };

    /// A bit for each kind that has a limit, and the limits.
    #[inline]
    pub fn serialize<S: Serializer>(
        limits: &[Limit; RESOURCES],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let kinds = 0_u16..;
        let mask = limits.iter().zip(kinds).fold(0_u16, |mask, (limit, kind)| {
            mask | (u16::from(*limit != Limit::Max) << kind)
        });
        let mut tuple = serializer.serialize_tuple(RESOURCES.saturating_add(1))?;
        tuple.serialize_element(&mask)?;
        for limit in places(mask).filter_map(|place| limits.get(place)) {
            tuple.serialize_element(&limit.bound())?;
        }
        tuple.end()
    }

    /// The reverse of [`serialize`].
    #[inline]
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[Limit; RESOURCES], D::Error> {
        struct Limits;

        impl<'de> Visitor<'de> for Limits {
            type Value = [Limit; RESOURCES];

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a mask of kinds and a limit for each")
            }

            #[inline]
            fn visit_seq<A: SeqAccess<'de>>(self, mut limits: A) -> Result<Self::Value, A::Error> {
                let mask: u16 = limits
                    .next_element()?
                    .ok_or_else(|| de::Error::invalid_length(0, &self))?;
                if mask >> RESOURCES != 0 {
                    return Err(de::Error::custom("a kind of resource that is not known"));
                }
                let mut all = [Limit::Max; RESOURCES];
                for place in places(mask) {
                    let limit: u64 = limits
                        .next_element()?
                        .ok_or_else(|| de::Error::invalid_length(1, &self))?;
                    if let Some(place) = all.get_mut(place) {
                        *place = Limit::At(limit);
                    }
                }
                Ok(all)
            }
        }

        deserializer.deserialize_tuple(RESOURCES.saturating_add(1), Limits)
    }
}

/// Why a charge was refused: the first group, counted upwards, that had too little left, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shortage {
    /// The kind that ran short.
    pub resource: Resource,
    /// The group whose limit it was, unless the caller may not see that group.
    pub group: Option<GroupId>,
    /// Its limit; of a group that the caller may not see, perhaps only what was left of it.
    pub limit: u64,
    /// What it used already; then 0.
    pub used: u64,
    /// What was asked on top.
    pub asked: u64,
}

impl fmt::Display for Shortage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            resource,
            limit,
            used,
            asked,
            ..
        } = self;
        match self.group {
            Some(group) => write!(out, "group {group}")?,
            None if *limit == u64::MAX => {
                return write!(
                    out,
                    "asked for {asked} {resource}, more than can be counted"
                );
            }
            None => {
                let left = limit.saturating_sub(*used);
                return write!(
                    out,
                    "asked for {asked} {resource}, a group above has {left} left"
                );
            }
        }
        write!(
            out,
            " asked for {asked} {resource} with {used} of {limit} used"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;
    use crate::encode::encode;

    #[test]
    fn only_what_is_there_travels() {
        let amounts = Amounts::of(Resource::Frames, 7).with(Resource::Notes, 300);
        let mut bytes = [0; 64];
        let used = encode(&amounts, &mut bytes).unwrap();
        assert_eq!(bytes[..used], [0x08, 0x04, 14, 0xb1, 0x04]);
        assert_eq!(decode::<Amounts>(&bytes[..used]).unwrap().0, amounts);
    }

    #[test]
    fn an_unknown_kind_is_refused_and_so_is_nothing_of_a_known_one() {
        assert!(decode::<Amounts>(&[0x00, 0x08, 2]).is_err());
        assert!(decode::<Amounts>(&[0x01, 0x00, 0]).is_err());
    }

    #[test]
    fn only_the_limits_that_there_are_travel() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct All(#[serde(with = "limits")] [Limit; RESOURCES]);
        let mut bytes = [0; 64];
        let mut all = All([Limit::Max; RESOURCES]);
        assert_eq!(encode(&all, &mut bytes), Some(2));
        all.0[Resource::Tasks.index()] = Limit::At(0);
        all.0[Resource::Notes.index()] = Limit::At(u64::MAX);
        let used = encode(&all, &mut bytes).unwrap();
        assert_eq!(decode::<All>(&bytes[..used]).unwrap().0, all);
        assert!(decode::<All>(&[0x00, 0x08, 2]).is_err());
    }

    #[test]
    fn the_mask_follows_the_numbers() {
        let two = Amounts::of(Resource::Frames, 7).with(Resource::Notes, 300);
        assert_eq!(
            two.with(Resource::Frames, 0),
            Amounts::of(Resource::Notes, 300)
        );
        assert_eq!(
            two.checked_sub(&Amounts::of(Resource::Notes, 300)),
            Some(Amounts::of(Resource::Frames, 7))
        );
        assert_eq!(Amounts::from(*two.as_array()), two);
        assert_eq!(Amounts::NONE.checked_add(&two), Some(two));
    }

    #[test]
    fn sums_and_differences_never_wrap() {
        let all = Amounts::of(Resource::Tasks, u64::MAX);
        assert_eq!(all.checked_add(&Amounts::of(Resource::Tasks, 1)), None);
        assert_eq!(Amounts::NONE.checked_sub(&all), None);
    }
}
