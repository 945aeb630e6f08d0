//! Threads: their registers, their spaces, their priority.

use crate::generated::{self, priorities};
use crate::message::field;
use crate::{CapData, Result, UserContext, cap};

/// How important a thread is, and how important it may make others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priorities {
    /// The highest priority it may give to itself or to another.
    pub mcp: u8,
    /// Its own.
    pub priority: u8,
}

/// What [`copy_registers`](cap::Tcb::copy_registers) does.
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent switches of one system call"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyRegisters {
    /// Stop the source first.
    pub suspend_source: bool,
    /// Start the target afterwards.
    pub resume_target: bool,
    /// Copy the registers that a system call keeps.
    pub frame: bool,
    /// Copy the others.
    pub integer: bool,
}

/// The processor's flags of a thread that begins: interrupts on, and the bit that is always set (Intel's manual, volume 1,
/// 3.4.3).
const FLAGS_AT_BEGIN: u64 = 0x202;

impl UserContext {
    /// Where a thread goes on that waits in a system call, if it was made as this crate makes them.
    ///
    /// It stands at the instruction, whose two bytes are behind it then; its stack pointer, which the kernel does not keep,
    /// waits in `r14`.
    #[must_use]
    pub const fn behind_system_call(self) -> Self {
        Self {
            rip: self.rip.wrapping_add(2),
            rsp: self.r14,
            ..self
        }
    }

    /// The registers of a thread that begins here, with this stack, and this in `rdi`. All others are 0.
    #[must_use]
    pub fn begin(ip: u64, sp: u64, argument: u64) -> Self {
        Self {
            rip: ip,
            rsp: sp,
            rflags: FLAGS_AT_BEGIN,
            rdi: argument,
            ..Self::default()
        }
    }
}

/// Flags for other architectures.
const NO_FLAGS: u8 = 0;

impl cap::Tcb {
    /// All registers.
    pub fn read_registers(self, suspend: bool) -> Result<UserContext> {
        self.read_some_registers(suspend, UserContext::WORDS)
    }

    /// The first `count` registers, in the order of [`UserContext`]; the others are 0.
    pub fn read_some_registers(self, suspend: bool, count: usize) -> Result<UserContext> {
        generated::tcb_read_registers(self.bits(), suspend, NO_FLAGS, count as u64)
    }

    /// Sets all registers, and starts the thread if `resume`.
    pub fn write_registers(self, resume: bool, registers: &UserContext) -> Result<()> {
        self.write_some_registers(resume, UserContext::WORDS, registers)
    }

    /// Sets the first `count` registers, in the order of [`UserContext`], and starts the thread if `resume`.
    pub fn write_some_registers(
        self,
        resume: bool,
        count: usize,
        registers: &UserContext,
    ) -> Result<()> {
        generated::tcb_write_registers(self.bits(), resume, NO_FLAGS, count as u64, registers)
    }

    /// Copies registers from another thread.
    pub fn copy_registers(self, source: Self, what: CopyRegisters) -> Result<()> {
        generated::tcb_copy_registers(
            self.bits(),
            source.bits(),
            what.suspend_source,
            what.resume_target,
            what.frame,
            what.integer,
            NO_FLAGS,
        )
    }

    /// Sets everything that a thread needs but its registers.
    ///
    /// `fault_handler` is an address in the *thread's own* CSpace. `cspace_guard` may be [`CapData::NONE`], which leaves
    /// the capability's own guard.
    #[expect(clippy::too_many_arguments, reason = "the kernel's call has them")]
    pub fn configure(
        self,
        fault_handler: u64,
        importance: Priorities,
        cspace: cap::CNode,
        cspace_guard: CapData,
        vspace: cap::Pml4,
        ipc_buffer: u64,
        ipc_frame: cap::Frame,
    ) -> Result<()> {
        let importance = field(
            u64::from(importance.mcp),
            priorities::MCP_SHIFT,
            priorities::MCP_BITS,
        ) | field(
            u64::from(importance.priority),
            priorities::PRIO_SHIFT,
            priorities::PRIO_BITS,
        );
        generated::tcb_configure(
            self.bits(),
            fault_handler,
            importance,
            cspace.bits(),
            cspace_guard.word(),
            vspace.bits(),
            CapData::NONE.word(),
            ipc_buffer,
            ipc_frame.bits(),
        )
    }

    /// Sets the priority, at most the caller's own maximum.
    pub fn set_priority(self, priority: u8) -> Result<()> {
        generated::tcb_set_priority(self.bits(), priority)
    }

    /// Sets the highest priority that the thread may give, at most the caller's own maximum.
    pub fn set_mc_priority(self, mcp: u8) -> Result<()> {
        generated::tcb_set_mc_priority(self.bits(), mcp)
    }

    /// Sets where the thread's IPC buffer is, in its address space, and the frame that is mapped there.
    pub fn set_ipc_buffer(self, address: u64, frame: cap::Frame) -> Result<()> {
        generated::tcb_set_ipc_buffer(self.bits(), address, frame.bits())
    }

    /// Sets the fault handler (an address in the new CSpace), the CSpace and the address space.
    pub fn set_space(
        self,
        fault_handler: u64,
        cspace: cap::CNode,
        cspace_guard: CapData,
        vspace: cap::Pml4,
    ) -> Result<()> {
        generated::tcb_set_space(
            self.bits(),
            fault_handler,
            cspace.bits(),
            cspace_guard.word(),
            vspace.bits(),
            CapData::NONE.word(),
        )
    }

    /// Stops the thread. Never for one that may be waiting in a message: see the note on Suspend in `kernel-facts.md`.
    pub fn suspend(self) -> Result<()> {
        generated::tcb_suspend(self.bits())
    }

    /// Starts the thread.
    pub fn resume(self) -> Result<()> {
        generated::tcb_resume(self.bits())
    }

    /// Makes signals of a notification arrive where the thread waits for messages.
    pub fn bind_notification(self, notification: cap::Notification) -> Result<()> {
        generated::tcb_bind_notification(self.bits(), notification.bits())
    }

    /// Undoes that.
    pub fn unbind_notification(self) -> Result<()> {
        generated::tcb_unbind_notification(self.bits())
    }
}

impl cap::DomainSet {
    /// Moves a thread to another domain.
    pub fn set(self, domain: u8, thread: cap::Tcb) -> Result<()> {
        generated::domain_set_set(self.bits(), domain, thread.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::UserContext;

    #[test]
    fn who_waits_goes_on_behind_the_instruction_with_its_own_stack() {
        let waits = UserContext {
            rip: 0x40_1000,
            rsp: 1,
            rbx: 2,
            r14: 0x7f_f000,
            ..UserContext::default()
        };
        let goes_on = waits.behind_system_call();
        let expected = UserContext {
            rip: 0x40_1002,
            rsp: 0x7f_f000,
            ..waits
        };
        assert_eq!(goes_on, expected);
    }
}
