//! The whole limits-server without a kernel: every operation, every refusal, and whatever else may come in.

#![expect(
    clippy::too_many_lines,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod common;

use std::fmt::Debug;

use common::{Room, ledger};
use interfaces::accounting::{
    self, ChargeRefusal, KillRefusal, LookupRefusal, MoveRefusal, ReleaseRefusal, TicketRefusal,
};
use interfaces::call::{Loopback, MESSAGE_BYTES, decode_payload};
use interfaces::encode::encode;
use interfaces::identity::TaskTag;
use interfaces::limits::{
    self, Account, CloseGroupRefusal, GroupState, LabelText, OpenGroupRefusal, ReadRefusal,
    SetRefusal, WouldFitRefusal,
};
use interfaces::provision::{TASK_KIT, THREAD_KIT};
use interfaces::short::{Asked, HEAD_SHIFT, Plain, Words};
use interfaces::system::Group;
use interfaces::{
    Amounts, Badge, Call, CallError, Caller, Dispatched, GroupId, Label, Limit, ProtocolError,
    RESOURCES, Resource, ServerName, TaskId, call,
};
use limits_core::{Arrival, Door, LimitsServer, declared};

const ENDING: interfaces::events::Ending = interfaces::events::Ending::NeverRan;
const FRAME: Amounts = Amounts::of(Resource::Frames, 1);
/// Places in the declared list.
const DEMO: usize = 2;
const BOMB: usize = 3;
const STRANGER: usize = 4;

/// A server with a few groups.
struct Host {
    server: LimitsServer<'static>,
}

fn group(label: &str, parent: Option<u8>) -> Group {
    Group {
        label: LabelText::cut(label),
        parent,
        band: 1,
        limits: [Limit::Max; RESOURCES],
        soft: [Limit::Max; RESOURCES],
    }
}

fn host() -> Host {
    host_with(Room {
        groups: 24,
        bounds: 8,
        labels: 8,
        ..Room::all(16)
    })
}

fn host_with(room: Room) -> Host {
    let mut ledger = ledger(room);
    let mut bomb = group("bomb", Some(2));
    bomb.limits[Resource::Tasks.index()] = Limit::At(2);
    bomb.band = 3;
    let groups = [
        group("root", None),
        group("system", Some(0)),
        group("demo", Some(0)),
        bomb,
        group("stranger", Some(0)),
    ];
    ledger.declare(&groups).unwrap();
    Host {
        server: LimitsServer::new(ledger),
    }
}

fn dispatch(
    host: &mut Host,
    caller: Caller,
    label: Label,
    payload: &[u8],
    reply: &mut [u8],
) -> Dispatched {
    let arrival = Arrival::Request {
        label,
        with_capabilities: false,
    };
    let answer = host
        .server
        .handle(Some(Badge::Service(caller)), arrival, payload, reply);
    host.server.ledger().check();
    answer
}

impl Host {
    fn ask<C: Call>(
        &mut self,
        caller: Caller,
        request: &C,
    ) -> Result<C::Reply, CallError<C::Refusal>> {
        call(
            &mut Loopback {
                dispatch,
                server: self,
                caller,
            },
            request,
        )
    }

    fn proc<C: Call>(&mut self, request: &C) -> Result<C::Reply, CallError<C::Refusal>> {
        self.ask(Caller::server(ServerName::Proc), request)
    }

    fn memory<C: Call>(&mut self, request: &C) -> Result<C::Reply, CallError<C::Refusal>> {
        self.ask(Caller::server(ServerName::Memory), request)
    }

    /// A born task in a declared group.
    fn task(&mut self, index: u32, place: usize) -> Caller {
        let task = TaskId {
            index,
            generation: 0,
        };
        let group = Some(declared(place));
        let ticket = accounting::Ticket {
            thread: index,
            task,
            parent: None,
            group,
            amounts: TASK_KIT,
        };
        self.proc(&ticket).unwrap();
        self.birth(index);
        client(index)
    }

    fn birth(&mut self, thread: u32) {
        let badge = Some(Badge::Birth { thread });
        assert_eq!(
            self.server.handle(badge, Arrival::PageFault, &[], &mut []),
            Dispatched::Later
        );
    }
}

fn client(index: u32) -> Caller {
    Caller::client(
        TaskId {
            index,
            generation: 0,
        }
        .tag(),
        false,
    )
}

fn operator(index: u32) -> Caller {
    Caller::client(
        TaskId {
            index,
            generation: 0,
        }
        .tag(),
        true,
    )
}

fn id(caller: Caller) -> TaskId {
    TaskId {
        index: caller.task().unwrap().index(),
        generation: 0,
    }
}

fn refused<R: Debug, E: Debug>(answer: Result<R, CallError<E>>) -> E {
    match answer {
        Err(CallError::Refused(refusal)) => refusal,
        other => panic!("{other:?} is not a refusal"),
    }
}

#[test]
fn the_declared_groups_have_the_ids_of_their_places() {
    let mut host = host();
    let reader = host.task(0, DEMO);
    let account = host
        .ask(
            reader,
            &limits::ReadAccount {
                group: Some(declared(BOMB)),
            },
        )
        .unwrap();
    assert_eq!(account.label.as_str(), "bomb");
    assert_eq!(account.band, 3);
    assert_eq!(account.limit[Resource::Tasks.index()], Limit::At(2));
    assert_eq!(account.parent, Some(declared(DEMO)));
    assert_eq!(declared(0), GroupId::ROOT);
}

