//! Where things are: the repository, and the folders that builds go to.

use std::path::{Path, PathBuf};

/// The system that is booted when no other is named, from the root.
const SYSTEM: &str = "image/system.toml";

/// The folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// The repository that this program was built from. Builds go to its `target`, or where `CARGO_TARGET_DIR` says.
    #[must_use]
    pub fn here() -> Self {
        let root = root();
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        let target = root.join(target);
        Self { root, target }
    }

    /// The repository's root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The system that is booted when no other is named.
    #[must_use]
    pub fn system(&self) -> PathBuf {
        self.root.join(SYSTEM)
    }

    /// Where kernels are built, each profile in a folder of its own.
    #[must_use]
    pub fn kernel(&self) -> PathBuf {
        self.target.join("kernel")
    }

    /// Where Cargo builds what runs in the guest.
    #[must_use]
    pub fn guest(&self) -> PathBuf {
        self.target.join("guest")
    }

    /// Where images go when no other folder is named.
    #[must_use]
    pub fn images(&self) -> PathBuf {
        self.target.join("image")
    }

    /// A path as the user would like to read it: from the repository's root if it lies below that.
    #[must_use]
    pub fn shown<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

/// The folder above the package that Cargo runs: what was true when this was compiled may not be any more, as Cargo does
/// not compile anew for a repository that was moved or copied with its builds.
fn root() -> PathBuf {
    let compiled = Path::new(env!("CARGO_MANIFEST_DIR"));
    let running = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let candidates = running.as_deref().into_iter().chain([compiled]);
    let mut folders = candidates.flat_map(Path::ancestors);
    let found = folders.find(|folder| folder.join(SYSTEM).is_file());
    found.or(compiled.parent()).unwrap_or(compiled).to_owned()
}
