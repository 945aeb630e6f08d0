//! `image/system.toml` as the guest receives it: the archive's member `system`, in postcard.

use serde::{Deserialize, Serialize};

use crate::amounts::{Limit, RESOURCES};
use crate::limits::LabelText;
use crate::process::Arguments;
use crate::provision::ProgramName;

/// The priority of threads that stand still because their group is frozen.
pub const FROZEN_PRIORITY: u8 = 1;
/// The priority of the thread that never blocks while anything is frozen, so that nothing below it ever runs.
pub const WATCHMAN_PRIORITY: u8 = 2;
/// The lowest priority that a band can have: above both.
pub const LOWEST_BAND: u8 = 3;
/// The most bands.
pub const BANDS: usize = 8;
/// The most groups that `system.toml` can declare (tasks open as many more as they like).
pub const GROUPS: usize = 64;
/// The most programs.
pub const PROGRAMS: usize = 32;
/// The most programs started at boot.
pub const STARTS: usize = 16;
/// The archive's member that holds the encoded [`System`].
pub const MEMBER: &str = "system";

/// What the machine is booted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// To run the programs that are to be started.
    Run,
    /// To report every capability that each server received, and end.
    Report,
}

/// The whole system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// What the machine is booted for.
    pub mode: Mode,
    /// The bands, best first; a group's band is an index into them.
    pub bands: heapless::Vec<Band, BANDS>,
    /// The priority of the servers and the root task: that of the top band.
    pub server_priority: u8,
    /// The priority of a thread that is being born: above the servers.
    pub birth_priority: u8,
    /// How much room the servers have.
    pub room: Room,
    /// How much memory each server has for that.
    pub heaps: Heaps,
    /// The groups; the first is the root, and a group's parent comes before it.
    pub groups: heapless::Vec<Group, GROUPS>,
    /// The programs, in the order of the archive: a [`crate::provision::ProgramId`] is an index.
    pub programs: heapless::Vec<ProgramName, PROGRAMS>,
    /// What is started at boot, in this order.
    pub starts: heapless::Vec<StartProgram, STARTS>,
}

/// A band of priorities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band {
    /// Its name.
    pub name: ProgramName,
    /// Its priority, as the kernel has it: 1 to 254.
    pub priority: u8,
}

/// How much room the servers have for what clients can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Groups.
    pub groups: u32,
    /// Groups that have limits of their own.
    pub limited_groups: u32,
    /// Groups that have a label.
    pub labels: u32,
    /// Tasks.
    pub tasks: u32,
    /// Threads.
    pub threads: u32,
    /// Regions.
    pub regions: u32,
    /// Mappings of shared pages.
    pub shared_mappings: u32,
    /// How much memory may be reserved, in per cent of what there is. 100: every reserved page can be had.
    pub overcommit_percent: u32,
}

/// The servers' heaps, in MiB: even numbers, as they are mapped in frames of 2 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heaps {
    /// The limits-server's.
    pub limits: u16,
    /// The memory-server's.
    pub memory: u16,
    /// The proc-server's.
    pub proc: u16,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its label.
    pub label: LabelText,
    /// The place of the group above in the list; none for the root, which is the first.
    pub parent: Option<u8>,
    /// The band of its tasks.
    pub band: u8,
    /// Hard limits.
    pub limits: [Limit; RESOURCES],
    /// Soft limits.
    pub soft: [Limit; RESOURCES],
}

/// A program to start at boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartProgram {
    /// The place of the program in the list.
    pub program: u8,
    /// The place of its group in the list.
    pub group: u8,
    /// Whether it may end the machine and read every group.
    pub operator: bool,
    /// Its arguments.
    pub arguments: Arguments,
}
