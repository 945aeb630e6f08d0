//! Places that have been used again thousands of times: what once named something there names nothing.
//!
//! A badge carries eleven bits of a task's generation and comes round every 2,048 tenants; the ids that servers are
//! asked about carry all of it, so that no round brings an old one back.

use client::interfaces::memory::{Access, MapRefusal, RegionRefusal};
use client::interfaces::{Amounts, GroupId, TaskId};
use client::{limits, memory, process};

use crate::failure::Failure;
use crate::groups;
use crate::tasks;
use crate::world::World;

/// How often a place gets another tenant.
const TIMES: u32 = 10_000;
/// How many old ids are asked about while their place goes on changing hands.
const OLD: usize = 8;
/// Every so many tenants one's id is kept, and all that are kept are asked about.
const STEP: u32 = 1250;
const _: () = assert!(TIMES.div_ceil(STEP) as usize <= OLD);

/// Some ids of former tenants.
struct Former<T>(heapless::Vec<T, OLD>);

impl<T: Copy + PartialEq> Former<T> {
    const fn new() -> Self {
        Self(heapless::Vec::new())
    }

    /// A tenant that comes now is none of those; each of them is asked about from time to time.
    fn another(
        &mut self,
        round: u32,
        new: T,
        mut refuse: impl FnMut(T) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        ensure!(
            self.0.iter().all(|&old| old != new),
            "an old id is used again in round {round}"
        );
        if round.is_multiple_of(STEP) {
            for &old in &self.0 {
                refuse(old)?;
            }
            // As many as there are steps.
            let _ = self.0.push(new);
        }
        Ok(())
    }

    fn all(&self) -> impl Iterator<Item = T> + '_ {
        self.0.iter().copied()
    }
}

pub fn ids_of_vanished_groups_are_refused_after_10000_reuses_of_their_place(
    world: &mut World,
) -> Result<(), Failure> {
    let first = world.group()?;
    limits::close_group(first)?;
    let mut former = Former::<GroupId>::new();
    let mut reused = 0;
    for round in 0..TIMES {
        let new = world.group()?;
        reused = u32::saturating_add(reused, u32::from(new.index == first.index));
        former.another(round, new, |old| groups::refuse_all(world, old))?;
        limits::close_group(new)?;
    }
    equal!("tenants of one place", reused, TIMES);
    // The last one is there, under its own id only.
    let last = world.group()?;
    equal!("place", last.index, first.index);
    for old in former.all().chain([first]) {
        groups::refuse_all(world, old)?;
    }
    let account = world.account(last)?;
    equal!(
        "the last tenant",
        (account.usage, account.label.as_str()),
        (Amounts::NONE, "")
    );
    Ok(())
}

pub fn ids_of_ended_tasks_are_refused_after_10000_reuses_of_their_place(
    world: &mut World,
) -> Result<(), Failure> {
    // None of them ever runs: only the suite does.
    let group = world.low_group()?;
    let tenant = |world: &World| world.start(Some(group), format_args!("idle"));
    let end = |world: &World, task: TaskId| -> Result<(), Failure> {
        process::kill(task)?;
        world.end_of(task)?;
        Ok(())
    };
    let first = tenant(world)?;
    end(world, first)?;
    let mut former = Former::<TaskId>::new();
    let mut reused = 0;
    for round in 0..TIMES {
        let new = tenant(world)?;
        reused = u32::saturating_add(reused, u32::from(new.index == first.index));
        former.another(round, new, |old| tasks::refuse_all(group, old, new))?;
        end(world, new)?;
    }
    equal!("tenants of one place", reused, TIMES);
    let last = tenant(world)?;
    equal!("place", last.index, first.index);
    for old in former.all().chain([first]) {
        tasks::refuse_all(group, old, last)?;
    }
    end(world, last)
}

pub fn ids_of_destroyed_regions_are_refused_after_10000_reuses_of_their_place(
    _world: &mut World,
) -> Result<(), Failure> {
    let first = memory::create_region(1)?;
    memory::destroy_region(first)?;
    let mut former = Former::new();
    let mut reused = 0;
    let refuse = |old| {
        refused!(memory::read_region(old), RegionRefusal::UnknownRegion);
        refused!(memory::unmap(old), RegionRefusal::UnknownRegion);
        refused!(memory::destroy_region(old), RegionRefusal::UnknownRegion);
        refused!(
            memory::map(old, None, Access::Read),
            MapRefusal::UnknownRegion
        );
        Ok(())
    };
    for round in 0..TIMES {
        let new = memory::create_region(1)?;
        reused = u32::saturating_add(reused, u32::from(new.index == first.index));
        former.another(round, new, refuse)?;
        memory::destroy_region(new)?;
    }
    equal!("tenants of one place", reused, TIMES);
    for old in former.all().chain([first]) {
        refuse(old)?;
    }
    Ok(())
}
