//! Freezing and thawing, and moving tasks: what their threads do, and what nobody can get round.

use client::interfaces::accounting::FreezeRefusal as Refusal;
use client::interfaces::process::{ExitReason, FreezeRefusal, MoveRefusal, WaitRefusal};
use client::interfaces::{GroupId, Limit, Resource};
use client::time::{self, MILLISECOND};
use client::{limits, process};

use crate::failure::Failure;
use crate::figures::figure;
use crate::world::{World, balanced};

/// How long the suite looks whether somebody does something.
const WHILE: u64 = 20 * MILLISECOND;

/// A group of `tasks` bombs that try to become more all the time.
fn bombs(world: &World, parent: GroupId, tasks: u64) -> Result<GroupId, Failure> {
    let group = limits::open_group(Some(parent))?;
    limits::set_limit(group, Resource::Tasks, Limit::At(tasks))?;
    world.start(Some(group), format_args!("bomb"))?;
    for _ in 0..1000 {
        if world.usage(group, Resource::Tasks)? == tasks {
            return Ok(group);
        }
        time::sleep(MILLISECOND)?;
    }
    fail!("the bomb never came to {tasks} tasks")
}

/// How often the bombs of a group were refused: it rises while they run.
fn tries(group: GroupId) -> Result<u64, Failure> {
    Ok(limits::read_resource(Some(group), Resource::Tasks)?.refusals)
}

/// How much further the bombs of a group come in a while.
fn progress(group: GroupId) -> Result<u64, Failure> {
    let before = tries(group)?;
    time::sleep(WHILE)?;
    Ok(tries(group)?.saturating_sub(before))
}

pub fn frozen_tasks_stand_still_until_thawed_as_often(world: &mut World) -> Result<(), Failure> {
    let group = bombs(world, world.low, 20)?;
    ensure!(progress(group)? > 0, "the bombs do nothing");
    equal!("frozen", process::freeze(group)?, 1);
    equal!("progress", progress(group)?, 0);
    equal!("frozen", process::freeze(group)?, 2);
    equal!("thawed", process::thaw(group)?, 1);
    equal!("progress", progress(group)?, 0);
    equal!("account", limits::read_freeze(Some(group))?.frozen, true);
    equal!("thawed", process::thaw(group)?, 0);
    equal!("account", limits::read_freeze(Some(group))?.frozen, false);
    ensure!(progress(group)? > 0, "they do not go on");
    equal!("tasks", world.usage(group, Resource::Tasks)?, 20);
    Ok(())
}

pub fn a_freeze_above_and_one_below_are_two(world: &mut World) -> Result<(), Failure> {
    let top = limits::open_group(Some(world.low))?;
    let below = bombs(world, top, 5)?;
    process::freeze(top)?;
    process::freeze(below)?;
    equal!("thawed above", process::thaw(top)?, 0);
    equal!("progress", progress(below)?, 0);
    process::freeze(top)?;
    equal!("thawed below", process::thaw(below)?, 0);
    equal!("progress", progress(below)?, 0);
    let state = limits::read_freeze(Some(below))?;
    equal!("below", (state.times, state.frozen), (0, true));
    refused!(
        process::thaw(below),
        FreezeRefusal::Freeze(Refusal::NotFrozen)
    );
    process::thaw(top)?;
    ensure!(progress(below)? > 0, "they do not go on");
    Ok(())
}

