//! Tasks from their making to their end, against a kernel that fails every call in turn.

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

use std::collections::BTreeMap;

use asking::{Asks, GROUP, OTHER, rest, task, thread_kit, ticket};
use fake::{ARCHIVE_PAGES, Bench, PROGRAM};
use interfaces::call::Dispatched;
use interfaces::identity::TaskTag;
use interfaces::memory::{
    Access, CreateRegion, CreateRegionRefusal, DestroyRegion, Map, MapRefusal, ReadRegion,
    ReadSpace, RegionId, RegionRefusal, Unmap,
};
use interfaces::provision::{
    Cause, CreateMailbox, CreateRefusal, CreateTask, CreateThread, Describe, DestroyTask,
    DestroyThread, Progress, ReadPool, Report, ThreadSlot, UnknownRefusal,
};
use interfaces::{Call, Caller, Label, ProtocolError, Resource, ServerName, TaskId};
use memory_core::door::{Answer, FaultMessage};
use memory_core::region::TASK_REGIONS;

/// What the kernel shows in a task's address space.
fn mapped(bench: &Bench, index: u32) -> BTreeMap<u32, bool> {
    let memory = bench.server.memory();
    let root = memory.spaces.get(index).root.unwrap();
    bench.kernel.0.borrow().mapped(memory.slots.object(root))
}

fn bench() -> Bench {
    Bench::new(300, &[(0, 20)])
}

#[test]
fn a_task_is_made_of_its_kit_and_leaves_nothing() {
    let mut bench = bench();
    let before = rest(&mut bench);
    bench.spawn(3, GROUP).unwrap();
    bench.audit(GROUP);
    let slots = bench.kernel.0.borrow().proc_slots();
    let kinds = [
        ThreadSlot::Tcb,
        ThreadSlot::CNode,
        ThreadSlot::Space,
        ThreadSlot::IpcBuffer,
    ];
    assert_eq!(slots, kinds.map(|kind| kind.of(3)).into());
    bench.end(3, GROUP);
    bench.audit(GROUP);
    assert_eq!(rest(&mut bench), before);
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn pages_come_when_they_are_touched_with_what_belongs_into_them() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    let free = bench.proc(ReadPool {}).unwrap().free;
    assert_eq!(bench.touch(0, 0x24_0100, false), Answer::Resume);
    assert_eq!(
        bench.proc(ReadPool {}).unwrap().free,
        free,
        "text is shared, and nothing comes along"
    );
    for (address, write) in [(0x24_3000, false), (0x24_4000, true)] {
        assert_eq!(
            bench.touch(0, address, write),
            Answer::Resume,
            "{address:x}"
        );
    }
    assert_eq!(bench.proc(ReadPool {}).unwrap().free, free - 2);
    assert_eq!(
        bench.kernel.0.borrow().fills.len(),
        1,
        "the third data page is zeros"
    );
    bench.audit(GROUP);
    let account = bench.client(task(0), ReadSpace {}).unwrap();
    assert_eq!(
        (
            account.frames,
            account.shared,
            account.tables,
            account.faults
        ),
        (3, 1, 4, 3)
    );
    bench.end(0, GROUP);
    bench.audit(GROUP);
}

#[test]
fn a_task_that_is_not_born_gets_no_page() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    bench.ledger.0.borrow_mut().born.clear();
    assert_eq!(bench.touch(0, 0x24_0100, false), Answer::Nothing);
    assert_eq!(bench.kernel.0.borrow().news, 1);
    assert_eq!(
        bench.report(),
        Some(Report {
            task: task(0),
            cause: Cause::NotBorn
        })
    );
    assert_eq!(bench.report(), None);
}

#[test]
fn a_wild_address_ends_one_task_and_the_next_is_served() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    bench.spawn(1, GROUP).unwrap();
    let wild = [
        (0, 0, false),          // the null page
        (0, 0x22_f000, true),   // mapped with rights enough: an address above 4 GiB, cut
        (0, 0x21_0ff8, true),   // below the stack
        (0, 0x24_0100, true),   // text
        (0, 0x1000_0000, true), // no region there
        (0, u32::MAX, false),
    ];
    for (index, address, write) in wild {
        assert_eq!(
            bench.touch(index, address, write),
            Answer::Nothing,
            "{address:x}"
        );
        assert_eq!(
            bench.touch(1, 0x22_eff8, true),
            Answer::Resume,
            "its neighbour"
        );
        let cause = Cause::BadAddress {
            address,
            ip: 0x24_0100,
        };
        assert_eq!(
            bench.report(),
            Some(Report {
                task: task(0),
                cause
            })
        );
        bench.end(0, GROUP);
        bench.end(1, GROUP);
        bench.spawn(0, GROUP).unwrap();
        bench.spawn(1, GROUP).unwrap();
    }
    bench.audit(GROUP);
}

