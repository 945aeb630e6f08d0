//! Modes of a task with memory.

use client::interfaces::accounting::ChargeRefusal;
use client::interfaces::memory::{
    Access, CreateRegionRefusal, MapRefusal, PAGE_BYTES, RegionId, RegionRefusal,
};
use client::interfaces::{CallError, Resource};
use client::{limits, memory};

use crate::task::idle;
use crate::words::Words;

/// Where page `page` of a region at `address` begins.
pub fn at(address: u32, page: u32) -> *mut u64 {
    let bytes = u64::from(page).saturating_mul(PAGE_BYTES);
    u64::from(address).saturating_add(bytes) as *mut u64
}

/// A new region, mapped; gives its address.
pub fn mapped(pages: u32) -> Result<(RegionId, u32), i32> {
    let region = memory::create_region(pages).map_err(|error| problem!("create: {error:?}"))?;
    Ok((region, mapped_of(region)?))
}

fn mapped_of(region: RegionId) -> Result<u32, i32> {
    memory::map(region, None, Access::ReadWrite).map_err(|error| problem!("map: {error:?}"))
}

/// Writes to each page of a new region.
pub fn touched(pages: u32) -> Result<(RegionId, u32), i32> {
    let region = memory::create_region(pages).map_err(|error| problem!("create: {error:?}"))?;
    Ok((region, touched_of(region, pages)?))
}

/// Maps a region, and writes to each of its pages; gives its address.
pub fn touched_of(region: RegionId, pages: u32) -> Result<u32, i32> {
    let address = mapped_of(region)?;
    for page in 0..pages {
        // SAFETY: the page is in the region that was just mapped, and nothing else is in there.
        unsafe { at(address, page).write_volatile(1) };
    }
    Ok(address)
}

/// `touch PAGES`: touches so many pages and ends.
pub fn touch(words: &mut Words<'_>) -> i32 {
    match touched(words.number()) {
        Ok(_) => 0,
        Err(code) => code,
    }
}

/// `hold PAGES`: touches so many pages, says so with a group of its own, and keeps them.
pub fn hold(words: &mut Words<'_>) -> i32 {
    if let Err(code) = touched(words.number()) {
        return code;
    }
    value!(limits::open_group(None));
    idle()
}

/// `reserve LIMIT`: reserves page by page until refused by that commit limit; how many.
pub fn reserve(words: &mut Words<'_>) -> i32 {
    let limit: u64 = words.number();
    let mut count = 0;
    loop {
        match memory::create_region(1) {
            Ok(_) => count = i32::saturating_add(count, 1),
            Err(CallError::Refused(CreateRegionRefusal::Charge(ChargeRefusal::Short(short)))) => {
                if (short.resource, short.limit, short.asked) != (Resource::Commit, limit, 1) {
                    return problem!("refused with {short:?}");
                }
                return count;
            }
            Err(error) => return problem!("{error:?}"),
        }
    }
}

/// `race`: waits for its group's label `go`, reserves page by page until refused, and keeps them until the label is
/// `end`; how many.
pub fn race() -> i32 {
    wait_for_label("go");
    let mut count = 0;
    while memory::create_region(1).is_ok() {
        count = i32::saturating_add(count, 1);
        client::yield_now();
    }
    wait_for_label("end");
    count
}

fn wait_for_label(label: &str) {
    while limits::read_account(None).is_ok_and(|account| account.label.as_str() != label) {
        client::yield_now();
    }
}

/// `fill PAGES`: writes something into every word of so many pages.
pub fn fill(words: &mut Words<'_>) -> i32 {
    let pages = words.number();
    let (_, address) = match mapped(pages) {
        Ok(mapped) => mapped,
        Err(code) => return code,
    };
    each_word(address, pages, |word| {
        // SAFETY: the word is in the region that was just mapped, and nothing else is in there.
        unsafe { word.write_volatile(0x5ec2_e75e_c2e7_5ec2) };
        true
    });
    0
}

/// `zeroed PAGES`: every word of so many new pages is zero.
pub fn zeroed(words: &mut Words<'_>) -> i32 {
    let pages = words.number();
    let (_, address) = match mapped(pages) {
        Ok(mapped) => mapped,
        Err(code) => return code,
    };
    // SAFETY: as above, and every bit pattern is a word.
    let clean = each_word(address, pages, |word| unsafe { word.read_volatile() } == 0);
    if clean {
        0
    } else {
        problem!("a new page is not zero")
    }
}

/// Does something with every word of a mapping, until it says no; whether it never did.
fn each_word(address: u32, pages: u32, mut act: impl FnMut(*mut u64) -> bool) -> bool {
    let start = u64::from(address);
    let end = start.saturating_add(u64::from(pages).saturating_mul(PAGE_BYTES));
    (start..end).step_by(8).all(|word| act(word as *mut u64))
}

/// `read-only`: maps a page for reading, which is zero, and dies writing to it.
pub fn read_only() -> i32 {
    let region = value!(memory::create_region(1));
    let address = value!(memory::map(region, Some(0x2000_0000), Access::Read));
    // SAFETY: the page is mapped for reading.
    if unsafe { at(address, 0).read_volatile() } != 0 {
        return problem!("a new page is not zero");
    }
    // SAFETY: not sound at all: the kernel is to stop it.
    unsafe { at(address, 0).write_volatile(1) };
    problem!("wrote to a page that is mapped read-only")
}

/// `foreign REGION`: another task's region does not exist.
pub fn foreign(words: &mut Words<'_>) -> i32 {
    let region = RegionId {
        index: words.number(),
        generation: words.number(),
    };
    expect!(
        memory::map(region, None, Access::Read),
        Err(CallError::Refused(MapRefusal::UnknownRegion))
    );
    expect!(
        memory::unmap(region),
        Err(CallError::Refused(RegionRefusal::UnknownRegion))
    );
    expect!(
        memory::destroy_region(region),
        Err(CallError::Refused(RegionRefusal::UnknownRegion))
    );
    expect!(
        memory::read_region(region),
        Err(CallError::Refused(RegionRefusal::UnknownRegion))
    );
    0
}

/// `destroy PAGES TIMES`: touches so many pages and gives them back, so many times.
pub fn destroy(words: &mut Words<'_>) -> i32 {
    let (pages, times): (u32, u32) = (words.number(), words.number());
    for _ in 0..times {
        match touched(pages) {
            Ok((region, _)) => value!(memory::destroy_region(region)),
            Err(code) => return code,
        }
    }
    0
}
