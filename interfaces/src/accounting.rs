//! What the memory-server and the proc-server ask the limits-server. Never served to clients.
//!
//! A charge made here is held by the server that asked for it: its own records say who paid, and it gives back the
//! same amounts to the same group, whatever happened to the task in between.

use serde::{Deserialize, Serialize};

use crate::amounts::{Amounts, Shortage};
use crate::events::{Ending, RingId};
use crate::identity::{GroupId, TaskId};
use crate::interface;
use crate::limits::{Never, Rights};
use crate::provision::Progress;

mod words;

pub use words::{FewOf, FewTicket, Price};

/// Opens a birth ticket for a new task: charges the whole vector, or nothing, and expects the kernel's birth
/// notice of `thread`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The place of its first thread, which its birth badge will carry.
    pub thread: u32,
    /// The task to be.
    pub task: TaskId,
    /// Who spawns it; nobody for what `system.toml` starts.
    pub parent: Option<TaskId>,
    /// Its group: the parent's (also for `None`) or one below that.
    pub group: Option<GroupId>,
    /// Everything that is charged at once: the task, the thread, and what they are made of.
    pub amounts: Amounts,
}

/// Opens a birth ticket for a further thread of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadTicket {
    /// The place of the thread.
    pub thread: u32,
    /// Its task, which is born.
    pub task: TaskId,
    /// Everything that is charged at once.
    pub amounts: Amounts,
}

/// Asks whether the kernel has reported the birth of this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirm {
    /// The place of the thread.
    pub thread: u32,
}

/// A thread is gone, or was never made: gives back what its ticket charged. Not for a task's first thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndThread {
    /// The place of the thread.
    pub thread: u32,
}

/// A further thread that was born has ended, and its task keeps what it is made of for its next one: it is counted as a
/// thread no more, and everything else stays charged to who paid. [`EndThread`] and [`EndTask`] give that back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestThread {
    /// The place of the thread.
    pub thread: u32,
}

/// Counts a thread that rests ([`RestThread`]) again, and expects its birth: what [`ThreadTicket`] is to a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WakeThread {
    /// The place of the thread.
    pub thread: u32,
    /// Its task.
    pub task: TaskId,
}

/// A task is gone, or was never made: gives back what its tickets charged, and lets go of every group that it
/// opened.
///
/// A bounded number of those a call, so that nobody's many groups keep everybody else waiting: to be asked again until
/// it is done. The task and its charges go with the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndTask {
    /// The task.
    pub task: TaskId,
    /// How it ended, for whoever watches its group.
    pub ending: Ending,
}

/// A ring is mapped in its place of the limits-server's window, and its notification stands in its slot: from now on
/// the task may let it watch something. Asked by the memory-server alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachRing {
    /// The ring.
    pub ring: RingId,
    /// Whose it is.
    pub task: TaskId,
    /// Its pages.
    pub pages: u8,
}

/// A ring is about to go: once this is answered the limits-server touches neither its pages nor its notification.
/// Asked by the memory-server alone; asked again it does no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetachRing {
    /// The ring.
    pub ring: RingId,
}

/// Guarantees a group so many pages, or takes that back with 0; answered with what was guaranteed before. Asked by the
/// memory-server alone, which then sees whether it has them, and if not takes it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guarantee {
    /// The group.
    pub group: GroupId,
    /// The pages.
    pub pages: u64,
    /// Who asks, and whether it is an operator; nobody to take back what was just given.
    pub by: Option<(TaskId, bool)>,
}

/// Who wants to reserve pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Who {
    /// Nobody to whom anything is guaranteed, or somebody who was charged already.
    Nobody,
    /// A group.
    Group(GroupId),
    /// The group that a task is in.
    Task(TaskId),
}

/// Asks how many pages are set aside by guarantees for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// Others than this one.
    pub who: Who,
    /// How many pages it would draw from what is set aside for it.
    pub pages: u64,
}

/// What is set aside, in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    /// For others.
    pub pages: u64,
    /// The most that can ever be, as guarantees are now.
    pub all: u64,
}

/// Why a group was not guaranteed pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GuaranteeRefusal {
    /// No such group, or not one that the caller may see.
    UnknownGroup,
    /// The caller lacks the right to.
    NotYours,
    /// The group, or one above it, is being killed.
    Killing,
    /// A limit is in the way.
    Short(Shortage),
    /// As many groups as there can be have a guarantee.
    TableFull,
    /// The machine does not have the pages.
    OutOfMemory,
}