#[test]
fn a_client_opens_groups_sets_them_and_reads_them() {
    let mut host = host();
    let me = host.task(0, DEMO);
    let who = host.ask(me, &limits::WhoAmI {}).unwrap();
    assert_eq!((who.task, who.group), (id(me), declared(DEMO)));
    let opened = host.ask(me, &limits::OpenGroup { parent: None }).unwrap();
    let inner = host
        .ask(
            me,
            &limits::OpenGroup {
                parent: Some(opened),
            },
        )
        .unwrap();
    let (resource, limit) = (Resource::Frames, Limit::At(7));
    host.ask(
        me,
        &limits::SetLimit {
            group: opened,
            resource,
            limit,
        },
    )
    .unwrap();
    host.ask(
        me,
        &limits::SetSoftLimit {
            group: opened,
            resource,
            limit: Limit::At(5),
        },
    )
    .unwrap();
    host.ask(
        me,
        &limits::SetLabel {
            group: opened,
            label: LabelText::cut("mine"),
        },
    )
    .unwrap();
    let account = host
        .ask(
            me,
            &limits::ReadAccount {
                group: Some(opened),
            },
        )
        .unwrap();
    assert_eq!(
        (account.label.as_str(), account.children, account.state),
        ("mine", 1, GroupState::Live)
    );
    let group = Some(opened);
    let usage = host.ask(me, &limits::ReadUsage { group }).unwrap();
    assert_eq!((usage, usage.get(Resource::Groups)), (account.usage, 1));
    let frames = host
        .ask(
            me,
            &limits::ReadResource {
                group: Some(opened),
                resource,
            },
        )
        .unwrap();
    assert_eq!(
        (frames.limit, frames.soft, frames.usage),
        (limit, Limit::At(5), 0)
    );
    let children = host
        .ask(
            me,
            &limits::ListChildren {
                group: None,
                after: None,
            },
        )
        .unwrap();
    assert_eq!(&children.items[..], [declared(BOMB), opened]);
    let tasks = host
        .ask(
            me,
            &limits::ListTasks {
                group: None,
                after: None,
            },
        )
        .unwrap();
    assert_eq!((&tasks.items[..], tasks.more), (&[id(me)][..], false));
    let effective = host
        .ask(
            me,
            &limits::EffectiveLimit {
                group: Some(inner),
                resource,
            },
        )
        .unwrap();
    assert_eq!(
        (effective.left, effective.group),
        (Limit::At(7), Some(opened))
    );
    let fits = |count| limits::WouldFit {
        group: Some(inner),
        amounts: Amounts::of(resource, count),
    };
    host.ask(me, &fits(7)).unwrap();
    assert!(
        matches!(refused(host.ask(me, &fits(8))), WouldFitRefusal::Short(short) if short.group == Some(opened))
    );
    host.ask(me, &limits::CloseGroup { group: opened }).unwrap();
    host.ask(me, &limits::CloseGroup { group: inner }).unwrap();
    assert_eq!(
        refused(host.ask(
            me,
            &limits::ReadAccount {
                group: Some(opened)
            }
        )),
        ReadRefusal::UnknownGroup
    );
}

#[test]
fn a_client_neither_sees_nor_touches_what_is_above_or_beside_it() {
    let mut host = host();
    let me = host.task(0, DEMO);
    let (resource, limit) = (Resource::Frames, Limit::At(1));
    for hidden in [
        GroupId::ROOT,
        declared(STRANGER),
        GroupId {
            index: 3,
            generation: 9,
        },
        GroupId {
            index: 999,
            generation: 0,
        },
    ] {
        let group = Some(hidden);
        assert_eq!(
            refused(host.ask(me, &limits::OpenGroup { parent: group })),
            OpenGroupRefusal::UnknownGroup
        );
        assert_eq!(
            refused(host.ask(me, &limits::CloseGroup { group: hidden })),
            CloseGroupRefusal::UnknownGroup
        );
        assert_eq!(
            refused(host.ask(
                me,
                &limits::SetLimit {
                    group: hidden,
                    resource,
                    limit
                }
            )),
            SetRefusal::UnknownGroup
        );
        assert_eq!(
            refused(host.ask(
                me,
                &limits::SetSoftLimit {
                    group: hidden,
                    resource,
                    limit
                }
            )),
            SetRefusal::UnknownGroup
        );
        let label = LabelText::cut("x");
        assert_eq!(
            refused(host.ask(
                me,
                &limits::SetLabel {
                    group: hidden,
                    label
                }
            )),
            SetRefusal::UnknownGroup
        );
        assert_eq!(
            refused(host.ask(me, &limits::ReadAccount { group })),
            ReadRefusal::UnknownGroup
        );
        assert_eq!(
            refused(host.ask(me, &limits::ReadResource { group, resource })),
            ReadRefusal::UnknownGroup
        );
        assert_eq!(
            refused(host.ask(me, &limits::ReadUsage { group })),
            ReadRefusal::UnknownGroup
        );
        assert_eq!(
            refused(host.ask(me, &limits::ListChildren { group, after: None })),
            ReadRefusal::UnknownGroup
        );
        assert_eq!(
            refused(host.ask(me, &limits::ListTasks { group, after: None })),
            ReadRefusal::UnknownGroup
        );
        assert_eq!(
            refused(host.ask(me, &limits::EffectiveLimit { group, resource })),
            ReadRefusal::UnknownGroup
        );
        assert_eq!(
            refused(host.ask(
                me,
                &limits::WouldFit {
                    group,
                    amounts: FRAME
                }
            )),
            WouldFitRefusal::UnknownGroup
        );
    }
    // Its own group it reads, and may not change.
    let own = declared(DEMO);
    assert_eq!(
        refused(host.ask(
            me,
            &limits::SetLimit {
                group: own,
                resource,
                limit
            }
        )),
        SetRefusal::NotYours
    );
    assert_eq!(
        refused(host.ask(
            me,
            &limits::SetLabel {
                group: own,
                label: LabelText::default()
            }
        )),
        SetRefusal::NotYours
    );
    assert_eq!(
        refused(host.ask(me, &limits::CloseGroup { group: own })),
        CloseGroupRefusal::NotYours
    );
    assert_eq!(
        host.ask(me, &limits::ReadAccount { group: None })
            .unwrap()
            .parent,
        None
    );
}

