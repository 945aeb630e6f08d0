//! The programs in the archive and what a task that runs one costs.

use interfaces::provision::{Describe, ProgramId, ProgramInfo, TASK_KIT};
use interfaces::system::PROGRAMS;
use interfaces::{Amounts, Resource, Transport, call};

/// What the memory-server said about each program when the proc-server started. Programs never change.
#[derive(Debug, Default)]
pub struct Programs {
    known: heapless::Vec<Option<ProgramInfo>, PROGRAMS>,
}

impl Programs {
    /// Asks about the first `count` programs. What cannot be described cannot be spawned.
    pub fn ask(memory: &mut impl Transport, count: usize) -> Self {
        let mut known = heapless::Vec::new();
        for number in 0..count.min(PROGRAMS) {
            let info = u8::try_from(number).ok().and_then(|number| {
                let program = ProgramId(number);
                call(memory, &Describe { program }).ok()
            });
            // There are no more than there is room for.
            let _ = known.push(info);
        }
        Self { known }
    }

    /// What is known of a program.
    #[must_use]
    pub fn get(&self, program: ProgramId) -> Option<&ProgramInfo> {
        self.known.get(usize::from(program.0))?.as_ref()
    }

    /// The program of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ProgramId> {
        let number = self
            .known
            .iter()
            .position(|info| info.as_ref().is_some_and(|info| info.name.as_str() == name))?;
        u8::try_from(number).ok().map(ProgramId)
    }

    /// What the birth of a task that runs it is charged: the kit, its writable pages as commit, and a slot for each
    /// page that it shares.
    #[must_use]
    pub fn price(&self, program: ProgramId) -> Option<Amounts> {
        let info = self.get(program)?;
        TASK_KIT.checked_add(
            &Amounts::of(Resource::Commit, u64::from(info.commit))
                .with(Resource::CapSlots, u64::from(info.shared)),
        )
    }
}
