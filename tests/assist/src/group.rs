//! Modes of a task in its group.

use client::Server;
use client::interfaces::accounting::{self, KillRefusal, TicketRefusal};
use client::interfaces::limits::{
    CloseGroupRefusal, EnterRefusal, OpenGroupRefusal, ReadRefusal, SetRefusal, WouldFitRefusal,
};
use client::interfaces::process::{
    FreezeRefusal, KillGroupRefusal, MoveRefusal, OperatorRefusal, SpawnRefusal,
};
use client::interfaces::{Amounts, CallError, GroupId, Limit, Resource, Text, console};
use client::{limits, process};

use crate::task::spawn;
use crate::words::Words;

/// `opens COUNT`: opens groups, a chain of them, and ends without closing one.
pub fn opens(words: &mut Words<'_>) -> i32 {
    let mut parent = None;
    for _ in 0..words.number::<u32>() {
        parent = Some(value!(limits::open_group(parent)));
    }
    0
}

/// `escape OWN PARENT SIBLING`: nothing can be done to one's own group, and groups above and beside do not exist.
pub fn escape(words: &mut Words<'_>) -> i32 {
    let (own, parent, sibling) = (words.group(), words.group(), words.group());
    for group in [parent, sibling, GroupId::ROOT] {
        let code = outside(group);
        if code != 0 {
            return code;
        }
    }
    expect!(
        limits::set_limit(own, Resource::Tasks, Limit::Max),
        Err(CallError::Refused(SetRefusal::NotYours))
    );
    expect!(
        limits::set_soft_limit(own, Resource::Tasks, Limit::Max),
        Err(CallError::Refused(SetRefusal::NotYours))
    );
    expect!(
        limits::set_label(own, "free"),
        Err(CallError::Refused(SetRefusal::NotYours))
    );
    expect!(
        limits::close_group(own),
        Err(CallError::Refused(CloseGroupRefusal::NotYours))
    );
    expect!(
        process::kill_group(own),
        Err(CallError::Refused(KillGroupRefusal::Kill(
            KillRefusal::NotYours
        )))
    );
    0
}

/// Everything that could be asked about a group outside of one's own is refused as if there were none.
fn outside(group: GroupId) -> i32 {
    expect!(
        spawn(Some(group), "exit 0"),
        Err(CallError::Refused(SpawnRefusal::Ticket(
            TicketRefusal::UnknownGroup
        )))
    );
    expect!(
        limits::open_group(Some(group)),
        Err(CallError::Refused(OpenGroupRefusal::UnknownGroup))
    );
    expect!(
        limits::close_group(group),
        Err(CallError::Refused(
            CloseGroupRefusal::UnknownGroup | CloseGroupRefusal::NotYours
        ))
    );
    expect!(
        limits::set_limit(group, Resource::Tasks, Limit::Max),
        Err(CallError::Refused(
            SetRefusal::UnknownGroup | SetRefusal::NotYours
        ))
    );
    expect!(
        limits::set_label(group, "mine"),
        Err(CallError::Refused(
            SetRefusal::UnknownGroup | SetRefusal::NotYours
        ))
    );
    expect!(
        limits::read_account(Some(group)),
        Err(CallError::Refused(ReadRefusal::UnknownGroup))
    );
    expect!(
        limits::read_resource(Some(group), Resource::Frames),
        Err(CallError::Refused(ReadRefusal::UnknownGroup))
    );
    expect!(
        limits::list_children(Some(group), None),
        Err(CallError::Refused(ReadRefusal::UnknownGroup))
    );
    expect!(
        limits::list_tasks(Some(group), None),
        Err(CallError::Refused(ReadRefusal::UnknownGroup))
    );
    expect!(
        limits::effective_limit(Some(group), Resource::Tasks),
        Err(CallError::Refused(ReadRefusal::UnknownGroup))
    );
    expect!(
        limits::would_fit(Some(group), Amounts::NONE),
        Err(CallError::Refused(WouldFitRefusal::UnknownGroup))
    );
    expect!(
        process::kill_group(group),
        Err(CallError::Refused(KillGroupRefusal::Kill(
            KillRefusal::UnknownGroup | KillRefusal::NotYours
        )))
    );
    0
}

/// `no-operator`: what only an operator may do is refused.
pub fn no_operator() -> i32 {
    expect!(
        process::audit(GroupId::ROOT),
        Err(CallError::Refused(OperatorRefusal::NotOperator))
    );
    expect!(
        client::truth::inspect().map(|_| ()),
        Err(CallError::Refused(OperatorRefusal::NotOperator))
    );
    expect!(
        process::next_group(None),
        Err(CallError::Refused(OperatorRefusal::NotOperator))
    );
    expect!(
        process::figures(),
        Err(CallError::Refused(OperatorRefusal::NotOperator))
    );
    expect!(
        process::pool(),
        Err(CallError::Refused(OperatorRefusal::NotOperator))
    );
    expect!(
        client::console::write_record(format_args!("done 1 0")),
        Err(CallError::Refused(console::OperatorRefusal::NotOperator))
    );
    expect!(
        client::call(Server::Console, &console::ReadInput {}),
        Err(CallError::Refused(console::ReadInputRefusal::NotOperator))
    );
    expect!(
        client::call(Server::Console, &console::PollInput {}),
        Err(CallError::Refused(console::OperatorRefusal::NotOperator))
    );
    let text = Text::cut("nobody sees this");
    expect!(
        client::call(Server::Console, &console::WriteRaw { text }),
        Err(CallError::Refused(console::OperatorRefusal::NotOperator))
    );
    expect!(
        client::console::halt(true),
        Err(CallError::Refused(console::OperatorRefusal::NotOperator))
    );
    0
}

/// `cannot-freeze GROUP`: one beside the own group, and the own one.
pub fn cannot_freeze(words: &mut Words<'_>) -> i32 {
    let beside = words.group();
    let own = value!(limits::who_am_i()).group;
    for group in [beside, own, GroupId::ROOT] {
        expect!(
            process::freeze(group),
            Err(CallError::Refused(FreezeRefusal::Freeze(
                accounting::FreezeRefusal::UnknownGroup | accounting::FreezeRefusal::NotYours
            )))
        );
        expect!(
            process::thaw(group),
            Err(CallError::Refused(FreezeRefusal::Freeze(
                accounting::FreezeRefusal::UnknownGroup | accounting::FreezeRefusal::NotYours
            )))
        );
    }
    0
}

/// `cannot-enter GROUP`: it is frozen.
pub fn cannot_enter(words: &mut Words<'_>) -> i32 {
    expect!(
        limits::enter(words.group()),
        Err(CallError::Refused(EnterRefusal::Frozen))
    );
    0
}

/// `cannot-move GROUP`: neither itself nor another, out of its own group.
pub fn cannot_move(words: &mut Words<'_>) -> i32 {
    let beside = words.group();
    let own = value!(limits::who_am_i());
    let below = value!(limits::open_group(None));
    for group in [beside, below, GroupId::ROOT] {
        expect!(
            process::move_task(own.task, group),
            Err(CallError::Refused(
                MoveRefusal::UnknownGroup | MoveRefusal::UnknownTask | MoveRefusal::NotYours
            ))
        );
    }
    value!(limits::close_group(below));
    0
}

/// `kill-own`: opens a group, goes there, fills it and kills it, with itself in it.
pub fn kill_own() -> i32 {
    let group = value!(limits::open_group(None));
    value!(limits::enter(group));
    value!(process::adopt_band());
    for _ in 0..3 {
        value!(spawn(None, "idle"));
    }
    problem!("alive after {:?}", process::kill_group(group))
}
