//! Handing memory from one task to another: offered by one, accepted by the other, with no more rights than before.
//!
//! Why an offer and not a handing over: a region costs its holder a record, and nobody is to pay for what others send
//! it, or to find its list full of it. So an offer is the offerer's until it is accepted.
//!
//! A record is paid for by the group that pays for its holder's space, wherever the holder has gone since: a record
//! charged to a group that its task has left would outlive the kill of that group, which could then never end.

use interfaces::memory::{
    AcceptRefusal, Accepted, Access, REGION_KIT, RegionId, Share, ShareRefusal,
};
use interfaces::{Amounts, GroupId, TaskId};

use crate::hands::{Kernel, Ledger};
use crate::memory::Memory;
use crate::region::{Region, State, TASK_REGIONS};
use crate::server::MemoryServer;

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Offers a region of the task in a space to another task.
    pub(crate) fn offer(&mut self, space: u32, request: Share) -> Result<RegionId, ShareRefusal> {
        let region = self
            .memory
            .regions
            .find(space, request.region)
            .ok_or(ShareRefusal::UnknownRegion)?;
        if !region.access.allows(request.access) {
            return Err(ShareRefusal::NotAllowed);
        }
        if self.is_revoked(region.object) {
            return Err(ShareRefusal::PayerKilled);
        }
        if !self.has_region_room(space) {
            return Err(ShareRefusal::TableFull);
        }
        let payment = if request.payment {
            Some(self.payment_to_offer(space, &region)?)
        } else {
            None
        };
        let payer = self.space(space).payer;
        self.ledger
            .charge(payer, REGION_KIT)
            .map_err(ShareRefusal::Charge)?;
        let mut offer = Region::new(
            State::Offered { to: request.to },
            space,
            region.object,
            request.access,
            payer,
        );
        offer.payment = payment;
        self.record_offer(offer).ok_or_else(|| {
            self.release(payer, REGION_KIT);
            ShareRefusal::TableFull
        })
    }

    /// The payer of a region's memory, if the task in a space may let another group pay for it: whoever pays can end the
    /// memory for all, so the one who pays now must want that, and have more to lose than one who only reads.
    fn payment_to_offer(&mut self, space: u32, region: &Region) -> Result<GroupId, ShareRefusal> {
        let group = self
            .ledger
            .charge_task(self.space(space).task, Amounts::NONE)
            .map_err(ShareRefusal::Charge)?;
        let is_payer = group == self.payer_of(region.object);
        if is_payer && region.access.allows(Access::ReadWrite) {
            Ok(group)
        } else {
            Err(ShareRefusal::NotPayer)
        }
    }

    fn record_offer(&mut self, offer: Region) -> Option<RegionId> {
        let Memory {
            objects,
            regions,
            spaces,
            ..
        } = &mut self.memory;
        let space = spaces.edit(offer.space)?;
        let object = objects.edit(offer.object)?;
        let id = regions.create(&mut space.regions, offer)?;
        object.holders = object.holders.saturating_add(1);
        object.is_shared = true;
        Some(id)
    }

    /// The newest region that a task offers to the one in a space.
    pub(crate) fn offered_by(&self, space: u32, from: TaskId) -> Option<RegionId> {
        let to = self.space(space).task;
        let list = self.space(self.memory.spaces.find(from)?).regions;
        self.memory.regions.offered(list, to)
    }

    /// Gives an offered region to the task in a space, to which it is offered.
    pub(crate) fn take_offer(
        &mut self,
        space: u32,
        id: RegionId,
    ) -> Result<Accepted, AcceptRefusal> {
        let task = self.space(space).task;
        let region = self
            .memory
            .regions
            .find_offered(task, id)
            .ok_or(AcceptRefusal::UnknownRegion)?;
        if self.is_revoked(region.object) {
            return Err(AcceptRefusal::PayerKilled);
        }
        if self.space(space).regions.len() >= TASK_REGIONS {
            return Err(AcceptRefusal::TableFull);
        }
        let payer = self.space(space).payer;
        self.ledger
            .charge(payer, REGION_KIT)
            .map_err(AcceptRefusal::Charge)?;
        self.pass_region(region.space, id.index);
        let Memory {
            regions, spaces, ..
        } = &mut self.memory;
        if let Some(from) = spaces.edit(region.space) {
            regions.leave(&mut from.regions, id.index);
        }
        if let Some(to) = spaces.edit(space) {
            regions.join(&mut to.regions, id.index);
        }
        if let Some(record) = regions.edit(id.index) {
            record.state = State::Held;
            record.space = space;
            record.payer = payer;
        }
        self.release(region.payer, REGION_KIT);
        Ok(Accepted {
            pages: self.size_of(region.object),
            access: region.access,
        })
    }
}