#[test]
fn two_threads_may_meet_the_same_page_but_nobody_loops_on_it() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    for number in [1, 2] {
        let request = CreateThread {
            task: task(0),
            thread: 8 + number,
            number,
        };
        bench.proc(request).unwrap();
    }
    assert_eq!(bench.touch(0, 0x22_e000, true), Answer::Resume);
    // The faults of the two others, which were in the queue.
    assert_eq!(bench.touch(0, 0x22_e000, true), Answer::Resume);
    assert_eq!(bench.touch(0, 0x22_e000, true), Answer::Resume);
    assert_eq!(bench.touch(0, 0x22_d000, true), Answer::Resume);
    for _ in 0..2 {
        assert_eq!(bench.touch(0, 0x22_e000, true), Answer::Resume);
    }
    assert_eq!(bench.touch(0, 0x22_e000, true), Answer::Nothing);
    assert!(matches!(
        bench.report().unwrap().cause,
        Cause::BadAddress { .. }
    ));
}

#[test]
fn at_the_limit_the_task_is_reported_with_the_numbers_and_nothing_is_left_behind() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    let used = bench.ledger.0.borrow().used(GROUP).get(Resource::Frames);
    bench
        .ledger
        .0
        .borrow_mut()
        .limits
        .insert((GROUP, Resource::Frames), used + 2);
    assert_eq!(bench.touch(0, 0x22_e000, true), Answer::Resume);
    assert_eq!(bench.touch(0, 0x22_d000, true), Answer::Resume);
    let before = rest(&mut bench);
    assert_eq!(bench.touch(0, 0x22_c000, true), Answer::Nothing);
    assert_eq!(rest(&mut bench), before);
    let Some(Report {
        cause: Cause::NoFrame(shortage),
        ..
    }) = bench.report()
    else {
        panic!("a report with the shortage");
    };
    assert_eq!(
        (shortage.limit, shortage.used, shortage.asked),
        (used + 2, used + 2, 1)
    );
    bench.audit(GROUP);
}

#[test]
fn a_region_is_charged_when_reserved_and_when_touched_and_comes_back() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    assert_eq!(bench.touch(0, 0x24_1100, false), Answer::Resume);
    let before = rest(&mut bench);
    let region = bench.client(task(0), CreateRegion { pages: 600 }).unwrap();
    bench.audit(GROUP);
    let map = Map {
        region,
        address: None,
        access: Access::ReadWrite,
    };
    assert_eq!(bench.client(task(0), map), Ok(0x1000_0000));
    assert_eq!(bench.client(task(0), map), Err(MapRefusal::Mapped));
    for address in [0x1000_0000, 0x1020_0000, 0x1000_1000] {
        assert_eq!(bench.touch(0, address, true), Answer::Resume);
    }
    bench.audit(GROUP);
    let account = bench.client(task(0), ReadRegion { region }).unwrap();
    assert_eq!(
        (account.resident, account.address, account.payer),
        (3, Some(0x1000_0000), GROUP)
    );
    assert_eq!(bench.client(task(0), ReadSpace {}).unwrap().tables, 6);
    bench.client(task(0), Unmap { region }).unwrap();
    assert_eq!(
        bench.client(task(0), Unmap { region }),
        Err(RegionRefusal::NotMapped)
    );
    let map = Map {
        region,
        address: Some(0x4000_0000),
        access: Access::Read,
    };
    assert_eq!(bench.client(task(0), map), Ok(0x4000_0000));
    assert_eq!(bench.touch(0, 0x4000_1000, false), Answer::Resume);
    assert_eq!(
        bench
            .client(task(0), ReadRegion { region })
            .unwrap()
            .resident,
        3,
        "the same pages"
    );
    bench.audit(GROUP);
    bench.client(task(0), DestroyRegion { region }).unwrap();
    assert_eq!(
        bench.client(task(0), DestroyRegion { region }),
        Err(RegionRefusal::UnknownRegion)
    );
    bench.audit(GROUP);
    bench.end(0, GROUP);
    bench.spawn(0, GROUP).unwrap();
    // It is born with the program's pages that the task before it touched.
    assert_eq!(
        bench
            .client(task(0), ReadSpace {})
            .map(|space| space.shared),
        Ok(1)
    );
    assert_eq!(rest(&mut bench), before);
}

