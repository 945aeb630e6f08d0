//! What a group uses, of every kind, in four words.
//!
//! | word | kinds, and how many bits each has, the lowest first |
//! |---|---|
//! | 0 | frames 32, commit 32 |
//! | 1 | kernel memory 40, capability slots 24 |
//! | 2 | groups 22, tasks 14, threads 14, address spaces 14 |
//! | 3 | processor time 32, bytes in queues 20, notes 12: nobody counts these yet |
//!
//! Why a place for every kind and no mask: a group that is asked for has some of nearly everything, and a number whose
//! place depends on others costs more to find than to send.
//!
//! # Invariants
//!
//! - Every bit of the four words is one kind's, so all words stand for some amounts, and those for these words.

use crate::amounts::{Amounts, Resource};
use crate::short::{Short, WORDS};

/// Where a kind's number stands.
struct Place {
    word: usize,
    /// Its lowest bit there.
    shift: u32,
    /// All bits that it has, as a number of its own.
    most: u64,
}

/// So many bits from this one on.
const fn bits(word: usize, shift: u32, bits: u32) -> Place {
    Place {
        word,
        shift,
        most: (1_u64 << bits).wrapping_sub(1),
    }
}

#[inline]
const fn place(kind: Resource) -> Place {
    match kind {
        Resource::Frames => bits(0, 0, 32),
        Resource::Commit => bits(0, 32, 32),
        Resource::KernelMemory => bits(1, 0, 40),
        Resource::CapSlots => bits(1, 40, 24),
        Resource::Groups => bits(2, 0, 22),
        Resource::Tasks => bits(2, 22, 14),
        Resource::Threads => bits(2, 36, 14),
        Resource::AddressSpaces => bits(2, 50, 14),
        Resource::CpuTime => bits(3, 0, 32),
        Resource::QueueBytes => bits(3, 32, 20),
        Resource::Notes => bits(3, 52, 12),
    }
}

impl Short for Amounts {
    const LENGTH: usize = WORDS;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        let mut words = [0; WORDS];
        let mut fits = true;
        for (kind, number) in self.iter() {
            let Place { word, shift, most } = place(kind);
            fits &= number <= most;
            if let Some(word) = words.get_mut(word) {
                *word |= number.wrapping_shl(shift);
            }
        }
        fits.then_some(words)
    }

    #[inline]
    fn from_words(words: [u64; WORDS]) -> Option<Self> {
        Some(Self::from_fn(|kind| {
            let Some(Place { word, shift, most }) =
                Resource::ALL.get(kind).map(|&kind| place(kind))
            else {
                return 0;
            };
            words
                .get(word)
                .map_or(0, |word| word.wrapping_shr(shift) & most)
        }))
    }
}
