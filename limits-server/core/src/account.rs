//! What can be read in the ledger. Nothing here changes anything.

use interfaces::limits::{
    Account, AccountView, Effective, GroupState, Owner, PAGE, Page, ReadRefusal, ResourceAccount,
    Totals,
};
use interfaces::{Amounts, GroupId, Limit, Resource, TaskId};

use crate::group::{GroupSlot, records};
use crate::ledger::Ledger;
use crate::list::{NONE, at};

impl Ledger<'_> {
    /// Everything about a group.
    #[must_use]
    pub fn account(&self, group: GroupId) -> Option<Account> {
        self.account_view(group).map(|view| view.account())
    }

    /// The same where it stands.
    #[inline]
    #[must_use]
    pub fn account_view(&self, group: GroupId) -> Option<AccountView<'_>> {
        let slot = self.live(group)?;
        let bound = self.bounds.get(slot.gate.bounds());
        let label = self.labels.get(slot.label);
        Some(AccountView {
            group,
            parent: self.slot(slot.parent).map(|_| self.id(slot.parent)),
            label: label.map_or("", |label| label.text.as_str()),
            state: self.state_of(group.index),
            band: slot.band,
            tasks_here: slot.tasks,
            children: slot.children,
            usage: &slot.usage,
            past_peak: &slot.past_peak,
            bounds: bound.map(|bound| (&bound.limit, &bound.refusals)),
        })
    }

    /// One kind's numbers of a group.
    #[must_use]
    pub fn resource(&self, group: GroupId, kind: Resource) -> Option<ResourceAccount> {
        let slot = self.live(group)?;
        let number = |numbers: &[u64]| numbers.get(kind.index()).copied().unwrap_or_default();
        let usage = number(&slot.usage);
        let bound = self.bounds.get(slot.gate.bounds());
        Some(ResourceAccount {
            usage,
            peak: usage.max(number(&slot.past_peak)),
            limit: bound.map_or(Limit::Max, |bound| Limit::from_bound(number(&bound.limit))),
            soft: bound.map_or(Limit::Max, |bound| Limit::from_bound(number(&bound.soft))),
            refusals: bound.map_or(0, |bound| number(&bound.refusals)),
        })
    }

    /// What a group uses now, it and all below it.
    #[inline]
    #[must_use]
    pub fn usage(&self, group: GroupId) -> Option<Amounts> {
        self.live(group).map(|slot| Amounts::from(slot.usage))
    }

    /// What a group has had in all.
    #[must_use]
    pub fn totals(&self, group: GroupId) -> Option<Totals> {
        let slot = self.live(group)?;
        let bound = self.bounds.get(slot.gate.bounds());
        Some(Totals {
            charged: slot.charged.into(),
            refusals: slot.refusals_below,
            crossings: bound.map_or(Amounts::NONE, |bound| bound.crossings.into()),
        })
    }

    /// Who owns a group, and its mode.
    #[must_use]
    pub fn owner(&self, group: GroupId) -> Option<Owner> {
        let slot = self.live(group)?;
        Some(Owner {
            uid: slot.uid,
            gid: slot.gid,
            mode: slot.mode,
        })
    }

    /// The limit that binds a group in fact: of its own and those above, the one that leaves least.
    #[must_use]
    pub fn effective_limit(&self, group: GroupId, kind: Resource) -> Option<Effective> {
        let mut here = self.locate(group)?;
        let mut found = Effective {
            left: Limit::Max,
            limit: Limit::Max,
            group: None,
        };
        while let Some(slot) = self.slot(here) {
            if let Some(bound) = self.bounds.get(slot.gate.bounds())
                && let (Some(&limit), Some(&used)) =
                    (bound.limit.get(kind.index()), slot.usage.get(kind.index()))
                && limit != u64::MAX
            {
                let left = limit.saturating_sub(used);
                if left < found.left.bound() {
                    found.left = Limit::At(left);
                    found.group = Some(self.id(here));
                }
                found.limit = Limit::from_bound(limit.min(found.limit.bound()));
            }
            here = slot.parent;
        }
        Some(found)
    }

    /// What a group itself has been charged, without what is charged to groups below it.
    ///
    /// A walk over the groups directly below: for audits.
    #[must_use]
    pub fn own_usage(&self, group: GroupId) -> Option<Amounts> {
        let slot = self.live(group)?;
        let mut own = Amounts::from(slot.usage);
        for child in self.children_of(slot) {
            let below = at(self.groups, child).map(|slot| Amounts::from(slot.usage));
            own = own.checked_sub(&below.unwrap_or_default())?;
        }
        Some(own)
    }

    /// What the records of the groups directly below a group cost it, counted from the tree and not from the charges, and
    /// what is set aside for the group.
    ///
    /// A walk over the groups directly below: for audits.
    #[must_use]
    pub fn own_records(&self, group: GroupId) -> Option<Amounts> {
        let slot = self.live(group)?;
        let (mut count, mut bytes) = (0_u32, 0_u64);
        for child in self.children_of(slot) {
            count = count.saturating_add(1);
            bytes = bytes.saturating_add(self.record_bytes(child));
        }
        let left = self.guarantees.left(slot);
        records(count, bytes).checked_add(&Amounts::of(Resource::Commit, left))
    }

    /// A page of the groups directly below one, oldest first.
    pub fn list_children(
        &self,
        group: GroupId,
        after: Option<GroupId>,
    ) -> Result<Page<GroupId>, ReadRefusal> {
        let slot = self.live(group).ok_or(ReadRefusal::UnknownGroup)?;
        let first = match after {
            None => slot.first_child,
            Some(after) => {
                let before = self.live(after).ok_or(ReadRefusal::Stale)?;
                if before.parent != group.index {
                    return Err(ReadRefusal::Stale);
                }
                before.siblings.next
            }
        };
        let next = |&index: &u32| self.slot(index).map(|slot| slot.siblings.next);
        Ok(page(first, next, |index| self.id(index)))
    }

    /// A page of the tasks directly in a group, oldest first.
    pub fn list_tasks(
        &self,
        group: GroupId,
        after: Option<TaskId>,
    ) -> Result<Page<TaskId>, ReadRefusal> {
        let slot = self.live(group).ok_or(ReadRefusal::UnknownGroup)?;
        let first = match after {
            None => slot.first_task,
            Some(after) => {
                let before = self.known(after).and_then(|index| at(self.tasks, index));
                let before = before.ok_or(ReadRefusal::Stale)?;
                if before.group != group.index {
                    return Err(ReadRefusal::Stale);
                }
                before.neighbours.next
            }
        };
        let next = |&index: &u32| at(self.tasks, index).map(|task| task.neighbours.next);
        Ok(page(first, next, |index| self.task_id(index)))
    }

    /// The state of the group in a place: what it or a group above it is.
    pub(crate) fn state_of(&self, index: u32) -> GroupState {
        if self.is_closed(index) {
            GroupState::Killing
        } else if self.is_frozen(index) {
            GroupState::Frozen
        } else {
            GroupState::Live
        }
    }

    fn live(&self, group: GroupId) -> Option<&GroupSlot> {
        self.locate(group).and_then(|index| self.slot(index))
    }

    fn children_of(&self, slot: &GroupSlot) -> impl Iterator<Item = u32> + '_ {
        let next = |&index: &u32| self.slot(index).map(|slot| slot.siblings.next);
        core::iter::successors(Some(slot.first_child), next)
            .take_while(|&index| index != NONE)
            .take(self.groups.len())
    }
}

/// The first [`PAGE`] elements of a list.
fn page<T>(first: u32, next: impl Fn(&u32) -> Option<u32>, id: impl Fn(u32) -> T) -> Page<T> {
    let mut list = core::iter::successors(Some(first), next).take_while(|&index| index != NONE);
    let items = list.by_ref().take(PAGE).map(id).collect();
    Page {
        items,
        more: list.next().is_some(),
    }
}
