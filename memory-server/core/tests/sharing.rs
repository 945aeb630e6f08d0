//! Memory that several tasks hold: who sees it, who pays, and when it goes.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::missing_panics_doc,
    missing_docs,
    missing_debug_implementations,
    reason = "tests: whatever is wrong is to panic"
)]

mod asking;
mod deeds;
mod fake;

use std::collections::{BTreeMap, BTreeSet};

use asking::{Asks, GROUP, OTHER, rest, task};
use deeds::{audit, create, destroy, give, map, used};
use fake::Bench;
use interfaces::memory::{
    Accept, AcceptRefusal, Accepted, Access, CreateRegion, Map, MapPart, MapRefusal, Offered,
    REGION_KIT, ReadRegion, RegionId, RegionRefusal, Share, ShareRefusal, Unmap, UnmapPart,
};
use interfaces::provision::{Cause, Progress, Revoke};
use interfaces::{GroupId, Resource};
use memory_core::door::Answer;
use proptest::prelude::*;

const AT: u32 = 0x1000_0000;

/// Task 0 of one group, 1 and 2 of the other.
fn bench() -> Bench {
    let mut bench = Bench::with_room(300, &[(0, 20)], 12, 200);
    bench.spawn(0, GROUP).unwrap();
    bench.spawn(1, OTHER).unwrap();
    bench.spawn(2, OTHER).unwrap();
    bench
}

/// Task 1 reserves a page and gives it to task 0.
fn given(bench: &mut Bench) -> RegionId {
    let region = create(bench, 1, 1);
    give(bench, 1, region, 0, Access::Read)
}

/// Which frame task `index` sees at an address, if any: two that see the same frame see the same number.
fn sees(bench: &Bench, index: u32, address: u32) -> Option<u64> {
    let memory = bench.server.memory();
    let root = memory.spaces.get(index).root.unwrap();
    let world = bench.kernel.0.borrow();
    world.frame_at(memory.slots.object(root), address)
}

fn pages(bench: &mut Bench, index: u32, address: u32, pages: u32, write: bool) {
    for page in (0..pages).rev() {
        assert_eq!(
            bench.touch(index, address + page * 4096, write),
            Answer::Resume
        );
    }
}

