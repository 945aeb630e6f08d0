//! Groups as directories: the name of each among its siblings.
//!
//! A group is listed by its label if that makes a good name and no sibling has the same, else by its id. An id always
//! names a group, a label names it as long as it is the only one.
//!
//! No server knows groups by their labels, so a name costs a call for each sibling, and a listing two or three.

use interfaces::limits::LabelText;
use interfaces::{GroupId, Text};

use crate::cgroup::File;
use crate::error::Error;
use crate::path::id_name;
use crate::servers::Servers;
use crate::text;
use crate::tree::Trees;

/// How many siblings' labels are kept in mind at once: 6 KiB of the stack. More are gone through in several rounds.
const ROUND: usize = 256;

/// A sibling, and whether its label is another's too.
struct Sibling {
    group: GroupId,
    /// Of its label; two labels with the same fingerprint are taken for equal, which costs them only their names.
    fingerprint: u64,
    shared: bool,
}

impl<S: Servers> Trees<S> {
    /// The group of this name directly below another.
    pub(crate) fn child_named(&mut self, group: GroupId, name: &str) -> Result<GroupId, Error> {
        if let Some(id) = text::group(name) {
            let parent = self.account(id)?.parent;
            return if parent == Some(group) {
                Ok(id)
            } else {
                Err(Error::NoSuchPath)
            };
        }
        if !is_name(name) {
            return Err(Error::NoSuchPath);
        }
        let (mut found, mut again) = (None, false);
        self.each_child(group, None, |trees, child| {
            if trees
                .label_of(child)?
                .is_some_and(|label| label.as_str() == name)
            {
                again |= found.replace(child).is_some();
            }
            Ok(true)
        })?;
        if again {
            return Err(Error::Ambiguous);
        }
        found.ok_or(Error::NoSuchPath)
    }

    /// Names every group directly below one, oldest first.
    pub(crate) fn each_child_name(
        &mut self,
        group: GroupId,
        mut each: impl FnMut(&str),
    ) -> Result<(), Error> {
        let mut after = None;
        loop {
            let round = self.round(group, after)?;
            for sibling in &round {
                // What has vanished since has no name.
                let Some(label) = self.label_of(sibling.group)? else {
                    continue;
                };
                if !sibling.shared && is_name(label.as_str()) {
                    each(label.as_str());
                } else {
                    each(id_name(sibling.group).as_str());
                }
            }
            if !round.is_full() {
                return Ok(());
            }
            after = round.last().map(|sibling| sibling.group);
        }
    }

    /// Some of the groups directly below one, compared with all of them.
    fn round(
        &mut self,
        group: GroupId,
        after: Option<GroupId>,
    ) -> Result<heapless::Vec<Sibling, ROUND>, Error> {
        let mut round = heapless::Vec::<Sibling, ROUND>::new();
        self.each_child(group, after, |trees, child| {
            if let Some(label) = trees.label_of(child)? {
                let fingerprint = fingerprint(label.as_str());
                let sibling = Sibling {
                    group: child,
                    fingerprint,
                    shared: false,
                };
                return Ok(round.push(sibling).is_ok() && !round.is_full());
            }
            Ok(true)
        })?;
        self.each_child(group, None, |trees, child| {
            let Some(label) = trees.label_of(child)? else {
                return Ok(true);
            };
            let print = fingerprint(label.as_str());
            for sibling in round.iter_mut().filter(|sibling| sibling.group != child) {
                sibling.shared |= sibling.fingerprint == print;
            }
            Ok(true)
        })?;
        Ok(round)
    }

    /// A group's label, unless it has just vanished.
    fn label_of(&mut self, group: GroupId) -> Result<Option<LabelText>, Error> {
        match self.account(group) {
            Ok(account) => Ok(Some(account.label)),
            Err(Error::NoSuchPath) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether a directory can have this name: it must not be taken for anything else.
pub(crate) fn is_name(label: &str) -> bool {
    let plain =
        |character: char| character != '/' && !character.is_whitespace() && !character.is_control();
    !label.is_empty()
        && Text::<{ interfaces::limits::LABEL_BYTES }>::try_new(label).is_some()
        && label.chars().all(plain)
        // Digits and dots are an id, or one's misspelling, or a way out.
        && !label.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && File::by_name(label).is_none()
}

/// FNV-1a.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
