//! Births, families and ends.

use client::interfaces::accounting::TicketRefusal;
use client::interfaces::limits::ReadRefusal;
use client::interfaces::process::{ExitReason, KEPT_ENDS, SpawnRefusal, TaskRefusal, WaitRefusal};
use client::interfaces::provision::{Cause, ProgramId};
use client::interfaces::{Amounts, GroupId, Limit, Resource, TaskId};
use client::{limits, process};

use crate::failure::Failure;
use crate::world::World;

pub fn a_child_is_born_in_its_parents_group_before_its_first_instruction(
    world: &mut World,
) -> Result<(), Failure> {
    // The assistant's first call of all asks where it is.
    let own = world.own;
    world.content(None, format_args!("born {} {}", own.index, own.generation))?;
    // Before it has run at all, it is counted.
    let group = world.low_group()?;
    let child = world.start(Some(group), format_args!("idle"))?;
    let account = world.account(group)?;
    equal!(
        "tasks",
        (account.usage.get(Resource::Tasks), account.tasks_here),
        (1, 1)
    );
    let tasks = limits::list_tasks(Some(group), None)?;
    ensure!(
        tasks.items.as_slice() == [child],
        "tasks of the group: {:?}",
        tasks.items
    );
    equal!("group", process::read_task(Some(child))?.group, group);
    Ok(())
}

pub fn a_child_can_be_born_in_a_group_below(world: &mut World) -> Result<(), Failure> {
    let mut group = world.group()?;
    for _ in 0..4 {
        group = limits::open_group(Some(group))?;
        world.content(
            Some(group),
            format_args!("born {} {}", group.index, group.generation),
        )?;
    }
    Ok(())
}

pub fn spawning_above_or_beside_is_refused(world: &mut World) -> Result<(), Failure> {
    refused!(
        world.spawn(Some(GroupId::ROOT), format_args!("exit 0")),
        SpawnRefusal::Ticket(TicketRefusal::UnknownGroup)
    );
    let nobody = GroupId {
        index: u32::MAX,
        generation: 0,
    };
    refused!(
        world.spawn(Some(nobody), format_args!("exit 0")),
        SpawnRefusal::Ticket(TicketRefusal::UnknownGroup)
    );
    refused!(
        process::spawn(
            ProgramId(200),
            None,
            &client::interfaces::process::Arguments::default()
        ),
        SpawnRefusal::UnknownProgram
    );
    Ok(())
}

pub fn exit_codes_reach_the_parent(world: &mut World) -> Result<(), Failure> {
    for code in [0, 1, -1, 77, i32::MAX, i32::MIN] {
        let end = world.run(None, format_args!("exit {code}"))?;
        equal!("end", end, ExitReason::Exited { code });
    }
    Ok(())
}

pub fn a_panic_is_exit_code_101(world: &mut World) -> Result<(), Failure> {
    let end = world.run(None, format_args!("panic"))?;
    equal!("end", end, ExitReason::Exited { code: 101 });
    Ok(())
}

pub fn wait_takes_any_child_or_the_one_named(world: &mut World) -> Result<(), Failure> {
    let mut children = heapless::Vec::<TaskId, 3>::new();
    for code in 1..=3 {
        let _ = children.push(world.start(None, format_args!("exit {code}"))?);
    }
    let [first, second, third] = children.as_slice() else {
        fail!("not three children")
    };
    equal!(
        "the second",
        world.end_of(*second)?,
        ExitReason::Exited { code: 2 }
    );
    let mut others = [process::wait(None)?, process::wait(None)?];
    others.sort_unstable_by_key(|end| end.task != *first);
    equal!("the others", others.map(|end| end.task), [*first, *third]);
    refused!(process::wait(None), WaitRefusal::NoChildren);
    refused!(
        process::wait(Some(*first)),
        WaitRefusal::NotAChild | WaitRefusal::NoChildren
    );
    Ok(())
}

