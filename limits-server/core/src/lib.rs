//! The ledger of limits and everything the limits-server decides.
//!
//! Every task and every frame belongs to a group; a group is charged, with all groups above it, for whatever is in
//! it. [`Ledger`] keeps the groups, the charges and the register of tasks; [`LimitsServer`] is the server itself, but
//! for the system calls. Nothing here needs a kernel, allocates, or can panic on anything that a message can say.
//!
//! | module | what |
//! |---|---|
//! | [`ledger`] | the groups: how they open, live and vanish |
//! | [`group`] | what is kept of one group |
//! | [`ground`] | places for more of them, as they come |
//! | [`bounds`] | what is kept aside: limits, labels |
//! | [`charge`] | charges and their receipts |
//! | [`settings`] | limits, labels, bands |
//! | [`account`] | reading |
//! | [`tasks`] | tickets, births, ends |
//! | [`moving`] | a task to another group |
//! | [`guarantee`] | pages that are a group's whether it reserves them or not |
//! | [`kill`] | closing, emptying, the receipt |
//! | [`freeze`] | who is to stand still, and a walk that sees to it |
//! | [`access`] | who may see and change what |
//! | [`needs`] | which operation needs which right |
//! | [`entries`] | rights that were handed on |
//! | `keeping` | how long an empty group lives |
//! | `labels` | finding a group by its label |
//! | [`tombs`] | what is remembered of groups that have vanished |
//! | [`events`] | who watches, and what each hears |
//! | `news` | what operations tell as they happen |
//! | [`vanishing`] | how groups vanish, a long branch in parts |
//! | [`declare`] | the groups of `system.toml` |
//! | [`service`] | the door and the two interfaces |

#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "check"))]
extern crate std;

pub mod access;
pub mod account;
pub mod bounds;
pub mod charge;
#[cfg(any(test, feature = "check"))]
mod check;
mod climb;
pub mod declare;
pub mod entries;
pub mod events;
pub mod freeze;
pub mod ground;
pub mod group;
pub mod guarantee;
mod keeping;
pub mod kill;
mod labels;
pub mod ledger;
mod list;
pub mod moving;
pub mod needs;
mod news;
pub mod service;
pub mod settings;
mod spare;
pub mod tasks;
pub mod tombs;
pub mod vanishing;

pub use access::{Forbidden, Viewer};
pub use bounds::{BOUND_BYTES, BoundSlot, LABEL_BYTES, LabelSlot};
pub use charge::Charge;
#[cfg(any(test, feature = "check"))]
pub use check::Snapshot;
pub use declare::{Slots, Undeclared, declared};
pub use entries::{ENTRIES, ENTRY_BYTES, EntrySlot};
pub use events::Window;
pub use ground::Ground;
pub use group::{GROUP_BYTES, GroupSlot};
pub use kill::KILLS;
pub use ledger::{Alarms, Ledger, Memory};
pub use needs::Operation;
pub use service::{Arrival, Door, LimitsServer};
pub use tasks::{LET_GO, TaskSlot, ThreadSlot};
pub use tombs::{TOMBS, TombSlot};
