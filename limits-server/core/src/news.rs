//! News: what the ledger's operations say as they happen, for whoever watches.
//!
//! Every operation that changes who is where tells it here, in the order in which it happens, after the change is
//! complete for the group concerned: birth before death, parent before child, a group's opening before anything in it.
//! Who hears of it, and how much of it, is decided in [`crate::events`].
//!
//! # Never
//!
//! Costs anything while nobody watches: one comparison. Refuses, blocks, or waits for a watcher. Changes the ledger.

use interfaces::events::{Ending, Hit};
use interfaces::{Amounts, GroupId, TaskId};

use crate::ledger::Ledger;

/// What has happened to a group, or in it. Groups and tasks are named by ids, as they may be gone when it is read.
#[derive(Clone, Copy, Debug)]
#[allow(
    dead_code,
    reason = "soft limits and freezing are told as soon as the ledger has them"
)]
pub(crate) enum News {
    /// The kernel has reported the birth of a task's first thread.
    Born {
        /// The task.
        task: TaskId,
        /// Who spawned it.
        parent: Option<TaskId>,
    },
    /// A task that was born is gone.
    Died {
        /// The task.
        task: TaskId,
        /// How it ended.
        ending: Ending,
    },
    /// A task has come into the group from another one.
    Moved {
        /// The task.
        task: TaskId,
        /// Where it was.
        from: GroupId,
    },
    /// The group was opened.
    Opened {
        /// The group above it.
        parent: GroupId,
        /// Who opened it; nobody for the system itself.
        by: Option<TaskId>,
    },
    /// Usage rose above the group's soft limit.
    SoftLimit(Hit),
    /// The group's hard limit refused a charge.
    HardLimit(Hit),
    /// The group was frozen; so often must it be thawed now.
    Frozen(u64),
    /// The group was thawed; so often must it be thawed still.
    Thawed(u64),
    /// The group was closed to charges, because it is being killed.
    Killing {
        /// Who kills it.
        by: Option<TaskId>,
    },
    /// The group has been killed.
    Killed {
        /// What it held when it was closed.
        held: Amounts,
        /// What came back.
        returned: Amounts,
    },
}

impl Ledger<'_> {
    /// Tells whoever watches the group in this place, or one above it. (That a group has vanished is told by
    /// the ledger's `tell_gone`, as nobody watches what is not there.)
    #[inline]
    pub(crate) fn tell(&mut self, group: u32, news: News) {
        if self.rings.are_quiet() {
            return;
        }
        self.spread(group, news);
    }
}
