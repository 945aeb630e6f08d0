//! Charges, and the receipts that prove them.
//!
//! A [`Charge`] says that a group and all above it were charged. It cannot be copied, and dropping it loses what it
//! stands for; the compiler warns of that. It ends in one of two ways: [`Ledger::release`] gives everything back,
//! or [`Ledger::hold`] enters it in the books of another server, which later gives back any part of what it holds
//! ([`Ledger::take_back`] makes a receipt of that part again, or refuses).
//!
//! ```compile_fail,E0382
//! # use limits_core::*;
//! # fn twice(ledger: &mut Ledger<'_>, charge: Charge) {
//! ledger.release(charge);
//! ledger.release(charge); // used already
//! # }
//! ```
//!
//! ```compile_fail,E0599
//! # use limits_core::*;
//! # fn copy(charge: Charge) {
//! let another = charge.clone(); // a receipt has no copies
//! # }
//! ```
//!
//! ```compile_fail
//! #![deny(unused_must_use)]
//! # use limits_core::*;
//! # use interfaces::{Amounts, GroupId};
//! # fn lose(ledger: &mut Ledger<'_>) -> Result<(), interfaces::accounting::ChargeRefusal> {
//! ledger.charge(GroupId::ROOT, &Amounts::NONE)?; // lost
//! # Ok(())
//! # }
//! ```

use interfaces::accounting::{
    ChargeRefusal, GuaranteeRefusal, MoveRefusal, ReleaseRefusal, TicketRefusal,
};
use interfaces::events::Hit;
use interfaces::limits::{GrantRefusal, OpenGroupRefusal, SetRefusal, WouldFitRefusal};
use interfaces::short::{Few, Together};
use interfaces::{Amounts, GroupId, Resource, Shortage};

use crate::climb::{self, Denied, Part, Parts, gather, parts};
use crate::group::Vector;
use crate::ledger::Ledger;
use crate::list::{NONE, at, at_mut};
use crate::news::News;

/// Proof that a group and all above it were charged; the only way to give it back.
#[must_use = "a charge that is dropped can never be released"]
#[derive(Debug, PartialEq, Eq)]
pub struct Charge {
    group: GroupId,
    amounts: Amounts,
}

impl Charge {
    /// Who paid.
    #[must_use]
    pub const fn group(&self) -> GroupId {
        self.group
    }

    /// What for.
    #[must_use]
    pub const fn amounts(&self) -> &Amounts {
        &self.amounts
    }
}

