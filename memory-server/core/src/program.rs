//! Programs: where the pages of their images are in the archive.
//!
//! The archive is trusted to be ours, but an image in it may be anything a linker made; what does not fit the
//! client's address space is refused here, once, at start.
//!
//! A program's read-only segments show the archive's own pages: the archive begins at a page's boundary, so do the
//! images in it, and a segment's offset and address agree in their low twelve bits. Such a page also shows what
//! stands beside the segment in the file, which is the program itself, padding, or the name of the next member. A
//! writable page is copied when it is first touched.

use core::fmt;

use elf::ElfBytes;
use elf::abi::{EM_X86_64, ET_EXEC, PF_W, PT_LOAD};
use elf::endian::LittleEndian;
use elf::file::Class;
use elf::segment::ProgramHeader;
use interfaces::memory::{Access, PAGE_BYTES};
use interfaces::provision::{ProgramInfo, ProgramName};

use crate::area::Run;
use crate::owner::KIT_ADDRESS;

/// The most segments of a program.
pub const SEGMENTS: usize = 8;
/// Where images may be, as page numbers: above the main stack and its guard, below the regions.
pub const IMAGES: Run = Run {
    start: 0x240,
    pages: 0x1_0000 - 0x240,
};
/// The main stack, as page numbers, but for its first bytes (see [`STACK_TOP`]). The page below it is never mapped.
pub const STACK: Run = Run {
    start: 0x211,
    pages: 0x22f - 0x211,
};
/// Where regions may be mapped, as page numbers.
pub const REGIONS: Run = Run {
    start: 0x1_0000,
    pages: 0xf_0000 - 0x1_0000,
};
/// The page of the IPC buffer of a task's thread of number 0 would be here; each further one's is the next.
const IPC_BUFFERS: u32 = 0x200;
/// Bytes of an IPC buffer (`seL4_IPCBuffer`: 128 words).
const IPC_BUFFER_BYTES: u32 = 1024;
/// The end of what the tables reach that every task is born with, as a page number.
const KIT_END: u32 = (KIT_ADDRESS >> 12) + 512;
/// The end of the main stack, as an address. Its first 3 KiB are in the page of the first thread's IPC buffer, which every
/// task has from its birth, right above [`STACK`]: most tasks that do little need no other page to write to.
pub const STACK_TOP: u32 = ipc_buffer(0);

/// The page in which the IPC buffer of a thread of this number is.
#[must_use]
pub const fn ipc_page(number: u32) -> u32 {
    if number == 0 {
        STACK.end()
    } else {
        IPC_BUFFERS.saturating_add(number)
    }
}

/// The address of the IPC buffer of a thread of this number: at the end of the first one's page, else at its beginning.
#[must_use]
pub const fn ipc_buffer(number: u32) -> u32 {
    let page = ipc_page(number);
    if number == 0 {
        (page.saturating_add(1) << 12).saturating_sub(IPC_BUFFER_BYTES)
    } else {
        page << 12
    }
}

const PAGE_MASK: u64 = PAGE_BYTES - 1;

/// A segment of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its pages in the address space.
    pub run: Run,
    /// Whether its pages are copied for each task, or shared.
    pub access: Access,
    /// The address of its first byte.
    pub address: u32,
    /// How many of its bytes are in the archive, at [`Segment::offset`]; what follows them is zero.
    pub file_bytes: u32,
    /// Where its first byte is in the archive.
    pub offset: u32,
}

impl Segment {
    /// The archive's page that shows the segment's first page.
    #[must_use]
    pub const fn archive_page(&self) -> u32 {
        self.offset >> 12
    }

