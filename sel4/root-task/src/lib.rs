//! What every program on seL4 starts with: its entry, its stack, its panic handler, and where its output goes.
//!
//! For the root task, the servers and the programs alike. A binary crate has, besides this dependency:
//!
//! ```text
//! // src/main.rs
//! #![cfg_attr(target_os = "none", no_std, no_main)]
//!
//! #[sel4_root_task::entry]
//! fn main(argument: usize) -> ! { … }
//! ```
//!
//! ```text
//! // build.rs: server.ld for the root task and servers, program.ld for programs
//! fn main() {
//!     if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
//!         println!("cargo::rustc-link-arg-bins=-Tserver.ld");
//!     }
//! }
//! ```
//!
//! On the host such a crate type-checks, and its program says that it needs seL4.
//!
//! # Never
//!
//! - It never waits: not for a lock, not for a sink. (A sink may, if whoever set it so chose.)
//! - It never allocates.

#![no_std]

mod entry;
mod image;
pub mod memory;
mod output;
mod panic;

#[doc(hidden)]
pub use entry::Stack;
pub use image::{ImageBounds, image, image_frame, unmap_guard_page};
#[doc(hidden)]
pub use output::Output;
pub use output::{LineWriter, init_log, print, set_console, set_panic_sink};
pub use panic::set_panic_end;
pub use sel4_root_task_macros::entry;
