//! The programs that building the kernel needs, and the Debian packages that bring them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::{BuildError, command};

/// The Python modules that the kernel's generators import.
const PYTHON_MODULES: &str = "import six, ply.yacc, tempita";

/// The programs, found and working.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The C compiler, which also preprocesses, assembles and links.
    pub gcc: PathBuf,
    /// Turns the 64-bit image into the 32-bit one that a multiboot loader takes.
    pub objcopy: PathBuf,
    /// Runs the kernel's generators.
    pub python: PathBuf,
    /// What the three say of their versions: an input of the build.
    pub versions: String,
}

impl Tools {
    /// Finds them, or says which one is missing and which package brings it.
    pub fn find() -> Result<Self, BuildError> {
        let gcc = present("gcc", "gcc", "gcc")?;
        let objcopy = present("objcopy", "objcopy", "binutils")?;
        let python = python()?;
        let mut versions = String::new();
        for tool in [&gcc, &objcopy, &python] {
            let output = command::run(
                "asking for the version",
                Command::new(tool).arg("--version"),
            )?;
            versions.push_str(
                String::from_utf8_lossy(&output)
                    .lines()
                    .next()
                    .unwrap_or_default(),
            );
            versions.push('\n');
        }
        Ok(Self {
            gcc,
            objcopy,
            python,
            versions,
        })
    }
}

fn present(
    program: &str,
    tool: &'static str,
    packages: &'static str,
) -> Result<PathBuf, BuildError> {
    if answers(program, &["--version"]) {
        Ok(program.into())
    } else {
        Err(BuildError::MissingTool { tool, packages })
    }
}

/// The system's Python before any other: Debian's packages install the modules for that one, and a Python that stands
/// before it in the path (pyenv's, say) does not see them.
fn python() -> Result<PathBuf, BuildError> {
    let candidates = ["/usr/bin/python3", "python3"];
    if let Some(python) = candidates
        .into_iter()
        .find(|python| answers(python, &["-c", PYTHON_MODULES]))
    {
        return Ok(python.into());
    }
    if candidates
        .into_iter()
        .any(|python| answers(python, &["--version"]))
    {
        return Err(BuildError::MissingTool {
            tool: "the Python modules six, ply and tempita",
            packages: "python3-six python3-ply python3-tempita",
        });
    }
    Err(BuildError::MissingTool {
        tool: "python3",
        packages: "python3 python3-six python3-ply python3-tempita",
    })
}

fn answers(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        let error = present("no-such-program", "gcc", "gcc").expect_err("there is none");
        assert_eq!(
            error.to_string(),
            "building the kernel needs gcc, which is not installed; on Debian: apt-get install gcc"
        );
    }
}
