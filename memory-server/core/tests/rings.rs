//! Rings from their making to their end, against a kernel and a limits-server that fail every step in turn.

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
mod fake;

use asking::{Asks, GROUP, OTHER, rest, task};
use fake::Bench;
use interfaces::accounting::ChargeRefusal;
use interfaces::events::{RESERVED_RINGS, RINGS, RingId};
use interfaces::provision::{
    BuildRing, Built, Cause, CreateRing, DestroyRing, DestroyTask, MadeRing, Progress, RingRefusal,
    UnknownRefusal, ring_kit,
};
use interfaces::start::{limits_slots, memory_slots, ring_window};
use interfaces::{GroupId, Resource, TaskId};
use memory_core::door::Answer;

fn bench() -> Bench {
    Bench::with_room(300, &[(0, 20)], 8, 64)
}

fn open(bench: &mut Bench, index: u32, pages: u8) -> Result<MadeRing, RingRefusal> {
    open_as(bench, task(index), pages, false)
}

fn open_as(
    bench: &mut Bench,
    task: TaskId,
    pages: u8,
    operator: bool,
) -> Result<MadeRing, RingRefusal> {
    let made = bench.proc(CreateRing {
        task,
        pages,
        operator,
    })?;
    let built = build(bench, task, made.ring);
    let at_hand = bench.kernel.0.borrow_mut().take_notification();
    assert!(
        at_hand || built.is_err(),
        "a notification comes with a ring"
    );
    if let Err(refusal) = built {
        close(bench, task.index, made.ring).unwrap();
        return Err(refusal);
    }
    Ok(made)
}

/// The most system calls of one slice.
const MOST_CALLS: u64 = 34;

fn build(bench: &mut Bench, task: TaskId, ring: RingId) -> Result<(), RingRefusal> {
    loop {
        let before = bench.kernel.0.borrow().tried;
        let progress = bench.proc(BuildRing { task, ring })?;
        let made = bench.kernel.0.borrow().tried - before;
        assert!(made <= MOST_CALLS, "{made} in a slice");
        if progress != Built::More {
            return Ok(());
        }
    }
}

fn close(bench: &mut Bench, index: u32, ring: RingId) -> Result<(), UnknownRefusal> {
    let destroy = DestroyRing {
        task: task(index),
        ring,
    };
    loop {
        let before = bench.kernel.0.borrow().deletions;
        let progress = bench.proc(destroy)?;
        let deleted = bench.kernel.0.borrow().deletions - before;
        assert!(deleted <= MOST_CALLS, "{deleted} in a slice");
        if progress == Progress::Done {
            return Ok(());
        }
    }
}

/// What the limits-server's address space shows.
fn window(bench: &Bench) -> Vec<(u32, bool)> {
    let world = bench.kernel.0.borrow();
    world
        .mapped(memory_slots::LIMITS_SPACE)
        .into_iter()
        .collect()
}

