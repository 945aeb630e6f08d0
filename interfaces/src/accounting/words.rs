//! The short forms of what the servers ask the limits-server all day.
//!
//! | what | words |
//! |---|---|
//! | a group or a task with amounts | its index, its generation: 32 bits each; three words of amounts: [`Few`] |
//! | a ticket | thread and task's index, 16 bits each, and its generation; parent's index (all bits set for none) and the mask of the amounts, 16 bits each, and the parent's generation; the group; four amounts of 16 bits, besides one address space |
//! | the end of a task | the task; how it ended, with an exit's code 32 bits higher; who or which group killed it |
//! | where a task is | the group; the band, plus 256 if it is frozen |
//!
//! A ticket's amounts are those of one task and one thread, as every ticket's are: these two kinds need no room.

use serde::{Deserialize, Serialize};

use super::{Admitted, Charge, ChargeTask, Confirm, EndTask, Release, Ticket, TicketRefusal};
use crate::amounts::{Amounts, RESOURCES, Resource, places};
use crate::events::Ending;
use crate::identity::{GroupId, TaskId};
use crate::provision::TASK_KIT;
use crate::short::{
    Few, LANE, MASK, Short, TOO_LARGE, WORDS, brief, few_call, group_of, group_word, pair,
    some_group_of, some_group_word, task_of, task_word, unpair,
};

/// Somebody, and as much of a vector as fits a short form: what [`Charge`] and [`Release`] are for a group, [`ChargeTask`]
/// for a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FewOf<T> {
    /// Who pays, or has paid.
    pub of: T,
    /// What for.
    pub amounts: Few,
}

macro_rules! few {
    ($($request:ident $of:ident $id:ident;)+) => {
        $(impl $request {
            /// The same in its short form, if it fits.
            #[inline]
            #[must_use]
            pub fn few(&self) -> Option<FewOf<$id>> {
                Some(FewOf {
                    of: self.$of,
                    amounts: Few::of(&self.amounts)?,
                })
            }
        })+
    };
}

few! {
    Charge group GroupId;
    Release group GroupId;
    ChargeTask task TaskId;
}

macro_rules! few_of {
    ($($id:ident $to:ident $from:ident;)+) => {
        $(impl Short for FewOf<$id> {
            const LENGTH: usize = 4;

            #[inline]
            fn to_words(&self) -> Option<[u64; WORDS]> {
                let [first, second, third] = self.amounts.words();
                Some([$to(self.of), first, second, third])
            }

            #[inline]
            fn from_words([of, first, second, third]: [u64; WORDS]) -> Option<Self> {
                Some(Self {
                    of: $from(of),
                    amounts: Few::from_words([first, second, third])?,
                })
            }
        })+
    };
}

few_of! {
    GroupId group_word group_of;
    TaskId task_word task_of;
}

impl Short for Admitted {
    const LENGTH: usize = 2;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        let place = u64::from(self.band) | (u64::from(self.frozen) << 8);
        Some([group_word(self.group), place, 0, 0])
    }

    #[inline]
    fn from_words([group, place, ..]: [u64; WORDS]) -> Option<Self> {
        let [band, frozen, 0, 0, 0, 0, 0, 0] = place.to_le_bytes() else {
            return None;
        };
        Some(Self {
            group: group_of(group),
            band,
            frozen: match frozen {
                0 => false,
                1 => true,
                _ => return None,
            },
        })
    }
}

impl Short for Confirm {
    const LENGTH: usize = 1;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        Some([u64::from(self.thread), 0, 0, 0])
    }

    #[inline]
    fn from_words([thread, ..]: [u64; WORDS]) -> Option<Self> {
        Some(Self {
            thread: u32::try_from(thread).ok()?,
        })
    }
}

/// The index of no task: badges have 13 bits for one.
const NO_TASK: u32 = 0xffff;
/// The bits of the two kinds that every ticket has one of.
const COUNTS: u16 = (1 << Resource::Tasks.index()) | (1 << Resource::Threads.index());
/// The bit of the kind that a ticket has one of, or none: it needs no room either.
const SPACES: u16 = 1 << Resource::AddressSpaces.index();
/// Amounts besides those.
const OTHERS: u32 = 4;

