//! Watching: what happens is told in order, exactly, and to nobody who may not see it.

use client::events::{Event, Next, Watcher};
use client::interfaces::events::{Ending, Fault, Hit, Item, Kind, Kinds, WatchRefusal};
use client::interfaces::process::ExitReason;
use client::interfaces::provision::{Cause, ring_kit};
use client::interfaces::{GroupId, Limit, Resource, TaskId};
use client::{limits, process};

use crate::failure::Failure;
use crate::figures::figure;
use crate::world::{World, balanced, nothing_lost};

/// The next event, which must be there.
#[track_caller]
fn next(watcher: &mut Watcher) -> Result<Event, Failure> {
    match watcher.next_event() {
        Next::Record(record) => Ok(record.event),
        other => Err(Failure::new(format_args!("no event but {other:?}"))),
    }
}

/// Nothing more has happened.
#[track_caller]
fn nothing(watcher: &mut Watcher) -> Result<(), Failure> {
    match watcher.next_event() {
        Next::Empty => Ok(()),
        other => Err(Failure::new(format_args!("more than expected: {other:?}"))),
    }
}

pub fn births_and_deaths_are_told_in_order_with_reasons_and_codes(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.low_group()?;
    let mut watcher = Watcher::open(1)?;
    equal!(
        "group",
        watcher.watch(Some(group), Kinds::ALL)?.group,
        group
    );
    let exits = world.start(Some(group), format_args!("exit -5"))?;
    world.end_of(exits)?;
    let killed = world.start(Some(group), format_args!("idle"))?;
    process::kill(killed)?;
    let faults = world.start(Some(group), format_args!("fault null"))?;
    world.end_of(faults)?;
    let me = Some(world.task);
    let endings = [
        (exits, Ending::Exited { code: -5 }),
        (killed, Ending::Killed { by: me }),
        (
            faults,
            Ending::Fault {
                why: Fault::BadAddress,
                at: 0,
            },
        ),
    ];
    for (task, ending) in endings {
        let born = Event::Born {
            task,
            group,
            parent: me,
        };
        equal!("birth", next(&mut watcher)?, born);
        let died = Event::Died {
            task,
            group,
            ending,
        };
        equal!("death", next(&mut watcher)?, died);
    }
    // A parent before its child, wherever below they are.
    let below = limits::open_group(Some(group))?;
    let parent = world.start(Some(below), format_args!("orphan"))?;
    world.end_of(parent)?;
    equal!(
        "opening",
        next(&mut watcher)?,
        Event::Opened {
            group: below,
            parent: group,
            by: me
        }
    );
    let first = next(&mut watcher)?;
    ensure!(
        matches!(first, Event::Born { task, .. } if task == parent),
        "not the parent's birth: {first:?}"
    );
    let second = next(&mut watcher)?;
    ensure!(
        matches!(second, Event::Born { parent: Some(by), .. } if by == parent),
        "not the child's birth: {second:?}"
    );
    let third = next(&mut watcher)?;
    ensure!(
        matches!(third, Event::Died { task, ending: Ending::Exited { code: 0 }, .. } if task == parent),
        "not the parent's death: {third:?}"
    );
    nothing(&mut watcher)
}

pub fn freezes_thaws_and_crossed_soft_limits_are_told(world: &mut World) -> Result<(), Failure> {
    let outer = world.low_group()?;
    let group = limits::open_group(Some(outer))?;
    let mut watcher = Watcher::open(1)?;
    watcher.watch(Some(outer), Kinds::ALL)?;
    for depth in [1, 2] {
        process::freeze(group)?;
        equal!(
            "freeze",
            next(&mut watcher)?,
            Event::Frozen { group, depth }
        );
    }
    for depth in [1, 0] {
        process::thaw(group)?;
        equal!("thaw", next(&mut watcher)?, Event::Thawed { group, depth });
    }
    nothing(&mut watcher)?;
    // One task is no crossing, a second is; a third, further beyond, is none again.
    limits::set_soft_limit(group, Resource::Tasks, Limit::At(1))?;
    let me = Some(world.task);
    for number in 0..3_u64 {
        let task = world.start(Some(group), format_args!("idle"))?;
        if number == 1 {
            let hit = Hit {
                resource: Resource::Tasks,
                limit: 1,
                used: 1,
                asked: 1,
            };
            let crossed = Event::SoftLimit { group, hit };
            equal!("crossing", next(&mut watcher)?, crossed);
        }
        let born = Event::Born {
            task,
            group,
            parent: me,
        };
        equal!("birth", next(&mut watcher)?, born);
    }
    nothing(&mut watcher)?;
    equal!("tasks", world.usage(group, Resource::Tasks)?, 3);
    Ok(())
}

