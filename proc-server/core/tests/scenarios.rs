//! What a client of the proc-server sees, case by case, in a world of maps.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that goes wrong is to stop"
)]

mod world;

use interfaces::accounting::{KillRefusal, TicketRefusal};
use interfaces::identity::{Badge, Caller};
use interfaces::process::*;
use interfaces::provision::{Cause, CreateRefusal, ProgramId, THREAD_KIT};
use interfaces::start::client_slots;
use interfaces::{Dispatched, ProtocolError, Resource, Shortage, TaskId, Text};
use process_core::{Entry, Received, Service};
use world::{Outcome, START, Stage, Tcb, end_thread, group};

fn spawn(group: Option<u32>) -> Spawn {
    Spawn {
        program: ProgramId(0),
        group: group.map(world::group),
        arguments: Text::try_new("9 lives").unwrap(),
    }
}

fn child(stage: &mut Stage, parent: TaskId, group: Option<u32>) -> TaskId {
    Stage::now(stage.ask(parent, 0, &spawn(group))).unwrap()
}

fn exit(stage: &mut Stage, task: TaskId, code: i32) {
    Stage::later(stage.ask(task, 0, &Exit { code }));
}

fn wait(child: Option<TaskId>) -> Wait {
    Wait { child }
}

const FAULT: Cause = Cause::BadAddress { address: 8, ip: 16 };
const STRANGER: TaskId = TaskId {
    index: 7,
    generation: 9,
};

#[test]
fn a_child_gets_endpoints_and_nothing_else_and_starts_where_its_program_does() {
    let mut stage = Stage::new(8, 8);
    let first = stage.boot(1, true);
    let task = child(&mut stage, first, Some(2));
    let world = stage.world.borrow();
    let place = world.memory.thread(task, 0).unwrap();
    let tag = task.tag();
    let service = Badge::Service(Caller::client(tag, false));
    let cspace: Vec<_> = world.cspaces[&place]
        .iter()
        .map(|(&slot, &what)| (slot, what))
        .collect();
    assert_eq!(
        cspace,
        [
            (client_slots::PROC, (Service::Proc, service)),
            (client_slots::MEMORY, (Service::Memory, service)),
            (client_slots::LIMITS, (Service::Limits, service)),
            (client_slots::CONSOLE, (Service::Console, service)),
            (client_slots::FAULT, (Service::Memory, Badge::Fault(tag))),
        ]
    );
    let entry = Entry {
        ip: 0x24_0000,
        sp: 0x23_0000 - 8,
        argument: 0,
    };
    assert_eq!(world.tcbs[&place], Tcb::Running(entry));
    assert_eq!(world.limits.group_of(task), Some(group(2)));
}

#[test]
fn a_spawn_is_charged_as_the_kit_and_the_program_say() {
    let mut stage = Stage::new(8, 8);
    let first = stage.first();
    child(&mut stage, first, Some(2));
    let charged = stage.world.borrow().limits.charged()[&group(2)];
    let kit = interfaces::provision::TASK_KIT;
    assert_eq!(
        charged.get(Resource::Commit),
        kit.get(Resource::Commit) + 20
    );
    assert_eq!(
        charged.get(Resource::CapSlots),
        kit.get(Resource::CapSlots) + 3
    );
    assert_eq!(charged.get(Resource::Tasks), 1);
}

