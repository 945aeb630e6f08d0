//! What one server needs: its address space, its CSpace, its heap, its priority.

use interfaces::ServerName;
use interfaces::start::{ground, limits_slots, memory_slots, proc_slots};
use interfaces::system::System;

use crate::image::{Image, PAGE};
use crate::layout::{self, LARGE_PAGE, Tables, TooManyTables};
use crate::shortfall::PlanError;

/// One value per server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerServer<T> {
    /// The limits-server's.
    pub limits: T,
    /// The memory-server's.
    pub memory: T,
    /// The proc-server's.
    pub proc: T,
}

impl<T> PerServer<T> {
    /// Makes one for each, in the order in which servers are started.
    pub fn try_from_fn<E>(mut make: impl FnMut(ServerName) -> Result<T, E>) -> Result<Self, E> {
        Ok(Self {
            limits: make(ServerName::Limits)?,
            memory: make(ServerName::Memory)?,
            proc: make(ServerName::Proc)?,
        })
    }

    /// A server's.
    #[must_use]
    pub const fn of(&self, server: ServerName) -> &T {
        match server {
            ServerName::Limits => &self.limits,
            ServerName::Memory => &self.memory,
            ServerName::Proc => &self.proc,
        }
    }
}

/// A server's address space and CSpace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPlan {
    /// Its CNode's slots, as a power of two.
    pub cnode_radix: u8,
    /// Its page tables.
    pub tables: Tables,
    /// The pages of its image.
    pub image_pages: u64,
    /// The bytes of its heap.
    pub heap_bytes: u64,
    /// The highest priority that it may give to a thread.
    pub max_priority: u8,
}

impl ServerPlan {
    /// The place of the IPC buffer's frame among its small frames; the start page and the encoded system follow.
    #[must_use]
    pub const fn ipc_frame(&self) -> u64 {
        self.image_pages
    }

    /// The place of the start page's frame.
    #[must_use]
    pub const fn start_frame(&self) -> u64 {
        self.image_pages.saturating_add(1)
    }

    /// The place of the first frame of the encoded system.
    #[must_use]
    pub const fn system_frame(&self) -> u64 {
        self.image_pages.saturating_add(2)
    }
}

/// What is the same for every server.
pub(crate) struct Sizes {
    pub(crate) pages: u32,
    pub(crate) archive_pages: u32,
    pub(crate) system_bytes: u64,
}

pub(crate) fn plan_server(
    server: ServerName,
    system: &System,
    image: &Image<'_>,
    sizes: &Sizes,
) -> Result<ServerPlan, PlanError> {
    let too_many = |TooManyTables| PlanError::TooManyTables { server };
    let heap_bytes = heap_bytes(server, system)?;
    let mut tables = Tables::default();
    for page in image.pages() {
        tables.cover_small(page.address, PAGE).map_err(too_many)?;
    }
    tables
        .cover_small(layout::IPC_BUFFER, PAGE)
        .map_err(too_many)?;
    tables.cover_small(layout::START, PAGE).map_err(too_many)?;
    tables
        .cover_small(layout::SYSTEM, sizes.system_bytes)
        .map_err(too_many)?;
    tables
        .cover_large(layout::HEAP, large_bytes(heap_bytes))
        .map_err(too_many)?;
    tables
        .cover_small(
            layout::HEAP.saturating_add(large_bytes(heap_bytes)),
            tail_bytes(heap_bytes),
        )
        .map_err(too_many)?;
    if server == ServerName::Limits {
        tables
            .cover_small(layout::RINGS, layout::RINGS_BYTES)
            .map_err(too_many)?;
        tables
            .cover_small(layout::GROUND, ground::bytes(system.room.groups))
            .map_err(too_many)?;
    }
    if server == ServerName::Memory {
        let archive_bytes = u64::from(sizes.archive_pages).saturating_mul(PAGE);
        tables
            .cover_small(layout::SCRATCH, layout::SCRATCH_BYTES)
            .map_err(too_many)?;
        tables
            .cover_small(layout::ARCHIVE, archive_bytes)
            .map_err(too_many)?;
    }
    Ok(ServerPlan {
        cnode_radix: cnode_radix(server, system, sizes),
        tables,
        image_pages: image.page_count(),
        heap_bytes,
        max_priority: match server {
            // It gives the newborn theirs.
            ServerName::Proc => system.birth_priority.max(system.server_priority),
            ServerName::Limits | ServerName::Memory => system.server_priority,
        },
    })
}

/// What of a heap is mapped in large frames.
#[must_use]
pub const fn large_bytes(heap_bytes: u64) -> u64 {
    heap_bytes.saturating_sub(tail_bytes(heap_bytes))
}

/// What is left of it for small ones.
#[must_use]
pub const fn tail_bytes(heap_bytes: u64) -> u64 {
    heap_bytes % LARGE_PAGE
}

fn heap_bytes(server: ServerName, system: &System) -> Result<u64, PlanError> {
    let mebibytes = match server {
        ServerName::Limits => system.heaps.limits,
        ServerName::Memory => system.heaps.memory,
        ServerName::Proc => system.heaps.proc,
    };
    let bytes = u64::from(mebibytes) << 20;
    if bytes == 0 || bytes > layout::HEAP_BYTES {
        return Err(PlanError::HeapSize { server, mebibytes });
    }
    Ok(bytes)
}

fn cnode_radix(server: ServerName, system: &System, sizes: &Sizes) -> u8 {
    let radix = match server {
        ServerName::Limits => limits_slots::RADIX,
        ServerName::Proc => proc_slots::radix(system.room.threads),
        ServerName::Memory => {
            let used = memory_slots::copies(sizes.pages, sizes.archive_pages)
                .saturating_add(u64::from(system.room.shared_mappings));
            used.next_power_of_two().trailing_zeros()
        }
    };
    // A logarithm of 64 bits at most.
    u8::try_from(radix).unwrap_or(u8::MAX)
}
