//! What the other servers ask the limits-server, asked from here: its feature `bench` serves an operator so.

use client::interfaces::accounting::{Charge, Release};
use client::interfaces::{Amounts, GroupId, Resource};
use client::{Server, call};

use crate::Trouble;
use crate::calls::six;
use crate::samples::Summary;
use crate::world::World;

/// How often each thing is done.
const ROUNDS: usize = 200;

/// Does the benchmark; none if it is not of this list.
pub fn measure(world: &mut World, name: &str) -> Option<Result<Summary, Trouble>> {
    let group = world.at(name);
    let amounts = if name.contains("-six-") {
        six()
    } else {
        Amounts::of(Resource::Frames, 1)
    };
    Some(match name.split('-').next() {
        Some("charge") => world.samples.with(
            ROUNDS,
            || Ok(()),
            |()| charge(group, amounts),
            |()| release(group, amounts),
        ),
        Some("release") => world.samples.with(
            ROUNDS,
            || charge(group, amounts),
            |()| release(group, amounts),
            Ok,
        ),
        _ => return None,
    })
}

fn charge(group: GroupId, amounts: Amounts) -> Result<(), Trouble> {
    Ok(call(Server::Limits, &Charge { group, amounts })?)
}

fn release(group: GroupId, amounts: Amounts) -> Result<(), Trouble> {
    Ok(call(Server::Limits, &Release { group, amounts })?)
}
