//! What happened in the ledger, for whoever watches: a bounded queue that the service drains after each request.
//!
//! Telling costs one comparison while nobody listens. What finds no room is counted as lost and never waits, so
//! that no watcher can hold anybody up.

use interfaces::limits::Cause;
use interfaces::{Amounts, GroupId, Shortage, TaskId};

/// How much news one request can leave behind.
pub const NEWS: usize = 64;

/// What can happen to a group, or in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The kernel has reported the birth of a task in it.
    Born {
        /// The task.
        task: TaskId,
    },
    /// A task in it has ended.
    Died {
        /// The task.
        task: TaskId,
    },
    /// A task came into it from another group.
    MovedIn {
        /// The task.
        task: TaskId,
    },
    /// A task left it for another group.
    MovedOut {
        /// The task.
        task: TaskId,
    },
    /// A charge went beyond one of its soft limits: how much is used now, and how much was asked.
    SoftCrossed(Shortage),
    /// Its hard limit refused a charge.
    Refused(Shortage),
    /// It was opened.
    Opened,
    /// It has vanished.
    Gone(Cause),
    /// Its threads are stopped.
    Frozen,
    /// Its threads go on.
    Thawed,
    /// It was closed to charges, to be killed.
    Killing {
        /// By whom; nobody for the system itself.
        by: Option<TaskId>,
    },
    /// Its kill has ended.
    Killed {
        /// What it held when it was closed.
        held: Amounts,
    },
}

/// One piece of news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// The group.
    pub group: GroupId,
    /// The group above it, which tells who may hear of it when the group itself has vanished.
    pub parent: Option<GroupId>,
    /// What happened.
    pub event: Event,
}

/// The queue.
#[derive(Clone, Debug)]
pub struct News {
    queue: heapless::Deque<Item, NEWS>,
    lost: u64,
    listening: bool,
}

impl News {
    /// Nothing has happened, and nobody listens.
    pub(crate) const NONE: Self = Self {
        queue: heapless::Deque::new(),
        lost: 0,
        listening: false,
    };

    /// Whether anybody is to be told at all.
    #[inline]
    #[must_use]
    pub const fn is_listening(&self) -> bool {
        self.listening
    }

    /// From now on news is kept, or not.
    pub fn listen(&mut self, listening: bool) {
        self.listening = listening;
        if !listening {
            self.queue.clear();
        }
    }

    /// Takes the oldest.
    pub fn take(&mut self) -> Option<Item> {
        self.queue.pop_front()
    }

    /// How much found no room since this was asked last.
    pub fn take_lost(&mut self) -> u64 {
        core::mem::take(&mut self.lost)
    }

    #[cold]
    fn push(&mut self, item: Item) {
        if self.queue.push_back(item).is_err() {
            self.lost = self.lost.saturating_add(1);
        }
    }
}

impl crate::Ledger<'_> {
    /// The queue, to be drained after each request.
    pub fn news_mut(&mut self) -> &mut News {
        &mut self.news
    }

    /// Says what happened to the group at a place, which is still there.
    #[inline]
    pub(crate) fn tell(&mut self, index: u32, event: Event) {
        if self.news.is_listening() {
            let parent = self
                .slot(index)
                .map(|slot| slot.parent)
                .filter(|&above| self.slot(above).is_some())
                .map(|above| self.id(above));
            let item = Item {
                group: self.id(index),
                parent,
                event,
            };
            self.news.push(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted_and_nobody_waits() {
        let mut news = News::NONE;
        let item = Item {
            group: GroupId::ROOT,
            parent: None,
            event: Event::Opened,
        };
        for _ in 0..=NEWS {
            news.push(item);
        }
        assert_eq!(core::iter::from_fn(|| news.take()).count(), NEWS);
        assert_eq!((news.take_lost(), news.take_lost()), (1, 0));
    }
}
