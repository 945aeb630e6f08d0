//! The limits-server's ground: laid in slices, taken back in slices, nothing lost whatever fails.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_debug_implementations,
    missing_docs,
    reason = "tests: whatever is wrong is to panic"
)]

mod asking;
mod fake;

use asking::{Asks, GROUP, rest, task};
use fake::Bench;
use interfaces::memory::{
    CreateRegion, CreateRegionRefusal, MakeRoom, MakeRoomRefusal, ReadCommit, Tidy,
};
use interfaces::provision::Progress;
use interfaces::start::ground::TRACT_PAGES;

/// A machine of 320 pages with overcommit off.
fn bench() -> Bench {
    let mut bench = Bench::with_overcommit(330, &[(0, 20), (256, 18)], (12, 60), 100);
    bench.spawn(0, GROUP).unwrap();
    bench
}

fn wanted(bench: &Bench, tracts: u32) {
    bench.ledger.0.borrow_mut().tracts_wanted = tracts;
}

fn make_room(bench: &mut Bench) -> Result<(), MakeRoomRefusal> {
    for _ in 0..20 {
        if bench.client(task(0), MakeRoom {})? == Progress::Done {
            return Ok(());
        }
        bench.server.memory().check();
    }
    panic!("it never ends");
}

fn tidy(bench: &mut Bench) {
    for _ in 0..40 {
        if bench.client(task(0), Tidy {}).unwrap() == Progress::Done {
            return;
        }
        bench.server.memory().check();
    }
    panic!("it never ends");
}

#[test]
fn room_is_made_when_it_is_wanted_and_comes_back_when_it_is_not() {
    let mut bench = bench();
    let before = rest(&mut bench);
    make_room(&mut bench).unwrap();
    assert_eq!(bench.server.memory().ground.pages(), 0, "nobody wants it");
    wanted(&bench, 2);
    make_room(&mut bench).unwrap();
    assert_eq!(bench.server.memory().ground.pages(), TRACT_PAGES);
    make_room(&mut bench).unwrap();
    assert_eq!(bench.server.memory().ground.pages(), 2 * TRACT_PAGES);
    tidy(&mut bench);
    assert_eq!(
        bench.server.memory().ground.pages(),
        2 * TRACT_PAGES,
        "groups stand on it"
    );
    bench.ledger.0.borrow_mut().tracts_free = true;
    tidy(&mut bench);
    assert_eq!(bench.server.memory().ground.pages(), 0);
    bench.audit(GROUP);
    assert_eq!(rest(&mut bench), before);
}

#[test]
fn each_step_that_fails_leaves_what_can_be_gone_on_with() {
    for step in 0.. {
        let mut bench = bench();
        let before = rest(&mut bench);
        wanted(&bench, 1);
        {
            let mut world = bench.kernel.0.borrow_mut();
            world.fail_at = Some(world.tried + 1 + step);
        }
        let result = make_room(&mut bench);
        bench.server.memory().check();
        bench.kernel.0.borrow_mut().fail_at = None;
        make_room(&mut bench).unwrap();
        assert_eq!(bench.server.memory().ground.pages(), TRACT_PAGES);
        bench.ledger.0.borrow_mut().tracts_free = true;
        tidy(&mut bench);
        assert_eq!(rest(&mut bench), before);
        if result.is_ok() {
            assert!(step > TRACT_PAGES.into());
            return;
        }
    }
}

#[test]
fn room_that_nobody_needs_gives_way_to_a_reservation_and_room_is_not_made_of_what_is_promised() {
    let mut bench = bench();
    wanted(&bench, 1);
    make_room(&mut bench).unwrap();
    let commit = bench.client(task(0), ReadCommit {}).unwrap();
    let pages = u32::try_from(commit.most - commit.promised).unwrap();
    let refused = bench.client(task(0), CreateRegion { pages: pages + 1 });
    assert_eq!(refused, Err(CreateRegionRefusal::OutOfMemory));
    bench.ledger.0.borrow_mut().tracts_free = true;
    // A slice of the ground is taken back for it.
    bench
        .client(task(0), CreateRegion { pages: pages + 1 })
        .unwrap();
    wanted(&bench, 1);
    tidy(&mut bench);
    let commit = bench.client(task(0), ReadCommit {}).unwrap();
    let pages = u32::try_from(commit.most - commit.promised).unwrap();
    bench.client(task(0), CreateRegion { pages }).unwrap();
    assert_eq!(
        make_room(&mut bench),
        Err(MakeRoomRefusal::OutOfMemory),
        "it is promised already"
    );
    bench.server.memory().check();
}
