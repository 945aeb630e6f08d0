//! What happened, and the words in which it stands in a ring.

use serde::{Deserialize, Serialize};

use super::{Kind, WORDS};
use crate::amounts::Resource;
use crate::identity::{GroupId, TaskId};
use crate::process::ExitReason;
use crate::provision::Cause;

/// How a task ended, as events tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ending {
    /// It was born and taken back before it ran.
    NeverRan,
    /// By itself.
    Exited {
        /// What it said.
        code: i32,
    },
    /// By another task.
    Killed {
        /// Which, if the watcher may see it.
        by: Option<TaskId>,
    },
    /// With its group.
    GroupKilled {
        /// The group that was killed, if the watcher may see it.
        group: Option<GroupId>,
    },
    /// It could not go on.
    Fault {
        /// Why.
        why: Fault,
        /// The address, the system call's number, the exception's vector: whatever tells more.
        at: u64,
    },
}

/// Why a task could not go on; [`Cause`] without what only its parent is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Fault {
    /// It touched an address where it has nothing.
    BadAddress,
    /// A page could not be charged.
    NoFrame,
    /// A page could not be charged because its group is being killed.
    Killed,
    /// It was never born.
    NotBorn,
    /// The machine has no memory left.
    OutOfMemory,
    /// It used a capability that it does not have.
    Capability,
    /// It made a system call that does not exist.
    Syscall,
    /// It raised a processor exception.
    Exception,
    /// Something that this version does not know.
    Other,
    /// A page was paid for by a group that was killed.
    PayerKilled,
}

impl Fault {
    const ALL: [Self; 10] = [
        Self::BadAddress,
        Self::NoFrame,
        Self::Killed,
        Self::NotBorn,
        Self::OutOfMemory,
        Self::Capability,
        Self::Syscall,
        Self::Exception,
        Self::Other,
        Self::PayerKilled,
    ];
}

impl From<ExitReason> for Ending {
    fn from(reason: ExitReason) -> Self {
        match reason {
            ExitReason::Exited { code } => Self::Exited { code },
            ExitReason::Killed { by } => Self::Killed { by: Some(by) },
            ExitReason::GroupKilled { group } => Self::GroupKilled { group: Some(group) },
            ExitReason::Fault(cause) => {
                let (why, at) = match cause {
                    Cause::BadAddress { address, .. } => (Fault::BadAddress, u64::from(address)),
                    Cause::NoFrame(shortage) => (Fault::NoFrame, shortage.limit),
                    Cause::Killed => (Fault::Killed, 0),
                    Cause::NotBorn => (Fault::NotBorn, 0),
                    Cause::OutOfMemory => (Fault::OutOfMemory, 0),
                    Cause::CapabilityFault { ip } => (Fault::Capability, ip),
                    Cause::UnknownSyscall { number } => (Fault::Syscall, number),
                    Cause::Exception { number, .. } => (Fault::Exception, number),
                    Cause::Other { label } => (Fault::Other, label),
                    Cause::PayerKilled => (Fault::PayerKilled, 0),
                };
                Self::Fault { why, at }
            }
        }
    }
}

/// A limit that was crossed or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hit {
    /// The kind of thing.
    pub resource: Resource,
    /// The limit.
    pub limit: u64,
    /// What was used before.
    pub used: u64,
    /// What was asked on top.
    pub asked: u64,
}

