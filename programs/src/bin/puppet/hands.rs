//! A puppet's hands: this task's own endpoints and memory.

use client::interfaces::accounting::{Receipt, TicketRefusal};
use client::interfaces::limits::{Account, OpenGroupRefusal};
use client::interfaces::memory::{Access, RegionId};
use client::interfaces::process::{ExitReason, SpawnRefusal};
use client::interfaces::{CallError, GroupId, Limit, Resource, Shortage, TaskId};
use client::{Server, limits, memory, process};
use console_core::puppet::hands::Peer;
use console_core::puppet::{Hands, Words, words};
use programs::start;

/// A label that nothing serves: interface, version and operation are the largest there are.
const MEANS_NOTHING: u64 = 0xf_ffff;

/// The hands.
#[derive(Debug)]
pub struct Own;

impl Hands for Own {
    fn spawn(
        &mut self,
        group: Option<GroupId>,
        program: &str,
        arguments: &str,
    ) -> Result<TaskId, Words> {
        start(program, group, arguments).map_err(|error| match error {
            CallError::Refused(SpawnRefusal::Ticket(TicketRefusal::Short(shortage))) => {
                short(shortage)
            }
            CallError::Refused(SpawnRefusal::UnknownProgram) => words("no such program"),
            other => words(other),
        })
    }

    fn thread(&mut self) -> Result<u32, Words> {
        let (stack, address) = self.region(1)?;
        let top = u64::from(address).saturating_add(memory::PAGE_BYTES);
        let top = u32::try_from(top).unwrap_or(0);
        process::start_thread(sleeper, top, 0).map_err(|error| {
            // Why there is no thread is what there is to tell.
            let _ = self.free(stack);
            words(error)
        })
    }

    fn region(&mut self, pages: u32) -> Result<(RegionId, u32), Words> {
        let region = memory::create_region(pages).map_err(words)?;
        match memory::map(region, None, Access::ReadWrite) {
            Ok(address) => Ok((region, address)),
            Err(error) => {
                let _ = memory::destroy_region(region);
                Err(words(error))
            }
        }
    }

    fn touch(&mut self, address: u64) {
        // SAFETY: the byte is in a region that was mapped for writing and that nothing else uses; stacks of threads are
        // regions of their own, which nobody names.
        unsafe { (address as *mut u8).write_volatile(1) };
    }

    fn free(&mut self, region: RegionId) -> Result<(), Words> {
        memory::destroy_region(region).map_err(words)
    }

    fn open(&mut self, label: &str) -> Result<GroupId, Words> {
        let group = limits::open_group(None).map_err(|error| match error {
            CallError::Refused(OpenGroupRefusal::Short(shortage)) => short(shortage),
            other => words(other),
        })?;
        match limits::set_label(group, label) {
            Ok(()) => Ok(group),
            Err(error) => {
                let _ = limits::close_group(group);
                Err(words(error))
            }
        }
    }

    fn find(&mut self, label: &str) -> Result<GroupId, Words> {
        limits::find_child(None, label)
            .map_err(|_| words(format_args!("no group below is labelled `{label}`")))
    }

    fn enter(&mut self, group: GroupId) -> Result<(), Words> {
        limits::enter(group).map_err(words)
    }

    fn limit(
        &mut self,
        group: GroupId,
        resource: Resource,
        limit: Limit,
        soft: bool,
    ) -> Result<(), Words> {
        if soft {
            limits::set_soft_limit(group, resource, limit).map_err(words)
        } else {
            limits::set_limit(group, resource, limit).map_err(words)
        }
    }

    fn read(&mut self, group: Option<GroupId>) -> Result<Account, Words> {
        limits::read_account(group).map_err(words)
    }

    fn kill(&mut self, task: TaskId) -> Result<(), Words> {
        process::kill(task).map_err(words)
    }

    fn kill_group(&mut self, group: GroupId) -> Result<Receipt, Words> {
        process::kill_group(group).map_err(words)
    }

    fn wait(&mut self, task: TaskId) -> Result<ExitReason, Words> {
        process::wait(Some(task))
            .map(|ended| ended.reason)
            .map_err(words)
    }

    fn raw(&mut self, server: Peer, label: u64, bytes: &[u8], each: &mut dyn FnMut(u8)) -> u64 {
        let server = match server {
            Peer::Process => Server::Process,
            Peer::Memory => Server::Memory,
            Peer::Limits => Server::Limits,
            Peer::Console => Server::Console,
        };
        let answer = client::server::raw(server, label, bytes);
        answer.payload().iter().copied().for_each(each);
        answer.label
    }

    fn slot(&mut self, slot: u64) -> Option<u64> {
        let links = client::talk::links();
        if links.iter().any(|link| u64::from(link.slot) == slot) {
            return None;
        }
        Some(client::server::probe(slot, MEANS_NOTHING))
    }
}

/// Computes for ever.
pub fn spin() -> ! {
    loop {
        // Not `pause`: an emulator leaves its loop for it, and seconds pass for each slice of time.
        core::hint::black_box(());
    }
}

/// Touches what no task has; ends the task.
pub fn fault() -> i32 {
    // SAFETY: not sound at all: the kernel is to stop it, as the first pages are never mapped.
    unsafe { core::ptr::without_provenance_mut::<u8>(NOWHERE).write_volatile(1) };
    // It went on: whoever reads the exit code sees that something is wrong.
    1
}

/// An address below everything that a client can have.
const NOWHERE: usize = 0x10;

fn short(shortage: Shortage) -> Words {
    words(format_args!("refused: {shortage}"))
}

/// What a further thread does: nothing.
extern "C" fn sleeper(_: u64) -> ! {
    loop {
        // Nobody wakes it; should there be no room for it to sleep, it lets others run.
        if client::time::sleep(u64::MAX).is_err() {
            client::yield_now();
        }
    }
}
