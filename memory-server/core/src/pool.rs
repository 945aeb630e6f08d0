//! The pool: which blocks of physical memory are free, and how they split and merge.
//!
//! A buddy tree over untypeds. Every node of the tree has a fixed slot for its capability
//! (`interfaces::start::memory_slots::untyped`), so the pool knows pages and sizes and nothing of capabilities.
//!
//! # Invariants
//!
//! - Every page of a block that was handed over is in exactly one leaf; a leaf is free or used.
//! - The list of a size holds exactly the free leaves of that size.
//! - `formable` of a node is the size of the largest block that could be formed inside it by merging free leaves: of
//!   every node but those right above a page that is *unsettled*, whose neighbourhood is put right later, and of those
//!   above them. It follows from the two halves of each node, so it is right everywhere once that has been done.
//! - A free leaf is clear, or it must be cleared before anything can be made of it in a moment: a larger one that was used
//!   before. A used page of the smallest size is cleared by whoever makes something of it.
//! - A block never grows beyond the block that was handed over: there is no capability for more.
//!
//! # Why steps and not one plan
//!
//! Splitting and clearing are system calls that can fail. [`Pool::next_step`] names the next one; the caller makes it
//! and then says so ([`Pool::split`], [`Pool::begin_clearing`], [`Pool::take`]). Every step leaves a valid tree, so a
//! failure needs no undoing. A plan of many steps would need a way back from each.
//!
//! # Why merging is lazy
//!
//! The kernel clears a block, whole and in one piece, when it is retyped after its last child is gone. Merging what is
//! free at once and splitting it again would clear the same memory at every size on the way. So free leaves stay as they
//! are until a larger block is wanted that only they can form; then they become one leaf that is to be cleared, once.
//!
//! # Why settling waits
//!
//! A page that is taken or comes back can change every node above it, and its neighbour mostly follows it. So the way up
//! is gone once for [`UNSETTLED`] pages, size by size, where neighbours share nearly all of it; and before anybody asks
//! what could be formed.

use interfaces::start::Block;
use interfaces::start::memory_slots::{MAX_BITS, MIN_BITS};

use crate::table::{Links, List, Table, linked};

/// How many sizes of block there are.
pub const SIZES: usize = interfaces::memory::BLOCK_SIZES;

/// The most pages that wait until what is above them is put right. Scattered over the whole machine, all together cost
/// some 8,000 instructions.
const UNSETTLED: usize = 16;

/// What a page is to the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Never handed over.
    #[default]
    Absent,
    /// Within a leaf that begins at an earlier page.
    Inside,
    /// The first page of a free leaf.
    Free,
    /// The first page of a free leaf that is being cleared.
    Clearing,
    /// The first page of a used leaf.
    Used,
}

/// A page's record.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page {
    state: State,
    /// The size of the leaf that begins here.
    bits: u8,
    /// Whether the free leaf that begins here must be cleared first.
    is_stale: bool,
    /// Whether the untyped of such a leaf may be split into smaller ones as yet.
    is_split: bool,
    /// The size of the block that was handed over and in which this page lies; 0 for an absent page.
    root: u8,
    links: Links,
}

linked!(Page, links);

/// What is to be done next to get a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The block is there: take it.
    Take(Block),
    /// Retype this free leaf, which is clear, into its two halves.
    Split(Block),
    /// Clear this block, in which everything is free: delete what it is split into, and let the kernel clear it.
    Clear(Block),
}

/// What begins at a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// Nothing: the page was never handed over, or lies within a leaf.
    Nothing,
    /// A free leaf.
    Free(Block),
    /// A free leaf that is being cleared, or is to be and may be split as yet.
    Clearing(Block),
    /// A used one.
    Used(Block),
}

/// The pool.
#[derive(Debug)]
pub struct Pool<'a> {
    pages: Table<'a, Page>,
    /// One byte per node, size by size; 0 where nothing is free.
    formable: Table<'a, u8>,
    /// Where the bytes of a size begin.
    sizes: [u32; SIZES],
    /// Free leaves that are clear, or small.
    free: [List; SIZES],
    /// Those that must be cleared first.
    stale: [List; SIZES],
    free_pages: u32,
    /// Of those, the pages of leaves that are to be cleared, or are being.
    stale_pages: u32,
    total_pages: u32,
    /// Pages whose own node is right, and what is above it perhaps not.
    unsettled: heapless::Vec<u32, UNSETTLED>,
}

