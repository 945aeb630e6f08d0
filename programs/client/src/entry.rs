//! How a program begins and ends.

use crate::process;

/// The exit code of a program that panicked.
pub const PANIC_CODE: i32 = 101;

/// Runs `main` and ends the task with its result. Called by [`program!`](crate::program), once.
pub fn run(main: fn() -> i32) -> ! {
    process::exit(main())
}

/// How a program ends that panicked.
#[doc(hidden)]
pub fn end_in_panic() -> ! {
    process::exit(PANIC_CODE)
}

/// Makes a `fn() -> i32` the program's beginning; what it returns is the exit code. It is not called `main`: so that the host can
/// check the program as well, it gets another `main` there.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        $crate::output!($crate::console_print, $crate::end_in_panic);

        #[$crate::entry(no_stack)]
        fn program_entry(_argument: usize) -> ! {
            $crate::run($main)
        }
    };
}
