//! How much the server can keep track of, and what that takes.

use interfaces::identity::TASK_INDEX_BITS;
use interfaces::start::proc_slots;
use interfaces::system;

use crate::deadlines::Place;
use crate::task::{Task, Thread};
use crate::waiting::Waiter;

/// Places for tasks and threads. As many can wait as there are threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Tasks: a badge has room for [`TASK_INDEX_BITS`] of an index.
    pub tasks: usize,
    /// Threads: each has its slots, and a place in the birth CNode.
    pub threads: usize,
}

impl Room {
    /// What `system.toml` asks for, as far as badges and slots go.
    #[must_use]
    pub fn of(room: &system::Room) -> Self {
        let most = |asked: u32, bound: u64| {
            usize::try_from(u64::from(asked).min(bound)).unwrap_or_default()
        };
        Self {
            tasks: most(room.tasks, 1 << TASK_INDEX_BITS),
            threads: most(room.threads, proc_slots::MAX_THREADS),
        }
    }

    /// Deadlines: one for each thread that can wait, and one for each task's alarm.
    #[must_use]
    pub const fn deadlines(self) -> usize {
        self.threads.saturating_add(self.tasks)
    }

    /// How many bytes of heap that takes, alignment included.
    #[must_use]
    pub const fn bytes(self) -> usize {
        let tasks = self.tasks.saturating_mul(size_of::<Task>());
        let threads = self.threads.saturating_mul(size_of::<Thread>());
        let waiters = self.threads.saturating_mul(size_of::<Waiter>());
        let deadlines = self.deadlines().saturating_mul(size_of::<Place>());
        let padding = align_of::<Task>()
            .saturating_add(align_of::<Thread>())
            .saturating_add(align_of::<Waiter>())
            .saturating_add(align_of::<Place>());
        tasks
            .saturating_add(threads)
            .saturating_add(waiters)
            .saturating_add(deadlines)
            .saturating_add(padding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_room_fits_the_heap_that_it_usually_has() {
        let room = Room {
            tasks: 4000,
            threads: 8192,
        };
        assert!(room.bytes() < 16 << 20, "{} bytes", room.bytes());
    }
}
