//! Places for groups that come as they are wanted and go when nobody is in them.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    missing_debug_implementations,
    reason = "tests: whatever is wrong is to panic"
)]

use std::collections::BTreeSet;

use interfaces::accounting::Ticket;
use interfaces::limits::OpenGroupRefusal;
use interfaces::provision::TASK_KIT;
use interfaces::start::ground::TRACT;
use interfaces::{GroupId, Resource, TaskId};
use limits_core::{Ground, GroupSlot, Ledger, Memory, TaskSlot, ThreadSlot};

/// Ground that is moved when it grows, as a test has no pages to map.
#[derive(Debug)]
struct Moving;

impl Ground<'static> for Moving {
    fn grow(&mut self, places: &'static mut [GroupSlot], by: usize) -> &'static mut [GroupSlot] {
        let mut all = places.to_vec();
        all.resize(all.len() + by, GroupSlot::VACANT);
        all.leak()
    }
}

const OPENER: TaskId = TaskId {
    index: 0,
    generation: 0,
};

/// A ledger of one tract that may have three, and somebody who opens groups.
fn ledger() -> Ledger<'static> {
    let mut ledger = Ledger::try_new(Memory {
        groups: vec![GroupSlot::VACANT; TRACT].leak(),
        bounds: &mut [],
        labels: &mut [],
        tasks: vec![TaskSlot::VACANT; 1].leak(),
        threads: vec![ThreadSlot::VACANT; 1].leak(),
        entries: &mut [],
        tombs: &mut [],
    })
    .unwrap()
    .with_ground(Box::leak(Box::new(Moving)), 3 * TRACT);
    let ticket = Ticket {
        thread: 0,
        task: OPENER,
        parent: None,
        group: Some(GroupId::ROOT),
        amounts: TASK_KIT,
    };
    ledger.ticket(&ticket).unwrap();
    assert!(ledger.birth_notice(0));
    ledger
}

/// Opens groups below the root until there is no place.
fn fill(ledger: &mut Ledger<'static>, opened: &mut Vec<GroupId>) -> OpenGroupRefusal {
    loop {
        match ledger.open_group(GroupId::ROOT, Some(OPENER)) {
            Ok(group) => opened.push(group),
            Err(refusal) => return refusal,
        }
    }
}

#[test]
fn tracts_come_when_every_place_is_taken_and_not_before() {
    let mut ledger = ledger();
    assert_eq!(ledger.group_room(), 3 * TRACT as u64 - 1);
    assert!(
        !ledger.wants_ground() && !ledger.add_tract(),
        "there is room"
    );
    let mut opened = Vec::new();
    for tracts in 1..=3 {
        let refusal = fill(&mut ledger, &mut opened);
        assert_eq!(opened.len(), tracts * TRACT - 2, "but place 0 and the root");
        ledger.check();
        if tracts < 3 {
            assert_eq!(refusal, OpenGroupRefusal::NoRoomYet);
            assert!(ledger.wants_ground() && ledger.add_tract());
            // Nobody is in it yet, so it could go again, and come again.
            assert!(ledger.withdraw_tract() && ledger.add_tract());
        } else {
            assert_eq!(refusal, OpenGroupRefusal::LedgerFull);
            assert!(!ledger.wants_ground() && !ledger.add_tract());
        }
        ledger.check();
    }
    let usage = ledger.account(GroupId::ROOT).unwrap().usage;
    assert_eq!(usage.get(Resource::Groups), opened.len() as u64);
}

#[test]
fn a_tract_goes_only_when_nobody_is_in_it_and_its_ids_never_come_back() {
    let mut ledger = ledger();
    let mut seen = BTreeSet::new();
    for round in 0..4 {
        let mut opened = Vec::new();
        while fill(&mut ledger, &mut opened) == OpenGroupRefusal::NoRoomYet {
            assert!(ledger.add_tract());
        }
        for &group in &opened {
            assert!(seen.insert(group), "{group:?} was given out twice");
        }
        let last = *opened.iter().max_by_key(|group| group.index).unwrap();
        for &group in opened.iter().filter(|&&group| group != last) {
            ledger.close_group(group, OPENER).unwrap();
        }
        assert!(!ledger.withdraw_tract(), "somebody is in it");
        ledger.close_group(last, OPENER).unwrap();
        assert!(ledger.withdraw_tract() && ledger.withdraw_tract());
        assert!(!ledger.withdraw_tract(), "the first stays");
        assert_eq!(ledger.places(), TRACT);
        ledger.check();
        for group in opened {
            assert!(ledger.account(group).is_none(), "round {round}: {group:?}");
        }
    }
}
