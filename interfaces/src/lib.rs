//! What each of Hurdle's servers can be asked.
//!
//! One module per server declares its requests, replies and refusals as plain Rust types and lists them once in
//! an [`interface!`]. The list gives each request its label and its reply type, the server a trait with one
//! method per operation, and both sides the same encoding ([`encode`](mod@encode)), so the same cases run over a
//! [`Loopback`](call::Loopback) on the host and over endpoints in the guest. What is asked all day has a second, [`short`]
//! form.
//!
//! Nothing here makes a system call; the transport over seL4 endpoints is the crate `interfaces-sel4`.
//!
//! | module | who asks | whom |
//! |---|---|---|
//! | [`limits`] | clients | limits-server |
//! | [`accounting`] | memory-server, proc-server | limits-server |
//! | [`memory`] | clients | memory-server |
//! | [`provision`] | proc-server | memory-server |
//! | [`process`] | clients | proc-server |
//! | [`console`] | clients | root task |
//! | [`injection`] | tests | servers that are built to fail |
//!
//! [`events`] is what a watcher reads in a ring, [`links`] how two clients talk. [`system`] and [`start`] are not interfaces but what a machine and a server are told when they start.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod accounting;
pub mod amounts;
pub mod call;
pub mod console;
pub mod decode;
pub mod encode;
pub mod events;
pub mod identity;
pub mod injection;
pub mod limits;
pub mod links;
pub mod memory;
pub mod process;
pub mod provision;
pub mod short;
pub mod start;
pub mod system;
pub mod text;
pub mod truth;

pub use amounts::{Amounts, Limit, RESOURCES, Resource, Shortage};
pub use call::{Answer, Call, CallError, Dispatched, Label, ProtocolError, Transport, call};
pub use identity::{Badge, Caller, GroupId, ServerName, TaskId};
pub use text::Text;
