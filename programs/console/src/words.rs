//! Words, numbers and ids in a line.
//!
//! Numbers are digits alone: no sign, no space, nothing that `parse` takes beyond that.

use interfaces::{GroupId, Limit, TaskId};

/// The first word, and what comes behind it.
#[must_use]
pub fn first_word(line: &str) -> (&str, &str) {
    let line = line.trim();
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    (word, rest.trim_start())
}

/// The only word.
#[must_use]
pub fn one_word(text: &str) -> Option<&str> {
    match first_word(text) {
        ("", _) => None,
        (word, "") => Some(word),
        _ => None,
    }
}

/// A whole number.
#[must_use]
pub fn number<N: core::str::FromStr>(word: &str) -> Option<N> {
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| word.parse().ok()).flatten()
}

/// A whole number, in hexadecimal if `0x` stands before it.
#[must_use]
pub fn any_number(word: &str) -> Option<u64> {
    match word.strip_prefix("0x") {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u64::from_str_radix(digits, 16).ok()
        }
        Some(_) => None,
        None => number(word),
    }
}

/// A limit: a number, or `max`. The largest number there is limits nothing, so it is `max` too.
#[must_use]
pub fn limit(word: &str) -> Option<Limit> {
    match word {
        "max" => Some(Limit::Max),
        _ => number(word).map(Limit::from_bound),
    }
}

/// A task's id as it is printed: a number, or two with a dot between them.
#[must_use]
pub fn task_id(word: &str) -> Option<TaskId> {
    id(word).map(|(index, generation)| TaskId { index, generation })
}

/// A group's id as it is printed.
#[must_use]
pub fn group_id(word: &str) -> Option<GroupId> {
    id(word).map(|(index, generation)| GroupId { index, generation })
}

fn id(word: &str) -> Option<(u32, u32)> {
    match word.split_once('.') {
        Some((index, generation)) => Some((number(index)?, number(generation)?)),
        None => Some((number(word)?, 0)),
    }
}

/// A time in nanoseconds: seconds, also with a fraction, or a whole number of `ms`, `us` or `ns`.
#[must_use]
pub fn duration(word: &str) -> Option<u64> {
    const SECOND: u64 = 1_000_000_000;
    for (unit, ns) in [("ms", 1_000_000), ("us", 1_000), ("ns", 1)] {
        if let Some(count) = word.strip_suffix(unit) {
            return number::<u64>(count)?.checked_mul(ns);
        }
    }
    let word = word.strip_suffix('s').unwrap_or(word);
    let (seconds, fraction) = match word.split_once('.') {
        Some((seconds, fraction)) => (seconds, fraction),
        None => (word, "0"),
    };
    let seconds = number::<u64>(seconds)?.checked_mul(SECOND)?;
    let digits = u32::try_from(fraction.len()).ok()?;
    let unit = SECOND.checked_div(10_u64.checked_pow(digits)?)?;
    // Finer than a nanosecond there is nothing.
    let fraction = number::<u64>(fraction)?.checked_mul((unit > 0).then_some(unit)?)?;
    seconds.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_and_nothing_else() {
        assert_eq!(number::<u32>("007"), Some(7));
        for bad in ["", "-1", "+1", " 1", "1 ", "1.0", "4294967296", "x"] {
            assert_eq!(number::<u32>(bad), None, "{bad:?}");
        }
        assert_eq!(any_number("0xfF"), Some(255));
        for bad in ["0x", "0x-1", "0xg", "x1", "0x10000000000000000"] {
            assert_eq!(any_number(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        for (word, ns) in [
            ("2", 2_000_000_000),
            ("2s", 2_000_000_000),
            ("0.5", 500_000_000),
            ("1.000000001", 1_000_000_001),
            ("20ms", 20_000_000),
            ("3us", 3_000),
            ("0ns", 0),
        ] {
            assert_eq!(duration(word), Some(ns), "{word}");
        }
        for bad in [
            "",
            "s",
            "-1",
            "1.",
            ".5",
            "1.0000000001",
            "1m",
            "0.5ms",
            "99999999999",
        ] {
            assert_eq!(duration(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_id_is_read_as_it_is_printed() {
        let id = TaskId {
            index: 7,
            generation: 12,
        };
        assert_eq!(task_id(&id.to_string()), Some(id));
        for bad in ["7.", ".7", "7.1.1", "", "."] {
            assert_eq!(group_id(bad), None, "{bad:?}");
        }
    }
}
