//! Rights on groups: which there are, how they are handed on, and the settings that say who owns a group.
//!
//! What a task may do to a group is the union of
//!
//! - everything, if it is in a group strictly above;
//! - [`Rights::MEMBER`] on its own group;
//! - its **entries** in the ledger: one for whoever opened a group (everything, until it gives it up), and one for
//!   each time that somebody handed it rights on. What an entry gives on a group it gives on all groups below;
//! - what the group's mode gives to its uid and gid, if it may see the group at all.
//!
//! Rights only shrink when they are handed on: nobody hands on what it holds by membership or by a mode.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::{GroupId, Shortage, TaskId};

/// The most entries of one group, besides that of the task that opened it.
pub const ENTRIES_PER_GROUP: usize = 32;

/// A set of rights on a group.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rights(u16);

/// Declares the rights: one line each, in the order of their bits.
macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $text:literal;)+) => {
        impl Rights {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)+

            /// Every right.
            pub const ALL: Self = Self($((1 << $bit))|+);

            /// Each right with its name, in the order of their bits.
            pub const NAMES: [(Self, &'static str); [$($bit),+].len()] = [$((Self::$name, $text)),+];
        }
    };
}

rights! {
    /// Read everything about the group.
    SEE = 0, "see";
    /// Spawn into it.
    CHARGE = 1, "charge";
    /// Open groups in it.
    SUBGROUPS = 2, "subgroups";
    /// Lower its limits, change its label, set its peaks and counts back.
    LOWER = 3, "lower";
    /// Raise its limits.
    RAISE = 4, "raise";
    /// End everything in it, and keep it or remove it when it is empty.
    KILL = 5, "kill";
    /// Stop its threads and let them go on.
    FREEZE = 6, "freeze";
    /// Be told what happens in it.
    WATCH = 7, "watch";
    /// Move tasks into it.
    MOVE_IN = 8, "move-in";
    /// Move tasks out of it.
    MOVE_OUT = 9, "move-out";
}

impl Rights {
    /// No right.
    pub const NONE: Self = Self(0);

    /// What a task may do to its own group without any entry: read it, and spawn and open groups in it, as far as the
    /// group's limits on tasks and on groups allow. Nothing of that touches a limit or another task's part in it.
    pub const MEMBER: Self = Self(Self::SEE.0 | Self::CHARGE.0 | Self::SUBGROUPS.0);

    /// What a mode's `r` gives.
    pub const MODE_READ: Self = Self(Self::SEE.0 | Self::WATCH.0);
    /// What a mode's `w` gives.
    pub const MODE_WRITE: Self = Self(Self::LOWER.0 | Self::RAISE.0 | Self::FREEZE.0);
    /// What a mode's `x` gives.
    pub const MODE_USE: Self = Self(Self::CHARGE.0 | Self::SUBGROUPS.0);
    /// Everything that a mode can give; whoever sets one must hold all of it.
    pub const MODE: Self = Self(Self::MODE_READ.0 | Self::MODE_WRITE.0 | Self::MODE_USE.0);

    /// The bits, as they travel.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` are among these.
    #[inline]
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and those.
    #[inline]
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are in both.
    #[must_use]
    pub const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// These without those.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The right with this name; `all` is every right.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        if name == "all" {
            return Some(Self::ALL);
        }
        let mut named = Self::NAMES.into_iter();
        named
            .find(|&(_, text)| text == name)
            .map(|(right, _)| right)
    }

    /// What one class of a mode's three bits gives: 4 is `r`, 2 is `w`, 1 is `x`.
    #[must_use]
    pub const fn of_mode(class: u16) -> Self {
        let mut rights = Self::NONE;
        if class & 4 != 0 {
            rights = rights.union(Self::MODE_READ);
        }
        if class & 2 != 0 {
            rights = rights.union(Self::MODE_WRITE);
        }
        if class & 1 != 0 {
            rights = rights.union(Self::MODE_USE);
        }
        rights
    }
}

impl fmt::Display for Rights {
    /// The names with `+` between them, or `none`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = Self::NAMES
            .into_iter()
            .filter(|&(right, _)| self.contains(right));
        let Some((_, first)) = rest.next() else {
            return out.write_str("none");
        };
        out.write_str(first)?;
        rest.try_for_each(|(_, name)| write!(out, "+{name}"))
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Rights({self})")
    }
}

