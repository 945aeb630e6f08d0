//! Groups, their limits and their accounts. `None` for a group is the caller's own.

use interfaces::limits::{
    Account, CloseGroup, CloseGroupRefusal, Effective, EffectiveLimit, Enter, EnterRefusal,
    LabelText, ListChildren, ListTasks, Membership, OpenGroup, OpenGroupRefusal, Page, ReadAccount,
    ReadRefusal, ReadResource, ResourceAccount, SetLabel, SetLimit, SetRefusal, SetSoftLimit,
    WhoAmI, WouldFit, WouldFitRefusal,
};
use interfaces::{Amounts, CallError, GroupId, Limit, ProtocolError, Resource, TaskId};

use crate::server::{Server, call};

/// Which task and which group the caller is.
pub fn who_am_i() -> Result<Membership, ProtocolError> {
    match call(Server::Limits, &WhoAmI {}) {
        Ok(membership) => Ok(membership),
        Err(CallError::Refused(never)) => match never {},
        Err(CallError::Protocol(error)) => Err(error),
    }
}

/// Opens a group.
pub fn open_group(parent: Option<GroupId>) -> Result<GroupId, CallError<OpenGroupRefusal>> {
    call(Server::Limits, &OpenGroup { parent })
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

/// Moves the caller into a group at or below its own, never back.
pub fn enter(group: GroupId) -> Result<(), CallError<EnterRefusal>> {
    call(Server::Limits, &Enter { group })
}
