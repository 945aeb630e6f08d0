//! The walk of an operator's audit past the kernel: the memory-server's records first, then the tasks here.
//!
//! What the memory-server has on record it checks itself (`memory_core::truth`); here follow what only this server put
//! somewhere: that each thread's slot holds a thread, and that the slots of a task's CNode hold what the task was given.
//! Last come the ledger's own records, so that the sum of all slices is what the ledger charged.
//!
//! # Invariants
//!
//! - Nothing is changed, and nothing is remembered: where the walk has come to stands in the request.
//! - A slice costs at most [`SLICE`] questions, of some 900 instructions each.

use interfaces::accounting::OwnRecords;
use interfaces::identity::Caller;
use interfaces::process::{Inspect, OperatorRefusal};
use interfaces::provision::ThreadSlot;
use interfaces::start::client_slots;
use interfaces::truth::{Sort, Thing, Verified, Verify, Wrong};
use interfaces::{Amounts, GroupId, Resource, TaskId, call};

use crate::groups::operator;
use crate::hands::{ClientSlot, Hands};
use crate::links::slot_of;
use crate::server::ProcServer;

/// Questions in one slice: to the kernel, and to the limits-server where a task is.
const SLICE: u32 = 20;
/// Places of tasks that are looked at in one slice, whoever is in them: some ten instructions each.
const PLACES: usize = 1024;
/// Where the walk over the tasks begins; before it come the memory-server's records.
const TASKS: u64 = 1 << 48;
/// The ledger's own records, the last step.
const LEDGER: u64 = 1 << 49;

impl<H: Hands> ProcServer<'_, H> {
    /// Checks the next slice.
    pub(crate) fn inspect_slice(
        &mut self,
        caller: Caller,
        request: Inspect,
    ) -> Result<Verified, OperatorRefusal> {
        operator(caller)?;
        let Inspect { group, at } = request;
        if at < TASKS {
            let ask = Verify { group, at };
            let unknown = OperatorRefusal::UnknownGroup;
            let mut found = call(self.hands.memory(), &ask).map_err(|_| unknown)?;
            found.next = found.next.filter(|&next| next < TASKS).or(Some(TASKS));
            return Ok(found);
        }
        if at >= LEDGER {
            return self.own_records(group);
        }
        #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
        Ok(self.inspect_tasks(group, at as u32))
    }

    fn own_records(&mut self, group: Option<GroupId>) -> Result<Verified, OperatorRefusal> {
        let held = match group {
            Some(group) => call(self.hands.limits(), &OwnRecords { group })
                .map_err(|_| OperatorRefusal::UnknownGroup)?,
            None => Amounts::NONE,
        };
        Ok(Verified {
            next: None,
            checked: 0,
            held,
            wrong: None,
        })
    }

    /// The tasks from a place on.
    fn inspect_tasks(&mut self, group: Option<GroupId>, from: u32) -> Verified {
        let mut found = Verified {
            next: Some(LEDGER),
            checked: 0,
            held: Amounts::NONE,
            wrong: None,
        };
        let mut left = SLICE;
        for (looked, place) in self.tasks.places().skip(from as usize).enumerate() {
            if left == 0 || looked == PLACES || found.wrong.is_some() {
                found.next = Some(TASKS | u64::from(place));
                break;
            }
            let Some((task, threads)) = self.tasks.counted(place) else {
                continue;
            };
            left = left.saturating_sub(1);
            let is_in = self.group_now(task);
            if group.is_some() && is_in != group {
                continue;
            }
            let amounts = Amounts::of(Resource::Tasks, 1).with(Resource::Threads, threads);
            found.held = found.held.checked_add(&amounts).unwrap_or(found.held);
            if self.tasks.is_running(task) {
                self.inspect_task(task, is_in, &mut left, &mut found);
            }
        }
        found
    }

    /// A running task: its threads, and what its CNode holds.
    fn inspect_task(
        &mut self,
        task: TaskId,
        group: Option<GroupId>,
        left: &mut u32,
        found: &mut Verified,
    ) {
        let Some(slot) = self.tasks.get(task) else {
            return;
        };
        let Some(first) = slot.first_thread() else {
            return;
        };
        let threads = slot.threads;
        let has_mailbox = slot.has_mailbox;
        let links = slot.links;
        let mut note = |(thing, number), record, kernel| {
            *left = left.saturating_sub(1);
            found.checked = found.checked.saturating_add(1);
            if record != kernel && found.wrong.is_none() {
                found.wrong = Some(Wrong {
                    thing,
                    number,
                    task: Some(task),
                    group,
                    record,
                    kernel,
                });
            }
        };
        for thread in threads.into_iter().flatten() {
            let kernel = if self.hands.is_thread(ThreadSlot::Tcb.of(thread)) {
                Sort::Thread
            } else {
                Sort::Other
            };
            note((Thing::Thread, thread), Sort::Thread, kernel);
        }
        let linked = (0..).zip(links).map(|(number, partner)| {
            let partner = partner.filter(|&partner| self.tasks.is_running(partner));
            (slot_of(number), partner.is_some())
        });
        let given = [
            client_slots::PROC,
            client_slots::MEMORY,
            client_slots::LIMITS,
            client_slots::CONSOLE,
            client_slots::FAULT,
        ];
        let given = given.map(|slot| (slot, true));
        let mailbox = (client_slots::MAILBOX, has_mailbox);
        let filled = given.into_iter().chain([mailbox]).chain(linked);
        for (slot, _) in filled.filter(|&(_, is_filled)| is_filled) {
            let of = ClientSlot { first, slot };
            let kernel = if self.hands.is_taken(of) {
                Sort::Something
            } else {
                Sort::Nothing
            };
            let number = u32::try_from(slot).unwrap_or(u32::MAX);
            note((Thing::ClientSlot, number), Sort::Something, kernel);
        }
    }
}
