//! What takes time: it ends by itself, at a key, or with Ctrl-C, and never keeps the console from its prompt.

use core::fmt::Write as _;

use client::process;
use client::time::{self, MILLISECOND, SECOND};
use console_core::keys::Key;

use crate::failure::{Done, Failure};
use crate::keyboard::Keyboard;
use crate::screen::Screen;
use crate::tables;

/// How often the keyboard is looked at: a person does not notice it, nor do the other tasks.
pub const LOOK: u64 = 50 * MILLISECOND;
/// The lines of the terminal: it is not asked for more.
const LINES: usize = 24;
/// Lines that are no groups: the title, the table's head, what is left out, what to press.
const OTHERS: usize = 4;

/// What was given up by Ctrl-C.
pub fn interrupted() -> Failure {
    Failure::of("interrupted")
}

/// The groups, once a second, so many times or until a key.
pub fn top(screen: &mut Screen, keyboard: &mut Keyboard, times: Option<u32>) -> Done {
    let mut left = times;
    loop {
        if times.is_none() {
            // From the first line on: nothing flickers when each line is erased only where it ends.
            screen.raw(format_args!("\u{1b}[H"));
        }
        picture(screen, times.is_none())?;
        if let Some(left) = &mut left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                return Ok(());
            }
        }
        if pause(keyboard, times.is_none(), SECOND)? {
            screen.raw(format_args!("\r\u{1b}[K"));
            return if times.is_none() {
                Ok(())
            } else {
                Err(interrupted())
            };
        }
    }
}

/// One picture, of no more lines than the terminal has if it is to stay in place.
fn picture(screen: &mut Screen, in_place: bool) -> Done {
    let end = if in_place { "\u{1b}[K" } else { "" };
    let now = time::now()?.ns;
    let figures = process::figures()?;
    let pool = process::pool()?;
    writeln!(
        screen,
        "hurdle {:>6}.{} s   {} tasks, {} threads   {} of {} pages free{end}",
        now / SECOND,
        now % SECOND / (SECOND / 10),
        figures.tasks,
        figures.threads,
        pool.free,
        pool.pages
    )?;
    let room = if in_place {
        LINES.saturating_sub(OTHERS)
    } else {
        usize::MAX
    };
    let left_out = tables::some_groups(screen, room, end)?;
    if in_place {
        if left_out > 0 {
            writeln!(screen, "  and {left_out} groups more{end}")?;
        }
        screen.raw(format_args!("\u{1b}[Jany key ends this"));
    }
    Ok(())
}

/// Waits; says early whether a key was pressed, any or only Ctrl-C.
fn pause(keyboard: &mut Keyboard, any: bool, ns: u64) -> Result<bool, Failure> {
    let mut left = ns;
    loop {
        let stop = if any {
            keyboard.pressed().is_some_and(|key| key != Key::Redraw)
        } else {
            keyboard.interrupted()
        };
        if stop || left == 0 {
            return Ok(stop);
        }
        let slice = left.min(LOOK);
        time::sleep(slice)?;
        left = left.saturating_sub(slice);
    }
}

/// Sleeps, unless Ctrl-C comes first.
pub fn sleep(keyboard: &mut Keyboard, ns: u64) -> Done {
    if ns <= LOOK {
        time::sleep(ns)?;
        return Ok(());
    }
    if pause(keyboard, false, ns)? {
        return Err(interrupted());
    }
    Ok(())
}

/// What time it is.
pub fn clock(screen: &mut Screen) -> Done {
    writeln!(
        screen,
        "{} ns since the machine was switched on",
        time::now()?.ns
    )?;
    Ok(())
}
