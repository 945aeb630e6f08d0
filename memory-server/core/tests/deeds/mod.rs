//! What clients do with regions, in a word each.

#![allow(dead_code, reason = "each test file uses its own part")]

use interfaces::memory::{
    Accept, Access, CloneOn, CloneRefusal, CloneRegion, CreateRegion, DestroyRegion, Map, MapPart,
    MapRefusal, RegionId, Share, ShareRefusal,
};
use interfaces::provision::{CloneSpace, CloneSpaceRefusal, Progress, Revoke};
use interfaces::{GroupId, Resource};
use memory_core::door::Answer;

use crate::asking::{Asks, GROUP, OTHER, task};
use crate::fake::Bench;

pub const PAGE: u32 = 4096;

pub fn used(bench: &Bench, group: GroupId, kind: Resource) -> u64 {
    bench.ledger.0.borrow().used(group).get(kind)
}

pub fn frames(bench: &Bench) -> [u64; 2] {
    [GROUP, OTHER].map(|group| used(bench, group, Resource::Frames))
}

/// From now on a group gets only so much more.
pub fn limit(bench: &Bench, group: GroupId, kind: Resource, more: u64) {
    let limit = used(bench, group, kind) + more;
    let mut accounts = bench.ledger.0.borrow_mut();
    accounts.limits.insert((group, kind), limit);
}

pub fn audit(bench: &mut Bench) {
    bench.audit(GROUP);
    bench.audit(OTHER);
}

pub fn create(bench: &mut Bench, index: u32, pages: u32) -> RegionId {
    bench.client(task(index), CreateRegion { pages }).unwrap()
}

pub fn map(bench: &mut Bench, index: u32, region: RegionId, access: Access) -> u32 {
    let map = Map {
        region,
        address: None,
        access,
    };
    bench.client(task(index), map).unwrap()
}

pub fn map_part(
    bench: &mut Bench,
    index: u32,
    region: RegionId,
    pages: u32,
) -> Result<u32, MapRefusal> {
    let part = MapPart {
        region,
        address: None,
        access: Access::ReadWrite,
        offset: 0,
        pages,
    };
    bench.client(task(index), part)
}

/// Offers a region, perhaps with the payment for it, and the other accepts.
pub fn offer(
    bench: &mut Bench,
    from: u32,
    region: RegionId,
    to: u32,
    (access, payment): (Access, bool),
) -> Result<RegionId, ShareRefusal> {
    let share = Share {
        region,
        to: task(to),
        access,
        payment,
    };
    let region = bench.client(task(from), share)?;
    bench.client(task(to), Accept { region }).unwrap();
    Ok(region)
}

pub fn give(bench: &mut Bench, from: u32, region: RegionId, to: u32, access: Access) -> RegionId {
    offer(bench, from, region, to, (access, false)).unwrap()
}

pub fn clone(bench: &mut Bench, index: u32, region: RegionId) -> Result<RegionId, CloneRefusal> {
    let mut cloned = bench.client(task(index), CloneRegion { region })?;
    while cloned.progress == Progress::More {
        let region = cloned.region;
        cloned.progress = bench.client(task(index), CloneOn { region })?;
    }
    Ok(cloned.region)
}

/// Clones a task's address space into that of another that was made before.
pub fn fork(bench: &mut Bench, from: u32, to: u32) -> Result<(), CloneSpaceRefusal> {
    let request = CloneSpace {
        from: task(from),
        to: task(to),
    };
    while bench.proc(request)? == Progress::More {}
    Ok(())
}

pub fn destroy(bench: &mut Bench, index: u32, region: RegionId) {
    while bench.client(task(index), DestroyRegion { region }).unwrap() == Progress::More {}
}

pub fn revoke(bench: &mut Bench, group: GroupId) {
    while bench.proc(Revoke { group }).unwrap() == Progress::More {}
}

fn root(bench: &Bench, index: u32) -> u64 {
    let memory = bench.server.memory();
    memory.slots.object(memory.spaces.get(index).root.unwrap())
}

/// Writes as a task does: again after each fault that is answered. Whether it came to that.
pub fn write(bench: &mut Bench, index: u32, address: u32, value: u64) -> bool {
    for _ in 0..3 {
        let root = root(bench, index);
        if bench.kernel.0.borrow_mut().store(root, address, value) {
            return true;
        }
        if bench.touch(index, address, true) != Answer::Resume {
            return false;
        }
    }
    panic!("a write faults for ever");
}

pub fn write_all(bench: &mut Bench, index: u32, address: u32, pages: u32, value: u64) {
    for page in 0..pages {
        assert!(write(bench, index, address + page * PAGE, value), "{page}");
    }
}

pub fn read(bench: &mut Bench, index: u32, address: u32) -> Option<u64> {
    for _ in 0..2 {
        let root = root(bench, index);
        {
            let world = bench.kernel.0.borrow();
            if let Some(frame) = world.frame_at(root, address) {
                return Some(world.content(frame));
            }
        }
        if bench.touch(index, address, false) != Answer::Resume {
            return None;
        }
    }
    panic!("a read faults for ever");
}

/// System calls and calls to the limits-server since the start.
pub fn calls(bench: &Bench) -> (u64, u64) {
    let world = bench.kernel.0.borrow();
    let accounts = bench.ledger.0.borrow();
    (world.tried + world.deletions, accounts.charges)
}
