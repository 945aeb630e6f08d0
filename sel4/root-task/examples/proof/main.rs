//! A root task that tries the bindings against the kernel, one part after the other, and says what it saw.
//!
//! Every check that fails is a panic; QEMU then runs into its timeout. If all succeed the machine ends by its debug-exit
//! device with status 33. The last lines are measurements: run it with `-icount shift=0,sleep=off` for instructions.

#![cfg_attr(target_os = "none", no_std, no_main)]

mod faults;
mod machine;
mod memory;
mod messages;
mod slots;
mod threads;
mod timing;

use sel4::BootInfo;
use sel4_root_task::{println, set_console, unmap_guard_page};

use machine::{end, serial};
use slots::Pool;

#[sel4_root_task::entry(stack_pages = 8)]
fn main(argument: usize) -> ! {
    set_console(serial);
    // SAFETY: the kernel starts the root task with the address of this page, which nobody unmaps.
    let info = unsafe { BootInfo::from_address(argument) };
    println!("proof: {info:?}");
    must("unmap the guard page", unmap_guard_page(&info));

    let mut pool = Pool::of(info);
    memory::run(&mut pool);
    slots::run(&mut pool);
    machine::run(&mut pool);
    let second = memory::second_space(&mut pool, info);
    messages::run(&mut pool);
    threads::run(&mut pool);
    faults::run(&mut pool);
    timing::run(&mut pool, second);
    println!("proof: all done");
    end(0x10)
}

/// The value, or the end of the proof.
#[track_caller]
fn must<T>(what: &str, result: sel4::Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}
