//! Modes of a task that opens a group, and what it may do to it then.

use client::interfaces::limits::{EnterRefusal, RevokeRefusal, Rights, SetRefusal};
use client::interfaces::{CallError, Limit, Resource};
use client::limits;

use crate::rights::TRIALS;
use crate::words::Words;

/// `try NUMBER GROUP [TASK]`: tries one thing; the exit code says what came of it.
pub fn try_one(words: &mut Words<'_>) -> i32 {
    let (number, group, member) = (words.number::<usize>(), words.group(), words.task());
    let Some((_, _, act)) = TRIALS.get(number) else {
        return problem!("there is no trial {number}");
    };
    act(group, member) as i32
}

/// `opener`: opens a group and goes inside; changes it until it has given that up, right by right.
pub fn opener(_: &mut Words<'_>) -> i32 {
    let group = value!(limits::open_group(None));
    expect!(limits::my_rights(Some(group)), Ok(Rights::ALL));
    expect!(limits::enter(group), Ok(()));
    expect!(limits::my_rights(None), Ok(Rights::ALL));
    let limit = |value| limits::set_limit(group, Resource::Notes, Limit::At(value));
    expect!(limit(3), Ok(()));
    expect!(limit(4), Ok(()));
    expect!(limits::give_up(group, Rights::RAISE), Ok(()));
    expect!(limit(5), Err(CallError::Refused(SetRefusal::NotYours)));
    expect!(limit(2), Ok(()));
    expect!(limits::give_up(group, Rights::ALL), Ok(()));
    expect!(limit(1), Err(CallError::Refused(SetRefusal::NotYours)));
    expect!(limits::my_rights(None), Ok(Rights::MEMBER));
    // There is nothing of it left to be handed to anybody, and it does not come back.
    let me = value!(limits::who_am_i()).task;
    expect!(limits::grant(group, me, Rights::RAISE).is_err(), true);
    // It still keeps the group.
    expect!(limits::close_group(group), Ok(()));
    expect!(
        limits::give_up(group, Rights::ALL),
        Err(CallError::Refused(RevokeRefusal::NotYours))
    );
    0
}

/// `enters GROUP`: goes there; the exit code says what came of it.
pub fn enters(words: &mut Words<'_>) -> i32 {
    let group = words.group();
    match limits::enter(group) {
        Ok(()) => {
            let here = value!(limits::who_am_i()).group;
            if here == group { 0 } else { 3 }
        }
        Err(CallError::Refused(EnterRefusal::Short(_))) => 1,
        Err(CallError::Refused(EnterRefusal::UnknownGroup)) => 2,
        Err(other) => problem!("{other:?}"),
    }
}

/// `keeper`: opens a group, labels it, makes it outlive its end.
pub fn keeper(_: &mut Words<'_>) -> i32 {
    let group = value!(limits::open_group(None));
    expect!(limits::set_label(group, "kept"), Ok(()));
    expect!(limits::hold(group), Ok(()));
    0
}
