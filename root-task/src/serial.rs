//! The first serial line, a 16550, through its I/O ports.

use boot_core::patience::Patience;
use interfaces::console::LINE_BYTES;
use sel4::init::IO_PORT;
use spin::Mutex;

const COM1: u16 = 0x3f8;
/// Data; with [`LINE_CONTROL`]'s high bit set, the divisor's low byte.
const DATA: u16 = COM1;
/// Which events interrupt; with that bit set, the divisor's high byte.
const INTERRUPTS: u16 = COM1 + 1;
const FIFO_CONTROL: u16 = COM1 + 2;
const LINE_CONTROL: u16 = COM1 + 3;
const MODEM_CONTROL: u16 = COM1 + 4;
const LINE_STATUS: u16 = COM1 + 5;

/// In [`INTERRUPTS`]: a byte was received.
const RECEIVED: u8 = 1;
/// In [`LINE_STATUS`]: a received byte waits in [`DATA`].
const READY: u8 = 1;
/// The most bytes read in one go: a device that always has another must not keep everybody else waiting.
const BURST: usize = 256;
/// In [`LINE_STATUS`]: the transmitter's FIFO is empty and takes [`FIFO_BYTES`] more.
const FIFO_EMPTY: u8 = 1 << 5;
/// In [`LINE_STATUS`]: the last bit is on the wire.
const ALL_SENT: u8 = 1 << 6;
const FIFO_BYTES: usize = 16;
/// How often the status is asked before a line that never gets empty is given up: a device that is not there, or that
/// nobody reads, must not stop the machine, and must not be waited for again with every line.
static PATIENCE: Mutex<Patience> = Mutex::new(Patience::new(1_000_000));

const _: () = assert!(LINE_BYTES.is_multiple_of(FIFO_BYTES));

/// Sets the line up (115,200 baud, 8 bits, no parity, no interrupts) and makes it where output goes.
pub fn open() {
    for (port, value) in [
        (INTERRUPTS, 0),
        (LINE_CONTROL, 0x80), // The divisor's turn:
        (DATA, 1),
        (INTERRUPTS, 0),
        (LINE_CONTROL, 0x03),  // 8 bits, no parity, one stop bit.
        (FIFO_CONTROL, 0x07),  // FIFOs on and empty.
        (MODEM_CONTROL, 0x0b), // Ready, and interrupts connected.
    ] {
        write(port, value);
    }
    sel4_root_task::set_console(print);
}

/// Prints text; drops what is left of it if the line takes nothing any more.
pub fn print(text: &str) {
    for bytes in text.as_bytes().chunks(FIFO_BYTES) {
        if !wait_for(FIFO_EMPTY) {
            return;
        }
        for &byte in bytes {
            write(DATA, byte);
        }
    }
}

/// Lets a received byte interrupt.
pub fn listen() {
    write(INTERRUPTS, RECEIVED);
}

/// Hands over every byte that was received.
pub fn receive(mut each: impl FnMut(u8)) {
    for _ in 0..BURST {
        match IO_PORT.in8(LINE_STATUS) {
            Ok(status) if status & READY != 0 => {}
            Ok(_) | Err(_) => return,
        }
        if let Ok(byte) = IO_PORT.in8(DATA) {
            each(byte);
        }
    }
}

/// Waits until everything printed has left.
pub fn drain() {
    wait_for(ALL_SENT);
}

/// Whether a bit of the status has come.
fn wait_for(bit: u8) -> bool {
    // There is one thread, so this is free; if it were not, nothing would be printed rather than anything locked up.
    let Some(mut patience) = PATIENCE.try_lock() else {
        return false;
    };
    patience.wait(|| match IO_PORT.in8(LINE_STATUS) {
        Ok(status) => status & bit != 0,
        // Without the capability there is nothing to wait for; nobody could be told.
        Err(_) => true,
    })
}

fn write(port: u16, value: u8) {
    // Nobody could be told of a failure: this is where it would be printed.
    let _ = IO_PORT.out8(port, value);
}
