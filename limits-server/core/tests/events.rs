//! Watchers: what each hears, in which order, and what a mirror made of it knows.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod common;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{Room, ledger};
use interfaces::accounting::{AttachRefusal, AttachRing, Ticket};
use interfaces::events::{
    Ending, Event, Item, Kind, Kinds, MAGIC, Next, RINGS, Reader, RingId, SnapshotRefusal,
    WatchRefusal, capacity, header,
};
use interfaces::provision::TASK_KIT;
use interfaces::{GroupId, Limit, Resource, TaskId};
use limits_core::{Ledger, Window};
use proptest::prelude::*;

/// The pages of all rings, as the limits-server writes and their watchers read them.
#[derive(Debug)]
struct Pages {
    rings: Vec<&'static [AtomicU64]>,
    attached: Rc<RefCell<BTreeSet<u8>>>,
    signals: Rc<RefCell<BTreeMap<u8, u32>>>,
}

impl Window for Pages {
    fn store(&mut self, ring: RingId, word: usize, value: u64) {
        assert!(
            self.attached.borrow().contains(&ring.0),
            "only what is attached is written"
        );
        self.rings[usize::from(ring.0)][word].store(value, Ordering::Relaxed);
    }

    fn signal(&mut self, ring: RingId) {
        assert!(self.attached.borrow().contains(&ring.0));
        *self.signals.borrow_mut().entry(ring.0).or_default() += 1;
    }
}

/// What a watcher knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Mirror {
    /// Groups, with the group above.
    groups: BTreeMap<GroupId, Option<GroupId>>,
    tasks: BTreeMap<TaskId, GroupId>,
}

impl Mirror {
    fn add(&mut self, item: Item) {
        match item {
            Item::Group { group, parent, .. } => {
                self.groups.insert(group, parent);
            }
            Item::Task { task, group, .. } => {
                self.tasks.insert(task, group);
            }
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Born { task, group, .. } | Event::Arrived { task, group, .. } => {
                self.tasks.insert(task, group);
            }
            Event::Died { task, .. } | Event::Left { task, .. } => {
                self.tasks.remove(&task);
            }
            Event::Opened { group, parent, .. } => {
                self.groups.insert(group, Some(parent));
            }
            Event::Gone { group } => self.remove(group),
            _ => {}
        }
    }

    /// Drops what stands below a group that is not there: it has gone with a branch whose middle was on no page.
    fn prune(&mut self) {
        loop {
            let known = &self.groups;
            let lost = known
                .iter()
                .find(|(_, parent)| parent.is_some_and(|parent| !known.contains_key(&parent)));
            let Some(&group) = lost.map(|(group, _)| group) else {
                return;
            };
            self.groups.remove(&group);
        }
    }

    fn remove(&mut self, group: GroupId) {
        self.groups.remove(&group);
        let below: Vec<GroupId> = self
            .groups
            .iter()
            .filter(|(_, parent)| **parent == Some(group))
            .map(|(&group, _)| group)
            .collect();
        for group in below {
            self.remove(group);
        }
    }
}

struct World {
    ledger: Ledger<'static>,
    rings: Vec<&'static [AtomicU64]>,
    attached: Rc<RefCell<BTreeSet<u8>>>,
    generations: BTreeMap<u32, u32>,
}

const PAGES: u8 = 1;

impl World {
    fn new(room: usize) -> Self {
        let words = usize::from(PAGES) * 512;
        let rings: Vec<&'static [AtomicU64]> = (0..RINGS)
            .map(|_| {
                let words: Vec<AtomicU64> = (0..words).map(|_| AtomicU64::new(0)).collect();
                &*words.leak()
            })
            .collect();
        let attached = Rc::new(RefCell::new(BTreeSet::new()));
        let pages = Box::leak(Box::new(Pages {
            rings: rings.clone(),
            attached: attached.clone(),
            signals: Rc::default(),
        }));
        Self {
            ledger: ledger(Room::all(room)).with_window(pages),
            rings,
            attached,
            generations: BTreeMap::new(),
        }
    }

