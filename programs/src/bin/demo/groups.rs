//! The groups that `system.toml` makes for the demonstration, found by their labels.

use client::interfaces::{GroupId, Resource};
use client::limits;

/// The demonstration's groups.
#[derive(Debug)]
pub struct Groups {
    /// The demonstration's own.
    pub own: GroupId,
    /// The fork bomb's.
    pub bomb: GroupId,
    /// The memory hog's.
    pub hog: GroupId,
    /// The worker's.
    pub worker: GroupId,
    /// The nest's.
    pub nest: GroupId,
}

impl Groups {
    /// Finds them, or says which is missing.
    pub fn find() -> Result<Self, &'static str> {
        Ok(Self {
            own: limits::who_am_i().map_err(|_| "of our own")?.group,
            bomb: below("bomb")?,
            hog: below("hog")?,
            worker: below("worker")?,
            nest: below("nest")?,
        })
    }

    /// How often the bomb was refused a task and the hog a frame.
    pub fn refusals(&self) -> [(&'static str, u64); 2] {
        [
            ("bomb", self.bomb, Resource::Tasks),
            ("hog", self.hog, Resource::Frames),
        ]
        .map(|(name, group, resource)| {
            let account = limits::read_resource(Some(group), resource);
            (name, account.map_or(0, |account| account.refusals))
        })
    }
}

/// The group with this label directly below our own.
fn below(label: &'static str) -> Result<GroupId, &'static str> {
    let page = limits::list_children(None, None).map_err(|_| label)?;
    page.items
        .iter()
        .copied()
        .find(|&group| {
            limits::read_account(Some(group)).is_ok_and(|account| account.label.as_str() == label)
        })
        .ok_or(label)
}
