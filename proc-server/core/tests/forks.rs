//! Forks: what is small is cloned at once, the rest goes on by itself, and anything may happen meanwhile.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that goes wrong is to stop"
)]

mod world;

use interfaces::TaskId;
use interfaces::accounting::TicketRefusal;
use interfaces::process::*;
use interfaces::provision::{CloneSpaceRefusal, ProgramId};
use world::{Event, Outcome, START, Stage, group};

const fn fork(thread: u32, into: Option<u32>) -> Fork {
    let group = match into {
        Some(index) => Some(group(index)),
        None => None,
    };
    Fork { thread, group }
}

/// A stage on which a clone takes so many slices besides the last, and a task in the root group.
fn stage(slices: u32) -> (Stage, TaskId) {
    let mut stage = Stage::new(24, 40);
    stage.world.borrow_mut().memory.clone_slices = slices;
    let first = stage.first();
    (stage, first)
}

fn thread(stage: &mut Stage, task: TaskId) -> u32 {
    Stage::now(stage.ask(task, 0, &START)).unwrap()
}

fn spawn(stage: &mut Stage, parent: TaskId, into: u32) -> TaskId {
    let request = Spawn {
        program: ProgramId(0),
        group: Some(group(into)),
        arguments: interfaces::Text::default(),
    };
    Stage::now(stage.ask(parent, 0, &request)).unwrap()
}

/// The answer to a fork when there is nothing left to do.
fn settled(stage: &mut Stage, request: u64) -> Option<Result<Option<TaskId>, ForkRefusal>> {
    stage.settle();
    stage.answer_to::<Fork>(request)
}

#[test]
fn what_is_small_is_forked_at_once() {
    let (mut stage, first) = stage(0);
    let child = Stage::now(stage.ask(first, 0, &fork(0, Some(2))))
        .unwrap()
        .unwrap();
    assert!(!stage.server.has_work());
    assert_eq!(stage.server.table().parent(child), Some(first));
}

#[test]
fn others_are_served_while_a_large_task_is_forked() {
    let (mut stage, first) = stage(100);
    let other = stage.first();
    let request = Stage::later(stage.ask(first, 0, &fork(0, Some(2))));
    for _ in 0..100 {
        assert_eq!(stage.answer_to::<Fork>(request), None);
        assert!(stage.server.has_work());
        stage.server.work();
        stage.check();
    }
    let child = spawn(&mut stage, other, 2);
    let answer = settled(&mut stage, request).unwrap();
    let forked = answer.unwrap().unwrap();
    assert!(forked != child && stage.server.table().is_running(forked));
    assert_eq!(stage.server.table().parent(forked), Some(first));
}

#[test]
fn who_is_to_be_woken_waits_neither_for_a_first_slice_nor_for_the_last_and_the_birth() {
    let (mut stage, first) = stage(0);
    let sleeper = stage.first();
    let slept = Stage::later(stage.ask(sleeper, 0, &Sleep { ns: 10 }));
    // The time comes, and the interrupt after the fork was asked for.
    stage.world.borrow_mut().now += 10;
    let request = Stage::later(stage.ask(first, 0, &fork(0, Some(2))));
    stage.pass(0);
    stage.server.work();
    assert!(stage.answer_to::<Sleep>(slept).is_some());
    assert_eq!(stage.world.borrow().memory.clones_asked, 0);
    // A slice clones it all, and the next one is the birth.
    stage.server.work();
    assert_eq!(stage.world.borrow().memory.clones_asked, 1);
    assert_eq!(stage.answer_to::<Fork>(request), None);
    stage.server.work();
    assert_eq!(stage.world.borrow().memory.clones_asked, 1);
    let child = stage.answer_to::<Fork>(request).unwrap().unwrap().unwrap();
    assert!(stage.server.table().is_running(child));
    stage.check();
}

#[test]
fn nobody_knows_a_child_before_it_runs() {
    let (mut stage, first) = stage(5);
    let number = thread(&mut stage, first);
    Stage::later(stage.ask(first, number, &fork(number, Some(2))));
    let nobody = Stage::now(stage.ask(first, 0, &Wait { child: None }));
    assert_eq!(nobody, Err(WaitRefusal::NoChildren));
    let children = Stage::now(stage.ask(first, 0, &Children { after: None })).unwrap();
    assert!(children.items.is_empty());
    stage.settle();
    let children = Stage::now(stage.ask(first, 0, &Children { after: None })).unwrap();
    assert_eq!(children.items.len(), 1);
}

#[test]
fn a_parent_that_ends_leaves_no_child_that_is_half_made() {
    let (mut stage, first) = stage(9);
    let parent = spawn(&mut stage, first, 2);
    let before = stage.world.borrow().books();
    let task = spawn(&mut stage, parent, 2);
    let request = Stage::later(stage.ask(task, 0, &fork(0, None)));
    stage.server.work();
    let killed = Stage::later(stage.ask(parent, 0, &Kill { task }));
    assert_eq!(settled(&mut stage, request), None);
    assert_eq!(stage.answer_to::<Kill>(killed), Some(Ok(())));
    assert_eq!(stage.world.borrow().books(), before);
}

