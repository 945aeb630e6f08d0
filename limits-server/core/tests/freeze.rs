//! Freezing: counts that nest, and a walk that nobody slips past, whatever happens meanwhile.

#![expect(clippy::arithmetic_side_effects, reason = "tests")]

mod common;

use std::collections::BTreeMap;

use common::{Room, ledger};
use interfaces::accounting::{FreezeRefusal, MoveRefusal, Ticket, Unsettled};
use interfaces::{Amounts, GroupId, TaskId};
use limits_core::Ledger;
use limits_core::freeze::{STEPS, WALKS};
use proptest::prelude::*;

const fn task(index: u32, generation: u32) -> TaskId {
    TaskId { index, generation }
}

/// A task is born in a group; whether it is to stand still from the beginning.
fn born(ledger: &mut Ledger<'_>, id: TaskId, group: GroupId) -> Option<bool> {
    let ticket = Ticket {
        thread: id.index,
        task: id,
        parent: None,
        group: Some(group),
        amounts: Amounts::NONE,
    };
    let admitted = ledger.ticket(&ticket).ok()?;
    assert!(ledger.birth_notice(id.index));
    Some(admitted.frozen)
}

/// Walks to the end; the tasks that were named, and whether each is to stand still.
fn walked(ledger: &mut Ledger<'_>, group: GroupId) -> BTreeMap<TaskId, bool> {
    let mut named = BTreeMap::new();
    loop {
        match ledger.next_unsettled(group) {
            Unsettled::Task(placed) => {
                assert_eq!(named.insert(placed.task, placed.frozen), None);
            }
            Unsettled::More => {}
            Unsettled::Done => return named,
        }
        ledger.check();
    }
}

#[test]
fn a_freeze_reaches_the_whole_subtree_and_newborns_are_born_still() {
    let mut ledger = ledger(Room::all(8));
    let top = ledger.open_group(GroupId::ROOT, None).unwrap();
    let below = ledger.open_group(top, None).unwrap();
    for (index, group) in [GroupId::ROOT, top, below].into_iter().enumerate() {
        let id = task(u32::try_from(index).unwrap(), 0);
        assert_eq!(born(&mut ledger, id, group), Some(false));
    }
    assert_eq!(ledger.freeze(top, None), Ok(1));
    assert_eq!(born(&mut ledger, task(3, 0), below), Some(true));
    let all = walked(&mut ledger, top);
    assert_eq!(
        all,
        BTreeMap::from([(task(1, 0), true), (task(2, 0), true)])
    );
    assert_eq!(ledger.thaw(top, None), Ok(0));
    let all = walked(&mut ledger, top);
    assert_eq!(all.len(), 3);
    assert!(all.values().all(|&still| !still));
    assert_eq!(ledger.thaw(top, None), Err(FreezeRefusal::NotFrozen));
}

#[test]
fn freezes_nest_and_one_above_keeps_those_below_still() {
    let mut ledger = ledger(Room::all(4));
    let top = ledger.open_group(GroupId::ROOT, None).unwrap();
    let below = ledger.open_group(top, None).unwrap();
    born(&mut ledger, task(0, 0), below).unwrap();
    assert_eq!(ledger.freeze(below, None), Ok(1));
    assert_eq!(ledger.freeze(below, None), Ok(2));
    assert_eq!(ledger.freeze(top, None), Ok(1));
    assert_eq!(walked(&mut ledger, below).len(), 1);
    for (group, left) in [(below, 1), (below, 0)] {
        assert_eq!(ledger.thaw(group, None), Ok(left));
        assert!(walked(&mut ledger, group).is_empty());
    }
    assert!(ledger.frozen(below).unwrap().frozen);
    assert_eq!(ledger.frozen(below).unwrap().times, 0);
    assert_eq!(ledger.thaw(top, None), Ok(0));
    assert_eq!(walked(&mut ledger, top).len(), 1);
    assert!(!ledger.frozen(below).unwrap().frozen);
}

#[test]
fn nobody_goes_in_or_out_of_a_frozen_group_or_slips_past_the_walk() {
    let mut ledger = ledger(Room::all(4));
    let one = ledger.open_group(GroupId::ROOT, None).unwrap();
    let other = ledger.open_group(one, None).unwrap();
    let id = task(0, 0);
    born(&mut ledger, id, one).unwrap();
    ledger.freeze(one, None).unwrap();
    // Both groups are frozen, and the task does not know yet.
    assert_eq!(ledger.move_task(id, other), Err(MoveRefusal::Frozen));
    assert_eq!(walked(&mut ledger, one).len(), 1);
    assert_eq!(
        ledger.move_task(id, GroupId::ROOT),
        Err(MoveRefusal::Frozen)
    );
    assert!(ledger.move_task(id, other).unwrap().frozen);
    ledger.thaw(one, None).unwrap();
    // Neither group is frozen, and the task still stands still.
    assert_eq!(ledger.move_task(id, one), Err(MoveRefusal::Frozen));
    assert_eq!(walked(&mut ledger, one).len(), 1);
    assert!(!ledger.move_task(id, one).unwrap().frozen);
}

