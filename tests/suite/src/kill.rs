//! Kills of groups: what they cost everybody else.

use client::events::{Event, Next, Watcher};
use client::interfaces::events::Kinds;
use client::interfaces::memory::Access;
use client::interfaces::process::ExitReason;
use client::interfaces::provision::Cause;
use client::interfaces::{Amounts, Limit, Resource};
use client::time::{self, MILLISECOND};
use client::{limits, process};

use crate::failure::Failure;
use crate::figures::figure;
use crate::objects::at;
use crate::partner::Partner;
use crate::world::{World, balanced};

/// What no other client waits longer than for a call, in instructions.
const PATIENCE: i32 = 50_000;
/// Groups in which nobody is.
const EMPTY: u32 = 4000;

pub fn a_kill_of_200_bombs_keeps_nobody_waiting(world: &mut World) -> Result<(), Failure> {
    let group = limits::open_group(Some(world.low))?;
    limits::set_limit(group, Resource::Tasks, Limit::At(200))?;
    world.start(Some(group), format_args!("bomb"))?;
    for _ in 0..2000 {
        if world.usage(group, Resource::Tasks)? == 200 {
            break;
        }
        time::sleep(MILLISECOND)?;
    }
    equal!("bombs", world.usage(group, Resource::Tasks)?, 200);
    // Beside the servers somebody asks something every 40,000 instructions, for longer than the kill takes.
    let asker = world.start(
        Some(world.top),
        format_args!("latency 40000 {}", 150 * MILLISECOND),
    )?;
    time::sleep(5 * MILLISECOND)?;
    let start = client::clock();
    let receipt = process::kill_group(group)?;
    let taken = client::clock().saturating_sub(start);
    equal!("returned", receipt.returned, receipt.held);
    equal!("held", receipt.held.get(Resource::Tasks), 200);
    let ExitReason::Exited { code } = world.end_of(asker)? else {
        fail!("the asker did not end by itself")
    };
    figure("kill-of-200-instructions", taken)?;
    figure(
        "longest-call-during-a-kill-instructions",
        u64::try_from(code).unwrap_or_default(),
    )?;
    ensure!(
        code > 0 && code <= PATIENCE,
        "somebody waited for {code} instructions"
    );
    process::wait(None)?;
    Ok(limits::close_group(group)?)
}

pub fn a_kill_of_4000_empty_groups_keeps_nobody_waiting(world: &mut World) -> Result<(), Failure> {
    let top = limits::open_group(Some(world.low))?;
    for _ in 0..EMPTY {
        limits::open_group(Some(top))?;
    }
    // The last of them has the only task, so the search for it passes all others.
    let last = limits::open_group(Some(top))?;
    let task = world.start(Some(last), format_args!("idle"))?;
    let asker = world.start(
        Some(world.top),
        format_args!("latency 40000 {}", 40 * MILLISECOND),
    )?;
    time::sleep(5 * MILLISECOND)?;
    let receipt = process::kill_group(top)?;
    equal!("returned", receipt.returned, receipt.held);
    equal!("held", receipt.held.get(Resource::Tasks), 1);
    let ExitReason::Exited { code } = world.end_of(asker)? else {
        fail!("the asker did not end by itself")
    };
    figure(
        "longest-call-during-a-kill-of-empty-groups-instructions",
        u64::try_from(code).unwrap_or_default(),
    )?;
    ensure!(
        code > 0 && code <= PATIENCE,
        "somebody waited for {code} instructions"
    );
    world.end_of(task)?;
    Ok(())
}

pub fn a_task_kills_the_group_that_it_is_in(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    let mut watcher = Watcher::open(4)?;
    watcher.watch(Some(group), Kinds::ALL)?;
    let child = world.start(Some(group), format_args!("kill-own"))?;
    let reason = world.end_of(child)?;
    let ExitReason::GroupKilled { group: killed } = reason else {
        fail!("the end of who killed its own group: {reason:?}")
    };
    ensure!(killed != group, "another group was killed");
    equal!("tasks", world.usage(group, Resource::Tasks)?, 0);
    equal!("groups", world.usage(group, Resource::Groups)?, 0);
    // Whoever asked for the kill is gone, so the receipt is for who watches.
    let (mut seen, mut tasks, mut end) = (0, 0, None);
    loop {
        match watcher.next_event() {
            Next::Record(record) => match record.event {
                Event::Returned {
                    group,
                    resource,
                    held,
                    returned,
                } => {
                    equal!("whose receipt", group, killed);
                    equal!(resource, returned, held);
                    seen = u64::saturating_add(seen, 1);
                    if resource == Resource::Tasks {
                        tasks = held;
                    }
                }
                Event::Killed { group, lines } => end = Some((group, lines)),
                _ => {}
            },
            Next::Lost(count) => fail!("{count} events were lost"),
            Next::Empty => break,
        }
    }
    equal!("the end of the receipt", end, Some((killed, seen)));
    equal!("tasks of the receipt", tasks, 4);
    Ok(())
}

pub fn who_has_left_a_group_ends_with_it_while_that_pays_for_it(
    world: &mut World,
) -> Result<(), Failure> {
    const PAGES: u64 = 16;
    let (paying, other) = (world.group()?, world.group()?);
    let mut mover = Partner::start(world, paying)?;
    let mut native = Partner::start(world, other)?;
    let region = mover.create(32)?;
    let here = mover.map(region, Access::ReadWrite)?;
    // The native shares what the mover has, and has something of its own.
    let offered = mover.share(region, native.task, Access::ReadWrite)?;
    native.accept(offered)?;
    let there = native.map(offered, Access::ReadWrite)?;
    let kept = native.create(4)?;
    let kept = native.map(kept, Access::ReadWrite)?;
    native.write(at(kept, 0), 7)?;
    process::move_task(mover.task, other)?;
    equal!("moved", world.usage(other, Resource::Tasks)?, 2);
    for page in 0..PAGES {
        mover.write(at(here, page), page)?;
        equal!("what was written", native.read(at(there, page))?, page);
    }
    ensure!(
        world.usage(paying, Resource::Frames)? >= PAGES,
        "another pays for the pages"
    );
    let receipt = process::kill_group(paying)?;
    equal!("the receipt", receipt.returned, receipt.held);
    equal!("tasks held", receipt.held.get(Resource::Tasks), 0);
    equal!("what is left", world.account(paying)?.usage, Amounts::NONE);
    // What the mover is made of was paid for there, so it has ended; the native lives, without the shared pages.
    let end = world.end_of(mover.task)?;
    equal!("its end", end, ExitReason::GroupKilled { group: paying });
    mover.gone()?;
    equal!("its own", native.read(at(kept, 0))?, 7);
    equal!("tasks", world.usage(other, Resource::Tasks)?, 1);
    for group in [paying, other] {
        balanced(group)?;
    }
    let end = native.dies(world, there, Access::Read)?;
    equal!("its end", end, ExitReason::Fault(Cause::PayerKilled));
    Ok(())
}
