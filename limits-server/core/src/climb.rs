//! The walks up the tree that every charge takes: look first, write then.
//!
//! `admit` reads every level and changes nothing; `raise` and `lower` cannot fail. All three go up from one group
//! to another one above it (not included) or beyond the root, so they end after as many steps as the group is deep;
//! none allocates, searches or recurses.
//!
//! Why kinds are taken three at a time: a walk costs as much as the sums it carries, so a vector's walks are
//! shared, as far as the registers of the machine allow; and the common charge of one kind has a loop of five
//! instructions a level. Why additions wrap: `admit` has shown that the root, which bears the sum of
//! everything, has room, and a checked addition would pay for that twice at every level.

use interfaces::{Amounts, RESOURCES, Resource, Shortage};

use crate::bounds::{Aside, BoundSlot};
use crate::group::{GroupSlot, ROOT};
use crate::list::{NONE, at, at_mut};

/// One kind and how much of it.
pub(crate) type Part = (Resource, u64);

/// The kinds of a vector that are not zero.
pub(crate) type Parts = heapless::Vec<Part, RESOURCES>;

/// The kinds of a vector that are not zero.
#[inline]
pub(crate) fn parts(amounts: &Amounts) -> Parts {
    let mut parts = Parts::new();
    gather(amounts, &mut parts);
    parts
}

/// Adds the kinds of a vector that are not zero to an empty list.
///
/// The list is larger than what it is made from: given back by value it is copied once more, which the way of every
/// page does not pay for.
#[inline]
pub(crate) fn gather(amounts: &Amounts, parts: &mut Parts) {
    for part in amounts.present() {
        // There are as many places as kinds.
        let _ = parts.push(part);
    }
}

/// Why a charge is not admitted: the first group, counted upwards, that refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// It is being killed.
    Killing,
    /// Its limit is in the way.
    Short {
        /// Where it stands in the ledger.
        group: u32,
        /// What it has too little of.
        shortage: Shortage,
    },
}

/// Whether every group from `from` up to, and without, `until` admits all the parts; and if so, whether some soft
/// limit on the way is crossed by it.
#[inline]
pub(crate) fn admit(
    groups: &[GroupSlot],
    bounds: &Aside<'_, BoundSlot>,
    from: u32,
    until: u32,
    parts: &[Part],
) -> Result<bool, Denied> {
    let mut crosses = false;
    let mut look = |slot: &GroupSlot, here: u32| {
        if !slot.gate.is_open() {
            admit_at(slot, here, bounds, parts)?;
            if slot.gate.has_soft() {
                crosses |= crosses_at(slot, bounds, parts);
            }
        }
        Ok(())
    };
    let mut here = from;
    // Going beyond the root ends the walk by itself; one comparison a level is saved where that is what is asked.
    if until == NONE {
        while let Some(slot) = at(groups, here) {
            look(slot, here)?;
            here = slot.parent;
        }
        room_for_sums(groups, parts)?;
        return Ok(crosses);
    }
    // Short of the root nothing new is charged: it only moves to another place below, where it fits as well.
    while let Some(slot) = at(groups, here)
        && here != until
    {
        look(slot, here)?;
        here = slot.parent;
    }
    Ok(crosses)
}

/// Whether the parts, if they are admitted, cross a soft limit of one group upwards.
#[cold]
fn crosses_at(slot: &GroupSlot, bounds: &Aside<'_, BoundSlot>, parts: &[Part]) -> bool {
    let Some(bound) = bounds.get(slot.gate.bounds()) else {
        return false;
    };
    parts.iter().any(|&(kind, asked)| {
        let used = slot.usage.get(kind.index()).copied().unwrap_or_default();
        let soft = bound.soft.get(kind.index()).copied().unwrap_or(u64::MAX);
        used <= soft && used.saturating_add(asked) > soft
    })
}

