//! The suite's end of an assistant that does with memory what it is told: so a case is several tasks at once.

use core::sync::atomic::{AtomicU64, Ordering};

use client::interfaces::memory::{Access, RegionId};
use client::interfaces::process::ExitReason;
use client::interfaces::{GroupId, TaskId};
use client::memory;

use crate::failure::Failure;
use crate::world::World;

/// Words of the page.
const WORDS: usize = 16;
/// The answer to what was refused.
const REFUSED: u64 = u64::MAX;

/// What can be asked; the assistant has the same list.
#[derive(Clone, Copy)]
#[repr(u64)]
enum Request {
    Create,
    Share,
    Accept,
    Map,
    Read,
    Write,
    Unmap,
    Destroy,
    Exit,
    Resize,
    Sponsor,
    Clone,
    CreateLarge,
    ResizeLarge,
}

/// An assistant.
pub struct Partner {
    /// Its task.
    pub task: TaskId,
    page: &'static [AtomicU64; WORDS],
    region: RegionId,
    turn: u64,
}

fn word(region: RegionId) -> u64 {
    (u64::from(region.generation) << 32) | u64::from(region.index)
}

#[expect(clippy::cast_possible_truncation, reason = "the low half of a word")]
const fn region(word: u64) -> RegionId {
    RegionId {
        index: word as u32,
        generation: (word >> 32) as u32,
    }
}

const fn writable(access: Access) -> u64 {
    match access {
        Access::Read => 0,
        Access::ReadWrite => 1,
    }
}

/// What a partner is told besides [`writable`], to offer the payment too.
const PAYMENT: u64 = 2;

impl Partner {
    /// Starts one in a group.
    pub fn start(world: &World, group: GroupId) -> Result<Self, Failure> {
        let TaskId { index, generation } = world.task;
        let task = world.start(Some(group), format_args!("partner {index} {generation}"))?;
        let region = memory::create_region(1)?;
        let address = memory::map(region, None, Access::ReadWrite)?;
        // SAFETY: the page was just mapped to be written, and stays until the partner is over; the assistant uses it as
        // atomic words too.
        let page = unsafe { &*(u64::from(address) as *const [AtomicU64; WORDS]) };
        memory::share(region, task, Access::ReadWrite)?;
        // Until it has accepted this one, nothing else may be offered to it.
        let [_, _, _, _, _, _, _, here, ..] = page;
        world.until("the partner is there", || {
            Ok(here.load(Ordering::Acquire) == 1)
        })?;
        Ok(Self {
            task,
            page,
            region,
            turn: 0,
        })
    }

    /// Asks without waiting for the answer.
    fn begin(&mut self, request: Request, operands: [u64; 3]) {
        let [asked, _, which, one, two, three, ..] = self.page;
        for (place, operand) in [one, two, three].into_iter().zip(operands) {
            place.store(operand, Ordering::Relaxed);
        }
        which.store(request as u64, Ordering::Relaxed);
        self.turn = self.turn.wrapping_add(1);
        asked.store(self.turn, Ordering::Release);
    }

    /// Asks, and waits for the answer.
    #[track_caller]
    fn ask(&mut self, request: Request, operands: [u64; 3]) -> Result<u64, Failure> {
        self.begin(request, operands);
        let [_, answered, _, _, _, _, answer, ..] = self.page;
        for _ in 0..100_000 {
            if answered.load(Ordering::Acquire) == self.turn {
                let answer = answer.load(Ordering::Relaxed);
                ensure!(answer != REFUSED, "the partner was refused");
                return Ok(answer);
            }
            client::yield_now();
        }
        fail!("the partner does not answer")
    }

    /// Reserves pages.
    #[track_caller]
    pub fn create(&mut self, pages: u32) -> Result<RegionId, Failure> {
        let word = self.ask(Request::Create, [u64::from(pages), 0, 0])?;
        Ok(region(word))
    }

    /// Reserves units of 2 MiB.
    #[track_caller]
    pub fn create_large(&mut self, units: u32) -> Result<RegionId, Failure> {
        Ok(region(
            self.ask(Request::CreateLarge, [units.into(), 0, 0])?,
        ))
    }

