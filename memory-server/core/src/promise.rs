//! What the machine can promise, and to whom: overcommit, guarantees, and what gives way before anybody is refused.
//!
//! Every page that is reserved, or may come to be needed as a page table, is promised when it is asked for; with overcommit
//! off there is a free page for each promise, so none fails. What the limits-server has set aside for guaranteed groups is
//! promised to nobody else. It is asked about that only when memory is short: `Memory::guaranteed` is the most that can be
//! set aside, and while all of it is free besides, nothing needs to be known.

use interfaces::accounting::{Guarantee, GuaranteeRefusal, Who};
use interfaces::memory;
use interfaces::{Caller, TaskId};

use crate::hands::{Kernel, Ledger};
use crate::server::MemoryServer;

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Whether so many more pages can be promised to somebody: some that it is going to reserve, which it draws from what is
    /// set aside for it, and some for tables and kernel objects, or that are reserved already. Room for groups that nobody is in
    /// gives way; what is kept for the next task counts as free.
    pub(crate) fn can_promise(&mut self, who: Who, reserved: u64, others: u64) -> bool {
        let pages = reserved.saturating_add(others);
        let most_aside = self.memory.guaranteed;
        if self.memory.can_promise(pages.saturating_add(most_aside)) {
            return true;
        }
        self.take_ground_back();
        let aside = if most_aside == 0 {
            0
        } else {
            let aside = self.ledger.set_aside(who, reserved);
            // Guarantees end with their groups, of which nobody tells us.
            self.memory.guaranteed = aside.all;
            aside.pages
        };
        self.memory.can_promise(pages.saturating_add(aside))
    }

    /// Guarantees a group pages, if the machine has them.
    pub(crate) fn guarantee_pages(
        &mut self,
        caller: Caller,
        task: TaskId,
        request: memory::Guarantee,
    ) -> Result<(), GuaranteeRefusal> {
        let memory::Guarantee { group, pages } = request;
        let by = Some((task, caller.is_operator()));
        let before = self.ledger.guarantee(Guarantee { group, pages, by })?;
        let aside = self.ledger.set_aside(Who::Nobody, 0);
        self.memory.guaranteed = aside.all;
        if pages <= before || self.can_promise(Who::Nobody, 0, 0) {
            return Ok(());
        }
        // Less is never refused.
        let back = Guarantee {
            group,
            pages: before,
            by: None,
        };
        if self.ledger.guarantee(back).is_err() {
            self.counters.mishaps = self.counters.mishaps.saturating_add(1);
        }
        self.memory.guaranteed = self.ledger.set_aside(Who::Nobody, 0).all;
        Err(GuaranteeRefusal::OutOfMemory)
    }
}
