//! Archives, whole and broken.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that panics fails, which is what it is for"
)]

use boot_core::Archive;
use boot_core::archive::ArchiveError;
use interfaces::ServerName;

fn pack(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn members_are_found_by_their_whole_name() {
    let bytes = pack(&[
        ("programs/limits-server", b"a program of that name"),
        ("servers/limits-server-2", b"another server"),
        ("system", b"the system"),
        ("servers/limits-server", b"the server"),
    ]);
    let archive = Archive::new(&bytes);
    assert_eq!(archive.system(), Ok(&b"the system"[..]));
    assert_eq!(archive.server(ServerName::Limits), Ok(&b"the server"[..]));
    let missing = archive.server(ServerName::Proc).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "the archive has no member servers/proc-server; is it in image/system.toml?"
    );
}

#[test]
fn a_build_without_an_archive_says_so() {
    assert_eq!(Archive::new(&[]).system(), Err(ArchiveError::Empty));
}

#[test]
fn what_is_no_archive_is_refused() {
    assert!(Archive::new(&[7; 4096]).system().is_err());
    assert!(Archive::new(&[0; 100]).system().is_err());
}

#[test]
fn a_member_at_a_page_is_found_in_an_archive_that_is_filled_up_with_zeros() {
    let mut bytes = pack(&[("system", b"the system")]);
    bytes.resize(8192, 0);
    assert_eq!(Archive::new(&bytes).system(), Ok(&b"the system"[..]));
}
