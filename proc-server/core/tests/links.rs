//! Links between tasks: who may, what stands where, and that everything comes back, whichever step fails.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that goes wrong is to stop"
)]

mod world;

use interfaces::TaskId;
use interfaces::links::*;
use interfaces::process::{Exit, Spawn};
use interfaces::provision::ProgramId;
use world::{Failure, Outcome, Stage, group};

const EVER: u64 = u64::MAX;

/// A task in group 2 and one in group 3, and their parent in the root.
fn three(stage: &mut Stage) -> [TaskId; 3] {
    let parent = stage.first();
    let child = |stage: &mut Stage, index| {
        let request = Spawn {
            program: ProgramId(0),
            group: Some(group(index)),
            arguments: interfaces::Text::default(),
        };
        Stage::now(stage.ask(parent, 0, &request)).unwrap()
    };
    let children = [2, 3].map(|index| child(stage, index));
    [parent, children[0], children[1]]
}

fn offer(stage: &mut Stage, by: TaskId, to: TaskId, ns: u64) -> Outcome<Offer> {
    stage.ask(by, 0, &Offer { to, ns })
}

fn accept(stage: &mut Stage, by: TaskId, from: Option<TaskId>, ns: u64) -> Outcome<Accept> {
    stage.ask(by, 0, &Accept { from, ns })
}

fn link(stage: &mut Stage, by: TaskId, to: TaskId) {
    let offered = Stage::later(offer(stage, by, to, EVER));
    Stage::now(accept(stage, to, None, 0)).unwrap();
    stage.answer_to::<Offer>(offered).unwrap().unwrap();
    stage.check();
}

fn bells(stage: &Stage, task: TaskId) -> u32 {
    let world = stage.world.borrow();
    world.mailboxes[&world.memory.thread(task, 0).unwrap()]
}

fn end(stage: &mut Stage, task: TaskId) {
    Stage::later(stage.ask(task, 0, &Exit { code: 0 }));
    stage.settle();
}

#[test]
fn two_tasks_that_agree_can_send_to_each_other() {
    let mut stage = Stage::new(8, 8);
    let [parent, one, _] = three(&mut stage);
    let offered = Stage::later(offer(&mut stage, parent, one, EVER));
    let theirs = Stage::now(accept(&mut stage, one, Some(parent), EVER)).unwrap();
    let mine = stage.answer_to::<Offer>(offered).unwrap().unwrap();
    assert_eq!((mine.partner, theirs.partner), (one, parent));
    let links = Stage::now(stage.ask(one, 0, &ReadLinks {})).unwrap();
    assert_eq!(links.as_slice(), [theirs]);
    let again = Stage::now(offer(&mut stage, parent, one, EVER));
    assert_eq!(again, Ok(mine), "there is one link between two");
    assert_eq!(stage.world.borrow().links.len(), 2);
}

#[test]
fn whoever_waits_for_an_offer_gets_the_next_one() {
    let mut stage = Stage::new(8, 8);
    let [parent, one, other] = three(&mut stage);
    let named = Stage::later(accept(&mut stage, one, Some(other), EVER));
    let any = Stage::later(accept(&mut stage, other, None, 100));
    assert_eq!(
        Stage::now(offer(&mut stage, parent, one, 0)),
        Err(LinkRefusal::TimedOut),
        "it waits for another"
    );
    assert!(Stage::now(offer(&mut stage, parent, other, EVER)).is_ok());
    assert!(stage.answer_to::<Accept>(any).unwrap().is_ok());
    assert_eq!(stage.answer_to::<Accept>(named), None);
    stage.pass(1000);
    stage.settle();
}

#[test]
fn whom_one_does_not_see_one_cannot_offer_to() {
    let mut stage = Stage::new(8, 8);
    let [parent, one, other] = three(&mut stage);
    let ghost = TaskId {
        index: 5,
        generation: 3,
    };
    for (by, to) in [(one, other), (one, parent), (one, ghost), (one, one)] {
        let refused = Stage::now(offer(&mut stage, by, to, EVER));
        assert_eq!(refused, Err(LinkRefusal::UnknownTask), "{by} to {to}");
    }
    let waiting = Stage::later(accept(&mut stage, other, Some(one), EVER));
    assert_eq!(
        Stage::now(offer(&mut stage, one, other, EVER)),
        Err(LinkRefusal::UnknownTask),
        "whoever else waits for it"
    );
    assert_eq!(stage.answer_to::<Accept>(waiting), None);
    assert!(stage.world.borrow().mailboxes.is_empty());
    stage.check();
}

#[test]
fn one_sided_offers_end_with_their_time_or_with_either_task() {
    let mut stage = Stage::new(8, 8);
    let [parent, one, other] = three(&mut stage);
    let late = Stage::later(offer(&mut stage, parent, one, 50));
    stage.pass(49);
    stage.settle();
    assert_eq!(stage.answer_to::<Offer>(late), None);
    stage.pass(1);
    stage.settle();
    assert_eq!(
        stage.answer_to::<Offer>(late),
        Some(Err(LinkRefusal::TimedOut))
    );
    let refused = Stage::now(accept(&mut stage, one, None, 0));
    assert_eq!(refused, Err(LinkRefusal::TimedOut), "it is taken back");
    let dead = Stage::later(offer(&mut stage, parent, other, EVER));
    end(&mut stage, other);
    assert_eq!(
        stage.answer_to::<Offer>(dead),
        Some(Err(LinkRefusal::UnknownTask))
    );
    Stage::later(offer(&mut stage, parent, one, EVER));
    stage.report(parent, interfaces::provision::Cause::OutOfMemory);
    stage.settle();
    let refused = Stage::now(accept(&mut stage, one, None, 0));
    assert_eq!(refused, Err(LinkRefusal::TimedOut));
}

