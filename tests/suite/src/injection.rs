//! Every step of what servers do for a client made to fail, one after another: after each nothing is missing, no account
//! differs from what is really held, and the same succeeds when it is tried again.
//!
//! How many steps there are is found, not written down: the n-th is made to fail for n = 1, 2, … until an operation comes
//! to its end without having met one. What is counted as a step, and what is not, is said in `interfaces::injection` and
//! in each server's `injected.rs`.

use core::fmt;

use client::interfaces::injection::{ACTS, Arm, Disarm, Injected, Step};
use client::interfaces::memory::{Access, RegionId};
use client::interfaces::process::ExitReason;
use client::interfaces::provision::Cause;
use client::interfaces::{CallError, GroupId, TaskId, Text};
use client::{Server, events, limits, memory, process};

use crate::exhaustion;
use crate::failure::Failure;
use crate::figures::figure;
use crate::ledger::Ledger;
use crate::partner::Partner;
use crate::rest::Rest;
use crate::world::World;

/// The servers that can be armed.
const SERVERS: [Server; 3] = [Server::Process, Server::Memory, Server::Limits];
/// More steps than anything here has: an operation that never ends without meeting one is not thought to.
const MOST: u32 = 2000;
/// Where the suite has tables already.
const HERE: u32 = 0x3000_0000;
const THERE: u32 = 0x4000_0000;
/// Where it has a page directory, and no table.
const LARGE: u32 = 0x3800_0000;
/// What an assistant ends with that was refused something.
const REFUSED: i32 = 70;

/// What became of an operation.
enum Tried<T> {
    Done(T),
    /// With a refusal of its type.
    Refused,
}

fn tried<T, R: fmt::Debug>(result: Result<T, CallError<R>>) -> Result<Tried<T>, Failure> {
    match result {
        Ok(value) => Ok(Tried::Done(value)),
        Err(CallError::Refused(_)) => Ok(Tried::Refused),
        Err(error @ CallError::Protocol(_)) => Err(error.into()),
    }
}

/// The value, or an end that is no failure.
macro_rules! go_on {
    ($call:expr) => {
        match tried($call)? {
            Tried::Done(value) => value,
            Tried::Refused => return Ok(Tried::Refused),
        }
    };
}

/// What is done, from a beginning that is made before anything fails to an end that is made afterwards.
trait Operation {
    /// What is there before.
    type Ready;

    /// Makes ready, while nothing fails.
    fn prepare(&mut self, world: &World) -> Result<Self::Ready, Failure>;

    /// Does it; some step of it fails.
    fn act(&mut self, world: &World, ready: &mut Self::Ready) -> Result<Tried<()>, Failure>;

    /// Takes back whatever was made ready and done, while nothing fails.
    fn undo(&mut self, world: &World, ready: Self::Ready) -> Result<(), Failure>;
}

fn arm(server: Server, steps: u16, nth: u32) -> Result<(), Failure> {
    Ok(client::call(server, &Arm { steps, nth })?)
}

fn disarm(server: Server) -> Result<Injected, Failure> {
    Ok(client::call(server, &Disarm {})?)
}

/// Does all of it while nothing fails, which must succeed.
fn whole<O: Operation>(world: &World, operation: &mut O) -> Result<(), Failure> {
    let mut ready = operation.prepare(world)?;
    let outcome = operation.act(world, &mut ready)?;
    operation.undo(world, ready)?;
    match outcome {
        Tried::Done(()) => Ok(()),
        Tried::Refused => fail!("refused, though nothing fails"),
    }
}

/// Nothing is missing, and every group has what it is charged for.
fn nothing_lost(world: &World, before: &(Ledger, Rest)) -> Result<Rest, Failure> {
    let now = Rest::of(world)?;
    Ledger::read()?.uses_what(&before.0)?;
    now.is(&before.1)?;
    world.audit()?;
    Ok(now)
}

/// How the steps of one server went.
#[derive(Default)]
struct Sum {
    steps: u64,
    /// Steps that failed and did not matter: the server found another way, or tried again.
    recovered: u64,
}

