//! Modes of a task that forks.

use client::interfaces::memory::{Access, PAGE_BYTES};
use client::interfaces::process::{ExitReason, ForkRefusal};
use client::interfaces::{CallError, GroupId, TaskId};
use client::process::Forked;
use client::{limits, memory, process};

use crate::task::idle;
use crate::words::Words;

/// What is in the program's own memory: a child sees what its parent wrote, and writes for itself.
static WORD: core::sync::atomic::AtomicU64 = core::sync::atomic::AtomicU64::new(1);

/// Where page `page` of a region at `address` begins.
fn at(address: u32, page: u32) -> *mut u64 {
    let bytes = u64::from(page).saturating_mul(PAGE_BYTES);
    u64::from(address).saturating_add(bytes) as *mut u64
}

fn end_of(child: TaskId) -> Result<i32, i32> {
    match process::wait(Some(child)) {
        Ok(ended) => match ended.reason {
            ExitReason::Exited { code } => Ok(code),
            other => Err(problem!("the child ended: {other:?}")),
        },
        Err(error) => Err(problem!("wait: {error:?}")),
    }
}

/// `forks PAGES`: touches so many pages, forks, and parent and child see what they should: what was there, and each its
/// own writes.
pub fn forks(words: &mut Words<'_>) -> i32 {
    use core::sync::atomic::Ordering;
    let pages: u32 = words.number();
    let region = value!(memory::create_region(pages.max(1)));
    let address = value!(memory::map(region, None, Access::ReadWrite));
    let write = |page, value| {
        // SAFETY: the page is in the region that was just mapped, and nothing else is in there.
        unsafe { at(address, page).write_volatile(value) };
    };
    // SAFETY: as above.
    let read = |page| unsafe { at(address, page).read_volatile() };
    for page in 0..pages {
        write(page, u64::from(page));
    }
    WORD.store(2, Ordering::Relaxed);
    let on_stack = core::hint::black_box(7_u32);
    match value!(process::fork(None)) {
        Forked::Child => {
            if on_stack != 7 || WORD.load(Ordering::Relaxed) != 2 {
                return problem!("the child's own memory is another");
            }
            for page in 0..pages {
                if read(page) != u64::from(page) {
                    return problem!("the child sees {} in page {page}", read(page));
                }
                write(page, 1000);
            }
            WORD.store(3, Ordering::Relaxed);
            // It knows the region by its parent's id.
            let account = value!(memory::read_region(region));
            if account.address != Some(address) || account.resident < pages {
                return problem!("the child's region: {account:?}");
            }
            value!(memory::destroy_region(region));
            50
        }
        Forked::Parent(child) => {
            match end_of(child) {
                Ok(50) => {}
                Ok(code) => return problem!("the child's code: {code}"),
                Err(code) => return code,
            }
            for page in 0..pages {
                if read(page) != u64::from(page) {
                    return problem!("the parent sees {} in page {page}", read(page));
                }
                write(page, 2000);
            }
            if WORD.load(Ordering::Relaxed) != 2 {
                return problem!("the child wrote to its parent's memory");
            }
            0
        }
    }
}

/// `fork-writes GROUP PAGES`: forks into a group; the child says with its label that it is there, waits until the label of
/// its group is `go`, writes to so many pages of what its parent wrote, and says `done`.
pub fn writes(words: &mut Words<'_>) -> i32 {
    let group: GroupId = words.group();
    let pages: u32 = words.number();
    let region = value!(memory::create_region(pages));
    let address = value!(memory::map(region, None, Access::ReadWrite));
    for page in 0..pages {
        // SAFETY: the page is in the region that was just mapped, and nothing else is in there.
        unsafe { at(address, page).write_volatile(u64::from(page)) };
    }
    match value!(process::fork(Some(group))) {
        Forked::Child => {
            while limits::read_account(None).is_ok_and(|account| account.label.as_str() != "go") {
                client::yield_now();
            }
            for page in 0..pages {
                // SAFETY: as above.
                unsafe { at(address, page).write_volatile(9) };
            }
            // A group of its own says that it is done.
            value!(limits::open_group(None));
            idle()
        }
        Forked::Parent(child) => match end_of(child) {
            Ok(_) => 0,
            Err(code) => code,
        },
    }
}

/// `fork-bomb`: forks for as long as it may, and so does every child; then idles.
pub fn bomb() -> i32 {
    loop {
        match process::fork(None) {
            Ok(_) => {}
            Err(CallError::Refused(
                ForkRefusal::Ticket(_) | ForkRefusal::Clone(_) | ForkRefusal::TableFull,
            )) => return idle(),
            Err(error) => return problem!("{error:?}"),
        }
    }
}

/// `fork-refused`: forks, which is to be refused by the commit limit; the exit code says whether it was.
pub fn refused(words: &mut Words<'_>) -> i32 {
    let pages: u32 = words.number();
    let region = value!(memory::create_region(pages));
    let address = value!(memory::map(region, None, Access::ReadWrite));
    // SAFETY: the page is in the region that was just mapped, and nothing else is in there.
    unsafe { at(address, 0).write_volatile(1) };
    match process::fork(None) {
        Err(CallError::Refused(ForkRefusal::Clone(_))) => {
            value!(memory::destroy_region(region));
            // Without the region there is enough.
            match value!(process::fork(None)) {
                Forked::Child => 0,
                Forked::Parent(child) => match end_of(child) {
                    Ok(code) | Err(code) => code,
                },
            }
        }
        other => problem!("{other:?}"),
    }
}

/// How many threads a forking task has besides its first.
const THREADS: u32 = 3;

/// `fork-threads`: a further thread forks; the child has that one alone, and the parent goes on with all.
pub fn threads() -> i32 {
    use core::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    static RESULT: AtomicU32 = AtomicU32::new(0);
    extern "C" fn run(number: u64) -> ! {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        COUNT.fetch_add(1, Ordering::SeqCst);
        if number == 2 {
            while COUNT.load(Ordering::SeqCst) < THREADS {
                client::yield_now();
            }
            match process::fork_thread(number, None) {
                Ok(Forked::Child) => {
                    // Alone: nobody else counts on.
                    let threads = process::read_task(None).map_or(0, |account| account.threads);
                    process::exit(if threads == 1 { 61 } else { 62 });
                }
                Ok(Forked::Parent(child)) => {
                    let code = end_of(child).unwrap_or(-1);
                    RESULT.store(if code == 61 { 1 } else { 2 }, Ordering::SeqCst);
                }
                Err(_) => RESULT.store(3, Ordering::SeqCst),
            }
        }
        loop {
            // Not answered.
            let _ = process::end_this_thread(number);
        }
    }
    let region = value!(memory::create_region(THREADS));
    let stacks = value!(memory::map(region, None, Access::ReadWrite));
    for number in 1..=THREADS {
        let top = stacks.saturating_add(number.saturating_mul(4096));
        let started = value!(process::start_thread(run, top, u64::from(number)));
        if started != number {
            return problem!("thread {started}, not {number}");
        }
    }
    loop {
        match RESULT.load(Ordering::SeqCst) {
            0 => client::yield_now(),
            1 => return 0,
            other => return problem!("the thread that forked says {other}"),
        }
    }
}
