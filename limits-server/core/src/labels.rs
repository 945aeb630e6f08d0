//! Groups found by their labels.
//!
//! Every label is in the chain of its group's parent and its text; the places for labels are the heads of the chains
//! as well, so that finding one needs no memory of its own and costs what the text's length costs.

use interfaces::GroupId;
use interfaces::limits::LabelText;

use crate::bounds::LabelSlot;
use crate::ledger::Ledger;
use crate::list::{self, NONE, at, at_mut};

impl Ledger<'_> {
    /// The group directly below another with a label; of several, that which has had it longest.
    #[must_use]
    pub fn find_child(&self, parent: GroupId, label: &LabelText) -> Option<GroupId> {
        let above = self.locate(parent)?;
        let mut place = at(self.labels.slots, self.heads(above, label))?.head;
        while let Some(slot) = self.labels.get(place) {
            let child = self.slot(slot.owner);
            if slot.text == *label && child.is_some_and(|child| child.parent == above) {
                return Some(self.id(slot.owner));
            }
            place = slot.chain.next;
        }
        None
    }

    /// Enters a label that has been written in its chain.
    pub(crate) fn chain_label(&mut self, place: u32) {
        let Some(slot) = self.labels.get(place) else {
            return;
        };
        let above = self.slot(slot.owner).map_or(NONE, |slot| slot.parent);
        let heads = self.heads(above, &slot.text);
        if let Some(slot) = self.labels.get_mut(place) {
            slot.heads = heads;
        }
        let first = at(self.labels.slots, heads).map_or(NONE, |slot| slot.head);
        let first = list::append(self.labels.slots, first, place, chain);
        if let Some(slot) = at_mut(self.labels.slots, heads) {
            slot.head = first;
        }
    }

    /// Takes a label out of its chain; nothing happens for [`NONE`].
    #[inline]
    pub(crate) fn unchain_label(&mut self, place: u32) {
        let Some(slot) = self.labels.get(place) else {
            return;
        };
        let heads = slot.heads;
        let first = at(self.labels.slots, heads).map_or(NONE, |slot| slot.head);
        let first = list::remove(self.labels.slots, first, place, chain);
        if let Some(slot) = at_mut(self.labels.slots, heads) {
            slot.head = first;
        }
    }

    /// The place that heads the chain of a parent and a text (FNV-1a).
    pub(crate) fn heads(&self, above: u32, label: &LabelText) -> u32 {
        let seed = 0x811c_9dc5_u32 ^ above.wrapping_mul(0x9e37_79b1);
        let mixed = label.as_str().bytes().fold(seed, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        let places = u32::try_from(self.labels.slots.len()).unwrap_or(NONE);
        mixed.checked_rem(places).unwrap_or(NONE)
    }
}

fn chain(slot: &mut LabelSlot) -> &mut list::Links {
    &mut slot.chain
}
