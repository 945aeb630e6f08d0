//! Groups as directories: the name of each among its siblings.
//!
//! A group is listed by its label if that makes a good name and finds it, else by its id. Of several siblings with the
//! same label it finds the one that has had it longest; the others have their ids. An id always names a group. So every
//! name that is listed leads to the group that it was listed for.

use interfaces::limits::{FindChild, LABEL_BYTES, LabelText};
use interfaces::{GroupId, Text};

use crate::cgroup::File;
use crate::error::Error;
use crate::path::id_name;
use crate::servers::Servers;
use crate::text;
use crate::tree::Trees;

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
        self.labelled(group, LabelText::cut(name))
    }

    /// Names every group directly below one, oldest first.
    pub(crate) fn each_child_name(
        &mut self,
        group: GroupId,
        mut each: impl FnMut(&str),
    ) -> Result<(), Error> {
        self.each_child(group, None, |trees, child| {
            // What has vanished since has no name.
            if let Some(label) = trees.label_of(child)? {
                if is_name(label.as_str()) && trees.labelled(group, label.clone()) == Ok(child) {
                    each(label.as_str());
                } else {
                    each(id_name(child).as_str());
                }
            }
            Ok(true)
        })
    }

    fn labelled(&mut self, above: GroupId, label: LabelText) -> Result<GroupId, Error> {
        self.ask_limits(&FindChild {
            parent: Some(above),
            label,
        })
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
        && Text::<LABEL_BYTES>::try_new(label).is_some()
        && label.chars().all(plain)
        // Digits and dots are an id, or one's misspelling, or a way out.
        && !label.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && File::by_name(label).is_none()
}
