//! The server: its records, its hands, and what every operation is built from.
//!
//! Operations go charge → act → on failure release. Each function here either does all that its name says or changes
//! nothing, so the ones built from them need only undo whole steps.

use interfaces::accounting::ChargeRefusal;
use interfaces::memory::REGION_KIT;
use interfaces::provision::{Cause, CreateRefusal};
use interfaces::start::Block;
use interfaces::start::memory_slots::MIN_BITS;
use interfaces::{Amounts, GroupId};

use crate::clearing::Clearing;
use crate::hands::{Kernel, KernelError, Ledger, Made, Slot};
use crate::kits::AT_ONCE;
use crate::memory::Memory;
use crate::owner::{Owners, Use};
use crate::pool::{Leaf, Step, pages_of};

/// What the server counts about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Page faults served.
    pub faults: u64,
    /// Messages turned down with a protocol error.
    pub protocol_errors: u64,
    /// System calls that failed and should not have, and releases that the ledger did not know: errors of ours.
    pub mishaps: u64,
}

/// The memory-server.
#[derive(Debug)]
pub struct MemoryServer<'a, K, L> {
    pub(crate) memory: Memory<'a>,
    pub(crate) kernel: K,
    pub(crate) ledger: L,
    pub(crate) counters: Counters,
    /// Whether clients may make a record wrong: only in a build for tests.
    pub(crate) may_spoil: bool,
    pub(crate) clearing: Clearing,
}

/// Why a thing could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The limits-server said no.
    Charge(ChargeRefusal),
    /// No block can be formed, or no copy is left.
    OutOfMemory,
    /// No ASID is left.
    OutOfSpaces,
    /// The kernel said no.
    Kernel(KernelError),
}

impl From<KernelError> for Failure {
    fn from(error: KernelError) -> Self {
        Self::Kernel(error)
    }
}

impl From<Failure> for Cause {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Charge(ChargeRefusal::Short(shortage)) => Self::NoFrame(shortage),
            Failure::Charge(ChargeRefusal::Killing | ChargeRefusal::UnknownGroup) => Self::Killed,
            Failure::Charge(ChargeRefusal::NotBorn) => Self::NotBorn,
            Failure::OutOfMemory | Failure::OutOfSpaces | Failure::Kernel(_) => Self::OutOfMemory,
        }
    }
}

impl From<Failure> for CreateRefusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Kernel(KernelError(number)) => Self::Kernel(number),
            Failure::OutOfSpaces => Self::OutOfSpaces,
            // Nothing that is made on a ticket is charged here.
            Failure::OutOfMemory | Failure::Charge(_) => Self::OutOfMemory,
        }
    }
}

/// Payers that one bill gathers for.
const PAYERS: usize = 2;

/// What is to be given back, gathered so that a slice of work makes one release for each payer, as long as two of them
/// take turns at most: who lends and who borrows. A further one makes a release of its own, which is a step.
#[derive(Debug, Default)]
pub(crate) struct Bill {
    parts: [Option<(GroupId, Amounts)>; PAYERS],
    /// Releases that were made before the end.
    early: u32,
}

impl Bill {
    /// How many releases had to be made since this was asked last: steps of a slice that asks.
    pub(crate) fn early(&mut self) -> u32 {
        core::mem::take(&mut self.early)
    }
}

impl<'a, K: Kernel, L: Ledger> MemoryServer<'a, K, L> {
    /// A server over these records.
    #[must_use]
    pub fn new(memory: Memory<'a>, kernel: K, ledger: L) -> Self {
        Self {
            memory,
            kernel,
            ledger,
            counters: Counters::default(),
            may_spoil: false,
            clearing: Clearing::default(),
        }
    }

    /// Lets clients make a record wrong from now on, so that tests see an audit find it.
    pub const fn allow_spoiling(&mut self) {
        self.may_spoil = true;
    }

