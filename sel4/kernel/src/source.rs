//! Where the kernel's source lies on this machine, and which one it is.

use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;

use crate::SourceError;

/// The package that carries the kernel.
const PACKAGE: &str = "sel4-sys";

/// The kernel's source, in Cargo's own copy. Read-only by agreement: Cargo checked it once, when it unpacked it.
#[derive(Clone, Debug)]
pub struct KernelSource {
    root: PathBuf,
    identity: String,
}

impl KernelSource {
    /// Asks Cargo.
    pub fn locate() -> Result<Self, SourceError> {
        let metadata = MetadataCommand::new()
            .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
            // Else Cargo would resolve anew, and the checksum in Cargo.lock would bind nobody.
            .other_options(vec!["--locked".to_owned()])
            .exec()
            .map_err(SourceError::Metadata)?;
        let package = metadata
            .packages
            .iter()
            .find(|package| package.name == PACKAGE)
            .ok_or(SourceError::NotInLock)?;
        let folder = package
            .manifest_path
            .parent()
            .ok_or(SourceError::NotInLock)?;
        let root = folder.join("seL4").into_std_path_buf();
        let version = root.join("VERSION");
        if !version.is_file() {
            return Err(SourceError::NotFetched(version));
        }
        let lock =
            std::fs::read_to_string(metadata.workspace_root.join("Cargo.lock")).unwrap_or_default();
        let checksum = checksum_in(&lock, PACKAGE).unwrap_or("unknown");
        Ok(Self {
            root,
            identity: format!("{PACKAGE} {} {checksum}", package.version),
        })
    }

    /// The kernel's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file or folder of it.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The package's name, version and checksum: two sources with the same identity are the same, byte for byte.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }
}

/// The checksum that Cargo.lock gives for `package`.
fn checksum_in<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let entry = lock
        .split("[[package]]")
        .find(|entry| entry.lines().any(|line| line == name))?;
    entry
        .lines()
        .find_map(|line| line.strip_prefix("checksum = \"")?.strip_suffix('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_the_right_package_is_taken() {
        let lock = "[[package]]\nname = \"a\"\nchecksum = \"11\"\n\n[[package]]\nname = \"sel4-sys\"\nversion = \"0\"\nchecksum = \"22\"\n";
        assert_eq!(checksum_in(lock, "sel4-sys"), Some("22"));
        assert_eq!(checksum_in(lock, "b"), None);
    }

    #[test]
    fn cargo_has_the_source() {
        let source = KernelSource::locate().expect("Cargo fetched it");
        assert_eq!(
            std::fs::read_to_string(source.path("VERSION"))
                .expect("it is there")
                .trim(),
            "5.0.0"
        );
        assert!(source.identity().starts_with("sel4-sys 0.0.28 "));
        assert!(!source.identity().ends_with("unknown"));
    }
}
