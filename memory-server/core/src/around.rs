//! Faults that follow each other: the pages that are likely to be wanted next come with the one that is touched.
//!
//! A task that goes through fresh memory page by page would meet a fault on each, and most of what a fault costs is the
//! way of the message and the charge, not the page. So after [`IN_A_ROW`] faults on neighbouring pages of an area the
//! next ones are granted along, charged in one request.
//!
//! What a fork took the right to write from, or a wiped page table shows no more ([`wiping`](crate::wiping)), is met by a fault as
//! well, and there is nothing to charge and nothing to make: so with each fault in a row twice as many of those mappings
//! are changed along, up to [`AGAIN`].
//!
//! # What is never true
//!
//! - A page is granted that is not charged, or charged and not mapped.
//! - The page that is touched is refused because of its neighbours: of those the limits-server admits as many as the
//!   group can easily spare, and it is not asked for them again.
//! - A page comes along that is not as good as touched: only pages without content of their own, of the same area and
//!   the same page table, beyond the end of nothing, and none that anybody shows or lends.
//! - A mapping is changed along so that its task may do more with it than its area allows, or may write to a frame that
//!   others show.
//!
//! # Who lacks what came along in vain
//!
//! The task's own payer: it is charged for it, and has reserved it before (`commit`), so no other group could have had the
//! page. It is never more than seven pages after sixteen that were touched, and seven for each further one. Under a limit on
//! the way up, and while few pages are free, it is an eighth of what is left at most.

use interfaces::GroupId;
use interfaces::memory::{Access, FRAME_KIT};
use interfaces::{Amounts, Resource};

use crate::area::Area;
use crate::hands::{Kernel, Ledger};
use crate::lending::Seen;
use crate::mapping::FrameCap;
use crate::object::Kind;
use crate::program::Fill;
use crate::server::{Failure, MemoryServer};

/// So many faults in a row on neighbouring pages say that it will go on like that: more than most tasks ever touch of
/// one region, so what those are charged is what they touched.
pub const IN_A_ROW: u8 = 16;
/// The most pages that one fault grants: some 25,000 instructions.
pub const AROUND: u32 = 8;
/// The most mappings that one fault changes: some 15,000 instructions.
pub const AGAIN: u32 = 16;
/// What comes along is at most this part of the pages that are free: the last ones are for those who touch them. (Where
/// nothing is promised beyond what there is, each page of a region has a free page anyhow, which nobody else can be given.)
const PART: u64 = 8;
/// Pages of one page table.
const TABLE: u32 = 512;

/// A page that is to be granted, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fresh {
    /// The address space and its page.
    pub(crate) at: (u32, u32),
    /// The object and its page.
    pub(crate) of: (u32, u32),
    /// What of the archive belongs into it.
    pub(crate) fill: Fill,
    /// With which rights.
    pub(crate) access: Access,
    /// The area that shows it.
    pub(crate) area: u32,
}

