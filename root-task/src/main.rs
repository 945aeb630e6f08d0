//! The root task: divides the machine among the servers, starts them, then drives the serial line.
//!
//! **Holds** every capability of the machine at first, and when the servers run: the untypeds that all their memory was
//! made from (a revocation takes it back), devices' untypeds, the servers' TCBs, CNodes, address spaces and frames, a
//! reserve of 4 MiB, all ports; so that a server could be started again.
//!
//! **Serves** on one endpoint: clients' console requests ([`interfaces::console`]), and the servers' faults. It ends the
//! machine when an operator asks for it, or when a server has died.
//!
//! **Never** calls anybody: it only receives and replies, so nobody can make it wait. Never hands out a capability that
//! is not in the table ([`boot_core::grants`]). Never prints a client's control characters, nor a record that is not an
//! operator's.

#![cfg_attr(target_os = "none", no_std, no_main)]

mod archive;
mod authority;
mod boot;
mod failure;
mod handout;
mod helper;
mod input;
mod load;
mod machine_end;
mod objects;
mod probe;
mod report;
mod scratch;
mod serial;
mod space;
mod start;
mod supervisor;
mod timer;
mod trial;

use sel4::BootInfo;

/// Pages of stack: 512 KiB. The plan is a value of some 60 KiB that is moved about while it is drawn.
#[sel4_root_task::entry(stack_pages = 128)]
fn main(argument: usize) -> ! {
    serial::open();
    // SAFETY: the kernel starts the root task with the address of its bootinfo page, which nobody ever unmaps.
    let info = unsafe { BootInfo::from_address(argument) };
    match boot::boot(info) {
        Ok(supervisor) => supervisor.run(),
        Err(failure) => {
            sel4_root_task::println!("root-task: {failure}");
            machine_end::end(false)
        }
    }
}
