//! One operation between two marks, for whoever watches the machine from outside.

use test_records::{Outcome, Record};

use crate::world::World;
use crate::{Trouble, measure, record};

/// What the marks hold in their first argument, so that nobody else's code at the same address is taken for them.
const MAGIC: u64 = 0x4855_5244_4c45;

/// Does a benchmark between two marks, after it was done once without.
pub fn run(world: &mut World, name: &str) -> Result<bool, Trouble> {
    record(Record::Plan { cases: 1 })?;
    record(Record::Begin { name })?;
    measure(world, name)?;
    world.samples.marks = true;
    measure(world, name)?;
    record(Record::End {
        name,
        outcome: Outcome::Ok,
    })?;
    record(Record::Done {
        passed: 1,
        failed: 0,
    })?;
    Ok(true)
}

/// Does something between the two marks.
pub fn between<T>(act: impl FnOnce() -> T) -> T {
    profile_begin(MAGIC);
    let done = act();
    profile_end(MAGIC);
    done
}

/// The first mark. What the machine does until [`profile_end`] is counted from outside.
// SAFETY: nothing else in the program has this name, which the host looks up.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn profile_begin(magic: u64) {
    core::hint::black_box(magic);
}

/// The second mark; not the same instructions, or the linker would make one of both.
// SAFETY: as above.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn profile_end(magic: u64) {
    core::hint::black_box(!magic);
}
