//! What the suite and its puppets do in the random history, and what they are told: one code for both sides.
//!
//! The suite includes this file. A deed travels to a puppet in the hard limits of a group that the puppet opened, its
//! mailbox, and the answer comes back in the soft ones: of three kinds that nobody counts, and some in which nothing
//! can happen in an empty group. So a puppet holds nothing, and is told nothing, that another client would not.

use client::interfaces::accounting::{self, ChargeRefusal, KillRefusal, TicketRefusal};
use client::interfaces::limits::{CloseGroupRefusal, EnterRefusal, OpenGroupRefusal, SetRefusal};
use client::interfaces::memory::{
    AcceptRefusal, Access, CreateRegionRefusal, RegionId, RegionRefusal, ShareRefusal,
};
use client::interfaces::process::{
    Arguments, FreezeRefusal, KillGroupRefusal, MoveRefusal, SpawnRefusal, TaskRefusal,
};
use client::interfaces::{CallError, GroupId, Limit, Resource, Shortage, TaskId};
use client::{limits, memory, process};

/// Carries a deed's number, and its answer's.
pub const BELL: Resource = Resource::CpuTime;
/// Carry what a deed is about.
pub const ABOUT: [Resource; 2] = [Resource::QueueBytes, Resource::Notes];
/// Carry what the answer says.
pub const SAYS: [Resource; 6] = [
    Resource::Groups,
    Resource::Tasks,
    Resource::Threads,
    Resource::Frames,
    Resource::Commit,
    Resource::AddressSpaces,
];
/// What a puppet without a mailbox ends with.
pub const NO_MAILBOX: i32 = 77;
/// What a puppet that was told to end ends with.
pub const TOLD: i32 = 78;
/// The deed's number that a puppet answers with when it is ready for the first.
pub const READY: u64 = 0xff;

/// A limit's kind is the number of its deed less this.
const LIMIT: u64 = 0x40;

/// Something to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Open(GroupId),
    Close(GroupId),
    Limit(GroupId, Resource, Limit),
    Spawn(GroupId),
    Kill(TaskId),
    KillGroup(GroupId),
    Create(u32),
    /// At this address, the pages from the first number to before the second.
    Touch(u32, u32, u32),
    Destroy(RegionId),
    Enter(GroupId),
    Exit,
    /// Move a task to a group.
    Move(TaskId, GroupId),
    Freeze(GroupId),
    Thaw(GroupId),
    /// Start a further thread of one's own.
    Thread,
    /// End it.
    EndThread(u32),
    /// Offer a region to a task.
    Share(RegionId, TaskId),
    /// Take what is offered, and map it.
    Accept(RegionId),
}

const fn pack(high: u32, low: u32) -> u64 {
    ((high as u64) << 32) | low as u64
}

const fn halves(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, (word & 0xffff_ffff) as u32)
}

fn group(word: u64) -> GroupId {
    let (index, generation) = halves(word);
    GroupId { index, generation }
}

fn of_group(group: GroupId) -> u64 {
    pack(group.index, group.generation)
}

fn of_task(task: TaskId) -> u64 {
    pack(task.index, task.generation)
}

fn of_region(region: RegionId) -> u64 {
    pack(region.index, region.generation)
}

/// The task that an answer names.
pub fn task(word: u64) -> TaskId {
    let (index, generation) = halves(word);
    TaskId { index, generation }
}

/// The group that an answer names.
pub fn group_of(word: u64) -> GroupId {
    group(word)
}

/// The region that an answer names.
pub fn region(word: u64) -> RegionId {
    let (index, generation) = halves(word);
    RegionId { index, generation }
}

impl Deed {
    /// Its number and what it is about.
    pub fn encode(self) -> (u64, [u64; 2]) {
        match self {
            Self::Open(group) => (1, [of_group(group), 0]),
            Self::Close(group) => (2, [of_group(group), 0]),
            Self::Spawn(group) => (3, [of_group(group), 0]),
            Self::Kill(task) => (4, [of_task(task), 0]),
            Self::KillGroup(group) => (5, [of_group(group), 0]),
            Self::Create(pages) => (6, [pages.into(), 0]),
            Self::Touch(address, first, end) => (7, [address.into(), pack(first, end)]),
            Self::Destroy(region) => (8, [of_region(region), 0]),
            Self::Enter(group) => (9, [of_group(group), 0]),
            Self::Exit => (10, [0; 2]),
            Self::Move(task, group) => (11, [of_task(task), of_group(group)]),
            Self::Freeze(group) => (12, [of_group(group), 0]),
            Self::Thaw(group) => (13, [of_group(group), 0]),
            Self::Thread => (14, [0; 2]),
            Self::EndThread(number) => (15, [number.into(), 0]),
            Self::Share(region, task) => (16, [of_region(region), of_task(task)]),
            Self::Accept(region) => (17, [of_region(region), 0]),
            Self::Limit(group, kind, limit) => (
                LIMIT.saturating_add(kind.index() as u64),
                [of_group(group), limit.bound()],
            ),
        }
    }

