//! Modes of a task that has the servers do something large, and of one that looks how long its faults wait meanwhile.

use client::events::Watcher;
use client::process::Forked;
use client::{memory, process};

use crate::pages::{at, mapped, touched, touched_of};
use crate::words::Words;

/// `large WHAT PAGES TIMES`: touches so many pages and has that done with them, so many times.
pub fn large(words: &mut Words<'_>) -> i32 {
    let what = words.next();
    let (pages, times): (u32, u32) = (words.number(), words.number());
    let (region, _) = match touched(pages) {
        Ok(touched) => touched,
        Err(code) => return code,
    };
    for _ in 0..times {
        match what {
            "clone" => {
                let clone = value!(memory::clone_region(region));
                value!(memory::destroy_region(clone));
            }
            "fork" => match value!(process::fork(None)) {
                Forked::Child => return 0,
                Forked::Parent(child) => {
                    value!(process::wait(Some(child)));
                }
            },
            "resize" => {
                value!(memory::resize(region, 1));
                value!(memory::resize(region, pages));
                value!(memory::unmap(region));
                if let Err(code) = touched_of(region, pages) {
                    return code;
                }
            }
            "ring" => drop(value!(Watcher::open(16))),
            _ => return problem!("{what} is not something large"),
        }
    }
    0
}

/// `late-faults PAGES`: how long it took at most, in instructions, from a moment that the clock was asked for until a page
/// that was touched then was there. The moment comes anywhere in what tasks of lower bands have the servers do.
pub fn late_faults(words: &mut Words<'_>) -> i32 {
    let pages: u32 = words.number();
    let (_, address) = match mapped(pages) {
        Ok(mapped) => mapped,
        Err(code) => return code,
    };
    let mut longest = 0;
    // Downwards: nobody would bring pages along.
    for page in (0..pages).rev() {
        let pause = u64::from(page).wrapping_mul(37_123).wrapping_rem(200_000);
        let mut moment = value!(client::time::now());
        moment.ns = moment.ns.saturating_add(50_000).saturating_add(pause);
        value!(client::time::sleep_until(moment));
        // SAFETY: the page is in the region that was just mapped, and nothing else is in there.
        unsafe { at(address, page).write_volatile(1) };
        longest = u64::max(longest, client::clock().saturating_sub(moment.ns));
    }
    i32::try_from(longest).unwrap_or(i32::MAX)
}