#[test]
fn a_refused_spawn_leaves_everything_as_it_was() {
    let mut stage = Stage::new(8, 8);
    let first = stage.first();
    stage.world.borrow_mut().limits.most.insert(group(2), 1);
    child(&mut stage, first, Some(2));
    let before = stage.world.borrow().books();
    let refused = Stage::now(stage.ask(first, 0, &spawn(Some(2))));
    let short = Shortage {
        resource: Resource::Tasks,
        group: Some(group(2)),
        limit: 1,
        used: 1,
        asked: 1,
    };
    assert_eq!(
        refused,
        Err(SpawnRefusal::Ticket(TicketRefusal::Short(short)))
    );
    stage.world.borrow_mut().memory.full = true;
    let refused = Stage::now(stage.ask(first, 0, &spawn(Some(3))));
    assert_eq!(
        refused,
        Err(SpawnRefusal::Memory(CreateRefusal::OutOfMemory))
    );
    let unknown = Spawn {
        program: ProgramId(2),
        ..spawn(None)
    };
    let refused = Stage::now(stage.ask(first, 0, &unknown));
    assert_eq!(refused, Err(SpawnRefusal::UnknownProgram));
    assert_eq!(stage.world.borrow().books(), before);
    assert!(!stage.server.has_work());
    stage.check();
}

#[test]
fn a_full_table_refuses_and_recovers() {
    let mut stage = Stage::new(3, 8);
    let first = stage.first();
    let one = child(&mut stage, first, None);
    child(&mut stage, first, None);
    assert_eq!(
        Stage::now(stage.ask(first, 0, &spawn(None))),
        Err(SpawnRefusal::TableFull)
    );
    exit(&mut stage, one, 0);
    stage.settle();
    let again = child(&mut stage, first, None);
    assert_eq!(again.index, one.index);
    assert_eq!(again.generation, one.generation + 1);
}

#[test]
fn the_parent_hears_of_an_exit_after_everything_came_back() {
    let mut stage = Stage::new(8, 8);
    let first = stage.first();
    let before = stage.world.borrow().books();
    let task = child(&mut stage, first, Some(2));
    let waiting = Stage::later(stage.ask(first, 0, &wait(Some(task))));
    exit(&mut stage, task, 5);
    assert_eq!(stage.answer_to::<Wait>(waiting), None);
    while stage.answer_to::<Wait>(waiting).is_none() {
        stage.server.work();
        stage.check();
    }
    let ended = Ended {
        task,
        reason: ExitReason::Exited { code: 5 },
    };
    assert_eq!(stage.answer_to::<Wait>(waiting), Some(Ok(ended)));
    assert_eq!(stage.world.borrow().books(), before);
}

#[test]
fn an_end_is_kept_for_who_waits_later() {
    let mut stage = Stage::new(32, 32);
    let first = stage.first();
    let children: Vec<TaskId> = (0..18).map(|_| child(&mut stage, first, None)).collect();
    for (code, &task) in (0..).zip(&children) {
        exit(&mut stage, task, code);
        stage.settle();
    }
    let account = Stage::now(stage.ask(first, 0, &ReadTask { task: None })).unwrap();
    assert_eq!((account.children, account.lost_ends), (0, 2));
    let lost = Stage::now(stage.ask(first, 0, &wait(Some(children[1]))));
    assert_eq!(lost, Err(WaitRefusal::NotAChild));
    let kept = Stage::now(stage.ask(first, 0, &wait(Some(children[7]))));
    assert_eq!(kept.unwrap().reason, ExitReason::Exited { code: 7 });
    let oldest = Stage::now(stage.ask(first, 0, &wait(None)));
    assert_eq!(oldest.unwrap().task, children[2]);
    for _ in 0..14 {
        assert!(Stage::now(stage.ask(first, 0, &wait(None))).is_ok());
    }
    let none = Stage::now(stage.ask(first, 0, &wait(None)));
    assert_eq!(none, Err(WaitRefusal::NoChildren));
}

#[test]
fn who_can_wait_for_nothing_any_more_is_told_so() {
    let mut stage = Stage::new(8, 8);
    let first = stage.first();
    let task = child(&mut stage, first, None);
    for number in 1..=2 {
        assert_eq!(Stage::now(stage.ask(first, 0, &START)), Ok(number));
    }
    let any = Stage::later(stage.ask(first, 0, &wait(None)));
    let same = Stage::later(stage.ask(first, 1, &wait(Some(task))));
    let other = Stage::later(stage.ask(first, 2, &wait(None)));
    exit(&mut stage, task, 0);
    stage.settle();
    assert!(stage.answer_to::<Wait>(any).unwrap().is_ok());
    assert_eq!(
        stage.answer_to::<Wait>(same),
        Some(Err(WaitRefusal::NotAChild))
    );
    assert_eq!(
        stage.answer_to::<Wait>(other),
        Some(Err(WaitRefusal::NoChildren))
    );
}

