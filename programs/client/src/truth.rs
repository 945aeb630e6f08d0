//! An audit: what the ledger says of a group, what the servers have on record for it, and what the kernel bears out of that.
//!
//! For operators. The three are equal as long as nothing in the group changes while they are asked.

use core::fmt;

use interfaces::process::{Audit, Inspect, OperatorRefusal};
use interfaces::truth::Wrong;
use interfaces::{Amounts, CallError, GroupId};

use crate::server::{Server, call};

/// What an audit found.
#[derive(Clone, Copy, Debug)]
pub struct Audited {
    /// What the ledger says.
    pub ledger: Amounts,
    /// What the servers count.
    pub counted: Amounts,
    /// What is there, found page by page and slot by slot.
    pub found: Amounts,
    /// Capabilities of which the kernel was asked.
    pub checked: u64,
    /// The first record that the kernel does not bear out.
    pub wrong: Option<Wrong>,
}

impl Audited {
    /// Whether all agree.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.wrong.is_none() && self.ledger == self.counted && self.ledger == self.found
    }
}

impl fmt::Display for Audited {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(wrong) = &self.wrong {
            return write!(out, "{wrong}");
        }
        if self.is_equal() {
            return write!(
                out,
                "{} capabilities are where they should be",
                self.checked
            );
        }
        let Self {
            ledger,
            counted,
            found,
            ..
        } = self;
        write!(out, "ledger {ledger}; counted {counted}; found {found}")
    }
}

/// Audits a group.
pub fn audit(group: GroupId) -> Result<Audited, CallError<OperatorRefusal>> {
    let records = call(Server::Process, &Audit { group })?;
    let audited = Audited {
        ledger: records.ledger,
        counted: records.held,
        ..walk(Some(group))?
    };
    Ok(audited)
}

/// Asks the kernel about everything that the servers have on record, whoever pays for it, and whether what is free is free.
/// Nothing is compared with the ledger.
pub fn inspect() -> Result<Audited, CallError<OperatorRefusal>> {
    walk(None)
}

fn walk(group: Option<GroupId>) -> Result<Audited, CallError<OperatorRefusal>> {
    let mut audited = Audited {
        ledger: Amounts::NONE,
        counted: Amounts::NONE,
        found: Amounts::NONE,
        checked: 0,
        wrong: None,
    };
    let mut at = 0;
    loop {
        let slice = call(Server::Process, &Inspect { group, at })?;
        audited.checked = audited.checked.saturating_add(slice.checked.into());
        let found = audited.found.checked_add(&slice.held);
        audited.found = found.unwrap_or(audited.found);
        audited.wrong = slice.wrong;
        match slice.next {
            Some(next) if slice.wrong.is_none() => at = next,
            _ => return Ok(audited),
        }
    }
}
