//! Fork: a task that begins where another is, with a clone of what that one sees.
//!
//! It is born like any task: ticket, objects, the kernel's notice, confirmation. In between the memory-server clones the
//! address space, charged to the child's group in full, so a fork that cannot be paid for is refused and leaves nothing.
//! Only the thread that asks goes along; it becomes the child's first. Its registers are copied as they are while it
//! waits for the answer, and the answer to the child is put into them. What the kernel lets nobody read does not go
//! along: the child's FPU registers are fresh.
//!
//! The child is no operator, whoever its parent is: authority over the whole system is given at boot and not handed on.

use interfaces::call::{MESSAGE_BYTES, encode_answer};
use interfaces::identity::Caller;
use interfaces::process::{Fork, ForkRefusal};
use interfaces::provision::{CloneSpace, CreateRefusal, Progress};
use interfaces::{CallError, Dispatched, TaskId, call};

use crate::birth::Failed;
use crate::hands::Hands;
use crate::server::ProcServer;
use crate::task::{Order, Task};

/// Slices in which the largest address space there can be is cloned.
const SLICES: u32 = 1 << 17;

/// Where a forked thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The task that forks.
    pub(crate) task: TaskId,
    /// The place of the thread that asked.
    pub(crate) thread: u32,
}

impl From<Failed> for ForkRefusal {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Ticket(refusal) => Self::Ticket(refusal),
            Failed::Memory(refusal) => Self::Memory(refusal),
            Failed::Clone(refusal) => Self::Clone(refusal),
            Failed::NotBorn => Self::NotBorn,
        }
    }
}

impl<H: Hands> ProcServer<'_, H> {
    /// Forks the caller.
    pub(crate) fn fork_task(
        &mut self,
        caller: Caller,
        request: Fork,
    ) -> Result<Option<TaskId>, ForkRefusal> {
        let task = self.who(caller).ok_or(ForkRefusal::UnknownThread)?;
        let thread = self
            .tasks
            .thread(task, request.thread)
            .ok_or(ForkRefusal::UnknownThread)?;
        let parent = self.tasks.get(task).ok_or(ForkRefusal::UnknownThread)?;
        let order = Order {
            parent: Some(task),
            program: Task::program(parent),
            group: request.group,
            operator: false,
            arguments: parent.arguments().clone(),
        };
        self.spawn_from(order, Some(Origin { task, thread }))
            .map(Some)
    }

    /// Lets the memory-server clone the address space.
    pub(crate) fn clone_space(&mut self, from: TaskId, to: TaskId) -> Result<(), Failed> {
        for _ in 0..SLICES {
            match call(self.hands.memory(), &CloneSpace { from, to }) {
                Ok(Progress::Done) => return Ok(()),
                Ok(Progress::More) => {}
                Err(CallError::Refused(refusal)) => return Err(Failed::Clone(refusal)),
                Err(CallError::Protocol(_)) => return Err(self.nonsense()),
            }
        }
        Err(Failed::Memory(CreateRefusal::OutOfMemory))
    }

    /// Starts a forked thread where its origin waits for the answer, with the answer to the child.
    pub(crate) fn run_forked(&mut self, thread: u32, origin: Origin) -> Result<(), Failed> {
        let answer: Result<Option<TaskId>, ForkRefusal> = Ok(None);
        let mut payload = [0; MESSAGE_BYTES];
        let Dispatched::Reply(bytes) = encode_answer(&answer, &mut payload) else {
            return Err(self.nonsense());
        };
        let payload = payload.get(..bytes).unwrap_or_default();
        Ok(self.hands.run_copy(thread, origin.thread, payload)?)
    }
}
