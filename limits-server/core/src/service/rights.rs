//! What clients ask about rights, owners, and what lasts: each operation named, and then done.

use interfaces::limits::{
    FindChild, FindGroupRefusal, GiveUp, Grant, GrantRefusal, Hold, Holdings, ListRights,
    ListTombstones, MyRights, OwnRefusal, Owner, ReadOwner, ReadRefusal, ReadTombstone, ReadTotals,
    RemoveGroup, RemoveRefusal, ResetPeaks, ResetRefusals, Revoke, RevokeRefusal, Rights, SetMode,
    SetOwner, SetRefusal, Tombstone, TombstonePage, TombstoneRefusal, Totals, Unhold,
};
use interfaces::{Caller, GroupId};

use super::LimitsServer;
use crate::access::{Forbidden, Viewer};
use crate::needs::Operation;

impl LimitsServer<'_> {
    /// The caller, if it may do something to a group.
    #[inline]
    pub(super) fn permitted(
        &self,
        caller: Caller,
        group: GroupId,
        operation: Operation,
    ) -> Result<Viewer, Forbidden> {
        let viewer = self.viewer(caller).ok_or(Forbidden::Unseen)?;
        self.ledger.may(viewer, group, operation)?;
        Ok(viewer)
    }

    pub(super) fn grant_rights(
        &mut self,
        caller: Caller,
        request: Grant,
    ) -> Result<(), GrantRefusal> {
        let Grant {
            group,
            task,
            rights,
        } = request;
        let viewer = self.viewer(caller).ok_or(GrantRefusal::UnknownGroup)?;
        if !self
            .ledger
            .rights_to_hand_on(viewer, group)
            .contains(rights)
            || rights.is_none()
        {
            return Err(if self.ledger.may_see(viewer, group) {
                GrantRefusal::NotYours
            } else {
                GrantRefusal::UnknownGroup
            });
        }
        if !self.ledger.may_see_task(viewer, task) {
            return Err(GrantRefusal::UnknownTask);
        }
        self.ledger
            .grant(group, viewer.task, task, rights)
            .map_err(|refusal| match refusal {
                GrantRefusal::Short(short) => {
                    GrantRefusal::Short(self.ledger.shortage_for(viewer, short))
                }
                other => other,
            })
    }

    pub(super) fn revoke_rights(
        &mut self,
        caller: Caller,
        request: Revoke,
    ) -> Result<(), RevokeRefusal> {
        let viewer = self.viewer(caller).ok_or(RevokeRefusal::UnknownGroup)?;
        let above = self
            .ledger
            .is_below(request.group, viewer.task)
            .unwrap_or_default();
        let giver = (!above).then_some(viewer.task);
        let seen = self.ledger.may_see(viewer, request.group);
        self.ledger
            .revoke(request.group, request.task, request.rights, giver)
            .map_err(|refusal| {
                if seen {
                    refusal
                } else {
                    RevokeRefusal::UnknownGroup
                }
            })
    }

    pub(super) fn give_rights_up(
        &mut self,
        caller: Caller,
        request: GiveUp,
    ) -> Result<(), RevokeRefusal> {
        let viewer = self.viewer(caller).ok_or(RevokeRefusal::UnknownGroup)?;
        let seen = self.ledger.may_see(viewer, request.group);
        self.ledger
            .revoke(request.group, viewer.task, request.rights, None)
            .map_err(|refusal| {
                if seen {
                    refusal
                } else {
                    RevokeRefusal::UnknownGroup
                }
            })
    }

    pub(super) fn rights_listed(
        &self,
        caller: Caller,
        request: ListRights,
    ) -> Result<Holdings, ReadRefusal> {
        let (viewer, group) = self
            .seen(caller, request.group)
            .ok_or(ReadRefusal::UnknownGroup)?;
        self.ledger
            .holdings(viewer, group)
            .ok_or(ReadRefusal::UnknownGroup)
    }

    pub(super) fn rights_of_caller(
        &self,
        caller: Caller,
        request: MyRights,
    ) -> Result<Rights, ReadRefusal> {
        let viewer = self.viewer(caller).ok_or(ReadRefusal::UnknownGroup)?;
        let group = request.group.unwrap_or(viewer.home);
        let rights = self.ledger.rights(viewer, group);
        if rights.is_none() {
            return Err(ReadRefusal::UnknownGroup);
        }
        Ok(rights)
    }

    pub(super) fn own(&mut self, caller: Caller, request: SetOwner) -> Result<(), OwnRefusal> {
        let SetOwner { group, uid, gid } = request;
        self.permitted(caller, group, Operation::SetOwner)?;
        self.ledger.set_owner(group, uid, gid)
    }

    pub(super) fn change_mode(
        &mut self,
        caller: Caller,
        request: SetMode,
    ) -> Result<(), OwnRefusal> {
        self.permitted(caller, request.group, Operation::SetMode)?;
        self.ledger.set_mode(request.group, request.mode)
    }

    pub(super) fn owner_of(
        &self,
        caller: Caller,
        request: ReadOwner,
    ) -> Result<Owner, ReadRefusal> {
        let (_, group) = self
            .seen(caller, request.group)
            .ok_or(ReadRefusal::UnknownGroup)?;
        self.ledger.owner(group).ok_or(ReadRefusal::UnknownGroup)
    }

    pub(super) fn peaks_back(
        &mut self,
        caller: Caller,
        request: ResetPeaks,
    ) -> Result<(), SetRefusal> {
        self.permitted(caller, request.group, Operation::ResetPeaks)?;
        self.ledger.reset_peaks(request.group)
    }

    pub(super) fn refusals_back(
        &mut self,
        caller: Caller,
        request: ResetRefusals,
    ) -> Result<(), SetRefusal> {
        self.permitted(caller, request.group, Operation::ResetRefusals)?;
        self.ledger.reset_refusals(request.group)
    }

    pub(super) fn keep(&mut self, caller: Caller, request: Hold) -> Result<(), SetRefusal> {
        self.permitted(caller, request.group, Operation::Hold)?;
        self.ledger.set_held(request.group, true)
    }

    pub(super) fn keep_no_more(
        &mut self,
        caller: Caller,
        request: Unhold,
    ) -> Result<(), SetRefusal> {
        self.permitted(caller, request.group, Operation::Unhold)?;
        self.ledger.set_held(request.group, false)
    }

    pub(super) fn remove(
        &mut self,
        caller: Caller,
        request: RemoveGroup,
    ) -> Result<(), RemoveRefusal> {
        self.permitted(caller, request.group, Operation::Remove)?;
        self.ledger.remove_group(request.group)
    }

    pub(super) fn child_found(
        &self,
        caller: Caller,
        request: &FindChild,
    ) -> Result<GroupId, FindGroupRefusal> {
        let (_, parent) = self
            .seen(caller, request.parent)
            .ok_or(FindGroupRefusal::UnknownGroup)?;
        self.ledger
            .find_child(parent, &request.label)
            .ok_or(FindGroupRefusal::NotFound)
    }

    pub(super) fn remembered(
        &self,
        caller: Caller,
        request: ReadTombstone,
    ) -> Result<Tombstone, TombstoneRefusal> {
        let viewer = self.viewer(caller).ok_or(TombstoneRefusal::Unknown)?;
        self.ledger.tombstone(viewer, request.group)
    }

    pub(super) fn remembered_below(
        &self,
        caller: Caller,
        request: ListTombstones,
    ) -> Result<TombstonePage, ReadRefusal> {
        let (_, group) = self
            .seen(caller, request.group)
            .ok_or(ReadRefusal::UnknownGroup)?;
        self.ledger.tombstones(group, request.after)
    }

    pub(super) fn totals_of(
        &self,
        caller: Caller,
        request: ReadTotals,
    ) -> Result<Totals, ReadRefusal> {
        let (_, group) = self
            .seen(caller, request.group)
            .ok_or(ReadRefusal::UnknownGroup)?;
        self.ledger.totals(group).ok_or(ReadRefusal::UnknownGroup)
    }
}