#[test]
fn only_descendants_and_tasks_in_groups_below_are_seen_and_killed() {
    let mut stage = Stage::new(16, 16);
    let first = stage.first();
    let in_two = child(&mut stage, first, Some(2));
    let in_three = child(&mut stage, first, Some(3));
    let in_four = child(&mut stage, in_three, Some(4));
    let sibling = child(&mut stage, in_three, Some(3));
    let kill = |task| Kill { task };
    let unknown = Err(TaskRefusal::UnknownTask);
    for (by, target) in [
        (in_two, in_three),
        (in_two, in_four),
        (in_two, first),
        (in_three, first),
        (in_three, in_three),
        (sibling, in_three),
        (in_four, sibling),
        (first, STRANGER),
    ] {
        assert_eq!(Stage::now(stage.ask(by, 0, &kill(target))), unknown);
        if by != target {
            let read = ReadTask { task: Some(target) };
            assert!(Stage::now(stage.ask(by, 0, &read)).is_err());
        }
    }
    // A sibling is no descendant, but what is in group 4 is below group 3.
    let killed = Stage::later(stage.ask(sibling, 0, &kill(in_four)));
    stage.settle();
    assert_eq!(stage.answer_to::<Kill>(killed), Some(Ok(())));
    // A grandchild, through its parent.
    let killed = Stage::later(stage.ask(first, 0, &kill(sibling)));
    stage.settle();
    assert_eq!(stage.answer_to::<Kill>(killed), Some(Ok(())));
    let told = Stage::now(stage.ask(in_three, 0, &wait(None))).unwrap();
    assert_eq!(told.reason, ExitReason::Killed { by: sibling });
}

#[test]
fn two_who_kill_the_same_task_are_both_answered() {
    let mut stage = Stage::new(8, 8);
    let first = stage.first();
    let second = stage.first();
    let task = child(&mut stage, first, Some(2));
    let mine = Stage::later(stage.ask(first, 0, &Kill { task }));
    let other = Stage::later(stage.ask(second, 0, &Kill { task }));
    assert_eq!(stage.answer_to::<Kill>(mine), None);
    stage.settle();
    assert_eq!(stage.answer_to::<Kill>(mine), Some(Ok(())));
    assert_eq!(stage.answer_to::<Kill>(other), Some(Ok(())));
    let told = Stage::now(stage.ask(first, 0, &wait(None))).unwrap();
    assert_eq!(told.reason, ExitReason::Killed { by: first });
}

#[test]
fn orphans_live_on_and_their_ends_are_told_to_nobody() {
    let mut stage = Stage::new(8, 8);
    let first = stage.first();
    let parent = child(&mut stage, first, Some(2));
    let orphans: Vec<TaskId> = (0..3).map(|_| child(&mut stage, parent, None)).collect();
    exit(&mut stage, parent, 0);
    stage.settle();
    let next = child(&mut stage, first, Some(2));
    assert_eq!(next.index, parent.index, "the place is somebody else's now");
    let account = Stage::now(stage.ask(orphans[0], 0, &ReadTask { task: None })).unwrap();
    assert_eq!(account.parent, None);
    for task in [orphans[1], orphans[0], orphans[2]] {
        exit(&mut stage, task, 0);
        stage.settle();
    }
    let account = Stage::now(stage.ask(next, 0, &ReadTask { task: None })).unwrap();
    assert_eq!((account.children, account.lost_ends), (0, 0));
    let none = Stage::now(stage.ask(next, 0, &wait(None)));
    assert_eq!(none, Err(WaitRefusal::NoChildren));
}