#[test]
fn a_kill_of_the_childs_group_breaks_a_fork_off_and_counts_all_of_it() {
    let (mut stage, first) = stage(9);
    let killer = stage.first();
    let before = stage.world.borrow().books();
    let request = Stage::later(stage.ask(first, 0, &fork(0, Some(3))));
    stage.server.work();
    let receipt = Stage::later(stage.ask(killer, 0, &KillGroup { group: group(3) }));
    let answer = settled(&mut stage, request);
    let killing = ForkRefusal::Ticket(TicketRefusal::Killing);
    assert_eq!(answer, Some(Err(killing)));
    let receipt = stage.answer_to::<KillGroup>(receipt).unwrap().unwrap();
    assert!(receipt.held == receipt.returned && !receipt.held.is_none());
    assert_eq!(stage.world.borrow().books(), before);
}

#[test]
fn a_child_stands_still_that_is_born_into_a_group_frozen_meanwhile_and_no_other() {
    for thawed_again in [false, true] {
        let (mut stage, first) = stage(40);
        let keeper = stage.first();
        let request = Stage::later(stage.ask(first, 0, &fork(0, Some(3))));
        let freeze = Stage::later(stage.ask(keeper, 0, &Freeze { group: group(3) }));
        while stage.answer_to::<Freeze>(freeze).is_none() {
            stage.server.work();
            stage.check();
        }
        assert_eq!(
            stage.answer_to::<Fork>(request),
            None,
            "it is still going on"
        );
        if thawed_again {
            Stage::later(stage.ask(keeper, 0, &Thaw { group: group(3) }));
        }
        let child = settled(&mut stage, request).unwrap().unwrap().unwrap();
        let world = stage.world.borrow();
        let place = world.memory.thread(child, 0).unwrap();
        assert_eq!(world.priorities[&place] == 1, !thawed_again);
        let slot = stage.server.table().get(child).unwrap();
        assert_eq!(slot.is_still(), !thawed_again);
    }
}

#[test]
fn a_refusal_in_the_middle_is_told_when_nothing_is_left() {
    let (mut stage, first) = stage(9);
    let before = stage.world.borrow().books();
    let request = Stage::later(stage.ask(first, 0, &fork(0, Some(3))));
    stage.server.work();
    stage.world.borrow_mut().memory.full = true;
    let full = ForkRefusal::Clone(CloneSpaceRefusal::TableFull);
    assert_eq!(settled(&mut stage, request), Some(Err(full)));
    assert_eq!(stage.world.borrow().books(), before);
    let world = stage.world.borrow();
    assert!(matches!(
        world.events.as_slice(),
        [Event::Uncharged(_), Event::Answered(..)]
    ));
}

#[test]
fn a_thread_that_is_ended_while_it_forks_has_no_child() {
    for myself in [false, true] {
        let (mut stage, first) = stage(9);
        let number = thread(&mut stage, first);
        let request = Stage::later(stage.ask(first, number, &fork(number, None)));
        stage.server.work();
        let end = EndThread { number, myself };
        let _ = stage.ask(first, 0, &end);
        // Another one has its place by the time at which the child would be born.
        assert_eq!(thread(&mut stage, first), number);
        assert_eq!(settled(&mut stage, request), None);
        let children = Stage::now(stage.ask(first, 0, &Children { after: None })).unwrap();
        assert!(children.items.is_empty());
    }
}

#[test]
fn a_fork_that_nobody_waits_for_has_no_child() {
    let (mut stage, first) = stage(9);
    let before = stage.world.borrow().books();
    assert_eq!(stage.send(first, &fork(0, None)), Outcome::Later(0));
    stage.settle();
    assert_eq!(stage.world.borrow().books(), before);
}

#[test]
fn a_task_forks_once_at_a_time() {
    let (mut stage, first) = stage(9);
    let number = thread(&mut stage, first);
    let request = Stage::later(stage.ask(first, 0, &fork(0, None)));
    let before = stage.world.borrow().books();
    let busy = ForkRefusal::Clone(CloneSpaceRefusal::Busy);
    let again = Stage::now(stage.ask(first, number, &fork(number, None)));
    assert_eq!(again, Err(busy));
    assert_eq!(stage.world.borrow().books(), before);
    assert!(settled(&mut stage, request).unwrap().is_ok());
    Stage::later(stage.ask(first, number, &fork(number, None)));
}

#[test]
fn so_many_fork_at_once_and_the_next_leaves_nothing() {
    let mut stage = Stage::new(32, 32);
    stage.world.borrow_mut().memory.clone_slices = 9;
    let tasks: Vec<TaskId> = (0..13).map(|_| stage.first()).collect();
    let (&last, others) = tasks.split_last().unwrap();
    let mut answers = Vec::new();
    for &task in others {
        answers.push(Stage::later(stage.ask(task, 0, &fork(0, Some(2)))));
    }
    let before = stage.world.borrow().books();
    let refused = Stage::now(stage.ask(last, 0, &fork(0, Some(2))));
    assert_eq!(refused, Err(ForkRefusal::TableFull));
    assert_eq!(stage.world.borrow().books(), before);
    stage.settle();
    let done = |request| stage.answer_to::<Fork>(request).unwrap().unwrap();
    assert!(answers.into_iter().all(|request| done(request).is_some()));
}