pub fn a_member_hears_what_happens_and_no_name_from_above_or_beside(
    world: &mut World,
) -> Result<(), Failure> {
    let (group, beside) = (world.group()?, world.group()?);
    let member = world.start(Some(group), format_args!("watch-cut"))?;
    // It opens a group when it watches.
    world.until("somebody watches", || {
        Ok(world.account(group)?.children == 1)
    })?;
    let guest = world.start(Some(beside), format_args!("idle"))?;
    process::move_task(guest, group)?;
    process::move_task(guest, beside)?;
    let child = world.start(Some(group), format_args!("idle"))?;
    process::kill(child)?;
    limits::close_group(limits::open_group(Some(group))?)?;
    equal!("end", world.end_of(member)?, ExitReason::Exited { code: 0 });
    Ok(())
}

pub fn a_kill_is_told_with_its_receipt_and_a_refusal_with_its_numbers(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.low_group()?;
    limits::set_limit(group, Resource::Tasks, Limit::At(1))?;
    let mut watcher = Watcher::open(2)?;
    watcher.watch(Some(group), Kinds::ALL)?;
    let child = world.start(Some(group), format_args!("idle"))?;
    ensure!(
        world.spawn(Some(group), format_args!("idle")).is_err(),
        "the limit admits a second"
    );
    let receipt = process::kill_group(group)?;
    process::wait(Some(child))?;
    let born = next(&mut watcher)?;
    ensure!(born.kind() == Kind::Born, "first: {born:?}");
    let hit = next(&mut watcher)?;
    ensure!(
        matches!(hit, Event::HardLimit { group: of, hit } if of == group
            && hit.resource == Resource::Tasks && (hit.limit, hit.used, hit.asked) == (1, 1, 1)),
        "refusal: {hit:?}"
    );
    let by = Some(world.task);
    equal!("closing", next(&mut watcher)?, Event::Killing { group, by });
    let died = Event::Died {
        task: child,
        group,
        ending: Ending::GroupKilled { group: Some(group) },
    };
    equal!("death", next(&mut watcher)?, died);
    let mut lines = 0_u64;
    for (resource, held) in receipt.held.present() {
        let line = Event::Returned {
            group,
            resource,
            held,
            returned: held,
        };
        equal!("line of the receipt", next(&mut watcher)?, line);
        lines = lines.saturating_add(1);
    }
    equal!(
        "the end",
        next(&mut watcher)?,
        Event::Killed { group, lines }
    );
    limits::close_group(group)?;
    equal!("gone", next(&mut watcher)?, Event::Gone { group });
    ensure!(!watcher.reader().is_watching(), "it watches what is gone");
    nothing(&mut watcher)
}

/// The most groups and tasks in a mirror.
const MIRROR: usize = 96;

/// What a watcher knows of a subtree.
#[derive(Default)]
struct Mirror {
    groups: heapless::Vec<(GroupId, Option<GroupId>), MIRROR>,
    tasks: heapless::Vec<(TaskId, GroupId), MIRROR>,
}

impl Mirror {
    fn put_group(&mut self, group: GroupId, parent: Option<GroupId>) -> Result<(), Failure> {
        if self.groups.iter().any(|&(known, _)| known == group) {
            return Ok(());
        }
        ensure!(self.groups.push((group, parent)).is_ok(), "too many groups");
        Ok(())
    }

    fn put_task(&mut self, task: TaskId, group: GroupId) -> Result<(), Failure> {
        self.tasks.retain(|&(known, _)| known != task);
        ensure!(self.tasks.push((task, group)).is_ok(), "too many tasks");
        Ok(())
    }

    fn add(&mut self, item: Item) -> Result<(), Failure> {
        match item {
            Item::Group { group, parent, .. } => self.put_group(group, parent),
            Item::Task { task, group, .. } => self.put_task(task, group),
        }
    }

