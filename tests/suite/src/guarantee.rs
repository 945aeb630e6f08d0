//! Guarantees: pages that are a group's whether it reserves them or not.

use client::interfaces::limits::Guaranteed;
use client::interfaces::memory::GuaranteeRefusal;
use client::interfaces::{Amounts, CallError, Limit, Resource};
use client::{limits, memory, process};

use crate::failure::Failure;
use crate::partner::Partner;
use crate::world::{World, balanced};

/// What a group may reserve with those below it.
const LIMIT: u64 = 300;
/// What one of them is guaranteed.
const PAGES: u64 = 100;

pub fn what_a_group_is_guaranteed_its_neighbours_cannot_take(
    world: &mut World,
) -> Result<(), Failure> {
    let top = world.group()?;
    limits::set_limit(top, Resource::Commit, Limit::At(LIMIT))?;
    let quiet = limits::open_group(Some(top))?;
    let greedy = limits::open_group(Some(top))?;
    match memory::guarantee(quiet, LIMIT.saturating_add(1)) {
        Err(CallError::Refused(GuaranteeRefusal::Short(short))) => {
            equal!("the limit in the way", short.limit, LIMIT);
        }
        other => fail!("more than the limit above: {other:?}"),
    }
    memory::guarantee(quiet, PAGES)?;
    let commit = |group| world.usage(group, Resource::Commit);
    equal!("set aside", (commit(quiet)?, commit(top)?), (PAGES, PAGES));
    // The neighbour takes everything else, and not a page of it.
    let mut hog = Partner::start(world, greedy)?;
    let rest = LIMIT.saturating_sub(commit(top)?);
    hog.create(u32::try_from(rest).unwrap_or(u32::MAX))?;
    equal!("all is taken", commit(top)?, LIMIT);
    ensure!(hog.create(1).is_err(), "a page of another's guarantee");
    // A task of the group has its own pages from the guarantee, and the rest of it; and then no more.
    let mut member = Partner::start(world, quiet)?;
    let left = limits::read_guarantee(Some(quiet))?.left;
    ensure!(left > 0 && left < PAGES, "{left} pages are left");
    equal!("nothing more is used", commit(top)?, LIMIT);
    let region = member.create(u32::try_from(left).unwrap_or(u32::MAX))?;
    equal!(
        "the rest of it",
        (commit(quiet)?, commit(top)?),
        (PAGES, LIMIT)
    );
    ensure!(member.create(1).is_err(), "more than the guarantee");
    // What it gives back stays the group's.
    member.destroy(region)?;
    equal!(
        "what it gave back",
        limits::read_guarantee(Some(quiet))?,
        Guaranteed { pages: PAGES, left }
    );
    ensure!(hog.create(1).is_err(), "a page that was given back");
    memory::guarantee(quiet, 0)?;
    hog.create(1)?;
    // Now the limit above has a page less than that.
    ensure!(
        memory::guarantee(quiet, PAGES).is_err(),
        "what is gone is guaranteed"
    );
    memory::guarantee(quiet, PAGES.saturating_sub(1))?;
    // The kill takes it as well.
    let receipt = process::kill_group(top)?;
    equal!("the receipt", receipt.returned, receipt.held);
    equal!(
        "what is left",
        world.account(top)?.usage.get(Resource::Commit),
        0
    );
    hog.gone()?;
    member.gone()?;
    equal!(
        "after the kill",
        limits::read_guarantee(Some(quiet))?,
        Guaranteed { pages: 0, left: 0 }
    );
    Ok(())
}

pub fn a_guarantee_that_cannot_be_met_is_refused_and_none_keeps_a_group(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.group()?;
    let before = world.account(world.own)?.usage;
    let commit = memory::commit()?;
    let pages = commit.most.saturating_add(1);
    match memory::guarantee(group, pages) {
        Err(CallError::Refused(GuaranteeRefusal::OutOfMemory)) => {}
        other => fail!("more than the machine has: {other:?}"),
    }
    equal!("after it", world.account(world.own)?.usage, before);
    // Only who may raise the group's limits.
    match memory::guarantee(world.own, 1) {
        Err(CallError::Refused(GuaranteeRefusal::NotYours)) => {}
        other => fail!("to one's own group: {other:?}"),
    }
    memory::guarantee(group, PAGES)?;
    equal!(
        "audit",
        balanced(group)?,
        Amounts::of(Resource::Commit, PAGES)
    );
    limits::close_group(group)?;
    ensure!(world.account(group).is_err(), "a guarantee keeps a group");
    Ok(())
}
