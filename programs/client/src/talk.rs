//! Talking to another task that agreed to it ([`interfaces::links`]).
//!
//! Two tasks agree by [`offer`] and [`accept`]; then each can send the other lines and [`receive`] what its partners send.
//! [`ask`] and [`answer`] make questions and answers of that.
//!
//! Nothing here waits for a partner but by receiving, and that ends with the bell: with the partner, or with one's own
//! alarm. So no partner, dead, busy or unwilling, keeps anybody for longer than it likes.
//!
//! # Why an answer comes a moment late
//!
//! A line reaches who waits for it at that instant. Sending one lets the receiver run at once, if its priority is not lower:
//! before the sender, which is to wait for the answer, has come to wait. An answer sent right away would find nobody there,
//! and so would the answer to the same order sent again, for ever. So whoever answers sleeps for a moment first, and twice
//! as long each time that it is asked the same again.
//!
//! Only the task's **first thread** is to receive: the bell rings there. A fork's child has no links, whatever its memory
//! says of its parent's.
//!
//! A partner is any program: what it sends is text of its own choosing, or no line at all ([`Heard::Nonsense`]).

use interfaces::call::{MESSAGE_BYTES, decode_payload};
use interfaces::encode::encode;
use interfaces::identity::{Badge, TaskTag};
use interfaces::links::{
    Accept, HangUp, LINE_LABEL, LINKS, Line, LineText, Link, LinkRefusal, Links, Offer, ReadLinks,
    Said, SetAlarm,
};
use interfaces::start::client_slots;
use interfaces::{CallError, TaskId};
use sel4::cap;

use crate::server::{Server, call};
use crate::time::{self, MILLISECOND};

/// How soon an order is sent again, at first and at last.
const AGAIN: (u64, u64) = (MILLISECOND, 16 * MILLISECOND);
/// How long whoever answers lets the asker run before, at first and at last.
const BREATH: (u64, u64) = (20_000, 4 * MILLISECOND);
/// How long whoever says its last word stays to repeat it: longer than an order takes to be sent again.
const LAST_WORD: u64 = 3 * AGAIN.1;

const MAILBOX: cap::Endpoint = cap::Endpoint::from_bits(client_slots::MAILBOX);

/// A partner. Whoever has, or had, one has a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partner {
    /// Who it is.
    pub task: TaskId,
    slot: u64,
}

impl From<Link> for Partner {
    fn from(Link { partner, slot }: Link) -> Self {
        Self {
            task: partner,
            slot: u64::from(slot),
        }
    }
}

/// What was received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a line is what is mostly heard, and there is no heap to box it on"
)]
pub enum Heard {
    /// A line of this task.
    Line(TaskTag, Line),
    /// Something of this task that is no line.
    Nonsense(Option<TaskTag>),
    /// The bell: a partner is gone, somebody offers a link, or it is time.
    Bell,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// The partner has ended, or has hung up.
    Gone,
    /// It was given up by whoever asked.
    GivenUp,
    /// There was none in that time.
    TimedOut,
    /// The proc-server does not understand us.
    NoClock,
}

/// Offers a link to a task, for so many nanoseconds.
pub fn offer(to: TaskId, ns: u64) -> Result<Partner, CallError<LinkRefusal>> {
    call(Server::Process, &Offer { to, ns }).map(Partner::from)
}

/// Accepts a link that a task offers, or that anybody does, within so many nanoseconds.
pub fn accept(from: Option<TaskId>, ns: u64) -> Result<Partner, CallError<LinkRefusal>> {
    call(Server::Process, &Accept { from, ns }).map(Partner::from)
}

/// Ends a link.
pub fn hang_up(partner: TaskId) -> Result<(), CallError<LinkRefusal>> {
    call(Server::Process, &HangUp { partner })
}

/// The links that there are.
#[must_use]
pub fn links() -> Links {
    call(Server::Process, &ReadLinks {}).unwrap_or_default()
}

/// The partner that a message came from, while it is one.
#[must_use]
pub fn partner(tag: TaskTag) -> Option<Partner> {
    let link = links().into_iter().find(|link| tag.is(link.partner));
    link.map(Partner::from)
}

/// Rings the bell in so many nanoseconds, instead of when it was to ring before.
pub fn set_alarm(ns: u64) -> Result<(), CallError<LinkRefusal>> {
    call(Server::Process, &SetAlarm { ns })
}

/// Sends a line if the partner waits for one; else nothing happens.
pub fn send(to: Partner, line: &Line) {
    let mut bytes = [0; MESSAGE_BYTES];
    // The longest line fits a message.
    let length = encode(line, &mut bytes).unwrap_or(0).div_ceil(8);
    let mut words = [0; MESSAGE_BYTES / 8];
    let (chunks, _) = bytes.as_chunks::<8>();
    for (word, bytes) in words.iter_mut().zip(chunks).take(length) {
        *word = u64::from_le_bytes(*bytes);
    }
    let endpoint = cap::Endpoint::from_bits(to.slot);
    sel4::nb_send(
        endpoint,
        LINE_LABEL,
        words.get(..length).unwrap_or_default(),
    );
}