/// A region of 100 pages at its usual place, all of them touched.
fn large_region(bench: &mut Bench) -> RegionId {
    let region = bench.client(task(0), CreateRegion { pages: 100 }).unwrap();
    let map = Map {
        region,
        address: None,
        access: Access::ReadWrite,
    };
    assert_eq!(bench.client(task(0), map), Ok(0x1000_0000));
    for page in (0..100).rev() {
        let address = 0x1000_0000 + page * 4096;
        assert_eq!(bench.touch(0, address, true), Answer::Resume);
    }
    region
}

#[test]
fn a_large_region_goes_in_slices_and_others_are_served_between_them() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    bench.spawn(1, OTHER).unwrap();
    let region = large_region(&mut bench);
    let resident = |bench: &mut Bench| {
        let account = bench.client(task(0), ReadRegion { region });
        account.map(|account| account.resident)
    };
    for left in [87, 74, 61, 48, 35, 22, 9] {
        let progress = bench.client(task(0), DestroyRegion { region });
        assert_eq!(progress, Ok(Progress::More));
        assert_eq!(resident(&mut bench), Ok(left));
        bench.audit(GROUP);
        assert_eq!(
            bench.touch(1, 0x22_0000 + left / 13 * 4096, true),
            Answer::Resume
        );
    }
    // Half gone, nothing can be asked of it but to go, and its place is not anybody else's.
    assert_eq!(
        bench.client(task(0), Unmap { region }),
        Err(RegionRefusal::UnknownRegion)
    );
    assert_eq!(
        bench.touch(0, 0x1000_0000 + 99 * 4096, true),
        Answer::Nothing
    );
    let progress = bench.client(task(0), DestroyRegion { region });
    assert_eq!(progress, Ok(Progress::Done));
    assert_eq!(resident(&mut bench), Err(RegionRefusal::UnknownRegion));
    bench.audit(GROUP);
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn a_region_that_is_being_unmapped_shows_nothing_more_and_can_be_destroyed() {
    for destroyed in [false, true] {
        let mut bench = bench();
        bench.spawn(0, GROUP).unwrap();
        let region = large_region(&mut bench);
        let unmap = Unmap { region };
        assert_eq!(bench.client(task(0), unmap), Ok(Progress::More));
        let map = Map {
            region,
            address: None,
            access: Access::ReadWrite,
        };
        assert_eq!(bench.client(task(0), map), Err(MapRefusal::Mapped));
        if destroyed {
            let destroy = DestroyRegion { region };
            let calls = (0..10).position(|_| bench.client(task(0), destroy) == Ok(Progress::Done));
            assert!(calls.is_some_and(|calls| calls < 9));
            let in_region = mapped(&bench, 0).range(0x1000_0000..).count();
            assert_eq!(in_region, 0, "nothing of it is left in the address space");
            bench.audit(GROUP);
            continue;
        }
        let calls = (0..10).position(|_| bench.client(task(0), unmap) == Ok(Progress::Done));
        assert!(calls.is_some_and(|calls| calls < 9));
        assert_eq!(bench.client(task(0), unmap), Err(RegionRefusal::NotMapped));
        let in_region = mapped(&bench, 0).range(0x1000_0000..).count();
        assert_eq!(in_region, 0, "nothing of it is left in the address space");
        bench.audit(GROUP);
        assert_eq!(bench.client(task(0), map), Ok(0x1000_0000));
        assert_eq!(bench.touch(0, 0x1000_0000, true), Answer::Resume);
        // In the middle of an unmapping whose pages are touched, the task ends; nobody else notices.
        assert!(bench.client(task(0), unmap).is_ok());
        if bench
            .client(task(0), ReadRegion { region })
            .unwrap()
            .address
            .is_some()
        {
            assert_eq!(bench.touch(0, 0x1000_1000, true), Answer::Nothing);
        }
        bench.end(0, GROUP);
        bench.audit(GROUP);
        assert_eq!(bench.server.counters().mishaps, 0);
    }
}

