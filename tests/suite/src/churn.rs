//! Everything at once and again and again: spawns, forks, shared and copied memory, kills at random. At the end nothing is
//! missing and nothing has grown.
//!
//! Not among the cases of a usual run: `tests/run --long`.

use client::interfaces::memory::{Access, RegionId};
use client::interfaces::{Amounts, GroupId, Resource, TaskId};
use client::{memory, process};

use crate::failure::Failure;
use crate::figures::figure;
use crate::partner::Partner;
use crate::random::Random;
use crate::rest::Rest;
use crate::world::World;

/// How many rounds …
const ROUNDS: u32 = 130_000;
/// … unless so much time is over before, in nanoseconds of the guest.
const TIME: u64 = 60_000_000_000;
/// What they begin with: the same rounds on every host.
const SEED: u64 = 4;
/// After so many rounds everything is compared, and the host is told how far it is.
const STRETCH: u32 = 1000;
/// Tasks that live at once.
const TASKS: usize = 6;
/// The most pages that a round touches.
const PAGES: u64 = 24;
/// Where the suite has tables already.
const HERE: u32 = 0x3000_0000;
const THERE: u32 = 0x4000_0000;

/// Those who are there.
struct Herd {
    group: GroupId,
    tasks: heapless::Vec<TaskId, TASKS>,
}

/// As much is left as before, and nobody has counted an error of its own.
fn nothing_has_changed(world: &World, before: &Rest) -> Result<(), Failure> {
    let now = Rest::of(world)?;
    now.is(before)?;
    equal!("alarms", now.alarms, before.alarms);
    Ok(())
}

pub fn rounds_of_everything_leave_nothing(world: &mut World) -> Result<(), Failure> {
    let mut herd = Herd {
        group: world.group()?,
        tasks: heapless::Vec::new(),
    };
    let mut random = Random::new(SEED);
    let (before, start) = (Rest::of(world)?, client::clock());
    let mut round = 0;
    while round < ROUNDS && client::clock().saturating_sub(start) < TIME {
        herd.round(world, &mut random)?;
        round = round.saturating_add(1);
        if round.is_multiple_of(STRETCH) {
            herd.end(world)?;
            equal!("usage", world.account(herd.group)?.usage, Amounts::NONE);
            nothing_has_changed(world, &before)?;
            figure("churn-rounds-so-far", u64::from(round))?;
        }
    }
    herd.end(world)?;
    equal!("usage", world.account(herd.group)?.usage, Amounts::NONE);
    nothing_has_changed(world, &before)?;
    figure("churn-rounds", u64::from(round))?;
    figure("churn-instructions", client::clock().saturating_sub(start))
}

impl Herd {
    /// One thing, at random.
    fn round(&mut self, world: &World, random: &mut Random) -> Result<(), Failure> {
        let pages = u32::try_from(random.below(PAGES))
            .unwrap_or(0)
            .saturating_add(1);
        match random.below(8) {
            0 => world.content(Some(self.group), format_args!("exit 0")),
            1 => world.content(Some(self.group), format_args!("touch {pages}")),
            2 => world.content(Some(self.group), format_args!("forks {pages}")),
            3 => reserve(random, pages),
            4 => copy(pages),
            5 => share(world, self.group, pages),
            6 => self.add(world, pages),
            _ => self.remove(world, random),
        }
    }

    /// A task more that holds pages and stays.
    fn add(&mut self, world: &World, pages: u32) -> Result<(), Failure> {
        if self.tasks.is_full() {
            return self.end(world);
        }
        let task = world.start(Some(self.group), format_args!("hold {pages}"))?;
        let _ = self.tasks.push(task);
        Ok(())
    }

    /// One of them is killed, wherever it is; or the group is, with all of them.
    fn remove(&mut self, world: &World, random: &mut Random) -> Result<(), Failure> {
        if random.below(4) == 0 {
            let receipt = process::kill_group(self.group)?;
            equal!("the receipt", receipt.returned, receipt.held);
            return self.bury(world);
        }
        let which = random.below(TASKS as u64);
        let which = usize::try_from(which).unwrap_or(0);
        if which < self.tasks.len() {
            let task = self.tasks.swap_remove(which);
            process::kill(task)?;
            world.end_of(task)?;
        }
        Ok(())
    }

    /// All of them are killed.
    fn end(&mut self, world: &World) -> Result<(), Failure> {
        for &task in &self.tasks {
            process::kill(task)?;
        }
        self.bury(world)
    }

    fn bury(&mut self, world: &World) -> Result<(), Failure> {
        for task in core::mem::take(&mut self.tasks) {
            world.end_of(task)?;
        }
        equal!("tasks", world.usage(self.group, Resource::Tasks)?, 0);
        Ok(())
    }
}

fn touch(address: u32, pages: u32) {
    for page in 0..pages {
        let at = address.saturating_add(page.saturating_mul(4096));
        // SAFETY: the callers have just mapped so many pages there, and nothing else is in there.
        unsafe { (u64::from(at) as *mut u64).write_volatile(u64::from(page)) };
    }
}

/// A region of so many pages, touched.
fn region(address: u32, pages: u32) -> Result<RegionId, Failure> {
    let region = memory::create_region(pages)?;
    memory::map(region, Some(address), Access::ReadWrite)?;
    touch(address, pages);
    Ok(region)
}

/// Reserves, touches, changes the size, gives back.
fn reserve(random: &mut Random, pages: u32) -> Result<(), Failure> {
    let made = region(HERE, pages)?;
    let size = u32::try_from(random.below(PAGES))
        .unwrap_or(0)
        .saturating_add(1);
    memory::resize(made, size)?;
    Ok(memory::destroy_region(made)?)
}

/// Clones, writes to both, gives back the first one first.
fn copy(pages: u32) -> Result<(), Failure> {
    let source = region(HERE, pages)?;
    let clone = memory::clone_region(source)?;
    memory::map(clone, Some(THERE), Access::ReadWrite)?;
    touch(THERE, pages / 2);
    touch(HERE, pages);
    memory::destroy_region(source)?;
    touch(THERE, pages);
    Ok(memory::destroy_region(clone)?)
}

/// Another task makes memory, shares it, and is gone first.
fn share(world: &World, group: GroupId, pages: u32) -> Result<(), Failure> {
    let mut partner = Partner::start(world, group)?;
    let made = partner.create(pages)?;
    partner.map(made, Access::ReadWrite)?;
    let shared = partner.share(made, world.task, Access::ReadWrite)?;
    memory::accept(shared)?;
    memory::map(shared, Some(HERE), Access::ReadWrite)?;
    touch(HERE, pages);
    partner.exit(world)?;
    touch(HERE, pages);
    Ok(memory::destroy_region(shared)?)
}
