//! The table: a line per group.

use client::interfaces::limits::Account;
use client::interfaces::{Limit, Resource};
use client::{limits, println};

use crate::checks::{Verdict, every_group};

/// Prints a line for every group: what it uses, may use and came to.
pub fn print(verdict: &mut Verdict) {
    println!(
        "{:<8}|{:^20}|{:^26}|{:>10} |{:>9}",
        "", "tasks", "frames", "kernel", ""
    );
    println!(
        "{:<8}|{:>6}{:>7}{:>6} |{:>8}{:>9}{:>8} |{:>10} |{:>9}",
        "group", "used", "limit", "peak", "used", "limit", "peak", "memory", "refusals"
    );
    for group in every_group(verdict) {
        match limits::read_account(Some(group)) {
            Ok(account) => line(&account),
            Err(error) => verdict.wrong(format_args!("group {group} cannot be read: {error}")),
        }
    }
}

fn line(account: &Account) {
    let used = |kind| account.usage.get(kind);
    let peak = |kind| account.peak.get(kind);
    let limit = |kind: Resource| {
        account
            .limit
            .get(kind.index())
            .copied()
            .unwrap_or(Limit::Max)
    };
    let refusals = account
        .refusals
        .iter()
        .fold(0_u64, |sum, (_, count)| sum.saturating_add(count));
    println!(
        "{:<8}|{:>6}{:>7}{:>6} |{:>8}{:>9}{:>8} |{:>10} |{:>9}",
        account.label,
        used(Resource::Tasks),
        limit(Resource::Tasks),
        peak(Resource::Tasks),
        used(Resource::Frames),
        limit(Resource::Frames),
        peak(Resource::Frames),
        used(Resource::KernelMemory),
        refusals,
    );
}
