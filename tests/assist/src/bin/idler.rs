//! As little of a program as there can be: so that of many only the number counts, and not what they hold.
//!
//! Its entry is its only instruction. It makes no call, has no data, and touches no stack.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod bare {
    use core::panic::PanicInfo;

    /// Goes round for ever.
    // SAFETY: the name is the linker script's for the entry, and no other function of this program has it.
    #[unsafe(no_mangle)]
    extern "C" fn _start() -> ! {
        loop {
            // Not `pause`: an emulator leaves its loop for it.
            core::hint::black_box(());
        }
    }

    #[panic_handler]
    fn panic(_: &PanicInfo<'_>) -> ! {
        loop {}
    }
}

/// On the host there is nothing to do.
#[cfg(not(target_os = "none"))]
fn main() {}
