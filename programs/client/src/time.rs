//! The clock, and waiting for it.
//!
//! Time is in nanoseconds since the processor was switched on. Where QEMU counts instructions, one takes a nanosecond and
//! everything here is exact; [`clock`](crate::clock), which asks nobody, then counts the same.

use interfaces::limits::Never;
use interfaces::process::{
    Clock, Ended, ReadClock, Sleep, SleepRefusal, SleepUntil, WaitFor, WaitRefusal,
};
use interfaces::{CallError, TaskId};

use crate::server::{Server, call};

/// A millisecond, in nanoseconds.
pub const MILLISECOND: u64 = 1_000_000;
/// A second, in nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

/// What time it is.
pub fn now() -> Result<Clock, CallError<Never>> {
    call(Server::Process, &ReadClock {})
}

/// Sleeps for so many nanoseconds, or a little longer; gives the time of waking.
pub fn sleep(ns: u64) -> Result<Clock, CallError<SleepRefusal>> {
    call(Server::Process, &Sleep { ns })
}

/// Sleeps until the clock has this reading; gives the time of waking.
pub fn sleep_until(clock: Clock) -> Result<Clock, CallError<SleepRefusal>> {
    call(Server::Process, &SleepUntil { clock })
}

/// Waits for the end of a child, any if none is named, for so many nanoseconds at most.
pub fn wait_for(child: Option<TaskId>, ns: u64) -> Result<Ended, CallError<WaitRefusal>> {
    call(Server::Process, &WaitFor { child, ns })
}