#[test]
fn a_ring_is_seen_on_both_sides_paid_for_and_leaves_nothing() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    let before = rest(&mut bench);
    let charged = bench.ledger.0.borrow().used(GROUP);
    let made = open(&mut bench, 0, 4).unwrap();
    let ring = made.ring.0;
    let pages: Vec<_> = (0..4)
        .map(|page| (ring_window::page(ring, page), true))
        .collect();
    assert_eq!(window(&bench), pages, "the limits-server may write");
    let memory = bench.server.memory();
    let root = memory.slots.object(memory.spaces.get(0).root.unwrap());
    let shown = bench.kernel.0.borrow().mapped(root);
    for page in 0..4 {
        let address = made.address + page * 4096;
        assert_eq!(shown.get(&address), Some(&false), "the watcher may read");
    }
    let slot = limits_slots::RINGS + u64::from(ring);
    assert_eq!(bench.kernel.0.borrow().limits_slots(), [slot].into());
    assert!(bench.ledger.0.borrow().rings.contains_key(&made.ring));
    assert_eq!(
        Some(bench.ledger.0.borrow().used(GROUP)),
        charged.checked_add(&ring_kit(4))
    );
    bench.audit(GROUP);
    assert_eq!(close(&mut bench, 0, made.ring), Ok(()));
    assert_eq!(
        close(&mut bench, 0, made.ring),
        Err(UnknownRefusal::Unknown)
    );
    assert!(window(&bench).is_empty());
    assert!(bench.kernel.0.borrow().limits_slots().is_empty());
    assert!(bench.ledger.0.borrow().rings.is_empty());
    assert_eq!(rest(&mut bench), before);
    bench.audit(GROUP);
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn rings_go_with_their_task_and_the_limits_server_lets_go_first() {
    let mut bench = bench();
    let before = rest(&mut bench);
    bench.spawn(0, GROUP).unwrap();
    for pages in [8, 4, 2, 1] {
        open(&mut bench, 0, pages).unwrap();
    }
    bench.audit(GROUP);
    let request = DestroyTask { task: task(0) };
    let mut slices = 0;
    while bench.proc(request).unwrap() == Progress::More {
        // What the limits-server still has is still there.
        let known = bench.ledger.0.borrow().rings.clone();
        let shown = window(&bench);
        for (ring, attached) in known {
            for page in 0..u32::from(attached.pages) {
                let address = ring_window::page(ring.0, page);
                assert!(shown.contains(&(address, true)));
            }
        }
        bench.server.memory().check();
        slices += 1;
    }
    assert!(slices > 0, "so much takes more than a slice");
    bench.give_ticket_back(0, GROUP);
    assert!(window(&bench).is_empty());
    assert!(bench.ledger.0.borrow().rings.is_empty());
    assert_eq!(rest(&mut bench), before);
    bench.audit(GROUP);
}

#[test]
fn sizes_numbers_and_places_are_bounded_and_another_tasks_ring_is_unknown() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    bench.spawn(1, OTHER).unwrap();
    for pages in [0, 3, 17, 32, 255] {
        assert_eq!(open(&mut bench, 0, pages), Err(RingRefusal::BadSize));
    }
    let largest = open(&mut bench, 0, 16).unwrap();
    assert_eq!(open(&mut bench, 0, 1), Err(RingRefusal::TooMany));
    assert_eq!(
        close(&mut bench, 1, largest.ring),
        Err(UnknownRefusal::Unknown)
    );
    close(&mut bench, 0, largest.ring).unwrap();
    let mut numbers = Vec::new();
    for _ in 0..4 {
        numbers.push(open(&mut bench, 0, 1).unwrap().number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3]);
    assert_eq!(open(&mut bench, 0, 1), Err(RingRefusal::TooMany));
    assert_eq!(open(&mut bench, 5, 1), Err(RingRefusal::UnknownTask));
    // A ring is only read, and nothing is beside it.
    let space = bench.server.memory().spaces.get(0);
    assert_eq!(space.rings.numbers, 0b1111);
    let address = 0x23_0000;
    assert_eq!(bench.touch(0, address, true), Answer::Nothing);
    assert!(matches!(
        bench.report().unwrap().cause,
        Cause::BadAddress { .. }
    ));
    bench.audit(GROUP);
    bench.audit(OTHER);
}

#[test]
fn a_ring_is_built_once_and_not_after_it_failed_or_began_to_go() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    let before = rest(&mut bench);
    let task = task(0);
    let create = CreateRing {
        task,
        pages: 16,
        operator: false,
    };
    let ring = bench.proc(create).unwrap().ring;
    let on = BuildRing { task, ring };
    assert_eq!(bench.proc(on), Ok(Built::More));
    bench.server.memory().check();
    {
        let mut world = bench.kernel.0.borrow_mut();
        world.fail_at = Some(world.tried + 3);
    }
    assert!(bench.proc(on).is_err());
    assert_eq!(bench.proc(on), Err(RingRefusal::UnknownTask));
    close(&mut bench, 0, ring).unwrap();
    assert_eq!(rest(&mut bench), before);
    let ring = open(&mut bench, 0, 16).unwrap().ring;
    let (on, off) = (BuildRing { task, ring }, DestroyRing { task, ring });
    assert_eq!(bench.proc(on), Err(RingRefusal::UnknownTask));
    assert_eq!(bench.proc(off), Ok(Progress::More));
    assert_eq!(bench.proc(on), Err(RingRefusal::UnknownTask));
    bench.server.memory().check();
    close(&mut bench, 0, ring).unwrap();
    assert_eq!(rest(&mut bench), before);
    bench.audit(GROUP);
    // A task may end with one that is half made.
    bench.proc(create).unwrap();
    bench.end(0, GROUP);
    bench.audit(GROUP);
}

