//! How a booted machine is divided among the servers: every decision of the root task, without a system call.
//!
//! | module | decides |
//! |---|---|
//! | [`archive`] | where the system and the servers' files are |
//! | [`image`] | which pages a server's file has |
//! | [`layout`] | where things are in a server's address space |
//! | [`inventory`] | where in memory each object comes to lie |
//! | [`slots`] | where in the root task's CNode |
//! | [`object`] | what there is to make |
//! | [`server`] | what each server needs |
//! | [`plan`] | who gets what: all of it together |
//! | [`grants`] | every capability that a server receives |
//! | [`walk`] | whether that is what it received |
//! | [`console`] | what of a client's text is printed |
//! | [`raw`] | what of an operator's prompt is printed, and how other lines stand beside it |
//! | [`patience`] | how long a line that nobody reads is waited for |
//! | [`input`] | what was typed and not yet read |

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod archive;
pub mod console;
pub mod grants;
pub mod image;
pub mod input;
pub mod inventory;
pub mod layout;
pub mod object;
pub mod patience;
pub mod plan;
pub mod raw;
pub mod server;
pub mod shortfall;
pub mod slots;
pub mod walk;
mod wish;

pub use archive::Archive;
pub use grants::{Grant, Grants, grants};
pub use image::Image;
pub use inventory::{Inventory, Untyped};
pub use plan::{BootPlan, Machine};
pub use server::PerServer;