pub fn a_bomb_cannot_outrun_a_freeze(world: &mut World) -> Result<(), Failure> {
    for _ in 0..5 {
        // It spawns while the suite waits: now, and while the group is being frozen.
        let group = limits::open_group(Some(world.low))?;
        limits::set_limit(group, Resource::Tasks, Limit::At(100))?;
        world.start(Some(group), format_args!("bomb"))?;
        while world.usage(group, Resource::Tasks)? < 4 {
            time::sleep(MILLISECOND / 4)?;
        }
        process::freeze(group)?;
        let tasks = world.usage(group, Resource::Tasks)?;
        time::sleep(WHILE)?;
        equal!("tasks", world.usage(group, Resource::Tasks)?, tasks);
        ensure!(tasks < 100, "it was at its limit already");
        process::thaw(group)?;
        time::sleep(WHILE)?;
        ensure!(
            world.usage(group, Resource::Tasks)? > tasks,
            "it does not go on"
        );
        // A frozen group can be killed, and ends with the usual receipt.
        process::freeze(group)?;
        let receipt = process::kill_group(group)?;
        equal!("returned", receipt.returned, receipt.held);
        equal!("tasks", world.usage(group, Resource::Tasks)?, 0);
        equal!("still frozen", limits::read_freeze(Some(group))?.times, 1);
        limits::close_group(group)?;
        process::wait(None)?;
    }
    Ok(())
}

pub fn newborns_of_a_frozen_group_stand_still(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    process::freeze(group)?;
    let child = world.start(Some(group), format_args!("exit 7"))?;
    equal!("born", world.usage(group, Resource::Tasks)?, 1);
    refused!(time::wait_for(Some(child), WHILE), WaitRefusal::TimedOut);
    equal!("frames", world.usage(group, Resource::Frames)?, 1);
    process::thaw(group)?;
    equal!("end", world.end_of(child)?, ExitReason::Exited { code: 7 });
    Ok(())
}

pub fn what_a_frozen_task_was_in_the_middle_of_is_done_once(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.low_group()?;
    // A sleep that is over while it is frozen.
    let sleeper = world.start(Some(group), format_args!("sleep {}", 5 * MILLISECOND))?;
    time::sleep(MILLISECOND)?;
    process::freeze(group)?;
    refused!(time::wait_for(Some(sleeper), WHILE), WaitRefusal::TimedOut);
    process::thaw(group)?;
    equal!(
        "sleeper",
        world.end_of(sleeper)?,
        ExitReason::Exited { code: 0 }
    );
    // Calls of all kinds, page faults, threads: frozen again and again, each after another time.
    for mode in ["busy 3000000", "thread-work", "hold 60"] {
        let child = world.start(Some(group), format_args!("{mode}"))?;
        for round in 0..40_u64 {
            time::sleep(round.saturating_mul(1237))?;
            process::freeze(group)?;
            process::thaw(group)?;
        }
        if mode.starts_with("hold") {
            process::kill(child)?;
        } else {
            equal!(mode, world.end_of(child)?, ExitReason::Exited { code: 0 });
        }
    }
    equal!("alarms", process::figures()?.alarms, 0);
    Ok(())
}

pub fn freezing_is_for_who_is_above(world: &mut World) -> Result<(), Failure> {
    for group in [world.own, GroupId::ROOT] {
        refused!(
            process::freeze(group),
            FreezeRefusal::Freeze(Refusal::NotYours | Refusal::UnknownGroup)
        );
    }
    let gone = world.group()?;
    limits::close_group(gone)?;
    refused!(
        process::freeze(gone),
        FreezeRefusal::Freeze(Refusal::UnknownGroup)
    );
    let group = world.group()?;
    refused!(
        process::thaw(group),
        FreezeRefusal::Freeze(Refusal::NotFrozen)
    );
    let sibling = world.group()?;
    world.content(
        Some(group),
        format_args!("cannot-freeze {} {}", sibling.index, sibling.generation),
    )
}

pub fn nobody_moves_into_or_out_of_a_frozen_group(world: &mut World) -> Result<(), Failure> {
    let (group, other) = (world.group()?, world.group()?);
    let child = world.start(Some(group), format_args!("idle"))?;
    process::freeze(other)?;
    refused!(process::move_task(child, other), MoveRefusal::Frozen);
    world.content(
        None,
        format_args!("cannot-enter {} {}", other.index, other.generation),
    )?;
    process::freeze(group)?;
    // From one frozen group to another: it stands still here and there.
    process::move_task(child, other)?;
    process::thaw(group)?;
    refused!(process::move_task(child, group), MoveRefusal::Frozen);
    process::thaw(other)?;
    process::move_task(child, group)?;
    equal!("where", process::read_task(Some(child))?.group, group);
    Ok(())
}

