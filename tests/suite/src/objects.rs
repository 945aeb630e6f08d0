//! Memory that several tasks hold: who sees it, who pays for it, and when it goes.

use client::interfaces::memory::{AcceptRefusal, Access, MapRefusal, ResizeRefusal, ShareRefusal};
use client::interfaces::process::ExitReason;
use client::interfaces::provision::Cause;
use client::interfaces::{Amounts, GroupId, Limit, Resource};
use client::{limits, memory, process};

use crate::failure::Failure;
use crate::partner::Partner;
use crate::world::World;

/// A word of a page of a mapping.
pub const fn at(address: u64, page: u64) -> u64 {
    address.wrapping_add(page.wrapping_mul(4096))
}

/// What a group holds beyond what it held.
fn beyond(world: &World, group: GroupId, before: &Amounts, kind: Resource) -> Result<u64, Failure> {
    Ok(world.usage(group, kind)?.saturating_sub(before.get(kind)))
}

pub fn memory_that_two_tasks_map_is_the_same_and_charged_once(
    world: &mut World,
) -> Result<(), Failure> {
    let (paying, sharing) = (world.group()?, world.group()?);
    let mut payer = Partner::start(world, paying)?;
    let mut sharer = Partner::start(world, sharing)?;
    let region = payer.create(8)?;
    let here = payer.map(region, Access::ReadWrite)?;
    // Both have whatever they need to be asked: now only the memory itself is counted.
    let own = sharer_word(&mut sharer)?;
    sharer.write(own, 0)?;
    payer.write(here, 41)?;
    let before = [world.account(paying)?.usage, world.account(sharing)?.usage];
    payer.write(at(here, 1), 42)?;
    let offered = payer.share(region, sharer.task, Access::ReadWrite)?;
    sharer.accept(offered)?;
    let there = sharer.map(offered, Access::ReadWrite)?;
    equal!("what was written", sharer.read(there)?, 41);
    equal!("what was written", sharer.read(at(there, 1))?, 42);
    sharer.write(at(there, 2), 43)?;
    sharer.write(there, 44)?;
    equal!("what the other wrote", payer.read(at(here, 2))?, 43);
    equal!("what the other wrote", payer.read(here)?, 44);
    let [paid, taken] = before;
    equal!(
        "the payer's frames",
        beyond(world, paying, &paid, Resource::Frames)?,
        2
    );
    equal!(
        "the sharer's frames and reservation",
        (
            beyond(world, sharing, &taken, Resource::Frames)?,
            beyond(world, sharing, &taken, Resource::Commit)?
        ),
        (0, 0)
    );
    payer.exit(world)?;
    sharer.exit(world)
}

/// A word of a page that the partner has of its own, so that its tables are there.
fn sharer_word(partner: &mut Partner) -> Result<u64, Failure> {
    let region = partner.create(1)?;
    partner.map(region, Access::ReadWrite)
}

pub fn whoever_exits_first_the_memory_stays_and_its_payer_pays(
    world: &mut World,
) -> Result<(), Failure> {
    for payer_goes_first in [true, false] {
        let (paying, sharing) = (world.group()?, world.group()?);
        let mut payer = Partner::start(world, paying)?;
        let mut sharer = Partner::start(world, sharing)?;
        let region = payer.create(8)?;
        let here = payer.map(region, Access::ReadWrite)?;
        payer.write(at(here, 1), 42)?;
        let offered = payer.share(region, sharer.task, Access::ReadWrite)?;
        sharer.accept(offered)?;
        let there = sharer.map(offered, Access::ReadWrite)?;
        equal!("what was written", sharer.read(at(there, 1))?, 42);
        if payer_goes_first {
            payer.exit(world)?;
            let left = world.account(paying)?.usage;
            equal!(
                "what its payer pays",
                (left.get(Resource::Frames), left.get(Resource::Commit)),
                (1, 8)
            );
            equal!("what was written", sharer.read(at(there, 1))?, 42);
            sharer.write(at(there, 5), 1)?;
            equal!(
                "and goes on paying",
                world.usage(paying, Resource::Frames)?,
                2
            );
            sharer.exit(world)?;
        } else {
            sharer.exit(world)?;
            equal!("the sharer's", world.account(sharing)?.usage, Amounts::NONE);
            equal!("what was written", payer.read(at(here, 1))?, 42);
            payer.exit(world)?;
        }
        for group in [paying, sharing] {
            equal!("in the end", world.account(group)?.usage, Amounts::NONE);
            limits::close_group(group)?;
        }
    }
    Ok(())
}

