//! Copy-on-write: what a clone shows, what a write copies, and who pays for it.

use client::interfaces::memory::{Access, CloneRefusal, RegionId};
use client::interfaces::process::ExitReason;
use client::interfaces::provision::Cause;
use client::interfaces::{Limit, Resource};
use client::{limits, memory, process};

use crate::failure::Failure;
use crate::objects::at;
use crate::partner::Partner;
use crate::world::{World, balanced};

fn store(address: u64, page: u64, value: u64) {
    // SAFETY: the callers name pages of regions that they have mapped, and nothing else is in there.
    unsafe { (at(address, page) as *mut u64).write_volatile(value) };
}

fn load(address: u64, page: u64) -> u64 {
    // SAFETY: as above.
    unsafe { (at(address, page) as *const u64).read_volatile() }
}

fn mapped(region: RegionId, address: u32) -> Result<u64, Failure> {
    Ok(u64::from(memory::map(
        region,
        Some(address),
        Access::ReadWrite,
    )?))
}

pub fn a_page_is_copied_when_either_writes_and_reads_never_copy(
    world: &mut World,
) -> Result<(), Failure> {
    const PAGES: u64 = 100;
    let region = memory::create_region(128)?;
    let here = mapped(region, 0x3000_0000)?;
    for page in 0..PAGES {
        store(here, page, page);
    }
    let frames = || world.usage(world.own, Resource::Frames);
    let (before, reserved) = (frames()?, world.usage(world.own, Resource::Commit)?);
    let clone = memory::clone_region(region)?;
    equal!(
        "reserved at the clone",
        world.usage(world.own, Resource::Commit)?,
        reserved.saturating_add(128)
    );
    let there = mapped(clone, 0x3010_0000)?;
    for page in 0..PAGES {
        equal!("what was there", load(there, page), page);
    }
    equal!("reads copied", frames()?.saturating_sub(before), 0);
    for page in 0..10 {
        store(there, page, 1000);
        store(here, page.saturating_add(10), 2000);
    }
    equal!("writes copied", frames()?.saturating_sub(before), 20);
    // Now each has these for itself: nothing more is copied.
    for page in 0..10 {
        store(here, page, 3000);
        store(there, page.saturating_add(10), 4000);
    }
    equal!("writes copied", frames()?.saturating_sub(before), 20);
    for page in 0..PAGES {
        let (mine, its) = match page {
            0..10 => (3000, 1000),
            10..20 => (2000, 4000),
            _ => (page, page),
        };
        equal!(
            "the pages",
            (load(here, page), load(there, page)),
            (mine, its)
        );
    }
    memory::destroy_region(region)?;
    equal!("what was there", load(there, 50), 50);
    let left = frames()?;
    store(there, 50, 5000);
    equal!("the last one copied", frames()?, left);
    memory::destroy_region(clone)?;
    Ok(())
}

pub fn of_three_generations_of_clones_the_middle_one_can_go(
    world: &mut World,
) -> Result<(), Failure> {
    let first = memory::create_region(4)?;
    let here = mapped(first, 0x3000_0000)?;
    for page in 0..3 {
        store(here, page, 1);
    }
    let second = memory::clone_region(first)?;
    let there = mapped(second, 0x3000_8000)?;
    store(there, 1, 2);
    let third = memory::clone_region(second)?;
    let last = mapped(third, 0x3001_0000)?;
    memory::destroy_region(second)?;
    equal!(
        "what the last one shows",
        [0, 1, 2].map(|page| load(last, page)),
        [1, 2, 1]
    );
    memory::destroy_region(first)?;
    let frames = world.usage(world.own, Resource::Frames)?;
    for page in 0..3 {
        store(last, page, 3);
    }
    equal!(
        "copied for the last user",
        world.usage(world.own, Resource::Frames)?,
        frames
    );
    Ok(memory::destroy_region(third)?)
}

