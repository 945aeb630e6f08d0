//! The PC's interval timer, channel 0: counts down once and interrupts.
//!
//! **Holds** its four ports and the handler of its interrupt, which the root task has bound to this server's notification.
//!
//! # Invariants
//!
//! * The interrupt is allowed again before the timer is set: what is set can interrupt only afterwards, so no edge is lost.

use interfaces::start::proc_slots;
use sel4::{Result, cap};

const PORTS: cap::IoPort = cap::IoPort::from_bits(proc_slots::TIMER);
const INTERRUPT: cap::IrqHandler = cap::IrqHandler::from_bits(proc_slots::TIMER_IRQ);

/// The counter of channel 0: its low byte, then its high byte. With the second one it begins to count.
const COUNTER: u16 = proc_slots::TIMER_PORTS.0;
const CONTROL: u16 = proc_slots::TIMER_PORTS.1;
/// To [`CONTROL`]: channel 0, both bytes, mode 0: counts down to nothing and raises its line then, once.
const ONCE: u8 = 0x30;

/// Stops the timer, which the kernel has used to measure the processor, and lets its interrupt come.
pub fn open() -> Result<()> {
    PORTS.out8(CONTROL, ONCE)?;
    heard()
}

/// Lets the timer interrupt after so many ticks of its own.
pub fn set(ticks: u16) -> Result<()> {
    let [low, high] = ticks.to_le_bytes();
    PORTS.out8(COUNTER, low)?;
    PORTS.out8(COUNTER, high)
}

/// The interrupt was heard, and may come again.
pub fn heard() -> Result<()> {
    INTERRUPT.acknowledge()
}
