//! What the proc-server asks the memory-server: what tasks are made of. Never served to clients.
//!
//! Everything made here was charged by the task's birth ticket before; the amounts are [`TASK_KIT`],
//! [`THREAD_KIT`] and what [`ProgramInfo`] says. The memory-server counts what it really holds
//! ([`Holdings`]), so an audit finds any difference.

use serde::{Deserialize, Serialize};

use crate::accounting::ChargeRefusal;
use crate::amounts::{Amounts, Resource, Shortage};
use crate::events::RingId;
use crate::identity::{GroupId, TaskId};
use crate::interface;
use crate::limits::Never;
use crate::memory::PAGE_BYTES;
use crate::short::{Short, WORDS, group_of, group_word, pair, task_of, task_word, unpair};
use crate::start::proc_slots;
use crate::text::Text;
use crate::truth::{Verified, Verify};

/// The slots of a client's CNode, as a power of two.
pub const CLIENT_CNODE_RADIX: u32 = 4;
/// The slots in the proc-server's CSpace per thread: TCB, CNode, address-space root, IPC buffer frame.
/// The last three of a further thread's stay empty but for the frame.
pub const THREAD_SLOTS: u64 = 4;
/// The slots in the proc-server's CSpace for a task's mailbox ([`crate::links`]): the endpoint and the bell.
pub const MAILBOX_SLOTS: u64 = 2;
/// The most threads of one task.
pub const TASK_THREADS: u32 = 16;

/// Which of a thread's [`THREAD_SLOTS`] holds what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum ThreadSlot {
    /// The thread's TCB.
    Tcb,
    /// The task's CNode (first thread only).
    CNode,
    /// A copy of the task's address-space root (first thread only).
    Space,
    /// A copy of the frame of the thread's IPC buffer.
    IpcBuffer,
}

impl ThreadSlot {
    /// The slot of thread `thread` in the proc-server's CSpace.
    #[must_use]
    #[expect(clippy::arithmetic_side_effects, reason = "a thread index has 13 bits")]
    pub const fn of(self, thread: u32) -> u64 {
        proc_slots::THREADS + thread as u64 * proc_slots::PLACE + self as u64
    }
}

/// Which of a task's [`MAILBOX_SLOTS`] holds what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum MailboxSlot {
    /// The endpoint.
    Endpoint,
    /// The notification that is bound to the first thread.
    Bell,
}

impl MailboxSlot {
    /// The slot for the task whose first thread is `first` in the proc-server's CSpace.
    #[must_use]
    #[expect(clippy::arithmetic_side_effects, reason = "a thread index has 13 bits")]
    pub const fn of(self, first: u32) -> u64 {
        proc_slots::THREADS + first as u64 * proc_slots::PLACE + THREAD_SLOTS + self as u64
    }
}

/// The kernel's objects of every task, in bytes: its block, and four levels of page table.
pub const TASK_OBJECTS_BYTES: u64 = 5 * PAGE_BYTES;
/// The memory-server's records of every task, in bytes: of its address space, its object and the areas of its program.
pub const TASK_RECORDS_BYTES: u64 = 1024;

/// What every task is made of, charged with its birth ticket besides what its program needs: one block with TCB
/// and CNode, four levels of page table, the frame of its first IPC buffer.
///
/// Slots: four in the proc-server's CSpace and two more for its mailbox, the sixteen of its own CNode, and in the
/// memory-server's one for the block, four for the tables and one for the frame.
pub const TASK_KIT: Amounts = Amounts::of(Resource::Tasks, 1)
    .with(Resource::Threads, 1)
    .with(Resource::Frames, 1)
    .with(Resource::Commit, 1)
    .with(
        Resource::KernelMemory,
        TASK_OBJECTS_BYTES + TASK_RECORDS_BYTES,
    )
    .with(Resource::CapSlots, 4 + MAILBOX_SLOTS + 16 + 6)
    .with(Resource::AddressSpaces, 1);

/// What a further thread is made of: one block with the TCB, the frame of its IPC buffer.
pub const THREAD_KIT: Amounts = Amounts::of(Resource::Threads, 1)
    .with(Resource::Frames, 1)
    .with(Resource::Commit, 1)
    .with(Resource::KernelMemory, PAGE_BYTES)
    .with(Resource::CapSlots, 4 + 2);

