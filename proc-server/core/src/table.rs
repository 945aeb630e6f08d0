//! The table of tasks and threads: who is alive, whose child, with which threads.
//!
//! # Invariants
//!
//! - A place is vacant and in the list of free places, or retired and in none, or somebody's.
//! - An id is never given twice: a place's generation is raised when its tenant is gone, and a place whose
//!   generations are used up is never given again.
//! - Every task that has a place has a first thread; every thread's tenant has it under the thread's number.
//! - The children of a task are those that were started and are not gone, oldest first. A link to a parent that is
//!   gone is recognised by its generation, so nobody has to visit orphans.
//! - Those who end, and nobody else, are in the queue of those who end.
//! - A thread that rests (it has ended, and its task keeps its objects for the next one) has its place and its number, and
//!   is in the queue of those who rest; a task has one at most. Nobody else counts it or finds it by its number.
//!
//! Everything takes constant time, but for the walk towards a task's ancestors, which ends after as many steps as
//! there are places.

use interfaces::identity::{Caller, GroupId, TaskTag};
use interfaces::process::{Ended, ExitReason};
use interfaces::provision::TASK_THREADS;
use interfaces::{TaskId, limits::PAGE};

use crate::lifecycle::{Ending, Lifecycle, NotNow};
use crate::list::{List, follow};
use crate::task::{Order, Owed, QUEUE, SIBLINGS, Task, Thread};

/// No place is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A task that was given a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// Its id.
    pub task: TaskId,
    /// The place of its first thread.
    pub thread: u32,
}

/// A place for a further thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Further {
    /// The place.
    pub thread: u32,
    /// Its number within its task.
    pub number: u32,
    /// Its objects are there: it rested.
    pub again: bool,
}

/// What remains to be told of a task that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Its parent, if that still runs.
    pub parent: Option<TaskId>,
    /// How it ended; nothing if it never ran.
    pub ended: Option<Ended>,
}

/// Every task and thread.
#[derive(Debug)]
pub struct TaskTable<'a> {
    tasks: &'a mut [Task],
    threads: &'a mut [Thread],
    free_tasks: List<QUEUE>,
    free_threads: List<QUEUE>,
    ending: List<QUEUE>,
    resting: List<QUEUE>,
    tasks_taken: u32,
    threads_taken: u32,
}

impl<'a> TaskTable<'a> {
    /// A table of as many places as the slices have, all vacant.
    #[must_use]
    pub fn new(tasks: &'a mut [Task], threads: &'a mut [Thread]) -> Self {
        let mut table = Self {
            tasks,
            threads,
            free_tasks: List::EMPTY,
            free_threads: List::EMPTY,
            ending: List::EMPTY,
            resting: List::EMPTY,
            tasks_taken: 0,
            threads_taken: 0,
        };
        for place in places(table.tasks.len()) {
            table.free_tasks.push_last(table.tasks, place);
        }
        for place in places(table.threads.len()) {
            table.free_threads.push_last(table.threads, place);
        }
        table
    }

    /// Gives a task and its first thread a place.
    pub fn reserve(&mut self, order: &Order<'_>) -> Result<Reserved, Full> {
        if self.free_tasks.is_empty() || self.free_threads.is_empty() {
            return Err(Full);
        }
        let index = self.free_tasks.pop_first(self.tasks).ok_or(Full)?;
        let thread = self.free_threads.pop_first(self.threads).ok_or(Full)?;
        let slot = at_mut(self.tasks, index).ok_or(Full)?;
        let task = TaskId {
            index,
            generation: slot.generation,
        };
        slot.renew(Lifecycle::Building);
        slot.parent = order.parent;
        slot.program = order.program;
        order.arguments.write_to(&mut slot.arguments);
        if let Some(first) = slot.threads.first_mut() {
            *first = Some(thread);
        }
        if let Some(place) = at_mut(self.threads, thread) {
            place.tenant = Some((task, 0));
        }
        self.tasks_taken = self.tasks_taken.saturating_add(1);
        self.threads_taken = self.threads_taken.saturating_add(1);
        Ok(Reserved { task, thread })
    }

    /// The place that [`TaskTable::reserve`] gives next.
    #[must_use]
    pub fn next_place(&self) -> Option<Reserved> {
        let index = self.free_tasks.first()?;
        let generation = at(self.tasks, index)?.generation;
        let thread = self.free_threads.first()?;
        let task = TaskId { index, generation };
        Some(Reserved { task, thread })
    }

    /// Says in which group a task is born.
    pub fn admit(&mut self, task: TaskId, group: GroupId) {
        if let Some(slot) = self.get_mut(task) {
            slot.group = group;
        }
    }

