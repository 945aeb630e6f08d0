//! The rules of the ledger, one sentence a test.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Room, ledger};
use interfaces::accounting::{
    ChargeRefusal, ConfirmRefusal, EndRefusal, KillRefusal, MoveRefusal, ReleaseRefusal,
    ThreadTicket, Ticket, TicketRefusal,
};
use interfaces::limits::{
    CloseGroupRefusal, GroupState, LabelText, OpenGroupRefusal, SetRefusal, WouldFitRefusal,
};
use interfaces::provision::{Progress, TASK_KIT, THREAD_KIT};
use interfaces::{Amounts, GroupId, Limit, Resource, Shortage, TaskId};
use limits_core::vanishing::LEVELS;
use limits_core::{BOUND_BYTES, GROUP_BYTES, KILLS, LABEL_BYTES, LET_GO, Ledger};

const FRAME: Amounts = Amounts::of(Resource::Frames, 1);

fn frames(count: u64) -> Amounts {
    Amounts::of(Resource::Frames, count)
}

fn task(index: u32) -> TaskId {
    TaskId {
        index,
        generation: 0,
    }
}

fn open(ledger: &mut Ledger<'_>, parent: GroupId) -> GroupId {
    ledger.open_group(parent, None).unwrap()
}

/// A chain of groups below the root, each below the one before.
fn chain(ledger: &mut Ledger<'_>, length: usize) -> Vec<GroupId> {
    let mut above = GroupId::ROOT;
    (0..length)
        .map(|_| {
            above = open(ledger, above);
            above
        })
        .collect()
}

fn birth(ledger: &mut Ledger<'_>, index: u32, group: GroupId) -> TaskId {
    let ticket = Ticket {
        thread: index,
        task: task(index),
        parent: None,
        group: Some(group),
        amounts: TASK_KIT,
    };
    ledger.ticket(&ticket).unwrap();
    assert!(ledger.birth_notice(index));
    task(index)
}

fn used(ledger: &Ledger<'_>, group: GroupId, kind: Resource) -> u64 {
    ledger.resource(group, kind).unwrap().usage
}

fn short(refusal: ChargeRefusal) -> Shortage {
    match refusal {
        ChargeRefusal::Short(short) => short,
        other => panic!("{other:?} is not a shortage"),
    }
}

#[test]
fn what_is_easily_spared_is_an_eighth_of_what_is_left_to_every_limit_and_at_least_one() {
    let mut ledger = ledger(Room::all(8));
    let groups = chain(&mut ledger, 3);
    let spared = |ledger: &Ledger<'_>| ledger.easily_spared(groups[2], &FRAME, 8);
    assert_eq!(spared(&ledger), 8, "without a limit as many as are wanted");
    for (limit, count) in [(1000, 8), (47, 5), (15, 1), (3, 1), (0, 1)] {
        let at = Limit::At(limit);
        ledger.set_limit(groups[1], Resource::Frames, at).unwrap();
        assert_eq!(spared(&ledger), count, "{limit} left");
    }
    let at = Limit::At(1000);
    ledger.set_limit(groups[1], Resource::Frames, at).unwrap();
    let at = Limit::At(20);
    ledger
        .set_soft_limit(groups[0], Resource::Frames, at)
        .unwrap();
    assert_eq!(spared(&ledger), 2, "nor is a soft limit crossed for it");
    ledger.charge_held(groups[2], &frames(8)).unwrap();
    assert_eq!(spared(&ledger), 1);
}

#[test]
fn a_charge_counts_at_every_level_and_a_release_gives_it_all_back() {
    let mut ledger = ledger(Room::all(8));
    let chain = chain(&mut ledger, 4);
    let before = ledger.snapshot();
    let vector = frames(3)
        .with(Resource::Commit, 5)
        .with(Resource::CapSlots, 7)
        .with(Resource::Notes, 1);
    let charge = ledger.charge(chain[2], &vector).unwrap();
    for &group in &[GroupId::ROOT, chain[0], chain[1], chain[2]] {
        assert_eq!(used(&ledger, group, Resource::Commit), 5);
        assert_eq!(used(&ledger, group, Resource::Notes), 1);
    }
    assert_eq!(used(&ledger, chain[3], Resource::Frames), 0);
    ledger.check();
    ledger.release(charge);
    ledger.check();
    for &group in &chain {
        assert_eq!(
            ledger.account(group).unwrap().usage.get(Resource::Frames),
            0
        );
    }
    // Only the peaks tell that anything was.
    assert_ne!(before, ledger.snapshot());
    assert_eq!(
        ledger.resource(chain[0], Resource::CapSlots).unwrap().peak,
        7
    );
}

#[test]
fn every_level_of_a_chain_of_sixteen_refuses_exactly_beyond_its_limit() {
    for kind in Resource::ALL {
        for level in 0..16 {
            let mut ledger = ledger(Room::all(20));
            let chain = chain(&mut ledger, 16);
            let (limited, leaf) = (chain[level], chain[15]);
            let standing = used(&ledger, limited, kind);
            ledger
                .set_limit(limited, kind, Limit::At(standing + 10))
                .unwrap();

            let charge = ledger.charge(leaf, &Amounts::of(kind, 9)).unwrap();
            let last = ledger.charge(leaf, &Amounts::of(kind, 1)).unwrap();
            let full = ledger.snapshot();
            let refused = short(ledger.charge(leaf, &FRAME.with(kind, 1)).unwrap_err());
            let expected = Shortage {
                resource: kind,
                group: Some(limited),
                limit: standing + 10,
                used: standing + 10,
                asked: 1,
            };
            assert_eq!(refused, expected, "{kind} at level {level}");
            assert_eq!(ledger.snapshot().before_refusal(limited, kind), full);
            assert_eq!(ledger.resource(limited, kind).unwrap().peak, standing + 10);

            ledger.release(last);
            let again = ledger.charge(leaf, &Amounts::of(kind, 1)).unwrap();
            ledger.release(again);
            ledger.release(charge);
            assert_eq!(used(&ledger, limited, kind), standing);
            ledger.check();
        }
    }
}

