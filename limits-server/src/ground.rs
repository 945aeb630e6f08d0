//! The ground on which groups stand, as Rust values: the first tract, and what the memory-server maps behind it.
//!
//! **Never** touches a page that the memory-server has not said to be there, or has taken back: the ledger asks for more
//! only then (`limits_core::ground`).

use core::ptr;
use core::slice;

use interfaces::start::ground;
use limits_core::{Ground, GroupSlot};

/// The places of the first tract.
///
/// # Safety
///
/// 1. The tract is mapped to be written, zeroed.
/// 2. This is the only use of it.
pub unsafe fn first_tract() -> &'static mut [GroupSlot] {
    // SAFETY: (1) and (2) say so; all zeros are a free place, whose numbers may all be zero, and the address is that of a
    // page.
    unsafe { slice::from_raw_parts_mut(start(), ground::TRACT) }
}

fn start() -> *mut GroupSlot {
    ptr::with_exposed_provenance_mut(ground::ADDRESS as usize)
}

/// The tracts behind it.
#[derive(Debug)]
pub struct Tracts {
    _only: (),
}

impl Tracts {
    /// The ground behind the first tract.
    ///
    /// # Safety
    ///
    /// 1. Nothing is mapped there but what the memory-server maps for groups: zeroed, to be written.
    /// 2. Whoever has this calls [`Ground::grow`] with what `first_tract` or `grow` gave, or the front part of it, and for
    ///    places whose pages are mapped since.
    /// 3. There is one.
    pub const unsafe fn new() -> Self {
        Self { _only: () }
    }
}

impl Ground<'static> for Tracts {
    fn grow(&mut self, places: &'static mut [GroupSlot], by: usize) -> &'static mut [GroupSlot] {
        let all = places.len().saturating_add(by);
        // SAFETY: whoever made this promised that the places behind the given ones are mapped, zeroed, and nobody else's; all
        // zeros are a free place. The given ones, which were handed over, begin where the ground does.
        unsafe { slice::from_raw_parts_mut(start(), all) }
    }
}
