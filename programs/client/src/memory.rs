//! Memory of one's own: reserved by the page, granted when touched.

use interfaces::memory::{
    Accept, AcceptRefusal, Accepted, BLOCK_SIZES, CloneOn, CloneRefusal, CloneRegion, Commit,
    CountFree, CountFreeRefusal, CreateLarge, CreateRegion, CreateRegionRefusal, DestroyRegion,
    Guarantee, GuaranteeRefusal, MakeRoom, MakeRoomRefusal, Map, MapPart, MapRefusal, Offered,
    ReadCommit, ReadRegion, ReadSpace, RegionAccount, RegionId, RegionRefusal, Resize,
    ResizeRefusal, Share, ShareRefusal, SpaceAccount, Sponsor, SponsorRefusal, Tidy, Unmap,
    UnmapPart,
};
use interfaces::provision::Progress;
use interfaces::{CallError, GroupId, ProtocolError, TaskId};

use crate::server::{Server, call};

pub use interfaces::memory::{Access, LARGE_PAGES, PAGE_BYTES};

/// Reserves a region.
pub fn create_region(pages: u32) -> Result<RegionId, CallError<CreateRegionRefusal>> {
    call(Server::Memory, &CreateRegion { pages })
}

/// Maps a region, where there is room if no address is given; gives its address.
pub fn map(
    region: RegionId,
    address: Option<u32>,
    access: Access,
) -> Result<u32, CallError<MapRefusal>> {
    call(
        Server::Memory,
        &Map {
            region,
            address,
            access,
        },
    )
}

/// Maps `pages` pages of a region from page `offset` on; gives their address. As often as one likes.
pub fn map_part(
    region: RegionId,
    address: Option<u32>,
    access: Access,
    offset: u32,
    pages: u32,
) -> Result<u32, CallError<MapRefusal>> {
    call(
        Server::Memory,
        &MapPart {
            region,
            address,
            access,
            offset,
            pages,
        },
    )
}

/// Takes the mapping away that begins at an address; the pages stay.
pub fn unmap_part(address: u32) -> Result<(), CallError<RegionRefusal>> {
    while call(Server::Memory, &UnmapPart { address })? == Progress::More {}
    Ok(())
}

/// Offers a region to another task, which is to accept what this gives.
pub fn share(
    region: RegionId,
    to: TaskId,
    access: Access,
) -> Result<RegionId, CallError<ShareRefusal>> {
    offer(region, to, access, false)
}

/// Offers a region to another task, and with it the payment for it ([`sponsor`]). The caller's group must be the payer.
pub fn share_with_payment(
    region: RegionId,
    to: TaskId,
    access: Access,
) -> Result<RegionId, CallError<ShareRefusal>> {
    offer(region, to, access, true)
}

fn offer(
    region: RegionId,
    to: TaskId,
    access: Access,
    payment: bool,
) -> Result<RegionId, CallError<ShareRefusal>> {
    let offer = Share {
        region,
        to,
        access,
        payment,
    };
    call(Server::Memory, &offer)
}

/// The newest region that a task offers to the caller, if it offers one.
pub fn offered(from: TaskId) -> Result<Option<RegionId>, ProtocolError> {
    match call(Server::Memory, &Offered { from }) {
        Ok(region) => Ok(region),
        Err(CallError::Refused(never)) => match never {},
        Err(CallError::Protocol(error)) => Err(error),
    }
}

/// Accepts an offered region.
pub fn accept(region: RegionId) -> Result<Accepted, CallError<AcceptRefusal>> {
    call(Server::Memory, &Accept { region })
}

/// Makes a region's memory larger or smaller, for all who hold it; large memory by [`resize_large`].
pub fn resize(region: RegionId, pages: u32) -> Result<(), CallError<ResizeRefusal>> {
    while call(Server::Memory, &Resize { region, pages })? == Progress::More {}
    Ok(())
}

/// Why there is no large region of that size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LargeRefusal {
    /// There is no region.
    Create(CallError<CreateRegionRefusal>),
    /// Some unit could not be had.
    Grow(CallError<ResizeRefusal>),
}

/// A region of so many units of 2 MiB ([`LARGE_PAGES`] pages each), each in one piece and there at once, charged whole. If some
/// unit cannot be had nothing is left of it.
pub fn create_large(units: u32) -> Result<RegionId, LargeRefusal> {
    let region = call(Server::Memory, &CreateLarge {}).map_err(LargeRefusal::Create)?;
    if units == 0 {
        return Ok(region);
    }
    resize_large(region, units).map_err(|refusal| {
        // The refusal is what matters; what there is of it goes at the latest with the task.
        let _ = destroy_region(region);
        LargeRefusal::Grow(refusal)
    })?;
    Ok(region)
}

