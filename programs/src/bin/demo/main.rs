//! The demonstration: a fork bomb and a memory hog run into their limits while their neighbour goes on working.
//!
//! Starts them all, waits for the worker, prints what each group came to, kills the bomb's and the hog's groups, and
//! checks what the system promises: peaks exactly at the limits, the worker's share, receipts that are equal, nothing
//! left, ledger and kernel objects in agreement. Says so in its last line and ends the machine, or says what was wrong.
//! Called with `then-console` it leaves the machine to the console instead.
//!
//! **Never** loosens a check because of the machine's speed: everything is counted, or measured on the clock on which
//! the worker's own round is measured.

#![cfg_attr(target_os = "none", no_std, no_main)]

mod checks;
mod groups;
mod table;

use client::interfaces::process::ExitReason;
use client::interfaces::{Resource, TaskId};
use client::{limits, println, process};
use programs::work::{round, share};
use test_records::Record;

use crate::checks::Verdict;
use crate::groups::Groups;

client::program!(begin);

/// What it is called with if it is not to end the machine: whoever waits for input is told of its last record.
const THEN_CONSOLE: &str = "then-console";
/// The worker's rounds, of a million instructions each.
const ROUNDS: u32 = 400;
/// How deep the nest is.
const DEPTH: u32 = 8;
/// The least share of all instructions that the worker must get, in per mille.
const LEAST_SHARE: u64 = 400;
/// The tasks that the bomb's group may have, and so must have come to.
const BOMB_TASKS: u64 = 20;

fn begin() -> i32 {
    let mut verdict = Verdict::new();
    match Groups::find() {
        Ok(groups) => demonstrate(&groups, &mut verdict),
        Err(label) => verdict.wrong(format_args!("there is no group {label} below this one")),
    }
    let passed = verdict.passed();
    let done = Record::Done {
        passed: u32::from(passed),
        failed: u32::from(!passed),
    };
    if passed {
        println!("All is well.");
    }
    // Not answered if we may do it; if we may not, the exit code is all that is left to say it with.
    let _ = client::console::write_record(format_args!("{done}"));
    if process::arguments().as_str() != THEN_CONSOLE {
        let _ = client::console::halt(passed);
    }
    i32::from(!passed)
}

fn demonstrate(groups: &Groups, verdict: &mut Verdict) {
    println!("demo: one round of work takes {} on this clock", pace());
    let started =
        [("bomb", groups.bomb, ""), ("hog", groups.hog, "")].map(|(name, group, arguments)| {
            verdict.value(name, programs::start(name, Some(group), arguments))
        });
    let nest = verdict.value("nest", start_with(groups.nest, "nest", DEPTH));
    if started.contains(&None) || nest.is_none() {
        return;
    }
    watch_the_worker(groups, verdict);
    if let Some(nest) = nest {
        verdict.ended_well("nest", process::wait(Some(nest)));
    }

    checks::exact_peak(verdict, "bomb", groups.bomb, Resource::Tasks);
    checks::exact_peak(verdict, "hog", groups.hog, Resource::Frames);
    let tasks = limits::read_resource(Some(groups.bomb), Resource::Tasks).map(|tasks| tasks.peak);
    verdict.require(
        tasks == Ok(BOMB_TASKS),
        format_args!("the bomb's group peaked at {tasks:?} tasks, not {BOMB_TASKS}"),
    );
    table::print(verdict);

    for (name, group) in [("bomb", groups.bomb), ("hog", groups.hog)] {
        checks::kill(verdict, name, group);
    }
    checks::nothing_left(verdict, groups);
    checks::audit(verdict);
}

/// Starts the worker, waits for it, and checks its share and that the others were at it meanwhile.
fn watch_the_worker(groups: &Groups, verdict: &mut Verdict) {
    let refused_before = groups.refusals();
    let pace = pace();
    let start = client::clock();
    let Some(worker) = verdict.value("worker", start_with(groups.worker, "worker", ROUNDS)) else {
        return;
    };
    let end = process::wait(Some(worker));
    let time = client::clock().saturating_sub(start);
    verdict.ended_well("worker", end);

    let share = share(u64::from(ROUNDS), pace, time);
    println!(
        "demo: the worker did {ROUNDS} rounds in {time} instructions: {}.{} % of all of them",
        share / 10,
        share % 10
    );
    verdict.require(
        share >= LEAST_SHARE,
        format_args!("the worker had only {share} per mille of all instructions"),
    );
    for ((name, before), (_, after)) in refused_before.into_iter().zip(groups.refusals()) {
        println!(
            "demo: meanwhile the {name} was refused {} times",
            after.saturating_sub(before)
        );
        verdict.require(
            after > before,
            format_args!("the {name} was not refused anything while the worker worked"),
        );
    }
}

/// Starts a program with a number as its argument.
fn start_with(
    group: client::interfaces::GroupId,
    name: &str,
    number: u32,
) -> Result<TaskId, client::interfaces::CallError<client::interfaces::process::SpawnRefusal>> {
    let mut arguments = client::interfaces::process::Arguments::default();
    // Ten digits always fit.
    let _ = core::fmt::Write::write_fmt(&mut arguments, format_args!("{number}"));
    programs::start(name, Some(group), arguments.as_str())
}

/// What a round takes here, where nobody is in between.
fn pace() -> u64 {
    let before = client::clock();
    round();
    client::clock().saturating_sub(before)
}

/// Whether a task came to the end that it wanted.
fn well(reason: ExitReason) -> bool {
    reason == ExitReason::Exited { code: 0 }
}