#[test]
fn a_refusal_leaves_everything_as_it_was_but_one_count() {
    let mut ledger = ledger(Room::all(8));
    let chain = chain(&mut ledger, 3);
    ledger
        .set_limit(chain[0], Resource::CapSlots, Limit::At(1))
        .unwrap();
    let before = ledger.snapshot();
    // Six kinds would fit; the seventh does not, and two levels further up.
    let refused = ledger.charge(chain[2], &TASK_KIT).unwrap_err();
    assert_eq!(short(refused).group, Some(chain[0]));
    assert_eq!(
        ledger
            .snapshot()
            .before_refusal(chain[0], Resource::CapSlots),
        before
    );
    assert_eq!(
        ledger
            .resource(chain[0], Resource::CapSlots)
            .unwrap()
            .refusals,
        1
    );
    assert_eq!(
        ledger
            .resource(chain[2], Resource::CapSlots)
            .unwrap()
            .refusals,
        0
    );
}

#[test]
fn the_first_group_counted_upwards_is_the_one_that_refuses() {
    let mut ledger = ledger(Room::all(8));
    let chain = chain(&mut ledger, 3);
    for &group in &chain {
        ledger
            .set_limit(group, Resource::Frames, Limit::At(2))
            .unwrap();
    }
    assert_eq!(
        short(ledger.charge(chain[2], &frames(3)).unwrap_err()).group,
        Some(chain[2])
    );
    assert_eq!(
        ledger
            .resource(chain[1], Resource::Frames)
            .unwrap()
            .refusals,
        0
    );
}

#[test]
fn siblings_racing_for_the_last_unit_get_it_once() {
    let mut ledger = ledger(Room::all(8));
    let above = open(&mut ledger, GroupId::ROOT);
    let (one, other) = (open(&mut ledger, above), open(&mut ledger, above));
    ledger
        .set_limit(above, Resource::Frames, Limit::At(1))
        .unwrap();
    let won = ledger.charge(one, &FRAME).unwrap();
    assert_eq!(
        short(ledger.charge(other, &FRAME).unwrap_err()).group,
        Some(above)
    );
    ledger.release(won);
    let won = ledger.charge(other, &FRAME).unwrap();
    assert_eq!(
        short(ledger.charge(one, &FRAME).unwrap_err()).group,
        Some(above)
    );
    ledger.release(won);
}

#[test]
fn a_limit_of_zero_allows_nothing_and_max_allows_everything() {
    let mut ledger = ledger(Room::all(4));
    let group = open(&mut ledger, GroupId::ROOT);
    ledger
        .set_limit(group, Resource::Frames, Limit::At(0))
        .unwrap();
    assert_eq!(short(ledger.charge(group, &FRAME).unwrap_err()).limit, 0);
    ledger
        .set_limit(group, Resource::Frames, Limit::Max)
        .unwrap();
    let all = ledger.charge(group, &frames(u64::MAX)).unwrap();
    ledger.check();
    ledger.release(all);
}

#[test]
fn a_limit_below_the_usage_kills_nobody_and_admits_nothing() {
    let mut ledger = ledger(Room::all(4));
    let group = open(&mut ledger, GroupId::ROOT);
    let charge = ledger.charge(group, &frames(10)).unwrap();
    ledger
        .set_limit(group, Resource::Frames, Limit::At(5))
        .unwrap();
    assert_eq!(used(&ledger, group, Resource::Frames), 10);
    let refused = short(ledger.charge(group, &FRAME).unwrap_err());
    assert_eq!((refused.limit, refused.used), (5, 10));
    assert_eq!(
        ledger
            .effective_limit(group, Resource::Frames)
            .unwrap()
            .left,
        Limit::At(0)
    );
    ledger.release(charge);
    let five = ledger.charge(group, &frames(5)).unwrap();
    ledger.release(five);
}

#[test]
fn a_sum_beyond_the_numbers_is_refused_and_never_wraps() {
    let mut ledger = ledger(Room::all(4));
    let (one, other) = (
        open(&mut ledger, GroupId::ROOT),
        open(&mut ledger, GroupId::ROOT),
    );
    let most = ledger.charge(one, &frames(u64::MAX)).unwrap();
    let before = ledger.snapshot();
    let refused = short(ledger.charge(other, &FRAME).unwrap_err());
    assert_eq!(
        (refused.group, refused.used),
        (Some(GroupId::ROOT), u64::MAX)
    );
    // The root has no limit, so there is nowhere to count it but among all refusals.
    let snapshot = ledger.snapshot();
    assert_eq!(
        snapshot.before_refusal(GroupId::ROOT, Resource::Frames),
        before
    );
    ledger.release(most);
    let one_more = ledger.charge(other, &FRAME).unwrap();
    ledger.release(one_more);
}

#[test]
fn asking_whether_it_would_fit_changes_nothing_at_all() {
    let mut ledger = ledger(Room::all(4));
    let group = open(&mut ledger, GroupId::ROOT);
    ledger
        .set_limit(group, Resource::Frames, Limit::At(5))
        .unwrap();
    let before = ledger.snapshot();
    assert_eq!(ledger.would_fit(group, &frames(5)), Ok(()));
    assert!(matches!(
        ledger.would_fit(group, &frames(6)),
        Err(WouldFitRefusal::Short(_))
    ));
    assert_eq!(ledger.snapshot(), before);
}

