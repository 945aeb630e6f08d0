//! Frames of 2 MiB: what they are charged as, that the next one finds zeros, and that nobody waits while they are cleared.

use client::interfaces::CallError;
use client::interfaces::accounting::ChargeRefusal;
use client::interfaces::memory::{
    Access, CloneRefusal, LARGE_PAGES, MapRefusal, RegionId, ResizeRefusal,
};
use client::interfaces::process::{ExitReason, ForkRefusal};
use client::interfaces::provision::CloneSpaceRefusal;
use client::interfaces::{GroupId, Limit, Resource};
use client::memory::LargeRefusal;
use client::{limits, memory, process, truth};

use crate::boundary::code;
use crate::failure::Failure;
use crate::figures::figure;
use crate::objects::at;
use crate::partner::Partner;
use crate::rest::Rest;
use crate::world::World;

/// The bytes of a unit.
const UNIT: u64 = 1 << 21;
/// More instructions than a fault may take beside anything large, from the moment that the clock was set to.
const WAIT: u64 = 50_000;

/// What a unit takes of a group: frames, commit, slots.
const UNIT_KINDS: [(Resource, u64); 3] = [
    (Resource::Frames, 512),
    (Resource::Commit, 512),
    (Resource::CapSlots, 1),
];

fn large(units: u32) -> Result<RegionId, Failure> {
    match memory::create_large(units) {
        Ok(region) => Ok(region),
        Err(refusal) => fail!("{units} units: {refusal:?}"),
    }
}

/// Writes to every page of a mapping, or looks what is there: whether all of it is zeros.
fn each_page(address: u64, units: u32, write: Option<u64>) -> bool {
    let pages = u64::from(units).wrapping_mul(LARGE_PAGES.into());
    (0..pages).all(|page| {
        // The first word and the last.
        [0, 4088].into_iter().all(|word| {
            let place = at(address, page).wrapping_add(word) as *mut u64;
            match write {
                // SAFETY: the caller says that so many units are mapped there, and nothing else uses them.
                Some(value) => unsafe {
                    place.write_volatile(value);
                    true
                },
                // SAFETY: as above.
                None => unsafe { place.read_volatile() == 0 },
            }
        })
    })
}

fn content(what: &str, group: GroupId) -> Result<(), Failure> {
    let found = truth::audit(group)?;
    ensure!(found.is_equal(), "audit {what}: {found}");
    Ok(())
}

/// Touches a page of 4 KiB where a unit will be or was.
fn touch_a_page() -> Result<(), Failure> {
    let region = memory::create_region(1)?;
    let address = u64::from(memory::map(region, Some(0x3000_0000), Access::ReadWrite)?);
    // SAFETY: it was just mapped there.
    unsafe { (address as *mut u64).write_volatile(1) };
    Ok(memory::destroy_region(region)?)
}

pub fn two_mebibytes_are_one_frame_one_fault_and_512_charged(
    world: &mut World,
) -> Result<(), Failure> {
    touch_a_page()?;
    let usage = |kind| world.usage(world.own, kind);
    let before = (memory::read_space()?, world.account(world.own)?.usage);
    let region = large(1)?;
    for (kind, unit) in UNIT_KINDS {
        let more = usage(kind)?.wrapping_sub(before.1.get(kind));
        equal!(kind, more, unit);
    }
    let address = u64::from(memory::map(region, Some(0x3000_0000), Access::ReadWrite)?);
    ensure!(each_page(address, 1, None), "fresh memory is zeros");
    each_page(address, 1, Some(7));
    let after = memory::read_space()?;
    equal!("faults", after.faults.wrapping_sub(before.0.faults), 1);
    equal!("frames", after.frames.wrapping_sub(before.0.frames), 1);
    // The table that something smaller left at this place made way for it.
    equal!("tables", before.0.tables.wrapping_sub(after.tables), 1);
    equal!(
        "resident",
        memory::read_region(region)?.resident,
        LARGE_PAGES
    );
    content("of a unit", world.own)?;
    let wrong = CallError::Refused(MapRefusal::BadRange);
    equal!(
        "a part of a unit",
        memory::map_part(region, None, Access::Read, 0, 511),
        Err(wrong)
    );
    memory::destroy_region(region)?;
    for kind in [Resource::Frames, Resource::Commit] {
        equal!(kind, usage(kind)?, before.1.get(kind));
    }
    // What is smaller has a table there again, as all cases expect.
    touch_a_page()?;
    content("afterwards", world.own)
}

