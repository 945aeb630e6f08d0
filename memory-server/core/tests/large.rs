//! Memory in units of 2 MiB: there whole or not at all, charged exactly, cleared beside everything else.

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

use asking::{Asks, GROUP, OTHER, rest, task};
use deeds::{audit, create, destroy, give, map, used};
use fake::Bench;
use interfaces::accounting::ChargeRefusal;
use interfaces::memory::{
    Accept, Access, CloneRefusal, CloneRegion, CountFree, CreateLarge, CreateRegion, FreeBlocks,
    LARGE_PAGES, Map, MapPart, MapRefusal, ReadRegion, RegionId, Resize, ResizeRefusal, Share,
    Unmap,
};
use interfaces::provision::{Cause, CloneSpace, CloneSpaceRefusal, Progress, Revoke};
use interfaces::{Caller, GroupId, Resource};
use memory_core::door::Answer;
use proptest::prelude::*;

const AT: u32 = 0x1000_0000;
const UNIT: u32 = 1 << 21;

/// Task 0 of one group, 1 of the other; 4 MiB and 512 KiB.
fn bench() -> Bench {
    let mut bench = Bench::with_overcommit(2048, &[(0, 19), (1024, 22)], (12, 60), 100);
    bench.spawn(0, GROUP).unwrap();
    bench.spawn(1, OTHER).unwrap();
    bench
}

fn large(bench: &mut Bench, index: u32) -> RegionId {
    bench.client(task(index), CreateLarge {}).unwrap()
}

fn resize(
    bench: &mut Bench,
    index: u32,
    region: RegionId,
    units: u32,
) -> Result<Progress, ResizeRefusal> {
    let pages = units * LARGE_PAGES;
    let progress = bench.client(task(index), Resize { region, pages });
    bench.server.memory().check();
    progress
}

/// Asks until it is done.
fn resized(
    bench: &mut Bench,
    index: u32,
    region: RegionId,
    units: u32,
) -> Result<(), ResizeRefusal> {
    while resize(bench, index, region, units)? == Progress::More {}
    Ok(())
}

fn with_units(bench: &mut Bench, index: u32, units: u32) -> RegionId {
    let region = large(bench, index);
    resized(bench, index, region, units).unwrap();
    region
}

/// What a group holds of what a unit costs: frames, commit, slots.
fn held(bench: &Bench, group: GroupId) -> [u64; 3] {
    [Resource::Frames, Resource::Commit, Resource::CapSlots]
        .map(|resource| used(bench, group, resource))
}

fn beyond(bench: &Bench, group: GroupId, before: [u64; 3]) -> [u64; 3] {
    let now = held(bench, group);
    [0, 1, 2].map(|place| now[place] - before[place])
}

fn shown(bench: &Bench, index: u32) -> Vec<u32> {
    let memory = bench.server.memory();
    let root = memory.spaces.get(index).root.unwrap();
    let world = bench.kernel.0.borrow();
    let mapped = world.mapped(memory.slots.object(root));
    mapped
        .into_keys()
        .filter(|&address| address >= AT)
        .collect()
}

/// Free blocks by size, as merging would make them.
fn free(bench: &mut Bench) -> FreeBlocks {
    let caller = Caller::client(task(0).tag(), true);
    bench.server_says(caller, CountFree { from: 0 }).unwrap()
}

#[test]
fn a_unit_is_one_frame_that_one_fault_maps_without_a_table() {
    let mut bench = bench();
    let before = held(&bench, GROUP);
    let region = with_units(&mut bench, 0, 1);
    assert_eq!(beyond(&bench, GROUP, before), [512, 512, 1]);
    audit(&mut bench);
    let address = map(&mut bench, 0, region, Access::ReadWrite);
    assert_eq!(address, AT);
    assert_eq!(bench.touch(0, AT + 0x12_3456, true), Answer::Resume);
    assert_eq!(shown(&bench, 0), [AT]);
    let space = bench.server.memory().spaces.get(0);
    assert_eq!((space.tables, space.faults), (4, 1), "a directory is there");
    audit(&mut bench);
    let account = bench.client(task(0), ReadRegion { region }).unwrap();
    assert_eq!((account.pages, account.resident), (512, 512));
    destroy(&mut bench, 0, region);
    assert_eq!(shown(&bench, 0), []);
    assert_eq!(
        bench.kernel.0.borrow().clearings,
        0,
        "nothing was used before"
    );
    audit(&mut bench);
}

