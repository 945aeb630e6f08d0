//! The report: looks into every slot of every server's CNode, prints what is there, and compares it with the table.
//!
//! On the debug kernel each capability's kind is asked, through a CNode that is put above the root task's own for the
//! time of the report, so that the server's slots have addresses in the root task's CSpace. (The kernel prints a line
//! for every refused invocation, and this way looking is never refused.) On the release kernel a trial copy shows only
//! whether something is there. On both, rights and badges are tried ([`crate::trial`]).

use core::fmt::Write as _;

use boot_core::grants::{CapKind, Grant, Rights, Target};
use boot_core::image::PAGE;
use boot_core::object::{Item, Port};
use boot_core::plan::{BootPlan, REPORT_RADIX};
use boot_core::walk::{Found, Walk};
use interfaces::text::Text;
use interfaces::{Badge, ServerName};
use sel4::cap::{self, Cap};
use sel4::{BootInfo, CapData, CapRights, Result, Slot, debug, init};
use sel4_root_task::println;
use test_records::{Capability, Outcome, Record};

use crate::authority::{cnode, of, own};
use crate::helper::Helper;
use crate::probe::Kernel;
use crate::trial::Trial;

/// What a report is made with.
pub struct Reporter<'a> {
    /// What the kernel said at the start.
    pub info: BootInfo,
    /// The plan.
    pub plan: &'a BootPlan,
    /// How many copies of frames' capabilities there are slots for, beside the pages' own.
    pub shared_mappings: u32,
    /// The table.
    pub grants: &'a [Grant],
    /// Which kernel this is.
    pub kernel: Kernel,
    /// Who tries rights.
    pub helper: &'a Helper,
}

impl Reporter<'_> {
    /// Reports on every server. Returns whether all is as the table says.
    pub fn report(&self) -> Result<bool> {
        let cases = u32::try_from(ServerName::ALL.len()).unwrap_or(u32::MAX);
        record(&Record::Plan { cases });
        let mut failed = 0;
        for server in ServerName::ALL {
            let as_planned = match self.kernel {
                Kernel::Debug => {
                    let window = Window::open(self.info, self.plan, server)?;
                    let outcome = self.server(server, |slot| Ok(window.look(slot)));
                    window.close()?;
                    outcome?
                }
                Kernel::Release => self.server(server, |slot| try_copy(self.plan, server, slot))?,
            };
            failed = u32::saturating_add(failed, u32::from(!as_planned));
        }
        self.memory();
        let passed = cases.saturating_sub(failed);
        record(&Record::Done { passed, failed });
        Ok(failed == 0)
    }

    /// Reports where the machine's memory is: all of it, what is handed out, and what the system keeps for what.
    fn memory(&self) {
        let figure = |name: &str, value| record(&Record::Figure { name, value });
        figure("memory.pages", u64::from(self.plan.pages));
        figure("memory.shared-mappings", self.shared_mappings.into());
        figure("memory.handed-out", self.plan.remainders.bytes());
        for (item, bytes) in self.plan.own() {
            let mut name = Text::<80>::default();
            // What does not fit is cut: the text is for readers.
            let _ = write!(name, "memory.own.{item}");
            figure(name.as_str(), bytes);
        }
    }

    fn server(&self, server: ServerName, look: impl Fn(u64) -> Result<Found>) -> Result<bool> {
        let name = case(server);
        record(&Record::Begin { name });
        let slots = 1_u64 << self.plan.servers.of(server).cnode_radix;
        let mut walk = Walk::new(server, self.grants);
        let mut wrong_rights = 0_u64;
        while walk.slot() < slots {
            let step = walk.step(look(walk.slot())?);
            if let Some(difference) = step.difference {
                println!("root-task: {difference}");
            }
            if let Some((grant, found)) = step.passed.filter(|&(_, found)| found > 0) {
                wrong_rights = wrong_rights.saturating_add(self.try_rights(&grant)?);
                show(&grant, found);
            }
        }
        let occupied = walk.occupied();
        println!("root-task: {server}: {occupied} of {slots} slots are occupied");
        let as_planned = walk.differences() == 0 && wrong_rights == 0;
        let outcome = if as_planned {
            Outcome::Ok
        } else {
            Outcome::Failed {
                reason: "capabilities are not as planned",
            }
        };
        record(&Record::End { name, outcome });
        Ok(as_planned)
    }

    /// Tries the capabilities of a line; counts those that allow something else than it says.
    fn try_rights(&self, grant: &Grant) -> Result<u64> {
        let trial = Trial {
            plan: self.plan,
            helper: self.helper,
        };
        let mut wrong = 0_u64;
        for slot in grant.slot..grant.end() {
            let tried = trial.allows(grant, slot)?;
            if let Some(difference) = tried.and_then(|tried| tried.differs(grant, slot)) {
                println!("root-task: {difference}");
                wrong = wrong.saturating_add(1);
            }
        }
        Ok(wrong)
    }
}

