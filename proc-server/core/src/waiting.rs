//! Who waits for what, and where the reply capability of each is kept.
//!
//! Waiter number `n` is answered through the server's reply slot `n`. Every waiter is owned by the task whose thread
//! waits, so that it can be dropped when that task ends; one that killed a task, or offers it a link, also stands in that
//! task's list of those who aim at it.
//!
//! # Invariants
//!
//! - A waiter is free, or in its owner's list; who aims at a task is in that task's list, too.
//! - An owner is a running task, and has no more waiters than threads: a thread that waits can ask nothing else. (A
//!   client may send the same request without waiting for the answer: then the reply slot is empty, and whoever adds
//!   a waiter drops those first when the owner has as many as threads.)

use interfaces::TaskId;

use crate::list::{Hook, List, Listed, follow};
use crate::table::{Full, TaskTable};

/// The hook for the waiters of one owner, and for the free ones.
pub const OWNED: usize = 0;
/// The hook for those who wait for one task to be gone.
pub const AIMED: usize = 1;

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaits {
    /// The end of a child; of any child if none is named.
    Child(Option<TaskId>),
    /// That a task that it killed is gone.
    Killed(TaskId),
    /// That a kill of a group is done: the job's number.
    Group(u32),
    /// That a thread of its own task is gone: its number.
    Thread(u32),
    /// That a freeze or a thaw is done: the job's number.
    Freeze(u32),
    /// That its child runs: the number of the fork under way.
    Fork(u32),
    /// A time: its deadline says which, and it has none for one that never comes.
    Time,
    /// That this task accepts the link that it offers.
    Offer(TaskId),
    /// That this task, or anybody, offers it a link.
    Accept(Option<TaskId>),
}

impl Awaits {
    /// The task that can end this wait by what it does or by ending; such a waiter stands in that task's list.
    pub(crate) const fn aim(self) -> Option<TaskId> {
        match self {
            Self::Killed(target) | Self::Offer(target) => Some(target),
            _ => None,
        }
    }
}

/// A place for someone who waits.
#[derive(Clone, Copy, Debug)]
pub struct Waiter {
    tenant: Option<(TaskId, Awaits)>,
    owned: Hook,
    aimed: Hook,
}

impl Waiter {
    /// Nobody waits here.
    pub const VACANT: Self = Self {
        tenant: None,
        owned: Hook::LOOSE,
        aimed: Hook::LOOSE,
    };
}

impl Listed<OWNED> for Waiter {
    fn hook(&mut self) -> &mut Hook {
        &mut self.owned
    }
    fn hook_ref(&self) -> &Hook {
        &self.owned
    }
}

impl Listed<AIMED> for Waiter {
    fn hook(&mut self) -> &mut Hook {
        &mut self.aimed
    }
    fn hook_ref(&self) -> &Hook {
        &self.aimed
    }
}

/// Everybody who waits.
#[derive(Debug)]
pub struct Waiters<'a> {
    slots: &'a mut [Waiter],
    free: List<OWNED>,
    taken: u32,
}

impl<'a> Waiters<'a> {
    /// As many places as the slice has, all free.
    #[must_use]
    pub fn new(slots: &'a mut [Waiter]) -> Self {
        let mut free = List::EMPTY;
        for place in 0..u32::try_from(slots.len()).unwrap_or(u32::MAX) {
            free.push_last(slots, place);
        }
        Self {
            slots,
            free,
            taken: 0,
        }
    }

    /// `owner` waits. Returns the number of the reply slot that is now its.
    pub fn add(
        &mut self,
        tasks: &mut TaskTable<'_>,
        owner: TaskId,
        awaits: Awaits,
    ) -> Result<u32, Full> {
        let mine = tasks.get(owner).ok_or(Full)?.waiters;
        if let Some(target) = awaits.aim() {
            tasks.get(target).ok_or(Full)?;
        }
        let waiter = self.free.pop_first(self.slots).ok_or(Full)?;
        let mut mine = mine;
        mine.push_last(self.slots, waiter);
        if let Some(slot) = tasks.get_mut(owner) {
            slot.waiters = mine;
        }
        if let Some(slot) = awaits.aim().and_then(|target| tasks.get_mut(target)) {
            slot.aimed.push_last(self.slots, waiter);
        }
        if let Some(slot) = self.slot_mut(waiter) {
            slot.tenant = Some((owner, awaits));
        }
        self.taken = self.taken.saturating_add(1);
        Ok(waiter)
    }

