//! No request costs others more than a slice: counted in system calls and calls to the limits-server, of which the most
//! expensive take some 4,000 instructions and 1,200.

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

use asking::{Asks, GROUP, OTHER, task};
use deeds::{
    PAGE, audit, calls, clone, create, fork, give, limit, map, map_part, read, write, write_all,
};
use fake::Bench;
use interfaces::Resource;
use interfaces::memory::{Access, CloneOn, CloneRegion, MapRefusal, Resize, Share, Unmap};
use interfaces::provision::{
    CloneSpace, CloneSpaceRefusal, CreateThread, DestroyTask, Progress, Revoke,
};
use memory_core::door::Answer;

/// The most system calls of one request: a slice, with two for each step (a mapping taken away, and what it was made with).
const MOST_CALLS: u64 = 36;
/// The most calls to the limits-server.
const MOST_CHARGES: u64 = 20;
/// The most places in which a page that was cloned is shown, which one fault may have to look through.
const PLACES: usize = 16;

fn bench() -> Bench {
    let mut bench = Bench::with_room(2048, &[(0, 23)], 400, 4000);
    bench.spawn(0, GROUP).unwrap();
    bench.spawn(1, OTHER).unwrap();
    bench
}

/// Asks until it is done, and gives the number of slices. None of them may take longer than a slice does.
fn sliced(bench: &mut Bench, mut ask: impl FnMut(&mut Bench) -> Progress) -> u32 {
    for slices in 1..1000 {
        let before = calls(bench);
        let progress = ask(bench);
        let after = calls(bench);
        let taken = (after.0 - before.0, after.1 - before.1);
        assert!(
            taken.0 <= MOST_CALLS && taken.1 <= MOST_CHARGES,
            "{taken:?} in slice {slices}"
        );
        if progress == Progress::Done {
            return slices;
        }
    }
    panic!("for ever");
}

#[test]
fn memory_that_is_shown_nowhere_is_cut_in_slices() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 600);
    let here = map(&mut bench, 0, region, Access::ReadWrite);
    write_all(&mut bench, 0, here, 600, 1);
    sliced(&mut bench, |bench| {
        bench.client(task(0), Unmap { region }).unwrap()
    });
    let cut = Resize { region, pages: 1 };
    let slices = sliced(&mut bench, |bench| bench.client(task(0), cut).unwrap());
    assert!(slices > 30, "{slices}");
    audit(&mut bench);
}

#[test]
fn what_is_shown_in_many_places_is_cloned_in_slices() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 16);
    for _ in 0..PLACES {
        let here = map_part(&mut bench, 0, region, 16).unwrap();
        write_all(&mut bench, 0, here, 16, 1);
    }
    let mut cloned = None;
    sliced(&mut bench, |bench| match cloned {
        None => {
            let first = bench.client(task(0), CloneRegion { region }).unwrap();
            cloned = Some(first.region);
            first.progress
        }
        Some(region) => bench.client(task(0), CloneOn { region }).unwrap(),
    });
    let there = map(&mut bench, 0, cloned.unwrap(), Access::Read);
    for page in 0..16 {
        assert_eq!(read(&mut bench, 0, there + page * PAGE), Some(1));
    }
    audit(&mut bench);
}

#[test]
fn a_fork_goes_in_slices_whatever_the_parent_has() {
    let mut bench = bench();
    // Pages that are shown in many places, in several regions; and one region with many areas.
    for _ in 0..4 {
        let region = create(&mut bench, 0, 7);
        for _ in 0..PLACES {
            let here = map_part(&mut bench, 0, region, 7).unwrap();
            write_all(&mut bench, 0, here, 7, 1);
        }
    }
    let shared = create(&mut bench, 0, 1);
    let places: Vec<_> = (0..150)
        .map(|_| map_part(&mut bench, 0, shared, 1).unwrap())
        .collect();
    let share = Share {
        region: shared,
        to: task(77),
        access: Access::Read,
        payment: false,
    };
    bench.client(task(0), share).unwrap();
    bench.spawn(2, GROUP).unwrap();
    let request = CloneSpace {
        from: task(0),
        to: task(2),
    };
    let mut calls = 0;
    let slices = sliced(&mut bench, |bench| {
        calls += 1;
        if calls == 40 {
            // Another thread of the parent's takes away what is to be copied next, and what was copied.
            for &address in &places[60..100] {
                let unmap = interfaces::memory::UnmapPart { address };
                assert_eq!(bench.client(task(0), unmap), Ok(Progress::Done));
            }
        }
        let progress = bench.proc(request).unwrap();
        bench.server.memory().check();
        progress
    });
    assert!(slices > 40, "{slices}");
    audit(&mut bench);
    let areas = bench.server.memory().spaces.get(2).areas;
    let areas = bench.server.memory().areas.iter(areas).count();
    assert!(areas > 4 * PLACES + 100, "{areas}");
}

