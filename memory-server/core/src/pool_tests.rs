//! Blocks taken, split, merged and given back by hand.

use super::*;

fn pool(pages: u32, blocks: &[(u32, u8)]) -> Pool<'static> {
    let records = vec![Page::default(); pages as usize].leak();
    let bytes = vec![0; nodes(pages) as usize].leak();
    let mut pool = Pool::new(records, bytes);
    for &(page, bits) in blocks {
        assert!(pool.add(Block { page, bits }));
    }
    pool.check();
    pool
}

fn get(pool: &mut Pool<'_>, bits: u8) -> Option<Block> {
    loop {
        let done = match pool.next_step(bits)? {
            Step::Take(block) => return pool.take(block).then_some(block),
            Step::Split(block) => pool.split(block),
            Step::Clear(block) => pool.begin_clearing(block) && pool.end_clearing(block, true),
        };
        assert!(done);
        pool.check();
    }
}

#[test]
fn a_block_is_split_only_as_far_as_needed_and_the_rest_stays() {
    let mut pool = pool(16, &[(0, 16)]);
    assert_eq!(get(&mut pool, 12), Some(Block { page: 0, bits: 12 }));
    assert_eq!(pool.free(), 15);
    assert_eq!(pool.largest(), 15);
    assert_eq!(
        pool.next_step(13),
        Some(Step::Take(Block { page: 2, bits: 13 }))
    );
}

#[test]
fn everything_can_be_had_page_by_page_and_merges_again() {
    let mut pool = pool(40, &[(8, 15), (16, 16), (32, 15)]);
    let blocks: Vec<_> = core::iter::from_fn(|| get(&mut pool, 12)).collect();
    assert_eq!(blocks.len(), 32);
    assert_eq!((pool.free(), pool.largest()), (0, 0));
    for &block in &blocks {
        assert!(pool.give_back(block));
        pool.check();
    }
    assert_eq!(pool.largest(), 16);
    assert_eq!(get(&mut pool, 16), Some(Block { page: 16, bits: 16 }));
    assert_eq!(pool.largest(), 15);
}

#[test]
fn free_blocks_are_counted_as_merging_would_make_them() {
    let counted = |pool: &mut Pool<'_>| {
        let mut counts = [0; SIZES];
        let mut next = Some(0);
        while let Some(from) = next {
            let part = pool.free_blocks(from);
            for (count, more) in counts.iter_mut().zip(part.counts) {
                *count += more;
            }
            next = part.next;
        }
        counts
    };
    // More pages than one answer looks at, of which some were never handed over.
    let mut pool = pool(400, &[(8, 15), (16, 16), (128, 19), (256, 12), (258, 12)]);
    let whole = counted(&mut pool);
    assert_eq!((whole[0], whole[3], whole[4], whole[7]), (2, 1, 1, 1));
    assert_eq!(whole.iter().sum::<u32>(), 5);
    let blocks: Vec<_> = core::iter::from_fn(|| get(&mut pool, 12)).collect();
    assert_eq!(counted(&mut pool), [0; SIZES]);
    // Every second page: none of them merges.
    for &block in blocks.iter().filter(|block| block.page % 2 == 0) {
        assert!(pool.give_back(block));
    }
    let halves = counted(&mut pool);
    assert_eq!((halves[0], halves.iter().sum()), (pool.free(), pool.free()));
    // With the others everything is as large as it was, though nothing has been merged.
    for &block in blocks.iter().filter(|block| block.page % 2 != 0) {
        assert!(pool.give_back(block));
    }
    assert_eq!(counted(&mut pool), whole);
    pool.check();
}

#[test]
fn neighbours_that_were_handed_over_apart_never_merge() {
    let mut pool = pool(4, &[(0, 13), (2, 13)]);
    assert_eq!(pool.largest(), 13);
    assert_eq!(get(&mut pool, 14), None);
}