pub fn kill_reaches_descendants_and_groups_below_and_nobody_else(
    world: &mut World,
) -> Result<(), Failure> {
    // A task in a group below, whoever spawned it.
    let group = world.group()?;
    world.run(Some(group), format_args!("orphan"))?;
    let tasks = limits::list_tasks(Some(group), None)?;
    let [orphan] = tasks.items.as_slice() else {
        fail!("tasks left: {:?}", tasks.items)
    };
    process::kill(*orphan)?;
    equal!("tasks", world.account(group)?.tasks_here, 0);
    // A descendant in the same group.
    let child = world.start(None, format_args!("idle"))?;
    process::kill(child)?;
    equal!(
        "end",
        world.end_of(child)?,
        ExitReason::Killed { by: world.task }
    );
    // Nobody else: not a sibling, not the parent.
    let sibling = world.start(None, format_args!("idle"))?;
    for task in [sibling, world.task] {
        world.content(
            None,
            format_args!("stranger {} {}", task.index, task.generation),
        )?;
    }
    equal!(
        "the sibling",
        process::read_task(Some(sibling))?.task,
        sibling
    );
    Ok(())
}

pub fn parents_and_children_know_each_other(world: &mut World) -> Result<(), Failure> {
    let own = world.task;
    world.content(
        None,
        format_args!("child-of {} {}", own.index, own.generation),
    )?;
    world.content(None, format_args!("parent"))?;
    let child = world.start(None, format_args!("idle"))?;
    let account = process::read_task(Some(child))?;
    equal!("parent", account.parent, Some(own));
    equal!("program", account.program.as_str(), "assist");
    equal!(
        "threads and children",
        (account.threads, account.children),
        (1, 0)
    );
    let children = process::children(None)?;
    ensure!(
        children.items.as_slice() == [child],
        "children: {:?}",
        children.items
    );
    equal!("own account", process::read_task(None)?.task, own);
    Ok(())
}

pub fn an_orphan_lives_on_in_its_group(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    let end = world.run(Some(group), format_args!("orphan"))?;
    equal!("the parent's end", end, ExitReason::Exited { code: 0 });
    let account = world.account(group)?;
    equal!("tasks", account.usage.get(Resource::Tasks), 1);
    let tasks = limits::list_tasks(Some(group), None)?;
    let [orphan] = tasks.items.as_slice() else {
        fail!("tasks left: {:?}", tasks.items)
    };
    equal!("parent", process::read_task(Some(*orphan))?.parent, None);
    // Its end is nobody's to wait for.
    refused!(
        process::wait(Some(*orphan)),
        WaitRefusal::NotAChild | WaitRefusal::NoChildren
    );
    process::kill(*orphan)?;
    equal!("usage", world.account(group)?.usage, Amounts::NONE);
    Ok(())
}

pub fn what_a_task_opened_is_let_go_when_it_ends(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    world.content(Some(group), format_args!("opens 7"))?;
    let account = world.account(group)?;
    equal!("groups", account.peak.get(Resource::Groups), 7);
    equal!("children", account.children, 0);
    equal!("usage", account.usage, Amounts::NONE);
    Ok(())
}

pub fn ends_that_nobody_waits_for_are_kept_and_then_counted(
    world: &mut World,
) -> Result<(), Failure> {
    let lost_before = process::read_task(None)?.lost_ends;
    let many = KEPT_ENDS.saturating_add(5);
    let group = world.low_group()?;
    for _ in 0..many {
        let child = world.start(Some(group), format_args!("idle"))?;
        process::kill(child)?;
    }
    let lost = process::read_task(None)?
        .lost_ends
        .saturating_sub(lost_before);
    equal!("lost", lost, 5);
    for _ in 0..KEPT_ENDS {
        equal!(
            "end",
            process::wait(None)?.reason,
            ExitReason::Killed { by: world.task }
        );
    }
    refused!(process::wait(None), WaitRefusal::NoChildren);
    Ok(())
}

