//! One step of the random script: who tries what.
//!
//! Only puppets that run can be told to do something, so nobody freezes itself, and at most one newborn stands still:
//! which of several would take the last frame when they go on, nobody could say.

use client::interfaces::{Limit, TaskId};

use super::History;
use super::model::{COMMIT, FRAMES, Group, MAX, Puppet, Region};
use crate::deed::{Deed, SAYS};
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
/// How often a group is frozen at most, so that it goes on some day.
const FREEZES: u64 = 3;

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
        let doer = if self.random.below(5) < 2 {
            None
        } else {
            self.any_free()
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
        let deed = match self.random.below(100) {
            0..11 if entry.level < LEVELS && self.tree() < TREE => Deed::Open(entry.id),
            11..15 if group != 0 => Deed::Close(entry.id),
            15..29 => {
                let kind = usize::try_from(self.random.below(SAYS.len() as u64)).ok()?;
                let value = self.some_limit(group, kind);
                Deed::Limit(entry.id, *SAYS.get(kind)?, Limit::from_bound(value))
            }
            29..42 if self.has_room(group) => Deed::Spawn(entry.id),
            42..44 => return Some((Some(self.any_free()?), Deed::Exit)),
            44..48 => {
                let victim = self.any_puppet()?;
                let killer = self.any_free().filter(|&killer| killer != victim);
                let killer = if doer.is_none() { None } else { killer };
                return Some((killer, Deed::Kill(victim)));
            }
            48..51 => Deed::KillGroup(entry.id),
            51..68 => return self.choose_memory(),
            68..72 => return Some((Some(doer?), Deed::Enter(entry.id))),
            72..82 => Deed::Move(self.any_puppet()?, entry.id),
            82..94 => self.choose_freezing(&entry)?,
            94..100 => {
                let doer = self.any_free()?;
                let further = self.model.puppet(doer)?.further;
                let [first, second] = further;
                let deed = match first.or(second) {
                    Some((number, _)) if further.iter().all(Option::is_some) => {
                        Deed::EndThread(number)
                    }
                    Some((number, _)) if self.random.below(2) == 0 => Deed::EndThread(number),
                    _ => Deed::Thread,
                };
                return Some((Some(doer), deed));
            }
            _ => return None,
        };
        // Who ends or freezes itself gives no answer.
        let here = doer.and_then(|id| self.model.puppet(id));
        let last = here.is_some_and(|puppet| match deed {
            Deed::KillGroup(_) => self.model.dies_with(puppet, group) && self.may(doer, group),
            Deed::Freeze(_) => self.model.within(puppet.here, group) && self.may(doer, group),
            _ => false,
        });
        (!last).then_some((doer, deed))
    }

    /// Something with memory.
    fn choose_memory(&mut self) -> Option<(Option<TaskId>, Deed)> {
        let regions = self.model.regions.iter().flatten().count();
        let pages = self.random.below(PAGES).saturating_add(1);
        Some(match self.random.below(17) {
            0..6 if regions < REGIONS => {
                let deed = Deed::Create(u32::try_from(pages).ok()?);
                (Some(self.any_free()?), deed)
            }
            6..10 => {
                let region = self.any_region()?;
                let object = self.model.object(region.object)?;
                // What is touched already is shown once more, to whoever holds it too.
                let first = self
                    .random
                    .below(u64::from(object.touched).saturating_add(1));
                let first = if self.random.below(2) == 0 {
                    object.touched
                } else {
                    u32::try_from(first).ok()?
                };
                let end = u64::from(object.touched).saturating_add(pages);
                let end = u32::try_from(end.min(object.pages.into())).ok()?;
                let deed = Deed::Touch(region.address, first, end);
                (Some(region.owner), deed)
            }
            10..14 => {
                let region = self.any_region()?;
                (Some(region.owner), Deed::Destroy(region.id))
            }
            14..17 if regions < REGIONS => {
                let region = self.any_region()?;
                let to = self.any_free().filter(|&to| to != region.owner)?;
                (Some(region.owner), Deed::Share(region.id, to))
            }
            _ => return None,
        })
    }

    /// Freezes a group, or thaws one that is frozen, or now and then one that is not.
    fn choose_freezing(&mut self, group: &Group) -> Option<Deed> {
        // Less often than it thaws, so that most of the time most of them run.
        if self.random.below(3) == 0 && group.frozen < FREEZES {
            return Some(Deed::Freeze(group.id));
        }
        if self.random.below(8) == 0 {
            return Some(Deed::Thaw(group.id));
        }
        let frozen = self.any_group(|model, place| {
            let group = model.group(place);
            group.is_some_and(|group| group.frozen > 0)
        })?;
        Some(Deed::Thaw(self.model.group(frozen)?.id))
    }

    /// How many groups there are besides mailboxes.
    fn tree(&self) -> usize {
        let groups = self.model.all().filter(|(_, group)| !group.is_mailbox);
        groups.count()
    }

    /// Whether one more puppet may be born in a group.
    fn has_room(&self, group: usize) -> bool {
        let waiting = self.model.living().any(|puppet| !puppet.ready);
        self.model.living().count() < PUPPETS && !(waiting && self.model.frozen(group))
    }

    /// Mostly a little more than is used, so that much is refused and much is not.
    fn some_limit(&mut self, group: usize, kind: usize) -> u64 {
        let used = self.model.usage(group).get(kind).copied().unwrap_or(0);
        let span = match kind {
            FRAMES => self.model.warm.saturating_mul(2).max(2),
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

    /// A puppet that can be told to do something.
    fn any_free(&mut self) -> Option<TaskId> {
        let free = |puppet: &&Puppet| self.model.is_free(puppet);
        let all: heapless::Vec<TaskId, 8> =
            (self.model.living().filter(free).map(|puppet| puppet.id)).collect();
        self.any(&all)
    }

    /// A region whose owner can be told to do something with it.
    fn any_region(&mut self) -> Option<Region> {
        let free = |region: &&Region| {
            let owner = self.model.puppet(region.owner);
            owner.is_some_and(|owner| self.model.is_free(owner))
        };
        let all: heapless::Vec<Region, 24> =
            (self.model.regions.iter().flatten().filter(free).copied()).collect();
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
}
