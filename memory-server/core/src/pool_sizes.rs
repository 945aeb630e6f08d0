//! What is free, by size: for whoever wants to know whether memory comes back as large as it went.

use interfaces::memory::FreeBlocks;
use interfaces::start::Block;
use interfaces::start::memory_slots::{MAX_BITS, MIN_BITS};

use super::{Pool, level, pages_of};

/// How many nodes of the tree one answer looks at, each with up to one of every size around it: some 30,000
/// instructions.
const LOOKS: u32 = 64;

impl Pool<'_> {
    /// Counts free blocks from a page on, as large as merging could make them: a bounded part of the machine at a time.
    #[must_use]
    pub fn free_blocks(&mut self, from: u32) -> FreeBlocks {
        self.settle_all();
        let mut found = FreeBlocks::default();
        let mut page = from;
        for _ in 0..LOOKS {
            if page >= self.pages.len() {
                return found;
            }
            let (bits, is_free) = self.around(page);
            if is_free && let Some(count) = found.counts.get_mut(level(bits) as usize) {
                *count = count.saturating_add(1);
            }
            page = page.saturating_add(pages_of(bits));
        }
        found.next = (page < self.pages.len()).then_some(page);
        found
    }

    /// The size of the largest block that begins at a page and is free as a whole, or in which nothing is free.
    fn around(&self, page: u32) -> (u8, bool) {
        let block = |bits| Block { page, bits };
        let begins = |bits: &u8| page & pages_of(*bits).wrapping_sub(1) == 0;
        let sizes = (MIN_BITS..=MAX_BITS).take_while(begins);
        let mut best = (MIN_BITS, self.formable(block(MIN_BITS)) == MIN_BITS);
        for bits in sizes {
            match self.formable(block(bits)) {
                0 => best = (bits, false),
                formable if formable == bits => best = (bits, true),
                _ => break,
            }
        }
        best
    }
}