pub fn stale_task_ids_are_refused(world: &mut World) -> Result<(), Failure> {
    let group = world.low_group()?;
    let old = world.start(Some(group), format_args!("idle"))?;
    process::kill(old)?;
    world.end_of(old)?;
    for _ in 0..64 {
        let new = world.start(Some(group), format_args!("idle"))?;
        ensure!(new != old, "the id {old} is used again");
        refuse_all(group, old, new)?;
        process::kill(new)?;
        world.end_of(new)?;
        if new.index == old.index {
            return Ok(());
        }
    }
    fail!("the place of {old} was never used again, so nothing was shown")
}

/// Whatever is asked about a task that has ended is refused; who is in its place now is there.
pub fn refuse_all(group: GroupId, old: TaskId, new: TaskId) -> Result<(), Failure> {
    refused!(process::kill(old), TaskRefusal::UnknownTask);
    refused!(process::read_task(Some(old)), TaskRefusal::UnknownTask);
    refused!(process::wait(Some(old)), WaitRefusal::NotAChild);
    refused!(
        limits::list_tasks(Some(group), Some(old)),
        ReadRefusal::Stale
    );
    equal!("the new one", process::read_task(Some(new))?.task, new);
    Ok(())
}

pub fn threads_start_run_join_and_end(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    world.content(Some(group), format_args!("thread-work"))?;
    let account = world.account(group)?;
    equal!("usage", account.usage, Amounts::NONE);
    ensure!(
        account.peak.get(Resource::Threads) > 1,
        "no threads were counted"
    );
    Ok(())
}

pub fn an_ended_threads_ipc_buffer_is_out_of_reach(world: &mut World) -> Result<(), Failure> {
    // Its frame is free again and may be another's next. (One thread's is kept for its task's next thread.)
    match world.run(None, format_args!("ended-thread"))? {
        ExitReason::Fault(Cause::BadAddress {
            address: 0x20_2000, ..
        }) => Ok(()),
        other => fail!("{other:?}"),
    }
}

pub fn a_group_is_killed_with_a_receipt_that_is_equal(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    let below = limits::open_group(Some(group))?;
    for place in [group, below] {
        world.start(Some(place), format_args!("hold 30"))?;
        world.start(Some(place), format_args!("thread-work"))?;
    }
    world.until("pages held", || {
        Ok(world.usage(group, Resource::Groups)? >= 3)
    })?;
    let receipt = process::kill_group(group)?;
    equal!("returned", receipt.returned, receipt.held);
    ensure!(
        receipt.held.get(Resource::Frames) >= 60,
        "held {}",
        receipt.held
    );
    equal!("tasks", world.usage(group, Resource::Tasks)?, 0);
    equal!("frames", world.usage(group, Resource::Frames)?, 0);
    for _ in 0..4 {
        let end = process::wait(None)?.reason;
        let expected = matches!(
            end,
            ExitReason::GroupKilled { .. } | ExitReason::Exited { code: 0 }
        );
        ensure!(expected, "end: {end:?}");
    }
    // It admits charges again.
    world.content(Some(group), format_args!("exit 0"))
}

pub fn a_bomb_at_full_speed_cannot_outrun_the_kill(world: &mut World) -> Result<(), Failure> {
    // Not in the top band: beside the servers it would be above the suite, which then could not kill anybody.
    for parent in [world.own, world.low] {
        for _ in 0..3 {
            let group = limits::open_group(Some(parent))?;
            limits::set_limit(group, Resource::Tasks, Limit::At(40))?;
            world.start(Some(group), format_args!("bomb"))?;
            if parent == world.low {
                // Only a wait lets it run.
                world.run(Some(world.low), format_args!("share 20"))?;
            } else {
                world.until("the bomb at its limit", || {
                    Ok(limits::read_resource(Some(group), Resource::Tasks)?.peak == 40)
                })?;
            }
            let receipt = process::kill_group(group)?;
            equal!("returned", receipt.returned, receipt.held);
            equal!("tasks", world.usage(group, Resource::Tasks)?, 0);
            let account = limits::read_resource(Some(group), Resource::Tasks)?;
            ensure!(account.peak <= 40, "peak {}", account.peak);
            limits::close_group(group)?;
            process::wait(None)?;
        }
    }
    Ok(())
}
