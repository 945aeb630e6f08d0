//! What clients ask the memory-server.
//!
//! A page fault needs no request: the kernel sends it, and the page is there, charged, when the thread runs again.

use serde::{Deserialize, Serialize};

use crate::accounting::ChargeRefusal;
use crate::amounts::{Amounts, Resource};
use crate::identity::GroupId;
use crate::interface;
use crate::limits::Never;
use crate::provision::Progress;

/// The size of a page, in bytes.
pub const PAGE_BYTES: u64 = 4096;
/// The most pages a region may have: everything that can be mapped below 4 GiB.
pub const REGION_PAGES: u32 = 0xe_0000;

/// What a granted page is charged as: the frame, and the slot of its capability.
pub const FRAME_KIT: Amounts = Amounts::of(Resource::Frames, 1).with(Resource::CapSlots, 1);
/// What a page table is charged as, beyond those that every task is born with.
pub const TABLE_KIT: Amounts =
    Amounts::of(Resource::KernelMemory, PAGE_BYTES).with(Resource::CapSlots, 1);
/// What a region is charged as besides its reservation: the memory-server's records of it.
pub const REGION_KIT: Amounts = Amounts::of(Resource::KernelMemory, 128);

/// A region of memory. Known to the task that created it only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RegionId {
    /// The place in the memory server's table.
    pub index: u32,
    /// How often that place was used before.
    pub generation: u32,
}

/// What a mapping allows. This kernel has no execute protection: whatever can be read can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Access {
    /// Loads only.
    Read,
    /// Loads and stores.
    ReadWrite,
}

/// Reserves a region; its pages are charged as commit to the caller's group now, as frames when touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateRegion {
    /// How many pages; not zero.
    pub pages: u32,
}

/// Maps a region into the caller's address space, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Map {
    /// The region.
    pub region: RegionId,
    /// Where, a page's address; where there is room if none.
    pub address: Option<u32>,
    /// What may be done with it.
    pub access: Access,
}

/// Takes a mapping away; the region and its pages stay.
///
/// A bounded number of pages a call, so that nobody's large region keeps everybody else waiting: to be asked again
/// until it is done. From the first call on, nothing more is shown there; until the last, the place stays taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmap {
    /// The region.
    pub region: RegionId,
}

/// Takes the mapping away and gives every page and the reservation back.
///
/// A bounded number of pages a call, like [`Unmap`]; the contents are gone from the first call on, the region with
/// the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestroyRegion {
    /// The region.
    pub region: RegionId,
}

/// Reads a region's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadRegion {
    /// The region.
    pub region: RegionId,
}

/// Reads the numbers of the caller's address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadSpace {}

/// A region's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionAccount {
    /// Reserved pages.
    pub pages: u32,
    /// Pages that have a frame.
    pub resident: u32,
    /// The group that pays.
    pub payer: GroupId,
    /// Where it is mapped.
    pub address: Option<u32>,
}

/// An address space's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpaceAccount {
    /// Frames that only this address space uses.
    pub frames: u32,
    /// Shared frames mapped into it.
    pub shared: u32,
    /// Page tables of every level, the root included.
    pub tables: u32,
    /// Page faults served.
    pub faults: u64,
}

/// Why a region was not created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CreateRegionRefusal {
    /// No pages, or more than [`REGION_PAGES`].
    BadSize,
    /// The limits-server said no.
    Charge(ChargeRefusal),
    /// The memory-server has no room for another region.
    TableFull,
}

/// Why a region was not mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MapRefusal {
    /// No such region of the caller's.
    UnknownRegion,
    /// It is mapped already.
    Mapped,
    /// The address is not a page's, or the range is not all in what a client may use.
    BadAddress,
    /// Something is there already.
    Taken,
    /// No gap is large enough.
    NoRoom,
    /// The memory-server has no room for another mapping.
    TableFull,
}

/// Why a region was not unmapped, destroyed or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RegionRefusal {
    /// No such region of the caller's.
    UnknownRegion,
    /// It is not mapped.
    NotMapped,
}

interface! {
    /// Memory of one's own.
    pub interface 3 version 1 {
        /// Reserves a region.
        0 => create_region(CreateRegion) -> RegionId, or CreateRegionRefusal;
        /// Maps it.
        1 => map(Map) -> u32, or MapRefusal;
        /// Unmaps it.
        2 => unmap(Unmap) -> Progress, or RegionRefusal;
        /// Gives it back.
        3 => destroy_region(DestroyRegion) -> Progress, or RegionRefusal;
        /// Its numbers.
        4 => read_region(ReadRegion) -> RegionAccount, or RegionRefusal;
        /// The address space's numbers.
        5 => read_space(ReadSpace) -> SpaceAccount, or Never;
    }
}
