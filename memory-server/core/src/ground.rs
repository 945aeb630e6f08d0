//! The limits-server's ground: pages mapped behind its groups' places as they become more, and taken back.
//!
//! The limits-server holds no memory and calls nobody; see `limits_core::ground` for who asks whom. What stands there is
//! charged to the groups that open groups, as kernel memory; the pages are the servers' own, and no more of them than the
//! groups that there are need.
//!
//! # Invariants
//!
//! - The pages lie without a gap behind the first tract, which the root task mapped.
//! - The limits-server touches exactly the first `told` of them. Those beyond are on their way in or out.
//! - A page goes only after the limits-server has given up its tract.

use interfaces::accounting::Who;
use interfaces::memory::{Access, MakeRoomRefusal};
use interfaces::provision::Progress;
use interfaces::start::{ground, memory_slots};

use crate::hands::{Kernel, Ledger, Made};
use crate::memory::Memory;
use crate::owner::Use;
use crate::server::{Failure, MemoryServer};
use crate::table::List;

/// How many pages are made or taken back in one request: each takes the kernel some 3,500 instructions.
const SLICE: u32 = 8;

/// The pages behind the first tract.
#[derive(Debug, Default)]
pub struct Ground {
    /// All of them.
    pub(crate) list: List,
    /// How many the limits-server was told of.
    told: u32,
}

impl Ground {
    /// How many pages there are.
    #[must_use]
    pub const fn pages(&self) -> u32 {
        self.list.len()
    }
}

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Goes on with making room for more groups, if it is wanted.
    pub(crate) fn make_ground(&mut self) -> Result<Progress, MakeRoomRefusal> {
        if !self.ledger.wants_ground() {
            return Ok(Progress::Done);
        }
        let whole = self.memory.ground.told.saturating_add(ground::TRACT_PAGES);
        let missing = whole.saturating_sub(self.memory.ground.pages());
        if !self.can_promise(Who::Nobody, 0, u64::from(missing)) {
            return Err(MakeRoomRefusal::OutOfMemory);
        }
        for _ in 0..missing.min(SLICE) {
            self.lay_page().map_err(|_| MakeRoomRefusal::OutOfMemory)?;
        }
        if missing > SLICE {
            return Ok(Progress::More);
        }
        if self.ledger.add_tract() {
            self.memory.ground.told = whole;
        }
        Ok(Progress::Done)
    }

    /// Takes a slice of what is not needed back.
    pub(crate) fn take_ground_back(&mut self) -> Progress {
        if self.memory.ground.pages() == self.memory.ground.told {
            let told = self.memory.ground.told.checked_sub(ground::TRACT_PAGES);
            let Some(told) = told.filter(|_| self.ledger.withdraw_tract()) else {
                return Progress::Done;
            };
            self.memory.ground.told = told;
        }
        for _ in 0..SLICE {
            if self.memory.ground.pages() <= self.memory.ground.told {
                break;
            }
            self.lift_page();
        }
        Progress::More
    }

    /// Maps a fresh page behind the last. The kernel has cleared it.
    fn lay_page(&mut self) -> Result<(), Failure> {
        let page = self.make_object(Made::Frame)?;
        let place = self.memory.ground.pages();
        let result = self.kernel.map_frame(
            self.memory.slots.object(page),
            memory_slots::LIMITS_SPACE,
            ground::page(place),
            Access::ReadWrite,
        );
        if let Err(failure) = self.expected(result) {
            self.unmake_object(page);
            return Err(failure);
        }
        let Memory { owners, ground, .. } = &mut self.memory;
        owners.record(page, Use::Ground, 0, place, &mut ground.list);
        Ok(())
    }

    /// Unmaps the last page and gives it back.
    fn lift_page(&mut self) {
        let Memory { owners, ground, .. } = &mut self.memory;
        let place = ground.pages().saturating_sub(1);
        let Some(page) = owners.find(Use::Ground, 0, place) else {
            return;
        };
        owners.forget(page, &mut ground.list);
        self.unmake_object(page);
    }
}
