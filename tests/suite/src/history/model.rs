//! What should be: a naive model of the ledger, for the random history.
//!
//! It keeps who is where and who pays for what, and counts everything anew whenever it is asked. It knows six kinds of
//! resource to the last unit; of the others the audit tells.

use client::interfaces::memory::RegionId;
use client::interfaces::{GroupId, TaskId};

use crate::deed::SAYS;

/// How many kinds it knows: those of [`SAYS`], in the order in which the ledger looks at them.
pub const KINDS: usize = SAYS.len();
/// One number for each of them.
pub type Numbers = [u64; KINDS];
/// The places of some of them.
pub const GROUPS: usize = 0;
pub const THREADS: usize = 2;
pub const FRAMES: usize = 3;
pub const COMMIT: usize = 4;
/// No limit.
pub const MAX: u64 = u64::MAX;

/// A task and its thread: what goes along when a task moves.
pub const BODY: Numbers = [0, 1, 1, 0, 0, 0];
/// What a further thread has that stays with who paid for it: its IPC buffer.
pub const THREAD: Numbers = [0, 0, 0, 1, 1, 0];
/// The further threads of a puppet, at most.
pub const FURTHER: usize = 2;
/// A group's record.
pub const RECORD: Numbers = [1, 0, 0, 0, 0, 0];

/// A group, by its place in the model.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    pub id: GroupId,
    /// The place of the group above.
    pub parent: Option<usize>,
    pub level: u32,
    /// Who holds on to it.
    pub opener: Option<Holder>,
    pub is_mailbox: bool,
    pub limit: Numbers,
    pub peak: Numbers,
    pub refusals: Numbers,
    /// How often it is frozen itself.
    pub frozen: u64,
}

/// Who opened a group and has not let go of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    Suite,
    Puppet(TaskId),
}

/// A puppet.
#[derive(Clone, Copy, Debug)]
pub struct Puppet {
    pub id: TaskId,
    /// Who spawned it, while that lives.
    pub parent: Holder,
    pub orphan: bool,
    /// Where it was born: that group pays for it.
    pub birth: usize,
    /// Where it is.
    pub here: usize,
    pub mailbox: GroupId,
    /// Frames that it has touched of what it was born with.
    pub warm: u64,
    /// It has a mailbox, and does what it is told. One that was born frozen has not come so far.
    pub ready: bool,
    /// Its further threads: their numbers, and who pays for them.
    pub further: [Option<(u32, usize)>; FURTHER],
    /// One that has ended and is kept for the next one of its number: its number, and who pays.
    pub rested: Option<(u32, usize)>,
}

impl Puppet {
    /// The number that its next thread gets: the lowest that is free.
    pub fn next_number(&self) -> u32 {
        let is_free = |number: &u32| {
            let mut all = self.further.iter().flatten();
            all.all(|(taken, _)| taken != number)
        };
        // There is one more number than threads.
        (1..=FURTHER.saturating_add(1))
            .filter_map(|number| u32::try_from(number).ok())
            .find(is_free)
            .unwrap_or_default()
    }

    /// Further threads, whether they run or rest.
    fn made(&self) -> impl Iterator<Item = (u32, usize)> {
        self.further.into_iter().chain([self.rested]).flatten()
    }

    /// Where it is, and who pays for what it is made of.
    fn places(&self) -> impl Iterator<Item = usize> + '_ {
        let payers = self.made().map(|(_, payer)| payer);
        [self.here, self.birth].into_iter().chain(payers)
    }

    /// What goes along when it moves.
    pub fn body(&self) -> Numbers {
        let mut body = BODY;
        for _ in self.further.iter().flatten() {
            add(&mut body, &only(THREADS, 1));
        }
        body
    }
}

/// Memory, held by one task or several.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    pub number: u32,
    pub payer: usize,
    pub pages: u32,
    pub touched: u32,
}

/// A task's hold on memory.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    pub id: RegionId,
    pub owner: TaskId,
    pub address: u32,
    /// The number of the object. If there is none, its payer was killed.
    pub object: u32,
}

/// Why something is refused: which limit, and by which group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    pub kind: usize,
    pub group: usize,
    pub limit: u64,
    pub used: u64,
    pub asked: u64,
}

/// All of it.
pub struct Model {
    pub groups: heapless::Vec<Option<Group>, 40>,
    pub puppets: heapless::Vec<Option<Puppet>, 8>,
    pub regions: heapless::Vec<Option<Region>, 24>,
    pub objects: heapless::Vec<Option<Object>, 24>,
    /// What a puppet's birth is charged as, without [`BODY`].
    pub kit: Numbers,
    /// Frames that a puppet has touched when it is ready.
    pub warm: u64,
}

pub fn add(sum: &mut Numbers, more: &Numbers) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum = sum.saturating_add(*more);
    }
}

/// Puts something where there is room; its place.
fn put<T, const N: usize>(into: &mut heapless::Vec<Option<T>, N>, new: T) -> Option<usize> {
    if let Some(place) = into.iter().position(Option::is_none) {
        *into.get_mut(place)? = Some(new);
        return Some(place);
    }
    into.push(Some(new)).ok()?;
    into.len().checked_sub(1)
}

