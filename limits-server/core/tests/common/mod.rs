//! Memory for a ledger on the host.

use limits_core::{
    BoundSlot, EntrySlot, GroupSlot, LabelSlot, Ledger, Memory, TaskSlot, ThreadSlot, TombSlot,
};

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub groups: usize,
    pub bounds: usize,
    pub labels: usize,
    pub tasks: usize,
    pub threads: usize,
    pub entries: usize,
}

/// How many vanished groups are remembered.
pub const TOMBS: usize = 16;

impl Room {
    /// Room for so many groups, each with limits and a label, and as many tasks with a thread.
    pub const fn all(groups: usize) -> Self {
        Self {
            groups,
            bounds: groups,
            labels: groups,
            tasks: groups,
            threads: groups,
            entries: groups,
        }
    }
}

/// A ledger that lives as long as the test program.
pub fn ledger(room: Room) -> Ledger<'static> {
    Ledger::try_new(Memory {
        groups: vec![GroupSlot::VACANT; room.groups.saturating_add(1)].leak(),
        bounds: vec![BoundSlot::VACANT; room.bounds].leak(),
        labels: vec![LabelSlot::vacant(); room.labels].leak(),
        tasks: vec![TaskSlot::VACANT; room.tasks].leak(),
        threads: vec![ThreadSlot::VACANT; room.threads].leak(),
        entries: vec![EntrySlot::VACANT; room.entries].leak(),
        tombs: vec![TombSlot::vacant(); TOMBS].leak(),
    })
    .expect("there is room for the root")
}
