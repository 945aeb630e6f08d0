//! What lasts beyond a moment: counts that never run backwards, peaks, groups that outlive who opened them, and what
//! is remembered of groups that have vanished.

use serde::{Deserialize, Serialize};

use super::{Amounts, GroupId, LabelText, TaskId};

/// The most tombstones in one page of a listing.
pub const TOMBSTONES: usize = 16;

/// Sets a group's peaks back to what is in use now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetPeaks {
    /// The group.
    pub group: GroupId,
}

/// Sets a group's own counts of refusals and of soft limits crossed back to nothing. [`Totals`] keeps what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetRefusals {
    /// The group.
    pub group: GroupId,
}

/// Makes a group live on when it is empty, also without whoever opened it: what `mkdir` is in a tree of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The group.
    pub group: GroupId,
}

/// Takes back what [`Hold`] did: the group vanishes when nothing else keeps it. Groups of `system.toml` stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unhold {
    /// The group.
    pub group: GroupId,
}

/// Removes an empty group, whoever opened it or keeps it: what `rmdir` is in a tree of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveGroup {
    /// The group.
    pub group: GroupId,
}

/// Finds a group directly below one by its label; of several with the same label, that which has had it longest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindChild {
    /// The group above.
    pub parent: Option<GroupId>,
    /// The label; no group has the empty one.
    pub label: LabelText,
}

/// Reads what a group has had in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadTotals {
    /// The group.
    pub group: Option<GroupId>,
}

/// What a group has had in all. None of the first two ever runs backwards, whatever vanishes below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Everything that was ever charged to the group or below it: tasks that were born, frames that were granted, …
    pub charged: Amounts,
    /// Charges that were refused by the limit of this group or of one below, of any kind.
    pub refusals: u64,
    /// How often each soft limit of the group was crossed upwards, since its counts were last set back.
    pub crossings: Amounts,
}

/// Reads what is remembered of a group that has vanished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadTombstone {
    /// The group that was.
    pub group: GroupId,
}

/// Lists the groups below one that have vanished and are still remembered, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListTombstones {
    /// The group above.
    pub group: Option<GroupId>,
    /// [`TombstonePage::next`] of the page before; 0 to start.
    pub after: u64,
}

/// A page of a listing of tombstones. It may be short, or empty, and not the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TombstonePage {
    /// The groups that were.
    pub items: heapless::Vec<GroupId, TOMBSTONES>,
    /// Where to go on; nothing after the last.
    pub next: Option<u64>,
}

/// Why a group vanished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// Whoever held on to it let go of it, or it was removed.
    Closed,
    /// The last thing in it has gone.
    Emptied,
    /// It was killed, or one above it.
    Killed {
        /// By whom; nobody for the system itself.
        by: Option<TaskId>,
    },
}

/// What is remembered of a group that has vanished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// The group that was.
    pub group: GroupId,
    /// The group above it, which may have vanished too.
    pub parent: GroupId,
    /// Its label, empty if it had none.
    pub label: LabelText,
    /// Why it vanished.
    pub cause: Cause,
    /// The most that was ever in use at once.
    pub peak: Amounts,
    /// Everything that was ever charged to it or below.
    pub charged: Amounts,
    /// Refusals of its own limits, per kind.
    pub refusals: Amounts,
    /// Refusals of its limits and of those below.
    pub refusals_in_all: u64,
}

/// Why a group was not removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RemoveRefusal {
    /// No such group, or not one that the caller may see.
    UnknownGroup,
    /// The caller does not hold the right to end it.
    NotYours,
    /// It has tasks, groups below it, or pays for something.
    NotEmpty,
    /// It is being killed, or is one of the system's own.
    Busy,
}

/// Why no group was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FindGroupRefusal {
    /// No such group above, or not one that the caller may see.
    UnknownGroup,
    /// No group directly below it has that label.
    NotFound,
}

/// Why nothing was read of a group that has vanished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TombstoneRefusal {
    /// Nothing is remembered of it that the caller may see.
    Unknown,
    /// It is still there.
    Alive,
}
