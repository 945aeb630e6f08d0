//! One `system.toml`, read and found good.

use std::path::{Path, PathBuf};

use interfaces::system::{Mode, System};
use thiserror::Error;
use toml::de::DeTable;

use crate::guest::Binary;

use super::assemble::{assemble, least_memory};
use super::heaps;
use super::mistake::{Mistake, Note, Place};
use super::reader::{Reader, Table};
use super::sections::Draft;
use super::wrong::Wrong;

/// The largest machine, in MiB: QEMU's PC moves what is above to where 32-bit addresses do not reach.
pub const MAX_MEMORY_MIB: u64 = 3_072;
/// What the kernel, the root task, the archive and the bookkeeping need at least, in MiB.
pub(super) const SPARE_MIB: u64 = 64;

/// A program in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name, which is that of the binary too.
    pub name: String,
    /// The Cargo package that it is built from.
    pub package: String,
    /// Where it is declared.
    pub place: Place,
}

impl Program {
    /// The package that programs are in, unless the file says otherwise.
    pub const PACKAGE: &'static str = "programs";

    /// The binary that it is.
    #[must_use]
    pub fn binary(&self) -> Binary {
        Binary {
            package: self.package.clone(),
            name: self.name.clone(),
        }
    }
}

/// A `system.toml` that was read and found good.
#[derive(Clone, Debug)]
pub struct SystemFile {
    /// The file, as the user named it.
    pub path: PathBuf,
    /// What the guest receives.
    pub system: System,
    /// The programs, in the guest's order.
    pub programs: Vec<Program>,
    /// The machine's memory, in MiB.
    pub memory_mib: u32,
    /// What is allowed but has no effect.
    pub notes: Vec<Note>,
    /// Where the one heap is set whose size depends on the machine's.
    memory_heap: Place,
}

/// Why there is no system.
#[derive(Debug, Error)]
pub enum SystemError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {error}\n  expected: a file as image/system.toml is one\n  remedy:   name another one with --system", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        error: std::io::Error,
    },
    /// It has mistakes; each is a message of its own, in the order of the file.
    #[error("{}", messages(.0))]
    Mistakes(Vec<Mistake>),
    /// The memory on the command line does not fit.
    #[error("--memory {found}: the machine cannot have that much or that little\n  expected: {least} to {MAX_MEMORY_MIB} MiB\n  remedy:   choose another number, or make the heaps in {} smaller", path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// What was asked.
        found: u32,
        /// The smallest that holds the servers' heaps.
        least: u64,
    },
}

fn messages(mistakes: &[Mistake]) -> String {
    let messages: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    messages.join("\n")
}

impl SystemFile {
    /// Reads and checks a file. `shown` is how messages name it.
    pub fn load(path: &Path, shown: &Path) -> Result<Self, SystemError> {
        let text = std::fs::read_to_string(path).map_err(|error| SystemError::Unreadable {
            path: shown.to_owned(),
            error,
        })?;
        Self::parse(shown, &text)
    }

    /// Checks a text. `shown` is how messages name the file it is from.
    pub fn parse(shown: &Path, text: &str) -> Result<Self, SystemError> {
        let mut reader = Reader::new(shown, text);
        let parsed = match DeTable::parse(text) {
            Ok(parsed) => parsed,
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                // Some of the parser's messages have two lines; ours has its own.
                let message = error.message().replace('\n', "; ");
                reader.wrong(at, Wrong::Syntax { message });
                return Err(SystemError::Mistakes(reader.mistakes));
            }
        };
        let draft = Draft::read(&mut reader, Table::new("the file", 0, parsed.get_ref()));
        let memory_heap = draft.heaps.map_or(0, |heaps| heaps.memory.at);
        let memory_heap = reader.place(memory_heap);
        let assembled = assemble(&mut reader, draft);
        let by_line = |place: &Place| place.line;
        reader
            .mistakes
            .sort_by_key(|mistake| by_line(&mistake.place));
        reader.notes.sort_by_key(|note| by_line(&note.place));
        match assembled {
            Some((system, programs, memory_mib)) if reader.mistakes.is_empty() => Ok(Self {
                path: shown.to_owned(),
                system,
                programs,
                memory_mib,
                notes: reader.notes,
                memory_heap,
            }),
            _ => Err(SystemError::Mistakes(reader.mistakes)),
        }
    }

    /// The same system on a machine of another size.
    pub fn with_memory(mut self, mib: u32) -> Result<Self, SystemError> {
        let least = least_memory(self.system.heaps);
        if !(least..=MAX_MEMORY_MIB).contains(&mib.into()) {
            return Err(SystemError::Memory {
                path: self.path,
                found: mib,
                least,
            });
        }
        let checked = heaps::check(self.system.heaps, &self.system.room, mib);
        let wrong = checked.into_iter().find_map(|(_, wrong)| wrong);
        if let Some(wrong) = wrong {
            let place = self.memory_heap;
            return Err(SystemError::Mistakes(vec![Mistake { place, wrong }]));
        }
        self.memory_mib = mib;
        Ok(self)
    }

    /// The same system, booted for something else.
    #[must_use]
    pub const fn with_mode(mut self, mode: Mode) -> Self {
        self.system.mode = mode;
        self
    }
}
