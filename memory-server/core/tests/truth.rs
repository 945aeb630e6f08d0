//! The kernel says something else than the records, in every way in which it can: the audit finds each, says which it is,
//! and finds nothing where all is as it should be.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::missing_panics_doc,
    missing_docs,
    missing_debug_implementations,
    reason = "tests: whatever is wrong is to panic"
)]

mod asking;
mod fake;

use asking::{Asks, GROUP, OTHER, task};
use fake::Bench;
use interfaces::Amounts;
use interfaces::memory::{
    Accept, Access, CloneRegion, CreateRegion, Map, RegionId, Share, Spoil, SpoilRefusal, Unmap,
};
use interfaces::provision::{
    BuildRing, Built, CreateMailbox, CreateRing, CreateThread, MailboxSlot, Progress, ThreadSlot,
};
use interfaces::start::limits_slots;
use interfaces::truth::{Sort, Thing, Verify};
use memory_core::hands::{Made, Slot};
use memory_core::mapping::Standing;
use memory_core::owner::{TableLevel, Use};
use memory_core::truth::SLICE;

/// A task with two threads, a mailbox, a ring and touched memory, some of it shared with and cloned by another task.
fn busy() -> (Bench, u32) {
    let mut bench = Bench::with_room(2048, &[(1024, 22)], 12, 64);
    let region: RegionId = {
        bench.spawn(0, GROUP).unwrap();
        bench.spawn(1, OTHER).unwrap();
        bench.client(task(0), CreateRegion { pages: 6 }).unwrap()
    };
    let access = Access::ReadWrite;
    let map = |region, at| Map {
        region,
        address: Some(at),
        access,
    };
    bench.client(task(0), map(region, 0x1000_0000)).unwrap();
    for page in 0..4 {
        bench.touch(0, 0x1000_0000 + (page << 12), true);
    }
    bench.touch(0, 0x24_0000, false);
    bench.touch(0, 0x24_2000, true);
    bench.touch(1, 0x24_1000, false);
    let share = Share {
        region,
        to: task(1),
        access: Access::Read,
        payment: false,
    };
    let offered = bench.client(task(0), share).unwrap();
    bench.client(task(1), Accept { region: offered }).unwrap();
    let shown = Map {
        access: Access::Read,
        ..map(offered, 0x2000_0000)
    };
    bench.client(task(1), shown).unwrap();
    bench.touch(1, 0x2000_0000, false);
    let clone = bench.client(task(0), CloneRegion { region }).unwrap();
    bench
        .client(task(0), map(clone.region, 0x3000_0000))
        .unwrap();
    bench.touch(0, 0x3000_0000, false);
    bench.touch(0, 0x3000_1000, true);
    let further = CreateThread {
        task: task(0),
        thread: 9,
        number: 1,
    };
    let kit = asking::thread_kit();
    bench.ledger.0.borrow_mut().charge(GROUP, kit).unwrap();
    bench.proc(further).unwrap();
    bench.proc(CreateMailbox { task: task(0) }).unwrap();
    let ring = CreateRing {
        task: task(0),
        pages: 2,
        operator: false,
    };
    let ring = bench.proc(ring).unwrap().ring;
    let build = BuildRing {
        task: task(0),
        ring,
    };
    while bench.proc(build).unwrap() == Built::More {}
    bench.kernel.0.borrow_mut().take_notification();
    bench.server.memory().check();
    let frame = bench
        .server
        .memory()
        .owners
        .find(Use::Frame, object_of(&bench), 3);
    (bench, frame.expect("touched"))
}

/// The first region's object.
fn object_of(bench: &Bench) -> u32 {
    let memory = bench.server.memory();
    let (_, region) = memory.regions.all().next().expect("made first");
    region.object
}

fn page_of(bench: &Bench, used_as: Use, place: u32) -> u32 {
    bench
        .server
        .memory()
        .owners
        .find(used_as, 0, place)
        .expect("there")
}

fn own(bench: &Bench, page: u32) -> Slot {
    Slot::Own(bench.server.memory().slots.object(page))
}

/// The slot of any copy that is mapped.
fn copy(bench: &Bench) -> Slot {
    let memory = bench.server.memory();
    let mut copies = (0..memory.mappings.copies_used()).map(|number| memory.mappings.copy(number));
    let cap = copies
        .find(|&cap| memory.mappings.is_mapped(cap))
        .expect("shared");
    assert!(matches!(
        memory.mappings.standing(cap),
        Standing::Copy { .. }
    ));
    Slot::Own(memory.slot_of(cap))
}

