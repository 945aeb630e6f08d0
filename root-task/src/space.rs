//! A server's address space: its tables, and what is mapped for it.

use boot_core::image::{PAGE, PAGE_BYTES};
use boot_core::layout::{self, LARGE_PAGE_BYTES};
use boot_core::object::Item;
use boot_core::plan::BootPlan;
use boot_core::server::large_bytes;
use interfaces::ServerName;
use sel4::cap;
use sel4::{BootInfo, CapRights, Result, VmAttributes, init};

use crate::archive;
use crate::authority::{own, space};

/// Makes the address space, with all its tables and nothing mapped.
pub fn make_tables(plan: &BootPlan, server: ServerName) -> Result<()> {
    let root = space(plan, server);
    let attributes = VmAttributes::DEFAULT;
    let tables = &plan.servers.of(server).tables;
    init::ASID_POOL.assign(root)?;
    let level3 = cap::Pdpt::from_bits(plan.slot(Item::Directory3(server)));
    level3.map(root, 0, attributes)?;
    let directories = plan.slots(Item::Directories(server));
    for (slot, &address) in directories.iter().zip(tables.directories()) {
        cap::PageDirectory::from_bits(slot).map(root, address, attributes)?;
    }
    let slots = plan.slots(Item::Tables(server));
    for (slot, &address) in slots.iter().zip(tables.tables()) {
        cap::PageTable::from_bits(slot).map(root, address, attributes)?;
    }
    Ok(())
}

/// Maps the heap.
pub fn map_heap(plan: &BootPlan, server: ServerName) -> Result<()> {
    let root = space(plan, server);
    let large = (layout::HEAP..).step_by(LARGE_PAGE_BYTES);
    let large = plan.slots(Item::Heap(server)).iter().zip(large);
    let heap_bytes = plan.servers.of(server).heap_bytes;
    let tail = layout::HEAP.saturating_add(large_bytes(heap_bytes));
    let tail = (tail..).step_by(PAGE_BYTES);
    let tail = plan.slots(Item::HeapTail(server)).iter().zip(tail);
    for (slot, address) in large.chain(tail) {
        cap::Frame::from_bits(slot).map(
            root,
            address,
            CapRights::READ_WRITE,
            VmAttributes::DEFAULT,
        )?;
    }
    Ok(())
}

/// Maps the first places for groups.
pub fn map_ground(plan: &BootPlan, server: ServerName) -> Result<()> {
    let root = space(plan, server);
    let addresses = (layout::GROUND..).step_by(PAGE_BYTES);
    for (slot, address) in plan.slots(Item::Ground).iter().zip(addresses) {
        let frame = cap::Frame::from_bits(slot);
        frame.map(root, address, CapRights::READ_WRITE, VmAttributes::DEFAULT)?;
    }
    Ok(())
}

/// Maps the archive, read-only, through copies of the capabilities to the root task's own image.
pub fn map_archive(plan: &BootPlan, info: BootInfo, server: ServerName) -> Result<()> {
    let root = space(plan, server);
    let addresses = (layout::ARCHIVE..).step_by(PAGE_BYTES);
    let slots = plan.copies.archive;
    for ((slot, page), address) in slots.iter().zip(0..).zip(addresses) {
        own(slot).copy_from(own(archive_frame(info, page)?.bits()), CapRights::READ)?;
        cap::Frame::from_bits(slot).map(root, address, CapRights::READ, VmAttributes::DEFAULT)?;
    }
    Ok(())
}

/// The frame of a page of the archive, in the root task's image.
pub fn archive_frame(info: BootInfo, page: u64) -> Result<cap::Frame> {
    let start = archive::bytes().as_ptr().addr() as u64;
    start
        .checked_add(page.saturating_mul(PAGE))
        .and_then(|address| sel4_root_task::image_frame(&info, address))
        .ok_or(sel4::Error::InvalidArgument)
}
