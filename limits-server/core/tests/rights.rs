//! Each right missing, one at a time, for every operation; where rights come from; and what they never do.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;
mod serving;

use common::{Room, ledger};
use interfaces::accounting::{
    BeginKill, CheckRights, EndTask, KillRefusal, MoveRefusal, MoveTask, RightsRefusal,
    SetCredentials, Ticket,
};
use interfaces::call::Loopback;
use interfaces::events::Ending;
use interfaces::limits::{
    self, ENTRIES_PER_GROUP, GrantRefusal, LabelText, OpenGroupRefusal, OwnRefusal, ReadRefusal,
    RemoveRefusal, RevokeRefusal, Rights, SetRefusal, WouldFitRefusal,
};
use interfaces::provision::TASK_KIT;
use interfaces::{
    Amounts, Badge, Call, CallError, Caller, GroupId, Limit, Resource, ServerName, TaskId, call,
};
use limits_core::{Arrival, ENTRY_BYTES, LimitsServer, Operation};
use serving::dispatch;

const PROC: Caller = Caller::server(ServerName::Proc);
const KIND: Resource = Resource::Frames;

/// What a refusal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    NotYours,
    Unknown,
}

trait Says: std::fmt::Debug {
    fn says(&self) -> Outcome {
        let text = format!("{self:?}");
        match text.as_str() {
            "NotYours" => Outcome::NotYours,
            "UnknownGroup" | "UnknownTask" => Outcome::Unknown,
            // It has looked.
            "NotFound" => Outcome::Done,
            _ => panic!("{text}"),
        }
    }
}
impl<T: std::fmt::Debug> Says for T {}

/// A maker in the root, which has opened two groups; a member in each, and an outsider in the second.
struct World {
    server: LimitsServer<'static>,
    maker: TaskId,
    target: GroupId,
    beside: GroupId,
    inside: TaskId,
    spare: TaskId,
    outsider: TaskId,
}

fn client(task: TaskId) -> Caller {
    Caller::client(task.tag(), false)
}

fn task(index: u32) -> TaskId {
    TaskId {
        index,
        generation: 0,
    }
}

