//! Groups, by whatever a person calls them.

use client::interfaces::limits::Account;
use client::interfaces::{GroupId, Limit, Resource};
use client::{limits, process};

use crate::failure::Failure;

/// Every group there is: an operator may walk them all. The first refusal ends the walk.
pub fn every() -> impl Iterator<Item = Result<GroupId, Failure>> {
    let mut next = Some(process::next_group(None));
    core::iter::from_fn(move || match next.take()? {
        Ok(group) => {
            next = group.map(|group| process::next_group(Some(group)));
            Ok(group).transpose()
        }
        Err(error) => Some(Err(error.into())),
    })
}

/// The group of this id, label, or path below `/cgroup`.
pub fn find(word: &str) -> Result<GroupId, Failure> {
    if let Some(group) = id(word) {
        return Ok(group);
    }
    if let Some(path) = word.strip_prefix("/cgroup") {
        return by_path(path).ok_or_else(|| Failure::at(word, "no such group"));
    }
    let mut found = None;
    for group in every() {
        let group = group?;
        if label_is(group, word) && found.replace(group).is_some() {
            return Err(Failure::at(
                word,
                "several groups have this label: use an id",
            ));
        }
    }
    found.ok_or_else(|| Failure::at(word, "no group has this label"))
}

/// The limit of a kind.
pub fn limit(account: &Account, kind: Resource) -> Limit {
    let limit = account.limit.get(kind.index());
    limit.copied().unwrap_or(Limit::Max)
}

fn id(word: &str) -> Option<GroupId> {
    let number = |word: &str| {
        let digits = word.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| word.parse().ok()).flatten()
    };
    let (index, generation) = match word.split_once('.') {
        Some((index, generation)) => (number(index)?, number(generation)?),
        None => (number(word)?, 0),
    };
    Some(GroupId { index, generation })
}

fn by_path(path: &str) -> Option<GroupId> {
    let mut group = limits::who_am_i().ok()?.group;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        group = child(group, name)?;
    }
    Some(group)
}

/// The group of this id or label directly below another.
fn child(group: GroupId, name: &str) -> Option<GroupId> {
    let mut after = None;
    loop {
        let page = limits::list_children(Some(group), after).ok()?;
        let named = |&&child: &&GroupId| Some(child) == id(name) || label_is(child, name);
        if let Some(found) = page.items.iter().find(named) {
            return Some(*found);
        }
        after = Some(*page.items.last()?);
        if !page.more {
            return None;
        }
    }
}

fn label_is(group: GroupId, label: &str) -> bool {
    limits::read_account(Some(group)).is_ok_and(|account| account.label.as_str() == label)
}
