//! The program's image in memory, as the linker scripts lay it out.

use sel4::cap::{self, Cap};
use sel4::{BootInfo, Error, Result};

/// Bytes of a page.
const PAGE: u64 = 4096;

/// Where the parts of the image are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageBounds {
    /// The first address.
    pub start: u64,
    /// The one after the last address.
    pub end: u64,
    /// The page below the stack that is not to be touched.
    pub stack_guard: u64,
    /// Where the stack starts.
    pub stack_start: u64,
    /// Where it ends, and its use begins.
    pub stack_end: u64,
    /// Where the root task's archive starts.
    pub archive_start: u64,
    /// Where it ends; the same in a program that has none.
    pub archive_end: u64,
}

#[cfg(target_os = "none")]
macro_rules! symbol {
    ($name:ident) => {{
        unsafe extern "C" {
            static $name: u8;
        }
        (&raw const $name).addr() as u64
    }};
}

/// There is no such image on the host.
#[cfg(not(target_os = "none"))]
macro_rules! symbol {
    ($name:ident) => {
        0
    };
}

/// Where the parts of the running program's image are.
#[must_use]
pub fn image() -> ImageBounds {
    ImageBounds {
        start: symbol!(__image_start),
        end: symbol!(__image_end),
        stack_guard: symbol!(__stack_guard),
        stack_start: symbol!(__stack_start),
        stack_end: symbol!(__stack_end),
        archive_start: symbol!(__archive_start),
        archive_end: symbol!(__archive_end),
    }
}

/// The frame of the root task's image that is mapped at `address`; `None` outside of the image.
#[must_use]
pub fn image_frame(info: &BootInfo, address: u64) -> Option<cap::Frame> {
    let page = address.checked_sub(image().start)?.checked_div(PAGE)?;
    let frames = info.user_image_frames();
    let slot = frames.start.checked_add(page)?;
    (slot < frames.end).then(|| Cap::from_bits(slot))
}

/// Unmaps the page below the root task's stack, so that an overflow is a fault and not a changed constant.
///
/// Only for the root task: the kernel maps its image without holes. A server's loader leaves the page out.
///
/// # Errors
///
/// [`Error::InvalidArgument`] if the image's frames are fewer than the image has pages, else what the kernel says.
pub fn unmap_guard_page(info: &BootInfo) -> Result<()> {
    image_frame(info, image().stack_guard)
        .ok_or(Error::InvalidArgument)?
        .unmap()
}