fn ended(task: TaskId) -> EndTask {
    EndTask {
        task,
        ending: Ending::NeverRan,
    }
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            server: LimitsServer::new(ledger(Room {
                entries: 64,
                ..Room::all(48)
            })),
            maker: task(1),
            target: GroupId::ROOT,
            beside: GroupId::ROOT,
            inside: task(2),
            spare: task(3),
            outsider: task(4),
        };
        world.birth(world.maker, None, None);
        world.target = world.did(world.maker, &limits::OpenGroup { parent: None });
        world.beside = world.did(world.maker, &limits::OpenGroup { parent: None });
        let apart = world.did(world.maker, &limits::OpenGroup { parent: None });
        world.birth(world.inside, Some(world.maker), Some(world.target));
        world.birth(world.spare, Some(world.maker), Some(world.beside));
        world.birth(world.outsider, Some(world.maker), Some(apart));
        let limit = limits::SetLimit {
            group: world.target,
            resource: KIND,
            limit: Limit::At(500),
        };
        world.did(world.maker, &limit);
        world
    }

    fn birth(&mut self, task: TaskId, parent: Option<TaskId>, group: Option<GroupId>) {
        let ticket = Ticket {
            thread: task.index,
            task,
            parent,
            group,
            amounts: TASK_KIT,
        };
        self.ask(PROC, &ticket).unwrap();
        let badge = Some(Badge::Birth { thread: task.index });
        let _ = self.server.handle(badge, Arrival::PageFault, &[], &mut []);
    }

    fn ask<C: Call>(
        &mut self,
        caller: Caller,
        request: &C,
    ) -> Result<C::Reply, CallError<C::Refusal>> {
        let mut loopback = Loopback {
            dispatch,
            server: &mut self.server,
            caller,
        };
        call(&mut loopback, request)
    }

    fn did<C: Call>(&mut self, task: TaskId, request: &C) -> C::Reply
    where
        C::Refusal: std::fmt::Debug,
    {
        self.ask(client(task), request).unwrap()
    }

    fn refused<C: Call>(&mut self, task: TaskId, request: &C) -> C::Refusal
    where
        C::Reply: std::fmt::Debug,
    {
        match self.ask(client(task), request) {
            Err(CallError::Refused(refusal)) => refusal,
            Ok(reply) => panic!("{reply:?} is no refusal"),
            Err(CallError::Protocol(error)) => panic!("{error:?}"),
        }
    }

    fn grant(&mut self, task: TaskId, group: GroupId, rights: Rights) {
        let grant = limits::Grant {
            group,
            task,
            rights,
        };
        self.did(self.maker, &grant);
    }

    fn tries<C: Call>(&mut self, caller: Caller, request: &C) -> Outcome
    where
        C::Refusal: std::fmt::Debug,
    {
        match self.ask(caller, request) {
            Ok(_) => Outcome::Done,
            Err(CallError::Refused(refusal)) => refusal.says(),
            Err(CallError::Protocol(error)) => panic!("{error:?}"),
        }
    }

    /// What an outsider is told when it does something.
    #[expect(
        clippy::too_many_lines,
        reason = "one line or two for each operation there is"
    )]
    fn does(&mut self, act: &Act) -> Outcome {
        let (group, by) = (self.target, self.outsider);
        let me = client(by);
        let some = Some(group);
        let set = |limit| limits::SetLimit {
            group,
            resource: KIND,
            limit,
        };
        let soft = |limit| limits::SetSoftLimit {
            group,
            resource: KIND,
            limit,
        };
        let check = |rights| CheckRights {
            task: by,
            group,
            rights,
        };
        let label = LabelText::cut("tried");
        match act {
            Act::ReadAccount => self.tries(me, &limits::ReadAccount { group: some }),
            Act::ReadUsage => self.tries(me, &limits::ReadUsage { group: some }),
            Act::ReadResource => self.tries(
                me,
                &limits::ReadResource {
                    group: some,
                    resource: KIND,
                },
            ),
            Act::ListChildren => self.tries(
                me,
                &limits::ListChildren {
                    group: some,
                    after: None,
                },
            ),
            Act::ListTasks => self.tries(
                me,
                &limits::ListTasks {
                    group: some,
                    after: None,
                },
            ),
            Act::EffectiveLimit => self.tries(
                me,
                &limits::EffectiveLimit {
                    group: some,
                    resource: KIND,
                },
            ),
            Act::WouldFit => self.tries(
                me,
                &limits::WouldFit {
                    group: some,
                    amounts: Amounts::of(KIND, 1),
                },
            ),
            Act::ListRights => self.tries(me, &limits::ListRights { group: some }),
            Act::ReadOwner => self.tries(me, &limits::ReadOwner { group: some }),
            Act::ReadTotals => self.tries(me, &limits::ReadTotals { group: some }),
            Act::FindChild => self.tries(
                me,
                &limits::FindChild {
                    parent: some,
                    label,
                },
            ),
            Act::ListTombstones => self.tries(
                me,
                &limits::ListTombstones {
                    group: some,
                    after: 0,
                },
            ),
            Act::Open => self.tries(me, &limits::OpenGroup { parent: some }),
            Act::Lower => self.tries(me, &set(Limit::At(499))),
            Act::SetTheSame => self.tries(me, &set(Limit::At(500))),
            Act::Raise => self.tries(me, &set(Limit::At(501))),
            Act::Unlimit => self.tries(me, &set(Limit::Max)),
            Act::LowerSoft => self.tries(me, &soft(Limit::At(499))),
            Act::RaiseSoft => {
                self.did(self.maker, &soft(Limit::At(3)));
                self.tries(me, &soft(Limit::At(4)))
            }
            Act::Label => self.tries(me, &limits::SetLabel { group, label }),
            Act::Own => self.tries(
                me,
                &limits::SetOwner {
                    group,
                    uid: 1,
                    gid: 1,
                },
            ),
            Act::Mode => self.tries(me, &limits::SetMode { group, mode: 0o777 }),
            Act::ResetPeaks => self.tries(me, &limits::ResetPeaks { group }),
            Act::ResetRefusals => self.tries(me, &limits::ResetRefusals { group }),
            Act::Hold => self.tries(me, &limits::Hold { group }),
            Act::Unhold => self.tries(me, &limits::Unhold { group }),
            Act::Remove => {
                let end = ended(self.inside);
                self.ask(PROC, &end).unwrap();
                self.tries(me, &limits::RemoveGroup { group })
            }
            Act::Kill => self.tries(
                PROC,
                &BeginKill {
                    group,
                    by: Some(by),
                },
            ),
            Act::Freeze => self.tries(PROC, &check(Rights::FREEZE)),
            Act::Watch => self.tries(PROC, &check(Operation::Watch.needs())),
            Act::MoveOut => {
                self.grant(by, self.beside, Rights::MOVE_IN);
                let request = MoveTask {
                    task: self.inside,
                    group: self.beside,
                    by: Some(by),
                };
                self.tries(PROC, &request)
            }
            Act::MoveIn => {
                self.grant(by, self.beside, Rights::MOVE_OUT);
                let request = MoveTask {
                    task: self.spare,
                    group,
                    by: Some(by),
                };
                self.tries(PROC, &request)
            }
        }
    }
}

