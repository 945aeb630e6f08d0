//! Any list of untypeds, any order of placements: nothing overlaps, everything adds up, a refusal changes nothing.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that panics fails, which is what it is for"
)]

mod fixture;
#[path = "fixture/system.rs"]
mod system;

use std::collections::BTreeMap;

use boot_core::grants::{Target, grants};
use boot_core::slots::SlotPool;
use boot_core::{BootPlan, Image, Inventory, Machine, PerServer, Untyped, layout};
use interfaces::system::Heaps;
use proptest::collection::vec;
use proptest::prelude::*;

/// Untypeds that do not overlap, with holes between them.
fn untypeds(sizes: core::ops::Range<u8>) -> impl Strategy<Value = Vec<Untyped>> {
    vec((sizes, 0..1_u64 << 20, prop::bool::weighted(0.2)), 1..60).prop_map(|pieces| {
        let mut base = 0_u64;
        let mut all = Vec::new();
        for (slot, (bits, hole, device)) in pieces.into_iter().enumerate() {
            base = (base + (hole & !0xf)).next_multiple_of(1 << bits);
            all.push(Untyped {
                slot: slot as u64,
                base,
                bits,
                device,
            });
            base += 1 << bits;
        }
        all
    })
}

/// What is taken, as a list of stretches: the naive model.
#[derive(Default)]
struct Taken(Vec<(u64, u64)>);

impl Taken {
    fn take(&mut self, start: u64, end: u64) {
        for &(from, to) in &self.0 {
            assert!(
                end <= from || to <= start,
                "{start:#x}..{end:#x} is taken twice"
            );
        }
        self.0.push((start, end));
    }
}

/// No slot twice, none outside; and the blocks of each untyped upwards, as the kernel will make them.
fn check_grants(plan: &BootPlan) {
    let grants = grants(plan);
    let mut marks = BTreeMap::new();
    for (grant, next) in grants.iter().zip(grants.iter().skip(1)) {
        assert!(
            grant.server < next.server || grant.end() <= next.slot,
            "{grant:?} {next:?}"
        );
    }
    for grant in &grants {
        assert!(grant.slot > 0 && grant.end() <= 1 << plan.servers.of(grant.server).cnode_radix);
        if let Target::Block { block, untyped } = grant.target {
            let start = u64::from(block.page) << 12;
            let mark = marks.insert(untyped, start + (1 << block.bits));
            assert!(mark.is_none_or(|mark| mark <= start), "{grant:?}");
        }
    }
    assert_eq!(
        grants
            .iter()
            .filter(|grant| matches!(grant.target, Target::Block { .. }))
            .count(),
        plan.remainders.blocks.len()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_is_placed_twice_and_everything_adds_up(
        untypeds in untypeds(4..24),
        wishes in vec((4_u8..22, 0_u64..40), 0..40),
    ) {
        let mut inventory = Inventory::take_stock(untypeds.iter().copied()).unwrap();
        let mut taken = Taken::default();
        for (bits, count) in wishes {
            let before = inventory.clone();
            let mut made = 0;
            let outcome = inventory.place(bits, count, |run| {
                let home = untypeds.iter().find(|untyped| untyped.slot == run.untyped).unwrap();
                let end = run.address + (run.count << run.bits);
                assert!(!home.device);
                assert!(run.address >= home.base && end <= home.base + home.bytes());
                assert!(run.address.is_multiple_of(1 << run.bits));
                made += run.count;
                taken.take(run.address, end);
            });
            inventory.check();
            match outcome {
                Ok(()) => prop_assert_eq!(made, count),
                Err(short) => {
                    prop_assert!(short.fitting < count);
                    prop_assert_eq!(&inventory, &before);
                    // It is true: what is said to fit does, and not one more.
                    let mut again = before.clone();
                    let fits = again.place(bits, short.fitting, |_| {});
                    let one_more = again.place(bits, 1, |_| {});
                    prop_assert!(fits.is_ok() && one_more.is_err());
                }
            }
        }
        for left in &inventory.remainders().blocks {
            let start = u64::from(left.block.page) << 12;
            prop_assert!(start.is_multiple_of(1 << left.block.bits));
            taken.take(start, start + (1 << left.block.bits));
        }
    }

    #[test]
    fn a_plan_holds_on_any_machine_that_is_large_enough(
        untypeds in untypeds(10..27),
        heaps in (1_u16..20, 1_u16..20, 1_u16..20),
        archive_bytes in 0_u64..8 << 20,
        system_bytes in 1_u64..9000,
    ) {
        let file = fixture::server();
        let image = Image::parse(&file, layout::IMAGE).unwrap();
        let images = PerServer { limits: image.clone(), memory: image.clone(), proc: image };
        let system = system::system(Heaps {
            limits: heaps.0 * 2,
            memory: heaps.1 * 2,
            proc: heaps.2 * 2,
        });
        let plan = BootPlan::draw(Machine {
            inventory: Inventory::take_stock(untypeds.into_iter()).unwrap(),
            slots: SlotPool::new(500, 65_536),
            system: &system,
            system_bytes,
            archive_bytes,
            images: &images,
            tsc_megahertz: 1000,
        });
        // A machine may be too small; one that is not is divided without an overlap or a loss.
        if let Ok(plan) = plan {
            plan.check();
            prop_assert_eq!(plan.inventory.gaps(), 0);
            check_grants(&plan);
        }
    }
}
