//! The smallest root task: says hello on the serial line and faults.

#![cfg_attr(target_os = "none", no_std, no_main)]

use sel4::init;
use sel4_root_task::{println, set_console};

/// The data register of the first serial line.
const COM1: u16 = 0x3f8;

#[sel4_root_task::entry]
fn main(argument: usize) -> ! {
    set_console(|text| {
        for byte in text.bytes() {
            // Nobody could be told of a failure.
            let _ = init::IO_PORT.out8(COM1, byte);
        }
    });
    println!("hello from {argument:#x}");
    panic!("and that is all")
}
