//! Input from the serial line: the interrupt, and whoever waits for it.
//!
//! **Holds** the handler of the line's interrupt, a notification bound to the root task's only thread, so that its one
//! receive hears of input too, and the reply capability of at most one reader.
//!
//! # Invariants
//!
//! * The interrupt is allowed again *before* the bytes are taken: the line falls when the last one is, and the next byte
//!   raises it. The other way round a byte in between would be an edge that the controller ignores.
//! * A reader that has died took its reply capability along, so it is moved before it is used: what cannot be moved is
//!   not there, and the bytes wait for the next reader.

use boot_core::BootPlan;
use boot_core::input::Waiting;
use boot_core::object::Item;
use boot_core::plan::InputSlots;
use interfaces::Badge;
use interfaces::call::{Answer, MESSAGE_BYTES, encode_answer};
use interfaces::console::{Input as Typed, ReadInputRefusal};
use interfaces_sel4::answer_saved;
use sel4::cap::{self, Cap};
use sel4::{CapRights, IoApicPin, init};

use crate::authority::own;
use crate::serial;

/// The first serial line's input of the interrupt controller: the PC's IRQ 4, an edge.
const PIN: IoApicPin = IoApicPin {
    ioapic: 0,
    pin: 4,
    level: false,
    active_low: false,
    vector: 4,
};

/// The receiving side of the serial line.
pub struct Input {
    slots: InputSlots,
    handler: cap::IrqHandler,
    waiting: Waiting,
}

impl Input {
    /// Connects the interrupt with the root task's receive.
    pub fn open(plan: &BootPlan) -> sel4::Result<Self> {
        let slots = plan.copies.input;
        let notification = plan.slot(Item::Input);
        let badge = Badge::Signal { bits: 1 }.encode();
        init::IRQ_CONTROL.ioapic_handler(PIN, own(slots.handler))?;
        own(slots.signal).mint_from(own(notification), CapRights::ALL, badge)?;
        let handler: cap::IrqHandler = Cap::from_bits(slots.handler);
        handler.set_notification(Cap::from_bits(slots.signal))?;
        init::TCB.bind_notification(Cap::from_bits(notification))?;
        serial::listen();
        handler.acknowledge()?;
        Ok(Self {
            slots,
            handler,
            waiting: Waiting::new(),
        })
    }

    /// The interrupt came.
    pub fn interrupted(&mut self) {
        // Refused, it never comes again; nobody could be told.
        let _ = self.handler.acknowledge();
        serial::receive(|byte| self.waiting.push(byte));
        self.answer();
    }

    /// A run has said that it is done.
    pub fn run_is_done(&mut self) {
        self.waiting.run_is_done();
        self.answer();
    }

    /// Somebody wants to read.
    pub fn read(&mut self) -> Answer<Typed, ReadInputRefusal> {
        if self.reader_waits() {
            return Answer::Now(Err(ReadInputRefusal::AnotherWaits));
        }
        if let Some(input) = self.waiting.take() {
            return Answer::Now(Ok(input));
        }
        match own(self.slots.reader).save_caller() {
            Ok(()) => Answer::Later,
            Err(_) => Answer::Now(Err(ReadInputRefusal::AnotherWaits)),
        }
    }

    /// What was typed, for who does not wait.
    pub fn poll(&mut self) -> Typed {
        self.waiting.poll()
    }

    /// Whether there is a reader that lives. If not, the reader's slot is empty.
    fn reader_waits(&self) -> bool {
        let (reader, answer) = (own(self.slots.reader), own(self.slots.answer));
        answer.move_from(reader).is_ok() && reader.move_from(answer).is_ok()
    }

    /// Gives a reader what there is.
    fn answer(&mut self) {
        let answer = own(self.slots.answer);
        if answer.move_from(own(self.slots.reader)).is_err() {
            return;
        }
        if let Some(input) = self.waiting.take() {
            let mut bytes = [0; MESSAGE_BYTES];
            let encoded = encode_answer(&Ok::<_, ReadInputRefusal>(input), &mut bytes);
            answer_saved(Cap::from_bits(self.slots.answer), encoded, &bytes);
        } else {
            // Between the two moves nobody else runs, so it still waits.
            let _ = own(self.slots.reader).move_from(answer);
        }
    }
}
