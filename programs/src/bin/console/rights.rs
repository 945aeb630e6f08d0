//! Rights on groups: shown, handed on, taken back.

use core::fmt::Write as _;

use client::interfaces::TaskId;
use client::interfaces::limits::Rights;
use client::limits;

use crate::failure::{Done, Failure};
use crate::groups;
use crate::screen::Screen;

/// Owner and mode, what this console may do, and a line for each entry.
pub fn show(screen: &mut Screen, word: &str) -> Done {
    let group = groups::find(word)?;
    let owner = limits::read_owner(Some(group)).map_err(|error| Failure::at(word, error))?;
    writeln!(
        screen,
        "group {group}: owner {}, gid {}, mode {:03o}",
        owner.uid, owner.gid, owner.mode
    )?;
    let mine = limits::my_rights(Some(group)).map_err(|error| Failure::at(word, error))?;
    writeln!(screen, "this console: {mine}")?;
    let entries = limits::list_rights(Some(group)).map_err(|error| Failure::at(word, error))?;
    for entry in entries {
        write!(screen, "task {}: {}", entry.task, entry.rights)?;
        match entry.giver {
            Some(giver) => writeln!(screen, ", from task {giver}")?,
            None => writeln!(screen, ", as its opener")?,
        }
    }
    Ok(())
}

/// Hands rights on.
pub fn grant(word: &str, task: TaskId, rights: Rights) -> Done {
    let group = groups::find(word)?;
    limits::grant(group, task, rights).map_err(|error| Failure::at(word, error))
}

/// Takes rights back.
pub fn revoke(word: &str, task: TaskId, rights: Rights) -> Done {
    let group = groups::find(word)?;
    limits::revoke(group, task, rights).map_err(|error| Failure::at(word, error))
}

/// Sets the mode.
pub fn mode(word: &str, mode: u16) -> Done {
    let group = groups::find(word)?;
    limits::set_mode(group, mode).map_err(|error| Failure::at(word, error))
}

/// Sets the owner.
pub fn owner(word: &str, uid: u32, gid: u32) -> Done {
    let group = groups::find(word)?;
    limits::set_owner(group, uid, gid).map_err(|error| Failure::at(word, error))
}
