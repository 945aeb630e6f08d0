//! Jobs: what the server goes on with by itself between two messages; at most so many of a kind, each in its turn.
//!
//! # Invariants
//!
//! - At most [`JOBS`] of a kind at once, of which [`RESERVED`] are for operators alone: whoever keeps all others busy is
//!   not to keep an operator from having done what it wants.
//! - Each turn is another one's, so no job keeps the next from going on.

/// The most jobs of one kind at once.
pub const JOBS: usize = 16;
/// How many of those only an operator may use.
pub const RESERVED: usize = 4;

/// The jobs of one kind.
#[derive(Debug)]
pub struct Jobs<T> {
    places: [Option<T>; JOBS],
    next: usize,
    taken: usize,
}

impl<T> Jobs<T> {
    /// None.
    pub const NONE: Self = Self {
        places: [const { None }; JOBS],
        next: 0,
        taken: 0,
    };

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// Begins one, for an operator or for somebody else. Returns its number, if there is room.
    pub fn begin(&mut self, job: T, operator: bool) -> Option<u32> {
        let reserved = if operator { 0 } else { RESERVED };
        if self.taken >= JOBS.saturating_sub(reserved) {
            return None;
        }
        let free = self.places.iter().position(Option::is_none)?;
        *self.places.get_mut(free)? = Some(job);
        self.taken = self.taken.saturating_add(1);
        u32::try_from(free).ok()
    }

    /// The job whose turn it is, among those that are ready.
    pub fn turn(&mut self, is_ready: impl Fn(&T) -> bool) -> Option<(u32, &mut T)> {
        if self.is_empty() {
            return None;
        }
        let first = self.next;
        let mut places = (first..JOBS).chain(0..first);
        let number = places.find(|&number| {
            let job = self.places.get(number).and_then(Option::as_ref);
            job.is_some_and(&is_ready)
        })?;
        self.next = number.saturating_add(1) % JOBS;
        let job = self.places.get_mut(number)?.as_mut()?;
        Some((u32::try_from(number).ok()?, job))
    }

    /// The job of this number.
    pub fn get(&self, job: u32) -> Option<&T> {
        self.places.get(usize::try_from(job).ok()?)?.as_ref()
    }

    /// The job of this number, to be changed.
    pub fn get_mut(&mut self, job: u32) -> Option<&mut T> {
        self.places.get_mut(usize::try_from(job).ok()?)?.as_mut()
    }

    /// The job is done. Returns what it was.
    pub fn finish(&mut self, job: u32) -> Option<T> {
        let done = self.places.get_mut(usize::try_from(job).ok()?)?.take();
        if done.is_some() {
            self.taken = self.taken.saturating_sub(1);
        }
        done
    }

    /// The jobs, by number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        // Mostly there is none, and who asks is on everybody's way.
        let places = if self.is_empty() {
            &[]
        } else {
            self.places.as_slice()
        };
        (0_u32..)
            .zip(places)
            .filter_map(|(number, job)| Some((number, job.as_ref()?)))
    }

    /// The jobs, by number, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        let places = if self.is_empty() {
            &mut []
        } else {
            self.places.as_mut_slice()
        };
        (0_u32..)
            .zip(places)
            .filter_map(|(number, job)| Some((number, job.as_mut()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_turn_and_who_is_not_ready_is_passed() {
        let mut jobs = Jobs::NONE;
        for job in [10, 20, 30] {
            assert!(jobs.begin(job, false).is_some());
        }
        let mut turn = |limit| jobs.turn(|&job| job < limit).map(|(_, job)| *job);
        assert_eq!(
            [turn(99), turn(99), turn(99), turn(99)],
            [10, 20, 30, 10].map(Some)
        );
        assert_eq!([turn(25), turn(25), turn(5)], [Some(20), Some(10), None]);
    }

    #[test]
    fn there_is_room_for_so_many_and_the_last_places_are_for_operators() {
        let mut jobs = Jobs::NONE;
        let ordinary = JOBS - RESERVED;
        assert!((0..ordinary).all(|job| jobs.begin(job, false).is_some()));
        assert_eq!(jobs.begin(98, false), None);
        assert!((0..RESERVED).all(|job| jobs.begin(job, true).is_some()));
        assert_eq!(jobs.begin(99, true), None);
        assert_eq!(jobs.finish(3), Some(3));
        assert_eq!(jobs.finish(3), None);
        assert_eq!(jobs.begin(97, true), Some(3));
        assert_eq!(jobs.iter().count(), JOBS);
        assert!((0..16).all(|number| jobs.finish(number).is_some()));
        assert!(jobs.is_empty() && jobs.turn(|_| true).is_none());
    }
}