#[test]
fn a_group_and_what_it_sets_are_paid_by_those_above() {
    let mut ledger = ledger(Room::all(8));
    let above = open(&mut ledger, GroupId::ROOT);
    let opened = birth(&mut ledger, 0, above);
    let kit = used(&ledger, above, Resource::KernelMemory);
    let group = ledger.open_group(above, Some(opened)).unwrap();
    let cost = |ledger: &Ledger<'_>, group| used(ledger, group, Resource::KernelMemory);
    assert_eq!(cost(&ledger, above), kit + GROUP_BYTES);
    ledger
        .set_limit(group, Resource::Tasks, Limit::At(1))
        .unwrap();
    ledger
        .set_soft_limit(group, Resource::Frames, Limit::At(1))
        .unwrap();
    assert_eq!(cost(&ledger, above), kit + GROUP_BYTES + BOUND_BYTES);
    let label = LabelText::cut("a label");
    ledger.set_label(group, &label).unwrap();
    ledger.set_label(group, &label).unwrap();
    assert_eq!(
        cost(&ledger, above),
        kit + GROUP_BYTES + BOUND_BYTES + LABEL_BYTES
    );
    assert_eq!(cost(&ledger, group), 0);
    assert_eq!(used(&ledger, above, Resource::Groups), 1);
    assert_eq!(ledger.own_records(above).unwrap(), {
        Amounts::of(Resource::Groups, 1).with(
            Resource::KernelMemory,
            GROUP_BYTES + BOUND_BYTES + LABEL_BYTES,
        )
    });
    ledger.check();
    ledger.set_label(group, &LabelText::default()).unwrap();
    assert_eq!(cost(&ledger, above), kit + GROUP_BYTES + BOUND_BYTES);
    ledger.close_group(group, opened).unwrap();
    assert_eq!(cost(&ledger, above), kit);
    assert_eq!(used(&ledger, above, Resource::Groups), 0);
    ledger.check();
}

#[test]
fn no_room_or_no_means_for_a_setting_leaves_the_group_plain() {
    let room = Room {
        bounds: 2,
        labels: 1,
        ..Room::all(8)
    };
    let mut ledger = ledger(room);
    let above = open(&mut ledger, GroupId::ROOT);
    let (one, other) = (open(&mut ledger, above), open(&mut ledger, above));
    let standing = used(&ledger, above, Resource::KernelMemory);
    ledger
        .set_limit(above, Resource::KernelMemory, Limit::At(standing))
        .unwrap();
    let before = ledger.snapshot();
    let refused = ledger
        .set_limit(one, Resource::Tasks, Limit::At(1))
        .unwrap_err();
    assert!(matches!(refused, SetRefusal::Short(short) if short.asked == BOUND_BYTES));
    assert_eq!(
        ledger
            .snapshot()
            .before_refusal(above, Resource::KernelMemory),
        before
    );
    ledger
        .set_limit(above, Resource::KernelMemory, Limit::Max)
        .unwrap();
    ledger
        .set_limit(one, Resource::Tasks, Limit::At(1))
        .unwrap();
    let full = ledger.snapshot();
    assert_eq!(
        ledger.set_limit(other, Resource::Tasks, Limit::At(1)),
        Err(SetRefusal::LedgerFull)
    );
    assert_eq!(ledger.set_limit(other, Resource::Tasks, Limit::Max), Ok(()));
    assert_eq!(
        ledger.set_label(other, &LabelText::cut("tab\there")),
        Err(SetRefusal::BadLabel)
    );
    assert_eq!(ledger.snapshot(), full);
    ledger.set_label(one, &LabelText::cut("one")).unwrap();
    assert_eq!(
        ledger.set_label(other, &LabelText::cut("other")),
        Err(SetRefusal::LedgerFull)
    );
    ledger.check();
}

#[test]
fn an_opened_group_vanishes_with_its_last_tie() {
    let mut ledger = ledger(Room::all(8));
    let opener = birth(&mut ledger, 0, GroupId::ROOT);
    let outer = ledger.open_group(GroupId::ROOT, Some(opener)).unwrap();
    let inner = ledger.open_group(outer, Some(opener)).unwrap();
    let charge = ledger.charge(inner, &FRAME).unwrap();
    // The reference goes; the group below keeps the outer one, the charge the inner one.
    ledger.close_group(outer, opener).unwrap();
    ledger.close_group(inner, opener).unwrap();
    assert_eq!(ledger.groups_alive(), 3);
    ledger.check();
    ledger.release(charge);
    assert_eq!(ledger.groups_alive(), 1);
    assert_eq!(ledger.account(inner), None);
    assert_eq!(
        ledger.close_group(inner, opener),
        Err(CloseGroupRefusal::UnknownGroup)
    );
    ledger.check();
}

#[test]
fn an_old_id_never_names_another_group() {
    let mut ledger = ledger(Room::all(1));
    assert_eq!(
        ledger.open_group(GroupId::ROOT, None),
        Err(OpenGroupRefusal::LedgerFull)
    );
    let mut ledger = common::ledger(Room::all(2));
    let opener = birth(&mut ledger, 0, GroupId::ROOT);
    let old = ledger.open_group(GroupId::ROOT, Some(opener)).unwrap();
    ledger.close_group(old, opener).unwrap();
    let new = ledger.open_group(GroupId::ROOT, Some(opener)).unwrap();
    assert_eq!((new.index, new.generation), (old.index, old.generation + 1));
    assert_eq!(
        ledger.charge(old, &FRAME).unwrap_err(),
        ChargeRefusal::UnknownGroup
    );
    assert_eq!(
        ledger.take_back(old, &FRAME),
        Err(ReleaseRefusal::UnknownGroup)
    );
    assert_eq!(
        ledger.set_limit(old, Resource::Frames, Limit::At(1)),
        Err(SetRefusal::UnknownGroup)
    );
    assert_eq!(
        ledger.move_task(opener, old),
        Err(MoveRefusal::UnknownGroup)
    );
    assert_eq!(ledger.begin_kill(old, None), Err(KillRefusal::UnknownGroup));
    assert_eq!(ledger.next_group(old, None), None);
}