#[test]
fn what_two_tasks_map_is_the_same_memory_and_charged_once() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 8);
    let address = map(&mut bench, 0, region, Access::ReadWrite);
    pages(&mut bench, 0, address, 4, true);
    let share = Share {
        region,
        to: task(1),
        access: Access::Read,
        payment: false,
    };
    let kernel_memory = used(&bench, GROUP, Resource::KernelMemory);
    let shared = bench.client(task(0), share).unwrap();
    audit(&mut bench);
    assert_eq!(
        bench.client(task(1), Offered { from: task(0) }),
        Ok(Some(shared))
    );
    assert_eq!(
        bench.client(task(2), Offered { from: task(0) }),
        Ok(None),
        "it is for one task"
    );
    // What comes with its first fault is none of the matter.
    pages(&mut bench, 1, 0x22_e000, 1, true);
    let before = bench.ledger.0.borrow().used(OTHER);
    let accepted = bench.client(task(1), Accept { region: shared });
    let expected = Accepted {
        pages: 8,
        access: Access::Read,
    };
    assert_eq!(accepted, Ok(expected));
    assert_eq!(used(&bench, GROUP, Resource::KernelMemory), kernel_memory);
    let there = map(&mut bench, 1, shared, Access::Read);
    pages(&mut bench, 1, there, 4, false);
    pages(&mut bench, 1, there + 4 * 4096, 1, false);
    let taken = bench.ledger.0.borrow().used(OTHER);
    let taken = taken.checked_sub(&before).unwrap();
    assert_eq!(
        (
            taken.get(Resource::Frames),
            taken.get(Resource::Commit),
            taken.get(Resource::CapSlots)
        ),
        // Four copies; the page that it touched first has none. And a page table.
        (0, 0, 4 + 1)
    );
    assert_eq!(
        taken.get(Resource::KernelMemory),
        4096 + REGION_KIT.get(Resource::KernelMemory)
    );
    for page in 0..4 {
        let at = page * 4096;
        assert_eq!(
            sees(&bench, 0, address + at),
            sees(&bench, 1, there + at),
            "the same frame"
        );
    }
    audit(&mut bench);
    let account = bench
        .client(task(1), ReadRegion { region: shared })
        .unwrap();
    assert_eq!((account.resident, account.payer), (5, GROUP));
    for index in [0, 1, 2] {
        bench.end(index, if index == 0 { GROUP } else { OTHER });
        audit(&mut bench);
    }
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn a_task_that_was_moved_leaves_no_record_that_would_outlive_the_kill_of_where_it_was() {
    let mut bench = bench();
    let here = |bench: &Bench, group| {
        bench.ledger.0.borrow_mut().born.insert(task(0), group);
    };
    let shared = given(&mut bench);
    let before = [GROUP, OTHER].map(|group| bench.ledger.0.borrow().used(group));
    // In another group it reserves memory, offers and accepts some, and is moved back.
    here(&bench, OTHER);
    let region = create(&mut bench, 0, 2);
    let offered = bench.client(
        task(0),
        Share {
            region,
            to: task(2),
            access: Access::Read,
            payment: false,
        },
    );
    let second = given(&mut bench);
    here(&bench, GROUP);
    audit(&mut bench);
    let records =
        used(&bench, GROUP, Resource::KernelMemory) - before[0].get(Resource::KernelMemory);
    assert_eq!(records, 3 * REGION_KIT.get(Resource::KernelMemory));
    // The tasks of the other group are ended, what it pays for is revoked: nothing is left there.
    bench.end(1, OTHER);
    bench.end(2, OTHER);
    while bench.proc(Revoke { group: OTHER }) == Ok(Progress::More) {}
    audit(&mut bench);
    assert!(bench.ledger.0.borrow().used(OTHER).is_none());
    for region in [shared, region, offered.unwrap(), second] {
        destroy(&mut bench, 0, region);
    }
    bench.end(0, GROUP);
    audit(&mut bench);
    assert!(bench.ledger.0.borrow().used(GROUP).is_none());
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn rights_only_shrink_on_the_way() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 2);
    let shared = give(&mut bench, 0, region, 1, Access::Read);
    let write = Share {
        region: shared,
        to: task(2),
        access: Access::ReadWrite,
        payment: false,
    };
    assert_eq!(bench.client(task(1), write), Err(ShareRefusal::NotAllowed));
    let map_it = Map {
        region: shared,
        address: None,
        access: Access::ReadWrite,
    };
    assert_eq!(bench.client(task(1), map_it), Err(MapRefusal::NotAllowed));
    let there = map(&mut bench, 1, shared, Access::Read);
    assert_eq!(bench.touch(1, there, false), Answer::Resume);
    assert_eq!(bench.touch(1, there, true), Answer::Nothing);
    assert!(matches!(
        bench.report().unwrap().cause,
        Cause::BadAddress { .. }
    ));
    let third = give(&mut bench, 1, shared, 2, Access::Read);
    let there = map(&mut bench, 2, third, Access::Read);
    assert_eq!(bench.touch(2, there, false), Answer::Resume);
    audit(&mut bench);
}

