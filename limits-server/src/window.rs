//! The window in which watchers' rings are: what the memory-server maps here, and the notifications in its slots.
//!
//! **Never** reads what stands there. Touches only rings that the memory-server has attached and not detached; the
//! ledger knows which.

use core::sync::atomic::{AtomicU64, Ordering};

use interfaces::events::{RINGS, RingId};
use interfaces::start::{limits_slots, ring_window};
use limits_core::Window;
use sel4::cap;

/// The rings, by their places in the window.
#[derive(Debug)]
pub struct RingWindow {
    address: usize,
}

impl RingWindow {
    /// The window where the root task put its page tables.
    ///
    /// # Safety
    ///
    /// 1. Nothing is mapped there but rings, writable, from [`limits_core::Ledger::attach_ring`] to
    ///    [`limits_core::Ledger::detach_ring`], with as many pages as were said.
    /// 2. Whoever has this calls [`Window::store`] only for such a ring, and a word within its pages.
    pub const unsafe fn new() -> Self {
        Self {
            address: ring_window::ADDRESS as usize,
        }
    }
}

impl Window for RingWindow {
    fn store(&mut self, ring: RingId, word: usize, value: u64) {
        const PLACE: usize = ring_window::PLACE as usize;
        let Some(offset) = word.checked_mul(size_of::<u64>()).filter(|&at| at < PLACE) else {
            return;
        };
        let place = usize::from(ring.0);
        if place >= RINGS {
            return;
        }
        let address = self
            .address
            .wrapping_add(place.wrapping_mul(PLACE))
            .wrapping_add(offset);
        // SAFETY: whoever made this promised that the word is mapped, writable, and read by nobody but through a
        // mapping of its own; it is aligned, as pages and multiples of eight are.
        let target = unsafe { AtomicU64::from_ptr(address as *mut u64) };
        // The watcher sees the words in this order, on this processor even without it.
        target.store(value, Ordering::Release);
    }

    fn signal(&mut self, ring: RingId) {
        let slot = limits_slots::RINGS.saturating_add(u64::from(ring.0));
        cap::Notification::from_bits(slot).signal();
    }
}