/// Waits for whatever comes. The partner says that there is a mailbox; nothing else of it matters.
#[must_use]
pub fn receive(_: Partner) -> Heard {
    let mut words = [0; MESSAGE_BYTES / 8];
    let (badge, info) = sel4::recv(MAILBOX, &mut words);
    let from = match Badge::decode(badge) {
        // After a signal the label and the words are another message's.
        Some(Badge::Signal { .. }) => return Heard::Bell,
        Some(Badge::Service(caller)) => caller.task(),
        _ => None,
    };
    let Some(from) = from else {
        return Heard::Nonsense(None);
    };
    let mut bytes = [0; MESSAGE_BYTES];
    let (chunks, _) = bytes.as_chunks_mut::<8>();
    for (bytes, word) in chunks.iter_mut().zip(&words) {
        *bytes = word.to_le_bytes();
    }
    let length = info.length().saturating_mul(8);
    match decode_payload(bytes.get(..length).unwrap_or_default()) {
        Ok(line) if info.label() == LINE_LABEL => Heard::Line(from, line),
        _ => Heard::Nonsense(Some(from)),
    }
}

/// Gives a partner an order and waits for its answer, for so many nanoseconds and as long as `goes_on` says so, which is
/// asked every few milliseconds. Whatever else comes meanwhile is dropped.
pub fn ask(
    partner: Partner,
    text: &str,
    ns: u64,
    mut goes_on: impl FnMut() -> bool,
) -> Result<Result<LineText, LineText>, NoAnswer> {
    let begin = time::now().map_err(|_| NoAnswer::NoClock)?.ns;
    let end = begin.saturating_add(ns);
    let order = Line {
        // Another than that of the order before, which is all that it has to be.
        number: u32::try_from(begin & u64::from(u32::MAX)).unwrap_or(0),
        said: Said::Order,
        text: LineText::cut(text),
    };
    let mut again = AGAIN.0;
    loop {
        set_alarm(again).map_err(|_| NoAnswer::NoClock)?;
        send(partner, &order);
        loop {
            match receive(partner) {
                Heard::Line(from, line) if from.is(partner.task) && line.number == order.number => {
                    match line.said {
                        Said::Order => {}
                        Said::Done => return Ok(Ok(line.text)),
                        Said::Refused => return Ok(Err(line.text)),
                    }
                }
                Heard::Line(..) | Heard::Nonsense(_) => {}
                Heard::Bell => break,
            }
        }
        if self::partner(partner.task.tag()).is_none() {
            return Err(NoAnswer::Gone);
        }
        if !goes_on() {
            return Err(NoAnswer::GivenUp);
        }
        if time::now().map_err(|_| NoAnswer::NoClock)?.ns >= end {
            return Err(NoAnswer::TimedOut);
        }
        again = again.saturating_mul(2).min(AGAIN.1);
    }
}

/// What was answered.
#[derive(Debug)]
struct Told {
    to: TaskTag,
    line: Line,
    /// How long to sleep before it is said again.
    breath: u64,
}

impl Told {
    fn say(&mut self, to: Partner) {
        // Should there be no room to sleep in, it is said now, and perhaps once more.
        let _ = time::sleep(self.breath);
        self.breath = self.breath.saturating_mul(2).min(BREATH.1);
        send(to, &self.line);
    }
}

/// Whoever follows orders: everybody's that offers it a link.
#[derive(Debug, Default)]
pub struct Listener {
    /// The last answer to each partner.
    told: [Option<Told>; LINKS],
    next: usize,
}

impl Listener {
    /// The next order that was not followed yet, and whose it is; nothing if it was something else that was heard.
    pub fn next_order(&mut self, mailbox: Partner) -> Option<(Partner, Line)> {
        let (from, line) = match receive(mailbox) {
            Heard::Line(from, line) if line.said == Said::Order => (from, line),
            Heard::Line(..) | Heard::Nonsense(_) => return None,
            Heard::Bell => {
                // One more than fit are left to offer until another has hung up.
                while accept(None, 0).is_ok() {}
                return None;
            }
        };
        let partner = partner(from)?;
        let mut known = self.told.iter_mut().flatten();
        match known.find(|told| told.to == from && told.line.number == line.number) {
            Some(told) => {
                told.say(partner);
                None
            }
            None => Some((partner, line)),
        }
    }

    /// Answers an order.
    pub fn answer(&mut self, to: Partner, number: u32, told: Result<LineText, LineText>) {
        let (said, text) = match told {
            Ok(text) => (Said::Done, text),
            Err(text) => (Said::Refused, text),
        };
        let tag = to.task.tag();
        let mut told = Told {
            to: tag,
            line: Line { number, said, text },
            breath: BREATH.0,
        };
        told.say(to);
        let known = |told: &Option<Told>| told.as_ref().is_some_and(|told| told.to == tag);
        let place = self.told.iter().position(known).unwrap_or_else(|| {
            let place = self.next;
            self.next = place.saturating_add(1) % LINKS;
            place
        });
        if let Some(entry) = self.told.get_mut(place) {
            *entry = Some(told);
        }
    }

    /// Stays for a moment to repeat the last answer, should it have been lost: for who follows no order afterwards.
    pub fn stay(&mut self, mailbox: Partner) {
        let Ok(now) = time::now() else { return };
        let end = now.ns.saturating_add(LAST_WORD);
        loop {
            let Ok(now) = time::now() else { return };
            let left = end.saturating_sub(now.ns);
            if left == 0 || set_alarm(left).is_err() {
                return;
            }
            // An order that it would have to follow gets no answer any more.
            let _ = self.next_order(mailbox);
        }
    }
}
