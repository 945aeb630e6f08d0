//! Finds out which kernel this is: the debug kernel knows system calls that the release kernel does not.
//!
//! Why an experiment: the kernel tells nobody how it was configured, and a root task that was told by its build would
//! be wrong as soon as it is booted on the other. The helper makes a debug call: on the release kernel it faults.

use core::fmt;

use sel4::{Result, init};

use crate::helper::{Helper, say};

/// Which kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// The one that systems run on.
    Release,
    /// The one that prints, and knows what kind a capability is of.
    Debug,
}

impl fmt::Display for Kernel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Release => "release kernel",
            Self::Debug => "debug kernel",
        })
    }
}

/// Asks.
pub fn kernel(helper: &Helper) -> Result<Kernel> {
    helper.run(identify, 0)?;
    if helper.answer().is_some() {
        return Ok(Kernel::Debug);
    }
    helper.clear_fault();
    Ok(Kernel::Release)
}

extern "C" fn identify(_: u64) -> ! {
    let _ = sel4::debug::cap_identify(init::TCB);
    say(1)
}