    /// What of the archive belongs into a page of the segment.
    #[must_use]
    fn fill(&self, page: u32) -> Fill {
        let begin = page.wrapping_shl(12).max(self.address);
        let page_end = page.saturating_add(1).wrapping_shl(12);
        let file_end = self.address.saturating_add(self.file_bytes);
        let bytes = page_end.min(file_end).saturating_sub(begin);
        if bytes == 0 {
            return Fill::ZEROS;
        }
        Fill {
            offset: self
                .offset
                .saturating_add(begin.saturating_sub(self.address)),
            bytes,
            at: begin & 0xfff,
        }
    }
}

/// What a fresh page gets besides zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Where it is in the archive.
    pub offset: u32,
    /// How many bytes.
    pub bytes: u32,
    /// Where in the page they belong.
    pub at: u32,
}

impl Fill {
    /// Nothing.
    pub const ZEROS: Self = Self {
        offset: 0,
        bytes: 0,
        at: 0,
    };
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name.
    pub name: ProgramName,
    /// Its first instruction.
    pub entry: u32,
    segments: heapless::Vec<Segment, SEGMENTS>,
}

/// Why an image is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageError {
    /// It is no static 64-bit x86 ELF file, or it is cut off.
    NotAnImage,
    /// It has more than [`SEGMENTS`] segments, or none.
    SegmentCount(usize),
    /// A segment is not within [`IMAGES`].
    OutOfRange {
        /// Where the segment begins.
        address: u64,
    },
    /// Two segments share a page.
    Overlap {
        /// Where the second one begins.
        address: u64,
    },
    /// A segment's place in the file does not agree with its address, or the image is not on a page's boundary.
    Misplaced {
        /// Where the segment begins.
        address: u64,
    },
    /// A read-only segment is longer than what the file has for it.
    ReadOnlyZeros {
        /// Where the segment begins.
        address: u64,
    },
    /// The first instruction is in no segment.
    NoEntry,
}

impl fmt::Display for ImageError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnImage => out.write_str("not a static 64-bit x86 ELF file, or cut off"),
            Self::SegmentCount(count) => {
                write!(out, "{count} segments, and 1 to {SEGMENTS} are right")
            }
            Self::OutOfRange { address } => {
                write!(
                    out,
                    "the segment at {address:#x} is not where images may be"
                )
            }
            Self::Overlap { address } => {
                write!(
                    out,
                    "the segment at {address:#x} shares a page with another"
                )
            }
            Self::Misplaced { address } => {
                write!(
                    out,
                    "the segment at {address:#x} and its place in the archive do not agree"
                )
            }
            Self::ReadOnlyZeros { address } => {
                write!(
                    out,
                    "the read-only segment at {address:#x} is longer than its file"
                )
            }
            Self::NoEntry => out.write_str("the first instruction is in no segment"),
        }
    }
}

impl Program {
    /// Lays an image out that begins at `offset` in the archive.
    pub fn parse(name: ProgramName, image: &[u8], offset: u32) -> Result<Self, ImageError> {
        let elf =
            ElfBytes::<LittleEndian>::minimal_parse(image).map_err(|_| ImageError::NotAnImage)?;
        let header = &elf.ehdr;
        if header.class != Class::ELF64 || header.e_type != ET_EXEC || header.e_machine != EM_X86_64
        {
            return Err(ImageError::NotAnImage);
        }
        let mut segments = heapless::Vec::<Segment, SEGMENTS>::new();
        let loaded = elf.segments().ok_or(ImageError::SegmentCount(0))?;
        for header in loaded
            .iter()
            .filter(|header| header.p_type == PT_LOAD && header.p_memsz != 0)
        {
            let segment = place(&header, image.len() as u64, offset)?;
            if segments.iter().any(|other| overlap(other.run, segment.run)) {
                return Err(ImageError::Overlap {
                    address: header.p_vaddr,
                });
            }
            segments
                .push(segment)
                .map_err(|_| ImageError::SegmentCount(SEGMENTS.saturating_add(1)))?;
        }
        if segments.is_empty() {
            return Err(ImageError::SegmentCount(0));
        }
        let entry = u32::try_from(header.e_entry).map_err(|_| ImageError::NoEntry)?;
        if !segments
            .iter()
            .any(|segment| segment.run.contains(entry >> 12))
        {
            return Err(ImageError::NoEntry);
        }
        Ok(Self {
            name,
            entry,
            segments,
        })
    }

