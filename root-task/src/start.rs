//! Starts a server whose address space and CNode are ready.

use boot_core::grants::fault_slot;
use boot_core::image::Image;
use boot_core::layout;
use boot_core::object::Item;
use boot_core::plan::BootPlan;
use interfaces::ServerName;
use interfaces::system::{LOWEST_BAND, WATCHMAN_PRIORITY};
use sel4::cap::{self, Cap};
use sel4::{CapData, Priorities, Result, UserContext};

use crate::authority::{cnode, space, tcb};

/// Gives the server's thread its spaces, its priority and its registers. It does not run yet.
pub fn configure(
    plan: &BootPlan,
    server: ServerName,
    image: &Image<'_>,
    priority: u8,
) -> Result<()> {
    let own = plan.servers.of(server);
    let ipc_frame = plan
        .slots(Item::Frames(server))
        .at(own.ipc_frame())
        .ok_or(sel4::Error::InvalidCapability)?;
    let thread = tcb(plan, server);
    thread.configure(
        fault_slot(server),
        Priorities {
            mcp: own.max_priority,
            priority,
        },
        cnode(plan, server),
        CapData::skip_guard(own.cnode_radix),
        space(plan, server),
        layout::IPC_BUFFER,
        Cap::from_bits(ipc_frame),
    )?;
    if server == ServerName::Proc {
        let news: cap::Notification = Cap::from_bits(plan.slot(Item::News));
        thread.bind_notification(news)?;
        // It has the server's own spaces, so whoever holds it can do no more with it than without.
        let watchman: cap::Tcb = Cap::from_bits(plan.slot(Item::Watchman));
        watchman.configure(
            fault_slot(server),
            Priorities {
                mcp: 0,
                priority: WATCHMAN_PRIORITY,
            },
            cnode(plan, server),
            CapData::skip_guard(own.cnode_radix),
            space(plan, server),
            0,
            cap::Frame::NULL,
        )?;
    }
    if server == ServerName::Memory {
        // As above. It runs only when the server says so, and as important as the server says.
        let cleaner: cap::Tcb = Cap::from_bits(plan.slot(Item::Cleaner));
        cleaner.configure(
            fault_slot(server),
            Priorities {
                mcp: 0,
                priority: LOWEST_BAND,
            },
            cnode(plan, server),
            CapData::skip_guard(own.cnode_radix),
            space(plan, server),
            layout::CLEANER_BUFFER,
            Cap::from_bits(plan.slot(Item::CleanerFrame)),
        )?;
    }
    // A stack pointer of 0 lets the entry take the stack that the image brought along.
    let registers = UserContext {
        rip: image.entry(),
        rdi: layout::START,
        ..UserContext::default()
    };
    thread.write_registers(false, &registers)
}

/// Lets the server run, once whoever is above lets it.
pub fn resume(plan: &BootPlan, server: ServerName) -> Result<()> {
    tcb(plan, server).resume()
}
