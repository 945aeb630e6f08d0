//! A machine of 512 MiB as QEMU has it, divided; and what the servers are given.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that panics fails, which is what it is for"
)]

mod fixture;
#[path = "fixture/system.rs"]
mod system;

use std::collections::{BTreeMap, BTreeSet};

use boot_core::grants::{Grant, Rights, Target, fault_slot};
use boot_core::image::PAGE;
use boot_core::inventory::MemoryShort;
use boot_core::layout;
use boot_core::object::{Item, Port};
use boot_core::shortfall::PlanError;
use boot_core::slots::{SlotPool, SlotsShort};
use boot_core::walk::{Difference, Found, Tried, Walk};
use boot_core::{BootPlan, Image, Inventory, Machine, PerServer, Untyped, grants};
use interfaces::start::{memory_slots, proc_slots};
use interfaces::system::Heaps;
use interfaces::{Badge, ServerName};

const HEAPS: Heaps = Heaps {
    limits: 34,
    memory: 18,
    proc: 4,
};

/// The untypeds of such a machine, and a device.
fn untypeds(megabytes: u64) -> Vec<Untyped> {
    let mut all = vec![Untyped {
        slot: 50,
        base: 0xfee0_0000,
        bits: 12,
        device: true,
    }];
    let mut base = 0x80_0000_u64;
    while base < megabytes << 20 {
        let bits = base
            .trailing_zeros()
            .min(((megabytes << 20) - base).ilog2());
        all.push(Untyped {
            slot: 100 + all.len() as u64,
            base,
            bits: u8::try_from(bits).unwrap(),
            device: false,
        });
        base += 1 << bits;
    }
    all
}

fn draw_with(megabytes: u64, heaps: Heaps, slots: u64) -> Result<BootPlan, PlanError> {
    let file = fixture::server();
    let image = Image::parse(&file, layout::IMAGE).unwrap();
    let images = PerServer {
        limits: image.clone(),
        memory: image.clone(),
        proc: image,
    };
    let system = system::system(heaps);
    BootPlan::draw(Machine {
        inventory: Inventory::take_stock(untypeds(megabytes).into_iter()).unwrap(),
        slots: SlotPool::new(1000, 1000 + slots),
        system: &system,
        system_bytes: 5000,
        archive_bytes: 3_000_001,
        images: &images,
        tsc_megahertz: 1000,
    })
}

fn plan() -> BootPlan {
    draw_with(512, HEAPS, 60_000).unwrap()
}

#[test]
fn a_usual_machine_is_divided_without_loss() {
    let plan = plan();
    plan.check();
    assert_eq!(plan.pages, 512 << 8);
    assert_eq!(plan.archive_pages, 733);
    assert_eq!(plan.inventory.gaps(), 0);
    assert_eq!(plan.remainders.left_out, 0);
    // The servers' own: the memory-server's CNode of 16 MiB, the heaps of 56, the reserve of 1, and small things.
    let own = plan.inventory.bytes() - plan.remainders.bytes();
    assert!(own < 80 << 20, "{own}");
}

