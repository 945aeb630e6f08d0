//! The plan of who holds what, written down a second time and by hand, to hold the machine's report against.

use image::report::{Entry, Report};
use interfaces::start::{limits_slots, memory_slots, proc_slots};
use interfaces::{Badge, Caller, ServerName};

/// A capability that a server is to have: slot, how many, kind, rights, badge.
type Planned = (u64, u64, &'static str, Option<&'static str>, Option<u64>);

/// A badge of a server that calls another.
fn called_by(server: ServerName) -> u64 {
    Badge::Service(Caller::server(server)).encode()
}

/// The root task's endpoint, where the kernel sends a server's faults: it must stand in the server's own CSpace. Its badge
/// says "a fault", so nothing can be asked with it.
fn faults_of(server: ServerName, slot: u64) -> Planned {
    let badge = Badge::ServerFault(server).encode();
    (slot, 1, "endpoint", Some("-wg"), Some(badge))
}

fn limits_server() -> Vec<Planned> {
    vec![
        (limits_slots::ENDPOINT, 1, "endpoint", Some("r--"), None),
        faults_of(ServerName::Limits, 2),
    ]
}

fn memory_server() -> Vec<Planned> {
    use memory_slots as slot;
    vec![
        (slot::ENDPOINT, 1, "endpoint", Some("r--"), None),
        (
            slot::LIMITS,
            1,
            "endpoint",
            Some("-wg"),
            Some(called_by(ServerName::Memory)),
        ),
        (slot::CNODE, 1, "cnode", None, None),
        (slot::PROC_CNODE, 1, "cnode", None, None),
        (slot::SPACE, 1, "address-space", None, None),
        (slot::NEWS, 1, "notification", Some("-w-"), None),
        faults_of(ServerName::Memory, 7),
        (slot::ASID_POOL, 1, "asid-pool", None, None),
        (
            slot::ASID_POOL + 1,
            slot::ASID_POOLS - 1,
            "asid-pool",
            None,
            None,
        ),
        // To give watchers' rings to the limits-server, which holds no memory of its own.
        (slot::LIMITS_CNODE, 1, "cnode", None, None),
        (slot::LIMITS_SPACE, 1, "address-space", None, None),
        // Its own second thread, which clears what was used before.
        (slot::CLEANER, 1, "tcb", None, None),
    ]
}

fn proc_server() -> Vec<Planned> {
    use proc_slots as slot;
    vec![
        (slot::ENDPOINT, 1, "endpoint", None, None),
        (
            slot::MEMORY,
            1,
            "endpoint",
            Some("-wg"),
            Some(called_by(ServerName::Proc)),
        ),
        (
            slot::LIMITS,
            1,
            "endpoint",
            Some("-wg"),
            Some(called_by(ServerName::Proc)),
        ),
        (slot::CNODE, 1, "cnode", None, None),
        (slot::MEMORY_MINT, 1, "endpoint", Some("-wg"), None),
        (slot::LIMITS_MINT, 1, "endpoint", Some("-wg"), None),
        (slot::CONSOLE_MINT, 1, "endpoint", Some("-wg"), None),
        (slot::BIRTH_CNODE, 1, "cnode", None, None),
        (slot::NEWS, 1, "notification", Some("r--"), None),
        (slot::TCB, 1, "tcb", None, None),
        faults_of(ServerName::Proc, 11),
        // The one device that a server has: the interval timer.
        (slot::TIMER, 1, "ports", None, None),
        (slot::TIMER_IRQ, 1, "interrupt", None, None),
        (slot::WATCHMAN, 1, "tcb", None, None),
    ]
}

/// Every capability of the report is planned, and every planned one is there.
pub fn compare(report: &Report) -> Result<(), String> {
    let plan = [
        (ServerName::Limits, limits_server()),
        (ServerName::Memory, memory_server()),
        (ServerName::Proc, proc_server()),
    ];
    let mut wrong = Vec::new();
    for (server, planned) in plan {
        let held: Vec<&Entry> = report.of(server.name()).collect();
        for capability in &planned {
            if !held.iter().any(|entry| is(entry, capability)) {
                wrong.push(format!("{server}: planned and not there: {capability:?}"));
            }
        }
        for entry in held {
            if !planned.iter().any(|capability| is(entry, capability)) && !is_memory(server, entry)
            {
                wrong.push(format!("{server}: there and not planned: {entry:?}"));
            }
        }
    }
    for stranger in report
        .servers()
        .into_iter()
        .filter(|name| ServerName::ALL.iter().all(|server| server.name() != *name))
    {
        wrong.push(format!("nobody knows the server {stranger}"));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

fn is(entry: &Entry, &(slot, count, kind, rights, badge): &Planned) -> bool {
    entry.slot == slot
        && entry.count == count
        && entry.kind == kind
        && rights.is_none_or(|rights| entry.rights == rights)
        && (badge.is_none() && entry.badge.is_none_or(|badge| badge >> 25 == 5)
            || entry.badge == badge)
}

/// The memory server's memory, whose amount depends on the machine: untyped blocks, and the archive's frames, which it
/// may only read. All of it beyond the slots that have names.
fn is_memory(server: ServerName, entry: &Entry) -> bool {
    let memory = match entry.kind.as_str() {
        "untyped" => true,
        "frame" => entry.rights == "r--",
        _ => false,
    };
    server == ServerName::Memory && memory && entry.slot >= memory_slots::BASE
}
