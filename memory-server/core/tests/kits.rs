//! What an ended task leaves to the next one of its place: pages of the archive, and nothing else, however it ended.

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
use interfaces::GroupId;
use interfaces::memory::{
    Accept, Access, CloneOn, CloneRegion, CreateRegion, Map, RegionId, Share,
};
use interfaces::provision::{
    CloneSpace, CreateRing, CreateTask, ProgramId, Progress, ReadPool, Revoke,
};
use memory_core::door::Answer;
use memory_core::kits::AT_ONCE;
use memory_core::space::State;

const STACK: [u32; 3] = [0x22_e000, 0x22_d000, 0x22_c000];
const TEXT: u32 = 0x24_1100;
const ENTRY: u32 = 0x24_0100;

fn bench() -> Bench {
    Bench::with_room(300, &[(0, 20)], 16, 400)
}

fn map(bench: &mut Bench, index: u32, region: RegionId) -> u32 {
    let map = Map {
        region,
        address: None,
        access: Access::ReadWrite,
    };
    bench.client(task(index), map).unwrap()
}

/// A region of 4 pages that are written to, mapped.
fn written(bench: &mut Bench, index: u32) -> (RegionId, u32) {
    let region = bench.client(task(index), CreateRegion { pages: 4 });
    let address = map(bench, index, region.unwrap());
    touch_all(bench, index, address, 4, true);
    (region.unwrap(), address)
}

/// Touches pages as a task does: only what the hardware does not let it is a fault.
fn touch_all(bench: &mut Bench, index: u32, address: u32, pages: u32, write: bool) {
    for page in 0..pages {
        let address = address + page * 4096;
        let root = root(bench, index);
        let shown = bench.kernel.0.borrow().mapped(root).get(&address).copied();
        if shown.is_none_or(|is_writable| write && !is_writable) {
            assert_eq!(bench.touch(index, address, write), Answer::Resume);
        }
    }
}

/// The slot of the root of a task's address space.
fn root(bench: &Bench, index: u32) -> u64 {
    let memory = bench.server.memory();
    memory.slots.object(memory.spaces.get(index).root.unwrap())
}

fn give(bench: &mut Bench, from: u32, region: RegionId, to: u32) -> RegionId {
    let share = Share {
        region,
        to: task(to),
        access: Access::ReadWrite,
        payment: false,
    };
    let region = bench.client(task(from), share).unwrap();
    bench.client(task(to), Accept { region }).unwrap();
    region
}

fn fork(bench: &mut Bench, from: u32, to: u32, group: GroupId) {
    bench.spawn(to, group).unwrap();
    let request = CloneSpace {
        from: task(from),
        to: task(to),
    };
    while bench.proc(request).unwrap() == Progress::More {}
}

fn is_kept(bench: &Bench, index: u32) -> bool {
    bench.server.memory().spaces.get(index).state == State::Kept
}

/// The next task of the place may read nothing of what was mapped there, and finds nothing in its own pages.
fn is_born_clean(bench: &mut Bench, index: u32, secrets: &[u32]) {
    check_kits(bench);
    bench.spawn(index, GROUP).unwrap();
    let root = root(bench, index);
    let mut mapped = bench.kernel.0.borrow().mapped(root);
    mapped.remove(&0x22_f000);
    assert!(mapped.values().all(|&is_writable| !is_writable));
    for &address in secrets {
        assert!(!mapped.contains_key(&address), "{address:x}");
    }
    for &address in &STACK {
        touch_all(bench, index, address, 1, true);
        let world = bench.kernel.0.borrow();
        let frame = world.frame_at(root, address).unwrap();
        assert_eq!(world.content(frame), 0);
    }
    // What it has no region for ends it, whatever was there before.
    if let Some(&address) = secrets.iter().find(|&&address| address >= 0x1000_0000) {
        assert_eq!(bench.touch(index, address, false), Answer::Nothing);
    }
    bench.end(index, GROUP);
    bench.audit(GROUP);
}

