//! What must come of a step of the random script, by the model: who may do what, and which limit is in the way.

use client::interfaces::{GroupId, TaskId};

use super::History;
use super::model::{COMMIT, Holder, RECORD, Short, THREAD, THREADS, add, only};
use crate::deed::Deed;
use crate::failure::Failure;

/// What must come of a deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Must {
    Done,
    Short(Short),
    Unknown,
    NotYours,
    Frozen,
    NotFrozen,
    PayerKilled,
}

impl From<Result<(), Short>> for Must {
    fn from(admitted: Result<(), Short>) -> Self {
        admitted.map_or_else(Self::Short, |()| Self::Done)
    }
}

impl History<'_> {
    pub fn place(&self, id: GroupId) -> Result<usize, Failure> {
        match self.model.all().find(|(_, group)| group.id == id) {
            Some((place, _)) => Ok(place),
            None => fail!("group {id} is not in the model"),
        }
    }

    /// Whether a group is the doer's own or below it.
    pub fn reaches(&self, doer: Option<TaskId>, place: usize) -> bool {
        doer.is_none_or(|doer| {
            let puppet = self.model.puppet(doer);
            puppet.is_some_and(|puppet| self.model.within(place, puppet.here))
        })
    }

    /// Whether the doer opened a group or one above it, and holds on to it: then it has every right there.
    pub fn opened(&self, doer: Option<TaskId>, place: usize) -> bool {
        let Some(doer) = doer else { return true };
        self.model.path(place).any(|place| {
            let opener = self.model.group(place).and_then(|group| group.opener);
            opener == Some(Holder::Puppet(doer))
        })
    }

    pub fn sees(&self, doer: Option<TaskId>, place: usize) -> bool {
        self.reaches(doer, place) || self.opened(doer, place)
    }

    /// Whether the doer may change a group: by its place, or because it opened it.
    pub fn may(&self, doer: Option<TaskId>, place: usize) -> bool {
        self.is_above(doer, place) || self.opened(doer, place)
    }

    pub fn is_above(&self, doer: Option<TaskId>, place: usize) -> bool {
        doer.is_none_or(|doer| {
            let puppet = self.model.puppet(doer);
            puppet
                .is_some_and(|puppet| puppet.here != place && self.model.within(place, puppet.here))
        })
    }

    /// What must come of a deed that is not about what the doer runs on.
    pub fn must(&self, doer: Option<TaskId>, deed: Deed) -> Result<Must, Failure> {
        let by_place = |place: usize| {
            if self.may(doer, place) {
                Must::Done
            } else if self.sees(doer, place) {
                Must::NotYours
            } else {
                Must::Unknown
            }
        };
        Ok(match deed {
            Deed::Open(id) => {
                let place = self.place(id)?;
                if self.sees(doer, place) {
                    self.model.admit(place, None, &RECORD).into()
                } else {
                    Must::Unknown
                }
            }
            Deed::Close(id) => {
                let place = self.place(id)?;
                let opener = self.model.group(place).and_then(|group| group.opener);
                if opener == Some(Self::holder(doer)) {
                    Must::Done
                } else if self.sees(doer, place) {
                    Must::NotYours
                } else {
                    Must::Unknown
                }
            }
            Deed::Limit(id, ..) | Deed::KillGroup(id) | Deed::Freeze(id) => {
                by_place(self.place(id)?)
            }
            Deed::Thaw(id) => {
                let place = self.place(id)?;
                match by_place(place) {
                    Must::Done if self.model.group(place).is_none_or(|it| it.frozen == 0) => {
                        Must::NotFrozen
                    }
                    must => must,
                }
            }
            Deed::Move(task, id) => self.must_move(doer, task, self.place(id)?)?,
            Deed::Thread => {
                let here = self.home(doer)?;
                let birth = self.birth(doer).unwrap_or(here);
                let mut asked = only(THREADS, 1);
                let puppet = doer.and_then(|doer| self.model.puppet(doer));
                let rests = puppet.is_some_and(|puppet| {
                    let rested = puppet.rested.map(|(number, _)| number);
                    rested == Some(puppet.next_number())
                });
                if rests {
                    // What it is made of is there, and paid for.
                    self.model.admit(here, None, &asked).into()
                } else if birth == here {
                    add(&mut asked, &THREAD);
                    self.model.admit(here, None, &asked).into()
                } else {
                    // It counts where the task is; who pays for the task pays for its thread.
                    let admitted = self.model.admit(here, None, &asked);
                    admitted
                        .and_then(|()| self.model.admit(birth, None, &THREAD))
                        .into()
                }
            }
            Deed::Share(region, _) | Deed::Accept(region) => {
                let mut all = self.model.regions.iter().flatten();
                let Some(region) = all.find(|known| known.id == region) else {
                    fail!("no region {region:?}")
                };
                match self.model.object(region.object) {
                    Some(_) => Must::Done,
                    None => Must::PayerKilled,
                }
            }
            Deed::Kill(victim) => {
                let Some(puppet) = self.model.puppet(victim) else {
                    fail!("no puppet {victim}")
                };
                let may = self.is_above(doer, puppet.here)
                    || doer.is_some_and(|doer| self.model.descends(victim, doer));
                if may { Must::Done } else { Must::Unknown }
            }
            Deed::Create(pages) => {
                let here = self.home(doer)?;
                let asked = only(COMMIT, pages.into());
                self.model.admit(here, None, &asked).into()
            }
            _ => Must::Done,
        })
    }

    /// Whether a task may be moved to a group: the doer must have the right to take it out of where it is, and out of
    /// every other group that it leaves, and the right to bring it there.
    fn must_move(
        &self,
        doer: Option<TaskId>,
        task: TaskId,
        target: usize,
    ) -> Result<Must, Failure> {
        let Some(puppet) = self.model.puppet(task) else {
            fail!("no puppet {task}")
        };
        let source = puppet.here;
        let refused = |place: usize| {
            if self.sees(doer, place) {
                Must::NotYours
            } else {
                Must::Unknown
            }
        };
        if !self.may(doer, source) {
            return Ok(refused(source));
        }
        if !self.may(doer, target) {
            return Ok(refused(target));
        }
        let meeting = self.model.meeting(source, target);
        let mut left = self
            .model
            .path(source)
            .take_while(|&it| Some(it) != meeting);
        Ok(if left.any(|place| !self.may(doer, place)) {
            Must::NotYours
        } else if self.model.frozen(source) != self.model.frozen(target) {
            Must::Frozen
        } else {
            self.model.admit(target, meeting, &puppet.body()).into()
        })
    }

    /// Where a puppet was born: that group pays for what it is made of.
    pub fn birth(&self, doer: Option<TaskId>) -> Option<usize> {
        let puppet = doer.and_then(|doer| self.model.puppet(doer));
        puppet.map(|puppet| puppet.birth)
    }

    pub fn home(&self, doer: Option<TaskId>) -> Result<usize, Failure> {
        match doer.and_then(|doer| self.model.puppet(doer)) {
            Some(puppet) => Ok(puppet.here),
            None => fail!("nobody does it"),
        }
    }
}