/// What happened. Ids that the watcher may not see are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// See [`Kind::Born`].
    Born {
        /// The task.
        task: TaskId,
        /// Its group.
        group: GroupId,
        /// Who spawned it.
        parent: Option<TaskId>,
    },
    /// See [`Kind::Died`].
    Died {
        /// The task.
        task: TaskId,
        /// The group that it was in.
        group: GroupId,
        /// How.
        ending: Ending,
    },
    /// See [`Kind::Arrived`].
    Arrived {
        /// The task.
        task: TaskId,
        /// The group that it is in now.
        group: GroupId,
        /// The group that it was in.
        from: Option<GroupId>,
    },
    /// See [`Kind::Left`].
    Left {
        /// The task.
        task: TaskId,
        /// The group that it was in.
        group: GroupId,
        /// The group that it is in now.
        to: Option<GroupId>,
    },
    /// See [`Kind::Opened`].
    Opened {
        /// The group.
        group: GroupId,
        /// The group above it.
        parent: GroupId,
        /// Who opened it.
        by: Option<TaskId>,
    },
    /// See [`Kind::Gone`].
    Gone {
        /// The group.
        group: GroupId,
    },
    /// See [`Kind::SoftLimit`].
    SoftLimit {
        /// The group.
        group: GroupId,
        /// The numbers.
        hit: Hit,
    },
    /// See [`Kind::HardLimit`].
    HardLimit {
        /// The group whose limit refused.
        group: GroupId,
        /// The numbers.
        hit: Hit,
    },
    /// See [`Kind::Frozen`].
    Frozen {
        /// The group.
        group: GroupId,
        /// How often it has to be thawed now.
        depth: u64,
    },
    /// See [`Kind::Thawed`].
    Thawed {
        /// The group.
        group: GroupId,
        /// How often it has to be thawed still.
        depth: u64,
    },
    /// See [`Kind::Killing`].
    Killing {
        /// The group.
        group: GroupId,
        /// Who kills it.
        by: Option<TaskId>,
    },
    /// See [`Kind::Returned`].
    Returned {
        /// The group.
        group: GroupId,
        /// The kind of thing.
        resource: Resource,
        /// What the group held of it when it was closed.
        held: u64,
        /// What came back.
        returned: u64,
    },
    /// See [`Kind::Killed`].
    Killed {
        /// The group.
        group: GroupId,
        /// How many lines of receipt came before.
        lines: u64,
    },
    /// See [`Kind::Over`].
    Over {
        /// The group that was watched.
        group: GroupId,
    },
}

const NOBODY: u64 = u64::MAX;

const fn pack(index: u32, generation: u32) -> u64 {
    index as u64 | (generation as u64) << 32
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "each half of the word is a number of its own"
)]
const fn halves(word: u64) -> (u32, u32) {
    (word as u32, (word >> 32) as u32)
}

const fn group_word(group: GroupId) -> u64 {
    pack(group.index, group.generation)
}

const fn task_word(task: TaskId) -> u64 {
    pack(task.index, task.generation)
}

fn maybe_group(group: Option<GroupId>) -> u64 {
    group.map_or(NOBODY, group_word)
}

fn maybe_task(task: Option<TaskId>) -> u64 {
    task.map_or(NOBODY, task_word)
}

fn group_of(word: u64) -> Option<GroupId> {
    let (index, generation) = halves(word);
    (word != NOBODY).then_some(GroupId { index, generation })
}

fn task_of(word: u64) -> Option<TaskId> {
    let (index, generation) = halves(word);
    (word != NOBODY).then_some(TaskId { index, generation })
}

fn resource_of(word: u64) -> Option<Resource> {
    Resource::ALL.get(usize::try_from(word).ok()?).copied()
}

impl Ending {
    const fn words(self) -> (u64, u64, u64) {
        match self {
            Self::NeverRan => (0, 0, 0),
            #[expect(
                clippy::cast_sign_loss,
                reason = "the bits travel, the reader turns them back"
            )]
            Self::Exited { code } => (1, code as u32 as u64, 0),
            Self::Killed { by: Some(by) } => (2, task_word(by), 0),
            Self::Killed { by: None } => (2, NOBODY, 0),
            Self::GroupKilled { group: Some(group) } => (3, group_word(group), 0),
            Self::GroupKilled { group: None } => (3, NOBODY, 0),
            Self::Fault { why, at } => (4, at, why as u64),
        }
    }

    fn from_words(how: u64, value: u64, more: u64) -> Option<Self> {
        Some(match how {
            0 => Self::NeverRan,
            #[expect(clippy::cast_possible_wrap, reason = "as it was put in")]
            1 => Self::Exited {
                code: halves(value).0 as i32,
            },
            2 => Self::Killed { by: task_of(value) },
            3 => Self::GroupKilled {
                group: group_of(value),
            },
            4 => Self::Fault {
                why: *Fault::ALL.get(usize::try_from(more).ok()?)?,
                at: value,
            },
            _ => return None,
        })
    }
}

