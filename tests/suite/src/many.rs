//! As many groups as the ledger has room for.
//!
//! Shows that nothing of it is lost: opened, charged, listed, audited and closed again, every figure is back where it
//! was. The shape: fifteen parents with 4,096 groups each, a chain of 1,000 below one another, and the rest in the root
//! of it all.

use client::interfaces::limits::{OpenGroupRefusal, PAGE, SetRefusal};
use client::interfaces::{Amounts, CallError, GroupId, Limit, Resource};
use client::{limits, memory, process};

use crate::failure::Failure;
use crate::figures::figure;
use crate::world::{World, balanced, nothing_lost};

/// Groups below one parent.
const WIDE: u32 = 4096;
/// Parents with so many.
const PARENTS: u32 = 15;
/// Groups one below the other.
const DEEP: u32 = 1000;
/// How many there are in all, at least.
const ALL: u32 = 65_000;
/// The groups that a ledger of `tests/suite.toml` has room for, in whole tracts.
const ROOM: u64 = 66_048;
/// The groups with limits of their own that it has room for.
const LIMITED: u32 = 4096;

/// Every id of a listing, as one number that another order or another id would change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Digest {
    count: u32,
    sum: u64,
}

impl Digest {
    fn add(&mut self, group: GroupId) {
        let id = u64::from(group.index) << 32 | u64::from(group.generation);
        self.count = self.count.saturating_add(1);
        self.sum = (self.sum ^ id).wrapping_mul(0x0000_0100_0000_01b3);
    }
}

/// Opens so many groups below one.
fn open(parent: GroupId, count: u32) -> Result<Digest, Failure> {
    let mut opened = Digest::default();
    for _ in 0..count {
        opened.add(limits::open_group(Some(parent))?);
    }
    Ok(opened)
}

/// The groups directly below one, as a listing says, page by page.
fn listed(parent: GroupId) -> Result<Digest, Failure> {
    let mut found = Digest::default();
    let mut after = None;
    loop {
        let page = limits::list_children(Some(parent), after)?;
        page.items.iter().for_each(|&group| found.add(group));
        after = page.items.last().copied();
        if !page.more {
            return Ok(found);
        }
    }
}

/// Closes every group directly below one.
fn close(parent: GroupId) -> Result<u32, Failure> {
    let mut closed = 0_u32;
    loop {
        let page = limits::list_children(Some(parent), None)?;
        for &group in &page.items {
            limits::close_group(group)?;
            closed = closed.saturating_add(1);
        }
        if page.items.len() < PAGE {
            return Ok(closed);
        }
    }
}

/// What the ledger charges for one more group.
fn price(world: &World) -> Result<Amounts, Failure> {
    let parent = world.group()?;
    let child = limits::open_group(Some(parent))?;
    let price = world.account(parent)?.usage;
    limits::close_group(child)?;
    limits::close_group(parent)?;
    Ok(price)
}

fn times(price: Amounts, count: u32) -> Amounts {
    let mut sum = Amounts::NONE;
    for (kind, amount) in price.present() {
        sum.set(kind, amount.saturating_mul(u64::from(count)));
    }
    sum
}

/// A task is born in the group, counted in it and above, ends, and has come back.
fn charge(world: &World, top: GroupId, group: GroupId) -> Result<(), Failure> {
    let before = world.account(top)?.usage;
    let task = world.start(Some(group), format_args!("idle"))?;
    let born = (
        world.usage(group, Resource::Tasks)?,
        world.usage(top, Resource::Tasks)?,
    );
    equal!("tasks", born, (1, 1));
    process::kill(task)?;
    world.end_of(task)?;
    equal!("the usage afterwards", world.account(top)?.usage, before);
    Ok(())
}

pub fn groups_4096_below_one_parent_are_opened_charged_and_closed(
    world: &mut World,
) -> Result<(), Failure> {
    let price = price(world)?;
    let top = world.low_group()?;
    let pool = process::pool()?;
    let opened = open(top, WIDE)?;
    equal!("listed", listed(top)?, opened);
    equal!("usage", world.account(top)?.usage, times(price, WIDE));
    equal!("children", world.account(top)?.children, WIDE);
    balanced(top)?;
    // A task in each of them.
    let mut after = None;
    loop {
        let page = limits::list_children(Some(top), after)?;
        for &group in &page.items {
            charge(world, top, group)?;
        }
        after = page.items.last().copied();
        if !page.more {
            break;
        }
    }
    equal!("closed", close(top)?, WIDE);
    let account = world.account(top)?;
    equal!(
        "what is left",
        (account.usage, account.children),
        (Amounts::NONE, 0)
    );
    // The room that was made for them goes as well.
    memory::tidy()?;
    nothing_lost(&pool)
}

