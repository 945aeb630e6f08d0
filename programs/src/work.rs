//! A round of work: a known number of instructions.

use core::arch::asm;

/// The instructions of a round.
pub const ROUND: u64 = 1_000_000;

/// Iterations of the loop's two instructions; one more sets the counter and one fills up.
const ITERATIONS: u32 = 499_999;
const _: () = assert!(ITERATIONS as u64 * 2 + 2 == ROUND);

/// Executes exactly [`ROUND`] instructions.
pub fn round() {
    // SAFETY: the block reads and writes nothing but the one register that it declares.
    unsafe {
        asm!(
            "mov {counter:e}, {iterations}",
            "2:",
            "dec {counter:e}",
            "jnz 2b",
            "nop",
            counter = out(reg) _,
            iterations = const ITERATIONS,
            options(nomem, nostack),
        );
    }
}

/// What share of a time some rounds are, in per mille, when one round takes `round` on the same clock.
#[must_use]
pub fn share(rounds: u64, round: u64, time: u64) -> u64 {
    rounds
        .saturating_mul(round)
        .saturating_mul(1000)
        .checked_div(time)
        .unwrap_or(0)
}
