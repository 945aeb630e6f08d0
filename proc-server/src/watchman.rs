//! The watchman: a thread that never blocks, so that no thread below its priority runs while it is awake.
//!
//! It shares this server's spaces, has no IPC buffer, touches no memory and makes no system call: it may be suspended at any
//! instruction. It is awake only while something is frozen; else the kernel's idle thread halts the processor.

use interfaces::start::proc_slots;
use sel4::{Result, UserContext, cap};

const THREAD: cap::Tcb = cap::Tcb::from_bits(proc_slots::WATCHMAN);

/// Lets it run from its first instruction, or stops it.
pub fn keep_watch(awake: bool) -> Result<()> {
    if !awake {
        return THREAD.suspend();
    }
    // It has no stack and asks for nothing.
    THREAD.write_registers(true, &UserContext::begin(watch as *const () as u64, 0, 0))
}

/// Does nothing, for ever.
///
/// Many instructions that do nothing and one jump: where QEMU counts instructions to tell the time, it gets through them
/// many times faster than through jumps, and time that everybody sleeps through passes sooner.
// SAFETY: it never returns and uses neither stack nor memory, so it needs no prologue.
#[unsafe(naked)]
extern "C" fn watch() -> ! {
    core::arch::naked_asm!("2:", ".rept 1000", "nop", ".endr", "jmp 2b")
}
