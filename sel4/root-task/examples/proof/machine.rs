//! Ports, interrupts, and the end of the machine.

use sel4::{Error, IoApicPin, ObjectType, init};
use sel4_root_task::println;

use crate::must;
use crate::slots::{Pool, slot};

/// The data register of the first serial line.
const COM1: u16 = 0x3f8;
/// Its status register: bit 5 says that it is ready for the next byte.
const COM1_STATUS: u16 = 0x3fd;
/// QEMU's debug-exit device.
const EXIT: u16 = 0xf4;

/// Prints.
pub fn serial(text: &str) {
    for byte in text.bytes() {
        // Nobody could be told of a failure.
        let _ = init::IO_PORT.out8(COM1, byte);
    }
}

/// Ends the machine; QEMU's status is twice the code and one more.
pub fn end(code: u8) -> ! {
    let _ = init::IO_PORT.out8(EXIT, code);
    panic!("there is no debug-exit device")
}

/// Tries ports, interrupt handlers and domains.
pub fn run(pool: &mut Pool) {
    let status = must("read a port", init::IO_PORT.in8(COM1_STATUS));
    assert!(
        status & 0x20 != 0,
        "the serial line is ready, says {status:#x}"
    );
    must("read two bytes", init::IO_PORT.in16(COM1_STATUS));
    must("read four bytes", init::IO_PORT.in32(0xcf8));
    must("write four bytes", init::IO_PORT.out32(0xcf8, 0x8000_0000));
    let host_bridge = must("read four bytes", init::IO_PORT.in32(0xcfc));
    println!("machine: host bridge {host_bridge:#x}");
    assert_eq!(
        host_bridge & 0xffff,
        0x8086,
        "QEMU's host bridge is Intel's"
    );

    let notification = pool.make(ObjectType::Notification, 0).cast();
    let handler = pool.slot();
    let pin = IoApicPin {
        ioapic: 0,
        pin: 4,
        level: false,
        active_low: false,
        vector: 0,
    };
    must(
        "make an interrupt handler",
        init::IRQ_CONTROL.ioapic_handler(pin, slot(handler)),
    );
    let handler = sel4::Cap::<sel4::cap::kind::IrqHandler>::from_bits(handler);
    must(
        "set its notification",
        handler.set_notification(notification),
    );
    must("acknowledge", handler.acknowledge());
    must("clear it", handler.clear());
    let legacy = init::IRQ_CONTROL.handler(1, slot(pool.slot()));
    println!("machine: legacy interrupt controller: {legacy:?}");
    assert_eq!(
        legacy,
        Err(Error::IllegalOperation),
        "this kernel uses the other controller"
    );
    must("set the domain", init::DOMAIN.set(0, init::TCB));
    println!("machine: ok");
}
