//! What must be true of the source itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use image::workspace::Workspace;

/// Where no shortcut may stand outside of tests: servers, cores and interfaces.
const FOLDERS: [&str; 5] = [
    "interfaces",
    "limits-server",
    "memory-server",
    "proc-server",
    "root-task",
];
/// The shortcuts. In pieces, so that this file has none.
const SHORTCUTS: [&str; 3] = [
    concat!("todo", "!"),
    concat!("unimplemented", "!"),
    concat!("unwrap", "()"),
];

fn root() -> PathBuf {
    Workspace::here().root().to_owned()
}

/// The files of the repository that git knows or would add, below some folders.
fn files(folders: &[&str], pattern: &str) -> Vec<PathBuf> {
    let output = Command::new("git")
        .current_dir(root())
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "--",
        ])
        .args(
            folders
                .iter()
                .map(|folder| format!(":(glob){folder}/**/{pattern}")),
        )
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git ls-files failed");
    let listed = String::from_utf8(output.stdout).expect("paths are text");
    listed
        .lines()
        .map(|line| root().join(line))
        .filter(|path| path.is_file())
        .collect()
}

/// The lines of a file before its tests, with their numbers. A file in a folder of tests has none.
fn outside_tests(path: &Path) -> Vec<(usize, String)> {
    let relative = path.strip_prefix(root()).expect("below the root");
    let in_tests = relative
        .components()
        .any(|part| part.as_os_str() == "tests")
        || relative
            .file_stem()
            .is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
    if in_tests {
        return Vec::new();
    }
    let text = std::fs::read_to_string(path).expect("a source file is text");
    let lines = text
        .lines()
        .take_while(|line| !line.contains("#[cfg(test)]"));
    lines
        .enumerate()
        .map(|(number, line)| (number.saturating_add(1), line.to_owned()))
        .collect()
}

#[test]
fn no_shortcut_stands_outside_of_tests() {
    let mut found = Vec::new();
    let sources = files(&FOLDERS, "*.rs");
    assert!(
        sources.len() > 20,
        "only {} sources were found",
        sources.len()
    );
    for path in sources {
        for (number, line) in outside_tests(&path) {
            let code = line.split("//").next().unwrap_or_default();
            if SHORTCUTS.iter().any(|shortcut| code.contains(shortcut)) {
                found.push(format!("{}:{number}: {line}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A crate whose tests nobody runs looks like one whose tests pass.
#[test]
fn the_tests_of_every_host_crate_are_run() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("a text file");
    let workspace = read("Cargo.toml");
    let (_, members) = workspace
        .split_once("default-members = [")
        .expect("the workspace lists its host crates");
    let members: Vec<&str> = members
        .lines()
        .take_while(|line| *line != "]")
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    assert!(members.len() > 8, "only {members:?}");
    let run = read("tests/run");
    let words: Vec<&str> = run
        .split(|letter: char| letter.is_whitespace() || letter == '(')
        .collect();
    for member in members {
        let manifest = read(&format!("{member}/Cargo.toml"));
        let name = manifest
            .lines()
            .find_map(|line| line.strip_prefix("name = "))
            .expect("a crate has a name")
            .trim_matches('"');
        assert!(
            words.windows(2).any(|pair| pair == ["-p", name]),
            "tests/run leaves {name} out"
        );
    }
}

#[test]
fn cores_forbid_unsafe_code_and_know_no_kernel() {
    for server in ["limits-server", "memory-server", "proc-server", "root-task"] {
        let core = root().join(server).join("core");
        let library =
            std::fs::read_to_string(core.join("src/lib.rs")).expect("a core has a library");
        assert!(
            library.contains("#![forbid(unsafe_code)]"),
            "{server}/core allows unsafe code"
        );
        let manifest =
            std::fs::read_to_string(core.join("Cargo.toml")).expect("a core has a manifest");
        assert!(
            !manifest.lines().any(|line| line.starts_with("sel4")),
            "{server}/core depends on the kernel's API"
        );
    }
}

#[test]
fn nothing_above_sel4_names_the_kernels_version() {
    let above = [
        "interfaces",
        "limits-server",
        "memory-server",
        "proc-server",
        "root-task",
        "programs",
        "tests",
    ];
    let version = concat!("5.0", ".0");
    for path in files(&above, "*.rs") {
        let text = std::fs::read_to_string(&path).expect("a source file is text");
        assert!(
            !text.contains(version),
            "{} names the kernel's version",
            path.display()
        );
    }
}

/// The README's comparisons, each with how many cases it names at the least, and how many of its rows say yes.
const COMPARISONS: [(&str, usize, usize); 2] =
    [("## Compared", 24, 24), ("## Memory, compared", 22, 18)];

/// A section of the README, from its heading to the next.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let begin = format!("\n{heading}\n");
    text.split_once(begin.as_str())
        .and_then(|(_, rest)| rest.split_once("\n## "))
        .map_or("", |(section, _)| section)
}

/// The cases that a section names: those between backquotes with `::` in them.
fn named_cases(section: &str) -> Vec<&str> {
    let quoted = section.split('`').skip(1).step_by(2);
    quoted.filter(|word| word.contains("::")).collect()
}

#[test]
fn every_case_that_the_readme_names_exists() {
    let text = std::fs::read_to_string(root().join("README.md")).expect("readable");
    let scripts: Vec<String> = files(&["tests/scripts"], "*.hurdle")
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.replace('-', "_")))
        .collect();
    let lists = [
        tests::cases::system(),
        tests::cases::injection(),
        tests::cases::deviant(),
    ];
    let exists = |case: &str| match case.split_once("::") {
        Some(("scripts", name)) => scripts.iter().any(|script| script == name),
        _ => lists.iter().any(|list| list.contains(&case)),
    };
    for (heading, least, _) in COMPARISONS {
        let named = named_cases(section(&text, heading));
        assert!(
            named.len() >= least,
            "`{heading}` names {} cases",
            named.len()
        );
        let missing: Vec<&str> = named.into_iter().filter(|case| !exists(case)).collect();
        assert_eq!(
            missing, [""; 0],
            "`{heading}` names cases that there are not"
        );
    }
}

#[test]
fn every_yes_of_hurdle_in_the_readme_names_a_case() {
    let text = std::fs::read_to_string(root().join("README.md")).expect("readable");
    for (heading, _, least) in COMPARISONS {
        let rows = section(&text, heading).lines();
        let rows = rows.filter(|line| line.starts_with("| ") && !line.starts_with("| |"));
        let ours =
            rows.filter_map(|row| Some((row, row.trim_end_matches('|').rsplit('|').next()?)));
        let yes: Vec<_> = ours
            .filter(|(_, ours)| ours.trim().starts_with("yes"))
            .collect();
        for (row, ours) in &yes {
            assert!(ours.contains("::"), "no case: {row}");
        }
        assert!(yes.len() >= least, "`{heading}`: {} say yes", yes.len());
    }
}