/// One failure of the n-th step. Gives nothing once it is never met.
fn one<O: Operation>(
    world: &World,
    operation: &mut O,
    server: Server,
    nth: u32,
) -> Result<Option<bool>, Failure> {
    let before = (Ledger::read()?, Rest::of(world)?);
    let mut ready = operation.prepare(world)?;
    arm(server, ACTS, nth)?;
    let outcome = operation.act(world, &mut ready);
    let injected = disarm(server)?;
    let in_place = |failure: Failure| {
        let hit = injected.hit;
        Failure::new(format_args!("{server:?} {nth} {hit:?}: {failure}"))
    };
    let outcome = outcome.map_err(in_place)?;
    operation.undo(world, ready).map_err(in_place)?;
    nothing_lost(world, &before).map_err(in_place)?;
    let done = matches!(outcome, Tried::Done(()));
    if injected.hit.is_none() {
        ensure!(done, "refused, though no step failed");
        return Ok(None);
    }
    whole(world, operation).map_err(in_place)?;
    nothing_lost(world, &before).map_err(in_place)?;
    Ok(Some(done))
}

/// Every step of an operation, of each server.
fn each_step<O: Operation>(
    world: &mut World,
    name: &str,
    operation: &mut O,
) -> Result<(), Failure> {
    // What is set up once is there before anything is compared.
    whole(world, operation)?;
    let mut any = 0;
    for server in SERVERS {
        let mut sum = Sum::default();
        for nth in 1.. {
            ensure!(nth < MOST, "{server:?}: more than {nth} steps");
            match one(world, operation, server, nth)? {
                None => break,
                Some(recovered) => {
                    sum.steps = sum.steps.saturating_add(1);
                    sum.recovered = sum.recovered.saturating_add(u64::from(recovered));
                }
            }
        }
        any = sum.steps.saturating_add(any);
        tell(name, server, "steps", sum.steps)?;
        tell(name, server, "recovered", sum.recovered)?;
    }
    ensure!(any > 0, "nothing ever failed");
    world.excuse_alarms()
}

fn tell(name: &str, server: Server, what: &str, value: u64) -> Result<(), Failure> {
    let mut text = Text::<80>::default();
    let server = server.name();
    let _ = fmt::Write::write_fmt(&mut text, format_args!("injected-{name}-{server}-{what}"));
    figure(text.as_str(), value)
}

/// How an assistant ended, as an outcome: what cannot be had at a fault ends the task.
fn outcome(reason: ExitReason) -> Result<Tried<()>, Failure> {
    match reason {
        ExitReason::Exited { code: 0 } => Ok(Tried::Done(())),
        ExitReason::Exited { code: REFUSED }
        | ExitReason::Fault(Cause::OutOfMemory | Cause::NoFrame(_)) => Ok(Tried::Refused),
        other => fail!("the assistant ended with {other:?}"),
    }
}

/// Ends whoever is left in a group, and hears of it.
fn clear(group: GroupId) -> Result<(), Failure> {
    let receipt = process::kill_group(group)?;
    equal!("the receipt", receipt.returned, receipt.held);
    while process::wait(None).is_ok() {}
    Ok(())
}

/// A task is started; it never runs.
struct Spawn {
    group: GroupId,
    /// Whether another has just ended, whose address space is kept.
    again: bool,
}

impl Operation for Spawn {
    type Ready = Option<TaskId>;

    fn prepare(&mut self, world: &World) -> Result<Self::Ready, Failure> {
        if self.again {
            let task = world.start(Some(self.group), format_args!("idle"))?;
            process::kill(task)?;
            world.end_of(task)?;
        }
        Ok(None)
    }

    fn act(&mut self, world: &World, task: &mut Self::Ready) -> Result<Tried<()>, Failure> {
        *task = Some(go_on!(world.spawn(Some(self.group), format_args!("idle"))));
        Ok(Tried::Done(()))
    }

    fn undo(&mut self, world: &World, task: Self::Ready) -> Result<(), Failure> {
        if let Some(task) = task {
            process::kill(task)?;
            world.end_of(task)?;
        }
        Ok(())
    }
}

pub fn each_step_of_a_spawn_fails_once(world: &mut World) -> Result<(), Failure> {
    let group = world.low_group()?;
    each_step(
        world,
        "spawn",
        &mut Spawn {
            group,
            again: false,
        },
    )
}

pub fn each_step_of_a_spawn_into_a_kept_address_space_fails_once(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.low_group()?;
    each_step(world, "spawn-again", &mut Spawn { group, again: true })
}

/// A task that was started runs to its end, whatever it does on the way.
struct Run {
    group: GroupId,
    mode: &'static str,
}