    fn birth(&mut self, index: u32, parent: Option<TaskId>, group: GroupId) -> Option<TaskId> {
        let generation = self.generations.entry(index).or_default();
        let task = TaskId {
            index,
            generation: *generation,
        };
        let ticket = Ticket {
            thread: index,
            task,
            parent,
            group: Some(group),
            amounts: TASK_KIT,
        };
        self.ledger.ticket(&ticket).ok()?;
        *generation += 1;
        assert!(self.ledger.birth_notice(index));
        Some(task)
    }

    fn attach(&mut self, ring: u8, task: TaskId) {
        self.attached.borrow_mut().insert(ring);
        for word in self.rings[usize::from(ring)] {
            word.store(0, Ordering::Relaxed);
        }
        let request = AttachRing {
            ring: RingId(ring),
            task,
            pages: PAGES,
        };
        self.ledger.attach_ring(request).unwrap();
    }

    fn detach(&mut self, ring: u8) {
        self.ledger.detach_ring(RingId(ring));
        self.attached.borrow_mut().remove(&ring);
    }

    fn watch(
        &mut self,
        task: TaskId,
        ring: u8,
        group: GroupId,
        kinds: Kinds,
    ) -> Result<Reader<'static>, WatchRefusal> {
        let viewer = self.ledger.viewer(task, false).unwrap();
        let watching = self.ledger.watch(viewer, RingId(ring), group, kinds)?;
        Ok(Reader::new(self.rings[usize::from(ring)], watching.since))
    }

    fn all(&mut self, task: TaskId, ring: u8) -> Vec<Item> {
        let mut items = Vec::new();
        loop {
            let page = self.ledger.read_snapshot(task, RingId(ring)).unwrap();
            items.extend(page.items);
            if !page.more {
                return items;
            }
        }
    }

    /// What is there at and below a group, read from the ledger itself.
    fn truth(&self, top: GroupId) -> Mirror {
        let mut truth = Mirror::default();
        let mut todo = vec![(top, None)];
        while let Some((group, parent)) = todo.pop() {
            truth.groups.insert(group, parent);
            let mut after = None;
            loop {
                let page = self.ledger.list_children(group, after).unwrap();
                todo.extend(page.items.iter().map(|&child| (child, Some(group))));
                after = page.items.last().copied();
                if !page.more {
                    break;
                }
            }
            let mut after = None;
            loop {
                let page = self.ledger.list_tasks(group, after).unwrap();
                truth
                    .tasks
                    .extend(page.items.iter().map(|&task| (task, group)));
                after = page.items.last().copied();
                if !page.more {
                    break;
                }
            }
        }
        truth
    }
}

fn events(reader: &mut Reader<'_>) -> Vec<Event> {
    std::iter::from_fn(|| match reader.next_record() {
        Next::Record(record) => Some(record.event),
        Next::Lost(count) => panic!("{count} lost"),
        Next::Empty => None,
    })
    .collect()
}

