//! What clients ask the memory-server.
//!
//! A page fault needs no request: the kernel sends it, and the page is there, charged, when the thread runs again.

use serde::{Deserialize, Serialize};

use crate::accounting::ChargeRefusal;
pub use crate::accounting::GuaranteeRefusal;
use crate::amounts::{Amounts, Resource};
use crate::identity::{GroupId, TaskId};
use crate::interface;
use crate::limits::Never;
use crate::provision::Progress;
use crate::start::memory_slots;

/// The size of a page, in bytes.
pub const PAGE_BYTES: u64 = 4096;
/// The most pages a region may have: everything that can be mapped below 4 GiB.
pub const REGION_PAGES: u32 = 0xe_0000;

/// What a granted page is charged as: the frame, and the slot of its capability.
pub const FRAME_KIT: Amounts = Amounts::of(Resource::Frames, 1).with(Resource::CapSlots, 1);
/// The pages of a unit of large memory: 2 MiB.
pub const LARGE_PAGES: u32 = 512;
/// What a unit of large memory is charged as besides its reservation: the frames, and the slot of the one capability.
pub const LARGE_FRAME_KIT: Amounts =
    Amounts::of(Resource::Frames, LARGE_PAGES as u64).with(Resource::CapSlots, 1);
/// What a page table is charged as, beyond those that every task is born with.
pub const TABLE_KIT: Amounts =
    Amounts::of(Resource::KernelMemory, PAGE_BYTES).with(Resource::CapSlots, 1);
/// What a region is charged as, to the group in which the task was born that holds it (or offers it): the memory-server's
/// records of it and of its first mapping.
pub const REGION_KIT: Amounts = Amounts::of(Resource::KernelMemory, 192);
/// What the memory itself is charged as besides its reservation, to its payer: the memory-server's record of it.
pub const OBJECT_KIT: Amounts = Amounts::of(Resource::KernelMemory, 160);
/// What each further mapping of a region is charged as: the memory-server's record of it.
pub const AREA_KIT: Amounts = Amounts::of(Resource::KernelMemory, 96);
/// What a page is charged as where it is shown once more, to the group of the task that sees it: the slot of a further
/// capability. The frame itself is its payer's, once.
pub const COPY_KIT: Amounts = Amounts::of(Resource::CapSlots, 1);

/// What a page is charged as that is shared since a clone and that neither has written to since, to the clone's payer: the
/// memory-server's record of it. The frame is the other's.
pub const BORROW_KIT: Amounts = Amounts::of(Resource::KernelMemory, 48);

/// A region: a task's handle to memory, and known to that task only. Several tasks may hold regions of the same memory
/// ([`Share`]); it lives until the last of them is given back, or until the group that pays for it is killed.
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

impl Access {
    /// Whether whoever may do this may also do that.
    #[must_use]
    pub const fn allows(self, wanted: Self) -> bool {
        matches!((self, wanted), (Self::ReadWrite, _) | (_, Self::Read))
    }
}

/// Reserves a region; its pages are charged as commit to the caller's group now, as frames when touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateRegion {
    /// How many pages; not zero.
    pub pages: u32,
}

/// Makes a region whose memory comes in units of 2 MiB ([`LARGE_PAGES`]), and that has none yet: [`Resize`] adds them, one a
/// call.
///
/// A unit is there from the moment that it is added, cleared, in one piece, and charged whole: 512 pages of commit, 512
/// frames ([`LARGE_FRAME_KIT`]). One fault maps it, without a page table. It is mapped in whole units, at addresses that are
/// multiples of 2 MiB. Such a region can be shared, sponsored and resized by units; it cannot be cloned, and a task that
/// holds one cannot be forked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateLarge {}

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