/// The pages of a block of this size.
#[must_use]
pub const fn pages_of(bits: u8) -> u32 {
    1_u32.wrapping_shl(level(bits))
}

/// The bytes that [`Pool::new`] wants for its nodes.
#[must_use]
pub fn nodes(pages: u32) -> u32 {
    (MIN_BITS..=MAX_BITS).fold(0, |sum: u32, bits| sum.saturating_add(width(pages, bits)))
}

const fn level(bits: u8) -> u32 {
    bits.saturating_sub(MIN_BITS) as u32
}

/// The nodes of one size on a machine of so many pages; the last may be incomplete.
fn width(pages: u32, bits: u8) -> u32 {
    pages.wrapping_shr(level(bits)).saturating_add(1)
}

fn halves(block: Block) -> (Block, Block) {
    let bits = block.bits.saturating_sub(1);
    let upper = block.page.saturating_add(pages_of(bits));
    (Block { bits, ..block }, Block { page: upper, bits })
}

fn parent(block: Block) -> Block {
    let bits = block.bits.saturating_add(1);
    Block {
        page: block.page & !pages_of(bits).wrapping_sub(1),
        bits,
    }
}

impl<'a> Pool<'a> {
    /// An empty pool; `pages` and `formable` ([`nodes`] bytes) are zeroed.
    #[must_use]
    pub fn new(pages: &'a mut [Page], formable: &'a mut [u8]) -> Self {
        let pages = Table::new(pages);
        let mut sizes = [0; SIZES];
        let mut next = 0_u32;
        for (bits, begin) in (MIN_BITS..).zip(&mut sizes) {
            *begin = next;
            next = next.saturating_add(width(pages.len(), bits));
        }
        Self {
            pages,
            formable: Table::new(formable),
            sizes,
            free: [List::default(); SIZES],
            stale: [List::default(); SIZES],
            free_pages: 0,
            stale_pages: 0,
            total_pages: 0,
            unsettled: heapless::Vec::new(),
        }
    }

    /// Adds a block that the root task handed over. Returns whether it could be: aligned, in range, and new.
    pub fn add(&mut self, block: Block) -> bool {
        if !(MIN_BITS..=MAX_BITS).contains(&block.bits) {
            return false;
        }
        let size = pages_of(block.bits);
        let Some(end) = block.page.checked_add(size) else {
            return false;
        };
        let all = block.page..end;
        if block.page & size.wrapping_sub(1) != 0
            || end > self.pages.len()
            || all
                .clone()
                .any(|page| self.pages.get(page).state != State::Absent)
        {
            return false;
        }
        for page in all {
            self.pages.put(
                page,
                Page {
                    state: State::Inside,
                    root: block.bits,
                    ..Page::default()
                },
            );
        }
        self.total_pages = self.total_pages.saturating_add(size);
        self.set_free(block, false);
        self.settle(block, block.bits);
        true
    }

    /// What to do next to get a block of this size; nothing if none can be formed, or not before one is cleared that is
    /// being.
    ///
    /// A clear block of the size itself first, then the smallest larger one is split; then one is cleared that was used
    /// before, and only then are smaller ones taken together.
    #[must_use]
    pub fn next_step(&mut self, bits: u8) -> Option<Step> {
        for size in bits..=MAX_BITS {
            if let Some(page) = self.list(size).first() {
                let block = Block { page, bits: size };
                return Some(if size == bits {
                    Step::Take(block)
                } else {
                    Step::Split(block)
                });
            }
        }
        for size in bits..=MAX_BITS {
            if let Some(page) = self.stale_list(size).first() {
                return Some(Step::Clear(Block { page, bits: size }));
            }
        }
        // One that is a leaf is being cleared.
        self.settle_all();
        self.formable_block(bits)
            .filter(|&block| !self.is_leaf(block, State::Clearing))
            .map(Step::Clear)
    }

