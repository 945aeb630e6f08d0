//! Assistants that sleep.

use client::time;

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
