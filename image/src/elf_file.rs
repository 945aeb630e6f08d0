//! Whether an ELF file is one that the guest can map straight from the archive.
//!
//! The guest maps the archive's pages as they are, so the file must already look like memory: no loader moves or
//! relocates anything there. Better refused here with a name than found out in a server that starts at boot.

use elf::ElfBytes;
use elf::abi::{EM_X86_64, ET_EXEC, PF_W, PF_X, PT_DYNAMIC, PT_INTERP, PT_LOAD};
use elf::endian::LittleEndian;
use elf::file::Class;
use thiserror::Error;

/// The bytes of a page.
pub const PAGE_BYTES: u64 = 4096;

/// Why an ELF file cannot be mapped as it is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ElfError {
    /// It cannot be read as ELF.
    #[error("is no ELF file: {0}")]
    Malformed(String),
    /// It is for another machine.
    #[error("is not for 64-bit x86")]
    OtherMachine,
    /// It wants to be relocated or linked when it is loaded.
    #[error("is not a static executable at fixed addresses")]
    NotStatic,
    /// It has nothing to load.
    #[error("has no segment to load")]
    Empty,
    /// A segment is not where its page is.
    #[error(
        "has a segment at address {address:#x} and file offset {offset:#x}, which differ within the page"
    )]
    Misaligned {
        /// Its address.
        address: u64,
        /// Its place in the file.
        offset: u64,
    },
    /// Two segments want different rights on the same page.
    #[error("has two segments on the page at {page:#x}")]
    SharedPage {
        /// The page's address.
        page: u64,
    },
    /// A segment ends before it begins, or beyond what faults can name.
    #[error("has a segment at {address:#x} that reaches 4 GiB")]
    High {
        /// Its address.
        address: u64,
    },
    /// A page that is both writable and executable.
    #[error("has a segment at {address:#x} that is writable and executable")]
    WritableCode {
        /// Its address.
        address: u64,
    },
    /// The first instruction is not in a segment of code.
    #[error("begins at {entry:#x}, where there is no code")]
    Entry {
        /// That address.
        entry: u64,
    },
}

/// Checks that the guest can map the file.
pub fn check(bytes: &[u8]) -> Result<(), ElfError> {
    let malformed = |error: elf::ParseError| ElfError::Malformed(error.to_string());
    let file = ElfBytes::<LittleEndian>::minimal_parse(bytes).map_err(malformed)?;
    if file.ehdr.class != Class::ELF64 || file.ehdr.e_machine != EM_X86_64 {
        return Err(ElfError::OtherMachine);
    }
    let segments = file.segments().ok_or(ElfError::Empty)?;
    let dynamic = |kind| kind == PT_DYNAMIC || kind == PT_INTERP;
    if file.ehdr.e_type != ET_EXEC || segments.iter().any(|segment| dynamic(segment.p_type)) {
        return Err(ElfError::NotStatic);
    }
    let mut pages: Vec<(u64, u64)> = Vec::new();
    let mut entry = false;
    for segment in segments
        .iter()
        .filter(|segment| segment.p_type == PT_LOAD && segment.p_memsz != 0)
    {
        let (address, offset) = (segment.p_vaddr, segment.p_offset);
        if segment.p_filesz != 0 && address % PAGE_BYTES != offset % PAGE_BYTES {
            return Err(ElfError::Misaligned { address, offset });
        }
        if segment.p_flags & PF_W != 0 && segment.p_flags & PF_X != 0 {
            return Err(ElfError::WritableCode { address });
        }
        let end = address.checked_add(segment.p_memsz);
        let end = end
            .filter(|&end| end <= 1 << 32)
            .ok_or(ElfError::High { address })?;
        let (first, last) = (address / PAGE_BYTES, end.div_ceil(PAGE_BYTES));
        if let Some(other) = pages.iter().find(|other| first < other.1 && other.0 < last) {
            let page = first.max(other.0).saturating_mul(PAGE_BYTES);
            return Err(ElfError::SharedPage { page });
        }
        pages.push((first, last));
        entry |= segment.p_flags & PF_X != 0 && (address..end).contains(&file.ehdr.e_entry);
    }
    match (pages.is_empty(), entry) {
        (true, _) => Err(ElfError::Empty),
        (_, true) => Ok(()),
        _ => Err(ElfError::Entry {
            entry: file.ehdr.e_entry,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF file that has only headers, which is all that is looked at.
    fn elf(kind: u16, entry: u64, segments: &[(u32, u32, u64, u64, u64)]) -> Vec<u8> {
        let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend(kind.to_le_bytes());
        bytes.extend(62_u16.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(entry.to_le_bytes());
        bytes.extend(64_u64.to_le_bytes());
        bytes.extend(0_u64.to_le_bytes());
        bytes.extend(0_u32.to_le_bytes());
        let count = u16::try_from(segments.len()).expect("few");
        for half in [64, 56, count, 64, 0, 0] {
            bytes.extend(half.to_le_bytes());
        }
        for &(kind, flags, offset, address, length) in segments {
            bytes.extend(kind.to_le_bytes());
            bytes.extend(flags.to_le_bytes());
            for word in [offset, address, address, length, length, 4096] {
                bytes.extend(word.to_le_bytes());
            }
        }
        bytes
    }

    const CODE: (u32, u32, u64, u64, u64) = (1, 5, 0x1000, 0x40_0000, 0x800);

    #[test]
    fn a_static_file_with_its_segments_on_pages_of_their_own_is_good() {
        let data = (1, 6, 0x2010, 0x40_1010, 0x10);
        assert_eq!(check(&elf(2, 0x40_0000, &[CODE, data])), Ok(()));
    }

    #[test]
    fn what_cannot_be_mapped_is_refused() {
        let shared = (1, 6, 0x1800, 0x40_0800, 0x10);
        let askew = (1, 6, 0x2000, 0x40_1010, 0x10);
        let high = (1, 6, 0x2000, 0xffff_f000, 0x1001);
        let both = (1, 7, 0x2000, 0x40_1000, 0x10);
        let dynamic = (2, 6, 0x2000, 0x40_1000, 0x10);
        let cases = [
            (elf(3, 0x40_0000, &[CODE]), ElfError::NotStatic),
            (elf(2, 0x40_0000, &[CODE, dynamic]), ElfError::NotStatic),
            (elf(2, 0x40_0000, &[]), ElfError::Empty),
            (
                elf(2, 0x40_0000, &[CODE, shared]),
                ElfError::SharedPage { page: 0x40_0000 },
            ),
            (
                elf(2, 0x40_0000, &[CODE, askew]),
                ElfError::Misaligned {
                    address: 0x40_1010,
                    offset: 0x2000,
                },
            ),
            (
                elf(2, 0x40_0000, &[CODE, high]),
                ElfError::High {
                    address: 0xffff_f000,
                },
            ),
            (
                elf(2, 0x40_0000, &[CODE, both]),
                ElfError::WritableCode { address: 0x40_1000 },
            ),
            (
                elf(2, 0x40_0800, &[CODE]),
                ElfError::Entry { entry: 0x40_0800 },
            ),
        ];
        for (bytes, error) in cases {
            assert_eq!(check(&bytes), Err(error));
        }
        assert!(matches!(check(b"#!/bin/sh\n"), Err(ElfError::Malformed(_))));
    }
}
