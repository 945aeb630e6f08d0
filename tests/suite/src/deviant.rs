//! Cases on a system whose proc-server leaves the ticket out for a task whose arguments begin with `without-ticket`.

use client::interfaces::CallError;
use client::interfaces::process::{ExitReason, SpawnRefusal};
use client::interfaces::provision::Cause;
use client::process;

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

pub fn this_case_fails_on_purpose(_world: &mut World) -> Result<(), Failure> {
    fail!("on purpose")
}
