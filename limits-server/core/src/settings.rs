//! What a group is told: limits, labels, bands.
//!
//! A plain group has none of these of its own. The first limit and the first label each take a place aside, and
//! the groups above are charged for it, so keeping settings can be refused like anything else that costs memory.
//! A limit's place stays until the group vanishes, because it counts refusals; a label's goes with the label.

use interfaces::limits::{LabelText, OwnRefusal, SetRefusal};
use interfaces::{GroupId, Limit, RESOURCES, Resource};

use crate::bounds::{BOUND_BYTES, BoundSlot, LABEL_BYTES};
use crate::charge::Refused;
use crate::climb::climb;
use crate::group::Vector;
use crate::ledger::Ledger;
use crate::list::{NONE, at_mut};

impl Ledger<'_> {
    /// Sets the hard limit of one kind. May be below the usage: nobody dies, nothing more is admitted.
    pub fn set_limit(
        &mut self,
        group: GroupId,
        kind: Resource,
        limit: Limit,
    ) -> Result<(), SetRefusal> {
        self.set_bound(group, kind, limit, |slot| &mut slot.limit)
    }

    /// Sets the soft limit of one kind: crossing it is news, not a refusal.
    pub fn set_soft_limit(
        &mut self,
        group: GroupId,
        kind: Resource,
        limit: Limit,
    ) -> Result<(), SetRefusal> {
        self.set_bound(group, kind, limit, |slot| &mut slot.soft)?;
        let index = self.locate(group).ok_or(SetRefusal::UnknownGroup)?;
        let place = self.slot(index).map_or(NONE, |slot| slot.gate.bounds());
        let soft = self
            .bounds
            .get(place)
            .is_some_and(|bound| bound.soft.iter().any(|&limit| limit != u64::MAX));
        if let Some(gate) = self.gate_mut(index) {
            *gate = gate.with_soft(soft);
        }
        Ok(())
    }

    fn set_bound(
        &mut self,
        group: GroupId,
        kind: Resource,
        limit: Limit,
        which: fn(&mut BoundSlot) -> &mut Vector,
    ) -> Result<(), SetRefusal> {
        let index = self.locate(group).ok_or(SetRefusal::UnknownGroup)?;
        let mut place = self.slot(index).map_or(NONE, |slot| slot.gate.bounds());
        if place == NONE {
            if limit == Limit::Max {
                // A plain group has no limit already.
                return Ok(());
            }
            if !self.bounds.has_room() {
                return Err(SetRefusal::LedgerFull);
            }
            self.charge_record(index, BOUND_BYTES)?;
            place = self.bounds.take(index);
            if let Some(gate) = self.gate_mut(index) {
                *gate = gate.with_bounds(place);
            }
        }
        let bound = self.bounds.get_mut(place).map(which);
        if let Some(number) = bound.and_then(|numbers| numbers.get_mut(kind.index())) {
            *number = limit.bound();
        }
        Ok(())
    }

    /// Labels a group; an empty label is none. Labels need not be unique.
    pub fn set_label(&mut self, group: GroupId, label: &LabelText) -> Result<(), SetRefusal> {
        let index = self.locate(group).ok_or(SetRefusal::UnknownGroup)?;
        if label.as_str().chars().any(char::is_control) {
            return Err(SetRefusal::BadLabel);
        }
        let place = self.slot(index).map_or(NONE, |slot| slot.label);
        let place = match (place, label.is_empty()) {
            (NONE, true) => return Ok(()),
            (_, true) => {
                self.release_record(index, LABEL_BYTES);
                self.unchain_label(place);
                self.labels.give_back(place);
                NONE
            }
            (NONE, false) => {
                if !self.labels.has_room() {
                    return Err(SetRefusal::LedgerFull);
                }
                self.charge_record(index, LABEL_BYTES)?;
                self.labels.take(index)
            }
            (_, false) => {
                self.unchain_label(place);
                place
            }
        };
        if let Some(kept) = self.labels.get_mut(place) {
            kept.text = label.clone();
            self.chain_label(place);
        }
        if let Some(slot) = at_mut(self.groups, index) {
            slot.label = place;
        }
        Ok(())
    }

    /// Sets a group's peaks back to what is in use now.
    pub fn reset_peaks(&mut self, group: GroupId) -> Result<(), SetRefusal> {
        let index = self.locate(group).ok_or(SetRefusal::UnknownGroup)?;
        if let Some(slot) = at_mut(self.groups, index) {
            slot.past_peak = slot.usage;
        }
        Ok(())
    }

    /// Sets a group's own counts of refusals and of soft limits crossed back to nothing.
    pub fn reset_refusals(&mut self, group: GroupId) -> Result<(), SetRefusal> {
        let index = self.locate(group).ok_or(SetRefusal::UnknownGroup)?;
        let place = self.slot(index).map_or(NONE, |slot| slot.gate.bounds());
        if let Some(bound) = self.bounds.get_mut(place) {
            bound.refusals = [0; RESOURCES];
            bound.crossings = [0; RESOURCES];
        }
        Ok(())
    }

    /// Sets who owns a group.
    pub fn set_owner(&mut self, group: GroupId, uid: u32, gid: u32) -> Result<(), OwnRefusal> {
        let index = self.locate(group).ok_or(OwnRefusal::UnknownGroup)?;
        if let Some(slot) = at_mut(self.groups, index) {
            (slot.uid, slot.gid) = (uid, gid);
        }
        self.recheck_watches_of(index);
        Ok(())
    }

    /// Sets a group's mode.
    pub fn set_mode(&mut self, group: GroupId, mode: u16) -> Result<(), OwnRefusal> {
        let index = self.locate(group).ok_or(OwnRefusal::UnknownGroup)?;
        if mode > 0o777 {
            return Err(OwnRefusal::BadMode);
        }
        if let Some(slot) = at_mut(self.groups, index) {
            slot.mode = mode;
        }
        self.recheck_watches_of(index);
        Ok(())
    }

    /// Sets the band of the tasks of a group, and of the groups that are opened below it from now on.
    pub fn set_band(&mut self, group: GroupId, band: u8) {
        if let Some(slot) = self
            .locate(group)
            .and_then(|index| at_mut(self.groups, index))
        {
            slot.band = band;
        }
    }

    /// Charges the groups above for a record of a group. Nobody is above the root: its own records cost nobody.
    pub(crate) fn charge_record(&mut self, index: u32, bytes: u64) -> Result<(), Refused> {
        let above = self.slot(index).map_or(NONE, |slot| slot.parent);
        if above == NONE {
            return Ok(());
        }
        self.charge_records(above, 0, bytes)
    }

    pub(crate) fn release_record(&mut self, index: u32, bytes: u64) {
        let above = self.slot(index).map_or(NONE, |slot| slot.parent);
        climb(self.groups, above, NONE, |slot| slot.drop_records(0, bytes));
    }
}
