//! As much of a memory-server as the trees ask for.

use interfaces::limits::Never;
use interfaces::memory::{
    Accept, AcceptRefusal, Accepted, CloneOn, CloneRefusal, CloneRegion, Cloned, Commit, CountFree,
    CountFreeRefusal, CreateLarge, CreateRegion, CreateRegionRefusal, DestroyRegion, FreeBlocks,
    Guarantee, GuaranteeRefusal, MakeRoom, MakeRoomRefusal, Map, MapPart, MapRefusal, Offered,
    ReadCommit, ReadRegion, ReadSpace, RegionAccount, RegionId, RegionRefusal, Resize,
    ResizeRefusal, Server, Share, ShareRefusal, SpaceAccount, Spoil, SpoilRefusal, Sponsor,
    SponsorRefusal, Tidy, Unmap, UnmapPart,
};
use interfaces::provision::Progress;
use interfaces::{Caller, ServerName, accounting};

use super::{World, unasked};

/// What it says of the machine.
pub const COMMIT: Commit = Commit {
    promised: 300,
    most: 1000,
    overcommit: 150,
};

macro_rules! unasked {
    ($($name:ident($request:ty) -> $reply:ty, $refusal:ty;)+) => {
        $(fn $name(&mut self, _: Caller, _: $request) -> Result<$reply, $refusal> {
            unasked()
        })+
    };
}

impl Server for World {
    fn read_commit(&mut self, _: Caller, _: ReadCommit) -> Result<Commit, Never> {
        Ok(COMMIT)
    }

    fn guarantee(&mut self, caller: Caller, request: Guarantee) -> Result<(), GuaranteeRefusal> {
        let task = self.caller(caller);
        let Guarantee { group, pages } = request;
        let by = Some((task, false));
        let request = accounting::Guarantee { group, pages, by };
        accounting::Server::guarantee(
            &mut self.limits,
            Caller::server(ServerName::Memory),
            request,
        )
        .map(|_| ())
    }

    fn make_room(&mut self, _: Caller, _: MakeRoom) -> Result<Progress, MakeRoomRefusal> {
        Err(MakeRoomRefusal::OutOfMemory)
    }

    unasked! {
        tidy(Tidy) -> Progress, Never;
        count_free(CountFree) -> FreeBlocks, CountFreeRefusal;
        spoil(Spoil) -> (), SpoilRefusal;
        create_region(CreateRegion) -> RegionId, CreateRegionRefusal;
        create_large(CreateLarge) -> RegionId, CreateRegionRefusal;
        map(Map) -> u32, MapRefusal;
        unmap(Unmap) -> Progress, RegionRefusal;
        destroy_region(DestroyRegion) -> Progress, RegionRefusal;
        read_region(ReadRegion) -> RegionAccount, RegionRefusal;
        read_space(ReadSpace) -> SpaceAccount, Never;
        share(Share) -> RegionId, ShareRefusal;
        offered(Offered) -> Option<RegionId>, Never;
        accept(Accept) -> Accepted, AcceptRefusal;
        map_part(MapPart) -> u32, MapRefusal;
        unmap_part(UnmapPart) -> Progress, RegionRefusal;
        resize(Resize) -> Progress, ResizeRefusal;
        sponsor(Sponsor) -> (), SponsorRefusal;
        clone_region(CloneRegion) -> Cloned, CloneRefusal;
        clone_on(CloneOn) -> Progress, CloneRefusal;
    }
}
