//! The three trees under one root, and what can be done with a path.

use core::fmt;

use interfaces::limits::{Owner, ReadOwner};

use crate::error::Error;
use crate::limit::Opened;
use crate::path::Parts;
use crate::servers::Servers;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// More names.
    Directory,
    /// Text.
    File,
}

/// A name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The name.
    pub name: &'a str,
    /// What it stands for.
    pub kind: Kind,
}

impl<'a> Entry<'a> {
    /// A directory of this name.
    pub(crate) const fn directory(name: &'a str) -> Self {
        Self {
            name,
            kind: Kind::Directory,
        }
    }

    /// A file of this name.
    pub(crate) const fn file(name: &'a str) -> Self {
        Self {
            name,
            kind: Kind::File,
        }
    }
}

impl fmt::Display for Entry<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Directory => write!(out, "{}/", self.name),
            Kind::File => out.write_str(self.name),
        }
    }
}

/// Who is told of each name in a directory.
pub(crate) type Each<'a> = dyn FnMut(Entry<'_>) + 'a;

/// The trees as the caller may see them.
#[derive(Debug)]
pub struct Trees<S> {
    pub(crate) servers: S,
}

impl<S: Servers> Trees<S> {
    /// The trees over these servers.
    pub const fn new(servers: S) -> Self {
        Self { servers }
    }

    /// Names everything in a directory. What comes after an error is missing.
    pub fn list(&mut self, path: &str, each: &mut dyn FnMut(Entry<'_>)) -> Result<(), Error> {
        let mut parts = Parts::of(path)?;
        match parts.next() {
            None => {
                for name in ["cgroup", "limit", "proc"] {
                    each(Entry::directory(name));
                }
                Ok(())
            }
            Some("limit") => self.list_limit(parts, each),
            Some("cgroup") => self.list_cgroup(parts, each),
            Some("proc") => self.list_process(parts, each),
            Some(_) => Err(Error::NoSuchPath),
        }
    }

    /// Reads a file. Reading a `clone` or a `switch` opens it first, which does what it is for.
    pub fn read(&mut self, path: &str, out: &mut dyn fmt::Write) -> Result<(), Error> {
        let mut parts = Parts::of(path)?;
        match parts.next() {
            None => Err(Error::IsADirectory),
            Some("limit") => self.read_limit(parts, out),
            Some("cgroup") => self.read_cgroup(parts, out),
            Some("proc") => self.read_process(parts, out),
            Some(_) => Err(Error::NoSuchPath),
        }
    }

    /// Writes a file: whole lines, all of them or none.
    pub fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut parts = Parts::of(path)?;
        match parts.next() {
            None => Err(Error::IsADirectory),
            Some("limit") => self.write_limit(parts, bytes),
            Some("cgroup") => self.write_cgroup(parts, bytes),
            Some("proc") => self.write_process(parts, bytes),
            Some(_) => Err(Error::NoSuchPath),
        }
    }

    /// Makes a directory below `/cgroup`: opens a group and labels it with the name.
    ///
    /// The group is kept, whatever becomes of the caller, until somebody removes the directory.
    pub fn make_directory(&mut self, path: &str) -> Result<(), Error> {
        let mut parts = Parts::of(path)?;
        match parts.next() {
            Some("cgroup") => self.make_group(parts),
            Some("limit" | "proc") | None => Err(Error::FixedDirectory),
            Some(_) => Err(Error::NoSuchPath),
        }
    }

    /// Removes a directory below `/cgroup`, and its group, if it is empty.
    pub fn remove_directory(&mut self, path: &str) -> Result<(), Error> {
        let mut parts = Parts::of(path)?;
        match parts.next() {
            Some("cgroup") => self.remove_group(parts),
            Some("limit" | "proc") | None => Err(Error::FixedDirectory),
            Some(_) => Err(Error::NoSuchPath),
        }
    }

    /// Who owns the group that a directory stands for, and its mode.
    pub fn owner(&mut self, path: &str) -> Result<Owner, Error> {
        let mut parts = Parts::of(path)?;
        let group = match parts.next() {
            Some("limit") => self.limit_group(parts)?,
            Some("cgroup") => self.cgroup_group(parts)?,
            _ => return Err(Error::NoSuchPath),
        };
        self.ask_limits(&ReadOwner { group: Some(group) })
    }

    /// Opens a `clone` (a new group below) or a `switch` (into a group), and says which group it is.
    pub fn open(&mut self, path: &str) -> Result<Opened, Error> {
        let mut parts = Parts::of(path)?;
        match parts.next() {
            Some("limit") => self.open_limit(parts),
            _ => Err(Error::NotOpened),
        }
    }
}
