//! Reading a ring: in order, without writing to it, and never half a record.

use core::sync::atomic::{AtomicU64, Ordering};

use super::{PAGE_PLACES, Record, WORDS, header};

/// How many records a ring of so many pages has room for.
#[must_use]
pub const fn capacity(pages: u32) -> u64 {
    (pages as u64)
        .saturating_mul(PAGE_PLACES as u64)
        .saturating_sub(1)
}

/// What a reader finds next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next record.
    Record(Record),
    /// So many records were overwritten before they were read; the next call goes on after them.
    Lost(u64),
    /// Nothing yet.
    Empty,
}

/// Reads a ring, in order and without writing to it. Never blocks, and never shows half a record.
#[derive(Debug)]
pub struct Reader<'a> {
    words: &'a [AtomicU64],
    next: u64,
    lost: u64,
}

impl<'a> Reader<'a> {
    /// Reads the records after number `since`.
    #[must_use]
    pub const fn new(words: &'a [AtomicU64], since: u64) -> Self {
        Self {
            words,
            next: since.saturating_add(1),
            lost: 0,
        }
    }

    /// The words of the ring, as they stand there now.
    #[must_use]
    pub const fn words(&self) -> &'a [AtomicU64] {
        self.words
    }

    /// The number of the newest record that is in the ring.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.word(header::NEWEST)
    }

    /// The number of the record that was read last (or skipped).
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.next.saturating_sub(1)
    }

    /// How many records were lost in all.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether the ring is watching a group.
    #[must_use]
    pub fn is_watching(&self) -> bool {
        self.word(header::WATCHING) != 0
    }

    /// Goes on after number `since`, wherever the reader was; nothing of that counts as lost.
    pub const fn skip_to(&mut self, since: u64) {
        self.next = since.saturating_add(1);
    }

    /// Reads the next record, or says how many are lost.
    pub fn next_record(&mut self) -> Next {
        let newest = self.newest();
        let room = self.room();
        if self.next > newest || room == 0 {
            return Next::Empty;
        }
        let oldest = newest.saturating_sub(room).saturating_add(1);
        if self.next < oldest {
            return self.lose_up_to(oldest);
        }
        let Some(words) = self.copy(self.next, room) else {
            // It is being overwritten at this moment.
            return self.lose_up_to(self.next.saturating_add(1));
        };
        self.next = self.next.saturating_add(1);
        match Record::from_words(&words) {
            Some(record) => Next::Record(record),
            // Of a kind that a newer limits-server knows.
            None => Next::Lost(self.count_lost(1)),
        }
    }

    fn lose_up_to(&mut self, oldest: u64) -> Next {
        let lost = oldest.saturating_sub(self.next);
        self.next = oldest;
        Next::Lost(self.count_lost(lost))
    }

    const fn count_lost(&mut self, lost: u64) -> u64 {
        self.lost = self.lost.saturating_add(lost);
        lost
    }

    fn room(&self) -> u64 {
        (self.words.len() / WORDS).saturating_sub(1) as u64
    }

    /// The words of a record, if it stands there whole.
    fn copy(&self, sequence: u64, room: u64) -> Option<[u64; WORDS]> {
        let first = first_word(sequence, room)?;
        let place = self.words.get(first..first.checked_add(WORDS)?)?;
        let mut words = [0; WORDS];
        for (word, there) in words.iter_mut().zip(place) {
            *word = there.load(Ordering::Acquire);
        }
        let still = place.first()?.load(Ordering::Acquire);
        let before = words.first().copied()?;
        (before == sequence && still == sequence).then_some(words)
    }

    fn word(&self, index: usize) -> u64 {
        self.words
            .get(index)
            .map_or(0, |word| word.load(Ordering::Acquire))
    }
}

/// The first word of the place of a record in a ring with room for so many; nothing for number 0.
#[must_use]
pub fn first_word(sequence: u64, room: u64) -> Option<usize> {
    let place = sequence.checked_sub(1)?.checked_rem(room)?;
    usize::try_from(place)
        .ok()?
        .checked_add(1)?
        .checked_mul(WORDS)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use super::*;
    use crate::events::Event;
    use crate::identity::GroupId;

    const GROUP: GroupId = GroupId {
        index: 7,
        generation: 3,
    };

    fn ring(records: u64) -> Vec<AtomicU64> {
        let words = usize::try_from(records + 1).unwrap() * WORDS;
        (0..words).map(|_| AtomicU64::new(0)).collect()
    }

    fn write(ring: &[AtomicU64], sequence: u64) {
        let room = (ring.len() / WORDS - 1) as u64;
        let first = first_word(sequence, room).unwrap();
        let record = Record {
            sequence,
            event: Event::Frozen {
                group: GROUP,
                depth: sequence,
            },
        };
        for (place, word) in ring[first..].iter().zip(record.to_words()) {
            place.store(word, Ordering::Relaxed);
        }
        ring[header::NEWEST].store(sequence, Ordering::Relaxed);
    }

    #[test]
    fn what_was_overwritten_is_counted_exactly() {
        let ring = ring(3);
        let mut reader = Reader::new(&ring, 0);
        assert_eq!(reader.next_record(), Next::Empty);
        for sequence in 1..=8 {
            write(&ring, sequence);
        }
        assert_eq!(reader.next_record(), Next::Lost(5));
        for sequence in 6..=8 {
            let Next::Record(record) = reader.next_record() else {
                panic!("there is one");
            };
            assert_eq!(record.sequence, sequence);
        }
        assert_eq!((reader.next_record(), reader.lost()), (Next::Empty, 5));
    }

    #[test]
    fn half_a_record_is_never_shown() {
        let ring = ring(2);
        for sequence in 1..=2 {
            write(&ring, sequence);
        }
        // Number 3 is being written over number 1: its number is not there yet, and the newest is still 2.
        ring[WORDS].store(0, Ordering::Relaxed);
        let mut reader = Reader::new(&ring, 0);
        assert_eq!(reader.next_record(), Next::Lost(1));
        assert!(matches!(reader.next_record(), Next::Record(record) if record.sequence == 2));
    }
}
