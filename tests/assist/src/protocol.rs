//! Messages that are wrong in every way there is.

use client::Server;
use client::interfaces::call::MESSAGE_BYTES;
use client::interfaces::events::{Kinds, ReadSnapshot, RingId, Unwatch, Watch};
use client::interfaces::limits::LabelText;
use client::interfaces::memory::{Access, RegionId};
use client::interfaces::process::Arguments;
use client::interfaces::provision::{ProgramId, ProgramName};
use client::interfaces::short::BIT;
use client::interfaces::{
    Amounts, Call, GroupId, Label, Limit, ProtocolError, Resource, TaskId, Text, accounting,
    console, limits, memory, process, provision,
};
use sel4::MessageInfo;

use crate::words::Words;

/// Labels below this are faults'.
const FAULTS: u64 = 7;

/// `protocol SERVER`: every wrong label, every operation with a wrong length, with capabilities, at a wrong server.
pub fn check(words: &mut Words<'_>) -> i32 {
    let server = words.server();
    let tried = labels(server).and_then(|()| shorts(server));
    match tried.and_then(|()| operations(server)) {
        Ok(()) => 0,
        Err(Unexpected {
            label,
            what,
            answer,
        }) => {
            problem!(
                "{}: label {label:#x}, {what}: answer {answer}",
                server.name()
            )
        }
    }
}

/// An answer that should have been another.
struct Unexpected {
    label: u64,
    what: &'static str,
    answer: u64,
}

fn answered(
    server: Server,
    label: u64,
    payload: &[u8],
    what: &'static str,
    expected: ProtocolError,
) -> Result<(), Unexpected> {
    let answer = client::server::raw(server, label, payload).label;
    if answer == expected as u64 {
        Ok(())
    } else {
        Err(Unexpected {
            label,
            what,
            answer,
        })
    }
}

/// The interface that a server serves to clients, its operations (their numbers have gaps), and the interface that is
/// not for clients.
fn served(server: Server) -> (u8, &'static [(u8, &'static str)], Option<u8>) {
    match server {
        Server::Process => (process::INTERFACE, process::OPERATIONS, None),
        Server::Memory => (
            memory::INTERFACE,
            memory::OPERATIONS,
            Some(provision::INTERFACE),
        ),
        Server::Limits => (
            limits::INTERFACE,
            limits::OPERATIONS,
            Some(accounting::INTERFACE),
        ),
        Server::Console => (console::INTERFACE, console::OPERATIONS, None),
    }
}

/// Which operations of a server have a short form.
const fn short_forms(server: Server) -> fn(u8) -> bool {
    match server {
        Server::Process => process::has_short_form,
        Server::Memory => memory::has_short_form,
        Server::Limits => limits::has_short_form,
        Server::Console => console::has_short_form,
    }
}

/// Every short form, a word longer than any is.
fn shorts(server: Server) -> Result<(), Unexpected> {
    let (interface, operations, _) = served(server);
    let short = short_forms(server);
    for &(operation, _) in operations.iter().filter(|&&(number, _)| short(number)) {
        let label = Label::new(interface, 1, operation).shortened().bits();
        let (what, malformed) = ("a short form that is too long", ProtocolError::Malformed);
        answered(server, label, &[0; 40], what, malformed)?;
        answered(server, label, &[0xff; MESSAGE_BYTES], what, malformed)?;
    }
    Ok(())
}

/// Every label that means nothing here, with nothing and with something as payload.
fn labels(server: Server) -> Result<(), Unexpected> {
    let (interface, operations, servers_only) = served(server);
    for payload in [&[][..], &[1; 8], &[0xff; MESSAGE_BYTES]] {
        for label in 0..FAULTS {
            answered(
                server,
                label,
                payload,
                "a fault's label",
                ProtocolError::ForgedFault,
            )?;
        }
        for label in [FAULTS, 0xff, 0x100, 0xffff] {
            answered(
                server,
                label,
                payload,
                "no interface at all",
                ProtocolError::UnknownInterface,
            )?;
        }
        for other in (1..16).filter(|&other| other != interface) {
            let (expected, what) = if servers_only == Some(other) {
                (ProtocolError::NotForClients, "an interface for servers")
            } else {
                (ProtocolError::UnknownInterface, "another interface")
            };
            for operation in 0..20 {
                answered(
                    server,
                    Label::new(other, 1, operation).bits(),
                    payload,
                    what,
                    expected,
                )?;
            }
        }
        for version in [0, 2, 3, 255] {
            let label = Label::new(interface, version, 0).bits();
            answered(
                server,
                label,
                payload,
                "another version",
                ProtocolError::UnknownVersion,
            )?;
        }
        // A short form is an operation too: it has other lengths, that is all.
        let short = short_forms(server);
        let unknown = |number: &u8| {
            let is_short = number & BIT != 0 && short(number ^ BIT);
            !is_short && operations.iter().all(|&(known, _)| known != *number)
        };
        for operation in (0..=u8::MAX).filter(unknown) {
            let label = Label::new(interface, 1, operation).bits();
            answered(
                server,
                label,
                payload,
                "no operation",
                ProtocolError::UnknownOperation,
            )?;
        }
    }
    Ok(())
}

