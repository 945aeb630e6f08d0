//! What the ledger keeps of one group, and why it is that size.
//!
//! Three numbers per kind of resource stand here: what is used at and below the group, the most that ever was, and
//! what the other servers hold of it. The third is what makes a release exact: a server that gives back more than
//! it took is found out at once, even where the group has children and tasks whose charges would have hidden it.
//! Why it is not derived: at a group with sixty thousand children the derivation would be a walk over all of them.
//!
//! Limits, soft limits, refusals and labels are not here but aside ([`crate::bounds`]): most groups set none.
//!
//! The fields that a charge touches on its way up (`parent`, `gate`, `usage`) come first and together.

use interfaces::limits::Rights;
use interfaces::{Amounts, RESOURCES, Resource};

use crate::list::{Links, NONE};

/// One number per kind of resource.
pub(crate) type Vector = [u64; RESOURCES];

/// The place of the root group.
pub(crate) const ROOT: u32 = interfaces::GroupId::ROOT.index;

/// The mode of a new group: it adds nothing to what anybody may do.
pub(crate) const NEW_MODE: u16 = 0;

/// What a place in the ledger is used for.
///
/// All zeros are a free place: fresh memory is full of them ([`crate::ground`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Life {
    /// Nothing; `siblings` are its neighbours in the line of free places.
    Free,
    /// A group.
    Live,
    /// Nothing, for ever: every generation of this place has been used.
    Retired,
}

/// Room for one group. Its memory is given to the ledger at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct GroupSlot {
    /// The group above; [`NONE`] at the root, so that a walk up ends beyond the slice.
    pub(crate) parent: u32,
    /// Zero at a group that refuses nothing: a charge passes it with one comparison.
    pub(crate) gate: Gate,
    /// In use, here and below.
    pub(crate) usage: Vector,
    /// The most that was in use before the last release. See [`GroupSlot::peak`].
    pub(crate) past_peak: Vector,
    /// What other servers hold, charged to this very group.
    pub(crate) holds: Vector,
    /// Everything that was ever charged here or below: never runs backwards, and what vanishes below stays counted. A
    /// refused charge that was added and taken off again is not in it.
    pub(crate) charged: Vector,
    /// Charges that were refused here or below, ever.
    pub(crate) refusals_below: u64,
    /// Bytes of the records of the groups below, charged here as kernel memory.
    pub(crate) records_below: u64,
    /// Groups below, at any depth.
    pub(crate) groups_below: u32,
    /// How often the place was used before.
    pub(crate) generation: u32,
    /// How far below the root.
    pub(crate) depth: u32,
    /// Groups directly below.
    pub(crate) children: u32,
    /// Tasks directly in it.
    pub(crate) tasks: u32,
    /// The oldest group directly below.
    pub(crate) first_child: u32,
    /// Its neighbours among the groups directly below its parent.
    pub(crate) siblings: Links,
    /// The oldest task directly in it.
    pub(crate) first_task: u32,
    /// The oldest thread whose objects it pays for, wherever its task is now.
    pub(crate) first_paid: u32,
    /// The task that opened it and has not let go.
    pub(crate) opener: u32,
    /// Its neighbours among the groups that its opener opened.
    pub(crate) opened: Links,
    /// The oldest entry of rights on it.
    pub(crate) first_entry: u32,
    /// Where its label is.
    pub(crate) label: u32,
    /// Who owns it.
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// What the owner, the gid and others may do, three bits each.
    pub(crate) mode: u16,
    /// What the task that opened it has not given up.
    pub(crate) opener_rights: Rights,
    /// How many entries of rights there are on it.
    pub(crate) entries: u8,
    /// The place of its guarantee, from 1 on; 0 if it has none.
    pub(crate) guarantee: u8,
    /// The first of the rings that watch it.
    pub(crate) first_watch: u32,
    /// What the place is used for.
    pub(crate) life: Life,
    /// Whether it lives on when it is empty, because it is the system's.
    pub(crate) permanent: bool,
    /// Whether it lives on when it is empty, until somebody removes it.
    pub(crate) held: bool,
    /// The priority band of its tasks.
    pub(crate) band: u8,
    /// Whether the walk of a snapshot may stand on it.
    pub(crate) walked: bool,
    /// Whether it is on its way out; then nobody holds on to it, and `opened` are its neighbours among such.
    pub(crate) leaving: bool,
    /// How often it was frozen and not thawed.
    pub(crate) frozen: u32,
}

