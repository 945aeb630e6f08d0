//! Modes of a task that does something which may be refused at any step: it says so with its exit code.

use client::interfaces::CallError;
use client::interfaces::memory::{Access, PAGE_BYTES};
use client::interfaces::process::ExitReason;
use client::process::Forked;
use client::{events, limits, memory, process};

use crate::threads;
use crate::words::Words;

/// What a task ends with that was refused something.
const REFUSED: i32 = 70;
/// What a forked child ends with.
const CHILD: i32 = 50;

/// The value, or the end of the mode: refused is an answer, anything else is a problem.
macro_rules! tried {
    ($call:expr) => {
        match $call {
            Ok(value) => value,
            Err(CallError::Refused(_)) => return REFUSED,
            Err(error) => return problem!("{}: {error:?}", stringify!($call)),
        }
    };
}

/// Ends the mode unless this one did what it was to do.
macro_rules! content {
    ($code:expr) => {
        match $code {
            0 => {}
            code => return code,
        }
    };
}

/// `tries WHAT`.
pub fn tries(words: &mut Words<'_>) -> i32 {
    match words.next() {
        "fork" => fork(),
        "touch" => memory(),
        "thread" => thread(),
        "everything" => everything(),
        other => problem!("cannot try {other}"),
    }
}

/// Writes to each page of a mapping.
fn touch(address: u32, pages: u32) {
    for page in 0..pages {
        let at = u64::from(address).saturating_add(u64::from(page).saturating_mul(PAGE_BYTES));
        // SAFETY: the callers have just mapped so many pages there, and nothing else is in there.
        unsafe { (at as *mut u64).write_volatile(u64::from(page)) };
    }
}

/// Touches memory of its own.
fn memory() -> i32 {
    const PAGES: u32 = 3;
    let region = tried!(memory::create_region(PAGES));
    touch(tried!(memory::map(region, None, Access::ReadWrite)), PAGES);
    0
}

/// Forks with touched memory, which both write to; waits for the child.
fn fork() -> i32 {
    const PAGES: u32 = 3;
    let region = tried!(memory::create_region(PAGES));
    let address = tried!(memory::map(region, None, Access::ReadWrite));
    touch(address, PAGES);
    match tried!(process::fork(None)) {
        Forked::Child => {
            touch(address, PAGES);
            CHILD
        }
        Forked::Parent(child) => {
            touch(address, PAGES);
            match tried!(process::wait(Some(child))).reason {
                ExitReason::Exited { code: CHILD } => 0,
                // It met the step that failed.
                _ => REFUSED,
            }
        }
    }
}

/// Starts a thread that sleeps, and ends it: if nobody comes to that, nobody is kept from running by it either.
fn thread() -> i32 {
    let number = tried!(threads::start(0, threads::sleeper));
    tried!(process::end_thread(number));
    0
}

/// Memory of its own, in parts, larger and smaller, and cloned.
fn regions() -> i32 {
    const PAGES: u32 = 4;
    let region = tried!(memory::create_region(PAGES));
    let address = tried!(memory::map(region, None, Access::ReadWrite));
    touch(address, PAGES);
    tried!(memory::resize(region, 8));
    tried!(memory::resize(region, PAGES));
    let clone = tried!(memory::clone_region(region));
    let there = tried!(memory::map(clone, None, Access::ReadWrite));
    touch(there, PAGES);
    let part = tried!(memory::map_part(region, None, Access::Read, 1, 2));
    tried!(memory::unmap_part(part));
    tried!(memory::unmap(region));
    tried!(memory::destroy_region(region));
    tried!(memory::destroy_region(clone));
    0
}

/// A group of its own, and a ring that watches it.
fn groups() -> i32 {
    let group = tried!(limits::open_group(None));
    let mut watcher = tried!(events::Watcher::open(1));
    tried!(watcher.watch(Some(group), client::interfaces::events::Kinds::ALL));
    drop(watcher);
    tried!(limits::read_account(Some(group)));
    tried!(limits::close_group(group));
    0
}

/// A bit of everything that a task can ask for.
fn everything() -> i32 {
    content!(regions());
    content!(groups());
    content!(thread());
    content!(fork());
    let program = tried!(process::find_program("assist"));
    let child = tried!(process::spawn_with(program, None, format_args!("exit 0")));
    match tried!(process::wait(Some(child))).reason {
        ExitReason::Exited { code: 0 } => 0,
        _ => REFUSED,
    }
}
