//! Tasks that cannot go on, and messages that say so and lie.

use client::interfaces::process::ExitReason;
use client::interfaces::provision::Cause;

use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::world::World;

/// Labels below this are faults'.
const FAULTS: u64 = 7;
/// The slot of a client's fault endpoint.
const FAULT_SLOT: u64 = client::interfaces::start::client_slots::FAULT;

pub fn each_fault_ends_the_task_with_its_reason(world: &mut World) -> Result<(), Failure> {
    type Reason = fn(Cause) -> bool;
    let reasons: [(&str, Reason); 9] = [
        ("null", |cause| {
            matches!(cause, Cause::BadAddress { address: 0, .. })
        }),
        ("unmapped", |cause| {
            matches!(
                cause,
                Cause::BadAddress {
                    address: 0x5000_0000,
                    ..
                }
            )
        }),
        ("write-text", |cause| {
            matches!(
                cause,
                Cause::BadAddress {
                    address: 0x24_0000..0x40_0000,
                    ..
                }
            )
        }),
        ("jump", |cause| {
            matches!(cause, Cause::BadAddress { address: 0x10, .. })
        }),
        ("invalid", |cause| {
            matches!(cause, Cause::Exception { number: 6, .. })
        }),
        ("divide", |cause| {
            matches!(cause, Cause::Exception { number: 0, .. })
        }),
        ("privileged", |cause| {
            matches!(cause, Cause::Exception { number: 13, .. })
        }),
        ("syscall", |cause| {
            matches!(cause, Cause::UnknownSyscall { number: 1234 })
        }),
        ("capability", |cause| {
            matches!(cause, Cause::CapabilityFault { .. })
        }),
    ];
    for (fault, expected) in reasons {
        match world.run(None, format_args!("fault {fault}"))? {
            ExitReason::Fault(cause) if expected(cause) => {}
            other => fail!("{fault}: {other:?}"),
        }
    }
    Ok(())
}

pub fn a_stack_overflow_hits_the_guard_page(world: &mut World) -> Result<(), Failure> {
    match world.run(None, format_args!("fault stack"))? {
        ExitReason::Fault(Cause::BadAddress {
            address: 0x21_0000..0x21_1000,
            ..
        }) => Ok(()),
        other => fail!("{other:?}"),
    }
}

pub fn an_address_above_4_gib_is_not_mistaken_for_its_low_half(
    world: &mut World,
) -> Result<(), Failure> {
    for fault in ["beyond-4-gib", "write-above", "not-canonical"] {
        match world.run(None, format_args!("fault {fault}"))? {
            ExitReason::Fault(Cause::BadAddress { .. } | Cause::Exception { number: 13, .. }) => {}
            other => fail!("{fault}: {other:?}"),
        }
    }
    Ok(())
}

pub fn a_forged_fault_message_is_refused(world: &mut World) -> Result<(), Failure> {
    for label in 0..FAULTS {
        world.content(None, format_args!("forge {label}"))?;
    }
    Ok(())
}

pub fn a_task_can_forge_a_fault_only_against_itself(world: &mut World) -> Result<(), Failure> {
    let bystander = world.low_group()?;
    let task = world.start(Some(bystander), format_args!("idle"))?;
    let group = world.group()?;
    let before = Ledger::read()?;
    for label in 0..FAULTS {
        for length in [4, 0, 1, 2, 3, 12, 120] {
            // It may end or live, as with a real fault.
            let mode = format_args!("forge {label} {FAULT_SLOT} {length}");
            let end = world.run(Some(group), mode)?;
            ensure!(
                matches!(end, ExitReason::Exited { code: 0 } | ExitReason::Fault(_)),
                "fault {label} of {length} words: {end:?}"
            );
        }
    }
    Ledger::read()?.uses_what(&before)?;
    equal!(
        "the bystander",
        client::process::read_task(Some(task))?.task,
        task
    );
    Ok(())
}