#[test]
fn an_operator_reads_everything_and_changes_no_more_than_others() {
    let mut host = host();
    host.task(0, DEMO);
    let me = operator(0);
    let root = host
        .ask(
            me,
            &limits::ReadAccount {
                group: Some(GroupId::ROOT),
            },
        )
        .unwrap();
    assert_eq!(root.children, 3);
    let stranger = host
        .ask(
            me,
            &limits::ReadAccount {
                group: Some(declared(STRANGER)),
            },
        )
        .unwrap();
    assert_eq!(stranger.parent, Some(GroupId::ROOT));
    let (resource, limit) = (Resource::Frames, Limit::At(1));
    let set = limits::SetLimit {
        group: declared(STRANGER),
        resource,
        limit,
    };
    assert_eq!(refused(host.ask(me, &set)), SetRefusal::NotYours);
    let open = limits::OpenGroup {
        parent: Some(declared(STRANGER)),
    };
    assert_eq!(refused(host.ask(me, &open)), OpenGroupRefusal::NotYours);
}

#[test]
fn a_shortage_names_only_groups_that_the_caller_may_see() {
    let mut host = host();
    let (outer, inner) = (host.task(0, DEMO), host.task(1, BOMB));
    let resource = Resource::Groups;
    host.ask(
        outer,
        &limits::SetLimit {
            group: declared(BOMB),
            resource,
            limit: Limit::At(0),
        },
    )
    .unwrap();
    let OpenGroupRefusal::Short(seen) =
        refused(host.ask(inner, &limits::OpenGroup { parent: None }))
    else {
        panic!("not a shortage")
    };
    assert_eq!(
        (seen.group, seen.limit, seen.asked),
        (Some(declared(BOMB)), 0, 1)
    );
    // Now it is a group above that refuses: how much is left is told, but neither its name nor what others use.
    let own = host
        .ask(
            outer,
            &limits::OpenGroup {
                parent: Some(declared(DEMO)),
            },
        )
        .unwrap();
    let ticket = accounting::Ticket {
        thread: 2,
        task: TaskId {
            index: 2,
            generation: 0,
        },
        parent: Some(id(outer)),
        group: Some(own),
        amounts: TASK_KIT,
    };
    host.proc(&ticket).unwrap();
    host.birth(2);
    let kernel = Resource::KernelMemory;
    let standing = host
        .ask(
            outer,
            &limits::ReadResource {
                group: Some(own),
                resource: kernel,
            },
        )
        .unwrap()
        .usage;
    host.ask(
        outer,
        &limits::SetLimit {
            group: own,
            resource: kernel,
            limit: Limit::At(standing + limits_core::GROUP_BYTES + 40),
        },
    )
    .unwrap();
    let below = host
        .ask(client(2), &limits::OpenGroup { parent: None })
        .unwrap();
    host.proc(&accounting::MoveTask {
        task: id(client(2)),
        group: below,
        by: None,
    })
    .unwrap();
    let OpenGroupRefusal::Short(hidden) =
        refused(host.ask(client(2), &limits::OpenGroup { parent: None }))
    else {
        panic!("not a shortage")
    };
    assert_eq!(
        (hidden.group, hidden.resource, hidden.limit, hidden.used),
        (None, kernel, 40, 0)
    );
    // Nor does what fits no number tell how much the whole machine uses.
    let amounts = Amounts::of(kernel, u64::MAX);
    let too_much = limits::WouldFit {
        group: None,
        amounts,
    };
    let WouldFitRefusal::Short(hidden) = refused(host.ask(client(2), &too_much)) else {
        panic!("not a shortage")
    };
    assert_eq!((hidden.group, hidden.used), (None, 0));
    let charge = accounting::Charge {
        group: below,
        amounts: Amounts::of(kernel, 4096),
    };
    assert!(
        matches!(refused(host.memory(&charge)), ChargeRefusal::Short(short) if short.group.is_none())
    );
    let effective = host
        .ask(
            client(2),
            &limits::EffectiveLimit {
                group: None,
                resource: kernel,
            },
        )
        .unwrap();
    assert_eq!(
        (effective.group, effective.limit),
        (None, Limit::At(standing + limits_core::GROUP_BYTES + 40))
    );
}