/// Asks whether every place for a group is taken, and there can be more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantsGround {}

/// A tract ([`crate::start::ground`]) was mapped behind the last place. Answered with whether it was wanted: if not, it is
/// not touched. From others than the memory-server it is never wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddTract {}

/// Asks for the last tract back. Answered with whether nobody is in it: it is not touched any more then. Others than the
/// memory-server never get one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawTract {}

/// Charges a group and all above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// The group that pays.
    pub group: GroupId,
    /// What for.
    pub amounts: Amounts,
}

/// Charges a group and all above it for one of something, and for as many more of the same as it can easily spare: for
/// what is likely to be wanted next. What is easily spared is an eighth of what is left to every limit on the way, so
/// nobody is refused the last of something because another was given it before it asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeSome {
    /// The group that pays.
    pub group: GroupId,
    /// What one costs.
    pub each: Amounts,
    /// How many are wanted at most.
    pub most: u32,
}

/// Charges the group that a task is in now, if the task is born. With no amounts it only asks for that: a task's
/// first page is granted after this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeTask {
    /// The task.
    pub task: TaskId,
    /// What for.
    pub amounts: Amounts,
}

/// Gives back part of what was charged to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The group that paid.
    pub group: GroupId,
    /// What is given back.
    pub amounts: Amounts,
}

/// Moves a task, with its task and thread counts, to another group: all or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveTask {
    /// The task.
    pub task: TaskId,
    /// The group it goes to.
    pub group: GroupId,
    /// Who asks: a task with the right to move out of the one group and into the other, or nobody for the system
    /// itself.
    pub by: Option<TaskId>,
}

/// Says whose a task is, for the modes of groups. A newborn has its parent's credentials, or 0 and 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetCredentials {
    /// The task, announced or born.
    pub task: TaskId,
    /// The user.
    pub uid: u32,
    /// The users' group.
    pub gid: u32,
}

/// Asks whether a task has rights on a group: to freeze it, to watch it, … Refused if it has not all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRights {
    /// The task.
    pub task: TaskId,
    /// The group.
    pub group: GroupId,
    /// The rights.
    pub rights: Rights,
}

/// Freezes a group once more: whoever is in it or below it is to stand still. Then [`NextUnsettled`] names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// The group.
    pub group: GroupId,
    /// Who asks: a task with the right to freeze it, or nobody for the system itself.
    pub by: Option<TaskId>,
}

/// Thaws a group once. If neither it nor a group above it is frozen then, whoever is in it goes on, and so for each group
/// below. [`NextUnsettled`] names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thaw {
    /// The group.
    pub group: GroupId,
    /// Who asks: a task with the right to freeze it, or nobody for the system itself.
    pub by: Option<TaskId>,
}

/// Asks for a task in or below a group that was frozen or thawed and whose threads are not as they should be. Each is
/// named once: whoever asks sets its threads' priority, then asks for the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextUnsettled {
    /// The group.
    pub group: GroupId,
}

/// Asks where a born task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadPlace {
    /// The task.
    pub task: TaskId,
}

/// Closes a group and all below it to charges, because they are to be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeginKill {
    /// The group.
    pub group: GroupId,
    /// Who asks: a task with the right to kill it, or nobody for the system itself.
    pub by: Option<TaskId>,
}

/// Asks for any task that is still in a group that is being killed, or below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextVictim {
    /// The group.
    pub group: GroupId,
}

/// Asks for the next group in or below one, in an order that ends: for walking a subtree in slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextGroup {
    /// The top of the subtree.
    pub top: GroupId,
    /// The group before, which is still there; none to start with `top` itself.
    pub after: Option<GroupId>,
}

/// Ends a kill: everything in the group must have come back. The group admits charges again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishKill {
    /// The group.
    pub group: GroupId,
}

/// Gives a kill up although something is left in the group, which admits charges again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbandonKill {
    /// The group.
    pub group: GroupId,
}

/// Asks what a group itself has been charged, without what is charged to groups below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnUsage {
    /// The group.
    pub group: GroupId,
}

/// Asks whether a group is strictly below the one that a task is in now. An unknown task is above nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsBelow {
    /// The group.
    pub group: GroupId,
    /// The task.
    pub task: TaskId,
}

/// Recounts what the ledger itself holds for a group, from the tree and not from the charges: the groups directly
/// below it and the kernel memory of their records. An audit adds it to what the other servers hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnRecords {
    /// The group.
    pub group: GroupId,
}

