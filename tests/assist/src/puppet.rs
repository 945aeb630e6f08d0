//! `puppet`: does what it finds in its mailbox ([`deed`](crate::deed)), until it is told to end.

use client::interfaces::accounting::TicketRefusal;
use client::interfaces::process::ThreadRefusal;
use client::interfaces::{CallError, GroupId, Limit, Resource};
use client::{limits, process};

use crate::deed::{ABOUT, BELL, Deed, NO_MAILBOX, READY, SAYS, TOLD, Told};
use crate::threads;

/// The numbers of the further threads; 0 for none. One of them gives way all the time, the other one sleeps.
type Threads = [u32; 2];

/// How much of its stack a puppet touches before it is ready.
const STACK: u64 = 64 * 1024;

/// Touches everything that this task will ever use, so that what it is charged changes by its deeds only.
fn warm_up() {
    let image = sel4_root_task::image();
    let here = 0_u8;
    let top = (&raw const here) as u64;
    let pages = (image.start..image.end)
        .step_by(4096)
        .chain((top.saturating_sub(STACK)..top).rev().step_by(4096));
    for byte in pages {
        // SAFETY: the bytes are in this program's own image, or in the part of its stack that nothing uses now; they
        // are read and thrown away.
        unsafe { (byte as *const u8).read_volatile() };
    }
}

/// A group below the puppet's own, through which it is told and tells. Without one it is of no use.
fn open_mailbox() -> GroupId {
    limits::open_group(None).unwrap_or_else(|_| process::exit(NO_MAILBOX))
}

fn write(mailbox: GroupId, kind: Resource, word: u64) {
    // The suite sees what is missing.
    let _ = limits::set_soft_limit(mailbox, kind, Limit::from_bound(word));
}

fn read(mailbox: GroupId, kind: Resource) -> u64 {
    limits::read_resource(Some(mailbox), kind).map_or(u64::MAX, |account| account.limit.bound())
}

/// Writes an answer; its mark is in the deed's number.
fn answer(mailbox: GroupId, number: u64, told: Told) {
    let (mark, says) = told.encode();
    for (kind, word) in SAYS.into_iter().zip(says) {
        write(mailbox, kind, word);
    }
    write(mailbox, BELL, number.wrapping_shl(8) | mark);
}

fn start(threads: &mut Threads) -> Told {
    let mut free = (0..).zip(threads.iter_mut());
    let Some((place, number)) = free.find(|(_, number)| **number == 0) else {
        return Told::Other(17);
    };
    let entry = if place == 0 {
        threads::idle
    } else {
        threads::sleeper
    };
    match threads::start(place, entry) {
        Ok(started) => {
            *number = started;
            Told::Done([started.into(), 0])
        }
        Err(CallError::Refused(ThreadRefusal::Ticket(TicketRefusal::Short(shortage)))) => {
            Told::Short(shortage)
        }
        Err(_) => Told::Other(20),
    }
}

fn end(threads: &mut Threads, ended: u32) -> Told {
    if process::end_thread(ended).is_err() {
        return Told::Other(21);
    }
    for number in threads.iter_mut().filter(|number| **number == ended) {
        *number = 0;
    }
    Told::Done([0; 2])
}

pub fn run() -> i32 {
    warm_up();
    let mut threads = Threads::default();
    let mut mailbox = open_mailbox();
    let mut done = READY;
    answer(mailbox, done, Told::Done([0; 2]));
    loop {
        let bell = read(mailbox, BELL);
        let number = bell >> 8;
        if bell == u64::MAX || number == done {
            client::yield_now();
            continue;
        }
        let about = ABOUT.map(|kind| read(mailbox, kind));
        let told = match Deed::decode(bell & 0xff, about) {
            Some(Deed::Exit) => return TOLD,
            Some(Deed::Thread) => start(&mut threads),
            Some(Deed::EndThread(number)) => end(&mut threads, number),
            Some(deed) => deed.act(),
            None => Told::Other(0),
        };
        if let Some(Deed::Enter(_)) = Deed::decode(bell & 0xff, about)
            && matches!(told, Told::Done(_))
        {
            // From below, the old one cannot be seen.
            let _ = limits::close_group(mailbox);
            mailbox = open_mailbox();
        }
        done = number;
        answer(mailbox, done, told);
    }
}
