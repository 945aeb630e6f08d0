//! Images made by hand, one mistake each.

use super::*;

/// A segment as a test writes it: flags, address, offset in the file, bytes in the file, bytes in memory.
type Loaded = (u32, u64, u64, u64, u64);

const READ: u32 = 4;
const WRITE: u32 = 6;

fn image(entry: u64, loaded: &[Loaded]) -> Vec<u8> {
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend(2_u16.to_le_bytes());
    bytes.extend(62_u16.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(entry.to_le_bytes());
    bytes.extend(64_u64.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, u16::try_from(loaded.len()).unwrap(), 64, 0, 0] {
        bytes.extend(half.to_le_bytes());
    }
    for &(flags, address, offset, file, memory) in loaded {
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(flags.to_le_bytes());
        for word in [offset, address, address, file, memory, 4096] {
            bytes.extend(word.to_le_bytes());
        }
    }
    bytes.resize(0x4000, 0xee);
    bytes
}

fn parse(entry: u64, loaded: &[Loaded]) -> Result<Program, ImageError> {
    Program::parse(ProgramName::cut("p"), &image(entry, loaded), 0x3000)
}

const TEXT: Loaded = (READ, 0x24_0000, 0, 0x1800, 0x1800);
const DATA: Loaded = (WRITE, 0x24_2800, 0x1800, 0x900, 0x2000);

#[test]
fn text_shows_the_archive_and_data_is_counted_page_by_page() {
    let program = parse(0x24_0123, &[TEXT, DATA]).unwrap();
    assert_eq!(program.shared(), 2);
    assert_eq!(program.commit(), 3 + STACK.pages);
    assert_eq!(program.segments()[0].archive_page(), 3);
    assert_eq!(program.entry, 0x24_0123);
}

#[test]
fn a_writable_page_gets_its_part_of_the_file_and_zeros() {
    let program = parse(0x24_0123, &[TEXT, DATA]).unwrap();
    let first = Fill {
        offset: 0x4800,
        bytes: 0x800,
        at: 0x800,
    };
    let second = Fill {
        offset: 0x5000,
        bytes: 0x100,
        at: 0,
    };
    assert_eq!(program.fill(0x242), first);
    assert_eq!(program.fill(0x243), second);
    assert_eq!(program.fill(0x244), Fill::ZEROS);
    assert_eq!(program.fill(STACK.start), Fill::ZEROS);
}

#[test]
fn an_image_that_does_not_fit_the_address_space_is_refused() {
    let below = parse(0x23_0000, &[(READ, 0x23_f000, 0, 0x1000, 0x1000)]);
    assert_eq!(below, Err(ImageError::OutOfRange { address: 0x23_f000 }));
    let above = parse(0x24_0000, &[TEXT, (WRITE, 0xfff_f000, 0, 0, 0x1001)]);
    assert_eq!(
        above,
        Err(ImageError::OutOfRange {
            address: 0xfff_f000
        })
    );
    let around = parse(0x24_0000, &[(WRITE, 0x24_0000, 0, 0, u64::MAX)]);
    assert_eq!(around, Err(ImageError::OutOfRange { address: 0x24_0000 }));
}

#[test]
fn segments_that_share_a_page_are_refused() {
    let shared = parse(0x24_0000, &[TEXT, (WRITE, 0x24_1800, 0x1800, 1, 1)]);
    assert_eq!(shared, Err(ImageError::Overlap { address: 0x24_1800 }));
}

#[test]
fn a_segment_must_be_where_the_file_can_show_it() {
    let crooked = parse(0x24_0000, &[(READ, 0x24_0000, 0x10, 0x10, 0x10)]);
    assert_eq!(crooked, Err(ImageError::Misplaced { address: 0x24_0000 }));
    let zeros = parse(0x24_0000, &[(READ, 0x24_0000, 0, 0x10, 0x20)]);
    assert_eq!(zeros, Err(ImageError::ReadOnlyZeros { address: 0x24_0000 }));
    let cut = parse(0x24_0000, &[(READ, 0x24_0000, 0x3000, 0x1001, 0x1001)]);
    assert_eq!(cut, Err(ImageError::NotAnImage));
}

#[test]
fn what_is_no_image_is_refused() {
    let name = || ProgramName::cut("p");
    assert_eq!(
        Program::parse(name(), b"#!/bin/sh", 0),
        Err(ImageError::NotAnImage)
    );
    assert_eq!(parse(0x24_0000, &[]), Err(ImageError::SegmentCount(0)));
    assert_eq!(parse(0x30_0000, &[TEXT]), Err(ImageError::NoEntry));
    let many: Vec<Loaded> = (0..9)
        .map(|n| (WRITE, 0x24_0000 + (n << 12), 0, 0, 1))
        .collect();
    assert_eq!(parse(0x24_0000, &many), Err(ImageError::SegmentCount(9)));
}
