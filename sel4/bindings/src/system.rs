//! The instruction by which a program enters the kernel, and the seven ways to use it.
//!
//! The registers are the kernel's choice: number in `rdx`, capability in `rdi`, message info in `rsi`, the first four
//! words in `r10`, `r8`, `r9` and `r15`. The instruction destroys `rcx` and `r11`, and does not save the stack pointer,
//! which therefore waits in `r14`: the kernel brings all others back. Why always there: whoever copies a thread that waits in a
//! system call has to know where its stack is ([`UserContext::behind_system_call`](crate::UserContext::behind_system_call)).
//!
//! The compiler must take every system call for one that may read and write all memory: another thread may run.

#[cfg(target_os = "none")]
pub(crate) use guest::{call, receive, send, yield_now};
#[cfg(not(target_os = "none"))]
pub(crate) use host::{call, receive, send, yield_now};

use crate::MessageInfo;
use crate::generated::system_call;

/// What arrives: the badge, the info, and the words that travel in registers.
pub(crate) type Arrival = (u64, MessageInfo, [u64; 4]);

/// A system call that sends and expects nothing back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sending {
    Send,
    NbSend,
    Reply,
}

/// A system call that waits or asks for a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Receiving {
    Recv,
    NbRecv,
}

impl Sending {
    /// What the kernel is asked for.
    #[inline]
    const fn number(self) -> i64 {
        match self {
            Self::Send => system_call::SEND,
            Self::NbSend => system_call::NB_SEND,
            Self::Reply => system_call::REPLY,
        }
    }
}

impl Receiving {
    /// What the kernel is asked for.
    #[inline]
    const fn number(self) -> i64 {
        match self {
            Self::Recv => system_call::RECV,
            Self::NbRecv => system_call::NB_RECV,
        }
    }
}

/// A system call that does both.
#[inline]
pub(crate) fn reply_receive(from: u64, info: MessageInfo, words: [u64; 4]) -> Arrival {
    exchange(system_call::REPLY_RECV, from, info, words)
}

/// A system call of another kind, with one argument and one answer.
#[inline]
pub(crate) fn unusual(number: i64, argument: u64, info: MessageInfo) -> u64 {
    exchange(number, argument, info, [0; 4]).0
}

#[cfg(target_os = "none")]
use guest::exchange;
#[cfg(not(target_os = "none"))]
use host::exchange;

/// The real ones.
#[cfg(target_os = "none")]
mod guest {
    use core::arch::asm;

    use super::{Arrival, MessageInfo, Receiving, Sending, system_call};

    /// The instruction, with what is the same for every system call: the number, the way the stack pointer survives, and
    /// the two registers that it destroys. The others are the caller's.
    macro_rules! enter {
        ($number:expr, $($registers:tt)*) => {
            asm!(
                "mov r14, rsp",
                "syscall",
                "mov rsp, r14",
                out("r14") _,
                in("rdx") $number,
                lateout("rcx") _,
                lateout("r11") _,
                $($registers)*
                options(nostack),
            )
        };
    }

    /// Sends and receives in one.
    #[inline]
    pub(crate) fn exchange(number: i64, to: u64, info: MessageInfo, words: [u64; 4]) -> Arrival {
        let [mut first, mut second, mut third, mut fourth] = words;
        let mut place = to;
        let mut info = info.word();
        // SAFETY: every register that the kernel changes is named or restored (see the module's header), the stack
        // is not touched, and memory is taken to have changed.
        unsafe {
            enter!(
                number,
                inout("rdi") place,
                inout("rsi") info,
                inout("r10") first,
                inout("r8") second,
                inout("r9") third,
                inout("r15") fourth,
            );
        }
        (
            place,
            MessageInfo::from_word(info),
            [first, second, third, fourth],
        )
    }

    /// Sends, and waits for the answer.
    #[inline]
    pub(crate) fn call(to: u64, info: MessageInfo, words: [u64; 4]) -> (MessageInfo, [u64; 4]) {
        let (_, info, words) = exchange(system_call::CALL, to, info, words);
        (info, words)
    }

    /// Sends.
    #[inline]
    pub(crate) fn send(how: Sending, to: u64, info: MessageInfo, words: [u64; 4]) {
        let [first, second, third, fourth] = words;
        // SAFETY: as in `exchange`.
        unsafe {
            enter!(
                how.number(),
                inout("rdi") to => _,
                inout("rsi") info.word() => _,
                inout("r10") first => _,
                inout("r8") second => _,
                inout("r9") third => _,
                inout("r15") fourth => _,
            );
        }
    }

    /// Receives.
    #[inline]
    pub(crate) fn receive(how: Receiving, from: u64) -> Arrival {
        let mut place = from;
        let info: u64;
        let (first, second, third, fourth): (u64, u64, u64, u64);
        // SAFETY: as in `exchange`.
        unsafe {
            enter!(
                how.number(),
                inout("rdi") place,
                lateout("rsi") info,
                lateout("r10") first,
                lateout("r8") second,
                lateout("r9") third,
                lateout("r15") fourth,
            );
        }
        (
            place,
            MessageInfo::from_word(info),
            [first, second, third, fourth],
        )
    }

    /// Lets an equal run.
    #[inline]
    pub(crate) fn yield_now() {
        // SAFETY: as in `exchange`.
        unsafe {
            enter!(
                system_call::YIELD,
                lateout("rsi") _,
                lateout("rdi") _,
            );
        }
    }
}

/// Stand-ins where there is no such kernel, so that everything above type-checks there.
#[cfg(not(target_os = "none"))]
mod host {
    use super::{Arrival, MessageInfo, Receiving, Sending};

    const MESSAGE: &str = "system calls need the seL4 kernel; this is another machine";

    pub(crate) fn exchange(_: i64, _: u64, _: MessageInfo, _: [u64; 4]) -> Arrival {
        panic!("{MESSAGE}")
    }

    pub(crate) fn call(_: u64, _: MessageInfo, _: [u64; 4]) -> (MessageInfo, [u64; 4]) {
        panic!("{MESSAGE}")
    }

    pub(crate) fn send(how: Sending, _: u64, _: MessageInfo, _: [u64; 4]) {
        panic!("{MESSAGE} ({})", how.number())
    }

    pub(crate) fn receive(how: Receiving, _: u64) -> Arrival {
        panic!("{MESSAGE} ({})", how.number())
    }

    pub(crate) fn yield_now() {
        panic!("{MESSAGE}")
    }
}
