//! Every mistake in a `system.toml` has one message; `rejects/` has one bad file per message and its exact text.
//!
//! After a change of the wording: `HURDLE_WRITE_EXPECTED=1 cargo test -p image --test rejects`, then read the
//! difference before it is committed.

use std::path::{Path, PathBuf};

use image::system::{SystemError, SystemFile};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rejects")
}

/// What the user would read of this file.
fn said(path: &Path) -> String {
    let shown = path.file_name().expect("a file of the folder has a name");
    match SystemFile::load(path, Path::new(shown)) {
        Ok(file) => file
            .notes
            .iter()
            .fold(String::new(), |text, note| text + &format!("{note}\n")),
        Err(error) => format!("{error}\n"),
    }
}

fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_bad_file_has_its_message() {
    let write = std::env::var_os("HURDLE_WRITE_EXPECTED").is_some();
    let mut different = Vec::new();
    for path in files() {
        let said = said(&path);
        let expected = path.with_extension("expected");
        if write {
            std::fs::write(&expected, &said).expect("the folder can be written to");
        }
        let expected = std::fs::read_to_string(&expected).unwrap_or_default();
        if said != expected {
            different.push(format!(
                "{}\n--- expected\n{expected}--- said\n{said}",
                path.display()
            ));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn every_message_names_file_line_expectation_and_remedy() {
    let mut mistakes = 0_u32;
    for path in files() {
        let Err(error) = SystemFile::load(&path, Path::new("x.toml")) else {
            let name = path
                .file_stem()
                .expect("it has a name")
                .to_string_lossy()
                .into_owned();
            assert!(
                name == "good" || name.starts_with("note-"),
                "{name} was accepted"
            );
            continue;
        };
        let SystemError::Mistakes(list) = error else {
            panic!("{}: {error}", path.display());
        };
        let expected = if path.ends_with("two-mistakes.toml") {
            2
        } else {
            1
        };
        assert_eq!(list.len(), expected, "{}: {list:#?}", path.display());
        for mistake in list {
            mistakes += 1;
            let text = mistake.to_string();
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), 3, "{text}");
            assert!(lines[0].starts_with("x.toml:"), "{text}");
            assert!(
                lines[1].starts_with("  expected: ") && lines[1].len() > 14,
                "{text}"
            );
            assert!(
                lines[2].starts_with("  remedy:   ") && lines[2].len() > 14,
                "{text}"
            );
        }
    }
    assert!(mistakes > 30, "{mistakes}");
}

#[test]
fn the_good_file_and_the_real_one_have_no_remarks() {
    assert_eq!(said(&folder().join("good.toml")), "");
    assert_eq!(
        said(&Path::new(env!("CARGO_MANIFEST_DIR")).join("system.toml")),
        ""
    );
}

#[test]
fn a_file_that_is_not_there_is_one_message_too() {
    let path = folder().join("no-such.toml");
    let error = SystemFile::load(&path, Path::new("no-such.toml")).expect_err("it is not there");
    let text = error.to_string();
    assert!(text.starts_with("no-such.toml: cannot be read: "), "{text}");
    assert!(text.contains("\n  remedy:   "), "{text}");
}
