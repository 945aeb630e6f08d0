//! The walks up the tree that every charge takes.
//!
//! `admit` reads every level and changes nothing; `raise_all` and `lower_all` cannot fail. `charge_at_once`, which every page
//! goes through, does both in one walk: it looks at each limit just before it adds beneath it, and where one refuses, what
//! was added below is subtracted again. Nothing of that shows anywhere: a peak is noted when usage falls in a release,
//! which this is not. All go up from one group to another one above it (not included) or beyond the root, so they end
//! after as many steps as the group is deep; none allocates, searches or recurses.
//!
//! Why two ways: a page is nearly always admitted, and one walk costs less than two; a birth is what a bomb is refused all
//! day, and then looking costs less than adding and subtracting again. Why several kinds are taken at a time, by functions
//! for each number of them: so kinds and amounts stay in the registers of the machine. Why additions wrap: the root bears
//! the sum of everything, so that it has room is enough, and a checked addition would pay for it at every level.

use interfaces::{Amounts, RESOURCES, Resource};

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
    gather(amounts.present(), &mut parts);
    parts
}

/// Adds kinds with their amounts, each kind once, to an empty list.
///
/// The list is larger than what it is made from: given back by value it is copied once more, which the way of every
/// page does not pay for.
#[inline]
pub(crate) fn gather(amounts: impl Iterator<Item = Part>, parts: &mut Parts) {
    for part in amounts {
        // There are as many places as kinds.
        let _ = parts.push(part);
    }
}

/// Why a charge is not admitted: the first group, counted upwards, that refuses.
///
/// Small enough for registers, as a bomb is refused all day: the other numbers are looked up by whoever tells them
/// (`Ledger::shortage`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// It is being killed.
    Killing,
    /// It has too little left.
    Short {
        /// Where it stands in the ledger.
        group: u32,
        /// The first kind, in their order, of which it has too little.
        kind: Resource,
        /// How much of it was asked for.
        asked: u64,
    },
}

/// Charges every group from `from` up to, and without, `until` with all the parts, or none of them; whether some soft
/// limit on the way was crossed by it.
#[inline(never)]
pub(crate) fn charge(
    groups: &mut [GroupSlot],
    bounds: &Aside<'_, BoundSlot>,
    from: u32,
    until: u32,
    parts: &[Part],
) -> Result<bool, Denied> {
    let crosses = admit(groups, bounds, from, until, parts)?;
    let (fours, rest) = parts.as_chunks::<4>();
    for &four in fours {
        raise_all(groups, from, until, four);
    }
    match *rest {
        [a] => raise_all(groups, from, until, [a]),
        [a, b] => raise_all(groups, from, until, [a, b]),
        [a, b, c] => raise_all(groups, from, until, [a, b, c]),
        _ => {}
    }
    Ok(crosses)
}

/// Charges every group from `from` to the root with a few parts, or none of them, in one walk; whether some soft limit on
/// the way was crossed by it. That the sums fit is found out at the root, when they are there.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the parts are known where it is inlined"
)]
pub(crate) fn charge_at_once<const N: usize>(
    groups: &mut [GroupSlot],
    bounds: &Aside<'_, BoundSlot>,
    from: u32,
    parts: [Part; N],
) -> Result<bool, Denied> {
    let mut crosses = false;
    let mut here = from;
    while let Some(slot) = at_mut(groups, here) {
        if !slot.gate.is_open() {
            match admit_at(slot, here, bounds, &copy(&parts)) {
                Ok(soft) => crosses |= soft,
                Err(denied) => {
                    take_off(groups, from, here, &copy(&parts));
                    return Err(denied);
                }
            }
        }
        for (kind, amount) in parts {
            slot.raise(kind, amount);
        }
        here = slot.parent;
    }
    let mut wrapped = false;
    if let Some(root) = at(groups, ROOT) {
        for (kind, amount) in parts {
            let sum = root.usage.get(kind.index());
            wrapped |= sum.is_none_or(|&sum| sum < amount);
        }
    }
    if wrapped {
        take_off(groups, from, NONE, &copy(&parts));
        // Somebody refuses what the root has no room for: the first on the way up, as ever.
        return admit(groups, bounds, from, NONE, &copy(&parts));
    }
    Ok(crosses)
}

