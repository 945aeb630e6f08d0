//! What a program links against: typed calls to the servers, the entry, and an end with an exit code.
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//!
//! client::program!(begin);
//!
//! fn begin() -> i32 {
//!     client::println!("hello from {:?}", client::limits::who_am_i());
//!     0
//! }
//! ```
//!
//! A program starts with its stack, its IPC buffer and five endpoint capabilities, and needs nothing else: memory
//! beyond its own comes from [`memory`], children from [`process`], limits for them from [`limits`]. Every call here
//! is one message and one answer; nothing is cached, and no call is made behind the program's back but for printing.
//!
//! A panic prints its message and ends the program with [`PANIC_CODE`].

#![no_std]

pub mod console;
mod entry;
pub mod events;
pub mod limits;
pub mod memory;
pub mod process;
pub mod server;
pub mod talk;
pub mod time;
pub mod truth;

#[doc(hidden)]
pub use console::print as console_print;
#[doc(hidden)]
pub use entry::end_in_panic;
pub use entry::{PANIC_CODE, run};
pub use interfaces;
pub use sel4_root_task::{entry, output, print, println};
pub use server::{Server, call};

/// Gives the thread's time slice up: others of the same priority run first.
pub fn yield_now() {
    sel4::yield_now();
}

/// The processor's time-stamp counter: guest instructions, where QEMU counts them.
#[must_use]
pub fn clock() -> u64 {
    sel4::rdtsc()
}
