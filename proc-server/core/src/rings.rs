//! Rings for watchers: the memory-server makes them, this server puts the notification into the watcher's CSpace.
//!
//! Nothing is remembered of them here: the memory-server knows whose each is and takes them back with the task, after
//! the limits-server has let go of them.

use interfaces::events::RingId;
use interfaces::identity::Caller;
use interfaces::process::OpenedRing;
use interfaces::provision::{
    BuildRing, CreateRing, DestroyRing, MadeRing, Progress, RingRefusal, UnknownRefusal,
};
use interfaces::start::client_slots;
use interfaces::{CallError, TaskId, call};

use crate::hands::{Hands, insist};
use crate::server::ProcServer;
use crate::task::Task;

/// What the memory-server's message that makes no sense is told as: an error of ours.
const NONSENSE: RingRefusal = RingRefusal::Kernel(u8::MAX);

impl<H: Hands> ProcServer<'_, H> {
    /// Opens a ring for the caller, or does nothing.
    pub(crate) fn open_ring_for(
        &mut self,
        caller: Caller,
        pages: u8,
    ) -> Result<OpenedRing, RingRefusal> {
        let task = self.who(caller).ok_or(RingRefusal::UnknownTask)?;
        let first = self.tasks.get(task).and_then(Task::first_thread);
        let first = first.ok_or(RingRefusal::UnknownTask)?;
        let create = CreateRing {
            task,
            pages,
            operator: caller.is_operator(),
        };
        let MadeRing {
            ring,
            address,
            number,
        } = match call(self.hands.memory(), &create) {
            Ok(made) => made,
            Err(CallError::Refused(refusal)) => return Err(refusal),
            Err(CallError::Protocol(_)) => {
                // If there is a ring, it goes with its task.
                self.alarm();
                return Err(NONSENSE);
            }
        };
        loop {
            let refusal = match call(self.hands.memory(), &BuildRing { task, ring }) {
                Ok(Progress::More) => continue,
                Ok(Progress::Done) => break,
                Err(CallError::Refused(refusal)) => refusal,
                Err(CallError::Protocol(_)) => {
                    self.alarm();
                    NONSENSE
                }
            };
            // Its notification goes along, if it came so far.
            self.destroy_ring(task, ring);
            return Err(refusal);
        }
        let slot = client_slots::RINGS.saturating_add(u64::from(number));
        if let Err(error) = self.hands.place_ring(first, slot) {
            self.alarm();
            self.hands.drop_ring();
            self.destroy_ring(task, ring);
            return Err(RingRefusal::Kernel(error.0));
        }
        Ok(OpenedRing {
            ring,
            address,
            slot: u8::try_from(slot).unwrap_or(u8::MAX),
        })
    }

    /// Closes one of the caller's rings.
    pub(crate) fn close_ring_of(
        &mut self,
        caller: Caller,
        ring: RingId,
    ) -> Result<(), UnknownRefusal> {
        let task = self.who(caller).ok_or(UnknownRefusal::Unknown)?;
        loop {
            match call(self.hands.memory(), &DestroyRing { task, ring }) {
                Ok(Progress::More) => {}
                Ok(Progress::Done) => return Ok(()),
                Err(CallError::Refused(refusal)) => return Err(refusal),
                Err(CallError::Protocol(_)) => {
                    self.alarm();
                    return Err(UnknownRefusal::Unknown);
                }
            }
        }
    }

    fn destroy_ring(&mut self, task: TaskId, ring: RingId) {
        let mut gone = Ok(Progress::More);
        while gone == Ok(Progress::More) {
            gone = insist(self.hands.memory(), &DestroyRing { task, ring });
        }
        self.expect(gone.is_ok());
    }
}
