//! The main operations again, beside many groups, beside many tasks, and far down.

use core::fmt::Write as _;

use client::interfaces::{GroupId, Text};
use client::{limits, process};
use test_records::{Outcome, Record};

use crate::samples::Summary;
use crate::world::{World, chain};
use crate::{Trouble, calls, record, tell};

/// What is measured beside many groups and tasks.
const MEASURES: [&str; 9] = [
    "null",
    "read-resource",
    "would-fit-one-depth-1",
    "would-fit-six-depth-16",
    "open-close",
    "set-limit",
    "touch",
    "thread",
    "spawn-depth-1",
];
/// How many groups there are besides.
const GROUPS: [u32; 4] = [1, 100, 10_000, 60_000];
/// How many idle tasks there are besides.
const TASKS: [u32; 5] = [1, 100, 1_000, 3_000, 3_990];
/// How deep the group is.
const DEPTHS: [usize; 6] = [2, 4, 16, 64, 256, 1024];

/// Measures all of it; whether all could be done.
pub fn run(world: &mut World) -> Result<bool, Trouble> {
    record(Record::Plan { cases: 3 })?;
    let mut passed = 0_u32;
    for (name, part) in [
        ("groups", groups as fn(&mut World) -> Result<(), Trouble>),
        ("tasks", tasks),
        ("depth", depth),
    ] {
        record(Record::Begin { name })?;
        let result = part(world);
        let mut reason = Text::<120>::default();
        if let Err(trouble) = &result {
            let _ = write!(reason, "{trouble}");
        } else {
            passed = passed.saturating_add(1);
        }
        let outcome = match result {
            Ok(()) => Outcome::Ok,
            Err(_) => Outcome::Failed {
                reason: reason.as_str(),
            },
        };
        record(Record::End { name, outcome })?;
    }
    let failed = 3_u32.saturating_sub(passed);
    record(Record::Done { passed, failed })?;
    Ok(failed == 0)
}

fn groups(world: &mut World) -> Result<(), Trouble> {
    let mut top = None;
    let mut last = None;
    let mut there = 0_u32;
    for count in GROUPS {
        while there < count {
            // A thousand to a parent, as deep as that makes it.
            let parent: Option<GroupId> = if there.is_multiple_of(1000) {
                last
            } else {
                top
            };
            let group = limits::open_group(parent)?;
            if there.is_multiple_of(1000) {
                top = Some(group);
            }
            last = Some(group);
            there = there.saturating_add(1);
        }
        beside(world, "groups", count)?;
    }
    // They go with the machine.
    Ok(())
}

fn tasks(world: &mut World) -> Result<(), Trouble> {
    let group = limits::open_group(Some(world.low))?;
    let mut there = 0_u32;
    for count in TASKS {
        world.idle_tasks(group, count.saturating_sub(there))?;
        there = count;
        beside(world, "tasks", count)?;
    }
    process::kill_group(group)?;
    while process::wait(None).is_ok() {}
    Ok(())
}

fn beside(world: &mut World, what: &str, count: u32) -> Result<(), Trouble> {
    for name in MEASURES {
        let summary = calls::measure(world, name).unwrap_or_else(|| Err(Trouble::here()))?;
        told(name, what, u64::from(count), summary)?;
    }
    Ok(())
}

fn depth(world: &mut World) -> Result<(), Trouble> {
    let mut group = limits::who_am_i()?.group;
    let mut there = 1_usize;
    for depth in DEPTHS {
        group = chain(group, depth.saturating_sub(there))?;
        there = depth;
        for name in ["would-fit-one", "would-fit-six", "spawn"] {
            let summary = calls::in_group(world, name, group)?;
            told(name, "depth", depth as u64, summary)?;
        }
    }
    Ok(())
}

fn told(name: &str, what: &str, count: u64, summary: Summary) -> Result<(), Trouble> {
    let mut text = Text::<60>::default();
    let _ = write!(text, "{name}@{what}-{count}");
    tell(text.as_str(), summary)
}
