//! The memory that the start page names, as Rust values. Everything unsafe of this server is here or calls here.

use core::{ptr, slice};

use interfaces::start::Span;
use memory_core::memory::Carver;
use memory_core::program::Fill;

/// The bytes of a page.
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

/// The archive's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Archive(&'static [u8]);

impl Archive {
    /// These bytes.
    pub const fn new(bytes: &'static [u8]) -> Self {
        Self(bytes)
    }

    /// Copies a part of the archive into a page. A part that does not exist, or does not fit, is not copied.
    ///
    /// # Safety
    ///
    /// 1. A page is mapped at `page`, to be written.
    /// 2. Nothing else uses that page now.
    pub unsafe fn copy(self, fill: Fill, page: u64) {
        let (from, bytes, at) = (fill.offset as usize, fill.bytes as usize, fill.at as usize);
        let part = from
            .checked_add(bytes)
            .and_then(|end| self.0.get(from..end));
        let fits = at.checked_add(bytes).is_some_and(|end| end <= PAGE);
        if let (Some(part), true) = (part, fits) {
            // SAFETY: (1) and (2) say so of the page, within which `at..at + bytes` was found to be; the archive is
            // mapped elsewhere.
            unsafe { ptr::copy_nonoverlapping(part.as_ptr(), (page as *mut u8).add(at), bytes) };
        }
    }
}

/// The heap: what of it has not been given out yet.
#[derive(Debug)]
pub struct Heap {
    address: usize,
    bytes: usize,
}

impl Heap {
    /// All of the heap.
    ///
    /// # Safety
    ///
    /// 1. The span is mapped to be written.
    /// 2. Nothing else uses it as long as the program runs.
    pub unsafe fn new(span: Span) -> Self {
        Self {
            address: usize::try_from(span.address).unwrap_or_default(),
            bytes: usize::try_from(span.bytes).unwrap_or_default(),
        }
    }
}

impl Carver<'static> for Heap {
    fn carve<T: Copy + Default + 'static>(&mut self, count: u32) -> Option<&'static mut [T]> {
        let count = count as usize;
        let first = self.address.checked_next_multiple_of(align_of::<T>())?;
        let padding = first.checked_sub(self.address)?;
        let bytes = count.checked_mul(size_of::<T>())?;
        let rest = self.bytes.checked_sub(padding)?.checked_sub(bytes)?;
        self.bytes = rest;
        self.address = first.checked_add(bytes)?;
        let pointer = first as *mut T;
        for index in 0..count {
            // SAFETY: who made this value promised that the heap is mapped and nobody else's; `index` is within what
            // was taken of it just now, which is never given out again, and the address is aligned.
            unsafe { pointer.add(index).write(T::default()) };
        }
        // SAFETY: as above, and every element has been written.
        Some(unsafe { slice::from_raw_parts_mut(pointer, count) })
    }
}