#[test]
fn a_full_ledger_refuses_and_says_so() {
    let mut host = host_with(Room {
        groups: 6,
        bounds: 1,
        labels: 5,
        tasks: 2,
        threads: 2,
        entries: 1,
    });
    let me = host.task(0, DEMO);
    let opened = host.ask(me, &limits::OpenGroup { parent: None }).unwrap();
    assert_eq!(
        refused(host.ask(me, &limits::OpenGroup { parent: None })),
        OpenGroupRefusal::LedgerFull
    );
    let set = limits::SetLimit {
        group: opened,
        resource: Resource::Frames,
        limit: Limit::At(1),
    };
    assert_eq!(refused(host.ask(me, &set)), SetRefusal::LedgerFull);
    let label = LabelText::cut("one more");
    assert_eq!(
        refused(host.ask(
            me,
            &limits::SetLabel {
                group: opened,
                label
            }
        )),
        SetRefusal::LedgerFull
    );
    let label = LabelText::cut("bell\u{7}");
    assert_eq!(
        refused(host.ask(
            me,
            &limits::SetLabel {
                group: opened,
                label
            }
        )),
        SetRefusal::BadLabel
    );
}

#[test]
fn a_task_is_born_lives_and_ends_as_the_servers_say() {
    let mut host = host();
    let parent = host.task(0, DEMO);
    let child = TaskId {
        index: 1,
        generation: 0,
    };
    let ticket = accounting::Ticket {
        thread: 1,
        task: child,
        parent: Some(id(parent)),
        group: Some(declared(BOMB)),
        amounts: TASK_KIT,
    };
    let admitted = host.proc(&ticket).unwrap();
    assert_eq!((admitted.group, admitted.band), (declared(BOMB), 3));
    assert_eq!(refused(host.proc(&ticket)), TicketRefusal::BadPlace);
    let stranger = accounting::Ticket {
        thread: 2,
        task: TaskId {
            index: 2,
            generation: 0,
        },
        group: Some(declared(STRANGER)),
        ..ticket
    };
    assert_eq!(refused(host.proc(&stranger)), TicketRefusal::UnknownGroup);
    let orphan = accounting::Ticket {
        parent: Some(TaskId {
            index: 9,
            generation: 0,
        }),
        ..stranger
    };
    assert_eq!(refused(host.proc(&orphan)), TicketRefusal::UnknownTask);

    // Not born: no page, no voice.
    let first_page = accounting::ChargeTask {
        task: child,
        amounts: FRAME,
    };
    assert_eq!(refused(host.memory(&first_page)), ChargeRefusal::NotBorn);
    assert_eq!(
        host.ask(client(1), &limits::WhoAmI {}),
        Err(CallError::Protocol(ProtocolError::UnknownCaller))
    );
    assert_eq!(
        refused(host.proc(&accounting::Confirm { thread: 1 })),
        accounting::ConfirmRefusal::NotBorn
    );
    assert_eq!(
        refused(host.proc(&accounting::Confirm { thread: 5 })),
        accounting::ConfirmRefusal::NoTicket
    );
    host.birth(1);
    host.proc(&accounting::Confirm { thread: 1 }).unwrap();
    assert_eq!(host.memory(&first_page).unwrap(), declared(BOMB));
    host.memory(&accounting::Charge {
        group: declared(BOMB),
        amounts: FRAME,
    })
    .unwrap();

    let third = accounting::Ticket {
        thread: 3,
        task: TaskId {
            index: 3,
            generation: 0,
        },
        ..ticket
    };
    host.proc(&third).unwrap();
    let fourth = accounting::Ticket {
        thread: 4,
        task: TaskId {
            index: 4,
            generation: 0,
        },
        ..ticket
    };
    assert!(matches!(refused(host.proc(&fourth)), TicketRefusal::Short(short) if short.limit == 2));

    let further = accounting::ThreadTicket {
        thread: 2,
        task: child,
        amounts: THREAD_KIT,
    };
    host.proc(&further).unwrap();
    host.birth(2);
    assert_eq!(
        refused(host.proc(&accounting::EndThread { thread: 1 })),
        accounting::EndRefusal::FirstThread
    );
    host.proc(&accounting::EndThread { thread: 2 }).unwrap();
    assert_eq!(
        refused(host.proc(&accounting::EndThread { thread: 2 })),
        accounting::EndRefusal::Unknown
    );

    let move_up = accounting::MoveTask {
        task: child,
        group: declared(DEMO),
        by: None,
    };
    assert_eq!(host.proc(&move_up).unwrap().group, declared(DEMO));
    let nowhere = accounting::MoveTask {
        task: child,
        group: GroupId {
            index: 20,
            generation: 0,
        },
        by: None,
    };
    assert_eq!(refused(host.proc(&nowhere)), MoveRefusal::UnknownGroup);
    let nobody = accounting::MoveTask {
        task: TaskId {
            index: 9,
            generation: 0,
        },
        ..move_up
    };
    assert_eq!(refused(host.proc(&nobody)), MoveRefusal::UnknownTask);

    let back = accounting::Release {
        group: declared(BOMB),
        amounts: Amounts::of(Resource::Frames, 2),
    };
    host.memory(&back).unwrap();
    assert_eq!(refused(host.memory(&back)), ReleaseRefusal::MoreThanCharged);
    let stale = accounting::Release {
        group: GroupId {
            index: 4,
            generation: 7,
        },
        ..back
    };
    assert_eq!(refused(host.memory(&stale)), ReleaseRefusal::UnknownGroup);
    host.proc(&accounting::EndTask {
        task: child,
        ending: ENDING,
    })
    .unwrap();
    host.proc(&accounting::EndTask {
        task: third.task,
        ending: ENDING,
    })
    .unwrap();
    assert_eq!(
        refused(host.proc(&accounting::EndTask {
            task: child,
            ending: ENDING
        })),
        accounting::EndRefusal::Unknown
    );
    let own = host
        .proc(&accounting::OwnUsage {
            group: declared(BOMB),
        })
        .unwrap();
    assert_eq!(own, Amounts::NONE);
    // The same place again, with the next generation: the old badge is nobody's.
    let again = accounting::Ticket {
        task: TaskId {
            index: 1,
            generation: 1,
        },
        ..ticket
    };
    host.proc(&again).unwrap();
    host.birth(1);
    assert_eq!(
        host.ask(client(1), &limits::WhoAmI {}),
        Err(CallError::Protocol(ProtocolError::UnknownCaller))
    );
    let figures = host.proc(&accounting::ReadFigures {}).unwrap();
    assert_eq!(
        (
            figures.bad_releases,
            figures.protocol_errors,
            figures.births_without_ticket
        ),
        (2, 2, 0)
    );
    assert_eq!((figures.groups, figures.group_room), (5, 24));
}

