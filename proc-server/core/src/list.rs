//! Doubly linked lists whose links stand in the things that are listed.
//!
//! A thing is named by its place in a slice, so a list needs no memory of its own and any thing can leave it in
//! constant time. One thing can be in several lists at once: each list goes through one of its hooks.
//!
//! # Invariants
//!
//! - A thing is at most once in at most one list per hook; whoever calls keeps that.
//! - A place beyond the slice is never followed: it ends the list.

/// Where a thing stands in a list: what is before and behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hook {
    before: Option<u32>,
    behind: Option<u32>,
}

impl Hook {
    /// In no list.
    pub const LOOSE: Self = Self {
        before: None,
        behind: None,
    };

    /// What comes after it in the list.
    #[must_use]
    pub const fn behind(&self) -> Option<u32> {
        self.behind
    }
}

/// A thing that can be listed through its hook number `HOOK`.
pub trait Listed<const HOOK: usize> {
    /// The hook.
    fn hook(&mut self) -> &mut Hook;
    /// The hook, to read.
    fn hook_ref(&self) -> &Hook;
}

/// The two ends of a list through the hooks number `HOOK`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct List<const HOOK: usize> {
    first: Option<u32>,
    last: Option<u32>,
}

impl<const HOOK: usize> List<HOOK> {
    /// Nothing listed.
    pub const EMPTY: Self = Self {
        first: None,
        last: None,
    };

    /// The first place.
    #[must_use]
    pub const fn first(&self) -> Option<u32> {
        self.first
    }

    /// Whether nothing is listed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Adds a thing at the end.
    pub fn push_last<T: Listed<HOOK>>(&mut self, things: &mut [T], place: u32) {
        if let Some(thing) = at(things, place) {
            *thing.hook() = Hook {
                before: self.last,
                behind: None,
            };
        } else {
            return;
        }
        match self.last.and_then(|last| at(things, last)) {
            Some(last) => last.hook().behind = Some(place),
            None => self.first = Some(place),
        }
        self.last = Some(place);
    }

    /// Adds a thing at the beginning.
    pub fn push_first<T: Listed<HOOK>>(&mut self, things: &mut [T], place: u32) {
        if let Some(thing) = at(things, place) {
            *thing.hook() = Hook {
                before: None,
                behind: self.first,
            };
        } else {
            return;
        }
        match self.first.and_then(|first| at(things, first)) {
            Some(first) => first.hook().before = Some(place),
            None => self.last = Some(place),
        }
        self.first = Some(place);
    }

    /// Takes a thing out that is in this list.
    pub fn remove<T: Listed<HOOK>>(&mut self, things: &mut [T], place: u32) {
        let Some(thing) = at(things, place) else {
            return;
        };
        let Hook { before, behind } = core::mem::take(thing.hook());
        match before.and_then(|before| at(things, before)) {
            Some(thing) => thing.hook().behind = behind,
            None if self.first == Some(place) => self.first = behind,
            None => {}
        }
        match behind.and_then(|behind| at(things, behind)) {
            Some(thing) => thing.hook().before = before,
            None if self.last == Some(place) => self.last = before,
            None => {}
        }
    }

    /// Takes the first thing out.
    pub fn pop_first<T: Listed<HOOK>>(&mut self, things: &mut [T]) -> Option<u32> {
        let first = self.first?;
        self.remove(things, first);
        Some(first)
    }

    /// The places in order; ends after as many as there are things, whatever the hooks say.
    pub fn places<'a, T: Listed<HOOK>>(&self, things: &'a [T]) -> impl Iterator<Item = u32> + 'a {
        follow::<HOOK, T>(things, self.first)
    }
}

/// The places from `from` on, in the order of its list.
pub fn follow<const HOOK: usize, T: Listed<HOOK>>(
    things: &[T],
    from: Option<u32>,
) -> impl Iterator<Item = u32> + '_ {
    core::iter::successors(from, |&place| {
        let thing = things.get(usize::try_from(place).ok()?)?;
        thing.hook_ref().behind
    })
    .take(things.len())
}

fn at<T>(things: &mut [T], place: u32) -> Option<&mut T> {
    things.get_mut(usize::try_from(place).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Default)]
    struct Thing(Hook);

    impl Listed<0> for Thing {
        fn hook(&mut self) -> &mut Hook {
            &mut self.0
        }
        fn hook_ref(&self) -> &Hook {
            &self.0
        }
    }

    fn order(list: &List<0>, things: &[Thing]) -> Vec<u32> {
        list.places(things).collect()
    }

    #[test]
    fn things_leave_from_anywhere_and_the_rest_stays_in_order() {
        let mut things = [Thing::default(); 5];
        let mut list = List::<0>::EMPTY;
        for place in 0..5 {
            list.push_last(&mut things, place);
        }
        list.remove(&mut things, 2);
        list.remove(&mut things, 0);
        list.remove(&mut things, 4);
        assert_eq!(order(&list, &things), [1, 3]);
        list.push_first(&mut things, 0);
        list.push_last(&mut things, 2);
        assert_eq!(order(&list, &things), [0, 1, 3, 2]);
        assert_eq!(list.pop_first(&mut things), Some(0));
        for place in [1, 2, 3] {
            list.remove(&mut things, place);
        }
        assert!(list.is_empty());
    }

    #[test]
    fn a_place_beyond_the_slice_is_ignored() {
        let mut things = [Thing::default(); 1];
        let mut list = List::<0>::EMPTY;
        list.push_last(&mut things, 7);
        list.remove(&mut things, 7);
        assert!(list.is_empty());
    }
}