#[test]
fn what_another_server_holds_comes_back_in_parts_and_not_a_unit_more() {
    let mut ledger = ledger(Room::all(4));
    let group = open(&mut ledger, GroupId::ROOT);
    // The group below and the task hold charges of their own, which a release must not touch.
    let below = open(&mut ledger, group);
    let other = ledger.charge(below, &frames(50)).unwrap();
    birth(&mut ledger, 0, group);
    let charge = ledger.charge(group, &frames(10)).unwrap();
    assert_eq!(ledger.hold(charge), (group, frames(10)));
    let part = ledger.take_back(group, &frames(4)).unwrap();
    ledger.release(part);
    let before = ledger.snapshot();
    assert_eq!(
        ledger.take_back(group, &frames(7)),
        Err(ReleaseRefusal::MoreThanCharged)
    );
    assert_eq!(
        ledger.take_back(group, &Amounts::of(Resource::Tasks, 1)),
        Err(ReleaseRefusal::MoreThanCharged)
    );
    assert_eq!(ledger.alarms().bad_releases, 2);
    assert_ne!(ledger.snapshot(), before);
    let rest = ledger.take_back(group, &frames(6)).unwrap();
    ledger.release(rest);
    ledger.release(other);
    ledger.check();
}

#[test]
fn a_birth_without_a_ticket_is_an_alarm_and_so_is_a_second_one() {
    let mut ledger = ledger(Room::all(4));
    assert!(!ledger.birth_notice(0));
    assert!(!ledger.birth_notice(u32::MAX));
    assert_eq!(ledger.confirm(0), Err(ConfirmRefusal::NoTicket));
    let ticket = Ticket {
        thread: 0,
        task: task(0),
        parent: None,
        group: None,
        amounts: TASK_KIT,
    };
    ledger.ticket(&ticket).unwrap();
    assert_eq!(ledger.confirm(0), Err(ConfirmRefusal::NotBorn));
    assert_eq!(ledger.group_of(task(0)), None);
    assert!(ledger.birth_notice(0));
    assert!(!ledger.birth_notice(0));
    assert_eq!(ledger.confirm(0), Ok(()));
    assert_eq!(ledger.group_of(task(0)), Some(GroupId::ROOT));
    assert_eq!(ledger.alarms().births_without_ticket, 3);
    ledger.check();
}

#[test]
fn a_ticket_charges_all_of_a_task_or_nothing() {
    let mut ledger = ledger(Room::all(4));
    let group = open(&mut ledger, GroupId::ROOT);
    ledger
        .set_limit(group, Resource::Tasks, Limit::At(1))
        .unwrap();
    let ticket = |index| Ticket {
        thread: index,
        task: task(index),
        parent: None,
        group: Some(group),
        amounts: TASK_KIT,
    };
    ledger.ticket(&ticket(0)).unwrap();
    let before = ledger.snapshot();
    assert!(
        matches!(ledger.ticket(&ticket(1)), Err(TicketRefusal::Short(short)) if short.limit == 1)
    );
    assert_eq!(
        ledger.snapshot().before_refusal(group, Resource::Tasks),
        before
    );
    assert_eq!(ledger.ticket(&ticket(0)), Err(TicketRefusal::BadPlace));
    assert_eq!(ledger.ticket(&ticket(4)), Err(TicketRefusal::BadPlace));
    let stray = Ticket {
        parent: Some(task(3)),
        ..ticket(1)
    };
    assert_eq!(ledger.ticket(&stray), Err(TicketRefusal::UnknownTask));
    // Never born, and gone again.
    ledger.end_task(task(0)).unwrap();
    assert_eq!(ledger.end_task(task(0)), Err(EndRefusal::Unknown));
    assert!(ledger.account(group).unwrap().usage.is_none());
    ledger.check();
}

#[test]
fn the_ledger_counts_tasks_and_threads_whatever_the_vector_says() {
    let mut ledger = ledger(Room::all(4));
    let group = open(&mut ledger, GroupId::ROOT);
    let lie = Ticket {
        thread: 0,
        task: task(0),
        parent: None,
        group: Some(group),
        amounts: frames(2).with(Resource::Tasks, 9),
    };
    ledger.ticket(&lie).unwrap();
    assert_eq!(used(&ledger, group, Resource::Tasks), 1);
    assert_eq!(used(&ledger, group, Resource::Threads), 1);
    ledger.check();
}

#[test]
fn a_child_is_in_its_parents_group_or_below_it() {
    let mut ledger = ledger(Room::all(8));
    let home = open(&mut ledger, GroupId::ROOT);
    let (below, beside) = (open(&mut ledger, home), open(&mut ledger, GroupId::ROOT));
    let parent = birth(&mut ledger, 0, home);
    let child = |group| Ticket {
        thread: 1,
        task: task(1),
        parent: Some(parent),
        group,
        amounts: TASK_KIT,
    };
    for stranger in [beside, GroupId::ROOT] {
        assert_eq!(
            ledger.ticket(&child(Some(stranger))),
            Err(TicketRefusal::UnknownGroup)
        );
    }
    ledger.set_band(below, 3);
    assert_eq!(ledger.ticket(&child(None)).unwrap().group, home);
    ledger.end_task(task(1)).unwrap();
    let admitted = ledger.ticket(&child(Some(below))).unwrap();
    assert_eq!((admitted.group, admitted.band), (below, 3));
}

#[test]
fn a_band_is_inherited_by_what_is_opened_below() {
    let mut ledger = ledger(Room::all(4));
    let group = open(&mut ledger, GroupId::ROOT);
    ledger.set_band(group, 2);
    let below = open(&mut ledger, group);
    assert_eq!(ledger.account(below).unwrap().band, 2);
}

#[test]
fn threads_come_and_go_without_their_task() {
    let mut ledger = ledger(Room::all(8));
    let group = open(&mut ledger, GroupId::ROOT);
    let owner = birth(&mut ledger, 0, group);
    let before = ledger.account(group).unwrap().usage;
    let further = ThreadTicket {
        thread: 1,
        task: owner,
        amounts: THREAD_KIT,
    };
    ledger.thread_ticket(&further).unwrap();
    assert_eq!(ledger.thread_ticket(&further), Err(TicketRefusal::BadPlace));
    assert!(ledger.birth_notice(1));
    assert_eq!(used(&ledger, group, Resource::Threads), 2);
    ledger.check();
    assert_eq!(ledger.end_thread(0), Err(EndRefusal::FirstThread));
    ledger.end_thread(1).unwrap();
    assert_eq!(ledger.end_thread(1), Err(EndRefusal::Unknown));
    assert_eq!(ledger.account(group).unwrap().usage, before);
    ledger.check();
}

