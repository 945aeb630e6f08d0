//! What must be the same before and after: everything that could be lost, of all groups and of the servers' own.

use client::interfaces::Amounts;
use client::interfaces::memory::BLOCK_SIZES;
use client::{memory, process};

use crate::failure::Failure;
use crate::world::World;

/// What is left of the machine, and what is used of it, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// Free blocks of each size, as merging would make them.
    blocks: [u32; BLOCK_SIZES],
    pages: u64,
    slots: u64,
    regions: u64,
    promised: u64,
    /// Tasks and threads that the proc-server has a place for.
    tasks: (u64, u64),
    /// What all groups use together, those of the servers among them.
    everybody: Amounts,
    /// Errors that the servers count as their own.
    pub alarms: Alarms,
}

/// Errors that the memory-server and the proc-server count as their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarms {
    pub memory: u64,
    pub process: u64,
}

impl Rest {
    /// Looks around. What the servers keep for the next task goes for it.
    pub fn of(world: &World) -> Result<Self, Failure> {
        memory::tidy()?;
        let (blocks, pool, own) = (
            memory::free_blocks()?,
            process::pool()?,
            process::figures()?,
        );
        let Some(root) = process::next_group(None)? else {
            fail!("no group at all")
        };
        Ok(Self {
            blocks,
            pages: pool.free,
            slots: pool.free_slots,
            regions: pool.regions,
            promised: memory::commit()?.promised,
            tasks: (own.tasks, own.threads),
            everybody: world.account(root)?.usage,
            alarms: Alarms {
                memory: pool.alarms,
                process: own.alarms,
            },
        })
    }

    /// Says which of it differs, but for alarms.
    #[track_caller]
    pub fn is(&self, before: &Self) -> Result<(), Failure> {
        for (kind, amount) in self.everybody.iter() {
            equal!(kind, amount, before.everybody.get(kind));
        }
        for (size, (now, before)) in self.blocks.iter().zip(&before.blocks).enumerate() {
            ensure!(
                now == before,
                "free blocks of {} KiB: {now}, not {before}",
                4_u64.wrapping_shl(u32::try_from(size).unwrap_or(0))
            );
        }
        let rest = |rest: &Self| (rest.pages, rest.slots, rest.regions, rest.promised);
        equal!("pages, slots, regions, promised", rest(self), rest(before));
        equal!("tasks and threads", self.tasks, before.tasks);
        Ok(())
    }
}
