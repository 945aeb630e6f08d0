//! `adversary`: a member that was put into its group by another and tries everything to get out of it.
//!
//! It makes typed calls of every operation of every interface, those for servers too, with ids drawn from its own, its
//! sibling's, its parent's, stale ones and made-up ones; between them raw messages. It keeps an oracle
//! ([`oracle`]): which groups, tasks, regions and rings are its own, and so for each call whether it **may** succeed. A
//! call that succeeds and may not is a way out. Every answer is also read as text: no id of a group or task may stand in
//! it that is not the adversary's own or below, and nothing of what the sibling keeps secret. What nobody can see from
//! inside, whoever put it there checks.
//!
//! An operation that no call here makes fails the case: one that is added to an interface belongs here too.

use client::interfaces::memory::RegionId;
use client::interfaces::{Amounts, GroupId, Limit, Resource, TaskId};

use self::oracle::{Answer, Ids, Oracle};
use crate::random::Random;
use crate::words::Words;

mod groups;
mod memory;
mod oracle;
mod tasks;

/// The sibling's limit of a kind that nobody counts: seen by nobody beside it.
pub const SECRET: u64 = 0x5ec2_e75e_c2e7_5ec3;
/// The sibling's label.
pub const LABEL: &str = "nobody-else-reads-this";

struct Adversary {
    random: Random,
    oracle: Oracle,
    /// Groups that are not its own: the parent's, the sibling's, a stale one, the root.
    others: [GroupId; 4],
    /// Tasks that are not its own: the parent's, the sibling's.
    strangers: [TaskId; 2],
}

/// `adversary SEED COUNT OWN PARENT SIBLING STALE PARENT-TASK SIBLING-TASK`
pub fn run(words: &mut Words<'_>) -> i32 {
    let (seed, count): (u64, u32) = (words.number(), words.number());
    let pen = words.group();
    let others = [words.group(), words.group(), words.group(), GroupId::ROOT];
    let membership = value!(client::limits::who_am_i());
    let mut adversary = Adversary {
        random: Random::new(seed),
        oracle: Oracle {
            me: membership.task,
            pen,
            home: pen,
            groups: Ids::new(),
            children: Ids::new(),
            regions: Ids::new(),
            ring: None,
            tried: [0; 4],
            leak: None,
            answer: Answer::new(),
        },
        others,
        strangers: [words.task(), words.task()],
    };
    for call in 0..count {
        adversary.one();
        if let Some(what) = adversary.oracle.leak {
            return problem!("call {call}, {what}: {}", adversary.oracle.answer.start());
        }
    }
    match adversary.oracle.untried() {
        None => 0,
        Some(operation) => problem!("{operation} was not tried"),
    }
}

impl Adversary {
    fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    fn small(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(bound.into())).unwrap_or(0)
    }

    /// Any group: its own, below, beside, above, gone, made up.
    fn group(&mut self) -> GroupId {
        match self.below(8) {
            0 | 1 => self.oracle.pen,
            2 | 3 => self
                .oracle
                .groups
                .any(&mut self.random)
                .unwrap_or(self.oracle.pen),
            4..7 => {
                let place = usize::try_from(self.below(4)).unwrap_or(0);
                self.others.get(place).copied().unwrap_or(GroupId::ROOT)
            }
            _ => GroupId {
                index: self.small(40),
                generation: self.small(300),
            },
        }
    }

    fn some_group(&mut self) -> Option<GroupId> {
        (self.below(6) > 0).then(|| self.group())
    }

    fn task(&mut self) -> TaskId {
        match self.below(6) {
            0 => self.oracle.me,
            1 | 2 => self
                .oracle
                .children
                .any(&mut self.random)
                .unwrap_or(self.oracle.me),
            3 | 4 => {
                let place = usize::try_from(self.below(2)).unwrap_or(0);
                self.strangers.get(place).copied().unwrap_or(self.oracle.me)
            }
            _ => TaskId {
                index: self.small(16),
                generation: self.small(3000),
            },
        }
    }

    fn region(&mut self) -> RegionId {
        let own = self.oracle.regions.any(&mut self.random);
        match own {
            Some(own) if self.below(3) > 0 => own,
            _ => RegionId {
                index: self.small(64),
                generation: self.small(2000),
            },
        }
    }

    fn resource(&mut self) -> Resource {
        let place = usize::try_from(self.below(Resource::ALL.len() as u64)).unwrap_or(0);
        Resource::ALL
            .get(place)
            .copied()
            .unwrap_or(Resource::Frames)
    }

    fn amount(&mut self) -> u64 {
        match self.below(4) {
            0 => u64::MAX,
            1 => self.random.next(),
            _ => self.below(100),
        }
    }

    fn amounts(&mut self) -> Amounts {
        let kind = self.resource();
        let amount = self.amount();
        let other = self.resource();
        Amounts::of(kind, amount).with(other, self.below(20))
    }

    fn limit(&mut self) -> Limit {
        Limit::from_bound(self.amount())
    }

    fn one(&mut self) {
        match self.below(12) {
            0 => self.raw(),
            1..4 => self.groups(),
            4 => self.rights(),
            5 => self.watching(),
            6..9 => self.tasks(),
            9 => self.threads(),
            10 => self.memory(),
            _ => match self.below(3) {
                0 => self.lines(),
                _ => self.servers(),
            },
        }
    }
}
