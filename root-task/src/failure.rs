//! Why the machine was not started.

use core::fmt;

use boot_core::archive::ArchiveError;
use boot_core::image::ImageError;
use boot_core::inventory::InventoryError;
use boot_core::shortfall::PlanError;
use interfaces::ServerName;

/// What went wrong.
#[derive(Debug)]
pub enum Failure {
    /// A member of the archive is missing.
    Archive(ArchiveError),
    /// The archive's member `system` is no encoding of a system.
    System(postcard::Error),
    /// A server's file cannot be loaded.
    Image(ServerName, ImageError),
    /// The kernel's list of memory makes no sense.
    Inventory(InventoryError),
    /// The machine cannot be divided.
    Plan(PlanError),
    /// What a server is told does not fit its page.
    StartPage(ServerName),
    /// The kernel refused something.
    Kernel {
        /// What was being done.
        step: Step,
        /// What the kernel said.
        error: sel4::Error,
    },
    /// A frame is not where the plan says.
    Displaced {
        /// Where it was to be.
        planned: u64,
        /// Where it is.
        found: u64,
    },
    /// The kernel handed out a frame that was not cleared.
    NotCleared,
}

/// What the kernel was asked for.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// To unmap the page below the root task's own stack.
    GuardPage,
    /// To make, ask or end the helper.
    Helper,
    /// To make objects.
    Retype,
    /// To make ASID pools.
    AsidPools,
    /// To build an address space.
    Space(ServerName),
    /// To fill a frame.
    Fill,
    /// To bind the timer's interrupt.
    Timer,
    /// To put a capability into a slot.
    Grant(ServerName, u64),
    /// To start a server.
    Start(ServerName),
    /// To look into a server's CNode.
    Report,
    /// To take its final priority.
    Settle,
}

impl Step {
    /// Notes what was being done with an error.
    pub const fn failed(self, error: sel4::Error) -> Failure {
        Failure::Kernel { step: self, error }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GuardPage => out.write_str("unmapping the page below the root task's stack"),
            Self::Helper => out.write_str("finding out which kernel this is"),
            Self::Retype => out.write_str("making objects"),
            Self::AsidPools => out.write_str("making ASID pools"),
            Self::Space(server) => write!(out, "building the address space of {server}"),
            Self::Fill => out.write_str("filling a frame"),
            Self::Timer => out.write_str("binding the timer's interrupt"),
            Self::Grant(server, slot) => write!(out, "filling slot {slot} of {server}"),
            Self::Start(server) => write!(out, "starting {server}"),
            Self::Report => out.write_str("looking into a server's CNode"),
            Self::Settle => out.write_str("taking the servers' priority"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(error) => error.fmt(out),
            Self::System(error) => write!(
                out,
                "the archive's member `system` cannot be read ({error}); \
                 it was packed by another version: run `cargo image build` again"
            ),
            Self::Image(server, error) => write!(
                out,
                "{server} cannot be loaded: {error}; see its build.rs and sel4/root-task/link/server.ld"
            ),
            Self::Inventory(error) => {
                write!(out, "the kernel's list of memory makes no sense: {error}")
            }
            Self::Plan(error) => error.fmt(out),
            Self::StartPage(server) => {
                write!(out, "what {server} is to be told does not fit its page")
            }
            Self::Kernel { step, error } => {
                write!(
                    out,
                    "{step}: the kernel refused, {error}; the plan and the kernel disagree"
                )
            }
            Self::Displaced { planned, found } => write!(
                out,
                "a frame was planned at {planned:#x} and made at {found:#x}; the plan and the kernel disagree"
            ),
            Self::NotCleared => {
                out.write_str("the kernel handed out a frame that it had not cleared")
            }
        }
    }
}
