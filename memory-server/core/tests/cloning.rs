//! Copy-on-write, sizes and sponsors: what everybody reads is what was written, and every group pays for its own.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::missing_panics_doc,
    clippy::too_many_lines,
    missing_docs,
    missing_debug_implementations,
    reason = "tests: whatever is wrong is to panic"
)]

mod asking;
mod deeds;
mod fake;

use std::collections::BTreeMap;

use asking::{Asks, GROUP, OTHER, rest, task};
use deeds::{audit, create, destroy, offer, read, used, write};
use fake::Bench;
use interfaces::memory::{
    Accept, Access, BORROW_KIT, CloneOn, CloneRefusal, CloneRegion, CreateRegion, DestroyRegion,
    Map, OBJECT_KIT, REGION_KIT, ReadRegion, RegionId, Resize, ResizeRefusal, Share, Sponsor,
    SponsorRefusal, Unmap,
};
use interfaces::provision::{Cause, CloneSpace, CloneSpaceRefusal, Progress, Revoke};
use interfaces::{GroupId, Resource};
use memory_core::door::Answer;
use proptest::prelude::*;

fn bench() -> Bench {
    let mut bench = Bench::with_room(300, &[(0, 20)], 16, 400);
    bench.spawn(0, GROUP).unwrap();
    bench.spawn(1, OTHER).unwrap();
    bench.spawn(2, GROUP).unwrap();
    bench
}

fn group_of(index: u32) -> GroupId {
    if index == 1 { OTHER } else { GROUP }
}

fn map(bench: &mut Bench, index: u32, region: RegionId) -> u32 {
    deeds::map(bench, index, region, Access::ReadWrite)
}

fn give(bench: &mut Bench, from: u32, region: RegionId, to: u32) -> RegionId {
    let payment = group_of(from) == GROUP;
    offer(bench, from, region, to, (Access::ReadWrite, payment)).unwrap()
}

/// Clones a region; one that is not to become whole is given back.
fn clone(bench: &mut Bench, index: u32, region: RegionId) -> Result<RegionId, CloneRefusal> {
    let mut cloned = bench.client(task(index), CloneRegion { region })?;
    while cloned.progress == Progress::More {
        let region = cloned.region;
        match bench.client(task(index), CloneOn { region }) {
            Ok(progress) => cloned.progress = progress,
            Err(refusal) => {
                destroy(bench, index, region);
                return Err(refusal);
            }
        }
    }
    Ok(cloned.region)
}

