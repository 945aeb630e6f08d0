//! What one who was lent memory can do to whoever lent it: nothing that costs it pages, its life or the memory.

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
    PAGE, audit, clone, create, destroy, fork, frames, give, limit, map, offer, read, revoke, used,
    write, write_all,
};
use fake::Bench;
use interfaces::Resource;
use interfaces::memory::{Access, RegionId, Resize, ShareRefusal, Sponsor, SponsorRefusal};
use interfaces::provision::{Cause, Progress};

/// Tasks 0 and 2 of one group, 1 of the other.
fn bench() -> Bench {
    let mut bench = Bench::with_room(300, &[(0, 20)], 64, 400);
    bench.spawn(0, GROUP).unwrap();
    bench.spawn(1, OTHER).unwrap();
    bench.spawn(2, GROUP).unwrap();
    bench
}

/// A region of task 0's with so many pages, all written to; where it is; and what task 1 has of it, to read.
fn lent(bench: &mut Bench, pages: u32) -> (RegionId, u32, RegionId) {
    let region = create(bench, 0, pages);
    let here = map(bench, 0, region, Access::ReadWrite);
    write_all(bench, 0, here, pages, 1);
    let shared = give(bench, 0, region, 1, Access::Read);
    (region, here, shared)
}

#[test]
fn nobody_takes_the_payment_over_that_the_payer_has_not_offered() {
    for access in [Access::Read, Access::ReadWrite] {
        let mut bench = bench();
        let region = create(&mut bench, 0, 4);
        let here = map(&mut bench, 0, region, Access::ReadWrite);
        assert!(write(&mut bench, 0, here, 42));
        let shared = give(&mut bench, 0, region, 1, access);
        let before = rest(&mut bench);
        let sponsor = Sponsor { region: shared };
        let refused = bench.client(task(1), sponsor);
        assert_eq!(refused, Err(SponsorRefusal::NotOffered));
        assert_eq!(rest(&mut bench), before);
        let larger = Resize { region, pages: 5 };
        assert_eq!(bench.client(task(0), larger), Ok(Progress::Done));
        bench.end(1, OTHER);
        revoke(&mut bench, OTHER);
        assert_eq!(read(&mut bench, 0, here), Some(42), "its payer lives");
        audit(&mut bench);
    }
}

