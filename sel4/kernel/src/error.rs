//! What can go wrong, and what to do about it. Each `Display` is one message for the person at the keyboard.

use core::fmt;
use std::path::PathBuf;

/// Why the kernel's source could not be found.
#[derive(Debug)]
pub enum SourceError {
    /// `cargo metadata` failed.
    Metadata(cargo_metadata::Error),
    /// The package is not among those that Cargo knows here.
    NotInLock,
    /// Cargo knows the package but a file of it is not there.
    NotFetched(PathBuf),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metadata(error) => write!(
                f,
                "cannot ask Cargo where the kernel's source lies: {}; if Cargo.lock is out of date, `cargo fetch` updates it, else `cargo fetch --locked` brings what is missing",
                error.to_string().trim_end()
            ),
            Self::NotInLock => f.write_str(
                "Cargo.lock has no package sel4-sys, which carries the kernel's source; restore Cargo.lock from the repository",
            ),
            Self::NotFetched(path) => write!(
                f,
                "{} is missing from Cargo's copy of sel4-sys; run `cargo fetch --locked` and try again",
                path.display()
            ),
        }
    }
}

impl std::error::Error for SourceError {}

/// Why the kernel could not be built.
#[derive(Debug)]
pub enum BuildError {
    /// The source was not found.
    Source(SourceError),
    /// A tool is not installed.
    MissingTool {
        /// The program, or the Python module.
        tool: &'static str,
        /// The Debian packages that bring it.
        packages: &'static str,
    },
    /// A command ran and failed.
    Command {
        /// What was being done, and by which program.
        command: String,
        /// How it ended.
        status: String,
        /// The last lines of what it said.
        tail: String,
    },
    /// A file could not be read or written.
    File {
        /// What was being done.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's answer.
        error: std::io::Error,
    },
    /// The kernel's Makefiles have a line that is not understood.
    Makefile {
        /// Which one.
        path: PathBuf,
        /// The line.
        line: String,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => error.fmt(f),
            Self::MissingTool { tool, packages } => {
                write!(
                    f,
                    "building the kernel needs {tool}, which is not installed; on Debian: apt-get install {packages}"
                )
            }
            Self::Command {
                command,
                status,
                tail,
            } => {
                write!(f, "{command} failed ({status})")?;
                if tail.is_empty() {
                    Ok(())
                } else {
                    write!(f, ":\n{tail}")
                }
            }
            Self::File { doing, path, error } => {
                write!(f, "cannot {doing} {}: {error}", path.display())
            }
            Self::Makefile { path, line } => {
                write!(
                    f,
                    "{} has a line that the source list cannot be read from: {line}",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for BuildError {}

impl From<SourceError> for BuildError {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}
