//! Frames, tables, and a second address space with the same image in it.

use sel4::cap::{self, Cap};
use sel4::{BootInfo, CapRights, Error, ObjectType, VmAttributes, init};
use sel4_root_task::{image, println};

use crate::must;
use crate::slots::{Pool, slot};

/// Where things are mapped that are not of the image: IPC buffers from here, one page each.
pub const WINDOW: u64 = 0x1000_0000;
/// Where one frame is mapped for a moment.
const TRIAL: u64 = WINDOW + 0x10_0000;
/// Bytes of a page.
const PAGE: u64 = 4096;

/// Tries frames in our own address space, and makes the table for the window.
pub fn run(pool: &mut Pool) {
    let attributes = VmAttributes::DEFAULT;
    let frame: cap::Frame = pool.make(ObjectType::SmallFrame, 0).cast();
    let physical = must("get the address", frame.physical_address());
    assert!(
        pool.physical.contains(&physical),
        "{physical:#x} is in the untyped memory"
    );

    let without_table = frame.map(init::VSPACE, TRIAL, CapRights::READ_WRITE, attributes);
    assert_eq!(without_table, Err(Error::FailedLookup), "no table yet");
    let table: cap::PageTable = pool.make(ObjectType::PageTable, 0).cast();
    must("map a table", table.map(init::VSPACE, WINDOW, attributes));
    must(
        "map a frame",
        frame.map(init::VSPACE, TRIAL, CapRights::READ_WRITE, attributes),
    );

    let place: *mut u64 = core::ptr::with_exposed_provenance_mut(address(TRIAL));
    // SAFETY: the frame was mapped there just now, and nobody else knows of it.
    unsafe {
        assert_eq!(place.read_volatile(), 0, "frames come cleared");
        place.write_volatile(0x1234_5678);
    }
    let copy = pool.slot();
    must(
        "copy the frame",
        slot(copy).copy_from(slot(frame.bits()), CapRights::ALL),
    );
    let copy: cap::Frame = Cap::from_bits(copy);
    let again = copy.map(init::VSPACE, TRIAL, CapRights::READ, attributes);
    assert_eq!(again, Err(Error::DeleteFirst), "a page is there");
    must(
        "map the copy beside it",
        copy.map(init::VSPACE, TRIAL + PAGE, CapRights::READ, attributes),
    );
    let beside: *const u64 = core::ptr::with_exposed_provenance(address(TRIAL + PAGE));
    // SAFETY: as above.
    let seen = unsafe { beside.read_volatile() };
    assert_eq!(seen, 0x1234_5678, "one frame, two places");
    must(
        "remap",
        frame.remap(init::VSPACE, CapRights::READ, attributes),
    );
    must("unmap", frame.unmap());
    must("unmap", copy.unmap());
    must("unmap what is not mapped", copy.unmap());

    let large: cap::Frame = pool.make(ObjectType::LargeFrame, 0).cast();
    must(
        "map a large frame",
        large.map(init::VSPACE, 0x2000_0000, CapRights::READ_WRITE, attributes),
    );
    must("unmap it", large.unmap());

    let four: u64 = pool.slots(4);
    must(
        "four at once",
        pool.untyped()
            .retype(ObjectType::SmallFrame, 0, init::CNODE, four, 4),
    );

    let pool_memory: cap::Untyped = pool.make(ObjectType::Untyped, 12).cast();
    let to = slot(pool.slot());
    must(
        "make an ASID pool",
        init::ASID_CONTROL.make_pool(pool_memory, to),
    );
    println!("memory: ok, image {:x?}", image());
}

/// An address space with the root task's image at the same place, for a thread in another space than ours.
pub fn second_space(pool: &mut Pool, info: BootInfo) -> cap::Pml4 {
    let attributes = VmAttributes::DEFAULT;
    let root: cap::Pml4 = pool.make(ObjectType::Pml4, 0).cast();
    must("assign", init::ASID_POOL.assign(root));
    let pdpt: cap::Pdpt = pool.make(ObjectType::Pdpt, 0).cast();
    must("map level 3", pdpt.map(root, 0, attributes));
    let directory: cap::PageDirectory = pool.make(ObjectType::PageDirectory, 0).cast();
    must("map level 2", directory.map(root, 0, attributes));
    for place in [image().start, WINDOW] {
        let table: cap::PageTable = pool.make(ObjectType::PageTable, 0).cast();
        must("map level 1", table.map(root, place, attributes));
    }
    for (address, frame) in (image().start..)
        .step_by(4096)
        .zip(info.user_image_frames())
    {
        let copy = pool.slot();
        must(
            "copy a frame",
            slot(copy).copy_from(slot(frame), CapRights::ALL),
        );
        let copy: cap::Frame = Cap::from_bits(copy);
        must(
            "map it",
            copy.map(root, address, CapRights::READ_WRITE, attributes),
        );
    }
    println!("memory: second space ok");
    root
}

/// A new frame for an IPC buffer, mapped in `space` at page `number` of the window.
pub fn ipc_buffer(pool: &mut Pool, space: cap::Pml4, number: u64) -> (u64, cap::Frame) {
    let frame: cap::Frame = pool.make(ObjectType::SmallFrame, 0).cast();
    let address = WINDOW.saturating_add(number.saturating_mul(PAGE));
    must(
        "map an IPC buffer",
        frame.map(space, address, CapRights::READ_WRITE, VmAttributes::DEFAULT),
    );
    (address, frame)
}

fn address(address: u64) -> usize {
    usize::try_from(address).unwrap_or(usize::MAX)
}
