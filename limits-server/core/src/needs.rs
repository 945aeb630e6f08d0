//! Which operation on a group needs which right: all of it, in one table.
//!
//! Everything that a client can ask about a group is one of these operations; the service names the operation and
//! the ledger answers. Nothing else decides who may do what.

use interfaces::limits::Rights;

/// Declares the operations: one line each, with the right that it needs.
macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident needs $rights:expr;)+) => {
        /// What can be done to a group.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operation { $($(#[$doc])* $name,)+ }

        impl Operation {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The rights that it needs, all of them.
            #[inline]
            #[must_use]
            pub const fn needs(self) -> Rights {
                match self { $(Self::$name => $rights,)+ }
            }
        }
    };
}

operations! {
    /// Reading its account, its lists, its owner, its totals, who has rights on it, what vanished below it.
    Read needs Rights::SEE;
    /// Opening a group in it.
    OpenIn needs Rights::SUBGROUPS;
    /// Setting a limit that is not above the one before.
    LowerLimit needs Rights::LOWER;
    /// Setting a limit that is above the one before.
    RaiseLimit needs Rights::RAISE;
    /// Guaranteeing it pages, or taking that back: what is set aside for it nobody else has.
    Guarantee needs Rights::RAISE;
    /// Giving it a label, or none.
    SetLabel needs Rights::LOWER;
    /// Setting who owns it: hands rights on, so everything that a mode can give must be the caller's to hand on.
    SetOwner needs Rights::MODE;
    /// Setting its mode: like its owner.
    SetMode needs Rights::MODE;
    /// Setting its peaks back.
    ResetPeaks needs Rights::LOWER;
    /// Setting its counts of refusals back.
    ResetRefusals needs Rights::LOWER;
    /// Making it live on when it is empty. Who may end it decides how long it lives; no member decides that.
    Hold needs Rights::KILL;
    /// Letting it vanish when it is empty.
    Unhold needs Rights::KILL;
    /// Removing it when it is empty.
    Remove needs Rights::KILL;
    /// Ending everything in it.
    Kill needs Rights::KILL;
    /// Stopping its threads, and letting them go on.
    Freeze needs Rights::FREEZE;
    /// Being told what happens in it, which shows what is there.
    Watch needs Rights::SEE.union(Rights::WATCH);
    /// Moving another task into it.
    MoveIn needs Rights::MOVE_IN;
    /// Moving another task out of it.
    MoveOut needs Rights::MOVE_OUT;
}

impl Operation {
    /// Whether the rights must be such as can be handed on: from above or by an entry, not by membership or a mode.
    #[must_use]
    pub const fn hands_on(self) -> bool {
        matches!(self, Self::SetOwner | Self::SetMode)
    }
}
