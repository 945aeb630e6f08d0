//! Rights on groups: each one missing for each operation, what an opener has, and what outlives it.

use client::interfaces::limits::{
    Cause, FindGroupRefusal, GrantRefusal, ReadRefusal, RemoveRefusal, RevokeRefusal, Rights,
    TombstoneRefusal,
};
use client::interfaces::process::ExitReason;
use client::interfaces::{GroupId, Limit, Resource, TaskId};
use client::{limits, process};

use crate::failure::Failure;
use crate::trials::{KIND, LIMIT, Outcome, SLEEP, TRIALS};
use crate::world::World;

/// The trial that needs a task in the group.
const NEEDS_MEMBER: &str = "move_out";
/// The trial that takes a task out of the assistant's own group.
const NEEDS_WAY_OUT: &str = "move_in";

pub fn each_right_is_missed_by_each_operation_that_needs_it(
    world: &mut World,
) -> Result<(), Failure> {
    for (number, &(name, needs, _)) in TRIALS.iter().enumerate() {
        // Nothing at all, everything, and everything but one.
        let less_one = Rights::NAMES.map(|(right, _)| Rights::ALL.without(right));
        for held in [Rights::NONE, Rights::ALL].into_iter().chain(less_one) {
            let expected = if held.contains(needs) {
                Outcome::Done
            } else if held.contains(Rights::SEE) {
                Outcome::NotYours
            } else {
                Outcome::Unknown
            };
            let code = tried(world, number, held)?;
            ensure!(
                code == expected as i32,
                "{name} with {held}: {code}, and {expected:?} was expected"
            );
        }
    }
    Ok(())
}

/// What comes of a trial by an assistant beside the group, with these rights on it.
fn tried(world: &World, number: usize, held: Rights) -> Result<i32, Failure> {
    let name = TRIALS.get(number).map_or("", |&(name, ..)| name);
    let group = world.group()?;
    limits::set_limit(group, KIND, Limit::At(LIMIT))?;
    let member = if name == NEEDS_MEMBER {
        Some(world.start(Some(group), format_args!("{SLEEP}"))?)
    } else {
        None
    };
    let TaskId { index, generation } = member.unwrap_or(world.task);
    // It runs when the suite waits, so it has its rights before its first instruction.
    let child = world.start(
        Some(world.low),
        format_args!(
            "try {number} {} {} {index} {generation}",
            group.index, group.generation
        ),
    )?;
    if name == NEEDS_WAY_OUT {
        limits::grant(world.low, child, Rights::MOVE_OUT)?;
    }
    if !held.is_none() {
        limits::grant(group, child, held)?;
        let listed = limits::list_rights(Some(group))?;
        ensure!(
            listed
                .iter()
                .any(|entry| (entry.task, entry.rights) == (child, held)),
            "{listed:?} has no entry of {child}"
        );
    }
    let reason = world.end_of(child)?;
    let ExitReason::Exited { code } = reason else {
        fail!("the assistant did not exit: {reason:?}")
    };
    if let Some(member) = member {
        process::kill(member)?;
        world.end_of(member)?;
    }
    // An entry goes with its task; the group may have gone as well.
    if let Ok(listed) = limits::list_rights(Some(group)) {
        equal!("entries afterwards", listed.len(), 1);
        // What it may have made to last goes too.
        limits::unhold(group)?;
        limits::close_group(group)?;
    }
    Ok(code)
}

pub fn who_opened_a_group_has_every_right_until_it_gives_them_up(
    world: &mut World,
) -> Result<(), Failure> {
    world.content(None, format_args!("opener"))?;
    let pen = world.group()?;
    world.content(Some(pen), format_args!("opener"))?;
    limits::close_group(pen)?;
    Ok(())
}

pub fn rights_only_shrink_and_are_taken_back(world: &mut World) -> Result<(), Failure> {
    let (group, beside) = (world.group()?, world.group()?);
    let child = world.start(
        Some(world.low),
        format_args!("try 0 {} {}", group.index, group.generation),
    )?;
    let two = Rights::SEE.union(Rights::LOWER);
    limits::grant(group, child, two)?;
    limits::grant(group, child, Rights::WATCH)?;
    let all = limits::list_rights(Some(group))?;
    equal!("entries, the opener's included", all.len(), 2);
    let entry = all.iter().find(|entry| entry.task == child);
    equal!(
        "what it was given",
        entry.map(|entry| (entry.rights, entry.giver)),
        Some((two.union(Rights::WATCH), Some(world.task)))
    );
    limits::revoke(group, child, Rights::SEE)?;
    limits::revoke(group, child, Rights::ALL)?;
    refused!(
        limits::revoke(group, child, Rights::ALL),
        RevokeRefusal::NotYours
    );
    equal!("entries", limits::list_rights(Some(group))?.len(), 1);
    // Nobody hands on what it does not have: on its own group the suite is a member like any other.
    refused!(
        limits::grant(world.own, child, Rights::KILL),
        GrantRefusal::NotYours
    );
    refused!(
        limits::grant(GroupId::ROOT, child, Rights::CHARGE),
        GrantRefusal::NotYours
    );
    let nobody = client::interfaces::TaskId {
        index: child.index,
        generation: child.generation.wrapping_add(1),
    };
    refused!(
        limits::grant(beside, nobody, Rights::SEE),
        GrantRefusal::UnknownTask
    );
    equal!(
        "without its rights",
        world.end_of(child)?,
        ExitReason::Exited {
            code: Outcome::Unknown as i32
        }
    );
    limits::close_group(group)?;
    limits::close_group(beside)?;
    Ok(())
}

