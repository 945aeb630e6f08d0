//! Tasks and threads.

use core::fmt::{self, Write as _};

use interfaces::accounting::Receipt;
use interfaces::limits::{Never, Page};
use interfaces::process::{
    AdoptBand, Arguments, Audit, AuditResult, Children, EndThread, Ended, Exit, FewArguments,
    FewSpawn, Figures, FindProgram, FindRefusal, Fork, ForkRefusal, Freeze, FreezeRefusal,
    JoinThread, Kill, KillGroup, KillGroupRefusal, MoveRefusal, MoveTask, NextGroup,
    OperatorRefusal, ReadArguments, ReadFigures, ReadPool, ReadTask, Spawn, SpawnRefusal,
    StartThread, TaskAccount, TaskRefusal, Thaw, ThreadRefusal, Wait, WaitRefusal,
};
use interfaces::provision::{PoolFigures, ProgramId, ProgramName};
use interfaces::{CallError, GroupId, TaskId};

use crate::server::{Server, call};

/// Finds a program of the archive.
pub fn find_program(name: &str) -> Result<ProgramId, CallError<FindRefusal>> {
    call(
        Server::Process,
        &FindProgram {
            name: ProgramName::cut(name),
        },
    )
}

/// Starts a program as a child, in the caller's group or one below it.
pub fn spawn(
    program: ProgramId,
    group: Option<GroupId>,
    arguments: &Arguments,
) -> Result<TaskId, CallError<SpawnRefusal>> {
    let Some(few) = FewArguments::of(arguments.as_str()) else {
        return spawn_at_length(program, group, arguments);
    };
    let few = FewSpawn {
        program,
        group,
        arguments: few,
    };
    call(Server::Process, &few)
}

/// The same with arguments that have no short form.
#[cold]
fn spawn_at_length(
    program: ProgramId,
    group: Option<GroupId>,
    arguments: &Arguments,
) -> Result<TaskId, CallError<SpawnRefusal>> {
    let spawn = Spawn {
        program,
        group,
        arguments: arguments.clone(),
    };
    call(Server::Process, &spawn)
}

/// Which of the two that come back from a fork this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forked {
    /// The one that forked; this is its child.
    Parent(TaskId),
    /// The child.
    Child,
}

/// Starts a program with arguments that are put together here. What is too long is cut.
pub fn spawn_with(
    program: ProgramId,
    group: Option<GroupId>,
    arguments: fmt::Arguments<'_>,
) -> Result<TaskId, CallError<SpawnRefusal>> {
    let mut text = Arguments::default();
    let _ = text.write_fmt(arguments);
    spawn(program, group, &text)
}

/// Makes a child that is where the caller is, with a clone of its memory, in the caller's group or one below it. Comes
/// back twice. For the task's first thread.
pub fn fork(group: Option<GroupId>) -> Result<Forked, CallError<ForkRefusal>> {
    fork_thread(0, group)
}

/// The same for the calling thread, which has this number; it is the child's only one, with number 0.
pub fn fork_thread(thread: u32, group: Option<GroupId>) -> Result<Forked, CallError<ForkRefusal>> {
    Ok(match call(Server::Process, &Fork { thread, group })? {
        Some(child) => Forked::Parent(child),
        None => Forked::Child,
    })
}

/// Ends the caller's task.
pub fn exit(code: i32) -> ! {
    // Exit is never answered. Should it be, then with a protocol error, and asking again is all there is.
    loop {
        let _ = call(Server::Process, &Exit { code });
    }
}

/// Waits for the end of a child, any if none is named.
pub fn wait(child: Option<TaskId>) -> Result<Ended, CallError<WaitRefusal>> {
    call(Server::Process, &Wait { child })
}

/// Ends a task.
pub fn kill(task: TaskId) -> Result<(), CallError<TaskRefusal>> {
    call(Server::Process, &Kill { task })
}

/// Ends a group's tasks and gives the receipt.
pub fn kill_group(group: GroupId) -> Result<Receipt, CallError<KillGroupRefusal>> {
    call(Server::Process, &KillGroup { group })
}

/// Freezes a group once more; gives how often it is frozen now, when everybody in it stands still.
pub fn freeze(group: GroupId) -> Result<u32, CallError<FreezeRefusal>> {
    call(Server::Process, &Freeze { group })
}

/// Thaws a group once; gives how often it is still frozen.
pub fn thaw(group: GroupId) -> Result<u32, CallError<FreezeRefusal>> {
    call(Server::Process, &Thaw { group })
}

/// Moves a task to another group, whose band its threads get.
pub fn move_task(task: TaskId, group: GroupId) -> Result<(), CallError<MoveRefusal>> {
    call(Server::Process, &MoveTask { task, group })
}

/// Gives the caller's threads the band of the group that it is in now.
pub fn adopt_band() -> Result<(), CallError<Never>> {
    call(Server::Process, &AdoptBand {})
}

/// What is known of a task; of the caller if none is named.
pub fn read_task(task: Option<TaskId>) -> Result<TaskAccount, CallError<TaskRefusal>> {
    call(Server::Process, &ReadTask { task })
}

/// A page of the caller's living children.
pub fn children(after: Option<TaskId>) -> Result<Page<TaskId>, CallError<TaskRefusal>> {
    call(Server::Process, &Children { after })
}

/// The caller's arguments; none at all if the server does not know the caller.
#[must_use]
pub fn arguments() -> Arguments {
    call(Server::Process, &ReadArguments {}).unwrap_or_default()
}

/// Starts a further thread at `entry`, which must never return.
pub fn start_thread(
    entry: extern "C" fn(u64) -> !,
    stack_top: u32,
    argument: u64,
) -> Result<u32, CallError<ThreadRefusal>> {
    // A program is linked below 4 GiB, so its functions' addresses fit; another could not be started anyway.
    let entry = u32::try_from(entry as usize).unwrap_or(0);
    call(
        Server::Process,
        &StartThread {
            entry,
            stack_top,
            argument,
        },
    )
}

/// Ends one of the caller's further threads, not the calling one.
pub fn end_thread(number: u32) -> Result<(), CallError<ThreadRefusal>> {
    call(
        Server::Process,
        &EndThread {
            number,
            myself: false,
        },
    )
}

/// Ends the calling thread, which has this number; returns only if that is refused.
pub fn end_this_thread(number: u32) -> Result<(), CallError<ThreadRefusal>> {
    call(
        Server::Process,
        &EndThread {
            number,
            myself: true,
        },
    )
}

/// Waits for the end of one of the caller's further threads.
pub fn join_thread(number: u32) -> Result<(), CallError<ThreadRefusal>> {
    call(Server::Process, &JoinThread { number })
}

/// Compares ledger and kernel objects of a group. For an operator.
pub fn audit(group: GroupId) -> Result<AuditResult, CallError<OperatorRefusal>> {
    call(Server::Process, &Audit { group })
}

/// The group after one in a walk over all. For an operator.
pub fn next_group(after: Option<GroupId>) -> Result<Option<GroupId>, CallError<OperatorRefusal>> {
    call(Server::Process, &NextGroup { after })
}

/// The proc-server's figures. For an operator.
pub fn figures() -> Result<Figures, CallError<OperatorRefusal>> {
    call(Server::Process, &ReadFigures {})
}

/// The memory-server's pool. For an operator.
pub fn pool() -> Result<PoolFigures, CallError<OperatorRefusal>> {
    call(Server::Process, &ReadPool {})
}
