//! Modes of a task that takes as much of everything as it can get, and of one beside it that needs a little of each.

use client::events::Watcher;
use client::interfaces::accounting::{ChargeRefusal, TicketRefusal};
use client::interfaces::events::TASK_RINGS;
use client::interfaces::limits::OpenGroupRefusal;
use client::interfaces::memory::{Access, CloneRefusal, CreateRegionRefusal, MapRefusal, RegionId};
use client::interfaces::process::{ExitReason, ForkRefusal, ThreadRefusal};
use client::interfaces::provision::RingRefusal;
use client::interfaces::{CallError, Shortage};
use client::process::Forked;
use client::{limits, memory, process, time};

use crate::threads;

/// More than any limit of the group's lets it have.
const MANY: usize = 2000;
/// More pages than its group may reserve.
const TOO_MANY: u32 = 2001;
/// The stacks that there are for further threads.
const STACKS: usize = 15;

/// Ends the mode unless what is refused was refused by a limit that this one may see: its own group's.
macro_rules! by_a_limit {
    ($what:literal, $refusal:expr, $short:pat => $shortage:expr) => {
        match $refusal {
            CallError::Refused($short) => {
                let shortage: Shortage = $shortage;
                if shortage.group != Some(value!(limits::who_am_i()).group) {
                    return problem!("{}: {shortage:?}", $what);
                }
            }
            other => return problem!("{}: {other:?}", $what),
        }
    };
}

/// `greedy`: takes threads that wait, rings, regions, mappings, clones, groups and children until a limit of its group stops
/// each, says so by reserving too much, and holds what it has.
pub fn greedy() -> i32 {
    let mut place = 0;
    let refusal = loop {
        if place == STACKS {
            break None;
        }
        match threads::start(place, threads::sleeper) {
            Ok(_) => place = place.saturating_add(1),
            Err(refusal) => break Some(refusal),
        }
    };
    if let Some(refusal) = refusal {
        by_a_limit!("threads", refusal, ThreadRefusal::Ticket(TicketRefusal::Short(short)) => short);
    }
    let mut rings: [Option<Watcher>; TASK_RINGS] = [const { None }; TASK_RINGS];
    for ring in &mut rings {
        match Watcher::open(1) {
            Ok(watcher) => *ring = Some(watcher),
            Err(refusal) => {
                by_a_limit!("rings", refusal, RingRefusal::Charge(ChargeRefusal::Short(short)) => short);
                break;
            }
        }
    }
    let region = match regions() {
        Ok(region) => region,
        Err(code) => return code,
    };
    // Its first mapping came with the region, so that the next has to be paid for.
    if memory::map_part(region, None, Access::Read, 0, 1).is_ok() {
        let refusal =
            (0..MANY).find_map(|_| memory::map_part(region, None, Access::Read, 0, 1).err());
        match refusal {
            // As many as fit an address space: its own bound.
            Some(CallError::Refused(MapRefusal::TableFull)) => {}
            Some(refusal) => {
                by_a_limit!("mappings", refusal, MapRefusal::Charge(ChargeRefusal::Short(short)) => short);
            }
            None => return problem!("no end of mappings"),
        }
    }
    let Some(refusal) = (0..MANY).find_map(|_| memory::clone_region(region).err()) else {
        return problem!("no end of clones");
    };
    by_a_limit!("clones", refusal, CloneRefusal::Charge(ChargeRefusal::Short(short)) => short);
    let Some(refusal) = (0..MANY).find_map(|_| limits::open_group(None).err()) else {
        return problem!("no end of groups");
    };
    by_a_limit!("groups", refusal, OpenGroupRefusal::Short(short) => short);
    match process::fork(None) {
        Ok(_) => return problem!("a child for which there is no room"),
        Err(refusal) => {
            by_a_limit!("children", refusal, ForkRefusal::Ticket(TicketRefusal::Short(short)) => short);
        }
    }
    let Err(refusal) = memory::create_region(TOO_MANY) else {
        return problem!("more than there is was reserved");
    };
    by_a_limit!("pages", refusal, CreateRegionRefusal::Charge(ChargeRefusal::Short(short)) => short);
    loop {
        let _ = time::sleep(u64::MAX);
    }
}

/// Regions until a limit stops them; the first of them.
fn regions() -> Result<RegionId, i32> {
    let mut first = None;
    let mut made = 0_usize;
    let refusal = loop {
        match memory::create_region(1) {
            Ok(region) => {
                first = first.or(Some(region));
                made = made.saturating_add(1);
            }
            Err(refusal) => break refusal,
        }
    };
    let is_limit = matches!(
        refusal,
        CallError::Refused(CreateRegionRefusal::Charge(ChargeRefusal::Short(_)))
    );
    match first {
        Some(first) if is_limit => Ok(first),
        _ => Err(problem!("after {made} regions: {refusal:?}")),
    }
}

/// `modest`: gets a little of each thing, and it works.
pub fn modest() -> i32 {
    let region = value!(memory::create_region(2));
    let address = value!(memory::map(region, None, Access::ReadWrite));
    // SAFETY: the page is mapped there, and nothing else is in it.
    unsafe { (u64::from(address) as *mut u64).write_volatile(7) };
    value!(memory::map_part(region, None, Access::Read, 0, 1));
    let clone = value!(memory::clone_region(region));
    value!(memory::map(clone, None, Access::ReadWrite));
    let watcher = value!(Watcher::open(1));
    value!(threads::start(0, threads::sleeper));
    let group = value!(limits::open_group(None));
    match value!(process::fork(None)) {
        Forked::Child => return 0,
        Forked::Parent(child) => {
            let ended = value!(process::wait(Some(child)));
            if ended.reason != (ExitReason::Exited { code: 0 }) {
                return problem!("the child ended with {:?}", ended.reason);
            }
        }
    }
    drop(watcher);
    value!(limits::close_group(group));
    value!(memory::destroy_region(clone));
    value!(memory::destroy_region(region));
    0
}
