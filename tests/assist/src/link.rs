//! Modes of tasks that talk to others, or refuse to.

use core::fmt::Write as _;

use client::interfaces::call::MESSAGE_BYTES;
use client::interfaces::links::{LINE_LABEL, LineText, LinkRefusal, SUITORS};
use client::interfaces::process::{Arguments, ExitReason, WaitRefusal};
use client::interfaces::start::client_slots;
use client::interfaces::{CallError, TaskId};
use client::process;
use client::talk::{self, Heard, Listener, NoAnswer, Partner};
use client::time::{self, MILLISECOND};
use sel4::MessageInfo;
use sel4::cap::{Endpoint, Unspecified};

use crate::task::spawn;
use crate::words::Words;

/// How long anybody waits for what must come.
const LONG: u64 = 1000 * MILLISECOND;

/// `echo`: accepts whoever offers, and answers each order with itself; but `bye` is the last.
pub fn echo() -> i32 {
    let first = value!(talk::accept(None, u64::MAX));
    let mut listener = Listener::default();
    loop {
        let Some((asker, order)) = listener.next_order(first) else {
            continue;
        };
        let is_last = order.text.as_str() == "bye";
        listener.answer(asker, order.number, Ok(order.text));
        if is_last {
            listener.stay(first);
            return 0;
        }
    }
}

/// `deaf NS`: accepts whoever offers, never receives, and ends after so long.
pub fn deaf(words: &mut Words<'_>) -> i32 {
    value!(talk::accept(None, u64::MAX));
    value!(time::sleep(words.number()));
    0
}

/// `hangs-up NS`: accepts whoever offers, and hangs up after so long.
pub fn hangs_up(words: &mut Words<'_>) -> i32 {
    let partner = value!(talk::accept(None, u64::MAX));
    value!(time::sleep(words.number()));
    value!(talk::hang_up(partner.task));
    value!(time::sleep(u64::MAX));
    0
}

/// A child that accepts a link, and the link.
fn child(mode: &str) -> Result<(TaskId, Partner), i32> {
    let task = match spawn(None, mode) {
        Ok(task) => task,
        Err(error) => return Err(problem!("{mode}: {error:?}")),
    };
    match talk::offer(task, LONG) {
        Ok(partner) => Ok((task, partner)),
        Err(error) => Err(problem!("a link with {mode}: {error:?}")),
    }
}

macro_rules! linked {
    ($mode:expr) => {
        match child($mode) {
            Ok(both) => both,
            Err(code) => return code,
        }
    };
}

fn slot_of(partner: Partner) -> Option<u64> {
    let links = talk::links();
    let link = links.iter().find(|link| link.partner == partner.task)?;
    Some(u64::from(link.slot))
}

/// `sends`: whoever sends to one that never receives goes on when that one is gone, or hangs up.
pub fn sends() -> i32 {
    for mode in ["deaf 5000000", "hangs-up 5000000"] {
        let (task, partner) = linked!(mode);
        let Some(slot) = slot_of(partner) else {
            return problem!("no link with {mode}");
        };
        let begin = value!(time::now()).ns;
        sel4::send(Endpoint::from_bits(slot), LINE_LABEL, &[1, 2, 3]);
        let taken = value!(time::now()).ns.saturating_sub(begin);
        if !(4 * MILLISECOND..LONG).contains(&taken) || !talk::links().is_empty() {
            return problem!("{mode}: it went on after {taken} ns");
        }
        // Over an empty slot nothing is sent, and nobody waits.
        sel4::send(Endpoint::from_bits(slot), LINE_LABEL, &[1, 2, 3]);
        // One of them lives on, the other may be gone already.
        let _ = process::kill(task);
        value!(process::wait(Some(task)));
    }
    0
}

/// `hears`: whoever receives hears when its partner is gone, or hangs up.
pub fn hears() -> i32 {
    for mode in ["deaf 5000000", "hangs-up 5000000"] {
        let (task, partner) = linked!(mode);
        while slot_of(partner).is_some() {
            expect!(talk::receive(partner), Heard::Bell);
        }
        let _ = process::kill(task);
        value!(process::wait(Some(task)));
    }
    0
}

/// `asks-the-deaf`: whoever asks one that never answers is told so in time.
pub fn asks_the_deaf() -> i32 {
    let (_, partner) = linked!("deaf 1000000000000");
    let begin = value!(time::now()).ns;
    expect!(
        talk::ask(partner, "hello", 50 * MILLISECOND, || true),
        Err(NoAnswer::TimedOut)
    );
    let taken = value!(time::now()).ns.saturating_sub(begin);
    if !(50 * MILLISECOND..80 * MILLISECOND).contains(&taken) {
        return problem!("told after {taken} ns");
    }
    expect!(
        talk::ask(partner, "hello", LONG, || false),
        Err(NoAnswer::GivenUp)
    );
    value!(process::kill(partner.task));
    expect!(
        talk::ask(partner, "hello", LONG, || true),
        Err(NoAnswer::Gone)
    );
    0
}

