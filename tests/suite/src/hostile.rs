//! Clients that want to do harm.

use client::Server;
use client::interfaces::process::ExitReason;
use client::interfaces::provision::Cause;
use client::interfaces::{GroupId, Limit, Resource};
use client::{limits, process};

use crate::boundary::code;
use crate::failure::Failure;
use crate::figures::figure;
use crate::ledger::Ledger;
use crate::world::World;

/// Random messages to each server.
const MESSAGES: u32 = 100_000;
/// The slots of a client's CSpace.
const SLOTS: u64 = 16;
/// The slots that hold an endpoint.
const HELD: core::ops::RangeInclusive<u64> = 1..=5;

/// Where a server stands in the list of all.
fn place(server: Server) -> usize {
    Server::ALL
        .iter()
        .position(|&other| other == server)
        .unwrap_or(0)
}

/// The servers answer correctly: one call to each with a known answer.
fn servers_answer(world: &World) -> Result<(), Failure> {
    equal!("task", limits::who_am_i()?.task, world.task);
    equal!("own account", process::read_task(None)?.group, world.own);
    let region = client::memory::create_region(3)?;
    equal!("pages", client::memory::read_region(region)?.pages, 3);
    client::memory::destroy_region(region)?;
    world.content(
        None,
        format_args!("born {} {}", world.own.index, world.own.generation),
    )
}

/// Runs an assistant in a group where it can spawn nothing, and compares before and after.
fn harmless(world: &World, mode: core::fmt::Arguments<'_>) -> Result<ExitReason, Failure> {
    let group = confined(world)?;
    let bystander = world.low_group()?;
    world.start(Some(bystander), format_args!("idle"))?;
    let (ledger, pool) = (Ledger::read()?, process::pool()?);
    let end = world.run(Some(group), mode)?;
    Ledger::read()?.uses_what(&ledger)?;
    let after = process::pool()?;
    equal!(
        "free",
        (after.free, after.free_slots, after.regions),
        (pool.free, pool.free_slots, pool.regions)
    );
    servers_answer(world)?;
    Ok(end)
}

/// A group for one task of one thread and a little of the rest.
fn confined(world: &World) -> Result<GroupId, Failure> {
    let group = world.group()?;
    for (resource, limit) in [
        (Resource::Tasks, 1),
        (Resource::Threads, 1),
        (Resource::Groups, 8),
        (Resource::Frames, 400),
        (Resource::Commit, 1000),
    ] {
        limits::set_limit(group, resource, Limit::At(limit))?;
    }
    Ok(group)
}

fn content(mode: core::fmt::Arguments<'_>, end: ExitReason) -> Result<(), Failure> {
    match end {
        ExitReason::Exited { code: 0 } => Ok(()),
        other => fail!("assist {mode}: {other:?}"),
    }
}

fn wrong_messages(world: &World, server: Server) -> Result<(), Failure> {
    let mode = format_args!("protocol {}", place(server));
    content(format_args!("protocol"), harmless(world, mode)?)
}

pub fn every_wrong_label_length_and_capability_is_refused_by_the_proc_server(
    world: &mut World,
) -> Result<(), Failure> {
    wrong_messages(world, Server::Process)
}

pub fn every_wrong_label_length_and_capability_is_refused_by_the_memory_server(
    world: &mut World,
) -> Result<(), Failure> {
    wrong_messages(world, Server::Memory)
}

pub fn every_wrong_label_length_and_capability_is_refused_by_the_limits_server(
    world: &mut World,
) -> Result<(), Failure> {
    wrong_messages(world, Server::Limits)
}

pub fn every_wrong_label_length_and_capability_is_refused_by_the_root_task(
    world: &mut World,
) -> Result<(), Failure> {
    wrong_messages(world, Server::Console)
}

fn random_messages(world: &World, server: Server) -> Result<(), Failure> {
    let seed = 0x9e37_79b9_u64.wrapping_mul(place(server).saturating_add(1) as u64);
    let mode = format_args!("fuzz {} {seed} {MESSAGES}", place(server));
    content(format_args!("fuzz"), harmless(world, mode)?)
}