/// What a ring of so many pages is charged: frames, reserved and granted at once, each with a slot for the limits-server's
/// mapping of it; a page for the notification, which nobody else can use the rest of, with its slot and the one in the
/// limits-server's CSpace. (The watcher's own slot came with its kit, and so did the page tables.)
#[must_use]
pub const fn ring_kit(pages: u8) -> Amounts {
    let pages = pages as u64;
    Amounts::of(Resource::Frames, pages)
        .with(Resource::Commit, pages)
        .with(Resource::KernelMemory, PAGE_BYTES)
        .with(
            Resource::CapSlots,
            pages.saturating_mul(2).saturating_add(2),
        )
}

/// A program in the archive, by its place in `system.toml`'s list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProgramId(pub u8);

/// A program's name.
pub type ProgramName = Text<31>;

/// What a program needs besides the kit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramInfo {
    /// Its name.
    pub name: ProgramName,
    /// Its first instruction.
    pub entry: u64,
    /// Writable pages that are reserved for it: data, bss, stack.
    pub commit: u32,
    /// Read-only pages that it shares with every task that runs it: a slot for each is charged at birth.
    pub shared: u32,
}

/// Asks what a program needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Describe {
    /// The program.
    pub program: ProgramId,
}

/// Makes what a task is made of. TCB, CNode and copies of the root and the frame appear in the slots of `thread`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateTask {
    /// The task.
    pub task: TaskId,
    /// The place of its first thread.
    pub thread: u32,
    /// What it runs.
    pub program: ProgramId,
    /// Who paid, and pays for its pages.
    pub payer: GroupId,
}

/// Makes what a further thread is made of: TCB and frame appear in the slots of `thread`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateThread {
    /// The task.
    pub task: TaskId,
    /// The place of the thread.
    pub thread: u32,
    /// Its number within the task, 1 to [`TASK_THREADS`] - 1; decides where its IPC buffer is.
    pub number: u32,
}

/// Makes a task's mailbox ([`crate::links`]) in the rest of the page that holds its TCB and its CNode: an endpoint and a
/// notification appear in its [`MAILBOX_SLOTS`], which must be empty before. They go with that page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateMailbox {
    /// The task.
    pub task: TaskId,
}

/// Takes a further thread's objects back; its slots in the proc-server are empty afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestroyThread {
    /// The task.
    pub task: TaskId,
    /// The place of the thread.
    pub thread: u32,
}

/// Takes back everything that a task has, a bounded slice of it a call: first its TCBs, so that nothing of it
/// runs any more, then frames, tables and the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestroyTask {
    /// The task.
    pub task: TaskId,
}

/// Charges a ring for a watcher to whoever pays for the task's kit, and takes a place for it: frames that it will read and
/// the limits-server write, and a notification. Nothing of it is there before [`BuildRing`] says that it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateRing {
    /// The watcher.
    pub task: TaskId,
    /// How many pages: a power of two, at most [`crate::events::RING_PAGES`].
    pub pages: u8,
    /// Whether it may have one of the rings that are kept for operators.
    pub operator: bool,
}

/// Makes the next few pages of a ring. With the last of them the limits-server gets the ring, and a capability to receive
/// its notification stands in the proc-server's slot [`crate::start::proc_slots::RING`], which must be empty before; it is
/// the proc-server's to move on. A refusal leaves the rest to [`DestroyRing`]. A ring that is whole, or was refused once, is
/// unknown here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRing {
    /// The watcher.
    pub task: TaskId,
    /// The ring.
    pub ring: RingId,
}

/// Takes a ring back, a bounded slice of it a call: the limits-server lets go of it first, then every capability to it goes,
/// the watcher's too. A task's rings also go with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestroyRing {
    /// The watcher.
    pub task: TaskId,
    /// The ring.
    pub ring: RingId,
}

/// A ring, as its watcher knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeRing {
    /// Its name.
    pub ring: RingId,
    /// Where it is in the watcher's address space, to be read.
    pub address: u32,
    /// Its place among the watcher's rings, which says where the notification belongs:
    /// [`crate::start::client_slots::RINGS`] and this many more.
    pub number: u8,
}

