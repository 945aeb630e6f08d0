//! Measured figures: guest instructions, as the caller sees them.

use client::interfaces::GroupId;
use client::limits;
use test_records::Record;

use crate::boundary::code;
use crate::chain::{Chain, LEVELS};
use crate::failure::Failure;
use crate::record;
use crate::world::World;

/// What is measured everywhere.
const MEASURES: [&str; 7] = [
    "call",
    "read",
    "would-fit",
    "open-close",
    "region",
    "fault",
    "spawn",
];

pub fn instructions_of_calls_charges_faults_and_spawns(world: &mut World) -> Result<(), Failure> {
    // In the servers' own band, one group below it and sixteen; and in a lower band.
    let chain = Chain::open(world.top)?;
    let Some((_, first)) = chain.levels().next() else {
        fail!("no chain")
    };
    let below = limits::open_group(Some(world.low))?;
    for (place, group) in [
        ("depth-1", first),
        ("depth-16", chain.bottom()),
        ("low-band", below),
    ] {
        for what in MEASURES {
            measure(world, place, what, group)?;
        }
    }
    equal!("levels", chain.levels().count(), LEVELS);
    Ok(())
}

fn measure(world: &World, place: &str, what: &str, group: GroupId) -> Result<(), Failure> {
    let reason = world.run(Some(group), format_args!("measure {what}"))?;
    let Some(value) = code(reason) else {
        fail!("{what}: {reason:?}")
    };
    let mut name = client::interfaces::Text::<60>::default();
    let _ = core::fmt::Write::write_fmt(&mut name, format_args!("{what}-{place}-instructions"));
    figure(name.as_str(), value)
}

/// Records a measured number.
pub fn figure(name: &str, value: u64) -> Result<(), Failure> {
    Ok(record(Record::Figure { name, value })?)
}
