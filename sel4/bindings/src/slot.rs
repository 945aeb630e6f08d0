//! Slots: the places that capabilities are in, and what can be done with what is there.

use crate::{CapData, CapRights, Result, cap, generated};

/// The path to a slot: so many bits of an index, resolved from a `CNode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Where the path starts, as the running thread's CSpace finds it.
    pub root: cap::CNode,
    /// The path.
    pub index: u64,
    /// How many bits of it count.
    pub depth: u8,
}

/// Bits of an address in a CSpace.
const WHOLE_DEPTH: u8 = 64;

impl Slot {
    /// A path of any depth.
    #[must_use]
    pub const fn new(root: cap::CNode, index: u64, depth: u8) -> Self {
        Self { root, index, depth }
    }

    /// The slot that a CSpace with that root finds at an address: all 64 bits count, the root's guard included.
    #[must_use]
    pub const fn in_root(root: cap::CNode, address: u64) -> Self {
        Self::new(root, address, WHOLE_DEPTH)
    }

    /// Puts a copy here, with as many of the `rights` as the source has.
    pub fn copy_from(self, source: Self, rights: CapRights) -> Result<()> {
        generated::cnode_copy(
            self.root.bits(),
            self.index,
            self.depth,
            source.root.bits(),
            source.index,
            source.depth,
            rights.word(),
        )
    }

    /// Puts a copy here that carries a badge.
    ///
    /// # Panics
    ///
    /// If the badge is too long; see [`CapData::badge`].
    pub fn mint_from(self, source: Self, rights: CapRights, badge: u64) -> Result<()> {
        self.mint_data_from(source, rights, CapData::badge(badge))
    }

    /// Puts a copy of a `CNode`'s capability here that has another guard.
    pub fn mint_guard_from(self, source: Self, rights: CapRights, guard: CapData) -> Result<()> {
        self.mint_data_from(source, rights, guard)
    }

    /// Puts a copy of a capability to ports here that reaches only those from `first` to `last`.
    ///
    /// [`IllegalOperation`](crate::Error::IllegalOperation) means that the source does not reach all of them.
    pub fn mint_ports_from(self, source: Self, first: u16, last: u16) -> Result<()> {
        self.mint_data_from(source, CapRights::ALL, CapData::ports(first, last))
    }

    fn mint_data_from(self, source: Self, rights: CapRights, data: CapData) -> Result<()> {
        generated::cnode_mint(
            self.root.bits(),
            self.index,
            self.depth,
            source.root.bits(),
            source.index,
            source.depth,
            rights.word(),
            data.word(),
        )
    }

    /// Moves the capability here; the source is empty then.
    pub fn move_from(self, source: Self) -> Result<()> {
        generated::cnode_move(
            self.root.bits(),
            self.index,
            self.depth,
            source.root.bits(),
            source.index,
            source.depth,
        )
    }

    /// Moves a `CNode`'s capability here and gives it a guard.
    ///
    /// This kernel refuses endpoints and notifications here and in [`rotate`](Self::rotate), badged or not: only what
    /// carries neither badge nor guard passes unchanged.
    pub fn mutate_from(self, source: Self, data: CapData) -> Result<()> {
        generated::cnode_mutate(
            self.root.bits(),
            self.index,
            self.depth,
            source.root.bits(),
            source.index,
            source.depth,
            data.word(),
        )
    }

    /// Moves the pivot's capability here and the source's to the pivot.
    pub fn rotate(
        self,
        pivot: Self,
        pivot_data: CapData,
        source: Self,
        source_data: CapData,
    ) -> Result<()> {
        generated::cnode_rotate(
            self.root.bits(),
            self.index,
            self.depth,
            pivot_data.word(),
            pivot.root.bits(),
            pivot.index,
            pivot.depth,
            source_data.word(),
            source.root.bits(),
            source.index,
            source.depth,
        )
    }

    /// Empties the slot. With the last capability goes the object.
    pub fn delete(self) -> Result<()> {
        generated::cnode_delete(self.root.bits(), self.index, self.depth)
    }

    /// Deletes every capability that was made from the one here.
    pub fn revoke(self) -> Result<()> {
        generated::cnode_revoke(self.root.bits(), self.index, self.depth)
    }

    /// Puts the right to answer the last call here, so that it can be answered after other messages.
    pub fn save_caller(self) -> Result<()> {
        generated::cnode_save_caller(self.root.bits(), self.index, self.depth)
    }

    /// Ends every wait to send with the badge of the endpoint's capability here.
    pub fn cancel_badged_sends(self) -> Result<()> {
        generated::cnode_cancel_badged_sends(self.root.bits(), self.index, self.depth)
    }
}