    /// Makes large memory so many units large.
    #[track_caller]
    pub fn resize_large(&mut self, given: RegionId, units: u32) -> Result<(), Failure> {
        self.ask(Request::ResizeLarge, [word(given), units.into(), 0])
            .map(drop)
    }

    /// Offers a region.
    #[track_caller]
    pub fn share(
        &mut self,
        given: RegionId,
        to: TaskId,
        access: Access,
    ) -> Result<RegionId, Failure> {
        self.offer(given, to, writable(access))
    }

    /// Offers a region to be read, and the payment for it.
    #[track_caller]
    pub fn share_with_payment(&mut self, given: RegionId, to: TaskId) -> Result<RegionId, Failure> {
        self.offer(given, to, PAYMENT)
    }

    #[track_caller]
    fn offer(&mut self, given: RegionId, to: TaskId, how: u64) -> Result<RegionId, Failure> {
        let to = (u64::from(to.generation) << 32) | u64::from(to.index);
        let word = self.ask(Request::Share, [word(given), to, how])?;
        Ok(region(word))
    }

    /// Accepts a region.
    #[track_caller]
    pub fn accept(&mut self, region: RegionId) -> Result<(), Failure> {
        self.ask(Request::Accept, [word(region), 0, 0]).map(|_| ())
    }

    /// Maps a region.
    #[track_caller]
    pub fn map(&mut self, region: RegionId, access: Access) -> Result<u64, Failure> {
        self.ask(Request::Map, [word(region), 0, writable(access)])
    }

    /// Reads a word.
    #[track_caller]
    pub fn read(&mut self, address: u64) -> Result<u64, Failure> {
        self.ask(Request::Read, [address, 0, 0])
    }

    /// Writes a word.
    #[track_caller]
    pub fn write(&mut self, address: u64, value: u64) -> Result<(), Failure> {
        self.ask(Request::Write, [address, value, 0]).map(|_| ())
    }

    /// Touches a word, of which it is to die; gives how it ended.
    #[track_caller]
    pub fn dies(
        &mut self,
        world: &World,
        address: u64,
        access: Access,
    ) -> Result<ExitReason, Failure> {
        let request = match access {
            Access::Read => Request::Read,
            Access::ReadWrite => Request::Write,
        };
        self.begin(request, [address, 1, 0]);
        let reason = world.end_of(self.task);
        memory::destroy_region(self.region)?;
        reason
    }

    /// Takes a region's mappings away.
    #[track_caller]
    pub fn unmap(&mut self, region: RegionId) -> Result<(), Failure> {
        self.ask(Request::Unmap, [word(region), 0, 0]).map(|_| ())
    }

    /// Gives a region back.
    #[track_caller]
    pub fn destroy(&mut self, region: RegionId) -> Result<(), Failure> {
        self.ask(Request::Destroy, [word(region), 0, 0]).map(|_| ())
    }

    /// Makes a region's memory larger or smaller.
    #[track_caller]
    pub fn resize(&mut self, region: RegionId, pages: u32) -> Result<(), Failure> {
        let operands = [word(region), u64::from(pages), 0];
        self.ask(Request::Resize, operands).map(|_| ())
    }

    /// Lets its group pay for a region.
    #[track_caller]
    pub fn sponsor(&mut self, region: RegionId) -> Result<(), Failure> {
        self.ask(Request::Sponsor, [word(region), 0, 0]).map(|_| ())
    }

    /// Clones a region.
    #[track_caller]
    pub fn clone(&mut self, given: RegionId) -> Result<RegionId, Failure> {
        let word = self.ask(Request::Clone, [word(given), 0, 0])?;
        Ok(region(word))
    }

    /// Ends it.
    #[track_caller]
    pub fn exit(mut self, world: &World) -> Result<(), Failure> {
        self.ask(Request::Exit, [0; 3])?;
        let reason = world.end_of(self.task)?;
        memory::destroy_region(self.region)?;
        equal!("its end", reason, ExitReason::Exited { code: 0 });
        Ok(())
    }

    /// It is gone already: its page goes too.
    pub fn gone(self) -> Result<(), Failure> {
        Ok(memory::destroy_region(self.region)?)
    }
}
