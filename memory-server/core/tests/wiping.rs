//! Page tables that are wiped when what they show is lent: everything in them is shown again when it is touched, as it was.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    missing_debug_implementations,
    reason = "tests: whatever is wrong is to panic"
)]

mod asking;
mod fake;

use asking::{Asks, GROUP, OTHER, check_kits, rest, task};
use fake::Bench;
use interfaces::memory::{Access, CreateRegion, Map};
use interfaces::provision::{CloneSpace, CloneSpaceRefusal, Progress};
use memory_core::door::Answer;
use memory_core::wiping::DENSE;

const PAGES: u32 = DENSE + 4;
const TEXT: u32 = 0x24_0100;

fn bench() -> Bench {
    Bench::with_room(300, &[(0, 20)], 16, 400)
}

fn root(bench: &Bench, index: u32) -> u64 {
    let memory = bench.server.memory();
    memory.slots.object(memory.spaces.get(index).root.unwrap())
}

/// A region with pages that are written to, each with its number.
fn written(bench: &mut Bench, index: u32, pages: u32) -> u32 {
    let region = bench.client(task(index), CreateRegion { pages });
    let map = Map {
        region: region.unwrap(),
        address: None,
        access: Access::ReadWrite,
    };
    let address = bench.client(task(index), map).unwrap();
    for page in 0..pages {
        store(bench, index, address + page * 4096, page.into());
    }
    address
}

/// Writes as a task does: with as many faults as that takes.
fn store(bench: &mut Bench, index: u32, address: u32, value: u64) {
    let root = root(bench, index);
    while !bench.kernel.0.borrow_mut().store(root, address, value) {
        assert_eq!(bench.touch(index, address, true), Answer::Resume);
    }
}

/// Reads as a task does. Returns whether that took a fault, too.
fn load(bench: &mut Bench, index: u32, address: u32) -> (u64, bool) {
    let root = root(bench, index);
    let shown = bench.kernel.0.borrow().frame_at(root, address);
    if shown.is_none() {
        assert_eq!(bench.touch(index, address, false), Answer::Resume);
    }
    let world = bench.kernel.0.borrow();
    let frame = world.frame_at(root, address).expect("shown");
    (world.content(frame), shown.is_none())
}

fn fork(bench: &mut Bench, from: u32, to: u32) -> Result<(), CloneSpaceRefusal> {
    bench.spawn(to, OTHER).unwrap();
    let request = CloneSpace {
        from: task(from),
        to: task(to),
    };
    while bench.proc(request)? == Progress::More {
        bench.audit(GROUP);
    }
    Ok(())
}

/// A task with a region, and what its pages are at.
fn parent(bench: &mut Bench, pages: u32) -> u32 {
    bench.spawn(0, GROUP).unwrap();
    assert_eq!(bench.touch(0, TEXT, false), Answer::Resume);
    written(bench, 0, pages)
}

