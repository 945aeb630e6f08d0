//! A thread of the root task's own, for what the root task must not try itself because it might not come back.
//!
//! It lives in the root task's spaces, above it in priority: when [`Helper::run`] returns, it has gone as far as it
//! could: it has stopped, waits for somebody, or has faulted. It never exists while servers run.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU64, Ordering};

use boot_core::object::{Item, Port};
use boot_core::plan::BootPlan;
use sel4::cap::{self, Cap};
use sel4::{CapData, Priorities, Result, UserContext, init};

use crate::authority::own;

const STACK_BYTES: usize = 4096;

/// The helper's stack.
#[repr(align(16))]
struct Stack(UnsafeCell<[u8; STACK_BYTES]>);

// SAFETY: only the helper's thread, of which there is one, ever uses it.
unsafe impl Sync for Stack {}

static STACK: Stack = Stack(UnsafeCell::new([0; STACK_BYTES]));

/// The helper's own thread, for it to stop itself.
static THREAD: AtomicU64 = AtomicU64::new(0);
/// What the helper has to say: 0 as long as it has said nothing.
static ANSWER: AtomicU64 = AtomicU64::new(0);

/// What the helper is told to do.
pub type Task = extern "C" fn(argument: u64) -> !;

/// The helper.
pub struct Helper {
    thread: cap::Tcb,
    faults: cap::Endpoint,
    answer: &'static AtomicU64,
}

impl Helper {
    /// Makes it, and puts the root task one below it.
    pub fn hire(plan: &BootPlan) -> Result<Self> {
        let thread: cap::Tcb = Cap::from_bits(plan.slot(Item::Helper));
        let faults: cap::Endpoint = Cap::from_bits(plan.slot(Item::Endpoint(Port::Root)));
        THREAD.store(thread.bits(), Ordering::Relaxed);
        thread.configure(
            faults.bits(),
            Priorities {
                mcp: 0,
                priority: u8::MAX,
            },
            init::CNODE,
            CapData::NONE,
            init::VSPACE,
            0,
            Cap::NULL,
        )?;
        init::TCB.set_priority(u8::MAX - 1)?;
        Ok(Self {
            thread,
            faults,
            answer: &ANSWER,
        })
    }

    /// Lets it do something, from wherever it was before.
    pub fn run(&self, task: Task, argument: u64) -> Result<()> {
        self.answer.store(0, Ordering::Relaxed);
        // As after a call: the return address, which is never used, is missing from an aligned stack.
        let top = STACK.0.get().addr().saturating_add(STACK_BYTES - 8);
        let registers = UserContext {
            rip: task as usize as u64,
            rsp: top as u64,
            rdi: argument,
            ..UserContext::default()
        };
        self.thread.write_registers(true, &registers)
    }

    /// What it has said since it was last let run.
    pub fn answer(&self) -> Option<u64> {
        Some(self.answer.load(Ordering::Relaxed)).filter(|&answer| answer != 0)
    }

    /// Takes the message of the fault in which it ended, so that none is left when clients' messages come. If it did not
    /// end in one, there is none to take.
    pub fn clear_fault(&self) {
        let _ = sel4::nb_recv_registers(self.faults);
    }

    /// Ends it.
    pub fn dismiss(self) -> Result<()> {
        own(self.thread.bits()).delete()
    }
}

/// For the helper: says something, and stops.
pub fn say(answer: u64) -> ! {
    ANSWER.store(answer, Ordering::Relaxed);
    let thread: cap::Tcb = Cap::from_bits(THREAD.load(Ordering::Relaxed));
    loop {
        let _ = thread.suspend();
    }
}
