//! Fills the servers' CNodes, line by line as the table says; nothing else ever does.

use boot_core::grants::{Grant, Target};
use boot_core::plan::BootPlan;
use interfaces::ServerName;
use interfaces::start::proc_slots;
use sel4::cap::{self, Cap};
use sel4::{BootInfo, CapData, Error, ObjectType, Result, Slot, init};

use crate::authority::{cnode, of, own, rights};
use crate::failure::{Failure, Step};
use crate::space::archive_frame;

/// Hands out every capability of the table.
///
/// In the table's order, which is that of the slots: of the blocks of one untyped the lower ones, which the kernel makes
/// first, are never larger than the higher ones and so stand in front of them.
pub fn hand_out(
    plan: &BootPlan,
    info: BootInfo,
    grants: &[Grant],
) -> core::result::Result<(), Failure> {
    for grant in grants {
        for number in 0..grant.count {
            let slot = grant.slot.saturating_add(number);
            give(plan, info, grant, number, slot)
                .map_err(|error| Step::Grant(grant.server, slot).failed(error))?;
        }
    }
    Ok(())
}

/// Puts the capability of that number of a line into its slot.
fn give(plan: &BootPlan, info: BootInfo, grant: &Grant, number: u64, slot: u64) -> Result<()> {
    let to = of(plan, grant.server, slot);
    match grant.target {
        Target::Block { block, untyped } => {
            let untyped: cap::Untyped = Cap::from_bits(untyped);
            untyped.retype(
                ObjectType::Untyped,
                block.bits,
                cnode(plan, grant.server),
                slot,
                1,
            )
        }
        Target::Archive => copy(to, archive_frame(info, number)?.bits(), grant),
        Target::FirstAsidPool => copy(to, init::ASID_POOL.bits(), grant),
        Target::TimerPorts => {
            let (first, last) = proc_slots::TIMER_PORTS;
            to.mint_ports_from(own(init::IO_PORT.bits()), first, last)
        }
        Target::TimerInterrupt => copy(to, plan.copies.timer.handler, grant),
        Target::AsidPools => {
            let pool = plan.copies.asid_pools.at(number).ok_or(Error::RangeError)?;
            copy(to, pool, grant)
        }
        Target::CNode(server) => {
            let radix = plan.servers.of(server).cnode_radix;
            copy_cnode(to, cnode(plan, server).bits(), radix, grant)
        }
        Target::BirthCNode => {
            let radix = u8::try_from(proc_slots::BIRTH_RADIX).unwrap_or(u8::MAX);
            copy_cnode(to, item(plan, grant)?, radix, grant)
        }
        Target::Endpoint(_)
        | Target::News
        | Target::Space(_)
        | Target::Tcb(_)
        | Target::Watchman
        | Target::Cleaner => copy(to, item(plan, grant)?, grant),
    }
}

/// The root task's own capability to what the line is about.
fn item(plan: &BootPlan, grant: &Grant) -> Result<u64> {
    let item = grant.target.item().ok_or(Error::InvalidArgument)?;
    plan.slots(item).at(0).ok_or(Error::InvalidCapability)
}

fn copy(to: Slot, from: u64, grant: &Grant) -> Result<()> {
    match grant.badge {
        None => to.copy_from(own(from), rights(grant.rights)),
        Some(badge) => to.mint_from(own(from), rights(grant.rights), badge.encode()),
    }
}

/// Copies with the guard that lets 64 bits name a slot.
fn copy_cnode(to: Slot, from: u64, radix: u8, grant: &Grant) -> Result<()> {
    to.mint_guard_from(own(from), rights(grant.rights), CapData::skip_guard(radix))
}

/// The slots of a server that are in use, for the banner.
pub fn count(grants: &[Grant], server: ServerName) -> u64 {
    grants
        .iter()
        .filter(|grant| grant.server == server)
        .map(|grant| grant.count)
        .sum()
}