pub fn a_held_group_outlives_who_made_it_and_is_found_by_its_label(
    world: &mut World,
) -> Result<(), Failure> {
    let pen = world.group()?;
    world.content(Some(pen), format_args!("keeper"))?;
    let kept = limits::find_child(Some(pen), "kept")?;
    refused!(
        limits::find_child(Some(pen), "lost"),
        FindGroupRefusal::NotFound
    );
    equal!("its label", world.account(kept)?.label.as_str(), "kept");
    let inside = limits::open_group(Some(kept))?;
    refused!(limits::remove_group(kept), RemoveRefusal::NotEmpty);
    refused!(limits::read_tombstone(kept), TombstoneRefusal::Alive);
    limits::close_group(inside)?;
    limits::remove_group(kept)?;
    refused!(limits::read_account(Some(kept)), ReadRefusal::UnknownGroup);
    limits::close_group(pen)?;
    Ok(())
}

pub fn what_vanished_is_remembered_and_totals_never_run_backwards(
    world: &mut World,
) -> Result<(), Failure> {
    let pen = world.group()?;
    let before = limits::read_totals(Some(world.own))?;
    let killed = limits::open_group(Some(pen))?;
    limits::set_label(killed, "short-lived")?;
    limits::set_limit(killed, Resource::Tasks, Limit::At(1))?;
    let child = world.start(Some(killed), format_args!("spin"))?;
    ensure!(
        world.spawn(Some(killed), format_args!("exit 0")).is_err(),
        "a second task was let in"
    );
    let peak = world.account(killed)?.peak;
    limits::close_group(killed)?;
    process::kill_group(killed)?;
    world.end_of(child)?;
    let stone = limits::read_tombstone(killed)?;
    equal!("who it was", (stone.group, stone.parent), (killed, pen));
    equal!("its label", stone.label.as_str(), "short-lived");
    let by = Some(world.task);
    equal!("why it went", stone.cause, Cause::Killed { by });
    equal!("its peak of tasks", stone.peak.get(Resource::Tasks), 1);
    ensure!(
        stone.peak.checked_sub(&peak).is_some(),
        "its peaks: {}",
        stone.peak
    );
    equal!("tasks ever", stone.charged.get(Resource::Tasks), 1);
    equal!("refusals", stone.refusals.get(Resource::Tasks), 1);
    equal!("refusals in all", stone.refusals_in_all, 1);
    let mut found = false;
    let mut next = Some(0);
    while let Some(after) = next {
        let page = limits::list_tombstones(Some(pen), after)?;
        found |= page.items.contains(&killed);
        next = page.next;
    }
    ensure!(found, "{killed} is not in the list");
    let after = limits::read_totals(Some(world.own))?;
    let more = after.charged.checked_sub(&before.charged);
    let more = more.ok_or_else(|| Failure::new(format_args!("a total ran backwards")))?;
    equal!("tasks ever, above", more.get(Resource::Tasks), 1);
    equal!(
        "refusals above",
        after.refusals,
        before.refusals.saturating_add(1)
    );
    limits::close_group(pen)?;
    Ok(())
}

pub fn a_soft_limit_is_crossed_and_never_refuses(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    limits::set_soft_limit(group, Resource::Groups, Limit::At(1))?;
    let crossings = || -> Result<u64, Failure> {
        let totals = limits::read_totals(Some(group))?;
        Ok(totals.crossings.get(Resource::Groups))
    };
    let one = limits::open_group(Some(group))?;
    equal!("at the limit", crossings()?, 0);
    let two = limits::open_group(Some(group))?;
    equal!("beyond it", crossings()?, 1);
    let three = limits::open_group(Some(two))?;
    equal!("further beyond it", crossings()?, 1);
    limits::close_group(three)?;
    limits::close_group(two)?;
    limits::close_group(one)?;
    let again = limits::open_group(Some(group))?;
    let beyond = limits::open_group(Some(again))?;
    equal!("beyond it again", crossings()?, 2);
    limits::reset_refusals(group)?;
    equal!("set back", crossings()?, 0);
    let peak = || limits::read_resource(Some(group), Resource::Groups);
    equal!("the peak", peak()?.peak, 3);
    limits::reset_peaks(group)?;
    equal!("the peak, set back", peak()?.peak, 2);
    limits::close_group(beyond)?;
    limits::close_group(again)?;
    limits::close_group(group)?;
    Ok(())
}
