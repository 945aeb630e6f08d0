//! `puppet [ORDER; ORDER…]`: does one thing at a time when told to, and answers one line.
//!
//! An ordinary client that holds nothing another would not: whatever it can do, any program can. Without arguments it does
//! what the console's `tell` says. With orders in its arguments, `;` between them, it does those, prints the answers, and
//! ends. `help` says which orders there are.
//!
//! **Never** decides anything: what it tries and what comes of it is for whoever tells it.

#![cfg_attr(target_os = "none", no_std, no_main)]
mod hands;

use client::process;
use client::talk::{self, Listener};
use console_core::puppet::{After, Puppet};

use crate::hands::Own;

client::program!(begin);

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

/// Follows the orders of whoever offers a link; the end's code.
fn listen(puppet: &mut Puppet<Own>) -> i32 {
    let first = match talk::accept(None, u64::MAX) {
        Ok(partner) => partner,
        Err(error) => {
            client::println!("puppet: nobody can tell it anything: {error:?}");
            return 1;
        }
    };
    let mut listener = Listener::default();
    loop {
        let Some((asker, order)) = listener.next_order(first) else {
            continue;
        };
        let (line, after) = puppet.tell(order.text.as_str());
        listener.answer(asker, order.number, line);
        if after != After::Next {
            listener.stay(first);
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
