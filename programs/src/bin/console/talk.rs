//! `tell`: an order for a task that listens, and its answer, over a link that is there for as long as that takes.

use core::fmt::Write as _;

use client::interfaces::links::LinkRefusal;
use client::interfaces::{CallError, TaskId};
use client::process;
use client::talk::{self, NoAnswer, Partner};
use client::time::{self, SECOND};
use console_core::puppet::ORDER_BYTES;

use crate::failure::{Done, Failure};
use crate::keyboard::Keyboard;
use crate::live::{self, LOOK};
use crate::screen::Screen;

/// How long an answer may take, and how long the task may take to accept the link before: a program that does not listen
/// must not keep the console.
const PATIENCE: u64 = 10 * SECOND;

/// Tells a task what to do, and prints what it answers.
pub fn tell(screen: &mut Screen, keyboard: &mut Keyboard, task: TaskId, order: &str) -> Done {
    if order.len() > ORDER_BYTES {
        return Err(Failure::at(
            task,
            format_args!("at most {ORDER_BYTES} bytes"),
        ));
    }
    let partner = link(keyboard, task)?;
    let told = talk::ask(partner, order, PATIENCE, || !keyboard.interrupted());
    // What comes too late is nobody's. One that has ended is no partner any more.
    let _ = talk::hang_up(task);
    match told {
        Ok(Ok(line)) => Ok(writeln!(screen, "{line}")?),
        Ok(Err(line)) => Err(Failure::of(line)),
        Err(NoAnswer::Gone) => Err(Failure::at(task, "it ended and did not answer")),
        Err(NoAnswer::GivenUp) => Err(live::interrupted()),
        Err(NoAnswer::TimedOut) => Err(Failure::at(
            task,
            format_args!("no answer in {} s", PATIENCE / SECOND),
        )),
        Err(NoAnswer::NoClock) => Err(Failure::at(task, "no clock")),
    }
}

/// A link with a task, as soon as it accepts one.
fn link(keyboard: &mut Keyboard, task: TaskId) -> Result<Partner, Failure> {
    let end = time::now()?.ns.saturating_add(PATIENCE);
    loop {
        match talk::offer(task, LOOK) {
            Ok(partner) => return Ok(partner),
            Err(CallError::Refused(LinkRefusal::UnknownTask)) => {
                return Err(Failure::at(task, "no such task"));
            }
            Err(CallError::Refused(LinkRefusal::TimedOut)) => {}
            Err(error) => return Err(Failure::at(task, error)),
        }
        if keyboard.interrupted() {
            return Err(live::interrupted());
        }
        if time::now()?.ns >= end {
            return Err(if process::read_task(Some(task)).is_ok() {
                Failure::at(
                    task,
                    format_args!("it does not listen: no link in {} s", PATIENCE / SECOND),
                )
            } else {
                Failure::at(task, "no such task")
            });
        }
    }
}