/// How far a ring has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Built {
    /// Call again.
    More,
    /// It is whole.
    Whole {
        /// Its place among the watcher's rings: [`MadeRing::number`].
        number: u8,
    },
}

/// Takes the oldest report of a task that cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeReport {}

/// Recounts what is held for a group, from the records of what really exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holdings {
    /// The group.
    pub group: GroupId,
}

/// Asks for [`PoolFigures`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadPool {}

/// Takes back all memory that a group pays for, although others still show it: they fault with
/// [`Cause::PayerKilled`]. A bounded slice of it a call. For a group that is being killed, after its last task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoke {
    /// The group.
    pub group: GroupId,
}

/// Shows in a task that was made and has not run what another shows, at the same addresses: its own memory as a clone,
/// shared memory as shared. Charged to the task's payer, in full and now; a refusal leaves the rest to [`DestroyTask`].
/// A bounded slice of it a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloneSpace {
    /// The one that goes on as it is.
    pub from: TaskId,
    /// The one that was made, of the same program.
    pub to: TaskId,
}

/// What a made task looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Its first instruction.
    pub entry: u32,
    /// The end of its stack.
    pub stack_top: u32,
    /// The address of its first IPC buffer.
    pub ipc_buffer: u32,
}

/// Why a task cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// It touched an address where it has nothing, or wrote where it may only read.
    BadAddress {
        /// The address, as far as the kernel reports it: its low 32 bits.
        address: u32,
        /// The instruction.
        ip: u64,
    },
    /// A page that it touched could not be charged.
    NoFrame(Shortage),
    /// A page that it touched could not be charged because its group is being killed.
    Killed,
    /// It was never born: its first page was refused.
    NotBorn,
    /// The machine has no memory left.
    OutOfMemory,
    /// It used a capability that it does not have.
    CapabilityFault {
        /// The instruction.
        ip: u64,
    },
    /// It made a system call that does not exist.
    UnknownSyscall {
        /// Its number.
        number: u64,
    },
    /// It raised a processor exception.
    Exception {
        /// The vector.
        number: u64,
        /// The instruction.
        ip: u64,
    },
    /// The kernel reported something that this version does not know.
    Other {
        /// The message's label.
        label: u64,
    },
    /// A page that it touched was paid for by a group that was killed.
    PayerKilled,
}

/// A task that cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The task.
    pub task: TaskId,
    /// Why.
    pub cause: Cause,
}

/// How far a destruction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// Call again.
    More,
    /// Nothing is left.
    Done,
}

/// One word: 1 when nothing is left.
impl Short for Progress {
    const LENGTH: usize = 1;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        Some([u64::from(*self == Self::Done), 0, 0, 0])
    }

    #[inline]
    fn from_words([done, ..]: [u64; WORDS]) -> Option<Self> {
        match done {
            0 => Some(Self::More),
            1 => Some(Self::Done),
            _ => None,
        }
    }
}

impl Short for DestroyTask {
    const LENGTH: usize = 1;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        Some([task_word(self.task), 0, 0, 0])
    }

    #[inline]
    fn from_words([task, ..]: [u64; WORDS]) -> Option<Self> {
        Some(Self {
            task: task_of(task),
        })
    }
}

/// The task; the thread's place, and the program 32 bits higher; the payer.
impl Short for CreateTask {
    const LENGTH: usize = 3;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        let what = pair(self.thread, u32::from(self.program.0));
        Some([task_word(self.task), what, group_word(self.payer), 0])
    }

    #[inline]
    fn from_words([task, what, payer, _]: [u64; WORDS]) -> Option<Self> {
        let (thread, program) = unpair(what);
        Some(Self {
            task: task_of(task),
            thread,
            program: ProgramId(u8::try_from(program).ok()?),
            payer: group_of(payer),
        })
    }
}

/// The first instruction, and the end of the stack 32 bits higher; the IPC buffer.
impl Short for Made {
    const LENGTH: usize = 2;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        let first = pair(self.entry, self.stack_top);
        Some([first, u64::from(self.ipc_buffer), 0, 0])
    }

    #[inline]
    fn from_words([first, ipc_buffer, ..]: [u64; WORDS]) -> Option<Self> {
        let (entry, stack_top) = unpair(first);
        Some(Self {
            entry,
            stack_top,
            ipc_buffer: u32::try_from(ipc_buffer).ok()?,
        })
    }
}