    /// Its segments.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether all its shared pages are in the reach of the tables that every task is born with.
    #[must_use]
    pub fn fits_kit(&self) -> bool {
        self.segments
            .iter()
            .all(|segment| segment.access == Access::ReadWrite || segment.run.end() <= KIT_END)
    }

    /// Writable pages that are reserved for it: data, bss, stack.
    #[must_use]
    pub fn commit(&self) -> u32 {
        self.pages(Access::ReadWrite).saturating_add(STACK.pages)
    }

    /// Read-only pages that it shares with every task that runs it.
    #[must_use]
    pub fn shared(&self) -> u32 {
        self.pages(Access::Read)
    }

    /// What the proc-server is told of it.
    #[must_use]
    pub fn info(&self) -> ProgramInfo {
        ProgramInfo {
            name: self.name.clone(),
            entry: u64::from(self.entry),
            commit: self.commit(),
            shared: self.shared(),
        }
    }

    /// What of the archive belongs into a writable page.
    #[must_use]
    pub fn fill(&self, page: u32) -> Fill {
        self.segments
            .iter()
            .find(|segment| segment.run.contains(page))
            .map_or(Fill::ZEROS, |segment| segment.fill(page))
    }

    fn pages(&self, access: Access) -> u32 {
        self.segments
            .iter()
            .filter(|segment| segment.access == access)
            .fold(0, |sum, segment| sum.saturating_add(segment.run.pages))
    }
}

fn overlap(one: Run, other: Run) -> bool {
    one.start < other.end() && other.start < one.end()
}

/// Checks one loaded segment, question by question.
fn place(header: &ProgramHeader, image_bytes: u64, image: u32) -> Result<Segment, ImageError> {
    let address = header.p_vaddr;
    let out_of_range = ImageError::OutOfRange { address };
    let end = address.checked_add(header.p_memsz).ok_or(out_of_range)?;
    let file_end = header.p_offset.checked_add(header.p_filesz);
    let start_page = address >> 12;
    let end_page = end
        .checked_next_multiple_of(PAGE_BYTES)
        .ok_or(out_of_range)?
        >> 12;
    let run = Run {
        start: u32::try_from(start_page).map_err(|_| out_of_range)?,
        pages: u32::try_from(end_page.saturating_sub(start_page)).map_err(|_| out_of_range)?,
    };
    if !IMAGES.covers(run) {
        return Err(out_of_range);
    }
    if file_end.is_none_or(|file_end| file_end > image_bytes) || header.p_filesz > header.p_memsz {
        return Err(ImageError::NotAnImage);
    }
    let misplaced = ImageError::Misplaced { address };
    let offset = header
        .p_offset
        .checked_add(u64::from(image))
        .and_then(|offset| u32::try_from(offset).ok())
        .ok_or(misplaced)?;
    // Where nothing is in the file, its place there means nothing.
    let agrees = header.p_filesz == 0 || u64::from(offset) & PAGE_MASK == address & PAGE_MASK;
    if !agrees || u64::from(image) & PAGE_MASK != 0 {
        return Err(misplaced);
    }
    let access = if header.p_flags & PF_W == 0 {
        Access::Read
    } else {
        Access::ReadWrite
    };
    if access == Access::Read && header.p_filesz != header.p_memsz {
        return Err(ImageError::ReadOnlyZeros { address });
    }
    Ok(Segment {
        run,
        access,
        address: u32::try_from(address).map_err(|_| out_of_range)?,
        file_bytes: u32::try_from(header.p_filesz).map_err(|_| misplaced)?,
        offset,
    })
}

#[cfg(test)]
#[path = "program_tests.rs"]
mod tests;