pub fn rights_on_shared_memory_only_shrink(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    let mut reader = Partner::start(world, group)?;
    let region = memory::create_region(2)?;
    let offered = memory::share(region, reader.task, Access::Read)?;
    refused!(memory::accept(offered), AcceptRefusal::UnknownRegion);
    refused!(
        memory::map(offered, None, Access::Read),
        MapRefusal::UnknownRegion
    );
    reader.accept(offered)?;
    ensure!(
        reader
            .share(offered, world.task, Access::ReadWrite)
            .is_err(),
        "more rights were handed on than there were"
    );
    ensure!(
        reader.map(offered, Access::ReadWrite).is_err(),
        "mapped with more rights than there were"
    );
    let back = reader.share(offered, world.task, Access::Read)?;
    memory::accept(back)?;
    refused!(
        memory::map(back, None, Access::ReadWrite),
        MapRefusal::NotAllowed
    );
    refused!(
        memory::share(back, reader.task, Access::ReadWrite),
        ShareRefusal::NotAllowed
    );
    let there = reader.map(offered, Access::Read)?;
    equal!("a new page", reader.read(there)?, 0);
    let end = reader.dies(world, there, Access::ReadWrite)?;
    ensure!(
        matches!(end, ExitReason::Fault(Cause::BadAddress { .. })),
        "{end:?}"
    );
    memory::destroy_region(back)?;
    memory::destroy_region(region)?;
    Ok(())
}

pub fn a_killed_payers_memory_is_taken_from_those_who_share_it(
    world: &mut World,
) -> Result<(), Failure> {
    const PAGES: u64 = 100;
    let (paying, sharing) = (world.group()?, world.group()?);
    let mut payer = Partner::start(world, paying)?;
    let mut sharer = Partner::start(world, sharing)?;
    let region = payer.create(128)?;
    let here = payer.map(region, Access::ReadWrite)?;
    let offered = payer.share(region, sharer.task, Access::ReadWrite)?;
    sharer.accept(offered)?;
    let there = sharer.map(offered, Access::ReadWrite)?;
    for page in 0..PAGES {
        payer.write(at(here, page), page)?;
        equal!("what was written", sharer.read(at(there, page))?, page);
    }
    let receipt = process::kill_group(paying)?;
    equal!("the receipt", receipt.returned, receipt.held);
    ensure!(
        receipt.held.get(Resource::Frames) >= PAGES,
        "the pages were not its"
    );
    equal!("what is left", world.account(paying)?.usage, Amounts::NONE);
    world.end_of(payer.task)?;
    payer.gone()?;
    let end = sharer.dies(world, there, Access::Read)?;
    equal!("its end", end, ExitReason::Fault(Cause::PayerKilled));
    equal!("the sharer's", world.account(sharing)?.usage, Amounts::NONE);
    Ok(())
}

pub fn a_region_is_shown_in_parts_and_twice(world: &mut World) -> Result<(), Failure> {
    let region = memory::create_region(4)?;
    let whole = memory::map(region, Some(0x3000_0000), Access::ReadWrite)?;
    let part = memory::map_part(region, Some(0x3000_8000), Access::Read, 2, 2)?;
    let (whole, part) = (u64::from(whole), u64::from(part));
    let frames = world.usage(world.own, Resource::Frames)?;
    for page in 0..4 {
        // SAFETY: the region was just mapped there, and nothing else is in it.
        unsafe { (at(whole, page) as *mut u64).write_volatile(page) };
    }
    for page in 0..2_u64 {
        // SAFETY: as above.
        let seen = unsafe { (at(part, page) as *const u64).read_volatile() };
        equal!("the same page", seen, page.wrapping_add(2));
    }
    equal!(
        "charged once",
        world
            .usage(world.own, Resource::Frames)?
            .wrapping_sub(frames),
        4
    );
    refused!(
        memory::map_part(region, None, Access::Read, 3, 2),
        MapRefusal::BadRange
    );
    memory::unmap_part(0x3000_8000)?;
    // SAFETY: as above.
    let seen = unsafe { (at(whole, 3) as *const u64).read_volatile() };
    equal!("what is shown elsewhere stays", seen, 3);
    Ok(memory::destroy_region(region)?)
}

pub fn unmapped_while_another_task_is_faulting_on_it(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    let mut other = Partner::start(world, group)?;
    let region = memory::create_region(64)?;
    let here = u64::from(memory::map(region, None, Access::ReadWrite)?);
    let offered = memory::share(region, other.task, Access::ReadWrite)?;
    other.accept(offered)?;
    let there = other.map(offered, Access::ReadWrite)?;
    for page in 0..64 {
        // SAFETY: the region was just mapped there, and nothing else is in it.
        unsafe { (at(here, page) as *mut u64).write_volatile(page) };
        if page % 2 == 0 {
            other.write(at(there, page), 100)?;
        }
    }
    // The other one's faults come between the slices of the unmapping, and after it.
    memory::unmap(region)?;
    for page in 0..64 {
        let expected = if page % 2 == 0 { 100 } else { page };
        equal!("what it sees", other.read(at(there, page))?, expected);
    }
    memory::destroy_region(region)?;
    equal!("and still does", other.read(at(there, 3))?, 3);
    other.unmap(offered)?;
    other.destroy(offered)?;
    other.exit(world)
}

