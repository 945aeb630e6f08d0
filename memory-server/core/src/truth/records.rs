//! What is charged and is no capability: reservations, and the memory-server's own records.

use interfaces::memory::{AREA_KIT, BORROW_KIT, OBJECT_KIT, REGION_KIT};
use interfaces::provision::TASK_RECORDS_BYTES;
use interfaces::{Amounts, Resource};

use super::Walk;
use crate::closing::own_amounts;
use crate::hands::{Kernel, Ledger};
use crate::object::Kind;
use crate::server::MemoryServer;
use crate::space::State;

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// What a task costs besides its pages.
    pub(super) fn add_space(&self, index: u32, walk: &mut Walk) {
        walk.skip();
        let space = self.memory.spaces.peek(index).filter(|space| {
            matches!(space.state, State::Live | State::Dying) && walk.wants(Some(space.payer))
        });
        if let Some(space) = space {
            let records = Amounts::of(Resource::KernelMemory, TASK_RECORDS_BYTES);
            walk.add(records.with(Resource::CapSlots, u64::from(space.shared_room)));
        }
    }

    /// What an object costs besides its frames.
    pub(super) fn add_object(&self, index: u32, walk: &mut Walk) {
        walk.skip();
        let object = self.memory.objects.get(index);
        if matches!(object.kind, Kind::Vacant | Kind::Archive) || !walk.wants(Some(object.payer)) {
            return;
        }
        for (resource, amount) in BORROW_KIT.present() {
            let borrows = u64::from(object.borrows.len().saturating_add(object.owed));
            walk.add(Amounts::of(resource, amount.saturating_mul(borrows)));
        }
        match object.kind {
            Kind::Anonymous if object.is_charged => walk.add(own_amounts(object.commit)),
            Kind::Program { .. } => {
                walk.add(Amounts::of(Resource::Commit, u64::from(object.commit)));
                if object.has_ghost_paid {
                    walk.add(OBJECT_KIT);
                }
            }
            Kind::Ghost => walk.add(OBJECT_KIT),
            _ => {}
        }
    }

    /// What a region costs besides its object.
    pub(super) fn add_region(&self, index: u32, walk: &mut Walk) {
        walk.skip();
        let Some(region) = self.memory.regions.there(index) else {
            return;
        };
        if !walk.wants(Some(region.payer)) {
            return;
        }
        walk.add(REGION_KIT);
        let mut next = region.areas.first();
        while let Some(area) = next {
            walk.skip();
            if self.memory.areas.get(area).is_charged {
                walk.add(AREA_KIT);
            }
            next = self.memory.areas.next_of_region(area);
        }
    }
}