    /// The smallest leaf that must be cleared first; not one that was taken together for somebody, unless that is wanted.
    #[must_use]
    pub fn first_stale(&self, with_split: bool) -> Option<Block> {
        if self.stale_pages == 0 {
            return None;
        }
        (MIN_BITS..)
            .zip(&self.stale)
            .filter_map(|(bits, list)| {
                Some(Block {
                    page: list.first()?,
                    bits,
                })
            })
            .find(|block| with_split || !self.pages.get(block.page).is_split)
    }

    /// The half of a block that is not one leaf, if there is one: it is to be taken together first.
    #[must_use]
    pub fn scattered_half(&self, block: Block) -> Option<Block> {
        let is_leaf = |half: &Block| self.is_leaf(*half, State::Free);
        let (lower, upper) = halves(block);
        let is_whole = block.bits <= MIN_BITS || self.is_leaf(block, State::Free);
        [lower, upper]
            .into_iter()
            .find(|half| !is_whole && !is_leaf(half))
    }

    /// The block, in which everything is free, is one leaf from now on, to be cleared. Walks over its leaves. Returns whether
    /// everything is free in it.
    pub fn gather(&mut self, block: Block) -> bool {
        if !self.unset_leaves(block) {
            return false;
        }
        self.set_free(block, true);
        if let Some(page) = self.pages.edit(block.page) {
            page.is_split = true;
        }
        true
    }

    /// Takes the leaves of a block out of their lists, in which everything is free and nothing is being cleared.
    fn unset_leaves(&mut self, block: Block) -> bool {
        // They are no leaves any more.
        self.settle_all();
        if self.formable(block) != block.bits || !self.begins_in_range(block) {
            return false;
        }
        let end = block.page.saturating_add(pages_of(block.bits));
        let mut page = block.page;
        while page < end {
            let record = self.pages.get(page);
            if record.state != State::Free {
                return false;
            }
            let leaf = Block {
                page,
                bits: record.bits,
            };
            page = page.saturating_add(pages_of(leaf.bits));
            self.unset_free(leaf);
        }
        true
    }

    /// The block has been retyped into its halves. Returns whether it was a free leaf, and clear.
    pub fn split(&mut self, block: Block) -> bool {
        if !self.is_clear(block) || block.bits <= MIN_BITS {
            return false;
        }
        self.unset_free(block);
        let (lower, upper) = halves(block);
        for half in [upper, lower] {
            self.set_free(half, false);
            self.set_formable(half, half.bits);
        }
        true
    }

    /// The block, in which everything is free, is being cleared from now on: one leaf that nobody gets until it is. Walks
    /// over its leaves. Returns whether everything is free in it, and nothing is being cleared.
    pub fn begin_clearing(&mut self, block: Block) -> bool {
        if !self.unset_leaves(block) {
            return false;
        }
        if let Some(page) = self.pages.edit(block.page) {
            page.state = State::Clearing;
            page.bits = block.bits;
        }
        let pages = pages_of(block.bits);
        self.free_pages = self.free_pages.saturating_add(pages);
        self.stale_pages = self.stale_pages.saturating_add(pages);
        true
    }

    /// Nobody clears the block any more: it is clear, or it must be done again. Returns whether it was being cleared.
    pub fn end_clearing(&mut self, block: Block, is_clear: bool) -> bool {
        if !self.is_leaf(block, State::Clearing) {
            return false;
        }
        let pages = pages_of(block.bits);
        self.free_pages = self.free_pages.saturating_sub(pages);
        self.stale_pages = self.stale_pages.saturating_sub(pages);
        self.set_free(block, !is_clear);
        if let Some(page) = self.pages.edit(block.page) {
            page.is_split = !is_clear;
        }
        true
    }

    /// The block is used from now on. Returns whether it was a free leaf, and clear.
    pub fn take(&mut self, block: Block) -> bool {
        if !self.is_clear(block) {
            return false;
        }
        self.unset_free(block);
        if let Some(page) = self.pages.edit(block.page) {
            page.state = State::Used;
            page.bits = block.bits;
        }
        self.settle(block, 0);
        true
    }