#[test]
fn a_fault_ends_the_task_with_its_cause() {
    let mut stage = Stage::new(8, 8);
    let first = stage.first();
    let task = child(&mut stage, first, Some(2));
    let waiting = Stage::later(stage.ask(first, 0, &wait(None)));
    stage.report(task, FAULT);
    stage.report(STRANGER, FAULT);
    stage.settle();
    let ended = Ended {
        task,
        reason: ExitReason::Fault(FAULT),
    };
    assert_eq!(stage.answer_to::<Wait>(waiting), Some(Ok(ended)));
}

#[test]
fn a_shortage_above_the_parent_does_not_name_the_group() {
    let mut stage = Stage::new(8, 8);
    let first = stage.first();
    let parent = child(&mut stage, first, Some(3));
    let short = |index: Option<u32>| {
        Cause::NoFrame(Shortage {
            resource: Resource::Frames,
            group: index.map(group),
            limit: 1,
            used: 1,
            asked: 1,
        })
    };
    for (named, told) in [(1, None), (3, Some(3)), (4, Some(4))] {
        let task = child(&mut stage, parent, Some(4));
        stage.report(task, short(Some(named)));
        stage.settle();
        let ended = Stage::now(stage.ask(parent, 0, &wait(None))).unwrap();
        assert_eq!(ended.reason, ExitReason::Fault(short(told)));
    }
}

#[test]
fn a_killed_group_is_empty_and_its_receipt_equal() {
    let mut stage = Stage::new(32, 32);
    let first = stage.first();
    let before = stage.world.borrow().books();
    let top = child(&mut stage, first, Some(3));
    for place in [3, 4, 3, 4] {
        child(&mut stage, top, Some(place));
    }
    let killing = KillGroup { group: group(3) };
    let waiting = Stage::later(stage.ask(first, 0, &killing));
    let refused = Stage::now(stage.ask(top, 0, &spawn(None)));
    assert_eq!(refused, Err(SpawnRefusal::Ticket(TicketRefusal::Killing)));
    stage.settle();
    let receipt = stage.answer_to::<KillGroup>(waiting).unwrap().unwrap();
    assert_eq!(receipt.held, receipt.returned);
    assert_eq!(receipt.held.get(Resource::Tasks), 5);
    let told = Stage::now(stage.ask(first, 0, &wait(None))).unwrap();
    assert_eq!(told.reason, ExitReason::GroupKilled { group: group(3) });
    assert_eq!(stage.world.borrow().books(), before);
    child(&mut stage, first, Some(3));
}

#[test]
fn a_kill_that_the_ledger_refuses_is_refused_and_leaves_nothing() {
    let mut stage = Stage::new(8, 8);
    let first = stage.first();
    let inside = child(&mut stage, first, Some(3));
    for (by, target, refusal) in [
        (inside, 3, KillRefusal::NotYours),
        (inside, 2, KillRefusal::UnknownGroup),
        (first, 9, KillRefusal::UnknownGroup),
    ] {
        let asked = KillGroup {
            group: group(target),
        };
        let waiting = Stage::later(stage.ask(by, 0, &asked));
        let answer = stage.answer_to::<KillGroup>(waiting).unwrap();
        assert_eq!(answer, Err(KillGroupRefusal::Kill(refusal)));
        assert!(!stage.server.has_work());
        stage.check();
    }
}

