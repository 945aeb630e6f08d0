//! The memory that the start page names, as Rust values. Everything unsafe of this server is here or calls here.

use interfaces::start::Span;
use limits_core::{BoundSlot, EntrySlot, LabelSlot, Memory, Slots, TaskSlot, ThreadSlot, TombSlot};
use sel4_root_task::memory;

use crate::ground::{self, Tracts};
use crate::window::RingWindow;

/// The bytes of the start page.
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

/// What the ledger is made of.
pub struct Carved {
    /// Its slots: of the groups' places, the first tract.
    pub memory: Memory<'static>,
    /// Where rings are.
    pub window: &'static mut RingWindow,
    /// Where the groups' places become more.
    pub tracts: &'static mut Tracts,
}

/// Makes the ledger's slots in the heap and on their ground, and what its windows need. Nothing if they do not fit.
///
/// # Safety
///
/// 1. The span is mapped to be written, and so is the ground's first tract, zeroed.
/// 2. Nothing else uses either as long as the program runs.
pub unsafe fn carve(heap: Span, slots: Slots) -> Option<Carved> {
    let (address, bytes) = (usize::try_from(heap.address), usize::try_from(heap.bytes));
    // SAFETY: (1) and (2) say so.
    let mut rest = unsafe { memory::Heap::new(address.ok()?, bytes.ok()?) };
    let memory = Memory {
        // SAFETY: (1) and (2) say so.
        groups: unsafe { ground::first_tract() },
        bounds: rest.take(slots.bounds, || BoundSlot::VACANT)?,
        threads: rest.take(slots.threads, || ThreadSlot::VACANT)?,
        labels: rest.take(slots.labels, LabelSlot::vacant)?,
        tasks: rest.take(slots.tasks, || TaskSlot::VACANT)?,
        entries: rest.take(slots.entries, || EntrySlot::VACANT)?,
        tombs: rest.take(slots.tombs, TombSlot::vacant)?,
    };
    // SAFETY: (1) the memory-server maps rings there and nothing else does, and it says when; (2) the ledger, which gets
    // it, stores only between the two, and within the pages that it was told of.
    let window = rest.take(1, || unsafe { RingWindow::new() })?;
    // SAFETY: (1) the memory-server maps pages there, (2) and says when; (3) the ledger is the only one to call it.
    let tracts = rest.take(1, || unsafe { Tracts::new() })?;
    Some(Carved {
        memory,
        window: window.first_mut()?,
        tracts: tracts.first_mut()?,
    })
}