#[test]
fn births_and_deaths_come_in_order_with_reasons_and_codes() {
    let mut world = World::new(16);
    let root = world.birth(0, None, GroupId::ROOT).unwrap();
    world.attach(3, root);
    let ring = world.rings[3];
    assert_eq!(ring[header::MAGIC].load(Ordering::Relaxed), MAGIC);
    assert_eq!(
        ring[header::CAPACITY].load(Ordering::Relaxed),
        capacity(PAGES.into())
    );
    let mut reader = world.watch(root, 3, GroupId::ROOT, Kinds::ALL).unwrap();
    assert!(reader.is_watching());
    let group = world.ledger.open_group(GroupId::ROOT, Some(root)).unwrap();
    let child = world.birth(1, Some(root), group).unwrap();
    let grandchild = world.birth(2, Some(child), group).unwrap();
    let exited = Ending::Exited { code: -7 };
    world.ledger.end_task_as(grandchild, exited).unwrap();
    let killed = Ending::Killed { by: Some(root) };
    world.ledger.end_task_as(child, killed).unwrap();
    world.ledger.close_group(group, root).unwrap();
    assert_eq!(
        events(&mut reader),
        [
            Event::Opened {
                group,
                parent: GroupId::ROOT,
                by: Some(root)
            },
            Event::Born {
                task: child,
                group,
                parent: Some(root)
            },
            Event::Born {
                task: grandchild,
                group,
                parent: Some(child)
            },
            Event::Died {
                task: grandchild,
                group,
                ending: exited
            },
            Event::Died {
                task: child,
                group,
                ending: killed
            },
            Event::Gone { group },
        ]
    );
    world.ledger.check();
}

#[test]
fn a_watcher_hears_only_what_it_may_see() {
    let mut world = World::new(16);
    let root = world.birth(0, None, GroupId::ROOT).unwrap();
    let mine = world.ledger.open_group(GroupId::ROOT, Some(root)).unwrap();
    let theirs = world.ledger.open_group(GroupId::ROOT, Some(root)).unwrap();
    let watcher = world.birth(1, Some(root), mine).unwrap();
    world.attach(0, watcher);
    for hidden in [GroupId::ROOT, theirs] {
        assert_eq!(
            world.watch(watcher, 0, hidden, Kinds::ALL).unwrap_err(),
            WatchRefusal::UnknownGroup
        );
    }
    assert_eq!(
        world.watch(root, 0, mine, Kinds::ALL).unwrap_err(),
        WatchRefusal::UnknownRing
    );
    let mut reader = world.watch(watcher, 0, mine, Kinds::ALL).unwrap();
    // Nothing of a sibling, and of one's own nothing that names what is above.
    let stranger = world.birth(2, Some(root), theirs).unwrap();
    let member = world.birth(3, Some(root), mine).unwrap();
    world.ledger.move_task(member, theirs).unwrap();
    world.ledger.move_task(member, mine).unwrap();
    let by_root = Ending::Killed { by: Some(root) };
    world.ledger.end_task_as(member, by_root).unwrap();
    world
        .ledger
        .end_task_as(stranger, Ending::NeverRan)
        .unwrap();
    assert_eq!(
        events(&mut reader),
        [
            Event::Born {
                task: member,
                group: mine,
                parent: None
            },
            Event::Left {
                task: member,
                group: mine,
                to: None
            },
            Event::Arrived {
                task: member,
                group: mine,
                from: None
            },
            Event::Died {
                task: member,
                group: mine,
                ending: Ending::Killed { by: None }
            },
        ]
    );
    let items = world.all(watcher, 0);
    assert!(items.contains(&Item::Task {
        task: watcher,
        group: mine,
        parent: None
    }));
}

#[test]
fn a_watch_ends_when_its_watcher_may_not_see_the_group_any_more_or_it_is_gone() {
    let mut world = World::new(16);
    let root = world.birth(0, None, GroupId::ROOT).unwrap();
    let upper = world.ledger.open_group(GroupId::ROOT, Some(root)).unwrap();
    let lower = world.ledger.open_group(upper, Some(root)).unwrap();
    let watcher = world.birth(1, Some(root), upper).unwrap();
    world.attach(0, watcher);
    let mut reader = world.watch(watcher, 0, upper, Kinds::NONE).unwrap();
    world.ledger.move_task(watcher, lower).unwrap();
    assert_eq!(events(&mut reader), [Event::Over { group: upper }]);
    assert!(!reader.is_watching());
    assert_eq!(
        world.ledger.read_snapshot(watcher, RingId(0)),
        Err(SnapshotRefusal::NotWatching)
    );
    // A group that vanishes ends its watch with that.
    world.attach(1, root);
    let below = world.ledger.open_group(lower, Some(root)).unwrap();
    let deeper = world.ledger.open_group(below, Some(root)).unwrap();
    let mut reader = world.watch(root, 1, below, Kinds::ALL).unwrap();
    world.attach(2, root);
    let mut above = world.watch(root, 2, lower, Kinds::TREE).unwrap();
    world.ledger.close_group(below, root).unwrap();
    world.ledger.close_group(deeper, root).unwrap();
    assert_eq!(events(&mut reader), [Event::Gone { group: below }]);
    assert_eq!(events(&mut above), [Event::Gone { group: below }]);
    assert!(!reader.is_watching() && above.is_watching());
    world.ledger.check();
}