#[test]
fn the_end_of_a_task_gives_everything_back_and_lets_go_of_what_it_opened() {
    let mut ledger = ledger(Room::all(16));
    let group = open(&mut ledger, GroupId::ROOT);
    let owner = birth(&mut ledger, 0, group);
    for thread in 1..4 {
        ledger
            .thread_ticket(&ThreadTicket {
                thread,
                task: owner,
                amounts: THREAD_KIT,
            })
            .unwrap();
    }
    let opened = ledger.open_group(group, Some(owner)).unwrap();
    ledger.open_group(opened, Some(owner)).unwrap();
    ledger.open_group(GroupId::ROOT, Some(owner)).unwrap();
    ledger.check();
    ledger.end_task(owner).unwrap();
    assert_eq!(ledger.groups_alive(), 2);
    assert!(ledger.account(group).unwrap().usage.is_none());
    ledger.check();
}

#[test]
fn many_groups_at_the_end_of_a_long_branch_are_let_go_of_in_slices() {
    const DEEP: u32 = 300;
    const LEAVES: u32 = 300;
    let mut ledger = ledger(Room {
        groups: (DEEP + LEAVES + 1) as usize,
        bounds: 1,
        labels: 1,
        tasks: 1,
        threads: 1,
        entries: 1,
    });
    let opener = birth(&mut ledger, 0, GroupId::ROOT);
    let mut bottom = GroupId::ROOT;
    for _ in 0..DEEP {
        bottom = ledger.open_group(bottom, Some(opener)).unwrap();
    }
    for _ in 0..LEAVES {
        ledger.open_group(bottom, Some(opener)).unwrap();
    }
    let mut slices = 0;
    loop {
        let before = ledger.groups_alive();
        let progress = ledger.let_go_of_some(opener).unwrap();
        ledger.check();
        slices += 1;
        if progress == Progress::Done {
            break;
        }
        let gone = before - ledger.groups_alive();
        assert!(gone <= LET_GO.div_ceil(DEEP) + LEVELS, "{gone} at once");
    }
    assert!(slices >= LEAVES * DEEP / LET_GO, "{slices} slices");
    // What is left of the branch goes with the requests that come.
    while ledger.leave_on() {
        ledger.check();
    }
    assert_eq!(ledger.groups_alive(), 1);
    assert_eq!(used(&ledger, GroupId::ROOT, Resource::Tasks), 1);
    ledger.end_task(opener).unwrap();
    assert!(ledger.account(GroupId::ROOT).unwrap().usage.is_none());
    let gone = ledger.let_go_of_some(opener);
    assert_eq!(gone, Err(EndRefusal::Unknown));
}

#[test]
fn a_moved_tasks_further_threads_are_paid_for_where_it_was_born_and_counted_where_it_is() {
    let mut ledger = ledger(Room::all(8));
    let (born, now) = (
        open(&mut ledger, GroupId::ROOT),
        open(&mut ledger, GroupId::ROOT),
    );
    let mover = birth(&mut ledger, 0, born);
    ledger.move_task(mover, now).unwrap();
    let standing = [born, now].map(|group| ledger.account(group).unwrap().usage);
    let further = ThreadTicket {
        thread: 1,
        task: mover,
        amounts: THREAD_KIT,
    };
    // Either can refuse, and then nothing is charged to the other and no peak is left.
    for (group, kind) in [(now, Resource::Threads), (born, Resource::KernelMemory)] {
        let used = used(&ledger, group, kind);
        ledger.set_limit(group, kind, Limit::At(used)).unwrap();
        let peaks = [born, now].map(|group| ledger.account(group).unwrap().peak);
        assert!(matches!(
            ledger.thread_ticket(&further),
            Err(TicketRefusal::Short(_))
        ));
        let usage = [born, now].map(|group| ledger.account(group).unwrap().usage);
        assert_eq!(usage, standing);
        assert_eq!(
            [born, now].map(|group| ledger.account(group).unwrap().peak),
            peaks
        );
        ledger.set_limit(group, kind, Limit::Max).unwrap();
    }
    ledger.thread_ticket(&further).unwrap();
    ledger.check();
    let kernel = |group| used(&ledger, group, Resource::KernelMemory);
    let before = standing[0].get(Resource::KernelMemory);
    assert_eq!(kernel(now), 0);
    assert_eq!(
        kernel(born) - before,
        THREAD_KIT.get(Resource::KernelMemory)
    );
    assert_eq!(used(&ledger, now, Resource::Threads), 2);
    assert_eq!(used(&ledger, born, Resource::Threads), 0);
    ledger.end_thread(1).unwrap();
    let usage = [born, now].map(|group| ledger.account(group).unwrap().usage);
    assert_eq!(usage, standing);
    ledger.check();
}

#[test]
fn a_moved_task_takes_its_counts_along_and_the_payer_keeps_the_rest() {
    let mut ledger = ledger(Room::all(8));
    let opener = birth(&mut ledger, 7, GroupId::ROOT);
    let above = open(&mut ledger, GroupId::ROOT);
    let from = ledger.open_group(above, Some(opener)).unwrap();
    let to = open(&mut ledger, above);
    let mover = birth(&mut ledger, 0, from);
    ledger
        .thread_ticket(&ThreadTicket {
            thread: 1,
            task: mover,
            amounts: THREAD_KIT,
        })
        .unwrap();
    // Nobody may notice above, not even a full group.
    for kind in [Resource::Tasks, Resource::Threads] {
        let standing = used(&ledger, above, kind);
        ledger.set_limit(above, kind, Limit::At(standing)).unwrap();
    }
    ledger.move_task(mover, to).unwrap();
    ledger.check();
    assert_eq!(used(&ledger, to, Resource::Threads), 2);
    assert_eq!(used(&ledger, to, Resource::KernelMemory), 0);
    assert_eq!(used(&ledger, from, Resource::Tasks), 0);
    assert!(used(&ledger, from, Resource::KernelMemory) > 0);
    assert_eq!(ledger.list_tasks(to, None).unwrap().items, [mover]);
    // The payer lives on without a task or a reference, until what it pays for ends.
    ledger.close_group(from, opener).unwrap();
    assert!(ledger.account(from).is_some());
    ledger.end_task(mover).unwrap();
    assert!(ledger.account(from).is_none());
    assert!(ledger.account(to).unwrap().usage.is_none());
    ledger.check();
}

