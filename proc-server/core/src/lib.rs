//! The decisions of the proc-server: who is alive, who waits for whom, and in which order things happen.
//!
//! Nothing here makes a system call: what is done to the world is done through [`Hands`], so the same server runs on
//! the host with a double and in the guest with capabilities.
//!
//! | module | decides |
//! |---|---|
//! | [`lifecycle`] | what is allowed when in a task's life |
//! | [`table`], [`task`] | who is alive, whose child, with which threads |
//! | [`ends`] | which ends of children a parent can still hear of |
//! | [`waiting`] | who waits for what |
//! | [`clock`], [`deadlines`] | what time it is, and who is to be woken when |
//! | [`jobs`] | whose turn it is among what goes on by itself |
//! | [`kill`] | how far a kill of a group has come |
//! | [`programs`] | what a birth costs |
//! | [`room`] | how much can be kept track of |
//! | [`server`] | who is served, and what can be asked |
//! | `birth`, `fork`, `death`, `groups`, `freeze`, `rings`, `links`, `sleep` | the order of steps, and what is taken back when one fails |
//! | `check` | whether all of that is still true |

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod birth;
mod check;
mod death;
mod fork;
mod freeze;
mod groups;
mod inspect;
mod links;
mod rings;
mod sleep;

pub mod clock;
pub mod deadlines;
pub mod ends;
pub mod hands;
pub mod jobs;
pub mod kill;
pub mod lifecycle;
pub mod list;
pub mod programs;
pub mod room;
pub mod server;
pub mod table;
pub mod task;
pub mod waiting;

pub use check::Broken;
pub use clock::Rate;
pub use deadlines::{Deadlines, Place};
pub use hands::{ClientSlot, Entry, Hands, KernelError, Service, Settle};
pub use room::Room;
pub use server::{ProcServer, Received, Settings};
pub use table::TaskTable;
pub use task::{Task, Thread};
pub use waiting::{Waiter, Waiters};
