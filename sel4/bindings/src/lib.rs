//! seL4 for Rust: system calls, typed capabilities, invocations, faults, boot information.
//!
//! Everything that depends on the kernel's version or configuration is generated (`generator/`), so that the crates
//! above this one know neither. `no_std`, no allocation, no globals: the only state is the running thread's IPC buffer,
//! which the processor's `gs` base points to because the kernel sets it so.
//!
//! # What is safe here
//!
//! A function is `unsafe` if calling it wrongly breaks Rust's rules by itself. Invocations are not: what they may do to
//! this program's own memory (unmapping it, writing registers of one of its threads) they may do only because somebody
//! handed over a capability for it, and the code that holds such capabilities is small and reviewed for just that.
//!
//! # Never
//!
//! - It never panics on what a message contains.
//! - It never keeps a copy of anything that the kernel knows.
//!
//! On a target that is not the bare machine the crate only type-checks: its system calls panic. Everything that can be
//! computed without the kernel (messages, faults, boot information) works there, for tests.

#![no_std]

mod boot_info;
pub mod cap;
mod cap_data;
pub mod debug;
mod error;
mod fault;
mod generated;
mod interrupt;
mod ipc;
mod ipc_buffer;
mod memory;
mod message;
mod object;
pub mod probe;
mod slot;
mod system;
mod thread;
mod time;

pub use boot_info::{BootInfo, SlotRegion, UntypedDescription, init};
pub use cap::Cap;
pub use cap_data::{CapData, CapRights};
pub use error::{Error, Result};
pub use fault::{Fault, is_fault_label};
pub use generated::UserContext;
pub use interrupt::IoApicPin;
pub use ipc::{
    Sendable, call, call_registers, nb_recv, nb_recv_registers, nb_send, nb_send_registers, recv,
    recv_registers, reply, reply_recv, reply_recv_registers, reply_registers, send, send_registers,
    yield_now,
};
pub use ipc_buffer::{
    cap_badge, ipc_buffer_word, read_ipc_buffer, set_extra_cap, set_ipc_buffer_word,
    set_receive_slot, write_ipc_buffer,
};
pub use memory::VmAttributes;
pub use message::{BADGE_BITS, MESSAGE_REGISTERS, MESSAGE_WORDS, MessageInfo};
pub use object::{
    LARGE_FRAME_BITS, MAX_RETYPE, ObjectType, SLOT_BITS, SMALL_FRAME_BITS, TCB_BITS, object_bits,
};
pub use slot::Slot;
pub use thread::{CopyRegisters, Priorities};
pub use time::rdtsc;
