//! Makes what the plan lists.

use boot_core::object::{Item, Kind};
use boot_core::plan::{BootPlan, Retype};
use sel4::cap::{self, Cap};
use sel4::{MAX_RETYPE, init};

use crate::authority::{object_type, own};
use crate::failure::{Failure, Step};

/// Makes every object, in the plan's order: the kernel hands an untyped out upwards, and the plan counted on that.
///
/// The kernel gives each untyped of memory out as used up, so the first retype in it clears the whole of it
/// (`provide_untyped_cap` in its `src/kernel/boot.c`): nothing that a boot loader left there survives, and neither here
/// nor in the blocks that the memory-server gets is it to be cleared again.
pub fn make(plan: &BootPlan) -> Result<(), Failure> {
    for retype in &plan.retypes {
        make_run(retype)?;
        check_place(retype)?;
    }
    make_asid_pools(plan)
}

fn make_run(retype: &Retype) -> Result<(), Failure> {
    let untyped: cap::Untyped = Cap::from_bits(retype.run.untyped);
    let mut made = 0;
    while made < retype.run.count {
        let count = retype.run.count.saturating_sub(made).min(MAX_RETYPE);
        let slot = retype.first_slot.saturating_add(made);
        untyped
            .retype(
                object_type(retype.kind),
                retype.size_bits,
                init::CNODE,
                slot,
                count,
            )
            .map_err(|error| Step::Retype.failed(error))?;
        made = made.saturating_add(count);
    }
    Ok(())
}

/// Asks the kernel where a frame is: if the first of a run is in its place, the plan has counted rightly so far.
fn check_place(retype: &Retype) -> Result<(), Failure> {
    if !matches!(retype.kind, Kind::SmallFrame | Kind::LargeFrame) {
        return Ok(());
    }
    let frame: cap::Frame = Cap::from_bits(retype.first_slot);
    let found = frame
        .physical_address()
        .map_err(|error| Step::Retype.failed(error))?;
    let planned = retype.run.address;
    if found == planned {
        Ok(())
    } else {
        Err(Failure::Displaced { planned, found })
    }
}

fn make_asid_pools(plan: &BootPlan) -> Result<(), Failure> {
    let memory = plan.slots(Item::AsidMemory);
    for (memory, pool) in memory.iter().zip(plan.copies.asid_pools.iter()) {
        init::ASID_CONTROL
            .make_pool(Cap::from_bits(memory), own(pool))
            .map_err(|error| Step::AsidPools.failed(error))?;
    }
    Ok(())
}
