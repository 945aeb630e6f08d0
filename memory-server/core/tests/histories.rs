//! Random histories: whatever happens, all records agree, and a naive model says the same.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    missing_debug_implementations,
    reason = "tests: whatever is wrong is to panic"
)]

mod asking;
mod fake;

use std::collections::{BTreeMap, BTreeSet};

use asking::{Asks, GROUP, OTHER, task};
use fake::Bench;
use interfaces::accounting::ChargeRefusal;
use interfaces::memory::{
    Access, CreateRegion, CreateRegionRefusal, DestroyRegion, Map, MapRefusal, ReadRegion,
    RegionId, RegionRefusal, Unmap,
};
use interfaces::provision::{CreateThread, DestroyTask, DestroyThread, Progress, ReadPool};
use interfaces::start::Block;
use memory_core::around::AROUND;
use memory_core::door::Answer;
use memory_core::pool::{Page, Pool, Step, nodes, pages_of};
use proptest::prelude::*;

// ---------------------------------------------------------------------------------------------- the pool

/// Which blocks were handed over, and which pages are free.
struct NaivePool {
    blocks: Vec<Block>,
    free: BTreeSet<u32>,
}

fn range(block: Block) -> std::ops::Range<u32> {
    block.page..block.page + pages_of(block.bits)
}

impl NaivePool {
    fn has(&self, bits: u8) -> bool {
        self.blocks.iter().any(|&whole| {
            bits <= whole.bits
                && range(whole)
                    .step_by(pages_of(bits) as usize)
                    .any(|page| range(Block { page, bits }).all(|page| self.free.contains(&page)))
        })
    }

    fn largest(&self) -> u8 {
        (12..=20).rev().find(|&bits| self.has(bits)).unwrap_or(0)
    }
}