#[test]
fn a_kill_goes_on_without_whoever_asked_and_gives_up_on_what_is_lost() {
    let mut stage = Stage::new(8, 8);
    let first = stage.first();
    let killer = child(&mut stage, first, None);
    child(&mut stage, killer, Some(2));
    let killing = KillGroup { group: group(2) };
    Stage::later(stage.ask(killer, 0, &killing));
    stage.report(killer, FAULT);
    stage.settle();
    assert!(!stage.world.borrow().limits.is_killing(group(2)));
    assert_eq!(stage.server.counts().alarms, 0);

    stage.world.borrow_mut().limits.stubborn = true;
    let waiting = Stage::later(stage.ask(first, 0, &killing));
    stage.settle();
    let answer = stage.answer_to::<KillGroup>(waiting).unwrap();
    assert_eq!(answer, Err(KillGroupRefusal::Kill(KillRefusal::NotEmpty)));
    // It is not closed for ever: once nothing is left, it can be killed.
    assert!(!stage.world.borrow().limits.is_killing(group(2)));
    stage.world.borrow_mut().limits.stubborn = false;
    let waiting = Stage::later(stage.ask(first, 0, &killing));
    stage.settle();
    assert!(stage.answer_to::<KillGroup>(waiting).unwrap().is_ok());
}

#[test]
fn threads_are_numbered_ended_and_joined() {
    let mut stage = Stage::new(4, 32);
    let first = stage.first();
    let before = stage.world.borrow().books();
    let start = StartThread {
        entry: 0x24_1234,
        stack_top: 0x1000_0fff,
        argument: 77,
    };
    for number in 1..16 {
        assert_eq!(Stage::now(stage.ask(first, 0, &start)), Ok(number));
    }
    let full = Stage::now(stage.ask(first, 0, &start));
    assert_eq!(full, Err(ThreadRefusal::TableFull));
    let place = stage.world.borrow().memory.thread(first, 3).unwrap();
    let entry = Entry {
        ip: 0x24_1234,
        sp: 0x1000_0ff0 - 8,
        argument: 77,
    };
    assert_eq!(stage.world.borrow().tcbs[&place], Tcb::Running(entry));

    let joined = Stage::later(stage.ask(first, 5, &JoinThread { number: 3 }));
    let ended = Stage::now(stage.ask(first, 0, &end_thread(3)));
    assert_eq!(ended, Ok(()));
    assert_eq!(stage.answer_to::<JoinThread>(joined), Some(Ok(())));
    let gone = Stage::now(stage.ask(first, 0, &JoinThread { number: 3 }));
    assert_eq!(gone, Err(ThreadRefusal::UnknownThread));
    let of_itself = EndThread {
        number: 5,
        myself: true,
    };
    Stage::later(stage.ask(first, 5, &of_itself));
    for number in [0, 3, 5, 16, u32::MAX] {
        let unknown = Stage::now(stage.ask(first, 0, &end_thread(number)));
        assert_eq!(unknown, Err(ThreadRefusal::UnknownThread));
        let unknown = Stage::now(stage.ask(first, 0, &JoinThread { number }));
        assert_eq!(unknown, Err(ThreadRefusal::UnknownThread));
    }
    for number in (1..16).filter(|number| ![3, 5].contains(number)) {
        let end = end_thread(number);
        assert_eq!(Stage::now(stage.ask(first, 0, &end)), Ok(()));
        stage.check();
    }
    // The first that ended rests: its task pays for what it is made of, and it counts as no thread.
    let rest = THREAD_KIT.with(Resource::Threads, 0);
    let own = before.0.values().next().unwrap();
    let now = stage.world.borrow().books();
    assert_eq!(now.0.values().next(), own.checked_add(&rest).as_ref());
    assert_eq!(now.1, before.1 + 1);
    // It is made use of under its own number, and no other.
    for number in [1, 2, 3] {
        assert_eq!(Stage::now(stage.ask(first, 0, &start)), Ok(number));
        let resting = stage
            .world
            .borrow()
            .tcbs
            .values()
            .any(|tcb| *tcb == Tcb::Stopped);
        assert_eq!(resting, number < 3);
    }
    let task = stage.world.borrow().memory.thread(first, 3);
    assert_eq!(task, Some(place), "what the one before had");
}

