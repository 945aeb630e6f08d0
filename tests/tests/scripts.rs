//! The scripts of `tests/scripts`, each run by `image/boot --script` as a person would: a case a script.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use image::workspace::Workspace;
use libtest_mimic::{Arguments, Failed, Trial};

/// How many there are at least: an empty folder must not pass.
const LEAST: usize = 10;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They share the image that is booted.
    arguments.test_threads.get_or_insert(1);
    arguments.quiet = false;
    let scripts = match scripts() {
        Ok(scripts) => scripts,
        Err(error) => {
            eprintln!("tests/scripts: {error}");
            return ExitCode::FAILURE;
        }
    };
    let count = scripts.len();
    let mut trials = vec![Trial::test("scripts::there_are_scripts", move || {
        if count >= LEAST {
            Ok(())
        } else {
            Err(Failed::from(format!("{count} of at least {LEAST}")))
        }
    })];
    trials.extend(scripts.into_iter().map(|path| {
        let name = format!("scripts::{}", name_of(&path));
        Trial::test(name, move || run(&path))
    }));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Every script, by name.
fn scripts() -> std::io::Result<Vec<PathBuf>> {
    let folder = Workspace::here().root().join("tests/scripts");
    let mut scripts = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "hurdle") {
            scripts.push(path);
        }
    }
    scripts.sort();
    Ok(scripts)
}

/// `bomb-in-a-pen.hurdle` is the case `bomb_in_a_pen`.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.replace('-', "_")
}

fn run(path: &Path) -> Result<(), Failed> {
    let output = Command::new(Workspace::here().root().join("image/boot"))
        .arg("--script")
        .arg(path)
        // As if a person typed it, without what Cargo tells its tests.
        .env_remove("CARGO_MANIFEST_DIR")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("image/boot: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}\n{said}\n{complaint}", output.status).into())
}
