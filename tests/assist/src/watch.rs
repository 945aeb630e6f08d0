//! Modes of a watcher.

use client::Server;
use client::events::{Event, Next, Watcher};
use client::interfaces::events::{
    Ending, Kinds, RING_PAGES, ReadSnapshot, RingId, SnapshotRefusal, TASK_RINGS, Unwatch, Watch,
    WatchRefusal,
};
use client::interfaces::process::CloseRing;
use client::interfaces::provision::{RingRefusal, UnknownRefusal};
use client::interfaces::{CallError, GroupId};
use client::{limits, process};

use crate::task::spawn;
use crate::words::Words;

/// `churn`: opens a group, lets a child end in it with code 3, closes it, for ever.
pub fn churn() -> i32 {
    loop {
        let Ok(group) = limits::open_group(None) else {
            client::yield_now();
            continue;
        };
        if let Ok(child) = spawn(Some(group), "exit 3") {
            value!(process::wait(Some(child)));
        }
        value!(limits::close_group(group));
    }
}

/// `watch-deaf PAGES`: watches its own group and never reads.
pub fn deaf(words: &mut Words<'_>) -> i32 {
    let mut watcher = value!(Watcher::open(words.number()));
    value!(watcher.watch(None, Kinds::ALL));
    crate::task::idle()
}

/// `watch-all`: watches its own group with every ring that it can have, and reads what comes, for ever.
pub fn all() -> i32 {
    let open = || {
        let mut watcher = Watcher::open(1).ok()?;
        watcher.watch(None, Kinds::ALL).ok()?;
        Some(watcher)
    };
    let mut watchers: [Option<Watcher>; TASK_RINGS] = core::array::from_fn(|_| open());
    if watchers.iter().any(Option::is_none) {
        return problem!("not all rings were opened");
    }
    loop {
        for watcher in watchers.iter_mut().flatten() {
            while !matches!(watcher.next_event(), Next::Empty) {}
        }
        client::yield_now();
    }
}

/// `watch-cut`: watches its own group while somebody above it does things there; hears of all of it, and of nobody who
/// is not in there.
pub fn cut() -> i32 {
    let mut watcher = value!(Watcher::open(1));
    value!(watcher.watch(None, Kinds::ALL));
    let own = value!(limits::open_group(None));
    let mut heard = [0_u32; 5];
    loop {
        let record = match watcher.wait_next() {
            Next::Record(record) => record,
            other => return problem!("{other:?}"),
        };
        let which = match record.event {
            Event::Opened { group, .. } if group == own => continue,
            Event::Born { parent: None, .. } => 0,
            Event::Died {
                ending: Ending::Killed { by: None },
                ..
            } => 1,
            Event::Arrived { from: None, .. } => 2,
            Event::Left { to: None, .. } => 3,
            Event::Opened { by: None, .. } => 4,
            Event::Gone { .. } if heard == [1; 5] => return 0,
            other => return problem!("{other:?} after {heard:?}"),
        };
        if let Some(count) = heard.get_mut(which) {
            *count = count.saturating_add(1);
        }
    }
}

/// `watch-outside PARENT SIBLING`: groups above and beside cannot be watched, one's own can.
pub fn outside(words: &mut Words<'_>) -> i32 {
    let (parent, sibling) = (words.group(), words.group());
    let mut watcher = value!(Watcher::open(1));
    for group in [parent, sibling, GroupId::ROOT] {
        expect!(
            watcher.watch(Some(group), Kinds::ALL),
            Err(CallError::Refused(WatchRefusal::UnknownGroup))
        );
    }
    value!(watcher.watch(None, Kinds::ALL));
    let child = value!(spawn(None, "exit 0"));
    value!(process::wait(Some(child)));
    let mut seen = 0_u32;
    while let Next::Record(record) = watcher.next_event() {
        if !limits::who_am_i().is_ok_and(|me| me.group == record.event.group()) {
            return problem!("it heard {record:?}");
        }
        seen = seen.saturating_add(1);
    }
    if seen == 2 {
        0
    } else {
        problem!("{seen} events, not a birth and a death")
    }
}

/// `ring-thief`: every ring that there can be, asked about by its name, is unknown to who did not open it.
pub fn thief() -> i32 {
    let watcher = value!(Watcher::open(1));
    let own = watcher.ring();
    for ring in (0..=u8::MAX).map(RingId).filter(|&ring| ring != own) {
        let watch = Watch {
            ring,
            group: None,
            kinds: Kinds::ALL,
        };
        expect!(
            client::call(Server::Limits, &watch),
            Err(CallError::Refused(WatchRefusal::UnknownRing))
        );
        expect!(
            client::call(Server::Limits, &Unwatch { ring }),
            Err(CallError::Refused(WatchRefusal::UnknownRing))
        );
        expect!(
            client::call(Server::Limits, &ReadSnapshot { ring }),
            Err(CallError::Refused(SnapshotRefusal::UnknownRing))
        );
        expect!(
            client::call(Server::Process, &CloseRing { ring }),
            Err(CallError::Refused(UnknownRefusal::Unknown))
        );
    }
    0
}

/// `rings TIMES`: opens and closes rings of every size, so many times.
pub fn rings(words: &mut Words<'_>) -> i32 {
    for round in 0..words.number::<u32>() {
        let pages = 1_u8.wrapping_shl(round % 5);
        let mut watcher = value!(Watcher::open(pages));
        value!(watcher.watch(None, Kinds::ALL));
        let child = value!(spawn(None, "exit 0"));
        value!(process::wait(Some(child)));
        let born = watcher.next_event();
        let died = watcher.next_event();
        if !matches!((born, died), (Next::Record(_), Next::Record(_))) {
            return problem!("round {round}: {born:?}, {died:?}");
        }
    }
    0
}

/// `ring-limits`: sizes that there are not, and more than a task can have, are refused.
pub fn limits_of_rings() -> i32 {
    for pages in [0, 3, 5, 17, 32, 255] {
        expect!(
            Watcher::open(pages).map(drop),
            Err(CallError::Refused(RingRefusal::BadSize))
        );
    }
    let most = u8::try_from(RING_PAGES).unwrap_or(u8::MAX);
    let largest = value!(Watcher::open(most));
    expect!(
        Watcher::open(1).map(drop),
        Err(CallError::Refused(RingRefusal::TooMany))
    );
    drop(largest);
    let rings: [_; TASK_RINGS] = core::array::from_fn(|_| Watcher::open(1));
    if rings.iter().any(Result::is_err) {
        return problem!("not so many rings");
    }
    expect!(
        Watcher::open(1).map(drop),
        Err(CallError::Refused(RingRefusal::TooMany))
    );
    0
}

/// `ring-write`: writes into its own ring, which it may only read.
pub fn write() -> i32 {
    let watcher = value!(Watcher::open(1));
    let address = core::ptr::from_ref(watcher.reader().words()).cast::<u64>();
    // SAFETY: not sound at all: the kernel is to stop it.
    unsafe { address.cast_mut().write_volatile(1) };
    problem!("nothing stopped it")
}

/// `ring-closed`: reads its ring after it was closed.
pub fn closed() -> i32 {
    let watcher = value!(Watcher::open(1));
    let address = core::ptr::from_ref(watcher.reader().words()).cast::<u64>();
    drop(watcher);
    // SAFETY: not sound at all: the kernel is to stop it.
    let word = unsafe { address.read_volatile() };
    problem!("nothing stopped it: {word}")
}
