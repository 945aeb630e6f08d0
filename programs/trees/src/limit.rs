//! `/limit`: the caller's own group as `ctl clone switch status`, and each group that it may see below `groups`.
//!
//! The files are devlimit's, as its manual page describes them; where they differ on purpose, the crate's header
//! says so. A group's numbers are three of the kinds that it can be limited in: groups, tasks and pages reserved.

use core::fmt;

use interfaces::limits::{CloseGroup, Enter, LabelText, SetLabel, SetLimit};
use interfaces::memory::ReadCommit;
use interfaces::{GroupId, Limit, Resource};

use crate::error::Error;
use crate::path::{Parts, id_name};
use crate::servers::Servers;
use crate::text::{self, BadText, Excerpt, Expected, Mistake};
use crate::tree::{Each, Entry, Trees};

/// The width of a number in `status`: Plan 9's `NUMSIZE` less one.
const WIDTH: usize = 11;

/// The commands that set a limit, and the kind of each, in the order of the lines of `status`.
const COMMANDS: [(&str, Resource); 3] = [
    ("mlim", Resource::Groups),
    ("mproc", Resource::Tasks),
    ("mpage", Resource::Commit),
];

/// A file of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum File {
    Ctl,
    Clone,
    Switch,
    Status,
    /// The whole machine's: beside the caller's own group only.
    Commit,
}

/// The file that no group has.
const COMMIT: &str = "commit";

const FILES: [(&str, File); 4] = [
    ("ctl", File::Ctl),
    ("clone", File::Clone),
    ("switch", File::Switch),
    ("status", File::Status),
];

/// What a path stands for.
enum Place {
    /// The caller's own group, with the directory of all.
    Top,
    /// The directory of all groups.
    Groups,
    /// A group's directory.
    Group(GroupId),
    /// A group's file.
    File(GroupId, File),
}

/// A group that a `clone` or a `switch` was opened for.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what a clone made lives until it is closed, or the caller exits"]
pub struct Opened {
    group: GroupId,
    /// Whether the caller holds on to it since.
    held: bool,
}

impl Opened {
    /// The group: a `clone`'s is new. The caller is in it.
    #[must_use]
    pub const fn group(&self) -> GroupId {
        self.group
    }
}

impl<S: Servers> Trees<S> {
    /// Lets go of what [`Trees::open`] opened: a group that nothing else keeps vanishes.
    #[expect(clippy::needless_pass_by_value, reason = "taking it is what ends it")]
    pub fn close(&mut self, opened: Opened) -> Result<(), Error> {
        if opened.held {
            self.ask_limits(&CloseGroup {
                group: opened.group,
            })?;
        }
        Ok(())
    }

    pub(crate) fn list_limit(
        &mut self,
        parts: Parts<'_>,
        each: &mut Each<'_>,
    ) -> Result<(), Error> {
        let place = self.limit_place(parts)?;
        match place {
            Place::Top => {}
            Place::Groups => {
                let highest = self.highest()?;
                return self.each_group(highest, |_, group| {
                    each(Entry::directory(id_name(group).as_str()));
                    Ok(true)
                });
            }
            Place::Group(group) => {
                // There are files only where there is a group.
                self.account(group)?;
            }
            Place::File(..) => return Err(Error::NotADirectory),
        }
        for (name, _) in FILES {
            each(Entry::file(name));
        }
        if matches!(place, Place::Top) {
            each(Entry::file(COMMIT));
            each(Entry::directory("groups"));
        }
        Ok(())
    }

    pub(crate) fn read_limit(
        &mut self,
        parts: Parts<'_>,
        out: &mut dyn fmt::Write,
    ) -> Result<(), Error> {
        let Place::File(group, file) = self.limit_place(parts)? else {
            return Err(Error::IsADirectory);
        };
        match file {
            File::Ctl => writeln!(out, "{}", self.account(group)?.group)?,
            File::Status => self.print_status(group, out)?,
            File::Commit => {
                let commit = self.ask_memory(&ReadCommit {})?;
                writeln!(out, "{:>WIDTH$} {:>WIDTH$}", commit.most, commit.promised)?;
                writeln!(out, "{:>WIDTH$}", commit.overcommit)?;
            }
            File::Clone => {
                // There is no descriptor whose end would let go of it: the caller's own end does.
                let opened = self.clone_group(group)?;
                writeln!(out, "{}", opened.group)?;
            }
            File::Switch => {
                let _ = self.switch(group)?;
            }
        }
        Ok(())
    }

    pub(crate) fn write_limit(&mut self, parts: Parts<'_>, bytes: &[u8]) -> Result<(), Error> {
        match self.limit_place(parts)? {
            Place::File(group, File::Ctl) => {
                let settings = Settings::parse(bytes)?;
                self.apply(group, &settings)
            }
            Place::File(..) => Err(Error::NotWritable),
            _ => Err(Error::IsADirectory),
        }
    }

    pub(crate) fn open_limit(&mut self, parts: Parts<'_>) -> Result<Opened, Error> {
        match self.limit_place(parts)? {
            Place::File(group, File::Clone) => self.clone_group(group),
            Place::File(group, File::Switch) => self.switch(group),
            _ => Err(Error::NotOpened),
        }
    }

