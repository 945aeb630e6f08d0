//! A thread that does everything wrong, and what its handler hears.

use core::arch::asm;

use sel4::cap::{self, Cap};
use sel4::{CapRights, Fault, MessageInfo, ObjectType, VmAttributes, init, is_fault_label};
use sel4_root_task::{image, println};

use crate::memory::WINDOW;
use crate::must;
use crate::slots::{Pool, slot};
use crate::threads::{self, PRIORITY};

/// A page of the window that nobody mapped.
const MISSING: u64 = WINDOW + 0x1f_0000;
/// An address in a CSpace where there is nothing.
const NO_CAP: u64 = 0xffff;
/// The badge of the handler's capability.
const BADGE: u64 = 0x600_0001;

/// What the thread does wrong; its second argument.
const READ: u64 = 0;
const WRITE: u64 = 1;
const GUARD: u64 = 2;
const INSTRUCTION: u64 = 3;
const SYSTEM_CALL: u64 = 4;
const RECEIVE: u64 = 5;
const NEWBORN: u64 = 6;

/// Hears of each.
pub fn run(pool: &mut Pool) {
    let endpoint: cap::Endpoint = pool.make(ObjectType::Endpoint, 0).cast();
    let handler = pool.slot();
    let minted = slot(handler).mint_from(slot(endpoint.bits()), CapRights::WRITE_GRANT, BADGE);
    must("mint", minted);
    for (number, mistake) in (30..).zip([
        READ,
        WRITE,
        GUARD,
        INSTRUCTION,
        SYSTEM_CALL,
        RECEIVE,
        NEWBORN,
    ]) {
        let thread = threads::make(pool, init::VSPACE, number, handler, PRIORITY);
        if mistake == NEWBORN {
            must("resume at 0", thread.resume());
        } else {
            threads::start(thread, stumble, mistake, MISSING);
        }
        let (badge, info, words) = sel4::recv_registers(endpoint);
        assert!(
            badge == BADGE && is_fault_label(info.label()),
            "{badge:#x} {info:?}"
        );
        let Some(fault) = Fault::decode(info, words) else {
            panic!("no fault: {info:?}")
        };
        println!("faults: {fault:x?}");
        let expected = match (mistake, fault) {
            (
                READ,
                Fault::Vm {
                    address,
                    write,
                    present,
                    ..
                },
            ) => address == MISSING && !write && !present,
            (
                WRITE,
                Fault::Vm {
                    address,
                    write,
                    present,
                    ..
                },
            ) => address == MISSING && write && !present,
            (GUARD, Fault::Vm { address, write, .. }) => address == image().stack_guard && write,
            (INSTRUCTION, Fault::Exception { number, .. }) => number == 6,
            (SYSTEM_CALL, Fault::UnknownSyscall { number, .. }) => number == 0x7fff,
            (
                RECEIVE,
                Fault::Capability {
                    address,
                    in_receive,
                    ..
                },
            ) => address == NO_CAP && in_receive,
            (NEWBORN, Fault::Vm { ip, address, .. }) => ip == 0 && address == 0,
            _ => false,
        };
        assert!(expected, "mistake {mistake}");
        if mistake == READ {
            mend(pool, endpoint);
        }
        must("stop the thread", thread.suspend());
    }
    println!("faults: ok");
}

/// Maps the missing page and lets the thread try again: it then reads what we wrote, and says so.
fn mend(pool: &mut Pool, endpoint: cap::Endpoint) {
    let frame: cap::Frame = pool.make(ObjectType::SmallFrame, 0).cast();
    must(
        "map",
        frame.map(
            init::VSPACE,
            MISSING,
            CapRights::READ_WRITE,
            VmAttributes::DEFAULT,
        ),
    );
    let (_, info, words) = sel4::reply_recv_registers(endpoint, MessageInfo::default(), [0; 4]);
    let told = Fault::decode(info, words);
    // It divides by what it read.
    assert!(
        matches!(told, Some(Fault::Exception { number: 0, .. })),
        "{told:?}"
    );
    must("unmap", frame.unmap());
}

extern "C" fn stumble(mistake: u64, place: u64) -> ! {
    match mistake {
        // SAFETY: the registers it changes are named; the page is there when it goes on.
        READ => unsafe {
            asm!(
                "mov rcx, [{0}]", "xor edx, edx", "mov eax, 1", "div rcx",
                in(reg) place, out("rax") _, out("rcx") _, out("rdx") _,
            );
        },
        // SAFETY: it does not succeed.
        WRITE => unsafe { asm!("mov qword ptr [{0}], 1", in(reg) place) },
        // SAFETY: it does not succeed.
        GUARD => unsafe { asm!("mov qword ptr [{0}], 1", in(reg) image().stack_guard) },
        // SAFETY: it does not succeed.
        INSTRUCTION => unsafe { asm!("ud2") },
        // SAFETY: the thread is not answered, so it does not come back.
        SYSTEM_CALL => unsafe {
            asm!("mov rbx, rsp", "syscall", in("rdx") 0x7fff_u64, in("rdi") 0_u64, options(noreturn))
        },
        _ => {
            let _ = sel4::recv_registers(Cap::from_bits(NO_CAP));
        }
    }
    panic!("nothing came of mistake {mistake}")
}