impl Operation for Run {
    type Ready = TaskId;

    fn prepare(&mut self, world: &World) -> Result<TaskId, Failure> {
        // It runs when the suite waits.
        world.start(Some(self.group), format_args!("{}", self.mode))
    }

    fn act(&mut self, _: &World, task: &mut TaskId) -> Result<Tried<()>, Failure> {
        let ended = go_on!(process::wait(Some(*task)));
        outcome(ended.reason)
    }

    fn undo(&mut self, _: &World, _: TaskId) -> Result<(), Failure> {
        clear(self.group)
    }
}

fn each_step_of_a_run(world: &mut World, name: &str, mode: &'static str) -> Result<(), Failure> {
    let group = world.low_group()?;
    each_step(world, name, &mut Run { group, mode })
}

pub fn each_step_of_a_fork_and_of_what_both_then_write_fails_once(
    world: &mut World,
) -> Result<(), Failure> {
    each_step_of_a_run(world, "fork", "tries fork")
}

pub fn each_step_of_a_tasks_faults_fails_once(world: &mut World) -> Result<(), Failure> {
    each_step_of_a_run(world, "fault", "tries touch")
}

pub fn each_step_of_a_thread_fails_once(world: &mut World) -> Result<(), Failure> {
    each_step_of_a_run(world, "thread", "tries thread")
}

/// Writes to a page of a region that is mapped there, if there is something to write; what it shows.
fn word(address: u32, page: u32, value: Option<u64>) -> u64 {
    let at = u64::from(address.saturating_add(page.saturating_mul(4096))) as *mut u64;
    // SAFETY: the callers have mapped the region there, with so many pages, and nothing else is in there.
    unsafe {
        if let Some(value) = value {
            at.write_volatile(value);
        }
        at.read_volatile()
    }
}

/// Regions of the suite's own, with which something is done.
struct Regions<F> {
    /// Pages of the first one; nothing if there is none before.
    pages: Option<u32>,
    act: F,
    /// Whether the further ones show what the first one did.
    clones: bool,
}

type Made = heapless::Vec<RegionId, 4>;

impl<F: FnMut(&mut Made) -> Result<Tried<()>, Failure>> Operation for Regions<F> {
    type Ready = Made;

    fn prepare(&mut self, _: &World) -> Result<Made, Failure> {
        let mut made = Made::new();
        if let Some(pages) = self.pages {
            let region = memory::create_region(pages)?;
            let _ = made.push(region);
            memory::map(region, Some(HERE), Access::ReadWrite)?;
            for page in 0..pages {
                word(HERE, page, Some(u64::from(page)));
            }
        }
        Ok(made)
    }

    fn act(&mut self, _: &World, made: &mut Made) -> Result<Tried<()>, Failure> {
        (self.act)(made)
    }

    fn undo(&mut self, _: &World, made: Made) -> Result<(), Failure> {
        let clone = made.get(1).filter(|_| self.clones);
        if let (Some(&clone), Some(pages)) = (clone, self.pages)
            && memory::read_region(clone)?.address == Some(THERE)
        {
            // Whatever failed in between: what one writes now, the other does not see.
            for page in 0..pages {
                word(HERE, page, Some(1000));
                let seen = word(THERE, page, None);
                ensure!(seen == u64::from(page), "page {page} of the clone: {seen}");
            }
        }
        for region in made {
            memory::destroy_region(region)?;
        }
        Ok(())
    }
}

pub fn each_step_of_mapping_fails_once(world: &mut World) -> Result<(), Failure> {
    let act = |made: &mut Made| {
        let region = go_on!(memory::create_region(8));
        let _ = made.push(region);
        go_on!(memory::map(region, Some(HERE), Access::ReadWrite));
        go_on!(memory::map_part(region, Some(THERE), Access::Read, 2, 3));
        go_on!(memory::unmap_part(THERE));
        go_on!(memory::unmap(region));
        Ok(Tried::Done(()))
    };
    let mut operation = Regions {
        pages: None,
        act,
        clones: false,
    };
    each_step(world, "map", &mut operation)
}