#[test]
fn an_offer_is_for_its_task_alone_and_can_be_taken_back() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 2);
    let share = Share {
        region,
        to: task(1),
        access: Access::ReadWrite,
        payment: false,
    };
    let offer = bench.client(task(0), share).unwrap();
    for index in [0, 2] {
        let refused = bench.client(task(index), Accept { region: offer });
        assert_eq!(refused, Err(AcceptRefusal::UnknownRegion));
    }
    let map_it = Map {
        region: offer,
        address: None,
        access: Access::Read,
    };
    assert_eq!(
        bench.client(task(0), map_it),
        Err(MapRefusal::UnknownRegion),
        "an offer is not a region to use"
    );
    destroy(&mut bench, 0, offer);
    assert_eq!(
        bench.client(task(1), Accept { region: offer }),
        Err(AcceptRefusal::UnknownRegion)
    );
    audit(&mut bench);
    // An offer keeps the memory although the offerer's own region is gone.
    let offer = bench.client(task(0), share).unwrap();
    destroy(&mut bench, 0, region);
    assert!(bench.client(task(1), Accept { region: offer }).is_ok());
    audit(&mut bench);
    destroy(&mut bench, 1, offer);
    audit(&mut bench);
}

#[test]
fn whoever_ends_first_the_memory_stays_for_the_other_and_its_payer_pays() {
    for first in [0, 1] {
        let mut bench = bench();
        let region = create(&mut bench, 0, 8);
        let address = map(&mut bench, 0, region, Access::ReadWrite);
        pages(&mut bench, 0, address, 3, true);
        let shared = give(&mut bench, 0, region, 1, Access::ReadWrite);
        let there = map(&mut bench, 1, shared, Access::ReadWrite);
        pages(&mut bench, 1, there + 2 * 4096, 3, true);
        assert_eq!(used(&bench, GROUP, Resource::Commit), 1 + 33 + 8);
        let frame = sees(&bench, 0, address + 2 * 4096);
        let (gone, left, at) = if first == 0 {
            (0, 1, there)
        } else {
            (1, 0, address)
        };
        bench.end(gone, [GROUP, OTHER][gone as usize]);
        audit(&mut bench);
        assert!(used(&bench, GROUP, Resource::Frames) >= 5, "its payer pays");
        pages(&mut bench, left, at + 5 * 4096, 3, true);
        if first == 1 {
            pages(&mut bench, left, at + 3 * 4096, 2, true);
        } else {
            pages(&mut bench, left, at, 2, true);
        }
        assert_eq!(sees(&bench, left, at + 2 * 4096), frame);
        audit(&mut bench);
        bench.end(left, [GROUP, OTHER][left as usize]);
        audit(&mut bench);
        assert_eq!(used(&bench, GROUP, Resource::Commit), 0);
        assert_eq!(bench.server.counters().mishaps, 0);
    }
}

