//! `freeze`, `thaw`, `move`: tasks that stand still, and tasks that go elsewhere.

use core::fmt::Write as _;

use client::interfaces::TaskId;
use client::process;

use crate::failure::{Done, Failure};
use crate::groups;
use crate::screen::Screen;

/// Freezes a group once more.
pub fn freeze(screen: &mut Screen, word: &str) -> Done {
    let group = groups::find(word)?;
    let times =
        process::freeze(group).map_err(|error| Failure::at(word, trees::Error::from(error)))?;
    Ok(writeln!(screen, "frozen {times} times")?)
}

/// Thaws it once.
pub fn thaw(screen: &mut Screen, word: &str) -> Done {
    let group = groups::find(word)?;
    let times =
        process::thaw(group).map_err(|error| Failure::at(word, trees::Error::from(error)))?;
    Ok(writeln!(screen, "frozen {times} times")?)
}

/// Moves a task.
pub fn go(task: TaskId, word: &str) -> Done {
    let group = groups::find(word)?;
    process::move_task(task, group).map_err(|error| Failure::at(task, trees::Error::from(error)))
}
