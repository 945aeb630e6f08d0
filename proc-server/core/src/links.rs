//! Links between two tasks that agree ([`interfaces::links`] says what they are).
//!
//! Whoever offers waits in the list of the task to which it offers; whoever accepts takes the oldest offer, or waits for
//! one. Then both get the right to send to the other's mailbox, at once or not at all.
//!
//! # Invariants
//!
//! - A link stands in both tasks or in neither; both run and have a mailbox.
//! - A task hears its bell after the slot of a link is empty, never before.
//! - At most [`SUITORS`] offer to one task.
//!
//! # Why nobody hangs
//!
//! - Nobody gets a reply capability of another client, so nobody waits for an answer that whoever had it took to its grave.
//! - Whoever is sending over a link when it ends goes on: the slot is emptied first, and a `Send` that the kernel begins
//!   anew over an empty slot does nothing. (Only `Recv` on an empty slot is a fault, and the one slot that is received from,
//!   the mailbox, stays as long as the task.)
//! - Whoever receives hears the bell: of a partner's end, and of its own alarm. So a wait has an end without a second thread
//!   and without asking again and again.
//!
//! A capability to call over would be answered by a server that is trusted; a client that dies or does not want to answer
//! would keep its caller for ever. That is why there is none.
//!
//! # Who may
//!
//! One may offer to whom one sees, and to those of one's own group. A link holds in both directions, so of two tasks one of
//! which sees the other that one offers; and whoever sees nobody can only be offered to. What is not seen is unknown.

use interfaces::call::Answer;
use interfaces::identity::{Badge, Caller};
use interfaces::links::{Accept, LINKS, Link, LinkRefusal, Links, Offer, SUITORS};
use interfaces::provision::CreateMailbox;
use interfaces::start::client_slots;
use interfaces::{CallError, TaskId, call};

use crate::hands::Hands;
use crate::server::ProcServer;
use crate::task::Task;
use crate::waiting::Awaits;

/// What a message of the memory-server's that makes no sense is told as: an error of ours.
const NONSENSE: LinkRefusal = LinkRefusal::Kernel(u8::MAX);

/// The badge with which a task sends.
const fn badge_of(task: TaskId) -> Badge {
    Badge::Service(Caller::client(task.tag(), false))
}

/// The slot of a client's CSpace that holds its link of this number.
pub(crate) const fn slot_of(number: usize) -> u64 {
    client_slots::LINKS.saturating_add(number as u64)
}

fn link(partner: TaskId, number: usize) -> Link {
    Link {
        partner,
        slot: u8::try_from(slot_of(number)).unwrap_or(u8::MAX),
    }
}