    /// All records.
    #[must_use]
    pub const fn memory(&self) -> &Memory<'a> {
        &self.memory
    }

    /// What the server counts about itself.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Gets a page from the pool; its untyped has no children. Blocks that are to be cleared are not waited for: there are
    /// pages enough besides while those are cleared in time (see `clearing`). What kits hold is had one kit at a time.
    pub(crate) fn obtain(&mut self) -> Result<u32, Failure> {
        if let Some(page) = self.memory.kept.take_page() {
            return Ok(page);
        }
        self.look_ahead();
        for _ in 0..=AT_ONCE {
            if let Some(page) = self.memory.kept.take_page() {
                return Ok(page);
            }
            loop {
                match self.memory.pool.next_step(MIN_BITS) {
                    Some(Step::Take(block)) => {
                        self.memory.pool.take(block);
                        return Ok(block.page);
                    }
                    Some(Step::Split(block)) => self.split(block)?,
                    Some(Step::Clear(_)) | None => break,
                }
            }
            if !self.drop_oldest_kit() {
                break;
            }
        }
        Err(Failure::OutOfMemory)
    }

    pub(crate) fn split(&mut self, block: Block) -> Result<(), Failure> {
        let half = Block {
            bits: block.bits.saturating_sub(1),
            ..block
        };
        let slots = self.memory.slots;
        // The halves' slots are neighbours: the second is the first's plus one.
        let lower = Slot::Own(slots.untyped(half));
        let made = Made::Untyped { bits: half.bits };
        let result = self.kernel.retype(slots.untyped(block), made, lower, 2);
        self.expected(result)?;
        self.memory.pool.split(block);
        Ok(())
    }

    /// Gets a page and makes something of it, in the page's own object slot. It has no use yet.
    pub(crate) fn make_object(&mut self, made: Made) -> Result<u32, Failure> {
        let page = self.obtain()?;
        let slots = self.memory.slots;
        let to = Slot::Own(slots.object(page));
        let result = self.kernel.retype(slots.page(page), made, to, 1);
        match self.expected(result) {
            Ok(()) => Ok(page),
            Err(failure) => {
                self.free_page(page);
                Err(failure)
            }
        }
    }

    /// Deletes what [`MemoryServer::make_object`] made, or a frame of 2 MiB, and gives its memory back. It has no use any more.
    pub(crate) fn unmake_object(&mut self, page: u32) {
        let result = self.kernel.delete(self.memory.slots.object(page));
        let _ = self.free_or_lose(page, result);
    }

    /// Deletes everything that was made of a page, wherever its capabilities stand, and gives the page back. The page
    /// has no use any more. Returns whether all of it is gone; else the page is lost.
    pub(crate) fn unmake_all(&mut self, page: u32) -> bool {
        let result = self.kernel.revoke(self.memory.slots.page(page));
        self.free_or_lose(page, result)
    }

    /// The page, or the block that begins with it, from which nothing is made, is free.
    pub(crate) fn free_page(&mut self, page: u32) {
        match self.memory.pool.leaf(page) {
            Leaf::Used(block) if block.bits > MIN_BITS => {
                self.memory.pool.give_back(block);
                self.look_ahead();
                return;
            }
            _ if self.memory.kept.keep_page(page) => return,
            _ => {}
        }
        self.memory.pool.give_back(Block {
            page,
            bits: MIN_BITS,
        });
    }

    fn free_or_lose(&mut self, page: u32, result: Result<(), KernelError>) -> bool {
        let is_gone = self.expected(result).is_ok();
        if is_gone {
            self.free_page(page);
        } else {
            // Better one page that nobody gets than one that two get.
            self.lose_page(page);
        }
        is_gone
    }

    /// A page, or the block that begins with it, is nobody's any more, for good.
    pub(crate) fn lose_page(&mut self, page: u32) {
        let pages = match self.memory.pool.leaf(page) {
            Leaf::Used(block) => pages_of(block.bits),
            _ => 1,
        };
        self.memory.owners.lose(page, pages);
    }

    /// Counts a system call that failed although nothing a client does can make it fail.
    pub(crate) fn expected(&mut self, result: Result<(), KernelError>) -> Result<(), Failure> {
        if result.is_err() {
            self.counters.mishaps = self.counters.mishaps.saturating_add(1);
        }
        result.map_err(Failure::Kernel)
    }

    /// Charges, acts, and gives the charge back if the act failed.
    pub(crate) fn charged<T>(
        &mut self,
        payer: GroupId,
        amounts: Amounts,
        act: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.ledger
            .charge(payer, amounts)
            .map_err(Failure::Charge)?;
        let result = act(self);
        if result.is_err() {
            self.release(payer, amounts);
        }
        result
    }

    /// The record of a new region was charged to the group that its task is in, together with what it shows; lets the
    /// group pay for it that pays for the task's space. Gives everything back if that cannot be. Returns who pays for
    /// the rest.
    ///
    /// At once, and not each to its own, because they are nearly always one group.
    pub(crate) fn charge_record(
        &mut self,
        space: u32,
        payer: GroupId,
        all: Amounts,
    ) -> Result<GroupId, ChargeRefusal> {
        let home = self.space(space).payer;
        if payer != home {
            if let Err(refusal) = self.ledger.charge(home, REGION_KIT) {
                self.release(payer, all);
                return Err(refusal);
            }
            self.release(payer, REGION_KIT);
        }
        Ok(payer)
    }

    /// Gives a charge back.
    pub(crate) fn release(&mut self, payer: GroupId, amounts: Amounts) {
        if !amounts.is_none() && !self.ledger.release(payer, amounts) {
            self.counters.mishaps = self.counters.mishaps.saturating_add(1);
        }
    }

    /// Adds to a bill; what was gathered for the payer that has waited longest is given back if there are too many.
    pub(crate) fn owe(&mut self, bill: &mut Bill, payer: GroupId, amounts: Amounts) {
        for (part, sum) in bill.parts.iter_mut().flatten() {
            if *part == payer {
                // Amounts of what was charged to one group before: their sum was a number.
                sum.gather(&amounts);
                return;
            }
        }
        let [newest, oldest] = bill.parts;
        if let Some((other, sum)) = oldest {
            self.release(other, sum);
            bill.early = bill.early.saturating_add(1);
        }
        bill.parts = [Some((payer, amounts)), newest];
    }

    /// Gives back what was gathered.
    pub(crate) fn settle(&mut self, bill: &mut Bill) {
        let Bill { parts, .. } = core::mem::take(bill);
        for (payer, amounts) in parts.into_iter().flatten() {
            self.release(payer, amounts);
        }
    }

    /// Records what a page is used for, in one of the lists of a space.
    pub(crate) fn record_for_space(&mut self, page: u32, used_as: Use, space: u32, place: u32) {
        let Memory { owners, spaces, .. } = &mut self.memory;
        if let Some(space_record) = spaces.edit(space) {
            let list = space_record.list_of(used_as);
            owners.record(page, used_as, space, place, list);
        }
    }

    /// The reverse of [`MemoryServer::record_for_space`].
    pub(crate) fn forget_for_space(&mut self, page: u32) {
        let Memory { owners, spaces, .. } = &mut self.memory;
        let owner = owners.get(page);
        if let Some(space_record) = spaces.edit(owner.whose()) {
            owners.forget(page, space_record.list_of(owner.used_as()));
        }
    }

    /// What the pages are used for.
    pub(crate) const fn owners(&self) -> &Owners<'a> {
        &self.memory.owners
    }
}
