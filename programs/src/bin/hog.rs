//! A memory hog: eats page after page until it is refused one, and does it again.
//!
//! A task whose page is refused cannot go on, so the hog is two: the first instance starts an eater, waits for its
//! end and starts the next. So its group is always either on the way to its limit or exactly at it.

#![cfg_attr(target_os = "none", no_std, no_main)]

use client::interfaces::memory::{Access, REGION_PAGES};
use client::interfaces::process::ExitReason;
use client::interfaces::provision::Cause;
use client::interfaces::{Limit, Resource};
use client::memory::PAGE_BYTES;
use client::{limits, memory, process};
use programs::start_again;

client::program!(begin);

/// What an eater is called with.
const EAT: &str = "eat";
/// How many ends of eaters the first instance tells of.
const TOLD: u32 = 2;
/// How many pages an eater reserves beyond what it can be granted, so that it is the frames that run out.
const BEYOND: u64 = 64;

fn begin() -> i32 {
    if process::arguments().as_str() == EAT {
        return eat();
    }
    let Ok(myself) = process::find_program("hog") else {
        return 1;
    };
    let mut told = 0;
    loop {
        let Ok(eater) = start_again(myself, None, EAT) else {
            client::yield_now();
            continue;
        };
        let Ok(end) = process::wait(Some(eater)) else {
            return 1;
        };
        if told < TOLD {
            tell(end.reason);
            told = told.saturating_add(1);
        }
        // A new task is put at the head of its priority's queue with a time slice of its own, so without this the
        // eaters would follow each other for ever and nobody else of the band would run.
        client::yield_now();
    }
}

fn tell(reason: ExitReason) {
    match reason {
        ExitReason::Fault(Cause::NoFrame(shortage)) => {
            client::println!("hog: ended: {shortage}; starting over");
        }
        other => client::println!("hog: ended: {other:?}; starting over"),
    }
}

/// Touches page after page; the return is for a machine that has a frame for all of them.
fn eat() -> i32 {
    let left = match limits::effective_limit(None, Resource::Frames) {
        Ok(effective) => effective.left,
        Err(_) => return 1,
    };
    let pages = match left {
        Limit::At(left) => u32::try_from(left.saturating_add(BEYOND)).unwrap_or(REGION_PAGES),
        Limit::Max => REGION_PAGES,
    };
    let Ok(region) = memory::create_region(pages.min(REGION_PAGES)) else {
        return 2;
    };
    let Ok(address) = memory::map(region, None, Access::ReadWrite) else {
        return 3;
    };
    for page in 0..u64::from(pages) {
        let byte = u64::from(address).saturating_add(page.saturating_mul(PAGE_BYTES));
        // SAFETY: the byte is in the region that was just mapped for writing, and nothing else is in there.
        unsafe { (byte as *mut u8).write_volatile(1) };
    }
    0
}