impl Ledger<'_> {
    /// Charges a group and every group above it, or none of them.
    ///
    /// # Errors
    ///
    /// The first group, counted upwards, that is being killed or has too little left. Nothing has changed then but
    /// the count of refusals at a limit that refused.
    #[inline]
    pub fn charge(&mut self, group: GroupId, amounts: &Amounts) -> Result<Charge, ChargeRefusal> {
        let index = self.locate(group).ok_or(ChargeRefusal::UnknownGroup)?;
        self.charge_at(index, NONE, amounts)?;
        self.receipts = self.receipts.wrapping_add(1);
        Ok(Charge {
            group,
            amounts: *amounts,
        })
    }

    /// Gives back everything that a charge took.
    #[inline]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "taking the charge is what ends it"
    )]
    pub fn release(&mut self, charge: Charge) {
        self.receipts = self.receipts.wrapping_sub(1);
        // A group that was charged anything is still there; a charge of nothing may have outlived its group.
        if let Some(index) = self.locate(charge.group) {
            self.give_back(index, &parts(&charge.amounts));
            self.settle(index);
        }
    }

    /// Enters a charge in the books of another server, which gives it back later, at once or in parts.
    ///
    /// Returns what that server has to remember.
    #[inline]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "taking the charge is what ends it"
    )]
    pub fn hold(&mut self, charge: Charge) -> (GroupId, Amounts) {
        self.receipts = self.receipts.wrapping_sub(1);
        if let Some(slot) = at_mut(self.groups, charge.group.index) {
            hold_parts(&mut slot.holds, &parts(&charge.amounts));
        }
        (charge.group, charge.amounts)
    }

    /// Makes a receipt again of a part of what is held of a group.
    ///
    /// # Errors
    ///
    /// If nothing like that is held; it is counted as an alarm, because a server has lost count.
    #[inline]
    pub fn take_back(
        &mut self,
        group: GroupId,
        amounts: &Amounts,
    ) -> Result<Charge, ReleaseRefusal> {
        match self.take_held(group, &parts(amounts)) {
            Ok(_) => {
                self.receipts = self.receipts.wrapping_add(1);
                Ok(Charge {
                    group,
                    amounts: *amounts,
                })
            }
            Err(refusal) => Err(self.bad_release(refusal)),
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the way that every page takes")]
    fn take_held(&mut self, group: GroupId, parts: &[Part]) -> Result<u32, ReleaseRefusal> {
        let index = self.locate(group).ok_or(ReleaseRefusal::UnknownGroup)?;
        let slot = at_mut(self.groups, index).ok_or(ReleaseRefusal::UnknownGroup)?;
        for &(kind, asked) in parts {
            if slot
                .holds
                .get(kind.index())
                .is_none_or(|&held| held < asked)
            {
                return Err(ReleaseRefusal::MoreThanCharged);
            }
        }
        for &(kind, amount) in parts {
            if let Some(held) = slot.holds.get_mut(kind.index()) {
                *held = held.wrapping_sub(amount);
            }
        }
        Ok(index)
    }

    /// Charges a group and enters that in the books of another server: [`Ledger::charge`] and [`Ledger::hold`] in
    /// one go, for the way that every page takes.
    #[inline]
    pub fn charge_held(&mut self, group: GroupId, amounts: &Amounts) -> Result<(), ChargeRefusal> {
        let mut parts = Parts::new();
        gather(amounts.present(), &mut parts);
        self.charge_parts_held(group, &parts)
    }

    /// The same for amounts in their short form.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the way that every page takes")]
    pub fn charge_few_held(&mut self, group: GroupId, amounts: Few) -> Result<(), ChargeRefusal> {
        match amounts.alone() {
            Some(one) => ChargeHeld(self, group).take([one]),
            None => self.charge_several_held(group, amounts),
        }
    }

    #[inline(never)]
    fn charge_several_held(&mut self, group: GroupId, amounts: Few) -> Result<(), ChargeRefusal> {
        if let Some(answer) = amounts.together(ChargeHeld(&mut *self, group)) {
            return answer;
        }
        let mut parts = Parts::new();
        gather(amounts.several(), &mut parts);
        self.charge_parts_held(group, &parts)
    }

    fn charge_parts_held(&mut self, group: GroupId, parts: &[Part]) -> Result<(), ChargeRefusal> {
        let index = self.locate(group).ok_or(ChargeRefusal::UnknownGroup)?;
        self.charge_parts(index, NONE, parts)?;
        if let Some(slot) = at_mut(self.groups, index) {
            hold_parts(&mut slot.holds, parts);
        }
        Ok(())
    }

    /// Gives back a part of what another server holds: [`Ledger::take_back`] and [`Ledger::release`] in one go.
    #[inline]
    pub fn release_held(
        &mut self,
        group: GroupId,
        amounts: &Amounts,
    ) -> Result<(), ReleaseRefusal> {
        let mut parts = Parts::new();
        gather(amounts.present(), &mut parts);
        self.release_parts_held(group, &parts)
    }

    /// The same for amounts in their short form.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the way that every page takes")]
    pub fn release_few_held(&mut self, group: GroupId, amounts: Few) -> Result<(), ReleaseRefusal> {
        match amounts.alone() {
            Some(one) => ReleaseHeld(self, group).take([one]),
            None => self.release_several_held(group, amounts),
        }
    }

    #[inline(never)]
    fn release_several_held(&mut self, group: GroupId, amounts: Few) -> Result<(), ReleaseRefusal> {
        if let Some(answer) = amounts.together(ReleaseHeld(&mut *self, group)) {
            return answer;
        }
        let mut parts = Parts::new();
        gather(amounts.several(), &mut parts);
        self.release_parts_held(group, &parts)
    }

    fn release_parts_held(&mut self, group: GroupId, parts: &[Part]) -> Result<(), ReleaseRefusal> {
        match self.take_held(group, parts) {
            Ok(index) => {
                self.give_back(index, parts);
                self.settle(index);
                Ok(())
            }
            Err(refusal) => Err(self.bad_release(refusal)),
        }
    }

    #[cold]
    fn bad_release(&mut self, refusal: ReleaseRefusal) -> ReleaseRefusal {
        self.alarms.bad_releases = self.alarms.bad_releases.saturating_add(1);
        refusal
    }

    /// Whether a charge would be admitted now. Changes nothing, not even a count of refusals.
    pub fn would_fit(&self, group: GroupId, amounts: &Amounts) -> Result<(), WouldFitRefusal> {
        self.parts_would_fit(group, &parts(amounts))
    }

    /// The same for amounts in their short form.
    pub fn few_would_fit(&self, group: GroupId, amounts: Few) -> Result<(), WouldFitRefusal> {
        if let Some(one) = amounts.alone() {
            return self.parts_would_fit(group, &[one]);
        }
        let mut parts = Parts::new();
        gather(amounts.several(), &mut parts);
        self.parts_would_fit(group, &parts)
    }

    #[inline]
    fn parts_would_fit(&self, group: GroupId, parts: &[Part]) -> Result<(), WouldFitRefusal> {
        let index = self.locate(group).ok_or(WouldFitRefusal::UnknownGroup)?;
        match climb::admit(self.groups, &self.bounds, index, NONE, parts) {
            Ok(_) => Ok(()),
            Err(Denied::Killing) => Err(WouldFitRefusal::Killing),
            Err(Denied::Short { group, kind, asked }) => {
                Err(WouldFitRefusal::Short(self.shortage(group, kind, asked)))
            }
        }
    }

    /// Charges every group from `index` up to, and without, `until`, or none of them.
    #[inline]
    pub(crate) fn charge_at(
        &mut self,
        index: u32,
        until: u32,
        amounts: &Amounts,
    ) -> Result<(), Refused> {
        self.charge_parts(index, until, &parts(amounts))
    }

    pub(crate) fn charge_parts(
        &mut self,
        index: u32,
        until: u32,
        parts: &[Part],
    ) -> Result<(), Refused> {
        // Short of the root only tasks are charged, which nobody is guaranteed.
        if until == NONE && !self.guarantees.is_empty() {
            return self.charge_guaranteed(index, parts);
        }
        self.charge_plainly(index, until, parts)
    }

    /// Gives back what was charged to a group and to all above it.
    #[inline]
    pub(crate) fn give_back(&mut self, index: u32, parts: &[Part]) {
        climb::lower(self.groups, index, NONE, parts);
        if !self.guarantees.is_empty() {
            self.refill(index);
        }
    }

    /// Charges, as if nobody were guaranteed anything.
    #[inline]
    pub(crate) fn charge_plainly(
        &mut self,
        index: u32,
        until: u32,
        parts: &[Part],
    ) -> Result<(), Refused> {
        match climb::charge(self.groups, &self.bounds, index, until, parts) {
            Ok(crosses) => {
                if crosses {
                    self.cross(index, until, parts);
                }
                Ok(())
            }
            Err(denied) => Err(self.refuse(denied)),
        }
    }

    /// Charges a group and all above it for records of groups below, or none of them.
    pub(crate) fn charge_records(
        &mut self,
        index: u32,
        groups: u32,
        bytes: u64,
    ) -> Result<(), Refused> {
        let parts = [
            (Resource::Groups, u64::from(groups)),
            (Resource::KernelMemory, bytes),
        ];
        match climb::charge(self.groups, &self.bounds, index, NONE, &parts) {
            Ok(crosses) => {
                climb::climb(self.groups, index, NONE, |slot| {
                    slot.note_records(groups, bytes);
                });
                if crosses {
                    self.cross(index, NONE, &parts);
                }
                Ok(())
            }
            Err(denied) => Err(self.refuse(denied)),
        }
    }

    /// Counts, and tells, every soft limit that a charge which has just been made has crossed upwards.
    #[cold]
    fn cross(&mut self, index: u32, until: u32, parts: &[Part]) {
        let mut here = index;
        while let Some(slot) = at(self.groups, here)
            && here != until
        {
            let (gate, above, usage) = (slot.gate, slot.parent, slot.usage);
            if gate.has_soft() {
                for &(kind, asked) in parts {
                    let used = usage.get(kind.index()).copied().unwrap_or_default();
                    self.cross_at(here, kind, used, asked);
                }
            }
            here = above;
        }
    }

    fn cross_at(&mut self, group: u32, kind: Resource, used: u64, asked: u64) {
        let place = self.slot(group).map_or(NONE, |slot| slot.gate.bounds());
        let Some(bound) = self.bounds.get_mut(place) else {
            return;
        };
        let soft = bound.soft.get(kind.index()).copied().unwrap_or(u64::MAX);
        let before = used.wrapping_sub(asked);
        if used <= soft || before > soft {
            return;
        }
        if let Some(count) = bound.crossings.get_mut(kind.index()) {
            *count = count.saturating_add(1);
        }
        let shortage = Shortage {
            resource: kind,
            group: Some(self.id(group)),
            limit: soft,
            used: before,
            asked,
        };
        self.tell(group, News::SoftLimit(hit(&shortage)));
    }

    /// What a group has too little of, for so much that was asked.
    fn shortage(&self, group: u32, kind: Resource, asked: u64) -> Shortage {
        let slot = self.slot(group);
        let bound = slot.and_then(|slot| self.bounds.get(slot.gate.bounds()));
        let of = |numbers: &Vector| numbers.get(kind.index()).copied();
        Shortage {
            resource: kind,
            group: Some(self.id(group)),
            // What no number holds, the root refuses without a limit.
            limit: bound.and_then(|it| of(&it.limit)).unwrap_or(u64::MAX),
            used: slot.and_then(|it| of(&it.usage)).unwrap_or_default(),
            asked,
        }
    }

    /// Counts a refusal at the limit that was in the way.
    #[cold]
    pub(crate) fn refuse(&mut self, denied: Denied) -> Refused {
        match denied {
            Denied::Killing => Refused::Killing,
            Denied::Short { group, kind, asked } => {
                let shortage = self.shortage(group, kind, asked);
                climb::climb(self.groups, group, NONE, |slot| {
                    slot.refusals_below = slot.refusals_below.wrapping_add(1);
                });
                let place = self.slot(group).map_or(NONE, |slot| slot.gate.bounds());
                // The root refuses sums that no number holds even without a limit; that is counted nowhere.
                if let Some(bound) = self.bounds.get_mut(place)
                    && let Some(count) = bound.refusals.get_mut(shortage.resource.index())
                {
                    *count = count.saturating_add(1);
                }
                self.tell(group, News::HardLimit(hit(&shortage)));
                Refused::Short(shortage)
            }
        }
    }
}

/// [`Ledger::charge_held`] for a few amounts.
struct ChargeHeld<'l, 'm>(&'l mut Ledger<'m>, GroupId);

#[expect(clippy::inline_always, reason = "the way that every page takes")]
impl Together for ChargeHeld<'_, '_> {
    type Output = Result<(), ChargeRefusal>;

    #[inline(always)]
    fn take<const N: usize>(self, parts: [Part; N]) -> Self::Output {
        let Self(ledger, group) = self;
        if !ledger.guarantees.is_empty() {
            return ledger.charge_parts_held(group, &parts);
        }
        let index = ledger.locate(group).ok_or(ChargeRefusal::UnknownGroup)?;
        match climb::charge_at_once(ledger.groups, &ledger.bounds, index, parts) {
            Ok(crosses) => {
                if let Some(slot) = at_mut(ledger.groups, index) {
                    hold_parts(&mut slot.holds, &parts);
                }
                if crosses {
                    ledger.cross(index, NONE, &parts);
                }
                Ok(())
            }
            Err(denied) => Err(ledger.refuse(denied).into()),
        }
    }
}

/// [`Ledger::release_held`] for a few amounts.
struct ReleaseHeld<'l, 'm>(&'l mut Ledger<'m>, GroupId);

#[expect(clippy::inline_always, reason = "the way that every page takes")]
impl Together for ReleaseHeld<'_, '_> {
    type Output = Result<(), ReleaseRefusal>;

    #[inline(always)]
    fn take<const N: usize>(self, parts: [Part; N]) -> Self::Output {
        let Self(ledger, group) = self;
        if !ledger.guarantees.is_empty() {
            return ledger.release_parts_held(group, &parts);
        }
        match ledger.take_held(group, &parts) {
            Ok(index) => {
                climb::lower_all(ledger.groups, index, NONE, parts);
                ledger.settle(index);
                Ok(())
            }
            Err(refusal) => Err(ledger.bad_release(refusal)),
        }
    }
}

/// A shortage as news.
pub(crate) const fn hit(shortage: &Shortage) -> Hit {
    Hit {
        resource: shortage.resource,
        limit: shortage.limit,
        used: shortage.used,
        asked: shortage.asked,
    }
}

/// Adds numbers whose sums are known to fit: everything held is part of what is used.
#[inline]
fn hold_parts(holds: &mut Vector, parts: &[Part]) {
    for &(kind, amount) in parts {
        if let Some(held) = holds.get_mut(kind.index()) {
            *held = held.wrapping_add(amount);
        }
    }
}

/// Why nothing was charged, after the refusal has been counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A group on the way up is being killed.
    Killing,
    /// A limit on the way up is in the way.
    Short(Shortage),
}

/// Every operation that charges can be refused for these two reasons.
macro_rules! refusals {
    ($($refusal:ident)+) => {
        $(impl From<Refused> for $refusal {
            fn from(refused: Refused) -> Self {
                match refused {
                    Refused::Killing => Self::Killing,
                    Refused::Short(shortage) => Self::Short(shortage),
                }
            }
        })+
    };
}

refusals!(ChargeRefusal GuaranteeRefusal TicketRefusal MoveRefusal OpenGroupRefusal SetRefusal GrantRefusal);
