//! How a group vanishes that nothing keeps, and with it what it leaves empty above.
//!
//! What vanishes is counted on the way up and given back level by level in the same walk, so that the end of a branch
//! costs no more than its length. Even that may be long, since a client can build branches of tens of thousands of
//! levels: so at most [`LEVELS`] levels vanish at once. The next one is put on the list of those **on their way out**,
//! and each request that comes afterwards does a little more of it before its own work ([`Ledger::leave_on`]).
//!
//! A group on its way out is an empty group like any other until it has gone: it can be seen, costs what it costs, and
//! who opens a group in it keeps it.

use interfaces::limits::Cause;

use crate::climb::climb;
use crate::ledger::Ledger;
use crate::list::{self, NONE, at, at_mut};

/// How many levels of a branch vanish at once: one costs about 600 instructions.
pub const LEVELS: u32 = 48;

impl Ledger<'_> {
    /// Lets a group vanish if nothing keeps it, and then the one above, as far up as that goes.
    #[inline]
    pub(crate) fn settle(&mut self, index: u32) {
        self.settle_because(index, Cause::Emptied);
    }

    /// The same, and why.
    #[inline]
    pub(crate) fn settle_because(&mut self, index: u32, cause: Cause) {
        let left = |slot| self.guarantees.left(slot);
        if at(self.groups, index).is_some_and(|slot| !slot.is_kept(left(slot))) {
            self.vanish_from(index, cause);
        }
    }

    fn vanish_from(&mut self, index: u32, cause: Cause) {
        // A group that is being killed is kept; so the kill that covers the first covers all that go with it.
        let killed = self.killed_above(index);
        let mut cause = killed.unwrap_or(cause);
        let (mut groups, mut bytes) = (0_u32, 0_u64);
        let mut here = index;
        let mut last = None;
        while let Some(slot) = at_mut(self.groups, here) {
            let above = slot.parent;
            slot.drop_records(groups, bytes);
            let kept = slot.is_kept(self.guarantees.left(slot));
            if kept || groups == LEVELS {
                // Above a group that stays, nothing else changes.
                climb(self.groups, above, NONE, |slot| {
                    slot.drop_records(groups, bytes);
                });
                if !kept {
                    self.leave_later(here);
                }
                break;
            }
            groups = groups.wrapping_add(1);
            bytes = bytes.wrapping_add(self.record_bytes(here));
            last = Some((above, self.id(here)));
            self.vanish(here, above, cause);
            here = above;
            cause = killed.unwrap_or(Cause::Emptied);
        }
        if let Some((above, group)) = last
            && !self.rings.are_quiet()
        {
            self.tell_gone(above, group);
        }
    }

    /// Puts an empty group, which nobody holds on to, on the list of those on their way out.
    #[cold]
    fn leave_later(&mut self, index: u32) {
        let Some(slot) = at_mut(self.groups, index).filter(|slot| !slot.leaving) else {
            return;
        };
        slot.leaving = true;
        self.first_leaving = list::append(self.groups, self.first_leaving, index, |slot| {
            &mut slot.opened
        });
    }

    /// Takes a group off the list of those on their way out.
    #[cold]
    pub(crate) fn stay(&mut self, index: u32) {
        self.first_leaving = list::remove(self.groups, self.first_leaving, index, |slot| {
            &mut slot.opened
        });
        if let Some(slot) = at_mut(self.groups, index) {
            slot.leaving = false;
        }
    }

    /// Lets some more of those vanish that are on their way out: at most [`LEVELS`] levels. Whether any is left.
    #[inline]
    pub fn leave_on(&mut self) -> bool {
        self.first_leaving != NONE && self.leave_some()
    }

    #[cold]
    #[inline(never)]
    fn leave_some(&mut self) -> bool {
        let index = self.first_leaving;
        self.stay(index);
        self.settle(index);
        self.first_leaving != NONE
    }
}
