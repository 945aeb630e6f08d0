//! A failure at every single step of every operation that has steps: the tables hold, and the books balance.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that goes wrong is to stop"
)]

mod world;

use interfaces::accounting::KillRefusal;
use interfaces::process::*;
use interfaces::{Resource, TaskId};
use world::{Failure, Outcome, START, Stage, end_thread, group, spawn_into};

/// Lets `operation` fail at its first step, its second, and so on until it gets through. Gives how many steps it has.
fn at_every_step(prepare: impl Fn(&mut Stage) -> TaskId, operation: impl Fn(&mut Stage, TaskId)) {
    for failure in [Failure::Before, Failure::After] {
        for step in 1.. {
            let mut stage = Stage::new(16, 16);
            let task = prepare(&mut stage);
            let now = stage.world.borrow().steps;
            stage.world.borrow_mut().fail = Some((now + step, failure));
            operation(&mut stage, task);
            stage.check();
            if stage.world.borrow().steps < now + step {
                assert!(step > 2, "the operation has steps");
                break;
            }
        }
    }
}

#[test]
fn a_spawn_that_fails_anywhere_takes_everything_back() {
    at_every_step(Stage::first, |stage, first| {
        let before = stage.world.borrow().books();
        match stage.ask(first, 0, &spawn_into(3)) {
            Outcome::Now(Ok(task)) => {
                assert!(stage.world.borrow().memory.thread(task, 0).is_some());
            }
            Outcome::Now(Err(_)) => {
                assert!(!stage.server.has_work(), "it is taken back at once");
                assert_eq!(stage.world.borrow().books(), before);
                assert!(stage.ask(first, 0, &spawn_into(3)) != Outcome::Later(0));
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_fork_that_fails_anywhere_takes_everything_back() {
    let fork = Fork {
        thread: 0,
        group: Some(group(3)),
    };
    for clone_slices in [0, 3] {
        let prepare = |stage: &mut Stage| {
            stage.world.borrow_mut().memory.clone_slices = clone_slices;
            stage.first()
        };
        at_every_step(prepare, |stage, first| {
            let before = stage.world.borrow().books();
            let answer = match stage.ask(first, 0, &fork) {
                Outcome::Now(answer) => answer,
                Outcome::Later(request) => {
                    stage.settle();
                    stage.answer_to::<Fork>(request).expect("it was answered")
                }
                other @ Outcome::Protocol(_) => panic!("{other:?}"),
            };
            assert!(
                !stage.server.has_work(),
                "who hears of a refusal hears of it last"
            );
            match answer {
                Ok(Some(child)) => {
                    assert!(stage.world.borrow().memory.thread(child, 0).is_some());
                }
                Err(_) => assert_eq!(stage.world.borrow().books(), before),
                Ok(None) => panic!("that is what the child is told"),
            }
        });
    }
}

#[test]
fn a_thread_that_fails_anywhere_takes_everything_back() {
    at_every_step(Stage::first, |stage, first| {
        let before = stage.world.borrow().books();
        if Stage::now(stage.ask(first, 0, &START)).is_err() {
            assert_eq!(stage.world.borrow().books(), before);
            assert_eq!(Stage::now(stage.ask(first, 0, &START)), Ok(1));
        }
        let end = end_thread(1);
        assert_eq!(Stage::now(stage.ask(first, 0, &end)), Ok(()));
        stage.check();
        // It rests or is gone, and the next one begins like the first, in what it left or in something new.
        let threads = |stage: &Stage| {
            let charged = &stage.world.borrow().books().0;
            charged
                .values()
                .map(|sum| sum.get(Resource::Threads))
                .sum::<u64>()
        };
        assert_eq!(threads(stage), 1);
        let resting = stage.world.borrow().books();
        if Stage::now(stage.ask(first, 0, &START)).is_err() {
            let now = stage.world.borrow().books();
            assert!(
                now == resting || now == before,
                "it rests on, or nothing is left of it"
            );
            assert_eq!(Stage::now(stage.ask(first, 0, &START)), Ok(1));
        }
        assert_eq!(threads(stage), 2);
        stage.check();
    });
}

#[test]
fn a_death_that_fails_anywhere_still_gives_everything_back_and_is_told() {
    at_every_step(Stage::first, |stage, first| {
        let before = stage.world.borrow().books();
        let Outcome::Now(Ok(task)) = stage.ask(first, 0, &spawn_into(3)) else {
            return;
        };
        Stage::later(stage.ask(task, 0, &Exit { code: 4 }));
        stage.settle();
        assert_eq!(stage.world.borrow().books(), before);
        let ended = Stage::now(stage.ask(first, 0, &Wait { child: None })).unwrap();
        assert_eq!(ended.task, task);
    });
}

#[test]
fn a_kill_that_fails_anywhere_is_refused_or_done() {
    at_every_step(
        |stage| {
            let first = stage.first();
            assert!(Stage::now(stage.ask(first, 0, &spawn_into(3))).is_ok());
            first
        },
        |stage, first| {
            let children = Stage::now(stage.ask(first, 0, &Children { after: None })).unwrap();
            let task = children.items[0];
            if let Outcome::Later(request) = stage.ask(first, 0, &Kill { task }) {
                stage.settle();
                assert_eq!(stage.answer_to::<Kill>(request), Some(Ok(())));
            }
            stage.settle();
        },
    );
}

#[test]
fn a_kill_of_a_group_that_fails_anywhere_is_answered() {
    at_every_step(
        |stage| {
            let first = stage.first();
            for _ in 0..2 {
                assert!(Stage::now(stage.ask(first, 0, &spawn_into(3))).is_ok());
            }
            first
        },
        |stage, first| {
            let killing = KillGroup { group: group(3) };
            let answer = match stage.ask(first, 0, &killing) {
                Outcome::Now(answer) => answer,
                Outcome::Later(request) => {
                    stage.settle();
                    stage.answer_to::<KillGroup>(request).expect("an answer")
                }
                Outcome::Protocol(error) => panic!("{error}"),
            };
            stage.settle();
            match answer {
                Ok(receipt) => assert_eq!(receipt.held, receipt.returned),
                // An answer was lost, so nobody knows any more whether the kill has begun, or whether it has ended.
                Err(KillGroupRefusal::Kill(KillRefusal::NotKilling)) => {}
                Err(refusal) => assert_eq!(refusal, KillGroupRefusal::TableFull),
            }
        },
    );
}

#[test]
fn a_failed_birth_with_much_to_take_apart_goes_back_in_slices() {
    let mut stage = Stage::new(4, 4);
    let first = stage.first();
    let before = stage.world.borrow().books();
    stage.world.borrow_mut().memory.slices = 200;
    // Step 1 is the ticket, 2 the objects, 3 the first capability.
    let now = stage.world.borrow().steps;
    stage.world.borrow_mut().fail = Some((now + 3, Failure::Before));
    assert!(Stage::now(stage.ask(first, 0, &spawn_into(3))).is_err());
    assert!(stage.server.has_work());
    stage.check();
    let none = Stage::now(stage.ask(first, 0, &Wait { child: None }));
    assert_eq!(none, Err(WaitRefusal::NoChildren));
    stage.settle();
    assert_eq!(stage.world.borrow().books(), before);
    let none = Stage::now(stage.ask(first, 0, &Wait { child: None }));
    assert_eq!(none, Err(WaitRefusal::NoChildren));
}
