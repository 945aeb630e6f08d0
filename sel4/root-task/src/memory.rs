//! The memory that a server is given at its start, as Rust values.

use core::slice;

/// A piece of memory that is only read.
///
/// # Safety
///
/// 1. So many bytes are mapped at `address`.
/// 2. Nothing changes them as long as the program runs.
#[must_use]
pub unsafe fn read_only(address: *const u8, bytes: usize) -> &'static [u8] {
    // SAFETY: (1) and (2) say so; bytes have no alignment.
    unsafe { slice::from_raw_parts(address, bytes) }
}

/// A heap: what of it has not been given out yet. Nothing ever comes back.
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
    /// 1. So many bytes are mapped at `address`, to be written.
    /// 2. Nothing else uses them as long as the program runs.
    #[must_use]
    pub const unsafe fn new(address: usize, bytes: usize) -> Self {
        Self { address, bytes }
    }

    /// Gives out room for `count` values, initialised. Nothing if they do not fit.
    pub fn take<T>(&mut self, count: usize, value: impl Fn() -> T) -> Option<&'static mut [T]> {
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
            unsafe { pointer.add(index).write(value()) };
        }
        // SAFETY: as above, and every element has been written.
        Some(unsafe { slice::from_raw_parts_mut(pointer, count) })
    }
}
