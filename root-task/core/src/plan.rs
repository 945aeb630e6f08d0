//! Who gets what: every object, its place in memory, its slot in the root task's CNode.
//!
//! The plan is computed whole before the first object is made, so a machine that is too small is told so with numbers
//! and nothing is half-made.
//!
//! # Invariants
//!
//! * Objects are placed largest first: nothing is lost to alignment between them.
//! * The retypes of one untyped come in the order in which its objects lie.
//! * What is not placed is a remainder, and every remainder goes to the memory-server.

use interfaces::ServerName;
use interfaces::start::{MemoryStart, Span, Start, memory_slots};
use interfaces::system::System;

use crate::image::{Image, PAGE};
use crate::inventory::{Inventory, Remainders, Run, UNTYPEDS};
use crate::layout;
use crate::object::{Item, Kind};
use crate::server::{PerServer, ServerPlan, Sizes, plan_server};
use crate::shortfall::PlanError;
use crate::slots::{SlotPool, SlotRange};
use crate::wish::wishes;

/// The most kinds of objects in a plan: one for each value of [`Item`].
pub const OBJECTS: usize = 64;
/// The most pieces in which they come to lie.
pub const RETYPES: usize = 256;
/// What is kept to restart a server: 1 MiB, more than the objects of the largest but for its CNode and heap.
pub const SPARE_BITS: u8 = 20;
/// The radix of the CNode above the root task's: slot 0 is the root task's own, slot 1 the one looked into.
pub const REPORT_RADIX: u8 = 1;

/// What the plan is made from.
#[derive(Debug)]
pub struct Machine<'a> {
    /// The memory.
    pub inventory: Inventory,
    /// The root task's empty slots.
    pub slots: SlotPool,
    /// The system to be started.
    pub system: &'a System,
    /// The length of its encoding.
    pub system_bytes: u64,
    /// The length of the archive.
    pub archive_bytes: u64,
    /// The servers.
    pub images: &'a PerServer<Image<'a>>,
    /// How often the time stamp counter counts in a microsecond.
    pub tsc_megahertz: u32,
}

/// Objects of one kind and purpose, in consecutive slots of the root task's CNode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// What for.
    pub item: Item,
    /// Of which kind.
    pub kind: Kind,
    /// The size, as the kernel's retype wants it.
    pub size_bits: u8,
    /// Where.
    pub slots: SlotRange,
}

/// Objects to be made with one or more calls of retype, from one untyped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retype {
    /// Of which kind.
    pub kind: Kind,
    /// The size, as the kernel's retype wants it.
    pub size_bits: u8,
    /// Where they come to lie, and how many.
    pub run: Run,
    /// The slot of the first, in the root task's CNode.
    pub first_slot: u64,
}

/// Slots in the root task's CNode for what is no new object: copies, and what is made from objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopySlots {
    /// The ASID pools but the first, which the kernel made.
    pub asid_pools: SlotRange,
    /// The archive's frames as mapped for the memory-server.
    pub archive: SlotRange,
    /// For trials, always emptied again.
    pub trial: u64,
    /// For the other side of a trial, always emptied again.
    pub sender: u64,
    /// For input from the serial line.
    pub input: InputSlots,
    /// For the interval timer's interrupt.
    pub timer: TimerSlots,
}

/// Slots in the root task's CNode that the timer's interrupt needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerSlots {
    /// Its handler.
    pub handler: u64,
    /// The proc-server's notification with the timer's badge, for the handler.
    pub signal: u64,
}

/// Slots in the root task's CNode that input needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputSlots {
    /// The handler of the serial line's interrupt.
    pub handler: u64,
    /// The notification with its badge, for the handler.
    pub signal: u64,
    /// Whoever waits for input is answered over this.
    pub reader: u64,
    /// The same, once it is known that it still waits. Else always empty.
    pub answer: u64,
}

