//! The table of every capability that a server receives: the single source for handing out and for the report.
//!
//! What is not in this table, no server has. The glue goes through it once to fill the CNodes; a report goes through
//! the CNodes slot by slot and holds what it finds against the same table ([`crate::walk`]).
//!
//! # Never
//!
//! * A server gets an endpoint of a server that it must not call: calls go from the proc-server to the memory-server to
//!   the limits-server, and from none of them to the root task. What the proc-server needs to mint clients'
//!   capabilities from is unbadged, and nobody serves a request without a badge.
//! * A server gets another's TCB: the proc-server gets its own, and it and the memory-server that of a thread that shares
//!   their spaces.
//! * A server but the memory-server gets an untyped or a frame; and the archive's frames it may only read.
//! * A server but the proc-server gets a device: the interval timer's four ports, and its interrupt.

use core::fmt;

use interfaces::start::{BLOCKS, Block, limits_slots, memory_slots, proc_slots};
use interfaces::{Badge, Caller, ServerName};

use crate::object::{Item, Port};
use crate::plan::BootPlan;

/// The most lines in the table.
pub const GRANTS: usize = BLOCKS + 32;

/// What a capability allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// To receive, or to read memory.
    pub read: bool,
    /// To send, or to write memory.
    pub write: bool,
    /// To send capabilities along, and to be replied to.
    pub grant: bool,
}

impl Rights {
    /// Nothing.
    pub const NONE: Self = Self {
        read: false,
        write: false,
        grant: false,
    };
    /// Everything.
    pub const ALL: Self = Self {
        read: true,
        write: true,
        grant: true,
    };
    /// To receive, or to read.
    pub const READ: Self = Self {
        read: true,
        write: false,
        grant: false,
    };
    /// To signal.
    pub const SIGNAL: Self = Self {
        read: false,
        write: true,
        grant: false,
    };
    /// To call: the kernel makes a reply capability only for a caller who may grant.
    pub const CALL: Self = Self {
        read: false,
        write: true,
        grant: true,
    };
}

impl fmt::Display for Rights {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |right, letter| if right { letter } else { '-' };
        write!(
            out,
            "{}{}{}",
            show(self.read, 'r'),
            show(self.write, 'w'),
            show(self.grant, 'g')
        )
    }
}

/// What a capability is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An endpoint.
    Endpoint(Port),
    /// The proc-server's notification.
    News,
    /// A server's CNode.
    CNode(ServerName),
    /// The CSpace of threads that are being born.
    BirthCNode,
    /// A server's address-space root.
    Space(ServerName),
    /// A server's thread.
    Tcb(ServerName),
    /// The interval timer's ports.
    TimerPorts,
    /// The handler of the interval timer's interrupt.
    TimerInterrupt,
    /// The proc-server's thread that does nothing.
    Watchman,
    /// The memory-server's thread that clears blocks.
    Cleaner,
    /// The ASID pool that the kernel made.
    FirstAsidPool,
    /// The other ASID pools.
    AsidPools,
    /// The archive's frames, in their order.
    Archive,
    /// A free block of memory, made in its place from this untyped.
    Block {
        /// The block.
        block: Block,
        /// The slot of what it is made from, in the root task's CNode.
        untyped: u64,
    },
}

/// The kinds of capabilities that a report tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapKind {
    /// To an endpoint.
    Endpoint,
    /// To a notification.
    Notification,
    /// To a CNode.
    CNode,
    /// To an address-space root.
    Space,
    /// To a thread.
    Tcb,
    /// To an ASID pool.
    AsidPool,
    /// To a frame.
    Frame,
    /// To untyped memory.
    Untyped,
    /// To ports.
    Ports,
    /// To an interrupt's handler.
    Interrupt,
}

impl CapKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Endpoint,
        Self::Notification,
        Self::CNode,
        Self::Space,
        Self::Tcb,
        Self::AsidPool,
        Self::Frame,
        Self::Untyped,
        Self::Ports,
        Self::Interrupt,
    ];

    /// Its name in a report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Notification => "notification",
            Self::CNode => "cnode",
            Self::Space => "address-space",
            Self::Tcb => "tcb",
            Self::AsidPool => "asid-pool",
            Self::Frame => "frame",
            Self::Untyped => "untyped",
            Self::Ports => "ports",
            Self::Interrupt => "interrupt",
        }
    }
}

