//! Exactly at the limit, for every kind of resource, at every level of a chain of groups.
//!
//! The charge is always made at the bottom of the chain, by a real operation; the limit stands at each level in turn.
//! What is admitted to the last unit and refused one beyond, and a refusal leaves the whole ledger and the whole pool
//! as they were, but for one more refusal in the group that refused.

use client::interfaces::accounting::TicketRefusal;
use client::interfaces::limits::OpenGroupRefusal;
use client::interfaces::process::{ExitReason, SpawnRefusal};
use client::interfaces::provision::Cause;
use client::interfaces::{CallError, GroupId, Resource, Shortage, TaskId};
use client::{limits, process};

use crate::chain::{Chain, leave, unlimit};
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::world::World;

/// Something that is charged when it is made.
#[derive(Clone, Copy, Debug)]
enum Thing {
    Group(GroupId),
    Task(TaskId),
}

impl Thing {
    /// Another of the same kind: a group, or a task that never gets to run (its band is below the suite's).
    fn another(
        kind: Kind,
        world: &World,
        group: GroupId,
    ) -> Result<Self, Result<Shortage, Failure>> {
        match kind {
            Kind::Group => match limits::open_group(Some(group)) {
                Ok(group) => Ok(Self::Group(group)),
                Err(CallError::Refused(OpenGroupRefusal::Short(shortage))) => Err(Ok(shortage)),
                Err(other) => Err(Err(other.into())),
            },
            Kind::Task => match world.spawn(Some(group), format_args!("idle")) {
                Ok(task) => Ok(Self::Task(task)),
                Err(CallError::Refused(SpawnRefusal::Ticket(TicketRefusal::Short(shortage)))) => {
                    Err(Ok(shortage))
                }
                Err(other) => Err(Err(other.into())),
            },
        }
    }

