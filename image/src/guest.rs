//! What runs in the guest, built by Cargo.
//!
//! One call of Cargo builds every server and program, another the root task, which holds the archive of the first.
//! Cargo's messages are read as JSON, so nothing is guessed about where it puts its files.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::{self, JoinHandle};

use serde::Deserialize;
use thiserror::Error;

use crate::progress::Progress;
use crate::toolbox::GUEST_TARGET;
use crate::workspace::Workspace;

/// The environment variable that tells the root task's source where the archive is.
pub const ARCHIVE_VARIABLE: &str = "HURDLE_ARCHIVE";

/// A binary to build.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Binary {
    /// The package.
    pub package: String,
    /// The binary's name.
    pub name: String,
}

impl Binary {
    /// The binary of a package that has the package's name.
    #[must_use]
    pub fn of(package: &str) -> Self {
        Self {
            package: package.to_owned(),
            name: package.to_owned(),
        }
    }
}

/// A Cargo feature of one package, as Cargo takes it: `proc-server/test-omit-ticket`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Feature(pub String);

/// What Cargo built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Built {
    /// Where each binary is.
    pub binaries: BTreeMap<String, PathBuf>,
    /// Whether anything had to be built.
    pub rebuilt: bool,
}

/// Why Cargo built nothing.
#[derive(Debug, Error)]
pub enum CargoError {
    /// It could not be run.
    #[error("cannot run {}: {error}", cargo.display())]
    Run {
        /// The program.
        cargo: PathBuf,
        /// The operating system's answer.
        error: std::io::Error,
    },
    /// It ran and failed; what it said stands above.
    #[error("cargo could not build {what} ({status}); its messages are above")]
    Failed {
        /// What was being built.
        what: &'static str,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// It succeeded, but a binary is not among what it made.
    #[error("cargo did not build `{name}` of the package `{package}`")]
    NotBuilt {
        /// The package.
        package: String,
        /// The binary.
        name: String,
    },
    /// It answered something that is not understood.
    #[error("cargo's description of the workspace cannot be read: {0}")]
    Metadata(serde_json::Error),
}

/// One line of `--message-format=json`, as far as it is of interest.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    fresh: bool,
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// The workspace's description, as far as it is of interest.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

/// Builds binaries for the guest. `archive` is for the root task, which holds it.
pub fn build(
    workspace: &Workspace,
    what: &'static str,
    binaries: &[Binary],
    features: &[Feature],
    archive: Option<&Path>,
    progress: &mut Progress,
) -> Result<Built, CargoError> {
    let mut cargo = cargo(workspace);
    cargo.args([
        "build",
        "--quiet",
        "--locked",
        "--release",
        "--target",
        GUEST_TARGET,
    ]);
    cargo.arg("--message-format=json-render-diagnostics");
    cargo.arg("--target-dir").arg(workspace.guest());
    for package in packages(binaries) {
        cargo.args(["--package", package]);
    }
    for binary in binaries {
        cargo.args(["--bin", &binary.name]);
    }
    for Feature(feature) in features {
        cargo.args(["--features", feature]);
    }
    if let Some(archive) = archive {
        cargo.env(ARCHIVE_VARIABLE, archive);
    }
    cargo.stdin(Stdio::null()).stdout(Stdio::piped());
    // What it says of mistakes is shown when it has ended, so that it does not run into our own lines.
    cargo.stderr(Stdio::piped());
    cargo.args([
        "--color",
        if io::stderr().is_terminal() {
            "always"
        } else {
            "never"
        },
    ]);
    let mut child = cargo.spawn().map_err(|error| run_error(&cargo, error))?;
    let said = child.stderr.take().map(read_aside);
    let built = read_messages(&mut child, progress);
    let status = child.wait().map_err(|error| run_error(&cargo, error))?;
    let said = said
        .and_then(|reader| reader.join().ok())
        .unwrap_or_default();
    if !said.is_empty() {
        progress.interrupt();
        // Nothing can be done about a standard error that is closed.
        let _ = io::stderr().write_all(&said);
    }
    if !status.success() {
        return Err(CargoError::Failed { what, status });
    }
    for Binary { package, name } in binaries {
        if !built.binaries.contains_key(name) {
            let (package, name) = (package.clone(), name.clone());
            return Err(CargoError::NotBuilt { package, name });
        }
    }
    Ok(built)
}

/// Reads a pipe to its end while another is being read: a full one would stop who writes.
fn read_aside(mut pipe: ChildStderr) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A pipe that breaks has said what it said.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

fn packages(binaries: &[Binary]) -> Vec<&str> {
    let mut packages: Vec<&str> = binaries
        .iter()
        .map(|binary| binary.package.as_str())
        .collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

fn read_messages(child: &mut Child, progress: &mut Progress) -> Built {
    let mut built = Built::default();
    let Some(output) = child.stdout.take() else {
        return built;
    };
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        // Whatever is not a message of Cargo's is something that a build script printed.
        let Ok(message) = serde_json::from_str::<Message>(&line) else {
            continue;
        };
        let (Some(executable), Some(target)) = (message.executable, message.target) else {
            continue;
        };
        if message.reason != "compiler-artifact" || !target.kind.iter().any(|kind| kind == "bin") {
            continue;
        }
        if !message.fresh {
            progress.detail(format_args!("compiled {}", target.name));
            built.rebuilt = true;
        }
        built.binaries.insert(target.name, executable);
    }
    built
}

/// The binaries that a package of the workspace has; none if there is no such package.
pub fn binaries(workspace: &Workspace, package: &str) -> Result<Vec<String>, CargoError> {
    let mut cargo = cargo(workspace);
    cargo.args([
        "metadata",
        "--quiet",
        "--locked",
        "--no-deps",
        "--format-version",
        "1",
    ]);
    let output = cargo
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| run_error(&cargo, error))?;
    if !output.status.success() {
        let (what, status) = ("a description of the workspace", output.status);
        return Err(CargoError::Failed { what, status });
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).map_err(CargoError::Metadata)?;
    let package = metadata
        .packages
        .into_iter()
        .find(|other| other.name == package);
    let targets = package.map(|package| package.targets).unwrap_or_default();
    let binaries = targets
        .into_iter()
        .filter(|target| target.kind.iter().any(|kind| kind == "bin"));
    Ok(binaries.map(|target| target.name).collect())
}

fn cargo(workspace: &Workspace) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace.root());
    // Flags in the environment would replace those of `.cargo/config.toml`, which the guest cannot do without.
    cargo
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo.env_remove(ARCHIVE_VARIABLE);
    cargo
}

fn run_error(cargo: &Command, error: std::io::Error) -> CargoError {
    CargoError::Run {
        cargo: cargo.get_program().into(),
        error,
    }
}