    /// The block is free again; whatever was made from it has been deleted. Returns whether it was a used leaf.
    pub fn give_back(&mut self, block: Block) -> bool {
        if !self.is_leaf(block, State::Used) {
            return false;
        }
        self.set_free(block, block.bits > MIN_BITS);
        self.settle(block, block.bits);
        true
    }

    /// The block, of which nothing was made since it was taken, is free again. Returns whether it was a used leaf.
    pub fn put_back(&mut self, block: Block) -> bool {
        if !self.is_leaf(block, State::Used) {
            return false;
        }
        self.set_free(block, false);
        self.settle(block, block.bits);
        true
    }

    /// What begins at a page.
    #[must_use]
    pub fn leaf(&self, page: u32) -> Leaf {
        let record = self.pages.get(page);
        let block = Block {
            page,
            bits: record.bits,
        };
        match record.state {
            State::Absent | State::Inside => Leaf::Nothing,
            State::Free if record.is_split => Leaf::Clearing(block),
            State::Free => Leaf::Free(block),
            State::Clearing => Leaf::Clearing(block),
            State::Used => Leaf::Used(block),
        }
    }

    /// Whether this block is a used leaf.
    #[must_use]
    pub fn is_used(&self, block: Block) -> bool {
        self.is_leaf(block, State::Used)
    }