pub fn a_moved_task_takes_its_counts_along_and_gets_the_band(
    world: &mut World,
) -> Result<(), Failure> {
    let (low, high) = (world.low_group()?, world.group()?);
    limits::set_limit(high, Resource::Tasks, Limit::At(0))?;
    let before = world.account(world.own)?.usage;
    let child = world.start(Some(low), format_args!("exit 3"))?;
    let with_child = world.account(world.own)?.usage;
    let spin = || -> Result<bool, Failure> {
        for _ in 0..2000 {
            client::yield_now();
        }
        Ok(time::wait_for(Some(child), 0).is_ok())
    };
    // While the suite does not wait, nobody of the low band runs.
    ensure!(!spin()?, "a task of the low band ran beside the suite");
    refused!(process::move_task(child, high), MoveRefusal::Short(_));
    limits::set_limit(high, Resource::Tasks, Limit::At(1))?;
    process::move_task(child, high)?;
    equal!("above both", world.account(world.own)?.usage, with_child);
    equal!("from", world.usage(low, Resource::Tasks)?, 0);
    equal!("to", world.usage(high, Resource::Tasks)?, 1);
    // Now it is as good as the suite.
    world.until("the moved task has run", spin)?;
    equal!("after", world.account(world.own)?.usage, before);
    refused!(
        process::move_task(world.task, high),
        MoveRefusal::NotYours | MoveRefusal::UnknownTask
    );
    refused!(process::move_task(child, high), MoveRefusal::UnknownTask);
    world.content(
        Some(low),
        format_args!("cannot-move {} {}", high.index, high.generation),
    )
}

/// What a task is made of, wherever it goes, is paid for by one group, so the audit finds it there.
pub fn a_moved_tasks_new_thread_is_paid_for_where_the_task_was_born(
    world: &mut World,
) -> Result<(), Failure> {
    let (born, now) = (world.group()?, world.group()?);
    let child = world.start(
        Some(born),
        format_args!("moved-thread {} {}", now.index, now.generation),
    )?;
    process::move_task(child, now)?;
    world.until("the thread is there", || {
        Ok(world.usage(now, Resource::Threads)? == 2)
    })?;
    equal!("pages", world.usage(now, Resource::KernelMemory)?, 0);
    for group in [born, now] {
        balanced(group)?;
    }
    for group in [now, born] {
        let receipt = process::kill_group(group)?;
        equal!("the receipt", receipt.returned, receipt.held);
    }
    Ok(())
}

pub fn time_passes_while_everybody_is_frozen(world: &mut World) -> Result<(), Failure> {
    let group = bombs(world, world.low, 16)?;
    let start = client::clock();
    process::freeze(group)?;
    let freeze = client::clock().saturating_sub(start);
    let start = client::clock();
    time::sleep(1000 * MILLISECOND)?;
    let slept = client::clock().saturating_sub(start);
    ensure!(
        (1000 * MILLISECOND..1001 * MILLISECOND).contains(&slept),
        "slept {slept}"
    );
    equal!("tasks", world.usage(group, Resource::Tasks)?, 16);
    let start = client::clock();
    process::thaw(group)?;
    let thaw = client::clock().saturating_sub(start);
    figure("freeze-per-task-instructions", freeze / 16)?;
    figure("thaw-per-task-instructions", thaw / 16)?;
    let child = world.start(Some(world.low), format_args!("sleep"))?;
    let to = limits::open_group(Some(world.low))?;
    let start = client::clock();
    process::move_task(child, to)?;
    figure("move-instructions", client::clock().saturating_sub(start))
}
