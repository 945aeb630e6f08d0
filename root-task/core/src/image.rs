//! A server's ELF file: which pages to map, and what is in them.
//!
//! The files are our own, but they pass through a build, a packer and a boot loader; whatever is wrong with one is
//! found here, before a frame is made, and told with its numbers.
//!
//! # Invariants
//!
//! * Every segment lies in the window that the caller allows, whole pages of it.
//! * No two segments share a page, so a page's rights are one segment's.
//! * Every byte to be copied is inside the file.

use core::fmt;
use core::ops::Range;

use elf::ElfBytes;
use elf::abi::{EM_X86_64, ET_EXEC, PF_W, PT_INTERP, PT_LOAD};
use elf::endian::LittleEndian;
use elf::segment::ProgramHeader;

/// Bytes of a page.
pub const PAGE: u64 = PAGE_BYTES as u64;
/// The same, to count bytes in memory.
pub const PAGE_BYTES: usize = 4096;
/// The most loadable segments: text, constants, data, stack, and as many to spare.
pub const SEGMENTS: usize = 8;

/// A loadable segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment<'a> {
    /// Where its first byte belongs.
    address: u64,
    /// The bytes that the file has; what is missing up to `bytes` is zero.
    content: &'a [u8],
    /// Its length in memory.
    bytes: u64,
    writable: bool,
}

impl Segment<'_> {
    const fn first_page(&self) -> u64 {
        self.address & !(PAGE.saturating_sub(1))
    }

    const fn end(&self) -> u64 {
        self.address.saturating_add(self.bytes)
    }

    const fn pages(&self) -> u64 {
        self.end().saturating_sub(self.first_page()).div_ceil(PAGE)
    }

    fn overlaps(&self, other: &Self) -> bool {
        let after = |one: &Self, two: &Self| {
            two.first_page()
                >= one
                    .first_page()
                    .saturating_add(one.pages().saturating_mul(PAGE))
        };
        !after(self, other) && !after(other, self)
    }
}

/// A page to be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<'a> {
    /// Its address in the server's space.
    pub address: u64,
    /// Where in the page `content` begins.
    pub offset: usize,
    /// What the file says; the rest of the page is zero.
    pub content: &'a [u8],
    /// Whether the server may write to it.
    pub writable: bool,
}

/// A server's image, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    entry: u64,
    segments: heapless::Vec<Segment<'a>, SEGMENTS>,
}

impl<'a> Image<'a> {
    /// Reads an ELF file whose segments must lie in `window`.
    pub fn parse(file: &'a [u8], window: Range<u64>) -> Result<Self, ImageError> {
        let elf = ElfBytes::<LittleEndian>::minimal_parse(file).map_err(|_| ImageError::NotElf)?;
        let header = &elf.ehdr;
        if header.e_type != ET_EXEC || header.e_machine != EM_X86_64 {
            return Err(ImageError::WrongKind {
                kind: header.e_type,
                machine: header.e_machine,
            });
        }
        let mut image = Self {
            entry: header.e_entry,
            segments: heapless::Vec::new(),
        };
        for header in elf.segments().ok_or(ImageError::NoSegments)?.iter() {
            match header.p_type {
                PT_INTERP => return Err(ImageError::Dynamic),
                PT_LOAD if header.p_memsz > 0 => image.add(segment(file, &header, &window)?)?,
                _ => {}
            }
        }
        let in_file =
            |segment: &Segment<'_>| (segment.address..segment.end()).contains(&image.entry);
        if image.segments.is_empty() {
            Err(ImageError::NoSegments)
        } else if image.segments.iter().any(in_file) {
            Ok(image)
        } else {
            Err(ImageError::EntryOutside { entry: image.entry })
        }
    }

    fn add(&mut self, segment: Segment<'a>) -> Result<(), ImageError> {
        if let Some(other) = self.segments.iter().find(|other| other.overlaps(&segment)) {
            return Err(ImageError::SharedPage {
                one: other.address,
                other: segment.address,
            });
        }
        self.segments
            .push(segment)
            .map_err(|_| ImageError::TooManySegments)
    }

    /// The address of the first instruction.
    #[must_use]
    pub const fn entry(&self) -> u64 {
        self.entry
    }

    /// How many pages it takes.
    #[must_use]
    pub fn page_count(&self) -> u64 {
        self.segments.iter().map(Segment::pages).sum()
    }

