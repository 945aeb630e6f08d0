//! Every operation of a client on a group that needs a right: what it does in the ledger's own words, the trial of it,
//! and the right.
//!
//! The host includes this file as well, and compares it with the ledger's own table: an operation that is added there
//! and has no trial here fails a test.

/// Hands the table to a macro.
macro_rules! every_trial {
    ($apply:ident) => {
        $apply! {
            Read: read_account needs SEE,
            Read: read_resource needs SEE,
            Read: read_usage needs SEE,
            Read: list_children needs SEE,
            Read: list_tasks needs SEE,
            Read: effective_limit needs SEE,
            Read: would_fit needs SEE,
            Read: list_rights needs SEE,
            Read: read_owner needs SEE,
            Read: read_totals needs SEE,
            Read: find_child needs SEE,
            Read: list_tombstones needs SEE,
            Read: read_freeze needs SEE,
            Read: read_guarantee needs SEE,
            OpenIn: open_group needs SUBGROUPS,
            LowerLimit: lower_limit needs LOWER,
            RaiseLimit: raise_limit needs RAISE,
            LowerLimit: lower_soft_limit needs LOWER,
            LowerLimit: soft_limit_back needs LOWER,
            Guarantee: guarantee needs RAISE,
            SetLabel: set_label needs LOWER,
            SetOwner: set_owner needs MODE,
            SetMode: set_mode needs MODE,
            ResetPeaks: reset_peaks needs LOWER,
            ResetRefusals: reset_refusals needs LOWER,
            Hold: hold needs KILL,
            Unhold: unhold needs KILL,
            Remove: remove_group needs KILL,
            Kill: kill_group needs KILL,
            Freeze: freeze needs FREEZE,
            Freeze: thaw needs FREEZE,
            Watch: watch needs SEE + WATCH,
            MoveIn: move_in needs MOVE_IN,
            MoveOut: move_out needs MOVE_OUT,
        }
    };
}
