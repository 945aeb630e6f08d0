//! `nest DEPTH`: a group in a group in a group, a task in each, and then nothing.
//!
//! Every instance but the last opens a group, starts the next in there, waits for it and closes the group. When the
//! last one is there, the first one looks down the chain and prints what each group counts: itself and all below. The
//! last one waits for its group's label, which only who is above can set, before the chain is taken down.

#![cfg_attr(target_os = "none", no_std, no_main)]

use client::interfaces::{GroupId, Resource};
use client::{limits, process};
use programs::{leading_number, start};

client::program!(begin);

/// The label with which the first instance sends the last one home.
const SEEN: &str = "seen";
/// The word with which all but the first are called.
const INNER: &str = "inner";
/// The deepest chain that the first instance can print.
const DEEPEST: usize = 32;

fn begin() -> i32 {
    let arguments = process::arguments();
    let Some(depth) = leading_number(arguments.as_str()) else {
        client::println!("usage: nest DEPTH");
        return 2;
    };
    let first = !arguments.as_str().ends_with(INNER);
    if depth == 0 {
        wait_to_be_seen();
        return 0;
    }
    match descend(depth, first) {
        Some(()) => 0,
        None => 1,
    }
}

/// Opens the next group with the next instance in it, and waits for the end of both.
fn descend(depth: u32, first: bool) -> Option<()> {
    let group = limits::open_group(None).ok()?;
    let mut arguments = client::interfaces::process::Arguments::default();
    core::fmt::Write::write_fmt(
        &mut arguments,
        format_args!("{} {INNER}", depth.saturating_sub(1)),
    )
    .ok()?;
    let child = start("nest", Some(group), arguments.as_str()).ok()?;
    if first {
        look_down(group, depth)?;
    }
    process::wait(Some(child)).ok()?;
    limits::close_group(group).ok()?;
    if first {
        let usage = limits::read_usage(None).ok()?;
        client::println!(
            "nest: taken down: {} groups, {} tasks left",
            usage.get(Resource::Groups),
            usage.get(Resource::Tasks)
        );
    }
    Some(())
}

/// Waits until the chain has its full length, prints it, and tells the last one.
fn look_down(top: GroupId, depth: u32) -> Option<()> {
    while usage(None, Resource::Groups)? < u64::from(depth)
        || usage(None, Resource::Tasks)? <= u64::from(depth)
    {
        client::yield_now();
    }
    client::print!("nest: tasks in each group of the chain and below it:");
    client::print!(" {}", usage(None, Resource::Tasks)?);
    let mut group = top;
    for _ in 0..DEEPEST {
        client::print!(" {}", usage(Some(group), Resource::Tasks)?);
        match limits::list_children(Some(group), None).ok()?.items.first() {
            Some(&below) => group = below,
            None => break,
        }
    }
    client::println!();
    limits::set_label(group, SEEN).ok()
}

fn usage(group: Option<GroupId>, resource: Resource) -> Option<u64> {
    Some(limits::read_resource(group, resource).ok()?.usage)
}

fn wait_to_be_seen() {
    while limits::read_account(None).is_ok_and(|account| account.label.as_str() != SEEN) {
        client::yield_now();
    }
}