    /// A waiter waits no longer. Whoever calls answers it or drops its reply capability.
    pub fn remove(&mut self, tasks: &mut TaskTable<'_>, waiter: u32) -> Option<Awaits> {
        let (owner, awaits) = self.slot_mut(waiter)?.tenant.take()?;
        if let Some(slot) = tasks.get_mut(owner) {
            slot.waiters.remove(self.slots, waiter);
        }
        if let Some(slot) = awaits.aim().and_then(|target| tasks.get_mut(target)) {
            slot.aimed.remove(self.slots, waiter);
        }
        self.free.push_first(self.slots, waiter);
        self.taken = self.taken.saturating_sub(1);
        Some(awaits)
    }

    /// Which of a task's threads wait, and for what, oldest first.
    pub fn of<'s>(
        &'s self,
        tasks: &TaskTable<'_>,
        owner: TaskId,
    ) -> impl Iterator<Item = (u32, Awaits)> + 's {
        let mine = tasks.get(owner).and_then(|slot| slot.waiters.first());
        follow::<OWNED, Waiter>(self.slots, mine)
            .filter_map(|waiter| Some((waiter, self.tenant(waiter)?.1)))
    }

    /// Who aims at a task, and who they are and for what, oldest first.
    pub fn aimed_at<'s>(
        &'s self,
        tasks: &TaskTable<'_>,
        target: TaskId,
    ) -> impl Iterator<Item = (u32, TaskId, Awaits)> + 's {
        let first = tasks.get(target).and_then(|slot| slot.aimed.first());
        follow::<AIMED, Waiter>(self.slots, first).filter_map(|waiter| {
            let (owner, awaits) = self.tenant(waiter)?;
            Some((waiter, owner, awaits))
        })
    }

    /// Who has aimed at a task for longest.
    #[must_use]
    pub fn first_aimed_at(
        &self,
        tasks: &TaskTable<'_>,
        target: TaskId,
    ) -> Option<(u32, TaskId, Awaits)> {
        self.aimed_at(tasks, target).next()
    }

    /// Who has been offering a task a link for longest.
    #[must_use]
    pub fn first_suitor(&self, tasks: &TaskTable<'_>, target: TaskId) -> Option<(u32, TaskId)> {
        self.suitors(tasks, target).next()
    }

    /// Who offers a task a link, oldest first.
    pub fn suitors<'s>(
        &'s self,
        tasks: &TaskTable<'_>,
        target: TaskId,
    ) -> impl Iterator<Item = (u32, TaskId)> + 's {
        self.aimed_at(tasks, target)
            .filter(|(_, _, awaits)| matches!(awaits, Awaits::Offer(_)))
            .map(|(waiter, owner, _)| (waiter, owner))
    }

    /// Who waits here and for what.
    #[must_use]
    pub fn tenant(&self, waiter: u32) -> Option<(TaskId, Awaits)> {
        self.slots.get(usize::try_from(waiter).ok()?)?.tenant
    }

    /// How many wait.
    #[must_use]
    pub const fn taken(&self) -> u32 {
        self.taken
    }

    /// How many can wait.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.slots.len()
    }

    pub(crate) const fn slots(&self) -> &[Waiter] {
        self.slots
    }

    pub(crate) const fn free(&self) -> List<OWNED> {
        self.free
    }

    fn slot_mut(&mut self, waiter: u32) -> Option<&mut Waiter> {
        self.slots.get_mut(usize::try_from(waiter).ok()?)
    }
}

impl Waiter {
    pub(crate) const fn is_taken(&self) -> bool {
        self.tenant.is_some()
    }
}
