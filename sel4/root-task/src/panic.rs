//! The end of a program that cannot go on: it says why, and faults on purpose.
//!
//! Why a fault: the kernel tells the thread's fault handler, so whoever supervises the program hears of it, without any
//! agreement between the two, and whatever state the program is in.

use core::sync::atomic::{AtomicPtr, Ordering};

/// What ends the program after its last words, if anything was set.
static END: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Sets how a program ends that has somebody to tell: a client exits with a code. Until then it faults.
pub fn set_panic_end(end: fn() -> !) {
    END.store(end as *mut (), Ordering::Release);
}

/// Prints the message once, then ends the program as it asked for, or stops the thread with an invalid instruction.
#[cfg(all(target_os = "none", not(test)))]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    use core::fmt::Write;
    use core::sync::atomic::AtomicBool;

    // A sink may panic in its turn.
    static PANICKING: AtomicBool = AtomicBool::new(false);

    let is_first = !PANICKING.swap(true, Ordering::Relaxed);
    if is_first && let Some(sink) = crate::output::panic_sink() {
        let _ = writeln!(crate::LineWriter::new(sink), "{info}");
    }
    let end = END.swap(core::ptr::null_mut(), Ordering::AcqRel);
    if !end.is_null() {
        // SAFETY: a pointer that is not null was a function of this type when `set_panic_end` stored it.
        let end = unsafe { core::mem::transmute::<*mut (), fn() -> !>(end) };
        end();
    }
    if is_first && let Some(end) = crate::output::linked().end {
        end();
    }
    // SAFETY: the instruction exists to be invalid; the thread does not come back from it.
    unsafe { core::arch::asm!("ud2", options(noreturn, nomem, nostack)) }
}
