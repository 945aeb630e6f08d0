//! The memory that the start page names, as Rust values. Everything unsafe of this server is here or calls here.

use interfaces::start::Span;
use process_core::{Place, Room, Task, Thread, Waiter};
use sel4_root_task::memory;

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
    /// Their deadlines.
    pub deadlines: &'static mut [Place],
}

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

/// Makes the tables' slots in the heap. Nothing if they do not fit.
///
/// # Safety
///
/// 1. The span is mapped to be written.
/// 2. Nothing else uses it as long as the program runs.
pub unsafe fn carve(heap: Span, room: Room) -> Option<Slots> {
    let (address, bytes) = (usize::try_from(heap.address), usize::try_from(heap.bytes));
    // SAFETY: (1) and (2) say so.
    let mut rest = unsafe { memory::Heap::new(address.ok()?, bytes.ok()?) };
    Some(Slots {
        tasks: rest.take(room.tasks, Task::vacant)?,
        threads: rest.take(room.threads, || Thread::VACANT)?,
        waiters: rest.take(room.threads, || Waiter::VACANT)?,
        deadlines: rest.take(room.deadlines(), || Place::VACANT)?,
    })
}
