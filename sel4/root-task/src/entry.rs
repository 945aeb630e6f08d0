//! The first instructions of a program.
//!
//! Who starts a thread sets `rdi` to its argument, and `rsp` to its stack or to 0; with 0 the program takes the stack it
//! brought along. The root task is started so by the kernel, a server by the root task.

use core::cell::UnsafeCell;

/// Bytes of a page.
const PAGE: usize = 4096;

/// A stack of so many pages, in the image.
#[repr(C, align(4096))]
#[derive(Debug)]
pub struct Stack<const PAGES: usize> {
    pages: UnsafeCell<[[u8; PAGE]; PAGES]>,
}

impl<const PAGES: usize> Stack<PAGES> {
    /// An empty one.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "made once, in a static, by the macro below"
    )]
    pub const fn new() -> Self {
        Self {
            pages: UnsafeCell::new([[0; PAGE]; PAGES]),
        }
    }
}

// SAFETY: nobody reads or writes it by its name; the first thread runs on it.
unsafe impl<const PAGES: usize> Sync for Stack<PAGES> {}

/// What [`entry`](macro@crate::entry) becomes.
#[doc(hidden)]
#[macro_export]
macro_rules! entry_point {
    ($main:ident, no_stack) => {
        $crate::entry_point!(@host $main);

        #[cfg(target_os = "none")]
        const _: () = {
            extern "C" fn enter(argument: usize) -> ! {
                let main: fn(usize) -> ! = $main;
                main(argument)
            }

            #[unsafe(no_mangle)]
            #[unsafe(naked)]
            extern "C" fn _start() -> ! {
                ::core::arch::naked_asm!(
                    "and rsp, -16",
                    "xor ebp, ebp",
                    "call {enter}",
                    "ud2",
                    enter = sym enter,
                )
            }
        };
    };
    ($main:ident, $pages:expr) => {
        $crate::entry_point!(@host $main);
        $crate::output!();

        #[cfg(target_os = "none")]
        const _: () = {
            const PAGES: usize = $pages;

            // The name starts with `.bss` so that the compiler knows it for memory that is not in the file.
            #[unsafe(link_section = ".bss.stack")]
            static STACK: $crate::Stack<PAGES> = $crate::Stack::new();

            extern "C" fn enter(argument: usize) -> ! {
                let main: fn(usize) -> ! = $main;
                main(argument)
            }

            #[unsafe(no_mangle)]
            #[unsafe(naked)]
            extern "C" fn _start() -> ! {
                ::core::arch::naked_asm!(
                    "test rsp, rsp",
                    "jnz 2f",
                    "lea rsp, [rip + {stack} + {size}]",
                    "2:",
                    "and rsp, -16",
                    "xor ebp, ebp",
                    "call {enter}",
                    "ud2",
                    stack = sym STACK,
                    size = const PAGES * 4096,
                    enter = sym enter,
                )
            }
        };
    };
    (@host $main:ident) => {
        #[cfg(not(target_os = "none"))]
        fn main() {
            let _: fn(usize) -> ! = $main;
            panic!("this program needs the seL4 kernel; `cargo image boot` runs it there")
        }
    };
}