#[test]
fn a_clone_has_what_was_there_and_each_page_is_copied_when_one_of_them_writes() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 8);
    let here = map(&mut bench, 0, region);
    for page in (0..4).rev() {
        assert!(write(
            &mut bench,
            0,
            here + page * 4096,
            10 + u64::from(page)
        ));
    }
    let before = bench.ledger.0.borrow().used(GROUP);
    let copy = clone(&mut bench, 0, region).unwrap();
    audit(&mut bench);
    let taken = bench.ledger.0.borrow().used(GROUP);
    let taken = taken.checked_sub(&before).unwrap();
    let records = |kits: u64| {
        REGION_KIT.get(Resource::KernelMemory)
            + OBJECT_KIT.get(Resource::KernelMemory)
            + kits * BORROW_KIT.get(Resource::KernelMemory)
    };
    assert_eq!(
        (
            taken.get(Resource::Commit),
            taken.get(Resource::Frames),
            taken.get(Resource::KernelMemory)
        ),
        (8, 0, records(4)),
        "reserved at once, no frame taken"
    );
    let there = map(&mut bench, 0, copy);
    for page in 0..4 {
        assert_eq!(
            read(&mut bench, 0, there + page * 4096),
            Some(10 + u64::from(page))
        );
    }
    assert_eq!(bench.kernel.0.borrow().copies, 0, "reads never copy");
    let frames = used(&bench, GROUP, Resource::Frames);
    assert!(write(&mut bench, 0, there, 20));
    assert!(write(&mut bench, 0, here + 4096, 21));
    assert_eq!(used(&bench, GROUP, Resource::Frames), frames + 2);
    assert_eq!(bench.kernel.0.borrow().copies, 2);
    // The one that is left of each is not copied.
    assert!(write(&mut bench, 0, here, 30));
    assert!(write(&mut bench, 0, there + 4096, 31));
    assert_eq!(bench.kernel.0.borrow().copies, 2);
    assert_eq!(used(&bench, GROUP, Resource::Frames), frames + 2);
    audit(&mut bench);
    for (at, value) in [
        (here, 30),
        (there, 20),
        (here + 4096, 21),
        (there + 4096, 31),
    ] {
        assert_eq!(read(&mut bench, 0, at), Some(value));
    }
    // What was never touched is zero in both, and each has its own.
    assert!(write(&mut bench, 0, here + 5 * 4096, 5));
    assert_eq!(read(&mut bench, 0, there + 5 * 4096), Some(0));
    audit(&mut bench);
    bench.end(0, GROUP);
    bench.end(2, GROUP);
    audit(&mut bench);
    assert!(bench.ledger.0.borrow().used(GROUP).is_none());
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn of_three_generations_the_middle_one_can_go_and_nothing_is_copied_for_the_last_user() {
    let mut bench = bench();
    let first = create(&mut bench, 0, 4);
    let here = map(&mut bench, 0, first);
    for page in 0..3 {
        assert!(write(&mut bench, 0, here + page * 4096, 1));
    }
    let second = clone(&mut bench, 0, first).unwrap();
    let there = map(&mut bench, 0, second);
    assert!(write(&mut bench, 0, there + 4096, 2));
    let third = clone(&mut bench, 0, second).unwrap();
    let last = map(&mut bench, 0, third);
    audit(&mut bench);
    destroy(&mut bench, 0, second);
    audit(&mut bench);
    assert_eq!(
        [0, 1, 2].map(|page| read(&mut bench, 0, last + page * 4096)),
        [Some(1), Some(2), Some(1)]
    );
    destroy(&mut bench, 0, first);
    audit(&mut bench);
    let copies = bench.kernel.0.borrow().copies;
    for page in 0..3 {
        assert!(write(&mut bench, 0, last + page * 4096, 3));
    }
    assert_eq!(bench.kernel.0.borrow().copies, copies);
    audit(&mut bench);
    assert_eq!(
        bench
            .client(task(0), ReadRegion { region: third })
            .unwrap()
            .resident,
        3
    );
}

#[test]
fn a_page_is_charged_to_whoever_writes_and_what_is_parted_with_to_whoever_wanted_it() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 4);
    let here = map(&mut bench, 0, region);
    for page in 0..4 {
        assert!(write(&mut bench, 0, here + page * 4096, 1));
    }
    let shared = give(&mut bench, 0, region, 1);
    let copy = clone(&mut bench, 1, shared).unwrap();
    destroy(&mut bench, 1, shared);
    let there = map(&mut bench, 1, copy);
    // What comes with its first fault is none of the matter.
    assert!(write(&mut bench, 1, 0x22_e000, 1));
    let frames = |bench: &Bench| [GROUP, OTHER].map(|group| used(bench, group, Resource::Frames));
    let before = frames(&bench);
    assert!(write(&mut bench, 1, there, 2));
    assert_eq!(
        frames(&bench),
        [before[0], before[1] + 1],
        "the writer pays"
    );
    assert!(write(&mut bench, 0, here + 4096, 2));
    assert_eq!(
        frames(&bench),
        [before[0], before[1] + 2],
        "whoever cloned what is another's pays for what the other parts with"
    );
    audit(&mut bench);
    assert!(write(&mut bench, 1, there + 4096, 3));
    assert_eq!(frames(&bench), [before[0], before[1] + 2]);
    bench.end(0, GROUP);
    audit(&mut bench);
    assert_eq!(used(&bench, GROUP, Resource::Frames), 1, "task 2");
    assert_eq!(frames(&bench)[1], before[1] + 4);
    for (page, value) in [(0, 2), (1, 3), (2, 1), (3, 1)] {
        assert_eq!(read(&mut bench, 1, there + page * 4096), Some(value));
    }
    bench.end(1, OTHER);
    audit(&mut bench);
    bench.end(2, GROUP);
    assert!(bench.ledger.0.borrow().used(GROUP).is_none());
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn what_a_killed_payer_left_is_taken_over_or_lost() {
    for can_pay in [true, false] {
        let mut bench = bench();
        let region = create(&mut bench, 0, 40);
        let here = map(&mut bench, 0, region);
        for page in 0..40 {
            assert!(write(&mut bench, 0, here + page * 4096, 7));
        }
        let shared = give(&mut bench, 0, region, 1);
        let copy = clone(&mut bench, 1, shared).unwrap();
        let there = map(&mut bench, 1, copy);
        assert!(write(&mut bench, 1, there, 8));
        bench.end(0, GROUP);
        bench.end(2, GROUP);
        if !can_pay {
            let used = used(&bench, OTHER, Resource::Frames);
            let mut accounts = bench.ledger.0.borrow_mut();
            accounts.limits.insert((OTHER, Resource::Frames), used + 9);
        }
        while bench.proc(Revoke { group: GROUP }).unwrap() == Progress::More {
            bench.server.memory().check();
            bench.audit(GROUP);
        }
        audit(&mut bench);
        assert!(bench.ledger.0.borrow().used(GROUP).is_none());
        assert_eq!(read(&mut bench, 1, there), Some(8));
        let rest = (1..40).filter(|page| read(&mut bench, 1, there + page * 4096) == Some(7));
        assert_eq!(rest.count(), if can_pay { 39 } else { 9 });
        if !can_pay {
            assert_eq!(bench.report().unwrap().cause, Cause::PayerKilled);
        }
        bench.end(1, OTHER);
        audit(&mut bench);
        assert!(bench.ledger.0.borrow().used(OTHER).is_none());
        assert_eq!(bench.server.counters().mishaps, 0);
    }
}