/// The same parts in another place: what is lent out lives in memory, and the others are to stay in registers.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the parts are known where it is inlined"
)]
fn copy<const N: usize>(parts: &[Part; N]) -> [Part; N] {
    parts.map(|(kind, amount)| (kind, amount))
}

/// Undoes what was added from `from` up to, and without, `until`.
#[cold]
#[inline(never)]
fn take_off(groups: &mut [GroupSlot], from: u32, until: u32, parts: &[Part]) {
    climb(groups, from, until, |slot| {
        for &(kind, amount) in parts {
            slot.raise_not(kind, amount);
        }
    });
}

/// Whether every group from `from` up to, and without, `until` admits all the parts; and if so, whether some soft
/// limit on the way is crossed by it.
pub(crate) fn admit(
    groups: &[GroupSlot],
    bounds: &Aside<'_, BoundSlot>,
    from: u32,
    until: u32,
    parts: &[Part],
) -> Result<bool, Denied> {
    let mut crosses = false;
    let mut here = from;
    // Going beyond the root ends the walk by itself; one comparison a level is saved where that is what is asked.
    if until == NONE {
        while let Some(slot) = at(groups, here) {
            if !slot.gate.is_open() {
                crosses |= admit_at(slot, here, bounds, parts)?;
            }
            here = slot.parent;
        }
        room_for_sums(groups, parts)?;
        return Ok(crosses);
    }
    // Short of the root nothing new is charged: it only moves to another place below, where it fits as well.
    while let Some(slot) = at(groups, here)
        && here != until
    {
        if !slot.gate.is_open() {
            crosses |= admit_at(slot, here, bounds, parts)?;
        }
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

/// Whether one group, which has limits or is being killed, admits the parts; and if so, whether a soft limit of it is
/// crossed by them.
#[inline(never)]
fn admit_at(
    slot: &GroupSlot,
    group: u32,
    bounds: &Aside<'_, BoundSlot>,
    parts: &[Part],
) -> Result<bool, Denied> {
    if slot.gate.is_killing() {
        return Err(Denied::Killing);
    }
    let Some(bound) = bounds.get(slot.gate.bounds()) else {
        return Ok(false);
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
            return Err(Denied::Short { group, kind, asked });
        }
    }
    Ok(slot.gate.has_soft() && crosses_at(slot, bounds, parts))
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
            let group = ROOT;
            return Err(Denied::Short { group, kind, asked });
        }
    }
    Ok(())
}

/// Subtracts what was charged before from every group from `from` up to, and without, `until`.
#[inline(never)]
pub(crate) fn lower(groups: &mut [GroupSlot], from: u32, until: u32, parts: &[Part]) {
    let (fours, rest) = parts.as_chunks::<4>();
    for &four in fours {
        lower_all(groups, from, until, four);
    }
    match *rest {
        [a] => lower_all(groups, from, until, [a]),
        [a, b] => lower_all(groups, from, until, [a, b]),
        [a, b, c] => lower_all(groups, from, until, [a, b, c]),
        _ => {}
    }
}

/// Adds admitted parts, whose number is known, to every group from `from` up to, and without, `until`.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the parts are known where it is inlined"
)]
fn raise_all<const N: usize>(groups: &mut [GroupSlot], from: u32, until: u32, parts: [Part; N]) {
    climb(groups, from, until, |slot| {
        for (kind, amount) in parts {
            slot.raise(kind, amount);
        }
    });
}

/// [`lower`] for parts whose number is known.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the parts are known where it is inlined"
)]
pub(crate) fn lower_all<const N: usize>(
    groups: &mut [GroupSlot],
    from: u32,
    until: u32,
    parts: [Part; N],
) {
    climb(groups, from, until, |slot| {
        // All peaks first: then what is used is subtracted from where it stands, and none of it is in a register meanwhile.
        for (kind, _) in parts {
            slot.note_peak(kind);
        }
        for (kind, amount) in parts {
            slot.subtract(kind, amount);
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
