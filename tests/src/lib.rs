//! The host's side of the tests.
//!
//! [`boot`] runs a system in QEMU and hands its cases on as they end; [`cases`] is the plan that the guest must fulfil;
//! [`demonstration`] reads what `image/boot` prints. The cases themselves are in `tests/suite`; `tests/tests/guest.rs`
//! makes a line of each.

#![forbid(unsafe_code)]

pub mod benchmarks;
pub mod boot;
pub mod cases;
pub mod demonstration;
pub mod profile;