pub fn groups_65000_are_opened_charged_and_closed_and_nothing_is_left(
    world: &mut World,
) -> Result<(), Failure> {
    let price = price(world)?;
    let usage = world.account(world.own)?.usage;
    memory::tidy()?;
    let free = process::pool()?.free;
    let start = client::clock();
    let top = world.low_group()?;
    let mut parents = heapless::Vec::<GroupId, { PARENTS as usize }>::new();
    let mut count = 0_u32;
    for _ in 0..PARENTS {
        let parent = limits::open_group(Some(top))?;
        open(parent, WIDE)?;
        count = count.saturating_add(1 + WIDE);
        let _ = parents.push(parent);
    }
    let mut bottom = limits::open_group(Some(top))?;
    let chain = bottom;
    for _ in 1..DEEP {
        bottom = limits::open_group(Some(bottom))?;
    }
    count = count.saturating_add(DEEP);
    // The rest of what there is room for; one more is refused, and says why.
    let wide = limits::open_group(Some(top))?;
    count = count.saturating_add(1);
    loop {
        match limits::open_group(Some(wide)) {
            Ok(_) => count = count.saturating_add(1),
            Err(CallError::Refused(OpenGroupRefusal::LedgerFull)) => break,
            Err(other) => return Err(other.into()),
        }
    }
    ensure!(count >= ALL, "room for {count} groups only");
    equal!("usage", world.account(top)?.usage, times(price, count));
    let groups = limits::read_resource(Some(world.own), Resource::Groups)?.usage;
    ensure!(groups < ROOM, "{groups} groups in a ledger of {ROOM}");
    // Everything else is as with few of them: charges, limits, listings, audits.
    for (&parent, number) in parents.iter().zip(0_u32..) {
        equal!("children", world.account(parent)?.children, WIDE);
        balanced(parent)?;
        let page = limits::list_children(Some(parent), None)?;
        let Some(&first) = page.items.first() else {
            fail!("nothing is listed below parent {number}")
        };
        charge(world, top, first)?;
    }
    charge(world, top, bottom)?;
    equal!(
        "tasks at the end of the chain",
        world.usage(chain, Resource::Tasks)?,
        0
    );
    limited(&parents)?;
    let open = client::clock().saturating_sub(start);
    let start = client::clock();
    for parent in parents {
        equal!("closed", close(parent)?, WIDE);
        limits::close_group(parent)?;
        count = count.saturating_sub(1 + WIDE);
    }
    count = count.saturating_sub(close(wide)?.saturating_add(1));
    limits::close_group(wide)?;
    equal!("left", count, DEEP);
    // The chain goes with its opener's kill: nothing is in it, so it only has to be let go of from its end.
    let mut above = heapless::Vec::<GroupId, { DEEP as usize }>::new();
    let mut next = Some(chain);
    while let Some(group) = next {
        let _ = above.push(group);
        let page = limits::list_children(Some(group), None)?;
        next = page.items.first().copied();
    }
    for &group in above.iter().rev() {
        limits::close_group(group)?;
    }
    equal!("usage", world.account(top)?.usage, Amounts::NONE);
    limits::close_group(top)?;
    equal!("the suite's usage", world.account(world.own)?.usage, usage);
    balanced(world.low)?;
    figure("open-65000-groups-instructions", open)?;
    figure(
        "close-65000-groups-instructions",
        client::clock().saturating_sub(start),
    )?;
    // The ledger's memory grew with them; now that they are gone it comes back, all of it.
    let full = process::pool()?.free;
    let grown = free.saturating_sub(full);
    figure("pages-for-65000-groups", grown)?;
    ensure!(grown > 7000, "the ledger grew by {grown} pages only");
    memory::tidy()?;
    equal!("free pages", process::pool()?.free, free);
    Ok(())
}

/// As many groups get limits of their own as can be kept; one more is told so, and stays as it was.
fn limited(parents: &[GroupId]) -> Result<(), Failure> {
    let mut limited = 0_u32;
    for &parent in parents {
        let mut after = None;
        loop {
            let page = limits::list_children(Some(parent), after)?;
            for &group in &page.items {
                match limits::set_limit(group, Resource::Tasks, Limit::At(1)) {
                    Ok(()) => limited = limited.saturating_add(1),
                    Err(CallError::Refused(SetRefusal::LedgerFull)) => {
                        let found = limits::read_resource(Some(group), Resource::Tasks)?.limit;
                        equal!("the limit that was refused", found, Limit::Max);
                        ensure!(
                            limited.saturating_add(64) >= LIMITED,
                            "room for {limited} limits only"
                        );
                        balanced(parent)?;
                        return Ok(());
                    }
                    Err(other) => return Err(other.into()),
                }
            }
            after = page.items.last().copied();
            if !page.more {
                break;
            }
        }
    }
    fail!("{limited} limits, and none refused")
}
