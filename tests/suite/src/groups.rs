//! Groups, their limits and what may be known of them.

use client::interfaces::accounting::{KillRefusal, TicketRefusal};
use client::interfaces::limits::{
    CloseGroupRefusal, GroupState, OpenGroupRefusal, ReadRefusal, SetRefusal, WouldFitRefusal,
};
use client::interfaces::process::{ExitReason, KillGroupRefusal, SpawnRefusal};
use client::interfaces::{Amounts, GroupId, Limit, Resource};
use client::{limits, process};

use crate::chain::{Chain, LEVELS, leave, unlimit};
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::world::World;

pub fn a_new_group_is_empty_and_has_no_limit_of_its_own(world: &mut World) -> Result<(), Failure> {
    let above = world.account(world.own)?;
    let group = world.group()?;
    let account = world.account(group)?;
    equal!("group", account.group, group);
    equal!("parent", account.parent, Some(world.own));
    equal!("state", account.state, GroupState::Live);
    equal!("band", account.band, above.band);
    equal!(
        "tasks and children",
        (account.tasks_here, account.children),
        (0, 0)
    );
    equal!("usage", account.usage, Amounts::NONE);
    equal!("peak", account.peak, Amounts::NONE);
    equal!("refusals", account.refusals, Amounts::NONE);
    ensure!(
        account.limit.iter().all(|&limit| limit == Limit::Max),
        "limits: {:?}",
        account.limit
    );
    // Its own record is charged above, and comes back.
    let opened = world.account(world.own)?.usage;
    let one_more = above.usage.get(Resource::Groups).saturating_add(1);
    equal!("groups above", opened.get(Resource::Groups), one_more);
    ensure!(
        opened.get(Resource::KernelMemory) > above.usage.get(Resource::KernelMemory),
        "the group's record is not charged"
    );
    limits::close_group(group)?;
    equal!(
        "usage above afterwards",
        world.account(world.own)?.usage,
        above.usage
    );
    Ok(())
}

pub fn children_are_listed_by_the_page_oldest_first(world: &mut World) -> Result<(), Failure> {
    let parent = world.group()?;
    let mut opened = heapless::Vec::<GroupId, 70>::new();
    for _ in 0..70 {
        let _ = opened.push(limits::open_group(Some(parent))?);
    }
    let mut listed = heapless::Vec::<GroupId, 80>::new();
    let mut after = None;
    loop {
        let page = limits::list_children(Some(parent), after)?;
        for &group in &page.items {
            ensure!(listed.push(group).is_ok(), "more groups than were opened");
        }
        after = page.items.last().copied();
        if !page.more {
            break;
        }
    }
    ensure!(
        listed == opened,
        "{} opened, {} listed, or another order",
        opened.len(),
        listed.len()
    );
    for group in opened {
        limits::close_group(group)?;
    }
    let page = limits::list_children(Some(parent), None)?;
    ensure!(
        page.items.is_empty() && !page.more,
        "closed groups are listed"
    );
    Ok(())
}

pub fn a_group_vanishes_with_its_last_reference(world: &mut World) -> Result<(), Failure> {
    let group = world.low_group()?;
    let child = world.start(Some(group), format_args!("idle"))?;
    limits::close_group(group)?;
    // A task is in it, so it lives on; but it cannot be closed again.
    equal!("tasks", world.account(group)?.tasks_here, 1);
    refused!(limits::close_group(group), CloseGroupRefusal::NotYours);
    process::kill(child)?;
    refused!(limits::read_account(Some(group)), ReadRefusal::UnknownGroup);
    // The same with a group below it.
    let upper = world.group()?;
    let lower = limits::open_group(Some(upper))?;
    limits::close_group(upper)?;
    equal!("children", world.account(upper)?.children, 1);
    limits::close_group(lower)?;
    refused!(limits::read_account(Some(lower)), ReadRefusal::UnknownGroup);
    refused!(limits::read_account(Some(upper)), ReadRefusal::UnknownGroup);
    Ok(())
}

