//! What clients ask the proc-server.

use core::fmt;

use serde::{Deserialize, Serialize};

pub use crate::accounting::MoveRefusal;
use crate::accounting::{self, KillRefusal, Receipt, TicketRefusal};
use crate::amounts::Amounts;
use crate::events::RingId;
use crate::identity::{GroupId, TaskId};
use crate::interface;
use crate::limits::{Never, Page};
use crate::links::{Accept, HangUp, Link, LinkRefusal, Links, Offer, ReadLinks, SetAlarm};
use crate::provision::{
    Cause, CloneSpaceRefusal, CreateRefusal, PoolFigures, ProgramId, ProgramName, Progress,
    RingRefusal, UnknownRefusal,
};
use crate::text::Text;
use crate::truth::Verified;

mod words;

pub use words::{FEW_ARGUMENT_BYTES, FewArguments, FewSpawn};

/// The most bytes of arguments.
pub const ARGUMENT_BYTES: usize = 120;
/// How many ends of children are kept for a parent that does not wait; older ones are lost and counted.
pub const KEPT_ENDS: usize = 16;

/// A program's arguments: words with single spaces between them.
pub type Arguments = Text<ARGUMENT_BYTES>;

/// Starts a program as a child of the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spawn {
    /// The program.
    pub program: ProgramId,
    /// The child's group: the caller's own if none, or one below it.
    pub group: Option<GroupId>,
    /// Its arguments.
    pub arguments: Arguments,
}

/// Makes a child that begins where the calling thread is, with a clone of all that the caller sees.
///
/// Answered twice: with the child to the parent, with none to the child. Memory of the caller's own is cloned (whoever
/// writes to a page gets a copy), memory that was ever shared stays shared; regions keep their ids. All of it is charged
/// to the child's group now, so a fork is refused rather than failing later. The child has the calling thread only, with
/// its registers but for those of the FPU, which are fresh; it is no operator. The kernel does not keep the stack pointer of a
/// thread that waits: it must be in `r14` meanwhile, as the bindings leave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// The number of the calling thread. Another's, and the child begins wherever that one is.
    pub thread: u32,
    /// The child's group: the caller's own if none, or one below it.
    pub group: Option<GroupId>,
}

/// Looks a program up by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindProgram {
    /// The name.
    pub name: ProgramName,
}

/// Ends the caller's task with all its threads. Never answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// What the parent is told.
    pub code: i32,
}

/// Waits for the end of a child. Everything that the child held has come back by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// Which child; any if none.
    pub child: Option<TaskId>,
}

/// Ends a task that is a descendant of the caller, or that is in a group below the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kill {
    /// The task.
    pub task: TaskId,
}

/// Ends every task in a group below the caller's, and in the groups below that, and those that have left them while they
/// are still paid for there; answered when everything has come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillGroup {
    /// The group.
    pub group: GroupId,
}

/// Reads what is known of a task: the caller itself if none, a descendant, or one in a group below the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadTask {
    /// The task.
    pub task: Option<TaskId>,
}

/// Lists the caller's living children.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Children {
    /// The last child of the page before.
    pub after: Option<TaskId>,
}

/// Reads the caller's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadArguments {}

/// Starts a further thread in the caller's task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartThread {
    /// Its first instruction.
    pub entry: u32,
    /// The end of its stack, memory of the caller's own.
    pub stack_top: u32,
    /// What its first argument register holds.
    pub argument: u64,
}

/// Ends one of the caller's further threads, which may be the calling one (then it is never answered).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndThread {
    /// The thread's number.
    pub number: u32,
    /// Whether it is the calling thread.
    pub myself: bool,
}

/// Waits until one of the caller's further threads has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinThread {
    /// The thread's number.
    pub number: u32,
}

/// Compares what the ledger says of a group with what the servers really hold for it. For an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// The group; its own charges are compared, not those of the groups below it.
    pub group: GroupId,
}

