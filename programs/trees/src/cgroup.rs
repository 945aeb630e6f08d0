//! `/cgroup`: the groups below the caller's as directories, with cgroup v2's files.
//!
//! `pids` are tasks, `memory` is frames, in bytes; a file that stands for something no server does yet says so.

use core::fmt;

use interfaces::limits::{
    CloseGroup, Enter, Hold, LabelText, ReadFreeze, ReadGuarantee, ReadResource, RemoveGroup,
    ResourceAccount, SetLabel, SetLimit,
};
use interfaces::memory::{Guarantee, PAGE_BYTES, ReadCommit};
use interfaces::process::{Freeze, KillGroup, MoveTask, Thaw};
use interfaces::{GroupId, Limit, Resource};

use crate::error::{Error, Refusal};
use crate::names::is_name;
use crate::path::Parts;
use crate::servers::Servers;
use crate::text::{self, Expected};
use crate::tree::{Each, Entry, Trees};

/// A file of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum File {
    Events,
    Freeze,
    Kill,
    Procs,
    Stat,
    MemoryCurrent,
    MemoryEvents,
    MemoryMax,
    MemoryMin,
    MemoryPeak,
    MemoryStat,
    PidsCurrent,
    PidsEvents,
    PidsMax,
    PidsPeak,
}

const FILES: [(&str, File); 15] = [
    ("cgroup.events", File::Events),
    ("cgroup.freeze", File::Freeze),
    ("cgroup.kill", File::Kill),
    ("cgroup.procs", File::Procs),
    ("cgroup.stat", File::Stat),
    ("memory.current", File::MemoryCurrent),
    ("memory.events", File::MemoryEvents),
    ("memory.max", File::MemoryMax),
    ("memory.min", File::MemoryMin),
    ("memory.peak", File::MemoryPeak),
    ("memory.stat", File::MemoryStat),
    ("pids.current", File::PidsCurrent),
    ("pids.events", File::PidsEvents),
    ("pids.max", File::PidsMax),
    ("pids.peak", File::PidsPeak),
];

impl File {
    /// The file of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        FILES
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, file)| file)
    }
}

/// What a path stands for: a group's directory, or a file in it.
struct Place {
    group: GroupId,
    file: Option<File>,
}

impl<S: Servers> Trees<S> {
    pub(crate) fn list_cgroup(
        &mut self,
        parts: Parts<'_>,
        each: &mut Each<'_>,
    ) -> Result<(), Error> {
        let Place { group, file: None } = self.cgroup_place(parts)? else {
            return Err(Error::NotADirectory);
        };
        self.each_child_name(group, |name| each(Entry::directory(name)))?;
        for (name, _) in FILES {
            each(Entry::file(name));
        }
        Ok(())
    }

    pub(crate) fn read_cgroup(
        &mut self,
        parts: Parts<'_>,
        out: &mut dyn fmt::Write,
    ) -> Result<(), Error> {
        let Place { group, file } = self.cgroup_place(parts)?;
        match file.ok_or(Error::IsADirectory)? {
            File::Kill => return Err(Error::NotReadable),
            File::Freeze => {
                let times = self.ask_limits(&ReadFreeze { group: Some(group) })?.times;
                writeln!(out, "{}", u8::from(times > 0))?;
            }
            File::MemoryMin => {
                let group = Some(group);
                let pages = self.ask_limits(&ReadGuarantee { group })?.pages;
                writeln!(out, "{}", Bytes(pages))?;
            }
            File::Procs => self.each_task(group, |_, task| Ok(writeln!(out, "{task}")?))?,
            File::Events => {
                let tasks = self.resource(group, Resource::Tasks)?.usage;
                let frozen = self.ask_limits(&ReadFreeze { group: Some(group) })?.frozen;
                let (populated, frozen) = (u8::from(tasks > 0), u8::from(frozen));
                writeln!(out, "populated {populated}\nfrozen {frozen}")?;
            }
            File::Stat => {
                let below = self.usage(group)?.get(Resource::Groups);
                writeln!(out, "nr_descendants {below}\nnr_dying_descendants 0")?;
            }
            File::MemoryStat => {
                let usage = self.usage(group)?;
                writeln!(out, "anon {}", Bytes(usage.get(Resource::Frames)))?;
                writeln!(out, "kernel {}", usage.get(Resource::KernelMemory))?;
                writeln!(out, "reserved {}", Bytes(usage.get(Resource::Commit)))?;
                let commit = self.ask_memory(&ReadCommit {})?;
                writeln!(out, "machine_promised {}", Bytes(commit.promised))?;
                writeln!(out, "machine_most {}", Bytes(commit.most))?;
                writeln!(out, "overcommit {}", commit.overcommit)?;
            }
            File::MemoryEvents => {
                let refusals = self.resource(group, Resource::Frames)?.refusals;
                writeln!(out, "low 0\nhigh 0\nmax {refusals}\noom {refusals}")?;
            }
            File::MemoryCurrent => {
                writeln!(
                    out,
                    "{}",
                    Bytes(self.resource(group, Resource::Frames)?.usage)
                )?;
            }
            File::MemoryPeak => {
                writeln!(
                    out,
                    "{}",
                    Bytes(self.resource(group, Resource::Frames)?.peak)
                )?;
            }
            File::MemoryMax => match self.resource(group, Resource::Frames)?.limit {
                Limit::Max => writeln!(out, "max")?,
                Limit::At(frames) => writeln!(out, "{}", Bytes(frames))?,
            },
            File::PidsCurrent => writeln!(out, "{}", self.resource(group, Resource::Tasks)?.usage)?,
            File::PidsPeak => writeln!(out, "{}", self.resource(group, Resource::Tasks)?.peak)?,
            File::PidsMax => writeln!(out, "{}", self.resource(group, Resource::Tasks)?.limit)?,
            File::PidsEvents => {
                writeln!(
                    out,
                    "max {}",
                    self.resource(group, Resource::Tasks)?.refusals
                )?;
            }
        }
        Ok(())
    }

