//! `puppet [ORDER; ORDER…]`: does one thing at a time when told to, and answers one line.
//!
//! An ordinary client that holds nothing another would not: whatever it can do, any program can. Without arguments it does
//! what the console's `tell` says. With orders in its arguments, `;` between them, it does those, prints the answers, and
//! ends. `help` says which orders there are.
//!
//! **Never** decides anything: what it tries and what comes of it is for whoever tells it.

#![cfg_attr(target_os = "none", no_std, no_main)]
mod hands;

use client::time::{self, MILLISECOND};
use client::{console, process};
use console_core::puppet::{After, Puppet};

use crate::hands::Own;

client::program!(begin);

/// How long a puppet sleeps at least, and at most, before it asks for orders again.
const PAUSE: (u64, u64) = (MILLISECOND, 16 * MILLISECOND);

fn begin() -> i32 {
    let mut puppet = Puppet::new(Own);
    let arguments = process::arguments();
    let mut orders = arguments.as_str().split(';').map(str::trim);
    if !arguments.is_empty() {
        let end = orders.find_map(|order| {
            let (answer, after) = puppet.tell(order);
            match answer {
                Ok(line) => client::println!("{line}"),
                Err(line) => client::println!("error: {line}"),
            }
            follow(after)
        });
        // Who was told everything at once is told nothing more.
        return end.unwrap_or(0);
    }
    listen(&mut puppet)
}

/// Takes order after order; the end's code.
fn listen(puppet: &mut Puppet<Own>) -> i32 {
    let (mut answer, mut pause) = (None, PAUSE.0);
    loop {
        let Some(order) = console::attend(answer.take()) else {
            // Nobody wakes it, so the longer nothing comes the less often it looks.
            if time::sleep(pause).is_err() {
                client::yield_now();
            }
            pause = pause.saturating_mul(2).min(PAUSE.1);
            continue;
        };
        let (line, after) = puppet.tell(order.as_str());
        answer = Some(line);
        pause = PAUSE.0;
        if after != After::Next {
            // The answer first; what comes after it may be the last thing that is done.
            let _ = console::attend(answer.take());
        }
        if let Some(code) = follow(after) {
            return code;
        }
    }
}

/// Does what comes after an answer; the exit code if that is the end.
fn follow(after: After) -> Option<i32> {
    match after {
        After::Next => None,
        After::Exit(code) => Some(code),
        After::Spin => hands::spin(),
        After::Fault => Some(hands::fault()),
    }
}
