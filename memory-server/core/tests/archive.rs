//! Finding programs in an archive as `image` packs it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests: whatever is wrong is to panic"
)]

use std::io::Write;

use interfaces::provision::{ProgramId, ProgramName};
use interfaces::system::{Heaps, Mode, Room, System};
use memory_core::archive::{ArchiveError, Programs};
use memory_core::program::ImageError;

/// A static ELF file with one segment of text.
fn image() -> Vec<u8> {
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for half in [2_u16, 62] {
        bytes.extend(half.to_le_bytes());
    }
    bytes.extend(1_u32.to_le_bytes());
    for word in [0x24_0000_u64, 64, 0] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, 1, 64, 0, 0] {
        bytes.extend(half.to_le_bytes());
    }
    for word in [1_u32, 5] {
        bytes.extend(word.to_le_bytes());
    }
    for word in [0_u64, 0x24_0000, 0x24_0000, 0x1000, 0x1000, 0x1000] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.resize(0x1000, 0);
    bytes
}

/// An archive of these members, each of which begins on a page's boundary if `aligned`.
fn archive(members: &[(&str, &[u8])], aligned: bool) -> Vec<u8> {
    let mut archive = Vec::new();
    let add = |archive: &mut Vec<u8>, name: &str, content: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_size(content.len() as u64);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        header.set_cksum();
        archive.write_all(header.as_bytes()).unwrap();
        archive.write_all(content).unwrap();
        archive.resize(archive.len().next_multiple_of(512), 0);
    };
    for (name, content) in members {
        if aligned && !(archive.len() + 512).is_multiple_of(4096) {
            // So long that the next header stands right in front of a page's boundary.
            let gap = (archive.len() + 1024).next_multiple_of(4096) - archive.len() - 1024;
            add(&mut archive, "filler", &vec![0; gap]);
        }
        add(&mut archive, name, content);
    }
    archive.resize((archive.len() + 1024).next_multiple_of(4096), 0);
    archive
}

fn system(names: &[&str]) -> System {
    System {
        mode: Mode::Run,
        bands: heapless::Vec::new(),
        server_priority: 100,
        birth_priority: 110,
        room: Room {
            groups: 1,
            limited_groups: 1,
            labels: 1,
            tasks: 1,
            threads: 1,
            regions: 1,
            shared_mappings: 1,
            overcommit_percent: 10_000,
        },
        heaps: Heaps {
            limits: 2,
            memory: 2,
            proc: 2,
        },
        groups: heapless::Vec::new(),
        programs: names.iter().map(|name| ProgramName::cut(name)).collect(),
        starts: heapless::Vec::new(),
    }
}

#[test]
fn programs_are_found_in_the_order_of_the_system_not_of_the_archive() {
    let image = image();
    let archive = archive(
        &[
            ("system", b"not a program"),
            ("programs/second", &image),
            ("programs/first", &image),
        ],
        true,
    );
    let programs = Programs::find(&system(&["first", "second"]), &archive).unwrap();
    let first = programs.get(ProgramId(0)).unwrap();
    let second = programs.get(ProgramId(1)).unwrap();
    assert_eq!(
        (first.name.as_str(), second.name.as_str()),
        ("first", "second")
    );
    for program in [first, second] {
        let page = program.segments()[0].archive_page() as usize;
        assert_eq!(
            archive[page << 12..][..4096],
            image[..],
            "the segment shows its page of the file"
        );
    }
    assert!(programs.get(ProgramId(2)).is_none());
    assert_eq!(programs.most_areas(), 2);
}

#[test]
fn what_is_missing_or_misplaced_is_named() {
    let image = image();
    let name = |name| ProgramName::cut(name);
    let good = archive(&[("programs/first", &image), ("first", &image)], true);
    assert_eq!(
        Programs::find(&system(&["second"]), &good).unwrap_err(),
        ArchiveError::Missing(name("second"))
    );
    let crooked = archive(&[("programs/first", &image)], false);
    let error = Programs::find(&system(&["first"]), &crooked).unwrap_err();
    assert_eq!(
        error,
        ArchiveError::Image(name("first"), ImageError::Misplaced { address: 0x24_0000 })
    );
    assert_eq!(
        error.to_string(),
        "programs/first: the segment at 0x240000 and its place in the archive do not agree"
    );
    assert_eq!(
        Programs::find(&system(&["first"]), b"nothing").unwrap_err(),
        ArchiveError::NotAnArchive
    );
}
