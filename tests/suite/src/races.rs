//! Threads and tasks that want the same at the same time.

use client::interfaces::process::ExitReason;
use client::interfaces::provision::Cause;
use client::interfaces::{Amounts, Resource};
use client::{limits, process};

use crate::boundary::code;
use crate::failure::Failure;
use crate::figures::figure;
use crate::world::{World, balanced, nothing_lost};

/// The most instructions from a moment to the answer of a call that is to be made then, beside a large region's end: a
/// slice of that, the clock's interrupt, and the call itself.
const WAIT: u64 = 50_000;
/// Pages of that region.
const PAGES: u32 = 6000;

/// The bands in which threads race: their own, below the servers, where each fault is served before the next thread
/// runs, and the servers' own, where faults queue.
fn bands(world: &World) -> [client::interfaces::GroupId; 2] {
    [world.own, world.top]
}

pub fn threads_that_touch_one_fresh_page_at_once_get_it_once(
    world: &mut World,
) -> Result<(), Failure> {
    for band in bands(world) {
        let group = limits::open_group(Some(band))?;
        // Somebody keeps the servers busy, so that faults wait for each other.
        let busy = limits::open_group(Some(band))?;
        let noise = world.start(Some(busy), format_args!("busy 40000000"))?;
        world.content(Some(group), format_args!("race-pages 400"))?;
        equal!("usage", world.account(group)?.usage, Amounts::NONE);
        let peak = world.account(group)?.peak.get(Resource::Frames);
        ensure!((400..600).contains(&peak), "{peak} frames for 400 pages");
        equal!(
            "the noise",
            world.end_of(noise)?,
            ExitReason::Exited { code: 0 }
        );
    }
    Ok(())
}

pub fn a_region_can_be_unmapped_while_another_thread_faults_on_it(
    world: &mut World,
) -> Result<(), Failure> {
    let pool = process::pool()?;
    for band in bands(world) {
        let group = limits::open_group(Some(band))?;
        for pages in [1, 30, 400] {
            match world.run(Some(group), format_args!("unmap-race {pages}"))? {
                // The other thread lost its page, or never touched one again.
                ExitReason::Fault(Cause::BadAddress { .. }) | ExitReason::Exited { code: 0 } => {}
                other => fail!("{pages} pages: {other:?}"),
            }
            equal!("usage", world.account(group)?.usage, Amounts::NONE);
            balanced(group)?;
        }
    }
    nothing_lost(&pool)
}

/// The most instructions that a fault may wait for what is done for another group: issue 4's.
const FAULT_WAITS: u64 = 50_000;
/// What a task of a lower band has the servers do, while the faults of another group's are timed. That is in the servers' own
/// band: what servers do for a task that has ended, nobody below them interrupts (CAVEATS).
const LARGE: [(&str, &str, u64); 5] = [
    (
        "destroy 6000 5",
        "fault-beside-a-large-regions-end-instructions",
        FAULT_WAITS,
    ),
    (
        "large clone 3000 4",
        "fault-beside-large-clones-instructions",
        FAULT_WAITS,
    ),
    (
        "large fork 1500 4",
        "fault-beside-large-forks-instructions",
        FAULT_WAITS,
    ),
    (
        "large resize 4000 4",
        "fault-beside-large-resizes-instructions",
        FAULT_WAITS,
    ),
    (
        "large ring 1 60",
        "fault-beside-large-rings-instructions",
        FAULT_WAITS,
    ),
];

/// How long the faults of a neighbour took at most, who is at it already when `busy` begins.
fn longest_wait(
    world: &mut World,
    busy: impl FnOnce(&mut World) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let near = limits::open_group(Some(world.top))?;
    let neighbour = world.start(Some(near), format_args!("late-faults 300"))?;
    busy(world)?;
    match code(world.end_of(neighbour)?) {
        Some(longest) => Ok(longest),
        None => fail!("the neighbour was not content"),
    }
}

pub fn a_neighbours_fault_waits_for_a_slice_of_whatever_is_large(
    world: &mut World,
) -> Result<(), Failure> {
    for (what, name, most) in LARGE {
        let large = world.low_group()?;
        let busy = world.start(Some(large), format_args!("{what}"))?;
        let longest = longest_wait(world, |_| Ok(()))?;
        equal!(what, world.end_of(busy)?, ExitReason::Exited { code: 0 });
        figure(name, longest)?;
        ensure!(
            longest <= most,
            "beside {what} a fault took {longest} instructions"
        );
    }
    let longest = longest_wait(world, |_| {
        let found = client::truth::inspect()?;
        ensure!(found.wrong.is_none(), "{found}");
        Ok(())
    })?;
    figure("fault-beside-an-inspection-instructions", longest)?;
    ensure!(
        longest <= FAULT_WAITS,
        "beside an inspection of the machine a fault took {longest} instructions"
    );
    Ok(())
}

pub fn a_neighbour_waits_for_a_slice_of_a_large_regions_end_only(
    world: &mut World,
) -> Result<(), Failure> {
    // The one works while the other sleeps.
    let (large, near) = (world.low_group()?, world.group()?);
    let destroyer = world.start(Some(large), format_args!("destroy {PAGES} 5"))?;
    let neighbour = world.start(Some(near), format_args!("lateness 700"))?;
    let longest = code(world.end_of(neighbour)?);
    equal!(
        "the destroyer",
        world.end_of(destroyer)?,
        ExitReason::Exited { code: 0 }
    );
    let Some(longest) = longest else {
        fail!("the neighbour was not content")
    };
    figure(
        "longest-call-beside-a-large-regions-end-instructions",
        longest,
    )?;
    ensure!(longest <= WAIT, "a call took {longest} instructions");
    Ok(())
}