#[test]
fn the_last_rings_are_for_operators() {
    let mut bench = Bench::with_room(2000, &[(0, 22), (1024, 21)], 8, 64);
    let tasks = 8;
    for index in 0..tasks {
        bench.spawn(index, GROUP).unwrap();
    }
    // Each task has at most four.
    let mut made = Vec::new();
    'full: for index in 0..tasks {
        for _ in 0..4 {
            match open(&mut bench, index, 1) {
                Ok(ring) => made.push((index, ring.ring)),
                Err(RingRefusal::OutOfMemory) => break 'full,
                Err(refusal) => panic!("{refusal:?}"),
            }
        }
    }
    assert!(made.len() < RINGS - RESERVED_RINGS);
    for (index, ring) in made {
        close(&mut bench, index, ring).unwrap();
    }
    bench.audit(GROUP);
}

#[test]
fn a_group_that_cannot_pay_gets_no_ring() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    let before = rest(&mut bench);
    let used = bench.ledger.0.borrow().used(GROUP).get(Resource::Frames);
    bench
        .ledger
        .0
        .borrow_mut()
        .limits
        .insert((GROUP, Resource::Frames), used + 3);
    assert!(matches!(
        open(&mut bench, 0, 4),
        Err(RingRefusal::Charge(ChargeRefusal::Short(_)))
    ));
    assert_eq!(rest(&mut bench), before);
    open(&mut bench, 0, 2).unwrap();
    bench.audit(GROUP);
}

#[test]
fn a_making_that_fails_at_any_step_leaves_nothing() {
    let mut reached_the_end = false;
    for step in 1..200 {
        let mut bench = bench();
        bench.spawn(0, GROUP).unwrap();
        let before = rest(&mut bench);
        {
            let mut world = bench.kernel.0.borrow_mut();
            world.fail_at = Some(world.tried + step);
        }
        let made = open(&mut bench, 0, 2);
        bench.kernel.0.borrow_mut().fail_at = None;
        if made.is_ok() {
            reached_the_end = true;
            break;
        }
        assert_eq!(rest(&mut bench), before, "step {step}");
        assert!(window(&bench).is_empty(), "step {step}");
        assert!(bench.kernel.0.borrow().limits_slots().is_empty());
        assert!(bench.ledger.0.borrow().rings.is_empty());
        bench.audit(GROUP);
        open(&mut bench, 0, 2).unwrap();
        bench.end(0, GROUP);
        bench.audit(GROUP);
    }
    assert!(reached_the_end);
}

#[test]
fn a_limits_server_that_does_not_take_it_leaves_nothing() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    let before = rest(&mut bench);
    let charges = bench.ledger.0.borrow().charges;
    // The first is the charge, the second the attachment.
    bench.ledger.0.borrow_mut().fail_at = Some(charges + 2);
    assert!(open(&mut bench, 0, 1).is_err());
    bench.ledger.0.borrow_mut().fail_at = None;
    assert_eq!(rest(&mut bench), before);
    bench.audit(GROUP);
}

#[test]
fn a_deletion_that_fails_loses_a_page_but_shows_it_to_nobody_else() {
    for step in 1..12 {
        let mut bench = bench();
        bench.spawn(0, GROUP).unwrap();
        let made = open(&mut bench, 0, 2).unwrap();
        {
            let mut world = bench.kernel.0.borrow_mut();
            world.fail_deletion_at = Some(world.deletions + step);
        }
        let _ = close(&mut bench, 0, made.ring);
        bench.server.memory().check();
        let lost = bench.server.memory().owners.lost();
        assert!(lost <= 1, "step {step}: {lost} pages lost");
    }
}

const _: GroupId = GROUP;
