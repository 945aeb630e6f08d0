//! One step of the random script: what is tried, what must come of it, and what the model makes of it.

use client::interfaces::process::ExitReason;
use client::interfaces::provision::Cause;
use client::interfaces::{GroupId, Limit, Resource, TaskId};

use super::History;
use super::model::{
    BODY, COMMIT, FRAMES, GROUPS, Holder, MAX, Numbers, RECORD, Region, Short, only,
};
use crate::deed::{self, Deed, NO_MAILBOX, SAYS, TOLD, Told};
use crate::failure::Failure;

/// The most puppets at once.
const PUPPETS: usize = 7;
/// The most groups besides mailboxes.
const TREE: usize = 12;
/// How deep the tree is below its top.
const LEVELS: u32 = 3;
/// The most regions at once.
const REGIONS: usize = 20;
/// The most pages of a region.
const PAGES: u64 = 6;

/// What must come of a deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Must {
    Done,
    Short(Short),
    Unknown,
    NotYours,
}

impl From<Result<(), Short>> for Must {
    fn from(admitted: Result<(), Short>) -> Self {
        admitted.map_or_else(Self::Short, |()| Self::Done)
    }
}

impl History<'_> {
    /// Tries something.
    pub fn step(&mut self) -> Result<(), Failure> {
        // Something can always be done: if nothing else, then a limit is taken away.
        let (doer, deed) = loop {
            if let Some(chosen) = self.choose() {
                break chosen;
            }
        };
        self.last = Some((doer, deed));
        match deed {
            Deed::Spawn(group) => self.spawn(doer, group),
            Deed::Enter(group) => self.enter(doer, group),
            Deed::Touch(address, first, end) => self.touch(doer, address, first..end),
            Deed::Exit => self.exit(doer),
            _ => self.simple(doer, deed),
        }
    }

    /// Who does what next; nothing if that cannot be done now.
    fn choose(&mut self) -> Option<(Option<TaskId>, Deed)> {
        let puppet = self.any_puppet();
        let doer = if self.random.below(5) < 2 {
            None
        } else {
            puppet
        };
        let group = if self.random.below(8) == 0 {
            self.any_group(|_, _| true)?
        } else {
            // Where the doer may do something.
            let here = doer
                .and_then(|id| self.model.puppet(id))
                .map_or(0, |it| it.here);
            self.any_group(|model, place| model.within(place, here))?
        };
        let entry = *self.model.group(group)?;
        let tree = self
            .model
            .all()
            .filter(|(_, group)| !group.is_mailbox)
            .count();
        let deed = match self.random.below(100) {
            0..14 if entry.level < LEVELS && tree < TREE => Deed::Open(entry.id),
            14..21 if group != 0 => Deed::Close(entry.id),
            21..41 => {
                let kind = usize::try_from(self.random.below(SAYS.len() as u64)).ok()?;
                let value = self.some_limit(group, kind);
                Deed::Limit(entry.id, *SAYS.get(kind)?, Limit::from_bound(value))
            }
            41..56 if self.model.living().count() < PUPPETS => Deed::Spawn(entry.id),
            56..59 => return Some((Some(puppet?), Deed::Exit)),
            59..65 => {
                let victim = puppet?;
                let killer = self.any_puppet().filter(|&killer| killer != victim);
                let killer = if doer.is_none() { None } else { killer };
                return Some((killer, Deed::Kill(victim)));
            }
            65..68 => Deed::KillGroup(entry.id),
            68..80 if self.model.regions.iter().flatten().count() < REGIONS => {
                let pages = self.random.below(PAGES).saturating_add(1);
                return Some((Some(puppet?), Deed::Create(u32::try_from(pages).ok()?)));
            }
            80..90 => {
                let region = self.any_region()?;
                let more = self.random.below(PAGES).saturating_add(1);
                let end = u64::from(region.touched).saturating_add(more);
                let end = end.min(region.pages.into());
                let deed = Deed::Touch(region.address, region.touched, u32::try_from(end).ok()?);
                return Some((Some(region.owner), deed));
            }
            90..94 => {
                let region = self.any_region()?;
                return Some((Some(region.owner), Deed::Destroy(region.id)));
            }
            94..100 => return Some((Some(doer?), Deed::Enter(entry.id))),
            _ => return None,
        };
        // Who kills the group that it is in gets no answer.
        let here = doer.and_then(|id| self.model.puppet(id));
        let inside = here.is_some_and(|puppet| self.model.within(puppet.here, group));
        let last = inside && matches!(deed, Deed::KillGroup(_)) && self.may(doer, group);
        (!last).then_some((doer, deed))
    }

    /// Mostly a little more than is used, so that much is refused and much is not.
    fn some_limit(&mut self, group: usize, kind: usize) -> u64 {
        let used = self.model.usage(group).get(kind).copied().unwrap_or(0);
        let span = match kind {
            FRAMES => self.model.warm.saturating_mul(2),
            COMMIT => self
                .model
                .kit
                .get(COMMIT)
                .map_or(0, |kit| kit.saturating_mul(2)),
            _ => 4,
        };
        match self.random.below(16) {
            0 => 0,
            1 => used.saturating_sub(1),
            2..7 => used.saturating_add(self.random.below(span)),
            _ => MAX,
        }
    }

    fn any<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let place = self.random.below(all.len() as u64);
        all.get(usize::try_from(place).ok()?).copied()
    }

    fn any_puppet(&mut self) -> Option<TaskId> {
        let all: heapless::Vec<TaskId, 8> = self.model.living().map(|puppet| puppet.id).collect();
        self.any(&all)
    }

    fn any_region(&mut self) -> Option<Region> {
        let all: heapless::Vec<Region, 24> = self.model.regions.iter().flatten().copied().collect();
        self.any(&all)
    }

    fn any_group(&mut self, fits: impl Fn(&super::Model, usize) -> bool) -> Option<usize> {
        let model = &self.model;
        let all: heapless::Vec<usize, 40> = model
            .all()
            .filter(|&(place, group)| !group.is_mailbox && fits(model, place))
            .map(|(place, _)| place)
            .collect();
        self.any(&all)
    }

    fn place(&self, id: GroupId) -> Result<usize, Failure> {
        match self.model.all().find(|(_, group)| group.id == id) {
            Some((place, _)) => Ok(place),
            None => fail!("group {id} is not in the model"),
        }
    }

    /// Whether a group is the doer's own or below it.
    fn reaches(&self, doer: Option<TaskId>, place: usize) -> bool {
        doer.is_none_or(|doer| {
            let puppet = self.model.puppet(doer);
            puppet.is_some_and(|puppet| self.model.within(place, puppet.here))
        })
    }

    /// Whether the doer opened a group or one above it, and holds on to it: then it has every right there.
    fn opened(&self, doer: Option<TaskId>, place: usize) -> bool {
        let Some(doer) = doer else { return true };
        let above = |&place: &usize| self.model.group(place).and_then(|group| group.parent);
        core::iter::successors(Some(place), above).any(|place| {
            let opener = self.model.group(place).and_then(|group| group.opener);
            opener == Some(Holder::Puppet(doer))
        })
    }

    fn sees(&self, doer: Option<TaskId>, place: usize) -> bool {
        self.reaches(doer, place) || self.opened(doer, place)
    }

    /// Whether the doer may change a group: by its place, or because it opened it.
    fn may(&self, doer: Option<TaskId>, place: usize) -> bool {
        self.is_above(doer, place) || self.opened(doer, place)
    }

    fn is_above(&self, doer: Option<TaskId>, place: usize) -> bool {
        doer.is_none_or(|doer| {
            let puppet = self.model.puppet(doer);
            puppet
                .is_some_and(|puppet| puppet.here != place && self.model.within(place, puppet.here))
        })
    }

    /// What must come of a deed that is not about what the doer runs on.
    fn must(&self, doer: Option<TaskId>, deed: Deed) -> Result<Must, Failure> {
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
            Deed::Limit(id, ..) | Deed::KillGroup(id) => by_place(self.place(id)?),
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

    fn home(&self, doer: Option<TaskId>) -> Result<usize, Failure> {
        match doer.and_then(|doer| self.model.puppet(doer)) {
            Some(puppet) => Ok(puppet.here),
            None => fail!("nobody does it"),
        }
    }

    /// Does it, or has it done; what came of it.
    fn perform(&mut self, doer: Option<TaskId>, deed: Deed) -> Result<Told, Failure> {
        let Some(doer) = doer else {
            return Ok(deed.act());
        };
        let Some(mailbox) = self.model.puppet(doer).map(|puppet| puppet.mailbox) else {
            fail!("no puppet {doer}")
        };
        let number = self.post(mailbox, deed)?;
        let mut told = None;
        self.world.until("an answer", || {
            told = Self::answer(mailbox, number)?;
            Ok(told.is_some())
        })?;
        match told {
            Some(told) => Ok(told),
            None => fail!("no answer"),
        }
    }

    /// What came of a deed is what had to. A refusal is counted where it must be.
    fn as_it_must(
        &mut self,
        doer: Option<TaskId>,
        deed: Deed,
        must: Must,
        told: Told,
    ) -> Result<(), Failure> {
        let (right, outcome) = match (must, told) {
            (Must::Done, Told::Done(_) | Told::Receipt(_)) => (true, 0),
            (Must::Unknown, Told::Unknown) | (Must::NotYours, Told::NotYours) => (true, 2),
            (Must::Short(short), Told::Short(told)) => {
                let named = self.model.group(short.group).map(|group| group.id);
                // The memory-server asks in a group's name, which has no entries.
                let seen = self.reaches(doer, short.group)
                    || !matches!(deed, Deed::Create(_)) && self.opened(doer, short.group);
                let right = SAYS.get(short.kind) == Some(&told.resource)
                    && told.asked == short.asked
                    && if seen {
                        (told.group, told.limit, told.used) == (named, short.limit, short.used)
                    } else {
                        told.group.is_none()
                    };
                self.model.refused(short);
                (right, 1)
            }
            _ => (false, 0),
        };
        ensure!(right, "{told:?}, but it must {must:?}");
        let which = match deed {
            Deed::Limit(..) => 0,
            other => usize::try_from(other.encode().0).unwrap_or(0),
        };
        if let Some(count) = self
            .counts
            .get_mut(which)
            .and_then(|counts| counts.get_mut(outcome))
        {
            *count = count.saturating_add(1);
        }
        Ok(())
    }

    /// A deed after which whoever does it is still there.
    fn simple(&mut self, doer: Option<TaskId>, deed: Deed) -> Result<(), Failure> {
        let must = self.must(doer, deed)?;
        let told = self.perform(doer, deed)?;
        self.as_it_must(doer, deed, must, told)?;
        match (deed, told) {
            (Deed::Open(parent), Told::Done([new, _])) => {
                let parent = self.place(parent)?;
                let holder = Some(Self::holder(doer));
                let new = deed::group_of(new);
                self.model.opened(new, Some(parent), holder, false);
            }
            (Deed::Close(id), Told::Done(_)) => {
                let place = self.place(id)?;
                if let Some(group) = self.model.group_mut(place) {
                    group.opener = None;
                }
                self.vanish();
            }
            (Deed::Limit(id, kind, limit), Told::Done(_)) => {
                let place = self.place(id)?;
                let kind = SAYS.iter().position(|&known| known == kind).unwrap_or(0);
                let group = self.model.group_mut(place);
                if let Some(number) = group.and_then(|group| group.limit.get_mut(kind)) {
                    *number = limit.bound();
                }
            }
            (Deed::Kill(victim), Told::Done(_)) => {
                self.bury(victim, |end| matches!(end, ExitReason::Killed { .. }))?;
            }
            (Deed::KillGroup(id), Told::Receipt(held)) => {
                let place = self.place(id)?;
                let mut expected = self.model.usage(place);
                // Groups are not what is killed.
                if let Some(groups) = expected.get_mut(GROUPS) {
                    *groups = 0;
                }
                equal!("the receipt", held, expected);
                let victims: heapless::Vec<TaskId, 8> = (self.model.living())
                    .filter(|puppet| self.model.within(puppet.here, place))
                    .map(|puppet| puppet.id)
                    .collect();
                for victim in victims {
                    self.bury(victim, |end| matches!(end, ExitReason::GroupKilled { .. }))?;
                }
            }
            (Deed::Create(pages), Told::Done([region, address])) => {
                let region = Region {
                    id: deed::region(region),
                    owner: doer.unwrap_or(self.world.task),
                    payer: self.home(doer)?,
                    address: u32::try_from(address).unwrap_or(0),
                    pages,
                    touched: 0,
                };
                ensure!(self.model.created(region), "too many regions");
            }
            (Deed::Destroy(region), Told::Done(_)) => {
                self.model.destroyed(region);
                self.vanish();
            }
            _ => {}
        }
        Ok(())
    }

    /// Groups that nothing keeps any more are gone; the last of them are asked about.
    fn vanish(&mut self) {
        let gone = &mut self.gone;
        self.model.vanish(&mut |id| {
            if gone.is_full() {
                gone.pop_front();
            }
            let _ = gone.push_back(id);
        });
    }

    /// A puppet has ended, or is about to; its parent hears how.
    fn bury(&mut self, id: TaskId, expected: impl Fn(ExitReason) -> bool) -> Result<(), Failure> {
        let Some(puppet) = self.model.puppet(id).copied() else {
            fail!("no puppet {id}")
        };
        if puppet.parent == Holder::Suite {
            let end = self.world.end_of(id)?;
            ensure!(expected(end), "the end of {id}: {end:?}");
        }
        self.model.ended(id);
        self.vanish();
        Ok(())
    }

    fn exit(&mut self, doer: Option<TaskId>) -> Result<(), Failure> {
        let puppet = doer.and_then(|doer| self.model.puppet(doer)).copied();
        let Some(puppet) = puppet else {
            fail!("nobody exits")
        };
        self.post(puppet.mailbox, Deed::Exit)?;
        self.bury(puppet.id, |end| end == ExitReason::Exited { code: TOLD })?;
        self.as_it_must(doer, Deed::Exit, Must::Done, Told::Done([0; 2]))
    }

    /// One more frame for a group; if it is refused, that is counted.
    fn frame(&mut self, payer: usize) -> bool {
        match self.model.admit(payer, None, &only(FRAMES, 1)) {
            Ok(()) => true,
            Err(short) => {
                self.model.refused(short);
                false
            }
        }
    }

    fn touch(
        &mut self,
        doer: Option<TaskId>,
        address: u32,
        pages: core::ops::Range<u32>,
    ) -> Result<(), Failure> {
        let deed = Deed::Touch(address, pages.start, pages.end);
        let Some(puppet) = doer.and_then(|doer| self.model.puppet(doer)).copied() else {
            fail!("nobody touches")
        };
        let region = (self.model.regions.iter())
            .position(|region| {
                region.is_some_and(|region| region.owner == puppet.id && region.address == address)
            })
            .unwrap_or(usize::MAX);
        let mut admitted = true;
        for _ in pages {
            let Some(payer) = self.region(region).map(|region| region.payer) else {
                fail!("no region at {address:#x}")
            };
            admitted = self.frame(payer);
            if !admitted {
                break;
            }
            if let Some(region) = self.region(region) {
                region.touched = region.touched.saturating_add(1);
            }
            self.model.note();
        }
        if admitted {
            let told = self.perform(doer, deed)?;
            return self.as_it_must(doer, deed, Must::Done, told);
        }
        // The page that is refused is the task's end.
        self.post(puppet.mailbox, deed)?;
        self.bury(puppet.id, no_frame)
    }

    fn region(&mut self, place: usize) -> Option<&mut Region> {
        self.model.regions.get_mut(place)?.as_mut()
    }

    fn spawn(&mut self, doer: Option<TaskId>, id: GroupId) -> Result<(), Failure> {
        let place = self.place(id)?;
        let mut asked: Numbers = self.model.kit;
        for (asked, body) in asked.iter_mut().zip(BODY) {
            *asked = asked.saturating_add(body);
        }
        let must = if self.reaches(doer, place) {
            self.model.admit(place, None, &asked).into()
        } else {
            Must::Unknown
        };
        let told = self.perform(doer, Deed::Spawn(id))?;
        self.as_it_must(doer, Deed::Spawn(id), must, told)?;
        let Told::Done([new, _]) = told else {
            return Ok(());
        };
        let task = deed::task(new);
        let room = self.model.born(task, Self::holder(doer), place);
        ensure!(room, "too many puppets");
        // It runs: frame after frame, as far as the limits let it.
        for _ in 0..self.model.warm {
            if !self.frame(place) {
                return self.bury(task, no_frame);
            }
            if let Some(puppet) = self.model.puppet_mut(task) {
                puppet.warm = puppet.warm.saturating_add(1);
            }
            self.model.note();
        }
        self.settle_in(task, place, deed::READY)
    }

    /// A puppet opens its mailbox in a group, or ends for want of one.
    fn settle_in(&mut self, task: TaskId, place: usize, number: u64) -> Result<(), Failure> {
        if let Err(short) = self.model.admit(place, None, &RECORD) {
            self.model.refused(short);
            return self.bury(task, |end| end == ExitReason::Exited { code: NO_MAILBOX });
        }
        let Some(below) = self.model.group(place).map(|group| group.id) else {
            fail!("no group in place {place}")
        };
        let mailbox = self.new_mailbox(below, number)?;
        let holder = Some(Holder::Puppet(task));
        self.model.opened(mailbox, Some(place), holder, true);
        if let Some(puppet) = self.model.puppet_mut(task) {
            puppet.mailbox = mailbox;
        }
        Ok(())
    }

    fn enter(&mut self, doer: Option<TaskId>, id: GroupId) -> Result<(), Failure> {
        let deed = Deed::Enter(id);
        let Some(puppet) = doer.and_then(|doer| self.model.puppet(doer)).copied() else {
            fail!("nobody enters")
        };
        let place = self.place(id)?;
        let must = if self.reaches(doer, place) {
            self.model.admit(place, Some(puppet.here), &BODY).into()
        } else {
            Must::Unknown
        };
        if must != Must::Done {
            let told = self.perform(doer, deed)?;
            return self.as_it_must(doer, deed, must, told);
        }
        let number = self.post(puppet.mailbox, deed)?;
        if let Some(puppet) = self.model.puppet_mut(puppet.id) {
            puppet.here = place;
        }
        self.model.note();
        // It lets go of its mailbox there and opens another here.
        let old = self.place(puppet.mailbox)?;
        if let Some(group) = self.model.group_mut(old) {
            group.opener = None;
        }
        self.vanish();
        self.settle_in(puppet.id, place, number)?;
        self.as_it_must(doer, deed, Must::Done, Told::Done([0; 2]))
    }
}

/// A page could not be charged.
fn no_frame(end: ExitReason) -> bool {
    matches!(end, ExitReason::Fault(Cause::NoFrame(short)) if (short.resource, short.asked) == (Resource::Frames, 1))
}
