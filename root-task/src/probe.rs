//! Finds out which kernel this is: the debug kernel knows system calls that the release kernel does not.
//!
//! Why an experiment: the kernel tells nobody how it was configured, and a root task that was told by its build would
//! be wrong as soon as it is booted on the other. A thread of its own makes one debug call and then executes an invalid
//! instruction. Whether the call or the instruction was its end is the answer.

use core::fmt;

use boot_core::object::{Item, Port};
use boot_core::plan::BootPlan;
use sel4::cap::{self, Cap};
use sel4::{CapData, Fault, Priorities, Result, UserContext, init};

use crate::authority::own;

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

const STACK_BYTES: usize = 1024;

/// The probe's stack.
#[repr(align(16))]
struct Stack(core::cell::UnsafeCell<[u8; STACK_BYTES]>);

// SAFETY: only the probe's thread, of which there is one, ever uses it.
unsafe impl Sync for Stack {}

static STACK: Stack = Stack(core::cell::UnsafeCell::new([0; STACK_BYTES]));

/// What the probe does.
extern "C" fn probe() -> ! {
    let _ = sel4::debug::cap_identify(init::TCB);
    invalid_instruction()
}

#[cfg(target_os = "none")]
fn invalid_instruction() -> ! {
    // SAFETY: the instruction exists to be invalid; the thread does not come back from it.
    unsafe { core::arch::asm!("ud2", options(noreturn, nomem, nostack)) }
}

#[cfg(not(target_os = "none"))]
fn invalid_instruction() -> ! {
    panic!("there is no kernel here")
}

/// Runs the probe. The thread stays where its fault left it and is deleted.
pub fn kernel(plan: &BootPlan) -> Result<Kernel> {
    let thread: cap::Tcb = Cap::from_bits(plan.slot(Item::Probe));
    let endpoint: cap::Endpoint = Cap::from_bits(plan.slot(Item::Endpoint(Port::Root)));
    thread.configure(
        endpoint.bits(),
        Priorities {
            mcp: 0,
            priority: u8::MAX,
        },
        init::CNODE,
        CapData::NONE,
        init::VSPACE,
        0,
        Cap::NULL,
    )?;
    // As after a call: the return address, which is never used, is missing from an aligned stack.
    let top = STACK.0.get().addr().saturating_add(STACK_BYTES - 8);
    let registers = UserContext {
        rip: (probe as extern "C" fn() -> !) as usize as u64,
        rsp: top as u64,
        ..UserContext::default()
    };
    thread.write_registers(true, &registers)?;
    let (_, info, words) = sel4::recv_registers(endpoint);
    let kernel = match Fault::decode(info, words) {
        Some(Fault::UnknownSyscall { .. }) => Kernel::Release,
        _ => Kernel::Debug,
    };
    own(thread.bits()).delete()?;
    Ok(kernel)
}
