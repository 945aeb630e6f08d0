//! Where a machine's memory is: what clients can be granted, and what the kernel and the servers keep for themselves.
//!
//! The guest says how large the machine is, how much of it is handed to the memory-server, and what each part of the system
//! was given; what is nobody's then is the kernel's, with the root task, which it loads. The slots for clients' frames and for
//! further mappings of them, and the records of both, are counted apart: they are charged to clients as `cap-slots`.

use std::fmt;

use interfaces::start::memory_slots::PAGE_SLOTS;
use memory_core::memory::Sizes;
use serde::Serialize;

/// The bytes of a page.
const PAGE: u64 = 4096;
/// The bytes of a slot.
const SLOT: u64 = 32;
/// How the guest's figures of memory begin.
const PREFIX: &str = "memory.";
/// How those of what the system keeps go on.
const OWN: &str = "own.";

/// Where the memory is, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MemoryList {
    /// All of it.
    pub machine: u64,
    /// Slots for further mappings of shared pages, each charged to who needs it.
    pub shared_mappings: u64,
    /// What can be granted to clients.
    pub handed_out: u64,
    /// What parts of the system keep, by what for.
    pub own: Vec<(String, u64)>,
}

impl MemoryList {
    /// Takes note of a figure, if it is one of memory.
    pub fn figure(&mut self, name: &str, value: u64) {
        let Some(name) = name.strip_prefix(PREFIX) else {
            return;
        };
        match (name, name.strip_prefix(OWN)) {
            (_, Some(what)) => self.note(&what.replace('_', " "), value),
            ("pages", None) => self.machine = value.saturating_mul(PAGE),
            ("shared-mappings", None) => self.shared_mappings = value,
            ("handed-out", None) => self.handed_out = value,
            _ => {}
        }
    }

    fn note(&mut self, what: &str, bytes: u64) {
        match self.own.iter_mut().find(|(known, _)| known == what) {
            Some((_, sum)) => *sum = sum.saturating_add(bytes),
            None => self.own.push((what.to_owned(), bytes)),
        }
    }

    /// The slots for clients' frames, and the records that go with them, in bytes. They are in the memory-server's CNode
    /// and heap: some for each page, one for each further mapping of one.
    #[must_use]
    pub fn with_pages(&self) -> u64 {
        let pages = self.machine / PAGE;
        let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
        let records = Sizes::bytes_for_pages(count(pages), count(self.shared_mappings));
        pages
            .saturating_mul(PAGE_SLOTS)
            .saturating_add(self.shared_mappings)
            .saturating_mul(SLOT)
            .saturating_add(records)
    }

    /// The kernel's, and the root task's image and CNode: what nobody else has.
    #[must_use]
    pub fn kernel(&self) -> u64 {
        let own = self.own.iter().map(|&(_, bytes)| bytes).sum::<u64>();
        self.machine
            .saturating_sub(self.handed_out)
            .saturating_sub(own)
    }

    /// What the kernel and the servers keep for themselves.
    #[must_use]
    pub fn kernel_and_servers(&self) -> u64 {
        self.machine
            .saturating_sub(self.handed_out)
            .saturating_sub(self.with_pages())
    }
}

impl fmt::Display for MemoryList {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.machine == 0 {
            return Ok(());
        }
        let mut line = |bytes: u64, what: &str| writeln!(out, "  {:>8} KiB  {what}", bytes >> 10);
        line(self.machine, "the machine")?;
        line(self.handed_out, "can be granted to clients")?;
        line(self.with_pages(), "slots and records for clients' frames")?;
        line(
            self.kernel_and_servers(),
            "the kernel and the servers, without those:",
        )?;
        line(self.kernel(), "  kernel, root task")?;
        let mut own: Vec<_> = self.own.iter().filter(|(_, bytes)| *bytes > 0).collect();
        own.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        for (what, bytes) in own {
            line(*bytes, &format!("  {what}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_is_the_kernels_and_the_pages_slots_are_apart() {
        let mut list = MemoryList::default();
        assert_eq!(list.to_string(), "");
        for (name, value) in [
            ("memory.pages", 1 << 17),
            ("memory.handed-out", 440 << 20),
            ("memory.own.heap_of_limits-server", 8 << 20),
            ("memory.own.heap_of_limits-server", 2 << 20),
            ("memory.own.CNode_of_memory-server", 16 << 20),
            ("spawn-depth-1", 7),
        ] {
            list.figure(name, value);
        }
        assert_eq!(list.kernel(), (512 - 440 - 8 - 2 - 16) << 20);
        let text = list.to_string();
        assert!(
            text.contains("     10240 KiB    heap of limits-server\n"),
            "{text}"
        );
        assert_eq!(
            list.kernel_and_servers() + list.with_pages() + list.handed_out,
            list.machine
        );
    }
}