    fn apply(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Born { task, group, .. } | Event::Arrived { task, group, .. } => {
                self.put_task(task, group)?;
            }
            Event::Died { task, .. } | Event::Left { task, .. } => {
                self.tasks.retain(|&(known, _)| known != task);
            }
            Event::Opened { group, parent, .. } => self.put_group(group, Some(parent))?,
            Event::Gone { group } => {
                // What hung below it went before it or with it.
                self.groups.retain(|&(known, _)| known != group);
                while let Some(at) = self.groups.iter().position(|&(_, parent)| {
                    parent
                        .is_some_and(|parent| self.groups.iter().all(|&(known, _)| known != parent))
                }) {
                    self.groups.swap_remove(at);
                }
            }
            other => fail!("not asked for: {other:?}"),
        }
        Ok(())
    }

    /// The same, read group by group from the ledger.
    fn read(top: GroupId) -> Result<Self, Failure> {
        let mut mirror = Self::default();
        mirror.put_group(top, None)?;
        let mut done = 0;
        while let Some(&(group, _)) = mirror.groups.get(done) {
            done = done.saturating_add(1);
            let mut after = None;
            loop {
                let page = limits::list_children(Some(group), after)?;
                for &child in &page.items {
                    mirror.put_group(child, Some(group))?;
                }
                after = page.items.last().copied();
                if !page.more {
                    break;
                }
            }
            let mut after = None;
            loop {
                let page = limits::list_tasks(Some(group), after)?;
                for &task in &page.items {
                    mirror.put_task(task, group)?;
                }
                after = page.items.last().copied();
                if !page.more {
                    break;
                }
            }
        }
        Ok(mirror)
    }

    fn sort(&mut self) {
        self.groups.sort_unstable();
        self.tasks.sort_unstable();
    }
}

/// Reads everything that is in a ring; how much that was.
fn catch_up(watcher: &mut Watcher, mirror: &mut Mirror) -> Result<u64, Failure> {
    let mut read = 0_u64;
    loop {
        match watcher.next_event() {
            Next::Record(record) => mirror.apply(record.event)?,
            Next::Lost(count) => fail!("{count} events lost"),
            Next::Empty => return Ok(read),
        }
        read = read.saturating_add(1);
    }
}

/// How long the suite waits, so that those in lower bands run: so many instructions.
const PAUSE: u64 = 700_000;

#[track_caller]
fn pause() -> Result<(), Failure> {
    client::time::sleep(PAUSE)?;
    Ok(())
}

/// How often a late watcher begins.
const LATE: u32 = 8;
/// Groups that are there all the time, so that a snapshot has many pages.
const STANDING: u32 = 40;

pub fn a_late_watchers_snapshot_and_events_are_the_truth_while_tasks_and_groups_come_and_go(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.low_group()?;
    for _ in 0..STANDING {
        limits::open_group(Some(group))?;
    }
    for _ in 0..2 {
        world.start(Some(group), format_args!("churn"))?;
    }
    let mut heard = 0_u64;
    for round in 0..LATE {
        let mut watcher = Watcher::open(16)?;
        watcher.watch(Some(group), Kinds::TREE)?;
        let mut mirror = Mirror::default();
        let (mut wrong, mut listed) = (Ok(()), 0_u32);
        watcher.snapshot(|item| {
            wrong = core::mem::replace(&mut wrong, Ok(())).and_then(|()| mirror.add(item));
            listed = listed.saturating_add(1);
            // Let it change while it is read.
            if listed % 4 == 2 {
                let _ = client::time::sleep(PAUSE);
            }
        })?;
        wrong?;
        for _ in 0..3 {
            pause()?;
            compare(&mut watcher, &mut mirror, group, round, &mut heard)?;
        }
    }
    ensure!(heard > u64::from(LATE), "only {heard} events in all");
    process::kill_group(group)?;
    for _ in 0..2 {
        process::wait(None)?;
    }
    figure("events-heard-by-late-watchers", heard)
}

/// The mirror is what the ledger says, at a moment when nothing happens in between.
fn compare(
    watcher: &mut Watcher,
    mirror: &mut Mirror,
    group: GroupId,
    round: u32,
    heard: &mut u64,
) -> Result<(), Failure> {
    for _ in 0..1000 {
        *heard = heard.saturating_add(catch_up(watcher, mirror)?);
        let truth = Mirror::read(group);
        let meanwhile = catch_up(watcher, mirror)?;
        *heard = heard.saturating_add(meanwhile);
        if meanwhile != 0 {
            // The time slice ended while the ledger was read; what was read may be of two moments.
            continue;
        }
        let mut truth = truth?;
        truth.sort();
        mirror.sort();
        ensure!(
            mirror.groups == truth.groups,
            "round {round}: {} groups, {} in the ledger",
            mirror.groups.len(),
            truth.groups.len()
        );
        ensure!(
            mirror.tasks == truth.tasks,
            "round {round}: {} tasks, {} in the ledger",
            mirror.tasks.len(),
            truth.tasks.len()
        );
        return Ok(());
    }
    fail!("the ledger never stood still")
}