pub fn resized_down_it_gives_back_exactly_and_up_it_is_reserved(
    world: &mut World,
) -> Result<(), Failure> {
    let region = memory::create_region(200)?;
    let here = u64::from(memory::map(region, Some(0x3000_0000), Access::ReadWrite)?);
    let group = world.group()?;
    let mut other = Partner::start(world, group)?;
    let offered = memory::share(region, other.task, Access::ReadWrite)?;
    other.accept(offered)?;
    let there = other.map(offered, Access::ReadWrite)?;
    for page in 0..100 {
        // SAFETY: the region was just mapped there, and nothing else is in it.
        unsafe { (at(here, page) as *mut u64).write_volatile(page) };
        equal!("what was written", other.read(at(there, page))?, page);
    }
    // Some that were not touched may have come along with the last ones that were.
    let resident = memory::read_region(region)?.resident;
    ensure!((100..108).contains(&resident), "{resident} pages are there");
    let before = world.account(world.own)?.usage;
    memory::resize(region, 10)?;
    let after = world.account(world.own)?.usage;
    let given = |kind: Resource| before.get(kind).saturating_sub(after.get(kind));
    equal!(
        "reserved and granted, given back",
        (given(Resource::Commit), given(Resource::Frames)),
        (190, u64::from(resident).saturating_sub(10))
    );
    memory::resize(region, 40)?;
    equal!(
        "reserved",
        world.usage(world.own, Resource::Commit)?,
        after.get(Resource::Commit).saturating_add(30)
    );
    for page in 0..40 {
        let expected = if page < 10 { page } else { 0 };
        equal!("what is there", other.read(at(there, page))?, expected);
    }
    refused!(memory::resize(region, 0), ResizeRefusal::BadSize);
    ensure!(
        other.resize(offered, 50).is_err(),
        "another group's task made it larger"
    );
    memory::resize(region, 20)?;
    let end = other.dies(world, at(there, 20), Access::Read)?;
    ensure!(
        matches!(end, ExitReason::Fault(Cause::BadAddress { .. })),
        "{end:?}"
    );
    Ok(memory::destroy_region(region)?)
}

pub fn a_sponsor_takes_over_all_of_it_or_nothing(world: &mut World) -> Result<(), Failure> {
    let (paying, sponsoring) = (world.group()?, world.group()?);
    let mut payer = Partner::start(world, paying)?;
    let mut sponsor = Partner::start(world, sponsoring)?;
    let region = payer.create(16)?;
    let here = payer.map(region, Access::ReadWrite)?;
    for page in 0..5 {
        payer.write(at(here, page), page)?;
    }
    let unasked = payer.share(region, sponsor.task, Access::ReadWrite)?;
    sponsor.accept(unasked)?;
    ensure!(
        sponsor.sponsor(unasked).is_err(),
        "a sharer took the payment that nobody had offered"
    );
    ensure!(
        sponsor.share_with_payment(unasked, payer.task).is_err(),
        "a sharer offered what is another's to offer"
    );
    let offered = payer.share_with_payment(region, sponsor.task)?;
    sponsor.accept(offered)?;
    let commit = world.usage(sponsoring, Resource::Commit)?;
    limits::set_limit(
        sponsoring,
        Resource::Commit,
        Limit::At(commit.saturating_add(15)),
    )?;
    let before = [
        world.account(paying)?.usage,
        world.account(sponsoring)?.usage,
    ];
    ensure!(
        sponsor.sponsor(offered).is_err(),
        "it took over what it may not"
    );
    let after = [
        world.account(paying)?.usage,
        world.account(sponsoring)?.usage,
    ];
    equal!("nothing was moved", after, before);
    limits::set_limit(sponsoring, Resource::Commit, Limit::Max)?;
    sponsor.sponsor(offered)?;
    for (group, before, sign) in [(paying, before[0], false), (sponsoring, before[1], true)] {
        let now = world.account(group)?.usage;
        let moved = |kind: Resource| {
            let (more, less) = (now.get(kind), before.get(kind));
            if sign {
                more.saturating_sub(less)
            } else {
                less.saturating_sub(more)
            }
        };
        equal!(
            "reserved and granted, moved",
            (moved(Resource::Commit), moved(Resource::Frames)),
            (16, 5)
        );
    }
    // It outlives the group that paid for it first.
    let receipt = process::kill_group(paying)?;
    equal!("the receipt", receipt.returned, receipt.held);
    world.end_of(payer.task)?;
    payer.gone()?;
    let there = sponsor.map(offered, Access::Read)?;
    equal!("what was written", sponsor.read(at(there, 4))?, 4);
    sponsor.exit(world)
}