#[test]
fn a_clone_is_refused_at_the_limit_and_leaves_nothing() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 8);
    let here = map(&mut bench, 0, region);
    assert!(write(&mut bench, 0, here, 1));
    let limit = used(&bench, GROUP, Resource::Commit) + 7;
    let limits = |bench: &Bench, limit| {
        let mut accounts = bench.ledger.0.borrow_mut();
        accounts.limits.insert((GROUP, Resource::Commit), limit);
    };
    limits(&bench, limit);
    let before = rest(&mut bench);
    assert!(matches!(
        clone(&mut bench, 0, region),
        Err(CloneRefusal::Charge(_))
    ));
    assert_eq!(rest(&mut bench), before);
    audit(&mut bench);
    limits(&bench, limit + 1);
    assert!(clone(&mut bench, 0, region).is_ok());
    audit(&mut bench);
}

#[test]
fn resized_down_gives_back_exactly_and_up_is_reserved() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 100);
    let here = map(&mut bench, 0, region);
    let shared = give(&mut bench, 0, region, 1);
    let there = map(&mut bench, 1, shared);
    for page in (0..60).rev() {
        assert!(write(&mut bench, 0, here + page * 4096, 1));
        assert!(write(&mut bench, 1, there + page * 4096, 1));
    }
    let before = bench.ledger.0.borrow().used(GROUP);
    let resize = |pages| Resize { region, pages };
    let mut slices = 1;
    while bench.client(task(0), resize(10)) == Ok(Progress::More) {
        slices += 1;
        audit(&mut bench);
        assert_eq!(
            bench.touch(1, there + 30 * 4096 - 4096, true),
            Answer::Nothing
        );
        assert_eq!(
            bench.touch(2, 0x22_0000 + slices % 8 * 4096, true),
            Answer::Resume
        );
        bench.end(2, GROUP);
        bench.spawn(2, GROUP).unwrap();
    }
    assert!(slices > 4, "{slices}");
    audit(&mut bench);
    let given = before
        .checked_sub(&bench.ledger.0.borrow().used(GROUP))
        .unwrap();
    assert_eq!(
        (given.get(Resource::Commit), given.get(Resource::Frames)),
        (90, 50)
    );
    assert_eq!(bench.touch(0, here + 10 * 4096, true), Answer::Nothing);
    assert_eq!(read(&mut bench, 0, here + 9 * 4096), Some(1));
    // Larger again, it is zero there.
    while bench.client(task(0), resize(50)) == Ok(Progress::More) {}
    assert_eq!(read(&mut bench, 0, here + 20 * 4096), Some(0));
    audit(&mut bench);
    let refused = bench.client(
        task(1),
        Resize {
            region: shared,
            pages: 60,
        },
    );
    assert_eq!(refused, Err(ResizeRefusal::NotPayer));
    for pages in [0, 0xe_0001] {
        let refused = bench.client(task(0), resize(pages));
        assert_eq!(refused, Err(ResizeRefusal::BadSize));
    }
    audit(&mut bench);
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn a_sponsor_takes_over_all_of_it_or_nothing() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 20);
    let here = map(&mut bench, 0, region);
    for page in (0..5).rev() {
        assert!(write(&mut bench, 0, here + page * 4096, 1));
    }
    let shared = give(&mut bench, 0, region, 1);
    let frames = used(&bench, OTHER, Resource::Frames);
    let limit = |bench: &Bench, limit| {
        let mut accounts = bench.ledger.0.borrow_mut();
        accounts.limits.insert((OTHER, Resource::Frames), limit);
    };
    limit(&bench, frames + 4);
    let before = rest(&mut bench);
    let sponsor = Sponsor { region: shared };
    assert!(matches!(
        bench.client(task(1), sponsor),
        Err(SponsorRefusal::Charge(_))
    ));
    assert_eq!(rest(&mut bench), before);
    limit(&bench, frames + 6);
    assert_eq!(bench.client(task(1), sponsor), Ok(()));
    audit(&mut bench);
    assert_eq!(used(&bench, OTHER, Resource::Frames), frames + 5);
    assert_eq!(bench.client(task(1), sponsor), Ok(()), "nothing to do");
    bench.end(0, GROUP);
    bench.end(2, GROUP);
    while bench.proc(Revoke { group: GROUP }).unwrap() == Progress::More {}
    audit(&mut bench);
    assert!(bench.ledger.0.borrow().used(GROUP).is_none());
    let there = map(&mut bench, 1, shared);
    assert_eq!(
        read(&mut bench, 1, there),
        Some(1),
        "it outlives its first payer"
    );
}

