//! Modes of a task that leaves something behind, and of the next one, which is to find none of it.

use core::ops::Range;

use client::interfaces::memory::{Access, PAGE_BYTES};
use client::interfaces::process::ExitReason;
use client::process::Forked;
use client::{memory, process};

/// The end of the main stack that no task of this program gets to: well within the tables that every task is born with.
const STACK: Range<u64> = 0x21_1000..0x21_9000;
/// What is left there.
const SECRET: u64 = 0x5ec_3e7;
/// Pages of the region.
const PAGES: u32 = 8;

fn pages() -> impl Iterator<Item = *mut u64> {
    let pages = STACK.step_by(4096);
    pages.map(|address| address as *mut u64)
}

/// `leave HOW`: writes to its stack and to a region; with `fork`, a child sees both through copies, writes to every other
/// page and ends first; with `outlive`, last. The address of the region is the same each time.
pub fn leave(how: &str) -> i32 {
    let region = value!(memory::create_region(PAGES));
    let address = u64::from(value!(memory::map(region, None, Access::ReadWrite)));
    let region = (0..u64::from(PAGES))
        .map(|page| address.saturating_add(page.saturating_mul(PAGE_BYTES)) as *mut u64);
    for page in pages().chain(region.clone()) {
        // SAFETY: the page is in the region, or in the part of this task's own stack that nothing uses.
        unsafe { page.write_volatile(SECRET) };
    }
    if how == "alone" {
        return 0;
    }
    match value!(process::fork(None)) {
        Forked::Child => {
            for (number, page) in pages().chain(region).enumerate() {
                // SAFETY: as above.
                if unsafe { page.read_volatile() } != SECRET {
                    return problem!("the child does not see page {number}");
                }
                if number.is_multiple_of(2) {
                    // SAFETY: as above.
                    unsafe { page.write_volatile(SECRET) };
                }
            }
            0
        }
        Forked::Parent(_) if how == "outlive" => 0,
        Forked::Parent(child) => match value!(process::wait(Some(child))).reason {
            ExitReason::Exited { code: 0 } => 0,
            other => problem!("the child ended: {other:?}"),
        },
    }
}

/// `find`: looks where others left something, and is to see zeros.
pub fn find() -> i32 {
    for page in pages() {
        // SAFETY: the page is in the part of this task's own stack that nothing uses.
        let word = unsafe { page.read_volatile() };
        if word != 0 {
            return problem!("{word:x} is at {page:?}");
        }
    }
    0
}
