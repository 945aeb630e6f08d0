//! The archive that is part of the root task: a ustar file with `system`, `servers/…` and `programs/…`.

use core::fmt;

use interfaces::ServerName;
use tar_no_std::TarArchiveRef;

/// A member, found by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archive<'a> {
    bytes: &'a [u8],
}

impl<'a> Archive<'a> {
    /// Opens an archive. What is wrong with it shows when members are looked for.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Its length.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The member that holds the encoded system.
    pub fn system(&self) -> Result<&'a [u8], ArchiveError> {
        self.find(&["", interfaces::system::MEMBER])
    }

    /// The ELF file of a server.
    pub fn server(&self, server: ServerName) -> Result<&'a [u8], ArchiveError> {
        self.find(&["servers/", server.name()])
    }

    /// The member whose name is these parts, joined.
    fn find(&self, name: &[&'static str; 2]) -> Result<&'a [u8], ArchiveError> {
        let [folder, file] = *name;
        if self.bytes.is_empty() {
            return Err(ArchiveError::Empty);
        }
        let archive = TarArchiveRef::new(self.bytes).map_err(|_| ArchiveError::NotTar)?;
        archive
            .entries()
            .find(|entry| {
                entry.filename().as_str().is_ok_and(|found| {
                    found.trim_start_matches("./").strip_prefix(folder) == Some(file)
                })
            })
            .map(|entry| entry.data())
            .ok_or(ArchiveError::Missing { folder, file })
    }
}

/// Why a member was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveError {
    /// The root task was built without an archive.
    Empty,
    /// What it was built with is no tar file.
    NotTar,
    /// There is no such member.
    Missing {
        /// The folder, with its slash.
        folder: &'static str,
        /// The file.
        file: &'static str,
    },
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => out.write_str(
                "the root task was built without an archive; build it with `cargo image build`",
            ),
            Self::NotTar => out.write_str("the archive in the root task is no tar file"),
            Self::Missing { folder, file } => write!(
                out,
                "the archive has no member {folder}{file}; is it in image/system.toml?"
            ),
        }
    }
}