    /// Every page, in the order of the file's segments.
    pub fn pages(&self) -> impl Iterator<Item = Page<'a>> {
        self.segments
            .iter()
            .flat_map(|&segment| (0..segment.pages()).map(move |number| page(&segment, number)))
    }
}

/// Checks one program header.
fn segment<'a>(
    file: &'a [u8],
    header: &ProgramHeader,
    window: &Range<u64>,
) -> Result<Segment<'a>, ImageError> {
    let outside = ImageError::OutsideWindow {
        address: header.p_vaddr,
        bytes: header.p_memsz,
    };
    let end = header.p_vaddr.checked_add(header.p_memsz).ok_or(outside)?;
    // The window's own ends are page boundaries, so that the segment's pages lie in it if its bytes do.
    if header.p_vaddr < window.start || end > window.end {
        return Err(outside);
    }
    let truncated = ImageError::BeyondFile {
        offset: header.p_offset,
        bytes: header.p_filesz,
        file: file.len(),
    };
    let start = usize::try_from(header.p_offset).map_err(|_| truncated)?;
    let length = usize::try_from(header.p_filesz).map_err(|_| truncated)?;
    let file_end = start.checked_add(length).ok_or(truncated)?;
    let content = file.get(start..file_end).ok_or(truncated)?;
    if header.p_filesz > header.p_memsz {
        return Err(truncated);
    }
    Ok(Segment {
        address: header.p_vaddr,
        content,
        bytes: header.p_memsz,
        writable: header.p_flags & PF_W != 0,
    })
}

/// A segment's page by its number.
fn page<'a>(segment: &Segment<'a>, number: u64) -> Page<'a> {
    let address = segment
        .first_page()
        .saturating_add(number.saturating_mul(PAGE));
    // Where the page and the file's part of the segment overlap, counted from the segment's start.
    let from = address.saturating_sub(segment.address);
    let to = address.saturating_add(PAGE).saturating_sub(segment.address);
    let have = segment.content.len();
    let clamp = |bytes: u64| usize::try_from(bytes).unwrap_or(have).min(have);
    let content = segment
        .content
        .get(clamp(from)..clamp(to))
        .unwrap_or_default();
    // Only a segment's first page can begin before the segment does.
    let offset = segment.address.saturating_sub(address);
    Page {
        address,
        offset: usize::try_from(offset).unwrap_or(0),
        content,
        writable: segment.writable,
    }
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageError {
    /// It is no ELF file, or cut short.
    NotElf,
    /// It is an ELF file for something else.
    WrongKind {
        /// `e_type`: 2 is an executable.
        kind: u16,
        /// `e_machine`: 62 is x86-64.
        machine: u16,
    },
    /// It asks for an interpreter.
    Dynamic,
    /// There is nothing to load.
    NoSegments,
    /// More segments than [`SEGMENTS`].
    TooManySegments,
    /// A segment lies outside the window for images.
    OutsideWindow {
        /// The segment's address.
        address: u64,
        /// Its length in memory.
        bytes: u64,
    },
    /// A segment's content is not all in the file, or longer than the segment.
    BeyondFile {
        /// Where in the file it begins.
        offset: u64,
        /// Its length.
        bytes: u64,
        /// The file's length.
        file: usize,
    },
    /// Two segments share a page.
    SharedPage {
        /// The address of one.
        one: u64,
        /// The address of the other.
        other: u64,
    },
    /// The first instruction is in no segment.
    EntryOutside {
        /// Its address.
        entry: u64,
    },
}

impl fmt::Display for ImageError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf => out.write_str("no ELF file, or cut short"),
            Self::WrongKind { kind, machine } => write!(
                out,
                "an ELF file of type {kind} for machine {machine}; expected type 2 for machine 62"
            ),
            Self::Dynamic => {
                out.write_str("asks for an interpreter; servers are linked statically")
            }
            Self::NoSegments => out.write_str("nothing to load in it"),
            Self::TooManySegments => write!(out, "more than {SEGMENTS} segments"),
            Self::OutsideWindow { address, bytes } => write!(
                out,
                "a segment of {bytes} bytes at {address:#x} lies outside the window for images"
            ),
            Self::BeyondFile {
                offset,
                bytes,
                file,
            } => write!(
                out,
                "a segment's {bytes} bytes from offset {offset} are not in a file of {file} bytes"
            ),
            Self::SharedPage { one, other } => {
                write!(out, "the segments at {one:#x} and {other:#x} share a page")
            }
            Self::EntryOutside { entry } => {
                write!(
                    out,
                    "the first instruction, at {entry:#x}, is in no segment"
                )
            }
        }
    }
}