    /// Says what has to be taken back when the task ends.
    pub fn owe(&mut self, task: TaskId, owed: Owed) {
        if let Some(slot) = self.get_mut(task) {
            slot.owed = owed;
        }
    }

    /// The task runs: from now on it is its parent's child.
    pub fn started(&mut self, task: TaskId) -> Result<(), NotNow> {
        let slot = self.get_mut(task).ok_or(NotNow)?;
        slot.life.started()?;
        let Some(parent) = slot.parent else {
            return Ok(());
        };
        let Some(slot) = self.get_mut(parent) else {
            return Ok(());
        };
        slot.child_count = slot.child_count.saturating_add(1);
        let mut children = slot.children;
        children.push_last(self.tasks, task.index);
        if let Some(slot) = self.get_mut(parent) {
            slot.children = children;
        }
        Ok(())
    }

    /// The task is to be taken apart; a reason of nothing is for one that was never started.
    pub fn end(&mut self, task: TaskId, reason: Option<ExitReason>) -> Result<(), NotNow> {
        let slot = self.get_mut(task).ok_or(NotNow)?;
        match reason {
            Some(reason) => slot.life.end(reason)?,
            None => slot.life.failed()?,
        }
        self.ending.push_last(self.tasks, task.index);
        Ok(())
    }

    /// Whether somebody is being taken apart.
    #[inline]
    #[must_use]
    pub const fn has_ending(&self) -> bool {
        !self.ending.is_empty()
    }

    /// Who is next to be taken apart a little further.
    #[must_use]
    pub fn first_ending(&self) -> Option<TaskId> {
        self.id_at(self.ending.first()?)
    }

    /// Puts a task that is still ending behind all others that are.
    pub fn end_later(&mut self, task: TaskId) {
        let is_ending = |slot: &Task| matches!(slot.life, Lifecycle::Ending(_));
        if self.get(task).is_some_and(is_ending) {
            self.ending.remove(self.tasks, task.index);
            self.ending.push_last(self.tasks, task.index);
        }
    }

    /// The task is gone: everything came back and nobody waits through it. Its place becomes vacant.
    pub fn remove(&mut self, task: TaskId) -> Result<Gone, NotNow> {
        let slot = self.get(task).ok_or(NotNow)?;
        if !matches!(slot.life, Lifecycle::Ending(_)) {
            return Err(NotNow);
        }
        let ended = slot.ended(task);
        let parent = slot.parent;
        let threads = slot.threads;
        self.forget_resting(task);
        let slot = self.get(task).ok_or(NotNow)?;
        if slot.life != Lifecycle::Ending(Ending::Silent) {
            self.leave_family(task, parent);
        }
        for thread in threads.into_iter().flatten() {
            self.vacate_thread(thread);
        }
        self.ending.remove(self.tasks, task.index);
        self.vacate(task);
        Ok(Gone {
            parent: parent.filter(|&parent| self.is_running(parent)),
            ended,
        })
    }

    /// Gives a further thread of a running task a place and the lowest free number; those of one that rests, if that has
    /// this number.
    pub fn reserve_thread(&mut self, task: TaskId) -> Result<Further, Full> {
        let slot = self.get(task).ok_or(Full)?;
        let number = slot.threads.iter().position(Option::is_none).ok_or(Full)?;
        let shown = u32::try_from(number).map_err(|_| Full)?;
        let rested = slot.rested.filter(|&(_, rested)| rested == shown);
        let place = match rested {
            Some((place, _)) => place,
            None => self.free_threads.pop_first(self.threads).ok_or(Full)?,
        };
        if let Some(slot) = self.get_mut(task) {
            if let Some(entry) = slot.threads.get_mut(number) {
                *entry = Some(place);
            }
            if rested.is_some() {
                slot.rested = None;
            }
        }
        if rested.is_some() {
            self.resting.remove(self.threads, place);
            return Ok(Further {
                thread: place,
                number: shown,
                again: true,
            });
        }
        if let Some(thread) = at_mut(self.threads, place) {
            thread.tenant = Some((task, shown));
        }
        self.threads_taken = self.threads_taken.saturating_add(1);
        Ok(Further {
            thread: place,
            number: shown,
            again: false,
        })
    }

    /// A further thread has ended, and its objects are kept: it rests. Refused if its task keeps one already.
    pub fn rest_thread(&mut self, task: TaskId, number: u32) -> Result<(), NotNow> {
        let place = self.thread(task, number).filter(|_| number != 0);
        let place = place.ok_or(NotNow)?;
        let at = usize::try_from(number).map_err(|_| NotNow)?;
        let slot = self.get_mut(task).filter(|slot| slot.rested.is_none());
        let slot = slot.ok_or(NotNow)?;
        if let Some(entry) = slot.threads.get_mut(at) {
            *entry = None;
        }
        slot.rested = Some((place, number));
        self.resting.push_last(self.threads, place);
        Ok(())
    }

