//! What clients ask: every operation as the caller may see it, no policy of its own.

use interfaces::accounting::MoveRefusal;
use interfaces::limits::{
    Account, CloseGroup, CloseGroupRefusal, Effective, EffectiveLimit, Enter, EnterRefusal,
    ListChildren, ListTasks, Membership, Never, OpenGroup, OpenGroupRefusal, Page, ReadAccount,
    ReadRefusal, ReadResource, ResourceAccount, Server, SetLabel, SetLimit, SetRefusal,
    SetSoftLimit, WhoAmI, WouldFit, WouldFitRefusal,
};
use interfaces::{Caller, GroupId, TaskId};

use super::LimitsServer;
use crate::access::{Forbidden, Viewer};

impl LimitsServer<'_> {
    /// The caller, and the group it means: its own if it named none. Nothing if it may not see that group.
    #[inline]
    fn seen(&self, caller: Caller, group: Option<GroupId>) -> Option<(Viewer, GroupId)> {
        let viewer = self.viewer(caller)?;
        let group = group.unwrap_or(viewer.home);
        self.ledger
            .may_see(viewer, group)
            .then_some((viewer, group))
    }

    /// The caller, if it is above the group, or opened it and has not let go of it.
    fn setter(&self, caller: Caller, group: GroupId) -> Result<Viewer, SetRefusal> {
        let viewer = self.viewer(caller).ok_or(SetRefusal::UnknownGroup)?;
        match self.ledger.may_change(viewer, group) {
            Ok(()) => Ok(viewer),
            Err(Forbidden::Unseen) => Err(SetRefusal::UnknownGroup),
            Err(Forbidden::NotAbove) if self.ledger.holds_open(viewer.task, group) => Ok(viewer),
            Err(Forbidden::NotAbove) => Err(SetRefusal::NotYours),
        }
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
        if !self.ledger.may_open_in(viewer, parent) {
            return Err(OpenGroupRefusal::UnknownGroup);
        }
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
        let viewer = self.setter(caller, request.group)?;
        let answer = self
            .ledger
            .set_limit(request.group, request.resource, request.limit);
        self.set_for(viewer, answer)
    }

    fn set_soft_limit(&mut self, caller: Caller, request: SetSoftLimit) -> Result<(), SetRefusal> {
        let viewer = self.setter(caller, request.group)?;
        let answer = self
            .ledger
            .set_soft_limit(request.group, request.resource, request.limit);
        self.set_for(viewer, answer)
    }

    fn set_label(&mut self, caller: Caller, request: SetLabel) -> Result<(), SetRefusal> {
        let viewer = self.setter(caller, request.group)?;
        let answer = self.ledger.set_label(request.group, &request.label);
        self.set_for(viewer, answer)
    }

    fn read_account(
        &mut self,
        caller: Caller,
        request: ReadAccount,
    ) -> Result<Account, ReadRefusal> {
        let (viewer, group) = self
            .seen(caller, request.group)
            .ok_or(ReadRefusal::UnknownGroup)?;
        let account = self
            .ledger
            .account(group)
            .ok_or(ReadRefusal::UnknownGroup)?;
        Ok(self.ledger.account_for(viewer, account))
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
        self.ledger
            .would_fit(group, &request.amounts)
            .map_err(|refusal| match refusal {
                WouldFitRefusal::Short(short) => {
                    WouldFitRefusal::Short(self.ledger.shortage_for(viewer, short))
                }
                other => other,
            })
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

    fn enter(&mut self, caller: Caller, request: Enter) -> Result<(), EnterRefusal> {
        let viewer = self.viewer(caller).ok_or(EnterRefusal::UnknownGroup)?;
        // The rule for opening in a group is the rule for going there: one's own or below, also for an operator.
        if !self.ledger.may_open_in(viewer, request.group) {
            return Err(EnterRefusal::UnknownGroup);
        }
        match self.ledger.move_task(viewer.task, request.group) {
            Ok(_) => Ok(()),
            Err(MoveRefusal::UnknownGroup | MoveRefusal::UnknownTask) => {
                Err(EnterRefusal::UnknownGroup)
            }
            Err(MoveRefusal::Killing) => Err(EnterRefusal::Killing),
            Err(MoveRefusal::Short(short)) => {
                Err(EnterRefusal::Short(self.ledger.shortage_for(viewer, short)))
            }
        }
    }
}
