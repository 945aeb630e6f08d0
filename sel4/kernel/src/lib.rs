//! The seL4 kernel: where its source is, how it is configured, and how an image of it is built.
//!
//! A host library, used by the `image` command (which boots the result) and by the build script of the `sel4` crate
//! (which generates the bindings from the same source and the same configuration, so that the two cannot disagree).
//!
//! # Never
//!
//! - It never writes into Cargo's copy of the source: everything generated goes to the folder the caller names.
//! - It never takes a setting from the environment: the table in [`configuration`](mod@configuration) is all there is.

mod build;
mod command;
pub mod configuration;
mod error;
mod generated;
mod makefiles;
mod source;
mod stamp;
mod tools;

pub use build::{KernelImages, build};
pub use configuration::{Configuration, Profile};
pub use error::{BuildError, SourceError};
pub use source::KernelSource;
pub use tools::Tools;
