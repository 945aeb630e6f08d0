//! What is there when a watch begins: a walk over the watched subtree, page by page, while things go on happening.
//!
//! The walk takes groups above before groups below, and a group's tasks oldest first. What it stands on is marked; when
//! that leaves, the walk steps on to what comes next, so it lists everything that is there throughout, and nothing
//! twice. What comes, goes or moves meanwhile is in the ring.

use interfaces::TaskId;
use interfaces::events::{Item, RINGS, RingId, SNAPSHOT_ITEMS, SnapshotPage, SnapshotRefusal};

use super::Walk;
use crate::kill::{after, after_subtree};
use crate::ledger::Ledger;
use crate::list::{NONE, at, at_mut};
use crate::tasks::Stage;

/// Steps of the walk in one page: some of them list nothing.
const STEPS: usize = 4 * SNAPSHOT_ITEMS;

impl Ledger<'_> {
    /// The next page of the snapshot of a task's ring.
    pub fn read_snapshot(
        &mut self,
        task: TaskId,
        ring: RingId,
    ) -> Result<SnapshotPage, SnapshotRefusal> {
        let ring = self
            .ring_of(task, ring)
            .ok_or(SnapshotRefusal::UnknownRing)?;
        let slot = at(&self.rings.all, ring).ok_or(SnapshotRefusal::UnknownRing)?;
        if slot.group == NONE {
            return Err(SnapshotRefusal::NotWatching);
        }
        let (top, sequence) = (slot.group, slot.newest);
        let mut walk = slot.walk;
        let mut items = heapless::Vec::new();
        for _ in 0..STEPS {
            if walk.group == NONE || items.is_full() {
                break;
            }
            let (next, item) = self.step(ring, top, walk);
            walk = next;
            if let Some(item) = item {
                // There is room: the loop ends when there is not.
                let _ = items.push(item);
            }
        }
        if let Some(slot) = at_mut(&mut self.rings.all, ring) {
            slot.walk = walk;
        }
        self.mark_walk(ring);
        Ok(SnapshotPage {
            items,
            sequence,
            more: walk.group != NONE,
        })
    }

    /// One step: a group, a task, or on to the next group.
    fn step(&self, ring: u32, top: u32, walk: Walk) -> (Walk, Option<Item>) {
        let Some(slot) = self.slot(walk.group) else {
            return (Walk::OVER, None);
        };
        let group = self.id(walk.group);
        if !walk.listed {
            let next = Walk {
                listed: true,
                task: slot.first_task,
                ..walk
            };
            let item = Item::Group {
                group,
                parent: (walk.group != top).then(|| self.id(slot.parent)),
                state: self.state_of(walk.group),
            };
            return (next, Some(item));
        }
        let Some(task) = at(self.tasks, walk.task) else {
            return (Walk::from(after(self.groups, top, walk.group)), None);
        };
        let next = Walk {
            task: task.neighbours.next,
            ..walk
        };
        // One that is only announced will be told of when it is born.
        let item = (task.stage == Stage::Born).then(|| Item::Task {
            task: self.task_id(walk.task),
            group,
            parent: self.seen_task(ring, task.parent),
        });
        (next, item)
    }

    /// Marks what a ring's walk stands on, so that it is told when that leaves. A mark may outlive its reason.
    pub(super) fn mark_walk(&mut self, ring: u32) {
        let Some(walk) = at(&self.rings.all, ring).map(|slot| slot.walk) else {
            return;
        };
        if let Some(slot) = at_mut(self.groups, walk.group) {
            slot.walked = true;
        }
        if let Some(slot) = at_mut(self.tasks, walk.task) {
            slot.walked = true;
        }
    }

    /// A marked group vanishes: no walk must stand on it.
    #[cold]
    pub(crate) fn walk_past_group(&mut self, group: u32) {
        for ring in (0_u32..).take(RINGS) {
            let Some(slot) = at_mut(&mut self.rings.all, ring) else {
                return;
            };
            if slot.walk.group == group && slot.group != NONE {
                slot.walk = Walk::from(after_subtree(self.groups, slot.group, group));
                self.mark_walk(ring);
            }
        }
    }

    /// A marked task leaves its group: no walk must stand on it.
    #[cold]
    pub(crate) fn walk_past_task(&mut self, task: u32) {
        let next = at(self.tasks, task).map_or(NONE, |slot| slot.neighbours.next);
        for ring in (0_u32..).take(RINGS) {
            let Some(slot) = at_mut(&mut self.rings.all, ring) else {
                return;
            };
            if slot.walk.task == task {
                slot.walk.task = next;
                self.mark_walk(ring);
            }
        }
        if let Some(slot) = at_mut(self.tasks, task) {
            slot.walked = false;
        }
    }
}
