//! What the proc-server does to the world: kernel invocations, and calls to the servers on its right.
//!
//! The decisions in this crate are made through this trait, so that they run on the host with a recording double and
//! in the guest with real capabilities. An implementation does as it is told and decides nothing.

use interfaces::identity::Badge;
use interfaces::{Call, CallError, Transport, call};

/// The kernel said no, with this error number. Never the fault of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelError(pub u8);

/// A server of which a client gets a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// This one.
    Proc,
    /// The memory-server.
    Memory,
    /// The limits-server.
    Limits,
    /// The root task's console.
    Console,
}

/// The last step of a birth: a thread gets its task's CSpace, its pager, its priority and its IPC buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settle {
    /// The place of the thread.
    pub thread: u32,
    /// The place of its task's first thread, in whose slots CNode and root are.
    pub first: u32,
    /// The priority of its group's band.
    pub priority: u8,
    /// The address of its IPC buffer.
    pub ipc_buffer: u32,
}

/// A slot of a task's CNode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSlot {
    /// The place of the task's first thread, in whose slots its CNode is.
    pub first: u32,
    /// The slot.
    pub slot: u64,
}

/// The registers with which a thread starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its first instruction.
    pub ip: u64,
    /// Its stack pointer.
    pub sp: u64,
    /// Its first argument.
    pub argument: u64,
}

/// What the proc-server does to the world.
pub trait Hands {
    /// The limits-server.
    fn limits(&mut self) -> &mut impl Transport;

    /// The memory-server.
    fn memory(&mut self) -> &mut impl Transport;

    /// Mints a service's endpoint into the CNode of the task whose first thread is `first`, with rights to send and
    /// to grant.
    fn mint(
        &mut self,
        first: u32,
        slot: u64,
        service: Service,
        badge: Badge,
    ) -> Result<(), KernelError>;

    /// Mints the birth capability of a thread's place into the birth CNode. It stays there.
    fn mint_birth(&mut self, thread: u32) -> Result<(), KernelError>;

    /// Lets a new thread take its first step, at address 0, in the birth CNode and at this priority: the kernel
    /// tells the limits-server.
    fn bear(&mut self, thread: u32, first: u32, priority: u8) -> Result<(), KernelError>;

    /// Stops a thread for good, whatever it was doing: nobody can answer it any more.
    fn suspend(&mut self, thread: u32) -> Result<(), KernelError>;

    /// The same as [`Hands::bear`] for a thread that was stopped.
    fn bear_again(&mut self, thread: u32, first: u32, priority: u8) -> Result<(), KernelError>;

    /// Gives a born thread its real surroundings.
    fn settle(&mut self, settle: Settle) -> Result<(), KernelError>;

    /// Sets a thread's registers and lets it run.
    fn run(&mut self, thread: u32, entry: Entry) -> Result<(), KernelError>;

    /// Sets a thread's priority.
    fn set_priority(&mut self, thread: u32, priority: u8) -> Result<(), KernelError>;

    /// Lets the watchman run whenever nobody of a higher priority wants to, or not at all.
    fn keep_watch(&mut self, awake: bool) -> Result<(), KernelError>;

    /// Gives a thread the registers of another, which waits for an answer to a call; lets it run behind that call, as if
    /// this had been answered to it. At most what travels in registers.
    fn run_copy(&mut self, thread: u32, of: u32, answer: &[u8]) -> Result<(), KernelError>;

    /// Makes the slots of a thread's place empty. Returns how many were not.
    fn clear(&mut self, thread: u32) -> u64;

    /// Moves the notification of a new ring from the slot where the memory-server left it into an empty slot of the
    /// CSpace of the task whose first thread is `first`.
    fn place_ring(&mut self, first: u32, slot: u64) -> Result<(), KernelError>;

    /// Makes the slot for the notification of a new ring empty.
    fn drop_ring(&mut self);

    /// Finishes a mailbox that the memory-server has made for the task whose first thread is `first`: the right to receive
    /// from it in the task's CSpace, the bell with its badge and bound to the thread. If it fails, [`Hands::drop_mailbox`]
    /// makes everything empty.
    fn open_mailbox(&mut self, first: u32) -> Result<(), KernelError>;

    /// Makes the slots of a mailbox empty that is half made, here and in the task's CSpace.
    fn drop_mailbox(&mut self, first: u32);

    /// Puts the right to send to the mailbox of the task whose first thread is `to`, with this badge, and nothing else,
    /// into an empty slot of the CSpace of the task whose first thread is `first`.
    fn mint_link(
        &mut self,
        first: u32,
        slot: u64,
        to: u32,
        badge: Badge,
    ) -> Result<(), KernelError>;

    /// Makes the slot of a link empty.
    fn drop_link(&mut self, first: u32, slot: u64) -> Result<(), KernelError>;

    /// Lets everybody go on who is sending to a mailbox with this badge: they send again, over a slot that is empty.
    fn cancel_sends(&mut self, to: u32, badge: Badge) -> Result<(), KernelError>;

    /// Rings the bell of a mailbox.
    fn ring_bell(&mut self, first: u32);

    /// Whether a slot of the proc-server's own holds a thread. Changes nothing.
    fn is_thread(&mut self, slot: u64) -> bool;

    /// Whether there is anything in a slot of a task's. Changes nothing.
    fn is_taken(&mut self, slot: ClientSlot) -> bool;

    /// Keeps the reply capability of whoever is being served in reply slot `waiter`.
    fn keep_reply(&mut self, waiter: u32) -> Result<(), KernelError>;

    /// Whether reply slot `waiter` is empty, because whoever waited is gone or never waited.
    fn reply_is_gone(&mut self, waiter: u32) -> bool;

    /// Makes reply slot `waiter` empty.
    fn drop_reply(&mut self, waiter: u32);

    /// Nanoseconds since the processor was switched on. Never goes back.
    fn now(&mut self) -> u64;

    /// Sets the timer to interrupt once, when so many nanoseconds have passed, instead of when it was set to before. It
    /// may do so earlier, if that is more than it can count.
    fn set_timer(&mut self, ns: u64) -> Result<(), KernelError>;

    /// The timer's interrupt was heard, and may come again.
    fn timer_heard(&mut self) -> Result<(), KernelError>;

    /// Answers through reply slot `waiter`, which is empty afterwards. Never waits, whoever is there or not.
    fn answer(&mut self, waiter: u32, payload: &[u8]);
}

/// How often a request that gives something back is sent before it is given up.
const ATTEMPTS: u32 = 3;

/// Calls a server, again if it did not understand: for requests that give something back and that it does no harm to
/// repeat. A request that was understood is not repeated, whatever the answer.
pub(crate) fn insist<C: Call>(
    server: &mut impl Transport,
    request: &C,
) -> Result<C::Reply, CallError<C::Refusal>> {
    for _ in 1..ATTEMPTS {
        match call(server, request) {
            Err(CallError::Protocol(_)) => {}
            answered => return answered,
        }
    }
    call(server, request)
}