#[test]
fn a_thread_that_rests_is_in_nobodys_way() {
    let mut stage = Stage::new(4, 5);
    let first = stage.first();
    let end = end_thread(1);
    assert_eq!(Stage::now(stage.ask(first, 0, &START)), Ok(1));
    assert_eq!(Stage::now(stage.ask(first, 0, &end)), Ok(()));
    // Every place is wanted by others: tasks, or threads of another number.
    let tasks: Vec<_> = (0..3).map(|_| child(&mut stage, first, None)).collect();
    assert_eq!(Stage::now(stage.ask(tasks[0], 0, &START)), Ok(1));
    assert_eq!(stage.server.counts().alarms, 0);
    stage.check();
    let full = Stage::now(stage.ask(first, 0, &START));
    assert_eq!(full, Err(ThreadRefusal::TableFull));
    // It goes with its task.
    assert_eq!(Stage::now(stage.ask(tasks[0], 0, &end)), Ok(()));
    exit(&mut stage, tasks[0], 0);
    stage.settle();
    stage.check();
    assert_eq!(Stage::now(stage.ask(first, 0, &START)), Ok(1));
}

#[test]
fn whoever_asks_without_waiting_for_answers_fills_no_table() {
    let mut stage = Stage::new(8, 8);
    let first = stage.first();
    let task = child(&mut stage, first, None);
    for _ in 0..1000 {
        assert!(matches!(
            stage.send(first, &wait(Some(task))),
            Outcome::Later(_)
        ));
        stage.check();
    }
    let waiting = Stage::later(stage.ask(first, 0, &wait(Some(task))));
    exit(&mut stage, task, 1);
    stage.settle();
    assert!(stage.answer_to::<Wait>(waiting).unwrap().is_ok());
}

#[test]
fn a_thread_that_ends_while_it_waits_leaves_no_waiter() {
    let mut stage = Stage::new(8, 8);
    let first = stage.first();
    let task = child(&mut stage, first, None);
    for _ in 0..100 {
        assert_eq!(Stage::now(stage.ask(first, 0, &START)), Ok(1));
        Stage::later(stage.ask(first, 1, &wait(Some(task))));
        let end = end_thread(1);
        assert_eq!(Stage::now(stage.ask(first, 0, &end)), Ok(()));
        stage.check();
    }
    assert!(stage.world.borrow().replies.is_empty());
}

#[test]
fn children_are_listed_in_pages_oldest_first() {
    let mut stage = Stage::new(100, 100);
    let first = stage.first();
    let all: Vec<TaskId> = (0..70).map(|_| child(&mut stage, first, None)).collect();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = Stage::now(stage.ask(first, 0, &Children { after })).unwrap();
        seen.extend(page.items.iter().copied());
        after = page.items.last().copied();
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, all);
    let stranger = Children {
        after: Some(STRANGER),
    };
    assert!(Stage::now(stage.ask(first, 0, &stranger)).is_err());
}

#[test]
fn a_task_without_a_ticket_is_noticed_and_started_only_in_a_test_build() {
    let mut stage = Stage::with_settings(4, 4, true);
    stage.boot_with(2, false, "without-ticket");
    assert_eq!(stage.world.borrow().unannounced, 1);
    assert!(stage.world.borrow().limits.charged().is_empty());
    let mut stage = Stage::new(4, 4);
    stage.boot_with(2, false, "without-ticket");
    assert_eq!(stage.world.borrow().unannounced, 0);
}

#[test]
fn a_task_that_was_never_ticketed_comes_back_whole() {
    let mut stage = Stage::with_settings(4, 4, true);
    let first = stage.first();
    let before = stage.world.borrow().books();
    let spawn = Spawn {
        arguments: Text::try_new("without-ticket please").unwrap(),
        ..spawn(Some(2))
    };
    let task = Stage::now(stage.ask(first, 0, &spawn)).unwrap();
    stage.report(task, Cause::NotBorn);
    stage.settle();
    assert_eq!(stage.world.borrow().books(), before);
    let ended = Stage::now(stage.ask(first, 0, &wait(None))).unwrap();
    assert_eq!(ended.reason, ExitReason::Fault(Cause::NotBorn));
    assert_eq!(stage.server.counts().alarms, 0);
}

