//! Going further down: the caller's own task, into its own group or one below, all or nothing, never back.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;
mod serving;

use common::{Room, ledger};
use interfaces::accounting::{Server as _, Ticket};
use interfaces::call::Loopback;
use interfaces::limits::{
    CloseGroup, Enter, EnterRefusal, LabelText, OpenGroup, SetLabel, SetLimit, SetRefusal, WhoAmI,
};
use interfaces::provision::TASK_KIT;
use interfaces::{
    Badge, Call, CallError, Caller, GroupId, Limit, Resource, ServerName, TaskId, call,
};
use limits_core::{Arrival, LimitsServer};
use serving::dispatch;

struct World(LimitsServer<'static>);

impl World {
    fn new() -> Self {
        Self(LimitsServer::new(ledger(Room::all(8))))
    }

    fn birth(&mut self, index: u32, parent: Option<TaskId>, group: Option<GroupId>) -> TaskId {
        let task = TaskId {
            index,
            generation: 0,
        };
        let ticket = Ticket {
            thread: index,
            task,
            parent,
            group,
            amounts: TASK_KIT,
        };
        self.0
            .ticket(Caller::server(ServerName::Proc), ticket)
            .unwrap();
        let _ = self.0.handle(
            Some(Badge::Birth { thread: index }),
            Arrival::PageFault,
            &[],
            &mut [],
        );
        task
    }

    fn ask<C: Call>(
        &mut self,
        task: TaskId,
        request: &C,
    ) -> Result<C::Reply, CallError<C::Refusal>> {
        let caller = Caller::client(task.tag(), false);
        call(
            &mut Loopback {
                dispatch,
                server: &mut self.0,
                caller,
            },
            request,
        )
    }

    fn open(&mut self, task: TaskId, parent: Option<GroupId>) -> GroupId {
        self.ask(task, &OpenGroup { parent }).unwrap()
    }

    fn used(&self, group: GroupId, kind: Resource) -> u64 {
        self.0.ledger().resource(group, kind).unwrap().usage
    }
}

#[test]
fn a_task_goes_down_with_its_counts_and_leaves_what_was_paid_for_it() {
    let mut world = World::new();
    let task = world.birth(1, None, None);
    let group = world.open(task, None);
    let above = world.used(GroupId::ROOT, Resource::Tasks);
    world.ask(task, &Enter { group }).unwrap();
    assert_eq!(world.ask(task, &WhoAmI {}).unwrap().group, group);
    assert_eq!(world.used(group, Resource::Tasks), 1);
    assert_eq!(world.used(group, Resource::Threads), 1);
    assert_eq!(world.used(group, Resource::Frames), 0);
    assert_eq!(world.used(GroupId::ROOT, Resource::Tasks), above);
    // Where it is already, it may stay.
    let before = world.0.ledger().snapshot();
    world.ask(task, &Enter { group }).unwrap();
    assert_eq!(world.0.ledger().snapshot(), before);
}

#[test]
fn nobody_goes_up_or_aside() {
    let mut world = World::new();
    let maker = world.birth(1, None, None);
    let (pen, beside) = (world.open(maker, None), world.open(maker, None));
    let member = world.birth(2, Some(maker), Some(pen));
    let before = world.0.ledger().snapshot();
    let gone = GroupId {
        index: pen.index,
        generation: 9,
    };
    for group in [GroupId::ROOT, beside, gone] {
        assert_eq!(
            world.ask(member, &Enter { group }),
            Err(CallError::Refused(EnterRefusal::UnknownGroup))
        );
    }
    assert_eq!(world.0.ledger().snapshot(), before);
}

#[test]
fn a_full_group_lets_nobody_in() {
    let mut world = World::new();
    let task = world.birth(1, None, None);
    let group = world.open(task, None);
    world
        .ask(
            task,
            &SetLimit {
                group,
                resource: Resource::Tasks,
                limit: Limit::At(0),
            },
        )
        .unwrap();
    let before = world.0.ledger().snapshot();
    let Err(CallError::Refused(EnterRefusal::Short(short))) = world.ask(task, &Enter { group })
    else {
        panic!("a full group let a task in");
    };
    assert_eq!(
        (short.group, short.limit, short.used, short.asked),
        (Some(group), 0, 0, 1)
    );
    assert_eq!(
        world
            .0
            .ledger()
            .snapshot()
            .before_refusal(group, Resource::Tasks),
        before
    );
}

#[test]
fn who_opened_a_group_changes_it_from_inside_until_it_lets_go() {
    let mut world = World::new();
    let maker = world.birth(1, None, None);
    let group = world.open(maker, None);
    let member = world.birth(2, Some(maker), Some(group));
    world.ask(maker, &Enter { group }).unwrap();
    let limit = SetLimit {
        group,
        resource: Resource::Tasks,
        limit: Limit::At(9),
    };
    let label = SetLabel {
        group,
        label: LabelText::cut("mine"),
    };
    world.ask(maker, &limit).unwrap();
    world.ask(maker, &label).unwrap();
    assert_eq!(
        world.ask(member, &limit),
        Err(CallError::Refused(SetRefusal::NotYours))
    );
    world.ask(maker, &CloseGroup { group }).unwrap();
    assert_eq!(
        world.ask(maker, &limit),
        Err(CallError::Refused(SetRefusal::NotYours))
    );
    assert_eq!(
        world.ask(maker, &label),
        Err(CallError::Refused(SetRefusal::NotYours))
    );
}