/// Maps a part of a region into the caller's address space; as often as it likes, and beside other mappings of it.
///
/// The record of each mapping but the first is charged as [`AREA_KIT`] to the caller's group. A page that is shown
/// twice is charged as [`COPY_KIT`] the second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapPart {
    /// The region.
    pub region: RegionId,
    /// Where, a page's address; where there is room if none.
    pub address: Option<u32>,
    /// What may be done with it; no more than with the region.
    pub access: Access,
    /// The first page of the region that is shown.
    pub offset: u32,
    /// How many pages; not zero, and not beyond the region's end.
    pub pages: u32,
}

/// Takes the mapping away that begins at an address; the region and its pages stay. Sliced like [`Unmap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmapPart {
    /// The address of its first page.
    pub address: u32,
}

/// Offers a region to another task, with no more rights than the caller's own.
///
/// The answer is the region that the other task accepts ([`Accept`]); it learns the id from the caller by whatever way
/// they have, or by asking ([`Offered`]). Until then the offer is a region of the caller's, charged to its group, which
/// [`DestroyRegion`] takes back; it holds the memory. Whether there is such a task is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The region.
    pub region: RegionId,
    /// The task.
    pub to: TaskId,
    /// What it may do.
    pub access: Access,
    /// Whether its group may take over the payment ([`Sponsor`]), as long as the group pays that pays now. Only a task in
    /// that group that may write to the region can offer this: whoever pays decides how long the memory lives.
    pub payment: bool,
}

/// Asks for a region that a task offers to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// The task.
    pub from: TaskId,
}

/// Accepts an offered region: it is the caller's from now on, under the same id, and its record is charged to the
/// caller's group. The memory itself stays with its payer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accept {
    /// The region.
    pub region: RegionId,
}

/// Changes how many pages a region's memory has, for all who hold it.
///
/// More: reserved and charged to the caller's group, which must be the payer. Fewer: what is beyond the new end is gone
/// from every address space, and its reservation and its frames come back exactly; a bounded number of pages a call, to
/// be asked again until it is done. From the first call on nothing more is shown there, but what is mapped already stays
/// until its turn comes, from the end downwards. A mapping keeps its place; what of it is beyond the end is an address
/// where there is nothing.
///
/// Of large memory ([`CreateLarge`]) whole units. One more is added a call; while its block is being cleared the answer is to
/// ask again, and nothing is charged yet. That takes some 400,000 instructions of the caller's own band: to be waited for
/// with a pause, not in a loop. What is refused has changed nothing; units that were added before stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resize {
    /// The region, which the caller may write to.
    pub region: RegionId,
    /// How many pages; not zero.
    pub pages: u32,
}

/// Lets the caller's group pay for a region's memory from now on: its reservation, its frames and its records, all of it
/// or nothing. The payer before must have offered it with this region ([`Share::payment`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sponsor {
    /// The region.
    pub region: RegionId,
}

/// Makes a region with the same contents, of the caller's own: copied when either writes to them, page by page.
///
/// All its pages are reserved and charged to the caller's group now, and a record for each that has a frame
/// ([`BORROW_KIT`]); so it is refused now rather than failing later. A page that is written to is charged to the payer of
/// the one that writes. A bounded number of pages a call: to be gone on with ([`CloneOn`]) until it is done, and not to be
/// used before. Other threads that write meanwhile may find what they wrote in the clone, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloneRegion {
    /// The region, which the caller need only be able to read.
    pub region: RegionId,
}

/// Goes on with a clone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloneOn {
    /// The clone.
    pub region: RegionId,
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

/// Gives a region back, with its mappings; and the memory with it, every page and the reservation, if nobody else holds
/// it. Also takes an offer back that nobody accepted.
///
/// A bounded number of pages a call, like [`Unmap`]; nothing else can be asked of the region from the first call on, and
/// it is gone with the last.
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
    /// Where it is mapped; the newest place, if there are several.
    pub address: Option<u32>,
}

/// A clone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cloned {
    /// The new region.
    pub region: RegionId,
    /// Whether it is whole.
    pub progress: Progress,
}