macro_rules! acts {
    ($($name:ident needs $rights:expr;)+) => {
        #[derive(Debug)]
        enum Act { $($name,)+ }
        const ACTS: &[(Act, Rights)] = &[$((Act::$name, $rights),)+];
    };
}

// Written out again, so that a change of the ledger's own table is seen.
acts! {
    ReadAccount needs Rights::SEE;
    ReadResource needs Rights::SEE;
    ReadUsage needs Rights::SEE;
    ListChildren needs Rights::SEE;
    ListTasks needs Rights::SEE;
    EffectiveLimit needs Rights::SEE;
    WouldFit needs Rights::SEE;
    ListRights needs Rights::SEE;
    ReadOwner needs Rights::SEE;
    ReadTotals needs Rights::SEE;
    FindChild needs Rights::SEE;
    ListTombstones needs Rights::SEE;
    Open needs Rights::SUBGROUPS;
    Lower needs Rights::LOWER;
    SetTheSame needs Rights::LOWER;
    Raise needs Rights::RAISE;
    Unlimit needs Rights::RAISE;
    LowerSoft needs Rights::LOWER;
    RaiseSoft needs Rights::RAISE;
    Label needs Rights::LOWER;
    Own needs Rights::MODE;
    Mode needs Rights::MODE;
    ResetPeaks needs Rights::LOWER;
    ResetRefusals needs Rights::LOWER;
    Hold needs Rights::KILL;
    Unhold needs Rights::KILL;
    Remove needs Rights::KILL;
    Kill needs Rights::KILL;
    Freeze needs Rights::FREEZE;
    Watch needs Rights::SEE.union(Rights::WATCH);
    MoveIn needs Rights::MOVE_IN;
    MoveOut needs Rights::MOVE_OUT;
}

#[test]
fn each_right_is_missed_by_each_operation_that_needs_it() {
    for (act, needs) in ACTS {
        let less_one = Rights::NAMES.map(|(right, _)| Rights::ALL.without(right));
        let only_one = Rights::NAMES.map(|(right, _)| right);
        let few = [Rights::NONE, Rights::ALL, needs.union(Rights::SEE)];
        for held in few.into_iter().chain(less_one).chain(only_one) {
            let mut world = World::new();
            if !held.is_none() {
                world.grant(world.outsider, world.target, held);
            }
            let expected = if held.contains(*needs) {
                Outcome::Done
            } else if held.contains(Rights::SEE) {
                Outcome::NotYours
            } else {
                Outcome::Unknown
            };
            assert_eq!(world.does(act), expected, "{act:?} with {held}");
        }
    }
}

#[test]
fn every_operation_of_the_table_is_tried() {
    for operation in Operation::ALL {
        let needs = operation.needs();
        assert!(
            ACTS.iter().any(|(_, other)| *other == needs),
            "{operation:?}"
        );
    }
}