#[test]
fn one_task_cannot_take_every_region_there_is() {
    let mut bench = Bench::with_regions(300, &[(0, 20)], TASK_REGIONS + 1);
    bench.spawn(0, GROUP).unwrap();
    bench.spawn(1, OTHER).unwrap();
    let create = CreateRegion { pages: 1 };
    let last = (0..TASK_REGIONS).map(|_| bench.client(task(0), create).unwrap());
    let last = last.last().unwrap();
    bench.audit(GROUP);
    let refused = bench.client(task(0), create);
    assert_eq!(refused, Err(CreateRegionRefusal::TableFull));
    bench.audit(GROUP);
    assert!(bench.client(task(1), create).is_ok());
    bench
        .client(task(0), DestroyRegion { region: last })
        .unwrap();
    assert!(bench.client(task(0), create).is_ok());
}

#[test]
fn a_region_is_refused_with_its_reason() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    bench.spawn(1, OTHER).unwrap();
    for pages in [0, 0xe_0001, u32::MAX] {
        let refused = bench.client(task(0), CreateRegion { pages });
        assert_eq!(refused, Err(CreateRegionRefusal::BadSize));
    }
    let region = bench.client(task(0), CreateRegion { pages: 2 }).unwrap();
    let stale = RegionId {
        generation: region.generation + 1,
        ..region
    };
    let map = |region, address| Map {
        region,
        address,
        access: Access::ReadWrite,
    };
    assert_eq!(
        bench.client(task(0), map(stale, None)),
        Err(MapRefusal::UnknownRegion)
    );
    assert_eq!(
        bench.client(task(1), map(region, None)),
        Err(MapRefusal::UnknownRegion)
    );
    for address in [
        0,
        0x1000_0001,
        0x0fff_f000,
        0xefff_f000,
        0xffff_f000,
        0x24_0000,
    ] {
        assert_eq!(
            bench.client(task(0), map(region, Some(address))),
            Err(MapRefusal::BadAddress)
        );
    }
    let second = bench.client(task(0), CreateRegion { pages: 2 }).unwrap();
    assert_eq!(
        bench.client(task(0), map(region, Some(0x1000_1000))),
        Ok(0x1000_1000)
    );
    assert_eq!(
        bench.client(task(0), map(second, Some(0x1000_2000))),
        Err(MapRefusal::Taken)
    );
    assert_eq!(bench.client(task(0), map(second, None)), Ok(0x1000_3000));
    while bench.client(task(1), CreateRegion { pages: 1 }).is_ok() {}
    assert_eq!(
        bench.client(task(0), CreateRegion { pages: 1 }),
        Err(CreateRegionRefusal::TableFull)
    );
    bench.audit(GROUP);
    bench.audit(OTHER);
    bench.end(1, OTHER);
    bench.audit(OTHER);
    assert!(bench.client(task(0), CreateRegion { pages: 1 }).is_ok());
}

#[test]
fn a_moved_task_pays_for_new_regions_elsewhere_and_each_payer_gets_its_own_back() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    bench.ledger.0.borrow_mut().born.insert(task(0), OTHER);
    let region = bench.client(task(0), CreateRegion { pages: 8 }).unwrap();
    let map = Map {
        region,
        address: None,
        access: Access::ReadWrite,
    };
    let address = bench.client(task(0), map).unwrap();
    for page in (0..4).rev() {
        assert_eq!(bench.touch(0, address + page * 4096, true), Answer::Resume);
        assert_eq!(
            bench.touch(0, 0x22_e000 - page * 4096, true),
            Answer::Resume
        );
    }
    bench.audit(GROUP);
    bench.audit(OTHER);
    let frames = |bench: &Bench, group| bench.ledger.0.borrow().used(group).get(Resource::Frames);
    assert_eq!((frames(&bench, GROUP), frames(&bench, OTHER)), (1 + 4, 4));
    bench.end(0, GROUP);
    for group in [GROUP, OTHER] {
        assert!(bench.ledger.0.borrow().used(group).is_none());
    }
}

