//! Modes that take all they can get.

use client::interfaces::console::LINE_BYTES;
use client::interfaces::process::ExitReason;
use client::interfaces::{Amounts, Resource};
use client::{console, limits, memory, process};
use programs::work::{ROUND, round, share as share_of};

use crate::task::spawn;
use crate::words::Words;

/// `busy INSTRUCTIONS`: keeps every server busy for so long.
///
/// Not for ever: beside the servers it runs above the suite, which could then never end it.
pub fn busy(words: &mut Words<'_>) -> i32 {
    let (start, time): (u64, u64) = (client::clock(), words.number());
    while client::clock().saturating_sub(start) < time {
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
    0
}

/// `contest`: starts a task that keeps every server busy and one that only works, each in a group of its own; the
/// share that the second had beside the first.
///
/// The two are started from here, in their own band: whoever is below it would not get to start the second.
pub fn contest() -> i32 {
    let (first, second) = (
        value!(limits::open_group(None)),
        value!(limits::open_group(None)),
    );
    // The busy one goes on for longer than the other needs even with the least share that would do.
    let busy = value!(spawn(Some(first), "busy 300000000"));
    let equal = value!(spawn(Some(second), "share 100"));
    let share = value!(process::wait(Some(equal)));
    expect!(
        process::read_task(Some(busy)).map(|account| account.task),
        Ok(_)
    );
    let end = value!(process::wait(Some(busy)));
    match (share.reason, end.reason) {
        (ExitReason::Exited { code }, ExitReason::Exited { code: 0 }) => code,
        ends => problem!("they ended so: {ends:?}"),
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
    // One message of newlines takes no longer than a few of as many letters.
    let (newlines, mut letters) = ([b'\n'; LINE_BYTES], [b'-'; LINE_BYTES]);
    letters[LINE_BYTES - 1] = b'\n';
    let text = |bytes| core::str::from_utf8(bytes).unwrap_or_default();
    let timed = |text| {
        let start = client::clock();
        console::print(text);
        client::clock().saturating_sub(start)
    };
    let (_, empty, full) = (timed("\n"), timed(text(&newlines)), timed(text(&letters)));
    if empty > full.saturating_mul(4) {
        return problem!("{empty} instructions for newlines, {full} for letters");
    }
    // Four times 110 letters are 200 more than a line holds. Control bytes may count or not.
    if (200..=208).contains(&dropped) {
        0
    } else {
        problem!("dropped {dropped} bytes")
    }
}

/// `neighbour`: asks every server things with known answers until its group's label is `end`; how many thousand
/// instructions a round took at most.
pub fn neighbour() -> i32 {
    let me = value!(limits::who_am_i());
    let mut longest = 0;
    loop {
        let start = client::clock();
        expect!(limits::who_am_i(), Ok(again) if again == me);
        expect!(process::read_task(None), Ok(account) if account.task == me.task);
        let region = value!(memory::create_region(3));
        expect!(memory::read_region(region), Ok(account) if account.pages == 3);
        value!(memory::destroy_region(region));
        longest = u64::max(longest, client::clock().saturating_sub(start));
        match limits::read_account(None) {
            Ok(account) if account.label.as_str() == "end" => break,
            Ok(_) => client::yield_now(),
            Err(error) => return problem!("{error}"),
        }
    }
    i32::try_from(longest / 1000).unwrap_or(i32::MAX)
}

/// `lateness TIMES`: how long it took at most, in instructions, from a moment that the clock was asked for to the answer
/// of a call to the memory-server. The moment comes anywhere in what tasks of lower bands have the servers do.
pub fn lateness(words: &mut Words<'_>) -> i32 {
    let mut longest = 0;
    for time in 0..words.number::<u64>() {
        let pause = time.wrapping_mul(37_123).wrapping_rem(200_000);
        let mut moment = value!(client::time::now());
        moment.ns = moment.ns.saturating_add(50_000).saturating_add(pause);
        value!(client::time::sleep_until(moment));
        value!(memory::read_space());
        longest = u64::max(longest, client::clock().saturating_sub(moment.ns));
    }
    i32::try_from(longest).unwrap_or(i32::MAX)
}
