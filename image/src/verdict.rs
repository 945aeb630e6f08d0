//! Whether a run passed: judged by what the guest reported, not by what it printed.
//!
//! A run passes only if the guest ended the machine with the pass code, *and* its last record was `done` without a
//! failure, *and* every planned case ended. Silence, a timeout, a crash, a case too few: all of them fail.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;

use test_records::{Outcome, Record, split};

use crate::qemu::Ending;

/// How many console lines a failure shows.
pub const LAST_LINES: usize = 50;

/// What a run has reported so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    planned: Option<u32>,
    running: BTreeSet<String>,
    ended: BTreeSet<String>,
    passed: u32,
    failed: u32,
    faults: u32,
    done: Option<(u32, u32)>,
    after_done: bool,
    malformed: Option<String>,
    last_lines: VecDeque<String>,
}

/// Why a run did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The machine ended in another way than with the pass code.
    Ended(Ending),
    /// The guest never said that it was done.
    NotDone,
    /// The guest went on with records after it had said that it was done.
    AfterDone,
    /// Cases failed.
    Cases {
        /// How many.
        failed: u32,
    },
    /// Fewer or more cases ended than were planned.
    Planned {
        /// How many were planned.
        planned: u32,
        /// How many ended.
        ended: u32,
    },
    /// The guest's count of its cases is not ours.
    Miscounted {
        /// Passed and failed, as the guest counts.
        said: (u32, u32),
        /// Passed and failed, as reported.
        seen: (u32, u32),
    },
    /// A record could not be read.
    Malformed(String),
}

impl Tally {
    /// A run that has reported nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of a console line.
    pub fn line(&mut self, line: &str) {
        let parts = split(line);
        if self.last_lines.len() >= LAST_LINES {
            self.last_lines.pop_front();
        }
        let shown = line.replace(test_records::MARK, "<record> ");
        self.last_lines.push_back(shown);
        match parts.record {
            Some(Ok(record)) => self.record(&record),
            Some(Err(error)) => {
                self.malformed
                    .get_or_insert_with(|| format!("{error}: {}", line.escape_debug()));
            }
            None => {}
        }
    }

    fn record(&mut self, record: &Record<'_>) {
        self.after_done |= self.done.is_some();
        match *record {
            Record::Plan { cases } => self.planned = Some(cases),
            Record::Begin { name } => {
                self.running.insert(name.to_owned());
            }
            Record::End { name, outcome } => {
                self.running.remove(name);
                // A case that ends twice counts once; its second end is then one too few for the guest's own count.
                if self.ended.insert(name.to_owned()) {
                    match outcome {
                        Outcome::Ok => self.passed = self.passed.saturating_add(1),
                        Outcome::Failed { .. } => self.failed = self.failed.saturating_add(1),
                    }
                }
            }
            Record::Fault { .. } => self.faults = self.faults.saturating_add(1),
            Record::Done { passed, failed } => self.done = Some((passed, failed)),
            Record::Capability(_) | Record::Figure { .. } => {}
        }
    }

    /// The verdict, once the machine has ended.
    pub fn verdict(&self, ending: Ending) -> Result<(), Failure> {
        if ending != Ending::Passed && ending != Ending::Failed {
            return Err(Failure::Ended(ending));
        }
        if let Some(line) = &self.malformed {
            return Err(Failure::Malformed(line.clone()));
        }
        let said = self.done.ok_or(Failure::NotDone)?;
        if self.after_done {
            return Err(Failure::AfterDone);
        }
        let ended = self.passed.saturating_add(self.failed);
        if let Some(planned) = self.planned
            && planned != ended
        {
            return Err(Failure::Planned { planned, ended });
        }
        let failed = self.failed.max(said.1);
        if failed > 0 {
            return Err(Failure::Cases { failed });
        }
        // A run without a plan, such as the demonstration, has no cases to count.
        let seen = (self.passed, self.failed);
        if self.planned.is_some() && said != seen {
            return Err(Failure::Miscounted { said, seen });
        }
        if ending != Ending::Passed {
            return Err(Failure::Ended(ending));
        }
        Ok(())
    }

    /// How many cases were planned, if any were.
    #[must_use]
    pub const fn planned(&self) -> Option<u32> {
        self.planned
    }

    /// The cases that began and did not end.
    pub fn unfinished(&self) -> impl Iterator<Item = &str> {
        self.running.iter().map(String::as_str)
    }