#[test]
fn a_thread_comes_and_goes_alone() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    let before = rest(&mut bench);
    let seen = mapped(&bench, 0);
    let create = CreateThread {
        task: task(0),
        thread: 9,
        number: 4,
    };
    bench
        .ledger
        .0
        .borrow_mut()
        .charge(GROUP, thread_kit())
        .unwrap();
    assert_eq!(bench.proc(create), Ok(0x20_4000));
    bench.audit(GROUP);
    assert_eq!(
        bench.proc(CreateThread {
            thread: 10,
            ..create
        }),
        Err(CreateRefusal::BadPlace),
        "its number is taken"
    );
    assert_eq!(
        bench.proc(CreateThread {
            number: 5,
            ..create
        }),
        Err(CreateRefusal::BadPlace),
        "its place is taken"
    );
    for number in [0, 16] {
        let bad = CreateThread {
            thread: 10,
            number,
            ..create
        };
        assert_eq!(bench.proc(bad), Err(CreateRefusal::BadPlace));
    }
    let destroy = DestroyThread {
        task: task(0),
        thread: 9,
    };
    assert_eq!(bench.proc(destroy), Ok(()));
    assert_eq!(bench.proc(destroy), Err(UnknownRefusal::Unknown));
    let first = DestroyThread {
        task: task(0),
        thread: 0,
    };
    assert_eq!(bench.proc(first), Err(UnknownRefusal::Unknown));
    assert!(bench.ledger.0.borrow_mut().release(GROUP, thread_kit()));
    bench.audit(GROUP);
    assert_eq!(rest(&mut bench), before);
    assert_eq!(
        mapped(&bench, 0),
        seen,
        "its IPC buffer is gone from the address space"
    );
    bench
        .ledger
        .0
        .borrow_mut()
        .charge(GROUP, thread_kit())
        .unwrap();
    assert_eq!(
        bench.proc(create),
        Ok(0x20_4000),
        "and another can have its number"
    );
}

#[test]
fn a_mailbox_is_made_in_the_page_that_its_task_has_and_goes_with_it() {
    let mut bench = bench();
    let before = rest(&mut bench);
    assert_eq!(
        bench.proc(CreateMailbox { task: task(0) }),
        Err(CreateRefusal::UnknownTask)
    );
    bench.spawn(0, GROUP).unwrap();
    let free = bench.proc(ReadPool {}).unwrap().free;
    assert_eq!(bench.proc(CreateMailbox { task: task(0) }), Ok(()));
    assert_eq!(bench.proc(ReadPool {}).unwrap().free, free);
    bench.audit(GROUP);
    bench.end(0, GROUP);
    assert_eq!(rest(&mut bench), before);
    bench.spawn(0, GROUP).unwrap();
    assert_eq!(
        bench.proc(CreateMailbox { task: task(0) }),
        Ok(()),
        "its slots are empty again"
    );
}

#[test]
fn a_large_task_is_taken_apart_in_slices() {
    let mut bench = Bench::new(1024, &[(0, 22)]);
    let before = rest(&mut bench);
    bench.spawn(0, GROUP).unwrap();
    let region = bench.client(task(0), CreateRegion { pages: 300 }).unwrap();
    let map = Map {
        region,
        address: None,
        access: Access::ReadWrite,
    };
    let address = bench.client(task(0), map).unwrap();
    for page in (0..300).rev() {
        assert_eq!(bench.touch(0, address + page * 4096, true), Answer::Resume);
    }
    let destroy = DestroyTask { task: task(0) };
    let slices = (1..100)
        .find(|_| bench.proc(destroy) == Ok(Progress::Done))
        .unwrap();
    assert!(slices >= 10, "{slices}");
    assert_eq!(bench.proc(destroy), Err(UnknownRefusal::Unknown));
    let ticket = ticket(&mut bench);
    assert!(bench.ledger.0.borrow_mut().release(GROUP, ticket));
    assert_eq!(rest(&mut bench), before);
}

/// Touches pages in order, as a task does: only what is not mapped is a fault. Returns how many faults there were.
fn go_through(bench: &mut Bench, address: u32, pages: u32) -> u32 {
    let memory = bench.server.memory();
    let root = memory.slots.object(memory.spaces.get(0).root.unwrap());
    let mut faults = 0;
    for address in (0..pages).map(|page| address + page * 4096) {
        if !bench.kernel.0.borrow().mapped(root).contains_key(&address) {
            faults += 1;
            if bench.touch(0, address, true) != Answer::Resume {
                break;
            }
        }
        bench.audit(GROUP);
    }
    faults
}

