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
pub const FRAMES: usize = 3;
pub const COMMIT: usize = 4;
/// No limit.
pub const MAX: u64 = u64::MAX;

/// A task and its thread: what goes along when a task moves.
pub const BODY: Numbers = [0, 1, 1, 0, 0, 0];
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
}

/// A region.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    pub id: RegionId,
    pub owner: TaskId,
    pub payer: usize,
    pub address: u32,
    pub pages: u32,
    pub touched: u32,
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
    /// What a puppet's birth is charged as, without [`BODY`].
    pub kit: Numbers,
    /// Frames that a puppet has touched when it is ready.
    pub warm: u64,
}

fn add(sum: &mut Numbers, more: &Numbers) {
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
            kit: [0; KINDS],
            warm: 0,
        };
        model.opened(top, None, Some(Holder::Suite), false);
        model
    }

    /// A group that is there.
    pub fn group(&self, place: usize) -> Option<&Group> {
        self.groups.get(place)?.as_ref()
    }

    pub fn group_mut(&mut self, place: usize) -> Option<&mut Group> {
        self.groups.get_mut(place)?.as_mut()
    }

    /// Every group with its place.
    pub fn all(&self) -> impl Iterator<Item = (usize, &Group)> {
        let places = self.groups.iter().enumerate();
        places.filter_map(|(place, group)| Some((place, group.as_ref()?)))
    }

    /// Every puppet.
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
                add(&mut sum, &BODY);
            }
            if self.within(puppet.birth, top) {
                add(&mut sum, &self.kit);
                add(&mut sum, &only(FRAMES, puppet.warm));
            }
        }
        for region in self.regions.iter().flatten() {
            if self.within(region.payer, top) {
                add(&mut sum, &only(FRAMES, region.touched.into()));
                add(&mut sum, &only(COMMIT, region.pages.into()));
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

    /// A limit has refused.
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
        };
        let room = put(&mut self.puppets, puppet).is_some();
        self.note();
        room
    }

    pub fn created(&mut self, region: Region) -> bool {
        let room = put(&mut self.regions, region).is_some();
        self.note();
        room
    }

    pub fn destroyed(&mut self, id: RegionId) {
        for region in &mut self.regions {
            if region.is_some_and(|region| region.id == id) {
                *region = None;
            }
        }
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
            || (self.living()).any(|puppet| puppet.here == place || puppet.birth == place)
            || (self.regions.iter().flatten()).any(|region| region.payer == place)
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
