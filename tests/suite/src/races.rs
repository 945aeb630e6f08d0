//! Threads and tasks that want the same at the same time.

use client::interfaces::process::ExitReason;
use client::interfaces::provision::Cause;
use client::interfaces::{Amounts, Resource};
use client::{limits, process};

use crate::boundary::code;
use crate::failure::Failure;
use crate::figures::figure;
use crate::world::{World, nothing_lost};

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
            let found = process::audit(group)?;
            equal!("audit", found.held, found.ledger);
        }
    }
    nothing_lost(&pool)
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