#[test]
fn a_refusal_and_a_kill_are_told_with_their_numbers() {
    let mut world = World::new(16);
    let root = world.birth(0, None, GroupId::ROOT).unwrap();
    let group = world.ledger.open_group(GroupId::ROOT, Some(root)).unwrap();
    world
        .ledger
        .set_limit(group, Resource::Tasks, Limit::At(1))
        .unwrap();
    world.attach(0, root);
    let kinds = Kinds::ALL;
    let mut reader = world.watch(root, 0, GroupId::ROOT, kinds).unwrap();
    let child = world.birth(1, Some(root), group).unwrap();
    assert_eq!(world.birth(2, Some(root), group), None);
    world.ledger.begin_kill(group, Some(root)).unwrap();
    world
        .ledger
        .end_task_as(child, Ending::GroupKilled { group: Some(group) })
        .unwrap();
    let receipt = world.ledger.finish_kill(group).unwrap();
    let told = events(&mut reader);
    assert!(matches!(
        told[1],
        Event::HardLimit { group: hit, hit: numbers }
            if hit == group && (numbers.limit, numbers.used, numbers.asked) == (1, 1, 1)
                && numbers.resource == Resource::Tasks
    ));
    assert_eq!(
        told[2],
        Event::Killing {
            group,
            by: Some(root)
        }
    );
    assert!(
        matches!(told[3], Event::Died { ending: Ending::GroupKilled { group: by }, .. } if by == Some(group))
    );
    let lines: Vec<_> = told[4..told.len() - 1]
        .iter()
        .map(|event| match *event {
            Event::Returned {
                resource,
                held,
                returned,
                ..
            } => {
                assert_eq!(held, returned);
                (resource, held)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lines, receipt.held.present().collect::<Vec<_>>());
    assert_eq!(
        told.last(),
        Some(&Event::Killed {
            group,
            lines: lines.len() as u64
        })
    );
}

#[test]
fn only_a_free_place_and_a_born_task_and_a_right_size_make_a_ring() {
    let mut world = World::new(4);
    let root = world.birth(0, None, GroupId::ROOT).unwrap();
    let request = |ring, task, pages| AttachRing {
        ring: RingId(ring),
        task,
        pages,
    };
    let nobody = TaskId {
        index: 3,
        generation: 0,
    };
    world.attach(0, root);
    for (ring, task, pages, refusal) in [
        (0, root, 1, AttachRefusal::BadPlace),
        (64, root, 1, AttachRefusal::BadPlace),
        (1, root, 0, AttachRefusal::BadPlace),
        (1, root, 3, AttachRefusal::BadPlace),
        (1, root, 32, AttachRefusal::BadPlace),
        (1, nobody, 1, AttachRefusal::UnknownTask),
    ] {
        let answer = world.ledger.attach_ring(request(ring, task, pages));
        assert_eq!(answer, Err(refusal));
    }
    world.detach(0);
    world.detach(0);
    assert_eq!(
        world.watch(root, 0, GroupId::ROOT, Kinds::ALL).unwrap_err(),
        WatchRefusal::UnknownRing
    );
}

#[test]
fn a_branch_that_vanishes_is_one_record_for_each_part_of_it() {
    let mut world = World::new(400);
    let root = world.birth(0, None, GroupId::ROOT).unwrap();
    world.attach(0, root);
    let mut groups = vec![GroupId::ROOT];
    for _ in 0..300 {
        let parent = *groups.last().unwrap();
        groups.push(world.ledger.open_group(parent, Some(root)).unwrap());
    }
    let mut reader = world.watch(root, 0, GroupId::ROOT, Kinds::TREE).unwrap();
    for &group in &groups[1..] {
        world.ledger.close_group(group, root).unwrap();
    }
    let levels = limits_core::vanishing::LEVELS as usize;
    let mut tops: Vec<_> = groups[1..].rchunks(levels).map(|part| part[0]).collect();
    assert_eq!(
        events(&mut reader),
        [Event::Gone {
            group: tops.remove(0)
        }]
    );
    while world.ledger.leave_on() {
        world.ledger.check();
    }
    let gone: Vec<_> = tops
        .into_iter()
        .map(|group| Event::Gone { group })
        .collect();
    assert_eq!(events(&mut reader), gone);
}

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    Open(u8),
    Close(u8),
    Birth(u8, u8),
    End(u8),
    Move(u8, u8),
    Limit(u8, u8),
    Kill(u8),
    Watch(u8, u8),
    Page(u8),
    Read(u8),
    Unwatch(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let which = any::<u8>;
    prop_oneof![
        4 => which().prop_map(Step::Open),
        3 => which().prop_map(Step::Close),
        6 => (which(), which()).prop_map(|(a, b)| Step::Birth(a, b)),
        4 => which().prop_map(Step::End),
        4 => (which(), which()).prop_map(|(a, b)| Step::Move(a, b)),
        1 => (which(), which()).prop_map(|(a, b)| Step::Limit(a, b)),
        1 => which().prop_map(Step::Kill),
        2 => (which(), which()).prop_map(|(a, b)| Step::Watch(a, b)),
        6 => which().prop_map(Step::Page),
        4 => which().prop_map(Step::Read),
        1 => which().prop_map(Step::Unwatch),
    ]
}

/// A watcher that reads when it is told to, and what it knows.
struct Watcher {
    ring: u8,
    task: TaskId,
    group: GroupId,
    reader: Reader<'static>,
    /// Gathered from the pages; with the events of the watch it becomes a mirror.
    pages: Mirror,
    /// The number at which the snapshot is true, once it is whole.
    true_at: Option<u64>,
    since: u64,
    mirror: Mirror,
    heard: u64,
    lost: bool,
}

const WATCHERS: u32 = 4;

struct History {
    world: World,
    groups: Vec<GroupId>,
    tasks: Vec<TaskId>,
    watchers: Vec<Option<Watcher>>,
}

impl History {
    fn new() -> Self {
        let mut world = World::new(48);
        let mut tasks = Vec::new();
        for index in 0..WATCHERS {
            let task = world.birth(index, None, GroupId::ROOT).unwrap();
            world.attach(index as u8, task);
            tasks.push(task);
        }
        Self {
            world,
            groups: vec![GroupId::ROOT],
            tasks,
            watchers: (0..WATCHERS).map(|_| None).collect(),
        }
    }

    fn group(&self, which: u8) -> GroupId {
        self.groups[usize::from(which) % self.groups.len()]
    }

    fn other_task(&self, which: u8) -> Option<TaskId> {
        let others = &self.tasks[WATCHERS as usize..];
        (!others.is_empty()).then(|| others[usize::from(which) % others.len()])
    }

    fn forget_gone(&mut self) {
        let ledger = &self.world.ledger;
        self.groups.retain(|&group| ledger.account(group).is_some());
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Open(which) => {
                let opener = self.tasks[usize::from(which) % self.tasks.len()];
                if let Ok(group) = self
                    .world
                    .ledger
                    .open_group(self.group(which.rotate_left(3)), Some(opener))
                {
                    self.groups.push(group);
                }
            }
            Step::Close(which) => {
                let group = self.group(which);
                for &task in &self.tasks {
                    let _ = self.world.ledger.close_group(group, task);
                }
                self.forget_gone();
            }
            Step::Birth(which, group) => {
                let taken: BTreeSet<u32> = self.tasks.iter().map(|task| task.index).collect();
                let free = (0..40).find(|index| !taken.contains(index));
                if let Some(index) = free {
                    let group = self.group(group);
                    let parent = self.tasks[usize::from(which) % self.tasks.len()];
                    let born = self
                        .world
                        .birth(index, Some(parent), group)
                        .or_else(|| self.world.birth(index, None, group));
                    self.tasks.extend(born);
                }
            }
            Step::End(which) => {
                if let Some(task) = self.other_task(which) {
                    let ending = Ending::Exited {
                        code: i32::from(which),
                    };
                    self.world.ledger.end_task_as(task, ending).unwrap();
                    self.tasks.retain(|&other| other != task);
                    self.forget_gone();
                }
            }
            Step::Move(which, group) => {
                if let Some(task) = self.other_task(which) {
                    let _ = self.world.ledger.move_task(task, self.group(group));
                    self.forget_gone();
                }
            }
            Step::Limit(which, limit) => {
                let group = self.group(which);
                if group != GroupId::ROOT {
                    let limit = Limit::At(u64::from(limit % 8));
                    let _ = self.world.ledger.set_limit(group, Resource::Tasks, limit);
                }
            }
            Step::Kill(which) => self.kill(self.group(which)),
            Step::Watch(which, group) => self.watch(which, group),
            Step::Page(which) => self.page(which),
            Step::Read(which) => self.read(which),
            Step::Unwatch(which) => {
                let number = usize::from(which) % WATCHERS as usize;
                let task = self.tasks[number];
                self.world
                    .ledger
                    .unwatch(task, RingId(number as u8))
                    .unwrap();
                self.watchers[number] = None;
            }
        }
    }

    fn kill(&mut self, group: GroupId) {
        if group == GroupId::ROOT || self.world.ledger.begin_kill(group, None).is_err() {
            return;
        }
        while let Some(victim) = self.world.ledger.next_victim(group).unwrap() {
            let ending = Ending::GroupKilled { group: Some(group) };
            self.world.ledger.end_task_as(victim, ending).unwrap();
            self.tasks.retain(|&task| task != victim);
        }
        self.world.ledger.finish_kill(group).unwrap();
        self.forget_gone();
    }

    fn watch(&mut self, which: u8, group: u8) {
        let number = usize::from(which) % WATCHERS as usize;
        let (task, group) = (self.tasks[number], self.group(group));
        let kinds = Kinds::TREE;
        let reader = self.world.watch(task, number as u8, group, kinds).unwrap();
        self.watchers[number] = Some(Watcher {
            ring: number as u8,
            task,
            group,
            since: reader.position(),
            reader,
            pages: Mirror::default(),
            true_at: None,
            mirror: Mirror::default(),
            heard: 0,
            lost: false,
        });
    }

    /// The watcher reads a page of its snapshot; with the last one its mirror begins.
    fn page(&mut self, which: u8) {
        let number = usize::from(which) % WATCHERS as usize;
        let Some(watcher) = self.watchers[number].as_mut() else {
            return;
        };
        if watcher.true_at.is_some() {
            return;
        }
        let answer = self
            .world
            .ledger
            .read_snapshot(watcher.task, RingId(watcher.ring));
        let Ok(page) = answer else {
            assert_eq!(answer, Err(SnapshotRefusal::NotWatching));
            return;
        };
        for item in page.items {
            watcher.pages.add(item);
        }
        if !page.more {
            watcher.true_at = Some(page.sequence);
            watcher.mirror = std::mem::take(&mut watcher.pages);
        }
    }

    /// A watcher with a whole snapshot reads everything that is in its ring.
    fn read(&mut self, which: u8) {
        let number = usize::from(which) % WATCHERS as usize;
        let Some(watcher) = self.watchers[number].as_mut() else {
            return;
        };
        if watcher.true_at.is_none() {
            return;
        }
        loop {
            match watcher.reader.next_record() {
                Next::Record(record) => {
                    watcher.heard += 1;
                    watcher.mirror.apply(record.event);
                }
                Next::Lost(count) => {
                    watcher.heard += count;
                    watcher.lost = true;
                }
                Next::Empty => break,
            }
        }
        watcher.mirror.prune();
        // Read or lost, every number there was has been accounted for.
        assert_eq!(
            watcher.heard,
            watcher.reader.newest() - watcher.since,
            "numbers have no gap"
        );
    }

    /// What every watcher that is up to date knows is what is there.
    fn check(&mut self) {
        self.world.ledger.check();
        for number in 0..WATCHERS as u8 {
            let was_read = self.watchers[usize::from(number)]
                .as_ref()
                .is_some_and(|watcher| watcher.true_at.is_some());
            if !was_read {
                continue;
            }
            self.read(number);
            let watcher = self.watchers[usize::from(number)].as_ref().unwrap();
            if watcher.lost {
                continue;
            }
            if self.world.ledger.account(watcher.group).is_none() {
                assert!(!watcher.reader.is_watching());
                continue;
            }
            let truth = self.world.truth(watcher.group);
            assert_eq!(watcher.mirror, truth, "watcher {number}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// A mirror from a snapshot, whose pages were read while things went on, and the events, is the ledger.
    #[test]
    fn a_watchers_mirror_is_the_ledger(steps in prop::collection::vec(step(), 1..160)) {
        let mut history = History::new();
        for step in steps {
            history.take(step);
            history.check();
        }
    }
}

/// The middle of a branch that vanishes is on no page, its lower end was opened after the watch began: one record takes
/// all of it away, and what is below the unknown is known to be gone.
#[test]
fn a_branch_that_vanishes_before_its_page_leaves_no_orphan() {
    let mut world = World::new(16);
    let root = world.birth(0, None, GroupId::ROOT).unwrap();
    world.attach(0, root);
    let top = world.ledger.open_group(GroupId::ROOT, Some(root)).unwrap();
    let middle = world.ledger.open_group(top, Some(root)).unwrap();
    let mut reader = world.watch(root, 0, GroupId::ROOT, Kinds::TREE).unwrap();
    let leaf = world.ledger.open_group(middle, Some(root)).unwrap();
    for group in [top, middle, leaf] {
        world.ledger.close_group(group, root).unwrap();
    }
    let mut mirror = Mirror::default();
    let page = world.ledger.read_snapshot(root, RingId(0)).unwrap();
    assert!(!page.more);
    for item in page.items {
        mirror.add(item);
    }
    for event in events(&mut reader) {
        mirror.apply(event);
    }
    assert!(mirror.groups.contains_key(&leaf));
    mirror.prune();
    assert_eq!(mirror, world.truth(GroupId::ROOT));
}

#[test]
fn every_kind_that_is_left_out_is_not_told() {
    let mut world = World::new(16);
    let root = world.birth(0, None, GroupId::ROOT).unwrap();
    world.attach(0, root);
    let kinds = Kinds::NONE.with(Kind::Died);
    let mut reader = world.watch(root, 0, GroupId::ROOT, kinds).unwrap();
    let group = world.ledger.open_group(GroupId::ROOT, Some(root)).unwrap();
    let child = world.birth(1, Some(root), group).unwrap();
    let ending = Ending::Exited { code: 0 };
    world.ledger.end_task_as(child, ending).unwrap();
    let died = Event::Died {
        task: child,
        group,
        ending,
    };
    assert_eq!(events(&mut reader), [died]);
    assert_eq!(reader.newest(), 1, "what is left out takes no number");
}
