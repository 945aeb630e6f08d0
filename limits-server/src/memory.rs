//! The memory that the start page names, as Rust values. Everything unsafe of this server is here or calls here.

use core::slice;

use interfaces::start::Span;
use limits_core::{BoundSlot, GroupSlot, LabelSlot, Memory, Slots, TaskSlot, ThreadSlot};

/// The bytes of the start page.
const PAGE: usize = 4096;

/// The start page.
///
/// # Safety
///
/// 1. `address` is that of a page that is mapped and is not changed as long as the program runs.
pub unsafe fn start_page(address: usize) -> &'static [u8] {
    // SAFETY: (1) says so; bytes have no alignment.
    unsafe { slice::from_raw_parts(address as *const u8, PAGE) }
}

/// A piece of memory that is only read.
///
/// # Safety
///
/// 1. The span is mapped.
/// 2. Nothing changes it as long as the program runs.
pub unsafe fn read_only(span: Span) -> &'static [u8] {
    let bytes = usize::try_from(span.bytes).unwrap_or_default();
    // SAFETY: (1) and (2) say so; bytes have no alignment.
    unsafe { slice::from_raw_parts(span.address as *const u8, bytes) }
}

/// Makes the ledger's slots in the heap. Nothing if they do not fit.
///
/// # Safety
///
/// 1. The span is mapped to be written.
/// 2. Nothing else uses it as long as the program runs.
pub unsafe fn carve(heap: Span, slots: Slots) -> Option<Memory<'static>> {
    let mut rest = Rest {
        address: usize::try_from(heap.address).ok()?,
        bytes: usize::try_from(heap.bytes).ok()?,
    };
    // SAFETY: for each: (1) and (2) say so of the whole span, and `Rest` gives out no byte twice.
    unsafe {
        Some(Memory {
            groups: rest.take(slots.groups, || GroupSlot::VACANT)?,
            bounds: rest.take(slots.bounds, || BoundSlot::VACANT)?,
            threads: rest.take(slots.threads, || ThreadSlot::VACANT)?,
            labels: rest.take(slots.labels, LabelSlot::vacant)?,
            tasks: rest.take(slots.tasks, || TaskSlot::VACANT)?,
        })
    }
}

/// What has not been given out yet.
struct Rest {
    address: usize,
    bytes: usize,
}

impl Rest {
    /// Gives out room for `count` values, initialised.
    ///
    /// # Safety
    ///
    /// 1. The rest is mapped to be written.
    /// 2. Nothing else uses it.
    unsafe fn take<T>(&mut self, count: usize, value: impl Fn() -> T) -> Option<&'static mut [T]> {
        let first = self.address.checked_next_multiple_of(align_of::<T>())?;
        let padding = first.checked_sub(self.address)?;
        let bytes = count.checked_mul(size_of::<T>())?;
        let rest = self.bytes.checked_sub(padding)?.checked_sub(bytes)?;
        self.bytes = rest;
        self.address = first.checked_add(bytes)?;
        let pointer = first as *mut T;
        for index in 0..count {
            // SAFETY: (1) and (2) say so; `index` is within what was taken just now, and the address is aligned.
            unsafe { pointer.add(index).write(value()) };
        }
        // SAFETY: as above, and every element has been written.
        Some(unsafe { slice::from_raw_parts_mut(pointer, count) })
    }
}