/// The server whose operations are tried, and which of them were: a bit each.
struct Tried {
    server: Server,
    operations: u128,
}

/// One operation in every wrong form. None of them is ever carried out, so any operation can be tried.
fn operation<C: Call>(tried: &mut Tried, request: &C) -> Result<(), Unexpected> {
    let server = tried.server;
    let label = C::LABEL.bits();
    tried.operations |= 1_u128.checked_shl(C::LABEL.operation().into()).unwrap_or(0);
    let mut buffer = [0; MESSAGE_BYTES];
    let used = client::interfaces::encode::encode(request, &mut buffer).unwrap_or(0);
    let whole = used.next_multiple_of(8);
    let malformed = |payload: Option<&[u8]>, what| {
        answered(
            server,
            label,
            payload.unwrap_or_default(),
            what,
            ProtocolError::Malformed,
        )
    };
    if used > 0 {
        malformed(Some(&[]), "no payload")?;
    }
    if let Some(shorter) = used
        .checked_sub(1)
        .map(|bytes| bytes & !7)
        .filter(|&bytes| bytes > 0)
    {
        malformed(buffer.get(..shorter), "too short")?;
    }
    malformed(buffer.get(..whole.saturating_add(8)), "a word too long")?;
    malformed(buffer.get(..whole.saturating_add(16)), "two words too long")?;
    malformed(Some(&buffer), "as long as can be")?;
    malformed(Some(&[0xff; MESSAGE_BYTES]), "nothing but ones")?;
    if used < whole {
        let mut padded = buffer;
        if let Some(last) = padded.get_mut(whole.saturating_sub(1)) {
            *last = 1;
        }
        malformed(padded.get(..whole), "padding that is not zero")?;
    }
    let words = u64::from_le_bytes([
        buffer[0], buffer[1], buffer[2], buffer[3], buffer[4], buffer[5], buffer[6], buffer[7],
    ]);
    // The same endpoint's capability is the only one that the kernel lets through to a receiver without a slot.
    sel4::set_extra_cap(0, server.endpoint());
    let info = MessageInfo::new(label, 0, 1, 1);
    let (answer, _) = sel4::call_registers(server.endpoint(), info, [words, 0, 0, 0]);
    if answer.label() != ProtocolError::CapabilitiesSent as u64 {
        return Err(Unexpected {
            label,
            what: "a capability along",
            answer: answer.label(),
        });
    }
    for other in Server::ALL.into_iter().filter(|&other| other != server) {
        let payload = buffer.get(..whole).unwrap_or_default();
        let answer = client::server::raw(other, label, payload).label;
        if answer != ProtocolError::UnknownInterface as u64 {
            return Err(Unexpected {
                label,
                what: "at another server",
                answer,
            });
        }
    }
    Ok(())
}

const GROUP: GroupId = GroupId {
    index: 300,
    generation: 300,
};
const TASK: TaskId = TaskId {
    index: 300,
    generation: 300,
};
const REGION: RegionId = RegionId {
    index: 300,
    generation: 300,
};

/// Every operation of a server, with a request that would be understood.
fn operations(server: Server) -> Result<(), Unexpected> {
    let mut tried = Tried {
        server,
        operations: 0,
    };
    match server {
        Server::Process => tasks(&mut tried)?,
        Server::Memory => regions(&mut tried)?,
        Server::Limits => groups(&mut tried)?,
        Server::Console => lines(&mut tried)?,
    }
    // One that was added to the interface and not here is seen.
    let (interface, operations, _) = served(server);
    let tried = |number: u8| tried.operations.checked_shr(number.into()).unwrap_or(0) & 1 == 1;
    match operations.iter().find(|&&(number, _)| !tried(number)) {
        None => Ok(()),
        Some(&(number, _)) => Err(Unexpected {
            label: Label::new(interface, 1, number).bits(),
            what: "this operation is not tried",
            answer: 0,
        }),
    }
}