#[test]
fn a_move_into_a_full_group_changes_nothing() {
    let mut ledger = ledger(Room::all(8));
    let (from, to) = (
        open(&mut ledger, GroupId::ROOT),
        open(&mut ledger, GroupId::ROOT),
    );
    let mover = birth(&mut ledger, 0, from);
    ledger
        .set_limit(to, Resource::Threads, Limit::At(0))
        .unwrap();
    let before = ledger.snapshot();
    assert!(
        matches!(ledger.move_task(mover, to), Err(MoveRefusal::Short(short)) if short.group == Some(to))
    );
    assert_eq!(
        ledger.snapshot().before_refusal(to, Resource::Threads),
        before
    );
    assert_eq!(ledger.move_task(task(1), to), Err(MoveRefusal::UnknownTask));
}

#[test]
fn a_task_moves_up_and_down_its_own_branch() {
    let mut ledger = ledger(Room::all(8));
    let chain = chain(&mut ledger, 4);
    let mover = birth(&mut ledger, 0, chain[1]);
    for &to in &[chain[3], chain[0], GroupId::ROOT, chain[2], chain[2]] {
        assert_eq!(ledger.move_task(mover, to).unwrap().group, to);
        assert_eq!(ledger.group_of(mover), Some(to));
        ledger.check();
    }
}

#[test]
fn a_group_being_killed_admits_nothing_at_any_depth() {
    let mut ledger = ledger(Room::all(8));
    let chain = chain(&mut ledger, 3);
    let mover = birth(&mut ledger, 0, GroupId::ROOT);
    let inside = birth(&mut ledger, 1, chain[2]);
    ledger.begin_kill(chain[0], None).unwrap();
    let before = ledger.snapshot();
    assert_eq!(
        ledger.charge(chain[2], &FRAME).unwrap_err(),
        ChargeRefusal::Killing
    );
    assert_eq!(
        ledger.would_fit(chain[2], &FRAME),
        Err(WouldFitRefusal::Killing)
    );
    assert_eq!(
        ledger.open_group(chain[1], None),
        Err(OpenGroupRefusal::Killing)
    );
    assert_eq!(
        ledger.set_limit(chain[1], Resource::Tasks, Limit::At(1)),
        Err(SetRefusal::Killing)
    );
    assert_eq!(ledger.move_task(mover, chain[2]), Err(MoveRefusal::Killing));
    assert_eq!(
        ledger.move_task(inside, GroupId::ROOT),
        Err(MoveRefusal::Killing)
    );
    let ticket = Ticket {
        thread: 2,
        task: task(2),
        parent: Some(inside),
        group: None,
        amounts: TASK_KIT,
    };
    assert_eq!(ledger.ticket(&ticket), Err(TicketRefusal::Killing));
    assert_eq!(
        ledger.begin_kill(chain[0], None),
        Err(KillRefusal::AlreadyKilling)
    );
    assert_eq!(ledger.snapshot(), before);
    assert_eq!(ledger.account(chain[0]).unwrap().state, GroupState::Killing);
}

#[test]
fn a_kill_names_every_task_and_ends_with_an_equal_receipt() {
    let mut ledger = ledger(Room::all(64));
    let system = birth(&mut ledger, 60, GroupId::ROOT);
    let top = ledger.open_group(GroupId::ROOT, Some(system)).unwrap();
    let mut groups = vec![top];
    for index in 0..20 {
        let parent = groups[index / 2];
        groups.push(ledger.open_group(parent, Some(system)).unwrap());
        let member = birth(
            &mut ledger,
            u32::try_from(index).unwrap(),
            *groups.last().unwrap(),
        );
        ledger.close_group(*groups.last().unwrap(), system).unwrap();
        let charge = ledger.charge(*groups.last().unwrap(), &frames(3)).unwrap();
        let _ = (member, ledger.hold(charge));
    }
    // One has left, but what it is made of is still paid for.
    ledger.move_task(task(7), GroupId::ROOT).unwrap();
    let held = ledger.account(top).unwrap().usage;
    ledger.begin_kill(top, Some(system)).unwrap();
    assert_eq!(ledger.finish_kill(top), Err(KillRefusal::NotEmpty));
    let mut ended = Vec::new();
    while let Some(victim) = ledger.next_victim(top).unwrap() {
        assert_eq!(
            ledger.next_victim(top).unwrap(),
            Some(victim),
            "the same until it has ended"
        );
        // The memory-server gives back what it holds before the task ends.
        let home = groups[victim.index as usize + 1];
        let back = ledger.take_back(home, &frames(3)).unwrap();
        ledger.release(back);
        ledger.end_task(victim).unwrap();
        ledger.check();
        ended.push(victim.index);
    }
    ended.sort_unstable();
    assert_eq!(ended, (0..20).collect::<Vec<_>>());
    let receipt = ledger.finish_kill(top).unwrap();
    assert_eq!(receipt.held, receipt.returned);
    assert_eq!(receipt.held.get(Resource::Frames), 20 * 4);
    assert_eq!(receipt.held.get(Resource::Tasks), held.get(Resource::Tasks));
    assert_eq!(receipt.held.get(Resource::Groups), 0);
    // Empty groups have vanished; the top is live again, for whoever opened it.
    assert_eq!(ledger.account(top).unwrap().state, GroupState::Live);
    assert_eq!(ledger.groups_alive(), 2);
    assert_eq!(ledger.finish_kill(top), Err(KillRefusal::NotKilling));
    let again = ledger.charge(top, &FRAME).unwrap();
    ledger.release(again);
    ledger.check();
}

