//! The kernel, asked: what is in a slot, and what is mapped at an address. Changes nothing.

use interfaces::memory::Access;
use interfaces::start::memory_slots;
use interfaces::truth::Sort;
use memory_core::hands::{Made, Slot};
use memory_core::owner::TableLevel;
use memory_core::truth::number_of;
use memory_core::witness::Witness;
use sel4::probe::Kind;
use sel4::{CapRights, Error, VmAttributes, cap};

use crate::hands::{Capabilities, OWN, path, rights};

/// The slot for copies that are looked at.
const PEEK: Slot = Slot::Own(memory_slots::PEEK);

/// Which kind tells this from others.
const fn kind_of(made: Made) -> Option<Kind> {
    Some(match made {
        Made::Untyped { .. } => Kind::Untyped,
        Made::Tcb => Kind::Tcb,
        Made::ClientCNode => Kind::CNode,
        Made::Table(TableLevel::Pointers) => Kind::Pdpt,
        Made::Table(TableLevel::Directory) => Kind::PageDirectory,
        Made::Table(TableLevel::Table) => Kind::PageTable,
        Made::Frame | Made::LargeFrame => Kind::Frame,
        Made::Root | Made::Notification | Made::Endpoint => return None,
    })
}

/// What a capability is that is of this kind, and that nobody can send through.
fn of_kind(capability: cap::Unspecified, kind: Kind) -> Sort {
    let table = |level| match capability.is_mapped(kind, OWN) {
        Some(mapped) => Sort::Table {
            level: number_of(level),
            mapped,
        },
        None => Sort::Other,
    };
    match kind {
        Kind::Tcb => Sort::Thread,
        Kind::CNode => Sort::CNode,
        Kind::Untyped => unused(capability.bits()),
        Kind::PageTable => table(TableLevel::Table),
        Kind::PageDirectory => table(TableLevel::Directory),
        Kind::Pdpt => table(TableLevel::Pointers),
        Kind::Frame => {
            let address = capability.cast::<cap::kind::Frame>().physical_address();
            match (address, capability.is_mapped(kind, OWN)) {
                (Ok(address), Some(mapped)) => Sort::Frame { address, mapped },
                _ => Sort::Other,
            }
        }
    }
}

/// Tells what a capability is, that nobody can send through and that is not what was expected.
fn told_apart(capability: cap::Unspecified, probe: cap::Frame) -> Sort {
    if let Some(kind) = Kind::ALL.into_iter().find(|&kind| capability.is(kind)) {
        return of_kind(capability, kind);
    }
    if is_root(capability, probe) {
        return Sort::Root;
    }
    match capability.complaint() {
        Some(Error::InvalidCapability) => Sort::Port,
        _ => Sort::Other,
    }
}

/// Whether it is a root; `probe` is a frame that is never mapped.
fn is_root(capability: cap::Unspecified, probe: cap::Frame) -> bool {
    capability.cast::<cap::kind::Pml4>().is_root(probe)
}

fn unused(slot: u64) -> Sort {
    match cap::Untyped::from_bits(slot).unused(OWN, memory_slots::PEEK) {
        Some(unused) => Sort::Untyped { unused },
        None => Sort::Other,
    }
}

impl Capabilities {
    /// Looks at a copy without rights, through which nothing can be sent.
    fn through_copy(&mut self, slot: Slot, expected: Made) -> Sort {
        match path(PEEK).copy_from(path(slot), CapRights::NONE) {
            Ok(()) => {}
            Err(Error::FailedLookup) => return Sort::Nothing,
            // There is no copy of a table that is not mapped, or of a root without a number.
            Err(_) => return Sort::Other,
        }
        let copy = cap::Unspecified::from_bits(memory_slots::PEEK);
        let found = match kind_of(expected) {
            Some(kind) if copy.is(kind) => of_kind(copy, kind),
            None if expected == Made::Root && is_root(copy, self.probe) => Sort::Root,
            _ => told_apart(copy, self.probe),
        };
        // What could not be deleted shows in whatever is looked at next.
        let _ = path(PEEK).delete();
        found
    }
}

impl Witness for Capabilities {
    fn sort(&mut self, slot: Slot, expected: Made) -> Sort {
        // In the slots for pages and copies there is nothing through which this server could send to anybody.
        if let (Slot::Own(own), Made::Frame | Made::Table(_) | Made::Root) = (slot, expected) {
            let capability = cap::Unspecified::from_bits(own);
            let found = match kind_of(expected) {
                Some(kind) => of_kind(capability, kind),
                None if is_root(capability, self.probe) => Sort::Root,
                None => Sort::Other,
            };
            if found != Sort::Other {
                return found;
            }
        }
        self.through_copy(slot, expected)
    }

    fn unused(&mut self, slot: u64) -> Sort {
        match unused(slot) {
            Sort::Other => self.through_copy(Slot::Own(slot), Made::Untyped { bits: 0 }),
            found => found,
        }
    }

    fn is_taken(&mut self, slot: Slot) -> bool {
        path(slot).is_taken(path(PEEK))
    }

    fn is_in(&mut self, frame: u64, root: u64, access: Access) -> bool {
        let root = cap::Pml4::from_bits(root);
        let frame = cap::Frame::from_bits(frame);
        let result = frame.remap(root, rights(access), VmAttributes::DEFAULT);
        result.is_ok()
    }

    fn shows_large(&mut self, root: u64, address: u32, frame: u64, probe: u64) -> bool {
        let root = cap::Pml4::from_bits(root);
        let attributes = VmAttributes::DEFAULT;
        let tried =
            |frame: cap::Frame| frame.map(root, address.into(), CapRights::READ, attributes);
        if path(PEEK)
            .copy_from(path(Slot::Own(frame)), CapRights::READ)
            .is_err()
        {
            return false;
        }
        // A frame of 2 MiB finds a page table or another such frame in its way; one of 4 KiB misses the table.
        let large = tried(cap::Frame::from_bits(memory_slots::PEEK));
        let probe = cap::Frame::from_bits(probe);
        let small = tried(probe);
        if small.is_ok() {
            let _ = probe.unmap();
        }
        // What was mapped through the copy is unmapped with it only if it is the last.
        if large.is_ok() {
            let _ = cap::Frame::from_bits(memory_slots::PEEK).unmap();
        }
        let _ = path(PEEK).delete();
        large == Err(Error::DeleteFirst) && small == Err(Error::FailedLookup)
    }

    fn shows(&mut self, root: u64, address: u32, probe: u64) -> bool {
        let root = cap::Pml4::from_bits(root);
        let probe = cap::Frame::from_bits(probe);
        let attributes = VmAttributes::DEFAULT;
        match probe.map(root, address.into(), CapRights::READ, attributes) {
            Err(Error::DeleteFirst) => true,
            Err(_) => false,
            Ok(()) => {
                // It showed for a moment, and to nobody who ran, what every task may read.
                let _ = probe.unmap();
                false
            }
        }
    }
}
