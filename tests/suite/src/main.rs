//! The guest's side of the tests: runs the cases against the real servers and records how they end.
//!
//! Started at boot as an operator. Its argument names the list of cases ([`plan`](every_case)) to run. After each case
//! it takes down whatever the case left, and fails the case if something cannot be taken down, if any group's ledger
//! and kernel objects disagree, or if anything is still charged that was not charged before.
//!
//! **Never** panics on what a server says: a case ends with a reason, and the next one runs.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![expect(
    clippy::result_large_err,
    reason = "a failure carries its text by value: the guest has no heap, and a case fails once"
)]

#[macro_use]
mod plan;
#[macro_use]
mod failure;

mod adversary;
mod bombs;
mod boundary;
mod chain;
mod churn;
mod clock;
mod cow;
#[expect(dead_code, reason = "the other side of a mailbox uses the rest")]
#[path = "../../assist/src/deed.rs"]
mod deed;
mod deviant;
mod events;
mod exhaustion;
mod faults;
mod figures;
mod fork;
mod freeze;
mod greed;
mod groups;
mod guarantee;
mod history;
mod hostile;
mod injection;
mod kill;
mod large;
mod ledger;
mod links;
mod many;
mod memory;
mod moves;
mod objects;
mod partner;
mod races;
#[path = "../../assist/src/random.rs"]
mod random;
mod rest;
mod reuse;
mod rights;
mod tasks;
#[path = "../../assist/src/rights.rs"]
mod trials;
mod world;

use client::interfaces::CallError;
use client::interfaces::console::OperatorRefusal;
use test_records::{Outcome, Record};

use crate::failure::Failure;
use crate::world::World;

client::program!(begin);

/// A case: its name as `module::case`, and what it does.
struct Case {
    name: &'static str,
    run: fn(&mut World) -> Result<(), Failure>,
}

macro_rules! tables {
    ($($list:ident { $($module:ident::$case:ident,)+ })+) => {
        /// The cases of the list with this name.
        fn list(name: &str) -> &'static [Case] {
            $(
                if name == stringify!($list) {
                    const LIST: &[Case] = &[
                        $(Case {
                            name: concat!(stringify!($module), "::", stringify!($case)),
                            run: $module::$case,
                        },)+
                    ];
                    return LIST;
                }
            )+
            &[]
        }
    };
}
every_case!(tables);

fn begin() -> i32 {
    world::warm_up();
    let arguments = client::process::arguments();
    let (name, filter) = arguments
        .as_str()
        .split_once(' ')
        .unwrap_or((arguments.as_str(), ""));
    match run(list(name), filter) {
        Ok(passed) => {
            // Not answered if we may do it.
            let _ = client::console::halt(passed);
            0
        }
        Err(failure) => {
            client::println!("suite: {failure}");
            1
        }
    }
}

/// Runs the cases with one of the filter's parts, `|` between them, in their names; whether all passed. Fails only if it cannot even begin, or cannot write records.
fn run(cases: &[Case], filter: &str) -> Result<bool, Failure> {
    let mut world = World::new()?;
    let matches = |case: &&Case| filter.split('|').any(|part| case.name.contains(part));
    let chosen = || cases.iter().filter(matches);
    let planned = u32::try_from(chosen().count()).unwrap_or(u32::MAX);
    record(Record::Plan { cases: planned })?;
    let (mut passed, mut failed) = (0_u32, 0_u32);
    for case in chosen() {
        record(Record::Begin { name: case.name })?;
        let result = (case.run)(&mut world);
        // The case's own failure is the better reason; what it left is taken down either way.
        let left = world.take_down();
        let failure = result.and(left).err();
        let reason = failure.as_ref().map_or("", Failure::as_str);
        let outcome = if failure.is_none() {
            Outcome::Ok
        } else {
            Outcome::Failed { reason }
        };
        record(Record::End {
            name: case.name,
            outcome,
        })?;
        if failure.is_none() {
            passed = passed.saturating_add(1);
        } else {
            failed = failed.saturating_add(1);
        }
    }
    record(Record::Done { passed, failed })?;
    Ok(failed == 0 && passed == planned && planned > 0)
}

fn record(record: Record<'_>) -> Result<(), CallError<OperatorRefusal>> {
    client::console::write_record(format_args!("{record}"))
}
