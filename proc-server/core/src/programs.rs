//! The programs in the archive and what a task that runs one costs.

use interfaces::accounting::Price;
use interfaces::provision::{Describe, ProgramId, ProgramInfo, TASK_KIT};
use interfaces::system::PROGRAMS;
use interfaces::{Amounts, Resource, Transport, call};

/// What the memory-server said about each program when the proc-server started. Programs never change.
#[derive(Debug, Default)]
pub struct Programs {
    known: heapless::Vec<Option<Known>, PROGRAMS>,
}

/// A program, and what a task that runs it costs.
#[derive(Debug)]
struct Known {
    info: ProgramInfo,
    price: Cost,
}

/// What the birth of a task is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// In a ticket's short form.
    Few(Price),
    /// What does not fit it.
    Wide(Amounts),
}

impl Programs {
    /// Asks about the first `count` programs. What cannot be described cannot be spawned.
    pub fn ask(memory: &mut impl Transport, count: usize) -> Self {
        let mut known = heapless::Vec::new();
        for number in 0..count.min(PROGRAMS) {
            let info = u8::try_from(number).ok().and_then(|number| {
                let program = ProgramId(number);
                let info = call(memory, &Describe { program }).ok()?;
                let price = price(&info)?;
                Some(Known { info, price })
            });
            // There are no more than there is room for.
            let _ = known.push(info);
        }
        Self { known }
    }

    /// What is known of a program.
    #[must_use]
    pub fn get(&self, program: ProgramId) -> Option<&ProgramInfo> {
        Some(&self.known(program)?.info)
    }

    #[inline]
    fn known(&self, program: ProgramId) -> Option<&Known> {
        self.known.get(usize::from(program.0))?.as_ref()
    }

    /// The program of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ProgramId> {
        let number = self.known.iter().position(|known| {
            known
                .as_ref()
                .is_some_and(|known| known.info.name.as_str() == name)
        })?;
        u8::try_from(number).ok().map(ProgramId)
    }

    /// What the birth of a task that runs it is charged.
    #[inline]
    #[must_use]
    pub fn price(&self, program: ProgramId) -> Option<&Cost> {
        Some(&self.known(program)?.price)
    }
}

/// The kit, a program's writable pages as commit, and a slot for each page that it shares.
fn price(info: &ProgramInfo) -> Option<Cost> {
    let amounts = TASK_KIT.checked_add(
        &Amounts::of(Resource::Commit, u64::from(info.commit))
            .with(Resource::CapSlots, u64::from(info.shared)),
    )?;
    Some(Price::of(&amounts).map_or(Cost::Wide(amounts), Cost::Few))
}