impl<H: Hands> ProcServer<'_, H> {
    /// Offers a link; answered when it is accepted.
    pub(crate) fn offer_link(
        &mut self,
        caller: Caller,
        request: Offer,
    ) -> Answer<Link, LinkRefusal> {
        let Offer { to, ns } = request;
        let refused = |refusal| Answer::Now(Err(refusal));
        let Some(task) = self.who(caller).filter(|&task| task != to) else {
            return refused(LinkRefusal::UnknownTask);
        };
        if let Some(link) = self.link_between(task, to) {
            return Answer::Now(Ok(link));
        }
        if !self.may_offer(task, to) {
            return refused(LinkRefusal::UnknownTask);
        }
        if self.number_of(task, None).is_none() {
            return refused(LinkRefusal::NoSlot);
        }
        let accepts =
            |awaits| matches!(awaits, Awaits::Accept(from) if from.is_none_or(|from| from == task));
        if let Some((waiter, _)) = self.first_waiter(to, accepts) {
            return Answer::Now(self.connect(task, to).map(|(mine, theirs)| {
                self.answer::<Accept>(waiter, &Ok(theirs));
                mine
            }));
        }
        if ns == 0 {
            return refused(LinkRefusal::TimedOut);
        }
        if self.waiters.suitors(&self.tasks, to).count() >= SUITORS {
            return refused(LinkRefusal::TableFull);
        }
        let until = self.after(ns);
        let Ok(waiter) = self.keep_waiting(task, Awaits::Offer(to)) else {
            return refused(LinkRefusal::TableFull);
        };
        self.wake_at(waiter, until.ns);
        self.ring_bell(to);
        Answer::Later
    }

    /// Accepts a link; answered when there is one.
    pub(crate) fn accept_link(
        &mut self,
        caller: Caller,
        request: Accept,
    ) -> Answer<Link, LinkRefusal> {
        let Accept { from, ns } = request;
        let refused = |refusal| Answer::Now(Err(refusal));
        let Some(task) = self.who(caller) else {
            return refused(LinkRefusal::UnknownTask);
        };
        if let Some(link) = from.and_then(|from| self.link_between(task, from)) {
            return Answer::Now(Ok(link));
        }
        let suitor = self
            .waiters
            .suitors(&self.tasks, task)
            .find(|&(_, suitor)| from.is_none_or(|from| from == suitor));
        if let Some((waiter, suitor)) = suitor {
            return Answer::Now(self.connect(task, suitor).map(|(mine, theirs)| {
                self.answer::<Offer>(waiter, &Ok(theirs));
                mine
            }));
        }
        if ns == 0 {
            return refused(LinkRefusal::TimedOut);
        }
        let until = self.after(ns);
        let Ok(waiter) = self.keep_waiting(task, Awaits::Accept(from)) else {
            return refused(LinkRefusal::TableFull);
        };
        self.wake_at(waiter, until.ns);
        Answer::Later
    }

    /// Ends a link of the caller's.
    pub(crate) fn hang_up_on(
        &mut self,
        caller: Caller,
        partner: TaskId,
    ) -> Result<(), LinkRefusal> {
        let task = self.who(caller).ok_or(LinkRefusal::UnknownTask)?;
        self.link_between(task, partner)
            .ok_or(LinkRefusal::UnknownTask)?;
        for (one, other) in [(task, partner), (partner, task)] {
            self.cut(one, other);
            if let Some(to) = self.first_of(other) {
                let cancelled = self.hands.cancel_sends(to, badge_of(one));
                self.expect(cancelled.is_ok());
            }
        }
        self.ring_bell(partner);
        Ok(())
    }

    /// The caller's links.
    pub(crate) fn links_of(&self, caller: Caller) -> Links {
        let task = self.who(caller).and_then(|task| self.tasks.get(task));
        let links = task.map_or([None; LINKS], |slot| slot.links);
        (0..)
            .zip(links)
            .filter_map(|(number, partner)| Some(link(partner?, number)))
            .collect()
    }

    /// Sets the caller's alarm.
    pub(crate) fn set_alarm_of(&mut self, caller: Caller, ns: u64) -> Result<(), LinkRefusal> {
        let task = self.who(caller).ok_or(LinkRefusal::UnknownTask)?;
        if !self.tasks.get(task).is_some_and(|slot| slot.has_mailbox) {
            return Err(LinkRefusal::NoMailbox);
        }
        let number = self.alarm_number(task.index);
        self.deadlines.cancel(number);
        let at = self.after(ns).ns;
        self.wake_at(number, at);
        Ok(())
    }

    /// A task ends: its links with it, its alarm, and the offers to it. Its mailbox goes with the page of its TCB.
    pub(crate) fn end_links(&mut self, task: TaskId) {
        while let Some((waiter, _)) = self.waiters.first_suitor(&self.tasks, task) {
            self.answer::<Offer>(waiter, &Err(LinkRefusal::UnknownTask));
        }
        let Some(slot) = self.tasks.get_mut(task).filter(|slot| slot.has_mailbox) else {
            return;
        };
        let links = core::mem::replace(&mut slot.links, [None; LINKS]);
        for partner in links.into_iter().flatten() {
            self.cut(partner, task);
            self.ring_bell(partner);
        }
        let number = self.alarm_number(task.index);
        self.deadlines.cancel(number);
    }

    /// Rings a task's bell, if it has one.
    pub(crate) fn ring_bell(&mut self, task: TaskId) {
        let slot = self.tasks.get(task).filter(|slot| slot.has_mailbox);
        if let Some(first) = slot.and_then(Task::first_thread) {
            self.hands.ring_bell(first);
        }
    }

    /// The task whose alarm a deadline is, if it is one.
    pub(crate) fn alarm_of(&self, deadline: u32) -> Option<TaskId> {
        let place = deadline.checked_sub(self.alarm_number(0))?;
        self.tasks.id_at(place)
    }

    /// Whether the task of this place has an alarm.
    pub(crate) fn has_alarm(&self, place: u32) -> bool {
        self.deadlines.has(self.alarm_number(place))
    }

    fn alarm_number(&self, place: u32) -> u32 {
        let waiters = u32::try_from(self.waiters.room()).unwrap_or(u32::MAX);
        waiters.saturating_add(place)
    }

    /// Whether a task may offer a link to another: it sees it, or both are in one group.
    fn may_offer(&mut self, task: TaskId, to: TaskId) -> bool {
        self.tasks.is_running(to)
            && (self.sees(task, to) || self.group_now(task) == self.group_now(to))
    }

    fn link_between(&self, task: TaskId, partner: TaskId) -> Option<Link> {
        Some(link(partner, self.number_of(task, Some(partner))?))
    }

    /// The number of a task's link with a partner, or of a free one.
    fn number_of(&self, task: TaskId, partner: Option<TaskId>) -> Option<usize> {
        let slot = self.tasks.get(task)?;
        slot.links.iter().position(|&link| link == partner)
    }

    fn first_of(&self, task: TaskId) -> Option<u32> {
        self.tasks.get(task).and_then(Task::first_thread)
    }

    /// Links two tasks, or leaves both as they were but for their mailboxes. Returns each one's side.
    fn connect(&mut self, one: TaskId, other: TaskId) -> Result<(Link, Link), LinkRefusal> {
        // Two threads of one task may have offered.
        if let (Some(mine), Some(theirs)) =
            (self.link_between(one, other), self.link_between(other, one))
        {
            return Ok((mine, theirs));
        }
        let mine = self.number_of(one, None).ok_or(LinkRefusal::NoSlot)?;
        let theirs = self.number_of(other, None).ok_or(LinkRefusal::NoSlot)?;
        let here = self.need_mailbox(one)?;
        let there = self.need_mailbox(other)?;
        self.mint(here, mine, there, one)?;
        if let Err(refusal) = self.mint(there, theirs, here, other) {
            let dropped = self.hands.drop_link(here, slot_of(mine));
            self.expect(dropped.is_ok());
            return Err(refusal);
        }
        for (task, number, partner) in [(one, mine, other), (other, theirs, one)] {
            self.note(task, number, Some(partner));
        }
        Ok((link(other, mine), link(one, theirs)))
    }

    /// Gives the task whose first thread is `first` the right to send to the mailbox of `to` as `from`.
    fn mint(
        &mut self,
        first: u32,
        number: usize,
        to: u32,
        from: TaskId,
    ) -> Result<(), LinkRefusal> {
        self.hands
            .mint_link(first, slot_of(number), to, badge_of(from))
            .map_err(|error| LinkRefusal::Kernel(error.0))
    }

    /// Makes a task's mailbox, unless it has one. Returns the place of its first thread, in whose slots it is.
    fn need_mailbox(&mut self, task: TaskId) -> Result<u32, LinkRefusal> {
        let slot = self.tasks.get(task).ok_or(LinkRefusal::UnknownTask)?;
        let has_one = slot.has_mailbox;
        let first = slot.first_thread().ok_or(LinkRefusal::UnknownTask)?;
        if has_one {
            return Ok(first);
        }
        let made = match call(self.hands.memory(), &CreateMailbox { task }) {
            Ok(()) => self
                .hands
                .open_mailbox(first)
                .map_err(|error| LinkRefusal::Kernel(error.0)),
            Err(CallError::Refused(refusal)) => Err(LinkRefusal::Memory(refusal)),
            Err(CallError::Protocol(_)) => Err(NONSENSE),
        };
        if let Err(refusal) = made {
            self.alarm();
            self.hands.drop_mailbox(first);
            return Err(refusal);
        }
        if let Some(slot) = self.tasks.get_mut(task) {
            slot.has_mailbox = true;
        }
        Ok(first)
    }

    /// Takes a task's side of a link away.
    fn cut(&mut self, task: TaskId, partner: TaskId) {
        let Some(number) = self.number_of(task, Some(partner)) else {
            return;
        };
        if let Some(first) = self.first_of(task) {
            let dropped = self.hands.drop_link(first, slot_of(number));
            self.expect(dropped.is_ok());
        }
        self.note(task, number, None);
    }

    fn note(&mut self, task: TaskId, number: usize, partner: Option<TaskId>) {
        let links = self.tasks.get_mut(task).map(|slot| &mut slot.links);
        if let Some(link) = links.and_then(|links| links.get_mut(number)) {
            *link = partner;
        }
    }
}
