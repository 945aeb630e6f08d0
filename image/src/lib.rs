//! Builds Hurdle's kernel and servers, packs them into an archive, and boots them in QEMU.
//!
//! The command `image` and the host half of the tests are both thin layers over this.

#![forbid(unsafe_code)]

pub mod archive;
pub mod build;
pub mod elf_file;
pub mod guest;
pub mod memory_list;
pub mod progress;
pub mod qemu;
pub mod report;
pub mod screen;
pub mod script;
pub mod system;
pub mod terminal;
pub mod toolbox;
pub mod verdict;
pub mod workspace;
