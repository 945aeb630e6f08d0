//! Pages: reserved, granted when touched, and given back.

use client::interfaces::memory::{
    Access, CreateRegionRefusal, MapRefusal, PAGE_BYTES, REGION_PAGES, RegionId, RegionRefusal,
};
use client::interfaces::process::{ExitReason, SpawnRefusal};
use client::interfaces::provision::{Cause, CreateRefusal};
use client::interfaces::{Amounts, CallError, Limit, Resource};
use client::{limits, memory, process};

use crate::failure::Failure;
use crate::partner::Partner;
use crate::world::World;

/// How often the same thing is done to see that nothing is lost on the way.
const TIMES: u32 = 1000;

fn touch(address: u32, page: u32) {
    let byte = u64::from(address).saturating_add(u64::from(page).saturating_mul(PAGE_BYTES));
    // SAFETY: the callers touch pages of regions that they have just mapped, and nothing else is in there.
    unsafe { (byte as *mut u8).write_volatile(7) };
}

fn value(address: u32) -> u8 {
    // SAFETY: as above.
    unsafe { (address as *const u8).read_volatile() }
}

pub fn regions_are_reserved_mapped_touched_and_given_back(
    world: &mut World,
) -> Result<(), Failure> {
    let before = world.account(world.own)?.usage;
    let used = |kind: Resource| -> Result<u64, Failure> {
        Ok(world
            .usage(world.own, kind)?
            .saturating_sub(before.get(kind)))
    };
    let region = memory::create_region(10)?;
    equal!(
        "reserved and granted",
        (used(Resource::Commit)?, used(Resource::Frames)?),
        (10, 0)
    );
    let address = memory::map(region, None, Access::ReadWrite)?;
    for page in 0..4 {
        touch(address, page);
    }
    equal!(
        "reserved and granted",
        (used(Resource::Commit)?, used(Resource::Frames)?),
        (10, 4)
    );
    let account = memory::read_region(region)?;
    equal!("pages", (account.pages, account.resident), (10, 4));
    equal!(
        "payer and address",
        (account.payer, account.address),
        (world.own, Some(address))
    );
    // Unmapped and mapped elsewhere, it is the same memory.
    memory::unmap(region)?;
    refused!(memory::unmap(region), RegionRefusal::NotMapped);
    equal!("granted", used(Resource::Frames)?, 4);
    equal!("address", memory::read_region(region)?.address, None);
    let elsewhere = memory::map(region, Some(0x4000_0000), Access::ReadWrite)?;
    equal!("elsewhere", elsewhere, 0x4000_0000);
    equal!("what was written", value(elsewhere), 7);
    equal!("what was not", value(elsewhere.saturating_add(9 * 4096)), 0);
    equal!("granted", used(Resource::Frames)?, 5);
    memory::destroy_region(region)?;
    equal!(
        "reserved and granted",
        (used(Resource::Commit)?, used(Resource::Frames)?),
        (0, 0)
    );
    Ok(())
}

pub fn what_the_machine_cannot_keep_is_refused_when_it_is_reserved(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.group()?;
    let mut partner = Partner::start(world, group)?;
    let reserved = world.usage(group, Resource::Commit)?;
    let mut pages = REGION_PAGES;
    let mut regions = heapless::Vec::<RegionId, 256>::new();
    // As large as they can be, then smaller ones, until not a page more is promised.
    while pages > 0 && !regions.is_full() {
        match partner.create(pages) {
            Ok(region) => {
                let _ = regions.push(region);
            }
            Err(_) => pages /= 2,
        }
    }
    let now = memory::commit()?;
    equal!("all that may be promised", now.promised, now.most);
    // What is promised is kept: nobody gets a task out of it either, and whoever asks is told why.
    match memory::create_region(1) {
        Err(CallError::Refused(CreateRegionRefusal::OutOfMemory)) => {}
        other => fail!("one page more: {other:?}"),
    }
    match world.spawn(None, format_args!("exit 0")) {
        Err(CallError::Refused(SpawnRefusal::Memory(CreateRefusal::OutOfMemory))) => {}
        other => fail!("one task more: {other:?}"),
    }
    for region in regions {
        partner.destroy(region)?;
    }
    equal!("reserved", world.usage(group, Resource::Commit)?, reserved);
    partner.exit(world)?;
    world.content(None, format_args!("exit 0"))
}

pub fn wrong_mappings_are_refused(world: &mut World) -> Result<(), Failure> {
    refused!(memory::create_region(0), CreateRegionRefusal::BadSize);
    refused!(
        memory::create_region(REGION_PAGES.saturating_add(1)),
        CreateRegionRefusal::BadSize
    );
    refused!(
        memory::create_region(u32::MAX),
        CreateRegionRefusal::BadSize
    );
    let region = memory::create_region(4)?;
    let other = memory::create_region(4)?;
    for address in [
        0,
        0x1000,
        0x20_0000,
        0x24_0000,
        0xffff,
        0x2000_0001,
        0xefff_f000,
        0xf000_0000,
        0xffff_f000,
    ] {
        refused!(
            memory::map(region, Some(address), Access::ReadWrite),
            MapRefusal::BadAddress
        );
    }
    let address = memory::map(region, Some(0x3000_0000), Access::ReadWrite)?;
    refused!(memory::map(region, None, Access::Read), MapRefusal::Mapped);
    for overlapping in [0x2fff_d000, 0x2fff_f000, address, 0x3000_3000] {
        refused!(
            memory::map(other, Some(overlapping), Access::Read),
            MapRefusal::Taken
        );
    }
    memory::map(other, Some(0x3000_4000), Access::Read)?;
    memory::destroy_region(other)?;
    memory::destroy_region(region)?;
    refused!(memory::read_region(region), RegionRefusal::UnknownRegion);
    equal!(
        "regions",
        world.usage(world.own, Resource::Commit)?,
        world.account(world.own)?.usage.get(Resource::Commit)
    );
    Ok(())
}

