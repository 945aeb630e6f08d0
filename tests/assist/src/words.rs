//! A mode's words.

use client::Server;
use client::interfaces::{GroupId, TaskId};

/// The words that are left.
pub struct Words<'a>(core::str::Split<'a, char>);

impl<'a> Words<'a> {
    /// All of them.
    pub fn new(text: &'a str) -> Self {
        Self(text.split(' '))
    }

    /// The next word; empty if there is none.
    pub fn next(&mut self) -> &'a str {
        self.0.next().unwrap_or_default()
    }

    /// The next word as a number; 0 if it is none.
    pub fn number<N: core::str::FromStr + Default>(&mut self) -> N {
        self.next().parse().unwrap_or_default()
    }

    /// The next two words as a group.
    pub fn group(&mut self) -> GroupId {
        GroupId {
            index: self.number(),
            generation: self.number(),
        }
    }

    /// The next two words as a task.
    pub fn task(&mut self) -> TaskId {
        TaskId {
            index: self.number(),
            generation: self.number(),
        }
    }

    /// The next word as a server's place in the list of all.
    pub fn server(&mut self) -> Server {
        let place: usize = self.number();
        Server::ALL.get(place).copied().unwrap_or(Server::Process)
    }
}
