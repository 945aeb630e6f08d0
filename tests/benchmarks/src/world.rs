//! What the benchmarks start from: groups at several depths, and children.

use core::fmt;

use client::interfaces::process::{ExitReason, SpawnRefusal};
use client::interfaces::provision::ProgramId;
use client::interfaces::{CallError, GroupId, Limit, Resource, TaskId};
use client::{limits, process};

use crate::Trouble;
use crate::samples::Samples;

/// The depth of the benchmarks' own group.
const OWN_DEPTH: usize = 1;

/// What the benchmarks start from.
pub struct World {
    /// The rounds of the benchmark that runs.
    pub samples: Samples,
    /// A group whose tasks run only when the benchmarks wait.
    pub low: GroupId,
    /// The same program, for children.
    pub program: ProgramId,
    own: GroupId,
    depth_16: GroupId,
    depth_64: GroupId,
}

impl World {
    /// Looks around, and opens a chain of groups.
    pub fn new() -> Result<Self, Trouble> {
        warm_up();
        let own = limits::who_am_i()?.group;
        let low = limits::list_children(None, None)?
            .items
            .first()
            .copied()
            .ok_or_else(Trouble::here)?;
        let depth_16 = chain(own, 16_usize.saturating_sub(OWN_DEPTH))?;
        Ok(Self {
            samples: Samples::new(),
            own,
            low,
            program: process::find_program("benchmarks")?,
            depth_16,
            depth_64: chain(depth_16, 48)?,
        })
    }

    /// The group at the depth that a name ends with.
    pub fn at(&self, name: &str) -> GroupId {
        if name.ends_with("-16") {
            self.depth_16
        } else if name.ends_with("-64") {
            self.depth_64
        } else {
            self.own
        }
    }

    /// Starts the program as a child.
    pub fn spawn(
        &self,
        group: Option<GroupId>,
        mode: fmt::Arguments<'_>,
    ) -> Result<TaskId, CallError<SpawnRefusal>> {
        process::spawn_with(self.program, group, mode)
    }

    /// Runs a child to its end; what it said.
    #[track_caller]
    pub fn run(&self, group: Option<GroupId>, mode: fmt::Arguments<'_>) -> Result<u64, Trouble> {
        let child = self.spawn(group, mode)?;
        match process::wait(Some(child))?.reason {
            ExitReason::Exited { code } => u64::try_from(code).map_err(|_| Trouble::here()),
            _ => Err(Trouble::here()),
        }
    }

    /// Starts so many idle tasks in a group of the low band, and lets each touch what an idle task touches.
    pub fn idle_tasks(&self, group: GroupId, tasks: u32) -> Result<(), Trouble> {
        for _ in 0..tasks {
            self.spawn(Some(group), format_args!("hold"))?;
        }
        // Each time it gives way, all others of its band run until they give way too.
        self.run(Some(self.low), format_args!("rest"))?;
        Ok(())
    }
}

/// Opens so many groups, each in the one before; the last.
pub fn chain(top: GroupId, levels: usize) -> Result<GroupId, Trouble> {
    let mut group = top;
    for _ in 0..levels {
        group = limits::open_group(Some(group))?;
    }
    Ok(group)
}

/// Limits a group to none of a kind.
pub fn none_of(group: GroupId, resource: Resource) -> Result<(), Trouble> {
    Ok(limits::set_limit(group, resource, Limit::At(0))?)
}

/// Touches all of the program's image, so that no benchmark pays for a page of it.
fn warm_up() {
    let image = sel4_root_task::image();
    for byte in (image.start..image.end).step_by(4096) {
        // SAFETY: the byte is in the program's own image; it is read and thrown away.
        unsafe { (byte as *const u8).read_volatile() };
    }
}