/// The kinds that a task's birth is charged besides those, whatever it runs.
const USUAL: u16 = TASK_KIT.mask() & !COUNTS;

/// Two numbers of 16 bits, below one of 32.
#[inline]
fn triple(low: u32, middle: u32, high: u32) -> Option<u64> {
    let small = u64::from(low) < TOO_LARGE && u64::from(middle) < TOO_LARGE;
    small.then_some(pair(low | middle.wrapping_shl(LANE), high))
}

/// The reverse of [`triple`].
#[inline]
fn untriple(word: u64) -> (u32, u32, u32) {
    let (low, high) = unpair(word);
    (low & NO_TASK, low.wrapping_shr(LANE), high)
}

/// What one task and one thread are made of, as it stands in a ticket's short form. It is the same for every task that runs
/// a program, so who spawns them makes it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// A bit for each kind, without the two that every ticket has.
    others: u16,
    /// Of each of those but address spaces how much, the lowest kind lowest.
    lanes: u64,
}

impl Price {
    /// The amounts in their short form, if they fit it.
    #[must_use]
    pub fn of(amounts: &Amounts) -> Option<Self> {
        let one = amounts.get(Resource::Tasks) == 1 && amounts.get(Resource::Threads) == 1;
        let others = amounts.mask() & !COUNTS;
        let spaces = amounts.get(Resource::AddressSpaces);
        if !one || spaces > 1 || (others & !SPACES).count_ones() > OTHERS {
            return None;
        }
        let (mut lanes, mut seen, mut shift) = (0, 0, 0_u32);
        let kept = amounts
            .present()
            .filter(|&(kind, _)| is_other(kind) && kind != Resource::AddressSpaces);
        for (_, number) in kept {
            seen |= number;
            lanes |= number.wrapping_shl(shift);
            shift = shift.wrapping_add(LANE);
        }
        (seen < TOO_LARGE).then_some(Self { others, lanes })
    }

    /// Every kind with its amount, in the order of the kinds, if they are those of [`TASK_KIT`]: at once, as each has its
    /// place.
    #[inline]
    #[must_use]
    pub fn usual(self) -> Option<[(Resource, u64); 7]> {
        let Self { others, lanes } = self;
        let lane = |lane: u32| lanes.wrapping_shr(lane.wrapping_mul(LANE)) & MASK;
        (others == USUAL).then(|| {
            [
                (Resource::Tasks, 1),
                (Resource::Threads, 1),
                (Resource::Frames, lane(0)),
                (Resource::Commit, lane(1)),
                (Resource::KernelMemory, lane(2)),
                (Resource::CapSlots, lane(3)),
                (Resource::AddressSpaces, 1),
            ]
        })
    }

    /// Every kind with its amount, in the order of the kinds.
    #[inline]
    pub fn parts(self) -> impl Iterator<Item = (Resource, u64)> {
        let Self { others, mut lanes } = self;
        places(others | COUNTS).filter_map(move |place| {
            let kind = *Resource::ALL.get(place)?;
            if !is_other(kind) || kind == Resource::AddressSpaces {
                return Some((kind, 1));
            }
            let number = lanes & MASK;
            lanes >>= LANE;
            Some((kind, number))
        })
    }

    /// The same as a vector.
    #[must_use]
    pub fn amounts(self) -> Amounts {
        let mut amounts = Amounts::NONE;
        for (kind, number) in self.parts() {
            amounts.set(kind, number);
        }
        amounts
    }

    /// What stands in a request; nothing if a number is missing or left over.
    #[inline]
    fn from_words(others: u32, lanes: u64) -> Option<Self> {
        let others = u16::try_from(others).ok()?;
        // How many bits the numbers take that are there.
        let lowest = 1_u64;
        let bits = (others & !SPACES).count_ones().wrapping_mul(LANE);
        let first = lowest.checked_shl(bits.wrapping_sub(LANE)).unwrap_or(0);
        let known = others >> RESOURCES == 0 && others & COUNTS == 0;
        let whole = match bits {
            0 => lanes == 0,
            // A number of the last kind is there, and none behind it.
            16 | 32 | 48 => lanes >= first && lanes >> bits == 0,
            64 => lanes >= first,
            _ => false,
        };
        (known && whole).then_some(Self { others, lanes })
    }
}

