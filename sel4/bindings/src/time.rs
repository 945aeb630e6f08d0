//! Time, as the processor counts it.

/// The time stamp counter. Under QEMU's `-icount` it counts instructions of the guest.
#[inline]
#[must_use]
pub fn rdtsc() -> u64 {
    // SAFETY: the instruction is in every 64-bit processor, and the kernel lets programs use it.
    unsafe { core::arch::x86_64::_rdtsc() }
}
