//! The cleaner: a thread of this server's own spaces that clears one block when it is told to, and stops.
//!
//! The kernel clears a block in one go, and gives way to an interrupt only. A thread below the server spends that time
//! instead of the server: see `memory_core::clearing`. Between two blocks it is stopped, and each begins with its first
//! instruction, so it never waits for anybody and needs no endpoint.
//!
//! It is told and tells through two words. The server writes the first while the thread is stopped, and the thread the
//! second when it touches nothing of the block's any more; there is one processor.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU64, Ordering};

use interfaces::start::memory_slots;
use memory_core::hands::KernelError;
use sel4::{ObjectType, Result, UserContext, cap};

use crate::hands::{OWN, refused};

const THREAD: cap::Tcb = cap::Tcb::from_bits(memory_slots::CLEANER);
/// What it makes of a block so that the kernel clears it: the smallest thing that there is.
const CLEARED: sel4::Slot = sel4::Slot::in_root(OWN, memory_slots::CLEARED);

const STACK_BYTES: usize = 8192;

/// The cleaner's stack.
#[repr(align(16))]
struct Stack(UnsafeCell<[u8; STACK_BYTES]>);

// SAFETY: only the cleaner's thread, of which there is one, ever uses it.
unsafe impl Sync for Stack {}

static STACK: Stack = Stack(UnsafeCell::new([0; STACK_BYTES]));

/// It is at it.
const BUSY: u64 = u64::MAX;
/// How it ended: 0 if well, else the kernel's error.
static ANSWER: AtomicU64 = AtomicU64::new(BUSY);

/// Has it clear the block whose untyped is in this slot.
pub fn start(untyped: u64, priority: u8) -> Result<()> {
    THREAD.set_priority(priority)?;
    ANSWER.store(BUSY, Ordering::Relaxed);
    // As after a call: the return address, which is never used, is missing from an aligned stack.
    let top = STACK.0.get().addr().saturating_add(STACK_BYTES - 8);
    let registers = UserContext::begin(clear as *const () as u64, top as u64, untyped);
    THREAD.write_registers(true, &registers)
}

/// Lets it go on at another priority.
pub fn set_priority(priority: u8) -> Result<()> {
    THREAD.set_priority(priority)
}

/// How it ended; nothing while it is at it.
pub fn answer() -> Option<core::result::Result<(), KernelError>> {
    match ANSWER.load(Ordering::Acquire) {
        BUSY => None,
        0 => Some(Ok(())),
        error => Some(Err(KernelError(u8::try_from(error).unwrap_or(u8::MAX)))),
    }
}

/// What the thread does.
extern "C" fn clear(untyped: u64) -> ! {
    let answer = match clear_block(cap::Untyped::from_bits(untyped)) {
        Ok(()) => 0,
        Err(error) => u64::from(refused(error).0),
    };
    ANSWER.store(answer, Ordering::Release);
    loop {
        let _ = THREAD.suspend();
    }
}

/// Deletes what the block is split into, and has the kernel clear it by making something of it.
fn clear_block(untyped: cap::Untyped) -> Result<()> {
    sel4::Slot::in_root(OWN, untyped.bits()).revoke()?;
    untyped.retype(ObjectType::Endpoint, 0, OWN, memory_slots::CLEARED, 1)?;
    // From then on only the bytes of that are to be cleared again.
    CLEARED.delete()
}
