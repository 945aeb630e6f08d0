//! `partner`: does with memory what the suite asks, through a page that both map.
//!
//! The page is the first region that the suite offers. Its words: how often the suite has asked and how often it was
//! answered, the request and its operands, the answer, and whether the assistant is there. What is asked is done in this task, under its authority and
//! at its group's expense, so the suite can be two tasks at once and say in which order they act.

use core::sync::atomic::{AtomicU64, Ordering};

use client::interfaces::TaskId;
use client::interfaces::memory::{Access, RegionId};
use client::memory;

use crate::words::Words;

/// Words of the page.
const WORDS: usize = 16;

/// What can be asked, in the order of their numbers. The suite has the same list.
const CREATE: u64 = 0;
const SHARE: u64 = 1;
const ACCEPT: u64 = 2;
const MAP: u64 = 3;
const READ: u64 = 4;
const WRITE: u64 = 5;
const UNMAP: u64 = 6;
const DESTROY: u64 = 7;
const EXIT: u64 = 8;
const RESIZE: u64 = 9;
const SPONSOR: u64 = 10;
const CLONE: u64 = 11;
const CREATE_LARGE: u64 = 12;
const RESIZE_LARGE: u64 = 13;

/// The answer to what was refused; its operand says nothing more.
const REFUSED: u64 = u64::MAX;

fn region(word: u64) -> RegionId {
    RegionId {
        index: low(word),
        generation: low(word >> 32),
    }
}

fn word(region: RegionId) -> u64 {
    (u64::from(region.generation) << 32) | u64::from(region.index)
}

#[expect(clippy::cast_possible_truncation, reason = "the low half of a word")]
const fn low(word: u64) -> u32 {
    word as u32
}

/// In the operand that says what the other may do: its group may pay, too.
const PAYMENT: u64 = 2;

fn access(word: u64) -> Access {
    if word == 0 {
        Access::Read
    } else {
        Access::ReadWrite
    }
}

/// `partner SUITE`: accepts a page from the suite and does what it says there.
pub fn partner(words: &mut Words<'_>) -> i32 {
    let suite = words.task();
    let offered = loop {
        if let Some(region) = value!(memory::offered(suite)) {
            break region;
        }
        client::yield_now();
    };
    value!(memory::accept(offered));
    let address = value!(memory::map(offered, None, Access::ReadWrite));
    // SAFETY: the page was just mapped to be written and is never unmapped; the suite uses it as atomic words too.
    let page = unsafe { &*(u64::from(address) as *const [AtomicU64; WORDS]) };
    let [asked, answered, request, one, two, three, answer, here, ..] = page;
    here.store(1, Ordering::Release);
    let mut turn = 0_u64;
    loop {
        if asked.load(Ordering::Acquire) == turn {
            client::yield_now();
            continue;
        }
        turn = turn.wrapping_add(1);
        let operands = [one, two, three].map(|word| word.load(Ordering::Relaxed));
        let request = request.load(Ordering::Relaxed);
        answer.store(
            serve(request, operands).unwrap_or(REFUSED),
            Ordering::Relaxed,
        );
        answered.store(turn, Ordering::Release);
        if request == EXIT {
            return 0;
        }
    }
}

fn serve(request: u64, [one, two, three]: [u64; 3]) -> Option<u64> {
    match request {
        CREATE => memory::create_region(low(one)).ok().map(word),
        SHARE => {
            let to = TaskId {
                index: low(two),
                generation: low(two >> 32),
            };
            let (access, with_payment) = (access(three & 1), three & PAYMENT != 0);
            let share = if with_payment {
                memory::share_with_payment
            } else {
                memory::share
            };
            share(region(one), to, access).ok().map(word)
        }
        ACCEPT => memory::accept(region(one)).ok().map(|_| 0),
        MAP => {
            let address = (two != 0).then_some(low(two));
            let address = memory::map(region(one), address, access(three)).ok()?;
            Some(u64::from(address))
        }
        // SAFETY: the suite names words of regions that are mapped here, or means this task to fault.
        READ => Some(unsafe { (one as *const u64).read_volatile() }),
        WRITE => {
            // SAFETY: as above.
            unsafe { (one as *mut u64).write_volatile(two) };
            Some(0)
        }
        UNMAP => memory::unmap(region(one)).ok().map(|()| 0),
        DESTROY => memory::destroy_region(region(one)).ok().map(|()| 0),
        EXIT => Some(0),
        RESIZE => memory::resize(region(one), low(two)).ok().map(|()| 0),
        SPONSOR => memory::sponsor(region(one)).ok().map(|()| 0),
        CREATE_LARGE => memory::create_large(low(one)).ok().map(word),
        RESIZE_LARGE => memory::resize_large(region(one), low(two)).ok().map(|()| 0),
        CLONE => memory::clone_region(region(one)).ok().map(word),
        _ => None,
    }
}
