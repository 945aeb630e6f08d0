//! Memory of one's own: reserved by the page, granted when touched.

use interfaces::memory::{
    CreateRegion, CreateRegionRefusal, DestroyRegion, Map, MapRefusal, ReadRegion, ReadSpace,
    RegionAccount, RegionId, RegionRefusal, SpaceAccount, Unmap,
};
use interfaces::provision::Progress;
use interfaces::{CallError, ProtocolError};

use crate::server::{Server, call};

pub use interfaces::memory::{Access, PAGE_BYTES};

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

/// Takes a mapping away; the pages stay.
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
