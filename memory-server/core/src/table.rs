//! Arrays that were sized at start, and lists threaded through their records.
//!
//! Everything in this crate lives in slices that the start code hands over once, so nothing is allocated later and
//! nothing a client does can run the server out of heap. An index out of range reads as the default record and
//! writes nowhere: a mistake of ours shows in `check()`, never as a panic.

use core::num::NonZeroU32;

/// The index of a record, or nothing. All zeros is nothing, so zeroed memory is an empty table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link(Option<NonZeroU32>);

impl Link {
    /// No record.
    pub const NONE: Self = Self(None);

    /// The record at `index`.
    #[must_use]
    pub const fn to(index: u32) -> Self {
        Self(NonZeroU32::new(index.wrapping_add(1)))
    }

    /// The index, if there is one.
    #[must_use]
    pub const fn index(self) -> Option<u32> {
        match self.0 {
            Some(place) => Some(place.get().wrapping_sub(1)),
            None => None,
        }
    }
}

/// An array of records that are read and written whole.
#[derive(Debug)]
pub struct Table<'a, T>(&'a mut [T]);

impl<'a, T: Copy + Default> Table<'a, T> {
    /// A table over the slice.
    #[must_use]
    pub fn new(records: &'a mut [T]) -> Self {
        Self(records)
    }

    /// How many records there are.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "tables are sized with 32-bit counts"
    )]
    pub fn len(&self) -> u32 {
        self.0.len() as u32
    }

    /// Whether there is no record at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The record at `index`, or the default one beyond the end.
    #[must_use]
    pub fn get(&self, index: u32) -> T {
        self.peek(index).copied().unwrap_or_default()
    }

    /// The record at `index`, without a copy.
    #[must_use]
    pub fn peek(&self, index: u32) -> Option<&T> {
        self.0.get(index as usize)
    }

    /// The record at `index`, to change.
    pub fn edit(&mut self, index: u32) -> Option<&mut T> {
        self.0.get_mut(index as usize)
    }

    /// Replaces the record at `index`.
    pub fn put(&mut self, index: u32, record: T) {
        if let Some(place) = self.edit(index) {
            *place = record;
        }
    }
}

/// A record's neighbours in a [`List`], or the next vacant record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Links {
    prev: Link,
    next: Link,
}

/// A record that can stand in lists of its own table; in several at once, if the lists are of different numbers.
pub trait Linked<const LIST: usize = 0>: Copy + Default {
    /// Its neighbours.
    fn neighbours(&self) -> Links;
    /// Its neighbours, to change.
    fn neighbours_mut(&mut self) -> &mut Links;
}

/// A list through the records of one table; the newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct List<const LIST: usize = 0> {
    head: Link,
    len: u32,
}

impl<const LIST: usize> List<LIST> {
    /// No record.
    pub const EMPTY: Self = Self {
        head: Link::NONE,
        len: 0,
    };

    /// The newest record.
    #[must_use]
    pub const fn first(self) -> Option<u32> {
        self.head.index()
    }

    /// How many records stand in it.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.len
    }

    /// Whether none does.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Puts a record, which stands in no list, in front.
    pub fn push<T: Linked<LIST>>(&mut self, table: &mut Table<'_, T>, index: u32) {
        self.insert(table, None, index);
    }

    /// Puts a record, which stands in no list, behind `after`, or in front.
    pub fn insert<T: Linked<LIST>>(
        &mut self,
        table: &mut Table<'_, T>,
        after: Option<u32>,
        index: u32,
    ) {
        let prev = after.map_or(Link::NONE, Link::to);
        let next = match after {
            Some(before) => links_of::<LIST, T>(table, before).next,
            None => self.head,
        };
        if let Some(record) = table.edit(index) {
            *record.neighbours_mut() = Links { prev, next };
            self.join(table, prev, Link::to(index));
            set_prev::<LIST, T>(table, next, Link::to(index));
            self.len = self.len.saturating_add(1);
        }
    }

    /// Takes a record out of the list in which it stands.
    pub fn remove<T: Linked<LIST>>(&mut self, table: &mut Table<'_, T>, index: u32) {
        let Links { prev, next } = links_of::<LIST, T>(table, index);
        self.join(table, prev, next);
        set_prev::<LIST, T>(table, next, prev);
        if let Some(record) = table.edit(index) {
            *record.neighbours_mut() = Links::default();
        }
        self.len = self.len.saturating_sub(1);
    }

    /// The record behind `index`.
    #[must_use]
    pub fn after<T: Linked<LIST>>(table: &Table<'_, T>, index: u32) -> Option<u32> {
        table.peek(index)?.neighbours().next.index()
    }

    /// The record in front of `index`.
    #[must_use]
    pub fn before<T: Linked<LIST>>(table: &Table<'_, T>, index: u32) -> Option<u32> {
        table.peek(index)?.neighbours().prev.index()
    }

    /// Every record of the list, in order; at most as many as it counts, whatever the links say.
    pub fn iter<'t, T: Linked<LIST>>(
        self,
        table: &'t Table<'_, T>,
    ) -> impl Iterator<Item = u32> + 't {
        core::iter::successors(self.first(), move |&index| Self::after(table, index))
            .take(self.len as usize)
    }

    /// Lets the links around a gap, or the head, meet.
    fn join<T: Linked<LIST>>(&mut self, table: &mut Table<'_, T>, prev: Link, next: Link) {
        match prev.index().and_then(|before| table.edit(before)) {
            Some(record) => record.neighbours_mut().next = next,
            None => self.head = next,
        }
    }
}

