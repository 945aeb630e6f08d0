//! A step of the random script is done, here or by a puppet; the model does the same.

use client::interfaces::process::ExitReason;
use client::interfaces::provision::Cause;
use client::interfaces::{GroupId, Resource, TaskId};

use super::History;
use super::model::{BODY, FRAMES, GROUPS, Holder, Numbers, Object, Puppet, RECORD, Region, only};
use super::must::Must;
use crate::deed::{self, Deed, NO_MAILBOX, SAYS, TOLD, Told};
use crate::failure::Failure;

impl History<'_> {
    /// Does it, or has it done; what came of it.
    pub fn perform(&mut self, doer: Option<TaskId>, deed: Deed) -> Result<Told, Failure> {
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
            (Must::Unknown, Told::Unknown)
            | (Must::NotYours, Told::NotYours)
            | (Must::PayerKilled, Told::PayerKilled) => (true, 2),
            (Must::Frozen, Told::Frozen) | (Must::NotFrozen, Told::NotFrozen) => (true, 3),
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
    pub fn simple(&mut self, doer: Option<TaskId>, deed: Deed) -> Result<(), Failure> {
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
                    .filter(|puppet| self.model.dies_with(puppet, place))
                    .map(|puppet| puppet.id)
                    .collect();
                self.model.revoked(place);
                for victim in victims {
                    self.bury(victim, |end| matches!(end, ExitReason::GroupKilled { .. }))?;
                }
                self.vanish();
            }
            (Deed::Create(pages), Told::Done([region, address])) => {
                self.objects = self.objects.wrapping_add(1);
                let object = Object {
                    number: self.objects,
                    payer: self.home(doer)?,
                    pages,
                    touched: 0,
                };
                let region = Region {
                    id: deed::region(region),
                    owner: doer.unwrap_or(self.world.task),
                    address: u32::try_from(address).unwrap_or(0),
                    object: self.objects,
                };
                let room = self.model.held(region) && self.model.created(object);
                ensure!(room, "too many regions");
            }
            (Deed::Destroy(region), Told::Done(_)) => {
                self.model.destroyed(region);
                self.vanish();
            }
            _ => self.moved_or_shared(doer, deed, told)?,
        }
        Ok(())
    }

    /// The same for what is done with threads, freezes, moves and shared memory.
    fn moved_or_shared(
        &mut self,
        doer: Option<TaskId>,
        deed: Deed,
        told: Told,
    ) -> Result<(), Failure> {
        match (deed, told) {
            (Deed::Share(region, to), Told::Done([offered, _])) => {
                let mut all = self.model.regions.iter().flatten();
                let object = all.find(|known| known.id == region);
                let object = object.map_or(0, |region| region.object);
                let deed = Deed::Accept(deed::region(offered));
                let told = self.perform(Some(to), deed)?;
                self.as_it_must(Some(to), deed, Must::Done, told)?;
                let Told::Done([id, address]) = told else {
                    fail!("it was not accepted: {told:?}")
                };
                let region = Region {
                    id: deed::region(id),
                    owner: to,
                    address: u32::try_from(address).unwrap_or(0),
                    object,
                };
                ensure!(self.model.held(region), "too many regions");
            }
            (Deed::Freeze(id) | Deed::Thaw(id), Told::Done([times, _])) => {
                let place = self.place(id)?;
                let Some(group) = self.model.group_mut(place) else {
                    fail!("no group {id}")
                };
                group.frozen = match deed {
                    Deed::Freeze(_) => group.frozen.saturating_add(1),
                    _ => group.frozen.saturating_sub(1),
                };
                equal!("how often it is frozen", times, group.frozen);
                self.go_on()?;
            }
            (Deed::Move(task, id), Told::Done(_)) => {
                let place = self.place(id)?;
                if let Some(puppet) = self.model.puppet_mut(task) {
                    puppet.here = place;
                }
                self.model.note();
                self.vanish();
            }
            (Deed::Thread, Told::Done([number, _])) => {
                let here = self.home(doer)?;
                let payer = self.birth(doer).unwrap_or(here);
                let number = u32::try_from(number).unwrap_or(0);
                let Some(puppet) = doer.and_then(|doer| self.model.puppet_mut(doer)) else {
                    fail!("no puppet starts a thread")
                };
                equal!("the number", number, puppet.next_number());
                let rested = puppet.rested.take_if(|&mut (rested, _)| rested == number);
                let mut further = puppet.further.iter_mut();
                let Some(room) = further.find(|further| further.is_none()) else {
                    fail!("too many threads")
                };
                *room = rested.or(Some((number, payer)));
                self.model.note();
            }
            (Deed::EndThread(number), Told::Done(_)) => {
                if let Some(puppet) = doer.and_then(|doer| self.model.puppet_mut(doer)) {
                    for thread in &mut puppet.further {
                        if thread.is_some_and(|(known, _)| known == number) {
                            // One is kept.
                            puppet.rested = puppet.rested.or(*thread);
                            *thread = None;
                        }
                    }
                }
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

    pub fn exit(&mut self, doer: Option<TaskId>) -> Result<(), Failure> {
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

    pub fn touch(
        &mut self,
        doer: Option<TaskId>,
        address: u32,
        pages: core::ops::Range<u32>,
    ) -> Result<(), Failure> {
        let deed = Deed::Touch(address, pages.start, pages.end);
        let Some(puppet) = doer.and_then(|doer| self.model.puppet(doer)).copied() else {
            fail!("nobody touches")
        };
        let mut regions = self.model.regions.iter().flatten();
        let region = regions.find(|region| region.owner == puppet.id && region.address == address);
        let number = region.map_or(0, |region| region.object);
        let mut admitted = true;
        for page in pages {
            let Some(object) = self.model.object(number) else {
                fail!("no region at {address:#x}")
            };
            // What somebody has touched already is there, for others who hold it too.
            if page < object.touched {
                continue;
            }
            admitted = self.frame(object.payer);
            if !admitted {
                break;
            }
            self.model.touched(number);
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

    pub fn spawn(&mut self, doer: Option<TaskId>, id: GroupId) -> Result<(), Failure> {
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
        self.go_on()
    }

    /// A newborn that does not stand still runs until it is ready: frame after frame, as far as the limits let it.
    fn go_on(&mut self) -> Result<(), Failure> {
        let waits = |puppet: &&Puppet| !puppet.ready && !self.model.frozen(puppet.here);
        let Some(newborn) = self.model.living().find(waits).copied() else {
            return Ok(());
        };
        for _ in 0..self.model.warm {
            if !self.frame(newborn.birth) {
                return self.bury(newborn.id, no_frame);
            }
            if let Some(puppet) = self.model.puppet_mut(newborn.id) {
                puppet.warm = puppet.warm.saturating_add(1);
            }
            self.model.note();
        }
        self.settle_in(newborn.id, newborn.here, deed::READY)
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
            puppet.ready = true;
        }
        Ok(())
    }

    pub fn enter(&mut self, doer: Option<TaskId>, id: GroupId) -> Result<(), Failure> {
        let deed = Deed::Enter(id);
        let Some(puppet) = doer.and_then(|doer| self.model.puppet(doer)).copied() else {
            fail!("nobody enters")
        };
        let place = self.place(id)?;
        let must = if !self.reaches(doer, place) {
            Must::Unknown
        } else if self.model.frozen(place) {
            Must::Frozen
        } else {
            let body = puppet.body();
            self.model.admit(place, Some(puppet.here), &body).into()
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
