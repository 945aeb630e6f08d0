//! The kernel of the host, asked; and ways to make it say something else than what is on record.

use interfaces::memory::Access;
use interfaces::truth::Sort;
use memory_core::hands::{Made, Slot};
use memory_core::owner::TableLevel;
use memory_core::truth::number_of;
use memory_core::witness::Witness;

use super::{FakeKernel, Object, World};

impl World {
    fn sort_of(&self, slot: Slot) -> Sort {
        let Some(cap) = self.caps.get(&slot) else {
            return Sort::Nothing;
        };
        match self.objects[&cap.object] {
            Object::Untyped { bits, next } => Sort::Untyped {
                unused: if self.parents.contains(&slot) {
                    (1 << bits) - next
                } else {
                    1 << bits
                },
            },
            Object::Made(made) => match made {
                Made::Tcb => Sort::Thread,
                Made::ClientCNode => Sort::CNode,
                Made::Root if self.spaces.contains_key(&cap.object) => Sort::Root,
                Made::Root | Made::Untyped { .. } => Sort::Other,
                Made::Table(level) => Sort::Table {
                    level: number_of(level),
                    mapped: cap.mapped.is_some(),
                },
                Made::Frame | Made::LargeFrame => Sort::Frame {
                    address: self.addresses[&cap.object],
                    mapped: cap.mapped.is_some(),
                },
                Made::Notification | Made::Endpoint => Sort::Port,
            },
        }
    }

    /// Whether it is this audit's turn to ask the kernel: every fifth's, so that it is no one group's alone.
    pub fn is_to_be_asked(&mut self) -> bool {
        self.audits += 1;
        self.audits % 5 == 1
    }

    /// Notes what something was made of: before questions are asked, so that each need not look through everything.
    pub fn note_parents(&mut self) {
        self.parents = self.caps.values().filter_map(|cap| cap.parent).collect();
    }

    /// A capability vanishes, and nobody is told.
    pub fn vanish(&mut self, slot: Slot) {
        self.caps.remove(&slot).expect("it was there");
    }

    /// Something else is in a slot from now on.
    pub fn replace(&mut self, slot: Slot, made: Made) {
        let cap = self.caps.get_mut(&slot).expect("it was there");
        let number = self.next_object;
        cap.object = number;
        self.next_object += 1;
        self.objects.insert(number, Object::Made(made));
        self.addresses.insert(number, 0);
    }

    /// A frame is elsewhere in the machine.
    pub fn move_frame(&mut self, slot: Slot, address: u64) {
        let object = self.caps[&slot].object;
        self.addresses.insert(object, address);
    }

    /// A mapping is gone from the page table, though the capability still has it.
    pub fn wipe(&mut self, slot: Slot) {
        let (root, address) = self.caps[&slot].mapped.expect("mapped");
        let view = self.spaces.get_mut(&root).expect("a space");
        view.frames.remove(&address).expect("shown");
    }

    /// The capability's mapping is gone.
    pub fn unmap_behind(&mut self, slot: Slot) {
        self.unmap(slot);
    }

    /// A capability that is on nobody's record.
    pub fn plant(&mut self, slot: Slot, made: Made) {
        let number = self.add(slot, Object::Made(made), None);
        self.addresses.insert(number, 0);
    }

    /// Whether a slot holds anything.
    pub fn holds(&self, slot: Slot) -> bool {
        self.caps.contains_key(&slot)
    }
}

impl Witness for FakeKernel {
    fn sort(&mut self, slot: Slot, _: Made) -> Sort {
        self.0.borrow().sort_of(slot)
    }

    fn unused(&mut self, slot: u64) -> Sort {
        self.0.borrow().sort_of(Slot::Own(slot))
    }

    fn is_taken(&mut self, slot: Slot) -> bool {
        self.0.borrow().caps.contains_key(&slot)
    }

    fn is_in(&mut self, frame: u64, root: u64, access: Access) -> bool {
        let mut world = self.0.borrow_mut();
        let Some(root) = world.caps.get(&Slot::Own(root)).map(|cap| cap.object) else {
            return false;
        };
        let Some((of, address)) = world.caps[&Slot::Own(frame)].mapped else {
            return false;
        };
        let shown = world.spaces.get_mut(&root);
        if let Some(shown) = shown.and_then(|view| view.frames.get_mut(&address)) {
            assert_eq!(
                shown.1,
                access == Access::ReadWrite,
                "a question changes nothing"
            );
        }
        of == root
    }

    fn shows_large(&mut self, root: u64, address: u32, _: u64, _: u64) -> bool {
        let world = self.0.borrow();
        let root = world.caps[&Slot::Own(root)].object;
        let table = TableLevel::Table.place(address);
        let view = world.spaces.get(&root);
        view.is_some_and(|view| view.large.contains(&table) && !view.tables.contains(&table))
    }

    fn shows(&mut self, root: u64, address: u32, probe: u64) -> bool {
        let world = self.0.borrow();
        assert!(world.caps[&Slot::Own(probe)].mapped.is_none());
        let root = world.caps[&Slot::Own(root)].object;
        let view = world.spaces.get(&root);
        view.is_some_and(|view| {
            view.frames.contains_key(&address) || view.barred.contains_key(&address)
        })
    }
}

impl World {
    /// Takes what is in a slot away and leaves something else made of the same memory somewhere else.
    pub fn plant_below(&mut self, slot: Slot) {
        let parent = self.caps[&slot].parent;
        self.vanish(slot);
        self.add(Slot::Own(u64::MAX), Object::Made(Made::Frame), parent);
    }

    /// Something is made of a free block.
    pub fn use_up_a_free_block(&mut self) {
        let is_free =
            |cap: &&super::Cap| matches!(self.objects[&cap.object], Object::Untyped { .. });
        let parents: Vec<_> = self.caps.values().filter_map(|cap| cap.parent).collect();
        let free = self.caps.iter().filter(|(_, cap)| is_free(cap));
        let (&slot, cap) = free
            .into_iter()
            .find(|(slot, _)| !parents.contains(slot))
            .expect("something is free");
        let object = cap.object;
        if let Some(Object::Untyped { next, .. }) = self.objects.get_mut(&object) {
            *next = 16;
        }
        self.add(
            Slot::Own(u64::MAX),
            Object::Made(Made::Endpoint),
            Some(slot),
        );
    }
}
