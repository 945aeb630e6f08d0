//! The memory that the start page names, as Rust values. Everything unsafe of this server is here or calls here.

use core::ptr;

use interfaces::start::Span;
use memory_core::memory::Carver;
use memory_core::program::Fill;
use sel4_root_task::memory;

/// The bytes of a page.
const PAGE: usize = 4096;

/// The start page.
///
/// # Safety
///
/// 1. `address` is that of a page that is mapped and is not changed as long as the program runs.
pub unsafe fn start_page(address: usize) -> &'static [u8] {
    // SAFETY: (1) says so.
    unsafe { memory::read_only(address as *const u8, PAGE) }
}

/// A piece of memory that is only read.
///
/// # Safety
///
/// 1. The span is mapped.
/// 2. Nothing changes it as long as the program runs.
pub unsafe fn read_only(span: Span) -> &'static [u8] {
    let bytes = usize::try_from(span.bytes).unwrap_or_default();
    // SAFETY: (1) and (2) say so.
    unsafe { memory::read_only(span.address as *const u8, bytes) }
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

/// Copies a page.
///
/// # Safety
///
/// 1. Pages are mapped at both addresses, which differ; at `to` to be written.
/// 2. Nothing else uses the page at `to` now, nor writes to the one at `from` through this address space.
pub unsafe fn copy_page(from: u64, to: u64) {
    // SAFETY: (1) and (2) say so.
    unsafe { ptr::copy_nonoverlapping(from as *const u64, to as *mut u64, PAGE / 8) };
}

/// The heap, as the core asks for it.
#[derive(Debug)]
pub struct Heap(memory::Heap);

impl Heap {
    /// All of the heap.
    ///
    /// # Safety
    ///
    /// 1. The span is mapped to be written.
    /// 2. Nothing else uses it as long as the program runs.
    pub unsafe fn new(span: Span) -> Self {
        let address = usize::try_from(span.address).unwrap_or_default();
        let bytes = usize::try_from(span.bytes).unwrap_or_default();
        // SAFETY: (1) and (2) say so.
        Self(unsafe { memory::Heap::new(address, bytes) })
    }
}

impl Carver<'static> for Heap {
    fn carve<T: Copy + Default + 'static>(&mut self, count: u32) -> Option<&'static mut [T]> {
        self.0.take(count as usize, T::default)
    }
}