/// Checks the next records of the servers against the kernel ([`crate::truth`]), a slice a call. For an operator.
///
/// What all slices found to be held for a group is what [`Audit`] says that the ledger says, if nothing in the group
/// changes meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspect {
    /// Whose records; with none all, also those of what is free.
    pub group: Option<GroupId>,
    /// Where to go on: 0, or what the last answer said.
    pub at: u64,
}

/// Asks for the group after one in a walk over all groups. For an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextGroup {
    /// The group before; none to start with the root.
    pub after: Option<GroupId>,
}

/// Asks for [`Figures`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadFigures {}

/// Asks for the memory-server's pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadPool {}

/// Asks how long the machine has been running: for a [`Clock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadClock {}

/// Nanoseconds since the processor was switched on.
///
/// Never goes back. Where QEMU counts instructions (`-icount shift=0`) it is exact: an instruction takes one, and time in
/// which nobody runs passes too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Clock {
    /// Nanoseconds.
    pub ns: u64,
}

/// Answered when so much time has passed, never before. 0 is answered at once; what would end later than the clock can
/// count ([`u64::MAX`], some 584 years) lasts as long as the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sleep {
    /// Nanoseconds.
    pub ns: u64,
}

/// Answered when the clock has reached this reading, never before: for whoever wants to wake at equal intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SleepUntil {
    /// The reading.
    pub clock: Clock,
}

/// [`Wait`], but no longer than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitFor {
    /// Which child; any if none.
    pub child: Option<TaskId>,
    /// Nanoseconds; with 0 it only looks whether an end is kept.
    pub ns: u64,
}

/// Opens a ring for events: see [`crate::events`]. It is the caller's until it closes it or ends. All of it is charged now; so
/// many pages as fit a slice are made now, and the others by [`ExtendRing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRing {
    /// How many pages: a power of two, at most [`crate::events::RING_PAGES`] over all of the caller's rings.
    pub pages: u8,
}

/// Makes the next few pages of one of the caller's rings. It can be watched with, and has its notification, when that is
/// [`Progress::Done`]. A refusal leaves what is there to [`CloseRing`]; a ring that is whole already, or was refused once, is
/// refused as unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendRing {
    /// The ring.
    pub ring: RingId,
}

/// Closes one of the caller's rings, a bounded slice of it a call: again, until it is [`Progress::Done`]. Its notification
/// and its pages go: a thread that still reads or waits there ends the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseRing {
    /// The ring.
    pub ring: RingId,
}

/// A ring that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedRing {
    /// Its name.
    pub ring: RingId,
    /// Where it can be read.
    pub address: u32,
    /// The slot of the notification, to be received from when the ring is whole.
    pub slot: u8,
    /// Whether it is; else [`ExtendRing`] is to be called until it is.
    pub progress: Progress,
}

/// Freezes a group once more, and all below it: their threads stand still in whatever they are in the middle of. Answered
/// with how often the group is frozen now, when all of them do. Whoever is born there stands still from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// The group.
    pub group: GroupId,
}

/// Thaws a group once. Answered with how often it is still frozen. If it is not, nor any group above it, then its threads
/// go on where they were, in their band; and so for each group below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thaw {
    /// The group.
    pub group: GroupId,
}

/// Moves a task, with its counts of tasks and threads, to another group, all or nothing; its threads get that group's band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveTask {
    /// The task.
    pub task: TaskId,
    /// The group it goes to.
    pub group: GroupId,
}

/// Gives the caller's threads the band of the group that it is in now: after it has gone to another by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptBand {}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitReason {
    /// By itself.
    Exited {
        /// What it said.
        code: i32,
    },
    /// By another task.
    Killed {
        /// Which.
        by: TaskId,
    },
    /// With its group.
    GroupKilled {
        /// The group that was killed: its own or one above.
        group: GroupId,
    },
    /// Because it could not go on.
    Fault(Cause),
}