#[test]
fn what_the_kernel_bears_out_is_what_is_charged() {
    let (mut bench, _) = busy();
    for group in [GROUP, OTHER] {
        let charged = bench.ledger.0.borrow().used(group);
        assert_eq!(bench.verify(Some(group)), Ok(charged));
    }
    let all = bench.verify(None).expect("everything is right");
    let charged = {
        let accounts = bench.ledger.0.borrow();
        accounts.used(GROUP).checked_add(&accounts.used(OTHER))
    };
    assert_eq!(Some(all), charged, "nobody else pays for anything");
}

/// Does something to the kernel's side, and expects the audit to find this.
fn finds(thing: Thing, kernel: impl Fn(Sort) -> bool, spoil: impl FnOnce(&mut Bench, u32)) {
    let (mut bench, frame) = busy();
    spoil(&mut bench, frame);
    let wrong = bench.verify(None).expect_err("it is found");
    assert_eq!(wrong.thing, thing, "{wrong}");
    assert_ne!(wrong.record, wrong.kernel);
    assert!(kernel(wrong.kernel), "{wrong}");
    if let Some(group) = wrong.group {
        let same = bench
            .verify(Some(group))
            .expect_err("in its group's audit as well");
        assert_eq!(same, wrong);
    }
}

#[test]
fn a_frame_that_is_missing_elsewhere_or_something_else_is_found() {
    let nothing = |found| found == Sort::Nothing;
    finds(Thing::Frame, nothing, |bench, frame| {
        let slot = own(bench, frame);
        // Its page is used all the same: something was made of it before.
        bench.kernel.0.borrow_mut().plant_below(slot);
    });
    finds(
        Thing::Frame,
        |found| {
            matches!(
                found,
                Sort::Frame {
                    address: 0x5000,
                    ..
                }
            )
        },
        |bench, frame| {
            let slot = own(bench, frame);
            bench.kernel.0.borrow_mut().move_frame(slot, 0x5000);
        },
    );
    finds(
        Thing::Frame,
        |found| matches!(found, Sort::Table { .. }),
        |bench, frame| {
            let slot = own(bench, frame);
            let table = Made::Table(TableLevel::Table);
            bench.kernel.0.borrow_mut().replace(slot, table);
        },
    );
}

#[test]
fn a_page_of_which_nothing_is_made_any_more_is_found() {
    finds(
        Thing::UsedPage,
        |found| found == Sort::Untyped { unused: 4096 },
        |bench, frame| {
            let slot = own(bench, frame);
            bench.kernel.0.borrow_mut().vanish(slot);
        },
    );
}

#[test]
fn a_mapping_that_is_not_there_is_found() {
    finds(
        Thing::Frame,
        |found| matches!(found, Sort::Frame { mapped: false, .. }),
        |bench, frame| {
            let slot = own(bench, frame);
            bench.kernel.0.borrow_mut().unmap_behind(slot);
        },
    );
    finds(
        Thing::Frame,
        |found| found == Sort::Nothing,
        |bench, frame| {
            let slot = own(bench, frame);
            bench.kernel.0.borrow_mut().wipe(slot);
        },
    );
}

#[test]
fn a_copy_that_is_missing_or_of_another_frame_is_found() {
    finds(
        Thing::Copy,
        |found| found == Sort::Nothing,
        |bench, _| {
            let slot = copy(bench);
            bench.kernel.0.borrow_mut().vanish(slot);
        },
    );
    finds(
        Thing::Copy,
        |found| matches!(found, Sort::Frame { address: 0, .. }),
        |bench, _| {
            let slot = copy(bench);
            bench.kernel.0.borrow_mut().replace(slot, Made::Frame);
        },
    );
}

#[test]
fn each_part_of_a_task_that_is_missing_is_found() {
    let proc = |slot: ThreadSlot, thread| Slot::Proc(slot.of(thread));
    for (thing, slot) in [
        (Thing::Thread, proc(ThreadSlot::Tcb, 0)),
        (Thing::Thread, proc(ThreadSlot::Tcb, 9)),
        (Thing::CNode, proc(ThreadSlot::CNode, 0)),
        (Thing::RootCopy, proc(ThreadSlot::Space, 0)),
        (Thing::IpcBufferCopy, proc(ThreadSlot::IpcBuffer, 0)),
        (Thing::IpcBufferCopy, proc(ThreadSlot::IpcBuffer, 9)),
    ] {
        finds(
            thing,
            |found| found == Sort::Port,
            |bench, _| {
                let mut world = bench.kernel.0.borrow_mut();
                world.plant_below(slot);
                world.plant(slot, Made::Notification);
            },
        );
    }
    let mailbox = Slot::Proc(MailboxSlot::Bell.of(0));
    finds(
        Thing::Mailbox,
        |found| found == Sort::Thread,
        |bench, _| bench.kernel.0.borrow_mut().replace(mailbox, Made::Tcb),
    );
}

