//! Instructions of the things that happen most, as the caller sees them.
//!
//! Each is done several times and the least counts: the first time warms up, and a timer tick may fall into any other.

use client::interfaces::memory::Access;
use client::interfaces::{Amounts, Resource};
use client::{limits, memory, process};

use crate::task::spawn;
use crate::words::Words;

/// How often each thing is done.
const TIMES: u32 = 20;

/// `measure WHAT`: the least number of instructions.
pub fn measure(words: &mut Words<'_>) -> i32 {
    let what = words.next();
    let least = match what {
        "call" => least(|| limits::who_am_i().is_ok()),
        "read" => least(|| limits::read_resource(None, Resource::Frames).is_ok()),
        "would-fit" => {
            let amounts = Amounts::of(Resource::Frames, 1).with(Resource::Commit, 1);
            least(|| limits::would_fit(None, amounts).is_ok())
        }
        "open-close" => {
            least(|| limits::open_group(None).is_ok_and(|group| limits::close_group(group).is_ok()))
        }
        "region" => least(|| {
            memory::create_region(1).is_ok_and(|region| memory::destroy_region(region).is_ok())
        }),
        "spawn" => {
            least(|| spawn(None, "exit 0").is_ok_and(|child| process::wait(Some(child)).is_ok()))
        }
        "fault" => faults(),
        other => return problem!("no measure {other}"),
    };
    if let Some(least) = least {
        i32::try_from(least).unwrap_or(i32::MAX)
    } else {
        problem!("{what} was refused")
    }
}

/// The least time that `act` takes, without what asking for the time takes.
fn least(mut act: impl FnMut() -> bool) -> Option<u64> {
    let nothing = timed(&mut || true)?;
    let mut least = u64::MAX;
    for _ in 0..TIMES {
        least = least.min(timed(&mut act)?);
    }
    Some(least.saturating_sub(nothing))
}

fn timed(act: &mut impl FnMut() -> bool) -> Option<u64> {
    let start = client::clock();
    let done = act();
    let time = client::clock().saturating_sub(start);
    done.then_some(time)
}

/// A page touched for the first time.
fn faults() -> Option<u64> {
    let region = memory::create_region(TIMES.saturating_add(1)).ok()?;
    let address = memory::map(region, None, Access::ReadWrite).ok()?;
    // Downwards, or neighbours would come along and cost nothing.
    let bytes = u64::from(TIMES.saturating_add(1)).saturating_mul(memory::PAGE_BYTES);
    let mut end = u64::from(address).saturating_add(bytes);
    least(|| {
        end = end.saturating_sub(memory::PAGE_BYTES);
        // SAFETY: the page is in the region that was just mapped, and nothing else is in there.
        unsafe { (end as *mut u8).write_volatile(1) };
        true
    })
}