pub fn each_step_of_cloning_fails_once(world: &mut World) -> Result<(), Failure> {
    let act = |made: &mut Made| {
        let Some(&source) = made.first() else {
            fail!("no source")
        };
        let clone = go_on!(memory::clone_region(source));
        let _ = made.push(clone);
        go_on!(memory::map(clone, Some(THERE), Access::ReadWrite));
        // Of a clone there is another.
        let further = go_on!(memory::clone_region(clone));
        let _ = made.push(further);
        Ok(Tried::Done(()))
    };
    let mut operation = Regions {
        pages: Some(20),
        act,
        clones: true,
    };
    each_step(world, "clone", &mut operation)
}

pub fn each_step_of_large_memory_fails_once(world: &mut World) -> Result<(), Failure> {
    let act = |made: &mut Made| {
        let Some(&region) = made.first() else {
            fail!("no region")
        };
        // What was used is cleared before it is a unit again, in between two answers.
        for units in [2, 1, 3] {
            go_on!(memory::resize_large(region, units));
        }
        go_on!(memory::map(region, Some(LARGE), Access::ReadWrite));
        Ok(Tried::Done(()))
    };
    // All but four, so that what is taken here was given back here, and is to be cleared.
    let held = match memory::create_large(1) {
        Ok(region) => region,
        Err(refusal) => fail!("no unit: {refusal:?}"),
    };
    let mut units = 1_u32;
    while memory::resize_large(held, units.saturating_add(1)).is_ok() {
        units = units.saturating_add(1);
    }
    memory::resize_large(held, units.saturating_sub(4))?;
    each_step(world, "large", &mut Large { act })?;
    Ok(memory::destroy_region(held)?)
}

/// A region of large memory, with which something is done.
struct Large<F> {
    act: F,
}

impl<F: FnMut(&mut Made) -> Result<Tried<()>, Failure>> Operation for Large<F> {
    type Ready = Made;

    fn prepare(&mut self, _: &World) -> Result<Made, Failure> {
        let mut made = Made::new();
        match memory::create_large(1) {
            Ok(region) => {
                let _ = made.push(region);
                Ok(made)
            }
            Err(refusal) => fail!("no unit: {refusal:?}"),
        }
    }

    fn act(&mut self, _: &World, made: &mut Made) -> Result<Tried<()>, Failure> {
        (self.act)(made)
    }

    fn undo(&mut self, _: &World, made: Made) -> Result<(), Failure> {
        for region in made {
            let account = memory::read_region(region)?;
            // A fault of the suite's own must not fail, so this is not part of what is done.
            for page in (0..account.pages).step_by(512) {
                if account.address == Some(LARGE) {
                    ensure!(word(LARGE, page, None) == 0, "page {page} is not zeroed");
                    word(LARGE, page, Some(7));
                }
            }
            memory::destroy_region(region)?;
        }
        Ok(())
    }
}

pub fn each_step_of_resizing_fails_once(world: &mut World) -> Result<(), Failure> {
    let act = |made: &mut Made| {
        let Some(&region) = made.first() else {
            fail!("no region")
        };
        go_on!(memory::resize(region, 60));
        go_on!(memory::resize(region, 2));
        Ok(Tried::Done(()))
    };
    let mut operation = Regions {
        pages: Some(20),
        act,
        clones: false,
    };
    each_step(world, "resize", &mut operation)
}

/// Another task's memory is accepted, and the suite's own is offered to it.
struct Share {
    group: GroupId,
}

struct Sharing {
    partner: Partner,
    offered: RegionId,
    accepted: bool,
    own: RegionId,
    /// The suite's own, as it is offered.
    offer: Option<RegionId>,
}

impl Operation for Share {
    type Ready = Sharing;

    fn prepare(&mut self, world: &World) -> Result<Sharing, Failure> {
        let mut partner = Partner::start(world, self.group)?;
        let region = partner.create(4)?;
        let address = partner.map(region, Access::ReadWrite)?;
        partner.write(address, 7)?;
        let offered = partner.share(region, world.task, Access::ReadWrite)?;
        Ok(Sharing {
            partner,
            offered,
            accepted: false,
            own: memory::create_region(2)?,
            offer: None,
        })
    }

    fn act(&mut self, _: &World, sharing: &mut Sharing) -> Result<Tried<()>, Failure> {
        go_on!(memory::accept(sharing.offered));
        sharing.accepted = true;
        go_on!(memory::map(sharing.offered, Some(HERE), Access::ReadWrite));
        let to = sharing.partner.task;
        sharing.offer = Some(go_on!(memory::share(sharing.own, to, Access::Read)));
        Ok(Tried::Done(()))
    }