impl fmt::Display for ExitReason {
    /// In words that follow a task's id.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { code } => write!(out, "exited with code {code}"),
            Self::Killed { by } => write!(out, "was killed by task {by}"),
            Self::GroupKilled { group } => write!(out, "was killed with group {group}"),
            Self::Fault(Cause::BadAddress { address, ip }) => {
                write!(out, "touched address {address:#x} at {ip:#x}")
            }
            Self::Fault(Cause::NoFrame(shortage)) => {
                write!(out, "was refused a page: {shortage}")
            }
            Self::Fault(cause) => write!(out, "could not go on: {cause:?}"),
        }
    }
}

/// The end of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The child.
    pub task: TaskId,
    /// How.
    pub reason: ExitReason,
}

/// What is known of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskAccount {
    /// The task.
    pub task: TaskId,
    /// Who spawned it, while that lives and may be seen.
    pub parent: Option<TaskId>,
    /// The group that it was born in, or was moved to last.
    pub group: GroupId,
    /// What it runs.
    pub program: ProgramName,
    /// Its threads.
    pub threads: u32,
    /// Living children.
    pub children: u32,
    /// Ends of children that were lost because nobody waited for them.
    pub lost_ends: u32,
}

/// What an audit found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditResult {
    /// What the ledger says.
    pub ledger: Amounts,
    /// What is there.
    pub held: Amounts,
}

/// Figures of the proc-server about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Tasks alive.
    pub tasks: u64,
    /// Threads alive.
    pub threads: u64,
    /// Room for threads in all.
    pub thread_room: u64,
    /// Tasks born since the start.
    pub births: u64,
    /// Births that the limits-server did not confirm.
    pub unconfirmed: u64,
    /// Messages turned down with a protocol error.
    pub protocol_errors: u64,
    /// Things that the other servers said or left behind and never should have.
    pub alarms: u64,
}

/// Why nothing was spawned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpawnRefusal {
    /// No such program.
    UnknownProgram,
    /// The limits-server said no.
    Ticket(TicketRefusal),
    /// The memory-server said no.
    Memory(CreateRefusal),
    /// The proc-server has no room for another task or thread.
    TableFull,
    /// The limits-server did not hear of the birth.
    NotBorn,
}

/// Why a task was not forked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForkRefusal {
    /// The task has no thread of this number.
    UnknownThread,
    /// The limits-server said no.
    Ticket(TicketRefusal),
    /// The memory-server could not make the child.
    Memory(CreateRefusal),
    /// The memory-server could not clone the address space.
    Clone(CloneSpaceRefusal),
    /// The proc-server has no room for another task or thread.
    TableFull,
    /// The limits-server did not hear of the birth.
    NotBorn,
}

/// Why a program was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FindRefusal {
    /// No program has this name.
    UnknownProgram,
}

/// Why a task does not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WaitRefusal {
    /// There is no child to wait for.
    NoChildren,
    /// No living child and no kept end has this id.
    NotAChild,
    /// Too many threads wait.
    TableFull,
    /// It has not ended in that time.
    TimedOut,
}

/// Why a group was not frozen or thawed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FreezeRefusal {
    /// The limits-server said no.
    Freeze(accounting::FreezeRefusal),
    /// Too many groups are being frozen or thawed at once.
    TableFull,
}

/// Why a task does not sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SleepRefusal {
    /// Too many threads wait.
    TableFull,
}

/// Why a task was not killed or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskRefusal {
    /// No such task, or not one that the caller may see.
    UnknownTask,
    /// Too many threads wait.
    TableFull,
}

/// Why a group was not killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KillGroupRefusal {
    /// The limits-server said no.
    Kill(KillRefusal),
    /// Too many groups are being killed at once.
    TableFull,
}

/// Why a thread was not started, ended or joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThreadRefusal {
    /// The task has no thread of this number, or it is the first one.
    UnknownThread,
    /// The limits-server said no.
    Ticket(TicketRefusal),
    /// The memory-server said no.
    Memory(CreateRefusal),
    /// The task has as many threads as a task can have, or the proc-server no room.
    TableFull,
    /// The limits-server did not hear of the birth.
    NotBorn,
}

