//! Every invariant of the ledger, executable. For tests.
//!
//! Each group's usage is counted again from nothing but the register, the tree and what servers hold, and compared
//! with what the charges made of it: equal, at every group, for every kind.

#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a check that goes wrong is to stop where it went wrong"
)]

use std::vec;
use std::vec::Vec;

use interfaces::identity::TaskTag;
use interfaces::{Amounts, Resource};

use crate::bounds::{BoundSlot, LabelSlot};
use crate::entries::EntrySlot;
use crate::group::{GroupSlot, Life, ROOT, records};
use crate::guarantee::Guarantees;
use crate::kill::Kills;
use crate::ledger::{Alarms, Ledger};
use crate::list::{Links, NONE};
use crate::tasks::{Stage, TaskSlot, ThreadSlot, counts};
use crate::tombs::{TombSlot, Tombs};

/// A copy of everything, to compare a ledger with what it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    groups: Vec<GroupSlot>,
    bounds: Vec<BoundSlot>,
    labels: Vec<LabelSlot>,
    tasks: Vec<TaskSlot>,
    threads: Vec<ThreadSlot>,
    entries: Vec<EntrySlot>,
    tombs: (Vec<TombSlot>, u64),
    kills: Kills,
    guarantees: Guarantees,
    alarms: Alarms,
    counters: (u64, u32, u32, u32),
}

impl Snapshot {
    /// The same with one refusal less at a group: what it must have been before a refused charge.
    ///
    /// A group without limits refuses nothing that is counted.
    #[must_use]
    pub fn before_refusal(mut self, group: interfaces::GroupId, kind: Resource) -> Self {
        let mut here = group.index;
        while let Some(slot) = self.groups.get_mut(here as usize) {
            slot.refusals_below -= 1;
            here = slot.parent;
        }
        let place = self.groups[group.index as usize].gate.bounds();
        if let Some(bound) = self.bounds.get_mut(place as usize) {
            bound.refusals[kind.index()] -= 1;
        }
        self
    }

    /// The same without alarms.
    #[must_use]
    pub fn without_alarms(mut self) -> Self {
        self.alarms = Alarms::default();
        self
    }
}

