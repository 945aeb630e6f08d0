//! What the same program does as a child of the benchmarks: one mode, its result the exit code.

use client::interfaces::GroupId;
use client::limits;

use crate::Trouble;
use crate::profile::between;
use crate::samples::{MARKED, Samples, Summary, time};

/// What is said by a helper that was refused something.
pub const REFUSED: i32 = -1;

/// Runs the mode that the first word names.
#[inline(never)]
pub fn run(mode: &str, words: &mut core::str::Split<'_, char>) -> i32 {
    match mode {
        "exit" => 0,
        "hold" => hold(),
        "rest" => rest(),
        "enter" => code(enter(words)),
        "null" => code(nulls(words)),
        _ => REFUSED,
    }
}

/// Stays, and does nothing but give way.
fn hold() -> i32 {
    loop {
        client::yield_now();
    }
}

/// Gives way a few times.
fn rest() -> i32 {
    for _ in 0..8 {
        client::yield_now();
    }
    0
}

/// `enter INDEX GENERATION`: moves there; how long it took.
fn enter(words: &mut core::str::Split<'_, char>) -> Result<u64, Trouble> {
    let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    let group = GroupId {
        index: number(),
        generation: number(),
    };
    let marked = words.next() == Some(MARKED);
    // What is touched for the first time is touched here.
    limits::ping()?;
    limits::who_am_i()?;
    time(|| Ok(()))?;
    time(|| Ok(limits::ping()?))?;
    let nothing = time(|| Ok(()))?;
    let act = || time(|| Ok(limits::enter(group)?));
    let taken = if marked { between(act) } else { act() }?;
    Ok(taken.saturating_sub(nothing))
}

/// `null WHICH`: null round trips from here; the median, the least or the most. Its samples stay off others' stacks.
#[inline(never)]
fn nulls(words: &mut core::str::Split<'_, char>) -> Result<u64, Trouble> {
    let which = words.next();
    let mut samples = Samples::new();
    samples.marks = words.next() == Some(MARKED);
    let Summary {
        median, min, max, ..
    } = samples.of(200, || Ok(limits::ping()?))?;
    Ok(match which {
        Some("median") => median,
        Some("min") => min,
        _ => max,
    })
}

fn code(taken: Result<u64, Trouble>) -> i32 {
    taken.map_or(REFUSED, |taken| i32::try_from(taken).unwrap_or(i32::MAX))
}
