//! What the kernel can be asked without changing anything: is it there, and what is it?
//!
//! A trait of its own, beside the system calls that do something: whoever answers for the kernel here must never change
//! what is asked about, whatever it turns out to be.

use interfaces::memory::Access;
use interfaces::truth::Sort;

use crate::hands::{Made, Slot};

/// Questions. Plain numbers are slots of the memory-server's own CNode.
pub trait Witness {
    /// What is in a slot. If it is of the kind that is expected, at the least price; else it is told from others as far as
    /// the kernel tells.
    fn sort(&mut self, slot: Slot, expected: Made) -> Sort;

    /// How many bytes of the untyped memory in a slot nothing is made of.
    fn unused(&mut self, slot: u64) -> Sort;

    /// Whether there is anything in a slot.
    fn is_taken(&mut self, slot: Slot) -> bool;

    /// Whether a frame's capability is mapped in the address space of a root. Sets the mapping's rights to what they are
    /// on record.
    fn is_in(&mut self, frame: u64, root: u64, access: Access) -> bool;

    /// Whether 2 MiB are mapped in one piece at an address: a copy of the capability to a `frame` of that size finds something
    /// in its way there, and `probe`, of 4 KiB, no page table. Neither is mapped there by it.
    fn shows_large(&mut self, root: u64, address: u32, frame: u64, probe: u64) -> bool;

    /// Whether anything is mapped at an address. `probe` is a frame's capability that is not mapped, now or afterwards.
    fn shows(&mut self, root: u64, address: u32, probe: u64) -> bool;
}
