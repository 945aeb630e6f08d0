//! Groups, their limits and their accounts. `None` for a group is the caller's own.

use interfaces::limits::{
    Account, CloseGroup, CloseGroupRefusal, Effective, EffectiveLimit, Enter, EnterRefusal,
    FindChild, FindGroupRefusal, Freeze, GiveUp, Grant, GrantRefusal, Hold, Holdings, LabelText,
    ListChildren, ListRights, ListTasks, ListTombstones, Membership, MyRights, OpenGroup,
    OpenGroupRefusal, OwnRefusal, Owner, Page, ReadAccount, ReadFreeze, ReadOwner, ReadRefusal,
    ReadResource, ReadTombstone, ReadTotals, ReadUsage, RemoveGroup, RemoveRefusal, ResetPeaks,
    ResetRefusals, ResourceAccount, Revoke, RevokeRefusal, Rights, SetLabel, SetLimit, SetMode,
    SetOwner, SetRefusal, SetSoftLimit, Tombstone, TombstonePage, TombstoneRefusal, Totals, Unhold,
    WhoAmI, WouldFit, WouldFitRefusal,
};
use interfaces::limits::{Guaranteed, Never, Ping, ReadGuarantee};
use interfaces::{Amounts, CallError, GroupId, Limit, ProtocolError, Resource, TaskId};

use crate::server::{Server, call};

/// Whether the limits-server serves the caller. Nothing is asked and nothing answered: the least that a call costs.
pub fn ping() -> Result<(), ProtocolError> {
    unrefused(call(Server::Limits, &Ping {}))
}

/// Which task and which group the caller is.
pub fn who_am_i() -> Result<Membership, ProtocolError> {
    unrefused(call(Server::Limits, &WhoAmI {}))
}

/// The answer of an operation that is never refused.
fn unrefused<T>(answer: Result<T, CallError<Never>>) -> Result<T, ProtocolError> {
    answer.map_err(|error| match error {
        CallError::Refused(never) => match never {},
        CallError::Protocol(error) => error,
    })
}

/// Opens a group.
pub fn open_group(parent: Option<GroupId>) -> Result<GroupId, CallError<OpenGroupRefusal>> {
    loop {
        match call(Server::Limits, &OpenGroup { parent }) {
            Err(CallError::Refused(OpenGroupRefusal::NoRoomYet)) => {}
            opened => return opened,
        }
        // The ledger grows with the groups, and only the memory-server has memory for it.
        crate::memory::make_room().map_err(|refused| match refused {
            CallError::Refused(_) => CallError::Refused(OpenGroupRefusal::LedgerFull),
            CallError::Protocol(error) => CallError::Protocol(error),
        })?;
    }
}

/// Lets go of a group.
pub fn close_group(group: GroupId) -> Result<(), CallError<CloseGroupRefusal>> {
    call(Server::Limits, &CloseGroup { group })
}

/// Sets a hard limit.
pub fn set_limit(
    group: GroupId,
    resource: Resource,
    limit: Limit,
) -> Result<(), CallError<SetRefusal>> {
    call(
        Server::Limits,
        &SetLimit {
            group,
            resource,
            limit,
        },
    )
}

/// Sets a soft limit.
pub fn set_soft_limit(
    group: GroupId,
    resource: Resource,
    limit: Limit,
) -> Result<(), CallError<SetRefusal>> {
    call(
        Server::Limits,
        &SetSoftLimit {
            group,
            resource,
            limit,
        },
    )
}

/// Labels a group; what is longer than a label can be is cut.
pub fn set_label(group: GroupId, label: &str) -> Result<(), CallError<SetRefusal>> {
    call(
        Server::Limits,
        &SetLabel {
            group,
            label: LabelText::cut(label),
        },
    )
}

/// Reads everything about a group.
pub fn read_account(group: Option<GroupId>) -> Result<Account, CallError<ReadRefusal>> {
    call(Server::Limits, &ReadAccount { group })
}

/// Reads one kind's numbers.
pub fn read_resource(
    group: Option<GroupId>,
    resource: Resource,
) -> Result<ResourceAccount, CallError<ReadRefusal>> {
    call(Server::Limits, &ReadResource { group, resource })
}

/// Reads what a group uses now, of every kind.
pub fn read_usage(group: Option<GroupId>) -> Result<Amounts, CallError<ReadRefusal>> {
    call(Server::Limits, &ReadUsage { group })
}

/// A page of the groups directly below one.
pub fn list_children(
    group: Option<GroupId>,
    after: Option<GroupId>,
) -> Result<Page<GroupId>, CallError<ReadRefusal>> {
    call(Server::Limits, &ListChildren { group, after })
}

/// A page of the tasks directly in a group.
pub fn list_tasks(
    group: Option<GroupId>,
    after: Option<TaskId>,
) -> Result<Page<TaskId>, CallError<ReadRefusal>> {
    call(Server::Limits, &ListTasks { group, after })
}

