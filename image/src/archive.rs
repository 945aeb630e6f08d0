//! The archive: a plain ustar file in which every ELF file begins on a page.
//!
//! The root task holds it at a page's boundary, so a page of the archive is a page of memory, and the memory-server
//! maps the read-only pages of programs from where they lie. Where a member would begin elsewhere, a member called
//! [`FILLER`] stands before it: any tool that reads ustar reads the archive, and none needs to know of pages.

use std::io::{self, Write as _};

use crate::elf_file::PAGE_BYTES;

/// The name of members that only take up room.
pub const FILLER: &str = "filler";
/// The folder of the servers.
pub const SERVERS: &str = "servers";
/// The folder of the programs.
pub const PROGRAMS: &str = "programs";

/// What ustar counts in: a header is one block, and contents are filled up to the next.
const BLOCK_BYTES: u64 = 512;

/// A file in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its path in the archive.
    pub name: String,
    /// Its contents.
    pub bytes: Vec<u8>,
    /// Whether they must begin on a page.
    pub on_page: bool,
}

/// The bytes of an archive with these members, filled up to a whole page.
pub fn pack(members: &[Member]) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for member in members {
        let at = length(&builder);
        if member.on_page
            && let Some(filler) = filler(at)
        {
            append(&mut builder, FILLER, &vec![0; filler])?;
        }
        append(&mut builder, &member.name, &member.bytes)?;
    }
    let mut bytes = builder.into_inner()?;
    let full = bytes
        .len()
        .next_multiple_of(usize::try_from(PAGE_BYTES).unwrap_or(4096));
    // The end of an archive is zeros, and more of them are still the end.
    bytes.resize(full, 0);
    Ok(bytes)
}

/// How long a filler must be before a member that would have its header at `at`, so that its contents begin on a page;
/// none if they do already.
fn filler(at: u64) -> Option<usize> {
    let contents = at.checked_add(BLOCK_BYTES)?;
    if contents.is_multiple_of(PAGE_BYTES) {
        return None;
    }
    // The filler has a header too.
    let after = contents.checked_add(BLOCK_BYTES)?;
    let length = after.next_multiple_of(PAGE_BYTES).checked_sub(after)?;
    usize::try_from(length).ok()
}

fn length(builder: &tar::Builder<Vec<u8>>) -> u64 {
    builder.get_ref().len().try_into().unwrap_or(u64::MAX)
}

fn append(builder: &mut tar::Builder<Vec<u8>>, name: &str, contents: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_size(contents.len().try_into().unwrap_or(u64::MAX));
    // The same contents give the same archive, whenever and by whomever it is made.
    header.set_mode(0o444);
    header.set_mtime(0);
    header.set_cksum();
    builder.append(&header, contents)?;
    builder.get_mut().flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn member(name: &str, length: usize, on_page: bool) -> Member {
        Member {
            name: name.to_owned(),
            bytes: (0..length)
                .map(|n| u8::try_from(n % 251).expect("small"))
                .collect(),
            on_page,
        }
    }

    /// Every member but fillers: its name, where its contents begin, and the contents.
    fn read(bytes: &[u8]) -> Vec<(String, u64, Vec<u8>)> {
        let mut archive = tar::Archive::new(bytes);
        let entries = archive.entries().expect("it is an archive");
        entries
            .map(|entry| {
                let mut entry = entry.expect("a member");
                let name = entry.path().expect("a path").to_string_lossy().into_owned();
                let mut contents = Vec::new();
                io::Read::read_to_end(&mut entry, &mut contents).expect("contents");
                (name, entry.raw_file_position(), contents)
            })
            .filter(|(name, ..)| name != FILLER)
            .collect()
    }

    #[test]
    fn the_same_members_give_the_same_bytes() {
        let members = [
            member("system", 100, false),
            member("servers/a", 5000, true),
        ];
        assert_eq!(
            pack(&members).expect("packs"),
            pack(&members).expect("packs")
        );
    }

    #[test]
    fn debian_tar_reads_it() {
        let members = [
            member("system", 1, false),
            member("servers/limits-server", 9000, true),
        ];
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), pack(&members).expect("packs")).expect("writes");
        let output = std::process::Command::new("tar")
            .arg("-tf")
            .arg(file.path())
            .output()
            .expect("tar runs");
        assert!(output.status.success());
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(listed, "system\nfiller\nservers/limits-server\n");
    }

    proptest! {
        #[test]
        fn whatever_the_members_they_come_back_and_begin_where_they_should(
            lengths in prop::collection::vec((0_usize..10_000, any::<bool>()), 0..12),
        ) {
            let numbered = lengths.iter().enumerate();
            let members: Vec<Member> = numbered.map(|(n, &(length, on_page))| member(&format!("m/{n}"), length, on_page)).collect();
            let bytes = pack(&members).expect("packs");
            prop_assert_eq!(bytes.len() % 4096, 0);
            let found = read(&bytes);
            prop_assert_eq!(found.len(), members.len());
            for (member, (name, at, contents)) in members.iter().zip(found) {
                prop_assert_eq!(&member.name, &name);
                prop_assert_eq!(&member.bytes, &contents);
                prop_assert!(!member.on_page || at % 4096 == 0, "{} at {}", name, at);
            }
        }
    }
}