impl Target {
    /// Which kind of capability it takes.
    #[must_use]
    pub const fn kind(self) -> CapKind {
        match self {
            Self::Endpoint(_) => CapKind::Endpoint,
            Self::News => CapKind::Notification,
            Self::CNode(_) | Self::BirthCNode => CapKind::CNode,
            Self::Space(_) => CapKind::Space,
            Self::Tcb(_) | Self::Watchman | Self::Cleaner => CapKind::Tcb,
            Self::FirstAsidPool | Self::AsidPools => CapKind::AsidPool,
            Self::Archive => CapKind::Frame,
            Self::Block { .. } => CapKind::Untyped,
            Self::TimerPorts => CapKind::Ports,
            Self::TimerInterrupt => CapKind::Interrupt,
        }
    }

    /// The item that it is a copy of; nothing for what is not one of the plan's objects.
    #[must_use]
    pub const fn item(self) -> Option<Item> {
        match self {
            Self::Endpoint(port) => Some(Item::Endpoint(port)),
            Self::News => Some(Item::News),
            Self::CNode(server) => Some(Item::CNode(server)),
            Self::BirthCNode => Some(Item::BirthCNode),
            Self::Space(server) => Some(Item::Space(server)),
            Self::Tcb(server) => Some(Item::Tcb(server)),
            Self::Watchman => Some(Item::Watchman),
            Self::Cleaner => Some(Item::Cleaner),
            Self::FirstAsidPool
            | Self::AsidPools
            | Self::Archive
            | Self::Block { .. }
            | Self::TimerPorts
            | Self::TimerInterrupt => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(port) => write!(out, "{port}"),
            Self::News => out.write_str("news of proc-server"),
            Self::CNode(server) | Self::Space(server) | Self::Tcb(server) => {
                write!(out, "{server}")
            }
            Self::BirthCNode => out.write_str("birth"),
            Self::Watchman => out.write_str("watchman of proc-server"),
            Self::Cleaner => out.write_str("cleaner of memory-server"),
            Self::TimerPorts => {
                let (first, last) = proc_slots::TIMER_PORTS;
                write!(out, "interval timer, {first:#x} to {last:#x}")
            }
            Self::TimerInterrupt => out.write_str("interval timer"),
            Self::FirstAsidPool => out.write_str("shared with the servers"),
            Self::AsidPools => out.write_str("for clients"),
            Self::Archive => out.write_str("archive"),
            Self::Block { block, .. } => {
                let Block { page, bits } = block;
                write!(out, "2^{bits} bytes at {:#x}", u64::from(*page) << 12)
            }
        }
    }
}

/// A line of the table: a capability, or equal ones in consecutive slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who receives it.
    pub server: ServerName,
    /// In which slot.
    pub slot: u64,
    /// In how many slots from there on.
    pub count: u64,
    /// What it is to.
    pub target: Target,
    /// What it allows. Means nothing for CNodes, address spaces, TCBs, ASID pools and untypeds, ports and interrupts, which have no rights.
    pub rights: Rights,
    /// What whoever receives from it will see; nothing if it has no badge.
    pub badge: Option<Badge>,
}

impl Grant {
    /// The slot after the last.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.slot.saturating_add(self.count)
    }
}

/// The table, sorted by server and slot.
pub type Grants = heapless::Vec<Grant, GRANTS>;

/// Writes the table of a plan.
#[must_use]
pub fn grants(plan: &BootPlan) -> Grants {
    let mut grants: Grants = small().collect();
    let archive = Grant {
        server: ServerName::Memory,
        slot: memory_slots::archive(plan.pages, 0),
        count: u64::from(plan.archive_pages),
        target: Target::Archive,
        rights: Rights::READ,
        badge: None,
    };
    let blocks = plan.remainders.blocks.iter().map(|left| Grant {
        server: ServerName::Memory,
        slot: memory_slots::untyped(plan.pages, left.block.page, left.block.bits),
        count: 1,
        target: Target::Block {
            block: left.block,
            untyped: left.untyped,
        },
        rights: Rights::ALL,
        badge: None,
    });
    // They fit: BLOCKS blocks, one line for the archive, and the lines below, which a test counts.
    grants.extend(core::iter::once(archive).chain(blocks));
    grants.sort_unstable_by_key(|grant| (grant.server, grant.slot));
    grants
}

/// The lines that are the same for every machine.
fn small() -> impl Iterator<Item = Grant> {
    limits_lines()
        .into_iter()
        .chain(memory_lines())
        .chain(proc_lines())
}

fn limits_lines() -> [Grant; 2] {
    use limits_slots::{ENDPOINT, FAULT};
    let line = |slot, target, rights, badge| line(ServerName::Limits, slot, target, rights, badge);
    [
        line(ENDPOINT, LIMITS_PORT, Rights::READ, None),
        line(
            FAULT,
            ROOT_PORT,
            Rights::CALL,
            Some(faults(ServerName::Limits)),
        ),
    ]
}