    pub(crate) fn write_cgroup(&mut self, parts: Parts<'_>, bytes: &[u8]) -> Result<(), Error> {
        let Place { group, file } = self.cgroup_place(parts)?;
        match file.ok_or(Error::IsADirectory)? {
            File::PidsMax => {
                let limit = text::expect(1, text::line(bytes)?, Expected::Limit, text::limit)?;
                self.ask_limits(&SetLimit {
                    group,
                    resource: Resource::Tasks,
                    limit,
                })
            }
            File::MemoryMax => {
                let limit = text::expect(1, text::line(bytes)?, Expected::Bytes, text::pages)?;
                self.ask_limits(&SetLimit {
                    group,
                    resource: Resource::Frames,
                    limit,
                })
            }
            File::Procs => {
                let task = text::expect(1, text::line(bytes)?, Expected::Task, text::task)?;
                if task == self.who_am_i()?.task {
                    // Oneself goes by the right to go down, not by one to move others.
                    return self.ask_limits(&Enter { group });
                }
                self.ask_process(&MoveTask { task, group })
            }
            File::Kill => {
                text::expect(1, text::line(bytes)?, Expected::One, text::one)?;
                self.ask_process(&KillGroup { group }).map(|_receipt| ())
            }
            File::Freeze => {
                let freeze = text::expect(1, text::line(bytes)?, Expected::Switch, text::switch)?;
                self.set_frozen(group, freeze)
            }
            File::MemoryMin => {
                match text::expect(1, text::line(bytes)?, Expected::Bytes, text::pages)? {
                    Limit::At(pages) => self.ask_memory(&Guarantee { group, pages }),
                    // Nobody can be guaranteed everything.
                    Limit::Max => Err(Error::Refused(Refusal::Full)),
                }
            }
            _ => Err(Error::NotWritable),
        }
    }

    /// Freezes a group that is not, or thaws it as often as it was frozen: a file has no count.
    fn set_frozen(&mut self, group: GroupId, freeze: bool) -> Result<(), Error> {
        let times = self.ask_limits(&ReadFreeze { group: Some(group) })?.times;
        if freeze && times == 0 {
            self.ask_process(&Freeze { group })?;
        }
        for _ in 0..if freeze { 0 } else { times } {
            if self.ask_process(&Thaw { group })? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Opens a group, labels it and keeps it, or does nothing of it.
    pub(crate) fn make_group(&mut self, parts: Parts<'_>) -> Result<(), Error> {
        let (above, name) = parts.split_last().ok_or(Error::AlreadyThere)?;
        let Place {
            group: parent,
            file: None,
        } = self.cgroup_place(above)?
        else {
            return Err(Error::NotADirectory);
        };
        if File::by_name(name).is_some() {
            return Err(Error::AlreadyThere);
        }
        match self.child_named(parent, name) {
            Ok(_) => return Err(Error::AlreadyThere),
            Err(Error::NoSuchPath) => {}
            Err(error) => return Err(error),
        }
        let label = LabelText::try_new(name)
            .filter(|_| is_name(name))
            .ok_or(Error::BadName)?;
        let group = self.open_group(parent)?;
        let kept = self
            .ask_limits(&SetLabel { group, label })
            .and_then(|()| self.ask_limits(&Hold { group }));
        // What keeps the group from here on is the hold, whatever becomes of the caller. Without one it vanishes, and
        // why there is none is what there is to tell.
        let closed = self.ask_limits(&CloseGroup { group });
        kept.and(closed)
    }

    /// Removes a group that holds nothing.
    pub(crate) fn remove_group(&mut self, parts: Parts<'_>) -> Result<(), Error> {
        let mut names = parts;
        names.next().ok_or(Error::FixedDirectory)?;
        let Place { group, file: None } = self.cgroup_place(parts)? else {
            return Err(Error::NotADirectory);
        };
        match self.ask_limits(&RemoveGroup { group }) {
            // It says no more, and the numbers are what a person wants to know.
            Err(Error::NotEmpty(_)) => Err(Error::NotEmpty(self.usage(group)?)),
            done => done,
        }
    }

    /// The group of a directory.
    pub(crate) fn cgroup_group(&mut self, parts: Parts<'_>) -> Result<GroupId, Error> {
        match self.cgroup_place(parts)? {
            Place { group, file: None } => Ok(group),
            Place { .. } => Err(Error::NotADirectory),
        }
    }

    fn cgroup_place(&mut self, mut parts: Parts<'_>) -> Result<Place, Error> {
        let mut group = self.who_am_i()?.group;
        while let Some(name) = parts.next() {
            if let Some(file) = File::by_name(name) {
                parts.end()?;
                return Ok(Place {
                    group,
                    file: Some(file),
                });
            }
            group = self.child_named(group, name)?;
        }
        Ok(Place { group, file: None })
    }

    fn resource(&mut self, group: GroupId, resource: Resource) -> Result<ResourceAccount, Error> {
        self.ask_limits(&ReadResource {
            group: Some(group),
            resource,
        })
    }
}

/// Frames, shown as bytes.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A limit in frames can be beyond 2^64 bytes.
        let bytes = u128::from(self.0).saturating_mul(u128::from(PAGE_BYTES));
        fmt::Display::fmt(&bytes, out)
    }
}