#[test]
fn a_kill_closes_empties_and_ends_with_a_receipt() {
    let mut host = host();
    let killer = host.task(0, DEMO);
    let victim = host.task(1, BOMB);
    let bomb = declared(BOMB);
    host.memory(&accounting::Charge {
        group: bomb,
        amounts: FRAME,
    })
    .unwrap();
    let by = |caller| accounting::BeginKill {
        group: bomb,
        by: Some(id(caller)),
    };
    assert_eq!(refused(host.proc(&by(victim))), KillRefusal::NotYours);
    assert_eq!(
        refused(host.proc(&accounting::NextVictim { group: bomb })),
        KillRefusal::NotKilling
    );
    assert_eq!(
        host.proc(&accounting::IsBelow {
            group: bomb,
            task: id(killer)
        }),
        Ok(true)
    );
    assert_eq!(
        host.proc(&accounting::IsBelow {
            group: bomb,
            task: id(victim)
        }),
        Ok(false)
    );
    host.proc(&by(killer)).unwrap();
    assert_eq!(refused(host.proc(&by(killer))), KillRefusal::AlreadyKilling);
    assert_eq!(
        refused(host.memory(&accounting::ChargeTask {
            task: id(victim),
            amounts: FRAME
        })),
        ChargeRefusal::Killing
    );
    assert_eq!(
        refused(host.ask(victim, &limits::OpenGroup { parent: None })),
        OpenGroupRefusal::Killing
    );
    assert_eq!(
        refused(host.ask(
            victim,
            &limits::WouldFit {
                group: None,
                amounts: FRAME
            }
        )),
        WouldFitRefusal::Killing
    );
    assert_eq!(
        host.proc(&accounting::NextVictim { group: bomb }).unwrap(),
        Some(id(victim))
    );
    host.proc(&accounting::EndTask {
        task: id(victim),
        ending: ENDING,
    })
    .unwrap();
    assert_eq!(
        host.proc(&accounting::NextVictim { group: bomb }).unwrap(),
        None
    );
    assert_eq!(
        refused(host.proc(&accounting::FinishKill { group: bomb })),
        KillRefusal::NotEmpty
    );
    host.memory(&accounting::Release {
        group: bomb,
        amounts: FRAME,
    })
    .unwrap();
    let receipt = host.proc(&accounting::FinishKill { group: bomb }).unwrap();
    assert_eq!(receipt.held, receipt.returned);
    assert_eq!(receipt.held.get(Resource::Frames), 2);
    let walk = |after| accounting::NextGroup {
        top: declared(DEMO),
        after,
    };
    assert_eq!(host.proc(&walk(None)).unwrap(), Some(declared(DEMO)));
    assert_eq!(host.proc(&walk(Some(declared(DEMO)))).unwrap(), Some(bomb));
    assert_eq!(host.proc(&walk(Some(bomb))).unwrap(), None);
    assert_eq!(
        refused(host.proc(&walk(Some(declared(STRANGER))))),
        LookupRefusal::UnknownGroup
    );
    let records = host
        .proc(&accounting::OwnRecords {
            group: declared(DEMO),
        })
        .unwrap();
    assert_eq!(records.get(Resource::Groups), 1);
}

#[test]
fn the_door_lets_through_what_it_should_and_nothing_else() {
    let mut host = host();
    let me = Badge::Service(host.task(0, DEMO));
    let ended = Badge::Service(Caller::client(TaskTag::new(0, 1), true));
    let server = Badge::Service(Caller::server(ServerName::Memory));
    let birth = Badge::Birth { thread: 3 };
    let request = |label| Arrival::Request {
        label,
        with_capabilities: false,
    };
    let (ask, account) = (limits::WhoAmI::LABEL, accounting::ReadFigures::LABEL);
    let no = Door::TurnDown;
    let table = [
        (Some(me), request(ask), Door::Client(ask)),
        (Some(me), request(account), no(ProtocolError::NotForClients)),
        (Some(me), Arrival::PageFault, no(ProtocolError::ForgedFault)),
        (
            Some(me),
            Arrival::OtherFault,
            no(ProtocolError::ForgedFault),
        ),
        (
            Some(me),
            Arrival::Request {
                label: ask,
                with_capabilities: true,
            },
            no(ProtocolError::CapabilitiesSent),
        ),
        (Some(ended), request(ask), no(ProtocolError::UnknownCaller)),
        (
            Some(ended),
            request(account),
            no(ProtocolError::UnknownCaller),
        ),
        (Some(server), request(account), Door::Server(account)),
        (
            Some(server),
            request(ask),
            no(ProtocolError::UnknownInterface),
        ),
        (
            Some(server),
            Arrival::PageFault,
            no(ProtocolError::ForgedFault),
        ),
        (Some(birth), Arrival::PageFault, Door::Birth(3)),
        (Some(birth), Arrival::OtherFault, Door::Silence),
        (
            Some(birth),
            request(ask),
            no(ProtocolError::UnknownInterface),
        ),
        (
            Some(Badge::Fault(TaskTag::new(0, 0))),
            Arrival::PageFault,
            Door::Silence,
        ),
        (
            Some(Badge::ServerFault(ServerName::Proc)),
            Arrival::PageFault,
            Door::Silence,
        ),
        (Some(Badge::Signal { bits: 1 }), request(ask), Door::Silence),
        (None, request(ask), Door::Silence),
    ];
    for (badge, arrival, expected) in table {
        assert_eq!(
            host.server.door(badge, arrival),
            expected,
            "{badge:?} {arrival:?}"
        );
    }
}

