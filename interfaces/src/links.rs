//! Links: two tasks that agree can send to each other.
//!
//! A **link** gives each of two tasks a capability to send to the other's **mailbox**, an endpoint that only that one
//! receives from. Its badge, set by the proc-server, says who sends. It carries no right to grant: no capability travels
//! over it, and nobody gets a reply capability. Whoever is to be answered is sent to, over the same link.
//!
//! A task's first thread receives from its mailbox, and hears its **bell** there: the badge
//! [`Badge::Signal`](crate::Badge::Signal) instead of a sender's. It rings when a partner is gone, when somebody offers a
//! link, and at the time that the task has asked for ([`SetAlarm`]), so nobody waits for a partner for longer than it likes.
//!
//! # Calls are for servers
//!
//! `Call` over a link stops the calling thread for good, because no reply can reach it; it harms nobody else. `Send` waits
//! until the partner receives, is gone or hangs up, and then goes on; `NBSend` never waits.
//!
//! # Who pays
//!
//! Mailbox and bell are made in the page of the task's TCB and CNode, of which nobody else can use the rest. That page, the
//! slots of the CNode and those that the proc-server needs are paid for with the task's birth
//! ([`TASK_KIT`](crate::provision::TASK_KIT)), so neither a link nor its end can be refused for want of anything.

use serde::{Deserialize, Serialize};

use crate::identity::TaskId;
use crate::provision::CreateRefusal;
use crate::text::Text;

/// The most links that a task has at once: one for each slot of its CNode that nothing else needs.
pub const LINKS: usize = 5;
/// How many can offer a link to one task at once.
pub const SUITORS: usize = 16;

/// The most bytes of text in a [`Line`].
pub const LINE_BYTES: usize = 600;
/// The label of a message that is a [`Line`]. No server has this interface.
pub const LINE_LABEL: u64 = 0xf_1111;

/// Text of a line.
pub type LineText = Text<LINE_BYTES>;

/// What one program sends another, if both keep to it: an order, or the answer to one.
///
/// Nobody waits to send: a line is lost unless the partner waits for it at that moment. So whoever asks sends its order
/// again until there is an answer, and whoever answers keeps the last answer to each partner, and sends it again for an
/// order that it knows already by its number: each order is followed once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The asker's number for the order. Its answer has the same.
    pub number: u32,
    /// Which it is.
    pub said: Said,
    /// The text.
    pub text: LineText,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// An order.
    Order,
    /// An answer: what came of it.
    Done,
    /// An answer: why nothing did.
    Refused,
}

/// Offers a link to a task that the caller may see, or to one of its own group. Answered when it is accepted; at once if
/// there is a link already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// To whom.
    pub to: TaskId,
    /// How long to wait, in nanoseconds; [`u64::MAX`] is for ever, or until that task ends.
    pub ns: u64,
}

/// Accepts a link that is offered to the caller, now or within a time; the oldest offer if nobody is named.
///
/// Nothing is said of a task that cannot offer, or does not exist: then time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accept {
    /// From whom.
    pub from: Option<TaskId>,
    /// How long to wait, in nanoseconds; with 0 it only looks.
    pub ns: u64,
}

/// Ends a link. Whoever of the two is sending over it goes on, and the partner hears its bell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HangUp {
    /// The partner.
    pub partner: TaskId,
}

/// Lists the caller's links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadLinks {}

/// Rings the caller's bell when so much time has passed, instead of at the time asked for before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAlarm {
    /// Nanoseconds; [`u64::MAX`] is never.
    pub ns: u64,
}

/// One's side of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The task at the other side.
    pub partner: TaskId,
    /// The slot of the capability to send to it.
    pub slot: u8,
}

/// A task's links.
pub type Links = heapless::Vec<Link, LINKS>;

/// Why there is no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkRefusal {
    /// No such task, not one that the caller may offer to, or no link with it. Or it has ended since.
    UnknownTask,
    /// One of the two has as many links as a task can have.
    NoSlot,
    /// So many offer to this task, or so many threads wait, that there is no room.
    TableFull,
    /// It was not accepted, or nobody offered, in that time.
    TimedOut,
    /// The caller has never had a link, so it has no bell.
    NoMailbox,
    /// The memory-server could not make a mailbox.
    Memory(CreateRefusal),
    /// The kernel refused something that it should not have: an error of ours, with the kernel's error number.
    Kernel(u8),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{MESSAGE_BYTES, decode_payload};
    use crate::encode::encode;

    #[test]
    fn every_line_fits_a_message_and_comes_back() {
        for (number, length) in [(0, 0), (7, 5), (1_000_000_000, 5), (u32::MAX, LINE_BYTES)] {
            let text = std::iter::repeat_n('x', length).collect::<String>();
            let line = Line {
                number,
                said: Said::Refused,
                text: LineText::try_new(&text).unwrap(),
            };
            let mut bytes = [0; MESSAGE_BYTES];
            let length = encode(&line, &mut bytes).unwrap();
            let words = length.next_multiple_of(8);
            assert_eq!(decode_payload(&bytes[..words]), Ok(line));
        }
    }
}