/// `takes`: accepts a link and looks at the first message: no capability may come with it.
pub fn takes() -> i32 {
    value!(talk::accept(None, u64::MAX));
    let mut words = [0; MESSAGE_BYTES / 8];
    // Where a capability would be put, if one came.
    sel4::set_receive_slot(sel4::Slot::in_root(sel4::cap::CNode::from_bits(0), 0));
    loop {
        let mailbox = Endpoint::from_bits(client_slots::MAILBOX);
        let (badge, info) = sel4::recv(mailbox, &mut words);
        if badge & 0xe00_0000 != 0x200_0000 {
            // The bell.
            continue;
        }
        return if info.extra_caps() == 0 && info.caps_unwrapped() == 0 && info.length() == 1 {
            0
        } else {
            problem!("{info:?}")
        };
    }
}

/// `gives`: sends capabilities of its own along; none arrives.
pub fn gives() -> i32 {
    let (task, partner) = linked!("takes");
    let Some(slot) = slot_of(partner) else {
        return problem!("no link");
    };
    for place in 0..3_u64 {
        let sent = Unspecified::from_bits(client_slots::PROC.saturating_add(place));
        sel4::set_extra_cap(usize::try_from(place).unwrap_or(0), sent);
    }
    let info = MessageInfo::new(LINE_LABEL, 0, 3, 1);
    sel4::send_registers(Endpoint::from_bits(slot), info, [0; 4]);
    let ended = value!(process::wait(Some(task)));
    match ended.reason {
        ExitReason::Exited { code: 0 } => 0,
        reason => problem!("{reason:?}"),
    }
}

/// `calls`: calls over a link, which never returns; its parent ends it.
pub fn calls() -> i32 {
    let (task, partner) = linked!("takes");
    let Some(slot) = slot_of(partner) else {
        return problem!("no link");
    };
    let mut answer = [0; 4];
    let info = sel4::call(Endpoint::from_bits(slot), LINE_LABEL, &[1], &mut answer);
    problem!("task {task} answered a call: {info:?}")
}

/// `cannot-offer TASK`: this task cannot be offered a link, nor one that there is not.
pub fn cannot_offer(words: &mut Words<'_>) -> i32 {
    let ghost = TaskId {
        index: 4000,
        generation: 7,
    };
    let own = value!(process::read_task(None)).task;
    for to in [words.task(), ghost, own] {
        for ns in [0, MILLISECOND, u64::MAX] {
            expect!(
                talk::offer(to, ns),
                Err(CallError::Refused(LinkRefusal::UnknownTask))
            );
        }
        expect!(
            talk::accept(Some(to), MILLISECOND),
            Err(CallError::Refused(LinkRefusal::TimedOut))
        );
        expect!(
            talk::hang_up(to),
            Err(CallError::Refused(LinkRefusal::UnknownTask))
        );
    }
    expect!(
        talk::set_alarm(1),
        Err(CallError::Refused(LinkRefusal::NoMailbox))
    );
    0
}

/// `siblings`: two tasks of one group talk; neither is the other's ancestor.
pub fn siblings() -> i32 {
    let echo = value!(spawn(None, "echo"));
    let mut mode = Arguments::default();
    // Two numbers fit.
    let _ = write!(mode, "asks {} {}", echo.index, echo.generation);
    let asker = value!(spawn(None, mode.as_str()));
    for task in [asker, echo] {
        let ended = value!(process::wait(Some(task)));
        if ended.reason != (ExitReason::Exited { code: 0 }) {
            return problem!("{ended:?}");
        }
    }
    expect!(
        process::wait(None),
        Err(CallError::Refused(WaitRefusal::NoChildren))
    );
    0
}

/// `asks TASK`: asks an echo something, and lets it go.
pub fn asks(words: &mut Words<'_>) -> i32 {
    let partner = value!(talk::offer(words.task(), LONG));
    for text in ["one", "two", "bye"] {
        let told = talk::ask(partner, text, LONG, || true);
        expect!(told, Ok(Ok(ref line)) if *line == LineText::cut(text));
    }
    0
}

/// `suitors`: so many children offer to one that does not listen, and one more is refused; all are told when it ends.
pub fn suitors() -> i32 {
    let deaf = value!(spawn(None, "sleep 1000000000000"));
    let mut mode = Arguments::default();
    let _ = write!(mode, "suitor {} {}", deaf.index, deaf.generation);
    let mut children = [deaf; SUITORS];
    for child in &mut children {
        *child = value!(spawn(None, mode.as_str()));
    }
    value!(time::sleep(10 * MILLISECOND));
    expect!(
        talk::offer(deaf, u64::MAX),
        Err(CallError::Refused(LinkRefusal::TableFull))
    );
    value!(process::kill(deaf));
    for child in children {
        let ended = value!(process::wait(Some(child)));
        if ended.reason != (ExitReason::Exited { code: 0 }) {
            return problem!("{ended:?}");
        }
    }
    0
}

/// `suitor TASK`: offers to a task until that ends.
pub fn suitor(words: &mut Words<'_>) -> i32 {
    expect!(
        talk::offer(words.task(), u64::MAX),
        Err(CallError::Refused(LinkRefusal::UnknownTask))
    );
    0
}
