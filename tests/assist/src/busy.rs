//! Modes that take all they can get.

use client::interfaces::{Amounts, Resource};
use client::{console, limits, memory, process};
use programs::work::{ROUND, round, share as share_of};

use crate::words::Words;

/// `busy`: keeps every server busy, for ever.
pub fn busy() -> i32 {
    loop {
        // What comes back does not matter; that it takes time does.
        let _ = limits::read_account(None);
        let _ = limits::list_tasks(None, None);
        let _ = limits::would_fit(None, Amounts::of(Resource::Frames, 1));
        let _ = process::read_task(None);
        let _ = process::find_program("nobody");
        let _ = console::dropped();
        if let Ok(region) = memory::create_region(64) {
            let _ = memory::map(region, None, memory::Access::ReadWrite);
            let _ = memory::destroy_region(region);
        }
    }
}

/// `share ROUNDS`: works so many rounds; the share, in per mille, that it had of the time this took.
pub fn share(words: &mut Words<'_>) -> i32 {
    let rounds: u64 = words.number();
    let start = client::clock();
    for _ in 0..rounds {
        round();
    }
    let time = client::clock().saturating_sub(start);
    i32::try_from(share_of(rounds, ROUND, time)).unwrap_or(-1)
}

/// `flood`: writes far more onto one line than fits it; what is too much is dropped and counted.
pub fn flood() -> i32 {
    let before = console::dropped();
    for _ in 0..4 {
        console::print(
            "flood: 8901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890\x1b\x1e",
        );
    }
    console::print("\n");
    let dropped = console::dropped().saturating_sub(before);
    // Four times 110 letters are 200 more than a line holds. Control bytes may count or not.
    if (200..=208).contains(&dropped) {
        0
    } else {
        problem!("dropped {dropped} bytes")
    }
}
