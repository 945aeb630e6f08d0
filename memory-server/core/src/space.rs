//! Address spaces: one for each task, in the task's place.
//!
//! # Invariants
//!
//! - A space that is not vacant has an object for its program's writable pages and its stack.
//! - Its lists hold everything that was made for it, from the first step of its making on; so one way of taking it
//!   apart serves a task that ends and one whose making failed halfway.

use interfaces::provision::{Cause, ProgramId};
use interfaces::{GroupId, TaskId};

use crate::owner::{TableLevel, Use};
use crate::ring::Own;
use crate::table::{Link, Links, List, Table};

/// What a place holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    #[default]
    Vacant,
    /// A task's address space.
    Live,
    /// What is left of one: it gets nothing any more.
    Dying,
    /// A kit for the next task (see [`crate::kits`]).
    Kept,
}

/// How far an address space has come that is being cloned from another.
#[derive(Clone, Copy, Debug)]
pub struct Fork {
    /// The place of the one that it is cloned from.
    pub parent: u32,
    /// The object of its own that is being cloned.
    pub object: u32,
    /// The next region of the parent's.
    pub next: Link,
    /// The region of its own that was copied last.
    pub copy: u32,
    /// The next area of its parent's that is to be shown through that.
    pub area: Link,
}

/// An address space.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says one thing that can be so or not whatever the others say"
)]
pub struct Space {
    /// What the place holds.
    pub state: State,
    /// Whose it is.
    pub task: TaskId,
    /// Who paid for its kit and pays for its pages and tables.
    pub payer: GroupId,
    /// What it runs.
    pub program: ProgramId,
    /// The object of its program's writable pages and its stack.
    pub object: u32,
    /// Its areas, by ascending address.
    pub areas: List,
    /// Its mappings that are in no area: IPC buffers.
    pub mappings: List,
    /// All its mappings.
    pub mapped: u32,
    /// The pages that its threads' TCBs are made of.
    pub blocks: List,
    /// The pages that its tables, its root and its IPC buffers are made of; the root is the oldest.
    pub pages: List,
    /// Its task's regions.
    pub regions: List,
    /// Its task's rings.
    pub rings: Own,
    /// How far its making as a clone has come.
    pub fork: Option<Fork>,
    /// The place of the one that is being cloned from it.
    pub forking: Link,
    /// Whether some of its regions are known by other ids as well.
    pub is_forked: bool,
    /// The ASID pool from which it has its ASID.
    pub asid_pool: Option<u8>,
    /// The page of its root.
    pub root: Option<u32>,
    /// Copies set aside for its program's shared pages: what its ticket charged for them.
    pub shared_room: u32,
    /// Those of them that the kernel did not give back: set aside for good.
    pub shared_lost: u32,
    /// Shared pages of its program that are mapped.
    pub shared: u32,
    /// Pages of objects that are shown through further copies of their capabilities, each of which was charged.
    pub copies: u32,
    /// Whether some of its page tables were wiped at some time (see [`crate::wiping`]).
    pub is_wiped: bool,
    /// The one that was wiped last, if it is still there: where to look first.
    pub last_wiped: Link,
    /// Its threads.
    pub threads: u32,
    /// The place of its first thread, whose block holds the CNode.
    pub first_thread: u32,
    /// Whether the proc-server has a copy of its root, in a slot of that place.
    pub has_copy: bool,
    /// Page tables of every level, the root included.
    pub tables: u32,
    /// Whether a kit is to be kept of it: its tables outlive its task, so what is mapped in them is always taken away.
    pub keeps: bool,
    /// The server's mishaps when it was made.
    pub mishaps: u64,
    /// Whether the kernel did not take one of its threads back, which may run on.
    pub runs_on: bool,
    /// Whether the limits-server knows its task as born.
    pub is_born: bool,
    /// Page faults served.
    pub faults: u64,
    /// Faults in a row that had nothing to do.
    pub idle_faults: u32,
    /// Why its task cannot go on; stays until the task is destroyed.
    pub report: Option<Cause>,
    /// Its neighbours in the queue of reports, or among the kits.
    pub queue: Links,
}

impl Default for Space {
    fn default() -> Self {
        Self {
            state: State::Vacant,
            task: TaskId {
                index: 0,
                generation: 0,
            },
            payer: GroupId::ROOT,
            program: ProgramId(0),
            object: 0,
            areas: List::default(),
            mappings: List::default(),
            mapped: 0,
            blocks: List::default(),
            pages: List::default(),
            regions: List::default(),
            rings: Own::default(),
            fork: None,
            forking: Link::NONE,
            is_forked: false,
            asid_pool: None,
            root: None,
            shared_room: 0,
            shared_lost: 0,
            shared: 0,
            copies: 0,
            is_wiped: false,
            last_wiped: Link::NONE,
            threads: 0,
            first_thread: 0,
            has_copy: false,
            tables: 0,
            keeps: false,
            mishaps: 0,
            runs_on: false,
            is_born: false,
            faults: 0,
            idle_faults: 0,
            report: None,
            queue: Links::default(),
        }
    }
}

crate::table::linked!(Space, queue);

impl Space {
    /// Whether this is the living space of `task`.
    #[must_use]
    pub fn is_of(&self, task: TaskId) -> bool {
        self.state == State::Live && self.task == task
    }

    /// The list in which pages of this use stand.
    pub const fn list_of(&mut self, used_as: Use) -> &mut List {
        match used_as {
            Use::Thread => &mut self.blocks,
            _ => &mut self.pages,
        }
    }
}

/// All address spaces, and the queue of those whose tasks cannot go on.
///
/// Each space stands in the queue at most once, so the queue needs no bound of its own.
#[derive(Debug)]
pub struct Spaces<'a> {
    records: Table<'a, Space>,
    oldest: List,
    newest: Option<u32>,
}