pub fn what_a_watcher_was_too_slow_for_is_counted_exactly(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.low_group()?;
    let mut watcher = Watcher::open(1)?;
    let since = watcher.watch(Some(group), Kinds::ALL)?.since;
    // A ring of one page has room for 63; each round is two events.
    for _ in 0..100 {
        limits::close_group(limits::open_group(Some(group))?)?;
    }
    equal!("told", watcher.reader().newest(), since.saturating_add(200));
    equal!("lost", watcher.next_event(), Next::Lost(137));
    let mut read = 0_u32;
    while let Next::Record(_) = watcher.next_event() {
        read = read.saturating_add(1);
    }
    equal!("read", read, 63);
    equal!("lost in all", watcher.reader().lost(), 137);
    // What is not wanted takes no room.
    watcher.watch(Some(group), Kinds::NONE.with(Kind::Born))?;
    limits::close_group(limits::open_group(Some(group))?)?;
    nothing(&mut watcher)
}

pub fn a_watcher_that_never_reads_blocks_nobody(world: &mut World) -> Result<(), Failure> {
    let group = world.low_group()?;
    for pages in [1, 2, 16] {
        world.start(Some(group), format_args!("watch-deaf {pages}"))?;
    }
    pause()?;
    pause()?;
    let mut watcher = Watcher::open(1)?;
    watcher.watch(Some(group), Kinds::TREE)?;
    for _ in 0..300 {
        limits::close_group(limits::open_group(Some(group))?)?;
        for kind in [Kind::Opened, Kind::Gone] {
            equal!("the next event", next(&mut watcher)?.kind(), kind);
        }
    }
    process::kill_group(group)?;
    for _ in 0..3 {
        process::wait(None)?;
    }
    Ok(())
}

pub fn nobody_hears_of_groups_above_or_beside(world: &mut World) -> Result<(), Failure> {
    let (group, sibling) = (world.low_group()?, world.low_group()?);
    let above = world.low;
    world.content(
        Some(group),
        format_args!(
            "watch-outside {} {} {} {}",
            above.index, above.generation, sibling.index, sibling.generation
        ),
    )?;
    let mut watcher = Watcher::open(1)?;
    let stale = GroupId {
        generation: group.generation.wrapping_add(1),
        ..group
    };
    refused!(
        watcher.watch(Some(stale), Kinds::ALL),
        WatchRefusal::UnknownGroup
    );
    Ok(())
}

pub fn nobody_can_touch_anothers_ring(world: &mut World) -> Result<(), Failure> {
    let group = world.low_group()?;
    let mut watcher = Watcher::open(1)?;
    watcher.watch(Some(group), Kinds::NONE.with(Kind::Died))?;
    world.content(Some(group), format_args!("ring-thief"))?;
    equal!("the thief's end", next(&mut watcher)?.kind(), Kind::Died);
    ensure!(watcher.reader().is_watching(), "the watch is over");
    Ok(())
}

pub fn a_watcher_pays_for_its_ring_and_gets_it_back(world: &mut World) -> Result<(), Failure> {
    let before = world.account(world.own)?.usage;
    for pages in [1, 2, 4, 8, 16] {
        let watcher = Watcher::open(pages)?;
        let with = world.account(world.own)?.usage;
        equal!(
            "charged for a ring",
            Some(with),
            before.checked_add(&ring_kit(pages))
        );
        balanced(world.own)?;
        drop(watcher);
        equal!("given back", world.account(world.own)?.usage, before);
    }
    // A group that cannot pay gets none, and keeps nothing.
    let group = world.low_group()?;
    let idle = world.start(Some(group), format_args!("idle"))?;
    process::kill(idle)?;
    let peak = world.account(group)?.peak.get(Resource::KernelMemory);
    limits::set_limit(group, Resource::KernelMemory, Limit::At(peak))?;
    let reason = world.run(Some(group), format_args!("watch-deaf 1"))?;
    equal!("without the means", reason, ExitReason::Exited { code: -1 });
    Ok(())
}