pub fn a_member_cannot_change_its_own_group_or_see_above_it(
    world: &mut World,
) -> Result<(), Failure> {
    let (group, sibling) = (world.low_group()?, world.low_group()?);
    let (low, own) = (world.low, world.own);
    let before = (
        world.account(group)?.limit,
        world.account(low)?.limit,
        world.account(sibling)?.limit,
    );
    for above in [low, own] {
        world.content(
            Some(group),
            format_args!(
                "escape {} {} {} {} {} {}",
                group.index,
                group.generation,
                above.index,
                above.generation,
                sibling.index,
                sibling.generation
            ),
        )?;
    }
    let after = (
        world.account(group)?.limit,
        world.account(low)?.limit,
        world.account(sibling)?.limit,
    );
    ensure!(before == after, "a limit has changed");
    equal!("label", world.account(group)?.label.as_str(), "");
    equal!(
        "the sibling's peak",
        world.account(sibling)?.peak,
        Amounts::NONE
    );
    Ok(())
}

pub fn stale_group_ids_are_refused(world: &mut World) -> Result<(), Failure> {
    let old = world.group()?;
    limits::close_group(old)?;
    refuse_all(world, old)?;
    // Until its place has another tenant, who is not touched by what is said of the old one.
    for _ in 0..64 {
        let new = world.group()?;
        ensure!(new != old, "the id {old} is used again");
        refuse_all(world, old)?;
        equal!("label", world.account(new)?.label.as_str(), "");
        limits::close_group(new)?;
        if new.index == old.index {
            return Ok(());
        }
    }
    Ok(())
}

/// Whatever is asked about a group that is gone is refused.
pub fn refuse_all(world: &World, group: GroupId) -> Result<(), Failure> {
    let some = Some(group);
    refused!(limits::read_account(some), ReadRefusal::UnknownGroup);
    refused!(limits::read_usage(some), ReadRefusal::UnknownGroup);
    refused!(
        limits::read_resource(some, Resource::Tasks),
        ReadRefusal::UnknownGroup
    );
    refused!(limits::list_children(some, None), ReadRefusal::UnknownGroup);
    refused!(limits::list_tasks(some, None), ReadRefusal::UnknownGroup);
    refused!(
        limits::effective_limit(some, Resource::Tasks),
        ReadRefusal::UnknownGroup
    );
    refused!(
        limits::would_fit(some, Amounts::NONE),
        WouldFitRefusal::UnknownGroup
    );
    refused!(limits::open_group(some), OpenGroupRefusal::UnknownGroup);
    refused!(limits::close_group(group), CloseGroupRefusal::UnknownGroup);
    refused!(
        limits::set_limit(group, Resource::Tasks, Limit::At(0)),
        SetRefusal::UnknownGroup
    );
    refused!(
        limits::set_soft_limit(group, Resource::Tasks, Limit::At(0)),
        SetRefusal::UnknownGroup
    );
    refused!(limits::set_label(group, "stale"), SetRefusal::UnknownGroup);
    refused!(
        world.spawn(some, format_args!("exit 0")),
        SpawnRefusal::Ticket(TicketRefusal::UnknownGroup)
    );
    refused!(
        process::kill_group(group),
        KillGroupRefusal::Kill(KillRefusal::UnknownGroup)
    );
    Ok(())
}

pub fn labels_are_kept_and_control_characters_refused(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    let longest = "sixty-three letters are the longest label that a group can have";
    equal!(
        "the longest",
        longest.len(),
        client::interfaces::limits::LABEL_BYTES
    );
    for label in ["one", "two words", longest, "Größe", ""] {
        limits::set_label(group, label)?;
        equal!("label", world.account(group)?.label.as_str(), label);
    }
    limits::set_label(group, "kept")?;
    for label in ["a\nb", "\x1e", "\x7f"] {
        refused!(limits::set_label(group, label), SetRefusal::BadLabel);
        equal!("label", world.account(group)?.label.as_str(), "kept");
    }
    Ok(())
}

