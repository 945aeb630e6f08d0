//! Assistants that sleep.

use client::{process, time};

use crate::words::Words;

/// Sleeps for so many nanoseconds (for ever without a number) and exits with 0 if that was not too short.
pub fn sleep(words: &mut Words<'_>) -> i32 {
    let ns = match words.number() {
        0 => u64::MAX,
        ns => ns,
    };
    let before = client::clock();
    match time::sleep(ns) {
        Ok(woken) if woken.ns >= before.saturating_add(ns) && client::clock() >= woken.ns => 0,
        other => problem!("slept from {before} for {ns}: {other:?}"),
    }
}

/// Sleeps again and again, for ever.
pub fn doze(words: &mut Words<'_>) -> i32 {
    let ns = words.number();
    loop {
        if let Err(error) = time::sleep(ns) {
            return problem!("no sleep: {error}");
        }
    }
}

/// `latency INTERVAL TIME`: asks something at these intervals for so long; how many instructions the longest answer took.
pub fn latency(words: &mut Words<'_>) -> i32 {
    let (interval, whole): (u64, u64) = (words.number(), words.number());
    let start = client::clock();
    let mut longest = 0;
    while client::clock().saturating_sub(start) < whole {
        value!(time::sleep(interval));
        let asked = client::clock();
        value!(process::read_task(None));
        longest = u64::max(longest, client::clock().saturating_sub(asked));
    }
    i32::try_from(longest).unwrap_or(i32::MAX)
}