impl Event {
    /// What kind of event it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Born { .. } => Kind::Born,
            Self::Died { .. } => Kind::Died,
            Self::Arrived { .. } => Kind::Arrived,
            Self::Left { .. } => Kind::Left,
            Self::Opened { .. } => Kind::Opened,
            Self::Gone { .. } => Kind::Gone,
            Self::SoftLimit { .. } => Kind::SoftLimit,
            Self::HardLimit { .. } => Kind::HardLimit,
            Self::Frozen { .. } => Kind::Frozen,
            Self::Thawed { .. } => Kind::Thawed,
            Self::Killing { .. } => Kind::Killing,
            Self::Returned { .. } => Kind::Returned,
            Self::Killed { .. } => Kind::Killed,
            Self::Over { .. } => Kind::Over,
        }
    }

    /// The group that it happened in or to.
    #[must_use]
    pub const fn group(&self) -> GroupId {
        match *self {
            Self::Born { group, .. }
            | Self::Died { group, .. }
            | Self::Arrived { group, .. }
            | Self::Left { group, .. }
            | Self::Opened { group, .. }
            | Self::Gone { group }
            | Self::SoftLimit { group, .. }
            | Self::HardLimit { group, .. }
            | Self::Frozen { group, .. }
            | Self::Thawed { group, .. }
            | Self::Killing { group, .. }
            | Self::Returned { group, .. }
            | Self::Killed { group, .. }
            | Self::Over { group } => group,
        }
    }
}

/// A numbered event, as it stands in a ring.
///
/// | word | what |
/// |---|---|
/// | 0 | the sequence number |
/// | 1 | the kind, 16 bits; above it, from bit 32 on, the kind of resource |
/// | 2 | the group: index, and from bit 32 on the generation |
/// | 3 | the task, likewise; all ones if there is none |
/// | 4 to 7 | what the kind says |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// Its number: one more than the record's before in the same ring; the first is 1.
    pub sequence: u64,
    /// What happened.
    pub event: Event,
}

impl Record {
    /// The words of the record.
    #[must_use]
    pub fn to_words(&self) -> [u64; WORDS] {
        let none = NOBODY;
        let numbers = |hit: Hit| (hit.resource as u64, [hit.limit, hit.used, hit.asked, 0]);
        let (task, resource, rest) = match self.event {
            Event::Born { task, parent, .. } => (task_word(task), 0, [maybe_task(parent), 0, 0, 0]),
            Event::Died { task, ending, .. } => {
                let (how, value, more) = ending.words();
                (task_word(task), 0, [how, value, more, 0])
            }
            Event::Arrived { task, from, .. } => (task_word(task), 0, [maybe_group(from), 0, 0, 0]),
            Event::Left { task, to, .. } => (task_word(task), 0, [maybe_group(to), 0, 0, 0]),
            Event::Opened { parent, by, .. } => (maybe_task(by), 0, [group_word(parent), 0, 0, 0]),
            Event::Gone { .. } | Event::Over { .. } => (none, 0, [0; 4]),
            Event::SoftLimit { hit, .. } | Event::HardLimit { hit, .. } => {
                let (resource, rest) = numbers(hit);
                (none, resource, rest)
            }
            Event::Frozen { depth, .. } | Event::Thawed { depth, .. } => {
                (none, 0, [depth, 0, 0, 0])
            }
            Event::Killing { by, .. } => (maybe_task(by), 0, [0; 4]),
            Event::Returned {
                resource,
                held,
                returned,
                ..
            } => (none, resource as u64, [held, returned, 0, 0]),
            Event::Killed { lines, .. } => (none, 0, [lines, 0, 0, 0]),
        };
        let [a, b, c, d] = rest;
        [
            self.sequence,
            self.event.kind() as u64 | resource << 32,
            group_word(self.event.group()),
            task,
            a,
            b,
            c,
            d,
        ]
    }