#[test]
fn parts_are_mapped_anywhere_and_as_often_as_one_pays() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 8);
    let part = |address, offset, pages| MapPart {
        region,
        address: Some(address),
        access: Access::ReadWrite,
        offset,
        pages,
    };
    for (offset, pages) in [(0, 0), (0, 9), (8, 1), (7, 2), (u32::MAX, 2)] {
        let refused = bench.client(task(0), part(AT, offset, pages));
        assert_eq!(refused, Err(MapRefusal::BadRange), "{offset} {pages}");
    }
    for (address, offset, pages) in [(AT, 2, 3), (AT + 0x3000, 2, 3), (0x4000_0000, 0, 8)] {
        let mapped = bench.client(task(0), part(address, offset, pages));
        assert_eq!(mapped, Ok(address));
    }
    audit(&mut bench);
    pages(&mut bench, 0, AT, 6, true);
    pages(&mut bench, 0, 0x4000_0000, 8, true);
    for page in 0..3 {
        let frame = sees(&bench, 0, AT + page * 4096);
        assert!(frame.is_some());
        assert_eq!(sees(&bench, 0, AT + (page + 3) * 4096), frame);
        assert_eq!(sees(&bench, 0, 0x4000_2000 + page * 4096), frame);
    }
    audit(&mut bench);
    let unmap = |address| UnmapPart { address };
    for address in [AT + 0x1000, AT + 1, 0x24_0000, 0, u32::MAX] {
        let refused = bench.client(task(0), unmap(address));
        assert_eq!(refused, Err(RegionRefusal::NotMapped));
    }
    assert_eq!(bench.client(task(0), unmap(AT)), Ok(Progress::Done));
    assert_eq!(sees(&bench, 0, AT), None);
    assert!(sees(&bench, 0, AT + 0x3000).is_some());
    audit(&mut bench);
    while bench.client(task(0), Unmap { region }) == Ok(Progress::More) {}
    assert_eq!(sees(&bench, 0, 0x4000_0000), None);
    audit(&mut bench);
    destroy(&mut bench, 0, region);
    audit(&mut bench);
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn a_killed_payers_memory_is_taken_from_those_who_share_it() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 60);
    let address = map(&mut bench, 0, region, Access::ReadWrite);
    pages(&mut bench, 0, address, 60, true);
    let shared = give(&mut bench, 0, region, 1, Access::ReadWrite);
    let there = map(&mut bench, 1, shared, Access::ReadWrite);
    pages(&mut bench, 1, there, 50, true);
    let offered = Share {
        region,
        to: task(2),
        access: Access::Read,
        payment: false,
    };
    let offered = bench.client(task(0), offered).unwrap();
    let again = give(&mut bench, 1, shared, 2, Access::Read);
    bench.end(0, GROUP);
    audit(&mut bench);
    assert_eq!(used(&bench, GROUP, Resource::Frames), 60);
    let mut slices = 0;
    while bench.proc(Revoke { group: GROUP }) == Ok(Progress::More) {
        audit(&mut bench);
        slices += 1;
        assert_eq!(
            bench.touch(2, 0x22_e000 - slices * 4096, true),
            Answer::Resume,
            "others are served in between"
        );
    }
    assert!(slices >= 4, "{slices}");
    audit(&mut bench);
    assert!(bench.ledger.0.borrow().used(GROUP).is_none());
    assert_eq!(sees(&bench, 1, there), None);
    assert_eq!(bench.touch(1, there, false), Answer::Nothing);
    assert_eq!(bench.report().unwrap().cause, Cause::PayerKilled);
    // Nobody can do anything with it any more but let go.
    assert_eq!(
        bench.client(task(2), Accept { region: offered }),
        Err(AcceptRefusal::UnknownRegion)
    );
    let map_it = Map {
        region: again,
        address: None,
        access: Access::Read,
    };
    assert_eq!(bench.client(task(2), map_it), Err(MapRefusal::PayerKilled));
    let share = Share {
        region: again,
        to: task(1),
        access: Access::Read,
        payment: false,
    };
    assert_eq!(bench.client(task(2), share), Err(ShareRefusal::PayerKilled));
    destroy(&mut bench, 2, again);
    bench.end(1, OTHER);
    bench.end(2, OTHER);
    audit(&mut bench);
    assert!(bench.ledger.0.borrow().used(OTHER).is_none());
    assert_eq!(bench.server.counters().mishaps, 0);
}

// ---------------------------------------------------------------------------------------------- histories