pub fn a_page_is_read_only_where_it_is_mapped_so(world: &mut World) -> Result<(), Failure> {
    match world.run(None, format_args!("read-only"))? {
        ExitReason::Fault(Cause::BadAddress {
            address: 0x2000_0000,
            ..
        }) => Ok(()),
        other => fail!("{other:?}"),
    }
}

pub fn another_tasks_region_is_unknown(world: &mut World) -> Result<(), Failure> {
    let region = memory::create_region(1)?;
    let result = world.content(
        None,
        format_args!("foreign {} {}", region.index, region.generation),
    );
    memory::destroy_region(region)?;
    result
}

pub fn stale_region_ids_are_refused(_world: &mut World) -> Result<(), Failure> {
    let old = memory::create_region(1)?;
    memory::destroy_region(old)?;
    for _ in 0..8 {
        let new = memory::create_region(1)?;
        ensure!(new != old, "the id {old:?} is used again");
        refused!(
            memory::map(old, None, Access::Read),
            MapRefusal::UnknownRegion
        );
        refused!(memory::read_region(old), RegionRefusal::UnknownRegion);
        refused!(memory::destroy_region(old), RegionRefusal::UnknownRegion);
        equal!("the new one's pages", memory::read_region(new)?.pages, 1);
        memory::destroy_region(new)?;
    }
    let nobody = RegionId {
        index: u32::MAX,
        generation: u32::MAX,
    };
    refused!(memory::unmap(nobody), RegionRefusal::UnknownRegion);
    Ok(())
}

pub fn frames_arrive_zeroed_after_another_group_used_them(
    world: &mut World,
) -> Result<(), Failure> {
    const PAGES: u32 = 1500;
    for _ in 0..2 {
        let (writer, reader) = (world.group()?, world.group()?);
        let free = process::pool()?.free;
        world.content(Some(writer), format_args!("fill {PAGES}"))?;
        equal!("free pages", process::pool()?.free, free);
        world.content(Some(reader), format_args!("zeroed {PAGES}"))?;
        for group in [writer, reader] {
            ensure!(
                world.account(group)?.peak.get(Resource::Frames) >= u64::from(PAGES),
                "the pages were not there"
            );
            limits::close_group(group)?;
        }
    }
    Ok(())
}

pub fn every_page_of_a_task_has_come_back_before_its_parent_hears(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.group()?;
    let before = process::pool()?;
    for pages in [1, 10, 513, 1200] {
        world.content(Some(group), format_args!("touch {pages}"))?;
        let after = process::pool()?;
        equal!("usage", world.account(group)?.usage, Amounts::NONE);
        equal!(
            "free",
            (after.free, after.free_slots),
            (before.free, before.free_slots)
        );
        equal!(
            "regions and largest",
            (after.regions, after.largest),
            (before.regions, before.largest)
        );
    }
    Ok(())
}

pub fn a_killed_task_gives_everything_back_1000_times_in_a_row(
    world: &mut World,
) -> Result<(), Failure> {
    const PAGES: u32 = 40;
    let group = world.group()?;
    hold_and_kill(world, group, PAGES)?;
    // From now on the group may have exactly what it came to, of everything: whatever did not come back would be
    // missing in the next round.
    let peak = world.account(group)?.peak;
    for (kind, amount) in peak.iter() {
        limits::set_limit(group, kind, Limit::At(amount))?;
    }
    let before = process::pool()?;
    for round in 1..=TIMES {
        hold_and_kill(world, group, PAGES)?;
        let (account, pool) = (world.account(group)?, process::pool()?);
        equal!("usage", account.usage, Amounts::NONE);
        ensure!(
            account.peak == peak,
            "round {round}: {:?}, not {peak:?}",
            account.peak
        );
        ensure!(
            account.refusals.is_none(),
            "round {round}: refused {:?}",
            account.refusals
        );
        equal!(
            "free",
            (pool.free, pool.free_slots),
            (before.free, before.free_slots)
        );
        equal!(
            "regions and largest",
            (pool.regions, pool.largest),
            (before.regions, before.largest)
        );
    }
    Ok(())
}

fn hold_and_kill(
    world: &World,
    group: client::interfaces::GroupId,
    pages: u32,
) -> Result<(), Failure> {
    let task = world.start(Some(group), format_args!("hold {pages}"))?;
    world.until("pages held", || {
        Ok(world.usage(group, Resource::Groups)? == 1)
    })?;
    ensure!(
        world.usage(group, Resource::Frames)? > u64::from(pages),
        "the pages are not there"
    );
    process::kill(task)?;
    equal!(
        "end",
        world.end_of(task)?,
        ExitReason::Killed { by: world.task }
    );
    Ok(())
}
