//! The trees, through this task's own endpoints.

use core::fmt::{self, Write as _};

use client::Server;
use client::interfaces::Transport;
use console_core::editor::Line;
use trees::{Entry, Servers, Trees};

use crate::failure::{Done, Failure};
use crate::screen::Screen;

/// The longest path of which an owner is asked.
const PATH: usize = 2 * console_core::editor::LINE;

/// The servers, as every client reaches them.
pub struct Own;

impl Servers for Own {
    fn limits(&mut self) -> impl Transport {
        Server::Limits.transport()
    }

    fn process(&mut self) -> impl Transport {
        Server::Process.transport()
    }

    fn memory(&mut self) -> impl Transport {
        Server::Memory.transport()
    }
}

/// A line per name; with owner and mode, as far as it has them, if it is to be a long one.
pub fn list(screen: &mut Screen, path: &str, long: bool) -> Done {
    let mut printed = Ok(());
    Trees::new(Own)
        .list(path, &mut |entry| {
            if printed.is_ok() {
                printed = if long {
                    long_line(screen, path, entry)
                } else {
                    writeln!(screen, "{entry}")
                };
            }
        })
        .map_err(|error| Failure::at(path, error))?;
    Ok(printed?)
}

fn long_line(screen: &mut Screen, path: &str, entry: Entry<'_>) -> fmt::Result {
    let mut below = heapless::String::<PATH>::new();
    // A path that is too long names nothing, and so has no owner.
    let _ = write!(below, "{path}/{}", entry.name);
    match Trees::new(Own).owner(&below) {
        Ok(owner) => writeln!(
            screen,
            "{:03o} {:>6} {:>6} {entry}",
            owner.mode, owner.uid, owner.gid
        ),
        Err(_) => writeln!(screen, "{:17} {entry}", ""),
    }
}

/// A file's text.
pub fn show(screen: &mut Screen, path: &str) -> Done {
    Trees::new(Own)
        .read(path, screen)
        .map_err(|error| Failure::at(path, error))
}

/// Writes a line.
pub fn write(path: &str, text: &str) -> Done {
    let mut line = heapless::String::<{ console_core::editor::LINE + 1 }>::new();
    // A command's text is shorter than its line.
    let _ = line.push_str(text);
    let _ = line.push('\n');
    Trees::new(Own)
        .write(path, line.as_bytes())
        .map_err(|error| Failure::at(path, error))
}

/// Makes a group.
pub fn make_directory(path: &str) -> Done {
    Trees::new(Own)
        .make_directory(path)
        .map_err(|error| Failure::at(path, error))
}

/// Lets go of it.
pub fn remove_directory(path: &str) -> Done {
    Trees::new(Own)
        .remove_directory(path)
        .map_err(|error| Failure::at(path, error))
}

/// A line of its own, from one that was borrowed.
pub fn own(line: &str) -> Line {
    // As long as what it was cut from.
    Line::try_from(line).unwrap_or_default()
}
