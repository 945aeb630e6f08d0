//! A mode of a task that has blocks of 2 MiB cleared all the time.

use client::interfaces::memory::Access;
use client::memory;

use crate::words::Words;

/// The bytes of a unit.
const UNIT: usize = 1 << 21;
/// Units that are left to others.
const LEFT: u32 = 4;

/// `units COUNT TIMES`: takes all the large memory that there is but a little, gives so many units back and takes them again,
/// so many times. Each was used, so each is cleared before it comes again.
pub fn units(words: &mut Words<'_>) -> i32 {
    let (count, times): (u32, u32) = (words.number(), words.number());
    let region = match memory::create_large(1) {
        Ok(region) => region,
        Err(refusal) => return problem!("no unit: {refusal:?}"),
    };
    let mut all = 1_u32;
    while memory::resize_large(region, all.saturating_add(1)).is_ok() {
        all = all.saturating_add(1);
    }
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
        value!(memory::resize_large(region, most));
    }
    0
}