    /// Pages that were handed over.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.total_pages
    }

    /// Pages that are free.
    #[must_use]
    pub const fn free(&self) -> u32 {
        self.free_pages
    }

    /// Pages that are free and can be had in a moment.
    #[must_use]
    pub const fn clear(&self) -> u32 {
        self.free_pages.saturating_sub(self.stale_pages)
    }

    /// The size of the largest block that could be had now, merging whatever is free; 0 if there is none.
    #[must_use]
    pub fn largest(&mut self) -> u8 {
        self.settle_all();
        self.tops().map(|top| self.formable(top)).max().unwrap_or(0)
    }

    /// The list of free leaves of one size that can be had in a moment.
    fn list(&self, bits: u8) -> List {
        let list = self.free.get(level(bits) as usize);
        list.copied().unwrap_or_default()
    }

    /// The list of those that must be cleared first.
    fn stale_list(&self, bits: u8) -> List {
        let list = self.stale.get(level(bits) as usize);
        list.copied().unwrap_or_default()
    }

    /// Whether the block begins at a page of its alignment, and lies in one that was handed over.
    fn begins_in_range(&self, block: Block) -> bool {
        let root = self.pages.get(block.page).root;
        block.page & pages_of(block.bits).wrapping_sub(1) == 0 && block.bits <= root
    }

    /// Whether the block is a free leaf that can be had in a moment.
    fn is_clear(&self, block: Block) -> bool {
        self.is_leaf(block, State::Free) && !self.pages.get(block.page).is_stale
    }

    fn is_leaf(&self, block: Block, state: State) -> bool {
        self.pages
            .peek(block.page)
            .is_some_and(|page| page.state == state && page.bits == block.bits)
    }

    /// Makes a free leaf of it and puts it in its list.
    fn set_free(&mut self, block: Block, is_stale: bool) {
        if let Some(page) = self.pages.edit(block.page) {
            page.state = State::Free;
            page.bits = block.bits;
            page.is_stale = is_stale;
        }
        let pages = pages_of(block.bits);
        let lists = if is_stale {
            self.stale_pages = self.stale_pages.saturating_add(pages);
            &mut self.stale
        } else {
            &mut self.free
        };
        if let Some(list) = lists.get_mut(level(block.bits) as usize) {
            list.push(&mut self.pages, block.page);
        }
        self.free_pages = self.free_pages.saturating_add(pages);
    }

    /// Takes a free leaf out of its list; its page is inside of something until the caller says what.
    fn unset_free(&mut self, block: Block) {
        let pages = pages_of(block.bits);
        let lists = if self.pages.get(block.page).is_stale {
            self.stale_pages = self.stale_pages.saturating_sub(pages);
            &mut self.stale
        } else {
            &mut self.free
        };
        if let Some(list) = lists.get_mut(level(block.bits) as usize) {
            list.remove(&mut self.pages, block.page);
        }
        if let Some(page) = self.pages.edit(block.page) {
            page.state = State::Inside;
            page.bits = 0;
            page.is_stale = false;
            page.is_split = false;
        }
        self.free_pages = self.free_pages.saturating_sub(pages);
    }

    fn tops(&self) -> impl Iterator<Item = Block> + use<> {
        (0..width(self.pages.len(), MAX_BITS)).map(|node| Block {
            page: node.wrapping_shl(level(MAX_BITS)),
            bits: MAX_BITS,
        })
    }

    /// The place of a node's byte.
    fn node(&self, block: Block) -> Option<u32> {
        let within = block.page.wrapping_shr(level(block.bits));
        if within >= width(self.pages.len(), block.bits) {
            return None;
        }
        let begin = self.sizes.get(level(block.bits) as usize)?;
        begin.checked_add(within)
    }

    fn formable(&self, block: Block) -> u8 {
        self.node(block).map_or(0, |node| self.formable.get(node))
    }

    fn set_formable(&mut self, block: Block, value: u8) {
        if let Some(node) = self.node(block) {
            self.formable.put(node, value);
        }
    }

    /// Records what can be formed in a block and corrects the blocks around it, up to the first that is right; those around
    /// a page at once with others'.
    fn settle(&mut self, block: Block, value: u8) {
        self.set_formable(block, value);
        if block.bits == MIN_BITS {
            if self.unsettled.is_full() {
                self.settle_all();
            }
            // There is room now.
            let _ = self.unsettled.push(block.page);
            return;
        }
        let root = self.pages.get(block.page).root;
        let mut around = parent(block);
        while around.bits <= MAX_BITS && self.correct(around, root) {
            around = parent(around);
        }
    }

    /// Puts right what is above the pages that wait for it: all blocks of a size, then of the next. Where nothing changes,
    /// the way up ends.
    fn settle_all(&mut self) {
        let mut pages = core::mem::take(&mut self.unsettled);
        pages.sort_unstable();
        for bits in MIN_BITS.saturating_add(1)..=MAX_BITS {
            if pages.is_empty() {
                return;
            }
            let mut last = None;
            pages.retain(|&page| {
                let lower = Block {
                    page,
                    bits: bits.saturating_sub(1),
                };
                let around = parent(lower);
                // They are in order: one that has the same block around it stands right behind.
                let is_new = last != Some(around.page);
                last = Some(around.page);
                is_new && self.correct(around, self.pages.get(page).root)
            });
        }
    }

    /// Puts a block right that is no leaf, if its halves are. Returns whether it was wrong.
    fn correct(&mut self, block: Block, root: u8) -> bool {
        let value = self.of_halves(block, root);
        let was_wrong = self.formable(block) != value;
        if was_wrong {
            self.set_formable(block, value);
        }
        was_wrong
    }

    /// What can be formed in a block that is no leaf, as its halves have it.
    fn of_halves(&self, block: Block, root: u8) -> u8 {
        let (lower, upper) = halves(block);
        let (left, right) = (self.formable(lower), self.formable(upper));
        let is_whole = block.bits <= root && left == lower.bits && right == upper.bits;
        if is_whole {
            block.bits
        } else {
            left.max(right)
        }
    }

    /// A block of this size in which everything is free, although it is not one leaf.
    fn formable_block(&self, bits: u8) -> Option<Block> {
        let mut block = self.tops().find(|&top| self.formable(top) >= bits)?;
        while block.bits > bits {
            let (lower, upper) = halves(block);
            block = if self.formable(lower) >= bits {
                lower
            } else if self.formable(upper) >= bits {
                upper
            } else {
                return None;
            };
        }
        Some(block)
    }

    /// Panics unless every invariant of the module holds. For tests.
    ///
    /// # Panics
    ///
    /// If one does not hold.
    pub fn check(&self) {
        let mut totals = (0, 0, 0);
        let mut leaves = [[0_u32; SIZES]; 2];
        let mut page = 0;
        while page < self.pages.len() {
            let record = self.pages.get(page);
            let leaf = match record.state {
                State::Absent => {
                    page = page.saturating_add(1);
                    continue;
                }
                State::Inside => panic!("page {page} is in no leaf"),
                State::Free | State::Clearing | State::Used => pages_of(record.bits),
            };
            assert_eq!(page & leaf.wrapping_sub(1), 0, "leaf at {page} is aligned");
            assert!(
                record.bits <= record.root,
                "leaf at {page} within its block"
            );
            for inside in page.saturating_add(1)..page.saturating_add(leaf) {
                assert_eq!(self.pages.get(inside).state, State::Inside, "{inside}");
            }
            totals.0 = leaf.saturating_add(totals.0);
            let is_free = record.state == State::Free;
            assert!(is_free || !record.is_stale, "{page} is not free");
            assert!(
                record.is_stale || !record.is_split,
                "{page} is in one piece"
            );
            if is_free || record.state == State::Clearing {
                totals.1 = leaf.saturating_add(totals.1);
            }
            if record.is_stale || record.state == State::Clearing {
                totals.2 = leaf.saturating_add(totals.2);
            }
            let counts = leaves.get_mut(usize::from(record.is_stale));
            let count = counts.and_then(|counts| counts.get_mut(level(record.bits) as usize));
            if let (true, Some(count)) = (is_free, count) {
                *count = count.saturating_add(1);
            }
            page = page.saturating_add(leaf);
        }
        assert_eq!(
            totals,
            (self.total_pages, self.free_pages, self.stale_pages),
            "total, free, and to be cleared"
        );
        for (lists, counts) in [self.free, self.stale].iter().zip(leaves) {
            for ((bits, list), count) in (MIN_BITS..).zip(lists).zip(counts) {
                assert_eq!(list.len(), count, "list of size {bits}");
                for page in list.iter(&self.pages) {
                    assert!(self.is_leaf(Block { page, bits }, State::Free));
                }
                assert_eq!(list.iter(&self.pages).count(), count as usize);
            }
        }
        for top in self.tops() {
            if self.check_node(top) {
                assert_eq!(
                    self.formable(top),
                    self.recompute(top),
                    "formable at {top:?}"
                );
            }
        }
    }

    /// Panics unless a node and all below it are as they should be: a leaf by itself, and what is no leaf by its halves,
    /// unless one of them is a page that waits. Returns whether no page waits below.
    fn check_node(&self, block: Block) -> bool {
        if block.page >= self.pages.len() {
            return true;
        }
        let page = self.pages.get(block.page);
        if page.bits == block.bits
            && matches!(page.state, State::Free | State::Used | State::Clearing)
        {
            let value = self.recompute(block);
            assert_eq!(self.formable(block), value, "leaf at {block:?}");
            return !self.unsettled.contains(&block.page);
        }
        if block.bits == MIN_BITS {
            return !self.unsettled.contains(&block.page);
        }
        let (lower, upper) = halves(block);
        let (left, right) = (self.check_node(lower), self.check_node(upper));
        let waits = lower.bits == MIN_BITS && !(left && right);
        let value = self.of_halves(block, page.root);
        assert!(
            waits || self.formable(block) == value,
            "formable at {block:?}"
        );
        left && right
    }

    /// What can be formed in a block, from the leaves alone.
    fn recompute(&self, block: Block) -> u8 {
        let page = self.pages.get(block.page);
        if block.page >= self.pages.len() {
            return 0;
        }
        match page.state {
            State::Free | State::Clearing if page.bits == block.bits => return block.bits,
            State::Used if page.bits == block.bits => return 0,
            _ if block.bits == MIN_BITS => return 0,
            _ => {}
        }
        let (lower, upper) = halves(block);
        let (left, right) = (self.recompute(lower), self.recompute(upper));
        if block.bits <= page.root && left == lower.bits && right == upper.bits {
            block.bits
        } else {
            left.max(right)
        }
    }
}

#[path = "pool_sizes.rs"]
mod sizes;

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
