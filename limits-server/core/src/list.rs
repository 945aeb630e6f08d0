//! Lists threaded through slices: who is in a group, what is below it, what a task opened.
//!
//! A list is the index of its first element, or [`NONE`]. Each element knows its neighbours; the first knows the
//! last as its "previous", so that adding at the end, removing from the middle and finding the end cost the same
//! few steps however long the list is, and a listing is in the order of arrival.
//!
//! Nothing here allocates, searches or recurses.

/// No element: beyond every slice.
pub(crate) const NONE: u32 = u32::MAX;

/// An element's neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Links {
    /// The element before; of the first element, the last one.
    pub previous: u32,
    /// The element after; [`NONE`] at the end.
    pub next: u32,
}

impl Links {
    /// Of an element that is in no list.
    pub const LOOSE: Self = Self {
        previous: NONE,
        next: NONE,
    };
}

/// Where an element keeps its neighbours in one kind of list.
pub(crate) type Side<T> = fn(&mut T) -> &mut Links;

/// The element of a slice, if there is one.
#[inline]
pub(crate) fn at<T>(slots: &[T], index: u32) -> Option<&T> {
    slots.get(index as usize)
}

/// The element of a slice, if there is one, to be changed.
#[inline]
pub(crate) fn at_mut<T>(slots: &mut [T], index: u32) -> Option<&mut T> {
    slots.get_mut(index as usize)
}

fn links<T>(slots: &mut [T], index: u32, side: Side<T>) -> Option<&mut Links> {
    at_mut(slots, index).map(side)
}

/// Adds a loose element at the end of the list that begins at `first`; gives what the list begins with now.
#[must_use]
pub(crate) fn append<T>(slots: &mut [T], first: u32, index: u32, side: Side<T>) -> u32 {
    let Some(head) = links(slots, first, side) else {
        // The list was empty: the element is its own last one.
        if let Some(only) = links(slots, index, side) {
            *only = Links {
                previous: index,
                next: NONE,
            };
        }
        return index;
    };
    let last = head.previous;
    head.previous = index;
    if let Some(last) = links(slots, last, side) {
        last.next = index;
    }
    if let Some(new) = links(slots, index, side) {
        *new = Links {
            previous: last,
            next: NONE,
        };
    }
    first
}

/// Takes an element out of the list that begins at `first`; gives what the list begins with now.
#[must_use]
pub(crate) fn remove<T>(slots: &mut [T], first: u32, index: u32, side: Side<T>) -> u32 {
    let Some(gone) = links(slots, index, side) else {
        return first;
    };
    let Links { previous, next } = core::mem::replace(gone, Links::LOOSE);
    let begins = if index == first { next } else { first };
    if index != first
        && let Some(before) = links(slots, previous, side)
    {
        before.next = next;
    }
    // The element after, or if there is none the first one, is told who is before it now.
    let follower = if next == NONE { begins } else { next };
    if let Some(after) = links(slots, follower, side) {
        after.previous = previous;
    }
    begins
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn walk(slots: &[Links], first: u32) -> Vec<u32> {
        let mut seen = Vec::new();
        let mut index = first;
        while let Some(links) = at(slots, index) {
            let last = slots[first as usize].previous;
            let expected = seen.last().copied().unwrap_or(last);
            assert_eq!(links.previous, expected);
            seen.push(index);
            index = links.next;
        }
        seen
    }

    #[test]
    fn a_list_keeps_the_order_of_arrival_whatever_leaves_it() {
        for leaving in 0..4_u32 {
            let mut slots = [Links::LOOSE; 5];
            let mut first = NONE;
            for index in 0..4 {
                first = append(&mut slots, first, index, |links| links);
            }
            assert_eq!(walk(&slots, first), [0, 1, 2, 3]);
            first = remove(&mut slots, first, leaving, |links| links);
            let left: Vec<_> = (0..4).filter(|&index| index != leaving).collect();
            assert_eq!(walk(&slots, first), left);
            assert_eq!(slots[leaving as usize], Links::LOOSE);
            first = append(&mut slots, first, 4, |links| links);
            assert_eq!(walk(&slots, first).last(), Some(&4));
        }
    }

    #[test]
    fn the_last_to_leave_leaves_nothing() {
        let mut slots = [Links::LOOSE; 1];
        let first = append(&mut slots, NONE, 0, |links| links);
        assert_eq!(first, 0);
        assert_eq!(remove(&mut slots, first, 0, |links| links), NONE);
    }
}