impl Model {
    pub fn new(top: GroupId) -> Self {
        let mut model = Self {
            groups: heapless::Vec::new(),
            puppets: heapless::Vec::new(),
            regions: heapless::Vec::new(),
            objects: heapless::Vec::new(),
            kit: [0; KINDS],
            warm: 0,
        };
        model.opened(top, None, Some(Holder::Suite), false);
        model
    }

    pub fn group(&self, place: usize) -> Option<&Group> {
        self.groups.get(place)?.as_ref()
    }

    pub fn group_mut(&mut self, place: usize) -> Option<&mut Group> {
        self.groups.get_mut(place)?.as_mut()
    }

    pub fn all(&self) -> impl Iterator<Item = (usize, &Group)> {
        let places = self.groups.iter().enumerate();
        places.filter_map(|(place, group)| Some((place, group.as_ref()?)))
    }

    pub fn living(&self) -> impl Iterator<Item = &Puppet> {
        self.puppets.iter().flatten()
    }

    pub fn puppet(&self, id: TaskId) -> Option<&Puppet> {
        self.living().find(|puppet| puppet.id == id)
    }

    pub fn puppet_mut(&mut self, id: TaskId) -> Option<&mut Puppet> {
        let mut living = self.puppets.iter_mut().flatten();
        living.find(|puppet| puppet.id == id)
    }

    /// Whether a group is another or below it.
    pub fn within(&self, place: usize, top: usize) -> bool {
        let mut here = Some(place);
        // No deeper than there are groups.
        for _ in 0..self.groups.len() {
            match here {
                Some(place) if place == top => return true,
                Some(place) => here = self.group(place).and_then(|group| group.parent),
                None => return false,
            }
        }
        false
    }

    /// What a group uses: counted anew.
    pub fn usage(&self, top: usize) -> Numbers {
        let mut sum = [0; KINDS];
        for (_, group) in self.all() {
            if group.parent.is_some_and(|above| self.within(above, top)) {
                add(&mut sum, &RECORD);
            }
        }
        for puppet in self.living() {
            if self.within(puppet.here, top) {
                add(&mut sum, &puppet.body());
            }
            for (_, payer) in puppet.made() {
                if self.within(payer, top) {
                    add(&mut sum, &THREAD);
                }
            }
            if self.within(puppet.birth, top) {
                add(&mut sum, &self.kit);
                add(&mut sum, &only(FRAMES, puppet.warm));
            }
        }
        for object in self.objects.iter().flatten() {
            if self.within(object.payer, top) {
                add(&mut sum, &only(FRAMES, object.touched.into()));
                add(&mut sum, &only(COMMIT, object.pages.into()));
            }
        }
        sum
    }

    /// Whether a charge would be admitted at a group and all above it, up to and without one.
    pub fn admit(&self, group: usize, until: Option<usize>, asked: &Numbers) -> Result<(), Short> {
        let mut here = Some(group);
        while let Some(place) = here
            && here != until
        {
            let Some(group) = self.group(place) else {
                break;
            };
            let used = self.usage(place);
            for (kind, ((&limit, &used), &asked)) in
                group.limit.iter().zip(&used).zip(asked).enumerate()
            {
                if asked > 0 && used.saturating_add(asked) > limit {
                    return Err(Short {
                        kind,
                        group: place,
                        limit,
                        used,
                        asked,
                    });
                }
            }
            here = group.parent;
        }
        Ok(())
    }

    pub fn refused(&mut self, short: Short) {
        if let Some(group) = self.group_mut(short.group)
            && let Some(count) = group.refusals.get_mut(short.kind)
        {
            *count = count.saturating_add(1);
        }
    }

    /// Every peak is at least what is used now.
    pub fn note(&mut self) {
        for place in 0..self.groups.len() {
            let usage = self.usage(place);
            if let Some(group) = self.group_mut(place) {
                for (peak, now) in group.peak.iter_mut().zip(usage) {
                    *peak = now.max(*peak);
                }
            }
        }
    }

    pub fn opened(
        &mut self,
        id: GroupId,
        parent: Option<usize>,
        opener: Option<Holder>,
        is_mailbox: bool,
    ) {
        let above = parent.and_then(|place| self.group(place));
        let level = above.map_or(0, |group| group.level.saturating_add(1));
        let group = Group {
            id,
            parent,
            level,
            opener,
            is_mailbox,
            limit: [MAX; KINDS],
            peak: [0; KINDS],
            refusals: [0; KINDS],
            frozen: 0,
        };
        put(&mut self.groups, group);
        self.note();
    }

    /// A puppet is born, and has run as far as it needs no more frames.
    pub fn born(&mut self, id: TaskId, parent: Holder, place: usize) -> bool {
        let puppet = Puppet {
            id,
            parent,
            orphan: false,
            birth: place,
            here: place,
            mailbox: GroupId::ROOT,
            warm: 0,
            ready: false,
            further: [None; FURTHER],
            rested: None,
        };
        let room = put(&mut self.puppets, puppet).is_some();
        self.note();
        room
    }

