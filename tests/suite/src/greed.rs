//! A client that takes as many objects, mappings, threads, waiters and watches as it can: limits of its own group stop it,
//! whoever is beside it still gets each of those, and what the servers have free is afterwards what it was.

use client::interfaces::accounting::TicketRefusal;
use client::interfaces::limits::Account;
use client::interfaces::process::SpawnRefusal;
use client::interfaces::{CallError, Limit, Resource};
use client::{limits, process, truth};

use crate::failure::Failure;
use crate::world::World;

/// The most that the group may have of each thing.
const LIMITS: [(Resource, u64); 6] = [
    (Resource::Tasks, 4),
    (Resource::Threads, 10),
    (Resource::Groups, 8),
    (Resource::Commit, 2000),
    (Resource::KernelMemory, 160 << 10),
    (Resource::CapSlots, 2000),
];

pub fn who_takes_as_much_as_it_can_meets_its_groups_limits_and_leaves_others_theirs(
    world: &mut World,
) -> Result<(), Failure> {
    let neighbour = world.low_group()?;
    let greedy = world.group()?;
    // What a neighbour leaves behind for good, as page tables and room for groups, is there before.
    world.content(Some(neighbour), format_args!("modest"))?;
    let before = process::pool()?;
    for (resource, most) in LIMITS {
        limits::set_limit(greedy, resource, Limit::At(most))?;
    }
    let task = world.start(Some(greedy), format_args!("greedy"))?;
    // The last thing that it does is to reserve more than there is.
    world.until("all that it can get", || {
        if process::read_task(Some(task)).is_err() {
            fail!("the greedy one ended: {:?}", world.end_of(task)?);
        }
        let account = world.account(greedy)?;
        Ok(account.refusals.get(Resource::Commit) > 0)
    })?;
    within(&world.account(greedy)?)?;
    match world.spawn(Some(greedy), format_args!("idle")) {
        Err(CallError::Refused(SpawnRefusal::Ticket(TicketRefusal::Short(short)))) => {
            equal!("whose limit", short.group, Some(greedy));
        }
        other => fail!("one more task: {other:?}"),
    }
    world.content(Some(neighbour), format_args!("modest"))?;
    let found = truth::audit(greedy)?;
    ensure!(found.is_equal(), "audit of the greedy: {found}");
    let receipt = process::kill_group(greedy)?;
    equal!("the receipt", receipt.returned, receipt.held);
    ensure!(
        receipt.held.get(Resource::Threads) == 10,
        "it held {}",
        receipt.held
    );
    let after = process::pool()?;
    equal!("free pages", after.free, before.free);
    equal!("free slots", after.free_slots, before.free_slots);
    equal!("regions", after.regions, before.regions);
    world.content(Some(neighbour), format_args!("modest"))
}

/// No count is above its limit.
fn within(account: &Account) -> Result<(), Failure> {
    for (resource, most) in LIMITS {
        let used = account.usage.get(resource);
        ensure!(used <= most, "{used} {resource} of {most}");
    }
    Ok(())
}