/// Hands rights on a group to a task: a subset of what the caller holds on it by its place above or by entries.
///
/// The entry is a part of the group's record: who is above the group pays for it. It vanishes with the task or the
/// group; taking back the caller's own rights later leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The group.
    pub group: GroupId,
    /// Who receives them: a task in a group that the caller may see.
    pub task: TaskId,
    /// What it receives.
    pub rights: Rights,
}

/// Takes rights on a group back from a task: all of its entries there if the caller is strictly above the group,
/// or else what the caller handed on itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoke {
    /// The group.
    pub group: GroupId,
    /// Who loses them.
    pub task: TaskId,
    /// What it loses; what it does not hold is ignored.
    pub rights: Rights,
}

/// Gives up rights that the caller's own entries on a group give it. The opener's reference stays until
/// [`super::CloseGroup`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GiveUp {
    /// The group.
    pub group: GroupId,
    /// What is given up; what the caller does not hold is ignored.
    pub rights: Rights,
}

/// Lists the entries of a group, as far as the caller may see who holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRights {
    /// The group.
    pub group: Option<GroupId>,
}

/// Asks what the caller may do to a group, by whatever way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MyRights {
    /// The group.
    pub group: Option<GroupId>,
}

/// An entry of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Who holds it.
    pub task: TaskId,
    /// What it gives.
    pub rights: Rights,
    /// Who handed it on; nobody for the task that opened the group.
    pub giver: Option<TaskId>,
}

/// The entries of a group: that of the task that opened it first.
pub type Holdings = heapless::Vec<Holding, { ENTRIES_PER_GROUP + 1 }>;

/// Sets who owns a group: whom its mode's first two classes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetOwner {
    /// The group.
    pub group: GroupId,
    /// The user.
    pub uid: u32,
    /// The users' group.
    pub gid: u32,
}

/// Sets the mode of a group: three classes (owner, gid, others) of three bits, as `Rights::of_mode` reads them.
///
/// It only adds rights, and only for tasks that may see the group already. A new group's is 0: it adds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetMode {
    /// The group.
    pub group: GroupId,
    /// The mode; more than nine bits are refused.
    pub mode: u16,
}

/// Reads who owns a group, and its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOwner {
    /// The group.
    pub group: Option<GroupId>,
}

/// Who owns a group, and its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The user; a new group has that of the task that opened it.
    pub uid: u32,
    /// The users' group.
    pub gid: u32,
    /// The mode.
    pub mode: u16,
}

/// Why rights were not handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GrantRefusal {
    /// No such group, or not one that the caller may see.
    UnknownGroup,
    /// No such task, or not one that the caller may see.
    UnknownTask,
    /// The caller does not hold all of them, by its place above or by entries.
    NotYours,
    /// The group has as many entries as a group can have.
    TooMany,
    /// The ledger has no room for another entry.
    LedgerFull,
    /// A limit is in the way of keeping it.
    Short(Shortage),
    /// A group above is being killed, so nothing more can be charged for keeping it.
    Killing,
}

/// Why rights were not taken back or given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RevokeRefusal {
    /// No such group, or not one that the caller may see.
    UnknownGroup,
    /// The task has no entry there that is the caller's to take.
    NotYours,
}

/// Why owner or mode was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OwnRefusal {
    /// No such group, or not one that the caller may see.
    UnknownGroup,
    /// The caller does not hold everything that a mode can give, by its place above or by entries.
    NotYours,
    /// More than nine bits.
    BadMode,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_have_names_and_come_back_by_them() {
        assert_eq!(Rights::NONE.to_string(), "none");
        let two = Rights::SEE.union(Rights::MOVE_OUT);
        assert_eq!(two.to_string(), "see+move-out");
        for (right, name) in Rights::NAMES {
            assert_eq!(Rights::by_name(name), Some(right));
            assert!(Rights::ALL.contains(right));
            assert!(!Rights::ALL.without(right).contains(right));
        }
        assert_eq!(Rights::by_name("all"), Some(Rights::ALL));
        assert_eq!(Rights::by_name("own"), None);
    }

    #[test]
    fn no_mode_lets_anybody_kill_or_move() {
        let most = Rights::of_mode(7);
        assert_eq!(most, Rights::MODE);
        for never in [Rights::KILL, Rights::MOVE_IN, Rights::MOVE_OUT] {
            assert!(!most.contains(never));
        }
    }
}