#[test]
fn the_end_of_either_empties_both_sides_and_rings() {
    let mut stage = Stage::new(8, 8);
    let [parent, one, other] = three(&mut stage);
    let before = stage.world.borrow().books();
    link(&mut stage, parent, one);
    link(&mut stage, parent, other);
    let rung = bells(&stage, parent);
    end(&mut stage, one);
    assert_eq!(bells(&stage, parent), rung + 1);
    let links = Stage::now(stage.ask(parent, 0, &ReadLinks {})).unwrap();
    assert_eq!(links.len(), 1);
    let partner = other;
    Stage::now(stage.ask(parent, 0, &HangUp { partner })).unwrap();
    assert!(stage.world.borrow().links.is_empty());
    assert_eq!(
        Stage::now(stage.ask(parent, 0, &HangUp { partner })),
        Err(LinkRefusal::UnknownTask)
    );
    link(&mut stage, parent, other);
    end(&mut stage, other);
    end(&mut stage, parent);
    let world = stage.world.borrow();
    assert!(world.links.is_empty() && world.mailboxes.is_empty() && world.slots.is_empty());
    assert_ne!(world.books(), before);
    assert_eq!(stage.server.counts().alarms, 0);
}

#[test]
fn a_thousand_links_one_after_another_leave_no_slot() {
    let mut stage = Stage::new(8, 8);
    let [parent, partner, _] = three(&mut stage);
    for _ in 0..1000 {
        link(&mut stage, parent, partner);
        Stage::now(stage.ask(partner, 0, &HangUp { partner: parent })).unwrap();
        assert!(stage.world.borrow().links.is_empty());
    }
}

#[test]
fn a_task_has_so_many_links_and_so_many_suitors() {
    let mut stage = Stage::new(32, 32);
    let tasks: Vec<TaskId> = (0..SUITORS + 3).map(|_| stage.first()).collect();
    for &partner in &tasks[1..=LINKS] {
        link(&mut stage, tasks[0], partner);
    }
    assert_eq!(
        Stage::now(offer(&mut stage, tasks[0], tasks[LINKS + 1], EVER)),
        Err(LinkRefusal::NoSlot)
    );
    let waiting = Stage::later(offer(&mut stage, tasks[LINKS + 1], tasks[0], EVER));
    let refused = Stage::now(accept(&mut stage, tasks[0], None, 0));
    assert_eq!(refused, Err(LinkRefusal::NoSlot));
    assert_eq!(stage.answer_to::<Offer>(waiting), None, "it still offers");
    let partner = tasks[1];
    for &suitor in tasks[2..].iter().filter(|&&task| task != tasks[LINKS + 1]) {
        Stage::later(offer(&mut stage, suitor, partner, EVER));
    }
    let last = stage.first();
    assert_eq!(
        Stage::now(offer(&mut stage, last, partner, EVER)),
        Err(LinkRefusal::TableFull)
    );
    stage.check();
}

#[test]
fn an_alarm_rings_once_and_at_its_time() {
    let mut stage = Stage::new(8, 8);
    let [parent, one, _] = three(&mut stage);
    let refused = Stage::now(stage.ask(one, 0, &SetAlarm { ns: 5 }));
    assert_eq!(refused, Err(LinkRefusal::NoMailbox));
    link(&mut stage, parent, one);
    let rung = bells(&stage, one);
    for ns in [500, 100] {
        Stage::now(stage.ask(one, 0, &SetAlarm { ns })).unwrap();
    }
    stage.pass(99);
    stage.settle();
    assert_eq!(bells(&stage, one), rung);
    stage.pass(1);
    stage.settle();
    assert_eq!(bells(&stage, one), rung + 1);
    stage.pass(1000);
    stage.settle();
    assert_eq!(bells(&stage, one), rung + 1);
    for ns in [50, EVER] {
        Stage::now(stage.ask(one, 0, &SetAlarm { ns })).unwrap();
    }
    stage.pass(1000);
    stage.settle();
    assert_eq!(bells(&stage, one), rung + 1, "it was taken back");
    Stage::now(stage.ask(one, 0, &SetAlarm { ns: 10 })).unwrap();
    end(&mut stage, one);
    stage.pass(1000);
    stage.settle();
}

#[test]
fn whichever_step_of_a_link_fails_both_are_as_before_and_the_next_try_succeeds() {
    for step in 0.. {
        let mut stage = Stage::new(8, 8);
        let [parent, one, _] = three(&mut stage);
        let offered = Stage::later(offer(&mut stage, parent, one, EVER));
        {
            let world = &mut *stage.world.borrow_mut();
            world.fail = Some((world.steps + step, Failure::Before));
        }
        let last = stage.world.borrow().steps + step;
        let first = Stage::now(accept(&mut stage, one, None, 0));
        stage.check();
        if first.is_err() {
            assert!(stage.world.borrow().links.is_empty());
            assert_eq!(stage.answer_to::<Offer>(offered), None);
            stage.world.borrow_mut().fail = None;
            assert!(Stage::now(accept(&mut stage, one, None, 0)).is_ok());
        }
        assert!(stage.answer_to::<Offer>(offered).unwrap().is_ok());
        end(&mut stage, one);
        end(&mut stage, parent);
        stage.settle();
        if stage.world.borrow().steps < last || step > 12 {
            return;
        }
    }
}
