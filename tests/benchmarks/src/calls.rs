//! What clients do, measured as a client sees it.

use client::interfaces::accounting::TicketRefusal;
use client::interfaces::memory::{Access, PAGE_BYTES, RegionId};
use client::interfaces::process::{SpawnRefusal, ThreadRefusal};
use client::interfaces::{Amounts, CallError, GroupId, Limit, Resource};
use client::process::Forked;
use client::{limits, memory, process};

use crate::Trouble;
use crate::samples::Summary;
use crate::world::{World, chain, none_of};

/// How often most things are done.
const ROUNDS: usize = 200;
/// How often what takes millions of instructions is done.
const FEW: usize = 16;
/// Pages of a region that is touched in order.
const PAGES: u32 = 1024;
/// Pages of a task that forks, besides those of its program.
const FORKED: u32 = 64;
/// Bytes of a page.
const PAGE: u32 = 4096;
/// Tasks of a group that is killed.
const VICTIMS: u32 = 200;
/// Groups and tasks whose memory is measured.
const MANY: u32 = 100;
/// Where the regions are, so that one page table serves all rounds.
const REGION: u32 = 0x3000_0000;

/// Does the benchmark; none if it is not of this list.
pub fn measure(world: &mut World, name: &str) -> Option<Result<Summary, Trouble>> {
    let group = world.at(name);
    Some(match name {
        "null" => world.samples.of(ROUNDS, || Ok(limits::ping()?)),
        "null-low" => null_low(world),
        "who-am-i" => world.samples.of(ROUNDS, || {
            limits::who_am_i()?;
            Ok(())
        }),
        "read-resource" => world.samples.of(ROUNDS, || {
            limits::read_resource(None, Resource::Frames)?;
            Ok(())
        }),
        "read-usage" => world.samples.of(ROUNDS, || {
            let usage = limits::read_usage(None)?;
            core::hint::black_box(&usage);
            Ok(())
        }),
        "read-account" => world.samples.of(ROUNDS, || {
            // Looked at where it was made.
            let account = limits::read_account(None);
            core::hint::black_box(&account);
            account.map(drop).map_err(Trouble::from)
        }),
        "open-close" => world.samples.of(ROUNDS, open_close),
        "set-limit" => set_limit(world),
        "enter" => enter(world),
        "thread" => thread(world),
        "touch" => touch(world),
        "touch-in-order" => touch_in_order(world),
        "fork-64" => fork(world),
        "fork-64-written" => fork_written(world),
        "touch-after-fork" => touch_after_fork(world),
        "write-after-child" => write_after_child(world),
        "map-unmap" => map_unmap(world),
        "kill-per-task" => kill(world),
        "memory-per-group" => memory_per_group(world),
        "memory-per-task" => memory_per_task(world),
        name if name.starts_with("would-fit-one-") => {
            fits(world, group, Amounts::of(Resource::Frames, 1))
        }
        name if name.starts_with("would-fit-six-") => fits(world, group, six()),
        name if name.starts_with("spawn-") => spawn(world, group),
        "refused-depth-2" => refused(world, 0),
        "refused-depth-16" => refused(world, 14),
        _ => return None,
    })
}

/// Does the benchmark of a group, at any depth.
pub fn in_group(world: &mut World, name: &str, group: GroupId) -> Result<Summary, Trouble> {
    match name {
        "would-fit-one" => fits(world, group, Amounts::of(Resource::Frames, 1)),
        "would-fit-six" => fits(world, group, six()),
        _ => spawn(world, group),
    }
}

/// A vector of six kinds.
pub const fn six() -> Amounts {
    Amounts::of(Resource::Tasks, 1)
        .with(Resource::Threads, 1)
        .with(Resource::Frames, 4)
        .with(Resource::Commit, 4)
        .with(Resource::KernelMemory, 20_480)
        .with(Resource::CapSlots, 7)
}

fn fits(world: &mut World, group: GroupId, amounts: Amounts) -> Result<Summary, Trouble> {
    world
        .samples
        .of(ROUNDS, || Ok(limits::would_fit(Some(group), amounts)?))
}

fn open_close() -> Result<(), Trouble> {
    let group = limits::open_group(None)?;
    Ok(limits::close_group(group)?)
}

fn null_low(world: &World) -> Result<Summary, Trouble> {
    let marks = world.samples.marks_word();
    Ok(Summary {
        median: world.run(Some(world.low), format_args!("null median {marks}"))?,
        min: world.run(Some(world.low), format_args!("null min {marks}"))?,
        max: world.run(Some(world.low), format_args!("null max {marks}"))?,
        rounds: 200,
    })
}

