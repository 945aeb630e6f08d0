//! Everything the memory-server decides. See `memory` for how the parts hang together.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod archive;
pub mod area;
pub mod index;
pub mod mapping;
pub mod object;
pub mod owner;
pub mod pool;
pub mod program;
pub mod table;
