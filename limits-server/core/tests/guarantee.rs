//! Guarantees: what is set aside is what is missing, whatever is charged, given back, killed or closed.

#![expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

mod common;

use common::{Room, ledger};
use interfaces::accounting::{Aside, ChargeRefusal, GuaranteeRefusal, Ticket, Who};
use interfaces::limits::Guaranteed;
use interfaces::{Amounts, GroupId, Limit, Resource, TaskId};
use limits_core::Ledger;
use proptest::prelude::*;

const ROOM: Room = Room {
    groups: 12,
    bounds: 8,
    ..Room::all(6)
};

fn pages(count: u64) -> Amounts {
    Amounts::of(Resource::Commit, count)
}

fn commit(ledger: &Ledger<'_>, group: GroupId) -> u64 {
    ledger.resource(group, Resource::Commit).unwrap().usage
}

/// Somebody who opens groups.
fn opener(ledger: &mut Ledger<'_>) -> TaskId {
    let task = TaskId {
        index: 0,
        generation: 0,
    };
    let ticket = Ticket {
        thread: 0,
        task,
        parent: None,
        group: Some(GroupId::ROOT),
        amounts: Amounts::of(Resource::Tasks, 1).with(Resource::Threads, 1),
    };
    ledger.ticket(&ticket).unwrap();
    assert!(ledger.birth_notice(0));
    task
}

/// A ledger with a task that has opened two groups, one in the other; the outer one may reserve 100 pages.
fn limited() -> (Ledger<'static>, TaskId, GroupId, GroupId) {
    let mut ledger = ledger(ROOM);
    let task = opener(&mut ledger);
    let outer = ledger.open_group(GroupId::ROOT, Some(task)).unwrap();
    let inner = ledger.open_group(outer, Some(task)).unwrap();
    ledger
        .set_limit(outer, Resource::Commit, Limit::At(100))
        .unwrap();
    (ledger, task, outer, inner)
}

#[test]
fn a_group_uses_at_least_what_it_is_guaranteed_at_every_level() {
    let (mut ledger, task, outer, inner) = limited();
    assert_eq!(ledger.set_guarantee(inner, 60), Ok(0));
    assert_eq!((commit(&ledger, inner), commit(&ledger, outer)), (60, 60));
    // A neighbour has what is left below the limit, and not a page of the guarantee.
    let beside = ledger.open_group(outer, Some(task)).unwrap();
    ledger.charge_held(beside, &pages(40)).unwrap();
    assert!(matches!(
        ledger.charge_held(beside, &pages(1)),
        Err(ChargeRefusal::Short(_))
    ));
    // The guaranteed group has its own although everything else is gone, and no more.
    ledger.charge_held(inner, &pages(60)).unwrap();
    assert_eq!((commit(&ledger, inner), commit(&ledger, outer)), (60, 100));
    assert!(matches!(
        ledger.charge_held(inner, &pages(1)),
        Err(ChargeRefusal::Short(_))
    ));
    ledger.check();
    // What it gives back stays its own.
    ledger.release_held(inner, &pages(50)).unwrap();
    assert_eq!((commit(&ledger, inner), commit(&ledger, outer)), (60, 100));
    let said = ledger.guaranteed(inner).unwrap();
    assert_eq!(
        said,
        Guaranteed {
            pages: 60,
            left: 50
        }
    );
    ledger.check();
    assert_eq!(ledger.set_guarantee(inner, 0), Ok(60));
    assert_eq!((commit(&ledger, inner), commit(&ledger, outer)), (10, 50));
    ledger.release_held(inner, &pages(10)).unwrap();
    ledger.release_held(beside, &pages(40)).unwrap();
    ledger.check();
}

#[test]
fn what_cannot_be_met_is_refused_and_a_guarantee_keeps_nothing_alive() {
    let (mut ledger, task, outer, inner) = limited();
    let before = commit(&ledger, outer);
    assert!(matches!(
        ledger.set_guarantee(inner, 101),
        Err(GuaranteeRefusal::Short(_))
    ));
    assert_eq!(commit(&ledger, outer), before);
    ledger.set_guarantee(inner, 100).unwrap();
    // One inside of another takes nothing more.
    ledger.set_guarantee(outer, 100).unwrap();
    assert_eq!(commit(&ledger, GroupId::ROOT), 100);
    assert_eq!(
        ledger.set_aside(Who::Group(inner), 30),
        Aside {
            pages: 70,
            all: 264
        }
    );
    ledger.close_group(inner, task).unwrap();
    assert!(ledger.account(inner).is_none(), "nothing was in it");
    ledger.check();
    assert_eq!(commit(&ledger, GroupId::ROOT), 100, "the outer one's");
    ledger.begin_kill(outer, None).unwrap();
    ledger.check();
    let receipt = ledger.finish_kill(outer).unwrap();
    assert_eq!(receipt.held, Amounts::NONE);
    assert_eq!(
        ledger.guaranteed(outer),
        Some(Guaranteed { pages: 0, left: 0 })
    );
    ledger.remove_group(outer).unwrap();
    ledger.check();
    assert_eq!(commit(&ledger, GroupId::ROOT), 0);
}

