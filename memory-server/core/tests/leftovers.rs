//! Records that outlive what they were made for: whoever made it necessary pays for them, and clones are never less than
//! they say.

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
use deeds::{
    PAGE, audit, clone, create, destroy, fork, give, limit, map, read, used, write, write_all,
};
use fake::Bench;
use interfaces::Resource;
use interfaces::memory::{Access, CloneOn, CloneRefusal, CloneRegion, DestroyRegion, OBJECT_KIT};
use interfaces::provision::{DestroyTask, Progress};

/// The last page of a task's stack.
const STACK: u32 = 0x22_e000;

fn bench() -> Bench {
    let mut bench = Bench::with_room(1024, &[(0, 22)], 32, 4000);
    bench.spawn(0, GROUP).unwrap();
    bench.spawn(1, OTHER).unwrap();
    bench
}

fn objects(bench: &Bench) -> usize {
    bench.server.memory().objects.iter().count()
}

#[test]
fn memory_of_which_only_borrowed_pages_are_left_is_charged_for_its_record() {
    let mut bench = bench();
    let before = rest(&mut bench);
    let kernel = |bench: &Bench| used(bench, GROUP, Resource::KernelMemory);
    let region = create(&mut bench, 0, 4);
    let here = map(&mut bench, 0, region, Access::ReadWrite);
    write_all(&mut bench, 0, here, 4, 1);
    // A task in another group that its parent put there: what they share is left to the parent.
    bench.spawn(2, OTHER).unwrap();
    fork(&mut bench, 0, 2).unwrap();
    let (records, used) = (objects(&bench), kernel(&bench));
    destroy(&mut bench, 0, region);
    audit(&mut bench);
    let region_kit = interfaces::memory::REGION_KIT.get(Resource::KernelMemory);
    assert_eq!(objects(&bench), records);
    assert_eq!(
        used - kernel(&bench),
        region_kit,
        "the record is still charged"
    );
    assert_eq!(read(&mut bench, 2, here + PAGE), Some(1));
    // The parent's program leaves a record as well.
    assert!(read(&mut bench, 2, STACK).is_some());
    bench.end(0, GROUP);
    audit(&mut bench);
    bench.end(2, OTHER);
    audit(&mut bench);
    assert_eq!(kernel(&bench), 0);
    bench.spawn(0, GROUP).unwrap();
    assert_eq!(rest(&mut bench), before);
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn a_program_that_leaves_pages_behind_pays_for_its_record_or_leaves_none() {
    let kit = OBJECT_KIT.get(Resource::KernelMemory);
    for room in [kit, kit - 1] {
        let mut bench = bench();
        for page in 0..3 {
            assert!(write(&mut bench, 0, STACK - page * PAGE, 7));
        }
        bench.spawn(2, OTHER).unwrap();
        fork(&mut bench, 0, 2).unwrap();
        assert!(write(&mut bench, 0, STACK, 8));
        audit(&mut bench);
        limit(&bench, GROUP, Resource::KernelMemory, room);
        bench.end(0, GROUP);
        audit(&mut bench);
        let is_paid = room == kit;
        assert_eq!(
            used(&bench, GROUP, Resource::KernelMemory),
            if is_paid { kit } else { 0 }
        );
        assert_eq!(used(&bench, GROUP, Resource::Frames) >= 3, is_paid);
        for page in 0..3 {
            assert_eq!(read(&mut bench, 2, STACK - page * PAGE), Some(7));
        }
        bench.end(2, OTHER);
        audit(&mut bench);
        assert!(bench.ledger.0.borrow().used(GROUP).is_none());
        assert_eq!(bench.server.counters().mishaps, 0);
    }
}

#[test]
fn however_often_memory_goes_back_and_forth_somebody_pays_for_each_record() {
    let mut bench = bench();
    let kit = OBJECT_KIT.get(Resource::KernelMemory);
    let [mut holder, mut other] = [0, 1];
    let mut region = create(&mut bench, 0, 30);
    let here = map(&mut bench, 0, region, Access::ReadWrite);
    assert!(write(&mut bench, 0, here, 1));
    for round in 1..20 {
        let shared = give(&mut bench, holder, region, other, Access::Read);
        let copy = clone(&mut bench, other, shared).unwrap();
        destroy(&mut bench, other, shared);
        destroy(&mut bench, holder, region);
        let there = map(&mut bench, other, copy, Access::ReadWrite);
        assert!(write(&mut bench, other, there + round * PAGE, 1));
        audit(&mut bench);
        let programs = 1 + bench.server.memory().spaces.iter().count();
        let records = (objects(&bench) - programs) as u64;
        let kernel = used(&bench, GROUP, Resource::KernelMemory)
            + used(&bench, OTHER, Resource::KernelMemory);
        assert!(kernel >= records * kit);
        assert_eq!(records, 1, "a stranger leaves nothing behind");
        (holder, other) = (other, holder);
        region = copy;
    }
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn a_clone_whose_source_goes_before_its_turn_is_never_said_to_be_whole() {
    let mut bench = bench();
    for slices in 1..4 {
        let region = create(&mut bench, 0, 200);
        let here = map(&mut bench, 0, region, Access::ReadWrite);
        for page in 0..200 {
            assert!(write(
                &mut bench,
                0,
                here + page * PAGE,
                1000 + u64::from(page)
            ));
        }
        let cloned = bench.client(task(0), CloneRegion { region }).unwrap();
        assert_eq!(cloned.progress, Progress::More);
        for _ in 0..slices {
            let progress = bench.client(task(0), DestroyRegion { region });
            assert_eq!(progress, Ok(Progress::More));
        }
        audit(&mut bench);
        let on = CloneOn {
            region: cloned.region,
        };
        assert_eq!(bench.client(task(0), on), Err(CloneRefusal::Broken));
        destroy(&mut bench, 0, region);
        destroy(&mut bench, 0, cloned.region);
        audit(&mut bench);
    }
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn a_clone_whose_first_slice_fails_has_a_name_and_can_be_gone_on_with() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 4);
    let here = map(&mut bench, 0, region, Access::ReadWrite);
    write_all(&mut bench, 0, here, 4, 5);
    let before = rest(&mut bench);
    {
        let mut world = bench.kernel.0.borrow_mut();
        world.fail_at = Some(world.tried + 1);
    }
    let cloned = bench.client(task(0), CloneRegion { region }).unwrap();
    assert_eq!(cloned.progress, Progress::More);
    audit(&mut bench);
    let on = CloneOn {
        region: cloned.region,
    };
    assert_eq!(bench.client(task(0), on), Ok(Progress::Done));
    let there = map(&mut bench, 0, cloned.region, Access::Read);
    assert_eq!(read(&mut bench, 0, there + 3 * PAGE), Some(5));
    destroy(&mut bench, 0, cloned.region);
    audit(&mut bench);
    assert_eq!(rest(&mut bench), before);
}

#[test]
fn a_thread_that_the_kernel_does_not_take_back_sees_nothing_that_was_taken_away() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 40);
    let here = map(&mut bench, 0, region, Access::ReadWrite);
    write_all(&mut bench, 0, here, 40, 1);
    let shared = give(&mut bench, 0, region, 1, Access::Read);
    let there = map(&mut bench, 1, shared, Access::Read);
    for page in 0..40 {
        assert_eq!(read(&mut bench, 1, there + page * PAGE), Some(1));
    }
    let memory = bench.server.memory();
    let root = memory.slots.object(memory.spaces.get(1).root.unwrap());
    {
        let mut world = bench.kernel.0.borrow_mut();
        world.fail_deletion_at = Some(world.deletions + 1);
    }
    let mut most = 0;
    while bench.proc(DestroyTask { task: task(1) }) == Ok(Progress::More) {
        bench.server.memory().check();
        let left = bench.server.memory().spaces.get(1).copies as usize;
        if left == 0 {
            break;
        }
        let shown = bench.kernel.0.borrow().mapped(root);
        let shown = shown.range(there..there + 40 * PAGE).count();
        assert_eq!(shown, left, "what the thread can read");
        most = most.max(40 - left);
    }
    assert!(most > 5, "{most}");
}