impl Ledger<'_> {
    /// A copy of everything.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            groups: self.groups.to_vec(),
            bounds: self.bounds.slots.to_vec(),
            labels: self.labels.slots.to_vec(),
            tasks: self.tasks.to_vec(),
            threads: self.threads.to_vec(),
            entries: self.entries.slots.to_vec(),
            tombs: (self.tombs.slots.to_vec(), self.tombs.vanished),
            kills: self.kills.clone(),
            guarantees: self.guarantees.clone(),
            alarms: self.alarms,
            counters: (
                self.receipts,
                self.first_free,
                self.alive,
                self.first_leaving,
            ),
        }
    }

    /// Verifies every invariant.
    ///
    /// # Panics
    ///
    /// Unless each of them holds.
    pub fn check(&self) {
        self.check_free_places();
        self.check_aside();
        self.check_register();
        for (index, slot) in (0..).zip(self.groups.iter()) {
            if slot.life == Life::Live {
                self.check_group(index, slot);
            }
        }
        self.check_tree();
        self.check_leaving();
        self.check_kills();
        self.check_entries();
        self.check_labels();
        self.check_tombs();
        self.check_rings();
        self.check_frost();
        self.check_guarantees();
    }

    /// Those on their way out are listed, each once, and nobody holds on to them.
    fn check_leaving(&self) {
        let listed = walk(self.groups, self.first_leaving, |slot| slot.opened);
        let marked = self.groups.iter().filter(|slot| slot.leaving).count();
        assert_eq!(listed.len(), marked, "groups on their way out");
        for &index in &listed {
            let slot = &self.groups[index as usize];
            assert!(slot.leaving && slot.life == Life::Live && slot.opener == NONE);
        }
    }

    /// Rings and groups agree about who watches what, and every walk stands on something that is there.
    fn check_rings(&self) {
        let mut watching = 0;
        for (ring, slot) in (0_u32..).zip(self.rings.all.iter()) {
            if slot.owner.is_none() {
                assert_eq!(slot.group, NONE, "ring {ring} is nobody's");
            }
            if slot.group == NONE {
                assert_eq!(slot.walk.group, NONE, "ring {ring} walks over nothing");
                continue;
            }
            watching += 1;
            let group = &self.groups[slot.group as usize];
            assert_eq!(group.life, Life::Live, "ring {ring} watches what is gone");
            let beside = walk(&self.rings.all, group.first_watch, |ring| ring.beside);
            assert!(beside.contains(&ring), "ring {ring} is not in its list");
            if slot.walk.group != NONE {
                assert!(self.is_within(slot.walk.group, slot.group));
                assert!(self.groups[slot.walk.group as usize].walked);
            }
            if slot.walk.task != NONE {
                let task = &self.tasks[slot.walk.task as usize];
                assert_ne!(task.stage, Stage::Vacant);
                assert_eq!(task.group, slot.walk.group);
                assert!(task.walked);
            }
        }
        assert_eq!(watching, self.rings.watching, "rings that watch");
        let listed = self.groups.iter().filter(|slot| slot.life == Life::Live);
        let listed = listed.map(|slot| walk(&self.rings.all, slot.first_watch, |ring| ring.beside));
        assert_eq!(
            watching as usize,
            listed.map(|list| list.len()).sum::<usize>(),
            "rings in lists"
        );
    }

    /// Every place is a group, or free and in the list once, or used up.
    fn check_free_places(&self) {
        let mut free = vec![false; self.groups.len()];
        let mut here = self.first_free;
        let mut before = NONE;
        while here != NONE {
            assert_eq!(self.groups[here as usize].siblings.previous, before);
            before = here;
            assert!(!free[here as usize], "place {here} is free twice");
            free[here as usize] = true;
            assert_eq!(self.groups[here as usize].life, Life::Free);
            here = self.groups[here as usize].siblings.next;
        }
        let mut alive = 0;
        for (index, slot) in self.groups.iter().enumerate() {
            match slot.life {
                Life::Live => alive += 1,
                Life::Free => assert!(free[index] || index == 0, "place {index} is lost"),
                Life::Retired => assert_eq!(slot.generation, u32::MAX),
            }
        }
        assert_eq!(alive, self.alive, "groups alive");
    }

    /// Every place aside belongs to the group that says so, or is free and in the list once.
    fn check_aside(&self) {
        let mut free = vec![false; self.bounds.slots.len()];
        for place in self.bounds.free() {
            assert!(!core::mem::replace(&mut free[place as usize], true));
        }
        for (index, slot) in (0..).zip(self.bounds.slots.iter()) {
            assert_eq!(slot.owner == NONE, free[index as usize], "bounds {index}");
            if slot.owner != NONE {
                assert_eq!(self.groups[slot.owner as usize].gate.bounds(), index);
            }
        }
        let mut free = vec![false; self.labels.slots.len()];
        for place in self.labels.free() {
            assert!(!core::mem::replace(&mut free[place as usize], true));
        }
        for (index, slot) in (0..).zip(self.labels.slots.iter()) {
            assert_eq!(slot.owner == NONE, free[index as usize], "label {index}");
            if slot.owner != NONE {
                assert_eq!(self.groups[slot.owner as usize].label, index);
                assert!(!slot.text.is_empty(), "an empty label takes no place");
            }
        }
    }

    /// Tasks and threads agree about who belongs to whom.
    ///
    /// Each list holds only what says that it is in it, and there are as many in lists as say so: so each is in its
    /// own list, and in no other.
    fn check_register(&self) {
        let (mut threads_in_lists, mut opened_in_lists) = (0, 0);
        for (index, task) in (0..).zip(self.tasks.iter()) {
            let threads = walk(self.threads, task.first_thread, |slot| slot.of_task);
            let stage = |thread: &&u32| self.threads[**thread as usize].stage;
            let resting = threads
                .iter()
                .filter(|thread| stage(thread) == Stage::Resting);
            assert_eq!(threads.len() - resting.count(), task.threads as usize);
            assert_ne!(
                threads.first().map(|thread| stage(&thread)),
                Some(Stage::Resting)
            );
            if task.stage == Stage::Vacant {
                assert_eq!(
                    *task,
                    TaskSlot {
                        generation: task.generation,
                        ..TaskSlot::VACANT
                    }
                );
                continue;
            }
            assert_eq!(self.groups[task.group as usize].life, Life::Live);
            assert!(!threads.is_empty(), "a task has a first thread");
            let tag = match task.stage {
                Stage::Born => TaskTag::new(index, task.generation),
                _ => TaskTag::NOBODY,
            };
            assert_eq!(task.tag, tag);
            for &thread in &threads {
                assert_eq!(self.threads[thread as usize].task, index);
            }
            if task.stage == Stage::Expected {
                assert!(
                    threads
                        .iter()
                        .all(|&thread| self.threads[thread as usize].stage == Stage::Expected)
                );
            }
            let opened = walk(self.groups, task.first_opened, |slot| slot.opened);
            for &group in &opened {
                assert_eq!(self.groups[group as usize].opener, index);
            }
            threads_in_lists += threads.len();
            opened_in_lists += opened.len();
        }
        for thread in self
            .threads
            .iter()
            .filter(|thread| thread.stage == Stage::Vacant)
        {
            assert_eq!(*thread, ThreadSlot::VACANT);
        }
        let threads = self
            .threads
            .iter()
            .filter(|thread| thread.stage != Stage::Vacant)
            .count();
        assert_eq!(threads, threads_in_lists, "threads of tasks");
        let opened = self
            .groups
            .iter()
            .filter(|slot| slot.opener != NONE)
            .count();
        assert_eq!(opened, opened_in_lists, "groups that tasks hold on to");
        let live = || self.groups.iter().filter(|slot| slot.life == Life::Live);
        let paid =
            live().map(|slot| walk(self.threads, slot.first_paid, |slot| slot.of_payer).len());
        assert_eq!(threads, paid.sum::<usize>(), "threads that are paid for");
        let tasks = self
            .tasks
            .iter()
            .filter(|task| task.stage != Stage::Vacant)
            .count();
        assert_eq!(
            tasks,
            live().map(|slot| slot.tasks as usize).sum::<usize>(),
            "tasks in groups"
        );
    }

    /// One group: its lists, its counts, and its usage counted again from nothing.
    fn check_group(&self, index: u32, slot: &GroupSlot) {
        let left = self.guarantees.left(slot);
        assert!(
            slot.is_kept(left) || slot.leaving,
            "group {index} should have vanished"
        );
        let children = walk(self.groups, slot.first_child, |slot| slot.siblings);
        assert_eq!(
            children.len(),
            slot.children as usize,
            "children of {index}"
        );
        let mut usage = sum(slot.holds.into(), Amounts::of(Resource::Commit, left));
        let (mut groups, mut bytes) = (0, 0);
        for &child in &children {
            let below = &self.groups[child as usize];
            assert_eq!((below.parent, below.depth), (index, slot.depth + 1));
            let own = self.record_bytes(child);
            groups += 1 + below.groups_below;
            bytes += own + below.records_below;
            usage = sum(usage, sum(records(1, own), below.usage.into()));
        }
        assert_eq!(
            (slot.groups_below, slot.records_below),
            (groups, bytes),
            "records below {index}"
        );
        let tasks = walk(self.tasks, slot.first_task, |slot| slot.neighbours);
        assert_eq!(tasks.len(), slot.tasks as usize, "tasks of {index}");
        for &task in &tasks {
            assert_eq!(self.tasks[task as usize].group, index);
            usage = sum(usage, counts(1, self.tasks[task as usize].threads));
        }
        for thread in walk(self.threads, slot.first_paid, |slot| slot.of_payer) {
            assert_eq!(self.threads[thread as usize].payer, index);
            usage = sum(usage, self.threads[thread as usize].paid);
        }
        let counted = Amounts::from(slot.usage);
        if self.receipts == 0 {
            assert_eq!(counted, usage, "usage of {index}");
        } else {
            assert!(
                counted.checked_sub(&usage).is_some(),
                "usage of {index}: {counted} < {usage}"
            );
        }
        assert!(
            slot.peak().checked_sub(&counted).is_some(),
            "peak of {index}"
        );
        let mut soft = false;
        if slot.gate.bounds() != NONE {
            let bound = &self.bounds.slots[slot.gate.bounds() as usize];
            assert_eq!(bound.owner, index);
            soft = bound.soft.iter().any(|&limit| limit != u64::MAX);
        }
        assert_eq!(slot.gate.has_soft(), soft, "soft limits of {index}");
        if slot.label != NONE {
            assert_eq!(self.labels.slots[slot.label as usize].owner, index);
        }
        if slot.opener != NONE {
            assert_eq!(self.tasks[slot.opener as usize].stage, Stage::Born);
        }
    }

    /// Everything alive hangs below the root, which ends every walk up.
    fn check_tree(&self) {
        let root = &self.groups[ROOT as usize];
        assert_eq!((root.parent, root.depth, root.life), (NONE, 0, Life::Live));
        assert_eq!(root.groups_below + 1, self.alive, "a group hangs nowhere");
    }

    /// Every entry is in its group's list and its task's, both are there, and nothing else is in those lists.
    fn check_entries(&self) {
        let mut free = vec![false; self.entries.slots.len()];
        for place in self.entries.free() {
            assert!(!core::mem::replace(&mut free[place as usize], true));
        }
        let (mut of_groups, mut of_tasks) = (0, 0);
        for (index, slot) in (0..).zip(self.groups.iter()) {
            if slot.life != Life::Live {
                continue;
            }
            let entries = walk(self.entries.slots, slot.first_entry, |entry| entry.of_group);
            assert_eq!(
                entries.len(),
                usize::from(slot.entries),
                "entries of {index}"
            );
            assert!(entries.len() <= interfaces::limits::ENTRIES_PER_GROUP);
            for &entry in &entries {
                assert_eq!(self.entries.slots[entry as usize].group, index);
            }
            of_groups += entries.len();
        }
        for (index, task) in (0..).zip(self.tasks.iter()) {
            let entries = walk(self.entries.slots, task.first_entry, |entry| entry.of_task);
            for &entry in &entries {
                assert_eq!(self.entries.slots[entry as usize].task, index);
            }
            assert!(entries.is_empty() || task.stage == Stage::Born);
            of_tasks += entries.len();
        }
        let mut there = 0;
        for (entry, free) in self.entries.slots.iter().zip(free) {
            assert_eq!(entry.group == NONE, free);
            assert_eq!(entry.rights.is_none(), free, "an entry gives something");
            there += usize::from(!free);
        }
        assert_eq!((of_groups, of_tasks), (there, there));
    }

    /// Every label is in the chain of its parent and text, and there alone.
    fn check_labels(&self) {
        let mut chained = 0;
        for (head, slot) in (0..).zip(self.labels.slots.iter()) {
            for place in walk(self.labels.slots, slot.head, |label| label.chain) {
                let label = &self.labels.slots[place as usize];
                let above = self.groups[label.owner as usize].parent;
                assert_eq!(label.heads, head);
                assert_eq!(self.heads(above, &label.text), head);
                chained += 1;
            }
        }
        let there = self.labels.slots.iter().filter(|label| label.owner != NONE);
        assert_eq!(there.count(), chained, "labels in chains");
    }

    /// Every tombstone is in its chain, and of a group that is gone.
    fn check_tombs(&self) {
        let mut chained = 0;
        for (head, slot) in (0..).zip(self.tombs.slots.iter()) {
            for place in walk(self.tombs.slots, slot.head, Tombs::links) {
                let stone = &self.tombs.slots[place as usize].stone;
                assert_eq!(self.tombs.heads(stone.group), head);
                chained += 1;
            }
        }
        let mut taken = 0;
        for (_, group) in self.tombs.taken() {
            assert_eq!(self.locate(group), None, "{group} is remembered alive");
            taken += 1;
        }
        assert_eq!(taken, chained, "tombstones in chains");
    }

    /// Whoever is not told yet that it is to stand still, or to go on, is still to be come to by a walk.
    fn check_frost(&self) {
        let frozen = self.groups.iter().filter(|slot| slot.life == Life::Live);
        let frozen = frozen.filter(|slot| slot.frozen > 0).count();
        assert_eq!(self.frost.groups as usize, frozen, "frozen groups");
        let mut ahead = vec![false; self.tasks.len()];
        for (top, mut group, mut task) in self.frost.places() {
            while group != NONE {
                assert!(self.is_within(group, top), "a walk has left its subtree");
                while task != NONE {
                    assert_eq!(self.tasks[task as usize].group, group);
                    ahead[task as usize] = true;
                    task = self.tasks[task as usize].neighbours.next;
                }
                group = crate::kill::after(self.groups, top, group);
                if group != NONE {
                    task = self.groups[group as usize].first_task;
                }
            }
        }
        for (index, task) in self.tasks.iter().enumerate() {
            if task.stage != Stage::Vacant {
                let right = task.still == self.is_frozen(task.group);
                assert!(right || ahead[index], "task {index} was passed over");
            }
        }
    }

    fn check_kills(&self) {
        let mut killing: Vec<u32> = (0..)
            .zip(self.groups.iter())
            .filter(|(_, slot)| slot.gate.is_killing())
            .map(|(index, _)| index)
            .collect();
        let mut listed: Vec<u32> = self.kills.groups().collect();
        killing.sort_unstable();
        listed.sort_unstable();
        assert_eq!(killing, listed);
        assert_eq!(listed.len(), self.kills.count() as usize);
        for (top, next) in self.kills.walks().filter(|&(_, next)| next != NONE) {
            assert!(
                self.is_within(next, top),
                "a walk for victims has left its subtree"
            );
        }
    }
}

fn sum(one: Amounts, other: Amounts) -> Amounts {
    one.checked_add(&other)
        .expect("the root's sums fit, so all do")
}

/// The elements of a list, whose links are verified on the way.
fn walk<T>(slots: &[T], first: u32, links: impl Fn(&T) -> Links) -> Vec<u32> {
    let mut seen = Vec::new();
    let mut here = first;
    while here != NONE {
        assert!(seen.len() <= slots.len(), "a list has no end");
        let before = seen.last().copied();
        let neighbours = links(&slots[here as usize]);
        if let Some(before) = before {
            assert_eq!(neighbours.previous, before);
        }
        seen.push(here);
        here = neighbours.next;
    }
    if let Some(&last) = seen.last() {
        assert_eq!(
            links(&slots[first as usize]).previous,
            last,
            "the first knows the last"
        );
    }
    seen
}
