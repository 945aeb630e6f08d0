//! What a test build of the server does besides: it refuses the n-th charge of the other servers, and loses the n-th answer.
//!
//! A charge is refused before the ledger sees it, as one is whose group has no room, so nothing of it is counted. Charges
//! for what clients ask here (a group that is opened) happen within the ledger, which checks first and then writes: there is
//! no step in it that could fail halfway.

use interfaces::accounting::{
    AttachRefusal, AttachRing, Charge, ChargeRefusal, ChargeSome, ChargeTask, ThreadTicket, Ticket,
    TicketRefusal,
};
use interfaces::call::encode_answer;
use interfaces::injection::Step;
use interfaces::{
    Badge, Call, Dispatched, Label, Resource, Shortage, accounting, injection, short,
};
use interfaces_injection::{asked, fails, loses};
use interfaces_sel4::{Raw, Response};

use crate::Serving;

/// Takes a message that was sent to make this server fail, or that is to fail. Gives the next one; nothing if the message
/// is one like any other.
pub fn takes(serving: &mut Serving<'_>, raw: Raw) -> Option<Raw> {
    let badge = Badge::decode(raw.badge);
    let label = Label::from_bits(raw.info.label());
    if label.interface() == injection::INTERFACE {
        let message = serving.port.take(raw);
        let response = asked(&mut serving.port, &message)?;
        return Some(next(serving, response));
    }
    if let Some(Badge::Service(caller)) = badge
        && !caller.is_client()
        && let Some(refused) = refused(label, serving.port.reply_buffer())
    {
        return Some(next(serving, refused.into()));
    }
    if sel4::is_fault_label(raw.info.label()) || !loses(badge) {
        return None;
    }
    // Done, and never answered.
    let reply = serving.port.reply_buffer();
    if serving.server.handle_short(raw.asked(), reply).is_none() {
        let [first, second, third, fourth] = raw.registers;
        let _ = serving.at_length(raw.badge, raw.info, first, second, third, fourth);
    }
    Some(serving.port.receive())
}

fn next(serving: &mut Serving<'_>, response: Response) -> Raw {
    match serving.port.make_ready(response) {
        Some(info) => serving.port.exchange(info, serving.port.ready()),
        None => serving.port.receive(),
    }
}

/// The answer to a charge that is to fail.
fn refused(label: Label, reply: &mut [u8]) -> Option<Dispatched> {
    if label.interface() != accounting::INTERFACE {
        return None;
    }
    let short = Shortage {
        resource: Resource::KernelMemory,
        group: None,
        limit: 0,
        used: 0,
        asked: 1,
    };
    let operation = label.operation() & !short::BIT;
    let is = |other: Label| operation == other.operation();
    if is(Ticket::LABEL) || is(ThreadTicket::LABEL) {
        let refusal = TicketRefusal::Short(short);
        return fails(Step::Charge).then(|| no::<Ticket>(refusal, reply));
    }
    if is(Charge::LABEL) {
        let refusal = ChargeRefusal::Short(short);
        return fails(Step::Charge).then(|| no::<Charge>(refusal, reply));
    }
    if is(ChargeTask::LABEL) {
        let refusal = ChargeRefusal::Short(short);
        return fails(Step::Charge).then(|| no::<ChargeTask>(refusal, reply));
    }
    if is(ChargeSome::LABEL) {
        let refusal = ChargeRefusal::Short(short);
        return fails(Step::Charge).then(|| no::<ChargeSome>(refusal, reply));
    }
    if is(AttachRing::LABEL) {
        return fails(Step::Call).then(|| no::<AttachRing>(AttachRefusal::BadPlace, reply));
    }
    None
}

fn no<C: Call>(refusal: C::Refusal, reply: &mut [u8]) -> Dispatched {
    encode_answer(&Err::<C::Reply, _>(refusal), reply)
}
