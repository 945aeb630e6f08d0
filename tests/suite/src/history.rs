//! A random script of a thousand steps by the suite and its puppets, in a tree of groups three levels deep.
//!
//! They open groups, set limits, spawn, start threads, share memory, enter, move each other, freeze, thaw and kill.
//! Before each step the model says what must come of it: done, or refused by that limit of that group with those
//! numbers, or not allowed, or refused because of a freeze. After each step every group is what the model says, to the last unit, peak and refusal; its
//! own charges and the usage of the groups below add up to its usage, for every kind there is; and its audit is equal.
//! Ids of groups that are gone are refused.
//!
//! The same seed gives the same script: it is printed when a step fails.

mod act;
mod model;
mod must;
mod step;

use client::interfaces::limits::ReadRefusal;
use client::interfaces::{Amounts, GroupId, Limit, Resource, TaskId};
use client::{limits, process};

use self::model::{BODY, FRAMES, Holder, KINDS, Model};
use crate::deed::{ABOUT, BELL, Deed, READY, SAYS, Told};
use crate::failure::Failure;
use crate::figures::figure;
use crate::random::Random;
use crate::world::{World, balanced};

/// Steps of the script.
const STEPS: u32 = 1000;
/// What the script follows from.
const SEED: u64 = 0x5eed_0fa1_1b0a_7dad;
/// How often each deed is done at least, but for those from this number on: there are seldom two puppets that run while
/// one of them holds a region. `objects` and `cow` are about shared memory.
const OFTEN: u32 = 1;
const SHARING: usize = 16;
/// How many groups that are gone are asked about after each step.
const GONE: usize = 4;
/// Mailboxes are audited every so many steps only: nothing is ever charged to them.
const RARELY: u32 = 50;

/// How often each deed was done, refused by a limit, not allowed, and refused because something was frozen.
type Counts = [[u32; 4]; 18];

/// The script as far as it has come.
struct History<'w> {
    world: &'w World,
    model: Model,
    random: Random,
    gone: heapless::Deque<GroupId, GONE>,
    last: Option<(Option<TaskId>, Deed)>,
    counts: Counts,
    /// The number of the next deed.
    number: u64,
    /// The number of the newest object.
    objects: u32,
}

pub fn a_random_script_of_1000_steps_is_counted_as_its_model_says(
    world: &mut World,
) -> Result<(), Failure> {
    let mut history = History::begin(world, SEED)?;
    for step in 0..STEPS {
        let result = history.step().and_then(|()| history.check(step));
        if result.is_err() {
            client::println!("history: seed {SEED:#x}, step {step}: {:?}", history.last);
            return result;
        }
    }
    let sum = |outcome: usize| -> u64 {
        let each = history.counts.iter().filter_map(|of| of.get(outcome));
        each.map(|&count| u64::from(count)).sum()
    };
    for (deed, [done, ..]) in history.counts.iter().enumerate() {
        ensure!(
            *done >= OFTEN || deed >= SHARING,
            "deed {deed} was done {done} times only"
        );
    }
    ensure!(
        sum(1) >= 20 && sum(2) >= 20 && sum(3) >= 1,
        "{} refused by limits, {} not allowed, {} frozen: too few to show anything",
        sum(1),
        sum(2),
        sum(3)
    );
    figure("history-steps-done", sum(0))?;
    figure("history-steps-refused-by-a-limit", sum(1))?;
    figure("history-steps-not-allowed", sum(2))?;
    figure("history-steps-refused-by-a-freeze", sum(3))
}

/// What the model knows of these amounts.
fn known(amounts: &Amounts) -> [u64; KINDS] {
    SAYS.map(|kind| amounts.get(kind))
}

impl<'w> History<'w> {
    /// Finds out what a puppet costs, and begins with an empty group.
    fn begin(world: &'w World, seed: u64) -> Result<Self, Failure> {
        let sample = world.group()?;
        let puppet = world.start(Some(sample), format_args!("puppet"))?;
        let kit = known(&world.account(sample)?.usage);
        let mut history = Self {
            world,
            model: Model::new(sample),
            random: Random::new(seed),
            gone: heapless::Deque::new(),
            last: None,
            counts: Counts::default(),
            number: READY,
            objects: 0,
        };
        history.new_mailbox(sample, READY)?;
        let ready = known(&world.account(sample)?.usage);
        process::kill(puppet)?;
        world.end_of(puppet)?;
        limits::close_group(sample)?;
        history.model = Model::new(world.group()?);
        for ((to, all), body) in history.model.kit.iter_mut().zip(kit).zip(BODY) {
            *to = all.saturating_sub(body);
        }
        let frames = |numbers: [u64; KINDS]| numbers.get(FRAMES).copied().unwrap_or(0);
        history.model.warm = frames(ready).saturating_sub(frames(kit));
        Ok(history)
    }

