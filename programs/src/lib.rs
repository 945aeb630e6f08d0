//! What the demonstration's programs have in common.

#![no_std]

pub mod work;

use client::interfaces::process::{Arguments, SpawnRefusal};
use client::interfaces::provision::ProgramId;
use client::interfaces::{CallError, GroupId, TaskId};

/// Starts a program of the archive by name.
pub fn start(
    name: &str,
    group: Option<GroupId>,
    arguments: &str,
) -> Result<TaskId, CallError<SpawnRefusal>> {
    let program = client::process::find_program(name)
        .map_err(|_| CallError::Refused(SpawnRefusal::UnknownProgram))?;
    start_again(program, group, arguments)
}

/// Starts a program that was found before.
pub fn start_again(
    program: ProgramId,
    group: Option<GroupId>,
    arguments: &str,
) -> Result<TaskId, CallError<SpawnRefusal>> {
    client::process::spawn(program, group, &Arguments::cut(arguments))
}

/// The number that the arguments begin with.
#[must_use]
pub fn leading_number(arguments: &str) -> Option<u32> {
    arguments.split(' ').next()?.parse().ok()
}