/// A region that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Its pages.
    pub pages: u32,
    /// What may be done with them.
    pub access: Access,
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
    /// More is reserved than the machine can keep: `overcommit` in `system.toml`.
    OutOfMemory,
}

/// Why a region was not mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MapRefusal {
    /// No such region of the caller's.
    UnknownRegion,
    /// It is mapped already.
    Mapped,
    /// The address is not a page's (a unit's, of large memory), or the range is not all in what a client may use.
    BadAddress,
    /// Something is there already.
    Taken,
    /// No gap is large enough.
    NoRoom,
    /// The memory-server has no room for another mapping.
    TableFull,
    /// The region may not be used like that.
    NotAllowed,
    /// No pages, or pages beyond the region's end; of large memory, no whole units.
    BadRange,
    /// The limits-server said no.
    Charge(ChargeRefusal),
    /// The group that paid for the memory was killed.
    PayerKilled,
    /// More is reserved than the machine can keep.
    OutOfMemory,
}

/// Why a region was not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShareRefusal {
    /// No such region of the caller's.
    UnknownRegion,
    /// The caller itself may not do that with it.
    NotAllowed,
    /// The limits-server said no.
    Charge(ChargeRefusal),
    /// The memory-server has no room for another region, or the caller has as many as one may have.
    TableFull,
    /// The group that paid for the memory was killed.
    PayerKilled,
    /// The caller cannot offer the payment: its group does not pay, or it may only read the region.
    NotPayer,
}

/// Why a region was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AcceptRefusal {
    /// No such region is offered to the caller.
    UnknownRegion,
    /// The limits-server said no.
    Charge(ChargeRefusal),
    /// The caller has as many regions as one may have.
    TableFull,
    /// The group that paid for the memory was killed.
    PayerKilled,
}

/// Why a region's memory was not made larger or smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResizeRefusal {
    /// No such region of the caller's.
    UnknownRegion,
    /// No pages, or more than [`REGION_PAGES`]; of large memory, no whole units.
    BadSize,
    /// The caller may only read it.
    NotAllowed,
    /// Another group than the caller's pays for it.
    NotPayer,
    /// The limits-server said no.
    Charge(ChargeRefusal),
    /// The group that paid for the memory was killed.
    PayerKilled,
    /// More is reserved than the machine can keep; or no block of 2 MiB can be formed for another unit of large memory.
    OutOfMemory,
}

/// Counts free blocks, from a page on, for as many pages as one answer can. For an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountFree {
    /// The page, by its physical number.
    pub from: u32,
}

/// How many free blocks there are of each size, were everything merged that can be: so it says what could be had, however
/// the pool is cut at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeBlocks {
    /// Of 4 KiB, 8 KiB and so on.
    pub counts: [u32; BLOCK_SIZES],
    /// The page to go on from; nothing after the last.
    pub next: Option<u32>,
}

/// How many sizes of block there are.
pub const BLOCK_SIZES: usize = (memory_slots::MAX_BITS - memory_slots::MIN_BITS) as usize + 1;

/// Why nothing was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CountFreeRefusal {
    /// The caller is no operator.
    NotOperator,
}

/// Asks how much of the machine's memory is reserved. Anyone may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadCommit {}

/// How much of the machine's memory is reserved, in pages.
///
/// What was promised counts: reserved pages that nobody has touched yet, and the page tables that they may come to need.
/// What is used is not promised any more, but gone. A reservation is refused unless `promised` stays at or below
/// `most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Pages that were promised and have not been taken.
    pub promised: u64,
    /// Pages that may be promised: those that are free, and `overcommit` beyond.
    pub most: u64,
    /// `overcommit` of `system.toml`, in per cent of all memory; 100: every reserved page can be had.
    pub overcommit: u32,
}