#[test]
fn rights_hold_for_the_groups_below_and_for_nothing_else() {
    let mut world = World::new();
    let by = world.outsider;
    let below = world.did(
        world.inside,
        &limits::OpenGroup {
            parent: Some(world.target),
        },
    );
    world.grant(by, world.target, Rights::SEE.union(Rights::KILL));
    for (group, expected) in [
        (world.target, Ok(())),
        (below, Ok(())),
        (world.beside, Err(RightsRefusal::UnknownGroup)),
        (GroupId::ROOT, Err(RightsRefusal::UnknownGroup)),
    ] {
        let check = CheckRights {
            task: by,
            group,
            rights: Rights::KILL,
        };
        let answer = world.ask(PROC, &check);
        assert_eq!(answer, expected.map_err(CallError::Refused), "{group}");
    }
}

#[test]
fn rights_only_shrink_when_they_are_handed_on() {
    let mut world = World::new();
    let (by, group) = (world.outsider, world.target);
    let two = Rights::SEE.union(Rights::LOWER);
    world.grant(by, group, two);
    // To whom it cannot see, nothing; to itself again, no more than it has.
    let grant = |task, rights| limits::Grant {
        group,
        task,
        rights,
    };
    assert_eq!(
        world.refused(by, &grant(world.spare, two)),
        GrantRefusal::UnknownTask
    );
    let more = two.union(Rights::RAISE);
    assert_eq!(
        world.refused(by, &grant(world.inside, more)),
        GrantRefusal::NotYours
    );
    assert_eq!(
        world.refused(by, &grant(world.inside, Rights::NONE)),
        GrantRefusal::NotYours
    );
    world.did(by, &grant(world.inside, Rights::LOWER));
    let lowered = limits::SetLimit {
        group,
        resource: KIND,
        limit: Limit::At(7),
    };
    world.did(world.inside, &lowered);
    // Whoever handed it on takes it back; nobody else does but who is above.
    let revoke = |task, rights| limits::Revoke {
        group,
        task,
        rights,
    };
    assert_eq!(
        world.refused(world.inside, &revoke(by, two)),
        RevokeRefusal::NotYours
    );
    assert_eq!(
        world.refused(world.spare, &revoke(by, two)),
        RevokeRefusal::UnknownGroup
    );
    world.did(by, &revoke(world.inside, Rights::ALL));
    assert_eq!(world.refused(world.inside, &lowered), SetRefusal::NotYours);
    world.did(world.maker, &revoke(by, Rights::SEE));
    assert_eq!(world.does(&Act::ReadAccount), Outcome::Unknown);
    assert_eq!(world.does(&Act::Label), Outcome::Done);
    let rest = limits::GiveUp {
        group,
        rights: Rights::ALL,
    };
    world.did(by, &rest);
    assert_eq!(world.does(&Act::Label), Outcome::Unknown);
}

#[test]
fn a_member_hands_nothing_on_and_a_mode_gives_no_right_to_give() {
    let mut world = World::new();
    let (inside, group) = (world.inside, world.target);
    let grant = limits::Grant {
        group,
        task: inside,
        rights: Rights::SEE,
    };
    assert_eq!(world.refused(inside, &grant), GrantRefusal::NotYours);
    world.did(world.maker, &limits::SetMode { group, mode: 0o700 });
    let raise = limits::SetLimit {
        group,
        resource: KIND,
        limit: Limit::Max,
    };
    world.did(inside, &raise);
    let mode = limits::SetMode { group, mode: 0o777 };
    assert_eq!(world.refused(inside, &mode), OwnRefusal::NotYours);
    assert_eq!(world.refused(inside, &grant), GrantRefusal::NotYours);
    // Another user's has nothing of it, nor has who cannot see the group.
    let other = SetCredentials {
        task: inside,
        uid: 1,
        gid: 1,
    };
    world.ask(PROC, &other).unwrap();
    assert_eq!(world.refused(inside, &raise), SetRefusal::NotYours);
    assert_eq!(world.does(&Act::Raise), Outcome::Unknown);
    let high = limits::SetMode {
        group,
        mode: 0o1000,
    };
    assert_eq!(world.refused(world.maker, &high), OwnRefusal::BadMode);
}

#[test]
fn who_opened_a_group_may_kill_it_from_inside_and_a_member_may_not() {
    let mut world = World::new();
    let (maker, inside, group) = (world.maker, world.inside, world.target);
    let kill = |by| BeginKill {
        group,
        by: Some(by),
    };
    let refused = Err(CallError::Refused(KillRefusal::NotYours));
    assert_eq!(world.ask(PROC, &kill(inside)), refused);
    world.did(maker, &limits::Enter { group });
    world.did(
        maker,
        &limits::GiveUp {
            group,
            rights: Rights::KILL,
        },
    );
    assert_eq!(world.ask(PROC, &kill(maker)), refused);
    let rights = world.did(maker, &limits::MyRights { group: None });
    assert_eq!(rights, Rights::ALL.without(Rights::KILL));
}

