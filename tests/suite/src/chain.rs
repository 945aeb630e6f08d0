//! A chain of groups, each in the one before.

use client::interfaces::{GroupId, Limit, Resource};
use client::limits;

use crate::failure::Failure;

/// How long the chain is.
pub const LEVELS: usize = 16;

/// A chain of [`LEVELS`] groups, the highest first.
pub struct Chain([GroupId; LEVELS]);

impl Chain {
    /// Opens a chain below a group.
    pub fn open(below: GroupId) -> Result<Self, Failure> {
        let mut chain = [below; LEVELS];
        let mut parent = below;
        for place in &mut chain {
            parent = limits::open_group(Some(parent))?;
            *place = parent;
        }
        Ok(Self(chain))
    }

    /// The group at the end.
    pub fn bottom(&self) -> GroupId {
        let [.., bottom] = self.0;
        bottom
    }

    /// Every group with its level, from 1.
    pub fn levels(&self) -> impl Iterator<Item = (u64, GroupId)> + '_ {
        (1..).zip(self.0)
    }
}

/// Limits a group to what it uses and so much more; gives the limit.
///
/// A limit's own record is charged when there is none yet, so it is made before the usage is read.
#[track_caller]
pub fn leave(group: GroupId, resource: Resource, more: u64) -> Result<u64, Failure> {
    limits::set_limit(group, resource, Limit::At(u64::MAX >> 1))?;
    let limit = limits::read_resource(Some(group), resource)?
        .usage
        .saturating_add(more);
    limits::set_limit(group, resource, Limit::At(limit))?;
    Ok(limit)
}

/// Takes a limit away.
#[track_caller]
pub fn unlimit(group: GroupId, resource: Resource) -> Result<(), Failure> {
    Ok(limits::set_limit(group, resource, Limit::Max)?)
}