#[test]
fn only_the_payers_own_group_offers_the_payment_and_only_while_it_pays() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 4);
    let shared = give(&mut bench, 0, region, 1, Access::ReadWrite);
    let reader = give(&mut bench, 0, region, 2, Access::Read);
    for (from, region, access) in [(1, shared, Access::ReadWrite), (2, reader, Access::Read)] {
        let refused = offer(&mut bench, from, region, 0, (access, true));
        assert_eq!(refused, Err(ShareRefusal::NotPayer));
    }
    let first = offer(&mut bench, 0, region, 1, (Access::Read, true)).unwrap();
    let second = offer(&mut bench, 0, region, 1, (Access::Read, true)).unwrap();
    audit(&mut bench);
    let sponsor = |region| Sponsor { region };
    assert_eq!(bench.client(task(1), sponsor(first)), Ok(()));
    assert_eq!(used(&bench, GROUP, Resource::Commit), 2 * (1 + 33));
    audit(&mut bench);
    // What was offered is not offered for ever: another pays now, and must offer it itself.
    let back = give(&mut bench, 1, shared, 0, Access::Read);
    for region in [back, region] {
        let refused = bench.client(task(0), sponsor(region));
        assert_eq!(refused, Err(SponsorRefusal::NotOffered));
    }
    let back = offer(&mut bench, 1, shared, 0, (Access::Read, true)).unwrap();
    assert_eq!(bench.client(task(0), sponsor(back)), Ok(()));
    let again = bench.client(task(1), sponsor(second));
    assert_eq!(again, Ok(()), "it is offered as it was");
    audit(&mut bench);
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn a_readers_clones_never_cost_the_payer_a_frame() {
    let mut bench = bench();
    let (_, here, shared) = lent(&mut bench, 8);
    let before = frames(&bench);
    let clones: Vec<_> = (0..3_u64)
        .map(|round| {
            let copy = clone(&mut bench, 1, shared).unwrap();
            write_all(&mut bench, 0, here, 8, round + 2);
            assert_eq!(
                frames(&bench),
                [before[0], before[1] + 8 * (round + 1)],
                "whoever wanted the old contents pays for them"
            );
            audit(&mut bench);
            copy
        })
        .collect();
    for (round, copy) in (1..).zip(clones) {
        let there = map(&mut bench, 1, copy, Access::Read);
        for page in 0..8 {
            assert_eq!(read(&mut bench, 1, there + page * PAGE), Some(round));
        }
    }
    bench.end(1, OTHER);
    audit(&mut bench);
    assert_eq!(frames(&bench), [before[0], 0]);
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn at_its_limit_a_payer_writes_to_its_pages_however_many_strangers_cloned_them() {
    for can_pay in [true, false] {
        let mut bench = bench();
        let (region, here, shared) = lent(&mut bench, 4);
        let clones: Vec<_> = (0..20)
            .map(|_| clone(&mut bench, 1, shared).unwrap())
            .collect();
        let places: Vec<_> = clones
            .iter()
            .map(|&copy| map(&mut bench, 1, copy, Access::Read))
            .collect();
        for &there in &places {
            assert_eq!(read(&mut bench, 1, there), Some(1));
        }
        let before = frames(&bench);
        limit(&bench, GROUP, Resource::Frames, 0);
        if !can_pay {
            limit(&bench, OTHER, Resource::Frames, 0);
        }
        assert!(write(&mut bench, 0, here, 2), "it is its own page");
        audit(&mut bench);
        let paid = u64::from(can_pay);
        assert_eq!(frames(&bench), [before[0], before[1] + paid]);
        // Memory that is given back is no longer its payer's, whoever still wants its contents.
        destroy(&mut bench, 1, shared);
        destroy(&mut bench, 0, region);
        audit(&mut bench);
        assert_eq!(frames(&bench)[0], before[0] - 4);
        let seen = places
            .iter()
            .filter(|&&there| read(&mut bench, 1, there) == Some(1));
        assert_eq!(seen.count(), if can_pay { 20 } else { 0 });
        if !can_pay {
            assert_eq!(bench.report().unwrap().cause, Cause::PayerKilled);
        }
        bench.end(1, OTHER);
        audit(&mut bench);
        assert_eq!(frames(&bench)[1], 0);
        assert_eq!(bench.server.counters().mishaps, 0);
    }
}

#[test]
fn who_forks_into_another_group_goes_on_paying_for_what_it_parts_with() {
    let mut bench = bench();
    let region = create(&mut bench, 0, 4);
    let here = map(&mut bench, 0, region, Access::ReadWrite);
    write_all(&mut bench, 0, here, 4, 1);
    bench.spawn(3, OTHER).unwrap();
    fork(&mut bench, 0, 3).unwrap();
    limit(&bench, OTHER, Resource::Frames, 0);
    let before = frames(&bench);
    write_all(&mut bench, 0, here, 4, 2);
    assert_eq!(frames(&bench), [before[0] + 4, before[1]]);
    for page in 0..4 {
        assert_eq!(read(&mut bench, 3, here + page * PAGE), Some(1));
    }
    audit(&mut bench);
    // A stranger's clone of the same memory changes nothing for the child.
    let shared = give(&mut bench, 0, region, 1, Access::Read);
    clone(&mut bench, 1, shared).unwrap();
    write_all(&mut bench, 0, here, 4, 3);
    assert_eq!(frames(&bench), [before[0] + 4, before[1]]);
    assert_eq!(read(&mut bench, 3, here), Some(1));
    audit(&mut bench);
    bench.end(3, OTHER);
    audit(&mut bench);
    assert_eq!(frames(&bench)[0], before[0]);
}
