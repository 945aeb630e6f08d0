//! Blocks that were used before, cleared beside everything else.
//!
//! The kernel clears a block in one piece when something is made of it again: for 2 MiB that takes some 400,000 instructions,
//! in which only an interrupt comes between. So this server never does it. It orders it of the **cleaner**, a thread of its
//! own below it in priority, and goes on; while the cleaner is in the kernel nobody else asks for anything, unless an
//! interrupt woke him, which the kernel looks for every 25 KiB.
//!
//! # Invariants
//!
//! - At most one block is being cleared, and nothing is done with it or with what it is split into until it is.
//! - The cleaner runs below the servers for whoever waits, at the priority of that task's band: what is cleared for it takes
//!   its time and nobody else's. What nobody waits for it clears below every client, when nobody else wants to run.
//! - Who wants 2 MiB waits and asks again. A fault waits for the cleaner only if there is no other page left.
//!
//! # Why nobody waits for small pages
//!
//! Small pages come from blocks that are clear. A block that comes back is cleared without being asked for
//! ([`MemoryServer::look_ahead`]); while fewer than [`RESERVE`] pages are clear, just below the servers. Should faults
//! still be faster, the thread that made one goes on and makes it again, with the cleaner just ahead of it
//! ([`MemoryServer::is_dry`]).

use interfaces::TaskId;
use interfaces::start::Block;
use interfaces::system::{BANDS, LOWEST_BAND, System};

use crate::hands::{Kernel, Ledger};
use crate::pool::Step;
use crate::server::{Failure, MemoryServer};

/// While fewer pages are clear than this, clearing comes before all but the top band: what a dozen tasks are made of, which
/// would be refused else while there is memory.
const RESERVE: u32 = 256;
/// The most pages that one fault takes: those that come along, and tables.
const FAULT: u32 = 16;

/// What is being cleared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clearing {
    /// The block, and the cleaner's priority.
    now: Option<(Block, u8)>,
}

/// The priorities of clients and servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Priorities {
    bands: heapless::Vec<u8, BANDS>,
    servers: u8,
}

impl Priorities {
    /// Those that the system's description names.
    #[must_use]
    pub fn new(system: &System) -> Self {
        Self {
            bands: system.bands.iter().map(|band| band.priority).collect(),
            servers: system.server_priority,
        }
    }

    /// That of a band's clients, below the servers.
    fn beside(&self, band: u8) -> u8 {
        let priority = self.of(band);
        priority
            .min(self.servers.saturating_sub(1))
            .max(LOWEST_BAND)
    }

    /// One at which those of a band do not run, or take turns.
    fn ahead_of(&self, band: u8) -> u8 {
        let priority = self.of(band).saturating_add(1);
        priority.min(self.servers).max(LOWEST_BAND)
    }

    /// One at which nobody but the servers and the top band is in the way.
    fn urgent(&self) -> u8 {
        self.servers.saturating_sub(1).max(LOWEST_BAND)
    }

    fn of(&self, band: u8) -> u8 {
        let priority = self.bands.get(usize::from(band)).or(self.bands.last());
        priority.copied().unwrap_or(LOWEST_BAND)
    }
}

impl<K: Kernel, L: Ledger> MemoryServer<'_, K, L> {
    /// Gets a block for a task; nothing while it is still being cleared, and then it is to be asked for again.
    pub(crate) fn obtain_block(
        &mut self,
        task: TaskId,
        bits: u8,
    ) -> Result<Option<Block>, Failure> {
        self.note_cleared();
        loop {
            match self.memory.pool.next_step(bits) {
                Some(Step::Take(block)) => {
                    self.memory.pool.take(block);
                    return Ok(Some(block));
                }
                Some(Step::Split(block)) => self.split(block)?,
                Some(Step::Clear(block)) => {
                    let band = self.ledger.band_of(task);
                    let priority = self.memory.priorities.beside(band);
                    self.clear(block, priority)?;
                    return Ok(None);
                }
                None if self.clearing.now.is_some() => {
                    let band = self.ledger.band_of(task);
                    self.hasten(self.memory.priorities.beside(band));
                    return Ok(None);
                }
                // A request takes a few kits apart.
                None if self.memory.kept.is_anything() => {
                    self.keep_less();
                    return Ok(None);
                }
                None => return Err(Failure::OutOfMemory),
            }
        }
    }

    /// Whether there may be too few pages for a fault of this task until a block is cleared. The cleaner is at it then, and
    /// the task's next try comes after it.
    pub(crate) fn is_dry(&mut self, task: TaskId) -> bool {
        let memory = &self.memory;
        if memory.pool.clear().saturating_add(memory.kept.pages()) >= FAULT {
            return false;
        }
        self.note_cleared();
        self.look_ahead();
        if self.memory.pool.clear() >= FAULT || self.clearing.now.is_none() {
            return false;
        }
        let band = self.ledger.band_of(task);
        self.hasten(self.memory.priorities.ahead_of(band));
        true
    }

    /// Has a block cleared before it is needed, if there is one.
    pub(crate) fn look_ahead(&mut self) {
        if self.memory.pool.clear() == self.memory.pool.free() {
            return;
        }
        self.note_cleared();
        let is_low = self.memory.pool.clear() < RESERVE;
        let priority = if is_low {
            self.memory.priorities.urgent()
        } else {
            LOWEST_BAND
        };
        if self.clearing.now.is_some() {
            self.hasten(priority);
        } else if let Some(block) = self.memory.pool.first_stale(is_low) {
            // If it cannot be ordered now, the next who asks for a page tries again.
            let _ = self.clear(block, priority);
        }
    }

    /// Has a block cleared, or what is being cleared before it. What is scattered over many leaves is taken together first, a
    /// half at a time: whoever wants it asks again.
    fn clear(&mut self, block: Block, priority: u8) -> Result<(), Failure> {
        if self.clearing.now.is_some() {
            self.hasten(priority);
            return Ok(());
        }
        if let Some(half) = self.memory.pool.scattered_half(block) {
            self.memory.pool.gather(half);
            return Ok(());
        }
        let untyped = self.memory.slots.untyped(block);
        let result = self.kernel.clear(untyped, priority);
        self.expected(result)?;
        self.memory.pool.begin_clearing(block);
        self.clearing.now = Some((block, priority));
        Ok(())
    }

    fn hasten(&mut self, priority: u8) {
        let Some((block, before)) = self.clearing.now.filter(|&(_, before)| before < priority)
        else {
            return;
        };
        let result = self.kernel.hasten(priority);
        if self.expected(result).is_ok() {
            self.clearing.now = Some((block, priority.max(before)));
        }
    }

    /// What was cleared meanwhile can be had.
    pub(crate) fn note_cleared(&mut self) {
        let Some((block, _)) = self.clearing.now else {
            return;
        };
        if let Some(result) = self.kernel.cleared() {
            let is_clear = self.expected(result).is_ok();
            self.memory.pool.end_clearing(block, is_clear);
            self.clearing.now = None;
        }
    }
}