    fn take_away(self, world: &World) -> Result<(), Failure> {
        match self {
            Self::Group(group) => Ok(limits::close_group(group)?),
            Self::Task(task) => {
                process::kill(task)?;
                let reason = world.end_of(task)?;
                equal!("the end", reason, ExitReason::Killed { by: world.task });
                Ok(())
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Group,
    Task,
}

fn at_every_level(world: &World, kind: Kind, resource: Resource) -> Result<(), Failure> {
    let chain = Chain::open(world.low)?;
    let bottom = chain.bottom();
    let before = world.usage(bottom, resource)?;
    let first = made(Thing::another(kind, world, bottom))?;
    let need = world.usage(bottom, resource)?.saturating_sub(before);
    ensure!(need > 0, "a {kind:?} costs no {resource}");
    first.take_away(world)?;
    for (level, group) in chain.levels() {
        if need > 1 {
            let limit = leave(group, resource, need.saturating_sub(1))?;
            refused_at(world, kind, &chain, group, resource, (limit, need))?;
        }
        let limit = leave(group, resource, need)?;
        let thing = made(Thing::another(kind, world, bottom))?;
        let account = limits::read_resource(Some(group), resource)?;
        ensure!(
            account.usage == limit && account.peak == limit,
            "level {level}: {account:?}"
        );
        refused_at(world, kind, &chain, group, resource, (limit, need))?;
        thing.take_away(world)?;
        let left = world.usage(group, resource)?;
        equal!("usage afterwards", left, limit.saturating_sub(need));
        unlimit(group, resource)?;
    }
    Ok(())
}

fn made(result: Result<Thing, Result<Shortage, Failure>>) -> Result<Thing, Failure> {
    result.map_err(|refusal| match refusal {
        Ok(shortage) => Failure::new(format_args!("refused: {shortage}")),
        Err(failure) => failure,
    })
}

/// One more is refused, by this group, with these numbers, and nothing else has changed.
fn refused_at(
    world: &World,
    kind: Kind,
    chain: &Chain,
    group: GroupId,
    resource: Resource,
    (limit, asked): (u64, u64),
) -> Result<(), Failure> {
    let (ledger, pool) = (Ledger::read()?, process::pool()?);
    let used = world.usage(group, resource)?;
    match Thing::another(kind, world, chain.bottom()) {
        Err(Ok(shortage)) => {
            let expected = Shortage {
                resource,
                group: Some(group),
                limit,
                used,
                asked,
            };
            equal!("the refusal", shortage, expected);
        }
        Err(Err(failure)) => return Err(failure),
        Ok(_) => fail!("{used} {resource} of {limit} used, and {asked} more admitted"),
    }
    Ledger::read()?.is_but_for_one_refusal(&ledger, group, resource)?;
    equal!("free pages", process::pool()?.free, pool.free);
    Ok(())
}

macro_rules! at_every_level {
    ($($case:ident: $kind:ident, $resource:ident;)+) => {
        $(pub fn $case(world: &mut World) -> Result<(), Failure> {
            at_every_level(world, Kind::$kind, Resource::$resource)
        })+
    };
}

at_every_level! {
    exact_boundary_of_groups_at_every_level_of_16: Group, Groups;
    exact_boundary_of_tasks_at_every_level_of_16: Task, Tasks;
    exact_boundary_of_threads_at_every_level_of_16: Task, Threads;
    exact_boundary_of_frames_at_every_level_of_16: Task, Frames;
    exact_boundary_of_commit_at_every_level_of_16: Task, Commit;
    exact_boundary_of_kernel_memory_at_every_level_of_16: Task, KernelMemory;
    exact_boundary_of_cap_slots_at_every_level_of_16: Task, CapSlots;
    exact_boundary_of_address_spaces_at_every_level_of_16: Task, AddressSpaces;
}

pub fn touched_pages_stop_exactly_at_the_limit_at_every_level_of_16(
    world: &mut World,
) -> Result<(), Failure> {
    let chain = Chain::open(world.low)?;
    for (level, group) in chain.levels() {
        // More at each level, so that every peak is the level's own.
        let limit = leave(group, Resource::Frames, level.saturating_add(40))?;
        match world.run(Some(chain.bottom()), format_args!("touch 200"))? {
            ExitReason::Fault(Cause::NoFrame(shortage)) => {
                let found = (
                    shortage.resource,
                    shortage.limit,
                    shortage.used,
                    shortage.asked,
                );
                equal!("the refusal", found, (Resource::Frames, limit, limit, 1));
            }
            other => fail!("level {level}: ended with {other:?}"),
        }
        let account = limits::read_resource(Some(group), Resource::Frames)?;
        equal!("the peak", account.peak, limit);
        equal!("the usage afterwards", account.usage, 0);
        equal!("the refusals", account.refusals, 1);
        unlimit(group, Resource::Frames)?;
    }
    Ok(())
}

pub fn reserved_pages_stop_exactly_at_the_limit_at_every_level_of_16(
    world: &mut World,
) -> Result<(), Failure> {
    let chain = Chain::open(world.low)?;
    let bottom = chain.bottom();
    let need = cost(world, bottom, Resource::Commit)?;
    for (level, group) in chain.levels() {
        let left = level.saturating_add(2);
        let limit = leave(group, Resource::Commit, need.saturating_add(left))?;
        // The assistant reserves page by page, checks the refusal's numbers, and says how many it got.
        let reason = world.run(Some(bottom), format_args!("reserve {limit}"))?;
        equal!("reserved", code(reason), Some(left));
        let account = limits::read_resource(Some(group), Resource::Commit)?;
        ensure!(
            account.peak == limit && account.usage == 0,
            "level {level}: {account:?}"
        );
        equal!("the refusals", account.refusals, 1);
        unlimit(group, Resource::Commit)?;
    }
    Ok(())
}

pub fn further_threads_stop_exactly_at_the_limit_at_every_level_of_16(
    world: &mut World,
) -> Result<(), Failure> {
    let chain = Chain::open(world.low)?;
    for (level, group) in chain.levels() {
        // Never fewer than at the level before, so that every peak is the level's own.
        let left = level.div_ceil(2);
        let limit = leave(group, Resource::Threads, left.saturating_add(1))?;
        let reason = world.run(Some(chain.bottom()), format_args!("threads {limit}"))?;
        equal!("started", code(reason), Some(left));
        let account = limits::read_resource(Some(group), Resource::Threads)?;
        ensure!(
            account.peak == limit && account.usage == 0,
            "level {level}: {account:?}"
        );
        equal!("the refusals", account.refusals, 1);
        unlimit(group, Resource::Threads)?;
    }
    Ok(())
}

pub fn siblings_race_for_the_last_unit_and_one_gets_it(world: &mut World) -> Result<(), Failure> {
    const RACERS: usize = 6;
    for left in [1, 2, 5, 23] {
        let parent = world.group()?;
        let mut racers = heapless::Vec::<(GroupId, TaskId), RACERS>::new();
        for _ in 0..RACERS {
            let group = limits::open_group(Some(parent))?;
            let racer = world.start(Some(group), format_args!("race"))?;
            let _ = racers.push((group, racer));
        }
        // They wait for their group's label; whatever they need to run is charged by now.
        let limit = leave(parent, Resource::Commit, left)?;
        for &(group, _) in &racers {
            limits::set_label(group, "go")?;
        }
        world.until("every racer refused", || {
            Ok(limits::read_resource(Some(parent), Resource::Commit)?.refusals >= RACERS as u64)
        })?;
        let account = limits::read_resource(Some(parent), Resource::Commit)?;
        ensure!(
            account.usage == limit && account.peak == limit,
            "{left} left: {account:?}"
        );
        equal!("refusals", account.refusals, RACERS as u64);
        let mut won = 0_u64;
        for &(group, racer) in &racers {
            limits::set_label(group, "end")?;
            won = won.saturating_add(code(world.end_of(racer)?).unwrap_or(u64::MAX));
        }
        equal!("won", won, left);
        for (group, _) in racers {
            limits::close_group(group)?;
        }
        limits::close_group(parent)?;
    }
    Ok(())
}

/// What an assistant that never runs costs.
fn cost(world: &World, group: GroupId, resource: Resource) -> Result<u64, Failure> {
    let before = world.usage(group, resource)?;
    let thing = made(Thing::another(Kind::Task, world, group))?;
    let after = world.usage(group, resource)?;
    thing.take_away(world)?;
    Ok(after.saturating_sub(before))
}

/// What an assistant that ended by itself counted.
pub fn code(reason: ExitReason) -> Option<u64> {
    match reason {
        ExitReason::Exited { code } => u64::try_from(code).ok(),
        _ => None,
    }
}

pub fn would_fit_of_a_whole_vector_says_what_a_birth_is_told(
    world: &mut World,
) -> Result<(), Failure> {
    let chain = Chain::open(world.low)?;
    let bottom = chain.bottom();
    // What an assistant that never runs is charged as: the whole vector at once.
    let before = world.account(bottom)?.usage;
    let sample = made(Thing::another(Kind::Task, world, bottom))?;
    let whole = world.account(bottom)?.usage.checked_sub(&before);
    let Some(whole) = whole else {
        fail!("a birth gives something back")
    };
    sample.take_away(world)?;
    ensure!(whole.present().count() >= 6, "a birth is charged {whole}");
    for (level, group) in chain.levels() {
        for (kind, need) in whole.present() {
            leave(group, kind, need)?;
            limits::would_fit(Some(bottom), whole)?;
            if level % 5 == 0 {
                made(Thing::another(Kind::Task, world, bottom))?.take_away(world)?;
            }
            leave(group, kind, need.saturating_sub(1))?;
            let (ledger, pool) = (Ledger::read()?, process::pool()?);
            let foreseen = refused!(
                limits::would_fit(Some(bottom), whole),
                client::interfaces::limits::WouldFitRefusal::Short(shortage) => shortage
            );
            Ledger::read()?.is(&ledger)?;
            match Thing::another(Kind::Task, world, bottom) {
                Err(Ok(shortage)) => equal!("the refusal", shortage, foreseen),
                Err(Err(failure)) => return Err(failure),
                Ok(_) => fail!("{kind}: it would not fit, and did"),
            }
            equal!(
                "kind",
                (foreseen.resource, foreseen.group),
                (kind, Some(group))
            );
            equal!("free pages", process::pool()?.free, pool.free);
            unlimit(group, kind)?;
        }
    }
    Ok(())
}