/// The whole plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootPlan {
    /// The pages of physical memory: numbers below this.
    pub pages: u32,
    /// The archive's pages.
    pub archive_pages: u32,
    /// The length of the encoded system.
    pub system_bytes: u64,
    /// How often the time stamp counter counts in a microsecond.
    pub tsc_megahertz: u32,
    /// The servers.
    pub servers: PerServer<ServerPlan>,
    /// What is to be made, largest first.
    pub objects: heapless::Vec<Object, OBJECTS>,
    /// How, in this order.
    pub retypes: heapless::Vec<Retype, RETYPES>,
    /// What is left: the memory-server's.
    pub remainders: Remainders,
    /// Where the rest goes.
    pub copies: CopySlots,
    /// The memory as it is when everything is placed.
    pub inventory: Inventory,
}

impl BootPlan {
    /// Divides the machine.
    pub fn draw(machine: Machine<'_>) -> Result<Self, PlanError> {
        let Machine {
            mut inventory,
            mut slots,
            system,
            system_bytes,
            archive_bytes,
            images,
            tsc_megahertz,
        } = machine;
        if system_bytes > layout::SYSTEM_PAGES.saturating_mul(PAGE) {
            return Err(PlanError::SystemTooLarge {
                bytes: system_bytes,
            });
        }
        if archive_bytes > layout::ARCHIVE_BYTES {
            return Err(PlanError::ArchiveTooLarge {
                bytes: archive_bytes,
            });
        }
        let archive_pages = u32::try_from(archive_bytes.div_ceil(PAGE)).map_err(|_| {
            PlanError::ArchiveTooLarge {
                bytes: archive_bytes,
            }
        })?;
        let pages = inventory.pages().ok_or(PlanError::TooMuchMemory)?;
        let sizes = Sizes {
            pages,
            archive_pages,
            system_bytes,
        };
        let servers = PerServer::try_from_fn(|server| {
            plan_server(server, system, images.of(server), &sizes)
        })?;

        let mut wishes = wishes(&servers, system_bytes)?;
        wishes.sort_unstable_by_key(|wish| core::cmp::Reverse(wish.bits()));
        let mut objects = heapless::Vec::new();
        let mut retypes = heapless::Vec::new();
        for wish in &wishes {
            let object = wish.place(&mut inventory, &mut slots, &mut retypes)?;
            objects.push(object).map_err(|_| PlanError::TooManyPieces)?;
        }
        let copies = CopySlots {
            asid_pools: slots.take(OWN_ASID_POOLS)?,
            archive: slots.take(u64::from(archive_pages))?,
            trial: slots.take(1)?.first,
            sender: slots.take(1)?.first,
            input: InputSlots {
                handler: slots.take(1)?.first,
                signal: slots.take(1)?.first,
                reader: slots.take(1)?.first,
                answer: slots.take(1)?.first,
            },
            timer: TimerSlots {
                handler: slots.take(1)?.first,
                signal: slots.take(1)?.first,
            },
        };
        Ok(Self {
            pages,
            archive_pages,
            system_bytes,
            tsc_megahertz,
            servers,
            objects,
            retypes,
            remainders: inventory.remainders(),
            copies,
            inventory,
        })
    }

