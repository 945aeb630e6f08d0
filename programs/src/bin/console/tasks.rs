//! Tasks: begun, waited for, ended.

use core::fmt::Write as _;

use client::interfaces::process::Arguments;
use client::interfaces::{GroupId, TaskId};
use client::process;

use crate::failure::{Done, Failure};
use crate::groups;
use crate::screen::Screen;

/// What `programs` looks for: a client can ask for a name, not for the list.
const PROGRAMS: [&str; 10] = [
    "bomb", "console", "demo", "hog", "nap", "nest", "worker", "puppet", "suite", "assist",
];

/// Starts a program.
pub fn spawn(group: Option<&str>, program: &str, arguments: &str) -> Result<TaskId, Failure> {
    let group = group.map(groups::find).transpose()?;
    let arguments = Arguments::try_new(arguments)
        .ok_or_else(|| Failure::at(program, "its arguments are longer than 120 bytes"))?;
    let found = process::find_program(program)
        .map_err(|_| Failure::at(program, "no such program: see programs"))?;
    process::spawn(found, group, arguments).map_err(|error| Failure::spawn(program, error))
}

/// Waits for a child, and says how it ended.
pub fn wait(screen: &mut Screen, task: TaskId) -> Done {
    let ended = process::wait(Some(task)).map_err(|error| Failure::wait(task, error))?;
    writeln!(screen, "{} {}", ended.task, ended.reason)?;
    Ok(())
}

/// Ends a task.
pub fn kill(task: TaskId) -> Done {
    process::kill(task).map_err(|error| Failure::at(task, error))
}

/// Ends a group, and prints the receipt.
pub fn kill_group(screen: &mut Screen, word: &str) -> Done {
    let group: GroupId = groups::find(word)?;
    let receipt =
        process::kill_group(group).map_err(|error| Failure::at(word, trees::Error::from(error)))?;
    writeln!(screen, "held      {}", receipt.held)?;
    writeln!(screen, "came back {}", receipt.returned)?;
    if receipt.held == receipt.returned {
        Ok(())
    } else {
        Err(Failure::at(word, "what was held is not what came back"))
    }
}

/// What can be spawned, of what this console has heard of.
pub fn programs(screen: &mut Screen) -> Done {
    for name in PROGRAMS {
        if process::find_program(name).is_ok() {
            writeln!(screen, "{name}")?;
        }
    }
    Ok(())
}