/// The limit that binds in fact.
pub fn effective_limit(
    group: Option<GroupId>,
    resource: Resource,
) -> Result<Effective, CallError<ReadRefusal>> {
    call(Server::Limits, &EffectiveLimit { group, resource })
}

/// Whether a charge would be admitted now.
pub fn would_fit(
    group: Option<GroupId>,
    amounts: Amounts,
) -> Result<(), CallError<WouldFitRefusal>> {
    call(Server::Limits, &WouldFit { group, amounts })
}

/// Whether and how often a group is frozen.
pub fn read_freeze(group: Option<GroupId>) -> Result<Freeze, CallError<ReadRefusal>> {
    call(Server::Limits, &ReadFreeze { group })
}

/// Moves the caller into a group at or below its own, never back. Its threads keep their band until
/// [`adopt_band`](crate::process::adopt_band).
pub fn enter(group: GroupId) -> Result<(), CallError<EnterRefusal>> {
    call(Server::Limits, &Enter { group })
}

/// Hands rights on a group to a task.
pub fn grant(group: GroupId, task: TaskId, rights: Rights) -> Result<(), CallError<GrantRefusal>> {
    call(
        Server::Limits,
        &Grant {
            group,
            task,
            rights,
        },
    )
}

/// Takes rights on a group back from a task.
pub fn revoke(
    group: GroupId,
    task: TaskId,
    rights: Rights,
) -> Result<(), CallError<RevokeRefusal>> {
    call(
        Server::Limits,
        &Revoke {
            group,
            task,
            rights,
        },
    )
}

/// Gives up rights that the caller's own entries give it.
pub fn give_up(group: GroupId, rights: Rights) -> Result<(), CallError<RevokeRefusal>> {
    call(Server::Limits, &GiveUp { group, rights })
}

/// The entries of rights on a group.
pub fn list_rights(group: Option<GroupId>) -> Result<Holdings, CallError<ReadRefusal>> {
    call(Server::Limits, &ListRights { group })
}

/// What the caller may do to a group.
pub fn my_rights(group: Option<GroupId>) -> Result<Rights, CallError<ReadRefusal>> {
    call(Server::Limits, &MyRights { group })
}

/// Sets who owns a group.
pub fn set_owner(group: GroupId, uid: u32, gid: u32) -> Result<(), CallError<OwnRefusal>> {
    call(Server::Limits, &SetOwner { group, uid, gid })
}

/// Sets a group's mode.
pub fn set_mode(group: GroupId, mode: u16) -> Result<(), CallError<OwnRefusal>> {
    call(Server::Limits, &SetMode { group, mode })
}

/// Who owns a group, and its mode.
pub fn read_owner(group: Option<GroupId>) -> Result<Owner, CallError<ReadRefusal>> {
    call(Server::Limits, &ReadOwner { group })
}

/// Sets a group's peaks back to what is in use.
pub fn reset_peaks(group: GroupId) -> Result<(), CallError<SetRefusal>> {
    call(Server::Limits, &ResetPeaks { group })
}

/// Sets a group's counts of refusals back.
pub fn reset_refusals(group: GroupId) -> Result<(), CallError<SetRefusal>> {
    call(Server::Limits, &ResetRefusals { group })
}

/// Makes a group outlive whoever opened it.
pub fn hold(group: GroupId) -> Result<(), CallError<SetRefusal>> {
    call(Server::Limits, &Hold { group })
}

/// Lets a held group vanish when it is empty.
pub fn unhold(group: GroupId) -> Result<(), CallError<SetRefusal>> {
    call(Server::Limits, &Unhold { group })
}

/// Removes an empty group.
pub fn remove_group(group: GroupId) -> Result<(), CallError<RemoveRefusal>> {
    call(Server::Limits, &RemoveGroup { group })
}

/// The group with a label, directly below another.
pub fn find_child(
    parent: Option<GroupId>,
    label: &str,
) -> Result<GroupId, CallError<FindGroupRefusal>> {
    call(
        Server::Limits,
        &FindChild {
            parent,
            label: LabelText::cut(label),
        },
    )
}

/// What is remembered of a group that has vanished.
pub fn read_tombstone(group: GroupId) -> Result<Tombstone, CallError<TombstoneRefusal>> {
    call(Server::Limits, &ReadTombstone { group })
}

/// A page of the groups below one that have vanished.
pub fn list_tombstones(
    group: Option<GroupId>,
    after: u64,
) -> Result<TombstonePage, CallError<ReadRefusal>> {
    call(Server::Limits, &ListTombstones { group, after })
}

/// What a group has had in all.
pub fn read_totals(group: Option<GroupId>) -> Result<Totals, CallError<ReadRefusal>> {
    call(Server::Limits, &ReadTotals { group })
}

/// What a group is guaranteed; the caller's own if none is named. It is set by [`crate::memory::guarantee`].
pub fn read_guarantee(group: Option<GroupId>) -> Result<Guaranteed, CallError<ReadRefusal>> {
    call(Server::Limits, &ReadGuarantee { group })
}
