//! Tasks: begun, waited for, ended.

use core::fmt::Write as _;

use client::interfaces::process::{Arguments, Ended, WaitRefusal};
use client::interfaces::{CallError, GroupId, Limit, Resource, TaskId};
use client::{limits, process, time};

use crate::failure::{Done, Failure};
use crate::keyboard::Keyboard;
use crate::screen::Screen;
use crate::{groups, live};

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
    process::spawn(found, group, &arguments).map_err(|error| Failure::spawn(program, error))
}

/// Waits for a child, and says how it ended. Ctrl-C ends the waiting.
pub fn wait(screen: &mut Screen, keyboard: &mut Keyboard, task: TaskId) -> Done {
    match ended(keyboard, task)? {
        Some(ended) => Ok(writeln!(screen, "{} {}", ended.task, ended.reason)?),
        None => Err(Failure::of(format_args!(
            "interrupted: task {task} goes on"
        ))),
    }
}

/// Waits for a child that was started for that. Ctrl-C ends the child.
pub fn run(screen: &mut Screen, keyboard: &mut Keyboard, task: TaskId) -> Done {
    if let Some(ended) = ended(keyboard, task)? {
        return Ok(writeln!(screen, "{} {}", ended.task, ended.reason)?);
    }
    kill(task)?;
    let ended = process::wait(Some(task)).map_err(|error| Failure::wait(task, error))?;
    Err(Failure::of(format_args!(
        "interrupted: {task} {}",
        ended.reason
    )))
}

/// The end of a child; nothing if Ctrl-C came first.
fn ended(keyboard: &mut Keyboard, task: TaskId) -> Result<Option<Ended>, Failure> {
    loop {
        match time::wait_for(Some(task), live::LOOK) {
            Ok(ended) => return Ok(Some(ended)),
            Err(CallError::Refused(WaitRefusal::TimedOut)) if keyboard.interrupted() => {
                return Ok(None);
            }
            Err(CallError::Refused(WaitRefusal::TimedOut)) => {}
            Err(error) => return Err(Failure::wait(task, error)),
        }
    }
}

/// Sets a limit.
pub fn limit(word: &str, resource: Resource, limit: Limit, soft: bool) -> Done {
    let group = groups::find(word)?;
    let set = if soft {
        limits::set_soft_limit(group, resource, limit)
    } else {
        limits::set_limit(group, resource, limit)
    };
    set.map_err(|error| Failure::at(word, trees::Error::from(error)))
}

/// Which task this is, and in which group.
pub fn who_am_i(screen: &mut Screen) -> Done {
    let me = limits::who_am_i().map_err(Failure::of)?;
    let account = limits::read_account(None)?;
    writeln!(
        screen,
        "task {} in group {} {}, the serial line's operator",
        me.task, me.group, account.label
    )?;
    Ok(())
}

/// The id of the group that has this label.
pub fn find(screen: &mut Screen, label: &str) -> Done {
    let group = groups::find(label)?;
    writeln!(screen, "{group}")?;
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
