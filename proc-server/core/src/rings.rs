//! Rings for watchers: the memory-server makes them, this server puts the notification into the watcher's CSpace.
//!
//! Nothing is remembered of them here: the memory-server knows whose each is and takes them back with the task, after
//! the limits-server has let go of them. What is large is made and taken back a slice a request, at the pace of whoever
//! wants it: nobody else waits for more than a slice.

use interfaces::events::RingId;
use interfaces::identity::Caller;
use interfaces::process::OpenedRing;
use interfaces::provision::{
    BuildRing, Built, CreateRing, DestroyRing, MadeRing, Progress, RingRefusal, UnknownRefusal,
};
use interfaces::start::client_slots;
use interfaces::{CallError, TaskId, call};

use crate::hands::{Hands, insist};
use crate::server::ProcServer;
use crate::task::Task;

/// What the memory-server's message that makes no sense is told as: an error of ours.
const NONSENSE: RingRefusal = RingRefusal::Kernel(u8::MAX);

/// Where the notification of a task's ring of this number belongs.
const fn slot_of(number: u8) -> u8 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a client's CNode has fewer slots than that"
    )]
    (client_slots::RINGS as u8).saturating_add(number)
}

impl<H: Hands> ProcServer<'_, H> {
    /// Opens a ring for the caller and makes the first slice of it, or does nothing.
    pub(crate) fn open_ring_for(
        &mut self,
        caller: Caller,
        pages: u8,
    ) -> Result<OpenedRing, RingRefusal> {
        let task = self.who(caller).ok_or(RingRefusal::UnknownTask)?;
        let create = CreateRing {
            task,
            pages,
            operator: caller.is_operator(),
        };
        let made = call(self.hands.memory(), &create);
        // If there is a ring, it goes with its task.
        let MadeRing {
            ring,
            address,
            number,
        } = made.map_err(|error| self.ring_refusal(error))?;
        match self.build_ring(task, ring) {
            Ok(progress) => Ok(OpenedRing {
                ring,
                address,
                slot: slot_of(number),
                progress,
            }),
            Err(refusal) => {
                // Its notification goes along, if it came so far.
                self.destroy_ring(task, ring);
                Err(refusal)
            }
        }
    }

    /// Makes the next slice of one of the caller's rings.
    pub(crate) fn extend_ring_of(
        &mut self,
        caller: Caller,
        ring: RingId,
    ) -> Result<Progress, RingRefusal> {
        let task = self.who(caller).ok_or(RingRefusal::UnknownTask)?;
        self.build_ring(task, ring)
    }

    /// Takes a slice of one of the caller's rings back.
    pub(crate) fn close_ring_of(
        &mut self,
        caller: Caller,
        ring: RingId,
    ) -> Result<Progress, UnknownRefusal> {
        let task = self.who(caller).ok_or(UnknownRefusal::Unknown)?;
        call(self.hands.memory(), &DestroyRing { task, ring }).map_err(|error| match error {
            CallError::Refused(refusal) => refusal,
            CallError::Protocol(_) => {
                self.alarm();
                UnknownRefusal::Unknown
            }
        })
    }

    /// Makes a slice of a ring; with the last one its watcher gets the notification.
    fn build_ring(&mut self, task: TaskId, ring: RingId) -> Result<Progress, RingRefusal> {
        let first = self.tasks.get(task).and_then(Task::first_thread);
        let first = first.ok_or(RingRefusal::UnknownTask)?;
        let built = call(self.hands.memory(), &BuildRing { task, ring });
        let number = match built.map_err(|error| self.ring_refusal(error))? {
            Built::More => return Ok(Progress::More),
            Built::Whole { number } => number,
        };
        let slot = u64::from(slot_of(number));
        if let Err(error) = self.hands.place_ring(first, slot) {
            self.alarm();
            self.hands.drop_ring();
            return Err(RingRefusal::Kernel(error.0));
        }
        Ok(Progress::Done)
    }

    /// What the memory-server's refusal is told as.
    fn ring_refusal(&mut self, error: CallError<RingRefusal>) -> RingRefusal {
        match error {
            CallError::Refused(refusal) => refusal,
            CallError::Protocol(_) => {
                self.alarm();
                // What it may have left there is in the way of the next ring's.
                self.hands.drop_ring();
                NONSENSE
            }
        }
    }

    /// Takes back what a slice has made.
    fn destroy_ring(&mut self, task: TaskId, ring: RingId) {
        let mut gone = Ok(Progress::More);
        while gone == Ok(Progress::More) {
            gone = insist(self.hands.memory(), &DestroyRing { task, ring });
        }
        self.expect(gone.is_ok());
    }
}