#[test]
fn only_who_is_above_may_kill() {
    let mut ledger = ledger(Room::all(8));
    let (mine, beside) = (
        open(&mut ledger, GroupId::ROOT),
        open(&mut ledger, GroupId::ROOT),
    );
    let below = open(&mut ledger, mine);
    let killer = birth(&mut ledger, 0, mine);
    assert_eq!(
        ledger.begin_kill(mine, Some(killer)),
        Err(KillRefusal::NotYours)
    );
    assert_eq!(
        ledger.begin_kill(beside, Some(killer)),
        Err(KillRefusal::UnknownGroup)
    );
    assert_eq!(
        ledger.begin_kill(below, Some(task(5))),
        Err(KillRefusal::UnknownGroup)
    );
    assert_eq!(ledger.next_victim(below), Err(KillRefusal::NotKilling));
    ledger.begin_kill(below, Some(killer)).unwrap();
    assert_eq!(ledger.next_victim(below), Ok(None));
    ledger.finish_kill(below).unwrap();
}

#[test]
fn the_search_for_a_victim_takes_a_bounded_time_and_goes_on_where_it_was() {
    let mut ledger = ledger(Room::all(2000));
    let tops = [
        open(&mut ledger, GroupId::ROOT),
        open(&mut ledger, GroupId::ROOT),
    ];
    let mut last = tops;
    for (last, top) in last.iter_mut().zip(tops) {
        // Somebody holds on to each of them.
        let opener = birth(&mut ledger, top.index, GroupId::ROOT);
        for _ in 0..700 {
            *last = ledger.open_group(top, Some(opener)).unwrap();
        }
    }
    let victims = [
        birth(&mut ledger, 10, last[0]),
        birth(&mut ledger, 11, last[1]),
    ];
    for &top in &tops {
        ledger.begin_kill(top, None).unwrap();
    }
    // They take turns, and neither makes the other begin again.
    for _ in 0..2 {
        for &top in &tops {
            assert_eq!(ledger.next_victim(top), Err(KillRefusal::More));
            ledger.check();
        }
    }
    for (&top, victim) in tops.iter().zip(victims) {
        assert_eq!(ledger.next_victim(top), Ok(Some(victim)));
        ledger.end_task(victim).unwrap();
        assert_eq!(ledger.next_victim(top), Ok(None));
        ledger.finish_kill(top).unwrap();
    }
    ledger.check();
}

#[test]
fn kills_that_take_turns_each_find_all_their_victims() {
    let mut ledger = ledger(Room::all(64));
    let tops = [
        open(&mut ledger, GroupId::ROOT),
        open(&mut ledger, GroupId::ROOT),
    ];
    for index in 0..20_u32 {
        let group = ledger.open_group(tops[index as usize % 2], None).unwrap();
        birth(&mut ledger, index, group);
    }
    let mut left = 20;
    for &top in &tops {
        ledger.begin_kill(top, None).unwrap();
    }
    'both: loop {
        let mut done = 0;
        for &top in &tops {
            match ledger.next_victim(top).unwrap() {
                Some(victim) => {
                    ledger.end_task(victim).unwrap();
                    ledger.check();
                    left -= 1;
                }
                None => done += 1,
            }
        }
        if done == 2 {
            break 'both;
        }
    }
    assert_eq!(left, 0);
    for &top in &tops {
        ledger.finish_kill(top).unwrap();
    }
    ledger.check();
}

#[test]
fn no_more_kills_than_there_are_receipts_for() {
    let mut ledger = ledger(Room::all(KILLS + 2));
    let groups: Vec<_> = (0..=KILLS)
        .map(|_| open(&mut ledger, GroupId::ROOT))
        .collect();
    for &group in &groups[..KILLS] {
        ledger.begin_kill(group, None).unwrap();
    }
    assert_eq!(
        ledger.begin_kill(groups[KILLS], None),
        Err(KillRefusal::TooManyKills)
    );
    ledger.finish_kill(groups[3]).unwrap();
    ledger.begin_kill(groups[KILLS], None).unwrap();
    ledger.check();
}

#[test]
fn what_binds_in_fact_is_the_limit_that_leaves_least() {
    let mut ledger = ledger(Room::all(8));
    let chain = chain(&mut ledger, 3);
    let free = ledger.effective_limit(chain[2], Resource::Frames).unwrap();
    assert_eq!(
        (free.left, free.limit, free.group),
        (Limit::Max, Limit::Max, None)
    );
    ledger
        .set_limit(chain[0], Resource::Frames, Limit::At(100))
        .unwrap();
    ledger
        .set_limit(chain[2], Resource::Frames, Limit::At(50))
        .unwrap();
    let charge = ledger.charge(chain[0], &frames(70)).unwrap();
    let bound = ledger.effective_limit(chain[2], Resource::Frames).unwrap();
    assert_eq!(
        (bound.left, bound.limit, bound.group),
        (Limit::At(30), Limit::At(50), Some(chain[0]))
    );
    ledger.release(charge);
}

#[test]
fn a_walk_over_a_subtree_sees_every_group_once_and_parents_first() {
    let mut ledger = ledger(Room::all(64));
    let mut groups = vec![open(&mut ledger, GroupId::ROOT)];
    for index in 0..30 {
        let parent = groups[index / 3];
        groups.push(open(&mut ledger, parent));
    }
    let beside = open(&mut ledger, GroupId::ROOT);
    let mut seen = Vec::new();
    let mut last = None;
    while let Some(next) = ledger.next_group(groups[0], last).unwrap() {
        if let Some(parent) = ledger
            .account(next)
            .unwrap()
            .parent
            .filter(|_| next != groups[0])
        {
            assert!(seen.contains(&parent));
        }
        seen.push(next);
        last = Some(next);
    }
    assert_eq!(seen.len(), groups.len());
    assert_eq!(ledger.next_group(groups[0], Some(beside)), None);
}

