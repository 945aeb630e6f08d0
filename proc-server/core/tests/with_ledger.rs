//! The proc-server with the real ledger: what one of them expects of the other is so.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that goes wrong is to stop"
)]

mod world;

use interfaces::accounting::TicketRefusal;
use interfaces::limits::{Enter, OpenGroup};
use interfaces::process::*;
use interfaces::provision::ProgramId;
use interfaces::{GroupId, Limit, Resource, TaskId, Text};
use world::{START, Stage, TheLedger, end_thread, group};

fn stage(limits: [Limit; 4]) -> Stage {
    let stage = Stage::new(64, 64);
    stage.world.borrow_mut().ledger = Some(TheLedger::with_task_limits(limits));
    stage
}

fn spawn(
    stage: &mut Stage,
    parent: TaskId,
    group: Option<GroupId>,
) -> Result<TaskId, SpawnRefusal> {
    let request = Spawn {
        program: ProgramId(0),
        group,
        arguments: Text::default(),
    };
    Stage::now(stage.ask(parent, 0, &request))
}

fn audit(stage: &mut Stage, operator: TaskId) {
    let mut after = None;
    while let Some(group) = Stage::now(stage.ask(operator, 0, &NextGroup { after })).unwrap() {
        let found = Stage::now(stage.ask(operator, 0, &Audit { group })).unwrap();
        assert_eq!(found.ledger, found.held, "group {group}");
        after = Some(group);
    }
}

fn usage(stage: &Stage, of: GroupId) -> interfaces::Amounts {
    let world = stage.world.borrow();
    world.ledger.as_ref().unwrap().usage(of)
}