fn tasks(tried: &mut Tried) -> Result<(), Unexpected> {
    use client::interfaces::links::{Accept, HangUp, Offer, ReadLinks, SetAlarm};
    use process::{
        Audit, Children, CloseRing, EndThread, Exit, ExtendRing, FindProgram, JoinThread, Kill,
        KillGroup, NextGroup, OpenRing, ReadArguments, ReadClock, ReadFigures, ReadPool, ReadTask,
        Sleep, SleepUntil, Spawn, StartThread, Wait, WaitFor,
    };
    let arguments = Arguments::cut("some arguments that take more than a register");
    operation(
        tried,
        &Spawn {
            program: ProgramId(0),
            group: Some(GROUP),
            arguments,
        },
    )?;
    operation(
        tried,
        &FindProgram {
            name: ProgramName::cut("assist"),
        },
    )?;
    operation(tried, &Exit { code: 1 })?;
    operation(tried, &Wait { child: Some(TASK) })?;
    operation(tried, &Kill { task: TASK })?;
    operation(tried, &KillGroup { group: GROUP })?;
    operation(tried, &ReadTask { task: Some(TASK) })?;
    operation(tried, &Children { after: Some(TASK) })?;
    operation(tried, &ReadArguments {})?;
    operation(
        tried,
        &StartThread {
            entry: 0x24_0000,
            stack_top: 0x24_0000,
            argument: u64::MAX,
        },
    )?;
    operation(
        tried,
        &EndThread {
            number: 1,
            myself: true,
        },
    )?;
    operation(tried, &JoinThread { number: 1 })?;
    operation(tried, &Audit { group: GROUP })?;
    operation(
        tried,
        &process::Inspect {
            group: Some(GROUP),
            at: 1 << 33,
        },
    )?;
    operation(tried, &NextGroup { after: Some(GROUP) })?;
    operation(tried, &ReadFigures {})?;
    operation(tried, &ReadPool {})?;
    operation(tried, &OpenRing { pages: 1 })?;
    operation(tried, &ExtendRing { ring: RingId(0) })?;
    operation(tried, &CloseRing { ring: RingId(0) })?;
    operation(
        tried,
        &process::Fork {
            thread: 300,
            group: Some(GROUP),
        },
    )?;
    operation(tried, &process::Freeze { group: GROUP })?;
    operation(tried, &process::Thaw { group: GROUP })?;
    operation(
        tried,
        &process::MoveTask {
            task: TASK,
            group: GROUP,
        },
    )?;
    operation(tried, &process::AdoptBand {})?;
    operation(tried, &Offer { to: TASK, ns: 1 })?;
    let from = Some(TASK);
    operation(tried, &Accept { from, ns: 1 })?;
    operation(tried, &HangUp { partner: TASK })?;
    operation(tried, &ReadLinks {})?;
    operation(tried, &SetAlarm { ns: 1 })?;
    operation(tried, &ReadClock {})?;
    operation(tried, &Sleep { ns: 1 })?;
    let clock = process::Clock { ns: 1 };
    operation(tried, &SleepUntil { clock })?;
    operation(
        tried,
        &WaitFor {
            child: Some(TASK),
            ns: 1,
        },
    )
}

fn regions(tried: &mut Tried) -> Result<(), Unexpected> {
    use memory::{
        CountFree, CreateRegion, DestroyRegion, MakeRoom, Map, ReadCommit, ReadRegion, ReadSpace,
        Tidy, Unmap,
    };
    operation(tried, &CreateRegion { pages: 1 })?;
    operation(
        tried,
        &Map {
            region: REGION,
            address: Some(0x2000_0000),
            access: Access::ReadWrite,
        },
    )?;
    operation(tried, &Unmap { region: REGION })?;
    operation(tried, &DestroyRegion { region: REGION })?;
    operation(tried, &ReadRegion { region: REGION })?;
    operation(tried, &ReadSpace {})?;
    operation(tried, &ReadCommit {})?;
    operation(tried, &MakeRoom {})?;
    operation(
        tried,
        &memory::Spoil {
            address: 0x1000_0000,
        },
    )?;
    operation(tried, &Tidy {})?;
    operation(tried, &CountFree { from: 0 })?;
    shared_regions(tried)
}

fn shared_regions(tried: &mut Tried) -> Result<(), Unexpected> {
    use memory::{
        Accept, CloneOn, CloneRegion, CreateLarge, Guarantee, MapPart, Offered, Resize, Share,
        Sponsor, UnmapPart,
    };
    let (region, access) = (REGION, Access::ReadWrite);
    operation(
        tried,
        &Share {
            region,
            to: TASK,
            access,
            payment: true,
        },
    )?;
    operation(tried, &Offered { from: TASK })?;
    operation(tried, &Accept { region })?;
    operation(
        tried,
        &MapPart {
            region,
            address: Some(0x2000_0000),
            access,
            offset: 1,
            pages: 1,
        },
    )?;
    operation(
        tried,
        &UnmapPart {
            address: 0x2000_0000,
        },
    )?;
    operation(tried, &CreateLarge {})?;
    operation(tried, &Resize { region, pages: 300 })?;
    operation(tried, &Sponsor { region })?;
    let group = GROUP;
    operation(tried, &Guarantee { group, pages: 300 })?;
    operation(tried, &CloneRegion { region })?;
    operation(tried, &CloneOn { region })
}