#[test]
fn entries_are_bounded_paid_for_above_and_gone_with_their_task() {
    let mut world = World::new();
    let (group, other) = (world.target, world.outsider);
    let kernel = |world: &World| {
        let ledger = world.server.ledger();
        let account = ledger.resource(GroupId::ROOT, Resource::KernelMemory);
        account.unwrap().usage
    };
    let before = kernel(&world);
    // Each giver's is an entry of its own.
    world.grant(other, group, Rights::ALL);
    assert_eq!(kernel(&world), before.strict_add(ENTRY_BYTES));
    world.grant(other, group, Rights::SEE);
    assert_eq!(kernel(&world), before.strict_add(ENTRY_BYTES));
    let full = (10..).take(ENTRIES_PER_GROUP).map(task);
    let mut last = None;
    for child in full {
        world.birth(child, Some(world.maker), Some(world.beside));
        let grant = limits::Grant {
            group,
            task: child,
            rights: Rights::SEE,
        };
        last = Some(world.ask(client(world.maker), &grant));
    }
    assert_eq!(last, Some(Err(CallError::Refused(GrantRefusal::TooMany))));
    let listed = world.did(world.maker, &limits::ListRights { group: Some(group) });
    assert_eq!(listed.len(), ENTRIES_PER_GROUP.strict_add(1));
    // What a viewer may not see is not listed: a member sees nobody above or beside.
    let seen = world.did(world.inside, &limits::ListRights { group: None });
    assert!(seen.is_empty());
    for index in (10..).take(ENTRIES_PER_GROUP).chain([other.index]) {
        let end = ended(task(index));
        world.ask(PROC, &end).unwrap();
    }
    let listed = world.did(world.maker, &limits::ListRights { group: Some(group) });
    assert_eq!(listed.len(), 1);
}

#[test]
fn a_move_needs_both_rights_and_changes_nothing_above() {
    let mut world = World::new();
    let (maker, inside) = (world.maker, world.inside);
    let (from, to) = (world.target, world.beside);
    let request = MoveTask {
        task: inside,
        group: to,
        by: Some(maker),
    };
    let total = |world: &World, group| {
        let totals = world.server.ledger().totals(group).unwrap();
        totals.charged.get(Resource::Tasks)
    };
    let (root, source, target) = (
        total(&world, GroupId::ROOT),
        total(&world, from),
        total(&world, to),
    );
    world.ask(PROC, &request).unwrap();
    assert_eq!(total(&world, GroupId::ROOT), root);
    assert_eq!(total(&world, from), source);
    assert_eq!(total(&world, to), target.strict_add(1));
    // Nobody moves itself up, whatever it opened below.
    let mine = world.did(inside, &limits::OpenGroup { parent: None });
    world.did(inside, &limits::Enter { group: mine });
    let up = MoveTask {
        task: inside,
        group: to,
        by: Some(inside),
    };
    let unseen = Err(CallError::Refused(MoveRefusal::UnknownGroup));
    assert_eq!(world.ask(PROC, &up), unseen);
    // Nor does a member take anything into its own group, unless it was given the right to.
    let back = MoveTask {
        by: Some(world.spare),
        ..up
    };
    let lacking = Err(CallError::Refused(MoveRefusal::NotYours));
    assert_eq!(world.ask(PROC, &back), lacking);
    world.did(
        maker,
        &limits::Grant {
            group: to,
            task: world.spare,
            rights: Rights::MOVE_IN,
        },
    );
    assert_eq!(world.ask(PROC, &back).unwrap().group, to);
}