#[test]
fn a_block_that_was_used_is_cleared_while_others_are_served() {
    let mut bench = bench();
    bench.kernel.0.borrow_mut().clearing_takes = u32::MAX;
    let first = with_units(&mut bench, 0, 1);
    let sum = free(&mut bench).counts;
    destroy(&mut bench, 0, first);
    let (first, second) = (large(&mut bench, 0), large(&mut bench, 1));
    // One of two was never used.
    resized(&mut bench, 1, second, 1).unwrap();
    assert_eq!(free(&mut bench).counts, sum);
    let before = held(&bench, GROUP);
    for _ in 0..3 {
        assert_eq!(resize(&mut bench, 0, first, 1), Ok(Progress::More));
        assert_eq!(beyond(&bench, GROUP, before), [0; 3], "nothing yet");
        assert_eq!(free(&mut bench).counts[9], 1, "it is nobody's meanwhile");
        let page = create(&mut bench, 1, 1);
        let there = map(&mut bench, 1, page, Access::ReadWrite);
        assert_eq!(bench.touch(1, there, true), Answer::Resume);
        destroy(&mut bench, 1, page);
        audit(&mut bench);
    }
    bench.kernel.0.borrow_mut().finish_clearing();
    assert_eq!(resize(&mut bench, 0, first, 1), Ok(Progress::Done));
    assert_eq!(beyond(&bench, GROUP, before), [512, 512, 1]);
    assert_eq!(bench.kernel.0.borrow().clearings, 1);
    audit(&mut bench);
}

#[test]
fn small_pages_come_together_to_a_unit_and_a_unit_falls_apart_again() {
    let mut bench = bench();
    let untouched = rest(&mut bench);
    for _ in 0..3 {
        // Everything but what tables and the first 512 KiB take.
        let small = create(&mut bench, 0, 1000);
        let address = map(&mut bench, 0, small, Access::ReadWrite);
        for page in (0..1000).rev() {
            assert_eq!(bench.touch(0, address + page * 4096, true), Answer::Resume);
        }
        audit(&mut bench);
        let region = large(&mut bench, 0);
        assert_eq!(
            resized(&mut bench, 0, region, 1),
            Err(ResizeRefusal::OutOfMemory)
        );
        destroy(&mut bench, 0, small);
        // The page table of the first pages may lie in one of the two, but not in both.
        resized(&mut bench, 0, region, 1).unwrap();
        let there = map(&mut bench, 0, region, Access::ReadWrite);
        assert_eq!(bench.touch(0, there, true), Answer::Resume);
        audit(&mut bench);
        destroy(&mut bench, 0, region);
        audit(&mut bench);
    }
    bench.end(0, GROUP);
    bench.spawn(0, GROUP).unwrap();
    assert_eq!(rest(&mut bench), untouched);
}

#[test]
fn what_is_left_of_small_memory_at_an_address_makes_way_for_a_unit() {
    let mut bench = bench();
    let small = create(&mut bench, 0, 3);
    assert_eq!(map(&mut bench, 0, small, Access::ReadWrite), AT);
    assert_eq!(bench.touch(0, AT + 4096, true), Answer::Resume);
    destroy(&mut bench, 0, small);
    let (tables, before) = (
        bench.server.memory().spaces.get(0).tables,
        used(&bench, GROUP, Resource::KernelMemory),
    );
    let region = with_units(&mut bench, 0, 1);
    assert_eq!(map(&mut bench, 0, region, Access::ReadWrite), AT);
    assert_eq!(bench.touch(0, AT, true), Answer::Resume);
    assert_eq!(bench.server.memory().spaces.get(0).tables, tables - 1);
    audit(&mut bench);
    destroy(&mut bench, 0, region);
    assert_eq!(used(&bench, GROUP, Resource::KernelMemory), before - 4096);
    // And the other way round.
    let small = create(&mut bench, 0, 3);
    assert_eq!(map(&mut bench, 0, small, Access::ReadWrite), AT);
    assert_eq!(bench.touch(0, AT + 4096, true), Answer::Resume);
    audit(&mut bench);
}

#[test]
fn a_limit_that_lacks_one_page_refuses_the_whole_unit() {
    for resource in [Resource::Frames, Resource::Commit, Resource::CapSlots] {
        let mut bench = bench();
        let region = large(&mut bench, 0);
        let before = bench.ledger.0.borrow().used(GROUP);
        let unit = if resource == Resource::CapSlots {
            1
        } else {
            512
        };
        let limit = before.get(resource) + unit - 1;
        let limits = [((GROUP, resource), limit)].into();
        bench.ledger.0.borrow_mut().limits = limits;
        let Err(ResizeRefusal::Charge(ChargeRefusal::Short(shortage))) =
            resize(&mut bench, 0, region, 1)
        else {
            panic!("{resource:?}");
        };
        assert_eq!(
            (shortage.resource, shortage.limit, shortage.asked),
            (resource, limit, unit)
        );
        assert_eq!(bench.ledger.0.borrow().used(GROUP), before);
        audit(&mut bench);
        bench.ledger.0.borrow_mut().limits.clear();
        assert_eq!(resize(&mut bench, 0, region, 1), Ok(Progress::Done));
    }
}

