//! Time: from the processor's counter to nanoseconds, and from nanoseconds to the interval timer's ticks.
//!
//! The reading comes from the time stamp counter, the waking from the PC's interval timer: the counter is exact and
//! cannot interrupt, the timer interrupts and counts in steps of 838 ns. Whoever sleeps is woken by the first interrupt
//! at which the counter has reached its deadline: never before, and at most a step (and what the machine was busy with)
//! after it.

/// The interval timer's frequency in hertz, the same in every PC.
const TIMER_HERTZ: u64 = 1_193_182;
/// The longest time, in nanoseconds, that the timer is set to at once: its counter has 16 bits.
const LONGEST: u64 = 54_000_000;
/// What QEMU's counter runs at where it counts instructions, in MHz: one a nanosecond.
const COUNTED: u32 = 1000;
/// How far the kernel's measurement may be off.
const TOLERANCE: u32 = 2;

/// How fast the time stamp counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    megahertz: u64,
}

impl Rate {
    /// As the kernel measured it against the interval timer, in whole MHz.
    ///
    /// A measurement that could be 1,000 is 1,000: there the counter counts instructions and is to be exact. A processor
    /// that by chance has nearly that rate shows a time that is wrong by 0.2 % at most. Without a measurement it is that,
    /// too.
    #[must_use]
    pub const fn measured(megahertz: u32) -> Self {
        let counted = megahertz == 0 || megahertz.abs_diff(COUNTED) <= TOLERANCE;
        let megahertz = if counted { COUNTED } else { megahertz };
        Self {
            megahertz: megahertz as u64,
        }
    }

    /// The nanoseconds in which so much is counted.
    #[must_use]
    pub const fn nanoseconds(self, counted: u64) -> u64 {
        // Never 0, see `measured`. In two parts, so that nothing is cut as long as the sum has 64 bits.
        let (Some(whole), Some(rest)) = (
            counted.checked_div(self.megahertz),
            counted.checked_rem(self.megahertz),
        ) else {
            return 0;
        };
        let rest = match rest.saturating_mul(1000).checked_div(self.megahertz) {
            Some(rest) => rest,
            None => 0,
        };
        whole.saturating_mul(1000).saturating_add(rest)
    }
}

/// What the timer is to count down from, to interrupt when so many nanoseconds have passed; earlier if they are more
/// than it can count.
#[must_use]
pub const fn timer_ticks(ns: u64) -> u16 {
    let ns = if ns < LONGEST { ns } else { LONGEST };
    let ticks = ns.saturating_mul(TIMER_HERTZ).div_ceil(1_000_000_000);
    // At most 64,432; a counter of 0 would be the longest time.
    if ticks == 0 {
        1
    } else {
        (ticks & 0xffff) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_is_a_nanosecond_where_they_are_counted() {
        for measured in [0, 998, 999, 1000, 1001, 1002] {
            let rate = Rate::measured(measured);
            assert_eq!(rate.nanoseconds(123_456_789), 123_456_789);
            assert_eq!(rate.nanoseconds(u64::MAX), u64::MAX);
        }
    }

    #[test]
    fn other_rates_are_taken_as_they_are() {
        let rate = Rate::measured(2400);
        assert_eq!(rate.nanoseconds(2400), 1000);
        assert_eq!(rate.nanoseconds(2401), 1000);
        assert_eq!(rate.nanoseconds(2_400_000_000), 1_000_000_000);
        assert_eq!(Rate::measured(1).nanoseconds(u64::MAX), u64::MAX);
    }

    #[test]
    fn time_never_goes_back() {
        for megahertz in [1, 3, 997, 1000, 1003, 4700] {
            let rate = Rate::measured(megahertz);
            let readings = (0..20_000).map(|counted| rate.nanoseconds(counted * 7));
            assert!(readings.is_sorted());
        }
    }

    #[test]
    fn the_timer_is_never_set_to_nothing_and_never_to_more_than_it_can() {
        assert_eq!(timer_ticks(0), 1);
        assert_eq!(timer_ticks(1), 1);
        assert_eq!(timer_ticks(838), 1);
        assert_eq!(timer_ticks(839), 2);
        assert_eq!(timer_ticks(1_000_000), 1194);
        assert_eq!(timer_ticks(u64::MAX), timer_ticks(LONGEST));
        assert_eq!(timer_ticks(LONGEST), 64_432);
    }
}
