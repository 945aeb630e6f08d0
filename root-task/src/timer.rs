//! The interval timer's interrupt, bound to the proc-server's notification before that server runs.
//!
//! The proc-server gets the handler, to let the interrupt come again, and the timer's four ports; what hears of the
//! interrupt is settled here, so that it needs no capability to send to its own notification.

use boot_core::BootPlan;
use boot_core::object::Item;
use interfaces::Badge;
use interfaces::start::proc_slots;
use sel4::cap::{self, Cap};
use sel4::{CapRights, IoApicPin, Result, init};

use crate::authority::own;

/// The interval timer's input of the interrupt controller: the PC's IRQ 0, an edge, wired to pin 2.
const PIN: IoApicPin = IoApicPin {
    ioapic: 0,
    pin: 2,
    level: false,
    active_low: false,
    vector: 2,
};

/// Binds it. It does not come before the proc-server has acknowledged it for the first time.
pub fn open(plan: &BootPlan) -> Result<()> {
    let slots = plan.copies.timer;
    let badge = Badge::Signal {
        bits: proc_slots::TIMER_BIT,
    };
    init::IRQ_CONTROL.ioapic_handler(PIN, own(slots.handler))?;
    own(slots.signal).mint_from(own(plan.slot(Item::News)), CapRights::ALL, badge.encode())?;
    let handler: cap::IrqHandler = Cap::from_bits(slots.handler);
    handler.set_notification(Cap::from_bits(slots.signal))
}
