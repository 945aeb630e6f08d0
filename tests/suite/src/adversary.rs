//! A member that was put into its group and tries everything to get out, and what must hold meanwhile.
//!
//! The adversary reads its answers itself (`assist`'s `adversary`); the oracle is here: between its slices nothing that
//! is not its own or below has changed, it is still where it was put or below, and a neighbour's calls go on.

use client::events::{Event, Next, Watcher};
use client::interfaces::events::Kinds;
use client::interfaces::limits::{Account, Freeze, Holdings, Owner};
use client::interfaces::process::{ExitReason, WaitRefusal};
use client::interfaces::{Amounts, CallError, GroupId, Limit, Resource, TaskId};
use client::{limits, process, time};

use crate::boundary::code;
use crate::chain::leave;
use crate::failure::Failure;
use crate::figures::figure;
use crate::world::World;

/// How many adversaries there are, one after another, and how many calls each makes.
const ADVERSARIES: u64 = 10;
const CALLS: u32 = 10_000;
/// How often the oracle looks, in nanoseconds.
const LOOK: u64 = 20 * time::MILLISECOND;
/// The most instructions that a round of the neighbour's calls takes: its own, and turns of some others of its band.
const ROUND: u64 = 60_000_000;
/// The sibling's secrets, as in `assist`.
const SECRET: u64 = 0x5ec2_e75e_c2e7_5ec3;
const LABEL: &str = "nobody-else-reads-this";
/// What the adversary's group may have.
const LIMITS: [(Resource, u64); 8] = [
    (Resource::Groups, 12),
    (Resource::Tasks, 4),
    (Resource::Threads, 6),
    (Resource::Frames, 500),
    (Resource::Commit, 1500),
    (Resource::KernelMemory, 400_000),
    (Resource::CapSlots, 2000),
    (Resource::AddressSpaces, 4),
];

/// What must not change while the adversary runs.
struct Still {
    group: GroupId,
    limit: [Limit; client::interfaces::RESOURCES],
    soft: heapless::Vec<Limit, { client::interfaces::RESOURCES }>,
    label: client::interfaces::limits::LabelText,
    parent: Option<GroupId>,
    owner: Owner,
    freeze: Freeze,
    /// Who has rights on it.
    rights: Holdings,
}

impl Still {
    fn of(group: GroupId) -> Result<Self, Failure> {
        let account = limits::read_account(Some(group))?;
        let mut soft = heapless::Vec::new();
        for kind in Resource::ALL {
            let _ = soft.push(limits::read_resource(Some(group), kind)?.soft);
        }
        Ok(Self {
            group,
            limit: account.limit,
            soft,
            label: account.label,
            parent: account.parent,
            owner: limits::read_owner(Some(group))?,
            freeze: limits::read_freeze(Some(group))?,
            rights: limits::list_rights(Some(group))?,
        })
    }

    fn check(&self) -> Result<(), Failure> {
        let now = Self::of(self.group)?;
        equal!("limits", now.limit, self.limit);
        equal!("soft limits", now.soft, self.soft);
        equal!("label", now.label.as_str(), self.label.as_str());
        equal!("parent", now.parent, self.parent);
        equal!("owner", now.owner, self.owner);
        equal!("freeze", now.freeze, self.freeze);
        ensure!(now.rights == self.rights, "rights: {:?}", now.rights);
        Ok(())
    }
}

/// The whole account of a group where nothing happens.
fn same(group: GroupId, before: &Account) -> Result<(), Failure> {
    let now = limits::read_account(Some(group))?;
    ensure!(now == *before, "the account of {group} has changed");
    Ok(())
}

/// Whether a task is in a group or below it.
fn is_in(task: TaskId, group: GroupId) -> Result<bool, Failure> {
    let mut waiting = heapless::Vec::<GroupId, 32>::new();
    let _ = waiting.push(group);
    while let Some(here) = waiting.pop() {
        // One that has vanished meanwhile has nobody in it.
        let Ok(tasks) = limits::list_tasks(Some(here), None) else {
            continue;
        };
        if tasks.items.contains(&task) {
            return Ok(true);
        }
        if let Ok(below) = limits::list_children(Some(here), None) {
            for group in below.items {
                ensure!(waiting.push(group).is_ok(), "more groups than are allowed");
            }
        }
    }
    Ok(false)
}