impl Fresh {
    /// The page so many behind this one, which is empty.
    const fn ahead(self, pages: u32) -> Self {
        Self {
            at: (self.at.0, self.at.1.saturating_add(pages)),
            of: (self.of.0, self.of.1.saturating_add(pages)),
            fill: if pages == 0 { self.fill } else { Fill::ZEROS },
            ..self
        }
    }
}

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Charges and grants a page that is touched, and those that are likely to be next.
    pub(crate) fn grant_fresh(&mut self, payer: GroupId, fresh: Fresh) -> Result<(), Failure> {
        let ahead = self.likely_next(fresh);
        if ahead == 0 {
            self.charged(payer, FRAME_KIT, |this| this.grant(fresh))?;
            self.note_touch(fresh, 1);
            return Ok(());
        }
        let wanted = ahead.saturating_add(1);
        let charged = self.ledger.charge_some(payer, FRAME_KIT, wanted);
        let charged = charged.map_err(Failure::Charge)?.min(wanted);
        let mut granted = 0;
        let mut result = Ok(());
        while granted < charged && result.is_ok() {
            result = self.grant(fresh.ahead(granted));
            granted = granted.saturating_add(u32::from(result.is_ok()));
        }
        self.release(payer, frames(charged.saturating_sub(granted)));
        self.note_touch(fresh, granted);
        // What came along is no matter of the task's: what is missing of it is met when it is touched.
        if granted == 0 { result } else { Ok(()) }
    }

    /// Changes after how many faults in a row pages come along: for histories that are too short for [`IN_A_ROW`].
    pub const fn bring_along_after(&mut self, faults: u8) {
        self.memory.in_a_row = faults;
    }

    /// How many pages behind a page are to come with it.
    fn likely_next(&self, fresh: Fresh) -> u32 {
        let ((space, at), (object, place)) = (fresh.at, fresh.of);
        let (Some(area), Some(record)) = (
            self.memory.areas.peek(fresh.area),
            self.memory.objects.peek(object),
        ) else {
            return 0;
        };
        if area.expected != at
            || area.in_a_row < self.memory.in_a_row
            || record.kind != Kind::Anonymous
        {
            return 0;
        }
        let table_end = (at | (TABLE - 1)).saturating_add(1);
        let end = area.run.end().min(table_end);
        let size = record.size.saturating_sub(place);
        let free = u64::from(self.memory.pool.free()).wrapping_div(PART);
        let free = u32::try_from(free).unwrap_or(u32::MAX);
        let most = end.saturating_sub(at).min(size).min(AROUND).min(free);
        let is_empty = |&pages: &u32| {
            let page = at.saturating_add(pages);
            self.memory.seen(object, place.saturating_add(pages)) == Seen::Nothing
                && self.memory.mappings.find(space, page).is_none()
        };
        let pages = (1..most).take_while(is_empty).count();
        u32::try_from(pages).unwrap_or(0)
    }

    fn note_touch(&mut self, fresh: Fresh, pages: u32) {
        if let Some(area) = self.memory.areas.edit(fresh.area) {
            area.in_a_row = if area.expected == fresh.at.1 {
                area.in_a_row.saturating_add(1)
            } else {
                1
            };
            area.expected = fresh.at.1.saturating_add(pages);
        }
    }

    /// A mapping has just been given to its task again, which met a fault on it, to read or to write: so are those behind
    /// it that are likely to be next.
    pub(crate) fn show_ahead(&mut self, cap: FrameCap, write: bool) {
        let mapping = self.memory.mappings.get(cap);
        let (at, wiped) = (mapping.page(), mapping.wiped());
        let Some((space, index)) = mapping.space().zip(mapping.area()) else {
            return;
        };
        let Some(area) = self.memory.areas.peek(index).copied() else {
            return;
        };
        let before = if area.expected == at {
            area.in_a_row
        } else {
            0
        };
        let most = 1_u32.checked_shl(before.into()).unwrap_or(AGAIN).min(AGAIN);
        let table_end = (at | (TABLE - 1)).saturating_add(1);
        let end = area.run.end().min(table_end).min(at.saturating_add(most));
        let mut next = at.saturating_add(1);
        while next < end
            && let Some(cap) = self.memory.mappings.find(space, next)
            && let Some(access) = self.access_ahead(cap, &area, (wiped, write))
            && self.show_again(cap, access).is_ok()
        {
            next = next.saturating_add(1);
        }
        if let Some(area) = self.memory.areas.edit(index) {
            area.in_a_row = before.saturating_add(1);
            area.expected = next;
        }
    }

    /// What a mapping that is likely to be next is to allow, if it is to be changed for that: its page table was wiped so
    /// often.
    fn access_ahead(
        &self,
        cap: FrameCap,
        area: &Area,
        (wiped, write): (u8, bool),
    ) -> Option<Access> {
        let mapping = self.memory.mappings.peek(cap)?;
        let is_shown = mapping.wiped() == wiped;
        if mapping.is_barred() || is_shown && (mapping.is_writable() || !write) {
            return None;
        }
        if mapping.is_writable() {
            return Some(Access::ReadWrite);
        }
        if !write {
            return Some(Access::Read);
        }
        let place = area.place_of(mapping.page());
        let is_alone = matches!(
            self.memory.seen(area.object, place),
            Seen::Own { is_lent: false, .. }
        );
        (is_alone && area.access == Access::ReadWrite).then_some(Access::ReadWrite)
    }
}

/// What so many frames are charged as.
fn frames(count: u32) -> Amounts {
    let times = |kind| FRAME_KIT.get(kind).saturating_mul(u64::from(count));
    Amounts::of(Resource::Frames, times(Resource::Frames))
        .with(Resource::CapSlots, times(Resource::CapSlots))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_frames_are_charged_as_so_many_single_ones() {
        let mut sum = Amounts::NONE;
        for count in 0..9 {
            assert_eq!(frames(count), sum);
            sum = sum.checked_add(&FRAME_KIT).unwrap();
        }
    }
}
