//! The guest's side of the benchmarks: does each operation many times and records how many instructions it took.
//!
//! Started at boot as an operator, in the servers' own band. Its first argument is the list of [`plan`] to run, the
//! second a filter. With other words it is a helper, a child of itself ([`helper`]).
//!
//! Each benchmark gives records of `figure`: `NAME.median`, `NAME.min`, `NAME.max` and `NAME.rounds`.
//!
//! **Never** measures a refusal as a success: what must succeed and does not ends the benchmark as a failed case.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[macro_use]
mod plan;

mod calls;
mod deeds;
mod helper;
mod ledger;
mod profile;
mod samples;
mod scale;
mod trouble;
mod world;

use client::interfaces::CallError;
use client::interfaces::Text;
use client::interfaces::console::OperatorRefusal;
use test_records::{Outcome, Record};

use crate::samples::Summary;
pub use crate::trouble::Trouble;
use crate::world::World;

client::program!(begin);

macro_rules! names {
    ($($list:ident { $($name:literal, $unit:literal, $what:literal;)+ })+) => {
        /// The names of a list.
        fn list(list: &str) -> &'static [&'static str] {
            $(if list == stringify!($list) {
                return &[$($name,)+];
            })+
            &[]
        }
    };
}
every_benchmark!(names);

fn begin() -> i32 {
    let arguments = client::process::arguments();
    let mut words = arguments.as_str().split(' ');
    let mode = words.next().unwrap_or_default();
    let done = match mode {
        "calls" | "ledger" | "scale" | "profile" => measured(mode, &mut words),
        helper => return helper::run(helper, &mut words),
    };
    match done {
        Ok(passed) => {
            // Not answered if we may do it.
            let _ = client::console::halt(passed);
            0
        }
        Err(trouble) => {
            client::println!("benchmarks: {trouble}");
            1
        }
    }
}

/// Measures. A function of its own, because what it keeps on its stack would otherwise be reserved, and touched, in
/// every helper too: an idle task is to be an idle task.
#[inline(never)]
fn measured(mode: &str, words: &mut core::str::Split<'_, char>) -> Result<bool, Trouble> {
    let mut world = World::new()?;
    match mode {
        "scale" => scale::run(&mut world),
        "profile" => profile::run(&mut world, words.next().unwrap_or_default()),
        list => run(&mut world, list, words),
    }
}

/// Runs a list; whether every benchmark could be done.
fn run(
    world: &mut World,
    list_name: &str,
    words: &mut core::str::Split<'_, char>,
) -> Result<bool, Trouble> {
    let filter = words.next().unwrap_or_default();
    let chosen = || list(list_name).iter().filter(|name| name.contains(filter));
    record(Record::Plan {
        cases: u32::try_from(chosen().count()).unwrap_or(u32::MAX),
    })?;
    let (mut passed, mut failed) = (0_u32, 0_u32);
    for name in chosen() {
        record(Record::Begin { name })?;
        let result = measure(world, name);
        let mut reason = Text::<120>::default();
        match result {
            Ok(summary) => {
                tell(name, summary)?;
                passed = passed.saturating_add(1);
            }
            Err(ref trouble) => {
                let _ = core::fmt::Write::write_fmt(&mut reason, format_args!("{trouble}"));
                failed = failed.saturating_add(1);
            }
        }
        let outcome = match result {
            Ok(_) => Outcome::Ok,
            Err(_) => Outcome::Failed {
                reason: reason.as_str(),
            },
        };
        record(Record::End { name, outcome })?;
    }
    record(Record::Done { passed, failed })?;
    Ok(failed == 0)
}

/// Does one benchmark.
fn measure(world: &mut World, name: &str) -> Result<Summary, Trouble> {
    ledger::measure(world, name)
        .or_else(|| calls::measure(world, name))
        .or_else(|| deeds::measure(world, name))
        .unwrap_or_else(|| Err(Trouble::here()))
}

/// Records what was measured.
fn tell(name: &str, summary: Summary) -> Result<(), Trouble> {
    for (which, value) in [
        ("median", summary.median),
        ("min", summary.min),
        ("max", summary.max),
        ("rounds", summary.rounds),
    ] {
        let mut text = Text::<60>::default();
        let _ = core::fmt::Write::write_fmt(&mut text, format_args!("{name}.{which}"));
        record(Record::Figure {
            name: text.as_str(),
            value,
        })?;
    }
    Ok(())
}

fn record(record: Record<'_>) -> Result<(), CallError<OperatorRefusal>> {
    client::console::write_record(format_args!("{record}"))
}