    /// The thread that has rested longest, if no place for a thread is free.
    #[must_use]
    pub fn in_the_way(&self) -> Option<(TaskId, u32)> {
        let place = self
            .resting
            .first()
            .filter(|_| self.free_threads.is_empty())?;
        let (task, _) = at(self.threads, place)?.tenant?;
        Some((task, place))
    }

    /// Nothing of the thread that rests in a task is there any more, or the task is gone: its place becomes vacant.
    pub fn forget_resting(&mut self, task: TaskId) {
        let rested = self.get_mut(task).and_then(|slot| slot.rested.take());
        if let Some((place, _)) = rested {
            self.resting.remove(self.threads, place);
            self.vacate_thread(place);
        }
    }

    /// Notes where a thread's IPC buffer is.
    pub fn note_ipc_buffer(&mut self, thread: u32, address: u32) {
        if let Some(thread) = at_mut(self.threads, thread) {
            thread.ipc_buffer = address;
        }
    }

    /// Where a thread's IPC buffer is.
    #[must_use]
    pub fn ipc_buffer(&self, thread: u32) -> u32 {
        at(self.threads, thread).map_or(0, |thread| thread.ipc_buffer)
    }

    /// The place of a task's thread.
    #[must_use]
    pub fn thread(&self, task: TaskId, number: u32) -> Option<u32> {
        let number = usize::try_from(number).ok()?;
        self.get(task)?.threads.get(number).copied().flatten()
    }

    /// A further thread is gone: its place becomes vacant.
    pub fn remove_thread(&mut self, task: TaskId, number: u32) -> Result<(), NotNow> {
        if number == 0 {
            return Err(NotNow);
        }
        let place = self.thread(task, number).ok_or(NotNow)?;
        let number = usize::try_from(number).map_err(|_| NotNow)?;
        if let Some(entry) = self
            .get_mut(task)
            .and_then(|slot| slot.threads.get_mut(number))
        {
            *entry = None;
        }
        self.vacate_thread(place);
        Ok(())
    }

    /// Whether the birth capability of this place was minted before.
    #[must_use]
    pub fn birth_minted(&self, thread: u32) -> bool {
        at(self.threads, thread).is_some_and(|thread| thread.birth_minted)
    }

    /// The birth capability of this place has been minted.
    pub fn note_birth_minted(&mut self, thread: u32) {
        if let Some(thread) = at_mut(self.threads, thread) {
            thread.birth_minted = true;
        }
    }

    /// The task, unless it is gone.
    #[must_use]
    pub fn get(&self, task: TaskId) -> Option<&Task> {
        at(self.tasks, task.index)
            .filter(|slot| slot.generation == task.generation && slot.life.is_taken())
    }

    pub(crate) fn get_mut(&mut self, task: TaskId) -> Option<&mut Task> {
        at_mut(self.tasks, task.index)
            .filter(|slot| slot.generation == task.generation && slot.life.is_taken())
    }

    /// Whether the task's requests are served.
    #[must_use]
    pub fn is_running(&self, task: TaskId) -> bool {
        self.get(task).is_some_and(|slot| slot.life.is_running())
    }

    /// The running task that a badge names.
    #[must_use]
    pub fn running(&self, tag: TaskTag) -> Option<TaskId> {
        let index = tag.index();
        let slot = at(self.tasks, index).filter(|slot| slot.life.is_running())?;
        let generation = slot.generation;
        let task = TaskId { index, generation };
        tag.is(task).then_some(task)
    }

    /// Who asks with this badge, if it is a running task's.
    #[inline]
    #[must_use]
    pub fn asker(&self, badge: u64) -> Option<Caller> {
        let index = TaskTag::place_in(badge);
        let slot = at(self.tasks, index).filter(|slot| slot.life.is_running())?;
        Caller::of_task(badge, TaskTag::new(index, slot.generation))
    }

    /// A task's parent, while that is not gone.
    #[must_use]
    pub fn parent(&self, task: TaskId) -> Option<TaskId> {
        self.get(task)?
            .parent
            .filter(|&parent| self.get(parent).is_some())
    }

    /// Whether `task` was spawned by `ancestor`, or by one whom it spawned, and so on, and all of those in between
    /// are still there.
    #[must_use]
    pub fn is_descendant(&self, task: TaskId, ancestor: TaskId) -> bool {
        core::iter::successors(self.parent(task), |&above| self.parent(above))
            .take(self.tasks.len())
            .any(|above| above == ancestor)
    }