#[test]
fn a_small_end_does_not_wait_for_a_large_one() {
    let mut stage = Stage::new(8, 8);
    let first = stage.first();
    stage.world.borrow_mut().memory.slices = 1000;
    let large = child(&mut stage, first, None);
    stage.world.borrow_mut().memory.slices = 2;
    let small = child(&mut stage, first, None);
    exit(&mut stage, large, 1);
    exit(&mut stage, small, 2);
    let request = Wait { child: Some(small) };
    let waiting = Stage::later(stage.ask(first, 0, &request));
    for _ in 0..4 {
        stage.server.work();
        stage.check();
    }
    let ended = stage.answer_to::<Wait>(waiting).unwrap().unwrap();
    assert_eq!(ended.task, small);
    assert!(stage.server.has_work());
    stage.settle();
    let ended = Stage::now(stage.ask(first, 0, &Wait { child: None })).unwrap();
    assert_eq!(ended.task, large);
}

#[test]
fn a_capability_that_was_left_behind_is_removed_and_counted() {
    let mut stage = Stage::new(4, 4);
    let first = stage.first();
    let before = stage.world.borrow().books();
    stage.world.borrow_mut().memory.untidy = true;
    let task = child(&mut stage, first, None);
    exit(&mut stage, task, 0);
    stage.settle();
    stage.world.borrow_mut().memory.untidy = false;
    // Whoever is made in its place meets it, and is made nevertheless.
    let task = child(&mut stage, first, None);
    assert_eq!(stage.server.counts().alarms, 1);
    exit(&mut stage, task, 0);
    stage.settle();
    assert_eq!(stage.server.counts().alarms, 1);
    assert_eq!(stage.world.borrow().books(), before);
}

#[test]
fn an_audit_finds_ledger_and_servers_equal_and_is_for_operators() {
    let mut stage = Stage::new(16, 16);
    let operator = stage.boot(1, true);
    let task = child(&mut stage, operator, Some(3));
    child(&mut stage, task, None);
    Stage::now(stage.ask(task, 0, &START)).unwrap();
    let mut after = None;
    let mut groups = 0;
    while let Some(group) = Stage::now(stage.ask(operator, 0, &NextGroup { after })).unwrap() {
        let found = Stage::now(stage.ask(operator, 0, &Audit { group })).unwrap();
        assert_eq!(found.ledger, found.held, "group {group}");
        after = Some(group);
        groups += 1;
    }
    assert_eq!(groups, 4);
    let unknown = Audit { group: group(77) };
    let refused = Stage::now(stage.ask(operator, 0, &unknown));
    assert_eq!(refused, Err(OperatorRefusal::UnknownGroup));
    let audit = Audit { group: group(3) };
    let refused = Stage::now(stage.ask(task, 0, &audit));
    assert_eq!(refused, Err(OperatorRefusal::NotOperator));
    let figures = Stage::now(stage.ask(operator, 0, &ReadFigures {})).unwrap();
    assert_eq!((figures.tasks, figures.threads, figures.births), (3, 4, 3));
    assert!(Stage::now(stage.ask(operator, 0, &ReadPool {})).is_ok());
    assert!(Stage::now(stage.ask(task, 0, &ReadPool {})).is_err());
}

