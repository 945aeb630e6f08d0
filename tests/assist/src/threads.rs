//! Modes of a task with several threads.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU32, Ordering};

use client::interfaces::accounting::TicketRefusal;
use client::interfaces::memory::RegionId;
use client::interfaces::process::ThreadRefusal;
use client::interfaces::{CallError, Resource};
use client::{limits, memory, process, time};

use crate::words::Words;

/// Where the page with the IPC buffer of a thread of number 0 would be; the others follow.
const IPC_BUFFERS: u64 = 0x20_0000;
/// How many stacks there are: a thread for each number but the first's.
const STACKS: usize = 15;

#[repr(C, align(4096))]
struct Stack(UnsafeCell<[u8; 8192]>);
// SAFETY: each stack is handed to one thread, and nobody reads it by its name.
unsafe impl Sync for Stack {}

static STACK: [Stack; STACKS] = [const { Stack(UnsafeCell::new([0; 8192])) }; STACKS];
/// The number of the thread on each stack, once its starter knows it.
static NUMBER: [AtomicU32; STACKS] = [const { AtomicU32::new(0) }; STACKS];
static SUM: AtomicU32 = AtomicU32::new(0);

/// Where a thread begins that sleeps for ever, and the stack for the one of this number.
pub fn sleeper_on(number: u32) -> (u32, u32) {
    let place = usize::try_from(number).unwrap_or(0);
    let top = STACK
        .get(place)
        .map_or(0, |stack| (stack.0.get() as usize).saturating_add(8192));
    // A program is linked below 4 GiB.
    let low = |address: usize| u32::try_from(address).unwrap_or(0);
    (low(sleeper as *const () as usize), low(top))
}

/// Starts a thread on the stack in a place; its number.
pub fn start(
    place: usize,
    entry: extern "C" fn(u64) -> !,
) -> Result<u32, CallError<ThreadRefusal>> {
    let top = STACK
        .get(place)
        .map_or(0, |stack| (stack.0.get() as usize).saturating_add(8192));
    let number = process::start_thread(entry, u32::try_from(top).unwrap_or(0), place as u64)?;
    if let Some(known) = NUMBER.get(place) {
        known.store(number, Ordering::Release);
    }
    Ok(number)
}

/// Gives way for ever.
pub extern "C" fn idle(_: u64) -> ! {
    loop {
        client::yield_now();
    }
}

/// Sleeps for ever.
pub extern "C" fn sleeper(_: u64) -> ! {
    loop {
        let _ = time::sleep(u64::MAX);
    }
}

/// Asks who it is, adds to the sum, and ends itself.
extern "C" fn add(place: u64) -> ! {
    let own = loop {
        let known = NUMBER
            .get(usize::try_from(place).unwrap_or(usize::MAX))
            .map(|known| known.load(Ordering::Acquire));
        match known {
            Some(0) => client::yield_now(),
            Some(number) => break number,
            None => break 0,
        }
    };
    // An answer that does not fit the registers, so that the thread's own IPC buffer carries it.
    if limits::read_account(None).is_ok_and(|account| account.usage.get(Resource::Threads) > 1) {
        SUM.fetch_add(own, Ordering::AcqRel);
    }
    let _ = process::end_this_thread(own);
    idle(0)
}

/// `threads LIMIT`: starts threads until refused by that limit; how many.
pub fn as_many_as_possible(words: &mut Words<'_>) -> i32 {
    let limit: u64 = words.number();
    for (place, count) in (0..STACKS).zip(0_i32..) {
        match start(place, idle) {
            Ok(_) => {}
            Err(CallError::Refused(ThreadRefusal::Ticket(TicketRefusal::Short(short)))) => {
                // Of a group above only what is left is told: nothing.
                let told = short.group.map_or(0, |_| limit);
                if (short.resource, short.limit, short.asked) != (Resource::Threads, told, 1) {
                    return problem!("refused with {short:?}");
                }
                return count;
            }
            Err(error) => return problem!("{error:?}"),
        }
    }
    problem!("never refused")
}

/// `ended-thread`: reads the IPC buffer of a thread that has ended, the second one that did. Returns if nothing stopped it.
pub fn ended() -> i32 {
    let first = value!(start(0, idle));
    let number = value!(start(1, idle));
    value!(process::end_thread(first));
    value!(process::end_thread(number));
    let buffer = IPC_BUFFERS.saturating_add(u64::from(number).saturating_mul(memory::PAGE_BYTES));
    // SAFETY: not sound at all: the kernel is to stop it.
    unsafe { (buffer as *const u64).read_volatile() };
    problem!("read an IPC buffer that was given back")
}

/// `moved-thread GROUP`: waits until it is in the group, and starts a thread there that stays.
pub fn after_move(words: &mut Words<'_>) -> i32 {
    let target = words.group();
    while value!(limits::who_am_i()).group != target {
        client::yield_now();
    }
    value!(start(0, idle));
    loop {
        client::yield_now();
    }
}