    /// Whether `child` is a child of `parent` that is not gone.
    #[must_use]
    pub fn is_child(&self, child: TaskId, parent: TaskId) -> bool {
        self.parent(child) == Some(parent)
    }

    /// Up to a page of a task's children behind `after`, and whether there are more. Nothing if `after` is none of
    /// them.
    #[must_use]
    pub fn children(
        &self,
        task: TaskId,
        after: Option<TaskId>,
    ) -> Option<(heapless::Vec<TaskId, PAGE>, bool)> {
        let from = match after {
            None => self.get(task)?.children.first(),
            Some(after) if self.is_child(after, task) => self.get(after)?.siblings.behind(),
            Some(_) => return None,
        };
        let mut page = heapless::Vec::new();
        for place in follow::<SIBLINGS, Task>(self.tasks, from) {
            match self.id_at(place) {
                Some(child) => {
                    if page.push(child).is_err() {
                        return Some((page, true));
                    }
                }
                None => break,
            }
        }
        Some((page, false))
    }

    /// The task at a place, if the ledger counts it, and how many threads it has.
    #[must_use]
    pub fn counted(&self, index: u32) -> Option<(TaskId, u64)> {
        let task = self.id_at(index)?;
        let slot = self.get(task).filter(|slot| slot.owed.ticket)?;
        let threads = slot
            .thread_places()
            .fold(0_u64, |sum, _| sum.saturating_add(1));
        Some((task, threads))
    }

    /// Every place of a task.
    pub fn places(&self) -> impl Iterator<Item = u32> + use<> {
        places(self.tasks.len())
    }

    /// Tasks that have a place.
    #[must_use]
    pub const fn tasks_taken(&self) -> u32 {
        self.tasks_taken
    }

    /// Threads that have a place.
    #[must_use]
    pub const fn threads_taken(&self) -> u32 {
        self.threads_taken
    }

    /// Places for threads.
    #[must_use]
    pub const fn thread_room(&self) -> usize {
        self.threads.len()
    }

    pub(crate) const fn task_slots(&self) -> &[Task] {
        self.tasks
    }

    pub(crate) const fn thread_slots(&self) -> &[Thread] {
        self.threads
    }

    pub(crate) const fn lists(&self) -> [List<QUEUE>; 4] {
        [
            self.free_tasks,
            self.free_threads,
            self.ending,
            self.resting,
        ]
    }

    /// The id of whoever has this place, or had it last.
    pub(crate) fn id_at(&self, index: u32) -> Option<TaskId> {
        at(self.tasks, index).map(|slot| TaskId {
            index,
            generation: slot.generation,
        })
    }

    /// Takes a task out of its parent's list. The brothers and sisters of an orphan are still linked to it.
    fn leave_family(&mut self, task: TaskId, parent: Option<TaskId>) {
        let parent = parent.filter(|&parent| self.get(parent).is_some());
        let mut children = parent
            .and_then(|parent| self.get(parent))
            .map_or(List::EMPTY, |slot| slot.children);
        children.remove(self.tasks, task.index);
        if let Some(slot) = parent.and_then(|parent| self.get_mut(parent)) {
            slot.children = children;
            slot.child_count = slot.child_count.saturating_sub(1);
        }
    }

    fn vacate(&mut self, task: TaskId) {
        let Some(slot) = self.get_mut(task) else {
            return;
        };
        let next = slot.generation.checked_add(1);
        slot.generation = next.unwrap_or(slot.generation);
        slot.renew(if next.is_some() {
            Lifecycle::Vacant
        } else {
            Lifecycle::Retired
        });
        if next.is_some() {
            self.free_tasks.push_first(self.tasks, task.index);
        }
        self.tasks_taken = self.tasks_taken.saturating_sub(1);
    }

    fn vacate_thread(&mut self, place: u32) {
        if let Some(thread) = at_mut(self.threads, place) {
            thread.tenant = None;
            self.free_threads.push_first(self.threads, place);
            self.threads_taken = self.threads_taken.saturating_sub(1);
        }
    }

    /// Makes a place's generation the last but `left`, to see what happens at the end.
    #[cfg(test)]
    fn age(&mut self, index: u32, left: u32) {
        if let Some(slot) = at_mut(self.tasks, index) {
            slot.generation = u32::MAX.saturating_sub(left);
        }
    }
}

const _: () = assert!(TASK_THREADS >= 1, "every task has a first thread");

fn at<T>(slots: &[T], place: u32) -> Option<&T> {
    slots.get(usize::try_from(place).ok()?)
}

fn at_mut<T>(slots: &mut [T], place: u32) -> Option<&mut T> {
    slots.get_mut(usize::try_from(place).ok()?)
}

fn places(length: usize) -> impl Iterator<Item = u32> + use<> {
    0..u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