pub fn a_copied_page_is_charged_to_whoever_writes(world: &mut World) -> Result<(), Failure> {
    let (first, second) = (world.group()?, world.group()?);
    let mut source = Partner::start(world, first)?;
    let mut copier = Partner::start(world, second)?;
    let region = source.create(8)?;
    let here = source.map(region, Access::ReadWrite)?;
    for page in 0..4 {
        source.write(at(here, page), page)?;
    }
    let shared = source.share(region, copier.task, Access::Read)?;
    copier.accept(shared)?;
    let clone = copier.clone(shared)?;
    copier.destroy(shared)?;
    let there = copier.map(clone, Access::ReadWrite)?;
    let frames = || -> Result<(u64, u64), Failure> {
        Ok((
            world.usage(first, Resource::Frames)?,
            world.usage(second, Resource::Frames)?,
        ))
    };
    let (paid, taken) = frames()?;
    equal!("what was there", copier.read(at(there, 3))?, 3);
    equal!("for reading", frames()?, (paid, taken));
    copier.write(at(there, 0), 100)?;
    equal!(
        "the writer pays",
        frames()?,
        (paid, taken.saturating_add(1))
    );
    // At its limit, too: what another made of its memory must not cost it anything.
    limits::set_limit(first, Resource::Frames, Limit::At(paid))?;
    source.write(at(here, 1), 101)?;
    equal!(
        "who wanted what the writer parts with pays",
        frames()?,
        (paid, taken.saturating_add(2))
    );
    source.exit(world)?;
    for (page, expected) in [(0, 100), (1, 1), (2, 2), (3, 3)] {
        equal!("the clone", copier.read(at(there, page))?, expected);
    }
    equal!(
        "nothing is left to its first payer",
        world.usage(first, Resource::Frames)?,
        0
    );
    let receipt = process::kill_group(first)?;
    equal!("the receipt", receipt.returned, receipt.held);
    equal!("what was there", copier.read(at(there, 2))?, 2);
    equal!(
        "and pays",
        world.usage(second, Resource::Frames)?,
        taken.saturating_add(4)
    );
    copier.exit(world)
}

/// A reader that cannot pay for what it cloned loses it; the writer never notices.
pub fn a_stranger_that_cannot_pay_for_its_clone_loses_it_and_the_payer_nothing(
    world: &mut World,
) -> Result<(), Failure> {
    let (first, second) = (world.group()?, world.group()?);
    let mut source = Partner::start(world, first)?;
    let mut copier = Partner::start(world, second)?;
    let region = source.create(4)?;
    let here = source.map(region, Access::ReadWrite)?;
    for page in 0..4 {
        source.write(at(here, page), page)?;
    }
    let shared = source.share(region, copier.task, Access::Read)?;
    copier.accept(shared)?;
    let clone = copier.clone(shared)?;
    let there = copier.map(clone, Access::Read)?;
    equal!("what was there", copier.read(at(there, 2))?, 2);
    let frames = |group| world.usage(group, Resource::Frames);
    let before = (frames(first)?, frames(second)?);
    limits::set_limit(first, Resource::Frames, Limit::At(before.0))?;
    limits::set_limit(second, Resource::Frames, Limit::At(before.1))?;
    source.write(at(here, 2), 102)?;
    equal!(
        "nobody pays more",
        (frames(first)?, frames(second)?),
        before
    );
    equal!("what the payer wrote", source.read(at(here, 2))?, 102);
    let end = copier.dies(world, at(there, 2), Access::Read)?;
    equal!(
        "the stranger's end",
        end,
        ExitReason::Fault(Cause::PayerKilled)
    );
    for group in [first, second] {
        balanced(group)?;
    }
    source.exit(world)
}

pub fn a_clone_is_refused_at_the_limit_and_leaves_nothing(
    world: &mut World,
) -> Result<(), Failure> {
    let region = memory::create_region(50)?;
    let here = mapped(region, 0x3000_0000)?;
    store(here, 7, 7);
    let usage = world.account(world.own)?.usage;
    let commit = usage.get(Resource::Commit);
    // The suite's own limit is not its to set; a group below is as good.
    let group = world.group()?;
    let mut partner = Partner::start(world, group)?;
    let shared = memory::share(region, partner.task, Access::Read)?;
    partner.accept(shared)?;
    let own = world.usage(group, Resource::Commit)?;
    limits::set_limit(group, Resource::Commit, Limit::At(own.saturating_add(49)))?;
    let before = world.account(group)?.usage;
    ensure!(partner.clone(shared).is_err(), "cloned beyond the limit");
    equal!("what it holds", world.account(group)?.usage, before);
    limits::set_limit(group, Resource::Commit, Limit::At(own.saturating_add(50)))?;
    let clone = partner.clone(shared)?;
    let there = partner.map(clone, Access::ReadWrite)?;
    equal!("what was there", partner.read(at(there, 7))?, 7);
    partner.exit(world)?;
    equal!(
        "reserved here",
        world.usage(world.own, Resource::Commit)?,
        commit
    );
    memory::destroy_region(region)?;
    refused!(memory::clone_region(region), CloneRefusal::UnknownRegion);
    Ok(())
}
