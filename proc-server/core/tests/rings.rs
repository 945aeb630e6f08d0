//! Rings for events: made and taken back a slice a request, each in its place, and nothing left after a refusal.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that goes wrong is to stop"
)]

mod world;

use interfaces::TaskId;
use interfaces::events::RingId;
use interfaces::process::*;
use interfaces::provision::{Progress, RingRefusal, UnknownRefusal};
use interfaces::start::client_slots;
use world::{Failure, Stage, spawn_into};

fn open(stage: &mut Stage, task: TaskId, pages: u8) -> Result<OpenedRing, RingRefusal> {
    Stage::now(stage.ask(task, 0, &OpenRing { pages }))
}

fn extend(stage: &mut Stage, task: TaskId, ring: RingId) -> Result<Progress, RingRefusal> {
    Stage::now(stage.ask(task, 0, &ExtendRing { ring }))
}

fn close(stage: &mut Stage, task: TaskId, ring: RingId) -> Result<Progress, UnknownRefusal> {
    Stage::now(stage.ask(task, 0, &CloseRing { ring }))
}

/// The slots of a task's first thread in which there is a notification.
fn notifications(stage: &Stage, task: TaskId) -> Vec<u64> {
    let world = stage.world.borrow();
    let first = world.memory.thread(task, 0).unwrap();
    let all = world.notifications.iter();
    let mine = all.filter(|(owner, _)| *owner == first);
    mine.map(|&(_, slot)| slot).collect()
}

#[test]
fn a_small_ring_is_whole_at_once_and_a_large_one_after_some_slices() {
    let mut stage = Stage::new(8, 8);
    let first = stage.first();
    let books = stage.world.borrow().books();
    let small = open(&mut stage, first, 4).unwrap();
    assert_eq!(small.progress, Progress::Done);
    assert_eq!(u64::from(small.slot), client_slots::RINGS);
    assert_eq!(notifications(&stage, first), [client_slots::RINGS]);
    let large = open(&mut stage, first, 16).unwrap();
    assert_eq!(large.progress, Progress::More);
    assert_eq!(u64::from(large.slot), client_slots::RINGS + 1);
    for expected in [Progress::More, Progress::More, Progress::Done] {
        assert_eq!(notifications(&stage, first).len(), 1, "it is not whole yet");
        assert_eq!(extend(&mut stage, first, large.ring), Ok(expected));
    }
    let both = [client_slots::RINGS, client_slots::RINGS + 1];
    assert_eq!(notifications(&stage, first), both);
    let whole = extend(&mut stage, first, large.ring);
    assert_eq!(whole, Err(RingRefusal::UnknownTask));
    assert_eq!(close(&mut stage, first, large.ring), Ok(Progress::More));
    assert_eq!(close(&mut stage, first, large.ring), Ok(Progress::Done));
    let gone = close(&mut stage, first, large.ring);
    assert_eq!(gone, Err(UnknownRefusal::Unknown));
    assert_eq!(close(&mut stage, first, small.ring), Ok(Progress::Done));
    assert_eq!(stage.world.borrow().books(), books);
    stage.check();
}

#[test]
fn a_ring_that_is_refused_half_way_is_its_owners_to_close() {
    let mut stage = Stage::new(8, 8);
    let first = stage.first();
    let books = stage.world.borrow().books();
    let ring = open(&mut stage, first, 8).unwrap().ring;
    stage.world.borrow_mut().memory.full = true;
    let refused = extend(&mut stage, first, ring);
    assert_eq!(refused, Err(RingRefusal::OutOfMemory));
    stage.world.borrow_mut().memory.full = false;
    let again = extend(&mut stage, first, ring);
    assert_eq!(again, Err(RingRefusal::UnknownTask), "it is over");
    assert_eq!(close(&mut stage, first, ring), Ok(Progress::Done));
    assert_eq!(stage.world.borrow().books(), books);
    assert_eq!(notifications(&stage, first), []);
}

#[test]
fn a_ring_that_fails_at_any_step_leaves_nothing_when_it_is_closed() {
    for pages in [1, 16] {
        for failure in [Failure::Before, Failure::After] {
            for step in 1.. {
                let mut stage = Stage::new(8, 8);
                let first = stage.first();
                let books = stage.world.borrow().books();
                let now = stage.world.borrow().steps;
                stage.world.borrow_mut().fail = Some((now + step, failure));
                if let Ok(opened) = open(&mut stage, first, pages) {
                    let mut progress = Ok(opened.progress);
                    while progress == Ok(Progress::More) {
                        progress = extend(&mut stage, first, opened.ring);
                    }
                    stage.world.borrow_mut().fail = None;
                    while close(&mut stage, first, opened.ring) == Ok(Progress::More) {}
                    assert_eq!(stage.world.borrow().books(), books);
                }
                stage.check();
                assert!(!stage.world.borrow().memory.at_hand, "nothing is left over");
                if stage.world.borrow().steps < now + step {
                    assert!(step > 2, "it has steps");
                    break;
                }
            }
        }
    }
}

#[test]
fn a_half_made_ring_goes_with_its_task_and_is_nobody_elses() {
    let mut stage = Stage::new(8, 8);
    let first = stage.first();
    let books = stage.world.borrow().books();
    let child = Stage::now(stage.ask(first, 0, &spawn_into(3))).unwrap();
    let ring = open(&mut stage, child, 16).unwrap().ring;
    let strange = extend(&mut stage, first, ring);
    assert_eq!(strange, Err(RingRefusal::UnknownTask));
    let strange = close(&mut stage, first, ring);
    assert_eq!(strange, Err(UnknownRefusal::Unknown));
    assert_eq!(extend(&mut stage, child, ring), Ok(Progress::More));
    Stage::later(stage.ask(child, 0, &Exit { code: 0 }));
    stage.settle();
    let wait = WaitFor {
        child: Some(child),
        ns: 0,
    };
    assert!(Stage::now(stage.ask(first, 0, &wait)).is_ok());
    assert_eq!(stage.world.borrow().books(), books);
    stage.check();
}