fn set_limit(world: &mut World) -> Result<Summary, Trouble> {
    let group = limits::open_group(None)?;
    let mut limit = 1000_u64;
    let summary = world.samples.of(ROUNDS, || {
        limit = limit.wrapping_add(1);
        Ok(limits::set_limit(
            group,
            Resource::Frames,
            Limit::At(limit),
        )?)
    });
    limits::close_group(group)?;
    summary
}

/// Each round is a task of its own: nobody can go back up.
fn enter(world: &mut World) -> Result<Summary, Trouble> {
    let group = limits::open_group(None)?;
    world.samples.clear();
    for _ in 0..ROUNDS {
        let GroupId { index, generation } = group;
        let marks = world.samples.marks_word();
        let taken = world.run(None, format_args!("enter {index} {generation} {marks}"))?;
        world.samples.push(taken);
    }
    limits::close_group(group)?;
    Ok(world.samples.summary())
}

/// The thread's own number, which its first call needs: the first of its task besides the first.
const NUMBER: u32 = 1;

extern "C" fn end(_: u64) -> ! {
    loop {
        // Not answered.
        let _ = process::end_this_thread(NUMBER);
    }
}

fn thread(world: &mut World) -> Result<Summary, Trouble> {
    let region = memory::create_region(1)?;
    let stack = memory::map(region, Some(REGION), Access::ReadWrite)?;
    let top = stack.saturating_add(PAGE);
    let summary = world.samples.of(ROUNDS, || {
        let number = process::start_thread(end, top, 0)?;
        if number != NUMBER {
            return Err(Trouble::here());
        }
        match process::join_thread(number) {
            // One that has ended already is unknown.
            Ok(()) | Err(CallError::Refused(ThreadRefusal::UnknownThread)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    });
    memory::destroy_region(region)?;
    summary
}

fn spawn(world: &mut World, group: GroupId) -> Result<Summary, Trouble> {
    let program = world.program;
    let arguments = client::interfaces::process::Arguments::cut("exit");
    world.samples.of(ROUNDS, || {
        let child = process::spawn(program, Some(group), &arguments)?;
        process::wait(Some(child))?;
        Ok(())
    })
}

/// A spawn that is refused by the limit of a group at depth 2, so many levels above.
fn refused(world: &mut World, levels: usize) -> Result<Summary, Trouble> {
    let top = limits::open_group(None)?;
    none_of(top, Resource::Tasks)?;
    let group = chain(top, levels)?;
    let program = world.program;
    let arguments = client::interfaces::process::Arguments::cut("exit");
    world.samples.of(ROUNDS, || {
        match process::spawn(program, Some(group), &arguments) {
            Err(CallError::Refused(SpawnRefusal::Ticket(TicketRefusal::Short(_)))) => Ok(()),
            _ => Err(Trouble::here()),
        }
    })
}

fn store(address: u32) {
    // SAFETY: the page is in a region that was just mapped, and nothing else is in there.
    unsafe { (u64::from(address) as *mut u8).write_volatile(1) };
}

/// The page table is there already: the benchmarks before have used it, or the rounds that do not count.
fn touch(world: &mut World) -> Result<Summary, Trouble> {
    world.samples.with(
        ROUNDS,
        || {
            let region = memory::create_region(1)?;
            memory::map(region, Some(REGION), Access::ReadWrite)?;
            Ok(region)
        },
        |_| {
            store(REGION);
            Ok(())
        },
        |region| Ok(memory::destroy_region(region)?),
    )
}

/// Each round touches all pages, and counts as one: its page tables are part of it.
fn touch_in_order(world: &mut World) -> Result<Summary, Trouble> {
    world.samples.clear();
    for _ in 0..FEW {
        let region = memory::create_region(PAGES)?;
        memory::map(region, Some(REGION), Access::ReadWrite)?;
        let taken = world.samples.time(|| {
            for page in 0..PAGES {
                store(REGION.saturating_add(page.saturating_mul(PAGE)));
            }
            Ok(())
        })?;
        memory::destroy_region(region)?;
        world.samples.push(each(taken, PAGES));
    }
    Ok(world.samples.summary())
}

/// A region of so many pages, all of them written to.
fn written(pages: u32) -> Result<RegionId, Trouble> {
    let region = memory::create_region(pages)?;
    memory::map(region, Some(REGION), Access::ReadWrite)?;
    store_all(pages);
    Ok(region)
}

fn store_all(pages: u32) {
    for page in 0..pages {
        store(REGION.saturating_add(page.saturating_mul(PAGE)));
    }
}

/// Forks; the child does `act` and ends, which the parent waits for.
fn forked(act: impl FnOnce()) -> Result<(), Trouble> {
    match process::fork(None)? {
        Forked::Child => {
            act();
            process::exit(0)
        }
        Forked::Parent(child) => {
            process::wait(Some(child))?;
            Ok(())
        }
    }
}

fn fork(world: &mut World) -> Result<Summary, Trouble> {
    world.samples.with(
        FEW,
        || written(FORKED),
        |_| forked(|| {}),
        |region| Ok(memory::destroy_region(region)?),
    )
}

/// The same, and the parent writes to all of its pages again, which are its own alone when the child is gone.
fn fork_written(world: &mut World) -> Result<Summary, Trouble> {
    world.samples.with(
        FEW,
        || written(FORKED),
        |_| {
            forked(|| {})?;
            store_all(FORKED);
            Ok(())
        },
        |region| Ok(memory::destroy_region(region)?),
    )
}

/// The child writes: each page of its parent's is shared until then. What a page costs there is what all of them cost,
/// beyond what the same child costs without.
fn touch_after_fork(world: &mut World) -> Result<Summary, Trouble> {
    world.samples.clear();
    for _ in 0..FEW {
        let region = written(FORKED)?;
        let without = world.samples.time(|| forked(|| {}))?;
        store_all(FORKED);
        let with = world.samples.time(|| forked(|| store_all(FORKED)))?;
        memory::destroy_region(region)?;
        world
            .samples
            .push(each(with.saturating_sub(without), FORKED));
    }
    Ok(world.samples.summary())
}

fn write_after_child(world: &mut World) -> Result<Summary, Trouble> {
    world.samples.clear();
    for _ in 0..FEW {
        let region = written(FORKED)?;
        forked(|| {})?;
        let taken = world.samples.time(|| {
            store_all(FORKED);
            Ok(())
        })?;
        memory::destroy_region(region)?;
        world.samples.push(each(taken, FORKED));
    }
    Ok(world.samples.summary())
}

fn map_unmap(world: &mut World) -> Result<Summary, Trouble> {
    let region = memory::create_region(1)?;
    let summary = world.samples.of(ROUNDS, || {
        memory::map(region, Some(REGION), Access::ReadWrite)?;
        Ok(memory::unmap(region)?)
    });
    memory::destroy_region(region)?;
    summary
}

fn kill(world: &mut World) -> Result<Summary, Trouble> {
    world.samples.clear();
    for _ in 0..FEW {
        let group = limits::open_group(Some(world.low))?;
        world.idle_tasks(group, VICTIMS)?;
        let taken = world.samples.time(|| {
            process::kill_group(group)?;
            Ok(())
        })?;
        for _ in 0..VICTIMS {
            // Only the last ends are kept.
            if process::wait(None).is_err() {
                break;
            }
        }
        limits::close_group(group)?;
        world.samples.push(each(taken, VICTIMS));
    }
    Ok(world.samples.summary())
}

/// The share of each.
fn each(taken: u64, of: u32) -> u64 {
    taken.checked_div(u64::from(of)).unwrap_or(taken)
}

/// Bytes that a group and all below it are charged.
fn bytes(group: Option<GroupId>) -> Result<u64, Trouble> {
    let usage = limits::read_usage(group)?;
    let pages = usage.get(Resource::Frames).saturating_mul(PAGE_BYTES);
    Ok(pages.saturating_add(usage.get(Resource::KernelMemory)))
}

fn memory_per_group(world: &mut World) -> Result<Summary, Trouble> {
    let top = limits::open_group(None)?;
    world.samples.clear();
    for _ in 0..MANY {
        let before = bytes(Some(top))?;
        world.samples.time(|| {
            limits::open_group(Some(top))?;
            Ok(())
        })?;
        world.samples.push(bytes(Some(top))?.saturating_sub(before));
    }
    Ok(world.samples.summary())
}

fn memory_per_task(world: &mut World) -> Result<Summary, Trouble> {
    let group = limits::open_group(Some(world.low))?;
    world.samples.clear();
    for _ in 0..MANY {
        let before = bytes(Some(group))?;
        world.samples.time(|| world.idle_tasks(group, 1))?;
        world
            .samples
            .push(bytes(Some(group))?.saturating_sub(before));
    }
    process::kill_group(group)?;
    while process::wait(None).is_ok() {}
    Ok(world.samples.summary())
}