/// Follows the steps to a block.
fn get(pool: &mut Pool<'_>, bits: u8) -> Option<Block> {
    loop {
        let done = match pool.next_step(bits)? {
            Step::Take(block) => return pool.take(block).then_some(block),
            Step::Split(block) => pool.split(block),
            Step::Clear(block) => pool.begin_clearing(block) && pool.end_clearing(block, true),
        };
        assert!(done, "a step that was named can be made");
        pool.check();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_pool_finds_a_block_exactly_when_there_is_one(
        history in prop::collection::vec((12_u8..19, any::<prop::sample::Index>(), any::<bool>()), 0..200),
    ) {
        let blocks: Vec<_> = [(0, 17), (32, 16), (48, 14), (53, 12), (64, 18)]
            .map(|(page, bits)| Block { page, bits })
            .into();
        let mut pool = Pool::new(vec![Page::default(); 130].leak(), vec![0; nodes(130) as usize].leak());
        for &block in &blocks {
            prop_assert!(pool.add(block));
        }
        let free = blocks.iter().flat_map(|&block| range(block)).collect();
        let mut naive = NaivePool { blocks, free };
        let mut taken: Vec<Block> = Vec::new();
        for (bits, which, give) in history {
            if give && !taken.is_empty() {
                let block = taken.swap_remove(which.index(taken.len()));
                prop_assert!(pool.give_back(block));
                naive.free.extend(range(block));
            } else {
                let expected = naive.has(bits);
                let got = get(&mut pool, bits);
                prop_assert_eq!(got.is_some(), expected);
                if let Some(block) = got {
                    for page in range(block) {
                        prop_assert!(naive.free.remove(&page), "page {} was free", page);
                    }
                    taken.push(block);
                }
            }
            pool.check();
            prop_assert_eq!(pool.free() as usize, naive.free.len());
            prop_assert_eq!(pool.largest(), naive.largest());
        }
        for block in taken {
            prop_assert!(pool.give_back(block));
        }
        pool.check();
        prop_assert_eq!(pool.largest(), 18);
    }
}

// ------------------------------------------------------------------------- address spaces and regions

#[derive(Clone, Debug)]
enum Op {
    Spawn(u32),
    End(u32),
    Touch(u32, u32, bool),
    Create(u32, u32),
    Map(u32, prop::sample::Index, Option<u32>, bool),
    Unmap(u32, prop::sample::Index),
    Destroy(u32, prop::sample::Index),
}

/// Pages around everything that a task can have.
fn page() -> impl Strategy<Value = u32> {
    prop_oneof![
        Just(0x0),
        Just(0x200),
        0x20f..0x213_u32,
        0x22d..0x232_u32,
        0x240..0x246_u32,
        0x1_0000..0x1_0018_u32,
        0x4_0000..0x4_0008_u32,
        Just(0xf_0000),
    ]
}

/// A task among four, and what happens to it.
fn op() -> impl Strategy<Value = Op> {
    let which = any::<prop::sample::Index>;
    let wanted = prop_oneof![
        Just(0x1_0000_u32),
        0x1_0000..0x1_0010_u32,
        0x4_0000..0x4_0004_u32,
        Just(0x240_u32),
        Just(0xe_ffff_u32),
    ];
    (0_u32..4).prop_flat_map(move |index| {
        prop_oneof![
            2 => Just(Op::Spawn(index)),
            1 => Just(Op::End(index)),
            12 => (page(), any::<bool>()).prop_map(move |(page, write)| Op::Touch(index, page, write)),
            3 => (0_u32..8).prop_map(move |pages| Op::Create(index, pages)),
            4 => (which(), prop::option::of(wanted.clone()), any::<bool>())
                .prop_map(move |(region, at, write)| Op::Map(index, region, at, write)),
            2 => which().prop_map(move |region| Op::Unmap(index, region)),
            1 => which().prop_map(move |region| Op::Destroy(index, region)),
        ]
    })
}

#[derive(Default)]
struct NaiveRegion {
    pages: u32,
    /// Where it is mapped, and whether to be written.
    at: Option<(u32, bool)>,
    resident: BTreeSet<u32>,
}

#[derive(Default)]
struct NaiveTask {
    /// Pages of the program and the stack that are mapped, and whether to be written.
    own: BTreeMap<u32, bool>,
    regions: BTreeMap<RegionId, NaiveRegion>,
    mapped: BTreeMap<u32, bool>,
}

impl NaiveTask {
    /// What may be done with a page: nothing, or whether it may be written.
    fn allows(&self, page: u32) -> Option<bool> {
        match page {
            0x240 | 0x241 => return Some(false),
            0x242..=0x244 | 0x211..=0x22e => return Some(true),
            _ => {}
        }
        self.regions.values().find_map(|region| {
            let (start, write) = region.at?;
            (start..start + region.pages)
                .contains(&page)
                .then_some(write)
        })
    }

    fn touch(&mut self, page: u32, write: bool) -> bool {
        let Some(writable) = self.allows(page) else {
            return false;
        };
        if self.mapped.contains_key(&page) || (write && !writable) {
            return false;
        }
        self.mapped.insert(page, writable);
        let regions = self.regions.values_mut();
        let shown = regions.filter_map(|region| Some((region.at?.0, region)));
        for (start, region) in shown {
            if (start..start + region.pages).contains(&page) {
                region.resident.insert(page - start);
                return true;
            }
        }
        self.own.insert(page, writable);
        true
    }

    /// With a page that goes on with those before it may come some that follow it: as good as touched.
    fn take_along(&mut self, page: u32, shown: &BTreeMap<u32, bool>) {
        for next in page + 1..page + AROUND {
            let is_new = shown.contains_key(&(next << 12)) && !self.mapped.contains_key(&next);
            let in_a_region = next >= 0x1_0000;
            if !(is_new && in_a_region && self.touch(next, false)) {
                return;
            }
        }
    }

    fn is_taken(&self, start: u32, pages: u32) -> bool {
        (start..start + pages).any(|page| self.allows(page).is_some())
    }

    fn first_fit(&self, pages: u32) -> u32 {
        (0x1_0000..0x10_0000)
            .find(|&start| !self.is_taken(start, pages))
            .unwrap()
    }

    fn unmap(&mut self, region: RegionId) {
        let region = self.regions.get_mut(&region).unwrap();
        if let Some((start, _)) = region.at.take() {
            self.mapped
                .retain(|page, _| !(start..start + region.pages).contains(page));
        }
    }

    /// Frames that the payer has beyond the IPC buffer.
    fn frames(&self) -> usize {
        let resident: usize = self
            .regions
            .values()
            .map(|region| region.resident.len())
            .sum();
        self.own.values().filter(|&&writable| writable).count() + resident
    }
}

fn pick(task: &NaiveTask, which: prop::sample::Index) -> Option<RegionId> {
    let ids: Vec<_> = task.regions.keys().copied().collect();
    (!ids.is_empty()).then(|| ids[which.index(ids.len())])
}

const NOWHERE: RegionId = RegionId {
    index: 0,
    generation: 4_000,
};

/// Does the operation to both, and compares the answers.
fn step(bench: &mut Bench, naive: &mut BTreeMap<u32, NaiveTask>, op: Op) {
    let index = match op {
        Op::Spawn(index) => {
            let made = bench.spawn(index, GROUP);
            assert_eq!(made.is_ok(), !naive.contains_key(&index) && naive.len() < 4);
            naive.entry(index).or_insert_with(|| {
                let mut task = NaiveTask::default();
                task.mapped.insert(0x22f, true);
                // With the kit of the task before it come shared pages that that one touched, and nothing else.
                for (address, write) in mapped(bench, index) {
                    if address != 0x22_f000 {
                        assert_eq!((task.allows(address >> 12), write), (Some(false), false));
                        task.mapped.insert(address >> 12, false);
                        task.own.insert(address >> 12, false);
                    }
                }
                task
            });
            return;
        }
        Op::End(index)
        | Op::Touch(index, ..)
        | Op::Create(index, ..)
        | Op::Map(index, ..)
        | Op::Unmap(index, ..)
        | Op::Destroy(index, ..) => index,
    };
    let regions: usize = naive.values().map(|task| task.regions.len()).sum();
    let Some(model) = naive.get_mut(&index) else {
        return;
    };
    match op {
        Op::Spawn(_) => {}
        Op::End(_) => {
            bench.end(index, GROUP);
            naive.remove(&index);
        }
        Op::Touch(_, page, write) => {
            let answer = bench.touch(index, page << 12, write);
            let expected = if model.touch(page, write) {
                Answer::Resume
            } else {
                Answer::Nothing
            };
            assert_eq!(answer, expected, "{page:x}");
            if answer == Answer::Resume {
                let shown = mapped(bench, index);
                model.take_along(page, &shown);
            }
        }
        Op::Create(_, pages) => {
            let created = bench.client(task(index), CreateRegion { pages });
            match (pages, regions) {
                (0, _) => assert_eq!(created, Err(CreateRegionRefusal::BadSize)),
                (_, 6) => assert_eq!(created, Err(CreateRegionRefusal::TableFull)),
                _ => {
                    let region = NaiveRegion {
                        pages,
                        ..NaiveRegion::default()
                    };
                    assert!(model.regions.insert(created.unwrap(), region).is_none());
                }
            }
        }
        Op::Map(_, which, at, write) => map(bench, model, index, which, at, write),
        Op::Unmap(_, which) => {
            let region = pick(model, which);
            let done = bench.client(
                task(index),
                Unmap {
                    region: region.unwrap_or(NOWHERE),
                },
            );
            match region {
                None => assert_eq!(done, Err(RegionRefusal::UnknownRegion)),
                Some(id) if model.regions[&id].at.is_none() => {
                    assert_eq!(done, Err(RegionRefusal::NotMapped));
                }
                Some(id) => {
                    assert_eq!(done, Ok(Progress::Done));
                    model.unmap(id);
                }
            }
        }
        Op::Destroy(_, which) => {
            if let Some(region) = pick(model, which) {
                let done = bench.client(task(index), DestroyRegion { region });
                assert_eq!(done, Ok(Progress::Done));
                model.unmap(region);
                model.regions.remove(&region);
                assert_eq!(
                    bench.client(task(index), ReadRegion { region }),
                    Err(RegionRefusal::UnknownRegion)
                );
            }
        }
    }
}

fn map(
    bench: &mut Bench,
    model: &mut NaiveTask,
    index: u32,
    which: prop::sample::Index,
    at: Option<u32>,
    write: bool,
) {
    let region = pick(model, which);
    let request = Map {
        region: region.unwrap_or(NOWHERE),
        address: at.map(|page| page << 12),
        access: if write {
            Access::ReadWrite
        } else {
            Access::Read
        },
    };
    let mapped = bench.client(task(index), request);
    let Some(id) = region else {
        assert_eq!(mapped, Err(MapRefusal::UnknownRegion));
        return;
    };
    let pages = model.regions[&id].pages;
    let start = at.unwrap_or_else(|| model.first_fit(pages));
    let expected = if model.regions[&id].at.is_some() {
        Err(MapRefusal::Mapped)
    } else if start < 0x1_0000 || start + pages > 0xf_0000 {
        Err(MapRefusal::BadAddress)
    } else if model.is_taken(start, pages) {
        Err(MapRefusal::Taken)
    } else {
        model.regions.get_mut(&id).unwrap().at = Some((start, write));
        Ok(start << 12)
    };
    assert_eq!(mapped, expected);
}

/// What the kernel has mapped in a space, by address, and whether to be written.
fn mapped(bench: &Bench, index: u32) -> BTreeMap<u32, bool> {
    let memory = bench.server.memory();
    let root = memory.spaces.get(index).root.unwrap();
    bench.kernel.0.borrow().mapped(memory.slots.object(root))
}

/// What the kernel has mapped is what the model says, and so is what is charged.
fn compare(bench: &mut Bench, naive: &BTreeMap<u32, NaiveTask>) {
    bench.audit(GROUP);
    let mut frames = 0;
    for (&index, model) in naive {
        let mapped = mapped(bench, index);
        let expected: BTreeMap<_, _> = model
            .mapped
            .iter()
            .map(|(&page, &write)| (page << 12, write))
            .collect();
        assert_eq!(mapped, expected);
        frames += 1 + model.frames();
        for (&region, expected) in &model.regions {
            let account = bench.client(task(index), ReadRegion { region }).unwrap();
            assert_eq!(account.resident as usize, expected.resident.len());
            assert_eq!(account.address, expected.at.map(|(start, _)| start << 12));
        }
    }
    let used = bench
        .ledger
        .0
        .borrow()
        .used(GROUP)
        .get(interfaces::Resource::Frames);
    assert_eq!(used, frames as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn spaces_and_regions_are_what_a_naive_model_says(history in prop::collection::vec(op(), 0..80)) {
        let mut bench = Bench::new(512, &[(0, 21)]);
        bench.server.bring_along_after(2);
        let before = asking::rest(&mut bench);
        let mut naive = BTreeMap::new();
        for op in history {
            step(&mut bench, &mut naive, op);
            compare(&mut bench, &naive);
        }
        for index in naive.into_keys() {
            bench.end(index, GROUP);
        }
        prop_assert_eq!(asking::rest(&mut bench), before);
        prop_assert_eq!(bench.server.counters().mishaps, 0);
    }
}

// ------------------------------------------------------------------------------ failures and two payers

#[derive(Clone, Debug)]
enum Trouble {
    Op(Op),
    /// The kernel fails the making after so many.
    FailMaking(u64),
    /// The limits-server refuses the charge after so many.
    FailCharge(u64),
    /// The task's next regions are paid by the other group.
    Move(u32),
    Thread(u32, u32),
    EndThread(u32, u32),
    /// One slice of a destruction that goes on later.
    Slice(u32),
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        8 => op().prop_map(Trouble::Op),
        1 => (0_u64..12).prop_map(Trouble::FailMaking),
        1 => (0_u64..4).prop_map(Trouble::FailCharge),
        1 => (0_u32..4).prop_map(Trouble::Move),
        2 => (0_u32..4, 1_u32..4).prop_map(|(index, number)| Trouble::Thread(index, number)),
        1 => (0_u32..4, 1_u32..4).prop_map(|(index, number)| Trouble::EndThread(index, number)),
        1 => (0_u32..4).prop_map(Trouble::Slice),
    ]
}

/// What a driver without a model must remember to keep the proc-server's side right.
#[derive(Default)]
struct Driver {
    tasks: BTreeMap<u32, BTreeSet<u32>>,
    dying: BTreeSet<u32>,
    regions: BTreeMap<u32, Vec<RegionId>>,
}

impl Driver {
    fn forget(&mut self, bench: &mut Bench, index: u32) {
        for _ in self.tasks.remove(&index).unwrap_or_default() {
            assert!(
                bench
                    .ledger
                    .0
                    .borrow_mut()
                    .release(GROUP, asking::thread_kit())
            );
        }
        self.regions.remove(&index);
        self.dying.remove(&index);
    }

    fn make(&mut self, bench: &mut Bench, trouble: Trouble) {
        match trouble {
            Trouble::FailMaking(after) => {
                let mut world = bench.kernel.0.borrow_mut();
                world.fail_at = Some(world.tried + 1 + after);
            }
            Trouble::FailCharge(after) => {
                let mut accounts = bench.ledger.0.borrow_mut();
                accounts.fail_at = Some(accounts.charges + 1 + after);
            }
            Trouble::Move(index) => {
                if let Some(group) = bench.ledger.0.borrow_mut().born.get_mut(&task(index)) {
                    *group = OTHER;
                }
            }
            Trouble::Thread(index, number) => {
                let thread = 100 + index * 8 + number;
                let request = CreateThread {
                    task: task(index),
                    thread,
                    number,
                };
                if bench.proc(request).is_ok() {
                    assert!(self.tasks.get_mut(&index).unwrap().insert(number));
                    bench
                        .ledger
                        .0
                        .borrow_mut()
                        .charge(GROUP, asking::thread_kit())
                        .unwrap();
                }
            }
            Trouble::EndThread(index, number) => {
                let request = DestroyThread {
                    task: task(index),
                    thread: 100 + index * 8 + number,
                };
                let threads = self
                    .tasks
                    .get_mut(&index)
                    .filter(|_| !self.dying.contains(&index));
                let had = threads.is_some_and(|threads| threads.remove(&number));
                assert_eq!(bench.proc(request).is_ok(), had);
                if had {
                    assert!(
                        bench
                            .ledger
                            .0
                            .borrow_mut()
                            .release(GROUP, asking::thread_kit())
                    );
                }
            }
            Trouble::Slice(index) => {
                if self.tasks.contains_key(&index) {
                    self.dying.insert(index);
                    if bench.proc(DestroyTask { task: task(index) }) == Ok(Progress::Done) {
                        bench.give_ticket_back(index, GROUP);
                        self.forget(bench, index);
                    }
                }
            }
            Trouble::Op(op) => self.ask(bench, op),
        }
    }

    fn ask(&mut self, bench: &mut Bench, op: Op) {
        let request = |which: prop::sample::Index, regions: &[RegionId]| {
            if regions.is_empty() {
                NOWHERE
            } else {
                regions[which.index(regions.len())]
            }
        };
        match op {
            Op::Spawn(index) if !self.tasks.contains_key(&index) => {
                let made = bench.spawn(index, GROUP);
                self.tasks.extend(made.map(|()| (index, BTreeSet::new())));
            }
            Op::End(index) if self.tasks.contains_key(&index) => {
                bench.end(index, GROUP);
                self.forget(bench, index);
            }
            Op::Touch(index, page, write) => {
                bench.touch(index, page << 12, write);
            }
            Op::Create(index, pages) if self.lives(index) => {
                match bench.client(task(index), CreateRegion { pages }) {
                    Ok(region) => self.regions.entry(index).or_default().push(region),
                    Err(refusal) => assert!(matches!(
                        refusal,
                        CreateRegionRefusal::BadSize
                            | CreateRegionRefusal::TableFull
                            | CreateRegionRefusal::Charge(ChargeRefusal::Killing)
                    )),
                }
            }
            Op::Map(index, which, at, write) if self.lives(index) => {
                let region = request(which, self.regions.entry(index).or_default());
                let access = if write {
                    Access::ReadWrite
                } else {
                    Access::Read
                };
                let address = at.map(|page| page << 12);
                let _ = bench.client(
                    task(index),
                    Map {
                        region,
                        address,
                        access,
                    },
                );
            }
            Op::Unmap(index, which) if self.lives(index) => {
                let region = request(which, self.regions.entry(index).or_default());
                let _ = bench.client(task(index), Unmap { region });
            }
            Op::Destroy(index, which) if self.lives(index) => {
                let region = request(which, self.regions.entry(index).or_default());
                if bench.client(task(index), DestroyRegion { region }).is_ok() {
                    self.regions
                        .get_mut(&index)
                        .unwrap()
                        .retain(|&other| other != region);
                }
            }
            _ => {}
        }
    }

    fn lives(&self, index: u32) -> bool {
        self.tasks.contains_key(&index) && !self.dying.contains(&index)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_fails_the_records_agree_and_everything_comes_back(
        history in prop::collection::vec(trouble(), 0..120),
    ) {
        // Little memory, in pieces, so that it runs out and merges.
        let mut bench = Bench::new(128, &[(0, 16), (16, 15), (40, 13), (64, 15)]);
        let before = asking::rest(&mut bench);
        let mut driver = Driver::default();
        for trouble in history {
            driver.make(&mut bench, trouble);
            bench.server.memory().check();
            if driver.dying.is_empty() {
                bench.audit(GROUP);
                bench.audit(OTHER);
            }
        }
        bench.kernel.0.borrow_mut().fail_at = None;
        bench.ledger.0.borrow_mut().fail_at = None;
        for index in driver.tasks.keys().copied().collect::<Vec<_>>() {
            bench.end(index, GROUP);
            driver.forget(&mut bench, index);
        }
        prop_assert_eq!(asking::rest(&mut bench), before);
        prop_assert_eq!(bench.proc(ReadPool {}).unwrap().largest, 16);
    }
}
