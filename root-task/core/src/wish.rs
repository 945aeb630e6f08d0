//! What is to be made, before it has a place.

use interfaces::ServerName;
use interfaces::start::{ground, proc_slots};

use crate::image::PAGE;
use crate::inventory::Inventory;
use crate::layout::LARGE_PAGE;
use crate::object::{Item, Kind, Port};
use crate::plan::{OBJECTS, OWN_ASID_POOLS, Object, REPORT_RADIX, RETYPES, Retype, SPARE_BITS};
use crate::server::{PerServer, ServerPlan, tail_bytes};
use crate::shortfall::PlanError;
use crate::slots::SlotPool;

/// Objects that are to be placed.
pub(crate) struct Wish {
    item: Item,
    kind: Kind,
    size_bits: u8,
    count: u64,
}

impl Wish {
    pub(crate) const fn bits(&self) -> u8 {
        self.kind.bits(self.size_bits)
    }

    pub(crate) fn place(
        &self,
        inventory: &mut Inventory,
        slots: &mut SlotPool,
        retypes: &mut heapless::Vec<Retype, RETYPES>,
    ) -> Result<Object, PlanError> {
        let range = slots.take(self.count)?;
        let mut first_slot = range.first;
        let mut listed = Ok(());
        inventory
            .place(self.bits(), self.count, |run| {
                let retype = Retype {
                    kind: self.kind,
                    size_bits: self.size_bits,
                    run,
                    first_slot,
                };
                first_slot = first_slot.saturating_add(run.count);
                listed = listed.and(retypes.push(retype).map_err(|_| PlanError::TooManyPieces));
            })
            .map_err(|short| PlanError::Memory {
                item: self.item,
                short,
            })?;
        listed?;
        Ok(Object {
            item: self.item,
            kind: self.kind,
            size_bits: self.size_bits,
            slots: range,
        })
    }
}

/// Everything that is to be made, in no order.
pub(crate) fn wishes(
    servers: &PerServer<ServerPlan>,
    system_bytes: u64,
) -> Result<heapless::Vec<Wish, OBJECTS>, PlanError> {
    let mut wishes = heapless::Vec::new();
    let mut wish = |item, kind, size_bits, count| {
        let wish = Wish {
            item,
            kind,
            size_bits,
            count,
        };
        wishes.push(wish).map_err(|_| PlanError::TooManyPieces)
    };
    for server in ServerName::ALL {
        let plan = servers.of(server);
        let frames = plan
            .system_frame()
            .saturating_add(system_bytes.div_ceil(PAGE));
        let length = |list: &[u64]| u64::try_from(list.len()).unwrap_or(u64::MAX);
        wish(Item::Space(server), Kind::Pml4, 0, 1)?;
        wish(Item::Directory3(server), Kind::Pdpt, 0, 1)?;
        wish(
            Item::Directories(server),
            Kind::PageDirectory,
            0,
            length(plan.tables.directories()),
        )?;
        wish(
            Item::Tables(server),
            Kind::PageTable,
            0,
            length(plan.tables.tables()),
        )?;
        wish(Item::CNode(server), Kind::CNode, plan.cnode_radix, 1)?;
        wish(Item::Tcb(server), Kind::Tcb, 0, 1)?;
        wish(Item::Frames(server), Kind::SmallFrame, 0, frames)?;
        wish(
            Item::Heap(server),
            Kind::LargeFrame,
            0,
            plan.heap_bytes / LARGE_PAGE,
        )?;
        wish(
            Item::HeapTail(server),
            Kind::SmallFrame,
            0,
            tail_bytes(plan.heap_bytes) / PAGE,
        )?;
        wish(Item::Endpoint(Port::Server(server)), Kind::Endpoint, 0, 1)?;
    }
    let birth_radix = u8::try_from(proc_slots::BIRTH_RADIX).unwrap_or(u8::MAX);
    wish(Item::Endpoint(Port::Root), Kind::Endpoint, 0, 1)?;
    wish(Item::News, Kind::Notification, 0, 1)?;
    wish(Item::Input, Kind::Notification, 0, 1)?;
    wish(Item::Watchman, Kind::Tcb, 0, 1)?;
    wish(Item::Cleaner, Kind::Tcb, 0, 1)?;
    wish(Item::CleanerFrame, Kind::SmallFrame, 0, 1)?;
    wish(Item::BirthCNode, Kind::CNode, birth_radix, 1)?;
    wish(Item::AsidMemory, Kind::Untyped, 12, OWN_ASID_POOLS)?;
    wish(Item::ScratchDirectory, Kind::PageDirectory, 0, 1)?;
    wish(Item::ScratchTable, Kind::PageTable, 0, 1)?;
    wish(Item::ReportCNode, Kind::CNode, REPORT_RADIX, 1)?;
    wish(Item::Helper, Kind::Tcb, 0, 1)?;
    wish(
        Item::Ground,
        Kind::SmallFrame,
        0,
        u64::from(ground::TRACT_PAGES),
    )?;
    wish(Item::Spare, Kind::Untyped, SPARE_BITS, 1)?;
    Ok(wishes)
}
