//! Everything the memory-server decides. See [`memory`] for how the parts hang together.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod archive;
pub mod area;
pub mod around;
pub mod asid;
pub mod borrow;
pub mod clearing;
mod cloning;
mod closing;
pub mod door;
pub mod fault;
mod forking;
pub mod ground;
pub mod hands;
pub mod index;
pub mod kits;
pub mod large;
mod lending;
mod making;
pub mod mapping;
pub mod memory;
pub mod object;
pub mod owner;
mod paging;
pub mod pool;
pub mod program;
mod promise;
mod providing;
pub mod recount;
pub mod region;
mod resizing;
pub mod ring;
pub mod server;
mod serving;
mod sharing;
pub mod space;
pub mod table;
pub mod truth;
pub mod unmaking;
pub mod wiping;
pub mod witness;
