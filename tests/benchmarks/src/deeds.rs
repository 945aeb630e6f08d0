//! What is done to others: a task killed, moved, stopped and let go; memory offered; and what it costs to be watched.

use client::events::Watcher;
use client::interfaces::events::Kinds;
use client::interfaces::memory::Access;
use client::interfaces::{GroupId, TaskId};
use client::{limits, memory, process, time};

use crate::Trouble;
use crate::samples::Summary;
use crate::world::World;

/// How often most things are done.
const ROUNDS: usize = 200;
/// Pages of a region that is offered: no matter, as nothing is mapped.
const PAGES: u32 = 4;

/// Does the benchmark; none if it is not of this list.
pub fn measure(world: &mut World, name: &str) -> Option<Result<Summary, Trouble>> {
    Some(match name {
        "kill-one" => kill_one(world),
        "move-task" => move_task(world),
        "freeze-thaw" => freeze_thaw(world),
        "sleep" => world.samples.of(ROUNDS, || {
            time::sleep(1)?;
            Ok(())
        }),
        "offer" => offer(world),
        "ring" => world.samples.of(ROUNDS, || {
            Watcher::open(1)?;
            Ok(())
        }),
        "open-close-watched" => watched(world),
        _ => return None,
    })
}

/// A task of the low band, which never comes to run while it is measured.
fn idle(world: &World, group: GroupId) -> Result<TaskId, Trouble> {
    Ok(world.spawn(Some(group), format_args!("hold"))?)
}

fn kill_one(world: &mut World) -> Result<Summary, Trouble> {
    let group = limits::open_group(Some(world.low))?;
    world.samples.clear();
    for _ in 0..ROUNDS {
        world.idle_tasks(group, 1)?;
        let child = process::children(None)?.items.last().copied();
        let child = child.ok_or_else(Trouble::here)?;
        let taken = world.samples.time(|| {
            process::kill(child)?;
            process::wait(Some(child))?;
            Ok(())
        })?;
        world.samples.push(taken);
    }
    limits::close_group(group)?;
    Ok(world.samples.summary())
}

fn move_task(world: &mut World) -> Result<Summary, Trouble> {
    let (here, there) = (
        limits::open_group(Some(world.low))?,
        limits::open_group(Some(world.low))?,
    );
    let task = idle(world, here)?;
    let mut to = [there, here].into_iter().cycle();
    let summary = world.samples.of(ROUNDS, || {
        let to = to.next().ok_or_else(Trouble::here)?;
        Ok(process::move_task(task, to)?)
    });
    end(task)?;
    limits::close_group(here)?;
    limits::close_group(there)?;
    summary
}

fn freeze_thaw(world: &mut World) -> Result<Summary, Trouble> {
    let group = limits::open_group(Some(world.low))?;
    let task = idle(world, group)?;
    let summary = world.samples.of(ROUNDS, || {
        process::freeze(group)?;
        process::thaw(group)?;
        Ok(())
    });
    end(task)?;
    limits::close_group(group)?;
    summary
}

fn end(task: TaskId) -> Result<(), Trouble> {
    process::kill(task)?;
    process::wait(Some(task))?;
    Ok(())
}

fn offer(world: &mut World) -> Result<Summary, Trouble> {
    let region = memory::create_region(PAGES)?;
    let to = idle(world, world.low)?;
    let summary = world.samples.of(ROUNDS, || {
        let offered = memory::share(region, to, Access::Read)?;
        Ok(memory::destroy_region(offered)?)
    });
    end(to)?;
    memory::destroy_region(region)?;
    summary
}

/// The same as `open-close`, while a ring hears of it.
fn watched(world: &mut World) -> Result<Summary, Trouble> {
    let mut watcher = Watcher::open(1)?;
    watcher.watch(None, Kinds::ALL)?;
    world.samples.of(ROUNDS, || {
        let group = limits::open_group(None)?;
        Ok(limits::close_group(group)?)
    })
}