/// Makes a region of large memory so many units large; at least one. Those that were added before one is refused stay.
///
/// A block that was used before is cleared first, in the time of the caller's band: it sleeps meanwhile.
pub fn resize_large(region: RegionId, units: u32) -> Result<(), CallError<ResizeRefusal>> {
    /// About half of what it takes to clear a block.
    const PAUSE: u64 = 200_000;
    let pages = units.saturating_mul(LARGE_PAGES);
    let size = || read_region(region).map_or(0, |account| account.pages);
    let mut before = size();
    while call(Server::Memory, &Resize { region, pages })? == Progress::More {
        let now = size();
        if now == before {
            // Without a clock it asks more often.
            let _ = crate::time::sleep(PAUSE);
        }
        before = now;
    }
    Ok(())
}

/// Lets the caller's group pay for a region's memory from now on.
pub fn sponsor(region: RegionId) -> Result<(), CallError<SponsorRefusal>> {
    call(Server::Memory, &Sponsor { region })
}

/// A region of one's own with the same contents, copied page by page when either is written to. If that fails halfway,
/// nothing is left of it.
pub fn clone_region(region: RegionId) -> Result<RegionId, CallError<CloneRefusal>> {
    let cloned = call(Server::Memory, &CloneRegion { region })?;
    let (region, mut progress) = (cloned.region, cloned.progress);
    while progress == Progress::More {
        progress = match call(Server::Memory, &CloneOn { region }) {
            Ok(progress) => progress,
            Err(refusal) => {
                // The refusal is what matters; what there is of the clone goes at the latest with the task.
                let _ = destroy_region(region);
                return Err(refusal);
            }
        };
    }
    Ok(region)
}

/// Takes all mappings of a region away; the pages stay.
pub fn unmap(region: RegionId) -> Result<(), CallError<RegionRefusal>> {
    while call(Server::Memory, &Unmap { region })? == Progress::More {}
    Ok(())
}

/// Gives a region back.
pub fn destroy_region(region: RegionId) -> Result<(), CallError<RegionRefusal>> {
    while call(Server::Memory, &DestroyRegion { region })? == Progress::More {}
    Ok(())
}

/// A region's numbers.
pub fn read_region(region: RegionId) -> Result<RegionAccount, CallError<RegionRefusal>> {
    call(Server::Memory, &ReadRegion { region })
}

/// The numbers of the caller's address space.
pub fn read_space() -> Result<SpaceAccount, ProtocolError> {
    match call(Server::Memory, &ReadSpace {}) {
        Ok(account) => Ok(account),
        Err(CallError::Refused(never)) => match never {},
        Err(CallError::Protocol(error)) => Err(error),
    }
}

/// Guarantees a group, and those below it, so many pages; 0 takes it back.
pub fn guarantee(group: GroupId, pages: u64) -> Result<(), CallError<GuaranteeRefusal>> {
    call(Server::Memory, &Guarantee { group, pages })
}

/// Makes room for more groups; [`crate::limits::open_group`] does so when it must.
pub fn make_room() -> Result<(), CallError<MakeRoomRefusal>> {
    while call(Server::Memory, &MakeRoom {})? == Progress::More {}
    Ok(())
}

/// How many free blocks there are of each size, were everything merged that can be. For an operator.
pub fn free_blocks() -> Result<[u32; BLOCK_SIZES], CallError<CountFreeRefusal>> {
    let mut counts = [0_u32; BLOCK_SIZES];
    let mut next = Some(0);
    while let Some(from) = next {
        let part = call(Server::Memory, &CountFree { from })?;
        for (count, more) in counts.iter_mut().zip(part.counts) {
            *count = count.saturating_add(more);
        }
        next = part.next;
    }
    Ok(counts)
}

/// Takes back the room for groups that nobody is in.
pub fn tidy() -> Result<(), ProtocolError> {
    loop {
        match call(Server::Memory, &Tidy {}) {
            Ok(Progress::More) => {}
            Ok(Progress::Done) => return Ok(()),
            Err(CallError::Refused(never)) => match never {},
            Err(CallError::Protocol(error)) => return Err(error),
        }
    }
}

/// How much of the machine's memory is reserved.
pub fn commit() -> Result<Commit, ProtocolError> {
    match call(Server::Memory, &ReadCommit {}) {
        Ok(commit) => Ok(commit),
        Err(CallError::Refused(never)) => match never {},
        Err(CallError::Protocol(error)) => Err(error),
    }
}
