//! How long a group lives: what keeps an empty one, and how it is removed.
//!
//! A group that was opened vanishes when it is empty and whoever opened it has let go of it or has ended. One that
//! is **held** lives on until somebody who may end it removes it: what `mkdir` and `rmdir` do.

use interfaces::GroupId;
use interfaces::limits::{Cause, RemoveRefusal, SetRefusal};

use crate::group::GroupSlot;
use crate::ledger::Ledger;
use crate::list::{NONE, at_mut};

impl Ledger<'_> {
    /// Makes a group live on when it is empty, or lets it vanish then.
    pub fn set_held(&mut self, group: GroupId, held: bool) -> Result<(), SetRefusal> {
        let index = self.locate(group).ok_or(SetRefusal::UnknownGroup)?;
        if let Some(slot) = at_mut(self.groups, index) {
            slot.held = held;
        }
        self.settle_because(index, Cause::Closed);
        Ok(())
    }

    /// Removes an empty group, whoever opened it.
    pub fn remove_group(&mut self, group: GroupId) -> Result<(), RemoveRefusal> {
        let index = self.locate(group).ok_or(RemoveRefusal::UnknownGroup)?;
        let slot = self.slot(index).ok_or(RemoveRefusal::UnknownGroup)?;
        if slot.permanent || slot.gate.is_killing() {
            return Err(RemoveRefusal::Busy);
        }
        if !slot.is_empty(self.guarantees.left(slot)) {
            return Err(RemoveRefusal::NotEmpty);
        }
        let opened = slot.opener != NONE;
        if let Some(slot) = at_mut(self.groups, index) {
            slot.held = false;
        }
        if opened {
            self.let_go(index);
        } else {
            self.settle_because(index, Cause::Closed);
        }
        Ok(())
    }
}

impl GroupSlot {
    /// Whether nothing is in the group and nothing is charged to it, but what is only set aside for it.
    pub(crate) fn is_empty(&self, left: u64) -> bool {
        self.children == 0
            && self.first_task == NONE
            && self.first_paid == NONE
            && !self.uses_anything(left)
    }
}