/// Clones a task's address space into that of a new one. Whether it came to the end.
fn fork(bench: &mut Bench, from: u32, to: u32) -> Result<(), CloneSpaceRefusal> {
    bench.spawn(to, group_of(to)).unwrap();
    let request = CloneSpace {
        from: task(from),
        to: task(to),
    };
    while bench.proc(request)? == Progress::More {
        audit(bench);
    }
    Ok(())
}

#[test]
fn a_forked_task_sees_what_its_parent_saw_and_each_writes_for_itself() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 60);
    let here = map(&mut bench, 0, region);
    for page in (0..50).rev() {
        assert!(write(
            &mut bench,
            0,
            here + page * 4096,
            100 + u64::from(page)
        ));
    }
    let common = create(&mut bench, 0, 2);
    let shared = map(&mut bench, 0, common);
    give(&mut bench, 0, common, 1);
    assert!(write(&mut bench, 0, shared, 5));
    for (address, value) in [(0x22_e000, 1), (0x22_d000, 2), (0x24_3000, 3)] {
        assert!(write(&mut bench, 0, address, value));
    }
    bench.end(2, GROUP);
    let frames = used(&bench, GROUP, Resource::Frames);
    let commit = used(&bench, GROUP, Resource::Commit);
    fork(&mut bench, 0, 2).unwrap();
    audit(&mut bench);
    assert_eq!(
        used(&bench, GROUP, Resource::Frames),
        frames + 1,
        "an IPC buffer"
    );
    assert_eq!(used(&bench, GROUP, Resource::Commit), commit + 1 + 33 + 60);
    for page in 0..50 {
        let address = here + page * 4096;
        assert_eq!(read(&mut bench, 2, address), Some(100 + u64::from(page)));
    }
    for (address, value) in [(0x22_e000, 1), (0x22_d000, 2), (0x24_3000, 3), (shared, 5)] {
        assert_eq!(read(&mut bench, 2, address), Some(value));
        assert!(write(&mut bench, 2, address, value + 10));
    }
    for (address, value) in [(0x22_e000, 1), (0x22_d000, 2), (0x24_3000, 3), (shared, 15)] {
        assert_eq!(read(&mut bench, 0, address), Some(value), "{address:x}");
    }
    // It knows its regions by their ids, and its own.
    let account = bench.client(task(2), ReadRegion { region }).unwrap();
    assert_eq!((account.pages, account.address), (60, Some(here)));
    let copies = bench.kernel.0.borrow().copies;
    bench.end(0, GROUP);
    audit(&mut bench);
    for page in 0..50 {
        assert!(write(&mut bench, 2, here + page * 4096, 1));
    }
    assert_eq!(
        bench.kernel.0.borrow().copies,
        copies,
        "it is the only one left"
    );
    assert_eq!(
        bench.client(task(2), DestroyRegion { region }),
        Ok(Progress::More)
    );
    destroy(&mut bench, 2, region);
    assert!(bench.client(task(2), ReadRegion { region }).is_err());
    bench.end(2, GROUP);
    bench.end(1, OTHER);
    assert!(bench.ledger.0.borrow().used(GROUP).is_none());
    assert!(bench.ledger.0.borrow().used(OTHER).is_none());
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn a_fork_that_cannot_be_paid_for_leaves_nothing() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 20);
    let here = map(&mut bench, 0, region);
    assert!(write(&mut bench, 0, here, 1));
    assert!(write(&mut bench, 0, 0x22_e000, 1));
    bench.end(2, GROUP);
    let before = rest(&mut bench);
    for limit in [0, 1, 19] {
        let charged = used(&bench, GROUP, Resource::Commit) + 34 + limit;
        let mut accounts = bench.ledger.0.borrow_mut();
        accounts.limits.insert((GROUP, Resource::Commit), charged);
        drop(accounts);
        assert!(matches!(
            fork(&mut bench, 0, 2),
            Err(CloneSpaceRefusal::Charge(_))
        ));
        bench.end(2, GROUP);
        assert_eq!(rest(&mut bench), before);
    }
    bench.ledger.0.borrow_mut().limits.clear();
    // Whatever the kernel or the ledger refuses in turn.
    for fail in 1.. {
        bench.spawn(2, GROUP).unwrap();
        {
            let mut accounts = bench.ledger.0.borrow_mut();
            accounts.fail_at = Some(accounts.charges + fail);
            let mut world = bench.kernel.0.borrow_mut();
            world.fail_at = Some(world.tried + fail);
        }
        let request = CloneSpace {
            from: task(0),
            to: task(2),
        };
        let done = bench.proc(request);
        bench.ledger.0.borrow_mut().fail_at = None;
        bench.kernel.0.borrow_mut().fail_at = None;
        audit(&mut bench);
        bench.end(2, GROUP);
        assert_eq!(rest(&mut bench), before, "step {fail}");
        if done.is_ok() {
            assert!(fail > 2, "{fail}");
            break;
        }
    }
    fork(&mut bench, 0, 2).unwrap();
    assert_eq!(read(&mut bench, 2, here), Some(1));
    audit(&mut bench);
}

