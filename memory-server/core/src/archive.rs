//! The archive: the bytes that programs are made of, and where each program is in them.

use core::fmt;

use interfaces::provision::{ProgramId, ProgramName};
use interfaces::system::{PROGRAMS, System};
use tar_no_std::TarArchiveRef;

use crate::program::{ImageError, Program, SEGMENTS};

/// The folder of the archive in which programs are.
const FOLDER: &str = "programs/";

/// Why the archive's programs are not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveError {
    /// It is no archive.
    NotAnArchive,
    /// It has no program of this name.
    Missing(ProgramName),
    /// A program's image is not accepted.
    Image(ProgramName, ImageError),
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnArchive => out.write_str("the archive cannot be read"),
            Self::Missing(name) => write!(out, "the archive has no {FOLDER}{name}"),
            Self::Image(name, error) => write!(out, "{FOLDER}{name}: {error}"),
        }
    }
}

/// The programs of `system.toml`, in its order.
#[derive(Clone, Debug, Default)]
pub struct Programs(heapless::Vec<Program, PROGRAMS>);

impl Programs {
    /// Finds every program in the archive and lays it out.
    pub fn find(system: &System, archive: &[u8]) -> Result<Self, ArchiveError> {
        let mut programs = heapless::Vec::new();
        for name in &system.programs {
            let (image, offset) = member(archive, name)?;
            let program = Program::parse(name.clone(), image, offset)
                .map_err(|error| ArchiveError::Image(name.clone(), error))?;
            // As many as `system.programs` can have.
            let _ = programs.push(program);
        }
        Ok(Self(programs))
    }

    /// These programs.
    #[must_use]
    pub const fn new(programs: heapless::Vec<Program, PROGRAMS>) -> Self {
        Self(programs)
    }

    /// A program.
    #[must_use]
    pub fn get(&self, program: ProgramId) -> Option<&Program> {
        self.0.get(usize::from(program.0))
    }

    /// The most areas that a program needs: one for each segment, and the stack.
    #[must_use]
    pub fn most_areas(&self) -> u32 {
        let segments = self.0.iter().map(|program| program.segments().len()).max();
        u32::try_from(segments.unwrap_or(SEGMENTS))
            .unwrap_or(u32::MAX)
            .saturating_add(1)
    }
}

/// A program's image, and where it begins in the archive.
fn member<'a>(archive: &'a [u8], name: &ProgramName) -> Result<(&'a [u8], u32), ArchiveError> {
    let members = TarArchiveRef::new(archive).map_err(|_| ArchiveError::NotAnArchive)?;
    let image = members
        .entries()
        .find(|entry| {
            let filename = entry.filename();
            filename
                .as_str()
                .ok()
                .and_then(|path| path.strip_prefix(FOLDER))
                == Some(name.as_str())
        })
        .map(|entry| entry.data())
        .ok_or_else(|| ArchiveError::Missing(name.clone()))?;
    // `image` is a part of `archive`, so the difference of their addresses is its place in it.
    let offset = image.as_ptr().addr().wrapping_sub(archive.as_ptr().addr());
    let offset = u32::try_from(offset).map_err(|_| ArchiveError::NotAnArchive)?;
    Ok((image, offset))
}