pub fn random_messages_to_the_proc_server_get_typed_answers_100000_times(
    world: &mut World,
) -> Result<(), Failure> {
    random_messages(world, Server::Process)
}

pub fn random_messages_to_the_memory_server_get_typed_answers_100000_times(
    world: &mut World,
) -> Result<(), Failure> {
    random_messages(world, Server::Memory)
}

pub fn random_messages_to_the_limits_server_get_typed_answers_100000_times(
    world: &mut World,
) -> Result<(), Failure> {
    random_messages(world, Server::Limits)
}

pub fn random_messages_to_the_root_task_get_typed_answers_100000_times(
    world: &mut World,
) -> Result<(), Failure> {
    random_messages(world, Server::Console)
}

pub fn no_invocation_on_any_slot_does_anything(world: &mut World) -> Result<(), Failure> {
    content(
        format_args!("slots"),
        harmless(world, format_args!("slots"))?,
    )?;
    // Sent without waiting for an answer: nobody else waits either. On the fault endpoint it may end the sender.
    for slot in HELD {
        for label in [0, 5, 6, 7, 40, 0x1_0100, 0x3_0100, 0x5_0103, 0x6_0103] {
            let end = harmless(world, format_args!("send {slot} {label}"))?;
            let ended = matches!(end, ExitReason::Exited { code: 0 } | ExitReason::Fault(_));
            ensure!(ended, "send {slot} {label}: {end:?}");
            take_down_groups(world)?;
        }
    }
    Ok(())
}

/// Closes what [`harmless`] opened, so that many of them fit one case.
fn take_down_groups(world: &World) -> Result<(), Failure> {
    for &group in &limits::list_children(Some(world.low), None)?.items {
        process::kill_group(group)?;
        process::wait(None)?;
        limits::close_group(group)?;
    }
    for &group in &limits::list_children(None, None)?.items {
        if group != world.low && group != world.top {
            limits::close_group(group)?;
        }
    }
    Ok(())
}

pub fn nothing_can_be_received_on_any_slot(world: &mut World) -> Result<(), Failure> {
    for slot in 0..SLOTS {
        for how in ["wait", "poll"] {
            match world.run(None, format_args!("receive {slot} {how}"))? {
                ExitReason::Fault(Cause::CapabilityFault { .. }) => {}
                other => fail!("receive {slot} {how}: {other:?}"),
            }
        }
    }
    Ok(())
}

pub fn beyond_the_last_slot_there_is_nothing(world: &mut World) -> Result<(), Failure> {
    for slot in [
        16,
        17,
        31,
        32,
        255,
        4096,
        0x1_0001,
        1 << 32,
        1 << 60,
        (1 << 60) + 1,
        u64::MAX,
    ] {
        match world.run(None, format_args!("beyond {slot}"))? {
            ExitReason::Fault(Cause::CapabilityFault { .. }) => {}
            other => fail!("call {slot:#x}: {other:?}"),
        }
    }
    Ok(())
}

pub fn a_client_that_keeps_every_server_busy_does_not_stop_its_equal(
    world: &mut World,
) -> Result<(), Failure> {
    // All of them in the servers' own band; the suite waits below it.
    let group = limits::open_group(Some(world.top))?;
    let share = code(world.run(Some(group), format_args!("contest"))?);
    ensure!(
        share.is_some_and(|share| share >= 400),
        "its equal had {share:?} per mille"
    );
    figure("share-beside-a-busy-client-per-mille", share.unwrap_or(0))
}

pub fn what_only_an_operator_may_do_is_refused_to_others(world: &mut World) -> Result<(), Failure> {
    world.content(None, format_args!("no-operator"))
}

pub fn a_flood_on_the_console_is_dropped_and_counted(world: &mut World) -> Result<(), Failure> {
    world.content(None, format_args!("flood"))
}
