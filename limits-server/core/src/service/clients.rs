//! What clients ask: every operation as the caller may see it, no policy of its own.

use interfaces::accounting::MoveRefusal;
use interfaces::events::{
    ReadSnapshot, SnapshotPage, SnapshotRefusal, Unwatch, Watch, WatchRefusal, Watching,
};
use interfaces::limits::{
    Account, AccountView, CloseGroup, CloseGroupRefusal, Effective, EffectiveLimit, Enter,
    EnterRefusal, FindChild, FindGroupRefusal, Freeze, GiveUp, Grant, GrantRefusal, Guaranteed,
    Hold, Holdings, ListChildren, ListRights, ListTasks, ListTombstones, Membership, MyRights,
    Never, OpenGroup, OpenGroupRefusal, OwnRefusal, Owner, Page, Ping, ReadAccount, ReadFreeze,
    ReadGuarantee, ReadOwner, ReadRefusal, ReadResource, ReadTombstone, ReadTotals, ReadUsage,
    RemoveGroup, RemoveRefusal, ResetPeaks, ResetRefusals, ResourceAccount, Revoke, RevokeRefusal,
    Rights, Server, SetLabel, SetLimit, SetMode, SetOwner, SetRefusal, SetSoftLimit, Tombstone,
    TombstonePage, TombstoneRefusal, Totals, Unhold, WhoAmI, WouldFew, WouldFit, WouldFitRefusal,
};
use interfaces::{Amounts, Caller, GroupId, Limit, TaskId};

use super::LimitsServer;
use crate::access::Viewer;
use crate::needs::Operation;

impl LimitsServer<'_> {
    /// The caller, and the group it means: its own if it named none. Nothing if it may not see that group.
    #[inline]
    pub(super) fn seen(&self, caller: Caller, group: Option<GroupId>) -> Option<(Viewer, GroupId)> {
        let viewer = self.viewer(caller)?;
        let group = group.unwrap_or(viewer.home);
        self.ledger
            .may_see(viewer, group)
            .then_some((viewer, group))
    }

    /// The caller, if it may set a limit: lowering is one right, raising another.
    fn limiter(
        &self,
        caller: Caller,
        group: GroupId,
        before: Option<Limit>,
        after: Limit,
    ) -> Result<Viewer, SetRefusal> {
        let operation = match before {
            Some(before) if after.bound() > before.bound() => Operation::RaiseLimit,
            _ => Operation::LowerLimit,
        };
        Ok(self.permitted(caller, group, operation)?)
    }

    /// As much of a refusal as the viewer may see.
    #[cold]
    fn told_to(&self, viewer: Viewer, refusal: WouldFitRefusal) -> WouldFitRefusal {
        match refusal {
            WouldFitRefusal::Short(short) => {
                WouldFitRefusal::Short(self.ledger.shortage_for(viewer, short))
            }
            other => other,
        }
    }

    /// A group's account as the caller may see it.
    #[inline]
    fn account_of(
        &self,
        caller: Caller,
        request: ReadAccount,
    ) -> Result<AccountView<'_>, ReadRefusal> {
        let account = self
            .seen(caller, request.group)
            .and_then(|(viewer, group)| self.ledger.account_for(viewer, group));
        account.ok_or(ReadRefusal::UnknownGroup)
    }

    fn set_for(&self, viewer: Viewer, answer: Result<(), SetRefusal>) -> Result<(), SetRefusal> {
        answer.map_err(|refusal| match refusal {
            SetRefusal::Short(short) => SetRefusal::Short(self.ledger.shortage_for(viewer, short)),
            other => other,
        })
    }
}