/// The memory-server's pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolFigures {
    /// Pages in all.
    pub pages: u64,
    /// Pages that are free.
    pub free: u64,
    /// The largest block that could be had now, as a power of two of bytes.
    pub largest: u8,
    /// Capability slots for shared mappings that are free.
    pub free_slots: u64,
    /// Regions in use.
    pub regions: u64,
    /// Page faults served since the start.
    pub faults: u64,
    /// Messages turned down with a protocol error.
    pub protocol_errors: u64,
    /// System calls that failed and releases that the ledger did not know, where none ever should: errors of ours.
    pub alarms: u64,
}

/// Why a task or thread was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CreateRefusal {
    /// No such program.
    UnknownProgram,
    /// No such task.
    UnknownTask,
    /// The place or number is taken, or beyond the table.
    BadPlace,
    /// The machine has no memory left.
    OutOfMemory,
    /// No address space is left (the kernel has 4,096).
    OutOfSpaces,
    /// The kernel refused something that it should not have: an error of ours, with the kernel's error number.
    Kernel(u8),
}

/// Why a ring was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RingRefusal {
    /// No such task.
    UnknownTask,
    /// Not a number of pages that a ring can have.
    BadSize,
    /// The task has as many rings, or pages of rings, as a task can have.
    TooMany,
    /// Every ring there is is somebody's.
    TableFull,
    /// It cannot be charged.
    Charge(ChargeRefusal),
    /// The machine has no memory left.
    OutOfMemory,
    /// The kernel or the limits-server refused something that it should not have: an error of ours.
    Kernel(u8),
}

/// Why an address space was not cloned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CloneSpaceRefusal {
    /// One of the tasks is not there, or they run different programs.
    UnknownTask,
    /// The limits-server said no.
    Charge(ChargeRefusal),
    /// The memory-server has no room for so many pages or regions.
    TableFull,
    /// It is being cloned already, or some of its memory is being cloned or cut.
    Busy,
    /// The machine has no memory left.
    OutOfMemory,
    /// The task holds large memory.
    Large,
}

/// Why nothing was destroyed or described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnknownRefusal {
    /// No such task, thread or program.
    Unknown,
}

interface! {
    /// What tasks are made of.
    pub interface 4 version 1 {
        /// What a program needs.
        0 => describe(Describe) -> ProgramInfo, or UnknownRefusal;
        /// Makes a task's objects.
        1 => create_task(CreateTask) -> Made, or CreateRefusal, short;
        /// Makes a thread's objects.
        2 => create_thread(CreateThread) -> u32, or CreateRefusal;
        /// Takes a thread's objects back.
        3 => destroy_thread(DestroyThread) -> (), or UnknownRefusal;
        /// Takes a task's objects back.
        4 => destroy_task(DestroyTask) -> Progress, or UnknownRefusal, short;
        /// News of tasks that cannot go on.
        5 => take_report(TakeReport) -> Option<Report>, or Never;
        /// Recounts.
        6 => holdings(Holdings) -> Amounts, or Never;
        /// The pool.
        7 => read_pool(ReadPool) -> PoolFigures, or Never;
        /// Makes a watcher's ring.
        20 => create_ring(CreateRing) -> MadeRing, or RingRefusal;
        /// Takes a watcher's ring back.
        21 => destroy_ring(DestroyRing) -> Progress, or UnknownRefusal;
        /// Goes on with making a watcher's ring.
        22 => build_ring(BuildRing) -> Built, or RingRefusal;
        /// Makes a task's mailbox.
        30 => create_mailbox(CreateMailbox) -> (), or CreateRefusal;
        /// Takes back what a killed group pays for.
        10 => revoke(Revoke) -> Progress, or Never;
        /// Clones an address space.
        11 => clone_space(CloneSpace) -> Progress, or CloneSpaceRefusal;
        /// Checks records against the kernel.
        15 => verify(Verify) -> Verified, or Never;
    }
}
