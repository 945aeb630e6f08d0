//! When something runs out: who asked is told, the others go on, and what comes back is as good as new.

use client::interfaces::memory::{Access, PAGE_BYTES, RegionId};
use client::interfaces::process::{ExitReason, SpawnRefusal};
use client::interfaces::provision::{Cause, CreateRefusal};
use client::interfaces::{CallError, Limit, Resource};
use client::{limits, memory, process};

use crate::failure::Failure;
use crate::world::World;

/// Where the suite has tables already.
const HERE: u32 = 0x3000_0000;
const THERE: u32 = 0x4000_0000;
/// Pages that are used again.
const PAGES: u32 = 64;
/// The most instructions that the touch of a page may take after another's was refused.
const TOUCH: u64 = 50_000;

fn touch(address: u32, pages: u32) {
    let bytes = u64::from(pages).saturating_mul(PAGE_BYTES);
    for at in (u64::from(address)..u64::from(address).saturating_add(bytes)).step_by(8) {
        // SAFETY: the callers have just mapped so many pages there, and nothing else is in there.
        unsafe { (at as *mut u64).write_volatile(0x5ec2_e75e_c2e7_5ec2) };
    }
}

/// So many pages, all of them full of something.
fn dirty(address: u32) -> Result<RegionId, Failure> {
    let region = memory::create_region(PAGES)?;
    memory::map(region, Some(address), Access::ReadWrite)?;
    touch(address, PAGES);
    Ok(region)
}

pub fn frames_are_zeroed_after_every_kind_of_reuse(world: &mut World) -> Result<(), Failure> {
    let writer = world.group()?;
    let reader = world.group()?;
    let clean = |world: &World| world.content(Some(reader), format_args!("zeroed {}", PAGES * 2));
    // Given back, mapped and not mapped.
    memory::destroy_region(dirty(HERE)?)?;
    clean(world)?;
    let region = dirty(HERE)?;
    memory::unmap(region)?;
    memory::destroy_region(region)?;
    clean(world)?;
    // Cut off, and grown again where it was cut.
    let region = dirty(HERE)?;
    memory::resize(region, 1)?;
    clean(world)?;
    memory::resize(region, PAGES)?;
    for page in 1..PAGES {
        let at = u64::from(HERE).saturating_add(u64::from(page).saturating_mul(PAGE_BYTES));
        // SAFETY: the region is mapped there, as large as before.
        let found = unsafe { (at as *const u64).read_volatile() };
        ensure!(found == 0, "page {page} of what grew again has {found:#x}");
    }
    memory::destroy_region(region)?;
    // Copied when written to, and both given back.
    let region = dirty(HERE)?;
    let copy = memory::clone_region(region)?;
    memory::map(copy, Some(THERE), Access::ReadWrite)?;
    touch(THERE, PAGES);
    memory::destroy_region(copy)?;
    clean(world)?;
    memory::destroy_region(region)?;
    clean(world)?;
    // A task's, that ended; one's that was killed with its group; and what threads and tables were made of.
    world.content(Some(writer), format_args!("fill {PAGES}"))?;
    clean(world)?;
    for _ in 0..4 {
        world.start(Some(writer), format_args!("hold {PAGES}"))?;
        world.until("pages held", || {
            Ok(world.usage(writer, Resource::Groups)? == 1)
        })?;
        let receipt = process::kill_group(writer)?;
        equal!("the receipt", receipt.returned, receipt.held);
        clean(world)?;
    }
    Ok(())
}

pub fn a_touch_at_the_limit_ends_one_task_and_the_next_is_served_at_once(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.low_group()?;
    limits::set_limit(group, Resource::Frames, Limit::At(u64::from(PAGES)))?;
    let region = memory::create_region(PAGES)?;
    memory::map(region, Some(HERE), Access::ReadWrite)?;
    let mut longest = 0;
    for page in 0..PAGES {
        match world.run(Some(group), format_args!("touch 1000"))? {
            ExitReason::Fault(Cause::NoFrame(short)) => {
                equal!(
                    "what is short",
                    (short.resource, short.limit),
                    (Resource::Frames, u64::from(PAGES))
                );
            }
            other => fail!("beyond the limit: {other:?}"),
        }
        let start = client::clock();
        touch(HERE.saturating_add(page.saturating_mul(4096)), 1);
        longest = client::clock().saturating_sub(start).max(longest);
    }
    ensure!(
        longest < TOUCH,
        "the next touch took {longest} instructions"
    );
    memory::destroy_region(region)?;
    Ok(())
}

pub fn tasks_are_made_until_something_runs_out_and_all_of_it_comes_back(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.low_group()?;
    let mut count = 0_u32;
    let refusal = loop {
        match world.spawn(Some(group), format_args!("idle")) {
            Ok(_) => count = count.saturating_add(1),
            Err(CallError::Refused(refusal)) => break refusal,
            Err(other) => return Err(other.into()),
        }
    };
    match refusal {
        SpawnRefusal::TableFull
        | SpawnRefusal::Memory(CreateRefusal::OutOfMemory | CreateRefusal::OutOfSpaces) => {}
        other => fail!("after {count} tasks: {other:?}"),
    }
    // Slots for the pages that all of them share are what is used up.
    ensure!(count > 200, "room for {count} tasks only");
    equal!(
        "tasks",
        world.usage(group, Resource::Tasks)?,
        u64::from(count)
    );
    let found = process::audit(group)?;
    equal!("audit", found.held, found.ledger);
    // Who is there is served as ever.
    memory::destroy_region(dirty(HERE)?)?;
    equal!("room", limits::who_am_i()?.task, world.task);
    let receipt = process::kill_group(group)?;
    equal!("the receipt", receipt.returned, receipt.held);
    crate::figures::figure("tasks-until-something-runs-out", u64::from(count))?;
    // All of those ends are waited for.
    while process::wait(None).is_ok() {}
    world.content(None, format_args!("exit 0"))
}