fn links_of<const LIST: usize, T: Linked<LIST>>(table: &Table<'_, T>, index: u32) -> Links {
    table.peek(index).map(T::neighbours).unwrap_or_default()
}

fn set_prev<const LIST: usize, T: Linked<LIST>>(table: &mut Table<'_, T>, of: Link, prev: Link) {
    if let Some(record) = of.index().and_then(|index| table.edit(index)) {
        record.neighbours_mut().prev = prev;
    }
}

/// The vacant records of a table: those never used yet, and those given back, newest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vacancies {
    given_back: List,
    never_used: u32,
    first: u32,
}

impl Vacancies {
    /// The records `first..first + count` are vacant.
    #[must_use]
    pub fn new(first: u32, count: u32) -> Self {
        Self {
            given_back: List::default(),
            never_used: count,
            first,
        }
    }

    /// How many records are vacant.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.given_back.len().saturating_add(self.never_used)
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first record that was never used, and behind which none was.
    #[must_use]
    pub const fn never_used_from(&self) -> u32 {
        self.first
    }

    /// Takes a vacant record.
    pub fn take<T: Linked>(&mut self, table: &mut Table<'_, T>) -> Option<u32> {
        if let Some(index) = self.given_back.first() {
            self.given_back.remove(table, index);
            return Some(index);
        }
        let left = self.never_used.checked_sub(1)?;
        let index = self.first;
        self.never_used = left;
        self.first = self.first.wrapping_add(1);
        Some(index)
    }

    /// Gives a record back, which stands in no list.
    pub fn give_back<T: Linked>(&mut self, table: &mut Table<'_, T>, index: u32) {
        self.given_back.push(table, index);
    }
}

/// Declares a record's place in lists: the name of its [`Links`] field, and the lists' number if it is not 0.
macro_rules! linked {
    ($record:ty, $field:ident) => {
        $crate::table::linked!($record, $field, 0);
    };
    ($record:ty, $field:ident, $list:literal) => {
        impl $crate::table::Linked<$list> for $record {
            fn neighbours(&self) -> $crate::table::Links {
                self.$field
            }

            fn neighbours_mut(&mut self) -> &mut $crate::table::Links {
                &mut self.$field
            }
        }
    };
}
pub(crate) use linked;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Default)]
    struct Bead(Links);

    impl Linked for Bead {
        fn neighbours(&self) -> Links {
            self.0
        }

        fn neighbours_mut(&mut self) -> &mut Links {
            &mut self.0
        }
    }

    fn order(list: List, table: &Table<'_, Bead>) -> Vec<u32> {
        list.iter(table).collect()
    }

    #[test]
    fn records_leave_from_the_front_the_middle_and_the_end() {
        let mut beads = [Bead::default(); 5];
        let mut table = Table::new(&mut beads);
        let mut list = List::default();
        for index in [0, 1, 2] {
            list.push(&mut table, index);
        }
        list.insert(&mut table, Some(1), 3);
        assert_eq!(order(list, &table), [2, 1, 3, 0]);
        list.remove(&mut table, 1);
        assert_eq!(order(list, &table), [2, 3, 0]);
        list.remove(&mut table, 0);
        list.remove(&mut table, 2);
        assert_eq!(order(list, &table), [3]);
        list.remove(&mut table, 3);
        assert!(list.is_empty() && list.first().is_none());
    }

    #[test]
    fn every_vacant_record_is_taken_once_and_can_come_back() {
        let mut beads = [Bead::default(); 5];
        let mut table = Table::new(&mut beads);
        let mut vacant = Vacancies::new(2, 3);
        let taken: Vec<_> = core::iter::from_fn(|| vacant.take(&mut table)).collect();
        assert_eq!(taken, [2, 3, 4]);
        vacant.give_back(&mut table, 3);
        assert_eq!(vacant.len(), 1);
        assert_eq!(vacant.take(&mut table), Some(3));
        assert_eq!(vacant.take(&mut table), None);
    }

    #[test]
    fn beyond_the_end_there_is_the_default_and_nothing_to_change() {
        let mut numbers = [7_u32];
        let mut table = Table::new(&mut numbers);
        table.put(1, 9);
        assert_eq!((table.get(0), table.get(1)), (7, 0));
    }
}
