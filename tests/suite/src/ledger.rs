//! The whole ledger at one moment, for comparing: every account of every group.

use client::interfaces::limits::Account;
use client::interfaces::{Amounts, GroupId, Resource};
use client::{limits, process};

use crate::failure::Failure;

/// The most groups that a case has at once.
const GROUPS: usize = 48;

/// One group's account: its refusals, and everything else as a number that differs if anything does.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    group: GroupId,
    rest: u64,
    refusals: Amounts,
    usage: Amounts,
}

/// Every account at one moment.
#[derive(Clone, PartialEq, Eq)]
pub struct Ledger(heapless::Vec<Entry, GROUPS>);

impl Ledger {
    /// Reads all of it.
    pub fn read() -> Result<Self, Failure> {
        let mut entries = heapless::Vec::new();
        each_group(|group| {
            let account = limits::read_account(Some(group))?;
            let entry = Entry {
                group,
                refusals: account.refusals,
                usage: account.usage,
                rest: digest(account)?,
            };
            ensure!(entries.push(entry).is_ok(), "more than {GROUPS} groups");
            Ok(())
        })?;
        Ok(Self(entries))
    }

    /// This ledger is `before` but for one more refusal of `resource` in `group`.
    #[track_caller]
    pub fn is_but_for_one_refusal(
        &self,
        before: &Self,
        group: GroupId,
        resource: Resource,
    ) -> Result<(), Failure> {
        let mut expected = before.clone();
        for entry in expected.0.iter_mut().filter(|entry| entry.group == group) {
            entry
                .refusals
                .set(resource, entry.refusals.get(resource).saturating_add(1));
        }
        self.is(&expected)
    }

    /// The same groups use the same as in the other; peaks and refusals may be others.
    #[track_caller]
    pub fn uses_what(&self, expected: &Self) -> Result<(), Failure> {
        equal!("groups", self.0.len(), expected.0.len());
        for (found, expected) in self.0.iter().zip(&expected.0) {
            equal!("group", found.group, expected.group);
            for (kind, used) in found.usage.iter() {
                let before = expected.usage.get(kind);
                let group = found.group;
                ensure!(
                    used == before,
                    "group {group} uses {used} {kind}, not {before}"
                );
            }
        }
        Ok(())
    }

    /// This ledger is the other, to the last number.
    #[track_caller]
    pub fn is(&self, expected: &Self) -> Result<(), Failure> {
        equal!("groups", self.0.len(), expected.0.len());
        for (found, expected) in self.0.iter().zip(&expected.0) {
            equal!("group", found.group, expected.group);
            let group = found.group;
            ensure!(
                found.rest == expected.rest,
                "the account of group {group} has changed"
            );
            equal!(group, found.refusals, expected.refusals);
        }
        Ok(())
    }
}

/// Does something with every group there is, in the walk's order.
pub fn each_group(mut act: impl FnMut(GroupId) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut next = process::next_group(None)?;
    while let Some(group) = next {
        act(group)?;
        next = process::next_group(Some(group))?;
    }
    Ok(())
}

/// Everything in an account but its refusals, as one number (FNV-1a over its encoding).
fn digest(mut account: Account) -> Result<u64, Failure> {
    account.refusals = Amounts::NONE;
    let mut buffer = [0; 960];
    let Some(bytes) = client::interfaces::encode::encode(&account, &mut buffer) else {
        fail!("an account that cannot be encoded");
    };
    let bytes = buffer.iter().take(bytes);
    Ok(bytes.fold(0xcbf2_9ce4_8422_2325, |digest, &byte| {
        (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    }))
}
