//! What a puppet does things with.

use core::fmt::{self, Write as _};

use interfaces::accounting::Receipt;
use interfaces::limits::Account;
use interfaces::memory::RegionId;
use interfaces::process::ExitReason;
use interfaces::{GroupId, Limit, Resource, TaskId, Text};

/// Why something was not done, for a person.
pub type Words = Text<200>;

/// Says something; what is too long is cut.
pub fn words(what: impl fmt::Display) -> Words {
    struct Cut(Words);
    impl fmt::Write for Cut {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for character in text.chars() {
                // Nothing may follow what did not fit.
                self.0.write_char(character)?;
            }
            Ok(())
        }
    }
    let mut cut = Cut(Words::default());
    let _ = write!(cut, "{what}");
    cut.0
}

/// What the program around a [`Puppet`](super::Puppet) can do. Each is one call, or a few, of an ordinary client.
pub trait Hands {
    /// Starts a program in a group, or in the puppet's own.
    fn spawn(
        &mut self,
        group: Option<GroupId>,
        program: &str,
        arguments: &str,
    ) -> Result<TaskId, Words>;
    /// Starts a thread that sleeps; its number.
    fn thread(&mut self) -> Result<u32, Words>;
    /// Reserves pages and maps them; where.
    fn region(&mut self, pages: u32) -> Result<(RegionId, u32), Words>;
    /// Writes to the first byte of a page. Returns only if there is a frame.
    fn touch(&mut self, address: u64);
    /// Gives a region back.
    fn free(&mut self, region: RegionId) -> Result<(), Words>;
    /// Opens a group below the puppet's own, and labels it.
    fn open(&mut self, label: &str) -> Result<GroupId, Words>;
    /// The group of this label below the puppet's own.
    fn find(&mut self, label: &str) -> Result<GroupId, Words>;
    /// Goes into a group.
    fn enter(&mut self, group: GroupId) -> Result<(), Words>;
    /// Sets a limit.
    fn limit(
        &mut self,
        group: GroupId,
        resource: Resource,
        limit: Limit,
        soft: bool,
    ) -> Result<(), Words>;
    /// Reads a group, or the puppet's own.
    fn read(&mut self, group: Option<GroupId>) -> Result<Account, Words>;
    /// Ends a task.
    fn kill(&mut self, task: TaskId) -> Result<(), Words>;
    /// Ends a group.
    fn kill_group(&mut self, group: GroupId) -> Result<Receipt, Words>;
    /// Waits for a child's end.
    fn wait(&mut self, task: TaskId) -> Result<ExitReason, Words>;
    /// Sends any message to a server; the answer's label, and its bytes.
    fn raw(&mut self, server: Peer, label: u64, bytes: &[u8], answer: &mut dyn FnMut(u8)) -> u64;
    /// Calls a slot of the puppet's CSpace with a message that means nothing; the answer's label. None for a link, over
    /// which nobody can be called.
    fn slot(&mut self, slot: u64) -> Option<u64>;
}

/// Whom a puppet can send anything to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The proc-server.
    Process,
    /// The memory-server.
    Memory,
    /// The limits-server.
    Limits,
    /// The root task.
    Console,
}

impl Peer {
    /// Whom a word means.
    #[must_use]
    pub fn by_name(word: &str) -> Option<Self> {
        Some(match word {
            "proc" | "proc-server" => Self::Process,
            "memory" | "memory-server" => Self::Memory,
            "limits" | "limits-server" => Self::Limits,
            "console" | "root-task" => Self::Console,
            _ => return None,
        })
    }
}