#[test]
fn what_is_lent_is_taken_out_of_its_table_at_once_and_comes_back_as_it_was() {
    let mut bench = bench();
    let before = rest(&mut bench);
    let address = parent(&mut bench, PAGES);
    fork(&mut bench, 0, 1).unwrap();
    assert_eq!(bench.kernel.0.borrow().wipes, 1);
    bench.audit(GROUP);
    for page in 0..PAGES {
        let at = address + page * 4096;
        // Read and then written, written at once, or only read; by either first.
        match page % 4 {
            0 => {
                assert_eq!(load(&mut bench, 0, at), (page.into(), true));
                assert_eq!(load(&mut bench, 0, at), (page.into(), false));
                let root = root(&bench, 0);
                assert!(!bench.kernel.0.borrow_mut().store(root, at, 99));
                store(&mut bench, 0, at, 100);
            }
            1 => store(&mut bench, 0, at, 100),
            2 => store(&mut bench, 1, at, 200),
            _ => assert_eq!(load(&mut bench, 0, at), (page.into(), true)),
        }
        bench.audit(GROUP);
        bench.audit(OTHER);
    }
    for page in 0..PAGES {
        let mine = if page % 4 < 2 { 100 } else { page.into() };
        let its = if page % 4 == 2 { 200 } else { page.into() };
        assert_eq!(load(&mut bench, 0, address + page * 4096).0, mine);
        assert_eq!(load(&mut bench, 1, address + page * 4096).0, its);
    }
    bench.end(0, GROUP);
    bench.end(1, OTHER);
    assert_eq!(rest(&mut bench), before);
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn a_second_thread_may_meet_the_same_page_and_a_wild_access_is_still_found() {
    let mut bench = bench();
    let address = parent(&mut bench, PAGES);
    fork(&mut bench, 0, 1).unwrap();
    assert_eq!(bench.touch(0, address, false), Answer::Resume);
    // It is there now, and the task has one thread only.
    assert_eq!(bench.touch(0, address, false), Answer::Nothing);
    bench.end(0, GROUP);
    bench.end(1, OTHER);
    bench.audit(GROUP);
}

/// Writes to pages in order. Returns how many faults that took.
fn store_all(bench: &mut Bench, index: u32, address: u32, pages: u32) -> u32 {
    let root = root(bench, index);
    let mut faults = 0;
    for at in (0..pages).map(|page| address + page * 4096) {
        while !bench.kernel.0.borrow_mut().store(root, at, 50) {
            assert_eq!(bench.touch(index, at, true), Answer::Resume);
            bench.audit(GROUP);
            faults += 1;
        }
    }
    faults
}

#[test]
fn pages_with_one_owner_again_are_had_more_and_more_at_a_time() {
    let mut bench = bench();
    let before = rest(&mut bench);
    let address = parent(&mut bench, 64);
    fork(&mut bench, 0, 1).unwrap();
    bench.end(1, OTHER);
    // 1, 2, 4, 8, 16, 16, 16, and the last.
    assert_eq!(store_all(&mut bench, 0, address, 64), 8);
    // What only some are alone with is had so far and no further.
    fork(&mut bench, 0, 1).unwrap();
    assert_eq!(store_all(&mut bench, 1, address, 20), 20);
    let (mine, its) = (root(&bench, 0), root(&bench, 1));
    assert_eq!(store_all(&mut bench, 0, address, 19), 5);
    let next = address + 20 * 4096;
    assert!(bench.kernel.0.borrow_mut().store(mine, next - 4096, 60));
    assert!(!bench.kernel.0.borrow_mut().store(mine, next, 60));
    assert!(!bench.kernel.0.borrow_mut().store(its, next, 60));
    for page in 0..64 {
        assert_eq!(load(&mut bench, 1, address + page * 4096).0, 50);
    }
    bench.end(0, GROUP);
    bench.end(1, OTHER);
    assert_eq!(rest(&mut bench), before);
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn pages_that_are_read_in_order_come_back_as_they_were() {
    let mut bench = bench();
    let address = parent(&mut bench, 64);
    fork(&mut bench, 0, 1).unwrap();
    let loads = (0..64).map(|page| load(&mut bench, 0, address + page * 4096));
    let loads: Vec<_> = loads.collect();
    assert!(
        loads
            .iter()
            .zip(0..)
            .all(|(&(value, _), page)| value == page)
    );
    assert_eq!(loads.iter().filter(|(_, is_fault)| *is_fault).count(), 8);
    // They are lent, all of them.
    let root = root(&bench, 0);
    for page in 0..64 {
        let at = address + page * 4096;
        assert!(!bench.kernel.0.borrow_mut().store(root, at, 1));
    }
    bench.end(0, GROUP);
    bench.end(1, OTHER);
    bench.audit(GROUP);
}

#[test]
fn few_pages_are_protected_one_by_one() {
    let mut bench = bench();
    let address = parent(&mut bench, DENSE - 1);
    fork(&mut bench, 0, 1).unwrap();
    assert_eq!(bench.kernel.0.borrow().wipes, 0);
    assert_eq!(load(&mut bench, 0, address), (0, false));
    bench.end(1, OTHER);
    bench.end(0, GROUP);
    bench.audit(GROUP);
}

#[test]
fn what_is_forked_again_before_it_was_touched_costs_no_further_call() {
    let mut bench = bench();
    let address = parent(&mut bench, PAGES);
    for (child, wipes) in [(1, 1), (2, 1)] {
        fork(&mut bench, 0, child).unwrap();
        assert_eq!(bench.kernel.0.borrow().wipes, wipes);
        bench.audit(OTHER);
    }
    bench.end(1, OTHER);
    bench.end(2, OTHER);
    for page in 0..PAGES {
        store(&mut bench, 0, address + page * 4096, 7);
    }
    fork(&mut bench, 0, 1).unwrap();
    assert_eq!(bench.kernel.0.borrow().wipes, 2);
    assert_eq!(load(&mut bench, 1, address).0, 7);
    bench.end(0, GROUP);
    bench.end(1, OTHER);
    bench.audit(GROUP);
}

#[test]
fn a_program_whose_own_table_was_wiped_leaves_a_kit_that_serves_the_next() {
    let mut bench = bench();
    bench.server.wipe_from(1);
    bench.spawn(0, GROUP).unwrap();
    assert_eq!(bench.touch(0, TEXT, false), Answer::Resume);
    assert_eq!(bench.touch(0, 0x24_1100, false), Answer::Resume);
    store(&mut bench, 0, 0x22_c000, 5);
    fork(&mut bench, 0, 1).unwrap();
    assert!(bench.kernel.0.borrow().wipes > 0);
    for at in [0x22_f000, TEXT & !0xfff, 0x24_1000] {
        let root = root(&bench, 0);
        assert!(
            bench.kernel.0.borrow().frame_at(root, at).is_none(),
            "{at:x}"
        );
    }
    // The IPC buffer is in no area, and may be written to.
    assert_eq!(bench.touch(0, 0x22_f000, true), Answer::Resume);
    bench.end(0, GROUP);
    check_kits(&bench);
    bench.audit(OTHER);
    bench.spawn(0, GROUP).unwrap();
    for at in [TEXT & !0xfff, 0x24_1000] {
        assert!(load(&mut bench, 0, at).1);
    }
    store(&mut bench, 0, 0x22_c000, 6);
    assert_eq!(load(&mut bench, 1, 0x22_c000).0, 5);
    for (index, group) in [(0, GROUP), (1, OTHER)] {
        bench.end(index, group);
        bench.audit(group);
    }
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn whatever_call_fails_the_parent_goes_on_and_nothing_is_left() {
    let scene = |fail: Option<u64>, deletion: bool| {
        let mut bench = bench();
        let before = rest(&mut bench);
        let address = parent(&mut bench, PAGES);
        bench.spawn(1, OTHER).unwrap();
        let (tried, deletions) = {
            let world = bench.kernel.0.borrow();
            (world.tried, world.deletions)
        };
        if deletion {
            bench.kernel.0.borrow_mut().fail_deletion_at = fail.map(|fail| deletions + fail);
        } else {
            bench.kernel.0.borrow_mut().fail_at = fail.map(|fail| tried + fail);
        }
        let request = CloneSpace {
            from: task(0),
            to: task(1),
        };
        let is_whole = loop {
            match bench.proc(request) {
                Ok(Progress::More) => {}
                Ok(Progress::Done) => break true,
                Err(_) => break false,
            }
        };
        let counts = {
            let mut world = bench.kernel.0.borrow_mut();
            world.fail_at = None;
            world.fail_deletion_at = None;
            (world.tried - tried, world.deletions - deletions)
        };
        for page in 0..PAGES {
            let at = address + page * 4096;
            assert_eq!(load(&mut bench, 0, at).0, page.into());
            if is_whole {
                store(&mut bench, 1, at, 50);
            }
            store(&mut bench, 0, at, 60);
            assert!(!is_whole || load(&mut bench, 1, at).0 == 50);
        }
        bench.end(0, GROUP);
        bench.end(1, OTHER);
        bench.audit(GROUP);
        (rest(&mut bench) == before, counts)
    };
    let (is_clean, (tried, deletions)) = scene(None, false);
    assert_eq!(
        (is_clean, deletions),
        (true, 2),
        "its first page, and the wiping"
    );
    for fail in 1..=tried {
        assert!(scene(Some(fail), false).0, "making {fail}");
    }
    for fail in 1..=deletions {
        assert!(scene(Some(fail), true).0, "deletion {fail}");
    }
}
