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