#[test]
fn a_birth_that_nobody_announced_is_an_alarm_and_never_answered() {
    let mut host = host();
    for thread in [0, 15, 16, u32::MAX] {
        host.birth(thread);
    }
    let figures = host.proc(&accounting::ReadFigures {}).unwrap();
    assert_eq!(figures.births_without_ticket, 4);
}

/// Does something for each request of both interfaces.
macro_rules! each_request {
    ($do:ident) => {
        $do!(limits: OpenGroup CloseGroup SetLimit SetSoftLimit SetLabel ReadAccount ReadResource ListChildren
            ListTasks EffectiveLimit WouldFit WhoAmI Enter Grant Revoke GiveUp ListRights MyRights SetOwner SetMode
            ReadOwner ResetPeaks ResetRefusals Hold Unhold RemoveGroup FindChild ReadTombstone ListTombstones
            ReadTotals Watch Unwatch ReadSnapshot ReadFreeze ReadGuarantee Ping ReadUsage);
        $do!(accounting: Ticket ThreadTicket Confirm EndThread EndTask Charge ChargeTask Release MoveTask BeginKill
            NextVictim NextGroup FinishKill OwnUsage ReadFigures IsBelow OwnRecords SetCredentials CheckRights AttachRing
            DetachRing Freeze Thaw NextUnsettled ReadPlace AbandonKill WantsGround AddTract
            WithdrawTract Guarantee SetAside ChargeSome RestThread WakeThread);
    };
}

/// Whether an answer is one that its request can have.
fn is_typed(label: Label, answer: &[u8]) -> bool {
    macro_rules! decode {
        ($interface:ident: $($request:ident)+) => {
            $(if label == $interface::$request::LABEL {
                type Answer = Result<<$interface::$request as Call>::Reply, <$interface::$request as Call>::Refusal>;
                return decode_payload::<Answer>(answer).is_ok();
            })+
        };
    }
    each_request!(decode);
    false
}

/// As much of some bytes as a request takes, if they begin with one.
fn trimmed(label: Label, bytes: &[u8]) -> &[u8] {
    macro_rules! trim {
        ($interface:ident: $($request:ident)+) => {
            $(if label == $interface::$request::LABEL {
                let rest = interfaces::decode::decode::<$interface::$request>(bytes).map(|(_, rest)| rest.len());
                return &bytes[..bytes.len() - rest.unwrap_or_default()];
            })+
        };
    }
    each_request!(trim);
    bytes
}

fn labels() -> Vec<Label> {
    let mut labels = Vec::new();
    macro_rules! list {
        ($interface:ident: $($request:ident)+) => { $(labels.push($interface::$request::LABEL);)+ };
    }
    each_request!(list);
    labels
}

#[test]
fn every_operation_of_both_interfaces_is_in_the_list() {
    let expected = limits::OPERATIONS.len() + accounting::OPERATIONS.len();
    assert_eq!(labels().len(), expected);
}