#[test]
fn pages_touched_in_order_come_with_those_before_them_and_never_beyond_a_limit() {
    for left in [None, Some(300), Some(40), Some(9), Some(1), Some(0)] {
        let mut bench = Bench::new(700, &[(0, 21)]);
        bench.spawn(0, GROUP).unwrap();
        assert_eq!(bench.touch(0, 0x22_e000, true), Answer::Resume);
        let used = |bench: &Bench| bench.ledger.0.borrow().used(GROUP).get(Resource::Frames);
        let before = used(&bench);
        if let Some(left) = left {
            let limit = (GROUP, Resource::Frames);
            bench
                .ledger
                .0
                .borrow_mut()
                .limits
                .insert(limit, before + left);
        }
        let region = bench.client(task(0), CreateRegion { pages: 100 }).unwrap();
        let map = Map {
            region,
            address: Some(0x101f_0000),
            access: Access::ReadWrite,
        };
        let address = bench.client(task(0), map).unwrap();
        let faults = go_through(&mut bench, address, 100);
        let frames = used(&bench) - before;
        assert_eq!(frames, left.unwrap_or(100).min(100), "to the last one");
        match left {
            None => assert_eq!(faults, 16 + 11, "then 8 at a time"),
            Some(300) => assert_eq!(faults, 16 + 11, "as many where much is left"),
            Some(left) if left < 100 => assert!(u64::from(faults) > left / 2, "{faults}"),
            Some(_) => {}
        }
        bench.end(0, GROUP);
        bench.audit(GROUP);
        assert_eq!(bench.server.counters().mishaps, 0);
    }
}

#[test]
fn whatever_fails_what_came_along_is_charged_exactly() {
    for fail in 1..120 {
        let mut bench = Bench::new(200, &[(0, 18)]);
        bench.spawn(0, GROUP).unwrap();
        assert_eq!(bench.touch(0, 0x22_e000, true), Answer::Resume);
        let region = bench.client(task(0), CreateRegion { pages: 40 }).unwrap();
        let map = Map {
            region,
            address: None,
            access: Access::ReadWrite,
        };
        let address = bench.client(task(0), map).unwrap();
        {
            let mut world = bench.kernel.0.borrow_mut();
            world.fail_at = Some(world.tried + fail);
        }
        go_through(&mut bench, address, 40);
        bench.kernel.0.borrow_mut().fail_at = None;
        bench.end(0, GROUP);
        bench.audit(GROUP);
    }
}