const fn case(server: ServerName) -> &'static str {
    match server {
        ServerName::Limits => "capabilities-of-limits-server",
        ServerName::Memory => "capabilities-of-memory-server",
        ServerName::Proc => "capabilities-of-proc-server",
    }
}

/// Prints a line of the table of which so many slots were found occupied.
fn show(grant: &Grant, found: u64) {
    let mut detail = Text::<80>::default();
    // What does not fit is cut: the text is for readers.
    let _ = match grant.target {
        Target::Archive => write!(detail, "archive, {} bytes", found.saturating_mul(PAGE)),
        target => write!(detail, "{target}"),
    };
    let Rights {
        read,
        write,
        grant: may_grant,
    } = grant.rights;
    record(&Record::Capability(Capability {
        server: grant.server.name(),
        slot: grant.slot,
        count: found,
        kind: grant.target.kind().name(),
        rights: test_records::Rights {
            read,
            write,
            grant: may_grant,
        },
        badge: grant.badge.map(Badge::encode),
        detail: detail.as_str(),
    }));
}

fn record(record: &Record<'_>) {
    println!("{}", record.marked());
}

/// Whether a slot holds something that can be copied.
fn try_copy(plan: &BootPlan, server: ServerName, slot: u64) -> Result<Found> {
    let trial = own(plan.copies.trial);
    match trial.copy_from(of(plan, server, slot), CapRights::ALL) {
        Ok(()) => trial.delete().map(|()| Found::Something),
        Err(sel4::Error::FailedLookup) => Ok(Found::Empty),
        // It cannot be copied: so it is there.
        Err(_) => Ok(Found::Something),
    }
}

/// A server's CNode, made part of the root task's CSpace: behind the address bit that is set in no other.
struct Window {
    slot: Slot,
    /// The kernel's numbers for the kinds.
    numbers: [(CapKind, u64); CapKind::ALL.len()],
}

impl Window {
    const BIT: u64 = 1 << 63;

    fn open(info: BootInfo, plan: &BootPlan, server: ServerName) -> Result<Self> {
        let top: cap::CNode = Cap::from_bits(plan.slot(Item::ReportCNode));
        let slot = |index| Slot::new(top, index, REPORT_RADIX);
        // Below the top the other 63 bits are to be resolved: a guard of zeros, then the slot's number.
        let guard =
            |radix: u8| CapData::guard(0, 64_u8.saturating_sub(REPORT_RADIX).saturating_sub(radix));
        slot(0).mint_guard_from(
            own(init::CNODE.bits()),
            CapRights::ALL,
            guard(info.cnode_size_bits()),
        )?;
        let server_cnode = own(cnode(plan, server).bits());
        slot(1).mint_guard_from(
            server_cnode,
            CapRights::ALL,
            guard(plan.servers.of(server).cnode_radix),
        )?;
        init::TCB.set_space(0, top, CapData::NONE, init::VSPACE)?;
        Ok(Self {
            slot: slot(1),
            numbers: CapKind::ALL.map(|kind| (kind, debug::cap_identify(example(plan, kind)))),
        })
    }

    /// What kind of capability is in a slot.
    fn look(&self, slot: u64) -> Found {
        let number = debug::cap_identify(cap::Unspecified::from_bits(Self::BIT | slot));
        if number == 0 {
            return Found::Empty;
        }
        let known = self.numbers.iter().find(|(_, known)| *known == number);
        known.map_or(Found::Strange(number), |&(kind, _)| Found::Of(kind))
    }

    fn close(self) -> Result<()> {
        init::TCB.set_space(0, init::CNODE, CapData::NONE, init::VSPACE)?;
        self.slot.delete()?;
        Slot::new(self.slot.root, 0, REPORT_RADIX).delete()
    }
}

/// A capability of a kind that is known to be one: so that no number of the kernel's is written down here.
fn example(plan: &BootPlan, kind: CapKind) -> cap::Unspecified {
    let server = ServerName::Limits;
    let item = match kind {
        CapKind::Endpoint => Item::Endpoint(Port::Root),
        CapKind::Notification => Item::News,
        CapKind::CNode => Item::CNode(server),
        CapKind::Space => Item::Space(server),
        CapKind::Tcb => Item::Tcb(server),
        CapKind::Frame => Item::Frames(server),
        CapKind::Untyped => Item::Spare,
        CapKind::AsidPool => return init::ASID_POOL.cast(),
        CapKind::Ports => return init::IO_PORT.cast(),
        CapKind::Interrupt => return Cap::from_bits(plan.copies.timer.handler),
    };
    Cap::from_bits(plan.slot(item))
}
