//! `/proc`: the tasks that the caller may see, and what is known of each.
//!
//! `status` is what the proc-server knows, a name and a value a line; `limit` is a table of what the task's group
//! uses, may use, and has left until some group above refuses; `file` names the program; `ctl` takes `kill`.
//!
//! There is nothing to be looked into beside that: whoever may end a task may not read its memory or its registers, and
//! nobody can stop one thread and not its group (`/cgroup/…/cgroup.freeze` does that).

use core::fmt;

use interfaces::limits::{EffectiveLimit, ReadAccount};
use interfaces::process::{Kill, ReadTask};
use interfaces::{Limit, Resource, TaskId};

use crate::error::{Error, Feature};
use crate::path::{Parts, id_name};
use crate::servers::Servers;
use crate::text::{self, Expected};
use crate::tree::{Each, Entry, Trees};

/// The caller's own directory.
const SELF: &str = "curproc";
/// What there is of a task.
const FILES: [(&str, File); 4] = [
    ("ctl", File::Control),
    ("file", File::Program),
    ("limit", File::Limit),
    ("status", File::Status),
];
/// What procfs has elsewhere and no server offers yet.
const UNSERVED: [&str; 4] = ["mem", "note", "notepg", "regs"];

/// A file of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum File {
    Control,
    Program,
    Status,
    Limit,
}

/// What a path stands for.
enum Place {
    Top,
    Task(TaskId),
    File(TaskId, File),
}

impl<S: Servers> Trees<S> {
    pub(crate) fn list_process(
        &mut self,
        parts: Parts<'_>,
        each: &mut Each<'_>,
    ) -> Result<(), Error> {
        match self.process_place(parts)? {
            Place::Top => {
                each(Entry::directory(SELF));
                self.each_visible_task(|task| each(Entry::directory(id_name(task).as_str())))
            }
            Place::Task(task) => {
                self.ask_process(&ReadTask { task: Some(task) })?;
                for (name, _) in FILES {
                    each(Entry::file(name));
                }
                Ok(())
            }
            Place::File(..) => Err(Error::NotADirectory),
        }
    }

    pub(crate) fn read_process(
        &mut self,
        parts: Parts<'_>,
        out: &mut dyn fmt::Write,
    ) -> Result<(), Error> {
        match self.process_place(parts)? {
            Place::File(_, File::Control) => Err(Error::NotReadable),
            Place::File(task, File::Program) => {
                let account = self.ask_process(&ReadTask { task: Some(task) })?;
                Ok(writeln!(out, "{}", account.program)?)
            }
            Place::File(task, File::Status) => self.print_task(task, out),
            Place::File(task, File::Limit) => self.print_limits(task, out),
            Place::Top | Place::Task(_) => Err(Error::IsADirectory),
        }
    }

    pub(crate) fn write_process(&mut self, parts: Parts<'_>, bytes: &[u8]) -> Result<(), Error> {
        match self.process_place(parts)? {
            Place::File(task, File::Control) => {
                text::expect(1, text::line(bytes)?, Expected::Kill, text::kill)?;
                self.ask_process(&Kill { task })
            }
            Place::File(..) => Err(Error::NotWritable),
            Place::Top | Place::Task(_) => Err(Error::IsADirectory),
        }
    }

    fn process_place(&mut self, mut parts: Parts<'_>) -> Result<Place, Error> {
        let task = match parts.next() {
            None => return Ok(Place::Top),
            Some(SELF) => self.who_am_i()?.task,
            Some(id) => text::task(id).ok_or(Error::NoSuchPath)?,
        };
        let Some(name) = parts.next() else {
            return Ok(Place::Task(task));
        };
        if UNSERVED.contains(&name) {
            return Err(Error::NotServed(Feature::Inspect));
        }
        let file = FILES.into_iter().find(|(known, _)| *known == name);
        let (_, file) = file.ok_or(Error::NoSuchPath)?;
        parts.end()?;
        Ok(Place::File(task, file))
    }

    /// Does something for every task that the caller may read: in its own group itself and its descendants, in the
    /// groups below it all.
    fn each_visible_task(&mut self, mut each: impl FnMut(TaskId)) -> Result<(), Error> {
        let highest = self.highest()?;
        self.each_group(highest, |trees, group| {
            trees.each_task(group, |trees, task| {
                match trees.ask_process(&ReadTask { task: Some(task) }) {
                    Ok(_) => each(task),
                    // Another's, or gone meanwhile.
                    Err(Error::NoSuchPath) => {}
                    Err(error) => return Err(error),
                }
                Ok(())
            })?;
            Ok(true)
        })
    }

    fn print_task(&mut self, task: TaskId, out: &mut dyn fmt::Write) -> Result<(), Error> {
        let account = self.ask_process(&ReadTask { task: Some(task) })?;
        let group = self.home_of(task)?;
        writeln!(out, "task {}\nprogram {}", account.task, account.program)?;
        match account.parent {
            Some(parent) => writeln!(out, "parent {parent}")?,
            None => writeln!(out, "parent -")?,
        }
        writeln!(out, "group {group}\nborn-in {}", account.group)?;
        writeln!(
            out,
            "threads {}\nchildren {}",
            account.threads, account.children
        )?;
        writeln!(out, "lost-ends {}", account.lost_ends)?;
        Ok(())
    }

    fn print_limits(&mut self, task: TaskId, out: &mut dyn fmt::Write) -> Result<(), Error> {
        let group = Some(self.home_of(task)?);
        let account = self.ask_limits(&ReadAccount { group })?;
        writeln!(
            out,
            "{:<16} {:>11} {:>11} {:>11}",
            "resource", "used", "limit", "left"
        )?;
        for resource in Resource::ALL {
            let left = self.ask_limits(&EffectiveLimit { group, resource })?.left;
            let used = account.usage.get(resource);
            let limit = account
                .limit
                .get(resource.index())
                .copied()
                .unwrap_or(Limit::Max);
            writeln!(out, "{resource:<16} {used:>11} {limit:>11} {left:>11}")?;
        }
        Ok(())
    }
}