#[derive(Clone, Debug)]
enum Op {
    Create(u32, u32),
    Share(u32, prop::sample::Index, u32, bool),
    Accept(u32, prop::sample::Index),
    MapPart(u32, prop::sample::Index, u32, u32, u32, bool),
    Unmap(u32, prop::sample::Index),
    UnmapPart(u32, u32),
    Destroy(u32, prop::sample::Index),
    Touch(u32, u32, bool),
    End(u32),
    Revoke(bool),
    FailMaking(u64),
    FailCharge(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let which = any::<prop::sample::Index>;
    (0_u32..3).prop_flat_map(move |index| {
        prop_oneof![
            3 => (1_u32..6).prop_map(move |pages| Op::Create(index, pages)),
            4 => (which(), 0_u32..3, any::<bool>())
                .prop_map(move |(region, to, write)| Op::Share(index, region, to, write)),
            4 => which().prop_map(move |region| Op::Accept(index, region)),
            6 => (which(), 0_u32..12, 0_u32..5, 1_u32..6, any::<bool>()).prop_map(
                move |(region, at, offset, pages, write)| Op::MapPart(
                    index, region, at, offset, pages, write
                )
            ),
            2 => which().prop_map(move |region| Op::Unmap(index, region)),
            2 => (0_u32..12).prop_map(move |page| Op::UnmapPart(index, page)),
            2 => which().prop_map(move |region| Op::Destroy(index, region)),
            16 => (0_u32..16, any::<bool>()).prop_map(move |(page, write)| Op::Touch(index, page, write)),
            1 => Just(Op::End(index)),
            1 => any::<bool>().prop_map(Op::Revoke),
            1 => (0_u64..6).prop_map(Op::FailMaking),
            1 => (0_u64..3).prop_map(Op::FailCharge),
        ]
    })
}

fn group_of(index: u32) -> GroupId {
    if index == 0 { GROUP } else { OTHER }
}

#[derive(Clone, Copy)]
struct Area {
    memory: u32,
    offset: u32,
    pages: u32,
}

/// What is known without the server: which region is which memory, and where it is mapped.
#[derive(Default)]
struct Naive {
    next: u32,
    /// The holder, or whom it is offered to.
    regions: BTreeMap<RegionId, (u32, u32, Option<u32>)>,
    areas: BTreeMap<(u32, u32), (RegionId, Area)>,
    payers: BTreeMap<u32, GroupId>,
    /// Memory and page → the frame that the first touch made.
    frames: BTreeMap<(u32, u32), u64>,
    revoked: BTreeSet<u32>,
}

impl Naive {
    fn pick(
        &self,
        which: prop::sample::Index,
        is_right: impl Fn(&(u32, u32, Option<u32>)) -> bool,
    ) -> Option<RegionId> {
        let ids: Vec<_> = self
            .regions
            .iter()
            .filter(|(_, region)| is_right(region))
            .map(|(&id, _)| id)
            .collect();
        (!ids.is_empty()).then(|| ids[which.index(ids.len())])
    }

