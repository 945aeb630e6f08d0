//! The programs that building and booting need, and what brings each that is missing.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The target that the guest is compiled for.
pub const GUEST_TARGET: &str = "x86_64-unknown-none";

/// The programs, found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolbox {
    /// Copies ELF files without what only a debugger reads.
    pub objcopy: PathBuf,
    /// The machine. None if it is not installed: building does not need it.
    pub qemu: Option<PathBuf>,
}

/// What the tools are needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To build.
    Build,
    /// To build and to boot.
    Boot,
}

/// A tool that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What it is called.
    pub tool: &'static str,
    /// What it does here.
    pub does: &'static str,
    /// What brings it.
    pub source: Source,
}

/// What brings a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A Debian package.
    Package(&'static str),
    /// The installer of Rust toolchains.
    Rustup,
}

/// Some tools are not there. Displayed as one message: each with what brings it, then the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingTools(pub Vec<Missing>);

const GCC: Missing = Missing {
    tool: "gcc",
    does: "compiles the kernel",
    source: Source::Package("gcc"),
};
const OBJCOPY: Missing = Missing {
    tool: "objcopy",
    does: "converts the kernel and strips the servers",
    source: Source::Package("binutils"),
};
const QEMU: Missing = Missing {
    tool: "qemu-system-x86_64",
    does: "is the machine that boots",
    source: Source::Package("qemu-system-x86"),
};
const PYTHON: Missing = Missing {
    tool: "python3",
    does: "runs the kernel's generators",
    source: Source::Package("python3"),
};
const TARGET: Missing = Missing {
    tool: GUEST_TARGET,
    does: "is what the servers are compiled for",
    source: Source::Rustup,
};
/// The modules that the kernel's generators import.
const MODULES: [(&str, Missing); 3] = [
    ("six", module("python3's module six", "python3-six")),
    ("ply", module("python3's module ply", "python3-ply")),
    (
        "tempita",
        module("python3's module tempita", "python3-tempita"),
    ),
];

const fn module(tool: &'static str, package: &'static str) -> Missing {
    Missing {
        tool,
        does: "is read by the kernel's generators",
        source: Source::Package(package),
    }
}

impl Toolbox {
    /// Finds everything, or says all that is missing.
    pub fn find(purpose: Purpose) -> Result<Self, MissingTools> {
        let mut missing = Vec::new();
        let mut need = |tool: Missing| {
            let found = in_path(tool.tool);
            if found.is_none() {
                missing.push(tool);
            }
            found
        };
        need(GCC);
        let objcopy = need(OBJCOPY);
        let qemu = match purpose {
            Purpose::Boot => need(QEMU),
            Purpose::Build => in_path(QEMU.tool),
        };
        missing.extend(missing_python());
        if !target_is_installed() {
            missing.push(TARGET);
        }
        match objcopy {
            Some(objcopy) if missing.is_empty() => Ok(Self { objcopy, qemu }),
            _ => Err(MissingTools(missing)),
        }
    }

    /// The machine, or the message that it is missing.
    pub fn qemu(&self) -> Result<&Path, MissingTools> {
        self.qemu.as_deref().ok_or_else(|| MissingTools(vec![QEMU]))
    }
}

/// The first executable file of that name in the search path.
fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file)
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// Debian's own Python first: its packages bring the modules for that one only.
fn missing_python() -> Vec<Missing> {
    let candidates = ["/usr/bin/python3", "python3"];
    let installed = candidates
        .into_iter()
        .filter(|python| succeeds(python, ["--version"]));
    let lists = installed.map(|python| {
        let lacks =
            |(name, _): &&(&str, Missing)| !succeeds(python, ["-c", &format!("import {name}")]);
        let lacking = MODULES.iter().filter(lacks);
        lacking.map(|(_, missing)| *missing).collect::<Vec<_>>()
    });
    lists.min_by_key(Vec::len).unwrap_or_else(|| {
        let modules = MODULES.iter().map(|(_, missing)| *missing);
        std::iter::once(PYTHON).chain(modules).collect()
    })
}

fn target_is_installed() -> bool {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .args(["--print", "target-libdir", "--target", GUEST_TARGET])
        .stderr(Stdio::null());
    let Ok(output) = rustc.output() else {
        return false;
    };
    let folder = String::from_utf8_lossy(&output.stdout);
    let folder = folder.trim();
    // `rustc` names the folder whether it is there or not.
    !folder.is_empty() && Path::new(folder).is_dir()
}

fn succeeds<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.status().is_ok_and(|status| status.success())
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package(package) => write!(out, "Debian's package {package}"),
            Self::Rustup => write!(out, "`rustup target add {GUEST_TARGET}`"),
        }
    }
}

impl fmt::Display for MissingTools {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Missing { tool, does, source } in &self.0 {
            writeln!(
                out,
                "{tool} is not installed, which {does}; {source} brings it"
            )?;
        }
        write!(
            out,
            "  remedy:   run image/boot, which installs what is missing"
        )
    }
}

impl std::error::Error for MissingTools {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missing_tool_is_named_with_what_brings_it() {
        let text = MissingTools(vec![QEMU, TARGET]).to_string();
        assert_eq!(
            text,
            "qemu-system-x86_64 is not installed, which is the machine that boots; Debian's package qemu-system-x86 \
             brings it\n\
             x86_64-unknown-none is not installed, which is what the servers are compiled for; `rustup target add \
             x86_64-unknown-none` brings it\n  \
             remedy:   run image/boot, which installs what is missing"
        );
    }

    #[test]
    fn a_shell_is_in_the_path_and_nonsense_is_not() {
        assert!(in_path("sh").is_some());
        assert_eq!(in_path("no-such-program-at-all"), None);
    }
}