// ---------------------------------------------------------------------------------------------- histories

#[derive(Clone, Debug)]
enum Op {
    Create(u32, u32),
    Clone(u32, prop::sample::Index),
    Give(u32, prop::sample::Index, u32, bool),
    Map(u32, prop::sample::Index, u32),
    Unmap(u32, prop::sample::Index),
    Destroy(u32, prop::sample::Index),
    Write(u32, u32),
    WriteAll(u32),
    WriteOn(u32, u32),
    Read(u32, u32),
    Resize(u32, prop::sample::Index, u32),
    Sponsor(u32, prop::sample::Index),
    End(u32),
    Fork(u32, u32),
    Revoke(bool),
    FailMaking(u64),
    FailCharge(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let which = any::<prop::sample::Index>;
    (0_u32..3).prop_flat_map(move |index| {
        prop_oneof![
            3 => (1_u32..12).prop_map(move |pages| Op::Create(index, pages)),
            5 => which().prop_map(move |region| Op::Clone(index, region)),
            2 => (which(), 0_u32..3, any::<bool>())
                .prop_map(move |(region, to, payment)| Op::Give(index, region, to, payment)),
            8 => (which(), 0_u32..8).prop_map(move |(region, at)| Op::Map(index, region, at)),
            2 => which().prop_map(move |region| Op::Unmap(index, region)),
            2 => which().prop_map(move |region| Op::Destroy(index, region)),
            16 => (0_u32..12).prop_map(move |page| Op::Write(index, page)),
            2 => Just(Op::WriteAll(index)),
            4 => (0_u32..8).prop_map(move |page| Op::WriteOn(index, page)),
            8 => (0_u32..12).prop_map(move |page| Op::Read(index, page)),
            2 => (which(), 1_u32..6).prop_map(move |(region, pages)| Op::Resize(index, region, pages)),
            1 => which().prop_map(move |region| Op::Sponsor(index, region)),
            1 => Just(Op::End(index)),
            2 => (0_u32..3).prop_map(move |to| Op::Fork(index, to)),
            1 => any::<bool>().prop_map(Op::Revoke),
            1 => (0_u64..8).prop_map(Op::FailMaking),
            1 => (0_u64..4).prop_map(Op::FailCharge),
        ]
    })
}

const AT: u32 = 0x1000_0000;

#[derive(Clone)]
struct Contents {
    payer: GroupId,
    shared: bool,
    pages: Vec<u64>,
    revoked: bool,
}

/// Holder, memory, place in the address space.
type Handle = (u32, usize, Option<(u32, u32)>);

/// What everybody would read if every clone were a plain copy.
#[derive(Default)]
struct Naive {
    memories: Vec<Contents>,
    regions: BTreeMap<RegionId, Handle>,
    /// Regions with which the payment was offered, and who paid then.
    offers: BTreeMap<RegionId, GroupId>,
    values: u64,
    /// Whether overcommit is off: then what is reserved can be had.
    is_strict: bool,
}

/// Whether a failure that was asked for is still to come.
fn fails_soon(bench: &Bench) -> bool {
    let world = bench.kernel.0.borrow();
    let accounts = bench.ledger.0.borrow();
    world.fail_at.is_some_and(|at| at > world.tried)
        || accounts.fail_at.is_some_and(|at| at > accounts.charges)
}

impl Naive {
    fn pick(&self, index: u32, which: prop::sample::Index) -> Option<RegionId> {
        let ids: Vec<_> = self
            .regions
            .iter()
            .filter(|(_, region)| region.0 == index)
            .map(|(&id, _)| id)
            .collect();
        (!ids.is_empty()).then(|| ids[which.index(ids.len())])
    }

