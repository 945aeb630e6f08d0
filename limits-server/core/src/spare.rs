//! How much of something a group can easily spare, for what a server grants before it is asked.

use interfaces::accounting::ChargeRefusal;
use interfaces::{Amounts, GroupId};

use crate::climb::{Part, parts};
use crate::group::{GroupSlot, ROOT, Vector};
use crate::ledger::Ledger;
use crate::list::at;

/// What is left to a limit is spared by this part of it at most.
const PART: u64 = 8;

/// So many times the amounts; nothing if that is more than can be counted.
fn times(each: &Amounts, count: u32) -> Option<Amounts> {
    each.present()
        .try_fold(Amounts::NONE, |all, (kind, amount)| {
            Some(all.with(kind, amount.checked_mul(u64::from(count))?))
        })
}

impl Ledger<'_> {
    /// Charges a group for one of something and for as many more, up to `most`, as it can easily spare, and enters that in
    /// the books of another server. Returns how many.
    ///
    /// # Errors
    ///
    /// As [`Ledger::charge_held`] of one.
    pub fn charge_some_held(
        &mut self,
        group: GroupId,
        each: &Amounts,
        most: u32,
    ) -> Result<u32, ChargeRefusal> {
        let count = self.easily_spared(group, each, most);
        let (count, all) = match times(each, count) {
            Some(all) => (count, all),
            None => (1, *each),
        };
        self.charge_held(group, &all)?;
        Ok(count)
    }

    /// How many of something a group, and each above it, can easily spare: at least one, at most `most`. Says nothing of
    /// whether that one is admitted.
    #[must_use]
    pub fn easily_spared(&self, group: GroupId, each: &Amounts, most: u32) -> u32 {
        let mut count = u64::from(most);
        let parts = parts(each);
        let mut here = self.locate(group);
        while let Some(slot) = here.and_then(|here| at(self.groups, here)) {
            let is_root = here == Some(ROOT);
            here = Some(slot.parent);
            if slot.gate.is_open() && !is_root {
                continue;
            }
            let bound = self.bounds.get(slot.gate.bounds());
            for &part in &parts {
                // What there is at all has to fit into a number, which the root's sums tell.
                let mut limit = u64::MAX;
                if let Some(bound) = bound {
                    // A soft limit is not to be crossed for what nobody asked for.
                    limit = of(&bound.limit, part).min(of(&bound.soft, part));
                }
                if limit != u64::MAX || is_root {
                    count = count.min(spared(slot, limit, part));
                }
            }
        }
        u32::try_from(count).unwrap_or(most).max(1)
    }
}

fn of(vector: &Vector, (kind, _): Part) -> u64 {
    vector.get(kind.index()).copied().unwrap_or_default()
}

/// How many of a part can be spared of what is left to a limit.
fn spared(slot: &GroupSlot, limit: u64, part: Part) -> u64 {
    let left = limit.saturating_sub(of(&slot.usage, part));
    let easily = left.checked_div(PART.saturating_mul(part.1));
    easily.unwrap_or(u64::MAX)
}
