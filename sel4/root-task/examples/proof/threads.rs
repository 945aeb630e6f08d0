//! Threads: how one is made here, and what can be done with it.

use sel4::cap;
use sel4::{CapData, CopyRegisters, ObjectType, Priorities, UserContext, init};
use sel4_root_task::{Stack, println};

use crate::memory::ipc_buffer;
use crate::must;
use crate::slots::Pool;

/// The priority of everybody here.
pub const PRIORITY: u8 = 255;

/// A thread's function, given the two numbers it was started with.
pub type Body = extern "C" fn(first: u64, second: u64) -> !;

/// One stack is enough: each part stops its thread before the next one makes another.
static STACK: Stack<4> = Stack::new();

/// A thread with a buffer of its own, not yet started.
pub fn make(
    pool: &mut Pool,
    space: cap::Pml4,
    buffer: u64,
    handler: u64,
    priority: u8,
) -> cap::Tcb {
    let thread: cap::Tcb = pool.make(ObjectType::Tcb, 0).cast();
    let (buffer, frame) = ipc_buffer(pool, space, buffer);
    let importance = Priorities { mcp: 0, priority };
    let done = thread.configure(
        handler,
        importance,
        init::CNODE,
        CapData::NONE,
        space,
        buffer,
        frame,
    );
    must("configure a thread", done);
    thread
}

/// Starts it.
pub fn start(thread: cap::Tcb, body: Body, first: u64, second: u64) {
    // The stack's end, and the place a call would have left: the alignment a function expects.
    let top = (&raw const STACK)
        .addr()
        .saturating_add(size_of_val(&STACK))
        .saturating_sub(8);
    let registers = UserContext {
        rip: body as usize as u64,
        rsp: top as u64,
        rdi: first,
        rsi: second,
        rflags: 0x200,
        ..UserContext::default()
    };
    must("start a thread", thread.write_registers(true, &registers));
}

extern "C" fn spin(_: u64, _: u64) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// Tries reading, writing and copying registers, and the setters.
pub fn run(pool: &mut Pool) {
    let one = make(pool, init::VSPACE, 20, 0, 1);
    let two = make(pool, init::VSPACE, 21, 0, 1);
    let pattern = UserContext {
        rip: spin as *const () as usize as u64,
        rsp: 2,
        rflags: 0x202,
        rax: 4,
        rbx: 5,
        rcx: 6,
        rdx: 7,
        rsi: 8,
        rdi: 9,
        rbp: 10,
        r8: 11,
        r9: 12,
        r10: 13,
        r11: 14,
        r12: 15,
        r13: 16,
        r14: 17,
        r15: 18,
        tls_base: 0x40_0000,
    };
    must("write all registers", one.write_registers(false, &pattern));
    assert_eq!(
        must("read all registers", one.read_registers(false)),
        pattern
    );
    let some = must("read two registers", one.read_some_registers(false, 2));
    assert_eq!((some.rip, some.rsp, some.rax), (pattern.rip, 2, 0));
    let all = CopyRegisters {
        frame: true,
        integer: true,
        ..CopyRegisters::default()
    };
    must("copy registers", two.copy_registers(one, all));
    let copied = must("read the copy", two.read_registers(true));
    assert_eq!((copied.rip, copied.r15, copied.rsp), (pattern.rip, 18, 2));
    must("set the maximum", one.set_mc_priority(3));
    must("set the priority", one.set_priority(2));
    must(
        "set the spaces",
        one.set_space(0, init::CNODE, CapData::NONE, init::VSPACE),
    );
    let (buffer, frame) = ipc_buffer(pool, init::VSPACE, 22);
    must("set the buffer", one.set_ipc_buffer(buffer, frame));
    must("resume", one.resume());
    must("suspend", one.suspend());
    println!("threads: ok");
}