/// A [`Ticket`] in its short form: as a request it is the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Ticket", try_from = "Ticket")]
pub struct FewTicket {
    /// The place of its first thread.
    pub thread: u32,
    /// The task to be.
    pub task: TaskId,
    /// Who spawns it.
    pub parent: Option<TaskId>,
    /// Its group.
    pub group: Option<GroupId>,
    /// Everything that is charged at once.
    pub price: Price,
}

impl Ticket {
    /// The same in its short form, if its amounts fit it.
    #[inline]
    #[must_use]
    pub fn few(&self) -> Option<FewTicket> {
        Some(FewTicket {
            thread: self.thread,
            task: self.task,
            parent: self.parent,
            group: self.group,
            price: Price::of(&self.amounts)?,
        })
    }
}

impl From<FewTicket> for Ticket {
    fn from(few: FewTicket) -> Self {
        Self {
            thread: few.thread,
            task: few.task,
            parent: few.parent,
            group: few.group,
            amounts: few.price.amounts(),
        }
    }
}

few_call! {
    FewTicket = Ticket;
}

impl Short for FewTicket {
    const LENGTH: usize = 4;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        let parent = self.parent.unwrap_or(TaskId {
            index: NO_TASK,
            generation: 0,
        });
        if self.parent.is_some() && parent.index == NO_TASK {
            return None;
        }
        let Price { others, lanes } = self.price;
        Some([
            triple(self.thread, self.task.index, self.task.generation)?,
            triple(parent.index, u32::from(others), parent.generation)?,
            some_group_word(self.group),
            lanes,
        ])
    }

    #[inline]
    fn from_words([task, parent, group, lanes]: [u64; WORDS]) -> Option<Self> {
        let (thread, index, generation) = untriple(task);
        let task = TaskId { index, generation };
        let (index, others, generation) = untriple(parent);
        let parent = match (index, generation) {
            (NO_TASK, 0) => None,
            (NO_TASK, _) => return None,
            _ => Some(TaskId { index, generation }),
        };
        Some(Self {
            thread,
            task,
            parent,
            group: some_group_of(group),
            price: Price::from_words(others, lanes)?,
        })
    }
}

/// How a task ended, in the lower half of its word. An exit's code is the other half.
mod ending {
    pub const NEVER_RAN: u32 = 0;
    pub const EXITED: u32 = 1;
    pub const KILLED: u32 = 2;
    pub const GROUP_KILLED: u32 = 3;
}

impl Short for EndTask {
    const LENGTH: usize = 3;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        let (kind, code, whom) = match self.ending {
            Ending::NeverRan => (ending::NEVER_RAN, 0, 0),
            Ending::Exited { code } => (ending::EXITED, code.cast_unsigned(), 0),
            Ending::Killed { by } => (ending::KILLED, 0, task_word(by?)),
            Ending::GroupKilled { group } => (ending::GROUP_KILLED, 0, group_word(group?)),
            Ending::Fault { .. } => return None,
        };
        Some([task_word(self.task), pair(kind, code), whom, 0])
    }

    #[inline]
    fn from_words([task, how, whom, _]: [u64; WORDS]) -> Option<Self> {
        let (kind, code) = unpair(how);
        let ending = match (kind, code, whom) {
            (ending::NEVER_RAN, 0, 0) => Ending::NeverRan,
            (ending::EXITED, code, 0) => Ending::Exited {
                code: code.cast_signed(),
            },
            (ending::KILLED, 0, by) => Ending::Killed {
                by: Some(task_of(by)),
            },
            (ending::GROUP_KILLED, 0, group) => Ending::GroupKilled {
                group: Some(group_of(group)),
            },
            _ => return None,
        };
        Some(Self {
            task: task_of(task),
            ending,
        })
    }
}

brief! {
    TicketRefusal Short;
}

#[inline]
const fn is_other(kind: Resource) -> bool {
    !matches!(kind, Resource::Tasks | Resource::Threads)
}