/// Why an operator's question was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperatorRefusal {
    /// The caller is no operator.
    NotOperator,
    /// No such group.
    UnknownGroup,
}

interface! {
    /// Tasks and threads.
    pub interface 5 version 1 {
        /// Starts a program.
        0 => spawn(Spawn) -> TaskId, or SpawnRefusal as shortage, short few_spawn(FewSpawn);
        /// Finds a program.
        1 => find_program(FindProgram) -> ProgramId, or FindRefusal;
        /// Ends the caller.
        2 => exit(Exit) -> (), or Never, later_short;
        /// Waits for a child.
        3 => wait(Wait) -> Ended, or WaitRefusal, later_short;
        /// Ends another task.
        4 => kill(Kill) -> (), or TaskRefusal, later_short;
        /// Ends a group.
        5 => kill_group(KillGroup) -> Receipt, or KillGroupRefusal, later_short;
        /// What is known of a task.
        6 => read_task(ReadTask) -> TaskAccount, or TaskRefusal;
        /// Lists children.
        7 => children(Children) -> Page<TaskId>, or TaskRefusal;
        /// Reads the arguments.
        8 => read_arguments(ReadArguments) -> Arguments, or Never, short;
        /// Starts a thread.
        9 => start_thread(StartThread) -> u32, or ThreadRefusal as shortage, short;
        /// Ends a thread.
        10 => end_thread(EndThread) -> (), or ThreadRefusal, later_short;
        /// Waits for a thread.
        11 => join_thread(JoinThread) -> (), or ThreadRefusal, later_short;
        /// Compares ledger and servers.
        12 => audit(Audit) -> AuditResult, or OperatorRefusal;
        /// Walks all groups.
        13 => next_group(NextGroup) -> Option<GroupId>, or OperatorRefusal;
        /// Figures about the server itself.
        14 => read_figures(ReadFigures) -> Figures, or OperatorRefusal;
        /// The memory-server's pool.
        15 => read_pool(ReadPool) -> PoolFigures, or OperatorRefusal;
        /// What time it is.
        16 => read_clock(ReadClock) -> Clock, or Never, short;
        /// Sleeps for a while. The answer says when it was given.
        17 => sleep(Sleep) -> Clock, or SleepRefusal, later_short;
        /// Sleeps until a reading of the clock. The answer says when it was given.
        18 => sleep_until(SleepUntil) -> Clock, or SleepRefusal, later_short;
        /// Waits for a child, but not for ever.
        19 => wait_for(WaitFor) -> Ended, or WaitRefusal, later_short;
        /// Opens a ring for events.
        40 => open_ring(OpenRing) -> OpenedRing, or RingRefusal;
        /// Closes a ring.
        41 => close_ring(CloseRing) -> Progress, or UnknownRefusal;
        /// Makes more of a ring.
        42 => extend_ring(ExtendRing) -> Progress, or RingRefusal;
        /// Freezes a group.
        20 => freeze(Freeze) -> u32, or FreezeRefusal, later_short;
        /// Thaws a group.
        21 => thaw(Thaw) -> u32, or FreezeRefusal, later_short;
        /// Moves a task.
        22 => move_task(MoveTask) -> (), or MoveRefusal as shortage, short;
        /// Follows the caller's group.
        23 => adopt_band(AdoptBand) -> (), or Never;
        /// Offers a link to another task.
        30 => offer(Offer) -> Link, or LinkRefusal, later;
        /// Accepts one.
        31 => accept(Accept) -> Link, or LinkRefusal, later;
        /// Ends one.
        32 => hang_up(HangUp) -> (), or LinkRefusal;
        /// Lists them.
        33 => read_links(ReadLinks) -> Links, or Never;
        /// Rings the caller's bell at a time.
        34 => set_alarm(SetAlarm) -> (), or LinkRefusal;
        /// Forks the caller.
        60 => fork(Fork) -> Option<TaskId>, or ForkRefusal, later;
        /// Checks the servers' records against the kernel.
        61 => inspect(Inspect) -> Verified, or OperatorRefusal;
    }
}