fn memory_lines() -> [Grant; 12] {
    use ServerName::{Limits, Memory, Proc};
    use memory_slots::{
        ASID_POOL, ASID_POOLS, CLEANER, CNODE, ENDPOINT, FAULT, LIMITS, LIMITS_CNODE, LIMITS_SPACE,
        NEWS, PROC_CNODE, SPACE,
    };
    let line = |slot, target, rights, badge| line(Memory, slot, target, rights, badge);
    let news = Some(Badge::Signal {
        bits: proc_slots::REPORT_BIT,
    });
    let asid_pools = line(
        ASID_POOL.saturating_add(1),
        Target::AsidPools,
        Rights::ALL,
        None,
    );
    [
        line(ENDPOINT, MEMORY_PORT, Rights::READ, None),
        line(LIMITS, LIMITS_PORT, Rights::CALL, Some(requests(Memory))),
        line(CNODE, Target::CNode(Memory), Rights::ALL, None),
        line(PROC_CNODE, Target::CNode(Proc), Rights::ALL, None),
        line(SPACE, Target::Space(Memory), Rights::ALL, None),
        line(NEWS, Target::News, Rights::SIGNAL, news),
        line(FAULT, ROOT_PORT, Rights::CALL, Some(faults(Memory))),
        line(ASID_POOL, Target::FirstAsidPool, Rights::ALL, None),
        Grant {
            count: ASID_POOLS.saturating_sub(1),
            ..asid_pools
        },
        line(LIMITS_CNODE, Target::CNode(Limits), Rights::ALL, None),
        line(LIMITS_SPACE, Target::Space(Limits), Rights::ALL, None),
        line(CLEANER, Target::Cleaner, Rights::ALL, None),
    ]
}

fn proc_lines() -> [Grant; 14] {
    use ServerName::Proc;
    use proc_slots::{
        BIRTH_CNODE, CNODE, CONSOLE_MINT, ENDPOINT, FAULT, LIMITS, LIMITS_MINT, MEMORY,
        MEMORY_MINT, NEWS, TCB, TIMER, TIMER_IRQ, WATCHMAN,
    };
    let line = |slot, target, rights, badge| line(Proc, slot, target, rights, badge);
    [
        line(
            ENDPOINT,
            Target::Endpoint(Port::Server(Proc)),
            Rights::ALL,
            None,
        ),
        line(MEMORY, MEMORY_PORT, Rights::CALL, Some(requests(Proc))),
        line(LIMITS, LIMITS_PORT, Rights::CALL, Some(requests(Proc))),
        line(CNODE, Target::CNode(Proc), Rights::ALL, None),
        line(MEMORY_MINT, MEMORY_PORT, Rights::CALL, None),
        line(LIMITS_MINT, LIMITS_PORT, Rights::CALL, None),
        line(CONSOLE_MINT, ROOT_PORT, Rights::CALL, None),
        line(BIRTH_CNODE, Target::BirthCNode, Rights::ALL, None),
        line(NEWS, Target::News, Rights::READ, None),
        line(TCB, Target::Tcb(Proc), Rights::ALL, None),
        line(FAULT, ROOT_PORT, Rights::CALL, Some(faults(Proc))),
        line(TIMER, Target::TimerPorts, Rights::ALL, None),
        line(TIMER_IRQ, Target::TimerInterrupt, Rights::ALL, None),
        line(WATCHMAN, Target::Watchman, Rights::ALL, None),
    ]
}

const LIMITS_PORT: Target = Target::Endpoint(Port::Server(ServerName::Limits));
const MEMORY_PORT: Target = Target::Endpoint(Port::Server(ServerName::Memory));
const ROOT_PORT: Target = Target::Endpoint(Port::Root);

/// The badge of a server's requests.
const fn requests(of: ServerName) -> Badge {
    Badge::Service(Caller::server(of))
}

/// The badge of a server's faults.
const fn faults(of: ServerName) -> Badge {
    Badge::ServerFault(of)
}

const fn line(
    server: ServerName,
    slot: u64,
    target: Target,
    rights: Rights,
    badge: Option<Badge>,
) -> Grant {
    Grant {
        server,
        slot,
        count: 1,
        target,
        rights,
        badge,
    }
}

/// Where a server's faults go: the slot in its CNode.
#[must_use]
pub const fn fault_slot(server: ServerName) -> u64 {
    match server {
        ServerName::Limits => limits_slots::FAULT,
        ServerName::Memory => memory_slots::FAULT,
        ServerName::Proc => proc_slots::FAULT,
    }
}
