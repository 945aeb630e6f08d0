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
}

impl Room {
    /// Room for so many groups, each with limits and a label, and as many tasks with a thread.
    pub const fn all(groups: usize) -> Self {
        Self {
            groups,
            bounds: groups,
            labels: groups,
            tasks: groups,
            threads: groups,
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
        entries: vec![EntrySlot::VACANT; 64].leak(),
        tombs: vec![TombSlot::vacant(); 16].leak(),
    })
    .expect("there is room for the root")
}