#[test]
fn forks_do_not_pass_the_bound_of_places_that_one_fault_looks_through() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 1);
    let places: Vec<_> = (0..PLACES)
        .map(|_| map_part(&mut bench, 0, region, 1).unwrap())
        .collect();
    let share = Share {
        region,
        to: task(77),
        access: Access::Read,
        payment: false,
    };
    bench.client(task(0), share).unwrap();
    write_all(&mut bench, 0, places[0], 1, 1);
    clone(&mut bench, 0, region).unwrap();
    for &place in &places {
        assert_eq!(read(&mut bench, 0, place), Some(1));
    }
    let refused = map_part(&mut bench, 0, region, 1);
    assert_eq!(refused, Err(MapRefusal::TableFull));
    bench.spawn(2, GROUP).unwrap();
    assert_eq!(
        fork(&mut bench, 0, 2),
        Err(CloneSpaceRefusal::TableFull),
        "the child would show it in as many places again"
    );
    bench.end(2, GROUP);
    audit(&mut bench);
    let before = calls(&bench);
    assert_eq!(bench.touch(0, places[0], true), Answer::Resume);
    assert!(calls(&bench).0 - before.0 <= 2 * PLACES as u64 + 6);
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn what_a_killed_group_lent_is_taken_away_in_slices_from_wherever_it_is_shown() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 16);
    let here = map(&mut bench, 0, region, Access::ReadWrite);
    write_all(&mut bench, 0, here, 16, 1);
    let shared = give(&mut bench, 0, region, 1, Access::Read);
    let copy = clone(&mut bench, 1, shared).unwrap();
    for _ in 0..PLACES {
        let there = map_part(&mut bench, 1, copy, 16).unwrap();
        for page in 0..16 {
            assert_eq!(read(&mut bench, 1, there + page * PAGE), Some(1));
        }
    }
    bench.end(0, GROUP);
    limit(&bench, OTHER, Resource::Frames, 0);
    let slices = sliced(&mut bench, |bench| {
        let progress = bench.proc(Revoke { group: GROUP }).unwrap();
        audit(bench);
        progress
    });
    assert!(slices > 10, "{slices}");
    assert!(bench.ledger.0.borrow().used(GROUP).is_none());
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn a_write_to_what_many_strangers_cloned_is_a_slice_for_each_fault() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 1);
    let here = map(&mut bench, 0, region, Access::ReadWrite);
    write_all(&mut bench, 0, here, 1, 1);
    let shared = give(&mut bench, 0, region, 1, Access::Read);
    for _ in 0..12 {
        let copy = clone(&mut bench, 1, shared).unwrap();
        for _ in 0..PLACES {
            let there = map_part(&mut bench, 1, copy, 1).unwrap();
            assert_eq!(read(&mut bench, 1, there), Some(1));
        }
    }
    limit(&bench, OTHER, Resource::Frames, 0);
    limit(&bench, GROUP, Resource::Frames, 0);
    let mut faults = 0;
    sliced(&mut bench, |bench| {
        faults += 1;
        assert_eq!(bench.touch(0, here, true), Answer::Resume);
        let region = bench.server.memory().mappings.find(0, here >> 12);
        let is_there =
            region.is_some_and(|cap| bench.server.memory().mappings.get(cap).is_writable());
        if is_there {
            Progress::Done
        } else {
            Progress::More
        }
    });
    assert!(faults > 5, "{faults}");
    assert!(write(&mut bench, 0, here, 2));
    audit(&mut bench);
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn a_tasks_threads_end_in_slices_and_nothing_else_goes_before_the_last_of_them() {
    let mut bench = bench();
    for number in 1..16 {
        let kit = asking::thread_kit();
        bench.ledger.0.borrow_mut().charge(GROUP, kit).unwrap();
        let thread = CreateThread {
            task: task(0),
            thread: 20 + number,
            number,
        };
        bench.proc(thread).unwrap();
    }
    let region = create(&mut bench, 0, 40);
    let here = map(&mut bench, 0, region, Access::ReadWrite);
    write_all(&mut bench, 0, here, 40, 1);
    let all = bench.server.memory().spaces.get(0).mapped;
    sliced(&mut bench, |bench| {
        let progress = bench.proc(DestroyTask { task: task(0) }).unwrap();
        bench.server.memory().check();
        let space = bench.server.memory().spaces.get(0);
        assert!(space.threads == 0 || space.mapped == all);
        progress
    });
    assert_eq!(bench.server.counters().mishaps, 0);
}
