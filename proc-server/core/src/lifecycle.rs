//! The life of a task, and what is allowed when.
//!
//! ```text
//!            reserve            started                end            given_back
//!   Vacant ──────────▶ Building ───────▶ Running ──────────▶ Ending ────────────▶ Vacant, next generation
//!                         │                                    ▲                    (or Retired: no generation left)
//!                         └────────────────────────────────────┘
//!                                        failed
//! ```
//!
//! - **Building**: its place is taken, nobody knows it. Nothing can be asked of it or by it.
//! - **Running**: its requests are served; it can wait, be waited for, read, killed.
//! - **Ending**: nothing that it asks is served any more. What it is made of goes back in slices.
//! - **Vacant** again only when all of it has come back; only then is anybody told.

use interfaces::process::ExitReason;

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// Nobody has this place.
    Vacant,
    /// Nobody will ever have this place again: its generations are used up.
    Retired,
    /// It is being made.
    Building,
    /// It lives.
    Running,
    /// It is being taken apart.
    Ending(Ending),
}

/// How a task ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It ran, and its parent will be told this.
    Told(ExitReason),
    /// It never ran; nobody will be told.
    Silent,
}

/// A step that the state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotNow;

impl Lifecycle {
    /// Building becomes Running.
    pub fn started(&mut self) -> Result<(), NotNow> {
        self.step(Self::Running, *self == Self::Building)
    }

    /// Building or Running becomes Ending. A task that never ran ends silently.
    pub fn end(&mut self, reason: ExitReason) -> Result<(), NotNow> {
        match self {
            Self::Running => self.step(Self::Ending(Ending::Told(reason)), true),
            Self::Building => self.failed(),
            _ => Err(NotNow),
        }
    }

    /// Building becomes Ending, silently.
    pub fn failed(&mut self) -> Result<(), NotNow> {
        self.step(Self::Ending(Ending::Silent), *self == Self::Building)
    }

    /// Whether requests of this task are served.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        matches!(self, Self::Running)
    }

    /// Whether the place is somebody's.
    #[must_use]
    pub const fn is_taken(&self) -> bool {
        matches!(self, Self::Building | Self::Running | Self::Ending(_))
    }

    fn step(&mut self, next: Self, allowed: bool) -> Result<(), NotNow> {
        if !allowed {
            return Err(NotNow);
        }
        *self = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXIT: ExitReason = ExitReason::Exited { code: 3 };

    #[test]
    fn a_task_ends_once() {
        let mut life = Lifecycle::Building;
        assert_eq!(life.started(), Ok(()));
        assert_eq!(life.started(), Err(NotNow));
        assert_eq!(life.end(EXIT), Ok(()));
        assert_eq!(life.end(EXIT), Err(NotNow));
        assert_eq!(life, Lifecycle::Ending(Ending::Told(EXIT)));
    }

    #[test]
    fn a_task_that_never_ran_ends_silently() {
        let mut life = Lifecycle::Building;
        assert_eq!(life.end(EXIT), Ok(()));
        assert_eq!(life, Lifecycle::Ending(Ending::Silent));
    }

    #[test]
    fn nothing_happens_to_a_vacant_place() {
        for mut life in [Lifecycle::Vacant, Lifecycle::Retired] {
            assert_eq!(life.started(), Err(NotNow));
            assert_eq!(life.end(EXIT), Err(NotNow));
            assert_eq!(life.failed(), Err(NotNow));
            assert!(!life.is_taken() && !life.is_running());
        }
    }
}