    /// The memory and the page of it that a task should see.
    fn shown(&self, index: u32, page: u32) -> Option<(usize, usize)> {
        self.regions.values().find_map(|&(holder, memory, at)| {
            let (start, pages) = at.filter(|_| holder == index)?;
            let place = page.checked_sub(start).filter(|&place| place < pages)?;
            let record = &self.memories[memory];
            let is_there = (place as usize) < record.pages.len() && !record.revoked;
            is_there.then_some((memory, place as usize))
        })
    }

    fn step(&mut self, bench: &mut Bench, op: &Op) {
        let calm = |bench: &mut Bench| {
            bench.kernel.0.borrow_mut().fail_at = None;
            bench.ledger.0.borrow_mut().fail_at = None;
        };
        match *op {
            Op::Create(index, pages) => {
                if let Ok(id) = bench.client(task(index), CreateRegion { pages }) {
                    self.memories.push(Contents {
                        payer: group_of(index),
                        shared: false,
                        pages: vec![0; pages as usize],
                        revoked: false,
                    });
                    self.regions
                        .insert(id, (index, self.memories.len() - 1, None));
                }
            }
            Op::Clone(index, which) => {
                let Some(region) = self.pick(index, which) else {
                    return;
                };
                match clone(bench, index, region) {
                    Ok(id) => {
                        let source = self.memories[self.regions[&region].1].clone();
                        assert!(!source.revoked);
                        self.memories.push(Contents {
                            payer: group_of(index),
                            shared: false,
                            ..source
                        });
                        self.regions
                            .insert(id, (index, self.memories.len() - 1, None));
                    }
                    // A clone of which a slice failed is left to be given back; here it was, or nothing was made.
                    Err(_) => self.sweep(bench, index),
                }
            }
            Op::Give(index, which, to, payment) => {
                let Some(region) = self.pick(index, which) else {
                    return;
                };
                let share = Share {
                    region,
                    to: task(to),
                    access: Access::ReadWrite,
                    payment,
                };
                if let Ok(id) = bench.client(task(index), share) {
                    let memory = self.regions[&region].1;
                    let payer = self.memories[memory].payer;
                    assert!(!payment || payer == group_of(index), "offered by its payer");
                    self.memories[memory].shared = true;
                    if bench.client(task(to), Accept { region: id }).is_ok() {
                        if payment {
                            self.offers.insert(id, payer);
                        }
                        self.regions.insert(id, (to, memory, None));
                    } else {
                        destroy(bench, index, id);
                    }
                }
            }
            Op::Map(index, which, at) => {
                let Some(region) = self.pick(index, which) else {
                    return;
                };
                let request = Map {
                    region,
                    address: Some(AT + at * 4096),
                    access: Access::ReadWrite,
                };
                if bench.client(task(index), request).is_ok() {
                    let memory = self.regions[&region].1;
                    let pages = u32::try_from(self.memories[memory].pages.len()).unwrap();
                    self.regions.get_mut(&region).unwrap().2 = Some((at, pages));
                }
            }
            Op::Unmap(index, which) => {
                let Some(region) = self.pick(index, which) else {
                    return;
                };
                let done = bench.client(task(index), Unmap { region });
                assert_eq!(done.is_ok(), self.regions[&region].2.is_some());
                self.regions.get_mut(&region).unwrap().2 = None;
            }
            Op::Destroy(index, which) => {
                let Some(region) = self.pick(index, which) else {
                    return;
                };
                destroy(bench, index, region);
                self.regions.remove(&region);
            }
            Op::WriteOn(index, page) => {
                for page in page..page + 4 {
                    self.step(bench, &Op::Write(index, page));
                }
            }
            Op::Write(index, page) => {
                self.values += 1;
                let must = self.is_strict && !fails_soon(bench);
                let is_written = write(bench, index, AT + page * 4096, self.values);
                if must {
                    let shown = self.shown(index, page);
                    let is_kept = shown.is_some_and(|(memory, _)| !self.memories[memory].revoked);
                    assert!(is_written || !is_kept, "what is reserved can be had");
                }
                match self.shown(index, page) {
                    Some((memory, place)) if is_written => {
                        self.memories[memory].pages[place] = self.values;
                    }
                    None => assert!(!is_written, "task {index} wrote to page {page}"),
                    Some(_) => {}
                }
                while bench.report().is_some() {}
            }
            // In order: some pages come with the ones before them.
            Op::WriteAll(index) => {
                for page in 0..12 {
                    self.step(bench, &Op::Write(index, page));
                }
            }
            Op::Read(index, page) => {
                let seen = read(bench, index, AT + page * 4096);
                match self.shown(index, page) {
                    Some((memory, place)) => {
                        if let Some(seen) = seen {
                            assert_eq!(seen, self.memories[memory].pages[place]);
                        }
                    }
                    None => assert_eq!(seen, None, "task {index} reads page {page}"),
                }
                while bench.report().is_some() {}
            }
            Op::Resize(index, which, pages) => {
                let Some(region) = self.pick(index, which) else {
                    return;
                };
                let mut done = Ok(Progress::More);
                while done == Ok(Progress::More) {
                    done = bench.client(task(index), Resize { region, pages });
                }
                if done.is_ok() {
                    let memory = self.regions[&region].1;
                    self.memories[memory].pages.resize(pages as usize, 0);
                }
            }
            Op::Sponsor(index, which) => {
                let Some(region) = self.pick(index, which) else {
                    return;
                };
                if bench.client(task(index), Sponsor { region }).is_ok() {
                    let memory = &mut self.memories[self.regions[&region].1];
                    let payer = group_of(index);
                    let offered = self.offers.get(&region) == Some(&memory.payer);
                    assert!(offered || memory.payer == payer, "nobody pays unasked");
                    memory.payer = payer;
                }
            }
            Op::End(index) => {
                bench.end(index, group_of(index));
                self.regions.retain(|_, region| region.0 != index);
                calm(bench);
                bench.spawn(index, group_of(index)).unwrap();
            }
            Op::Fork(index, to) => {
                if index == to {
                    return;
                }
                calm(bench);
                bench.end(to, group_of(to));
                self.regions.retain(|_, region| region.0 != to);
                if fork(bench, index, to).is_err() {
                    bench.end(to, group_of(to));
                    bench.spawn(to, group_of(to)).unwrap();
                    return;
                }
                self.fork(bench, index, to);
            }
            Op::Revoke(other) => {
                calm(bench);
                let group = if other { OTHER } else { GROUP };
                while bench.proc(Revoke { group }) == Ok(Progress::More) {}
                for memory in &mut self.memories {
                    memory.revoked |= memory.payer == group;
                }
            }
            Op::FailMaking(after) => {
                let mut world = bench.kernel.0.borrow_mut();
                world.fail_at = Some(world.tried + 1 + after);
            }
            Op::FailCharge(after) => {
                let mut accounts = bench.ledger.0.borrow_mut();
                accounts.fail_at = Some(accounts.charges + 1 + after);
            }
        }
    }

