//! What an audit asks the kernel: whether each capability that a server has on record is there, and is what it should be.
//!
//! Nothing that is asked changes anything: a frame's address, an invocation cut short that only the right kind of object
//! takes for its own, a making for which there is never room and that tells how much is used, a mapping where something
//! must be already. The caller walks with a cursor, a bounded slice a call, and adds up what was found to be there; a
//! record that the kernel does not bear out ends the slice with a [`Wrong`].

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::amounts::Amounts;
use crate::identity::{GroupId, TaskId};

/// Checks the next records against the kernel, a slice a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// Whose; with none everything is, also what nobody pays for, and that what is free is free.
    pub group: Option<GroupId>,
    /// Where to go on: 0, or what the last answer said.
    pub at: u64,
}

/// What a slice found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Where to go on; nothing after the last slice.
    pub next: Option<u64>,
    /// Capabilities of which the kernel was asked.
    pub checked: u32,
    /// What the group holds of what was looked at. Of all groups, if none was named.
    pub held: Amounts,
    /// The first record that the kernel does not bear out. The walk can go on behind it.
    pub wrong: Option<Wrong>,
}

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Thing {
    /// Memory that is free.
    FreeBlock,
    /// The page of untyped memory from which something was made.
    UsedPage,
    /// A slot that should be empty.
    FreeSlot,
    /// A frame of a memory object.
    Frame,
    /// A further capability to a frame, or to a page of a program.
    Copy,
    /// The frame of a thread's IPC buffer.
    IpcBuffer,
    /// The proc-server's capability to that.
    IpcBufferCopy,
    /// A page table.
    Table,
    /// The root of an address space.
    Root,
    /// The proc-server's capability to that.
    RootCopy,
    /// A thread.
    Thread,
    /// A task's CNode.
    CNode,
    /// A slot of a task's CNode.
    ClientSlot,
    /// A task's mailbox.
    Mailbox,
    /// A page of a ring.
    RingPage,
    /// The limits-server's capability to that, or its notification's.
    RingCopy,
    /// A ring's notification.
    Notification,
    /// A page of the limits-server's ground.
    Ground,
    /// The right to answer somebody who waits.
    ReplySlot,
}

/// What is in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sort {
    /// Nothing.
    Nothing,
    /// Anything at all.
    Something,
    /// Untyped memory.
    Untyped {
        /// Bytes of it from which nothing is made.
        unused: u64,
    },
    /// A frame.
    Frame {
        /// Its physical address.
        address: u64,
        /// Whether the capability is mapped.
        mapped: bool,
    },
    /// A frame that is mapped in the address space in which it should be.
    FrameThere {
        /// The address in that space.
        address: u64,
    },
    /// A page table.
    Table {
        /// Which level: 1 for the lowest.
        level: u8,
        /// Whether it is in an address space.
        mapped: bool,
    },
    /// The root of an address space that has its number.
    Root,
    /// A thread.
    Thread,
    /// A CNode.
    CNode,
    /// An endpoint or a notification.
    Port,
    /// Something of none of these kinds.
    Other,
}

/// A record that the kernel does not bear out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// What it is about.
    pub thing: Thing,
    /// Which: the page, the copy or the slot.
    pub number: u32,
    /// Whose.
    pub task: Option<TaskId>,
    /// Who pays.
    pub group: Option<GroupId>,
    /// What the record says.
    pub record: Sort,
    /// What the kernel says.
    pub kernel: Sort,
}

impl fmt::Display for Sort {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mapped = |mapped| if mapped { "mapped" } else { "unmapped" };
        match *self {
            Self::Nothing => out.write_str("nothing"),
            Self::Something => out.write_str("something"),
            Self::Untyped { unused } => write!(out, "untyped memory with {unused} bytes left"),
            Self::Frame {
                address,
                mapped: is,
            } => write!(out, "a {} frame at {address:#x}", mapped(is)),
            Self::FrameThere { address } => write!(out, "a frame shown at {address:#x}"),
            Self::Table { level, mapped: is } => {
                write!(out, "a {} page table of level {level}", mapped(is))
            }
            Self::Root => out.write_str("the root of an address space"),
            Self::Thread => out.write_str("a thread"),
            Self::CNode => out.write_str("a CNode"),
            Self::Port => out.write_str("an endpoint or a notification"),
            Self::Other => out.write_str("something else"),
        }
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::FreeBlock => "free block at page",
            Self::UsedPage => "used page",
            Self::FreeSlot => "free slot",
            Self::Frame => "frame",
            Self::Copy => "further capability",
            Self::IpcBuffer => "IPC buffer",
            Self::IpcBufferCopy => "proc-server's IPC buffer",
            Self::Table => "page table",
            Self::Root => "root",
            Self::RootCopy => "proc-server's root",
            Self::Thread => "thread",
            Self::CNode => "CNode",
            Self::ClientSlot => "client's slot",
            Self::Mailbox => "mailbox",
            Self::RingPage => "ring's page",
            Self::RingCopy => "limits-server's capability to a ring",
            Self::Notification => "ring's notification",
            Self::Ground => "page of the ground",
            Self::ReplySlot => "reply slot",
        })
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.thing, self.number)?;
        if let Some(task) = self.task {
            write!(out, " of task {task}")?;
        }
        if let Some(group) = self.group {
            write!(out, ", paid for by group {group}")?;
        }
        write!(
            out,
            ": on record {}, in the kernel {}",
            self.record, self.kernel
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_record_reads_as_one_sentence() {
        let wrong = Wrong {
            thing: Thing::Frame,
            number: 77,
            task: None,
            group: Some(GroupId {
                index: 5,
                generation: 0,
            }),
            record: Sort::Frame {
                address: 0x4_d000,
                mapped: true,
            },
            kernel: Sort::Nothing,
        };
        assert_eq!(
            wrong.to_string(),
            "frame 77, paid for by group 5: on record a mapped frame at 0x4d000, in the kernel nothing"
        );
    }
}