    /// How many faults were reported.
    #[must_use]
    pub const fn faults(&self) -> u32 {
        self.faults
    }

    /// The last lines of the console.
    pub fn last_lines(&self) -> impl Iterator<Item = &str> {
        self.last_lines.iter().map(String::as_str)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(ending) => write!(out, "{ending}"),
            Self::NotDone => out.write_str("the guest ended without its last record, `done`"),
            Self::AfterDone => out.write_str("the guest went on with records after `done`"),
            Self::Cases { failed: 1 } => out.write_str("1 case failed"),
            Self::Cases { failed } => write!(out, "{failed} cases failed"),
            Self::Planned { planned, ended } => {
                write!(out, "{planned} cases were planned and {ended} ended")
            }
            Self::Miscounted { said, seen } => write!(
                out,
                "the guest counted {} passed and {} failed, and reported {} and {}",
                said.0, said.1, seen.0, seen.1
            ),
            Self::Malformed(line) => write!(out, "a record that cannot be read: {line}"),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn tally(lines: &[&str]) -> Tally {
        let mut tally = Tally::new();
        for line in lines {
            tally.line(line);
        }
        tally
    }

    fn verdict(lines: &[&str], ending: Ending) -> Result<(), Failure> {
        tally(lines).verdict(ending)
    }

    const GOOD: [&str; 6] = [
        "hello",
        "\x1eplan 1",
        "\x1ebegin a",
        "\x1eend a ok",
        "\x1efigure charge 12",
        "\x1edone 1 0",
    ];

    #[test]
    fn a_run_passes_that_did_all_it_planned_and_said_so_twice() {
        assert_eq!(verdict(&GOOD, Ending::Passed), Ok(()));
        assert_eq!(
            verdict(&["\x1edone 1 0"], Ending::Passed),
            Ok(()),
            "the demonstration has no plan"
        );
    }

    #[test]
    fn anything_else_fails() {
        let late = Ending::TimedOut(Duration::from_secs(1));
        let cases: [(&[&str], Ending, Failure); 11] = [
            (&GOOD, Ending::Failed, Failure::Ended(Ending::Failed)),
            (
                &GOOD,
                Ending::Unexpected(0),
                Failure::Ended(Ending::Unexpected(0)),
            ),
            (&GOOD, late, Failure::Ended(late)),
            (&[], Ending::Passed, Failure::NotDone),
            (&["done 1 0"], Ending::Passed, Failure::NotDone),
            (
                &["\x1edone 0 0", "\x1ebegin a"],
                Ending::Passed,
                Failure::AfterDone,
            ),
            (
                &["\x1edone 1 1"],
                Ending::Passed,
                Failure::Cases { failed: 1 },
            ),
            (
                &[
                    "\x1eplan 1",
                    "\x1ebegin a",
                    "\x1eend a failed no",
                    "\x1edone 1 0",
                ],
                Ending::Passed,
                Failure::Cases { failed: 1 },
            ),
            (
                &[
                    "\x1eplan 2",
                    "\x1ebegin a",
                    "\x1eend a ok",
                    "\x1eend a ok",
                    "\x1edone 2 0",
                ],
                Ending::Passed,
                Failure::Planned {
                    planned: 2,
                    ended: 1,
                },
            ),
            (
                &["\x1eplan 1", "\x1ebegin a", "\x1eend a ok", "\x1edone 2 0"],
                Ending::Passed,
                Failure::Miscounted {
                    said: (2, 0),
                    seen: (1, 0),
                },
            ),
            (
                &["\x1eplan x", "\x1edone 0 0"],
                Ending::Passed,
                Failure::Malformed("`x` is no cases: \\u{1e}plan x".into()),
            ),
        ];
        for (lines, ending, failure) in cases {
            assert_eq!(verdict(lines, ending), Err(failure), "{lines:?}");
        }
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let lines: Vec<String> = (0..100).map(|n| format!("line {n}")).collect();
        let tally = tally(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(tally.last_lines().count(), LAST_LINES);
        assert_eq!(tally.last_lines().last(), Some("line 99"));
    }

    #[test]
    fn a_case_that_never_ended_is_named() {
        let tally = tally(&["\x1eplan 2", "\x1ebegin a", "\x1eend a ok", "\x1ebegin b"]);
        assert_eq!(tally.unfinished().collect::<Vec<_>>(), ["b"]);
    }
}
