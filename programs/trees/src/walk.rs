//! Going through groups and tasks, a page at a time, without memory for more than one.
//!
//! What is walked over belongs to others and changes meanwhile. A walk either sees everything that was there all
//! the time, or ends with [`Error::Changed`]; it goes on for [`MOST`] steps at most, however fast others are.

use interfaces::limits::{ListChildren, ListTasks};
use interfaces::process::ReadTask;
use interfaces::{GroupId, TaskId};

use crate::error::Error;
use crate::servers::Servers;
use crate::tree::Trees;

/// The most groups or tasks that a walk takes: sixteen times as many as a ledger is built for.
const MOST: u32 = 1 << 20;

/// Something vanished in the middle of a walk.
fn changed(error: Error) -> Error {
    match error {
        Error::NoSuchPath => Error::Changed,
        other => other,
    }
}

impl<S: Servers> Trees<S> {
    /// Does something for every group directly below one, oldest first, after one of them or from the first, until
    /// it says `false`.
    pub(crate) fn each_child(
        &mut self,
        group: GroupId,
        mut after: Option<GroupId>,
        mut each: impl FnMut(&mut Self, GroupId) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        for _ in 0..MOST {
            let page = self.ask_limits(&ListChildren {
                group: Some(group),
                after,
            })?;
            for &child in &page.items {
                if !each(self, child)? {
                    return Ok(());
                }
            }
            after = page.items.last().copied();
            if !page.more || after.is_none() {
                return Ok(());
            }
        }
        Err(Error::Changed)
    }

    /// Does something for every task directly in a group, oldest first.
    pub(crate) fn each_task(
        &mut self,
        group: GroupId,
        mut each: impl FnMut(&mut Self, TaskId) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut after = None;
        for _ in 0..MOST {
            let page = self.ask_limits(&ListTasks {
                group: Some(group),
                after,
            })?;
            for &task in &page.items {
                each(self, task)?;
            }
            after = page.items.last().copied();
            if !page.more || after.is_none() {
                return Ok(());
            }
        }
        Err(Error::Changed)
    }

    /// Does something for a group and every group below it, each before those below it, until it says `false`.
    pub(crate) fn each_group(
        &mut self,
        top: GroupId,
        mut each: impl FnMut(&mut Self, GroupId) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let mut here = top;
        for _ in 0..MOST {
            if !each(self, here).map_err(changed)? {
                return Ok(());
            }
            match self.group_after(top, here).map_err(changed)? {
                Some(next) => here = next,
                None => return Ok(()),
            }
        }
        Err(Error::Changed)
    }

    /// The group after one in the walk below `top`: the first below it, or else the next beside it or beside the
    /// nearest above it that has one.
    fn group_after(&mut self, top: GroupId, group: GroupId) -> Result<Option<GroupId>, Error> {
        if let Some(first) = self.child_after(group, None)? {
            return Ok(Some(first));
        }
        let mut here = group;
        for _ in 0..MOST {
            if here == top {
                return Ok(None);
            }
            let above = self.account(here)?.parent.ok_or(Error::Changed)?;
            if let Some(next) = self.child_after(above, Some(here))? {
                return Ok(Some(next));
            }
            here = above;
        }
        Err(Error::Changed)
    }

    fn child_after(
        &mut self,
        group: GroupId,
        after: Option<GroupId>,
    ) -> Result<Option<GroupId>, Error> {
        let page = self.ask_limits(&ListChildren {
            group: Some(group),
            after,
        })?;
        Ok(page.items.first().copied())
    }

    /// The highest group that the caller may see: its own, or for an operator the root.
    pub(crate) fn highest(&mut self) -> Result<GroupId, Error> {
        let mut here = self.who_am_i()?.group;
        for _ in 0..MOST {
            match self.account(here)?.parent {
                Some(above) => here = above,
                None => return Ok(here),
            }
        }
        Err(Error::Changed)
    }

    /// The group that a task is in now, as far as the caller may see the task.
    ///
    /// The proc-server knows the group that it was born in; it can only have gone further down since.
    pub(crate) fn home_of(&mut self, task: TaskId) -> Result<GroupId, Error> {
        let me = self.who_am_i()?;
        if task == me.task {
            return Ok(me.group);
        }
        let born_in = self.ask_process(&ReadTask { task: Some(task) })?.group;
        if self.is_in(task, born_in)? {
            return Ok(born_in);
        }
        let mut found = None;
        let highest = self.highest()?;
        self.each_group(highest, |trees, group| {
            if trees.is_in(task, group)? {
                found = Some(group);
            }
            Ok(found.is_none())
        })?;
        found.ok_or(Error::Changed)
    }

    /// Whether a task is directly in a group: a listing goes on after it there and nowhere else.
    fn is_in(&mut self, task: TaskId, group: GroupId) -> Result<bool, Error> {
        match self.ask_limits(&ListTasks {
            group: Some(group),
            after: Some(task),
        }) {
            Ok(_) => Ok(true),
            Err(Error::Changed | Error::NoSuchPath) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
