//! `system.toml`: read, checked, and turned into what the guest receives.
//!
//! Why the document is walked by hand and not derived with serde: a derived reader stops at the first mistake and
//! says it in its own words; this one keeps the place of every key and value, finds every mistake in one go, and
//! says of each what was found, what was expected and what to do.

mod assemble;
mod console;
mod file;
mod groups;
mod heaps;
mod mistake;
mod reader;
mod sections;
mod wrong;

pub use console::CONSOLE;
pub use file::{MAX_MEMORY_MIB, Program, SystemError, SystemFile};
pub use mistake::{Mistake, Note, Noted, Place};
pub use wrong::{Noun, Wrong};