fn groups(tried: &mut Tried) -> Result<(), Unexpected> {
    use limits::{
        CloseGroup, EffectiveLimit, Enter, ListChildren, ListTasks, OpenGroup, ReadAccount,
        ReadResource, ReadUsage, SetLabel, SetLimit, SetSoftLimit, WhoAmI, WouldFit,
    };
    let (group, resource) = (Some(GROUP), Resource::Frames);
    operation(tried, &OpenGroup { parent: group })?;
    operation(tried, &CloseGroup { group: GROUP })?;
    operation(
        tried,
        &SetLimit {
            group: GROUP,
            resource,
            limit: Limit::At(u64::MAX),
        },
    )?;
    operation(
        tried,
        &SetSoftLimit {
            group: GROUP,
            resource,
            limit: Limit::Max,
        },
    )?;
    operation(
        tried,
        &SetLabel {
            group: GROUP,
            label: LabelText::cut("a label that takes some words"),
        },
    )?;
    operation(tried, &ReadAccount { group })?;
    operation(tried, &ReadResource { group, resource })?;
    operation(tried, &ReadUsage { group })?;
    operation(
        tried,
        &ListChildren {
            group,
            after: group,
        },
    )?;
    operation(
        tried,
        &ListTasks {
            group,
            after: Some(TASK),
        },
    )?;
    operation(tried, &EffectiveLimit { group, resource })?;
    operation(
        tried,
        &WouldFit {
            group,
            amounts: Amounts::of(resource, u64::MAX),
        },
    )?;
    operation(tried, &WhoAmI {})?;
    operation(tried, &Enter { group: GROUP })?;
    let ring = RingId(0);
    operation(
        tried,
        &Watch {
            ring,
            group,
            kinds: Kinds::ALL,
        },
    )?;
    operation(tried, &Unwatch { ring })?;
    operation(tried, &ReadSnapshot { ring })?;
    operation(tried, &limits::ReadFreeze { group })?;
    operation(tried, &limits::ReadGuarantee { group })?;
    operation(tried, &limits::Ping {})?;
    rights(tried)?;
    lasting(tried)
}

fn rights(tried: &mut Tried) -> Result<(), Unexpected> {
    use limits::{
        GiveUp, Grant, ListRights, MyRights, ReadOwner, Revoke, Rights, SetMode, SetOwner,
    };
    let (group, task, rights) = (GROUP, TASK, Rights::ALL);
    operation(
        tried,
        &Grant {
            group,
            task,
            rights,
        },
    )?;
    operation(
        tried,
        &Revoke {
            group,
            task,
            rights,
        },
    )?;
    operation(tried, &GiveUp { group, rights })?;
    operation(tried, &ListRights { group: Some(GROUP) })?;
    operation(tried, &MyRights { group: Some(GROUP) })?;
    let (uid, gid) = (1000, 50);
    operation(tried, &SetOwner { group, uid, gid })?;
    operation(tried, &SetMode { group, mode: 0o777 })?;
    operation(tried, &ReadOwner { group: Some(GROUP) })
}

fn lasting(tried: &mut Tried) -> Result<(), Unexpected> {
    use limits::{
        FindChild, Hold, ListTombstones, ReadTombstone, ReadTotals, RemoveGroup, ResetPeaks,
        ResetRefusals, Unhold,
    };
    let group = GROUP;
    operation(tried, &ResetPeaks { group })?;
    operation(tried, &ResetRefusals { group })?;
    operation(tried, &Hold { group })?;
    operation(tried, &Unhold { group })?;
    operation(tried, &RemoveGroup { group })?;
    operation(
        tried,
        &FindChild {
            parent: Some(GROUP),
            label: LabelText::cut("a label that takes some words"),
        },
    )?;
    operation(tried, &ReadTombstone { group })?;
    operation(
        tried,
        &ListTombstones {
            group: Some(GROUP),
            after: 300,
        },
    )?;
    operation(tried, &ReadTotals { group: Some(GROUP) })
}

fn lines(tried: &mut Tried) -> Result<(), Unexpected> {
    use console::{Halt, PollInput, ReadDropped, ReadInput, Write, WriteRaw, WriteRecord};
    operation(
        tried,
        &Write {
            text: Text::cut("a line that nobody is to see\n"),
        },
    )?;
    operation(
        tried,
        &WriteRecord {
            record: Text::cut("done 1 0"),
        },
    )?;
    operation(tried, &Halt { passed: true })?;
    operation(tried, &ReadDropped {})?;
    operation(tried, &ReadInput {})?;
    operation(tried, &PollInput {})?;
    operation(
        tried,
        &WriteRaw {
            text: Text::cut("nor this"),
        },
    )
}
