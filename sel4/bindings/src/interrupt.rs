//! Devices: ports, and interrupts.

use crate::{Result, Slot, cap, generated};

macro_rules! ports {
    ($($input:ident, $output:ident, $stub_in:ident, $stub_out:ident, $kind:ty, $name:literal;)*) => {
        impl cap::IoPort {
            $(
                #[doc = concat!("Reads ", $name, " from a port.")]
                #[expect(clippy::cast_possible_truncation, reason = "the stub cuts it to that width")]
                pub fn $input(self, port: u16) -> Result<$kind> {
                    let value = generated::$stub_in(self.bits(), port)?;
                    Ok(value as $kind)
                }

                #[doc = concat!("Writes ", $name, " to a port.")]
                pub fn $output(self, port: u16, value: $kind) -> Result<()> {
                    generated::$stub_out(self.bits(), u64::from(port), u64::from(value))
                }
            )*
        }
    };
}

ports! {
    in8, out8, x86_io_port_in8, x86_io_port_out8, u8, "a byte";
    in16, out16, x86_io_port_in16, x86_io_port_out16, u16, "two bytes";
    in32, out32, x86_io_port_in32, x86_io_port_out32, u32, "four bytes";
}

/// An input of an interrupt controller, and how it is wired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoApicPin {
    /// Which controller.
    pub ioapic: u64,
    /// Which of its inputs.
    pub pin: u64,
    /// Whether the level counts, instead of the edge.
    pub level: bool,
    /// Whether low is active.
    pub active_low: bool,
    /// Which of the processor's vectors it is to use, counted from the first that programs may have.
    pub vector: u64,
}

impl cap::IrqControl {
    /// Makes the handler of an interrupt of the legacy controller.
    pub fn handler(self, irq: u32, to: Slot) -> Result<()> {
        generated::irq_control_get(self.bits(), irq, to.root.bits(), to.index, to.depth)
    }

    /// Makes the handler of an input of an interrupt controller.
    pub fn ioapic_handler(self, pin: IoApicPin, to: Slot) -> Result<()> {
        generated::irq_control_get_ioapic(
            self.bits(),
            to.root.bits(),
            to.index,
            u64::from(to.depth),
            pin.ioapic,
            pin.pin,
            u64::from(pin.level),
            u64::from(pin.active_low),
            pin.vector,
        )
    }
}

impl cap::IrqHandler {
    /// Lets the interrupt come again.
    pub fn acknowledge(self) -> Result<()> {
        generated::irq_handler_ack(self.bits())
    }

    /// Sets which notification hears of it.
    pub fn set_notification(self, notification: cap::Notification) -> Result<()> {
        generated::irq_handler_set_notification(self.bits(), notification.bits())
    }

    /// Lets no notification hear of it.
    pub fn clear(self) -> Result<()> {
        generated::irq_handler_clear(self.bits())
    }
}
