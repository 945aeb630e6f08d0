//! Moves of a task to another group: all or nothing, downwards, and nothing changes above.

use client::interfaces::process::ExitReason;
use client::interfaces::{GroupId, Limit, Resource};
use client::limits;

use crate::failure::Failure;
use crate::world::World;

/// What an assistant that enters a group from another one says.
fn entering(world: &World, from: GroupId, to: GroupId) -> Result<i32, Failure> {
    let GroupId { index, generation } = to;
    match world.run(Some(from), format_args!("enters {index} {generation}"))? {
        ExitReason::Exited { code } => Ok(code),
        other => fail!("the assistant did not exit: {other:?}"),
    }
}

pub fn a_task_goes_down_and_nothing_above_changes_for_a_moment(
    world: &mut World,
) -> Result<(), Failure> {
    let outer = world.group()?;
    let inner = limits::open_group(Some(outer))?;
    // Full but for the one task that it has: were the task counted twice for a moment, it would be refused.
    limits::set_limit(outer, Resource::Tasks, Limit::At(1))?;
    limits::set_limit(outer, Resource::Threads, Limit::At(1))?;
    equal!("entering", entering(world, outer, inner)?, 0);
    for kind in [Resource::Tasks, Resource::Threads] {
        let (above, below) = (
            limits::read_resource(Some(outer), kind)?,
            limits::read_resource(Some(inner), kind)?,
        );
        equal!("the peaks", (above.peak, below.peak), (1, 1));
        equal!("what is left", (above.usage, below.usage), (0, 0));
        equal!("refusals", above.refusals, 0);
        let totals = limits::read_totals(Some(outer))?;
        equal!("how many there ever were", totals.charged.get(kind), 1);
    }
    // What was paid for it before stayed with who paid.
    let (above, below) = (world.account(outer)?, world.account(inner)?);
    ensure!(
        above.peak.get(Resource::KernelMemory) > below.peak.get(Resource::KernelMemory),
        "{} above, {} below",
        above.peak,
        below.peak
    );
    limits::close_group(inner)?;
    limits::close_group(outer)?;
    Ok(())
}

pub fn a_full_group_lets_nobody_in_and_changes_nothing(world: &mut World) -> Result<(), Failure> {
    let outer = world.group()?;
    let inner = limits::open_group(Some(outer))?;
    for kind in [Resource::Tasks, Resource::Threads] {
        limits::set_limit(inner, kind, Limit::At(0))?;
        equal!("entering", entering(world, outer, inner)?, 1);
        let refused = limits::read_resource(Some(inner), kind)?;
        equal!(
            "a refusal and no peak",
            (refused.refusals, refused.peak),
            (1, 0)
        );
        limits::set_limit(inner, kind, Limit::Max)?;
    }
    equal!("peak", world.account(inner)?.peak.get(Resource::Tasks), 0);
    equal!("entering", entering(world, outer, inner)?, 0);
    limits::close_group(inner)?;
    limits::close_group(outer)?;
    Ok(())
}

pub fn nobody_enters_what_is_above_or_beside(world: &mut World) -> Result<(), Failure> {
    let (here, beside) = (world.group()?, world.group()?);
    for there in [world.own, beside, GroupId::ROOT] {
        equal!("entering", entering(world, here, there)?, 2);
    }
    // No right on it leads there.
    let child = world.start(
        Some(world.low),
        format_args!("enters {} {}", beside.index, beside.generation),
    )?;
    limits::grant(beside, child, client::interfaces::limits::Rights::ALL)?;
    equal!(
        "entering with every right",
        world.end_of(child)?,
        ExitReason::Exited { code: 2 }
    );
    limits::close_group(here)?;
    limits::close_group(beside)?;
    Ok(())
}