    fn drop_region(&mut self, id: RegionId) {
        let Some((_, memory, _)) = self.regions.remove(&id) else {
            return;
        };
        self.areas.retain(|_, (region, _)| *region != id);
        if self.regions.values().all(|&(_, other, _)| other != memory) {
            self.frames.retain(|&(of, _), _| of != memory);
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each operation")]
    fn step(&mut self, bench: &mut Bench, op: &Op) {
        let access = |write| {
            if write {
                Access::ReadWrite
            } else {
                Access::Read
            }
        };
        match *op {
            Op::Create(index, pages) => {
                if let Ok(id) = bench.client(task(index), CreateRegion { pages }) {
                    self.next += 1;
                    self.regions.insert(id, (index, self.next, None));
                    self.payers.insert(self.next, group_of(index));
                }
            }
            Op::Share(index, which, to, write) => {
                if let Some(region) =
                    self.pick(which, |&(holder, _, to)| holder == index && to.is_none())
                {
                    let request = Share {
                        region,
                        to: task(to),
                        access: access(write),
                        payment: false,
                    };
                    if let Ok(id) = bench.client(task(index), request) {
                        let memory = self.regions[&region].1;
                        assert!(!self.revoked.contains(&memory));
                        self.regions.insert(id, (index, memory, Some(to)));
                    }
                }
            }
            Op::Accept(index, which) => {
                if let Some(region) = self.pick(which, |&(_, _, to)| to == Some(index))
                    && bench.client(task(index), Accept { region }).is_ok()
                {
                    let memory = self.regions[&region].1;
                    self.regions.insert(region, (index, memory, None));
                }
            }
            Op::MapPart(index, which, at, offset, pages, write) => {
                let Some(region) =
                    self.pick(which, |&(holder, _, to)| holder == index && to.is_none())
                else {
                    return;
                };
                let request = MapPart {
                    region,
                    address: Some(AT + at * 4096),
                    access: access(write),
                    offset,
                    pages,
                };
                if bench.client(task(index), request).is_ok() {
                    let memory = self.regions[&region].1;
                    let area = Area {
                        memory,
                        offset,
                        pages,
                    };
                    self.areas.insert((index, at), (region, area));
                }
            }
            Op::Unmap(index, which) => {
                if let Some(region) =
                    self.pick(which, |&(holder, _, to)| holder == index && to.is_none())
                {
                    let done = bench.client(task(index), Unmap { region });
                    let had = self.areas.values().any(|&(of, _)| of == region);
                    assert_eq!(done.is_ok(), had);
                    self.areas.retain(|_, &mut (of, _)| of != region);
                }
            }
            Op::UnmapPart(index, at) => {
                let done = bench.client(
                    task(index),
                    UnmapPart {
                        address: AT + at * 4096,
                    },
                );
                assert_eq!(done.is_ok(), self.areas.remove(&(index, at)).is_some());
            }
            Op::Destroy(index, which) => {
                if let Some(region) = self.pick(which, |&(holder, _, _)| holder == index) {
                    destroy(bench, index, region);
                    self.drop_region(region);
                }
            }
            Op::Touch(index, page, write) => {
                bench.touch(index, AT + page * 4096, write);
                while bench.report().is_some() {}
            }
            Op::End(index) => {
                bench.end(index, group_of(index));
                let mine: Vec<_> = self
                    .regions
                    .iter()
                    .filter(|(_, region)| region.0 == index)
                    .map(|(&id, _)| id)
                    .collect();
                for id in mine {
                    self.drop_region(id);
                }
                // A failure that still waits is not for the birth.
                bench.kernel.0.borrow_mut().fail_at = None;
                bench.spawn(index, group_of(index)).unwrap();
                // Offers to the one that ended are to a task that will never be again.
                for region in self.regions.values_mut() {
                    if region.2 == Some(index) {
                        region.2 = Some(index);
                    }
                }
            }
            Op::Revoke(other) => {
                let group = if other { OTHER } else { GROUP };
                while bench.proc(Revoke { group }) == Ok(Progress::More) {}
                for (&memory, &payer) in &self.payers {
                    if payer == group {
                        self.revoked.insert(memory);
                        self.frames.retain(|&(of, _), _| of != memory);
                    }
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

    /// Whoever sees a page of some memory sees the same frame, and nobody sees what he has no area for.
    fn compare(&mut self, bench: &Bench) {
        for index in 0..3 {
            for page in 0..20 {
                let seen = sees(bench, index, AT + page * 4096);
                let area = self.areas.iter().find(|&(&(space, at), &(_, area))| {
                    space == index && (at..at + area.pages).contains(&page)
                });
                let Some((&(_, at), &(_, area))) = area else {
                    assert_eq!(seen, None, "task {index} sees page {page}");
                    continue;
                };
                let Some(frame) = seen else { continue };
                assert!(!self.revoked.contains(&area.memory));
                let place = (area.memory, area.offset + page - at);
                assert_eq!(*self.frames.entry(place).or_insert(frame), frame);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_who_show_a_page_show_the_same_frame_whatever_happens(
        history in prop::collection::vec(op(), 0..120),
    ) {
        // Few copies, so that they run out.
        let mut bench = Bench::with_room(300, &[(0, 20)], 12, 16);
        for index in 0..3 {
            bench.spawn(index, group_of(index)).unwrap();
        }
        for index in 0..3 {
            bench.end(index, group_of(index));
        }
        let before = rest(&mut bench);
        for index in 0..3 {
            bench.spawn(index, group_of(index)).unwrap();
        }
        let mut naive = Naive::default();
        for op in history {
            naive.step(&mut bench, &op);
            naive.compare(&bench);
            audit(&mut bench);
        }
        bench.kernel.0.borrow_mut().fail_at = None;
        bench.ledger.0.borrow_mut().fail_at = None;
        for index in 0..3 {
            bench.end(index, group_of(index));
        }
        prop_assert_eq!(rest(&mut bench), before);
    }
}