#[test]
fn a_block_out_of_place_is_refused() {
    let mut pool = pool(8, &[(0, 13)]);
    for (page, bits) in [(1, 12), (3, 13), (6, 14), (8, 12), (0, 11), (0, 31)] {
        assert!(!pool.add(Block { page, bits }), "{page} {bits}");
    }
    pool.check();
}

#[test]
fn what_is_not_used_cannot_be_given_back() {
    let mut pool = pool(8, &[(0, 15)]);
    let block = get(&mut pool, 13).unwrap();
    assert!(!pool.give_back(Block { bits: 12, ..block }));
    assert!(pool.give_back(block));
    assert!(!pool.give_back(block));
    pool.check();
}

#[test]
fn what_was_used_as_a_whole_is_cleared_before_anybody_has_it_again() {
    let mut pool = pool(16, &[(0, 16)]);
    let block = get(&mut pool, 14).unwrap();
    assert!(pool.give_back(block));
    assert_eq!((pool.free(), pool.clear()), (16, 12));
    // Others come first, whatever their size.
    assert_eq!(
        pool.next_step(12),
        Some(Step::Split(Block { page: 4, bits: 14 }))
    );
    let others: Vec<_> =
        core::iter::from_fn(|| (pool.clear() > 0).then(|| get(&mut pool, 12).unwrap())).collect();
    assert_eq!(others.len(), 12);
    assert_eq!(pool.next_step(12), Some(Step::Clear(block)));
    assert!(!pool.take(block) && !pool.split(block));
    assert!(pool.begin_clearing(block) && !pool.begin_clearing(block));
    pool.check();
    assert_eq!((pool.next_step(12), pool.largest()), (None, 14));
    assert!(pool.end_clearing(block, false));
    assert_eq!(pool.next_step(14), Some(Step::Clear(block)));
    assert!(pool.begin_clearing(block) && pool.end_clearing(block, true));
    pool.check();
    assert_eq!(pool.next_step(14), Some(Step::Take(block)));
    assert!(!pool.end_clearing(block, true));
}

#[test]
fn a_block_that_was_not_touched_goes_back_as_it_was() {
    let mut pool = pool(8, &[(0, 15)]);
    let block = get(&mut pool, 14).unwrap();
    assert!(pool.put_back(block) && !pool.put_back(block));
    pool.check();
    assert_eq!(pool.next_step(14), Some(Step::Take(block)));
}

#[test]
fn a_block_with_something_used_in_it_is_not_cleared() {
    let mut pool = pool(8, &[(0, 15)]);
    let page = get(&mut pool, 12).unwrap();
    for (page, bits) in [(0, 13), (0, 15), (1, 13), (8, 13), (0, 30)] {
        assert!(!pool.begin_clearing(Block { page, bits }), "{page} {bits}");
        pool.check();
    }
    assert!(pool.give_back(page));
    assert!(pool.begin_clearing(Block { page: 0, bits: 15 }));
    pool.check();
}

#[test]
fn what_is_scattered_is_taken_together_half_by_half() {
    let mut pool = pool(8, &[(0, 15)]);
    let pages: Vec<_> = core::iter::from_fn(|| get(&mut pool, 12)).collect();
    for &page in &pages {
        assert!(pool.give_back(page));
    }
    let whole = Block { page: 0, bits: 15 };
    assert_eq!(pool.next_step(15), Some(Step::Clear(whole)));
    let mut halves = 0;
    while let Some(half) = pool.scattered_half(whole) {
        assert!(pool.gather(half));
        pool.check();
        halves += 1;
        assert_eq!(pool.next_step(15), Some(Step::Clear(whole)));
        assert_eq!(pool.clear(), 8 - 4 * halves);
        assert!(pool.first_stale(false).is_none(), "somebody wants it");
        assert_eq!(pool.first_stale(true).map(|block| block.bits), Some(14));
    }
    assert_eq!(halves, 2);
    assert!(pool.begin_clearing(whole) && pool.end_clearing(whole, true));
    assert_eq!(pool.next_step(15), Some(Step::Take(whole)));
    assert_eq!(pool.scattered_half(whole), None);
    pool.check();
}