/// What one group costs: its parent and all above are charged so much kernel memory for it.
pub const GROUP_BYTES: u64 = size_of::<GroupSlot>() as u64;

/// The budget for one group, all of it, is 512 bytes.
const _: () = assert!(GROUP_BYTES <= 512);

impl GroupSlot {
    /// Room for a group, empty.
    pub const VACANT: Self = Self {
        parent: NONE,
        gate: Gate::OPEN,
        usage: [0; RESOURCES],
        past_peak: [0; RESOURCES],
        holds: [0; RESOURCES],
        charged: [0; RESOURCES],
        refusals_below: 0,
        records_below: 0,
        groups_below: 0,
        generation: 0,
        depth: 0,
        children: 0,
        tasks: 0,
        first_child: NONE,
        siblings: Links::LOOSE,
        first_task: NONE,
        first_paid: NONE,
        opener: NONE,
        opened: Links::LOOSE,
        first_entry: NONE,
        label: NONE,
        uid: 0,
        gid: 0,
        mode: NEW_MODE,
        opener_rights: Rights::ALL,
        entries: 0,
        guarantee: 0,
        first_watch: NONE,
        life: Life::Free,
        permanent: false,
        held: false,
        band: 0,
        walked: false,
        leaving: false,
        frozen: 0,
    };

    /// The most that was ever in use at once.
    ///
    /// A charge does not write it: usage only falls in a release, which notes what it was before. So a peak costs
    /// the charge nothing, and a refused charge cannot show in it.
    pub(crate) fn peak(&self) -> Amounts {
        let mut peak = self.past_peak;
        for (peak, now) in peak.iter_mut().zip(self.usage) {
            *peak = now.max(*peak);
        }
        Amounts::from(peak)
    }

    /// Whether anything is charged here or below, but for so much commit that is only set aside.
    #[inline]
    pub(crate) fn uses_anything(&self, left: u64) -> bool {
        let mut usage = self.usage;
        if left != 0
            && let Some(commit) = usage.get_mut(Resource::Commit.index())
        {
            *commit = commit.wrapping_sub(left);
        }
        usage.iter().any(|&amount| amount != 0)
    }

    /// What is charged here and below for anything but the groups themselves.
    ///
    /// Nothing if the books were wrong, which `check` would tell.
    pub(crate) fn beyond_records(&self) -> Option<Amounts> {
        let records = records(self.groups_below, self.records_below);
        Amounts::from(self.usage).checked_sub(&records)
    }

    /// Counts records of groups below, which have been charged here.
    #[inline]
    pub(crate) fn note_records(&mut self, groups: u32, bytes: u64) {
        self.records_below = self.records_below.wrapping_add(bytes);
        self.groups_below = self.groups_below.wrapping_add(groups);
    }

    /// Subtracts records of groups below from what is charged here.
    #[inline]
    pub(crate) fn drop_records(&mut self, groups: u32, bytes: u64) {
        self.lower(Resource::Groups, u64::from(groups));
        self.lower(Resource::KernelMemory, bytes);
        self.records_below = self.records_below.wrapping_sub(bytes);
        self.groups_below = self.groups_below.wrapping_sub(groups);
    }

    /// Adds to what is used of one kind; admitted before.
    #[inline]
    pub(crate) fn raise(&mut self, kind: Resource, amount: u64) {
        let index = kind.index();
        if let (Some(used), Some(charged)) =
            (self.usage.get_mut(index), self.charged.get_mut(index))
        {
            *used = used.wrapping_add(amount);
            *charged = charged.wrapping_add(amount);
        }
    }

    /// Undoes [`GroupSlot::raise`], as if it had not been.
    pub(crate) fn raise_not(&mut self, kind: Resource, amount: u64) {
        let index = kind.index();
        if let (Some(used), Some(charged)) =
            (self.usage.get_mut(index), self.charged.get_mut(index))
        {
            *used = used.wrapping_sub(amount);
            *charged = charged.wrapping_sub(amount);
        }
    }