pub fn one_page_less_than_a_unit_refuses_all_of_it(world: &mut World) -> Result<(), Failure> {
    let above = world.group()?;
    let group = limits::open_group(Some(above))?;
    let mut partner = Partner::start(world, group)?;
    let first = partner.create_large(1)?;
    for (kind, unit) in UNIT_KINDS {
        let before = world.account(above)?.usage;
        let limit = before.get(kind).wrapping_add(unit);
        limits::set_limit(above, kind, Limit::At(limit.wrapping_sub(1)))?;
        let peak = world.account(above)?.peak;
        ensure!(partner.resize_large(first, 2).is_err(), "{kind}: refused");
        let after = world.account(above)?;
        equal!(kind, after.usage, before);
        equal!("the peak", after.peak, peak);
        equal!("refusals", after.refusals.get(kind), 1);
        limits::set_limit(above, kind, Limit::Max)?;
    }
    partner.resize_large(first, 2)?;
    content("of two units", group)?;
    partner.exit(world)?;
    equal!("frames left", world.usage(above, Resource::Frames)?, 0);
    // Without a limit in between the reason has its numbers.
    match memory::create_large(u32::from(u16::MAX)) {
        Err(LargeRefusal::Grow(CallError::Refused(
            ResizeRefusal::BadSize
            | ResizeRefusal::OutOfMemory
            | ResizeRefusal::Charge(ChargeRefusal::Short(_)),
        ))) => Ok(()),
        other => fail!("more than there is: {other:?}"),
    }
}

pub fn shared_sponsored_and_cut_it_is_charged_exactly(world: &mut World) -> Result<(), Failure> {
    let (paying, sharing) = (world.group()?, world.group()?);
    let mut payer = Partner::start(world, paying)?;
    let mut sharer = Partner::start(world, sharing)?;
    let region = payer.create_large(3)?;
    let here = payer.map(region, Access::ReadWrite)?;
    let offered = payer.share_with_payment(region, sharer.task)?;
    sharer.accept(offered)?;
    let there = sharer.map(offered, Access::Read)?;
    let last = UNIT.wrapping_mul(2).wrapping_add(4096);
    for (place, value) in [(0, 41), (last, 42)] {
        payer.write(here.wrapping_add(place), value)?;
        equal!("seen", sharer.read(there.wrapping_add(place))?, value);
    }
    content("of the payer", paying)?;
    content("of the sharer", sharing)?;
    let frames = |group| world.usage(group, Resource::Frames);
    let before = (frames(paying)?, frames(sharing)?);
    payer.resize_large(region, 2)?;
    equal!("a unit less", before.0.wrapping_sub(frames(paying)?), 512);
    sharer.sponsor(offered)?;
    equal!("two less", before.0.wrapping_sub(frames(paying)?), 3 * 512);
    equal!("two more", frames(sharing)?.wrapping_sub(before.1), 2 * 512);
    content("of who paid", paying)?;
    content("of who pays", sharing)?;
    payer.exit(world)?;
    equal!("still there", sharer.read(there)?, 41);
    content("afterwards", sharing)?;
    sharer.exit(world)
}

pub fn it_is_neither_cloned_nor_forked(world: &mut World) -> Result<(), Failure> {
    let before = Rest::of(world)?;
    let region = large(1)?;
    equal!(
        "a clone",
        memory::clone_region(region),
        Err(CallError::Refused(CloneRefusal::Large))
    );
    match process::fork(None) {
        Err(CallError::Refused(ForkRefusal::Clone(CloneSpaceRefusal::Large))) => {}
        Err(other) => fail!("a fork: {other:?}"),
        Ok(_) => fail!("a task that holds large memory was forked"),
    }
    memory::destroy_region(region)?;
    Rest::of(world)?.is(&before)
}

pub fn what_somebody_else_had_is_zeroed_in_every_size(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    let before = Rest::of(world)?;
    let task = world.start(Some(group), format_args!("zeroed-units"))?;
    let end = world.end_of(task)?;
    equal!("it found zeros", end, ExitReason::Exited { code: 0 });
    // What is still to be cleared, or was taken together, is as free as the rest.
    Rest::of(world)?.is(&before)
}

pub fn killed_holders_leave_blocks_as_large_as_they_were(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    let before = Rest::of(world)?;
    let mut partner = Partner::start(world, group)?;
    let region = partner.create_large(5)?;
    let address = partner.map(region, Access::ReadWrite)?;
    for unit in 0..5 {
        partner.write(address.wrapping_add(UNIT.wrapping_mul(unit)), unit)?;
    }
    content("of the holder", group)?;
    let receipt = process::kill_group(group)?;
    equal!("the receipt", receipt.returned, receipt.held);
    ensure!(
        receipt.held.get(Resource::Frames) >= 5 * 512,
        "it held {}",
        receipt.held
    );
    let end = process::wait(Some(partner.task))?;
    ensure!(
        matches!(end.reason, ExitReason::GroupKilled { .. }),
        "its end: {:?}",
        end.reason
    );
    partner.gone()?;
    Rest::of(world)?.is(&before)
}

pub fn nobodys_fault_waits_for_what_is_being_cleared(world: &mut World) -> Result<(), Failure> {
    let (busy, near) = (world.low_group()?, limits::open_group(Some(world.top))?);
    let holder = world.start(Some(busy), format_args!("units 6 8"))?;
    let neighbour = world.start(Some(near), format_args!("late-faults 300"))?;
    let Some(longest) = code(world.end_of(neighbour)?) else {
        fail!("the neighbour was not content")
    };
    equal!(
        "the holder",
        world.end_of(holder)?,
        ExitReason::Exited { code: 0 }
    );
    figure("fault-beside-large-memory-instructions", longest)?;
    ensure!(longest <= WAIT, "a fault took {longest} instructions");
    Ok(())
}
