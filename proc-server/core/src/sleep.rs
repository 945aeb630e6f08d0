//! Whoever waits for a time: sleepers, those who wait for a child or a link but not for ever, and alarms.
//!
//! # Invariants
//!
//! - A waiter that has a deadline waits for the time, for a child, or for a link; nobody else does.
//! - A task that has an alarm is running and has a mailbox.
//! - The timer is set to the earliest deadline (or earlier), or its interrupt has come and is still to be looked at.
//!
//! One interrupt wakes [`WAKES`] at most; the others follow between messages, so that thousands who sleep until the same
//! instant keep nobody waiting. A deadline that is cancelled leaves the timer as it is: the interrupt that nobody needs
//! costs less than setting it anew.

use interfaces::TaskId;
use interfaces::call::Answer;
use interfaces::identity::Caller;
use interfaces::links::{LinkRefusal, Offer};
use interfaces::process::{Clock, Ended, Sleep, SleepRefusal, WaitFor, WaitRefusal};

use crate::hands::Hands;
use crate::server::ProcServer;
use crate::waiting::Awaits;

/// How many are woken in one slice.
pub const WAKES: u32 = 8;

impl<H: Hands> ProcServer<'_, H> {
    /// What time it is.
    pub(crate) fn clock(&mut self) -> Clock {
        Clock {
            ns: self.hands.now(),
        }
    }

    /// Sleeps until a reading of the clock.
    pub(crate) fn sleep_till(
        &mut self,
        caller: Caller,
        until: Clock,
    ) -> Answer<Clock, SleepRefusal> {
        let now = self.clock();
        if until <= now {
            return Answer::Now(Ok(now));
        }
        let full = Answer::Now(Err(SleepRefusal::TableFull));
        let Some(task) = self.who(caller) else {
            return full;
        };
        let Ok(waiter) = self.keep_waiting(task, Awaits::Time) else {
            return full;
        };
        self.wake_at(waiter, until.ns);
        Answer::Later
    }

    /// The clock's reading after so many nanoseconds.
    pub(crate) fn after(&mut self, ns: u64) -> Clock {
        Clock {
            ns: self.hands.now().saturating_add(ns),
        }
    }

    /// Waits for a child's end, but not for ever.
    pub(crate) fn wait_for_a_while(
        &mut self,
        caller: Caller,
        child: Option<TaskId>,
        ns: u64,
    ) -> Answer<Ended, WaitRefusal> {
        let until = self.after(ns);
        self.wait_for_child_till(caller, child, Some(until))
    }

    /// Whoever waits here is to be woken at this reading of the clock; never at the last reading there is.
    pub(crate) fn wake_at(&mut self, waiter: u32, at: u64) {
        if at == u64::MAX {
            return;
        }
        self.deadlines.set(waiter, at);
        if self.deadlines.first() == Some((at, waiter)) {
            self.set_timer(at);
        }
    }

    /// Whether somebody was to be woken before now.
    pub(crate) fn is_overdue(&mut self) -> bool {
        let first = self.deadlines.first();
        first.is_some_and(|(at, _)| at <= self.clock().ns)
    }

    /// The timer's interrupt has come: wakes those whose time it is, and sets it for the next.
    pub(crate) fn ring(&mut self) {
        let heard = self.hands.timer_heard();
        self.expect(heard.is_ok());
        for _ in 0..WAKES {
            let Some((at, waiter)) = self.deadlines.first() else {
                self.timer = false;
                return;
            };
            let now = self.clock();
            if at > now.ns {
                self.timer = false;
                self.set_timer(at);
                return;
            }
            if let Some(task) = self.alarm_of(waiter) {
                self.deadlines.cancel(waiter);
                self.ring_bell(task);
                continue;
            }
            match self.waiters.tenant(waiter) {
                Some((_, Awaits::Time)) => self.answer::<Sleep>(waiter, &Ok(now)),
                Some((_, Awaits::Child(_))) => {
                    self.answer::<WaitFor>(waiter, &Err(WaitRefusal::TimedOut));
                }
                Some((_, Awaits::Offer(_) | Awaits::Accept(_))) => {
                    self.answer::<Offer>(waiter, &Err(LinkRefusal::TimedOut));
                }
                _ => {
                    self.alarm();
                    self.deadlines.cancel(waiter);
                }
            }
        }
    }

    fn set_timer(&mut self, at: u64) {
        let ns = at.saturating_sub(self.hands.now());
        let set = self.hands.set_timer(ns);
        self.expect(set.is_ok());
    }
}