    /// Waits until a mailbox that the model does not know stands below a group and answers to a number.
    fn new_mailbox(&self, below: GroupId, number: u64) -> Result<GroupId, Failure> {
        let mut found = None;
        self.world.until("a mailbox", || {
            let page = limits::list_children(Some(below), None)?;
            let unknown = page.items.last().copied().filter(|&last| {
                let mut all = self.model.all();
                all.all(|(_, group)| group.id != last)
            });
            if let Some(mailbox) = unknown
                && Self::answer(mailbox, number)?.is_some()
            {
                found = Some(mailbox);
            }
            Ok(found.is_some())
        })?;
        match found {
            Some(mailbox) => Ok(mailbox),
            None => fail!("no mailbox"),
        }
    }

    /// What a puppet has answered to the deed of this number, if it has.
    fn answer(mailbox: GroupId, number: u64) -> Result<Option<Told>, Failure> {
        let soft = |kind| -> Result<u64, Failure> {
            Ok(limits::read_resource(Some(mailbox), kind)?.soft.bound())
        };
        let bell = soft(BELL)?;
        if bell >> 8 != number {
            return Ok(None);
        }
        let mut says = [0; KINDS];
        for (word, kind) in says.iter_mut().zip(SAYS) {
            *word = soft(kind)?;
        }
        Ok(Some(Told::decode(bell & 0xff, says)))
    }

    /// Puts a deed into a puppet's mailbox; its number.
    fn post(&mut self, mailbox: GroupId, deed: Deed) -> Result<u64, Failure> {
        self.number = self.number.saturating_add(1);
        let (which, about) = deed.encode();
        for (kind, word) in ABOUT.into_iter().zip(about) {
            limits::set_limit(mailbox, kind, Limit::from_bound(word))?;
        }
        let bell = (self.number << 8) | which;
        limits::set_limit(mailbox, BELL, Limit::At(bell))?;
        Ok(self.number)
    }

    /// Every group is what the model says.
    fn check(&mut self, step: u32) -> Result<(), Failure> {
        // What has ended is gone altogether.
        let tasks = self.model.living().count();
        let Some(top) = self.model.group(0).map(|group| group.id) else {
            fail!("the top has vanished")
        };
        self.world.until("the ends of tasks", || {
            Ok(self.world.usage(top, Resource::Tasks)? == tasks as u64)
        })?;
        let mut usages = heapless::Vec::<Amounts, 40>::new();
        for place in 0..self.model.groups.len() {
            let usage = match self.model.group(place) {
                Some(_) => self.compare(place)?,
                None => Amounts::NONE,
            };
            let _ = usages.push(usage);
        }
        for (place, group) in self.model.all() {
            if group.is_mailbox && !step.is_multiple_of(RARELY) {
                continue;
            }
            let mut sum = balanced(group.id)?;
            for (below, child) in self.model.all() {
                if child.parent == Some(place) {
                    let usage = usages.get(below).copied().unwrap_or_default();
                    sum = sum.checked_add(&usage).unwrap_or_default();
                }
            }
            equal!(group.id, usages.get(place).copied(), Some(sum));
        }
        for &gone in &self.gone {
            refused!(limits::read_account(Some(gone)), ReadRefusal::UnknownGroup);
        }
        Ok(())
    }

    /// One group is what the model says; what it uses.
    fn compare(&self, place: usize) -> Result<Amounts, Failure> {
        let Some(group) = self.model.group(place) else {
            fail!("no group in place {place}")
        };
        let account = limits::read_account(Some(group.id))?;
        let above = group.parent.and_then(|above| self.model.group(above));
        if let Some(above) = above {
            equal!("parent", account.parent, Some(above.id));
        }
        let id = group.id;
        equal!(id, known(&account.usage), self.model.usage(place));
        equal!(id, known(&account.peak), group.peak);
        equal!(id, known(&account.refusals), group.refusals);
        let limit = SAYS.map(|kind| account.limit.get(kind.index()).map(|limit| limit.bound()));
        if !group.is_mailbox {
            equal!(id, limit, group.limit.map(Some));
        }
        let children = self
            .model
            .all()
            .filter(|(_, child)| child.parent == Some(place));
        let freeze = limits::read_freeze(Some(group.id))?;
        let frozen = (group.frozen, self.model.frozen(place));
        equal!(id, (u64::from(freeze.times), freeze.frozen), frozen);
        let here = self.model.living().filter(|puppet| puppet.here == place);
        let counted = (children.count(), here.count());
        equal!(
            "children and tasks",
            (account.children as usize, account.tasks_here as usize),
            counted
        );
        Ok(account.usage)
    }

    /// Who a doer is as a holder of groups.
    fn holder(doer: Option<TaskId>) -> Holder {
        doer.map_or(Holder::Suite, Holder::Puppet)
    }
}