impl Server for LimitsServer<'_> {
    fn open_group(
        &mut self,
        caller: Caller,
        request: OpenGroup,
    ) -> Result<GroupId, OpenGroupRefusal> {
        let viewer = self.viewer(caller).ok_or(OpenGroupRefusal::UnknownGroup)?;
        let parent = request.parent.unwrap_or(viewer.home);
        self.ledger.may(viewer, parent, Operation::OpenIn)?;
        let opened = self.ledger.open_group(parent, Some(viewer.task));
        opened.map_err(|refusal| match refusal {
            OpenGroupRefusal::Short(short) => {
                OpenGroupRefusal::Short(self.ledger.shortage_for(viewer, short))
            }
            other => other,
        })
    }

    fn close_group(
        &mut self,
        caller: Caller,
        request: CloseGroup,
    ) -> Result<(), CloseGroupRefusal> {
        let viewer = self.viewer(caller).ok_or(CloseGroupRefusal::UnknownGroup)?;
        // Who holds on to a group may let go of it from wherever it has been moved to since.
        let seen = self.ledger.may_see(viewer, request.group);
        self.ledger
            .close_group(request.group, viewer.task)
            .map_err(|refusal| {
                if seen {
                    refusal
                } else {
                    CloseGroupRefusal::UnknownGroup
                }
            })
    }

    fn set_limit(&mut self, caller: Caller, request: SetLimit) -> Result<(), SetRefusal> {
        let before = self.ledger.resource(request.group, request.resource);
        let before = before.map(|account| account.limit);
        let viewer = self.limiter(caller, request.group, before, request.limit)?;
        let answer = self
            .ledger
            .set_limit(request.group, request.resource, request.limit);
        self.set_for(viewer, answer)
    }

    fn set_soft_limit(&mut self, caller: Caller, request: SetSoftLimit) -> Result<(), SetRefusal> {
        let before = self.ledger.resource(request.group, request.resource);
        let before = before.map(|account| account.soft);
        let viewer = self.limiter(caller, request.group, before, request.limit)?;
        let answer = self
            .ledger
            .set_soft_limit(request.group, request.resource, request.limit);
        self.set_for(viewer, answer)
    }

    fn set_label(&mut self, caller: Caller, request: SetLabel) -> Result<(), SetRefusal> {
        let viewer = self.permitted(caller, request.group, Operation::SetLabel)?;
        let answer = self.ledger.set_label(request.group, &request.label);
        self.set_for(viewer, answer)
    }

    fn read_account(
        &mut self,
        caller: Caller,
        request: ReadAccount,
    ) -> Result<Account, ReadRefusal> {
        self.account_of(caller, request).map(|view| view.account())
    }

    #[inline(never)]
    fn lay_account_out(
        &mut self,
        caller: Caller,
        request: ReadAccount,
        reply: &mut [u8],
    ) -> Option<usize> {
        self.account_of(caller, request).ok()?.lay_out(reply)
    }

    fn read_resource(
        &mut self,
        caller: Caller,
        request: ReadResource,
    ) -> Result<ResourceAccount, ReadRefusal> {
        let (_, group) = self
            .seen(caller, request.group)
            .ok_or(ReadRefusal::UnknownGroup)?;
        self.ledger
            .resource(group, request.resource)
            .ok_or(ReadRefusal::UnknownGroup)
    }

    fn read_usage(&mut self, caller: Caller, request: ReadUsage) -> Result<Amounts, ReadRefusal> {
        self.seen(caller, request.group)
            .and_then(|(_, group)| self.ledger.usage(group))
            .ok_or(ReadRefusal::UnknownGroup)
    }

    fn list_children(
        &mut self,
        caller: Caller,
        request: ListChildren,
    ) -> Result<Page<GroupId>, ReadRefusal> {
        let (_, group) = self
            .seen(caller, request.group)
            .ok_or(ReadRefusal::UnknownGroup)?;
        self.ledger.list_children(group, request.after)
    }

    fn list_tasks(
        &mut self,
        caller: Caller,
        request: ListTasks,
    ) -> Result<Page<TaskId>, ReadRefusal> {
        let (_, group) = self
            .seen(caller, request.group)
            .ok_or(ReadRefusal::UnknownGroup)?;
        self.ledger.list_tasks(group, request.after)
    }

    fn effective_limit(
        &mut self,
        caller: Caller,
        request: EffectiveLimit,
    ) -> Result<Effective, ReadRefusal> {
        let (viewer, group) = self
            .seen(caller, request.group)
            .ok_or(ReadRefusal::UnknownGroup)?;
        let effective = self
            .ledger
            .effective_limit(group, request.resource)
            .ok_or(ReadRefusal::UnknownGroup)?;
        Ok(self.ledger.effective_for(viewer, effective))
    }

    fn would_fit(&mut self, caller: Caller, request: WouldFit) -> Result<(), WouldFitRefusal> {
        let (viewer, group) = self
            .seen(caller, request.group)
            .ok_or(WouldFitRefusal::UnknownGroup)?;
        let answer = self.ledger.would_fit(group, &request.amounts);
        answer.map_err(|refusal| self.told_to(viewer, refusal))
    }

    fn would_few(&mut self, caller: Caller, request: WouldFew) -> Result<(), WouldFitRefusal> {
        let WouldFew { group, amounts } = request;
        let (viewer, group) = self
            .seen(caller, group)
            .ok_or(WouldFitRefusal::UnknownGroup)?;
        let answer = self.ledger.few_would_fit(group, amounts);
        answer.map_err(|refusal| self.told_to(viewer, refusal))
    }

    fn ping(&mut self, _: Caller, _: Ping) -> Result<(), Never> {
        Ok(())
    }

    fn who_am_i(&mut self, caller: Caller, _: WhoAmI) -> Result<Membership, Never> {
        let viewer = self.viewer(caller);
        // The door lets no caller through that is not in the register; there is no way to refuse one here.
        Ok(viewer.map_or(
            Membership {
                task: TaskId {
                    index: u32::MAX,
                    generation: 0,
                },
                group: GroupId::ROOT,
            },
            |viewer| Membership {
                task: viewer.task,
                group: viewer.home,
            },
        ))
    }

    fn watch(&mut self, caller: Caller, request: Watch) -> Result<Watching, WatchRefusal> {
        let viewer = self.viewer(caller).ok_or(WatchRefusal::UnknownRing)?;
        let group = request.group.unwrap_or(viewer.home);
        self.ledger
            .watch(viewer, request.ring, group, request.kinds)
    }

    fn unwatch(&mut self, caller: Caller, request: Unwatch) -> Result<(), WatchRefusal> {
        let viewer = self.viewer(caller).ok_or(WatchRefusal::UnknownRing)?;
        self.ledger.unwatch(viewer.task, request.ring)
    }

    fn read_snapshot(
        &mut self,
        caller: Caller,
        request: ReadSnapshot,
    ) -> Result<SnapshotPage, SnapshotRefusal> {
        let viewer = self.viewer(caller).ok_or(SnapshotRefusal::UnknownRing)?;
        self.ledger.read_snapshot(viewer.task, request.ring)
    }

    fn read_freeze(&mut self, caller: Caller, request: ReadFreeze) -> Result<Freeze, ReadRefusal> {
        let (_, group) = self
            .seen(caller, request.group)
            .ok_or(ReadRefusal::UnknownGroup)?;
        self.ledger.frozen(group).ok_or(ReadRefusal::UnknownGroup)
    }

    fn read_guarantee(
        &mut self,
        caller: Caller,
        request: ReadGuarantee,
    ) -> Result<Guaranteed, ReadRefusal> {
        let (_, group) = self
            .seen(caller, request.group)
            .ok_or(ReadRefusal::UnknownGroup)?;
        self.ledger
            .guaranteed(group)
            .ok_or(ReadRefusal::UnknownGroup)
    }

    fn enter(&mut self, caller: Caller, request: Enter) -> Result<(), EnterRefusal> {
        let viewer = self.viewer(caller).ok_or(EnterRefusal::UnknownGroup)?;
        if !self.ledger.may_enter(viewer, request.group) {
            return Err(EnterRefusal::UnknownGroup);
        }
        match self.ledger.move_task(viewer.task, request.group) {
            Ok(_) => Ok(()),
            Err(MoveRefusal::UnknownGroup | MoveRefusal::UnknownTask) => {
                Err(EnterRefusal::UnknownGroup)
            }
            // Nobody else asked for it, so no right was lacking.
            Err(MoveRefusal::Killing | MoveRefusal::NotYours) => Err(EnterRefusal::Killing),
            Err(MoveRefusal::Frozen) => Err(EnterRefusal::Frozen),
            Err(MoveRefusal::Short(short)) => {
                Err(EnterRefusal::Short(self.ledger.shortage_for(viewer, short)))
            }
        }
    }

    fn grant(&mut self, caller: Caller, request: Grant) -> Result<(), GrantRefusal> {
        self.grant_rights(caller, request)
    }

    fn revoke(&mut self, caller: Caller, request: Revoke) -> Result<(), RevokeRefusal> {
        self.revoke_rights(caller, request)
    }

    fn give_up(&mut self, caller: Caller, request: GiveUp) -> Result<(), RevokeRefusal> {
        self.give_rights_up(caller, request)
    }

    fn list_rights(
        &mut self,
        caller: Caller,
        request: ListRights,
    ) -> Result<Holdings, ReadRefusal> {
        self.rights_listed(caller, request)
    }

    fn my_rights(&mut self, caller: Caller, request: MyRights) -> Result<Rights, ReadRefusal> {
        self.rights_of_caller(caller, request)
    }

    fn set_owner(&mut self, caller: Caller, request: SetOwner) -> Result<(), OwnRefusal> {
        self.own(caller, request)
    }

    fn set_mode(&mut self, caller: Caller, request: SetMode) -> Result<(), OwnRefusal> {
        self.change_mode(caller, request)
    }

    fn read_owner(&mut self, caller: Caller, request: ReadOwner) -> Result<Owner, ReadRefusal> {
        self.owner_of(caller, request)
    }

    fn reset_peaks(&mut self, caller: Caller, request: ResetPeaks) -> Result<(), SetRefusal> {
        self.peaks_back(caller, request)
    }

    fn reset_refusals(&mut self, caller: Caller, request: ResetRefusals) -> Result<(), SetRefusal> {
        self.refusals_back(caller, request)
    }

    fn hold(&mut self, caller: Caller, request: Hold) -> Result<(), SetRefusal> {
        self.keep(caller, request)
    }

    fn unhold(&mut self, caller: Caller, request: Unhold) -> Result<(), SetRefusal> {
        self.keep_no_more(caller, request)
    }

    fn remove_group(&mut self, caller: Caller, request: RemoveGroup) -> Result<(), RemoveRefusal> {
        self.remove(caller, request)
    }

    fn find_child(
        &mut self,
        caller: Caller,
        request: FindChild,
    ) -> Result<GroupId, FindGroupRefusal> {
        self.child_found(caller, &request)
    }

    fn read_tombstone(
        &mut self,
        caller: Caller,
        request: ReadTombstone,
    ) -> Result<Tombstone, TombstoneRefusal> {
        self.remembered(caller, request)
    }

    fn list_tombstones(
        &mut self,
        caller: Caller,
        request: ListTombstones,
    ) -> Result<TombstonePage, ReadRefusal> {
        self.remembered_below(caller, request)
    }

    fn read_totals(&mut self, caller: Caller, request: ReadTotals) -> Result<Totals, ReadRefusal> {
        self.totals_of(caller, request)
    }
}
