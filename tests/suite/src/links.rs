//! Links between tasks: who agrees can talk, nobody hangs, nothing is left.

use client::interfaces::links::{LINKS, LineText, LinkRefusal};
use client::interfaces::process::{ExitReason, WaitRefusal};
use client::interfaces::{Resource, TaskId};
use client::talk::{self, Partner};
use client::time::{self, MILLISECOND};
use client::{limits, process};

use crate::failure::Failure;
use crate::figures::figure;
use crate::world::{World, balanced};

/// How long the suite waits for what must come.
const LONG: u64 = 1000 * MILLISECOND;
/// Links that are made and ended one after another.
const ROUNDS: u64 = 1000;

fn ask(partner: Partner, text: &str) -> Result<LineText, Failure> {
    match talk::ask(partner, text, LONG, || true) {
        Ok(Ok(line)) => Ok(line),
        other => fail!("{text}: {other:?}"),
    }
}

fn content(world: &World, task: TaskId) -> Result<(), Failure> {
    equal!("end", world.end_of(task)?, ExitReason::Exited { code: 0 });
    Ok(())
}

pub fn two_tasks_that_agree_talk_to_each_other(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    let echo = world.start(Some(group), format_args!("echo"))?;
    time::sleep(MILLISECOND)?;
    let before = world.account(group)?.usage;
    let partner = talk::offer(echo, LONG)?;
    equal!("hello", ask(partner, "hello")?.as_str(), "hello");
    let long = LineText::cut(core::str::from_utf8(&[b'x'; 600]).unwrap_or_default());
    equal!("a long line", ask(partner, long.as_str())?, long);
    equal!(
        "a link in charges",
        world.account(group)?.usage.get(Resource::KernelMemory),
        before.get(Resource::KernelMemory)
    );
    let start = client::clock();
    ask(partner, "again")?;
    figure("ask-instructions", client::clock().saturating_sub(start))?;
    talk::hang_up(echo)?;
    refused!(talk::hang_up(echo), LinkRefusal::UnknownTask);
    let partner = talk::offer(echo, LONG)?;
    equal!("last", ask(partner, "bye")?.as_str(), "bye");
    content(world, echo)?;
    ensure!(talk::links().is_empty(), "a link with nobody");
    Ok(())
}

pub fn two_tasks_of_one_group_talk(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    world.content(Some(group), format_args!("siblings"))
}

pub fn a_one_sided_offer_ends_with_its_time_or_its_task(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    let child = world.start(Some(group), format_args!("sleep {}", 20 * MILLISECOND))?;
    refused!(talk::offer(child, 0), LinkRefusal::TimedOut);
    let start = time::now()?.ns;
    refused!(talk::offer(child, 5 * MILLISECOND), LinkRefusal::TimedOut);
    let taken = time::now()?.ns.saturating_sub(start);
    ensure!(
        (5 * MILLISECOND..6 * MILLISECOND).contains(&taken),
        "it took {taken} ns"
    );
    refused!(talk::offer(child, u64::MAX), LinkRefusal::UnknownTask);
    world.end_of(child)?;
    refused!(talk::offer(child, u64::MAX), LinkRefusal::UnknownTask);
    refused!(talk::accept(None, MILLISECOND), LinkRefusal::TimedOut);
    Ok(())
}

pub fn whom_one_does_not_see_is_unknown(world: &mut World) -> Result<(), Failure> {
    let (one, other) = (world.group()?, world.group()?);
    let sibling = world.start(Some(one), format_args!("sleep {LONG}"))?;
    for to in [sibling, world.task] {
        let mode = format_args!("cannot-offer {} {}", to.index, to.generation);
        world.content(Some(other), mode)?;
    }
    process::kill(sibling)?;
    world.end_of(sibling)?;
    Ok(())
}

pub fn whoever_sends_or_receives_goes_on_when_its_partner_is_gone(
    world: &mut World,
) -> Result<(), Failure> {
    let group = world.group()?;
    for mode in ["sends", "hears", "asks-the-deaf"] {
        world.content(Some(group), format_args!("{mode}"))?;
    }
    Ok(())
}

pub fn no_capability_travels_over_a_link(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    world.content(Some(group), format_args!("gives"))
}

pub fn a_call_over_a_link_stops_its_caller_alone(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    let caller = world.start(Some(group), format_args!("calls"))?;
    refused!(
        time::wait_for(Some(caller), 20 * MILLISECOND),
        WaitRefusal::TimedOut
    );
    // Its partner has taken the message, and is content.
    equal!("tasks", world.usage(group, Resource::Tasks)?, 1);
    process::freeze(group)?;
    process::thaw(group)?;
    process::kill(caller)?;
    let reason = world.end_of(caller)?;
    ensure!(matches!(reason, ExitReason::Killed { .. }), "{reason:?}");
    Ok(())
}

pub fn a_group_is_killed_with_a_receipt_whoever_it_talks_to(
    world: &mut World,
) -> Result<(), Failure> {
    for _ in 0..20 {
        let group = world.group()?;
        let mut echoes = [TaskId {
            index: 0,
            generation: 0,
        }; 3];
        for echo in &mut echoes {
            *echo = world.start(Some(group), format_args!("echo"))?;
            let partner = talk::offer(*echo, LONG)?;
            ask(partner, "hello")?;
        }
        equal!("links", talk::links().len(), echoes.len());
        let receipt = process::kill_group(group)?;
        equal!("returned", receipt.returned, receipt.held);
        ensure!(talk::links().is_empty(), "links with nobody");
        for echo in echoes {
            world.end_of(echo)?;
        }
        limits::close_group(group)?;
    }
    Ok(())
}

pub fn so_many_links_and_offers_and_no_more(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    for _ in 0..LINKS {
        let echo = world.start(Some(group), format_args!("echo"))?;
        talk::offer(echo, LONG)?;
    }
    let sixth = world.start(Some(group), format_args!("echo"))?;
    refused!(talk::offer(sixth, LONG), LinkRefusal::NoSlot);
    for link in talk::links() {
        talk::hang_up(link.partner)?;
    }
    let below = world.group()?;
    world.content(Some(below), format_args!("suitors"))
}

pub fn a_thousand_links_one_after_another_leave_nothing(world: &mut World) -> Result<(), Failure> {
    let group = world.group()?;
    let echo = world.start(Some(group), format_args!("echo"))?;
    let partner = talk::offer(echo, LONG)?;
    ask(partner, "hello")?;
    talk::hang_up(echo)?;
    let before = world.account(world.own)?.usage;
    let start = client::clock();
    for _ in 0..ROUNDS {
        talk::offer(echo, LONG)?;
        talk::hang_up(echo)?;
    }
    let taken = client::clock().saturating_sub(start);
    figure("link-and-hang-up-instructions", taken / ROUNDS)?;
    equal!("usage", world.account(world.own)?.usage, before);
    ensure!(talk::links().is_empty(), "a link is left");
    balanced(group)?;
    let partner = talk::offer(echo, LONG)?;
    ask(partner, "bye")?;
    content(world, echo)
}