#[test]
fn a_label_or_a_length_that_is_wrong_is_turned_down_and_changes_nothing() {
    let mut host = host();
    let me = host.task(0, DEMO);
    let before = host.server.ledger().snapshot();
    let mut reply = [0; MESSAGE_BYTES];
    let mut send =
        |caller, label, payload: &[u8]| dispatch(&mut host, caller, label, payload, &mut reply);
    let proc = Caller::server(ServerName::Proc);
    for label in labels() {
        let caller = if label.interface() == limits::INTERFACE {
            me
        } else {
            proc
        };
        let wrong = |error| Dispatched::Protocol(error);
        // Too long, by a word and by a byte that is not zero.
        assert_eq!(
            send(caller, label, &[0; 900]),
            wrong(ProtocolError::Malformed),
            "{label:?}"
        );
        assert_eq!(
            send(caller, label, &[0xff; 40]),
            wrong(ProtocolError::Malformed),
            "{label:?}"
        );
        let version = Label::new(label.interface(), 9, label.operation());
        assert_eq!(
            send(caller, version, &[]),
            wrong(ProtocolError::UnknownVersion)
        );
        let operation = Label::new(label.interface(), label.version(), 200);
        assert_eq!(
            send(caller, operation, &[]),
            wrong(ProtocolError::UnknownOperation)
        );
        let interface = Label::new(9, 1, 0);
        assert_eq!(
            send(caller, interface, &[]),
            wrong(ProtocolError::UnknownInterface)
        );
    }
    // Every request but the empty ones needs at least a byte.
    let empty = [
        limits::Ping::LABEL,
        limits::WhoAmI::LABEL,
        accounting::ReadFigures::LABEL,
        accounting::WantsGround::LABEL,
        accounting::AddTract::LABEL,
        accounting::WithdrawTract::LABEL,
    ];
    for label in labels().into_iter().filter(|label| !empty.contains(label)) {
        let caller = if label.interface() == limits::INTERFACE {
            me
        } else {
            proc
        };
        assert_eq!(
            send(caller, label, &[]),
            Dispatched::Protocol(ProtocolError::Malformed),
            "{label:?}"
        );
    }
    assert_eq!(host.server.ledger().snapshot(), before);
}

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % sides
    }

    /// Bytes, mostly small ones, which name things that there are.
    fn payload(&mut self) -> Vec<u8> {
        let small = self.roll(4) != 0;
        let length = if self.roll(20) == 0 {
            self.roll(960)
        } else {
            self.roll(14)
        };
        (0..length)
            .map(|_| {
                if small {
                    // As numbers 0 to 2, as tags 0, 1, 2 and 4.
                    [0, 0, 1, 2, 2, 4][self.roll(6) as usize]
                } else {
                    self.roll(256) as u8
                }
            })
            .collect()
    }

    /// Words of a short form, mostly as many as it has, which mostly name things that there are.
    fn words(&mut self, label: Label) -> Vec<u8> {
        let accounting = label.interface() == accounting::INTERFACE;
        let length = match (accounting, label.operation() & !interfaces::short::BIT) {
            _ if self.roll(8) == 0 => self.roll(5),
            (false, 11) => 0,
            (false, 0 | 1 | 12) | (true, 2) => 1,
            (false, 6) => 2,
            (false, 2 | 3) => 3,
            _ => 4,
        };
        let amounts = length == 4;
        (0..length)
            .flat_map(|place| {
                let word = match (self.roll(16), place) {
                    (0, _) => self.roll(u64::MAX),
                    (1 | 2, 0) => u64::MAX,
                    (_, 1) if amounts => 1 << self.roll(11) | self.roll(40) << 16,
                    (_, 1) => self.roll(12),
                    _ => self.roll(6),
                };
                word.to_le_bytes()
            })
            .collect()
    }

    /// Mostly somebody who may send such a message.
    fn badge(&mut self, arrival: Arrival) -> Option<Badge> {
        match (self.roll(8), arrival) {
            (0, _) => Badge::decode(self.roll(1 << 28)),
            (_, Arrival::PageFault) => Some(Badge::Birth {
                thread: self.roll(6) as u32,
            }),
            (2.., Arrival::Request { label, .. }) if label.interface() == accounting::INTERFACE => {
                Some(Badge::Service(Caller::server(
                    ServerName::ALL[self.roll(3) as usize],
                )))
            }
            _ => Some(Badge::Service(Caller::client(
                TaskTag::new(self.roll(4) as u32, u32::from(self.roll(9) == 0)),
                self.roll(3) == 0,
            ))),
        }
    }

    fn arrival(&mut self, labels: &[Label]) -> Arrival {
        match self.roll(20) {
            0 => Arrival::OtherFault,
            1 | 2 => Arrival::PageFault,
            3 => Arrival::Request {
                label: Label::from_bits(self.roll(1 << 20)),
                with_capabilities: self.roll(2) == 0,
            },
            _ => {
                let label = labels[self.roll(labels.len() as u64) as usize];
                let label = match self.roll(4) {
                    0 => label.shortened(),
                    _ => label,
                };
                Arrival::Request {
                    label,
                    with_capabilities: false,
                }
            }
        }
    }
}

#[test]
fn a_hundred_thousand_random_messages_get_typed_answers_and_break_nothing() {
    let labels = labels();
    let mut dice = Dice(0x1234_5678_9abc_def1);
    let mut reply = [0; MESSAGE_BYTES];
    let (mut served, mut turned_down, mut births) = (0, 0, 0);
    // A fresh server now and then: sooner or later a random message kills the root.
    for _ in 0..50 {
        let mut host = host();
        for index in 0..3 {
            host.task(index, DEMO + index as usize);
        }
        for round in 0..2_000 {
            let arrival = dice.arrival(&labels);
            let (short, bytes) = match arrival {
                Arrival::Request { label, .. } if label.is_short() => (true, dice.words(label)),
                _ => (false, dice.payload()),
            };
            let badge = dice.badge(arrival);
            let payload = match arrival {
                Arrival::Request { label, .. } if !short && dice.roll(8) != 0 => {
                    trimmed(label, &bytes)
                }
                _ => &bytes[..],
            };
            match host.server.handle(badge, arrival, payload, &mut reply) {
                Dispatched::Reply(length) => {
                    let Arrival::Request { label, .. } = arrival else {
                        panic!("a fault was answered")
                    };
                    let operation = label.operation() & !interfaces::short::BIT;
                    let plain = Label::new(label.interface(), label.version(), operation);
                    assert!(is_typed(plain, &reply[..length]), "{label:?} {payload:?}");
                    served += 1;
                }
                Dispatched::Short(answered) => {
                    let Arrival::Request { label, .. } = arrival else {
                        panic!("a fault was answered")
                    };
                    assert!(label.is_short(), "{label:?} {payload:?}");
                    if let Some(length) = answered.plain_words() {
                        let (words, _) = reply.as_chunks::<8>();
                        let word = |place: usize| u64::from_le_bytes(words[place]);
                        assert!(Account::from_plain(length, word).is_some());
                    }
                    served += 1;
                }
                Dispatched::Protocol(_) => turned_down += 1,
                Dispatched::Later => {
                    assert!(
                        !matches!(badge, Some(Badge::Service(_))),
                        "a caller waits for ever"
                    );
                    births += 1;
                }
            }
            if round % 8 == 0 {
                host.server.ledger().check();
            }
        }
        host.server.ledger().check();
        // It still answers as it should.
        let figures = host.proc(&accounting::ReadFigures {}).unwrap();
        assert!(figures.protocol_errors > 0 && figures.groups >= 5);
    }
    assert!(
        served > 15_000 && turned_down > 10_000 && births > 1_000,
        "{served} {turned_down} {births}"
    );
}

