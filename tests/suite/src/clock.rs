//! The clock, sleep, and waits that end in time. The suite runs where an instruction takes a nanosecond.

use client::interfaces::process::{Clock, ExitReason, WaitRefusal};
use client::interfaces::{Resource, TaskId};
use client::time::{self, MILLISECOND};
use client::{limits, process};

use crate::failure::Failure;
use crate::world::World;

/// How long after its time a sleeper that is alone runs again, at most: a step of the timer, and the way from its
/// interrupt through the proc-server.
const LATE: u64 = 20_000;

pub fn the_clock_counts_instructions_exactly(_: &mut World) -> Result<(), Failure> {
    for _ in 0..100 {
        let before = client::clock();
        let Clock { ns } = time::now()?;
        let after = client::clock();
        ensure!(
            before < ns && ns < after,
            "{ns} is not between {before} and {after}"
        );
    }
    Ok(())
}

pub fn sleep_is_never_short_and_hardly_long(_: &mut World) -> Result<(), Failure> {
    // From nothing over less than a step of the timer to more than it can count at once.
    for ns in [
        0,
        1,
        838,
        1000,
        50_000,
        MILLISECOND,
        54 * MILLISECOND,
        250 * MILLISECOND,
    ] {
        let before = client::clock();
        let woken = time::sleep(ns)?;
        let after = client::clock();
        let due = before.saturating_add(ns);
        ensure!(
            woken.ns >= due,
            "woken {} too early",
            due.abs_diff(woken.ns)
        );
        ensure!(
            after <= due.saturating_add(LATE),
            "{} late",
            after.abs_diff(due)
        );
    }
    let before = client::clock();
    time::sleep(0)?;
    time::sleep_until(Clock { ns: 0 })?;
    let taken = client::clock().abs_diff(before);
    ensure!(taken < LATE, "no time at all took {taken}");
    Ok(())
}

pub fn a_sleeper_at_equal_intervals_does_not_drift(_: &mut World) -> Result<(), Failure> {
    let Clock { ns: start } = time::now()?;
    for round in 1..=20_u64 {
        let due = start.saturating_add(round.saturating_mul(MILLISECOND));
        let woken = time::sleep_until(Clock { ns: due })?;
        ensure!(
            woken.ns >= due && woken.ns < due.saturating_add(LATE),
            "round {round}: {} instead of {due}",
            woken.ns
        );
    }
    Ok(())
}

pub fn sleepers_wake_in_the_order_of_their_times(world: &mut World) -> Result<(), Failure> {
    const SLEEPERS: usize = 24;
    let mut sleepers = heapless::Vec::<TaskId, SLEEPERS>::new();
    for number in 0..SLEEPERS as u64 {
        // Those started first sleep longest, and the times are far apart.
        let ns = 64_u64
            .saturating_sub(number)
            .saturating_mul(4 * MILLISECOND);
        let _ = sleepers.push(world.start(None, format_args!("sleep {ns}"))?);
    }
    for &sleeper in sleepers.iter().rev() {
        let ended = process::wait(None)?;
        equal!("who woke", ended.task, sleeper);
        equal!("its end", ended.reason, ExitReason::Exited { code: 0 });
    }
    Ok(())
}

pub fn many_sleepers_of_one_instant_all_wake(world: &mut World) -> Result<(), Failure> {
    // Below the suite, which so hears of each end before the next one comes: of ends that nobody waits for only some are kept.
    let group = world.low_group()?;
    for _ in 0..40 {
        world.start(Some(group), format_args!("sleep {}", 100 * MILLISECOND))?;
    }
    for _ in 0..40 {
        let ended = process::wait(None)?;
        equal!("its end", ended.reason, ExitReason::Exited { code: 0 });
    }
    Ok(())
}

pub fn whoever_sleeps_for_ever_can_be_killed(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    for mode in ["sleep", "sleep 3600000000000", "doze 1000"] {
        for _ in 0..5 {
            world.start(Some(group), format_args!("{mode}"))?;
        }
    }
    time::sleep(5 * MILLISECOND)?;
    equal!("asleep", world.usage(group, Resource::Tasks)?, 15);
    let receipt = process::kill_group(group)?;
    equal!("returned", receipt.returned, receipt.held);
    for _ in 0..15 {
        ensure!(
            matches!(process::wait(None)?.reason, ExitReason::GroupKilled { .. }),
            "not killed"
        );
    }
    // What they were to be woken for comes and finds nobody.
    time::sleep(5 * MILLISECOND)?;
    equal!("alarms", process::figures()?.alarms, 0);
    Ok(limits::close_group(group)?)
}

pub fn a_wait_ends_in_time_and_the_end_is_not_lost(world: &mut World) -> Result<(), Failure> {
    let child = world.start(None, format_args!("sleep {}", 20 * MILLISECOND))?;
    for ns in [0, 1, MILLISECOND] {
        let before = client::clock();
        refused!(time::wait_for(Some(child), ns), WaitRefusal::TimedOut);
        let taken = client::clock().abs_diff(before);
        ensure!(
            taken >= ns && taken < ns.saturating_add(LATE),
            "{taken} for {ns}"
        );
    }
    refused!(time::wait_for(None, MILLISECOND), WaitRefusal::TimedOut);
    let ended = time::wait_for(None, u64::MAX)?;
    equal!("who", ended.task, child);
    equal!("how", ended.reason, ExitReason::Exited { code: 0 });
    refused!(time::wait_for(None, MILLISECOND), WaitRefusal::NoChildren);
    refused!(
        time::wait_for(Some(child), MILLISECOND),
        WaitRefusal::NotAChild
    );
    // An end that is kept already is given at once, also without any time.
    let child = world.start(None, format_args!("exit 3"))?;
    time::sleep(20 * MILLISECOND)?;
    let ended = time::wait_for(Some(child), 0)?;
    equal!("kept", ended.reason, ExitReason::Exited { code: 3 });
    Ok(())
}