    /// The record that these words are; nothing if they are none, or of a kind that this version does not know.
    #[must_use]
    pub fn from_words(words: &[u64; WORDS]) -> Option<Self> {
        let [sequence, what, group, task, a, b, c, _] = *words;
        let group = group_of(group)?;
        let hit = || {
            Some(Hit {
                resource: resource_of(what >> 32)?,
                limit: a,
                used: b,
                asked: c,
            })
        };
        let event = match Kind::from_number(what & 0xffff)? {
            Kind::Born => Event::Born {
                task: task_of(task)?,
                group,
                parent: task_of(a),
            },
            Kind::Died => Event::Died {
                task: task_of(task)?,
                group,
                ending: Ending::from_words(a, b, c)?,
            },
            Kind::Arrived => Event::Arrived {
                task: task_of(task)?,
                group,
                from: group_of(a),
            },
            Kind::Left => Event::Left {
                task: task_of(task)?,
                group,
                to: group_of(a),
            },
            Kind::Opened => Event::Opened {
                group,
                parent: group_of(a)?,
                by: task_of(task),
            },
            Kind::Gone => Event::Gone { group },
            Kind::SoftLimit => Event::SoftLimit { group, hit: hit()? },
            Kind::HardLimit => Event::HardLimit { group, hit: hit()? },
            Kind::Frozen => Event::Frozen { group, depth: a },
            Kind::Thawed => Event::Thawed { group, depth: a },
            Kind::Killing => Event::Killing {
                group,
                by: task_of(task),
            },
            Kind::Returned => Event::Returned {
                group,
                resource: resource_of(what >> 32)?,
                held: a,
                returned: b,
            },
            Kind::Killed => Event::Killed { group, lines: a },
            Kind::Over => Event::Over { group },
        };
        Some(Self { sequence, event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: GroupId = GroupId {
        index: 7,
        generation: 3,
    };
    const TASK: TaskId = TaskId {
        index: 0,
        generation: 0,
    };

    fn all() -> Vec<Event> {
        let hit = Hit {
            resource: Resource::Notes,
            limit: 1,
            used: 2,
            asked: u64::MAX,
        };
        let mut all = vec![
            Event::Arrived {
                task: TASK,
                group: GROUP,
                from: Some(GroupId::ROOT),
            },
            Event::Left {
                task: TASK,
                group: GROUP,
                to: None,
            },
            Event::Opened {
                group: GROUP,
                parent: GroupId::ROOT,
                by: None,
            },
            Event::Gone { group: GROUP },
            Event::SoftLimit { group: GROUP, hit },
            Event::HardLimit { group: GROUP, hit },
            Event::Frozen {
                group: GROUP,
                depth: 2,
            },
            Event::Thawed {
                group: GROUP,
                depth: 1,
            },
            Event::Killing {
                group: GROUP,
                by: Some(TASK),
            },
            Event::Returned {
                group: GROUP,
                resource: Resource::Frames,
                held: 5,
                returned: 5,
            },
            Event::Killed {
                group: GROUP,
                lines: 1,
            },
            Event::Over { group: GROUP },
        ];
        for parent in [None, Some(TASK)] {
            all.push(Event::Born {
                task: TASK,
                group: GROUP,
                parent,
            });
        }
        let mut endings = vec![
            Ending::NeverRan,
            Ending::Exited { code: i32::MIN },
            Ending::Killed { by: None },
            Ending::Killed { by: Some(TASK) },
            Ending::GroupKilled { group: None },
            Ending::GroupKilled { group: Some(GROUP) },
        ];
        endings.extend(Fault::ALL.map(|why| Ending::Fault { why, at: 0xdead }));
        all.extend(endings.into_iter().map(|ending| Event::Died {
            task: TASK,
            group: GROUP,
            ending,
        }));
        all
    }

    #[test]
    fn every_event_comes_back_from_its_words() {
        for (sequence, event) in (1..).zip(all()) {
            let record = Record { sequence, event };
            assert_eq!(Record::from_words(&record.to_words()), Some(record));
        }
    }

    #[test]
    fn words_that_are_no_record_are_nothing() {
        let good = Record {
            sequence: 1,
            event: Event::Gone { group: GROUP },
        }
        .to_words();
        for kind in [0, 15, 0xffff] {
            let mut words = good;
            words[1] = kind;
            assert_eq!(Record::from_words(&words), None);
        }
        let mut words = good;
        words[2] = u64::MAX;
        assert_eq!(Record::from_words(&words), None);
    }
}