/// The whole account of a group, and of none, by either way.
#[test]
fn an_account_is_the_same_in_plain_words() {
    let mut host = host();
    let me = host.task(0, DEMO);
    let opened = host.ask(me, &limits::OpenGroup { parent: None }).unwrap();
    let label = LabelText::cut("a label that takes some words");
    host.ask(
        me,
        &limits::SetLabel {
            group: opened,
            label,
        },
    )
    .unwrap();
    let resource = Resource::Frames;
    let tight = limits::SetLimit {
        group: opened,
        resource,
        limit: Limit::At(0),
    };
    host.ask(me, &tight).unwrap();
    let amounts = Amounts::of(resource, 1);
    let charge = accounting::Charge {
        group: opened,
        amounts,
    };
    assert!(host.memory(&charge).is_err());
    let wide = accounting::Charge {
        group: declared(DEMO),
        amounts: Amounts::of(Resource::Commit, 1 << 32),
    };
    let mut plainly = 0;
    for round in 0..2 {
        let gone = GroupId {
            index: 90,
            generation: 1,
        };
        for group in [None, Some(opened), Some(declared(BOMB)), Some(gone)] {
            let request = limits::ReadAccount { group };
            let mut bytes = [0; MESSAGE_BYTES];
            let length = encode(&request, &mut bytes).unwrap().next_multiple_of(8);
            let badge = Badge::Service(me);
            let arrival = self::request(limits::ReadAccount::LABEL);
            let mut reply = [0; MESSAGE_BYTES];
            let Dispatched::Reply(length) =
                host.server
                    .handle(Some(badge), arrival, &bytes[..length], &mut reply)
            else {
                panic!("the general encoding is answered in it")
            };
            let general: Result<Account, ReadRefusal> = decode_payload(&reply[..length]).unwrap();
            let (words, length) = (request.shorten().unwrap().words, 1);
            let asked = Asked {
                badge: badge.encode(),
                head: (limits::ReadAccount::LABEL.shortened().bits() << HEAD_SHIFT) | length,
                words,
            };
            let answered = host.server.handle_short(asked, &mut reply).unwrap();
            plainly += u32::from(answered.plain_words().is_some());
            let plain = host.ask(me, &request);
            assert_eq!(plain, general.map_err(CallError::Refused));
        }
        if round == 0 {
            // What does not fit plain words any more is answered all the same.
            host.memory(&wide).unwrap();
        }
    }
    // Of the caller's group the first time only; of the one that is gone never.
    assert_eq!(plainly, 5);
}

/// The way past the bytes gives the same answers and leaves the same books as the way through them.
#[test]
fn short_forms_do_the_same_by_either_way() {
    let is_short = |label: &Label| match label.interface() {
        limits::INTERFACE => limits::has_short_form(label.operation()),
        _ => accounting::has_short_form(label.operation()),
    };
    let labels = labels().into_iter().filter(is_short);
    let labels: Vec<_> = labels.map(Label::shortened).collect();
    let mut dice = Dice(0x0dd_ba11);
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..20 {
        let (mut one, mut other) = (host(), host());
        for index in 0..3 {
            one.task(index, DEMO + index as usize);
            other.task(index, DEMO + index as usize);
        }
        for _ in 0..500 {
            let label = labels[dice.roll(labels.len() as u64) as usize];
            let (arrival, bytes) = (request(label), dice.words(label));
            let Some(badge) = dice.badge(arrival) else {
                continue;
            };
            let mut replies = [[0; MESSAGE_BYTES]; 2];
            let [reply, other_reply] = &mut replies;
            let long = one.server.handle(Some(badge), arrival, &bytes, reply);
            let Words { words, length } = interfaces::call::words_of(&bytes);
            let asked = Asked {
                badge: badge.encode(),
                head: (label.bits() << HEAD_SHIFT) | length.min(0x7f) as u64,
                words,
            };
            let short = other.server.handle_short(asked, other_reply);
            let Some(short) = short else {
                // Not from somebody who is served: the long way counts it.
                assert!(matches!(long, Dispatched::Protocol(_) | Dispatched::Later));
                other
                    .server
                    .handle(Some(badge), arrival, &bytes, other_reply);
                continue;
            };
            other.server.count(short);
            let short = short.dispatched();
            assert_eq!(short, long, "{label:?} {bytes:?}");
            assert_eq!(replies[0], replies[1]);
            match short {
                Dispatched::Short(_) => answered += 1,
                _ => refused += 1,
            }
        }
        one.server.ledger().check();
        assert_eq!(
            one.server.ledger().snapshot(),
            other.server.ledger().snapshot()
        );
    }
    assert!(answered > 1_000 && refused > 1_000, "{answered} {refused}");
}

fn request(label: Label) -> Arrival {
    Arrival::Request {
        label,
        with_capabilities: false,
    }
}
