//! Modes of a task among tasks.

use client::interfaces::CallError;
use client::interfaces::process::{Arguments, SpawnRefusal, TaskRefusal, WaitRefusal};
use client::interfaces::{GroupId, Limit, Resource, TaskId};
use client::{limits, process};

use crate::Born;
use crate::words::Words;

/// Starts another assistant.
pub fn spawn(group: Option<GroupId>, mode: &str) -> Result<TaskId, CallError<SpawnRefusal>> {
    let assist = process::find_program("assist")
        .map_err(|_| CallError::Refused(SpawnRefusal::UnknownProgram))?;
    process::spawn(assist, group, &Arguments::cut(mode))
}

/// `idle`: lets others run, for ever.
pub fn idle() -> i32 {
    loop {
        client::yield_now();
    }
}

/// `exit CODE`
pub fn code(words: &mut Words<'_>) -> i32 {
    words.number()
}

/// `born GROUP`: the first call said that this task is in that group.
pub fn born(words: &mut Words<'_>, born: Born) -> i32 {
    let group = words.group();
    let membership = value!(born);
    if membership.group != group {
        return problem!("born in {}, not in {group}", membership.group);
    }
    let account = value!(process::read_task(None));
    if account.task != membership.task || account.group != group {
        return problem!("the servers disagree: {membership:?} and {account:?}");
    }
    0
}

/// `child-of TASK`: the proc-server says that this is the parent.
pub fn child_of(words: &mut Words<'_>) -> i32 {
    let parent = words.task();
    let account = value!(process::read_task(None));
    if account.parent == Some(parent) {
        0
    } else {
        problem!("parent {:?}", account.parent)
    }
}

/// `orphan`: leaves a child behind.
pub fn orphan() -> i32 {
    value!(spawn(None, "idle"));
    0
}

/// `parent`: has two children, sees them, waits for one and kills the other.
pub fn parent() -> i32 {
    let first = value!(spawn(None, "exit 5"));
    let second = value!(spawn(None, "idle"));
    let seen = value!(process::children(None));
    // The first may have ended already.
    if !seen.items.contains(&second)
        || seen
            .items
            .iter()
            .any(|&child| child != first && child != second)
    {
        return problem!("children: {:?}", seen.items);
    }
    let end = value!(process::wait(Some(first)));
    if end.reason != (client::interfaces::process::ExitReason::Exited { code: 5 }) {
        return problem!("the first child: {:?}", end.reason);
    }
    value!(process::kill(second));
    let end = value!(process::wait(None));
    if end.task != second {
        return problem!("waited for {}, not {second}", end.task);
    }
    expect!(
        process::wait(None),
        Err(CallError::Refused(WaitRefusal::NoChildren))
    );
    0
}

/// `stranger TASK`: neither below nor a descendant, so nothing can be done to it.
pub fn stranger(words: &mut Words<'_>) -> i32 {
    let task = words.task();
    expect!(
        process::kill(task),
        Err(CallError::Refused(TaskRefusal::UnknownTask))
    );
    expect!(
        process::read_task(Some(task)),
        Err(CallError::Refused(TaskRefusal::UnknownTask))
    );
    expect!(
        process::wait(Some(task)),
        Err(CallError::Refused(
            WaitRefusal::NotAChild | WaitRefusal::NoChildren
        ))
    );
    0
}

/// `bomb`: spawns itself, for ever.
pub fn bomb() -> i32 {
    loop {
        if spawn(None, "bomb").is_err() {
            client::yield_now();
        }
    }
}

/// `kill-bombs TASKS TIMES`: lets a bomb fill a group of its own with so many tasks and kills the group; how many
/// millions of instructions the longest kill took. The bombs run beside this task all the while.
pub fn kill_bombs(words: &mut Words<'_>) -> i32 {
    let (tasks, times): (u64, u32) = (words.number(), words.number());
    let mut longest = 0;
    for _ in 0..times {
        let group = value!(limits::open_group(None));
        value!(limits::set_limit(group, Resource::Tasks, Limit::At(tasks)));
        value!(spawn(Some(group), "bomb"));
        while value!(limits::read_resource(Some(group), Resource::Tasks)).usage < tasks {
            client::yield_now();
        }
        let start = client::clock();
        let receipt = value!(process::kill_group(group));
        longest = u64::max(longest, client::clock().saturating_sub(start));
        if receipt.held != receipt.returned || receipt.held.get(Resource::Tasks) != tasks {
            return problem!("receipt: {receipt:?}");
        }
        value!(process::wait(None));
        value!(limits::close_group(group));
    }
    i32::try_from(longest / 1_000_000).unwrap_or(i32::MAX)
}