/// A task's place: its group, and the priority band of that group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admitted {
    /// The group that paid.
    pub group: GroupId,
    /// An index into `system.toml`'s bands.
    pub band: u8,
    /// Whether the group, or one above it, is frozen: then its threads are to stand still.
    pub frozen: bool,
}

/// A task whose threads are to be brought into line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// The task.
    pub task: TaskId,
    /// The band of its group.
    pub band: u8,
    /// Whether it is to stand still.
    pub frozen: bool,
}

/// The answer to [`NextUnsettled`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unsettled {
    /// This one.
    Task(Placed),
    /// None was found yet: ask again.
    More,
    /// All are as they should be.
    Done,
}

/// The receipt of a kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What the subtree held when it was closed to charges.
    pub held: Amounts,
    /// What came back.
    pub returned: Amounts,
}

/// Why a ticket was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TicketRefusal {
    /// No such group, or neither the parent's nor below it.
    UnknownGroup,
    /// No such task.
    UnknownTask,
    /// The group, or one above it, is being killed.
    Killing,
    /// A limit is in the way.
    Short(Shortage),
    /// The place has a ticket or a living thread already, or is beyond the table.
    BadPlace,
}

/// Why a birth was not confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConfirmRefusal {
    /// There is no ticket for this place.
    NoTicket,
    /// The kernel has not reported it.
    NotBorn,
}

/// Why a task or thread was not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndRefusal {
    /// No such task or thread.
    Unknown,
    /// The thread is its task's first: end the task.
    FirstThread,
}

/// Why a charge was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChargeRefusal {
    /// No such group.
    UnknownGroup,
    /// No such task, or it is not born.
    NotBorn,
    /// The group, or one above it, is being killed.
    Killing,
    /// A limit is in the way.
    Short(Shortage),
}

/// Why a release was refused. Each is a mistake of the server that asked, and counted as an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReleaseRefusal {
    /// No such group.
    UnknownGroup,
    /// More than the group was charged.
    MoreThanCharged,
}

/// Why a task was not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MoveRefusal {
    /// No such group.
    UnknownGroup,
    /// No such task, or it is not born.
    UnknownTask,
    /// One of the groups is being killed.
    Killing,
    /// A limit is in the way.
    Short(Shortage),
    /// Who asks lacks the right to move out of the one group or into the other.
    NotYours,
    /// One of the groups is frozen and the other is not, or the task is just being frozen or thawed.
    Frozen,
}

/// Why a task's credentials were not noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CredentialsRefusal {
    /// No such task.
    UnknownTask,
}

/// Why a task lacks rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RightsRefusal {
    /// No such group, or not one that the task may see; or no such task.
    UnknownGroup,
    /// It may see the group, and lacks a right.
    NotYours,
}

/// Why a group was not frozen or thawed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FreezeRefusal {
    /// No such group, or not one that the caller may see.
    UnknownGroup,
    /// Who asks lacks the right to.
    NotYours,
    /// It is not frozen itself; one above it may be.
    NotFrozen,
    /// As many subtrees as can be walked are being frozen or thawed at once: ask again.
    TooMany,
    /// It was frozen 2^32 - 1 times.
    TooOften,
}

/// Why a place was not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlaceRefusal {
    /// No such task, or it is not born.
    UnknownTask,
}

/// Why a kill did not begin, go on or end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KillRefusal {
    /// No such group, or not one that the caller may see.
    UnknownGroup,
    /// Who asks lacks the right to.
    NotYours,
    /// It is not being killed.
    NotKilling,
    /// It is being killed already.
    AlreadyKilling,
    /// Something is still charged to it.
    NotEmpty,
    /// As many kills as the ledger can keep receipts for are under way: ask again.
    TooManyKills,
    /// The search for a victim has not come to its end: ask again. Only the proc-server is told.
    More,
}

/// Why nothing was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LookupRefusal {
    /// No such group.
    UnknownGroup,
}

/// Why a ring was not attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttachRefusal {
    /// Another server asked.
    NotYours,
    /// There is no such place, or it is taken, or a ring has no such number of pages.
    BadPlace,
    /// No such task, or it is not born.
    UnknownTask,
}

/// Why a ring was not detached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DetachRefusal {
    /// Another server asked.
    NotYours,
}