/// `thread-work`: threads run beside each other, can be joined and ended, and are gone then.
pub fn work() -> i32 {
    let mut expected = 0;
    let mut numbers = [0; 4];
    for (place, number) in numbers.iter_mut().enumerate() {
        *number = value!(start(place, add));
        expected = u32::wrapping_add(expected, *number);
    }
    for number in numbers {
        // One that has ended already is unknown.
        match process::join_thread(number) {
            Ok(()) | Err(CallError::Refused(ThreadRefusal::UnknownThread)) => {}
            Err(error) => return problem!("join {number}: {error:?}"),
        }
    }
    let sum = SUM.load(Ordering::Acquire);
    if sum != expected {
        return problem!("the threads added {sum}, not {expected}");
    }
    let last = value!(start(4, idle));
    expect!(
        process::read_task(None).map(|account| account.threads),
        Ok(2)
    );
    value!(process::end_thread(last));
    expect!(
        process::end_thread(last),
        Err(CallError::Refused(ThreadRefusal::UnknownThread))
    );
    expect!(
        process::join_thread(last),
        Err(CallError::Refused(ThreadRefusal::UnknownThread))
    );
    expect!(
        process::end_thread(0),
        Err(CallError::Refused(ThreadRefusal::UnknownThread))
    );
    expect!(
        process::end_thread(16),
        Err(CallError::Refused(ThreadRefusal::UnknownThread))
    );
    expect!(
        process::read_task(None).map(|account| account.threads),
        Ok(1)
    );
    0
}

/// Where the threads of a race find the region, how many pages it has, and how many of them have begun.
static ADDRESS: AtomicU32 = AtomicU32::new(0);
static PAGES: AtomicU32 = AtomicU32::new(0);
static BEGUN: AtomicU32 = AtomicU32::new(0);

/// Writes to every page there.
fn touch_all() {
    let pages = PAGES.load(Ordering::Acquire);
    for page in 0..u64::from(pages) {
        let address = u64::from(ADDRESS.load(Ordering::Acquire));
        let byte = address.saturating_add(page.saturating_mul(memory::PAGE_BYTES)) as *mut u8;
        // SAFETY: the region is mapped there and holds nothing else; if it no longer is, the kernel is to stop this.
        unsafe { byte.write_volatile(1) };
    }
}

extern "C" fn touch(place: u64) -> ! {
    BEGUN.fetch_add(1, Ordering::AcqRel);
    touch_all();
    let number = NUMBER
        .get(usize::try_from(place).unwrap_or(usize::MAX))
        .map_or(0, |known| known.load(Ordering::Acquire));
    let _ = process::end_this_thread(number);
    idle(0)
}

extern "C" fn touch_for_ever(_: u64) -> ! {
    BEGUN.fetch_add(1, Ordering::AcqRel);
    loop {
        touch_all();
    }
}

fn region(pages: u32) -> Result<RegionId, i32> {
    let region = memory::create_region(pages).map_err(|error| problem!("create: {error:?}"))?;
    let address = memory::map(region, None, memory::Access::ReadWrite)
        .map_err(|error| problem!("map: {error:?}"))?;
    ADDRESS.store(address, Ordering::Release);
    PAGES.store(pages, Ordering::Release);
    Ok(region)
}

/// `race-pages PAGES`: several threads touch the same fresh pages at the same time; each page is granted once.
pub fn race_pages(words: &mut Words<'_>) -> i32 {
    let pages = words.number();
    let region = match region(pages) {
        Ok(region) => region,
        Err(code) => return code,
    };
    let mut numbers = [0; 4];
    for (place, number) in numbers.iter_mut().enumerate() {
        *number = value!(start(place, touch));
    }
    touch_all();
    for number in numbers {
        match process::join_thread(number) {
            Ok(()) | Err(CallError::Refused(ThreadRefusal::UnknownThread)) => {}
            Err(error) => return problem!("join {number}: {error:?}"),
        }
    }
    let account = value!(memory::read_region(region));
    if account.resident != pages {
        return problem!("{account:?}");
    }
    value!(memory::destroy_region(region));
    0
}

/// `unmap-race PAGES`: unmaps a region, and destroys it, while another thread goes on touching it. Ends by the other's
/// fault, or with 0 if that never came.
pub fn unmap_race(words: &mut Words<'_>) -> i32 {
    let region = match region(words.number()) {
        Ok(region) => region,
        Err(code) => return code,
    };
    value!(start(0, touch_for_ever));
    while BEGUN.load(Ordering::Acquire) == 0 {
        client::yield_now();
    }
    value!(memory::unmap(region));
    value!(memory::destroy_region(region));
    // Its turn.
    for _ in 0..1000 {
        client::yield_now();
    }
    0
}
