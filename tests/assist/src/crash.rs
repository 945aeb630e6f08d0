//! Modes that cannot go on, or pretend so.

use core::arch::asm;

use client::Server;
use sel4::MessageInfo;
use sel4::cap::Endpoint;

use crate::words::Words;

/// `fault KIND`: does it. Returns if nothing stopped it.
pub fn fault(words: &mut Words<'_>) -> i32 {
    match words.next() {
        "null" => read(0),
        "unmapped" => read(0x5000_0000),
        // Where the first region of a task would be.
        "region" => read(0x1000_0000),
        "beyond-4-gib" => read(0x1_0000_0000 | fault as *const () as u64),
        "not-canonical" => read(0x8000_0000_0000_0000),
        "write-text" => write(fault as *const () as u64),
        "write-above" => write(0x1_0000_0000 | &raw const HERE as u64),
        "stack" => {
            overflow(1);
        }
        // SAFETY: not sound at all: the kernel is to stop each of these.
        "invalid" => unsafe { asm!("ud2") },
        "divide" => {
            // SAFETY: as above.
            unsafe { asm!("div {0:e}", in(reg) 0, inout("eax") 1 => _, inout("edx") 0 => _) }
        }
        // SAFETY: as above.
        "privileged" => unsafe { asm!("hlt") },
        // SAFETY: as above.
        "syscall" => unsafe {
            asm!("syscall", in("rdx") 1234_u64, lateout("rcx") _, lateout("r11") _);
        },
        "capability" => {
            let _ = sel4::recv_registers(Endpoint::from_bits(0));
        }
        "jump" => {
            // SAFETY: as above.
            unsafe { asm!("call {0}", in(reg) 0x10_u64, clobber_abi("C")) }
        }
        other => return problem!("no fault {other}"),
    }
    problem!("nothing stopped it")
}

static HERE: u64 = 1;

fn read(address: u64) {
    // SAFETY: not sound at all: the kernel is to stop it.
    unsafe { asm!("mov {0}, [{0}]", inout(reg) address => _) }
}

fn write(address: u64) {
    // SAFETY: as above.
    unsafe { asm!("mov qword ptr [{0}], 1", in(reg) address) }
}

/// Calls itself until the stack is used up. Frames are smaller than a page, so the guard page is met.
#[inline(never)]
#[expect(unconditional_recursion, reason = "that is what it is for")]
fn overflow(depth: u64) -> u64 {
    let frame = core::hint::black_box([depth; 16]);
    let deeper = overflow(depth.wrapping_add(1));
    core::hint::black_box(frame)
        .iter()
        .fold(deeper, |sum, word| sum.wrapping_add(*word))
}

/// `forge LABEL`: sends a fault's label on every service endpoint, and expects to be told so; with a slot as a second
/// word, sends it there, so many words of it as the third one says, and sees what comes.
pub fn forge(words: &mut Words<'_>) -> i32 {
    let label: u64 = words.number();
    // What a page fault at a mapped address would say.
    let message = [fault as *const () as u64, fault as *const () as u64, 0, 4];
    match words.number() {
        0 => {}
        slot => {
            // With fewer words than the kernel's own message has, what is missing is not to be taken from another's.
            let length = match words.next() {
                "" => message.len(),
                length => length.parse().unwrap_or(0),
            };
            let info = MessageInfo::new(label, 0, 0, length);
            let _ = sel4::call_registers(Endpoint::from_bits(slot), info, message);
            return 0;
        }
    }
    for (server, length) in Server::ALL
        .into_iter()
        .flat_map(|server| [0, 1, 2, 3, 4, 12, 120].map(|length| (server, length)))
    {
        let info = MessageInfo::new(label, 0, 0, length);
        let (answer, _) = sel4::call_registers(server.endpoint(), info, message);
        if answer.label() != client::interfaces::ProtocolError::ForgedFault as u64 {
            return problem!(
                "{}: fault {label} answered with {}",
                server.name(),
                answer.label()
            );
        }
    }
    0
}
