//! Groups full of tasks that make tasks, killed again and again.

use client::interfaces::process::ExitReason;
use client::interfaces::{Amounts, GroupId, Limit, Resource};
use client::{limits, process};

use crate::boundary::code;
use crate::failure::Failure;
use crate::figures::figure;
use crate::world::{World, balanced, nothing_lost};

/// Tasks in a bomb's group.
const TASKS: u64 = 200;
/// How often such a group is killed.
const TIMES: u32 = 50;
/// The most instructions from the kill to its receipt, for each task: its end, and a round of those that still run.
const PER_TASK: u64 = 400_000;
/// How often from the servers' own band: there the bomb has as much of the processor as the servers.
const BESIDE: u32 = 5;

/// Lets a bomb fill its group to the limit.
fn light(world: &World, group: GroupId) -> Result<(), Failure> {
    limits::set_limit(group, Resource::Tasks, Limit::At(TASKS))?;
    world.start(Some(group), format_args!("bomb"))?;
    world.until("the bomb at its limit", || {
        Ok(world.usage(group, Resource::Tasks)? == TASKS)
    })
}

pub fn a_bomb_of_200_tasks_is_killed_50_times_and_nothing_is_lost(
    world: &mut World,
) -> Result<(), Failure> {
    // What the first one needs is there for the others.
    let mut before = None;
    let mut longest = 0_u64;
    for round in 0..=TIMES {
        let group = world.group()?;
        light(world, group)?;
        let start = client::clock();
        let receipt = process::kill_group(group)?;
        let time = client::clock().saturating_sub(start);
        longest = longest.max(time);
        equal!("returned", receipt.returned, receipt.held);
        equal!("tasks held", receipt.held.get(Resource::Tasks), TASKS);
        let account = world.account(group)?;
        equal!("usage", account.usage, Amounts::NONE);
        equal!("tasks here", account.tasks_here, 0);
        equal!("peak", account.peak.get(Resource::Tasks), TASKS);
        ensure!(
            account.refusals.get(Resource::Tasks) > 0,
            "round {round}: it was never refused"
        );
        equal!(
            "end",
            process::wait(None)?.reason,
            ExitReason::GroupKilled { group }
        );
        balanced(group)?;
        limits::close_group(group)?;
        let pool = process::pool()?;
        let (figures, usage) = (process::figures()?, world.account(world.own)?.usage);
        let now = (
            (pool.free, pool.free_slots, pool.regions),
            (figures.tasks, figures.threads, figures.alarms),
            usage,
        );
        equal!("what there is afterwards", now, *before.get_or_insert(now));
        ensure!(
            time <= TASKS.saturating_mul(PER_TASK),
            "round {round}: {time} instructions until the receipt"
        );
    }
    figure("kill-bomb-200-instructions", longest)
}

pub fn a_bomb_beside_the_servers_is_killed_from_there(world: &mut World) -> Result<(), Failure> {
    let (pool, group) = (process::pool()?, limits::open_group(Some(world.top))?);
    let longest = code(world.run(Some(group), format_args!("kill-bombs {TASKS} {BESIDE}"))?);
    nothing_lost(&pool)?;
    equal!("usage", world.account(group)?.usage, Amounts::NONE);
    let Some(longest) = longest else {
        fail!("the assistant was not content")
    };
    figure(
        "kill-bomb-200-beside-the-servers-million-instructions",
        longest,
    )
}