#[test]
fn a_kit_goes_before_anybody_is_refused_and_serves_only_its_own_program() {
    let mut bench = Bench::new(64, &[(0, 17)]);
    let before = rest(&mut bench);
    for round in 0..3 {
        bench.spawn(0, GROUP).unwrap();
        assert_eq!(bench.touch(0, 0x24_0100, false), Answer::Resume);
        if round == 0 {
            // Later it is in the kit of the place, and no fault.
            assert_eq!(bench.touch(0, 0x24_1100, false), Answer::Resume);
        }
        bench.end(0, GROUP);
        // The kit holds copies that three further tasks need.
        for index in 1..4 {
            bench.spawn(index, GROUP).unwrap();
        }
        bench.spawn(0, GROUP).unwrap();
        for index in (0..4).rev() {
            bench.end(index, GROUP);
        }
    }
    assert_eq!(rest(&mut bench), before);
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn the_same_machine_can_be_filled_a_thousand_times() {
    let mut bench = Bench::new(64, &[(0, 17), (32, 16), (50, 12)]);
    let before = rest(&mut bench);
    for _ in 0..1000 {
        let mut made = 0;
        while made < 8 && bench.spawn(made, GROUP).is_ok() {
            made += 1;
        }
        assert_eq!(made, 4, "nine copies are enough for four tasks");
        for index in 0..made {
            assert_eq!(bench.touch(index, 0x24_0100, false), Answer::Resume);
            assert_eq!(bench.touch(index, 0x22_d000, true), Answer::Resume);
        }
        bench.audit(GROUP);
        for index in 0..made {
            bench.end(index, GROUP);
        }
        assert_eq!(rest(&mut bench), before);
    }
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn without_memory_a_task_is_refused_and_a_fault_reported() {
    let mut bench = Bench::new(16, &[(0, 14), (4, 13)]);
    let before = rest(&mut bench);
    bench.spawn(0, GROUP).unwrap();
    assert_eq!(
        bench.touch(0, 0x24_0100, false),
        Answer::Resume,
        "shared text needs no memory"
    );
    assert_eq!(bench.touch(0, 0x22_e000, true), Answer::Nothing);
    assert_eq!(bench.report().unwrap().cause, Cause::OutOfMemory);
    assert_eq!(bench.spawn(1, GROUP), Err(CreateRefusal::OutOfMemory));
    bench.audit(GROUP);
    bench.end(0, GROUP);
    assert_eq!(rest(&mut bench), before);
}

/// What a task does, from birth to death; errors are for the one who makes it fail.
fn life(bench: &mut Bench) {
    if bench.spawn(2, GROUP).is_err() {
        return;
    }
    bench
        .ledger
        .0
        .borrow_mut()
        .charge(GROUP, thread_kit())
        .unwrap();
    let thread = CreateThread {
        task: task(2),
        thread: 9,
        number: 1,
    };
    // One that is half made goes with the task, too.
    let _ = bench.proc(CreateMailbox { task: task(2) });
    let has_thread = bench.proc(thread).is_ok();
    if !has_thread {
        assert!(bench.ledger.0.borrow_mut().release(GROUP, thread_kit()));
    }
    for (address, write) in [(0x24_0100, false), (0x24_2900, true), (0x22_e000, true)] {
        bench.touch(2, address, write);
        bench.audit(GROUP);
    }
    if let Ok(region) = bench.client(task(2), CreateRegion { pages: 4 }) {
        let map = Map {
            region,
            address: Some(0x7000_0000),
            access: Access::ReadWrite,
        };
        assert_eq!(bench.client(task(2), map), Ok(0x7000_0000));
        bench.touch(2, 0x7000_0000, true);
        bench.touch(2, 0x7000_3000, true);
        bench.client(task(2), Unmap { region }).unwrap();
        bench
            .client(
                task(2),
                Map {
                    address: None,
                    ..map
                },
            )
            .unwrap();
        bench.touch(2, 0x1000_0000, false);
    }
    bench.audit(GROUP);
    bench.end(2, GROUP);
    if has_thread {
        assert!(bench.ledger.0.borrow_mut().release(GROUP, thread_kit()));
    }
}

#[test]
fn whichever_making_fails_nothing_is_left_behind_and_the_next_try_succeeds() {
    let mut bench = bench();
    let before = rest(&mut bench);
    life(&mut bench);
    let calls = bench.kernel.0.borrow().tried;
    assert_eq!(rest(&mut bench), before);
    assert!(calls > 30, "{calls}");
    for fail in 1..=calls {
        {
            let mut world = bench.kernel.0.borrow_mut();
            world.fail_at = Some(world.tried + fail);
        }
        life(&mut bench);
        bench.kernel.0.borrow_mut().fail_at = None;
        while bench.report().is_some() {}
        assert_eq!(rest(&mut bench), before, "making {fail} failed");
        let mishaps = bench.server.counters().mishaps;
        life(&mut bench);
        assert_eq!(bench.server.counters().mishaps, mishaps);
        assert_eq!(rest(&mut bench), before);
    }
}

#[test]
fn whichever_charge_fails_nothing_is_left_behind() {
    let mut bench = bench();
    let before = rest(&mut bench);
    life(&mut bench);
    let charges = bench.ledger.0.borrow().charges;
    for fail in 1..=charges {
        {
            let mut accounts = bench.ledger.0.borrow_mut();
            accounts.fail_at = Some(accounts.charges + fail);
        }
        life(&mut bench);
        bench.ledger.0.borrow_mut().fail_at = None;
        assert_eq!(rest(&mut bench), before, "charge {fail} failed");
    }
    assert_eq!(bench.server.counters().mishaps, 0);
}

#[test]
fn what_the_kernel_will_not_delete_is_lost_and_never_given_to_another() {
    let mut plain = bench();
    life(&mut plain);
    let deletions = plain.kernel.0.borrow().deletions;
    for fail in 1..=deletions {
        let mut bench = bench();
        bench.kernel.0.borrow_mut().fail_deletion_at = Some(fail);
        life(&mut bench);
        assert!(bench.server.counters().mishaps >= 1, "deletion {fail}");
        assert!(bench.ledger.0.borrow().used(GROUP).is_none());
        bench.server.memory().check();
    }
}

#[test]
fn what_is_not_understood_is_turned_down_and_counted() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    let caller = Caller::client(task(0).tag(), false);
    let gone = Caller::client(TaskTag::new(0, 2), false);
    let proc = Caller::server(ServerName::Proc);
    let create = CreateRegion::LABEL.bits();
    let provide = CreateTask::LABEL.bits();
    let wrong: [(Caller, u64, bool, &[u8], ProtocolError); 10] = [
        (caller, 5, false, &[0; 32], ProtocolError::ForgedFault),
        (caller, 0, false, &[], ProtocolError::ForgedFault),
        (proc, 5, false, &[], ProtocolError::ForgedFault),
        (caller, 7, false, &[], ProtocolError::UnknownInterface),
        (
            caller,
            provide,
            false,
            &[0; 32],
            ProtocolError::NotForClients,
        ),
        (gone, create, false, &[1; 8], ProtocolError::UnknownCaller),
        (
            caller,
            create,
            true,
            &[1, 0, 0, 0, 0, 0, 0, 0],
            ProtocolError::CapabilitiesSent,
        ),
        (caller, create, false, &[0xff; 16], ProtocolError::Malformed),
        (
            caller,
            create | 0xff,
            false,
            &[],
            ProtocolError::UnknownOperation,
        ),
        (
            Caller::server(ServerName::Limits),
            create,
            false,
            &[1; 8],
            ProtocolError::UnknownInterface,
        ),
    ];
    let count = wrong.len() as u64;
    for (caller, label, carries, payload, error) in wrong {
        let answer = bench
            .server
            .request(caller, label, carries, payload, &mut [0; 960]);
        assert_eq!(
            answer,
            Answer::Dispatched(Dispatched::Protocol(error)),
            "{label:x}"
        );
    }
    assert!(matches!(
        bench.server.fault(task(0).tag(), None),
        Answer::Dispatched(Dispatched::Protocol(_))
    ));
    assert_eq!(bench.proc(ReadPool {}).unwrap().protocol_errors, count + 1);
    let version = Label::new(3, 2, 0).bits();
    let answer = bench
        .server
        .request(caller, version, false, &[], &mut [0; 960]);
    assert_eq!(
        answer,
        Answer::Dispatched(Dispatched::Protocol(ProtocolError::UnknownVersion))
    );
}

#[test]
fn a_stale_or_unknown_name_is_refused() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    let stale = TaskId {
        index: 0,
        generation: 0,
    };
    assert_eq!(
        bench.proc(DestroyTask { task: stale }),
        Err(UnknownRefusal::Unknown)
    );
    assert_eq!(
        bench.proc(DestroyTask { task: task(99) }),
        Err(UnknownRefusal::Unknown)
    );
    let thread = CreateThread {
        task: stale,
        thread: 9,
        number: 1,
    };
    assert_eq!(bench.proc(thread), Err(CreateRefusal::UnknownTask));
    let twice = CreateTask {
        task: task(0),
        thread: 5,
        program: PROGRAM,
        payer: GROUP,
    };
    assert_eq!(bench.proc(twice), Err(CreateRefusal::BadPlace));
    let unknown = interfaces::provision::ProgramId(7);
    let request = CreateTask {
        task: task(1),
        program: unknown,
        ..twice
    };
    assert_eq!(bench.proc(request), Err(CreateRefusal::UnknownProgram));
    assert_eq!(
        bench.proc(Describe { program: unknown }),
        Err(UnknownRefusal::Unknown)
    );
    let before = rest(&mut bench);
    let far = CreateTask {
        task: task(2),
        thread: 8192,
        ..twice
    };
    assert_eq!(bench.proc(far), Err(CreateRefusal::BadPlace));
    // The place in the proc-server's CSpace is taken: the kernel says so, and everything is undone.
    let taken = CreateTask {
        task: task(2),
        thread: 0,
        ..twice
    };
    assert_eq!(bench.proc(taken), Err(CreateRefusal::Kernel(8)));
    assert_eq!(rest(&mut bench), before);
}

#[test]
fn any_other_fault_is_reported_and_never_answered() {
    let mut bench = bench();
    bench.spawn(0, GROUP).unwrap();
    let cause = Cause::Exception {
        number: 6,
        ip: 0x24_0100,
    };
    let answer = bench
        .server
        .fault(task(0).tag(), Some(FaultMessage::Fatal(cause)));
    assert_eq!(answer, Answer::Nothing);
    assert_eq!(
        bench.report(),
        Some(Report {
            task: task(0),
            cause
        })
    );
    // The first reason counts; a report of a task that is destroyed before anybody asks is dropped.
    bench
        .server
        .fault(task(0).tag(), Some(FaultMessage::Fatal(Cause::Killed)));
    assert_eq!(bench.report(), None);
    bench.spawn(1, GROUP).unwrap();
    bench.touch(1, 0, false);
    bench.end(1, GROUP);
    assert_eq!(bench.report(), None);
}

#[test]
fn the_archive_is_as_large_as_the_fixture_says() {
    assert_eq!(bench().server.memory().archive_pages(), ARCHIVE_PAGES);
}