pub fn a_limit_below_the_usage_ends_nobody_and_admits_nothing(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.low_group()?;
    for _ in 0..3 {
        world.start(Some(group), format_args!("idle"))?;
    }
    limits::set_limit(group, Resource::Tasks, Limit::At(1))?;
    let account = limits::read_resource(Some(group), Resource::Tasks)?;
    equal!("tasks", (account.usage, account.limit), (3, Limit::At(1)));
    let shortage = refused!(
        world.spawn(Some(group), format_args!("idle")),
        SpawnRefusal::Ticket(TicketRefusal::Short(shortage)) => shortage
    );
    equal!(
        "refusal",
        (shortage.limit, shortage.used, shortage.asked),
        (1, 3, 1)
    );
    unlimit(group, Resource::Tasks)?;
    world.start(Some(group), format_args!("idle"))?;
    Ok(())
}

pub fn a_limit_of_zero_allows_nothing(world: &mut World) -> Result<(), Failure> {
    let group = world.low_group()?;
    for resource in [
        Resource::Tasks,
        Resource::Threads,
        Resource::Frames,
        Resource::Commit,
        Resource::AddressSpaces,
    ] {
        limits::set_limit(group, resource, Limit::At(0))?;
        let shortage = refused!(
            world.spawn(Some(group), format_args!("idle")),
            SpawnRefusal::Ticket(TicketRefusal::Short(shortage)) => shortage
        );
        equal!(
            "refusal",
            (shortage.resource, shortage.limit, shortage.used),
            (resource, 0, 0)
        );
        unlimit(group, resource)?;
    }
    limits::set_limit(group, Resource::Groups, Limit::At(0))?;
    let shortage =
        refused!(limits::open_group(Some(group)), OpenGroupRefusal::Short(shortage) => shortage);
    equal!(
        "refusal",
        (shortage.resource, shortage.limit),
        (Resource::Groups, 0)
    );
    equal!("usage", world.account(group)?.usage, Amounts::NONE);
    equal!("peak", world.account(group)?.peak, Amounts::NONE);
    Ok(())
}

pub fn the_effective_limit_is_the_tightest_on_the_way_up(world: &mut World) -> Result<(), Failure> {
    let chain = Chain::open(world.low)?;
    let bottom = chain.bottom();
    for (level, group) in chain.levels() {
        limits::set_limit(group, Resource::Frames, Limit::At(1000))?;
        let tight = 500_u64.saturating_sub(level);
        limits::set_limit(group, Resource::Frames, Limit::At(tight))?;
        let effective = limits::effective_limit(Some(bottom), Resource::Frames)?;
        equal!("left", effective.left, Limit::At(tight));
        equal!("limit", effective.limit, Limit::At(tight));
        equal!("group", effective.group, Some(group));
    }
    Ok(())
}

pub fn would_fit_says_what_then_happens_and_changes_nothing(
    world: &mut World,
) -> Result<(), Failure> {
    let chain = Chain::open(world.low)?;
    let bottom = Some(chain.bottom());
    for (level, group) in chain.levels() {
        let limit = leave(group, Resource::Frames, level)?;
        let before = Ledger::read()?;
        limits::would_fit(bottom, Amounts::of(Resource::Frames, level))?;
        let more = Amounts::of(Resource::Frames, level.saturating_add(1)).with(Resource::Commit, 1);
        let shortage =
            refused!(limits::would_fit(bottom, more), WouldFitRefusal::Short(shortage) => shortage);
        equal!(
            "refusal",
            (shortage.group, shortage.limit),
            (Some(group), limit)
        );
        Ledger::read()?.is(&before)?;
        unlimit(group, Resource::Frames)?;
    }
    equal!("levels", chain.levels().count(), LEVELS);
    let reason = world.run(bottom, format_args!("exit 3"))?;
    equal!("end", reason, ExitReason::Exited { code: 3 });
    Ok(())
}
