//! What the root task makes, and whom it is for.

use core::fmt;

use interfaces::ServerName;

/// A kernel object's type, and with it its size. The glue asserts that the sizes are the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Memory.
    Untyped,
    /// A thread.
    Tcb,
    /// Where messages are received.
    Endpoint,
    /// Where signals are received.
    Notification,
    /// Slots for capabilities.
    CNode,
    /// An address-space root.
    Pml4,
    /// A table of page directories.
    Pdpt,
    /// A table of page tables.
    PageDirectory,
    /// A table of pages.
    PageTable,
    /// 4 KiB.
    SmallFrame,
    /// 2 MiB.
    LargeFrame,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Untyped,
        Self::Tcb,
        Self::Endpoint,
        Self::Notification,
        Self::CNode,
        Self::Pml4,
        Self::Pdpt,
        Self::PageDirectory,
        Self::PageTable,
        Self::SmallFrame,
        Self::LargeFrame,
    ];

    /// The memory it takes, as a power of two of bytes. `size_bits` matters only for untypeds, whose size it is, and
    /// for CNodes, whose slots (of 32 bytes) it counts.
    #[must_use]
    pub const fn bits(self, size_bits: u8) -> u8 {
        match self {
            Self::Untyped => size_bits,
            Self::CNode => size_bits.saturating_add(5),
            Self::Endpoint => 4,
            Self::Notification => 5,
            Self::Tcb => 11,
            Self::Pml4 | Self::Pdpt | Self::PageDirectory | Self::PageTable | Self::SmallFrame => {
                12
            }
            Self::LargeFrame => 21,
        }
    }
}

/// An endpoint, by who receives from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// A server.
    Server(ServerName),
    /// The root task: console requests, and faults of the servers.
    Root,
}

impl fmt::Display for Port {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(server) => server.fmt(out),
            Self::Root => out.write_str("root-task"),
        }
    }
}

/// Objects of one kind and purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A server's address-space root.
    Space(ServerName),
    /// A server's one table of page directories.
    Directory3(ServerName),
    /// A server's page directories.
    Directories(ServerName),
    /// A server's page tables.
    Tables(ServerName),
    /// A server's CNode.
    CNode(ServerName),
    /// A server's thread.
    Tcb(ServerName),
    /// The proc-server's thread that does nothing.
    Watchman,
    /// The memory-server's thread that clears blocks.
    Cleaner,
    /// Its IPC buffer.
    CleanerFrame,
    /// A server's small frames: its image's pages, then IPC buffer, start page, and the encoded system's pages.
    Frames(ServerName),
    /// A server's heap, in large frames.
    Heap(ServerName),
    /// The end of a server's heap, in small ones.
    HeapTail(ServerName),
    /// The limits-server's first places for groups.
    Ground,
    /// An endpoint.
    Endpoint(Port),
    /// The proc-server's notification.
    News,
    /// The root task's notification of input.
    Input,
    /// The CSpace of threads that are being born.
    BirthCNode,
    /// What ASID pools are made of.
    AsidMemory,
    /// The page directory of the root task's scratch page.
    ScratchDirectory,
    /// The page table of the root task's scratch page.
    ScratchTable,
    /// Two slots above the root task's CNode, through which a report looks into a server's.
    ReportCNode,
    /// A thread of the root task's own, for trials.
    Helper,
    /// Memory that is kept to restart a server.
    Spare,
}

impl fmt::Display for Item {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Space(server) => write!(out, "address space of {server}"),
            Self::Directory3(server) | Self::Directories(server) | Self::Tables(server) => {
                write!(out, "page tables of {server}")
            }
            Self::CNode(server) => write!(out, "CNode of {server}"),
            Self::Tcb(server) => write!(out, "thread of {server}"),
            Self::Watchman => out.write_str("watchman of proc-server"),
            Self::Cleaner | Self::CleanerFrame => out.write_str("cleaner of memory-server"),
            Self::Frames(server) => write!(out, "image of {server}"),
            Self::Heap(server) | Self::HeapTail(server) => write!(out, "heap of {server}"),
            Self::Ground => out.write_str("first groups of limits-server"),
            Self::Endpoint(port) => write!(out, "endpoint of {port}"),
            Self::News => out.write_str("notification of proc-server"),
            Self::Input => out.write_str("notification of root-task"),
            Self::BirthCNode => out.write_str("birth CNode"),
            Self::AsidMemory => out.write_str("ASID pools"),
            Self::ScratchDirectory | Self::ScratchTable => out.write_str("scratch of root-task"),
            Self::ReportCNode => out.write_str("CNode for reports"),
            Self::Helper => out.write_str("helper of root-task"),
            Self::Spare => out.write_str("reserve for restarts"),
        }
    }
}