    /// The reverse.
    pub fn decode(number: u64, [about, more]: [u64; 2]) -> Option<Self> {
        Some(match number {
            1 => Self::Open(group(about)),
            2 => Self::Close(group(about)),
            3 => Self::Spawn(group(about)),
            4 => Self::Kill(task(about)),
            5 => Self::KillGroup(group(about)),
            6 => Self::Create(halves(about).1),
            7 => {
                let (first, end) = halves(more);
                Self::Touch(halves(about).1, first, end)
            }
            8 => Self::Destroy(region(about)),
            9 => Self::Enter(group(about)),
            10 => Self::Exit,
            11 => Self::Move(task(about), group(more)),
            12 => Self::Freeze(group(about)),
            13 => Self::Thaw(group(about)),
            14 => Self::Thread,
            15 => Self::EndThread(halves(about).1),
            16 => Self::Share(region(about), task(more)),
            17 => Self::Accept(region(about)),
            kind => {
                let place = usize::try_from(kind.checked_sub(LIMIT)?).ok()?;
                let kind = *Resource::ALL.get(place)?;
                Self::Limit(group(about), kind, Limit::from_bound(more))
            }
        })
    }

    /// Does it. Not for [`Deed::Exit`] and what is done with threads, which are the puppet's own affair.
    pub fn act(self) -> Told {
        match self {
            Self::Open(parent) => told(limits::open_group(Some(parent)).map(of_group), Told::open),
            Self::Close(group) => told(limits::close_group(group).map(|()| 0), Told::close),
            Self::Limit(group, kind, limit) => {
                told(limits::set_limit(group, kind, limit).map(|()| 0), Told::set)
            }
            Self::Spawn(group) => {
                let Ok(assist) = process::find_program("assist") else {
                    return Told::Other(1);
                };
                let spawned = process::spawn(assist, Some(group), &Arguments::cut("puppet"));
                told(spawned.map(of_task), Told::spawn)
            }
            Self::Kill(task) => told(process::kill(task).map(|()| 0), |refusal| match refusal {
                TaskRefusal::UnknownTask => Told::Unknown,
                TaskRefusal::TableFull => Told::Other(2),
            }),
            Self::KillGroup(group) => match process::kill_group(group) {
                Ok(receipt) if receipt.held == receipt.returned => {
                    Told::Receipt(SAYS.map(|kind| receipt.held.get(kind)))
                }
                Ok(_) => Told::Other(3),
                Err(CallError::Refused(KillGroupRefusal::Kill(KillRefusal::UnknownGroup))) => {
                    Told::Unknown
                }
                Err(CallError::Refused(KillGroupRefusal::Kill(KillRefusal::NotYours))) => {
                    Told::NotYours
                }
                Err(_) => Told::Other(4),
            },
            Self::Create(pages) => create(pages),
            Self::Touch(address, first, end) => {
                for page in first..end {
                    let bytes = u64::from(page).saturating_mul(memory::PAGE_BYTES);
                    let byte = u64::from(address).saturating_add(bytes) as *mut u8;
                    // SAFETY: the page is in a region that this task mapped there, and nothing else is in it.
                    unsafe { byte.write_volatile(1) };
                }
                Told::Done([0; 2])
            }
            Self::Destroy(region) => {
                told(
                    memory::destroy_region(region).map(|()| 0),
                    |refusal| match refusal {
                        RegionRefusal::UnknownRegion => Told::Unknown,
                        RegionRefusal::NotMapped => Told::Other(5),
                    },
                )
            }
            Self::Enter(group) => told(limits::enter(group).map(|()| 0), |refusal| match refusal {
                EnterRefusal::UnknownGroup => Told::Unknown,
                EnterRefusal::Short(shortage) => Told::Short(shortage),
                EnterRefusal::Frozen => Told::Frozen,
                EnterRefusal::Killing => Told::Other(6),
            }),
            Self::Move(task, group) => {
                told(process::move_task(task, group).map(|()| 0), Told::moved)
            }
            Self::Freeze(group) => told(process::freeze(group).map(u64::from), Told::freeze),
            Self::Thaw(group) => told(process::thaw(group).map(u64::from), Told::freeze),
            Self::Share(region, to) => told(
                memory::share(region, to, Access::ReadWrite).map(of_region),
                |refusal| match refusal {
                    ShareRefusal::PayerKilled => Told::PayerKilled,
                    _ => Told::Other(15),
                },
            ),
            Self::Accept(region) => match memory::accept(region) {
                Ok(_) => map(region),
                Err(CallError::Refused(AcceptRefusal::PayerKilled)) => Told::PayerKilled,
                Err(_) => Told::Other(16),
            },
            Self::Exit | Self::Thread | Self::EndThread(_) => Told::Other(7),
        }
    }
}

/// Maps a region where there is room.
fn map(region: RegionId) -> Told {
    match memory::map(region, None, Access::ReadWrite) {
        Ok(address) => Told::Done([of_region(region), address.into()]),
        Err(_) => Told::Other(8),
    }
}