    fn undo(&mut self, world: &World, sharing: Sharing) -> Result<(), Failure> {
        if sharing.accepted {
            memory::destroy_region(sharing.offered)?;
        }
        if let Some(offer) = sharing.offer {
            memory::destroy_region(offer)?;
        }
        memory::destroy_region(sharing.own)?;
        sharing.partner.exit(world)
    }
}

pub fn each_step_of_sharing_fails_once(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    each_step(world, "share", &mut Share { group })
}

/// A ring is opened.
struct Ring;

impl Operation for Ring {
    type Ready = Option<events::Watcher>;

    fn prepare(&mut self, _: &World) -> Result<Self::Ready, Failure> {
        Ok(None)
    }

    fn act(&mut self, _: &World, ring: &mut Self::Ready) -> Result<Tried<()>, Failure> {
        *ring = Some(go_on!(events::Watcher::open(4)));
        Ok(Tried::Done(()))
    }

    fn undo(&mut self, _: &World, ring: Self::Ready) -> Result<(), Failure> {
        drop(ring);
        Ok(())
    }
}

pub fn each_step_of_a_ring_fails_once(world: &mut World) -> Result<(), Failure> {
    each_step(world, "ring", &mut Ring)
}

/// A task is killed, and then a group with two of them.
struct Kill {
    group: GroupId,
}

impl Operation for Kill {
    type Ready = [TaskId; 3];

    fn prepare(&mut self, world: &World) -> Result<[TaskId; 3], Failure> {
        let start = || world.start(Some(self.group), format_args!("idle"));
        Ok([start()?, start()?, start()?])
    }

    fn act(&mut self, _: &World, tasks: &mut [TaskId; 3]) -> Result<Tried<()>, Failure> {
        let [first, ..] = *tasks;
        go_on!(process::kill(first));
        let receipt = go_on!(process::kill_group(self.group));
        equal!("the receipt", receipt.returned, receipt.held);
        Ok(Tried::Done(()))
    }

    fn undo(&mut self, _: &World, _: [TaskId; 3]) -> Result<(), Failure> {
        clear(self.group)
    }
}

pub fn each_step_of_a_kill_fails_once(world: &mut World) -> Result<(), Failure> {
    let group = world.low_group()?;
    each_step(world, "kill", &mut Kill { group })
}

pub fn each_answer_is_lost_once_because_its_caller_is_ended(
    world: &mut World,
) -> Result<(), Failure> {
    // Whoever is in there runs before the suite goes on.
    let group = limits::open_group(Some(world.top))?;
    let everything = format_args!("tries everything");
    world.content(Some(group), everything)?;
    for server in SERVERS {
        let mut answers = 0;
        for nth in 1.. {
            ensure!(nth < MOST, "{server:?}: more than {nth} answers");
            let before = (Ledger::read()?, Rest::of(world)?);
            arm(server, Step::Reply.bit(), nth)?;
            let task = world.start(Some(group), everything)?;
            let injected = disarm(server)?;
            let in_place =
                |failure: Failure| Failure::new(format_args!("{server:?} {nth}: {failure}"));
            if injected.hit.is_none() {
                let reason = world.end_of(task)?;
                equal!("its end", reason, ExitReason::Exited { code: 0 });
                break;
            }
            answers = u64::saturating_add(answers, 1);
            // Somebody waits for what never comes, until it is ended.
            let waits = world.usage(group, client::interfaces::Resource::Tasks)?;
            ensure!(waits > 0, "{server:?} {nth}: nobody waits");
            clear(group).map_err(in_place)?;
            nothing_lost(world, &before).map_err(in_place)?;
            world.content(Some(group), everything).map_err(in_place)?;
            let now = nothing_lost(world, &before).map_err(in_place)?;
            equal!("alarms", now.alarms, before.1.alarms);
        }
        tell("answers", server, "lost", answers)?;
        ensure!(answers > 0, "{server:?} answers nobody");
    }
    Ok(())
}

/// Address spaces are counted by nobody: as many tasks as ever can be made after all that failed before.
pub fn no_address_space_was_lost_on_the_way(world: &mut World) -> Result<(), Failure> {
    exhaustion::address_spaces_are_made_until_none_is_left_and_all_of_them_come_back(world)
}