#[test]
fn a_table_or_a_root_that_is_something_else_is_found() {
    for level in [
        TableLevel::Pointers,
        TableLevel::Directory,
        TableLevel::Table,
    ] {
        finds(
            Thing::Table,
            |found| matches!(found, Sort::Frame { .. }),
            |bench, _| {
                let page = page_of(bench, Use::Table, level.place(0x20_0000));
                let slot = own(bench, page);
                bench.kernel.0.borrow_mut().replace(slot, Made::Frame);
            },
        );
    }
    finds(
        Thing::Root,
        |found| found == Sort::Thread,
        |bench, _| {
            let page = page_of(bench, Use::Root, 0);
            let slot = own(bench, page);
            bench.kernel.0.borrow_mut().replace(slot, Made::Tcb);
        },
    );
}

#[test]
fn a_ring_without_its_notification_or_the_limits_servers_part_is_found() {
    let ring = |bench: &Bench, place| {
        let owners = &bench.server.memory().owners;
        owners.find(Use::Ring, 0, place).expect("a ring")
    };
    finds(
        Thing::Notification,
        |found| found == Sort::CNode,
        |bench, _| {
            let slot = own(bench, ring(bench, 16));
            let mut world = bench.kernel.0.borrow_mut();
            world.replace(slot, Made::ClientCNode);
        },
    );
    finds(
        Thing::RingCopy,
        |found| found == Sort::Nothing,
        |bench, _| {
            let slot = Slot::Limits(limits_slots::RINGS);
            bench.kernel.0.borrow_mut().vanish(slot);
        },
    );
    finds(
        Thing::RingPage,
        |found| matches!(found, Sort::Frame { mapped: false, .. }),
        |bench, _| {
            let slot = own(bench, ring(bench, 0));
            bench.kernel.0.borrow_mut().unmap_behind(slot);
        },
    );
}

#[test]
fn what_is_on_nobodys_record_is_found() {
    finds(
        Thing::FreeSlot,
        |found| found == Sort::Something,
        |bench, _| {
            let region = {
                let regions = &bench.server.memory().regions;
                let mut all = regions.all();
                let (index, _) = all.find(|(_, region)| region.space == 1).expect("shared");
                regions.id_of(index)
            };
            let unmapped = bench.client(task(1), Unmap { region });
            assert_eq!(unmapped, Ok(Progress::Done));
            let memory = bench.server.memory();
            let mut copies = 0..memory.mappings.copies_used();
            let unused = copies.find(|&number| {
                let cap = memory.mappings.copy(number);
                !memory.mappings.is_mapped(cap) && !memory.rings.have(cap)
            });
            let slot = Slot::Own(memory.slots.copy(unused.expect("given back")));
            bench.kernel.0.borrow_mut().plant(slot, Made::Frame);
        },
    );
    finds(
        Thing::FreeBlock,
        |found| matches!(found, Sort::Untyped { .. }),
        |bench, _| bench.kernel.0.borrow_mut().use_up_a_free_block(),
    );
}

#[test]
fn no_slice_asks_much_more_than_it_may() {
    let (mut bench, _) = busy();
    let mut at = 0;
    let mut slices = 0;
    loop {
        let found = bench.proc(Verify { group: None, at }).unwrap();
        // The last thing that is begun is brought to its end: a thread's page asks most.
        assert!(found.checked <= SLICE, "{} in one slice", found.checked);
        slices += 1;
        match found.next {
            Some(next) => at = next,
            None => break,
        }
    }
    assert!(slices > 3, "{slices} slices");
    let past = Verify {
        group: None,
        at: u64::MAX,
    };
    let end = bench.proc(past).unwrap();
    assert_eq!((end.next, end.held), (None, Amounts::NONE));
}

#[test]
fn a_record_is_made_wrong_in_a_build_for_tests_alone_and_is_found() {
    let (mut bench, frame) = busy();
    let spoil = |address| Spoil { address };
    let refused = bench.client(task(0), spoil(0x1000_3000));
    assert_eq!(refused, Err(SpoilRefusal::NotForTests));
    assert!(bench.verify(None).is_ok());
    bench.server.allow_spoiling();
    let refused = bench.client(task(0), spoil(0x1000_5000));
    assert_eq!(refused, Err(SpoilRefusal::NotMapped));
    bench.client(task(0), spoil(0x1000_3000)).unwrap();
    let wrong = bench.verify(Some(GROUP)).expect_err("it is found");
    assert_eq!((wrong.thing, wrong.number), (Thing::Frame, frame));
    assert!(matches!(wrong.kernel, Sort::Frame { mapped: false, .. }));
}
