//! `tell`: an order for a task that listens, and its answer.

use core::fmt::Write as _;

use client::console::{self, Told};
use client::interfaces::console::{ORDER_BYTES, PostRefusal};
use client::interfaces::{CallError, TaskId};
use client::process;
use client::time::{self, MILLISECOND, SECOND};

use crate::failure::{Done, Failure};
use crate::keyboard::Keyboard;
use crate::live;
use crate::screen::Screen;

/// How long an answer may take: a program that does not listen must not keep the console.
const PATIENCE: u64 = 10 * SECOND;
/// How often is asked for it.
const PAUSE: u64 = 2 * MILLISECOND;

/// Tells a task what to do, and prints what it answers.
pub fn tell(screen: &mut Screen, keyboard: &mut Keyboard, task: TaskId, order: &str) -> Done {
    if order.len() > ORDER_BYTES {
        return Err(Failure::at(
            task,
            format_args!("at most {ORDER_BYTES} bytes"),
        ));
    }
    if process::read_task(Some(task)).is_err() {
        return Err(Failure::at(task, "no such task"));
    }
    console::post(task, order).map_err(|error| match error {
        CallError::Refused(PostRefusal::Busy) => Failure::at(task, "it is busy with an order"),
        other => Failure::at(task, other),
    })?;
    match answer(keyboard, task) {
        Ok(Ok(line)) => Ok(writeln!(screen, "{line}")?),
        Ok(Err(line)) => Err(Failure::of(line)),
        Err(failure) => {
            // It may have answered in this very moment; nobody asks for that any more.
            let _ = console::collect(task, true);
            Err(failure)
        }
    }
}

/// The answer, or why there is none.
fn answer(keyboard: &mut Keyboard, task: TaskId) -> Result<Told, Failure> {
    let end = time::now()?.ns.saturating_add(PATIENCE);
    loop {
        // Whether it lives is asked before, so that what it said last is heard.
        let alive = process::read_task(Some(task)).is_ok();
        if let Some(told) = console::collect(task, false)? {
            return Ok(told);
        }
        if !alive {
            return Err(Failure::at(task, "it ended and did not answer"));
        }
        if keyboard.interrupted() {
            return Err(live::interrupted());
        }
        if time::sleep(PAUSE)?.ns > end {
            return Err(Failure::at(
                task,
                format_args!("no answer in {} s", PATIENCE / SECOND),
            ));
        }
    }
}