    /// A task reserves memory that its group pays for.
    pub fn created(&mut self, object: Object) -> bool {
        let room = put(&mut self.objects, object).is_some();
        self.note();
        room
    }

    /// A task holds some memory.
    pub fn held(&mut self, region: Region) -> bool {
        put(&mut self.regions, region).is_some()
    }

    /// A task lets go of some memory.
    pub fn destroyed(&mut self, id: RegionId) {
        let mut regions = self.regions.iter_mut();
        if let Some(region) = regions.find(|region| region.is_some_and(|it| it.id == id)) {
            *region = None;
        }
        self.drop_objects();
    }

    /// Memory that nobody holds any more is gone.
    fn drop_objects(&mut self) {
        for object in &mut self.objects {
            let mut held = self.regions.iter().flatten();
            if object.is_some_and(|object| held.all(|region| region.object != object.number)) {
                *object = None;
            }
        }
    }

    /// A group was killed: so is the memory that it paid for, whoever holds it.
    pub fn revoked(&mut self, top: usize) {
        for place in 0..self.objects.len() {
            let object = self.objects.get(place).copied().flatten();
            if object.is_some_and(|object| self.within(object.payer, top))
                && let Some(object) = self.objects.get_mut(place)
            {
                *object = None;
            }
        }
    }

    /// What a region shows, unless its payer was killed.
    pub fn object(&self, number: u32) -> Option<Object> {
        let mut objects = self.objects.iter().flatten().copied();
        objects.find(|object| object.number == number)
    }

    /// Counts one more frame of an object.
    pub fn touched(&mut self, number: u32) {
        let mut objects = self.objects.iter_mut().flatten();
        if let Some(object) = objects.find(|object| object.number == number) {
            object.touched = object.touched.saturating_add(1);
        }
    }

    /// Whether a group or one above it is frozen.
    pub fn frozen(&self, place: usize) -> bool {
        self.all()
            .any(|(above, group)| group.frozen > 0 && self.within(place, above))
    }

    /// Whether a puppet can be told to do something.
    pub fn is_free(&self, puppet: &Puppet) -> bool {
        puppet.ready && !self.frozen(puppet.here)
    }

    /// The lowest group that is at or above both.
    pub fn meeting(&self, one: usize, other: usize) -> Option<usize> {
        self.path(one).find(|&above| self.within(other, above))
    }

    /// A group and all above it.
    pub fn path(&self, place: usize) -> impl Iterator<Item = usize> + '_ {
        let above = |&place: &usize| self.group(place).and_then(|group| group.parent);
        core::iter::successors(Some(place), above)
    }

    /// Whether the end of a group is a puppet's: it is there, or what it is made of is paid for there.
    pub fn dies_with(&self, puppet: &Puppet, top: usize) -> bool {
        puppet.places().any(|place| self.within(place, top))
    }

    /// A puppet has ended: all that it paid for and held open is let go of.
    pub fn ended(&mut self, id: TaskId) {
        for puppet in &mut self.puppets {
            match puppet {
                Some(ended) if ended.id == id => *puppet = None,
                Some(child) if child.parent == Holder::Puppet(id) => child.orphan = true,
                _ => {}
            }
        }
        for region in &mut self.regions {
            if region.is_some_and(|region| region.owner == id) {
                *region = None;
            }
        }
        self.drop_objects();
        for group in self.groups.iter_mut().flatten() {
            if group.opener == Some(Holder::Puppet(id)) {
                group.opener = None;
            }
        }
    }

    /// Groups that nothing keeps are gone, and so are those that only they kept.
    pub fn vanish(&mut self, gone: &mut dyn FnMut(GroupId)) {
        // At most so many times until nothing changes.
        for _ in 0..self.groups.len() {
            for place in 0..self.groups.len() {
                if let Some(group) = self.group(place)
                    && group.opener.is_none()
                    && !self.is_kept(place)
                {
                    gone(group.id);
                    if let Some(group) = self.groups.get_mut(place) {
                        *group = None;
                    }
                }
            }
        }
    }

    fn is_kept(&self, place: usize) -> bool {
        self.all().any(|(_, group)| group.parent == Some(place))
            || (self.living()).any(|puppet| puppet.places().any(|it| it == place))
            || (self.objects.iter().flatten()).any(|object| object.payer == place)
    }

    /// Whether one task is a descendant of another, through parents that all live.
    pub fn descends(&self, id: TaskId, from: TaskId) -> bool {
        let mut here = id;
        for _ in 0..self.puppets.len() {
            match self.puppet(here) {
                Some(puppet) if puppet.orphan => return false,
                Some(Puppet {
                    parent: Holder::Puppet(parent),
                    ..
                }) => {
                    if *parent == from {
                        return true;
                    }
                    here = *parent;
                }
                _ => return false,
            }
        }
        false
    }
}

/// So much of one kind.
pub fn only(kind: usize, amount: u64) -> Numbers {
    let mut numbers = [0; KINDS];
    if let Some(number) = numbers.get_mut(kind) {
        *number = amount;
    }
    numbers
}