pub fn a_ring_is_read_only_and_gone_when_it_is_closed(world: &mut World) -> Result<(), Failure> {
    let group = world.low_group()?;
    for mode in ["ring-write", "ring-closed"] {
        let reason = world.run(Some(group), format_args!("{mode}"))?;
        ensure!(
            matches!(reason, ExitReason::Fault(Cause::BadAddress { .. })),
            "{mode}: {reason:?}"
        );
    }
    world.content(Some(group), format_args!("ring-limits"))
}

pub fn watchers_that_are_killed_in_mid_stream_leave_nothing(
    world: &mut World,
) -> Result<(), Failure> {
    let pool = process::pool()?;
    for _ in 0..20 {
        let group = world.low_group()?;
        for _ in 0..3 {
            world.start(Some(group), format_args!("watch-all"))?;
        }
        world.start(Some(group), format_args!("churn"))?;
        for _ in 0..5 {
            pause()?;
        }
        let receipt = process::kill_group(group)?;
        equal!("returned", receipt.returned, receipt.held);
        for _ in 0..4 {
            process::wait(None)?;
        }
        limits::close_group(group)?;
        nothing_lost(&pool)?;
    }
    Ok(())
}

pub fn rings_made_and_dropped_500_times_leave_nothing(world: &mut World) -> Result<(), Failure> {
    let pool = process::pool()?;
    let group = world.low_group()?;
    world.content(Some(group), format_args!("rings 400"))?;
    for _ in 0..100 {
        let mut watcher = Watcher::open(2)?;
        watcher.watch(None, Kinds::ALL)?;
    }
    nothing_lost(&pool)?;
    balanced(world.own)?;
    Ok(())
}

pub fn a_watcher_that_waits_is_woken(world: &mut World) -> Result<(), Failure> {
    let group = world.low_group()?;
    let mut watcher = Watcher::open(1)?;
    watcher.watch(Some(group), Kinds::NONE.with(Kind::Died))?;
    // It runs only while the suite waits, and waiting for its death is all that the suite does.
    let child = world.start(Some(group), format_args!("exit 9"))?;
    let Next::Record(record) = watcher.wait_next() else {
        fail!("no record")
    };
    let died = Event::Died {
        task: child,
        group,
        ending: Ending::Exited { code: 9 },
    };
    equal!("event", record.event, died);
    world.end_of(child)?;
    Ok(())
}

/// Instructions of opening and closing a group below a watched one, and of watching itself.
pub fn instructions_of_watching_and_telling(world: &mut World) -> Result<(), Failure> {
    let group = limits::open_group(Some(world.own))?;
    let turn =
        || -> Result<(), Failure> { Ok(limits::close_group(limits::open_group(Some(group))?)?) };
    let quiet = least(turn)?;
    let mut watcher = Watcher::open(1)?;
    figure(
        "watch-instructions",
        least(|| Ok(watcher.watch(Some(group), Kinds::ALL).map(|_| ())?))?,
    )?;
    let one = least(turn)?;
    let mut second = Watcher::open(1)?;
    second.watch(Some(group), Kinds::ALL)?;
    let two = least(turn)?;
    watcher.watch(Some(group), Kinds::NONE)?;
    second.watch(Some(group), Kinds::NONE)?;
    let deaf = least(turn)?;
    figure("open-and-close-unwatched-instructions", quiet)?;
    figure("open-and-close-watched-instructions", one)?;
    figure("open-and-close-watched-twice-instructions", two)?;
    figure("open-and-close-watched-for-other-kinds-instructions", deaf)?;
    let ring = least(|| Ok(Watcher::open(1).map(drop)?))?;
    figure("open-and-close-ring-instructions", ring)?;
    let page = least(|| Ok(watcher.snapshot(|_| {}).map(|_| ())?))?;
    figure("read-empty-snapshot-instructions", page)
}

/// The least time that something takes; a timer tick may fall into any single time.
fn least(mut act: impl FnMut() -> Result<(), Failure>) -> Result<u64, Failure> {
    let mut least = u64::MAX;
    for _ in 0..20 {
        let start = client::clock();
        act()?;
        least = least.min(client::clock().saturating_sub(start));
    }
    Ok(least)
}