/// Nobody has stopped what is told of a group, or made it more: that something is opened there now is all.
fn still_told(mut watcher: Watcher, group: GroupId) -> Result<(), Failure> {
    ensure!(
        matches!(watcher.next_event(), Next::Empty),
        "something was told of the sibling"
    );
    let opened = limits::open_group(Some(group))?;
    match watcher.next_event() {
        Next::Record(record) => ensure!(
            matches!(record.event, Event::Opened { group, .. } if group == opened),
            "what was told of the sibling: {:?}",
            record.event
        ),
        other => fail!("another has stopped what is told of the sibling: {other:?}"),
    }
    limits::close_group(opened)?;
    Ok(())
}

pub fn a_member_cannot_escape_by_100000_typed_calls_and_raw_messages(
    world: &mut World,
) -> Result<(), Failure> {
    let parent = world.group()?;
    let sibling = limits::open_group(Some(parent))?;
    limits::set_label(sibling, LABEL)?;
    limits::set_limit(sibling, Resource::Notes, Limit::At(SECRET))?;
    // It never runs: its account cannot change by itself.
    let bystanders = world.low_group()?;
    let bystander = world.start(Some(bystanders), format_args!("idle"))?;
    let nearby = limits::open_group(Some(parent))?;
    let neighbour = world.start(Some(nearby), format_args!("neighbour"))?;
    // Some refusals come from above the adversary's group.
    for (kind, more) in [(Resource::Groups, 8), (Resource::Tasks, 3)] {
        leave(parent, kind, more)?;
    }
    let stale = world.group()?;
    limits::close_group(stale)?;
    // What is to be heard of the sibling; nothing is, until the end.
    let mut watcher = Watcher::open(1)?;
    watcher.watch(Some(sibling), Kinds::ALL)?;
    let quiet = [world.account(sibling)?, world.account(bystanders)?];
    for seed in 1..=ADVERSARIES {
        let group = limits::open_group(Some(parent))?;
        for (kind, limit) in LIMITS {
            limits::set_limit(group, kind, Limit::At(limit))?;
        }
        let still = [Still::of(group)?, Still::of(parent)?, Still::of(world.own)?];
        let id = |group: GroupId| (group.index, group.generation);
        let ((own, own_generation), (above, above_generation)) = (id(group), id(parent));
        let ((beside, beside_generation), (gone, gone_generation)) = (id(sibling), id(stale));
        let adversary = world.start(
            Some(group),
            format_args!(
                "adversary {seed} {CALLS} {own} {own_generation} {above} {above_generation} {beside} {beside_generation} \
                 {gone} {gone_generation} {} {} {} {}",
                world.task.index, world.task.generation, bystander.index, bystander.generation
            ),
        )?;
        let end = loop {
            match time::wait_for(Some(adversary), LOOK) {
                Ok(end) => break end.reason,
                Err(CallError::Refused(WaitRefusal::TimedOut)) => {
                    // Between the two looks it may have ended.
                    let there = is_in(adversary, group)?;
                    let alive = process::read_task(Some(adversary)).is_ok();
                    ensure!(there || !alive, "the adversary left its group");
                }
                Err(other) => return Err(other.into()),
            }
            for still in &still {
                still.check()?;
            }
            same(sibling, &quiet[0])?;
            same(bystanders, &quiet[1])?;
        };
        equal!("the adversary", end, ExitReason::Exited { code: 0 });
        for still in &still {
            still.check()?;
        }
        same(sibling, &quiet[0])?;
        same(bystanders, &quiet[1])?;
        equal!(
            "the bystander",
            process::read_task(Some(bystander))?.task,
            bystander
        );
        equal!(
            "the neighbour",
            process::read_task(Some(neighbour))?.task,
            neighbour
        );
        // It was never over a limit, and only its children may be left.
        let account = world.account(group)?;
        for (kind, limit) in LIMITS {
            ensure!(account.peak.get(kind) <= limit, "{kind}: {account:?}");
        }
        let receipt = process::kill_group(group)?;
        equal!("returned", receipt.returned, receipt.held);
        // Groups that it made may outlive their opener.
        world.remove_below(group)?;
        equal!(
            "what is left of it",
            world.account(group)?.usage,
            Amounts::NONE
        );
        limits::close_group(group)?;
    }
    still_told(watcher, sibling)?;
    limits::set_label(nearby, "end")?;
    let longest = code(world.end_of(neighbour)?);
    let Some(longest) = longest else {
        fail!("a call of the neighbour's went wrong")
    };
    let longest = longest.saturating_mul(1000);
    figure(
        "neighbour-of-an-adversary-longest-round-instructions",
        longest,
    )?;
    ensure!(
        longest <= ROUND,
        "a round of the neighbour's took {longest} instructions"
    );
    Ok(())
}