/// Guarantees a group, and those below it, so many pages: what they have not reserved of them nobody else can. 0 takes it
/// back. It is charged as reserved to the group and all above, and refused if the machine does not have so much. Needs the
/// right to raise the group's limits. A guarantee keeps no group alive, and ends when the group is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guarantee {
    /// The group.
    pub group: GroupId,
    /// The pages.
    pub pages: u64,
}

/// Asks for room for more groups, after `NoRoomYet`: to be asked again until it is done, and then the group can be opened,
/// unless others were quicker. Nothing happens if there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakeRoom {}

/// Takes back room for groups that nobody is in, as long as there is any at the end of it: to be asked again until it is
/// done. Anyone may; it is also done when memory gets short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tidy {}

/// Why no room for groups was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MakeRoomRefusal {
    /// No memory is left for it.
    OutOfMemory,
}

/// Why a group did not take over the payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SponsorRefusal {
    /// No such region of the caller's.
    UnknownRegion,
    /// The limits-server said no.
    Charge(ChargeRefusal),
    /// The group that paid for the memory was killed.
    PayerKilled,
    /// The payment was not offered with this region, or another group pays by now.
    NotOffered,
}

/// Why a region was not cloned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CloneRefusal {
    /// No such region of the caller's, or none that is being cloned.
    UnknownRegion,
    /// It is being made smaller, or shown in more places than a page can be copied away from.
    Busy,
    /// The limits-server said no.
    Charge(ChargeRefusal),
    /// The memory-server has no room for so many pages, or for another region.
    TableFull,
    /// The source was cloned once more, cut or given back before the clone was whole: it can only be given back.
    Broken,
    /// The group that paid for the memory was killed.
    PayerKilled,
    /// More is reserved than the machine can keep.
    OutOfMemory,
    /// It is large memory.
    Large,
}

/// Why a region was not unmapped, destroyed or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RegionRefusal {
    /// No such region of the caller's.
    UnknownRegion,
    /// It is not mapped.
    NotMapped,
}

/// Takes one of the caller's mappings away and leaves it on record, so that an audit has something to find. Only a build
/// for tests does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoil {
    /// An address within a page that is mapped.
    pub address: u32,
}

/// Why nothing was spoilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpoilRefusal {
    /// It is no build for tests.
    NotForTests,
    /// Nothing is mapped there.
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
        /// Offers a region to another task.
        6 => share(Share) -> RegionId, or ShareRefusal;
        /// What another task offers.
        7 => offered(Offered) -> Option<RegionId>, or Never;
        /// Accepts it.
        8 => accept(Accept) -> Accepted, or AcceptRefusal;
        /// Maps a part of a region.
        9 => map_part(MapPart) -> u32, or MapRefusal;
        /// Unmaps it.
        10 => unmap_part(UnmapPart) -> Progress, or RegionRefusal;
        /// Makes a region's memory larger or smaller.
        11 => resize(Resize) -> Progress, or ResizeRefusal;
        /// Takes over the payment for it.
        12 => sponsor(Sponsor) -> (), or SponsorRefusal;
        /// Clones it.
        13 => clone_region(CloneRegion) -> Cloned, or CloneRefusal;
        /// Goes on with that.
        14 => clone_on(CloneOn) -> Progress, or CloneRefusal;
        /// Makes a region of large memory.
        25 => create_large(CreateLarge) -> RegionId, or CreateRegionRefusal;
        /// How much of the machine's memory is reserved.
        20 => read_commit(ReadCommit) -> Commit, or Never;
        /// Guarantees a group pages.
        21 => guarantee(Guarantee) -> (), or GuaranteeRefusal;
        /// Room for more groups.
        22 => make_room(MakeRoom) -> Progress, or MakeRoomRefusal;
        /// Takes back room for groups that is not needed.
        23 => tidy(Tidy) -> Progress, or Never;
        /// How much is free, by size.
        60 => count_free(CountFree) -> FreeBlocks, or CountFreeRefusal;
        /// Makes a record wrong, for tests.
        24 => spoil(Spoil) -> (), or SpoilRefusal;
    }
}
