//! Guarantees against a machine whose memory is all reserved: what is set aside nobody else gets, and who it is for does.

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

use asking::{Asks, GROUP, OTHER, task};
use fake::Bench;
use interfaces::accounting::GuaranteeRefusal;
use interfaces::memory::{
    Access, CreateRegion, CreateRegionRefusal, DestroyRegion, Guarantee, Map, ReadCommit, RegionId,
};
use interfaces::provision::Progress;
use memory_core::door::Answer;

/// Task 0 of one group and task 1 of the other, with overcommit off.
fn bench() -> Bench {
    let mut bench = Bench::with_overcommit(330, &[(0, 20), (256, 18)], (12, 60), 100);
    bench.spawn(0, GROUP).unwrap();
    bench.spawn(1, OTHER).unwrap();
    bench
}

fn create(bench: &mut Bench, index: u32, pages: u64) -> Result<RegionId, CreateRegionRefusal> {
    let pages = u32::try_from(pages).unwrap();
    bench.client(task(index), CreateRegion { pages })
}

/// How many pages anybody could still reserve, if nothing were set aside.
fn left(bench: &mut Bench) -> u64 {
    let commit = bench.client(task(0), ReadCommit {}).unwrap();
    commit.most - commit.promised
}

#[test]
fn what_is_set_aside_nobody_else_gets_and_who_it_is_for_does() {
    const PAGES: u64 = 40;
    let mut bench = bench();
    let group = GROUP;
    // The group's task has reserved pages already; the guarantee counts them.
    let used = bench.ledger.0.borrow().used(GROUP);
    let used = used.get(interfaces::Resource::Commit);
    let pages = used + PAGES;
    bench.client(task(0), Guarantee { group, pages }).unwrap();
    let all = left(&mut bench);
    // Another takes what it can get, a page at a time at the end.
    let mut hog = Vec::new();
    let mut size = 64;
    while size > 0 && hog.len() < 8 {
        match create(&mut bench, 1, size) {
            Ok(region) => hog.push(region),
            Err(refusal) => {
                assert_eq!(refusal, CreateRegionRefusal::OutOfMemory);
                size /= 2;
            }
        }
    }
    assert_eq!(left(&mut bench), PAGES, "of {all}");
    assert_eq!(
        create(&mut bench, 1, 1),
        Err(CreateRegionRefusal::OutOfMemory)
    );
    // All of it is there for the group, and not a page more.
    assert_eq!(
        create(&mut bench, 0, PAGES + 1),
        Err(CreateRegionRefusal::OutOfMemory)
    );
    let region = create(&mut bench, 0, PAGES).unwrap();
    assert_eq!(left(&mut bench), 0);
    bench.audit(GROUP);
    // What the hog gives back is everybody's again; what the group gives back stays its own.
    while bench.client(task(0), DestroyRegion { region }).unwrap() == Progress::More {}
    assert_eq!(
        create(&mut bench, 1, 1),
        Err(CreateRegionRefusal::OutOfMemory)
    );
    for region in hog {
        while bench.client(task(1), DestroyRegion { region }).unwrap() == Progress::More {}
    }
    assert_eq!(left(&mut bench), all);
    bench
        .client(task(0), Guarantee { group, pages: 0 })
        .unwrap();
    let region = create(&mut bench, 1, all - 4).unwrap();
    // And each page of it can be had.
    let map = Map {
        region,
        address: None,
        access: Access::ReadWrite,
    };
    let address = bench.client(task(1), map).unwrap();
    // Backwards: each is a fault of its own, and none comes along with another.
    for page in (0..u32::try_from(all - 4).unwrap()).rev() {
        assert_eq!(
            bench.touch(1, address + page * 4096, true),
            Answer::Resume,
            "page {page}"
        );
    }
    bench.audit(OTHER);
}

#[test]
fn a_guarantee_that_the_machine_cannot_meet_is_refused_and_changes_nothing() {
    let mut bench = bench();
    let all = left(&mut bench);
    let used = bench.ledger.0.borrow().used(GROUP);
    let used = used.get(interfaces::Resource::Commit);
    let group = GROUP;
    let pages = used + all + 1;
    assert_eq!(
        bench.client(task(0), Guarantee { group, pages }),
        Err(GuaranteeRefusal::OutOfMemory)
    );
    assert_eq!(bench.ledger.0.borrow().guarantees[&GROUP], 0);
    let pages = used + all;
    bench.client(task(0), Guarantee { group, pages }).unwrap();
    assert_eq!(
        create(&mut bench, 1, 1),
        Err(CreateRegionRefusal::OutOfMemory)
    );
    let pages = used + all + 1;
    assert_eq!(
        bench.client(task(0), Guarantee { group, pages }),
        Err(GuaranteeRefusal::OutOfMemory)
    );
    assert_eq!(bench.ledger.0.borrow().guarantees[&GROUP], used + all);
}