#[test]
fn a_machine_that_is_too_small_says_what_did_not_fit() {
    let heaps = Heaps {
        memory: 500,
        ..HEAPS
    };
    let error = draw_with(512, heaps, 60_000).unwrap_err();
    assert!(
        matches!(
            error,
            PlanError::Memory {
                item: Item::Heap(ServerName::Memory | ServerName::Limits | ServerName::Proc),
                short: MemoryShort { bits: 21, .. }
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().ends_with("image/system.toml"), "{error}");
}

#[test]
fn a_cnode_that_is_too_small_says_so() {
    let error = draw_with(512, HEAPS, 100).unwrap_err();
    assert!(
        matches!(error, PlanError::Slots(SlotsShort { .. })),
        "{error:?}"
    );
}

#[test]
fn the_end_of_a_heap_of_an_odd_size_is_in_small_frames() {
    let heap = |proc| draw_with(512, Heaps { proc, ..HEAPS }, 60_000);
    assert_eq!(
        heap(0),
        Err(PlanError::HeapSize {
            server: ServerName::Proc,
            mebibytes: 0
        })
    );
    for (mebibytes, large, small) in [(1, 0, 256), (2, 1, 0), (3, 1, 256)] {
        let plan = heap(mebibytes).unwrap();
        plan.check();
        let count = |item| plan.slots(item).count;
        assert_eq!(count(Item::Heap(ServerName::Proc)), large);
        assert_eq!(count(Item::HeapTail(ServerName::Proc)), small);
    }
}

#[test]
fn the_memory_servers_cnode_has_a_slot_for_everything_it_computes() {
    let plan = plan();
    let last = memory_slots::copies(plan.pages, plan.archive_pages) + 65_536;
    assert!(1 << plan.servers.memory.cnode_radix >= last);
}

#[test]
fn only_the_memory_server_is_told_of_memory_and_sees_the_archive() {
    let plan = plan();
    for server in [ServerName::Limits, ServerName::Proc] {
        let start = plan.start(server);
        assert_eq!((start.memory, start.archive.bytes), (None, 0));
    }
    let start = plan.start(ServerName::Memory);
    assert_eq!(start.archive.bytes, 733 * PAGE);
    let memory = start.memory.unwrap();
    assert_eq!(memory.blocks.len(), plan.remainders.blocks.len());
}

#[test]
fn what_a_server_is_told_fits_its_page() {
    let mut start = plan().start(ServerName::Memory);
    let memory = start.memory.as_mut().unwrap();
    let block = interfaces::start::Block {
        page: u32::MAX,
        bits: 30,
    };
    while memory.blocks.push(block).is_ok() {}
    let mut page = [0; 4096];
    assert!(postcard::to_slice(&start, &mut page).is_ok());
}

fn all_slots(grants: &[Grant]) -> BTreeMap<(ServerName, u64), Grant> {
    let mut slots = BTreeMap::new();
    for grant in grants {
        for slot in grant.slot..grant.end() {
            assert!(
                slots.insert((grant.server, slot), *grant).is_none(),
                "twice: {grant:?}"
            );
        }
    }
    slots
}

#[test]
fn no_slot_is_granted_twice_and_all_are_in_the_cnodes() {
    let plan = plan();
    let grants = grants(&plan);
    for (server, slot) in all_slots(&grants).keys() {
        assert!(*slot > 0 && *slot < 1 << plan.servers.of(*server).cnode_radix);
    }
    assert!(grants.is_sorted_by_key(|grant| (grant.server, grant.slot)));
}

#[test]
fn every_line_of_the_table_fits_it_with_the_most_blocks() {
    let plan = plan();
    let lines = grants(&plan).len() - plan.remainders.blocks.len();
    assert!(lines <= 32, "{lines}");
}

#[test]
fn calls_go_to_the_right_only() {
    let plan = plan();
    // Who may send where with a badge that is served: as drawn in the design, and faults to the root task.
    let mut callable = BTreeSet::new();
    for grant in &grants(&plan) {
        if let (Target::Endpoint(port), Some(Badge::Service(_))) = (grant.target, grant.badge) {
            assert!(grant.rights.write);
            callable.insert((grant.server.name(), port.to_string()));
        }
    }
    let expected = [
        ("memory-server", "limits-server"),
        ("proc-server", "limits-server"),
        ("proc-server", "memory-server"),
    ];
    assert_eq!(
        callable,
        expected
            .map(|(from, to)| (from, to.to_owned()))
            .into_iter()
            .collect()
    );
}

#[test]
fn a_server_receives_from_its_own_endpoint_only() {
    for grant in &grants(&plan()) {
        if let Target::Endpoint(port) = grant.target {
            assert_eq!(
                grant.rights.read,
                port == Port::Server(grant.server),
                "{grant:?}"
            );
        }
    }
}

#[test]
fn memory_is_the_memory_servers_and_the_archive_is_not_written() {
    for grant in &grants(&plan()) {
        if matches!(grant.target, Target::Block { .. } | Target::Archive) {
            assert_eq!(grant.server, ServerName::Memory);
        }
        if grant.target == Target::Archive {
            assert_eq!(grant.rights, Rights::READ);
        }
        if let Target::Tcb(owner) = grant.target {
            assert_eq!((grant.server, owner), (ServerName::Proc, ServerName::Proc));
        }
    }
}

#[test]
fn every_server_has_a_way_for_its_faults() {
    let grants = grants(&plan());
    for server in ServerName::ALL {
        let grant = grants
            .iter()
            .find(|grant| grant.server == server && grant.slot == fault_slot(server))
            .unwrap();
        assert_eq!(grant.badge, Some(Badge::ServerFault(server)));
        assert_eq!(grant.rights, Rights::CALL);
    }
}

fn walk(server: ServerName, change: impl Fn(u64, Found) -> Found) -> (u64, Vec<Difference>) {
    let plan = plan();
    let grants = grants(&plan);
    let slots = all_slots(&grants);
    let mut walk = Walk::new(server, &grants);
    let mut differences = Vec::new();
    let mut passed = Vec::new();
    for slot in 0..1_u64 << plan.servers.of(server).cnode_radix {
        assert_eq!(walk.slot(), slot);
        let planned = slots
            .get(&(server, slot))
            .map_or(Found::Empty, |grant| Found::Of(grant.target.kind()));
        let step = walk.step(change(slot, planned));
        differences.extend(step.difference);
        passed.extend(step.passed);
    }
    let lines: Vec<_> = grants
        .iter()
        .filter(|grant| grant.server == server)
        .collect();
    assert!(
        lines.iter().eq(passed
            .iter()
            .map(|(grant, _)| grant)
            .collect::<Vec<_>>()
            .iter())
    );
    if differences.is_empty() {
        assert!(passed.iter().all(|(grant, count)| grant.count == *count));
    }
    assert_eq!(walk.differences(), differences.len() as u64);
    (walk.occupied(), differences)
}

#[test]
fn a_walk_through_what_was_planned_finds_no_difference() {
    let grants = grants(&plan());
    for server in ServerName::ALL {
        let count: u64 = grants
            .iter()
            .filter(|grant| grant.server == server)
            .map(|grant| grant.count)
            .sum();
        assert_eq!(walk(server, |_, found| found), (count, vec![]));
    }
}

#[test]
fn a_walk_finds_what_is_missing_extra_or_of_another_kind() {
    let (_, differences) = walk(ServerName::Proc, |slot, found| match slot {
        0 => Found::Something,
        proc_slots::NEWS => Found::Empty,
        proc_slots::TCB => Found::Of(boot_core::grants::CapKind::Untyped),
        40_000 => Found::Strange(77),
        _ => found,
    });
    let messages: Vec<_> = differences.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "slot 0 of proc-server holds a capability and was to hold nothing",
            "slot 9 of proc-server holds nothing and was to hold notification",
            "slot 10 of proc-server holds untyped and was to hold tcb",
            "slot 40000 of proc-server holds a capability of kind 77 and was to hold nothing",
        ]
    );
}

#[test]
fn a_capability_that_allows_something_else_is_told_apart() {
    let grants = grants(&plan());
    let calls_limits = grants
        .iter()
        .find(|grant| (grant.server, grant.slot) == (ServerName::Proc, proc_slots::LIMITS))
        .unwrap();
    let planned = Tried::planned(calls_limits);
    assert_eq!(planned.differs(calls_limits, 3), None);
    let more = Tried {
        rights: Rights::ALL,
        ..planned
    };
    assert_eq!(
        more.differs(calls_limits, 3).unwrap().to_string(),
        "slot 3 of proc-server allows rwg with badge 0x4000002 and was to allow -wg with badge 0x4000002"
    );
    assert!(
        Tried {
            badge: 0,
            ..planned
        }
        .differs(calls_limits, 3)
        .is_some()
    );
}