#[test]
fn nobody_takes_a_task_out_of_a_group_by_a_right_on_one_below_it() {
    let mut world = World::new();
    let (inside, outsider) = (world.inside, world.outsider);
    let apart = world.did(outsider, &limits::WhoAmI {}).group;
    // A member may look at another group, opens one in its own, goes there, and hands all its rights on to who is there.
    world.grant(inside, apart, Rights::SEE);
    let below = world.did(inside, &limits::OpenGroup { parent: None });
    world.did(inside, &limits::Enter { group: below });
    let grant = limits::Grant {
        group: below,
        task: outsider,
        rights: Rights::ALL,
    };
    world.did(inside, &grant);
    let out = world.did(outsider, &limits::OpenGroup { parent: None });
    let parent = Some(below);
    let deeper = world.did(outsider, &limits::OpenGroup { parent });
    let to = |group, by| MoveTask {
        task: inside,
        group,
        by: Some(by),
    };
    // Within the group below it may; out of the member's own group only who has the right on that.
    assert_eq!(world.tries(PROC, &to(out, outsider)), Outcome::NotYours);
    world.ask(PROC, &to(deeper, outsider)).unwrap();
    assert_eq!(world.tries(PROC, &to(out, outsider)), Outcome::NotYours);
    let target = world.target;
    world.grant(outsider, target, Rights::MOVE_OUT);
    world.ask(PROC, &to(out, outsider)).unwrap();
    assert_eq!(world.did(inside, &limits::WhoAmI {}).group, out);
}

#[test]
fn a_held_group_is_removed_when_it_is_empty_and_not_before() {
    let mut world = World::new();
    let (maker, group) = (world.maker, world.target);
    world.did(maker, &limits::Hold { group });
    let remove = limits::RemoveGroup { group };
    assert_eq!(world.refused(maker, &remove), RemoveRefusal::NotEmpty);
    let end = ended(world.inside);
    world.ask(PROC, &end).unwrap();
    world.did(maker, &limits::CloseGroup { group });
    let account = world.did(maker, &limits::ReadAccount { group: Some(group) });
    assert!(account.usage.is_none());
    world.did(maker, &remove);
    let gone = limits::ReadAccount { group: Some(group) };
    assert_eq!(world.refused(maker, &gone), ReadRefusal::UnknownGroup);
    let nowhere = limits::OpenGroup {
        parent: Some(group),
    };
    assert_eq!(
        world.refused(maker, &nowhere),
        OpenGroupRefusal::UnknownGroup
    );
    let fit = limits::WouldFit {
        group: Some(group),
        amounts: Amounts::NONE,
    };
    assert_eq!(world.refused(maker, &fit), WouldFitRefusal::UnknownGroup);
}

#[test]
fn a_soft_limit_is_counted_each_time_it_is_crossed_at_every_level() {
    let mut world = World::new();
    let (maker, group) = (world.maker, world.target);
    for (group, limit) in [(group, 2), (GroupId::ROOT, 4)] {
        // The root's own limits are set by the system alone.
        let soft = limits::SetSoftLimit {
            group,
            resource: Resource::CapSlots,
            limit: Limit::At(limit),
        };
        let answer = world.ask(client(maker), &soft);
        assert_eq!(answer.is_ok(), group != GroupId::ROOT);
    }
    let charge = |amount| interfaces::accounting::Charge {
        group,
        amounts: Amounts::of(KIND, amount),
    };
    let soft = limits::SetSoftLimit {
        group,
        resource: KIND,
        limit: Limit::At(10),
    };
    world.did(maker, &soft);
    let crossings = |world: &World| {
        let totals = world.server.ledger().totals(group).unwrap();
        totals.crossings.get(KIND)
    };
    let used = world.server.ledger().resource(group, KIND).unwrap().usage;
    world.ask(PROC, &charge(10_u64.strict_sub(used))).unwrap();
    assert_eq!(crossings(&world), 0);
    world.ask(PROC, &charge(1)).unwrap();
    world.ask(PROC, &charge(1)).unwrap();
    assert_eq!(crossings(&world), 1);
    let back = interfaces::accounting::Release {
        group,
        amounts: Amounts::of(KIND, 2),
    };
    world.ask(PROC, &back).unwrap();
    world.ask(PROC, &charge(300)).unwrap();
    assert_eq!(crossings(&world), 2);
    // A charge that a hard limit refuses crosses nothing.
    assert!(world.ask(PROC, &charge(1000)).is_err());
    assert_eq!(crossings(&world), 2);
}