impl<'a> Spaces<'a> {
    /// Every place is vacant.
    #[must_use]
    pub fn new(records: &'a mut [Space]) -> Self {
        Self {
            records: Table::new(records),
            oldest: List::default(),
            newest: None,
        }
    }

    /// How many places there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.records.len()
    }

    /// Whether there is no place at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The space in a place; a vacant one beyond the table.
    #[must_use]
    pub fn get(&self, index: u32) -> Space {
        self.records.get(index)
    }

    /// The space in a place, without a copy.
    #[must_use]
    pub fn peek(&self, index: u32) -> Option<&Space> {
        self.records.peek(index)
    }

    /// The space in a place, to change.
    pub fn edit(&mut self, index: u32) -> Option<&mut Space> {
        self.records.edit(index)
    }

    /// The place of the living space of `task`.
    #[must_use]
    pub fn find(&self, task: TaskId) -> Option<u32> {
        self.peek(task.index)?.is_of(task).then_some(task.index)
    }

    /// Replaces what a place holds.
    pub fn put(&mut self, index: u32, space: Space) {
        self.records.put(index, space);
    }

    /// Every place that is not vacant.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Space)> + '_ {
        (0..self.records.len())
            .filter_map(|index| Some((index, self.records.peek(index)?)))
            .filter(|(_, space)| space.state != State::Vacant)
    }

    /// Queues the report that a task cannot go on. Only its first one counts; returns whether this was it.
    pub fn report(&mut self, index: u32, cause: Cause) -> bool {
        let Some(space) = self.records.edit(index) else {
            return false;
        };
        if space.state != State::Live || space.report.is_some() {
            return false;
        }
        space.report = Some(cause);
        self.oldest.insert(&mut self.records, self.newest, index);
        self.newest = Some(index);
        true
    }

    /// Takes the oldest report.
    pub fn take_report(&mut self) -> Option<(TaskId, Cause)> {
        let index = self.oldest.first()?;
        let space = self.get(index);
        self.unqueue(index);
        space.report.map(|cause| (space.task, cause))
    }

    /// Nobody needs to hear of this one any more.
    pub fn drop_report(&mut self, index: u32) {
        let queued = self.newest == Some(index)
            || self.oldest.first() == Some(index)
            || List::after(&self.records, index).is_some();
        if queued {
            self.unqueue(index);
        }
    }

    /// How many reports wait.
    #[must_use]
    pub const fn waiting(&self) -> u32 {
        self.oldest.len()
    }

    /// Puts a space, which stands in no queue, at the front of one that somebody else keeps.
    pub(crate) fn line_up(&mut self, queue: &mut List, index: u32) {
        queue.push(&mut self.records, index);
    }

    /// Takes a space out of such a queue.
    pub(crate) fn step_out(&mut self, queue: &mut List, index: u32) {
        queue.remove(&mut self.records, index);
    }

    /// Every place in such a queue.
    pub fn in_queue(&self, queue: List) -> impl Iterator<Item = u32> + '_ {
        queue.iter(&self.records)
    }

    /// The space in front of this one.
    pub(crate) fn in_front_of(&self, index: u32) -> Option<u32> {
        List::<0>::before(&self.records, index)
    }

    fn unqueue(&mut self, index: u32) {
        if self.newest == Some(index) {
            self.newest = List::before(&self.records, index);
        }
        self.oldest.remove(&mut self.records, index);
    }
}

/// Which tables are missing before a page can be mapped, from the top down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingTables {
    levels: [Option<TableLevel>; 2],
}

impl MissingTables {
    /// Those of which is said that they are missing.
    #[must_use]
    pub const fn new(directory: bool, table: bool) -> Self {
        Self {
            levels: [
                if directory {
                    Some(TableLevel::Directory)
                } else {
                    None
                },
                if table { Some(TableLevel::Table) } else { None },
            ],
        }
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = TableLevel> {
        self.levels.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spaces(count: u32) -> Spaces<'static> {
        let mut spaces = Spaces::new(vec![Space::default(); count as usize].leak());
        for index in 0..count {
            spaces.put(
                index,
                Space {
                    state: State::Live,
                    task: TaskId {
                        index,
                        generation: 3,
                    },
                    ..Space::default()
                },
            );
        }
        spaces
    }

    #[test]
    fn reports_come_out_in_the_order_in_which_they_went_in() {
        let mut spaces = spaces(4);
        for index in [2, 0, 3, 1] {
            assert!(spaces.report(index, Cause::NotBorn));
        }
        assert!(!spaces.report(0, Cause::Killed));
        spaces.drop_report(3);
        let order: Vec<_> = core::iter::from_fn(|| spaces.take_report())
            .map(|(task, _)| task.index)
            .collect();
        assert_eq!(order, [2, 0, 1]);
        assert!(!spaces.report(2, Cause::NotBorn), "it was reported before");
    }

    #[test]
    fn dropping_a_report_that_does_not_wait_changes_nothing() {
        let mut spaces = spaces(3);
        spaces.report(1, Cause::NotBorn);
        spaces.drop_report(0);
        assert_eq!(spaces.waiting(), 1);
        spaces.drop_report(1);
        spaces.drop_report(1);
        assert_eq!((spaces.waiting(), spaces.take_report()), (0, None));
        assert!(spaces.report(2, Cause::NotBorn));
    }

    #[test]
    fn a_stale_task_is_not_found() {
        let spaces = spaces(2);
        let stale = TaskId {
            index: 1,
            generation: 2,
        };
        assert_eq!(spaces.find(stale), None);
        assert_eq!(
            spaces.find(TaskId {
                generation: 3,
                ..stale
            }),
            Some(1)
        );
    }
}
