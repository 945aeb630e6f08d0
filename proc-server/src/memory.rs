//! The memory that the start page names, as Rust values. Everything unsafe of this server is here or calls here.

use core::slice;

use interfaces::start::Span;
use process_core::{Room, Task, Thread, Waiter};

/// The bytes of the start page.
const PAGE: usize = 4096;

/// The slots of the tables.
pub struct Slots {
    /// Tasks.
    pub tasks: &'static mut [Task],
    /// Threads.
    pub threads: &'static mut [Thread],
    /// Those who wait.
    pub waiters: &'static mut [Waiter],
}

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

/// Makes the tables' slots in the heap. Nothing if they do not fit.
///
/// # Safety
///
/// 1. The span is mapped to be written.
/// 2. Nothing else uses it as long as the program runs.
pub unsafe fn carve(heap: Span, room: Room) -> Option<Slots> {
    let mut rest = Rest {
        address: usize::try_from(heap.address).ok()?,
        bytes: usize::try_from(heap.bytes).ok()?,
    };
    // SAFETY: for each: (1) and (2) say so of the whole span, and `Rest` gives out no byte twice.
    unsafe {
        Some(Slots {
            tasks: rest.take(room.tasks, Task::vacant)?,
            threads: rest.take(room.threads, || Thread::VACANT)?,
            waiters: rest.take(room.threads, || Waiter::VACANT)?,
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
        self.bytes = self.bytes.checked_sub(padding)?.checked_sub(bytes)?;
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