#[test]
fn listings_come_in_pages_oldest_first() {
    let mut ledger = ledger(Room::all(128));
    let groups: Vec<_> = (0..70).map(|_| open(&mut ledger, GroupId::ROOT)).collect();
    let members: Vec<_> = (0..70)
        .map(|index| birth(&mut ledger, index, groups[0]))
        .collect();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = ledger.list_children(GroupId::ROOT, after).unwrap();
        seen.extend(page.items.iter().copied());
        after = page.items.last().copied();
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, groups);
    let page = ledger.list_tasks(groups[0], Some(members[63])).unwrap();
    assert_eq!((&page.items[..], page.more), (&members[64..], false));
    assert!(ledger.list_children(groups[0], Some(groups[1])).is_err());
    assert!(ledger.list_tasks(groups[1], Some(members[0])).is_err());
}

#[test]
fn sixty_five_thousand_groups_are_opened_charged_and_gone_again() {
    const GROUPS: usize = 65_536;
    let mut ledger = ledger(Room {
        bounds: 1,
        labels: 1,
        tasks: 1,
        threads: 1,
        groups: GROUPS,
        entries: 1,
    });
    let opener = birth(&mut ledger, 0, GroupId::ROOT);
    let mut groups = vec![GroupId::ROOT];
    for index in 1..GROUPS {
        // Wide and deep: half of them hang below one group, the others in branches.
        let parent = if index % 2 == 0 {
            groups[1]
        } else {
            groups[index / 2]
        };
        let group = ledger.open_group(parent, Some(opener)).unwrap();
        let charge = ledger.charge(group, &FRAME).unwrap();
        let _ = ledger.hold(charge);
        groups.push(group);
    }
    assert_eq!(
        ledger.open_group(GroupId::ROOT, None),
        Err(OpenGroupRefusal::LedgerFull)
    );
    assert_eq!(
        used(&ledger, GroupId::ROOT, Resource::Groups),
        GROUPS as u64 - 1
    );
    ledger.check();
    for &group in &groups[1..] {
        let back = ledger.take_back(group, &FRAME).unwrap();
        ledger.release(back);
    }
    ledger.end_task(opener).unwrap();
    assert_eq!(ledger.groups_alive(), 1);
    assert!(ledger.account(GroupId::ROOT).unwrap().usage.is_none());
    ledger.check();
}

#[test]
fn ten_thousand_levels_are_only_a_longer_walk() {
    let mut ledger = ledger(Room {
        groups: 10_001,
        bounds: 2,
        labels: 1,
        tasks: 2,
        threads: 2,
        entries: 1,
    });
    let opener = birth(&mut ledger, 0, GroupId::ROOT);
    let mut leaf = GroupId::ROOT;
    for level in 0..10_000 {
        leaf = ledger.open_group(leaf, Some(opener)).unwrap();
        if level == 0 {
            ledger
                .set_limit(leaf, Resource::CpuTime, Limit::At(1))
                .unwrap();
        }
    }
    let cpu = Amounts::of(Resource::CpuTime, 1);
    let charge = ledger.charge(leaf, &cpu).unwrap();
    assert!(ledger.charge(leaf, &cpu).is_err());
    let member = birth(&mut ledger, 1, leaf);
    ledger.move_task(member, GroupId::ROOT).unwrap();
    ledger.check();
    ledger.end_task(member).unwrap();
    ledger.end_task(opener).unwrap();
    // The one charge at the bottom keeps all of them; with it they go.
    assert_eq!(ledger.groups_alive(), 10_001);
    ledger.release(charge);
    let mut rounds = 1;
    while ledger.leave_on() {
        rounds += 1;
        assert!(ledger.groups_alive() >= 10_001 - rounds * LEVELS);
    }
    assert_eq!(ledger.groups_alive(), 1);
    ledger.check();
}

#[test]
fn a_long_branch_vanishes_in_parts_unless_somebody_moves_in() {
    let long = LEVELS * 3;
    let mut ledger = ledger(Room::all(long as usize + 4));
    let opener = birth(&mut ledger, 0, GroupId::ROOT);
    let mut branch = vec![GroupId::ROOT];
    for _ in 0..long {
        branch.push(
            ledger
                .open_group(*branch.last().unwrap(), Some(opener))
                .unwrap(),
        );
    }
    for &group in &branch[1..] {
        ledger.close_group(group, opener).unwrap();
        ledger.check();
    }
    assert_eq!(ledger.groups_alive(), 1 + long - LEVELS);
    // The one that is next on its way out is an empty group like any other; who opens another in it keeps it.
    let next = branch[(long - LEVELS) as usize];
    let new = ledger.open_group(next, Some(opener)).unwrap();
    while ledger.leave_on() {}
    ledger.check();
    assert_eq!(ledger.groups_alive(), 2 + long - LEVELS);
    // One that is removed by name while it is on its way out goes at once, and once.
    ledger.close_group(new, opener).unwrap();
    ledger.check();
    let next = branch[(long - 2 * LEVELS) as usize + 1];
    ledger.remove_group(next).unwrap();
    ledger.check();
    while ledger.leave_on() {
        ledger.check();
    }
    assert_eq!(ledger.groups_alive(), 1);
}

#[test]
fn a_kill_that_is_given_up_opens_the_group_again() {
    let mut ledger = ledger(Room::all(4));
    let group = ledger.open_group(GroupId::ROOT, None).unwrap();
    let frames = Amounts::of(Resource::Frames, 3);
    ledger.charge_held(group, &frames).unwrap();
    ledger.begin_kill(group, None).unwrap();
    assert_eq!(ledger.finish_kill(group), Err(KillRefusal::NotEmpty));
    let receipt = ledger.abandon_kill(group).unwrap();
    assert_eq!(
        (receipt.held, receipt.returned),
        (frames, Amounts::NONE),
        "what is left did not come back"
    );
    ledger.check();
    ledger.charge_held(group, &frames).unwrap();
    assert_eq!(ledger.abandon_kill(group), Err(KillRefusal::NotKilling));
    ledger.release_held(group, &frames).unwrap();
    ledger.release_held(group, &frames).unwrap();
    ledger.check();
}