    /// What the system keeps for itself of the memory that the kernel left, in bytes: what for, largest first.
    pub fn own(&self) -> impl Iterator<Item = (Item, u64)> + '_ {
        self.objects.iter().map(|object| {
            let bytes = 1_u64 << object.kind.bits(object.size_bits);
            (object.item, object.slots.count.saturating_mul(bytes))
        })
    }

    /// The slots of an item's objects. Empty if it has none.
    #[must_use]
    pub fn slots(&self, item: Item) -> SlotRange {
        self.objects
            .iter()
            .find(|object| object.item == item)
            .map_or(SlotRange { first: 0, count: 0 }, |object| object.slots)
    }

    /// The slot of an item that there is one of; 0, the null capability, if there is none.
    #[must_use]
    pub fn slot(&self, item: Item) -> u64 {
        self.slots(item).first
    }

    /// What a server is told when it starts.
    #[must_use]
    pub fn start(&self, server: ServerName) -> Start {
        let reader = server == ServerName::Memory;
        let archive_bytes = if reader {
            u64::from(self.archive_pages).saturating_mul(PAGE)
        } else {
            0
        };
        Start {
            heap: Span {
                address: layout::HEAP,
                bytes: self.servers.of(server).heap_bytes,
            },
            system: Span {
                address: layout::SYSTEM,
                bytes: self.system_bytes,
            },
            archive: Span {
                address: if reader { layout::ARCHIVE } else { 0 },
                bytes: archive_bytes,
            },
            memory: reader.then(|| self.memory_start()),
            tsc_megahertz: self.tsc_megahertz,
        }
    }

    fn memory_start(&self) -> MemoryStart {
        MemoryStart {
            pages: self.pages,
            cnode_radix: self.servers.memory.cnode_radix,
            archive_pages: self.archive_pages,
            blocks: self
                .remainders
                .blocks
                .iter()
                .map(|left| left.block)
                .collect(),
            scratch: Span {
                address: layout::SCRATCH,
                bytes: layout::SCRATCH_BYTES,
            },
        }
    }

    /// Panics unless every invariant holds. For tests.
    ///
    /// # Panics
    ///
    /// If one does not.
    pub fn check(&self) {
        self.inventory.check();
        let placed: u64 = self
            .retypes
            .iter()
            .map(|made| made.run.count << made.run.bits)
            .sum();
        let tails = self
            .inventory
            .bytes()
            .saturating_sub(placed)
            .saturating_sub(self.inventory.gaps())
            .saturating_sub(self.remainders.bytes());
        if self.remainders.left_out == 0 {
            // What is below a page at the end of an untyped's used part, or a whole untyped below a page.
            let untypeds = u64::try_from(self.inventory.untypeds().count()).unwrap_or(u64::MAX);
            assert!(
                tails < untypeds.saturating_mul(PAGE),
                "{tails} bytes are nowhere"
            );
        }
        let mut end = 0;
        for object in &self.objects {
            assert!(object.slots.first >= end, "slots overlap: {object:?}");
            end = object.slots.end();
        }
        let made: u64 = self.retypes.iter().map(|made| made.run.count).sum();
        assert_eq!(
            made,
            self.objects
                .iter()
                .map(|object| object.slots.count)
                .sum::<u64>()
        );
        self.check_places();
    }

    fn check_places(&self) {
        let placed = self.retypes.iter().map(|made| {
            (
                made.run.address,
                made.run.count << made.run.bits,
                made.run.untyped,
            )
        });
        let left = self.remainders.blocks.iter().map(|left| {
            (
                u64::from(left.block.page) << 12,
                1_u64 << left.block.bits,
                left.untyped,
            )
        });
        // Within an untyped everything lies in the order in which it will be made; apart, because each is within its own.
        let mut watermarks = heapless::Vec::<(u64, u64), UNTYPEDS>::new();
        for (address, bytes, slot) in placed.chain(left) {
            let home = self
                .inventory
                .untypeds()
                .find(|untyped| untyped.slot == slot);
            let inside = home.is_some_and(|home| {
                address >= home.base
                    && address.saturating_add(bytes) <= home.base.saturating_add(home.bytes())
            });
            assert!(
                inside,
                "{bytes} bytes at {address:#x} are not in untyped {slot}"
            );
            let end = address.saturating_add(bytes);
            if let Some(mark) = watermarks.iter_mut().find(|mark| mark.0 == slot) {
                assert!(address >= mark.1, "{address:#x} is taken twice");
                mark.1 = end;
            } else {
                assert!(watermarks.push((slot, end)).is_ok());
            }
        }
    }
}

/// The kernel made one ASID pool; the root task makes the others.
pub const OWN_ASID_POOLS: u64 = memory_slots::ASID_POOLS - 1;
