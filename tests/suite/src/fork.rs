//! Forks: what the child sees, who pays, and what is left when there is no money.

use client::interfaces::process::ExitReason;
use client::interfaces::provision::Cause;
use client::interfaces::{Amounts, Limit, Resource};
use client::{limits, process, time};

use crate::failure::Failure;
use crate::world::World;

/// What a fork bomb's group may have.
const TASKS: u64 = 40;

pub fn a_forked_child_sees_what_was_there_and_each_writes_for_itself(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.group()?;
    for pages in [1, 10, 64, 300] {
        world.content(Some(group), format_args!("forks {pages}"))?;
        equal!("what is left", world.account(group)?.usage, Amounts::NONE);
    }
    Ok(())
}

pub fn a_write_after_a_fork_is_charged_to_the_writer(world: &mut World) -> Result<(), Failure> {
    const PAGES: u64 = 32;
    let parents = world.group()?;
    let children = limits::open_group(Some(parents))?;
    limits::set_label(children, "wait")?;
    let client::interfaces::GroupId { index, generation } = children;
    let task = world.start(
        Some(parents),
        format_args!("fork-writes {index} {generation} {PAGES}"),
    )?;
    world.until("the child runs", || {
        Ok(world.usage(children, Resource::Tasks)? == 1)
    })?;
    let frames = |group| world.usage(group, Resource::Frames);
    world.until("the child has settled", || {
        let before = frames(children)?;
        for _ in 0..200 {
            client::yield_now();
        }
        Ok(frames(children)? == before && before > 0)
    })?;
    ensure!(
        world.usage(children, Resource::Commit)? >= PAGES,
        "its pages are not reserved"
    );
    let before = (
        frames(parents)?.saturating_sub(frames(children)?),
        frames(children)?,
    );
    limits::set_label(children, "go")?;
    world.until("the child has written", || {
        Ok(world.usage(children, Resource::Groups)? == 1)
    })?;
    let after = (
        frames(parents)?.saturating_sub(frames(children)?),
        frames(children)?,
    );
    equal!("the parent's own frames", after.0, before.0);
    ensure!(
        after.1 >= before.1.saturating_add(PAGES),
        "the child has {} frames, had {}",
        after.1,
        before.1
    );
    let receipt = process::kill_group(parents)?;
    equal!("the receipt", receipt.returned, receipt.held);
    world.end_of(task)?;
    Ok(())
}

pub fn a_fork_at_the_commit_limit_is_refused_and_leaves_nothing(
    world: &mut World,
) -> Result<(), Failure> {
    const PAGES: u64 = 200;
    let group = world.group()?;
    // A task and half of what its fork would need.
    world.content(Some(group), format_args!("exit 0"))?;
    let task = world.account(group)?.peak.get(Resource::Commit);
    let limit = task
        .saturating_mul(2)
        .saturating_add(PAGES)
        .saturating_add(PAGES / 2);
    limits::set_limit(group, Resource::Commit, Limit::At(limit))?;
    world.content(Some(group), format_args!("fork-refused {PAGES}"))?;
    let account = world.account(group)?;
    equal!("what is left", account.usage, Amounts::NONE);
    ensure!(
        account.refusals.get(Resource::Commit) == 1,
        "refused {} times",
        account.refusals.get(Resource::Commit)
    );
    Ok(())
}

pub fn a_fork_bomb_stops_at_its_limit_and_is_killed(world: &mut World) -> Result<(), Failure> {
    let group = limits::open_group(Some(world.low))?;
    limits::set_limit(group, Resource::Tasks, Limit::At(TASKS))?;
    let before = process::pool()?;
    for _ in 0..3 {
        let bomb = world.start(Some(group), format_args!("fork-bomb"))?;
        time::sleep(20_000_000)?;
        world.until("the bomb is at its limit", || {
            time::sleep(1_000_000)?;
            Ok(world.usage(group, Resource::Tasks)? == TASKS)
        })?;
        let receipt = process::kill_group(group)?;
        equal!("the receipt", receipt.returned, receipt.held);
        let end = world.end_of(bomb)?;
        equal!("its end", end, ExitReason::GroupKilled { group });
        equal!("what is left", world.account(group)?.usage, Amounts::NONE);
        ensure!(
            world.account(group)?.peak.get(Resource::Tasks) == TASKS,
            "more than it may"
        );
        let after = process::pool()?;
        equal!(
            "free",
            (after.free, after.free_slots),
            (before.free, before.free_slots)
        );
    }
    limits::close_group(group)?;
    Ok(())
}

pub fn only_the_thread_that_forks_goes_along(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    world.content(Some(group), format_args!("fork-threads"))?;
    equal!("what is left", world.account(group)?.usage, Amounts::NONE);
    Ok(())
}

/// The next task of a place may be born with the address space of the one before it: whatever was mapped there, alone,
/// lent to a clone or borrowed from one, it sees none of it.
pub fn what_tasks_left_in_an_address_space_the_next_one_does_not_see(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.group()?;
    for how in ["alone", "fork", "outlive", "alone"] {
        world.content(Some(group), format_args!("leave {how}"))?;
        world.until("all have ended", || {
            Ok(world.usage(group, Resource::Tasks)? == 0)
        })?;
        // As many as may have ended, at once: each has the place of one of them.
        let tasks = [
            world.start(Some(group), format_args!("find"))?,
            world.start(Some(group), format_args!("find"))?,
            world.start(Some(group), format_args!("fault region"))?,
        ];
        for task in [tasks[0], tasks[1]] {
            equal!(how, world.end_of(task)?, ExitReason::Exited { code: 0 });
        }
        let end = world.end_of(tasks[2])?;
        ensure!(
            matches!(
                end,
                ExitReason::Fault(Cause::BadAddress {
                    address: 0x1000_0000,
                    ..
                })
            ),
            "{how}: a region of another is there: {end:?}"
        );
        equal!("what is left", world.account(group)?.usage, Amounts::NONE);
    }
    Ok(())
}