/// A region, mapped where there is room.
fn create(pages: u32) -> Told {
    match memory::create_region(pages) {
        Ok(region) => map(region),
        Err(CallError::Refused(CreateRegionRefusal::Charge(ChargeRefusal::Short(shortage)))) => {
            Told::Short(shortage)
        }
        Err(_) => Told::Other(9),
    }
}

fn told<R>(result: Result<u64, CallError<R>>, refusal: impl FnOnce(R) -> Told) -> Told {
    match result {
        Ok(value) => Told::Done([value, 0]),
        Err(CallError::Refused(refused)) => refusal(refused),
        Err(CallError::Protocol(_)) => Told::Other(10),
    }
}

/// What came of a deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is done; what was made, and where.
    Done([u64; 2]),
    /// A kill is done: what was held, by [`SAYS`], and came back.
    Receipt([u64; 6]),
    /// A limit was in the way.
    Short(Shortage),
    /// There is nothing of that name, as far as the doer can see.
    Unknown,
    /// It can see it, and may not do it.
    NotYours,
    /// One of two groups is frozen and the other is not.
    Frozen,
    /// It is not frozen.
    NotFrozen,
    /// The group that paid for the memory was killed.
    PayerKilled,
    /// What never should happen.
    Other(u64),
}

impl Told {
    fn open(refusal: OpenGroupRefusal) -> Self {
        match refusal {
            OpenGroupRefusal::UnknownGroup => Self::Unknown,
            OpenGroupRefusal::NotYours => Self::NotYours,
            OpenGroupRefusal::Short(shortage) => Self::Short(shortage),
            _ => Self::Other(11),
        }
    }

    const fn close(refusal: CloseGroupRefusal) -> Self {
        match refusal {
            CloseGroupRefusal::UnknownGroup => Self::Unknown,
            CloseGroupRefusal::NotYours => Self::NotYours,
        }
    }

    fn set(refusal: SetRefusal) -> Self {
        match refusal {
            SetRefusal::UnknownGroup => Self::Unknown,
            SetRefusal::NotYours => Self::NotYours,
            SetRefusal::Short(shortage) => Self::Short(shortage),
            _ => Self::Other(12),
        }
    }

    fn spawn(refusal: SpawnRefusal) -> Self {
        match refusal {
            SpawnRefusal::Ticket(TicketRefusal::UnknownGroup) => Self::Unknown,
            SpawnRefusal::Ticket(TicketRefusal::Short(shortage)) => Self::Short(shortage),
            _ => Self::Other(13),
        }
    }

    const fn moved(refusal: MoveRefusal) -> Self {
        match refusal {
            MoveRefusal::UnknownTask | MoveRefusal::UnknownGroup => Self::Unknown,
            MoveRefusal::NotYours => Self::NotYours,
            MoveRefusal::Short(shortage) => Self::Short(shortage),
            MoveRefusal::Frozen => Self::Frozen,
            MoveRefusal::Killing => Self::Other(18),
        }
    }

    const fn freeze(refusal: FreezeRefusal) -> Self {
        use accounting::FreezeRefusal as Refusal;
        match refusal {
            FreezeRefusal::Freeze(Refusal::UnknownGroup) => Self::Unknown,
            FreezeRefusal::Freeze(Refusal::NotYours) => Self::NotYours,
            FreezeRefusal::Freeze(Refusal::NotFrozen) => Self::NotFrozen,
            _ => Self::Other(19),
        }
    }

    /// As numbers: a mark, and six more.
    pub fn encode(self) -> (u64, [u64; 6]) {
        match self {
            Self::Done([one, two]) => (1, [one, two, 0, 0, 0, 0]),
            Self::Receipt(held) => (2, held),
            Self::Short(short) => {
                let named = short.group.map_or([0, 0], |group| [1, of_group(group)]);
                let [named, group] = named;
                let kind = short.resource.index() as u64;
                (
                    3,
                    [kind, named, group, short.limit, short.used, short.asked],
                )
            }
            Self::Unknown => (4, [0; 6]),
            Self::NotYours => (5, [0; 6]),
            Self::Frozen => (7, [0; 6]),
            Self::NotFrozen => (8, [0; 6]),
            Self::PayerKilled => (9, [0; 6]),
            Self::Other(which) => (6, [which, 0, 0, 0, 0, 0]),
        }
    }

    /// The reverse.
    pub fn decode(mark: u64, says: [u64; 6]) -> Self {
        let [first, second, third, limit, used, asked] = says;
        match mark {
            1 => Self::Done([first, second]),
            2 => Self::Receipt(says),
            3 => {
                let kind = usize::try_from(first)
                    .ok()
                    .and_then(|kind| Resource::ALL.get(kind));
                kind.map_or(Self::Other(14), |&resource| {
                    Self::Short(Shortage {
                        resource,
                        group: (second == 1).then(|| group(third)),
                        limit,
                        used,
                        asked,
                    })
                })
            }
            4 => Self::Unknown,
            5 => Self::NotYours,
            7 => Self::Frozen,
            8 => Self::NotFrozen,
            9 => Self::PayerKilled,
            _ => Self::Other(first),
        }
    }
}