/// Whether one group, which has limits or is being killed, admits the parts.
#[inline]
fn admit_at(
    slot: &GroupSlot,
    group: u32,
    bounds: &Aside<'_, BoundSlot>,
    parts: &[Part],
) -> Result<(), Denied> {
    if slot.gate.is_killing() {
        return Err(Denied::Killing);
    }
    let Some(bound) = bounds.get(slot.gate.bounds()) else {
        return Ok(());
    };
    for &(kind, asked) in parts {
        let (Some(&used), Some(&limit)) =
            (slot.usage.get(kind.index()), bound.limit.get(kind.index()))
        else {
            continue;
        };
        // A limit may have been set below the usage; then nothing at all is left. What is too much even for no limit
        // is the root's to refuse.
        if asked > limit.saturating_sub(used) && limit != u64::MAX {
            return Err(short(slot, group, kind, limit, asked));
        }
    }
    Ok(())
}

/// Whether the sums still fit their numbers. Nobody uses more than the root, so its sums stand for all.
#[inline]
fn room_for_sums(groups: &[GroupSlot], parts: &[Part]) -> Result<(), Denied> {
    let Some(root) = at(groups, ROOT) else {
        return Ok(());
    };
    for &(kind, asked) in parts {
        let used = root.usage.get(kind.index()).copied().unwrap_or_default();
        if used.checked_add(asked).is_none() {
            return Err(short(root, ROOT, kind, u64::MAX, asked));
        }
    }
    Ok(())
}

#[cold]
fn short(slot: &GroupSlot, group: u32, resource: Resource, limit: u64, asked: u64) -> Denied {
    let used = slot
        .usage
        .get(resource.index())
        .copied()
        .unwrap_or_default();
    let id = interfaces::GroupId {
        index: group,
        generation: slot.generation,
    };
    Denied::Short {
        group,
        shortage: Shortage {
            resource,
            group: Some(id),
            limit,
            used,
            asked,
        },
    }
}

/// Adds admitted parts to every group from `from` up to, and without, `until`.
#[inline]
pub(crate) fn raise(groups: &mut [GroupSlot], from: u32, until: u32, parts: &[Part]) {
    let (threes, rest) = parts.as_chunks::<3>();
    for &three in threes {
        raise_kinds(groups, from, until, three);
    }
    match *rest {
        [one] => raise_kinds(groups, from, until, [one]),
        [one, two] => raise_kinds(groups, from, until, [one, two]),
        _ => {}
    }
}

/// Subtracts what was charged before from every group from `from` up to, and without, `until`.
#[inline]
pub(crate) fn lower(groups: &mut [GroupSlot], from: u32, until: u32, parts: &[Part]) {
    let (threes, rest) = parts.as_chunks::<3>();
    for &three in threes {
        lower_kinds(groups, from, until, three);
    }
    match *rest {
        [one] => lower_kinds(groups, from, until, [one]),
        [one, two] => lower_kinds(groups, from, until, [one, two]),
        _ => {}
    }
}

#[inline]
fn raise_kinds<const N: usize>(groups: &mut [GroupSlot], from: u32, until: u32, parts: [Part; N]) {
    climb(groups, from, until, |slot| {
        for (kind, amount) in parts {
            slot.raise(kind, amount);
        }
    });
}

#[inline]
fn lower_kinds<const N: usize>(groups: &mut [GroupSlot], from: u32, until: u32, parts: [Part; N]) {
    climb(groups, from, until, |slot| {
        for (kind, amount) in parts {
            slot.lower(kind, amount);
        }
    });
}

/// Does something to every group from `from` up to, and without, `until`.
#[inline]
pub(crate) fn climb(
    groups: &mut [GroupSlot],
    from: u32,
    until: u32,
    mut each: impl FnMut(&mut GroupSlot),
) {
    let mut here = from;
    // As in `admit`.
    if until == NONE {
        while let Some(slot) = at_mut(groups, here) {
            each(slot);
            here = slot.parent;
        }
    } else {
        while let Some(slot) = at_mut(groups, here)
            && here != until
        {
            each(slot);
            here = slot.parent;
        }
    }
}
