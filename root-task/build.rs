//! Chooses the linker script, and says which archive becomes part of the program.
//!
//! `cargo image build` names the archive in `HURDLE_ARCHIVE`. Without it, as for a lint, an empty one is taken: the
//! program compiles, and says at once what it lacks if it is booted.

use std::path::PathBuf;
use std::process::ExitCode;

const VARIABLE: &str = "HURDLE_ARCHIVE";

fn main() -> ExitCode {
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        println!("cargo::rustc-link-arg-bins=-Tserver.ld");
    }
    match archive() {
        Ok(path) => {
            println!("cargo::rerun-if-changed={}", path.display());
            println!("cargo::rustc-env=ROOT_TASK_ARCHIVE={}", path.display());
            ExitCode::SUCCESS
        }
        Err(message) => {
            println!("cargo::error={message}");
            ExitCode::FAILURE
        }
    }
}

fn archive() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        return path
            .canonicalize()
            .map_err(|error| format!("{VARIABLE} names {}: {error}", path.display()));
    }
    let folder = std::env::var_os("OUT_DIR").ok_or("Cargo did not name the output folder")?;
    let path = PathBuf::from(folder).join("no-archive");
    std::fs::write(&path, [])
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(path)
}
