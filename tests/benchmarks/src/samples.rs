//! What was measured, round by round: guest instructions, without what asking for the time takes.

use crate::Trouble;

/// The most rounds of a benchmark.
pub const ROUNDS: usize = 1024;
/// What tells a helper to do its operation between the marks of [`crate::profile`].
pub const MARKED: &str = "marked";
/// Rounds that are thrown away first: what is touched for the first time is touched in them.
const WARM: usize = 8;

/// The instructions of each round.
pub struct Samples {
    rounds: [u64; ROUNDS],
    count: usize,
    /// Whether a round is to be done between the marks of [`crate::profile`].
    pub marks: bool,
}

/// What is told of a benchmark.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// The median.
    pub median: u64,
    /// The least.
    pub min: u64,
    /// The most: a timer tick falls into some round.
    pub max: u64,
    /// How many rounds there were.
    pub rounds: u64,
}

impl Samples {
    /// None yet.
    pub const fn new() -> Self {
        Self {
            rounds: [0; ROUNDS],
            count: 0,
            marks: false,
        }
    }

    /// What a helper is told.
    pub const fn marks_word(&self) -> &'static str {
        if self.marks { MARKED } else { "" }
    }

    /// Does something so many times warm, with what must be done before and after each time outside the measurement.
    pub fn with<T>(
        &mut self,
        rounds: usize,
        mut before: impl FnMut() -> Result<T, Trouble>,
        mut act: impl FnMut(&mut T) -> Result<(), Trouble>,
        mut after: impl FnMut(T) -> Result<(), Trouble>,
    ) -> Result<Summary, Trouble> {
        self.count = 0;
        for round in 0..rounds.saturating_add(WARM) {
            let mut prepared = before()?;
            let nothing = time(|| Ok(()))?;
            let last = round == rounds.saturating_add(WARM).saturating_sub(1);
            let taken = if self.marks && last {
                crate::profile::between(|| time(|| act(&mut prepared)))?
            } else {
                time(|| act(&mut prepared))?
            };
            after(prepared)?;
            if round >= WARM {
                self.push(taken.saturating_sub(nothing));
            }
        }
        Ok(self.summary())
    }

    /// Does something so many times warm.
    pub fn of(
        &mut self,
        rounds: usize,
        mut act: impl FnMut() -> Result<(), Trouble>,
    ) -> Result<Summary, Trouble> {
        self.with(rounds, || Ok(()), |()| act(), Ok)
    }

    /// The instructions of something long.
    pub fn time(&self, act: impl FnOnce() -> Result<(), Trouble>) -> Result<u64, Trouble> {
        if self.marks {
            crate::profile::between(|| time(act))
        } else {
            time(act)
        }
    }

    /// Forgets every round.
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// Takes a round that was measured elsewhere. What does not fit is left out.
    pub fn push(&mut self, taken: u64) {
        if let Some(place) = self.rounds.get_mut(self.count) {
            *place = taken;
            self.count = self.count.saturating_add(1);
        }
    }

    /// What is to be told of them.
    pub fn summary(&mut self) -> Summary {
        let rounds = self.rounds.get_mut(..self.count).unwrap_or_default();
        rounds.sort_unstable();
        Summary {
            median: rounds.get(rounds.len() / 2).copied().unwrap_or(0),
            min: rounds.first().copied().unwrap_or(0),
            max: rounds.last().copied().unwrap_or(0),
            rounds: self.count as u64,
        }
    }
}

/// The instructions that something takes, and those of asking for the time.
#[inline]
pub fn time(act: impl FnOnce() -> Result<(), Trouble>) -> Result<u64, Trouble> {
    let start = client::clock();
    act()?;
    Ok(client::clock().saturating_sub(start))
}
