//! The short forms of what clients ask the limits-server all day.
//!
//! | what | words |
//! |---|---|
//! | a group | its index, its generation: 32 bits each; all bits set for none |
//! | a kind and a limit | the kind, plus 256 for `max`; the limit, zero for `max` |
//! | the account of a group | is asked for with the group, and answered in plain words: `plain` |
//! | amounts | three words: [`Few`] |
//! | what a group uses | four words with a place for every kind: `usage` |
//! | one kind's numbers | usage and peak, 32 bits each; the limit, the soft limit (all bits set for `max`), the refusals |

use super::{
    CloseGroup, Enter, Membership, OpenGroup, Ping, ReadAccount, ReadResource, ReadUsage,
    ResourceAccount, SetLimit, SetSoftLimit, WhoAmI, WouldFit,
};
use crate::amounts::{Limit, Resource};
use crate::identity::GroupId;
use crate::short::{
    Few, Short, WORDS, group_of, group_word, of_nothing, pair, some_group_of, some_group_word,
    task_of, task_word, unpair,
};

/// The bit beside a kind that stands for [`Limit::Max`].
const MAX: u64 = 1 << 8;

/// As much of a vector as fits a short form, and the group that it is asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WouldFew {
    /// The group.
    pub group: Option<GroupId>,
    /// The whole vector.
    pub amounts: Few,
}

impl WouldFit {
    /// The same in its short form, if it fits.
    #[inline]
    #[must_use]
    pub fn few(&self) -> Option<WouldFew> {
        Some(WouldFew {
            group: self.group,
            amounts: Few::of(&self.amounts)?,
        })
    }
}

impl Short for WouldFew {
    const LENGTH: usize = 4;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        let [first, second, third] = self.amounts.words();
        Some([some_group_word(self.group), first, second, third])
    }

    #[inline]
    fn from_words([group, first, second, third]: [u64; WORDS]) -> Option<Self> {
        Some(Self {
            group: some_group_of(group),
            amounts: Few::from_words([first, second, third])?,
        })
    }
}

/// What is nothing but a group.
macro_rules! of_a_group {
    ($($request:ident $field:ident $to:ident $from:ident;)+) => {
        $(impl Short for $request {
            const LENGTH: usize = 1;

            #[inline]
            fn to_words(&self) -> Option<[u64; WORDS]> {
                Some([$to(self.$field), 0, 0, 0])
            }

            #[inline]
            fn from_words([group, ..]: [u64; WORDS]) -> Option<Self> {
                Some(Self { $field: $from(group) })
            }
        })+
    };
}

of_a_group! {
    OpenGroup parent some_group_word some_group_of;
    ReadAccount group some_group_word some_group_of;
    ReadUsage group some_group_word some_group_of;
    CloseGroup group group_word group_of;
    Enter group group_word group_of;
}

/// A group, a kind and a limit.
macro_rules! of_a_limit {
    ($($request:ident)+) => {
        $(impl Short for $request {
            const LENGTH: usize = 3;

            #[inline]
            fn to_words(&self) -> Option<[u64; WORDS]> {
                let kind = self.resource as u64;
                let (kind, limit) = match self.limit {
                    Limit::Max => (kind | MAX, 0),
                    Limit::At(limit) => (kind, limit),
                };
                Some([group_word(self.group), kind, limit, 0])
            }

            #[inline]
            fn from_words([group, kind, limit, _]: [u64; WORDS]) -> Option<Self> {
                let (limit, kind) = if kind & MAX == 0 {
                    (Limit::At(limit), kind)
                } else if limit == 0 {
                    (Limit::Max, kind ^ MAX)
                } else {
                    return None;
                };
                Some(Self {
                    group: group_of(group),
                    resource: kind_of(kind)?,
                    limit,
                })
            }
        })+
    };
}

of_a_limit!(SetLimit SetSoftLimit);

#[inline]
fn kind_of(word: u64) -> Option<Resource> {
    Resource::at(u32::try_from(word).ok()?)
}

impl Short for ReadResource {
    const LENGTH: usize = 2;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        let group = some_group_word(self.group);
        Some([group, self.resource as u64, 0, 0])
    }

    #[inline]
    fn from_words([group, kind, ..]: [u64; WORDS]) -> Option<Self> {
        Some(Self {
            group: some_group_of(group),
            resource: kind_of(kind)?,
        })
    }
}

impl Short for ResourceAccount {
    const LENGTH: usize = 4;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        let usage = u32::try_from(self.usage).ok()?;
        let peak = u32::try_from(self.peak).ok()?;
        let (limit, soft) = (self.limit, self.soft);
        // A limit of all bits is not the same as none, but would look like it.
        if limit == Limit::At(u64::MAX) || soft == Limit::At(u64::MAX) {
            return None;
        }
        let usages = pair(usage, peak);
        Some([usages, limit.bound(), soft.bound(), self.refusals])
    }

    #[inline]
    fn from_words([usages, limit, soft, refusals]: [u64; WORDS]) -> Option<Self> {
        let (usage, peak) = unpair(usages);
        Some(Self {
            usage: u64::from(usage),
            peak: u64::from(peak),
            limit: Limit::from_bound(limit),
            soft: Limit::from_bound(soft),
            refusals,
        })
    }
}

of_nothing! {
    Ping = Ping {};
    WhoAmI = WhoAmI {};
}

impl Short for Membership {
    const LENGTH: usize = 2;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        Some([task_word(self.task), group_word(self.group), 0, 0])
    }

    #[inline]
    fn from_words([task, group, ..]: [u64; WORDS]) -> Option<Self> {
        Some(Self {
            task: task_of(task),
            group: group_of(group),
        })
    }
}
