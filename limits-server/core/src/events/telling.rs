//! From news to records: who hears of it, and as much of it as each may see.

use interfaces::events::{Ending, Event, Kind};
use interfaces::{Amounts, GroupId, TaskId};

use super::bit;
use crate::ledger::Ledger;
use crate::list::{NONE, at};
use crate::news::News;

/// A set of rings, a bit for each.
type Hearers = u64;

impl Ledger<'_> {
    /// Tells every ring that watches the group, or one above it.
    #[cold]
    pub(crate) fn spread(&mut self, group: u32, news: News) {
        let hearers = self.hearers(group);
        let id = self.id(group);
        match news {
            News::Born { task, parent } => self.publish(hearers, Kind::Born, |ledger, ring| {
                let parent = ledger.seen_task(ring, parent);
                Event::Born {
                    task,
                    group: id,
                    parent,
                }
            }),
            News::Died { task, ending } => self.publish(hearers, Kind::Died, |ledger, ring| {
                let ending = ledger.seen_ending(ring, ending);
                Event::Died {
                    task,
                    group: id,
                    ending,
                }
            }),
            News::Moved { task, from } => self.tell_move(hearers, id, task, from),
            News::Opened { parent, by } => self.publish(hearers, Kind::Opened, |ledger, ring| {
                let by = ledger.seen_task(ring, by);
                Event::Opened {
                    group: id,
                    parent,
                    by,
                }
            }),
            News::SoftLimit(hit) => self.publish(hearers, Kind::SoftLimit, |_, _| {
                Event::SoftLimit { group: id, hit }
            }),
            News::HardLimit(hit) => self.publish(hearers, Kind::HardLimit, |_, _| {
                Event::HardLimit { group: id, hit }
            }),
            News::Frozen(depth) => self.publish(hearers, Kind::Frozen, |_, _| Event::Frozen {
                group: id,
                depth,
            }),
            News::Thawed(depth) => self.publish(hearers, Kind::Thawed, |_, _| Event::Thawed {
                group: id,
                depth,
            }),
            News::Killing { by } => self.publish(hearers, Kind::Killing, |ledger, ring| {
                let by = ledger.seen_task(ring, by);
                Event::Killing { group: id, by }
            }),
            News::Killed { held, returned } => self.tell_receipt(hearers, id, held, returned),
        }
    }

    /// Tells that a group has vanished with so many others below it, which held nothing but each other, to everybody
    /// who watches the group `above` it, which has not, or one above that.
    ///
    /// One record for all of them, however long the branch was: a group cannot vanish before those below it.
    #[cold]
    pub(crate) fn tell_gone(&mut self, above: u32, group: GroupId) {
        let hearers = self.hearers(above);
        self.publish(hearers, Kind::Gone, |_, _| Event::Gone { group });
    }

    /// Ends every watch of a group that vanishes, and tells so.
    #[cold]
    pub(crate) fn end_watches_of(&mut self, index: u32) {
        let group = self.id(index);
        while let Some(ring) = self.slot(index).map(|slot| slot.first_watch)
            && ring != NONE
        {
            self.publish(bit(ring), Kind::Gone, |_, _| Event::Gone { group });
            self.stop_watching(ring);
        }
    }

    /// Who hears of what happens in a group.
    fn hearers(&self, group: u32) -> Hearers {
        let (mut hearers, mut met) = (0, 0_u32);
        let mut here = group;
        while let Some(slot) = self.slot(here) {
            let mut ring = slot.first_watch;
            while let Some(watch) = at(&self.rings.all, ring) {
                hearers |= bit(ring);
                met = met.wrapping_add(1);
                ring = watch.beside.next;
            }
            if met >= self.rings.watching {
                break;
            }
            here = slot.parent;
        }
        hearers
    }

    /// Writes an event, as each may see it, to those of the hearers that want to hear of its kind.
    fn publish(&mut self, hearers: Hearers, kind: Kind, event: impl Fn(&Self, u32) -> Event) {
        let mut left = hearers;
        while left != 0 {
            let ring = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            if at(&self.rings.all, ring).is_some_and(|watch| watch.kinds.has(kind)) {
                let event = event(self, ring);
                self.rings.write(ring, event);
            }
        }
    }

    /// A move is one record to whoever watches the place to which it went, and another to who watches only the place
    /// from which.
    fn tell_move(&mut self, there: Hearers, group: GroupId, task: TaskId, from: GroupId) {
        let here = self.hearers(from.index);
        self.publish(there, Kind::Arrived, |ledger, ring| Event::Arrived {
            task,
            group,
            from: ledger.seen_group(ring, Some(from)),
        });
        self.publish(here & !there, Kind::Left, |ledger, ring| Event::Left {
            task,
            group: from,
            to: ledger.seen_group(ring, Some(group)),
        });
    }

    /// A receipt is a line for each kind of thing that was held, and one that says how many lines there were.
    fn tell_receipt(&mut self, hearers: Hearers, group: GroupId, held: Amounts, returned: Amounts) {
        let mut lines = 0_u64;
        for (resource, amount) in held.present() {
            lines = lines.wrapping_add(1);
            self.publish(hearers, Kind::Returned, |_, _| Event::Returned {
                group,
                resource,
                held: amount,
                returned: returned.get(resource),
            });
        }
        self.publish(hearers, Kind::Killed, |_, _| Event::Killed { group, lines });
    }

    /// A group, if a ring's watcher may see it.
    fn seen_group(&self, ring: u32, group: Option<GroupId>) -> Option<GroupId> {
        let watch = at(&self.rings.all, ring)?;
        let viewer = self.viewer(watch.owner?, watch.operator)?;
        group.filter(|&group| self.may_see(viewer, group))
    }

    /// A task, if a ring's watcher may see the group that it is in. One that is gone is not shown.
    pub(super) fn seen_task(&self, ring: u32, task: Option<TaskId>) -> Option<TaskId> {
        let home = self.group_of(task?)?;
        self.seen_group(ring, Some(home)).and(task)
    }

    fn seen_ending(&self, ring: u32, ending: Ending) -> Ending {
        match ending {
            Ending::Killed { by } => Ending::Killed {
                by: self.seen_task(ring, by),
            },
            Ending::GroupKilled { group } => Ending::GroupKilled {
                group: self.seen_group(ring, group),
            },
            ending => ending,
        }
    }
}