#[test]
fn large_memory_is_mapped_and_cut_in_whole_units() {
    let mut bench = bench();
    let region = large(&mut bench, 0);
    let mapped = |bench: &mut Bench, address, offset, pages| {
        let part = MapPart {
            region,
            address,
            access: Access::ReadWrite,
            offset,
            pages,
        };
        bench.client(task(0), part)
    };
    let whole = Map {
        region,
        address: None,
        access: Access::Read,
    };
    assert_eq!(bench.client(task(0), whole), Err(MapRefusal::BadRange));
    for pages in [1, 511, 513, 1023] {
        assert_eq!(
            bench.client(task(0), Resize { region, pages }),
            Err(ResizeRefusal::BadSize)
        );
    }
    resized(&mut bench, 0, region, 2).unwrap();
    for (offset, pages) in [(0, 1), (1, 512), (512, 511), (512, 1024)] {
        assert_eq!(
            mapped(&mut bench, None, offset, pages),
            Err(MapRefusal::BadRange)
        );
    }
    assert_eq!(
        mapped(&mut bench, Some(AT + 4096), 0, 512),
        Err(MapRefusal::BadAddress)
    );
    let small = create(&mut bench, 0, 1);
    assert_eq!(map(&mut bench, 0, small, Access::Read), AT);
    assert_eq!(mapped(&mut bench, None, 512, 512), Ok(AT + UNIT));
    assert_eq!(
        mapped(&mut bench, Some(AT + 4 * UNIT), 0, 1024),
        Ok(AT + 4 * UNIT)
    );
    let addresses = [1, 4, 5].map(|unit| AT + unit * UNIT);
    for address in addresses {
        assert_eq!(bench.touch(0, address + UNIT - 4, true), Answer::Resume);
    }
    assert_eq!(shown(&bench, 0), addresses);
    audit(&mut bench);
    // Shown twice, the last unit goes from both places.
    resized(&mut bench, 0, region, 1).unwrap();
    assert_eq!(shown(&bench, 0), [AT + 4 * UNIT]);
    audit(&mut bench);
    assert_eq!(bench.touch(0, AT + UNIT, false), Answer::Nothing);
    let cause = bench.report().unwrap().cause;
    assert!(matches!(cause, Cause::BadAddress { address, .. } if address == AT + UNIT));
}

#[test]
fn a_wild_access_beside_rights_is_told_at_its_own_address() {
    let mut bench = bench();
    let region = with_units(&mut bench, 0, 1);
    map(&mut bench, 0, region, Access::Read);
    assert_eq!(bench.touch(0, AT + 8, false), Answer::Resume);
    assert_eq!(bench.touch(0, AT + 0x5008, true), Answer::Nothing);
    let cause = bench.report().unwrap().cause;
    assert!(matches!(cause, Cause::BadAddress { address, .. } if address == AT + 0x5008));
}

#[test]
fn a_unit_that_two_hold_is_charged_once_and_goes_with_its_payer() {
    let mut bench = bench();
    let region = with_units(&mut bench, 0, 2);
    let address = map(&mut bench, 0, region, Access::ReadWrite);
    let shared = give(&mut bench, 0, region, 1, Access::Read);
    // What comes with its first fault is none of the matter.
    assert_eq!(bench.touch(1, 0x22_e000, true), Answer::Resume);
    let before = held(&bench, OTHER);
    let there = map(&mut bench, 1, shared, Access::Read);
    for unit in [0, UNIT] {
        assert_eq!(bench.touch(0, address + unit, true), Answer::Resume);
        assert_eq!(bench.touch(1, there + unit, false), Answer::Resume);
    }
    let taken = beyond(&bench, OTHER, before);
    assert_eq!(taken[0], 0, "no frame of its own");
    audit(&mut bench);
    let memory = bench.server.memory();
    let roots = [0, 1].map(|index| memory.slots.object(memory.spaces.get(index).root.unwrap()));
    let world = bench.kernel.0.borrow();
    assert_eq!(
        world.frame_at(roots[0], address + UNIT),
        world.frame_at(roots[1], there + UNIT)
    );
    drop(world);
    while bench.proc(Revoke { group: GROUP }).unwrap() == Progress::More {
        bench.server.memory().check();
    }
    assert_eq!((shown(&bench, 0), shown(&bench, 1)), (vec![], vec![]));
    audit(&mut bench);
    destroy(&mut bench, 1, shared);
    destroy(&mut bench, 0, region);
    audit(&mut bench);
}