/// Figures of the limits-server about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Births that the kernel reported and no ticket had announced.
    pub births_without_ticket: u64,
    /// Releases of more than was charged.
    pub bad_releases: u64,
    /// Messages turned down with a protocol error.
    pub protocol_errors: u64,
    /// Groups alive.
    pub groups: u64,
    /// Room for groups in all.
    pub group_room: u64,
}

/// Asks for [`Figures`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadFigures {}

interface! {
    /// The ledger as the other servers use it.
    pub interface 2 version 1 {
        /// Opens a birth ticket for a task.
        0 => ticket(Ticket) -> Admitted, or TicketRefusal as shortage, short few_ticket(FewTicket);
        /// Opens a birth ticket for a thread.
        1 => thread_ticket(ThreadTicket) -> Admitted, or TicketRefusal;
        /// Is it born.
        2 => confirm(Confirm) -> (), or ConfirmRefusal, short;
        /// A thread is gone.
        3 => end_thread(EndThread) -> (), or EndRefusal;
        /// A task is gone.
        4 => end_task(EndTask) -> Progress, or EndRefusal, short;
        /// Charges a group.
        5 => charge(Charge) -> (), or ChargeRefusal, short charge_few(FewOf<GroupId>);
        /// Charges a born task's group.
        6 => charge_task(ChargeTask) -> GroupId, or ChargeRefusal, short charge_task_few(FewOf<TaskId>);
        /// Gives back.
        7 => release(Release) -> (), or ReleaseRefusal, short release_few(FewOf<GroupId>);
        /// Moves a task.
        8 => move_task(MoveTask) -> Admitted, or MoveRefusal;
        /// Closes a subtree.
        9 => begin_kill(BeginKill) -> (), or KillRefusal;
        /// Who is left in it.
        10 => next_victim(NextVictim) -> Option<TaskId>, or KillRefusal;
        /// Walks a subtree.
        11 => next_group(NextGroup) -> Option<GroupId>, or LookupRefusal;
        /// Ends a kill.
        12 => finish_kill(FinishKill) -> Receipt, or KillRefusal;
        /// A group's own charges.
        13 => own_usage(OwnUsage) -> Amounts, or LookupRefusal;
        /// Figures about the server itself.
        14 => read_figures(ReadFigures) -> Figures, or Never;
        /// Is this group below that task's.
        15 => is_below(IsBelow) -> bool, or LookupRefusal;
        /// Recounts what the ledger itself holds for a group.
        16 => own_records(OwnRecords) -> Amounts, or LookupRefusal;
        /// Whose a task is.
        17 => set_credentials(SetCredentials) -> (), or CredentialsRefusal;
        /// May a task do this.
        18 => check_rights(CheckRights) -> (), or RightsRefusal;
        /// A watcher's ring is there.
        20 => attach_ring(AttachRing) -> (), or AttachRefusal;
        /// A watcher's ring is about to go.
        21 => detach_ring(DetachRing) -> (), or DetachRefusal;
        /// Freezes a subtree.
        30 => freeze(Freeze) -> u32, or FreezeRefusal;
        /// Thaws a subtree.
        31 => thaw(Thaw) -> u32, or FreezeRefusal;
        /// Whose threads are not as they should be.
        32 => next_unsettled(NextUnsettled) -> Unsettled, or Never;
        /// Where a task is.
        33 => read_place(ReadPlace) -> Admitted, or PlaceRefusal;
        /// Gives a kill up.
        34 => abandon_kill(AbandonKill) -> Receipt, or KillRefusal;
        /// Is more ground wanted for groups.
        45 => wants_ground(WantsGround) -> bool, or Never;
        /// A tract more is there.
        46 => add_tract(AddTract) -> bool, or Never;
        /// Gives up the last tract, if nobody is in it.
        47 => withdraw_tract(WithdrawTract) -> bool, or Never;
        /// Guarantees pages to a group.
        48 => guarantee(Guarantee) -> u64, or GuaranteeRefusal;
        /// What is set aside for others.
        49 => set_aside(SetAside) -> Aside, or Never;
        /// Charges one, and as many more as are easily spared; how many.
        50 => charge_some(ChargeSome) -> u32, or ChargeRefusal;
        /// A thread has ended, and its task keeps what it is made of.
        51 => rest_thread(RestThread) -> (), or EndRefusal;
        /// Counts such a thread again.
        52 => wake_thread(WakeThread) -> Admitted, or TicketRefusal;
    }
}