#[test]
fn the_door_turns_down_what_is_no_request_of_a_running_task() {
    let mut stage = Stage::new(8, 8);
    let first = stage.first();
    let service = |task: TaskId| Some(Badge::Service(Caller::client(task.tag(), false)));
    let good = Received {
        badge: service(first),
        label: <ReadArguments as interfaces::Call>::LABEL.bits(),
        capabilities: false,
        payload: &[],
    };
    let mut reply = [0; interfaces::call::MESSAGE_BYTES];
    let turned_down = |error| Some(Dispatched::Protocol(error));
    for label in 0..7 {
        let message = Received { label, ..good };
        let answer = stage.server.receive(message, &mut reply);
        assert_eq!(answer, turned_down(ProtocolError::ForgedFault));
    }
    for (message, error) in [
        (
            Received {
                capabilities: true,
                ..good
            },
            ProtocolError::CapabilitiesSent,
        ),
        (
            Received {
                badge: service(STRANGER),
                ..good
            },
            ProtocolError::UnknownCaller,
        ),
        (
            Received {
                badge: None,
                ..good
            },
            ProtocolError::UnknownCaller,
        ),
        (
            Received {
                badge: Some(Badge::Fault(first.tag())),
                ..good
            },
            ProtocolError::UnknownCaller,
        ),
        (
            Received {
                label: 0x1_0100,
                ..good
            },
            ProtocolError::UnknownInterface,
        ),
        (
            Received {
                label: 0x5_0200,
                ..good
            },
            ProtocolError::UnknownVersion,
        ),
        (
            Received {
                label: 0x5_01ff,
                ..good
            },
            ProtocolError::UnknownOperation,
        ),
        (
            Received {
                payload: &[1; 64],
                ..good
            },
            ProtocolError::Malformed,
        ),
    ] {
        let answer = stage.server.receive(message, &mut reply);
        assert_eq!(answer, turned_down(error));
    }
    assert_eq!(stage.server.counts().protocol_errors, 15);
    exit(&mut stage, first, 0);
    let answer = stage.server.receive(good, &mut reply);
    assert_eq!(answer, turned_down(ProtocolError::UnknownCaller));
}

#[test]
fn a_thread_started_while_its_group_is_being_frozen_goes_on_with_its_task() {
    let mut stage = Stage::new(8, 8);
    let first = stage.boot(1, false);
    let task = child(&mut stage, first, Some(2));
    let group = group(2);
    let still = |stage: &Stage, number| {
        let world = stage.world.borrow();
        let thread = world.memory.thread(task, number).unwrap();
        world.priorities[&thread] == 1
    };
    assert_eq!(Stage::now(stage.ask(first, 0, &START)), Ok(1));
    // The ledger knows of it already, and the walk has not come to the task.
    let freeze = Stage::later(stage.ask(first, 0, &Freeze { group }));
    assert_eq!(Stage::now(stage.ask(task, 0, &START)), Ok(1));
    let thaw = Stage::later(stage.ask(first, 1, &Thaw { group }));
    stage.settle();
    assert_eq!(stage.answer_to::<Freeze>(freeze), Some(Ok(1)));
    assert_eq!(stage.answer_to::<Thaw>(thaw), Some(Ok(0)));
    assert!(!still(&stage, 0) && !still(&stage, 1));
    // And one that nobody thaws stands still with it.
    Stage::later(stage.ask(first, 0, &Freeze { group }));
    assert_eq!(Stage::now(stage.ask(task, 0, &START)), Ok(2));
    stage.settle();
    assert!((0..3).all(|number| still(&stage, number)));
    stage.check();
}

#[test]
fn a_thread_that_rested_and_is_started_again_meanwhile_goes_on_with_its_task_too() {
    let mut stage = Stage::new(8, 8);
    let first = stage.boot(1, false);
    let task = child(&mut stage, first, Some(2));
    let group = group(2);
    let end = end_thread(1);
    assert_eq!(Stage::now(stage.ask(task, 0, &START)), Ok(1));
    assert_eq!(Stage::now(stage.ask(task, 0, &end)), Ok(()));
    assert_eq!(Stage::now(stage.ask(first, 0, &START)), Ok(1));
    Stage::later(stage.ask(first, 0, &Freeze { group }));
    assert_eq!(Stage::now(stage.ask(task, 0, &START)), Ok(1));
    Stage::later(stage.ask(first, 1, &Thaw { group }));
    stage.settle();
    let world = stage.world.borrow();
    let again = world.memory.thread(task, 1).unwrap();
    assert_ne!(world.priorities[&again], 1);
}
