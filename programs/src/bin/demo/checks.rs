//! What must be true at the end, each said aloud when it is not.

use core::fmt;

use client::interfaces::process::{Ended, WaitRefusal};
use client::interfaces::{Amounts, CallError, GroupId, Resource};
use client::{limits, println, process, truth};

use crate::groups::Groups;
use crate::well;

/// Whether anything was wrong so far.
#[derive(Debug)]
pub struct Verdict {
    wrong: u32,
}

impl Verdict {
    /// Nothing was wrong yet.
    pub const fn new() -> Self {
        Self { wrong: 0 }
    }

    /// Whether nothing was wrong.
    pub const fn passed(&self) -> bool {
        self.wrong == 0
    }

    /// Something was wrong.
    pub fn wrong(&mut self, what: fmt::Arguments<'_>) {
        println!("demo: WRONG: {what}");
        self.wrong = self.wrong.saturating_add(1);
    }

    /// Something was wrong unless this is true.
    pub fn require(&mut self, truth: bool, what: fmt::Arguments<'_>) {
        if !truth {
            self.wrong(what);
        }
    }

    /// The value, or a complaint.
    pub fn value<T, E: fmt::Display>(&mut self, what: &str, result: Result<T, E>) -> Option<T> {
        result
            .inspect_err(|error| self.wrong(format_args!("{what}: {error}")))
            .ok()
    }

    /// A task must have ended by itself, with code 0.
    pub fn ended_well(&mut self, name: &str, end: Result<Ended, CallError<WaitRefusal>>) {
        if let Some(end) = self.value(name, end) {
            self.require(
                well(end.reason),
                format_args!("{name} ended: {:?}", end.reason),
            );
        }
    }
}

/// Every group of the machine. An operator may walk them all; should that fail, it is said once.
pub fn every_group(verdict: &mut Verdict) -> impl Iterator<Item = GroupId> + use<> {
    let mut next = verdict
        .value("walking all groups", process::next_group(None))
        .flatten();
    core::iter::from_fn(move || {
        let group = next?;
        next = process::next_group(Some(group)).ok().flatten();
        Some(group)
    })
}

/// A group must have come to exactly its limit, and have been refused more.
pub fn exact_peak(verdict: &mut Verdict, name: &str, group: GroupId, resource: Resource) {
    let Some(account) = verdict.value(name, limits::read_resource(Some(group), resource)) else {
        return;
    };
    println!(
        "demo: the {name}'s group came to {} {resource} of {} and was refused {} times",
        account.peak, account.limit, account.refusals
    );
    verdict.require(
        account.peak == account.limit.bound(),
        format_args!("the {name}'s peak is not its limit"),
    );
    verdict.require(
        account.refusals > 0,
        format_args!("the {name} was never refused"),
    );
}

/// Kills a group; what it held must be what came back.
pub fn kill(verdict: &mut Verdict, name: &str, group: GroupId) {
    if let Some(receipt) = verdict.value(name, process::kill_group(group)) {
        println!("demo: killed the {name}: it held {}", receipt.held);
        if receipt.held == receipt.returned {
            println!("demo: and exactly that came back");
        } else {
            println!("demo: and {} came back", receipt.returned);
        }
        verdict.require(
            receipt.held == receipt.returned,
            format_args!("the {name}'s receipt is not equal"),
        );
    }
}

/// No group uses anything any more, but for our own, those above it, and the system's. What a group above others pays
/// for their records is theirs, not use: an audit tells it from the rest.
pub fn nothing_left(verdict: &mut Verdict, groups: &Groups) {
    let mut clean = 0_u32;
    for group in every_group(verdict) {
        let Some(account) = verdict.value("reading", limits::read_account(Some(group))) else {
            continue;
        };
        let exempt =
            group == GroupId::ROOT || group == groups.own || account.label.as_str() == "system";
        if exempt {
            continue;
        }
        let records = if account.children == 0 {
            Amounts::NONE
        } else {
            Amounts::of(Resource::Groups, account.usage.get(Resource::Groups)).with(
                Resource::KernelMemory,
                account.usage.get(Resource::KernelMemory),
            )
        };
        verdict.require(
            account.usage == records,
            format_args!("group {} still has {}", account.label, account.usage),
        );
        clean = clean.saturating_add(1);
    }
    println!("demo: {clean} groups are empty again: no task, no frame, no slot is left in them");
}

/// What the ledger says of each group must be what the servers have on record for it, and what the kernel bears out.
pub fn audit(verdict: &mut Verdict) {
    let (mut agreed, mut checked) = (0_u32, 0_u64);
    for group in every_group(verdict) {
        let Some(result) = verdict.value("audit", truth::audit(group)) else {
            continue;
        };
        verdict.require(result.is_equal(), format_args!("group {group}: {result}"));
        agreed = agreed.saturating_add(u32::from(result.is_equal()));
        checked = checked.saturating_add(result.checked);
    }
    println!(
        "demo: audit: ledger and kernel agree in {agreed} groups, {checked} capabilities asked for"
    );
}