    /// What the child should have: its regions are found by those of its parent.
    fn fork(&mut self, bench: &Bench, from: u32, to: u32) {
        let memory = bench.server.memory();
        let list = memory.spaces.get(to).regions;
        let copies: Vec<_> = memory
            .regions
            .iter(list)
            .map(|(place, region)| (memory.regions.id_of(place), region.alias.unwrap()))
            .collect();
        let parents: Vec<_> = self
            .regions
            .iter()
            .filter(|(_, region)| region.0 == from)
            .map(|(&id, &region)| (id, region))
            .collect();
        assert_eq!(copies.len(), parents.len());
        for (id, (_, original, at)) in parents {
            // A parent that was forked itself passes on the id by which it knows the region.
            let known = memory.regions.get(id.index).alias.unwrap_or(id);
            let (copy, _) = copies.iter().find(|(_, alias)| *alias == known).unwrap();
            let source = self.memories[original].clone();
            let memory = if source.shared || source.revoked {
                original
            } else {
                self.memories.push(Contents {
                    payer: group_of(to),
                    ..source
                });
                self.memories.len() - 1
            };
            self.regions.insert(*copy, (to, memory, at));
        }
    }

    /// Gives back regions that the model does not know: clones that failed on the way.
    fn sweep(&self, bench: &mut Bench, index: u32) {
        let memory = bench.server.memory();
        let list = memory.spaces.get(index).regions;
        let known: Vec<_> = self.regions.keys().map(|id| id.index).collect();
        let unknown: Vec<_> = memory
            .regions
            .iter(list)
            .filter(|(place, _)| !known.contains(place))
            .map(|(place, _)| memory.regions.id_of(place))
            .collect();
        for region in unknown {
            destroy(bench, index, region);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// With overcommit off there is a free page for each promise, and no touch of what is reserved fails, page tables
    /// and copies included, as long as the kernel and the limits allow it.
    #[test]
    fn what_is_reserved_can_be_had(history in prop::collection::vec(op(), 0..150)) {
        let mut bench = Bench::with_overcommit(330, &[(0, 20), (256, 18)], (14, 600), 100);
        bench.server.bring_along_after(2);
        bench.server.wipe_from(2);
        let before = rest(&mut bench);
        for index in 0..3 {
            bench.spawn(index, group_of(index)).unwrap();
        }
        let mut naive = Naive { is_strict: true, ..Naive::default() };
        for op in history {
            naive.step(&mut bench, &op);
            audit(&mut bench);
            let commit = bench.server.memory().commit();
            prop_assert!(commit.promised <= commit.most, "{commit:?} after {op:?}");
        }
        bench.kernel.0.borrow_mut().fail_at = None;
        bench.ledger.0.borrow_mut().fail_at = None;
        for index in 0..3 {
            for page in 0..12 {
                naive.step(&mut bench, &Op::Write(index, page));
            }
        }
        for index in 0..3 {
            bench.end(index, group_of(index));
        }
        prop_assert_eq!(rest(&mut bench), before);
    }

    #[test]
    fn everybody_reads_what_a_plain_copy_would_have(
        history in prop::collection::vec(op(), 0..150),
    ) {
        let mut bench = Bench::with_room(300, &[(0, 20)], 14, 60);
        bench.server.bring_along_after(2);
        bench.server.wipe_from(2);
        let before = rest(&mut bench);
        for index in 0..3 {
            bench.spawn(index, group_of(index)).unwrap();
        }
        let mut naive = Naive::default();
        for op in history {
            naive.step(&mut bench, &op);
            audit(&mut bench);
        }
        bench.kernel.0.borrow_mut().fail_at = None;
        bench.ledger.0.borrow_mut().fail_at = None;
        for index in 0..3 {
            for page in 0..12 {
                naive.step(&mut bench, &Op::Read(index, page));
            }
        }
        for index in 0..3 {
            bench.end(index, group_of(index));
        }
        prop_assert_eq!(rest(&mut bench), before);
    }
}
