//! Modes of a task that has blocks of 2 MiB cleared all the time, and of one that looks what was left in them.

use client::interfaces::memory::{Access, LARGE_PAGES, RegionId};
use client::memory;

use crate::words::Words;

/// The bytes of a unit.
const UNIT: usize = 1 << 21;
/// The bytes of a page.
const PAGE: usize = 4096;
/// Units that are had again, and had as pages.
const SOME: u32 = 8;
/// Pages that are taken in between: more than those that are clear.
const SMALL: u32 = 5 * LARGE_PAGES;
/// Units that are left to others.
const LEFT: u32 = 2;

/// A region of all the large memory that there is, and its units.
fn all_there_is() -> Result<(RegionId, u32), i32> {
    let region = match memory::create_large(1) {
        Ok(region) => region,
        Err(refusal) => return Err(problem!("no unit: {refusal:?}")),
    };
    let mut all = 1_u32;
    while memory::resize_large(region, all.saturating_add(1)).is_ok() {
        all = all.saturating_add(1);
    }
    Ok((region, all))
}

/// Maps a region, finds that all of it is zeros, and writes to all of it.
fn use_up(region: RegionId, pages: u32) -> Result<(), i32> {
    let address = match memory::map(region, None, Access::ReadWrite) {
        Ok(address) => address as usize,
        Err(refusal) => return Err(problem!("not mapped: {refusal:?}")),
    };
    let words = (pages as usize).saturating_mul(PAGE / 8);
    // Every word would take long: one in 32, and so 16 of each page.
    for word in (0..words).step_by(32) {
        let place = address.saturating_add(word.saturating_mul(8)) as *mut u64;
        // SAFETY: so many pages were just mapped there, and nothing else is in there.
        let seen = unsafe { place.read_volatile() };
        if seen != 0 {
            return Err(problem!("word {word} of {pages} pages is {seen:#x}"));
        }
        // SAFETY: as above.
        unsafe { place.write_volatile(0x6666) };
    }
    Ok(())
}

/// `zeroed-units`: has all memory as units, then some of it again, then as pages, then as units, each full of what was there.
pub fn zeroed_units() -> i32 {
    match zeroed_in_every_size() {
        Ok(()) => 0,
        Err(code) => code,
    }
}

fn zeroed_in_every_size() -> Result<(), i32> {
    let refused = |what: &str| problem!("{what} was refused");
    let (region, all) = all_there_is()?;
    if all < 32 {
        return Err(problem!("{all} units"));
    }
    use_up(region, all.saturating_mul(LARGE_PAGES))?;
    memory::destroy_region(region).map_err(|_| refused("giving back"))?;
    let some = memory::create_large(SOME).map_err(|_| refused("a unit after a unit"))?;
    use_up(some, SOME.saturating_mul(LARGE_PAGES))?;
    memory::destroy_region(some).map_err(|_| refused("giving back"))?;
    let pages = SOME.saturating_mul(LARGE_PAGES);
    let small = memory::create_region(pages).map_err(|_| refused("pages after a unit"))?;
    use_up(small, pages)?;
    memory::destroy_region(small).map_err(|_| refused("giving back"))?;
    // The tables of the small ones may stand in the way of some.
    let (region, again) = all_there_is()?;
    if again.saturating_add(SOME) < all {
        return Err(problem!("{again} units of {all}"));
    }
    use_up(region, again.saturating_mul(LARGE_PAGES))
}

/// `units COUNT TIMES`: takes all the large memory that there is but a little, gives so many units back and takes them again,
/// so many times, and uses some as pages in between. Each was used, so each is cleared before it comes again.
pub fn units(words: &mut Words<'_>) -> i32 {
    let (count, times): (u32, u32) = (words.number(), words.number());
    let (region, all) = match all_there_is() {
        Ok(there) => there,
        Err(code) => return code,
    };
    let Some(rest) = all
        .checked_sub(LEFT.saturating_add(count))
        .filter(|&rest| rest > 0)
    else {
        return problem!("only {all} units");
    };
    let most = rest.saturating_add(count);
    value!(memory::resize_large(region, most));
    let address = value!(memory::map(region, None, Access::ReadWrite));
    for _ in 0..times {
        for unit in rest..most {
            let place = (unit as usize).saturating_mul(UNIT);
            let word = (address as usize).saturating_add(place) as *mut u64;
            // SAFETY: the unit is in the region that was just mapped, and nothing else is in there.
            unsafe {
                if word.read_volatile() != 0 {
                    return problem!("unit {unit} is not zeroed");
                }
                word.write_volatile(1);
            }
        }
        value!(memory::resize_large(region, rest));
        // As pages in between, some of them come back scattered.
        let small = value!(memory::create_region(SMALL));
        if let Err(code) = use_up(small, SMALL) {
            return code;
        }
        value!(memory::destroy_region(small));
        value!(memory::resize_large(region, most));
    }
    0
}