#[test]
fn a_bomb_stops_at_exactly_its_limit_again_and_again() {
    let mut stage = stage([Limit::Max, Limit::At(20), Limit::Max, Limit::Max]);
    let operator = stage.boot(1, true);
    let before = usage(&stage, GroupId::ROOT);
    for _ in 0..5 {
        let first = spawn(&mut stage, operator, Some(group(2))).unwrap();
        for _ in 1..20 {
            spawn(&mut stage, first, None).unwrap();
        }
        let refused = spawn(&mut stage, first, None).unwrap_err();
        let SpawnRefusal::Ticket(TicketRefusal::Short(short)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(
            (short.resource, short.limit, short.used),
            (Resource::Tasks, 20, 20)
        );
        audit(&mut stage, operator);
        let killing = KillGroup { group: group(2) };
        let request = Stage::later(stage.ask(operator, 0, &killing));
        stage.settle();
        let receipt = stage.answer_to::<KillGroup>(request).unwrap().unwrap();
        assert_eq!(receipt.held, receipt.returned);
        assert_eq!(receipt.held.get(Resource::Tasks), 20);
        assert_eq!(usage(&stage, GroupId::ROOT), before);
        audit(&mut stage, operator);
        let told = Stage::now(stage.ask(operator, 0, &Wait { child: None })).unwrap();
        assert_eq!(told.task, first);
    }
    assert_eq!(stage.server.counts().alarms, 0);
}

#[test]
fn who_opened_many_groups_is_told_of_when_all_of_them_are_gone() {
    let mut stage = stage([Limit::Max; 4]);
    let first = stage.boot(1, true);
    let before = usage(&stage, GroupId::ROOT);
    let task = spawn(&mut stage, first, Some(group(4))).unwrap();
    let mut parent = group(4);
    for number in 0..110 {
        let opened = {
            let mut world = stage.world.borrow_mut();
            let ledger = world.ledger.as_mut().unwrap();
            let open = OpenGroup {
                parent: Some(parent),
            };
            ledger.ask_as(task, &open).unwrap()
        };
        if number < 40 {
            parent = opened;
        }
    }
    let waiting = Stage::later(stage.ask(first, 0, &Wait { child: Some(task) }));
    Stage::later(stage.ask(task, 0, &Exit { code: 3 }));
    stage.settle();
    let ended = stage.answer_to::<Wait>(waiting).unwrap().unwrap();
    assert_eq!(ended.reason, ExitReason::Exited { code: 3 });
    assert_eq!(usage(&stage, GroupId::ROOT), before);
    assert_eq!(stage.server.counts().alarms, 0);
    audit(&mut stage, first);
}

#[test]
fn whoever_keeps_the_places_for_kills_busy_is_killed_all_the_same() {
    let mut stage = stage([Limit::Max; 4]);
    let operator = stage.boot(1, true);
    let before = usage(&stage, GroupId::ROOT);
    let mut outcomes = Vec::new();
    for _ in 0..13 {
        let busy = spawn(&mut stage, operator, Some(group(2))).unwrap();
        let opened = {
            let mut world = stage.world.borrow_mut();
            let ledger = world.ledger.as_mut().unwrap();
            let open = OpenGroup { parent: None };
            ledger.ask_as(busy, &open).unwrap()
        };
        spawn(&mut stage, busy, Some(opened)).unwrap();
        outcomes.push((busy, KillGroup { group: opened }));
    }
    let (last, one_too_many) = outcomes.pop().unwrap();
    for (busy, killing) in outcomes {
        Stage::later(stage.ask(busy, 0, &killing));
    }
    let refused = Stage::now(stage.ask(last, 0, &one_too_many));
    assert_eq!(refused, Err(KillGroupRefusal::TableFull));
    let killing = KillGroup { group: group(2) };
    let request = Stage::later(stage.ask(operator, 0, &killing));
    stage.settle();
    let receipt = stage.answer_to::<KillGroup>(request).unwrap().unwrap();
    assert_eq!(receipt.held.get(Resource::Tasks), 26);
    assert_eq!(usage(&stage, GroupId::ROOT), before);
    assert_eq!(stage.server.counts().alarms, 0);
}

#[test]
fn a_thousand_spawns_and_exits_leave_nothing() {
    let mut stage = stage([Limit::Max; 4]);
    let first = stage.boot(1, true);
    let before = usage(&stage, GroupId::ROOT);
    for code in 0..1000 {
        let task = spawn(&mut stage, first, Some(group(4))).unwrap();
        assert_eq!(Stage::now(stage.ask(task, 0, &START)), Ok(1));
        assert_eq!(Stage::now(stage.ask(task, 1, &START)), Ok(2));
        let end = end_thread(1);
        assert_eq!(Stage::now(stage.ask(task, 0, &end)), Ok(()));
        Stage::later(stage.ask(task, 2, &Exit { code }));
        let waiting = Stage::later(stage.ask(first, 0, &Wait { child: Some(task) }));
        stage.settle();
        let ended = stage.answer_to::<Wait>(waiting).unwrap().unwrap();
        assert_eq!(ended.reason, ExitReason::Exited { code });
        assert_eq!(usage(&stage, GroupId::ROOT), before);
    }
    assert_eq!(stage.server.counts().alarms, 0);
}

#[test]
fn groups_that_a_task_opened_are_killed_audited_and_let_go() {
    let mut stage = stage([Limit::Max; 4]);
    let operator = stage.boot(1, true);
    let before = usage(&stage, GroupId::ROOT);
    let nest = spawn(&mut stage, operator, Some(group(3))).unwrap();
    let mut inner = Vec::new();
    let mut parent = None;
    for _ in 0..8 {
        let opened = {
            let world = &mut *stage.world.borrow_mut();
            let ledger = world.ledger.as_mut().unwrap();
            ledger.ask_as(nest, &OpenGroup { parent }).unwrap()
        };
        inner.push(spawn(&mut stage, nest, Some(opened)).unwrap());
        parent = Some(opened);
    }
    audit(&mut stage, operator);
    // Its children are in groups below its own, whoever spawned them; those above it are not.
    let kill = Stage::later(stage.ask(inner[0], 0, &Kill { task: inner[7] }));
    stage.settle();
    assert_eq!(stage.answer_to::<Kill>(kill), Some(Ok(())));
    let refused = Stage::now(stage.ask(inner[7 - 1], 0, &Kill { task: inner[0] }));
    assert_eq!(refused, Err(TaskRefusal::UnknownTask));
    let request = Stage::later(stage.ask(operator, 0, &KillGroup { group: group(3) }));
    stage.settle();
    let receipt = stage.answer_to::<KillGroup>(request).unwrap().unwrap();
    assert_eq!(receipt.held, receipt.returned);
    assert_eq!(usage(&stage, GroupId::ROOT), before);
    audit(&mut stage, operator);
    assert_eq!(stage.server.counts().alarms, 0);
}

#[test]
fn a_task_that_went_down_is_counted_and_killed_where_it_is() {
    let mut stage = stage([Limit::Max; 4]);
    let operator = stage.boot(1, true);
    let before = usage(&stage, GroupId::ROOT);
    let task = spawn(&mut stage, operator, Some(group(3))).unwrap();
    let beside = spawn(&mut stage, operator, Some(group(3))).unwrap();
    let refused = Stage::now(stage.ask(beside, 0, &Kill { task }));
    assert_eq!(refused, Err(TaskRefusal::UnknownTask));
    {
        let world = &mut *stage.world.borrow_mut();
        let ledger = world.ledger.as_mut().unwrap();
        let enter = Enter { group: group(4) };
        ledger.ask_as(task, &enter).unwrap();
    }
    audit(&mut stage, operator);
    assert!(Stage::now(stage.ask(beside, 0, &ReadTask { task: Some(task) })).is_ok());
    let request = Stage::later(stage.ask(beside, 0, &KillGroup { group: group(4) }));
    stage.settle();
    let receipt = stage.answer_to::<KillGroup>(request).unwrap().unwrap();
    assert_eq!(receipt.held, receipt.returned);
    audit(&mut stage, operator);
    let told = Stage::now(stage.ask(operator, 0, &Wait { child: None })).unwrap();
    assert_eq!(told.reason, ExitReason::GroupKilled { group: group(4) });
    Stage::later(stage.ask(beside, 0, &Exit { code: 0 }));
    stage.settle();
    assert_eq!(usage(&stage, GroupId::ROOT), before);
    assert_eq!(stage.server.counts().alarms, 0);
}

#[test]
fn an_outsiders_group_is_refused_and_costs_nothing() {
    let mut stage = stage([Limit::Max; 4]);
    let operator = stage.boot(1, true);
    let task = spawn(&mut stage, operator, Some(group(2))).unwrap();
    let before = usage(&stage, GroupId::ROOT);
    for outside in [group(1), group(3), group(4), group(9)] {
        let refused = spawn(&mut stage, task, Some(outside));
        assert_eq!(
            refused,
            Err(SpawnRefusal::Ticket(TicketRefusal::UnknownGroup))
        );
        let killing = KillGroup { group: outside };
        let request = Stage::later(stage.ask(task, 0, &killing));
        assert!(stage.answer_to::<KillGroup>(request).unwrap().is_err());
    }
    assert_eq!(usage(&stage, GroupId::ROOT), before);
}