#[test]
fn large_memory_is_not_cloned_and_its_holder_not_forked() {
    let mut bench = bench();
    let region = with_units(&mut bench, 0, 1);
    assert_eq!(
        bench.client(task(0), CloneRegion { region }),
        Err(CloneRefusal::Large)
    );
    bench.spawn(2, GROUP).unwrap();
    let fork = CloneSpace {
        from: task(0),
        to: task(2),
    };
    assert_eq!(bench.proc(fork), Err(CloneSpaceRefusal::Large));
    bench.end(2, GROUP);
    audit(&mut bench);
    let unmap = bench.client(task(0), Unmap { region });
    assert!(unmap.is_err(), "it is not mapped");
}

#[test]
fn whatever_step_fails_the_next_try_succeeds_and_nothing_is_lost() {
    // Fresh blocks, then used ones.
    for is_used in [false, true] {
        for fail in 1_u64..40 {
            let mut bench = bench();
            if is_used {
                let region = with_units(&mut bench, 0, 2);
                destroy(&mut bench, 0, region);
            }
            let before = rest(&mut bench);
            let (tried, charges) = (
                bench.kernel.0.borrow().tried,
                bench.ledger.0.borrow().charges,
            );
            bench.kernel.0.borrow_mut().fail_at = Some(tried + fail.div_ceil(2));
            if fail % 2 == 0 {
                bench.kernel.0.borrow_mut().fail_at = None;
                bench.ledger.0.borrow_mut().fail_at = Some(charges + fail.div_ceil(2));
            }
            for _ in 0..4 {
                if let Ok(region) = bench.client(task(0), CreateLarge {}) {
                    let _ = resized(&mut bench, 0, region, 2);
                    audit(&mut bench);
                    destroy(&mut bench, 0, region);
                }
                audit(&mut bench);
            }
            bench.kernel.0.borrow_mut().fail_at = None;
            bench.ledger.0.borrow_mut().fail_at = None;
            let region = with_units(&mut bench, 0, 2);
            audit(&mut bench);
            destroy(&mut bench, 0, region);
            audit(&mut bench);
            assert_eq!(rest(&mut bench), before, "{fail}");
        }
    }
}

#[test]
fn when_only_used_blocks_are_left_a_fault_is_made_again_until_one_is_cleared() {
    let mut bench = bench();
    let region = with_units(&mut bench, 0, 2);
    destroy(&mut bench, 0, region);
    let small = create(&mut bench, 0, 600);
    let address = map(&mut bench, 0, small, Access::ReadWrite);
    bench.kernel.0.borrow_mut().clearing_takes = 40;
    let mut again = 0;
    for page in (0..600).rev() {
        let address = address + page * 4096;
        while {
            assert_eq!(bench.touch(0, address, true), Answer::Resume);
            !shown(&bench, 0).contains(&address)
        } {
            again += 1;
            assert!(again < 100, "it comes to an end");
        }
    }
    assert!(bench.kernel.0.borrow().clearings >= 2);
    audit(&mut bench);
    destroy(&mut bench, 0, small);
    audit(&mut bench);
}

#[derive(Clone, Debug)]
enum Op {
    Create(u32),
    CreateSmall(u32, u32),
    Resize(u32, usize, u32),
    Map(u32, usize, Option<u32>),
    Touch(u32, u32),
    Unmap(u32, usize),
    Destroy(u32, usize),
    Share(u32, usize),
    Fail(u64),
    Finish,
    Restart,
    Revoke,
}

fn op() -> impl Strategy<Value = Op> {
    let unit = || 0_u32..6;
    (0_u32..2, 0_usize..8).prop_flat_map(move |(index, which)| {
        prop_oneof![
            3 => Just(Op::Create(index)),
            2 => (1_u32..700).prop_map(move |pages| Op::CreateSmall(index, pages)),
            8 => (0_u32..4).prop_map(move |units| Op::Resize(index, which, units)),
            4 => prop::option::of(unit()).prop_map(move |at| Op::Map(index, which, at)),
            8 => (0_u32..6 * 512).prop_map(move |page| Op::Touch(index, page)),
            1 => Just(Op::Unmap(index, which)),
            3 => Just(Op::Destroy(index, which)),
            2 => Just(Op::Share(index, which)),
            1 => (1_u64..4).prop_map(Op::Fail),
            3 => Just(Op::Finish),
            1 => Just(Op::Restart),
            1 => Just(Op::Revoke),
        ]
    })
}

