//! ELF files, good and bad.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that panics fails, which is what it is for"
)]

mod fixture;

use boot_core::Image;
use boot_core::image::{ImageError, Page};
use boot_core::layout;
use fixture::{Load, READ, WRITE, elf, server};

fn refusal(entry: u64, loads: &[Load]) -> ImageError {
    Image::parse(&elf(entry, loads, 0x4000), layout::IMAGE).unwrap_err()
}

const TEXT: Load = Load {
    kind: 1,
    flags: READ,
    offset: 0x1000,
    address: 0x40_0000,
    in_file: 0x1000,
    in_memory: 0x1000,
};

#[test]
fn every_page_has_what_the_file_says_and_nothing_else() {
    let file = server();
    let image = Image::parse(&file, layout::IMAGE).unwrap();
    assert_eq!(image.entry(), 0x40_0010);
    let pages: Vec<Page<'_>> = image.pages().collect();
    assert_eq!(pages.len() as u64, image.page_count());
    let seen: Vec<_> = pages
        .iter()
        .map(|page| (page.address, page.offset, page.content.len(), page.writable))
        .collect();
    assert_eq!(
        seen,
        [
            (0x40_0000, 0, 0x1000, false),
            (0x40_1000, 0, 0x800, false),
            (0x40_3000, 0x10, 0x100, true),
            (0x40_4000, 0, 0, true),
            (0x40_5000, 0, 0, true),
            (0x40_8000, 0, 0, true),
            (0x40_9000, 0, 0, true),
            (0x40_a000, 0, 0, true),
            (0x40_b000, 0, 0, true),
        ]
    );
    assert_eq!(pages[0].content, &file[0x1000..0x2000]);
    assert_eq!(pages[1].content, &file[0x2000..0x2800]);
    assert_eq!(pages[2].content, &file[0x3010..0x3110]);
}

#[test]
fn the_page_below_the_stack_is_left_out() {
    let file = server();
    let image = Image::parse(&file, layout::IMAGE).unwrap();
    assert!(image.pages().all(|page| page.address != 0x40_7000));
}

#[test]
fn what_is_no_elf_file_is_refused() {
    assert_eq!(Image::parse(b"", layout::IMAGE), Err(ImageError::NotElf));
    assert_eq!(
        Image::parse(b"#!/bin/sh", layout::IMAGE),
        Err(ImageError::NotElf)
    );
    let mut file = server();
    file.truncate(100);
    assert!(Image::parse(&file, layout::IMAGE).is_err());
}

#[test]
fn a_file_for_another_machine_is_refused() {
    let mut file = server();
    file[18] = 183;
    assert_eq!(
        Image::parse(&file, layout::IMAGE),
        Err(ImageError::WrongKind {
            kind: 2,
            machine: 183
        })
    );
}

#[test]
fn a_segment_outside_the_window_is_refused() {
    let low = Load {
        address: 0x1000,
        ..TEXT
    };
    assert_eq!(
        refusal(0x1000, &[low]),
        ImageError::OutsideWindow {
            address: 0x1000,
            bytes: 0x1000
        }
    );
    let endless = Load {
        in_memory: u64::MAX,
        ..TEXT
    };
    assert_eq!(
        refusal(0x40_0000, &[endless]).to_string(),
        "a segment of 18446744073709551615 bytes at 0x400000 lies outside the window for images"
    );
}

#[test]
fn content_that_is_not_in_the_file_is_refused() {
    let beyond = Load {
        offset: 0x3800,
        ..TEXT
    };
    assert_eq!(
        refusal(0x40_0000, &[beyond]),
        ImageError::BeyondFile {
            offset: 0x3800,
            bytes: 0x1000,
            file: 0x4000
        }
    );
    let far = Load {
        offset: u64::MAX,
        ..TEXT
    };
    assert!(matches!(
        refusal(0x40_0000, &[far]),
        ImageError::BeyondFile { .. }
    ));
    let larger_than_itself = Load {
        in_memory: 0x800,
        ..TEXT
    };
    assert!(matches!(
        refusal(0x40_0000, &[larger_than_itself]),
        ImageError::BeyondFile { .. }
    ));
}

#[test]
fn two_segments_on_one_page_are_refused() {
    let short = Load {
        in_file: 0x100,
        in_memory: 0x100,
        ..TEXT
    };
    let next = Load::new(0x2100, 0x40_0100, 0x100, 0x100, READ | WRITE);
    assert_eq!(
        refusal(0x40_0000, &[short, next]),
        ImageError::SharedPage {
            one: 0x40_0000,
            other: 0x40_0100
        }
    );
}

#[test]
fn an_entry_in_no_segment_is_refused() {
    assert_eq!(
        refusal(0x40_1000, &[TEXT]),
        ImageError::EntryOutside { entry: 0x40_1000 }
    );
}

#[test]
fn a_file_that_needs_an_interpreter_is_refused() {
    let interpreter = Load { kind: 3, ..TEXT };
    assert_eq!(
        refusal(0x40_0000, &[interpreter, TEXT]),
        ImageError::Dynamic
    );
}

#[test]
fn a_file_with_nothing_to_load_is_refused() {
    let empty = Load {
        in_file: 0,
        in_memory: 0,
        ..TEXT
    };
    assert_eq!(refusal(0x40_0000, &[empty]), ImageError::NoSegments);
}

#[test]
fn too_many_segments_are_refused() {
    let loads: Vec<_> = (0..9)
        .map(|n| Load {
            address: 0x40_0000 + n * 0x1000,
            ..TEXT
        })
        .collect();
    assert_eq!(refusal(0x40_0000, &loads), ImageError::TooManySegments);
}
