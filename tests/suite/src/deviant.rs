//! Cases on a system whose proc-server leaves the ticket out for a task whose arguments begin with `without-ticket`.

use client::interfaces::CallError;
use client::interfaces::memory::{Access, Spoil};
use client::interfaces::process::{ExitReason, SpawnRefusal};
use client::interfaces::provision::Cause;
use client::interfaces::truth::{Sort, Thing};
use client::{memory, process, truth};

use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::world::World;

pub fn a_task_without_a_ticket_never_runs_nor_gets_a_page(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.low_group()?;
    for _ in 0..20 {
        let (ledger, pool) = (Ledger::read()?, process::pool()?);
        // Had it run, it would have said 7.
        match world.spawn(Some(group), format_args!("without-ticket exit 7")) {
            Err(CallError::Refused(SpawnRefusal::NotBorn)) => {}
            Ok(task) => match world.end_of(task)? {
                ExitReason::Fault(Cause::NotBorn) => {}
                other => fail!("it ended with {other:?}"),
            },
            Err(other) => return Err(other.into()),
        }
        Ledger::read()?.is(&ledger)?;
        equal!("free pages", process::pool()?.free, pool.free);
    }
    Ok(())
}

pub fn a_task_with_a_ticket_runs_beside_it(world: &mut World) -> Result<(), Failure> {
    world.content(
        None,
        format_args!("born {} {}", world.own.index, world.own.generation),
    )
}

pub fn a_mapping_that_is_only_on_record_is_found_by_the_audit(
    world: &mut World,
) -> Result<(), Failure> {
    let region = memory::create_region(2)?;
    let address = memory::map(region, None, Access::ReadWrite)?;
    // SAFETY: the page is this task's own, mapped at this address to be written, and nothing else is in it.
    unsafe { (u64::from(address) as *mut u64).write_volatile(7) };
    let before = truth::audit(world.own)?;
    ensure!(before.is_equal(), "before: {before}");
    client::call(client::Server::Memory, &Spoil { address })?;
    let wrong = truth::audit(world.own)?.wrong;
    let Some(wrong) = wrong else {
        fail!("nothing was found");
    };
    client::println!("{wrong}");
    equal!("what", wrong.thing, Thing::Frame);
    equal!("whose", wrong.group, Some(world.own));
    let is_right = match (wrong.record, wrong.kernel) {
        (
            Sort::Frame {
                address,
                mapped: true,
            },
            Sort::Frame {
                address: same,
                mapped: false,
            },
        ) => address == same,
        _ => false,
    };
    ensure!(is_right, "{wrong}");
    let everywhere = truth::inspect()?.wrong;
    equal!("in the whole system", everywhere, Some(wrong));
    memory::destroy_region(region)?;
    let after = truth::audit(world.own)?;
    ensure!(after.is_equal(), "after: {after}");
    Ok(())
}

pub fn this_case_fails_on_purpose(_world: &mut World) -> Result<(), Failure> {
    fail!("on purpose")
}