fn is_within(ledger: &Ledger<'_>, group: GroupId, top: GroupId) -> bool {
    let above = |&group: &GroupId| ledger.account(group).and_then(|account| account.parent);
    std::iter::successors(Some(group), above).any(|group| group == top)
}

#[derive(Clone, Debug)]
enum Step {
    Open(usize),
    Close(usize),
    Remove(usize),
    Guarantee(usize, u64),
    Limit(usize, Limit),
    Charge(usize, u64),
    Release(usize, u64),
    Kill(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let group = 0..12_usize;
    prop_oneof![
        3 => group.clone().prop_map(Step::Open),
        1 => group.clone().prop_map(Step::Close),
        1 => group.clone().prop_map(Step::Remove),
        4 => (group.clone(), prop_oneof![Just(0), 0..60_u64]).prop_map(|(g, n)| Step::Guarantee(g, n)),
        1 => (group.clone(), prop_oneof![Just(Limit::Max), (0..150_u64).prop_map(Limit::At)])
            .prop_map(|(g, limit)| Step::Limit(g, limit)),
        6 => (group.clone(), 1..40_u64).prop_map(|(g, n)| Step::Charge(g, n)),
        5 => (group.clone(), 1..40_u64).prop_map(|(g, n)| Step::Release(g, n)),
        1 => group.prop_map(Step::Kill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The books are right after each step; a refusal changes nothing; and at the end nothing is left.
    #[test]
    fn whatever_happens_what_is_set_aside_is_what_is_missing(history in prop::collection::vec(step(), 0..120)) {
        let mut ledger = ledger(ROOM);
        let task = opener(&mut ledger);
        let mut groups = vec![GroupId::ROOT];
        let mut held: Vec<(GroupId, u64)> = Vec::new();
        for step in history {
            let group = |which: usize| groups[which % groups.len()];
            let before = ledger.snapshot();
            match step {
                Step::Open(parent) => {
                    if let Ok(opened) = ledger.open_group(group(parent), Some(task)) {
                        groups.push(opened);
                    }
                }
                Step::Close(which) => { let _ = ledger.close_group(group(which), task); }
                Step::Remove(which) => { let _ = ledger.remove_group(group(which)); }
                Step::Guarantee(which, count) => {
                    match ledger.set_guarantee(group(which), count) {
                        Ok(_) => prop_assert_eq!(ledger.guaranteed(group(which)).unwrap().pages, count),
                        // A limit counts what it refuses.
                        Err(GuaranteeRefusal::Short(_)) => {}
                        Err(_) => prop_assert!(ledger.snapshot() == before),
                    }
                }
                Step::Limit(which, limit) => {
                    let _ = ledger.set_limit(group(which), Resource::Commit, limit);
                }
                Step::Charge(which, count) => {
                    let payer = group(which);
                    let had = ledger.guaranteed(payer);
                    if ledger.charge_held(payer, &pages(count)).is_ok() {
                        held.push((payer, count));
                    } else {
                        prop_assert_eq!(ledger.guaranteed(payer), had);
                    }
                }
                Step::Release(which, count) => {
                    if !held.is_empty() {
                        let place = which % held.len();
                        let (payer, there) = held[place];
                        let part = count.min(there);
                        ledger.release_held(payer, &pages(part)).unwrap();
                        held[place].1 -= part;
                        held.retain(|&(_, left)| left > 0);
                    }
                }
                Step::Kill(which) => {
                    let top = group(which);
                    if top != GroupId::ROOT && ledger.begin_kill(top, None).is_ok() {
                        ledger.check();
                        // Everything goes, as the servers would see to.
                        held.retain(|&(payer, count)| {
                            let is_below = is_within(&ledger, payer, top);
                            if is_below {
                                ledger.release_held(payer, &pages(count)).unwrap();
                            }
                            !is_below
                        });
                        prop_assert!(ledger.finish_kill(top).is_ok());
                    }
                }
            }
            ledger.check();
        }
        for (payer, count) in held {
            ledger.release_held(payer, &pages(count)).unwrap();
        }
        for &group in groups.iter().rev() {
            let _ = ledger.set_guarantee(group, 0);
        }
        ledger.check();
        prop_assert_eq!(commit(&ledger, GroupId::ROOT), 0);
    }
}