    /// The group of a directory.
    pub(crate) fn limit_group(&mut self, parts: Parts<'_>) -> Result<GroupId, Error> {
        match self.limit_place(parts)? {
            Place::Top => Ok(self.who_am_i()?.group),
            Place::Group(group) => Ok(group),
            Place::Groups | Place::File(..) => Err(Error::NotADirectory),
        }
    }

    fn limit_place(&mut self, mut parts: Parts<'_>) -> Result<Place, Error> {
        let (group, name) = match parts.next() {
            None => return Ok(Place::Top),
            Some("groups") => {
                let Some(id) = parts.next() else {
                    return Ok(Place::Groups);
                };
                let group = text::group(id).ok_or(Error::NoSuchPath)?;
                let Some(name) = parts.next() else {
                    return Ok(Place::Group(group));
                };
                (Some(group), name)
            }
            Some(name) => (None, name),
        };
        let file = FILES
            .into_iter()
            .chain(group.is_none().then_some((COMMIT, File::Commit)))
            .find(|(known, _)| *known == name);
        let (_, file) = file.ok_or(Error::NoSuchPath)?;
        parts.end()?;
        let group = match group {
            Some(group) => group,
            None => self.who_am_i()?.group,
        };
        Ok(Place::File(group, file))
    }

    fn print_status(&mut self, group: GroupId, out: &mut dyn fmt::Write) -> Result<(), Error> {
        let account = self.account(group)?;
        writeln!(out, "{}", account.label)?;
        for (_, kind) in COMMANDS {
            let limit = account
                .limit
                .get(kind.index())
                .copied()
                .unwrap_or(Limit::Max);
            writeln!(out, "{limit:>WIDTH$} {:>WIDTH$}", account.usage.get(kind))?;
        }
        Ok(())
    }

    /// Opens a group below one and goes there, or does neither.
    fn clone_group(&mut self, parent: GroupId) -> Result<Opened, Error> {
        let group = self.open_group(parent)?;
        if let Err(error) = self.ask_limits(&Enter { group }) {
            // Why it did not go there is what there is to tell.
            let _ = self.ask_limits(&CloseGroup { group });
            return Err(error);
        }
        Ok(Opened { group, held: true })
    }

    fn switch(&mut self, group: GroupId) -> Result<Opened, Error> {
        self.ask_limits(&Enter { group })?;
        Ok(Opened { group, held: false })
    }

    /// Sets everything or nothing.
    ///
    /// The label comes first because what it costs can be given back; a place for limits is kept, once a group has
    /// one, and when it has no setting of a limit is refused. So what is taken back leaves no trace but in peaks.
    fn apply(&mut self, group: GroupId, settings: &Settings) -> Result<(), Error> {
        let before = self.account(group)?;
        if let Some(label) = &settings.label {
            self.ask_limits(&SetLabel {
                group,
                label: label.clone(),
            })?;
        }
        let Err(error) = self.apply_limits(group, settings) else {
            return Ok(());
        };
        // The error is what there is to tell. A group that vanished meanwhile needs nothing back.
        for ((_, resource), _) in COMMANDS
            .into_iter()
            .zip(settings.limits)
            .filter(|(_, set)| set.is_some())
        {
            let limit = before
                .limit
                .get(resource.index())
                .copied()
                .unwrap_or(Limit::Max);
            let _ = self.ask_limits(&SetLimit {
                group,
                resource,
                limit,
            });
        }
        if settings.label.is_some() {
            let _ = self.ask_limits(&SetLabel {
                group,
                label: before.label,
            });
        }
        Err(error)
    }

    fn apply_limits(&mut self, group: GroupId, settings: &Settings) -> Result<(), Error> {
        for ((_, resource), limit) in COMMANDS.into_iter().zip(settings.limits) {
            if let Some(limit) = limit {
                self.ask_limits(&SetLimit {
                    group,
                    resource,
                    limit,
                })?;
            }
        }
        Ok(())
    }
}

/// What a write to a `ctl` asks for, all lines together: of two for the same thing, the later one counts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Settings {
    label: Option<LabelText>,
    /// In the order of [`COMMANDS`].
    limits: [Option<Limit>; COMMANDS.len()],
}

impl Settings {
    fn parse(bytes: &[u8]) -> Result<Self, BadText> {
        let mut settings = Self::default();
        for (line, text) in text::lines(bytes)? {
            settings.command(line, text)?;
        }
        Ok(settings)
    }

    fn command(&mut self, line: u32, text: &str) -> Result<(), BadText> {
        let wrong = |mistake| BadText { line, mistake };
        let (command, rest) = text.split_once(' ').unwrap_or((text, ""));
        let known = COMMANDS
            .iter()
            .zip(&mut self.limits)
            .find(|((name, _), _)| *name == command);
        if known.is_none() && command != "label" {
            return Err(wrong(Mistake::UnknownCommand(Excerpt::cut(command))));
        }
        let words = rest.split_terminator(' ').count();
        if words != 1 {
            let found = u32::try_from(words).unwrap_or(u32::MAX);
            return Err(wrong(Mistake::Words { found }));
        }
        match known {
            Some((_, limit)) => {
                *limit = Some(text::expect(line, rest, Expected::Limit, text::limit)?);
            }
            None => self.label = Some(text::label(rest).map_err(wrong)?),
        }
        Ok(())
    }
}