/// One of a task's regions, if it has so many.
fn picked(regions: &[Vec<RegionId>; 2], index: u32, which: usize) -> Option<RegionId> {
    regions[index as usize].get(which).copied()
}

/// Both tasks end, and there are two new ones.
fn restart(bench: &mut Bench) {
    for (index, group) in [(0, GROUP), (1, OTHER)] {
        bench.end(index, group);
    }
    for (index, group) in [(0, GROUP), (1, OTHER)] {
        bench.spawn(index, group).unwrap();
    }
}

/// Pages that are free, in blocks of whatever size.
fn free_pages(bench: &mut Bench) -> u32 {
    let counts = free(bench).counts;
    let pages = counts.iter().enumerate().map(|(bits, count)| count << bits);
    pages.sum()
}

fn step(bench: &mut Bench, regions: &mut [Vec<RegionId>; 2], op: &Op) {
    match *op {
        Op::Create(index) => {
            if let Ok(region) = bench.client(task(index), CreateLarge {}) {
                regions[index as usize].push(region);
            }
        }
        Op::CreateSmall(index, pages) => {
            if let Ok(region) = bench.client(task(index), CreateRegion { pages }) {
                regions[index as usize].push(region);
            }
        }
        Op::Resize(index, which, units) => {
            if let Some(region) = picked(regions, index, which) {
                let _ = resize(bench, index, region, units);
            }
        }
        Op::Map(index, which, at) => {
            if let Some(region) = picked(regions, index, which) {
                let map = Map {
                    region,
                    address: at.map(|unit| AT + unit * UNIT),
                    access: Access::ReadWrite,
                };
                let _ = bench.client(task(index), map);
            }
        }
        Op::Touch(index, page) => {
            // Whether anything is there or not: a task that is ended for it is asked nothing more than its end.
            let has = bench.server.memory().spaces.get(index);
            let areas = bench
                .server
                .memory()
                .areas
                .find(has.areas, (AT >> 12) + page);
            if areas.is_some() {
                bench.touch(index, AT + page * 4096, true);
                bench.report();
            }
        }
        Op::Unmap(index, which) => {
            if let Some(region) = picked(regions, index, which) {
                let _ = bench.client(task(index), Unmap { region });
            }
        }
        Op::Destroy(index, which) => {
            if let Some(region) = picked(regions, index, which) {
                regions[index as usize].remove(which);
                destroy(bench, index, region);
            }
        }
        Op::Share(index, which) => {
            if let Some(region) = picked(regions, index, which) {
                let share = Share {
                    region,
                    to: task(1 - index),
                    access: Access::ReadWrite,
                    payment: false,
                };
                if let Ok(region) = bench.client(task(index), share) {
                    if bench.client(task(1 - index), Accept { region }).is_ok() {
                        regions[1 - index as usize].push(region);
                    } else {
                        destroy(bench, index, region);
                    }
                }
            }
        }
        Op::Fail(nth) => {
            let mut world = bench.kernel.0.borrow_mut();
            world.fail_at = Some(world.tried + nth);
        }
        Op::Finish => {
            bench.kernel.0.borrow_mut().finish_clearing();
            bench.kernel.0.borrow_mut().clearing_takes = 6;
        }
        Op::Restart => {
            bench.kernel.0.borrow_mut().fail_at = None;
            restart(bench);
            *regions = [Vec::new(), Vec::new()];
        }
        Op::Revoke => while bench.proc(Revoke { group: GROUP }).unwrap() == Progress::More {},
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_between_every_page_has_its_use_and_its_charge(
        history in prop::collection::vec(op(), 0..60),
    ) {
        let mut bench = bench();
        bench.kernel.0.borrow_mut().clearing_takes = 6;
        let before = free_pages(&mut bench);
        let mut regions = [Vec::new(), Vec::new()];
        for op in &history {
            step(&mut bench, &mut regions, op);
            bench.server.memory().check();
            for group in [GROUP, OTHER] {
                bench.audit(group);
            }
        }
        bench.kernel.0.borrow_mut().fail_at = None;
        restart(&mut bench);
        prop_assert_eq!(free_pages(&mut bench), before);
    }
}
