//! The command, run as a user would, as far as that needs no guest.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

fn image(arguments: &[&str], path: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_image"));
    command.args(arguments);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    command.output().expect("the command runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A search path with everything in it but what is named.
fn path_without(missing: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let path = std::env::var_os("PATH").expect("there is a search path");
    for entry in std::env::split_paths(&path)
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
    {
        let entry = entry.expect("a folder can be read");
        let name = entry.file_name();
        if !missing.iter().any(|other| *other == name) {
            // The first of a name wins, as in a search path.
            let _ = symlink(entry.path(), folder.path().join(name));
        }
    }
    folder
}

#[test]
fn a_missing_qemu_is_one_message_with_the_package_and_the_remedy() {
    let path = path_without(&["qemu-system-x86_64"]);
    let output = image(&["boot"], Some(path.path()));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        said(&output),
        "qemu-system-x86_64 is not installed, which is the machine that boots; Debian's package qemu-system-x86 brings \
         it\n  remedy:   run image/boot, which installs what is missing\n"
    );
}

#[test]
fn everything_that_is_missing_is_said_at_once() {
    let path = path_without(&["qemu-system-x86_64", "gcc", "objcopy"]);
    let output = image(&["boot"], Some(path.path()));
    let said = said(&output);
    for (tool, package) in [
        ("gcc", "gcc"),
        ("objcopy", "binutils"),
        ("qemu-system-x86_64", "qemu-system-x86"),
    ] {
        let line = said
            .lines()
            .find(|line| line.starts_with(&format!("{tool} is not installed")));
        assert!(
            line.is_some_and(|line| line.contains(&format!("package {package} brings it"))),
            "{said}"
        );
    }
    assert_eq!(said.matches("remedy:").count(), 1, "{said}");
}

#[test]
fn a_mistake_in_the_system_ends_the_command_before_anything_is_built() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rejects/unknown-program.toml");
    let file = file.to_str().expect("a plain path");
    let output = image(&["build", "--system", file], None);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        said(&output),
        "image/tests/rejects/unknown-program.toml:38: there is no program `dmeo`\n  expected: one of demo\n  remedy:   \
         correct the name, or add a [[program]] of that name\n"
    );
}

#[test]
fn memory_that_does_not_fit_is_refused() {
    let output = image(&["build", "--memory", "16"], None);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).starts_with("--memory 16: "),
        "{}",
        said(&output)
    );
    assert!(said(&output).contains("  remedy:   "), "{}", said(&output));
}

#[test]
fn two_kernels_at_once_are_refused() {
    let output = image(&["build", "--release-kernel", "--debug-kernel"], None);
    assert_eq!(output.status.code(), Some(2));
}