#[test]
fn whatever_was_mapped_the_next_task_of_the_place_sees_none_of_it() {
    for killed in [false, true] {
        let mut bench = bench();
        for (index, group) in [(0, GROUP), (1, OTHER)] {
            bench.spawn(index, group).unwrap();
            assert_eq!(bench.touch(index, TEXT, false), Answer::Resume);
            touch_all(&mut bench, index, 0x22_c000, 3, true);
        }
        let (region, here) = written(&mut bench, 1);
        let (_, own) = written(&mut bench, 0);
        // Shown through copies, and through the frames' own capabilities where the other has not touched them.
        let shared = give(&mut bench, 1, region, 0);
        let there = map(&mut bench, 0, shared);
        touch_all(&mut bench, 0, there, 4, true);
        // Lent: its clone shows the same frames.
        let cloned = bench.client(task(0), CloneRegion { region: shared });
        let mut cloned = cloned.unwrap();
        while cloned.progress == Progress::More {
            let region = cloned.region;
            cloned.progress = bench.client(task(0), CloneOn { region }).unwrap();
        }
        let copy = map(&mut bench, 0, cloned.region);
        touch_all(&mut bench, 0, copy, 4, false);
        touch_all(&mut bench, 0, copy, 2, true);
        let ring = bench.proc(CreateRing {
            task: task(0),
            pages: 2,
            operator: false,
        });
        bench.kernel.0.borrow_mut().take_notification();
        let secrets = [here, own, there, copy, ring.unwrap().address];
        if killed {
            while bench.proc(Revoke { group: OTHER }).unwrap() == Progress::More {}
        }
        bench.end(0, GROUP);
        assert!(is_kept(&bench, 0));
        is_born_clean(&mut bench, 0, &secrets);
        assert_eq!(bench.server.counters().mishaps, 0);
    }
}

#[test]
fn pages_of_the_stack_that_a_fork_left_shared_are_in_neither_kit() {
    // Whichever of the two ends first, its pages were shown through the frames' own capabilities or through copies.
    for first in [0, 1] {
        for group in [GROUP, OTHER] {
            let mut bench = bench();
            bench.spawn(0, GROUP).unwrap();
            assert_eq!(bench.touch(0, TEXT, false), Answer::Resume);
            touch_all(&mut bench, 0, 0x22_c000, 3, true);
            fork(&mut bench, 0, 1, group);
            touch_all(&mut bench, 1, 0x22_c000, 3, false);
            touch_all(&mut bench, 1, STACK[0], 1, true);
            assert_eq!(bench.touch(1, TEXT, false), Answer::Resume);
            let groups = [GROUP, group];
            for index in [first, 1 - first] {
                bench.end(index, groups[index as usize]);
                assert!(is_kept(&bench, index));
                is_born_clean(&mut bench, index, &STACK);
            }
            bench.audit(OTHER);
            assert_eq!(bench.server.counters().mishaps, 0);
        }
    }
}

#[test]
fn whichever_deletion_fails_no_kit_shows_what_is_not_the_archives() {
    let scene = |fail: Option<u64>| {
        let mut bench = bench();
        bench.spawn(0, GROUP).unwrap();
        assert_eq!(bench.touch(0, TEXT, false), Answer::Resume);
        touch_all(&mut bench, 0, 0x22_c000, 3, true);
        fork(&mut bench, 0, 1, GROUP);
        touch_all(&mut bench, 1, 0x22_c000, 3, false);
        written(&mut bench, 1);
        touch_all(&mut bench, 1, STACK[0], 1, true);
        let before = bench.kernel.0.borrow().deletions;
        bench.kernel.0.borrow_mut().fail_deletion_at = fail.map(|fail| before + fail);
        for index in [1, 0] {
            bench.end(index, GROUP);
            check_kits(&bench);
        }
        let after = bench.kernel.0.borrow().deletions;
        bench.kernel.0.borrow_mut().fail_deletion_at = None;
        (bench, after - before)
    };
    let (_, count) = scene(None);
    for fail in 1..=count {
        let (mut bench, _) = scene(Some(fail));
        assert!(
            bench.server.counters().mishaps > 0,
            "deletion {fail} failed"
        );
        for index in [0, 1] {
            // What could not be deleted may stand in its way.
            if bench.spawn(index, GROUP).is_ok() {
                check_kits(&bench);
                bench.end(index, GROUP);
            }
        }
        check_kits(&bench);
    }
}