#[test]
fn a_group_that_vanishes_takes_its_freezes_and_walks_along() {
    let mut ledger = ledger(Room::all(6));
    let opener = task(0, 0);
    born(&mut ledger, opener, GroupId::ROOT).unwrap();
    let top = ledger.open_group(GroupId::ROOT, Some(opener)).unwrap();
    let below = ledger.open_group(top, Some(opener)).unwrap();
    ledger.freeze(below, None).unwrap();
    ledger.freeze(top, None).unwrap();
    ledger.close_group(below, opener).unwrap();
    ledger.close_group(top, opener).unwrap();
    ledger.check();
    assert_eq!(ledger.next_unsettled(top), Unsettled::Done);
    let again = ledger.open_group(GroupId::ROOT, Some(opener)).unwrap();
    assert!(!ledger.frozen(again).unwrap().frozen);
    assert_eq!(ledger.freeze(top, None), Err(FreezeRefusal::UnknownGroup));
}

#[test]
fn only_so_many_subtrees_are_walked_at_once_and_a_refusal_changes_nothing() {
    let mut ledger = ledger(Room::all(WALKS + 2));
    let groups: Vec<GroupId> = (0..=WALKS)
        .map(|_| ledger.open_group(GroupId::ROOT, None).unwrap())
        .collect();
    for &group in &groups[..WALKS] {
        ledger.freeze(group, None).unwrap();
    }
    let before = ledger.snapshot();
    assert_eq!(
        ledger.freeze(groups[WALKS], None),
        Err(FreezeRefusal::TooMany)
    );
    assert_eq!(ledger.snapshot(), before);
    // The same one again needs no other walk.
    assert_eq!(ledger.freeze(groups[0], None), Ok(2));
    walked(&mut ledger, groups[0]);
    assert_eq!(ledger.freeze(groups[WALKS], None), Ok(1));
}

#[test]
fn one_request_takes_a_bounded_number_of_steps() {
    let mut ledger = ledger(Room::all(1000));
    for _ in 0..999 {
        ledger.open_group(GroupId::ROOT, None).unwrap();
    }
    ledger.freeze(GroupId::ROOT, None).unwrap();
    let mut requests = 1;
    while ledger.next_unsettled(GroupId::ROOT) == Unsettled::More {
        requests += 1;
    }
    assert_eq!(
        requests,
        999_u32.div_ceil(STEPS) + u32::from(999 % STEPS == 0)
    );
}

#[derive(Clone, Debug)]
enum Step {
    Open(usize),
    Close(usize),
    Born(u32, usize),
    End(u32),
    Move(u32, usize),
    Freeze(usize),
    Thaw(usize),
    Walk(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let which = || 0..24_usize;
    prop_oneof![
        3 => which().prop_map(Step::Open),
        1 => which().prop_map(Step::Close),
        6 => (1..8_u32, which()).prop_map(|(task, group)| Step::Born(task, group)),
        2 => (1..8_u32).prop_map(Step::End),
        4 => (1..8_u32, which()).prop_map(|(task, group)| Step::Move(task, group)),
        3 => which().prop_map(Step::Freeze),
        3 => which().prop_map(Step::Thaw),
        8 => which().prop_map(Step::Walk),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// `check` sees after each step that nobody was passed over; at the end everybody was told what is true.
    #[test]
    fn nobody_is_passed_over_in_any_history(steps in prop::collection::vec(step(), 1..150)) {
        let mut ledger = ledger(Room { groups: 12, ..Room::all(8) });
        let opener = task(0, 0);
        born(&mut ledger, opener, GroupId::ROOT).unwrap();
        let mut groups = vec![GroupId::ROOT];
        let mut generations = [0_u32; 8];
        let mut told = BTreeMap::from([(opener, false)]);
        for step in steps {
            let pick = |which: usize| groups[which % groups.len()];
            let live = |index: u32| task(index, generations[index as usize]);
            match step {
                Step::Open(above) => {
                    if let Ok(group) = ledger.open_group(pick(above), Some(opener)) {
                        groups.push(group);
                    }
                }
                Step::Close(group) => {
                    let _ = ledger.close_group(pick(group), opener);
                }
                Step::Born(index, group) => {
                    if let Some(still) = born(&mut ledger, live(index), pick(group)) {
                        told.insert(live(index), still);
                    }
                }
                Step::End(index) => {
                    if ledger.end_task(live(index)).is_ok() {
                        told.remove(&live(index));
                        generations[index as usize] += 1;
                    }
                }
                Step::Move(index, group) => {
                    if let Ok(admitted) = ledger.move_task(live(index), pick(group)) {
                        assert_eq!(told[&live(index)], admitted.frozen);
                    }
                }
                Step::Freeze(group) => {
                    let _ = ledger.freeze(pick(group), None);
                }
                Step::Thaw(group) => {
                    let _ = ledger.thaw(pick(group), None);
                }
                Step::Walk(group) => {
                    if let Unsettled::Task(placed) = ledger.next_unsettled(pick(group)) {
                        assert_eq!(told.insert(placed.task, placed.frozen), Some(!placed.frozen));
                    }
                }
            }
            ledger.check();
        }
        for &group in &groups {
            for (id, still) in walked(&mut ledger, group) {
                told.insert(id, still);
            }
        }
        for (id, still) in told {
            let group = ledger.group_of(id).unwrap();
            assert_eq!(ledger.frozen(group).unwrap().frozen, still);
        }
    }
}
