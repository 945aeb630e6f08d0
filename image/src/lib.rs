//! Builds Hurdle's kernel and servers, packs them into an archive, and boots them in QEMU.
//!
//! The command `image` and the host half of the tests are both thin layers over this.

#![forbid(unsafe_code)]

pub mod system;