    /// Subtracts from what is used of one kind; charged before.
    #[inline]
    pub(crate) fn lower(&mut self, kind: Resource, amount: u64) {
        self.note_peak(kind);
        self.subtract(kind, amount);
    }

    /// What comes before a subtraction: usage is highest just before it falls, the only moment at which a peak must be noted.
    #[inline]
    pub(crate) fn note_peak(&mut self, kind: Resource) {
        let index = kind.index();
        if let (Some(&used), Some(past)) = (self.usage.get(index), self.past_peak.get_mut(index))
            && used > *past
        {
            seldom();
            *past = used;
        }
    }

    /// Subtracts from what is used of one kind, whose peak has been noted.
    #[inline]
    pub(crate) fn subtract(&mut self, kind: Resource, amount: u64) {
        if let Some(used) = self.usage.get_mut(kind.index()) {
            *used = used.wrapping_sub(amount);
        }
    }

    /// Whether anything keeps the group from vanishing, when so much of its commit is only set aside for it. (A free place
    /// has vanished already.)
    pub(crate) fn is_kept(&self, left: u64) -> bool {
        self.life != Life::Live
            || self.permanent
            || self.held
            || self.opener != NONE
            || self.children != 0
            || self.first_task != NONE
            || self.first_paid != NONE
            || self.gate.is_killing()
            || self.uses_anything(left)
    }
}

/// Where this is called, another way is taken nearly always: so a branch is made of it, and not a store each time.
#[cold]
#[inline]
const fn seldom() {}

/// What so many groups, whose records have so many bytes, are charged as.
pub(crate) const fn records(groups: u32, bytes: u64) -> Amounts {
    Amounts::of(Resource::Groups, groups as u64).with(Resource::KernelMemory, bytes)
}

/// Whether, and where, a charge has to stop and look: the place of a group's limits, whether one of them is a soft one,
/// and whether the group is being killed.
///
/// One word, because every charge reads it at every level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gate(u32);

impl Gate {
    /// No limits, not being killed.
    pub const OPEN: Self = Self(0);
    const KILLING: u32 = 1 << 31;
    const SOFT: u32 = 1 << 30;
    const FLAGS: u32 = Self::KILLING | Self::SOFT;

    /// Whether nothing is refused here.
    #[inline]
    pub const fn is_open(self) -> bool {
        self.0 == 0
    }

    /// Whether the group is being killed.
    #[inline]
    pub const fn is_killing(self) -> bool {
        self.0 & Self::KILLING != 0
    }

    /// Where its limits are; [`NONE`] if it has none.
    #[inline]
    pub const fn bounds(self) -> u32 {
        // Places are kept one higher, so that none is zero; zero less one is NONE.
        (self.0 & !Self::FLAGS).wrapping_sub(1)
    }

    /// Whether a soft limit may be crossed here.
    #[inline]
    pub const fn has_soft(self) -> bool {
        self.0 & Self::SOFT != 0
    }

    /// The same with limits at this place.
    pub const fn with_bounds(self, place: u32) -> Self {
        Self((self.0 & Self::FLAGS) | (place.wrapping_add(1) & !Self::FLAGS))
    }

    /// The same with a soft limit, or without.
    pub const fn with_soft(self, soft: bool) -> Self {
        Self((self.0 & !Self::SOFT) | if soft { Self::SOFT } else { 0 })
    }

    /// The same, being killed or not.
    pub const fn with_killing(self, killing: bool) -> Self {
        Self((self.0 & !Self::KILLING) | if killing { Self::KILLING } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_keeps_its_two_facts_apart() {
        assert_eq!(Gate::OPEN.bounds(), NONE);
        let gate = Gate::OPEN.with_bounds(0);
        assert!(!gate.is_open() && !gate.is_killing());
        let gate = gate.with_killing(true).with_bounds(7);
        assert!(gate.is_killing());
        assert_eq!(gate.bounds(), 7);
        let soft = gate.with_soft(true);
        assert!(soft.has_soft() && soft.is_killing() && !gate.has_soft());
        assert_eq!((soft.bounds(), soft.with_soft(false)), (7, gate));
        assert_eq!(gate.with_killing(false).with_bounds(NONE), Gate::OPEN);
    }
}
