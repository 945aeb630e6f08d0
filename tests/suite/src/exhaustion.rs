//! When something runs out: who asked is told, the others go on, and what comes back is as good as new.

use client::interfaces::memory::{Access, PAGE_BYTES, RegionId};
use client::interfaces::process::{ExitReason, SpawnRefusal};
use client::interfaces::provision::{Cause, CreateRefusal, ProgramId, RingRefusal};
use client::interfaces::{CallError, GroupId, Limit, Resource};
use client::{limits, memory, process};

use crate::failure::Failure;
use crate::world::{World, balanced};

/// Where the suite has tables already.
const HERE: u32 = 0x3000_0000;
const THERE: u32 = 0x4000_0000;
/// Pages that are used again.
const PAGES: u32 = 64;
/// The address spaces that clients can have: all that the kernel has, without those of the servers and the root task, and
/// what the ASID pools keep for themselves.
const SPACES: u64 = 4088;
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

/// Starts tasks of a program in a group until that is refused; how many there were, and why.
fn crowd(program: ProgramId, group: GroupId) -> Result<(u64, SpawnRefusal), Failure> {
    let mut count = 0_u64;
    loop {
        match process::spawn_with(program, Some(group), format_args!("idle")) {
            Ok(_) => count = count.saturating_add(1),
            Err(CallError::Refused(refusal)) => return Ok((count, refusal)),
            Err(other) => return Err(other.into()),
        }
    }
}

/// A crowd is counted right, who is there is served as ever, and when the crowd has gone everybody is again.
fn crowd_leaves(world: &World, group: GroupId, count: u64) -> Result<(), Failure> {
    equal!("tasks", world.usage(group, Resource::Tasks)?, count);
    balanced(group)?;
    memory::destroy_region(dirty(HERE)?)?;
    equal!("room", limits::who_am_i()?.task, world.task);
    let receipt = process::kill_group(group)?;
    equal!("the receipt", receipt.returned, receipt.held);
    // All of those ends are waited for.
    while process::wait(None).is_ok() {}
    world.content(None, format_args!("exit 0"))
}

pub fn tasks_are_made_until_something_runs_out_and_all_of_it_comes_back(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.low_group()?;
    let before = process::pool()?;
    let (count, refusal) = crowd(world.assist, group)?;
    // Slots for the pages that all of them share are what is used up.
    equal!(
        "the refusal",
        refusal,
        SpawnRefusal::Memory(CreateRefusal::OutOfMemory)
    );
    let left = process::pool()?;
    // Fewer than one more needs, which depends on the program's size. (Two kits gave theirs besides.)
    let taken = before.free_slots.saturating_sub(left.free_slots);
    let each = taken.checked_div(count).unwrap_or(0).saturating_add(8);
    ensure!(
        left.free_slots < each && left.free > 1000 && count > 200,
        "{count} tasks, {} slots and {} pages left",
        left.free_slots,
        left.free
    );
    crate::figures::figure("tasks-until-slots-run-out", count)?;
    crowd_leaves(world, group, count)
}

pub fn address_spaces_are_made_until_none_is_left_and_all_of_them_come_back(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.low_group()?;
    let (count, refusal) = crowd(process::find_program("idler")?, group)?;
    equal!(
        "the refusal",
        refusal,
        SpawnRefusal::Memory(CreateRefusal::OutOfSpaces)
    );
    // The suite has one of all that clients can have.
    equal!("address spaces", count.saturating_add(1), SPACES);
    // Again, now that the last has met the end.
    match process::spawn_with(world.assist, Some(group), format_args!("idle")) {
        Err(CallError::Refused(SpawnRefusal::Memory(CreateRefusal::OutOfSpaces))) => {}
        other => fail!("one more: {other:?}"),
    }
    // With one that goes another can come.
    let one = process::children(None)?.items.first().copied();
    let one = one.ok_or_else(|| Failure::new(format_args!("no children")))?;
    process::kill(one)?;
    world.end_of(one)?;
    world.start(Some(group), format_args!("idle"))?;
    crowd_leaves(world, group, count)
}

pub fn all_memory_is_touched_until_none_is_left_and_all_of_it_comes_back(
    world: &mut World,
) -> Result<(), Failure> {
    // More can be reserved here than the machine has, so that a touch may find nothing.
    let (group, region) = (world.group()?, dirty(HERE)?);
    let before = process::pool()?;
    let (mut held, mut ended) = (0_u64, 0_u32);
    // Ever smaller ones, down to a task that touches next to nothing.
    let mut pages = 16_384_u32;
    while pages > 0 {
        match world.spawn(Some(group), format_args!("hold {pages}")) {
            Ok(_) if holds_or_ends(world, group, held)? => held = held.saturating_add(1),
            Ok(task) => {
                // It met the end of all memory, and it alone.
                let reason = world.end_of(task)?;
                equal!("its end", reason, ExitReason::Fault(Cause::OutOfMemory));
                (pages, ended) = (pages / 2, ended.saturating_add(1));
            }
            Err(CallError::Refused(SpawnRefusal::Memory(CreateRefusal::OutOfMemory))) => break,
            Err(other) => return Err(other.into()),
        }
    }
    ensure!(held > 5 && ended > 5, "{held} hold memory, {ended} ended");
    // What is left goes for tasks that never run.
    let idle = limits::open_group(Some(world.low))?;
    let (_, refusal) = crowd(world.assist, idle)?;
    equal!(
        "the refusal",
        refusal,
        SpawnRefusal::Memory(CreateRefusal::OutOfMemory)
    );
    let left = process::pool()?.free;
    ensure!(left < 8, "{left} pages are left");
    refused!(client::events::Watcher::open(16), RingRefusal::OutOfMemory);
    // Who has what it needs is served as ever.
    touch(HERE, PAGES);
    equal!("its size", memory::read_region(region)?.resident, PAGES);
    for group in [group, idle] {
        balanced(group)?;
        let receipt = process::kill_group(group)?;
        equal!("the receipt", receipt.returned, receipt.held);
    }
    while process::wait(None).is_ok() {}
    crate::world::nothing_lost(&before)?;
    world.content(None, format_args!("touch {PAGES}"))?;
    Ok(memory::destroy_region(region)?)
}

/// Waits until one more than `held` tasks of a group hold their memory, or one has ended; whether they hold it.
fn holds_or_ends(world: &World, group: GroupId, held: u64) -> Result<bool, Failure> {
    let mut holds = false;
    world.until("a task holds its memory, or ends", || {
        // Each of them opens a group when it does.
        holds = world.usage(group, Resource::Groups)? > held;
        Ok(holds || world.usage(group, Resource::Tasks)? == held)
    })?;
    Ok(holds)
}
