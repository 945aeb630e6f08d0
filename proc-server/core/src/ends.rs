//! The ends of children that nobody has waited for yet.
//!
//! # Invariants
//!
//! - At most [`KEPT_ENDS`], oldest first; when another comes, the oldest is lost and counted.

use interfaces::TaskId;
use interfaces::process::{Ended, KEPT_ENDS};

/// What a parent can still be told.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    kept: heapless::Vec<Ended, KEPT_ENDS>,
    lost: u32,
}

impl Ends {
    /// Nothing happened yet.
    pub const NONE: Self = Self {
        kept: heapless::Vec::new(),
        lost: 0,
    };

    /// Keeps an end; if there is no room the oldest is lost.
    pub fn keep(&mut self, ended: Ended) {
        if self.kept.is_full() {
            self.take_at(0);
            self.lost = self.lost.saturating_add(1);
        }
        // There is room now, so nothing is turned away.
        let _ = self.kept.push(ended);
    }

    /// Takes the end of one child, or the oldest if none is named.
    pub fn take(&mut self, child: Option<TaskId>) -> Option<Ended> {
        let position = match child {
            None => 0,
            Some(child) => self.kept.iter().position(|ended| ended.task == child)?,
        };
        self.take_at(position)
    }

    /// Forgets everything.
    pub fn forget(&mut self) {
        self.kept.clear();
        self.lost = 0;
    }

    /// How many were lost.
    #[must_use]
    pub const fn lost(&self) -> u32 {
        self.lost
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    fn take_at(&mut self, position: usize) -> Option<Ended> {
        (position < self.kept.len()).then(|| self.kept.remove(position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interfaces::process::ExitReason;

    fn end(index: u32) -> Ended {
        Ended {
            task: TaskId {
                index,
                generation: 0,
            },
            reason: ExitReason::Exited { code: 0 },
        }
    }

    #[test]
    fn the_oldest_end_is_lost_and_counted() {
        let mut ends = Ends::NONE;
        for index in 0..18 {
            ends.keep(end(index));
        }
        assert_eq!((ends.len(), ends.lost()), (KEPT_ENDS, 2));
        assert_eq!(ends.take(None), Some(end(2)));
        assert_eq!(ends.take(Some(end(1).task)), None);
        assert_eq!(ends.take(Some(end(9).task)), Some(end(9)));
        assert_eq!(ends.take(None), Some(end(3)));
    }

    #[test]
    fn nothing_is_taken_from_nothing() {
        assert_eq!(Ends::default().take(None), None);
    }
}