#[test]
fn the_proc_servers_copy_of_a_root_stays_for_the_same_thread_and_gives_way_to_any_other() {
    let mut bench = bench();
    let before = rest(&mut bench);
    let has_copy = |bench: &Bench, index| bench.server.memory().spaces.get(index).has_copy;
    let live = |bench: &mut Bench, index, thread| {
        bench.spawn_in(index, thread, GROUP).unwrap();
        assert_eq!(bench.touch(index, ENTRY, false), Answer::Resume);
        bench.audit(GROUP);
    };
    live(&mut bench, 0, 5);
    bench.end(0, GROUP);
    assert!(is_kept(&bench, 0) && has_copy(&bench, 0));
    bench.audit(GROUP);
    // The same thread: no copy is made.
    let tried = bench.kernel.0.borrow().tried;
    live(&mut bench, 0, 5);
    let same = bench.kernel.0.borrow().tried - tried;
    bench.end(0, GROUP);
    // Another thread: a copy is made, and the old one is gone.
    let tried = bench.kernel.0.borrow().tried;
    live(&mut bench, 0, 6);
    assert_eq!(bench.kernel.0.borrow().tried - tried, same + 1);
    bench.end(0, GROUP);
    // The kit's thread is another task's now.
    live(&mut bench, 1, 6);
    assert!(is_kept(&bench, 0) && !has_copy(&bench, 0) && has_copy(&bench, 1));
    live(&mut bench, 0, 5);
    bench.end(0, GROUP);
    bench.end(1, GROUP);
    // One that was never born leaves none.
    bench.spawn(0, GROUP).unwrap();
    bench.end(0, GROUP);
    assert!(!is_kept(&bench, 0));
    bench.audit(GROUP);
    assert_eq!(rest(&mut bench), before);
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn a_kit_is_charged_to_nobody_and_counts_as_free() {
    let mut bench = bench();
    let before = rest(&mut bench);
    for index in 0..3 {
        bench.spawn(index, GROUP).unwrap();
        assert_eq!(bench.touch(index, TEXT, false), Answer::Resume);
    }
    for index in 0..3 {
        bench.end(index, GROUP);
        bench.audit(GROUP);
        assert!(is_kept(&bench, index));
    }
    // The second makes room for the third: a request takes so many apart.
    assert_eq!(AT_ONCE, 2);
    let figures = bench.proc(ReadPool {}).unwrap();
    assert!(!is_kept(&bench, 0) && !is_kept(&bench, 1) && is_kept(&bench, 2));
    let free = bench.server.memory().pool.free();
    let kit = bench.server.memory().kept.held();
    assert_eq!(kit.pages, 4, "a root, and a table of each level");
    assert_eq!(figures.free, u64::from(free + kit.pages));
    assert!(bench.ledger.0.borrow().used(GROUP).is_none());
    assert_eq!(
        rest(&mut bench),
        before,
        "who asks what is free makes them go"
    );
    assert_eq!((0..3).filter(|&index| is_kept(&bench, index)).count(), 0);
}

#[test]
fn who_is_refused_a_threads_place_finds_no_copy_of_a_kits_root_there() {
    let mut bench = bench();
    bench.spawn_in(0, 5, GROUP).unwrap();
    assert_eq!(bench.touch(0, ENTRY, false), Answer::Resume);
    bench.end(0, GROUP);
    let has_copy = |bench: &Bench| bench.server.memory().spaces.get(0).has_copy;
    assert!(is_kept(&bench, 0) && has_copy(&bench));
    let refused = bench.proc(CreateTask {
        task: task(1),
        thread: 5,
        program: ProgramId(200),
        payer: GROUP,
    });
    assert!(refused.is_err());
    // Whoever was refused makes the slots of that place empty: the kit must not count on what was there.
    assert!(is_kept(&bench, 0) && !has_copy(&bench));
    bench.audit(GROUP);
    bench.spawn_in(0, 5, GROUP).unwrap();
    bench.end(0, GROUP);
    assert_eq!(bench.server.counters().mishaps, 0);
}
