//! The archive, as it lies in the root task's image: on whole pages of its own, which are handed out as they are.

/// Bytes on pages of their own; what fills up the last one is zero.
#[repr(C, align(4096))]
struct Pages<const BYTES: usize>([u8; BYTES]);

const BYTES: usize = include_bytes!(env!("ROOT_TASK_ARCHIVE")).len();

#[cfg_attr(target_os = "none", unsafe(link_section = ".archive"))]
static ARCHIVE: Pages<BYTES> = Pages(*include_bytes!(env!("ROOT_TASK_ARCHIVE")));

/// The archive. Begins at a page.
pub fn bytes() -> &'static [u8] {
    &ARCHIVE.0
}
