//! Kills of groups: what they cost everybody else.

use client::interfaces::process::ExitReason;
use client::interfaces::{Limit, Resource};
use client::time::{self, MILLISECOND};
use client::{limits, process};

use crate::failure::Failure;
use crate::figures::figure;
use crate::world::World;

/// What no other client waits longer than for a call, in instructions.
const PATIENCE: i32 = 50_000;

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

pub fn a_task_kills_the_group_that_it_is_in(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    let child = world.start(Some(group), format_args!("kill-own"))?;
    let reason = world.end_of(child)?;
    let ExitReason::GroupKilled { group: killed } = reason else {
        fail!("the end of who killed its own group: {reason:?}")
    };
    ensure!(killed != group, "another group was killed");
    equal!("tasks", world.usage(group, Resource::Tasks)?, 0);
    equal!("groups", world.usage(group, Resource::Groups)?, 0);
    Ok(())
}
