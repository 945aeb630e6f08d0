//! `worker ROUNDS`: works round after round and prints its pace.
//!
//! Priorities are strict, so a worker above the bomb and the hog would never let them run and there would be nothing
//! to see. It rests whenever it has had more than its share: it starts a `nap` in the group below its own, which is in
//! the low band, and waits for it. During a nap everybody in the low band gets a turn. So the worker's share settles at
//! [`REST_ABOVE`], whatever a turn of the others costs, and no timer is needed.

#![cfg_attr(target_os = "none", no_std, no_main)]

use client::interfaces::GroupId;
use client::interfaces::provision::ProgramId;
use client::{limits, process};
use programs::work::{ROUND, round, share};
use programs::{leading_number, start_again};

client::program!(begin);

/// The share, in per mille, above which the worker rests.
const REST_ABOVE: u64 = 600;
/// How many lines tell the pace.
const LINES: u64 = 10;

fn begin() -> i32 {
    let Some(rounds) = leading_number(process::arguments().as_str()).map(u64::from) else {
        client::println!("usage: worker ROUNDS");
        return 2;
    };
    let bed = bed();
    let start = client::clock();
    let pace = pace();
    for done in 1..=rounds {
        round();
        let time = client::clock().saturating_sub(start);
        let share = share(done, pace, time);
        if done.saturating_mul(LINES).checked_rem(rounds) < Some(LINES) {
            client::println!(
                "worker: round {done:4} of {rounds}, {time:11} instructions since the start, share {}.{} %",
                share / 10,
                share % 10
            );
        }
        if share > REST_ABOVE {
            rest(bed);
        }
    }
    0
}

/// What one round takes on the clock when nobody is in between: a million, where the clock counts instructions.
fn pace() -> u64 {
    // Whoever ran in between made it longer: the shortest of a few is the truest.
    let pace = [(); 3].map(|()| {
        let before = client::clock();
        round();
        client::clock().saturating_sub(before)
    });
    let pace = pace.into_iter().min().unwrap_or(ROUND);
    // The clock itself and the kernel's ticks add a little, which is no work.
    if pace.abs_diff(ROUND) < ROUND / 50 {
        ROUND
    } else {
        pace
    }
}

/// Where naps are taken: the first group below the worker's own, if there is one.
fn bed() -> Option<(GroupId, ProgramId)> {
    let below = limits::list_children(None, None).ok()?;
    let nap = process::find_program("nap").ok()?;
    Some((*below.items.first()?, nap))
}

fn rest(bed: Option<(GroupId, ProgramId)>) {
    let Some((group, nap)) = bed else { return };
    if let Ok(child) = start_again(nap, Some(group), "") {
        // However the nap ended, the rest is over.
        let _ = process::wait(Some(child));
    }
}
